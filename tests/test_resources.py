"""
Costs against counts made by hand, devices, and designs that do not fit.
"""

import importlib.util
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modules import residual_network, scheduled
from xdsl.utils.exceptions import PassFailedException

import blendir
from blendir import pipeline
from blendir.dialects import stream
from blendir.hardware import devices, primitives
from blendir.hardware.cost import PRICES, cost_of, price, process_cost, total_cost
from blendir.hardware.devices import KINDS, Device, device
from blendir.hardware.goals import Goals
from blendir.hardware.processes import process_of
from blendir.hardware.processes.base import Folding
from blendir.hardware.timing import cycles_per_frame, processes

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "resources" / "compare.py"
SMALL = st.integers(1, 600)


class TestLeaves:
    def test_popcount_is_groups_and_adders(self) -> None:
        """
        48 lanes: 8 groups of three LUTs, then 4 sums of 3 bits, 2 of 4 and 1 of 5.
        """
        assert primitives.popcount(48)["lut"] == 8 * 3 + 4 * 3 + 2 * 4 + 5
        assert primitives.popcount(48)["ff"] == 8 * 3 + 4 * 4 + 2 * 5 + 6

    def test_differences_count_two_digits_of_three_lanes(self) -> None:
        """
        144 lanes: 48 groups of two LUTs, two counts of 48, and their sum of 8 bits.
        """
        assert primitives.differences(144)["lut"] == 48 * 2 + 2 * 49 + 8

    @pytest.mark.parametrize(
        ("a", "b", "dsps"), [(18, 27, 1), (27, 18, 1), (19, 27, 2), (18, 28, 2), (27, 27, 2), (8, 16, 1), (35, 40, 4)]
    )
    def test_a_dsp_multiplies_27_by_18(self, a: int, b: int, dsps: int) -> None:
        assert primitives.multiplier(a, b) == dsps

    def test_every_second_dsp_adds(self) -> None:
        """
        27 products of 25 bits: 14 values of 26 bits leave the DSPs, and 7, 3, 2 and 1 sums remain.
        """
        cost = primitives.products(27, 9, 16)
        assert cost["dsp"] == 27
        assert cost["lut"] == 7 * 26 + 3 * 27 + 2 * 28 + 29
        assert primitives.products(1, 9, 16)["lut"] == 0

    @pytest.mark.parametrize(
        ("depth", "lut"),
        [(1, 0), (2, 0), (4, 0), (16, 50), (32, 50), (33, 100), (64, 100), (65, 200), (256, 400), (512, 1000)],
    )
    def test_a_lut_is_a_rom_of_64_bits(self, depth: int, lut: int) -> None:
        assert primitives.rom(depth, 100, "lutram")["lut"] == lut

    @pytest.mark.parametrize(
        ("depth", "width", "blocks"),
        [(1, 36, 0), (2, 36, 1), (512, 36, 1), (513, 36, 2), (512, 37, 2), (1024, 18, 1), (2049, 9, 2), (3000, 10, 3)],
    )
    def test_a_block_is_512_words_of_36_bits_or_more_of_fewer(self, depth: int, width: int, blocks: int) -> None:
        assert primitives.rom(depth, width, "bram")["bram18"] == blocks

    @pytest.mark.parametrize(("depth", "lut"), [(2, 8), (16, 8), (17, 16), (32, 16), (64, 32)])
    def test_a_lut_is_one_shift_register_of_32_or_two_of_16(self, depth: int, lut: int) -> None:
        assert primitives.fifo(16, depth, "srl")["lut"] - primitives.FIFO_CONTROL["lut"] == lut

    @pytest.mark.parametrize(("depth", "width", "lut"), [(32, 14, 8), (32, 15, 16), (33, 7, 8), (64, 32, 40)])
    def test_eight_luts_are_a_ram_of_32_words_of_14_bits_or_64_of_7(self, depth: int, width: int, lut: int) -> None:
        assert primitives.ram(depth, width)["lut"] == lut

    def test_short_delays_take_half_a_lut(self) -> None:
        """
        18 bits of a sum: held, chosen and added.
        """
        assert primitives.running_sum(18, 16)["lut"] == 9 + 18 + 18
        assert primitives.running_sum(18, 17)["lut"] == 3 * 18

    def test_fifos_in_memories(self) -> None:
        assert primitives.fifo(40, 600, "bram")["bram18"] == 3
        assert primitives.fifo(16, 600, "bram")["bram18"] == 1

    @pytest.mark.parametrize(
        "leaf",
        [
            primitives.popcount,
            primitives.differences,
            lambda n: primitives.rom(64, n, "lutram"),
            lambda n: primitives.rom(n, 100, "bram"),
            lambda n: primitives.fifo(n, 40, "srl"),
            lambda n: primitives.fifo(16, n, "srl"),
            lambda n: primitives.products(n, 9, 16),
            lambda n: primitives.ram(64, n),
            lambda n: primitives.window(n, 3, True),
        ],
    )
    @given(n=SMALL)
    def test_more_is_never_cheaper(self, leaf: Callable[[int], primitives.Cost], n: int) -> None:
        less, more = leaf(n), leaf(n + 1)
        assert all(less[kind] <= more[kind] for kind in KINDS)


@pytest.mark.parametrize("kernel", ["differences", "piecewise_linear", "residual"])
def test_leaves_are_what_yosys_finds(kernel: str) -> None:
    spec = importlib.util.spec_from_file_location("compare", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    benchmark: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    name, parameters, estimated = next(case for case in benchmark.cases() if case[0] == kernel)
    found = benchmark.synthesise(name, parameters)
    assert found["dsp"] == estimated["dsp"]
    assert abs(found["lut"] - estimated["lut"]) <= 0.1 * found["lut"]
    assert abs(found["ff"] - estimated["ff"]) <= 0.1 * found["ff"]


class TestProcesses:
    def test_a_matrix_vector_unit_is_its_rows(self) -> None:
        """
        144 lanes, 4 rows, weights of depth 4 in a few shared LUTs; twice the rows are twice the counts and sums.
        """
        unit = next(op for op in processes(residual_network(4, 4, 16)) if isinstance(op, stream.BinaryMvuOp))
        one, two = (process_cost(process_of(unit), Folding(144, pe))["lut"] for pe in (4, 8))
        row = primitives.differences(144) + primitives.accumulator(8, 9, 1)
        assert two - one >= 4 * row["lut"]

    def test_dsps_of_whole_words(self) -> None:
        unit = next(op for op in processes(residual_network(4, 4, 16)) if isinstance(op, stream.BinaryMvuOp))
        assert process_cost(process_of(unit), Folding(144, 2, "dsp"))["dsp"] == 2 * 3
        assert process_cost(process_of(unit), Folding(144, 2, "lut"))["dsp"] == 0

    def test_a_design_is_the_sum_of_its_processes(self) -> None:
        found = processes(scheduled(residual_network(4, 4, 4)))
        total = total_cost(map(cost_of, found))
        assert set(total) == set(KINDS)
        for kind in KINDS:
            assert total[kind] == sum(cost_of(op)[kind] for op in found)
        for process in map(process_of, found):
            assert cost_of(process.op)["lut"] >= process_cost(process, process.folding)["lut"]

    def test_prices_are_half_of_a_share(self) -> None:
        assert price({"lut": 7, "ff": 1000}) == 7
        assert PRICES["dsp"] == pytest.approx(1182240 / 6840 / 2)


class TestDevices:
    def test_targets(self) -> None:
        assert list(devices.devices()) == ["xcvu9p", "xcvu47p", "xcu250", "xck26", "xczu7ev", "xczu3eg", "xc7z020"]

    @pytest.mark.parametrize("target", devices.devices())
    def test_numbers(self, target: str) -> None:
        """
        Two flip-flops for each LUT in both families, and a source for everything.
        """
        found = device(target)
        assert found.ff == 2 * found.lut
        assert found.part.startswith(target.removeprefix("xcu250").removesuffix("ev"))
        assert min(found.dsp, found.bram18, found.slrs, found.clock_mhz) > 0
        assert found.clock_mhz < found.highest_mhz
        assert "AMD" in found.source
        assert found.dsp48e2 == (target != "xc7z020")

    def test_unknown_target(self) -> None:
        with pytest.raises(ValueError, match=r"unknown target xc1; the targets are xcvu9p, .*xc7z020"):
            device("xc1")

    def test_overflow_names_the_greatest_share(self) -> None:
        found = device("xc7z020")
        assert found.overflow({"dsp": 220, "lut": 53200}) is None
        assert found.overflow({"dsp": 230, "lut": 100000}) == "lut"
        assert found.overflow({"uram": 1}) == "uram"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """
    Adds a target `tiny` with that many LUTs and no block RAM.
    """

    def add(luts: int) -> None:
        known: dict[str, Device] = devices.devices() | {
            "tiny": replace(device("xczu3eg"), lut=luts, ff=2 * luts, bram18=0)
        }
        monkeypatch.setattr(devices, "devices", lambda: known)

    return add


class TestFit:
    """
    A network of 48 channels on 4 x 4 pixels: 768 cycles per frame at the least, 6,912 with a word per cycle.
    """

    def test_the_fastest_that_fits_is_named(self, tiny: Callable[[int], None]) -> None:
        module = residual_network(4, 4, 48)
        tiny(total_cost(map(cost_of, processes(scheduled(module, 340e6 / 1600))))["lut"])
        message = r"^tiny has \d+ LUT but the design needs \d+; the fastest that fits makes (\d+) frames per second$"
        with pytest.raises(PassFailedException, match=message) as info:
            pipeline.schedule(module.clone(), Goals(340e6 / 768, 340, device="tiny"))
        fastest = int(re.fullmatch(message, str(info.value))[1])  # pyright: ignore[reportOptionalSubscript]
        assert 340e6 / 10000 < fastest < 340e6 / 768
        pipeline.schedule(module, Goals(fastest, 340, device="tiny"))
        assert device("tiny").overflow(total_cost(map(cost_of, processes(module)))) is None

    def test_a_cheaper_design_of_the_same_rate_is_taken(self, tiny: Callable[[int], None]) -> None:
        module = residual_network(4, 4, 48)
        unbound = scheduled(module, 340e6 / 10000)
        assert any(cost_of(op)["bram18"] for op in processes(unbound))
        tiny(10000)
        pipeline.schedule(module, Goals(340e6 / 10000, 340, device="tiny"))
        assert not any(cost_of(op)["bram18"] for op in processes(module))
        assert max(map(cycles_per_frame, processes(module))) <= 10000

    def test_nothing_fits(self, tiny: Callable[[int], None]) -> None:
        tiny(10)
        with pytest.raises(PassFailedException, match="no design of this network fits, choose a larger device"):
            pipeline.schedule(residual_network(4, 4, 4), Goals(device="tiny"))

    def test_a_scheduled_module_is_left_alone(self, tiny: Callable[[int], None], tmp_path: Path) -> None:
        module = scheduled(residual_network(4, 4, 48), 340e6 / 768)
        before = str(module)
        tiny(1500)
        with pytest.raises(PassFailedException, match="tiny has"):
            blendir.compile(module, tmp_path / "design", target="tiny")
        assert str(module) == before
        assert not (tmp_path / "design").exists()
