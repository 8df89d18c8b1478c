"""
Networks whose values need many bits: what `quantize` makes of them, and the C++ of wide numbers and long loops.
"""

import re
import subprocess
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from agreement import named
from draws import Draws
from hls_library.building import INCLUDE
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from integers import format_of, traced
from modules import Net
from torch import Tensor, nn
from wide_operations import kind, vector
from xdsl.dialects.builtin import ModuleOp, i64
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

import blendir
from blendir import widths
from blendir.backends.hls import xnor_project
from blendir.dialects import blend, stream
from blendir.functions import Function
from blendir.interpreter import run_module
from blendir.interpreter.run import encode_input, input_type
from blendir.numerics import Format
from blendir.passes.quantize.formats import Formats
from blendir.passes.quantize.quantize import quantize


class Pools(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(F.avg_pool2d(F.avg_pool2d(x, 64), 8), 0.1)


def test_averages_of_averages_do_not_wrap():
    x = np.random.default_rng(0).uniform(0.9, 1.0, (1, 1, 512, 512)).astype(np.float32)
    module = blendir.from_torch(Pools().eval(), torch.from_numpy(x))
    fixed = blendir.lower(module, "fixed", x, quantize_bits=24, quantize_skip_bits=24)
    assert blendir.run(fixed, x).item() == pytest.approx(x.astype(np.float64).mean(), abs=1e-6)


def test_a_branch_of_vanishing_values_builds(tmp_path: Path):
    x = np.random.default_rng(0).uniform(-1, 1, (3, 2, 4, 4)).astype(np.float32)

    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.large, self.small = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.large(x), self.small(x)], 1)

    model = Branches().eval()
    with torch.no_grad():
        model.small.weight.mul_(1e-20)
    build = blendir.compile(blendir.from_torch(model, torch.from_numpy(x[:1])), tmp_path / "out", calibration=x)
    result = build.csim(x)
    assert (result == blendir.run(build.module, x)).all()
    assert not result[:, 2:].any()


class Deep(Draws):
    """
    Draws networks of float operations that make values wide.
    """

    def network(self) -> tuple[ModuleOp, np.ndarray]:
        """
        A module, and frames for it.
        """
        net = Net((2, 10, 10), seed=self.random.randrange(1 << 30))
        x = self.scaled(net, net.input)
        self.products = 0
        for _ in range(self.random.randint(3, 9)):
            x = self.random.choice(
                (self.average, self.average, self.average, self.conv, self.slopes, self.sum, self.product, self.clamp,
                 self.concat, self.norm, self.function, self.dead)
            )(net, x)  # fmt: skip
        return named(net.module(x)), net.rng.normal(size=(3, 2, 10, 10))

    def power(self) -> float:
        return 10.0 ** self.random.choice((-12, -6, 0, 0, 6, 12))

    def average(self, net: Net, x: SSAValue) -> SSAValue:
        """
        Several in a row: 6 bits each.
        """
        for _ in range(min(self.random.randint(1, 4), blend.tensor_type(x).get_shape()[2] - 2)):
            x = net.add(blend.AvgPool2dOp(x, (8, 8), (1, 1), (3, 3), 64))
        return x

    def conv(self, net: Net, x: SSAValue) -> SSAValue:
        channels = blend.tensor_type(x).get_shape()[1]
        weight = net.rng.normal(size=(2, channels, 1, 1)) * self.power()
        return net.conv(x, weight, net.rng.normal(size=2) * self.power())

    def slopes(self, net: Net, x: SSAValue) -> SSAValue:
        (slope,) = net.reals(net.rng.uniform(-1, 1, blend.tensor_type(x).get_shape()[1]))
        return net.add(blend.PReluOp(x, slope))

    def scaled(self, net: Net, x: SSAValue) -> SSAValue:
        channels = blend.tensor_type(x).get_shape()[1]
        return net.affine(x, np.zeros(channels), np.full(channels, self.power()), np.zeros(channels))

    def sum(self, net: Net, x: SSAValue) -> SSAValue:
        return net.add(blend.AddOp(x, self.scaled(net, x)))

    def product(self, net: Net, x: SSAValue) -> SSAValue:
        self.products += 1
        return net.add(blend.MultiplyOp(x, self.scaled(net, x))) if self.products < 3 else x

    def clamp(self, net: Net, x: SSAValue) -> SSAValue:
        bound = self.power()
        return net.add(blend.ClampOp(x, -bound, bound * 0.75))

    def concat(self, net: Net, x: SSAValue) -> SSAValue:
        return net.add(blend.ConcatOp([x, self.scaled(net, x)], 1)) if blend.tensor_type(x).get_shape()[1] < 4 else x

    def norm(self, net: Net, x: SSAValue) -> SSAValue:
        channels = blend.tensor_type(x).get_shape()[1]
        parameters = net.reals(net.rng.normal(size=channels), net.rng.normal(size=channels) * self.power())
        return net.add(blend.LayerNormOp(x, *parameters, 1e-5, 1))

    def function(self, net: Net, x: SSAValue) -> SSAValue:
        return net.add(blend.ActivationOp(x, self.random.choice(list(Function))))

    def dead(self, net: Net, x: SSAValue) -> SSAValue:
        """
        Zeros where it is large.
        """
        channels = blend.tensor_type(x).get_shape()[1]
        below = net.affine(x, np.zeros(channels), np.ones(channels), np.full(channels, -1e6 * self.power()))
        return net.add(blend.ReluOp(below))


@pytest.mark.filterwarnings("ignore:.*calibration frames")
@settings(max_examples=60, deadline=None, phases=[Phase.generate], derandomize=True)
@given(st.integers(0, 1 << 32), st.sampled_from([24, 24, 16, 6]))
def test_deep_networks_do_not_wrap(seed: int, bits: int) -> None:
    """
    At [fixed] every operation computes what Python integers do, and [stream] computes the same.
    """
    module, frames = Deep(Random(seed)).network()
    fixed = blendir.lower(module, "fixed", frames, quantize_bits=bits, quantize_skip_bits=bits)
    fixed.verify()
    got: dict[Operation, np.ndarray] = {}
    y = run_module(fixed, frames, lambda op, _, value: got.__setitem__(op, value))
    want = traced(fixed, encode_input(frames, input_type(fixed)))
    assert got.keys() == want.keys()
    for op, values in want.items():
        assert got[op].tolist() == values.tolist(), op.layer
    np.testing.assert_array_equal(run_module(blendir.lower(fixed, "stream"), frames), y)


@pytest.mark.parametrize("averages", [3, 8])
def test_chains_of_averages_keep_their_precision(averages: int) -> None:
    net = Net((1, 12, 12))
    x = net.input
    for _ in range(averages):
        x = net.add(blend.AvgPool2dOp(x, (4, 4), (1, 1), (2, 2), 16))
        x = net.add(blend.AvgPool2dOp(x, (2, 2), (1, 1), (0, 0), 4))
    x = net.add(blend.PReluOp(x, *net.reals([0.1])))
    module, frames = named(net.module(x)), np.random.default_rng(0).uniform(-1, 1, (4, 1, 12, 12))
    fixed = blendir.lower(module, "fixed", frames, quantize_bits=24, quantize_skip_bits=24)
    want = run_module(module, frames)
    np.testing.assert_allclose(run_module(fixed, frames), want, rtol=0, atol=np.abs(want).max() * 2.0**-21)


@pytest.mark.filterwarnings("ignore:.*calibration frames")
def test_what_no_rounding_of_the_input_fits_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Net((8,))
    module = net.module(net.add(blend.LinearOp(net.input, *net.reals(np.ones((1, 8)), [0.0]), layer="head")))
    monkeypatch.setattr(widths, "EXACT", 20)
    with pytest.raises(PassFailedException, match=r"head\.rounded: exact sums would need \d+ bits more than the 20"):
        quantize(module, Formats(24, 24), np.ones((1, 8)))


def test_the_widest_that_verifies_is_cpp(tmp_path: Path) -> None:
    """
    Each operation has terms of 62 bits; the C++, the interpreter and Python integers agree.
    """
    net = Net((4,), kind(Format(31, 4)))
    ends = np.array([-(1 << 61), (1 << 61) - 1, -5, (1 << 60) + 1])
    x = net.add(blend.MultiplyOp(net.input, net.input, None, vector("blend", kind(Format(32, -20)))))
    slopes, offsets = kind(Format(30, 10)), kind(Format(62, -10))
    pieces = [net.constant([0, 1, -1, 7], i64)]
    for sign in (1, -1):
        pieces.append(net.constant(np.array([sign, 3, -sign, 2]) * ((1 << 27) - 1), slopes))
        pieces.append(net.constant(ends * sign // 2, offsets))
    x = net.add(blend.PiecewiseLinearOp(x, tuple(pieces), 1, None, vector("blend", kind(Format(30, -30)))))
    weight = net.constant(np.random.default_rng(0).integers(-(1 << 29), 1 << 29, (4, 4)), kind(Format(30, 0)))
    x = net.add(blend.FixedLinearOp(x, weight, net.constant(ends, kind(Format(62, -30))), kind(Format(32, -30))))
    fine = net.add(blend.RequantizeOp(net.input, kind(Format(16, 0))))
    module = named(net.module(net.add(blend.AddOp(x, fine, None, vector("blend", kind(Format(32, -8)))))))
    ints = np.random.default_rng(1).integers(-(1 << 30), 1 << 30, (40, 4))
    ints[:2] = [[-(1 << 30)] * 4, [(1 << 30) - 1] * 4]
    build = blendir.compile(module, tmp_path / "out")
    *_, (last, want) = traced(module, ints).items()
    got = build.csim(Format(31, 4).decode(ints))
    assert got.tolist() == format_of(last.results[0]).decode(want.astype(np.int64)).tolist()
    assert got.tolist() == run_module(module, Format(31, 4).decode(ints)).tolist()


def test_bounds_of_a_wide_clamp_are_more_than_an_int(tmp_path: Path) -> None:
    """
    36 bits of an average of 64 x 64 numbers, clamped far above 2**31 units.
    """
    net = Net((1, 64, 64))
    mean = net.add(blend.AvgPool2dOp(net.input, (64, 64), (64, 64), (0, 0), 4096))
    module = named(net.module(net.add(blend.ClampOp(mean, -0.5, 0.875))))
    x = np.random.default_rng(0).uniform(0.25, 1, (4, 1, 64, 64)) * np.array([1, -1, 1.2, 1.4]).reshape(4, 1, 1, 1)
    build = blendir.compile(module, tmp_path / "out", calibration=x, quantize_bits=24, quantize_skip_bits=24)
    np.testing.assert_array_equal(build.csim(x), run_module(build.module, x))
    np.testing.assert_allclose(run_module(build.module, x), run_module(module, x), atol=1e-6)


class Rows(nn.Module):
    """
    A binary convolution along a row, with another border class at each position.
    """

    def __init__(self, size: int):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, (1, 2 * size - 1), padding=(0, size - 1), bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(torch.sign(x), torch.sign(self.conv.weight), padding=self.conv.padding)


def test_more_border_classes_than_a_byte_counts(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = Rows(300).eval(), np.random.default_rng(0).normal(size=(2, 1, 1, 300)).astype(np.float32)
    build = blendir.compile(blendir.from_torch(model, torch.from_numpy(x[:1])), tmp_path / "out", calibration=x)
    (unit,) = [op for op in build.module.walk() if isinstance(op, stream.BinaryMvuOp)]
    assert max(unit.column_classes.get_values()) == 299
    with torch.no_grad():
        np.testing.assert_array_equal(build.csim(x), model(torch.from_numpy(x)).numpy())


LOOPS = """
#include "blendir/blendir.hpp"
using namespace blendir;
struct large {
  static const int P = 512 * 512, C = 64 * 576, G = 1;
};
static_assert(product_of(512, 512, 64, 576) == 9663676416LL, "cycles of a frame");
static_assert(beat_plan<large>::beats == 9663676416LL, "beats of a frame");
static_assert(rounding<63, 1, 0>::inner == 64 && rounding<63, 500, 1>::inner == 64, "rounding takes one bit");
static_assert(rounding<40, -24, 0>::inner == 64, "finer units take theirs");
"""


def test_loops_are_longer_than_an_int_counts(tmp_path: Path) -> None:
    """
    And no product of sizes is counted before it is widened.
    """
    (tmp_path / "loops.cpp").write_text(LOOPS)
    command = ["g++", "-std=c++14", "-fsyntax-only", "-Wall", "-Werror", "-Wno-unknown-pragmas", f"-I{INCLUDE}"]
    done = subprocess.run([*command, str(tmp_path / "loops.cpp")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for text in [*(p.read_text() for p in (INCLUDE / "blendir").glob("*.hpp")), xnor_project.UNIT]:
        assert not re.search(r"count_t\((?!frames)[^()]*\*", text)
