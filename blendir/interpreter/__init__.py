"""
One interpreter for every stage.
"""

from blendir.interpreter.run import encode_input, input_type, main_function, output_type, run_module

__all__ = ["encode_input", "input_type", "main_function", "output_type", "run_module"]
