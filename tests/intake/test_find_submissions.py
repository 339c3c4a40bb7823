"""Every way a class hands in is found, and nothing outside of it is touched."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from datetime import UTC, datetime

import pytest

from autograde.intake import Quarantined, find_submissions, read_submission
from chainrule.errors import UserError

N = "{}"  # the content of a notebook does not matter here
CANVAS = "lovelaceada_12345_67890_neuron.ipynb"
MOODLE = "Ada Lovelace_12345_assignsubmission_file_/my work.ipynb"


@pytest.fixture
def find(unit, tmp_path):
    def found(folder):
        return find_submissions(folder, unit, tmp_path / "scratch")

    return found


def zipped(files, **options):
    """A zip archive with these entries; a key may be a ZipInfo."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files if isinstance(files, list) else files.items():
            archive.writestr(name, content, **options)
    return buffer.getvalue()


def learners(submissions):
    return {one.learner: one.problem for one in submissions}


# --- folders -------------------------------------------------------------------------------------


def test_each_learner_has_a_folder(find, class_folder):
    root = class_folder(
        {
            "bob/01_neuron/neuron.ipynb": N,
            "ada/01_neuron/neuron.ipynb": N,
            "ada/03_backprop/backprop.ipynb": N,
            "eve/03_backprop/backprop.ipynb": N,
            "readme.txt": "",
        }
    )
    found = find(root)
    assert learners(found) == {"ada": None, "bob": None}
    assert [one.learner for one in found] == ["ada", "bob"]
    assert found[0].path == root / "ada/01_neuron/neuron.ipynb"


def test_the_folder_above_may_be_named(find, class_folder):
    class_folder({"ada/01_neuron/neuron.ipynb": N}, folder="class/submitted")
    assert learners(find(class_folder({}, folder="class"))) == {"ada": None}


def test_a_folder_of_files_named_after_learners(find, class_folder):
    root = class_folder(
        {"ada.ipynb": N, "bob_neuron.ipynb": N, "cy_01_neuron (1).ipynb": N, "d_e.ipynb": N}
    )
    assert learners(find(root)) == {"ada": None, "bob": None, "cy": None, "d_e": None}


def test_an_ending_that_all_files_share_is_not_part_of_the_names(find, class_folder):
    root = class_folder({"ada_homework.ipynb": N, "bob_homework.ipynb": N})
    assert learners(find(root)) == {"ada": None, "bob": None}


def test_a_file_named_like_the_unit_does_not_say_whose_it_is(find, class_folder):
    (problem,) = learners(find(class_folder({"neuron.ipynb": N}))).values()
    assert "whose" in problem


def test_the_released_name_goes_before_others(find, class_folder):
    root = class_folder({"ada/01_neuron/neuron.ipynb": N, "ada/01_neuron/scratch.ipynb": N})
    (found,) = find(root)
    assert found.path.name == "neuron.ipynb" and found.problem is None


def test_a_wrong_file_name_is_accepted_if_it_is_the_only_one(find, class_folder):
    (found,) = find(class_folder({"ada/01_neuron/My Neuron (2).ipynb": N}))
    assert found.path.name == "My Neuron (2).ipynb" and found.problem is None


def test_two_notebooks_without_the_released_name_are_a_problem(find, class_folder):
    root = class_folder({"ada/01_neuron/a.ipynb": N, "ada/01_neuron/b.ipynb": N})
    assert "2 notebooks were handed in (a.ipynb, b.ipynb)" in learners(find(root))["ada"]


def test_a_learner_who_handed_in_no_notebook_is_named(find, class_folder):
    root = class_folder({"ada/01_neuron/neuron.html": "", "bob/01_neuron/neuron.ipynb": N})
    assert learners(find(root)) == {
        "ada": "No notebook was handed in, only neuron.html.",
        "bob": None,
    }


def test_checkpoints_and_hidden_files_are_passed_over(find, class_folder):
    root = class_folder(
        {
            "ada/01_neuron/neuron.ipynb": N,
            "ada/01_neuron/.ipynb_checkpoints/neuron.ipynb": N,
            "._ada.ipynb": N,
            ".git/01_neuron/neuron.ipynb": N,
        }
    )
    assert learners(find(root)) == {"ada": None}


def test_a_receipt_or_nbgraders_stamp_says_when_it_was_handed_in(find, class_folder):
    root = class_folder(
        {
            "ada/01_neuron/neuron.ipynb": N,
            "ada/01_neuron/receipt.json": '{"time": "2026-03-01T12:00:00+01:00"}',
            "bob/01_neuron/neuron.ipynb": N,
            "bob/01_neuron/timestamp.txt": "2026-03-01 12:00:00.000000 UTC\n",
            "cy/01_neuron/neuron.ipynb": N,
            "cy/01_neuron/receipt.json": '{"time": 7}',
            "dan/01_neuron/neuron.ipynb": N,
            "dan/01_neuron/timestamp.txt": "2026-03-01 12:00:00 ../../Nowhere",
        }
    )
    when = [one.submitted for one in find(root)]
    assert when == [
        datetime(2026, 3, 1, 11, tzinfo=UTC),
        datetime(2026, 3, 1, 12, tzinfo=UTC),
        None,
        None,
    ]


@pytest.mark.parametrize(
    "name", ["a\x07b", "ada\u202egro", "zero\u200bwidth", "back\\slash", "bell\x1b[31m", " ada "]
)
def test_names_that_could_deceive_are_a_problem(find, class_folder, name):
    (found,) = find(class_folder({f"{name}/01_neuron/neuron.ipynb": N}))
    assert "characters" in found.problem
    assert found.learner.isprintable() and "\\" not in found.learner


def test_a_name_in_any_script_is_fine(find, class_folder):
    names = {"Zoë Müller", "李小龍", "Ольга", "O'Neil-Smith, J."}
    root = class_folder({f"{name}/01_neuron/neuron.ipynb": N for name in names})
    assert learners(find(root)) == dict.fromkeys(names)


def test_a_missing_folder_is_an_error_that_says_what_is_accepted(find, tmp_path):
    with pytest.raises(UserError, match=r"LEARNER/01_neuron/neuron.ipynb.*zip"):
        find(tmp_path / "nowhere")


def test_a_folder_without_submissions_is_an_error(find, class_folder):
    with pytest.raises(UserError, match="no submissions of 01_neuron"):
        find(class_folder({"ada/03_backprop/backprop.ipynb": N, "notes.txt": ""}))


def test_a_file_that_is_no_archive_is_an_error(find, class_folder):
    with pytest.raises(UserError, match="neither a folder nor a zip"):
        find(class_folder({"class.tar": "x"}) / "class.tar")
    with pytest.raises(UserError, match="not a zip archive"):
        find(class_folder({"class.zip": "x"}) / "class.zip")


# --- links and other traps -----------------------------------------------------------------------


def test_links_are_refused(find, class_folder, tmp_path):
    secret = tmp_path / "secret" / "01_neuron"
    secret.mkdir(parents=True)
    (secret / "neuron.ipynb").write_text(N)
    root = class_folder({"zoe/01_neuron/neuron.ipynb": N, "ada/01_neuron/x.txt": "", "bob/x": ""})
    (root / "ada/01_neuron/neuron.ipynb").symlink_to(secret / "neuron.ipynb")
    (root / "bob/01_neuron").symlink_to(secret)
    (root / "cy").symlink_to(secret.parent)
    (root / "dan.ipynb").symlink_to(secret / "neuron.ipynb")
    found = find(root)
    problems = learners(found)
    assert problems.pop("zoe") is None
    assert set(problems) == {"ada", "bob", "cy", "dan"}
    assert all("link" in problem for problem in problems.values())
    with pytest.raises(Quarantined, match="link"):
        read_submission(root / "ada/01_neuron/neuron.ipynb")


def test_a_fifo_is_not_opened(class_folder):
    path = class_folder({}) / "neuron.ipynb"
    os.mkfifo(path)
    with pytest.raises(Quarantined, match="not a regular file"):
        read_submission(path)


def test_a_device_and_a_folder_are_not_read(tmp_path):
    for path in (os.devnull, tmp_path):
        with pytest.raises(Quarantined, match="not a regular file|can't be opened"):
            read_submission(type(tmp_path)(path))


def test_a_socket_and_a_missing_file_are_not_read(tmp_path):
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        with pytest.raises(Quarantined):
            read_submission(tmp_path / "s")
    with pytest.raises(Quarantined, match="not there"):
        read_submission(tmp_path / "none.ipynb")


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "neuron.ipynb"
    with path.open("wb") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(Quarantined, match="32 MB"):
        read_submission(path)


def test_a_fifo_among_the_submissions_harms_nobody_else(find, class_folder):
    root = class_folder({"ada/01_neuron/neuron.ipynb": N, "bob/01_neuron/x": ""})
    os.mkfifo(root / "bob/01_neuron/neuron.ipynb")
    os.mkfifo(root / "bob/01_neuron/receipt.json")
    os.mkfifo(root / "work.zip")
    found = {one.learner: one for one in find(root)}
    assert found["ada"].problem is None
    assert "regular" in found["work"].problem
    with pytest.raises(Quarantined):
        read_submission(found["bob"].path)


# --- archives ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files, expected",
    [
        ({"ada/01_neuron/neuron.ipynb": N, "bob/01_neuron/neuron.ipynb": N}, {"ada", "bob"}),
        ({"submitted/ada/01_neuron/neuron.ipynb": N}, {"ada"}),
        ({"ada.ipynb": N, "bob_neuron.ipynb": N}, {"ada", "bob"}),
        ({"class/ada.ipynb": N, "class/bob.ipynb": N}, {"ada", "bob"}),
        ({"class/ada/neuron.ipynb": N, "class/bob/neuron.ipynb": N}, {"ada", "bob"}),
        (
            {CANVAS: N, "turingalan_LATE_23456_78901_neuron-1.ipynb": N},
            {"lovelaceada", "turingalan"},
        ),
        ({MOODLE: N, "Al T_2_assignsubmission_file_/neuron.ipynb": N}, {"Ada Lovelace", "Al T"}),
        ({"ada.ipynb": N, "__MACOSX/._ada.ipynb": N, ".DS_Store": ""}, {"ada"}),
    ],
)
def test_a_zip_of_the_class(find, class_folder, files, expected):
    root = class_folder({"class.zip": zipped(files)})
    found = find(root / "class.zip")
    assert learners(found) == dict.fromkeys(expected)
    assert all(read_submission(one.path) == N.encode() for one in found)


@pytest.mark.parametrize("name", [CANVAS, MOODLE])
def test_an_unpacked_platform_archive(find, class_folder, name):
    assert set(learners(find(class_folder({name: N})))) in ({"lovelaceada"}, {"Ada Lovelace"})


def test_a_folder_of_zips_is_one_zip_for_each_learner(find, class_folder):
    root = class_folder(
        {
            "ada.zip": zipped({"neuron.ipynb": N}),
            "bob_neuron.zip": zipped({"course/01_neuron/neuron.ipynb": N}),
            "lovelaceada_12345_67890_work.zip": zipped({"x/y/neuron.ipynb": N}),
            "cy/01_neuron/work.zip": zipped({"neuron.ipynb": N}),
        }
    )
    assert learners(find(root)) == dict.fromkeys(["ada", "bob", "cy", "lovelaceada"])


def test_a_platform_archive_inside_the_folder(find, class_folder):
    root = class_folder({"submissions.zip": zipped({CANVAS: N, MOODLE: N})})
    assert learners(find(root)) == {"lovelaceada": None, "Ada Lovelace": None}


@pytest.mark.parametrize("named", [CANVAS, MOODLE, "work.zip", "x/" + MOODLE])
def test_a_file_named_as_another_learners_is_still_whose_folder_it_is_in(find, class_folder, named):
    content = zipped({MOODLE: N}) if named.endswith("zip") else N
    root = class_folder({f"eve/01_neuron/{named}": content, "bob/01_neuron/neuron.ipynb": N})
    assert set(learners(find(root))) == {"bob", "eve"}


def test_a_zip_of_a_learner_among_others_can_not_name_another_one(find, class_folder):
    root = class_folder({"eve.zip": zipped({MOODLE: N}), "bob.zip": zipped({"neuron.ipynb": N})})
    assert set(learners(find(root))) == {"bob", "eve"}


def test_a_name_of_many_bytes_is_cut_to_what_a_folder_can_be_called(find, class_folder):
    root = class_folder({"c.zip": zipped({"\U0001f40d" * 90 + "/neuron.ipynb": N})})
    ((learner, problem),) = learners(find(root / "c.zip")).items()
    assert len(learner.encode()) <= 100 and "longer than 100 bytes" in problem


def test_a_zip_inside_a_platform_archive_is_opened(find, class_folder):
    inner = zipped({"homework/neuron.ipynb": N})
    outer = zipped({"Ada Lovelace_12345_assignsubmission_file_/work.zip": inner})
    assert learners(find(class_folder({"c.zip": outer}) / "c.zip")) == {"Ada Lovelace": None}


def test_zips_are_not_opened_without_end(find, class_folder):
    data = zipped({"neuron.ipynb": N})
    for _ in range(5):
        data = zipped({"again.zip": data})
    assert "No notebook" in learners(find(class_folder({"ada.zip": data})))["ada"]


def test_two_people_of_one_name_are_told_apart_by_the_platforms_number(find, class_folder):
    names = [f"Kim Lee_{n}_assignsubmission_file_/neuron.ipynb" for n in (111, 222)]
    root = class_folder({"c.zip": zipped(dict.fromkeys(names, N))})
    assert learners(find(root / "c.zip")) == {"Kim Lee_111": None, "Kim Lee_222": None}


@pytest.mark.parametrize(
    "name", ["../../evil.ipynb", "/etc/evil.ipynb", "C:\\evil.ipynb", "a\\..\\..\\evil.ipynb"]
)
def test_no_archive_writes_outside_of_the_scratch_folder(find, class_folder, tmp_path, name):
    root = class_folder({"c.zip": zipped({name: N, "ada.ipynb": N})})
    before = {path for path in tmp_path.rglob("*")}
    problems = learners(find(root / "c.zip"))
    assert problems.pop("ada") is None
    assert all("outside" in problem for problem in problems.values()) and len(problems) == 1
    new = {path for path in tmp_path.rglob("*")} - before
    assert all(path.is_relative_to(tmp_path / "scratch") for path in new)


def test_a_link_in_an_archive_is_refused(find, class_folder):
    link = zipfile.ZipInfo("ada.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    root = class_folder({"c.zip": zipped([(link, "/etc/passwd"), ("bob.ipynb", N)])})
    problems = learners(find(root / "c.zip"))
    assert "link" in problems["ada"] and problems["bob"] is None


def test_a_zip_bomb_is_refused(find, class_folder):
    root = class_folder({"ada.zip": zipped({"neuron.ipynb": b"0" * 30_000_000})})
    assert "far more" in learners(find(root))["ada"]


def test_an_entry_that_lies_about_its_size_is_refused(find, class_folder):
    honest = zipped({"neuron.ipynb": b"0" * 40_000_000})
    size = (40_000_000).to_bytes(4, "little")
    root = class_folder({"ada.zip": honest.replace(size, (1000).to_bytes(4, "little"))})
    assert learners(find(root))["ada"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_twice_in_an_archive_is_a_problem(find, class_folder):
    data = zipped([("ada.ipynb", N), ("ada.ipynb", "[]"), ("bob.ipynb", N)])
    problems = learners(find(class_folder({"c.zip": data}) / "c.zip"))
    assert "more than once" in problems["ada"] and problems["bob"] is None


def test_a_broken_or_empty_archive_costs_only_its_owner(find, class_folder):
    root = class_folder(
        {
            "ada.zip": zipped({"neuron.ipynb": N}),
            "bob.zip": b"PK\x03\x04 broken",
            "cy.zip": zipped({}),
            "dan.zip": zipped({"neuron.ipynb": N * 500}).replace(b"{}", b"}{", 1)[:-60],
        }
    )
    problems = learners(find(root))
    assert problems.pop("ada") is None
    assert len(problems) == 3 and all(problems.values())


def test_an_encrypted_archive_is_a_problem(find, class_folder):
    data = bytearray(zipped({"neuron.ipynb": N}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in learners(find(class_folder({"ada.zip": bytes(data)})))["ada"]


def test_other_compressions_are_refused(find, class_folder):
    data = zipped({"neuron.ipynb": N}, compress_type=zipfile.ZIP_BZIP2)
    assert "deflate" in learners(find(class_folder({"ada.zip": data})))["ada"]


def test_the_order_is_always_the_same(find, class_folder):
    root = class_folder({f"{name}.zip": zipped({"neuron.ipynb": N}) for name in "dacb"})
    assert [one.learner for one in find(root)] == list("abcd")
