"""
What command lines read: arrays, options and PyTorch models.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from blendir.interpreter import encode_input, input_type

if TYPE_CHECKING:
    from torch import nn

Array = NDArray[Any]
INPUT_TYPES = ("uint8", "int8", "float32", "float64")


@dataclass(frozen=True)
class Model:
    """
    A PyTorch model: where its weights are from, and frames of its input where they are known.
    """

    network: nn.Module
    weights: str
    example: Array | None

    def import_module(self, check: bool = True) -> ModuleOp:
        """
        The model at [imported], compared with PyTorch where `check` is set.
        """
        from blendir.frontend import from_torch

        if self.example is None:
            raise ValueError(
                "the shape of the model's input is unknown: give --input CxHxW (or CxHxW:uint8) or --example X.npy"
            )
        with redirect_stdout(sys.stderr):
            return from_torch(self.network, self.example, check)


def read_array(path: Path) -> Array:
    """
    The frames of an .npy file: at least one.
    """
    try:
        array: Any = np.load(path, allow_pickle=False)
    except OSError:
        raise
    except MemoryError:
        raise ValueError(f"{path}: holds more than there is memory for, or its header is damaged") from None
    except Exception as error:  # numpy reads the header as a Python expression, which may be any
        if "pickle" in str(error):
            reason = "holds pickled objects or is not an .npy file; pickles are refused because loading them runs code"
        else:
            reason = f"truncated, or not an .npy file: {error}"
        raise ValueError(f"{path}: {reason}") from None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path}: an .npz archive, but one .npy array is needed")
    frames = cast(Array, array)
    if frames.ndim < 2 or not frames.size:
        raise ValueError(f"{path}: has shape {list(frames.shape)}, but should be a batch of at least one frame")
    return frames


def read_frames(path: Path, module: ModuleOp) -> Array:
    """
    Frames that fit the input of a module.
    """
    array = read_array(path)
    require_frames(array, module, path)
    return array


def require_frames(array: Array, module: ModuleOp, path: Path) -> None:
    """
    Raises an error that names the file unless its frames fit the input of a module.
    """
    try:
        encode_input(array, input_type(module))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def zeros_of(text: str) -> Array:
    """
    One frame for `--input 3x32x32:uint8`.
    """
    dims, _, kind = text.partition(":")
    kind = kind or "float32"
    sizes = dims.split("x")
    if kind not in INPUT_TYPES or not all(s.isascii() and s.isdecimal() and int(s) > 0 for s in sizes):
        types = ", ".join(INPUT_TYPES)
        raise ValueError(f"--input should look like 3x32x32 or 3x32x32:uint8 ({types}), got {text}")
    return np.zeros((1, *map(int, sizes)), kind)


def require_model(source: str, *options: object) -> None:
    """
    Raises an error where options of a MODEL, None where they are missing, are given with something else.
    """
    if any(option is not None for option in options):
        raise ValueError(f"--weights, --example and --input belong to a MODEL, and {source} is none")


def given_example(example: Path | None, shape: str | None) -> Array | None:
    """
    Frames from `--example` or `--input`.
    """
    if example is not None and shape is not None:
        raise ValueError("give either --example or --input")
    if example is not None:
        return read_array(example)
    return None if shape is None else zeros_of(shape)


def load_model(name: str, weights: Path | None, example: Array | None, otherwise: Array | None = None) -> Model:
    """
    The model of a zoo name, of `package.module:factory`, or of a file net.onnx.

    `example` overrides the frames that come with the model, `otherwise` takes their place where there are none.
    """
    try:
        with redirect_stdout(sys.stderr):
            if name.endswith(".onnx"):
                return onnx_model(name, weights, example if example is not None else otherwise)
            made = call_factory(name) if ":" in name else zoo_model(name, weights is not None)
    except ModuleNotFoundError as error:
        if error.name == "torch":
            raise ValueError("PyTorch models need torch: pip install 'blendir[torch]'") from None
        raise
    if weights is not None:
        from blendir.models.checkpoint import load_weights

        load_weights(made.network, weights)
    origin = made.weights if weights is None else str(weights)
    frames = next((x for x in (example, made.example, otherwise) if x is not None), None)
    return Model(made.network.eval(), origin, frames)


def zoo_model(name: str, other_weights: bool) -> Model:
    """
    A network of the zoo: with its checkpoint, else with random weights.
    """
    from blendir.models import zoo

    if name not in zoo.ZOO:
        known = ", ".join(sorted(zoo.ZOO))
        raise ValueError(f"no model {name}: give a zoo name ({known}), package.module:factory, net.onnx, or net.mlir")
    entry = zoo.entry(name)
    network = entry.make() if other_weights else entry.load()
    weights = "the checkpoint that ships with blendir" if entry.pretrained else "random, seed 0 (no checkpoint ships)"
    return Model(network, weights, entry.example().numpy())


def onnx_model(name: str, weights: Path | None, example: Array | None) -> Model:
    """
    The network of an ONNX or QONNX file.
    """
    from blendir.frontend.onnx_files import load_onnx

    if weights is not None:
        raise ValueError(f"--weights: {name} holds its weights itself")
    network = load_onnx(name, example)
    return Model(network, f"those in {name}", network.example)


def call_factory(spec: str) -> Model:
    """
    What `package.module:factory` returns: an nn.Module, or (nn.Module, example).
    """
    from torch import Tensor, nn

    named = imported_object(spec)
    made: Any = (named, None) if isinstance(named, nn.Module) else result_of(named, spec)
    pair: tuple[Any, Any] = made if made.__class__ is tuple and len(made) == 2 else (made, None)
    network, example = pair
    if not isinstance(network, nn.Module):
        kind = type(network).__name__
        raise ValueError(f"{spec} should return an nn.Module or (nn.Module, example), got {kind}")
    if isinstance(example, Tensor):
        example = example.detach().cpu().numpy()
    if example is not None and not isinstance(example, np.ndarray):
        raise ValueError(f"{spec}: the example should be a tensor or an array, got {type(example).__name__}")
    return Model(network, f"those that {spec} makes", cast("Array | None", example))


def imported_object(spec: str) -> Any:
    """
    What `package.module:name` names; the current directory can be imported from.
    """
    place, _, name = spec.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(place), name)
    except Exception as error:
        raise ValueError(f"cannot import {spec}: {type(error).__name__}: {error}") from error


def result_of(factory: Any, spec: str) -> Any:
    """
    What a user's function returns; its failure is the user's.
    """
    try:
        return factory()
    except Exception as error:
        raise ValueError(f"{spec} failed: {type(error).__name__}: {error}") from error


def parse_options(options: Sequence[str]) -> dict[str, str]:
    """
    `--option pass.name=value`, several times.
    """
    pairs: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or "." not in name:
            raise ValueError(f"--option should look like quantize.bits=12, got {option}")
        pairs[name] = value
    return pairs
