"""Totals, difficulty, discrimination, and what cost the class its points."""

import pytest

from autograde.cohort.results import BLOCKED, GRADED, MISSING
from autograde.report.numbers import (
    FEWEST_TO_CORRELATE,
    chain,
    chains,
    correlation,
    costs,
    counted,
    item_numbers,
    total,
)


def test_a_total_is_the_sum_of_all_parts(record, unit):
    assert total(record("ada", relu=1.5, why=1), unit).points == 9.5
    assert total(record("ada"), unit).out_of == 10


@pytest.mark.parametrize(
    ("learner", "reason"),
    [
        ("ben", "why: waits for a person's mark"),
        ("omar", "layer: no reply"),
        ("quentin", "The file is empty"),
        ("ulla", "the sandbox died"),
    ],
)
def test_a_part_without_a_score_leaves_no_total(every_status, unit, learner, reason):
    found = total(next(r for r in every_status if r.learner == learner), unit)
    assert found.points is None
    assert found.why == reason


def test_an_exercise_that_the_record_does_not_know_leaves_no_total(record, unit):
    old = record("ada", why=1)
    old = type(old)(**{**vars(old), "exercises": old.exercises[1:]})
    assert total(old, unit).points is None
    assert "relu" in total(old, unit).why


def test_a_question_counts_once_everyone_is_marked(record, unit):
    some = counted(unit, [record("ada", why=1), record("ben")])
    assert [item.name for item in some.left_out] == ["why"]
    assert some.out_of == 9
    assert some.totals() == [9, 9]
    everyone = counted(unit, [record("ada", why=1), record("ben", why=0)])
    assert everyone.left_out == []
    assert everyone.totals() == [10, 9]


def test_only_whole_submissions_are_counted(every_status, unit):
    chosen = counted(unit, every_status)
    assert [record.learner for record in chosen.records] == ["ada", "ben", "cleo"]


def test_discrimination_is_the_point_biserial_with_the_rest(record, unit):
    """By hand: relu is right for three of five, whose rest is 7, 5, 6; the others have 3, 1.

    Mean of the passers 6, of the others 2, standard deviation of the rest over n: the rest is
    7, 5, 6, 3, 1 with mean 4.4 and squares 6.76 + 0.36 + 2.56 + 1.96 + 11.56 = 23.2, so
    sqrt(23.2 / 5) = 2.154066. r = (6 - 2) / 2.154066 * sqrt(0.6 * 0.4) = 0.909718.
    """
    rest = [(2, 3, 4), (2, 1, 4), (2, 2, 4), (0, 3, 0), (0, 1, 0)]
    records = [
        record(f"learner{i}", relu=relu, layer=layer, loss=loss)
        for i, (relu, layer, loss) in enumerate(rest)
    ]
    relu = item_numbers(unit, records)[0]
    assert relu.mean == pytest.approx(1.2)
    assert relu.share == pytest.approx(0.6)
    assert relu.discrimination == pytest.approx(0.909718, abs=1e-6)


def test_discrimination_is_undefined_without_variation(record, unit):
    same = [record(f"learner{i}", layer=i) for i in range(4)]
    relu, layer, _, why = item_numbers(unit, same)
    assert relu.discrimination is None  # everyone has full points
    assert layer.discrimination is None  # the rest is the same for everyone
    assert why.mean is None  # not marked yet
    few = [record(f"learner{i}", relu=i, layer=i) for i in range(FEWEST_TO_CORRELATE - 1)]
    assert item_numbers(unit, few)[0].discrimination is None
    assert correlation([], []) is None


def test_outcomes_say_what_became_of_everyone_who_handed_in(every_status, unit):
    relu, layer, loss, why = (n.outcomes for n in item_numbers(unit, every_status))
    assert relu["full points"] == 3 and relu["some points"] == 1
    assert layer["blocked"] == 1 and layer["no score yet"] == 1
    assert loss["not written"] == 1
    assert why["full points"] == 2 and why["some points"] == 1 and why["no score yet"] == 1
    assert sum(relu.values()) == 4


def test_mistakes_are_ranked_by_what_they_cost_with_what_they_block(record, result):
    def relu(says):
        return {"relu": result("relu", 1, mistake=says)}

    blocked = {
        "layer": result("layer", 0, BLOCKED, blocked_by="relu"),
        "loss": result("loss", 0, BLOCKED, blocked_by="layer"),
    }
    records = [
        record("a", **relu("Rare, but it blocks all."), **blocked),  # 1 lost, 7 held back
        record("b", loss=result("loss", 2, mistake="Common.")),
        record("c", loss=result("loss", 2, mistake="Common.")),
        record("d", loss=result("loss", 2, mistake="Common.")),  # 6 lost
        record("e", **relu("Small.")),  # 1 lost
        record("f", layer=1),  # 2 lost, no known mistake
        record("g", layer=result("layer", 0, MISSING)),
    ]
    known, unknown = costs(records)
    assert [(c.cause, c.learners, c.lost, c.held_back) for c in known] == [
        ("Rare, but it blocks all.", 1, 1, 7),
        ("Common.", 3, 6, 0),
        ("Small.", 1, 1, 0),
    ]
    assert [(c.exercise, c.cause, c.lost) for c in unknown] == [("layer", "a table", 2)]


def test_a_mark_given_by_hand_is_no_failure(record):
    assert costs([record("ada", why=0)]) == ([], [])


def test_chains_run_from_what_to_mend_to_what_waits(record, result):
    one = record(
        "ada",
        relu=result("relu", 0),
        layer=result("layer", 0, BLOCKED, blocked_by="relu"),
        loss=result("loss", 0, BLOCKED, blocked_by="layer"),
    )
    assert chain(one, "loss") == ("relu", "layer", "loss")
    assert [(c.path, c.learners, c.points) for c in chains([one, one])] == [
        (("relu", "layer", "loss"), 2, 8),
        (("relu", "layer"), 2, 6),
    ]


def test_a_circle_of_blocked_exercises_ends(record, result):
    odd = record(
        "ada",
        relu=result("relu", 0, BLOCKED, blocked_by="layer"),
        layer=result("layer", 0, BLOCKED, blocked_by="relu"),
    )
    assert chain(odd, "relu") == ("layer", "relu")


def test_full_points_with_an_unscored_case_failing_is_no_failure(record, result):
    full = result("relu", 2, GRADED)
    cases = (type(full.cases[0])("the example", 0, False, "differs"), *full.cases[1:])
    full = type(full)(**{**vars(full), "cases": cases})
    assert costs([record("ada", relu=full)]) == ([], [])
