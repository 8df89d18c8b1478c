"""
Small random networks in the shapes of the field, one per seed.

Everything that makes compilers of binary networks fail is drawn often: odd sizes, strides, every padding, channel
counts around 48, batch norms of either sign, with zero scales and with means that accumulators hit exactly.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from draws import CHANNELS, Draws
from layers import BinaryConv, BinaryLinear, ChannelsLast, GlobalMean, Join, Normalize, Sign, Sum, float64
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

FRAMES = 6
SLOPES = (-0.5, 0.0, 0.125, 0.25, 1.0, 1.75)


@dataclass
class RandomNetwork:
    """
    A network in eval mode, frames for it, and what it is made of.
    """

    model: nn.Module
    frames: Tensor
    features: set[str]

    def __repr__(self) -> str:
        return f"{tuple(self.frames.shape)} {self.frames.dtype}, {sorted(self.features)}: {self.model}"


class Builder(Draws):
    """
    Draws groups of layers, real values to real values, and whole networks.
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

    # Whole networks

    def first(self) -> list[nn.Module]:
        match self.random.choice(("stem", "stem", "stem", "bits", "norm", "nothing")):
            case "stem":
                self.note("real stem")
                layers = [Normalize(128, 64)] if self.pixels else []
                return [*layers, self.real_conv(), *([self.norm()] if self.chance(0.7) else [])]
            case "bits":
                self.note("binary first layer")
                shift = 99.5 if self.pixels else 0.0
                return [Sign(self.pixels, shift=shift), self.binary_conv(), *self.after_accumulators()]
            case "norm":
                self.note("norm of the input")
                layers = [Normalize(100, 1)] if self.pixels else []
                return [*layers, *self.norm_before_padding()]
            case _:
                return [Normalize(120, 32)] if self.pixels else []

    def body(self) -> list[nn.Module]:
        groups: tuple[Callable[[], list[nn.Module]], ...] = (
            self.binary_block,
            self.binary_block,
            self.residual,
            self.residual,
            self.downsample,
            self.adds_in_a_row,
            self.add_of_forks,
            self.concat_twice,
            self.concat,
            self.concat_of_bits,
            self.norm_before_padding,
            self.pool,
            self.pool,
            self.conv_on_bits,
            self.sign_of_accumulators,
        )
        return [m for _ in range(self.random.choice((1, 2, 2, 3))) for m in self.random.choice(groups)()]

    def flat(self) -> list[nn.Module]:
        last = self.chance(0.4)
        self.note("permute and flatten" if last else "flatten")
        return [ChannelsLast(), nn.Flatten()] if last else [nn.Flatten()]

    def head(self) -> list[nn.Module]:
        """
        To [N, features].
        """
        features = self.channels * math.prod(self.size)
        outputs = self.random.choice((2, 5, 10))
        match self.random.choice(("mean", "linear", "binary", "deep")):
            case "mean":
                self.note("global average")
                return [GlobalMean(), nn.Linear(self.channels, outputs)]
            case "linear":
                self.note("linear")
                return [*self.flat(), nn.Linear(features, outputs)]
            case "binary":
                self.note("binary linear")
                return [*self.flat(), self.sign(), BinaryLinear(features, outputs, self.chance(0.5))]
            case _:
                self.note("binary linear, sign, linear")
                hidden = self.random.choice((5, 48, 50))
                first = BinaryLinear(features, hidden, self.chance(0.3))
                last: nn.Module = (
                    nn.Linear(hidden, outputs) if self.chance(0.5) else BinaryLinear(hidden, outputs, False)
                )
                return [*self.flat(), self.sign(), first, nn.BatchNorm1d(hidden), self.sign(), last]

    def tail(self) -> list[nn.Module]:
        match self.random.choice(("head", "head", "head", "heads", "bits", "reals")):
            case "head":
                return self.head()
            case "heads":
                self.note("several heads")
                return [Join(*(nn.Sequential(*self.head()) for _ in range(2)))]
            case "bits":
                self.note("bits as output")
                return [self.sign()]
            case _:
                self.note("frames as output")
                return [self.norm()]

    def build(self) -> RandomNetwork:
        seed = self.random.getrandbits(31)
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            model = nn.Sequential(*self.first(), *self.body(), *self.tail())
        shape = (FRAMES, *self.input)
        if self.pixels:
            frames = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        else:
            frames = torch.randn(shape, generator=generator)
        self.note("uint8 input" if self.pixels else "float input")
        self.parameters(model, frames)
        return RandomNetwork(model, frames, self.features)

    def parameters(self, model: nn.Module, frames: Tensor) -> None:
        """
        Draws scales, shifts and slopes around what the frames show.
        """
        model.train()
        handles = [m.register_forward_hook(self.draw_norm) for m in model.modules() if isinstance(m, _BatchNorm)]
        with float64(model), torch.no_grad():
            for module in model.modules():
                if isinstance(module, nn.PReLU):
                    slopes = [self.random.choice(SLOPES) for _ in range(module.weight.numel())]
                    module.weight.copy_(torch.tensor(slopes))
            model(frames if frames.dtype == torch.uint8 else frames.double())
        for handle in handles:
            handle.remove()
        model.eval()

    def draw_norm(self, norm: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
        """
        Statistics near the measured ones. Of integers every number is dyadic, so that PyTorch's arithmetic is exact
        and ties stay ties.
        """
        assert isinstance(norm, _BatchNorm)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        x = inputs[0].transpose(0, 1).flatten(1)
        norm.running_mean.copy_(x.mean(1))
        norm.running_var.copy_(x.var(1).clamp(min=0.02))
        zeros = self.chance(0.2)
        if zeros:
            self.note("zero means")
            norm.running_mean.zero_()
        exact = bool((x == x.round()).all())
        if exact:
            self.note("integer means")
            norm.eps = 0.0
            norm.running_mean.copy_(norm.running_mean.round())
            norm.running_var.copy_(4.0 ** torch.round(torch.log2(norm.running_var) / 2))
        if norm.affine:
            for channel in range(norm.num_features):
                gamma = self.random.choice((0.5, 1.0, 1.5, 1.0, -1.0, -0.5, 0.0))
                beta = self.random.choice((0.0, 0.0, 0.25, -0.5))
                if gamma <= 0:
                    self.note("negative gamma" if gamma < 0 else "gamma 0")
                if not exact:
                    gamma, beta = gamma * self.random.uniform(0.7, 1.4), beta + self.random.uniform(-0.3, 0.3)
                norm.weight[channel], norm.bias[channel] = gamma, beta
        with torch.no_grad():
            return norm.eval().forward(inputs[0])


def random_network(seed: int) -> RandomNetwork:
    """
    The network of a seed.
    """
    return Builder(seed).build()
