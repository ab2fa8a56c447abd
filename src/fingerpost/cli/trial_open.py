"""`fingerpost trial open`: freeze a trial and make its key, before anybody is allocated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._screen import labelled, listed_lines
from fingerpost.cli._trial_opening import following, opened_by


def open_(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The trial's YAML file.")],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the trial's ledger lies.")],
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The key, made now, never in DIR.")
    ] = None,
    external: Annotated[
        Path | None,
        typer.Option("--list", metavar="FILE", help="Take arms from an external list, sealed."),
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="A PostgreSQL database, not a file in DIR.")
    ] = None,
) -> None:
    """Open a trial: freeze its study, register and program, and make its key.

    `trial randomise` does so too at its first call; open first where the key is handed on, or the
    commitment published, before anybody is allocated, and where arms come from an external list.

    \b
    Examples:
      fingerpost trial open examples/trials/allocate.yaml --out build/trial --key ~/trial.key
      fingerpost trial open trial.yaml --out build/trial --key ~/trial.key --list arms.csv
    """
    opened, new = opened_by(file, out=out, key=key, external=external, ledger=ledger)
    assert key is not None
    if not new:
        print(labelled("Open", [f"{opened.study.name}: it was opened before; nothing is changed."]))
    print(listed_lines("Next", [following(file, opened, key)]))
