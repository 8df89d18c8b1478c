"""
Training: phases, augmentation, resuming, and what is left when it fails.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import refused
from commands import run as command_line
from digits import digits
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from blendir.files import whole_file
from blendir.models import blendnet8, load_weights
from blendir.models.binary import BinaryConv2d, Shift, Sign, set_binary
from blendir.tools.cli import cli
from blendir.training.curve import series
from blendir.training.data import Images, crop_and_flip
from blendir.training.recipe import PRESETS, Phase, Recipe, two_stage
from blendir.training.run import Training, accuracy, describe, fresh, run
from blendir.training.task import Task, distillation_loss


def training(out: Path, epochs: tuple[int, int, int] = (1, 1, 1), images: int = 192, **changes: object) -> Training:
    """
    blendnet8 on the 8x8 digits, uncompiled.
    """
    x, y, x_test, y_test = digits()
    recipe = replace(two_stage("tiny", *epochs), batch=48, calibration=96)
    made = Training(
        blendnet8,
        Images(torch.from_numpy(x), torch.from_numpy(y)).first(images),
        Images(torch.from_numpy(x_test), torch.from_numpy(y_test)),
        recipe,
        out,
        augment=False,
        trainer={"accelerator": "cpu", "devices": 1},
        compiled=False,
        quiet=True,
    )
    return replace(made, **changes)


class Tiny(nn.Module):
    """
    A network that casts its pixels itself, as one's own networks do.
    """

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.sign, self.conv, self.fc = Sign(), BinaryConv2d(4, 4, 3, 1, 1), nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(self.sign(self.norm(self.stem(x.float() / 16)))).mean((2, 3)))


def digits_file(path: Path) -> Path:
    """
    The digits as an archive for the command line.
    """
    x, y, x_test, y_test = digits()
    np.savez(path, x_train=x[:192], y_train=y[:192], x_test=x_test, y_test=y_test)
    return path


def test_phases_end_in_a_network_that_evaluates_as_reported(tmp_path: Path):
    made = training(tmp_path / "run", (2, 2, 6), images=1437)
    result = run(made)
    assert list(result["phases"]) == ["teacher", "activations", "weights"]
    assert result["accuracy"] > 0.6
    assert json.loads((made.out / "result.json").read_text()) == result
    network = blendnet8()
    load_weights(network, made.out / "model.safetensors")
    assert accuracy(network, made.test) == result["accuracy"]
    before = blendnet8()
    load_weights(before, made.out / "weights" / "model.safetensors")
    assert accuracy(before, made.test) == result["phases"]["weights"]
    trained, last = load_file(made.out / "model.safetensors"), load_file(made.out / "weights" / "model.safetensors")
    changed = {key for key in trained if not torch.equal(trained[key], last[key])}
    assert changed
    assert all("running" in key or "num_batches" in key for key in changed)
    with Image.open(made.out / "curve.png") as picture:
        assert picture.size[0] > picture.size[1] > 400
    for name, epochs in (("teacher", 2), ("activations", 2), ("weights", 6)):
        assert sorted(series(made.out / name / "logs", "test_accuracy")) == list(range(epochs))


def test_networks_learn_in_training_mode_and_are_calibrated_in_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    modes: set[tuple[str, bool, bool | None]] = set()
    step = Task.training_step

    def watched(task: Task, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        found = {module.training for module in task.network.modules()}
        modes.update((task.phase.name, mode, task.teacher and task.teacher.training) for mode in found)
        return step(task, batch, index)

    monkeypatch.setattr(Task, "training_step", watched)
    made = training(tmp_path / "run", images=96, make=Tiny)
    assert run(made)["phases"].keys() == {"teacher", "activations", "weights"}
    assert modes == {("teacher", True, None), ("activations", True, False), ("weights", True, False)}


def test_weights_take_the_place_of_the_phase_with_real_weights(tmp_path: Path):
    made = training(tmp_path / "first")
    run(made)
    again = replace(made, out=tmp_path / "second")
    result = run(again, weights=made.out / "model.safetensors")
    assert list(result["phases"]) == ["teacher", "weights"]
    assert not (again.out / "activations").exists()


@pytest.mark.parametrize(("activations", "weights"), [(False, False), (True, False), (True, True)])
def test_set_binary_switches_signs_and_weights(activations: bool, weights: bool):
    network = blendnet8()
    set_binary(network, activations=activations, weights=weights)
    signs = [m for m in network.modules() if isinstance(m, Sign)]
    convolutions = [m for m in network.modules() if isinstance(m, BinaryConv2d)]
    assert len(signs) == len(convolutions) == 4
    x = torch.tensor([-0.5, 0.0, 2.0])
    for sign in signs:
        assert sign(x).tolist() == ([-1, 1, 1] if activations else x.tolist())
    layer = convolutions[0]
    taps = torch.zeros(1, layer.in_channels, 3, 3)
    taps[0, 0, 1, 1] = 1
    found = layer(taps)[0, :, 1, 1]
    plain = layer.weight[:, 0, 1, 1]
    scaled = torch.where(plain >= 0, 1.0, -1.0) * layer.weight.abs().mean(dim=(1, 2, 3))
    torch.testing.assert_close(found, scaled if weights else plain)


@given(st.integers(1, 5), st.integers(4, 17), st.integers(4, 17), st.integers(0, 1000))
def test_each_frame_is_moved_as_a_whole_and_perhaps_mirrored(count: int, height: int, width: int, seed: int):
    torch.manual_seed(seed)
    frames = torch.randint(1, 256, (count, 2, height, width), dtype=torch.uint8)
    moved = crop_and_flip(frames)
    down, right = height // 8, width // 8
    padded = np.pad(frames.numpy(), ((0, 0), (0, 0), (down, down), (right, right)), "reflect")
    for index in range(count):
        possible = {
            part.tobytes()
            for i in range(2 * down + 1)
            for j in range(2 * right + 1)
            for crop in [padded[index, :, i : i + height, j : j + width]]
            for part in (np.ascontiguousarray(crop), np.ascontiguousarray(crop[..., ::-1]))
        }
        assert moved[index].contiguous().numpy().tobytes() in possible


def test_every_move_occurs():
    torch.manual_seed(0)
    frame = torch.arange(1, 65, dtype=torch.uint8).reshape(1, 1, 8, 8)
    moved = crop_and_flip(frame.expand(500, 1, 8, 8))
    assert len({part.contiguous().numpy().tobytes() for part in moved}) == 3 * 3 * 2


@given(st.integers(1, 2000))
def test_the_rate_rises_to_its_peak_and_falls_to_nothing(steps: int):
    phase = Phase("weights", 1, 1e-3)
    scales = [phase.scale(step, steps) for step in range(steps)]
    peak = scales.index(max(scales))
    assert all(0 < scale <= 1 for scale in scales)
    assert peak <= steps / 20 + 1
    assert scales[: peak + 1] == sorted(scales[: peak + 1])
    assert scales[peak:] == sorted(scales[peak:], reverse=True)
    assert scales[-1] <= 2 / max(2, steps * 0.95 - 1)


def test_distillation_is_the_divergence_of_probabilities():
    scores, teacher = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    p, q = teacher.softmax(1), scores.softmax(1)
    torch.testing.assert_close(distillation_loss(scores, teacher), (p * (p / q).log()).sum(1).mean())
    assert float(distillation_loss(teacher, teacher)) == pytest.approx(0, abs=1e-12)


def test_a_part_of_the_images_has_all_classes():
    labels = torch.arange(10).repeat_interleave(50)
    part = Images(torch.zeros(500, 1, 2, 2), labels).first(40)
    assert part.labels.bincount().tolist() == [4] * 10


def test_presets_are_those_of_the_command_line():
    command = cli.commands["train"]
    choices = next(p.type.choices for p in command.params if p.name == "preset")
    assert set(choices) == set(PRESETS)


def test_a_training_resumes_after_a_kill(tmp_path: Path):
    out = tmp_path / "run"
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from test_training import training; from blendir.training.run import run;"
        "run(training(Path(sys.argv[2]), (1, 1, 500)), resume=False)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(Path(__file__).parent), str(out)])
    last = out / "weights" / "last.ckpt"
    while not last.exists():
        assert process.poll() is None, "the training ended before its first epoch"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    stopped_at = torch.load(last, weights_only=True)["epoch"]  # noqa: TID251  (its own file, arrays only)
    made = training(out, (1, 1, 500))
    with pytest.raises(ValueError, match="is not empty; --resume"):
        run(made)
    with pytest.raises(ValueError, match="other settings: seed"):
        run(replace(made, seed=1), resume=True)
    run(lengthened(made, stopped_at + 3), resume=True)
    epochs = series(out / "weights" / "logs", "test_accuracy")
    assert max(epochs) == stopped_at + 2
    second = series_of_last_run(out / "weights" / "logs")
    assert min(second) == stopped_at + 1


def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe = Recipe("tiny", (Phase("weights", 3, 1e-2),), batch=24, calibration=48)
    whole = training(tmp_path / "whole", images=96, make=Tiny, recipe=recipe, augment=True)
    result = run(whole)
    step = Task.training_step

    def stopped(task: Task, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        if task.current_epoch == 1:
            raise KeyboardInterrupt
        return step(task, batch, index)

    made = replace(whole, out=tmp_path / "stopped")
    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(Task, "training_step", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(made)
    signal.signal(signal.SIGINT, handler)  # Lightning leaves it ignored
    assert run(made, resume=True) == result
    first, second = (load_file(m.out / "model.safetensors") for m in (whole, made))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def lengthened(made: Training, epochs: int) -> Training:
    """
    The same with so many epochs in its last phase, as if it had been begun so.
    """
    phases = (*made.recipe.phases[:2], replace(made.recipe.phases[2], epochs=epochs))
    longer = replace(made, recipe=replace(made.recipe, phases=phases))
    (made.out / "recipe.json").write_text(json.dumps(describe(longer, None)))
    return longer


def series_of_last_run(logs: Path) -> dict[int, float]:
    """
    The epochs that the latest run has done.
    """
    runs = sorted(logs.iterdir())
    assert len(runs) == 2
    for path in runs[:-1]:
        path.rename(path.with_name("old"))
    return series(logs, "test_accuracy")


def test_nothing_is_lost_when_a_file_cannot_be_written(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match=r"intact.*model\.safetensors"), whole_file(path) as beside:
            beside.write_bytes(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_while_training_leaves_the_last_epoch(tmp_path: Path):
    made = training(tmp_path / "run", (1, 1, 1))
    run(made)
    last = made.out / "weights" / "last.ckpt"
    before = last.read_bytes()
    (made.out / "weights" / "model.safetensors").unlink()
    longer = lengthened(made, 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(OSError, match="what was there before is intact"):
            run(longer, resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert last.read_bytes() == before
    assert run(longer, resume=True)["accuracy"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["blendnet8", "--data", "nowhere"], "nowhere: no such file"),
        (["blendnet8", "--data", "DATA", "--resume"], "there is no training to resume here"),
        (["blendnet20", "--data", "DATA"], "holds 1x8x8 images, but blendnet20 takes 3x32x32"),
        (["blendnet8", "--data", "DATA", "--weights", "OTHER"], "has shape (16,), but the model has (32,)"),
        (["torch.nn:Flatten", "--data", "DATA"], "no binary layer"),
    ],
)
def test_bad_use_is_one_line(arguments: list[str], message: str, tmp_path: Path):
    files = {
        "DATA": str(digits_file(tmp_path / "digits.npz")),
        "OTHER": str(Path(__file__).parents[1] / "blendir/models/checkpoints/blendnet20-cifar10.safetensors"),
    }
    out = tmp_path / "out"
    refused(command_line("train", *(files.get(a, a) for a in arguments), "-o", str(out), "--no-compile"), message)
    assert not out.exists()


def test_the_command_line_trains(tmp_path: Path):
    data, out = digits_file(tmp_path / "digits.npz"), tmp_path / "out"
    command = ["train", "blendnet8", "--data", str(data), "--preset", "smoke", "-o", str(out)]
    command += ["--no-compile", "--no-augment", "--accelerator", "cpu", "--devices", "1", "--json"]
    found = command_line(*command)
    assert found.exit_code == 0, found.output
    result = json.loads(found.stdout)
    assert result["images"] == 360
    weights = str(out / "model.safetensors")
    evaluated = command_line("evaluate", "blendnet8", "--weights", weights, "--data", str(data), "--json", "-q")
    assert json.loads(evaluated.stdout)["accuracy"] == result["accuracy"]


def test_networks_of_the_zoo_begin_without_random_shifts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    begun: list[nn.Module] = []

    def begin(made: Training, **_: object) -> dict[str, object]:
        begun.append(fresh(made))
        return {}

    monkeypatch.setattr("blendir.tools.train.run", begin)
    monkeypatch.setattr("blendir.models.initialize.CALIBRATION_FRAMES", 2)
    frames, labels = np.zeros((2, 3, 32, 32), np.uint8), np.zeros(2, int)
    np.savez(tmp_path / "black.npz", x_train=frames, y_train=labels, x_test=frames, y_test=labels)
    found = command_line("train", "fracbnn20-1bit", "--data", str(tmp_path / "black.npz"), "-o", str(tmp_path / "out"))
    shifts = [module.bias for network in begun for module in network.modules() if isinstance(module, Shift)]
    assert shifts, found.output
    assert not any(bias.any() for bias in shifts)


def test_two_processes_train_one_network(tmp_path: Path):
    data, out = digits_file(tmp_path / "digits.npz"), tmp_path / "out"
    command = [sys.executable, "-m", "blendir.tools.cli", "train", "blendnet8", "--data", str(data), "-o", str(out)]
    command += ["--preset", "smoke", "--no-compile", "--accelerator", "cpu", "--devices", "2", "--json", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
    assert json.loads(done.stdout)["accuracy"] == json.loads((out / "result.json").read_text())["accuracy"]


def test_a_run_that_ended_in_its_first_epoch_has_no_curve(tmp_path: Path):
    for number, text in enumerate(("lr-Adam,step\n0.001,0\n", "epoch,step,test_accuracy\n0,9,0.5\n")):
        (tmp_path / f"run_{number}").mkdir()
        (tmp_path / f"run_{number}" / "metrics.csv").write_text(text)
    assert series(tmp_path, "test_accuracy") == {0: 0.5}
