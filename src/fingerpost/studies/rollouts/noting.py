"""What happened to units of a roll-out, written into its ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from fingerpost.core.errors import Malformed, UsageError, listed, nearest
from fingerpost.core.words import listing
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Entry
from fingerpost.studies.rollouts.drawing import open_folder
from fingerpost.studies.rollouts.folder import STUDY
from fingerpost.studies.rollouts.registering import record
from fingerpost.studies.rollouts.replanning import names_of

# Kind → whether it needs a period, and what units became.
KINDS = {
    "started": (True, False),
    "slipped": (True, False),
    "withdrew": (True, False),
    "merged": (True, True),
    "split": (True, True),
}


def note(
    folder: Path,
    kind: str,
    *,
    units: Sequence[str],
    period: str,
    into: Sequence[str] = (),
    ledger: str | None = None,
) -> tuple[Entry, ...]:
    """Write what happened to units into the ledger of a draw, and return the entries.

    kind: one of KINDS; of `merged` and `split` one event of all units, of others one a unit.
    period: in which it happened (provision began, or the unit left); into: what units became.
    Written again, an event is there once. Raises Malformed with every fault; nothing is written.
    """
    if kind not in KINDS:
        raise UsageError(f'"{kind}": there is no such event. There are: {listed(KINDS)}.')
    frozen = open_folder(folder)
    known = tuple(names_of(frozen))
    faults = [
        f"{unit} is no unit of this draw.{nearest(unit, known)}"
        for unit in units
        if unit not in known
    ]
    periods = periods_of(folder)
    if periods and period not in periods:
        faults.append(
            f'"{period}" is no period of the roll-out. There are: {listed(periods)}.'
            f"{nearest(period, periods)}"
        )
    faults += faults_of_into(kind, units, into)
    if faults:
        raise Malformed(faults)
    bodies: list[dict[str, object]]
    if kind == "merged":
        bodies = [{"units": sorted(units), "into": into[0], "period": period}]
    elif kind == "split":
        bodies = [{"unit": units[0], "into": sorted(into), "period": period}]
    else:
        bodies = [{"unit": unit, "period": period} for unit in units]
    return tuple(
        record(folder, kind, body, key=key_of(kind, body), ledger=ledger) for body in bodies
    )


def faults_of_into(kind: str, units: Sequence[str], into: Sequence[str]) -> list[str]:
    """Return what is wrong with what units became."""
    if not KINDS[kind][1]:
        return [f"{kind}: --into belongs to merged and split. Leave it out."] if into else []
    if kind == "merged" and (len(set(units)) < 2 or len(into) != 1):
        return ["merged: two units or more (--unit, again and again) become one (--into)."]
    if kind == "split" and (len(units) != 1 or len(set(into)) < 2):
        return ["split: one unit (--unit) becomes two or more (--into, again and again)."]
    return []


def key_of(kind: str, body: dict[str, object]) -> str:
    """Return the name of a request: the same for the same event."""
    named = listing([str(one) for one in body.values()])[:100]
    return f"{kind} {hashlib.sha256(canonical(body)).hexdigest()[:16]} {named}"


def periods_of(folder: Path) -> tuple[str, ...]:
    """Return the periods of the study that a draw was committed to with; none where it keeps no
    study.
    """
    from fingerpost.studies.document import read_study

    if not (folder / STUDY).is_file():
        return ()
    study = read_study(folder / STUDY)
    return study.rollout.periods if study.rollout else ()
