"""
From a module or a PyTorch model to a verified design folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from blendir.backends.hls.csim import Csim
from blendir.backends.hls.print_cpp import Design
from blendir.backends.hls.project import check_destination, project_files, write_project
from blendir.backends.hls.report import report
from blendir.backends.hls.report_page import page
from blendir.dialects.blend.types import ui8
from blendir.interpreter import input_type
from blendir.passes import pipeline
from blendir.passes.devices import device
from blendir.passes.schedule import SchedulePass
from blendir.passes.stage import STAGES, Stage, is_stream, reached, stage_of
from blendir.passes.timing import simulate

if TYPE_CHECKING:
    from torch import nn

VECTORS = 16


@dataclass
class Build:
    """
    A compiled design: its scheduled module, its folder and its report.
    """

    module: ModuleOp
    path: Path
    report: dict[str, Any] = field(repr=False)

    @cached_property
    def _csim(self) -> Csim:
        return Csim(self.module, self.path)

    def csim(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """
        Runs frames x [N, ..] through the C++ (compiled once); equal to `blendir.run(self.module, x)` bit for bit.
        """
        return self._csim(x)


def test_vectors(module: ModuleOp, calibration: NDArray[Any] | None) -> NDArray[Any]:
    """
    The first 16 calibration frames, else 16 seeded random ones.
    """
    if calibration is not None and len(calibration):
        return np.asarray(calibration)[:VECTORS]
    kind = input_type(module)
    shape = (VECTORS, *kind.get_shape()[1:])
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, shape, np.uint8) if kind.element_type == ui8 else rng.normal(size=shape)


def lower_all(
    module: ModuleOp, calibration: NDArray[Any] | None, ctx: Context | None, options: dict[str, Any]
) -> dict[Stage, ModuleOp]:
    """
    The module at its own stage and at every later one up to [stream].
    """
    by_pass = pipeline.pass_options(options)
    stages: dict[Stage, ModuleOp] = {stage_of(module): module}
    current = module
    for stage in STAGES[1:]:
        kind = pipeline.PIPELINE[stage]
        if reached(current, stage) or is_stream(current):
            if kind in by_pass:
                raise ValueError(f"the module is at [{stage_of(module)}]: options of {kind.name} come too late")
            stages.setdefault(stage_of(current), current)
            continue
        chosen = {f"{kind.name}.{name}": value for name, value in by_pass.get(kind, {}).items()}
        frames = calibration if stage == "fixed" else None
        current = stages[stage] = pipeline.lower(current, stage, frames, ctx, **chosen)
    return stages


def compile_module(
    model: ModuleOp | nn.Module,
    out: str | Path,
    *,
    example: NDArray[Any] | None = None,
    calibration: NDArray[Any] | None = None,
    target: str = "xcvu9p",
    clock_mhz: float | None = None,
    fps: float | None = None,
    cycles: int | None = None,
    dsp: int | None = None,
    lut: int | None = None,
    bram: int | None = None,
    xnor: Literal["lut", "dsp", "auto"] = "lut",
    preset: Literal["paper"] | None = None,
    ctx: Context | None = None,
    **options: Any,
) -> Build:
    """
    Lowers, schedules and writes a design to the folder `out`.

    model: a module at any stage, or an nn.Module with `example` frames. calibration: frames for the formats.
    target: a device, which the design must fit; clock_mhz: its clock (default: the device's).
    fps, or cycles per frame: the rate to reach at the least cost; dsp, lut, bram (18 Kbit blocks): upper bounds,
    without a rate for the fastest design within them; with none of these, a 48-bit word per cycle per binary unit.
    preset "paper": the configuration of the BlendNet paper, as far as it can be expressed.
    Options are those of the passes, as `quantize_bits=8`. The folder is replaced only if blendir made it.
    Raises ValueError, PassFailedException or UnsupportedModelError, each with one line that says what to do.
    """
    destination = Path(out)
    check_destination(destination)
    clock = clock_mhz or device(target).clock_mhz
    goals: dict[str, Any] = {"cycles": cycles, "dsp": dsp, "lut": lut, "bram": bram, "preset": preset}
    SchedulePass(fps, clock, xnor, **goals).check()
    if not isinstance(model, ModuleOp):
        if example is None:
            raise ValueError("an nn.Module needs example frames: compile(model, out, example=x)")
        from blendir.frontend import from_torch

        model = from_torch(model, example)
    if calibration is not None and reached(model, "fixed"):
        raise ValueError(f"the module is at [{stage_of(model)}]: its formats are fixed, calibration comes too late")
    stages = lower_all(model, calibration, ctx, options)
    module = stages["stream"].clone()
    pipeline.schedule(module, fps, clock, xnor, ctx, target, **goals)
    stages["stream"] = module
    design = Design(module)
    found = report(design, simulate(module), target, clock)
    contents = project_files(design, stages, test_vectors(module, calibration), target, clock)
    contents |= {"report.json": json.dumps(found, indent=2) + "\n", "report.html": page(found)}
    write_project(destination, contents)
    return Build(module, destination, found)
