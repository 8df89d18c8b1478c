"""
The type of the `stream` dialect and what its operations share.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Sequence

from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, IntAttr, IntegerAttr, StringAttr, i64
from xdsl.ir import Attribute, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import (
    AtLeast,
    AttrConstraint,
    AttrSetConstraint,
    BaseAttr,
    irdl_attr_definition,
    opt_attr_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from blendir.dialects.blend.base import LayerOp
from blendir.dialects.blend.types import element_format
from blendir.numerics import Format

PAYLOAD_BITS = 1024


@irdl_attr_definition
class StreamType(ParametrizedAttribute, TypeAttribute):
    """
    Frames in raster order: `rows` x `columns` positions of `length` elements, in beats of `group` elements.

    The last beat of a position is filled with zeros. A beat holds at most 1,024 bits.
    """

    name = "stream.stream"

    rows: IntAttr
    columns: IntAttr
    length: IntAttr
    element: Attribute
    group: IntAttr

    def __init__(self, rows: int, columns: int, length: int, element: Attribute, group: int = 1):
        super().__init__(IntAttr(rows), IntAttr(columns), IntAttr(length), element, IntAttr(group))

    def verify(self) -> None:
        sizes = [self.rows.data, self.columns.data, self.length.data, self.group.data]
        if min(sizes) < 1:
            raise VerifyException(f"stream sizes should be positive, got {sizes}")
        if self.group.data > self.length.data:
            raise VerifyException(f"a group of {self.group.data} is longer than a position of {self.length.data}")
        if self.payload > PAYLOAD_BITS:
            raise VerifyException(f"a beat of {self.payload} bits is wider than {PAYLOAD_BITS}")

    @property
    def format(self) -> Format:
        """
        The integers that an element stands for.
        """
        return element_format(self.element)

    @property
    def positions(self) -> int:
        """
        Positions per frame.
        """
        return self.rows.data * self.columns.data

    @property
    def beats(self) -> int:
        """
        Beats per position.
        """
        return -(-self.length.data // self.group.data)

    @property
    def payload(self) -> int:
        """
        Bits per beat.
        """
        return self.group.data * self.format.width

    def grouped(self, group: int) -> StreamType:
        """
        The same frames in beats of another size.
        """
        return StreamType(self.rows.data, self.columns.data, self.length.data, self.element, group)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            sizes: list[IntAttr] = []
            for _ in range(3):
                sizes.append(IntAttr(parser.parse_integer(allow_boolean=False, allow_negative=False)))
                parser.parse_punctuation(",")
            element = parser.parse_type()
            parser.parse_punctuation(",")
            group = IntAttr(parser.parse_integer(allow_boolean=False, allow_negative=False))
            return *sizes, element, group

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(f"{self.rows.data}, {self.columns.data}, {self.length.data}, ")
            printer.print_attribute(self.element)
            printer.print_string(f", {self.group.data}")


def one_of(*words: str) -> AttrConstraint[StringAttr]:
    """
    A string that is one of some words.
    """
    return AttrSetConstraint(frozenset(map(StringAttr, words)))


STREAM = BaseAttr(StreamType)
TABLE_STORAGE = one_of("lutram", "bram")
CYCLES = IntegerAttr.constr(type=i64, value=AtLeast(0))


def stream_type(value: SSAValue) -> StreamType:
    """
    The type of a value that is a stream.
    """
    assert isinstance(value.type, StreamType)
    return value.type


def streams(values: Iterable[SSAValue]) -> list[SSAValue]:
    """
    Those of some values that are streams.
    """
    return [value for value in values if isinstance(value.type, StreamType)]


class ProcessOp(LayerOp, ABC):
    """
    A hardware process; `layer` names the result it computes, `fifo_depths` and `fifo_storage` describe the FIFO behind
    each result and `latency` is the assumed number of cycles from a read to the write that depends on it. `order` says
    where the elements of the tensor that it computes lie in the stream, if not in raster order, and is empty where they
    follow one another.

    The static schedule: `start` is the cycle of the first firing for a frame of the steady state, counted from when the
    frame enters the design, and `interval` the number of cycles per frame that the process is busy.
    """

    start = opt_attr_def(CYCLES)
    interval = opt_attr_def(CYCLES)
    latency = opt_attr_def(CYCLES)
    fifo_depths = opt_attr_def(DenseArrayBase.constr(i64))
    fifo_storage = opt_attr_def(ArrayAttr.constr(one_of("srl", "bram")))
    order = opt_attr_def(DenseArrayBase.constr(i64))

    def verify(self, verify_nested_ops: bool = True) -> None:
        super().verify(verify_nested_ops)
        for value in streams(self.operands):
            readers = value.uses.get_length()
            if readers != 1:
                raise VerifyException(f"a stream has {readers} readers but should have one (copy it by stream.fork)")

    @property
    def inputs(self) -> list[SSAValue]:
        """
        The streams that it reads.
        """
        return [v for v in self.operands if isinstance(v.type, StreamType)]

    @property
    def outputs(self) -> list[SSAValue]:
        """
        The streams that it writes.
        """
        return [v for v in self.results if isinstance(v.type, StreamType)]

    @property
    def layers(self) -> list[str]:
        """
        The layer of each result.
        """
        return [self.layer_name for _ in self.results]


def require_group(op: ProcessOp, *values: SSAValue) -> None:
    """
    Streams that are read and written beat for beat have the same group, which divides the length.
    """
    groups = [stream_type(v).group.data for v in values]
    if len(set(groups)) != 1:
        raise VerifyException(f"streams have groups {groups} but are processed beat for beat")
    for value in values:
        length = stream_type(value).length.data
        if length % groups[0]:
            raise VerifyException(f"a group of {groups[0]} does not divide {length} elements")


def require_frames(what: str, value: SSAValue, rows: int, columns: int, length: int) -> None:
    """
    Compares a stream's frame with what the operation makes of its inputs.
    """
    kind = stream_type(value)
    actual = [kind.rows.data, kind.columns.data, kind.length.data]
    if actual != [rows, columns, length]:
        raise VerifyException(f"{what} has frames {actual} but should have {[rows, columns, length]}")
