"""
Functions of all scores that keep their order, in front of an argmax.
"""

from __future__ import annotations

import operator
from typing import cast

import torch
from torch.fx import Graph, Node

from blendir.frontend.straight_through import transparent, value_type

SOFTMAX = frozenset(
    f"aten.{name}" for name in ("softmax.int", "_softmax.default", "log_softmax.int", "_log_softmax.default")
)


def drop_softmax(graph: Graph) -> None:
    """
    `argmax(softmax(x)) == argmax(x)` along the same dimension, also of log_softmax, and of the places of a topk.
    """
    for node in list(graph.nodes):
        if str(node.target) == "aten.max.dim":
            node = argmax_of(graph, node)
        while node is not None and (source := scores_behind(node)) is not None:
            node.replace_input_with(cast(Node, node.args[0]), source)


def argmax_of(graph: Graph, node: Node) -> Node | None:
    """
    `max(x, dim)[1] == argmax(x, dim)`, where nothing else of the maximum is used.
    """
    items = list(node.users)
    if not items or any(item.target is not operator.getitem or item.args[1] != 1 for item in items):
        return None
    with graph.inserting_before(node):
        made = graph.call_function(torch.ops.aten.argmax.default, node.args, node.kwargs)
    made.meta = {**node.meta, "val": items[0].meta["val"]}
    for item in items:
        item.replace_all_uses_with(made)
        graph.erase_node(item)
    graph.erase_node(node)
    return made


def scores_behind(node: Node) -> Node | None:
    """
    The operand of the softmax along the same dimension that a node reads; None where it reads none.
    """
    places = str(node.target) == "aten.topk.default" and all(
        item.target is operator.getitem and item.args[1] == 1 for item in node.users
    )
    if not places and str(node.target) != "aten.argmax.default":
        return None
    source = node.args[0]
    while isinstance(source, Node) and transparent(source):
        source = source.args[0]
    if not isinstance(source, Node) or str(source.target) not in SOFTMAX or len(node.args) < 2:
        return None
    dim = [*node.args, -1][2] if places else node.args[1]
    dims, rank = (source.args[1], dim), value_type(source).ndim
    return cast(Node, source.args[0]) if all(isinstance(d, int) for d in dims) and same(dims, rank) else None


def same(dims: tuple[object, ...], rank: int) -> bool:
    """
    Whether dimensions are one and the same, also counted from the end.
    """
    return len({cast(int, d) % rank for d in dims}) == 1
