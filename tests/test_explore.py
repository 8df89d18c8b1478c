"""
`blendir explore`: the points of a frontier, made side by side, kept, and never made twice.
"""

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from commands import refused, run
from modules import residual_network
from xdsl.dialects.builtin import ModuleOp

import blendir
from blendir import exploration
from blendir.design_point import Point, design_point
from blendir.exploration import Sweep
from blendir.exploration import explore_stream as explored
from blendir.frontier import dominates, undominated
from blendir.hardware.goals import Goals
from blendir.models.zoo import entry

SETTINGS = Goals(device="xcvu9p", clock_mhz=340.0)
SWEEP = Sweep(("lut",), 340e3, 3.4e6, 3)
RATES = ["--fps-from", "340e3", "--fps-to", "3.4e6"]


class Inline(Executor):
    """
    Does everything at once, and counts.
    """

    def __init__(self, fails: BaseException | None = None):
        self.count, self.fails = 0, fails

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.count += 1
        future: Future[Any] = Future()
        if self.fails is not None:
            future.set_exception(self.fails)
        else:
            future.set_result(fn(*args, **kwargs))
        return future


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> Inline:
    """
    What makes points instead of other processes.
    """
    made = Inline()

    @contextmanager
    def workers(jobs: int | None, scheduler: str | None) -> Generator[Executor]:
        yield made

    monkeypatch.setattr(exploration, "workers", workers)
    return made


@pytest.fixture(scope="module")
def module() -> ModuleOp:
    """
    A residual block at [stream], of 64 cycles per frame at the least.
    """
    return residual_network(4, 4, 4)


@pytest.fixture
def net(module: ModuleOp, tmp_path: Path) -> Path:
    """
    A file with the module.
    """
    path = tmp_path / "net.mlir"
    path.write_text(f"{module!s}\n")
    return path


@pytest.fixture(scope="module")
def blendnet8() -> ModuleOp:
    """
    The small network of the zoo at [stream].
    """
    zoo = entry("blendnet8")
    example = zoo.example().numpy()
    return blendir.lower(blendir.from_torch(zoo.load(), example), "stream", example)


def contents(out: Path) -> dict[str, tuple[bytes, int]]:
    """
    Every file with its time of change.
    """
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted((out / "points").iterdir())}


class TestPoint:
    def test_is_what_compile_makes(self, blendnet8: ModuleOp, tmp_path: Path) -> None:
        point = design_point(blendnet8, 2000, Goals(clock_mhz=200.0, xnor="dsp", device="xczu7ev"))
        build = blendir.compile(blendnet8, tmp_path / "d", target="xczu7ev", clock_mhz=200.0, cycles=2000, xnor="dsp")
        report = build.report
        assert point.cycles == report["frame_interval_cycles"] <= point.cycles_asked == 2000
        assert point.fps == report["fps"] == 200e6 / point.cycles
        assert (point.latency_cycles, point.latency_us) == (
            report["first_frame_latency_cycles"],
            pytest.approx(report["latency_us"]),
        )
        assert {kind: getattr(point, kind) for kind in report["resources"]} == report["resources"]
        assert point.fifo_bits == sum(row["width"] * row["depth"] for row in report["fifos"])
        assert point.bottleneck == report["bottleneck"]

    def test_leaves_the_module_alone(self, module: ModuleOp) -> None:
        before = str(module)
        design_point(module, 300, Goals(device="xcvu9p"))
        assert str(module) == before


class TestFrontier:
    def test_by_hand(self) -> None:
        base = Point("lut", 100, 100, 10.0, 1, 1.0, 5, 50, 1, 5, 0, 1, "a")
        worse = replace(base, lut=60)
        faster = replace(base, fps=11.0, dsp=6)
        better = replace(base, fps=12.0, dsp=6)
        assert undominated([better, worse, base, faster]) == [base, better]
        assert not dominates(base, replace(base, ff=0))

    def test_nothing_on_it_is_beaten(self, blendnet8: ModuleOp, tmp_path: Path, inline: Inline) -> None:
        """
        From point to point the rate grows, and so does what at least one kind of resource costs.
        """
        found = explored(blendnet8, tmp_path / "e", SETTINGS, Sweep(("lut", "dsp"), 20e3, 600e3, 3))
        assert inline.count == len(found.points) == 6
        assert all(a.fps <= b.fps for a, b in pairwise(found.frontier))
        for a, b in pairwise(found.frontier):
            assert (a.fps, a.dsp, a.lut, a.bram18) == (b.fps, b.dsp, b.lut, b.bram18) or (
                a.dsp < b.dsp or a.lut < b.lut or a.bram18 < b.bram18
            )
        for point in found.points:
            beaten = any(
                o.fps >= point.fps and o.dsp <= point.dsp and o.lut <= point.lut and o.bram18 <= point.bram18
                for o in found.points
                if (o.fps, o.dsp, o.lut, o.bram18) != (point.fps, point.dsp, point.lut, point.bram18)
            )
            assert (point in found.frontier) != beaten
        lut = [p for p in found.points if p.xnor == "lut"]
        assert [p.cycles_asked for p in lut] == sorted((p.cycles_asked for p in lut), reverse=True)
        assert all(p.cycles <= p.cycles_asked for p in lut)

    def test_rates(self, blendnet8: ModuleOp) -> None:
        """
        1,000 and 100 cycles at 340 MHz; their geometric mean is 316.2.
        """
        assert SWEEP.rates(blendnet8, 340.0) == [("lut", 1000), ("lut", 316), ("lut", 100)]
        free = [cycles for _, cycles in Sweep(("lut",)).rates(blendnet8, 340.0)]
        assert 2 < len(free) <= 12
        slowest, fastest = (design_point(blendnet8, cycles, Goals(device="xcvu9p")) for cycles in (free[0], free[-1]))
        assert slowest.lut < fastest.lut
        assert "too few" in exploration.outcome_of(f"{blendnet8!s}", "x", ("lut", free[-1] - 1), SETTINGS)["failed"]


class TestFolder:
    def test_goes_on_after_a_kill(self, net: Path, module: ModuleOp, tmp_path: Path, inline: Inline) -> None:
        out = tmp_path / "e"
        main = [sys.executable, "-m", "blendir.tools.cli", "explore", str(net), "-o", str(out), *RATES]
        running = subprocess.Popen([*main, "--points", "9", "--jobs", "1", "-q"])
        while not list((out / "points").glob("*.json")) and running.poll() is None:
            time.sleep(0.01)
        children = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive
        before = contents(out)
        assert 1 <= len(before) < 9
        found = explored(module, out, SETTINGS, replace(SWEEP, count=9))
        assert inline.count == 9 - len(before)
        assert len(found.points) == 9
        assert contents(out).items() >= before.items()
        whole = explored(module, tmp_path / "whole", SETTINGS, replace(SWEEP, count=9))
        assert whole == found

    def test_nothing_is_made_twice(self, module: ModuleOp, tmp_path: Path, inline: Inline) -> None:
        first = explored(module, tmp_path / "e", SETTINGS, SWEEP)
        table, before = (tmp_path / "e" / "frontier.csv").read_bytes(), contents(tmp_path / "e")
        assert explored(module, tmp_path / "e", SETTINGS, SWEEP) == first
        assert (inline.count, contents(tmp_path / "e"), (tmp_path / "e" / "frontier.csv").read_bytes()) == (
            3,
            before,
            table,
        )
        more = explored(module, tmp_path / "e", SETTINGS, Sweep(("dsp",), 340e3, 340e3, 1))
        assert inline.count == 4
        assert {(p.xnor, p.cycles_asked) for p in more.points} == {
            ("dsp", 1000),
            *((p.xnor, p.cycles_asked) for p in first.points),
        }

    def test_a_scheduled_module_is_explored_like_a_fresh_one(
        self, module: ModuleOp, tmp_path: Path, inline: Inline
    ) -> None:
        build = blendir.compile(module, tmp_path / "design")
        fresh, again = (explored(m, tmp_path / str(i), SETTINGS, SWEEP) for i, m in enumerate((module, build.module)))
        assert fresh == again

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            (Goals(device="xck26", clock_mhz=340.0), "--device xcvu9p, not xck26"),
            (Goals(device="xcvu9p", clock_mhz=9.0), "--clock-mhz 340.0, not 9.0"),
        ],
    )
    def test_other_settings(
        self, module: ModuleOp, tmp_path: Path, inline: Inline, settings: Goals, words: str
    ) -> None:
        explored(module, tmp_path / "e", SETTINGS, replace(SWEEP, count=1))
        with pytest.raises(ValueError, match=rf"holds points of {words}; give a new folder$"):
            explored(module, tmp_path / "e", settings, SWEEP)

    def test_another_module(self, module: ModuleOp, tmp_path: Path, inline: Inline) -> None:
        explored(module, tmp_path / "e", SETTINGS, replace(SWEEP, count=1))
        before = contents(tmp_path / "e")
        with pytest.raises(ValueError, match=r"of another module .*model, weights, calibration or options differ"):
            explored(residual_network(4, 4, 2), tmp_path / "e", SETTINGS, SWEEP)
        assert contents(tmp_path / "e") == before

    def test_a_broken_point_is_named(self, module: ModuleOp, tmp_path: Path, inline: Inline) -> None:
        explored(module, tmp_path / "e", SETTINGS, replace(SWEEP, count=1))
        (path,) = (tmp_path / "e" / "points").iterdir()
        path.write_text("{}")
        with pytest.raises(ValueError, match=rf"^{path} is not a point of this blendir: delete it to make it again$"):
            explored(module, tmp_path / "e", SETTINGS, SWEEP)

    def test_a_worker_that_dies_keeps_nothing(self, module: ModuleOp, tmp_path: Path, inline: Inline) -> None:
        inline.fails = MemoryError("no more")
        found = explored(module, tmp_path / "e", SETTINGS, SWEEP)
        assert set(found.broken.values()) == {"MemoryError: no more"}
        assert (len(found.broken), found.points, found.failed) == (3, [], {})
        inline.fails = None
        assert len(explored(module, tmp_path / "e", SETTINGS, SWEEP).points) == 3

    def test_table(self, module: ModuleOp, tmp_path: Path, inline: Inline) -> None:
        found = explored(module, tmp_path / "e", SETTINGS, SWEEP)
        with (tmp_path / "e" / "frontier.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == [*(field.name for field in fields(Point)), "frontier"]
        for row, point in zip(rows, found.points, strict=True):
            assert {name: row[name] for name in asdict(point)} == {n: str(v) for n, v in asdict(point).items()}
            assert row["frontier"] == str(int(point in found.frontier))


class TestCommand:
    def test_explores(self, net: Path, tmp_path: Path, inline: Inline) -> None:
        done = run("explore", str(net), "-o", str(tmp_path / "e"), *RATES, "--points", "2", "--xnor", "both", "--json")
        assert done.exit_code == 0
        found = json.loads(done.stdout)
        assert [(p["xnor"], p["cycles_asked"]) for p in found["points"]] == [
            (xnor, cycles) for xnor in ("dsp", "lut") for cycles in (1000, 100)
        ]
        assert any(p["frontier"] for p in found["points"])
        assert (tmp_path / "e" / "frontier.png").read_bytes().startswith(b"\x89PNG")
        shown = run("explore", str(net), "-o", str(tmp_path / "e"), *RATES, "--points", "2")
        assert inline.count == 4
        assert "FIFO bits" in shown.stdout

    def test_a_rate_without_a_design_is_a_line(self, net: Path, tmp_path: Path, inline: Inline) -> None:
        out = tmp_path / "e"
        for _ in range(2):
            done = run("explore", str(net), "-o", str(out), "--fps-from", "340e3", "--fps-to", "1e8", "--points", "2")
            (line,) = done.stderr.splitlines()
            assert line.startswith("lut, 3 cycles per frame: 3 cycles per frame are too few, but ")
            assert done.exit_code == 0
        assert inline.count == 2
        alone = run(
            "explore", str(net), "-o", str(tmp_path / "f"), "--fps-from", "1e8", "--fps-to", "1e8", "--points", "1"
        )
        assert alone.exit_code == 1
        assert alone.stderr.splitlines()[-1].endswith("there is no design at any of the rates")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--device", "xc1"], "unknown target xc1"),
            (["--device", "xc1", "--clock-mhz", "9"], "unknown target xc1"),
            (["--clock-mhz", "1e9"], "1 to 891 MHz"),
            (["--fps-from", "9", "--fps-to", "8"], "--fps-from 9 is above --fps-to 8"),
            (["--jobs", "2", "--scheduler", "tcp://127.0.0.1:9"], "--jobs is for this machine"),
            (["--points", "0"], "--points"),
            (["--option", "quantize.bits=8"], "options of quantize come too late"),
        ],
    )
    def test_bad_use(self, net: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
        done = run("explore", str(net), "-o", str(tmp_path / "e"), *arguments)
        refused(done, words)
        assert not (tmp_path / "e").exists()

    def test_a_folder_of_something_else(self, net: Path) -> None:
        done = run("explore", str(net), "-o", str(net.parent))
        assert "holds something else (no settings.json of blendir explore)" in done.stderr
        assert list(net.parent.iterdir()) == [net]

    def test_no_dsps_for_xnors(self, net: Path, tmp_path: Path, inline: Inline) -> None:
        done = run(
            "explore",
            str(net),
            "-o",
            str(tmp_path / "e"),
            *RATES,
            "--points",
            "1",
            "--xnor",
            "dsp",
            "--device",
            "xc7z020",
        )
        assert "xc7z020 has no DSP48E2, which XNORs in DSPs need; use --xnor lut or another device" in done.stderr


class TestWorkers:
    def test_processes_and_a_cluster_make_the_same(self, module: ModuleOp, tmp_path: Path) -> None:
        distributed = pytest.importorskip("distributed")
        local = explored(module, tmp_path / "local", SETTINGS, SWEEP, jobs=2)
        with distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster:
            assert explored(module, tmp_path / "cluster", SETTINGS, SWEEP, scheduler=cluster.scheduler_address) == local

    def test_no_scheduler(self, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "distributed", None)
        done = run("explore", str(net), "-o", str(tmp_path / "e"), "--scheduler", "tcp://127.0.0.1:9")
        refused(done, "pip install 'blendir[cluster]'")
