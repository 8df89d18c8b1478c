"""
Random parameters that resemble those of a trained network, so that every rewrite has work to do.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

from blendir.models.binary import Shift

NEGATIVE_GAMMAS = 0.1
NEGATIVE_SLOPES = 0.05
CALIBRATION_FRAMES = 16


def seeded(make: Callable[[], nn.Module], shape: tuple[int, ...], pixel_max: int, seed: int) -> nn.Module:
    """
    A network in eval mode with random weights and plausible batch norm statistics, which depend on the seed. Its frames
    have this shape, and pixels from 0 to `pixel_max`. Leaves the global random generator unchanged.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = make()
    generator = torch.Generator().manual_seed(seed)
    frames = (CALIBRATION_FRAMES, *shape)
    pixels = torch.randint(0, pixel_max + 1, frames, generator=generator, dtype=torch.uint8)
    randomize(model, pixels, generator)
    return model


def randomize(model: nn.Module, batch: Tensor, generator: torch.Generator) -> None:
    """
    Draws scales, shifts and slopes, measures the batch norm statistics on `batch`, then disturbs them a little. Leaves
    `model` in eval mode.
    """
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                _draw_affine(module, generator)
            elif isinstance(module, nn.PReLU):
                _draw_slopes(module.weight, generator)
            elif isinstance(module, Shift):
                module.bias.copy_(_uniform(module.bias, -0.3, 0.3, generator))
        measure_norms(model, batch)
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                _disturb(module, generator)


def measure_norms(model: nn.Module, *batches: Tensor, dtype: torch.dtype = torch.float64) -> None:
    """
    Sets every running mean and variance to the average of those of the `batches`, and leaves the float `model` in eval
    mode. Thresholds come from running means, so this is useful after a training too.

    It runs in `dtype`. In float64 the statistics do not depend on the order of summation. A model that casts its frames
    to float32 runs only in float32.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    model.to(dtype).train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    model.float().eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _uniform(like: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator, dtype=torch.float64) * (high - low) + low


def _draw_affine(bn: _BatchNorm, generator: torch.Generator) -> None:
    """
    gamma in +-[0.5, 1.5], beta in [-0.5, 0.5].
    """
    if not bn.affine:
        return
    negative = _uniform(bn.weight, 0, 1, generator) < NEGATIVE_GAMMAS
    gamma = _uniform(bn.weight, 0.5, 1.5, generator)
    bn.weight.copy_(torch.where(negative, -gamma, gamma))
    bn.bias.copy_(_uniform(bn.bias, -0.5, 0.5, generator))


def _draw_slopes(slopes: Tensor, generator: torch.Generator) -> None:
    """
    Slopes in [0.02, 0.5], a few of them negative.
    """
    negative = _uniform(slopes, 0, 1, generator) < NEGATIVE_SLOPES
    drawn = _uniform(slopes, 0.02, 0.5, generator)
    slopes.copy_(torch.where(negative, -drawn, drawn))


def _disturb(bn: _BatchNorm, generator: torch.Generator) -> None:
    """
    Moves means by up to a tenth of a standard deviation, and variances by up to a fifth.
    """
    assert bn.running_mean is not None
    assert bn.running_var is not None
    bn.running_mean.add_(bn.running_var.sqrt() * _uniform(bn.running_mean, -0.1, 0.1, generator))
    bn.running_var.mul_(_uniform(bn.running_var, 0.8, 1.2, generator))
