# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 25 · How do others use your model?
#
# {badges}
#
# They call it over a network, a hundred at a time, with pictures you did not choose. In this unit
# your clothes classifier becomes a service: one file that runs without PyTorch, an address that
# answers, a queue that holds under load, a second version beside the first, a container. At the end
# it runs as a process of its own, and you measure how long its answers take.
#
# **Time:** about 4 hours. **You need:** unit 05. A trained network comes with the course; your own
# checkpoint works too. No GPU, no Docker, no network.

# %% tags=["setup"]
# Setup: run me first. Safe to run twice; installs only what is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("chainrule") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "chainrule"], check=True)

# %% tags=["demo"]
# What this unit needs beyond the course itself. Installs only what is missing and names it.
NEEDED = {
    "fastapi": "fastapi",
    "uvicorn": "uvicorn",
    "httpx": "httpx",
    "onnx": "onnx",
    "onnxscript": "onnxscript",
    "onnxruntime": "onnxruntime",
    "prometheus_client": "prometheus-client",
    "python_multipart": "python-multipart",
    "PIL": "pillow",
}
missing = [package for name, package in NEEDED.items() if importlib.util.find_spec(name) is None]
if missing:
    print("Installing", ", ".join(missing))
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *missing], check=True)
else:
    print("Everything that this unit needs is installed.")

# %%
import os

# ONNX Runtime reports its use to its maker unless told otherwise, before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# %%
import asyncio
import hashlib
import io
import json
import logging
import math
import time
import warnings
from typing import Annotated

import numpy as np
import onnxruntime
import torch
from fastapi import FastAPI, HTTPException, UploadFile
from PIL import Image
from pydantic import BaseModel, Field

from chainrule import data
from chainrule.deployment import check, loops, widgets
from chainrule.deployment.operations import Busy, add_operations

logging.getLogger("torch.onnx").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)  # the exporter's own affair
CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]

# %% [markdown]
# This is where you will arrive.

# %% tags=["demo"]
widgets.promise()

# %% [markdown]
# ## A primer: three things in ten minutes
#
# **HTTP.** A client sends lines of text: a method and a path, headers, an empty line, a body. The
# answer begins with a status: 200 fine, 4xx *your* request is wrong, 5xx *we* failed. So a bad
# picture deserves a 4xx and a sentence, never a 500.

# %% tags=["demo", "nbval-check-output"]
import httpx

request = httpx.Request("POST", "http://shop.example/predict", json={"pixels": [[0, 255], [7, 0]]})
print(request.method, request.url.path, "HTTP/1.1")
for name, value in request.headers.items():
    print(f"{name}: {value}")
print()
print(request.content.decode())

# %% [markdown]
# **async.** A service mostly waits: for a network, for a model. An `async def` function can be put
# aside at each `await` while others go on. All share one thread and one **event loop**, so code
# that waits *without* `await` stops everyone.
#
# **Predict, then run:** three waits of 0.2 seconds. How long in a row, how long together?


# %% tags=["demo"]
async def visit(name):
    await asyncio.sleep(0.2)
    return name


async def compare():
    clock = asyncio.get_running_loop().time
    began = clock()
    for name in "ABC":
        await visit(name)
    in_a_row = clock() - began
    began = clock()
    names = await asyncio.gather(visit("A"), visit("B"), visit("C"))
    print(f"in a row {in_a_row:.1f} s, together {clock() - began:.1f} s: {names}")


loops.run(compare())  # a notebook has a loop of its own, so this one gets a thread

# %% [markdown]
# **pydantic.** A class with types, which refuses what doesn't fit. `Annotated[int, Field(...)]`
# adds bounds to a type.


# %% tags=["demo", "nbval-check-output"]
class Order(BaseModel):
    size: Annotated[int, Field(ge=30, le=50)]
    colours: Annotated[list[str], Field(min_length=1)]


print(Order(size=41, colours=["black"]))
for wrong in ({"size": 12, "colours": ["black"]}, {"size": 41, "colours": []}):
    try:
        Order(**wrong)
    except ValueError as error:
        print(error.errors()[0]["loc"], error.errors()[0]["msg"])

# %% [markdown]
# ## How long is long?
#
# A shop asks: how long do customers wait? The **mean** hides the few who wait longest. So services
# are judged by **percentiles**: p99 = 80 ms says that 99 of 100 requests took at most 80 ms.
#
# ### Exercise 1 · percentiles · 2 points · 15 min
# The latencies come in parts, one for each client or server. Pool them first: a p99 of p99s is
# nobody's p99. Sort, then take the smallest latency that at least q% of all requests did not
# exceed: number $\lceil q \cdot n / 100 \rceil$ in the sorted list, counted from 1.


# %% exercise="percentiles"
def percentiles(parts):
    """p50, p95 and p99 of all requests together.

    parts: a list with the latencies in ms that each client measured, lists or arrays of any
    lengths; some may be empty, not all. Returns three numbers (p50, p95, p99), each one of the
    latencies.

    percentiles([[1, 2, ..., 50], [51, ..., 100]]) -> (50, 95, 99)
    """
    ### BEGIN SOLUTION
    together = np.sort(np.concatenate(parts))
    ranks = [math.ceil(q * len(together) / 100) for q in (50, 95, 99)]
    return tuple(together[rank - 1] for rank in ranks)
    ### END SOLUTION


# %% check="percentiles"
check.percentiles(percentiles)

# %% [markdown]
# Two servers, one of them slow and little used. **Predict:** is the mean of the two p99s above or
# below what customers feel?

# %% tags=["demo", "nbval-check-output"]
rng = np.random.default_rng(0)
fast, slow = rng.gamma(4, 2, size=5000), rng.gamma(4, 30, size=25)
p99s = [percentiles([part])[2] for part in (fast, slow)]
print(f"p99 of each: {p99s[0]:.0f} ms and {p99s[1]:.0f} ms; their mean: {np.mean(p99s):.0f} ms")
print(f"p99 of all requests: {percentiles([fast, slow])[2]:.0f} ms")

# %% [markdown]
# ## The same picture as in training
#
# The network learned from 28 by 28 grey bytes, divided by 255, as `float32`. Whoever sends a photo
# sends a *file*: PNG or JPEG, in colour, of any size, or something else entirely. What reaches the
# network must look as in training, or its answers are noise that looks like answers.
#
# A 20 kB file can claim to be 60,000 by 60,000 pixels: ten gigabytes once it is unpacked.
# `Image.open` reads only the claim (`image.width`, `image.height`); unpacking comes later. Look
# before you unpack.

# %%
MAX_PIXELS = 4_000_000  # a file that claims more is refused before it is unpacked

# %% [markdown]
# ### Exercise 2 · preprocess · 2 points · 20 min
# From the bytes of an image file to the network's input. Grey is `image.convert("L")`; smaller is
# `.resize((28, 28), Image.Resampling.BOX)`, grey first: each new pixel is the mean of those it
# covers. A file may also break off in the middle, which shows only when it is unpacked. PIL has
# errors of several types; a monstrous claim fails in `Image.open` already.


# %% exercise="preprocess"
def preprocess(data):
    """The network's input, from an uploaded file.

    data: bytes. Returns a float32 array of shape (28, 28): grey, each byte divided by 255.
    Raises ValueError with a sentence, and nothing else, when the bytes are no picture, break off,
    or claim more than MAX_PIXELS pixels.

    A PNG of 28 by 28 white pixels -> an array of ones.
    """
    ### BEGIN SOLUTION
    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"The picture has more than {MAX_PIXELS:,} pixels.")
        grey = image.convert("L").resize((28, 28), Image.Resampling.BOX)
    except ValueError:
        raise
    except Exception:
        raise ValueError("These bytes are not a picture that can be read.") from None
    return np.asarray(grey, dtype=np.float32) / 255
    ### END SOLUTION


# %% check="preprocess"
check.preprocess(preprocess)

# %% [markdown]
# What a small difference does: the same test pictures, prepared as in training and in four other
# ways. The network never complains. **Predict:** which way costs most?

# %% tags=["demo"]
from chainrule.deployment.network import trained_classifier

torch.set_num_threads(1)  # pictures this small: several cores would mostly wait for each other
clothes = data.fashion_mnist()
model = trained_classifier()  # or your own: trained_classifier("../05_training/runs/half.pt")
widgets.prepared_otherwise(model, clothes)

# %% [markdown]
# Without the division the order of the scores hardly changes, but softmax of large scores is sure
# of everything: whoever acts on the confidence is misled.
#
# ## Requests you can trust
#
# Programs send numbers instead of files: `{"pixels": [[0, 0, 12, ...], ...]}`. FastAPI hands the
# JSON to a pydantic class and answers 422 by itself when it doesn't fit.
#
# ### Exercise 3 · PredictRequest · 2 points · 15 min
# 28 rows of 28 whole numbers from 0 to 255, and nothing else: no short row, no 256, no 3.5, no NaN,
# no `"12"`, no `true`. pydantic turns the text "12" into 12 unless told to be strict:
# `Field(strict=True)`. A type can stand inside another: `list[Annotated[...]]`.


# %% exercise="PredictRequest"
class PredictRequest(BaseModel):
    """The JSON of a request: {"pixels": 28 rows of 28 whole numbers from 0 to 255}.

    PredictRequest(pixels=[[0] * 28] * 28).pixels -> the same lists
    PredictRequest(pixels=[[0] * 28] * 27) raises pydantic's ValidationError
    """

    ### BEGIN SOLUTION
    pixels: Annotated[
        list[
            Annotated[
                list[Annotated[int, Field(ge=0, le=255, strict=True)]],
                Field(min_length=28, max_length=28),
            ]
        ],
        Field(min_length=28, max_length=28),
    ]
    ### END SOLUTION


# %% check="PredictRequest"
check.PredictRequest(PredictRequest)

# %% [markdown]
# ## A model without its workshop
#
# PyTorch is a workshop, for building and training. To serve, you need only the finished
# piece. **ONNX** is a file format for networks, a list of operations with their weights. **ONNX
# Runtime** executes it, from Python, C++, Java or a phone.


# %%
def open_session(path):
    """An ONNX Runtime session on one thread: a service gets its speed from batches and copies."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


# %% [markdown]
# ### Exercise 4 · export_onnx · 3 points · 25 min
# `torch.onnx.export` takes the model, a tuple of its inputs, `(pictures,)`, and a path; it runs the
# model once and writes down what happens. Say four things: the names (`input_names=["pictures"]`,
# `output_names=["logits"]`); that axis 0 may have any length (`dynamic_shapes=[{0: "batch"}]`), or
# it is fixed at the example's; that the weights go into the same file (`external_data=False`); and
# `dynamo=True`, the exporter built on `torch.export`. `verbose=False` keeps it quiet.
#
# Training leaves dropout on. Here it must be off. Then prove the file: run it with
# `open_session(path).run(None, {"pictures": array})`, which returns a list of arrays, and compare.


# %% exercise="export_onnx"
def export_onnx(model, pictures, path):
    """Write a network to a file in ONNX, and say how far the file's logits are from the network's.

    model: a torch module, (batch, 28, 28) -> logits (batch, 10), in train mode or eval mode; it
    stays in the mode in which it was found. pictures: a float32 tensor, (batch, 28, 28), with at
    least two pictures. path: where to. The file takes batches of any size, its input is called
    pictures, its output logits.
    Returns the largest absolute difference between the file's logits for `pictures` and those of
    the model in eval mode, a float; about 1e-6 when all is well.
    """
    ### BEGIN SOLUTION
    was_training = model.training
    model.eval()
    torch.onnx.export(
        model,
        (pictures,),
        path,
        input_names=["pictures"],
        output_names=["logits"],
        dynamic_shapes=[{0: "batch"}],
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    expected = model(pictures).detach().numpy()
    model.train(was_training)
    (found,) = open_session(path).run(None, {"pictures": pictures.numpy()})
    return np.abs(found - expected).max().item()
    ### END SOLUTION


# %% check="export_onnx"
check.export_onnx(export_onnx)

# %% [markdown]
# Your own file, held against the network on all test pictures. Then the reason for batches: a
# network reads its weights from memory once per *call*. **Predict:** how much more do you get
# done per second with eight pictures in a call?

# %% tags=["demo"]
from pathlib import Path

test_pictures = torch.tensor(clothes.x_test) / 255
Path("runs").mkdir(exist_ok=True)
difference = export_onnx(model, test_pictures[:64], "runs/model.onnx")
session = open_session("runs/model.onnx")
(logits,) = session.run(None, {"pictures": test_pictures.numpy()})
print(f"{Path('runs/model.onnx').stat().st_size:,} bytes, largest difference {difference:.1e}")
print(f"test accuracy of the file: {(logits.argmax(axis=1) == clothes.y_test).mean():.4f}")


def throughput(batch, rounds=5):
    """Pictures per second in calls of `batch` pictures; the best of a few rounds."""
    batches = np.split(test_pictures.numpy()[:1600], 1600 // batch)
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        for pictures in batches:
            session.run(None, {"pictures": pictures})
        seconds.append(time.perf_counter() - began)
    return 1600 / min(seconds)


per_second = {batch: throughput(batch) for batch in (1, 2, 4, 8, 16, 32)}
widgets.throughput_by_batch(per_second)
print(
    f"Milestone: batches of 8 give {per_second[8] / per_second[1]:.1f} times the throughput of "
    "single pictures, in process (target 1.5)"
)

# %% [markdown]
# **torch.export** is the step in between: it turns a module into one graph of tensor operations,
# without Python. From it others build: the ONNX exporter here, compilers for servers, and
# **ExecuTorch**, which runs PyTorch models on phones and microcontrollers in a few hundred
# kilobytes, on whatever chip is there. Reach for it when the model must go where the data is, with
# no network between.
#
# ## The service
#
# **FastAPI** turns functions into paths. `add_operations(app, version)` is given and adds what
# operators need: `/healthz` (the process lives), `/readyz` (send it requests), `/metrics`,
# `/version`, a size limit, one sentence for requests that don't fit, and a 500 that tells strangers
# nothing when something of ours fails.

# %% tags=["demo", "nbval-check-output"]
shop = FastAPI()
add_operations(shop, version="7")


@shop.post("/fits")
async def fits(order: Order):  # the JSON of the request, checked
    if order.size > 46:
        raise HTTPException(404, "We have no shoes above 46.")
    return {"fits": True}


async def visit_shop():
    transport = httpx.ASGITransport(app=shop)  # calls the app itself: no network
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        for body in ({"size": 41, "colours": ["black"]}, {"size": 47, "colours": ["red"]}, {}):
            answer = await client.post("/fits", json=body)
            print(answer.status_code, answer.json())
        print((await client.get("/version")).json())


loops.run(visit_shop())

# %% [markdown]
# ### Exercise 5 · create_app · 3 points · 35 min
# Two paths, one answer. `POST /predict` takes a `PredictRequest`; `POST /predict/image` takes an
# upload, `file: UploadFile`, whose bytes are `await file.read()`. Both give the *same* input to
# `classify`, which is async and returns logits. The answer holds a share, not a score, so softmax
# belongs here (subtract the maximum first).
#
# `preprocess` raises ValueError: answer 422 with its sentence. `classify` raises `Busy`, a given
# exception: answer 503 with the header `Retry-After`, its `retry_after` as text, in seconds:
# `HTTPException(503, "...", headers={...})`. Whatever else `classify` raises is no fault of the
# sender: let it pass, it becomes a 500. Put what both paths share into an inner function.


# %% exercise="create_app"
def create_app(classify, version):
    """The service: an app with /predict and /predict/image, and what add_operations adds.

    classify: async function, float32 array (28, 28) -> float32 array of ten logits, which may be in
    the thousands; may raise Busy, and when it is broken, anything else.
    version: text. Both paths answer {"class": name, "confidence": share, "version": version}: the
    likeliest of CLASSES, its share of 1, and the version.

    Logits [0, 0, log(3), 0, ...]: {"class": "Pullover", "confidence": 0.25, ...}
    """
    app = FastAPI(title="Clothes")
    add_operations(app, version)
    ### BEGIN SOLUTION

    async def answer(picture):
        try:
            logits = await classify(picture)
        except Busy as busy:
            retry = {"Retry-After": str(busy.retry_after)}
            raise HTTPException(503, f"Try again later: {busy}.", headers=retry) from None
        shares = np.exp(logits - logits.max())
        shares = shares / shares.sum()
        best = shares.argmax()
        return {"class": CLASSES[best], "confidence": float(shares[best]), "version": version}

    @app.post("/predict")
    async def predict(request: PredictRequest):
        return await answer(np.array(request.pixels, dtype=np.float32) / 255)

    @app.post("/predict/image")
    async def predict_image(file: UploadFile):
        try:
            picture = preprocess(await file.read())
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return await answer(picture)

    ### END SOLUTION
    return app


# %% check="create_app"
check.create_app(create_app)

# %% [markdown]
# ## Sharing a call
#
# Each request brings one picture. A **micro-batcher** lets it wait some milliseconds for company:
#
# - a batch starts when it is full, or `max_wait` seconds after its first picture was taken up;
# - while the model works, others queue; when `max_queue` wait already, the next one is refused at
#   once (**back-pressure**: a quick no is better than a slow nothing);
# - to stop, refuse what is new and answer what was accepted.
#
# A **future** is an answer that isn't there yet: who needs it awaits it, who has it calls
# `.set_result(value)` or `.set_exception(error)`. If a client hangs up, its future is cancelled:
# it is `.done()` and takes no result any more.


# %% tags=["demo", "nbval-check-output"]
async def kitchen(queue):
    while True:
        dish, plate = await queue.get()  # waits until there is one
        await asyncio.sleep(2)
        plate.set_result(f"{dish}, ready at second {asyncio.get_running_loop().time():.0f}")
        queue.task_done()


async def restaurant():
    queue, loop = asyncio.Queue(), asyncio.get_running_loop()
    cook = asyncio.create_task(kitchen(queue))  # runs beside us
    plates = []
    for dish in ("soup", "rice", "fruit"):
        plates.append(loop.create_future())
        queue.put_nowait((dish, plates[-1]))
    print(await plates[0], "| still to do:", queue.qsize())
    try:
        # At most one second; then wait_for would cancel what it waits for, were it not for shield.
        await asyncio.wait_for(asyncio.shield(plates[2]), timeout=1)
    except TimeoutError:
        print("the fruit is not there after one more second")
    await queue.join()  # until task_done() was called for each
    print(plates[2].result())
    cook.cancel()


loops.run_virtual(restaurant())  # a clock that jumps: six seconds of waiting take no time

# %% [markdown]
# ### Exercise 6 · MicroBatcher · 4 points · 50 min
# Four short methods. `predict` makes a future, queues it with its picture, starts the worker if
# there is none, and awaits. `collect` takes a first picture, then others, until the batch is full
# or time is up. `work` runs batches for ever and hands out the rows. `close` ends it, even if
# nobody ever called.
#
# The loop's clock is `asyncio.get_running_loop().time()`. An error of the model belongs to the
# callers of that batch; the worker goes on.


# %% exercise="MicroBatcher"
class MicroBatcher:
    """Runs single pictures through the model in batches, one batch at a time.

    infer: async function, array (n, ...) -> array with n rows; it may raise.
    max_batch: pictures in a batch at most. max_wait: seconds a batch waits for company.
    max_queue: when so many wait in the queue, not yet in a batch, the next is refused with Busy.
    """

    def __init__(self, infer, max_batch, max_wait, max_queue):
        self.infer, self.max_batch = infer, max_batch
        self.max_wait, self.max_queue = max_wait, max_queue
        self.waiting = asyncio.Queue()  # of (picture, future)
        self.closing = False
        self.worker = None  # the task that runs self.work(), once there is one

    async def predict(self, picture):
        """The model's row for one picture. Raises Busy, at once, when it is full or closing."""
        ### BEGIN SOLUTION
        if self.closing:
            raise Busy("the service is stopping")
        if self.waiting.qsize() >= self.max_queue:
            raise Busy()
        if self.worker is None:
            self.worker = asyncio.create_task(self.work())
        answer = asyncio.get_running_loop().create_future()
        self.waiting.put_nowait((picture, answer))
        return await answer
        ### END SOLUTION

    async def collect(self):
        """A list of (picture, future): waits for a first, then up to max_wait for others."""
        ### BEGIN SOLUTION
        batch = [await self.waiting.get()]
        now = asyncio.get_running_loop().time
        deadline = now() + self.max_wait
        while len(batch) < self.max_batch:
            try:
                batch.append(await asyncio.wait_for(self.waiting.get(), deadline - now()))
            except TimeoutError:
                break
        return batch
        ### END SOLUTION

    async def work(self):
        """For ever: collect a batch, run the model on it, hand each row to its future."""
        ### BEGIN SOLUTION
        while True:
            batch = await self.collect()
            try:
                rows = await self.infer(np.stack([picture for picture, _ in batch]))
            except Exception as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for number, (_, answer) in enumerate(batch):
                    if not answer.done():
                        answer.set_result(rows[number])
            for _ in batch:
                self.waiting.task_done()
        ### END SOLUTION

    async def close(self):
        """Refuse what is new, return when all that was accepted is answered, end the worker."""
        ### BEGIN SOLUTION
        self.closing = True
        await self.waiting.join()
        if self.worker is not None:
            self.worker.cancel()
        ### END SOLUTION


# %% check="MicroBatcher"
check.MicroBatcher(MicroBatcher)

# %% [markdown]
# Your batcher on the virtual clock, with a model whose call takes 4 ms and 0.5 ms more for each
# picture. Move the sliders. **Predict:** at 50 requests per second, does waiting for company pay?
# And at 600?

# %% tags=["demo"]
widgets.batching(MicroBatcher, percentiles)

# %% [markdown]
# ## Live
#
# Now for real. `write_service` copies your cells into `service/app.py`, beside the ONNX file: a
# service without a notebook and without PyTorch. `Service` starts it as a process of its own, on a
# free port that only this machine can reach. After the `with` block it is gone, also if a line in
# the block fails, and if the notebook dies, it notices and stops.

# %% tags=["demo"]
from chainrule.deployment.load import load_test
from chainrule.deployment.serving import Service, write_service

parts = ["preprocess", "PredictRequest", "open_session", "create_app", "MicroBatcher"]
folder = write_service(parts, "runs/model.onnx", CLASSES, MAX_PIXELS)
print("written:", *sorted(path.name for path in folder.iterdir() if path.is_file()))

with Service(folder, VERSION="1") as service, httpx.Client(base_url=service.url) as client:
    for path in ("/healthz", "/readyz", "/version"):
        print(f"GET {path}:", client.get(path).json())
    picture = io.BytesIO()
    Image.fromarray(clothes.x_test[0]).save(picture, "PNG")
    good = {"pixels": clothes.x_test[0].tolist()}
    bad = {"pixels": clothes.x_test[0].tolist()[:27]}
    torn = {"content": b'{"pixels": [[', "headers": {"content-type": "application/json"}}
    for sent in ({"json": good}, {"json": bad}, torn):
        answer = client.post("/predict", **sent)
        print("POST /predict:", answer.status_code, answer.json())
    for content in (picture.getvalue(), b"not a picture"):
        answer = client.post("/predict/image", files={"file": content})
        print("POST /predict/image:", answer.status_code, answer.json())
    lines = client.get("/metrics").text.splitlines()
    print(*[line for line in lines if line.startswith("requests_total")], sep="\n")

# %% [markdown]
# Under load: 2,000 requests from 32 clients, once without batching, once with. Here much of a
# request is HTTP and JSON, which batching can't share. **Predict:** will the gain be as large as it
# was in process?

# %% tags=["demo"]
bodies = [json.dumps({"pixels": picture.tolist()}).encode() for picture in clothes.x_test]
loads = {}
for name, settings in {
    "one by one": {"MAX_BATCH": 1},
    "batches of up to 8": {"MAX_BATCH": 8, "MAX_WAIT": 0.002},
}.items():
    with Service(folder, **settings) as service:
        load_test(service.url + "/predict", bodies[:200], clients=32)  # warm up
        loads[name] = load_test(service.url + "/predict", bodies, clients=32)
    p50, p95, p99 = percentiles(loads[name].milliseconds)
    print(
        f"{name}: {loads[name].throughput:,.0f} requests/s, p50 {p50:.1f} ms, p95 {p95:.1f} ms, "
        f"p99 {p99:.1f} ms"
    )
widgets.latencies(loads, percentiles)

# %% [markdown]
# The clients share the cores with the service here, so read the two figures beside each other and
# not as what a server can do. Where HTTP takes nearly all the time, they lie close together, or
# even change places from run to run. On a larger network, where the model's share of a request is
# larger, batching is worth more.
#
# Too much load: 100 clients, room for 20. And a stop in the middle. **Predict:** how many accepted
# requests are lost?

# %% tags=["demo"]
import threading

with Service(folder, MAX_QUEUE=20) as service:
    crowd = load_test(service.url + "/predict", bodies[:600], clients=100)
    print("100 clients, room for 20:", dict(sorted(crowd.statuses.items())))

with Service(folder) as service:
    stopper = threading.Timer(0.15, service.stop)
    stopper.start()
    cut = load_test(service.url + "/predict", bodies, clients=16)
    stopper.join()
print("stopped under load:", {k or "not accepted": v for k, v in sorted(cut.statuses.items())})
print("accepted, then failed:", sum(n for status, n in cut.statuses.items() if status >= 500))

# %% [markdown]
# ## Two versions
#
# A new model is a risk. Run it beside the old one and send it a few users first, like the
# **canary** that miners took along. If it fails, send everyone back: a **rollback**.
#
# Who goes where must not be a coin toss per request: the same user would see the two models take
# turns. A hash of the user's name gives everyone a fixed place between 0 and 1.
# `hashlib.sha256(text.encode()).digest()` is 32 bytes that look random and are the same in every
# process (Python's own `hash` is not); `int.from_bytes(four_bytes, "big")` is a whole number below
# $2^{32}$.

# %%
MIN_REQUESTS = 100  # with fewer, the canary's errors say nothing yet
MAX_ERROR_SHARE = 0.02

# %% [markdown]
# ### Exercise 7 · choose_version · 2 points · 15 min


# %% exercise="choose_version"
def choose_version(user, share, errors, requests):
    """Which version answers this user: "stable" or "canary".

    user: text. share: what part of the users the canary gets, from 0 to 1. errors, requests: how
    many requests the canary has answered so far, and how many of those failed.
    Everyone gets "stable" when the canary has answered at least MIN_REQUESTS and more than
    MAX_ERROR_SHARE of them failed. Otherwise a user's version depends on user and share alone, and
    a larger share moves users to the canary, none back.

    choose_version("ada", 0.5, errors=40, requests=200) -> "stable"
    """
    ### BEGIN SOLUTION
    if requests >= MIN_REQUESTS and errors / requests > MAX_ERROR_SHARE:
        return "stable"
    place = int.from_bytes(hashlib.sha256(user.encode()).digest()[:4], "big") / 2**32
    return "canary" if place < share else "stable"
    ### END SOLUTION


# %% check="choose_version"
check.choose_version(choose_version)

# %% [markdown]
# Version 2 is broken in a way no test saw: it fails for one request in ten. Two thousand users
# arrive, the canary's share is 10%. How many meet the broken version before the rollback?

# %% tags=["demo", "nbval-check-output"]
errors = requests = 0
rng = np.random.default_rng(1)
for number in range(2000):
    if choose_version(f"user-{number}", 0.1, errors, requests) == "canary":
        requests += 1
        errors += int(rng.random() < 0.1)
print(f"the canary answered {requests} of 2,000 requests, {errors} of them with an error")

# %% [markdown]
# ## A box to send
#
# A **container** image holds the program and all it needs; a `Dockerfile` describes it. A
# `compose.json` says which containers run together (compose reads YAML, and JSON is YAML).
#
# The folder `service/` holds `app.py`, `operations.py`, `model.onnx` and `requirements.txt`.
#
# ### Exercise 8 · dockerfile and compose · 2 points · 30 min
# `FROM` is the base, `COPY` takes files, `RUN` runs a command while building, `USER` says who runs
# the service, `HEALTHCHECK CMD ...` asks it whether it is well, `CMD [...]` starts it. A plain line
# after `CMD` gets a shell in between, which swallows the signal to stop. There is no curl; ask with
# `python -c "import urllib.request; urllib.request.urlopen('http://...')"`.


# %% exercise="dockerfile"
def dockerfile(base, port):
    """The text of a Dockerfile for the folder service/.

    base: the base image with its exact version, such as "python:3.12.8-slim". port: a number.
    - starts from `base`, not from whatever is newest today
    - copies and installs requirements.txt first, then copies app.py, operations.py and model.onnx,
      each by name: a folder may hold secrets, and a changed line must not install everything again
    - runs as a user that is not root (RUN useradd ...)
    - asks /healthz or /readyz on `port` for its health
    - starts uvicorn app:app with --host 0.0.0.0 and --port, as a list
    """
    ### BEGIN SOLUTION
    ask = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/healthz')"
    start = ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", str(port)]
    return f"""FROM {base}
WORKDIR /service
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py operations.py model.onnx ./
RUN useradd --system serve
USER serve
HEALTHCHECK CMD ["python", "-c", "{ask}"]
CMD {json.dumps(start)}
"""
    ### END SOLUTION


def compose(stable, canary, port):
    """Two versions side by side, as a dict that becomes compose.json.

    stable, canary: names of images. port: where both listen inside their containers.
    Under "services", one called stable and one called canary, each with its "image", with
    "restart": "unless-stopped", and with "ports": a list of one text "address:outside:inside". The
    address is 127.0.0.1, so that only this machine can call; outside, stable has `port` and canary
    `port` + 1.
    """
    ### BEGIN SOLUTION
    services = {}
    for name, image, outside in (("stable", stable, port), ("canary", canary, port + 1)):
        services[name] = {
            "image": image,
            "ports": [f"127.0.0.1:{outside}:{port}"],
            "restart": "unless-stopped",
        }
    return {"services": services}
    ### END SOLUTION


# %% check="dockerfile"
check.dockerfile(dockerfile, compose)

# %% [markdown]
# Your two texts go into the folder. Where Docker or Podman is installed, the image is built for
# real.

# %% tags=["demo"]
import shutil

(folder / "Dockerfile").write_text(dockerfile("python:3.12.8-slim", 8000))
(folder / "compose.json").write_text(json.dumps(compose("clothes:1", "clothes:2", 8000), indent=2))
print((folder / "Dockerfile").read_text())
engine = shutil.which("docker") or shutil.which("podman")
if engine is None or subprocess.run([engine, "info"], capture_output=True).returncode:
    print("No container engine runs on this machine, so the image is not built here.")
else:
    command = [engine, "build", "-t", "clothes:1", str(folder)]
    built = subprocess.run(command, capture_output=True, text=True)
    print(built.stderr[-800:] if built.returncode else "built the image clothes:1")

# %% [markdown]
# ## Debug me
#
# Eight requests at once, each answered by a model that needs 20 ms, on its own thread or chip. They
# should take about 20 ms together. They take 160, and meanwhile `/healthz` doesn't answer either.
# Find the line before you open the answer.


# %% tags=["demo"]
async def classify(picture):
    time.sleep(0.02)  # the model
    return np.arange(10.0)


async def eight_at_once():
    transport = httpx.ASGITransport(app=create_app(classify, "1"))
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        await client.get("/healthz")
        began = time.perf_counter()
        await asyncio.gather(*[client.post("/predict", json=good) for _ in range(8)])
        return time.perf_counter() - began


print(f"eight requests together took {loops.run(eight_at_once()) * 1000:.0f} ms")

# %% [markdown]
# <details><summary>Answer</summary>
#
# `time.sleep(0.02)` waits without `await`: the event loop stands still, and with it every other
# request. A model's call does the same. Give it a thread, as `service/app.py` does:
# `await asyncio.to_thread(run, pictures)`. Try it with `await asyncio.to_thread(time.sleep, 0.02)`.
# </details>
#
# ## What you learned
# - Judge a service by percentiles of all requests together.
# - A model sees what training saw, or it guesses; strangers' input is checked before it is used.
# - ONNX takes a model out of its workshop: eval mode, free batch axis, weights inside, compared.
# - Batches share a call; a full queue says no at once; a stop answers what was accepted.
# - A new version gets few users first, always the same ones, and a way back.

# %% [markdown]
# ## Common mistakes
# - **Another preprocessing than in training.** No error, only wrong answers.
# - **Batch axis fixed at 1.** It works in the test with one picture, then fails under load.
# - **Train mode.** Dropout stays on: the same picture, two answers.
# - **A mean of p99s.** Pool the requests first.
# - **Waiting without `await`.** One slow request stops all.
# - **`COPY . .` and root.** The image carries your secrets, and a break-in owns the container.
#
# ## Where it is used
# Triton, TorchServe, BentoML and vLLM all hold your `MicroBatcher` at their core. Kubernetes asks
# `/healthz` and `/readyz` all day, and Prometheus reads `/metrics`.

# %% [markdown]
# ## Think about it
# `max_wait` makes every lone request slower to make a crowd faster. Where should it be decided: by
# you today, or by the service from minute to minute? What would it have to measure? (Not graded.)
#
# ## Next
# The service runs. Will the world stay as it was in training? **Unit 26, monitoring**, watches it.
