"""
Networks that end in an argmax: the first of equal ones, the import, every stage, the process and the C++.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from agreement import check_cpp, imported, lowered
from modules import Net
from onnx_files import OnnxFile
from token_simulator import play
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp, f64, i32
from xdsl.ir import Block

import blendir
from blendir.dialects import blend, stream
from blendir.dialects.blend import FixedType, si8, tensor_type, ui8
from blendir.evaluation import evaluate
from blendir.frontend import UnsupportedModelError
from blendir.hardware.processes import process_of
from blendir.hardware.timing import simulate
from blendir.interpreter import returned_values, run_module
from blendir.interpreter.run import interpreter_of
from blendir.passes.agreement import Values
from blendir.passes.classes import classes_of
from blendir.pipeline import schedule

FRAMES = torch.randn(6, 3, 6, 5, generator=torch.Generator().manual_seed(2))


class Classes(nn.Module):
    """
    Layers of which a function makes what is returned.
    """

    def __init__(self, function: Callable[..., Any]):
        super().__init__()
        self.function, self.stem, self.fc, self.tokens = (
            function,
            nn.Conv2d(3, 4, 3),
            nn.Linear(48, 10),
            nn.Linear(12, 7),
        )

    def forward(self, x: Tensor) -> Any:
        return self.function(self, F.relu(self.stem(x)))


def classes(function: Callable[..., Any]) -> nn.Module:
    torch.manual_seed(0)
    return Classes(function).eval()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "features": lambda net, y: net.fc(y.flatten(1)).argmax(1),
    "kept": lambda net, y: net.fc(y.flatten(1)).argmax(-1, keepdim=True),
    "a map": lambda net, y: y.argmax(1),
    "a map, kept": lambda net, y: y.argmax(1, keepdim=True),
    "as float": lambda net, y: y.argmax(1).float(),
    "rows": lambda net, y: y.argmax(2),
    "tokens": lambda net, y: net.tokens(y.flatten(2)).argmax(-1),
    "max": lambda net, y: net.fc(y.flatten(1)).max(1).indices,
    "softmax": lambda net, y: F.softmax(net.fc(y.flatten(1)), 1).argmax(1),
    "log_softmax of max": lambda net, y: F.log_softmax(net.fc(y.flatten(1)), -1).max(1)[1],
    "three": lambda net, y: net.fc(y.flatten(1)).topk(3).indices,
    "smallest tokens": lambda net, y: net.tokens(y.flatten(2)).topk(2, largest=False)[1].float(),
    "softmax of three": lambda net, y: net.fc(y.flatten(1)).softmax(1).topk(3, -1).indices,
    "smallest": lambda net, y: net.fc(y.flatten(1)).argmin(1),
    "bits": lambda net, y: torch.sign(net.fc(y.flatten(1))).argmax(1),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_every_stage(kind: str) -> None:
    stages = lowered(imported(classes(FUNCTIONS[kind]), FRAMES), FRAMES)
    for stage in ("fixed", "packed", "stream"):
        y = run_module(stages[stage], FRAMES.numpy())
        assert isinstance(y, np.ndarray)
        assert y.dtype == np.float64
        assert np.array_equal(y, np.rint(y))


@pytest.mark.parametrize("kind", ["features", "a map", "tokens", "three", "smallest tokens", "bits"])
def test_the_cpp(tmp_path: Path, kind: str) -> None:
    check_cpp(lowered(imported(classes(FUNCTIONS[kind]), FRAMES), FRAMES), FRAMES, tmp_path, 1e6)


def test_the_first_of_equal_ones() -> None:
    """
    On floats, fixed point, pixels and accumulators, and in the process.
    """
    x = np.random.default_rng(0).integers(0, 3, (50, 4, 2, 3)).astype(float)
    want = np.full((50, 1, 2, 3), 3.0)
    for place in reversed(range(4)):
        want[:, 0][x[:, place] == x.max(axis=1)] = place
    for element in (f64, FixedType(8, 4), ui8, si8, i32):
        net = Net((4, 2, 3), element)
        op = blend.ArgmaxOp(net.input, 1, "classes", None if element == f64 else FixedType(3, 3))
        (got,) = interpreter_of(net.module(net.add(op))).run_op(op, (x,))
        np.testing.assert_array_equal(got, want)
    source = Block(arg_types=[stream.StreamType(2, 3, 4, FixedType(8, 4))]).args[0]
    process = stream.ArgmaxOp(source, FixedType(3, 3))
    (got,) = interpreter_of(ModuleOp([])).run_op(process, (x.reshape(50, 4, 6).transpose(0, 2, 1),))
    np.testing.assert_array_equal(got.reshape(want.shape), want)


def test_a_cycle_per_beat() -> None:
    source = Block(arg_types=[stream.StreamType(2, 3, 12, FixedType(8, 4), 4)]).args[0]
    process = process_of(stream.ArgmaxOp(source, FixedType(5, 5)))
    assert process.cycles(process.folding) == 2 * 3 * 12 / 4
    assert {f.reads for f in process.foldings("lut")} == {1, 2, 3, 4, 6, 12}
    assert {f.writes for f in process.foldings("lut")} == {1}
    lut = [process.cost(folding)["lut"] for folding in process.foldings("lut")]
    assert lut == sorted(lut)


def test_values_that_are_only_compared_are_not_rounded() -> None:
    module = blendir.lower(blendir.from_torch(classes(FUNCTIONS["features"]), FRAMES[:1]), "fixed", FRAMES.numpy())
    (op,) = [op for op in module.walk() if isinstance(op, blend.ArgmaxOp)]
    (linear,) = [op for op in module.walk() if isinstance(op, blend.FixedLinearOp)]
    kind = tensor_type(op.input).element_type
    assert isinstance(kind, FixedType)
    bias = tensor_type(linear.bias).element_type
    assert isinstance(bias, FixedType)
    assert kind.format.frac == bias.format.frac
    assert tensor_type(returned_values(module)[0]).element_type == FixedType(5, 5)


def test_a_near_tie_is_uncertain() -> None:
    net = Net((3,))
    doubled = net.add(blend.AddOp(net.input, net.input, layer="twice"))
    module = net.module(net.add(blend.ArgmaxOp(doubled, 1, "classes")))
    x = np.array([[1.0, 1.0 + 2**-43, 0.0], [1.0, 2.0, 0.0], [5.0, 5.0, 0.0]])
    assert Values(module, x).uncertain.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda net, y: y.argmax(), "over the leading dimension, the batch"),
        (lambda net, y: y.argmax(0), "over the leading dimension, the batch"),
        (lambda net, y: F.softmax(y, 1), "end the network before it"),
        (lambda net, y: F.softmax(y, 2).argmax(1), "end the network before it"),
        (lambda net, y: (F.softmax(y, 1), F.softmax(y, 1).argmax(1)), "end the network before it"),
        (lambda net, y: y.topk(2, 1).values, "the values of a topk of 2 .only its indices"),
        (lambda net, y: y.topk(1, 0).indices, "leading dimension, the batch"),
    ],
)
def test_refused(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        blendir.from_torch(classes(function), FRAMES[:1])


@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_of_features_and_their_places(name: str) -> None:
    """
    One number for each frame.
    """
    stages = lowered_outputs(classes(lambda net, y: tuple(getattr(net.fc(y.flatten(1)), name)(1))))
    for y in stages:
        assert y.shape == (6,)


def test_the_value_of_one() -> None:
    module = imported(classes(lambda net, y: net.fc(y.flatten(1)).topk(1, largest=False).values), FRAMES)
    lowered(module, FRAMES)


def lowered_outputs(model: nn.Module) -> list[np.ndarray]:
    """
    What a model of two outputs gives at [imported] and at [stream], close to PyTorch.
    """
    with torch.no_grad():
        want = [v.numpy() for v in model(FRAMES)]
    module, found = blendir.from_torch(model, FRAMES[:1]), []
    for stage in (module, blendir.lower(module, "stream", FRAMES.numpy())):
        outputs = blendir.run(stage, FRAMES.numpy())
        np.testing.assert_allclose(outputs[0], want[0], atol=1e-2)
        np.testing.assert_array_equal(outputs[1], want[1])
        found += outputs
    return found


def test_maxima_and_their_places() -> None:
    module = blendir.from_torch(classes(lambda net, y: tuple(y.max(1))), FRAMES[:1])
    values, places = blendir.run(module, FRAMES.numpy())
    assert values.shape == places.shape == (6, 4, 3)
    assert isinstance(places[0, 0, 0], np.float64)


@pytest.mark.parametrize("kind", ["features", "a map", "tokens"])
def test_the_simulator_agrees(kind: str) -> None:
    module = blendir.lower(blendir.from_torch(classes(FUNCTIONS[kind]), FRAMES[:1]), "stream", FRAMES.numpy())
    schedule(module)
    timing = simulate(module)
    outcome = play(module, timing.chained.frames, interval=timing.chained.interval)
    assert outcome.finished
    assert outcome.leaving == timing.chained.leaving.tolist()


def test_accuracy_of_classes(tmp_path: Path) -> None:
    model, x = classes(FUNCTIONS["softmax"]), FRAMES.numpy()
    with torch.no_grad():
        labels = model(FRAMES).numpy()
    labels[0] = (labels[0] + 1) % 10
    module = blendir.from_torch(model, FRAMES[:1])
    build = blendir.compile(module, tmp_path / "design", calibration=x)
    assert build.report["end_to_end"] == {"frames": 6, "correlation": None, "same_largest": 1.0}
    for source in (model, module, build.module, build):
        assert evaluate(source, x, labels).accuracy == pytest.approx(5 / 6)
    assert [classes_of(m) for m in (module, build.module)] == [10, 10]
    with pytest.raises(ValueError, match="the network gives 12 classes for a frame"):
        evaluate(blendir.from_torch(classes(FUNCTIONS["a map"]), FRAMES[:1]), x, labels)


def test_accuracy_of_the_best_of_several_classes() -> None:
    model = classes(FUNCTIONS["three"])
    x = FRAMES.numpy()
    with torch.no_grad():
        places = model(FRAMES).numpy()
    module = blendir.from_torch(model, FRAMES[:1])
    for source in (module, blendir.lower(module, "fixed", x)):
        assert [evaluate(source, x, places[:, k]).accuracy for k in range(3)] == [1, 0, 0]


def test_accuracy_of_the_first_of_several_outputs() -> None:
    model = classes(lambda net, y: (net.fc(y.flatten(1)), y))
    with torch.no_grad():
        labels = model(FRAMES)[0].numpy().argmax(1)
    for source in (model, blendir.from_torch(model, FRAMES[:1])):
        with pytest.warns(UserWarning, match="has 2 outputs; the first is evaluated"):
            assert evaluate(source, FRAMES.numpy(), labels).accuracy == 1


@pytest.mark.parametrize(("softmax", "axis", "opset"), [("", 0, 17), ("Softmax", 1, 17), ("LogSoftmax", 1, 11)])
def test_onnx(tmp_path: Path, softmax: str, axis: int, opset: int) -> None:
    net = OnnxFile([1, 3, 6, 5], opset=opset)
    y = net.conv("input", 3, 4, binary=False)
    y = net.add(softmax, y, axis=axis) if softmax else y
    module = blendir.from_onnx(net.save(tmp_path / "net.onnx", net.add("ArgMax", y, axis=1, keepdims=0)))
    assert blendir.run(blendir.lower(module, "folded"), FRAMES.numpy()).shape == (6, 6, 5)  # pyright: ignore
    assert classes_of(module) == 4


def test_places_behind_softmax_in_onnx(tmp_path: Path) -> None:
    net = OnnxFile([1, 7])
    places = net.add("TopK", net.add("Softmax", "input"), np.array([2]), more=1) + "_"
    module = blendir.from_onnx(net.save(tmp_path / "net.onnx", places))
    x = FRAMES.reshape(6, -1)[:, :7].numpy()
    np.testing.assert_array_equal(blendir.run(module, x), np.argsort(-x, axis=1)[:, :2])


@pytest.mark.parametrize("opset", [17, 11])
def test_refused_in_onnx(tmp_path: Path, opset: int) -> None:
    net = OnnxFile([1, 3, 6, 5], opset=opset)
    path = net.save(tmp_path / "net.onnx", net.add("ArgMax", net.add("Softmax", "input", axis=2), axis=1))
    with pytest.raises(UnsupportedModelError, match="the largest score stays the largest"):
        blendir.from_onnx(path)
