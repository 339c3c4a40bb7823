"""The pictures of unit 05. What a model says in them comes from the learner's own functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chainrule import plot
from chainrule.data import fashion_mnist
from chainrule.data._images import Images
from chainrule.widgets import Slider, explore

Function = Callable[..., Any]

FAR = 8  # pixels that a picture can be pushed to either side
# What the solved notebook's model says of the first eight test pictures: class, confidence.
SAID = [
    (0, 1.0),
    (4, 1.0),
    (2, 0.7),
    (7, 0.98),
    (3, 1.0),
    (4, 0.64),
    (6, 0.75),
    (1, 1.0),
]


def picture(ax: Axes, pixels: np.ndarray, title: str) -> None:
    """One picture, dark on white as in a catalogue, with a caption above it."""
    ax.imshow(pixels, cmap="Greys", vmin=0, vmax=255)
    ax.set_title(title, fontsize=9, loc="center")
    ax.set_axis_off()


def percent(confidence: float) -> str:
    """Never 100%: a softmax is not that sure."""
    return "over 99%" if confidence > 0.99 else f"{confidence:.0%}"


def promise() -> None:
    """Eight test pictures, and what the model at the end of the unit says of them."""
    clothes = fashion_mnist()
    fig, axes = plt.subplots(2, 4, figsize=(7.2, 4))
    sentences = []
    for ax, pixels, label, (said, confidence) in zip(
        axes.flat, clothes.x_test, clothes.y_test, SAID, strict=False
    ):
        names = clothes.classes[said], clothes.classes[label]
        verdict = "right" if said == label else f"wrong: {names[1]}"
        picture(ax, pixels, f"{names[0]}, {percent(confidence)}\n({verdict})")
        sentences.append(f"{names[0]} at {percent(confidence)} ({verdict})")
    plot.show(fig, alt=f"Eight pictures of clothes. The model says: {'; '.join(sentences)}.")


def one_of_each(clothes: Images) -> None:
    """The first training picture of every class, with its index and name."""
    fig, axes = plt.subplots(2, 5, figsize=(7.2, 3.4))
    for label, (ax, name) in enumerate(zip(axes.flat, clothes.classes, strict=True)):
        first = int(np.argmax(clothes.y_train == label))
        picture(ax, clothes.x_train[first], f"{label}: {name}")
    listed = ", ".join(f"{label} {name}" for label, name in enumerate(clothes.classes))
    plot.show(fig, alt=f"One grey picture of each class: {listed}.")


# --- three bugs that raise no error --------------------------------------------------------------

STEPS = 150


def broken_steps(Classifier: Function, images: Any, labels: Any) -> None:
    """Overfit one batch four times: once as it should be, and with three bugs."""
    runs = {
        "as it should be": one_batch(Classifier, images, labels),
        "softmax before the loss": one_batch(Classifier, images, labels, softmax=True),
        "gradients never cleared": one_batch(Classifier, images, labels, clear=False),
        "labels shuffled": one_batch(Classifier, images, labels.roll(1)),
    }
    fig, ax = plt.subplots(figsize=(7, 3.6))
    looks = (("-", plot.BLUE), ("--", plot.ORANGE), (":", plot.RED), ("-.", plot.GREEN))
    for (name, losses), (style, colour) in zip(runs.items(), looks, strict=True):
        ax.plot(np.maximum(losses, 1e-3), style, color=colour, label=name)
    ax.axhline(1.46, color=plot.GREY, linewidth=1)
    ax.annotate("1.46 ", (STEPS, 1.4), fontsize=9, va="top", ha="right")
    ax.set(title="One batch, learned by heart", xlabel="step", ylabel="loss", yscale="log")
    ax.legend(loc="lower left")
    ends = "; ".join(f"{name}: {losses[-1]:.2g}" for name, losses in runs.items())
    plot.show(fig, alt=f"Four loss curves on one batch. Loss after {STEPS} steps: {ends}.")


def one_batch(
    Classifier: Function, images: Any, labels: Any, softmax: bool = False, clear: bool = True
) -> list[float]:
    """The loss at each of STEPS steps on one batch, from the same start every time."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        net = Classifier(images[0].numel(), 256, 10)
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    losses = []
    for _ in range(STEPS):
        scores = net(images)
        cost = torch.nn.functional.cross_entropy(scores.softmax(1) if softmax else scores, labels)
        if clear:
            adam.zero_grad()
        cost.backward()
        adam.step()
        losses.append(cost.item())
    return losses


# --- one picture ---------------------------------------------------------------------------------


def one_picture(predict: Function, model: Any, clothes: Images, device: str) -> None:
    """Choose a test picture and push it sideways; what the model says follows."""

    def answers(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        import torch

        stack = np.stack([pushed(clothes.x_test[number], by) for by in range(-FAR, FAR + 1)])
        said, confidence = predict(model, torch.tensor(stack, dtype=torch.float32) / 255, device)
        return stack, np.asarray(said), np.asarray(confidence)

    def draw(number: int, push: int) -> Figure:
        stack, said, confidence = answers(number)
        return pushed_figure(
            stack, said, confidence, int(clothes.y_test[number]), push, clothes.classes
        )

    def describe(number: int, push: int) -> str:
        _, said, confidence = answers(number)
        truth, at = clothes.classes[clothes.y_test[number]], push + FAR
        where = "where it was taken"
        if push:
            where = f"{abs(push)} pixels to the {'right' if push > 0 else 'left'}"
        return (
            f"Picture {number}, {where}: the model says {clothes.classes[said[at]]} "
            f"with {percent(confidence[at])}. It is: {truth}."
        )

    controls = {
        "number": Slider("Test picture", 0, 199, 0),
        "push": Slider("Push to the right by", -FAR, FAR, 0),
    }
    examples = [{}, {"push": 2}, {"push": 4}, {"push": -6}, {"number": 1}, {"number": 2}]
    explore(draw, describe, controls, examples)


def pushed(pixels: np.ndarray, by: int) -> np.ndarray:
    """The picture moved to the right by so many pixels; background comes in from the side."""
    moved = np.zeros_like(pixels)
    width = pixels.shape[1]
    moved[:, max(by, 0) : width + min(by, 0)] = pixels[:, max(-by, 0) : width - max(by, 0)]
    return moved


def pushed_figure(
    stack: np.ndarray,
    said: np.ndarray,
    confidence: np.ndarray,
    truth: int,
    push: int,
    classes: Sequence[str],
) -> Figure:
    """The pushed picture beside what the model says for every push."""
    pushes = np.arange(-FAR, FAR + 1)
    at = push + FAR
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), width_ratios=[1, 2.1])
    picture(left, stack[at], f"it is: {classes[truth]}")
    left.set_axis_on()  # its frame shows how far the picture was pushed
    left.set(xticks=[], yticks=[])
    good = said == truth
    right.plot(pushes[good], confidence[good], "o", color=plot.BLUE, label="right")
    right.plot(pushes[~good], confidence[~good], "x", color=plot.RED, label="wrong", mew=2)
    right.axvline(push, color=plot.GREY, linewidth=1, linestyle=":")
    right.set(
        title=f"The model says: {classes[said[at]]}, {percent(confidence[at])}",
        xlabel="pushed to the right by (pixels)",
        ylabel="confidence",
        ylim=(0, 1.05),
    )
    right.legend(loc="lower left")
    return fig


def surest_mistakes(clothes: Images, said: np.ndarray, confidence: np.ndarray) -> None:
    """The eight wrong answers that the model is surest of."""
    wrong = np.flatnonzero(said != clothes.y_test)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:8]
    fig, axes = plt.subplots(2, 4, figsize=(7.2, 4))
    sentences = []
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, number in zip(axes.flat, surest, strict=False):
        names = clothes.classes[said[number]], clothes.classes[clothes.y_test[number]]
        picture(
            ax,
            clothes.x_test[number],
            f"said {names[0]}, {percent(confidence[number])}\nis {names[1]}",
        )
        sentences.append(f"said {names[0]}, is {names[1]}")
    alt = f"The surest of {len(wrong)} mistakes: {'; '.join(sentences)}."
    plot.show(fig, alt=alt)
