"""Interactive pictures: sliders that redraw a figure, and what stands in where none can run.

    explore(
        draw,                                    # draw(bias=...) -> a new matplotlib figure
        describe,                                # describe(bias=...) -> a sentence about it
        {"bias": Slider("Bias b", -3, 3, 0)},
        examples=[{"bias": -3}, {"bias": 0}, {"bias": 3}],
    )

The sentence is the picture's alt text and stands under it. On GitHub, in a saved page and in
any viewer without widgets, the first picture and a table of the examples are shown instead.
"""

from __future__ import annotations

import asyncio
import base64
import html
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
from IPython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure

from chainrule import plot

SECONDS_BETWEEN_DRAWINGS = 0.1

Draw = Callable[..., Figure]
Describe = Callable[..., str]


@dataclass(frozen=True)
class Slider:
    """A number the reader can move; whole numbers when the three bounds and start are ints."""

    label: str
    low: float
    high: float
    start: float
    step: float | None = None

    def widget(self) -> Any:
        numbers = (self.low, self.high, self.start, self.step or 1)
        whole = all(isinstance(number, int) for number in numbers)
        kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
        step = self.step or (1 if whole else (self.high - self.low) / 100)
        return kind(
            value=self.start,
            min=self.low,
            max=self.high,
            step=step,
            description=self.label,
            **_LOOK,
        )

    def text(self, value: Any) -> str:
        return f"{value:g}"


@dataclass(frozen=True)
class Choice:
    """One of a few options: `options` maps what is shown to the value; `start` is a value."""

    label: str
    options: Mapping[str, Any]
    start: Any

    def widget(self) -> Any:
        return ipywidgets.Dropdown(
            options=list(self.options.items()), value=self.start, description=self.label, **_LOOK
        )

    def text(self, value: Any) -> str:
        return next(shown for shown, option in self.options.items() if option == value)


_LOOK: dict[str, Any] = {
    "style": {"description_width": "12em"},
    "layout": {"width": "32em", "max_width": "100%"},
}

Control = Slider | Choice


def explore(
    draw: Draw,
    describe: Describe,
    controls: Mapping[str, Control],
    examples: Sequence[Mapping[str, Any]],
) -> None:
    """Show sliders above a picture that follows them.

    draw: called with one keyword argument per control, returns a new figure; takes < 200 ms.
    describe: called the same way, returns the sentence that says what the figure shows.
    controls: argument name -> Slider or Choice.
    examples: settings for the table of the static stand-in; what one leaves out starts as the
        controls do.

    An error in the first drawing is raised; one while a slider moves is shown under it.
    """
    start = {name: control.start for name, control in controls.items()}
    encoded, picture = _picture(draw, describe, start)
    header, rows = _table(describe, controls, [{**start, **example} for example in examples])
    alt = describe(**start)
    lines = [f"[Figure] {alt}", "", *(" | ".join(row) for row in [header, *rows])]
    data: dict[str, Any] = {
        "text/html": picture + table_html(header, rows),
        "image/png": encoded,
        "text/plain": "\n".join(lines),
    }
    if get_ipython() is None:  # a plain script
        print(data["text/plain"])
        return
    box = _live(draw, describe, controls, picture)
    data["application/vnd.jupyter.widget-view+json"] = {
        "version_major": 2,
        "version_minor": 0,
        "model_id": box.model_id,
    }
    display(data, metadata={"image/png": {"alt": alt}}, raw=True)


def _live(draw: Draw, describe: Describe, controls: Mapping[str, Control], first: str) -> Any:
    """The widget: one row per control, then the picture with its sentence."""
    moved = {name: control.widget() for name, control in controls.items()}
    picture = ipywidgets.HTML(value=first)

    def redraw() -> None:
        values = {name: widget.value for name, widget in moved.items()}
        try:
            picture.value = _picture(draw, describe, values)[1]
        except Exception as error:
            picture.value = _error(error)

    request = throttle(redraw, SECONDS_BETWEEN_DRAWINGS)
    for widget in moved.values():
        widget.observe(lambda _change: request(), names="value")
    return ipywidgets.VBox([*moved.values(), picture])


def throttle(action: Callable[[], None], seconds: float) -> Callable[[], None]:
    """An action that runs at once, then at most every `seconds`; the last call always counts.

    A dragged slider sends dozens of values; without this, the picture would lag behind the hand.
    """
    ready_at = 0.0
    waiting = False

    def run() -> None:
        nonlocal ready_at, waiting
        waiting = False
        action()
        ready_at = time.monotonic() + seconds

    def request() -> None:
        nonlocal waiting
        if waiting:
            return
        wait = ready_at - time.monotonic()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no event loop to come back from: draw now
            wait = 0
        if wait <= 0:
            run()
        else:
            waiting = True
            loop.call_later(wait, run)

    return request


def _table(
    describe: Describe, controls: Mapping[str, Control], settings: Sequence[Mapping[str, Any]]
) -> tuple[list[str], list[list[str]]]:
    """The stand-in's table, (header, rows): each setting and what it does."""
    header = [control.label for control in controls.values()] + ["What happens"]
    rows = [
        [control.text(values[name]) for name, control in controls.items()] + [describe(**values)]
        for values in settings
    ]
    return header, rows


def _picture(draw: Draw, describe: Describe, values: Mapping[str, Any]) -> tuple[str, str]:
    """(base64 PNG, HTML) of one drawing with its sentence under it."""
    alt = describe(**values)
    encoded = base64.b64encode(plot.png(draw(**values), alt)).decode("ascii")
    sentence = f'<p role="status" style="margin:.2em 0 .6em">{html.escape(alt)}</p>'
    return encoded, plot.image_tag(encoded, alt) + sentence


def _error(error: Exception) -> str:
    said = (
        f"Your function raised {type(error).__name__}: {error}. "
        "Run its check above, mend it, then run this cell again."
    )
    return f'<p role="status"><b>{html.escape(said)}</b></p>'


def table_html(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A small HTML table with a header row."""
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
