"""A class graded through the real sandbox gets exactly its true scores."""

import csv
import json

import numpy as np
from nbgrader.api import Gradebook

from autograde.cohort.truth import differences
from autograde.report.export import write_csv


def exported(klass, tmp_path):
    path = tmp_path / "scores.csv"
    records = list(klass.class_folder.results(klass.unit).newest().values())
    write_csv(path, records, klass.grading.answers)
    return path


def test_a_class_of_60_is_graded_to_exactly_its_truth(sixty, tmp_path):
    assert differences(sixty.folder / "truth.csv", exported(sixty, tmp_path)) == []


def test_the_sample_class_meets_every_status_and_kind_of_damage(sixty):
    statuses = {row.status for row in sixty.truth}
    assert statuses == {"graded", "ungraded", "quarantined", "missing", "blocked"}
    planted = {row.mistake for row in sixty.truth if row.mistake}
    assert len(planted) >= 25
    assert sixty.summary.quarantined == 4 and sixty.summary.graded == 56
    assert sixty.summary.repaired >= 12 and sixty.summary.ungraded == 0


def test_unit_00_too_is_graded_to_its_truth(make_sample, tmp_path):
    klass = make_sample(tmp_path, "00", 20, seed=4)
    assert differences(klass.folder / "truth.csv", exported(klass, tmp_path)) == []


def test_a_difference_from_the_truth_is_seen(sixty, tmp_path):
    path = exported(sixty, tmp_path)
    rows = list(csv.reader(path.open()))
    changed = next(row for row in rows if row[4] == "graded" and row[2] not in ("", "0"))
    changed[2] = "0.5"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    (said,) = differences(sixty.folder / "truth.csv", path)
    assert said.startswith(f"{changed[0]}, {changed[1]}: ")


def test_nbgraders_gradebook_holds_the_same_scores(sixty):
    folder = sixty.unit.name.folder
    true = {(row.learner, row.exercise): row for row in sixty.truth}
    with Gradebook(sixty.class_folder.gradebook_url) as gradebook:
        assert gradebook.find_assignment(folder).max_score == 20
        for (learner, exercise), row in true.items():
            if row.status == "quarantined":
                continue
            cell = f"check_{exercise}" if exercise in sixty.grading.answers.exercises else exercise
            grade = gradebook.find_grade(cell, sixty.unit.name.name, folder, learner)
            assert grade.auto_score == row.score, (learner, exercise)
            assert grade.needs_manual_grade == (row.status == "ungraded")


def test_every_learner_gets_a_feedback_page_with_their_repairs(sixty):
    for record in sixty.class_folder.results(sixty.unit).newest().values():
        page = sixty.class_folder.feedback(record.learner, sixty.unit)
        if record.status == "graded":
            text = page.read_text("utf-8")
            assert all(repair.split("`")[0] in text for repair in record.repairs)


def test_feedback_never_says_what_a_secret_case_expects(sixty):
    """The distinctive numbers of the secret draws stand in no page and no graded notebook."""
    secret = set()
    for draws in sixty.grading.draws.values():
        for case in (case for draw in draws for case in draw.cases):
            number = isinstance(case.expected, (float, np.ndarray)) and np.ndim(case.expected) == 0
            if case.weight and number:
                secret.add(f"{float(case.expected):.5g}")
    written = "".join(
        path.read_text("utf-8")
        for folder in ("feedback", "autograded")
        for path in sorted((sixty.folder / "class" / folder).rglob("*.*"))
    )
    assert secret and not [number for number in secret if number in written]


def test_results_hold_one_record_for_each_submission(sixty):
    path = sixty.class_folder.results(sixty.unit).path
    learners = [json.loads(line)["learner"] for line in path.read_text().splitlines()]
    assert len(learners) == len(set(learners)) == 60
