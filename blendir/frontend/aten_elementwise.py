"""
ATen operations on single elements: arithmetic with constants, activations, comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias, cast

import numpy as np
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import VerifyException

from blendir.dialects.blend import (
    AddOp,
    AffineOp,
    BatchNormOp,
    ClampOp,
    MultiplyOp,
    PReluOp,
    ReluOp,
    RoundOp,
    SignOp,
    ThresholdOp,
    constant_value,
    is_real,
)
from blendir.frontend.aten_levels import rounding_bounded
from blendir.frontend.emitter import Array, Constant, Emitter, per_channel, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import Result, translates

Operand: TypeAlias = SSAValue | Constant


def number(e: Emitter, value: Constant, what: str) -> float:
    """
    A constant that must be one number.
    """
    array = np.asarray(value)
    if array.size == 0 or bool((array != array.flat[0]).any()):
        raise UntranslatableError(f"{e.site.target} with {what} that is not one number")
    return float(array.flat[0])


@translates("add", "add.Tensor", "add.Scalar")
def add(e: Emitter, x: Operand, y: Operand, alpha: float = 1) -> Result:
    """
    `x + alpha * y`.
    """
    return total(e, x, y, alpha)


@translates("sub", "sub.Tensor", "sub.Scalar")
def sub(e: Emitter, x: Operand, y: Operand, alpha: float = 1) -> Result:
    """
    `x - alpha * y`.
    """
    return total(e, x, y, -alpha)


@translates("rsub", "rsub.Scalar", "rsub.Tensor")
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
        x, y = e.real(x), e.real(y)
        if shape_of(x) != shape_of(y):
            raise UntranslatableError(f"{e.site.target} of shapes {list(shape_of(x))} and {list(shape_of(y))}")
        return e.emit(AddOp(x, e.affine(y, scale=factor, word="term")), word)
    if isinstance(x, SSAValue):
        x = e.real(x)
        assert not isinstance(y, SSAValue)
        return e.affine(x, center=-factor * y) if factor < 0 else e.affine(x, offset=factor * y)
    return e.affine(e.real(y), scale=factor, offset=x)


@translates("mul", "mul.Tensor", "mul.Scalar")
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
    Two values of one shape, or a gate with one number per channel.
    """
    shapes = shape_of(x), shape_of(y)
    if np.prod(shapes[0]) < np.prod(shapes[1]):
        x, y = y, x
    try:
        return e.emit(MultiplyOp(x, y), word)
    except VerifyException:
        raise UntranslatableError(f"{e.site.target} of shapes {list(shapes[0])} and {list(shapes[1])}") from None


@translates("div", "div.Tensor", "div.Scalar")
def div(e: Emitter, x: Operand, y: Operand) -> Result:
    """
    `x / y` with constant y.
    """
    if isinstance(y, SSAValue):
        raise UntranslatableError(f"{e.site.target} by a value")
    with np.errstate(divide="ignore"):
        return e.affine(e.real(x), scale=np.divide(1.0, y))


@translates("neg", "neg.default")
def neg(e: Emitter, x: SSAValue) -> Result:
    """
    `-x`.
    """
    return e.affine(e.real(x), scale=-1.0)


@translates("relu", "relu.default")
def relu(e: Emitter, x: SSAValue) -> Result:
    """
    `max(x, 0)`.
    """
    return e.emit(ReluOp(e.real(x)))


@translates("abs", "abs.default")
def absolute(e: Emitter, x: SSAValue) -> Result:
    """
    `|x| == prelu(x)` with slope -1.
    """
    return prelu(e, x, -1.0)


@translates("prelu", "prelu.default", "_prelu_kernel.default")
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


@translates("leaky_relu", "leaky_relu.default")
def leaky_relu(e: Emitter, x: SSAValue, negative_slope: float = 0.01) -> Result:
    """
    A fixed slope.
    """
    return prelu(e, x, float(negative_slope))


def bounded(e: Emitter, x: SSAValue, low: float, high: float, word: str = "") -> SSAValue:
    """
    `min(max(x, low), high)`, as relu where that is the same; `clamp(clamp(x, a, b), low, high)` is one clamp.
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
    `sign * max(sign * x, sign * y)`: the larger one, or with sign -1 the smaller one.

    `max(x, y) == y + relu(x - y)`, `min(x, y) == y - relu(y - x)`, and `max(x, s*x) == prelu(x)` with slope s in 0..1.
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


def multiples(y: SSAValue, x: SSAValue) -> Array | None:
    """
    The factors per channel that make y of x; None where y is not made of x by factors alone.
    """
    op = y.owner
    if not isinstance(op, AffineOp) or op.input != x or op.axis.value.data != 1:
        return None
    center, scale, offset = (constant_value(v) for v in (op.center, op.scale, op.offset))
    return None if center.any() or offset.any() else scale


@translates("clamp", "clamp.default", "clamp.Tensor", "clip.default", "clip.Tensor")
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


@translates("clamp", "clamp_min.default", "clamp_min.Tensor")
def clamp_min(e: Emitter, x: Operand, min: Operand) -> Result:
    """
    A lower bound.
    """
    return larger(e, x, min)


@translates("clamp", "clamp_max.default", "clamp_max.Tensor")
def clamp_max(e: Emitter, x: Operand, max: Operand) -> Result:
    """
    An upper bound.
    """
    return larger(e, x, max, -1)


@translates("maximum", "maximum.default")
def maximum(e: Emitter, x: Operand, y: Operand) -> Result:
    """
    `max(x, y)`.
    """
    return larger(e, x, y)


@translates("minimum", "minimum.default")
def minimum(e: Emitter, x: Operand, y: Operand) -> Result:
    """
    `min(x, y)`.
    """
    return larger(e, x, y, -1)


@translates("hardtanh", "hardtanh.default")
def hardtanh(e: Emitter, x: SSAValue, min_val: float = -1.0, max_val: float = 1.0) -> Result:
    """
    A clamp.
    """
    return clamp(e, x, min_val, max_val)


@translates("relu6", "relu6.default")
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


@translates("round", "round.default")
def rounded(e: Emitter, x: SSAValue) -> Result:
    """
    To the nearest integer, the even one of two.
    """
    return e.emit(RoundOp(e.real(x)))


@translates("sign", "sign.default", "sgn.default")
def sign(e: Emitter, x: SSAValue) -> Result:
    """
    +1 from zero on, else -1.
    """
    x = e.pixels.get(x, x)
    return e.select(e.emit(SignOp(x)), 1.0, -1.0, "value")


def compare(e: Emitter, x: Operand, y: Operand, strict: bool, below: bool) -> SSAValue:
    """
    `x >= y`, `x > y` (strict), `x < y` (below) or `x <= y` (strict and below); of two values `x - y` against 0.

    `x > y` is `x >= y'` with the next double above y.
    """
    if isinstance(y, SSAValue) and not isinstance(x, SSAValue):
        return compare(e, y, x, not strict, not below)
    if isinstance(y, SSAValue):
        return compare(e, difference(e, x, y), 0.0, strict, below)
    assert isinstance(x, SSAValue)
    x = e.pixels.get(x, x)
    axis, (limits,) = per_channel(shape_of(x), np.asarray(y, np.float64))
    if is_real(x) and not strict and not below and not limits.any():
        return e.emit(SignOp(x))
    if strict:
        limits = np.nextafter(limits, np.inf)
    return e.threshold(x, axis, limits, np.full(limits.shape, below))


def difference(e: Emitter, x: Operand, y: SSAValue) -> SSAValue:
    """
    `x - y` of two values of one shape.
    """
    x, y = e.real(x), e.real(y)
    if shape_of(x) != shape_of(y):
        raise UntranslatableError(f"{e.site.target} of shapes {list(shape_of(x))} and {list(shape_of(y))}")
    return e.emit(AddOp(x, e.affine(y, scale=-1.0, word="term")), "difference")


def comparison(name: str, strict: bool, below: bool) -> Callable[[Emitter, Operand, Operand], Result]:
    """
    Enters one of the four comparisons.
    """

    @translates(name, f"{name}.Scalar", f"{name}.Tensor")
    def translate(e: Emitter, x: Operand, y: Operand) -> Result:
        return compare(e, x, y, strict, below)

    return translate


comparison("ge", False, False)
comparison("gt", True, False)
comparison("lt", False, True)
comparison("le", True, True)


@translates("where", "where.self", "where.Scalar", "where.ScalarOther", "where.ScalarSelf")
def where(e: Emitter, condition: Operand, x: Operand, y: Operand) -> Result:
    """
    A choice: of two constants, a bound, a PReLU, or `condition * x + (1 - condition) * y`, which picks exactly.
    """
    if e.site.dtype == "bool":
        raise UntranslatableError(f"{e.site.target} that chooses between bits (cast to float first)")
    if isinstance(condition, SSAValue):
        if not isinstance(x, SSAValue) and not isinstance(y, SSAValue):
            return e.select(condition, x, y)
        found = bounded_by(e, condition, x, y) or sloped_by(e, condition, x, y)
        if found is not None:
            return found
    return total(e, chosen(e, condition, x, True), chosen(e, condition, y, False), 1.0)


def chosen(e: Emitter, condition: Operand, x: Operand, when: bool) -> SSAValue:
    """
    x where the condition is `when`, else 0.
    """
    word = "then" if when else "else"
    if not isinstance(condition, SSAValue):
        return e.affine(e.real(x), scale=np.equal(condition, when).astype(np.float64), word=word)
    if not isinstance(x, SSAValue):
        return e.select(condition, *((x, 0.0) if when else (0.0, x)), word=word)
    gate = e.select(condition, float(when), float(not when), word=f"{word}.gate")
    return product(e, e.real(x), gate, word)


def limits_of(condition: SSAValue, x: SSAValue) -> tuple[Array, bool] | None:
    """
    The limits that x reaches where the condition holds, or (inverted) where it does not; None where it is another one.
    """
    op = condition.owner
    if isinstance(op, SignOp) and op.input == x:
        return np.zeros(1), False
    if not isinstance(op, ThresholdOp) or op.input != x or not is_real(x):
        return None
    invert = constant_value(op.invert)
    return None if (invert != invert[0]).any() else (constant_value(op.threshold), bool(invert[0]))


def bounded_by(e: Emitter, condition: SSAValue, x: Operand, y: Operand) -> SSAValue | None:
    """
    `x > c ? c : x == min(x, c)` and `x < c ? c : x == max(x, c)`; None where it is no bound.
    """
    if isinstance(x, SSAValue) == isinstance(y, SSAValue):
        return None
    kept = isinstance(x, SSAValue)
    value, bound = cast("tuple[SSAValue, Constant]", (x, y) if kept else (y, x))
    known_limits = limits_of(condition, value)
    if known_limits is None or np.size(bound) == 0 or (np.ravel(bound) != np.ravel(bound)[0]).any():
        return None
    (limits, inverted), limit = known_limits, float(np.ravel(bound)[0])
    if not ((limits == limit) | (limits == np.nextafter(limit, np.inf))).all():
        return None
    return bounded(e, value, *((limit, math.inf) if kept != inverted else (-math.inf, limit)))


def sloped_by(e: Emitter, condition: SSAValue, x: Operand, y: Operand) -> SSAValue | None:
    """
    `x > 0 ? x : s*x == prelu(x)` with slope s; None where it is another choice.
    """
    for value, other, kept in ((x, y, True), (y, x, False)):
        if not (isinstance(value, SSAValue) and isinstance(other, SSAValue)):
            return None
        slopes, known_limits = multiples(other, value), limits_of(condition, value)
        if slopes is None or known_limits is None or kept == known_limits[1]:
            continue
        if ((known_limits[0] == 0) | (known_limits[0] == np.nextafter(0, np.inf))).all():
            return e.emit(PReluOp(value, e.constant(slopes, "slope")))
    return None


@translates("not", "logical_not.default", "bitwise_not.default")
def logical_not(e: Emitter, x: SSAValue) -> Result:
    """
    Inverted bits.
    """
    if e.site.source_dtype != "bool":
        raise UntranslatableError(f"{e.site.target} of numbers")
    return e.flip(x, 1, np.ones(shape_of(x)[1], np.bool_))


@translates("cast", "_to_copy.default", "to.dtype", "type_as.default", moves=True)
def cast_to(e: Emitter, x: SSAValue, *_: object, **__: object) -> Result:
    """
    Casts between floats change nothing; bits become 0 and 1, pixels their value.
    """
    source, target = e.site.source_dtype, e.site.dtype
    if source == target or (source.startswith(("float", "bfloat")) and target.startswith(("float", "bfloat"))):
        return x
    if target in ("int32", "int64") and source in ("bool", "uint8", "int32", "int64"):
        return e.real(x)
    if target.startswith(("float", "bfloat")):
        return e.real(x)
    raise UntranslatableError(f"{e.site.target} from {source} to {target}")
