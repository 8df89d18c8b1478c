"""
Design folders: writing them with the options of a command line, and opening them again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from shutil import which
from typing import Any, cast

import click
from xdsl.dialects.builtin import ModuleOp

from blendir.backends.hls.project import GENERATOR, check_destination
from blendir.backends.hls.report_page import page
from blendir.compiler import Build, compile_module
from blendir.files import whole_file
from blendir.passes.pipeline import pass_options
from blendir.tools.inputs import Array, parse_options, read_array, read_module, require_frames
from blendir.tools.terminal import progress, say


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
    click.option("--target", default="xcvu9p", show_default=True, help="The device."),
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
    Checks everything that can be checked before the long work, then compiles.
    """

    def __init__(self, out: Path, calibrate: Path | None, options: Sequence[str], **settings: Any):
        check_destination(out)
        self.out, self.path, self.settings = out, calibrate, settings
        self.options: dict[str, Any] = dict(parse_options(options))
        pass_options(self.options)
        self.calibration: Array | None = None if calibrate is None else read_array(calibrate)

    def write(self, module: ModuleOp, quiet: bool) -> Build:
        """
        Compiles a module at any stage into the folder.
        """
        if self.calibration is not None and self.path is not None:
            require_frames(self.calibration, module, self.path)
        with progress(f"compiling to {self.out}", quiet):
            return compile_module(module, self.out, calibration=self.calibration, **self.settings, **self.options)


def summary(build: Build) -> str:
    """
    A design in one line.
    """
    found = build.report
    used = ", ".join(f"{value:,} {name}" for name, value in found["resources"].items())
    return (
        f"{build.path}: {found['fps']:,.0f} frames/s at {found['clock_mhz']:g} MHz on {found['target']}, "
        f"{found['latency_us']:.1f} us, {used} (simulated and estimated)"
    )


def open_design(folder: Path) -> Build:
    """
    A design that was written before.
    """
    report = read_report(folder)
    require_compiler()
    return Build(read_stage(folder, "stream"), folder, report)


def read_report(folder: Path) -> dict[str, Any]:
    """
    The report of a design folder; ValueError where blendir did not make the folder.
    """
    try:
        report: Any = json.loads((folder / "report.json").read_text())
    except (OSError, ValueError):
        report = None
    if not isinstance(report, dict) or report.get("generator") != GENERATOR:  # pyright: ignore[reportUnknownMemberType]
        raise ValueError(f"{folder}: not a design folder of blendir (no report.json of blendir in it)")
    return cast(dict[str, Any], report)


def record_accuracy(folder: Path, accuracy: float, images: int) -> None:
    """
    Enters an accuracy of the compiled C++, 0..1, in the report of a design folder and in its page.
    """
    found = read_report(folder)
    found["accuracy"] = accuracy
    found["how"]["accuracy"] = f"measured: the compiled C++ on {images:,} images"
    for name, text in (("report.json", json.dumps(found, indent=2) + "\n"), ("report.html", page(found))):
        with whole_file(folder / name) as beside:
            beside.write_text(text)


def read_stage(folder: Path, stage: str) -> ModuleOp:
    """
    The module of one stage in a design folder.
    """
    return read_module(folder / "ir" / f"{stage}.mlir")


def stages_to_verify(folder: Path) -> dict[str, ModuleOp]:
    """
    The integer stages of a design folder; where it was compiled from [packed], that is the reference.
    """
    read_report(folder)
    names = [name for name in ("fixed", "packed", "stream") if (folder / "ir" / f"{name}.mlir").exists()]
    if names[-2:] != ["packed", "stream"]:
        raise ValueError(f"{folder}: ir/ lacks the stages packed and stream, which are compared")
    stages = {name: read_stage(folder, name) for name in names}
    if "fixed" not in stages:
        say(f"{folder} was compiled from [packed], which takes the place of [fixed] here")
        stages["fixed"] = stages["packed"]
    return stages


def require_compiler() -> None:
    """
    The C-simulation needs g++.
    """
    if which("g++") is None:
        raise ValueError("the C-simulation needs g++, which is not installed")
