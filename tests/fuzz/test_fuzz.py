"""No input makes the decoder or intake crash, hang, or take more memory than its limit."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile

import msgpack
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chainrule.observe import MAX_BYTES, MAX_ITEMS, unpack
from tests.fuzz.targets import ROOT, TARGETS, archive, decoder, intake, outputs, released

SOME = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))

# --- the decoder of observations ---------------------------------------------------------------

keys = st.text(max_size=5) | st.integers(0, 9)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner),
    max_leaves=20,
)
arrays = st.tuples(
    st.sampled_from(["<f8", "|b1", "<i4", "<c16", "|O8", "<f99", ">u2", "<M8", ""]) | st.text(),
    st.lists(st.integers(-1, 2**33) | st.sampled_from([0, 1, 2]), max_size=10),
    st.binary(max_size=64),
)
extensions = st.builds(
    lambda code, fields: msgpack.ExtType(code, msgpack.packb(fields)),
    st.integers(0, 9),
    arrays.map(list) | st.lists(plain, max_size=7) | plain,
)
hostile = st.recursive(
    plain | extensions,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=9,
)
headers = st.builds(  # a value that claims to be long, of every kind
    lambda first, length, rest: bytes([first]) + length + rest,
    st.integers(0x80, 0xDF),
    st.sampled_from([b"", b"\xff", b"\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff"]),
    st.binary(max_size=30),
)


@SOME
@given(st.binary(max_size=400) | headers | st.lists(headers, max_size=4).map(b"".join))
@example(b"\xc1")
@example(b"\xd7\xff" + bytes(8))
@example(msgpack.packb(10**18))
def test_any_bytes_are_no_observation_or_one_that_can_be_compared(data):
    decoder(data)


@SOME
@given(hostile)
@example(msgpack.ExtType(5, msgpack.packb([hex(10**400)])))
@example(msgpack.ExtType(1, msgpack.packb(["|b1", [1], b"\x02"])))
@example([float("nan"), float("inf"), -0.0])
def test_any_message_is_no_observation_or_one_that_can_be_compared(value):
    decoder(msgpack.packb(value))


def nested(count: int, inner: bytes) -> bytes:
    return b"\xdd" + struct.pack(">I", count) + inner * count


EMPTY = b"\xdc\xff\xff" + b"\x80" * 65535
BOMBS = {
    "many empty dicts": nested(240, EMPTY),
    "many lists of nothing": nested(240, b"\xdc\xff\xff" + b"\xc0" * 65535),
    "a list that claims four thousand million": b"\xdd\xff\xff\xff\xff",
    "a dict that claims as many": b"\xdf\xff\xff\xff\xff" * 1000,
    "lists in lists": b"\x91" * 1_000_000,
    "an extension full of empty dicts": b"\xc9"
    + struct.pack(">I", 60_000)
    + b"\x01"
    + b"\xdc\xff\xff"
    + b"\x80" * 59_997,
    "a text of text": b"\xdb" + struct.pack(">I", 1_000_000) + b"a" * 1_000_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_takes_memory(name):
    data = BOMBS[name]
    assert len(data) <= MAX_BYTES
    began = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError):
            unpack(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20
    assert time.process_time() - began < 5


def test_the_largest_answers_that_are_allowed_are_read():
    values = list(range(MAX_ITEMS - 1))
    assert unpack(msgpack.packb(values)) == values
    nothing = msgpack.ExtType(1, msgpack.packb(["|b1", [0], b""]))
    assert len(unpack(msgpack.packb([nothing] * (MAX_ITEMS - 1)))) == MAX_ITEMS - 1


@SOME
@given(plain)
@example({"streams": [["stdout", "x"], [1, 2], "x"], "error": {"traceback": [1, None]}})
@example({"streams": {"a": 1}, "error": [], "late": 7})
def test_any_report_of_a_cell_gives_outputs_that_can_be_written(report):
    outputs(msgpack.packb(report))


# --- intake ------------------------------------------------------------------------------------

odd = ["def weighted_sum(", "((((", "%%time\nx", "!ls", "'''", "\\", "\x00", "\ud800"]
texts = st.text(st.characters(), max_size=60) | st.sampled_from([*odd, "lambda: " * 50])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


@SOME
@given(st.binary(max_size=400) | values.map(lambda value: json.dumps(value).encode()))
def test_any_file_is_quarantined_or_rebuilt(data):
    intake(data)


@SOME
@given(st.data())
def test_a_released_notebook_with_anything_in_it_is_rebuilt_or_quarantined(data):
    notebook = json.loads(json.dumps(released()[0]))
    for _ in range(data.draw(st.integers(1, 6))):
        cells = notebook["cells"]
        place = data.draw(st.integers(0, len(cells) - 1))
        what = data.draw(st.sampled_from(["source", "metadata", "id", "outputs", "cell_type", ""]))
        if what and isinstance(cells[place], dict):
            cells[place][what] = data.draw(values)
        else:
            cells[place] = data.draw(values)
    intake(json.dumps(notebook).encode())


@pytest.mark.filterwarnings("ignore:Duplicate name")
@SOME
@given(
    st.lists(st.tuples(texts, st.binary(max_size=30)), max_size=5),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
)
def test_any_archive_is_refused_or_gives_usable_names(files, damage):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, content in files:
            name = name.encode("utf-8", "replace").decode().replace("\0", "\1")  # can't be written
            opened.writestr(f"{name}/neuron.ipynb", content)
    data = bytearray(buffer.getvalue())
    for place, value in damage:
        data[place % len(data)] = value
    archive(bytes(data))


# --- coverage-guided ---------------------------------------------------------------------------


@pytest.mark.fuzz
@pytest.mark.parametrize("target", TARGETS)
def test_atheris_finds_nothing_in_half_a_minute(target, tmp_path):
    pytest.importorskip("atheris")
    command = [sys.executable, "-m", "tests.fuzz.targets", target, "-max_total_time=30"]
    command += ["-rss_limit_mb=1500", "-timeout=20", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
