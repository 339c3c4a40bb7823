"""What an author writes in `solutions/NN_name/exercises.py`.

    @exercise(points=3, compare=close(), hints=["What must sigmoid(0) be?"])
    def sigmoid(rng):
        yield case("the example", np.array([0.0, 2.0]))
        yield case("a vector", rng.normal(size=5))

    @sigmoid.mistake("You have exp(z) where exp(-z) belongs: the curve falls instead of rising.")
    def sigmoid(z):
        return 1 / (1 + np.exp(z))

The right answer is not written here: it is the solution cell of the unit's notebook.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograde.sandbox.model import Limits, known_limits
from chainrule.compare import ByDistribution, ByLaw, Close, Comparator

CaseSource = Callable[[np.random.Generator], Iterator["Given"]]


@dataclass(frozen=True)
class Given:
    """The inputs of one case, before anything has answered it."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    weight: float


@dataclass(frozen=True)
class Variant:
    """Another text for an exercise's cell: a mistake, or an answer written differently.

    says: the sentence that helps (mistake) or what is different (alternative).
    source: the whole cell; or None, and then `replace` edits the solution's cell.
    """

    says: str
    source: str | None = None
    replace: tuple[str, str] | None = None

    def apply(self, solution: str) -> str:
        """The cell's text. Raises ValueError when `replace` does not fit exactly once."""
        if self.replace is None:
            assert self.source is not None
            return self.source
        before, after = self.replace
        if solution.count(before) != 1:
            raise ValueError(
                f"{before!r} occurs {solution.count(before)} times in the solution; it must occur "
                f"exactly once ({self.says})"
            )
        return solution.replace(before, after)


@dataclass
class ExerciseDeclaration:
    """One exercise as its author declared it."""

    name: str
    points: float
    cases: CaseSource
    compare: Comparator
    symbols: list[str]
    uses: list[str]
    hints: list[str]
    mistakes: list[Variant] = field(default_factory=list)
    alternatives: list[Variant] = field(default_factory=list)
    equivalents: list[tuple[str, str, str]] = field(default_factory=list)

    def mistake(self, says: str, replace: tuple[str, str] | None = None) -> Any:
        """A wrong answer and the sentence that helps: a decorator, or an edit by `replace`."""
        return self._variant(self.mistakes, says, replace)

    def alternative(self, says: str, replace: tuple[str, str] | None = None) -> Any:
        """A right answer written differently: a decorator, or an edit by `replace`."""
        return self._variant(self.alternatives, says, replace)

    def equivalent(self, before: str, after: str, why: str) -> ExerciseDeclaration:
        """A mutation of the solution, `before` to `after`, that changes nothing, and why."""
        self.equivalents.append((before, after, why))
        return self

    def _variant(self, to: list[Variant], says: str, replace: tuple[str, str] | None) -> Any:
        if replace is not None:
            to.append(Variant(says, replace=replace))
            return self

        def declare(written: Any) -> ExerciseDeclaration:
            to.append(Variant(says, source=undecorated(written)))
            return self

        return declare


@dataclass(frozen=True)
class QuestionDeclaration:
    name: str
    points: float


@dataclass
class UnitDeclaration:
    """Everything one exercises.py declares."""

    title: str = ""
    packages: list[str] = field(default_factory=list)
    limits: dict[str, float] = field(default_factory=dict)
    exercises: dict[str, ExerciseDeclaration] = field(default_factory=dict)
    questions: list[QuestionDeclaration] = field(default_factory=list)


_current = UnitDeclaration()


def start_unit() -> UnitDeclaration:
    """Begin collecting what the next exercises.py declares."""
    global _current
    _current = UnitDeclaration()
    return _current


def unit(
    title: str, packages: Sequence[str] = (), limits: Mapping[str, float] | None = None
) -> None:
    """Name the unit; `packages` are what graded code may import beyond the course's own.

    limits: budgets for this unit, by the names in `autograde.sandbox.Limits`:
    `{"cell_seconds": 20}`. Raises ValueError for a budget that there isn't or can't be.
    """
    Limits(**known_limits(limits or {}))
    _current.title, _current.packages = title, list(packages)
    _current.limits = dict(limits or {})


def exercise(
    points: float,
    compare: Comparator,
    uses: Sequence[str] = (),
    hints: Sequence[str] = (),
    symbols: Sequence[str] = (),
    minutes: int = 10,
) -> Callable[[CaseSource], ExerciseDeclaration]:
    """Declare an exercise; the decorated function yields its cases, easiest first."""

    def declare(cases: CaseSource) -> ExerciseDeclaration:
        name = cases.__name__
        if name in _current.exercises:
            raise ValueError(f"exercise {name} is declared twice")
        declared = ExerciseDeclaration(
            name, points, cases, compare, list(symbols) or [name], list(uses), list(hints)
        )
        _current.exercises[name] = declared
        return declared

    return declare


def question(name: str, points: float) -> None:
    """Declare a question that a person grades by hand."""
    _current.questions.append(QuestionDeclaration(name, points))


def case(name: str, /, *args: Any, weight: float = 1, **kwargs: Any) -> Given:
    """One case: call the work with these arguments; the name says what it isolates."""
    return Given(name, list(args), kwargs, weight)


def close(rtol: float | None = None, exact_dtype: bool = False) -> Comparator:
    """Equal to the solution's result, within the tolerance of its dtype."""
    return Close(rtol, exact_dtype)


def law(fn: Callable[..., str | None]) -> Comparator:
    """Right when `fn(args, kwargs, observed)` returns None; fn lives in chainrule.<unit>.laws."""
    return ByLaw(fn)


def distribution(test: Callable[..., float]) -> Comparator:
    """Right unless `test(args, kwargs, observed)` returns a p-value below 1e-6."""
    return ByDistribution(test)


def undecorated(written: Any) -> str:
    """The source of a function or class without its decorators."""
    if inspect.isclass(written):
        return _class_source(written)
    source = textwrap.dedent(inspect.getsource(written))
    definition = ast.parse(source).body[0]
    return "\n".join(source.splitlines()[definition.lineno - 1 :]) + "\n"


def _class_source(written: type) -> str:
    """inspect finds a class by name, and a file of mistakes has many of one name: go by line."""
    methods = [value for value in vars(written).values() if inspect.isfunction(value)]
    if not methods:
        raise ValueError(f"the class {written.__name__} has no methods to find it by")
    line = methods[0].__code__.co_firstlineno
    source = open(inspect.getfile(written), encoding="utf-8").read()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and node.lineno <= line <= (node.end_lineno or 0):
            return "\n".join(source.splitlines()[node.lineno - 1 : node.end_lineno]) + "\n"
    raise ValueError(f"the class {written.__name__} is not at the top of its file")
