"""
Sums that equal a running mean: folding decides their signs as the imported network does.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import blendir

CHANNELS = 64
BETWEEN: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "max_pool": lambda h, before: F.max_pool2d(h, 2),
    "every_second": lambda h, before: h[:, :, ::2, ::2],
    "scale": lambda h, before: h * 0.3,
    "flat": lambda h, before: h.flatten(1),
    "concat": lambda h, before: torch.cat([h, before], 1),
}
"""What lies between a PReLU of a batch normalization and the sign."""


def sign(x: Tensor) -> Tensor:
    return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))


class Ties(nn.Module):
    """
    A binary convolution, a batch normalization with beta = 0 and even means, a PReLU, anything, a sign.
    """

    def __init__(self, between: Callable[[Tensor, Tensor], Tensor], seed: int = 0):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(CHANNELS, CHANNELS, 1), nn.BatchNorm2d(CHANNELS)
        self.prelu, self.between = nn.PReLU(CHANNELS), between
        rng = np.random.default_rng(seed)
        values = {
            self.conv.weight: rng.choice([-1.0, 1.0], (CHANNELS, CHANNELS, 1, 1)),
            self.norm.weight: rng.uniform(0.1, 2, CHANNELS) * np.resize([1, 1, -1], CHANNELS),
            self.norm.bias: np.zeros(CHANNELS),
            self.norm.running_mean: rng.integers(-4, 5, CHANNELS) * 2.0,
            self.norm.running_var: rng.uniform(5, 90, CHANNELS),
            self.prelu.weight: rng.uniform(0.05, 0.5, CHANNELS),
        }
        with torch.no_grad():
            for parameter, array in values.items():
                assert parameter is not None
                parameter.copy_(torch.from_numpy(array))

    def sums(self, x: Tensor) -> Tensor:
        return F.conv2d(sign(x), sign(self.conv.weight))

    def forward(self, x: Tensor) -> Tensor:
        before = self.norm(self.sums(x))
        return sign(self.between(self.prelu(before), before))


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN.keys())
def test_folding_keeps_every_tie(between: Callable[[Tensor, Tensor], Tensor]):
    """
    Against the imported module: PyTorch's own batch normalization at a tie may be 1e-17 on either side of 0.
    """
    network = Ties(between).double().eval()
    x = np.random.default_rng(1).normal(size=(20, CHANNELS, 4, 4))
    with torch.no_grad():
        sums = network.sums(torch.from_numpy(x))
    assert network.norm.running_mean is not None
    assert int((sums == network.norm.running_mean.view(1, -1, 1, 1)).sum()) > 500
    module = blendir.from_torch(network, torch.from_numpy(x[:1]))
    imported, folded = (blendir.run(m, x) for m in (module, blendir.lower(module, to="folded")))
    assert np.abs(imported - folded).max() < 1e-9


@pytest.mark.parametrize("window", [2, 3, 5, 6])
def test_averages_of_any_divisor_are_decided_exactly(window: int):
    """
    The constant that an affine subtracts counts exactly once in an average, for any power of two as the divisor.
    """

    class Averaged(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return sign(F.avg_pool2d((x - 128.0) * 0.25, window) + 0.1)

    x = np.random.default_rng(0).integers(0, 256, (64, 2, 12, 12)).astype(np.uint8)
    module = blendir.from_torch(Averaged().eval(), torch.from_numpy(x[:1]))
    imported, folded = (blendir.run(m, x) for m in (module, blendir.lower(module, to="folded")))
    assert (imported == folded).all()


def test_constant_channels_at_a_mean_are_decided_exactly():
    """
    A channel without weight in front of an activation and a normalization whose mean is its only value.
    """
    network = nn.Sequential(
        nn.Conv2d(2, CHANNELS, 3), nn.BatchNorm2d(CHANNELS), nn.ReLU(), nn.BatchNorm2d(CHANNELS)
    ).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        network[1].weight.zero_()
        network[1].bias.uniform_(0.1, 2, generator=generator)
        network[3].weight.uniform_(0.1, 2, generator=generator)
        network[3].running_mean.copy_(network[1].bias)
        network[3].running_var.uniform_(0.001, 1, generator=generator)

    class Signs(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = network

        def forward(self, x: Tensor) -> Tensor:
            return sign(self.layers(x))

    x = np.random.default_rng(2).normal(size=(2, 2, 4, 4))
    module = blendir.from_torch(Signs().eval(), torch.from_numpy(x[:1]))
    imported, folded = (blendir.run(m, x) for m in (module, blendir.lower(module, to="folded", check=False)))
    assert (imported == 1).all()
    assert (folded == imported).all()
