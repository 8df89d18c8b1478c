"""
The interpreter against loops over single elements, and what it accepts.
"""

import itertools
from typing import Any

import numpy as np
import pytest
from modules import Net
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, f64, i1, i64
from xdsl.ir import Attribute, Operation

from blendir import lower, run
from blendir.dialects import blend
from blendir.dialects.blend import FixedType, ui8
from blendir.interpreter import main_function

GEOMETRIES = [(1, 1, 0), (3, 1, 1), (3, 2, 1), (2, 2, 0), (3, 3, 2)]


def windows(x: NDArray[Any], kernel: int, stride: int, pad: int, outside: Any) -> NDArray[Any]:
    """
    [N, C, OH, OW, KH, KW], one element at a time.
    """
    count, channels, height, width = x.shape
    sizes = [(size + 2 * pad - kernel) // stride + 1 for size in (height, width)]
    result = np.empty((count, channels, *sizes, kernel, kernel))
    result[:] = np.broadcast_to(outside, (channels,))[None, :, None, None, None, None]
    for y, z, i, j in itertools.product(*map(range, (*sizes, kernel, kernel))):
        row, column = y * stride - pad + i, z * stride - pad + j
        if 0 <= row < height and 0 <= column < width:
            result[:, :, y, z, i, j] = x[:, :, row, column]
    return result


@pytest.mark.parametrize(("kernel", "stride", "pad"), GEOMETRIES)
@pytest.mark.parametrize("padded", [False, True])
def test_conv2d(kernel: int, stride: int, pad: int, padded: bool) -> None:
    net = Net((3, 5, 6))
    weight, bias = net.rng.normal(size=(2, 3, kernel, kernel)), np.array([0.5, -1.0])
    values = np.array([1.0, -2.0, 0.5]) if padded else None
    module = net.module(net.conv(net.input, weight, bias, stride, pad, values))
    x = net.rng.normal(size=(4, 3, 5, 6))
    taps = windows(x, kernel, stride, pad, 0.0 if values is None else values)
    expected = np.einsum("ncyxij,ocij->noyx", taps, weight) + bias[:, None, None]
    assert np.allclose(run(module, x), expected, atol=1e-12)


@pytest.mark.parametrize(("kernel", "stride", "pad"), GEOMETRIES)
def test_pools(kernel: int, stride: int, pad: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 6))
    geometry = ((kernel, kernel), (stride, stride), (pad, pad))
    net = Net((3, 5, 6))
    largest = run(net.module(net.add(blend.MaxPool2dOp(net.input, *geometry))), x)
    assert np.array_equal(largest, windows(x, kernel, stride, pad, -np.inf).max(axis=(4, 5)))
    net = Net((3, 5, 6))
    mean = run(net.module(net.add(blend.AvgPool2dOp(net.input, *geometry, divisor=kernel * kernel))), x)
    assert np.allclose(mean, windows(x, kernel, stride, pad, 0.0).mean(axis=(4, 5)))


def test_float_functions() -> None:
    net = Net((2, 3))
    y = net.norm(net.input, [2.0, -1.0], [0.5, 0.0], [1.0, 0.0], [4.0, 1.0], epsilon=0.0)
    y = net.add(blend.PReluOp(y, *net.reals([0.25, 3.0])))
    y = net.add(blend.ClampOp(net.add(blend.ReluOp(y)), 0.0, 6.0))
    x = np.array([[[1.0, -3.0, 99.0], [1.0, 0.0, -1.0]]])
    assert run(net.module(y), x).tolist() == [[[0.5, 0.0, 6.0], [0.0, 0.0, 1.0]]]


def test_zero_is_plus_one() -> None:
    net = Net((3,))
    assert run(net.module(net.count(net.sign(net.input))), np.array([[0.0, -0.0, -1.0]])).tolist() == [[1, 1, -1]]


def test_threshold_beyond_32_bits_never_holds() -> None:
    """
    `never` of a 32-bit format is 2^31, which is no 32-bit integer.
    """
    net = Net((2,), FixedType(32, 32))
    limits, invert = net.constant([1 << 31, -(1 << 31)], i64), net.constant([False, False], i1)
    module = net.module(net.count(net.add(blend.ThresholdOp(net.input, limits, invert))))
    assert run(module, np.array([[2.0**31, -(2.0**31)]])).tolist() == [[-1, 1]]


@pytest.fixture
def module() -> ModuleOp:
    net = Net((2, 3, 3))
    return net.module(net.norm(net.conv(net.input, pad=1)))


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 130])
def test_any_number_of_frames(module: ModuleOp, count: int) -> None:
    x = np.random.default_rng(0).normal(size=(130, 2, 3, 3))
    assert run(module, x[:count]).shape == (count, 2, 3, 3)
    for stage in (module, lower(module, "stream", x)):
        assert np.allclose(run(stage, x[:count]), run(stage, x)[:count])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((1, 2, 3, 4)), r"input has shape \[1, 2, 3, 4\] but the model takes \[N, 2, 3, 3\]"),
        (np.zeros((2, 3, 3)), r"input has shape \[2, 3, 3\]"),
        (np.full((1, 2, 3, 3), np.nan), "values that are not finite"),
        (np.full((1, 2, 3, 3), np.inf), "values that are not finite"),
        (np.zeros((1, 2, 3, 3), np.complex128), "is not a number"),
    ],
)
def test_refused_inputs(module: ModuleOp, values: NDArray[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(module, values)


def returned(element: Attribute) -> ModuleOp:
    net = Net((2,), element)
    return net.module(net.input)


@pytest.mark.parametrize("values", [[0, 256], [-1, 0], [0.5, 1.0]])
def test_refused_pixels(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"integers in 0\.\.255"):
        run(returned(ui8), np.array([values]))


def test_inputs_are_rounded_once_and_saturated() -> None:
    assert run(returned(FixedType(4, 3)), np.array([[0.25, 0.75], [9.0, -9.0]])).tolist() == [[0.0, 1.0], [3.5, -4.0]]
    assert run(returned(ui8), np.array([[7.0, 255.0]])).tolist() == [[7.0, 255.0]]


def test_observer_sees_every_operation(module: ModuleOp) -> None:
    seen: list[tuple[str, int, tuple[int, ...]]] = []

    def observe(op: Operation, index: int, value: NDArray[Any]) -> None:
        seen.append((op.name, index, value.shape))

    run(module, np.zeros((70, 2, 3, 3)), observe)
    each = [("blend.conv2d", 0), ("blend.batch_norm", 0)]
    assert seen == [(*name, (count, 2, 3, 3)) for count in (64, 6) for name in each]


def test_modules_without_a_main_function() -> None:
    with pytest.raises(ValueError, match="the module has no function @main"):
        main_function(ModuleOp([]))


def test_unsupported_operations_have_no_meaning() -> None:
    net = Net((2,), f64)
    module = net.module(net.add(blend.UnsupportedOp("aten.erf", [net.input], net.input.type, "gelu")))
    with pytest.raises(ValueError, match=r"gelu: aten\.erf has no meaning"):
        run(module, np.zeros((1, 2)))
