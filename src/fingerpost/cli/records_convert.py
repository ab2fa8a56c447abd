"""`fingerpost records convert`: extracts of national collections as linked records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._lean import lean
from fingerpost.cli._screen import command, labelled, listed_lines, progress, shown, table

if TYPE_CHECKING:
    from fingerpost.records.convert import Converted, Piece


@lean
def convert(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A folder of extracts, one, or a DuckDB file.")
    ],
    *,
    adapter: Annotated[
        list[str],
        typer.Option("--adapter", help="npd, hes, or a YAML file of your own; may be repeated."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new or empty folder.")],
    spine: Annotated[
        Path | None,
        typer.Option(
            "--spine",
            metavar="FILE",
            help="Which child each health identifier is: TOKEN_PERSON_ID, "
            "PupilMatchingRefAnonymous.",
        ),
    ] = None,
    dates: Annotated[
        str | None,
        typer.Option(
            "--dates",
            metavar="ORDER",
            help="Of dates with strokes: day-first or month-first.  "
            "[default: as each column tells]",
        ),
    ] = None,
    blank_misfits: Annotated[
        bool,
        typer.Option(
            "--blank-misfits", help="Read values that do not fit as missing, and count them."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing on the way.")] = False,
) -> None:
    """Convert extracts into a folder of linked records.

    Files are told by their names and columns. Codes are kept as recorded, save where the adapter
    names another. A value that does not fit its column (text in a number, a day in no calendar) is
    a fault, told by file, column, count and row, unless the adapter names it as one that stands for
    a missing value. A conversion that was stopped goes on where it was.

    \b
    Examples:
      fingerpost records convert extracts --adapter npd --out records
      fingerpost records convert extracts --adapter npd --adapter hes --spine ids.csv --out records
    """
    from fingerpost.records.convert import convert as converted

    with progress(quiet=quiet) as say:
        made = converted(
            source, adapter, out=out, spine=spine, dates=dates, blank=blank_misfits, say=say
        )
    if words := told(made):
        print(words)
    print(listed_lines("Wrote" if made.pieces else "Had", [shown(out)]))
    print(listed_lines("Next", [command("records check", out)]))


def told(made: Converted) -> str:
    """Return what was made of which file, what was passed over, and what is to be known of it."""
    rows = [(piece.file, piece.table, f"{piece.rows:,}", remark(piece)) for piece in made.pieces]
    parts = [table(("file", "table", "rows", ""), rows)] if rows else []
    if made.passed:
        parts.append(labelled("Passed", [f"no adapter takes {name}" for name in made.passed]))
    misfits = sum(count for piece in made.pieces for _, count in piece.misfits)
    if misfits:
        few = "value that did not fit its" if misfits == 1 else "values that did not fit their"
        parts.append(labelled("Missing", [f"{misfits:,} {few} column (see above)"]))
    if made.notes:
        parts.append(labelled("Note", made.notes))
    return "\n".join(parts)


def remark(piece: Piece) -> str:
    """Return what did not fit in one file, in words."""
    said = [f"{count:,} of {column} unfit, read as missing" for column, count in piece.misfits]
    if piece.unlinked:
        said.append(f"{piece.unlinked:,} rows not in the spine")
    return "; ".join(said)
