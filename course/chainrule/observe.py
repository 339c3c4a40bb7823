"""What an observation is, and how it travels.

A probe calls what a learner wrote and returns what came back. That is frozen into a closed
format: None, booleans, numbers, strings, bytes, NumPy arrays, `Tensor`, lists, dicts with string
keys, `Raised` (an exception) and `Opaque` (anything else, by type name). Observations travel as
msgpack with typed extensions, never as pickle, so that reading one can run no code.
"""

from __future__ import annotations

import linecache
import math
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

MAX_BYTES = 16 * 1024 * 1024  # of one packed observation
MAX_DEPTH = 16  # of nested lists and dicts
MAX_ITEMS = 100_000  # of one observation, arrays counted as one, a dict's keys too
MAX_TEXT = 100_000  # characters of one string
MAX_DIMENSIONS = 8
MAX_FIELDS = 16  # of one extension: at most six, and a shape
OURS = os.path.dirname(__file__)  # lines of this package are not the learner's
NUMERIC_KINDS = "biufc"
# Types of a `Raised` that the learner's code did not raise; its message is the whole sentence.
NO_ANSWER = "NoAnswer"  # it crashed, or took too long
CHANGED_INPUT = "ChangedInput"
TOLD = "Told"  # a probe says what it could not use
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # of a terminal, in a library's messages
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of an object: another one each time
_DTYPE = re.compile(r"[<>|=]?[biufc][0-9]{1,2}")

_ARRAY, _TENSOR, _RAISED, _OPAQUE, _INTEGER, _COMPLEX = 1, 2, 3, 4, 5, 6


@dataclass(frozen=True)
class Raised:
    """An exception that the learner's code raised: its type's name and message, and the line
    and the function (`MLP.forward`) that it came from."""

    type: str
    message: str
    line: str = ""
    function: str = ""


@dataclass(frozen=True)
class Opaque:
    """A value outside the closed format, known only by the name of its type."""

    type: str


@dataclass(frozen=True, eq=False)
class Tensor:
    """A torch tensor: its values, its dtype's name, its device and whether gradients flow."""

    values: np.ndarray
    dtype: str
    device: str
    gradient: bool


def observe(
    probe: Callable[..., Any] | None, work: Any, args: list[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Call `probe(work, *args, **kwargs)`, or `work(*args, **kwargs)` without a probe.

    Returns the frozen result; an exception becomes `Raised`, and so does, without a probe, a
    change of the inputs. KeyboardInterrupt passes, so that a learner can stop a check.
    """
    try:
        return freeze(probe(work, *args, **kwargs)) if probe else _call(work, args, kwargs)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return freeze_error(error)


def _call(work: Any, args: list[Any], kwargs: Mapping[str, Any]) -> Any:
    given = {f"argument {number}": value for number, value in enumerate(args, start=1)}
    given |= {f"`{name}`": value for name, value in kwargs.items()}
    before = {name: pack(freeze(value)) for name, value in given.items()}
    result = freeze(work(*args, **kwargs))
    for name, value in given.items():
        if pack(freeze(value)) != before[name]:
            return Raised(
                CHANGED_INPUT,
                f"your function changes its input ({name}), which its caller still needs. "
                "Work on a copy, or write the result into a new array.",
            )
    return result


def named(result: Any, names: list[str]) -> dict[str, Any]:
    """Returned values by name, for a probe; whatever is not that many values, as it was returned.

    The comparator then says: "You returned a number instead of loss and accuracy."
    """
    if isinstance(result, (tuple, list)) and len(result) == len(names):
        return dict(zip(names, result, strict=True))
    return {"returned": result, "wanted": listed(names)}


def listed(names: list[str]) -> str:
    """a, b and c"""
    return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + names[-1:])


def freeze_error(error: BaseException) -> Raised:
    """The closed form of an exception, with the innermost place that is not a library's."""
    line = function = ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if "site-packages" not in code.co_filename and OURS not in code.co_filename:
            line = linecache.getline(code.co_filename, number, frame.f_globals).strip()
            function = code.co_qualname
    try:
        message = str(error)
    except Exception:
        message = "(its message could not be printed)"
    message = _ADDRESS.sub("", _COLOURS.sub("", message))
    return Raised(type(error).__name__, message[:1000], line[:200], function[:200])


def freeze(value: Any, depth: int = 0) -> Any:
    """The observation of any Python value; arrays are copied, so later changes don't reach it."""
    if depth > MAX_DEPTH:
        return Opaque("a structure nested too deep")
    if value is None or type(value) in (bool, int, float, complex, str, bytes):
        return value
    if isinstance(value, (Raised, Opaque, Tensor)):
        return value
    if isinstance(value, np.ndarray):
        return freeze_array(value)
    if isinstance(value, np.generic):
        return freeze_array(np.asarray(value))
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return freeze_tensor(value)
    if isinstance(value, (list, tuple)):
        return [freeze(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {str(key): freeze(item, depth + 1) for key, item in value.items()}
    return Opaque(type(value).__name__)


def freeze_array(array: np.ndarray) -> Any:
    if array.dtype.kind not in NUMERIC_KINDS or array.dtype.itemsize > 16:
        return Opaque(f"an array of {array.dtype}")
    return np.array(array, order="C", copy=True, subok=False)


def freeze_tensor(tensor: Any) -> Tensor:
    detached = tensor.detach().cpu()
    dtype = str(tensor.dtype).removeprefix("torch.")
    try:
        values = np.array(detached.numpy(), order="C")
    except TypeError:  # NumPy has no bfloat16
        values = np.array(detached.float().numpy(), order="C")
    return Tensor(values, dtype, str(tensor.device), bool(tensor.requires_grad))


# --- msgpack ---------------------------------------------------------------------------------


def pack(observation: Any) -> bytes:
    """The bytes of an observation. Raises ValueError when it is over the limits."""
    try:
        data = msgpack.packb(observation, default=_extension, strict_types=True)
    except (TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"this can't travel as an observation: {error}") from None
    if len(data) > MAX_BYTES:
        raise ValueError(f"the answer is {len(data):,} bytes; the limit is {MAX_BYTES:,}")
    return data


def _extension(value: Any) -> Any:
    def ext(code: int, *fields: Any) -> msgpack.ExtType:
        return msgpack.ExtType(code, msgpack.packb(list(fields)))

    if isinstance(value, np.ndarray):
        return ext(_ARRAY, value.dtype.str, list(value.shape), value.tobytes())
    if isinstance(value, Tensor):
        array = value.values
        fields = (array.dtype.str, list(array.shape), array.tobytes())
        return ext(_TENSOR, *fields, value.dtype, value.device, value.gradient)
    if isinstance(value, Raised):
        return ext(_RAISED, value.type, value.message, value.line, value.function)
    if isinstance(value, Opaque):
        return ext(_OPAQUE, value.type)
    if isinstance(value, int):  # larger than 64 bits
        if value.bit_length() > 4096:
            raise ValueError("an integer of more than 4096 bits can't travel")
        return ext(_INTEGER, hex(value))
    if isinstance(value, complex):
        return ext(_COMPLEX, value.real, value.imag)
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} is outside the closed format")


def unpack(data: bytes) -> Any:
    """The observation in `data`. Raises ValueError for anything malformed or over the limits."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"the answer is {len(data):,} bytes; the limit is {MAX_BYTES:,}")
    _check_shape(data, MAX_ITEMS)
    try:
        value = msgpack.unpackb(
            data,
            ext_hook=_from_extension,
            strict_map_key=True,
            max_str_len=MAX_TEXT * 4,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
            max_bin_len=MAX_BYTES,
            max_ext_len=MAX_BYTES,
        )
    except ValueError:
        raise
    except (TypeError, RecursionError, MemoryError, msgpack.UnpackException) as error:
        raise ValueError(f"not an observation: {error}") from None
    _check_limits(value, [MAX_ITEMS])
    return value


# The first byte of a msgpack value: for a value whose length follows it, what it is and how many
# bytes that length has; for one of a fixed size, that size.
_SIZED = {0xC4: "bytes 1", 0xC5: "bytes 2", 0xC6: "bytes 4"}
_SIZED |= {0xC7: "extension 1", 0xC8: "extension 2", 0xC9: "extension 4"}
_SIZED |= {0xD9: "bytes 1", 0xDA: "bytes 2", 0xDB: "bytes 4"}
_SIZED |= {0xDC: "list 2", 0xDD: "list 4", 0xDE: "dict 2", 0xDF: "dict 4"}
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_FIXED |= {0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}


def _check_shape(data: bytes, most: int) -> None:
    """Count the values in `data` and their depth without making any of them.

    An empty dict is one byte here and 64 in memory, so this comes before reading. Raises ValueError
    when there are more than `most`, or they are nested too deep.
    """
    place, count = 0, 0
    open_parts = [1]  # how many values are still to come, at each depth
    while open_parts:
        if open_parts[-1] == 0:
            open_parts.pop()
            continue
        open_parts[-1] -= 1
        count += 1
        if count > most or len(open_parts) > MAX_DEPTH + 2 or place >= len(data):
            raise ValueError("the answer has too many parts, is nested too deep, or breaks off")
        size, parts = _header(data, place)
        place += size
        if parts:
            open_parts.append(parts)


def _header(data: bytes, place: int) -> tuple[int, int]:
    """Of the value that begins at `place`: its bytes without its parts, and how many parts."""
    first = data[place]
    if 0x80 <= first <= 0x8F:
        return 1, 2 * (first & 0x0F)
    if 0x90 <= first <= 0x9F:
        return 1, first & 0x0F
    if 0xA0 <= first <= 0xBF:
        return 1 + (first & 0x1F), 0
    if first not in _SIZED:
        return 1 + _FIXED.get(first, 0), 0
    kind, width = _SIZED[first].split()
    after = place + 1 + int(width)
    length = int.from_bytes(data[place + 1 : after], "big")
    if kind in ("list", "dict"):
        return after - place, length * (2 if kind == "dict" else 1)
    return after - place + length + (kind == "extension"), 0


def _from_extension(code: int, data: bytes) -> Any:
    _check_shape(data, MAX_FIELDS)
    fields = msgpack.unpackb(data, max_bin_len=MAX_BYTES, max_ext_len=0)
    kinds: dict[int, tuple[type, ...]] = {
        _ARRAY: (str, list, bytes),
        _TENSOR: (str, list, bytes, str, str, bool),
        _RAISED: (str, str, str, str),
        _OPAQUE: (str,),
        _INTEGER: (str,),
        _COMPLEX: (float, float),
    }
    expected = kinds.get(code)
    if expected is None or not isinstance(fields, list) or len(fields) != len(expected):
        raise ValueError("not an observation: an unknown extension")
    if not all(type(field) is kind for field, kind in zip(fields, expected, strict=True)):
        raise ValueError("not an observation: an extension with fields of the wrong type")
    if code == _ARRAY:
        return _array(*fields)
    if code == _TENSOR:
        return Tensor(_array(*fields[:3]), *fields[3:])
    if code == _INTEGER:
        if len(fields[0]) > 1100:
            raise ValueError("not an observation: an integer of more than 4096 bits")
        return int(fields[0], 16)
    if code == _COMPLEX:
        return complex(*fields)
    return Raised(*fields) if code == _RAISED else Opaque(*fields)


def _array(dtype: str, shape: list[Any], data: bytes) -> np.ndarray:
    if not _DTYPE.fullmatch(dtype):
        raise ValueError(f"not an observation: dtype {dtype!r}")
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and 0 <= n < 2**31 for n in shape):
        raise ValueError("not an observation: an impossible shape")
    try:
        kind = np.dtype(dtype)
    except TypeError:
        raise ValueError(f"not an observation: dtype {dtype!r}") from None
    if math.prod(shape) * kind.itemsize != len(data):
        raise ValueError("not an observation: an array's shape and bytes disagree")
    return np.frombuffer(data, kind).reshape(shape).copy()  # a case must be writable


def _check_limits(value: Any, budget: list[int], depth: int = 0) -> None:
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH + 1:
        raise ValueError("the answer has too many parts or is nested too deep")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError("not an observation: a dict with a key that is no string")
            _check_limits(item, budget, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_limits(item, budget, depth + 1)
    elif isinstance(value, str) and len(value) > MAX_TEXT:
        raise ValueError(f"the answer holds a text of over {MAX_TEXT:,} characters")
    elif isinstance(value, msgpack.Timestamp):
        raise ValueError("not an observation: a timestamp")


# --- JSON, for answers.json ------------------------------------------------------------------


def to_json(value: Any) -> Any:
    """A JSON-ready form of an observation: exact, readable, and the same on every machine."""
    if isinstance(value, np.ndarray):
        flat = [_number_to_json(item) for item in value.ravel().tolist()]
        return {"$array": flat, "dtype": value.dtype.str, "shape": list(value.shape)}
    if isinstance(value, Tensor):
        fields = {"dtype": value.dtype, "device": value.device, "gradient": value.gradient}
        return {"$tensor": to_json(value.values), **fields}
    if isinstance(value, Raised):
        where = {"line": value.line, "function": value.function}
        return {"$raised": value.type, "message": value.message, **where}
    if isinstance(value, Opaque):
        return {"$opaque": value.type}
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {"$dict": {key: to_json(item) for key, item in value.items()}}
    return _number_to_json(value)


def _number_to_json(value: Any) -> Any:
    """JSON has no NaN, infinity or complex number; they are written as tagged strings."""
    if isinstance(value, complex):
        return {"$complex": [_number_to_json(value.real), _number_to_json(value.imag)]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    return value


def from_json(value: Any) -> Any:
    """The observation that `to_json` wrote. Raises ValueError or KeyError when it is damaged."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        flat = [from_json(item) for item in value["$array"]]
        return np.array(flat, dtype=np.dtype(value["dtype"])).reshape(value["shape"])
    if "$tensor" in value:
        values = from_json(value["$tensor"])
        return Tensor(values, value["dtype"], value["device"], value["gradient"])
    if "$raised" in value:
        return Raised(value["$raised"], value["message"], value["line"], value["function"])
    if "$opaque" in value:
        return Opaque(value["$opaque"])
    if "$bytes" in value:
        return bytes.fromhex(value["$bytes"])
    if "$complex" in value:
        return complex(*(from_json(part) for part in value["$complex"]))
    if "$float" in value:
        return float(value["$float"])
    if "$dict" in value:
        return {key: from_json(item) for key, item in value["$dict"].items()}
    raise ValueError(f"an unknown kind of observation: {sorted(value)[:3]}")


def numbers_text(value: Any, limit: int = 80) -> str:
    """A short, readable form of an observation's numbers, for messages."""
    if isinstance(value, Tensor):
        value = value.values
    if isinstance(value, np.ndarray):
        text = np.array2string(value, precision=4, threshold=12, edgeitems=3, separator=", ")
        text = " ".join(text.split())
    elif isinstance(value, float):
        text = f"{value or 0.0:.6g}"  # no minus zero
    else:
        text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
