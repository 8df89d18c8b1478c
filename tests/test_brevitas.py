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
from agreement import check_cpp, imported, lowered
from onnx_files import executed
from safetensors.torch import save_file
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp, f64

import blendir
from blendir.dialects.blend import BinaryConv2dOp, BinaryLinearOp, BlendOp, ClampOp, Conv2dOp, ThresholdOp, tensor_type
from blendir.models.checkpoint import load_weights

with warnings.catch_warnings():
    # of libraries that Brevitas looks for
    warnings.simplefilter("ignore")
    import brevitas.nn as qnn
    from brevitas.export import export_qonnx
    from brevitas.quant import (
        Int8ActPerTensorFloat,
        Int8Bias,
        Int8WeightPerChannelFloat,
        Int16Bias,
        Int32Bias,
        SignedBinaryActPerTensorConst,
        SignedBinaryWeightPerTensorConst,
        TruncTo8bit,
    )
    from brevitas.quant_tensor import QuantTensor


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


class Biased(nn.Module):
    """
    Biases by the scales of inputs, a sum that insists on formats and is rounded down, an average that drops four bits.
    """

    def __init__(self):
        super().__init__()
        self.quant = qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat, return_quant_tensor=True)
        channels: dict[str, Any] = {"weight_quant": Int8WeightPerChannelFloat, "bias_quant": Int8Bias}
        self.stem = qnn.QuantConv2d(3, 4, 3, padding=1, bias=True, return_quant_tensor=True, **channels)
        self.act = qnn.QuantReLU(bit_width=3, return_quant_tensor=True)
        self.conv = qnn.QuantConv2d(4, 4, 3, padding=1, bias=True, **channels | {"bias_quant": Int16Bias})
        self.sum = qnn.QuantIdentity(bit_width=4, float_to_int_impl_type="FLOOR", return_quant_tensor=True)
        self.pool = qnn.TruncAvgPool2d(4, trunc_quant=TruncTo8bit, bit_width=4)
        self.head = qnn.QuantLinear(16, 5, bias=True, weight_quant=Int8WeightPerChannelFloat, bias_quant=Int32Bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.stem(self.quant(x)))
        y = self.act(self.conv(x))
        assert isinstance(x, QuantTensor)
        assert isinstance(y, QuantTensor)
        return self.head(self.pool(self.sum(x + y)).flatten(1))


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
NETWORKS = {"convolutional": convolutional, "residual": Residual, "biased": Biased}


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
    real, bits, clamps = {
        "convolutional": (["1"], ["4", "10"], 3),
        "residual": (["stem"], ["conv"], 1),
        "biased": (["stem", "conv"], [], 4),
    }[name]
    assert layers(module, Conv2dOp) == real
    assert layers(module, BinaryConv2dOp, BinaryLinearOp) == bits
    assert len(layers(module, ClampOp)) == clamps  # one per use of a quantizer


def test_stages_agree(network: tuple[str, nn.Module, ModuleOp], tmp_path: Path):
    name, _, module = network
    stages = lowered(module, FRAMES)
    if name == "biased":
        check_cpp(stages, FRAMES, tmp_path)
    thresholds = [op for op in stages["folded"].walk() if isinstance(op, ThresholdOp)]
    on_integers = [op.layer_name for op in thresholds if tensor_type(op.input).element_type != f64]
    assert on_integers == (["6.ge"] if name == "convolutional" else [])


def test_the_export_computes_the_same(network: tuple[str, nn.Module, ModuleOp], tmp_path: Path):
    name, model, module = network
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        # the newer exporter cannot follow the formats of values
        export_qonnx(model, args=FRAMES[:1], export_path=str(path), dynamo=name != "biased")
    y = blendir.run(blendir.from_onnx(path), FRAMES.numpy())
    want = executed(path, FRAMES.numpy())["output"]
    np.testing.assert_allclose(y, want, 1e-4, 1e-4)
    np.testing.assert_array_equal(y.argmax(1), want.argmax(1))
    np.testing.assert_allclose(y, blendir.run(module, FRAMES.numpy()), 1e-4, 1e-4)


def test_the_model_is_not_changed(network: tuple[str, nn.Module, ModuleOp]):
    name, model, _ = network
    layer = {"convolutional": "6", "residual": "sign", "biased": "stem"}[name]
    assert model.get_submodule(layer).return_quant_tensor
    assert not any(module._forward_hooks for module in model.modules())


def test_a_bias_without_the_scale_of_an_input_is_refused():
    model = nn.Sequential(
        sign(),  # passes on values alone
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


def quantized() -> nn.Module:
    return nn.Sequential(
        qnn.QuantConv2d(3, 4, 3, weight_bit_width=4),
        nn.BatchNorm2d(4),
        qnn.QuantReLU(bit_width=4),
        nn.Flatten(),
        qnn.QuantLinear(64, 2, bias=True, weight_bit_width=4),
        qnn.QuantIdentity(bit_width=8),
    )


def test_checkpoints_with_scales_that_brevitas_makes(tmp_path: Path):
    trained = quantized()
    trained(torch.randn(8, 3, 6, 6))
    trained.eval()
    path = tmp_path / "w.safetensors"
    scales = {key: value for key, value in trained.state_dict().items() if key.endswith("scaling_impl.value")}
    assert scales.keys().isdisjoint(quantized().state_dict())
    for kept in (trained.state_dict(), {f"module.{key}": value for key, value in trained.state_dict().items()}):
        save_file(kept, path)
        model = quantized().eval()
        load_weights(model, path)
        x = torch.randn(2, 3, 6, 6)
        assert torch.equal(model(x), trained(x))
    save_file({key: value for key, value in trained.state_dict().items() if key not in scales}, path)
    with pytest.raises(ValueError, match=r"lacks 2 keys: 2\.act_quant.*scaling_impl\.value, 5\.act_quant"):
        load_weights(quantized().eval(), path)
    (key, *_) = scales
    save_file(trained.state_dict() | {key: torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"w\.safetensors: does not fit the model: .*scaling_impl\.value"):
        load_weights(quantized().eval(), path)
