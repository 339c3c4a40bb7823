"""Full data sets over real HTTP: what arrives is checked, what fails says why and what to do."""

from __future__ import annotations

import gzip
import socket

import numpy as np
import pytest

from chainrule import data
from chainrule.data._download import CACHE_VARIABLE, MIRROR_VARIABLE, Damaged, unpacked
from chainrule.errors import UserError

FILES = 4


def same(images, arrays):
    return all(np.array_equal(*pair) for pair in zip(images[:4], arrays, strict=True))


def failure(small, **settings) -> str:
    with pytest.raises(UserError) as caught:
        small.full(**{"retries": 0, **settings})
    return str(caught.value)


def closed_port() -> int:
    """A port at which nobody answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_the_full_set_arrives_from_the_official_address(small, official, arrays, capfd):
    images = small.full()
    assert same(images, arrays)
    assert images.classes == ["a", "b", "c"]
    assert images.y_train.dtype == np.int64
    assert len(official.asked) == FILES
    assert "The full Small, train-images" in capfd.readouterr().err  # the progress bar


def test_the_second_time_it_comes_from_the_cache(small, official, arrays):
    small.full()
    official.stop()
    assert same(small.full(), arrays)
    assert len(official.asked) == FILES


def test_a_cached_file_that_was_damaged_is_downloaded_again(small, official, arrays, cache):
    small.full()
    (cache / "small" / "test-images").write_bytes(b"spoilt")
    assert same(small.full(), arrays)
    assert len(official.asked) == FILES + 1


def test_404_then_the_mirror(small, official, mirror, arrays):
    (official.folder / "train-labels.gz").unlink()
    assert same(small.full(mirror=mirror.base), arrays)
    assert official.asked == ["/train-images.gz", "/train-labels.gz"]  # a 404 is not tried again
    assert "/small/train-images.gz" not in mirror.asked  # that one was already here
    assert len(mirror.asked) == FILES - 1


def test_the_mirror_can_be_named_by_a_variable(small, official, mirror, arrays, monkeypatch):
    (official.folder / "train-images.gz").unlink()
    monkeypatch.setenv(MIRROR_VARIABLE, mirror.base.rstrip("/"))
    assert same(small.full(), arrays)
    assert mirror.asked[0] == "/small/train-images.gz"


def test_404_everywhere_says_what_to_do(small, official):
    (official.folder / "train-images.gz").unlink()
    said = failure(small)
    assert f"{official.base} answers 404 for train-images.gz" in said
    assert f"{official.base}nowhere/ answers 404" in said
    assert 'data.small(full=True, mirror="https://...")' in said
    assert "data.small() gives the bundled part" in said


def test_a_connection_that_breaks_off_is_tried_again(small, official, arrays):
    official.breaks_off["/test-images.gz"] = 1
    assert same(small.full(retries=1), arrays)
    assert official.asked.count("/test-images.gz") == 2


def test_a_server_that_is_busy_is_tried_again(small, official, arrays):
    official.busy["/train-labels.gz"] = 1
    assert same(small.full(retries=1), arrays)
    assert official.asked.count("/train-labels.gz") == 2


def test_a_connection_that_always_breaks_off(small, official):
    official.breaks_off["/train-images.gz"] = 1
    assert "breaks off in the middle of a file" in failure(small)


def test_a_truncated_file_is_refused_and_nothing_is_kept(small, official, mirror, arrays, cache):
    whole = (official.folder / "train-images.gz").read_bytes()
    (official.folder / "train-images.gz").write_bytes(whole[:-20])
    assert "sends a file that ends too early" in failure(small)
    assert list((cache / "small").iterdir()) == []
    assert same(small.full(mirror=mirror.base, retries=0), arrays)


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(small, official, contents, cache):
    other = contents["train-images"][:-1] + b"\0"
    (official.folder / "train-images.gz").write_bytes(gzip.compress(other))
    assert "wrong checksum" in failure(small)
    assert list((cache / "small").iterdir()) == []


def test_a_mirror_may_pack_the_files_anew_or_not_at_all(small, official, mirror, contents, arrays):
    (official.folder / "train-images.gz").unlink()
    packed = gzip.compress(contents["train-images"], compresslevel=1, mtime=12345)
    (mirror.folder / "small" / "train-images.gz").write_bytes(packed)
    (mirror.folder / "small" / "train-labels.gz").write_bytes(contents["train-labels"])
    assert same(small.full(mirror=mirror.base), arrays)


def test_a_file_that_never_ends_is_cut_off(small, official):
    (official.folder / "train-images.gz").write_bytes(b"\x1f\x8b" + bytes(5000))
    assert "more than the file has" in failure(small)


def test_no_network(small, official):
    official.stop()
    said = failure(small)
    assert f"{official.base} can't be reached. " in said
    assert "Until then data.small() gives the bundled part, which needs no network." in said


@pytest.mark.slow  # the real retries wait
@pytest.mark.parametrize(
    ("load", "title"), [(data.mnist, "MNIST"), (data.fashion_mnist, "Fashion-MNIST")]
)
def test_without_a_network_the_bundled_part_still_works(load, title, monkeypatch):
    # Every address but this machine's own lies behind a proxy that does not answer.
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(UserError, match=f"The full {title} could not be downloaded"):
        load(full=True)
    assert len(load().x_train) == 10_000


def test_a_mirror_that_is_no_address(small, official):
    (official.folder / "train-images.gz").unlink()
    assert "is not an address to download from" in failure(small, mirror="/data/sets")


def test_a_cache_that_is_a_file(small, tmp_path, monkeypatch):
    (tmp_path / "occupied").write_text("not a folder")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "occupied"))
    assert f"set {CACHE_VARIABLE} to a folder that you can write to" in failure(small)


def test_unpacking_stops_at_the_files_size():
    bomb = gzip.compress(bytes(10_000_000))
    with pytest.raises(Damaged, match="more than its 1,000 bytes"):
        unpacked(bomb, 1000)


def test_a_broken_packing_is_named():
    packed = bytearray(gzip.compress(b"some content, long enough to be packed"))
    packed[15] ^= 0xFF
    with pytest.raises(Damaged, match="can't be unpacked|ends too early"):
        unpacked(bytes(packed), 1000)
