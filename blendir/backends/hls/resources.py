"""
A first estimate of what a scheduled design costs, from leaf costs in the literature and open synthesis.

LUT per bit of a popcount tree 1.33 and of XNOR before it 0.5 (Yosys, synth_xilinx -family xcup); a DSP48E2 multiplies
27 x 18 bits or XNORs 48; 150 LUT of control per process. No vendor tool has confirmed any of it.
"""

from __future__ import annotations

from collections import Counter

from blendir.backends.hls.units import uses_dsp_xnor
from blendir.dialects import stream
from blendir.dialects.blend import tensor_type
from blendir.dialects.stream import ProcessOp, StreamType, stream_type
from blendir.packing import WORD_BITS
from blendir.passes.rewriting import constant_value

CONTROL_LUT = 150
POPCOUNT_LUT = 1.33
XNOR_LUT = 0.5
LUT_ROM_DEPTH = 64
KINDS = ("dsp", "lut", "ff", "bram18")


def memory(depth: int, width: int) -> dict[str, int]:
    """
    A ROM or RAM: LUTs up to 64 deep, else block RAM of 36 x 512.
    """
    if depth <= LUT_ROM_DEPTH:
        return {"lut": -(-width * -(-depth // 32) // 2)}
    return {"bram18": -(-width // 36) * -(-depth // 512)}


def mvu_cost(op: stream.MvuOp) -> Counter[str]:
    """
    A matrix-vector unit with its weights.
    """
    cost: Counter[str] = Counter()
    rows, beats = op.fold
    lanes = op.pe * op.simd
    if isinstance(op, stream.BinaryMvuOp):
        cost["lut"] += round(POPCOUNT_LUT * lanes) + 2 * op.pe * stream_type(op.result).format.width
        if uses_dsp_xnor(op):
            cost["dsp"] += op.pe * -(-op.simd // WORD_BITS)
        elif rows * beats > 1:
            cost["lut"] += round(XNOR_LUT * lanes)
        weight_bits = lanes
    else:
        width = tensor_type(op.operands[1]).element_type
        bits = stream_type(op.operands[0]).format.width
        weight_bits = lanes * getattr(width, "format").width
        cost["dsp"] += lanes * (1 if bits <= 27 else 2)
        cost["lut"] += op.pe * 48
    if rows * beats > 1:
        cost.update(memory(rows * beats, weight_bits))
    return cost


def process_cost(op: ProcessOp) -> Counter[str]:
    """
    A process without its FIFOs.
    """
    cost: Counter[str] = Counter({"lut": CONTROL_LUT, "ff": 2 * CONTROL_LUT})
    match op:
        case stream.MvuOp():
            cost.update(mvu_cost(op))
        case stream.WindowOp():
            source = stream_type(op.input)
            pixel = source.length.data * source.format.width
            (kh, kw), _, _ = op.geometry
            cost["ff"] += kh * kw * pixel
            cost.update(memory(source.columns.data, (kh - 1) * pixel) if kh > 1 else {})
        case stream.PiecewiseLinearOp():
            group = stream_type(op.input).group.data
            cost["dsp"] += group
            cost["lut"] += 60 * group
            bits = sum(constant_value(v).itemsize * 8 for v in op.operands[1:])
            cost.update(memory(len(constant_value(op.breakpoint)) // group, group * bits))
        case stream.ElementwiseOp():
            kind = stream_type(op.operands[0])
            cost["lut"] += 3 * kind.group.data * kind.format.width
        case stream.PoolOp():
            result = stream_type(op.result)
            cost["ff"] += result.length.data * result.format.width
            cost["lut"] += result.payload
        case _:
            pass
    return cost


def fifo_cost(op: ProcessOp) -> Counter[str]:
    """
    The FIFOs behind a process.
    """
    cost: Counter[str] = Counter()
    streams = [v for v in op.results if isinstance(v.type, StreamType)]
    if op.fifo_depths is None or op.fifo_storage is None:
        return cost
    for value, depth, storage in zip(streams, op.fifo_depths.get_values(), op.fifo_storage.data, strict=True):
        payload = stream_type(value).payload
        if storage.data == "bram":
            cost["bram18"] += -(-payload // 36) * -(-int(depth) // 512)
        else:
            cost["lut"] += payload * -(-int(depth) // 32)
    return cost


def cost_of(op: ProcessOp) -> dict[str, int]:
    """
    DSP, LUT, FF and BRAM18 of a process with its FIFOs.
    """
    cost = process_cost(op) + fifo_cost(op)
    return {kind: cost[kind] for kind in KINDS}


def total_cost(costs: list[dict[str, int]]) -> dict[str, int]:
    """
    The sum of process costs.
    """
    return {kind: sum(cost[kind] for cost in costs) for kind in KINDS}
