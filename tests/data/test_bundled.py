"""The bundled sets: whole, balanced, quick to load, and as their data sheets say."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest

import chainrule.data
from autograde.datasets import breast_cancer, concert, digits, first_names, photograph, pictures
from chainrule import data
from chainrule.data._download import RemoteFile
from chainrule.data._idx import write_idx
from chainrule.data._images import ImageSet, assembled, bundled
from chainrule.errors import UserError

FOLDER = Path(chainrule.data.__file__).parent
SHEETS = sorted(FOLDER.glob("*.md"))
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in (".npz", ".csv"))


@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist])
def test_ten_thousand_pictures_to_train_on_and_two_thousand_to_test(load):
    images = load()
    assert images.x_train.shape == (10_000, 28, 28)
    assert images.x_test.shape == (2_000, 28, 28)
    assert images.x_train.dtype == images.x_test.dtype == np.uint8
    assert np.array_equal(np.bincount(images.y_train), [1000] * 10)
    assert np.array_equal(np.bincount(images.y_test), [200] * 10)
    assert len(images.classes) == 10
    assert images.x_train.flags.writeable


@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist])
def test_no_test_picture_is_a_training_picture(load):
    images = load()
    train = {picture.tobytes() for picture in images.x_train}
    assert sum(picture.tobytes() in train for picture in images.x_test) == 0


@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist, data.digits])
def test_any_slice_holds_every_class(load):
    assert set(load().y_train[:200]) == set(range(10))


def test_it_loads_within_a_second():
    started = time.process_time()
    data.fashion_mnist()
    assert time.process_time() - started < 1


def test_full_is_never_asked_for_by_accident():
    with pytest.raises(TypeError):
        data.mnist(True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_data_sheet_states_the_files_size_and_checksum(path):
    sheet = path.with_suffix(".md").read_text("utf-8")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert f"`{path.name}`, {len(content):,} bytes, SHA-256 `{digest}`" in sheet


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)
def test_every_data_sheet_names_a_source_and_a_licence(path):
    sheet = path.read_text("utf-8")
    assert re.search(r"\*\*(Where it comes from|Where from)", sheet)
    assert "**Licence" in sheet


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_data_sheet_states_the_checksums_that_are_checked(name):
    sheet = (FOLDER / f"{name}.md").read_text("utf-8")
    declared = getattr(__import__(f"chainrule.data.{name}", fromlist=[name]), name.upper())
    for file in declared.files:
        assert f"| {file.name} | {file.size:,} | `{file.sha256}` |" in sheet


@pytest.mark.parametrize(
    ("script", "file"),
    [(breast_cancer, "breast_cancer.csv"), (concert, "concert.csv"), (digits, "digits.npz")],
)
def test_a_script_makes_the_bundled_file_byte_for_byte(script, file):
    assert script.make() == (FOLDER / file).read_bytes()


def test_first_names_are_different_and_spelled_with_a_to_z():
    names = data.first_names()
    assert (len(names.train), len(names.test)) == (4647, 516)
    assert len({*names.train, *names.test}) == 4647 + 516
    assert all(re.fullmatch("[a-z]{2,11}", name) for name in [*names.train, *names.test])
    assert {"mary", "james"} <= {*names.train, *names.test}


def test_a_script_reads_names_from_an_archive_and_refuses_another_one(tmp_path, monkeypatch):
    archive = tmp_path / "names.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        for path, text in zip(
            first_names.LISTS, ("MARY 2.6 2.6 1\nKIM 0.1 2.7 2\n", "KIM 1 1 1\n"), strict=True
        ):
            content = text.encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    with pytest.raises(ValueError, match="has SHA-256"):
        first_names.make(archive)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(first_names, "SOURCE_SHA256", found)
    assert first_names.make(archive) == b"name,part\nkim,train\nmary,train\n"


def test_sunspots_come_in_waves_of_eleven_years():
    sun = data.sunspots()
    assert sun.years.tolist() == list(range(1700, 2009))
    waves = sun.numbers - sun.numbers.mean()
    alike = {lag: np.corrcoef(waves[lag:], waves[:-lag])[0, 1] for lag in range(5, 18)}
    assert max(alike, key=alike.get) in (10, 11)


def test_the_photograph_shows_something():
    pixels = data.photograph()
    assert pixels.shape == (128, 128)
    assert pixels.dtype == np.uint8
    assert pixels.std() > 50
    assert pictures.npz({"pixels": pixels}) == (FOLDER / "photograph.npz").read_bytes()


def test_a_smaller_photograph_keeps_the_mean_of_each_block():
    pixels = np.repeat(np.repeat(np.array([[0, 9], [200, 255]], np.uint8), 4, axis=0), 4, axis=1)
    pixels[0, 0] = 16
    assert photograph.smaller(pixels).tolist() == [[1, 9], [200, 255]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_packing_the_arrays_again_gives_the_same_file(name):
    with np.load(FOLDER / f"{name}.npz") as file:
        assert pictures.npz(dict(file)) == (FOLDER / f"{name}.npz").read_bytes()


def test_a_bundle_is_drawn_from_each_part_of_the_source_with_every_class_alike(tmp_path):
    rng = np.random.default_rng(1)
    parts = []
    for rows in (9000, 2500):
        labels = rng.integers(0, 3, size=rows, dtype=np.uint8)
        parts += [rng.integers(0, 256, size=(rows, 2, 2), dtype=np.uint8), labels]
    files = []
    for number, array in enumerate(parts):
        content = write_idx(array)
        files.append(RemoteFile(str(number), len(content), hashlib.sha256(content).hexdigest()))
        (tmp_path / f"{number}.gz").write_bytes(gzip.compress(content))
    small = ImageSet("made", "Made", ("a", "b", "c"), tuple(files), "", "")
    made = pictures.bundle(tmp_path, small)
    assert made == pictures.bundle(tmp_path, small)
    (tmp_path / "made.npz").write_bytes(made)
    with np.load(tmp_path / "made.npz") as file:
        assert np.array_equal(np.bincount(file["y_train"]), [pictures.TRAIN_PER_CLASS] * 3)
        assert np.array_equal(np.bincount(file["y_test"]), [pictures.TEST_PER_CLASS] * 3)
        source = {(*x.ravel(), y) for x, y in zip(parts[0], parts[1], strict=True)}
        drawn = {(*x.ravel(), y) for x, y in zip(file["x_train"], file["y_train"], strict=True)}
    assert drawn <= source


def test_a_source_with_another_checksum_is_refused(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"another file")
    with pytest.raises(ValueError, match="has SHA-256"):
        pictures.source(tmp_path, RemoteFile("train-images-idx3-ubyte", 12, "0" * 64))


def test_files_that_do_not_belong_together_are_refused(tmp_path, arrays):
    paths = [tmp_path / str(number) for number in range(4)]
    for path, array in zip(paths, arrays, strict=True):
        path.write_bytes(write_idx(array))
    paths[1].write_bytes(write_idx(arrays[3]))
    with pytest.raises(UserError, match="do not fit"):
        assembled(paths, ("a", "b", "c"))
    paths[1].write_bytes(write_idx(arrays[1]))
    with pytest.raises(UserError, match="a training label is 2; there are 2 classes"):
        assembled(paths, ("a", "b"))


def test_a_bundled_set_needs_its_file():
    with pytest.raises(FileNotFoundError):
        bundled("no_such_set", ("a",))
