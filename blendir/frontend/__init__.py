"""
From PyTorch models to modules at stage [imported].
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.transforms.dead_code_elimination import dce

from blendir.dialects.blend import UnsupportedOp
from blendir.frontend.errors import UnsupportedModelError
from blendir.frontend.importer import Importer
from blendir.frontend.straight_through import StraightThrough
from blendir.frontend.table import TABLE
from blendir.frontend.trace import trace
from blendir.passes.raise_binary import RaiseBinaryPass

__all__ = ["UnsupportedModelError", "from_torch"]


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
    require_supported(module)
    RaiseBinaryPass().apply(Context(), module)
    module.verify()
    return module


def require_supported(module: ModuleOp) -> None:
    """
    Raises an error that lists everything untranslated that the result depends on.
    """
    left = [(op.layer_name, op.target.data) for op in module.walk() if isinstance(op, UnsupportedOp)]
    if left:
        raise UnsupportedModelError(left, TABLE)
