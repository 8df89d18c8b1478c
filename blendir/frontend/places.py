"""
Where the nodes of a traced graph stand in the user's model.
"""

from __future__ import annotations

import operator
from collections import Counter
from typing import cast

import torch
from torch.fx import Node

from blendir.frontend.straight_through import transparent, value_type
from blendir.frontend.trace import Traced

Call = tuple[str, str, str]


INTERNAL = ("brevitas.core.", "brevitas.proxy.")
"""
Classes that are parts of a library's layers; what they compute belongs to the layer.
"""


def calls(node: Node) -> list[Call]:
    """
    The calls of modules that a node is made in, outermost first: identity, path and class of each.
    """
    stack = cast(dict[str, tuple[str, str]], node.meta.get("nn_module_stack") or {"": ("", "")})
    return [(call, *owner) for call, owner in stack.items() if not owner[1].startswith(INTERNAL)]


def computes(node: Node) -> bool:
    """
    Whether a node does more than pass on its operand, or one of several results, or choose a number for each bit.
    """
    types = (value_type(n) for n in node.all_input_nodes)
    picks = node.target is operator.getitem or transparent(node)
    return not picks and all(getattr(t, "dtype", None) != torch.bool for t in types)


class Places:
    """
    The module of every node, and which nodes may carry the module's own path as their layer.

    Those are the nodes of PyTorch's modules, and a node that is all that a user's module does to its input,
    apart from writing bits as numbers.
    """

    def __init__(self, traced: Traced):
        self.node_calls = {node: calls(node) for node in traced.graph.nodes}
        self.outer = {call for stack in self.node_calls.values() for call in stack[:-1]}
        reached = {traced.source}
        self.counts: Counter[Call] = Counter()
        for node in traced.graph.nodes:
            if value_type(node) is not None and any(n in reached for n in node.all_input_nodes):
                reached.add(node)
                self.counts[self.node_calls[node][-1]] += computes(node)
        self.modules = {self.path(node) for node in reached if self.is_module(node)}

    def path(self, node: Node) -> str:
        """
        The path of the innermost module.
        """
        return self.node_calls[node][-1][1]

    def is_module(self, node: Node) -> bool:
        """
        Whether the path of the module names the node.
        """
        call = self.node_calls[node][-1]
        own = call[2].startswith("torch.nn.") or (self.counts[call] == 1 and computes(node))
        return bool(call[1]) and own and call not in self.outer
