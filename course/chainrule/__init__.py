"""Chainrule: the package behind the course's notebooks."""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`chainrule.on_gpu()`, found only when asked for: importing chainrule stays quick."""
    if name == "on_gpu":
        from chainrule.device import on_gpu

        return on_gpu
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")
