"""
The command lines as tests call them, and the files that they are called on.
"""

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from blendir.tools.cli import cli

FACTORY = """
import torch
from torch import nn
from torch.nn.functional import conv2d


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.PReLU(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = self.stem(x.to(self.stem.weight.dtype) / 64 - 2)
        bits, weight = (torch.where(v >= 0, 1.0, -1.0).to(x.dtype) for v in (x, self.conv.weight))
        return self.fc(self.act(self.norm(conv2d(bits, weight, padding=1))).mean((2, 3)))


def make():
    return Tiny().eval()


def chatty():
    print("hello from the factory")
    return make()


def pair():
    return make(), torch.zeros(1, 3, 6, 6, dtype=torch.uint8)


def fails():
    raise RuntimeError("no luck\\ntoday")


def number():
    return 3


model = Tiny().eval()
"""
SHAPE = ["--input", "3x6x6:uint8"]


def run(*arguments: str, command=cli, text: str | None = None) -> Result:
    return CliRunner().invoke(command, arguments, input=text)


def refused(result: Result, *words: str, code: int = 2) -> None:
    """
    One line on stderr with these words, nothing on stdout, no traceback.
    """
    assert result.exit_code == code, (result.output, result.exception)
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert "Traceback" not in result.output
    for word in words:
        assert word in lines[0]


def shell(*command: str, code: int = 0, **extra) -> subprocess.CompletedProcess:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **extra)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    return done


def tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def contents(folder: Path) -> dict[str, bytes]:
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {name: data for name, data in found.items() if not name.startswith("build/")}


def copied_design(here: Path, name: str) -> Path:
    for file, data in contents(here / "design").items():
        path = here / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return here / name
