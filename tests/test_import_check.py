"""
The check of an import against the model in float64: it finds what is translated or rewritten wrongly, and only that.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx_files import OnnxFile
from torch import Tensor, nn
from torch.nn import functional
from xdsl.dialects.builtin import ModuleOp, f64
from xdsl.ir import SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

import blendir
from blendir.dialects.blend import ConstantOp, LinearOp, constant_value
from blendir.frontend.onnx_files import network as onnx_network
from blendir.frontend.table import TABLE
from blendir.passes.agreement import APART, SHAKE, shaken
from blendir.passes.fold.fold_bn import FoldBNPass
from blendir.pipeline import InternalError

FRAMES = np.random.default_rng(0).normal(size=(2, 3, 8, 8))


class Block(nn.Module):
    """
    A residual block with a function call in the middle.
    """

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.PReLU(4)

    def forward(self, x: Tensor) -> Tensor:
        return functional.gelu(self.act(self.norm(self.conv(x)))) + 0.5 * x


class Net(nn.Module):
    """
    What the mistranslations are tried on.
    """

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.blocks = nn.Sequential(Block(), nn.MaxPool2d(2), Block())
        self.head = nn.Linear(36, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)).flatten(1))


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return Net().eval()


def slightly_wrong(translate: Callable[..., Any]) -> Callable[..., Any]:
    """
    A translation whose results are a millionth too large.
    """

    @functools.wraps(translate)
    def wrong(emitter: Any, *args: Any, **kwargs: Any) -> Any:
        result = translate(emitter, *args, **kwargs)
        first = result[0] if isinstance(result, tuple) else result
        assert isinstance(first, SSAValue)
        scaled = emitter.affine(first, scale=1 + 1e-6, word="wrong")
        return (scaled, *result[1:]) if isinstance(result, tuple) else scaled

    return wrong


@pytest.mark.parametrize(
    ("target", "layer"),
    [
        ("aten.conv2d.default", "stem.wrong"),
        ("aten._native_batch_norm_legit_no_training.default", "blocks.0.norm.wrong"),
        ("aten.prelu.default", "blocks.0.act.wrong"),
        ("aten.gelu.default", "blocks.0.gelu.wrong"),
        ("aten.mul.Tensor", "blocks.0.mul.wrong"),
        ("aten.add.Tensor", "blocks.0.add.wrong"),
        ("aten.max_pool2d.default", "blocks.1.wrong"),
        ("aten.linear.default", "head.wrong"),
    ],
)
def test_a_wrong_translation_is_found_and_named(monkeypatch: pytest.MonkeyPatch, target: str, layer: str) -> None:
    model = net()
    right = blendir.from_torch(model, FRAMES)
    monkeypatch.setitem(TABLE, target, replace(TABLE[target], translate=slightly_wrong(TABLE[target].translate)))
    with pytest.raises(blendir.ImportMismatchError, match=f"{target} is translated wrongly") as caught:
        blendir.from_torch(model, FRAMES)
    assert caught.value.layer == layer
    assert caught.value.difference is not None
    assert 0 < caught.value.difference < 1e-3
    wrong = blendir.from_torch(model, FRAMES, check=False)
    assert str(wrong) != str(right)


class Asks(nn.Module):
    """
    Computes one thing while it is traced and another while it runs.
    """

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x if torch.compiler.is_compiling() else -x)


def test_a_trace_of_something_else_is_found() -> None:
    with pytest.raises(blendir.ImportMismatchError, match="PyTorch traces another computation") as caught:
        blendir.from_torch(Asks().eval(), FRAMES)
    assert caught.value.layer == "layers.0"


class Counts(nn.Module):
    """
    Scales by the number of its calls.
    """

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.calls


def test_numbers_that_are_kept_between_calls_are_asked_for() -> None:
    with pytest.raises(blendir.ImportMismatchError, match="or keep numbers for later calls"):
        blendir.from_torch(Counts().eval(), FRAMES)


def test_the_model_and_the_random_numbers_stay_as_they_are() -> None:
    model = net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    state, kind = torch.get_rng_state(), torch.get_default_dtype()
    blendir.from_torch(model, FRAMES)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_default_dtype() == kind
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(not m._forward_hooks and not m.training for m in model.modules())
    assert next(model.parameters()).dtype == torch.float32


class Casts(nn.Module):
    """
    Casts to half and single precision, in place and not, as mixed-precision code does.
    """

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1 / 3))

    def forward(self, x: Tensor) -> Tensor:
        y = x.half().float() * self.scale.to(torch.bfloat16).float() + torch.tensor(0.1)
        return y.mul_(1 / 7).relu_().sub(torch.full((3, 1, 1), 0.2)).sign_() * torch.arange(3.0).view(3, 1, 1)


def test_casts_are_the_identity_on_both_sides() -> None:
    assert blendir.from_torch(Casts().eval(), FRAMES) is not None


@pytest.mark.parametrize("seed", range(5))
def test_sums_that_equal_a_mean_are_no_difference(seed: int) -> None:
    """
    PyTorch rounds where they should be 0, and its sign may be -1.
    """
    generator = torch.Generator().manual_seed(seed)
    conv, norm = nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6)
    model = nn.Sequential(Signs(), conv, norm, Signs(), nn.Conv2d(6, 3, 1)).eval()
    with torch.no_grad():
        conv.weight.copy_(torch.randn(6, 3, 3, 3, generator=generator).sign())
        norm.running_mean.copy_(torch.tensor([-3.0, -1.0, 1.0, 1.0, 3.0, 5.0]))
        norm.running_var.uniform_(0.1, 9, generator=generator)
        norm.weight.uniform_(0.1, 3, generator=generator)
        sums = conv(torch.sign(torch.from_numpy(FRAMES).float()))
    assert bool((sums == norm.running_mean.view(6, 1, 1)).any())
    assert blendir.from_torch(model, FRAMES)


class Signs(nn.Module):
    """
    The sign, by a function call.
    """

    def forward(self, x: Tensor) -> Tensor:
        return torch.sign(x)


class SinglePrecision(nn.Module):
    """
    Fails in anything but float32.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not torch.compiler.is_compiling() and x.dtype != torch.float32:
            raise TypeError("only float32 here")
        return x + 1


def test_a_model_that_fails_in_float64_is_imported_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="not compared with the model.*only float32 here"):
        blendir.from_torch(SinglePrecision().eval(), FRAMES)


def test_a_wrong_node_of_a_file_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = OnnxFile((1, 1, 6, 6))
    x = file.add("Flatten", "input")
    file.add("Gemm", x, file.rng.standard_normal((5, 36)), np.arange(5.0), name="head", transB=1, alpha=0.5)
    file.save(tmp_path / "net.onnx")
    blendir.from_onnx(tmp_path / "net.onnx")
    right = onnx_network.operation_of

    def wrong(node: Any) -> Any:
        operation = right(node)
        return operation if node.op != "Gemm" else lambda n, *v: operation(n, *v) * (1 + 1e-4)

    monkeypatch.setattr(onnx_network, "operation_of", wrong)
    with pytest.raises(blendir.ImportMismatchError, match="Gemm is not ONNX's") as caught:
        blendir.from_onnx(tmp_path / "net.onnx")
    assert caught.value.layer == "head"
    assert blendir.from_onnx(tmp_path / "net.onnx", check=False)


def test_a_wrong_folding_is_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    module = blendir.from_torch(net(), FRAMES)
    right = FoldBNPass.apply

    def wrong(self: FoldBNPass, ctx: Any, op: ModuleOp) -> None:
        right(self, ctx, op)
        head = next(inner for inner in op.walk() if isinstance(inner, LinearOp))
        weight = ConstantOp.from_numpy(constant_value(head.weight) * (1 + 1e-6), f64)
        Rewriter.insert_op(weight, InsertPoint.before(head))
        head.operands[1] = weight.result

    monkeypatch.setattr(FoldBNPass, "apply", wrong)
    with pytest.raises(InternalError, match="head computes something else than before"):
        blendir.lower(module, "folded")
    assert blendir.lower(module, "folded", check=False)


class OnlyPads(nn.Module):
    """
    Sums of pad values that cancel, in an order that differs between libraries.
    """

    def __init__(self, seed: int):
        super().__init__()
        signs = torch.from_numpy(np.random.default_rng(seed).permuted(np.resize([1.0, -1.0], (4, 8 * 8)), axis=1))
        self.weight = nn.Parameter(torch.zeros(4, 8, 3, 3, dtype=torch.float64))
        with torch.no_grad():
            taps = [tap for tap in range(9) if tap != 4]
            self.weight.reshape(4, 8, 9)[:, :, taps] = signs.reshape(4, 8, 8) * 0.1371

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(functional.pad(x, (1, 1, 1, 1), value=-1.1), self.weight)


@pytest.mark.parametrize("seed", range(8))
def test_sums_of_pad_values_that_cancel_are_no_difference(seed: int) -> None:
    blendir.from_torch(OnlyPads(seed).double().eval(), torch.zeros(1, 8, 1, 1, dtype=torch.float64))


def test_every_number_is_moved_and_away_from_others() -> None:
    x = np.random.default_rng(0).normal(size=10_000)
    near, far = (shaken(x, np.random.default_rng(seed), times) / x - 1 for seed, times in ((1, 1.0), (2, APART)))
    assert 0.2 * SHAKE < np.abs(near).min() <= np.abs(near).max() < 1.3 * SHAKE
    assert np.abs(near - far).min() > 0.1 * SHAKE


@pytest.mark.parametrize("seed", range(20))
def test_one_number_that_equals_its_mean_is_no_difference(seed: int) -> None:
    """
    PyTorch subtracts the mean after both are scaled, which leaves the rounding.
    """
    norm = nn.BatchNorm2d(1)
    value = np.random.default_rng(seed).normal(size=(1, 1, 1, 1))
    with torch.no_grad():
        norm.running_mean.copy_(torch.from_numpy(value.ravel()))
        norm.running_var.fill_(0.02)

    class Constant(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 0.0 * x + norm.running_mean

    assert blendir.from_torch(nn.Sequential(Constant(), norm).eval(), np.ones((1, 1, 1, 1), np.float32))


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16, torch.float64])
def test_models_of_any_precision_are_compared(precision: torch.dtype) -> None:
    """
    numpy has no bfloat16; the imported module computes in float64 what the parameters say.
    """
    network = Net().eval().to(precision)
    module = blendir.from_torch(network, torch.from_numpy(FRAMES).to(precision))
    np.testing.assert_allclose(
        blendir.run(module, FRAMES), network.double()(torch.from_numpy(FRAMES)).detach().numpy(), rtol=0, atol=1e-9
    )
