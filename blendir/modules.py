"""
Modules from text and files.
"""

from __future__ import annotations

from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func

from blendir.dialects import get_all_dialects
from blendir.dialects.parsing import parse_text
from blendir.interpreter import main_function


def parse_module(text: str, name: str) -> ModuleOp:
    """
    A verified module with a function @main from its text; `name` is for errors.
    """
    if not text.strip():
        raise ValueError(f"{name}: there is no module in it")
    context = Context()
    context.load_dialect(Builtin)
    context.load_dialect(Func)
    for dialect, factory in get_all_dialects().items():
        context.register_dialect(dialect, factory)
    module = parse_text(context, text, name)
    module.verify()
    main_function(module)
    return module


def read_module(path: Path) -> ModuleOp:
    """
    A module from a file.
    """
    return parse_module(path.read_text(), str(path))
