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
    begins behind the frame. An auto_pad alone says how many windows there are.
    """
    rank, kernel, sizes = rank_of(x), list(node.attributes["kernel_shape"]), list(x.shape[2:])
    steps, pads = per_dimension(node, "strides", rank), pads_of(node, sizes, kernel)
    if not node.attributes.get("ceil_mode", 0) or node.attributes.get("auto_pad", "NOTSET") != "NOTSET":
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
    A border counts only on request, and what ceil_mode adds never. With dilation it is a depthwise convolution of ones.
    """
    rank, (stated, pads) = rank_of(x), pool_pads(node, x)
    kernel, steps = node.attributes["kernel_shape"], per_dimension(node, "strides", rank)
    gaps = per_dimension(node, "dilations", rank)
    counted = stated if node.attributes.get("count_include_pad", 0) else [0] * len(stated)
    shares = np.ones(())
    for d, (n, k, s, gap) in enumerate(zip(x.shape[2:], kernel, steps, gaps, strict=True)):
        count = (n + pads[d] + pads[rank + d] - (k - 1) * gap - 1) // s + 1
        taps = np.arange(count)[:, None] * s - pads[d] + np.arange(k) * gap
        inside = ((taps >= -counted[d]) & (taps < n + counted[rank + d])).sum(axis=1)
        if inside.min() < 1:
            raise UntranslatableError("with windows that lie in the border alone")
        shares = shares[..., None] * inside / k
    if max(gaps) == 1:
        average = AVERAGES[rank](with_border(x, pads), kernel, steps)
    else:
        ones = torch.ones(x.shape[1], 1, *kernel, dtype=x.dtype)
        sums = CONVOLUTIONS[rank](with_border(x, pads), ones, None, steps, 0, gaps, x.shape[1])
        average = sums / math.prod(kernel)
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
    A border of one value, or of elements. The list holds the sizes at the front of all dimensions, then the sizes at
    their ends.
    """
    stated: str = node.attributes.get("mode", "constant")
    mode = {"edge": "replicate", "wrap": "circular"}.get(stated, stated)
    sizes, dims = numbers(node, "pads", pads) or [], numbers(node, "axes", axes) or list(range(x.ndim))
    borders = {d % x.ndim: (sizes[i], sizes[len(dims) + i]) for i, d in enumerate(dims)}
    order = [size for d in reversed(range(x.ndim)) for size in borders.get(d, (0, 0))]
    while order[-2:] == [0, 0]:
        order = order[:-2]
    if mode != "constant":
        return F.pad(x, order, mode)
    fill = node.attributes.get("value", 0.0) if value is None else constant(value, "the value").item()
    return F.pad(x, order, value=fill)


def transposed_pads(node: OnnxNode, sizes: list[int], kernel: list[int]) -> tuple[list[int], list[int]]:
    """
    What a transposed convolution cuts off at the front and at the end of each dimension, below 0 where it adds zeros.
    """
    rank, get = len(sizes), node.attributes.get
    mode, steps = get("auto_pad", "NOTSET"), per_dimension(node, "strides", rank)
    if mode == "VALID" or (mode == "NOTSET" and "output_shape" not in node.attributes):
        pads = get("pads") if mode == "NOTSET" else None
        return (pads or [0] * 2 * rank)[:rank], (pads or [0] * 2 * rank)[rank:]
    goals = get("output_shape") or [n * s for n, s in zip(sizes, steps, strict=True)]
    more = get("output_padding") or [0] * rank
    spans = zip(sizes, steps, extents(node, kernel), more, goals[-rank:], strict=True)
    totals = [(n - 1) * s + e + m - goal for n, s, e, m, goal in spans]
    smaller, larger = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return (smaller, larger) if mode == "SAME_UPPER" else (larger, smaller)


@enters("ConvTranspose")
def conv_transpose(node: OnnxNode, x: Tensor, weight: Operand, bias: Operand = None) -> Tensor:
    """
    A transposed convolution. Where the sides differ, more of the frame is made and cut.
    """
    rank, taps = rank_of(x), tensor(constant(weight, "the weight"))
    get = node.attributes.get
    before, after = transposed_pads(node, list(x.shape[2:]), list(taps.shape[2:]))
    alike = before == after and min(before) >= 0
    y = (F.conv_transpose1d if rank == 1 else F.conv_transpose2d)(
        x,
        taps,
        None if bias is None else tensor(constant(bias, "the bias")),
        get("strides", 1),
        before if alike else 0,
        get("output_padding", 0),
        get("group", 1),
        get("dilations", 1),
    )
    if alike:
        return y
    if min(before + after) < 0:
        raise UntranslatableError("an output_shape that is larger than what the taps reach")
    return y[(..., *(slice(b, size - a) for b, a, size in zip(before, after, y.shape[2:], strict=True)))]
