"""
Entry points of the command lines. It imports nothing that takes time, so that Ctrl-C is one line from the first moment.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import NoReturn

INTERRUPTED = 130


def run(name: str, module: str) -> NoReturn:
    """
    Imports the module of a command line, calls its `main`, and ends with its exit code.
    """

    def stop(*_: object) -> NoReturn:
        os.write(2, f"{name}: interrupted\n".encode())
        os._exit(INTERRUPTED)

    heard = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    if heard:
        signal.signal(signal.SIGINT, stop)
    main = import_module(module).main
    code: int | str | None = 0
    try:
        try:
            if heard:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            code = main()
        except SystemExit as end:
            code = end.code
        finally:
            if heard:
                signal.signal(signal.SIGINT, stop)
    except KeyboardInterrupt:
        stop()
    sys.exit(code)


def blendir() -> NoReturn:
    """
    `blendir`.
    """
    run("blendir", "blendir.tools.cli")


def blendir_opt() -> NoReturn:
    """
    `blendir-opt`.
    """
    run("blendir-opt", "blendir.tools.opt")


def blendir_translate() -> NoReturn:
    """
    `blendir-translate`.
    """
    run("blendir-translate", "blendir.tools.translate")
