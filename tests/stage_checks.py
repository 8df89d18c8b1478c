"""
One random network through every stage: PyTorch, [imported] and [folded] agree as floats, [fixed] stays within its
bounds of them, and everything from [fixed] on agrees as integers, layer by layer.
"""

import re
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import torch
from agreement import assert_equal
from bounds import SLOPE, check_fixed, largest
from extras import Decided
from layers import BorderedSign, Compare, Largest, Levels, Sign, Top, float64
from networks import RandomNetwork
from numpy.typing import NDArray
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp, i64
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException, VerifyException

import blendir
from blendir import pipeline
from blendir.backends.hls.cpp_names import CppDesign
from blendir.backends.hls.print_cpp import params_text, weights_text
from blendir.dialects import stream
from blendir.dialects.blend import (
    ActivationOp,
    AffineOp,
    ArgmaxOp,
    BatchNormOp,
    Conv2dOp,
    LinearOp,
    MaxPool2dOp,
    MultiplyOp,
    MultiThresholdOp,
    PiecewiseLinearOp,
    PReluOp,
    RoundOp,
    SignOp,
    ThresholdOp,
    constant_value,
    tensor_type,
)
from blendir.hardware.goals import Goals
from blendir.interpreter import main_function, returned_values, run_module
from blendir.modules import parse_module
from blendir.passes.stage import reached
from blendir.verification import stream_trace, tensor_trace

CLOSE = 1e-9
ROUNDING = 1e-13
"""The rounding error of float64 in an operation, relative to the largest number in it."""
DECISIONS = (SignOp, ThresholdOp, RoundOp, MultiThresholdOp, ArgmaxOp)
PREPROCESS = ("g++", "-E", "-P", "-trigraphs", "-Wcomment", "-Werror", "-x", "c++", "-")

Array = NDArray[Any]


def nearest_per_frame(distance: Array, size: Array | float) -> Array:
    """
    For each frame the smallest distance, in units of the largest size. Exact ties do not count.
    """
    scale = float(np.max(size, initial=0.0)) or 1.0
    away = np.where(distance == 0, np.inf, np.abs(distance) / scale)
    return away.reshape(len(away), -1).min(axis=1)


def in_pytorch(network: RandomNetwork) -> tuple[Array, Array, Array]:
    """
    PyTorch's result in float64, and for each frame how near a decision (a sign, comparison or rounding) came to the
    other side, relative to the largest value and absolute. Exact ties do not count.
    """
    nearest, least = np.full((2, len(network.frames)), np.inf)

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x, *others = (v.double().numpy() for v in inputs)
        match module:
            case Sign():
                distance, size = x - module.shift, np.abs(x)
            case Largest():
                distance, size = lead(x, 1), np.abs(x)
            case Top():
                apart = lead(x, 1, module.k)  # topk leaves open which of two equal elements is first
                distance, size = np.maximum(apart, np.finfo(np.float64).tiny), np.abs(x)
            case BorderedSign() | Decided():
                distance, size = x, np.abs(x)
            case Levels():
                steps = x.clip(0, 1) * module.steps
                distance, size = steps - np.floor(steps) - 0.5, 1.0
            case _:
                distance, size = np.broadcast_arrays(x - others[0], np.maximum(np.abs(x), np.abs(others[0])))
        if len(distance) == len(nearest):
            np.minimum(nearest, nearest_per_frame(distance, size), out=nearest)
            np.minimum(least, nearest_per_frame(distance, 1.0), out=least)

    decisions = (Sign, BorderedSign, Decided, Levels, Compare, Largest, Top)
    handles = [m.register_forward_pre_hook(note) for m in network.model.modules() if isinstance(m, decisions)]
    frames = network.frames
    with float64(network.model), torch.no_grad():
        found = network.model(frames.double() if frames.is_floating_point() else frames)
        y = joined([v.numpy() for v in found] if isinstance(found, tuple) else found.numpy())
    for handle in handles:
        handle.remove()
    return y, nearest < CLOSE, least < CLOSE


def joined(outputs: Array | list[Array]) -> Array:
    """
    What a network returns, several outputs one after another: [N, ..].
    """
    if not isinstance(outputs, list):
        return outputs
    return np.concatenate([y.reshape(len(y), -1) for y in outputs], axis=1)


def lead(x: Array, axis: int, k: int = 1) -> Array:
    """
    How far each of the k largest elements along an axis is from the next on either side; infinity where there is none.
    """
    ordered = np.flip(np.sort(x, axis=axis), axis)
    edge = np.full_like(ordered.take([0], axis), np.inf)
    below = np.concatenate([-np.diff(ordered, axis=axis), edge], axis).take(range(min(k, x.shape[axis])), axis)
    above = np.concatenate([edge, below], axis).take(range(below.shape[axis]), axis)
    return np.minimum(above, below)


def is_pooled(value: SSAValue) -> bool:
    return any(isinstance(use.operation, MaxPool2dOp) for use in value.uses)


def on_integers(op: ThresholdOp | MultiThresholdOp) -> bool:
    """
    Whether a threshold compares integers, whose ties are decided exactly.
    """
    limits = op.threshold if isinstance(op, ThresholdOp) else op.thresholds
    return tensor_type(limits).element_type == i64


@dataclass
class Decisions:
    """
    A run of a float module: by layer the bits and levels that it decides and how near each is to the other side, in
    units of what rounding may move it by; the output, and what rounding may move that by.

    Without bits that are pooled: folding moves thresholds in front of max pools.
    """

    decided: dict[str, Array]
    margins: dict[str, Array]
    output: Array
    noise: float

    @property
    def undecided(self) -> Array:
        """
        For each frame, whether a decision lies in the last digits. Exact ties do not count.
        """
        return self.frames_with(lambda m: (m > 0) & (m < 1))

    @property
    def tied(self) -> Array:
        """
        Per frame whether a decision is an exact tie.
        """
        return self.frames_with(lambda m: m == 0)

    def frames_with(self, holds: Callable[[Array], Array]) -> Array:
        """
        Per frame whether the margin of a decision meets a condition.
        """
        frames = len(self.output)
        found = [holds(m).reshape(frames, -1).any(axis=1) for m in self.margins.values()]
        return np.any(found or [np.zeros(frames)], axis=0)


def gain_of(op: Operation) -> float:
    """
    The largest slope of an operation on reals.
    """
    match op:
        case Conv2dOp() | LinearOp():
            return float(
                np.abs(constant_value(op.weight)).reshape(len(constant_value(op.weight)), -1).sum(axis=1).max()
            )
        case BatchNormOp():
            roots = np.sqrt(constant_value(op.variance) + op.epsilon.value.data)
            return float((np.abs(constant_value(op.gamma)) / roots).max())
        case AffineOp():
            return float(np.abs(constant_value(op.scale)).max())
        case PReluOp():
            return max(1.0, float(np.abs(constant_value(op.slope)).max()))
        case PiecewiseLinearOp():
            return max(float(np.abs(constant_value(v)).max()) for v in (op.slope0, op.slope1))
        case ActivationOp():
            return max(1.0, SLOPE[op.function.data])
        case _:
            return 1.0


def decisions_of(module: ModuleOp, x: Array) -> Decisions:
    """
    Runs a float module.
    """
    argument = main_function(module).body.block.args[0]
    values: dict[SSAValue, Array] = {argument: x}
    noise: dict[SSAValue, float] = {}
    decided: dict[str, Array] = {}
    margins: dict[str, Array] = {}

    def observe(op: Operation, index: int, value: Array) -> None:
        values[op.results[0]] = value
        given = [(largest(values[v]), noise.get(v, 0.0)) for v in op.operands if v in values]
        sizes, errors = zip(*given, strict=True)
        if value.dtype == np.float64:
            gain = gain_of(op)
            moved = sum(a * n for a, n in zip(sizes[::-1], errors, strict=True)) if isinstance(op, MultiplyOp) else 0.0
            scale = max(largest(value), gain * max(sizes), largest_shift(op))
            noise[op.results[0]] = ROUNDING * scale + (moved or gain * sum(errors))
        if not isinstance(op, DECISIONS) or is_pooled(op.result):
            return
        decided[op.layer_name] = value
        source = values[op.input].astype(np.float64)
        unit = noise.get(op.input, ROUNDING * sizes[0])
        if isinstance(op, ThresholdOp):
            along = [-1 if d == op.axis.value.data else 1 for d in range(source.ndim)]
            limits = constant_value(op.threshold).astype(np.float64)
            source = source - limits.reshape(along)
            unit = max(unit, ROUNDING * largest(limits[np.isfinite(limits)]))
        elif isinstance(op, ArgmaxOp):
            source = lead(source, op.axis.value.data, op.k)
        elif isinstance(op, RoundOp):
            source = source - np.floor(source) - 0.5
        if not isinstance(op, MultiThresholdOp):
            margins[op.layer_name] = np.abs(source) / (unit or 1.0)

    output = joined(run_module(module, x, observe))
    return Decisions(decided, margins, output, max(noise.get(value, 0.0) for value in returned_values(module)))


def largest_shift(op: Operation) -> float:
    """
    The magnitude of the number that a batch normalization or an affine subtracts, after its scale.
    """
    if isinstance(op, BatchNormOp):
        return gain_of(op) * largest(constant_value(op.mean))
    return gain_of(op) * largest(constant_value(op.center)) if isinstance(op, AffineOp) else 0.0


def assert_close(got: Array, want: Array, excused: Array, noise: float) -> None:
    """
    Every frame is close, or excused.
    """
    assert got.shape == want.shape
    error = np.abs(got - want).reshape(len(want), -1).max(axis=1)
    wrong = error > CLOSE * largest(want) + noise
    assert not (wrong & ~excused).any(), f"frames {np.flatnonzero(wrong & ~excused)} are off by {error.max()}"


def check_imported(network: RandomNetwork, imported: Decisions) -> int:
    """
    Compares PyTorch with [imported]. Returns the number of frames that were compared: those without a decision in the
    last digits.
    """
    want, near, small = in_pytorch(network)
    excused = near | imported.undecided | (small & imported.tied)
    assert_close(imported.output, want, excused, imported.noise)
    return int((~excused).sum())


def check_folded(imported: Decisions, folded: ModuleOp, x: Array) -> None:
    """
    [imported] against [folded], and all bits and levels.
    """
    later = decisions_of(folded, x)
    kinds = (ThresholdOp, MultiThresholdOp)
    exact = {op.layer_name for op in folded.walk() if isinstance(op, kinds) and on_integers(op)}
    excused = np.zeros(len(x), np.bool_)
    for layer, decided in imported.decided.items():
        if layer not in later.decided or decided.shape != later.decided[layer].shape:
            continue
        margin, differ = imported.margins[layer], decided != later.decided[layer]
        near = differ & (margin < 1) & ((margin > 0) | (layer not in exact))
        wrong = (differ & ~near).reshape(len(x), -1).any(axis=1) & ~excused
        assert not wrong.any(), f"decisions differ at {layer}"
        excused |= near.reshape(len(x), -1).any(axis=1)
    assert_close(later.output, imported.output, excused, imported.noise)


def check_text(module: ModuleOp, x: Array) -> None:
    """
    A stage survives its text.
    """
    text = str(module)
    parsed = parse_module(text, "text")
    assert str(parsed) == text
    np.testing.assert_array_equal(joined(run_module(parsed, x)), joined(run_module(module, x)))


def check_readers(module: ModuleOp) -> None:
    """
    A fork of [stream] that is left out is noticed.
    """
    broken = module.clone()
    forks = [op for op in broken.walk() if isinstance(op, stream.ForkOp)]
    if forks:
        first, second, *_ = forks[0].copies
        second.replace_all_uses_with(first)
        try:
            broken.verify()
        except VerifyException:
            return
        raise AssertionError("a stream with two readers verifies")


def check_headers(scheduled: ModuleOp) -> None:
    """
    No name adds to the code of the headers or hides a part of it.
    """
    design = CppDesign(scheduled)
    for text, pattern in ((params_text(design), r"struct (\w+)_cfg"), (weights_text(design), r"static const [^;=]*=")):
        text = re.sub(r"(?m)^#include.*$", "", text)
        left = subprocess.run(PREPROCESS, input=text.encode(), capture_output=True, check=False)
        assert left.returncode == 0, left.stderr.decode()[-300:]
        code = left.stdout.decode()
        tables = sum(len(unit.tables) for unit in design.units.values())
        expected = len(design.processes) if "struct" in pattern else tables
        assert len(re.findall(pattern, code)) == expected
        assert not re.search(r"[^\x00-\x7f]", text)


def folded(imported: ModuleOp, residual: str) -> ModuleOp:
    """
    The module at [folded]; one without batch norms and signs is there already.
    """
    if reached(imported, "folded"):
        return imported
    return blendir.lower(imported, "folded", fold_bn_residual=residual)


def lowered(network: RandomNetwork, imported: ModuleOp, x: Array) -> dict[str, ModuleOp]:
    """
    A module at every stage from [folded] on, each made from the one before; formats from frames, or from bounds.
    """
    options = dict(network.options)
    stages = {"folded": folded(imported, options.pop("fold_bn_residual"))}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no calibration data|all calibration frames")
        stages["fixed"] = blendir.lower(stages["folded"], "fixed", x if network.calibrated else None, **options)
    stages["packed"] = blendir.lower(stages["fixed"], "packed")
    stages["stream"] = blendir.lower(stages["packed"], "stream")
    return stages


def schedule_of(random: Random, module: ModuleOp) -> ModuleOp:
    """
    The module at the default rate, or at a fraction or a multiple of it where that can be reached.
    """
    scheduled, xnor = module.clone(), random.choice(("lut", "dsp", "auto"))
    if random.random() < 0.4:
        try:
            pipeline.schedule(scheduled, Goals(random.choice((2e4, 2e5, 2e6, 8e6)), xnor=xnor))
        except PassFailedException as error:
            if "the fastest rate is" not in str(error):
                raise
            scheduled = module.clone()
        else:
            return scheduled
    pipeline.schedule(scheduled, Goals(xnor=xnor))
    return scheduled


@dataclass
class Checked:
    """
    A network that passed: its stages, its schedule, and how many frames were compared with PyTorch.
    """

    stages: dict[str, ModuleOp]
    scheduled: ModuleOp
    compared: int


def check(network: RandomNetwork, seed: int) -> Checked:
    """
    Everything but C++.
    """
    x, random = network.frames.numpy(), Random(seed)
    imported = network.imported()
    floats = decisions_of(imported, x)
    compared = check_imported(network, floats)
    other = "affine" if network.options["fold_bn_residual"] == "renormalize" else "renormalize"
    check_folded(floats, folded(imported, other), x)
    stages = {"imported": imported, **lowered(network, imported, x)}
    check_folded(floats, stages["folded"], x)
    check_fixed(stages["folded"], stages["fixed"], x, network.options, network.calibrated)
    reference, output = tensor_trace(stages["fixed"], x)
    scheduled = schedule_of(random, stages["stream"])
    for stage, trace in (
        ("packed", tensor_trace(stages["packed"], x)),
        ("stream", stream_trace(stages["stream"], x)),
        ("scheduled", stream_trace(scheduled, x)),
    ):
        assert_equal(reference, trace[0], stages["fixed"], stage)
        np.testing.assert_array_equal(joined(trace[1]), joined(output))
    check_readers(stages["stream"])
    if any(network.ends):
        check_headers(scheduled)
    texts = stages | {"scheduled": scheduled}
    for name in list(texts)[seed % 3 :: 3]:
        check_text(texts[name], x[:2])
    return Checked(stages, scheduled, compared)
