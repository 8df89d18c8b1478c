"""
The matrix-vector unit on bit planes.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, StringAttr, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def

from blendir import widths
from blendir.dialects.blend.base import i64_array, require, require_shape
from blendir.dialects.blend.exact import require_compared
from blendir.dialects.blend.types import WORD, tensor_type
from blendir.dialects.stream.types import PAYLOAD_BITS, STREAM, stream_type
from blendir.dialects.stream.windows import MvuOp
from blendir.numerics import Format
from blendir.packing import word_count


@irdl_op_definition
class PlaneMvuOp(MvuOp):
    """
    `y[o] = base[o, class] - sum_{i, j} 2**j * step[i] * popcount(bits places[i] of x xor w[o, j])`, an exact integer.

    step[i] is what a bit at places[i] adds to an element of x in two's complement, 2**places[i] or, of the sign, less
    than 0. Weights are words of 48 lanes in window order (lane tap * C + channel), [O, planes, words]; base is
    [O, row classes, column classes], of whatever bits taps outside the frame have.
    """

    name = "stream.plane_mvu"

    input = operand_def(STREAM)
    weight = operand_def(TensorType.constr(WORD))
    base = operand_def(TensorType)
    places = prop_def(DenseArrayBase.constr(i64))
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        weight: SSAValue,
        base: SSAValue,
        places: Sequence[int],
        classes: tuple[Sequence[int], Sequence[int]],
        element: Attribute,
        layer: str | StringAttr | None = None,
    ):
        super().__init__([source, weight, base], classes, element, layer, places=i64_array(places))

    @property
    def steps(self) -> dict[int, int]:
        """
        What a bit at each place adds to an element.
        """
        fmt = stream_type(self.input).format
        top = fmt.width - 1 if fmt.signed else fmt.width
        return {p: -(1 << p) if p == top else 1 << p for p in map(int, self.places.get_values())}

    @property
    def weight_planes(self) -> int:
        """
        The bits of a weight.
        """
        return tensor_type(self.weight).get_shape()[1]

    @property
    def counts(self) -> Format:
        """
        What holds every sum of counts.
        """
        return widths.counts(self.steps.values(), self.weight_planes, self.vector)

    @property
    def pairs(self) -> int:
        """
        Population counts of one sum.
        """
        return len(self.places) * self.weight_planes

    def verify_(self) -> None:
        width, places = stream_type(self.input).format.width, list(self.places.get_values())
        require(
            bool(places) and places == sorted(set(places)) and 0 <= places[0] and places[-1] < width,
            f"places {places} are not ascending bits of {width}",
        )
        outputs, planes = tensor_type(self.weight).get_shape()[:2]
        require_shape("weight", self.weight, (outputs, planes, word_count(self.vector)))
        bits = self.simd * planes
        require(bits <= PAYLOAD_BITS, f"a tile of {bits} bits of weights is wider than {PAYLOAD_BITS}")
        self.verify_mvu(self.base)
        for what, fmt in (("a sum of counts", self.counts), ("a result", stream_type(self.result).format)):
            require_compared(what, fmt)
