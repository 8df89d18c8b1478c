"""
Straight-through estimators: removes from the traced graph what a model computes only for its gradient.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.fx import Graph, Node

TRANSPARENT = frozenset(
    f"aten.{name}.default" for name in ("detach", "alias", "clone", "contiguous", "lift_fresh_copy")
)
DECISIONS = frozenset(
    [
        "aten.sign.default",
        "aten.sgn.default",
        *(f"aten.{name}.{form}" for name in ("ge", "gt", "le", "lt") for form in ("Scalar", "Tensor")),
    ]
)


@dataclass(frozen=True)
class Sum:
    """
    A value as a sum of other values: terms by value number, with their factors. `parts` are the values through which
    the sum was formed. `seen` holds the numbers of all its terms, including those that cancelled.
    """

    terms: Mapping[Any, float]
    parts: tuple[Node, ...] = ()
    seen: frozenset[Any] = frozenset()
    detached: bool = False

    def scaled(self, factor: float) -> Sum:
        """
        Every term times a factor.
        """
        return Sum({k: v * factor for k, v in self.terms.items()}, self.parts, self.seen, self.detached)

    def plus(self, other: Sum) -> Sum:
        """
        The sum of two; terms that cancel disappear.
        """
        terms = dict(self.terms)
        for key, factor in other.terms.items():
            terms[key] = terms.get(key, 0.0) + factor
        return Sum(
            {k: v for k, v in terms.items() if v != 0},
            self.parts + other.parts,
            self.seen | other.seen,
            self.detached or other.detached,
        )


@dataclass
class StraightThrough:
    """
    Numbers the values of a graph (equal values get the same number) and applies the law `(a - b) + b == a`.

    In floats the two sides differ by a rounding. So the law is used only if the sum looks like a gradient trick: one of
    its terms was detached, a is a sign, or b is the operand of a sign or a comparison.
    """

    numbers: dict[Node, int] = field(default_factory=dict[Node, int])
    known: dict[Any, int] = field(default_factory=dict[Any, int])
    sums: dict[Node, Sum] = field(default_factory=dict[Node, Sum])
    decided: set[Any] = field(default_factory=set[Any])

    def run(self, graph: Graph) -> None:
        """
        Rewrites the graph.
        """
        for node in graph.nodes:
            self.number(node)
            self.sums[node] = self.sum_of(node)
            if str(node.target) in DECISIONS:
                self.decided.update(self.numbers[n] for n in node.all_input_nodes)
            equal = self.equal_part(node)
            if equal is not None:
                node.replace_all_uses_with(equal)
                self.numbers[node], self.sums[node] = self.numbers[equal], self.sums[equal]
        graph.eliminate_dead_code()

    def number(self, node: Node) -> None:
        """
        The same operation on the same values is the same value, unless it is random.
        """
        if transparent(node):
            self.numbers[node] = self.numbers[node.all_input_nodes[0]]
            return
        tags = getattr(node.target, "tags", ())
        unique = node.op != "call_function" or torch.Tag.nondeterministic_seeded in tags
        key = node.name if unique else (str(node.target), self.key(node.args), self.key(tuple(node.kwargs.items())))
        self.numbers[node] = self.known.setdefault(key, len(self.known))

    def key(self, argument: Any) -> Any:
        """
        An argument with value numbers in the place of values.
        """
        if isinstance(argument, Node):
            return ("value", self.numbers[argument])
        if isinstance(argument, (tuple, list)):
            return tuple(self.key(a) for a in argument)
        return repr(argument)

    def sum_of(self, node: Node) -> Sum:
        """
        A node as a sum: of the terms of its operands if it adds, else of itself.
        """
        number = self.numbers[node]
        if transparent(node):
            inner = self.operand(node.all_input_nodes[0])
            detached = inner.detached or str(node.target) == "aten.detach.default"
            return Sum(inner.terms, inner.parts, inner.seen, detached)
        match operation(node), node.args:
            case "add", (x, y):
                return self.operand(x).plus(self.operand(y).scaled(alpha(node)))
            case "sub", (x, y):
                return self.operand(x).plus(self.operand(y).scaled(-alpha(node)))
            case "rsub", (x, y):
                return self.operand(y).plus(self.operand(x).scaled(-alpha(node)))
            case "neg", (x,):
                return self.operand(x).scaled(-1.0)
            case "mul", (Node() as x, int() | float() as factor) if factor != 0:
                return self.operand(x).scaled(factor)
            case _:
                return Sum({number: 1.0}, (), frozenset({number}))

    def operand(self, argument: Any) -> Sum:
        """
        The sum of an operand, which may itself be the part that is left.
        """
        if not isinstance(argument, Node):
            return Sum({("number", float(argument)): 1.0})
        inner = self.sums[argument]
        return Sum(inner.terms, (*inner.parts, argument), inner.seen, inner.detached)

    def equal_part(self, node: Node) -> Node | None:
        """
        The part of a sum that equals the whole.
        """
        whole = self.sums[node]
        if operation(node) not in ("add", "sub", "rsub"):
            return None
        for part in whole.parts:
            if same_type(part, node) and self.sums[part].terms == whole.terms and self.is_trick(whole, part):
                return part
        return None

    def is_trick(self, whole: Sum, part: Node) -> bool:
        """
        Whether a sum looks like a straight-through estimator of one of its parts.
        """
        cancelled: Iterable[Any] = whole.seen - whole.terms.keys()
        return whole.detached or str(part.target) in DECISIONS or any(term in self.decided for term in cancelled)


def alpha(node: Node) -> float:
    """
    The factor of the second operand.
    """
    factor = node.kwargs.get("alpha", 1)
    return float(factor) if isinstance(factor, (int, float)) else 1.0


def operation(node: Node) -> str:
    """
    The short name of an arithmetic operation.
    """
    name = str(node.target)
    if node.op != "call_function" or not name.startswith("aten.") or len(node.args) > 2:
        return ""
    return name.split(".")[1] if name.split(".")[2] in ("Tensor", "Scalar", "default") else ""


def value_type(node: Node) -> Any:
    """
    The value that PyTorch recorded for a node: a tensor, or a tuple of tensors.
    """
    return node.meta.get("val")


def is_float(node: Node) -> bool:
    """
    Whether a value is a tensor of floats.
    """
    value = value_type(node)
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def transparent(node: Node) -> bool:
    """
    Whether a node passes on its single operand, like detach and casts between floats.
    """
    if node.op != "call_function" or not node.args or not isinstance(node.args[0], Node):
        return False
    if str(node.target) in TRANSPARENT:
        return True
    return str(node.target) == "aten._to_copy.default" and is_float(node) and is_float(node.args[0])


def same_type(part: Node, whole: Node) -> bool:
    """
    Whether one float tensor can stand for another.
    """
    return is_float(part) and is_float(whole) and value_type(part).shape == value_type(whole).shape
