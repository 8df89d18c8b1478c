"""
The printed SystemVerilog in Verilator: every beat of every stream is that of the interpreter, at any pace, and frames
take the cycles of the schedule.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from agreement import named
from commands import run
from layers import BinaryConv, Bordered, Sign
from modules import Net, frames, residual_network
from numpy.typing import NDArray
from rtl import simulation
from torch import nn
from xdsl.dialects.builtin import ModuleOp, i1, i64

import blendir
from blendir.backends.systemverilog import print_sv
from blendir.backends.systemverilog import simulation as verilated
from blendir.backends.systemverilog.simulation import RtlError, verilator
from blendir.dialects import blend
from blendir.hardware.goals import Goals
from blendir.pipeline import lower, schedule

Frames = NDArray[Any]
LINT = ("--lint-only", "-Wall", "--top-module", "top")


def scheduled(module: ModuleOp, x: Frames | None = None, **goals: Any) -> ModuleOp:
    made = lower(module, "stream", x)
    schedule(made, Goals(**goals), None)
    return made


def imported(model: nn.Module, x: Frames) -> ModuleOp:
    return blendir.from_torch(model.eval(), x[:1])


def linted(folder: Path, *defines: str) -> str:
    command, environment = verilator()
    files = ["rtl/lint.vlt", "top.sv", *(f"rtl/{file.name}" for file in sorted((folder / "rtl").glob("*.sv")))]
    done = subprocess.run(
        [*command, *LINT, *defines, *files], cwd=folder, env=environment, capture_output=True, text=True
    )
    return "\n".join(line for line in (done.stdout + done.stderr).splitlines() if line.startswith("%"))


def windows() -> nn.Module:
    """
    Idle slots, distant taps, windows outside the frame and border classes, in fixed point and in bits.
    """
    return nn.Sequential(
        Bordered((0, 1, 0, 1), 0.0, nn.Conv2d(3, 6, 3, 2)),
        nn.BatchNorm2d(6),
        nn.PReLU(6),
        nn.Conv2d(6, 4, 4, padding="same", dilation=(1, 2)),
        nn.BatchNorm2d(4),
        Sign(),
        BinaryConv(4, 50, 3, 1, 2, 0.0, True, dilation=2),
        nn.BatchNorm2d(50),
        Sign(),
        Bordered((2, 0, 0, 3), -1.0, BinaryConv(50, 7, 2, 2, 0, 0.0, False)),
        nn.BatchNorm2d(7),
        nn.Conv2d(7, 5, 2, 1, 3),
    )


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
def test_windows_of_any_shape(tmp_path: Path) -> None:
    torch.manual_seed(3)
    x = np.random.default_rng(0).normal(size=(3, 3, 9, 11)).astype(np.float32)
    made = simulation(scheduled(imported(windows(), x), x), tmp_path)
    made.check(x)
    assert linted(tmp_path) == linted(tmp_path, "-DBLENDIR_FAST", "-DBLENDIR_TRACE") == ""


def test_residuals_at_the_pace_of_a_unit_without_the_shortcuts_of_simulation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    FIFOs of shift registers and trees of adders, as they are synthesised.
    """
    flags = tuple(flag for flag in verilated.FLAGS if flag != "-DBLENDIR_FAST")
    assert len(flags) == len(verilated.FLAGS) - 1
    monkeypatch.setattr(verilated, "FLAGS", flags)
    module = residual_network(5, 6, 8, 2)
    schedule(module, Goals(cycles=240), None)
    x = np.random.default_rng(1).normal(size=(4, 8, 5, 6))
    simulation(module, tmp_path).check(x)
    assert linted(tmp_path) == ""


def test_lanes_in_dsps(tmp_path: Path) -> None:
    net = Net((4, 5, 4), blend.ui8)
    limit, invert = net.constant(np.full(4, 128), i64), net.constant(net.random_bits(4), i1)
    bits = net.add(blend.ThresholdOp(net.input, limit, invert))
    module = net.module(net.binary_conv(bits, net.random_bits(6, 4, 3, 3), pad=1))
    x = np.random.default_rng(0).integers(0, 256, (4, 4, 5, 4), np.uint8)
    made = simulation(scheduled(module, cycles=120, xnor="dsp"), tmp_path)
    assert ".XNOR_DSP(1)" in (tmp_path / "top.sv").read_text()
    made.check(x)
    assert linted(tmp_path) == ""


def test_a_process_without_a_module_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(print_sv, "library", dict)
    net = Net((2, 3, 3))
    module = net.module(net.count(net.sign(net.input)))
    with pytest.raises(ValueError, match=r"no module blendir_axi_source yet; compile it for hls$"):
        blendir.compile(module, tmp_path / "d", calibration=frames((2, 3, 3)), backend="systemverilog")


def test_a_design_of_any_backend_is_simulated(tmp_path: Path) -> None:
    """
    Python and the command agree; a wrong table is found, with the layer.
    """
    net = Net((2, 4, 4))
    x = frames((2, 4, 4))
    module = named(net.module(net.count(net.sign(net.norm(net.input)))))
    build = blendir.compile(module, tmp_path / "d", calibration=x, backend="systemverilog")
    np.testing.assert_array_equal(build.rtl(x), blendir.run(build.module, x))
    data = tmp_path / "x.npy"
    np.save(data, x)
    found = json.loads(run("simulate", str(tmp_path / "d"), "--data", str(data), "--json").stdout)
    assert found["mismatches"] == 0
    assert found["frame_interval"] == found["scheduled_interval"]
    assert found["first_frame_latency"] <= found["scheduled_latency"]
    (table,) = (tmp_path / "d" / "tables").glob("*_invert.hex")
    table.write_text(re.sub("[01]", lambda bit: str(1 - int(bit[0])), table.read_text()))
    result = run("verify", str(tmp_path / "d"), "--data", str(data), "--rtl", "--engine", "interpreter")
    assert result.exit_code == 1
    assert "[SystemVerilog] differs from [fixed] at layer" in result.output
    assert run("simulate", str(tmp_path / "d"), "--data", str(data)).exit_code == 1


def test_a_simulation_that_does_not_build_is_a_line(tmp_path: Path) -> None:
    net = Net((2, 3, 3))
    x = frames((2, 3, 3))
    module = net.module(net.count(net.sign(net.input)))
    build = blendir.compile(module, tmp_path / "d", calibration=x, backend="systemverilog")
    (tmp_path / "d" / "top.sv").write_text("module top (; endmodule\n")
    with pytest.raises(RtlError, match=r"^building the simulation failed with status 1: %Error: .*top.sv:1"):
        build.rtl(x)
