"""
The rules of flat dataflow tops and of the process library: a clean text, then one edit that breaks each rule.
"""

import pytest

from blendir.backends.hls import project
from blendir.backends.hls.cpp_names import Output
from blendir.backends.hls.cpp_scan import arguments, scan, split_commas
from blendir.backends.hls.dataflow import WRITERS, check_dataflow, check_library
from blendir.backends.hls.xnor_project import PROCESS, UNIT
from blendir.dialects.stream import SinkOp

TOP = """\
#include "top.h"

void top(stream<axi_word>& in, stream<axi_word>& out, int frames) {
#pragma HLS interface axis port=in
#pragma HLS dataflow
  stream<bits<24>> pixels("pixels");
#pragma HLS stream variable=pixels depth=2
  axi_source<input_cfg>(in, pixels, frames);

  // first stage
  stream<bits<24>> left("left");
#pragma HLS stream variable=left depth=2
  stream<bits<24>> right("right");
#pragma HLS STREAM VARIABLE=right depth=96
  fork2<bits<24>, 1024>(pixels, left, right, frames);

  hls::stream<array<bits<16>, 4>> sums("sums");
#pragma HLS stream variable=sums depth=2
  blendir::fixed_mvu<conv_cfg>(left, sums, conv_weights, conv_bias, frames);

  stream<bits<16>> total;
#pragma HLS stream variable=total depth=2
  add<add_cfg>(sums, right, total, frames);
  axi_sink<output_cfg>(total, out, frames);
}
"""


def test_clean_top() -> None:
    assert check_dataflow(TOP, "top.cpp") == []


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("#pragma HLS dataflow\n", "\n", 1, "no function has a dataflow pragma"),
        ("  axi_source", "  static int calls;\n  axi_source", 8, "a static local"),
        ("  axi_source", "  int n = frames;\n  axi_source", 8, "neither a stream declaration nor a call"),
        ("  axi_source", "  if (frames > 0) axi_source", 8, "neither a stream declaration nor a call"),
        ("  axi_source", "  for (;;) {}\n  axi_source", 8, "neither a stream declaration nor a call"),
        ("(in, pixels, frames);", "(in, pixels, frames); add(x, y, z);", 8, "neither a stream declaration"),
        ("(in, pixels, frames);", "(in, pixels,\n frames);", 8, "neither a stream declaration nor a call"),
        (
            "(in, pixels, frames)",
            "(in, pixels, frames * 2)",
            8,
            "'frames * 2' of axi_source is an expression",
        ),
        ("(in, pixels, frames)", "(in, pixels, 4)", 8, "'4' of axi_source is an expression"),
        ("conv_bias", "bias[3]", 19, "'bias[3]' of fixed_mvu is an expression"),
        ("fixed_mvu", "mystery", 19, "unknown process mystery"),
        ("right, total, frames", "right, totl, frames", 23, "add writes totl, which is no stream"),
        ("add<add_cfg>(sums, right, total, frames)", "add<add_cfg>(sums, right)", 23, "add has 2 arguments"),
        ("(left, sums,", "(left, right,", 13, "stream right has 2 writers"),
        ("(left, sums,", "(left, right,", 17, "stream sums has 0 writers"),
        ("(sums, right,", "(sums, sums,", 17, "stream sums has 2 readers"),
        ("(sums, right,", "(sums, sums,", 13, "stream right has 0 readers"),
        ("#pragma HLS stream variable=left depth=2\n", "\n", 11, "stream left has no depth"),
        ("variable=left", "variable=lift", 12, "names lift, which is not declared"),
        ("(total, out,", "(total, in,", 3, "argument in of top has 2 users"),
        ("(total, out,", "(total, in,", 3, "argument out of top has 0 users"),
    ],
)
def test_broken_top(old: str, new: str, line: int, message: str) -> None:
    assert old in TOP
    problems = check_dataflow(TOP.replace(old, new), "src/top.cpp")
    assert [text for text in problems if text.startswith(f"src/top.cpp:{line}: ") and message in text], problems


def test_read_before_write() -> None:
    call = "  add<add_cfg>(sums, right, total, frames);\n"
    declaration = '  stream<bits<16>> total("total");\n'
    assert call in TOP
    early = TOP.replace(call, "").replace("  blendir::fixed_mvu", f"{declaration}{call}  blendir::fixed_mvu")
    problems = check_dataflow(early, "top.cpp")
    assert "top.cpp:20: stream sums is read before it is written; call its writer first" in problems


def test_table_of_writers() -> None:
    assert WRITERS["window"] == WRITERS["binary_mvu"] == (1,)
    assert WRITERS["residual"] == (2, 3)
    assert WRITERS["fork4"] == (1, 2, 3, 4)


TAIL = "  write_results(out, results, frames);"
OUTPUTS = [Output(SinkOp.__new__(SinkOp), "out", "output_word", "OUTPUT_WORDS", 32, 10)]
XNOR = f"{PROCESS}\n{UNIT}"


def generated(changed: dict[str, str] | None = None) -> dict[str, str]:
    """
    Sources that keep all rules, some of them replaced.
    """
    memory = project.for_outputs(project.template("top_memory.cpp"), OUTPUTS)
    return {"top.cpp": TOP, "top_memory.cpp": memory, "xnor_dsp.h": XNOR} | (changed or {})


def test_every_generated_region_and_process_is_checked() -> None:
    project.check_sources(generated())
    memory = generated()["top_memory.cpp"]
    assert TAIL in memory
    for edit in (memory.replace(TAIL, ""), memory.replace(TAIL, f"{TAIL}\n{TAIL}")):
        with pytest.raises(AssertionError, match=r"top_memory\.cpp:\d+: stream out has [02] readers"):
            project.check_sources(generated({"top_memory.cpp": edit}))
    pipeline = "#pragma HLS pipeline II=1 style=stp\n"
    assert pipeline in XNOR
    with pytest.raises(AssertionError, match=r"xnor_dsp\.h:\d+: a loop that uses a stream is not pipelined"):
        project.check_sources(generated({"xnor_dsp.h": XNOR.replace(pipeline, "")}))


LIBRARY = """\
namespace blendir {
static_assert(sizeof(int) == 4, "int");

template <typename CFG>
void window(stream<bits<16>>& in, stream<bits<16>>& out, int frames) {
#pragma HLS inline off
  const int total = frames * CFG::pixels;
  int row = 0;
SLOTS:
  for (int slot = 0; slot < total; ++slot) {
#pragma HLS pipeline II=1 style=flp
    for (int tap = 0; tap < 3; ++tap) {
#pragma HLS unroll
      if (tap == row) {
        out.write(in.read());
      }
    }
  }
  for (int i = 0; i < 9; ++i) row += i;
}

void binary_mvu_dsp(stream<bits<16>>& in, stream<bits<16>>& out, int frames) {
  for (int i = 0; i < frames; ++i) {
#pragma HLS pipeline II=1 style=stp
    out.write(in.read());
  }
}

struct counter {
  static const int width = 3;
  static int next(int value) { return value + 1; }
};
}  // namespace blendir
"""


def test_clean_library() -> None:
    assert check_library(LIBRARY, "window.hpp") == []


FLP = "#pragma HLS pipeline II=1 style=flp\n"
COUNT = "  const int total = frames * CFG::pixels;\n"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (FLP, "\n", 10, "not pipelined"),
        (f"{FLP}    for", "    next(in);\n    for", 10, "not pipelined"),
        (FLP, "#pragma HLS pipeline II=1\n", 10, "has the default style; write style=flp"),
        (FLP, "#pragma HLS pipeline II=1 style=stp\n", 10, "has stp; write style=flp"),
        ("void binary_mvu_dsp", "void binary_mvu", 23, "has stp; write style=flp"),
        ("style=stp", "style=frp", 23, "has frp; write style=flp"),
        (COUNT, f"{COUNT}  for (int f = 0; f < frames; ++f) {{", 8, ""),
        (COUNT, f"{COUNT}  while (!in.empty()) {{}}\n", 8, "waits in a loop"),
        (COUNT, f"{COUNT}  while (true) {{}}\n", 8, "waits in a loop"),
        (COUNT, f"{COUNT}  for (;;) {{}}\n", 8, "loops without an end"),
        (COUNT, f"{COUNT}  bool idle = in . empty ();\n", 8, "tests a stream for emptiness"),
        (COUNT, f"{COUNT}  bool busy = out.full();\n", 8, "tests a stream for fullness"),
        (COUNT, f"{COUNT}  in.read_nb(word);\n", 8, "non-blocking"),
        (COUNT, f"{COUNT}  out.write_nb(word);\n", 8, "non-blocking"),
        (COUNT, f"{COUNT}  static int line[4];\n", 8, "a static in window"),
        (COUNT, f"{COUNT}  for (int i = 0; i < 9; ++i) x[i] = in.read();\n", 8, "without braces"),
    ],
)
def test_broken_library(old: str, new: str, line: int, message: str) -> None:
    assert old in LIBRARY
    if not message:
        text = LIBRARY.replace(old, new).replace("  for (int i = 0; i < 9; ++i) row += i;\n", "  }\n")
        message = "not pipelined"
    else:
        text = LIBRARY.replace(old, new, 1)
    problems = check_library(text, "blendir/window.hpp")
    assert [item for item in problems if item.startswith(f"blendir/window.hpp:{line}: ") and message in item], problems


def test_a_loop_is_reported_once() -> None:
    text = LIBRARY.replace(FLP, "#pragma HLS pipeline II=1\n    next(in, in.read(), in.read());\n")
    assert len(check_library(text, "window.hpp")) == 1


@pytest.mark.parametrize("use", ["next(in)", "in >> word", "out.write(word)", "member.read()"])
def test_a_stream_may_be_read_by_a_helper(use: str) -> None:
    body = f"  for (; i < 9; ++i) {{\n#pragma HLS %s\n    {use};\n  }}\n"
    process = f"void f(stream<int>& in, stream<int>& out, int downstream) {{\n{body}}}\n"
    assert check_library(process % "pipeline style=flp", "f.hpp") == []
    problems = check_library(process % "unroll", "f.hpp")
    assert len(problems) == 1
    assert "f.hpp:2: a loop that uses a stream is not pipelined" in problems[0]


@pytest.mark.parametrize(
    ("condition", "seen"),
    [
        ("#ifndef __SYNTHESIS__", False),
        ("#ifdef __SYNTHESIS__", True),
        ("#ifdef __SYNTHESIS__\n#else", False),
        ("#ifdef BLENDIR_TOOL_TYPES\n#else", False),
        ("#if !defined(__SYNTHESIS__)", False),
        ("#if !defined(__SYNTHESIS__) && defined(TRACE)", False),
        ("#if !defined(__SYNTHESIS__) || defined(TRACE)", True),
        ("#if defined(__SYNTHESIS__) || defined(TRACE)\n#else", False),
        ("#if defined(__SYNTHESIS__) && defined(FAST)\n#else", True),
        ("#ifdef TRACE\n#else", True),
        ("#ifdef TRACE", True),
        ("#ifndef __SYNTHESIS__\n#ifdef TRACE\n#endif", False),
        ("#ifndef __SYNTHESIS__\n#endif\n#ifdef TRACE", True),
    ],
)
def test_simulation_branches_are_not_checked(condition: str, seen: bool) -> None:
    poll = f"{COUNT}{condition}\n  while (!in.empty()) {{}}\n#endif\n"
    assert (check_library(LIBRARY.replace(COUNT, poll), "window.hpp") != []) == seen


def test_scan_keeps_lines() -> None:
    source = scan('int a; /* {\n{ */ // {\nchar b = \'{\', *c = "{ \\" {";\n#define D {\nvoid f() {\n}\n')
    assert [(block.kind, block.name, source.line(block.start)) for block in source.blocks] == [("function", "f", 5)]


@pytest.mark.parametrize("text", ["void f() {", "}\n"])
def test_unbalanced_braces(text: str) -> None:
    with pytest.raises(ValueError, match="line 1: unbalanced"):
        scan(text)


def test_arguments() -> None:
    function = scan(
        "template <int N, bool B = (N > 0)>\nvoid f(stream<pair<int, 3>>& in, const int w[2][3], T n = 1) {}"
    ).blocks[0]
    assert list(arguments(function)) == ["in", "w", "n"]
    assert split_commas("f(a, b), c<d, e>") == ["f(a, b)", "c<d, e>"]
    assert split_commas(" ") == []
