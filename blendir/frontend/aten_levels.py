"""
Counts of thresholds, and rounding down or up: a bounded rounding is a count of thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from xdsl.dialects.builtin import TensorType, f64, i1, i64
from xdsl.ir import SSAValue

from blendir.dialects.blend import AffineOp, ClampOp, MultiThresholdOp, RoundOp, constant_value, is_real
from blendir.frontend.emitter import Emitter, Rounding, integer_limits, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import TABLE, Entry, Result, translates

MOST_THRESHOLDS = 255
"""Of one value: levels of eight bits."""
FINEST = 24
"""The finest grid, in fractional bits, on which `rounded_on_grid` shifts a rounding."""

REMEDY = f"(clamp to whole bounds of at most {MOST_THRESHOLDS + 1} levels)"
NEAREST = {"floor": np.floor, "ceil": np.ceil}

First: TypeAlias = Callable[[int], tuple[float, bool]]
"""The bound of the numbers that reach a level, and whether the bound itself is excluded."""

FIRST: dict[str, First] = {
    "floor": lambda k: (k, False),
    "ceil": lambda k: (k - 1, True),
    "trunc": lambda k: (k, False) if k > 0 else (k - 1, True),
    "away": lambda k: (k - 1, True) if k > 0 else (k, False),
    "half_away": lambda k: (k - 0.5, k <= 0),
    "half_to_zero": lambda k: (k - 0.5, k > 0),
}


def level_thresholds(rounding: str, low: int, high: int) -> NDArray[np.float64]:
    """
    The smallest doubles that a rounding maps to `low + 1` .. `high`, or above.
    """
    if high - low > MOST_THRESHOLDS:
        raise UntranslatableError(f"{rounding} to {high - low + 1} levels, more than {MOST_THRESHOLDS + 1}")
    firsts = [FIRST[rounding](k) for k in range(low + 1, high + 1)]
    return np.array([np.nextafter(bound, np.inf) if strict else bound for bound, strict in firsts], np.float64)


@torch.library.custom_op("blendir::multi_threshold", mutates_args=())
def multi_threshold(x: Tensor, thresholds: Tensor, axis: int) -> Tensor:
    """
    The number of thresholds [channels, n] of its channel that each number reaches; a single row serves every channel.
    """
    shape = [1] * x.ndim
    shape[axis] = -1
    return sum(((x >= t.reshape(shape)).to(x.dtype) for t in thresholds.T), torch.zeros_like(x))


@multi_threshold.register_fake
def _(x: Tensor, thresholds: Tensor, axis: int) -> Tensor:
    return torch.empty_like(x)


def translate_multi_threshold(e: Emitter, x: SSAValue, thresholds: NDArray[Any], axis: int) -> Result:
    """
    A count.
    """
    return counted(e, x, np.asarray(thresholds, np.float64), axis)


TABLE["blendir.multi_threshold.default"] = Entry(translate_multi_threshold, "levels")


def counted(e: Emitter, x: SSAValue, thresholds: NDArray[np.float64], axis: int, lowest: int = 0) -> SSAValue:
    """
    The lowest level, plus 1 for each threshold that is reached, as a float. A single threshold becomes a bit.
    Thresholds on pixels are integers.
    """
    x = e.pixels.get(x, x)
    limits = np.sort(np.broadcast_to(thresholds, (shape_of(x)[axis], thresholds.shape[1])), axis=1)
    none = np.zeros(len(limits), np.bool_)
    if limits.shape[1] == 1:
        return e.select(e.threshold(x, axis, limits[:, 0], none, "bits"), lowest + 1.0, lowest)
    if not is_real(x):
        limits = integer_limits(x, limits)
    level, invert = e.constant(limits, "thresholds", f64 if is_real(x) else i64), e.constant(none, "invert", i1)
    return e.affine(e.emit(MultiThresholdOp(x, level, invert, lowest, 1, axis), "count"))


@translates("floor", "floor.default", pointwise=True)
def floor(e: Emitter, x: SSAValue) -> Result:
    """
    Down.
    """
    return rounded_by(e, e.real(x), "floor")


@translates("ceil", "ceil.default", pointwise=True)
def ceil(e: Emitter, x: SSAValue) -> Result:
    """
    Up.
    """
    return rounded_by(e, e.real(x), "ceil")


def rounded_by(e: Emitter, x: SSAValue, rounding: str) -> SSAValue:
    """
    Rounding down or up of numbers on a grid, of a bounded value, or of a value that the following clamp bounds.
    """
    unit = grid_unit(x)
    if unit is not None:
        return rounded_on_grid(e, x, unit, -1 if rounding == "floor" else 1)
    if isinstance(x.owner, ClampOp):
        low, high = (float(NEAREST[rounding](v.value.data)) for v in (x.owner.low, x.owner.high))
        return rounding_bounded(e, Rounding(x.owner.input, rounding), low, high)
    return rounding_bounded(e, Rounding(x, rounding), -math.inf, math.inf)


def rounding_bounded(e: Emitter, r: Rounding, low: float, high: float) -> SSAValue:
    """
    A clamped rounding. While a bound is missing it is a placeholder, which is an error if its result is used.
    """
    low, high = (min(max(v, low), high) for v in (r.low, r.high))
    if math.isfinite(low) and math.isfinite(high):
        return rounded_between(e, r.source, r.name, low, high)
    value = e.unsupported(f"{r.name} without bounds {REMEDY}", [r.source], TensorType(f64, shape_of(r.source)))
    e.roundings[value] = Rounding(r.source, r.name, low, high)
    return value


def rounded_between(e: Emitter, x: SSAValue, rounding: str, low: float, high: float) -> SSAValue:
    """
    `clamp(round(x))` with whole bounds, by the thresholds of its levels.
    """
    if not low == round(low) < round(high) == high:
        raise UntranslatableError(f"{rounding} with bounds {low:g} and {high:g} {REMEDY}")
    return counted(e, x, level_thresholds(rounding, int(low), int(high))[None], 1, int(low))


def grid_unit(x: SSAValue) -> float | None:
    """
    A power of two u such that the value is always a multiple of u: for rounded numbers, products of them with powers of
    two, and sums with multiples of u. None if there is none.
    """
    owner = x.owner
    if isinstance(owner, RoundOp):
        return 1.0
    if not isinstance(owner, AffineOp):
        return None
    inner = grid_unit(owner.input)
    if inner is None:
        return None
    center, scale, offset = (constant_value(v) for v in (owner.center, owner.scale, owner.offset))
    steps = np.concatenate([inner * scale, center * scale - offset])
    for bits in range(FINEST + 1):
        if bool((steps * 2**bits == np.rint(steps * 2**bits)).all()):
            return 2.0**-bits
    return None


def rounded_on_grid(e: Emitter, x: SSAValue, unit: float, direction: int) -> SSAValue:
    """
    `floor(x) == round(x - 1/2 + unit/2)` for multiples of the unit, which never meets a tie; `ceil` likewise.
    """
    if unit == 1:
        return x
    return e.emit(RoundOp(e.affine(x, offset=direction * (1 - unit) / 2, word="shift")))
