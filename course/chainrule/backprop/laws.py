"""What must be true of a topological order, whichever it is.

A graph with branches has many right orders, so none is compared with ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def topological_order(args: list[Any], kwargs: Mapping[str, Any], observed: Any) -> str | None:
    """None when the list holds every Value of the graph once, each after its parents.

    args: for each Value the numbers of its parents; the Values' data; the number of the result.
    observed: what `chainrule.backprop.probes.topological_order` returns.
    """
    parents, data, root = args
    if observed is None:
        return "you returned None. Does the function end in a return statement?"
    if not isinstance(observed, list):
        return "you returned something other than a list of Values."
    if not observed:
        return "your list is empty."
    if strangers := observed.count(-1):
        are = "are no Values" if strangers > 1 else "is no Value"
        return f"{strangers} of the {len(observed)} things in your list {are} of the graph."
    places: dict[int, int] = {}
    for place, node in enumerate(observed, start=1):
        if node in places:
            return (
                f"the Value that holds {data[node]:g} is in your list twice, at places "
                f"{places[node]} and {place}. How can you know that you have been there?"
            )
        places[node] = place
    reached = ancestors(parents, root)
    if lost := sorted(reached - set(places)):
        held = ", ".join(f"{data[node]:g}" for node in lost)
        ending = " That is the result itself." if lost == [root] else ""
        are, hold = ("are", "they hold") if len(lost) > 1 else ("is", "it holds")
        said = f"{len(lost)} of the {len(reached)} Values {are} not in your list; {hold} {held}."
        return said + ending
    for node, place in places.items():
        for parent in parents[node]:
            if places[parent] > place:
                return (
                    f"the Value that holds {data[node]:g} is at place {place} of your list, before "
                    f"one that it was computed from ({data[parent]:g}, at place {places[parent]})."
                )
    return None


def ancestors(parents: Sequence[Sequence[int]], root: int) -> set[int]:
    """The numbers of all nodes that `root` was computed from, and its own."""
    reached, waiting = {root}, [root]
    while waiting:
        for parent in parents[waiting.pop()]:
            if parent not in reached:
                reached.add(parent)
                waiting.append(parent)
    return reached
