"""
Networks that return several values: their order and names, every stage, the C++ and what is refused.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from agreement import lowered
from layers import Sign, float64
from onnx_files import OnnxFile
from token_simulator import play
from torch import Tensor, nn

import blendir
from blendir.backends.hls.csim import Csim
from blendir.frontend import ImportMismatchError
from blendir.hardware.timing import processes, simulate
from blendir.interpreter import output_names
from blendir.modules import parse_module
from blendir.pipeline import schedule
from blendir.verification import stream_trace, tensor_trace, verify

FRAMES = torch.randn(5, 3, 6, 6, generator=torch.Generator().manual_seed(1))


class Heads(nn.Module):
    """
    Layers of which a function makes what is returned.
    """

    def __init__(self, function: Callable[..., Any]):
        super().__init__()
        self.function = function
        self.stem, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.a, self.b, self.sign = nn.Linear(64, 5), nn.Linear(64, 2), Sign()

    def forward(self, x: Tensor) -> Any:
        return self.function(self, self.norm(self.stem(x)), x)


def heads(function: Callable[..., Any]) -> nn.Module:
    torch.manual_seed(0)
    return Heads(function).eval()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "a tuple": lambda net, y, x: (net.a(F.relu(y).flatten(1)), net.b(y.flatten(1))),
    "a list": lambda net, y, x: [net.b(y.flatten(1)), y],
    "a dictionary in its order": lambda net, y, x: {"z": net.b(y.flatten(1)), "a": net.a(y.flatten(1))},
    "one value twice": lambda net, y, x: (lambda z: (z, z))(net.a(y.flatten(1))),
    "a value that is also used": lambda net, y, x: (y, net.a(F.relu(y).flatten(1))),
    "a sum that is also thresholded": lambda net, y, x: (lambda z: (z, net.a(net.sign(z).flatten(1))))(y + F.relu(y)),
    "the input": lambda net, y, x: (x, net.norm(y)),
    "five values": lambda net, y, x: (y, F.relu(y), y * 2, y.mean((2, 3)), net.sign(y)),
    "a moved one": lambda net, y, x: (y.permute(0, 2, 3, 1), y.flatten(1)),
}


def wanted(model: nn.Module, frames: Tensor) -> list[np.ndarray[Any, Any]]:
    with float64(model), torch.no_grad():
        found = model(frames.double())
    return [value.numpy() for value in (found.values() if isinstance(found, dict) else found)]


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_every_stage(kind: str) -> None:
    model, x = heads(FUNCTIONS[kind]), FRAMES.numpy()
    module = blendir.from_torch(model, FRAMES[:1])
    want = wanted(model, FRAMES)
    for stage in (module, blendir.lower(module, "folded")):
        for got, value in zip(blendir.run(stage, x), want, strict=True):
            np.testing.assert_allclose(got, value, 1e-9, 1e-9)
    fixed = blendir.lower(module, "fixed", x)
    reference, outputs = tensor_trace(fixed, x)
    for stage, trace in (("packed", tensor_trace), ("stream", stream_trace)):
        found, later = trace(blendir.lower(fixed, stage), x)
        for layer, values in reference.items():
            np.testing.assert_array_equal(found[layer], values)
        for got, value in zip(later, outputs, strict=True):
            np.testing.assert_array_equal(got, value)


@pytest.mark.parametrize("kind", ["a dictionary in its order", "the input", "five values"])
def test_the_cpp(tmp_path: Path, kind: str) -> None:
    x = FRAMES.numpy()
    module = blendir.from_torch(heads(FUNCTIONS[kind]), FRAMES[:1])
    build = blendir.compile(module, tmp_path / "design", calibration=x)
    expected = blendir.run(build.module, x)
    bounded = Csim(build.module, build.path, tmp_path / "bounded", bounded=True)
    for outputs in (build.csim(x), bounded(x), [y[:0] for y in build.csim(x)]):
        for got, want in zip(outputs, expected, strict=True):
            np.testing.assert_array_equal(got, want[: len(got)])
    assert [y.shape for y in build.csim(x[:0])] == [(0, *y.shape[1:]) for y in expected]
    assert verify(build.path, x).mismatches == 0
    assert [part["words_per_frame"] for part in build.report["output"]] == [y[0].size for y in expected]
    done = subprocess.run(["make", "-s", "csim"], cwd=build.path, capture_output=True, text=True, check=True)
    assert "5 images" in done.stdout
    assert "PASS" in done.stdout


MAIN = """
#include <fstream>
#include <iterator>
#include <vector>
#include "top.h"
extern "C" void top_memory(const blendir::bits<512>*, blendir::bits<32>*, blendir::bits<32>*, unsigned);
int main(int, char** argv) {
  std::ifstream file(argv[1], std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<blendir::bits<512> > words(bytes.size() / 64);
  for (std::size_t i = 0; i < words.size() * 64; ++i) {
    blendir::put<8>(words[i / 64], static_cast<int>(i % 64), static_cast<unsigned char>(bytes[i]));
  }
  const unsigned frames = 5;
  std::vector<blendir::bits<32> > results(frames * (OUTPUT0_WORDS + OUTPUT1_WORDS));
  top_memory(words.data(), results.data(), results.data() + frames * OUTPUT0_WORDS, frames);
  std::ofstream out(argv[2], std::ios::binary);
  for (std::size_t i = 0; i < results.size(); ++i) {
    for (int b = 0; b < 4; ++b) out.put(static_cast<char>(blendir::get_unsigned<8>(results[i], b)));
  }
}
"""


def test_each_output_has_a_buffer_in_memory(tmp_path: Path) -> None:
    module = blendir.from_torch(heads(FUNCTIONS["a tuple"]), FRAMES[:1])
    design = blendir.compile(module, tmp_path / "design", calibration=FRAMES.numpy()).path
    (tmp_path / "main.cpp").write_text(MAIN)
    packed, results = tmp_path / "packed.bin", tmp_path / "results.bin"
    subprocess.run([sys.executable, design / "host/pack.py", design / "tb/input.bin", packed], check=True)
    flags = ["-std=c++14", "-O1", "-Wall", "-Wno-unknown-pragmas", "-Werror", f"-I{design / 'src'}"]
    sources = [tmp_path / "main.cpp", design / "src/top_memory.cpp"]
    subprocess.run(["g++", *flags, *sources, "-o", tmp_path / "run"], check=True)
    subprocess.run([tmp_path / "run", packed, results], check=True)
    assert results.read_bytes() == (design / "tb/golden.bin").read_bytes()
    host = (design / "host/host.cpp").read_text()
    assert "kernel(input, output_0, output_1, count)" in host
    assert "sp=top_memory_1.results_1:DDR[0]" in (design / "link.cfg").read_text()


def test_names_survive_every_stage_and_the_text() -> None:
    module = blendir.from_torch(heads(FUNCTIONS["a dictionary in its order"]), FRAMES[:1])
    for stage in lowered_stages(module):
        assert output_names(parse_module(str(stage), "text")) == ["output.z", "output.a"]
    assert [op.layer_name for op in processes(stage)][-2:] == ["output.z", "output.a"]
    assert output_names(blendir.from_torch(heads(FUNCTIONS["a list"]), FRAMES[:1])) == ["output.0", "output.1"]
    assert output_names(blendir.from_torch(heads(lambda net, y, x: (y,)), FRAMES[:1])) == ["output"]


def lowered_stages(module: Any) -> list[Any]:
    stages = [module, *(blendir.lower(module, stage, FRAMES.numpy()) for stage in ("folded", "fixed", "packed"))]
    return [*stages, blendir.lower(stages[-1], "stream")]


def test_the_latency_is_that_of_the_last_output() -> None:
    late = blendir.from_torch(heads(lambda net, y, x: net.a(y.flatten(1))), FRAMES[:1])
    both = blendir.from_torch(heads(lambda net, y, x: (y, net.a(y.flatten(1)))), FRAMES[:1])
    latencies = [
        simulate(blendir.lower(module, "stream", FRAMES.numpy())).first_frame_latency for module in (late, both)
    ]
    assert latencies[0] <= latencies[1] <= latencies[0] + 20


def test_the_simulator_agrees() -> None:
    module = blendir.lower(
        blendir.from_torch(heads(FUNCTIONS["a value that is also used"]), FRAMES[:1]), "stream", FRAMES.numpy()
    )
    schedule(module)
    timing = simulate(module)
    outcome = play(module, timing.chained.frames, interval=timing.chained.interval)
    assert outcome.finished
    assert outcome.leaving == timing.chained.leaving.tolist()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda net, y, x: (y, (x, y)), "output 1 of the model is a tuple: return tensors side by side"),
        (lambda net, y, x: {"a": y, "b": [x]}, "output b of the model is a list: return tensors side by side"),
        (lambda net, y, x: (y, net.stem.weight), "output 1 of the model does not depend on its input"),
        (lambda net, y, x: (y, 3), "output 1 of the model does not depend on its input"),
        (lambda net, y, x: {1: y, "1": x}, "give each output a name of its own"),
        (lambda net, y, x: (), "the model returns nothing"),
    ],
)
def test_refused(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as found:
        blendir.from_torch(heads(function), FRAMES[:1])
    assert len(str(found.value).splitlines()) == 1


def test_a_wrong_second_output_is_found() -> None:
    class Other(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x + 1, x * (2 if torch.compiler.is_compiling() else 3)

    with pytest.raises(ImportMismatchError, match=r"output\.1"):
        blendir.from_torch(Other().eval(), FRAMES[:1])


def test_onnx(tmp_path: Path) -> None:
    net = OnnxFile([1, 3, 6, 6])
    y = net.conv("input", 3, 4, binary=False)
    path = net.save(tmp_path / "net.onnx", net.add("Relu", y), y, "input")
    module = blendir.from_onnx(path)
    assert output_names(module) == ["output.value1", "output.value0", "output.input"]
    relu, conv, same = blendir.run(blendir.lower(module, "folded"), FRAMES.numpy())
    np.testing.assert_array_equal(relu, np.maximum(conv, 0))
    np.testing.assert_array_equal(same, FRAMES.numpy())


def test_one_value_in_a_tuple_is_an_array() -> None:
    module = blendir.from_torch(heads(lambda net, y, x: (y,)), FRAMES[:1])
    assert "stream" in lowered(module, FRAMES)
    assert isinstance(blendir.run(module, FRAMES.numpy()), np.ndarray)
