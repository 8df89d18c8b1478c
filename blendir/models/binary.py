"""
Binary layers that train: straight-through signs, convolutions and linear layers with binary weights.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class SignActivation(torch.autograd.Function):
    """
    Forward: +1 where x >= 0, else -1. Backward: the slope of a quadratic approximation of the sign,
    max(0, 2 - 2|x|).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_outputs[0] * (2 - 2 * x.abs()).clamp(min=0)


class SignWeight(torch.autograd.Function):
    """
    Forward: +1 where w >= 0, else -1. Backward: the gradient passes where |w| <= 1.
    """

    @staticmethod
    def forward(ctx: Any, w: Tensor) -> Tensor:
        ctx.save_for_backward(w)
        return torch.where(w >= 0, torch.ones_like(w), -torch.ones_like(w))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        (w,) = ctx.saved_tensors
        return grad_outputs[0] * (w.abs() <= 1)


class Sign(nn.Module):
    """
    The binary activation: maps values of any shape to +1 and -1, and 0 to +1. With `real`, it is the identity.
    """

    def __init__(self):
        super().__init__()
        self.real = False

    def forward(self, x: Tensor) -> Tensor:
        return x if self.real else SignActivation.apply(x)


class Shift(nn.Module):
    """
    y[c] = x[c] + bias[c], on (N, C, H, W).
    """

    def __init__(self, channels: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


def rsign(channels: int) -> nn.Sequential:
    """
    RSign: the sign of x + b, with b per channel.
    """
    return nn.Sequential(Shift(channels), Sign())


def rprelu(channels: int) -> nn.Sequential:
    """
    RPReLU: PReLU(x + b) + c, with b, c and the slope per channel.
    """
    return nn.Sequential(Shift(channels), nn.PReLU(channels), Shift(channels))


class BinaryConv2d(nn.Conv2d):
    """
    A convolution with the weights sign(W), times alpha[o] = mean |W[o]| if `alpha` is set. With `real`, its weights are
    W.

    Input (N, in, H, W), output (N, out, H', W'), latent weights W of shape (out, in, k, k).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int,
        padding: int,
        alpha: bool = True,
        bias: bool = False,
    ):
        super().__init__(in_channels, out_channels, kernel, stride, padding, bias=bias)
        self.alpha = alpha
        self.real = False

    def forward(self, input: Tensor) -> Tensor:
        weight = self.weight if self.real else binary_weight(self.weight, self.alpha)
        return functional.conv2d(input, weight, self.bias, self.stride, self.padding)


class BinaryLinear(nn.Linear):
    """
    A linear layer with the weights sign(W), times alpha[o] = mean |W[o]| if `alpha` is set. With `real`, its weights
    are W.

    Input (N, .., in), output (N, .., out), latent weights W of shape (out, in).
    """

    def __init__(self, in_features: int, out_features: int, alpha: bool = True, bias: bool = False):
        super().__init__(in_features, out_features, bias=bias)
        self.alpha = alpha
        self.real = False

    def forward(self, input: Tensor) -> Tensor:
        weight = self.weight if self.real else binary_weight(self.weight, self.alpha)
        return functional.linear(input, weight, self.bias)


def binary_weight(weight: Tensor, alpha: bool) -> Tensor:
    """
    sign(W), times the mean magnitude of each output if `alpha` is set. The mean takes no gradient.
    """
    signs: Tensor = SignWeight.apply(weight)
    if not alpha:
        return signs
    return signs * weight.detach().abs().mean(dim=list(range(1, weight.ndim)), keepdim=True)


def set_binary(model: nn.Module, *, activations: bool, weights: bool) -> None:
    """
    Makes every sign and every binary layer of `model` binary or real, as the phases of a training need it.
    """
    for module in model.modules():
        if isinstance(module, Sign):
            module.real = not activations
        elif isinstance(module, BinaryConv2d | BinaryLinear):
            module.real = not weights
