"""How an observation is compared: with the solution's, by a law, or by a distribution.

A comparator answers one question, `difference(case, observed)`: what is wrong with this
observation, in a sentence for the learner, or None. It names the learner's own shapes and
numbers; it names an expected number only when told that the case is public.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from chainrule.observe import (
    CHANGED_INPUT,
    NO_ANSWER,
    TOLD,
    Opaque,
    Raised,
    Tensor,
    listed,
    numbers_text,
)

# Relative tolerance by the expected dtype: far above rounding, far below any real mistake.
TOLERANCE = {"float64": 1e-6, "float32": 1e-4, "float16": 1e-2, "bfloat16": 2e-2}
LONG_MESSAGE = 300  # characters of an exception's message; a longer one is cut
REJECT_BELOW = 1e-6  # p-value under which a distribution test fails; one false alarm in a million

Law = Callable[[list[Any], Mapping[str, Any], Any], "str | None"]
Test = Callable[[list[Any], Mapping[str, Any], Any], float]


class Comparator(Protocol):
    def difference(self, case: Any, observed: Any, public: bool = True) -> str | None:
        """What is wrong with `observed`, as a sentence; None when nothing is."""

    def describe(self) -> dict[str, Any]:
        """The JSON form that `comparator` reads back."""


@dataclass(frozen=True)
class Close:
    """Equal to the solution's observation: structure, shape, dtype, gradient and values.

    rtol: relative tolerance, by default from the expected dtype (`TOLERANCE`).
    exact_dtype: when true, float32 for float64 or int for float is a difference.
    """

    rtol: float | None = None
    exact_dtype: bool = False

    def difference(self, case: Any, observed: Any, public: bool = True) -> str | None:
        try:
            return self.between(case.expected, observed, public) or None
        except (ArithmeticError, TypeError, ValueError):  # an integer that no float can hold
            return f"you returned {describe(observed)}, which can't be compared."

    def between(self, expected: Any, observed: Any, public: bool = True, where: str = "") -> str:
        """The first difference between two observations, or "" when they agree."""
        place = place_of(where)
        if isinstance(expected, Raised):
            return place + expect_raised(expected, observed)
        if isinstance(observed, Raised):
            return place + raised_message(observed)
        if isinstance(expected, dict):
            return self._between_dicts(expected, observed, public, where)
        if isinstance(expected, list):
            return self._between_lists(expected, observed, public, where)
        if is_numeric(expected):
            return self._between_numbers(expected, observed, public, place)
        if type(expected) is not type(observed):
            return f"{place}you returned {describe(observed)}; {describe(expected)} is expected."
        if expected != observed:
            return place + yours_is(expected, observed, public)
        return ""

    def _between_dicts(self, expected: dict, observed: Any, public: bool, where: str) -> str:
        if not isinstance(observed, dict):
            return f"you returned {describe(observed)}; a dict with {sorted(expected)} is expected."
        if "returned" in observed.keys() - expected:
            return other_kind(observed, list(expected))
        missing, extra = sorted(expected.keys() - observed), sorted(observed.keys() - expected)
        if missing or extra:
            said = [f"missing: {', '.join(missing)}"] * bool(missing)
            said += [f"not expected: {', '.join(extra)}"] * bool(extra)
            return f"{place_of(where)}the names differ; {'; '.join(said)}."
        for key, value in expected.items():
            path = f"{where}, {key}" if where else key
            if said_inside := self.between(value, observed[key], public, path):
                return said_inside
        return ""

    def _between_lists(self, expected: list, observed: Any, public: bool, where: str) -> str:
        place = place_of(where)
        if isinstance(observed, np.ndarray) and observed.ndim and all(map(is_number, expected)):
            observed = list(observed)  # an array where a list of numbers is expected is fine
        wanted = f"{describe(expected)} {'is' if len(expected) == 1 else 'are'} expected"
        if not isinstance(observed, list):
            return (
                f"{place}you returned {describe(observed)}; {wanted}. "
                "Is everything in the return statement?"
            )
        if are_whole(expected) and are_whole(observed) and expected != observed:
            return place + yours_is(expected, observed, public)  # a shape, or a few counts
        if len(expected) != len(observed):
            had = f"there {'is' if len(observed) == 1 else 'are'}" if where else "you returned"
            return f"{place}{had} {counted(len(observed), 'value')}; {wanted}."
        for number, (value, seen) in enumerate(zip(expected, observed, strict=True), start=1):
            path = f"{where}, " if where else "value "
            path += f"{'number ' if where else ''}{number} of {len(expected)}"
            if said := self.between(value, seen, public, path):
                return said
        return ""

    def _between_numbers(self, expected: Any, observed: Any, public: bool, place: str) -> str:
        if observed is None:
            return f"{place}you returned None. Does every path end in a return statement?"
        if not is_numeric(observed):
            return f"{place}you returned {describe(observed)}; {describe(expected)} is expected."
        if isinstance(expected, Tensor) and not isinstance(observed, Tensor):
            return f"{place}you returned {describe(observed)}; a torch tensor is expected."
        want, have = values_of(expected), values_of(observed)
        if want.shape != have.shape:
            return place + shape_message(want.shape, have.shape)
        if said := self._between_dtypes(expected, observed):
            return place + said
        if isinstance(expected, Tensor) and isinstance(observed, Tensor):
            if expected.device != observed.device:
                return (
                    f"{place}your result is on {observed.device}, its inputs were on "
                    f"{expected.device}. Create new tensors with device=x.device."
                )
        if said := finite_message(want, have):
            return place + said
        if isinstance(expected, Tensor) and isinstance(observed, Tensor):
            if expected.gradient and not observed.gradient:
                return (
                    f"{place}no gradient flows through your result. "
                    "Did .detach(), .item() or .numpy() cut the graph?"
                )
        return self._between_values(want, have, expected, observed, public, place)

    def _between_dtypes(self, expected: Any, observed: Any) -> str:
        want, have = dtype_name(expected), dtype_name(observed)
        if have.startswith("complex") and not want.startswith("complex"):
            return f"your numbers are {have}; real numbers are expected."
        if have == "bool" and want.startswith("float"):
            return (
                "your result holds True and False; numbers are expected. "
                "NumPy can't subtract booleans: would .astype(float) help?"
            )
        if self.exact_dtype and want != have:
            return f"your dtype is {have}; {want} is expected."
        return ""

    def _between_values(
        self, want: Any, have: Any, expected: Any, observed: Any, public: bool, place: str
    ) -> str:
        rtol = self.rtol if self.rtol is not None else TOLERANCE.get(dtype_name(expected), 1e-9)
        if self.rtol is None and dtype_name(observed) == "float32":
            rtol = max(rtol, TOLERANCE["float32"])
        wrong = ~within(want, have, rtol)
        if not wrong.any():
            return ""
        if want.size == 1:
            return place + yours_is(want.item(), have.item(), public)
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        wanted = f", expected {numbers_text(want[index].item())}" if public else ""
        differ = "differ; the first at" if wrong.sum() > 1 else "differs, the one at"
        at = ", ".join(map(str, index))
        return (
            f"{place}{int(wrong.sum())} of {want.size} numbers {differ} [{at}]: "
            f"yours is {numbers_text(have[index].item())}{wanted}."
        )

    def describe(self) -> dict[str, Any]:
        return {"kind": "close", "rtol": self.rtol, "exact_dtype": self.exact_dtype}


@dataclass(frozen=True)
class ByLaw:
    """Right when a law holds: `law(args, kwargs, observed)` returns None, or says what breaks."""

    law: Law

    def difference(self, case: Any, observed: Any, public: bool = True) -> str | None:
        if isinstance(observed, Raised):
            return raised_message(observed)
        try:
            return self.law(case.args, case.kwargs, observed)
        except Exception:
            # The law met a structure it can't even read, so the observation breaks it.
            return f"you returned {describe(observed)}, which is not what the docstring promises."

    def describe(self) -> dict[str, Any]:
        return {"kind": "law", "law": name_of(self.law)}


@dataclass(frozen=True)
class ByDistribution:
    """Right unless a statistical test of the observed draws gives p < 1e-6."""

    test: Test

    def difference(self, case: Any, observed: Any, public: bool = True) -> str | None:
        if isinstance(observed, Raised):
            return raised_message(observed)
        try:
            p = float(self.test(case.args, case.kwargs, observed))
        except Exception:
            return f"you returned {describe(observed)}, which is not what the docstring promises."
        if p >= REJECT_BELOW:
            return None
        return f"Draws like yours come from the right distribution once in {1 / max(p, 1e-12):.0e}."

    def describe(self) -> dict[str, Any]:
        return {"kind": "distribution", "test": name_of(self.test)}


def comparator(description: Mapping[str, Any]) -> Comparator:
    """The comparator that `describe` described. Raises ValueError for an unknown kind."""
    kind = description.get("kind")
    if kind == "close":
        return Close(description["rtol"], description["exact_dtype"])
    if kind == "law":
        return ByLaw(named(description["law"]))
    if kind == "distribution":
        return ByDistribution(named(description["test"]))
    raise ValueError(f"an unknown comparator: {kind!r}")


def name_of(function: Callable[..., Any]) -> str:
    """`module:function`, the form in which answers.json names a law."""
    if not function.__module__.startswith("chainrule."):
        raise ValueError(
            f"{function.__qualname__} is in {function.__module__}; put it in "
            "chainrule.<unit>.laws, so that learners have it too"
        )
    return f"{function.__module__}:{function.__qualname__}"


def named(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    if not module.startswith("chainrule."):
        raise ValueError(f"a law outside chainrule: {name!r}")
    return getattr(importlib.import_module(module), function)


# --- the parts of a comparison -----------------------------------------------------------------


def is_numeric(value: Any) -> bool:
    return isinstance(value, (bool, int, float, complex, np.ndarray, Tensor))


def is_number(value: Any) -> bool:
    return is_numeric(value) and values_of(value).shape == ()


def values_of(value: Any) -> np.ndarray:
    return value.values if isinstance(value, Tensor) else np.asarray(value)


def dtype_name(value: Any) -> str:
    return value.dtype if isinstance(value, Tensor) else str(values_of(value).dtype)


def describe(value: Any) -> str:
    """What a value is, in words: "an array of shape (5,)", "the string 'yes'", "None"."""
    if isinstance(value, Opaque):
        return value.type if " " in value.type else f"a value of type {value.type}"
    if isinstance(value, Tensor):
        return f"a tensor of shape {value.values.shape}"
    if isinstance(value, np.ndarray):
        return "a number" if value.shape == () else f"an array of shape {value.shape}"
    if isinstance(value, list):
        return counted(len(value), "value") if len(value) != 1 else "a list of one value"
    if isinstance(value, dict):
        return "a dict"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float, complex)):
        return "a number"
    if value is None:
        return "None"
    return f"the {'string' if isinstance(value, str) else 'bytes'} {numbers_text(value, 40)}"


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def are_whole(values: list[Any]) -> bool:
    """Whether these are a few whole numbers, which say more together than one by one."""
    return len(values) <= 6 and all(type(value) is int for value in values)


def yours_is(expected: Any, observed: Any, public: bool) -> str:
    """The learner's value beside the expected one, which only a public case may show."""
    wanted = f"; expected {numbers_text(expected)}" if public else ""
    return f"yours is {numbers_text(observed)}{wanted}."


def place_of(where: str) -> str:
    """The beginning of a sentence about a part: "Train mode afterwards: " or "In grad_x: "."""
    if not where:
        return ""
    return f"{where}: " if " " in where.split(",")[0] else f"In {where}: "


def other_kind(observed: dict[str, Any], names: list[str]) -> str:
    """What was returned is not what a probe could use; `chainrule.observe.named` says so."""
    wanted = observed.get("wanted") or listed(names)
    return f"you returned {describe(observed['returned'])} instead of {wanted}."


def raised_message(raised: Raised) -> str:
    at = f" At the line: {raised.line}" if raised.line else ""
    if raised.type in (NO_ANSWER, CHANGED_INPUT, TOLD):
        return raised.message + at
    said = raised.message
    if len(said) > LONG_MESSAGE:  # a wall of text: its first sentence is what went wrong
        said = re.split(r"(?<=[.!?])\s|\n", said.strip(), maxsplit=1)[0]
    said = f": {said.rstrip('.')}" if said else ""
    return f"your code raised {raised.type}{said}.{at}"


def expect_raised(expected: Raised, observed: Any) -> str:
    if not isinstance(observed, Raised):
        return f"you returned {describe(observed)}; {expected.type} should be raised here."
    if observed.type != expected.type:
        return f"your code raised {observed.type}; {expected.type} should be raised here."
    return ""


def shape_message(want: tuple[int, ...], have: tuple[int, ...]) -> str:
    if want == ():
        return (
            f"your result has shape {have}; one number is expected. Was a sum or a mean left out?"
        )
    if have == ():
        return f"your result is one number; an array of shape {want} is expected."
    said = f"your result has shape {have}, expected {want}."
    if have == want[::-1]:
        return said + " Those are the right sizes in the wrong order: is a transpose missing?"
    if len(have) == 2 and len(want) == 1 and have[0] == have[1] == want[0]:
        return said + " A column with a row broadcasts to a matrix: which of the two is 2-D?"
    if tuple(n for n in have if n != 1) == want:
        return said + " There is an axis of length 1 too many: is keepdims needed here?"
    if have == tuple(n for n in want if n != 1):
        return said + " An axis of length 1 is missing: would keepdims=True keep it?"
    return said


def finite_message(want: np.ndarray, have: np.ndarray) -> str:
    if want.dtype.kind not in "fc" or have.dtype.kind not in "fc":
        return ""
    if nans := int((np.isnan(have) & ~np.isnan(want)).sum()):
        return (
            f"{_of_your_numbers(nans, have.size)} nan. nan comes from "
            "0 * infinity, infinity / infinity, or log of a negative number: which is it here?"
        )
    if infinite := int((np.isinf(have) & np.isfinite(want)).sum()):
        return (
            f"{_of_your_numbers(infinite, have.size)} infinite. Infinity comes "
            "from exp of a large number, log(0), or a division by 0: which is it here?"
        )
    return ""


def _of_your_numbers(some: int, size: int) -> str:
    if size == 1:
        return "your number is"
    return f"{some} of your {size} numbers {'are' if some > 1 else 'is'}"


def within(want: np.ndarray, have: np.ndarray, rtol: float) -> np.ndarray:
    """Elementwise closeness. The absolute part follows the largest expected magnitude."""
    finite = np.abs(want[np.isfinite(want)]) if want.size else np.zeros(1)
    scale = float(finite.max()) if finite.size else 0.0
    with np.errstate(all="ignore"):
        close = np.isclose(have, want, rtol=rtol, atol=rtol * scale * 0.1 + 1e-12, equal_nan=True)
    return np.asarray(close)
