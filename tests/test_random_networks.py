"""
Random networks through every stage, and a smaller number through g++.

Up to [folded] results agree with PyTorch in float64 and all bits are equal; from [fixed] on every layer of every
stage is the same, integer for integer.
"""

import warnings
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from agreement import assert_equal
from layers import Sign, float64
from networks import RandomNetwork, random_network
from numpy.typing import NDArray
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp, i64
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

import blendir
from blendir.backends.hls.csim import Csim
from blendir.dialects.blend import MaxPool2dOp, SignOp, ThresholdOp, constant_value, tensor_type
from blendir.interpreter import run_module
from blendir.passes import pipeline
from blendir.passes.stage import reached
from blendir.tools.inputs import parse_module
from blendir.verification import cpp_trace, stream_trace, tensor_trace

NETWORKS = 200
THROUGH_CPP = 12
CLOSE = 1e-9
TIE = 1e-12

Array = NDArray[Any]


def in_pytorch(network: RandomNetwork) -> tuple[Array, Array]:
    """
    What PyTorch computes in float64, and per frame how near a sign came to the wrong side (exact ties are none).
    """
    nearest = np.full(len(network.frames), np.inf)

    def note(sign: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(sign, Sign)
        x = inputs[0].double().numpy() - sign.shift
        distance = np.where(x == 0, np.inf, np.abs(x)).reshape(len(x), -1).min(axis=1)
        np.minimum(nearest, distance, out=nearest)

    handles = [m.register_forward_pre_hook(note) for m in network.model.modules() if isinstance(m, Sign)]
    frames = network.frames
    with float64(network.model), torch.no_grad():
        y = network.model(frames if frames.dtype == torch.uint8 else frames.double()).numpy()
    for handle in handles:
        handle.remove()
    return y, nearest


def is_pooled(value: SSAValue) -> bool:
    return any(isinstance(use.operation, MaxPool2dOp) for use in value.uses)


def on_integers(op: ThresholdOp) -> bool:
    """
    Whether a threshold compares integers, whose ties are decided exactly.
    """
    return tensor_type(op.threshold).element_type == i64


def bits_of(module: ModuleOp, x: Array) -> tuple[dict[str, Array], dict[str, Array], Array]:
    """
    By layer the bits that a float module decides, per frame the distance to the nearest threshold; the output.

    Without bits that are pooled: folding moves thresholds in front of max pools.
    """
    values: dict[SSAValue, Array] = {}
    bits: dict[str, Array] = {}
    margins: dict[str, Array] = {}

    def observe(op: Operation, index: int, value: Array) -> None:
        values[op.results[index]] = value
        if isinstance(op, SignOp | ThresholdOp) and not is_pooled(op.result):
            source = values.get(op.input, x).astype(np.float64)
            if isinstance(op, ThresholdOp):
                along = [-1 if d == op.axis.value.data else 1 for d in range(source.ndim)]
                source = source - constant_value(op.threshold).reshape(along)
            bits[op.layer_name] = value
            margins[op.layer_name] = np.abs(source).reshape(len(source), -1).min(axis=1)

    return bits, margins, run_module(module, x, observe)


def assert_close(got: Array, want: Array, excused: Array) -> None:
    """
    Every frame is close, or excused.
    """
    assert got.shape == want.shape
    error = np.abs(got - want).reshape(len(want), -1).max(axis=1)
    wrong = error > CLOSE * max(1.0, float(np.abs(want).max()))
    assert not (wrong & ~excused).any(), f"frames {np.flatnonzero(wrong & ~excused)} are off by {error.max()}"


def check_floats(network: RandomNetwork, imported: ModuleOp, folded: ModuleOp, x: Array) -> None:
    """
    PyTorch against [imported] and [imported] against [folded].
    """
    want, nearest = in_pytorch(network)
    bits, margins, got = bits_of(imported, x)
    assert_close(got, want, nearest < CLOSE)
    later, _, result = bits_of(folded, x)
    exact = {op.layer_name for op in folded.walk() if isinstance(op, ThresholdOp) and on_integers(op)}
    excused = np.zeros(len(x), np.bool_)
    common = [layer for layer in bits if layer in later and bits[layer].shape == later[layer].shape]
    for layer in common:
        differ = (bits[layer] != later[layer]).reshape(len(x), -1).any(axis=1)
        excused |= differ & (margins[layer] < TIE) & ((margins[layer] > 0) | (layer not in exact))
        assert not (differ & ~excused).any(), f"bits differ at {layer}"
    assert_close(result, got, excused)


def check_text(stages: dict[str, ModuleOp], x: Array) -> None:
    """
    Stages survive their text.
    """
    for name, module in stages.items():
        text = str(module)
        parsed = parse_module(text, name)
        assert str(parsed) == text
        np.testing.assert_array_equal(run_module(parsed, x), run_module(module, x))


def options_of(random: Random) -> dict[str, Any]:
    """
    Options of fold-bn and quantize.
    """
    return {
        "fold_bn_residual": random.choice(("renormalize", "affine")),
        "quantize_bits": random.choice((4, 8, 16)),
        "quantize_skip_bits": random.choice((8, 16)),
        "quantize_rounding": random.choice(("half_up", "half_even")),
    }


def folded(imported: ModuleOp, residual: str) -> ModuleOp:
    """
    The module at [folded]; one without batch norms and signs is there already.
    """
    if reached(imported, "folded"):
        return imported
    return blendir.lower(imported, "folded", fold_bn_residual=residual)


def lowered(imported: ModuleOp, x: Array, random: Random) -> dict[str, ModuleOp]:
    """
    A module at every stage from [fixed] on, each made from the one before; formats from frames, or from bounds.
    """
    options = options_of(random)
    stages = {"folded": folded(imported, options.pop("fold_bn_residual"))}
    calibration = x if random.random() < 0.8 else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no calibration data")
        stages["fixed"] = blendir.lower(stages["folded"], "fixed", calibration, **options)
    stages["packed"] = blendir.lower(stages["fixed"], "packed")
    stages["stream"] = blendir.lower(stages["packed"], "stream")
    return stages


def frames_of(network: RandomNetwork) -> Array:
    return network.frames.numpy()


def schedule_of(random: Random, module: ModuleOp, xnor: str) -> ModuleOp:
    """
    The module at the default rate, or at a fraction or a multiple of it where that can be reached.
    """
    scheduled = module.clone()
    if random.random() < 0.4:
        try:
            pipeline.schedule(scheduled, random.choice((2e4, 2e5, 2e6, 8e6)), xnor=xnor)
        except PassFailedException as error:
            if "the fastest rate is" not in str(error):
                raise
            scheduled = module.clone()
        else:
            return scheduled
    pipeline.schedule(scheduled, xnor=xnor)
    return scheduled


@pytest.mark.parametrize("seed", range(NETWORKS))
def test_stages_agree(seed: int) -> None:
    network = random_network(seed)
    x, random = frames_of(network), Random(seed)
    imported = blendir.from_torch(network.model, network.frames)
    other = "affine" if random.random() < 0.5 else "renormalize"
    check_floats(network, imported, folded(imported, other), x)
    stages = {"imported": imported, **lowered(imported, x, random)}
    check_floats(network, imported, stages["folded"], x)
    reference, output = tensor_trace(stages["fixed"], x)
    scheduled = schedule_of(random, stages["stream"], random.choice(("lut", "dsp", "auto")))
    for stage, trace in (
        ("packed", tensor_trace(stages["packed"], x)),
        ("stream", stream_trace(stages["stream"], x)),
        ("scheduled", stream_trace(scheduled, x)),
    ):
        assert_equal(reference, trace[0], stages["fixed"], stage)
        np.testing.assert_array_equal(trace[1], output)
    texts = stages | {"scheduled": scheduled}
    check_text({name: texts[name] for name in list(texts)[seed % 3 :: 3]}, x[:2])


@pytest.mark.parametrize("seed", range(NETWORKS, NETWORKS + THROUGH_CPP))
def test_cpp_agrees(seed: int, tmp_path: Path) -> None:
    network = random_network(seed)
    x, random = frames_of(network), Random(seed)
    imported = blendir.from_torch(network.model, network.frames)
    stages = lowered(imported, x, random)
    xnor = ("lut", "dsp", "auto")[seed % 3]
    scheduled = schedule_of(random, stages["stream"], xnor)
    build = blendir.compile(scheduled, tmp_path / "design")
    (tmp_path / "trace").mkdir()
    csim = Csim(build.module, build.path, tmp_path / "trace")
    reference, output = tensor_trace(stages["fixed"], x)
    trace, y = cpp_trace(csim, x)
    assert_equal(reference, trace, stages["fixed"], "C++")
    np.testing.assert_array_equal(y, output)
    np.testing.assert_array_equal(y, run_module(build.module, x))
    np.testing.assert_array_equal(csim.integers(x, batch=4), csim.integers(x))


def test_networks_have_every_feature() -> None:
    """
    What the networks are meant to vary occurs, and more than once or twice.
    """
    found = Counter(feature for seed in range(NETWORKS) for feature in random_network(seed).features)
    assert {feature: count for feature, count in found.items() if count < 4} == {}
    assert len(found) >= 50
