"""
The unit of depthwise convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import StringAttr, TensorType, i1
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def

from blendir.dialects.blend.base import require, require_product_grid, require_shape
from blendir.dialects.blend.exact import require_count, require_sums
from blendir.dialects.blend.types import HALF_UP, RoundingAttr, tensor_type
from blendir.dialects.stream.types import STREAM, stream_type
from blendir.dialects.stream.windows import MvuOp
from blendir.numerics import Rounding


@irdl_op_definition
class DepthwiseMvuOp(MvuOp):
    """
    `y[c] = saturate(round(sum_tap w[c, tap] * x[tap, c] + bias[c, class]))`: weights [C, taps], bias on the products'
    grid. The input holds the taps one after another, C elements each, in one position or in several.

    Of bits, which stand for +-1, the weights are bits and the sum is exact; the bias is then the correction of taps
    outside the frame, which are bit 0. PE channels of SIMD taps are a beat of the input; several taps are whole ones.
    """

    name = "stream.depthwise_mvu"

    input = operand_def(STREAM)
    weight = operand_def(TensorType)
    bias = operand_def(TensorType)
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        weight: SSAValue,
        bias: SSAValue,
        classes: tuple[Sequence[int], Sequence[int]],
        element: Attribute,
        rounding: Rounding = Rounding.HALF_UP,
        layer: str | StringAttr | None = None,
    ):
        super().__init__([source, weight, bias], classes, element, layer, rounding=RoundingAttr(rounding))

    @property
    def on_bits(self) -> bool:
        """
        Whether it counts bits.
        """
        return stream_type(self.input).element == i1

    @property
    def simd(self) -> int:
        """
        Taps per cycle.
        """
        return stream_type(self.input).group.data // self.pe

    @property
    def vector(self) -> int:
        """
        Taps of a channel.
        """
        return super().vector // stream_type(self.result).length.data

    def verify_(self) -> None:
        source, result = stream_type(self.input), stream_type(self.result)
        channels, group = result.length.data, source.group.data
        require(
            source.positions * source.length.data == result.positions * self.vector * channels,
            f"{source.positions} positions of {source.length.data} elements are not the taps of {result.positions} "
            f"positions of {channels} channels",
        )
        require_shape("weight", self.weight, (channels, self.vector))
        self.verify_mvu(self.bias)
        require(
            group % self.pe == 0 and self.vector % self.simd == 0 and (self.simd == 1 or self.pe == channels),
            f"a group of {group} is not {self.pe} channels of a tap, or all of several taps that divide {self.vector}",
        )
        require(source.length.data % group == 0, f"a group of {group} does not divide {source.length.data} elements")
        weight, bias = (tensor_type(v).element_type for v in (self.weight, self.bias))
        if self.on_bits:
            require(weight == i1, f"weights of bits are bits, got {weight}")
            require_count(self.vector, result.element)
        else:
            require_product_grid("bias", source.element, weight, bias)
            require_sums(source.element, self.weight, self.bias, result.element)
