"""
How kernels are spelled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from blendir import widths
from blendir.numerics import Format, Rounding, WindowAxis


def spelled(value: Any) -> str:
    """
    A template argument.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case np.dtype():
            return f"{value.name}_t"
        case _:
            return str(value)


def call(name: str, template: tuple[Any, ...], *arguments: Any) -> str:
    """
    A call of a kernel.
    """
    inside = ", ".join(map(spelled, template))
    return f"blendir::{name}<{inside}>({', '.join(map(str, arguments))});"


def exact(terms: widths.Terms, frac: int) -> np.dtype[Any]:
    """
    The integers that form a sum of terms and its rounding to `frac` fractional bits.
    """
    return np.dtype(np.int32 if widths.settling(terms, frac) <= 32 else np.int64)


def settle(frac: int, result: Format, rounding: Rounding) -> str:
    """
    The rounding and saturation of a number with `frac` fractional bits.
    """
    even = spelled(rounding is Rounding.HALF_EVEN)
    return f"blendir::Settle<{frac - result.frac}, {even}, {result.width}>"


def window(size: tuple[int, int], axes: tuple[WindowAxis, WindowAxis]) -> str:
    """
    The geometry of windows on planes of a size.
    """
    down, right = axes
    outputs = down.outputs(size[0]), right.outputs(size[1])
    numbers = (
        *size, *outputs, down.kernel, right.kernel, down.stride, right.stride, down.before, right.before,
        down.dilation, right.dilation,
    )  # fmt: skip
    return f"blendir::Window<{', '.join(map(str, numbers))}>"
