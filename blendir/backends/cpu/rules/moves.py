"""
What only moves elements, and pools.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from blendir.backends.cpu.plan import Plan, kernel
from blendir.backends.cpu.rules.text import call, window
from blendir.backends.cpu.storage import LANES, PLANES, Bits, Numbers
from blendir.dialects import blend
from blendir.dialects.blend import tensor_type
from blendir.errors import UserError


def stored(value: Numbers | Bits) -> tuple[int, ...]:
    """
    The shape of a value as it lies in memory.
    """
    return value.shape if isinstance(value, Numbers) else (len(value.planes), *value.shape[1:])


def same(op: blend.MaxPool2dOp | blend.TakeOp | blend.TransposeOp, plan: Plan, name: str) -> Numbers | Bits:
    """
    A result with elements of its operand.
    """
    source = plan.values[op.input]
    if isinstance(source, Numbers):
        result = plan.make_numbers(op, name, source.format)
        result.buffer.dtype = source.buffer.dtype
        return result
    return plan.make_bits(op, name, source.planes)


@kernel.register
def reshape(op: blend.ReshapeOp, plan: Plan) -> None:
    source, shape = plan.values[op.input], tuple(tensor_type(op.result).get_shape()[1:])
    if isinstance(source, Numbers):
        plan.alias(op, Numbers(source.buffer, shape, source.format))
        return
    if math.prod(shape[1:]) == source.pixels:
        planes = source.planes
    elif len(shape) == 1:
        words = ((p // PLANES * source.pixels, p % PLANES) for p in source.planes)
        planes = tuple(PLANES * (word + i) + part for word, part in words for i in range(source.pixels))
    else:
        raise UserError(f"{op.layer_name}: {op.name} of words to {list(shape)} has no kernel on CPUs; flatten them")
    plan.alias(op, Bits(source.buffer, shape, planes))


def swapped(shape: Sequence[int], order: Sequence[int]) -> tuple[int, int, int] | None:
    """
    A permutation of axes as one of [outer][a][b] to [outer][b][a]; None where it is no such.
    """
    same = next((i for i, d in enumerate(order) if d != i), len(order))
    split = next((i for i in range(same, len(order)) if order[i] == same), same)
    if list(order) != [*range(same), *order[same:split], *range(same, same + len(order) - split)]:
        return None
    if list(order[same:split]) != list(range(same + len(order) - split, len(order))):
        return None
    middle = same + len(order) - split
    return math.prod(shape[:same]), math.prod(shape[same:middle]), math.prod(shape[middle:])


@kernel.register
def transpose(op: blend.TransposeOp, plan: Plan) -> None:
    source, name = plan.numbers(op.input), plan.name(op)
    result = same(op, plan, name)
    order = [d - 1 for d in op.permutation.get_values()[1:]]
    if (swap := swapped(source.shape, order)) is not None and not any(n % LANES for n in swap[1:]):
        if source.buffer.dtype.itemsize == 2:
            plan.step(op, call("transpose", swap, source.buffer.name, name), [source.buffer], result.buffer)
            return
    places = np.arange(math.prod(source.shape)).reshape(source.shape).transpose(order)
    table = plan.table(f"{name}_from", places.reshape(-1), np.int32)
    text = call("permute", (places.size,), source.buffer.name, table, name)
    plan.step(op, text, [source.buffer], result.buffer)


@kernel.register
def take(op: blend.TakeOp, plan: Plan) -> None:
    source, name, place = plan.values[op.input], plan.name(op), op.axis.value.data - 1
    result, shape = same(op, plan, name), stored(source)
    picks = plan.table(f"{name}_picks", np.array(op.picks), np.int32)
    template = math.prod(shape[:place]), shape[place], len(op.picks), math.prod(shape[place + 1 :])
    plan.step(op, call("take", template, source.buffer.name, picks, name), [source.buffer], result.buffer)


@kernel.register
def concat(op: blend.ConcatOp, plan: Plan) -> None:
    sources, name, place = [plan.values[v] for v in op.inputs], plan.name(op), op.axis.value.data - 1
    result = joined(op, sources, plan, name)
    shape, start = stored(result), 0
    outer, inner = math.prod(shape[:place]), math.prod(shape[place + 1 :])
    for source in sources:
        size = stored(source)[place] * inner
        text = call("place", (outer, size, shape[place] * inner, start), source.buffer.name, name)
        plan.step(op, text, [source.buffer], result.buffer)
        start += size


def joined(op: blend.ConcatOp, sources: Sequence[Numbers | Bits], plan: Plan, name: str) -> Numbers | Bits:
    """
    The result of a concatenation.
    """
    bits = [source for source in sources if isinstance(source, Bits)]
    if not bits:
        formats = [source.format for source in sources if isinstance(source, Numbers)]
        return plan.make_numbers(op, name, max(formats, key=lambda f: f.width))
    if op.axis.value.data > 1:
        if len({b.planes for b in bits}) > 1:
            raise UserError(
                f"{op.layer_name}: {op.name} of words with other lanes has no kernel on CPUs; join channels"
            )
        return plan.make_bits(op, name, bits[0].planes)
    starts = np.cumsum([0, *(b.shape[0] for b in bits)]) * PLANES
    return plan.make_bits(op, name, [int(s) + p for s, b in zip(starts, bits, strict=False) for p in b.planes])


def padded_plane(op: blend.PoolOp) -> int:
    """
    Elements of a plane with its padding.
    """
    size = tensor_type(op.operands[0]).get_shape()[2:]
    return math.prod(axis.stride * (axis.outputs(n) - 1) + axis.extent for n, axis in zip(size, op.axes, strict=True))


@kernel.register
def max_pool(op: blend.MaxPool2dOp, plan: Plan) -> None:
    source, name = plan.values[op.input], plan.name(op)
    result, shape = same(op, plan, name), stored(source)
    space = plan.buffer(f"{name}_space", source.buffer.dtype, padded_plane(op))
    kind = "max_pool" if isinstance(source, Numbers) else "or_pool"
    text = call(kind, (window((shape[1], shape[2]), op.axes), shape[0]), source.buffer.name, space.name, name)
    plan.step(op, text, [source.buffer], result.buffer, space)


@kernel.register
def avg_pool(op: blend.AvgPool2dOp, plan: Plan) -> None:
    source, name = plan.numbers(op.input), plan.name(op)
    result = plan.make_numbers(op, name)
    space = plan.buffer(f"{name}_space", source.buffer.dtype, padded_plane(op))
    template = window((source.shape[1], source.shape[2]), op.axes), source.channels
    text = call("sum_pool", template, source.buffer.name, space.name, name)
    plan.step(op, text, [source.buffer], result.buffer, space)
