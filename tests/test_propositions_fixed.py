"""
The propositions about fixed point: error bounds (P12) and bits that are exact on a condition (P13).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from modules import Net, Reals, frames, input_of, names, output_of, run_pass, unit_of
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, i1
from xdsl.ir import Operation, SSAValue

from blendir import compile, lower, run
from blendir.dialects import blend
from blendir.numerics import Rounding
from blendir.passes.fold.fold_bn import FoldBNPass


def exact_of(op: Operation, source: Reals, other: Reals) -> Reals:
    """
    An operation on the real values of its first two operands, as floats.
    """
    parameters = [blend.constant_value(v) * unit_of(v) for v in op.operands if is_constant(v)]
    match op:
        case blend.PiecewiseLinearOp():
            _, a0, b0, a1, b1 = parameters
            k = blend.constant_value(op.breakpoint) * unit_of(op.input)
            return np.where(source >= k, a1 * source + b1, a0 * source + b0)
        case blend.FixedLinearOp():
            weight, bias = parameters
            return source @ weight.T + bias
        case _:
            assert isinstance(op, blend.AddOp)
            return source + other


def is_constant(value: SSAValue) -> bool:
    return isinstance(value.owner, blend.ConstantOp)


class TestP12ErrorBounds:
    """
    Fixed point: every operation, given the operands it really had, is within half a unit of the exact value, or of the
    end of its format where that lies beyond.
    """

    @pytest.mark.parametrize("rounding", ["half_up", "half_even"])
    @pytest.mark.parametrize("bits", [8, 12, 16])
    def test_teacher_forced(self, rounding: str, bits: int) -> None:
        net = Net((4,))
        y = net.add(blend.LinearOp(net.input, *net.reals(net.rng.normal(size=(4, 4)), [0.1, 0.2, -0.3, 0.0])))
        z = net.norm(net.add(blend.PReluOp(net.norm(y), *net.reals([0.25, -0.5, 2.0, 0.0]))))
        module = net.module(net.add(blend.AddOp(z, net.input)))
        x = frames((4,), 64)  # one chunk
        fixed = lower(module, "fixed", x, quantize_bits=bits, quantize_skip_bits=bits, quantize_rounding=rounding)
        seen: dict[SSAValue, NDArray[Any]] = {input_of(fixed): run_input(fixed, x)}

        def observe(op: Operation, index: int, value: NDArray[Any]) -> None:
            seen[op.results[index]] = value

        run(fixed, x, observe)
        assert names(fixed) == ["fixed_linear", "piecewise_linear", "add"]
        for value, integers in seen.items():
            op = value.owner
            if isinstance(op, blend.BlendOp):
                operands = [seen[v] * unit_of(v) for v in op.operands if v in seen]
                exact = exact_of(op, operands[0], operands[-1]) / unit_of(value)
                fmt = blend.element_format(blend.tensor_type(value).element_type)
                assert np.abs(integers - exact.clip(fmt.low, fmt.high)).max() <= 0.5 + 1e-6, op.name

    def test_end_to_end_bound(self) -> None:
        """
        Without signs on the way the errors add up linearly with the gains.
        """
        net = Net((4,))
        module = net.module(net.norm(net.add(blend.PReluOp(net.input, *net.reals([0.25, -0.5, 2.0, 1.0])))))
        x = frames((4,), 300)
        fixed = lower(module, "fixed", x)
        (pieces,) = [op for op in run_pass(module, FoldBNPass()).walk() if isinstance(op, blend.PiecewiseLinearOp)]
        gain = max(np.abs(blend.constant_value(v)).max() for v in (pieces.slope0, pieces.slope1))
        bound = gain * unit_of(input_of(fixed)) / 2 + 0.75 * unit_of(output_of(fixed))
        assert np.abs(run(fixed, x) - run(module, x)).max() <= bound

    @pytest.mark.parametrize("behind", ["bias", "conv", "norm", "prelu and norm"])
    def test_constants_far_above_the_products(self, behind: str, tmp_path: Path) -> None:
        """
        Products of 1e-18 with constants of 1: on their own grid the constants would need some 80 bits.
        """
        net = Net((2, 2, 2))
        weight, constants = net.rng.normal(size=(2, 2, 1, 1)), [1.0, -0.75]
        y = net.conv(net.input, 1e-18 * weight, constants if behind == "bias" else [0.0, 0.0])
        if behind == "conv":
            y = net.conv(y, weight, constants)
        if behind.startswith("prelu"):
            y = net.add(blend.PReluOp(y, *net.reals([0.25, 0.5])))
        if behind.endswith("norm"):
            y = net.affine(y, [0.0, 0.0], [1.0, 2.0], constants)
        module, x = net.module(y), frames((2, 2, 2), 8)
        build = compile(module, tmp_path / "design", calibration=x)
        got = run(build.module, x)
        assert np.abs(got - run(module, x)).max() <= unit_of(output_of(lower(module, "fixed", x)))
        if behind == "prelu and norm":
            assert np.array_equal(build.csim(x), got)

    def test_bits_beside_reals_leave_them_their_bits(self) -> None:
        net = Net((3,))
        module = net.module(net.add(blend.ConcatOp([net.count(net.sign(net.input)), net.input])))
        x = frames((3,), 100)
        fixed = lower(module, "fixed", x)
        assert np.abs(run(fixed, x) - run(module, x)).max() <= unit_of(output_of(fixed)) / 2 < 1e-3
        assert blend.element_format(blend.tensor_type(output_of(fixed)).element_type).width == 16

    @pytest.mark.parametrize(("rounding", "expected"), [("half_up", [1, 1, 2, 0]), ("half_even", [0, 1, 2, 0])])
    def test_ties(self, rounding: str, expected: list[int]) -> None:
        net = Net((4,), blend.FixedType(8, 7))
        y = net.add(blend.RequantizeOp(net.input, blend.FixedType(8, 8), rounding=Rounding(rounding)))
        x = np.array([[0.5, 1.0, 1.5, -0.5]])
        assert run(net.module(y), x).tolist() == [expected]

    def test_saturation(self) -> None:
        net = Net((2,), blend.FixedType(8, 8))
        module = net.module(net.add(blend.RequantizeOp(net.input, blend.FixedType(4, 4))))
        assert run(module, np.array([[100.0, -100.0]])).tolist() == [[7.0, -8.0]]


def run_input(module: ModuleOp, x: Reals) -> Reals:
    """
    The integers that enter a fixed-point module.
    """
    kind = blend.tensor_type(input_of(module))
    return blend.element_format(kind.element_type).encode(x).astype(np.float64)


class TestP13ConditionalExactness:
    def test_bits_agree_where_the_margin_exceeds_the_error(self) -> None:
        net = Net((6,))
        z = net.norm(net.input, net.rng.uniform(0.5, 2, 6))
        bits = net.sign(z)
        v = net.add(blend.BinaryLinearOp(bits, net.constant(net.random_bits(3, 6), i1)))
        module = net.module(net.count(v))
        x = frames((6,), 500)
        fixed = lower(module, "fixed", x, quantize_bits=6)
        quantum = unit_of(input_of(fixed))
        (limits,) = [
            blend.constant_value(op.threshold)
            for op in run_pass(module, FoldBNPass()).walk()
            if isinstance(op, blend.ThresholdOp)
        ]
        safe = (np.abs(x - limits) > quantum / 2).all(axis=1)
        y, y_fixed = run(module, x), run(fixed, x)
        assert 0 < safe.sum() < len(x)
        assert np.array_equal(y[safe], y_fixed[safe])
        assert (y != y_fixed).any()  # coarse formats do flip bits near the threshold
        assert ((y - y_fixed) % 2 == 0).all()  # each flip moves an accumulator by 2
