"""The pictures of unit 03: graphs that are stepped node by node, and two moons.

The numbers in them come from the learner's own Values and functions. Only the café's, shown
before anything is written, are given here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from chainrule import plot
from chainrule.data.moons import made_moons
from chainrule.widgets import Slider, explore

Function = Callable[..., Any]
Parents = Sequence[Sequence[int]]

COLUMN, ROW = 2.3, 1.5  # from one box's middle to the next, in the picture's own units
WIDE, HIGH = 1.25, 0.98  # of a box
UNKNOWN = "?"


# --- what a picture of a graph holds ---------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    """A graph at one moment.

    sentence: what happens; what stands before its colon is the picture's title.
    values, gradients: a text for each node. active: the node at work.
    passed: what the active node hands to its parents, as (parent, text), one for each edge.
    """

    sentence: str
    values: Sequence[str]
    gradients: Sequence[str]
    active: int | None = None
    passed: Sequence[tuple[int, str]] = field(default=())


@dataclass(frozen=True)
class Story:
    """A graph and its moments: the nodes' titles, their parents by number, the frames."""

    titles: Sequence[str]
    parents: Parents
    frames: Sequence[Frame]


def step_through(story: Story, start: int) -> None:
    """A slider that goes through the frames; arrow keys work when it has the focus."""
    last = len(story.frames) - 1

    def draw(step: int) -> Figure:
        return frame_figure(story, story.frames[step])

    def describe(step: int) -> str:
        return f"Step {step} of {last}. {story.frames[step].sentence}"

    controls = {"step": Slider("Step", 0, last, start)}
    explore(draw, describe, controls, [{"step": step} for step in range(last + 1)])


# --- the café, before any code ---------------------------------------------------------------

_CAFE = ["cups", "price", "cost", "income", "costs", "profit"]
_CAFE_PARENTS = [(), (), (), (0, 1), (0, 2), (3, 4)]
_CAFE_VALUES = ["5", "2", "3", "10", "15", "−5"]
_CAFE_FORWARD = [
    "Three numbers are given.",
    "income = cups × price = 5 × 2 = 10.",
    "costs = cups × cost = 5 × 3 = 15.",
    "profit = income − costs = 10 − 15 = −5. Now back.",
]
_CAFE_BACK: list[tuple[str, list[str], int, list[tuple[int, str]]]] = [
    ("Where profit grows by 1, profit grows by 1: its own gradient is 1.", [], 5, []),
    (
        "profit = income − costs: income counts for it (+1), costs against it (−1).",
        ["", "", "", "1", "−1", "1"],
        5,
        [(3, "1"), (4, "−1")],
    ),
    (
        "income = cups × price. Its 1 goes to price times 5 and to cups times 2.",
        ["2", "5", "", "1", "−1", "1"],
        3,
        [(0, "2"), (1, "5")],
    ),
    (
        "costs = cups × cost. Its −1 goes to cost times 5 and to cups times 3. cups has now "
        "received 2 and −3: together −1.",
        ["−1", "5", "−5", "1", "−1", "1"],
        4,
        [(0, "−3"), (2, "−5")],
    ),
]


def cafe() -> None:
    """The café's graph: four steps forward, four back."""
    nothing = [UNKNOWN] * 6
    frames = []
    for count, sentence in enumerate(_CAFE_FORWARD):
        known = 3 + count
        values = [*_CAFE_VALUES[:known], *[UNKNOWN] * (6 - known)]
        active = known - 1 if count else None
        frames.append(Frame(f"Forward: {sentence}", values, nothing, active))
    for sentence, gradients, active, passed in _CAFE_BACK:
        shown = [text or UNKNOWN for text in gradients or ["", "", "", "", "", "1"]]
        frames.append(Frame(f"Back: {sentence}", _CAFE_VALUES, shown, active, passed))
    step_through(Story(_CAFE, _CAFE_PARENTS, frames), start=0)


# --- a graph of the learner's own Values -----------------------------------------------------


def show_graph(result: Any, title: str) -> None:
    """The graph behind a Value, with the numbers that stand in it now."""
    nodes = reach(result)[::-1]
    story = Story(titles(nodes), numbered(nodes), ())
    values, grads = ([text(number) for number in part] for part in numbers_in(nodes))
    said = "; ".join(
        f"{quoted(name)}{made_from(story, number)}: data {values[number]}, grad {grads[number]}"
        for number, name in enumerate(story.titles)
    )
    figure = frame_figure(story, Frame(f"{title}: as it stands.", values, grads))
    plot.show(figure, alt=f"{title}, a graph of {len(nodes)} Values. {said}.")


def numbers_in(nodes: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    return [node.data for node in nodes], [node.grad for node in nodes]


def step_through_backward(result: Any, topological_order: Function, backward: Function) -> None:
    """Step through the graph behind a Value: its numbers forward, the learner's backward back.

    Every grad in the graph is 0.0 while `backward` runs here, and is then put back.
    """
    nodes = list(topological_order(result))
    names, above = titles(nodes), numbered(nodes)
    said = [quoted(name) for name in names]
    given = [number for number, parents in enumerate(above) if not parents]
    frames = [_given(nodes, said, given)]
    known = set(given)
    for number, node in enumerate(nodes):
        if number in known:
            continue
        known.add(number)
        sources = " and ".join(said[parent] for parent in above[number])
        sentence = f"Forward: {said[number]} of {sources} gives {text(node.data)}."
        frames.append(Frame(sentence, _values(nodes, known), [UNKNOWN] * len(nodes), active=number))
    start = len(frames)
    frames += backward_frames(nodes, said, above, recorded(nodes, result, backward))
    step_through(Story(names, above, frames), start=min(start, len(frames) - 1))


def _given(nodes: Sequence[Any], names: Sequence[str], given: Sequence[int]) -> Frame:
    sentence = f"Forward: given are {', '.join(names[number] for number in given)}."
    return Frame(sentence, _values(nodes, set(given)), [UNKNOWN] * len(nodes))


def _values(nodes: Sequence[Any], known: set[int]) -> list[str]:
    return [text(node.data) if n in known else UNKNOWN for n, node in enumerate(nodes)]


@dataclass(frozen=True)
class Call:
    """One call of a local_backward: whose, with what, and every grad just before it."""

    node: int
    grad: Any
    passed: Any
    before: Sequence[Any]


def recorded(nodes: Sequence[Any], result: Any, backward: Function) -> list[Call]:
    """Run the learner's `backward` and note every call; the last one is the end, with node -1.

    Grads and local_backwards are as before when this returns, even when it raises.
    """
    grads, functions = [n.grad for n in nodes], [n.local_backward for n in nodes]
    calls: list[Call] = []

    def noting(number: int) -> Function:
        def local_backward(grad: Any) -> Any:
            before = [node.grad for node in nodes]
            passed = functions[number](grad)
            calls.append(Call(number, grad, passed, before))
            return passed

        return local_backward

    try:
        for number, node in enumerate(nodes):
            node.grad, node.local_backward = 0.0, noting(number)
        backward(result)
        calls.append(Call(-1, None, (), [node.grad for node in nodes]))
    finally:
        for node, grad, function in zip(nodes, grads, functions, strict=True):
            node.grad, node.local_backward = grad, function
    return calls


def backward_frames(
    nodes: Sequence[Any], names: Sequence[str], above: Parents, calls: Sequence[Call]
) -> list[Frame]:
    """What happened on the way back, a frame for each Value that handed something on."""
    values = [text(node.data) for node in nodes]
    first = calls[0]
    active = first.node if first.node >= 0 else None
    grads = [text(grad) for grad in first.before]
    frames = [Frame("Back: the result's own gradient is 1.", values, grads, active)]
    for call, after in zip(calls, calls[1:], strict=False):
        if not above[call.node]:
            continue  # it has nobody to hand anything to
        edges = list(zip(above[call.node], [text(grad) for grad in call.passed], strict=False))
        handed = " and ".join(f"{amount} to {names[parent]}" for parent, amount in edges)
        sentence = f"Back: {names[call.node]} holds {text(call.grad)} and hands {handed}."
        for parent in dict.fromkeys(above[call.node]):
            held, holds = text(call.before[parent]), text(after.before[parent])
            if held != "0" or above[call.node].count(parent) > 1:
                sentence += f" {names[parent]} held {held} and now holds {holds}."
        shown = [text(grad) for grad in after.before]
        frames.append(Frame(sentence, values, shown, call.node, edges))
    return frames


def reach(result: Any) -> list[Any]:
    """Every Value that `result` was computed from, and itself, in the order they are met."""
    met = {id(result): result}
    waiting = [result]
    while waiting:
        for parent in waiting.pop(0).parents:
            if id(parent) not in met:
                met[id(parent)] = parent
                waiting.append(parent)
    return list(met.values())


def numbered(nodes: Sequence[Any]) -> list[list[int]]:
    """For each node the numbers of its parents."""
    number = {id(node): place for place, node in enumerate(nodes)}
    return [[number[id(parent)] for parent in node.parents] for node in nodes]


def titles(nodes: Sequence[Any]) -> list[str]:
    """The nodes' labels; those that share one are counted: × 1, × 2."""
    labels = [node.label or "value" for node in nodes]
    count: dict[str, int] = {}
    result = []
    for label in labels:
        count[label] = count.get(label, 0) + 1
        result.append(f"{label} {count[label]}" if labels.count(label) > 1 else label)
    return result


def quoted(name: str) -> str:
    """A name as it stands in a sentence: “−” would be taken for a dash."""
    return name if name[0].isalnum() else f"“{name}”"


def made_from(story: Story, number: int) -> str:
    names = [quoted(story.titles[parent]) for parent in story.parents[number]]
    return f" of {' and '.join(names)}" if names else ""


def text(value: Any) -> str:
    """A number in three digits with a real minus sign; of an array, its shape."""
    array = np.asarray(value)
    if array.ndim:
        return str(array.shape)
    number = float(array) + 0.0  # -0.0 + 0.0 is 0.0
    digits = ".0e" if 0 < abs(number) < 1e-3 else ".3g"
    return f"{number:{digits}}".replace("-", "−")


# --- drawing a graph -------------------------------------------------------------------------


def frame_figure(story: Story, frame: Frame) -> Figure:
    """Boxes from left to right, each after its parents; what moves is drawn in orange."""
    places = layout(story.parents)
    across = np.array([x for x, _ in places])
    up = np.array([y for _, y in places])
    size = (across.max() + 1.6, np.ptp(up) + 1.5)
    scale = min(0.8, 9.5 / size[0])
    fig, ax = plt.subplots(figsize=(size[0] * scale, size[1] * scale))
    handed: dict[int, list[str]] = {}
    for parent, amount in frame.passed:
        handed.setdefault(parent, []).append(amount)
    for child, parents in enumerate(story.parents):
        met: dict[int, int] = {}
        for parent in parents:
            copy = met[parent] = met.get(parent, -1) + 1
            amounts = handed.get(parent, []) if child == frame.active else []
            amount = amounts[copy] if copy < len(amounts) else ""
            twice = list(parents).count(parent) > 1
            bend = 0.3 * (1 - 2 * copy) if twice else _bend(places, parent, child)
            _arrow(ax, places[parent], places[child], bend, amount)
    for number, place in enumerate(places):
        _box(ax, place, story.titles[number], frame, number, fontsize=9 * scale / 0.8)
    ax.set(xlim=(-0.8, across.max() + 0.8), ylim=(up.min() - 0.75, up.max() + 0.75))
    ax.set_title(frame.sentence.split(":")[0])
    ax.axis("off")
    return fig


def layout(parents: Parents) -> list[tuple[float, float]]:
    """Where each node stands: its column by the longest way to it, inputs beside their use."""
    count = len(parents)
    column = [0] * count
    for _ in range(count):  # a graph of n nodes is settled after n rounds
        column = [1 + max((column[p] for p in above), default=-1) for above in parents]
    for node in range(count):
        users = [column[child] for child, above in enumerate(parents) if node in above]
        if not parents[node] and users:
            column[node] = min(users) - 1
    height = [0.0] * count
    for place in range(max(column), -1, -1):
        nodes = [node for node in range(count) if column[node] == place]
        wish = {node: _middle_of_users(node, parents, height) for node in nodes}
        nodes.sort(key=lambda node: (-wish[node][0], wish[node][1]))
        middle = float(np.mean([wish[node][0] for node in nodes]))
        for rank, node in enumerate(nodes):
            height[node] = middle + ((len(nodes) - 1) / 2 - rank) * ROW
    return [(column[node] * COLUMN, height[node]) for node in range(count)]


def _middle_of_users(node: int, parents: Parents, height: Sequence[float]) -> tuple[float, int]:
    """The mean height of the nodes that use this one, and its place among the first's parents."""
    users = [child for child, above in enumerate(parents) if node in above]
    if not users:
        return 0.0, 0
    return float(np.mean([height[u] for u in users])), list(parents[users[0]]).index(node)


def _bend(places: Sequence[tuple[float, float]], parent: int, child: int) -> float:
    """An arrow that skips a column goes round the boxes between."""
    skips = places[child][0] - places[parent][0] > 1.5 * COLUMN
    if not skips:
        return 0.0
    return 0.25 if places[parent][1] <= places[child][1] else -0.25


def _arrow(
    ax: Axes, parent: tuple[float, float], child: tuple[float, float], bend: float, amount: str
) -> None:
    """From parent to child; turned round, orange and labelled when something is handed back."""
    colour = plot.RED if amount else plot.GREY
    right, left = (parent[0] + WIDE / 2, parent[1]), (child[0] - WIDE / 2, child[1])
    ends = (left, right) if amount else (right, left)
    ax.add_patch(
        FancyArrowPatch(
            *ends,
            arrowstyle="-|>",
            mutation_scale=14,
            color=colour,
            linewidth=2.2 if amount else 1.2,
            connectionstyle=f"arc3,rad={-bend if amount else bend}",
            shrinkA=1,
            shrinkB=1,
        )
    )
    if amount:
        middle = np.mean([left, right], axis=0)
        across, up = left[0] - right[0], left[1] - right[1]
        offset = bend / 2 * np.array([up, -across])  # where an arc of that bend has its middle
        x, y = middle + offset
        if abs(up) < 0.1 and not bend:
            y += 0.2  # the arrow is short: its number stands above it
        ax.text(
            x,
            y,
            amount,
            ha="center",
            va="center",
            color=plot.RED,
            fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )


def _box(
    ax: Axes,
    place: tuple[float, float],
    title: str,
    frame: Frame,
    number: int,
    fontsize: float,
) -> None:
    active = number == frame.active
    back = bool(frame.gradients[number] != UNKNOWN)
    edge = (plot.RED if back else plot.BLUE) if active else plot.GREY
    ax.add_patch(
        FancyBboxPatch(
            (place[0] - WIDE / 2, place[1] - HIGH / 2),
            WIDE,
            HIGH,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor="white",
            edgecolor=edge,
            linewidth=2.6 if active else 1.2,
        )
    )
    for line, up, colour, weight in (
        (title, 0.29, plot.BLACK, "bold"),
        (_line("data", frame.values[number]), 0.0, plot.BLUE, "normal"),
        (_line("grad", frame.gradients[number]), -0.29, plot.RED, "normal"),
    ):
        quiet = line.endswith(UNKNOWN)
        ax.text(
            place[0],
            place[1] + up,
            line,
            ha="center",
            va="center",
            fontsize=fontsize,
            color=plot.GREY if quiet else colour,
            fontweight=weight,
        )


def _line(what: str, said: str) -> str:
    return said if said.startswith("(") else f"{what} {said}"  # a shape needs the whole line


# --- two moons -------------------------------------------------------------------------------

# Pale twins of the markers' colours: upper moon's side, undecided, lower moon's side.
SHADES = LinearSegmentedColormap.from_list("upper to lower", ["#B5D8EC", "white", "#F5C9A8"])
# Where the solved notebook's network, seed 0, draws its border: along the line, and up.
ACROSS = [
    2.4,
    2.29,
    2.18,
    2.07,
    1.97,
    1.86,
    1.76,
    1.67,
    1.58,
    1.49,
    1.41,
    1.31,
    1.2,
    1.05,
    0.9,
    0.77,
    0.65,
    0.55,
    0.45,
    0.35,
    0.25,
    0.12,
    -0.02,
    -0.18,
    -0.31,
    -0.41,
    -0.51,
    -0.59,
    -0.68,
    -0.77,
    -0.87,
    -0.97,
    -1.07,
    -1.18,
    -1.29,
    -1.4,
]
UP = [
    1.33,
    1.22,
    1.1,
    0.99,
    0.87,
    0.75,
    0.62,
    0.5,
    0.37,
    0.23,
    0.1,
    -0.03,
    -0.14,
    -0.19,
    -0.16,
    -0.07,
    0.05,
    0.17,
    0.29,
    0.42,
    0.53,
    0.63,
    0.69,
    0.68,
    0.59,
    0.47,
    0.34,
    0.21,
    0.08,
    -0.05,
    -0.18,
    -0.3,
    -0.42,
    -0.54,
    -0.65,
    -0.77,
]


def promise() -> None:
    """The picture that the learner's own engine draws at the end of the unit."""
    moons = made_moons()
    fig, ax = plt.subplots(figsize=(7.2, 3.6))
    scatter(ax, moons.x, moons.y)
    ax.plot(ACROSS, UP, color=plot.BLACK)
    ax.set(title="A border that your engine will learn", xlabel="across", ylabel="up")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    alt = (
        "200 points on two half moons that reach into each other, the upper one of blue circles, "
        "the lower one of red triangles. A black S-shaped line runs between them and separates all."
    )
    plot.show(fig, alt=alt)


def scatter(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """The upper moon as blue circles, the lower as red triangles."""
    for label, name, marker, colour in (
        (0, "upper moon", "o", plot.BLUE),
        (1, "lower moon", "^", plot.RED),
    ):
        across, up = x[y == label].T
        look: Mapping[str, Any] = {"s": 26, "edgecolor": "white", "linewidth": 0.4}
        ax.scatter(across, up, marker=marker, color=colour, label=name, **look)


def border_figure(score: Function, x: np.ndarray, y: np.ndarray, title: str) -> Figure:
    """The points over the network's score, with the line where it is 0.

    score: takes points (n, 2) and returns n numbers, above 0 for the lower moon.
    """
    low, high = x.min(axis=0) - 0.3, x.max(axis=0) + 0.3
    across, up = np.meshgrid(np.linspace(low[0], high[0], 90), np.linspace(low[1], high[1], 60))
    scores = score(np.column_stack([across.ravel(), up.ravel()]))
    scores = np.asarray(scores).reshape(across.shape)
    fig, ax = plt.subplots(figsize=(7.2, 3.6))
    levels = np.linspace(-2, 2, 11)
    ax.contourf(across, up, np.clip(scores, -2, 2), levels=levels, cmap=SHADES)
    if scores.min() < 0 < scores.max():
        ax.contour(across, up, scores, levels=[0], colors=plot.BLACK, linewidths=2)
    scatter(ax, x, y)
    ax.grid(False)
    ax.set(title=title, xlabel="across", ylabel="up")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def border_over_time(
    score: Function, snapshots: Sequence[Any], x: np.ndarray, y: np.ndarray
) -> None:
    """A slider over training: the border after each step.

    score: takes (snapshot, points (n, 2)) and returns n numbers. snapshots: the network before
    the first step, after it, and so on. x: (n, 2). y: (n,), 1.0 for the lower moon.
    """
    last = len(snapshots) - 1

    def draw(step: int) -> Figure:
        return border_figure(
            lambda points: score(snapshots[step], points), x, y, f"After {step} steps"
        )

    def describe(step: int) -> str:
        wrong = int(((score(snapshots[step], x) > 0) != (y == 1)).sum())
        return f"After {step} steps {wrong} of the {len(y)} points are on the wrong side."

    examples = [{"step": step} for step in dict.fromkeys([0, 5, 10, 20, 40, last]) if step <= last]
    explore(draw, describe, {"step": Slider("Steps of training", 0, last, 0)}, examples)
