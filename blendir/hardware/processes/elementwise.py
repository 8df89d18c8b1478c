"""
Processes that compute an element of the result from one of each input.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from blendir import widths
from blendir.dialects import stream
from blendir.dialects.blend import constant_value
from blendir.dialects.blend.exact import table_bits
from blendir.dialects.stream import stream_type
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost, scaled
from blendir.hardware.processes.base import Folding, Function
from blendir.hardware.processes.beatwise import UnitRateProcess
from blendir.hardware.processes.unit import (
    Table,
    Unit,
    by_group,
    element_config,
    fixed_frac,
    parameter_frame,
    plain_frame,
    rounded,
    signed_table,
)
from blendir.numerics import Format


class BitsToValue(UnitRateProcess[stream.BitsToValueOp]):
    """
    Wires: the sign is the inverted bit.
    """

    latency = 3
    functions = (Function("bits_to_value", 1, 1),)

    def cost(self, folding: Folding) -> Cost:
        return Cost()

    def unit(self) -> Unit:
        return Unit("bits_to_value", plain_frame(self.source))


class Clamp(UnitRateProcess[stream.ClampOp]):
    """
    Two comparisons with constants.
    """

    latency = 3
    functions = (Function("clamp", 1, 1),)

    def cost(self, folding: Folding) -> Cost:
        width = self.source.format.width
        return scaled(scaled(primitives.compare(width, True), 2) + Cost({"lut": width, "ff": width}), folding.reads)

    def unit(self) -> Unit:
        bounds = {"LO": self.op.low.value.data, "HI": self.op.high.value.data}
        return Unit("clamp", plain_frame(self.source) | {"E": self.source.format.width} | bounds)


class Requantize(UnitRateProcess[stream.RequantizeOp]):
    """
    Rounding and saturation.
    """

    latency = 3
    functions = (Function("requantize", 1, 1),)

    def cost(self, folding: Folding) -> Cost:
        source, result = self.source.format, self.result.format
        return scaled(primitives.narrow(source.width, max(0, source.frac - result.frac), result.width), folding.reads)

    def unit(self) -> Unit:
        rounding = rounded(self.source.format.frac, self.op.rounding, self.result.format)
        return Unit("requantize", plain_frame(self.source) | element_config(self.source) | rounding)


class PiecewiseLinear(UnitRateProcess[stream.PiecewiseLinearOp]):
    """
    A comparison addresses slope and offset of a multiplication in a DSP.
    """

    latency = 10
    functions = (Function("piecewise_linear", 1, 1),)

    def cost(self, folding: Folding) -> Cost:
        op, x, result = self.op, widths.signed(self.source.format).width, self.result.format
        k, a, b = (max(map(table_bits, v)) for v in ([op.breakpoint], [op.slope0, op.slope1], [op.offset0, op.offset1]))
        depth = len(constant_value(op.breakpoint)) // (folding.reads if op.hold.value.data == 1 else 1)
        shift = max(0, fixed_frac(op.offset0) - result.frac)
        unit = primitives.piecewise(x, a, b, shift, result.width, depth == 1)
        unit += primitives.rom(depth, k, "lutram") + primitives.rom(2 * depth, a + b, "lutram")
        return scaled(unit, folding.reads)

    def unit(self) -> Unit:
        op, frame = self.op, plain_frame(self.source)
        group, hold = frame["G"], self.op.hold.value.data

        def entries(value: SSAValue) -> NDArray[np.int64]:
            """
            A parameter by group; beyond the group, one entry is for all elements of a beat.
            """
            array = constant_value(value).astype(np.int64)
            return by_group(array if hold == 1 else np.repeat(array, group), group)

        def pieces(below: SSAValue, above: SSAValue) -> NDArray[np.int64]:
            """
            Parameters of two pieces as [group][2 * beats]: those below at even, those above at odd entries.
            """
            return np.stack([entries(below), entries(above)], axis=-1).reshape(group, -1)

        k = signed_table("k", entries(op.breakpoint), op.breakpoint)
        a = signed_table("a", pieces(op.slope0, op.slope1), op.slope0, op.slope1)
        b = signed_table("b", pieces(op.offset0, op.offset1), op.offset0, op.offset1)
        config = frame | element_config(self.source) | {
            "ENTRIES": k.values.shape[1], "HOLD": max(1, hold // group), "KB": k.width, "AB": a.width, "BB": b.width,
        } | rounded(fixed_frac(op.offset0), op.rounding, self.result.format)  # fmt: skip
        return Unit("piecewise_linear", config, (k, a, b))


def threshold_cost(limit: SSAValue, width: int, group: int) -> Cost:
    """
    Comparators with their thresholds and inversions.
    """
    depth = len(constant_value(limit)) // group
    unit = primitives.compare(width, depth == 1) + primitives.rom(depth, table_bits(limit) + 1, "lutram")
    return scaled(unit, group)


def threshold_tables(limit: SSAValue, invert: SSAValue, group: int) -> tuple[Table, Table]:
    """
    Thresholds and inversions.
    """
    limits, flips = (by_group(constant_value(v).astype(np.int64), group) for v in (limit, invert))
    return signed_table("thresholds", limits, limit), Table("invert", False, 1, flips)


class Threshold(UnitRateProcess[stream.ThresholdOp]):
    """
    A comparison per element.
    """

    latency = 3
    functions = (Function("threshold", 1, 1),)

    def cost(self, folding: Folding) -> Cost:
        return threshold_cost(self.op.threshold, self.source.format.width, folding.reads)

    def unit(self) -> Unit:
        frame = parameter_frame(self.source, len(constant_value(self.op.threshold)))
        tables = threshold_tables(self.op.threshold, self.op.invert, frame["G"])
        return Unit("threshold", frame | element_config(self.source) | {"TB": tables[0].width}, tables)


class MultiThreshold(UnitRateProcess[stream.MultiThresholdOp]):
    """
    Comparisons that are counted.
    """

    latency = 5
    functions = (Function("multi_threshold", 1, 1),)

    def cost(self, folding: Folding) -> Cost:
        count, levels = constant_value(self.op.thresholds).shape
        depth, bits = count // folding.reads, table_bits(self.op.thresholds)
        level = primitives.compare(self.source.format.width, depth == 1) + primitives.rom(depth, bits, "lutram")
        unit = scaled(level, levels) + primitives.adders(levels, 1) + primitives.rom(depth, 1, "lutram")
        return scaled(unit, folding.reads)

    def unit(self) -> Unit:
        op, limits, invert = self.op, constant_value(self.op.thresholds), constant_value(self.op.invert)
        frame = parameter_frame(self.source, len(limits))
        group, levels = frame["G"], limits.shape[1]
        rows = limits.reshape(-1, group, levels).transpose(1, 2, 0).reshape(group * levels, -1)
        thresholds = signed_table("thresholds", rows, op.thresholds)
        flip = Table("invert", False, 1, by_group(invert.astype(np.int64), group))
        config = frame | element_config(self.source) | {
            "L": levels, "TB": thresholds.width, "LOWEST": op.lowest.value.data, "STEP": op.step.value.data,
            "EO": self.result.format.width,
        }  # fmt: skip
        return Unit("multi_threshold", config, (thresholds, flip))


SumT = TypeVar("SumT", stream.AddOp, stream.ResidualOp)


class Sum(UnitRateProcess[SumT]):
    """
    What processes share that add two streams.
    """

    @property
    def exact(self) -> Format:
        """
        What holds every sum before it is rounded.
        """
        return widths.total(widths.operands(self.source.format, stream_type(self.op.rhs).format))

    def sum_cost(self, group: int) -> Cost:
        """
        Sums of two aligned elements.
        """
        exact, result = self.exact, self.result.format
        return scaled(primitives.add(exact.width, exact.frac - result.frac, result.width), group)

    def sum_config(self) -> dict[str, int]:
        """
        How two formats are aligned, rounded and saturated.
        """
        a, b, frac = self.source.format, stream_type(self.op.rhs).format, self.exact.frac
        aligned = {"EA": a.width, "EB": b.width, "SA": frac - a.frac, "SB": frac - b.frac}
        return aligned | rounded(frac, self.op.rounding, self.result.format)


class Add(Sum[stream.AddOp]):
    """
    A sum per element.
    """

    latency = 5
    functions = (Function("add", 2, 1),)

    def cost(self, folding: Folding) -> Cost:
        return self.sum_cost(folding.reads)

    def unit(self) -> Unit:
        return Unit("add", plain_frame(self.source) | self.sum_config())


class Residual(Sum[stream.ResidualOp]):
    """
    A sum per element, which is compared when it is rounded.
    """

    latency = 6
    functions = (Function("residual", 2, 2),)

    def cost(self, folding: Folding) -> Cost:
        width = self.result.format.width
        held = Cost({"ff": width * folding.reads})
        return self.sum_cost(folding.reads) + held + threshold_cost(self.op.threshold, width, folding.reads)

    def unit(self) -> Unit:
        frame = parameter_frame(self.source, len(constant_value(self.op.threshold)))
        tables = threshold_tables(self.op.threshold, self.op.invert, frame["G"])
        return Unit("residual", frame | self.sum_config() | {"TB": tables[0].width}, tables)
