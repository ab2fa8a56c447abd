"""`fingerpost trial export`: the allocation table that REDCap takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._reporting import whole
from fingerpost.cli._screen import labelled, listed_lines, shown
from fingerpost.core.errors import UsageError


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `trial open` wrote.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the table goes, as CSV.")],
    *,
    key: Annotated[Path, typer.Option(metavar="FILE", help="The key that opened the trial.")],
    rows: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="Rows of it for each stratum.")
    ] = 100,
) -> None:
    """Write REDCap's allocation table. It tells what comes next: keep it like the key.

    Who uploads it allocates there: never in both places. Minimisation and draws within clusters do
    not fit into a table.

    \b
    Examples:
      fingerpost trial export build/trial ~/redcap.csv --key ~/trial.key --rows 200
    """
    from fingerpost.core.files import put
    from fingerpost.studies.trials.folder import open_folder
    from fingerpost.studies.trials.lists import redcap_table

    opened = open_folder(folder)
    if file.absolute().resolve().is_relative_to(folder.absolute().resolve()):
        raise UsageError(f"{file}: it tells what comes next. Name a file outside {folder}.")
    if file.exists():
        raise UsageError(f"{file}: a file lies there already.")
    put(file, redcap_table(opened, opened.keys(key), count=rows), private=True)
    arms = ", ".join(f"{at} {arm.name}" for at, arm in enumerate(opened.trial.arms, 1))
    print(labelled("Arms", [f"{arms}. Allocate there or here, never in both."]))
    print(listed_lines("Wrote", [shown(file)]))
