"""
Random networks with rare layers, and with layers of which each kind needs a draw of its own.
"""

from collections.abc import Callable
from random import Random

import torch
from layers import Combine, Irregular, Lines
from networks import Builder, RandomNetwork, drawn
from torch import Tensor, nn

TABLES: dict[str, Callable[[], nn.Module]] = {
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
    "Hardsigmoid": nn.Hardsigmoid,
    "GELU": nn.GELU,
    "GELU by tanh": lambda: nn.GELU("tanh"),
    "SiLU": nn.SiLU,
    "Hardswish": nn.Hardswish,
    "ELU": lambda: nn.ELU(0.5),
    "Softplus": nn.Softplus,
    "Mish": nn.Mish,
}


class Decided(nn.Module):
    """
    What users write by comparisons with 0.
    """

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "sign":
            return x.sign().masked_fill(x == 0, 1.0)
        y = x.relu()
        return torch.where(y != 0, y, 0.5)


class Coordinates(nn.Module):
    """
    A constant beside values.
    """

    def forward(self, x: Tensor) -> Tensor:
        plane = torch.arange(float(x[0, 0].numel())).view(1, 1, *x.shape[2:]) / 8
        return torch.cat([x, plane.expand(len(x), -1, -1, -1).to(x.dtype)], 1)


class Letters(nn.Module):
    """
    A product written by letters.
    """

    def __init__(self, weight: Tensor):
        super().__init__()
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("nchw,ck->nkhw", x, self.get_buffer("weight").to(x.dtype))


class Extras(Builder):
    """
    Draws the groups that stand between body and tail.
    """

    def places(self) -> int:
        return int(self.rare.choice((1, 1, 2, 3)))

    def extras(self) -> list[nn.Module]:
        """
        A few groups, from a generator of their own: the other layers of a seed stay what they are.
        """
        spelled = self.spelled()
        before, self.random = self.random, Random(int(self.rare.integers(1 << 31)))
        groups: tuple[Callable[[], list[nn.Module]], ...] = (
            *[self.table] * 7,
            *[self.adaptive] * 2,
            self.irregular,
            self.transposed_in_groups,
            *[self.lines] * 5,
            self.shuffled,
            self.line_of_pixels,
            *[self.wide_windows] * 6,
            *[self.conv_in_groups] * 5,
            self.picks,
            self.cut,
            self.bordered_sign,
            *[self.padded_pool] * 5,
            self.least,
            self.downsample,
        )
        count = self.random.choice((0, 1, 2, 3, 3))
        layers = [m for _ in range(0 if self.averages else count) for m in self.random.choice(groups)()]
        self.random = before
        return [*layers, *(m for make in spelled for m in make())]

    def spelled(self) -> list[Callable[[], list[nn.Module]]]:
        """
        At most one group that only few write so, by a number that other draws do not take.
        """
        groups = (self.sign_of_zero, self.coordinates, self.letters, self.zeros)
        number = int(self.spelling.integers(3 * len(groups)))
        return [] if self.averages or number >= len(groups) else [groups[number]]

    def sign_of_zero(self) -> list[nn.Module]:
        self.note("sign with a value at zero")
        return [self.norm(), Decided("sign"), self.binary_conv()]

    def coordinates(self) -> list[nn.Module]:
        """
        A constant plane beside the channels.
        """
        self.note("coordinates")
        return [self.sized(Coordinates())]

    def letters(self) -> list[nn.Module]:
        self.note("einsum")
        return [self.sized(Letters(torch.randn(self.channels, 4))), self.norm()]

    def zeros(self) -> list[nn.Module]:
        """
        Another value in place of 0.
        """
        self.note("equality")
        return [self.norm(), Decided("equality")]

    def table(self) -> list[nn.Module]:
        """
        A function that hardware looks up, of numbers about 0, in front of anything.
        """
        kind = self.random.choice(tuple(TABLES))
        self.note(kind)
        layers = [self.norm(), TABLES[kind]()]
        return [*layers, *([self.sign(), self.binary_conv()] if self.chance(0.3) else [])]

    def adaptive(self) -> list[nn.Module]:
        """
        Windows of different sizes, of some frames.
        """
        size = tuple(self.random.randint(1, n) for n in self.size)
        average = self.chance(0.5)
        self.note("adaptive average pool" if average else "adaptive max pool")
        return [self.sized(nn.AdaptiveAvgPool2d(size) if average else nn.AdaptiveMaxPool2d(size))]

    def irregular(self) -> list[nn.Module]:
        self.note("irregular pick")
        rows, columns = ([self.random.randrange(n) for _ in range(self.random.randint(1, n))] for n in self.size)
        bits = [self.sign()] if self.chance(0.4) else []
        return [*bits, self.sized(Irregular(rows, columns)), *([self.binary_conv()] if bits else [])]

    def shuffled(self) -> list[nn.Module]:
        """
        Channels that become rows and columns, or the other way round where both are even.
        """
        kind = "shuffle" if any(n % 2 for n in self.size) else "unshuffle"
        conv = self.sized(nn.Conv2d(self.channels, 4, 1))
        moved = self.sized(Lines(kind))
        self.note(f"lines: {kind}" if isinstance(moved, Lines) else "real conv")
        return [conv, moved, self.norm()]

    def line_of_pixels(self) -> list[nn.Module]:
        return [self.line()]

    def transposed_in_groups(self) -> list[nn.Module]:
        """
        A transposed convolution of groups of channels, or channel by channel.
        """
        groups = self.random.choice([n for n in range(1, self.channels + 1) if self.channels % n == 0][-2:])
        outputs = groups * self.random.choice((1, 2))
        self.note("transposed convolution in groups")
        kernel, stride, padding = self.random.choice(((2, 2, 0), (3, 2, 1), (3, 1, 1)))
        layer = nn.ConvTranspose2d(self.channels, outputs, kernel, stride, padding, groups=groups)
        return [self.sized(layer), self.norm()]

    def padded_pool(self) -> list[nn.Module]:
        """
        A max pool behind each of what it may stand behind.
        """
        match self.random.choice(("accumulators", "activations", "reals")):
            case "accumulators":
                return [self.sign(), self.binary_conv(), self.max_pool("accumulators"), *self.after_accumulators()]
            case "activations":
                return [self.norm(), self.activation(), self.max_pool("activations")]
            case _:
                return [self.real_conv(), self.max_pool("reals")]

    def least(self) -> list[nn.Module]:
        """
        The smaller of two computed numbers.
        """
        self.note("minimum")
        return [Combine("minimum", "ge", self.operand(), self.operand())]


def rare_network(seed: int) -> RandomNetwork:
    """
    The network of a seed, with rare layers.
    """
    return drawn(Extras, Random(seed))
