"""
Operations on single elements, with parameters per channel.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import DenseArrayBase, FloatAttr, IntegerAttr, StringAttr, TensorType, f64, i1, i64
from xdsl.interfaces import HasCanonicalizationPatternsInterface
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    VarConstraint,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
)
from xdsl.pattern_rewriter import RewritePattern

from blendir import widths
from blendir.dialects.blend.base import (
    BlendOp,
    i64_array,
    i64_attr,
    require,
    require_channels,
    require_product_grid,
    require_shape,
    retyped,
)
from blendir.dialects.blend.exact import require_exact
from blendir.dialects.blend.interfaces import Elementwise
from blendir.dialects.blend.types import (
    AXIS,
    BIT,
    FIXED,
    HALF_UP,
    NUMBER,
    REAL,
    WORD,
    FixedType,
    RoundingAttr,
    Tensor,
    WordType,
    element_format,
    tensor_type,
)
from blendir.numerics import Rounding
from blendir.packing import word_count


@irdl_op_definition
class AffineOp(Elementwise, HasCanonicalizationPatternsInterface):
    """
    `y = (x - center[c]) * scale[c] + offset[c]`.

    The three numbers of a folded batch normalization stay apart, so that a zero offset puts the threshold exactly at
    the center.
    """

    name = "blend.affine"

    input = operand_def(TensorType.constr(NUMBER))
    center = operand_def(TensorType.constr(REAL))
    scale = operand_def(TensorType.constr(REAL))
    offset = operand_def(TensorType.constr(REAL))
    axis = prop_def(AXIS, default_value=i64_attr(1))
    result = result_def(TensorType.constr(REAL))

    def __init__(
        self,
        source: SSAValue,
        center: SSAValue,
        scale: SSAValue,
        offset: SSAValue,
        axis: int = 1,
        layer: str | StringAttr | None = None,
    ):
        super().__init__(
            [source, center, scale, offset],
            [retyped(source, f64)],
            layer,
            axis=i64_attr(axis),
        )

    def verify_(self) -> None:
        require_shape("result", self.result, tensor_type(self.input).get_shape())
        require_channels(self, self.axis, self.input, self.center, self.scale, self.offset)

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        from blendir.dialects.blend.canonicalization import DropIdentityAffine

        return (DropIdentityAffine(),)


@irdl_op_definition
class ThresholdOp(Elementwise):
    """
    `y = (x >= threshold[c]) xor invert[c]` (BlendNet, section IV-A).

    The threshold of a float input is a float, of any other input an integer of the input's grid. The result is bits,
    or words of 48 consecutive indices of axis 1, whatever the axis of the thresholds.
    """

    name = "blend.threshold"
    UNBOUNDED: ClassVar = ("threshold",)

    input = operand_def(TensorType.constr(NUMBER))
    threshold = operand_def(TensorType)
    invert = operand_def(TensorType.constr(BIT))
    axis = prop_def(AXIS, default_value=i64_attr(1))
    result = result_def(TensorType.constr(BIT | WORD))

    def __init__(
        self,
        source: SSAValue,
        threshold: SSAValue,
        invert: SSAValue,
        axis: int = 1,
        layer: str | StringAttr | None = None,
        result_type: Tensor | None = None,
    ):
        super().__init__(
            [source, threshold, invert],
            [result_type or retyped(source, i1)],
            layer,
            axis=i64_attr(axis),
        )

    def verify_(self) -> None:
        require_channels(self, self.axis, self.input, self.threshold, self.invert)
        element = tensor_type(self.input).element_type
        expected = f64 if element == f64 else i64
        actual = tensor_type(self.threshold).element_type
        require(actual == expected, f"thresholds of {element} should be {expected}, got {actual}")
        shape = list(tensor_type(self.input).get_shape())
        if isinstance(tensor_type(self.result).element_type, WordType):
            shape[1] = word_count(shape[1])
        require_shape("result", self.result, shape)


@irdl_op_definition
class PiecewiseLinearOp(Elementwise):
    """
    `y = x >= breakpoint[c] ? slope1[c] * x + offset1[c] : slope0[c] * x + offset0[c]`.

    Covers BN-PReLU and BN-PReLU-BN (BlendNet, section IV-B), ReLU, LeakyReLU and RPReLU. In fixed point the breakpoint
    is an integer of the input's grid, offsets are on the grid of the products, and the exact result is rounded once
    and saturated once.
    """

    name = "blend.piecewise_linear"

    input = operand_def(TensorType.constr(NUMBER))
    breakpoint = operand_def(TensorType)
    slope0 = operand_def(TensorType.constr(REAL | FIXED))
    offset0 = operand_def(TensorType.constr(REAL | FIXED))
    slope1 = operand_def(TensorType.constr(REAL | FIXED))
    offset1 = operand_def(TensorType.constr(REAL | FIXED))
    axis = prop_def(AXIS, default_value=i64_attr(1))
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(TensorType.constr(REAL | FIXED))

    def __init__(
        self,
        source: SSAValue,
        parameters: tuple[SSAValue, SSAValue, SSAValue, SSAValue, SSAValue],
        axis: int = 1,
        layer: str | StringAttr | None = None,
        result_type: Tensor | None = None,
        rounding: Rounding = Rounding.HALF_UP,
    ):
        super().__init__(
            [source, *parameters],
            [result_type or retyped(source, f64)],
            layer,
            axis=i64_attr(axis),
            rounding=RoundingAttr(rounding),
        )

    @property
    def parameters(self) -> tuple[SSAValue, SSAValue, SSAValue, SSAValue, SSAValue]:
        """
        Breakpoint, slope and offset below it, slope and offset from it on.
        """
        return self.breakpoint, self.slope0, self.offset0, self.slope1, self.offset1

    def verify_(self) -> None:
        require_shape("result", self.result, tensor_type(self.input).get_shape())
        require_channels(self, self.axis, self.input, *self.parameters)
        elements = [tensor_type(p).element_type for p in self.parameters]
        result = tensor_type(self.result).element_type
        if result == f64:
            kinds = list(map(str, elements))
            require(all(e == f64 for e in elements), f"parameters of a float result should be f64, got {kinds}")
            return
        source = tensor_type(self.input).element_type
        require(elements[0] == i64, f"the breakpoint of {source} should be i64, got {elements[0]}")
        slope, offset = elements[3], elements[4]
        require(elements[1] == slope, f"slopes have types {elements[1]} and {slope}")
        require(elements[2] == offset, f"offsets have types {elements[2]} and {offset}")
        require_product_grid("offsets", source, slope, offset)
        require_exact(widths.piece(*map(element_format, (source, slope, offset))), result)


@irdl_op_definition
class AddOp(BlendOp):
    """
    `y = a + b`; in fixed point the exact sum is rounded once and saturated once.
    """

    name = "blend.add"

    lhs = operand_def(TensorType.constr(REAL | FIXED))
    rhs = operand_def(TensorType.constr(REAL | FIXED))
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(TensorType.constr(REAL | FIXED))

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        layer: str | StringAttr | None = None,
        result_type: Tensor | None = None,
        rounding: Rounding = Rounding.HALF_UP,
    ):
        super().__init__([lhs, rhs], [result_type or lhs.type], layer, rounding=RoundingAttr(rounding))

    def verify_(self) -> None:
        shape = tensor_type(self.lhs).get_shape()
        require_shape("right operand", self.rhs, shape)
        require_shape("result", self.result, shape)
        kinds = [tensor_type(v).element_type for v in (self.lhs, self.rhs, self.result)]
        require(len({k == f64 for k in kinds}) == 1, f"floats and fixed point do not mix, got {list(map(str, kinds))}")
        if f64 not in kinds:
            require_exact(widths.operands(*map(element_format, kinds[:2])), kinds[2])


@irdl_op_definition
class ClampOp(Elementwise):
    """
    `y = min(max(x, low), high)`; the bounds of fixed point are integers of the input's grid.
    """

    name = "blend.clamp"

    T: ClassVar = VarConstraint("T", TensorType.constr(REAL | FIXED))

    input = operand_def(T)
    low = prop_def(FloatAttr.constr(type=REAL) | IntegerAttr.constr(type=i64))
    high = prop_def(FloatAttr.constr(type=REAL) | IntegerAttr.constr(type=i64))
    result = result_def(T)

    assembly_format = "$input attr-dict `:` type($input)"

    def __init__(self, source: SSAValue, low: float, high: float, layer: str | StringAttr | None = None):
        real = tensor_type(source).element_type == f64
        low_attr, high_attr = (FloatAttr(v, f64) if real else i64_attr(int(v)) for v in (low, high))
        super().__init__([source], [source.type], layer, low=low_attr, high=high_attr)

    def verify_(self) -> None:
        real = tensor_type(self.input).element_type == f64
        kinds = [type(bound) is FloatAttr for bound in (self.low, self.high)]
        require(
            kinds == [real, real],
            f"bounds of {tensor_type(self.input).element_type} should be {'f64' if real else 'i64'}",
        )
        low, high = self.low.value.data, self.high.value.data
        require(low <= high, f"lower bound {low} is above the upper bound {high}")
        if not real:
            require_bounds(int(low), int(high), tensor_type(self.input).element_type)


def require_bounds(low: int, high: int, element: Attribute) -> None:
    """
    The bounds of a clamp are integers of its elements, which are signed.
    """
    fmt = element_format(element)
    require(fmt.signed, f"a clamp takes signed numbers, got {element}")
    require(fmt.low <= low and high <= fmt.high, f"bounds {low} .. {high} are not integers of {element}")


@irdl_op_definition
class RequantizeOp(Elementwise, HasCanonicalizationPatternsInterface):
    """
    `y = saturate(round(x))`: the same value in another fixed-point format. Of a float, half to even.
    """

    name = "blend.requantize"

    input = operand_def(TensorType.constr(NUMBER))
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(TensorType.constr(FIXED))

    def __init__(
        self,
        source: SSAValue,
        element: FixedType,
        layer: str | StringAttr | None = None,
        rounding: Rounding = Rounding.HALF_UP,
    ):
        super().__init__([source], [retyped(source, element)], layer, rounding=RoundingAttr(rounding))

    def verify_(self) -> None:
        require_shape("result", self.result, tensor_type(self.input).get_shape())
        source, result = (tensor_type(v).element_type for v in (self.input, self.result))
        even = self.rounding.data is Rounding.HALF_EVEN
        require(even or source != f64, "a float input has no integer grid to round half up on")
        if source != f64:
            require_exact({"an input": widths.signed(element_format(source))}, result)

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        from blendir.dialects.blend.canonicalization import DropSameRequantize

        return (DropSameRequantize(),)


@irdl_op_definition
class BitsToValueOp(Elementwise):
    """
    `y = bit ? +1 : -1`, as float or as `!blend.fixed<2, 2>`.

    Words give the channels of the result's axis 1; `lanes` names the lane of each where it is not the identity.
    """

    name = "blend.bits_to_value"

    input = operand_def(TensorType.constr(BIT | WORD))
    lanes = opt_prop_def(DenseArrayBase.constr(i64))
    result = result_def(TensorType.constr(REAL | FIXED))

    def __init__(
        self,
        source: SSAValue,
        layer: str | StringAttr | None = None,
        result_type: Tensor | None = None,
        lanes: list[int] | None = None,
    ):
        super().__init__(
            [source],
            [result_type or retyped(source, f64)],
            layer,
            lanes=None if lanes is None else i64_array(lanes),
        )

    def verify_(self) -> None:
        element = tensor_type(self.result).element_type
        require(element in (f64, FixedType(2, 2)), f"bits become f64 or !blend.fixed<2, 2>, got {element}")
        source, result = tensor_type(self.input).get_shape(), tensor_type(self.result).get_shape()
        if not isinstance(tensor_type(self.input).element_type, WordType):
            require(self.lanes is None, "lanes are given for words only, got bits")
            require_shape("result", self.result, source)
            return
        if self.lanes is None:
            require_shape("input", self.input, (source[0], word_count(result[1]), *result[2:]))
            return
        lanes = self.lanes.get_values()
        require(len(lanes) == result[1], f"{len(lanes)} lanes are given for {result[1]} channels")
        require(max(lanes) < 48 * source[1], f"lane {max(lanes)} is outside {source[1]} words")
