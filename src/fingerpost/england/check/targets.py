"""What synthetic England is held against: published figures with their tolerances, as data."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

from fingerpost.core.errors import Malformed, listed

FILE = "targets.csv"
COLUMNS = (
    *("id", "words", "population", "measure", "unit", "value", "tolerance", "kind", "source"),
    "note",
)
POINTS, PERCENT, ABOVE, PRINTED = "points", "percent", "above", "printed"
KINDS = (POINTS, PERCENT, ABOVE, PRINTED)


@dataclass(frozen=True, slots=True)
class Target:
    """One published figure.

    population, measure: names that the check knows. unit: of value and achieved. kind: `points`
    (tolerance in the unit), `percent` (of the value), `above` (achieved must be above the value) or
    `printed` (shown beside the figure, never judged; `note` says why).
    """

    id: str
    words: str
    population: str
    measure: str
    unit: str
    value: float
    tolerance: float
    kind: str
    source: str
    note: str = ""

    @property
    def judged(self) -> bool:
        """Whether missing it counts."""
        return self.kind != PRINTED

    @property
    def allowed(self) -> float:
        """How far achieved may lie from the value, in the unit, before Monte-Carlo error."""
        return abs(self.value) * self.tolerance / 100 if self.kind == PERCENT else self.tolerance


def targets(text: str | None = None) -> tuple[Target, ...]:
    """Return the targets that come with the package, or those of a CSV text of the same form.

    Raises Malformed with every fault of the text.

    >>> next(target for target in targets() if target.id == "icc_plan").allowed
    0.006
    """
    given = text if text is not None else (files("fingerpost.england") / FILE).read_text("utf-8")
    rows = list(csv.DictReader(given.splitlines()))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise Malformed(f"targets: the columns must be {', '.join(COLUMNS)}.")
    found, faults = [], list[str]()
    for line, row in enumerate(rows, start=2):
        try:
            found.append(target_of(row))
        except (ValueError, TypeError) as fault:
            faults.append(f"targets: line {line}: {fault}")
    names = [target.id for target in found]
    faults += [f'targets: "{name}" stands twice.' for name in {*names} if names.count(name) > 1]
    if faults:
        raise Malformed(faults)
    return tuple(found)


def target_of(row: dict[str, str]) -> Target:
    """Return one row as a target; ValueError where a number or the kind is wrong."""
    kind = row["kind"]
    if kind not in KINDS:
        raise ValueError(f'"{kind}" is no kind of tolerance. Allowed: {listed(KINDS)}.')
    if kind == PRINTED and not row["note"] and not row["source"]:
        raise ValueError("a figure that is not judged needs a note or a source.")
    return Target(
        id=row["id"],
        words=row["words"],
        population=row["population"],
        measure=row["measure"],
        unit=row["unit"],
        value=float(row["value"]),
        tolerance=float(row["tolerance"]) if kind != PRINTED else 0.0,
        kind=kind,
        source=row["source"],
        note=row["note"] or "",
    )
