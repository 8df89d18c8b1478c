"""
The default pipeline, once, for the command lines, the library and the tests.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, get_pass_option_infos
from xdsl.utils.arg_spec import ArgSpec, parse_spec
from xdsl.utils.exceptions import ArgSpecParseError, PassFailedException

from blendir.dialects.blend import UnsupportedOp
from blendir.errors import UserError
from blendir.hardware.fifos import check_fifos, writers
from blendir.hardware.goals import Goals
from blendir.hardware.schedule import SchedulePass, fit
from blendir.hardware.static_schedule import check_schedule
from blendir.hardware.timing import processes
from blendir.passes.agreement import Values, agree, first_difference, probe_frames
from blendir.passes.fold.fold_bn import FoldBNPass
from blendir.passes.pack48 import Pack48Pass
from blendir.passes.quantize.quantize import QuantizePass, quantize
from blendir.passes.stage import STAGES, Stage, VerifyStagePass, is_stream, reached, stage_of
from blendir.passes.to_stream.lower_to_stream import LowerToStreamPass

PIPELINE: dict[Stage, type[ModulePass]] = {
    "folded": FoldBNPass,
    "fixed": QuantizePass,
    "packed": Pack48Pass,
    "stream": LowerToStreamPass,
}


PLAIN = str.maketrans("-.", "__")


class InternalError(RuntimeError):
    """
    A pass failed in a way that is blendir's fault; the message says how to reproduce it.
    """


def pass_specs(options: Mapping[str, Any]) -> dict[type[ModulePass], ArgSpec]:
    """
    Sorts options `fold_bn_residual=..` or `quantize.skip-bits=..`, as values or as text, by pass.

    Raises ValueError where no pass takes one, or where it is of another type.
    """
    known: dict[str, tuple[type[ModulePass], str]] = {}
    for kind in PIPELINE.values():
        for field in fields(kind):
            if (kind, field.name) != (QuantizePass, "calibration"):
                known[f"{kind.name}.{field.name}".translate(PLAIN)] = (kind, field.name)
    specs: dict[type[ModulePass], ArgSpec] = {}
    for option, value in options.items():
        key = option.translate(PLAIN)
        if key not in known:
            raise ValueError(f"unknown option {option}; the options are {', '.join(known)}")
        kind, name = known[key]
        try:
            spec = parse_spec(f"{kind.name}{{{name}={value}}}")
            kind.from_spec(spec)
        except (ValueError, ArgSpecParseError):
            (wanted,) = (info.expected_type.strip("\"'") for info in get_pass_option_infos(kind) if info.name == name)
            raise ValueError(f"{kind.name}.{name.replace('_', '-')} should be {wanted}, got {value}") from None
        specs.setdefault(kind, ArgSpec(kind.name, {})).parameters.update(spec.parameters)
    return specs


def run_pass(
    ctx: Context,
    module: ModuleOp,
    step: ModulePass,
    values: Values | None = None,
    calibration: NDArray[Any] | None = None,
) -> None:
    """
    Runs and verifies one pass; an internal failure names the command to repeat it. With the values of the module of
    floats before the pass, that it computes something else is such a failure. calibration: frames for `quantize`.
    """

    def command(path: str) -> str:
        again = step
        if calibration is not None and isinstance(step, QuantizePass):
            np.save(f"{path}.npy", calibration)
            again = replace(step, calibration=f"{path}.npy")
        return f"blendir-opt -p '{again.spec()}' {path}"

    with reproducible(step.name, module, command) as before:
        if calibration is not None and isinstance(step, QuantizePass):
            quantize(module, step.formats, calibration)
        else:
            step.apply(ctx, module)
        module.verify()
        if values is None or agree(values, after := Values(module, values.frames)):
            return
        layer = first_difference(Values(before, values.frames), after)
        if layer is not None:
            raise ValueError(f"{layer} computes something else than before")


@contextmanager
def reproducible(what: str, module: ModuleOp, command: Callable[[str], str]) -> Generator[ModuleOp]:
    """
    Turns whatever fails inside, and is not the user's fault, into an InternalError: it says how to repeat it from a
    file with the module as it was, the path of which `command` is given. Yields a copy of that module.
    """
    before = module.clone()
    try:
        yield before
    except (PassFailedException, UserError, MemoryError, OSError, Warning):
        raise
    except Exception as error:
        lines = str(error).strip().splitlines()
        summary = ": ".join([type(error).__name__, *lines[-1:]])
        try:
            handle, path = tempfile.mkstemp(prefix=f"blendir-{what}-", suffix=".mlir")
            with os.fdopen(handle, "w") as file:
                file.write(str(before) + "\n")
            how = f"reproduce with: {command(path)}"
        except OSError as unsaved:
            how = f"to reproduce it could not be saved: {unsaved.strerror}"
        raise InternalError(f"{what} failed: {summary}; {how}") from error


def lower_stages(
    module: ModuleOp,
    to: Stage,
    calibration: NDArray[Any] | None = None,
    ctx: Context | None = None,
    check: bool = True,
    **options: Any,
) -> dict[Stage, ModuleOp]:
    """
    As `lower`; returns a copy of the module at its own stage and the module at every later one, in their order.
    """
    if to not in STAGES[1:]:
        raise ValueError(f"unknown stage {to!r}; the stages are {', '.join(STAGES[1:])}")
    specs = pass_specs(options)
    start = stage_of(module)
    if start == "stream" and to != "stream":
        raise ValueError(f"the module is at [stream], which is past [{to}]")
    if calibration is not None and (start == "stream" or reached(module, "fixed")):
        raise ValueError(f"the module is at [{start}]: its formats are fixed, calibration comes too late")
    ctx = ctx or Context(allow_unregistered=True)
    current = module.clone()
    stages: dict[Stage, ModuleOp] = {start: current}
    for stage in STAGES[1 : STAGES.index(to) + 1]:
        kind = PIPELINE[stage]
        if is_stream(current) or reached(current, stage):
            if kind in specs:
                raise ValueError(f"the module is at [{start}]: options of {kind.name} come too late")
            stages.setdefault(stage_of(current), current)
            continue
        current = stages[stage] = current.clone()
        comparable = check and stage == "folded" and not any(isinstance(op, UnsupportedOp) for op in current.walk())
        values = Values(current, probe_frames(current)) if comparable else None
        frames = None if calibration is None else np.asarray(calibration)
        run_pass(ctx, current, kind.from_spec(specs.get(kind, ArgSpec(kind.name, {}))), values, frames)
        VerifyStagePass(stage).apply(ctx, current)
    return stages


def lower(
    module: ModuleOp,
    to: Stage,
    calibration: NDArray[Any] | None = None,
    ctx: Context | None = None,
    check: bool = True,
    **options: Any,
) -> ModuleOp:
    """
    Brings a copy of a module to a stage, running what is missing.

    calibration: frames [N, ..] for the formats of `fixed`. check: whether [folded] is compared with the module before
    it on random frames. Options are those of the passes, as `quantize_bits=8`.
    Raises ValueError for an unknown stage or option, for a stage that lies behind, for calibration of an integer
    module, and PassFailedException where a pass finds something it cannot do.
    """
    *_, lowered = lower_stages(module, to, calibration, ctx, check, **options).values()
    return lowered


def is_scheduled(module: ModuleOp) -> bool:
    """
    Whether every process of a [stream] module has its FIFOs.
    """
    return all(op.fifo_depths is not None for op in writers(processes(module)))


def schedule(module: ModuleOp, goals: Goals | None = None, ctx: Context | None = None) -> None:
    """
    Schedules a [stream] module in place; one that is already scheduled must not be given another goal.

    Where the goals name a device, the design must fit it.
    """
    goals = goals or Goals()
    if not is_scheduled(module):
        run_pass(ctx or Context(allow_unregistered=True), module, SchedulePass(**vars(goals)))
        return
    if goals.sets_parallelism:
        raise ValueError("the module is already scheduled; give the rate when it is lowered")
    check_fifos(module)
    check_schedule(module)
    if goals.device is not None:
        command = "blendir-translate --to-hls {} -o DIR --target " + goals.device
        with reproducible("fitting", module, command.format):
            fit(module, goals, rebuild=False)
