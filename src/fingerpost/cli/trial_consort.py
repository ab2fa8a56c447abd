"""`fingerpost trial consort`: the flow of a trial from its ledger, and what CONSORT asks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._folder import check_folder, check_json, check_unsealed, publish
from fingerpost.cli._screen import labelled, listed_lines, shown
from fingerpost.cli.trial_monitor import on_screen, write_tables_json

PAGE, MANIFEST = "consort.html", ".consort.json"


def consort(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `trial open` wrote.")],
    *,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A key of role sees or opens: counts by arm."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the page and the picture here.")
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="The ledger's database, if not in DIR.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write flow and items as JSON.")
    ] = None,
) -> None:
    """Tell the flow of a trial: assessed, allocated, provided for, lost, analysed; and the items.

    Counts come from the ledger (`trial note` writes them). Items that nothing answers are open.

    \b
    Examples:
      fingerpost trial consort build/trial
      fingerpost trial consort build/trial --key committee.key --out build/consort
    """
    from fingerpost.reports.trial_conduct import ConductPage, write_conduct
    from fingerpost.studies.trials.consort import consort as flow_and_items
    from fingerpost.studies.trials.folder import open_folder

    check_unsealed(out, json_file)
    if json_file is not None:
        check_json(json_file)
    if out is not None:
        check_folder(out, (PAGE,), manifest=MANIFEST)
    opened = open_folder(folder, ledger=ledger)
    found = flow_and_items(opened, keys=opened.keys(key) if key else None)
    counts = found.counts
    words = (
        f"{counts.assessed:,} units assessed, {counts.allocated:,} allocated.",
        f"{len(found.items) - found.open} of {len(found.items)} items answered, {found.open} open.",
    )
    print(labelled("Flow", words))
    print(on_screen(found.tables[0]))
    wrote: list[Path] = []
    if out is not None:
        page = ConductPage(f"Flow of the trial: {opened.study.name}", words, flow=found.flow)

        def write(place: Path) -> None:
            made = write_conduct(opened.study, found.tables, page=page, path=place / PAGE)
            wrote.extend(out / path.name for path in made)

        publish(out, write, manifest=MANIFEST)
    if json_file is not None:
        write_tables_json(json_file, found.tables, {"assessed": counts.assessed})
        wrote.append(json_file)
    if wrote:
        print(listed_lines("Wrote", [shown(path) for path in wrote]))
