"""`fingerpost records import`: rows of an SQL server as Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._folder import check_writable, naming
from fingerpost.cli._screen import command, labelled, listed_lines, progress, shown
from fingerpost.core.errors import UsageError
from fingerpost.core.words import counted

ROWS = 1_000_000


def import_rows(
    *,
    url_from_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The environment variable that holds the address."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The address, or @FILE, of which the first line is it."),
    ] = None,
    table: Annotated[
        str | None, typer.Option(metavar="NAME", help="A table or view: NAME, SCHEMA.NAME or more.")
    ] = None,
    query: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file with one SELECT.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder of extracts.")],
    key: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Order by it, so that a stopped import goes on."),
    ] = None,
    rows: Annotated[int, typer.Option(metavar="N", help="Rows of each file, at least.")] = ROWS,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Import a table or a query of an SQL server as Parquet files, with a manifest.

    The rows go to DIR/NAME/, called as the table or the file of the query. The address is
    KIND://USER:PASSWORD@HOST:PORT/DATABASE; a password typed as --url may be seen by others on
    this machine and stays in the shell's history. Needs the extra: pip install 'fingerpost[sql]'

    \b
    Examples:
      fingerpost records import --url-from-env NPD_URL --table dbo.Absence_2015 --out extracts
      fingerpost records import --url @address.txt --query pupils.sql --key pupil --out extracts
    """
    from fingerpost.records.importing import import_rows as imported
    from fingerpost.records.importing_server import address, asked, server

    if rows < 1:
        raise UsageError(f"--rows {rows}: a file holds at least one row.")
    what = asked(table, query)
    at = server(address(url, url_from_env))
    check_writable(out, folder=True)
    with naming(out), progress(quiet=quiet) as say:
        made = imported(at, what, out=out, key=key, part_rows=rows, say=say)
    files = ", ".join(
        (counted(made.rows, "row"), counted(made.columns, "column"), counted(made.parts, "file"))
    )
    more = f", of which {counted(made.kept, 'row')} were there" if made.kept else ""
    print(listed_lines("Had" if made.there else "Wrote", [f"{shown(made.folder)}/  {files}{more}"]))
    if made.there:
        print(labelled("Note", [not_asked(made.when)]))
    if not made.rows:
        words = "There is no row in it: the file holds the columns alone. Is that what was meant?"
        print(labelled("Note", [words]))
    print(listed_lines("Next", [f"{command('records convert', out)} --adapter npd --out records"]))


def not_asked(when: str) -> str:
    """Return that a server was not asked, when it was, and how it is asked anew.

    >>> not_asked("")[:64]
    'The server was not asked again: what is there was read before, a'
    """
    return (
        f"The server was not asked again: what is there was read {when or 'before'}, and every "
        "file is as it was written then. To ask it anew, name another folder (--out), or remove "
        "that one and run the same command."
    )
