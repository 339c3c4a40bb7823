"""`check.sigmoid(sigmoid)`: run the public cases of an exercise and explain the result.

In a notebook the explanation is shown as HTML, elsewhere as text. The value is the points
earned, which is what nbgrader reads from a test cell; the exception is raised only when
nothing was earned.
"""

from __future__ import annotations

import contextlib
import difflib
import html
import importlib
import io
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from chainrule import progress
from chainrule.answers import Answers, Exercise, load_answers
from chainrule.observe import observe
from chainrule.verdict import BLOCKED, FAILED, MISSING, PASSED, Verdict, judge


class CheckFailed(Exception):
    """Nothing was earned. The explanation stands above the exception, so this is one line."""

    def _render_traceback_(self) -> list[str]:  # IPython shows this instead of a traceback
        return [f"CheckFailed: {self}"]


class Check:
    """The checks of one unit: an attribute for each exercise."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._loaded: Answers | None = None
        self._checks: dict[str, ExerciseCheck] = {}

    @property
    def _answers(self) -> Answers:
        if self._loaded is None:
            self._loaded = load_answers(self._unit)
        return self._loaded

    def __getattr__(self, name: str) -> ExerciseCheck:
        if name.startswith("_"):
            raise AttributeError(name)
        exercises = self._answers.exercises
        if name not in exercises:
            near = difflib.get_close_matches(name, exercises, n=1, cutoff=0)
            raise AttributeError(
                f"Unit {self._unit} has no exercise called {name}. Did you mean "
                f"check.{near[0]}? Its exercises: {', '.join(exercises)}."
            )
        if name not in self._checks:
            self._checks[name] = ExerciseCheck(self, exercises[name])
        return self._checks[name]

    def __dir__(self) -> list[str]:
        return list(self._answers.exercises)

    def _not_passed(self) -> dict[str, str]:
        """The exercises whose last check in this session did not earn full points, each with the
        one to mend for it."""
        last = {name: check.last for name, check in self._checks.items()}
        return {
            name: verdict.blocked_by or name
            for name, verdict in last.items()
            if verdict and verdict.status != PASSED
        }


class ExerciseCheck:
    """Checks one exercise when called with what the learner wrote."""

    def __init__(self, unit: Check, exercise: Exercise) -> None:
        self._unit = unit
        self._exercise = exercise
        self._hints_shown = 0
        self.last: Verdict | None = None

    def __call__(self, *work: Any) -> float:
        """Check `work` (one argument for each symbol), show the result, return the points.

        Raises CheckFailed when no points were earned, and TypeError for a wrong number of
        arguments.
        """
        verdict = self.judge(*work)
        self.last = verdict
        answers = self._unit._answers
        progress.record(answers.unit.folder, verdict.exercise, verdict.points, verdict.max_points)
        _show(_as_text(verdict, self._exercise), _as_html(verdict, self._exercise))
        if not verdict.points:
            raise CheckFailed(_headline(verdict))
        return verdict.points

    def judge(self, *work: Any) -> Verdict:
        """The verdict on `work`, without showing or recording anything."""
        symbols = self._exercise.symbols
        if len(work) != len(symbols):
            raise TypeError(
                f"check.{self._exercise.name} takes {len(symbols)} argument"
                f"{'s' * (len(symbols) > 1)}: check.{self._exercise.name}({', '.join(symbols)})"
            )
        subject = work[0] if len(symbols) == 1 else dict(zip(symbols, work, strict=True))
        probe = find_probe(self._unit._unit, self._exercise.name)
        draw = self._exercise.public
        observations = []
        with _quiet():
            for case in draw.cases:
                observations.append(observe(probe, subject, *case.inputs()))
        return judge(self._exercise, draw, observations, self._unit._not_passed())

    def hint(self) -> None:
        """Show the next hint: a question first, then the shape of the answer, then a plan."""
        hints = self._exercise.hints
        if not hints:
            text = f"{self._exercise.name} has no hints. Read “{self._exercise.section}” again."
        else:
            number = min(self._hints_shown, len(hints) - 1)
            self._hints_shown = number + 1
            text = f"Hint {number + 1} of {len(hints)}: {hints[number]}"
            if number + 1 == len(hints):
                text += (
                    f" (That was the last. The idea is explained in “{self._exercise.section}”.)"
                )
        _show(text, f"<div style='{_BOX}'>{html.escape(text)}</div>")

    def __repr__(self) -> str:
        name = self._exercise.name
        return f"check.{name}({', '.join(self._exercise.symbols)}); check.{name}.hint() for a hint"


def find_probe(unit: str, exercise: str) -> Callable[..., Any] | None:
    """`chainrule.<unit>.probes.<exercise>`, or None: then the work is called with the case."""
    try:
        probes = importlib.import_module(f"chainrule.{unit}.probes")
    except ModuleNotFoundError as error:
        if error.name != f"chainrule.{unit}.probes":
            raise
        return None
    return getattr(probes, exercise, None)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings and stderr out of the cell: nbgrader scores a cell with stderr 0."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


# --- what the learner sees ---------------------------------------------------------------------

_BOX = (
    "border-left:4px solid #0072B2;padding:.4em .8em;margin:.2em 0;max-width:60em;line-height:1.45"
)
_COLOURS = {PASSED: "#009E73", FAILED: "#D55E00", MISSING: "#767676", BLOCKED: "#767676"}


def _headline(verdict: Verdict) -> str:
    earned = f"{verdict.points:g} of {verdict.max_points:g} points"
    if verdict.status == PASSED:
        return f"{verdict.exercise} is right: {earned}."
    if verdict.status == MISSING:
        return (
            f"{verdict.exercise} is not written yet. Replace `raise NotImplementedError`, "
            "run its cell, then run this check again."
        )
    if verdict.status == BLOCKED:
        by = verdict.blocked_by
        return f"{verdict.exercise} is blocked by {by}: it needs {by}, which is not right yet."
    passed = f"{sum(case.passed for case in verdict.cases)} of {len(verdict.cases)} cases pass"
    return f"{verdict.exercise} is not right yet: {passed}, {earned}."


def _explanation(verdict: Verdict, exercise: Exercise) -> list[str]:
    """Symptom, likely cause, next step; empty when there is nothing to explain."""
    if verdict.status == BLOCKED:
        return [f"Mend {verdict.blocked_by} first, then run both checks again."]
    if verdict.status != FAILED:
        return []
    first = next(case for case in verdict.cases if not case.passed)
    said = [f"First difference, in “{first.name}”: {first.message}"]
    if verdict.mistake:
        said.insert(0, verdict.mistake)
    if exercise.hints:
        said.append(f"For a hint: check.{verdict.exercise}.hint()")
    return said


def _as_text(verdict: Verdict, exercise: Exercise) -> str:
    lines = [_headline(verdict)]
    if verdict.status in (PASSED, FAILED):
        lines += [f"  {'pass' if case.passed else 'FAIL'}  {case.name}" for case in verdict.cases]
    return "\n".join(lines + _explanation(verdict, exercise))


def _as_html(verdict: Verdict, exercise: Exercise) -> str:
    colour = _COLOURS[verdict.status]
    parts = [f"<b>{html.escape(_headline(verdict))}</b>"]
    if verdict.status in (PASSED, FAILED):
        cells = "".join(_case_html(case.name, case.passed) for case in verdict.cases)
        parts.append(f"<div style='margin:.3em 0'>{cells}</div>")
    parts += [f"<div>{html.escape(line)}</div>" for line in _explanation(verdict, exercise)]
    return f"<div style='{_BOX.replace('#0072B2', colour)}'>{''.join(parts)}</div>"


def _case_html(name: str, passed: bool) -> str:
    word, colour = ("pass", _COLOURS[PASSED]) if passed else ("FAIL", _COLOURS[FAILED])
    mark = f"<code style='color:{colour};font-weight:bold'>{word}</code>"
    return f"<div>{mark} {html.escape(name)}</div>"


def _show(text: str, markup: str) -> None:
    """Display HTML with its plain-text twin; print the text where there is no IPython."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(text)
        return
    if get_ipython() is None:
        print(text)
    else:
        display({"text/html": markup, "text/plain": text}, raw=True)
