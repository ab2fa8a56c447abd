"""`fingerpost rollout note`: what happened to units, written into the ledger of their draw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._screen import command, labelled, listed_lines, shown
from fingerpost.core.errors import UsageError

if TYPE_CHECKING:
    from fingerpost.ledger.events import Entry


def note(
    folder: Annotated[Path, typer.Argument(metavar="DRAW", help="What `rollout randomise` wrote.")],
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="started, slipped, withdrew, merged, split or corrected."
        ),
    ],
    *,
    unit: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="The unit; again and again for several."),
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(metavar="PERIOD", help="When provision began there, or it left or changed."),
    ] = None,
    into: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Of merged and split: what the units became."),
    ] = None,
    entry: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="Of corrected: the entry that was noted wrongly."),
    ] = None,
    why: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Of corrected: why it was wrong.")
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="The ledger's database, if not in DRAW.")
    ] = None,
) -> None:
    """Write into the ledger of a draw what happened to its units.

    Nothing here changes who was drawn: a unit that slipped or withdrew is analysed as it was drawn.
    Collections stop asking units that merged or split. What was noted wrongly can be corrected.

    \b
    Examples:
      fingerpost rollout note draw slipped --unit X17 --period "2028 autumn"
      fingerpost rollout note draw merged --unit X3 --unit X4 --into X153 --period "2029 spring"
      fingerpost rollout note draw corrected --entry 7 --why "it was X18"
    """
    from fingerpost.studies.rollouts.events import TAKEN_BACK
    from fingerpost.studies.rollouts.noting import check_kind, correct, last_number
    from fingerpost.studies.rollouts.noting import note as noted

    before = last_number(folder, ledger=ledger)
    if kind == TAKEN_BACK:
        if entry is None or not why or unit or period or into:
            raise UsageError("corrected: it takes --entry NUMBER and --why WORDS, and no more.")
        found = [correct(folder, entry, why=why, ledger=ledger)]
        words = f"corrected: entry {entry} counts no more."
    else:
        check_kind(kind)
        if not unit or period is None or entry is not None or why is not None:
            raise UsageError(f"{kind}: it takes --unit CODE and --period PERIOD.")
        found = [*noted(folder, kind, units=unit, period=period, into=into or (), ledger=ledger)]
        words = f"{kind}: {', '.join(dict.fromkeys(unit))}, {period}."
    tell(folder, found, words=words, before=before, why=why or "")


def tell(folder: Path, found: list[Entry], *, words: str, before: int, why: str) -> None:
    """Print what was noted, and whether it was there already. before: the last entry before it."""
    new = sum(one.number > before for one in found)
    more = why if new else "It was noted before; nothing new was written."
    print(labelled("Noted", [f"{words} {more}".rstrip()]))
    last = max(found, key=lambda one: one.number)
    print(listed_lines("Ledger", [f"{last.number}:{last.hash}"]))
    if new:
        print(listed_lines("Wrote", [shown(folder)]))
    print(listed_lines("Next", [command("rollout verify", folder)]))
