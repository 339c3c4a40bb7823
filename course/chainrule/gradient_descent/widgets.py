"""The pictures of unit 02. Every number in them comes from the learner's own functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from chainrule import plot
from chainrule.data import california_houses
from chainrule.widgets import Slider, explore

Function = Callable[..., np.ndarray]

PLACE = ["latitude", "longitude"]
FIRST_GUESS = np.array([0.4, -1.0])
WINDOW = (-3.0, 0.6)  # the weights that the map of the loss shows, along both axes
HEIGHTS = LinearSegmentedColormap.from_list("valley to height", ["white", "#B5D8EC", plot.BLUE])


def promise() -> None:
    """Show the walk that the learner's own functions do at the end of the unit."""
    houses = california_houses()
    columns = [houses.feature_names.index(name) for name in PLACE]
    x = houses.x_train[:, columns]
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    price = houses.y_train - houses.y_train.mean()
    # The loss of two weights is a bowl: along its own axes the distance to the floor shrinks by
    # a fixed factor in each step, so the walk can be drawn without walking it.
    floor = np.linalg.lstsq(x, price, rcond=None)[0]
    curvature, axes = np.linalg.eigh(2 * x.T @ x / len(x))
    shrinks = (1 - 0.45 * curvature) ** np.arange(41)[:, None]
    path = floor + (shrinks * ((FIRST_GUESS - floor) @ axes)) @ axes.T
    bowl = [
        np.mean(price**2) - 2 * w @ (x.T @ price) / len(x) + w @ (x.T @ x) @ w / len(x)
        for w in _grid().reshape(-1, 2)
    ]
    fig, ax = plt.subplots(figsize=(5.6, 4.4))
    _map(ax, np.array(bowl), path, PLACE)
    ax.set_title("Forty steps downhill")
    plot.show(
        fig,
        alt="A map of the loss over two weights: a long narrow valley from the lower left to the "
        "upper right. A path starts on its side, zigzags across it with ever smaller swings, then "
        "follows its floor and ends near the lowest point.",
    )


def slope(loss: Callable[[float], float]) -> None:
    """Sliders for a place w and a step h; two ways to measure the slope follow."""
    grid = np.linspace(-0.5, 2.7, 129)
    heights = np.array([loss(w) for w in grid])

    def slopes(w: float, step: float) -> tuple[float, float]:
        here, ahead, behind = loss(w), loss(w + step), loss(w - step)
        return float((ahead - here) / step), float((ahead - behind) / (2 * step))

    def draw(w: float, step: float) -> Figure:
        one_side, both_sides = slopes(w, step)
        run = np.array([-0.7, 0.7])
        fig, ax = plt.subplots(figsize=(6, 3.6))
        ax.plot(grid, heights, color=plot.BLUE, label="loss")
        ax.plot(w + run, loss(w) + run * one_side, "--", color=plot.ORANGE, label="one side")
        level = (loss(w + step) + loss(w - step)) / 2
        ax.plot(w + run, level + run * both_sides, "-.", color=plot.RED, label="both sides")
        ax.plot([w, w + step], [loss(w), loss(w + step)], "s", color=plot.ORANGE, markersize=8)
        ends = [loss(w - step), loss(w + step)]
        ax.plot([w - step, w + step], ends, "o", color=plot.RED, markersize=5)
        ax.set(
            title=f"Slope at w = {w:g}, with steps of {step:g}",
            xlabel="weight w",
            ylabel="loss",
            xlim=(-0.5, 2.7),
            ylim=(-4, heights.max()),
        )
        ax.legend(loc="upper center")
        return fig

    def describe(w: float, step: float) -> str:
        one_side, both_sides = slopes(w, step)
        level = abs(both_sides) < 0.05
        way = "level" if level else f"{'down' if both_sides < 0 else 'up'}hill to the right"
        return (
            f"At w = {w:g} with steps of {step:g}, the slope is {one_side:.2f} measured to one "
            f"side and {both_sides:.2f} measured from both: {way}."
        )

    controls = {
        "w": Slider("Weight w", 0.0, 2.0, 0.4, step=0.05),
        "step": Slider("Step h", 0.01, 0.5, 0.4, step=0.01),
    }
    examples = [{"w": 0.0}, {}, {"step": 0.1}, {"step": 0.01}, {"w": 1.05}, {"w": 1.8}]
    explore(draw, describe, controls, examples)


def surface(
    mse: Function,
    mse_gradient: Function,
    gradient_descent: Function,
    x: np.ndarray,
    targets: np.ndarray,
    start: np.ndarray,
) -> None:
    """Sliders for the learning rate and the number of steps; the walk over the loss follows.

    x: (batch, 2), latitude and longitude, scaled; targets: (batch,); start: (2,), the weights.
    """
    heights = np.array([mse(x @ weights, targets) for weights in _grid().reshape(-1, 2)])
    floor = float(mse(x @ np.linalg.lstsq(x, targets, rcond=None)[0], targets))

    def walk(rate: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
        def downhill(weights: np.ndarray) -> np.ndarray:
            return mse_gradient(x, targets, weights)

        path = np.asarray(gradient_descent(downhill, start, rate, steps))
        return path, np.array([mse(x @ weights, targets) for weights in path])

    def draw(rate: float, steps: int) -> Figure:
        path, losses = walk(rate, steps)
        fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.9), width_ratios=[1.15, 1])
        _map(left, heights, path, PLACE)
        left.set_title(f"Learning rate {rate:g}, {steps} step{'s' * (steps > 1)}")
        right.plot(losses, ".-", color=plot.RED, linewidth=1.2, label="your walk")
        right.axhline(floor, color=plot.BLACK, linewidth=1, linestyle=":", label="valley floor")
        right.set(title="The loss after each step", xlabel="step", ylabel="loss")
        if losses.max() > 3 * losses[0]:
            right.set_yscale("log")
        right.legend()
        return fig

    def describe(rate: float, steps: int) -> str:
        path, losses = walk(rate, steps)
        return (
            f"In {steps} step{'s' * (steps > 1)} of rate {rate:g} the loss goes from "
            f"{losses[0]:.3f} to {losses[-1]:.4g}; the valley floor is {floor:.3f}. "
            f"{_manner(path, losses, floor)}"
        )

    controls = {
        "rate": Slider("Learning rate", 0.01, 0.6, 0.05, step=0.01),
        "steps": Slider("Steps", 1, 60, 20),
    }
    examples: list[dict[str, float]] = [
        {"rate": 0.01},
        {},
        {"rate": 0.25},
        {"rate": 0.25, "steps": 40},
        {"rate": 0.45, "steps": 40},
        {"rate": 0.5, "steps": 60},
        {"rate": 0.54},
        {"rate": 0.6},
    ]
    explore(draw, describe, controls, examples)


def _manner(path: np.ndarray, losses: np.ndarray, floor: float) -> str:
    """How a walk went, in a sentence."""
    if not np.all(np.isfinite(losses)) or losses[-1] > losses.min() + 0.01 * floor:
        return "It diverges: the steps leap across the valley, each to higher ground."
    moves = np.diff(path, axis=0)
    zigzags = len(moves) > 1 and float(moves[0] @ moves[1]) < 0
    arrived = losses[-1] < 1.01 * floor
    if zigzags:
        return "It zigzags" + (", and has arrived." if arrived else " from side to side.")
    return "It has arrived." if arrived else "It crawls, and is still on its way."


def _grid() -> np.ndarray:
    """(61, 61, 2): the pairs of weights on the map, row by row upwards."""
    along = np.linspace(*WINDOW, 61)
    return np.stack(np.meshgrid(along, along), axis=-1)


def _map(ax: plt.Axes, heights: np.ndarray, path: np.ndarray, names: Sequence[str]) -> None:
    """Contours of the loss, (3721,), on `_grid`, and a path of weights, (steps + 1, 2), over it."""
    along = np.linspace(*WINDOW, 61)
    table = heights.reshape(61, 61)
    low = table.min()
    levels = low + (table.max() - low) * np.linspace(0, 1, 15) ** 2
    ax.contourf(along, along, table, levels=levels, cmap=HEIGHTS)
    ax.contour(along, along, table, levels=levels, colors=plot.GREY, linewidths=0.5)
    # Of a walk that diverges, only what leads out of the picture: the rest would cover the map.
    far = np.abs(path - np.mean(WINDOW)).max(axis=1) > 2 * (WINDOW[1] - WINDOW[0])
    shown = path[: far.argmax() + 1] if far.any() else path
    ax.plot(*shown.T, ".-", color=plot.RED, linewidth=1.2, markersize=6)
    ax.plot(*path[0], "s", color=plot.BLACK, markersize=7)
    row, column = np.unravel_index(table.argmin(), table.shape)
    ax.plot(along[column], along[row], "*", color=plot.BLACK, markersize=12)
    ax.set(xlim=WINDOW, ylim=WINDOW, xlabel=f"weight of {names[0]}", ylabel=f"weight of {names[1]}")
    ax.grid(False)
