"""
Sizes and operations of the BlendNet paper's networks: true counts, and the paper's own conventions of counting.
"""

import warnings
from dataclasses import replace

import pytest
from scripts import load_benchmark
from torch_counts import torch_counts

import blendir
from blendir.models import ZOO
from blendir.models.entry import ZooEntry
from blendir.models.mixer import Mixer
from blendir.tools.counts import Counts, count

paper = load_benchmark("paper_tables")
ROWS = {row.name: row for row in paper.ROWS}
SIZES = {
    "mlpmixer-s4": (0, 75_891_968),
    "binarymixer-s4": (75_497_472, 394_496),
    "blendmixer-s4": (75_497_472, 394_496),
    "mlpmixer-b4": (0, 255_395_712),
    "binarymixer-b4": (254_803_968, 591_744),
    "blendmixer-b4": (254_803_968, 591_744),
    "blendmixer-2s4": (301_989_888, 788_992),
    "blendmixer-2s4-bb-fpb": (167_772_160, 135_006_720),
    "blendmixer-2s4-bb-bfp": (167_772_160, 135_006_720),
    "blendmixer-2s4-fpb-bb": (285_212_672, 17_566_208),
    "blendmixer-2s4-bfp-bb": (285_212_672, 17_566_208),
}
"""BMAC and FPMAC with the 64 patches that an image has, by hand."""
SIZE_2S4 = [name for name in ROWS if name.startswith("blendmixer-2s4")]


def counted(entry: ZooEntry) -> Counts:
    """
    The counts of our IR.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no calibration data")
        return count(blendir.lower(blendir.from_torch(entry.random(), entry.example()), "packed"))


@pytest.mark.parametrize("name", SIZES)
def test_true_counts(name: str) -> None:
    found = torch_counts(ZOO[name])
    assert (found.bmac, found.fpmac) == paper.true_macs(ROWS[name]) == SIZES[name]
    assert found.binary_weights == paper.split(ROWS[name], 64)[0]


@pytest.mark.parametrize("name", ["blendmixer-2s4-bfp-bb", "blendmixer-2s4-bb-fpb", "mlpmixer-s4"])
def test_the_ir_has_the_true_counts(name: str) -> None:
    """
    Of a narrow network of the same kind, whose formula is that of the full one.
    """
    full = ROWS[name]
    made = ZOO[name].make()
    assert isinstance(made, Mixer)
    config = replace(made.config, image=(3, 8, 12), channels=10, token_hidden=7, channel_hidden=9, layers=1)
    found = counted(ZooEntry(name, lambda: Mixer(config), config.image, 255, ""))
    narrow = replace(full, config=config)
    assert (found.bmac, found.fpmac) == paper.true_macs(narrow)
    assert found.binary_weight_bits == paper.split(narrow, 6)[0]


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("figure", ["size", "fpmac", "bmac"])
def test_conventions_of_the_paper(name: str, figure: str) -> None:
    """
    Each printed figure is what its convention gives, rounded or cut off. A few are no convention's, neither with the
    patches of an image nor with as many as the paper seems to count.
    """
    row, printed = ROWS[name], getattr(ROWS[name], figure)
    value = paper.conventions(row)[figure]
    if (name, figure) not in paper.NOT_REPRODUCED:
        assert paper.prints_as(value, printed)
        return
    others = [paper.paper_size(row, tokens, norms) for tokens in (64, 96) for norms in (False, True)]
    true = [sum(SIZES[name]) / 1e8, SIZES[name][1] / 1e8]
    assert not any(paper.prints_as(v, printed) for v in [value, *(others if figure == "size" else true)])
    assert 0 < abs(value - float(printed)) < {"size": 0.02, "fpmac": 0.002}[figure]


def test_what_the_conventions_get_wrong() -> None:
    """
    Replacing binary layers by fixed-point ones keeps the number of multiplications; the paper's figures do not.
    """
    assert len({sum(SIZES[name]) for name in SIZE_2S4}) == 1
    printed = {float(ROWS[name].bmac) + float(ROWS[name].fpmac) for name in SIZE_2S4}
    assert max(printed) > 1.7 * min(printed)


@pytest.mark.parametrize(("name", "bits"), [("blendnet20", 325_536), ("neuroblend18", 14_586_432)])
def test_bits_of_weights(name: str, bits: int) -> None:
    """
    The paper prints neither; it says that BlendNet-20 is as large as FracBNN, whose weights, counted alike, are 281,088
    bits and a classifier of 650 numbers.
    """
    found = torch_counts(ZOO[name])
    assert found.binary_weights + 16 * found.other_parameters == bits
    assert 325_536 > 1.1 * (281_088 + 16 * 650)
