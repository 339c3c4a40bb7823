"""The page an instructor reads: one class on one unit, in one file that opens anywhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from autograde.cohort.results import GRADED, MISSING, QUARANTINED, UNGRADED, WAITS, Record
from autograde.report.charts import ORANGE, bins, histogram, outcome_bars, small_bar
from autograde.report.numbers import (
    OUTCOMES,
    Counted,
    chains,
    costs,
    counted,
    in_order,
    item_numbers,
    items_of,
    outcome,
    score,
    total,
)
from autograde.report.page import number, render
from autograde.sandbox.model import GAPS
from chainrule.answers import Answers

HELP_BELOW = 0.5  # of the points that could be earned so far
MARKS = {"blocked": "b", "not written": "n", "no score yet": "?"}


@dataclass(frozen=True)
class Group:
    """The learners to whom the same thing happened."""

    what: str
    learners: list[str]


def class_report_html(
    unit: Answers, records: Sequence[Record], *, sandbox: str, title: str | None = None
) -> str:
    """One self-contained HTML page about the newest record of each learner.

    sandbox: the mode the class was graded in; "none" puts a warning on top, as does a record
    whose key says that it was graded without one.
    """
    records = sorted(records, key=lambda record: record.learner)
    chosen = counted(unit, records)
    mistakes, unknown = costs(records)
    return render(
        "class_report.html.j2",
        title=title or f"Class report: {unit.unit.number} · {unit.title}",
        unit=unit,
        chosen=chosen,
        counts=_counts(records),
        unsafe=_without_sandbox(records, sandbox),
        sandbox=sandbox,
        gaps=_gaps(records, sandbox),
        graded_at=max((record.graded_at for record in records), default=""),
        numbers=item_numbers(unit, records),
        mistakes=mistakes,
        unknown=unknown,
        chains=chains(records),
        repairs=_groups((r.learner, what) for r in records for what in r.repairs),
        limits=_groups((r.learner, what) for r in records for what in r.limits_hit),
        quarantined=[r for r in records if r.status == QUARANTINED],
        ungraded=_ungraded(records),
        waiting=_waiting(unit, records),
        no_submission=[r.learner for r in records if r.status == MISSING],
        help=_may_need_help(unit, chosen),
        rows=[_row(unit, record) for record in records],
        items=items_of(unit),
        seconds=_seconds(records),
        outcomes=OUTCOMES,
        marks=MARKS,
        **_distribution(chosen),
        outcome_bars=outcome_bars,
        small_bar=small_bar,
        lost_colour=ORANGE,
    )


def _without_sandbox(records: Sequence[Record], sandbox: str) -> list[str]:
    """The learners whose code ran unprotected."""
    ran = [record for record in records if record.status in (GRADED, UNGRADED)]
    return [r.learner for r in ran if r.key.get("sandbox", sandbox) == "none"]


def _gaps(records: Sequence[Record], sandbox: str) -> dict[str, str]:
    """What each sandbox that was used leaves open, by its mode."""
    modes = {sandbox, *(record.key.get("sandbox", sandbox) for record in records)}
    return {mode: GAPS[mode] for mode in sorted(modes - {"none"}) if mode in GAPS}


def _counts(records: Sequence[Record]) -> dict[str, int]:
    counts = dict.fromkeys([GRADED, UNGRADED, QUARANTINED, MISSING], 0)
    for record in records:
        counts[record.status] += 1
    return counts


def _distribution(chosen: Counted) -> dict[str, Any]:
    totals = chosen.totals()
    if not totals:
        return {"bins": [], "histogram": None, "mean": None, "median": None}
    held = bins(totals, chosen.out_of)
    return {
        "bins": held,
        "histogram": histogram(held),
        "mean": fmean(totals),
        "median": median(totals),
    }


def _groups(pairs: Iterable[tuple[str, str]]) -> list[Group]:
    """What happened to whom, the commonest first; each learner once."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for learner, what in pairs:
        found[what][learner] = None
    groups = [Group(what, list(learners)) for what, learners in found.items()]
    return sorted(groups, key=lambda group: (-len(group.learners), group.what))


def _ungraded(records: Sequence[Record]) -> list[Group]:
    """What the grader could not grade, through no fault of the learner."""
    whole = [(r.learner, f"Everything: {r.reason}") for r in records if r.status == UNGRADED]
    parts = [
        (record.learner, f"{result.exercise}: {result.reason or 'no reason given'}")
        for record in records
        if record.status == GRADED
        for result in record.exercises
        if result.score is None and result.reason != WAITS
    ]
    return _groups(whole + parts)


def _waiting(unit: Answers, records: Sequence[Record]) -> list[Group]:
    """What waits for a person's mark."""
    return _groups(
        (record.learner, result.exercise)
        for record in records
        for result in in_order(record, unit)
        if result.score is None and result.reason == WAITS
    )


def _may_need_help(unit: Answers, chosen: Counted) -> list[dict[str, Any]]:
    """Learners with less than half of what could be earned so far, those with least first."""
    found = []
    for record, points in zip(chosen.records, chosen.totals(), strict=True):
        if points >= HELP_BELOW * chosen.out_of:
            continue
        results = in_order(record, unit)
        unwritten = [r.exercise for r in results if r.status == MISSING]
        stuck = next(
            (r for r in results if r.status == GRADED and (r.score or 0) < r.max_score), None
        )
        said = []
        if stuck is not None:
            said.append(f"{stuck.exercise}: {stuck.mistake or 'no known mistake.'}")
        if unwritten:
            said.append(f"Not written: {', '.join(unwritten)}.")
        if record.limits_hit:
            said.append("A limit was reached.")
        found.append({"learner": record.learner, "points": points, "why": " ".join(said)})
    return sorted(found, key=lambda one: (one["points"], one["learner"]))


def _row(unit: Answers, record: Record) -> dict[str, Any]:
    """A learner's line: (text, style class) for each item."""
    by_name = {result.exercise: result for result in record.exercises}
    cells = []
    for item in items_of(unit):
        result = by_name.get(item.name)
        if result is None:
            cells.append(("", "missing"))
            continue
        name = outcome(result)
        cells.append((f"{number(score(record, item.name))} {MARKS.get(name, '')}".strip(), name))
    no_scores = all(result.score is None for result in record.exercises)
    return {
        "learner": record.learner,
        "instead": record.reason if no_scores or record.status == MISSING else "",
        "cells": [(text, name.replace(" ", "-")) for text, name in cells],
        "total": total(record, unit),
    }


def _seconds(records: Sequence[Record]) -> dict[str, Any]:
    """How long grading took: the median, and the slowest submission."""
    timed = [record for record in records if record.seconds > 0]
    if not timed:
        return {"median": None, "slowest": None}
    return {
        "median": median(record.seconds for record in timed),
        "slowest": max(timed, key=lambda record: record.seconds),
    }
