"""
How large the values of a folded module get: sound interval bounds, and what calibration frames show.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from blendir.dialects.blend import (
    ActivationOp,
    AddOp,
    AffineOp,
    AvgPool2dOp,
    BitsToValueOp,
    ClampOp,
    ConcatOp,
    Conv2dOp,
    LayerNormOp,
    LinearOp,
    MaxPool2dOp,
    MultiplyOp,
    PiecewiseLinearOp,
    ReshapeOp,
    RoundOp,
    TakeOp,
    TransposeOp,
    constant_value,
    is_real,
    tensor_type,
)
from blendir.functions import LEAST, evaluate
from blendir.interpreter import main_function, run_module
from blendir.numerics import Format
from blendir.passes.rewriting import affine_of, integer_range, pieces_of

ASSUMED_INPUT = 8.0
GUARD = 2.0
UNSEEN = 1.0
"""What is kept free for a value of which calibration showed nothing but zeros."""
FINER = 64
"""How many units finer than the one for the largest value are tried."""
SAMPLE = 1 << 16
MANTISSA, MAX_EXPONENT = 53, 1024
GRID_BITS = 24
"""Of the widest activations."""
Reals = NDArray[np.float64]
Interval = tuple[Reals, Reals]


class Spread:
    """
    How the magnitudes of a value are spread over calibration frames, by power of two. Zeros are in no bin: no format
    is better for them than another.
    """

    def __init__(self) -> None:
        self.peak = 0.0
        self.count = 0
        self.sampled = 0
        self.moments: defaultdict[int, Reals] = defaultdict(lambda: np.zeros(3))
        """Per exponent of `np.frexp`: how many values, the sum of their mantissas, and that of their squares."""
        self.frac: int | None = -MAX_EXPONENT
        """The fractional bits that hold every value exactly; None where the peak would need more than GRID_BITS."""

    def add(self, values: Reals) -> None:
        """
        Takes in more values; all for the peak and the grid, an even sample for the rest.
        """
        if not values.size:
            return
        self.peak = max(self.peak, float(values.max()), -float(values.min()))
        self.count += values.size
        sample = np.abs(values.ravel()[:: (values.size // SAMPLE) | 1])
        self.sampled += sample.size
        for part in (sample, values):
            if self.frac is not None:
                frac = max(self.frac, fractional_bits(part))
                self.frac = frac if frac + math.frexp(self.peak)[1] <= GRID_BITS else None
        mantissas, exponents = np.frexp(sample[sample > 0])
        if not mantissas.size:
            return
        least = int(exponents.min())
        for moment, weights in enumerate((None, mantissas, mantissas * mantissas)):
            for bin, total in enumerate(np.bincount(exponents - least, weights)):
                if total:
                    self.moments[least + bin][moment] += total

    def excess(self, exponent: int) -> float:
        """
        The mean of `(|v| / 2**exponent - 1)**2` over all values, those within `2**exponent` counting as 0.
        """
        total = 0.0
        for bin, (count, mantissas, squares) in self.moments.items():
            if bin > exponent:
                scale = math.ldexp(1.0, bin - exponent)
                total += squares * scale * scale - 2 * mantissas * scale + count
        return total / self.sampled


def fractional_bits(values: Reals) -> int:
    """
    The fewest fractional bits, negative for multiples of higher powers of two, that hold every value exactly.
    """
    mantissas, exponents = np.frexp(values[values != 0])
    if not mantissas.size:
        return -MAX_EXPONENT
    integers = np.ldexp(mantissas, MANTISSA).astype(np.int64)
    zeros = np.frexp((integers & -integers).astype(np.float64))[1] - 1
    return int((MANTISSA - exponents - zeros).max())


@dataclass(frozen=True)
class Range:
    """
    What is known of the magnitude of a value: a bound, and its spread where there are calibration frames.
    """

    bound: float
    spread: Spread | None = None

    @property
    def largest(self) -> float:
        """
        What a format should hold where it has bits enough: GUARD times the largest magnitude seen, or the bound.
        Where nothing but zeros was seen, at most UNSEEN: a bound far above what other layers carry would take the bits
        of all that follows.
        """
        if self.spread is None:
            return self.bound
        return min(self.bound, GUARD * self.spread.peak if self.spread.peak else UNSEEN)

    def format(self, width: int) -> Format:
        """
        The format of `width` bits with the least mean square error of rounding and clipping; with few bits, clipping
        the rarest values costs less than a coarser unit for all. One value as large as `largest` is reckoned beside
        the values seen. Values that lie on a grid, as 0 and 1 do, get a format that holds them exactly, if there is
        one of this width.
        """
        widest = Format.covering(self.largest, width)
        if self.spread is None or not self.spread.peak:
            return widest
        best = min((Format(width, widest.frac + finer) for finer in range(FINER)), key=self.error)
        exact = (best, widest, Format.covering(self.spread.peak, width))
        return next((fmt for fmt in exact if self.is_exact(fmt)), best)

    def is_exact(self, fmt: Format) -> bool:
        """
        Whether a format holds every value seen exactly.
        """
        assert self.spread is not None
        frac, peak = self.spread.frac, self.spread.peak
        return frac is not None and frac <= fmt.frac and math.ldexp(peak, fmt.frac) <= fmt.high

    def error(self, fmt: Format) -> float:
        """
        The mean square error of a format, in units of the square of `largest`.
        """
        assert self.spread is not None
        exponent = fmt.width - 1 - fmt.frac
        beyond = max(0.0, math.ldexp(self.largest, -exponent) - 1)
        clipping = self.spread.excess(exponent) + beyond**2 / self.spread.count
        return (clipping + 4.0 ** (1 - fmt.width) / 12) / math.ldexp(self.largest, -exponent) ** 2


def measured(module: ModuleOp, frames: NDArray[Any]) -> dict[SSAValue, Spread]:
    """
    The spread of every float result, and of a float input, over calibration frames; ValueError where there are none.
    """
    if not len(frames):
        raise ValueError("the calibration data holds no frames; give at least one")
    spreads: defaultdict[SSAValue, Spread] = defaultdict(Spread)
    argument = main_function(module).body.block.args[0]
    if is_real(argument):
        spreads[argument].add(np.asarray(frames, np.float64))

    def observe(op: Operation, index: int, value: NDArray[Any]) -> None:
        if is_real(op.results[index]):
            spreads[op.results[index]].add(value)

    run_module(module, frames, observe)
    return spreads


def interval_magnitudes(module: ModuleOp) -> dict[SSAValue, float]:
    """
    A bound on the absolute value of every float value; a float input is assumed to lie in +-8.
    """
    block = main_function(module).body.block
    intervals: dict[SSAValue, Interval] = {}
    argument = block.args[0]
    if is_real(argument):
        bound = np.full(tensor_type(argument).get_shape()[1], ASSUMED_INPUT)
        intervals[argument] = (-bound, bound)
    for op in block.ops:
        if not isinstance(op, func.ReturnOp) and op.results and is_real(op.results[0]):
            interval = propagate(op, intervals)
            if interval is not None:
                intervals[op.results[0]] = interval
    return {v: float(max(np.abs(low).max(), np.abs(high).max())) for v, (low, high) in intervals.items()}


def interval_of(value: SSAValue, intervals: dict[SSAValue, Interval]) -> Interval:
    """
    The bounds of a value along its axis 1; integers have those of their type or accumulator.
    """
    if value in intervals:
        return intervals[value]
    grid = integer_range(value)
    assert grid is not None, f"{value} has no bounds"
    ones = np.ones(tensor_type(value).get_shape()[1])
    return float(grid.real(grid.low)) * ones, float(grid.real(grid.high)) * ones


def whole(interval: Interval, channels: int) -> Interval:
    """
    The same bounds for every channel of a result with other channels.
    """
    return np.full(channels, interval[0].min()), np.full(channels, interval[1].max())


def propagate(op: Operation, known: dict[SSAValue, Interval]) -> Interval | None:
    """
    The bounds of an operation's float result; None for constants.
    """
    match op:
        case Conv2dOp() | LinearOp():
            return products(op, interval_of(op.input, known))
        case PiecewiseLinearOp() if op.axis.value.data == 1:
            return pieces_of(op).bounds(*interval_of(op.input, known))
        case PiecewiseLinearOp():
            channels = tensor_type(op.input).get_shape()[op.axis.value.data]
            bounds = pieces_of(op).bounds(*whole(interval_of(op.input, known), channels))
            return whole(bounds, tensor_type(op.result).get_shape()[1])
        case AffineOp():
            low, high = whole(interval_of(op.input, known), tensor_type(op.input).get_shape()[op.axis.value.data])
            if op.axis.value.data == 1:
                low, high = interval_of(op.input, known)
            affine = affine_of(op)
            ends = (low * affine.scale + affine.shift, high * affine.scale + affine.shift)
            bounds = np.minimum(*ends), np.maximum(*ends)
            return bounds if op.axis.value.data == 1 else whole(bounds, tensor_type(op.result).get_shape()[1])
        case AddOp():
            (a, b), (c, d) = interval_of(op.lhs, known), interval_of(op.rhs, known)
            return a + c, b + d
        case ActivationOp():
            low, high = interval_of(op.input, known)
            ends = [evaluate(op.function.data, v) for v in (low, high)]
            least = LEAST.get(op.function.data, math.inf)
            return np.where(low < 0, np.minimum(ends[0], least), ends[0]), np.maximum(*ends)
        case LayerNormOp():
            count = tensor_type(op.input).get_shape()[op.axis.value.data]
            size = np.abs(constant_value(op.gamma)) * math.sqrt(count - 1)
            beta = constant_value(op.beta)
            bounds = beta - size, beta + size
            return bounds if op.axis.value.data == 1 else whole(bounds, tensor_type(op.result).get_shape()[1])
        case MultiplyOp():
            ends = [a * b for a in interval_of(op.lhs, known) for b in interval_of(op.rhs, known)]
            return np.min(ends, axis=0), np.max(ends, axis=0)
        case AvgPool2dOp():
            low, high = interval_of(op.input, known)
            gain = op.window[0] * op.window[1] / op.divisor.value.data
            zero = 0.0 if any(op.pads) else np.inf
            return np.minimum(low * gain, zero), np.maximum(high * gain, -zero)
        case ClampOp():
            low, high = interval_of(op.input, known)
            bounds = (op.low.value.data, op.high.value.data)
            return np.clip(low, *bounds), np.clip(high, *bounds)
        case MaxPool2dOp():
            return interval_of(op.input, known)
        case RoundOp():
            low, high = interval_of(op.input, known)
            return np.rint(low), np.rint(high)
        case TakeOp() if op.axis.value.data == 1:
            low, high = interval_of(op.input, known)
            picks = np.array(op.picks)
            return np.where(picks < 0, 0, low[picks]), np.where(picks < 0, 0, high[picks])
        case TakeOp():
            return whole(interval_of(op.input, known), tensor_type(op.result).get_shape()[1])
        case ReshapeOp() | TransposeOp():
            return whole(interval_of(op.input, known), tensor_type(op.result).get_shape()[1])
        case ConcatOp():
            parts = [interval_of(v, known) for v in op.inputs]
            if op.axis.value.data == 1:
                return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
            return np.min([p[0] for p in parts], axis=0), np.max([p[1] for p in parts], axis=0)
        case BitsToValueOp():
            ones = np.ones(tensor_type(op.result).get_shape()[1])
            return -ones, ones
        case _:
            return None


def products(op: Conv2dOp | LinearOp, source: Interval) -> Interval:
    """
    The bounds of sums of products; padded taps lie between the input's bounds and the pad value.
    """
    low, high = source
    weight, bias = constant_value(op.weight), constant_value(op.bias)
    if isinstance(op, Conv2dOp) and any(op.pads):
        pad = constant_value(op.pad) if op.pad is not None else np.zeros(1)
        low, high = np.minimum(low, pad), np.maximum(high, pad)
    per_input = (1, -1, *[1] * (weight.ndim - 2))
    low, high = low.reshape(per_input), high.reshape(per_input)
    axes = tuple(range(1, weight.ndim))
    least = np.minimum(weight * low, weight * high).sum(axis=axes)
    most = np.maximum(weight * low, weight * high).sum(axis=axes)
    flat = bias.reshape(len(bias), -1)
    return least + flat.min(axis=1), most + flat.max(axis=1)
