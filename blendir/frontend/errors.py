"""
What can be wrong with a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blendir.errors import printable

SCORES = "not an operation of a streaming design: end the network before it, the largest score stays the largest"
REMEDIES: Mapping[str, str] = dict.fromkeys(("softmax", "_softmax", "log_softmax", "_log_softmax"), SCORES)
"""
What to do about operations of PyTorch.
"""
SUPPORTED_MODULES = (
    *("Conv1d", "Conv2d", "Linear", "BatchNorm1d", "BatchNorm2d", "PReLU", "ReLU", "ReLU6", "LeakyReLU", "Hardtanh"),
    *("AvgPool1d", "AvgPool2d", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d"),
    *("GroupNorm", "InstanceNorm1d", "InstanceNorm2d"),
    *("MaxPool1d", "MaxPool2d", "LayerNorm", "GELU", "Sigmoid", "Tanh", "Hardsigmoid"),
    *("SiLU", "Hardswish", "ELU", "SELU", "CELU", "GLU", "Mish", "Softplus", "LogSigmoid", "Threshold", "Hardshrink"),
    *("ConvTranspose1d", "ConvTranspose2d", "Upsample", "UpsamplingNearest2d", "PixelShuffle", "PixelUnshuffle"),
    *("Softshrink", "Tanhshrink", "ZeroPad1d", "ZeroPad2d", "ConstantPad1d", "ConstantPad2d", "Flatten", "Dropout"),
    *("Identity", "your own modules made of supported operations"),
)

OUR_FAULT = "which is a fault of blendir: please report it"


class UntranslatableError(Exception):
    """
    One operation of the graph has no translation; the text says why.
    """


class UnsupportedModelError(ValueError):
    """
    The model has operations that blendir cannot compile. `operations` holds the layer and the reason of each.
    `supported` lists the supported operations, by heading.
    """

    def __init__(self, operations: Sequence[tuple[str, str]], supported: Mapping[str, Sequence[str]]):
        self.operations, self.supported = tuple(operations), supported
        count = len(self.operations)
        lines = [f"{count} operation{'s' if count > 1 else ''} of the model cannot be translated:"]
        lines += [f"  {printable(layer)}: {printable(target)}" for layer, target in self.operations]
        super().__init__(
            "\n".join([*lines, f"blendir ops and docs/import.md list what can: {' and '.join(supported)}"])
        )


class ImportMismatchError(ValueError):
    """
    The imported module and the model differ in float64. `layer` is the first layer that differs: a module path, or the
    path and operation of a function call. `difference` is the largest difference there, or None if it is not known.
    """

    def __init__(self, layer: str, difference: float | None, cause: str):
        self.layer, self.difference = layer, difference
        size = "" if difference is None else f" by up to {difference:.3g}"
        super().__init__(
            f"{printable(layer)}: the imported module differs from the model in float64{size}: {cause}; "
            "check=False (--no-check) imports it all the same"
        )


def first_line(error: Exception) -> str:
    """
    What an error of PyTorch says first.
    """
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
