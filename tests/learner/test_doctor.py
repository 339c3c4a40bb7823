"""The doctor looks at everything, says what to do, and never falls ill itself."""

import socket
import sys
import time
from types import SimpleNamespace

import pytest

from chainrule import device, doctor, progress
from chainrule.doctor import NOTE, OK, PROBLEM


@pytest.fixture
def offline(monkeypatch):
    """No test opens a connection to another machine."""
    monkeypatch.setattr(doctor, "connects", lambda host, port: False)


def find(report, what):
    (finding,) = [finding for finding in report.findings if finding.what == what]
    return finding


def test_a_good_installation_has_no_problems(course, offline):
    report = doctor.doctor()
    assert report.problems == []
    assert report.summary == "Everything the course needs is here."
    assert find(report, "course folder").detail.endswith("writable")
    assert "breast_cancer" in find(report, "data").detail


def test_no_network_is_a_note_and_not_a_problem(course, offline):
    network = find(doctor.doctor(), "network")
    assert network.state == NOTE
    assert "Nothing to do" in network.do


def test_quick_leaves_out_what_takes_seconds(course, monkeypatch):
    def never(*_):
        raise AssertionError("looked at the network")

    monkeypatch.setattr(doctor, "connects", never)
    seen = {finding.what for finding in doctor.doctor(quick=True).findings}
    assert {"network", "device"} & seen == set()


def test_a_connection_is_noticed_and_its_absence_too():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert doctor.connects("127.0.0.1", port)
    assert not doctor.connects("127.0.0.1", port)


def test_a_name_that_never_resolves_does_not_hold_it_up(monkeypatch):
    def hang(*_, **__):
        time.sleep(0.5)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", hang)
    assert not doctor.connects("nowhere.invalid", 443, seconds=0.1)


def test_a_proxy_setting_that_is_no_address_is_no_error(monkeypatch, offline):
    monkeypatch.setenv("https_proxy", "http://proxy:not-a-port")
    (finding,) = doctor.look_at_network()
    assert finding.state == NOTE


@pytest.mark.parametrize(
    ("version", "state", "says"),
    [((3, 10, 2), PROBLEM, "3.11"), ((3, 12, 1), OK, ""), ((3, 99, 0), NOTE, "Tested up to")],
)
def test_it_says_which_python_to_use(monkeypatch, version, state, says):
    class Version(tuple):
        major, minor, micro = version

    monkeypatch.setattr(sys, "version_info", Version(version))
    (finding,) = doctor.look_at_python()
    assert finding.state == state and says in finding.do


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(doctor, "installed_version", lambda package: "")
    findings = {finding.what: finding for finding in doctor.look_at_packages()}
    assert findings["numpy"].state == PROBLEM and "pip install numpy" in findings["numpy"].do
    assert findings["jupyterlab"].state == NOTE
    assert 'pip install "chainrule[lab]"' in findings["jupyterlab"].do


def test_a_folder_that_cannot_be_written_says_what_to_do(course, monkeypatch):
    monkeypatch.setattr(doctor, "writable", lambda folder: False)
    report = doctor.doctor(quick=True)
    assert find(report, "course folder").state == PROBLEM
    assert "Copy it" in find(report, "course folder").do
    assert progress.VARIABLE in find(report, "progress").do


def test_a_look_that_fails_is_itself_a_finding(course, monkeypatch):
    def look_at_python():
        raise RuntimeError("no idea")

    monkeypatch.setattr(doctor, "look_at_python", look_at_python)
    report = doctor.doctor(quick=True)
    assert "no idea" in find(report, "python").detail
    assert len(report.findings) > 5


def test_it_shows_itself_as_text_and_as_html(course):
    report = doctor.doctor(quick=True)
    assert "numpy" in repr(report) and report.summary in repr(report)
    assert "<table>" in report._repr_html_() and "numpy" in report._repr_html_()


def test_without_pytorch_the_device_is_the_cpu(monkeypatch):
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: None)
    assert device.device.__wrapped__() == "cpu"
    assert doctor.look_at_device()[0].state == OK


def test_a_pytorch_that_does_not_load_is_a_problem_and_the_device_is_the_cpu(monkeypatch):
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "torch", None)
    assert device.device.__wrapped__() == "cpu"
    assert doctor.look_at_device()[0].state == PROBLEM


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_the_device_is_what_pytorch_finds(monkeypatch, cuda, mps, expected):
    torch = SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: cuda),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: object())
    assert device.device.__wrapped__() == expected
