"""
A kernel for each operation, by its class.
"""

from blendir.backends.cpu.plan import kernel
from blendir.backends.cpu.rules import elementwise, moves, products

__all__ = ["elementwise", "kernel", "moves", "products"]
