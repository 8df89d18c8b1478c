"""
Stages: properties of the operations that are present, never stored.

    imported -> folded -> fixed -> packed -> stream
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import Float64Type, ModuleOp, TensorType, i1
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import blend, stream
from blendir.dialects.blend import BlendOp, ConstantOp
from blendir.interpreter import find_main, main_function

Stage = Literal["imported", "folded", "fixed", "packed", "stream"]
STAGES: tuple[Stage, ...] = get_args(Stage)
FLOAT_FUNCTIONS = (blend.BatchNormOp, blend.SignOp, blend.ReluOp, blend.PReluOp)


def operations(module: ModuleOp) -> Iterator[Operation]:
    """
    The operations of `@main` that compute something, and its return.
    """
    for op in main_function(module).body.block.ops:
        if not isinstance(op, ConstantOp):
            yield op


def describe(op: Operation) -> str:
    """
    An operation by name and layer.
    """
    return f"{op.name} ({op.layer_name})" if isinstance(op, BlendOp | stream.ProcessOp) else op.name


def holds_element(op: Operation, kind: type | object, operands: bool = False) -> bool:
    """
    Whether a result, or also an operand, is a tensor of such elements.
    """
    for value in (*op.results, *op.operands) if operands else op.results:
        if isinstance(value.type, TensorType):
            element = value.type.element_type  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            if element == kind or (isinstance(kind, type) and isinstance(element, kind)):
                return True
    return False


def not_folded(op: Operation) -> str | None:
    """
    Why an operation keeps a module from being folded.
    """
    if isinstance(op, blend.UnsupportedOp):
        return f"{op.target.data} has no translation; rewrite this part of the model with supported operations"
    if not isinstance(op, BlendOp | stream.ProcessOp | func.ReturnOp):
        return "it is of another dialect, which blendir does not compile"
    if isinstance(op, FLOAT_FUNCTIONS) or moves_bits(op) or divides(op) or scales(op) or picks(op):
        return "it is not folded; run fold-bn"
    return None


def scales(op: Operation) -> bool:
    """
    Whether an operation only multiplies and adds what a convolution or a linear layer could.
    """
    if not isinstance(op, blend.AffineOp) or op.axis.value.data != 1:
        return False
    return any(isinstance(use.operation, blend.Conv2dOp | blend.LinearOp) for use in op.result.uses)


def picks(op: Operation) -> bool:
    """
    Whether an operation picks channels of an affine, which could follow it.
    """
    inner = op.input.owner if isinstance(op, blend.TakeOp) else None
    return isinstance(op, blend.TakeOp) and isinstance(inner, blend.AffineOp) and inner.axis == op.axis


def moves_bits(op: Operation) -> bool:
    """
    Whether an operation transposes bits that could be made in its order.
    """
    source = op
    while isinstance(source, blend.TransposeOp | blend.ReshapeOp):
        source = source.input.owner
    return isinstance(op, blend.TransposeOp) and isinstance(source, blend.ThresholdOp) and holds_element(op, i1)


def divides(op: Operation) -> bool:
    """
    Whether an operation averages floats with a divisor that fixed point cannot divide by exactly.
    """
    if not isinstance(op, blend.AvgPool2dOp) or not holds_element(op, Float64Type):
        return False
    return op.divisor.value.data.bit_count() != 1


def not_integer(op: Operation) -> str | None:
    """
    Why an operation keeps a module from being integer.
    """
    floats = holds_element(op, Float64Type, operands=True)
    return not_folded(op) or ("it computes floats; run quantize" if floats else None)


def not_packed(op: Operation) -> str | None:
    """
    Why an operation keeps a module from being packed.
    """
    return not_integer(op) or ("it makes single bits; run pack48" if holds_element(op, i1) else None)


def not_stream(op: Operation) -> str | None:
    """
    Why an operation keeps a module from being a graph of processes.
    """
    return None if isinstance(op, stream.ProcessOp | func.ReturnOp) else "it is not a process; run lower-to-stream"


LEFTOVER: dict[Stage, Callable[[Operation], str | None]] = {
    "folded": not_folded,
    "fixed": not_integer,
    "packed": not_packed,
    "stream": not_stream,
}


def leftovers(module: ModuleOp, stage: Stage) -> list[str]:
    """
    What keeps a module from a stage: operation, layer, reason and remedy.
    """
    check = LEFTOVER.get(stage)
    if check is None:
        return []
    found = list(operations(module))
    reasons = {op: check(op) for op in found}
    if stage != "stream" and any(not_stream(op) for op in found):
        reasons |= {op: "it is a process among tensors" for op in found if isinstance(op, stream.ProcessOp)}
    return [f"{describe(op)}: {reason}" for op, reason in reasons.items() if reason is not None]


def is_stream(module: ModuleOp) -> bool:
    """
    Whether a module consists of processes.
    """
    return any(isinstance(op, stream.ProcessOp) for op in operations(module)) and not leftovers(module, "stream")


def reached(module: ModuleOp, stage: Stage) -> bool:
    """
    Whether a module has the properties of a stage; a module of processes has only its own.
    """
    if stage == "stream" or is_stream(module):
        return stage == "stream" and is_stream(module)
    return not leftovers(module, stage)


def is_packed(module: ModuleOp) -> bool:
    """
    Whether no tensor of single bits is left (floats may be).
    """
    return not any(holds_element(op, i1) for op in operations(module))


def stage_of(module: ModuleOp) -> Stage:
    """
    The last stage that a module has reached.
    """
    return next(stage for stage in reversed(STAGES) if reached(module, stage))


@dataclass(frozen=True)
class VerifyStagePass(ModulePass):
    """
    Fails unless a module has reached a stage, with one line that names everything left over.
    """

    name = "verify-stage"
    stage: Stage = "folded"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        left = leftovers(op, self.stage) if find_main(op) is not None else []
        if left:
            raise PassFailedException(f"not at [{self.stage}]: " + "; ".join(left))
