"""Every target computed from the records of a synthetic England, and judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fingerpost.core.errors import Malformed, UsageError, nearest
from fingerpost.england.check import absence, attainment, health, places, provision
from fingerpost.england.check.children import POPULATIONS, Children, Mask, children
from fingerpost.england.check.measured import Measured
from fingerpost.england.check.targets import ABOVE, Target, targets

if TYPE_CHECKING:
    from fingerpost.records.store import Store

SCHEMA_VERSION = "1"
MET, MISSED, SHOWN, UNMEASURED = "met", "missed", "shown", "not measured"
ERA = "2003-2013"  # births that the targets speak of
ALLOWED = 0.10  # of the targets judged may be missed
# A tolerance is widened by two Monte-Carlo errors where these are more than this share of it.
SMALL = 0.5
MOST_ERRORS = 2.0
# Two Monte-Carlo errors above this many tolerances: it is held only loosely.
CHANCE = 1.0
TABLES = ("child", "birth", "school_census", "absence", "hes_apc", "school")
MEASURES: Mapping[str, Callable[[Children, Mask], Measured]] = {
    **provision.MEASURES,
    **places.MEASURES,
    **health.MEASURES,
    **absence.MEASURES,
    **attainment.MEASURES,
}


@dataclass(frozen=True, slots=True)
class Held:
    """One target held against what was achieved.

    allowed: how far achieved may lie from the target, in its unit, Monte-Carlo error included where
    `widened`. verdict: met, missed, shown (never judged) or not measured (no such children). loose:
    whether two Monte-Carlo errors are more than the tolerance, so that being met says little (and
    being missed says that it is missed). needs: how many such children, about, it would take to
    hold it closely; None where it was, or nobody knows.
    """

    target: Target
    achieved: Measured
    allowed: float
    widened: bool
    verdict: str
    needs: int | None = None

    @property
    def loose(self) -> bool:
        """Whether so few children are behind it that it is held only loosely."""
        return self.needs is not None

    @property
    def difference(self) -> float:
        """Achieved less the target's value."""
        return self.achieved.value - self.target.value


@dataclass(frozen=True, slots=True)
class Check:
    """All targets held against one England."""

    rows: tuple[Held, ...]

    @property
    def judged(self) -> tuple[Held, ...]:
        """The rows that count."""
        return tuple(row for row in self.rows if row.verdict in (MET, MISSED))

    @property
    def missed(self) -> tuple[Held, ...]:
        """The rows that count and were missed."""
        return tuple(row for row in self.rows if row.verdict == MISSED)

    @property
    def loose(self) -> tuple[Held, ...]:
        """The rows that count and are held only loosely."""
        return tuple(row for row in self.judged if row.loose)

    @property
    def unjudged(self) -> tuple[Held, ...]:
        """The rows that would count, were there such children."""
        return tuple(row for row in self.rows if row.verdict == UNMEASURED)

    @property
    def passed(self) -> bool:
        """Whether at most one target in ten was missed, of one or more that were judged."""
        return bool(self.judged) and len(self.missed) <= ALLOWED * len(self.judged)

    def record(self) -> dict[str, Any]:
        """Return the check as plain data, for JSON; a number that does not exist is null."""
        return {
            "schema_version": SCHEMA_VERSION,
            "passed": self.passed,
            "judged": len(self.judged),
            "missed": len(self.missed),
            "loosely": len(self.loose),
            "not_measured": len(self.unjudged),
            "allowed_share": ALLOWED,
            "targets": [
                {
                    **asdict(row.target),
                    "tolerance": row.target.tolerance if row.target.judged else None,
                    "achieved": number(row.achieved.value),
                    "monte_carlo_error": number(row.achieved.error),
                    "children": row.achieved.n,
                    "difference": number(row.difference),
                    "allowed": number(row.allowed) if row.target.judged else None,
                    "widened": row.widened,
                    "verdict": row.verdict,
                    "needs": row.needs,
                }
                for row in self.rows
            ],
        }


def number(value: float) -> float | None:
    """Return a number, or None where it is none."""
    return value if math.isfinite(value) else None


def check(store: Store, against: tuple[Target, ...] | None = None) -> Check:
    """Return every target held against the records of a store.

    against: the targets; those that come with the package by default. Raises UsageError where the
    records do not say that they are synthetic or a target names no known measure or population,
    Malformed where tables are missing.
    """
    chosen = targets() if against is None else against
    refuse(store, chosen)
    return held(children(store), chosen)


def refuse(store: Store, chosen: tuple[Target, ...]) -> None:
    """Raise for records that cannot be checked and for targets that nobody can compute."""
    if not store.synthetic:
        raise UsageError(
            "england check: these records do not say that they are synthetic. Only a synthetic "
            "England is checked; make one with `fingerpost england build`."
        )
    era = store.manifest.options.get("era", ERA)
    if era != ERA:
        raise UsageError(
            f"england check: these children were born in {era}; the published figures are of "
            f"children born in {ERA}. Make an England of that era."
        )
    missing = [name for name in TABLES if not store.has(name)]
    if missing:
        raise Malformed([f'england check: there is no table "{name}".' for name in missing])
    faults = [
        f'england check: target {target.id}: no {kind} "{name}".{nearest(name, known)}'
        for target in chosen
        for kind, name, known in (
            ("measure", target.measure, MEASURES),
            ("population", target.population, POPULATIONS),
        )
        if name not in known
    ]
    if faults:
        raise UsageError(faults)


def held(of: Children, chosen: tuple[Target, ...]) -> Check:
    """Return targets held against children."""
    groups = {name: POPULATIONS[name][1](of) for name in {each.population for each in chosen}}
    return Check(
        tuple(judge(each, MEASURES[each.measure](of, groups[each.population])) for each in chosen)
    )


def judge(target: Target, achieved: Measured) -> Held:
    """Return a target with its verdict.

    >>> target = Target("a", "any", "all", "share", "%", 30.0, 1.0, "points", "source")
    >>> judge(target, Measured(31.5, 0.1, 100)).verdict
    'missed'
    >>> wide = judge(target, Measured(31.5, 0.4, 100))
    >>> wide.verdict, wide.widened, wide.allowed
    ('met', True, 1.8)
    >>> few = judge(target, Measured(33.0, 2.0, 100))
    >>> few.verdict, few.loose, few.needs
    ('met', True, 1600)
    >>> judge(target, Measured(45.0, 2.0, 100)).verdict
    'missed'
    """
    noise = MOST_ERRORS * achieved.error if np.isfinite(achieved.error) else 0.0
    chance = target.judged and bool(0 < CHANCE * target.allowed < noise)
    widened = target.judged and bool(noise > SMALL * target.allowed)
    allowed = target.allowed + (noise if widened else 0.0)
    away = achieved.value - target.value
    if not target.judged:
        verdict = SHOWN
    elif not np.isfinite(achieved.value):
        verdict = UNMEASURED
    elif target.kind == ABOVE:
        verdict = MET if away > -allowed else MISSED
    else:
        # What is printed as equal is equal: rounding of the last digit decides nothing.
        verdict = MET if abs(away) <= allowed + 1e-9 else MISSED
    # The error falls as the square root of the number of children.
    held = verdict in (MET, MISSED)
    needs = two_digits(achieved.n * (noise / target.allowed) ** 2) if chance and held else None
    return Held(target, achieved, allowed, widened, verdict, needs)


def two_digits(number: float) -> int:
    """Return a number in two digits, rounded up.

    >>> two_digits(1234.5), two_digits(38.0), two_digits(7.2)
    (1300, 38, 8)
    """
    if number <= 10:
        return math.ceil(number)
    step: int = 10 ** (math.floor(math.log10(number)) - 1)
    return math.ceil(number / step - 1e-9) * step
