"""
The law of what the first bit of levels leaves to the others, as in the activations of FracBNN (Zhang et al., 2021).
"""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects.blend import (
    AddOp,
    AffineOp,
    BinaryConv2dOp,
    ConstantOp,
    FixedConv2dOp,
    LookupOp,
    MultiThresholdOp,
    ThresholdOp,
    constant_value,
    element_format,
    tensor_type,
)
from blendir.dialects.blend.levels import level_type
from blendir.numerics import PadMode
from blendir.passes.folding import Affine
from blendir.passes.laws.level_products import integer_products
from blendir.passes.laws.scaled_levels import CLOSE
from blendir.passes.planes import Planes
from blendir.passes.rewriting import affine_of, affine_ops, layer_of, shared


def first_bit(levels: MultiThresholdOp, bits: SSAValue) -> list[int] | None:
    """
    The bits as +-1 for each of the levels, lowest first, where they are one of their thresholds.
    """
    found = bits.owner
    if not isinstance(found, ThresholdOp) or found.input is not levels.input or found.axis != levels.axis:
        return None
    if not np.array_equal(constant_value(found.invert), constant_value(levels.invert)):
        return None
    same = (constant_value(levels.thresholds) == constant_value(found.threshold)[:, None]).all(axis=0)
    if not same.any():
        return None
    column = int(np.flatnonzero(same)[0])
    return [1 if held > column else -1 for held in range(len(levels.levels))]


def same_products(conv: FixedConv2dOp, binary: BinaryConv2dOp) -> bool:
    """
    Whether two convolutions differ in their inputs alone, and add nothing outside of them.
    """
    signs = np.where(constant_value(binary.weight), 1, -1)
    geometry = (conv.stride, conv.pads) == (binary.stride, binary.pads)
    plain = conv.pad is None and binary.pad_mode.data is PadMode.ZERO_EXACT and not constant_value(conv.bias).any()
    return geometry and plain and np.array_equal(constant_value(conv.weight), signs)


class SumOfFirstBit(RewritePattern):
    """
    `conv(n, w) * a + binary_conv(s, w) * r a == conv(n + r s, w) * a` for levels n, one of their bits s and an integer
    r, where n + r s has fewer bits and nothing else needs the first sum.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddOp, rewriter: PatternRewriter) -> None:
        lhs, rhs = op.lhs.owner, op.rhs.owner
        if not isinstance(lhs, AffineOp) or not isinstance(rhs, AffineOp):
            return
        if isinstance(lhs.input.owner, BinaryConv2dOp):
            lhs, rhs = rhs, lhs
        conv, binary = lhs.input.owner, rhs.input.owner
        if not isinstance(conv, FixedConv2dOp) or not isinstance(binary, BinaryConv2dOp):
            return
        levels = conv.input.owner
        if not isinstance(levels, MultiThresholdOp) or not same_products(conv, binary):
            return
        if shared(conv.result) or shared(lhs.result):
            return
        bits, (a, b) = first_bit(levels, binary.input), (affine_of(v) for v in (lhs, rhs))
        if bits is None or lhs.axis != rhs.axis or not a.scale.all():
            return
        ratio = round(float((b.scale / a.scale)[0]))
        rest = [level + ratio * bit for level, bit in zip(levels.levels, bits, strict=True)]
        kind, fmt = level_type(min(rest), max(rest)), element_format(tensor_type(conv.input).element_type)
        fewer = len(Planes.of(kind.format, rest).places) < len(Planes.of(fmt, levels.levels).places)
        if not fewer or np.abs(b.scale - ratio * a.scale).max() > CLOSE * np.abs(a.scale).min():
            return
        values = np.zeros(fmt.high - fmt.low + 1, np.int64)
        values[np.array(levels.levels) - fmt.low] = rest
        layer = layer_of(op)
        table = ConstantOp.from_numpy(values, kind)
        bit = LookupOp(conv.input, table.result, f"{layer_of(conv)}.rest")
        w, zero, element = integer_products(constant_value(conv.weight).astype(np.int64), max(map(abs, rest)))
        made = FixedConv2dOp(bit.result, w.result, zero.result, conv.stride, conv.pads, element, None, layer_of(conv))
        total = Affine(0 * a.scale, a.scale, a.shift + b.shift)
        rewriter.replace(op, [table, bit, w, zero, made, *affine_ops(made.result, total, lhs.axis.value.data, layer)])
