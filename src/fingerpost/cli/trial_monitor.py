"""`fingerpost trial monitor`: an open report on a trial on its way; a closed one, by arm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_folder, check_json, check_unsealed, publish
from fingerpost.cli._screen import labelled, listed_lines, shown, table

if TYPE_CHECKING:
    from fingerpost.core.table import Table

PAGE, MANIFEST = "monitoring.html", ".monitor.json"


def monitor(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `trial open` wrote.")],
    *,
    closed: Annotated[
        bool, typer.Option("--closed", help="By arm: for who oversees the trial. Takes --key.")
    ] = False,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A key of role sees or opens.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a page, its tables and pictures here.")
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="The ledger's database, if not in DIR.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the counts as JSON.")
    ] = None,
) -> None:
    """Report on a trial on its way, from its ledger.

    The open report tells how many are allocated, left and harmed, and no arm. The closed report
    tells the same by arm, and is for who oversees the trial.

    \b
    Examples:
      fingerpost trial monitor build/trial --out build/open
      fingerpost trial monitor build/trial --closed --key committee.key --out build/closed
    """
    from fingerpost.reports.trial_conduct import ConductPage, write_conduct
    from fingerpost.studies.trials.folder import open_folder
    from fingerpost.studies.trials.monitoring import monitor as monitored

    check_unsealed(out, json_file)
    if json_file is not None:
        check_json(json_file)
    if out is not None:
        check_folder(out, (PAGE,), manifest=MANIFEST)
    opened = open_folder(folder, ledger=ledger)
    found = monitored(opened, keys=opened.keys(key) if key else None, closed=closed)
    print(labelled("Closed" if closed else "Open", [*found.words, *found.warns]))
    for one in found.tables:
        if one.rows and one.name in ("by_arm", "harms"):
            print(on_screen(one))
    wrote: list[Path] = []
    if out is not None:
        title = f"{'Closed' if closed else 'Open'} report: {opened.study.name}"
        page = ConductPage(title, found.words, found.warns, sides=found.sides)

        def write(place: Path) -> None:
            made = write_conduct(opened.study, found.tables, page=page, path=place / PAGE)
            wrote.extend(out / path.name for path in made)

        publish(out, write, manifest=MANIFEST)
    if json_file is not None:
        write_tables_json(json_file, found.tables, {"closed": closed, "ledger": found.counts.head})
        wrote.append(json_file)
    if wrote:
        print(listed_lines("Wrote", [shown(path) for path in wrote]))


def on_screen(one: Table) -> str:
    """Return a table as the screen shows it."""
    return table(one.columns, [tuple("" if c is None else str(c) for c in row) for row in one.rows])


def write_tables_json(path: Path, tables: tuple[Table, ...], said: dict[str, object]) -> None:
    """Write tables as JSON, each a list of rows by column."""
    import json

    from fingerpost.core.files import put

    whole = {"schema_version": 1, **said, "tables": {one.name: one.records() for one in tables}}
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path, (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode())
