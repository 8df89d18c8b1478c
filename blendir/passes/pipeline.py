"""
The default pipeline, once, for the command lines, the library and the tests.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from blendir.passes.fifos import check_fifos
from blendir.passes.fold_bn import FoldBNPass
from blendir.passes.lower_to_stream import LowerToStreamPass
from blendir.passes.pack48 import Pack48Pass
from blendir.passes.quantize import QuantizePass, quantize
from blendir.passes.schedule import SchedulePass, fit
from blendir.passes.stage import STAGES, Stage, VerifyStagePass, is_packed, is_stream, reached, stage_of
from blendir.passes.static_schedule import check_schedule
from blendir.passes.timing import processes

PIPELINE: dict[Stage, type[ModulePass]] = {
    "folded": FoldBNPass,
    "fixed": QuantizePass,
    "packed": Pack48Pass,
    "stream": LowerToStreamPass,
}


class InternalError(RuntimeError):
    """
    A pass failed in a way that is blendir's fault; the message says how to reproduce it.
    """


def pass_options(options: Mapping[str, Any]) -> dict[type[ModulePass], dict[str, Any]]:
    """
    Sorts options `fold_bn_residual=..` or `quantize.skip-bits=..` by pass; ValueError where no pass takes one.
    """
    sorted_options: dict[type[ModulePass], dict[str, Any]] = {}
    known: dict[str, tuple[type[ModulePass], str]] = {}
    for kind in PIPELINE.values():
        for field in fields(kind):
            if (kind, field.name) != (QuantizePass, "calibration"):
                known[f"{kind.name.replace('-', '_')}_{field.name}"] = (kind, field.name)
    for option, value in options.items():
        key = option.replace("-", "_").replace(".", "_")
        if key not in known:
            raise ValueError(f"unknown option {option}; the options are {', '.join(known)}")
        kind, name = known[key]
        sorted_options.setdefault(kind, {})[name] = value
    return sorted_options


def make_pass(kind: type[ModulePass], options: Mapping[str, Any]) -> ModulePass:
    """
    A pass with options, given as values or as text.
    """
    made = kind()
    for name, value in options.items():
        default = getattr(made, name)
        if isinstance(value, str) and isinstance(default, int):
            try:
                value = int(value)
            except ValueError:
                raise ValueError(f"{kind.name}.{name.replace('_', '-')} should be a number, got {value}") from None
        hint = get_type_hints(kind)[name]
        if get_origin(hint) is Literal and value not in get_args(hint):
            choices = " or ".join(get_args(hint))
            raise ValueError(f"{kind.name}.{name.replace('_', '-')} should be {choices}, got {value}")
        made = replace(made, **{name: value})
    return made


def run_pass(ctx: Context, module: ModuleOp, step: ModulePass) -> None:
    """
    Runs and verifies one pass; on an internal failure saves the IR before it and names the command to repeat it.
    """
    before = module.clone()
    try:
        step.apply(ctx, module)
        module.verify()
    except (PassFailedException, ValueError):
        raise
    except Exception as error:
        handle, path = tempfile.mkstemp(prefix=f"blendir-{step.name}-", suffix=".mlir")
        with os.fdopen(handle, "w") as file:
            file.write(str(before) + "\n")
        again = step.with_saved_frames(f"{path}.npy") if isinstance(step, CalibratedQuantize) else step
        command = f"blendir-opt -p '{again.pipeline_pass_spec()}' {path}"
        summary = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise InternalError(f"{step.name} failed: {summary}; reproduce with: {command}") from error


def lower(
    module: ModuleOp,
    to: Stage,
    calibration: NDArray[Any] | None = None,
    ctx: Context | None = None,
    **options: Any,
) -> ModuleOp:
    """
    Brings a copy of a module to a stage, running what is missing.

    calibration: frames [N, ..] for the formats of `fixed`. Options are those of the passes, as `quantize_bits=8`.
    Raises ValueError for an unknown stage or option, for a stage that lies behind, for calibration of an integer
    module, and PassFailedException where a pass finds something it cannot do.
    """
    if to not in STAGES[1:]:
        raise ValueError(f"unknown stage {to!r}; the stages are {', '.join(STAGES[1:])}")
    sorted_options = pass_options(options)
    current = stage_of(module)
    if current == "stream" and to != "stream":
        raise ValueError(f"the module is at [stream], which is past [{to}]")
    if calibration is not None and (current == "stream" or reached(module, "fixed")):
        raise ValueError(f"the module is at [{current}]: its formats are fixed, calibration comes too late")
    ctx = ctx or Context(allow_unregistered=True)
    result = module.clone()
    for stage in STAGES[1 : STAGES.index(to) + 1]:
        if is_stream(result) or reached(result, stage) or (stage == "packed" and is_packed(result)):
            if sorted_options.get(PIPELINE[stage]):
                raise ValueError(f"the module is at [{current}]: options of {PIPELINE[stage].name} come too late")
            continue
        step = make_pass(PIPELINE[stage], sorted_options.get(PIPELINE[stage], {}))
        if isinstance(step, QuantizePass):
            step = CalibratedQuantize(step, calibration)
        run_pass(ctx, result, step)
        VerifyStagePass(stage).apply(ctx, result)
    return result


class CalibratedQuantize(ModulePass):
    """
    `quantize` with calibration frames in memory.
    """

    name = QuantizePass.name

    def __init__(self, options: QuantizePass, calibration: NDArray[Any] | None):
        self.options, self.calibration = options, calibration

    def with_saved_frames(self, path: str) -> QuantizePass:
        """
        The same with its frames in a file, where there are any.
        """
        if self.calibration is None:
            return self.options
        np.save(path, self.calibration)
        return replace(self.options, calibration=path)

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        frames = None if self.calibration is None else np.asarray(self.calibration)
        quantize(op, self.options.formats, frames)


def is_scheduled(module: ModuleOp) -> bool:
    """
    Whether every process of a [stream] module has its FIFOs.
    """
    return all(op.fifo_depths is not None for op in processes(module)[:-1])


def schedule(
    module: ModuleOp,
    fps: float | None = None,
    clock_mhz: float = 340.0,
    xnor: Any = "lut",
    ctx: Context | None = None,
    target: str | None = None,
    **goals: Any,
) -> None:
    """
    Schedules a [stream] module in place; one that is already scheduled must not be given another goal.

    goals: `cycles`, `dsp`, `lut`, `bram` or `preset`, as of the pass. target: a device that the design must fit.
    """
    step = SchedulePass(fps, clock_mhz, xnor, **goals)
    fresh = not is_scheduled(module)
    if fresh:
        run_pass(ctx or Context(allow_unregistered=True), module, step)
    elif step != SchedulePass(None, clock_mhz, xnor):
        raise ValueError("the module is already scheduled; give the rate when it is lowered")
    else:
        check_fifos(module)
        check_schedule(module)
    if target is not None:
        fit(module, target, step, fresh)
