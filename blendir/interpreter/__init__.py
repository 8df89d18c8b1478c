"""
One interpreter for every stage.
"""

from blendir.interpreter.run import (
    encode_input,
    find_main,
    input_type,
    main_function,
    output_names,
    output_types,
    returned_values,
    run_encoded,
    run_module,
    run_outputs,
)

__all__ = [
    "encode_input",
    "find_main",
    "input_type",
    "main_function",
    "output_names",
    "output_types",
    "returned_values",
    "run_encoded",
    "run_module",
    "run_outputs",
]
