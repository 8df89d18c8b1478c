"""
What the tools write, when writing fails, and when they are stopped.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commands import SHAPE, contents, refused, run

from blendir import files
from blendir.tools import opt

FULL = "No space left on device"


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Every file takes a few bytes and no more.
    """

    def partly(path: Path, data: bytes | str, *_: object, **__: object) -> None:
        with path.open("wb") as file:
            file.write(data.encode()[:10] if isinstance(data, str) else data[:10])
        raise OSError(28, FULL)

    monkeypatch.setattr(Path, "write_text", partly)
    monkeypatch.setattr(Path, "write_bytes", partly)
    monkeypatch.setattr(np, "save", lambda file, _: partly(Path(file.name), b"0123456789ABC"))


WRITES = {
    "import": ("import", "tinynet:make", *SHAPE, "-o", "kept"),
    "run": ("run", "net.mlir", "--input", "x.npy", "-o", "kept"),
    "opt": ("--fold-bn", "net.mlir", "-o", "kept"),
}


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("command", WRITES)
def test_a_full_disk_leaves_what_was_there(
    command: str, there: bool, here: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
):
    if there:
        Path("kept").write_text("kept")
    before = sorted(here.iterdir())
    request.getfixturevalue("full_disk")
    if command == "opt":
        assert opt.main(WRITES[command]) == 2
        error = capsys.readouterr().err
    else:
        result = run(*WRITES[command])
        assert result.exit_code == 2
        error = result.stderr
    intact = f"{FULL} while saving; what was there before is intact"
    assert error.splitlines()[-1].endswith(f"error: {here / 'kept'}: {intact}")
    assert sorted(here.iterdir()) == before
    assert not there or Path("kept").read_text() == "kept"


def test_a_full_disk_names_the_design(here: Path, full_disk: None):
    folder = copied_design_before(here)
    refused(run("compile", "net.mlir", "-q", "-o", "copy", "--calibrate", "x.npy"), "copy", FULL)
    assert contents(here / "copy") == folder


def copied_design_before(here: Path) -> dict[str, bytes]:
    """
    A design that is there already; made by another process, since nothing can be written in this one.
    """
    subprocess.run(["cp", "-rL", "design", "copy"], cwd=here, check=True)
    return contents(here / "copy")


def test_a_full_device_is_named(here: Path):
    refused(run("import", "tinynet:make", "-q", *SHAPE, "-o", "/dev/full"), f"/dev/full: {FULL}")
    for command in (
        [sys.executable, "-m", "blendir.tools.opt", "net.mlir"],
        [sys.executable, "-m", "blendir.tools.cli", "run", "net.mlir", "--input", "x.npy"],
    ):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr.splitlines()[1:]) == (2, [])
        assert f"error: output: {FULL}" in done.stderr


def test_pipes_and_links_are_written_in_place(here: Path):
    os.mkfifo("pipe")
    reader = subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE, text=True)
    assert run("import", "tinynet:make", "-q", *SHAPE, "-o", "pipe").exit_code == 0
    assert reader.communicate()[0] == Path("net.mlir").read_text()
    Path("real.mlir").write_text("old")
    Path("link.mlir").symlink_to("real.mlir")
    assert run("import", "tinynet:make", "-q", *SHAPE, "-o", "link.mlir").exit_code == 0
    assert Path("link.mlir").is_symlink()
    assert Path("real.mlir").read_text() == Path("net.mlir").read_text()


def test_no_folder_is_made_for_a_file(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no/such/y"), files.output_file(tmp_path / "no" / "such" / "y"):
        pass
    assert list(tmp_path.iterdir()) == []


START = """
import sys
from blendir.tools import start

def loaded(module, load=start.import_module):
    print("up", flush=True)  # from here on Ctrl-C is heard
    return load(module)

start.import_module = loaded
sys.argv[0] = "{0}"
start.{1}()
"""


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.2, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("tool", ["blendir", "blendir-opt"])
def test_an_interrupt_at_any_moment_is_one_line(tool: str, delay: float, here: Path):
    os.mkfifo("pipe.mlir")
    arguments = {"blendir": ["run", "net.mlir", "--input", "pipe.mlir"], "blendir-opt": ["pipe.mlir"]}[tool]
    code = START.format(tool, tool.replace("-", "_"))
    held = os.open("pipe.mlir", os.O_RDWR)  # so that the tool waits for more
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    os.close(held)
    assert (process.returncode, out, err) == (130, "", f"{tool}: interrupted\n")


def test_exit_codes_pass_through(here: Path):
    for tool, arguments, code in (
        ("blendir", ["run", "none.mlir", "--input", "x.npy"], 2),
        ("blendir_opt", ["none.mlir"], 2),
        ("blendir_opt", ["net.mlir"], 0),
        ("blendir", ["--version"], 0),
    ):
        command = [sys.executable, "-c", START.format(tool, tool), *arguments]
        assert subprocess.run(command, capture_output=True, check=False).returncode == code
