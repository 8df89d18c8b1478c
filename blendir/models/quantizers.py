"""
Uniform quantizers that train: values of k bits, with straight-through gradients.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Round(torch.autograd.Function):
    """
    Forward: the nearest integer, at a tie the even one. Backward: the gradient passes.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.round(x)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        return grad_outputs[0]


class UniformQuantizer(nn.Module):
    """
    Rounds values of any shape to the nearest of `2**bits` levels, which are evenly spaced between two bounds. The
    bounds may be learned.
    """

    low: Tensor
    high: Tensor

    def __init__(self, bits: int, low: float, high: float, learned: bool = False):
        super().__init__()
        self.bits = bits
        for name, bound in (("low", low), ("high", high)):
            if learned:
                self.register_parameter(name, nn.Parameter(torch.tensor(bound)))
            else:
                self.register_buffer(name, torch.tensor(bound), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        step = (self.high - self.low) / (2**self.bits - 1)
        return Round.apply((x.clamp(self.low, self.high) - self.low) / step) * step + self.low


class QuantizedConv2d(nn.Conv2d):
    """
    A convolution without bias whose weights (out, in, k, k) pass a function first.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, padding: int, quantizer: nn.Module
    ):
        super().__init__(in_channels, out_channels, kernel, stride, padding, bias=False)
        self.quantizer = quantizer

    def forward(self, input: Tensor) -> Tensor:
        return functional.conv2d(input, self.quantizer(self.weight), None, self.stride, self.padding)
