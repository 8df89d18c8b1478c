"""
Running a module of any stage on batches of frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import Float64Type, ModuleOp, TensorType
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.interpreters.func import FuncFunctions
from xdsl.ir import Attribute, Operation

from blendir.dialects.blend import BlendOp, ConstantOp, FixedType, Tensor, element_format, tensor_type
from blendir.dialects.blend.types import ui8
from blendir.dialects.stream import ProcessOp
from blendir.interpreter.blend import BlendFunctions, integer_dtype
from blendir.interpreter.stream import StreamFunctions

CHUNK = 64
Array = NDArray[Any]


def main_function(module: ModuleOp) -> func.FuncOp:
    """
    The function `@main` of a module, with one tensor in and one out; ValueError otherwise.
    """
    for op in module.ops:
        if isinstance(op, func.FuncOp) and op.sym_name.data == "main":
            inputs, outputs = list(op.function_type.inputs), list(op.function_type.outputs)
            for what, types in (("input", inputs), ("output", outputs)):
                if len(types) != 1 or not isinstance(types[0], TensorType):
                    names = ", ".join(map(str, types)) or "none"
                    raise ValueError(f"@main should have one tensor {what}, got {names}")
            return op
    raise ValueError("the module has no function @main")


def input_type(module: ModuleOp) -> Tensor:
    """
    The type of the one input, with a leading 1 for the frames.
    """
    return tensor_type(next(iter(main_function(module).function_type.inputs)))


def output_type(module: ModuleOp) -> Tensor:
    """
    The type of the one output.
    """
    return tensor_type(next(iter(main_function(module).function_type.outputs)))


def encode_input(x: Array, kind: Tensor) -> Array:
    """
    Brings frames [N, ..] to the argument's type: rounded once (half to even), saturated; pixels must be 0..255.

    Raises ValueError for another shape, a non-finite number, or pixels that are not integers in 0..255.
    """
    x = np.asarray(x)
    expected = kind.get_shape()[1:]
    if x.ndim != kind.get_num_dims() or x.shape[1:] != expected:
        want = ", ".join(["N", *map(str, expected)])
        raise ValueError(f"input has shape {list(x.shape)} but the model takes [{want}]")
    if x.dtype.kind not in "fiub":
        raise ValueError(f"input has type {x.dtype}, which is not a number")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise ValueError("input has values that are not finite")
    if kind.element_type == ui8:
        if x.size and (x.min() < 0 or x.max() > 255 or (x.dtype.kind == "f" and not np.array_equal(x, np.rint(x)))):
            raise ValueError("this model takes pixels: integers in 0..255")
        return x.astype(np.int32)
    if isinstance(kind.element_type, Float64Type):
        return x.astype(np.float64)
    assert isinstance(kind.element_type, FixedType)
    fmt = kind.element_type.format
    return fmt.encode(x.astype(np.float64)).astype(integer_dtype(fmt.width))


def decode_output(y: Array, element: Attribute) -> NDArray[np.float64]:
    """
    The real values of a result.
    """
    if isinstance(element, Float64Type):
        return y
    return element_format(element).decode(y)


class Recorder(Interpreter.Listener):
    """
    Keeps what every operation but constants computed, by layer.
    """

    def __init__(self, observe: Callable[[Operation, int, Array], None]):
        self.observe = observe

    def did_interpret_op(self, op: Operation, results: PythonValues) -> None:
        if isinstance(op, BlendOp | ProcessOp) and not isinstance(op, ConstantOp):
            for index, value in enumerate(results):
                self.observe(op, index, value)


def chunks(x: Array, size: int = CHUNK) -> Iterator[Array]:
    """
    Splits a batch into pieces that fit the caches.
    """
    for start in range(0, len(x), size):
        yield x[start : start + size]


def run_module(
    module: ModuleOp, x: Array, observe: Callable[[Operation, int, Array], None] | None = None
) -> NDArray[np.float64]:
    """
    Runs `@main` on frames x [N, ..] at any stage and returns float64 [N, ..].

    `observe(op, result index, value)` sees every intermediate value, chunk by chunk.
    """
    source, result = input_type(module), output_type(module)
    listeners = () if observe is None else (Recorder(observe),)
    interpreter = Interpreter(module, listeners=listeners)
    interpreter.register_implementations(FuncFunctions())
    interpreter.register_implementations(BlendFunctions())
    interpreter.register_implementations(StreamFunctions())
    outputs: list[Array] = []
    for part in chunks(encode_input(x, source)):
        (y,) = interpreter.call_op("main", (part,))
        outputs.append(decode_output(y, result.element_type))
    if not outputs:
        return np.zeros((0, *result.get_shape()[1:]))
    return np.concatenate(outputs)
