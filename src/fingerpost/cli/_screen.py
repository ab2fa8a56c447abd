"""What commands print: labelled paragraphs, plain tables, and progress on the error stream."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill

Say = Callable[[str], None]
WIDEST = 100
MADE_UP = "the records are made up: no real child is in them"
MARGIN = 10


def width() -> int:
    """Return how wide paragraphs are."""
    return min(WIDEST, max(40, shutil.get_terminal_size((WIDEST, 24)).columns))


def labelled(label: str, paragraphs: Iterable[str], margin: int = MARGIN) -> str:
    """Return paragraphs beside one label, with a hanging indent."""
    first = f"{label:<{margin}}"
    lines = []
    for words in paragraphs:
        lines.append(
            fill(
                words,
                width(),
                initial_indent=first,
                subsequent_indent=" " * margin,
                break_on_hyphens=False,
                break_long_words=False,
            )
        )
        first = " " * margin
    return "\n".join(lines)


def marked(synthetic: bool) -> list[str]:
    """Return the line that comes first where all is made up, as a list of one or none."""
    return [labelled("Synthetic", [MADE_UP])] if synthetic else []


def listed_lines(label: str, lines: Iterable[object]) -> str:
    """Return unbroken lines beside one label: paths and commands, to be copied whole."""
    given = [str(line) for line in lines]
    return "\n".join(
        f"{label if at == 0 else '':<{MARGIN}}{line}".rstrip() for at, line in enumerate(given)
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a plain table: columns padded, numbers (all but the first column) to the right.

    >>> print(table(["leaf", "value"], [["ipw", "3.44"], ["naive", "2.5"]]))
    leaf   value
    ipw     3.44
    naive    2.5
    """
    cells = [list(columns), *[list(row) for row in rows]]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    numeric = [
        at > 0 and all(looks_numeric(row[at]) for row in cells[1:]) for at in range(len(columns))
    ]
    return "\n".join(
        "  ".join(
            cell.rjust(wide) if right else cell.ljust(wide)
            for cell, wide, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in cells
    )


def looks_numeric(cell: str) -> bool:
    """Return whether a cell is a number or stands for none."""
    return not cell or cell[0] in "0123456789-−+–.∞(["


def shown(path: Path) -> str:
    """Return a path as short as it can be written from here."""
    # A link is shown as itself, not as what it leads to.
    whole, here = path.absolute(), Path.cwd()
    if not whole.is_relative_to(here):
        whole = path.resolve()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(path)


def command(words: str, *paths: Path) -> str:
    """Return one of our commands as it can be typed here, on paths: `fingerpost` alone only where
    the shell would find this copy of it.
    """
    own = Path(sysconfig.get_path("scripts")) / "fingerpost"
    found = shutil.which("fingerpost")
    here = own.is_file() and (found is None or not own.samefile(found))
    program = typed(shown(own)) if here else "fingerpost"
    return " ".join([program, words, *(typed(shown(path)) for path in paths)])


def typed(word: str) -> str:
    """Return a word as this system's shell takes it whole."""
    if os.name != "nt":
        return shlex.quote(word)
    return f'"{word}"' if set(word) & set(" &()^;,=") else word


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Say]:
    """Yield a function that is told of each step.

    On a terminal one line that changes; else a line a step; nothing where quiet.
    """
    if quiet:
        yield lambda words: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.markup import escape

        with Console(stderr=True).status("starting") as status:
            yield lambda words: status.update(escape(words))
    else:
        yield lambda words: print(f"· {words}", file=sys.stderr, flush=True)
