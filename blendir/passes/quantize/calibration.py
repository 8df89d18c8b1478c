"""
How large the values of a folded module get: sound interval bounds, and what calibration frames show.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from blendir.dialects.blend import ArgmaxOp, BitsToValueOp, BlendOp, ConstantOp, is_real, tensor_type
from blendir.errors import UserError
from blendir.interpreter import encode_input, input_type, main_function, run_module
from blendir.numerics import Format
from blendir.passes.ranges.bounds import Bounds, Ranges, Reals
from blendir.passes.ranges.ends import EVERYWHERE, ends_that_matter

ASSUMED_INPUT = 8.0
GUARD = 2.0
UNSEEN = 1.0
"""What is kept free for a value of which calibration showed nothing but zeros."""
FINER = 64
"""How many units finer than the one for the largest value are tried."""
SAMPLE = 1 << 16
FEW = 64
"""As many equal values may be chance."""
COMMON = 0.01
"""The share of values at an end, as a clamp makes them, from which on a format has to hold it."""
MANTISSA, MAX_EXPONENT = 53, 1024
GRID_BITS = 24
"""Of the widest activations."""
NAMED = 3
"""Layers in a warning."""


class Spread:
    """
    How the magnitudes of a value are spread over calibration frames, by power of two. Zeros are in no bin: no format
    is better for them than another.
    """

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf
        self.at_low, self.at_high = 0, 0
        """How many values of the sample are the least or the largest one."""
        self.count = 0
        self.sampled = 0
        self.moments: defaultdict[int, Reals] = defaultdict(lambda: np.zeros(3))
        """Per exponent of `np.frexp`: how many values, the sum of their mantissas, and that of their squares."""
        self.frac: int | None = -MAX_EXPONENT
        """The fractional bits that hold every value exactly; None where the peak would need more than GRID_BITS."""

    @property
    def peak(self) -> float:
        """
        The largest magnitude; 0 where there are no values.
        """
        return max(self.high, -self.low, 0.0)

    def add(self, values: Reals) -> None:
        """
        Takes in more values; all for the peak and the grid, an even sample for the rest.
        """
        if not values.size:
            return
        drawn = values.ravel()[:: (values.size // SAMPLE) | 1]
        self.count_ends(drawn, float(values.min()), float(values.max()))
        self.count += values.size
        self.sampled += drawn.size
        sample = np.abs(drawn)
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

    def count_ends(self, sample: Reals, low: float, high: float) -> None:
        """
        Takes in the ends of more values and a sample of them.
        """
        self.at_low = (self.at_low if low >= self.low else 0) + int((sample == min(low, self.low)).sum())
        self.at_high = (self.at_high if high <= self.high else 0) + int((sample == max(high, self.high)).sum())
        self.low, self.high = min(self.low, low), max(self.high, high)

    def has_end_beyond(self, fmt: Format) -> bool:
        """
        Whether many values are an end that a format does not hold: each of them would be off by the same error.
        """
        ends = ((self.low, self.at_low), (self.high, self.at_high))
        return any(
            number > max(1, COMMON * self.sampled) and not fmt.low <= round(math.ldexp(end, fmt.frac)) <= fmt.high
            for end, number in ends
        )

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
        one of this width; a clamp's end that many values have is never beyond the format.
        """
        widest = Format.covering(self.largest, width)
        if self.spread is None or not self.spread.peak or not self.bound:
            return widest
        formats = (Format(width, widest.frac + finer) for finer in range(FINER))
        best = min((fmt for fmt in formats if fmt == widest or not self.spread.has_end_beyond(fmt)), key=self.error)
        exact = (best, widest, Format.covering(self.spread.peak, width))
        return next((fmt for fmt in exact if self.is_exact(fmt)), best)

    def is_exact(self, fmt: Format) -> bool:
        """
        Whether a format holds every value seen exactly.
        """
        if self.spread is None:
            return False
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


def measured(module: ModuleOp, frames: NDArray[Any]) -> tuple[dict[SSAValue, Spread], dict[SSAValue, Spread]]:
    """
    The spread of every float result, and of a float input, over calibration frames; UserError where there are none.
    Then the same of what matters of them: values beyond the ends that matter count as these ends, where some do not.
    """
    if not len(frames):
        raise UserError("the calibration data holds no frames; give at least one")
    whole: defaultdict[SSAValue, Spread] = defaultdict(Spread)
    within: defaultdict[SSAValue, Spread] = defaultdict(Spread)
    ends = ends_that_matter(module)

    def add(value: SSAValue, array: NDArray[Any]) -> None:
        whole[value].add(array)
        if ends[value] != EVERYWHERE:
            within[value].add(array.clip(*ends[value]))

    argument = main_function(module).body.block.args[0]
    if is_real(argument):
        add(argument, encode_input(frames, input_type(module)))

    def observe(op: Operation, index: int, value: NDArray[Any]) -> None:
        if is_real(op.results[index]):
            add(op.results[index], value)

    run_module(module, frames, observe)
    return whole, whole | {value: spread for value, spread in within.items() if spread.peak}


def unseen_layers(module: ModuleOp, spreads: dict[SSAValue, Spread], bounds: dict[SSAValue, float]) -> list[str]:
    """
    The layers of which calibration frames show a single value, where what they read has others, and they could.
    """
    names: dict[str, None] = {}
    for op in main_function(module).body.block.ops:
        if not isinstance(op, BlendOp) or isinstance(op, BitsToValueOp | ArgmaxOp) or op.results[0] not in spreads:
            continue
        spread, sources = spreads[op.results[0]], [spreads[v] for v in op.operands if v in spreads]
        single = spread.low == spread.high and spread.peak < bounds[op.results[0]]
        if single and spread.count >= FEW and not any(s.low == s.high for s in sources):
            names[op.layer_name] = None
    return list(names)


def interval_magnitudes(module: ModuleOp, reach: float = ASSUMED_INPUT) -> dict[SSAValue, float]:
    """
    A bound on the absolute value of every float value, or of what matters of it; a float input lies in +-reach.
    """
    block = main_function(module).body.block
    argument = block.args[0]
    bound = np.full(tensor_type(argument).get_shape()[1], reach)
    ranges = Ranges({argument: Bounds(-bound, bound)} if is_real(argument) else {})
    computed = [op.results[0] for op in block.ops if op.results and not isinstance(op, ConstantOp)]
    ends = ends_that_matter(module) | {argument: EVERYWHERE}
    return {v: float(np.abs(np.clip(ranges.bounds(v), *ends[v])).max()) for v in (argument, *computed) if is_real(v)}


def value_ranges(module: ModuleOp, calibration: NDArray[Any] | None) -> dict[SSAValue, Range]:
    """
    What formats must hold: interval bounds, and what calibration frames show.
    """
    argument = main_function(module).body.block.args[0]
    if calibration is None:
        assumed = f" and an input in +-{ASSUMED_INPUT:g}" if is_real(argument) else ""
        warnings.warn(
            f"no calibration data: formats come from interval bounds{assumed}, which wastes bits; "
            "give frames with --calibrate X.npy (calibration= in Python)",
            stacklevel=2,
        )
        return {value: Range(bound) for value, bound in interval_magnitudes(module).items()}
    seen, spreads = measured(module, calibration)
    reach = math.ldexp(1.0, math.frexp(Range(math.inf, spreads[argument]).largest)[1]) if is_real(argument) else 0.0
    bounds = interval_magnitudes(module, reach)
    if names := unseen_layers(module, seen, bounds):
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        warnings.warn(
            f"all calibration frames give one and the same value in {', '.join(names[:NAMED])}{more}, so that formats "
            "there are guesses; give more frames with --calibrate X.npy (calibration= in Python)",
            stacklevel=2,
        )
    return {value: Range(bound, spreads.get(value)) for value, bound in bounds.items()}
