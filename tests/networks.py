"""
Small random networks in the shapes of the field, one per seed or drawn by hypothesis.

Everything that makes compilers of binary networks fail is drawn often: odd sizes, strides, every padding, channel
counts around 48, batch norms of either sign, with zero scales and with means that accumulators hit exactly, functions
between a batch norm and its sign, numbers of any magnitude, zeros, dead channels, averages of averages, functions of
two computed operands, and names that end comments.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import torch
from groups import Groups
from hypothesis import strategies as st
from layers import BinaryLinear, ChannelsLast, GlobalMean, Join, Normalize, Scale, Several, Sign
from parameters import Parameters
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp, StringAttr

import blendir
from blendir.dialects.blend import BlendOp

FRAMES = 6
ENDS = (
    "",
    "\n#error escaped\n//",
    "\\",
    "??/",
    "*/ int",
    "\r\n}",
    "\u2028\u540d\U0001f600",
    '"',
    "\0",
    "/*",
    "<b>%s{}$@`",
)
"""What names of layers may end with: C++, MLIR and HTML have a meaning for it."""
MODULES = ("int", "Sequential", "\u00e9", "\u540d\u524d", "a b", "x*/", "0", "_", "main", "%s{}")
"""Names of modules that PyTorch can trace."""


@dataclass
class RandomNetwork:
    """
    A network in eval mode, frames for it, how it is lowered, and what it is made of.
    """

    model: nn.Module
    frames: Tensor
    features: set[str]
    ends: tuple[str, ...] = ("",)
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    """Of fold-bn and quantize."""
    calibrated: bool = True

    def __repr__(self) -> str:
        lowered = f"{self.options}, {self.ends}" + ("" if self.calibrated else ", no calibration")
        return f"{tuple(self.frames.shape)} {self.frames.dtype}, {sorted(self.features)}, {lowered}: {self.model}"

    def imported(self) -> ModuleOp:
        """
        The network at [imported], its layers renamed.
        """
        module = blendir.from_torch(self.model, self.frames[:1])
        for index, op in enumerate(module.walk()):
            if isinstance(op, BlendOp) and op.layer is not None:
                op.layer = StringAttr(op.layer_name + self.ends[index % len(self.ends)])
        return module


class Builder(Groups):
    """
    Draws whole networks.
    """

    def first(self) -> list[nn.Module]:
        if self.averages:
            self.size = (1, 1)
            layers = [Normalize(120, 32)] if self.pixels else []
            return [*layers, *(nn.AvgPool2d(window) for window in self.averages), self.activation()]
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
            *[self.activation_before_sign] * 4,
            *[self.combination] * 5,
            self.cut,
            self.centered,
            self.thermometer,
            self.bordered_sign,
            self.far,
            self.far_apart,
            self.dead,
            self.picks,
            self.conv_on_levels,
            self.conv_in_groups,
            *[self.lines] * 2,
            self.transposed,
            *[self.wide_windows] * 4,
        )
        return [m for _ in range(self.random.choice((1, 2, 3, 3))) for m in self.random.choice(groups)()]

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
        match self.random.choice(("head", "head", "head", "heads", "bits", "unit bits", "levels", "reals", "far")):
            case "head":
                return self.head()
            case "heads":
                self.note("several heads")
                return [Join(*(nn.Sequential(*self.head()) for _ in range(2)))]
            case "bits":
                self.note("bits as output")
                return [self.sign()]
            case "unit bits":
                self.note("0 and 1 as output")
                return [Sign(unit=True)]
            case "levels":
                self.note("levels as output")
                return [self.norm(), self.levels()]
            case "far":
                self.note("output of any magnitude")
                return [self.norm(), Scale(self.magnitude())]
            case _:
                self.note("frames as output")
                return [self.norm()]

    def ends(self) -> tuple[str, ...]:
        """
        What every so many layers' names end with.
        """
        if self.chance(0.5):
            return ("",)
        self.note("hostile names")
        return tuple(self.random.choice(ENDS) for _ in range(3))

    def options(self) -> dict[str, Any]:
        widths = (24,) if self.averages else (3, 4, 8, 16, 16, 24)
        return {
            "fold_bn_residual": self.random.choice(("renormalize", "affine")),
            "quantize_bits": self.random.choice(widths),
            "quantize_skip_bits": self.random.choice((8, 16, 24)),
            "quantize_rounding": self.random.choice(("half_up", "half_even")),
        }

    def draw_frames(self, numbers: np.random.Generator) -> Tensor:
        """
        Frames of one of many kinds, float ones of any magnitude.
        """
        shape = (2 if self.averages else FRAMES, *self.input)
        kind = self.random.choice(("normal", "normal", "half zeros", "positive", "whole"))
        self.note(f"frames: {kind}")
        if self.pixels:
            self.note("uint8 input")
            frames = numbers.integers(200 if kind == "positive" else 0, 256, shape)
            if self.apart.random() > 0.75:
                self.note("int8 input")
                return torch.from_numpy((frames - 128).astype(np.int8))
        else:
            self.note("float input")
            frames = numbers.uniform(0.9, 1.0, shape) if kind == "positive" else numbers.normal(size=shape)
            frames = np.rint(3 * frames) if kind == "whole" else frames
        if kind == "half zeros":
            frames = np.abs(frames) * (numbers.random(shape) < 0.5)
        if self.pixels:
            return torch.from_numpy(frames.astype(np.uint8))
        if kind != "whole" and self.chance(0.25):
            self.note("input of any magnitude")
            frames = frames * self.magnitude()
        return torch.from_numpy(frames.astype(np.float32))

    def named(self, layers: list[nn.Module]) -> nn.Sequential:
        """
        Layers one after another, under names of all kinds.
        """
        if self.chance(0.7):
            return nn.Sequential(*layers)
        self.note("names of modules")
        named = ((f"{self.random.choice(MODULES)}{index or ''}", layer) for index, layer in enumerate(layers))
        return nn.Sequential(OrderedDict(named))

    def extras(self) -> list[nn.Module]:
        """
        Layers between body and tail.
        """
        return []

    def places(self) -> int:
        """
        How many places of largest channels a network returns.
        """
        return 1

    def build(self) -> RandomNetwork:
        numbers = np.random.default_rng(self.random.getrandbits(31))
        self.apart, self.rare, self.spelling = numbers.spawn(3)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.random.getrandbits(31))
            model = self.named([*self.first(), *self.body(), *self.extras(), *self.tail()])
        frames = self.draw_frames(numbers)
        Parameters(numbers, self.note).draw(model, frames)
        calibrated = self.chance(0.85)
        if self.apart.random() < 0.2:
            first, places = bool(self.apart.random() < 0.5), self.places()
            self.note("the class too" if places == 1 else "the best classes too")
            model = Several(model, first, places).eval()
        return RandomNetwork(model, frames, self.features, self.ends(), self.options(), calibrated)


def random_network(source: int | Random) -> RandomNetwork:
    """
    The network of a seed, or of what hypothesis draws.
    """
    return drawn(Builder, source if isinstance(source, Random) else Random(source))


def drawn(builder: type[Builder], random: Random) -> RandomNetwork:
    """
    The first network of finite parameters.
    """
    while not is_finite((network := builder(random).build()).model):
        pass
    return network


def is_finite(model: nn.Module) -> bool:
    """
    Whether parameters and statistics have not left the range of floats.
    """
    return all(bool(v.isfinite().all()) for v in model.state_dict().values())


def networks() -> st.SearchStrategy[RandomNetwork]:
    """
    Networks that shrink: to fewer and simpler layers.
    """
    return st.builds(random_network, st.randoms(use_true_random=False))
