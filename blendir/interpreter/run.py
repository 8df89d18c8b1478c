"""
Running a module of any stage on batches of frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import Float64Type, ModuleOp, StringAttr, TensorType
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Attribute, Operation, SSAValue

from blendir.dialects.blend import BlendOp, ConstantOp, FixedType, Tensor, element_format, tensor_type
from blendir.dialects.blend.types import PIXELS
from blendir.dialects.stream import ProcessOp, StreamType, WindowOp
from blendir.errors import UserError
from blendir.interpreter.blend import BlendFunctions, integer_dtype
from blendir.interpreter.stream import StreamFunctions

CHUNK = 64
ELEMENTS = 1 << 22
"""How many elements the largest value of a run may have, where that leaves a frame."""
NAME = "blend.name"
"""The attribute of a result of `@main` that the model gives a name, as the key of a dictionary."""
Array = NDArray[Any]
Observe: TypeAlias = Callable[[Operation, int, Array], None]
Outputs: TypeAlias = NDArray[np.float64] | list[NDArray[np.float64]]
"""What a network returns: an array [N, ..], or a list of several."""


def main_function(module: ModuleOp) -> func.FuncOp:
    """
    The function `@main` of a module, with one tensor in, tensors out and one block; UserError otherwise.
    """
    op = find_main(module)
    if op is None:
        raise UserError("the module has no function @main")
    inputs, outputs = list(op.function_type.inputs), list(op.function_type.outputs)
    for what, types, fits in (("one tensor input", inputs, len(inputs) == 1), ("tensor outputs", outputs, outputs)):
        if not fits or not all(isinstance(kind, TensorType) for kind in types):
            names = ", ".join(map(str, types)) or "none"
            raise UserError(f"@main should have {what}, got {names}")
        if any(size < 1 for kind in types if isinstance(kind, TensorType) for size in kind.get_shape()):
            raise UserError(f"@main should have tensors of known sizes from 1 on, got {', '.join(map(str, types))}")
    if len(op.body.blocks) != 1:
        raise UserError(f"@main should be one block, got {len(op.body.blocks)}")
    return op


def find_main(module: ModuleOp) -> func.FuncOp | None:
    """
    The function `@main` of a module where it has one with a body; passes leave any other module alone.
    """
    if not isinstance(module, ModuleOp):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UserError(f"a module of blendir is needed (from_torch makes one), got {type(module).__name__}")
    functions = (op for op in module.ops if isinstance(op, func.FuncOp) and not op.is_declaration)
    return next((op for op in functions if op.sym_name.data == "main"), None)


def input_type(module: ModuleOp) -> Tensor:
    """
    The type of the one input, with a leading 1 for the frames.
    """
    return tensor_type(next(iter(main_function(module).function_type.inputs)))


def output_types(module: ModuleOp) -> list[Tensor]:
    """
    The types of the outputs, in the order of the model.
    """
    return [tensor_type(kind) for kind in main_function(module).function_type.outputs]


def output_names(module: ModuleOp) -> list[str]:
    """
    What the outputs are called: `output`; of several `output.` with the name that the model gives, or the number.
    """
    main = main_function(module)
    count = len(main.function_type.outputs)
    if count == 1:
        return ["output"]
    given = [None] * count if main.res_attrs is None else [kept.data.get(NAME) for kept in main.res_attrs.data]
    return [f"output.{name.data if isinstance(name, StringAttr) else index}" for index, name in enumerate(given)]


def returned_values(module: ModuleOp) -> list[SSAValue]:
    """
    The values that `@main` returns.
    """
    return list(main_function(module).get_return_op().operands)  # pyright: ignore[reportOptionalMemberAccess]


def alone(outputs: list[NDArray[np.float64]]) -> Outputs:
    """
    A list of several outputs, or the only one itself.
    """
    return outputs if len(outputs) > 1 else outputs[0]


def listed(outputs: Outputs) -> list[NDArray[np.float64]]:
    """
    The inverse of `alone`.
    """
    return outputs if isinstance(outputs, list) else [outputs]


def encode_input(x: Array, kind: Tensor) -> Array:
    """
    Brings frames [N, ..] to the argument's type: rounded once (half to even), saturated; pixels must be
    integers of their type.

    Raises UserError for another shape, a non-finite number, or pixels that are not integers of their type.
    """
    x = np.asarray(x)
    expected = kind.get_shape()[1:]
    if x.ndim != kind.get_num_dims() or x.shape[1:] != expected:
        want = ", ".join(["N", *map(str, expected)])
        raise UserError(f"input has shape {list(x.shape)} but the model takes [{want}]")
    if x.dtype.kind not in "fiub":
        raise UserError(f"input has type {x.dtype}, which is not a number")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise UserError("input has values that are not finite")
    if kind.element_type in PIXELS:
        fmt = element_format(kind.element_type)
        whole = x.dtype.kind != "f" or np.array_equal(x, np.rint(x))
        if x.size and (x.min() < fmt.low or x.max() > fmt.high or not whole):
            raise UserError(f"this model takes pixels: integers in {fmt.low}..{fmt.high}")
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


def frames_at_once(module: ModuleOp, most: int = CHUNK) -> int:
    """
    How many frames are run together: at most `most`, and fewer, but at least one, where values (not windows) are large.
    """
    block = main_function(module).body.block
    kinds = [value.type for op in block.ops if not isinstance(op, ConstantOp | WindowOp) for value in op.results]
    sizes = [kind.positions * kind.length.data for kind in kinds if isinstance(kind, StreamType)]
    sizes += [prod(kind.get_shape()) for kind in kinds if isinstance(kind, TensorType)]
    return min(most, max(1, ELEMENTS // max(sizes, default=1)))


def chunks(x: Array, size: int) -> Iterator[Array]:
    """
    Splits a batch into pieces of so many frames.
    """
    for start in range(0, len(x), size):
        yield x[start : start + size]


def interpreter_of(module: ModuleOp) -> Interpreter:
    """
    An interpreter that knows the operations of every stage.
    """
    interpreter = Interpreter(module)
    interpreter.register_implementations(BlendFunctions())
    interpreter.register_implementations(StreamFunctions())
    return interpreter


def run_module(module: ModuleOp, x: Array, observe: Observe | None = None) -> Outputs:
    """
    Runs `@main` on frames x [N, ..] at any stage and returns float64 [N, ..]; a list of such for several outputs.

    `observe(op, result index, value)` sees every intermediate value, chunk by chunk.
    """
    return alone(run_outputs(module, x, observe))


def run_outputs(module: ModuleOp, x: Array, observe: Observe | None = None) -> list[NDArray[np.float64]]:
    """
    The same, always as a list.
    """
    kinds = output_types(module)
    return [decode_output(y, kind.element_type) for y, kind in zip(run_encoded(module, x, observe), kinds, strict=True)]


def run_encoded(module: ModuleOp, x: Array, observe: Observe | None = None) -> list[Array]:
    """
    The outputs as the operations make them: at [fixed] and later the integers of fixed-point numbers.
    """
    interpreter, encoded = interpreter_of(module), encode_input(x, input_type(module))
    found = [run_chunk(interpreter, module, part, observe) for part in chunks(encoded, frames_at_once(module))]
    if not found:
        return [np.zeros((0, *kind.get_shape()[1:])) for kind in output_types(module)]
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def run_chunk(interpreter: Interpreter, module: ModuleOp, x: Array, observe: Observe | None) -> PythonValues:
    """
    Runs encoded frames together. A value is forgotten as soon as nothing reads it any more.
    """
    block = main_function(module).body.block
    readers = Counter(value for op in block.ops for value in op.operands)
    known: dict[SSAValue, Any] = {block.args[0]: x}
    for op in block.ops:
        args = tuple(known[value] for value in op.operands)
        if isinstance(op, func.ReturnOp):
            return args
        results = interpreter.run_op(op, args)
        if observe is not None and isinstance(op, BlendOp | ProcessOp) and not isinstance(op, ConstantOp):
            for index, value in enumerate(results):
                observe(op, index, value)
        known |= {value: kept for value, kept in zip(op.results, results, strict=True) if readers[value]}
        readers.subtract(op.operands)
        for value in op.operands:
            if not readers[value]:
                known.pop(value, None)
    raise UserError("@main does not return")
