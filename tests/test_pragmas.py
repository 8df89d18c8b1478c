"""
HLS pragmas: the accepted spellings, one rejected line for each rule, and the scopes they may stand in.
"""

import pytest

from blendir.backends.hls.pragmas import PragmaError, check_pragma, check_source, parse_pragma

ACCEPTED = [
    "dataflow",
    "dataflow disable_start_propagation",
    "pipeline",
    "pipeline II=1",
    "PIPELINE ii=1 style=flp",
    "pipeline II=FOLD style=stp  // as fast as the weights come",
    "pipeline style=flp rewind",
    "pipeline off",
    "unroll",
    "unroll factor=4 skip_exit_check",
    "inline",
    "inline off",
    "loop_flatten off",
    "loop_tripcount min=1 max=1024",
    "latency min=1 max=2",
    "array_partition variable=line complete dim=1",
    "array_partition variable=win complete dim=0",
    "array_partition variable=w cyclic factor=2*PE dim=2",
    "ARRAY_RESHAPE VARIABLE=w block factor=4",
    "bind_storage variable=rom type=rom_1p impl=lutram",
    "bind_storage variable=fifo type=fifo impl=srl",
    "bind_storage variable=line type=ram_2p impl=bram latency=2",
    "bind_op variable=product op=mul impl=dsp latency=3",
    "bind_op variable=sum op=sub impl=dsp latency=0",
    "bind_op variable=f op=fadd impl=fulldsp",
    "stream variable=skip depth=96",
    "stream variable=skip depth=(2 * W + 3)",
    "interface axis port=in",
    "interface s_axilite port=frames bundle=control",
    "interface s_axilite port=return offset=0x10",
    "interface m_axi port=in offset=slave bundle=gmem0 depth=48",
    "interface ap_ctrl_none port=return",
    "interface axis register_mode=both register port=out",
    "aggregate variable=pixel",
    "dependence variable=line inter false",
    "dependence variable=line intra RAW distance=2 true",
    "allocation operation instances=mul limit=1",
    "allocation function instances=tile<cfg> limit=1",
    "function_instantiate variable=mode",
    "stable variable=frames",
    "expression_balance off",
    "reset variable=count",
]

REJECTED = [
    ("pipline II=1", "unknown directive"),
    ("pipeline 1", "syntax error"),
    ("pipeline II=", "syntax error"),
    ("resource variable=x core=RAM_1P", "use bind_storage"),
    ("data_pack variable=x", "use aggregate"),
    ("pipeline interval=1", "unknown option interval="),
    ("pipeline II=1 ii=2", "given twice"),
    ("pipeline off off", "given twice"),
    ("pipeline flp", "unknown word flp"),
    ("pipeline style=free", "style cannot be free"),
    ("pipeline style=FLP", "style cannot be FLP"),
    ("pipeline II=0", "at least 1"),
    ("pipeline style=frp rewind", "conflicts with rewind"),
    ("pipeline off II=1", "off goes with nothing else"),
    ("pipeline rewind=true", "write the bare word rewind"),
    ("pipeline enable_flush", "write style=flp"),
    ("pipeline off=true", "off takes no value"),
    ("dataflow on", "unknown word on"),
    ("unroll off", "leave the pragma out"),
    ("unroll factor=0", "at least 1"),
    ("array_partition complete", "variable= is missing"),
    ("array_partition variable=x", "no kind is given"),
    ("array_partition variable=x full", "unknown word full"),
    ("array_partition variable=x cyclic", "cyclic needs a factor"),
    ("array_partition variable=x block dim=1", "block needs a factor"),
    ("array_partition variable=x complete factor=2", "does not go with complete"),
    ("array_partition variable=x complete cyclic factor=2", "repeats type"),
    ("array_partition variable=x type=complete", "write the bare word complete"),
    ("array_partition variable=x complete dim=#", "dim must be an integer expression"),
    ("array_reshape variable=x cyclic", "cyclic needs a factor"),
    ("bind_op variable=x op=xor impl=dsp", "op cannot be xor"),
    ("bind_op variable=x op=add impl=maxdsp", "choose fabric or dsp"),
    ("bind_op variable=x op=mul impl=dsp latency=5", "choose -1 to 4"),
    ("bind_op variable=x op=sub impl=dsp latency=1", "write latency=0"),
    ("bind_op variable=x op=add impl=dsp latency=two", "must be an integer"),
    ("bind_op variable=x impl=dsp", "op= is missing"),
    ("bind_op op=add impl=dsp", "variable= is missing"),
    ("bind_storage variable=x impl=bram", "type= is missing"),
    ("bind_storage variable=x type=RAM_2P", "type cannot be RAM_2P"),
    ("bind_storage variable=x type=fifo impl=bram_ecc", "a fifo cannot be bram_ecc"),
    ("bind_storage variable=x type=ram_1p impl=srl", "ram_1p cannot be srl"),
    ("stream depth=2", "variable= is missing"),
    ("stream variable=x depth=0", "at least 1"),
    ("stream variable=x depth=-1", "at least 1"),
    ("stream variable=x type=fifo depth=2", "a FIFO is the default"),
    ("stream variable=x off", "a FIFO is the default"),
    ("stream variable=2x depth=2", "must be a name"),
    ("interface axis", "port= is missing"),
    ("interface port=x", "no mode is given"),
    ("interface stream port=x", "unknown word stream"),
    ("interface mode=axis port=x", "write the bare word axis"),
    ("interface m_axi port=x offset=0x10", "choose off, direct or slave"),
    ("interface axis port=x direct_io=true", "leave it out"),
    ("aggregate variable=x compact=bit", "leave it out"),
    ("dependence variable=x inter", "add true or false"),
    ("dependence variable=x array inter false", "exclude each other"),
    ("dependence variable=x type=inter false", "write the bare word inter"),
    ("allocation operation instances=mul", "limit= is missing"),
    ("performance target_ti=100", "tools before 2022"),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted(text: str) -> None:
    check_pragma(f"#pragma HLS {text}")


@pytest.mark.parametrize(("text", "message"), REJECTED)
def test_rejected(text: str, message: str) -> None:
    with pytest.raises(PragmaError) as caught:
        check_pragma(f"#pragma HLS {text}")
    problem = str(caught.value)
    assert message in problem
    assert text.split()[0] in problem
    assert "; " in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    "text",
    [
        "array_partition variable=x type=complete",
        "array_partition variable=x off=true",
        "interface mode=AXIS port=x",
        "stream variable=x type=pipo depth=2",
        "pipeline style=FLP rewind=true",
        "bind_storage variable=x type=RAM_2P impl=BRAM",
        "dependence variable=x type=inter dependent=false",
        "performance target_ti=100",
    ],
)
def test_recent_spelling_on_request(text: str) -> None:
    check_pragma(f"#pragma HLS {text}", portable=False)
    with pytest.raises(PragmaError):
        check_pragma(f"#pragma HLS {text}")


@pytest.mark.parametrize("text", ["#pragma once", "pragma HLS inline", "# pragma HLSX inline", ""])
def test_not_an_hls_pragma(text: str) -> None:
    with pytest.raises(PragmaError, match="syntax error"):
        check_pragma(text)


def test_parts() -> None:
    pragma = parse_pragma("  #  pragma hls Interface axis PORT=out_0")
    assert (pragma.directive, pragma.words, pragma.options) == ("interface", ("axis",), {"port": "out_0"})


TOP = """\
#include "top.h"
#pragma once

void top(stream<bits<24>>& in, stream<bits<32>>& out, int frames) {
#pragma HLS interface axis port=in
#pragma HLS interface axis port=out
#pragma HLS interface s_axilite port=return
#pragma HLS dataflow
  stream<bits<16>> a("a");  // #pragma HLS nonsense
#pragma HLS stream variable=a depth=32
  source<cfg>(in, a, frames);
}
"""

PROCESS = """\
template <typename CFG, bool WIDE = (CFG::width > 64)>
void source(stream<bits<24>>& in, stream<bits<16>>& out, int frames) {
  for (int i = 0; i < frames; ++i) {
#pragma HLS pipeline II=1 \\
    style=flp
    out.write(in.read());
  }
}
"""


def test_clean_source() -> None:
    assert check_source(TOP, "top.cpp") == []
    assert check_source(PROCESS + TOP, "top.cpp") == []


@pytest.mark.parametrize(
    ("text", "old", "new", "line", "message"),
    [
        (TOP, "#include", "#pragma HLS inline\n#include", 1, "outside any function"),
        (TOP, "variable=a depth=32", "variable=a", 0, ""),
        (TOP, "variable=a depth=32", "variable=in depth=32", 10, "in is an argument of top"),
        (TOP, "  source<", "#pragma HLS pipeline II=1\n  source<", 11, "top is a dataflow function"),
        (TOP, "port=in\n", "port=input\n", 5, "top has no argument input"),
        (TOP, "depth=32", "depth=0", 10, "at least 1"),
        (
            TOP,
            "\nvoid top",
            "\nvoid top2() {\n  top(x, y, 1);\n}\nvoid top",
            8,
            "top is not the top function",
        ),
        (PROCESS, "  for", "#pragma HLS interface axis port=in\n  for", 3, "source is not the top function"),
        (PROCESS, "  for", "#pragma HLS dataflow\n  for", 5, "source is a dataflow function"),
        (PROCESS, "style=flp", "style=free", 4, "style cannot be free"),
        (PROCESS, "    style=flp", "#else", 4, "syntax error"),
        ("#ifndef __SYNTHESIS__\n#pragma HLS nonsense\n#endif\n", "x", "x", 0, ""),
        (
            "#ifdef __SYNTHESIS__\nvoid f() {\n#pragma HLS nonsense\n}\n#endif\n",
            "x",
            "x",
            3,
            "unknown directive",
        ),
        ("#if !defined(__SYNTHESIS__)\n#else\n#pragma HLS inline\n#endif\n", "x", "x", 3, "outside any"),
    ],
)
def test_scopes(text: str, old: str, new: str, line: int, message: str) -> None:
    problems = check_source(text.replace(old, new), "src/top.cpp")
    if not message:
        assert problems == []
        return
    assert problems
    assert problems[0].startswith(f"src/top.cpp:{line}: ")
    assert message in problems[0]
