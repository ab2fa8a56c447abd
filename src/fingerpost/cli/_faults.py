"""What goes wrong inside a command, as lines on the error stream and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from types import TracebackType
from typing import Any

import typer
from typer.core import TyperCommand

import fingerpost
from fingerpost.core.errors import FingerpostError

FAULT = 1
BUG = 70
STOPPED = 130
# Faults that are told at once: whoever has more has made one slip many times over.
MOST_LINES = 20
WRAPPED = (KeyboardInterrupt.__name__, "Query interrupted", "INTERRUPT Error")
DEBUG = "FINGERPOST_DEBUG"
# typer ends these itself: a wish to stop, a wrong option.
TYPERS_OWN = (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError)


class Verb(TyperCommand):
    """A command whose faults are told to people."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command inside `Faults`."""
        asked = bool(ctx.find_root().params.get("debug")) or bool(os.environ.get(DEBUG))
        with Faults(debug=asked):
            return super().invoke(ctx)


class Faults:
    """A block in which every fault becomes plain lines and an exit code.

    A person's mistake (FingerpostError) gives its own lines and code; a fault of the machine one
    line and 1; a stop from the keyboard 130; anything else is our bug: what kind and where, never
    what it held, and 70. debug: show the traceback besides.
    """

    def __init__(self, *, debug: bool = False) -> None:
        self.debug = debug

    def __enter__(self) -> Faults:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, TYPERS_OWN):
            return
        if not isinstance(error, Exception | KeyboardInterrupt):
            return
        if self.debug:
            traceback.print_exception(error)
        lines, code = told(error)
        for line in lines:
            print(line, file=sys.stderr)
        raise typer.Exit(code) from None


def told(error: BaseException) -> tuple[list[str], int]:
    """Return the lines a reader sees for an error, and the exit code."""
    if stopped(error):
        return ["Stopped. Nothing is half-written."], STOPPED
    if isinstance(error, FingerpostError):
        lines = [" ".join(problem.split()) for problem in error.problems[:MOST_LINES]]
        if len(error.problems) > MOST_LINES:
            more = len(error.problems) - MOST_LINES
            lines.append(f"… and {more:,} more. Mend these, and see what is left.")
        return lines, error.exit_code
    if isinstance(error, MemoryError):
        return ["The machine ran out of memory. Give it more, or study fewer children."], FAULT
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        # What a library adds to the system's own words is for its makers.
        words = os.strerror(error.errno) if error.errno else error.strerror
        return [f"{where}{words}. Check the path, its permissions and the disk."], FAULT
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "?").split(".")[0]
        if package != "fingerpost":
            mend = "Mend it with: pip install --force-reinstall fingerpost"
            return [f'The package "{package}" is not installed. {mend}'], FAULT
    return [bug(error)], BUG


def stopped(error: BaseException) -> bool:
    """Return whether a person stopped the command, also where a library wrapped that."""
    seen: BaseException | None = error
    while seen is not None:
        # DuckDB turns a stop during its work into an error of its own that names it, or says so.
        if isinstance(seen, KeyboardInterrupt) or any(words in str(seen) for words in WRAPPED):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def bug(error: BaseException) -> str:
    """Return one line about an error of ours: its kind and place, nothing that it held."""
    kind = type(error)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return (
        f"This is a bug in fingerpost {fingerpost.__version__}, not your mistake: {name} at "
        f"{place(error)}. Please report this line where you got fingerpost; "
        "`fingerpost --debug …` shows the traceback (look through it before sending it on)."
    )


def place(error: BaseException) -> str:
    """Return module:line of the last of our own lines that the error passed through."""
    ours = "fingerpost"
    found = ours
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module.split(".")[0] == ours:
            found = f"{module}:{line}"
    return found
