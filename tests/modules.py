"""
Small modules made with the Python API of the dialects, and what tests ask of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import Builtin, ModuleOp, TensorType, f64, i1
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.parser import Parser
from xdsl.passes import ModulePass

from blendir import lower, run
from blendir.dialects import blend
from blendir.hardware.schedule import SchedulePass
from blendir.numerics import PadMode
from blendir.passes.fold.fold_bn import FoldBNPass
from blendir.universe import BLENDIR_UNIVERSE

Reals = NDArray[np.float64]


class Net:
    """
    A function `@main` under construction; every method adds an operation and returns its value.
    """

    def __init__(self, shape: Sequence[int], element: Attribute = f64, seed: int = 0):
        self.block = Block(arg_types=[TensorType(element, (1, *shape))])
        self.input: SSAValue = self.block.args[0]
        self.rng = np.random.default_rng(seed)

    def module(self, result: SSAValue) -> ModuleOp:
        """
        The module that returns a value, verified.
        """
        self.block.add_op(func.ReturnOp(result))
        main = func.FuncOp("main", ([self.input.type], [result.type]), Region(self.block))
        module = ModuleOp([main])
        module.verify()
        return module

    def add(self, op: Operation) -> SSAValue:
        """
        Any operation.
        """
        self.block.add_op(op)
        return op.results[0]

    def constant(self, values: Any, element: Attribute = f64) -> SSAValue:
        """
        A constant.
        """
        return self.add(blend.ConstantOp.from_numpy(np.asarray(values), element))

    def reals(self, *values: Any) -> tuple[SSAValue, ...]:
        """
        Float constants.
        """
        return tuple(self.constant(np.asarray(v, np.float64)) for v in values)

    def norm(
        self,
        x: SSAValue,
        gamma: Any = None,
        beta: Any = None,
        mean: Any = None,
        variance: Any = None,
        epsilon: float = 1e-5,
        axis: int = 1,
    ) -> SSAValue:
        """
        A batch normalization; what is not given is random, gamma of either sign.
        """
        channels = blend.tensor_type(x).get_shape()[axis]
        normal = self.rng.normal
        defaults = (normal(size=channels), normal(size=channels), normal(size=channels) * 2)
        drawn = [*defaults, self.rng.uniform(0.3, 3, channels)]
        given = [d if v is None else v for v, d in zip((gamma, beta, mean, variance), drawn, strict=True)]
        return self.add(blend.BatchNormOp(x, *self.reals(*given), epsilon, axis))

    def affine(self, x: SSAValue, center: Any, scale: Any, offset: Any, axis: int = 1) -> SSAValue:
        """
        An affine.
        """
        return self.add(blend.AffineOp(x, *self.reals(center, scale, offset), axis=axis))

    def conv(
        self,
        x: SSAValue,
        weight: Any = None,
        bias: Any = None,
        stride: int = 1,
        pad: int = 0,
        pad_values: Any = None,
        outputs: int = 2,
        kernel: int = 3,
    ) -> SSAValue:
        """
        A convolution; random where weights are not given.
        """
        channels = blend.tensor_type(x).get_shape()[1]
        w = self.rng.normal(size=(outputs, channels, kernel, kernel)) if weight is None else np.asarray(weight)
        b = self.rng.normal(size=len(w)) if bias is None else bias
        values = None if pad_values is None else self.reals(pad_values)[0]
        return self.add(blend.Conv2dOp(x, *self.reals(w, b), (stride, stride), (pad, pad), values))

    def binary_conv(
        self,
        bits: SSAValue,
        weight: NDArray[np.bool_],
        stride: int = 1,
        pad: int = 0,
        mode: PadMode = PadMode.ZERO_EXACT,
    ) -> SSAValue:
        """
        A binary convolution.
        """
        w = self.constant(weight, i1)
        return self.add(blend.BinaryConv2dOp(bits, w, (stride, stride), (pad, pad), mode))

    def random_bits(self, *shape: int) -> NDArray[np.bool_]:
        """
        Random bits.
        """
        return self.rng.integers(0, 2, shape).astype(np.bool_)

    def sign(self, x: SSAValue) -> SSAValue:
        """
        Bits.
        """
        return self.add(blend.SignOp(x))

    def count(self, x: SSAValue) -> SSAValue:
        """
        An accumulator or bits as floats, so that it can be returned or normalized.
        """
        if blend.tensor_type(x).element_type == i1:
            return self.add(blend.BitsToValueOp(x))
        channels = blend.tensor_type(x).get_shape()[1]
        return self.affine(x, np.zeros(channels), np.ones(channels), np.zeros(channels))


def run_pass(module: ModuleOp, *passes: ModulePass) -> ModuleOp:
    """
    A verified copy after passes.
    """
    result = module.clone()
    for step in passes:
        step.apply(Context(), result)
        result.verify()
    return result


def names(module: ModuleOp) -> list[str]:
    """
    The operations of `@main` but constants and the return, without the dialect.
    """
    skipped = ("builtin.module", "func.func", "func.return", "blend.constant")
    return [op.name.split(".")[1] for op in module.walk() if op.name not in skipped]


def parsed(text: str) -> ModuleOp:
    """
    A verified module from text.
    """
    ctx = Context()
    ctx.load_dialect(Builtin)
    ctx.load_dialect(func.Func)
    for name, factory in BLENDIR_UNIVERSE.all_dialects.items():
        ctx.register_dialect(name, factory)
    module = Parser(ctx, text).parse_module()
    module.verify()
    return module


def reparsed(module: ModuleOp) -> ModuleOp:
    """
    A module through its text.
    """
    return parsed(str(module))


def scheduled(module: ModuleOp, fps: float | None = None) -> ModuleOp:
    """
    A scheduled copy.
    """
    return run_pass(module, SchedulePass(fps))


def residual_network(rows: int, columns: int, channels: int, blocks: int = 1) -> ModuleOp:
    """
    Blocks `z + prelu(bn(bconv(sign(z))))`.
    """
    net = Net((channels, rows, columns))
    z = net.input
    for _ in range(blocks):
        v = net.binary_conv(net.sign(z), net.random_bits(channels, channels, 3, 3), 1, 1)
        y = net.norm(net.add(blend.PReluOp(net.norm(net.count(v)), *net.reals([0.25] * channels))))
        z = net.add(blend.AddOp(y, z))
    frames = net.rng.normal(size=(4, channels, rows, columns))
    return lower(net.module(z), "stream", frames)


def input_of(module: ModuleOp) -> SSAValue:
    """
    The input of `@main`.
    """
    (main,) = [op for op in module.walk() if isinstance(op, func.FuncOp)]
    return main.body.block.args[0]


def output_of(module: ModuleOp) -> SSAValue:
    """
    The result of `@main`.
    """
    (result,) = [op.operands[0] for op in module.walk() if isinstance(op, func.ReturnOp)]
    return result


def unit_of(value: SSAValue) -> float:
    """
    The unit of a value's integers.
    """
    element = blend.tensor_type(value).element_type
    return blend.element_format(element).lsb if isinstance(element, blend.FixedType) else 1.0


def frames(shape: tuple[int, ...], count: int = 4, seed: int = 0) -> Reals:
    """
    Normally distributed frames.
    """
    return np.random.default_rng(seed).normal(size=(count, *shape))


def folds(net: Net, result: SSAValue, x: Reals, *left: str, residual: str = "renormalize") -> ModuleOp:
    """
    Folds a net, compares it with itself and the operations with those expected.
    """
    before = net.module(result)
    after = run_pass(before, FoldBNPass(residual))  # pyright: ignore[reportArgumentType]
    y, folded = run(before, x), run(after, x)
    assert np.allclose(y, folded, rtol=1e-9, atol=1e-9 * np.abs(y).max(initial=1e-3))
    assert names(after) == list(left)
    return after
