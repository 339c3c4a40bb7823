"""The pictures of unit 04. Every number in them comes from the learner's own functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from chainrule import plot
from chainrule.data import mnist
from chainrule.widgets import Choice, Control, Slider, explore

Function = Callable[..., Any]

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
# Test digits of the bundled set, and what the solved notebook's network reads.
SHOWN = slice(20, 44)
READ = (0, 6, 0, 2, 3, 0, 7, 5, 6, 6, 4, 8, 6, 1, 0, 9, 8, 3, 9, 3, 3, 5, 8, 1)
# Pale twins of the markers' colours: lamp off or outside, undecided, lamp on or inside.
SHADES = LinearSegmentedColormap.from_list("off to on", ["#B5D8EC", "white", "#F5C9A8"])


def promise() -> None:
    """Show test digits and what the learner's own network will read."""
    digits = mnist()
    fig = pictures(digits.x_test[SHOWN], [str(read) for read in READ], columns=12)
    fig.suptitle("Digits the network never saw, and what it reads", fontsize=11)
    wrong = int((digits.y_test[SHOWN] != READ).sum())
    said = f"{len(READ)} handwritten digits with the network's reading above each"
    plot.show(fig, alt=f"{said}: {len(READ) - wrong} are read rightly, {wrong} wrongly.")


def pictures(images: np.ndarray, titles: Sequence[str], columns: int = 8) -> Figure:
    """A grid of small grey pictures, dark on white, each under its title."""
    rows = -(-len(images) // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(0.75 * columns, 0.95 * rows))
    for ax in np.ravel(axes):
        ax.axis("off")
    for ax, image, title in zip(np.ravel(axes), images, titles, strict=False):
        ax.imshow(image, cmap="gray_r")
        ax.set_title(title, fontsize=9, loc="center")
    return fig


# --- XOR -----------------------------------------------------------------------------------------


def lamp(solve_xor: Function) -> None:
    """The learner's two lines, and where the four positions go in the hidden layer."""
    W1, b1, W2, b2 = (np.asarray(part, dtype=float) for part in solve_xor())
    W2, b2 = W2.reshape(-1), b2.reshape(-1)[0]

    def hidden(x: np.ndarray) -> np.ndarray:
        return np.heaviside(x @ W1 + b1, 1.0)

    two = W1.shape[1] == 2
    fig, axes = plt.subplots(1, 1 + two, figsize=(3.6 + 3.4 * two, 3.7), squeeze=False)
    left = axes[0, 0]
    across, up = np.meshgrid(np.linspace(-0.5, 1.5, 201), np.linspace(-0.5, 1.5, 201))
    lit = np.heaviside(hidden(np.column_stack([across.ravel(), up.ravel()])) @ W2 + b2, 1.0)
    left.contourf(across, up, lit.reshape(across.shape), levels=[-0.5, 0.5, 1.5], cmap=SHADES)
    for number, style in zip(range(W1.shape[1]), ["-", "--", ":", "-."] * 9, strict=False):
        sums = across * W1[0, number] + up * W1[1, number] + b1[number]
        if sums.min() < 0 < sums.max():
            left.contour(across, up, sums, levels=[0], colors=plot.BLACK, linestyles=style)
    corners(left, CORNERS)
    left.set(title="The lines of the hidden neurons", xlabel="switch 1", ylabel="switch 2")
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    if two:
        right = axes[0, 1]
        across, up = np.meshgrid(np.linspace(-0.5, 1.5, 201), np.linspace(-0.5, 1.5, 201))
        lit = np.heaviside(across * W2[0] + up * W2[1] + b2, 1.0)
        right.contourf(across, up, lit, levels=[-0.5, 0.5, 1.5], cmap=SHADES)
        corners(right, hidden(CORNERS))
        right.set(title="What the last neuron sees", xlabel="hidden 1", ylabel="hidden 2")
    on = [f"({a:g}, {b:g})" for a, b in CORNERS[hidden(CORNERS) @ W2 + b2 >= 0]]
    places = len(np.unique(hidden(CORNERS), axis=0))
    alt = (
        f"The plane of the two switches, cut by the lines of {W1.shape[1]} hidden neurons; the "
        f"lamp is on at {' and '.join(on) or 'no position'}. In the hidden layer the four "
        f"positions fall on {places} places."
    )
    plot.show(fig, alt=alt)


def corners(ax: Axes, places: np.ndarray) -> None:
    """The four switch positions at `places`, (4, 2), marked by what the lamp should do."""
    for on, name, marker, colour in (
        (False, "lamp off", "o", plot.BLUE),
        (True, "lamp on", "^", plot.RED),
    ):
        chosen = places[(CORNERS[:, 0] != CORNERS[:, 1]) == on]
        ax.plot(*chosen.T, marker, color=colour, markersize=11, label=name, linestyle="none")
    ax.grid(False)


# --- activations ---------------------------------------------------------------------------------


def activations(relu: Function, relu_backward: Function) -> None:
    """Choose an activation and a z: its value, its slope, and what ten such slopes leave."""

    def value(kind: str, z: np.ndarray) -> np.ndarray:
        if kind == "relu":
            return np.asarray(relu(z.copy()))
        if kind == "step":
            return np.heaviside(z, 1.0)
        return np.tanh(z) if kind == "tanh" else (np.tanh(z / 2) + 1) / 2

    def slope(kind: str, z: np.ndarray) -> np.ndarray:
        if kind == "relu":
            return np.asarray(relu_backward(np.ones_like(z), z.copy()))
        if kind == "step":
            return np.zeros_like(z)
        return (value(kind, z + 1e-5) - value(kind, z - 1e-5)) / 2e-5

    def draw(kind: str, z: float) -> Figure:
        here, grid = np.array([z]), np.linspace(-5, 5, 401)
        y, steep = float(value(kind, here)[0]), float(slope(kind, here)[0])
        fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3))
        left.plot(grid, value(kind, grid), color=plot.BLUE, label=kind)
        left.plot(grid, slope(kind, grid), "--", color=plot.ORANGE, label="its slope")
        reach = np.array([z - 1.2, z + 1.2])
        left.plot(reach, y + steep * (reach - z), color=plot.BLACK, linewidth=1)
        left.plot([z], [y], "o", color=plot.BLACK, markersize=8)
        left.set(title=f"{kind} at z = {z:g}", xlabel="z", ylim=(-1.3, 3))
        left.legend(loc="upper left")
        depths = np.arange(1, 11)
        right.plot(depths, steep**depths, "o-", color=plot.PURPLE)
        right.set(
            title="What is left of a gradient",
            xlabel="layers it came through",
            ylabel="slope to that power",
            ylim=(-0.05, 1.1),
        )
        return fig

    def describe(kind: str, z: float) -> str:
        y, steep = float(value(kind, np.array([z]))[0]), float(slope(kind, np.array([z]))[0])
        return (
            f"{kind}({z:g}) = {y:.3f} with slope {steep:.3f}; after ten such layers "
            f"{steep**10:.2g} of a gradient is left."
        )

    kinds = {name: name for name in ("relu", "sigmoid", "tanh", "step")}
    controls: dict[str, Control] = {
        "kind": Choice("Activation", kinds, "relu"),
        "z": Slider("z, the sum", -4.0, 4.0, 1.0, step=0.25),
    }
    examples: list[dict[str, Any]] = [
        {"kind": "relu", "z": 1.0},
        {"kind": "relu", "z": -1.0},
        {"kind": "sigmoid", "z": 0.0},
        {"kind": "sigmoid", "z": 4.0},
        {"kind": "tanh", "z": 1.0},
        {"kind": "step", "z": 1.0},
    ]
    explore(draw, describe, controls, examples)


def hinges(relu: Function) -> None:
    """A curve built from more and more relus; each adds one bend."""
    grid = np.linspace(0, 1, 401)
    curve = np.sin(2 * np.pi * grid) + 0.4 * np.sin(6 * np.pi * grid)

    def built(units: int) -> tuple[np.ndarray, np.ndarray]:
        bends = np.arange(1, units) / units  # the first relu bends at 0, where the picture begins
        columns = [np.ones_like(grid), relu(grid.copy()), *(relu(grid - bend) for bend in bends)]
        parts = np.column_stack(columns)
        return parts @ np.linalg.lstsq(parts, curve, rcond=None)[0], bends

    def draw(units: int) -> Figure:
        y, bends = built(units)
        fig, ax = plt.subplots(figsize=(6.4, 3.2))
        ax.plot(grid, curve, "--", color=plot.GREY, label="the curve")
        ax.plot(grid, y, color=plot.BLUE, label=f"{units} hidden neurons")
        ax.plot(bends, np.interp(bends, grid, y), "o", color=plot.BLACK, markersize=4)
        ax.set(title="A sum of bends", xlabel="x", ylabel="y", ylim=(-1.5, 1.7))
        ax.legend()
        return fig

    def describe(units: int) -> str:
        off = np.abs(built(units)[0] - curve).max()
        made = (
            "1 relu makes 1 straight piece"
            if units == 1
            else (f"{units} relus make {units} straight pieces")
        )
        return f"{made}; the farthest miss is {off:.2f}."

    examples = [{"units": units} for units in (1, 2, 4, 8, 16, 32)]
    explore(draw, describe, {"units": Slider("Hidden neurons", 1, 32, 4)}, examples)


# --- losses --------------------------------------------------------------------------------------


def losses(softmax: Function, cross_entropy: Function) -> None:
    """Three losses of one prediction, as the score of the true class moves."""
    names = ["squared error, 2 classes", "binary cross-entropy", "categorical, 10 classes"]
    looks = [(plot.ORANGE, "--"), (plot.BLUE, "-"), (plot.GREEN, "-.")]

    def three(z: np.ndarray) -> np.ndarray:
        """(n,) scores of the true class, every other score 0 -> (3, n) losses."""
        pairs = np.column_stack([z, np.zeros_like(z)])
        tens = np.column_stack([z, np.zeros((len(z), 9))])
        label = np.zeros(1, dtype=int)
        return np.array(
            [
                [(1 - float(share)) ** 2 for share in np.asarray(softmax(pairs))[:, 0]],
                [float(cross_entropy(row[None, :], label)) for row in pairs],
                [float(cross_entropy(row[None, :], label)) for row in tens],
            ]
        )

    grid = np.linspace(-8, 8, 161)
    values = three(grid)
    slopes = np.gradient(values, grid, axis=1)

    def draw(z: float) -> Figure:
        at = int(np.argmin(np.abs(grid - z)))
        fig, panels = plt.subplots(1, 2, figsize=(8, 3.2))
        for ax, table, title in zip(panels, (values, slopes), ("Loss", "Slope"), strict=True):
            for row, name, (colour, style) in zip(table, names, looks, strict=True):
                ax.plot(grid, row, style, color=colour, label=name)
                ax.plot([grid[at]], [row[at]], "o", color=colour)
            ax.axvline(z, color=plot.GREY, linewidth=1, linestyle=":")
            ax.set(title=title, xlabel="score of the true class, the others 0")
        panels[0].legend(fontsize=8)
        return fig

    def describe(z: float) -> str:
        at = int(np.argmin(np.abs(grid - z)))
        told = [
            f"{name} {loss:.2f}, slope {slope:.3f}"
            for name, loss, slope in zip(names, values[:, at], slopes[:, at], strict=True)
        ]
        share = float(np.asarray(softmax(np.array([[z, 0.0]])))[0, 0])
        return f"Of 2 classes the true one has the share {share:.3f}. Losses: {'; '.join(told)}."

    examples = [{"z": z} for z in (-6.0, -2.0, 0.0, 2.0, 6.0)]
    explore(draw, describe, {"z": Slider("Score", -8.0, 8.0, -6.0, step=0.5)}, examples)


# --- what the network learned --------------------------------------------------------------------


def shares(forward: Function, softmax: Function, x: np.ndarray, labels: np.ndarray) -> None:
    """A slider over test digits: the picture, and the share that each class gets.

    x: (n, 784), scaled as in training; labels: (n,).
    """
    table = np.asarray(softmax(forward(x)))

    def draw(number: int) -> Figure:
        fig, (left, right) = plt.subplots(
            1, 2, figsize=(6.6, 2.6), gridspec_kw={"width_ratios": [1, 2]}
        )
        left.imshow(x[number].reshape(28, 28), cmap="gray_r")
        left.set_title(f"a {labels[number]}")
        left.axis("off")
        colours = [plot.ORANGE if k == labels[number] else plot.BLUE for k in range(10)]
        right.bar(range(10), table[number], color=colours)
        right.set(title="The network's shares", xlabel="digit", ylabel="share", ylim=(0, 1))
        right.set_xticks(range(10))
        return fig

    def describe(number: int) -> str:
        first, second = np.argsort(table[number])[::-1][:2]
        verdict = "right" if first == labels[number] else "wrong"
        return (
            f"Test digit {number} is a {labels[number]}. The network reads {first} "
            f"({table[number, first]:.3f}), then {second} ({table[number, second]:.3f}): {verdict}."
        )

    wrong = np.flatnonzero(table.argmax(axis=1) != labels)
    start = int(wrong[0]) if len(wrong) else 0
    controls = {"number": Slider("Test digit", 0, len(x) - 1, start)}
    explore(draw, describe, controls, [{"number": n} for n in [0, 1, 2, *map(int, wrong[:3])]])


def rings(rows: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Made points: a disc, label 1, inside a ring, label 0. Returns x (rows, 2), labels (rows,)."""
    rng = np.random.default_rng(seed)
    inside = np.arange(rows) % 2
    radius = np.where(inside == 1, rng.uniform(0, 0.9, size=rows), rng.uniform(1.3, 2, size=rows))
    angle = rng.uniform(0, 2 * np.pi, size=rows)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), inside


def regions(MLP: Function, cross_entropy: Function, cross_entropy_gradient: Function) -> None:
    """Where networks with 1, 2, 3, ... hidden neurons say "inside"; they are trained here."""
    x, labels = rings()
    trained = {}
    for units in (1, 2, 3, 4, 6, 8, 16):
        fresh = [MLP([2, units, 2], np.random.default_rng(seed)) for seed in range(4)]
        tries = [fitted(model, x, labels, cross_entropy_gradient) for model in fresh]
        trained[units] = min(tries, key=lambda one: float(cross_entropy(one.forward(x), labels)))
    side = np.linspace(-2.2, 2.2, 90)
    across, up = np.meshgrid(side, side)
    grid = np.column_stack([across.ravel(), up.ravel()])

    def draw(units: int) -> Figure:
        model = trained[units]
        margin = np.diff(model.forward(grid), axis=1).reshape(across.shape)
        fig, ax = plt.subplots(figsize=(4.6, 4.2))
        ax.contourf(across, up, margin > 0, levels=[-0.5, 0.5, 1.5], cmap=SHADES)
        for weight, bias in zip(model.weights[0].T, model.biases[0], strict=True):
            sums = across * weight[0] + up * weight[1] + bias
            if sums.min() < 0 < sums.max():
                ax.contour(across, up, sums, levels=[0], colors=plot.GREY, linewidths=1)
        for label, name, marker, colour in (
            (0, "ring", "o", plot.BLUE),
            (1, "disc", "^", plot.RED),
        ):
            ax.plot(*x[labels == label].T, marker, color=colour, markersize=4, label=name)
        ax.grid(False)
        ax.set(title=f"{units} hidden neurons", xlabel="x1", ylabel="x2")
        ax.legend(loc="upper right")
        return fig

    def describe(units: int) -> str:
        model = trained[units]
        right = float((model.forward(x).argmax(axis=1) == labels).mean())
        neurons = "neuron" if units == 1 else "neurons"
        return f"{units} hidden {neurons}: {right:.2f} of the points are on the right side."

    choice = Choice("Hidden neurons", {str(units): units for units in trained}, 3)
    explore(draw, describe, {"units": choice}, [{"units": units} for units in trained])


def fitted(model: Any, x: np.ndarray, labels: np.ndarray, gradient: Function) -> Any:
    """The model after 500 steps on all points at once."""
    for _ in range(500):
        model.step(*model.backward(gradient(model.forward(x), labels)), 0.5)
    return model
