"""
What all command lines share: exit codes, errors and warnings of one line, and progress.

Results and IR go to stdout, everything else to stderr.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from xdsl.utils.exceptions import ArgSpecParseError, DiagnosticException, ParseError

from blendir.backends.target import ProgramError
from blendir.errors import printable
from blendir.pipeline import InternalError

WRONG, BAD_USE, INTERNAL, INTERRUPTED, BROKEN_PIPE = 1, 2, 3, 130, 141
TRACEBACK = "BLENDIR_TRACEBACK"
"""Set to anything, it makes errors show where they were raised."""

MARKED_OP = re.compile(r'^ *(?:%\S+(?:, %\S+)* = )?"([\w.]+)"\(.*?(?:layer = "([^"]*)".*)?\n *\^{3}', re.MULTILINE)
"""The operation that xDSL underlines in the note of an error."""


USER_ERRORS = (
    *(ValueError, OSError, MemoryError, RecursionError),
    *(ParseError, ArgSpecParseError, DiagnosticException),
)


class FoundWrong(Exception):
    """
    A check came out wrong; the text says at which place.
    """


class Stopped(Exception):
    """
    Ctrl-C or a reader that has gone, kept from click, which would handle them in its own way.
    """

    def __init__(self, cause: BaseException):
        self.cause = cause


def say(text: str) -> None:
    """
    One line for the person who watches.
    """
    print("\n".join(map(printable, text.split("\n"))), file=sys.stderr)


def describe(error: BaseException) -> str:
    """
    What is wrong, in one line (a list of all that a model lacks keeps its lines).
    """
    match error:
        case ParseError():
            return f"{str(error).partition(chr(10))[0]}: {one_line(error.msg)}"
        case ArgSpecParseError():
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            return f"bad pipeline {lines[2]!r}: {lines[-1]}"
        case UnicodeDecodeError():
            return "the input is not text"
        case OSError() if error.strerror is not None:
            return f"{error.filename or 'output'}: {error.strerror}"
        case RecursionError():
            return "what was given is nested too deeply for Python"
        case MemoryError():
            return "there is not enough memory for this"
        case DiagnosticException():
            return marked_operation(error) + one_line(str(error))
        case click.UsageError() if error.ctx is not None:
            return f"{one_line(error.format_message()).rstrip('.')}; see {error.ctx.command_path} --help"
        case click.ClickException():
            return one_line(error.format_message())
        case ValueError() if hasattr(error, "operations"):
            return str(error)
        case _:
            return one_line(str(error)) or type(error).__name__


def one_line(text: str) -> str:
    """
    Text with every run of white space as one space.
    """
    return " ".join(text.split())


def marked_operation(error: DiagnosticException) -> str:
    """
    The operation and layer at fault, where xDSL knows them.
    """
    for note in getattr(error, "__notes__", ()):
        if (found := MARKED_OP.search(note)) is not None:
            name, layer = found.groups()
            return f"{name} ({layer}): " if layer else f"{name}: "
    return ""


@contextmanager
def warnings_in_one_line() -> Generator[None]:
    """
    Shows each warning that concerns the user once, as one line on stderr.
    """
    seen: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        text = one_line(str(message))
        if text not in seen:
            seen.add(text)
            say(f"warning: {text}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in (UserWarning, RuntimeWarning):
            warnings.simplefilter("always", kind)
        warnings.showwarning = show
        yield


def outcome(work: Callable[[], object]) -> tuple[int, str]:
    """
    Does the work of a command; its exit code, and what to say where that is not 0.
    """
    try:
        code = work()
        sys.stdout.flush()
        return (code if isinstance(code, int) else 0), ""
    except (BrokenPipeError, KeyboardInterrupt, Stopped, click.Abort) as error:
        return stopped(error.cause if isinstance(error, Stopped) else error)
    except (FoundWrong, ProgramError) as error:
        return WRONG, str(error)
    except InternalError as error:
        raise_if_debugging()
        return INTERNAL, f"internal error: {error}"
    except (
        ValueError,
        OSError,
        MemoryError,
        RecursionError,
        ParseError,
        ArgSpecParseError,
        DiagnosticException,
    ) as error:
        raise_if_debugging()
        if isinstance(error, OSError) and error.filename is None:
            drop_output()
        return BAD_USE, f"error: {describe(error)}"
    except click.ClickException as error:
        return BAD_USE, f"error: {describe(error)}"
    except Exception as error:
        raise_if_debugging()
        text = f"internal error: {type(error).__name__}: {describe(error)} ({TRACEBACK}=1 shows where)"
        return INTERNAL, text


def raise_if_debugging() -> None:
    """
    Raises the error at hand again where the environment asks for tracebacks.
    """
    if os.environ.get(TRACEBACK):
        raise


def stopped(cause: BaseException) -> tuple[int, str]:
    """
    The outcome of work that was stopped from outside.
    """
    if isinstance(cause, BrokenPipeError):
        drop_output()
        return BROKEN_PIPE, ""
    return INTERRUPTED, "interrupted"


def drop_output() -> None:
    """
    Forgets what cannot be written to stdout, so that Python does not complain at its end.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_tool(name: str, work: Callable[[], object]) -> int:
    """
    Does the work of a command line and returns its exit code; whatever goes wrong is one line on stderr.
    """
    with warnings_in_one_line():
        code, text = outcome(work)
    if text:
        say(f"{name}: {text}")
    return code


class Tool(click.Command):
    """
    A command whose errors are one line and whose exit codes are ours.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        inherited = super().main
        sys.exit(run_tool(self.name or "blendir", lambda: inherited(*args, **(extra | {"standalone_mode": False}))))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, BrokenPipeError) as error:
            raise Stopped(error) from None


class ToolGroup(Tool, click.Group):
    """
    The same with subcommands.
    """


class Advance(Protocol):
    """
    What is told how much is done, and of how much where that is known late.
    """

    def __call__(self, done: int, total: int | None = None) -> None: ...


@contextmanager
def progress(text: str, quiet: bool, total: int | None = None) -> Generator[Advance]:
    """
    Shows that work goes on, where a person looks at a terminal; yields what to call with the amount done.
    """
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(text, total=total)
        yield lambda done, total=total: bar.update(task, completed=done, total=total)
