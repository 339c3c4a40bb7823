"""The pictures of unit 00, and its broadcasting explorer."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from chainrule import plot
from chainrule.widgets import Choice, explore

# What the solved notebook measures at its end; the picture at its beginning promises it.
PROMISED = {
    "everybody is benign": 0.67,
    "the nearest patient, raw": 0.91,
    "the nearest patient, scaled": 0.96,
}


def promise() -> None:
    """Show the chart that the learner's own functions draw at the end of the unit."""
    scores(PROMISED, "Where this notebook is going: patients judged rightly")


def scores(shares: Mapping[str, float], title: str) -> None:
    """Bars of accuracies, name -> share from 0 to 1, with their numbers."""
    fig, ax = plt.subplots(figsize=(7, 2.2))
    bars = ax.barh(list(shares), list(shares.values()), color=plot.GREY)
    bars[-1].set_color(plot.BLUE)
    ax.bar_label(bars, fmt="%.2f", padding=4)
    ax.invert_yaxis()
    ax.grid(False)
    ax.set(title=title, xlabel="accuracy", xlim=(0, 1.08))
    said = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
    plot.show(fig, alt=f"Bars of accuracy: {said}.")


FIELDS = {
    "Artificial intelligence": (
        "machines that do what seems to need a mind",
        "a chess program whose rules people wrote",
    ),
    "Machine learning": (
        "the rule is found in examples",
        "a tumour judged by the most similar known one",
    ),
    "Deep learning": (
        "many layers of rules, all found in examples",
        "reading an X-ray, translating, writing",
    ),
}


def fields() -> None:
    """Three boxes, one inside the other: AI, machine learning, deep learning."""
    fig, ax = plt.subplots(figsize=(7, 3.4))
    for depth, (name, (what, example)) in enumerate(FIELDS.items()):
        corner, width, height = (0.06 * depth, 0.04 * depth), 1 - 0.12 * depth, 1 - 0.34 * depth
        ax.add_patch(
            FancyBboxPatch(
                corner,
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.03",
                facecolor=plot.BLUE,
                alpha=0.12,
                edgecolor=plot.BLUE,
            )
        )
        top = corner[1] + height
        ax.text(0.5, top - 0.05, name, ha="center", va="top", weight="bold")
        ax.text(0.5, top - 0.13, f"{what}\n{example}", ha="center", va="top", fontsize=9)
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    ax.axis("off")
    inside = "; inside it ".join(
        f"{name}: {what}, such as {example}" for name, (what, example) in FIELDS.items()
    )
    plot.show(fig, alt=f"Three boxes, one inside the other. {inside}.")


def shares(differences: np.ndarray, features: list[str], title: str) -> None:
    """Bars: how much of a difference between patients each measurement makes up.

    differences: (features,) not negative; the ten largest are shown.
    """
    part = differences / differences.sum()
    largest = np.argsort(part)[::-1][:10]
    fig, ax = plt.subplots(figsize=(7, 3.2))
    ax.barh([features[i] for i in largest], part[largest], color=plot.BLUE)
    ax.invert_yaxis()
    ax.set(title=title, xlabel="share of the difference")
    first, second = largest[:2]
    plot.show(
        fig,
        alt=(
            f"Bars: {features[first]} makes up {part[first]:.0%} of the difference, "
            f"{features[second]} {part[second]:.0%}; the other {len(part) - 2} measurements "
            f"share {1 - part[first] - part[second]:.0%}."
        ),
    )


# --- the broadcasting explorer -------------------------------------------------------------------

SHAPES: dict[str, tuple[int, ...]] = {
    "(3, 4)": (3, 4),
    "(4,)": (4,),
    "(3,)": (3,),
    "(3, 1)": (3, 1),
    "(1, 4)": (1, 4),
    "(1,)": (1,),
    "(2, 4)": (2, 4),
}


def broadcasting() -> None:
    """Two shapes to choose; what NumPy does with them when they are added."""
    controls = {
        "left": Choice("Shape of a", SHAPES, (3, 4)),
        "right": Choice("Shape of b", SHAPES, (4,)),
    }
    examples: list[dict[str, tuple[int, ...]]] = [
        {},
        {"right": (3,)},
        {"right": (3, 1)},
        {"left": (4,), "right": (3, 1)},
        {"right": (2, 4)},
    ]
    explore(draw_broadcast, describe_broadcast, controls, examples)


def draw_broadcast(left: tuple[int, ...], right: tuple[int, ...]) -> Figure:
    """a, b and a + b as grids; what NumPy repeats is drawn white."""
    a = 10 * np.arange(1, np.prod(left) + 1).reshape(left)
    b = np.arange(1, np.prod(right) + 1).reshape(right)
    fig, axes = plt.subplots(1, 3, figsize=(7.6, 2.6))
    try:
        shape = np.broadcast_shapes(left, right)
    except ValueError:
        draw_grid(axes[0], a, a.shape, f"a {left}")
        draw_grid(axes[1], b, b.shape, f"b {right}")
        axes[2].text(0.5, 0.5, "these two\ndo not fit", ha="center", va="center")
        axes[2].set_title("a + b")
        axes[2].axis("off")
        return fig
    draw_grid(axes[0], a, shape, f"a {left}")
    draw_grid(axes[1], b, shape, f"b {right}")
    draw_grid(axes[2], a + b, shape, f"a + b {shape}")
    return fig


def draw_grid(ax: Axes, array: np.ndarray, shape: tuple[int, ...], title: str) -> None:
    """An array stretched to `shape`: its own cells blue, the repeated ones white."""
    own = (1,) * (2 - array.ndim) + array.shape
    whole = np.atleast_2d(np.broadcast_to(array, shape))
    for row, column in np.ndindex(whole.shape):
        repeated = (own[0] == 1 and row > 0) or (own[1] == 1 and column > 0)
        face = "white" if repeated else plot.SKY
        ax.add_patch(Rectangle((column, row), 1, 1, facecolor=face, edgecolor=plot.GREY))
        colour = plot.GREY if repeated else plot.BLACK
        ax.text(
            column + 0.5, row + 0.5, str(whole[row, column]), ha="center", va="center", color=colour
        )
    ax.set(xlim=(-0.1, 4.1), ylim=(3.1, -0.1), title=title, aspect="equal")
    ax.axis("off")


def describe_broadcast(left: tuple[int, ...], right: tuple[int, ...]) -> str:
    """What NumPy does with the two shapes, in a sentence or two."""
    try:
        shape = np.broadcast_shapes(left, right)
    except ValueError:
        pairs = zip(left[::-1], right[::-1], strict=False)
        a, b = next((a, b) for a, b in pairs if a != b and 1 not in (a, b))
        return (
            f"{left} + {right} is an error: counted from the right, {a} meets {b}; "
            "they differ and neither is 1."
        )
    said = [repeats("a", left, shape), repeats("b", right, shape)]
    how = " ".join(part for part in said if part) or "Nothing is repeated."
    return f"{left} + {right} gives {shape}. {how}"


def repeats(name: str, own: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """How an array of shape `own` is stretched to `shape`; "" when it isn't."""
    full = (1,) * (len(shape) - len(own)) + own
    kinds = ("down the rows", "across the columns")[-len(shape) :]
    if len(shape) == 1:
        kinds = ("along its only axis",)
    ways = [kind for kind, n, m in zip(kinds, full, shape, strict=True) if n != m]
    return f"{name} is repeated {' and '.join(ways)}." if ways else ""
