# ruff: noqa: F821  (lit defines `config`)
"""
Configuration of the lit suite: tests run with the tools that stand beside this Python.
"""

import os
import sys
from pathlib import Path

import lit.formats

here = Path(__file__).resolve().parent

config.name = "blendir"
config.test_format = lit.formats.ShTest(execute_external=False)
config.test_source_root = str(here)
config.test_exec_root = str(here.parent / "build" / "lit")
config.suffixes = [".mlir", ".py"]
config.excludes = ["lit.cfg.py", "__init__.py", "__pycache__", "Output"]

path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
config.environment["PATH"] = path
config.environment["PYTHONHASHSEED"] = "0"
for name in ("HOME", "TMPDIR", "PYTHONPATH", "LANG", "LC_ALL", "CXX"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

# Seconds; the limit needs psutil.
config.maxIndividualTestTime = 60

SPLIT = "--split-input-file"
SUBSTITUTIONS = {
    r"\bROUNDTRIP\b": f"blendir-opt %s --print-op-generic {SPLIT} | blendir-opt {SPLIT} | filecheck %s",
    r"\bGENERIC_ROUNDTRIP\b": (
        f"blendir-opt %s --print-op-generic {SPLIT} | filecheck %s --check-prefix=CHECK-GENERIC"
    ),
    r"\bVERIFY_DIAG\b": f"blendir-opt %s --verify-diagnostics {SPLIT} | filecheck %s",
    r"\bPARSING_DIAG\b": f"blendir-opt %s --parsing-diagnostics {SPLIT} | filecheck %s",
}
config.substitutions.extend(SUBSTITUTIONS.items())
