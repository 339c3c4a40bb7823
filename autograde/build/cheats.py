"""Answers that took no thought, offered to every exercise: all must earn nothing."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from functools import partial

import chainrule

_CONSTANT = "def {symbol}(*args, **kwargs):\n    return {value}\n"
_ECHO = "def {symbol}(*args, **kwargs):\n    return args[0] if args else None\n"
_LOOKUP = """
def {symbol}(*args, **kwargs):
    import json
    from chainrule.answers import load_answers
    from chainrule.observe import freeze, to_json
    text = lambda value: json.dumps(to_json(freeze(value)))
    for exercise in load_answers("{unit}").exercises.values():
        if "{symbol}" in exercise.symbols:
            for case in exercise.public.cases:
                if text(case.args) == text(list(args)):
                    return case.expected
"""


def sources(unit: str) -> Iterator[tuple[str, Callable[[str], str]]]:
    """Each cheat's name, and a function from a symbol to the cell that offers it."""
    for value in ("0", "1", "True", "None"):
        yield f"constant_{value}", partial(_fill, _CONSTANT.replace("{value}", value))
    yield "echo", partial(_fill, _ECHO)
    yield "lookup_table", partial(_fill, _LOOKUP.replace("{unit}", unit))
    for module, name in public_callables():
        source = f"import {module}\n{{symbol}} = {module}.{name}\n"
        yield f"{module}.{name}".replace(".", "_"), partial(_fill, source)


def _fill(template: str, symbol: str) -> str:
    return template.replace("{symbol}", symbol)


def public_callables() -> list[tuple[str, str]]:
    """Every public function and class of the learner's package, as (module, name)."""
    found = []
    for info in pkgutil.walk_packages(chainrule.__path__, "chainrule."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            ours = getattr(value, "__module__", None) == info.name
            if (
                callable(value)
                and ours
                and not name.startswith("_")
                and not inspect.ismodule(value)
            ):
                found.append((info.name, name))
    return sorted(found)
