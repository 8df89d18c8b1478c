"""
Processes on windows and vectors: line buffers, matrix-vector units and pools.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import TypeAlias

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
)
from xdsl.utils.str_enum import StrEnum

from blendir import widths
from blendir.dialects.blend.base import (
    DENSE,
    dilation_attr,
    dilation_of,
    i64_array,
    i64_attr,
    padding_attr,
    require,
    require_geometry,
    require_product_grid,
    require_shape,
    window_axes,
)
from blendir.dialects.blend.exact import require_compared, require_count, require_sums
from blendir.dialects.blend.types import FIXED, HALF_UP, WORD, RoundingAttr, tensor_type
from blendir.dialects.stream.types import (
    STREAM,
    TABLE_STORAGE,
    ProcessOp,
    StreamType,
    one_of,
    require_frames,
    stream_type,
)
from blendir.numerics import Rounding, WindowAxis
from blendir.packing import word_count

Geometry: TypeAlias = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Kernel, strides, padding and dilation of windows."""


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
class WindowOp(ProcessOp):
    """
    Line buffer: position p of the result holds the KH * KW taps of a window, tap by tap, `length` elements each.

    Taps outside the frame are `pad[c]` (default 0). With a 1 x 1 kernel and stride 1 it adds a border, without padding
    it only changes the group. `padding` is (top, left, bottom, right), or (top, left) where both ends are the same;
    without `dilation` it is 1.
    """

    name = "stream.window"

    input = operand_def(STREAM)
    pad = opt_operand_def(TensorType)
    kernel = prop_def(DenseArrayBase.constr(i64))
    strides = prop_def(DenseArrayBase.constr(i64))
    padding = prop_def(DenseArrayBase.constr(i64))
    dilation = opt_prop_def(DenseArrayBase.constr(i64))
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int] = DENSE,
        pad: SSAValue | None = None,
        group: int = 1,
        layer: str | StringAttr | None = None,
    ):
        kind = stream_type(source)
        down, right = window_axes(kernel, strides, padding, dilation)
        rows, columns = down.outputs(kind.rows.data), right.outputs(kind.columns.data)
        length = kernel[0] * kernel[1] * kind.length.data
        super().__init__(
            [source, pad],
            [StreamType(rows, columns, length, kind.element, group)],
            layer,
            kernel=i64_array(kernel),
            strides=i64_array(strides),
            padding=padding_attr(padding),
            dilation=dilation_attr(dilation),
        )

    @property
    def geometry(self) -> Geometry:
        """
        Kernel, strides, padding and dilation.
        """
        kernel, strides, padding = (tuple(map(int, p.get_values())) for p in (self.kernel, self.strides, self.padding))
        return kernel, strides, padding, dilation_of(self.dilation)

    @property
    def axes(self) -> tuple[WindowAxis, WindowAxis]:
        """
        The vertical and the horizontal windows.
        """
        return window_axes(*self.geometry)

    def verify_(self) -> None:
        require_geometry(*self.geometry)
        source, (down, right) = stream_type(self.input), self.axes
        rows, columns = down.outputs(source.rows.data), right.outputs(source.columns.data)
        require_frames("result", self.result, rows, columns, down.kernel * right.kernel * source.length.data)
        group, length = source.group.data, source.length.data
        require(length % group == 0, f"the input's group {group} should divide the {length} elements of a position")
        result = stream_type(self.result).element
        require(result == source.element, f"input has elements {source.element} but result {result}")
        if self.pad is not None:
            require_shape("pad", self.pad, (source.length.data,))


class MvuOp(ProcessOp, ABC):
    """
    A matrix-vector unit: SIMD is the input's group, PE the result's.

    The vector is one position of the input, or several whole positions one after another. `weight_storage` says what
    the weights are kept in: lutram or bram.
    """

    row_classes = prop_def(DenseArrayBase.constr(i64))
    column_classes = prop_def(DenseArrayBase.constr(i64))
    weight_storage = opt_attr_def(TABLE_STORAGE)

    def __init__(
        self,
        operands: Sequence[SSAValue],
        classes: tuple[Sequence[int], Sequence[int]],
        element: Attribute,
        layer: str | StringAttr | None,
        **properties: Attribute,
    ):
        """
        From a stream, weights [O, ..] and what is added for each of the border classes of rows and columns.
        """
        outputs = tensor_type(operands[1]).get_shape()[0]
        super().__init__(
            operands,
            [StreamType(len(classes[0]), len(classes[1]), outputs, element)],
            layer,
            **properties,
            row_classes=i64_array(classes[0]),
            column_classes=i64_array(classes[1]),
        )

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
    taps outside the frame, which are bit 0, [O, row classes, column classes]. `xnor` says what makes the XNORs: lut
    or dsp.
    """

    name = "stream.binary_mvu"

    input = operand_def(STREAM)
    weight = operand_def(TensorType.constr(WORD))
    border = operand_def(TensorType)
    xnor = opt_attr_def(one_of("lut", "dsp"))
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
        super().__init__([source, weight, border], classes, element, layer)

    def verify_(self) -> None:
        source = stream_type(self.input)
        require(source.format.width == 1, f"input has elements {source.element} but should have bits")
        outputs = tensor_type(self.weight).get_shape()[0]
        require_shape("weight", self.weight, (outputs, word_count(self.vector)))
        self.verify_mvu(self.border)
        require_count(self.vector, stream_type(self.result).element)


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
        super().__init__([source, weight, bias], classes, element, layer, rounding=RoundingAttr(rounding))

    def verify_(self) -> None:
        source = stream_type(self.input)
        require_shape("weight", self.weight, (tensor_type(self.weight).get_shape()[0], self.vector))
        self.verify_mvu(self.bias)
        require_product_grid(
            "bias", source.element, tensor_type(self.weight).element_type, tensor_type(self.bias).element_type
        )
        require_sums(source.element, self.weight, self.bias, stream_type(self.result).element)


@irdl_op_definition
class PoolOp(ProcessOp):
    """
    Combines `taps` = KH * KW * parts vectors, element by element: sum, maximum or OR.

    A position of the result covers KH x KW positions of the input, side by side without overlap, and the parts of
    each, one after another; all three follow from the types.
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
            [source], [StreamType(*frames, element, group)], layer, taps=i64_attr(taps), kind=PoolKindAttr(kind)
        )

    @property
    def window(self) -> tuple[int, int, int]:
        """
        KH, KW and the parts of a position.
        """
        source, result = stream_type(self.input), stream_type(self.result)
        return (
            source.rows.data // result.rows.data,
            source.columns.data // result.columns.data,
            source.length.data // result.length.data,
        )

    def verify_(self) -> None:
        source, result = stream_type(self.input), stream_type(self.result)
        kh, kw, parts = self.window
        rows, columns, length = result.rows.data * kh, result.columns.data * kw, result.length.data * parts
        require_frames("input", self.input, rows, columns, length)
        taps = self.taps.value.data
        require(taps == kh * kw * parts, f"a result covers {kh} x {kw} x {parts} parts but taps is {taps}")
        require(parts == 1 or kh * kw == 1, f"positions of {parts} parts are pooled one by one, not {kh} x {kw}")
        if self.kind.data is PoolKind.SUM:
            need, width = widths.sum_of(source.format, taps).width, result.format.width
            require(width >= need, f"result has {width} bits but the sum of {taps} needs {need}")
        else:
            require(
                source.element == result.element, f"input has elements {source.element} but result {result.element}"
            )
        require_compared(f"a {self.kind.data}", result.format)
        require(
            source.group == result.group and result.length.data % result.group.data == 0,
            f"a group of {source.group.data} should be the result's, {result.group.data}, and divide "
            f"{result.length.data}",
        )
