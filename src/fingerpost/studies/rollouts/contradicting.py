"""Events that contradict what a ledger holds already: refused before they are written.

Nothing can happen to a unit twice that happens once, before what it follows, or once it is gone.
What was noted wrongly is taken back first, by a correction, so that both stay to be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fingerpost.core.words import listing
from fingerpost.ledger.events import Entry
from fingerpost.studies.rollouts.events import standing
from fingerpost.studies.rollouts.frozen import Frozen

ONE = ("started", "slipped", "withdrew")  # kinds of events of one unit
GONE = ("merged", "split")
# Kind → those before which it cannot lie, and those that nothing of its kind comes after.
NOT_BEFORE = {"started": ("slipped",), "withdrew": ("started",)}
ENDED_BY = {"slipped": ("started", "withdrew"), "started": ("withdrew",)}


@dataclass(frozen=True, slots=True)
class Past:
    """One thing that happened to a unit. number: of its entry, 0 where an earlier draw tells it.
    beside: all units of the event; into: what they became.
    """

    unit: str
    kind: str
    period: str
    number: int
    beside: tuple[str, ...] = ()
    into: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """It in words, with where it is noted."""
        where = f"entry {self.number}" if self.number else "noted with the draw before"
        became = f" into {listing(self.into)}" if self.into else ""
        return f"{self.kind}{became}, {self.period} ({where})"


def past_of(frozen: Frozen, entries: Sequence[Entry]) -> list[Past]:
    """Return what happened to units so far, by the draws before this one and its own ledger."""
    follows = frozen.plan.get("follows", {})
    told = [(0, str(one["kind"]), one) for one in follows.get("happened", ())]
    told += [(0, str(one["kind"]), one) for one in follows.get("changes", ())]
    told += [(one.number, one.kind, one.body) for one in standing(entries)]
    found = []
    for number, kind, body in told:
        if kind not in (*ONE, *GONE):
            continue
        units = body["units"] if kind == "merged" else [body["unit"]]
        into = body.get("into", ())
        became = (into,) if isinstance(into, str) else tuple(map(str, into))
        period = str(body.get("period", ""))
        beside = tuple(map(str, units))
        found += [Past(unit, kind, period, number, beside, became) for unit in beside]
    return found


def contradictions(
    frozen: Frozen,
    entries: Sequence[Entry],
    event: tuple[str, Sequence[str], str, Sequence[str]],
    periods: Sequence[str],
) -> list[str]:
    """Return every way in which an event contradicts what is noted: nothing where none is.

    event: kind, units, period, what they became. The very same event again is none.
    """
    kind, units, period, into = event
    past = past_of(frozen, entries)
    faults = []
    for unit in dict.fromkeys(units):
        own = [one for one in past if one.unit == unit]
        if not any(same(one, kind, units, period, into) for one in own):
            faults += [f"{unit}: {words}" for words in of_unit(kind, period, own, periods)]
    faults += of_into(units, into, known=frozen.units, past=past)
    if faults:
        faults.append(
            "Nothing is noted. What was noted wrongly before is taken back first: fingerpost "
            'rollout note DRAW corrected --entry NUMBER --why "…".'
        )
    return faults


def same(one: Past, kind: str, units: Sequence[str], period: str, into: Sequence[str]) -> bool:
    """Return whether what happened to a unit is this very event."""
    if (one.kind, one.period) != (kind, period):
        return False
    return kind in ONE or (set(one.beside) == set(units) and set(one.into) == set(into))


def of_unit(kind: str, period: str, own: Sequence[Past], periods: Sequence[str]) -> Iterable[str]:
    """Yield why an event cannot be beside what happened to its unit."""
    place = {name: at for at, name in enumerate(periods)}
    at = place.get(period, 0)  # where nothing tells the periods, no order of them is known
    for one in own:
        there = place.get(one.period, at)
        if one.kind in GONE and (kind in GONE or at >= there):
            yield f"{one.words}; nothing happens to it from then on."
        elif kind in GONE and at < there:
            yield f"{one.words}; it cannot be gone before that."
        elif kind == one.kind and kind != "slipped":
            yield f"{one.words}; that happens once."
        elif kind == one.kind and at <= there and place:
            yield f"{one.words}; it slips again only to a later period."
        elif one.kind in ENDED_BY.get(kind, ()) and (kind == "slipped" or at >= there):
            yield f"{one.words}; after that it cannot have {kind}."
        elif one.kind in NOT_BEFORE.get(kind, ()) and at < there:
            yield f"{one.words}; it cannot have {kind} before that."


def of_into(
    units: Sequence[str], into: Sequence[str], *, known: Sequence[str], past: Sequence[Past]
) -> Iterable[str]:
    """Yield why units cannot have become what is said."""
    came = {name: one for one in past for name in one.into}
    for name in dict.fromkeys(into):
        if name in units:
            yield f"{name} cannot become itself. Give what came of it a code of its own."
        elif any(one.unit == name and one.kind in GONE for one in past):
            yield f"{name} is gone itself, and nothing becomes it."
        elif name in known or any(one.unit == name for one in past):
            yield (
                f"{name} is a unit of this draw, and returns are of units as they were drawn. If "
                "it took others in, it merged with them: name it among --unit, and give what came "
                "of them a code of its own."
            )
        elif name in came and set(came[name].beside) != set(units):
            yield f"{name} came of others already: {came[name].unit} {came[name].words}."
