"""Which names a cell binds and which it needs, read from its text without running it."""

from __future__ import annotations

import ast
import re
import symtable
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

LONG = 10_000  # characters of an unusually long cell
LONGEST_PARSED = 200_000  # characters; the syntax tree of a cell takes a hundred times its text
FILENAME = "<submission>"
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
CHANGES = frozenset(  # methods that change what they are called on
    "add append clear discard extend insert pop remove reverse setdefault sort update".split()
)

# Cell magics whose body runs in the notebook's own namespace.
_RUNS_HERE = re.compile(r"\s*%%(time|timeit|capture|prun|debug|python3?)\b[^\n]*\n?")
_TIMED = re.compile(r"^([ \t]*)%time(it)?[ \t]+(?!-)", re.MULTILINE)
_MAGIC = re.compile(r"^([ \t]*+)([%!?][^\n]*|[^\n#'\"]*\?{1,2}[ \t]*)$", re.MULTILINE)
_CAPTURED = re.compile(r"^([ \t]*+[\w,][\w, \t]*+=)[ \t]*[%!][^\n]*$", re.MULTILINE)
_DEFINED = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
_ASSIGNED = re.compile(r"^(\w+)[ \t]*=(?!=)", re.MULTILINE)

# Python warns about odd code ("\d", `x is 1`); what learners wrote is not ours to warn about.
warnings.filterwarnings("ignore", category=SyntaxWarning, module=re.escape(FILENAME))


@dataclass(frozen=True)
class Names:
    """What a cell does with names at the top level of a notebook.

    bound: names it assigns, imports or defines. defined: those that are functions or classes.
    loaded: global names it reads, inside functions and classes too.
    changed: names whose attributes or items it sets (`Value.__radd__ = ...`, `table.append(1)`).
    star: it has `from somewhere import *`. readable: it is Python.
    """

    bound: frozenset[str] = frozenset()
    defined: frozenset[str] = frozenset()
    loaded: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    star: bool = False
    readable: bool = True


def squeezed(source: str) -> str:
    """The text with all runs of white space made one: equal when two cells say the same."""
    return " ".join(source.split())


def names_of(source: str) -> Names:
    """The names of a cell. Never raises: what can't be parsed is read line by line."""
    return _names_of_long(source) if len(source) > LONG else _names_of_short(source)


# Most cells of a class are the released ones, and each is asked for several times. Two caches, so
# that neither many cells nor long ones can fill the memory.
@lru_cache(maxsize=2048)
def _names_of_short(source: str) -> Names:
    return _names(source)


@lru_cache(maxsize=128)
def _names_of_long(source: str) -> Names:
    return _names(source)


def _names(source: str) -> Names:
    if len(source) <= LONGEST_PARSED:
        for text in (source, plain_python(source)):
            try:
                return _parsed_names(text)
            except UNREADABLE:
                continue
    defined = frozenset(_DEFINED.findall(source))
    return Names(defined | frozenset(_ASSIGNED.findall(source)), defined, readable=False)


def plain_python(source: str) -> str:
    """The text with magics and shell lines taken out, as far as names go.

    IPython's own transformer would do, but it starts over after each magic it finds, and a cell of
    ten thousand `!` lines would keep it busy for minutes.
    """
    if source.lstrip().startswith("%%"):
        runs_here = _RUNS_HERE.match(source)
        if not runs_here:
            return ""  # %%writefile, %%bash, %%html: no Python of this notebook
        source = source[runs_here.end() :]
    source = _TIMED.sub(r"\1", source)
    source = _CAPTURED.sub(r"\1 None", source)
    return _MAGIC.sub(r"\1pass", source)


def _parsed_names(source: str) -> Names:
    top = symtable.symtable(source, FILENAME, "exec")
    tree = ast.parse(source, FILENAME)
    own = top.get_symbols()
    bound = {symbol.get_name() for symbol in own if symbol.is_assigned() or symbol.is_imported()}
    loaded = {symbol.get_name() for symbol in own if symbol.is_referenced()}
    for table in _below(top):
        for symbol in table.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                loaded.add(symbol.get_name())
            if symbol.is_declared_global() and symbol.is_assigned():
                bound.add(symbol.get_name())
    return Names(
        bound=frozenset(bound),
        defined=frozenset(symbol.get_name() for symbol in own if symbol.is_namespace()),
        loaded=frozenset(loaded),
        changed=frozenset(_changed(tree)),
        star="*" in _imported_from(tree),
    )


def _below(top: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    waiting = list(top.get_children())
    while waiting:
        table = waiting.pop()
        yield table
        waiting += table.get_children()


def _changed(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        target: ast.AST | None = None
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            target = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            target = node.func.value if node.func.attr in CHANGES else None
        while isinstance(target, ast.Attribute | ast.Subscript):
            target = target.value
        if isinstance(target, ast.Name):
            yield target.id


def _imported_from(tree: ast.Module) -> set[str]:
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def new_statements(edited: str, released: str) -> list[str]:
    """The imports, definitions and assignments of `edited` that `released` does not have."""
    old = {squeezed(text) for text in _statements(released)}
    return [text for text in _statements(edited) if squeezed(text) not in old]


def _statements(source: str) -> list[str]:
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    if len(source) > LONGEST_PARSED:
        return []
    text = plain_python(source)
    try:
        body = ast.parse(text, FILENAME).body
    except UNREADABLE:
        return []
    lines, found = text.split("\n"), []
    for node in body:
        if isinstance(node, kept):
            decorators = getattr(node, "decorator_list", [])
            first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
            found.append("\n".join(lines[first - 1 : node.end_lineno]))
    return found
