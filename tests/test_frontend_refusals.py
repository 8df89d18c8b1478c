"""
Models, operations and examples that are refused, in one message.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from imports import Function, Lambda, image, refused
from torch import nn

from blendir.frontend import UnsupportedModelError, from_torch


def test_all_unsupported_operations_are_listed_at_once():
    model = nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), nn.ELU(), Lambda(lambda x: x.exp() / x), nn.Softmax(1))
    error = refused(model, image())
    assert error.operations == (
        ("0", "aten.conv2d.default with groups = 2"),
        ("1", "aten.elu.default"),
        ("2.exp", "aten.exp.default"),
        ("2.div", "aten.div.Tensor by a value"),
        ("3", "aten.softmax.int"),
    )
    assert str(error).startswith("5 operations of the model cannot be translated:\n  0: aten.conv2d.default with")
    assert "BatchNorm2d" in str(error)
    assert "aten.conv2d, " in str(error)


UNSUPPORTED: dict[str, tuple[Function, str]] = {
    "batch mean": (lambda x: x - x.mean(0, keepdim=True), "leading dimension, the batch"),
    "batch cat": (lambda x: torch.cat([x, x]), "leading dimension, the batch"),
    "batch view": (lambda x: x.view(4, 16), "the batch, the leading dimension"),
    "batch transpose": (lambda x: x.transpose(0, 1), "leading dimension, the batch"),
    "batch squeeze": (lambda x: x.mean((2, 3), keepdim=True).squeeze(), r"use flatten\(1\)"),
    "dilation": (lambda x: F.conv2d(x, torch.ones(1, 4, 2, 2), dilation=2), "dilation = 2"),
    "pool dilation": (lambda x: F.max_pool2d(x, 2, dilation=2), "dilation"),
    "ceil": (lambda x: F.avg_pool2d(x, 3, ceil_mode=True), "ceil_mode"),
    "uncounted": (lambda x: F.avg_pool2d(x, 3, padding=1, count_include_pad=False), "count_include_pad"),
    "adaptive": (lambda x: F.adaptive_avg_pool2d(x, 3), "does not divide"),
    "even same": (lambda x: F.conv2d(x, torch.ones(1, 4, 2, 2), padding="same"), "even kernel"),
    "big padding": (lambda x: F.conv2d(x, torch.ones(1, 4, 1, 1), padding=1), "smaller than the kernel"),
    "lone pad": (lambda x: F.relu(F.pad(x, (1, 1))), "not followed by a convolution"),
    "reflect": (lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"), "mode reflect"),
    "lopsided": (lambda x: F.conv2d(F.pad(x, (1, 0)), torch.ones(1, 4, 1, 2)), "not symmetric"),
    "map": (lambda x: (x > torch.arange(16.0).view(4, 4)).float(), "vary along dimensions"),
    "per element": (lambda x: x.clamp(torch.arange(4.0), 5.0 + torch.arange(4.0)), "not one number"),
    "part": (lambda x: x[:, :, 1:], "aten.slice.Tensor"),
    "chunk": (lambda x: x.chunk(2, 2)[1], "aten.split.Tensor"),
    "indices": (lambda x: F.max_pool2d(x, 2, return_indices=True)[1].float(), "result 1"),
    "infinite": (lambda x: x / 0, "not finite"),
    "truncated": (lambda x: x.int().float(), "from float32 to int32"),
    "features": (lambda x: F.linear(x, torch.ones(4)), "with weights"),
    "or": (lambda x: ((x > 0) + (x > 1)).float(), "of bits, which is 'or' in PyTorch"),
    "whole sum": (lambda x: x.sum((2, 3), dtype=torch.int64).float(), "from float32 to int64"),
    "wider maximum": (lambda x: torch.maximum(x.mean(1, keepdim=True), torch.zeros(1, 3, 1, 1)), "broadcasts to"),
    "wider clamp": (lambda x: x.mean(1, keepdim=True).clamp(max=torch.ones(1, 3, 1, 1)), "broadcasts to"),
    "random": (lambda x: x + torch.rand(4, 4, 4), "aten.rand.default"),
    "random weights": (lambda x: F.linear(x, F.dropout(torch.ones(2, 4))), "aten.native_dropout.default"),
    "statistics": (lambda x: F.batch_norm(x, None, None, training=True), "batch_norm"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported(name: str):
    function, message = UNSUPPORTED[name]
    with pytest.raises(UnsupportedModelError, match=message):
        from_torch(Lambda(function).eval(), image())


class Two(nn.Module):
    def forward(self, image, mask):
        return image * mask


class Cached(nn.Module):
    """
    Holds what it has computed from its parameter, as the old weight_norm does.
    """

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))
        self.doubled = 2 * self.weight

    def forward(self, x):
        return x * self.doubled


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Cached(), "PyTorch cannot copy the model: Only Tensors created explicitly"),
        (Two(), r"the model has 2 inputs \(image, mask\)"),
        (Lambda(lambda x: (x.relu(), x.sign())), r"the model has 2 outputs \(relu, sign\)"),
        (Lambda(lambda x: torch.ones(1, 3)), "does not depend on its input"),
        (Lambda(lambda x: x if x.sum() > 0 else -x), "PyTorch cannot trace the model on an example of shape"),
        (nn.Conv2d(3, 4, 1), r"on an example of shape \[1, 4, 4, 4\], float32"),
    ],
)
def test_models_that_do_not_fit(model: nn.Module, message: str):
    with pytest.raises(ValueError, match=message):
        from_torch(model.eval(), image())


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (np.zeros((0, 3)), "at least one frame"),
        (np.zeros(3), "at least one frame"),
        (np.zeros((1, 3), np.int64), "floats or uint8"),
        (np.array([["a", "b"]]), "floats or uint8"),
    ],
)
def test_examples_that_do_not_fit(example: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message):
        from_torch(nn.ReLU().eval(), example)
