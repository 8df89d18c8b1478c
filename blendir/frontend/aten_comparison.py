"""
ATen comparisons, and choices by them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from xdsl.dialects.builtin import i1
from xdsl.ir import SSAValue

from blendir.dialects.blend import AddOp, AffineOp, PReluOp, SignOp, ThresholdOp, constant_value, is_real, tensor_type
from blendir.frontend.aten_elementwise import Operand, bounded, difference, multiples, pointwise, product, total
from blendir.frontend.emitter import Array, Constant, Emitter, Equality, per_channel, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import Result, translates


@pointwise("sign", "sign.default", "sgn.default")
def sign(e: Emitter, x: SSAValue) -> Result:
    """
    +1 from zero on, else -1.
    """
    x = e.pixels.get(x, x)
    return e.select(e.emit(SignOp(x)), 1.0, -1.0, "value")


def compare(e: Emitter, x: Operand, y: Operand, strict: bool, below: bool, word: str = "") -> SSAValue:
    """
    `x >= y`, `x > y` (strict), `x < y` (below) or `x <= y` (strict and below); of two values `x - y` against 0.

    `x > y` is `x >= y'` with the next double above y.
    """
    if isinstance(y, SSAValue) and not isinstance(x, SSAValue):
        return compare(e, y, x, not strict, not below, word)
    if isinstance(y, SSAValue):
        return compare(e, difference(e, x, y), 0.0, strict, below, word)
    assert isinstance(x, SSAValue)
    x = e.pixels.get(x, x)
    axis, (limits,) = per_channel(shape_of(x), np.asarray(y, np.float64))
    if is_real(x) and not strict and not below and not limits.any():
        return e.emit(SignOp(x), word)
    if strict:
        limits = np.nextafter(limits, np.inf)
    return e.threshold(x, axis, limits, np.full(limits.shape, below), word)


def comparison(name: str, strict: bool, below: bool) -> Callable[[Emitter, Operand, Operand], Result]:
    """
    Enters one of the four comparisons.
    """

    @pointwise(name, f"{name}.Scalar", f"{name}.Tensor")
    def translate(e: Emitter, x: Operand, y: Operand) -> Result:
        return compare(e, x, y, strict, below)

    return translate


comparison("ge", False, False)
comparison("gt", True, False)
comparison("lt", False, True)
comparison("le", True, True)


@pointwise("eq", "eq.Scalar", "eq.Tensor")
def equal(e: Emitter, x: Operand, y: Operand) -> Result:
    """
    `x == y`: where x reaches y and does not pass it.
    """
    return equality(e, x, y, inverted=False)


@pointwise("ne", "ne.Scalar", "ne.Tensor")
def unequal(e: Emitter, x: Operand, y: Operand) -> Result:
    """
    `x != y`.
    """
    return equality(e, x, y, inverted=True)


def equality(e: Emitter, x: Operand, y: Operand, inverted: bool) -> SSAValue:
    """
    `x == y`, or `x != y` if inverted.
    """
    if isinstance(x, SSAValue) and isinstance(y, SSAValue):
        x, y = difference(e, x, y), 0.0
    value, other = (x, y) if isinstance(x, SSAValue) else (y, x)
    assert isinstance(value, SSAValue)
    value = e.real(value) if tensor_type(value).element_type == i1 else value
    reached = e.select(compare(e, value, other, False, False, "reached"), 0.5, -0.5, "from")
    passed = e.select(compare(e, value, other, True, False, "passed"), -0.5, 0.5, "to")
    count, ends = e.emit(AddOp(reached, passed), "inside"), np.full(shape_of(value)[1], 0.5)
    bits = e.threshold(count, 1, ends, np.full(ends.shape, inverted))
    e.equalities[bits] = Equality(value, other, inverted)
    return bits


@pointwise("where", "where.self", "where.Scalar", "where.ScalarOther", "where.ScalarSelf")
def where(e: Emitter, condition: Operand, x: Operand, y: Operand) -> Result:
    """
    A choice: of two constants, a bound, a PReLU, or `condition * x + (1 - condition) * y`, which picks exactly.
    """
    if e.site.dtype == "bool":
        raise UntranslatableError(f"{e.site.target} that chooses between bits (cast to float first)")
    x, y = without_factor(x), without_factor(y)
    if not isinstance(condition, SSAValue):
        if isinstance(x, SSAValue) and not isinstance(y, SSAValue):
            return fixed_where(e, x, np.asarray(condition, np.bool_), y)
        if isinstance(y, SSAValue) and not isinstance(x, SSAValue):
            return fixed_where(e, y, np.logical_not(condition), x)
    if isinstance(condition, SSAValue):
        if not isinstance(x, SSAValue) and not isinstance(y, SSAValue):
            return e.select(condition, x, y)
        found = sign_of(e, condition, x, y) or bounded_by(e, condition, x, y) or sloped_by(e, condition, x, y)
        if found is not None:
            return found
    if not isinstance(y, SSAValue) and not np.any(y):
        return chosen(e, condition, x, True)
    if not isinstance(x, SSAValue) and not np.any(x):
        return chosen(e, condition, y, False)
    return total(e, chosen(e, condition, x, True, "then"), chosen(e, condition, y, False, "else"), 1.0)


@translates("where", "index_put.default")
def masked(e: Emitter, x: Operand, indices: Sequence[Operand], value: Operand, accumulate: bool = False) -> Result:
    """
    `x[mask] = value`, a choice where the mask has the shape of x.
    """
    mask = indices[0]
    if len(indices) == 1 and isinstance(mask, SSAValue) and shape_of(mask) == e.site.shape and not accumulate:
        if tensor_type(mask).element_type == i1 and not isinstance(value, SSAValue) and np.size(value) == 1:
            return where(e, mask, value, x)
    raise UntranslatableError(f"{e.site.target} other than x[mask] = number, with a mask of the shape of x")


def fixed_where(e: Emitter, x: SSAValue, kept: Array, other: Constant) -> SSAValue:
    """
    x where it is kept, else a constant.
    """
    return e.affine(e.real(x), scale=kept.astype(np.float64), offset=np.where(kept, 0.0, other))


def without_factor(x: Operand) -> Operand:
    """
    0 in place of `0 * x`.
    """
    op = x.owner if isinstance(x, SSAValue) else None
    if not isinstance(op, AffineOp) or constant_value(op.scale).any() or constant_value(op.offset).any():
        return x
    return 0.0


def chosen(e: Emitter, condition: Operand, x: Operand, when: bool, word: str = "") -> SSAValue:
    """
    x where the condition is `when`, else 0.
    """
    if not isinstance(condition, SSAValue):
        return e.affine(e.real(x), scale=np.equal(condition, when).astype(np.float64), word=word)
    if not isinstance(x, SSAValue):
        return e.select(condition, *((x, 0.0) if when else (0.0, x)), word=word)
    gate = e.select(condition, float(when), float(not when), word=f"{word}.gate".lstrip("."))
    return product(e, e.real(x), gate, word)


def limits_of(condition: SSAValue, x: SSAValue) -> tuple[Array, bool] | None:
    """
    The limits with `condition == (x >= limit)`, or with `condition == (x < limit)` if inverted; None for any other
    condition.
    """
    op = condition.owner
    if isinstance(op, SignOp) and op.input == x:
        return np.zeros(1), False
    if not isinstance(op, ThresholdOp) or op.input != x or not is_real(x):
        return None
    invert = constant_value(op.invert)
    return None if (invert != invert[0]).any() else (constant_value(op.threshold), bool(invert[0]))


def sign_of(e: Emitter, condition: SSAValue, x: Operand, y: Operand) -> SSAValue | None:
    """
    `z == 0 ? 1 : sign(z) == sign(z)`, since the sign of 0 is +1; None if it is another choice.
    """
    found = e.equalities.get(condition)
    if found is None or isinstance(found.other, SSAValue) or np.any(found.other):
        return None
    at_zero, sign = (y, x) if found.inverted else (x, y)
    known_levels = e.levels.get(sign) if isinstance(sign, SSAValue) and not isinstance(at_zero, SSAValue) else None
    if known_levels is None or limits_of(known_levels.bits, found.value) is None:
        return None
    limits, inverted = cast("tuple[Array, bool]", limits_of(known_levels.bits, found.value))
    same = not limits.any() and np.all(at_zero == (known_levels.low if inverted else known_levels.high))
    return cast(SSAValue, sign) if same else None


def bounded_by(e: Emitter, condition: SSAValue, x: Operand, y: Operand) -> SSAValue | None:
    """
    `x > c ? c : x == min(x, c)` and `x < c ? c : x == max(x, c)`; None if it is not a bound.
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


@pointwise("not", "logical_not.default", "bitwise_not.default")
def logical_not(e: Emitter, x: SSAValue) -> Result:
    """
    Inverted bits.
    """
    if e.site.source_dtype != "bool":
        raise UntranslatableError(f"{e.site.target} of numbers")
    return e.flip(x, 1, np.ones(shape_of(x)[1], np.bool_))
