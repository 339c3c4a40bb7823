"""The pictures of unit 16. The weights in them come from the learner's own modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chainrule import plot
from chainrule.widgets import Choice, Control, Slider, explore

Function = Callable[..., Any]

# The solved notebook's attention on sixteen digits, in tenths: a row for each digit of the answer.
PROMISE = (
    "0000000000000019",
    "0000000000000082",
    "0000000000000910",
    "0000000000009000",
    "0000000000091000",
    "0000000001910000",
    "0000000009000000",
    "0000000181000000",
    "0000001810000000",
    "0000019000000000",
    "0000181000000000",
    "0000910000000000",
    "0009100000000000",
    "0091000000000000",
    "2710000000000000",
    "9100000000000000",
)
LINES = (
    "to be, or not to be: that is the question",
    "the lady doth protest too much, methinks.",
    "give every man thine ear, but few thy voice",
    "the quality of nothing hath not such need",
)


def heat_map(ax: Axes, weights: np.ndarray, across: Sequence[str], down: Sequence[str]) -> None:
    """Weights from 0 to 1: a row for each that looks, a column for each that is looked at."""
    ax.imshow(weights, cmap=plot.SEQUENTIAL, vmin=0, vmax=max(float(weights.max()), 1e-9))
    ax.set_xticks(range(len(across)), list(across), fontsize=8)
    ax.set_yticks(range(len(down)), list(down), fontsize=8)
    ax.grid(False)


def promise() -> None:
    """Where the finished block looks while it turns sixteen digits round."""
    weights = np.array([[int(tenth) for tenth in row] for row in PROMISE]) / 10
    digits = list("1910182850950993")
    fig, ax = plt.subplots(figsize=(4.4, 4.2))
    heat_map(ax, weights, digits, digits[::-1])
    ax.set(title="Where each answer looked", xlabel="question", ylabel="answer")
    plot.show(
        fig,
        alt="A heat map of 16 by 16. Each digit of the answer looked almost only at one digit of "
        "the question, and these places form a diagonal from top right to bottom left: the "
        "first answer looked at the last digit, the last answer at the first.",
    )


def clocks(encoding: Any) -> None:
    """The positional encoding as a picture, and how alike position 24 is to the others."""
    table = np.asarray(encoding)
    middle = len(table) // 2
    alike = table @ table[middle]
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4))
    left.imshow(table.T, cmap=plot.DIVERGING, vmin=-1, vmax=1, aspect="auto")
    left.set(title="Positional encoding", xlabel="position", ylabel="column")
    left.grid(False)
    right.plot(alike, color=plot.BLUE)
    right.axvline(middle, color=plot.GREY, linewidth=1, linestyle=":")
    right.set(title=f"Likeness to position {middle}", xlabel="position", ylabel="dot product")
    plot.show(
        fig,
        alt=f"Left, {table.shape[1]} columns over {len(table)} positions: the first columns swing "
        "fast, the later ones more and more slowly. Right, the dot product with position "
        f"{middle}: highest there ({alike[middle]:.0f}), falling alike on both sides, to "
        f"{alike[middle + 4]:.0f} four places away.",
    )


# --- the reversal --------------------------------------------------------------------------------


def reversal(weights: Any, digits: Sequence[int]) -> None:
    """Choose a place of the answer; its row of weights, and the whole table beside it."""
    table = np.asarray(weights)
    length = len(digits)

    def draw(place: int) -> Figure:
        fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), width_ratios=[1, 1.2])
        heat_map(left, table, [str(d) for d in digits], [str(d) for d in digits[::-1]])
        left.axhline(place, color=plot.YELLOW, linewidth=1)
        left.set(title="All weights", xlabel="question", ylabel="answer")
        right.bar(range(length), table[place], color=plot.BLUE)
        right.set_xticks(range(length), [str(d) for d in digits])
        right.set(title=f"Answer {place} looks at", xlabel="question", ylabel="weight", ylim=(0, 1))
        return fig

    def describe(place: int) -> str:
        at = int(table[place].argmax())
        return (
            f"The answer's place {place} looks mostly at place {at} of the question "
            f"(digit {digits[at]}), with a weight of {table[place, at]:.2f}."
        )

    controls: dict[str, Control] = {"place": Slider("Place of the answer", 0, length - 1, 0)}
    explore(draw, describe, controls, [{"place": place} for place in (0, 1, 7, length - 1)])


# --- heads over a line ---------------------------------------------------------------------------


def heads_over_a_line(model: Any, as_tokens: Function, attention: Any) -> None:
    """Choose a line and a head: who looks where, letter by letter."""

    def weights_of(line: int, head: int) -> np.ndarray:
        import torch

        text = LINES[line]
        with torch.no_grad():
            model(as_tokens([text], len(text)))
        return np.asarray(attention.weights[0, head])

    def draw(line: int, head: int) -> Figure:
        text = LINES[line]
        fig, ax = plt.subplots(figsize=(6.6, 6.4))
        heat_map(ax, weights_of(line, head), text, text)
        ax.set(title=f"Head {head}", xlabel="looked at", ylabel="looks")
        return fig

    def describe(line: int, head: int) -> str:
        return said(LINES[line], weights_of(line, head), head)

    controls: dict[str, Control] = {
        "line": Choice("Line", {text: number for number, text in enumerate(LINES)}, 0),
        "head": Slider("Head", 0, 3, 0),
    }
    examples = [{"head": head} for head in range(4)] + [{"line": 1}, {"line": 2}]
    explore(draw, describe, controls, examples)


def said(text: str, weights: np.ndarray, head: int) -> str:
    """A head's habits in words: how far it looks back, and its favourites."""
    rows = np.arange(1, len(text))  # the first letter can only look at itself
    itself = weights[rows, rows].mean()
    before = weights[rows, rows - 1].mean()
    received = weights.sum(axis=0) / np.arange(len(text), 0, -1)
    favourites = np.argsort(-received[:-4], kind="stable")[:3]
    named = ", ".join(f"“{text[at]}” at place {at}" for at in sorted(favourites))
    last = int(weights[-1].argmax())
    return (
        f"Head {head} gives {itself:.0%} of its attention to the letter itself and {before:.0%} to "
        f"the one before. Per reader, most is received by {named}. The last letter, “{text[-1]}”, "
        f"looks mostly at “{text[last]}” at place {last}."
    )
