"""
The result of every layer of a module of tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from blendir.backends.target import Trace
from blendir.dialects import blend
from blendir.dialects.blend import BlendOp, WordType, tensor_type
from blendir.dialects.blend.shape import MoveOp
from blendir.interpreter import run_module
from blendir.interpreter.run import Outputs
from blendir.packing import WORD_BITS, unpack_words

Array = NDArray[Any]
Observer: TypeAlias = Callable[[Operation, int, Array], None]
MOVES = (blend.ConstantOp, MoveOp)
"""Operations that are no layers."""


class Parts:
    """
    The results of layers, frames after frames. Of operations with the same layer, the last one's stands for it.
    """

    def __init__(self) -> None:
        self.found: dict[tuple[Operation, int], tuple[str, list[Array]]] = {}

    def add(self, op: Operation, index: int, layer: str, frames: Array) -> None:
        """
        Enters the result of an operation for some frames.
        """
        self.found.setdefault((op, index), (layer, []))[1].append(frames.reshape(len(frames), -1))

    def trace(self) -> Trace:
        """
        All frames of each layer.
        """
        return {layer: parts[0] if len(parts) == 1 else np.concatenate(parts) for layer, parts in self.found.values()}


def is_layer(op: Operation) -> TypeGuard[BlendOp]:
    """
    Whether the results of an operation are those of a layer.
    """
    return isinstance(op, BlendOp) and not isinstance(op, MOVES)


def used_lanes(op: Operation) -> list[int]:
    """
    The lanes of words that an operation computes; the others are 0 and no elements of its layer.
    """
    lanes = op.attributes.get("lanes")
    if lanes is not None:
        return list(lanes.get_values())  # pyright: ignore
    words = tensor_type(op.results[0]).get_shape()[1]
    return list(range(tensor_type(op.input).get_shape()[1] if isinstance(op, blend.ThresholdOp) else words * WORD_BITS))


def tensor_trace(module: ModuleOp, x: Array) -> tuple[Trace, Outputs]:
    """
    The result of every layer at [fixed] or [packed], as [N, elements] in the order of the tensor, and what comes out.
    """
    parts = Parts()

    def observe(op: Operation, index: int, value: Array) -> None:
        if not is_layer(op):
            return
        if isinstance(tensor_type(op.results[index]).element_type, WordType):
            value = unpack_words(value, 1)[:, used_lanes(op)]
        parts.add(op, index, op.layer_name, value)

    output = run_module(module, x, observe)
    return parts.trace(), output
