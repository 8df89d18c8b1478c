"""
ONNX operations on windows in one or two dimensions: convolutions, pools, borders.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from blendir.frontend.errors import UntranslatableError
from blendir.frontend.onnx_files.graph import OnnxNode
from blendir.frontend.onnx_files.operations import Operand, constant, enters, numbers, tensor

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d}
AVERAGES = {1: F.avg_pool1d, 2: F.avg_pool2d}
MAXIMA = {1: F.max_pool1d, 2: F.max_pool2d}


def rank_of(x: Tensor) -> int:
    """
    The dimensions in which windows lie.
    """
    if x.ndim not in (3, 4):
        raise UntranslatableError(f"on {x.ndim - 2} spatial dimensions, only one and two are supported")
    return x.ndim - 2


def per_dimension(node: OnnxNode, name: str, rank: int) -> list[int]:
    """
    An attribute with a number for each spatial dimension, which is 1 unless given.
    """
    return node.attributes.get(name) or [1] * rank


def extents(node: OnnxNode, kernel: list[int]) -> list[int]:
    """
    The positions from the first tap to the last one.
    """
    return [(k - 1) * d + 1 for k, d in zip(kernel, per_dimension(node, "dilations", len(kernel)), strict=True)]


def pads_of(node: OnnxNode, sizes: list[int], kernel: list[int]) -> list[int]:
    """
    The border of frames of some sizes: the front of each dimension, then the ends.
    """
    mode = node.attributes.get("auto_pad", "NOTSET")
    if mode == "NOTSET":
        return list(node.attributes.get("pads") or [0, 0] * len(sizes))
    if mode == "VALID":
        return [0, 0] * len(sizes)
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise UntranslatableError(f"auto_pad {mode} is none of NOTSET, VALID, SAME_UPPER and SAME_LOWER")
    steps = per_dimension(node, "strides", len(sizes))
    spans = zip(sizes, steps, extents(node, kernel), strict=True)
    totals = [max((math.ceil(n / s) - 1) * s + e - n, 0) for n, s, e in spans]
    smaller, larger = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return smaller + larger if mode == "SAME_UPPER" else larger + smaller


def with_border(x: Tensor, pads: list[int], value: float = 0.0) -> Tensor:
    """
    A border of one value.
    """
    rank = len(pads) // 2
    order = [pads[d + end] for d in reversed(range(rank)) for end in (0, rank)]
    return F.pad(x, order, value=value) if any(pads) else x


@enters("Conv")
def conv(node: OnnxNode, x: Tensor, weight: Operand, bias: Operand = None) -> Tensor:
    """
    A convolution. A border with different sides is added before it.
    """
    rank, taps = rank_of(x), tensor(constant(weight, "the weight"))
    pads = pads_of(node, list(x.shape[2:]), list(taps.shape[2:]))
    even = pads[:rank] == pads[rank:]
    return CONVOLUTIONS[rank](
        x if even else with_border(x, pads),
        taps,
        None if bias is None else tensor(constant(bias, "the bias")),
        per_dimension(node, "strides", rank),
        pads[:rank] if even else 0,
        per_dimension(node, "dilations", rank),
        node.attributes.get("group", 1),
    )


def pool_pads(node: OnnxNode, x: Tensor) -> tuple[list[int], list[int]]:
    """
    The border of a pool as the node states it, and with what ceil_mode adds to it or leaves out: a last window that
    begins behind the frame.
    """
    rank, kernel, sizes = rank_of(x), list(node.attributes["kernel_shape"]), list(x.shape[2:])
    steps, pads = per_dimension(node, "strides", rank), pads_of(node, sizes, kernel)
    if not node.attributes.get("ceil_mode", 0):
        return pads, pads
    ends: list[int] = []
    for n, s, e, front, end in zip(sizes, steps, extents(node, kernel), pads[:rank], pads[rank:], strict=True):
        windows = math.ceil((n + front + end - e) / s) + 1
        windows -= (windows - 1) * s >= n + front
        ends.append(max((windows - 1) * s + e - n - front, 0))
    return pads, pads[:rank] + ends


@enters("MaxPool")
def max_pool(node: OnnxNode, x: Tensor) -> Tensor:
    """
    A border does not count.
    """
    rank, (_, pads) = rank_of(x), pool_pads(node, x)
    kernel, steps = node.attributes["kernel_shape"], per_dimension(node, "strides", rank)
    gaps = per_dimension(node, "dilations", rank)
    if pads[:rank] == pads[rank:] and all(2 * p <= e for p, e in zip(pads, extents(node, kernel), strict=False)):
        return MAXIMA[rank](x, kernel, steps, pads[:rank], gaps)
    return MAXIMA[rank](with_border(x, pads, -math.inf), kernel, steps, 0, gaps)


@enters("AveragePool")
def average_pool(node: OnnxNode, x: Tensor) -> Tensor:
    """
    A border counts only on request, and what ceil_mode adds never.
    """
    rank, (stated, pads) = rank_of(x), pool_pads(node, x)
    if max(per_dimension(node, "dilations", rank)) > 1:
        raise UntranslatableError("dilations are not supported")
    kernel, steps = node.attributes["kernel_shape"], per_dimension(node, "strides", rank)
    counted = stated if node.attributes.get("count_include_pad", 0) else [0] * len(stated)
    shares = np.ones(())
    for d, (n, k, s) in enumerate(zip(x.shape[2:], kernel, steps, strict=True)):
        starts = np.arange((n + pads[d] + pads[rank + d] - k) // s + 1) * s - pads[d]
        inside = np.minimum(starts + k, n + counted[rank + d]) - np.maximum(starts, -counted[d])
        if inside.min() < 1:
            raise UntranslatableError("with windows that lie in the border alone")
        shares = shares[..., None] * inside / k
    average = AVERAGES[rank](with_border(x, pads), kernel, steps)
    return average if bool((shares == 1).all()) else average / torch.from_numpy(shares)


@enters("GlobalAveragePool")
def global_average_pool(node: OnnxNode, x: Tensor) -> Tensor:
    """
    The mean of each plane.
    """
    return x.mean(tuple(range(2, x.ndim)), keepdim=True)


@enters("GlobalMaxPool")
def global_max_pool(node: OnnxNode, x: Tensor) -> Tensor:
    """
    The maximum of each plane.
    """
    return x.amax(tuple(range(2, x.ndim)), keepdim=True)


@enters("Pad")
def pad(node: OnnxNode, x: Tensor, pads: Operand = None, value: Operand = None, axes: Operand = None) -> Tensor:
    """
    A border of one value. The list holds the sizes at the front of all dimensions, then the sizes at their ends.
    """
    mode = node.attributes.get("mode", "constant")
    if mode != "constant":
        raise UntranslatableError(f"mode {mode}, only constant is supported")
    sizes, dims = numbers(node, "pads", pads) or [], numbers(node, "axes", axes) or list(range(x.ndim))
    borders = {d % x.ndim: (sizes[i], sizes[len(dims) + i]) for i, d in enumerate(dims)}
    order = [size for d in reversed(range(x.ndim)) for size in borders.get(d, (0, 0))]
    while order[-2:] == [0, 0]:
        order = order[:-2]
    fill = node.attributes.get("value", 0.0) if value is None else constant(value, "the value").item()
    return F.pad(x, order, value=fill)


@enters("ConvTranspose")
def conv_transpose(node: OnnxNode, x: Tensor, weight: Operand, bias: Operand = None) -> Tensor:
    """
    A transposed convolution. Where the sides differ, more of the frame is made and cut.
    """
    rank = rank_of(x)
    get = node.attributes.get
    if get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or "output_shape" in node.attributes:
        raise UntranslatableError("auto_pad and output_shape are not supported: give the pads")
    pads = get("pads", [0] * 2 * rank)
    before, after = pads[:rank], pads[rank:]
    y = (F.conv_transpose1d if rank == 1 else F.conv_transpose2d)(
        x,
        tensor(constant(weight, "the weight")),
        None if bias is None else tensor(constant(bias, "the bias")),
        get("strides", 1),
        before if before == after else 0,
        get("output_padding", 0),
        get("group", 1),
        get("dilations", 1),
    )
    if before == after:
        return y
    return y[(..., *(slice(b, size - a) for b, a, size in zip(before, after, y.shape[2:], strict=True)))]
