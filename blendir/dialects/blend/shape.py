"""
Constants, operations that move elements without changing them, and what could not be imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    Float64Type,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    i1,
    i64,
)
from xdsl.interfaces import HasCanonicalizationPatternsInterface
from xdsl.ir import Attribute, SSAValue, Use
from xdsl.irdl import (
    AtLeast,
    irdl_op_definition,
    operand_def,
    opt_attr_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.pattern_rewriter import RewritePattern
from xdsl.printer import Printer
from xdsl.traits import ConstantLike, Pure

from blendir.dense import dense_from_numpy, dense_to_numpy
from blendir.dialects.blend.base import REPAIR, BlendOp, i64_array, i64_attr, require, require_shape
from blendir.dialects.blend.interfaces import KeepsFormat
from blendir.dialects.blend.types import ANY_ELEMENT, AXIS, FixedType, Tensor, WordType, tensor_type
from blendir.dialects.parsing import ModuleParser
from blendir.numerics import Format
from blendir.packing import WORD_BITS


@irdl_op_definition
class ConstantOp(BlendOp):
    """
    A tensor known at compile time: weights, thresholds, slopes.

    Fixed-point numbers and words are stored as integers: `dense<..> : tensor<4xi16> as tensor<4x!blend.fixed<16, 2>>`.
    """

    name = "blend.constant"

    value = prop_def(DenseIntOrFPElementsAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure(), ConstantLike())
    assembly_format = None

    def __init__(self, value: DenseIntOrFPElementsAttr[Any], result_type: Attribute | None = None):
        super().__init__([], [result_type or value.type], value=value)

    @classmethod
    def from_numpy(cls, array: NDArray[Any], element: Attribute) -> ConstantOp:
        """
        A constant of `element`s; fixed-point numbers are given as the integers that stand for them.

        Raises ValueError when a number does not fit the element type.
        """
        check_fit(array, element)
        return cls(dense_from_numpy(array, storage_type(element)), TensorType(element, array.shape))

    def numpy(self) -> NDArray[Any]:
        """
        The stored numbers, read-only.
        """
        return dense_to_numpy(self.value)

    @classmethod
    def parse(cls, parser: Parser) -> ConstantOp:
        value = ModuleParser.like(parser).parse_attribute()
        if not isinstance(value, DenseIntOrFPElementsAttr):
            parser.raise_error("expected a dense attribute")
        kind = parser.parse_type() if parser.parse_optional_keyword("as") else None
        op = cls(cast(DenseIntOrFPElementsAttr[Any], value), kind)
        op.attributes |= parser.parse_optional_attr_dict()
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        kind = self.value.get_element_type()
        if isinstance(kind, Float64Type) and not np.isfinite(self.numpy()).all():
            # the parser reads the hexadecimal form of a single infinity as an integer
            printer.print_string(f'dense<"0x{self.value.data.data.hex().upper()}"> : ')
            printer.print_attribute(self.value.get_type())
        else:
            printer.print_attribute(self.value)
        if self.result.type != self.value.type:
            printer.print_string(" as ")
            printer.print_attribute(self.result.type)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        kind = tensor_type(self.result)
        require_shape("value", self.value.type, kind.get_shape())
        expected, actual = storage_type(kind.element_type), self.value.get_element_type()
        require(actual == expected, f"elements of type {kind.element_type} are stored as {expected}, got {actual}")
        try:
            check_fit(dense_to_numpy(self.value), kind.element_type)
        except ValueError as error:
            require(False, str(error))
        if isinstance(kind.element_type, Float64Type) and not np.isfinite(self.numpy()).all():
            for use in self.result.uses:
                require_finite(self.numpy(), use)


def require_finite(array: NDArray[Any], use: Use) -> None:
    """
    What reads a float constant can do with its values: infinity is for thresholds that are always or never reached.
    """
    op = use.operation
    names = [definition[0] for definition in type(op).get_irdl_definition().operands] if isinstance(op, BlendOp) else []
    name = names[use.index] if use.index < len(names) else "an operand"
    infinite = isinstance(op, BlendOp) and name in op.UNBOUNDED
    bad = int((np.isnan(array) if infinite else ~np.isfinite(array)).sum())
    where = op.layer_name if isinstance(op, BlendOp) else op.name
    require(not bad, f"{where}: {name} has {bad} of {array.size} values that are not finite; {REPAIR}")


def check_fit(array: NDArray[Any], element: Attribute) -> None:
    """
    ValueError where integers do not fit a fixed-point type or a word.
    """
    if not array.size or not isinstance(element, FixedType | WordType):
        return
    fmt = Format(WORD_BITS, 0, signed=False) if isinstance(element, WordType) else element.format
    if int(array.min()) < fmt.low or int(array.max()) > fmt.high:
        raise ValueError(f"values {array.min()} .. {array.max()} do not fit {element}")


def storage_type(element: Attribute) -> IntegerType | Float64Type:
    """
    The type that stores elements in a dense attribute.
    """
    match element:
        case FixedType():
            width = element.width.data
            return IntegerType(next(w for w in (8, 16, 32, 64) if width <= w))
        case WordType():
            return i64
        case Float64Type() | IntegerType():
            return element
        case _:
            raise ValueError(f"a constant cannot hold elements of type {element}")


def constant_attribute(value: SSAValue) -> DenseIntOrFPElementsAttr[Any]:
    """
    The attribute of an operand that is a constant; anything else is a programming error.
    """
    owner = value.owner
    assert isinstance(owner, ConstantOp), f"{value} is not a constant"
    return owner.value


def constant_value(value: SSAValue) -> NDArray[Any]:
    """
    The numbers of an operand that is a constant, read-only.
    """
    return dense_to_numpy(constant_attribute(value))


class MoveOp(KeepsFormat):
    """
    An operation that only moves elements.
    """


@irdl_op_definition
class ReshapeOp(MoveOp, HasCanonicalizationPatternsInterface):
    """
    `y` holds the elements of x in the same row-major order, frame by frame.
    """

    name = "blend.reshape"

    input = operand_def(TensorType.constr(ANY_ELEMENT))
    result = result_def(TensorType.constr(ANY_ELEMENT))

    def __init__(self, source: SSAValue, shape: Sequence[int], layer: str | StringAttr | None = None):
        super().__init__([source], [TensorType(tensor_type(source).element_type, list(shape))], layer)

    def verify_(self) -> None:
        source, result = tensor_type(self.input), tensor_type(self.result)
        require(
            source.element_type == result.element_type,
            f"input has type {source.element_type} but result {result.element_type}",
        )
        counts = [int(np.prod(t.get_shape(), dtype=np.int64)) for t in (source, result)]
        require(counts[0] == counts[1], f"input has {counts[0]} elements but result {counts[1]}")
        frames = [t.get_shape()[0] for t in (source, result)]
        require(
            frames[0] == frames[1],
            f"the leading dimension, the frames, must stay: input has {frames[0]} but result {frames[1]}",
        )

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        from blendir.dialects.blend.canonicalization import DropSameReshape, MergeReshapes, MovesAreTake

        return (
            DropSameReshape(),
            MergeReshapes(),
            MovesAreTake(),
        )


@irdl_op_definition
class TransposeOp(MoveOp, HasCanonicalizationPatternsInterface):
    """
    `y[i_permutation] = x[i]`: dimension d of y is dimension `permutation[d]` of x; the frames stay first.
    """

    name = "blend.transpose"

    input = operand_def(TensorType.constr(ANY_ELEMENT))
    permutation = prop_def(DenseArrayBase.constr(i64))
    result = result_def(TensorType.constr(ANY_ELEMENT))

    def __init__(self, source: SSAValue, permutation: Sequence[int], layer: str | StringAttr | None = None):
        kind = tensor_type(source)
        shape = [kind.get_shape()[d] for d in permutation]
        super().__init__([source], [TensorType(kind.element_type, shape)], layer, permutation=i64_array(permutation))

    def verify_(self) -> None:
        order = list(self.permutation.get_values())
        kind = tensor_type(self.input)
        require(
            sorted(order) == list(range(kind.get_num_dims())) and order[0] == 0,
            f"{order} is not a permutation of {kind.get_num_dims()} dimensions that keeps the first",
        )
        require_shape("result", self.result, [kind.get_shape()[d] for d in order])

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        from blendir.dialects.blend.canonicalization import DropIdentityTranspose, MergeTransposes

        return (
            DropIdentityTranspose(),
            MergeTransposes(),
        )


@irdl_op_definition
class ConcatOp(MoveOp):
    """
    `y` holds its operands one after another along `axis`.
    """

    name = "blend.concat"

    inputs = var_operand_def(TensorType.constr(ANY_ELEMENT))
    axis = prop_def(IntegerAttr.constr(type=i64, value=AtLeast(1)), default_value=i64_attr(1))
    result = result_def(TensorType.constr(ANY_ELEMENT))

    def __init__(self, inputs: Sequence[SSAValue], axis: int = 1, layer: str | StringAttr | None = None):
        super().__init__([inputs], [concat_type([tensor_type(v) for v in inputs], axis)], layer, axis=i64_attr(axis))

    def verify_(self) -> None:
        require(len(self.inputs) > 0, "concat needs an operand")
        axis = self.axis.value.data
        kinds = [tensor_type(v) for v in self.inputs]
        require(
            all(axis < k.get_num_dims() for k in kinds),
            f"axis {axis} is not a dimension of {[list(k.get_shape()) for k in kinds]}",
        )
        require(
            len({k.element_type for k in kinds}) == 1,
            f"operands have element types {[str(k.element_type) for k in kinds]}",
        )
        others = [[*k.get_shape()[:axis], *k.get_shape()[axis + 1 :]] for k in kinds]
        require(
            all(o == others[0] for o in others),
            f"operands have shapes {[list(k.get_shape()) for k in kinds]}, which differ outside axis {axis}",
        )
        require_shape("result", self.result, concat_type(kinds, axis).get_shape())


def concat_type(kinds: Sequence[Tensor], axis: int) -> Tensor:
    """
    The type of a concatenation.
    """
    shape = list(kinds[0].get_shape())
    shape[axis] = sum(k.get_shape()[axis] for k in kinds)
    return TensorType(kinds[0].element_type, shape)


@irdl_op_definition
class TakeOp(MoveOp, HasCanonicalizationPatternsInterface):
    """
    `y[.., i, ..] = x[.., indices[i], ..]` along `axis`, and 0 where `indices[i]` is -1.

    Channels, rows or columns that are sliced, repeated, permuted or padded with zeros; of bits rows and columns
    without zeros. Of words `lanes` names the lane of each channel, where it is not its own.
    """

    name = "blend.take"

    input = operand_def(TensorType.constr(ANY_ELEMENT))
    indices = prop_def(DenseArrayBase.constr(i64))
    axis = prop_def(AXIS, default_value=i64_attr(1))
    result = result_def(TensorType.constr(ANY_ELEMENT))
    lanes = opt_attr_def(DenseArrayBase.constr(i64))

    def __init__(self, source: SSAValue, indices: Sequence[int], axis: int = 1, layer: str | StringAttr | None = None):
        kind = tensor_type(source)
        shape = list(kind.get_shape())
        shape[axis] = len(indices)
        super().__init__(
            [source], [TensorType(kind.element_type, shape)], layer, indices=i64_array(indices), axis=i64_attr(axis)
        )

    @property
    def picks(self) -> list[int]:
        """
        The indices.
        """
        return list(self.indices.get_values())

    def verify_(self) -> None:
        source, result = tensor_type(self.input), tensor_type(self.result)
        require(
            source.element_type == result.element_type,
            f"input has type {source.element_type} but result {result.element_type}",
        )
        shape, axis, picks = list(source.get_shape()), self.axis.value.data, self.picks
        require(axis < len(shape), f"axis {axis} is not a dimension of {shape}")
        require(len(picks) > 0, "take needs an index")
        require(
            min(picks) >= -1 and max(picks) < shape[axis],
            f"indices {min(picks)} .. {max(picks)} are outside -1 .. {shape[axis] - 1}",
        )
        bits = source.element_type == i1 or isinstance(source.element_type, WordType)
        require(
            not bits or (axis > 1 and min(picks) >= 0),
            f"bits are picked along axis {axis} with indices from {min(picks)}, only axes over 1 without zeros can be",
        )
        require_shape("result", self.result, [*shape[:axis], len(picks), *shape[axis + 1 :]])

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        from blendir.dialects.blend.canonicalization import DropIdentityTake, MergeTakes

        return (
            DropIdentityTake(),
            MergeTakes(),
        )


@irdl_op_definition
class UnsupportedOp(BlendOp):
    """
    An operation of the imported graph that has no translation; an error if it is still alive after simplification.
    """

    name = "blend.unsupported"

    inputs = var_operand_def()
    target = prop_def(StringAttr)
    result = result_def(TensorType)

    assembly_format = "$target `(` operands `)` attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        target: str,
        inputs: Sequence[SSAValue],
        result_type: Attribute,
        layer: str | StringAttr | None = None,
    ):
        super().__init__([inputs], [result_type], layer, target=StringAttr(target))
