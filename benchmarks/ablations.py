"""
What three choices of BlendNet-20 are worth: the batch norm after the add with a trainable scale and shift, ReLU instead
of PReLU, and a skip that repeats channels instead of a real-valued 1x1 convolution.

Each variant is trained from scratch with binary activations and weights, on the same images, for the same epochs, from
the same seed. The runs are short: they order the variants early in training and say nothing of the end. One folder per
variant in OUT; what is there already is not run again.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from blendir.models.blendnet import BLENDNET20, BlendNet
from blendir.tools.data import load_splits
from blendir.tools.terminal import run_tool
from blendir.tools.train import images
from blendir.training.recipe import Phase, Recipe
from blendir.training.run import RESULT, Training, run

VARIANTS: dict[str, dict[str, bool]] = {
    "as in the paper": {},
    "batch norm after the add with scale and shift": {"norm_affine": True},
    "ReLU": {"relu": True},
    "skip repeats channels": {"concat_skip": True},
}


def ablate(arguments: argparse.Namespace) -> None:
    """
    Trains every variant and prints a table.
    """
    torch.set_num_threads(arguments.threads)
    first, second = load_splits(arguments.path)
    train, test = images(first).first(arguments.images), images(second)
    recipe = Recipe("ablation", (Phase("weights", arguments.epochs, 1e-3),))
    for number, (name, flags) in enumerate(VARIANTS.items()):
        out: Path = arguments.out / f"{number}"
        config = replace(BLENDNET20, **flags)
        training = Training(lambda config=config: BlendNet(config), train, test, recipe, out, arguments.seed)
        if not (out / RESULT).exists():
            run(training, resume=out.exists())
        found: dict[str, Any] = json.loads((out / RESULT).read_text())
        print(json.dumps({"variant": name, "accuracy": found["accuracy"]}), flush=True)


def main() -> None:
    """
    The command line.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, metavar="PATH", help="where CIFAR-10 lies, as for blendir train")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--images", type=int, default=25_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    sys.exit(run_tool("ablations", lambda: ablate(arguments)))


if __name__ == "__main__":
    main()
