"""
blendnet8 trained on the 8x8 digits that scikit-learn carries.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from blendir.models import BlendNet, blendnet8
from blendir.models.initialize import measure_norms

HELD_OUT = 360
EPOCHS = 12
BATCH = 48


def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
    """
    Training images (1437, 1, 8, 8) in 0..16 and labels, then the 360 held-out ones; always the same split.
    """
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    images = images.astype(np.uint8).reshape(-1, 1, 8, 8)[order]
    labels = labels.astype(np.int64)[order]
    return images[HELD_OUT:], labels[HELD_OUT:], images[:HELD_OUT], labels[:HELD_OUT]


def train_digits(seed: int) -> tuple[BlendNet, NDArray[np.uint8], NDArray[np.int64]]:
    """
    A blendnet8 with binary weights from the first step on, in eval mode, and the held-out digits.
    """
    x, y, x_test, y_test = digits()
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    model = blendnet8(seed=seed)
    _reset_norms(model)
    steps = EPOCHS * (len(labels) // BATCH)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    generator = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(labels), generator=generator).split(BATCH)[: len(labels) // BATCH]:
            optimizer.zero_grad()
            functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
            schedule.step()
    measure_norms(model, images)
    return model, x_test, y_test


def accuracy(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """
    The share of rows whose largest logit is at the label.
    """
    return float((logits.argmax(axis=1) == labels).mean())


def _reset_norms(model: nn.Module) -> None:
    """
    Begin training from neutral scales, shifts and slopes.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.PReLU):
            nn.init.constant_(module.weight, 0.25)
