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
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from chainrule import progress
from chainrule.answers import Answers, Case, Exercise, load_answers
from chainrule.observe import NO_ANSWER, Raised, observe
from chainrule.verdict import BLOCKED, FAILED, MISSING, PASSED, CaseVerdict, Verdict, judge

TRIES = 3  # different failures, after which the next hint is offered
CASE_SECONDS = 20  # after which a case is given up, where the system can tell
_TOO_LONG = f"your code was still running after {CASE_SECONDS} s. Does its loop end?"


class CheckFailed(Exception):
    """Nothing was earned. The explanation stands above the exception, so this is one line."""

    def _render_traceback_(self) -> list[str]:  # IPython shows this instead of a traceback
        return [f"CheckFailed: {self}"]


class NoAnswer(BaseException):
    """Raised in the learner's code when a case takes too long; `except Exception` lets it pass."""


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
            near = difflib.get_close_matches(name, exercises, n=1, cutoff=0.5)
            guess = f" Did you mean check.{near[0]}?" if near else ""
            if name == "hint":
                guess = f" A hint is for one exercise: check.{next(iter(exercises))}.hint()."
            raise AttributeError(f"{self!r}; there is no {name}.{guess}")
        if name not in self._checks:
            self._checks[name] = ExerciseCheck(self, exercises[name])
        return self._checks[name]

    def __repr__(self) -> str:
        return f"check has these exercises of unit {self._unit}: {', '.join(dir(self))}"

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
        self._failures: set[str] = set()  # different ones since the last hint
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
        said = [*_explanation(verdict), *self._offer(verdict)]
        _show(_as_text(verdict, said), _as_html(verdict, said))
        if not verdict.points:
            raise CheckFailed(_headline(verdict))
        return verdict.points

    def _offer(self, verdict: Verdict) -> list[str]:
        """Where to find help: at once, and more plainly after several different failures."""
        hints, call = self._exercise.hints, f"check.{self._exercise.name}.hint()"
        if verdict.status != FAILED or not hints:
            return []
        first = next(case for case in verdict.cases if not case.passed)
        self._failures.add(verdict.mistake or f"{first.name}: {first.message}")
        if len(self._failures) < TRIES:
            return [f"For a hint: {call}"]
        number = min(self._hints_shown + 1, len(hints))
        return [
            f"That is {len(self._failures)} different tries. The idea is explained under "
            f"“{self._exercise.section}”, and {call} shows hint {number} of {len(hints)}."
        ]

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
        if probe is None and not callable(subject):
            call = f"check.{self._exercise.name}({symbols[0]})"
            raise CheckFailed(f"Pass the function itself, without calling it: {call}.")
        observations: list[Any] = []
        with _quiet(), _time_limit():
            for case in draw.cases:
                if not (observations and _took_too_long(observations[-1])):
                    observations.append(_within_time(probe, subject, case))
                else:
                    observations.append(observations[-1])  # this one would take as long
        return judge(self._exercise, draw, observations, self._unit._not_passed())

    def hint(self) -> None:
        """Show the next hint: a question first, then the shape of the answer, then a plan."""
        self._failures.clear()
        hints = self._exercise.hints
        if not hints:
            text = f"{self._exercise.name} has no hints. Read “{self._exercise.section}” again."
        else:
            number = min(self._hints_shown, len(hints) - 1)
            self._hints_shown = number + 1
            text = f"Hint {number + 1} of {len(hints)}: {hints[number]}"
            if number + 1 == len(hints):
                section = self._exercise.section
                text += f" (That was the last. The idea is explained under “{section}”.)"
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


def _within_time(probe: Callable[..., Any] | None, work: Any, case: Case) -> Any:
    """The observation of one case; `NoAnswer` raised, when it takes too long."""
    if _can_time():
        # The timer repeats, for code that catches everything in a loop.
        signal.setitimer(signal.ITIMER_REAL, CASE_SECONDS, 1)
    try:
        return observe(probe, work, *case.inputs())
    finally:
        if _can_time():
            signal.setitimer(signal.ITIMER_REAL, 0)


def _took_too_long(observation: Any) -> bool:
    return isinstance(observation, Raised) and observation.type == NO_ANSWER


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Let the timer raise NoAnswer in what is running, where the system has such a timer."""
    if not _can_time():
        yield
        return

    def too_long(number: int, frame: object) -> None:
        raise NoAnswer(_TOO_LONG)

    before = signal.signal(signal.SIGALRM, too_long)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def _can_time() -> bool:
    return hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()


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
        if not all(case.passed for case in verdict.cases):
            return f"{verdict.exercise} earns {earned}, but not everything below is right."
        return f"{verdict.exercise} is right: {earned}."
    if verdict.status == MISSING:
        return (
            f"{verdict.exercise} is not written yet. Replace `raise NotImplementedError`, "
            "run its cell, then run this check again."
        )
    if verdict.status == BLOCKED:
        by = verdict.blocked_by
        return f"{verdict.exercise} is blocked by {by}: it needs {by}, whose last check failed."
    passed = f"{sum(case.passed for case in verdict.cases)} of {len(verdict.cases)} cases pass"
    return f"{verdict.exercise} is not right yet: {passed}, {earned}."


def _explanation(verdict: Verdict) -> list[str]:
    """Symptom, likely cause, next step; empty when there is nothing to explain."""
    if verdict.status == BLOCKED:
        return [f"Mend {verdict.blocked_by} first, then run both checks again."]
    if verdict.status != FAILED:
        return []
    first = next(case for case in verdict.cases if not case.passed)
    said = [f"First difference, in “{first.name}”: {first.message}"]
    if verdict.mistake:
        said.insert(0, verdict.mistake)
    return said


def _as_text(verdict: Verdict, said: list[str]) -> str:
    lines = [_headline(verdict)]
    if verdict.status in (PASSED, FAILED):
        for case in verdict.cases:
            lines.append(f"  {'pass' if case.passed else 'FAIL'}  {_case_name(case)}")
    return "\n".join(lines + said)


def _case_name(case: CaseVerdict) -> str:
    return case.name if case.weight else f"{case.name} (an example; it earns no points)"


def _as_html(verdict: Verdict, said: list[str]) -> str:
    colour = _COLOURS[verdict.status]
    parts = [f"<b>{html.escape(_headline(verdict))}</b>"]
    if verdict.status in (PASSED, FAILED):
        cells = "".join(_case_html(case) for case in verdict.cases)
        parts.append(f"<div style='margin:.3em 0'>{cells}</div>")
    for line in said:
        told = f"<b>{html.escape(line)}</b>" if line == verdict.mistake else html.escape(line)
        parts.append(f"<div style='margin-top:.2em'>{told}</div>")
    return f"<div style='{_BOX.replace('#0072B2', colour)}'>{''.join(parts)}</div>"


def _case_html(case: CaseVerdict) -> str:
    word, colour = ("pass", _COLOURS[PASSED]) if case.passed else ("FAIL", _COLOURS[FAILED])
    mark = f"<code style='color:{colour};font-weight:bold'>{word}</code>"
    return f"<div>{mark} {html.escape(_case_name(case))}</div>"


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
