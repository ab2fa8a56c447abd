"""`--low-memory`: one option of every command that works on many rows."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

OPTION = "low_memory"
HELP = "Little memory, more time: one process, and to disk beside the output."
# Read once, when the libraries are first loaded.
THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PROCESSES = "jobs"
ELSEWHERE = Path("build") / "report"


def lean(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that also takes `--low-memory`, and keeps it.

    Where its option `out` writes to decides where goes what does not fit in memory; its option
    `jobs` becomes one.
    """

    @wraps(command)
    def run(*given: Any, **named: Any) -> None:
        asked = named.pop(OPTION, False)
        if asked and PROCESSES in named:
            named[PROCESSES] = 1
        with little_of_it(named.get("out"), asked=asked):
            command(*given, **named)

    option = inspect.Parameter(
        OPTION,
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[bool, typer.Option("--low-memory", help=HELP)],
    )
    known = inspect.signature(command, eval_str=True)
    run.__signature__ = known.replace(  # type: ignore[attr-defined]
        parameters=[*known.parameters.values(), option]
    )
    run.__annotations__ = {**command.__annotations__, OPTION: option.annotation}
    return run


@contextmanager
def little_of_it(out: Path | None, *, asked: bool) -> Iterator[None]:
    """Do what is inside the block within little memory, where that was asked for.

    A number of threads that the user set stays.
    """
    if not asked:
        yield
        return
    for name in THREADS:
        os.environ.setdefault(name, "1")
    from fingerpost.engines._limits import little

    with little(out or ELSEWHERE):
        yield
