"""Schools, local authorities, and the paths of provision through primary school."""

from __future__ import annotations

from collections.abc import Iterable

from fingerpost.core.output import Output
from fingerpost.core.words import listing
from fingerpost.plots.numbers import number, percent
from fingerpost.reports.access import as_float
from fingerpost.reports.parts import Bullets, Heading, Part, Section, Words, grid

TITLE = "Places and paths"
YEARS_AND_PATHS = (("access_years", "School year by school year"), ("access_paths", "Paths"))
NONE = "No table of places or paths came with this output, or they were withheld."


def section(output: Output) -> Section:
    """Return the variation between places, status by school year, and paths."""
    places = output.table("access_places")
    parts: list[Part] = []
    if places is not None and places.rows:
        parts += [
            Heading("Schools and local authorities", "places"),
            Bullets(tuple(told(output))),
            grid(places),
        ]
    within = output.table("access_nested")
    if within is not None and within.rows:
        parts.append(grid(within))
    for name, heading in YEARS_AND_PATHS:
        table = output.table(name)
        if table is not None and table.rows:
            parts += [Heading(heading, name), grid(table)]
    return Section("places", TITLE, tuple(parts) or (Words(NONE),))


def told(output: Output) -> Iterable[str]:
    """Yield what each level's models say, in a sentence."""
    table = output.table("access_places")
    by_place: dict[str, list[dict[str, object]]] = {}
    for row in table.records() if table else ():
        by_place.setdefault(str(row["place"]), []).append(dict(row))
    for place, rows in by_place.items():
        shares = [
            f"{percent(as_float(row['icc']))} with {row['model']}"  # type: ignore[arg-type]
            if row["model"] == "no covariates"
            else f"{percent(as_float(row['icc']))} {row['model']}"  # type: ignore[arg-type]
            for row in rows
        ]
        ratio = number(as_float(rows[0]["median_odds_ratio"]))  # type: ignore[arg-type]
        yield (
            f"Between one {place} and another: {listing(shares)} of the variance on the logit "
            f"scale. Of two taken at random, the odds of provision in the one with more are "
            f"{ratio} times those in the other, in the middle of all such pairs."
        )
