"""
Processes that work element by element.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, StringAttr, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AtLeast,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
)
from xdsl.utils.exceptions import VerifyException

from blendir import widths
from blendir.dialects.blend.base import (
    i64_attr,
    require,
    require_product_grid,
)
from blendir.dialects.blend.elementwise import require_bounds
from blendir.dialects.blend.exact import require_exact
from blendir.dialects.blend.types import BIT, FIXED, HALF_UP, FixedType, RoundingAttr, element_format, tensor_type
from blendir.dialects.stream.types import (
    STREAM,
    ProcessOp,
    StreamType,
    require_frames,
    require_group,
    stream_type,
    streams,
)
from blendir.numerics import Rounding


class ElementwiseOp(ProcessOp, ABC):
    """
    A function of single elements, beat for beat; parameters repeat after `length` elements, or cover the frame.
    """

    def parameter_sizes(self) -> tuple[int, int]:
        """
        The allowed numbers of parameters: one per element of a position, or of the frame.
        """
        kind = stream_type(self.operands[0])
        return kind.length.data, kind.length.data * kind.positions

    def verify_elementwise(self, parameters: Sequence[SSAValue] = ()) -> None:
        """
        Checks frames, groups and parameters; rows and columns only have to make as many positions.
        """
        kind = stream_type(self.operands[0])
        found = streams((*self.operands, *self.results))
        for value in found:
            if stream_type(value).positions != kind.positions or stream_type(value).length != kind.length:
                require_frames("stream", value, kind.rows.data, kind.columns.data, kind.length.data)
        require_group(self, *found)
        for parameter in parameters:
            (size,) = tensor_type(parameter).get_shape()
            if size not in self.parameter_sizes():
                position, frame = self.parameter_sizes()
                raise VerifyException(
                    f"{size} parameters are given for {position} elements of a position and {frame} of a frame"
                )


class FunctionOp(ElementwiseOp, ABC):
    """
    A function of the single elements of one stream; its parameters, if any, lie in the order of that stream. Where it
    has the property `hold`, each parameter serves so many elements.
    """


def unary_result(source: SSAValue, element: Attribute) -> StreamType:
    """
    The frames of a stream with other elements.
    """
    kind = stream_type(source)
    return StreamType(kind.rows.data, kind.columns.data, kind.length.data, element, kind.group.data)


class PairOp(ProcessOp, ABC):
    """
    A function of the elements of two streams, rounded once and saturated once.
    """

    lhs = operand_def(STREAM)
    rhs = operand_def(STREAM)
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(STREAM)

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        element: Attribute,
        rounding: Rounding,
        layer: str | StringAttr | None = None,
    ):
        super().__init__([lhs, rhs], [unary_result(lhs, element)], layer, rounding=RoundingAttr(rounding))


@irdl_op_definition
class PiecewiseLinearOp(FunctionOp):
    """
    `y = saturate(round(x >= breakpoint ? slope1 * x + offset1 : slope0 * x + offset0))`.

    Each parameter serves `hold` elements of the frame, one after another, then the next; after the last the first.
    """

    name = "stream.piecewise_linear"

    input = operand_def(STREAM)
    breakpoint = operand_def(TensorType)
    slope0 = operand_def(TensorType.constr(FIXED))
    offset0 = operand_def(TensorType.constr(FIXED))
    slope1 = operand_def(TensorType.constr(FIXED))
    offset1 = operand_def(TensorType.constr(FIXED))
    hold = prop_def(IntegerAttr.constr(type=i64, value=AtLeast(1)), default_value=i64_attr(1))
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        parameters: Sequence[SSAValue],
        element: Attribute,
        rounding: Rounding,
        layer: str | StringAttr | None = None,
        hold: int = 1,
    ):
        super().__init__(
            [source, *parameters],
            [unary_result(source, element)],
            layer,
            rounding=RoundingAttr(rounding),
            hold=i64_attr(hold),
        )

    def verify_(self) -> None:
        hold, kind = self.hold.value.data, stream_type(self.input)
        self.verify_elementwise(self.operands[1:] if hold == 1 else ())
        for parameter in self.operands[1:]:
            (size,) = tensor_type(parameter).get_shape()
            require(
                hold == 1 or (hold % kind.length.data == 0 and kind.positions * kind.length.data % (hold * size) == 0),
                f"{size} parameters for {hold} elements each do not fill a frame of {kind.positions} positions",
            )
        slope, offset = (tensor_type(v).element_type for v in (self.slope0, self.offset0))
        require_product_grid("offsets", kind.element, slope, offset)
        terms = widths.piece(kind.format, element_format(slope), element_format(offset))
        require_exact(terms, stream_type(self.result).element)


@irdl_op_definition
class ThresholdOp(FunctionOp):
    """
    `bit = (x >= threshold) xor invert`.
    """

    name = "stream.threshold"

    input = operand_def(STREAM)
    threshold = operand_def(TensorType)
    invert = operand_def(TensorType.constr(BIT))
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        threshold: SSAValue,
        invert: SSAValue,
        element: Attribute,
        layer: str | StringAttr | None = None,
    ):
        super().__init__([source, threshold, invert], [unary_result(source, element)], layer)

    def verify_(self) -> None:
        self.verify_elementwise(self.operands[1:])


def require_sum(lhs: SSAValue, rhs: SSAValue, result: SSAValue) -> None:
    """
    The operands are signed, and machine words hold their sum.
    """
    for value in (lhs, rhs):
        require(stream_type(value).format.signed, f"a sum takes signed numbers, got {stream_type(value).element}")
    require_exact(widths.operands(*(stream_type(v).format for v in (lhs, rhs))), stream_type(result).element)


@irdl_op_definition
class AddOp(PairOp, ElementwiseOp):
    """
    `y = saturate(round(a + b))`.
    """

    name = "stream.add"

    def verify_(self) -> None:
        self.verify_elementwise()
        require_sum(self.lhs, self.rhs, self.result)


@irdl_op_definition
class ResidualOp(ElementwiseOp):
    """
    `sum = saturate(round(a + b))` and `bit = (sum >= threshold) xor invert` in one process with two writes.

    `bit_layer` and `bit_order` say of the bits what `layer` and `order` say of the sums.
    """

    name = "stream.residual"

    lhs = operand_def(STREAM)
    rhs = operand_def(STREAM)
    threshold = operand_def(TensorType)
    invert = operand_def(TensorType.constr(BIT))
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    bit_layer = opt_prop_def(StringAttr)
    bit_order = opt_prop_def(DenseArrayBase.constr(i64))
    sum = result_def(STREAM)
    bit = result_def(STREAM)

    def __init__(self, add: AddOp, threshold: ThresholdOp):
        bits = stream_type(threshold.result).element
        super().__init__(
            [add.lhs, add.rhs, threshold.threshold, threshold.invert],
            [add.result.type, unary_result(add.lhs, bits)],
            add.layer,
            rounding=add.rounding,
            bit_layer=threshold.layer,
            bit_order=threshold.order,
        )
        self.order = add.order

    @property
    def layers(self) -> list[str]:
        return [self.layer_name, self.bit_layer.data if self.bit_layer is not None else self.layer_name]

    def verify_(self) -> None:
        self.verify_elementwise(self.operands[2:])
        require_sum(self.lhs, self.rhs, self.sum)


@irdl_op_definition
class ClampOp(FunctionOp):
    """
    `y = min(max(x, low), high)` with integers of the input's grid.
    """

    name = "stream.clamp"

    input = operand_def(STREAM)
    low = prop_def(IntegerAttr.constr(type=i64))
    high = prop_def(IntegerAttr.constr(type=i64))
    result = result_def(STREAM)

    def __init__(self, source: SSAValue, low: int, high: int, layer: str | StringAttr | None = None):
        super().__init__([source], [source.type], layer, low=i64_attr(low), high=i64_attr(high))

    def verify_(self) -> None:
        self.verify_elementwise()
        source, result = stream_type(self.input).element, stream_type(self.result).element
        require(source == result, f"input has elements {source} but result {result}")
        require_bounds(self.low.value.data, self.high.value.data, source)


@irdl_op_definition
class RequantizeOp(FunctionOp):
    """
    `y = saturate(round(x))`.
    """

    name = "stream.requantize"

    input = operand_def(STREAM)
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(STREAM)

    def __init__(self, source: SSAValue, element: Attribute, rounding: Rounding, layer: str | StringAttr | None = None):
        super().__init__([source], [unary_result(source, element)], layer, rounding=RoundingAttr(rounding))

    def verify_(self) -> None:
        self.verify_elementwise()
        require_exact({"an input": widths.signed(stream_type(self.input).format)}, stream_type(self.result).element)


@irdl_op_definition
class BitsToValueOp(FunctionOp):
    """
    `y = bit ? +1 : -1` in two bits.
    """

    name = "stream.bits_to_value"

    input = operand_def(STREAM)
    result = result_def(STREAM)

    def __init__(self, source: SSAValue, layer: str | StringAttr | None = None):
        super().__init__([source], [unary_result(source, FixedType(2, 2))], layer)

    def verify_(self) -> None:
        self.verify_elementwise()
