"""
The processes of the `stream` dialect.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, StringAttr, TensorType, i64
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    AtLeast,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_attr_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    var_result_def,
)
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from blendir.dialects.blend.base import (
    i64_array,
    i64_attr,
    layer_attr,
    require,
    require_geometry,
    require_product_grid,
    require_shape,
)
from blendir.dialects.blend.elementwise import HALF_UP
from blendir.dialects.blend.types import BIT, FIXED, WORD, FixedType, RoundingAttr, tensor_type
from blendir.dialects.stream.types import (
    STREAM,
    ProcessOp,
    StreamType,
    require_frames,
    require_group,
    stream_type,
)
from blendir.numerics import Rounding, output_size
from blendir.packing import word_count


class PoolKind(StrEnum):
    """
    How the taps of a window are combined.
    """

    SUM = "sum"
    MAX = "max"
    OR = "or"


@irdl_attr_definition
class PoolKindAttr(EnumAttribute[PoolKind], SpacedOpaqueSyntaxAttribute):
    """
    How the taps of a window are combined.
    """

    name = "stream.pool_kind"


@irdl_op_definition
class SourceOp(ProcessOp):
    """
    Frames [1, C, H, W] (or [1, features]) of the caller become a stream of H x W positions of C elements.
    """

    name = "stream.source"

    input = operand_def(TensorType)
    result = result_def(STREAM)

    def __init__(self, source: SSAValue, result: StreamType, layer: str | StringAttr | None = None):
        super().__init__(operands=[source], result_types=[result], attributes={"layer": layer_attr(layer)})

    def verify_(self) -> None:
        shape = tensor_type(self.input).get_shape()
        rows, columns = (shape[2], shape[3]) if len(shape) == 4 else (1, 1)
        require_frames("result", self.result, rows, columns, shape[1])


@irdl_op_definition
class SinkOp(ProcessOp):
    """
    A stream becomes frames of the caller; element i of a frame is element `order[i]` of the stream (default: the
    raster order of [C, H, W]).
    """

    name = "stream.sink"

    input = operand_def(STREAM)
    result = result_def(TensorType)

    def __init__(
        self,
        source: SSAValue,
        result: TensorType[Attribute],
        order: Sequence[int] | None = None,
        layer: str | StringAttr | None = None,
    ):
        super().__init__(
            operands=[source],
            result_types=[result],
            attributes={"layer": layer_attr(layer), "order": None if order is None else i64_array(order)},
        )

    def verify_(self) -> None:
        kind = stream_type(self.input)
        count = kind.positions * kind.length.data
        size = 1
        for extent in tensor_type(self.result).get_shape():
            size *= extent
        require(size == count, f"result has {size} elements but the stream {count} per frame")
        if self.order is not None:
            given = sorted(self.order.get_values())
            require(given == list(range(count)), f"order is not a permutation of {count} elements")


@irdl_op_definition
class WindowOp(ProcessOp):
    """
    Line buffer: position p of the result holds the KH * KW taps of a window, tap by tap, `length` elements each.

    Taps outside the frame are `pad[c]` (default 0). With a 1 x 1 kernel and stride 1 it only changes the group.
    """

    name = "stream.window"

    input = operand_def(STREAM)
    pad = opt_operand_def(TensorType)
    kernel = prop_def(DenseArrayBase.constr(i64))
    strides = prop_def(DenseArrayBase.constr(i64))
    padding = prop_def(DenseArrayBase.constr(i64))
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        pad: SSAValue | None = None,
        group: int = 1,
        layer: str | StringAttr | None = None,
    ):
        kind = stream_type(source)
        rows, columns = (
            output_size(size, kernel[d], strides[d], padding[d])
            for d, size in enumerate((kind.rows.data, kind.columns.data))
        )
        length = kernel[0] * kernel[1] * kind.length.data
        super().__init__(
            operands=[source, pad],
            result_types=[StreamType(rows, columns, length, kind.element, group)],
            properties={
                "kernel": i64_array(kernel),
                "strides": i64_array(strides),
                "padding": i64_array(padding),
            },
            attributes={"layer": layer_attr(layer)},
        )

    @property
    def geometry(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """
        Kernel, strides and padding.
        """
        pairs = [tuple(p.get_values()) for p in (self.kernel, self.strides, self.padding)]
        return pairs[0], pairs[1], pairs[2]  # pyright: ignore[reportReturnType]

    def verify_(self) -> None:
        kernel, strides, padding = self.geometry
        require_geometry(kernel, strides, padding)
        for d, what in enumerate(("rows", "columns")):
            require(
                2 * padding[d] <= kernel[d] - 1,
                f"{what}: padding {padding[d]} is more than half of a kernel of {kernel[d]}, which cannot be streamed",
            )
        source = stream_type(self.input)
        rows, columns = (
            output_size(size, kernel[d], strides[d], padding[d])
            for d, size in enumerate((source.rows.data, source.columns.data))
        )
        require_frames("result", self.result, rows, columns, kernel[0] * kernel[1] * source.length.data)
        require(source.length.data % source.group.data == 0, "the input's group should divide a position")
        result = stream_type(self.result).element
        require(result == source.element, f"input has elements {source.element} but result {result}")
        if self.pad is not None:
            require_shape("pad", self.pad, (source.length.data,))


class MvuOp(ProcessOp, ABC):
    """
    A matrix-vector unit: SIMD is the input's group, PE the result's.

    The vector is one position of the input, or several whole positions one after another.
    """

    row_classes = prop_def(DenseArrayBase.constr(i64))
    column_classes = prop_def(DenseArrayBase.constr(i64))

    @property
    def simd(self) -> int:
        """
        Elements of the vector per cycle.
        """
        return stream_type(self.operands[0]).group.data

    @property
    def pe(self) -> int:
        """
        Rows of the matrix per cycle.
        """
        return stream_type(self.results[0]).group.data

    @property
    def fold(self) -> tuple[int, int]:
        """
        Cycles per position: NF groups of rows times SF beats of the vector.
        """
        result = stream_type(self.results[0])
        return result.length.data // self.pe, -(-self.vector // self.simd)

    @property
    def vector(self) -> int:
        """
        Elements of the vector.
        """
        source, result = stream_type(self.operands[0]), stream_type(self.results[0])
        return source.length.data * source.positions // result.positions

    def verify_mvu(self, border: SSAValue) -> None:
        """
        Checks frames, fold and border classes.
        """
        source, result = stream_type(self.operands[0]), stream_type(self.results[0])
        outputs = tensor_type(self.operands[1]).get_shape()[0]
        require_frames("result", self.results[0], result.rows.data, result.columns.data, outputs)
        require(outputs % self.pe == 0, f"{self.pe} processing elements do not divide {outputs} outputs")
        require(
            source.positions % result.positions == 0,
            f"{source.positions} positions do not make {result.positions} vectors",
        )
        require(
            source.positions == result.positions or source.length.data % self.simd == 0,
            f"a group of {self.simd} does not divide the {source.length.data} elements of a position",
        )
        classes: list[int] = []
        for what, values, size in (
            ("row", self.row_classes.get_values(), result.rows.data),
            ("column", self.column_classes.get_values(), result.columns.data),
        ):
            require(len(values) == size, f"{len(values)} {what} classes are given for {size} {what}s")
            classes.append(max(values) + 1)
        require_shape("border", border, (outputs, *classes))


@irdl_op_definition
class BinaryMvuOp(MvuOp):
    """
    `v[o] = taps - 2 * popcount(x xor w[o]) + border[o, class]`, an exact signed integer.

    Weights are words of 48 lanes in window order (lane tap * C + channel), [O, words]; border is the correction of
    taps outside the frame, which are bit 0, [O, row classes, column classes]. `xnor` says what makes the XNORs: lut, dsp.
    """

    name = "stream.binary_mvu"

    input = operand_def(STREAM)
    weight = operand_def(TensorType.constr(WORD))
    border = operand_def(TensorType)
    xnor = opt_attr_def(StringAttr)
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        weight: SSAValue,
        border: SSAValue,
        classes: tuple[Sequence[int], Sequence[int]],
        element: Attribute,
        layer: str | StringAttr | None = None,
    ):
        outputs = tensor_type(weight).get_shape()[0]
        super().__init__(
            operands=[source, weight, border],
            result_types=[StreamType(len(classes[0]), len(classes[1]), outputs, element)],
            properties={"row_classes": i64_array(classes[0]), "column_classes": i64_array(classes[1])},
            attributes={"layer": layer_attr(layer)},
        )

    def verify_(self) -> None:
        source = stream_type(self.input)
        require(source.format.width == 1, f"input has elements {source.element} but should have bits")
        outputs = tensor_type(self.weight).get_shape()[0]
        require_shape("weight", self.weight, (outputs, word_count(self.vector)))
        self.verify_mvu(self.border)


@irdl_op_definition
class FixedMvuOp(MvuOp):
    """
    `y[o] = saturate(round(sum_i w[o, i] * x[i] + bias[o, class]))`: weights [O, length], bias on the products' grid.
    """

    name = "stream.fixed_mvu"

    input = operand_def(STREAM)
    weight = operand_def(TensorType.constr(FIXED))
    bias = operand_def(TensorType.constr(FIXED))
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        weight: SSAValue,
        bias: SSAValue,
        classes: tuple[Sequence[int], Sequence[int]],
        element: Attribute,
        rounding: Rounding,
        layer: str | StringAttr | None = None,
    ):
        outputs = tensor_type(weight).get_shape()[0]
        super().__init__(
            operands=[source, weight, bias],
            result_types=[StreamType(len(classes[0]), len(classes[1]), outputs, element)],
            properties={
                "row_classes": i64_array(classes[0]),
                "column_classes": i64_array(classes[1]),
                "rounding": RoundingAttr(rounding),
            },
            attributes={"layer": layer_attr(layer)},
        )

    def verify_(self) -> None:
        source = stream_type(self.input)
        require_shape("weight", self.weight, (tensor_type(self.weight).get_shape()[0], self.vector))
        self.verify_mvu(self.bias)
        require_product_grid(
            "bias", source.element, tensor_type(self.weight).element_type, tensor_type(self.bias).element_type
        )


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
        Checks frames, groups and parameters.
        """
        kind = stream_type(self.operands[0])
        streams = [v for v in (*self.operands, *self.results) if isinstance(v.type, StreamType)]
        for value in streams:
            require_frames("stream", value, kind.rows.data, kind.columns.data, kind.length.data)
        require_group(self, *streams)
        for parameter in parameters:
            (size,) = tensor_type(parameter).get_shape()
            if size not in self.parameter_sizes():
                raise VerifyException(f"{size} parameters are given for {kind.length.data} elements")


def unary_result(source: SSAValue, element: Attribute) -> StreamType:
    """
    The frames of a stream with other elements.
    """
    kind = stream_type(source)
    return StreamType(kind.rows.data, kind.columns.data, kind.length.data, element, kind.group.data)


@irdl_op_definition
class PiecewiseLinearOp(ElementwiseOp):
    """
    `y = saturate(round(x >= breakpoint ? slope1 * x + offset1 : slope0 * x + offset0))`.
    """

    name = "stream.piecewise_linear"

    input = operand_def(STREAM)
    breakpoint = operand_def(TensorType)
    slope0 = operand_def(TensorType.constr(FIXED))
    offset0 = operand_def(TensorType.constr(FIXED))
    slope1 = operand_def(TensorType.constr(FIXED))
    offset1 = operand_def(TensorType.constr(FIXED))
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        parameters: Sequence[SSAValue],
        element: Attribute,
        rounding: Rounding,
        layer: str | StringAttr | None = None,
    ):
        super().__init__(
            operands=[source, *parameters],
            result_types=[unary_result(source, element)],
            properties={"rounding": RoundingAttr(rounding)},
            attributes={"layer": layer_attr(layer)},
        )

    def verify_(self) -> None:
        self.verify_elementwise(self.operands[1:])
        slope, offset = (tensor_type(v).element_type for v in (self.slope0, self.offset0))
        require_product_grid("offsets", stream_type(self.input).element, slope, offset)


@irdl_op_definition
class ThresholdOp(ElementwiseOp):
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
        super().__init__(
            operands=[source, threshold, invert],
            result_types=[unary_result(source, element)],
            attributes={"layer": layer_attr(layer)},
        )

    def verify_(self) -> None:
        self.verify_elementwise(self.operands[1:])


@irdl_op_definition
class AddOp(ElementwiseOp):
    """
    `y = saturate(round(a + b))`.
    """

    name = "stream.add"

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
        super().__init__(
            operands=[lhs, rhs],
            result_types=[unary_result(lhs, element)],
            properties={"rounding": RoundingAttr(rounding)},
            attributes={"layer": layer_attr(layer)},
        )

    def verify_(self) -> None:
        self.verify_elementwise()


@irdl_op_definition
class ResidualOp(ElementwiseOp):
    """
    `sum = saturate(round(a + b))` and `bit = (sum >= threshold) xor invert` in one process with two writes.
    """

    name = "stream.residual"

    lhs = operand_def(STREAM)
    rhs = operand_def(STREAM)
    threshold = operand_def(TensorType)
    invert = operand_def(TensorType.constr(BIT))
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    bit_layer = opt_prop_def(StringAttr)
    sum = result_def(STREAM)
    bit = result_def(STREAM)

    def __init__(self, add: AddOp, threshold: ThresholdOp):
        bits = stream_type(threshold.result).element
        super().__init__(
            operands=[add.lhs, add.rhs, threshold.threshold, threshold.invert],
            result_types=[add.result.type, unary_result(add.lhs, bits)],
            properties={"rounding": add.rounding, "bit_layer": threshold.layer},
            attributes={"layer": add.layer},
        )

    @property
    def layers(self) -> list[str]:
        return [self.layer_name, self.bit_layer.data if self.bit_layer is not None else self.layer_name]

    def verify_(self) -> None:
        self.verify_elementwise(self.operands[2:])


@irdl_op_definition
class ClampOp(ElementwiseOp):
    """
    `y = min(max(x, low), high)` with integers of the input's grid.
    """

    name = "stream.clamp"

    input = operand_def(STREAM)
    low = prop_def(IntegerAttr.constr(type=i64))
    high = prop_def(IntegerAttr.constr(type=i64))
    result = result_def(STREAM)

    def __init__(self, source: SSAValue, low: int, high: int, layer: str | StringAttr | None = None):
        super().__init__(
            operands=[source],
            result_types=[source.type],
            properties={"low": i64_attr(low), "high": i64_attr(high)},
            attributes={"layer": layer_attr(layer)},
        )

    def verify_(self) -> None:
        self.verify_elementwise()


@irdl_op_definition
class RequantizeOp(ElementwiseOp):
    """
    `y = saturate(round(x))`.
    """

    name = "stream.requantize"

    input = operand_def(STREAM)
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(STREAM)

    def __init__(
        self, source: SSAValue, element: Attribute, rounding: Rounding, layer: str | StringAttr | None = None
    ):
        super().__init__(
            operands=[source],
            result_types=[unary_result(source, element)],
            properties={"rounding": RoundingAttr(rounding)},
            attributes={"layer": layer_attr(layer)},
        )

    def verify_(self) -> None:
        self.verify_elementwise()


@irdl_op_definition
class BitsToValueOp(ElementwiseOp):
    """
    `y = bit ? +1 : -1` in two bits.
    """

    name = "stream.bits_to_value"

    input = operand_def(STREAM)
    result = result_def(STREAM)

    def __init__(self, source: SSAValue, layer: str | StringAttr | None = None):
        super().__init__(
            operands=[source],
            result_types=[unary_result(source, FixedType(2, 2))],
            attributes={"layer": layer_attr(layer)},
        )

    def verify_(self) -> None:
        self.verify_elementwise()


@irdl_op_definition
class PoolOp(ProcessOp):
    """
    Combines the `taps` parts of each position, element by element: sum, maximum or OR.
    """

    name = "stream.pool"

    input = operand_def(STREAM)
    taps = prop_def(IntegerAttr.constr(type=i64, value=AtLeast(1)))
    kind = prop_def(PoolKindAttr)
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        taps: int,
        kind: PoolKind,
        frames: tuple[int, int, int],
        element: Attribute,
        layer: str | StringAttr | None = None,
    ):
        group = stream_type(source).group.data
        super().__init__(
            operands=[source],
            result_types=[StreamType(*frames, element, group)],
            properties={"taps": i64_attr(taps), "kind": PoolKindAttr(kind)},
            attributes={"layer": layer_attr(layer)},
        )

    def verify_(self) -> None:
        source, result = stream_type(self.input), stream_type(self.result)
        total = source.positions * source.length.data
        made = result.positions * result.length.data * self.taps.value.data
        require(total == made, f"input has {total} elements but {self.taps.value.data} taps need {made}")
        require(
            source.group == result.group and result.length.data % result.group.data == 0,
            f"a group of {source.group.data} should be the result's, {result.group.data}, and divide "
            f"{result.length.data}",
        )


@irdl_op_definition
class ForkOp(ProcessOp):
    """
    Each result is a copy of the input.
    """

    name = "stream.fork"

    input = operand_def(STREAM)
    copies = var_result_def(STREAM)

    def __init__(self, source: SSAValue, copies: int, layer: str | StringAttr | None = None):
        super().__init__(
            operands=[source], result_types=[[source.type] * copies], attributes={"layer": layer_attr(layer)}
        )

    def verify_(self) -> None:
        require(2 <= len(self.copies) <= 4, f"a fork has 2 to 4 results, got {len(self.copies)}")
        for copy in self.copies:
            require(copy.type == self.input.type, f"copy has type {copy.type} but the input {self.input.type}")


@irdl_op_definition
class ConcatOp(ProcessOp):
    """
    At each position, the elements of a and then those of b.
    """

    name = "stream.concat"

    lhs = operand_def(STREAM)
    rhs = operand_def(STREAM)
    result = result_def(STREAM)

    def __init__(self, lhs: SSAValue, rhs: SSAValue, layer: str | StringAttr | None = None):
        a, b = stream_type(lhs), stream_type(rhs)
        length = a.length.data + b.length.data
        super().__init__(
            operands=[lhs, rhs],
            result_types=[StreamType(a.rows.data, a.columns.data, length, a.element, a.group.data)],
            attributes={"layer": layer_attr(layer)},
        )

    def verify_(self) -> None:
        a, b = stream_type(self.lhs), stream_type(self.rhs)
        require(a.element == b.element, f"operands have elements {a.element} and {b.element}")
        length = a.length.data + b.length.data
        require_frames("right operand", self.rhs, a.rows.data, a.columns.data, b.length.data)
        require_frames("result", self.result, a.rows.data, a.columns.data, length)
        require_group(self, self.lhs, self.rhs, self.result)
