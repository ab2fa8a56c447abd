"""What the draw's ledger says of units that merged, split or left since they were asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.core.words import listing
from fingerpost.ledger.store import Ledger
from fingerpost.studies.rollouts.collecting.rounds import Rounds
from fingerpost.studies.rollouts.drawing import open_folder
from fingerpost.studies.rollouts.events import standing
from fingerpost.studies.rollouts.folder import address_of
from fingerpost.studies.rollouts.frozen import Frozen
from fingerpost.studies.rollouts.lineage import lineage, names_of, same_draw
from fingerpost.studies.rollouts.registering import stream_of


@dataclass(frozen=True, slots=True)
class Changes:
    """Units as the draw's ledger has them.

    units: (code, name) of all that may return. drawn: those that an analysis takes. fixed: column
    of the register → unit → its value. stopped: unit →
    (place of the period from which it owes no return of its own, why). joined: unit that came of
    others → (place of its first period, of whom).
    """

    units: tuple[tuple[str, str], ...]
    drawn: tuple[str, ...]
    fixed: dict[str, dict[str, str]] = field(default_factory=dict)
    stopped: dict[str, tuple[int, str]] = field(default_factory=dict)
    joined: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all that may return."""
        return tuple(code for code, _ in self.units)

    def former(self, rounds: Rounds, told: Iterable[tuple[str, str]]) -> int:
        """Return how many of these (unit, period) are of units that merged or split by then: they
        count for the unit as it was drawn, and must be of its former children alone.
        """
        begin = {unit: at for unit, (at, _) in self.stopped.items()}
        return sum(u in begin and rounds.place(period) >= begin[u] for u, period in told)


def followed(
    folder: Path, rounds: Rounds, *, draw: Path | None = None, ledger: str | None = None
) -> Changes:
    """Return units as the ledger of the draw has them, or as they were asked where nothing is
    drawn.

    draw: where the draw lies, if not where it did; one that was drawn anew from it may stand in its
    place. Raises UsageError where it is not there or another's.
    """
    if not rounds.commitment and draw is None:
        return Changes(rounds.units, rounds.codes, fixed_of(rounds))
    place = draw or (folder / rounds.draw)
    if not place.is_dir():
        raise UsageError(
            f"{place}: the draw of this collection is not there. Say where it lies: --draw DIR."
        )
    frozen = open_folder(place)
    check_draw(rounds, frozen, place)
    named = names_of(frozen)
    units = {**dict(rounds.units), **named}
    found = Changes(tuple(sorted(units.items())), tuple(named), fixed_of(rounds))
    for column, own in found.fixed.items():
        for unit, value in zip(frozen.units, frozen.columns.get(column, ()), strict=False):
            own.setdefault(unit, value)
    stream = stream_of(frozen)
    with Ledger(address_of(place, ledger, either=True), read_only=True) as held:
        for entry in standing(held.entries(stream)):
            if entry.kind in ("merged", "split"):
                take(found, rounds, entry.kind, entry.body)
    for change in frozen.plan.get("follows", {}).get("changes", ()):
        take(found, rounds, str(change["kind"]), change)
    return found


def fixed_of(rounds: Rounds) -> dict[str, dict[str, str]]:
    """Return column of the register → unit → its value."""
    return {name: dict(zip(rounds.codes, cells, strict=True)) for name, cells in rounds.fixed}


def check_draw(rounds: Rounds, frozen: Frozen, place: Path) -> None:
    """Raise UsageError where a draw is neither the collection's nor drawn anew from it."""
    known = lineage(frozen)
    if frozen.plan["study"] != rounds.study or (
        rounds.commitment and rounds.commitment not in known
    ):
        raise UsageError(
            f"{place}: this draw, of the study {frozen.plan['study']}, is not the one that the "
            f"collection of {rounds.study} was opened with, nor drawn anew from it. Name its own."
        )
    if rounds.commitment and not same_draw(frozen, place, rounds.commitment, rounds.made):
        raise UsageError(
            f"{place}: this draw goes back to the commitment that the collection was opened with, "
            "but to another draw made from it, with another pulse: its waves are others. Name the "
            "folder of the collection's own draw, or one drawn anew from that."
        )


def take(found: Changes, rounds: Rounds, kind: str, body: dict[str, object]) -> None:
    """Note one merger or split."""
    period = str(body.get("period", ""))
    names = [each.name for each in rounds.periods]
    if period and period not in names:
        raise Malformed(
            f'the ledger of the draw holds "{kind}" in {period}, which is no period of the '
            "collection: from when on its units return no more cannot be told. There are: "
            f"{listed(names)}. Take it back (fingerpost rollout note DRAW corrected) and note it "
            "with its period."
        )
    at = names.index(period) if period else 0
    before = body["units"] if kind == "merged" else [body["unit"]]
    after = body["into"] if kind == "split" else [body["into"]]
    assert isinstance(before, list)
    assert isinstance(after, list)
    old, new = [str(unit) for unit in before], [str(unit) for unit in after]
    for unit in old:
        if unit in new:  # others joined it, and it goes on under its own code
            continue
        found.stopped[unit] = (at, f"{kind} into {listing(new)}")
    for unit in new:
        if unit not in old:
            found.joined[unit] = (at, listing(old))
