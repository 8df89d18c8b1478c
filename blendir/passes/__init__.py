"""
Passes: what changes from stage to stage.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module

from xdsl.passes import ModulePass

PASSES = {
    "fold-bn": ("passes.fold.fold_bn", "FoldBNPass"),
    "lower-to-stream": ("passes.to_stream.lower_to_stream", "LowerToStreamPass"),
    "pack48": ("passes.pack48", "Pack48Pass"),
    "quantize": ("passes.quantize.quantize", "QuantizePass"),
    "raise-binary": ("passes.fold.raise_binary", "RaiseBinaryPass"),
    "remap-padding": ("passes.fold.fold_bn", "RemapPaddingPass"),
    "schedule": ("hardware.schedule", "SchedulePass"),
    "verify-stage": ("passes.stage", "VerifyStagePass"),
}


def load(module: str, name: str) -> type[ModulePass]:
    """
    The pass of a module of blendir.
    """
    return getattr(import_module(f"blendir.{module}"), name)


def get_all_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """
    The passes by name, imported when asked for.
    """
    return {name: partial(load, *place) for name, place in PASSES.items()}
