"""
blendir compiles PyTorch networks that blend binary and fixed-point convolutions into FPGA accelerators.

Importing it needs no torch: only `from_torch` and `from_onnx` do.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from blendir.garbage import seldom_collected

if TYPE_CHECKING:
    from blendir.backends.cpu.native import native
    from blendir.compiler import Build
    from blendir.compiler import compile_module as compile
    from blendir.evaluation import evaluate
    from blendir.exploration import explore
    from blendir.frontend import ImportMismatchError, from_onnx, from_torch
    from blendir.interpreter import run_module as run
    from blendir.pipeline import lower
    from blendir.verification import verify

__all__ = [
    "Build",
    "ImportMismatchError",
    "__version__",
    "compile",
    "evaluate",
    "explore",
    "from_onnx",
    "from_torch",
    "lower",
    "native",
    "run",
    "verify",
]
__version__ = version("blendir")

HOMES = {
    "Build": ("blendir.compiler", "Build"),
    "ImportMismatchError": ("blendir.frontend.errors", "ImportMismatchError"),
    "compile": ("blendir.compiler", "compile_module"),
    "evaluate": ("blendir.evaluation", "evaluate"),
    "explore": ("blendir.exploration", "explore"),
    "from_onnx": ("blendir.frontend", "from_onnx"),
    "from_torch": ("blendir.frontend", "from_torch"),
    "lower": ("blendir.pipeline", "lower"),
    "native": ("blendir.backends.cpu.native", "native"),
    "run": ("blendir.interpreter", "run_module"),
    "verify": ("blendir.verification", "verify"),
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'blendir' has no attribute {name!r}")
    module, attribute = HOMES[name]
    with seldom_collected():
        return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return list(__all__)
