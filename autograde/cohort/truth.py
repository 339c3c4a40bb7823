"""The true scores of assembled sources: a plain process and plain asserts, never the judge."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autograde.answer_key import AnswerKey, answer, draw_cases, namespace, weights
from autograde.unit import SourceError, Unit
from chainrule.compare import ByDistribution, ByLaw
from chainrule.observe import Raised, Tensor

SEEDS = (101, 202, 303)  # a planted mistake must fail the same cases with each
COLUMNS = ("learner", "exercise", "score", "max_score", "status", "mistake")


@dataclass(frozen=True)
class Truth:
    """One row of truth.csv; score None is written as an empty cell."""

    learner: str
    exercise: str
    score: float | None
    max_score: float
    status: str
    mistake: str = ""


@dataclass(frozen=True)
class Planted:
    """What a sample learner wrote for one exercise: a cell, and the mistake it makes, if any."""

    source: str
    mistake: str = ""
    stub: bool = False


def true_scores(key: AnswerKey, learner: str, planted: Mapping[str, Planted]) -> list[Truth]:
    """A row for every exercise of a learner whose cells are `planted`."""
    names = namespace(key.unit, {name: cell.source for name, cell in planted.items()})
    rows: list[Truth] = []
    not_full: set[str] = set()
    for name, declared in key.unit.declaration.exercises.items():
        shares = _shares_passed(key, name, names)
        mistake = planted[name].mistake
        if shares == {1.0}:
            rows.append(Truth(learner, name, declared.points, declared.points, "graded"))
            continue
        if planted[name].stub:
            rows.append(Truth(learner, name, 0, declared.points, "missing"))
        elif not_full.intersection(declared.uses) and 1.0 not in shares:
            rows.append(Truth(learner, name, 0, declared.points, "blocked"))
        elif len(shares) == 1:
            score = round(declared.points * shares.pop(), 2)
            rows.append(Truth(learner, name, score, declared.points, "graded", mistake))
        else:
            raise SourceError(
                f"{key.unit.name.folder}, exercise {name}: a planted answer earns {shares} with "
                f"different seeds ({mistake}). Change its cases so that luck does not decide."
            )
        not_full.add(name)
    return rows


def _shares_passed(key: AnswerKey, name: str, names: Mapping[str, Any]) -> set[float]:
    """The weighted shares of cases that pass with each seed."""
    shares = set()
    for seed in SEEDS:
        cases = draw_cases(key.unit, key.unit.exercise(name), seed)
        expected = answer(key.unit, name, key.solution, cases)
        cases = draw_cases(key.unit, key.unit.exercise(name), seed)
        observed = answer(key.unit, name, names, cases)
        passed = [
            _passes(key.unit, name, case, want, have)
            for case, want, have in zip(cases, expected, observed, strict=True)
        ]
        weight = weights(key.unit, key.unit.exercise(name))
        shares.add(sum(w for w, ok in zip(weight, passed, strict=True) if ok) / sum(weight))
    return shares


def _passes(unit: Unit, name: str, case: Any, want: Any, have: Any) -> bool:
    compare = unit.exercise(name).compare
    try:
        if isinstance(compare, ByLaw):
            assert not isinstance(have, Raised)
            assert compare.law(case.args, case.kwargs, have) is None
        elif isinstance(compare, ByDistribution):
            assert not isinstance(have, Raised)
            assert compare.test(case.args, case.kwargs, have) >= 1e-6
        else:
            assert_same(want, have)
    except (AssertionError, TypeError, ValueError, IndexError, AttributeError, KeyError):
        return False
    return True


def assert_same(want: Any, have: Any) -> None:
    """Plain asserts: same structure, same shapes, numbers within 1e-5."""
    if isinstance(want, Raised):
        assert isinstance(have, Raised) and have.type == want.type
    elif isinstance(want, dict):
        assert isinstance(have, dict) and set(have) == set(want)
        for name in want:
            assert_same(want[name], have[name])
    elif isinstance(want, list):
        assert len(have) == len(want) and not isinstance(have, (str, dict))
        for one, other in zip(want, have, strict=True):
            assert_same(one, other)
    elif isinstance(want, (str, bytes)) or want is None:
        assert have == want
    else:
        a = want.values if isinstance(want, Tensor) else np.asarray(want)
        assert isinstance(have, (bool, int, float, complex, np.ndarray, Tensor))
        b = have.values if isinstance(have, Tensor) else np.asarray(have)
        assert a.shape == b.shape
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-7 * (1 + _largest(a)))


def _largest(array: np.ndarray) -> float:
    finite = np.abs(array[np.isfinite(array)])
    return float(finite.max()) if finite.size else 0.0


def write_truth(path: Path, rows: Sequence[Truth]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            score = "" if row.score is None else f"{row.score:g}"
            cells = (
                row.learner,
                row.exercise,
                score,
                f"{row.max_score:g}",
                row.status,
                row.mistake,
            )
            writer.writerow(cells)


def differences(truth: Path, export: Path) -> list[str]:
    """Where two csv files of scores disagree, a sentence for each row."""
    want, have = _rows(truth), _rows(export)
    said = [f"{who}, {what}: not in {export.name}" for who, what in sorted(set(want) - set(have))]
    said += [f"{who}, {what}: not in {truth.name}" for who, what in sorted(set(have) - set(want))]
    for who, what in sorted(set(want) & set(have)):
        if want[who, what] != have[who, what]:
            said.append(f"{who}, {what}: {want[who, what]} is true, {have[who, what]} was given")
    return said


def _rows(path: Path) -> dict[tuple[str, str], tuple[float | None, float, str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (row["learner"], row["exercise"]): (
                float(row["score"]) if row["score"] else None,
                float(row["max_score"]),
                row["status"],
                row["mistake"],
            )
            for row in csv.DictReader(file)
        }
