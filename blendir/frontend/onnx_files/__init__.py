"""
ONNX files, QONNX among them, as PyTorch modules, which `from_torch` imports.

The package `onnx` is imported only where a file is read.
"""

from blendir.frontend.onnx_files import quantizers, windows
from blendir.frontend.onnx_files.network import OnnxNetwork, load_onnx

__all__ = ["OnnxNetwork", "load_onnx", "quantizers", "windows"]
