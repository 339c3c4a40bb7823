"""The pictures of unit 25. What they show comes from the learner's own functions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from chainrule import plot
from chainrule.data._images import Images
from chainrule.deployment import loops
from chainrule.deployment.load import Load
from chainrule.widgets import Choice, Control, Slider, explore

Function = Callable[..., Any]

CALL_MS, PICTURE_MS = 4.0, 0.5  # what a call of the simulated model takes, and each picture in it
REQUESTS = 300  # of one simulation

# --- the promise ---------------------------------------------------------------------------------

BOXES = [
    ("clients", "JSON or a file"),
    ("create_app", "checks, refuses,\nanswers"),
    ("preprocess", "28 by 28,\n0 to 1"),
    ("MicroBatcher", "up to 8 at once,\nor a quick no"),
    ("model.onnx", "without\nPyTorch"),
]


def promise() -> None:
    """The service as a row of boxes, each under the name of what the learner writes."""
    fig, ax = plt.subplots(figsize=(9, 1.9))
    for place, (name, what) in enumerate(BOXES):
        colour = plot.GREY if place == 0 else plot.BLUE
        ax.text(
            place,
            0,
            f"{name}\n{what}",
            ha="center",
            va="center",
            fontsize=9,
            linespacing=1.5,
            bbox={"boxstyle": "round,pad=0.7", "facecolor": "white", "edgecolor": colour},
        )
        if place:
            arrow = {"arrowstyle": "<->", "color": plot.GREY}
            ax.annotate("", (place - 0.4, 0), (place - 0.62, 0), arrowprops=arrow)
    ax.set(xlim=(-0.6, len(BOXES) - 0.4), ylim=(-1, 1), title="What you will have built")
    ax.set_axis_off()
    said = "; ".join(f"{name}: {what}".replace("\n", " ") for name, what in BOXES)
    plot.show(fig, alt=f"Five boxes in a row, connected in both directions. {said}.")


# --- preprocessing -------------------------------------------------------------------------------


def prepared_otherwise(model: Any, clothes: Images) -> None:
    """The accuracy on the test pictures, prepared as in training and in four other ways."""
    import torch

    pictures = torch.tensor(clothes.x_test) / 255
    ways = {
        "as in training": pictures,
        "not divided by 255": pictures * 255,
        "dark on white": 1 - pictures,
        "lying on its side": pictures.transpose(1, 2),
        "mean 0, spread 1": (pictures - pictures.mean()) / pictures.std(),
    }
    labels = torch.tensor(clothes.y_test)
    was = model.training
    model.eval()
    right, sure = {}, {}
    with torch.no_grad():
        for name, prepared in ways.items():
            shares, said = model(prepared).softmax(dim=1).max(dim=1)
            right[name] = float((said == labels).double().mean())
            sure[name] = float(shares.double().mean())
    model.train(was)
    fig, ax = plt.subplots(figsize=(7, 3.4))
    places = np.arange(len(ways))
    for values, colour, what, off in (
        (right, plot.BLUE, "share right", -0.2),
        (sure, plot.ORANGE, "mean confidence", 0.2),
    ):
        bars = ax.barh(places + off, list(values.values()), 0.38, color=colour, label=what)
        ax.bar_label(bars, [f"{value:.2f}" for value in values.values()], padding=3, fontsize=8)
    ax.set_yticks(places, list(ways))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set(title="The same network, the same pictures", xlim=(0, 1.3))
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    told = "; ".join(f"{name} {right[name]:.2f} right, {sure[name]:.2f} sure" for name in ways)
    plot.show(fig, alt=f"Bars: share of test pictures right, and mean confidence. {told}.")


# --- throughput ----------------------------------------------------------------------------------


def throughput_by_batch(per_second: Mapping[int, float]) -> None:
    """Pictures per second against the size of the batch."""
    sizes = list(per_second)
    fig, ax = plt.subplots(figsize=(6, 2.8))
    ax.plot(sizes, list(per_second.values()), "o-", color=plot.BLUE)
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.set_ylim(bottom=0)
    ax.set(title="One call, more pictures", xlabel="pictures in a call", ylabel="pictures / s")
    said = ", ".join(f"{size}: {value:,.0f}" for size, value in per_second.items())
    plot.show(fig, alt=f"Pictures per second by the size of the batch. {said}.")


# --- the batcher, simulated ----------------------------------------------------------------------


def batching(MicroBatcher: Function, percentiles: Function) -> None:
    """Sliders for the traffic and the batcher's settings; latencies on the virtual clock."""

    @lru_cache(maxsize=64)
    def outcome(rate: int, max_batch: int, max_wait: int) -> tuple[np.ndarray, list[int]]:
        return simulate(MicroBatcher, rate, max_batch, max_wait)

    def draw(rate: int, max_batch: int, max_wait: int) -> Figure:
        latencies, sizes = outcome(rate, max_batch, max_wait)
        fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3))
        left.hist(latencies, bins=30, color=plot.SKY)
        looks = zip((50, 95, 99), ("-", "--", ":"), percentiles([latencies]), strict=True)
        for q, style, value in looks:
            left.axvline(value, color=plot.BLACK, linestyle=style, label=f"p{q} {value:.0f} ms")
        left.set(title="How long they waited", xlabel="ms", ylabel="requests")
        left.legend()
        right.hist(sizes, bins=np.arange(0.5, max(*sizes, 8) + 1), color=plot.ORANGE, rwidth=0.8)
        right.set(title="Pictures in a call", xlabel="pictures", ylabel="calls")
        return fig

    def describe(rate: int, max_batch: int, max_wait: int) -> str:
        latencies, sizes = outcome(rate, max_batch, max_wait)
        p50, _, p99 = percentiles([latencies])
        return (
            f"{rate} requests/s, batches of up to {max_batch}, waiting at most {max_wait} ms: p50 "
            f"{p50:.0f} ms, p99 {p99:.0f} ms, {np.mean(sizes):.1f} pictures in a call."
        )

    controls: dict[str, Control] = {
        "rate": Slider("Requests per second", 50, 1000, 200, 50),
        "max_batch": Choice("max_batch", {str(n): n for n in (1, 2, 4, 8, 16, 32)}, 8),
        "max_wait": Slider("max_wait (ms)", 0, 30, 5),
    }
    examples = [
        {"rate": 50, "max_batch": 1, "max_wait": 0},
        {"rate": 50, "max_batch": 8, "max_wait": 20},
        {"rate": 600, "max_batch": 1, "max_wait": 0},
        {"rate": 600, "max_batch": 8, "max_wait": 5},
        {"rate": 1000, "max_batch": 8, "max_wait": 5},
        {"rate": 1000, "max_batch": 32, "max_wait": 5},
    ]
    explore(draw, describe, controls, examples)


def simulate(
    MicroBatcher: Function, rate: int, max_batch: int, max_wait: int
) -> tuple[np.ndarray, list[int]]:
    """Latencies in ms of REQUESTS requests that arrive at random, and the sizes of the batches."""
    arrivals = np.cumsum(np.random.default_rng(0).exponential(1 / rate, size=REQUESTS))
    latencies, sizes = np.zeros(REQUESTS), []

    async def infer(pictures: np.ndarray) -> np.ndarray:
        sizes.append(len(pictures))
        await asyncio.sleep((CALL_MS + PICTURE_MS * len(pictures)) / 1000)
        return pictures

    async def visit(number: int, batcher: Any) -> None:
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(float(arrivals[number]))
        began = clock()
        await batcher.predict(np.zeros(1))
        latencies[number] = (clock() - began) * 1000

    async def day() -> None:
        batcher = MicroBatcher(infer, max_batch, max_wait / 1000, REQUESTS)
        await asyncio.gather(*[visit(number, batcher) for number in range(REQUESTS)])

    loops.run_virtual(day())
    return latencies, sizes


# --- a live service under load -------------------------------------------------------------------


def latencies(loads: Mapping[str, Load], percentiles: Function) -> None:
    """The histogram of latencies of each load test, with its percentiles."""
    fig, axes = plt.subplots(len(loads), 1, figsize=(7, 2 * len(loads)), sharex=True, squeeze=False)
    together = [value for load in loads.values() for part in load.milliseconds for value in part]
    bins = np.linspace(0, float(np.quantile(together, 0.998)), 50)
    said = []
    for ax, (name, load) in zip(axes[:, 0], loads.items(), strict=True):
        values = np.concatenate([np.asarray(part) for part in load.milliseconds])
        ax.hist(values, bins=bins, color=plot.SKY)
        found = percentiles(load.milliseconds)
        for q, style, value in zip((50, 95, 99), ("-", "--", ":"), found, strict=True):
            ax.axvline(value, color=plot.BLACK, linestyle=style, label=f"p{q} {value:.0f} ms")
        ax.set(title=f"{name}: {load.throughput:,.0f} requests/s", ylabel="requests")
        ax.legend()
        said.append(
            f"{name}: {load.throughput:,.0f} requests per second, p50 {found[0]:.0f} ms, p99 "
            f"{found[2]:.0f} ms"
        )
    axes[-1, 0].set_xlabel("latency (ms)")
    plot.show(fig, alt=f"Histograms of latencies under load. {'; '.join(said)}.")
