"""
Quantizers of QONNX (Pappalardo et al., 2022), and thresholds of FINN.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from blendir.frontend.errors import UntranslatableError
from blendir.frontend.onnx_files.graph import OnnxNode
from blendir.frontend.onnx_files.operations import Operand, along, constant, enters, tensor


def away_from_zero(x: Tensor) -> Tensor:
    """
    The nearest integer, the larger one of two in magnitude.
    """
    return x.sign() * (x.abs() + 0.5).floor()


HALF_EVEN = ("ROUND", "HALF_EVEN")
ROUNDING: dict[str, Callable[[Tensor], Tensor]] = {
    **dict.fromkeys(HALF_EVEN, torch.round),
    "CEIL": torch.ceil,
    "FLOOR": torch.floor,
    "DOWN": torch.trunc,
    "UP": lambda x: x.sign() * x.abs().ceil(),
    "HALF_UP": away_from_zero,
    "HALF_DOWN": lambda x: x.sign() * (x.abs() - 0.5).ceil(),
}


@enters("BipolarQuant")
def bipolar_quant(node: OnnxNode, x: Operand, scale: Operand) -> Tensor:
    """
    `x >= 0 ? scale : -scale`.
    """
    step = tensor(constant(scale, "the scale"))
    return torch.where(tensor(x) >= 0, step, -step)


def limits(bits: int, signed: bool, narrow: bool) -> tuple[int, int]:
    """
    The least and the greatest integer of a quantizer.
    """
    if signed:
        return narrow - 2 ** (bits - 1), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


@enters("Quant", "IntQuant")
def quant(node: OnnxNode, x: Operand, scale: Operand, zero_point: Operand, bit_width: Operand) -> Tensor:
    """
    `(round(clamp(x / scale + zero)) - zero) * scale`; one signed bit means +1 and -1, never 0.
    """
    get = node.attributes.get
    step, zero = tensor(constant(scale, "the scale")), tensor(constant(zero_point, "the zero point"))
    bits, signed = float(constant(bit_width, "the bit width").item()), bool(get("signed", 1))
    if bits < 1 or bits != int(bits):
        raise UntranslatableError(f"a bit width of {bits:g}, which is not a positive integer")
    source, centered = tensor(x), not bool(zero.any())
    if bits == 1 and signed:
        positive = source >= 0 if centered and bool((step > 0).all()) else source / step + zero >= 0
        return torch.where(positive, (1 - zero) * step, (-1 - zero) * step)
    mode = get("rounding_mode", "ROUND").upper()
    if mode not in ROUNDING or (mode not in HALF_EVEN and isinstance(x, Tensor)):
        raise UntranslatableError(f"rounding_mode {mode} of values, only ROUND (half to even) is supported")
    levels = source / step if centered else source / step + zero
    levels = ROUNDING[mode](torch.clamp(levels, *limits(int(bits), signed, bool(get("narrow", 0)))))
    return levels * step if centered else (levels - zero) * step


@enters("MultiThreshold")
def multi_threshold(node: OnnxNode, x: Tensor, thresholds: Operand) -> Tensor:
    """
    With one threshold per channel: `x >= threshold ? out_bias + out_scale : out_bias`.
    """
    get = node.attributes.get
    table = constant(thresholds, "the table of thresholds")
    if table.shape[1] != 1:
        raise UntranslatableError(
            f"{table.shape[1]} thresholds per channel, only one is supported: import the file with its Quant nodes"
        )
    layout = get("data_layout", "")
    axis = layout.index("C") if "C" in layout else 1
    low, high = get("out_bias", 0.0), get("out_bias", 0.0) + get("out_scale", 1.0)
    return torch.where(x >= along(x, table[:, 0].copy(), "the threshold", axis), high, low).double()
