"""
Layer normalization: the reciprocal root over its range, the integers against float64, and networks through all stages.
"""

from pathlib import Path

import torch
from agreement import check_cpp, imported, lowered
from torch import Tensor, nn


class ChannelsLast(nn.Module):
    """
    Something on [N, H, W, C].
    """

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def normalized(channels: int) -> nn.LayerNorm:
    norm = nn.LayerNorm(channels)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(channels))
        norm.bias.copy_(torch.randn(channels))
    return norm


def test_channels(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 6, 3, padding=1), ChannelsLast(normalized(6)), nn.Flatten(), nn.Linear(96, 4))
    frames = torch.randn(5, 2, 4, 4)
    stages = lowered(imported(model.eval(), frames), frames)
    check_cpp(stages, frames, tmp_path)
