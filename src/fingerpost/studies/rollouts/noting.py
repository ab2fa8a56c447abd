"""What happened to units of a roll-out, written into its ledger."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fingerpost.core.errors import Malformed, UsageError, listed, nearest
from fingerpost.core.words import listing
from fingerpost.ledger.chain import canonical
from fingerpost.ledger.events import Entry
from fingerpost.ledger.store import Ledger
from fingerpost.studies.rollouts.contradicting import contradictions
from fingerpost.studies.rollouts.drawing import open_folder
from fingerpost.studies.rollouts.events import TAKEN_BACK
from fingerpost.studies.rollouts.folder import ALLOCATION, STUDY, address_of, read
from fingerpost.studies.rollouts.frozen import Frozen
from fingerpost.studies.rollouts.lineage import names_of
from fingerpost.studies.rollouts.registering import record, stream_of

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
    Written again, an event is there once. Raises Malformed with every fault, such as an event that
    contradicts what is noted, UsageError where the rest was drawn anew meanwhile; nothing is
    written.
    """
    check_kind(kind)
    frozen = open_folder(folder)
    faults = strangers(units, tuple(names_of(frozen)))
    periods = periods_of(folder)
    if periods and period not in periods:
        faults.append(
            f'"{period}" is no period of the roll-out. There are: {listed(periods)}.'
            f"{nearest(period, periods)}"
        )
    faults += faults_of_into(kind, units, into)
    if faults:
        raise Malformed(faults)
    entries = entries_of(folder, frozen, ledger)
    check_goes_on(entries)
    if kind == "slipped":
        faults = faults_of_slips(Told(folder, frozen, entries), units, period, periods)

    def check(now: Sequence[Entry]) -> None:
        check_goes_on(now)
        told = contradictions(frozen, now, (kind, units, period, into), periods)
        if told:
            raise Malformed(told)

    if faults:
        raise Malformed(faults)
    check(entries)
    return tuple(
        record(
            *(folder, kind, body),
            key=fresh(key_of(kind, body), entries),
            ledger=ledger,
            check=check,
        )
        for body in bodies_of(kind, units, period, into)
    )


def check_kind(kind: str) -> None:
    """Raise UsageError for a kind of event that there is not."""
    kinds = (*KINDS, TAKEN_BACK)
    if kind not in KINDS:
        raise UsageError(
            f'"{kind}": there is no such event. There are: {listed(kinds)}.{nearest(kind, kinds)}'
        )


def bodies_of(
    kind: str, units: Sequence[str], period: str, into: Sequence[str]
) -> list[dict[str, object]]:
    """Return what each event says: of a merger or split one for all units, of others one a unit."""
    if kind == "merged":
        return [{"units": sorted(set(units)), "into": into[0], "period": period}]
    if kind == "split":
        return [{"unit": units[0], "into": sorted(set(into)), "period": period}]
    return [{"unit": unit, "period": period} for unit in dict.fromkeys(units)]


def strangers(units: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the fault of every name that is none of a draw's units."""
    return [
        f"{unit} is no unit of this draw.{nearest(unit, known)}"
        if unit.strip()
        else "--unit: no unit is named. Write its code, as the register has it."
        for unit in units
        if unit not in known
    ]


def fresh(key: str, entries: Sequence[Entry]) -> str:
    """Return the key of an event: another one where an event of this key was taken back, so that
    it may be written down again.
    """
    gone = {entry.body["entry"] for entry in entries if entry.kind == TAKEN_BACK}
    times = sum(entry.number in gone and entry.key.startswith(key) for entry in entries)
    return f"{key} again {times}" if times else key


def correct(folder: Path, number: int, *, why: str, ledger: str | None = None) -> Entry:
    """Take back an event that was noted wrongly: it stays in the ledger, and counts no more.

    number: of its entry. Raises UsageError where there is no such event, or it is none that `note`
    writes.
    """
    frozen = open_folder(folder)
    entries = entries_of(folder, frozen, ledger)
    check_goes_on(entries)
    noted = {entry.number: entry for entry in entries if entry.kind in KINDS}
    if number not in noted:
        menu = listed(f"{at} ({entry.kind})" for at, entry in noted.items()) or "none"
        raise UsageError(f"--entry {number}: no event was noted there. There are: {menu}.")
    body = {"entry": number, "why": why, "kind": noted[number].kind}
    key = f"{TAKEN_BACK} {number}"
    return record(folder, TAKEN_BACK, body, key=key, ledger=ledger, check=check_goes_on)


def last_number(folder: Path, *, ledger: str | None = None) -> int:
    """Return the number of the last entry of a draw in its ledger: one that a request then returns
    with no higher number was there before.
    """
    entries = entries_of(folder, open_folder(folder), ledger)
    return entries[-1].number if entries else 0


def entries_of(folder: Path, frozen: Frozen, ledger: str | None) -> tuple[Entry, ...]:
    """Return the entries of a draw in its ledger."""
    with Ledger(address_of(folder, ledger), read_only=True) as held:
        return held.entries(stream_of(frozen))


def check_goes_on(entries: Sequence[Entry]) -> None:
    """Raise UsageError where what happens is written down with a draw that followed."""
    anew = [entry.body["commitment"] for entry in entries if entry.kind == "replanned"]
    if anew:
        raise UsageError(
            "what was not issued is drawn anew, and what happens from now on, to units issued "
            f"before too, is noted in the draw whose commitment is {anew[0]}."
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a draw: its folder, its plan, the entries of its ledger."""

    folder: Path
    frozen: Frozen
    entries: tuple[Entry, ...]

    @property
    def begins(self) -> dict[str, str]:
        """Unit → the period in which it is to begin, as far as it is told: of issued waves; where
        none is issued and nothing is sealed, of all.
        """
        plan = self.frozen.plan
        when = dict(zip(self.frozen.waves, self.frozen.begins, strict=True))
        before = plan.get("follows", {}).get("issued", ())
        found = {unit: wave["begins"] for wave in before for unit in wave["units"]}
        issued = [entry.body for entry in self.entries if entry.kind == "issued"]
        found |= {unit: when[body["wave"]] for body in issued for unit in body["units"]}
        if not issued and not plan["sealed"] and (self.folder / ALLOCATION).is_file():
            text = read(self.folder / ALLOCATION).decode("utf-8")
            rows = csv.DictReader(io.StringIO(text, newline=""))
            found |= {row["unit"]: row["begins"] for row in rows if row["wave"]}
        return found


def faults_of_slips(
    told: Told, units: Sequence[str], period: str, periods: Sequence[str]
) -> list[str]:
    """Return units that cannot have slipped to a period: not issued, not to begin, or no later than
    they were to.
    """
    begins, faults = told.begins, []
    for unit in units:
        own = begins.get(unit)
        if own is None:
            faults.append(
                f"{unit}: its wave is not issued yet. A wave that has to wait is drawn anew: "
                "fingerpost rollout replan."
            )
        elif not own:
            faults.append(
                f"{unit} is not to begin before the last period, and so cannot slip. If it began "
                "all the same: started."
            )
        elif own in periods and period in periods and periods.index(period) <= periods.index(own):
            faults.append(
                f"{unit} was to begin in {own}: it slips to a later period, and {period} is none. "
                "If it began then or before: started."
            )
    return faults


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
