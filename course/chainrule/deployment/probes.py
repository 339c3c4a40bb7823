"""How the checks of unit 25 drive what the learner wrote.

Apps are called through their ASGI interface, so nothing here needs a network, and everything that
waits does so on a virtual clock (`loops.run_virtual`): no result depends on how fast this machine
is. What comes back are facts about answers, never times measured.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import functools
import io
import json
import random
import re
import struct
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import anyio.to_thread
import httpx
import numpy as np
import onnxruntime
import torch
from PIL import Image, ImageFile
from pydantic import ValidationError
from torch import nn

from chainrule.deployment import containers, loops
from chainrule.deployment.laws import LATER
from chainrule.deployment.operations import Busy
from chainrule.observe import TOLD, Raised, freeze_error

Probe = Callable[..., Any]


def warm_up() -> None:
    """Load what the first export loads, which takes seconds. The grader calls this once, before it
    forks; a learner's first export pays for it itself."""
    with quiet():
        _Tiny(1, 1).exported(_export_once)


def _export_once(model: nn.Module, pictures: torch.Tensor, path: str) -> float:
    settings: dict[str, Any] = {"dynamo": True, "external_data": False, "verbose": False}
    export: Probe = torch.onnx.export
    export(model, (pictures,), path, **settings)
    return 0.0


# --- files and requests --------------------------------------------------------------------------


BAD_FILES = {
    "no picture": "bytes that are no picture",
    "breaks off": "a file that breaks off",
    "huge": "a file of more than MAX_PIXELS pixels",
    "claim": "a small file that claims 60,000 by 60,000 pixels",
}


def preprocess(work: Probe, pixels: np.ndarray, looks_at: str) -> dict[str, Any]:
    """The learner's input for the network, from an image file made of the case's pixels."""
    # PIL's switch for files that break off: one try with it must not decide about the next one.
    with mock.patch.object(ImageFile, "LOAD_TRUNCATED_IMAGES", False):
        if looks_at == "as large as may be":  # a wrong answer to it may be as large
            taken = np.asarray(work(tiled(pixels.tobytes(), pixels.shape, (50, 160))))
            return {"its shape": list(taken.shape), "its mean": float(taken.mean())}
        if looks_at in ("picture", "palette"):
            picture = work(image_file(pixels, palette=looks_at == "palette"))
            return {"the picture": picture, "its dtype": str(getattr(picture, "dtype", "none"))}
        return _refused(work, pixels, looks_at)


def _refused(work: Probe, pixels: np.ndarray, looks_at: str) -> dict[str, Any]:
    """How a file that must be refused ends, and whether it was unpacked before."""
    data = image_file(pixels)
    bad = {
        "no picture": pixels.tobytes(),
        "breaks off": data[: len(data) * 3 // 5],
        "huge": tiled(pixels.tobytes(), pixels.shape[:2], (90, 70)) if looks_at == "huge" else b"",
        "claim": claiming(data, 60_000, 60_000),
    }
    good = np.asarray(work(data)).size >= 28 * 28  # whoever refuses everything earns nothing
    seen: dict[str, Any] = {"a good picture": "is taken" if good else "is not taken"}
    unpacked: list[bool] = []
    unpack = ImageFile.ImageFile.load

    def load(image: Any) -> Any:
        unpacked.append(True)
        return unpack(image)

    with mock.patch.object(ImageFile.ImageFile, "load", load):
        try:
            work(bad[looks_at])
            seen |= {BAD_FILES[looks_at]: "is taken", "the ValueError says a sentence": False}
        except ValueError as error:
            said = len(str(error).split()) > 2
            seen |= {BAD_FILES[looks_at]: "raises ValueError"}
            seen |= {"the ValueError says a sentence": said}
    if looks_at == "huge":
        seen["it was unpacked"] = bool(unpacked)
    return seen


def claiming(png: bytes, width: int, height: int) -> bytes:
    """The same file with another size in its header, and all else as it was."""
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


@functools.lru_cache(maxsize=4)
def tiled(content: bytes, shape: tuple[int, ...], times: tuple[int, ...]) -> bytes:
    """The file of a picture repeated in both directions; large ones take a moment to write."""
    return image_file(np.tile(np.frombuffer(content, np.uint8).reshape(shape), times))


def image_file(pixels: np.ndarray, palette: bool = False) -> bytes:
    """The bytes of a PNG. palette: each number stands for one of 256 colours, far from grey."""
    file = io.BytesIO()
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    if palette:
        image.putpalette([(n * step) % 256 for n in range(256) for step in (37, 91, 53)])
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def PredictRequest(work: Any, pixels: np.ndarray, edit: str, row: int, column: int) -> Any:
    """Whether the learner's class takes a good body, and the same body with one edit."""
    body = {"pixels": pixels.tolist()}
    try:
        taken = work.model_validate(json.loads(json.dumps(body)))
    except ValidationError as error:
        first = error.errors()[0]
        at = ", ".join(str(part) for part in first["loc"])
        return {"the pixels of a good request": f"refused at {at}: {first['msg']}"}
    seen = {"the pixels of a good request": np.asarray(taken.pixels)}
    if edit == "none":
        return seen
    with contextlib.suppress(ValidationError):
        work.model_validate(edited(body, edit, row, column))
        return {**seen, f"the request with {edit}": "is taken"}
    return {**seen, f"the request with {edit}": "is refused"}


ODD: Mapping[str, Any] = {
    "a pixel of 256": 256,
    "a pixel of -1": -1,
    "a pixel of 3.5": 3.5,
    "a pixel that is NaN": float("nan"),
    "a pixel that is the text '12'": "12",
    "a pixel that is true": True,
}


def edited(body: Mapping[str, Any], edit: str, row: int, column: int) -> Any:
    """The body with one thing wrong."""
    rows = [list(line) for line in body["pixels"]]
    if edit == "a row missing":
        del rows[row]
    elif edit == "a row too many":
        rows.insert(row, rows[row])
    elif edit == "a short row":
        del rows[row][column]
    elif edit == "a long row":
        rows[row].insert(column, 0)
    elif edit == "one long list":
        return {"pixels": [pixel for line in rows for pixel in line]}
    elif edit == "no pixels":
        return {}
    elif edit == "null instead of pixels":
        return {"pixels": None}
    else:
        rows[row][column] = ODD[edit]
    return {"pixels": rows}


# --- export_onnx ---------------------------------------------------------------------------------


class _Tiny(nn.Module):
    """A network with dropout whose exported form differs from it by a known amount.

    Exporters follow a model's Python once, so a branch that asks whether it is being exported
    gives a file that is not the model: what a parity check is there to find.
    """

    drift: torch.Tensor

    def __init__(self, seed: int, hidden: int) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        self.hidden, self.output = nn.Linear(784, hidden), nn.Linear(hidden, 10)
        for layer in (self.hidden, self.output):
            shape = layer.weight.shape
            drawn = rng.normal(size=shape) / np.sqrt(shape[1])
            layer.weight.data = torch.tensor(drawn, dtype=torch.float32)
            layer.bias.data = torch.tensor(rng.normal(size=shape[0]), dtype=torch.float32)
        self.dropout = nn.Dropout(0.5)
        drift = rng.uniform(0.1, 0.2, size=10)
        drift[rng.integers(10)] = -rng.uniform(0.5, 0.6)  # the largest one is negative
        self.register_buffer("drift", torch.tensor(drift, dtype=torch.float32))
        bright = np.array([0.4, 0.9, 0.7, 0.5, 0.8])[:, None, None]  # the second one most
        drawn = rng.uniform(size=(5, 28, 28))
        self.pictures = torch.tensor(drawn * bright / drawn.mean((1, 2), keepdims=True)).float()

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        rows = self.dropout(torch.relu(self.hidden(pictures.flatten(1))))
        logits = self.output(rows)
        return logits + self.drifted(pictures) if torch.onnx.is_in_onnx_export() else logits

    def drifted(self, pictures: torch.Tensor) -> torch.Tensor:
        """By how much the file's logits are off: more where a picture is brighter."""
        return self.drift * pictures.flatten(1).mean(1, keepdim=True)

    def wanted(self, count: int) -> np.ndarray:
        """What the file should say of the last `count` pictures."""
        was = self.training
        self.eval()
        with torch.no_grad():
            logits = self(self.pictures[-count:]) + self.drifted(self.pictures[-count:])
        self.train(was)
        return logits.numpy()

    def exported(self, work: Probe) -> dict[str, Any]:
        """What the learner's export returned, the mode it left, and the files it wrote."""
        self.train()
        first = self.wanted(5)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            returned = work(self, self.pictures[:2], str(path))
            files = {file.name: file.read_bytes() for file in Path(folder).iterdir()}
        modes = {"train": "train" if self.training else "eval"}
        modes["eval"] = self.mode_again(work, files)
        return {"returned": returned, "modes": modes, "files": files, "wanted": first}

    def mode_again(self, work: Probe, files: Mapping[str, bytes]) -> str:
        """The mode that a second call leaves, found in eval mode.

        An export takes most of a second; this one finds the first one's file.
        """
        if "model.onnx" not in files:
            return "no file was written"
        self.eval()
        with tempfile.TemporaryDirectory() as folder:

            def export(*_: Any, **__: Any) -> mock.Mock:
                for name, content in files.items():
                    (Path(folder) / name).write_bytes(content)
                return mock.Mock()

            with mock.patch.object(torch.onnx, "export", export):
                work(self, self.pictures[:2], str(Path(folder) / "model.onnx"))
        return "train" if self.training else "eval"


_last_export: list[Any] = []


def export_onnx(work: Probe, seed: int, hidden: int, looks_at: str) -> dict[str, Any] | Raised:
    """Facts about the file that the learner's export_onnx wrote of a small network.

    An export takes most of a second, so the cases of one network share one.
    """
    with quiet():
        if not (_last_export and _last_export[0] is work and _last_export[1] == (seed, hidden)):
            network = _Tiny(seed, hidden)
            _last_export[:] = [work, (seed, hidden), network, tried(network, work)]
        network, export = _last_export[2:]
        if isinstance(export, Exception):
            raise export
        if looks_at == "difference":
            return {
                "the largest difference, for a model that an export changes": export["returned"]
            }
        if looks_at == "mode":
            written = "model.onnx" in export["files"]
            modes = {
                f"the model's mode afterwards, found in {found} mode": left
                for found, left in export["modes"].items()
            }
            return {**modes, "a file was written": written}
        if looks_at == "one file":
            return {"the files that were written": len(export["files"])}
        if "model.onnx" not in export["files"]:
            return Raised(TOLD, "no file was written to `path`.")
        with session(export["files"]) as run:
            if looks_at == "names":
                return {"input": run.get_inputs()[0].name, "output": run.get_outputs()[0].name}
            count = {"one picture": 1, "five pictures": 5}[looks_at]
            return about_logits(run, network.pictures[-count:].numpy(), export["wanted"][-count:])


def tried(network: _Tiny, work: Probe) -> dict[str, Any] | Exception:
    """What an export gave, or the exception that ended it."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # the exporter says what it is doing
            return network.exported(work)
    except Exception as error:
        return error


@contextlib.contextmanager
def session(files: Mapping[str, bytes]) -> Iterator[Any]:
    """ONNX Runtime with the files that were written, in a folder of their own."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        path = str(Path(folder) / "model.onnx")
        yield onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def about_logits(run: Any, pictures: np.ndarray, want: np.ndarray) -> dict[str, Any]:
    """What the file makes of these pictures, in words: dropout's noise is not the same twice."""
    count = len(pictures)
    asked = f"the file, asked about {count} picture{'s' * (count > 1)}"
    given = {run.get_inputs()[0].name: pictures}
    try:
        once, twice = run.run(None, given)[0], run.run(None, given)[0]
    except Exception:  # ONNX Runtime's own types, one for each kind of shape that does not fit
        return {asked: "refuses such a batch"}
    if once.shape == want.shape and np.allclose(once, want, atol=1e-4):
        return {asked: "gives the logits of the model in eval mode"}
    if once.shape != want.shape:
        return {asked: "gives logits of another shape"}
    if not np.array_equal(once, twice):
        return {asked: "gives other logits each time"}
    if np.allclose(once.sum(axis=1), 1, atol=1e-4):
        return {asked: "gives shares that sum to 1"}
    return {asked: "gives other numbers"}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """One thread, our own random numbers, no progress bars and no warnings."""
    import tqdm

    threads, interval = torch.get_num_threads(), tqdm.tqdm.monitor_interval
    torch.set_num_threads(1)
    tqdm.tqdm.monitor_interval = 0  # its monitor is a thread, which a fork would lose
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings(action="ignore"):
            torch.default_generator.manual_seed(0)
            yield
    finally:
        torch.set_num_threads(threads)
        tqdm.tqdm.monitor_interval = interval


# --- create_app ----------------------------------------------------------------------------------


def create_app(
    work: Probe, pixels: np.ndarray, logits: np.ndarray, version: str, looks_at: str
) -> Any:
    """What the learner's app answers, and what its model was given."""
    with warnings.catch_warnings(action="ignore"):  # of what was never awaited
        return loops.run_virtual(_visit(work, pixels.astype(np.uint8), logits, version, looks_at))


async def _visit(
    work: Probe, pixels: np.ndarray, logits: np.ndarray, version: str, looks_at: str
) -> dict[str, Any] | Raised:
    given: list[Any] = []

    async def classify(picture: Any) -> np.ndarray:
        given.append(picture)
        await asyncio.sleep(1)
        if looks_at in ("busy", "busy upload"):
            raise Busy("the queue is full", retry_after=int(version))
        if looks_at == "failing":
            raise ValueError("the model cannot compute this")
        return np.asarray(logits, np.float32)  # as ONNX Runtime gives them

    app = work(classify, version)
    if app is None:
        return Raised(TOLD, "create_app returned None: does it end in `return app`?")
    # An exception in the app is the learner's to see, but where a refusal is asked for, its status
    # is what a stranger would see.
    shown = looks_at not in ("no picture", "wrong body", "busy", "busy upload", "failing")
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=shown)
    upload = {"file": ("picture.png", image_file(pixels), "image/png")}
    body = {"pixels": pixels.tolist()}
    clock = asyncio.get_running_loop().time
    with mock.patch.object(anyio.to_thread, "run_sync", in_this_thread):
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            if looks_at == "json":
                return answered(await client.post("/predict", json=body))
            if looks_at == "upload":
                return answered(await client.post("/predict/image", files=upload))
            if looks_at in ("json input", "upload input"):
                sent = {"json": body} if looks_at == "json input" else {"files": upload}
                path = "/predict" if looks_at == "json input" else "/predict/image"
                answer = await client.post(path, **sent)
                if not given:
                    said = f"the model was not called; the answer was {answer.status_code}"
                    return Raised(TOLD, f"{said}: {answer.text[:200]}")
                seen = np.asarray(given[0])
                return {"the model's input": seen, "its dtype": str(seen.dtype)}
            if looks_at == "no picture":
                upload = {"file": ("notes.txt", pixels.tobytes()[:97], "text/plain")}
                return refusal(await client.post("/predict/image", files=upload))
            if looks_at == "wrong body":
                return refusal(await client.post("/predict", json={"pixels": body["pixels"][1:]}))
            if looks_at == "failing":
                return refusal(await client.post("/predict/image", files=upload))
            if looks_at in ("busy", "busy upload"):
                sent = {"json": body} if looks_at == "busy" else {"files": upload}
                path = "/predict" if looks_at == "busy" else "/predict/image"
                answer = await client.post(path, **sent)
                wait = answer.headers.get("retry-after", "no such header")
                return {**refusal(answer), "Retry-After": wait}
            began = clock()
            visits = [client.post("/predict", json=body) for _ in range(3)]
            codes = [answer.status_code for answer in await asyncio.gather(*visits)]
            return {"statuses": codes, "seconds for three at once": round(clock() - began, 6)}


async def in_this_thread(function: Callable[..., Any], *args: Any, **_: Any) -> Any:
    """In place of a thread, which would run on another clock."""
    return function(*args)


def answered(answer: httpx.Response) -> dict[str, Any]:
    """An answer's status and its three fields; None where one is missing."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    fields = ("class", "confidence", "version")
    known = said if isinstance(said, dict) else {}
    return {"status": answer.status_code} | {name: known.get(name) for name in fields}


def refusal(answer: httpx.Response) -> dict[str, Any]:
    """The kind of refusal, and whether it says something without telling too much."""
    status = answer.status_code
    kind = "4xx" if 400 <= status < 500 else str(status)
    try:
        said = answer.json().get("detail")
    except ValueError:
        said = None
    sentence = isinstance(said, str) and len(said.split()) > 2
    traceback = "Traceback" in answer.text or 'File "' in answer.text
    return {"status": kind, "its detail is a sentence": sentence, "shows a traceback": traceback}


# --- MicroBatcher --------------------------------------------------------------------------------


class Model:
    """A model on the virtual clock that notes its batches. A row: a picture's sum and maximum."""

    def __init__(self, seconds: float, fails_at: int | None = None) -> None:
        self.seconds, self.fails_at = seconds, fails_at
        self.sizes: list[int] = []
        self.running = self.most_running = 0

    async def __call__(self, pictures: Any) -> np.ndarray:
        if not isinstance(pictures, np.ndarray):
            kind = type(pictures).__name__
            raise TypeError(f"infer takes one array with a row for each picture, not a {kind}")
        self.sizes.append(len(pictures))
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        await asyncio.sleep(self.seconds)
        self.running -= 1
        if len(self.sizes) - 1 == self.fails_at:
            raise FloatingPointError("this batch cannot be computed")
        return np.stack([pictures.sum(axis=(1, 2)), pictures.max(axis=(1, 2))], axis=1)


class Callers:
    """Requests sent to a batcher, and how each of them ended."""

    def __init__(
        self, batcher: Any, pictures: np.ndarray, max_batch: int, max_wait: float, max_queue: int
    ) -> None:
        self.batcher, self.pictures = batcher, pictures
        self.max_batch, self.max_wait, self.max_queue = max_batch, max_wait, max_queue
        self.rows: dict[int, Any] = {}
        self.ends: dict[int, str] = {}
        self.times: dict[int, float] = {}
        self.error: Raised | None = None  # the first one that a caller got
        self.tasks: list[asyncio.Task[None]] = []

    async def call(self, number: int) -> None:
        try:
            self.rows[number] = await self.batcher.predict(self.pictures[number])
            self.ends[number] = "answered"
        except Busy:
            self.ends[number] = "Busy"
        except asyncio.CancelledError:
            self.ends[number] = "gave up"
            raise
        except NotImplementedError:
            raise
        except Exception as error:
            self.ends[number] = type(error).__name__
            self.error = self.error or freeze_error(error)
        self.times[number] = round(asyncio.get_running_loop().time(), 6)

    def send(self, count: int) -> None:
        """So many more callers, all at this moment."""
        first = len(self.tasks)
        self.tasks += [asyncio.create_task(self.call(first + n)) for n in range(count)]

    async def all(self) -> None:
        """Wait for every end. A stub's NotImplementedError comes out here."""
        await asyncio.wait(self.tasks)
        for task in self.tasks:
            if not task.cancelled() and (error := task.exception()):
                raise error

    def count(self, end: str) -> int:
        return sum(said == end for said in self.ends.values())

    def own(self) -> int:
        """How many got the row of their own picture, and not another one's."""
        return sum(
            np.shape(row) == (2,)
            and np.allclose(row, [self.pictures[n].sum(), self.pictures[n].max()])
            for n, row in self.rows.items()
        )

    def answers(self) -> Any:
        """The rows in the order of the calls, where all came."""
        if self.error is not None:
            return self.error
        if len(self.rows) < len(self.tasks):
            return {"answered": len(self.rows), "not answered": len(self.tasks) - len(self.rows)}
        return np.stack([np.asarray(self.rows[n]) for n in sorted(self.rows)])


def MicroBatcher(
    work: Any,
    pictures: np.ndarray,
    max_batch: int,
    max_wait: float,
    max_queue: int,
    seconds: float,
    looks_at: str,
) -> Any:
    """One scene on the virtual clock. seconds: what one call of the model takes."""
    model = Model(seconds, fails_at=0 if "error" in looks_at else None)
    scene, sizes = SCENES[looks_at], (max_batch, max_wait, max_queue)
    tasks: list[asyncio.Task[Any]] = []

    def noted(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        tasks.append(asyncio.Task(coroutine, loop=loop, **more))
        return tasks[-1]

    async def play() -> dict[str, Any] | Raised:
        asyncio.get_running_loop().set_task_factory(noted)
        batcher = work(model, *sizes)
        seen = await scene(batcher, model, Callers(batcher, pictures, *sizes))
        return next((value for value in seen.values() if isinstance(value, Raised)), seen)

    try:
        with warnings.catch_warnings(action="ignore"):  # of what was never awaited
            return loops.run_virtual(play())
    except loops.Stuck as stuck:
        for task in tasks:  # an exception that ends a task is silent, and others wait for ever
            if task.done() and not task.cancelled() and (error := task.exception()):
                return freeze_error(error)
        return Raised(TOLD, f"some requests are never answered, or close never returns: {stuck}.")


async def _together(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    callers.send(len(callers.pictures))
    await callers.all()
    return {"the rows, in the order of the calls": callers.answers()}


async def _alone(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    callers.send(1)
    await callers.all()
    return {"the row": callers.answers(), "answered at second": callers.times[0]}


async def _full(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    callers.send(callers.max_batch)
    await callers.all()
    return {"a full batch is answered at second": max(callers.times.values())}


async def _sizes(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    callers.send(len(callers.pictures))
    await callers.all()
    return {"sizes of the batches": model.sizes, "batches at a time": model.most_running}


async def _later(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    """A full batch, then more while the model works, then one after a long pause."""
    callers.send(callers.max_batch)
    await asyncio.sleep(model.seconds / 2)
    callers.send(2)
    await asyncio.sleep(50)
    callers.send(1)
    await callers.all()
    return {
        "sizes of the batches": model.sizes,
        "batches at a time": model.most_running,
        "the rows, in the order of the calls": callers.answers(),
    }


async def _company(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    """One after the other, closer than max_wait altogether; then one that comes too late."""
    for _ in range(3):
        callers.send(1)
        await asyncio.sleep(callers.max_wait * 0.4)
    callers.send(1)
    await callers.all()
    return {"sizes of the batches": model.sizes}


async def _after_a_pause(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    """One alone, a long pause, then one with company."""
    callers.send(1)
    await asyncio.sleep(50)
    callers.send(1)
    await asyncio.sleep(callers.max_wait * 0.4)
    callers.send(1)
    await callers.all()
    return {"sizes of the batches": model.sizes}


async def _crowd(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    """While the model works, more arrive than the queue holds."""
    callers.send(callers.max_batch)
    await asyncio.sleep(model.seconds / 2)
    callers.send(callers.max_queue + 3)
    await asyncio.sleep(model.seconds / 4)
    at_once = callers.count("Busy")
    await callers.all()
    return {
        "refused with Busy, at once": at_once,
        "refused with Busy, in all": callers.count("Busy"),
        "answered": callers.count("answered"),
    }


async def _an_error(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    """The first batch fails; the second one, sent with it, must not."""
    callers.send(2 * callers.max_batch)
    await callers.all()
    return {
        "callers that got the model's error": callers.count("FloatingPointError"),
        "callers that were answered": callers.count("answered"),
    }


async def _an_error_and_a_hang_up(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    """One caller gives up while its batch is in the model, which then fails."""
    callers.send(2 * callers.max_batch)
    await asyncio.sleep(model.seconds / 2)
    callers.tasks[1].cancel()
    await callers.all()
    return {
        "gave up": callers.count("gave up"),
        "callers that got the model's error": callers.count("FloatingPointError"),
        "callers that were answered": callers.count("answered"),
    }


async def _hang_up(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    """One caller gives up while its batch is in the model; another batch follows."""
    callers.send(callers.max_batch)
    await asyncio.sleep(model.seconds / 2)
    callers.tasks[1].cancel()
    callers.send(callers.max_batch)
    await callers.all()
    return {
        "gave up": callers.count("gave up"),
        "answered": callers.count("answered"),
        "answered with their own row": callers.own(),
    }


async def _close(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    """Closed while the first of three batches is in the model."""
    callers.send(2 * callers.max_batch + 1)
    await asyncio.sleep(model.seconds / 2)
    await batcher.close()
    await asyncio.sleep(0)
    return {"answered when close returns": callers.count("answered")}


async def _close_after_hang_ups(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    """One caller gives up while its batch is in the model, one while it waits; then it closes."""
    callers.send(callers.max_batch + 3)
    await asyncio.sleep(model.seconds / 2)
    callers.tasks[1].cancel()
    callers.tasks[callers.max_batch + 1].cancel()
    await asyncio.sleep(0)
    await batcher.close()
    await asyncio.sleep(0)
    return {
        "answered when close returns": callers.count("answered"),
        "answered with their own row": callers.own(),
    }


async def _unused(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    """Closed before anyone called, then called."""
    await batcher.close()
    callers.send(2)
    await callers.all()
    return {"refused with Busy": callers.count("Busy")}


async def _closed(batcher: Any, model: Model, callers: Callers) -> dict[str, Any]:
    """Callers that come while it closes, and after; and what is left running in the end."""
    callers.send(callers.max_batch)
    await asyncio.sleep(model.seconds / 2)
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(model.seconds / 4)
    callers.send(1)
    await closing
    callers.send(1)
    await callers.all()
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    late = [callers.ends[number] for number in sorted(callers.ends)[-2:]]
    return {
        "answered": callers.count("answered"),
        "who comes while it closes, and after": late,
        "tasks still running": len(left),
    }


SCENES: Mapping[str, Callable[[Any, Model, Callers], Any]] = {
    "rows": _together,
    "alone": _alone,
    "full": _full,
    "sizes": _sizes,
    "later": _later,
    "company": _company,
    "after a pause": _after_a_pause,
    "crowd": _crowd,
    "an error": _an_error,
    "an error and a hang up": _an_error_and_a_hang_up,
    "hang up": _hang_up,
    "close": _close,
    "close after hang ups": _close_after_hang_ups,
    "unused": _unused,
    "closed": _closed,
}


# --- choose_version and the container ------------------------------------------------------------


def choose_version(
    work: Probe, seed: int, users: int, share: float, errors: int, requests: int, looks_at: str
) -> dict[str, Any]:
    """Where so many users are sent, asked twice in two orders, as if by two processes."""
    rng = np.random.default_rng(seed)
    names = [
        f"{'anbkeo'[n % 6]}{number}" for n, number in enumerate(rng.integers(10**9, size=users))
    ]
    with own_randomness():
        shares = [share, share + 0.25] if looks_at == "a larger share" else [share, share]
        later = LATER if looks_at == "later" else 0  # requests that were answered in between
        with salted_hash(1):
            first = [work(name, shares[0], errors, requests) for name in names]
        with salted_hash(2):
            second = [work(name, shares[1], errors, requests + later) for name in names[::-1]]
            second.reverse()
    return {"first": codes(first), "second": codes(second)}


def codes(chosen: list[Any]) -> np.ndarray:
    """0 for stable, 1 for canary, 2 for anything else."""
    known = {"stable": 0, "canary": 1}
    return np.array([known.get(one, 2) if isinstance(one, str) else 2 for one in chosen], np.uint8)


@contextlib.contextmanager
def own_randomness() -> Iterator[None]:
    """The same random numbers every time, and the notebook's own as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    random.seed(0)
    np.random.seed(0)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextlib.contextmanager
def salted_hash(salt: int) -> Iterator[None]:
    """Python salts the hash of a text anew in each process; here it does so when told."""

    def salted(value: Any) -> int:
        if isinstance(value, str):
            return zlib.crc32(f"{salt} {value} {salt}".encode()) * 2**29
        return value.__hash__()

    with mock.patch.object(builtins, "hash", salted):
        yield


def dockerfile(
    work: Mapping[str, Probe], base: str, port: int, images: list[str], looks_at: str
) -> dict[str, Any]:
    """Facts about the two texts; see `containers` for what is read from them."""
    if looks_at.startswith("compose"):
        return containers.services(work["compose"](*images, port))
    text = work["dockerfile"](base, port)
    if not isinstance(text, str) or not re.search(r"(?im)^\s*FROM\s", text):
        return {"a Dockerfile": "no line begins with FROM"}
    return containers.facts(text)
