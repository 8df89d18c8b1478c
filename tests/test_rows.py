"""
Rows of numbers against plain arrays, and the analysis by rows against the one beat by beat.
"""

from itertools import product
from math import prod
from typing import Literal

import numpy as np
from beat_times import least_depths, simulate_beats
from hypothesis import given, settings
from hypothesis import strategies as st
from modules import Net, scheduled
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, StringAttr, i8
from xdsl.utils.exceptions import PassFailedException

from blendir import lower
from blendir.dialects import blend, stream
from blendir.dialects.blend import tensor_type
from blendir.dialects.stream import StreamType
from blendir.hardware.fifos import deadlock_free_depths
from blendir.hardware.rows import Marks, Rows, classes, latest
from blendir.hardware.timing import processes, run

Numbers = NDArray[np.int64]
Side = Literal["left", "right"]


@st.composite
def rising(draw: st.DrawFn, length: int | None = None, strict: bool = True) -> tuple[Rows, Numbers]:
    """
    Rising numbers from few shapes, and the same as an array.
    """
    length = draw(st.integers(1, 5)) if length is None else length
    step = st.integers(int(strict), 4)
    shapes = draw(st.lists(st.lists(step, min_size=length, max_size=length), min_size=1, max_size=3))
    kinds = draw(st.lists(st.integers(0, len(shapes) - 1), min_size=1, max_size=9))
    steps = np.concatenate([shapes[kind] for kind in kinds])
    numbers = draw(st.integers(-20, 20)) + np.cumsum(steps)
    table = numbers.reshape(-1, length)
    made = Rows.of(table, np.zeros(len(table), np.int64), np.arange(len(table)))
    assert np.array_equal(made.flat, numbers)
    return made, numbers


LIMITS = st.integers(-25, 120)


class TestRows:
    @given(rising(), LIMITS)
    def test_limits_shifts_and_mirrors(self, made: tuple[Rows, Numbers], limit: int) -> None:
        rows, numbers = made
        assert np.array_equal(rows.at_most(limit).flat, np.minimum(numbers, limit))
        assert np.array_equal(rows.moved(limit).flat, numbers + limit)
        assert np.array_equal(rows.mirrored().flat, -numbers[::-1])
        assert np.array_equal(rows.filled(limit).flat, np.full_like(numbers, limit))
        assert np.array_equal(rows.cut(rows.length).flat, numbers)
        assert np.array_equal(rows.index.flat, np.arange(len(numbers)))
        assert rows.top == numbers.max()

    @given(rising(), st.integers(0, 60))
    def test_delays(self, made: tuple[Rows, Numbers], count: int) -> None:
        rows, numbers = made
        expected = np.concatenate([np.full(count, -99), numbers])[: len(numbers)]
        assert np.array_equal(rows.delayed(count, -99).flat, expected)

    @given(st.data())
    def test_differences_and_highest(self, data: st.DataObject) -> None:
        rows, numbers = data.draw(rising())
        others, subtracted = data.draw(rising(rows.length))
        count = min(len(rows.base), len(others.base))
        a, b = (Rows(r.shapes, r.kind[:count], r.base[:count]) for r in (rows, others))
        total = numbers[: count * rows.length] - subtracted[: count * rows.length]
        assert np.array_equal(a.plus(b, -1).flat, total)
        assert np.array_equal(a.plus(b, -1).highest().flat, np.maximum.accumulate(np.maximum(total, 0)))
        assert a.same(b) == (not total.any())
        assert a.same(Rows.of(a.shapes[::-1], a.base, len(a.shapes) - 1 - a.kind))

    @given(rising(strict=False), rising(strict=False), st.sampled_from(["left", "right"]))
    def test_ranks(self, made: tuple[Rows, Numbers], others: tuple[Rows, Numbers], side: Side) -> None:
        expected: Numbers = np.searchsorted(made[1], others[1], side)
        assert np.array_equal(made[0].ranks(others[0], side).flat, expected)

    @given(st.data(), st.integers(-60, 0))
    def test_latest(self, data: st.DataObject, floor: int) -> None:
        queries, asked = data.draw(rising())
        expected: Numbers = np.full(len(asked), floor)
        sources: list[Marks] = []
        for _ in range(data.draw(st.integers(1, 2))):
            at, _ = data.draw(rising())
            values, kept = data.draw(rising(at.length, strict=False))
            count = min(len(at.base), len(values.base))
            at, values = (Rows(r.shapes, r.kind[:count], r.base[:count]) for r in (at, values))
            values = values.moved(max(0, floor - int(kept[0])))
            place = np.searchsorted(at.flat, asked, side="right") - 1
            expected = np.maximum(expected, np.where(place < 0, floor, values.flat[place]))
            sources.append(Marks(at, values))
        assert np.array_equal(latest(queries, sources, floor).flat, expected)

    @given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.data())
    def test_nests(self, rows: int, columns: int, length: int, frames: int, data: st.DataObject) -> None:
        """
        Loops that split at rows, and loops that do not.
        """
        count = rows * columns * length
        sizes = [n for n in product(range(1, count + 1), repeat=3) if prod(n) == count]
        loops = [(n, data.draw(st.integers(1, 50))) for n in data.draw(st.sampled_from(sizes))]
        made = Rows.nest(StreamType(rows, columns, length, i8), frames, 1000, 3, *loops)
        indices = product(range(frames), *(range(n) for n, _ in loops))
        steps = [1000, *(step for _, step in loops)]
        assert made.flat.tolist() == [3 + sum(map(int.__mul__, steps, index)) for index in indices]

    @given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 1 << 40]), st.sampled_from([0, 1 << 41]))))
    def test_classes(self, entries: list[tuple[int, int, int]]) -> None:
        columns = [np.array(column) for column in zip(*entries, strict=True)]
        if not columns:
            return
        first, kind = classes(columns, len(entries))
        assert [entries[first[k]] for k in kind] == entries
        assert len(first) == len(set(entries))


@st.composite
def graphs(draw: st.DrawFn) -> ModuleOp:
    """
    Scheduled networks of line buffers with skips, branches, strides and pools.
    """
    net = Net((draw(st.integers(1, 3)), draw(st.integers(3, 12)), draw(st.integers(3, 12))))
    z = net.input
    for _ in range(draw(st.integers(1, 3))):
        channels, *size = tensor_type(z).get_shape()[1:]
        choice = draw(st.sampled_from(["skip", "skip", "both", "both", "stride", "pool", "wide"]))
        if choice == "pool" and min(size) > 1:
            z = net.add(blend.MaxPool2dOp(z, (2, 2), (2, 2), (0, 0)))
            continue
        stride = 1 + (choice == "stride")
        outputs = draw(st.integers(1, 4)) if choice in ("stride", "wide") else channels
        kernel, pad = (1, draw(st.integers(0, 1))) if choice == "wide" else (3, 1)
        bits = net.random_bits(outputs, channels, kernel, kernel)
        y = net.norm(net.count(net.binary_conv(net.sign(z), bits, stride, pad)))
        if choice == "both":
            z = net.norm(net.count(net.binary_conv(net.sign(z), net.random_bits(outputs, channels, 1, 1))))
        z = net.add(blend.AddOp(y, z)) if choice in ("skip", "both") else y
    module = lower(net.module(z), "stream", net.rng.normal(size=(2, *tensor_type(net.input).get_shape()[1:])))
    try:
        module = scheduled(module, 340e6 / draw(st.sampled_from([40, 100, 150, 400, 1000])))
    except PassFailedException:
        module = scheduled(module)
    if draw(st.booleans()):
        for op in processes(module):
            if isinstance(op, stream.BinaryMvuOp):
                op.xnor = StringAttr("dsp")
    return module


def equal_to_beats(module: ModuleOp, frames: int, interval: int) -> None:
    """
    The times of all frames, what each FIFO holds, and the least depths.
    """
    found = processes(module)
    made, beats = run(found, frames, interval), simulate_beats(found, frames, interval)
    assert made.leaving.tolist() == beats.leaving(found, frames)
    for value, occupancy in made.occupancy.items():
        assert occupancy == beats.occupancy(value, (frames - 1) * interval)
    for op, (begin, end) in made.spans.items():
        frame = min(2, frames - 1)
        starts = [beats.read[v].reshape(frames, -1)[frame, 0] for v in op.inputs] or [frame * interval]
        assert begin == max(0, min(starts) - frame * interval)
        assert end == max(beats.landed[v].reshape(frames, -1)[frame, -1] for v in op.results) + 1 - frame * interval
    assert deadlock_free_depths(found) == least_depths(module)


@settings(max_examples=40)
@given(graphs(), st.integers(1, 6), st.integers(1, 1500))
def test_like_beat_by_beat(module: ModuleOp, frames: int, interval: int) -> None:
    """
    At any rate: idle, chained, and with frames that come faster than they are taken.
    """
    equal_to_beats(module, frames, interval)


def test_period_that_sets_in_late() -> None:
    """
    Frames come a little faster than they are taken, so that each one is later than the one before, and all are alike
    only in the last process.
    """
    net = Net((2, 24, 5))
    y = net.norm(net.count(net.binary_conv(net.sign(net.input), net.random_bits(2, 2, 3, 3), 1, 1)))
    module = scheduled(lower(net.module(net.add(blend.AddOp(y, net.input))), "stream", np.ones((2, 2, 24, 5))), 1e6)
    interval = max(run(processes(module), 4, 1).leaving[1:] - run(processes(module), 4, 1).leaving[:-1])
    equal_to_beats(module, 12, int(interval) - 7)
    equal_to_beats(module, 12, int(interval) + 1)


def test_branches() -> None:
    """
    What the line buffer of one branch waits for is written to the other one, whose units pass it on.
    """
    net = Net((2, 6, 5))
    branches = [net.binary_conv(net.sign(net.input), net.random_bits(2, 2, n, n), 1, n // 2) for n in (3, 1)]
    total = net.add(blend.AddOp(*(net.norm(net.count(v)) for v in branches)))
    module = lower(net.module(total), "stream", net.rng.normal(size=(2, 2, 6, 5)))
    equal_to_beats(scheduled(module), 5, 97)
