"""
A scheduled [stream] module as backends print it: names, units, FIFOs, and the bytes that enter and leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from blendir.backends.names import Names
from blendir.dialects import stream
from blendir.dialects.blend.types import PIXELS, element_format
from blendir.dialects.stream import ProcessOp, StreamType, stream_type
from blendir.hardware.fifos import writers
from blendir.hardware.processes import process_of
from blendir.hardware.processes.sink import output_bits
from blendir.hardware.processes.unit import Unit
from blendir.hardware.timing import processes
from blendir.interpreter import encode_input, input_type, returned_values
from blendir.interpreter.run import frames_at_once
from blendir.packing import pack_beats

Array = NDArray[Any]
VECTORS = 16
PLUMBING = (
    *(stream.SourceOp, stream.SinkOp, stream.WindowOp, stream.ForkOp),
    *(stream.CropOp, stream.ReorderOp, stream.TakeOp),
)
"""Processes that move elements and are no layer of the network; a concatenation may be the end of one."""


class Fifo(NamedTuple):
    """
    A FIFO: its name, the bits of a beat, how many beats it holds, and in what.
    """

    name: str
    width: int
    depth: int
    storage: str


class Design:
    """
    A scheduled module with the names and units of its processes.

    A language says which words it reserves, and which globals each process brings along besides its tables.
    """

    reserved: ClassVar[frozenset[str]] = frozenset()
    suffixes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, module: ModuleOp):
        self.module = module
        self.processes = processes(module)
        self.units: dict[ProcessOp, Unit] = {op: process_of(op).unit() for op in self.processes}
        brought = {op: [*self.suffixes, *(t.suffix for t in unit.tables)] for op, unit in self.units.items()}
        self.names = Names(brought, self.reserved)
        self.streams: dict[SSAValue, str] = {
            value: name
            for op in self.processes
            for value, name in zip(op.results, self.names.streams[op], strict=True)
            if isinstance(value.type, StreamType)
        }

    @property
    def source(self) -> stream.SourceOp:
        """
        Where frames enter.
        """
        return next(op for op in self.processes if isinstance(op, stream.SourceOp))

    @property
    def sinks(self) -> list[stream.SinkOp]:
        """
        Where results leave, in the order of the model.
        """
        found = [value.owner for value in returned_values(self.module)]
        return [op for op in found if isinstance(op, stream.SinkOp)]

    def fifos(self) -> Iterator[Fifo]:
        """
        The FIFO of every stream.
        """
        for op in writers(self.processes):
            assert op.fifo_depths is not None
            assert op.fifo_storage is not None
            kept = zip(op.results, op.fifo_depths.get_values(), op.fifo_storage.data, strict=True)
            for value, depth, storage in kept:
                yield Fifo(self.streams[value], stream_type(value).payload, int(depth), storage.data)

    def input_bytes(self, x: Array) -> bytes:
        """
        Frames [N, ..] of the caller as the words that the design reads.
        """
        encoded = encode_input(x, input_type(self.module))
        return beats_of(self.source.positions_of(encoded), stream_type(self.source.result)).tobytes()

    def golden_bytes(self, results: Sequence[Array]) -> bytes:
        """
        What the design must write where these are the outputs [N, ..], one after another, as integers.
        """
        written: list[bytes] = []
        for sink, result in zip(self.sinks, results, strict=True):
            kind, words = stream_type(sink.input), np.empty((len(result), result[0].size), np.int64)
            (places,) = in_tensor_order(np.arange(words.shape[1])[None], sink, 0)
            words[:, places] = result.reshape(len(result), -1)
            written.append(pack_beats(words.reshape(-1, 1), output_bits(kind.format.width)).tobytes())
        return b"".join(written)


def beats_of(frames: Array, kind: StreamType) -> NDArray[np.uint8]:
    """
    Stream frames [N, positions, length] as bytes [N, beats, bytes per beat].
    """
    group = kind.group.data
    filled = np.zeros((*frames.shape[:2], kind.beats * group), np.int64)
    filled[..., : frames.shape[2]] = frames
    beats = filled.reshape(len(frames), -1, group)
    return pack_beats(beats, kind.format.width)


def in_tensor_order(frames: Array, op: ProcessOp, index: int) -> Array:
    """
    Frames [N, ..] of a process's stream as [N, elements] in the order of its tensor.
    """
    flat = frames.reshape(len(frames), -1)
    order = op.bit_order if isinstance(op, stream.ResidualOp) and index == 1 else op.order
    if order is not None:
        places = order.get_values()
        return flat[:, np.array(places, np.int64)] if places else flat
    value = op.results[index] if op.results and index < len(op.results) else op.operands[0]
    kind = stream_type(value if hasattr(value.type, "length") else op.operands[0])
    return flat.reshape(len(flat), kind.positions, kind.length.data).swapaxes(1, 2).reshape(len(flat), -1)


def layer_results(found: Iterable[Operation]) -> Iterator[tuple[ProcessOp, int, str]]:
    """
    The results of processes that are layers of the network: process, index of the result, layer.
    """
    for op in found:
        if isinstance(op, ProcessOp) and not isinstance(op, PLUMBING):
            for index, layer in enumerate(op.layers):
                yield op, index, layer


def test_vectors(module: ModuleOp, calibration: Array | None) -> Array:
    """
    The first 16 calibration frames, else 16 seeded random ones; fewer, but two, of a network with large values.
    """
    count = max(2, frames_at_once(module, VECTORS))
    if calibration is not None and len(calibration):
        return np.asarray(calibration)[:count]
    kind = input_type(module)
    shape = (count, *kind.get_shape()[1:])
    rng = np.random.default_rng(0)
    if (pixels := PIXELS.get(kind.element_type)) is None:
        return rng.normal(size=shape)
    fmt = element_format(kind.element_type)
    return rng.integers(fmt.low, fmt.high + 1, shape, pixels)
