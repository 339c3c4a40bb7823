"""Each proof fails on a unit that deserves it, with a sentence that names unit and exercise."""

import json

import nbformat
import pytest

from autograde.build import proofs
from autograde.build.proofs import Subject
from autograde.cohort.results import ExerciseResult, Record
from autograde.unit import SourceError


def said(proof, subject: Subject, *arguments) -> str:
    return "\n".join(proof(subject, *arguments))


def test_a_solution_that_its_own_check_refuses_is_found(copy):
    copy.edit("neuron.py", "(z >= 0).astype(int)", "(z >= 0).astype(float) / (z - z)")
    with pytest.raises(SourceError, match="01_neuron, exercise step"):
        said(proofs.proof_1, copy.subject)


def test_an_edit_that_does_not_fit_the_solution_is_named(copy):
    copy.edit("exercises.py", 'replace=(" + bias", "")', 'replace=(" + offset", "")')
    with pytest.raises(SourceError, match=r"exercise weighted_sum: ' \+ offset' occurs 0 times"):
        said(proofs.proof_2, copy.subject)


def test_points_that_do_not_sum_to_20_are_found(copy):
    copy.edit("exercises.py", 'question("why_scale", points=2)', 'question("why_scale", points=5)')
    assert "its points sum to 23" in next(iter(proofs.proof_1(copy.subject)))


def test_a_mistake_that_passes_is_found(copy):
    copy.edit("exercises.py", 'replace=(" + bias", "")', 'replace=(" + bias", " + bias * 1")')
    text = said(proofs.proof_2, copy.subject)
    assert "01_neuron, weighted_sum" in text and "Add an earning case that fails it" in text


def test_two_mistakes_that_look_alike_are_found(copy):
    copy.edit("exercises.py", 'replace=("+ bias", "- bias")', 'replace=("+ bias", "+ 0 * bias")')
    assert "is taken for" in said(proofs.proof_2, copy.subject)


def test_a_mutant_that_survives_is_found_and_the_kill_rate_noted(copy):
    copy.edit(
        "exercises.py",
        'yield case("only the bias counts", rng.normal(size=3), np.zeros(3), away_from_zero(rng))',
        'yield case("only the bias counts", rng.normal(size=3), np.zeros(3), 0.0)',
    )
    copy.edit(
        "exercises.py",
        'yield case("weights and bias", rng.normal(size=5), rng.normal(size=5), '
        "away_from_zero(rng))",
        'yield case("weights and bias", rng.normal(size=5), rng.normal(size=5), 0.0)',
    )
    copy.edit(
        "exercises.py", "rray([3.0, 2.0, -5.0]), -1.0, weight=0", "rray([3.0, 2.0, -5.0]), 0.0"
    )
    notes: list[str] = []
    text = said(proofs.proof_3, copy.subject, notes)
    assert "01_neuron, weighted_sum: a mutant passes" in text
    assert any(note.startswith("weighted_sum ") and "/" in note for note in notes)


def test_a_right_answer_that_is_refused_is_found(copy):
    copy.edit("exercises.py", "        total += x * w\n", "        total += x * w * 1.001\n")
    text = said(lambda subject: proofs.proof_4(subject), _ungraded(copy.subject))
    assert "01_neuron, weighted_sum: a right answer (a loop over the features) fails" in text


def test_a_solution_line_in_the_released_notebook_is_found(copy):
    subject = copy.subject
    line = "try this:\n\n    return  np.sum(inputs*weights) + bias"
    subject.released.cells.append(nbformat.v4.new_markdown_cell(line))
    assert "01_neuron, weighted_sum: the solution's line" in said(proofs.proof_5, subject)


def test_a_solution_line_in_the_learner_package_is_found(copy):
    module = copy.unit.package / "reference.py"
    module.write_text("def f(z):\n    return (z >= 0).astype(int)\n")
    assert "reference.py" in said(proofs.proof_5, copy.subject)


def test_a_graded_cell_that_needs_a_demo_cell_is_found(copy):
    subject = _ungraded(copy.subject)
    subject.graded["solved"] = _record(_result("step", 2))
    subject.graded["no_demos"] = _record(_result("step", 0))
    assert "step: it earns 2 with the demo cells and 0 without" in said(proofs.proof_6, subject)


def test_a_missing_record_of_time_and_milestone_is_found(copy):
    assert "chainrule build --measure" in said(proofs.proof_7, copy.subject)


def test_a_record_over_the_budget_is_found(copy):
    subject = _ungraded(copy.subject)
    subject.graded["solved"] = _record(_result("step", 2), seconds=9.0)
    subject.measured = json.loads(copy.unit.measured.read_text()) | {"seconds": 400}
    text = said(proofs.proof_7, subject)
    assert "400 recorded seconds, over the budget of 90" in text
    assert "9.0 graded seconds in this run, over the budget of 5" in text


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"image/png": "aaaa", "text/plain": "<Figure>"}, "a figure without alt text"),
        ({"text/plain": "VBox(children=(FloatSlider(value=1.0),))"}, "without a static picture"),
    ],
)
def test_a_picture_that_some_can_not_see_is_found(copy, output, words):
    subject = copy.subject
    cell = nbformat.v4.new_code_cell("show()")
    cell.outputs = [nbformat.v4.new_output("display_data", output)]
    subject.executed.notebook.cells.append(cell)
    assert words in said(proofs.proof_8, subject)


def test_red_against_green_is_found(copy):
    subject = copy.subject
    cell = nbformat.v4.new_code_cell('ax.plot(x, color="red")')
    subject.executed.notebook.cells.append(cell)
    assert "red-green" in said(proofs.proof_8, subject)


def test_a_case_on_a_cliff_is_found(copy):
    copy.edit(
        "exercises.py",
        'yield case("only the bias counts", rng.normal(size=3), np.zeros(3), away_from_zero(rng))',
        'yield case("a cliff", 1e6 + rng.uniform(size=2), np.array([1.0, -1.0]), 0.0)',
    )
    assert "Keep ties and cliffs out of the case" in said(proofs.proof_10, copy.subject)


def test_a_constant_that_passes_a_case_is_found(copy):
    copy.edit(
        "exercises.py",
        'yield case("no bias, four features", rng.normal(size=4), rng.normal(size=4), 0.0)',
        'yield case("no weights", rng.normal(size=4), np.zeros(4), 0.0)',
    )
    text = said(proofs.proof_9, copy.subject)
    assert "01_neuron, weighted_sum: constant_0 passes “no weights”" in text


def _ungraded(subject: Subject) -> Subject:
    """A subject whose records the test writes itself."""
    subject.__dict__["graded"] = {}
    return subject


def _result(exercise: str, score: float) -> dict:
    return {"exercise": exercise, "score": score, "max_score": 2, "status": "graded"}


def _record(result: dict, seconds: float = 0.1):
    return Record("x", "01_neuron", "", {}, (ExerciseResult(**result),), seconds=seconds)
