"""Handing in a unit: one notebook, copied whole, with a receipt."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chainrule import exchange, post, progress
from chainrule.answers import Answers, Exercise, load_answers
from chainrule.errors import UserError
from chainrule.folders import course_folder, shown
from chainrule.units import UnitName, find_unit

RECEIPT = "receipt.json"
LEARNER_VARIABLES = ("CHAINRULE_LEARNER", "JUPYTERHUB_USER")
STUB = "YOUR ANSWER HERE"  # what a question's cell holds before anything is written
_LEARNER = re.compile(r"\w[\w.@+-]{0,63}")
_NOT_WRITTEN = re.compile(r"^\s*raise NotImplementedError\b", re.MULTILINE)


class SubmitError(UserError):
    """The notebook was not handed in; the message says why and what to do."""


@dataclass(frozen=True)
class Receipt:
    """Proof of what was handed in and when.

    sha256: of the notebook's bytes. time: UTC, ISO 8601. passed: names of the exercises that the
    learner's own progress file holds as passed; the grader looks for itself. not_written: those
    that the file handed in has as they were given. source and notes are for the learner alone:
    the file that was taken, and what to look at. attempt: which one it is, where a service counts.
    """

    unit: str
    learner: str
    notebook: str
    sha256: str
    time: str
    passed: list[str]
    exercises: int
    not_written: list[str]
    source: str = ""
    notes: list[str] = field(default_factory=list)
    attempt: int | None = None

    def __str__(self) -> str:
        which = self.notebook if self.attempt is None else f"attempt {self.attempt}"
        lines = [
            f"Handed in {self.unit} as {self.learner}: {which}, {self.time}.",
            f"The file: {self.source}.",
            f"Passed by your own checks: {len(self.passed)} of {self.exercises} exercises.",
            f"Receipt: sha256 {self.sha256}",
        ]
        return "\n".join(lines + [f"Note: {note}" for note in self.notes])

    def to_json(self) -> str:
        """What is stored beside the notebook, without what is for the learner alone."""
        own = ("source", "notes", "attempt")
        stored = {k: v for k, v in asdict(self).items() if k not in own}
        return json.dumps(stored, indent=1, ensure_ascii=False) + "\n"


def submit(
    unit: str, to: str | Path, learner: str | None = None, incomplete: bool = False
) -> Receipt:
    """Hand in the unit's notebook, to a folder or to a submission service.

    unit: "03", "backprop" or "03_backprop". Nothing in the notebook is run.
    to: where your instructor says:
        a folder, which must be there: the notebook is copied to `to/<learner>/<unit folder>/`, a
        receipt beside it, and handing in again replaces it;
        a course's folder in nbgrader's exchange, which `nbgrader submit` is run for;
        the address of a service, https://..., which keeps every attempt; your token is in
        CHAINRULE_TOKEN, or you are asked for it;
        the name of a new file, `ada.ipynb`: one file to upload to a learning platform.
    learner: who you are; default: CHAINRULE_LEARNER, your JupyterHub name, or your account's. A
        service knows you by your token.
    incomplete: hand in although the cell of an exercise is missing.

    Raises SubmitError (or UserError for an unknown unit) with one sentence.
    """
    name = find_unit(unit)
    if post.is_address(to):
        service, note = _service(str(to)), list[str]()
        learner = _known_as(service, learner)
    else:
        service, inbox = None, Path() if _is_file(to) else _inbox(to)
        learner, note = _learner(learner)
    answers = load_answers(name.name)
    notebook = find_notebook(name)
    data = _read(notebook)
    cells = _cells(data, notebook)
    if not incomplete:
        _check_whole(cells, answers, notebook)

    not_written = _not_written(cells, answers)
    receipt = Receipt(
        unit=name.folder,
        learner=learner,
        notebook=f"{learner}/{name.folder}/{notebook.name}",
        sha256=hashlib.sha256(data).hexdigest(),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        passed=_passed(name, answers),
        exercises=len(answers.exercises),
        not_written=not_written,
        source=_shown_with_time(notebook),
        notes=[*note, *_unfinished(not_written, _unanswered(cells, answers))],
    )
    if service is not None:
        return _send(service, data, receipt)
    if _is_file(to):
        return _store_one_file(Path(to).expanduser(), data, receipt)
    if exchange.is_course(inbox):
        try:
            user = exchange.hand_in(inbox, name.folder, {notebook.name: data})
        except UserError as error:
            raise SubmitError(str(error)) from None
        return replace(receipt, learner=user, notebook=f"nbgrader's exchange, {shown(inbox)}")
    return _store(inbox / learner / name.folder / notebook.name, data, receipt)


def _store(target: Path, data: bytes, receipt: Receipt) -> Receipt:
    """Write the notebook and its receipt into the instructor's folder."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, data)
        _write(target.with_name(RECEIPT), receipt.to_json().encode())
    except OSError as error:
        raise SubmitError(
            f"{shown(target)} can't be written ({error.strerror or error}). "
            "Is this the folder your instructor named, and may you write there?"
        ) from None
    return receipt


def _is_file(to: str | Path) -> bool:
    return str(to).endswith(".ipynb")


def _store_one_file(target: Path, data: bytes, receipt: Receipt) -> Receipt:
    """Write the notebook under another name, for a platform that wants one file."""
    if target.exists() and target.resolve() == find_notebook(find_unit(receipt.unit)).resolve():
        raise SubmitError(f"{shown(target)} is the notebook itself. Give the copy another name.")
    try:
        _write(target, data)
    except OSError as error:
        raise SubmitError(
            f"{shown(target)} can't be written ({error.strerror or error})."
        ) from None
    note = f"nothing is handed in yet: upload {shown(target)} where your instructor collects it."
    return replace(receipt, notebook=shown(target), notes=[*receipt.notes, note])


def _service(address: str) -> post.ServiceClient:
    """The service, and the token that it knows the learner by."""
    try:
        return post.ServiceClient(post.checked(address), post.find_token())
    except post.ServiceError as error:
        raise SubmitError(str(error)) from None


def _known_as(service: post.ServiceClient, learner: str | None) -> str:
    """Whose token it is."""
    try:
        name = str(service.get_json("me")["name"])
    except post.ServiceError as error:
        raise SubmitError(str(error)) from None
    except (KeyError, TypeError):
        raise SubmitError(f"{service.address} is not a Chainrule service.") from None
    if learner is not None and learner != name:
        raise SubmitError(
            f"Your token is {name}'s, not {learner}'s. Leave out --learner, or use your own token."
        )
    return name


def _send(service: post.ServiceClient, data: bytes, receipt: Receipt) -> Receipt:
    """Hand in over the network; the receipt with what the service says about it."""
    try:
        most = service.get_json("units", receipt.unit)["max_bytes"]
        if len(data) > most:
            raise SubmitError(
                f"The notebook has {len(data) / 2**20:.1f} MB, and the service takes "
                f"{most / 2**20:g}. Clear its outputs (in JupyterLab: Edit, Clear Outputs of All "
                "Cells), save, and hand in again."
            )
        said = service.post("units", receipt.unit, "attempts", data=data)
        number, time, again, late = (said[key] for key in ("attempt", "time", "again", "late"))
    except post.ServiceError as error:
        raise SubmitError(str(error)) from None
    except (KeyError, TypeError):
        raise SubmitError(f"{service.address} is not a Chainrule service.") from None
    if said.get("sha256") != receipt.sha256:
        raise SubmitError("The notebook did not arrive as it was sent. Hand it in again.")
    notes = [*receipt.notes]
    if again:
        notes.append(
            "you handed in exactly this file before, so it is no new attempt. Of several attempts "
            "the last new one counts; to have an older one count, change a word and save."
        )
    if late:
        notes.append("the deadline had passed, so it is late.")
    notes.append(
        f"look at {service.address}/units/{receipt.unit}/attempts/{number} for the result."
    )
    return replace(receipt, time=time, notes=notes, attempt=number)


def _inbox(to: str | Path) -> Path:
    folder = Path(to).expanduser()
    if not str(to).strip():
        raise SubmitError("--to is empty. Give the folder that your instructor named.")
    if folder.exists() and not folder.is_dir():
        raise SubmitError(f"{shown(folder)} is a file. --to needs the folder to hand in to.")
    if not folder.exists():
        raise SubmitError(
            f"There is no folder {shown(folder)}. Is it spelled as your instructor named it? It is "
            "not made for you, because nobody would look there."
        )
    return folder


def _learner(given: str | None) -> tuple[str, list[str]]:
    """Who hands in, and a note when nobody said so."""
    names = [given] if given is not None else [os.environ.get(v) for v in LEARNER_VARIABLES]
    name, note = next((name for name in names if name), None), []
    if name is None and given is None:
        try:
            name = getpass.getuser()
            note = [
                f"{name} is the name of your account on this computer. If your class knows you by "
                "another, hand in again with --learner NAME."
            ]
        except (KeyError, OSError, ImportError):  # a container may run under a nameless user id
            raise SubmitError("Your account has no name. Say who you are with --learner.") from None
    if not name or not _LEARNER.fullmatch(name):
        raise SubmitError(
            f"The learner {name!r} can't name a folder. Use letters, digits and . _ @ + - only, "
            "at most 64, starting with a letter or digit: --learner ada.lovelace"
        )
    return name, note


def find_notebook(unit: UnitName) -> Path:
    """The unit's notebook: here, in its folder here, or in the course around us.

    Raises SubmitError, saying where it was looked for.
    """
    here, file = Path.cwd(), f"{unit.name}.ipynb"
    if here.name == unit.folder:
        places = [here / file]
    else:
        course = course_folder(here) or here
        places = [here / unit.folder / file, here / file, course / unit.folder / file]
    for place in places:
        if place.is_file():
            return place
    looked = " and ".join(dict.fromkeys(shown(place) for place in places))
    raise SubmitError(
        f"There is no notebook of unit {unit.folder}: not in {looked}. Go to the folder that "
        f"holds your {file} and try again."
    )


def _shown_with_time(notebook: Path) -> str:
    saved = datetime.fromtimestamp(notebook.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    return f"{shown(notebook)}, last saved {saved}"


def _read(notebook: Path) -> bytes:
    try:
        return notebook.read_bytes()
    except OSError as error:
        raise SubmitError(f"{shown(notebook)} can't be read ({error.strerror or error}).") from None


def _cells(data: bytes, notebook: Path) -> list[dict[str, Any]]:
    try:
        cells = json.loads(data.decode("utf-8-sig"))["cells"]
    except (ValueError, RecursionError):
        raise SubmitError(
            f"{shown(notebook)} is not a notebook: it is {'not JSON' if data else 'empty'}. "
            "Open it in JupyterLab, save it, and hand in again."
        ) from None
    except (KeyError, TypeError):
        cells = None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise SubmitError(
            f"{shown(notebook)} is not a notebook of today's format: it has no list of cells. "
            "Open it in JupyterLab, save it, and hand in again."
        )
    return cells


def _check_whole(cells: list[dict[str, Any]], answers: Answers, notebook: Path) -> None:
    missing = [name for name, one in answers.exercises.items() if not _sources(cells, one)]
    if missing:
        several = len(missing) > 1
        raise SubmitError(
            f"{shown(notebook)} has lost the cell{'s' * several} of {', '.join(missing)}. "
            f"Bring {'them' if several else 'it'} back (Edit, Undo Cell Operation, or copy from a "
            "fresh notebook), save, and hand in again; --incomplete hands it in as it is."
        )


def _sources(cells: list[dict[str, Any]], exercise: Exercise) -> list[str]:
    """The code cells that carry the exercise's id, or at least define one of its names."""
    names = "|".join(map(re.escape, exercise.symbols))
    assigned = re.compile(rf"^({names})\s*=", re.MULTILINE)
    found = []
    for cell in cells:
        source = _source(cell)
        named = _grade_id(cell) == exercise.name or defines(source, exercise.symbols)
        if cell.get("cell_type") == "code" and (named or assigned.search(source)):
            found.append(source)
    return found


def defines(source: str, symbols: Sequence[str]) -> bool:
    """Whether a cell's source has a function or class of one of these names."""
    names = "|".join(map(re.escape, symbols))
    return bool(re.search(rf"^\s*((async\s+)?def|class)\s+({names})\b", source, re.MULTILINE))


def saved_code(unit: UnitName) -> list[str]:
    """The source of every code cell of the unit's notebook as it is saved. Raises SubmitError."""
    notebook = find_notebook(unit)
    cells = _cells(_read(notebook), notebook)
    return [_source(cell) for cell in cells if cell.get("cell_type") == "code"]


def _not_written(cells: list[dict[str, Any]], answers: Answers) -> list[str]:
    """The exercises whose cells are all as they were given, or were only begun."""
    return [
        name
        for name, exercise in answers.exercises.items()
        if (sources := _sources(cells, exercise)) and all(map(_NOT_WRITTEN.search, sources))
    ]


def _unanswered(cells: list[dict[str, Any]], answers: Answers) -> list[str]:
    """The questions, with their points, in whose cell nothing was written."""
    written = {_grade_id(cell) for cell in cells if _source(cell).replace(STUB, "").strip()}
    return [f"{q.name} ({q.points:g} points)" for q in answers.questions if q.name not in written]


def _unfinished(not_written: list[str], unanswered: list[str]) -> list[str]:
    """What the saved file does not hold, as sentences."""
    said = []
    if not_written:
        said.append(
            f"the saved file still has `raise NotImplementedError` in {', '.join(not_written)}. If "
            "you wrote more than that, save the notebook and hand in again."
        )
    if unanswered:
        said.append(f"the saved file has no answer in the cell of {', '.join(unanswered)}.")
    return said


def _grade_id(cell: dict[str, Any]) -> Any:
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def _passed(unit: UnitName, answers: Answers) -> list[str]:
    scores = progress.load().get(unit.folder, {})
    return [name for name in answers.exercises if name in scores and scores[name].passed]


def _write(path: Path, data: bytes) -> None:
    """Write beside the file, then rename: a grader never meets half a notebook."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
