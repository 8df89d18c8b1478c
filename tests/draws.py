"""
Single layers of random networks, drawn one after the other.
"""

import math
from random import Random

import torch
from layers import BinaryConv, Bordered, Constant, Levels, Line, Pick, Scale, Sign
from torch import nn

CHANNELS = (1, 2, 3, 4, 5, 7, 8, 16)
WIDE = (20, 47, 48, 49, 50, 97)
MAGNITUDES = (1e-24, 1e-21, 1e-12, 1e-12, 1e-6, 1e-3, 1e3, 1e6, 1e12, 1e12)
LARGEST = 150
"""Pixels of a frame that windows may grow to."""
DEEP = (((64, 64), (8, 8)), ((8, 8), (8, 8), (8, 8)), ((16, 32), (32, 16)), ((64, 16), (8, 32)), ((12, 10), (9, 13)))
"""Windows of averages in a row."""


class Draws:
    """
    Draws layers one after the other and knows the shape [C, H, W] that they have reached.
    """

    def __init__(self, random: Random):
        self.random = random
        self.features: set[str] = set()
        self.pixels = self.chance(0.5)
        self.channels = self.random.choice((1, 2, 3))
        self.size = (self.random.randint(4, 9), self.random.randint(4, 9))
        self.averages: tuple[tuple[int, int], ...] = ()
        if self.chance(0.05):
            self.note("deep averages")
            self.averages = self.random.choice(DEEP)
            rows, columns = (math.prod(window[d] for window in self.averages) for d in (0, 1))
            self.channels, self.size = 1, (rows, columns)
        self.input = (self.channels, *self.size)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def note(self, feature: str) -> None:
        self.features.add(feature)

    def width(self) -> int:
        return self.random.choice(WIDE if self.chance(0.25) else CHANNELS)

    def norm(self) -> nn.Module:
        affine = self.chance(0.7)
        self.note("norm" if affine else "norm without affine")
        return nn.BatchNorm2d(self.channels, affine=affine)

    def activation(self) -> nn.Module:
        kind = self.random.choice(("prelu", "prelu", "shared prelu", "relu", "leaky relu", "hardtanh"))
        self.note(kind)
        match kind:
            case "prelu":
                return nn.PReLU(self.channels)
            case "shared prelu":
                return nn.PReLU()
            case "relu":
                return nn.ReLU()
            case "leaky relu":
                return nn.LeakyReLU(self.random.choice((0.1, 1.5)))
            case _:
                return nn.Hardtanh(*self.random.choice(((-1.0, 1.0), (-0.5, 2.0))))

    def magnitude(self) -> float:
        return self.random.choice(MAGNITUDES)

    def scale(self) -> Scale:
        self.note("scale")
        return Scale(self.random.choice((0.3, 0.25, 3.0, -0.7)))

    def pick(self) -> Pick:
        """
        Rows and columns, or channels: some, reversed, repeated, with zeros behind.
        """
        kind = self.random.choice(("rows", "rows", "reversed", "some", "zeros"))
        self.note(f"pick of {kind}")
        if kind == "rows":
            self.size = ((self.size[0] + 1) // 2, (self.size[1] + 1) // 2)
            return Pick()
        channels = list(range(self.channels))[::-1]
        if kind == "some":
            channels = [self.random.choice(channels) for _ in range(self.random.choice((1, 3, 5)))]
        if kind == "zeros":
            channels = [*channels[::-1], *[-1] * self.random.choice((1, 3))]
        self.channels = len(channels)
        return Pick(channels)

    def levels(self) -> Levels:
        self.note("levels")
        return Levels(self.random.choice((1, 3, 3, 7)))

    def constant(self, alike: bool) -> Constant:
        """
        One number, or one per channel.
        """
        count = 1 if alike else self.channels
        return Constant(torch.tensor([self.random.choice((-1.0, -0.3, 0.0, 0.25, 1.0)) for _ in range(count)]))

    def sign(self) -> Sign:
        strict = self.chance(0.2)
        self.note("strict sign" if strict else "sign")
        return Sign(strict)

    def after_window(self, kernel: int, stride: int, padding: int) -> None:
        rows, columns = ((n + 2 * padding - kernel) // stride + 1 for n in self.size)
        self.size = (rows, columns)

    def window(self) -> tuple[int, int, int]:
        """
        Kernel, stride and padding that fit the frame.
        """
        while True:
            kernel, stride = self.random.choice((1, 2, 3, 3, 5)), self.random.choice((1, 1, 1, 2, 3))
            padding = self.random.randint(0, (kernel - 1) // 2)
            if all(n + 2 * padding >= kernel for n in self.size):
                self.note(f"kernel {kernel}")
                self.note(f"stride {stride}")
                return kernel, stride, padding

    def sized(self, layer: nn.Module) -> nn.Module:
        """
        A layer, or none where it does not fit the frame or makes it large.
        """
        with torch.no_grad():
            try:
                shape = layer(torch.zeros(1, self.channels, *self.size)).shape
            except RuntimeError:
                return nn.Identity()
        if math.prod(shape[2:]) > LARGEST:
            return nn.Identity()
        self.channels, self.size = shape[1], (shape[2], shape[3])
        return layer

    def border(self, fills: tuple[float, ...], layer: nn.Module) -> Bordered:
        """
        A border that is different on each side.
        """
        fill = self.random.choice(fills)
        self.note(f"border of {fill:g}")
        return Bordered(tuple(self.random.randint(0, 3) for _ in range(4)), fill, layer)

    def wide_conv(self, binary: bool) -> nn.Module:
        """
        Any padding, distant taps, even kernels.
        """
        kernel, stride = self.random.choice((1, 2, 2, 3, 4)), self.random.choice((1, 1, 2, 3))
        padding, dilation = self.random.randint(0, kernel + 1), self.random.choice((1, 1, 2, 3))
        outputs = self.width() if binary else self.random.choice(CHANNELS)
        self.note("wide padding" if 2 * padding > (kernel - 1) * dilation else "narrow padding")
        self.note(f"dilation {dilation}")
        if binary:
            fill = self.random.choice((0.0, 0.0, 1.0, -1.0)) if padding else 0.0
            conv: nn.Module = BinaryConv(
                self.channels, outputs, kernel, stride, padding, fill, self.chance(0.4), dilation=dilation
            )
        else:
            conv = nn.Conv2d(self.channels, outputs, kernel, stride, padding, dilation)
        return self.sized(self.border((0.0, 0.0, -1.0, 0.5), conv) if self.chance(0.4) else conv)

    def wide_pool(self) -> nn.Module:
        """
        Windows beyond the frame, counted or not.
        """
        kernel, stride, rounded = self.random.choice((2, 3, 4)), self.random.choice((1, 2, 3)), self.chance(0.5)
        padding = self.random.randint(0, kernel // 2)
        self.note("ceil_mode" if rounded else "floor mode")
        if self.chance(0.4):
            self.note("wide max pool")
            pool: nn.Module = nn.MaxPool2d(kernel, stride, padding, self.random.choice((1, 1, 2)), ceil_mode=rounded)
            return self.sized(self.border((0.0, -1.0), pool) if self.chance(0.3) else pool)
        counted, divisor = self.chance(0.4), self.random.choice((None, None, None, 3))
        self.note("counted border" if counted else "uncounted border")
        pool = nn.AvgPool2d(kernel, stride, padding, rounded, counted, divisor)
        return self.sized(self.border((0.0, 1.0), pool) if self.chance(0.3) else pool)

    def line(self) -> nn.Module:
        """
        Layers of one dimension.
        """
        kernel, stride, gap = (
            self.random.choice((1, 2, 3, 5)),
            self.random.choice((1, 2, 3)),
            self.random.choice((1, 2)),
        )
        padding, pooled = self.random.randint(0, kernel), min(kernel // 2, 1)
        outputs = self.random.choice(CHANNELS)
        kinds: dict[str, nn.Module] = {
            "conv": nn.Conv1d(self.channels, outputs, kernel, stride, padding, gap),
            "max": nn.MaxPool1d(kernel, stride, pooled * (kernel > gap), gap),  # a tap inside
            "average": nn.AvgPool1d(kernel, stride, pooled, self.chance(0.5), self.chance(0.5)),
        }
        kind = self.random.choice(tuple(kinds))
        self.note(f"line of {kind}")
        return self.sized(Line(kinds[kind]))

    def binary_conv(self, outputs: int | None = None, keep: bool = False, scaled: float = 0.4) -> BinaryConv:
        """
        From bits; with `keep`, to frames of the same size; `scaled` is how likely there are scales.
        """
        kernel, stride, padding = self.window()
        if keep:
            kernel = self.random.choice((1, 3, 3, 5))
            stride, padding = 1, kernel // 2
        fill = self.random.choice((0.0, 0.0, 1.0, -1.0)) if padding else 0.0
        if padding:
            self.note(f"binary padding {fill:g}")
        alpha = self.chance(scaled)
        self.note("alpha" if alpha else "no alpha")
        outputs = outputs or self.width()
        conv = BinaryConv(self.channels, outputs, kernel, stride, padding, fill, alpha)
        self.channels = outputs
        self.after_window(kernel, stride, padding)
        return conv

    def real_conv(self) -> nn.Conv2d:
        kernel, stride, padding = self.window()
        outputs = self.random.choice(CHANNELS)
        conv = nn.Conv2d(self.channels, outputs, kernel, stride, padding, bias=self.chance(0.5))
        self.note("real conv with padding" if padding else "real conv")
        self.channels = outputs
        self.after_window(kernel, stride, padding)
        return conv

    def max_pool(self, what: str) -> nn.Module:
        kernel, stride, padding = self.random.choice(((2, 2, 0), (3, 2, 1), (2, 1, 0), (3, 1, 1), (3, 3, 0)))
        if min(self.size) + 2 * padding < kernel:
            return nn.Identity()
        self.note(f"max pool of {what}" + (" with padding" if padding else ""))
        self.after_window(kernel, stride, padding)
        return nn.MaxPool2d(kernel, stride, padding)

    def avg_pool(self) -> nn.Module:
        kernel = self.random.choice((2, 3, 3))
        if min(self.size) < kernel:
            return nn.Identity()
        stride, padding = (1, 1) if kernel == 3 and self.chance(0.5) else (kernel, 0)
        self.note(f"average pool {kernel}" + (" with padding" if padding else ""))
        self.after_window(kernel, stride, padding)
        return nn.AvgPool2d(kernel, stride, padding)
