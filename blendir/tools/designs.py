"""
Design folders: writing them with the options of a command line, and opening them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import click
from xdsl.dialects.builtin import ModuleOp

from blendir.backends import DEFAULT
from blendir.backends.design import VECTORS
from blendir.backends.folder import check_destination, read_report, read_stage, target_of
from blendir.compiler import Build, compile_design
from blendir.files import whole_file
from blendir.hardware.goals import DEVICE, Goals
from blendir.interpreter import run_encoded
from blendir.passes.agreement import Values, certain, first_difference
from blendir.passes.quantize.quantization_error import (
    BAD_SATURATED,
    Row,
    end_to_end,
    in_words,
    is_bad,
    layer_errors,
    remedy,
    worst_of,
)
from blendir.pipeline import pass_specs
from blendir.report.report import report_files
from blendir.tools.inputs import Array, parse_options, read_array, require_frames
from blendir.tools.terminal import FoundWrong, progress


class PositiveNumber(click.ParamType[float]):
    """
    A finite number above 0.
    """

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not isfinite(number) or number <= 0:
            self.fail(f"{value} is not a number above 0", param, ctx)
        return number


FILE = click.Path(path_type=Path)
BOUND = click.IntRange(min=0)
XNOR = click.Choice(["lut", "dsp", "auto"])
DESIGN_OPTIONS = (
    click.option("-o", "--output", "out", required=True, type=FILE, metavar="DIR", help="The folder to write."),
    click.option("--calibrate", type=FILE, metavar="X.npy", help="Frames [N, ..] to choose the formats from."),
    click.option("--target", "device", default=DEVICE, show_default=True, help="The device."),
    click.option("--clock-mhz", type=PositiveNumber(), help="The clock  [default: of the device; xcvu9p: 340]"),
    click.option("--fps", type=PositiveNumber(), help="The frame rate to reach  [default: one word per cycle]"),
    click.option("--cycles", type=click.IntRange(min=1), help="The same in cycles per frame."),
    click.option("--dsp", type=BOUND, metavar="N", help="At most N DSPs: without a rate, the fastest design."),
    click.option("--lut", type=BOUND, metavar="N", help="At most N LUTs."),
    click.option("--bram", type=BOUND, metavar="N", help="At most N block RAMs of 18 Kbit."),
    click.option("--preset", type=click.Choice(["paper"]), help="The BlendNet paper's configuration."),
    click.option("--xnor", type=XNOR, default="lut", show_default=True, help="What makes the binary products."),
    click.option("--option", "options", multiple=True, metavar="PASS.NAME=VALUE", help="As quantize.bits=12."),
)


def design_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    The options of commands that write a design.
    """
    for option in reversed(DESIGN_OPTIONS):
        command = option(command)
    return command


class DesignWriter:
    """
    Checks everything that can be checked before the long work, then compiles; `goals` are the fields of `Goals`.
    """

    def __init__(
        self,
        out: Path,
        calibrate: Path | None,
        options: Sequence[str],
        backend: str = DEFAULT,
        check: bool = True,
        **goals: Any,
    ):
        self.out, self.path, self.backend, self.check, self.goals = out, calibrate, backend, check, Goals(**goals)
        check_destination(out)
        self.goals.check()
        self.options: dict[str, Any] = dict(parse_options(options))
        pass_specs(self.options)
        self.calibration: Array | None = None if calibrate is None else read_array(calibrate)

    def write(self, module: ModuleOp, quiet: bool) -> Build:
        """
        Compiles a module at any stage into the folder.
        """
        if self.calibration is not None and self.path is not None:
            require_frames(self.calibration, module, self.path)
        with progress(f"compiling to {self.out}", quiet):
            return compile_design(
                module,
                self.out,
                self.goals,
                self.backend,
                calibration=self.calibration,
                check=self.check,
                options=self.options,
            )


def summary(build: Build) -> str:
    """
    A design in one line.
    """
    found = build.report
    if "resources" not in found:
        return f"{build.path}: {target_of(found).language}"
    used = ", ".join(f"{value:,} {name}" for name, value in found["resources"].items())
    return (
        f"{build.path}: {found['fps']:,.0f} frames/s at {found['clock_mhz']:g} MHz on {found['target']}, "
        f"{found['latency_us']:.1f} us, {used} (simulated and estimated)"
    )


ERROR_COLUMNS = ["layer", "SNR", "largest error", "saturated", "wasted bits"]


def errors_against(folder: Path, fixed: ModuleOp, model: ModuleOp, name: str, x: Array) -> dict[str, Any]:
    """
    What fixed point costs a design, per layer (`layers`) and in its outputs (`end_to_end`), on frames x [N, ..]; and in
    how many of the first frames rounding alone decides a comparison of floats (`ties`), so that they say nothing of
    whether the design and the model agree.

    Raises ValueError where the folder has no floats, FoundWrong where they are not those of the model.
    """
    if not (folder / "ir" / "folded.mlir").exists():
        raise ValueError(f"{folder} was compiled from integers: it has no floats to compare with {name}")
    folded, few = read_stage(folder, "folded"), x[:VECTORS]
    before, after = Values(model, few), Values(folded, few)
    layer = first_difference(before, after)
    if layer is not None:
        raise FoundWrong(
            f"{folder} computes something else than {name} in floats already, at {layer}: was it compiled "
            "from another model or other weights?"
        )
    ties = int((~certain(before, after)).sum())
    layers, outputs = layer_errors(folded, fixed, x)
    return {"layers": layers, "end_to_end": end_to_end(outputs, fixed, run_encoded(fixed, x)[0]), "ties": ties}


def error_rows(rows: Sequence[Row]) -> list[list[object]]:
    """
    A table of errors down to the first bad layer.
    """
    shown = next((index + 1 for index, row in enumerate(rows) if is_bad(row)), len(rows))
    return [
        [
            row["layer"],
            "exact" if row["snr_db"] is None else f"{row['snr_db']:.1f} dB",
            f"{row['max_error_lsb']:.2f} units",
            f"{row['saturated']:.2%}",
            row["wasted_bits"],
        ]
        for row in rows[:shown]
    ]


def end_to_end_line(whole: Mapping[str, Any]) -> str:
    """
    How the outputs follow those of the floats.
    """
    parts = [f"outputs of {whole['frames']} frames"]
    if whole["correlation"] is not None:
        parts.append(f"correlate {whole['correlation']:.5f} with the floats")
    if whole["same_largest"] is not None:
        parts.append(f"the largest one is the same in {whole['same_largest']:.2%}")
    return ", ".join(parts)


def quantization_line(report: Mapping[str, Any]) -> str | None:
    """
    What fixed point costs in one line: the worst layer, and how the outputs follow; None where nothing was measured.
    """
    rows: list[Row] = report["quantization"]
    if not rows:
        return None
    worst = worst_of(rows)
    layer = "every layer is exact" if worst is None else f"worst layer {in_words(worst)}"
    return f"quantization: {layer}; {end_to_end_line(report['end_to_end'])} (measured on calibration frames)"


def quantization_warnings(rows: Sequence[Row]) -> list[str]:
    """
    A line for the worst of the bad layers, with their number.
    """
    bad = [row for row in rows if is_bad(row)]
    if not bad:
        return []
    worst = max(bad, key=lambda row: (row["saturated"] > BAD_SATURATED, -(row["snr_db"] or 0.0)))
    others = f" ({len(bad)} layers are bad)" if len(bad) > 1 else ""
    return [f"warning: {in_words(worst)}{others}; {remedy(worst)}"]


def record_accuracy(folder: Path, accuracy: float, images: int) -> None:
    """
    Enters an accuracy of the emitted program, 0..1, in the report of a design folder and in its page.
    """
    found = read_report(folder)
    language = target_of(found).language
    found["accuracy"] = accuracy
    found["how"]["accuracy"] = f"measured: the compiled {language} on {images:,} images"
    for name, text in report_files(found).items():
        with whole_file(folder / name) as beside:
            beside.write_text(str(text))
