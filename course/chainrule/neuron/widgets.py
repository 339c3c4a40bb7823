"""The pictures of unit 01. Every number in them comes from the learner's own functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from chainrule import plot
from chainrule.data import breast_cancer
from chainrule.widgets import Slider, explore

Function = Callable[..., np.ndarray]

RADIUS, CONCAVE_POINTS = 20, 27  # the columns "worst radius" and "worst concave points"
# Where the solved notebook's neuron draws its line between the two, as radius = a + b * points.
LINE = (25.51, -67.48)

# Pale twins of the markers' colours: benign side, undecided, malignant side.
SHADES = LinearSegmentedColormap.from_list("benign to malignant", ["#B5D8EC", "white", "#F5C9A8"])


def promise() -> None:
    """Show the picture that the learner's own neuron draws at the end of the unit."""
    patients = breast_cancer()
    points, radius = patients.x_test[:, CONCAVE_POINTS], patients.x_test[:, RADIUS]
    ends = np.array([0.0, 0.3])
    fig, ax = plt.subplots(figsize=(6, 3.8))
    scatter(ax, np.column_stack([points, radius]), patients.y_test)
    ax.plot(ends, LINE[0] + LINE[1] * ends, color=plot.BLACK)
    ax.set(
        title="One neuron, two measurements, 113 patients it never saw",
        xlabel="worst concave points",
        ylabel="worst radius",
        ylim=(radius.min() - 1, radius.max() + 1),
    )
    ax.legend()
    alt = (
        "A scatter plot of 113 tumours, dented outlines to the right, large nuclei at the top. "
        "A straight line falling from the upper left to the lower right separates most of the "
        "benign ones, below it, from the malignant ones, above it."
    )
    plot.show(fig, alt=alt)


def concert(weighted_sum: Function, sigmoid: Function) -> None:
    """Sliders for three inputs, their weights and the bias; bars and the S-curve follow."""
    names = ["friend", "sky", "price"]

    def neuron(s: dict[str, float]) -> tuple[np.ndarray, float, float]:
        inputs = np.array([s[name] for name in names], dtype=float)
        weights = np.array([s[f"{name}_weight"] for name in names], dtype=float)
        z = float(weighted_sum(inputs, weights, s["bias"]))
        return np.append(inputs * weights, s["bias"]), z, float(sigmoid(np.array([z]))[0])

    def draw(**s: float) -> Figure:
        parts, z, share = neuron(s)
        fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3))
        colours = [plot.BLUE if part >= 0 else plot.RED for part in parts]
        left.barh([*names, "bias"], parts, color=colours)
        left.axvline(0, color=plot.BLACK, linewidth=1)
        left.invert_yaxis()
        left.set(
            title=f"What pulls which way: z = {z:.2f}", xlabel="input times weight", xlim=(-6, 6)
        )
        grid = np.linspace(-8, 8, 161)
        right.plot(grid, sigmoid(grid), color=plot.GREY)
        right.plot([np.clip(z, -8, 8)], [share], "o", color=plot.BLACK, markersize=9)
        right.axhline(0.5, color=plot.BLACK, linewidth=1, linestyle=":")
        right.set(title=f"How sure: p = {share:.2f}", xlabel="z", ylabel="p", ylim=(-0.05, 1.05))
        return fig

    def describe(**s: float) -> str:
        _, z, share = neuron(s)
        decision = "go" if share >= 0.5 else "stay at home"
        return f"The weighted sum is z = {z:.2f}, so p = {share:.2f}: {decision}."

    controls = {
        "friend": Slider("A friend comes", 0, 1, 1),
        "sky": Slider("Clear sky", 0.0, 1.0, 0.8, step=0.1),
        "price": Slider("Price", 0.0, 1.0, 0.2, step=0.1),
        "friend_weight": Slider("Weight of friend", -5.0, 5.0, 3.0, step=0.5),
        "sky_weight": Slider("Weight of clear sky", -5.0, 5.0, 2.0, step=0.5),
        "price_weight": Slider("Weight of price", -5.0, 5.0, -5.0, step=0.5),
        "bias": Slider("Bias", -5.0, 5.0, -1.0, step=0.5),
    }
    examples: list[dict[str, float]] = [
        {},
        {"friend": 0},
        {"price": 0.9},
        {"friend": 0, "bias": 2.0},
        {"bias": -5.0},
    ]
    explore(draw, describe, controls, examples)


def decision_line(
    neuron: Function, x: np.ndarray, targets: np.ndarray, features: Sequence[str]
) -> None:
    """Sliders for w1, w2 and b; the line where the neuron says 0.5 follows.

    x: (batch, 2), scaled; targets: (batch,); features: the two columns' names.
    """

    def draw(w1: float, w2: float, b: float) -> Figure:
        return decision_figure(neuron, x, targets, np.array([w1, w2]), b, features)

    def describe(w1: float, w2: float, b: float) -> str:
        called = neuron(x, np.array([w1, w2]), b) >= 0.5
        right = int((called == (targets == 1)).sum())
        return (
            f"With w1 = {w1:g}, w2 = {w2:g}, b = {b:g} the neuron is right on {right} of "
            f"{len(targets)} tumours ({right / len(targets):.2f}) and calls {int(called.sum())} "
            "malignant."
        )

    controls = {
        "w1": Slider(f"w1, {features[0]}", -4.0, 4.0, 1.0, step=0.25),
        "w2": Slider(f"w2, {features[1]}", -4.0, 4.0, -1.0, step=0.25),
        "b": Slider("b, bias", -4.0, 4.0, 0.0, step=0.25),
    }
    examples = [
        {},
        {"w2": 1.0},
        {"w2": 1.0, "b": -3.0},
        {"w1": 3.0, "w2": 3.0},
        {"w1": -1.0, "w2": -1.0},
    ]
    explore(draw, describe, controls, examples)


def decision_figure(
    neuron: Function,
    x: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    bias: float,
    features: Sequence[str],
) -> Figure:
    """Two-feature examples over the neuron's output, with the line where it says 0.5."""
    low, high = x.min(axis=0) - 0.3, x.max(axis=0) + 0.3
    across, up = np.meshgrid(np.linspace(low[0], high[0], 60), np.linspace(low[1], high[1], 60))
    outputs = neuron(np.column_stack([across.ravel(), up.ravel()]), weights, bias)
    share = np.asarray(outputs).reshape(across.shape)
    fig, ax = plt.subplots(figsize=(6, 3.8))
    ax.contourf(across, up, share, levels=np.linspace(0, 1, 11), cmap=SHADES, vmin=0, vmax=1)
    if share.min() < 0.5 < share.max():
        ax.contour(across, up, share, levels=[0.5], colors=plot.BLACK, linewidths=2)
    scatter(ax, x, targets)
    ax.grid(False)
    ax.set(
        title="Black line: where the neuron says 0.5",
        xlabel=f"{features[0]} (scaled)",
        ylabel=f"{features[1]} (scaled)",
    )
    ax.legend(loc="upper left")
    return fig


def scatter(ax: Axes, x: np.ndarray, targets: np.ndarray) -> None:
    """Benign as blue circles, malignant as red triangles."""
    for label, name, marker, colour in (
        (0, "benign", "o", plot.BLUE),
        (1, "malignant", "^", plot.RED),
    ):
        across, up = x[targets == label].T
        ax.scatter(
            across,
            up,
            s=28,
            marker=marker,
            color=colour,
            edgecolor="white",
            linewidth=0.4,
            label=name,
        )
