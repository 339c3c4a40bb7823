"""Watching a run while it trains: curves, speed and the time that is left.

    fit(..., after_epoch=LiveCurves(epochs=9, examples=10_000))

The picture is redrawn in place, so the page neither grows nor flickers, and what a saved notebook
keeps is its last state.
"""

from __future__ import annotations

import html
import time
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from chainrule import plot

SECONDS_BETWEEN_DRAWINGS = 0.5
SHARE_OF_TIME = 0.1  # that drawing may take
MANY = 30  # points: more get no markers

History = Mapping[str, Sequence[float]]
Levels = Mapping[str, float]

LOSSES = {"train_loss": "training loss", "test_loss": "test loss"}
SHARES = {
    "train_accuracy": "accuracy on the training part",
    "test_accuracy": "accuracy on the test part",
}


class LiveCurves:
    """Call it with the history so far, after every epoch or every few steps; it draws the curves.

    epochs or steps: how many there will be. examples: how many one of them trains on, for the
    speed. levels: label -> loss of something to compare with, drawn as a flat line.
    The clock starts when it is made. A history holds some of `train_loss`, `test_loss`,
    `train_accuracy` and `test_accuracy`, equally long, with a number for every epoch or step; where
    it has numbers for some steps only, it holds those steps as `step`.
    """

    def __init__(
        self,
        *,
        epochs: int | None = None,
        steps: int | None = None,
        examples: int,
        levels: Levels | None = None,
    ) -> None:
        if (epochs is None) == (steps is None):
            raise ValueError("LiveCurves needs either epochs or steps: how many there will be.")
        self.total, self.counted = (steps, "step") if epochs is None else (epochs, "epoch")
        self.examples = examples
        self.levels = levels or {}
        self._started = time.perf_counter()
        self._next = 0.0  # seconds after the start
        self._handle: Any = None

    def __call__(self, history: History) -> None:
        done = round(places(history)[-1])
        seconds = time.perf_counter() - self._started
        assert self.total is not None
        if done < self.total and seconds < self._next:
            return
        line = progress_line(done, self.total, self.examples, seconds, self.counted)
        self._show(history, line)
        spent = time.perf_counter() - self._started - seconds
        self._next = seconds + max(SECONDS_BETWEEN_DRAWINGS, spent / SHARE_OF_TIME)

    def _show(self, history: History, line: str) -> None:
        from IPython import get_ipython
        from IPython.display import display

        alt = describe(history, self.counted, self.levels)
        if get_ipython() is None:  # a plain script: a line for each drawing
            print(f"{line}. {alt}")
            return
        assert self.total is not None
        picture = curves(history, self.total, self.counted, self.levels)
        data, metadata = plot.mimebundle(picture, alt)
        said = html.escape(line)
        data["text/html"] += f'<p role="status" style="margin:.2em 0">{said}</p>'
        data["text/plain"] += f"\n{line}"
        if self._handle is None:
            self._handle = display(data, metadata=metadata, raw=True, display_id=True)
        else:
            self._handle.update(data, metadata=metadata, raw=True)


def places(history: History) -> Sequence[float]:
    """The epochs or steps after which the numbers of a history were taken."""
    if "step" in history:
        return history["step"]
    return range(1, 1 + max(map(len, history.values())))


def progress_line(
    done: int, total: int, examples: int, seconds: float, counted: str = "epoch"
) -> str:
    """`epoch 4 of 9, about 21,000 examples/s, about 3 s left`."""
    if not done:
        return f"{counted} 0 of {total:,}"
    rate = done * examples / max(seconds, 1e-9)
    rounded = round(rate, 2 - len(str(int(rate))))  # two figures: a third would only jump about
    speed = f"about {rounded:,.0f} examples/s"
    if done >= total:
        return f"{total:,} {counted}{'s' * (total != 1)} in {seconds:.1f} s, {speed}"
    left = seconds / done * (total - done)
    return f"{counted} {done:,} of {total:,}, {speed}, about {left:.0f} s left"


def curves(
    history: History, total: int, counted: str = "epoch", levels: Levels | None = None
) -> Figure:
    """The losses on the left, accuracies on the right; the axes are those of the whole run."""
    shares = [key for key in SHARES if key in history]
    fig, axes = plt.subplots(1, 1 + bool(shares), figsize=(8 if shares else 6.5, 3), squeeze=False)
    left = axes[0, 0]
    draw(left, history, [key for key in LOSSES if key in history])
    for (label, level), style in zip((levels or {}).items(), ("--", ":", "-."), strict=False):
        left.axhline(level, color=plot.GREY, linestyle=style, label=label)
    left.set(title="Loss", ylabel="cross-entropy", ylim=(0, None))
    left.legend()
    if shares:
        draw(axes[0, 1], history, shares)
        values = [value for key in shares for value in history[key]]
        low, high = min(values), max(values)
        # Never a magnifying glass on noise.
        axes[0, 1].set(ylabel="share right", ylim=(max(low - 0.03, 0), min(high + 0.03, 1)))
        axes[0, 1].set_title(SHARES[shares[0]].capitalize() if len(shares) == 1 else "Accuracy")
    for ax in axes[0]:
        at = places(history)
        ax.set(xlabel=counted, xlim=(min(at[0], 1) - total / 50, max(total, at[-1]) + total / 50))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return fig


def draw(ax: Axes, history: History, keys: Sequence[str]) -> None:
    """A line for each of these parts of the history."""
    for key in keys:
        training = key.startswith("train")
        marker = ("o" if training else "s") if len(history[key]) <= MANY else ""
        ax.plot(
            places(history),
            history[key],
            marker + ("-" if training else "--"),
            color=plot.BLUE if training else plot.ORANGE,
            markersize=4,
            label="training" if training else "test",
        )


def describe(history: History, counted: str = "epoch", levels: Levels | None = None) -> str:
    """The curves in a sentence: the picture's alt text."""

    def went(name: str, values: Sequence[float], digits: int) -> str:
        first, last = (f"{value:.{digits}f}" for value in (values[0], values[-1]))
        return f"the {name} {'is' if len(values) == 1 else f'went from {first} to'} {last}"

    told = [went(name, history[key], 2) for key, name in LOSSES.items() if key in history]
    told += [went(name, history[key], 3) for key, name in SHARES.items() if key in history]
    lines = [f"{name} at {level:.2f}" for name, level in (levels or {}).items()]
    flat = f" Flat lines to compare with: {', '.join(lines)}." if lines else ""
    done = round(places(history)[-1])
    return f"After {done:,} {counted}{'s' * (done != 1)}: {', '.join(told)}.{flat}"
