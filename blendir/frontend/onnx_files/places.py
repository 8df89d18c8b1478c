"""
ONNX operations that find the places of the largest elements, and those with several results.
"""

from __future__ import annotations

import torch
from torch import Tensor

from blendir.frontend.errors import UntranslatableError
from blendir.frontend.onnx_files.graph import OnnxNode
from blendir.frontend.onnx_files.operations import Operand, constant, enters, numbers


@enters("ArgMax", "ArgMin")
def argmax(node: OnnxNode, x: Tensor) -> Tensor:
    """
    The place of the largest or smallest along an axis: of equal ones the first, or on request the last.
    """
    get, function = node.attributes.get, torch.argmax if node.op == "ArgMax" else torch.argmin
    axis, kept = get("axis", 0) % x.ndim, bool(get("keepdims", 1))
    if not get("select_last_index", 0):
        return function(x, axis, kept)
    return x.shape[axis] - 1 - function(x.flip(axis), axis, kept).to(x.dtype)


@enters("TopK")
def top_k(node: OnnxNode, x: Tensor, k: Operand = None) -> tuple[Tensor, Tensor]:
    """
    The k largest or smallest and their places, in order, which also serves where none is asked for.
    """
    get = node.attributes.get
    count = int(get("k", 0) if k is None else constant(k, "k").item())
    if not 0 < count <= x.shape[get("axis", -1)]:
        raise UntranslatableError(f"k = {count} of {x.shape[get('axis', -1)]} elements")
    values, places = torch.topk(x, count, get("axis", -1), bool(get("largest", 1)))
    return values, places


@enters("Split")
def split(node: OnnxNode, x: Tensor, sizes: Operand = None) -> tuple[Tensor, ...]:
    """
    Parts one after another; without sizes as many as there are results, equal ones but for the last.
    """
    axis, given = node.attributes.get("axis", 0) % x.ndim, numbers(node, "split", sizes)
    count = node.attributes.get("num_outputs", len(node.proto.output))
    return torch.split(x, given or -(-x.shape[axis] // count), axis)
