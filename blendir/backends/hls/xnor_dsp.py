"""
XNOR of 48-bit words on DSP48E2 slices: a Verilog module per lane count, its C++ model and its descriptor.

The HLS tool cannot put a logic operation on a DSP, so the module enters as an RTL blackbox. A lane is one DSP
in logic mode, X = A:B and Z = C, registered at its inputs and at its output: latency 2, one result per cycle.
"""

import json
from collections.abc import Callable

from blendir.hardware.processes.binary_mvu import MAX_XNOR_WORDS as MAX_LANES
from blendir.packing import WORD_BITS

LATENCY = 2

OPMODE = "9'b000110011"
"""
W = 0, Z = C, Y = 0, X = A:B.
"""

ALUMODE = "4'b0101"
"""
X XNOR Z where Y is 0.
"""

_PARAMETERS = {
    **dict.fromkeys(("AREG", "ACASCREG", "BREG", "BCASCREG", "CREG", "PREG"), "1"),
    **dict.fromkeys(("ADREG", "DREG", "MREG"), "0"),
    **dict.fromkeys(("ALUMODEREG", "CARRYINREG", "CARRYINSELREG", "INMODEREG", "OPMODEREG"), "0"),
    "A_INPUT": '"DIRECT"',
    "B_INPUT": '"DIRECT"',
    "AMULTSEL": '"A"',
    "BMULTSEL": '"B"',
    "USE_MULT": '"NONE"',
    "USE_SIMD": '"ONE48"',
    "USE_WIDEXOR": '"FALSE"',
    "USE_PATTERN_DETECT": '"NO_PATDET"',
}
_PORTS = {
    "CLK": "ap_clk",
    "A": "a[48*lane+18 +: 30]",
    "B": "a[48*lane +: 18]",
    "C": "w[48*lane +: 48]",
    "P": "z[48*lane +: 48]",
    "OPMODE": OPMODE,
    "ALUMODE": ALUMODE,
    **dict.fromkeys(("CEA2", "CEB2", "CEC", "CEP"), "advance"),
    **dict.fromkeys(("CEA1", "CEB1", "CEAD", "CED", "CEM"), "1'b0"),
    **dict.fromkeys(("CEALUMODE", "CECARRYIN", "CECTRL", "CEINMODE"), "1'b0"),
    **dict.fromkeys(("RSTA", "RSTB", "RSTC", "RSTD", "RSTM", "RSTP"), "1'b0"),
    **dict.fromkeys(("RSTALLCARRYIN", "RSTALUMODE", "RSTCTRL", "RSTINMODE"), "1'b0"),
    **dict.fromkeys(("CARRYIN", "CARRYCASCIN", "MULTSIGNIN"), "1'b0"),
    "INMODE": "5'b0",
    "CARRYINSEL": "3'b0",
    "D": "{27{1'b1}}",
    "ACIN": "30'b0",
    "BCIN": "18'b0",
    "PCIN": "48'b0",
}

_CONTROL = """\
  reg accepted = 1'b0;
  reg done = 1'b0;
  wire advance = ap_ce & (ap_continue | ~done);

  always @(posedge ap_clk) begin
    if (ap_rst) begin
      accepted <= 1'b0;
      done <= 1'b0;
    end else if (advance) begin
      accepted <= ap_start;
      done <= accepted;
    end
  end

  assign ap_ready = ap_start & advance;
  assign ap_done = done;
  assign ap_idle = ~(ap_start | accepted | done);
"""


def lane_files(lanes: int) -> dict[str, str]:
    """
    The files of the blackbox with `lanes` words: Verilog, C++ model with its header, and descriptor.
    """
    if not 1 <= lanes <= MAX_LANES:
        raise ValueError(f"{lanes} XNOR lanes in one blackbox; choose 1 to {MAX_LANES}")
    name = module_name(lanes)
    return {
        f"{name}.v": verilog(lanes),
        f"{name}.h": cpp_header(lanes),
        f"{name}.cpp": cpp_model(lanes),
        f"{name}.json": descriptor(lanes),
    }


def module_name(lanes: int) -> str:
    """
    The name of the Verilog module and of the C++ function.
    """
    return f"xnor{WORD_BITS}x{lanes}"


def verilog(lanes: int) -> str:
    """
    The module: one DSP48E2 per lane, block-level handshake, all registers on one enable.

    `ap_ce` stalls everything; so does a finished result until `ap_continue` takes it. Data registers need no
    reset: the flags that travel with the data have one.
    """
    inputs = [f"  input  wire [47:0] {name}," for name in (*_names("a", lanes), *_names("w", lanes))]
    outputs = [f"  output wire [47:0] {name},\n  output wire {name}_ap_vld" for name in _names("z", lanes)]
    return f"""\
// z = ~(a ^ w) for {lanes} word(s) of 48 bits, one DSP48E2 each; latency {LATENCY}, one result per cycle.
module {module_name(lanes)} (
  input  wire ap_clk,
  input  wire ap_rst,
  input  wire ap_ce,
  input  wire ap_start,
  input  wire ap_continue,
  output wire ap_idle,
  output wire ap_done,
  output wire ap_ready,
{_lines(inputs)}
{_lines(outputs, ",")}
);
{_CONTROL}
  wire [{WORD_BITS * lanes - 1}:0] a = {{{_reversed("a", lanes)}}};
  wire [{WORD_BITS * lanes - 1}:0] w = {{{_reversed("w", lanes)}}};
  wire [{WORD_BITS * lanes - 1}:0] z;
  assign {{{_reversed("z", lanes)}}} = z;
  assign {{{_reversed("z", lanes, "_ap_vld")}}} = {{{lanes}{{done}}}};

  genvar lane;
  generate
    for (lane = 0; lane < {lanes}; lane = lane + 1) begin : lanes
{_instance()}
    end
  endgenerate
endmodule
"""


def cpp_header(lanes: int) -> str:
    """
    The declaration of the C++ model: a plain function, results by reference.
    """
    guard = f"{module_name(lanes).upper()}_H"
    return f"""\
// z = ~(a ^ w) for {lanes} word(s) of 48 bits; {module_name(lanes)}.v takes its place in synthesis.
#ifndef {guard}
#define {guard}

#include "blendir/types.hpp"

{_signature(lanes)};

#endif
"""


def cpp_model(lanes: int) -> str:
    """
    The definition of the C++ model.
    """
    results = [f"  z{lane} = blendir::bits<48>(~(a{lane} ^ w{lane}));" for lane in range(lanes)]
    return f"""\
#include "{module_name(lanes)}.h"

{_signature(lanes)} {{
{_lines(results)}
}}
"""


def descriptor(lanes: int) -> str:
    """
    The JSON file that tells the HLS tool how the C++ function and the Verilog module belong together.
    """
    name = module_name(lanes)
    inputs = (*_names("a", lanes), *_names("w", lanes))
    control = {key: f"ap_{key}" for key in ("idle", "start", "ready", "done", "continue")}
    fields = {
        "c_function_name": name,
        "rtl_top_module_name": name,
        "c_files": [{"c_file": f"{name}.cpp", "cflag": "-std=c++14 -DBLENDIR_COSIM -I../src"}],
        "rtl_files": [f"{name}.v"],
        "c_parameters": [*_each(inputs, _input_port), *_each(_names("z", lanes), _output_port)],
        "rtl_common_signal": {
            "module_clock": "ap_clk",
            "module_reset": "ap_rst",
            "module_clock_enable": "ap_ce",
            **{f"ap_ctrl_chain_protocol_{key}": signal for key, signal in control.items()},
        },
        "rtl_performance": {"latency": str(LATENCY), "II": "1"},
        "rtl_resource_usage": {"FF": "2", "LUT": "3", "BRAM": "0", "URAM": "0", "DSP": str(lanes)},
    }
    return json.dumps(fields, indent=2) + "\n"


def _each(names: tuple[str, ...], port: Callable[[str], object]) -> list[object]:
    return [port(name) for name in names]


def _input_port(name: str) -> object:
    return {"c_name": name, "c_port_direction": "in", "rtl_ports": {"data_read_in": name}}


def _output_port(name: str) -> object:
    ports = {"data_write_out": name, "data_write_valid": f"{name}_ap_vld"}
    return {"c_name": name, "c_port_direction": "out", "rtl_ports": ports}


def _signature(lanes: int) -> str:
    inputs = (*_names("a", lanes), *_names("w", lanes))
    declared = [f"blendir::bits<48> {name}" for name in inputs]
    declared += [f"blendir::bits<48>& {name}" for name in _names("z", lanes)]
    return f"void {module_name(lanes)}(\n    " + ",\n    ".join(declared) + ")"


def _instance() -> str:
    parameters = [f"        .{name}({value})" for name, value in _PARAMETERS.items()]
    ports = [f"        .{name}({value})" for name, value in _PORTS.items()]
    return f"""\
      DSP48E2 #(
{_lines(parameters, ",")}
      ) dsp (
{_lines(ports, ",")}
      );"""


def _names(prefix: str, lanes: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{lane}" for lane in range(lanes))


def _reversed(prefix: str, lanes: int, suffix: str = "") -> str:
    return ", ".join(f"{name}{suffix}" for name in reversed(_names(prefix, lanes)))


def _lines(lines: list[str], separator: str = "") -> str:
    return f"{separator}\n".join(lines)
