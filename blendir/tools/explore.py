"""
The frontier of a network on a device: the cheapest design of each of many rates, made side by side.

The folder of an exploration holds `settings.json`, the module that all points share (`stream.mlir`), a JSON file per
finished point in `points/`, and what is made of all of them: `frontier.csv` and `frontier.png`.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import click
import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from blendir.files import whole_file
from blendir.passes.devices import device
from blendir.passes.layout import unschedule
from blendir.passes.pipeline import lower, pass_options
from blendir.passes.point import Point, design_point
from blendir.passes.schedule import cycles_at, default_budget
from blendir.passes.search import fastest_cycles, layouts
from blendir.passes.timing import processes
from blendir.tools.designs import FILE, PositiveNumber
from blendir.tools.frontier import Exploration, Rate, Settings, plot, undominated, write_table
from blendir.tools.inputs import Array, parse_module, parse_options, read_array, require_frames
from blendir.tools.terminal import FoundWrong, progress, say

SETTINGS, MODULE, POINTS, TABLE, PLOT = "settings.json", "stream.mlir", "points", "frontier.csv", "frontier.png"
GENERATOR = "blendir explore"

EXPLORE_OPTIONS = (
    click.option("-o", "--output", "out", required=True, type=FILE, metavar="DIR", help="The folder of the points."),
    click.option("--calibrate", type=FILE, metavar="X.npy", help="Frames [N, ..] to choose the formats from."),
    click.option("--device", "target", default="xcvu9p", show_default=True, help="The device."),
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
    click.option("--points", "count", type=click.IntRange(min=1), default=12, show_default=True, help="How many."),
    click.option("--jobs", type=click.IntRange(min=1), help="Processes  [default: one per core]"),
    click.option("--scheduler", metavar="tcp://HOST:PORT", help="A Dask cluster to use instead."),
    click.option("--option", "options", multiple=True, metavar="PASS.NAME=VALUE", help="As quantize.bits=12."),
)

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Sweep:
    """
    `count` rates for each kind of XNOR, evenly spread on a logarithmic scale between two rates in frames/s: by default
    that of a 48-bit word per cycle per binary unit, and the fastest there is.
    """

    kinds: Sequence[str]
    fps_from: float | None = None
    fps_to: float | None = None
    count: int = 12

    def rates(self, module: ModuleOp, clock_mhz: float) -> list[Rate]:
        """
        The points of a [stream] module.
        """
        found = processes(module)
        if self.fps_to is not None:
            fastest = cycles_at(self.fps_to, clock_mhz)
        else:
            fastest = fastest_cycles(layouts(found, self.kinds[0]), {}) or 1
        slowest = default_budget(found) if self.fps_from is None else cycles_at(self.fps_from, clock_mhz)
        spread = np.geomspace(max(slowest, fastest), fastest, self.count)
        return [(kind, cycles) for kind in self.kinds for cycles in sorted({round(c) for c in spread}, reverse=True)]


def outcome_of(text: str, name: str, rate: Rate, settings: Settings) -> dict[str, Any]:
    """
    What a worker makes of a rate: a point, or why there is none. `text` is the module, which `name` names in errors.
    """
    xnor, cycles = rate
    try:
        made = design_point(parse_module(text, name), cycles, settings.clock_mhz, xnor, settings.device)
    except (PassFailedException, ValueError) as error:
        return {"failed": " ".join(str(error).split())}
    return asdict(made)


def start_worker() -> None:
    """
    Leaves Ctrl-C to the process that waits for this one, and ends with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    Thread(target=follow, daemon=True).start()


@contextmanager
def workers(jobs: int | None, scheduler: str | None) -> Generator[Executor]:
    """
    Processes of this machine, by default one per core that may be used, or of the Dask cluster of a scheduler.
    """
    if scheduler is None:
        jobs = jobs or len(os.sched_getaffinity(0))
        with ProcessPoolExecutor(jobs, get_context("spawn"), start_worker) as pool:
            yield pool
        return
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise ValueError("a cluster needs dask.distributed: pip install 'blendir[cluster]'") from None
    try:
        client: Any = Client(scheduler, timeout="20s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"no Dask scheduler answers at {scheduler}: {error}") from None
    with client, client.get_executor(pure=False) as cluster:
        yield cluster


def point_file(out: Path, rate: Rate) -> Path:
    """
    Where the outcome of a rate is kept.
    """
    return out / POINTS / f"{rate[0]}-{rate[1]}.json"


def write_json(path: Path, value: object) -> None:
    """
    A JSON file that is whole at any moment.
    """
    with whole_file(path) as beside:
        beside.write_text(json.dumps(value, indent=2) + "\n")


def check_folder(out: Path, settings: Settings) -> bool:
    """
    Whether a folder holds points; ValueError where it holds something else, or points at other settings.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        found: Any = json.loads((out / SETTINGS).read_text())
        ours = found["generator"] == GENERATOR
    except (OSError, ValueError, TypeError, KeyError):
        found, ours = None, False
    if not ours:
        raise ValueError(f"{out} holds something else (no {SETTINGS} of blendir explore); give an empty or new folder")
    for name, value in asdict(settings).items():
        if found.get(name) != value:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"{out} holds points of {option} {found.get(name)}, not {value}; give a new folder")
    return True


def open_folder(out: Path, module: ModuleOp, settings: Settings) -> str:
    """
    Makes the folder, or checks that its points are of the same module and settings; returns the module's text.
    """
    text = f"{module!s}\n"
    if not check_folder(out, settings):
        write_json(out / SETTINGS, {"generator": GENERATOR} | asdict(settings))
    if not (out / MODULE).exists():
        with whole_file(out / MODULE) as beside:
            beside.write_text(text)
    elif (out / MODULE).read_text() != text:
        raise ValueError(
            f"{out} holds points of another module ({MODULE}): model, weights, calibration or options differ; "
            "give a new folder"
        )
    return text


def finished(out: Path) -> dict[Rate, Point | str]:
    """
    The points of a folder by kind of XNOR and rate, or why there is none.
    """
    found: dict[Rate, Point | str] = {}
    for path in sorted((out / POINTS).glob("*.json")):
        xnor, _, cycles = path.stem.partition("-")
        try:
            outcome = json.loads(path.read_text())
            found[xnor, int(cycles)] = outcome["failed"] if "failed" in outcome else Point(**outcome)
        except (ValueError, TypeError):
            raise ValueError(f"{path} is not a point of this blendir: delete it to make it again") from None
    return dict(sorted(found.items(), key=lambda item: (item[0][0], -item[0][1])))


def make_points(
    out: Path, text: str, missing: Sequence[Rate], settings: Settings, pool: Executor, advance: Advance
) -> dict[Rate, str]:
    """
    Makes points and keeps each as soon as it is there; returns why a worker came to no outcome, which is not kept.
    """
    futures = {pool.submit(outcome_of, text, str(out / MODULE), rate, settings): rate for rate in missing}
    broken: dict[Rate, str] = {}
    try:
        for done, future in enumerate(as_completed(futures), 1):
            if (error := future.exception()) is not None:
                broken[futures[future]] = f"{type(error).__name__}: {' '.join(str(error).split())}"
            else:
                write_json(point_file(out, futures[future]), future.result())
            advance(done)
    finally:
        for future in futures:
            future.cancel()
    return broken


def explore(
    module: ModuleOp,
    out: Path,
    settings: Settings,
    sweep: Sweep,
    jobs: int | None = None,
    scheduler: str | None = None,
    quiet: bool = True,
) -> Exploration:
    """
    Makes the points of a sweep that the folder `out` lacks, and its table, for a module at [stream].

    jobs: processes, by default one per core; scheduler: the address of a Dask cluster to use instead.
    Raises ValueError where the folder holds something else, or points of another module, device or clock.
    """
    module = module.clone()
    unschedule(module)
    text = open_folder(out, module, settings)
    missing = [rate for rate in sweep.rates(module, settings.clock_mhz) if not point_file(out, rate).exists()]
    broken: dict[Rate, str] = {}
    if missing:
        with progress("exploring", quiet, len(missing)) as advance, workers(jobs, scheduler) as pool:
            broken = make_points(out, text, missing, settings, pool, advance)
    found = finished(out)
    points = [point for point in found.values() if isinstance(point, Point)]
    failed = {rate: reason for rate, reason in found.items() if isinstance(reason, str)}
    explored = Exploration(points, undominated(points), failed, broken)
    write_table(explored, out / TABLE)
    return explored


def explore_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    The options of `blendir explore`.
    """
    for option in reversed(EXPLORE_OPTIONS):
        command = option(command)
    return command


class Explorer:
    """
    Checks everything that can be checked before the long work, then explores, with the options of the command line.
    """

    def __init__(
        self,
        out: Path,
        calibrate: Path | None,
        target: str,
        clock_mhz: float | None,
        xnor: str,
        fps_from: float | None,
        fps_to: float | None,
        count: int,
        jobs: int | None,
        scheduler: str | None,
        options: Sequence[str],
    ):
        if jobs is not None and scheduler is not None:
            raise ValueError("--jobs is for this machine; a cluster has as many workers as it has")
        if fps_from is not None and fps_to is not None and fps_from > fps_to:
            raise ValueError(f"--fps-from {fps_from:g} is above --fps-to {fps_to:g}")
        self.out, self.path, self.jobs, self.scheduler = out, calibrate, jobs, scheduler
        default = device(target).clock_mhz
        self.settings = Settings(target, clock_mhz or default)
        self.sweep = Sweep(("lut", "dsp") if xnor == "both" else (xnor,), fps_from, fps_to, count)
        self.options: dict[str, Any] = dict(parse_options(options))
        pass_options(self.options)
        check_folder(out, self.settings)
        self.calibration: Array | None = None if calibrate is None else read_array(calibrate)

    def explore(self, module: ModuleOp, quiet: bool) -> Exploration:
        """
        Lowers a module once and explores it; says why there is no design where that is so, and draws the rest.
        """
        if self.calibration is not None and self.path is not None:
            require_frames(self.calibration, module, self.path)
        module = lower(module, "stream", self.calibration, **self.options)
        found = explore(module, self.out, self.settings, self.sweep, self.jobs, self.scheduler, quiet)
        for (xnor, cycles), reason in (found.failed | found.broken).items():
            say(f"{xnor}, {cycles} cycles per frame: {reason}")
        if not found.points:
            raise FoundWrong(f"{self.out}: there is no design at any of the rates")
        try:
            plot(found, self.settings, self.out / PLOT)
        except ModuleNotFoundError as error:
            say(f"no {PLOT}: it needs {error.name}: pip install 'blendir[train]'")
        if found.broken:
            raise FoundWrong(f"{self.out}: {len(found.broken)} points could not be made; run this again to make them")
        return found
