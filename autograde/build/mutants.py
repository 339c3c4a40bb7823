"""Small wrong edits of a solution: a check that can't tell them apart does not grade.

Operators, comparisons, constants, axes and dropped terms, one edit each (mutation testing:
DeMillo, Lipton and Sayward, 1978). At most 60 an exercise, chosen with a seed.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

AT_MOST = 60

_BINARY: dict[type[cst.BaseBinaryOp], type[cst.BaseBinaryOp]] = {
    cst.Add: cst.Subtract,
    cst.Subtract: cst.Add,
    cst.Multiply: cst.Divide,
    cst.Divide: cst.Multiply,
    cst.Power: cst.Multiply,
    cst.FloorDivide: cst.Multiply,
    cst.Modulo: cst.Multiply,
}
_AUGMENTED: dict[type[cst.BaseAugOp], type[cst.BaseAugOp]] = {
    cst.AddAssign: cst.SubtractAssign,
    cst.SubtractAssign: cst.AddAssign,
    cst.MultiplyAssign: cst.DivideAssign,
    cst.DivideAssign: cst.MultiplyAssign,
}
_COMPARED: dict[type[cst.BaseCompOp], type[cst.BaseCompOp]] = {
    cst.LessThan: cst.LessThanEqual,
    cst.LessThanEqual: cst.LessThan,
    cst.GreaterThan: cst.GreaterThanEqual,
    cst.GreaterThanEqual: cst.GreaterThan,
    cst.Equal: cst.NotEqual,
    cst.NotEqual: cst.Equal,
}
_COMMUTATIVE = ("maximum", "minimum", "add", "multiply", "logical_and", "logical_or", "isclose")
_TURNED: dict[type[cst.BaseCompOp], type[cst.BaseCompOp]] = {
    cst.LessThan: cst.GreaterThan,
    cst.LessThanEqual: cst.GreaterThanEqual,
    cst.GreaterThan: cst.LessThan,
    cst.GreaterThanEqual: cst.LessThanEqual,
}


@dataclass(frozen=True)
class Mutant:
    """One edit: the fragment before and after, the line it is on, and the whole cell."""

    before: str
    after: str
    line: int
    source: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.before} -> {self.after}"


def mutants(solution: str, exercise: str) -> list[Mutant]:
    """At most 60 mutants of a solution cell, the same ones every time."""
    found = list({mutant.source: mutant for mutant in all_mutants(solution)}.values())
    if len(found) > AT_MOST:
        chosen = random.Random(zlib.crc32(exercise.encode())).sample(range(len(found)), AT_MOST)
        found = [found[number] for number in sorted(chosen)]
    return found


def all_mutants(solution: str) -> Iterator[Mutant]:
    wrapper = MetadataWrapper(cst.parse_module(solution))
    positions = wrapper.resolve(PositionProvider)
    skipped = _annotations_and_docstrings(wrapper.module)
    for node in _walk(wrapper.module, skipped):
        for after in edits(node):
            changed = wrapper.module.deep_replace(node, after)
            assert isinstance(changed, cst.Module)
            if changed.code != solution:
                code = wrapper.module.code_for_node
                line = positions[node].start.line
                yield Mutant(code(node), code(after), line, changed.code)


def _walk(node: cst.CSTNode, skipped: set[cst.CSTNode]) -> Iterator[cst.CSTNode]:
    if node in skipped:
        return
    yield node
    for child in node.children:
        yield from _walk(child, skipped)


def _annotations_and_docstrings(module: cst.Module) -> set[cst.CSTNode]:
    class Collect(cst.CSTVisitor):
        def __init__(self) -> None:
            self.nodes: set[cst.CSTNode] = set()

        def visit_Annotation(self, node: cst.Annotation) -> None:
            self.nodes.add(node)

        def visit_Expr(self, node: cst.Expr) -> None:
            if isinstance(node.value, (cst.SimpleString, cst.ConcatenatedString)):
                self.nodes.add(node)

        def visit_Raise(self, node: cst.Raise) -> None:
            self.nodes.add(node)  # the wording of an error is not what is graded

    collect = Collect()
    module.visit(collect)
    return collect.nodes


def edits(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Every edit of one node."""
    if isinstance(node, cst.BinaryOperation):
        other = _BINARY.get(type(node.operator))
        if other:
            yield node.with_changes(operator=other())
        if isinstance(node.operator, (cst.Add, cst.Subtract)):
            yield _with_parentheses_of(node, node.left)  # a dropped term
            yield _with_parentheses_of(node, node.right)
        if isinstance(node.operator, cst.MatrixMultiply):
            yield node.with_changes(left=node.right, right=node.left)
    elif isinstance(node, cst.AugAssign) and type(node.operator) in _AUGMENTED:
        yield node.with_changes(operator=_AUGMENTED[type(node.operator)]())
        yield cst.Assign([cst.AssignTarget(node.target)], node.value)  # = where += belongs
    elif isinstance(node, cst.ComparisonTarget) and type(node.operator) in _COMPARED:
        yield node.with_changes(operator=_COMPARED[type(node.operator)]())
        if type(node.operator) in _TURNED:
            yield node.with_changes(operator=_TURNED[type(node.operator)]())
    elif isinstance(node, cst.Slice):
        yield node.with_changes(lower=node.upper, upper=node.lower)
    elif isinstance(node, cst.UnaryOperation) and isinstance(node.operator, (cst.Minus, cst.Not)):
        yield _with_parentheses_of(node, node.expression)
    elif isinstance(node, cst.Integer):
        yield cst.Integer(str(node.evaluated_value + 1))
        if node.evaluated_value:
            yield cst.Integer("0")
    elif isinstance(node, cst.Float):
        yield cst.Float(repr(node.evaluated_value * 2 + 0.5))
    elif isinstance(node, cst.Name) and node.value in ("True", "False"):
        yield cst.Name("False" if node.value == "True" else "True")
    elif isinstance(node, cst.BooleanOperation):
        other_op = cst.Or() if isinstance(node.operator, cst.And) else cst.And()
        yield node.with_changes(operator=other_op)
    elif isinstance(node, cst.Call):
        yield from _call_edits(node)


def _name(function: cst.BaseExpression) -> str:
    return function.attr.value if isinstance(function, cst.Attribute) else ""


def _call_edits(node: cst.Call) -> Iterator[cst.CSTNode]:
    for number, argument in enumerate(node.args):
        if argument.keyword and argument.keyword.value in ("axis", "dim", "keepdims", "ddof"):
            rest = [a for i, a in enumerate(node.args) if i != number]
            if rest:
                rest[-1] = rest[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
            yield node.with_changes(args=rest)  # a forgotten axis
    positional = [argument for argument in node.args if not argument.keyword and not argument.star]
    if len(positional) >= 1:
        yield _with_parentheses_of(node, positional[0].value)  # a dropped function
    if len(positional) >= 2 and _name(node.func) not in _COMMUTATIVE:
        first, second, *rest = node.args
        swapped = [first.with_changes(value=second.value), second.with_changes(value=first.value)]
        yield node.with_changes(args=[*swapped, *rest])
    swaps = {"sum": "mean", "mean": "sum", "maximum": "minimum", "minimum": "maximum"}
    swaps |= {"max": "min", "min": "max", "argmax": "argmin", "zeros": "ones", "ones": "zeros"}
    if isinstance(node.func, cst.Attribute) and node.func.attr.value in swaps:
        attribute = cst.Name(swaps[node.func.attr.value])
        yield node.with_changes(func=node.func.with_changes(attr=attribute))


def _with_parentheses_of(node: cst.CSTNode, part: cst.BaseExpression) -> cst.CSTNode:
    """`part` in the place of `node`, in brackets, so that the rest still binds as it did."""
    if part.lpar or isinstance(part, (cst.Name, cst.Integer, cst.Float, cst.Call, cst.Attribute)):
        return part.deep_clone()
    return part.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
