"""`fingerpost rollout issue`: one wave told to its units, and written into the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._screen import command, labelled, listed_lines, shown


def issue(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `rollout randomise` wrote.")],
    *,
    wave: Annotated[str, typer.Option(metavar="NAME", help="The wave that is next.")],
    keeper: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The keeper's file, where later waves are secret."),
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="The ledger's database, if not in DIR.")
    ] = None,
) -> None:
    """Issue the next wave: print its units, and write the event into the ledger.

    Where later waves are kept secret this opens the wave's seal; with the last wave the secret is
    put into DIR, and anyone can replay the draw.

    \b
    Examples:
      fingerpost rollout issue build/draw --wave first
      fingerpost rollout issue build/draw --wave second --keeper ~/keeper.txt
    """
    from fingerpost.studies.rollouts.issuing import is_issued
    from fingerpost.studies.rollouts.issuing import issue as issued

    before = is_issued(folder, wave, ledger=ledger)
    units = issued(folder, wave, keeper=keeper, ledger=ledger)
    again = " It was issued before; nothing new was written." if before else ""
    print(labelled("Issued", [f"wave {wave}: {len(units)} units.{again}", ", ".join(units)]))
    if not before:
        print(listed_lines("Wrote", [shown(folder)]))
    print(listed_lines("Next", [command("rollout verify", folder)]))
