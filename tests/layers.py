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
    A convolution with weights +-1 or +-alpha. Taps outside the input see 0, or `fill`.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        kernel: int,
        stride: int,
        padding: int,
        fill: float,
        alpha: bool,
        groups: int = 1,
        dilation: int = 1,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(outputs, channels // groups, kernel, kernel) - 0.5)
        self.stride, self.padding, self.fill, self.alpha = stride, padding, fill, alpha
        self.groups, self.dilation = groups, dilation

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.sign(self.weight)
        if self.alpha:
            weight = weight * self.weight.abs().mean((1, 2, 3), keepdim=True)
        if self.fill:
            x = F.pad(x, (self.padding,) * 4, value=self.fill)
        padding = 0 if self.fill else self.padding
        return F.conv2d(x, weight.to(x.dtype), None, self.stride, padding, self.dilation, self.groups)


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


class Scale(nn.Module):
    """
    Numbers of another magnitude.
    """

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Pick(nn.Module):
    """
    Every second row and column, or the given channels, -1 standing for zeros at the end.
    """

    def __init__(self, channels: list[int] | None = None):
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        if self.channels is None:
            return x[:, :, ::2, ::2]
        picked = [c for c in self.channels if c >= 0]
        return F.pad(x[:, picked], (0, 0, 0, 0, 0, len(self.channels) - len(picked)))


class Centered(nn.Module):
    """
    Numbers less their mean over each plane, or over the channels of each pixel.
    """

    def __init__(self, pixels: bool):
        super().__init__()
        self.dimensions = (1,) if pixels else (2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(self.dimensions, keepdim=True)


class Thermometer(nn.Module):
    """
    A bit for each level that a number is above, as channels.
    """

    def __init__(self, levels: Tensor):
        super().__init__()
        self.register_buffer("levels", levels.reshape(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        bits = x[:, :, None] > self.get_buffer("levels")
        return torch.where(bits, 1.0, -1.0).flatten(1, 2)


class BorderedSign(nn.Module):
    """
    The sign of numbers with a border of one value, and a binary convolution.
    """

    def __init__(self, fill: float, conv: BinaryConv):
        super().__init__()
        self.fill, self.conv = fill, conv

    def forward(self, x: Tensor) -> Tensor:
        bits = torch.where(F.pad(x, (1, 1, 1, 1), value=self.fill) >= 0, 1.0, -1.0)
        return self.conv(bits)


class Bordered(nn.Module):
    """
    A border of one value around what a layer sees: left, right, top, bottom.
    """

    def __init__(self, border: tuple[int, ...], fill: float, layer: nn.Module):
        super().__init__()
        self.border, self.fill, self.layer = border, fill, layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(F.pad(x, self.border, value=self.fill))


class Line(nn.Module):
    """
    A layer of [N, C, L] on all pixels one after another.
    """

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.flatten(2)).unsqueeze(2)


class Levels(nn.Module):
    """
    0 to 1 in equal steps.
    """

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        return torch.round(torch.clamp(x, 0.0, 1.0) * self.steps) / self.steps


class DeadConv(nn.Conv2d):
    """
    A convolution whose bias is drawn so that some or all of its results are negative on the given frames.
    """


class Constant(nn.Module):
    """
    Numbers [C, 1, 1] in place of a branch.
    """

    def __init__(self, numbers: Tensor):
        super().__init__()
        self.register_buffer("numbers", numbers.reshape(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.get_buffer("numbers")


class Compare(nn.Module):
    """
    One of the four comparisons.
    """

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return getattr(torch, self.kind)(x, y)


class Combine(nn.Module):
    """
    A function of two or three branches of one input. All branches but one may be constant.
    """

    def __init__(self, kind: str, comparison: str, *branches: nn.Module):
        super().__init__()
        self.kind, self.compare, self.branches = kind, Compare(comparison), nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        first, second, *third = (branch(x) for branch in self.branches)
        match self.kind:
            case "compare":
                return torch.where(self.compare(first, second), 1.0, -1.0)
            case "where":
                return torch.where(self.compare(third[0], second), first, second)
            case "clamp":
                return torch.clamp(first, second, third[0])
            case _:
                return getattr(torch, self.kind)(first, second)


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


class Largest(nn.Module):
    """
    The place of the largest channel.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(1, keepdim=True)


class Top(nn.Module):
    """
    The places of the k largest channels.
    """

    def __init__(self, k: int):
        super().__init__()
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        return x.topk(min(self.k, x.shape[1]), 1).indices


class Irregular(nn.Module):
    """
    Rows and columns in any order, some of them twice.
    """

    def __init__(self, rows: list[int], columns: list[int]):
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, self.rows][..., self.columns]


class Several(nn.Module):
    """
    What a network returns, and the place of its largest channel, or those of several, before or behind it.
    """

    def __init__(self, model: nn.Module, first: bool, k: int):
        super().__init__()
        self.model, self.first, self.largest = model, first, Top(k) if k > 1 else Largest()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.model(x)
        return (self.largest(y), y) if self.first else (y, self.largest(y))


class Lines(nn.Module):
    """
    Rows and columns that are cut, flipped, repeated, joined with themselves, or made of channels.
    """

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        match self.kind:
            case "cut":
                return x[:, :, 1:, :-1]
            case "offset":
                return x[..., 1::2]
            case "flip":
                return x.flip(3)
            case "upsample":
                return F.interpolate(x, scale_factor=2)
            case "columns":
                return torch.cat([x, x[..., :1]], 3)
            case "rows":
                return torch.cat([x[:, :, :1], x], 2)
            case "shuffle":
                return F.pixel_shuffle(x, 2)
            case _:
                return F.pixel_unshuffle(x, 2)

    def size(self, channels: int, rows: int, columns: int) -> tuple[int, int, int] | None:
        """
        The shape of the result, None where there is none.
        """
        fits = {"cut": min(rows, columns) > 1, "offset": columns > 1, "shuffle": channels % 4 == 0}
        if not fits.get(self.kind, self.kind != "unshuffle" or not (rows % 2 or columns % 2)):
            return None
        return tuple(self(torch.zeros(1, channels, rows, columns)).shape[1:])


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
