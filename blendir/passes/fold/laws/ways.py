"""
The way from integers to a condition on what is made of them: functions of single elements, and moves in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from blendir.dialects import blend
from blendir.dialects.blend import constant_value, is_real, tensor_type
from blendir.passes.fold.monotone import (
    Clamp,
    Curve,
    ExactAffine,
    ExactBatchNorm,
    Grid,
    Kink,
    Monotone,
    Ray,
    Rounding,
    Rows,
    Step,
    before_rounding,
)
from blendir.passes.ranges.integers import grid_of
from blendir.passes.rewriting import affine_of, of_operand, pieces_of

Uniform = blend.ReluOp | blend.ClampOp | blend.RoundOp | blend.ActivationOp
Function = Uniform | blend.PReluOp | blend.AffineOp | blend.PiecewiseLinearOp | blend.BatchNormOp
Move = blend.TransposeOp | blend.ReshapeOp | blend.TakeOp | blend.MaxPool2dOp | blend.AvgPool2dOp
ZERO, ONE = Fraction(0), Fraction(1)
IDENTITY = ExactAffine(ZERO, ONE, ZERO)


def steps_of(op: Function) -> list[Step]:
    """
    An operation as exact functions, one per channel, or one for all.
    """
    match op:
        case blend.ReluOp():
            return [Clamp(0.0, float("inf"))]
        case blend.ClampOp():
            return [Clamp(float(op.low.value.data), float(op.high.value.data))]
        case blend.RoundOp():
            return [Rounding()]
        case blend.ActivationOp():
            return [Curve(op.function.data)]
        case blend.PReluOp():
            return [
                Kink(ZERO, ExactAffine(ZERO, Fraction(a), ZERO), IDENTITY) for a in constant_value(op.slope).tolist()
            ]
        case blend.AffineOp():
            affine = affine_of(op)
            return [affine.exact(c) for c in range(len(affine.scale))]
        case blend.PiecewiseLinearOp():
            columns = [map(Fraction, v.tolist()) for v in pieces_of(op).arrays]
            lines = zip(*columns, strict=True)
            return [Kink(k, ExactAffine(ZERO, a0, b0), ExactAffine(ZERO, a1, b1)) for k, a0, b0, a1, b1 in lines]
        case blend.BatchNormOp():
            epsilon = Fraction(op.epsilon.value.data)
            columns = [map(Fraction, constant_value(v).tolist()) for v in (op.gamma, op.beta, op.mean, op.variance)]
            return [ExactBatchNorm(g, b, m, v + epsilon) for g, b, m, v in zip(*columns, strict=True)]


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """
    The shape of a tensor.
    """
    return tensor_type(value).get_shape()


def moved(op: Move, index: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """
    The channels that a move's input comes from, moved; -1 where a take fills in. None where a pool mixes them.
    """
    match op:
        case blend.TransposeOp():
            return index.transpose(list(op.permutation.get_values()))
        case blend.ReshapeOp():
            return index.reshape(shape_of(op.result))
        case blend.TakeOp():
            axis, picks = op.axis.value.data, np.array(op.picks)
            filled = np.expand_dims(picks < 0, [d for d in range(index.ndim) if d != axis])
            return np.where(filled, -1, index.take(np.maximum(picks, 0), axis))
        case blend.MaxPool2dOp() | blend.AvgPool2dOp():
            if op.window == (1, 1):
                return index[:, :, :: op.stride[0], :: op.stride[1]]
            if bool((index != index[:, :, :1, :1]).any()):
                return None
            return np.broadcast_to(index[:, :, :1, :1], shape_of(op.result))


def repeated(op: Move, source: SSAValue) -> Move:
    """
    The same move of another value; averages with a divisor that is a power of two.
    """
    if isinstance(op, blend.AvgPool2dOp):
        geometry = op.window, op.stride, op.pads
        return blend.AvgPool2dOp(source, *geometry, power_below(op), layer=op.layer_name, dilation=op.dilations)
    return of_operand(op, source)


def power_below(op: blend.AvgPool2dOp) -> int:
    """
    The largest power of two up to an average's divisor.
    """
    return 1 << (op.divisor.value.data.bit_length() - 1)


@dataclass(frozen=True)
class Way:
    """
    Conditions along `axis` of `moves(value)`, moves first to last, that equal the ones the way began with.

    `functions` counts what has been passed, `gain` is the number of values in an average by its divisor, a power of
    two, and `pools` are the conditions at maxima: they hold of a largest value only if they still run the same way
    before all functions.
    """

    value: SSAValue
    axis: int
    rows: Rows
    moves: tuple[Move, ...] = ()
    functions: int = 0
    gain: Fraction | None = None
    pools: tuple[Rows, ...] = ()

    def channels(self, start: SSAValue, axis: int) -> tuple[int, Rows, list[int]] | None:
        """
        Along which dimension of the end the channels of `start` vary, the rows there, and the channel of each.
        """
        shape = shape_of(start)
        along = [-1 if d == axis else 1 for d in range(len(shape))]
        index = np.broadcast_to(np.arange(shape[axis]).reshape(along), shape)
        for op in self.moves:
            found = moved(op, index)
            if found is None:
                return None
            index = found
        varying = [d for d in range(index.ndim) if bool((index != index.take([0], axis=d)).any())]
        end, rows = self.axis, self.rows
        if varying not in ([], [end]):
            if len(varying) > 1 or varying == [0] or any(row != rows[0] for row in rows):
                return None
            (end,) = varying
            rows = [rows[0]] * index.shape[end]
        return end, rows, np.moveaxis(index, end, 0).reshape(index.shape[end], -1)[:, 0].tolist()

    def before_function(self, op: Function) -> Way | None:
        """
        The way from the input of a function, None where it does not rise or fall.
        """
        steps = steps_of(op)
        if self.gain is not None:
            linear = [s.averaged(self.gain) for s in steps if isinstance(s, ExactAffine | ExactBatchNorm)]
            if len(linear) < len(steps):
                return None
            steps = list[Step](linear)
        axis, rows, picks = self.axis, self.rows, [0] * len(self.rows)
        if any(step != steps[0] for step in steps):
            assert not isinstance(op, Uniform)
            found = self.channels(op.input, op.axis.value.data)
            if found is None:
                return None
            axis, rows, picks = found
        functions = [Monotone([steps[pick]]) for pick in picks]
        if self.gain is None:
            rows = [[before_rounding(c) for c in row] for row in rows]
        passed = [[f.before(c) for c in row] for f, row in zip(functions, rows, strict=True)]
        known = [[c for c in row if c is not None] for row in passed]
        return (
            replace(self, value=op.input, axis=axis, rows=known, functions=self.functions + 1)
            if known == passed
            else None
        )

    def before_move(self, op: Move) -> Way | None:
        """
        The way from the input of a move that may be done after all functions in front of it.
        """
        way = replace(self, value=op.input, moves=(op, *self.moves))
        match op:
            case blend.TakeOp() if min(op.picks) < 0:
                found = self.channels(op.result, op.axis.value.data)
                if found is None:
                    return None
                axis, rows, picks = found
                filled = [
                    [c if op.picks[pick] >= 0 or isinstance(c, bool) else c.holds(ZERO) for c in row]
                    for pick, row in zip(picks, rows, strict=True)
                ]
                return replace(way, axis=axis, rows=filled)
            case blend.MaxPool2dOp() if op.window != (1, 1):
                return replace(way, pools=(*self.pools, self.rows)) if self.gain is None else None
            case blend.AvgPool2dOp():
                if any(op.pads) or self.gain is not None:
                    return None
                divisor = Fraction(op.divisor.value.data)
                exact = Monotone([ExactAffine(ZERO, power_below(op) / divisor, ZERO)])
                rows = [[c for v in row if (c := exact.before(v)) is not None] for row in self.rows]
                return replace(way, rows=rows, gain=Fraction(op.window[0] * op.window[1], power_below(op)))
            case _:
                return way

    def to_integers(self) -> Way | None:
        """
        The way from integers, None where there are none or no function lies on it.
        """
        way: Way | None = self
        while way is not None and is_real(way.value):
            way = way.back()
        return way if way is not None and way.functions and way.keeps_maxima else None

    def back(self) -> Way | None:
        """
        The way from one operation earlier.
        """
        owner = self.value.owner
        if isinstance(owner, Function):
            return self.before_function(owner)
        return self.before_move(owner) if isinstance(owner, Move) else None

    def through(self, kinds: tuple[type, ...], ends: tuple[type, ...] = (Operation,)) -> Way:
        """
        The way from in front of all functions of some kinds up to the last of those in `ends`, by default any.
        """
        way = found = self
        while is_real(way.value) and isinstance(owner := way.value.owner, kinds) and (back := way.back()) is not None:
            way = back
            found = way if isinstance(owner, ends) else found
        return found

    @property
    def keeps_maxima(self) -> bool:
        """
        Whether a maximum before the functions decides as the maximum behind them does.
        """
        pairs = (
            (p, c)
            for rows in self.pools
            for a, b in zip(rows, self.rows, strict=True)
            for p, c in zip(a, b, strict=True)
        )
        return all(isinstance(c, bool) or (isinstance(p, Ray) and p.below == c.below) for p, c in pairs)

    def source(self) -> tuple[list[Operation], SSAValue, Grid | None]:
        """
        The moves again, of the value, their result, and what it can be; None for doubles.
        """
        made: list[Operation] = []
        value, grid = self.value, grid_of(self.value)
        for op in self.moves:
            made.append(move := repeated(op, value))
            value = move.results[0]
        return made, value, None if is_real(value) else grid
