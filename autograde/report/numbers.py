"""What a class's records add up to. Pure functions; nothing here knows about HTML or CSV."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from autograde.cohort.results import BLOCKED, GRADED, MISSING, ExerciseResult, Record
from chainrule.answers import Answers

# Two learners always correlate perfectly, so a discrimination needs at least three.
FEWEST_TO_CORRELATE = 3


@dataclass(frozen=True)
class Item:
    """An exercise or a hand-graded question of a unit, and what it is worth."""

    name: str
    points: float
    question: bool


def items_of(answers: Answers) -> list[Item]:
    """The unit's exercises in their order, then its questions."""
    exercises = [Item(e.name, e.points, False) for e in answers.exercises.values()]
    return exercises + [Item(q.name, q.points, True) for q in answers.questions]


def in_order(record: Record, answers: Answers) -> list[ExerciseResult]:
    """A record's results in the unit's order; any the unit no longer has come last."""
    order = {item.name: place for place, item in enumerate(items_of(answers))}
    return sorted(record.exercises, key=lambda result: order.get(result.exercise, len(order)))


# --- one learner -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Total:
    """A learner's points. `points` is None while a part has no score; `why` then says which.

    so_far: the points of the parts that have a score. out_of: the unit's points.
    """

    points: float | None
    so_far: float
    out_of: float
    why: str


def total(record: Record, answers: Answers) -> Total:
    """The total of a record, or the reason why there is none."""
    scores = {result.exercise: result for result in record.exercises}
    so_far, why = 0.0, []
    for item in items_of(answers):
        result = scores.get(item.name)
        if result is None:
            why.append(f"{item.name} is not in this result: grade the unit again")
        elif result.score is None:
            why.append(f"{item.name}: {result.reason or record.reason or result.status}")
        else:
            so_far += result.score
    if record.reason and why:
        why = [record.reason]
    out_of = sum(item.points for item in items_of(answers))
    reason = "; ".join(part.rstrip(".") for part in why)
    return Total(None if why else so_far, so_far, out_of, reason)


# --- the class ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counted:
    """What the statistics are about: these learners' scores on these items.

    left_out: questions that still wait for a person's mark. Learners who handed nothing in,
    and submissions without a full set of scores, are not in `records` either.
    """

    items: list[Item]
    left_out: list[Item]
    records: list[Record]

    @property
    def out_of(self) -> float:
        return sum(item.points for item in self.items)

    def scores(self, name: str) -> list[float]:
        """Each learner's score on one item, in the order of `records`."""
        return [score(record, name) or 0.0 for record in self.records]

    def totals(self) -> list[float]:
        return [sum(score(r, item.name) or 0.0 for item in self.items) for r in self.records]


def score(record: Record, name: str) -> float | None:
    return next((r.score for r in record.exercises if r.exercise == name), None)


def counted(answers: Answers, records: Sequence[Record]) -> Counted:
    """Choose what can be counted fairly: a question only once every learner's is marked."""
    graded = [record for record in records if record.status == GRADED]

    def waits(item: Item) -> bool:
        return item.question and any(score(record, item.name) is None for record in graded)

    items = [item for item in items_of(answers) if not waits(item)]
    left_out = [item for item in items_of(answers) if waits(item)]
    whole = [r for r in graded if all(score(r, item.name) is not None for item in items)]
    return Counted(items, left_out, whole)


def correlation(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Pearson's correlation; None for fewer than three pairs or when one side never varies."""
    if len(xs) < FEWEST_TO_CORRELATE:
        return None
    x_mean, y_mean = fmean(xs), fmean(ys)
    x_spread = math.sqrt(sum((x - x_mean) ** 2 for x in xs))
    y_spread = math.sqrt(sum((y - y_mean) ** 2 for y in ys))
    if x_spread < 1e-9 or y_spread < 1e-9:
        return None
    products = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
    return products / (x_spread * y_spread)


@dataclass(frozen=True)
class ItemNumbers:
    """How the class did on one item.

    mean: points. discrimination: correlation of the item's score with the rest of the total,
    which for an item scored all or nothing is the point-biserial correlation; None if undefined.
    outcomes: how many learners are in each of OUTCOMES.
    """

    item: Item
    mean: float | None
    discrimination: float | None
    outcomes: dict[str, int]

    @property
    def share(self) -> float | None:
        """Mean as a share of the item's points: the difficulty index, 1 is easiest."""
        return None if self.mean is None or not self.item.points else self.mean / self.item.points


OUTCOMES = ["full points", "some points", "no points", "blocked", "not written", "no score yet"]


def outcome(result: ExerciseResult) -> str:
    """Which of OUTCOMES a result is."""
    if result.score is None:
        return "no score yet"
    if result.status == BLOCKED:
        return "blocked"
    if result.status == MISSING:
        return "not written"
    if result.score >= result.max_score:
        return "full points"
    return "some points" if result.score > 0 else "no points"


def item_numbers(answers: Answers, records: Sequence[Record]) -> list[ItemNumbers]:
    """Difficulty, discrimination and outcomes of every item of the unit."""
    chosen = counted(answers, records)
    totals = chosen.totals()
    numbers = []
    for item in items_of(answers):
        outcomes = dict.fromkeys(OUTCOMES, 0)
        for record in records:
            if record.status == GRADED:
                for result in record.exercises:
                    outcomes[outcome(result)] += result.exercise == item.name
        mean = discrimination = None
        if item in chosen.items and chosen.records:
            scores = chosen.scores(item.name)
            mean = fmean(scores)
            rest = [whole - one for whole, one in zip(totals, scores, strict=True)]
            discrimination = correlation(scores, rest)
        numbers.append(ItemNumbers(item, mean, discrimination, outcomes))
    return numbers


# --- what it cost ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """Points the class lost to one cause.

    cause: the sentence learners saw (a known mistake) or the name of the case that failed first.
    lost: in the exercise itself. held_back: in exercises blocked by it.
    """

    exercise: str
    cause: str
    learners: int
    lost: float
    held_back: float = 0.0

    @property
    def points(self) -> float:
        return self.lost + self.held_back


def costs(records: Sequence[Record]) -> tuple[list[Cost], list[Cost]]:
    """The known mistakes, and the failures that match none, dearest first.

    A failure that matches no known mistake is named by the first case it fails.
    """
    tally: dict[tuple[str, str, bool], list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for record in records:
        behind = held_back(record)
        for result in record.exercises:
            lost = _lost(result)
            if result.status != GRADED or lost <= 0:
                continue
            failing = (case.name for case in result.cases if case.weight and not case.passed)
            cause = result.mistake or next(failing, "")
            if not cause:
                continue  # a mark given by hand names no cause
            entry = tally[result.exercise, cause, bool(result.mistake)]
            entry[0] += 1
            entry[1] += lost
            entry[2] += behind.get(result.exercise, 0.0)
    every = [
        (known, Cost(exercise, cause, int(n), lost, behind))
        for (exercise, cause, known), (n, lost, behind) in tally.items()
    ]
    every.sort(
        key=lambda pair: (-pair[1].points, -pair[1].learners, pair[1].exercise, pair[1].cause)
    )
    return [cost for known, cost in every if known], [cost for known, cost in every if not known]


def _lost(result: ExerciseResult) -> float:
    return 0.0 if result.score is None else result.max_score - result.score


def chain(record: Record, exercise: str) -> tuple[str, ...]:
    """What an exercise waits for, from the exercise to mend down to this one."""
    blocked_by = {r.exercise: r.blocked_by for r in record.exercises if r.status == BLOCKED}
    path = [exercise]
    while (above := blocked_by.get(path[-1])) and above not in path:
        path.append(above)
    return tuple(reversed(path))


def held_back(record: Record) -> dict[str, float]:
    """For each exercise at the root of a chain: the points that wait behind it."""
    waiting: dict[str, float] = defaultdict(float)
    for result in record.exercises:
        if result.status == BLOCKED:
            waiting[chain(record, result.exercise)[0]] += _lost(result)
    return dict(waiting)


@dataclass(frozen=True)
class Chain:
    """Exercises that wait for one another, the one to mend first; `points` of the last."""

    path: tuple[str, ...]
    learners: int
    points: float


def chains(records: Sequence[Record]) -> list[Chain]:
    """Every blocked-by chain of the class, the commonest first."""
    tally: dict[tuple[str, ...], list[float]] = defaultdict(lambda: [0, 0.0])
    for record in records:
        for result in record.exercises:
            if result.status == BLOCKED:
                entry = tally[chain(record, result.exercise)]
                entry[0] += 1
                entry[1] += _lost(result)
    found = [Chain(path, int(n), points) for path, (n, points) in tally.items()]
    return sorted(found, key=lambda c: (-c.learners, -c.points, c.path))
