"""
`blendir explore`: its options, and what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from xdsl.dialects.builtin import ModuleOp

from blendir.exploration import PLOT, check_folder, explore
from blendir.frontier import Exploration, plot
from blendir.hardware.goals import DEVICE, Goals
from blendir.pipeline import pass_specs
from blendir.tools.designs import FILE, PositiveNumber
from blendir.tools.inputs import Array, parse_options, read_array, require_frames
from blendir.tools.terminal import FoundWrong, progress, say

POINT_COLUMNS = ("xnor", "cycles", "fps", "us", "DSP", "LUT", "FF", "BRAM18", "FIFO bits", "bottleneck", "")
"""Of the table for a person."""
EXPLORE_OPTIONS = (
    click.option("-o", "--output", "out", required=True, type=FILE, metavar="DIR", help="The folder of the points."),
    click.option("--calibrate", type=FILE, metavar="X.npy", help="Frames [N, ..] to choose the formats from."),
    click.option("--device", default=DEVICE, show_default=True, help="The device."),
    click.option("--clock-mhz", type=PositiveNumber(), help="The clock  [default: of the device; xcvu9p: 340]"),
    click.option(
        "--xnor",
        type=click.Choice(["lut", "dsp", "auto", "both"]),
        default="lut",
        show_default=True,
        help="What makes the binary products; both: lut and dsp.",
    ),
    click.option("--fps-from", type=PositiveNumber(), help="The slowest rate  [default: one word per cycle]"),
    click.option("--fps-to", type=PositiveNumber(), help="The fastest rate  [default: the fastest there is]"),
    click.option("--points", type=click.IntRange(min=1), default=12, show_default=True, help="How many."),
    click.option("--jobs", type=click.IntRange(min=1), help="Processes  [default: one per core]"),
    click.option("--scheduler", metavar="tcp://HOST:PORT", help="A Dask cluster to use instead."),
    click.option("--option", "options", multiple=True, metavar="PASS.NAME=VALUE", help="As quantize.bits=12."),
)


def explore_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    The options of `blendir explore`.
    """
    for option in reversed(EXPLORE_OPTIONS):
        command = option(command)
    return command


class Explorer:
    """
    Checks everything that can be checked before the long work, then explores; `sweep` are arguments of
    `blendir.explore`.
    """

    def __init__(self, out: Path, calibrate: Path | None, xnor: str, options: Sequence[str], **sweep: Any):
        slowest, fastest = sweep["fps_from"], sweep["fps_to"]
        if sweep["jobs"] is not None and sweep["scheduler"] is not None:
            raise ValueError("--jobs is for this machine; a cluster has as many workers as it has")
        if slowest is not None and fastest is not None and slowest > fastest:
            raise ValueError(f"--fps-from {slowest:g} is above --fps-to {fastest:g}")
        self.out, self.path = out, calibrate
        self.sweep: dict[str, Any] = sweep | {"kinds": ("lut", "dsp") if xnor == "both" else (xnor,)}
        self.goals = Goals(device=sweep["device"], clock_mhz=sweep["clock_mhz"])
        self.goals.check()
        check_folder(out, self.goals)
        self.options: dict[str, Any] = dict(parse_options(options))
        pass_specs(self.options)
        self.calibration: Array | None = None if calibrate is None else read_array(calibrate)

    def explore(self, module: ModuleOp, quiet: bool) -> Exploration:
        """
        Lowers a module once and explores it; says why there is no design where that is so, and draws the rest.
        """
        if self.calibration is not None and self.path is not None:
            require_frames(self.calibration, module, self.path)
        given: dict[str, Any] = self.sweep | self.options
        with progress("exploring", quiet) as advance:
            found = explore(module, self.out, calibration=self.calibration, progress=advance, **given)
        for (xnor, cycles), reason in (found.failed | found.broken).items():
            say(f"{xnor}, {cycles} cycles per frame: {reason}")
        if not found.points:
            raise FoundWrong(f"{self.out}: there is no design at any of the rates")
        try:
            plot(found, self.goals, self.out / PLOT)
        except ModuleNotFoundError as error:
            say(f"no {PLOT}: it needs {error.name}: pip install 'blendir[train]'")
        if found.broken:
            raise FoundWrong(f"{self.out}: {len(found.broken)} points could not be made; run this again to make them")
        return found


def as_json_points(found: Exploration) -> dict[str, Any]:
    """
    What `explore --json` prints.
    """
    points = [asdict(p) | {"frontier": p in found.frontier} for p in found.points]
    failed = [{"xnor": xnor, "cycles_asked": cycles, "why": why} for (xnor, cycles), why in found.failed.items()]
    return {"points": points, "failed": failed}


def point_rows(found: Exploration) -> list[list[object]]:
    """
    The points for a person.
    """
    rows: list[list[object]] = []
    for p in found.points:
        amounts = (p.dsp, p.lut, p.ff, p.bram18, p.fifo_bits)
        mark = "" if p in found.frontier else "dominated"
        rows.append([p.xnor, p.cycles, round(p.fps), f"{p.latency_us:.1f}", *amounts, p.bottleneck, mark])
    return rows
