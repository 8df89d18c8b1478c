"""
Frames per second on a CPU: compiled code of the [packed] module beside PyTorch and, where it is installed, ONNX
Runtime (of floats, and of 8-bit weights with `quantize_dynamic`), one thread each, in one run.

    python benchmarks/cpu.py [--models blendnet20 ...] [--seconds 1.0] [--no-compile]

Rounds take turns; a figure is the median of its rounds, in CPU time where one thread computes. The share of each kind
of layer comes from a build that reads the clock behind every layer. The limit of popcounts is measured with a loop that
does nothing else.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import blendir
from blendir.backends.cpu import build
from blendir.backends.cpu.native import Native, aligned_bytes, pointer, pointers
from blendir.frontend.errors import first_line
from blendir.interpreter import encode_input, input_type
from blendir.tools.counts import count
from blendir.tools.inputs import load_model

MODELS = ("blendnet20", "neuroblend18", "reactnet-resnet18", "blendmixer-s4", "cnv")
BATCHES = (1, 64)
ROUNDS = 5
POPCOUNTS = """
#include "blendir_cpu/products.hpp"
extern "C" void popcounts(const uint16_t* x, const uint32_t* w, int16_t* y, size_t rounds) {
  for (size_t i = 0; i < rounds; ++i)
    for (int o = 0; o < 64; o += 4) {
      blendir::Bits::sum<36, 4>(x, w + o * 36, *(int16_t(*)[4][32])(y + o * 32));
      __asm__ volatile("" ::: "memory");
    }
}
"""


def compiled(text: str, files: dict[str, Any], folder: Path, *flags: str) -> ctypes.CDLL:
    """
    A library of a text and other files.
    """
    for path, content in {**files, "network.cpp": text}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
    command = ["g++", *build.flags(False), *flags, "-shared", "-fPIC", "network.cpp", "-o", "network.so"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "network.so"))


def popcount_limit(net: Native) -> float:
    """
    Products of bits per second where nothing but them is computed.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = compiled(POPCOUNTS, dict(net.files), Path(folder)).popcounts
        x, w, y = aligned_bytes(36 * 64), aligned_bytes(64 * 36 * 4), aligned_bytes(64 * 64)
        found: list[float] = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            run(pointer(x), pointer(w), pointer(y), ctypes.c_size_t(2000))
            found.append(2000 * 64 * 36 * 512 / (time.perf_counter() - start))
    return statistics.median(found)


def shares(net: Native, x: Any) -> dict[str, float]:
    """
    Microseconds per frame of each kind of layer, in its quickest round; a layer that runs with the ones behind it
    counts for its own kind.
    """
    with tempfile.TemporaryDirectory() as name:
        library = compiled(str(net.files["network.cpp"]), dict(net.files), Path(name), "-DBLENDIR_PROFILE")
        frames = np.ascontiguousarray(encode_input(x, input_type(net.module)), net.plan.input.buffer.dtype)
        outputs = [np.empty((len(x), *v.shape), v.buffer.dtype) for v in net.plan.outputs]
        arena = aligned_bytes(net.arena_bytes)
        times = (ctypes.c_double * max(1, len(net.plan.steps))).in_dll(library, "network_times")
        rounds: list[list[float]] = []
        for _ in range(4 * ROUNDS):
            times[:] = [0.0] * len(times)
            library.network_run(*pointers(frames, outputs, 0), ctypes.c_size_t(len(x)), pointer(arena))
            rounds.append(list(times))
    found: Counter[str] = Counter()
    for step, spent in zip(net.plan.steps, map(min, *rounds), strict=False):
        parts = [part.op.name.removeprefix("blend.") for part in step.parts or (step,)]
        found["+".join(dict.fromkeys(parts))] += spent / len(x) / 1000
    return dict(found.most_common())


def rates(runs: dict[str, Callable[[], Any]], frames: int, seconds: float) -> dict[str, float]:
    """
    Frames per second of functions that take so many, in turns: of CPU time, which other work does not lengthen; of two
    threads, of the time on the clock.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(ROUNDS):
        for name, run in runs.items():
            clock = time.perf_counter if "threads" in name else time.process_time
            start, done = clock(), 0
            while clock() - start < seconds / ROUNDS or not done:
                run()
                done += 1
            times[name].append(done * frames / (clock() - start))
    return {name: statistics.median(found) for name, found in times.items()}


def onnx_runs(network: torch.nn.Module, x: torch.Tensor, folder: str) -> dict[str, Callable[[Any], Any]]:
    """
    A network in ONNX Runtime, of floats and of 8-bit weights; nothing, and a line, where a package is missing or the
    network has no such form.
    """
    try:
        import onnxruntime
        from onnxruntime.quantization import quantize_dynamic
    except ImportError as error:
        print(f"  without ONNX Runtime: {error.name} is not installed")
        return {}
    files = {"onnxruntime": f"{folder}/float.onnx", "onnxruntime int8": f"{folder}/int8.onnx"}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        torch.onnx.export(
            network, (x,), files["onnxruntime"], dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}}
        )
    except RuntimeError as error:
        print(f"  without ONNX Runtime: PyTorch cannot export the network: {first_line(error)}")
        return {}
    quantize_dynamic(files["onnxruntime"], files["onnxruntime int8"])
    sessions = {n: onnxruntime.InferenceSession(f, options, ["CPUExecutionProvider"]) for n, f in files.items()}
    return {n: partial(lambda session, frames: session.run(None, {"x": frames}), s) for n, s in sessions.items()}


def measure(name: str, seconds: float, compile_too: bool) -> None:
    """
    Prints the rates of a network of the zoo.
    """
    model = load_model(name, None, None)
    assert model.example is not None
    kind = model.example.dtype
    rng = np.random.default_rng(0)
    shape = (64, *model.example.shape[1:])
    x = rng.integers(0, 256, shape, np.uint8) if kind == np.uint8 else rng.normal(size=shape).astype(kind)
    packed = blendir.lower(blendir.from_torch(model.network, model.example), "packed", x[:16])
    net = blendir.native(packed)
    assert (net(x[:4]) == blendir.run(packed, x[:4])).all()
    print(f"{name}: arena {net.arena_bytes:,} bytes")
    network = model.network.eval()
    dynamo = torch.compile(network) if compile_too else None
    with tempfile.TemporaryDirectory() as folder:
        exported = onnx_runs(network, torch.as_tensor(x[:1]), folder)
    for batch in BATCHES:
        frames, tensors = x[:batch], torch.as_tensor(x[:batch])
        runs: dict[str, Callable[[], Any]] = {"native": lambda: net(frames), "eager": lambda: network(tensors)}
        if dynamo is not None:
            runs["torch.compile"] = lambda: dynamo(tensors)
        for what, run in exported.items():
            runs[what] = partial(run, frames)
        if batch > 1:
            runs["native, 2 threads"] = lambda: net(frames, threads=2)
        with torch.no_grad():
            found = rates(runs, batch, seconds)
        parts = [f"{what} {rate:,.0f} ({rate / found['eager']:.1f}x)" for what, rate in found.items()]
        print(f"  batch {batch}: {', '.join(parts)}")
    spent, limit, products = shares(net, x), popcount_limit(net), count(packed).bmac
    total = sum(spent.values())
    print(
        f"  per frame {total:.1f} us: "
        + ", ".join(f"{k} {v / total:.0%}" for k, v in spent.items() if v > 0.01 * total)
    )
    binary = sum(v for k, v in spent.items() if "binary" in k)
    print(f"  popcounts alone: {products / limit * 1e6:.1f} us per frame; layers with binary products: {binary:.1f} us")


def main() -> None:
    """
    The command line.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--seconds", type=float, default=1.0, help="of each figure")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.models:
        measure(name, given.seconds, not given.no_compile)


if __name__ == "__main__":
    main()
