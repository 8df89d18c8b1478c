"""
What the rewrite patterns share: reading parameters from the IR and making operations from arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from numpy.typing import NDArray
from xdsl.dialects.builtin import StringAttr, TensorType, f64, i1, i64
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import Rewriter

from blendir.dialects import blend
from blendir.dialects.blend import BlendOp, ConstantOp, constant_value, tensor_type
from blendir.passes.fold.channelwise import Affine, Pieces

OpT = TypeVar("OpT", bound=BlendOp)


def affine_of(op: blend.AffineOp) -> Affine:
    """
    The parameters of an affine.
    """
    return Affine(*(constant_value(v) for v in (op.center, op.scale, op.offset)))


def pieces_of(op: blend.PiecewiseLinearOp) -> Pieces:
    """
    The parameters of a piecewise linear function.
    """
    return Pieces(*(constant_value(v) for v in op.parameters))


def constants(arrays: Sequence[NDArray[Any]], element: Attribute = f64) -> list[ConstantOp]:
    """
    One constant per array.
    """
    return [ConstantOp.from_numpy(a, element) for a in arrays]


def affine_ops(source: SSAValue, affine: Affine, axis: int, layer: str | StringAttr | None) -> list[Operation]:
    """
    An affine and its constants, the affine last.
    """
    made = constants((affine.center, affine.scale, affine.offset))
    return [*made, blend.AffineOp(source, *(c.result for c in made), axis=axis, layer=layer)]


def pieces_ops(source: SSAValue, pieces: Pieces, axis: int, layer: str) -> list[Operation]:
    """
    A piecewise linear function and its constants, the function last.
    """
    k, a0, b0, a1, b1 = made = constants(pieces.arrays)
    parameters = (k.result, a0.result, b0.result, a1.result, b1.result)
    return [*made, blend.PiecewiseLinearOp(source, parameters, axis, layer)]


def threshold_ops(
    source: SSAValue, limits: NDArray[Any], invert: NDArray[Any], axis: int, layer: str
) -> list[Operation]:
    """
    A threshold and its constants, the threshold last.
    """
    kind = f64 if tensor_type(source).element_type == f64 else i64
    t, i = ConstantOp.from_numpy(limits, kind), ConstantOp.from_numpy(invert, i1)
    return [t, i, blend.ThresholdOp(source, t.result, i.result, axis, layer)]


def shared(value: SSAValue) -> bool:
    """
    Whether a value has more than one use.
    """
    return value.has_more_than_one_use()


def affine_input(value: SSAValue, axis: int = 1) -> blend.AffineOp | None:
    """
    The affine along `axis` that makes a value.
    """
    owner = value.owner
    return owner if isinstance(owner, blend.AffineOp) and owner.axis.value.data == axis else None


def of_operand(op: OpT, source: SSAValue, layer: StringAttr | str | None = None) -> OpT:
    """
    The same operation of another first operand, with a result of its elements; the layer of the old one unless given.
    """
    kind = TensorType(tensor_type(source).element_type, tensor_type(op.results[0]).get_shape())
    new = type(op).create(operands=[source, *op.operands[1:]], result_types=[kind], properties=op.properties)
    new.layer = op.layer if layer is None else StringAttr(layer) if isinstance(layer, str) else layer
    return new


def replace(op: Operation, new: Sequence[Operation]) -> SSAValue:
    """
    Puts operations in place of one; the last one's result, which is returned, takes over and has its name alone.
    """
    block, old, result = op.parent, op.results[0], new[-1].results[0]
    assert block is not None
    block.insert_ops_before(new, op)
    result.name_hint = old.name_hint
    old.replace_all_uses_with(result)
    Rewriter.erase_op(op)
    return result


def erase_unused_constants(block: Block) -> None:
    """
    Erases the constants of a block that nothing uses.
    """
    for op in reversed(list(block.ops)):
        if isinstance(op, ConstantOp) and not op.result.uses:
            Rewriter.erase_op(op)
