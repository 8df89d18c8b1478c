"""
Functions from tables: every function over all its inputs, and networks through all stages.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from agreement import check_cpp, imported, lowered, named
from bounds import SLOPE
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from modules import Net, names, run_pass
from torch import nn
from xdsl.dialects.builtin import i1

from blendir.dialects import blend
from blendir.dialects.blend import element_format, tensor_type
from blendir.functions import FLAT, FLAT_FROM, LEAST, Function, evaluate
from blendir.interpreter import main_function, run_module
from blendir.numerics import Format
from blendir.passes.fold.fold_bn import FoldBNPass
from blendir.passes.quantize.calibration import ASSUMED_INPUT
from blendir.passes.quantize.functions import LOOKUP_BITS

IN_PYTORCH = {
    Function.SIGMOID: torch.sigmoid,
    Function.TANH: torch.tanh,
    Function.HARDSIGMOID: F.hardsigmoid,
    Function.GELU: F.gelu,
    Function.GELU_TANH: lambda x: F.gelu(x, approximate="tanh"),
    Function.SILU: F.silu,
    Function.HARDSWISH: F.hardswish,
    Function.ELU: F.elu,
    Function.SOFTPLUS: lambda x: F.softplus(x, threshold=100.0),
    Function.MISH: F.mish,
    Function.ERF: torch.erf,
}


def grid(width: int, frac: int) -> np.ndarray:
    """
    All numbers of a format.
    """
    fmt = Format(width, frac)
    return fmt.decode(np.arange(fmt.low, fmt.high + 1))


@pytest.mark.parametrize("function", list(Function))
class TestFunctions:
    def test_equal_pytorch(self, function: Function) -> None:
        x = grid(12, 6)
        want = IN_PYTORCH[function](torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(evaluate(function, x), want, 1e-12, 1e-12)

    def test_slope(self, function: Function) -> None:
        x = grid(14, 8)
        steps = np.abs(np.diff(evaluate(function, x))) * 2**8
        assert 0.98 * SLOPE[function] < steps.max() < SLOPE[function] + 1e-9

    def test_shape(self, function: Function) -> None:
        """
        Functions that rise are flat far out; the others have the sign of their argument and rise above 0.
        """
        x = grid(14, 8)
        y = evaluate(function, x)
        if function in (Function.ELU, Function.SOFTPLUS):
            assert (np.diff(evaluate(function, np.linspace(-20, 20, 8001))) >= 0).all()
        elif function in FLAT_FROM:
            assert (np.diff(y) >= 0).all()
            edges = evaluate(function, [-FLAT_FROM[function], FLAT_FROM[function]])
            assert edges[0] - y[0] < FLAT
            assert y[-1] - edges[1] < FLAT
        else:
            assert ((y >= 0) == (x >= 0))[x > -3].all()
            assert function is Function.HARDSWISH or (y < 0)[(x > -16) & (x < 0)].all()
            assert (np.diff(y[x >= 0]) >= 0).all()
            assert LEAST[function] <= y.min() < LEAST[function] + 1e-2


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("function", list(Function))
def test_error_bound(function: Function, calibrated: bool) -> None:
    """
    Half a unit of the result, and half a unit of the index times the slope, for every index.
    """
    net = Net((2,))
    module = named(net.module(net.add(blend.ActivationOp(net.input, function))))
    size = 2.5 if calibrated else ASSUMED_INPUT
    x = np.linspace(-size, size, 1 << 14).reshape(-1, 2)
    fixed = lowered(module, torch.from_numpy(x), calibrated)["fixed"]
    (lookup,) = [op for op in fixed.walk() if isinstance(op, blend.LookupOp)]
    values = (main_function(fixed).body.block.args[0], lookup.input, lookup.result)
    argument, index, result = (element_format(tensor_type(v).element_type) for v in values)
    assert index.width == LOOKUP_BITS
    exact = evaluate(function, argument.decode(argument.encode(x)))
    flat = FLAT if function in FLAT_FROM else 0
    bound = SLOPE[function] * index.lsb / 2 + result.lsb / 2 + flat
    assert np.abs(run_module(fixed, x) - exact).max() <= bound + 1e-12


def test_narrow_inputs_are_the_index() -> None:
    """
    Every entry of the table is the function rounded once.
    """
    net = Net((1,))
    module = named(net.module(net.add(blend.ActivationOp(net.input, Function.TANH))))
    x = np.linspace(-1, 1, 100)[:, None]
    fixed = lowered(module, torch.from_numpy(x), quantize_bits=7)["fixed"]
    (lookup,) = [op for op in main_function(fixed).body.block.ops if not isinstance(op, blend.ConstantOp)][:1]
    assert isinstance(lookup, blend.LookupOp)
    source, result = (element_format(tensor_type(v).element_type) for v in (lookup.input, lookup.result))
    inputs = np.arange(-64, 64) * source.lsb
    np.testing.assert_array_equal(blend.constant_value(lookup.table), np.rint(np.tanh(inputs) / result.lsb))


@settings(max_examples=8, deadline=None, phases=[Phase.generate])
@given(
    st.sampled_from(list(Function)),
    st.booleans(),
    st.sampled_from([4, 8, 12, 16, 24]),
    st.sampled_from([0.01, 1.0, 60.0]),
)
def test_stages_agree(function: Function, calibrated: bool, bits: int, scale: float) -> None:
    net = Net((3, 2, 2))
    y = net.add(blend.ActivationOp(net.affine(net.input, [0] * 3, [scale, -scale, scale], [0] * 3), function))
    frames = torch.randn(3, 3, 2, 2, generator=torch.Generator().manual_seed(bits), dtype=torch.float64)
    lowered(named(net.module(net.conv(y, outputs=2, kernel=1))), frames, calibrated, quantize_bits=bits)


class TestThresholds:
    """
    A threshold looks through a function.
    """

    @pytest.mark.parametrize("function", list(Function))
    @pytest.mark.parametrize("limit", [0.0, 0.3, 0.5, 0.9])
    def test_the_same_bits(self, function: Function, limit: float) -> None:
        if function is Function.HARDSWISH:
            limit += 0.1  # it is 0 at many places
        net = Net((2,))
        y = net.add(blend.ActivationOp(net.input, function))
        limits, invert = net.constant([limit, limit]), net.constant(np.array([False, True]), i1)
        bits = net.add(blend.ThresholdOp(y, limits, invert))
        module = net.module(net.count(bits))
        folded = run_pass(module, FoldBNPass())
        assert names(folded) == ["threshold", "bits_to_value"]
        x = np.random.default_rng(0).normal(size=(4000, 2)) * 3
        np.testing.assert_array_equal(run_module(folded, x), run_module(module, x))

    def test_what_never_holds(self) -> None:
        net = Net((2,))
        y = net.add(blend.ActivationOp(net.input, Function.SIGMOID))
        bits = net.add(blend.ThresholdOp(y, net.constant([1.5, -0.5]), net.constant(np.array([False, False]), i1)))
        folded = run_pass(net.module(net.count(bits)), FoldBNPass())
        np.testing.assert_array_equal(run_module(folded, np.array([[1e9, -1e9]])), [[-1, 1]])


def test_network(tmp_path: Path) -> None:
    """
    Tables after a convolution and of features, in a design.
    """
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 3, 2), nn.GELU(), nn.Flatten(), nn.Linear(27, 4), nn.Sigmoid(), nn.Linear(4, 3)]
    model, frames = nn.Sequential(*layers).eval(), torch.randn(4, 2, 4, 4)
    build = check_cpp(lowered(imported(model, frames), frames), frames, tmp_path)
    assert "type=rom_2p" in (build.path / "src" / "top.cpp").read_text()
