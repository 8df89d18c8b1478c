"""
Widths near the limits of 64 bits, and shifts beyond them.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import blendir
from blendir.numerics import Rounding, round_shift

DTYPES = st.sampled_from([np.int8, np.int16, np.int32, np.int64])


@given(DTYPES, st.integers(0, 200), st.sampled_from(list(Rounding)), st.data())
def test_any_right_shift_rounds_exactly(dtype: type, shift: int, rounding: Rounding, data: st.DataObject):
    info = np.iinfo(dtype)
    value = data.draw(st.one_of(st.integers(info.min, info.max), st.sampled_from([info.min, info.max])))
    exact = Fraction(value, 1 << shift)
    expected = round(exact) if rounding is Rounding.HALF_EVEN else (exact + Fraction(1, 2)).__floor__()
    assert round_shift(value, shift, rounding) == expected
    assert round_shift(np.array([value], dtype), shift, rounding).tolist() == [expected]


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
