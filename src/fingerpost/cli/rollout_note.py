"""`fingerpost rollout note`: what happened to units, written into the ledger of their draw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._screen import command, labelled, listed_lines, shown


def note(
    folder: Annotated[Path, typer.Argument(metavar="DRAW", help="What `rollout randomise` wrote.")],
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="started, slipped, withdrew, merged or split.")
    ],
    *,
    unit: Annotated[
        list[str], typer.Option(metavar="CODE", help="The unit; again and again for several.")
    ],
    period: Annotated[
        str,
        typer.Option(metavar="PERIOD", help="When provision began there, or it left or changed."),
    ],
    into: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Of merged and split: what the units became."),
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="The ledger's database, if not in DRAW.")
    ] = None,
) -> None:
    """Write into the ledger of a draw what happened to its units.

    Nothing here changes who was drawn: a unit that slipped or withdrew is analysed as it was drawn.
    Collections stop asking units that merged or split, and `rollout replan` leaves them out.

    \b
    Examples:
      fingerpost rollout note draw slipped --unit X17 --period "2028 autumn"
      fingerpost rollout note draw merged --unit X3 --unit X4 --into X153 --period "2029 spring"
    """
    from fingerpost.studies.rollouts.noting import note as noted

    entries = noted(folder, kind, units=unit, period=period, into=into or (), ledger=ledger)
    print(labelled("Noted", [f"{kind}: {', '.join(unit)}, {period}."]))
    last = entries[-1]
    print(listed_lines("Ledger", [f"{last.number}:{last.hash}"]))
    print(listed_lines("Wrote", [shown(folder)]))
    print(listed_lines("Next", [command("rollout verify", folder)]))
