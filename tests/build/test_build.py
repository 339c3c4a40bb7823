"""The build: the same bytes twice, and a check that sees every difference."""

import json
import shutil
from pathlib import Path

import nbformat
import pytest

from autograde import answer_key
from autograde.build import command
from autograde.build.mutants import mutants
from autograde.build.notebooks import released_notebook
from autograde.build.syllabus import syllabus_text
from autograde.unit import SourceError, all_units, load_unit
from chainrule.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def test_an_exercise_is_explained_under_the_heading_before_its_own():
    sections = answer_key._sections(load_unit(ROOT, "01"))
    assert (sections["weighted_sum"], sections["sigmoid"]) == (
        "Going to the concert",
        "How sure are you?",
    )


def test_building_twice_changes_no_byte(copy):
    files = (copy.unit.answers, copy.unit.released, copy.unit.solved)
    command.build_unit(copy.unit)
    before = [path.read_bytes() for path in files]
    command.build_unit(copy.unit)
    assert [path.read_bytes() for path in files] == before


def test_what_is_tracked_is_what_a_build_makes(copy):
    assert command.check_unit(copy.unit) == []


@pytest.mark.parametrize("name", ["released", "answers", "solved"])
def test_an_edited_generated_file_is_found(copy, name):
    path = getattr(copy.unit, name)
    path.write_text(path.read_text().replace("sigmoid", "sigmoyd"))
    if name == "solved":
        path.write_text("{}")
    found = command.check_unit(copy.unit)
    assert found
    assert all("01_neuron" in said and "chainrule build" in said for said in found)


def test_an_output_that_changed_is_found(copy):
    executed = nbformat.read(copy.unit.solved, as_version=4)
    tracked = nbformat.read(copy.unit.solved, as_version=4)
    cell = next(c for c in tracked.cells if "check" in c.metadata.get("chainrule", {}))
    cell.outputs[0]["data"]["text/plain"] = "something else"
    nbformat.write(tracked, copy.unit.solved)
    (said,) = command.compare_outputs(copy.unit, executed)
    assert "is no longer the tracked one" in said


def test_the_released_notebook_holds_no_solution_and_no_output(copy):
    text = released_notebook(copy.unit)
    assert "BEGIN SOLUTION" not in text and "MARK SCHEME" not in text
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    graded = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert sum(cell.metadata.nbgrader.points for cell in graded) == 20


def test_numbers_that_differ_in_the_last_digit_are_the_same_answers():
    one = json.dumps({"$array": [0.1, 1e-9], "dtype": "<f8"})
    assert command.same_json(one, one.replace("0.1", "0.10000000000000002"))
    assert not command.same_json(one, one.replace("0.1", "0.2"))


def test_a_unit_without_a_check_cell_is_named(copy):
    copy.edit("neuron.py", '# %% check="step"', "# %%")
    with pytest.raises(SourceError, match=r'01_neuron: step has 0 cells marked check="step"'):
        _ = copy.unit.declaration


def test_a_broken_exercises_file_is_named(copy):
    copy.edit("exercises.py", "import numpy as np", "import numpyy as np")
    with pytest.raises(SourceError, match=r"exercises\.py fails: ModuleNotFoundError"):
        _ = copy.unit.declaration


def test_an_unknown_unit_suggests_the_nearest():
    with pytest.raises(UserError, match=r"no unit called 'neurone'\. Did you mean neuron\?"):
        load_unit(ROOT, "neurone")


@pytest.mark.parametrize("name", ["1", "01", "neuron", "01_neuron", "01_neuron/", "NEURON"])
def test_a_unit_goes_by_number_name_or_folder(name):
    assert load_unit(ROOT, name).name.folder == "01_neuron"


def test_the_syllabus_names_every_unit_on_the_clone():
    text = syllabus_text(all_units(ROOT))
    assert (ROOT / "course" / "README.md").read_text("utf-8") == text
    for unit in all_units(ROOT):
        assert f"({unit.name.folder}/{unit.name.name}.ipynb)" in text


def test_the_handout_has_the_course_and_no_solutions(tmp_path):
    from autograde.build.handout import make_handout

    make_handout(ROOT, tmp_path / "out")
    names = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*")}
    assert "course/01_neuron/neuron.ipynb" in names
    assert "course/chainrule/neuron/answers.json" in names
    assert not any("solutions" in name or "autograde" in name for name in names)
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "make course" in readme and "## Learners" in readme
    assert "make test" not in readme and "chainrule grade" not in readme
    with pytest.raises(UserError, match="is not empty"):
        make_handout(ROOT, tmp_path / "out")
    shutil.rmtree(tmp_path / "out")


SOLUTION = '''def share(x, total=0):
    """Two in words: 2."""
    for value in x:
        total += value
    if total <= 0:
        raise ValueError("no 7 here")
    return np.sum(-x[:2], axis=0) / total
'''


def test_mutants_are_single_edits_of_the_code():
    made = mutants(SOLUTION, "share")
    edits = [str(mutant) for mutant in made]
    for expected in (
        "total += value -> total -= value",
        "total += value -> total = value",
        "-> np.sum(-x[:2])",
        "-> np.mean(-x[:2], axis=0)",
        "-x[:2] -> (x[:2])",
        "<= 0 ->  < 0",
        ":2 -> 2:",
    ):
        assert any(expected in edit for edit in edits), (expected, edits)
    for mutant in made:
        compile(mutant.source, "mutant", "exec")
    assert len({mutant.source for mutant in made}) == len(made) <= 60
    assert not any("words" in edit or "no 7" in edit for edit in edits)


def test_the_same_mutants_are_made_every_time():
    assert mutants(SOLUTION, "share") == mutants(SOLUTION, "share")
