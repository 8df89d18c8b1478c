"""
Functions of single elements, and of vectors along an axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import SSAValue

from blendir import widths
from blendir.backends.cpu.plan import Form, Plan, kernel
from blendir.backends.cpu.rules.text import call, exact, settle, spelled
from blendir.backends.cpu.storage import PLANE_BITS, Array, Buffer, Numbers, format_of, narrowed
from blendir.dialects import blend
from blendir.dialects.blend import constant_value
from blendir.numerics import ROOT_SEEDS, Format, Rounding


def along(values: Array, source: Numbers, axis: IntegerAttr[Any]) -> Array:
    """
    Parameters [.., size of the axis] of planes, if it is axis 1, else of each position of a plane.
    """
    place = axis.value.data - 1
    if place == 0:
        return values
    rest = source.shape[1:]
    shaped = values.reshape(*values.shape[:-1], *(n if d == place - 1 else 1 for d, n in enumerate(rest)))
    return np.broadcast_to(shaped, (*values.shape[:-1], *rest)).reshape(*values.shape[:-1], -1)


def limits_within(limits: Array, source: Numbers) -> Array:
    """
    Integers with which numbers of a format compare as with these; one more than the largest is never reached.
    """
    return np.clip(limits, source.format.low, source.format.high + 1)


def planes_of(source: Numbers) -> tuple[int, int]:
    """
    How many planes, and the elements of each.
    """
    return source.channels, source.pixels


def by_parameter(source: Numbers, axis: IntegerAttr[Any]) -> tuple[int, int, bool]:
    """
    The same, and whether parameters belong to planes; planes of one element are the elements of one plane.
    """
    rows = axis.value.data == 1
    return (1, source.channels, False) if rows and source.pixels == 1 else (*planes_of(source), rows)


def steps_of(limits: Array, flip: Array) -> Array:
    """
    16-bit limits [C], and what reaching them adds to a word in which the bits of `flip` are set: [C, 2], each twice in
    32 bits.
    """
    bits = 1 << np.arange(len(limits)) % PLANE_BITS
    halves = np.stack([limits.astype(np.int64), np.where(flip, -bits, bits)], axis=1) & 0xFFFF
    return (halves * 0x10001).astype(np.uint32)


@kernel.register
def threshold(op: blend.ThresholdOp, plan: Plan) -> None:
    source, name, rows = plan.numbers(op.input), plan.name(op), op.axis.value.data == 1
    found = limits_within(along(constant_value(op.threshold), source, op.axis), source)
    never = found > source.format.high
    flip = along(constant_value(op.invert), source, op.axis) ^ never
    channels, pixels = planes_of(source)
    count = -(-channels // PLANE_BITS)
    spread = np.broadcast_to(flip[:, None] if rows else flip[None], (channels, 1 if rows else pixels))
    full = np.zeros((count * PLANE_BITS, spread.shape[1]), np.uint16)
    full[:channels] = spread
    words = (full.reshape(count, PLANE_BITS, -1) << np.arange(PLANE_BITS, dtype=np.uint16)[:, None]).sum(axis=1)
    limit = plan.table(f"{name}_limit", np.where(never, source.format.low, found), source.buffer.dtype)
    result = plan.make_bits(op, name, range(count))
    flips = plan.table(f"{name}_flip", words, np.uint16)

    def bits(block: str) -> str:
        place = f"o % {PLANE_BITS}, {flips}[o / {PLANE_BITS}], {name} + o / {PLANE_BITS} * {pixels}, p"
        if source.buffer.dtype != np.int16:
            return f"blendir::set_bit<{pixels}>({block}, {limit}[o], {place});"
        table = plan.table(f"{name}_step", steps_of(plan.tables[f"{name}_limit"], flip))
        return f"blendir::set_bit<{pixels}>({block}, {table} + o * 2, {place});"

    text = call("threshold", (channels, pixels, rows), source.buffer.name, limit, flips, name)
    form = Form(channels, pixels, bits=bits) if rows else None
    plan.step(op, text, [source.buffer], result.buffer, form=form)


def largest(*values: Array) -> int:
    """
    The largest magnitude.
    """
    return max(abs(int(end)) for v in values for end in (v.min(), v.max()))


def fits_32(source: Numbers, slopes: Sequence[Array], offsets: Sequence[Array], shift: int) -> bool:
    """
    Whether 32 bits hold every result of pieces, with the half that rounds a shift to the right.
    """
    most = largest(*slopes) * widths.magnitude(source.format) + largest(*offsets)
    return 0 < shift < 32 and most + (1 << shift) < 1 << 31


def digits(source: Numbers, parameters: Sequence[Array], shift: int) -> Array | None:
    """
    The pieces [C, 5] of functions k, a0, b0, a1, b1 of 16-bit numbers, as the kernel for products of digits reads them:
    slopes have a digit for x and one for x 2^up. None where a slope needs more, or a result before the shift more than
    32 bits.
    """
    up = 16 - widths.signed(source.format).width
    if source.buffer.dtype != np.int16 or not 0 < shift < 31:
        return None
    k, a0, b0, a1, b1 = (v.astype(np.int64) for v in parameters)
    low, high, half = source.format.low, source.format.high, 1 << (shift - 1)
    limit, never = limits_within(k, source), k > high
    a1, b1 = np.where(never, a0, a1), np.where(never, b0, b1)
    if largest(a0, a1) >= 1 << (15 + up) or not fits_32(source, (a0, a1), (b0, b1), shift):
        return None
    slopes = [(a >> up << 16) + (a & ((1 << up) - 1)) for a in (a0, a1)]
    start = np.where(never, low, limit) << (16 + up)
    return np.stack([start, slopes[0], b0 + half, slopes[1], b1 + half], axis=1).astype(np.int32)


def width_needed(source: Numbers, table: Array, shift: int, result: Format) -> int:
    """
    The width of a result, or 16 bits if all values that such pieces take have it.
    """
    up = 16 - widths.signed(source.format).width
    digits, low, high = table.astype(np.int64), source.format.low, source.format.high
    limit, values = digits[:, 0] >> (16 + up), list[Array]()
    for piece, ends in ((1, (low, np.maximum(limit - 1, low))), (3, (limit, high))):
        slope = ((digits[:, piece] >> 16) << up) + (digits[:, piece] & 0xFFFF)
        values += [(slope * x + digits[:, piece + 1]) >> shift for x in ends]
    found = np.stack(values)
    return 16 if found.min() >= result.low and found.max() <= result.high else result.width


@kernel.register
def piecewise_linear(op: blend.PiecewiseLinearOp, plan: Plan) -> None:
    source, name = plan.numbers(op.input), plan.name(op)
    result = plan.make_numbers(op, name)
    frac = blend.element_format(blend.tensor_type(op.offset0).element_type).frac
    k, a0, b0, a1, b1 = (along(constant_value(p), source, op.axis) for p in op.parameters)
    shift = frac - result.format.frac
    half_up = op.rounding.data is Rounding.HALF_UP
    table = digits(source, (k, a0, b0, a1, b1), shift) if half_up and result.buffer.dtype == np.int16 else None
    slopes, offsets = format_of(np.stack([a0, a1])), format_of(np.stack([b0, b1]), frac)
    slopes = Format(slopes.width, frac - source.format.frac)
    wide = exact(widths.piece(source.format, slopes, offsets), result.format.frac)
    if fits_32(source, (a0, a1), (b0, b1), shift):
        wide = np.dtype(np.int32)
    slope, offset = narrowed(np.stack([a0, a1])), narrowed(np.stack([b0, b1]))
    values = narrowed(limits_within(k, source)), slope[0], offset[0], slope[1], offset[1]
    tables = [plan.table(f"{name}_{p}", v) for p, v in zip(("k", "a0", "b0", "a1", "b1"), values, strict=True)]
    template = *by_parameter(source, op.axis), wide, settle(frac, result.format, op.rounding.data)
    text = call("piecewise", template, source.buffer.name, *tables, name)

    def block(value: str, _: Buffer) -> str:
        if table is not None:
            up, width = 16 - widths.signed(source.format).width, width_needed(source, table, shift, result.format)
            return f"blendir::piecewise<{up}, {shift}, {width}>({value}, {plan.table(f'{name}_pieces', table)} + o * 5)"
        kinds = ", ".join(map(spelled, (wide, settle(frac, result.format, op.rounding.data), result.buffer.dtype)))
        return f"blendir::piecewise<{kinds}>({', '.join([value, *(f'{table}[o]' for table in tables)])})"

    form = Form(*planes_of(source), block=block) if op.axis.value.data == 1 else None
    plan.step(op, text, [source.buffer], result.buffer, form=form)


@kernel.register
def multi_threshold(op: blend.MultiThresholdOp, plan: Plan) -> None:
    source, name = plan.numbers(op.input), plan.name(op)
    result = plan.make_numbers(op, name)
    limits = along(limits_within(constant_value(op.thresholds).T, source), source, op.axis)
    invert = along(constant_value(op.invert), source, op.axis)
    tables = plan.table(f"{name}_limits", narrowed(limits)), plan.table(f"{name}_invert", invert, np.uint8)
    template = *by_parameter(source, op.axis), len(limits)
    numbers = op.lowest.value.data, op.step.value.data
    text = call("multi_threshold", template, source.buffer.name, *tables, *numbers, name)
    plan.step(op, text, [source.buffer], result.buffer)


@kernel.register
def add(op: blend.AddOp, plan: Plan) -> None:
    a, b, name = plan.numbers(op.lhs), plan.numbers(op.rhs), plan.name(op)
    result = plan.make_numbers(op, name)
    terms = widths.operands(a.format, b.format)
    frac = widths.total(terms).frac
    ups = frac - a.format.frac, frac - b.format.frac
    size, settled = math.prod(a.shape), settle(frac, result.format, op.rounding.data)
    wide, pixels = exact(terms, result.format.frac), result.pixels
    text = call("add", (size, wide, *ups, settled), a.buffer.name, b.buffer.name, name)

    def block(value: str, memory: Buffer) -> str:
        blocks = [
            value if v.buffer is memory else f"blendir::load_block<{pixels}>({v.buffer.name} + o * {pixels}, p)"
            for v in (a, b)
        ]
        kinds = ", ".join(map(spelled, (wide, *ups, settled, result.buffer.dtype)))
        return f"blendir::add<{kinds}>({', '.join(blocks)})"

    form = Form(*planes_of(result), block=block) if a.buffer is not b.buffer else None
    plan.step(op, text, [a.buffer, b.buffer], result.buffer, form=form)


@kernel.register
def multiply(op: blend.MultiplyOp, plan: Plan) -> None:
    a, b, name = plan.numbers(op.lhs), plan.numbers(op.rhs), plan.name(op)
    result = plan.make_numbers(op, name)
    product = widths.product(a.format, b.format)
    wide = exact({"a product": product}, result.format.frac)
    template = *planes_of(a), op.is_gate, wide, settle(product.frac, result.format, op.rounding.data)
    text = call("multiply", template, a.buffer.name, b.buffer.name, name)
    plan.step(op, text, [a.buffer, b.buffer], result.buffer)


@kernel.register
def requantize(op: blend.RequantizeOp, plan: Plan) -> None:
    source, name = plan.numbers(op.input), plan.name(op)
    result = plan.make_numbers(op, name)
    wide = exact({"an input": widths.signed(source.format)}, result.format.frac)
    template = math.prod(source.shape), settle(source.format.frac, result.format, op.rounding.data), wide
    plan.step(op, call("requantize", template, source.buffer.name, name), [source.buffer], result.buffer)


@kernel.register
def clamp(op: blend.ClampOp, plan: Plan) -> None:
    source, name = plan.numbers(op.input), plan.name(op)
    result = plan.make_numbers(op, name)
    bounds = [int(bound.value.data) for bound in (op.low, op.high)]
    text = call("clamp", (math.prod(source.shape), source.buffer.dtype), source.buffer.name, *bounds, name)
    plan.step(op, text, [source.buffer], result.buffer)


@kernel.register
def lookup(op: blend.LookupOp, plan: Plan) -> None:
    source, name = plan.numbers(op.input), plan.name(op)
    result = plan.make_numbers(op, name)
    table = plan.table(f"{name}_table", constant_value(op.table), result.buffer.dtype)
    text = call("lookup", (math.prod(source.shape),), source.buffer.name, table, source.format.low, name)
    plan.step(op, text, [source.buffer], result.buffer)


@kernel.register
def bits_to_value(op: blend.BitsToValueOp, plan: Plan) -> None:
    source, name = plan.bits(op.input), plan.name(op)
    result = plan.make_numbers(op, name)
    lanes = np.arange(result.channels) if op.lanes is None else np.array(op.lanes.get_values())
    table = plan.table(f"{name}_lane", source.places(lanes))
    text = call("bits_to_value", planes_of(result), source.buffer.name, table, name)
    plan.step(op, text, [source.buffer], result.buffer)


def vectors(value: SSAValue, axis: IntegerAttr[Any], plan: Plan) -> tuple[int, int, int]:
    """
    Elements before an axis, along it, and behind it.
    """
    shape, place = plan.numbers(value).shape, axis.value.data - 1
    return math.prod(shape[:place]), shape[place], math.prod(shape[place + 1 :])


@kernel.register
def argmax(op: blend.ArgmaxOp, plan: Plan) -> None:
    source, name = plan.numbers(op.input), plan.name(op)
    result = plan.make_numbers(op, name)
    text = call("argmax", (*vectors(op.input, op.axis, plan), op.k), source.buffer.name, name)
    plan.step(op, text, [source.buffer], result.buffer)


@kernel.register
def layer_norm(op: blend.FixedLayerNormOp, plan: Plan) -> None:
    source, name = plan.numbers(op.input), plan.name(op)
    result = plan.make_numbers(op, name)
    frac = blend.element_format(blend.tensor_type(op.beta).element_type).frac
    tables = [
        plan.table(f"{name}_{p}", narrowed(constant_value(v))) for p, v in (("gamma", op.gamma), ("beta", op.beta))
    ]
    seeds = plan.table("seeds", ROOT_SEEDS, np.int64)
    template = *vectors(op.input, op.axis, plan), settle(frac, result.format, op.rounding.data)
    text = call("layer_norm", template, source.buffer.name, *tables, op.epsilon.value.data, seeds, name)
    plan.step(op, text, [source.buffer], result.buffer)
