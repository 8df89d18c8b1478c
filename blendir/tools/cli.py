"""
`blendir`: from PyTorch models to verified HLS C++, on the command line.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import click
import numpy as np

from blendir import __version__
from blendir.backends import BACKENDS, DEFAULT
from blendir.backends.engines import Engine
from blendir.backends.folder import integer_stages, read_report, target_of
from blendir.errors import printable
from blendir.evaluation import evaluate
from blendir.files import output_file
from blendir.interpreter import input_type, output_names, output_types, run_outputs
from blendir.modules import read_module
from blendir.passes.stage import stage_of
from blendir.tools.designs import (
    ERROR_COLUMNS,
    FILE,
    DesignWriter,
    design_options,
    end_to_end_line,
    error_rows,
    errors_against,
    quantization_line,
    quantization_warnings,
    record_accuracy,
    summary,
)
from blendir.tools.explore import POINT_COLUMNS, Explorer, as_json_points, explore_options, point_rows
from blendir.tools.inputs import given_example, read_array, read_frames, require_frames
from blendir.tools.options import (
    ENGINE,
    NO_CHECK,
    given_module,
    imported,
    model_options,
    output_options,
    print_json,
    print_table,
)
from blendir.tools.simulate import CYCLE_COLUMNS, simulate_design
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


@cli.command("import")
@click.argument("model")
@model_options
@click.option("-o", "--output", "out", type=FILE, metavar="NET.MLIR", help="The file to write  [default: stdout]")
@NO_CHECK
@output_options
def import_command(
    model: str,
    weights: Path | None,
    example: Path | None,
    shape: str | None,
    out: Path | None,
    no_check: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """
    Writes the IR of a MODEL.
    """
    module, origin = imported(model, weights, given_example(example, shape), quiet, not no_check)
    text = f"{module!s}\n"
    if out is not None:
        with output_file(out) as place:
            place.write_text(text)
    if as_json:
        found = {"model": model, "weights": origin, "stage": stage_of(module)}
        types = [str(kind) for kind in output_types(module)]
        found |= {"input": str(input_type(module)), "output": types if len(types) > 1 else types[0]}
        print_json(found | ({"module": text} if out is None else {"file": str(out)}))
    elif out is None:
        print(text, end="")


@cli.command("compile")
@click.argument("source", metavar="MODEL|NET.MLIR")
@model_options
@design_options
@click.option(
    "--backend", type=click.Choice(list(BACKENDS)), default=DEFAULT, show_default=True, help="What writes the folder."
)
@NO_CHECK
@output_options
def compile_command(
    source: str,
    weights: Path | None,
    example: Path | None,
    shape: str | None,
    no_check: bool,
    quiet: bool,
    as_json: bool,
    **design: Any,
) -> None:
    """
    Compiles a MODEL, or a module at any stage, to the design folder DIR.

    Without --example and --input, the frames of --calibrate also say what the model's input is.
    """
    writer = DesignWriter(check=not no_check, **design)
    build = writer.write(given_module(source, weights, example, shape, quiet, not no_check, writer.calibration), quiet)
    if as_json:
        print_json(build.report)
    elif not quiet:
        print(summary(build))
        if (line := quantization_line(build.report)) is not None:
            print(line)
    for warning in quantization_warnings(build.report["quantization"]):
        say(warning)


@cli.command("explore")
@click.argument("source", metavar="MODEL|NET.MLIR")
@model_options
@explore_options
@NO_CHECK
@output_options
def explore_command(
    source: str,
    weights: Path | None,
    example: Path | None,
    shape: str | None,
    no_check: bool,
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
    module = given_module(source, weights, example, shape, quiet, not no_check, explorer.calibration)
    found = explorer.explore(module, quiet)
    if as_json:
        print_json(as_json_points(found))
    elif not quiet:
        print_table(f"{explorer.out}", list(POINT_COLUMNS), point_rows(found))


@cli.command("run")
@click.argument("source", type=FILE, metavar="NET.MLIR")
@click.option("--input", "frames", required=True, type=FILE, metavar="X.npy", help="Frames [N, ..].")
@click.option(
    "-o",
    "--output",
    "out",
    type=FILE,
    metavar="Y.npy",
    help="Where to write what comes out; Y.npz for several outputs.",
)
@output_options
def run_command(source: Path, frames: Path, out: Path | None, quiet: bool, as_json: bool) -> None:
    """
    Runs a module at any stage on frames.
    """
    module = read_module(source)
    x, names = read_frames(frames, module), output_names(module)
    if out is not None and len(names) > 1 and out.suffix != ".npz":
        raise ValueError(f"{out}: the module has {len(names)} outputs ({', '.join(names)}): give -o Y.npz")
    with progress(f"running [{stage_of(module)}]", quiet):
        outputs = run_outputs(module, x)
    if out is not None:
        with output_file(out) as place, place.open("wb") as file:
            if len(outputs) == 1:
                np.save(file, outputs[0])
            else:
                np.savez(file, **cast("dict[str, Any]", dict(zip(names, outputs, strict=True))))
    if as_json:
        values, shapes = [y.tolist() for y in outputs], [list(y.shape) for y in outputs]
        where = {"output": values if len(outputs) > 1 else values[0]} if out is None else {"file": str(out)}
        print_json({"stage": stage_of(module), "shape": shapes if len(outputs) > 1 else shapes[0]} | where)
    elif out is None:
        for name, y in zip(names, outputs, strict=True):
            print((f"{name}:\n" if len(outputs) > 1 else "") + np.array2string(y, threshold=y.size + 1))


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
@click.option("--against", metavar="MODEL", help="Also measure what fixed point costs, layer by layer, against MODEL.")
@click.option("--weights", type=FILE, metavar="F.safetensors", help="Weights to load into MODEL.")
@click.option("--engine", type=ENGINE, default="native", show_default=True, help="What runs [fixed] on all frames.")
@click.option("--rtl", is_flag=True, help="Also compare the SystemVerilog of the design in Verilator.")
@output_options
def verify_command(
    folder: Path,
    data: Path,
    against: str | None,
    weights: Path | None,
    engine: Engine,
    rtl: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """
    Runs frames through every integer stage and the compiled C++ of a design, and compares every layer.

    With the engine native the interpreter runs the stages on the first 64 frames, and compiled code stands for it on
    the others; with csim it runs them on all frames, and with interpreter it does so without the C++.

    With --against, the floats of the design are compared with those of MODEL, and each layer in fixed point with the
    same layer in floats: signal-to-noise ratio, largest error in units of the last place, share of saturated values,
    bits that the format wastes; down to the first layer that loses too much.
    """
    stages = integer_stages(folder)
    x = read_array(data)
    require_frames(x, stages["fixed"], data)
    if engine != "interpreter":
        target_of(read_report(folder)).require_tools()
    errors: dict[str, Any] = {}
    if against is not None:
        module, _ = imported(against, weights, x[:1], quiet, True)
        with progress(f"comparing {folder} with {against}", quiet):
            errors = errors_against(folder, stages["fixed"], module, against, x)
    with progress(f"verifying {folder}", quiet, len(x)) as advance:
        found = verify(folder, x, stages=stages, engine=engine, rtl=rtl, progress=advance)
    if as_json:
        print_json(as_dictionary(found) | errors)
    elif not quiet:
        rows: list[list[object]] = [
            [f"{c.stage} = fixed", c.layers, c.numbers, c.mismatches] for c in found.comparisons.values()
        ]
        print_table(f"{found.images} images", ["stage", "layers", "numbers", "mismatches"], rows)
        if errors:
            print_table(f"fixed point against {against}", ERROR_COLUMNS, error_rows(errors["layers"]))
            print(end_to_end_line(errors["end_to_end"]))
            if errors["ties"]:
                print(f"frames with ties, in which floats were not compared with {against}: {errors['ties']}")
    for warning in quantization_warnings(errors.get("layers", [])):
        say(warning)
    if found.mismatches:
        raise FoundWrong(str(found.first) if found.first else f"{found.mismatches} mismatches in the output")


@cli.command("simulate")
@click.argument("folder", type=FILE, metavar="DIR")
@click.option("--data", required=True, type=FILE, metavar="X.npy", help="Frames [N, ..].")
@output_options
def simulate_command(folder: Path, data: Path, quiet: bool, as_json: bool) -> None:
    """
    Runs frames through the SystemVerilog of a design in Verilator, clock by clock, one after another without a gap.

    The outputs are compared with those of the interpreter, and cycles are counted: from the first word offered to the
    last word of the first frame, and between the last words of the last two frames.
    """
    found = simulate_design(folder, data, quiet)
    if as_json:
        print_json(asdict(found))
    elif not quiet:
        print_table(f"{found.frames} frames", list(CYCLE_COLUMNS), found.rows())
    if found.mismatches:
        raise FoundWrong(f"{found.mismatches} mismatches in the output: blendir verify --rtl names the first layer")


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


@cli.command("ops")
@output_options
def ops_command(quiet: bool, as_json: bool) -> None:
    """
    Lists what can be imported: modules and operations of PyTorch, and ONNX operators.
    """
    from blendir.frontend import supported_operations

    found = supported_operations()
    if as_json:
        print_json(found)
    else:
        for heading, names in found.items():
            print(f"{heading}:", *(f"  {printable(name)}" for name in names), sep="\n")


@cli.command("evaluate")
@click.argument("source", metavar="MODEL|NET.MLIR|DIR")
@click.option("--data", required=True, type=FILE, metavar="PATH", help="CIFAR-10/100, class folders, or .npz.")
@click.option("--record", is_flag=True, help="Enter the accuracy in the report of DIR.")
@click.option("--engine", type=ENGINE, help="What runs modules and designs  [default: native, floats: interpreter]")
@model_options
@output_options
def evaluate_command(
    source: str,
    data: Path,
    record: bool,
    engine: Engine | None,
    weights: Path | None,
    example: Path | None,
    shape: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """
    Accuracy on labelled images: of a MODEL in PyTorch, of a module or a design as compiled code.

    A module of floats or of processes runs in the interpreter; with --engine csim a design runs as the C++ in DIR.

    PATH is the python archive of CIFAR-10 or CIFAR-100 (packed or not), a folder or zip with test/<class>/<image>, or
    an .npz file with frames x and labels y.
    """
    from blendir.tools.data import load_images
    from blendir.tools.evaluate import given_runner

    if record:
        read_report(Path(source))
        if engine not in (None, "csim"):
            raise ValueError(f"--record is for the program of the design, not for the engine {engine}")
        engine = "csim"
    x, labels, _ = load_images(data)
    what = given_runner(source, weights, given_example(example, shape), engine)
    if what.module is not None:
        require_frames(x, what.module, data)
    with progress(f"evaluating {what.stage}", quiet, len(x)) as advance:
        found = evaluate(what, x, labels, name=str(data), progress=advance)
    if record:
        record_accuracy(Path(source), found.accuracy, found.images)
    if as_json:
        print_json(asdict(found))
    else:
        print(f"{found.stage}: {found.accuracy:.2%} of {found.images:,} images")


@cli.command("train")
@click.argument("model")
@click.option("--data", required=True, type=FILE, metavar="PATH", help="CIFAR-10/100, class folders, or .npz.")
@click.option("--preset", type=click.Choice(["smoke", "cpu", "full"]), default="cpu", show_default=True)
@click.option("-o", "--output", "out", type=FILE, metavar="DIR", help="Where to keep it  [default: train-MODEL]")
@click.option("--resume", is_flag=True, help="Go on with the training in DIR after its last whole epoch.")
@click.option("--weights", type=FILE, metavar="F.safetensors", help="Start the binary phase from these weights.")
@click.option("--scores", type=FILE, metavar="F.npy", help="A teacher's scores [N, classes]: no other is trained.")
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
