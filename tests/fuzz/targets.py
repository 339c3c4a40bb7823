"""What fuzzers throw bytes at. Each target takes any bytes and may raise nothing but a defect."""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgpack
import nbformat
import numpy as np
from nbformat import NotebookNode

from autograde.intake import Quarantined, find_submissions, take_in
from autograde.sandbox.outputs import nbformat_outputs
from chainrule.answers import Answers, read_answers
from chainrule.compare import Close
from chainrule.errors import UserError
from chainrule.observe import Raised, from_json, pack, to_json, unpack
from chainrule.units import parse_folder

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = [
    1.0,
    3,
    True,
    "text",
    None,
    b"x",
    np.zeros(3),
    [1.0, np.ones(2)],
    {"a": 1.0},
    Raised("ValueError", ""),
]


def decoder(data: bytes) -> None:
    """An observation: refused with ValueError, or read, compared and written again."""
    try:
        value = unpack(data)
    except ValueError:
        return
    for expected in EXPECTED:
        said = Close().difference(Expected(expected), value)
        assert said is None or isinstance(said, str)
    assert repr(from_json(json.loads(json.dumps(to_json(value), allow_nan=False)))) == repr(value)
    unpack(pack(value))


@dataclass(frozen=True)
class Expected:
    """As much of a case as a comparison needs."""

    expected: Any


def intake(data: bytes) -> None:
    """A submitted file: quarantined with one line, or rebuilt to a whole notebook."""
    release, answers = released()
    try:
        taken = take_in(data, release, answers)
    except Quarantined as reason:
        assert str(reason) and "\n" not in str(reason)
        return
    nbformat.validate(taken.notebook)
    nbformat.writes(taken.notebook).encode()
    checks = [cell.exercise for cell in taken.cells if cell.exercise]
    assert checks == list(answers.exercises)


def archive(data: bytes) -> None:
    """A zip file of a class: a sentence, or submissions with usable names."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "class.zip")
        path.write_bytes(data)
        unit = parse_folder("01_neuron")
        assert unit is not None
        try:
            found = find_submissions(path, unit, Path(folder, "scratch"))
        except UserError as error:
            assert str(error)
            return
        for submission in found:
            assert submission.learner.isprintable() and "/" not in submission.learner
            assert not submission.learner.startswith(".")
            assert len(submission.learner.encode()) < 200
            assert submission.path.resolve().is_relative_to(folder)


def outputs(data: bytes) -> None:
    """What a child says a cell printed."""
    try:
        report = msgpack.unpackb(data[:100_000], max_ext_len=0)
    except Exception:  # as `Channel.receive` does
        return
    json.dumps(nbformat_outputs(report, 1000))


@cache
def released() -> tuple[NotebookNode, Answers]:
    unit = ROOT / "course/01_neuron/neuron.ipynb"
    return nbformat.read(unit, as_version=4), read_answers(
        ROOT / "course/chainrule/neuron/answers.json"
    )


TARGETS = {"decoder": decoder, "intake": intake, "archive": archive, "outputs": outputs}


def main() -> None:
    """`python -m tests.fuzz.targets decoder -max_total_time=60`: fuzz one target with atheris."""
    import atheris

    target = TARGETS[sys.argv[1]]
    for name, module in list(sys.modules.items()):  # all of it would take minutes
        if name.startswith(("chainrule.observe", "chainrule.compare", "autograde.intake")):
            for function in filter(inspect.isfunction, vars(module).values()):
                atheris.instrument_func(function)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
