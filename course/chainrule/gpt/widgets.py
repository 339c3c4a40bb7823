"""The pictures of unit 17. The shares in them come from the learner's own model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from chainrule import plot
from chainrule.widgets import Choice, Control, Slider, explore

Function = Callable[..., Any]

# What the solved notebook's model wrote after all 2,000 steps of its recipe, at temperature 0.8 and
# top-p 0.9.
PROMISE = """\
Ham.
O had love of mire, be her this that is were the ime.

[Enter Oun MACBETH.]
In se of day that be them the with trants.

DOTHELIZEY, with pace dood, they keen the prease here, you well do be
That doth seremann's this the brack it."""
PROMPTS = (
    "To be, or not t",
    "To be, or not to be: t",
    "O Romeo, Rome",
    "The ki",
    "Enter Ham",
    "What is th",
)
SHOWN = 15  # bars


def promise() -> None:
    """A text that the finished model wrote."""
    print(PROMISE)


def next_token(
    model: Any,
    number_of: Mapping[str, int],
    letters: Sequence[str],
    filter_logits: Function,
    device: str = "cpu",
) -> None:
    """Choose a text and the three knobs; the shares of the next letter follow."""

    def shares(prompt: int, temperature: float, top_k: int, top_p: float) -> tuple[Any, Any]:
        """The model's own shares, and those that remain after filtering."""
        import torch

        tokens = torch.tensor([[number_of[letter] for letter in PROMPTS[prompt]]], device=device)
        with torch.no_grad():
            logits = model(tokens)[0, -1].cpu()
        filtered = filter_logits(logits, temperature=temperature, top_k=top_k, top_p=top_p)
        return np.asarray(logits.softmax(-1)), np.asarray(filtered.softmax(-1))

    def draw(prompt: int, temperature: float, top_k: int, top_p: float) -> Figure:
        before, after = shares(prompt, temperature, top_k, top_p)
        order = np.argsort(-before, kind="stable")[:SHOWN]
        places = np.arange(len(order))
        fig, ax = plt.subplots(figsize=(7, 3.4))
        ax.bar(places, after[order], color=plot.BLUE, label="drawn from")
        ax.plot(places, before[order], "o", color=plot.ORANGE, label="the model's own")
        ax.set_xticks(places, [name(letters[number]) for number in order])
        ax.set(title=f"After “{PROMPTS[prompt]}”", xlabel="next letter", ylabel="share")
        ax.set_ylim(0, 1)
        ax.legend(loc="upper right")
        return fig

    def describe(prompt: int, temperature: float, top_k: int, top_p: float) -> str:
        before, after = shares(prompt, temperature, top_k, top_p)
        left = int((after > 0).sum())
        best = np.argsort(-after, kind="stable")[: min(3, left)]
        named = ", ".join(f"{name(letters[number])} {after[number]:.2f}" for number in best)
        return (
            f"After “{PROMPTS[prompt]}”, {left} of {len(letters)} letters and signs can be drawn. "
            f"The most probable: {named}; the model itself gives the first of them "
            f"{before[best[0]]:.2f}."
        )

    controls: dict[str, Control] = {
        "prompt": Choice("Text so far", {text: n for n, text in enumerate(PROMPTS)}, 0),
        "temperature": Slider("Temperature", 0.1, 2.0, 1.0, 0.1),
        "top_k": Slider("top-k", 1, len(letters), len(letters)),
        "top_p": Slider("top-p", 0.05, 1.0, 1.0, 0.05),
    }
    examples: list[dict[str, Any]] = [
        {},
        {"temperature": 0.5},
        {"temperature": 2.0},
        {"top_k": 3},
        {"top_p": 0.9},
        {"prompt": 1, "top_p": 0.9},
        {"prompt": 2, "top_p": 0.9},
    ]
    explore(draw, describe, controls, examples)


def name(letter: str) -> str:
    """A letter as it can be read: blanks and line breaks by name."""
    return {" ": "blank", "\n": "line break"}.get(letter, letter)
