"""
From a module or a PyTorch model to a verified design folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from blendir import pipeline
from blendir.backends import DEFAULT, backend, translation
from blendir.backends.design import test_vectors
from blendir.backends.folder import check_destination, read_report, read_stage, target_of, write_folder
from blendir.backends.systemverilog.simulation import Rtl
from blendir.backends.systemverilog.target import simulation_of
from blendir.backends.target import Program, Project, Target
from blendir.errors import UserError
from blendir.garbage import seldom_collected
from blendir.hardware.goals import DEVICE, Goals
from blendir.hardware.timing import simulate
from blendir.interpreter.run import Outputs
from blendir.passes.quantize.quantization_error import measured_at_once, quantization_report
from blendir.report.report import add_quantization, report, report_files, software_report

if TYPE_CHECKING:
    from torch import nn

MEASURED = 8
"""The most calibration frames on which the error of fixed point is measured."""


@dataclass
class Build:
    """
    A compiled design: its module (scheduled, where it is at [stream]), its folder and its report.
    """

    module: ModuleOp
    path: Path
    report: dict[str, Any] = field(repr=False)

    @cached_property
    def _program(self) -> Program:
        return target_of(self.report).program(self.module, self.path)

    def csim(self, x: NDArray[Any]) -> Outputs:
        """
        Runs frames x [N, ..] through the emitted program (built once); equal to `blendir.run(self.module, x)` bit for
        bit.
        """
        return self._program(x)

    @cached_property
    def simulation(self) -> Rtl:
        """
        The SystemVerilog of the design in Verilator, built.
        """
        if target_of(self.report).stage != "stream":
            raise UserError(f"{self.path} has no processes, of which SystemVerilog could be printed")
        return simulation_of(self.module, self.path)

    def rtl(self, x: NDArray[Any]) -> Outputs:
        """
        Runs frames x [N, ..] through the SystemVerilog of the design, clock by clock (built once); equal to
        `blendir.run(self.module, x)` bit for bit.
        """
        return self.simulation(x)


def open_design(folder: Path) -> Build:
    """
    A design that was written before; ValueError where blendir did not make the folder, or cannot run it here.
    """
    found = read_report(folder)
    target = target_of(found)
    target.require_tools()
    return Build(read_stage(folder, target.stage), folder, found)


def compile_module(
    model: ModuleOp | nn.Module,
    out: str | Path,
    *,
    example: NDArray[Any] | None = None,
    calibration: NDArray[Any] | None = None,
    target: str = DEVICE,
    clock_mhz: float | None = None,
    fps: float | None = None,
    cycles: int | None = None,
    dsp: int | None = None,
    lut: int | None = None,
    bram: int | None = None,
    xnor: Literal["lut", "dsp", "auto"] = "lut",
    preset: Literal["paper"] | None = None,
    backend: str = DEFAULT,
    ctx: Context | None = None,
    check: bool = True,
    **options: Any,
) -> Build:
    """
    Lowers, schedules and writes a design to the folder `out`.

    model: a module at any stage, or an nn.Module with `example` frames. calibration: frames for the formats.
    backend: what writes the folder, as "hls". target: a device, which the design must fit; clock_mhz: its clock
    (default: the device's). fps, or cycles per frame: the rate to reach at the least cost; dsp, lut, bram (18 Kbit
    blocks): upper bounds, without a rate for the fastest design within them; with none of these, a 48-bit word per
    cycle per binary unit.
    preset "paper": the configuration of the BlendNet paper, as far as it can be expressed.
    check: whether the import is compared with the model, and [folded] with [imported], in float64.
    Options are those of the passes, as `quantize_bits=8`. The folder is replaced only if blendir made it.
    Raises ValueError, PassFailedException or UnsupportedModelError, each with one line that says what to do.
    """
    goals = Goals(fps, clock_mhz, xnor, cycles, dsp, lut, bram, preset, target)
    return compile_design(
        model,
        Path(out),
        goals,
        backend,
        example=example,
        calibration=calibration,
        ctx=ctx,
        check=check,
        options=options,
    )


@seldom_collected()
def compile_design(
    model: ModuleOp | nn.Module,
    out: Path,
    goals: Goals,
    name: str = DEFAULT,
    *,
    example: NDArray[Any] | None = None,
    calibration: NDArray[Any] | None = None,
    ctx: Context | None = None,
    check: bool = True,
    options: Mapping[str, Any],
) -> Build:
    """
    As `compile_module`, with the goals as one object, the name of the backend, and the options of passes.
    """
    target = backend(name)
    check_destination(out)
    goals.check()
    if target.stage != "stream" and goals.sets_parallelism:
        raise ValueError(f"the backend {name} makes no hardware: it takes no rate, no bounds and no preset")
    if not isinstance(model, ModuleOp):
        from blendir.frontend import from_torch, require_network

        require_network(model)
        if example is None:
            raise ValueError("an nn.Module needs example frames: compile(model, out, example=x)")
        model = from_torch(model, example, check)
    stages = pipeline.lower_stages(model, target.stage, calibration, ctx, check, **options)
    *_, module = stages.values()
    if target.stage == "stream":
        pipeline.schedule(module, goals, ctx)
    with pipeline.reproducible("emission", module, lambda path: f"blendir-translate {translation(name)} {path} -o DIR"):
        project = Project(stages, test_vectors(module, calibration), goals)
        found = reported(target, name, module, goals)
        if calibration is not None:
            few = min(MEASURED, max(2, measured_at_once(stages["folded"])))
            x, results = project.vectors[:few], project.results[0][:few]
            add_quantization(found, quantization_report(stages["folded"], stages["fixed"], x, results))
        contents = target.files(project)
        contents |= {f"ir/{stage}.mlir": str(kept) + "\n" for stage, kept in stages.items()} | report_files(found)
    write_folder(out, contents)
    return Build(module, out, found)


def reported(target: Target, name: str, module: ModuleOp, goals: Goals) -> dict[str, Any]:
    """
    The report of a module at the target's stage: hardware is simulated and estimated.
    """
    if target.stage != "stream":
        return software_report(name)
    return report(name, target.design(module), simulate(module), goals)
