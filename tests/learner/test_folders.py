"""Where the course is found, from wherever a learner happens to stand."""

from chainrule.folders import course_folder, holds_units, is_unit_folder, shown


def test_inside_a_unit_it_is_the_folder_above(course):
    assert course_folder() == course


def test_it_is_found_from_the_clone_and_from_deep_inside(course):
    assert course_folder(course) == course
    assert course_folder(course.parent) == course
    deep = course / "chainrule" / "data"
    deep.mkdir(parents=True)
    assert course_folder(deep) == course


def test_a_unit_folder_is_known_by_its_name(tmp_path):
    assert is_unit_folder(tmp_path / "03_backprop")
    for name in ("3_backprop", "backprop", "03_", "03_back-prop", "03"):
        assert not is_unit_folder(tmp_path / name)


def test_a_folder_without_notebooks_holds_no_units(tmp_path):
    (tmp_path / "00_welcome").mkdir()
    assert not holds_units(tmp_path)
    assert not holds_units(tmp_path / "nowhere")


def test_paths_are_shown_short(course):
    assert shown(course / "00_welcome" / "welcome.ipynb") == "welcome.ipynb"
    assert shown(course / "README.md") == "../README.md"
