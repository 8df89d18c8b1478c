"""
The law of what the first bit of levels leaves to the others, as in the activations of FracBNN (Zhang et al., 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects import blend
from blendir.dialects.blend import ConstantOp, FixedType, constant_value, element_format, tensor_type
from blendir.dialects.blend.levels import level_type
from blendir.numerics import Format, PadMode
from blendir.passes.bit_planes import Planes
from blendir.passes.fold.channelwise import ROUNDING, Affine
from blendir.passes.fold.laws.level_products import integer_products
from blendir.passes.rewriting import affine_of, affine_ops, shared


def first_bit(levels: blend.MultiThresholdOp, bits: SSAValue) -> list[int] | None:
    """
    The bits as +-1 for each of the levels, lowest first, where they are one of their thresholds.
    """
    found = bits.owner
    if not isinstance(found, blend.ThresholdOp) or found.input is not levels.input or found.axis != levels.axis:
        return None
    if not np.array_equal(constant_value(found.invert), constant_value(levels.invert)):
        return None
    same = (constant_value(levels.thresholds) == constant_value(found.threshold)[:, None]).all(axis=0)
    if not same.any():
        return None
    column = int(np.flatnonzero(same)[0])
    return [1 if held > column else -1 for held in range(len(levels.levels))]


def same_products(conv: blend.FixedConv2dOp, binary: blend.BinaryConv2dOp) -> bool:
    """
    Whether two convolutions differ in their inputs alone, and add nothing outside of them.
    """
    signs = np.where(constant_value(binary.weight), 1, -1)
    alike = (conv.stride, conv.pads) == (binary.stride, binary.pads) and (conv.dilations, conv.group_count) == (
        binary.dilations,
        binary.group_count,
    )
    plain = conv.pad is None and binary.pad_mode.data is PadMode.ZERO_EXACT and not constant_value(conv.bias).any()
    return alike and plain and np.array_equal(constant_value(conv.weight), signs)


@dataclass(frozen=True)
class FirstBitSum:
    """
    `conv(n, w) * a + binary_conv(s, w) * b` for levels n and one of their bits s; `bits` is s as +-1 for each level,
    lowest first.
    """

    conv: blend.FixedConv2dOp
    levels: blend.MultiThresholdOp
    bits: list[int]
    a: blend.AffineOp
    b: blend.AffineOp

    @staticmethod
    def of(op: blend.AddOp) -> FirstBitSum | None:
        """
        The sum that an addition is, if nothing else needs the first term.
        """
        a, b = op.lhs.owner, op.rhs.owner
        if not isinstance(a, blend.AffineOp) or not isinstance(b, blend.AffineOp) or a.axis != b.axis:
            return None
        if isinstance(a.input.owner, blend.BinaryConv2dOp):
            a, b = b, a
        conv, binary = a.input.owner, b.input.owner
        if not isinstance(conv, blend.FixedConv2dOp) or not isinstance(binary, blend.BinaryConv2dOp):
            return None
        levels = conv.input.owner
        if not isinstance(levels, blend.MultiThresholdOp) or not same_products(conv, binary):
            return None
        if shared(conv.result) or shared(a.result):
            return None
        bits = first_bit(levels, binary.input)
        return None if bits is None else FirstBitSum(conv, levels, bits, a, b)

    @property
    def ratio(self) -> int | None:
        """
        The integer r with `b == r * a` in every channel, up to `ROUNDING`; None where there is none.
        """
        a, b = affine_of(self.a).scale, affine_of(self.b).scale
        if not a.all():
            return None
        ratio = round(float((b / a)[0]))
        apart = np.abs(b - ratio * a) > ROUNDING * np.abs(b)
        return None if bool(apart.any()) else ratio

    def table(self, rest: list[int], element: FixedType) -> ConstantOp:
        """
        What stands for each integer of the levels' type: `rest` for the levels, lowest first.
        """
        fmt = self.format
        values = np.zeros(fmt.high - fmt.low + 1, np.int64)
        values[np.array(self.levels.levels) - fmt.low] = rest
        return ConstantOp.from_numpy(values, element)

    @property
    def format(self) -> Format:
        """
        The format of the levels.
        """
        return element_format(tensor_type(self.conv.input).element_type)


class SumOfFirstBit(RewritePattern):
    """
    `conv(n, w) * a + binary_conv(s, w) * r a == conv(n + r s, w) * a` for levels n, one of their bits s and an integer
    r (up to `ROUNDING`), where n + r s has fewer bits and nothing else needs the first sum.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.AddOp, rewriter: PatternRewriter) -> None:
        found = FirstBitSum.of(op)
        ratio = found.ratio if found is not None else None
        if found is None or ratio is None:
            return
        levels, conv = found.levels.levels, found.conv
        rest = [level + ratio * bit for level, bit in zip(levels, found.bits, strict=True)]
        kind = level_type(min(rest), max(rest))
        if len(Planes.of(kind.format, rest).places) >= len(Planes.of(found.format, levels).places):
            return
        table = found.table(rest, kind)
        layer = conv.layer_name
        lookup = blend.LookupOp(conv.input, table.result, f"{layer}.rest")
        w, zero, element = integer_products(constant_value(conv.weight).astype(np.int64), max(map(abs, rest)))
        operands, geometry = (lookup.result, w.result, zero.result), (conv.stride, conv.pads)
        dilation, groups = conv.dilations, conv.group_count
        sums = blend.FixedConv2dOp(*operands, *geometry, element, None, layer, dilation=dilation, groups=groups)
        a, b = affine_of(found.a), affine_of(found.b)
        total = Affine(0 * a.scale, a.scale, a.shift + b.shift)
        scaled = affine_ops(sums.result, total, found.a.axis.value.data, op.layer_name)
        rewriter.replace(op, [table, lookup, w, zero, sums, *scaled])
