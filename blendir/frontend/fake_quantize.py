"""
The quantizers of `torch.ao.quantization` in training, by which networks learn to be quantized.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from xdsl.ir import SSAValue

from blendir.dialects.blend import ClampOp, RoundOp
from blendir.frontend.emitter import Emitter, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import TABLE, Entry, Result

Reals = NDArray[np.float64]

PER_TENSOR, PER_CHANNEL = "aten.fake_quantize_per_tensor_affine", "aten.fake_quantize_per_channel_affine"
OBSERVED = "aten._fused_moving_avg_obs_fq_helper"
ENABLED = "aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams.default"
TRACED = (
    f"{PER_TENSOR}.default",
    f"{PER_TENSOR}.tensor_qparams",
    f"{PER_CHANNEL}.default",
    f"{OBSERVED}_functional.default",
)
NAMES = frozenset(
    [*TRACED, f"{PER_TENSOR}_cachemask.default", f"{PER_CHANNEL}_cachemask.default", ENABLED, f"{OBSERVED}.default"]
)
"""
The operations of traced graphs, and those that PyTorch runs in their place.
"""
OBSERVES = "updates its scale in evaluation mode: call model.apply(torch.ao.quantization.disable_observer) before"


@dataclass(frozen=True)
class Quantizer:
    """
    `(clamp(round(x / scale) + zero_point, low, high) - zero_point) * scale`, with numbers that broadcast to x; `inside`
    says that the zero point is added before the rounding, as PyTorch does where it is a float for each channel.
    """

    scale: Reals
    zero_point: Reals
    low: int
    high: int
    inside: bool = False

    @property
    def factor(self) -> Reals:
        """
        The reciprocal of the scale, which PyTorch holds as float32.
        """
        return (1 / self.scale.astype(np.float32)).astype(np.float64)


def quantizer_of(name: str, rank: int, args: Sequence[Any]) -> Quantizer | None:
    """
    What an operation of `NAMES` does to a tensor of a rank, by the arguments behind the tensor; None for nothing.
    """
    axis = None
    if name.startswith(PER_TENSOR):
        scale, zero_point, low, high = args
    elif name.startswith(PER_CHANNEL):
        scale, zero_point, axis, low, high = args
    elif name == ENABLED:
        scale, zero_point, enabled, low, high = args
        if not np.any(np.asarray(enabled)):
            return None
    else:
        observes, enabled, _, _, scale, zero_point, _, low, high, axis, *rest = args
        if np.any(np.asarray(observes)):
            raise UntranslatableError(f"{name} {OBSERVES}")
        if not np.any(np.asarray(enabled)):
            return None
        axis = axis if rest and rest[0] else None
    scales, zeros = np.asarray(scale), np.asarray(zero_point)
    inside = axis is not None and zeros.dtype.kind == "f"
    shape = [1] * rank
    if axis is not None:
        shape[axis] = -1
    steps = scales.astype(np.float32).astype(np.float64).reshape(shape)
    if not ((steps > 0) & np.isfinite(1 / np.where(steps > 0, steps, 1.0))).all():
        raise UntranslatableError(f"{name} with a scale that is not above 0")
    whole = zeros if inside else np.trunc(zeros)
    return Quantizer(steps, whole.astype(np.float64).reshape(shape), int(low), int(high), inside)


def fake_quantized(name: str, args: Sequence[Any], settled: Callable[[Tensor], Tensor] = lambda x: x) -> Any:
    """
    An operation of `NAMES` in float64 (PyTorch's own rounds to float32); `settled` is applied to what is rounded.
    """
    x = args[0]
    quantizer = quantizer_of(name, x.ndim, [a.numpy() if isinstance(a, Tensor) else a for a in args[1:]])
    y = x
    if quantizer is not None:
        scale, factor, zero = (torch.from_numpy(v) for v in (quantizer.scale, quantizer.factor, quantizer.zero_point))
        if quantizer.inside:
            integers = torch.round(settled(x * factor + zero))
        else:
            integers = torch.round(settled(x * factor)) + zero
        y = (integers.clamp(quantizer.low, quantizer.high) - zero) * scale
    several = "cachemask" in name or name.startswith(OBSERVED)
    return (y, None, *args[3:5], *args[5:7])[: 6 if "functional" in name else 2] if several else y


def translate(e: Emitter, x: SSAValue, *args: object) -> Result:
    """
    A rounding between factors; what it would observe stays as it is.
    """
    if any(isinstance(a, SSAValue) for a in args):
        raise UntranslatableError(f"{e.site.target} with a scale or zero point that depends on the input")
    quantizer = quantizer_of(e.site.target, len(shape_of(x)), args)
    y = e.real(x) if quantizer is None else emitted(e, e.real(x), quantizer)
    if not e.site.target.startswith(OBSERVED):
        return y
    return y, None, *(torch.from_numpy(np.asarray(cast(Any, a))) for a in args[2:6])


def emitted(e: Emitter, x: SSAValue, q: Quantizer) -> SSAValue:
    """
    Rounded before a zero point is added, since an odd one would turn ties.
    """
    zero = q.zero_point
    if q.inside:
        integers = e.emit(RoundOp(e.affine(x, scale=q.factor, offset=zero, word="scaled")), "round")
    else:
        integers = e.emit(RoundOp(e.affine(x, scale=q.factor, word="scaled")), "round")
    alike = bool((zero == zero.flat[0]).all())
    if alike and not q.inside:
        levels = e.emit(ClampOp(integers, q.low - float(zero.flat[0]), q.high - float(zero.flat[0])), "levels")
        return e.affine(levels, scale=q.scale)
    shifted = integers if q.inside else e.affine(integers, offset=zero, word="shifted")
    return e.affine(e.emit(ClampOp(shifted, q.low, q.high), "levels"), center=zero, scale=q.scale)


for target in TRACED:
    TABLE[target] = Entry(translate, "fake_quantize")
