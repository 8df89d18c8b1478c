"""
Sums of products: convolutions and linear layers, of bits and of numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blendir import widths
from blendir.backends.cpu.plan import Form, Plan, kernel
from blendir.backends.cpu.rules.text import call, exact, settle, window
from blendir.backends.cpu.rules.weights import ROWS, in_lanes, in_pairs, in_rows
from blendir.backends.cpu.storage import LANES, PLANE_BITS, Array, Bits, Buffer, Numbers, format_of, narrowed
from blendir.dialects import blend
from blendir.dialects.blend import constant_value, element_format, tensor_type
from blendir.interpreter.kernels import border_map
from blendir.numerics import Format, PadMode, Rounding, WindowAxis

TILE_WORDS, TILE_LANES = 4, 32
"""Words of a tile, and the vectors that hold it and its neighbor; `tiles.hpp` says the same."""
TILE_FROM = 12
"""Words of a product from which on matrix tiles are faster than counts."""
POINT = WindowAxis(1), WindowAxis(1)
"""The windows of a linear layer."""


@dataclass(frozen=True)
class Geometry:
    """
    Windows on planes of `size`, of so many planes, for so many outputs.
    """

    size: tuple[int, int]
    axes: tuple[WindowAxis, WindowAxis]
    planes: int
    outputs: int
    groups: int = 1

    @property
    def taps(self) -> int:
        """
        Taps of a window.
        """
        return self.axes[0].kernel * self.axes[1].kernel

    @property
    def rows(self) -> tuple[int, int]:
        """
        Rows and columns of outputs.
        """
        down, right = (axis.outputs(n) for axis, n in zip(self.axes, self.size, strict=True))
        return down, right

    @property
    def pixels(self) -> int:
        """
        Outputs of a plane.
        """
        return math.prod(self.rows)

    @property
    def pitch(self) -> int:
        """
        Elements of a plane with its padding, or as it lies in memory.
        """
        padded = ((n - 1) * a.stride + a.extent for n, a in zip(self.rows, self.axes, strict=True))
        return max(math.prod(padded), math.prod(self.size))

    @property
    def lanes_are_outputs(self) -> bool:
        """
        Whether far fewer vectors are needed if outputs lie side by side, not pixels: these cost less each.
        """
        across, along = -(-self.outputs // LANES) * self.pixels, -(-self.pixels // LANES) * self.outputs
        return self.groups == 1 and 3 * across < 2 * along

    def inside(self) -> Array:
        """
        Which taps of each output lie inside: [pixels, taps].
        """
        found: list[Array] = []
        for axis, size, count in zip(self.axes, self.size, self.rows, strict=True):
            places = np.arange(count)[:, None] * axis.stride + np.arange(axis.kernel) * axis.dilation - axis.before
            found.append((places >= 0) & (places < size))
        down, right = found
        return (down[:, None, :, None] & right[None, :, None, :]).reshape(self.pixels, self.taps)

    def classes(self, values: Array) -> tuple[Array, Array]:
        """
        Numbers [O, pixels] as the kernels read them, and which of these each block of pixels, or each pixel, takes.
        """
        if self.lanes_are_outputs:
            blocks = np.zeros((self.pixels, -(-self.outputs // LANES) * LANES), values.dtype)
            blocks[:, : self.outputs] = values.T
        else:
            count = -(-self.pixels // LANES)
            places = np.minimum(np.arange(count * LANES), self.pixels - 1)
            blocks = values[:, places].reshape(self.outputs, count, LANES).transpose(1, 0, 2)
        found, which = np.unique(blocks, axis=0, return_inverse=True)
        return found, which.reshape(-1)


def scratch(plan: Plan, name: str, geometry: Geometry, dtype: np.dtype[Any], plain: bool, more: int) -> list[Buffer]:
    """
    Memory for padded planes, where they are not read as they are, and for columns.
    """
    found = [] if plain else [plan.buffer(f"{name}_padded", dtype, geometry.planes * geometry.pitch)]
    columns = (geometry.planes * geometry.taps + 2 + more) * LANES
    if geometry.lanes_are_outputs:
        columns = geometry.planes * geometry.taps * 3 + 3 * LANES
    return [*found, plan.buffer(f"{name}_space", dtype, columns)]


def is_plain(geometry: Geometry) -> bool:
    """
    Whether planes are read as they are: without padding, and whole.
    """
    down, right = geometry.axes
    reach = (geometry.rows[1] - 1) * right.stride + right.extent
    return down.before == down.after == right.before == right.after == 0 and reach == geometry.size[1]


@dataclass(frozen=True)
class Groups:
    """
    Which planes the outputs of each group read: `part` ones from `start` on, and the bits of them that count.
    """

    count: int
    part: int
    start: Array
    mask: Array | None = None


def bit_groups(op: blend.PackedBinaryConv2dOp, source: Bits) -> Groups:
    """
    Those of a convolution of bits.
    """
    planes, groups = len(source.planes), op.group_count
    if groups == 1:
        return Groups(1, planes, np.zeros(1))
    places = source.places(np.array(op.channel_lanes)).reshape(groups, -1)
    first, last = places.min(axis=1) // PLANE_BITS, places.max(axis=1) // PLANE_BITS
    part = int((last - first).max()) + 1
    start = np.minimum(first, planes - part)
    mask = np.zeros((groups, part), np.uint16)
    for group, lanes in enumerate(places):
        for lane in lanes:
            mask[group, lane // PLANE_BITS - start[group]] |= np.uint16(1 << lane % PLANE_BITS)
    return Groups(groups, part, start, mask)


@kernel.register
def binary_conv(op: blend.PackedBinaryConv2dOp, plan: Plan) -> None:
    source = plan.bits(op.input)
    outputs = tensor_type(op.weight).get_shape()[0]
    geometry = Geometry((source.shape[1], source.shape[2]), op.axes, len(source.planes), outputs, op.group_count)
    groups = bit_groups(op, source)
    words = source.plane_bits(constant_value(op.weight)).reshape(outputs, geometry.planes, geometry.taps)
    own = np.repeat(np.arange(groups.count), outputs // groups.count)
    reach = groups.start.astype(int)[own][:, None] + np.arange(groups.part)
    bits = np.take_along_axis(words, reach[:, :, None], axis=1)
    if groups.mask is not None:
        bits = bits & groups.mask[own][:, :, None]
    outside = np.zeros(geometry.planes, np.uint16)
    if op.pad_mode.data is PadMode.PLUS_ONE:
        for lane in source.places(np.array(op.channel_lanes)):
            outside[lane // PLANE_BITS] |= np.uint16(1 << lane % PLANE_BITS)
    base = np.full((outputs, geometry.pixels), op.channels.value.data * geometry.taps)
    if op.pad_mode.data is PadMode.ZERO_EXACT:
        beyond = ~geometry.inside()
        ones = np.bitwise_count(bits).sum(axis=1, dtype=np.int64)
        base = base + (2 * ones - op.channels.value.data) @ beyond.T.astype(np.int64)
    products_of_bits(op, plan, source, geometry, groups, bits.reshape(outputs, -1), outside, base)


@kernel.register
def binary_linear(op: blend.PackedBinaryLinearOp, plan: Plan) -> None:
    source = plan.bits(op.input)
    outputs = tensor_type(op.weight).get_shape()[0]
    geometry = Geometry((1, 1), POINT, len(source.planes), outputs)
    bits, base = source.plane_bits(constant_value(op.weight)), np.full((outputs, 1), op.channels.value.data)
    outside = np.zeros(geometry.planes, np.uint16)
    groups = Groups(1, geometry.planes, np.zeros(1))
    products_of_bits(op, plan, source, geometry, groups, bits, outside, base)


def products_of_bits(
    op: blend.PackedBinaryConv2dOp | blend.PackedBinaryLinearOp,
    plan: Plan,
    source: Bits,
    geometry: Geometry,
    groups: Groups,
    bits: Array,
    outside: Array,
    base: Array,
) -> None:
    """
    A product of bits [O, T]: `base` [O, pixels] minus twice the count of unequal bits.
    """
    name, most = plan.name(op), op.channels.value.data * geometry.taps
    dtype = np.dtype(np.int16 if most < 1 << 15 else np.int32)
    result = plan.make_numbers(op, name, format_of(np.array([-most, most])))
    result.buffer.dtype = dtype
    found, which = geometry.classes(base)
    shape, plain = window(geometry.size, geometry.axes), is_plain(geometry)
    taps = geometry.planes * geometry.taps
    tiled = groups.count == 1 and dtype == np.int16 and not geometry.lanes_are_outputs and taps >= TILE_FROM
    more = TILE_LANES * -(-taps // TILE_WORDS) if tiled else 0
    more = more if groups.mask is None else groups.part * geometry.taps
    space = scratch(plan, name, geometry, source.buffer.dtype, plain, more)
    padding = "nullptr" if plain else space[0].name
    tables = (
        plan.table(f"{name}_base", found, dtype),
        plan.table(f"{name}_classes", which, np.uint16),
        padding,
        space[-1].name,
    )
    pads = plan.table(f"{name}_outside", outside)
    if geometry.lanes_are_outputs:
        weights = plan.table(f"{name}_weights", in_lanes(bits))
        template = shape, geometry.planes, geometry.outputs, dtype
        form = None
        text = call("binary_matrix", template, source.buffer.name, pads, weights, *tables, name)
    else:
        start = plan.table(f"{name}_start", groups.start, np.int32)
        mask = "nullptr" if groups.mask is None else plan.table(f"{name}_mask", groups.mask)
        weights = plan.table(f"{name}_weights", in_rows(bits, groups.count).astype(np.uint32) * 0x10001)
        template = shape, geometry.planes, groups.part, geometry.outputs, groups.count, dtype
        tiles = "nullptr"
        if tiled:
            parts = taps, geometry.outputs, ROWS
            tiles = plan.prepare(f"{name}_tiles", call("tile_weights", parts, weights))
        head = call("binary_conv", template, source.buffer.name, pads, start, mask, weights, tiles, *tables)
        text, form = stored(head, geometry, name)
    plan.step(op, text, [source.buffer], result.buffer, *space, form=form)


def stored(call: str, geometry: Geometry, name: str) -> tuple[str, Form]:
    """
    A product whose blocks go to memory; and without what takes its blocks.
    """
    head, pixels = call.removesuffix(");"), geometry.pixels
    body = f"blendir::store_block<{pixels}>(v, {name} + o * {pixels}, p);"
    text = f"{head}, [=](int o, int p, const auto& v) {{ {body} }});"
    return text, Form(geometry.outputs, pixels, head=head)


@dataclass(frozen=True)
class Arithmetic:
    """
    In which types products of numbers are summed, and the kernel's name for them.
    """

    element: np.dtype[Any]
    total: np.dtype[Any]
    kind: str

    @property
    def in_pairs(self) -> bool:
        """
        Whether a word holds two taps.
        """
        return self.element.itemsize == 2


def arithmetic(source: Format, weight: Format, row: int, pairs: bool) -> Arithmetic:
    """
    The narrowest one that is exact; `pairs`: whether taps may go in pairs.
    """
    width = widths.accumulator(source, weight, row).width
    total = np.dtype(np.int32 if width <= 32 else np.int64)
    widest = max(widths.signed(source).width, weight.width)
    if widest <= 16 and width <= 32 and pairs:
        return Arithmetic(np.dtype(np.int16), total, "blendir::Pairs")
    element = np.dtype(np.int32 if widest <= 32 else np.int64)
    return Arithmetic(element, total, f"blendir::Numbers<{element.name}_t, {total.name}_t>")


def low_bits(source: Format, weight: Format, row: int, most: int, shift: int) -> int | None:
    """
    How many lower bits of wide numbers are summed apart, so that sums with a bias of at most `most` and their carries
    fit 32 bits, before a shift; None where it is not possible.
    """
    bits = min(15, 31 - row.bit_length(), shift)
    if bits <= 0 or shift - bits > 31 or weight.width > 16 or not source.signed or source.width > 32:
        return None
    above = (widths.magnitude(source) >> bits) + 1
    fits = ((1 << bits) - 1) * row + (1 << bits) < 1 << 31
    return bits if fits and above < 1 << 15 and above * row + (most >> bits) + (1 << (32 - bits)) < 1 << 31 else None


@kernel.register
def fixed_conv(op: blend.FixedConv2dOp, plan: Plan) -> None:
    source = plan.numbers(op.input)
    weight, bias = constant_value(op.weight), constant_value(op.bias)
    outputs, share = weight.shape[:2]
    geometry = Geometry((source.shape[1], source.shape[2]), op.axes, source.channels, outputs, op.group_count)
    groups = Groups(op.group_count, share, np.arange(op.group_count) * share)
    spread = np.broadcast_to(border_map(bias, geometry.size, op.axes), (outputs, *geometry.rows))
    outside = np.zeros(source.channels) if op.pad is None else constant_value(op.pad)
    values = weight.reshape(outputs, -1)
    products_of_numbers(op, plan, source, geometry, groups, values, outside, spread.reshape(outputs, -1))


@kernel.register
def fixed_linear(op: blend.FixedLinearOp, plan: Plan) -> None:
    source, weight = plan.numbers(op.input), constant_value(op.weight)
    geometry = Geometry((1, 1), POINT, source.channels, len(weight))
    groups = Groups(1, source.channels, np.zeros(1))
    bias = constant_value(op.bias)[:, None]
    products_of_numbers(op, plan, source, geometry, groups, weight, np.zeros(source.channels), bias)


def products_of_numbers(
    op: blend.FixedConv2dOp | blend.FixedLinearOp,
    plan: Plan,
    source: Numbers,
    geometry: Geometry,
    groups: Groups,
    weight: Array,
    outside: Array,
    bias: Array,
) -> None:
    """
    A product with weights [O, T] and a bias [O, pixels].
    """
    name = plan.name(op)
    result, frac = plan.make_numbers(op, name), element_format(tensor_type(op.bias).element_type).frac
    found, row = format_of(weight, frac - source.format.frac), widths.row_sum(weight)
    how = arithmetic(source.format, found, row, groups.count == 1 or weight.shape[1] % 2 == 0)
    terms = widths.sums_of_products(source.format, found, format_of(bias, frac), row)
    wide, settled = exact(terms, result.format.frac), settle(frac, result.format, op.rounding.data)
    plain = is_plain(geometry) and source.buffer.dtype.itemsize == how.element.itemsize
    space = scratch(plan, name, geometry, how.element, plain, 0)
    biases, which = geometry.classes(bias)
    tables = (
        plan.table(f"{name}_bias", narrowed(biases)),
        plan.table(f"{name}_classes", which, np.uint16),
        "nullptr" if plain else space[0].name,
        space[-1].name,
    )
    pads = plan.table(f"{name}_outside", outside, how.element)
    sums, windows = (how.kind, how.total, wide, settled), (window(geometry.size, geometry.axes), geometry.planes)
    shift, half_up = frac - result.format.frac, op.rounding.data is Rounding.HALF_UP
    low = None
    if wide.itemsize == 8 and half_up and groups.count == 1 and not geometry.lanes_are_outputs:
        low = low_bits(source.format, found, row, int(np.abs(bias).max()) + (1 << max(shift - 1, 0)), shift)
    if low is not None:
        rounded = biases.astype(np.int64) + (1 << (shift - 1))
        digits = np.stack([rounded >> low, rounded & ((1 << low) - 1)], axis=2)
        plan.table(f"{name}_bias", digits, np.int32)
        parts = outside.astype(np.int64)
        pads = plan.table(f"{name}_outside", np.stack([parts >> low, parts & ((1 << low) - 1)]), np.int16)
        weights = plan.table(f"{name}_weights", in_rows(in_pairs(weight), 1))
        both = scratch(plan, name, replace(geometry, planes=2 * geometry.planes), np.dtype(np.int16), False, 2)
        shape = low, shift, result.format.width, result.buffer.dtype, *windows, geometry.outputs
        memory = *tables[:2], *(buffer.name for buffer in both)
        text, form = stored(call("wide_conv", shape, source.buffer.name, pads, weights, *memory), geometry, name)
        plan.step(op, text, [source.buffer], result.buffer, *both, form=form)
        return
    if geometry.lanes_are_outputs:
        placed = in_lanes(in_pairs(weight)) if how.in_pairs else in_lanes(weight).astype(how.element)
        weights = plan.table(f"{name}_weights", np.ascontiguousarray(placed).view(how.element))
        form = None
        text = call(
            "fixed_matrix", (*sums, *windows, geometry.outputs), source.buffer.name, pads, weights, *tables, name
        )
    else:
        start = plan.table(f"{name}_start", groups.start, np.int32)
        placed = in_rows(in_pairs(weight) if how.in_pairs else weight.astype(how.element), groups.count)
        weights = plan.table(f"{name}_weights", placed)
        shape = (*sums, result.buffer.dtype, *windows, groups.part, geometry.outputs, groups.count)
        head = call("fixed_conv", shape, source.buffer.name, pads, start, weights, *tables)
        text, form = stored(head, geometry, name)
    plan.step(op, text, [source.buffer], result.buffer, *space, form=form)
