"""
blendir compiles PyTorch networks that blend binary and fixed-point convolutions into FPGA accelerators.

Importing it needs no torch: only `from_torch` and `from_onnx` do.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blendir.compiler import Build
    from blendir.compiler import compile_module as compile
    from blendir.frontend import from_onnx, from_torch
    from blendir.interpreter import run_module as run
    from blendir.passes.pipeline import lower

__all__ = ["Build", "compile", "from_onnx", "from_torch", "lower", "run"]
__version__ = "0.1.0"

HOMES = {
    "Build": ("blendir.compiler", "Build"),
    "compile": ("blendir.compiler", "compile_module"),
    "from_onnx": ("blendir.frontend", "from_onnx"),
    "from_torch": ("blendir.frontend", "from_torch"),
    "lower": ("blendir.passes.pipeline", "lower"),
    "run": ("blendir.interpreter", "run_module"),
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'blendir' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = HOMES[name]
    return getattr(import_module(module), attribute)
