"""
Operations of single elements on values that broadcast, that have a border, or that have more than four dimensions.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from xdsl.ir import SSAValue

from blendir.frontend.aten_picks import widened
from blendir.frontend.aten_shape import reshaped
from blendir.frontend.constants import SIGNS
from blendir.frontend.emitter import Array, Emitter, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import Entry, Result


def translated(e: Emitter, entry: Entry, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Result:
    """
    The result of an entry whose one value is first repeated to the shape of the result; more than four dimensions
    [N, .., H, W] count as [N, C, H, W].
    """
    shape = e.site.shape
    count = sum(isinstance(a, SSAValue) for a in (*args, *kwargs.values()))
    if len(shape) <= 4 and count > 1:
        return entry.translate(e, *args, **kwargs)
    planes = shape if len(shape) <= 4 else (1, int(np.prod(shape[1:-2])), *shape[-2:])

    def operand(argument: Any) -> Any:
        if isinstance(argument, SSAValue):
            return reshaped(e, widened(e, argument, shape), planes, "planes")
        if isinstance(argument, np.ndarray) and argument.size > 1 and planes != shape:
            return np.broadcast_to(argument, shape).reshape(planes)
        return argument

    e.site = replace(e.site, shape=planes)
    result = entry.translate(e, *map(operand, args), **{k: operand(v) for k, v in kwargs.items()})
    e.site = replace(e.site, shape=shape)
    return reshaped(e, result, shape, "shape") if isinstance(result, SSAValue) and planes != shape else result


def border(fill: Array | float, shape: Sequence[int], kind: torch.dtype) -> torch.Tensor:
    """
    A tensor [N, C, H, W] or [N, C, L] of nothing but a border.
    """
    numbers = torch.from_numpy(np.broadcast_to(np.asarray(fill, np.float64), shape[1]).copy())
    return numbers.reshape(1, -1, *[1] * (len(shape) - 2)).expand(tuple(shape)).to(kind)


def signs(e: Emitter, x: torch.Tensor) -> torch.Tensor | None:
    """
    What a sign makes of a border, +1 of zeros, which is said; None for other operations.
    """
    if e.site.target not in SIGNS:
        return None
    if (x == 0).any():
        warnings.warn(
            f"{e.layer}: the sign of a border of 0 is taken as +1; pad after the sign to pad with 0", stacklevel=2
        )
    return torch.where(x >= 0, 1.0, -1.0).double()


def fill_of(e: Emitter, x: torch.Tensor) -> Array:
    """
    The number of each channel of a border [N, C, ..].
    """
    channels = x.double().numpy().reshape(x.shape[1], -1)
    if (channels != channels[:, :1]).any():
        raise UntranslatableError(f"{e.site.target} that makes a border vary")
    return channels[:, 0]


def shape_within(e: Emitter, result: Result) -> SSAValue:
    """
    A result that has the shape of the site.
    """
    if not isinstance(result, SSAValue) or shape_of(result) != e.site.shape:
        raise UntranslatableError(f"{e.site.target} that broadcasts to {list(e.site.shape)}")
    return result
