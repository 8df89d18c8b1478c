"""
What a step of training sees: batches in the memory of the device, a teacher's scores, exact binary values.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import refused
from commands import run as command_line
from hypothesis import given
from hypothesis import strategies as st
from test_training import digits_file, training
from torch import Tensor

from blendir.models import blendnet8
from blendir.models.binary import Sign, binary_weight
from blendir.training.data import Batches, Images
from blendir.training.run import run, teach
from blendir.training.task import Task, distillation_loss


def test_a_temperature_softens_both_sides_and_keeps_the_size_of_gradients():
    scores, teacher = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    p, q = (teacher / 3).softmax(1), (scores / 3).softmax(1)
    torch.testing.assert_close(distillation_loss(scores, teacher, 3.0), 9 * (p * (p / q).log()).sum(1).mean())


@given(st.integers(1, 40), st.integers(1, 50), st.integers(1, 3), st.booleans())
def test_the_processes_share_an_epoch(count: int, size: int, ranks: int, scored: bool):
    index = torch.arange(count)
    images = Images(index.view(-1, 1, 1, 1), index, index.view(-1, 1).float() if scored else None)
    seen: list[int] = []
    for rank in range(min(ranks, count)):
        torch.manual_seed(1)
        shuffled = Batches(images, size, True, rank, ranks)
        batches = list(shuffled)
        assert len(batches) == len(shuffled) > 0
        assert len({len(labels) for _, labels, _ in batches}) == 1
        for frames, labels, scores in batches:
            assert frames.flatten().tolist() == labels.tolist()
            assert scores.flatten().tolist() == (labels.tolist() if scored else [])
        seen += [int(label) for _, labels, _ in batches for label in labels]
        whole = list(ordered := Batches(images, size, False, rank, ranks))
        assert len(whole) == len(ordered)
        assert [int(label) for _, labels, _ in whole for label in labels] == list(range(rank, count, ranks))
    assert len(seen) == len(set(seen))
    assert count - len(seen) < min(ranks, count) * size


def test_given_scores_stand_for_a_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = training(tmp_path / "run", images=96)
    step, taught = Task.training_step, list[Tensor]()

    def watched(task: Task, batch: tuple[Tensor, Tensor, Tensor], index: int) -> Tensor:
        assert task.teacher is None
        taught.append(batch[2])
        return step(task, batch, index)

    monkeypatch.setattr(Task, "training_step", watched)
    scores = torch.arange(960).view(96, 10).float()
    made = replace(made, train=replace(made.train, scores=scores))
    assert list(run(made)["phases"]) == ["activations", "weights"]
    for epoch in (taught[:2], taught[2:]):
        rows = torch.cat(epoch)
        assert not torch.equal(rows, scores)
        assert torch.equal(rows[rows[:, 0].argsort()], scores)


def test_a_teacher_scores_each_image_and_its_mirror_image():
    network = blendnet8()
    images = Images(torch.randint(0, 17, (7, 1, 8, 8)).float(), torch.zeros(7, dtype=torch.int64))
    mirrored = Images(images.frames.flip(3), images.labels)
    found = teach(network, images, mirrored=True)
    assert found.shape == (7, 10)
    assert torch.equal(found, teach(network, mirrored, mirrored=True))
    both = torch.stack([teach(network, x, mirrored=False) for x in (images, mirrored)])
    torch.testing.assert_close(found, both.mean(0))
    assert not torch.allclose(both[0], both[1])


def test_a_teacher_that_scores_once_is_not_in_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[tuple[str, bool, int]] = []
    step = Task.training_step

    def watched(task: Task, batch: tuple[Tensor, Tensor, Tensor], index: int) -> Tensor:
        seen.append((task.phase.name, task.teacher is None, batch[2].shape[1]))
        return step(task, batch, index)

    monkeypatch.setattr(Task, "training_step", watched)
    made = training(tmp_path / "run", images=48)
    run(replace(made, recipe=replace(made.recipe, teach_once=True, evaluate_every=2)))
    assert seen == [("teacher", True, 0), ("activations", True, 10), ("weights", True, 10)]
    assert (made.out / "weights" / "last.ckpt").exists()


def test_binary_values_are_exact_in_the_arithmetic_of_training():
    weight = torch.randn(8, 4, 3, 3, requires_grad=True)
    x = torch.randn(2, 4, 6, 6, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        signs, weights = Sign()(x.bfloat16()), binary_weight(weight, alpha=False).bfloat16()
    for values in (signs, weights):
        assert values.dtype == torch.bfloat16
        assert set(values.unique().tolist()) == {-1.0, 1.0}
    signs.sum().backward()
    weights.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, (2 - 2 * x.abs()).clamp(min=0), atol=2e-2, rtol=2e-2)
    assert weight.grad is not None
    assert torch.equal(weight.grad, (weight.abs() <= 1).float())


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((192, 9), np.float32), "shape [192, 9]"),
        (np.zeros((192, 10), np.int64), "holds int64"),
        (None, "not an .npy file"),
    ],
)
def test_scores_that_do_not_fit_are_refused(scores: np.ndarray | None, message: str, tmp_path: Path):
    data, path = digits_file(tmp_path / "digits.npz"), tmp_path / "scores.npy"
    path.write_bytes(b"no array") if scores is None else np.save(path, scores)
    arguments = ("blendnet8", "--data", str(data), "--scores", str(path), "-o", str(tmp_path / "out"))
    refused(command_line("train", *arguments, "--no-compile"), message)
