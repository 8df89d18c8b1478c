"""
ATen operations on single elements: arithmetic with constants, activations, bounds.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TypeAlias, cast

import numpy as np
from xdsl.ir import SSAValue

from blendir.dialects.blend import (
    AddOp,
    AffineOp,
    BatchNormOp,
    ClampOp,
    MultiplyOp,
    PReluOp,
    ReluOp,
    RoundOp,
    constant_value,
)
from blendir.dialects.blend.floats import NO_ROOT
from blendir.frontend.aten_levels import rounding_bounded
from blendir.frontend.aten_picks import widened
from blendir.frontend.emitter import Array, Constant, Emitter, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import Result, translates

Operand: TypeAlias = SSAValue | Constant
pointwise = partial(translates, pointwise=True)

POWERS = (2, 3, 4)


def number(e: Emitter, value: Constant, what: str) -> float:
    """
    A constant that must be one number.
    """
    array = np.asarray(value)
    if array.size == 0 or bool((array != array.flat[0]).any()):
        raise UntranslatableError(f"{e.site.target} with {what} that is not one number")
    return float(array.flat[0])


@pointwise("add", "add.Tensor", "add.Scalar")
def add(e: Emitter, x: Operand, y: Operand, alpha: float = 1) -> Result:
    """
    `x + alpha * y`.
    """
    return total(e, x, y, alpha)


@pointwise("sub", "sub.Tensor", "sub.Scalar")
def sub(e: Emitter, x: Operand, y: Operand, alpha: float = 1) -> Result:
    """
    `x - alpha * y`.
    """
    return total(e, x, y, -alpha)


@pointwise("rsub", "rsub.Scalar", "rsub.Tensor")
def rsub(e: Emitter, x: Operand, y: Operand, alpha: float = 1) -> Result:
    """
    `y - alpha * x`.
    """
    return total(e, y, x, -alpha)


def total(e: Emitter, x: Operand, y: Operand, factor: float, word: str = "") -> SSAValue:
    """
    `x + factor * y`; subtracting a constant keeps it as the center.
    """
    if e.site.dtype == "bool":
        raise UntranslatableError(f"{e.site.target} of bits, which is 'or' in PyTorch (cast to float first)")
    if isinstance(x, SSAValue) and isinstance(y, SSAValue):
        x, y = alike(e, x, y)
        return e.emit(AddOp(x, e.affine(y, scale=factor, word="term")), word)
    if isinstance(x, SSAValue):
        x = e.real(x)
        assert not isinstance(y, SSAValue)
        return e.affine(x, center=-factor * y) if factor < 0 else e.affine(x, offset=factor * y)
    return e.affine(e.real(y), scale=factor, offset=x)


@pointwise("mul", "mul.Tensor", "mul.Scalar")
def mul(e: Emitter, x: Operand, y: Operand) -> Result:
    """
    `x * y`, of two values or with one constant.
    """
    if isinstance(x, SSAValue) and isinstance(y, SSAValue):
        return product(e, e.real(x), e.real(y))
    value, factor = (x, y) if isinstance(x, SSAValue) else (y, x)
    assert not isinstance(factor, SSAValue)
    return e.affine(e.real(value), scale=factor)


def product(e: Emitter, x: SSAValue, y: SSAValue, word: str = "") -> SSAValue:
    """
    Two values, the smaller one a gate where it has one number per channel.
    """
    if np.prod(shape_of(x)) < np.prod(shape_of(y)):
        x, y = y, x
    if not is_gate(shape_of(y), shape_of(x)):
        x, y = alike(e, x, y)
    return e.emit(MultiplyOp(x, y), word)


def is_gate(small: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """
    Whether a value has one number for each channel of another one.
    """
    return len(small) == len(shape) and small[:2] == shape[:2] and set(small[2:]) <= {1}


def alike(e: Emitter, x: Operand, y: Operand) -> tuple[SSAValue, SSAValue]:
    """
    Two values as floats, repeated to the shape that they broadcast to.
    """
    values = e.real(x), e.real(y)
    shape = np.broadcast_shapes(*map(shape_of, values))
    first, second = (spread(e, v, other, shape) for v, other in (values, values[::-1]))
    return first, second


def spread(e: Emitter, x: SSAValue, other: SSAValue, shape: tuple[int, ...]) -> SSAValue:
    """
    A value repeated to the shape of another one: along channels by picking them, over planes as a gate of ones.
    """
    source = shape_of(x)
    if len(source) != len(shape) or set(source[2:]) > {1} or source[2:] == shape[2:] or shape_of(other) != shape:
        return widened(e, x, shape)
    gate = widened(e, x, (*shape[:2], *source[2:]))
    return e.emit(MultiplyOp(e.affine(other, scale=0.0, offset=1.0, word="ones"), gate), "spread")


@pointwise("div", "div.Tensor", "div.Scalar")
def div(e: Emitter, x: Operand, y: Operand) -> Result:
    """
    `x / y` with constant y.
    """
    if isinstance(y, SSAValue):
        raise UntranslatableError(f"{e.site.target} by a value")
    with np.errstate(divide="ignore"):
        return e.affine(e.real(x), scale=np.divide(1.0, y))


@pointwise("pow", "pow.Tensor_Scalar")
def power(e: Emitter, x: SSAValue, exponent: float) -> Result:
    """
    `x * x`, or a product of more.
    """
    if exponent not in POWERS:
        raise UntranslatableError(f"{e.site.target} with exponent {exponent:g}, not a whole one of 2 to {POWERS[-1]}")
    base = found = e.real(x)
    for count in range(2, int(exponent) + 1):
        found = e.emit(MultiplyOp(found, base), "" if count == exponent else f"power{count}")
    return found


@pointwise("pow", "square.default")
def square(e: Emitter, x: SSAValue) -> Result:
    """
    `x * x`.
    """
    return power(e, x, 2)


@pointwise("neg", "neg.default")
def neg(e: Emitter, x: SSAValue) -> Result:
    """
    `-x`.
    """
    return e.affine(e.real(x), scale=-1.0)


@pointwise("relu", "relu.default")
def relu(e: Emitter, x: SSAValue) -> Result:
    """
    `max(x, 0)`.
    """
    return e.emit(ReluOp(e.real(x)))


@pointwise("abs", "abs.default")
def absolute(e: Emitter, x: SSAValue) -> Result:
    """
    `|x| == prelu(x)` with slope -1.
    """
    return prelu(e, x, -1.0)


@pointwise("prelu", "prelu.default", "_prelu_kernel.default")
def prelu(e: Emitter, x: SSAValue, weight: Operand) -> Result:
    """
    One slope, or one per channel.
    """
    x = e.real(x)
    if isinstance(weight, SSAValue):
        raise UntranslatableError(f"{e.site.target} with slopes that are not constant")
    if len(shape_of(x)) < 2:
        raise UntranslatableError(f"{e.site.target} of a tensor of shape {list(shape_of(x))}, which has no channels")
    flat = np.asarray(weight, np.float64).reshape(-1)
    slopes = np.ascontiguousarray(np.broadcast_to(flat, shape_of(x)[1:2]))
    return e.emit(PReluOp(x, e.constant(slopes, "slope")))


@pointwise("leaky_relu", "leaky_relu.default")
def leaky_relu(e: Emitter, x: SSAValue, negative_slope: float = 0.01) -> Result:
    """
    A fixed slope.
    """
    return prelu(e, x, float(negative_slope))


def bounded(e: Emitter, x: SSAValue, low: float, high: float, word: str = "") -> SSAValue:
    """
    `min(max(x, low), high)`, written as relu if that is the same. `clamp(clamp(x, a, b), low, high)` becomes one clamp.
    """
    x = e.real(x)
    if x in e.roundings:
        return rounding_bounded(e, e.roundings[x], low, high)
    if isinstance(x.owner, ClampOp):
        low, high = (min(max(v.value.data, low), high) for v in (x.owner.low, x.owner.high))
        x = x.owner.input
    if (low, high) == (0.0, math.inf):
        return e.emit(ReluOp(x), word)
    return e.emit(ClampOp(x, low, high), word)


def larger(e: Emitter, x: Operand, y: Operand, sign: int = 1, word: str = "") -> SSAValue:
    """
    `sign * max(sign * x, sign * y)`: the maximum, or with sign -1 the minimum.

    `max(x, y) == y + relu(x - y)`, `min(x, y) == y - relu(y - x)`, and `max(x, s*x) == prelu(x)` for a slope s in 0..1.
    """
    if e.site.dtype == "bool":
        raise UntranslatableError(f"{e.site.target} of bits (cast to float first)")
    if not (isinstance(x, SSAValue) and isinstance(y, SSAValue)):
        value, bound = (x, y) if isinstance(x, SSAValue) else (y, x)
        limits = (number(e, cast(Constant, bound), "a bound"), math.inf * sign)
        return bounded(e, cast(SSAValue, value), *limits[::sign], word=word)
    x, y = e.real(x), e.real(y)
    for value, other in ((x, y), (y, x)):
        slopes = multiples(other, value)
        if sign > 0 and slopes is not None and bool(((slopes >= 0) & (slopes <= 1)).all()):
            return e.emit(PReluOp(value, e.constant(slopes, "slope")), word)
    excess = e.emit(ReluOp(difference(e, x, y) if sign > 0 else difference(e, y, x)), "excess")
    return total(e, y, excess, float(sign), word)


def difference(e: Emitter, x: Operand, y: SSAValue) -> SSAValue:
    """
    `x - y` of two values.
    """
    x, y = alike(e, x, y)
    return e.emit(AddOp(x, e.affine(y, scale=-1.0, word="term")), "difference")


def multiples(y: SSAValue, x: SSAValue) -> Array | None:
    """
    The factors per channel with `y == factor * x`; None if y is not such a product.
    """
    op = y.owner
    if not isinstance(op, AffineOp) or op.input != x or op.axis.value.data != 1:
        return None
    center, scale, offset = (constant_value(v) for v in (op.center, op.scale, op.offset))
    return None if center.any() or offset.any() else scale


@pointwise("clamp", "clamp.default", "clamp.Tensor", "clip.default", "clip.Tensor")
def clamp(e: Emitter, x: Operand, min: Operand | None = None, max: Operand | None = None) -> Result:
    """
    Either bound may be missing; the upper one wins.
    """
    if any(isinstance(v, SSAValue) for v in (min, max)) or not isinstance(x, SSAValue):
        floored = x if min is None else larger(e, x, min, word="" if max is None else "floor")
        return cast(SSAValue, floored) if max is None else larger(e, floored, max, -1)
    low = -math.inf if min is None else number(e, cast(Constant, min), "a bound")
    high = math.inf if max is None else number(e, cast(Constant, max), "a bound")
    return bounded(e, x, low if low <= high else high, high)


@pointwise("clamp", "clamp_min.default", "clamp_min.Tensor")
def clamp_min(e: Emitter, x: Operand, min: Operand) -> Result:
    """
    A lower bound.
    """
    return larger(e, x, min)


@pointwise("clamp", "clamp_max.default", "clamp_max.Tensor")
def clamp_max(e: Emitter, x: Operand, max: Operand) -> Result:
    """
    An upper bound.
    """
    return larger(e, x, max, -1)


@pointwise("maximum", "maximum.default")
def maximum(e: Emitter, x: Operand, y: Operand) -> Result:
    """
    `max(x, y)`.
    """
    return larger(e, x, y)


@pointwise("minimum", "minimum.default")
def minimum(e: Emitter, x: Operand, y: Operand) -> Result:
    """
    `min(x, y)`.
    """
    return larger(e, x, y, -1)


@pointwise("hardtanh", "hardtanh.default")
def hardtanh(e: Emitter, x: SSAValue, min_val: float = -1.0, max_val: float = 1.0) -> Result:
    """
    A clamp.
    """
    return clamp(e, x, min_val, max_val)


@pointwise("relu6", "relu6.default")
def relu6(e: Emitter, x: SSAValue) -> Result:
    """
    A clamp to 0 .. 6.
    """
    return bounded(e, x, 0.0, 6.0)


@translates("bn", "_native_batch_norm_legit_no_training.default")
def batch_norm(
    e: Emitter,
    x: SSAValue,
    weight: Operand | None,
    bias: Operand | None,
    mean: Operand,
    variance: Operand,
    momentum: float,
    eps: float,
) -> Result:
    """
    Batch normalization by running statistics; without gamma and beta they are 1 and 0.
    """
    x = e.real(x)
    channels = shape_of(x)[1]
    gamma = np.ones(channels) if weight is None else weight
    beta = np.zeros(channels) if bias is None else bias
    names = ("gamma", "beta", "mean", "variance")
    least = float(known(e, variance).min(initial=math.inf)) + eps
    if least <= 0:
        raise ValueError(f"{e.layer}: running_var + eps is {least:g} in places, {NO_ROOT}")
    parameters = [e.constant(known(e, v), n) for v, n in zip((gamma, beta, mean, variance), names, strict=True)]
    gamma, beta, mean, variance = parameters
    return e.emit(BatchNormOp(x, gamma, beta, mean, variance, eps)), None, None


def known(e: Emitter, value: Operand | None) -> Array:
    """
    A parameter that must be constant.
    """
    if value is None or isinstance(value, SSAValue):
        raise UntranslatableError(f"{e.site.target} with parameters that are not constant")
    return np.asarray(value)


@pointwise("round", "round.default")
def rounded(e: Emitter, x: SSAValue) -> Result:
    """
    To the nearest integer, the even one of two.
    """
    return e.emit(RoundOp(e.real(x)))


@pointwise("cast", "_to_copy.default", "to.dtype", "type_as.default", moves=True)
def cast_to(e: Emitter, x: SSAValue, *_: object, **__: object) -> Result:
    """
    Casts between floats change nothing; bits become 0 and 1, pixels their value.
    """
    source, target = e.site.source_dtype, e.site.dtype
    if source == target or (source.startswith(("float", "bfloat")) and target.startswith(("float", "bfloat"))):
        return x
    if target in ("int32", "int64") and source in ("bool", "uint8", "int8", "int32", "int64"):
        return e.real(x)
    if target.startswith(("float", "bfloat")):
        return e.real(x)
    raise UntranslatableError(f"{e.site.target} from {source} to {target}")
