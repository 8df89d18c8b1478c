"""
Importing whole models: names of layers, types, parameters, warnings.
"""

import copy
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from imports import Lambda, check, image, operations, randomized, refused
from modules import names
from torch import nn

from blendir.frontend import from_torch
from blendir.interpreter import run_module


class WeightStandardized(nn.Conv2d):
    def forward(self, x):
        w = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        w = w / w.std((1, 2, 3), keepdim=True)
        alpha = self.weight.abs().mean((1, 2, 3), keepdim=True)
        return F.conv2d(x.sign(), alpha * torch.sign(w), self.bias, self.stride, self.padding)


class Block(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.move = nn.Parameter(torch.randn(1, channels, 1, 1))
        self.conv = WeightStandardized(channels, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels)
        self.act = nn.PReLU(channels)

    def forward(self, x):
        return self.act(self.bn(self.conv(x + self.move))) + x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(8) for _ in range(3)))
        self.head = nn.Linear(8, 10)
        self.register_buffer("mean", torch.tensor([120.0, 110.0, 100.0]).view(3, 1, 1), persistent=False)

    def forward(self, x):
        x = (x.to(self.mean.dtype) - self.mean) / 64
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def test_network_on_pixels():
    x = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    module = check(randomized(Net()), x)
    assert "tensor<1x3x8x8xui8>" in str(module).splitlines()[1]
    assert names(module)[:2] == ["affine", "affine"]
    layers = {op.layer_name: op.name for op in operations(module)}
    assert layers["blocks.1.conv.sign"] == "blend.sign"
    assert layers["blocks.1.bn"] == "blend.batch_norm"
    assert layers["blocks.2.add.1"] == "blend.add"


def test_layers_are_unique_and_modules_keep_their_path():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 1)
            self.add = nn.ReLU()

        def forward(self, x):
            return self.add(self.conv(self.conv(x)) + x)

    module = check(Shared(), image())
    assert [op.layer_name for op in operations(module)] == ["conv", "conv.1", "add.1", "add"]


def test_module_of_one_operation_gives_its_path():
    class Sign(nn.Module):
        def forward(self, x):
            return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    module = check(nn.Sequential(Sign(), nn.ReLU()), image())
    assert [op.layer_name for op in operations(module)] == ["0", "0.where", "1"]


def test_pixels_are_compared_as_integers():
    x = torch.arange(256, dtype=torch.uint8).view(1, 4, 8, 8)
    check(Lambda(lambda x: (x > 100.5).float() + (x.float() <= 7).float()), x)


def test_pixel_arithmetic_wraps_and_is_refused():
    error = refused(Lambda(lambda x: (x - 128).float()), torch.zeros(1, 4, 4, 4, dtype=torch.uint8))
    assert "wraps around" in error.operations[0][1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_precision_of_the_model_does_not_matter(dtype: torch.dtype):
    model = randomized(nn.Sequential(nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5), Lambda(lambda x: x.float() * 0.1)))
    check(model.to(dtype), image())


def test_model_is_not_changed():
    model = randomized(Net()).train()
    before = copy.deepcopy(model.state_dict())
    with pytest.warns(UserWarning, match="training mode"):
        from_torch(model, np.zeros((2, 3, 8, 8), np.uint8))
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_a_weight_of_two_names():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 1))
    model[2].weight = model[0].weight
    check(model, image(3, 4, 4))


def test_zero_weights_are_reported():
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([[0.0, -1.0], [2.0, 0.0]]))

        def forward(self, x):
            return F.linear(x, torch.sign(self.weight))

    with pytest.warns(UserWarning, match="fc: 2 weights are exactly 0 and taken as \\+1"):
        module = from_torch(nn.Sequential(OrderedDict(fc=Layer())).eval(), image(2))
    np.testing.assert_allclose(run_module(module, np.array([[1.0, 10.0]])), [[-9.0, 11.0]])


def test_parameters_must_be_finite():
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).eval()
    model[1].running_var[2] = float("nan")
    with pytest.raises(ValueError, match=r"parameter 1.running_var has 1 value that is not finite"):
        from_torch(model, image())


def test_import_of_a_clean_model_warns_about_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_torch(randomized(Net()).eval(), np.zeros((2, 3, 8, 8), np.uint8))
