"""
Backends: what prints modules, by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from xdsl.utils import target as xdsl_target

from blendir.errors import UserError

if TYPE_CHECKING:
    from blendir.backends.target import Target


def get_hls() -> type[Target]:
    """
    HLS C++ for FPGAs.
    """
    from blendir.backends.hls.target import HLSTarget

    return HLSTarget


def get_cpu() -> type[Target]:
    """
    C++ for CPUs.
    """
    from blendir.backends.cpu.target import CPUTarget

    return CPUTarget


def get_systemverilog() -> type[Target]:
    """
    SystemVerilog for FPGAs.
    """
    from blendir.backends.systemverilog.target import SystemVerilogTarget

    return SystemVerilogTarget


BACKENDS: dict[str, Callable[[], type[Target]]] = {
    "hls": get_hls,
    "cpu": get_cpu,
    "systemverilog": get_systemverilog,
}
"""The targets by name, imported when asked for."""
DEFAULT = "hls"
LANGUAGES = {"cpu": "cpp"}
"""What `blendir-translate` calls a backend, where that is another name."""


def translation(name: str) -> str:
    """
    The option of `blendir-translate` for a backend.
    """
    return f"--to-{LANGUAGES.get(name, name)}"


def backend(name: str) -> Target:
    """
    One target; UserError with the known ones otherwise.
    """
    if name not in BACKENDS:
        raise UserError(f"unknown backend {name}; the backends are {', '.join(BACKENDS)}")
    return BACKENDS[name]()()


def get_all_targets() -> dict[str, Callable[[], type[xdsl_target.Target]]]:
    """
    The targets for xDSL's tools: `-t blendir-hls`.
    """
    return {f"blendir-{name}": factory for name, factory in BACKENDS.items()}
