"""
From processes to calls of the header library: each operation's unit, its configuration and its tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from blendir.dialects import stream
from blendir.dialects.blend import FixedType, constant_value, tensor_type
from blendir.dialects.stream import StreamType, stream_type
from blendir.numerics import ROOT_SEED, ROOT_SEEDS, Rounding, signed_bits
from blendir.packing import in_beats, unpack_words
from blendir.passes.resources import standard_widths

OUTPUT_BITS = 32
ROUND = {Rounding.HALF_UP: 0, Rounding.HALF_EVEN: 1}
POOL = {stream.PoolKind.SUM: 0, stream.PoolKind.MAX: 1, stream.PoolKind.OR: 2}


@dataclass(frozen=True)
class Table:
    """
    A constant array of the design: `bits<width>` or `sint<width>` elements, or bytes (width 0).

    Bits wider than 64 are given as rows of bools along the last axis of `values`.
    """

    suffix: str
    signed: bool
    width: int
    values: NDArray[Any]


@dataclass(frozen=True)
class Unit:
    """
    A call `function<config>(streams.., tables.., frames)`.
    """

    function: str
    config: dict[str, int]
    tables: tuple[Table, ...] = ()


def axi_bits(payload: int) -> int:
    """
    The width of an AXI4-Stream word for a payload: whole bytes.
    """
    return -(-payload // 8) * 8


def output_bits(element_width: int) -> int:
    """
    The width of an output word: 32 bits, or 64 for wider elements.
    """
    return OUTPUT_BITS if element_width <= OUTPUT_BITS else 64


def element_config(kind: StreamType, width: str = "E", sign: str | None = "IS_SIGNED") -> dict[str, int]:
    """
    The configuration fields of an element type.
    """
    config = {width: kind.format.width}
    if sign is not None:
        config[sign] = int(kind.format.signed)
    return config


def signed_table(suffix: str, values: NDArray[Any]) -> Table:
    """
    A table of the narrowest signed integers that hold its values.
    """
    width = signed_bits(int(values.min()), int(values.max()))
    return Table(suffix, True, width, values)


def by_group(values: NDArray[Any], group: int) -> NDArray[Any]:
    """
    Per-element parameters as [group][beats]: element beat * group + g at [g][beat].
    """
    return values.reshape(-1, group).T


def parameter_frame(op: stream.ElementwiseOp, count: int) -> dict[str, int]:
    """
    P and C of an elementwise unit: parameters of a position repeat, parameters of a frame do not.
    """
    kind = stream_type(op.operands[0])
    if count == kind.length.data:
        return {"P": kind.positions, "C": count, "G": kind.group.data}
    return {"P": 1, "C": count, "G": kind.group.data}


def plain_frame(kind: StreamType) -> dict[str, int]:
    """
    P, C and G of a unit without parameters.
    """
    return {"P": kind.positions, "C": kind.length.data, "G": kind.group.data}


def fixed_frac(value: SSAValue) -> int:
    """
    Fractional bits of a fixed-point constant.
    """
    element = tensor_type(value).element_type
    assert isinstance(element, FixedType)
    return element.format.frac


@singledispatch
def unit_of(op: stream.ProcessOp) -> Unit:
    """
    The unit that computes a process.
    """
    raise NotImplementedError(f"no HLS unit computes {op.name}")


@unit_of.register
def _(op: stream.SourceOp) -> Unit:
    kind = stream_type(op.result)
    config = {"NI": axi_bits(kind.payload), "N": kind.payload, "P": kind.positions * kind.beats}
    return Unit("axi_source", config)


@unit_of.register
def _(op: stream.SinkOp) -> Unit:
    kind = stream_type(op.input)
    frame = {"P": kind.positions, "V": kind.length.data, "G": kind.group.data}
    return Unit("axi_sink", frame | element_config(kind) | {"NO": output_bits(kind.format.width)})


@unit_of.register
def _(op: stream.WindowOp) -> Unit:
    source, result = stream_type(op.input), stream_type(op.result)
    (kh, kw), (sh, sw), (ph, pw) = op.geometry
    channels, width = source.length.data, source.format.width
    config = {
        "E": width, "C": channels, "H": source.rows.data, "W": source.columns.data, "KH": kh, "KW": kw, "SH": sh,
        "SW": sw, "PH": ph, "PW": pw, "OH": result.rows.data, "OW": result.columns.data, "GI": source.group.data,
        "GO": result.group.data,
    }  # fmt: skip
    pad = constant_value(op.pad).astype(np.int64) if op.pad is not None else np.zeros(channels, np.int64)
    return Unit("window", config, (Table("pad", False, width, pad & ((1 << width) - 1)),))


def mvu_config(op: stream.MvuOp, border: NDArray[Any]) -> dict[str, int]:
    """
    What binary and fixed-point matrix-vector units share.
    """
    result = stream_type(op.results[0])
    return {
        "OH": result.rows.data, "OW": result.columns.data, "V": op.vector, "SIMD": op.simd, "PE": op.pe,
        "OUT": result.length.data, "RY": border.shape[1], "RX": border.shape[2],
    }  # fmt: skip


def border_rows(border: NDArray[Any], pe: int) -> NDArray[Any]:
    """
    A border or bias [O, RY, RX] as [PE][(row * RX + column) * NF + nf] of output nf * PE + pe.
    """
    outputs = border.shape[0]
    return border.reshape(outputs // pe, pe, -1).transpose(1, 2, 0).reshape(pe, -1)


def folded(matrix: NDArray[Any], op: stream.MvuOp) -> NDArray[Any]:
    """
    A matrix [O, V] as [PE][nf * SF + sf][SIMD]; missing columns are 0.
    """
    rows, beats = op.fold
    lanes = in_beats(matrix, op.simd).reshape(rows, op.pe, beats, op.simd)
    return lanes.transpose(1, 0, 2, 3).reshape(op.pe, -1, op.simd)


def class_tables(op: stream.MvuOp) -> tuple[Table, Table]:
    """
    The border class of each output row and column.
    """
    rows, columns = (np.array(v.get_values(), np.int64) for v in (op.row_classes, op.column_classes))
    return Table("row_class", False, 0, rows), Table("column_class", False, 0, columns)


def binary_tables(op: stream.BinaryMvuOp) -> tuple[Table, Table]:
    """
    Weights in lanes, and what the count is taken from: V + border, modulo the accumulator's range.
    """
    result = stream_type(op.result).format
    lanes = unpack_words(constant_value(op.weight), 1)[:, : op.vector]
    base = border_rows(constant_value(op.border) + op.vector, op.pe)
    wrapped = (base - result.low) % (1 << result.width) + result.low
    return Table("weights", False, op.simd, folded(lanes, op)), Table("base", True, result.width, wrapped)


@unit_of.register
def _(op: stream.BinaryMvuOp) -> Unit:
    border = constant_value(op.border)
    config = mvu_config(op, border) | {"ACC": stream_type(op.result).format.width}
    return Unit("binary_mvu", config, (*binary_tables(op), *class_tables(op)))


@unit_of.register
def _(op: stream.PlaneMvuOp) -> Unit:
    source, result = stream_type(op.input), stream_type(op.result).format
    signs = unpack_words(constant_value(op.weight), 2)[..., : op.vector]
    tiles = [folded(signs[:, plane], op) for plane in range(op.weight_planes)]
    base = border_rows(constant_value(op.base), op.pe)
    wrapped = (base - result.low) % (1 << result.width) + result.low
    counts = [step * ((1 << op.weight_planes) - 1) * op.vector for step in op.steps.values()]
    low, high = (sum(v for v in counts if (v < 0) == negative) for negative in (True, False))
    config = mvu_config(op, constant_value(op.base)) | element_config(source) | {
        "PLACES": sum(1 << place for place in op.steps), "WP": op.weight_planes,
        "SUM": signed_bits(low, high), "ACC": result.width,
    }  # fmt: skip
    weights = Table("weights", False, op.simd * op.weight_planes, np.concatenate(tiles, axis=-1))
    return Unit("plane_mvu", config, (weights, Table("base", True, result.width, wrapped), *class_tables(op)))


@unit_of.register
def _(op: stream.FixedMvuOp) -> Unit:
    source, result = stream_type(op.input), stream_type(op.result)
    weight, bias = constant_value(op.weight).astype(np.int64), constant_value(op.bias).astype(np.int64)
    weights = signed_table("weights", folded(weight, op))
    biases = signed_table("bias", border_rows(bias, op.pe))
    limit = int(np.abs(weight).sum(axis=1).max()) * max(-source.format.low, source.format.high)
    config = mvu_config(op, bias) | element_config(source) | {
        "WB": weights.width, "BB": biases.width, "ACC": signed_bits(-limit, limit),
        "SHIFT": fixed_frac(op.bias) - result.format.frac, "ROUND": ROUND[op.rounding.data],
        "EO": result.format.width,
    }  # fmt: skip
    return Unit("fixed_mvu", config, (weights, biases, *class_tables(op)))


@unit_of.register
def _(op: stream.PiecewiseLinearOp) -> Unit:
    source, result = stream_type(op.input), stream_type(op.result)
    arrays = [constant_value(v).astype(np.int64) for v in op.operands[1:]]
    frame, hold = plain_frame(source), op.hold.value.data
    group = frame["G"]
    if hold > 1:  # one entry for all elements of a beat
        arrays = [np.repeat(array, group) for array in arrays]
    breakpoints, a0, b0, a1, b1 = arrays
    k = signed_table("k", by_group(breakpoints, group))
    a, b = (signed_table(name, by_piece(*pair, group)) for name, pair in (("a", (a0, a1)), ("b", (b0, b1))))
    config = frame | element_config(source) | {
        "ENTRIES": k.values.shape[1], "HOLD": max(1, hold // group),
        "KB": k.width, "AB": a.width, "BB": b.width, "SHIFT": fixed_frac(op.offset0) - result.format.frac,
        "ROUND": ROUND[op.rounding.data], "EO": result.format.width,
    }  # fmt: skip
    return Unit("piecewise_linear", config, (k, a, b))


def by_piece(below: NDArray[Any], above: NDArray[Any], group: int) -> NDArray[Any]:
    """
    Per-element parameters of two pieces as [group][2 * beats]: those below at even, those above at odd entries.
    """
    return np.stack([by_group(below, group), by_group(above, group)], axis=-1).reshape(group, -1)


def threshold_tables(limit: SSAValue, invert: SSAValue, group: int) -> tuple[Table, Table]:
    """
    Thresholds and inversions.
    """
    limits = by_group(constant_value(limit), group)
    return signed_table("thresholds", limits), Table(
        "invert", False, 1, by_group(constant_value(invert), group).astype(np.int64)
    )


@unit_of.register
def _(op: stream.ThresholdOp) -> Unit:
    frame = parameter_frame(op, len(constant_value(op.threshold)))
    tables = threshold_tables(op.threshold, op.invert, frame["G"])
    return Unit("threshold", frame | element_config(stream_type(op.input)) | {"TB": tables[0].width}, tables)


@unit_of.register
def _(op: stream.MultiThresholdOp) -> Unit:
    limits, invert = constant_value(op.thresholds), constant_value(op.invert)
    frame = parameter_frame(op, len(limits))
    group, levels = frame["G"], limits.shape[1]
    rows = limits.reshape(-1, group, levels).transpose(1, 2, 0).reshape(group * levels, -1)
    thresholds = signed_table("thresholds", rows)
    flip = Table("invert", False, 1, by_group(invert.astype(np.int64), group))
    config = frame | element_config(stream_type(op.input)) | {
        "L": levels, "TB": thresholds.width, "LOWEST": op.lowest.value.data, "STEP": op.step.value.data,
        "EO": stream_type(op.result).format.width,
    }  # fmt: skip
    return Unit("multi_threshold", config, (thresholds, flip))


def sum_config(op: stream.AddOp | stream.ResidualOp) -> dict[str, int]:
    """
    How two formats are aligned, rounded and saturated.
    """
    a, b = (stream_type(v).format for v in (op.lhs, op.rhs))
    result = stream_type(op.results[0]).format
    common = max(a.frac, b.frac)
    return {
        "EA": a.width, "EB": b.width, "SA": common - a.frac, "SB": common - b.frac, "SHIFT": common - result.frac,
        "ROUND": ROUND[op.rounding.data], "EO": result.width,
    }  # fmt: skip


@unit_of.register
def _(op: stream.AddOp) -> Unit:
    return Unit("add", plain_frame(stream_type(op.lhs)) | sum_config(op))


@unit_of.register
def _(op: stream.ResidualOp) -> Unit:
    frame = parameter_frame(op, len(constant_value(op.threshold)))
    tables = threshold_tables(op.threshold, op.invert, frame["G"])
    return Unit("residual", frame | sum_config(op) | {"TB": tables[0].width}, tables)


@unit_of.register
def _(op: stream.MultiplyOp) -> Unit:
    a, b = stream_type(op.lhs), stream_type(op.rhs)
    result = stream_type(op.result).format
    factors = element_config(a, "EA", "SIGNED_A") | element_config(b, "EB", "SIGNED_B")
    rounding = {
        "HELD": op.held, "SHIFT": a.format.frac + b.format.frac - result.frac, "ROUND": ROUND[op.rounding.data],
        "EO": result.width,
    }  # fmt: skip
    return Unit("product", plain_frame(a) | factors | rounding)


@unit_of.register
def _(op: stream.LayerNormOp) -> Unit:
    source, result = stream_type(op.input), stream_type(op.result).format
    gamma, beta = (constant_value(v).astype(np.int64) for v in (op.gamma, op.beta))
    frame = plain_frame(source)
    tables = [signed_table(name, by_group(v, frame["G"])) for name, v in (("gamma", gamma), ("beta", beta))]
    epsilon = signed_table("epsilon", np.array([op.epsilon.value.data]))
    config = frame | element_config(source) | standard_widths(op) | {
        "AB": tables[0].width, "BB": tables[1].width, "NB": epsilon.width,
        "SHIFT": fixed_frac(op.beta) - result.frac, "ROUND": ROUND[op.rounding.data], "EO": result.width,
    }  # fmt: skip
    return Unit("layer_norm", config, (*tables, epsilon, Table("seeds", False, ROOT_SEED + 1, ROOT_SEEDS)))


@unit_of.register
def _(op: stream.LookupOp) -> Unit:
    source, width = stream_type(op.input), stream_type(op.result).format.width
    copies = -(-source.group.data // 2)
    table = Table("table", True, width, np.tile(constant_value(op.table).astype(np.int64), (copies, 1)))
    return Unit("lookup", plain_frame(source) | element_config(source) | {"EO": width}, (table,))


@unit_of.register
def _(op: stream.ClampOp) -> Unit:
    kind = stream_type(op.input)
    bounds = {"LO": op.low.value.data, "HI": op.high.value.data}
    return Unit("clamp", plain_frame(kind) | element_config(kind, sign=None) | bounds)


@unit_of.register
def _(op: stream.RequantizeOp) -> Unit:
    source, result = stream_type(op.input), stream_type(op.result).format
    rounding = {
        "SHIFT": min(source.format.frac - result.frac, source.format.width),
        "ROUND": ROUND[op.rounding.data],
        "EO": result.width,
    }
    return Unit("requantize", plain_frame(source) | element_config(source) | rounding)


@unit_of.register
def _(op: stream.BitsToValueOp) -> Unit:
    return Unit("bits_to_value", plain_frame(stream_type(op.input)))


@unit_of.register
def _(op: stream.PoolOp) -> Unit:
    source, result = stream_type(op.input), stream_type(op.result)
    rows, columns, parts = op.window
    if result.columns.data == 1:  # its rows follow one another
        rows, columns = 1, rows * columns
    window = {"OW": result.columns.data, "ROWS": rows, "RUN": columns * parts}
    config = plain_frame(result) | window | element_config(source)
    return Unit("pool", config | {"KIND": POOL[op.kind.data], "EO": result.format.width})


@unit_of.register
def _(op: stream.ReorderOp) -> Unit:
    kind = stream_type(op.result)
    group = kind.group.data
    *outer, (extent, step) = op.nest or [(1, 1)]
    loops = [(e, s // group) for e, s in outer] + [(extent // group, 1) if step == 1 else (extent, step // group)]
    loops = [(1, 0)] * (stream.MAX_LOOPS - len(loops)) + loops
    config = {"N": kind.payload}
    for k, (extent, step) in enumerate(loops, 1):
        config |= {f"E{k}": extent, f"S{k}": step}
    return Unit("reorder", config)


@unit_of.register
def _(op: stream.ForkOp) -> Unit:
    kind = stream_type(op.input)
    return Unit(f"fork{len(op.copies)}", {"P": kind.positions, "B": kind.beats, "N": kind.payload})


@unit_of.register
def _(op: stream.ConcatOp) -> Unit:
    a, b = stream_type(op.lhs), stream_type(op.rhs)
    lengths = {"CA": a.length.data, "CB": b.length.data}
    return Unit("concat", {"P": a.positions, **lengths, "G": a.group.data, "E": a.format.width})


@unit_of.register
def _(op: stream.TakeOp) -> Unit:
    source, result = stream_type(op.input), stream_type(op.result)
    length, picks = source.length.data, np.array(op.indices.get_values())
    table = by_group(np.where(picks < 0, length, picks), result.group.data)
    config = {
        "P": source.positions, "E": source.format.width, "CI": length, "CO": len(picks), "GI": source.group.data,
        "GO": result.group.data,
    }  # fmt: skip
    return Unit("take", config, (Table("pick", False, length.bit_length(), table),))
