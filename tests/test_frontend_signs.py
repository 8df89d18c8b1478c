"""
Importing signs: every spelling becomes bits, gradients' arithmetic dies.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from imports import Function, Lambda, check, image, refused
from modules import names
from torch import Tensor, nn

from blendir.dialects.blend import SignOp, ThresholdOp
from blendir.frontend import from_torch
from blendir.interpreter import run_module


class SignFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx, grad):
        return grad


class WhereFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))

    @staticmethod
    def backward(ctx, grad):
        return grad


def reactnet(x: Tensor) -> Tensor:
    """
    A sign with a piecewise quadratic surrogate.
    """
    forward = torch.sign(x)
    below, negative, small = x < -1, x < 0, x < 1
    one = -1 * below.type(torch.float32) + (x * x + 2 * x) * (1 - below.type(torch.float32))
    two = one * negative.type(torch.float32) + (-x * x + 2 * x) * (1 - negative.type(torch.float32))
    three = two * small.type(torch.float32) + 1 * (1 - small.type(torch.float32))
    return forward.detach() - three.detach() + three


def masked(x: Tensor) -> Tensor:
    out = x.new_ones(x.shape)
    out[x < 0] = -1
    return out


SIGNS: dict[str, Function] = {
    "masked": masked,
    "sign": torch.sign,
    "sgn": torch.sgn,
    "in_place": lambda x: x.clone().sign_(),
    "where_scalars": lambda x: torch.where(x >= 0, 1.0, -1.0),
    "where_tensors": lambda x: torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x)),
    "where_greater": lambda x: torch.where(x > 0, torch.tensor(1.0), torch.tensor(-1.0)),
    "where_less": lambda x: torch.where(x < 0, torch.full_like(x, -1.0), 1.0),
    "where_less_equal": lambda x: torch.where(x <= 0, -1.0, 1.0),
    "flipped_where": lambda x: -torch.where(x >= 0, -1.0, 1.0),
    "cast": lambda x: 2 * (x >= 0).float() - 1,
    "cast_to_type": lambda x: (x >= 0).to(x.dtype) * 2 - 1,
    "type_as": lambda x: (x > 0).type_as(x).mul(2).sub(1),
    "no_cast": lambda x: (x >= 0) * 2.0 - 1.0,
    "integers": lambda x: ((x >= 0).int() * 2 - 1).float(),
    "not": lambda x: 1 - 2 * torch.logical_not(x >= 0).float(),
    "invert": lambda x: (~(x < 0)).float() * 2 - 1,
    "autograd_sign": SignFunction.apply,
    "autograd_where": WhereFunction.apply,
    "detach_difference": lambda x: (torch.sign(x) - x).detach() + x,
    "add_detached": lambda x: x + (torch.sign(x) - x).detach(),
    "subtract_detached": lambda x: x - (x - torch.sign(x)).detach(),
    "detach_each": lambda x: torch.sign(x).detach() - x.detach() + x,
    "clip": lambda x: (torch.sign(x) - torch.clip(x, -1, 1)).detach() + torch.clip(x, -1, 1),
    "clip_first": lambda x: x.clamp(-1, 1) + (x.sign() - x.clamp(-1, 1)).detach(),
    "hardtanh": lambda x: F.hardtanh(x) - F.hardtanh(x).detach() + x.sign().detach(),
    "tanh": lambda x: (torch.sign(x) - torch.tanh(3 * x)).detach() + torch.tanh(3 * x),
    "no_detach": lambda x: (torch.sign(x) - x) + x,
    "compare_detached": lambda x: ((x >= 0).float() * 2 - 1 - x).detach() + x,
    "reactnet": reactnet,
}


@pytest.mark.parametrize("name", SIGNS)
def test_sign_spellings_become_bits(name: str):
    module = check(Lambda(SIGNS[name]), image())
    assert names(module) in (["sign", "bits_to_value"], ["threshold", "bits_to_value"])


@pytest.mark.parametrize("name", SIGNS)
def test_sign_spellings_of_weights_are_exact(name: str):
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(5, 4, 3, 3) * 0.3)

        def forward(self, x):
            return F.conv2d(torch.sign(x), SIGNS[name](self.weight), padding=1)

    module = check(Lambda(Layer()), image())
    assert names(module) == ["sign", "binary_conv2d", "affine"]


@pytest.mark.parametrize("name", ["where_scalars", "sign", "detach_difference", "reactnet"])
def test_zero_becomes_plus_one(name: str):
    module = from_torch(Lambda(SIGNS[name]).eval(), image())
    np.testing.assert_array_equal(run_module(module, np.zeros((1, 4, 4, 4))), np.ones((1, 4, 4, 4)))


def test_strict_comparison_stays_strict():
    module = from_torch(Lambda(lambda x: torch.where(x > 0.5, 1.0, -1.0)).eval(), image(2))
    x = np.array([[0.5, np.nextafter(0.5, 1)]])
    np.testing.assert_array_equal(run_module(module, x), [[-1.0, 1.0]])


def test_law_needs_a_gradient_trick():
    module = check(Lambda(lambda x: (x.relu() - x) + x), image())
    assert names(module) == ["relu", "affine", "add", "add"]
    module = check(Lambda(lambda x: (x.relu() - x).detach() + x), image())
    assert names(module) == ["relu"]


def test_law_keeps_what_does_not_cancel():
    module = check(Lambda(lambda x: (x.sign() - x).detach() + 2 * x), image())
    assert names(module).count("add") == 2


def test_random_values_do_not_cancel():
    model = Lambda(lambda x: (x.sign() - torch.rand_like(x)).detach() + torch.rand_like(x))
    assert len(refused(model, image()).operations) == 2


class SignOfShape(nn.Module):
    """
    Takes a shape from its input twice, which computes nothing.
    """

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))


def test_a_sign_of_shapes_has_the_path_of_its_module():
    module = from_torch(nn.Sequential(SignOfShape(), nn.Conv2d(4, 2, 3)).eval(), image())
    assert [op.layer_name for op in module.walk() if isinstance(op, SignOp | ThresholdOp)] == ["0"]
