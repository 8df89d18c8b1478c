"""
Firing patterns and rates, against counts made by hand and the loops of the library.
"""

from collections.abc import Callable

import pytest
from modules import Net, residual_network, scheduled
from token_simulator import program
from xdsl.dialects.builtin import i8, i64
from xdsl.ir import Block
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import stream
from blendir.dialects.stream import StreamType
from blendir.hardware.goals import Goals
from blendir.hardware.processes import process_of
from blendir.hardware.timing import cycles_per_frame, processes, simulate
from blendir.pipeline import schedule


def line_buffer(rows: int, columns: int, stride: int, group: int = 1) -> stream.WindowOp:
    """
    A 3 x 3 window, padding 1, of pixels of one beat.
    """
    block = Block(arg_types=[StreamType(rows, columns, group, i8, group)])
    return stream.WindowOp(block.args[0], (3, 3), (stride, stride), (1, 1), group=9 * group)


def wide(
    kernel: tuple[int, int], strides: tuple[int, int], padding: tuple[int, ...], dilation: tuple[int, int] = (1, 1)
) -> stream.WindowOp:
    """
    Windows of frames of 4 x 5 pixels of two beats, in several beats each.
    """
    block = Block(arg_types=[StreamType(4, 5, 2, i8, 1)])
    made = stream.WindowOp(block.args[0], kernel, strides, padding, dilation, group=2)
    made.verify()
    return made


def pool(frames: tuple[int, int, int], result: tuple[int, int, int], group: int) -> stream.PoolOp:
    """
    A pool between frames of rows, columns and length.
    """
    block = Block(arg_types=[StreamType(*frames, i8, group)])
    taps = frames[0] * frames[1] * frames[2] // (result[0] * result[1] * result[2])
    made = stream.PoolOp(block.args[0], taps, stream.PoolKind.MAX, result, i8)
    made.verify()
    return made


OPS: list[Callable[[], stream.ProcessOp]] = [
    lambda: line_buffer(4, 4, 1),
    lambda: line_buffer(4, 4, 2),
    lambda: line_buffer(5, 7, 1),
    lambda: line_buffer(5, 7, 2),
    lambda: wide((3, 3), (1, 1), (2, 2, 2, 2)),
    lambda: wide((2, 2), (2, 2), (1, 1, 1, 1)),
    lambda: wide((4, 4), (2, 1), (0, 5, 3, 2), (2, 1)),
    lambda: wide((1, 1), (1, 1), (2, 1, 0, 3)),
    lambda: wide((1, 3), (1, 3), (0, 4, 0, 4), (1, 2)),
    lambda: pool((4, 6, 4), (2, 2, 4), 2),
    lambda: pool((3, 3, 2), (1, 1, 2), 1),
    lambda: pool((2, 3, 8), (2, 3, 2), 1),
]


class TestFirings:
    @pytest.mark.parametrize(("rows", "columns"), [(32, 32), (16, 16), (8, 8), (5, 7)])
    def test_window_lags_by_a_line_and_a_pixel(self, rows: int, columns: int) -> None:
        """
        One flat loop: frames * H * W + W + 1 slots, window p is written when pixel p + W + 1 is read.
        """
        pattern = process_of(line_buffer(rows, columns, 1)).firing(3)
        assert pattern.count == 3 * rows * columns + columns + 1
        assert pattern.reads[0].flat.tolist() == list(range(3 * rows * columns))
        assert pattern.writes[0].flat.tolist() == [p + columns + 1 for p in range(3 * rows * columns)]

    def test_strided_window_emits_on_odd_rows_and_columns(self) -> None:
        pattern = process_of(line_buffer(4, 4, 2)).firing(1)
        assert pattern.writes[0].flat.tolist() == [5, 7, 13, 15]
        assert pattern.count == 16

    @pytest.mark.parametrize("make", OPS)
    def test_patterns_like_the_loops(self, make: Callable[[], stream.ProcessOp]) -> None:
        op = make()
        cycles = list(program(op, 3))
        pattern = process_of(op).firing(3)
        assert len(cycles) == pattern.count
        for port, reads in enumerate(pattern.reads):
            assert [i for i, cycle in enumerate(cycles) if port in cycle[0]] == reads.flat.tolist()
        for port, writes in enumerate(pattern.writes):
            assert [i for i, cycle in enumerate(cycles) if port in cycle[1]] == writes.flat.tolist()

    @pytest.mark.parametrize(("rows", "columns", "group"), [(32, 32, 16), (16, 16, 2), (4, 6, 1)])
    def test_pools_side_by_side_take_a_cycle_per_beat(self, rows: int, columns: int, group: int) -> None:
        op = pool((rows, columns, 16), (rows // 2, columns // 2, 16), group)
        assert cycles_per_frame(op) == rows * columns * 16 // group
        first_row = process_of(op).firing(1).writes[0].flat[: columns // 2 * 16 // group]
        beats = 16 // group
        assert first_row.tolist() == [
            (columns + 2 * x + 1) * beats + beat for x in range(columns // 2) for beat in range(beats)
        ]


class TestRate:
    def test_higher_rates_need_fewer_cycles(self) -> None:
        module = residual_network(3, 3, 8)
        slow, fast = (scheduled(module, 340e6 / budget) for budget in (1000, 100))
        assert max(simulate(fast).cycles.values()) <= 100 < max(simulate(slow).cycles.values()) <= 1000

    def test_scheduling_again_at_another_rate(self) -> None:
        module = residual_network(3, 3, 8)
        again = scheduled(scheduled(module, 340e6 / 1000), 340e6 / 100)
        assert str(again) == str(scheduled(module, 340e6 / 100))

    def test_a_rate_that_cannot_be_reached(self) -> None:
        with pytest.raises(PassFailedException, match=r"frames per second leave 10 cycles .* needs \d+; the fastest"):
            scheduled(residual_network(4, 4, 4), 340e6 / 10)

    def test_the_library_schedules_once(self) -> None:
        module = residual_network(4, 4, 1)
        schedule(module)
        before = str(module)
        schedule(module)
        assert str(module) == before
        with pytest.raises(ValueError, match="already scheduled; give the rate when it is lowered"):
            schedule(module, Goals(100.0))


def test_i64_is_no_process() -> None:
    net = Net((2,))
    net.constant([1], i64)
    with pytest.raises(ValueError, match="not a process: the module is not at"):
        processes(net.module(net.norm(net.input)))
