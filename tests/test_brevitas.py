"""
Networks of Brevitas layers, imported directly and by way of QONNX.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from agreement import imported, lowered
from onnx_files import executed
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp, f64

import blendir
from blendir.dialects.blend import BinaryConv2dOp, BinaryLinearOp, BlendOp, ClampOp, Conv2dOp, ThresholdOp, tensor_type

with warnings.catch_warnings():
    # of libraries that Brevitas looks for
    warnings.simplefilter("ignore")
    import brevitas.nn as qnn
    from brevitas.export import export_qonnx
    from brevitas.quant import (
        Int8ActPerTensorFloat,
        Int8Bias,
        Int8WeightPerChannelFloat,
        SignedBinaryActPerTensorConst,
        SignedBinaryWeightPerTensorConst,
    )


class Activation(SignedBinaryActPerTensorConst):
    min_val, max_val = -0.5, 0.5


def sign(quantizer: Any = Activation, **options: Any) -> nn.Module:
    return qnn.QuantIdentity(act_quant=quantizer, **options)


def binary(layer: Any, *sizes: int, **options: Any) -> nn.Module:
    return layer(*sizes, bias=False, weight_quant=SignedBinaryWeightPerTensorConst, **options)


def convolutional() -> nn.Module:
    """
    Eight bits in the first layer, binary weights and activations after it.
    """
    return nn.Sequential(
        qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat, return_quant_tensor=True),
        qnn.QuantConv2d(3, 6, 3, padding=1, bias=True, weight_quant=Int8WeightPerChannelFloat),
        nn.BatchNorm2d(6),
        sign(),
        binary(qnn.QuantConv2d, 6, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        sign(SignedBinaryActPerTensorConst, return_quant_tensor=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        binary(qnn.QuantLinear, 128, 5),
        nn.BatchNorm1d(5),
    )


class Residual(nn.Module):
    """
    A real first and last layer, and a binary block with a skip between them.
    """

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.sign = sign(return_quant_tensor=True)
        self.conv = binary(qnn.QuantConv2d, 6, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.act = nn.PReLU(6)
        self.head = qnn.QuantLinear(6, 5, bias=True, weight_quant=None)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head((self.act(self.norm(self.conv(self.sign(x)))) + x).mean((2, 3)))


def prepared(model: nn.Module) -> nn.Module:
    """
    In evaluation mode, with scales of activations seen and random statistics.
    """
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        model(torch.randn(8, 3, 8, 8, generator=rng))
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                for values, spread in ((norm.weight, 1.0), (norm.bias, 0.3), (norm.running_mean, 0.3)):
                    assert values is not None
                    values.copy_(spread * torch.randn(values.shape, generator=rng))
    return model.eval()


FRAMES = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))
NETWORKS = {"convolutional": convolutional, "residual": Residual}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> tuple[str, nn.Module, ModuleOp]:
    """
    A network: its name, its model, and its module, which computes what Brevitas computes in float64.
    """
    torch.manual_seed(0)
    model = prepared(NETWORKS[request.param]())
    return request.param, model, imported(model, FRAMES)


def layers(module: ModuleOp, *kinds: type[BlendOp]) -> list[str]:
    return [op.layer_name for op in module.walk() if isinstance(op, kinds)]


def test_layers_are_recognized(network: tuple[str, nn.Module, ModuleOp]):
    name, _, module = network
    real, bits = (["1"], ["4", "10"]) if name == "convolutional" else (["stem"], ["conv"])
    assert layers(module, Conv2dOp) == real
    assert layers(module, BinaryConv2dOp, BinaryLinearOp) == bits
    # one per quantizer
    assert len(layers(module, ClampOp)) == (3 if name == "convolutional" else 1)


def test_stages_agree(network: tuple[str, nn.Module, ModuleOp]):
    name, _, module = network
    stages = lowered(module, FRAMES)
    thresholds = [op for op in stages["folded"].walk() if isinstance(op, ThresholdOp)]
    on_integers = [op.layer_name for op in thresholds if tensor_type(op.input).element_type != f64]
    assert on_integers == (["6.ge"] if name == "convolutional" else [])


def test_the_export_computes_the_same(network: tuple[str, nn.Module, ModuleOp], tmp_path: Path):
    _, model, module = network
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        export_qonnx(model, args=FRAMES[:1], export_path=str(path))
    y = blendir.run(blendir.from_onnx(path), FRAMES.numpy())
    want = executed(path, FRAMES.numpy())["output"]
    np.testing.assert_allclose(y, want, 1e-4, 1e-4)
    np.testing.assert_array_equal(y.argmax(1), want.argmax(1))
    np.testing.assert_allclose(y, blendir.run(module, FRAMES.numpy()), 1e-4, 1e-4)


def test_the_model_is_not_changed(network: tuple[str, nn.Module, ModuleOp]):
    name, model, _ = network
    layer = model[6] if name == "convolutional" else model.sign
    assert layer.return_quant_tensor
    assert not layer.act_quant.skip_create_quant_tensor


def test_a_bias_by_the_scale_of_its_input_is_refused():
    model = nn.Sequential(
        sign(return_quant_tensor=True),
        qnn.QuantLinear(4, 2, bias=True, weight_quant=SignedBinaryWeightPerTensorConst, bias_quant=Int8Bias),
    )
    with pytest.raises(ValueError, match=r"PyTorch cannot trace the model .*: .*[Ii]nput scale"):
        blendir.from_torch(model.eval(), torch.ones(1, 4))


def test_thresholds_behind_a_clamp_are_exact():
    class Unit(SignedBinaryWeightPerTensorConst):
        scaling_const = 1.0

    head = qnn.QuantLinear(3, 1, bias=False, weight_quant=Unit)
    model = nn.Sequential(sign(), head, nn.BatchNorm1d(1, eps=0.0), sign(), nn.Linear(1, 1)).eval()
    with torch.no_grad():
        head.weight.fill_(1.0)
        model[2].running_var.fill_(9.0)
        model[2].bias.fill_(-0.5)
        model[4].weight.fill_(1.0)
        model[4].bias.fill_(0.0)
    # bits of 1/2 add up to 3/2, which the norm maps to 3/2 / 3 - 1/2 = 0: not so with a rounded third
    frames = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 1.0]])
    module = blendir.from_torch(model, frames)
    np.testing.assert_array_equal(blendir.run(blendir.lower(module, "folded"), frames.numpy()), [[0.5], [-0.5]])
