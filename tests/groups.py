"""
Groups of layers of random networks, in the shapes of the field.
"""

import math

import torch
from draws import CHANNELS, Draws
from layers import (
    BinaryConv,
    BorderedSign,
    Centered,
    Combine,
    DeadConv,
    Join,
    Lines,
    Scale,
    Sign,
    Sum,
    Thermometer,
)
from torch import nn

LINES = ("cut", "offset", "flip", "upsample", "columns", "rows", "shuffle", "unshuffle")
COMBINATIONS = ("add", "sub", "mul", "maximum", "maximum", "minimum", "where", "where", "compare", "clamp", "clamp")


class Groups(Draws):
    """
    Draws groups of layers, real values to real values.
    """

    def binary_block(self) -> list[nn.Module]:
        """
        Sign and binary convolution; what follows sees the accumulators.
        """
        layers: list[nn.Module] = [self.norm()] if self.chance(0.2) else []
        layers.append(self.sign())
        if self.chance(0.15):
            layers.append(self.max_pool("bits"))
        layers.append(self.binary_conv())
        if self.chance(0.35):
            layers.append(self.max_pool("accumulators"))
        return [*layers, *self.after_accumulators()]

    def after_accumulators(self) -> list[nn.Module]:
        layers: list[nn.Module] = []
        if self.chance(0.8):
            layers.append(self.norm())
        if self.chance(0.5):
            layers.append(self.activation())
            if self.chance(0.2):
                layers.append(self.norm())
                self.note("norm after activation")
        return layers

    def main_path(self, outputs: int) -> list[nn.Module]:
        """
        A binary branch that keeps the frame.
        """
        layers = [self.sign(), self.binary_conv(outputs, keep=True)]
        return [*layers, *self.after_accumulators()]

    def residual(self) -> list[nn.Module]:
        self.note("identity skip")
        main = nn.Sequential(*self.main_path(self.channels))
        return [Sum(main, nn.Identity()), *([self.norm()] if self.chance(0.7) else [])]

    def downsample(self) -> list[nn.Module]:
        if any(n % 2 for n in self.size):
            return self.residual()
        self.note("downsampling skip")
        channels, outputs = self.channels, self.random.choice(CHANNELS)
        alpha = self.chance(0.5)
        main = [self.sign(), BinaryConv(channels, outputs, 3, 2, 1, 0.0, alpha)]
        self.channels, self.size = outputs, (self.size[0] // 2, self.size[1] // 2)
        main += self.after_accumulators()
        skip = (nn.AvgPool2d(2), nn.Conv2d(channels, outputs, 1, bias=False), self.norm())
        return [Sum(nn.Sequential(*main), nn.Sequential(*skip)), self.norm()]

    def adds_in_a_row(self) -> list[nn.Module]:
        self.note("adds in a row")
        channels = self.channels
        mains = [nn.Sequential(*self.main_path(channels)) for _ in range(2)]
        return [Sum(*mains, nn.Identity())]

    def add_of_forks(self) -> list[nn.Module]:
        self.note("add of forks")
        channels, outputs = self.channels, self.width()
        shared = self.norm() if self.chance(0.6) else self.activation()
        mains: list[nn.Module] = []
        for _ in range(2):
            self.channels = channels
            mains.append(nn.Sequential(*self.main_path(outputs)))
        return [shared, Sum(*mains), *([self.norm()] if self.chance(0.5) else [])]

    def concat_twice(self) -> list[nn.Module]:
        self.note("concat of itself")
        first = self.norm() if self.chance(0.5) else nn.Identity()
        self.channels *= 2
        return [first, Join(nn.Identity(), nn.Identity())]

    def concat(self) -> list[nn.Module]:
        self.note("concat of branches")
        channels, total = self.channels, 0
        branches: list[nn.Module] = []
        for _ in range(self.random.choice((2, 2, 3))):
            self.channels = channels
            if self.chance(0.2):
                branches.append(nn.Sequential(self.norm()))
            else:
                branches.append(nn.Sequential(*self.main_path(self.random.choice((1, 3, 5, 16, 49)))))
            total += self.channels
        self.channels = total
        return [Join(*branches)]

    def concat_of_bits(self) -> list[nn.Module]:
        self.note("concat of bits")
        channels, total = self.channels, 0
        branches: list[nn.Module] = [nn.Sequential(self.norm(), self.sign())]
        total = channels
        for _ in range(self.random.choice((1, 2))):
            self.channels = channels
            branches.append(nn.Sequential(*self.main_path(self.random.choice((2, 5, 20, 47, 50))), self.sign()))
            total += self.channels
        self.channels = total
        layers: list[nn.Module] = [Join(*branches)]
        if self.chance(0.3):
            layers.append(self.max_pool("bits"))
        return [*layers, self.binary_conv(), *self.after_accumulators()]

    def norm_before_padding(self) -> list[nn.Module]:
        """
        What lies before is an input, an addition, a pool, or anything.
        """
        self.note("norm before padded conv")
        outputs = self.random.choice(CHANNELS)
        layers: list[nn.Module] = [self.norm(), nn.Conv2d(self.channels, outputs, 3, padding=1)]
        self.channels = outputs
        return layers

    def pool(self) -> list[nn.Module]:
        return [self.max_pool("reals") if self.chance(0.3) else self.avg_pool()]

    def conv_on_bits(self) -> list[nn.Module]:
        unit = self.chance(0.5)
        self.note("conv on 0 and 1" if unit else "real conv on bits")
        return [Sign(self.chance(0.5), unit), self.real_conv(), *self.after_accumulators()]

    def sign_of_accumulators(self) -> list[nn.Module]:
        self.note("sign of accumulators")
        first = [self.sign(), self.binary_conv()]
        norms = [self.norm()] if self.chance(0.8) else []
        return [*first, *norms, self.sign(), self.binary_conv(), *self.after_accumulators()]

    def activation_before_sign(self) -> list[nn.Module]:
        """
        A function between a batch norm and its sign, and more between the two.
        """
        self.note("activation before sign")
        layers = [self.sign(), self.binary_conv(scaled=0.1), self.norm()]
        if self.chance(0.8):
            layers.append(self.activation())
        match self.random.choice(("pool", "pick", "scale", "norm", "average", "nothing")):
            case "pool":
                layers.append(self.max_pool("activations"))
            case "pick":
                layers.append(self.pick())
            case "scale":
                layers.append(self.scale())
            case "norm":
                layers.append(self.norm())
            case "average":
                layers.append(self.avg_pool())
            case _:
                pass
        return [*layers, self.sign(), self.binary_conv(), *self.after_accumulators()]

    def operand(self) -> nn.Module:
        """
        A branch that keeps the shape.
        """
        match self.random.choice(("same", "norm", "activation", "scale", "binary")):
            case "same":
                return nn.Identity()
            case "norm":
                return self.norm()
            case "activation":
                return self.activation()
            case "scale":
                return self.scale()
            case _:
                return nn.Sequential(*self.main_path(self.channels))

    def combination(self) -> list[nn.Module]:
        """
        A function of two operands, one of them constant at times, and a third one that is compared or bounds.
        """
        kind = self.random.choice(COMBINATIONS)
        count = 3 if kind in ("where", "clamp") else 2
        branches = [self.operand() for _ in range(count)]
        constant = self.random.choice((None, None, *range(count)))
        if constant is not None:
            branches[constant] = self.constant(kind not in ("add", "sub", "mul", "compare"))
        self.note(kind)
        self.note("computed operands" if constant is None else f"constant operand {constant}")
        return [Combine(kind, self.random.choice(("ge", "gt", "le", "lt")), *branches)]

    def cut(self) -> list[nn.Module]:
        """
        A function with a jump.
        """
        cut = self.random.choice((nn.Threshold(0.1, -0.5), nn.Threshold(-0.25, 0.0), nn.Hardshrink(0.25)))
        self.note(type(cut).__name__)
        return [self.norm(), cut]

    def centered(self) -> list[nn.Module]:
        pixels = self.chance(0.5)
        self.note("centered pixels" if pixels else "centered planes")
        return [self.norm(), Centered(pixels)]

    def thermometer(self) -> list[nn.Module]:
        self.note("thermometer code")
        levels = torch.tensor(self.random.choice(((0.0,), (-0.5, 0.5), (-1.0, 0.0, 0.25, 1.0))))
        self.channels, layers = self.channels * len(levels), [self.norm(), Thermometer(levels)]
        return [*layers, self.binary_conv() if self.chance(0.6) else self.real_conv(), *self.after_accumulators()]

    def bordered_sign(self) -> list[nn.Module]:
        fill = self.random.choice((-1.0, 0.0, 0.5))
        self.note(f"border of {fill:g} before a sign")
        channels, self.channels = self.channels, self.random.choice(CHANNELS)
        layers = [nn.BatchNorm2d(channels)] if self.chance(0.5) else []
        conv = BinaryConv(channels, self.channels, 3, 1, 0, 0.0, self.chance(0.5))
        return [*layers, BorderedSign(fill, conv), *self.after_accumulators()]

    def wide_windows(self) -> list[nn.Module]:
        """
        A layer whose windows lie outside the frame in part, or whose taps lie apart.
        """
        kind = self.random.choice(
            ("binary", "binary", "levels", "reals", "pool", "pool", "bits", "border", "line", "line")
        )
        match kind:
            case "binary":
                return [self.sign(), self.wide_conv(True), *self.after_accumulators()]
            case "levels":
                return [self.norm(), self.levels(), self.wide_conv(self.chance(0.5)), *self.after_accumulators()]
            case "reals":
                return [self.wide_conv(False), *self.after_accumulators()]
            case "bits":
                return [self.sign(), self.wide_pool(), self.binary_conv(), *self.after_accumulators()]
            case "pool":
                return [self.wide_pool()]
            case "border":
                return [self.sized(self.border((0.0, 0.5, -1.0), nn.Identity()))]
            case _:
                return [self.line()]

    def far(self) -> list[nn.Module]:
        """
        Numbers far from 1, for a while or up to the end.
        """
        factor = self.magnitude()
        self.note("far below 1" if factor < 1 else "far above 1")
        layers = [*self.real_or_norm(), Scale(factor), self.activation()]
        back = [Scale(1 / factor), *self.real_or_norm()] if self.chance(0.5) else []
        return [*layers, *back]

    def real_or_norm(self) -> list[nn.Module]:
        return [self.real_conv()] if self.chance(0.5) else [self.norm()]

    def far_apart(self) -> list[nn.Module]:
        self.note("concat of magnitudes")
        self.channels *= 2
        return [Join(nn.Identity(), Scale(self.random.choice((1e-24, 1e-21, 1e21))))]

    def dead(self) -> list[nn.Module]:
        """
        A ReLU that lets nothing through, or little, and a convolution whose bias is all that is left.
        """
        self.note("dead channels")
        outputs = self.random.choice(CHANNELS)
        layers: list[nn.Module] = [DeadConv(self.channels, outputs, 1), nn.ReLU()]
        with torch.no_grad():
            layers[0].get_parameter("weight").mul_(2.0 ** self.random.choice((0, 12, 24)))
        self.channels = outputs
        if self.chance(0.7):
            layers.append(nn.Conv2d(outputs, outputs, 1))
        return layers

    def picks(self) -> list[nn.Module]:
        return [self.pick()]

    def conv_on_levels(self) -> list[nn.Module]:
        layers = [self.norm(), self.levels()]
        return [*layers, self.binary_conv() if self.chance(0.6) else self.real_conv(), *self.after_accumulators()]

    def conv_in_groups(self) -> list[nn.Module]:
        """
        A real or binary convolution of groups of channels, or channel by channel.
        """
        few = [n for n in (2, 3, 4) if self.channels % n == 0]
        groups = self.random.choice((self.channels, *few))
        outputs = groups * self.random.choice((1, 1, 2, 3))
        binary = self.chance(0.5)
        self.note(f"{'binary' if binary else 'real'} conv {'by channel' if groups == self.channels else 'in groups'}")
        first = [self.sign()] if binary else [self.norm(), self.activation()]
        kernel, stride, padding = self.window()
        layer: nn.Module = nn.Conv2d(self.channels, outputs, kernel, stride, padding, groups=groups)
        if binary:
            fill, alpha = self.random.choice((0.0, 0.0, 1.0, -1.0)) if padding else 0.0, self.chance(0.4)
            layer = BinaryConv(self.channels, outputs, kernel, stride, padding, fill, alpha, groups)
        self.channels = outputs
        self.after_window(kernel, stride, padding)
        return [*first, layer, *self.after_accumulators()]

    def lines(self) -> list[nn.Module]:
        """
        Moves of rows and columns, of numbers or of bits.
        """
        kind = Lines(self.random.choice(LINES))
        size = kind.size(self.channels, *self.size)
        if size is None or math.prod(size[1:]) > 150:
            return [self.norm()]
        self.note(f"lines: {kind.kind}")
        first = [self.norm()] if self.chance(0.5) else []
        bits = self.chance(0.4) and "shuffle" not in kind.kind
        first += [self.sign()] if bits else []
        self.channels, *lines = size
        self.size = (lines[0], lines[1])
        return [*first, kind, *([self.binary_conv()] if bits else [self.norm()])]

    def transposed(self) -> list[nn.Module]:
        """
        A transposed convolution, of which no result lies outside the phases of the pixels.
        """
        kernel, stride, padding, more = self.random.choice(
            ((2, 2, 0, 0), (4, 2, 1, 0), (3, 2, 1, 0), (3, 2, 1, 1), (3, 1, 1, 0))
        )
        if math.prod(self.size) * stride**2 > 150 or min(self.size) < 2:
            return [self.norm()]
        self.note("transposed convolution")
        channels, self.channels = self.channels, self.random.choice(CHANNELS)
        rows, columns = ((n - 1) * stride - 2 * padding + kernel + more for n in self.size)
        self.size = (rows, columns)
        return [nn.ConvTranspose2d(channels, self.channels, kernel, stride, padding, more), self.norm()]
