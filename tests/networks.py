"""
Small random networks in the shapes of the field, one per seed.

Everything that makes compilers of binary networks fail is drawn often: odd sizes, strides, every padding, channel
counts around 48, batch norms of either sign, with zero scales and with means that accumulators hit exactly.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

FRAMES = 6
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 16)
WIDE = (20, 47, 48, 49, 50, 97)
SLOPES = (-0.5, 0.0, 0.125, 0.25, 1.0, 1.75)


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


class Builder:
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

    # Layers

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

    # Groups of layers, real values to real values

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
