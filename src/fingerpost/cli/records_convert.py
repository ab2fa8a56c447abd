"""`fingerpost records convert`: extracts of national collections as linked records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._screen import command, labelled, listed_lines, progress, shown, table

if TYPE_CHECKING:
    from fingerpost.records.convert import Piece


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
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing on the way.")] = False,
) -> None:
    """Convert extracts into a folder of linked records.

    Files are told by their names and columns. Codes are kept as recorded, save where the adapter
    names another. A conversion that was stopped goes on where it was.

    \b
    Examples:
      fingerpost records convert extracts --adapter npd --out records
      fingerpost records convert extracts --adapter npd --adapter hes --spine ids.csv --out records
    """
    from fingerpost.records.convert import convert as converted

    with progress(quiet=quiet) as say:
        made = converted(source, adapter, out=out, spine=spine, say=say)
    rows = [(piece.file, piece.table, f"{piece.rows:,}", remark(piece)) for piece in made.pieces]
    if rows:
        print(table(("file", "table", "rows", ""), rows))
    if made.passed:
        print(labelled("Passed", [f"no adapter takes {name}" for name in made.passed]))
    print(listed_lines("Wrote" if made.pieces else "Had", [shown(out)]))
    print(listed_lines("Next", [command("records check", out)]))


def remark(piece: Piece) -> str:
    """Return what did not fit in one file, in words."""
    said = [f"{count:,} of {column} not of its kind" for column, count in piece.misfits]
    if piece.unlinked:
        said.append(f"{piece.unlinked:,} rows not in the spine")
    return "; ".join(said)
