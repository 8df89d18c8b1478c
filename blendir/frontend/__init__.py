"""
From PyTorch models and ONNX files to modules at stage [imported].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import ExportedProgram
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.transforms.dead_code_elimination import dce

from blendir.dialects.blend import MultiThresholdOp, UnsupportedOp
from blendir.frontend.check import checked_values
from blendir.frontend.errors import SUPPORTED_MODULES, ImportMismatchError, UnsupportedModelError
from blendir.frontend.importer import Importer
from blendir.frontend.onnx_files import OnnxNetwork, check_nodes, load_onnx, supported_in_onnx
from blendir.frontend.scores import drop_softmax
from blendir.frontend.straight_through import StraightThrough
from blendir.frontend.table import TABLE
from blendir.frontend.trace import DECOMPOSED, require_network, trace
from blendir.garbage import seldom_collected
from blendir.passes.fold.fold_bn import FoldBNPass
from blendir.passes.fold.raise_binary import RaiseBinaryPass
from blendir.passes.stage import stage_of
from blendir.pipeline import run_pass

__all__ = [
    "ImportMismatchError",
    "UnsupportedModelError",
    "from_onnx",
    "from_torch",
    "require_network",
    "supported_operations",
]

NO_TRANSLATION = "has no translation; write it of supported ones"


def from_torch(
    model: nn.Module | ExportedProgram | str | Path, example: NDArray[Any] | Tensor, check: bool = True
) -> ModuleOp:
    """
    Imports a model at stage [imported]: floats as f64, layers named by module paths, binary products
    recognized. A model may also be an exported program, a `.pt2` file of one, or TorchScript, whose layers are named by
    their operations.

    `example` is a batch of at least one frame. If its type is uint8 or int8, the imported model takes pixels. The model
    itself is not changed.

    With `check`, a copy of the model runs in float64 on the first frame of the example and on random frames. The result
    of every submodule and the output are compared with the imported module, to 1e-9 of the largest value of the
    channel.

    Raises UnsupportedModelError, which lists all operations that cannot be translated; ImportMismatchError, which names
    the first submodule that differs; and ValueError for a model that cannot be traced, has not one input and one
    output, or has parameters that are not finite.
    """
    with seldom_collected():
        traced = trace(model, example)
        drop_softmax(traced.graph)
        StraightThrough().run(traced.graph)
        importer = Importer(traced)
        module = importer.run()
        dce(module)
        require_supported(module, model, importer)
        values = checked_values(model, importer, example) if check else None
        run_pass(Context(), module, RaiseBinaryPass(), values)
        if stage_of(module) == "folded" and any(isinstance(op, MultiThresholdOp) for op in module.walk()):
            # counts of thresholds alone ask for no later folding, but profit from it
            run_pass(Context(), module, FoldBNPass(), values)
        return module


def from_onnx(path: str | Path, example: NDArray[Any] | Tensor | None = None, check: bool = True) -> ModuleOp:
    """
    Imports an ONNX or QONNX file at stage [imported], like `from_torch`. Layers are named by nodes.

    `example` is a batch of at least one frame. It is needed if the file does not fix the shape of its input. An input
    of type uint8 or int8 takes pixels. With `check`, every node of ONNX's own operations is also compared with the
    reference of the `onnx` package.

    Raises UnsupportedModelError, which lists all nodes that cannot be translated, and ValueError if the file is not
    ONNX, has not one input and one output, or the `onnx` package is missing.
    """
    network = load_onnx(path, example)
    module = from_torch(network, network.example, check)
    if check:
        check_nodes(network)
    return module


def require_supported(module: ModuleOp, model: object, importer: Importer) -> None:
    """
    Raises an error that lists everything that the result depends on and that is untranslated.
    Several operations inside of one module of PyTorch are that module.
    """
    left = [op for op in module.walk() if isinstance(op, UnsupportedOp)]
    inside = importer.inside
    counts = Counter(inside[op] for op in left if op in inside)
    found: dict[tuple[str, str], None] = {}
    for op in left:
        layer, reason = op.layer_name, op.target.data
        owner = inside.get(op)
        if owner is not None and counts[owner] > 1:
            layer = owner.path or "the model"
            reason = f"torch.nn.{owner.name} ({counts[owner]} operations in it) {NO_TRANSLATION}"
        found[layer, reason + importer.lines.get(op, "")] = None
    if found:
        raise unsupported(model, list(found))


def unsupported(model: object, operations: Sequence[tuple[str, str]]) -> UnsupportedModelError:
    """
    The error for layers and their problems, in the terms of the source: PyTorch modules or ONNX nodes.
    """
    if isinstance(model, OnnxNetwork):
        return model.unsupported(operations)
    return UnsupportedModelError(operations, supported_in_torch())


def supported_operations() -> dict[str, Sequence[str]]:
    """
    What can be imported, by headings: modules, operations of PyTorch (ATen) and ONNX operations.
    """
    return {**supported_in_torch(), **supported_in_onnx()}


def supported_in_torch() -> dict[str, Sequence[str]]:
    """
    What can be imported from PyTorch.
    """
    names = {name.rpartition(".")[0] for name in (*TABLE, *map(str, DECOMPOSED)) if name.startswith("aten.")}
    return {"modules": SUPPORTED_MODULES, "operations of PyTorch": sorted(names)}
