"""The pictures of unit 09. What a kernel or a network answers comes from the learner's work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import traitlets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from chainrule import plot
from chainrule.data import photograph
from chainrule.data._images import Images
from chainrule.widgets import Choice, Control, Slider, explore

Function = Callable[..., Any]
Kernel = tuple[tuple[float, ...], ...]

KERNELS: Mapping[str, Kernel] = {
    "brighter on the right": ((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)),
    "brighter below": ((-1, -1, -1), (0, 0, 0), (1, 1, 1)),
    "spots and lines": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    "blur": ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "nothing at all": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
}
# Share of the test pictures known when they are pushed to the right by so many pixels: what the
# solved notebook measured.
PUSHES = (0, 1, 2, 3, 4, 6, 8)
WITH_WINDOWS = (0.887, 0.861, 0.811, 0.647, 0.374, 0.280, 0.200)
WITHOUT = (0.858, 0.771, 0.521, 0.305, 0.216, 0.176, 0.131)


def bare(ax: Axes, pixels: np.ndarray, title: str, **look: Any) -> None:
    """A picture without axes, black to white unless told otherwise."""
    ax.imshow(pixels, **{"cmap": "gray", **look})
    ax.set_title(title, fontsize=10, loc="center")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)


def promise() -> None:
    """The photograph, its edges, and how two networks fare when pictures are pushed."""
    pixels = photograph() / 255
    edges = np.abs(pixels[:, 2:] - pixels[:, :-2])
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(9, 3), width_ratios=[1, 1, 1.5])
    bare(left, pixels, "a photograph")
    bare(middle, edges, "its upright edges")
    push_curves(right, PUSHES, WITH_WINDOWS, WITHOUT)
    plot.show(
        fig,
        alt="A photograph of a man with a camera on a tripod; the same with only its upright edges "
        "lit; and two curves, the share of test pictures known against how far they are pushed: at "
        f"2 pixels LeNet knows {WITH_WINDOWS[2]:.0%}, the network without convolution "
        f"{WITHOUT[2]:.0%}.",
    )


def push_figure(
    pushes: Sequence[int], with_windows: Sequence[float], without: Sequence[float]
) -> Figure:
    """Share right against the push, for both networks."""
    fig, ax = plt.subplots(figsize=(6, 3.2))
    push_curves(ax, pushes, with_windows, without)
    return fig


def push_curves(
    ax: Axes, pushes: Sequence[int], with_windows: Sequence[float], without: Sequence[float]
) -> None:
    ax.plot(pushes, with_windows, "o-", color=plot.BLUE, label="LeNet")
    ax.plot(pushes, without, "s--", color=plot.ORANGE, label="no convolution")
    ax.set(
        title="Pushed to the side",
        xlabel="pushed by (pixels)",
        ylabel="share right",
        ylim=(0, 1),
    )
    ax.legend(loc="lower left")


# --- painting a kernel ---------------------------------------------------------------------------


class Fields(ipywidgets.VBox):
    """Nine number fields below a list of ready kernels; `value` is the kernel, row by row."""

    value = traitlets.Any()

    def __init__(self, label: str, kernels: Mapping[str, Kernel], start: Kernel) -> None:
        self._kernels = dict(kernels)
        self._ready = ipywidgets.Dropdown(
            options=[*self._kernels, "my own"],
            value=next(name for name, kernel in kernels.items() if kernel == start),
            description=label,
            style={"description_width": "12em"},
            layout={"width": "32em", "max_width": "100%"},
        )
        self._numbers = [
            ipywidgets.BoundedFloatText(
                value=number,
                min=-20,
                max=20,
                step=1,
                description=f"{row + 1}, {column + 1}",
                style={"description_width": "3em"},
                layout={"width": "9em"},
            )
            for row, numbers in enumerate(start)
            for column, number in enumerate(numbers)
        ]
        grid = ipywidgets.GridBox(
            self._numbers, layout={"grid_template_columns": "repeat(3, 10em)", "margin": "0 0 6px"}
        )
        super().__init__([self._ready, grid])
        self.value = start
        self._filling = False
        self._ready.observe(self._choose, names="value")
        for field in self._numbers:
            field.observe(self._change, names="value")

    def _choose(self, change: Any) -> None:
        kernel = self._kernels.get(change["new"])
        if kernel is None or kernel == self.value:
            return
        self._filling = True  # nine changes, one new picture
        for field, number in zip(self._numbers, sum(kernel, ()), strict=True):
            field.value = number
        self._filling = False
        self.value = kernel

    def _change(self, _change: Any) -> None:
        if self._filling:
            return
        numbers = [field.value for field in self._numbers]
        self.value = tuple(tuple(numbers[row : row + 3]) for row in (0, 3, 6))
        same = [name for name, kernel in self._kernels.items() if kernel == self.value]
        self._ready.value = same[0] if same else "my own"


class Painted(Choice):
    """A kernel of 3 by 3 that the reader chooses and changes."""

    def widget(self) -> Any:
        return Fields(self.label, self.options, self.start)


def paint(conv2d_single: Function) -> None:
    """A kernel to change number by number, sliding over the photograph."""
    pixels = photograph() / 255
    answers: dict[Kernel, np.ndarray] = {}

    def slide(kernel: Kernel) -> np.ndarray:
        if kernel not in answers:
            answers.clear()
            answers[kernel] = np.asarray(conv2d_single(pixels.copy(), np.array(kernel, float)))
        return answers[kernel]

    def draw(kernel: Kernel, row: int, column: int) -> Figure:
        result = slide(kernel)
        fig, (left, middle, right) = plt.subplots(1, 3, figsize=(9, 3.9), width_ratios=[3, 1, 3])
        bare(left, pixels, "the photograph", vmin=0, vmax=1)
        frame(left, column - 0.5, row - 0.5, 3)
        under = pixels[row : row + 3, column : column + 3]
        bare(middle, under, f"times the kernel\nadds up to {result[row, column]:.2f}", vmin=0)
        middle.images[0].set_clim(0, 1)
        for (i, j), pixel in np.ndenumerate(under):
            shade = plot.BLACK if pixel > 0.5 else "white"
            said = f"{pixel:.2f}\n· {kernel[i][j]:g}".replace("-", "−")
            middle.text(j, i, said, ha="center", va="center", color=shade, fontsize=7)
        most = max(float(np.abs(result).max()), 1e-9)
        low = -most if result.min() < 0 else 0
        bare(right, result, "every place's answer", vmin=low, vmax=most)
        frame(right, column - 0.5, row - 0.5, 1)
        return fig

    def describe(kernel: Kernel, row: int, column: int) -> str:
        result = slide(kernel)
        most = float(np.abs(result).max())
        quiet = float(np.mean(np.abs(result) < most / 10)) if most else 1.0
        return (
            f"The window at row {row}, column {column} adds up to {result[row, column]:.2f}. "
            f"All answers lie from {result.min():.2f} to {result.max():.2f}; "
            f"{quiet:.0%} of them are close to 0."
        ).replace("-", "−")

    controls: dict[str, Control] = {
        "kernel": Painted("Kernel", KERNELS, KERNELS["brighter on the right"]),
        "row": Slider("Window's row", 0, 125, 95),
        "column": Slider("Window's column", 0, 125, 34),
    }
    examples: list[dict[str, Any]] = [{"kernel": kernel} for kernel in KERNELS.values()]
    explore(draw, describe, controls, examples)


def frame(ax: Axes, left: float, top: float, size: float) -> None:
    """A square around a window, seen on dark and on bright ground."""
    for colour, width in ((plot.BLACK, 3.5), (plot.YELLOW, 1.8)):
        ax.add_patch(Rectangle((left, top), size, size, fill=False, color=colour, lw=width))


# --- pooling -------------------------------------------------------------------------------------


def pooled(maps: Mapping[str, np.ndarray]) -> None:
    """For each entry a map before and after a push; each array is (2, 1, height, width)."""
    fig, axes = plt.subplots(2, len(maps), figsize=(7, 4.8), squeeze=False)
    for (name, pair), column in zip(maps.items(), axes.T, strict=True):
        for ax, pixels, where in zip(column, pair[:, 0], ("", ", pushed"), strict=True):
            bare(ax, pixels, f"{name}{where}", vmin=0, vmax=float(pair.max()))
    plot.show(
        fig,
        alt="The edges of a boot, pooled by 2 and by 4, above the same for the boot pushed by one "
        "pixel. The more is pooled, the coarser the boot and the more alike the two rows.",
    )


# --- the trained network -------------------------------------------------------------------------


def kernels(model: Any) -> None:
    """The kernels of the first layer, one picture each."""
    weights = model.conv1.weight.detach().cpu().numpy()[:, 0]
    most = float(np.abs(weights).max())
    fig, axes = plt.subplots(2, 8, figsize=(8, 2.3))
    for number, (ax, kernel) in enumerate(zip(axes.flat, weights, strict=False)):
        bare(ax, kernel, str(number), cmap=f"{plot.DIVERGING}_r", vmin=-most, vmax=most)
    both = int(((weights > most / 4).any((1, 2)) & (weights < -most / 4).any((1, 2))).sum())
    plot.show(
        fig,
        alt=f"{len(weights)} kernels of 5 by 5 numbers. {both} of them have clearly positive and "
        "clearly negative areas side by side, as edge finders do.",
    )


def feature_maps(model: Any, clothes: Images) -> None:
    """Choose a test picture and a layer; every map of that layer is shown."""

    def maps_of(number: int, layer: int) -> np.ndarray:
        import torch

        device = next(model.parameters()).device
        x = torch.tensor(clothes.x_test[number], dtype=torch.float32, device=device)[None, None]
        with torch.no_grad():
            maps = torch.relu(model.conv1(x / 255))
            if layer == 2:
                maps = torch.relu(model.conv2(torch.nn.functional.max_pool2d(maps, 2)))
        return maps[0].cpu().numpy()

    def draw(number: int, layer: int) -> Figure:
        maps = maps_of(number, layer)
        columns = 8
        fig = plt.figure(figsize=(9, 3.3 if len(maps) > 16 else 2.2))
        parts: Any = fig.subfigures(1, 2, width_ratios=[1, 4])
        left, right = parts
        bare(left.subplots(), clothes.x_test[number], "the picture", cmap="Greys")
        axes = right.subplots(len(maps) // columns, columns)
        for ax, pixels in zip(axes.flat, maps, strict=True):
            ax.imshow(pixels, cmap="gray", vmin=0, vmax=maps.max())
            ax.axis("off")
        return fig

    def describe(number: int, layer: int) -> str:
        maps = maps_of(number, layer)
        silent = int((maps.max(axis=(1, 2)) < 0.05 * maps.max()).sum())
        name = clothes.classes[clothes.y_test[number]]
        return (
            f"Picture {number} ({name}), layer {layer}: {len(maps)} maps of {maps.shape[1]} by "
            f"{maps.shape[2]}; map {int(maps.mean(axis=(1, 2)).argmax())} is the brightest, "
            f"{silent} stay dark."
        )

    controls: dict[str, Control] = {
        "number": Slider("Test picture", 0, 199, 0),
        "layer": Choice("Layer", {"conv1": 1, "conv2": 2}, 1),
    }
    examples = [{"number": n, "layer": layer} for n in (0, 1, 2) for layer in (1, 2)]
    explore(draw, describe, controls, examples)


def shuffled_pair(pixels: np.ndarray, order: np.ndarray) -> None:
    """A picture beside itself with its pixels in another order."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(4.4, 2.3))
    bare(left, pixels, "as it is", cmap="Greys")
    bare(right, pixels.ravel()[order].reshape(pixels.shape), "shuffled", cmap="Greys")
    plot.show(fig, alt="A piece of clothing, and the same pixels in disorder: only noise is seen.")
