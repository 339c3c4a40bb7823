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
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from chainrule import plot

SECONDS_BETWEEN_DRAWINGS = 0.5

History = Mapping[str, Sequence[float]]


class LiveCurves:
    """Call it with the history after every epoch; it draws the curves so far.

    epochs: how many there will be. examples: how many an epoch trains on, for the speed.
    The clock starts when it is made. A history holds `train_loss`, `test_loss` and
    `test_accuracy`, each with a number for every epoch so far.
    """

    def __init__(self, epochs: int, examples: int) -> None:
        self.epochs = epochs
        self.examples = examples
        self._started = time.perf_counter()
        self._drawn = float("-inf")
        self._handle: Any = None

    def __call__(self, history: History) -> None:
        done = len(history["train_loss"])
        seconds = time.perf_counter() - self._started
        last = done >= self.epochs
        if not last and seconds - self._drawn < SECONDS_BETWEEN_DRAWINGS:
            return
        self._drawn = seconds
        self._show(history, progress_line(done, self.epochs, self.examples, seconds))

    def _show(self, history: History, line: str) -> None:
        from IPython import get_ipython
        from IPython.display import display

        alt = describe(history)
        if get_ipython() is None:  # a plain script: a line for each drawing
            print(f"{line}. {alt}")
            return
        data, metadata = plot.mimebundle(curves(history, self.epochs), alt)
        said = html.escape(line)
        data["text/html"] += f'<p role="status" style="margin:.2em 0">{said}</p>'
        data["text/plain"] += f"\n{line}"
        if self._handle is None:
            self._handle = display(data, metadata=metadata, raw=True, display_id=True)
        else:
            self._handle.update(data, metadata=metadata, raw=True)


def progress_line(done: int, epochs: int, examples: int, seconds: float) -> str:
    """`epoch 4 of 9, 21,000 examples/s, about 3 s left`."""
    rate = done * examples / max(seconds, 1e-9)
    rounded = round(rate, 2 - len(str(int(rate))))  # two figures: a third would only jump about
    speed = f"about {rounded:,.0f} examples/s"
    if done >= epochs:
        return f"{epochs} epochs in {seconds:.1f} s, {speed}"
    left = seconds / done * (epochs - done)
    return f"epoch {done} of {epochs}, {speed}, about {left:.0f} s left"


def curves(history: History, epochs: int) -> Figure:
    """Loss on the left, accuracy on the right; the axes are those of the whole run."""
    done = range(1, len(history["train_loss"]) + 1)
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
    left.plot(done, history["train_loss"], "o-", color=plot.BLUE, markersize=4, label="training")
    left.plot(done, history["test_loss"], "s--", color=plot.ORANGE, markersize=4, label="test")
    left.set(title="Loss", xlabel="epoch", ylabel="cross-entropy")
    left.set_ylim(bottom=0)
    left.legend()
    right.plot(done, history["test_accuracy"], "s--", color=plot.ORANGE, markersize=4)
    right.set(title="Accuracy on the test part", xlabel="epoch", ylabel="share right")
    low, high = min(history["test_accuracy"]), max(history["test_accuracy"])
    right.set_ylim(max(low - 0.03, 0), min(high + 0.03, 1))  # never a magnifying glass on noise
    for ax in (left, right):
        ax.set_xlim(0.5, max(epochs, len(done)) + 0.5)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return fig


def describe(history: History) -> str:
    """The curves in a sentence: the picture's alt text."""
    train, test = history["train_loss"], history["test_loss"]
    accuracy = history["test_accuracy"]
    return (
        f"After {len(train)} epoch{'s' * (len(train) > 1)} the training loss went from "
        f"{train[0]:.2f} to {train[-1]:.2f}, "
        f"the test loss from {test[0]:.2f} to {test[-1]:.2f}, and the accuracy on the test part "
        f"from {accuracy[0]:.3f} to {accuracy[-1]:.3f}."
    )
