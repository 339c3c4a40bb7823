"""A small unit and records made by hand: every status, and hostile names and outputs."""

import nbformat
import pytest

from autograde.cohort.results import (
    BLOCKED,
    GRADED,
    MISSING,
    QUARANTINED,
    UNGRADED,
    WAITS,
    CaseResult,
    ExerciseResult,
    Record,
)
from chainrule.answers import Answers, Draw, Exercise, Question
from chainrule.compare import Close
from chainrule.units import UnitName

POINTS = {"relu": 2, "layer": 3, "loss": 4}


def exercise(name: str, points: float) -> Exercise:
    return Exercise(
        name=name,
        points=points,
        symbols=[name],
        compare=Close(),
        uses=[],
        hints=[],
        section="",
        version="1",
        public=Draw([]),
    )


@pytest.fixture
def unit() -> Answers:
    exercises = {name: exercise(name, points) for name, points in POINTS.items()}
    return Answers(UnitName("02", "layers"), "How deep?", exercises, [Question("why", 1)])


@pytest.fixture
def result():
    """result("relu", 1.5, mistake=...): one graded exercise with two cases."""

    def make(name: str, score: float | None, status: str = GRADED, **more) -> ExerciseResult:
        most = POINTS.get(name, 1)
        right = score == most
        cases = (
            CaseResult("the example", 0, True),
            CaseResult("a vector", 1, bool(score)),
            CaseResult("a table", 1, right, "" if right else "Your result has shape (5, 1)."),
        )
        more.setdefault("cases", cases if status in (GRADED, BLOCKED) and name in POINTS else ())
        return ExerciseResult(name, score, most, status, **more)

    return make


@pytest.fixture
def record(result):
    """record("ada", relu=2, layer=1.5, loss=0): a learner by points; results are taken as given.

    An exercise left out is full; the question waits unless it is given.
    """

    def make(learner: str, /, why=None, more=None, **given) -> Record:
        results = []
        for name in POINTS:
            one = given.get(name, POINTS[name])
            results.append(one if isinstance(one, ExerciseResult) else result(name, one))
        if why is None:
            results.append(result("why", None, UNGRADED, reason=WAITS))
        else:
            results.append(result("why", why, GRADED))
        return Record(learner, "02_layers", "ab" * 32, {}, tuple(results), **(more or {}))

    return make


@pytest.fixture
def whole(result):
    """whole("eve", None, QUARANTINED, "why"): the same for every exercise."""

    def make(learner: str, score: float | None, status: str, reason: str) -> Record:
        names = [*POINTS, "why"]
        results = tuple(result(n, score, status, reason=reason, cases=()) for n in names)
        return Record(learner, "02_layers", "", {}, results, reason=reason)

    return make


@pytest.fixture
def every_status(record, result, whole) -> list[Record]:
    """One learner of each kind, in no order."""
    return [
        whole("quentin", None, QUARANTINED, "The file is empty."),
        record("ada", why=1),
        record("ben"),
        record(
            "cleo",
            relu=result("relu", 1, mistake="You clip at one."),
            layer=result("layer", 0, BLOCKED, blocked_by="relu"),
            loss=result("loss", 0, MISSING),
            why=0.5,
            more={"repairs": ("The check of relu was put back.",), "limits_hit": ("Too slow.",)},
        ),
        whole("ulla", None, UNGRADED, "the sandbox died"),
        whole("nobody", 0, MISSING, "nothing was handed in"),
        record("omar", layer=result("layer", None, UNGRADED, reason="no reply"), why=1),
    ]


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    """What intake hands over: a cell for each exercise and one for the question."""
    cells = [nbformat.v4.new_markdown_cell("# How *deep*?\n\n$w \\cdot x$", id="markdown-1")]
    for name in POINTS:
        cell = nbformat.v4.new_code_cell(f"def {name}(x):\n    return x", id=f"exercise-{name}")
        cell.metadata = nbformat.from_dict({"chainrule": {"exercise": name}})
        cells.append(cell)
    answer = nbformat.v4.new_markdown_cell("Because.", id="question-why")
    answer.metadata = nbformat.from_dict({"chainrule": {"question": "why"}})
    return nbformat.v4.new_notebook(cells=[*cells, answer])
