"""
Every operation that computes, of both dialects, by the formats of what it reads and makes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType, i1, i64
from xdsl.interpreter import Interpreter
from xdsl.interpreters.func import FuncFunctions
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.rewriter import Rewriter

from blendir.dialects import blend, stream
from blendir.interpreter.blend import BlendFunctions, integer_dtype
from blendir.interpreter.stream import StreamFunctions
from blendir.numerics import Format, Rounding

COUNT = 4
"""Elements of a vector."""
DIALECTS = ("blend", "stream")
Make = Callable[[Sequence[SSAValue]], Any]


def kind(fmt: Format) -> blend.FixedType:
    return blend.FixedType.of(fmt)


def vector(dialect: str, element: Attribute, length: int = COUNT) -> Attribute:
    """
    A vector that is computed on, one position of a stream.
    """
    return TensorType(element, (1, length)) if dialect == "blend" else stream.StreamType(1, 1, length, element, 1)


def parameters(element: Attribute, *shape: int) -> Attribute:
    return TensorType(element, shape)


@dataclass
class Wide:
    """
    An operation in a function of its operands.
    """

    types: Sequence[Attribute]
    make: Make

    def __post_init__(self) -> None:
        self.block = Block(arg_types=self.types)
        self.op = self.make(self.block.args)
        self.block.add_ops([self.op, func.ReturnOp(*self.op.results)])
        results = [v.type for v in self.op.results]
        self.module = ModuleOp([func.FuncOp("main", (list(self.types), results), Region(self.block))])

    def verify(self) -> None:
        self.module.verify()

    def run(self, args: Sequence[Any]) -> Any:
        """
        What the interpreter makes of integers.
        """
        interpreter = Interpreter(self.module)
        for functions in (FuncFunctions(), BlendFunctions(), StreamFunctions()):
            interpreter.register_implementations(functions)
        return interpreter.call_op("main", tuple(args))[0]


def layout(kind: Attribute) -> tuple[Attribute, tuple[int, ...]]:
    """
    The elements and the shape of an operand at run time.
    """
    if isinstance(kind, stream.StreamType):
        return kind.element, (1, kind.positions, kind.length.data)
    return blend.tensor_type(kind).element_type, blend.tensor_type(kind).get_shape()


def values(wide: Wide, rng: np.random.Generator) -> list[Any]:
    """
    Integers of the operands' types, the largest and smallest ones often.
    """
    made: list[Any] = []
    for element, shape in map(layout, wide.types):
        fmt = blend.element_format(element)
        ends = rng.choice(np.array([fmt.low, fmt.high, fmt.low + 1, 0, -1 if fmt.signed else 1], np.int64), shape)
        inner = rng.integers(fmt.low, fmt.high, shape, np.int64, endpoint=True)
        drawn = np.where(rng.random(shape) < 0.6, ends, inner)
        dtype = bool if element == i1 else np.int64 if element == i64 else integer_dtype(fmt.width)
        made.append(drawn.astype(dtype))
    return made


def add(dialect: str, a: Format, b: Format, result: Format, rounding: Rounding = Rounding.HALF_UP) -> Wide:
    types = [vector(dialect, kind(f)) for f in (a, b)]
    if dialect == "blend":
        return Wide(types, lambda v: blend.AddOp(*v, None, vector(dialect, kind(result)), rounding))
    return Wide(types, lambda v: stream.AddOp(*v, kind(result), rounding))


def multiply(dialect: str, a: Format, b: Format, result: Format, rounding: Rounding = Rounding.HALF_UP) -> Wide:
    types = [vector(dialect, kind(f)) for f in (a, b)]
    if dialect == "blend":
        return Wide(types, lambda v: blend.MultiplyOp(*v, None, vector(dialect, kind(result)), rounding))
    return Wide(types, lambda v: stream.MultiplyOp(*v, kind(result), rounding))


def piecewise(
    dialect: str, x: Format, slope: Format, offset: int, result: Format, rounding: Rounding = Rounding.HALF_UP
) -> Wide:
    """
    With offsets of `offset` bits on the grid of the products.
    """
    a, b = kind(slope), kind(Format(offset, x.frac + slope.frac))
    types = [vector(dialect, kind(x)), *(parameters(e, COUNT) for e in (i64, a, b, a, b))]
    if dialect == "blend":
        made = vector(dialect, kind(result))
        return Wide(types, lambda v: blend.PiecewiseLinearOp(v[0], tuple(v[1:]), 1, None, made, rounding))
    return Wide(types, lambda v: stream.PiecewiseLinearOp(v[0], v[1:], kind(result), rounding))


def linear(
    dialect: str, x: Format, weight: Format, bias: int, result: Format, rounding: Rounding = Rounding.HALF_UP
) -> Wide:
    """
    Three sums of COUNT products, with a bias of `bias` bits.
    """
    w, b = kind(weight), kind(Format(bias, x.frac + weight.frac))
    types = [vector(dialect, kind(x)), parameters(w, 3, COUNT)]
    if dialect == "blend":
        return Wide([*types, parameters(b, 3)], lambda v: blend.FixedLinearOp(*v, kind(result), None, rounding))
    classes = ([0], [0])
    return Wide([*types, parameters(b, 3, 1, 1)], lambda v: stream.FixedMvuOp(*v, classes, kind(result), rounding))


def conv(
    dialect: str, x: Format, weight: Format, bias: int, result: Format, rounding: Rounding = Rounding.HALF_UP
) -> Wide:
    """
    Windows of COUNT taps of one channel; at [stream] as `linear`.
    """
    if dialect == "stream":
        return linear(dialect, x, weight, bias, result, rounding)
    types = [
        parameters(kind(x), 1, 1, 2, 3),
        parameters(kind(weight), 3, 1, 2, 2),
        parameters(kind(Format(bias, x.frac + weight.frac)), 3),
    ]
    return Wide(types, lambda v: blend.FixedConv2dOp(*v, (1, 1), (1, 1), kind(result), None, None, rounding))


def layer_norm(
    dialect: str, x: Format, gamma: Format, beta: int, result: Format, epsilon: int = 7, count: int = COUNT
) -> Wide:
    """
    With a beta of `beta` bits on the grid of the products.
    """
    g, b = kind(gamma), kind(Format(beta, 16 + gamma.frac))
    types = [vector(dialect, kind(x), count), parameters(g, count), parameters(b, count)]
    if dialect == "blend":
        return Wide(types, lambda v: blend.FixedLayerNormOp(*v, epsilon, 1, kind(result)))
    return Wide(types, lambda v: stream.LayerNormOp(*v, epsilon, kind(result), Rounding.HALF_UP))


def requantize(dialect: str, x: Format, result: Format, rounding: Rounding = Rounding.HALF_UP) -> Wide:
    types = [vector(dialect, kind(x))]
    if dialect == "blend":
        return Wide(types, lambda v: blend.RequantizeOp(v[0], kind(result), None, rounding))
    return Wide(types, lambda v: stream.RequantizeOp(v[0], kind(result), rounding))


def clamp(dialect: str, x: Format, low: int, high: int) -> Wide:
    types = [vector(dialect, kind(x))]
    return Wide(types, lambda v: (blend if dialect == "blend" else stream).ClampOp(v[0], low, high))


def multi_threshold(dialect: str, x: Format, lowest: int, step: int, result: Format) -> Wide:
    """
    Of three thresholds.
    """
    types = [vector(dialect, kind(x)), parameters(i64, COUNT, 3), parameters(i1, COUNT)]
    if dialect == "stream":
        return Wide(types, lambda v: stream.MultiThresholdOp(*v, lowest, step, kind(result)))

    def make(operands: Sequence[SSAValue]) -> Any:
        op = blend.MultiThresholdOp(*operands, lowest, step)
        Rewriter.replace_value_with_new_type(op.result, vector(dialect, kind(result)))
        return op

    return Wide(types, make)


def lookup(dialect: str, x: Format, result: Format) -> Wide:
    types = [vector(dialect, kind(x)), parameters(kind(result), 1 << x.width)]
    return Wide(types, lambda v: (blend if dialect == "blend" else stream).LookupOp(*v))


def average(dialect: str, x: Format, rows: int, result: Format) -> Wide:
    """
    Of `rows` numbers; at [blend] a divisor of 1, so that units stay.
    """
    if dialect == "blend":
        types = [parameters(kind(x), 1, 1, rows, 1)]
        return Wide(types, lambda v: blend.AvgPool2dOp(v[0], (rows, 1), (rows, 1), (0, 0), 1, kind(result)))
    types = [stream.StreamType(rows, 1, 1, kind(x), 1)]
    return Wide(types, lambda v: stream.PoolOp(v[0], rows, stream.PoolKind.SUM, (1, 1, 1), kind(result)))


def maximum(dialect: str, x: Format) -> Wide:
    if dialect == "blend":
        return Wide([parameters(kind(x), 1, 1, 2, 1)], lambda v: blend.MaxPool2dOp(v[0], (2, 1), (2, 1), (0, 0)))
    types = [stream.StreamType(2, 1, 1, kind(x), 1)]
    return Wide(types, lambda v: stream.PoolOp(v[0], 2, stream.PoolKind.MAX, (1, 1, 1), kind(x)))
