"""
From PyTorch models and ONNX files to modules at stage [imported].
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.transforms.dead_code_elimination import dce

from blendir.dialects.blend import MultiThresholdOp, UnsupportedOp
from blendir.frontend.errors import SUPPORTED_MODULES, UnsupportedModelError
from blendir.frontend.importer import Importer
from blendir.frontend.onnx_files import OnnxNetwork, load_onnx
from blendir.frontend.straight_through import StraightThrough
from blendir.frontend.table import TABLE
from blendir.frontend.trace import trace
from blendir.passes.fold_bn import FoldBNPass
from blendir.passes.raise_binary import RaiseBinaryPass
from blendir.passes.stage import stage_of

__all__ = ["UnsupportedModelError", "from_onnx", "from_torch"]

SUPPORTED_OPERATIONS = "Supported operations (on parameters alone, all but random ones are)"


def from_torch(model: nn.Module, example: NDArray[Any] | Tensor) -> ModuleOp:
    """
    Imports a model at stage [imported]: floats as f64, layers named by module paths, binary products
    recognized.

    `example` is a batch of at least one frame; uint8 makes a model that takes pixels. The model is not
    changed.
    Raises UnsupportedModelError, which lists all operations that cannot be translated, and ValueError for a
    model that cannot be traced, has not one input and one output, or has parameters that are not finite.
    """
    traced = trace(model, example)
    StraightThrough().run(traced.graph)
    module = Importer(traced).run()
    dce(module)
    require_supported(module, model)
    RaiseBinaryPass().apply(Context(), module)
    if stage_of(module) == "folded" and any(isinstance(op, MultiThresholdOp) for op in module.walk()):
        FoldBNPass().apply(Context(), module)  # counts of thresholds alone ask for no later folding, but profit from it
    module.verify()
    return module


def from_onnx(path: str | Path, example: NDArray[Any] | Tensor | None = None) -> ModuleOp:
    """
    Imports an ONNX or QONNX file at stage [imported], like `from_torch`; layers are named by nodes.

    `example` is a batch of at least one frame, needed where the file does not fix the shape of its input. An input of
    type uint8 takes pixels.
    Raises UnsupportedModelError, which lists all nodes that cannot be translated, and ValueError for a file that is
    not ONNX or has not one input and one output, and where the `onnx` package is missing.
    """
    network = load_onnx(path, example)
    return from_torch(network, network.example)


def require_supported(module: ModuleOp, model: nn.Module) -> None:
    """
    Raises an error that lists everything untranslated that the result depends on.
    """
    left = [(op.layer_name, op.target.data) for op in module.walk() if isinstance(op, UnsupportedOp)]
    if left:
        raise unsupported(model, left)


def unsupported(model: nn.Module, operations: Sequence[tuple[str, str]]) -> UnsupportedModelError:
    """
    The error for layers and what is wrong with them, in the terms that the model is written in.
    """
    if isinstance(model, OnnxNetwork):
        return model.unsupported(operations)
    names = sorted({name.rpartition(".")[0] for name in TABLE if name.startswith("aten.")})
    return UnsupportedModelError(operations, {"Supported modules": [SUPPORTED_MODULES], SUPPORTED_OPERATIONS: names})
