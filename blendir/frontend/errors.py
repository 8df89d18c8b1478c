"""
What can be wrong with a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

SUPPORTED_MODULES = (
    "Conv2d, Linear, BatchNorm1d, BatchNorm2d, PReLU, ReLU, ReLU6, LeakyReLU, Hardtanh, AvgPool2d, "
    "AdaptiveAvgPool2d, MaxPool2d, LayerNorm, GELU, Sigmoid, Tanh, Hardsigmoid, SiLU, Hardswish, "
    "ZeroPad2d and ConstantPad2d before a convolution, Flatten, Dropout, Identity, and your own modules made of the "
    "operations below"
)


class UntranslatableError(Exception):
    """
    One operation of the graph has no translation; the text says why.
    """


class UnsupportedModelError(ValueError):
    """
    The model has operations that blendir cannot compile.

    `operations` holds the layer and the reason of each; `supported` lists what there is instead, by headings.
    """

    def __init__(self, operations: Sequence[tuple[str, str]], supported: Mapping[str, Sequence[str]]):
        self.operations = tuple(operations)
        count = len(self.operations)
        lines = [f"{count} operation{'s' if count > 1 else ''} of the model cannot be translated:"]
        lines += [f"  {layer}: {target}" for layer, target in self.operations]
        for heading, names in supported.items():
            lines += [f"{heading}:", indented(", ".join(names))]
        super().__init__("\n".join(lines))


def indented(text: str) -> str:
    """
    Wraps a list of names.
    """
    return fill(text, 110, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
