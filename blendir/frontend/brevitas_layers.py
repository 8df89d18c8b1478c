"""
Networks made of Brevitas layers (Pappalardo, 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import torch.nn.functional as F
from torch import nn

# Brevitas has no annotations.
tensors: Any = import_module("brevitas.quant_tensor")
proxies: Any = import_module("brevitas.proxy.quant_proxy")
layers: Any = import_module("brevitas.nn.quant_layer")

PRODUCTS = (F.linear, F.conv1d, F.conv2d, F.conv_transpose1d, F.conv_transpose2d)


class TracedQuantTensor(tensors.IntQuantTensor):
    """
    A quantized tensor of unsigned integers, with scale, zero point and bit width, whose values decide no branch.

    Brevitas compares the formats of operands. A trace cannot do this, and a model that runs does not need it. Products
    are plain tensors; the next quantizer sets their format.
    """

    signed, training, is_valid = False, False, True

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in PRODUCTS:
            return func(*(plain(a) for a in args), **{k: plain(v) for k, v in (kwargs or {}).items()})
        return traced(super().__torch_function__(func, types, args, kwargs), cls.signed)

    def check_scaling_factors_same(self, other: object) -> None:
        """
        Known from running the model.
        """

    check_zero_points_same = check_bit_width_same = check_sign_same = check_scaling_factors_same

    @staticmethod
    def is_zero_zero_point(tensor: object) -> bool:
        """
        Known from running the model.
        """
        return True

    def __add__(self, other: Any) -> Any:
        return traced(super().__add__(other), self.signed or getattr(other, "signed", False))

    def __neg__(self) -> Any:
        return -self.value


class SignedQuantTensor(TracedQuantTensor):
    """
    The same of signed integers.
    """

    signed = True


def plain(value: Any) -> Any:
    """
    The tensor alone.
    """
    return value.value if isinstance(value, tensors.QuantTensor) else value


def traced(value: Any, signed: bool) -> Any:
    """
    A quantized tensor of integers as one that can be traced; of other tensors, only the values.
    """
    if isinstance(value, tensors.IntQuantTensor):
        return tuple.__new__(SignedQuantTensor if signed else TracedQuantTensor, value)
    return plain(value)


def quantizes_output(layer: Any) -> bool:
    """
    Whether products get a format in the layer itself.
    """
    return layer.output_quant.is_quant_enabled


def make_traceable(model: nn.Module) -> None:
    """
    Makes quantizers return tensors that can be traced, and the model a plain one.
    """

    def wrapped(proxy: Any, operands: tuple[Any, ...], result: Any) -> Any:
        given = getattr(operands[0], "signed", False)  # of a quantizer that only drops bits
        return traced(result, given if proxy.is_signed is None else proxy.is_signed)

    for module in model.modules():
        if isinstance(module, proxies.QuantProxyFromInjector):
            module.register_forward_hook(wrapped)
        if isinstance(module, layers.QuantWeightBiasInputOutputLayer) and not quantizes_output(module):
            setattr(module, "return_quant_tensor", False)
    model.register_forward_hook(lambda _, __, result: plain(result))
