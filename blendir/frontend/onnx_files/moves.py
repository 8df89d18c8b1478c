"""
ONNX operations that pick, repeat and permute elements.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from blendir.frontend.errors import UntranslatableError
from blendir.frontend.onnx_files.graph import Array, OnnxNode
from blendir.frontend.onnx_files.operations import Operand, constant, enters, numbers


def picked(x: Tensor, axis: int, indices: Array) -> Tensor:
    """
    The slices of x at some indices; x itself where these are all in order.
    """
    if np.array_equal(indices, np.arange(x.shape[axis])):
        return x
    return torch.index_select(x, axis, torch.from_numpy(indices.astype(np.int64)))


@enters("Slice")
def slices(
    node: OnnxNode,
    x: Tensor,
    starts: Operand = None,
    ends: Operand = None,
    axes: Operand = None,
    steps: Operand = None,
) -> Tensor:
    """
    Every so many slices between two, backwards where the step is negative.
    """
    first, last = numbers(node, "starts", starts) or [], numbers(node, "ends", ends) or []
    dims = numbers(node, "axes", axes) or list(range(len(first)))
    strides = numbers(node, "steps", steps) or [1] * len(first)
    for axis, *bounds in zip(dims, first, last, strides, strict=True):
        x = picked(x, axis % x.ndim, np.arange(x.shape[axis])[slice(*bounds)])
    return x


@enters("Gather")
def gather(node: OnnxNode, x: Tensor, indices: Operand) -> Tensor:
    """
    Slices at constant indices.
    """
    axis, places = node.attributes.get("axis", 0) % x.ndim, constant(indices, "the indices")
    taken = picked(x, axis, places.reshape(-1) % x.shape[axis])
    return taken.reshape(*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])


def coordinates(mode: str, size: int, scale: float) -> Array:
    """
    Where each of the elements of a resized dimension of `size` lies among the given ones.
    """
    count = int(np.floor(size * scale))
    index = np.arange(count)
    match mode:
        case "asymmetric":
            return index / scale
        case "half_pixel" | "pytorch_half_pixel":
            return (index + 0.5) / scale - 0.5 if count > 1 or mode == "half_pixel" else 0.0 * index
        case "half_pixel_symmetric":
            return (index + 0.5) / scale - 0.5 + (size - count / scale) / 2
        case "tf_half_pixel_for_nn":
            return (index + 0.5) / scale
        case "align_corners":
            return index * ((size - 1) / max(count - 1, 1))
        case _:
            raise UntranslatableError(f"coordinate_transformation_mode {mode} is not supported")


ROUNDED: dict[str, Callable[[Array], Array]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
}


@enters("Resize", "Upsample")
def resize(node: OnnxNode, x: Tensor, *operands: Operand) -> Tensor:
    """
    The nearest of the given elements.
    """
    get = node.attributes.get
    if get("mode", "nearest") not in ("nearest", b"nearest"):
        raise UntranslatableError(f"mode {get('mode')}, only nearest is supported")
    simple = node.op == "Upsample" or len(operands) == 1
    scales, sizes = (*operands, None, None)[:2] if simple else (*operands[1:], None, None)[:2]
    scales = scales if isinstance(scales, np.ndarray) and scales.size else None
    dims = get("axes", list(range(x.ndim)))
    goal = numbers(node, "sizes", sizes) if scales is None and sizes is not None else None
    factors = [g / x.shape[d] for g, d in zip(goal, dims, strict=True)] if goal else numbers(node, "scales", scales)
    if goal and factors and (policy := get("keep_aspect_ratio_policy", "stretch")) != "stretch":
        common = min(factors) if policy == "not_larger" else max(factors)
        factors = [(math.floor(common * x.shape[d] + 0.5)) / x.shape[d] for d in dims]
    if not factors:
        raise UntranslatableError("neither scales nor sizes are given")
    mode = "asymmetric" if simple else get("coordinate_transformation_mode", "half_pixel")
    rounded = ROUNDED["floor" if simple else get("nearest_mode", "round_prefer_floor")]
    for axis, factor in zip(dims, factors, strict=True):
        size = x.shape[axis]
        x = picked(x, axis, np.clip(rounded(coordinates(mode, size, factor)), 0, size - 1).astype(np.int64))
    return x


@enters("DepthToSpace")
def depth_to_space(node: OnnxNode, x: Tensor) -> Tensor:
    """
    Channels become rows and columns.
    """
    size = node.attributes["blocksize"]
    if node.attributes.get("mode", "DCR") == "CRD":
        return torch.pixel_shuffle(x, size)
    count, channels, rows, columns = x.shape
    parts = x.reshape(count, size, size, channels // size**2, rows, columns)
    return parts.permute(0, 3, 4, 1, 5, 2).reshape(count, channels // size**2, rows * size, columns * size)


@enters("SpaceToDepth")
def space_to_depth(node: OnnxNode, x: Tensor) -> Tensor:
    """
    Rows and columns become channels.
    """
    size = node.attributes["blocksize"]
    count, channels, rows, columns = x.shape
    parts = x.reshape(count, channels, rows // size, size, columns // size, size)
    return parts.permute(0, 3, 5, 1, 2, 4).reshape(count, channels * size**2, rows // size, columns // size)


@enters("Tile")
def tile(node: OnnxNode, x: Tensor, repeats: Operand) -> Tensor:
    """
    Copies along each dimension.
    """
    return x.repeat(constant(repeats, "the repeats").tolist())


@enters("Expand")
def expand(node: OnnxNode, x: Tensor, shape: Operand) -> Tensor:
    """
    The shape that x and a given one broadcast to.
    """
    return x.expand(np.broadcast_shapes(tuple(x.shape), tuple(constant(shape, "the shape").tolist())))
