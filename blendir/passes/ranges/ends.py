"""
The ends that matter of values: beyond them all that reads a value is constant, so that a format need not reach there.
"""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from blendir.dialects import blend
from blendir.functions import FLAT_BELOW, FLAT_FROM, evaluate
from blendir.interpreter import main_function
from blendir.passes.rewriting import affine_of, pieces_of

Ends = tuple[float, float]
EVERYWHERE: Ends = (-math.inf, math.inf)
PARTS = 65
"""Points between x and 2 x at which an activation is tried."""


def ends_that_matter(module: ModuleOp) -> dict[SSAValue, Ends]:
    """
    For every value the ends beyond which all that reads it is constant.
    """
    block = main_function(module).body.block
    found: dict[SSAValue, Ends] = {}
    values = [*block.args, *(value for op in block.ops for value in op.results)]
    for value in reversed(values):
        readers = [use.operation for use in value.uses]
        found[value] = hull([infer_ends(op, found[op.results[0]] if op.results else EVERYWHERE) for op in readers])
    return found


def hull(ends: list[Ends]) -> Ends:
    """
    The ends that matter to any of several readers.
    """
    return min((low for low, _ in ends), default=-math.inf), max((high for _, high in ends), default=math.inf)


@singledispatch
def infer_ends(op: Operation, outer: Ends) -> Ends:
    """
    The ends of an operation's input beyond which its result is constant, or beyond the ends `outer` that matter of it.
    Without a rule all of it matters.
    """
    return EVERYWHERE


@infer_ends.register(blend.KeepsFormat)
def ends_kept(op: blend.KeepsFormat, outer: Ends) -> Ends:
    return outer


@infer_ends.register(blend.ClampOp)
def ends_of_clamp(op: blend.ClampOp, outer: Ends) -> Ends:
    return op.low.value.data, op.high.value.data


@infer_ends.register(blend.AffineOp)
def ends_of_affine(op: blend.AffineOp, outer: Ends) -> Ends:
    """
    Where the line of some channel is outside.
    """
    affine = affine_of(op)
    lines = zip(affine.scale.tolist(), affine.shift.tolist(), strict=True)
    return hull([through(-math.inf, a, b, a, b, outer) for a, b in lines])


@infer_ends.register(blend.PiecewiseLinearOp)
def ends_of_pieces(op: blend.PiecewiseLinearOp, outer: Ends) -> Ends:
    """
    Where the outer piece of some channel is flat or outside.
    """
    columns: list[list[float]] = np.stack(pieces_of(op).arrays, axis=1).tolist()
    return hull([through(k, a0, b0, a1, b1, outer) for k, a0, b0, a1, b1 in columns])


@infer_ends.register(blend.ActivationOp)
def ends_of_activation(op: blend.ActivationOp, outer: Ends) -> Ends:
    """
    Where the function is flat or outside.
    """
    function = op.function.data
    if function in FLAT_FROM:
        return -FLAT_FROM[function], FLAT_FROM[function]
    low, high = FLAT_BELOW[function], max(outer[1], 0.0)
    if math.isinf(high):
        return low, high
    points = np.linspace(high, 2 * high, PARTS)  # x / 2 <= f(x) <= x, and f rises
    beyond = evaluate(function, points) >= high
    return low, float(points[beyond][0]) if beyond.any() else 2 * high


def through(k: float, a0: float, b0: float, a1: float, b1: float, outer: Ends) -> Ends:
    """
    The x beyond which `x >= k ? a1 * x + b1 : a0 * x + b0` is constant or outside `outer`; everywhere for a function
    that rises on one side of k and falls on the other.
    """
    low, high = outer
    if math.isinf(k):
        k, a0, b0, a1, b1 = (0.0, a1, b1, a1, b1) if k < 0 else (0.0, a0, b0, a0, b0)
    if a0 <= 0 and a1 <= 0:
        a0, b0, a1, b1, low, high = -a0, -b0, -a1, -b1, -high, -low
    if a0 < 0 or a1 < 0:
        return EVERYWHERE
    below, above = (low - b0) / a0 if a0 else k, (high - b1) / a1 if a1 else k
    if below >= k:
        below = max(k, (low - b1) / a1) if a1 else k
    if above < k:
        above = min(k, (high - b0) / a0) if a0 else k
    return below, above
