"""
Networks made of Brevitas layers (Pappalardo, 2021).
"""

from __future__ import annotations

from torch import nn


def pass_plain_tensors(model: nn.Module) -> None:
    """
    Makes Brevitas layers pass on tensors alone, not scale, zero point and bit width beside them.

    Those change no value, but layers branch on them, which a trace cannot. Only a bias that is quantized by the
    scale of its input needs them, and is refused by Brevitas itself.
    """
    for module in model.modules():
        if type(module).__module__.startswith("brevitas."):
            for name, value in (("skip_create_quant_tensor", True), ("return_quant_tensor", False)):
                if hasattr(module, name):
                    setattr(module, name, value)
