"""
What a process costs in DSPs, LUTs, flip-flops, block RAMs and UltraRAMs, at the parallelism it has or at another.

An estimate, put together from the leaves in `leaves.py`; no vendor tool has confirmed any of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, singledispatch
from typing import Any

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, StringAttr
from xdsl.ir import SSAValue

from blendir.dense import dense_to_numpy
from blendir.dialects import stream
from blendir.dialects.blend import constant_attribute, constant_value, element_format, tensor_type
from blendir.dialects.stream import ProcessOp, StreamType, stream_type
from blendir.numerics import STANDARD_FRAC, signed_bits
from blendir.packing import WORD_BITS
from blendir.passes import leaves
from blendir.passes.devices import KINDS, device
from blendir.passes.leaves import Cost, scaled

REFERENCE = device("xcvu9p")
CACHED = 16
"""Constants of which a search asks again and again: those of the process whose layouts are priced, and some more."""
PRICES = {"lut": 1.0} | {kind: REFERENCE.lut / getattr(REFERENCE, kind) / 2 for kind in ("dsp", "bram18", "uram")}
"""
LUTs for which one of each is traded: half of what its share of an xcvu9p is worth, since streaming binary networks
run out of LUTs first. Flip-flops come with LUTs and are not priced.
"""


@dataclass(frozen=True)
class Fold:
    """
    How a process is laid out: the groups that it reads and writes, what makes its XNORs, where its weights are.
    """

    reads: int
    writes: int
    xnor: str = "lut"
    storage: str = "lutram"


def uses_dsp_xnor(op: ProcessOp) -> bool:
    """
    Whether a process makes its XNORs in DSPs.
    """
    return isinstance(op, stream.BinaryMvuOp) and op.xnor == StringAttr("dsp")


def fold_of(op: ProcessOp) -> Fold:
    """
    The layout that a process has.
    """
    groups = [stream_type(v).group.data for v in (*op.operands, *op.results) if isinstance(v.type, StreamType)]
    if not isinstance(op, stream.MvuOp):
        kept = op.storage if isinstance(op, stream.LookupOp) else None
        return Fold(groups[0], groups[-1], storage=kept.data if kept is not None else "lutram")
    storage = op.weight_storage.data if op.weight_storage is not None else "lutram"
    return Fold(op.simd, op.pe, "dsp" if uses_dsp_xnor(op) else "lut", storage)


def table_bits(value: SSAValue) -> int:
    """
    The narrowest two's complement width that holds a constant.
    """
    return least_width(constant_attribute(value))


@lru_cache(maxsize=CACHED)
def least_width(values: DenseIntOrFPElementsAttr[Any]) -> int:
    """
    The narrowest two's complement width of all numbers.
    """
    numbers = dense_to_numpy(values)
    return signed_bits(int(numbers.min()), int(numbers.max()))


@lru_cache(maxsize=CACHED)
def largest_row(values: DenseIntOrFPElementsAttr[Any]) -> int:
    """
    The largest sum of magnitudes of a row.
    """
    return int(np.abs(dense_to_numpy(values).astype(np.int64)).sum(axis=1).max())


@singledispatch
def unit_cost(op: ProcessOp, fold: Fold) -> Cost:
    """
    The unit of a process, without its control and its FIFOs.
    """
    return Cost()


def mvu_beats(op: stream.MvuOp, fold: Fold) -> tuple[int, int]:
    """
    NF and SF.
    """
    return stream_type(op.results[0]).length.data // fold.writes, -(-op.vector // fold.reads)


def border_cost(op: stream.MvuOp, fold: Fold, width: int) -> Cost:
    """
    Border or bias: a table of classes and row groups for each processing element.
    """
    classes = int(np.prod(tensor_type(op.operands[2]).get_shape()[1:]))
    rows, _ = mvu_beats(op, fold)
    return scaled(leaves.rom(classes * rows, width, "lutram"), fold.writes)


@unit_cost.register
def _(op: stream.BinaryMvuOp, fold: Fold) -> Cost:
    rows, beats = mvu_beats(op, fold)
    width = stream_type(op.result).format.width
    tiles, lanes = rows * beats, fold.reads
    free = tiles == 1 or (rows > 1 and fold.writes == 1)
    element = leaves.popcount(lanes) if free or fold.xnor == "dsp" else leaves.differences(lanes)
    if fold.xnor == "dsp":
        element["dsp"] += -(-lanes // WORD_BITS)
    element += leaves.accumulator(op.vector.bit_length(), width, beats) + leaves.rom(tiles, lanes, fold.storage)
    cost = scaled(element, fold.writes) + border_cost(op, fold, width)
    return cost + leaves.replay(lanes, beats) if rows > 1 else cost


@unit_cost.register
def _(op: stream.PlaneMvuOp, fold: Fold) -> Cost:
    rows, beats = mvu_beats(op, fold)
    tiles, lanes = rows * beats, fold.reads
    free = tiles == 1 or (rows > 1 and fold.writes == 1)
    width = stream_type(op.result).format.width
    element = scaled(leaves.popcount(lanes) if free else leaves.differences(lanes), op.pairs)
    element += scaled(Cost({"lut": width, "ff": width}), op.pairs - 1) + leaves.accumulator(width, width, beats)
    element += leaves.rom(tiles, lanes * op.weight_planes, fold.storage)
    cost = scaled(element, fold.writes) + border_cost(op, fold, width)
    return cost + leaves.replay(lanes * len(op.places), beats) if rows > 1 else cost


@unit_cost.register
def _(op: stream.FixedMvuOp, fold: Fold) -> Cost:
    rows, beats = mvu_beats(op, fold)
    source, result = stream_type(op.input).format, stream_type(op.result).format
    x, w = source.width + (not source.signed), table_bits(op.weight)
    limit = largest_row(constant_attribute(op.weight)) * max(-source.low, source.high)
    total = signed_bits(-limit, limit) + 1
    shift = max(0, element_format(tensor_type(op.bias).element_type).frac - result.frac)
    element = leaves.products(fold.reads, x, w) + leaves.rom(rows * beats, fold.reads * w, fold.storage)
    element += leaves.add(total, shift, result.width)
    if beats > 1 and fold.reads > 1:  # a DSP accumulates a single product
        element += Cost({"lut": total, "ff": total})
    cost = scaled(element, fold.writes) + border_cost(op, fold, table_bits(op.bias))
    return cost + leaves.replay(fold.reads * source.width, beats) if rows > 1 else cost


@unit_cost.register
def _(op: stream.WindowOp, fold: Fold) -> Cost:
    source, result = stream_type(op.input), stream_type(op.result)
    (kh, _), _, padding = op.geometry
    pixel = source.length.data * source.format.width
    width = result.length.data * source.format.width
    beats = -(-result.length.data // fold.writes)
    cost = Cost({"ff": pixel}) + leaves.window(width, beats, any(padding))
    return cost + leaves.ram(source.columns.data, (kh - 1) * pixel) if kh > 1 and source.columns.data > 1 else cost


@unit_cost.register
def _(op: stream.PiecewiseLinearOp, fold: Fold) -> Cost:
    source, result = stream_type(op.input).format, stream_type(op.result).format
    k, a, b = (
        max(map(table_bits, values)) for values in ([op.breakpoint], [op.slope0, op.slope1], [op.offset0, op.offset1])
    )
    shift = max(0, element_format(tensor_type(op.offset0).element_type).frac - result.frac)
    depth = len(constant_value(op.breakpoint)) // (fold.reads if op.hold.value.data == 1 else 1)
    x = source.width + (not source.signed)
    unit = leaves.piecewise(x, a, b, shift, result.width, depth == 1) + leaves.rom(depth, k, "lutram")
    return scaled(unit + leaves.rom(2 * depth, a + b, "lutram"), fold.reads)


def threshold_cost(threshold: SSAValue, width: int, group: int) -> Cost:
    """
    Comparators with their thresholds.
    """
    depth = len(constant_value(threshold)) // group
    unit = leaves.compare(width, depth == 1) + leaves.rom(depth, table_bits(threshold) + 1, "lutram")
    return scaled(unit, group)


def sum_cost(op: stream.AddOp | stream.ResidualOp, group: int) -> Cost:
    """
    Sums of two aligned elements.
    """
    a, b = stream_type(op.lhs).format, stream_type(op.rhs).format
    result = stream_type(op.results[0]).format
    frac = max(a.frac, b.frac)
    width = max(a.width + frac - a.frac, b.width + frac - b.frac) + 1
    return scaled(leaves.add(width, frac - result.frac, result.width), group)


@unit_cost.register
def _(op: stream.ThresholdOp, fold: Fold) -> Cost:
    return threshold_cost(op.threshold, stream_type(op.input).format.width, fold.reads)


@unit_cost.register
def _(op: stream.MultiThresholdOp, fold: Fold) -> Cost:
    kind, limits = stream_type(op.input), constant_value(op.thresholds)
    depth, bits = len(limits) // fold.reads, table_bits(op.thresholds)
    level = leaves.compare(kind.format.width, depth == 1) + leaves.rom(depth, bits, "lutram")
    count = leaves.adders(limits.shape[1], 1)
    return scaled(scaled(level, limits.shape[1]) + count + leaves.rom(depth, 1, "lutram"), fold.reads)


@unit_cost.register
def _(op: stream.TakeOp, fold: Fold) -> Cost:
    source, result = stream_type(op.input), stream_type(op.result)
    width, beats = source.format.width, result.length.data // fold.writes
    held = Cost({"ff": source.length.data * width}) if fold.reads < source.length.data or beats > 1 else Cost()
    return held + leaves.window(result.length.data * width, beats, False)


@unit_cost.register
def _(op: stream.AddOp, fold: Fold) -> Cost:
    return sum_cost(op, fold.reads)


@unit_cost.register
def _(op: stream.ResidualOp, fold: Fold) -> Cost:
    width = stream_type(op.sum).format.width
    held = Cost({"ff": width * fold.reads})
    return sum_cost(op, fold.reads) + held + threshold_cost(op.threshold, width, fold.reads)


@unit_cost.register
def _(op: stream.MultiplyOp, fold: Fold) -> Cost:
    a, b, result = (stream_type(v).format for v in (op.lhs, op.rhs, op.result))
    shift = max(0, a.frac + b.frac - result.frac)
    cost = scaled(leaves.product(a.width + (not a.signed), b.width + (not b.signed), shift, result.width), fold.reads)
    if op.held == 1:
        return cost
    return cost + leaves.delay(fold.reads * b.width, stream_type(op.rhs).length.data // fold.reads)


def standard_widths(op: stream.LayerNormOp) -> dict[str, int]:
    """
    Bits of the spread (SB) and of a standardized element (UB), which is at most the root of the count.
    """
    kind = stream_type(op.input)
    count = kind.length.data
    most = (count * max(-kind.format.low, kind.format.high)) ** 2 + op.epsilon.value.data
    limit = (math.isqrt(count) + 1) << STANDARD_FRAC
    return {"SB": most.bit_length() + 1, "UB": signed_bits(-limit, limit)}


@unit_cost.register
def _(op: stream.LayerNormOp, fold: Fold) -> Cost:
    kind, result = stream_type(op.input), stream_type(op.result).format
    x, count, widths = kind.format.width + (not kind.format.signed), kind.length.data, standard_widths(op)
    shift = max(0, element_format(tensor_type(op.beta).element_type).frac - result.frac)
    gamma, beta = table_bits(op.gamma), table_bits(op.beta)
    unit = leaves.standardized(x, count.bit_length(), widths["UB"], widths["SB"])
    unit += leaves.product(widths["UB"], gamma, shift, result.width)
    unit += leaves.rom(count // fold.reads, gamma + beta, "lutram")
    shared = leaves.reciprocal_root(widths["SB"]) + leaves.delay(fold.reads * kind.format.width, count // fold.reads)
    return scaled(unit, fold.reads) + shared


@unit_cost.register
def _(op: stream.LookupOp, fold: Fold) -> Cost:
    table = leaves.rom(len(constant_value(op.table)), table_bits(op.table), fold.storage)
    return scaled(table, -(-fold.reads // 2) if fold.storage == "bram" else fold.reads)


@unit_cost.register
def _(op: stream.ClampOp, fold: Fold) -> Cost:
    width = stream_type(op.input).format.width
    return scaled(scaled(leaves.compare(width, True), 2) + Cost({"lut": width, "ff": width}), fold.reads)


@unit_cost.register
def _(op: stream.RequantizeOp, fold: Fold) -> Cost:
    source, result = stream_type(op.input).format, stream_type(op.result).format
    return scaled(leaves.narrow(source.width, max(0, source.frac - result.frac), result.width), fold.reads)


@unit_cost.register
def _(op: stream.PoolOp, fold: Fold) -> Cost:
    result = stream_type(op.result)
    width, beats = result.format.width, result.length.data // fold.writes
    rows, _, _ = op.window
    unit = leaves.running_sum(width, beats)
    if rows > 1 and result.columns.data > 1:
        line = leaves.ram(result.columns.data * beats, width)
        unit += scaled(line, rows - 1) + Cost({"lut": width * (rows - 1)})
    return scaled(unit, fold.writes)


@unit_cost.register
def _(op: stream.ReorderOp, fold: Fold) -> Cost:
    kind = stream_type(op.result)
    frame = kind.positions * kind.length.data // fold.writes
    return leaves.frame_memory(2 * frame, kind.format.width * fold.writes)


@unit_cost.register
def _(op: stream.SinkOp, fold: Fold) -> Cost:
    source = stream_type(op.input)
    beats = fold.reads
    return leaves.window(source.format.width * beats, beats, False)


def process_cost(op: ProcessOp, fold: Fold) -> Cost:
    """
    A process at a layout, without its FIFOs.
    """
    return leaves.process() + unit_cost(op, fold)


def fifo_cost(op: ProcessOp) -> Cost:
    """
    The FIFOs behind a process, as they were sized.
    """
    cost = Cost()
    streams = [v for v in op.results if isinstance(v.type, StreamType)]
    if op.fifo_depths is not None and op.fifo_storage is not None:
        for value, depth, storage in zip(streams, op.fifo_depths.get_values(), op.fifo_storage.data, strict=True):
            cost += leaves.fifo(stream_type(value).payload, int(depth), storage.data)
    return cost


def cost_of(op: ProcessOp) -> dict[str, int]:
    """
    What a process costs as it is, with its FIFOs.
    """
    cost = process_cost(op, fold_of(op)) + fifo_cost(op)
    return {kind: cost[kind] for kind in KINDS}


def total_cost(costs: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """
    The sum of process costs.
    """
    total = Cost()
    for cost in costs:
        total.update(cost)
    return {kind: total[kind] for kind in KINDS}


def price(cost: Mapping[str, int]) -> float:
    """
    A cost in LUTs.
    """
    return sum(PRICES[kind] * cost.get(kind, 0) for kind in PRICES)
