"""Unit 25: its clock, its service's whole life, and what its checks read from a Dockerfile."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("fastapi")
torch = pytest.importorskip("torch")

import httpx  # noqa: E402
from fastapi import FastAPI  # noqa: E402
from PIL import Image  # noqa: E402

from autograde.answer_key import namespace  # noqa: E402
from autograde.unit import Unit, load_unit  # noqa: E402
from chainrule import data  # noqa: E402
from chainrule.deployment import containers, loops, network, operations, serving, widgets  # noqa: E402
from chainrule.deployment.load import load_test  # noqa: E402
from chainrule.errors import UserError  # noqa: E402

ROOT = Path(__file__).parents[2]
SYMBOLS = ["preprocess", "PredictRequest", "open_session", "create_app", "MicroBatcher"]


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load_unit(ROOT, "25")


@pytest.fixture(scope="module")
def names(unit: Unit) -> dict[str, Any]:
    return namespace(unit)


@pytest.fixture(scope="module")
def folder(unit: Unit, names: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service, written from the solution's cells."""
    place = tmp_path_factory.mktemp("service")
    model = network.trained_classifier()
    names["export_onnx"](model, torch.zeros(2, 28, 28), str(place / "given.onnx"))
    return serving.write_service(
        SYMBOLS,
        place / "given.onnx",
        names["CLASSES"],
        names["MAX_PIXELS"],
        place / "service",
        unit.graded_cells(),
    )


# --- the clock -----------------------------------------------------------------------------------


def test_on_the_virtual_clock_an_hour_takes_no_time_and_the_times_are_exact():
    async def main() -> list[float]:
        clock = asyncio.get_running_loop().time

        async def wait(seconds: float) -> float:
            await asyncio.sleep(seconds)
            return clock()

        return await asyncio.gather(wait(1.5), wait(3000), wait(0.25))

    began = time.perf_counter()
    assert loops.run_virtual(main()) == [1.5, 3000, 0.25]
    assert time.perf_counter() - began < 5


def test_the_virtual_clock_runs_beside_a_loop_that_runs_already():
    """As in a notebook, whose cells are run by an event loop."""

    async def cell() -> Any:
        return loops.run_virtual(asyncio.sleep(10, "done"))

    assert asyncio.run(cell()) == "done"


@pytest.mark.parametrize("kind", ["never", "round and round", "for ever"])
def test_what_would_never_end_is_stuck(kind):
    async def main() -> None:
        while True:
            if kind == "never":
                await asyncio.get_running_loop().create_future()
            await asyncio.sleep(0 if kind == "round and round" else 1000)

    with pytest.raises(loops.Stuck):
        loops.run_virtual(main())


def test_a_thread_of_the_learner_runs_at_once_on_the_virtual_clock():
    async def main() -> tuple[int, float]:
        found = await asyncio.to_thread(lambda: threading.get_ident())
        return found == threading.get_ident(), asyncio.get_running_loop().time()

    assert loops.run_virtual(main()) == (True, 0.0)


def test_an_error_comes_out_with_its_traceback():
    async def wrong() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        loops.run_virtual(wrong())
    assert caught.traceback[-1].name == "wrong"


def test_an_interruption_ends_the_thread_too():
    """As when a check takes too long: an endless loop must not go on behind the notebook."""

    async def endless() -> None:
        while True:
            pass

    def interrupt(number: int, frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(TimeoutError):
            loops.run_virtual(endless())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    deadline = time.monotonic() + 20
    while any(thread.name == "event loop" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_simulations_are_equal_to_the_last_digit(names):
    one, sizes = widgets.simulate(names["MicroBatcher"], 400, 8, 5)
    other, same = widgets.simulate(names["MicroBatcher"], 400, 8, 5)
    assert np.array_equal(one, other) and sizes == same and max(sizes) <= 8


def test_preparing_the_grader_leaves_one_thread():
    """A fork copies only the thread that forks."""
    program = (
        "import os\n"
        "from chainrule.deployment import probes\n"
        "probes.warm_up()\n"
        "print(len(os.listdir('/proc/self/task')))\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment["ORT_DISABLE_TELEMETRY"] = "1"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout.strip().splitlines()[-1] == "1", done.stderr


# --- the service's life --------------------------------------------------------------------------


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not collected does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def gone(pid: int, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def test_the_service_answers_as_the_network_does_then_it_is_gone(folder, names):
    clothes = data.fashion_mnist()
    model = network.trained_classifier().eval()
    with torch.no_grad():
        scores = model(torch.tensor(clothes.x_test[:5]) / 255)
    wanted = [names["CLASSES"][int(best)] for best in scores.argmax(dim=1)]
    with serving.Service(folder, VERSION="7") as service:
        pid = service.pid
        with httpx.Client(base_url=service.url, trust_env=False) as client:
            assert client.get("/version").json() == {"version": "7"}
            for picture, name in zip(clothes.x_test[:5], wanted, strict=True):
                file = io.BytesIO()
                Image.fromarray(picture).save(file, "PNG")
                by_json = client.post("/predict", json={"pixels": picture.tolist()})
                by_file = client.post("/predict/image", files={"file": file.getvalue()})
                assert by_json.json() == by_file.json()
                assert by_json.json()["class"] == name
            assert 'requests_total{path="/predict",status="200"} 5.0' in client.get("/metrics").text
    assert pid is not None and not alive(pid)
    assert service.pid is None
    service.stop()  # once more does no harm


def test_a_failing_cell_leaves_no_process(folder):
    with pytest.raises(ZeroDivisionError):
        with serving.Service(folder) as service:
            pid = service.pid
            _ = 1 / 0
    assert not alive(pid)


def test_a_notebook_that_dies_takes_its_service_along(folder):
    program = textwrap.dedent(
        f"""
        import sys, time
        from chainrule.deployment.serving import Service
        service = Service({str(folder)!r}).__enter__()
        print(service.pid, flush=True)
        time.sleep(600)
        """
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as notebook:
        assert notebook.stdout is not None
        pid = int(notebook.stdout.readline())
        assert alive(pid)
        notebook.kill()  # nothing of it gets to tidy up
    assert gone(pid)


def test_a_notebook_that_ends_without_stopping_its_service_takes_it_along(folder):
    program = (
        "from chainrule.deployment.serving import Service\n"
        f"print(Service({str(folder)!r}).__enter__().pid, flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert gone(int(done.stdout)), done.stderr


def test_a_stop_under_load_loses_no_accepted_request(folder):
    body = b'{"pixels": %s}' % str(np.zeros((28, 28), int).tolist()).encode()
    with serving.Service(folder) as service:
        stopper = threading.Timer(0.3, service.stop)
        stopper.start()
        load = load_test(service.url + "/predict", [body] * 3000, clients=8)
        stopper.join()
    assert load.statuses[200] > 0
    assert set(load.statuses) <= {200, 0, 503}, load.statuses


def test_a_cell_that_cannot_run_alone_is_shown_with_its_error(folder, tmp_path):
    for path in folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    app = tmp_path / "app.py"
    app.write_text("my_helper()\n" + app.read_text().split('"""', 2)[2])
    with pytest.raises(UserError, match="name 'my_helper' is not defined"):
        with serving.Service(tmp_path):
            pass


def test_the_cell_that_defined_a_name_last_is_taken():
    cells = ["def a(): return 1", "%matplotlib inline", "x = 3\ndef a(): return 2", "class B: pass"]
    assert serving.cells_of(["B", "a"], cells) == [cells[3], cells[2]]
    with pytest.raises(UserError, match="No cell has defined c yet"):
        serving.cells_of(["c"], cells)


# --- operations ----------------------------------------------------------------------------------


def visit(app: FastAPI, method: str, path: str, **request: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.request(method, path, **request)

    return asyncio.run(send())


@pytest.fixture
def app(names: dict[str, Any]) -> FastAPI:
    async def classify(picture: np.ndarray) -> np.ndarray:
        if picture.max() == 0:
            raise RuntimeError("the secret of the service is 4711")
        return np.arange(10.0)

    return names["create_app"](classify, "1")


def test_an_error_of_the_service_tells_a_stranger_nothing(app):
    answer = visit(app, "POST", "/predict", json={"pixels": [[0] * 28] * 28})
    assert answer.status_code == 500
    assert "4711" not in answer.text and "Traceback" not in answer.text
    assert 'status="500"} 1.0' in visit(app, "GET", "/metrics").text


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(app, declared):
    content = b"[" * (operations.MAX_BYTES + 1)

    async def stream() -> Any:
        for start in range(0, len(content), 100_000):
            yield content[start : start + 100_000]

    headers = {"content-type": "application/json"}
    sent = content if declared else stream()
    answer = visit(app, "POST", "/predict", content=sent, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["detail"] == operations.TOO_LARGE


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b'{"pixels": NaN}',
        b'{"pixels": "no"}',
        b'{"pixels": [[' + b"NaN," * 27 + b"NaN]]}",
        b"\xff\xfe",
        b"",
    ],
)
def test_whatever_is_sent_gets_a_4xx_with_a_sentence(app, body):
    headers = {"content-type": "application/json"}
    answer = visit(app, "POST", "/predict", content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert isinstance(answer.json()["detail"], str)


def test_a_service_that_stops_is_alive_but_not_ready(app):
    assert visit(app, "GET", "/readyz").status_code == 200
    app.state.ready = False
    assert visit(app, "GET", "/readyz").status_code == 503
    assert visit(app, "GET", "/healthz").status_code == 200


def test_an_unknown_path_makes_no_new_line_in_the_metrics(app):
    for path in ("/a", "/b", "/c"):
        assert visit(app, "GET", path).status_code == 404
    assert 'requests_total{path="other",status="404"} 3.0' in visit(app, "GET", "/metrics").text


# --- the checkpoint ------------------------------------------------------------------------------


def test_the_sheet_says_what_the_bundled_weights_are():
    path = Path(network.__file__).with_name("classifier.npz")
    content, sheet = path.read_bytes(), path.with_suffix(".md").read_text("utf-8")
    digest = hashlib.sha256(content).hexdigest()
    assert f"`classifier.npz`, {len(content):,} bytes, SHA-256 `{digest}`" in sheet
    clothes = data.fashion_mnist()
    model = network.trained_classifier().eval()
    with torch.no_grad():
        said = model(torch.tensor(clothes.x_test) / 255).argmax(dim=1).numpy()
    assert f"{(said == clothes.y_test).mean():.4f} of the 2,000" in sheet
    assert f"{sum(p.numel() for p in model.parameters()):,} numbers" in sheet


def test_a_checkpoint_of_unit_05_fits(tmp_path):
    theirs = namespace(load_unit(ROOT, "05"))
    model = theirs["Classifier"](784, 64, 10)
    optimizer = torch.optim.Adam(model.parameters())
    generator = torch.Generator()
    theirs["save_checkpoint"](tmp_path / "half.pt", model, optimizer, generator, {})
    ours = network.trained_classifier(tmp_path / "half.pt").eval()
    picture = torch.rand(3, 28, 28)
    assert torch.allclose(ours(picture), model(picture))
    (tmp_path / "other.pt").write_bytes(b"something else")
    with pytest.raises(UserError, match="is not a checkpoint of unit 05"):
        network.trained_classifier(tmp_path / "other.pt")


# --- reading a Dockerfile ------------------------------------------------------------------------


def test_a_dockerfile_of_two_stages_is_read_as_an_engine_would():
    text = textwrap.dedent(
        r"""
        # a comment
        FROM python:3.12.8-slim AS packages
        USER root
        COPY requirements.txt .
        RUN pip install \
            -r requirements.txt
        FROM packages
        COPY --chown=1 ["app.py", "."]
        ADD ./model.onnx /srv/
        ENV API_TOKEN=abc
        USER 1000:1000
        HEALTHCHECK --interval=5s CMD ["true"]
        ENTRYPOINT ["uvicorn"]
        CMD ["app:app", "--port=80"]
        """
    )
    assert containers.facts(text) == {
        "bases": ["python:3.12.8-slim"],
        "user": "1000:1000",
        "health": '--interval=5s CMD ["true"]',
        "copied": ["requirements.txt", "app.py", "model.onnx"],
        "installs": True,
        "install before copy": False,
        "several into no folder": "",
        "unknown users": [],
        "elsewhere": ["model.onnx", "/srv", "/"],
        "code before install": False,
        "start": {"form": "list", "words": ["uvicorn", "app:app", "--port", "80"]},
        "secrets": ["API_TOKEN"],
    }


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("CMD uvicorn app:app", "shell"),
        ("CMD exec uvicorn app:app", "list"),
        ("CMD ['uvicorn', 'app:app']", "shell"),
        ('ENTRYPOINT ["uvicorn", "app:app"]', "list"),
        ("USER serve", "none"),
    ],
)
def test_how_a_service_is_started(line, form):
    assert containers.facts(f"FROM a\n{line}\n")["start"]["form"] == form


@pytest.mark.parametrize(
    ("lines", "fact", "expected"),
    [
        ("USER serve", "unknown users", ["serve"]),
        ("USER serve\nRUN useradd serve", "unknown users", ["serve"]),
        ("RUN adduser --system serve\nUSER serve:serve", "unknown users", []),
        ("USER nobody\nUSER 1000\nUSER $WHO", "unknown users", []),
        ("RUN pip install -r requirements.txt", "install before copy", True),
        ("COPY . .\nRUN pip install -r requirements.txt", "install before copy", False),
        ("COPY app.py model.onnx /a", "several into no folder", "app.py model.onnx /a"),
        ("COPY app.py model.onnx .", "several into no folder", ""),
        ("COPY app.py /a/\nWORKDIR /b", "elsewhere", ["app.py", "/a", "/b"]),
        ("WORKDIR /a\nCOPY app.py /a\nCOPY model.onnx model.onnx", "elsewhere", []),
        ("ENV PYTHONPATH=/a\nCOPY app.py /a/", "elsewhere", []),
    ],
)
def test_what_an_engine_would_stumble_over(lines, fact, expected):
    assert containers.facts(f"FROM a\n{lines}\n")[fact] == expected


def test_any_text_can_be_read():
    for text in ("FROM", "FROM a AS", "FROM a\nUSER", "FROM a AS b\nFROM b AS a\nCOPY", "COPY . ."):
        with contextlib.suppress(IndexError):  # nothing begins with FROM: the probe says so before
            containers.facts(text)
