"""
Whether two computations of a network agree in float64: frames to try, and the values of every operation.

Operations that jump (signs, thresholds, roundings) see operands rounded to TIE_BITS bits of the largest one of the
frame, here and in whatever a module is compared with. So the rounding of float64, which two ways to compute the same
number do not share, decides no jump: a sum that equals a mean stands at its threshold on both sides.

How far rounding alone may move a value is measured, in the way of stochastic arithmetic (Vignes, 1993): the module runs
a second time with operands and results of everything that rounds moved by a few units of their last place.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from blendir.dialects import blend
from blendir.dialects.blend import PIXELS, BlendOp, ConstantOp, KeepsFormat, element_format, is_real
from blendir.interpreter import input_type, main_function, output_names, returned_values
from blendir.interpreter.run import Array, encode_input, interpreter_of
from blendir.numerics import shifted

CLOSE = 1e-9
"""What may differ, relative to the largest value of the frame's channel."""
SHAKE, NOISE = 2.0**-50, 2.0**9
"""By how much results are moved, relative to themselves, and how often that is allowed as a difference."""
APART = 3.0
"""How much further other operands are moved, so that a number and a mean that equals it do not stay equal."""
TIE_BITS = 44
PROBE_ELEMENTS = 4096
"""Of all random frames, where one has fewer."""
EXACT = (ConstantOp, KeepsFormat, blend.BitsToValueOp, blend.ReluOp, blend.ClampOp, blend.RoundOp, blend.ArgmaxOp)
PRODUCTS = (blend.Conv2dOp, blend.LinearOp)
LEVELS = (blend.MultiThresholdOp, blend.RoundOp, blend.ArgmaxOp)
JUMPS = (blend.SignOp, blend.ThresholdOp, blend.PiecewiseLinearOp, *LEVELS)

Bools = NDArray[np.bool_]


def probe_frames(module: ModuleOp) -> Array:
    """
    Seeded random frames [N, ..] for the input of a module of floats, from one to eight of them.

    Floats are of both signs and of scales 1 and 16, a quarter of them zeros; of pixels a quarter are the least or the
    greatest.
    """
    kind = input_type(module)
    size = kind.get_shape()[1:]
    shape = (min(max(PROBE_ELEMENTS // max(1, math.prod(size)), 1), 8), *size)
    rng = np.random.default_rng(0)
    plain = rng.random(shape) < 0.75
    if (pixels := PIXELS.get(kind.element_type)) is not None:
        fmt = element_format(kind.element_type)
        drawn = rng.integers(fmt.low, fmt.high + 1, shape)
        ends = np.where(drawn > (fmt.low + fmt.high) // 2, fmt.high, fmt.low)
        return np.where(plain, drawn, ends).astype(pixels)
    return rng.normal(size=shape) * plain * rng.choice([1.0, 16.0], shape)


def coarse(x: Array, peak: Array) -> Array:
    """
    Numbers [N, ..] rounded to TIE_BITS bits below the largest power of two that `peak` [N] reaches.
    """
    exponent = (TIE_BITS - np.frexp(peak)[1]).reshape(-1, *[1] * (x.ndim - 1))
    return shifted(np.rint(shifted(x, exponent)), -exponent)


def peaks(x: Array) -> Array:
    """
    The largest finite magnitude of each frame [N, ..], 0 where there is none.
    """
    flat = np.abs(x.reshape(len(x), -1).astype(np.float64, copy=False))
    highest = flat.max(axis=1, initial=0.0)
    return highest if np.isfinite(highest).all() else np.where(np.isfinite(flat), flat, 0).max(axis=1, initial=0.0)


class Values:
    """
    What every operation of a module computes on frames [N, ..], run in one piece; later rewritings of the module do not
    change it.
    """

    def __init__(self, module: ModuleOp, x: Array):
        block = main_function(module).body.block
        self.module, self.frames, self.interpreter = module, x, interpreter_of(module)
        self.seen: dict[SSAValue, Array] = {block.args[0]: encode_input(x, input_type(module))}
        self.bits: dict[str, Array] = {}
        """The results of comparisons by layer, in order."""
        self.decided_by_rounding = np.zeros(len(x), bool)
        """Frames in which a jump would go another way on unrounded operands."""
        with np.errstate(all="ignore"):
            for op in block.ops:
                if isinstance(op, BlendOp):
                    self.run(op)
        self.returned = returned_values(module)
        """The outputs."""
        self.names = [last_layer(value, name) for value, name in zip(self.returned, output_names(module), strict=True)]

    def run(self, op: BlendOp) -> None:
        """
        Computes the result of one operation.
        """
        args = tuple(self.seen[v] for v in op.operands)
        (result,) = self.interpreter.run_op(op, args)
        if jumps(op):
            raw, (result,) = result, self.interpreter.run_op(op, (coarse(args[0], peaks(args[0])), *args[1:]))
            self.decided_by_rounding |= jumped(op, raw, result)
        self.seen[op.results[0]] = result
        if isinstance(op, blend.SignOp | blend.ThresholdOp):
            self.bits[op.layer_name] = result

    @cached_property
    def moved(self) -> dict[SSAValue, Array]:
        """
        The same with moved operands and results; the module must be what it was.
        """
        rng, block = np.random.default_rng(0), main_function(self.module).body.block
        moved: dict[SSAValue, Array] = {block.args[0]: self.seen[block.args[0]]}
        with np.errstate(all="ignore"):
            for op in block.ops:
                if not isinstance(op, BlendOp):
                    continue
                args = tuple(moved[v] for v in op.operands)
                if jumps(op):
                    args = (coarse(args[0], peaks(args[0])), *args[1:])
                rounds = is_real(op.results[0]) and not isinstance(op, EXACT)
                if rounds:
                    weights = args[1:2] if isinstance(op, PRODUCTS) else ()
                    others = args[1 + len(weights) :]
                    args = (shaken(args[0], rng), *weights, *(shaken(a, rng, APART) for a in others))
                (result,) = self.interpreter.run_op(op, args)
                moved[op.results[0]] = shaken(result, rng) if rounds else result
        return moved

    @cached_property
    def uncertain(self) -> Bools:
        """
        Frames in which a jump might go another way with other rounding; the module must be what it was.
        """
        found = np.zeros(len(self.frames), bool)
        for op in main_function(self.module).body.block.ops:
            if isinstance(op, BlendOp) and jumps(op):
                x, *rest = (self.seen[v] for v in op.operands)
                reach = NOISE * peaks(self.moved[op.operands[0]] - x).reshape(-1, *[1] * (x.ndim - 1))
                x = coarse(x, peaks(x))
                reach = towards_others(op, x, reach) if isinstance(op, blend.ArgmaxOp) else reach
                below, above = (self.interpreter.run_op(op, (x + r, *rest))[0] for r in (-reach, reach))
                found |= jumped(op, below, above)
        return found

    @property
    def outputs(self) -> list[Array]:
        """
        The outputs [N, ..].
        """
        return [self.seen[value] for value in self.returned]

    def noise(self, value: SSAValue) -> Array:
        """
        By how much rounding may have changed each channel of a value in any frame, [1, C]: a few numbers may happen
        not to move, so that it is no less than the mean over all channels.
        """
        with np.errstate(all="ignore"):
            change = np.nan_to_num(np.abs(by_channel(self.moved[value]) - by_channel(self.seen[value])))
        mean = change.mean(axis=(1, 2)).max(initial=0.0)
        return NOISE * np.maximum(change.max(axis=(0, 2), initial=0.0), mean)[None]

    def differs(self, value: SSAValue, want: Array) -> Bools:
        """
        In which frames a value is not what it should be, beyond rounding; numbers that should not be finite are not
        compared.
        """
        wrong = differs(self.seen[value], want, 0.0)
        return differs(self.seen[value], want, self.noise(value)) if wrong.any() else wrong


def last_layer(value: SSAValue, otherwise: str) -> str:
    """
    The layer that makes an output.
    """
    owner = value.owner
    return owner.layer_name if isinstance(owner, BlendOp) and owner.layer is not None else otherwise


def shaken(x: Array, rng: np.random.Generator, times: float = 1.0) -> Array:
    """
    Floats moved up or down by at least half of SHAKE and at most all of it, so many times; others as they are.
    """
    if x.dtype.kind != "f":
        return x
    drawn = rng.uniform(-0.5, 0.5, x.shape)
    return x * (1 + times * SHAKE * (drawn + np.copysign(0.5, drawn)))


def by_channel(x: Array) -> Array:
    """
    Numbers [N, C, ..] as [N, C, elements].
    """
    return x.astype(np.float64, copy=False).reshape(len(x), x.shape[1] if x.ndim > 1 else 1, -1)


def towards_others(op: blend.ArgmaxOp, x: Array, reach: Array) -> Array:
    """
    What must be added to elements, each moved by a reach, so that neighbors in their order may change places: added or
    subtracted, it brings every second one nearer to the one before or behind it.
    """
    axis = op.axis.value.data
    ranks = np.argsort(np.argsort(-x, axis=axis, kind="stable"), axis=axis)
    return np.where(ranks % 2 == 0, -reach, reach)


def jumps(op: Operation) -> bool:
    """
    Whether an operation jumps somewhere on floats.
    """
    return isinstance(op, JUMPS) and is_real(op.operands[0])


def jumped(op: Operation, raw: Array, settled: Array) -> Bools:
    """
    In which frames a result is another one, not only a rounding apart.
    """
    if isinstance(op, blend.PiecewiseLinearOp) and is_real(op.results[0]):
        return differs(settled, raw, 0.0)
    return (raw != settled).reshape(len(raw), -1).any(axis=1)


def differs(got: Array, want: Array, noise: Array | float) -> Bools:
    """
    In which frames numbers [N, C, ..] differ by more than CLOSE of the channel and the noise [1, C].
    """
    if np.array_equal(got, want):
        return np.zeros(len(got), bool)
    got, want = by_channel(got), by_channel(want)
    finite = np.isfinite(want)
    with np.errstate(all="ignore"):
        limit = CLOSE * np.where(finite, np.abs(want), 0).max(axis=2, initial=0.0) + noise
        wrong = ~(np.abs(got - want) <= limit[:, :, None]) & finite
    return wrong.any(axis=(1, 2))


def certain(before: Values, after: Values) -> Bools:
    """
    Frames in which rounding decided no jump.
    """
    return ~before.decided_by_rounding & ~after.decided_by_rounding


def agree(before: Values, after: Values) -> bool:
    """
    Whether all outputs of two modules are the same, so that rounding need not be measured.
    """
    pairs = zip(after.outputs, before.outputs, strict=True)
    return not any((differs(got, want, 0.0) & certain(before, after)).any() for got, want in pairs)


def first_difference(before: Values, after: Values) -> str | None:
    """
    The first layer from which on the output of a rewritten module of floats differs, None where it does not.

    Layers in between may be scaled differently: bits and the output are what must agree. Frames in which rounding
    decided a jump say nothing. Both modules must be what they were.
    """
    if agree(before, after):
        return None
    wrong, last = np.zeros(len(before.frames), bool), ""
    for old, new, layer in zip(before.returned, after.returned, after.names, strict=True):
        noise = before.noise(old) + after.noise(new)
        found = differs(after.seen[new], before.seen[old], noise) & certain(before, after)
        last = layer if found.any() and not last else last
        wrong |= found
    if not wrong.any():
        return None
    for layer, bits in after.bits.items():
        known = before.bits.get(layer)
        if known is not None and known.shape == bits.shape:
            if ((known != bits).reshape(len(bits), -1).any(axis=1) & wrong).any():
                return layer
    return last
