"""
One phase of a training as PyTorch Lightning runs it.
"""

from __future__ import annotations

from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.nn import functional

from blendir.models.binary import set_binary
from blendir.training.data import Batch, Batches, Images, crop_and_flip
from blendir.training.recipe import Phase

RANDOM = "random"
"""
The key of the random generators' states in a checkpoint: a resumed training draws the same orders and moves of images
as an uninterrupted one.
"""


def distillation_loss(scores: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """
    The Kullback-Leibler divergence of the network's class probabilities from the teacher's, both at a temperature T,
    times T^2: the mean over N of scores (N, classes).
    """
    found, wanted = ((x / temperature).log_softmax(1) for x in (scores, teacher))
    return temperature**2 * functional.kl_div(found, wanted, reduction="batchmean", log_target=True)


class Task(LightningModule):
    """
    Trains `network`, whose scores are (N, classes), for one phase; `teacher` is not trained.
    """

    def __init__(
        self,
        network: nn.Module,
        teacher: nn.Module | None,
        phase: Phase,
        train: Images,
        test: Images,
        batch: int,
        augment: bool,
    ):
        super().__init__()
        set_binary(network, activations=phase.binary_activations, weights=phase.binary_weights)
        network.train()  # what a phase has left is in eval mode, and Lightning keeps the modes that it finds
        self.network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.teacher = teacher
        self.phase = phase
        self.images = {"train": train, "test": test}
        self.batch = batch
        self.augment = augment
        if teacher is not None:
            teacher.requires_grad_(False)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """
        Compiles the two networks in place. The keys of their parameters do not change.
        """
        for network in (self.network, self.teacher):
            if network is not None:
                network.compile(*args, **kwargs)

    def batches(self, split: str) -> Batches:
        """
        The images of a split, moved to the device once and not batch by batch.
        """
        images = self.images[split].to(self.device)
        return Batches(images, self.batch, split == "train", self.trainer.global_rank, self.trainer.world_size)

    def train_dataloader(self) -> Batches:
        return self.batches("train")

    def val_dataloader(self) -> Batches:
        return self.batches("test")

    def on_train_epoch_start(self) -> None:
        if self.teacher is not None:
            self.teacher.eval()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[RANDOM] = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        state, *of_devices = checkpoint[RANDOM]
        torch.set_rng_state(state)
        for device, of_device in zip(range(torch.cuda.device_count()), of_devices, strict=False):
            torch.cuda.set_rng_state(of_device, device)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        frames, labels, taught = batch
        if self.trainer.training and self.augment:
            frames = crop_and_flip(frames)
        return frames.contiguous(memory_format=torch.channels_last), labels, taught

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        frames, labels, taught = batch
        if frames.is_cuda:
            torch.compiler.cudagraph_mark_step_begin()  # the graphs of two networks share their memory within a step
        scores = self.network(frames).float()
        loss = functional.cross_entropy(scores, labels)
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        if self.teacher is not None:
            with torch.no_grad():
                taught = self.teacher(frames).float()
        if taught.shape[1]:
            loss = loss + self.phase.distillation * distillation_loss(scores, taught, self.phase.temperature)
        self.log("train_accuracy", (scores.argmax(1) == labels).float().mean(), on_epoch=True, on_step=False)
        return loss

    def on_train_epoch_end(self) -> None:
        if not self.trainer.callback_metrics["train_loss"].isfinite():
            where = f"phase {self.phase.name}, epoch {self.current_epoch + 1}"
            raise ValueError(f"{where}: the loss is no longer finite; a lower learning rate or more images may help")

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        frames, labels, _ = batch
        # not compiled: a few passes would not repay the compilation of another mode and of a smaller last batch
        right = (self.network.forward(frames).argmax(1) == labels).float().mean()
        self.log("test_accuracy", right, prog_bar=True, sync_dist=True, batch_size=len(labels))

    def configure_optimizers(self) -> Any:
        phase, parameters = self.phase, self.network.parameters()
        if phase.momentum is None:
            optimizer = torch.optim.Adam(parameters, phase.rate, weight_decay=phase.weight_decay, fused=True)
        else:
            optimizer = torch.optim.SGD(
                parameters, phase.rate, phase.momentum, weight_decay=phase.weight_decay, nesterov=True
            )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: phase.scale(step, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
