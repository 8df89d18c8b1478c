"""
FIFO depths: known answers, and the two depths of random graphs against a simulator of its own that moves one cycle at
a time with bounded FIFOs.
"""

import itertools
import re
import subprocess
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest
from modules import Net, parsed, reparsed, residual_network, scheduled
from networks import random_network
from token_simulator import UNBOUNDED, Cycle, Fifo, Outcome, Unit, play, play_units
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, ModuleOp, StringAttr, i64
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import PassFailedException, VerifyException

import blendir
from blendir import lower, pipeline
from blendir.backends.hls.cpp_names import CppDesign
from blendir.backends.hls.csim import Csim, CsimError
from blendir.dialects import blend, stream
from blendir.dialects.stream import StreamType
from blendir.hardware import fifos
from blendir.hardware.fifos import (
    Depths,
    deadlock_free_depths,
    fifo_storage,
    fifo_table,
    full_rate_depths,
    rounded_depth,
    size_fifos,
)
from blendir.hardware.kept import kept
from blendir.hardware.processes import process_of
from blendir.hardware.processes.base import regroup
from blendir.hardware.timing import (
    processes,
    run,
    run_full_rate,
    simulate,
)

LINE, DEPTH, PIXELS = 8, 30, 400


def skip_and_line_buffer(skip: int, latency: int, stops: bool) -> Outcome:
    """
    Pixels go to a FIFO of `skip` beats and to a line buffer of `LINE` columns with a pipeline; both meet again.
    """
    lag = LINE + 1
    kept, short, made, out = Fifo(skip), Fifo(2), Fifo(2), Fifo(UNBOUNDED)
    source: Iterator[Cycle] = itertools.repeat(((), (0, 1)), PIXELS)
    buffer: Iterator[Cycle] = itertools.chain(
        itertools.repeat(((0,), ()), lag),
        itertools.repeat(((0,), (0,)), PIXELS - lag),
        itertools.repeat(((), (0,)), lag),
    )
    units = [
        Unit(source, [], [kept, short]),
        Unit(buffer, [short], [made], latency, stops),
        Unit(itertools.repeat(((0, 1), (0,)), PIXELS), [kept, made], [out]),
    ]
    return play_units(units)


class TestSimulator:
    """
    The published answers for a line of W = 8 and a pipeline of D = 30.
    """

    @pytest.mark.parametrize("latency", [1, DEPTH])
    def test_flushing_pipelines_need_a_line_and_two_pixels(self, latency: int) -> None:
        assert skip_and_line_buffer(LINE + 2, latency, False).finished
        assert not skip_and_line_buffer(LINE + 1, latency, False).finished

    def test_stopping_pipelines_keep_their_results(self) -> None:
        assert skip_and_line_buffer(LINE + DEPTH + 2, DEPTH, True).finished
        assert not skip_and_line_buffer(LINE + DEPTH + 1, DEPTH, True).finished
        assert not skip_and_line_buffer(2 * LINE + 16, DEPTH, True).finished

    @pytest.mark.parametrize("stops", [False, True])
    def test_full_rate_covers_the_pipeline(self, stops: bool) -> None:
        for depth, smooth in ((LINE + DEPTH + 3, True), (LINE + DEPTH + 2, False)):
            leaving = skip_and_line_buffer(depth, DEPTH, stops).leaving
            assert (np.diff(leaving) == 1).all() == smooth


def skip_path(module: ModuleOp) -> SSAValue:
    """
    The stream from a fork to an addition.
    """
    sums = [op for op in processes(module) if isinstance(op, stream.AddOp)]
    (skip,) = [v for op in sums for v in (op.lhs, op.rhs) if isinstance(v.owner, stream.ForkOp)]
    return skip


def at_a_pixel_per_cycle(columns: int) -> ModuleOp:
    """
    A residual block of one channel whose processes are all busy in every cycle.
    """
    return scheduled(residual_network(4, columns, 1), 340e6 / (4 * columns))


def with_dsps(module: ModuleOp) -> ModuleOp:
    """
    The module with pipelines of style stp.
    """
    for op in processes(module):
        if isinstance(op, stream.BinaryMvuOp):
            op.xnor = StringAttr("dsp")
    assert any(process_of(op).uses_dsp_xnor for op in processes(module))
    size_fifos(module)
    return module


def test_an_analysis_is_made_again_only_after_a_change() -> None:
    made: list[str] = []
    module = at_a_pixel_per_cycle(5)
    found = processes(module)

    def changed(*written: str) -> bool:
        known = len(made)
        analyses[written](found)
        return len(made) > known

    analyses = {names: kept(*names)(lambda _: made.append("")) for names in ((), ("fifo_storage",))}
    assert changed()
    assert changed("fifo_storage")
    assert not changed()
    assert not changed("fifo_storage")
    writer = found[1]
    writer.fifo_depths = DenseArrayBase.from_list(i64, [77])
    assert not changed("fifo_storage")
    writer.fifo_storage = ArrayAttr([StringAttr("bram")])
    assert not changed()
    assert changed("fifo_storage")
    found[-2].attributes["xnor"] = StringAttr("dsp")
    assert changed()
    module = scheduled(residual_network(4, 5, 2))
    found = processes(module)
    assert changed()
    regroup(found[0].outputs[0], 3 - stream.stream_type(found[0].outputs[0]).group.data)
    assert changed()


class TestSkipPath:
    """
    The same answers of the passes: window p needs pixel p + W + 1, and the results of all pipelines are on their way.
    """

    @pytest.mark.parametrize("columns", [3, LINE])
    def test_depths(self, columns: int) -> None:
        module = at_a_pixel_per_cycle(columns)
        skip = skip_path(module)
        branch = ("stream.threshold", "stream.window", "stream.binary_mvu", "stream.piecewise_linear")
        latencies = [process_of(op).latency for op in processes(module) if op.name in branch]
        pipeline_depth = sum(latencies) + len(branch) - 1  # with the FIFOs between them as further stages
        assert deadlock_free_depths(processes(module))[skip] == columns + 2
        assert full_rate_depths(simulate(module))[skip] == columns + pipeline_depth + 3

    def test_xnors_in_dsps_keep_their_results(self) -> None:
        module = with_dsps(at_a_pixel_per_cycle(LINE))
        (unit,) = [op for op in processes(module) if isinstance(op, stream.BinaryMvuOp)]
        assert deadlock_free_depths(processes(module))[skip_path(module)] == LINE + process_of(unit).latency + 2

    def test_stopping_pipelines_like_the_cycles(self) -> None:
        module = with_dsps(scheduled(residual_network(3, 4, 8)))
        depths = {value: UNBOUNDED for value in deadlock_free_depths(processes(module))}
        assert play(module, 5, depths, 300).leaving == run(processes(module), 5, 300).leaving.tolist()

    def test_one_less_stops_or_slows_the_network(self) -> None:
        module = at_a_pixel_per_cycle(LINE)
        skip = skip_path(module)
        least, fast = deadlock_free_depths(processes(module))[skip], full_rate_depths(simulate(module))[skip]
        assert play(module, 4, {skip: least}).finished
        assert not play(module, 4, {skip: least - 1}).finished
        for depth, full in ((fast, True), (fast - 1, False)):
            leaving = play(module, 12, {skip: depth}, 4 * LINE).leaving
            assert (np.diff(leaving)[2:6] == 4 * LINE).all() == full


def strided(size: int, channels: int, outputs: int) -> ModuleOp:
    """
    A binary convolution of stride 2 and a mean; every process takes 1,024 cycles per frame.
    """
    net = Net((channels, size, size))
    v = net.binary_conv(net.sign(net.input), net.random_bits(outputs, channels, 3, 3), 2, 1)
    mean = net.add(blend.AvgPool2dOp(net.count(v), (size // 2,) * 2, (size // 2,) * 2, (0, 0), size * size // 4))
    module = lower(net.module(mean), "stream", net.rng.normal(size=(2, channels, size, size)))
    (window,) = [op for op in processes(module) if isinstance(op, stream.WindowOp)]
    regroup(window.result, 9 * channels)
    module.verify()
    size_fifos(module)
    return module


@pytest.mark.parametrize(("size", "channels", "outputs", "backlog"), [(32, 1, 4, 8), (16, 4, 16, 4)])
def test_windows_run_ahead_at_strides(size: int, channels: int, outputs: int, backlog: int) -> None:
    """
    Windows come in every second row only, a unit of fold 4 or 16 takes them evenly: published answers.
    """
    module = strided(size, channels, outputs)
    assert simulate(module).frame_interval == 1024
    (windows,) = [v for v in full_rate_depths(simulate(module)) if isinstance(v.owner, stream.WindowOp)]
    assert full_rate_depths(simulate(module))[windows] == backlog
    assert deadlock_free_depths(processes(module))[windows] == 2
    for depth, full in ((backlog, True), (backlog - 1, False)):
        leaving = play(module, 6, {windows: depth}, 1024).leaving
        assert (np.diff(leaving)[1:4] == 1024).all() == full


def random_graph(seed: int) -> ModuleOp:
    """
    A random network, scheduled so that its frames take few cycles.
    """
    network = random_network(seed)
    module = lower(blendir.from_torch(network.model, network.frames[:1]), "stream", network.frames.numpy())
    for cycles in (64, 256, 1024):
        try:
            return scheduled(module, 340e6 / cycles)
        except PassFailedException:
            continue
    return scheduled(module)


GRAPHS = {
    **{f"residual{shape}": shape for shape in [(4, 4, 1, 1), (5, 3, 2, 2), (3, 6, 3, 1), (6, 4, 1, 2)]},
    **{f"random{seed}": seed for seed in (1, 14, 28, 305)},
}


@pytest.fixture(scope="module", params=GRAPHS.values(), ids=list(GRAPHS))
def graph(request: pytest.FixtureRequest) -> ModuleOp:
    """
    A scheduled module.
    """
    return (
        random_graph(request.param) if isinstance(request.param, int) else scheduled(residual_network(*request.param))
    )


def table(module: ModuleOp) -> list[fifos.Fifo]:
    """
    The FIFOs of a module.
    """
    return fifo_table(module, simulate(module))


def both_depths(module: ModuleOp) -> tuple[Depths, Depths]:
    """
    The depths without deadlock and at the full rate.
    """
    least, fast = deadlock_free_depths(processes(module)), full_rate_depths(simulate(module))
    return least, {value: max(least[value], fast[value]) for value in least}


class TestGraphs:
    def test_no_deadlock_whatever_the_latencies(self, graph: ModuleOp) -> None:
        least, _ = both_depths(graph)
        random = Random(0)
        latencies = {op: random.randint(0, 14) for op in processes(graph)}
        stalls = [random.random() < 0.3 for _ in range(997)]
        assert play(graph, 4, least).finished
        assert play(graph, 4, least, latency=lambda op: latencies[op], stalls=lambda now: stalls[now % 997]).finished

    def test_one_less_ends_in_a_deadlock(self, graph: ModuleOp) -> None:
        least, _ = both_depths(graph)
        for value, depth in least.items():
            if depth > 2:
                assert not play(graph, 4, least | {value: depth - 1}, latency=lambda op: 0).finished

    def test_full_rate(self, graph: ModuleOp) -> None:
        """
        Nothing is held up before the last frame enters, and a source that sends what it can makes no frame later.
        """
        _, fast = both_depths(graph)
        interval = max(simulate(graph).cycles.values())
        frames = run_full_rate(processes(graph), interval)[1].frames
        outcome = play(graph, frames, fast, interval)
        steady = np.diff([at for at in outcome.leaving if at < (frames - 1) * interval])[2:]
        assert outcome.finished
        assert outcome.held >= (frames - 1) * interval
        assert (steady == interval).all()
        assert len(steady)
        eager = play(graph, frames, fast)
        assert all(early <= late for early, late in zip(eager.leaving, outcome.leaving, strict=True))

    def test_one_less_holds_something_up(self, graph: ModuleOp) -> None:
        least, fast = both_depths(graph)
        interval = max(simulate(graph).cycles.values())
        frames = run_full_rate(processes(graph), interval)[1].frames
        for value, depth in fast.items():
            if depth > least[value]:
                held = play(graph, frames, fast | {value: depth - 1}, interval).held
                assert held < (frames - 1) * interval

    def test_recurrences_like_the_cycles(self, graph: ModuleOp) -> None:
        interval = max(simulate(graph).cycles.values())
        depths = {v: UNBOUNDED for op in processes(graph) for v in op.results}
        for frames in (1, 5):
            assert (
                play(graph, frames, depths, interval).leaving
                == run(processes(graph), frames, interval).leaving.tolist()
            )

    def test_emitted_depths_hold_both(self, graph: ModuleOp) -> None:
        for fifo in table(graph):
            assert fifo.depth >= fifo.full_rate >= fifo.deadlock_free >= 2
            assert fifo.depth == rounded_depth(fifo.full_rate, fifo.storage)


def test_stopping_pipelines_in_random_graphs() -> None:
    module = with_dsps(random_graph(1))
    least, fast = both_depths(module)
    interval = max(simulate(module).cycles.values())
    assert play(module, 4, least).finished
    assert play(module, 8, fast, interval).held >= 7 * interval


STORAGE = [(16, 32, "srl"), (16, 512, "bram"), (36, 64, "srl"), (144, 512, "bram")]


@pytest.mark.parametrize(("bits", "depth", "storage"), STORAGE)
def test_storage_is_the_cheaper(bits: int, depth: int, storage: str) -> None:
    assert fifo_storage(StreamType(1, 1, bits // 4, blend.FixedType(4, 4), bits // 4), depth) == storage


@pytest.mark.parametrize(
    ("depth", "storage", "held"),
    [(2, "srl", 2), (3, "srl", 16), (16, "srl", 16), (17, "srl", 32), (33, "srl", 64), (40, "bram", 512)],
)
def test_depths_are_what_the_storage_holds(depth: int, storage: str, held: int) -> None:
    assert rounded_depth(depth, storage) == held


def test_block_ram_is_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Beats that are kept in block RAM wait for two further cycles.
    """
    module = at_a_pixel_per_cycle(LINE)
    skip = skip_path(module)
    before = full_rate_depths(simulate(module))
    monkeypatch.setattr(fifos, "fifo_storage", lambda kind, depth: "bram")
    size_fifos(module)
    after = full_rate_depths(simulate(module))
    assert after[skip] == before[skip] + 2 * 5  # five FIFOs from the fork to the sum
    assert play(module, 8, after, 4 * LINE).held >= 7 * 4 * LINE


def edited(module: ModuleOp, depths: list[int], storage: list[str]) -> ModuleOp:
    """
    A module through its text, with other FIFOs behind its fork.
    """
    (fork,) = [op for op in processes(module) if isinstance(op, stream.ForkOp)]
    fork.fifo_depths = DenseArrayBase.from_list(i64, depths)
    fork.fifo_storage = ArrayAttr(map(StringAttr, storage))
    return reparsed(module)


class TestBadInput:
    def test_unscheduled(self) -> None:
        with pytest.raises(ValueError, match=r"^input has no FIFO depths: schedule the module first$"):
            table(residual_network(4, 4, 1))

    @pytest.mark.parametrize(("depths", "storage"), [([9], ["srl"] * 2), ([9] * 2, ["srl"])])
    def test_depths_for_other_streams(self, depths: list[int], storage: list[str]) -> None:
        module = edited(scheduled(residual_network(4, 4, 1)), depths, storage)
        with pytest.raises(PassFailedException, match=r"do not fit its 2 streams; schedule again$"):
            pipeline.schedule(module)

    def test_too_shallow(self) -> None:
        module = scheduled(residual_network(4, 5, 1))
        (fork,) = [op for op in processes(module) if isinstance(op, stream.ForkOp)]
        depths = [7 if v is skip_path(module) else 2 for v in fork.copies]
        pipeline.schedule(edited(module, depths, ["srl"] * 2))
        shallow = edited(module, [d - (d > 2) for d in depths], ["srl"] * 2)
        with pytest.raises(PassFailedException, match=r"is 6 beats deep, which can end in a deadlock; it needs 7$"):
            pipeline.schedule(shallow)

    def test_a_circle(self) -> None:
        module = scheduled(residual_network(4, 4, 1))
        (total,) = [op for op in processes(module) if isinstance(op, stream.AddOp)]
        (sign,) = [op for op in processes(module) if isinstance(op, stream.ThresholdOp)]
        sign.operands[0] = total.results[0]
        with pytest.raises(ValueError, match=rf"^a cycle: {sign.layer_name} reads .* before it is made$"):
            table(module)

    def test_a_group_that_does_not_fit(self) -> None:
        module = scheduled(residual_network(4, 4, 4), 340e6 / 64)
        text = str(module)
        assert "!stream.stream<4, 4, 4, i1, 1>" in text
        with pytest.raises(VerifyException, match=r"group|processing elements"):
            parsed(text.replace("!stream.stream<4, 4, 4, i1, 1>", "!stream.stream<4, 4, 4, i1, 3>"))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> blendir.Build:
    """
    A design of two residual blocks.
    """
    return blendir.compile(residual_network(5, 6, 2, 2), tmp_path_factory.mktemp("bounded") / "design")


class TestBoundedSimulation:
    """
    The C++ with FIFOs of exactly the emitted depths.
    """

    def test_equals_the_interpreter(self, build: blendir.Build) -> None:
        x = np.random.default_rng(1).normal(size=(9, 2, 5, 6))
        assert np.array_equal(Csim(build.module, build.path, bounded=True)(x), blendir.run(build.module, x))
        done = subprocess.run(["make", "csim", "BOUNDED=1"], cwd=build.path, capture_output=True, text=True, check=True)
        (verdict,) = (line for line in done.stdout.splitlines() if line.startswith("csim:"))
        assert verdict.endswith("PASS")

    def test_has_the_depths_of_the_design(self, build: blendir.Build) -> None:
        top, bounded = ((build.path / name).read_text() for name in ("src/top.cpp", "tb/bounded.cpp"))
        pragmas = re.findall(r"#pragma HLS stream variable=(\w+) depth=(\d+)", top)
        assert re.findall(r'> (\w+)\("\w+", (\d+)\);', bounded) == pragmas
        assert len(pragmas) == len(table(build.module))

    def test_names_a_fifo_that_is_too_shallow(self, build: blendir.Build) -> None:
        """
        The C++ reads and writes one stream after another, so that it may get along with two beats less.
        """
        least = deadlock_free_depths(processes(build.module))
        skip, depth = next((value, depth) for value, depth in least.items() if depth > 5)
        name = CppDesign(build.module).streams[skip]
        source = build.path / "tb" / "bounded.cpp"
        text = source.read_text()
        shallow = re.sub(rf'{name}\("{name}", \d+\)', f'{name}("{name}", {depth - 3})', text)
        assert shallow != text
        source.write_text(shallow)
        message = f"status 3: blendir: deadlock: process '\\w+' waits to write FIFO '{name}', which is full"
        with pytest.raises(CsimError, match=rf"{message} \(depth {depth - 3}\)$"):
            Csim(build.module, build.path, bounded=True)(np.zeros((5, 2, 5, 6)))
        source.write_text(text)
