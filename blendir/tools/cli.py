"""
`blendir`: from PyTorch models to verified HLS C++, on the command line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from xdsl.dialects.builtin import ModuleOp

from blendir import __version__
from blendir.interpreter import input_type, output_type, run_module
from blendir.passes.stage import stage_of
from blendir.tools.designs import (
    FILE,
    DesignWriter,
    design_options,
    read_report,
    record_accuracy,
    require_compiler,
    stages_to_verify,
    summary,
)
from blendir.tools.explore import Explorer, explore_options
from blendir.tools.frontier import POINT_COLUMNS, as_json_points, point_rows
from blendir.tools.inputs import (
    given_example,
    load_model,
    read_array,
    read_frames,
    read_module,
    require_frames,
    require_model,
)
from blendir.tools.terminal import FoundWrong, Tool, ToolGroup, progress, say
from blendir.verification import Verification, verify


@click.group("blendir", cls=ToolGroup, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """
    Compiles PyTorch networks that blend binary and fixed-point convolutions to bit-exact HLS C++.

    MODEL is a zoo name (`blendir models` lists them), package.module:factory, a function in your own code that returns
    an nn.Module or (nn.Module, example), or net.onnx, an ONNX or QONNX file. Exit codes: 0 fine, 1 found wrong, 2 bad
    use, 3 a fault in blendir.
    """


cli.command_class = Tool

WIDTH = 120
"""Of tables that do not go to a terminal."""

MODEL_OPTIONS = (
    click.option("--weights", type=FILE, metavar="F.safetensors", help="Weights to load into MODEL."),
    click.option("--example", type=FILE, metavar="X.npy", help="Frames of MODEL's input: their shape and type."),
    click.option("--input", "shape", metavar="CxHxW[:TYPE]", help="MODEL's input instead, as 3x32x32:uint8."),
)
OUTPUT_OPTIONS = (
    click.option("-q", "--quiet", is_flag=True, help="Show no progress and no remarks."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
)


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    The options of commands that take a MODEL.
    """
    for option in reversed(MODEL_OPTIONS):
        command = option(command)
    return command


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    The options of every command.
    """
    for option in reversed(OUTPUT_OPTIONS):
        command = option(command)
    return command


def print_json(value: object) -> None:
    """
    A result for a machine.
    """
    print(json.dumps(value, indent=2))


def print_table(title: str, columns: list[str], rows: list[list[object]]) -> None:
    """
    A result for a person.
    """
    table = Table(title=title, title_justify="left", box=SIMPLE)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    Console(width=None if Console().is_terminal else WIDTH).print(table)


def imported(
    model: str, weights: Path | None, example: Any, quiet: bool, otherwise: Any = None
) -> tuple[ModuleOp, str]:
    """
    A MODEL at [imported], and where its weights are from.
    """
    with progress(f"importing {model}", quiet):
        loaded = load_model(model, weights, example, otherwise)
        module = loaded.import_module()
    if not quiet:
        say(f"{model}: weights: {loaded.weights}")
    return module, loaded.weights


def given_module(
    source: str, weights: Path | None, example: Path | None, shape: str | None, quiet: bool, otherwise: Any
) -> ModuleOp:
    """
    The module of `MODEL|NET.MLIR`.
    """
    if not source.endswith(".mlir"):
        return imported(source, weights, given_example(example, shape), quiet, otherwise)[0]
    require_model(source, weights, example, shape)
    return read_module(Path(source))


@cli.command("import")
@click.argument("model")
@model_options
@click.option("-o", "--output", "out", type=FILE, metavar="NET.MLIR", help="The file to write  [default: stdout]")
@output_options
def import_command(
    model: str,
    weights: Path | None,
    example: Path | None,
    shape: str | None,
    out: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """
    Writes the IR of a MODEL.
    """
    module, origin = imported(model, weights, given_example(example, shape), quiet)
    text = f"{module!s}\n"
    if out is not None:
        out.write_text(text)
    if as_json:
        found = {"model": model, "weights": origin, "stage": stage_of(module)}
        found |= {"input": str(input_type(module)), "output": str(output_type(module))}
        print_json(found | ({"module": text} if out is None else {"file": str(out)}))
    elif out is None:
        print(text, end="")


@cli.command("compile")
@click.argument("source", metavar="MODEL|NET.MLIR")
@model_options
@design_options
@output_options
def compile_command(
    source: str,
    weights: Path | None,
    example: Path | None,
    shape: str | None,
    quiet: bool,
    as_json: bool,
    **design: Any,
) -> None:
    """
    Compiles a MODEL, or a module at any stage, to the design folder DIR.

    Without --example and --input, the frames of --calibrate also say what the model's input is.
    """
    writer = DesignWriter(**design)
    build = writer.write(given_module(source, weights, example, shape, quiet, writer.calibration), quiet)
    if as_json:
        print_json(build.report)
    elif not quiet:
        print(summary(build))


@cli.command("explore")
@click.argument("source", metavar="MODEL|NET.MLIR")
@model_options
@explore_options
@output_options
def explore_command(
    source: str,
    weights: Path | None,
    example: Path | None,
    shape: str | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """
    Makes the cheapest designs of many rates and draws the frontier: frames/s against DSPs, LUTs and block RAMs.

    DIR gets a file per point as soon as it is finished; the same command goes on where it was stopped, and one with
    other rates or kinds of XNOR adds to what is there.
    """
    explorer = Explorer(**options)
    module = given_module(source, weights, example, shape, quiet, explorer.calibration)
    found = explorer.explore(module, quiet)
    if as_json:
        print_json(as_json_points(found))
    elif not quiet:
        print_table(f"{explorer.out}", list(POINT_COLUMNS), point_rows(found))


@cli.command("run")
@click.argument("source", type=FILE, metavar="NET.MLIR")
@click.option("--input", "frames", required=True, type=FILE, metavar="X.npy", help="Frames [N, ..].")
@click.option("-o", "--output", "out", type=FILE, metavar="Y.npy", help="Where to write what comes out.")
@output_options
def run_command(source: Path, frames: Path, out: Path | None, quiet: bool, as_json: bool) -> None:
    """
    Runs a module at any stage on frames.
    """
    module = read_module(source)
    x = read_frames(frames, module)
    with progress(f"running [{stage_of(module)}]", quiet):
        y = run_module(module, x)
    if out is not None:
        with out.open("wb") as file:
            np.save(file, y)
    if as_json:
        where = {"output": y.tolist()} if out is None else {"file": str(out)}
        print_json({"stage": stage_of(module), "shape": list(y.shape)} | where)
    elif out is None:
        print(np.array2string(y, threshold=y.size + 1))


def as_dictionary(found: Verification) -> dict[str, Any]:
    """
    What `verify --json` prints.
    """
    stages = {name: {k: v for k, v in asdict(c).items() if k != "stage"} for name, c in found.comparisons.items()}
    first = None if found.first is None else asdict(found.first)
    return {"images": found.images, "stages": stages, "mismatches": found.mismatches, "first": first}


@cli.command("verify")
@click.argument("folder", type=FILE, metavar="DIR")
@click.option("--data", required=True, type=FILE, metavar="X.npy", help="Frames [N, ..].")
@output_options
def verify_command(folder: Path, data: Path, quiet: bool, as_json: bool) -> None:
    """
    Runs frames through every integer stage and the compiled C++ of a design, and compares every layer.
    """
    stages = stages_to_verify(folder)
    x = read_array(data)
    require_frames(x, stages["fixed"], data)
    require_compiler()
    with progress(f"verifying {folder}", quiet, len(x)) as advance:
        found = verify(stages, folder, x, advance)
    if as_json:
        print_json(as_dictionary(found))
    elif not quiet:
        rows: list[list[object]] = [
            [f"{c.stage} = fixed", c.layers, c.numbers, c.mismatches] for c in found.comparisons.values()
        ]
        print_table(f"{found.images} images", ["stage", "layers", "numbers", "mismatches"], rows)
    if found.mismatches:
        raise FoundWrong(str(found.first) if found.first else f"{found.mismatches} mismatches in the output")


@cli.command("models")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@output_options
def models_command(names: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """
    Lists networks of the zoo, without names all of them, and what they cost, counted from their IR.
    """
    from blendir.tools.zoo import model_rows

    rows = model_rows(names, quiet)
    if as_json:
        print_json(rows)
    else:
        print_table("models", list(rows[0]), [["-" if v is None else v for v in row.values()] for row in rows])


@cli.command("evaluate")
@click.argument("source", metavar="MODEL|NET.MLIR|DIR")
@click.option("--data", required=True, type=FILE, metavar="PATH", help="CIFAR-10/100, class folders, or .npz.")
@click.option("--record", is_flag=True, help="Enter the accuracy in the report of DIR.")
@model_options
@output_options
def evaluate_command(
    source: str,
    data: Path,
    record: bool,
    weights: Path | None,
    example: Path | None,
    shape: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """
    Accuracy on labelled images: of a MODEL in PyTorch, of a module in the interpreter, of a design in C++.

    PATH is the python archive of CIFAR-10 or CIFAR-100 (packed or not), a folder or zip with test/<class>/<image>, or
    an .npz file with frames x and labels y.
    """
    from blendir.tools.data import load_images
    from blendir.tools.evaluate import accuracy, runner

    if record:
        read_report(Path(source))
    x, labels, _ = load_images(data)
    what = runner(source, weights, given_example(example, shape))
    found = accuracy(what, x, labels, data, quiet)
    if record:
        record_accuracy(Path(source), found, len(x))
    if as_json:
        print_json({"accuracy": found, "images": len(x), "stage": what.stage})
    else:
        print(f"{what.stage}: {found:.2%} of {len(x):,} images")


@cli.command("train")
@click.argument("model")
@click.option("--data", required=True, type=FILE, metavar="PATH", help="CIFAR-10/100, class folders, or .npz.")
@click.option("--preset", type=click.Choice(["smoke", "cpu", "full"]), default="cpu", show_default=True)
@click.option("-o", "--output", "out", type=FILE, metavar="DIR", help="Where to keep it  [default: train-MODEL]")
@click.option("--resume", is_flag=True, help="Go on with the training in DIR after its last whole epoch.")
@click.option("--weights", type=FILE, metavar="F.safetensors", help="Start the binary phase from these weights.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--augment/--no-augment", default=True, help="Whether images are moved and mirrored.  [default: yes]")
@click.option("--compile/--no-compile", "compiled", default=True, help="Whether to use torch.compile.  [default: yes]")
@click.option("--accelerator", default="auto", show_default=True, help="As in PyTorch Lightning: cpu, gpu, ...")
@click.option("--devices", default="auto", show_default=True, help="How many of them, on each host.")
@click.option("--num-nodes", type=int, default=1, show_default=True, help="How many hosts.")
@output_options
def train_command(model: str, data: Path, out: Path | None, quiet: bool, as_json: bool, **options: Any) -> None:
    """
    Trains a MODEL with binary layers of blendir.models.binary on labelled images.

    A real-valued twin is trained first as a teacher, then the network with binary activations, then with binary
    weights. PATH is as for evaluate, with train/<class>/<image> beside test/, or x_train, y_train, x_test and y_test.
    """
    try:
        from blendir.tools.train import train
    except ModuleNotFoundError as error:
        raise ValueError(f"training needs {error.name}: pip install 'blendir[train]'") from None

    folder = out if out is not None else Path(f"train-{model.replace(':', '-')}")
    found = train(model, data, out=folder, quiet=quiet, **options)
    if found is None:
        return
    if as_json:
        print_json(found)
    else:
        print(f"{model}: {found['accuracy']:.2%} of {found['images']:,} images; {folder / 'model.safetensors'}")


def main() -> None:
    """
    The entry point.
    """
    cli()


if __name__ == "__main__":
    main()
