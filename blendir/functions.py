"""
Scalar functions that hardware computes by tables.
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
    A function of one real number; GELU by the error function (Hendrycks and Gimpel, 2016) or by its tanh form, ELU
    (Clevert et al., 2016) with alpha 1, Mish (Misra, 2020), the error function.
    """

    SIGMOID = "sigmoid"
    TANH = "tanh"
    HARDSIGMOID = "hardsigmoid"
    GELU = "gelu"
    GELU_TANH = "gelu_tanh"
    SILU = "silu"
    HARDSWISH = "hardswish"
    ELU = "elu"
    SOFTPLUS = "softplus"
    MISH = "mish"
    ERF = "erf"


FLAT_FROM = {Function.SIGMOID: 7.99, Function.TANH: 3.99, Function.HARDSIGMOID: 3.0, Function.ERF: 2.4}
"""From this magnitude on a monotone function changes by less than `FLAT`."""
FLAT_BELOW = {
    Function.GELU: -3.6,
    Function.GELU_TANH: -3.6,
    Function.SILU: -9.6,
    Function.HARDSWISH: -3.0,
    Function.ELU: -7.3,
    Function.SOFTPLUS: -7.3,
    Function.MISH: -9.6,
}
"""Below this the others change by less than `FLAT`."""
FLAT = 7e-4
LEAST = {
    Function.GELU: -0.17,
    Function.GELU_TANH: -0.171,
    Function.SILU: -0.279,
    Function.HARDSWISH: -0.375,
    Function.MISH: -0.309,
}
"""
A lower bound of those that are not monotone: they rise from 0 on, and are negative below; but hardswish is 0 again from
-3 down.
"""


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
        case Function.ELU:
            return np.asarray(np.where(x > 0, x, np.expm1(np.minimum(x, 0))), np.float64)
        case Function.SOFTPLUS:
            return np.logaddexp(0, x)
        case Function.MISH:
            return x * np.tanh(np.logaddexp(0, x))
        case Function.ERF:
            return np.asarray(1 - complement(x), np.float64)


def complement(x: Reals) -> Reals:
    """
    The complementary error function.
    """
    return np.asarray(np.frompyfunc(math.erfc, 1, 1)(x), np.float64)
