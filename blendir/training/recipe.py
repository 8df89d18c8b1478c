"""
The recipe for training a binary network: first a real-valued teacher, then binary activations, then also binary
weights.

The order is that of Real-to-Binary (Martinez et al., 2020) and FracBNN (Zhang et al., 2021). A network first learns
binary activations with real weights, and only then binary weights. A real-valued network of the same size teaches it.
Adam without weight decay on binary weights, and a linear decay to 0, also come from these two papers.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Phase:
    """
    One run of the optimiser over the training images.
    """

    name: str
    epochs: int
    rate: float
    """The highest learning rate, after the warm-up. It then falls linearly to 0."""
    binary_activations: bool = True
    binary_weights: bool = True
    momentum: float | None = None
    """Of stochastic gradient descent; Adam where it is None."""
    weight_decay: float = 0.0
    distillation: float = 0.0
    """The weight of the divergence from the teacher's scores; the cross entropy has weight 1. 0 means no teacher."""
    temperature: float = 1.0
    """What both scores are divided by before the divergence (Hinton et al., 2015)."""

    def scale(self, step: int, steps: int) -> float:
        """
        The learning rate at a step out of `steps`, as a fraction of `rate`: it rises over the first 5 %, then falls to
        0.
        """
        warm_up = max(1, steps // 20)
        return min((step + 1) / warm_up, (steps - step) / max(1, steps - warm_up))


@dataclass(frozen=True)
class Recipe:
    """
    Phases in their order, and what they share.
    """

    name: str
    phases: tuple[Phase, ...]
    batch: int = 128
    images: int | None = None
    """The number of training images that are used; all if None."""
    calibration: int = 10_000
    """The number of training images on which the batch norm statistics are measured again at the end."""
    evaluate_every: int = 1
    """The number of epochs after which the accuracy on the test images is logged."""
    teach_once: bool = False
    """
    Whether the teacher scores each image once, before the phase, as the mean over the image and its mirror image. Else
    it scores the moved images of each batch, which costs a third of a step.
    """


def two_stage(name: str, teacher: int, activations: int, weights: int, **settings: Any) -> Recipe:
    """
    The recipe of this module with the given number of epochs in each phase; `settings` are those of `Recipe`.
    """
    real = Phase("teacher", teacher, 0.1, False, False, momentum=0.9, weight_decay=5e-4)
    first = Phase("activations", activations, 1e-3, True, False, weight_decay=1e-5, distillation=3.0)
    second = Phase("weights", weights, 1e-3, distillation=0.8)
    return Recipe(name, (real, first, second), **settings)


PRESETS = {
    recipe.name: recipe
    for recipe in (
        two_stage("smoke", 1, 1, 1, images=2_000),
        two_stage("cpu", 20, 30, 75, evaluate_every=5, teach_once=True),
        two_stage("full", 60, 80, 260, batch=256, evaluate_every=10),
    )
}
