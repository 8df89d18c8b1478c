"""
Compiled code against the interpreter: every layer and output, and what can go wrong around it.
"""

import copy
import json
import os
import re
import shutil
import subprocess
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from agreement import assert_equal, named
from commands import refused, run, shell
from networks import random_network
from stage_checks import joined, lowered
from test_zoo_networks import FRAMES, IMAGE, NARROW, SIDES, entry
from torch import Tensor, nn
from torch.nn import functional as F
from xdsl.dialects.builtin import ModuleOp, TensorType, i1, i64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region

import blendir
from blendir.backends.cpu import build
from blendir.backends.cpu.native import Native
from blendir.backends.cpu.plan import lifetimes, plan_of
from blendir.dialects.blend import ClampOp, ConstantOp, FixedConv2dOp, FixedType, MultiThresholdOp
from blendir.errors import UserError
from blendir.interpreter import run_module
from blendir.modules import parse_module, read_module
from blendir.numerics import Rounding
from blendir.tools.translate import translate
from blendir.verification import tensor_trace

NETWORKS = 10


def check(fixed: ModuleOp, x: np.ndarray) -> Native:
    """
    Every layer of [fixed], and the outputs with and without a trace.
    """
    net = blendir.native(fixed)
    reference, output = tensor_trace(fixed, x)
    trace, y = net.trace(x)
    assert_equal(reference, trace, fixed, "native")
    np.testing.assert_array_equal(joined(y), joined(output))
    np.testing.assert_array_equal(joined(net(x, threads=2)), joined(output))
    np.testing.assert_array_equal(joined(net(x[:1])), joined(output)[:1])
    return net


@pytest.mark.parametrize("seed", range(400, 400 + NETWORKS))
def test_random_networks(seed: int) -> None:
    network = random_network(seed)
    check(lowered(network, network.imported(), network.frames.numpy())["fixed"], network.frames.numpy())


@pytest.mark.parametrize("name", [*(narrow.name for narrow in NARROW), *SIDES])
def test_networks_of_the_zoo(name: str) -> None:
    narrow = next((n for n in NARROW if n.name == name), None) or entry(name, SIDES[name], IMAGE)
    frames = narrow.example(FRAMES)
    check(blendir.lower(blendir.from_torch(narrow.random(), frames), "fixed", frames.numpy()), frames.numpy())


@pytest.fixture(scope="module")
def tiny(made: Path) -> ModuleOp:
    return blendir.lower(read_module(made / "net.mlir"), "fixed", np.load(made / "x.npy"))


@pytest.fixture
def x(made: Path) -> np.ndarray:
    return np.load(made / "x.npy")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BLENDIR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_several_outputs_and_no_frames(x: np.ndarray, tiny: ModuleOp) -> None:
    module = tiny.clone()
    main = next(op for op in module.ops if isinstance(op, FuncOp))
    returned = main.get_return_op()
    assert returned is not None
    first = main.body.block.first_op
    while first is not None and first.name != "blend.fixed_conv2d":
        first = first.next_op
    assert first is not None
    results = [first.results[0], *returned.operands]
    main.body.block.insert_op_before(ReturnOp(*results), returned)
    main.body.block.erase_op(returned)
    main.update_function_type()
    net = check(module, x)
    assert [y.shape for y in net(x)] == [y.shape for y in run_module(module, x)] == [(20, 8, 6, 6), (20, 4)]
    assert [y.shape for y in net(x[:0])] == [(0, 8, 6, 6), (0, 4)]


def test_buffers_of_a_plan_do_not_overlap(tiny: ModuleOp) -> None:
    plan = plan_of(blendir.lower(tiny, "packed"))
    spans = lifetimes(plan)
    for i, (a, span) in enumerate(zip(plan.buffers, spans, strict=True)):
        for b, other in zip(plan.buffers[:i], spans[:i], strict=True):
            together = span.first <= other.last and other.first <= span.last
            assert not together or a.offset >= b.offset + b.bytes or b.offset >= a.offset + a.bytes, (a, b)
    assert blendir.native(tiny).arena_bytes == plan.arena_bytes > 0


def test_stages_that_are_not_integers_are_a_line(made: Path, tiny: ModuleOp) -> None:
    with pytest.raises(UserError, match=r"^the native engine runs integers, and the module is at \[imported\]; lower"):
        blendir.native(read_module(made / "net.mlir"))
    with pytest.raises(UserError, match=r"^the native engine runs \[fixed\] and \[packed\], and the module is at"):
        blendir.native(blendir.lower(tiny, "stream"))
    with pytest.raises(UserError, match=r"^threads should be a number from 1 on, got 0$"):
        blendir.native(tiny)(np.load(made / "x.npy"), threads=0)


def test_an_operation_without_a_kernel_is_named() -> None:
    text = """
    func.func @main(%x: tensor<1x2x4x!blend.word>) -> tensor<1x2x4x!blend.word> {
      func.return %x : tensor<1x2x4x!blend.word>
    }
    """
    with pytest.raises(UserError, match=r"^the network takes words, which frames cannot hold"):
        plan_of(parse_module(text, "text"))


def changed(module: ModuleOp) -> ModuleOp:
    """
    Another bias in the last layer.
    """
    text = str(module)
    at = text.rindex('dense<"0x') + len('dense<"0x')
    return parse_module(text[:at] + f"{int(text[at], 16) ^ 1:x}" + text[at + 1 :], "text")


def test_a_module_is_never_taken_for_another(tiny: ModuleOp, x: np.ndarray, cache: Path) -> None:
    first = blendir.native(tiny)
    for other in (str(tiny), str(tiny.clone())):
        assert (blendir.native(parse_module(other, "text"))(x) == first(x)).all()
    assert len(list(cache.iterdir())) == 1
    edited = changed(tiny)
    assert (run_module(edited, x) != run_module(tiny, x)).any()
    assert (blendir.native(edited)(x) == run_module(edited, x)).all()
    assert len(list(cache.iterdir())) == 2
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        copy.deepcopy(first)


def test_the_key_is_of_everything_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"network.cpp": "a", "weights.bin": b"b"}
    keys = {build.key_of(files, False), build.key_of(files, True), build.key_of(files | {"weights.bin": b"c"}, False)}
    keys.add(build.key_of({"network.cpp": "ab", "weights.bin": b""}, False))
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-g"))
    keys.add(build.key_of(files, False))
    monkeypatch.setattr(build, "machine", lambda: "another compiler")
    keys.add(build.key_of(files, False))
    assert len(keys) == 6


def test_a_machine_is_the_same_in_every_process() -> None:
    first = build.machine()
    build.machine_of.cache_clear()
    assert build.machine() == first


def test_threads_that_compile_the_same_share_it(tiny: ModuleOp, x: np.ndarray, cache: Path) -> None:
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(blendir.native(tiny)(x))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(cache.iterdir())) == 1
    assert (found[0] == found[1]).all()


def test_threads_are_kept_and_a_fork_has_its_own(tiny: ModuleOp, x: np.ndarray, cache: Path) -> None:
    net = blendir.native(tiny)
    want = net(x)
    assert (net(x, threads=3) == want).all()
    names = {thread.name for thread in threading.enumerate()}
    assert (net(x, threads=3) == want).all()
    assert {thread.name for thread in threading.enumerate()} == names
    child = os.fork()
    if child == 0:
        os._exit(0 if (net(x, threads=3) == want).all() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_cache_that_cannot_be_written_is_a_line(
    tiny: ModuleOp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BLENDIR_CACHE", str(tmp_path / "file"))
    with pytest.raises(
        UserError, match=rf"^{tmp_path}/file: .*; name another folder for compiled networks in BLENDIR_C"
    ):
        blendir.native(tiny)


def test_a_full_disk_is_a_line(tiny: ModuleOp, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build.os, "replace", full)
    with pytest.raises(UserError, match=r"cache: No space left on device; name another folder"):
        blendir.native(tiny)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, r"^the native engine needs g\+\+, which is not installed"),
        ("echo 'fatal error: broken' >&2; exit 1", r"^asking g\+\+ for its version failed: fatal error: broken$"),
    ],
)
def test_a_compiler_that_fails_is_a_line(
    tiny: ModuleOp, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, message: str
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if script is not None:
        (folder / "g++").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "g++").chmod(0o755)
        (folder / "sh").symlink_to(str(shutil.which("sh")))
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(UserError, match=message):
        blendir.native(tiny)


def test_a_folder_for_cpus(here: Path, x: np.ndarray) -> None:
    """
    It holds the program, which runs .npy files, is verified and evaluated, and is noticed where it was changed.
    """
    assert run("compile", "net.mlir", "-o", "d", "--backend", "cpu", "--calibrate", "x.npy", "-q").exit_code == 0
    assert run("net.mlir", "-o", "e", "--to-cpp", "--calibrate", "x.npy", "-q", command=translate).exit_code == 0
    files = {p.name: p.read_bytes() for p in Path("d").iterdir() if p.is_file()}
    assert files == {p.name: p.read_bytes() for p in Path("e").iterdir() if p.is_file()}
    shell("make", "-C", "d", "network")
    shell("d/network", "x.npy", "y.npy")
    want = run_module(read_module(Path("d/ir/packed.mlir")), x)
    assert (np.load("y.npy") == want).all()
    found = json.loads(run("verify", "d", "--data", "x.npy", "--json").stdout)
    assert (found["mismatches"], set(found["stages"])) == (0, {"packed", "native", "C++ for CPUs"})
    labelled = ("--data", "labelled.npz", "--json")
    stages = [
        json.loads(run("evaluate", "d", *labelled, "--engine", e).stdout) for e in ("native", "csim", "interpreter")
    ]
    assert [s["stage"] for s in stages] == ["fixed, native", "C++ for CPUs", "fixed"]
    assert len({s["accuracy"] for s in stages}) == 1
    text = Path("d/network.cpp").read_text()
    place, crc = re.search(r"fc_weights = .*network_weights \+ (\d+)", text), re.search(r"~crc == 0x(\w+)", text)
    assert place is not None
    assert crc is not None
    weights, start = Path("d/weights.bin").read_bytes(), int(place[1])
    flipped = weights[:start] + bytes(255 - byte for byte in weights[start : start + 64]) + weights[start + 64 :]
    Path("d/weights.bin").write_bytes(flipped)
    message = "weights.bin is not that of network.cpp; compile the design again"
    refused(run("verify", "d", "--data", "x.npy"), message)
    shell("make", "-C", "d", "network")
    assert (
        subprocess.run(["d/network", "x.npy", "y.npy"], capture_output=True, text=True).stderr == f"error: {message}\n"
    )
    Path("d/network.cpp").write_text(text.replace(crc[1], f"{zlib.crc32(flipped):08X}"))
    wrong = run("verify", "d", "--data", "x.npy", "--json")
    assert (wrong.exit_code, json.loads(wrong.stdout)["stages"]["native"]["mismatches"]) == (1, 0)
    assert json.loads(wrong.stdout)["stages"]["C++ for CPUs"]["mismatches"] > 0
    Path("d/network.h").write_text("")
    refused(run("verify", "d", "--data", "x.npy"), "network.h is not that of this blendir")


def test_the_interpreter_runs_few_frames_of_many(here: Path) -> None:
    x = np.random.default_rng(1).integers(0, 256, (130, 3, 6, 6), np.uint8)
    found = blendir.verify("design", x)
    assert (found.images, found.mismatches) == (130, 0)
    numbers = {name: c.numbers for name, c in found.comparisons.items()}
    assert numbers["C++"] * 64 == numbers["native"] * 130 == numbers["packed"] * 130
    alone = blendir.verify("design", x[:4], engine="interpreter")
    assert set(alone.comparisons) == {"packed", "stream"}
    with pytest.raises(ValueError, match="unknown engine fast; the engines are interpreter, native, csim"):
        blendir.verify("design", x, engine="fast")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("width", [8, 16, 20, 24, 31, 40])
def test_convolutions_of_any_width(width: int) -> None:
    """
    In every type that products are summed in, with padding other than zero and a bias for each border class.
    """
    rng, rounding = np.random.default_rng(width), list(Rounding)[width // 8 % 2]
    source, weight, bias, result = FixedType(width, 9), FixedType(10, 1), FixedType(30, 30 - width), FixedType(16, 14)
    kind, most = TensorType(source, (1, 3, 8, 9)), 1 << min(29, width + 11)
    block = Block(arg_types=[kind])
    constants = [
        ConstantOp.from_numpy(rng.integers(-512, 512, (5, 3, 3, 3)), weight),
        ConstantOp.from_numpy(rng.integers(-most, most, (5, 3, 3)), bias),
        ConstantOp.from_numpy(rng.integers(-128, 128, 3), source),
    ]
    w, b, pad = (constant.result for constant in constants)
    op = FixedConv2dOp(block.args[0], w, b, (1, 1), (1, 1), result, pad, "conv", rounding)
    block.add_ops([*constants, op, ReturnOp(op.result)])
    module = ModuleOp([FuncOp("main", ([kind], [op.result.type]), Region(block))])
    module.verify()
    scale = 2.0 ** (9 - width)
    x = rng.integers(-(1 << (width - 1)), 1 << (width - 1), (3, 3, 8, 9)) * scale
    x[0, :, :2], x[0, :, 2:4] = -256, 256 - scale
    check(module, x)
    assert len(np.unique(run_module(module, x))) > 50


class Parts(nn.Module):
    """
    What no other network here has, with the names that the generated function gives to its own variables.
    """

    def __init__(self) -> None:
        super().__init__()
        self.o, self.p = nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2), nn.PReLU(6)
        self.v, self.v0 = nn.LayerNorm(6), nn.BatchNorm2d(6)
        self.int16_t = nn.Conv2d(6, 33, 3, padding=1, groups=3, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = self.p(self.o(x / 32))
        y = torch.roll(y[:, [5, 0, 3, 2, 1, 4], 1:-1, ::2], 1, 3)
        tokens = self.v(torch.tanh(y).flatten(2).transpose(1, 2))
        signs = torch.sign(self.v0(y))
        counts = F.conv2d(F.pad(signs, (1, 0, 0, 1)), torch.sign(self.int16_t.weight), padding=1, groups=3)
        return tokens, counts, counts.mean((2, 3)).argmax(1), tokens.topk(2, 2).indices


def test_moves_groups_and_names_of_the_function() -> None:
    torch.manual_seed(1)
    frames = torch.randint(-128, 128, (5, 4, 7, 10), dtype=torch.int8)
    module = blendir.from_torch(Parts().eval(), frames)
    check(blendir.lower(module, "fixed", frames.numpy()), frames.numpy())


def test_levels_and_limits_beyond_32_bits() -> None:
    source = FixedType(42, 20)
    kind = TensorType(source, (1, 6))
    block = Block(arg_types=[kind])
    limits = np.sort(np.random.default_rng(0).integers(-(1 << 41), 1 << 41, (6, 3)), axis=1)
    thresholds, invert = ConstantOp.from_numpy(limits, i64), ConstantOp.from_numpy(np.arange(6) % 2 == 1, i1)
    levels = MultiThresholdOp(block.args[0], thresholds.result, invert.result, -(1 << 40) - 1, 1 << 39)
    clamped = ClampOp(block.args[0], -(1 << 40) - 1, 1 << 36)
    block.add_ops([thresholds, invert, levels, clamped, ReturnOp(levels.result, clamped.result)])
    results = [levels.result.type, clamped.result.type]
    module = ModuleOp([FuncOp("main", ([kind], results), Region(block))])
    module.verify()
    x = np.random.default_rng(1).integers(-(1 << 41), 1 << 41, (9, 6)) * 2.0**-22
    levels_found, _ = check(named(module), x)(x)
    assert len(np.unique(levels_found)) == 4
