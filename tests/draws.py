"""
Single layers of random networks, drawn one after the other.
"""

from random import Random

from layers import BinaryConv, Sign
from torch import nn

CHANNELS = (1, 2, 3, 4, 5, 7, 8, 16)
WIDE = (20, 47, 48, 49, 50, 97)


class Draws:
    """
    Draws layers one after the other and knows the shape [C, H, W] that they have reached.
    """

    def __init__(self, seed: int):
        self.random = Random(seed)
        self.features: set[str] = set()
        self.pixels = self.chance(0.5)
        self.channels = self.random.choice((1, 2, 3))
        self.size = (self.random.randint(4, 9), self.random.randint(4, 9))
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

    def binary_conv(self, outputs: int | None = None, keep: bool = False) -> BinaryConv:
        """
        From bits; with `keep`, to frames of the same size.
        """
        kernel, stride, padding = self.window()
        if keep:
            kernel = self.random.choice((1, 3, 3, 5))
            stride, padding = 1, kernel // 2
        fill = self.random.choice((0.0, 0.0, 1.0, -1.0)) if padding else 0.0
        if padding:
            self.note(f"binary padding {fill:g}")
        alpha = self.chance(0.4)
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
