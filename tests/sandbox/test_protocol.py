"""Frames from a hostile process, and what its reports are turned into."""

from __future__ import annotations

import socket
import sys
import time
import types

import pytest

from autograde.sandbox.inside import seccomp, warm_parent
from autograde.sandbox.inside.frames import Channel, Closed, Malformed, Oversized, TooLate
from autograde.sandbox.inside.output import CellOutput
from autograde.sandbox.inside.snapshot import answer
from autograde.sandbox.outputs import nbformat_outputs
from chainrule.observe import Raised


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    yield Channel(ours), theirs
    ours.close()
    theirs.close()


def soon():
    return time.monotonic() + 0.2


def test_a_message_travels(ends):
    channel, other = ends
    Channel(other).send({"a": [1, b"x", None]})
    assert channel.receive(soon()) == {"a": [1, b"x", None]}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", TooLate),
        (b"\0\0", TooLate),
        (b"\0\0\0\5abc", TooLate),
        (b"\xff\xff\xff\xff", Oversized),
        (b"\0\0\0\1\xc1", Malformed),
        (b"\0\0\0\2\x01\x01", Malformed),
        (b"\0\0\0\4\xdd\xff\xff\xff", Malformed),
    ],
)
def test_a_bad_frame_has_a_name(ends, data, expected):
    channel, other = ends
    other.sendall(data)
    with pytest.raises(expected):
        channel.receive(soon())


def test_a_half_frame_and_a_hang_up_is_closed(ends):
    channel, other = ends
    other.sendall(b"\0\0\0\5ab")
    other.close()
    with pytest.raises(Closed):
        channel.receive(soon())


def test_sending_to_one_that_does_not_read_ends_at_the_deadline(ends):
    channel, _ = ends
    with pytest.raises(TooLate):
        channel.send(b"x" * 10_000_000, soon())


@pytest.mark.parametrize(
    "report",
    [None, 3, [], {"streams": 3}, {"streams": [[1, 2], ["stdin", "x"], "ab"]}, {"error": []}],
)
def test_a_report_of_another_shape_gives_no_outputs(report):
    assert nbformat_outputs(report, 100) == []


def test_a_report_is_clipped_again():
    report = {
        "streams": [["stdout", "x" * 9000], ["stdout", "y"]],
        "error": {"ename": 3, "evalue": "z" * 9000, "traceback": ["t" * 9000] * 900},
    }
    stream, error = nbformat_outputs(report, 100)
    assert len(stream["text"]) == 300
    assert error["ename"] == "Error" and len(error["evalue"]) == 2000
    assert len(error["traceback"]) == 40 and len(error["traceback"][0]) == 2000


def test_text_cut_in_the_middle_of_a_character_is_still_text():
    output = CellOutput(5)
    print("aaaa€", file=output.stream("stdout"))
    assert output.streams()[0] == ("stdout", "aaaa\ufffd")
    assert "cut" in output.streams()[1][1]


def test_probes_are_the_functions_that_the_module_defines(monkeypatch):
    module = types.ModuleType("chainrule.imaginary.probes")
    exec("from os.path import join\ndef train(work): ...\nsize = 3", vars(module))
    for name, value in (("chainrule.imaginary", types.ModuleType("chainrule.imaginary")),):
        monkeypatch.setitem(sys.modules, name, value)
    monkeypatch.setitem(sys.modules, "chainrule.imaginary.probes", module)
    assert list(warm_parent.find_probes("imaginary")) == ["train"]


def test_a_unit_without_probes_has_none():
    assert warm_parent.find_probes("no_such_unit") == {}


def test_a_probe_gets_the_function_or_a_dict_of_several():
    def probe(work, x):
        return {"names": sorted(work)} if isinstance(work, dict) else work(x)

    names = {"f": abs, "g": len}
    arguments = {"args": [-1], "kwargs": {}}
    assert answer(names, ["f"], probe, arguments) == 1
    assert answer(names, ["f"], None, arguments) == 1
    assert answer(names, ["f", "g"], probe, arguments) == {"names": ["f", "g"]}
    missing = answer(names, ["f", "h"], probe, arguments)
    assert missing == Raised("NameError", "name 'h' is not defined")


def test_the_filter_is_whole_instructions():
    lines = seccomp.program()
    assert lines is None or (len(lines) % 8 == 0 and len(lines) // 8 < 4096)
