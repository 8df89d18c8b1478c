"""
Importing layers and functions: the module computes what PyTorch computes in float64.
"""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from imports import Function, Lambda, check, image, operations, randomized
from torch import Tensor, nn

from blendir.dialects.blend import PadModeAttr
from blendir.numerics import PadMode

ELEMENTWISE: dict[str, Function] = {
    "normalize": lambda x: (x - torch.tensor([0.5, 1.0, 2.0, 3.0]).view(4, 1, 1)) / 0.25,
    "right_minus": lambda x: 1 - x,
    "rsub_tensor": lambda x: torch.ones(1, 4, 1, 1) - x,
    "times": lambda x: 3 * x * torch.arange(4.0).view(1, 4, 1, 1),
    "negative": lambda x: -x,
    "add_alpha": lambda x: x.add(x.relu(), alpha=2),
    "sub_alpha": lambda x: x.sub(3, alpha=2),
    "subtract": lambda x: x.relu() - x,
    "along_width": lambda x: x + torch.arange(4.0),
    "in_place": lambda x: x.sign().add_(0.5).relu_(),
    "clamp_low": lambda x: x.clamp(min=0.25),
    "clamp_zero": lambda x: x.clamp(min=0),
    "clamp_high": lambda x: x.clamp(max=0.25),
    "clamp_tensors": lambda x: torch.clamp(x, torch.tensor(-0.5), torch.tensor(0.5)),
    "clamp_crossed": lambda x: torch.clamp(x, 1.0, -1.0),
    "clamp_twice": lambda x: x.clamp(-0.5, 0.5).clamp(0.25, 2.0) + x.clamp(max=0.5).clamp(min=0.75),
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "minimum": lambda x: torch.minimum(torch.tensor(0.5), x),
    "relu6": lambda x: F.relu6(4 * x),
    "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
    "mask": lambda x: (x > 0.5).double(),
    "threshold_per_channel": lambda x: (x >= torch.arange(4.0).view(4, 1, 1) / 4).float(),
    "constant_left": lambda x: torch.where(torch.tensor(0.25) < x, 3.0, -2.0),
    "choice_per_channel": lambda x: torch.where(x > 0.1, torch.arange(4.0).view(4, 1, 1), -1.0),
    "mixed_signs": lambda x: x.sign() * torch.tensor([1.0, -1.0, -1.0, 1.0]).view(4, 1, 1),
    "where_above": lambda x: torch.where(x > 0.5, 0.5, x),
    "where_below": lambda x: torch.where(x < -0.25, torch.tensor(-0.25), x),
    "where_kept": lambda x: torch.where(x <= 0.5, x, 0.5) + torch.where(x > 0.25, x, 0.25),
    "where_relu": lambda x: torch.where(x >= 0, x, 0.0),
    "constant_type_as": lambda x: x * (-2 * torch.ones(1)).type_as(x).abs(),
    "dropout": lambda x: F.dropout(x, 0.5, False) + 0,
    "casts": lambda x: x.half().float().double().contiguous().clone(),
}


SHAPES: dict[str, Function] = {
    "mean": lambda x: x.mean((2, 3)),
    "mean_keepdim": lambda x: x.mean([-1, -2], keepdim=True),
    "mean_twice": lambda x: x.mean(-1).mean(-1),
    "mean_width": lambda x: x.mean(3, keepdim=True),
    "sum": lambda x: x.sum((2, 3)),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, 1),
    "adaptive_divides": lambda x: F.adaptive_avg_pool2d(x, (2, 4)),
    "avg_pool_padded": lambda x: F.avg_pool2d(x, 3, 1, 1),
    "avg_pool_divisor": lambda x: F.avg_pool2d(x, 2, divisor_override=3, ceil_mode=True),
    "avg_pool_uncounted": lambda x: F.avg_pool2d(x, 2, count_include_pad=False),
    "max_pool": lambda x: F.max_pool2d(x, 3, 2, 1),
    "max_pool_indices": lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
    "flatten": lambda x: x.flatten(1),
    "view": lambda x: x.view(x.size(0), -1),
    "reshape": lambda x: x.reshape(-1, 8, 2, 4),
    "squeeze": lambda x: F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(2),
    "unsqueeze": lambda x: x.mean(3).unsqueeze(-1),
    "cat": lambda x: torch.cat([x, x.relu(), x.sign()], dim=-3),
    "cat_bits": lambda x: torch.cat([x.sign(), (-x).sign()], 1),
    "transpose": lambda x: x.transpose(1, 3),
    "permute": lambda x: x.permute(0, -2, 3, 1),
    "same_order": lambda x: x.permute(0, 1, 2, 3) + 1,
    "whole_slice": lambda x: x[:, :, 0:4].expand(-1, 4, -1, -1) + 1,
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name: str):
    check(Lambda(ELEMENTWISE[name]), image())


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str):
    check(Lambda(SHAPES[name]), image())


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 5, 3),
        nn.Conv2d(4, 5, (3, 1), stride=(2, 1), padding=(1, 0), bias=False),
        nn.Conv2d(4, 5, 3, padding="same"),
        nn.Conv2d(4, 5, 2, padding="valid"),
        nn.BatchNorm2d(4),
        nn.BatchNorm2d(4, affine=False),
        nn.PReLU(),
        nn.PReLU(4),
        nn.ReLU(),
        nn.ReLU6(),
        nn.LeakyReLU(0.3),
        nn.Hardtanh(-2, 0.5),
        nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Identity(),
        nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(4, 5, 5, padding=1)),
        nn.Sequential(nn.ConstantPad2d((1, 1, 2, 2), 0.5), nn.Conv2d(4, 5, 5)),
        nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5), nn.PReLU(5), nn.Linear(5, 2, bias=False)),
    ],
    ids=str,
)
def test_modules(layer: nn.Module):
    check(randomized(nn.Sequential(nn.Identity(), layer, nn.Dropout())), image())


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w, b: F.linear(x, w, b),
        lambda x, w, b: x @ w.t() + b,
        lambda x, w, b: torch.addmm(b, x, w.t(), beta=0.5, alpha=2),
        lambda x, w, b: torch.mm(x, w.T),
        lambda x, w, b: F.linear(x.sign(), torch.sign(w) * w.abs().mean(1, keepdim=True), b),
    ],
)
def test_linear_forms(function: Callable[..., Tensor]):
    w, b = torch.randn(5, 6), torch.randn(5)
    check(Lambda(lambda x: function(x, w.to(x.dtype), b.to(x.dtype))), image(6))


@pytest.mark.parametrize(("fill", "mode"), [(1.0, PadMode.PLUS_ONE), (-1.0, PadMode.MINUS_ONE)])
def test_border_of_bits(fill: float, mode: PadMode):
    weight = torch.randn(5, 4, 3, 3).sign()
    model = Lambda(lambda x: F.conv2d(F.pad(x.sign(), (1, 1, 1, 1), value=fill), weight.to(x.dtype)))
    module = check(model, image())
    conv = operations(module)[1]
    assert conv.properties["pad_mode"] == PadModeAttr(mode)
