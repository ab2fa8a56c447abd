"""`fingerpost study export`: a study for R, Stata or a SQL server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import WRITTEN, check_folder, publish
from fingerpost.cli._screen import labelled, listed_lines, shown, typed
from fingerpost.cli._studying import linked_store, pointed
from fingerpost.core.errors import UsageError, listed, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from fingerpost.core.study import Study
    from fingerpost.studies.export.scope import Exported

TOOLS = ("r", "stata", "sql")


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The study's YAML file.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
    *,
    to: Annotated[str, typer.Option(metavar="TOOL", help="r, stata or sql.")],
    records: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Linked records, or the table to read instead. A row a child is then written.",
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="Who computes on records: duckdb, polars or spark.")
    ] = "duckdb",
) -> None:
    """Write a study as a script that another tool runs.

    r: a script in base R, without packages, of naive, regression, ipw and ipw_ra, and the children
    it reads. stata: the same as a do-file, never run on Stata. sql: who is studied, as T-SQL, never
    run on SQL Server.

    With r and stata the folder holds a row a child where records were read: it stays in the room.
    Files of yours are never written over: in DIR only what an earlier export wrote is replaced.

    \b
    Examples:
      fingerpost study export examples/nhefs/study.yaml build/r --to r
      fingerpost study export examples/hope/cleft.yaml build/r --to r --records build/england
      fingerpost study export examples/nhefs/study.yaml build/stata --to stata
      fingerpost study export examples/hope/cleft.yaml build/sql --to sql
    """
    if to not in TOOLS:
        raise UsageError(
            f'--to: "{to}" is none of the tools. Allowed: {listed(TOOLS)}.{nearest(to, TOOLS)}'
        )
    from fingerpost.studies.document import read_study

    study = read_study(file)
    if to == "sql":
        names, write, left = query(study, records, base=file.parent, engine=engine)
    else:
        names, write, left = script(study, to, records, base=file.parent, engine=engine)
    check_folder(folder, names, manifest=WRITTEN)
    publish(folder, write)
    written = [folder / name for name in names if (folder / name).exists()]
    print(listed_lines("Wrote", [shown(path) for path in written]))
    if left:
        print(labelled("Left out", [f"{one}." for one in left]))
    print(listed_lines("Next", following(to, folder, rows=folder / "cohort.csv" in written)))


Writing = tuple[tuple[str, ...], "Callable[[Path], None]", tuple[str, ...]]


def script(study: Study, to: str, records: Path | None, *, base: Path, engine: str) -> Writing:
    """Return the names of the files of a script, what writes them, and what is left out."""
    from fingerpost.studies.export import written

    found = written.for_tool(read(study, records, base=base, engine=engine), to)
    writers = {"r": written.write_r, "stata": written.write_stata}
    return written.FILES[to], lambda folder: writers[to](found, folder), found.left


def read(study: Study, records: Path | None, *, base: Path, engine: str) -> Exported:
    """Return a study as it is written out; a linked one without records is written without."""
    from fingerpost.cohorts.table import read_records
    from fingerpost.studies.export import scope

    scope.check(study)
    if study.linked is None:
        table = read_records(pointed(study.records, records), engine=engine, base=base)
        return scope.with_records(study, table)
    if records is None:
        return scope.without_records(study)
    return scope.with_records(study, linked_store(study, records, engine=engine))


def query(study: Study, records: Path | None, *, base: Path, engine: str) -> Writing:
    """Return the name of the file of a query, what writes it, and what is left out."""
    from fingerpost.studies.export import sql

    if study.linked is not None or study.access is not None:
        store = None if records is None else linked_store(study, records, engine=engine)
        text, left = sql.linked_query(study, store)
    else:
        named = pointed(study.records, records)
        text, left = sql.table_query(study, named, base=base, engine=engine)
    return (sql.QUERY,), lambda folder: sql.write(text, folder), left


def following(to: str, folder: Path, *, rows: bool) -> list[str]:
    """Return what a reader does next with the files of a tool."""
    if to == "sql":
        return ["run cohort.sql on the server, after reading its head"]
    if not rows:
        return ["export again with --records, which writes the children that the script reads"]
    if to == "r":
        return [f"cd {typed(shown(folder))} && Rscript analysis.R"]
    return ["run analysis.do in Stata, and compare it with fingerpost study run"]
