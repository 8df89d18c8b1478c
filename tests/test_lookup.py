"""
Functions from tables: every function over all its inputs, and networks through all stages.
"""

from pathlib import Path

import torch
from agreement import check_cpp, imported, lowered
from torch import nn


def test_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.GELU(), nn.Flatten(), nn.Linear(96, 8), nn.Sigmoid(), nn.Linear(8, 3)
    )
    frames = torch.randn(5, 2, 4, 4)
    stages = lowered(imported(model.eval(), frames), frames)
    check_cpp(stages, frames, tmp_path)
