"""
Models that PyTorch has traced before: exported programs, their files, TorchScript.
"""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from imports import expected, image, operations
from torch import Tensor, nn

import blendir
from blendir.frontend import from_torch
from blendir.interpreter import run_module


@pytest.fixture(autouse=True)
def deprecated() -> Iterator[None]:
    """
    TorchScript is.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 5, 3)
        self.rest = nn.Sequential(nn.BatchNorm2d(5), nn.ReLU())
        self.last = nn.Linear(20, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.rest(self.conv(x)).flatten(1))


def exported(model: nn.Module, frames: Tensor, **options: Any) -> torch.export.ExportedProgram:
    return torch.export.export(model, (frames,), **options)


FORMS: dict[str, tuple[Callable[[nn.Module, Path], Any], list[str]]] = {
    "program": (lambda m, _: exported(m, image()[:1]), ["conv", "rest.0", "rest.1", "reshape", "last"]),
    "of any batch": (
        lambda m, _: exported(m, image(), dynamic_shapes=({0: torch.export.Dim("n")},)),
        ["conv", "rest.0", "rest.1", "reshape", "last"],
    ),
    "traced": (lambda m, _: torch.jit.trace(m, image()[:1]), ["conv", "bn", "relu", "reshape", "linear"]),
    "scripted": (lambda m, _: torch.jit.script(m), ["conv", "bn", "relu", "reshape", "linear"]),
}


def saved(model: nn.Module, folder: Path) -> Path:
    torch.export.save(exported(model, image()[:1]), folder / "net.pt2")
    return folder / "net.pt2"


@pytest.mark.parametrize("form", [*FORMS, "file"])
def test_forms_of_a_model(form: str, tmp_path: Path):
    model = Network().eval()
    make, layers = FORMS.get(form, (saved, FORMS["program"][1]))
    given = make(model, tmp_path)
    module = from_torch(given, image())
    np.testing.assert_allclose(run_module(module, image().numpy()), expected(model, image()), rtol=1e-9, atol=1e-9)
    assert [op.layer_name for op in operations(module)] == layers
    assert (
        isinstance(given, Path)
        or {v.dtype for v in given.state_dict().values() if v.is_floating_point()} == {torch.float32}
        if callable(getattr(given, "state_dict", None))
        else True
    )
    frames = image().numpy()
    build = blendir.compile(given, tmp_path / "design", example=frames, calibration=frames)
    np.testing.assert_array_equal(
        blendir.run(build.module, frames), blendir.run(blendir.lower(module, "fixed", frames), frames)
    )


def test_a_program_of_another_batch_says_what_to_do():
    with pytest.raises(ValueError, match="re-export and specify dynamic_shapes"):
        from_torch(exported(Network().eval(), image()), image())


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            return x
        return -x


def test_script_that_cannot_be_exported_is_one_line():
    with pytest.raises(
        ValueError, match=r"TorchScript: .*; give the nn.Module that it was made from$|torch\.where"
    ) as caught:
        from_torch(torch.jit.script(Branching()), image())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("net.pt2", b"junk", r"net\.pt2: not a program that this PyTorch can load: "),
        ("none.pt2", None, r"none\.pt2: cannot be read: no such file"),
        (
            "net.onnx",
            b"",
            r"net\.onnx: not a \.pt2 file: give an nn\.Module, or a program saved by torch\.export\.save",
        ),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: bytes | None, message: str):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        from_torch(tmp_path / name, image())
    assert "\n" not in str(caught.value)


class Cached(nn.Module):
    """
    Holds what it has computed from its parameter, as torch.nn.utils.prune and its old weight_norm do.
    """

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, -2.0, 0.5, 3.0]))
        self.scale = self.weight * torch.tensor([1.0, 0.0, 1.0, 1.0])

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale.view(4, 1, 1)


def test_models_hold_results_of_computations():
    model = Cached().eval()
    module = from_torch(model, image())
    want = image().double() * model.scale.detach().view(4, 1, 1)
    np.testing.assert_array_equal(run_module(module, image().numpy()), want.numpy())
    assert model.scale.requires_grad
