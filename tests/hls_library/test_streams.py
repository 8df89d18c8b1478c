"""
Streams, traces, widths and headers of the HLS library.
"""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest
from hls_library.building import INCLUDE, compiled, executed, flags_of

LAYERS = ["native-O2-poison", "ap-O0-poison"]


@pytest.mark.parametrize("build", LAYERS)
def test_reading_an_empty_stream_ends_the_program(build: str, tmp_path: Path) -> None:
    text = """
#include <blendir/blendir.hpp>
#include <cstdio>
using namespace blendir;
int main() {
  stream<bits<20>> s("starved");
  s.write(5);
  if (s.read() != 5) return 1;
  s.read();
  std::printf("went on");
  return 0;
}
"""
    done = executed(compiled(tmp_path, "starved", text, flags_of(build)))
    assert done.returncode == 3
    assert "went on" not in done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert "'starved'" in lines[0]


@pytest.mark.parametrize("build", LAYERS)
def test_a_starved_unit_ends_the_program(build: str, tmp_path: Path) -> None:
    text = """
#include <blendir/blendir.hpp>
using namespace blendir;
struct cfg { static const int P = 2, B = 2, N = 4; };
int main() {
  stream<bits<4>> in("short_input"), a("a"), b("b");
  for (int i = 0; i < 7; ++i) in.write(i);
  fork2<cfg>(in, a, b, 2);
  return 0;
}
"""
    done = executed(compiled(tmp_path, "short", text, flags_of(build)))
    assert done.returncode == 3
    assert "'short_input'" in done.stderr


@pytest.mark.parametrize("build", LAYERS)
def test_trace_files_hold_exactly_the_beats(build: str, tmp_path: Path) -> None:
    rng = random.Random(3)
    widths = (1, 8, 20, 48, 64, 130)
    words = {w: [rng.getrandbits(w) for _ in range(6)] for w in widths}
    body = [
        f'  stream<bits<{w}>> s{w}("s{w}");\n'
        + "\n".join(
            f"  {{ bits<{w}> x = 0;"
            + "".join(f" place<1>(x, {k}, {v >> k & 1});" for k in range(w))
            + f" if (half == {n // 3}) s{w}.write(x); }}"
            for n, v in enumerate(words[w])
        )
        + f"\n  for (int i = 0; i < 3; ++i) s{w}.read();"
        for w in widths
    ]
    text = (
        "#include <blendir/blendir.hpp>\nusing namespace blendir;\nvoid top(int half) {\n"
        + "\n".join(body)
        + '\n  stream<axi_word<24>> t("tdata");\n'
        + "  t.write(make_axi_word<24>(bits<24>(0x123456 + half), true));\n  t.read();\n"
        + "}\nint main() { top(0); top(1); return 0; }\n"
    )
    trace = tmp_path / "trace"
    trace.mkdir()
    flags = [*flags_of(build), f'-DBLENDIR_TRACE="{trace}"']
    program = compiled(tmp_path, "traced", text, flags)
    for _ in range(2):  # a second process starts the files afresh
        assert executed(program).returncode == 0
    for w in widths:
        expected = b"".join(v.to_bytes(-(-w // 8), "little") for v in words[w])
        assert (trace / f"s{w}.bin").read_bytes() == expected, w
    assert (trace / "tdata.bin").read_bytes() == bytes.fromhex("563412573412")
    assert len(os.listdir(trace)) == len(widths) + 1


@pytest.mark.parametrize("build", ["native-O2-poison", "ap-O2"])
def test_zero_frames_read_and_write_nothing(build: str, tmp_path: Path) -> None:
    text = """
#include <blendir/blendir.hpp>
using namespace blendir;
struct cfg {
  static const int E = 1, C = 4, H = 3, W = 3, KH = 3, KW = 3, SH = 1, SW = 1, DH = 1, DW = 1, PH = 1, PW = 1,
                   OH = 3, OW = 3, GI = 4, GO = 9;
};
int main() {
  stream<bits<4>> in("in");
  stream<bits<9>> out("out");
  const bits<1> pad[4] = {0, 0, 0, 0};
  window<cfg>(in, out, pad, 0);
  return out.empty() ? 0 : 1;
}
"""
    assert executed(compiled(tmp_path, "none", text, flags_of(build))).returncode == 0


@pytest.mark.parametrize(
    "text",
    ['stream<bits<1025>> s("s");', "bits<0> x; (void)x;", "sint<65> x; (void)x;"],
)
@pytest.mark.parametrize("build", ["native-O2-poison", "ap-O2"])
def test_unsupported_widths_do_not_compile(build: str, text: str, tmp_path: Path) -> None:
    source = tmp_path / "wide.cpp"
    source.write_text(f"#include <blendir/blendir.hpp>\nusing namespace blendir;\nint main() {{ {text} }}\n")
    command = ["g++", *flags_of(build), "-fsyntax-only", str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "width outside the supported range" in done.stderr


def test_each_header_stands_alone(tmp_path: Path) -> None:
    for header in sorted((INCLUDE / "blendir").glob("*.hpp")):
        assert len(header.read_text().splitlines()) < 300, header.name
        text = f"#include <blendir/{header.name}>\n#include <blendir/{header.name}>\n"
        compiled(tmp_path, header.stem, text + "int main() { return 0; }\n", flags_of("native-O0"))
