"""
Narrow Real-to-Binary networks through every stage and the C++.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from agreement import check_cpp, imported, lowered

from blendir.models.entry import ZooEntry
from blendir.models.realtobinary import BASELINE18, REALTOBINARY18, RealToBinaryConfig, RealToBinaryNet


def narrow(config: RealToBinaryConfig) -> ZooEntry:
    config = replace(config, image=(3, 8, 8), widths=(4, 6), convs_per_stage=1)
    return ZooEntry("narrow", lambda: RealToBinaryNet(config), config.image, 255, "")


@pytest.mark.parametrize("config", [BASELINE18, replace(REALTOBINARY18, squeeze=2)], ids=["baseline", "gated"])
def test_every_stage_and_the_cpp_agree(config: RealToBinaryConfig, tmp_path: Path) -> None:
    entry = narrow(config)
    frames = entry.example(4)
    stages = lowered(imported(entry.random(), frames), frames)
    check_cpp(stages, frames, tmp_path)
