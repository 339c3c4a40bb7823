"""`chainrule build`: make course/ from solutions/, prove the checks, check that nothing differs."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat import NotebookNode
from rich.console import Console
from rich.table import Table

from autograde.answer_key import AnswerKey, make_answers
from autograde.build.execute import Executed, execute
from autograde.build.notebooks import notebook_text, plain_notebook, released_notebook
from autograde.build.proofs import TITLES, Proof, Subject, prove, prove_now, source_digest
from autograde.build.syllabus import syllabus_text
from autograde.cohort.class_folder import write_atomically
from autograde.unit import SourceError, Unit, all_units, load_unit
from chainrule.answers import answers_to_json
from chainrule.compare import Close
from chainrule.observe import freeze

console = Console(highlight=False)

COMMAND_LINE = ("__main__.py", "cli.py", "commands.py")  # no notebook imports these

SHARED = ("answers", "compare", "observe", "steady", "verdict")  # what every unit's checks use
IMPORTED = re.compile(r"^\s*(?:from|import) chainrule\.(\w+(?:\.\w+)*)", re.MULTILINE)


def build_units(
    root: Path, names: Sequence[str], check: bool, measure: bool, fresh: bool = False
) -> int:
    """Build the named units (all when none is named). Returns the exit code: 1 when a proof
    fails or, with `check`, when a tracked file is not what a build makes."""
    units = [load_unit(root, name) for name in names] or all_units(root)
    if not units:
        raise SourceError(f"There are no units in {root / 'solutions'}.")
    failures: list[str] = []
    proofs: dict[str, list[Proof]] = {}
    for unit in units:
        try:
            with console.status(f"{unit.name.folder}: building"):
                executed = None
                if check:
                    failures += check_unit(unit)
                else:
                    executed = build_unit(unit)
                if check or measure:
                    proofs[unit.name.folder] = prove_unit(unit, measure, fresh, executed)
        except SourceError as error:
            failures.append(str(error))
    try:
        failures += finish_readme(root, check)
    except SourceError as error:
        failures.append(str(error))
    for sentences in proofs.values():
        failures += [sentence for proof in sentences for sentence in proof.failures]
    if proofs:
        show_proofs(proofs)
    for sentence in dict.fromkeys(failures):  # a unit that can't be read fails the table too
        console.print(sentence, markup=False, soft_wrap=True)
    if not failures:
        done = "checked: nothing is wrong" if check else "built"
        console.print(f"{len(units)} unit{'s' * (len(units) > 1)} {done}.")
        if not check and not measure:
            console.print("Nothing was proved; `chainrule build UNIT --measure` proves a unit.")
    return 1 if failures else 0


def build_unit(unit: Unit) -> Executed | None:
    """Write answers, released notebook and executed solution, each only when it changes.

    Returns the run of the solved notebook if there had to be one.
    """
    write_answers(unit)
    write_if_changed(unit.released, released_notebook(unit))
    digest = outputs_digest(unit)
    if _stored(unit.solved).get("source") == digest:
        return None
    executed = run_solved(unit)
    executed.notebook.metadata.chainrule["source"] = digest
    write_if_changed(unit.solved, notebook_text(executed.notebook))
    return executed


def write_answers(unit: Unit) -> None:
    text = answers_to_json(make_answers(AnswerKey(unit)))
    if not same_json(text, _read(unit.answers)):
        write_if_changed(unit.answers, text)


def check_unit(unit: Unit) -> list[str]:
    """Sentences about tracked files that a build would change."""
    folder, again = unit.name.folder, "Run `chainrule build` and commit what it writes."
    wrong = []
    if not same_json(answers_to_json(make_answers(AnswerKey(unit))), _read(unit.answers)):
        wrong.append(f"{folder}: {unit.answers.name} is not what its sources give. {again}")
    if _read(unit.released) != released_notebook(unit):
        wrong.append(f"{folder}: the released notebook is not what its source gives. {again}")
    if _stored(unit.solved).get("source") != outputs_digest(unit):
        wrong.append(f"{folder}: the executed solution is of another source. {again}")
    return wrong


def prove_unit(
    unit: Unit, measure: bool, fresh: bool, executed: Executed | None = None
) -> list[Proof]:
    """The ten proofs; those that nothing has changed for are taken from the record or the cache.

    executed: a run of the solved notebook as it is now, if there is one.
    """
    cache = unit.root / ".cache" / "proofs" / f"{unit.name.folder}.json"
    digest = everything_digest(unit)
    if not measure and not fresh and (kept := _cached(cache, digest)):
        return kept
    measured = json.loads(_read(unit.measured) or "{}")
    subject = Subject(unit, nbformat.reads(_read(unit.released), as_version=4), measured)
    recorded = measured.get("proved", {})
    if not measure and not fresh and recorded.get("digest") == proofs_digest(unit):
        proofs = [Proof(number, [], recorded=True) for number in TITLES]
        for proof in prove_now(subject):
            proofs[proof.number - 1] = proof
        proofs[2].notes = recorded["mutants"]
    else:
        subject.executed = executed or run_solved(unit)
        if measure:
            subject.measured = record_measurement(subject)
        proofs = list(prove(subject))
        proofs[6].failures += compare_outputs(unit, subject.executed.notebook)
    if all(proof.passed for proof in proofs):
        if measure:
            record_proofs(unit, proofs[2].notes)
        stored = [{"number": p.number, "notes": p.notes, "recorded": p.recorded} for p in proofs]
        write_atomically(cache, json.dumps({"digest": everything_digest(unit), "proofs": stored}))
    return proofs


def record_proofs(unit: Unit, mutants: list[str]) -> None:
    """Add to the tracked record that all ten proofs hold, and of what."""
    record = json.loads(_read(unit.measured))
    record["proved"] = {"digest": proofs_digest(unit), "mutants": mutants}
    write_if_changed(unit.measured, json.dumps(record, indent=1) + "\n")


def outputs_digest(unit: Unit) -> str:
    """A hash of what the solved notebook's outputs depend on: its text and the learner package."""
    package = unit.package.parent
    paths = [path for path in package.glob("*.py") if path.name not in COMMAND_LINE]
    paths += [*unit.package.glob("*.py"), *package.glob("data/*.py")]
    digest = hashlib.sha256(source_digest(unit).encode())
    for path in [*sorted(paths), unit.answers]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def run_solved(unit: Unit) -> Executed:
    with tempfile.TemporaryDirectory() as scratch:
        notebook = plain_notebook(unit)
        return execute(notebook, Path(scratch), unit.name.folder)


def compare_outputs(unit: Unit, executed: NotebookNode) -> list[str]:
    """The tracked solution's marked outputs against this run's."""
    tracked = nbformat.reads(_read(unit.solved), as_version=4)
    wrong = []
    for old, new in zip(tracked.cells, executed.cells, strict=False):
        marked = "nbval-check-output" in new.metadata.get("tags", [])
        if marked and _texts(old) != _texts(new):
            wrong.append(
                f"{unit.name.folder}: the output of `{new.source.splitlines()[0]}` is no longer "
                "the tracked one. If it is right now, delete the executed notebook and build."
            )
    return wrong


def _texts(cell: NotebookNode) -> list[str]:
    outputs = cell.get("outputs", [])
    return [o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs]


def record_measurement(subject: Subject) -> dict[str, Any]:
    """Write the tracked record of time, memory and milestones."""
    texts = [text for cell in subject.run.notebook.cells for text in _texts(cell)]
    lines = [line for text in texts for line in text.splitlines()]
    record = {
        "generated": "by `chainrule build --measure`; do not edit",
        "source": source_digest(subject.unit),
        "seconds": subject.run.seconds,
        "peak_mb": subject.run.peak_mb,
        "graded_seconds": round(subject.graded["solved"].seconds, 2),
        "milestones": [ln.split(":", 1)[1].strip() for ln in lines if ln.startswith("Milestone:")],
        "machine": f"{os.cpu_count()} CPU cores, Python {platform.python_version()}, "
        f"NumPy {np.__version__}",
    }
    write_if_changed(subject.unit.measured, json.dumps(record, indent=1) + "\n")
    return record


def finish_readme(root: Path, check: bool) -> list[str]:
    """course/README.md, from every unit on the clone."""
    path, text = root / "course" / "README.md", syllabus_text(all_units(root))
    if _read(path) == text:
        return []
    if check:
        return ["course/README.md is not what the units give. Run `chainrule build` and commit it."]
    write_if_changed(path, text)
    return []


def show_proofs(proofs: dict[str, list[Proof]]) -> None:
    table = Table(title="Proofs", title_justify="left")
    table.add_column("")
    for number in TITLES:
        table.add_column(str(number), justify="center")
    for folder, unit in proofs.items():
        table.add_row(folder, *(proof.state for proof in unit))
    console.print(table)
    for number, title in TITLES.items():
        console.print(f"{number:>3}  {title}")
    if any(proof.recorded for unit in proofs.values() for proof in unit):
        console.print(
            "rec: it held when the unit was measured; since then neither the unit nor what "
            "draws, judges and proves has changed. `make proofs` proves everything again.",
            soft_wrap=True,
        )
    for folder, unit in proofs.items():
        console.print(f"Mutants killed in {folder}: {', '.join(unit[2].notes)}", soft_wrap=True)


def proofs_digest(unit: Unit) -> str:
    """A hash of what decides whether the proofs hold: the unit, and what draws, judges and proves.

    Whether the sandbox and the grader work is for proof 1, and a solution in another unit's
    package for proof 5: both are made every time. A function of another unit that answers an
    exercise (proof 9) only `make proofs` sees.
    """
    learner, ours = unit.package.parent, unit.root / "autograde"
    paths = [unit.source, unit.source.with_name("exercises.py"), unit.released, unit.answers]
    paths += [*sorted(unit.package.glob("*.py")), *borrowed(unit)]
    paths += [learner / f"{name}.py" for name in SHARED]
    paths += [ours / f"{name}.py" for name in ("answer_key", "declare", "unit")]
    paths += sorted((ours / "judge").glob("*.py"))
    paths += [ours / "build" / f"{name}.py" for name in ("cheats", "mutants", "proofs", "trials")]
    return _hash_of(paths)[:16]


def borrowed(unit: Unit) -> list[Path]:
    """The modules of other units' packages that this one's import, directly or by way of others."""
    package = unit.package.parent
    found: set[Path] = set()
    todo = list(unit.package.glob("*.py"))
    while todo:
        text = todo.pop().read_text("utf-8")
        for name in re.findall(
            r"^\s*(?:from|import) chainrule\.(\w+(?:\.\w+)*)", text, re.MULTILINE
        ):
            path = package.joinpath(*name.split(".")).with_suffix(".py")
            if path.parent not in (package, unit.package) and path.exists() and path not in found:
                found.add(path)
                todo.append(path)
    return sorted(found)


def everything_digest(unit: Unit) -> str:
    """A hash of all that the proofs of a unit depend on."""
    paths = [unit.source, unit.source.with_name("exercises.py"), unit.solved, unit.measured]
    paths += [unit.released, unit.answers, unit.root / "constraints.txt"]
    for folder in (unit.root / "autograde", unit.root / "course" / "chainrule"):
        paths += sorted(folder.rglob("*.py"))
    return _hash_of(paths)


def _hash_of(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes() if path.exists() else b"missing")
    return digest.hexdigest()


def _cached(cache: Path, digest: str) -> list[Proof]:
    try:
        stored = json.loads(cache.read_text("utf-8"))
        if stored["digest"] != digest:
            return []
        return [Proof(p["number"], [], p["notes"], p["recorded"]) for p in stored["proofs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def same_json(one: str, other: str) -> bool:
    """Whether two answer files say the same, numbers within the tolerance of float64.

    Two machines may round the last digit of a sum differently, which must not change a file.
    """
    try:
        a, b = json.loads(one), json.loads(other)
    except ValueError:
        return False
    return not Close().between(freeze(a), freeze(b))


def write_if_changed(path: Path, text: str) -> None:
    if _read(path) != text:
        write_atomically(path, text)
        console.print(f"wrote {path}", soft_wrap=True)


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _stored(path: Path) -> dict[str, Any]:
    try:
        return json.loads(_read(path))["metadata"]["chainrule"]
    except (ValueError, KeyError):
        return {}
