"""
Quantizers of `torch.ao.quantization`: the levels that PyTorch computes, ties and every zero point among them.
"""

import re
import warnings

import numpy as np
import pytest
import torch
import torch.ao.quantization as ao
from agreement import lowered
from imports import Lambda, image, refused
from torch import Tensor, nn

from blendir.frontend import from_torch
from blendir.interpreter import run_module

TIES = ((torch.arange(256.0) - 128.5) / 8).reshape(4, 4, 4, 4)
RANGES = [(-8, 7), (-128, 127), (0, 15), (0, 255), (0, 1), (-1, 0)]


def same(model: nn.Module, frames: Tensor) -> None:
    """
    Every number is on the level that PyTorch's float32 puts it on.
    """
    module = from_torch(model.eval(), frames)
    with torch.no_grad():
        want = model(frames).numpy()
    np.testing.assert_allclose(run_module(module, frames.numpy()), want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("tensors", [False, True])
def test_one_scale(low: int, high: int, tensors: bool):
    for zero in {low, high, (low + high) // 2, min(max(0, low), high)}:
        for scale in (0.125, 0.5, 0.1):
            numbers = (torch.tensor(scale), torch.tensor(zero, dtype=torch.int32)) if tensors else (scale, zero)
            same(Lambda(lambda x, n=numbers: torch.fake_quantize_per_tensor_affine(x, *n, low, high)), TIES)


@pytest.mark.parametrize(
    "zero",
    [torch.tensor([0, 3, -2, 1]).int(), torch.tensor([0.0, 3.0, -2.0, 1.0]), torch.tensor([0.5, 3.0, -2.0, 1.0])],
)
@pytest.mark.parametrize("axis", [1, 3])
def test_scales_of_channels(zero: Tensor, axis: int):
    """
    PyTorch rounds before it adds zero points that are integers, and after it adds floats.
    """
    for scales in (torch.full((4,), 0.125), torch.tensor([0.125, 0.25, 0.1, 0.3])):
        same(Lambda(lambda x, s=scales: torch.fake_quantize_per_channel_affine(x, s, zero, axis, -8, 7)), TIES)


def test_levels_are_the_same_integers_at_every_stage():
    model = Lambda(lambda x: torch.fake_quantize_per_tensor_affine(x, 0.25, 3, -8, 7)).eval()
    lowered(from_torch(model, image()), image())


class Trained(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant, self.conv, self.norm = ao.QuantStub(), nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)
        self.act, self.last, self.back = nn.ReLU(), nn.Linear(24, 3), ao.DeQuantStub()

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norm(self.conv(self.quant(x))))
        return self.back(self.last(y.flatten(1)))


def prepared(backend: str, fused: bool) -> nn.Module:
    """
    A network in the middle of training for quantization.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Trained()
        if fused:
            model = ao.fuse_modules_qat(model, [["conv", "norm", "act"]])
        model.qconfig = ao.get_default_qat_qconfig(backend)
        model = ao.prepare_qat(model)
        for _ in range(3):
            model(image())
    return model.eval()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("backend", ["fbgemm", "qnnpack"])
@pytest.mark.parametrize("fused", [False, True])
def test_networks_in_training_for_quantization(backend: str, fused: bool):
    torch.manual_seed(0)
    model = prepared(backend, fused)
    model.apply(ao.disable_observer)
    same(model, image())
    lowered(from_torch(model, image()), image())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_switched_off_it_does_nothing():
    torch.manual_seed(0)
    model = prepared("fbgemm", False)
    model.apply(ao.disable_observer)
    model.apply(ao.disable_fake_quant)
    assert "blend.round" not in str(from_torch(model, image()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class Shared(nn.Module):
    """
    A quantizer under two names, as `prepare_qat_fx` has them.
    """

    def __init__(self, quantizer: nn.Module):
        super().__init__()
        self.before = self.after = quantizer

    def forward(self, x: Tensor) -> Tensor:
        return self.after(torch.relu(self.before(x)) * 0.75)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_a_quantizer_of_two_layers():
    quantizer = ao.FusedMovingAvgObsFakeQuantize()
    quantizer(TIES)
    same(Shared(quantizer.apply(ao.disable_observer)), TIES)


def test_observers_that_watch_are_refused():
    error = refused(prepared("fbgemm", False), image())
    message = "updates its scale in evaluation mode: call model.apply(torch.ao.quantization.disable_observer) before"
    assert any(
        reason.startswith("aten._fused_moving_avg_obs_fq_helper") and message in reason
        for _, reason in error.operations
    )


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: torch.fake_quantize_per_tensor_affine(x, 0.0, 0, -8, 7), "with a scale that is not above 0"),
        (
            lambda x: torch.fake_quantize_per_channel_affine(x, x.amax((0, 2, 3)), torch.zeros(4).int(), 1, -8, 7),
            "with a scale or zero point that depends on the input",
        ),
    ],
)
def test_what_is_refused(function, message: str):
    error = refused(Lambda(function), image())
    assert any(re.search(message, reason) for _, reason in error.operations)


class Apot(nn.Conv2d):
    """
    Weights that are sums of powers of two (Li et al., 2020), computed from parameters.
    """

    def forward(self, x: Tensor) -> Tensor:
        levels = torch.tensor([a + b for a in (0.0, 0.5, 0.25, 0.125) for b in (0.0, 0.375, 0.1875)], dtype=x.dtype)
        scaled = (self.weight.abs() / self.weight.abs().max()).reshape(-1, 1)
        nearest = levels[(scaled - levels.sort().values).abs().argmin(1)].reshape(self.weight.shape)
        return self._conv_forward(x, nearest * self.weight.sign(), self.bias)


def test_powers_of_two_as_weights():
    torch.manual_seed(0)
    module = from_torch(Apot(4, 5, 3).eval(), image())
    assert [op.name for op in module.walk() if op.name.startswith("blend.") and op.name != "blend.constant"] == [
        "blend.conv2d"
    ]
