"""
MLP-Mixers: MLPMixer, its naive binarization BinaryMixer, and BlendMixer.

After "MLP-Mixer: An all-MLP Architecture for Vision" (Tolstikhin et al., 2021), and section III and tables I, V and VI
of the BlendNet paper. An image becomes T patches of C numbers each, (N, T, C). A layer mixes along the patches and then
along the channels, each time with two fully connected layers. The paper does not say which norms a mixing block has.
Here, a batch norm over the outputs of the first fully connected layer follows it, and the norm of the residual stream
follows the second.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor, nn

from blendir.models.binary import BinaryLinear, Sign
from blendir.models.blendnet import Normalize
from blendir.models.entry import ZooEntry

KINDS = {"BB": (True, True), "FPB": (False, True), "BFP": (True, False), "FPFP": (False, False)}
"""The names of table VI; each says whether the first and the second layer of a mixing block are binary."""
Kind = Literal["BB", "FPB", "BFP", "FPFP"]


@dataclass(frozen=True)
class MixerConfig:
    """
    The geometry of a Mixer, the kinds of its fully connected layers, and its norms.
    """

    channels: int
    """C, the numbers of a patch."""
    token_hidden: int
    """D_S, the hidden width of mixing along the patches."""
    channel_hidden: int
    """D_C, the hidden width of mixing along the channels."""
    layers: int
    tokens_kind: Kind = "BB"
    """The layers of mixing along the patches."""
    channels_kind: Kind = "BB"
    """The layers of mixing along the channels."""
    blend: bool = True
    """Whether blocks are those of BlendMixer, with norms and PReLU, or those of MLP-Mixer, with layer norm and GELU."""
    norm: Literal["channels", "patches", "layer"] = "channels"
    """The norm of a BlendMixer's residual stream (table V): batch norm over channels or patches, or layer norm."""
    image: tuple[int, int, int] = (3, 32, 32)
    """Channels, height and width of the input."""
    mean: tuple[int, ...] = (125, 123, 114)
    """Per input channel: subtracted from the pixels."""
    scale: tuple[int, ...] = (63, 62, 67)
    """Per input channel: what the difference is divided by."""
    patch: int = 4
    classes: int = 10

    def __post_init__(self):
        if self.image[1] % self.patch or self.image[2] % self.patch:
            raise ValueError(f"patches of {self.patch} do not divide an image of {self.image[1]} x {self.image[2]}")

    @property
    def patches(self) -> int:
        """
        T, the patches of an image.
        """
        return self.image[1] // self.patch * (self.image[2] // self.patch)


S4 = MixerConfig(channels=128, token_hidden=64, channel_hidden=512, layers=8)
B4 = MixerConfig(channels=192, token_hidden=96, channel_hidden=768, layers=12)
DOUBLE_S4 = MixerConfig(channels=256, token_hidden=128, channel_hidden=1024, layers=8)


class Transposed(nn.Sequential):
    """
    Modules that work along dimension 1, along dimension 2 of (N, A, B).
    """

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.transpose(1, 2)).transpose(1, 2)


def stream_norm(config: MixerConfig, affine: bool) -> nn.Module:
    """
    A norm of (N, T, C).
    """
    match config.norm:
        case "channels":
            return Transposed(nn.BatchNorm1d(config.channels, affine=affine))
        case "patches":
            return nn.BatchNorm1d(config.patches, affine=affine)
        case "layer":
            return nn.LayerNorm(config.channels, elementwise_affine=affine)


def slopes(config: MixerConfig) -> nn.Module:
    """
    A PReLU of (N, T, C) along the dimension of the stream's norm.
    """
    if config.norm == "patches":
        return nn.PReLU(config.patches)
    return Transposed(nn.PReLU(config.channels))


def blend_mlp(size: int, hidden: int, kind: Kind) -> nn.Sequential:
    """
    fc(sign(act(norm(fc(sign(x)))))) along the last dimension of (N, .., size). A fixed-point layer has no sign before
    it. Binary weights need no scale, because norms follow.
    """
    first, second = KINDS[kind]
    inner = Transposed(nn.BatchNorm1d(hidden), nn.PReLU(hidden))
    return nn.Sequential(
        *([Sign(), BinaryLinear(size, hidden, alpha=False)] if first else [nn.Linear(size, hidden, bias=False)]),
        inner,
        *([Sign(), BinaryLinear(hidden, size, alpha=False)] if second else [nn.Linear(hidden, size, bias=False)]),
    )


def plain_mlp(size: int, hidden: int, kind: Kind) -> nn.Sequential:
    """
    fc(gelu(fc(x))) along the last dimension of (N, .., size), with a sign before each binary layer.
    """
    first, second = KINDS[kind]
    return nn.Sequential(
        *([Sign(), BinaryLinear(size, hidden, bias=True)] if first else [nn.Linear(size, hidden)]),
        nn.GELU(),
        *([Sign(), BinaryLinear(hidden, size, bias=True)] if second else [nn.Linear(hidden, size)]),
    )


class BlendLayer(nn.Module):
    """
    x' = norm(act(norm(mix(x))) + x) on (N, T, C), first along the patches, then along the channels.
    """

    def __init__(self, config: MixerConfig):
        super().__init__()
        self.tokens = Transposed(blend_mlp(config.patches, config.token_hidden, config.tokens_kind))
        self.tokens_act = nn.Sequential(stream_norm(config, True), slopes(config))
        self.tokens_norm = stream_norm(config, False)
        self.channels = blend_mlp(config.channels, config.channel_hidden, config.channels_kind)
        self.channels_act = nn.Sequential(stream_norm(config, True), slopes(config))
        self.channels_norm = stream_norm(config, False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.tokens_norm(x + self.tokens_act(self.tokens(x)))
        return self.channels_norm(x + self.channels_act(self.channels(x)))


class PlainLayer(nn.Module):
    """
    x' = mix(norm(x)) + x on (N, T, C), first along the patches, then along the channels.
    """

    def __init__(self, config: MixerConfig):
        super().__init__()
        self.tokens_norm = nn.LayerNorm(config.channels)
        self.tokens = Transposed(plain_mlp(config.patches, config.token_hidden, config.tokens_kind))
        self.channels_norm = nn.LayerNorm(config.channels)
        self.channels = plain_mlp(config.channels, config.channel_hidden, config.channels_kind)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(self.tokens_norm(x))
        return x + self.channels(self.channels_norm(x))


class Mixer(nn.Module):
    """
    A convolution of patches, mixing layers, the mean over the patches and a linear classifier.

    Input (N, C, H, W): pixel values, uint8 or float. Output (N, classes): logits.
    """

    def __init__(self, config: MixerConfig):
        super().__init__()
        self.config = config
        self.normalize = Normalize(config.mean, config.scale)
        self.stem = nn.Conv2d(config.image[0], config.channels, config.patch, config.patch)
        self.layers = nn.Sequential(
            *((BlendLayer if config.blend else PlainLayer)(config) for _ in range(config.layers))
        )
        self.norm = nn.Identity() if config.blend else nn.LayerNorm(config.channels)
        self.fc = nn.Linear(config.channels, config.classes)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.stem(self.normalize(x)).flatten(2).transpose(1, 2)
        return self.fc(self.norm(self.layers(patches)).mean(dim=1))


def entry(name: str, config: MixerConfig, description: str) -> ZooEntry:
    """
    The entry of a Mixer without checkpoint.
    """
    make: Callable[[], nn.Module] = lambda: Mixer(config)  # noqa: E731
    text = f"{description}, {config.layers} layers of {config.channels} channels for 32x32 RGB images, 10 classes"
    return ZooEntry(name, make, config.image, 255, text)


MIXED: tuple[tuple[Kind, Kind], ...] = (("BB", "FPB"), ("BB", "BFP"), ("FPB", "BB"), ("BFP", "BB"))
"""The kinds of mixing along patches and along channels, for the networks of table VI that are not all binary."""

ENTRIES = (
    entry("blendmixer-s4", S4, "BlendMixer S/4"),
    entry("blendmixer-b4", B4, "BlendMixer B/4"),
    entry("blendmixer-2s4", DOUBLE_S4, "BlendMixer 2S/4"),
    *(
        entry(
            f"blendmixer-2s4-{tokens}-{channels}".lower(),
            replace(DOUBLE_S4, tokens_kind=tokens, channels_kind=channels),
            f"BlendMixer {tokens}/{channels} 2S/4",
        )
        for tokens, channels in MIXED
    ),
    entry("blendmixer-s4-ln", replace(S4, norm="layer"), "BlendMixer S/4 with layer norm"),
    entry("blendmixer-s4-bn-patches", replace(S4, norm="patches"), "BlendMixer S/4 with batch norm over patches"),
    entry("binarymixer-s4", replace(S4, blend=False), "BinaryMixer S/4"),
    entry("binarymixer-b4", replace(B4, blend=False), "BinaryMixer B/4"),
    *(
        entry(f"mlpmixer-{name}", replace(config, blend=False, tokens_kind="FPFP", channels_kind="FPFP"), text)
        for name, config, text in (("s4", S4, "MLPMixer S/4"), ("b4", B4, "MLPMixer B/4"))
    ),
)
