"""
`blendir-opt`, and the tools as processes.
"""

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from commands import contents, shell, tool

from blendir.passes.fold.fold_bn import FoldBNPass
from blendir.tools import opt
from blendir.tools.terminal import MARKED_OP


def test_pass_flags_keep_their_order():
    names = ["fold-bn", "quantize", "pack48"]

    def lowered(*arguments: str) -> list[str]:
        return opt.lower_pass_flags(arguments, names)

    assert lowered("--fold-bn", "--pack48", "n.mlir") == ["-p", "fold-bn,pack48", "n.mlir"]
    assert lowered("--pack48", "-p", "dce,cse", "--fold-bn") == ["-p", "pack48,dce,cse,fold-bn"]
    assert lowered("n.mlir", '--quantize=bits=8 calibration="a b.npy"', "-o", "y") == [
        *["-p", 'quantize{bits=8 calibration="a b.npy"}', "n.mlir", "-o", "y"]
    ]
    assert lowered("--passes=fold-bn") == ["-p", "fold-bn"]
    assert lowered("--", "--fold-bn") == ["--", "--fold-bn"]
    assert lowered("--nope") == ["--nope"]


def call_opt(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = opt.main(arguments)
    return code, *capsys.readouterr()


def test_opt_equals_lower(here: Path, capsys: pytest.CaptureFixture[str]):
    flags = ["--fold-bn", '--quantize=calibration="x.npy"', "--pack48", "net.mlir"]
    code, out, err = call_opt(capsys, *flags)
    assert (code, err) == (0, "")
    assert out.strip() == Path("design/ir/packed.mlir").read_text().strip()
    assert call_opt(capsys, *flags, "-o", "out.mlir") == (0, "", "")
    assert Path("out.mlir").read_text() == out
    help_text = shell(tool("blendir-opt"), "--help").stdout
    assert "--fold-bn" in help_text
    assert "--lower-to-stream" in help_text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.mlir"], "none.mlir: No such file"),
        (["-p", "nope", "net.mlir"], "nope"),
        (["--nope", "net.mlir"], "--nope"),
        (["-p", "fold-bn{", "net.mlir"], "fold-bn{"),
        (["--fold-bn=deep=1", "net.mlir"], "deep"),
        (["--fold-bn", '--verify-stage=stage="fixed"', "net.mlir"], "not at [fixed]"),
        (["--fold-bn", '--quantize=calibration="none.npy"', "net.mlir"], "none.npy"),
        (["-t", "verilog", "net.mlir"], "verilog"),
        (["--fold-bn", "net.mlir", "-o", "no/such/out.mlir"], "no/such/out.mlir"),
    ],
)
def test_opt_bad_use(here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str):
    Path("kept.mlir").write_text("kept")
    output = [] if "-o" in arguments else ["-o", "kept.mlir"]
    code, out, err = call_opt(capsys, *arguments, *output)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert message in err
    assert Path("kept.mlir").read_text() == "kept"


def test_internal_failure_saves_the_ir(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise KeyError("oops")

    with monkeypatch.context() as patch:
        patch.setattr(FoldBNPass, "apply", fail)
        code, out, err = call_opt(capsys, "--raise-binary", "--fold-bn", "net.mlir")
    assert (code, out, len(err.splitlines())) == (3, "", 1)
    command = err.strip().partition("reproduce with: ")[2]
    saved = Path(command.split()[-1])
    assert command.startswith("blendir-opt -p 'fold-bn'")
    code, _, err = call_opt(capsys, "-p", "fold-bn", str(saved))
    assert (code, err) == (0, "")
    saved.unlink()


def test_marked_operation():
    note = '  "func.func"() ({\n  ^bb0(%x: i1):\n    %y = "a.b"(%x) {layer = "s.0"} : (i1) -> i1\n    ^^^^^^^^^-----\n'
    found = MARKED_OP.search(note)
    assert found is not None
    assert found.groups() == ("a.b", "s.0")


def test_pipe_of_tools(here: Path):
    pipe = f"{tool('blendir-opt')} --fold-bn --pack48 net.mlir | {tool('blendir-translate')} --to-hls"
    done = shell("bash", "-o", "pipefail", "-c", f"{pipe} -o piped --calibrate x.npy")
    assert done.stdout == ""
    shell("make", "-C", "piped", "csim")
    assert contents(here / "piped")["src/weights.h"] == contents(here / "design")["src/weights.h"]


def test_plain_xdsl_opt_sees_the_passes(here: Path):
    folded = shell(tool("xdsl-opt"), "-p", "fold-bn", "net.mlir").stdout
    assert folded.strip() == Path("design/ir/folded.mlir").read_text().strip()


def test_broken_pipe_is_quiet(here: Path):
    Path("big.mlir").write_text("\n// -----\n".join([Path("net.mlir").read_text()] * 40))
    np.save("many.npy", np.tile(np.load("x.npy"), (300, 1, 1, 1)))
    for command in (
        f"{tool('blendir-opt')} --split-input-file big.mlir",
        f"{tool('blendir')} run net.mlir --input many.npy",
    ):
        done = shell("bash", "-o", "pipefail", "-c", f"{command} | head -c 10", code=141)
        assert done.stderr == ""


def test_interrupt_is_one_line(here: Path):
    os.mkfifo("pipe.npy")
    command = [tool("blendir"), "run", "net.mlir", "--input", "pipe.npy"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with Path("pipe.npy").open("wb"):  # which the tool has opened as well and waits for
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "blendir: interrupted\n")
