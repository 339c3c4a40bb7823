"""The last cell of every notebook: hand it in with a button.

hand_in("03_backprop")
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets
from IPython import get_ipython
from IPython.display import display

from chainrule import post
from chainrule.answers import load_answers
from chainrule.colab import in_colab, save_notebook
from chainrule.errors import UserError
from chainrule.submit import LEARNER_VARIABLES, defines, saved_code, submit
from chainrule.units import UnitName, find_unit

PLACE_VARIABLE = "CHAINRULE_SUBMIT_TO"  # what an instructor can set for the whole class
_LOOK: dict[str, Any] = {
    "style": {"description_width": "10em"},
    "layout": {"width": "36em", "max_width": "100%"},
}


def hand_in(unit: str) -> None:
    """Show the fields and the button that hand in this notebook.

    unit: "03", "backprop" or "03_backprop".
    """
    name = find_unit(unit)
    said = (
        f"To hand in: save the notebook, then run `chainrule submit {name.number} --to PLACE` in "
        "a terminal. PLACE is the folder or the address that your instructor named."
    )
    if get_ipython() is None:
        print(said)
        return
    box = _panel(name)
    data = {
        "text/plain": said,
        "text/html": f"<p>{html.escape(said)}</p>",
        "application/vnd.jupyter.widget-view+json": {
            "version_major": 2,
            "version_minor": 0,
            "model_id": box.model_id,
        },
    }
    display(data, raw=True)


def _panel(name: UnitName) -> Any:
    """Where to, who, the token of a service, and the button; the answer stands under them."""
    fields = {
        "to": ipywidgets.Text(description="Folder or address", placeholder="https://...", **_LOOK),
        "learner": ipywidgets.Text(
            description="Your name", placeholder="not needed with a token", **_LOOK
        ),
        "token": ipywidgets.Password(
            description="Your token", placeholder="for an address only", **_LOOK
        ),
    }
    fields["to"].value = os.environ.get(PLACE_VARIABLE, "")
    fields["learner"].value = next(filter(None, map(os.environ.get, LEARNER_VARIABLES)), "")
    button = ipywidgets.Button(description=f"Hand in unit {name.number}", button_style="primary")
    answer = ipywidgets.HTML()

    def clicked(_button: Any) -> None:
        button.disabled = True
        answer.value = _lines(["Handing in ..."])
        try:
            answer.value = _lines(said(name, {key: one.value for key, one in fields.items()}))
        finally:
            button.disabled = False

    button.on_click(clicked)
    return ipywidgets.VBox([*fields.values(), button, answer])


def said(name: UnitName, fields: Mapping[str, str]) -> list[str]:
    """Hand in with what the fields hold; the receipt's lines, or what is wrong.

    fields: "to", "learner" and "token" as they were typed.
    """
    fields = {key: value.strip() for key, value in fields.items()}
    if not fields["to"]:
        return ["Not handed in: say where to. It is what your instructor named for --to."]
    if post.is_address(fields["to"]) and not (
        fields["token"] or os.environ.get(post.TOKEN_VARIABLE)
    ):
        return ["Not handed in: an address needs your token, which your instructor gave you."]
    if fields["token"]:
        os.environ[post.TOKEN_VARIABLE] = fields["token"]
    try:
        if in_colab():
            save_notebook(name)
        if stale := not_saved(name):
            return [
                f"Not handed in: {', '.join(stale)} in the saved file is not what you ran last. "
                "Save the notebook (Ctrl-S, Cmd-S on a Mac), then hand in again."
            ]
        return str(submit(name.folder, fields["to"], fields["learner"] or None)).splitlines()
    except UserError as error:
        return [f"Not handed in: {error}"]


def not_saved(name: UnitName) -> list[str]:
    """The exercises whose newest code, as it was run here, is not in the saved notebook."""
    shell = get_ipython()
    ran = [] if shell is None else list(shell.user_ns.get("In", []))
    symbols = {key: one.symbols for key, one in load_answers(name.name).exercises.items()}
    return differing(ran, saved_code(name), symbols)


def differing(
    ran: Sequence[str], saved: Sequence[str], symbols: Mapping[str, Sequence[str]]
) -> list[str]:
    """The exercises whose last cell that was run is none of those saved.

    ran: the source of every cell run, in order. saved: the source of every code cell of the file.
    symbols: exercise -> the names that its cell defines.
    """
    kept = {source.strip() for source in saved}
    newest: dict[str, str] = {}
    for source in ran:
        for exercise, names in symbols.items():
            if defines(source, names):
                newest[exercise] = source.strip()
    return [exercise for exercise, source in newest.items() if source not in kept]


def _lines(lines: Sequence[str]) -> str:
    return f'<div role="status">{"<br>".join(map(html.escape, lines))}</div>'
