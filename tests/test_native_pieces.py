"""
Piecewise linear functions of compiled code in products of two digits: exact for every number of a format.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_native import check
from xdsl.dialects.builtin import ModuleOp, TensorType, i64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region

from blendir.backends.cpu.rules.elementwise import digits, width_needed
from blendir.backends.cpu.storage import Buffer, Numbers
from blendir.dialects.blend import ConstantOp, FixedConv2dOp, FixedType, PiecewiseLinearOp
from blendir.interpreter.blend import round_saturate
from blendir.interpreter.kernels import piecewise
from blendir.numerics import Format, Rounding

CHANNELS = 33


def kernel(x: np.ndarray, pieces: np.ndarray, up: int, shift: int, width: int) -> np.ndarray:
    """
    What the kernel computes of 16-bit numbers [N] and pieces [C, 5], in its own arithmetic: [C, N].
    """
    low, high = x.astype(np.int16), (x << up).astype(np.int16)
    lanes = (low.astype(np.int64) & 0xFFFF | high.astype(np.int64) << 16).astype(np.int32)
    above = lanes >= pieces[:, :1]
    slope, offset = (np.where(above, pieces[:, i + 2, None], pieces[:, i, None]) for i in (1, 2))
    first, second = slope.astype(np.int16).astype(np.int32), slope >> 16
    with np.errstate(over="ignore"):
        sums = (low * first + high * second + offset) >> shift
    return np.clip(sums, -(1 << (width - 1)), (1 << (width - 1)) - 1)


@given(st.integers(2, 16), st.integers(1, 30), st.integers(4, 30), st.integers(4, 30), st.integers(2, 16), st.data())
def test_two_digits_are_exact(
    width: int, shift: int, slope: int, offset: int, result: int, data: st.DataObject
) -> None:
    """
    All that fits is equal to the interpreter's function and rounding; what has a small slope and offset fits.
    """
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    source, to = Format(width, 0), FixedType(result, result)
    numbers = Numbers(Buffer("x", np.dtype(np.int16), 1), (4,), source)
    k = rng.integers(source.low - 2, source.high + 4, 4)
    a0, a1 = rng.integers(-(1 << (slope - 1)), 1 << (slope - 1), (2, 4))
    b0, b1 = rng.integers(-(1 << (offset - 1)), 1 << (offset - 1), (2, 4))
    found = digits(numbers, (k, a0, b0, a1, b1), shift)
    assert found is not None or width + slope > 30 or offset > 28 or shift > 28
    if found is None:
        return
    x = np.arange(source.low, source.high + 1) if width < 12 else rng.integers(source.low, source.high + 1, 2000)
    x[:2] = source.low, source.high
    exact = piecewise(x[None], *(p[:, None] for p in (k, a0, b0, a1, b1)))
    want = round_saturate(exact, shift, to, Rounding.HALF_UP)
    y = kernel(x, found, 16 - width, shift, width_needed(numbers, found, shift, to.format))
    np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize(
    ("width", "slope", "rounding"), [(9, 22, "half_up"), (16, 15, "half_up"), (9, 20, "half_even")]
)
def test_behind_a_product(width: int, slope: int, rounding: str) -> None:
    """
    With breakpoints beyond both ends of the numbers, and results beyond those of the format.
    """
    rng = np.random.default_rng(width)
    source, result = FixedType(width, width), FixedType(14, width)
    kind, most, high = TensorType(source, (1, 1, 32, 20)), 1 << (slope - 1), 1 << (width - 1)
    block = Block(arg_types=[kind])
    k = rng.integers(-high, high, CHANNELS)
    k[:3] = -high - 5, high + 5, high - 1
    weights = np.where(np.arange(CHANNELS) % 2, 1, -1).reshape(-1, 1, 1, 1)
    constants = [
        ConstantOp.from_numpy(weights, FixedType(2, 2)),
        ConstantOp.from_numpy(np.zeros(CHANNELS, np.int64), FixedType(2, 2)),
        ConstantOp.from_numpy(k, i64),
        *(ConstantOp.from_numpy(rng.integers(-most, most, CHANNELS), FixedType(22, 12)) for _ in range(4)),
    ]
    w, b, k_, a0, b0, a1, b1 = (constant.result for constant in constants)
    sums = TensorType(source, (1, CHANNELS, 32, 20))
    conv = FixedConv2dOp(block.args[0], w, b, (1, 1), (0, 0), source, None, "conv")
    parameters = (k_, a0, b0, a1, b1)
    of = TensorType(result, sums.get_shape())
    op = PiecewiseLinearOp(conv.result, parameters, 1, "act", of, Rounding(rounding))
    block.add_ops([*constants, conv, op, ReturnOp(op.result)])
    module = ModuleOp([FuncOp("main", ([kind], [op.result.type]), Region(block))])
    module.verify()
    x = rng.integers(-high, high, (2, 1, 32, 20)).astype(float)
    x[0, 0, 0, :3] = -high, high - 1, 0
    text = str(check(module, x).files["network.cpp"])
    assert ("act_pieces" in text) == (rounding == "half_up")
