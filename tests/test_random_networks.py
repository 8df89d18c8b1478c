"""
Random networks through every stage, and a smaller number through g++.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from agreement import assert_equal
from extras import rare_network
from stage_checks import check, joined

import blendir
from blendir.backends.hls.csim import Csim
from blendir.interpreter import run_module
from blendir.verification import tensor_trace

NETWORKS = 200
THROUGH_CPP = 12


@pytest.mark.parametrize("seed", range(NETWORKS))
def test_stages_agree(seed: int) -> None:
    check(rare_network(seed), seed)


@pytest.mark.parametrize("seed", range(NETWORKS, NETWORKS + THROUGH_CPP))
def test_cpp_agrees(seed: int, tmp_path: Path) -> None:
    network = rare_network(seed)
    x, checked = network.frames.numpy(), check(network, seed)
    build = blendir.compile(checked.scheduled, tmp_path / "design")
    (tmp_path / "trace").mkdir()
    csim = Csim(build.module, build.path, tmp_path / "trace")
    reference, output = tensor_trace(checked.stages["fixed"], x)
    trace, y = csim.trace(x)
    assert_equal(reference, trace, checked.stages["fixed"], "C++")
    np.testing.assert_array_equal(joined(y), joined(output))
    np.testing.assert_array_equal(joined(y), joined(run_module(build.module, x)))
    np.testing.assert_array_equal(joined(csim.integers(x, batch=4)), joined(csim.integers(x)))


def test_networks_have_every_feature() -> None:
    """
    What the networks are meant to vary occurs, 19 in 20 kinds of it at least four times.
    """
    found = Counter(feature for seed in range(NETWORKS) for feature in rare_network(seed).features)
    assert len(found) >= 150
    assert sum(count < 4 for count in found.values()) <= len(found) / 20
