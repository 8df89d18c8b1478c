"""
What runs the modules of a command: the interpreter, compiled code, or the program that a backend wrote.
"""

from __future__ import annotations

from typing import Literal, get_args

from blendir.errors import UserError

Engine = Literal["interpreter", "native", "csim"]
ENGINES: tuple[Engine, ...] = get_args(Engine)


def require_engine(name: str) -> None:
    """
    UserError where there is no such engine.
    """
    if name not in ENGINES:
        raise UserError(f"unknown engine {name}; the engines are {', '.join(ENGINES)}")
