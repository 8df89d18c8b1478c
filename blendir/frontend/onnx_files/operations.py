"""
The table of ONNX operations in terms of PyTorch. A function takes the node and its operands in the order of the file: a
tensor if it depends on the input, an array if it is constant, None if it is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeAlias, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from blendir.frontend.constants import positive_sign
from blendir.frontend.errors import SCORES, UntranslatableError
from blendir.frontend.onnx_files.graph import CHANNELS_LAST, Array, OnnxNode

Operand: TypeAlias = Tensor | Array | None
Operation: TypeAlias = Callable[..., "Tensor | Array | tuple[Tensor, ...]"]

OPERATIONS: dict[str, Operation] = {}
RANDOM = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial")
REMEDIES = {
    **dict.fromkeys(RANDOM, "draws random numbers, which a design does not"),
    **dict.fromkeys(("Softmax", "LogSoftmax"), SCORES),
    "FloatQuant": "quantize to integers (Quant)",
    "Im2Col": "import the file as it was before its conversion for FINN",
    "XnorPopcountMatMul": "import the file as it was before its conversion for FINN",
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul"), "export as QONNX (Quant)"),
}


def enters(*names: str) -> Callable[[Operation], Operation]:
    """
    Enters a function for ONNX operations.
    """

    def enter(function: Operation) -> Operation:
        OPERATIONS.update(dict.fromkeys(names, function))
        return function

    return enter


def operation_of(node: OnnxNode) -> Operation | None:
    """
    The function of a node, None where there is none.
    """
    if node.proto.domain == CHANNELS_LAST:
        return channels_last if node.op in ("Conv", "MaxPool", "BatchNormalization") else None
    return OPERATIONS.get(node.op)


def refusal(op: str) -> str:
    """
    Why an operation is not in the table, or how to avoid it.
    """
    return REMEDIES.get(op, "not supported where it depends on the input")


def tensor(x: Operand) -> Tensor:
    """
    An operand that must be there.
    """
    if x is None:
        raise UntranslatableError("an operand is missing")
    return torch.from_numpy(x) if isinstance(x, np.ndarray) else x


def constant(x: Operand, what: str) -> Array:
    """
    An operand that must not depend on the input.
    """
    if not isinstance(x, np.ndarray):
        raise UntranslatableError(f"{what} {'is missing' if x is None else 'depends on the input'}")
    return x


def numbers(node: OnnxNode, name: str, x: Operand = None) -> list[Any] | None:
    """
    A list that is an attribute in some versions of an operation and an operand in others; None where it is neither.
    """
    if x is not None:
        return constant(x, name).reshape(-1).tolist()
    return node.attributes.get(name)


@enters("Identity", "Dropout")
def identity(node: OnnxNode, x: Operand, *_: Operand) -> Tensor:
    """
    The value itself.
    """
    return tensor(x)


def div(x: Tensor, y: Tensor) -> Tensor:
    """
    Of integers the quotient without its fraction.
    """
    if x.is_floating_point() or y.is_floating_point():
        return torch.div(x, y)
    return torch.div(x, y, rounding_mode="trunc")


BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Div": div,
    "Sum": torch.add,
    "Max": torch.maximum,
    "Min": torch.minimum,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Equal": torch.eq,
}


@enters(*BINARY)
def binary(node: OnnxNode, *operands: Operand) -> Tensor:
    """
    Arithmetic and comparisons, element by element.
    """
    return reduce(BINARY[node.op], map(tensor, operands))


UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "Neg": torch.neg,
    "Abs": torch.abs,
    "Not": torch.logical_not,
    "Relu": F.relu,
    "Round": torch.round,
    "Floor": torch.floor,
    "Ceil": torch.ceil,
}


@enters(*UNARY)
def unary(node: OnnxNode, x: Operand) -> Tensor:
    """
    Functions of one element.
    """
    return UNARY[node.op](tensor(x))


@enters("Mean")
def mean(node: OnnxNode, *operands: Operand) -> Tensor:
    """
    The mean of several values.
    """
    return reduce(torch.add, map(tensor, operands)) / len(operands)


@enters("Einsum")
def einsum(node: OnnxNode, *operands: Operand) -> Tensor:
    """
    A product by letters.
    """
    return torch.einsum(node.attributes["equation"], *map(tensor, operands))


@enters("Sign")
def sign(node: OnnxNode, x: Operand) -> Tensor:
    """
    The sign; that of a weight 0 is +1, as everywhere.
    """
    return torch.sign(x) if isinstance(x, Tensor) else positive_sign(tensor(x), node.name)


@enters("Where")
def where(node: OnnxNode, condition: Operand, x: Operand, y: Operand) -> Tensor:
    """
    A choice.
    """
    return torch.where(tensor(condition), tensor(x), tensor(y))


@enters("Cast", "CastLike")
def cast_to(node: OnnxNode, x: Operand, *_: Operand) -> Tensor:
    """
    Floats of any width are float64 here.
    """
    from onnx.helper import tensor_dtype_to_np_dtype

    kind = np.dtype(tensor_dtype_to_np_dtype(node.attributes["to"])) if "to" in node.attributes else np.dtype("f8")
    if kind.kind not in "iub":
        return tensor(x).double()
    return tensor(x).to(torch.bool if kind.kind == "b" else torch.int64)


@enters("Clip")
def clip(node: OnnxNode, x: Tensor, low: Operand = None, high: Operand = None) -> Tensor:
    """
    Bounds that no float32 exceeds are none.
    """
    limit = float(np.finfo(np.float32).max)
    bounds: list[float | None] = []
    for name, given in (("min", low), ("max", high)):
        value = node.attributes.get(name) if given is None else constant(given, f"the bound {name}").item()
        bounds.append(None if value is None or abs(value) >= limit else float(value))
    return x if bounds == [None, None] else torch.clamp(x, *bounds)


@enters("BatchNormalization")
def batch_norm(node: OnnxNode, x: Tensor, gamma: Operand, beta: Operand, mean: Operand, variance: Operand) -> Tensor:
    """
    By running statistics.
    """
    if node.attributes.get("training_mode", 0):
        raise UntranslatableError("training_mode is set: export the network in evaluation mode")
    names = ("scale", "B", "mean", "var")
    parameters = (tensor(constant(p, n)) for p, n in zip((gamma, beta, mean, variance), names, strict=True))
    weight, bias, center, spread = parameters
    return F.batch_norm(x, center, spread, weight, bias, eps=node.attributes.get("epsilon", 1e-5))


@enters("LayerNormalization")
def layer_norm(node: OnnxNode, x: Tensor, gamma: Operand, beta: Operand = None) -> Tensor:
    """
    Over the last dimensions.
    """
    shape = x.shape[node.attributes.get("axis", -1) % x.ndim :]
    parameters = (None if p is None else tensor(p).reshape(shape) for p in (gamma, beta))
    return F.layer_norm(x, shape, *parameters, eps=node.attributes.get("epsilon", 1e-5))


@enters("InstanceNormalization", "GroupNormalization")
def group_norm(node: OnnxNode, x: Tensor, gamma: Operand, beta: Operand) -> Tensor:
    """
    Over each group of channels, or each channel; before version 21 with a scale per group.
    """
    groups = node.attributes.get("num_groups", x.shape[1])
    weight, bias = (tensor(constant(p, n)) for p, n in ((gamma, "scale"), (beta, "bias")))
    weight, bias = (p.repeat_interleave(x.shape[1] // len(p)) for p in (weight, bias))
    return F.group_norm(x, groups, weight, bias, node.attributes.get("epsilon", 1e-5))


@enters("Gemm")
def gemm(node: OnnxNode, x: Tensor, weight: Operand, bias: Operand = None) -> Tensor:
    """
    `alpha * x @ weight + beta * bias`.
    """
    get = node.attributes.get
    rows = tensor(constant(weight, "the right factor")) * get("alpha", 1.0)
    rows = rows if get("transB", 0) else rows.T
    added = None if bias is None else tensor(constant(bias, "the bias")).reshape(-1).expand(len(rows))
    if added is not None:
        added = added * get("beta", 1.0)
    return F.linear(x.T if get("transA", 0) else x, rows, added)


@enters("MatMul")
def matmul(node: OnnxNode, x: Operand, weight: Operand) -> Tensor:
    """
    A linear layer, where the right factor is constant.
    """
    if isinstance(weight, np.ndarray) and weight.ndim == 2:
        return F.linear(tensor(x), tensor(weight).T)
    return tensor(x) @ tensor(weight)


@enters("Reshape")
def reshape(node: OnnxNode, x: Tensor, shape: Operand = None) -> Tensor:
    """
    0 keeps a dimension, -1 takes the rest.
    """
    sizes = numbers(node, "shape", shape) or []
    keep = not node.attributes.get("allowzero", 0)
    return x.reshape([x.shape[d] if keep and s == 0 else s for d, s in enumerate(sizes)])


@enters("Flatten")
def flatten(node: OnnxNode, x: Tensor) -> Tensor:
    """
    Two dimensions.
    """
    axis = node.attributes.get("axis", 1)
    axis += x.ndim if axis < 0 else 0
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


@enters("Squeeze")
def squeeze(node: OnnxNode, x: Tensor, axes: Operand = None) -> Tensor:
    """
    Dimensions of size 1 go.
    """
    dims = numbers(node, "axes", axes)
    return x.squeeze() if dims is None else x.squeeze(dims)


@enters("Unsqueeze")
def unsqueeze(node: OnnxNode, x: Tensor, axes: Operand = None) -> Tensor:
    """
    Dimensions of size 1 come.
    """
    dims = numbers(node, "axes", axes) or []
    return reduce(torch.unsqueeze, sorted(d % (x.ndim + len(dims)) for d in dims), x)


@enters("Transpose")
def transpose(node: OnnxNode, x: Tensor) -> Tensor:
    """
    Dimensions in another order, reversed without one.
    """
    return x.permute(node.attributes.get("perm", list(range(x.ndim))[::-1]))


@enters("Concat")
def concat(node: OnnxNode, *operands: Operand) -> Tensor:
    """
    Values one after another.
    """
    return torch.cat([tensor(x) for x in operands], node.attributes["axis"])


@enters("Shape")
def shape_of(node: OnnxNode, x: Tensor) -> Array:
    """
    A constant, since shapes are fixed.
    """
    return np.array(x.shape)[node.attributes.get("start", 0) : node.attributes.get("end")]


def magnitudes(x: Tensor, dims: list[int], keepdim: bool) -> Tensor:
    """
    The sum of magnitudes.
    """
    return torch.sum(torch.abs(x), dims, keepdim=keepdim)


def squares(x: Tensor, dims: list[int], keepdim: bool) -> Tensor:
    """
    The sum of squares.
    """
    return torch.sum(torch.square(x), dims, keepdim=keepdim)


REDUCTIONS: dict[str, Callable[..., Tensor]] = {
    "ReduceL1": magnitudes,
    "ReduceMax": torch.amax,
    "ReduceMean": torch.mean,
    "ReduceMin": torch.amin,
    "ReduceSum": torch.sum,
    "ReduceSumSquare": squares,
}


@enters(*REDUCTIONS)
def reduced(node: OnnxNode, x: Tensor, axes: Operand = None) -> Tensor:
    """
    Means, sums and extremes over some dimensions, without a list of them over all.
    """
    dims = numbers(node, "axes", axes)
    if not dims and node.attributes.get("noop_with_empty_axes", 0):
        return x
    return REDUCTIONS[node.op](x, dims or list(range(x.ndim)), keepdim=bool(node.attributes.get("keepdims", 1)))


def channels_last(node: OnnxNode, x: Tensor, *parameters: Operand) -> Tensor:
    """
    QONNX's operations on [N, H, W, C], whose weights are [O, H, W, I].
    """
    if x.ndim != 4:
        raise UntranslatableError(f"channels-last on {x.ndim} dimensions, only four are supported")
    if node.op == "Conv":
        weight, *rest = parameters
        parameters = (np.moveaxis(constant(weight, "the weight"), -1, 1).copy(), *rest)
    result = cast(Tensor, OPERATIONS[node.op](node, x.permute(0, 3, 1, 2), *parameters))
    return result.permute(0, 2, 3, 1)
