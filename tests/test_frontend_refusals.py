"""
Models, operations and examples that are refused, in one message.
"""

import re
import warnings
from pathlib import Path
from threading import Lock

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from imports import Function, Lambda, image, refused
from torch import nn

import blendir
from blendir.frontend import UnsupportedModelError, from_torch, supported_operations
from blendir.frontend.errors import SCORES


def test_all_unsupported_operations_are_listed_at_once():
    lambdas = Lambda(torch.cos), Lambda(lambda x: x.exp() / x)
    error = refused(nn.Sequential(nn.UpsamplingBilinear2d(scale_factor=2), *lambdas, nn.Softmax(1)), image())
    here = r" \(imports.py:\d+\)"
    expected = (
        ("0", "aten.upsample_bilinear2d.vec"),
        ("1", r"aten.cos.default \(imports.py:\d+\)"),
        ("2.exp", f"aten.exp.default{here}"),
        ("2.div", f"aten.div.Tensor by a value{here}"),
        ("3", re.escape(f"aten.softmax.int is {SCORES}")),
    )
    assert [layer for layer, _ in error.operations] == [layer for layer, _ in expected]
    assert all(re.fullmatch(e[1], found[1]) for e, found in zip(expected, error.operations, strict=True))
    assert str(error).startswith("5 operations of the model cannot be translated:\n  0: aten.upsample_bilinear2d.vec")
    assert len(str(error).splitlines()) == 7
    assert "docs/import.md" in str(error)
    assert "BatchNorm2d" in error.supported["modules"]
    assert "aten.conv2d" in error.supported["operations of PyTorch"]


def test_the_documentation_lists_what_is_supported():
    """
    So does the function behind `blendir ops`.
    """
    listed = (Path(__file__).parents[1] / "docs" / "import.md").read_text().split("## Modules and operations")[1]
    listed = listed.partition("\n## ")[0]
    error = refused(Lambda(lambda x: x.softmax(1)), image())
    assert {**error.supported, "ONNX operations": supported_operations()["ONNX operations"]} == supported_operations()
    assert str(error).splitlines()[-1] == (
        "blendir ops and docs/import.md list what can: modules and operations of PyTorch"
    )
    assert set(re.findall(r"`(aten\.\w+)`", listed)) == set(error.supported["operations of PyTorch"])
    assert all(name in listed.replace("`", "").replace("\n", " ") for name in error.supported["modules"])


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_scores_have_the_remedy_that_onnx_has(name: str):
    error = refused(Lambda(lambda x: getattr(torch, name)(x, 1)), image())
    ((_, reason),) = error.operations
    assert "end the network before it, the largest score stays the largest" in reason


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(8, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.act = Lambda(torch.cos)

    def forward(self, x):
        y = self.embed(x)
        return self.act(self.attention(y, y, y, need_weights=False)[0])


def test_a_module_of_many_operations_is_one_cause():
    error = refused(Attention(), torch.zeros(1, 5, 8))
    (module, reason), (act, cos) = error.operations
    assert (module, act) == ("attention", "act")
    assert re.fullmatch(r"aten.cos.default \(imports.py:\d+\)", cos)
    line = r"\(test_frontend_refusals.py:\d+\)"
    assert re.fullmatch(
        rf"torch\.nn\.MultiheadAttention \(\d+ operations in it\) has no translation; .* {line}", reason
    )


UNSUPPORTED: dict[str, tuple[Function, str]] = {
    "batch mean": (lambda x: x - x.mean(0, keepdim=True), "leading dimension, the batch"),
    "batch cat": (lambda x: torch.cat([x, x]), "leading dimension, the batch"),
    "batch view": (lambda x: x.view(4, 16), "the batch, the leading dimension"),
    "batch transpose": (lambda x: x.transpose(0, 1), "leading dimension, the batch"),
    "batch squeeze": (lambda x: x.mean((2, 3), keepdim=True).squeeze(), r"use flatten\(1\)"),
    "negative": (lambda x: F.avg_pool2d(x, 2, divisor_override=-4), "divisor_override = -4"),
    "infinite pad": (lambda x: F.pad(x, (1, 1), value=-torch.inf), "after a border that is infinite"),
    "empty maximum": (lambda x: F.max_pool2d(F.pad(x, (3, 0), value=-torch.inf), 2), "they have no maximum"),
    "map": (lambda x: (x > torch.arange(16.0).view(4, 4)).float(), "vary along dimensions"),
    "per element": (lambda x: x.clamp(torch.arange(4.0), 5.0 + torch.arange(4.0)), "not one number"),
    "indices": (lambda x: F.max_pool2d(x, 2, return_indices=True)[1].float(), "result 1"),
    "infinite": (lambda x: x / 0, "not finite"),
    "truncated": (lambda x: x.int().float(), "from float32 to int32"),
    "features": (lambda x: F.linear(x, torch.ones(4)), "with weights"),
    "or": (lambda x: ((x > 0) + (x > 1)).float(), "of bits, which is 'or' in PyTorch"),
    "whole sum": (lambda x: x.sum((2, 3), dtype=torch.int64).float(), "from float32 to int64"),
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


def scripted(model: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(model)


class Locked(nn.Module):
    def __init__(self):
        super().__init__()
        self.lock = Lock()

    def forward(self, x):
        return x


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Locked(), "PyTorch cannot copy the model: cannot pickle '_thread.lock' object"),
        (
            Lambda(lambda x: x * x.max().item()),
            r"makes a number of Python from values .*: keep it a tensor \(imports.py:\d+\)",
        ),
        (Two(), r"the model has 2 inputs \(image, mask\)"),
        (Lambda(lambda x: (x.relu(), [x.sign()])), "output 1 of the model is a list: return tensors side by side"),
        (Lambda(lambda x: torch.ones(1, 3)), "does not depend on its input"),
        (
            Lambda(lambda x: x if x.sum() > 0 else -x),
            r"torch\.where \(test_frontend_refusals\.py:\d+: \(?Lambda",
        ),
        (Lambda(lambda x: x * float(x.max())), r"torch\.where \(test_frontend_refusals\.py:\d+: \(?Lambda"),
        (Lambda(lambda x: x.view(7, 9)), r"invalid for input of size 64 \(test_frontend_refusals\.py:\d+: \(?Lambda"),
        (nn.Sequential(nn.ReLU(), scripted(nn.ReLU())), "^1 is TorchScript"),
        (nn.Conv2d(3, 4, 1), r"on an example of shape \[1, 4, 4, 4\], float32"),
    ],
)
def test_models_that_do_not_fit(model: nn.Module, message: str):
    with pytest.raises(ValueError, match=message):
        from_torch(model.eval(), image())


def nested(depth: int) -> nn.Module:
    model = nn.Linear(4, 4)
    for _ in range(depth):
        model = nn.Sequential(model)
    return model


WRONG_MODELS = {
    "class": (nn.ReLU, r"^the model is the class ReLU: give a network, as ReLU\(\)$"),
    "number": (42, r"^the model should be an nn.Module, got int$"),
    "none": (None, r"^the model should be an nn.Module, got NoneType$"),
    "deep": (nested(5000), r"^the model is nested too deeply for Python: put its layers side by side"),
}


@pytest.mark.parametrize("kind", WRONG_MODELS)
def test_what_is_no_model(kind: str, tmp_path: Path):
    model, message = WRONG_MODELS[kind]
    with pytest.raises(ValueError, match=message):
        from_torch(model, torch.zeros(1, 4))
    with pytest.raises(ValueError, match=message):
        blendir.compile(model, tmp_path / "out", example=np.zeros((1, 4)))
    for use in (lambda: blendir.lower(model, "folded"), lambda: blendir.run(model, np.zeros((1, 4)))):
        with pytest.raises(ValueError, match=r"^a module of blendir is needed \(from_torch makes one\), got "):
            use()


def test_tracing_that_fails_says_nothing_on_the_side(capfd: pytest.CaptureFixture[str]):
    with pytest.raises(ValueError, match="by values"):
        from_torch(Lambda(lambda x: x if x.sum() > 0 else -x).eval(), image())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ([[0.0]], r"^the example should be an array or a tensor \[N, ..\], got list: give numpy.array"),
        (None, "got NoneType"),
        (np.zeros((0, 3)), "at least one frame"),
        (np.zeros(3), "at least one frame"),
        (np.zeros((1, 3), np.int64), "floats, uint8 or int8"),
        (np.array([["a", "b"]]), "floats, uint8 or int8"),
    ],
)
def test_examples_that_do_not_fit(example: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message):
        from_torch(nn.ReLU().eval(), example)
