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
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from blendir.design_point import Point, design_point
from blendir.errors import UserError
from blendir.files import whole_file
from blendir.frontier import Exploration, Rate, undominated, write_table
from blendir.hardware.apply import unschedule
from blendir.hardware.goals import DEVICE, Goals, Xnor, cycles_at
from blendir.hardware.schedule import default_budget
from blendir.hardware.search import fastest_cycles, layouts
from blendir.hardware.timing import processes
from blendir.modules import parse_module
from blendir.pipeline import lower

SETTINGS, MODULE, POINTS, TABLE, PLOT = "settings.json", "stream.mlir", "points", "frontier.csv", "frontier.png"
GENERATOR = "blendir explore"

Advance = Callable[[int, int], None]


@dataclass(frozen=True)
class Sweep:
    """
    `count` rates for each kind of XNOR, evenly spread on a logarithmic scale between two rates in frames/s: by default
    that of a 48-bit word per cycle per binary unit, and the fastest there is.
    """

    kinds: Sequence[Xnor]
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


def outcome_of(text: str, name: str, rate: Rate, goals: Goals) -> dict[str, Any]:
    """
    What a worker makes of a rate: a point, or why there is none. `text` is the module, which `name` names in errors.
    """
    xnor, cycles = rate
    try:
        made = design_point(parse_module(text, name), cycles, replace(goals, xnor=xnor))
    except (PassFailedException, UserError) as error:
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


def settings_of(goals: Goals) -> dict[str, Any]:
    """
    What all points of an exploration share, besides the module.
    """
    return {"device": goals.device, "clock_mhz": goals.clock}


def check_folder(out: Path, goals: Goals) -> bool:
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
    for name, value in settings_of(goals).items():
        if found.get(name) != value:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"{out} holds points of {option} {found.get(name)}, not {value}; give a new folder")
    return True


def open_folder(out: Path, module: ModuleOp, goals: Goals) -> str:
    """
    Makes the folder, or checks that its points are of the same module and settings; returns the module's text.
    """
    text = f"{module!s}\n"
    if not check_folder(out, goals):
        write_json(out / SETTINGS, {"generator": GENERATOR} | settings_of(goals))
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
            found[cast(Xnor, xnor), int(cycles)] = outcome["failed"] if "failed" in outcome else Point(**outcome)
        except (ValueError, TypeError):
            raise ValueError(f"{path} is not a point of this blendir: delete it to make it again") from None
    return dict(sorted(found.items(), key=lambda item: (item[0][0], -item[0][1])))


def make_points(
    out: Path, text: str, missing: Sequence[Rate], goals: Goals, pool: Executor, advance: Advance
) -> dict[Rate, str]:
    """
    Makes points and keeps each as soon as it is there; returns why a worker came to no outcome, which is not kept.
    """
    futures = {pool.submit(outcome_of, text, str(out / MODULE), rate, goals): rate for rate in missing}
    broken: dict[Rate, str] = {}
    try:
        for done, future in enumerate(as_completed(futures), 1):
            if (error := future.exception()) is not None:
                broken[futures[future]] = f"{type(error).__name__}: {' '.join(str(error).split())}"
            else:
                write_json(point_file(out, futures[future]), future.result())
            advance(done, len(futures))
    finally:
        for future in futures:
            future.cancel()
    return broken


def explore_stream(
    module: ModuleOp,
    out: Path,
    goals: Goals,
    sweep: Sweep,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: Advance = lambda done, total: None,
) -> Exploration:
    """
    Makes the points of a sweep that the folder `out` lacks, and its table, for a module at [stream].

    jobs: processes, by default one per core; scheduler: the address of a Dask cluster to use instead. `progress` is
    told how many of the missing points are made, and how many are missing.
    Raises ValueError where the folder holds something else, or points of another module, device or clock.
    """
    module = module.clone()
    unschedule(module)
    text = open_folder(out, module, goals)
    missing = [rate for rate in sweep.rates(module, goals.clock) if not point_file(out, rate).exists()]
    broken: dict[Rate, str] = {}
    if missing:
        with workers(jobs, scheduler) as pool:
            broken = make_points(out, text, missing, goals, pool, progress)
    found = finished(out)
    points = [point for point in found.values() if isinstance(point, Point)]
    failed = {rate: reason for rate, reason in found.items() if isinstance(reason, str)}
    explored = Exploration(points, undominated(points), failed, broken)
    write_table(explored, out / TABLE)
    return explored


def explore(
    module: ModuleOp,
    out: str | Path,
    *,
    calibration: NDArray[Any] | None = None,
    device: str = DEVICE,
    clock_mhz: float | None = None,
    kinds: Sequence[Xnor] = ("lut",),
    fps_from: float | None = None,
    fps_to: float | None = None,
    points: int = 12,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: Advance = lambda done, total: None,
    **options: Any,
) -> Exploration:
    """
    The frontier of a module at any stage on a device: the cheapest design of each of `points` rates between two rates
    in frames/s, for each kind of XNOR. The folder `out` keeps the points; the same call goes on where it was stopped.

    fps_from: by default that of a 48-bit word per cycle per binary unit; fps_to: the fastest there is. calibration and
    options: as of `lower`. jobs, scheduler, progress and errors: as of `explore_stream`.
    """
    goals = Goals(device=device, clock_mhz=clock_mhz)
    goals.check()
    check_folder(Path(out), goals)
    module = lower(module, "stream", calibration, **options)
    sweep = Sweep(kinds, fps_from, fps_to, points)
    return explore_stream(module, Path(out), goals, sweep, jobs, scheduler, progress)
