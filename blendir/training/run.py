"""
Runs a training from its first phase to a checkpoint. It can be resumed after each epoch.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer, seed_everything
from pytorch_lightning.callbacks import LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only
from safetensors.torch import save
from torch import Tensor, nn

from blendir.files import whole_file
from blendir.models.binary import BinaryConv2d, BinaryLinear, set_binary
from blendir.models.checkpoint import load_weights
from blendir.models.initialize import measure_norms
from blendir.training.curve import plot
from blendir.training.data import Images
from blendir.training.files import WholeFiles
from blendir.training.recipe import Phase, Recipe
from blendir.training.task import Task

RECIPE, LAST, LOGS = "recipe.json", "last.ckpt", "logs"
WEIGHTS, RESULT, CURVE = "model.safetensors", "result.json", "curve.png"
EVALUATION_BATCH = 500


@dataclass(frozen=True)
class Training:
    """
    What is trained on what, and where it is kept.
    """

    make: Callable[[], nn.Module]
    """Makes the network; its parameters are drawn anew."""
    train: Images
    test: Images
    recipe: Recipe
    out: Path
    seed: int = 0
    augment: bool = True
    trainer: dict[str, Any] = field(default_factory=dict[str, Any])
    """Further arguments of Lightning's Trainer, such as devices and num_nodes."""
    compiled: bool = True
    """Whether torch.compile compiles the networks."""
    quiet: bool = False


def fresh(training: Training) -> nn.Module:
    """
    The network, with the initial parameters that PyTorch's layers draw.
    """
    seed_everything(training.seed, verbose=False)
    network = training.make()
    for module in network.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()
    if not any(isinstance(module, BinaryConv2d | BinaryLinear) for module in network.modules()):
        raise ValueError("this network has no binary layer of blendir.models.binary, so there is nothing to train")
    return network.float()


def save_weights(network: nn.Module, path: Path) -> None:
    """
    Write the parameters as safetensors.
    """
    tensors = {key: value.contiguous().cpu() for key, value in network.state_dict().items()}
    with whole_file(path) as beside:
        beside.write_bytes(save(tensors))


def write_json(path: Path, value: object) -> None:
    """
    Write a file that a person may read.
    """
    with whole_file(path) as beside:
        beside.write_text(json.dumps(value, indent=2) + "\n")


def describe(training: Training, weights: Path | None) -> dict[str, Any]:
    """
    The settings that must be the same to resume a training, as JSON values.
    """
    described = {"recipe": asdict(training.recipe), "seed": training.seed, "augment": training.augment}
    described |= {"images": len(training.train), "weights": None if weights is None else weights.name}
    described["scored"] = training.train.scores is not None
    return json.loads(json.dumps(described))


@rank_zero_only
def start(training: Training, weights: Path | None, resume: bool) -> None:
    """
    Makes the folder of a new training, or checks that the training to resume has the same settings.
    """
    described = describe(training, weights)
    path = training.out / RECIPE
    if not resume:
        if training.out.exists() and any(training.out.iterdir()):
            raise ValueError(f"{training.out}: is not empty; --resume goes on with it, or -o names another folder")
        write_json(path, described)
        return
    if not path.exists():
        raise ValueError(f"{training.out}: there is no training to resume here")
    found: dict[str, Any] = json.loads(path.read_text())
    if differing := [key for key in described if found.get(key) != described[key]]:
        raise ValueError(f"{path}: the training was begun with other settings: {', '.join(differing)}")


def fit(training: Training, network: nn.Module, teacher: nn.Module | None, phase: Phase) -> None:
    """
    Runs one phase and saves its result. An interrupted phase continues after its last complete epoch.
    """
    folder = training.out / phase.name
    train = training.train
    if teacher is not None and training.recipe.teach_once:
        train, teacher = replace(train, scores=teach(teacher, train, training.augment)), None
    elif not phase.distillation:
        train = replace(train, scores=None)
    task = Task(network, teacher, phase, train, training.test, training.recipe.batch, training.augment)
    last = folder / LAST
    run = f"run_{len(list(folder.glob(f'{LOGS}/*')))}"
    trainer = Trainer(
        max_epochs=phase.epochs,
        logger=[kind(folder, name=LOGS, version=run) for kind in (CSVLogger, TensorBoardLogger)],
        callbacks=[
            ModelCheckpoint(folder, filename=last.stem, enable_version_counter=False, save_on_train_epoch_end=True),
            LearningRateMonitor("epoch"),
        ],
        plugins=[WholeFiles()],
        precision="bf16-mixed",
        num_sanity_val_steps=0,
        check_val_every_n_epoch=training.recipe.evaluate_every,
        enable_model_summary=False,
        enable_progress_bar=not training.quiet,
        **training.trainer,
    )
    if training.compiled:
        on_gpu = trainer.strategy.root_device.type == "cuda"
        task.compile(mode="reduce-overhead" if on_gpu else None)  # CUDA graphs: a step is hundreds of short kernels
    try:
        trainer.fit(task, ckpt_path=str(last) if last.exists() else None, weights_only=True)
    except SystemExit:  # Lightning makes one of Ctrl-C
        raise KeyboardInterrupt from None
    if trainer.is_global_zero:
        save_weights(network, folder / WEIGHTS)
    trainer.strategy.barrier()


def accuracy(network: nn.Module, images: Images) -> float:
    """
    The share of images whose largest score belongs to their label, in float32.
    """
    right = 0
    network.eval()
    with torch.no_grad():
        for part in images.split(EVALUATION_BATCH):
            right += int((network(part.frames).argmax(1) == part.labels).sum())
    return right / len(images)


def teach(teacher: nn.Module, images: Images, mirrored: bool) -> Tensor:
    """
    The scores (N, classes) of a teacher: for each image, or for the image and its mirror image in the mean.
    """
    scores: list[Tensor] = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for part in images.split(EVALUATION_BATCH):
            frames = part.frames.contiguous(memory_format=torch.channels_last)
            views = (frames, frames.flip(3)) if mirrored else (frames,)
            scores.append(torch.stack([teacher.forward(view).float() for view in views]).mean(0))
    return torch.cat(scores)


def calibrate(training: Training, network: nn.Module) -> None:
    """
    Measures the batch norm statistics of the finished network again, on training images without augmentation. Their
    order is random, because batches of a single class would hide the variance between classes.
    """
    seed_everything(training.seed, verbose=False)
    order = torch.randperm(len(training.train))[: training.recipe.calibration]
    measure_norms(network, *training.train.frames[order].split(EVALUATION_BATCH), dtype=torch.float32)


def after(training: Training, phase: Phase) -> nn.Module:
    """
    The network at the end of a phase, as a new object: a compiled network would keep its compiled code.
    """
    network = fresh(training)
    load_weights(network, training.out / phase.name / WEIGHTS)
    set_binary(network, activations=phase.binary_activations, weights=phase.binary_weights)
    return network.eval()


def run(training: Training, *, weights: Path | None = None, resume: bool = False) -> dict[str, Any]:
    """
    Runs every phase of the recipe and returns the content of `result.json`: the accuracies on the test images.

    The folder receives one folder per phase (last.ckpt, logs for CSV and TensorBoard, model.safetensors). At the end it
    receives curve.png and model.safetensors, the trained network with its batch norm statistics measured again. With
    `weights`, the network starts from these weights, without a phase with real weights. Where the training images have
    scores, these stand for a teacher's, and none is trained. No phase stops early, and no epoch is chosen by its test
    accuracy: the last one counts.

    Raises ValueError if the folder holds something else.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    torch.set_float32_matmul_precision("high")
    network = fresh(training)
    if weights is not None:
        load_weights(network, weights)
    start(training, weights, resume)
    teacher: nn.Module | None = None
    result: dict[str, Any] = {"phases": {}}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning|torch")
        for phase in training.recipe.phases:
            real = not phase.binary_activations
            if training.train.scores is not None if real else weights is not None and not phase.binary_weights:
                continue
            if not (training.out / phase.name / WEIGHTS).exists():
                fit(training, fresh(training) if real else network, teacher if phase.distillation else None, phase)
            trained = after(training, phase)
            result["phases"][phase.name] = accuracy(trained, training.test)
            if real:
                teacher = trained
            else:
                network = trained
    finish(training, network, result)
    return result


@rank_zero_only
def finish(training: Training, network: nn.Module, result: dict[str, Any]) -> None:
    """
    Measures the batch norm statistics again, then writes the weights, the result and the curve.
    """
    calibrate(training, network)
    result["accuracy"] = accuracy(network, training.test)
    save_weights(network, training.out / WEIGHTS)
    write_json(training.out / RESULT, result)
    names = [phase.name for phase in training.recipe.phases if phase.name in result["phases"]]
    plot({name: training.out / name / LOGS for name in names}, training.out / CURVE)
