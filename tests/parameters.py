"""
The parameters of random networks, drawn around what their frames show.
"""

from collections.abc import Callable

import numpy as np
import torch
from layers import DeadConv, float64
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

SLOPES = (-0.5, 0.0, 0.125, 0.25, 0.25, 1.0, 1.75)
GAMMAS = (0.5, 1.0, 1.5, 1.0, -1.0, -0.5, 0.0)
BETAS = (0.0, 0.0, 0.25, -0.5)
WHOLE = 1 << 20
"""Up to which integers batch norms may see sums of bits."""


class Parameters:
    """
    Draws scales, shifts, slopes and biases layer by layer, each for the values that reach it.
    """

    def __init__(self, numbers: np.random.Generator, note: Callable[[str], None]):
        self.numbers, self.note = numbers, note

    def draw(self, model: nn.Module, frames: Tensor) -> None:
        """
        All parameters of a model; it is left in eval mode.
        """
        model.train()
        hooks = {_BatchNorm: self.norm, DeadConv: self.dead}
        handles = [
            module.register_forward_hook(hook)
            for module in model.modules()
            for kind, hook in hooks.items()
            if isinstance(module, kind)
        ]
        with float64(model), torch.no_grad():
            for module in model.modules():
                if isinstance(module, nn.PReLU):
                    module.weight.copy_(self.choice(SLOPES, module.weight.numel()))
            model(frames if not frames.is_floating_point() else frames.double())
        for handle in handles:
            handle.remove()
        model.eval()

    def choice(self, among: tuple[float, ...], count: int) -> Tensor:
        return torch.from_numpy(self.numbers.choice(among, count))

    def uniform(self, low: float, high: float, count: int) -> Tensor:
        return torch.from_numpy(self.numbers.uniform(low, high, count))

    def norm(self, norm: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
        """
        Statistics near the measured ones. On integers, the means are whole. Then either all numbers are dyadic, so that
        PyTorch's arithmetic is exact and ties stay ties; or scales are arbitrary and most offsets are 0.
        """
        assert isinstance(norm, _BatchNorm)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        x = inputs[0].transpose(0, 1).flatten(1)
        spread = float(x.var()) or 1.0
        norm.running_mean.copy_(x.mean(1))
        norm.running_var.copy_(x.var(1).clamp(min=0.02 * spread))
        if self.numbers.random() < 0.2:
            self.note("zero means")
            norm.running_mean.zero_()
        whole = bool((x == x.round()).all()) and float(x.abs().max()) < WHOLE
        dyadic = whole and self.numbers.random() < 0.3
        if whole:
            norm.running_mean.copy_(norm.running_mean.round())
        if dyadic:
            self.note("dyadic norm")
            norm.eps = 0.0
            norm.running_var.copy_(4.0 ** torch.round(torch.log2(norm.running_var) / 2))
        if norm.affine:
            gammas, betas = self.choice(GAMMAS, norm.num_features), self.choice(BETAS, norm.num_features)
            if bool((gammas <= 0).any()):
                self.note("negative gamma" if bool((gammas < 0).any()) else "gamma 0")
            if not dyadic:
                gammas *= self.uniform(0.7, 1.4, norm.num_features)
                betas += (betas != 0) * self.uniform(-0.3, 0.3, norm.num_features)
            if whole and not dyadic:
                self.note("whole means and offsets of 0")
            if not whole and self.numbers.random() < 0.7:
                betas += self.uniform(-0.3, 0.3, norm.num_features)
            norm.weight.copy_(gammas)
            norm.bias.copy_(betas)
        with torch.no_grad():
            return norm.eval().forward(inputs[0])

    def dead(self, conv: nn.Module, inputs: tuple[Tensor, ...], y: Tensor) -> Tensor:
        """
        A bias that leaves some channels, or all, below 0.
        """
        assert isinstance(conv, DeadConv)
        assert conv.bias is not None
        peak = y.transpose(0, 1).flatten(1).amax(1)
        some = torch.from_numpy(self.numbers.random(len(peak)) < 0.5) if self.numbers.random() < 0.4 else True
        conv.bias.sub_(torch.where(torch.as_tensor(some), peak + 0.1 * peak.abs() + 1e-3 * peak.abs().max(), 0.0))
        with torch.no_grad():
            return conv.forward(inputs[0])
