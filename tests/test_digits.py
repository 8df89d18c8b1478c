"""
A network trained here on handwritten digits, compiled: what the C++ recognizes, and that it is bit-exact.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from digits import accuracy, digits, train_digits
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

import blendir
from blendir.modules import read_module
from blendir.passes.stage import STAGES
from blendir.verification import verify

VERIFIED = 96


@contextmanager
def one_thread() -> Iterator[None]:
    """
    Tests run side by side: threads of theirs would only wait for each other.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Trained:
    """
    The design of a trained blendnet8, its stages, and the digits that it has not seen.
    """

    def __init__(self, folder: Path):
        with one_thread():
            model, self.x, self.y = train_digits(seed=0)
        seen = digits()[0]
        self.build = blendir.compile(model, folder, example=seen[:1], calibration=seen)
        self.stages: dict[str, ModuleOp] = {s: read_module(folder / "ir" / f"{s}.mlir") for s in STAGES}
        self.logits: NDArray[np.float64] = self.build.csim(self.x)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("digits") / "design")


def test_cpp_recognizes_digits(trained: Trained) -> None:
    assert len(trained.x) == 360
    assert accuracy(trained.logits, trained.y) >= 0.90


@pytest.mark.parametrize("stage", ["fixed", "packed", "stream"])
def test_cpp_equals_every_integer_stage(trained: Trained, stage: str) -> None:
    np.testing.assert_array_equal(blendir.run(trained.stages[stage], trained.x), trained.logits)


def test_fixed_point_costs_no_accuracy(trained: Trained) -> None:
    real = accuracy(blendir.run(trained.stages["imported"], trained.x), trained.y)
    assert accuracy(trained.logits, trained.y) >= real - 0.02


def test_every_layer_of_every_stage_is_equal(trained: Trained) -> None:
    outcome = verify(trained.build.path, trained.x[:VERIFIED])
    assert outcome.images == VERIFIED
    assert set(outcome.comparisons) == {"packed", "stream", "native", "C++"}
    assert outcome.first is None, str(outcome.first)
    assert outcome.mismatches == 0
    assert all(c.numbers > 1000 * VERIFIED and c.layers > 10 for c in outcome.comparisons.values())


def test_a_flipped_weight_is_found(trained: Trained, tmp_path: Path) -> None:
    """
    The verification names the first layer that differs.
    """
    sources = {p.relative_to(trained.build.path): p.read_bytes() for p in trained.build.path.rglob("*.*")}
    for name, content in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    weights = tmp_path / "src" / "weights.h"
    head, mark, tail = weights.read_text().partition("// blocks.1.conv\n")
    word = tail.index("0x")
    flipped = f"0x{int(tail[word + 2], 16) ^ 1:x}" + tail[word + 3 :]
    weights.write_text(head + mark + tail[:word] + flipped)
    outcome = verify(tmp_path, trained.x[:8])
    assert outcome.comparisons["stream"].mismatches == 0
    assert outcome.comparisons["C++"].mismatches > 0
    assert outcome.first is not None
    assert outcome.first.layer == "blocks.1.conv"
