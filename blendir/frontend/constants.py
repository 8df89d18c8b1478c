"""
Evaluates expressions that depend only on parameters and shapes, in float64.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from blendir.frontend import fake_quantize

NARROW = (torch.float16, torch.bfloat16, torch.float32)
TEMPLATE = {
    **{
        f"aten.{name}": 0
        for name in (
            "fill.Scalar",
            "fill.Tensor",
            "ones_like.default",
            "zeros_like.default",
            "full_like.default",
            "new_ones.default",
            "new_zeros.default",
            "new_full.default",
            "new_tensor.default",
        )
    },
    "aten.type_as.default": 1,
}
"""
The operand of which an operation uses only the shape or type.
"""
SIGNS = ("aten.sign.default", "aten.sgn.default")


def widen(value: Any) -> Any:
    """
    Floats of any precision, and requests for one, become float64.
    """
    if isinstance(value, Tensor):
        return value.double() if value.dtype in NARROW else value
    if isinstance(value, torch.dtype):
        return torch.float64 if value in NARROW else value
    match value:
        case list():
            return [widen(v) for v in cast(list[Any], value)]
        case tuple():
            return tuple(widen(v) for v in cast(tuple[Any, ...], value))
        case _:
            return value


def evaluate(target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], layer: str) -> Any:
    """
    Runs one ATen operation on constants. The sign of an exact zero is +1; one warning per layer says so.
    """
    if str(target) in fake_quantize.NAMES:
        return fake_quantize.fake_quantized(str(target), widen(args))
    if str(target) in SIGNS and isinstance(args[0], Tensor):
        return positive_sign(args[0], layer)
    with torch.no_grad():
        return widen(target(*widen(args), **{k: widen(v) for k, v in kwargs.items()}))


def positive_sign(x: Tensor, layer: str) -> Tensor:
    """
    +1 from zero on, else -1.
    """
    zeros = int((x == 0).sum())
    if zeros:
        count = "1 weight is" if zeros == 1 else f"{zeros} weights are"
        warnings.warn(f"{layer or 'model'}: {count} exactly 0 and taken as +1", stacklevel=2)
    return torch.where(x >= 0, 1.0, -1.0).double()
