"""
Passes: what changes from stage to stage.
"""

from collections.abc import Callable

from xdsl.passes import ModulePass


def get_all_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """
    The passes by name, imported when asked for.
    """

    def get_fold_bn() -> type[ModulePass]:
        from blendir.passes.fold_bn import FoldBNPass

        return FoldBNPass

    def get_lower_to_stream() -> type[ModulePass]:
        from blendir.passes.lower_to_stream import LowerToStreamPass

        return LowerToStreamPass

    def get_pack48() -> type[ModulePass]:
        from blendir.passes.pack48 import Pack48Pass

        return Pack48Pass

    def get_quantize() -> type[ModulePass]:
        from blendir.passes.quantize import QuantizePass

        return QuantizePass

    def get_raise_binary() -> type[ModulePass]:
        from blendir.passes.raise_binary import RaiseBinaryPass

        return RaiseBinaryPass

    def get_remap_padding() -> type[ModulePass]:
        from blendir.passes.fold_bn import RemapPaddingPass

        return RemapPaddingPass

    def get_schedule() -> type[ModulePass]:
        from blendir.passes.schedule import SchedulePass

        return SchedulePass

    def get_verify_stage() -> type[ModulePass]:
        from blendir.passes.stage import VerifyStagePass

        return VerifyStagePass

    return {
        "fold-bn": get_fold_bn,
        "lower-to-stream": get_lower_to_stream,
        "pack48": get_pack48,
        "quantize": get_quantize,
        "raise-binary": get_raise_binary,
        "remap-padding": get_remap_padding,
        "schedule": get_schedule,
        "verify-stage": get_verify_stage,
    }
