"""
ONNX files, QONNX among them, as PyTorch modules, which `from_torch` imports.

The package `onnx` is imported only where a file is read.
"""

from blendir.frontend.onnx_files import functions, moves, places, quantizers, windows
from blendir.frontend.onnx_files.network import OnnxNetwork, check_nodes, load_onnx, supported_in_onnx

__all__ = [
    "OnnxNetwork",
    "check_nodes",
    "functions",
    "load_onnx",
    "moves",
    "places",
    "quantizers",
    "supported_in_onnx",
    "windows",
]
