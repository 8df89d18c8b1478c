"""
Narrow instances of the networks of the zoo through every stage and the C++, and the sizes of the full ones.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from agreement import imported, lowered
from torch import Tensor, nn
from torch_counts import torch_counts

import blendir
from blendir.models import ZOO
from blendir.models.binary import Sign
from blendir.models.bireal import BIREAL18, bireal
from blendir.models.blendnet import NEUROBLEND18, BlendNet
from blendir.models.dorefa import DOREFA20, dorefa
from blendir.models.dsq import DSQ20, dsq
from blendir.models.entry import ZooEntry
from blendir.models.finn import CNV, TFC, Cnv, Fc
from blendir.models.fracbnn import FRACBNN20, fracbnn
from blendir.models.irnet import irnet
from blendir.models.mixer import MIXED, S4, Mixer
from blendir.models.reactnet import REACTNET_MOBILE, ReActMobileNet, reactnet_resnet
from blendir.models.resnet import RESNET20
from blendir.models.xnornet import XNORNET_ALEXNET, XnorNet
from blendir.tools.counts import count

IMAGE = (3, 8, 8)
FRAMES = 4
BINARY_ON_PIXELS = {"cnv": ("features.0.0",)}
RESNET = replace(BIREAL18, image=IMAGE, widths=(6, 50), blocks_per_stage=1)
MOBILENET = replace(REACTNET_MOBILE, image=IMAGE, stem=25, blocks=((50, 2), (50, 1)))
ALEXNET = replace(XNORNET_ALEXNET, image=(3, 15, 15), stem=6, convs=((9, 5, False), (50, 3, True)), hidden=(49, 20))


def entry(name: str, make: Callable[[], nn.Module], image: tuple[int, int, int]) -> ZooEntry:
    return ZooEntry(name, make, image, 255, "")


NARROW = [
    entry(
        "neuroblend",
        lambda: BlendNet(replace(NEUROBLEND18, image=IMAGE, widths=(6, 49), modules_per_stage=1, classes=7)),
        IMAGE,
    ),
    entry("bireal", lambda: bireal(RESNET), IMAGE),
    entry("reactnet-resnet", lambda: reactnet_resnet(RESNET), IMAGE),
    entry("reactnet-mobilenet", lambda: ReActMobileNet(MOBILENET), IMAGE),
    entry("xnornet", lambda: XnorNet(ALEXNET), ALEXNET.image),
    entry("cnv", lambda: Cnv(replace(CNV, image=(3, 16, 16), widths=(6, 10), hidden=(12,))), (3, 16, 16)),
    entry("fc", lambda: Fc(replace(TFC, image=(1, 10, 10), hidden=(49, 10))), (1, 10, 10)),
]


@pytest.mark.parametrize("narrow", NARROW, ids=lambda narrow: narrow.name)
def test_every_stage_and_the_cpp_agree(narrow: ZooEntry, tmp_path: Path) -> None:
    network, frames = narrow.random(), narrow.example(FRAMES)
    stages = lowered(imported(network, frames), frames)
    y = blendir.compile(stages["stream"], tmp_path / "design").csim(frames.numpy())
    np.testing.assert_array_equal(y, blendir.run(stages["fixed"], frames.numpy()))
    assert len(np.unique(y, axis=0)) == FRAMES

    counts, expected = count(stages["packed"]), torch_counts(narrow, BINARY_ON_PIXELS.get(narrow.name, ()))
    assert (counts.bmac, counts.fpmac) == (expected.bmac, expected.fpmac)
    assert counts.binary_weight_bits == expected.binary_weights


@pytest.mark.parametrize("narrow", NARROW, ids=lambda narrow: narrow.name)
def test_random_weights_keep_bits_alive(narrow: ZooEntry) -> None:
    """
    In every sign a share of the bits is +1, and a share -1.
    """
    network = narrow.random()
    shares: list[float] = []
    for module in network.modules():
        if isinstance(module, Sign):
            module.register_forward_hook(lambda _, __, bits: shares.append(float((bits > 0).float().mean())))
    network(narrow.example(16))
    assert shares
    assert all(0.1 < share < 0.9 for share in shares), shares


class SideBySide(nn.Module):
    """
    Networks of one input, their scores one after another: compiled at once, since g++ spends most time on the library.
    """

    def __init__(self, *networks: nn.Module):
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([network(x) for network in self.networks], 1)


QUANTIZED = {"image": IMAGE, "widths": (2, 4), "blocks_per_stage": 1, "classes": 3}
MIXER = replace(S4, image=IMAGE, channels=3, token_hidden=2, channel_hidden=3, layers=1, classes=2)
REAL = {"blend": False, "tokens_kind": "FPFP", "channels_kind": "FPFP"}
NORMS = ({}, {"norm": "layer"}, {"norm": "patches"})
KINDS = ({"tokens_kind": tokens, "channels_kind": channels} for tokens, channels in MIXED)
SIDES = {
    "quantized": lambda: SideBySide(
        dorefa(replace(DOREFA20, **QUANTIZED)),
        dorefa(replace(DOREFA20, **QUANTIZED, activation_bits=1)),
        dsq(replace(DSQ20, **QUANTIZED)),
        irnet(replace(RESNET20, **QUANTIZED)),
        fracbnn(replace(FRACBNN20, **QUANTIZED, resolution=15, gated=False)),
    ),
    "mixers": lambda: SideBySide(
        *(Mixer(replace(MIXER, **options)) for options in (*NORMS, *KINDS, {"blend": False}, REAL))
    ),
}


@pytest.mark.parametrize("name", SIDES)
def test_the_cpp_of_networks_side_by_side_agrees(name: str, tmp_path: Path) -> None:
    """
    Those whose stages other files compare.
    """
    narrow = entry(name, SIDES[name], IMAGE)
    frames = narrow.example(FRAMES)
    fixed = blendir.lower(blendir.from_torch(narrow.random(), frames), "fixed", frames.numpy())
    y = blendir.compile(fixed, tmp_path / "design").csim(frames.numpy())
    np.testing.assert_array_equal(y, blendir.run(fixed, frames.numpy()))
    assert len(np.unique(y, axis=0)) == FRAMES


# Sizes of the full networks, by hand.

RESNET18 = 4 * 9 * 64**2 * 32**2 + 3 * (0.5 + 3) * 9 * 64**2 * 32**2
"""Four convolutions of the first stage; in each further one the first has half the work of one, the others the same."""
RESNET18_BITS = 9 * (4 * 64**2 + 3.5 * (128**2 + 256**2 + 512**2))
STEM_AND_SKIPS = 3 * 9 * 64 * 32**2 + 3 * 64 * 128 * 16**2
MOBILE = 9 * 38_797_312 + 44_040_192
"""Of 3x3 and of 1x1 kernels: each block has 2**20 or 2**22 times its number of weights per channel pair."""
MOBILE_BITS = 9 * 2_790_400 + 3_139_584
"""In all, with the 1024 * 1001 parameters of an ImageNet classifier and the 864 of its stem: the 29.3 million of the
paper."""
ALEXNET_CONVS = 96 * 256 * 25, 256 * 384 * 9, 384 * 384 * 9, 384 * 256 * 9
ALEXNET_FC = 256 * 3 * 3 * 4096 + 4096 * 4096
CNV_CONVS = 64 * 64 * 9, 64 * 128 * 9, 128 * 128 * 9, 128 * 256 * 9, 256 * 256 * 9
CNV_FC = 256 * 512 + 512 * 512 + 512 * 10
SIZES = {
    "neuroblend18": (547_356_672, 8_112_128, 10_985_472),
    "bireal18": (RESNET18, STEM_AND_SKIPS + 512 * 10, RESNET18_BITS),
    "reactnet-resnet18": (RESNET18, STEM_AND_SKIPS + 512 * 10, RESNET18_BITS),
    "reactnet-mobilenet": (MOBILE, 3 * 9 * 32 * 32**2 + 1024 * 10, MOBILE_BITS),
    "xnornet-alexnet": (
        ALEXNET_CONVS[0] * 15**2 + sum(ALEXNET_CONVS[1:]) * 7**2 + ALEXNET_FC,
        3 * 25 * 96 * 32**2 + 4096 * 10,
        sum(ALEXNET_CONVS) + ALEXNET_FC,
    ),
    "cnv": (
        8 * (3 * 9 * 64 * 30**2)
        + sum(weights * size**2 for weights, size in zip(CNV_CONVS, (28, 12, 10, 3, 1), strict=True))
        + CNV_FC,
        0,
        1_542_848,
    ),
    "tfc": (59_008, 0, 59_008),
    "sfc": (784 * 256 + 2 * 256**2 + 256 * 10, 0, 334_336),
    "lfc": (784 * 1024 + 2 * 1024**2 + 1024 * 10, 0, 2_910_208),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_of_the_full_networks(name: str) -> None:
    found = torch_counts(ZOO[name], BINARY_ON_PIXELS.get(name, ()))
    assert (found.bmac, found.fpmac, found.binary_weights) == SIZES[name]
