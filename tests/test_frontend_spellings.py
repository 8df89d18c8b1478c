"""
Ways of writing layers: the imported module computes what PyTorch computes, and every stage from [fixed] on the same
integers.
"""

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from agreement import lowered
from imports import Function, Lambda, check, image, refused
from layers import Sign
from modules import names
from torch import Tensor, nn

from blendir.frontend import from_torch
from blendir.functions import FLAT, FLAT_BELOW, LEAST, evaluate
from blendir.functions import Function as Curve
from blendir.interpreter import run_module

WEIGHT = torch.randn(5, 4, 3, 3, generator=torch.Generator().manual_seed(3))
COORDINATES = torch.arange(16.0).view(1, 1, 4, 4)
LEVELS = (torch.arange(8.0) - 3.5) / 2
bits = Sign()


def padded_sign(x: Tensor, fill: float) -> Tensor:
    return F.conv2d(bits(F.pad(x, (1, 1, 1, 1), value=fill)).to(x.dtype), WEIGHT.sign().to(x.dtype))


def assigned(x: Tensor, masks: Callable[[Tensor], list[tuple[Tensor, float]]]) -> Tensor:
    """
    A copy of x, with a number where each mask of x holds.
    """
    y = x.clone()
    for mask, value in masks(x):
        y[mask] = value
    return y


def masked(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, 1] = 0
    return y


def thermometer(x: Tensor) -> Tensor:
    code = torch.where(x[:, :, None] > LEVELS.to(x.dtype).view(8, 1, 1), 1.0, -1.0).to(x.dtype)
    return F.conv2d(code.flatten(1, 2), WEIGHT.repeat(1, 8, 1, 1).to(x.dtype))


SPELLINGS: dict[str, tuple[Function, str]] = {
    "elu": (F.elu, "activation"),
    "elu_alpha": (lambda x: F.elu(x, 0.5), "activation affine relu affine add"),
    "selu": (F.selu, "activation affine relu affine add"),
    "celu": (lambda x: F.celu(x, 0.7), "affine activation affine"),
    "softplus": (F.softplus, "activation"),
    "softplus_beta": (lambda x: F.softplus(x, 2.0), "affine activation affine"),
    "mish": (F.mish, "activation"),
    "log_sigmoid": (F.logsigmoid, "affine activation affine"),
    "threshold": (lambda x: F.threshold(x, 0.1, -2.0), ""),
    "threshold_bound": (lambda x: F.threshold(x, 0.25, 0.25), "clamp"),
    "softshrink": (F.softshrink, ""),
    "hardshrink": (F.hardshrink, ""),
    "glu": (lambda x: F.glu(x, 1), "take take activation multiply"),
    "square": (torch.square, "multiply"),
    "power": (lambda x: x**2, "multiply"),
    "cube": (lambda x: x.pow(3), "multiply multiply"),
    "masked_fill": (lambda x: x.masked_fill(x < 0, 0.0), "relu"),
    "set_item": (masked, "affine"),
    "set_by_mask": (lambda x: assigned(x, lambda y: [(y < -0.5, 0.25)]), ""),
    "set_by_two_masks": (lambda x: assigned(x, lambda y: [(y >= 0, 1.0), (y < 0, -1.0)]), ""),
    "set_below": (lambda x: assigned(x, lambda y: [(y < 0, 0.0)]), "relu"),
    "lerp": (lambda x: torch.lerp(x, x.flip(1), 0.25), ""),
    "addcmul": (lambda x: torch.addcmul(x, x, x, value=0.5), ""),
    "global_max": (lambda x: x.amax((2, 3)), "max_pool2d reshape"),
    "global_max_twice": (lambda x: x.max(3)[0].max(2).values, ""),
    "global_min": (lambda x: x.amin((-1, -2), keepdim=True), "affine max_pool2d affine"),
    "min_of_columns": (lambda x: x.min(3)[0], ""),
    "channel_max": (lambda x: x.amax(1, keepdim=True), ""),
    "adaptive_max": (lambda x: F.adaptive_max_pool2d(x, 2), "max_pool2d"),
    "centered_planes": (lambda x: x - x.mean((2, 3), keepdim=True), "avg_pool2d affine multiply affine add"),
    "centered_frame": (lambda x: x - x.mean((1, 2, 3), keepdim=True), ""),
    "centered_pixels": (lambda x: x - x.mean(1, keepdim=True), "conv2d affine take affine add"),
    "scaled_by_pixel": (lambda x: x * F.avg_pool2d(x.abs().mean(1, keepdim=True), 3, 1, 1), ""),
    "larger_than_the_mean": (lambda x: torch.maximum(x, x.mean(1, keepdim=True)), ""),
    "sum_of_channels": (lambda x: x.sum(1), "conv2d reshape"),
    "thermometer": (thermometer, "take threshold bits_to_value conv2d"),
    "pad_sign": (lambda x: padded_sign(x, -1.0), "sign binary_conv2d affine"),
    "pad_sign_of_zero": (lambda x: padded_sign(x, 0.0), "sign binary_conv2d affine"),
    "pad_relu": (lambda x: F.conv2d(F.relu(F.pad(x, (1, 1, 1, 1)) - 0.5), WEIGHT.to(x.dtype)), "affine relu conv2d"),
    "pad_scale": (
        lambda x: F.conv2d(F.pad(x, (1, 1, 1, 1), value=1.0) * torch.arange(4.0).view(4, 1, 1), WEIGHT.to(x.dtype)),
        "affine conv2d",
    ),
    "pad_average": (lambda x: F.avg_pool2d(F.pad(x, (1, 1, 1, 1)), 3), "avg_pool2d"),
    "pad_sides": (lambda x: F.avg_pool2d(F.pad(x, (1, 0, 1, 0)), 2), "avg_pool2d"),
    "pad_average_of_ones": (
        lambda x: F.avg_pool2d(F.pad(x, (1, 0), value=1.0), 3),
        "affine avg_pool2d affine avg_pool2d",
    ),
    "pad_padded": (lambda x: F.conv2d(F.pad(x, (1, 2, 0, 4)), WEIGHT.to(x.dtype), padding=(1, 2)), "conv2d"),
    "pad_padded_twos": (lambda x: F.conv2d(F.pad(x, (1, 2), value=2.0), WEIGHT.to(x.dtype), padding=1), ""),
    "pad_alone": (lambda x: F.relu(F.pad(x, (1, 2, 0, 1), value=0.5)), "relu affine avg_pool2d affine"),
    "pad_added": (lambda x: F.pad(x, (2, 0)) + F.pad(x, (0, 2)), "avg_pool2d avg_pool2d add"),
    "pad_max_of_zeros": (lambda x: F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 3), "avg_pool2d max_pool2d"),
    "pad_max_of_bits": (lambda x: F.max_pool2d(F.pad(torch.where(x > 0, 1.0, -1.0), (1, 0), value=-1.0), 2), ""),
    "pad_max_wide": (lambda x: F.max_pool2d(F.pad(x.relu(), (3, 3)), 2), ""),
    "pad_max": (lambda x: F.max_pool2d(F.pad(x, (1, 1, 1, 1), value=-torch.inf), 3, 2), "max_pool2d"),
    "pad_max_relu": (lambda x: F.max_pool2d(F.pad(x.relu(), (1, 1, 1, 1)), 3, 2), "relu max_pool2d"),
    "distant_taps": (lambda x: F.conv2d(x, WEIGHT.to(x.dtype), dilation=(1, 2), padding=(0, 3)), "conv2d"),
    "same_even": (lambda x: F.conv2d(x, WEIGHT[:, :, :2].to(x.dtype), padding="same", dilation=(3, 1)), "conv2d"),
    "distant_maxima": (lambda x: F.max_pool2d(x, 2, 1, 1, (2, 3)), "max_pool2d"),
    "ceil_maximum": (lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), "max_pool2d"),
    "ceil_average": (lambda x: F.avg_pool2d(x, (4, 3), (3, 2), (0, 1), ceil_mode=True), "avg_pool2d affine"),
    "ceil_uncounted": (
        lambda x: F.avg_pool2d(x, 4, 3, 1, ceil_mode=True, count_include_pad=False),
        "avg_pool2d affine affine",
    ),
    "ceil_override": (lambda x: F.avg_pool2d(x, 4, 3, 1, ceil_mode=True, divisor_override=3), "avg_pool2d"),
    "uncounted_border": (
        lambda x: F.avg_pool2d(F.pad(x, (1, 0)), 3, 2, 1, count_include_pad=False),
        "avg_pool2d affine affine",
    ),
    "line": (lambda x: F.conv1d(x.flatten(2), WEIGHT[..., 0].to(x.dtype), padding=2, dilation=2), "conv2d"),
    "same_line": (lambda x: F.conv1d(x.flatten(2), WEIGHT[:, :, 0, :2].to(x.dtype), padding="same"), "conv2d"),
    "line_pools": (
        lambda x: F.avg_pool1d(F.max_pool1d(x.flatten(2), 3, 2, 1), 4, 3, 1, True, False),
        "max_pool2d avg_pool2d affine",
    ),
    "line_adaptive": (
        lambda x: F.adaptive_avg_pool1d(x.flatten(2), 4) + F.adaptive_max_pool1d(x.flatten(2), 1),
        "",
    ),
    "line_border": (lambda x: F.conv1d(F.pad(x.flatten(2), (3, 0)), WEIGHT[..., 1].to(x.dtype)), "conv2d"),
    "line_border_alone": (lambda x: F.pad(x.flatten(2), (3, 1), value=0.25).relu(), ""),
    "line_mean": (lambda x: F.max_pool1d(x.flatten(2), 2).mean(-1), ""),
    "stack": (lambda x: torch.stack([x, x.relu()], 1).flatten(1, 2), "relu concat"),
    "interleaved": (lambda x: torch.stack([x, x.relu()], 2).flatten(1, 2), ""),
    "interleaved_bits": (lambda x: torch.stack([x.sign(), (x - 1).sign()], 2).flatten(1, 2), ""),
    "rows": (lambda x: torch.cat([x, x[:, :, ::2].relu()], 2), ""),
    "columns": (lambda x: torch.cat([x[..., ::4], x.relu()], 3), ""),
    "flat_pixels": (lambda x: torch.cat([x.flatten(1), x.relu().flatten(1)], 1), ""),
    "equal": (lambda x: torch.where(x.relu() == 0, 2.0, x), ""),
    "unequal": (lambda x: (x.round() != 1.0).to(x.dtype), ""),
    "equal_values": (lambda x: (x.relu() == x).to(x.dtype), ""),
    "sign_of_zero": (lambda x: x.sign().masked_fill(x == 0, 1.0), "sign bits_to_value"),
    "sign_where_not_zero": (lambda x: torch.where(x != 0, x.sign(), 1.0), "sign bits_to_value"),
    "einsum": (lambda x: torch.einsum("nchw,oc->nhwo", x, WEIGHT[:, :, 0, 0].to(x.dtype)), ""),
    "einsum_of_features": (lambda x: torch.einsum("ni,oi->no", x.mean((2, 3)), WEIGHT[:, :, 0, 0].to(x.dtype)), ""),
    "erf": (torch.erf, "activation"),
    "smallest_of_frames": (lambda x: x.flatten(1).min(1).values * 2 + 1, ""),
    "mean_of_frames": (lambda x: x.mean((1, 2, 3)), "avg_pool2d reshape"),
    "coordinates": (lambda x: torch.cat([x, COORDINATES.to(x.dtype).expand(len(x), -1, -1, -1)], 1), ""),
    "positions": (lambda x: torch.cat([x.flatten(2), x.flatten(2).relu()], 1), ""),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(name: str):
    function, operations = SPELLINGS[name]
    frames = 2 * image()
    module = check(Lambda(function), frames)
    found = names(module)
    assert not operations or [n for n in found if n != "reshape"] == [n for n in operations.split() if n != "reshape"]
    lowered(module, frames.float())


def test_a_border_of_zeros_before_torch_sign_is_taken_as_plus_one():
    def function(x: Tensor) -> Tensor:
        return F.conv2d(torch.sign(F.pad(x, (1, 1, 1, 1))), WEIGHT.sign().to(x.dtype))

    with pytest.warns(UserWarning, match="sign: the sign of a border of 0 is taken as \\+1; pad after the sign to pad"):
        module = from_torch(Lambda(function).eval(), image())
    x = image()
    want = padded_sign(x.double(), 1.0).numpy()
    np.testing.assert_array_equal(run_module(module, x.numpy()), want)


@pytest.mark.parametrize("curve", [Curve.ELU, Curve.SOFTPLUS, Curve.MISH])
def test_curves(curve: Curve):
    """
    Against PyTorch, and the facts that formats rely on.
    """
    x = np.concatenate([np.linspace(-60, 60, 4801), [-800.0, 800.0, -1e-300, 0.0]])
    function = getattr(F, curve.value)
    np.testing.assert_allclose(evaluate(curve, x), function(torch.from_numpy(x)).numpy(), rtol=1e-9, atol=1e-15)
    ends = evaluate(curve, np.array([FLAT_BELOW[curve], -800.0]))
    assert abs(ends[0] - ends[1]) < FLAT
    if curve in LEAST:
        assert LEAST[curve] <= evaluate(curve, x).min()
    else:
        assert (np.diff(evaluate(curve, x[:4801])) >= 0).all()
    high = np.linspace(0, 50, 501)
    assert (evaluate(curve, 2 * high) >= high).all()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: F.softplus(x, 1.0, 3.0), "softplus.default with threshold = 3, less than 20"),
        (lambda x: torch.einsum("nchw,nchw->nc", x, x), "of nchw,nchw->nc|depends on the input"),
        (
            lambda x: torch.einsum("nchw,hc->nchw", x, torch.eye(4).to(x.dtype)),
            "einsum.default of nchw,hc->nchw",
        ),
        (lambda x: x.pow(0.5), r"pow.Tensor_Scalar with exponent 0.5, not a whole one of 2 to 4"),
        (
            lambda x: F.conv2d(F.pad(x, (1, 1, 1, 1)) * torch.arange(6.0), WEIGHT.to(x.dtype)),
            "does not fit|makes a border vary",
        ),
    ],
)
def test_near_spellings_are_refused(function: Function, message: str):
    error = refused(Lambda(function), image())
    assert any(re.search(message, reason) for _, reason in error.operations)


class Prelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.25 * x)


def test_more_than_four_dimensions_inside():
    def function(x: Tensor) -> Tensor:
        y = x.reshape(-1, 2, 2, 4, 4)
        return (Prelu()(y) * torch.arange(2.0).view(2, 1, 1) + 1).clamp(-0.5, 2.0).flatten(1, 2)

    module = check(Lambda(function), image())
    lowered(module, image().float())
