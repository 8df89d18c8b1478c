"""
Scalar functions that hardware reads from tables.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.utils.str_enum import StrEnum

Reals = NDArray[np.float64]


class Function(StrEnum):
    """
    A function of one real number; GELU by the error function (Hendrycks and Gimpel, 2016) or by its tanh form.
    """

    SIGMOID = "sigmoid"
    TANH = "tanh"
    HARDSIGMOID = "hardsigmoid"
    GELU = "gelu"
    GELU_TANH = "gelu_tanh"
    SILU = "silu"
    HARDSWISH = "hardswish"


FLAT_FROM = {Function.SIGMOID: 7.99, Function.TANH: 3.99, Function.HARDSIGMOID: 3.0}
"""From this magnitude on a monotone function changes by less than `FLAT`."""
FLAT = 7e-4
LEAST = {Function.GELU: -0.17, Function.GELU_TANH: -0.171, Function.SILU: -0.279, Function.HARDSWISH: -0.375}
"""A lower bound of the others, which rise from 0 on, and are negative below; but hardswish is 0 again from -3 down."""


def evaluate(function: Function, x: Any) -> Reals:
    """
    The function of real numbers, in float64.
    """
    x = np.asarray(x, np.float64)
    match function:
        case Function.SIGMOID:
            return (1 + np.tanh(x / 2)) / 2
        case Function.TANH:
            return np.tanh(x)
        case Function.HARDSIGMOID:
            return np.clip(x / 6 + 0.5, 0, 1)
        case Function.GELU:
            return x * (complement(-x / math.sqrt(2)) / 2)
        case Function.GELU_TANH:
            with np.errstate(over="ignore"):
                return x / (1 + np.exp(-2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        case Function.SILU:
            with np.errstate(over="ignore"):
                return x / (1 + np.exp(-x))
        case Function.HARDSWISH:
            return x * evaluate(Function.HARDSIGMOID, x)


def complement(x: Reals) -> Reals:
    """
    The complementary error function.
    """
    return np.asarray(np.frompyfunc(math.erfc, 1, 1)(x), np.float64)
