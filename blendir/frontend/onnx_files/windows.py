"""
ONNX operations on windows: convolutions, pools, borders.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from blendir.frontend.errors import UntranslatableError
from blendir.frontend.onnx_files.graph import OnnxNode
from blendir.frontend.onnx_files.operations import Operand, constant, enters, numbers, tensor


def require_planes(x: Tensor) -> None:
    """
    Windows are two-dimensional.
    """
    if x.ndim != 4:
        raise UntranslatableError(f"on {x.ndim - 2} spatial dimensions, only two are supported")


def pads_of(node: OnnxNode, x: Tensor, kernel: list[int]) -> list[int]:
    """
    The border as (left, right, top, bottom), the order of `F.pad`.
    """
    get = node.attributes.get
    mode = get("auto_pad", "NOTSET")
    if mode == "NOTSET":
        top, left, bottom, right = get("pads", [0, 0, 0, 0])
        return [left, right, top, bottom]
    if mode == "VALID":
        return [0, 0, 0, 0]
    found: list[int] = []
    for axis in (1, 0):
        step, taps = get("strides", [1, 1])[axis], (kernel[axis] - 1) * get("dilations", [1, 1])[axis] + 1
        size = x.shape[2 + axis]
        total = max((-(-size // step) - 1) * step + taps - size, 0)
        before = total // 2 if mode == "SAME_UPPER" else total - total // 2
        found += [before, total - before]
    return found


@enters("Conv")
def conv(node: OnnxNode, x: Tensor, weight: Operand, bias: Operand = None) -> Tensor:
    """
    A convolution; a border that is not the same on both sides is made before it.
    """
    require_planes(x)
    taps = tensor(constant(weight, "the weight"))
    get = node.attributes.get
    left, right, top, bottom = pads = pads_of(node, x, list(taps.shape[2:]))
    even = left == right and top == bottom
    offsets = None if bias is None else tensor(constant(bias, "the bias"))
    return F.conv2d(
        x if even else F.pad(x, pads),
        taps,
        offsets,
        get("strides", 1),
        (top, left) if even else 0,
        get("dilations", 1),
        get("group", 1),
    )


def pool_pads(node: OnnxNode, x: Tensor) -> list[int]:
    """
    The border of a pool, (top, left), which must be the same on both sides.
    """
    require_planes(x)
    left, right, top, bottom = pads_of(node, x, node.attributes["kernel_shape"])
    if left != right or top != bottom:
        raise UntranslatableError("a border that is not the same on both sides")
    return [top, left]


@enters("MaxPool")
def max_pool(node: OnnxNode, x: Tensor) -> Tensor:
    """
    A border does not count.
    """
    get = node.attributes.get
    modes = (get("dilations", 1), bool(get("ceil_mode", 0)))
    return F.max_pool2d(x, node.attributes["kernel_shape"], get("strides", [1, 1]), pool_pads(node, x), *modes)


@enters("AveragePool")
def average_pool(node: OnnxNode, x: Tensor) -> Tensor:
    """
    A border counts only on request.
    """
    get = node.attributes.get
    if max(get("dilations", [1])) > 1:
        raise UntranslatableError("dilations are not supported")
    modes = (bool(get("ceil_mode", 0)), bool(get("count_include_pad", 0)))
    return F.avg_pool2d(x, node.attributes["kernel_shape"], get("strides", [1, 1]), pool_pads(node, x), *modes)


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
    require_planes(x)
    return F.max_pool2d(x, list(x.shape[2:]))


@enters("Pad")
def pad(node: OnnxNode, x: Tensor, pads: Operand = None, value: Operand = None, axes: Operand = None) -> Tensor:
    """
    A border of one value, first all dimensions' fronts and then their ends.
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
