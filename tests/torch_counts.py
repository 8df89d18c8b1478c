"""
What a network of the zoo computes and stores, by the layers and shapes of PyTorch alone.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from blendir.models.binary import BinaryConv2d, BinaryLinear
from blendir.models.entry import ZooEntry

PIXEL_BITS = 8


@dataclass
class TorchCounts:
    """
    Of layers whose weights and inputs are binary, and of all others.
    """

    bmac: int = 0
    fpmac: int = 0
    binary_weights: int = 0
    other_parameters: int = 0
    """Weights and biases of real convolutions and linear layers."""


def torch_counts(entry: ZooEntry, binary_on_pixels: tuple[str, ...] = ()) -> TorchCounts:
    """
    The counts of a network, which is neither given weights nor run; the inputs of layers `binary_on_pixels` are pixels,
    each bit of which counts.
    """
    found = TorchCounts()

    def note(layer: nn.Module, _: object, y: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        weights = layer.weight.numel()
        work = weights * (y[0].numel() // len(layer.weight))
        if not isinstance(layer, BinaryConv2d | BinaryLinear):
            found.fpmac += work
            found.other_parameters += sum(parameter.numel() for parameter in layer.parameters())
        else:
            found.bmac += work * (PIXEL_BITS if names[layer] in binary_on_pixels else 1)
            found.binary_weights += weights

    with torch.device("meta"), torch.no_grad():
        network = entry.make().eval()
        names = {layer: name for name, layer in network.named_modules()}
        for layer in names:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.register_forward_hook(note)
        network(torch.zeros(1, *entry.input_shape))
    return found
