"""The pictures of unit 13. What flows, or is drawn, comes from the learner's own work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from chainrule import plot
from chainrule.widgets import Choice, Control, Slider, explore

Function = Callable[..., Any]

# What the solved notebook's network makes up after so many steps, and its loss on the test names
# after each round; the table of pairs has 2.36.
MADE_UP: tuple[tuple[int, str], ...] = (
    (0, "vndltofdnhjk, jnxzkgeyjcfw, m"),
    (50, "tndln, sa"),
    (150, "kedle, elene, jancki, selda, merby"),
    (730, "ketha, elene, jance, selda, merlyn"),
)
LOSSES: tuple[float, ...] = (2.37, 2.16, 2.06, 2.02, 1.97, 1.95, 1.93, 1.91, 1.90, 1.90)
BIGRAM = 2.36


def promise() -> None:
    """The loss that falls below the rival's, and names made up on the way."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=[1, 1.3])
    left.plot(range(1, len(LOSSES) + 1), LOSSES, "o-", color=plot.BLUE, label="your network")
    left.axhline(BIGRAM, color=plot.ORANGE, linestyle="--", label="a table of pairs")
    left.set(title="Loss on new names", xlabel="epoch", ylabel="nats a letter")
    left.legend()
    right.axis("off")
    right.set_title("Names it makes up")
    for row, (steps, made) in enumerate(MADE_UP):
        right.text(0, 0.88 - 0.2 * row, f"{steps} steps", color=plot.GREY, fontsize=9)
        right.text(0.2, 0.88 - 0.2 * row, made, fontsize=10)
    told = "; ".join(f"after {steps} steps {made}" for steps, made in MADE_UP)
    plot.show(
        fig,
        alt=f"The loss on names it never saw falls from {LOSSES[0]:.2f} to {LOSSES[-1]:.2f}, below "
        f"the {BIGRAM} of a table of letter pairs. Names it makes up: {told}.",
    )


# --- gradients that fade or grow -----------------------------------------------------------------

STEPS, HIDDEN = 60, 32


def vanishing(gradient_norms: Function) -> None:
    """What arrives of the last state's gradient, by the size of W_h and the loudness of inputs."""
    import torch

    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, STEPS, HIDDEN, generator=generator)
    # A turn of the state: it keeps lengths, so that `size` alone says what one step does.
    turn, _ = torch.linalg.qr(torch.randn(HIDDEN, HIDDEN, generator=generator))

    def arriving(size: float, loud: float) -> np.ndarray:
        norms = gradient_norms(
            noise * loud,
            torch.zeros(1, HIDDEN),
            torch.eye(HIDDEN),
            turn * size,
            torch.zeros(HIDDEN),
        )
        back = np.asarray(norms, dtype=float)[::-1]
        return back / back[0]

    def draw(size: float, loud: float) -> Figure:
        arrived = arriving(size, loud)
        fig, ax = plt.subplots(figsize=(7, 3.4))
        ax.axhline(1, color=plot.GREY, linewidth=1)
        ax.plot(np.arange(STEPS), np.clip(arrived, 1e-12, 1e12), color=plot.BLUE)
        ax.set(
            title=f"size of W_h {size:g}, inputs {loud:g}",
            xlabel="steps back",
            ylabel="share of the gradient that arrives",
            yscale="log",
            ylim=(1e-9, 1e9),
        )
        return fig

    def describe(size: float, loud: float) -> str:
        arrived = arriving(size, loud)
        said = ", ".join(f"{arrived[n]:.2g} at {n}" for n in (1, 10, 50))
        kind = "vanishes" if arrived[50] < 0.01 else "explodes" if arrived[50] > 100 else "lives on"
        return (
            f"With W_h of size {size:g} and inputs of size {loud:g} it {kind}: {said} steps back."
        )

    controls: dict[str, Control] = {
        "size": Slider("Size of W_h", 0.5, 2.0, 0.9, step=0.05),
        "loud": Slider("Loudness of the inputs", 0.0, 1.0, 0.0, step=0.05),
    }
    examples: list[dict[str, Any]] = [
        {"size": 0.9},
        {"size": 1.0},
        {"size": 1.2},
        {"size": 1.2, "loud": 0.3},
        {"size": 1.2, "loud": 1.0},
        {"size": 2.0, "loud": 0.3},
    ]
    explore(draw, describe, controls, examples)


# --- letting a network speak ---------------------------------------------------------------------


def spoken(reader: Any, characters: Sequence[str], start: str, count: int) -> None:
    """Print `count` characters that the reader of a play goes on with after `start`."""
    import torch

    generator = torch.Generator().manual_seed(0)
    said, state = [characters.index(c) for c in start], None
    with torch.no_grad():
        fresh = torch.tensor([said])
        for _ in range(count):
            scores, state = reader(fresh, state)
            drawn = torch.multinomial(scores[0, -1].softmax(0), 1, generator=generator)
            said.append(int(drawn))
            fresh = drawn[None]
    print("".join(characters[number] for number in said))


BEGINNINGS = ("", "m", "ma", "mar", "mari", "q", "jose", "annab", "christ")


def next_letter(model: Any, letters: str) -> None:
    """Choose a beginning; bars show how probable each next letter is."""
    import torch

    def probabilities(beginning: str) -> np.ndarray:
        read = torch.tensor([[letters.index(letter) for letter in "." + beginning]])
        with torch.no_grad():
            scores, _ = model(read)
        return np.asarray(scores[0, -1].softmax(0))

    def draw(beginning: str) -> Figure:
        p = probabilities(beginning)
        fig, ax = plt.subplots(figsize=(7.5, 2.8))
        ax.bar(range(len(letters)), p, color=[plot.ORANGE] + [plot.BLUE] * (len(letters) - 1))
        ax.set_xticks(range(len(letters)), ["end", *letters[1:]])
        ax.set(title=f"After “{beginning}”", ylabel="probability", ylim=(0, 1))
        return fig

    def describe(beginning: str) -> str:
        p = probabilities(beginning)
        best = [(["end", *letters[1:]][n], p[n]) for n in np.argsort(-p)[:3]]
        said = ", ".join(f"{letter} {share:.0%}" for letter, share in best)
        where = f"After “{beginning}”" if beginning else "At the beginning"
        return f"{where} the likeliest are {said}."

    options = {beginning or "(nothing yet)": beginning for beginning in BEGINNINGS}
    controls: dict[str, Control] = {"beginning": Choice("The name so far", options, "mar")}
    explore(draw, describe, controls, [{"beginning": beginning} for beginning in BEGINNINGS])
