"""
The search for a layout: against all layouts of small networks one by one, and what `schedule` promises of its result.
"""

import itertools
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modules import reparsed, residual_network, run_pass
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from blendir.backends.hls.cpp_names import CppDesign
from blendir.backends.hls.print_cpp import top_text
from blendir.dialects import stream
from blendir.dialects.blend.base import i64_attr
from blendir.dialects.stream import ProcessOp, stream_type
from blendir.hardware.apply import apply, build, unschedule, used_by
from blendir.hardware.bottleneck import bottleneck
from blendir.hardware.foldings import BUDGETED, choices, window_before
from blendir.hardware.processes import process_of
from blendir.hardware.schedule import SchedulePass
from blendir.hardware.search import WEIGHTS, Solution, Space, cheapest, fastest_cycles, first, layouts
from blendir.hardware.timing import cycles_per_frame, processes, simulate
from blendir.pipeline import schedule


def interval(module: ModuleOp) -> int:
    return max(map(cycles_per_frame, processes(module)))


def scheduled(module: ModuleOp, **goals: object) -> ModuleOp:
    return run_pass(module, SchedulePass(**goals))  # pyright: ignore[reportArgumentType]


def thinned(space: Space, count: int) -> Space:
    """
    The same space with so many choices per process, spread over all of them.
    """
    kept = {op: made[:: max(1, len(made) // count)][:count] for op, made in space.choices.items()}
    return Space(kept, space.edges)


def every_layout(space: Space) -> Iterator[tuple[int, tuple[int, ...]]]:
    """
    Cycles and cost of every combination of choices whose ends can be joined.
    """
    ops = list(space.choices)
    for combination in itertools.product(*space.choices.values()):
        chosen = dict(zip(ops, combination, strict=True))
        met = [pairs.get((chosen[a].writes, chosen[b].reads)) for a, b, pairs in space.edges]
        if all(pair is not None for pair in met):
            parts = [*combination, *(pair for pair in met if pair is not None)]
            cost = tuple(sum(part.cost[i] for part in parts) for i in range(len(BUDGETED)))
            yield max(part.cycles for part in parts), cost


def weight(cost: tuple[int, ...]) -> int:
    return sum(w * c for w, c in zip(WEIGHTS, cost, strict=True))


@pytest.fixture(scope="module")
def small() -> tuple[Space, list[tuple[int, tuple[int, ...]]]]:
    space = thinned(layouts(processes(residual_network(3, 3, 6)), "auto"), 4)
    found = list(every_layout(space))
    assert len({cost for _, cost in found}) > 100
    return space, found


class TestSearch:
    def test_the_cheapest_of_all(self, small: tuple[Space, list[tuple[int, tuple[int, ...]]]]) -> None:
        space, found = small
        for cycles in sorted({cycles for cycles, _ in found}):
            best = cheapest(space, cycles, {})
            assert best is not None
            least = min(weight(cost) for made, cost in found if made <= cycles)
            assert weight(tuple(best.cost[kind] for kind in BUDGETED)) == least
        assert cheapest(space, min(cycles for cycles, _ in found) - 1, {}) is None

    @pytest.mark.parametrize("kind", BUDGETED)
    def test_the_fastest_within_a_bound(
        self, small: tuple[Space, list[tuple[int, tuple[int, ...]]]], kind: str
    ) -> None:
        space, found = small
        index = BUDGETED.index(kind)
        amounts = sorted({cost[index] for _, cost in found})
        for limit in {amounts[0], amounts[len(amounts) // 3], amounts[-1]}:
            least = min(made for made, cost in found if cost[index] <= limit)
            assert fastest_cycles(space, {kind: limit}) == least
        assert fastest_cycles(space, {kind: amounts[0] - 1}) is None

    def test_bounds_together(self, small: tuple[Space, list[tuple[int, tuple[int, ...]]]]) -> None:
        space, found = small
        middle = {k: sorted(cost[i] for _, cost in found)[len(found) // 4] for i, k in enumerate(BUDGETED)}
        fitting = [made for made, cost in found if all(c <= middle[k] for k, c in zip(BUDGETED, cost, strict=True))]
        assert fastest_cycles(space, middle) == min(fitting, default=None)


@given(st.integers(0, 300), st.integers(0, 300))
def test_first_tries_few_and_the_first_ones_first(count: int, answer: int) -> None:
    tried: list[int] = []

    def fits(index: int) -> bool:
        tried.append(index)
        return index >= answer

    assert first(count, fits) == (answer if answer < count else None)
    assert len(set(tried)) == len(tried) <= 2 * count.bit_length()
    assert max(tried, default=0) <= min(max(count - 1, 0), 2 * answer)


class TestLayouts:
    """
    What a choice says is what the process takes once it is made.
    """

    @pytest.mark.parametrize(("channels", "xnor"), [(3, "lut"), (16, "dsp"), (20, "auto")])
    def test_cycles_of_every_choice(self, channels: int, xnor: str) -> None:
        module = residual_network(3, 4, channels)
        units = [op for op in processes(module) if not isinstance(op, stream.WindowOp)]
        first = {op: choices(op, "lut") for op in units}
        for op in units[:-1]:
            window = window_before(op)
            for choice in choices(op, xnor)[::3]:
                chosen = {other: made[0] for other, made in first.items()} | {op: choice}
                if window is not None:
                    assert isinstance(window.input.owner, ProcessOp)
                    maker = window.input.owner
                    chosen[maker] = next(c for c in first[maker] if c.writes == choice.reads)
                apply(Solution(chosen, 0, {}))
                assert process_of(op).folding == choice.folding
                busy = [cycles_per_frame(part) for part in (op, window) if part is not None]
                assert max(busy) == choice.cycles
                unschedule(module)

    def test_the_made_design_costs_what_the_search_says_and_its_fifos(self) -> None:
        module = residual_network(4, 4, 8)
        space = layouts(processes(module), "lut")
        layout = cheapest(space, 512, {})
        assert layout is not None
        used = build(module, layout)
        assert interval(module) <= 512
        assert used["dsp"] == layout.cost["dsp"]
        assert abs(used["lut"] - layout.cost["lut"]) < 200

    def test_dsps_take_whole_words(self) -> None:
        for op in processes(residual_network(3, 3, 20)):
            if isinstance(op, stream.BinaryMvuOp):
                kinds = {(c.folding.reads % 48 == 0, c.folding.xnor) for c in choices(op, "auto")}
                assert (False, "dsp") not in kinds
                assert {(True, "dsp"), (False, "lut")} <= kinds


class TestGoals:
    @pytest.mark.parametrize("cycles", [48, 100, 250, 1000])
    def test_no_process_is_slower_than_asked(self, cycles: int) -> None:
        module = scheduled(residual_network(4, 4, 3), cycles=cycles)
        assert interval(module) <= cycles
        assert simulate(module).frame_interval <= cycles

    def test_slower_is_not_dearer(self) -> None:
        space = layouts(processes(residual_network(4, 4, 8)), "lut")
        costs = [weight(tuple(best.cost.values())) for c in space.candidates if (best := cheapest(space, c, {}))]
        assert len(costs) > 3
        assert costs == sorted(costs, reverse=True)

    def test_fps_is_cycles_at_the_clock(self) -> None:
        module = residual_network(4, 4, 8)
        assert str(scheduled(module, fps=1e5, clock_mhz=50.0)) == str(scheduled(module, cycles=500))

    def test_the_same_twice(self) -> None:
        module = residual_network(4, 4, 8, 2)
        assert str(scheduled(module, lut=3000)) == str(scheduled(module, lut=3000))

    @pytest.mark.parametrize("bound", [{"lut": 2400}, {"dsp": 3}, {"lut": 3500, "bram": 0}, {"dsp": 2, "lut": 9000}])
    def test_bounds_hold_with_fifos(self, bound: dict[str, int]) -> None:
        module = scheduled(residual_network(4, 4, 8, 2), **bound)
        used = used_by(module)
        assert all(used[{"bram": "bram18"}.get(kind, kind)] <= limit for kind, limit in bound.items())

    def test_more_room_is_not_slower(self) -> None:
        module = residual_network(4, 4, 48)
        found = [interval(scheduled(module, lut=lut)) for lut in (1500, 2000, 4000, 9000)]
        assert found == sorted(found, reverse=True)
        assert found[0] > found[-1] == 768

    def test_a_rate_within_bounds(self) -> None:
        module = residual_network(4, 4, 48)
        free = used_by(scheduled(module, cycles=10000))
        assert free["bram18"] > 0
        bound = scheduled(module, cycles=10000, bram=0)
        assert used_by(bound)["bram18"] == 0
        assert used_by(bound)["lut"] > free["lut"]
        assert interval(bound) <= 10000

    @pytest.mark.parametrize("kind", ["lut", "dsp"])
    def test_the_smallest_bound_is_named_and_works(self, kind: str) -> None:
        module = residual_network(4, 4, 8, 2)
        with pytest.raises(PassFailedException, match=r"^no design has at most \d+ \w+: the smallest needs") as info:
            scheduled(module, **{kind: 1})
        least = int(re.findall(r"\d+", str(info.value))[-1])
        assert used_by(scheduled(module, **{kind: least}))[kind] <= least

    def test_a_rate_that_breaks_a_bound(self) -> None:
        module = residual_network(4, 4, 48)
        with pytest.raises(PassFailedException, match=r"^no design of 768 cycles per frame has at most 1500 LUT: the"):
            scheduled(module, cycles=768, lut=1500)

    def test_unreachable_cycles_name_the_slowest(self) -> None:
        """
        64 numbers leave one per cycle.
        """
        with pytest.raises(
            PassFailedException, match=r"^5 cycles per frame are too few, but output needs 64; the fast"
        ):
            scheduled(residual_network(4, 4, 4), cycles=5)

    @pytest.mark.parametrize(
        ("goals", "message"),
        [
            ({"fps": 9.0, "cycles": 9}, "fps and cycles both set the rate; give one of them"),
            ({"preset": "paper", "lut": 9}, "a preset sets the parallelism; give it without"),
            ({"xnor": "dps"}, "unknown xnor dps; there are lut, dsp and auto"),
            ({"preset": "poster"}, "unknown preset poster; there is: paper"),
            ({"lut": -1}, "-1 LUT: bounds should not be negative"),
            ({"fps": 0.0}, "should be positive"),
        ],
    )
    def test_contradictions(self, goals: dict[str, object], message: str) -> None:
        with pytest.raises(PassFailedException, match=message):
            scheduled(residual_network(3, 3, 2), **goals)


class TestKinds:
    def test_auto_takes_dsps_for_room_only(self) -> None:
        """
        Of four rows with weights from a memory, DSPs save LUTs but are not worth it.
        """
        unit = next(op for op in processes(residual_network(4, 4, 48)) if isinstance(op, stream.BinaryMvuOp))
        rows = [c for c in choices(unit, "auto") if c.writes == 4 and c.folding.reads == 432 and c.reads == 48]
        assert min(rows, key=lambda c: weight(c.cost)).folding.xnor == "lut"
        assert min(rows, key=lambda c: c.cost[BUDGETED.index("lut")]).folding.xnor == "dsp"
        assert {c.cost[0] for c in rows} == {0, 4 * 9}

    def test_paper(self) -> None:
        """
        Binary units 48 wide, 16 of everything that fixed-point and binary units share.
        """
        module = scheduled(residual_network(4, 4, 64), preset="paper")
        for op in processes(module):
            if isinstance(op, stream.BinaryMvuOp):
                assert (op.simd, op.pe) == (48, 16)
            elif isinstance(op, stream.ElementwiseOp | stream.ForkOp):
                assert stream_type(op.results[0]).group.data == 16

    def test_weights_in_block_ram_are_printed(self) -> None:
        module = scheduled(residual_network(4, 4, 48), cycles=10000)
        text = top_text(CppDesign(module))
        kept = [op for op in processes(module) if isinstance(op, stream.MvuOp)]
        assert {op.weight_storage.data for op in kept if op.weight_storage is not None} == {"bram"}
        assert len(re.findall(r"#pragma HLS bind_storage variable=\w+_weights type=rom_1p impl=bram", text)) == 1


class TestStaticSchedule:
    def test_intervals_and_starts(self) -> None:
        """
        Nothing reads before what it reads was begun, and the slowest interval is that of the design.
        """
        module = scheduled(residual_network(5, 4, 4, 2), cycles=200)
        found = processes(module)
        assert all(op.interval is not None and op.start is not None and op.latency is not None for op in found)
        assert max(op.interval.value.data for op in found if op.interval) == simulate(module).frame_interval
        starts = {op: op.start.value.data for op in found if op.start is not None}
        assert starts[found[0]] == 0
        for op in found:
            for value in op.operands:
                if isinstance(value.owner, ProcessOp):
                    assert starts[op] > starts[value.owner]

    @pytest.mark.parametrize(
        ("name", "less", "reason"),
        [
            ("start", 1, r"start is (\d+), but its first input can be read in cycle {}"),
            ("interval", 1, r"interval is (\d+), but a frame keeps it busy for {} cycles"),
            ("latency", -3, r"latency is (\d+), but {} is assumed of stream.binary_mvu"),
        ],
    )
    def test_a_schedule_that_the_processes_contradict(self, name: str, less: int, reason: str) -> None:
        module = scheduled(residual_network(4, 5, 2))
        schedule(module.clone())
        unit = next(op for op in processes(module) if isinstance(op, stream.BinaryMvuOp))
        cycles = unit.attributes[name].value.data  # pyright: ignore[reportAttributeAccessIssue]
        unit.attributes[name] = i64_attr(cycles - less)
        message = f"^{re.escape(unit.layer_name)}: {reason.format(cycles)}; schedule again$"
        with pytest.raises(PassFailedException, match=message) as info:
            schedule(reparsed(module))
        assert re.search(message, str(info.value))[1] == str(cycles - less)  # pyright: ignore[reportOptionalSubscript]

    def test_a_schedule_that_is_not_whole(self) -> None:
        module = scheduled(residual_network(4, 5, 2))
        del processes(module)[2].attributes["start"]
        with pytest.raises(PassFailedException, match=r": start is missing, but its first input can be read in cycle"):
            schedule(module)

    def test_no_start_is_before_the_inputs_can_be_there(self) -> None:
        """
        At a pixel per cycle: the pipeline before, its FIFO, and for a line buffer a line and the pixel after the next.
        """
        module = scheduled(residual_network(4, 5, 1), cycles=20)
        starts = {op.name: op.start.value.data for op in processes(module) if op.start is not None}
        (latency,) = {op.latency.value.data for op in processes(module) if op.name == "stream.window" and op.latency}
        assert starts["stream.binary_mvu"] - starts["stream.window"] == 5 + 1 + latency + 1


class TestBottleneck:
    def test_the_slowest_and_its_next_step(self) -> None:
        module = scheduled(residual_network(4, 4, 48), cycles=10000)
        found = bottleneck(module)
        slowest = next(op for op in processes(module) if op.layer_name == found.layer)
        assert found.cycles == cycles_per_frame(slowest) == interval(module)
        assert found.faster is not None
        assert found.faster < found.cycles
        assert found.cost["lut"] > 0
        faster = scheduled(residual_network(4, 4, 48), cycles=found.faster)
        assert interval(faster) == found.faster

    def test_nothing_is_faster_than_one_word_per_cycle(self) -> None:
        module = scheduled(residual_network(4, 4, 4), cycles=64)
        assert bottleneck(module).faster is None or bottleneck(module).layer != "output"
