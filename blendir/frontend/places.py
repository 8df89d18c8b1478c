"""
Where the nodes of a traced graph stand in the user's model.
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch.fx import Node

from blendir.frontend.constants import TEMPLATE
from blendir.frontend.straight_through import transparent, value_type
from blendir.frontend.trace import FOREIGN, Traced

Call = tuple[str, str, str]


INTERNAL = ("brevitas.core.", "brevitas.proxy.")
"""
Classes that are parts of a library's layers; their operations belong to the layer.
"""


@dataclass(frozen=True)
class LibraryModule:
    """
    A module of PyTorch's own, by its path and class.
    """

    path: str
    name: str


def calls(node: Node) -> list[Call]:
    """
    The module calls in which a node was made, outermost first: identity, path and class of each.
    """
    stack = cast(dict[str, tuple[str, str]], node.meta.get("nn_module_stack") or {"": ("", "")})
    return [(call, *owner) for call, owner in stack.items() if not owner[1].startswith(INTERNAL)]


def operands(node: Node) -> list[Node]:
    """
    The operands whose values a node uses, without those of which it uses only the shape or type.
    """
    template = TEMPLATE.get(str(node.target))
    pattern = None if template is None else node.args[template]
    return [n for n in node.all_input_nodes if n is not pattern or node.args.count(n) > 1]


def computes(node: Node) -> bool:
    """
    Whether a node computes something. It does not if it passes on its operand or one of several results, or maps each
    bit to a number.
    """
    types = (value_type(n) for n in node.all_input_nodes)
    picks = node.target is operator.getitem or transparent(node)
    return not picks and all(getattr(t, "dtype", None) != torch.bool for t in types)


class Places:
    """
    The module of every node, and the nodes that may carry the module's own path as their layer: the nodes of PyTorch's
    modules, and a node that is the only computation of a user's module (apart from writing bits as numbers).
    """

    def __init__(self, traced: Traced):
        self.node_calls = {node: calls(node) for node in traced.graph.nodes}
        self.outer = {call for stack in self.node_calls.values() for call in stack[:-1]}
        reached = {traced.source}
        self.counts: Counter[Call] = Counter()
        for node in traced.graph.nodes:
            if value_type(node) is not None and not reached.isdisjoint(operands(node)):
                reached.add(node)
                self.counts[self.node_calls[node][-1]] += computes(node)
        self.modules = {self.path(node) for node in reached if self.is_module(node)}

    def results(self) -> list[tuple[str, Node | None]]:
        """
        The path of every call of a module, in order, and the node that is its only result; None if it has several
        results.
        """
        found: dict[Call, list[Node]] = {}
        for node, stack in self.node_calls.items():
            for call in stack:
                leaves = any(call not in self.node_calls.get(user, ()) for user in node.users)
                found.setdefault(call, []).extend([node] if leaves else [])
        return [(call[1], nodes[0] if len(nodes) == 1 else None) for call, nodes in found.items() if call[1]]

    def path(self, node: Node) -> str:
        """
        The path of the innermost module.
        """
        return self.node_calls[node][-1][1]

    def line(self, node: Node) -> str:
        """
        The innermost line of the user's own code that makes a node, ready to follow a text; nothing without one.
        """
        lines = re.findall(r'File "(.+)", line (\d+)', node.meta.get("stack_trace") or "")
        own = [(file, number) for file, number in lines if not file.startswith(("<", *FOREIGN))]
        return f" ({Path(own[-1][0]).name}:{own[-1][1]})" if own else ""

    def library_module(self, node: Node) -> LibraryModule | None:
        """
        The outermost module of PyTorch in which a node was made, not counting containers.
        """
        owners = [(path, kind) for _, path, kind in self.node_calls[node] if kind.startswith("torch.nn.modules.")]
        inside = [(path, kind) for path, kind in owners if not kind.startswith("torch.nn.modules.container.")]
        return LibraryModule(inside[0][0], inside[0][1].rpartition(".")[2]) if inside else None

    def is_module(self, node: Node) -> bool:
        """
        Whether the path of the module names the node.
        """
        call = self.node_calls[node][-1]
        own = call[2].startswith("torch.nn.") or (self.counts[call] == 1 and computes(node))
        return bool(call[1]) and own and call not in self.outer
