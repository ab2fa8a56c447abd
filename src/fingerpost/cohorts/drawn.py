"""A draw laid on records: when units begin as drawn, and where records and ledger disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.cohorts.periods import SHOWN, start_of
from fingerpost.core.allocation import Allocation
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import listed
from fingerpost.core.panel import Panel, PanelOutcome
from fingerpost.core.rollout import NEVER, Rollout

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
BETWEEN = " / "  # in the name of a stratum of several columns


@dataclass(frozen=True, eq=False, slots=True)
class Placed:
    """adopted: (u,) the period in which provision was drawn to begin. places: (u,) among the units
    of the draw. begins: (k,) of each wave. strata: (u,) codes, None where the draw had none.
    missing: names of drawn units of which the records hold no row. faults: where they disagree.
    """

    adopted: Ints
    places: Ints
    begins: Ints
    strata: Ints | None
    missing: tuple[str, ...]
    faults: list[str]


def placed(drawn: Drawn, called: Sequence[str], *, periods: tuple[str, ...], seen: Flags) -> Placed:
    """Return where units of a panel stand in a draw.

    called: what the drawn unit of each unit of the panel is called. seen: (t,) whether the records
    hold a row of a period. Faults: units that were not drawn; waves that begin when the records
    hold nothing, though they hold what came later.
    """
    own, faults = drawn.allocation, list[str]()
    places = drawn.places(called)
    strangers = list(dict.fromkeys(np.asarray(called)[places < 0].tolist()))
    if strangers:
        faults.append(
            f"records.unit: {len(strangers)} units of the records are not in the draw "
            f"({listed(strangers[:SHOWN])})."
        )
    begins = begins_of(own, periods, seen, faults)
    wave = np.append(np.asarray(own.code, dtype=np.int64), -1)[places]
    adopted = np.where(places >= 0, np.append(begins, NEVER)[wave], NEVER)
    held = set(called)
    return Placed(
        adopted.astype(np.int64),
        places,
        begins,
        strata_of(own)[places] if own.strata else None,
        tuple(unit for unit in own.units if unit not in held),
        faults,
    )


def begins_of(own: Allocation, periods: tuple[str, ...], seen: Flags, faults: list[str]) -> Ints:
    """Return (k,) the period in which each wave begins as it was drawn, NEVER where it does not by
    the last.
    """
    place = {name: at for at, name in enumerate(periods)}
    last = int(np.flatnonzero(seen).max()) if seen.any() else NEVER
    found = np.full(len(own.arms), NEVER, dtype=np.int64)
    for at, (wave, begins) in enumerate(zip(own.arms, own.begins, strict=True)):
        start = start_of(begins, place, ("",))
        if start is None:
            faults.append(
                f'rollout.periods: wave {wave} was drawn to begin in "{begins}", which is no '
                f"period of the panel ({listed(periods[:SHOWN])}). Name the plan's periods."
            )
            continue
        found[at] = start
        if 0 <= start < last and begins in place and not seen[start]:
            faults.append(
                f'records: wave {wave} was drawn to begin in "{begins}", and the records hold no '
                "row of that period, though they hold later ones. Is it called otherwise there?"
            )
    return found


def strata_of(own: Allocation) -> Ints:
    """Return (u,) codes of the strata of a draw's units, in the order of their names."""
    found: Ints = np.unique(np.asarray(own.strata), return_inverse=True)[1].astype(np.int64)
    return found.reshape(-1)


def strata_faults(own: Allocation, places: Ints, told: Sequence[Sequence[str]]) -> list[str]:
    """Return faults where records hold other strata than the frozen register: told: (u,) of each
    column that units were drawn within.
    """
    if not told or not own.strata:
        return []
    apart: dict[str, tuple[str, str]] = {}
    for place, row in zip(places, zip(*told, strict=True), strict=True):
        said, frozen = BETWEEN.join(row), own.strata[place] if place >= 0 else ""
        if place >= 0 and not alike(row, tuple(frozen.split(BETWEEN))):
            apart.setdefault(own.units[place], (said, frozen))
    if not apart:
        return []
    unit, (said, frozen) = next(iter(apart.items()))
    return [
        f"assignment.randomised.strata: {len(apart)} units stand in another stratum in the records "
        f'than in the register that was drawn from, such as {unit} ("{said}", drawn within '
        f'"{frozen}"). Take strata from the register.'
    ]


def alike(row: tuple[str, ...], frozen: tuple[str, ...]) -> bool:
    """Return whether two rows of words are the same, numbers by their value.

    >>> alike(("1", "London"), ("1.0", "London"))
    True
    """

    def read(word: str) -> str | float:
        try:
            return float(word)
        except ValueError:
            return word.strip()

    return [read(word) for word in row] == [read(word) for word in frozen]


def with_missing(panel: Panel, at: Placed, own: Drawn) -> Panel:
    """Return a panel with the drawn units of which no row came, each as a unit that was never seen.

    Of a cluster that was drawn nobody knows how many units it holds: it counts as one. Where the
    draw tells no strata (after a replan), nor does the panel: those of the missing are not known.
    """
    count = len(at.missing)
    if not count:
        return panel
    places = own.places(at.missing)
    adopted = at.begins[np.asarray(own.allocation.code, dtype=np.int64)[places]]
    t = len(panel.periods)
    blank, nothing = np.full((count, t), np.nan), np.zeros((count, t))
    ahead = np.arange(t)
    arm = ((adopted[:, None] >= 0) & (ahead >= adopted[:, None])).astype(np.int64)
    strata = panel.strata if own.allocation.strata else None
    if strata is not None:
        strata = np.concatenate([strata, strata_of(own.allocation)[places]])
    names = dict(panel.cluster_names)
    return replace(
        panel,
        units=(*panel.units, *at.missing),
        arm=np.concatenate([panel.arm, arm]),
        adopted=np.concatenate([np.asarray(panel.adopted), adopted]),
        outcomes={
            name: PanelOutcome(
                np.concatenate([one.count, nothing]),
                np.concatenate([one.total, nothing]),
                np.concatenate([one.squares, nothing]),
                one.children,
            )
            for name, one in panel.outcomes.items()
        },
        covariates={k: np.concatenate([v, blank]) for k, v in panel.covariates.items()},
        clusters={
            level: np.concatenate([codes, len(names[level]) + np.arange(count)])
            for level, codes in panel.clusters.items()
        },
        cluster_names={level: (*known, *at.missing) for level, known in names.items()},
        strata=strata,
        drawn=np.concatenate([np.asarray(panel.drawn), places]),
    )


def started_faults(rollout: Rollout, told: Ints, as_drawn: Ints) -> list[str]:
    """Return the fault of records in which units began in another period than was drawn."""
    wrong = np.count_nonzero(told != as_drawn)
    if not wrong or not (rollout.adopted or rollout.starts):
        return []
    return [
        f"rollout.adopted: {wrong} of {len(told)} units began, by the records, in another period "
        "than the ledger drew. They are analysed as drawn: leave `adopted` out, and write who "
        "slipped in the ledger."
    ]
