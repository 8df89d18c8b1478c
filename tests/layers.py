"""
Layers of binary networks, as a user would write them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Sign(nn.Module):
    """
    Bits as +-1, or as 0 and 1; +1 at zero unless `strict`.
    """

    def __init__(self, strict: bool = False, unit: bool = False, shift: float = 0.0):
        super().__init__()
        self.strict, self.unit, self.shift = strict, unit, shift

    def forward(self, x: Tensor) -> Tensor:
        bits = x > self.shift if self.strict else x >= self.shift
        return bits.to(torch.get_default_dtype()) if self.unit else torch.where(bits, 1.0, -1.0)


class BinaryConv(nn.Module):
    """
    A convolution with weights +-1 or +-alpha; outside taps are 0, or `fill`.
    """

    def __init__(self, channels: int, outputs: int, kernel: int, stride: int, padding: int, fill: float, alpha: bool):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(outputs, channels, kernel, kernel) - 0.5)
        self.stride, self.padding, self.fill, self.alpha = stride, padding, fill, alpha

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.sign(self.weight)
        if self.alpha:
            weight = weight * self.weight.abs().mean((1, 2, 3), keepdim=True)
        if self.fill:
            x = F.pad(x, (self.padding,) * 4, value=self.fill)
        return F.conv2d(x, weight.to(x.dtype), None, self.stride, 0 if self.fill else self.padding)


class BinaryLinear(nn.Module):
    """
    A linear layer with weights +-1 or +-alpha.
    """

    def __init__(self, features: int, outputs: int, alpha: bool):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(outputs, features) - 0.5)
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.sign(self.weight)
        if self.alpha:
            weight = weight * self.weight.abs().mean(1, keepdim=True)
        return F.linear(x, weight.to(x.dtype))


class Normalize(nn.Module):
    """
    Pixels to numbers about 0, with integer means.
    """

    def __init__(self, mean: int, scale: int):
        super().__init__()
        self.mean, self.scale = mean, scale

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(torch.get_default_dtype()) - self.mean) / self.scale


class Sum(nn.Module):
    """
    The sum of branches of one input.
    """

    def __init__(self, *branches: nn.Module):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        total = self.branches[0](x)
        for branch in self.branches[1:]:
            total = total + branch(x)
        return total


class Join(nn.Module):
    """
    Branches of one input, concatenated.
    """

    def __init__(self, *branches: nn.Module):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class ChannelsLast(nn.Module):
    """
    [N, C, H, W] to [N, H, W, C].
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1)


class GlobalMean(nn.Module):
    """
    The mean over H and W.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


@contextmanager
def float64(model: nn.Module) -> Iterator[None]:
    """
    A model computes in float64 meanwhile.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    model.double()
    try:
        yield
    finally:
        torch.set_default_dtype(before)
        model.to(before)
