"""The share of children first provided for as time goes on, a group a line."""

from __future__ import annotations

import math
from typing import Any

from fingerpost.core.table import Table
from fingerpost.plots._theme import Rows, picture, slug
from fingerpost.plots.numbers import number
from fingerpost.plots.picture import Picture
from fingerpost.plots.survival import MOST_ARMS, NORMAL, chart


def draw_access_incidence(table: Table, *, characteristic: str, time: str) -> Picture | None:
    """Return the curves of the groups of one characteristic; "" is all children.

    table: characteristic, arm, time, incidence (0-1), se. time: the axis in its unit. Bands hold
    with 95% confidence at each time by itself.
    """
    rows = curves(table, characteristic)
    names = list(dict.fromkeys(row["name"] for row in rows))
    # The first group is the one that the others are compared with; the last, farthest from it.
    if len(names) > MOST_ARMS:
        names = [*names[: MOST_ARMS - 1], names[-1]]
    rows = [row for row in rows if row["name"] in names]
    if len(rows) < 2:
        return None
    ends = {name: [row for row in rows if row["name"] == name][-1] for name in names}
    told = "; ".join(
        f"{name} {number(row['risk'])} by {row['time']:g}" for name, row in ends.items()
    )
    by = f", by {characteristic}" if characteristic else ""
    return picture(
        f"incidence-{slug(characteristic or 'all')}",
        lambda width: chart(rows, names, time=time, width=width),
        title=f"Children provided for as time goes on{by}",
        description=f"Of 100 children, how many were first provided for: {told} ({time}).",
        source=table.name,
    )


def curves(table: Table, characteristic: str) -> Rows:
    """Return the points of every group's curve in children of a hundred."""
    found: Rows = []
    for row in table.records():
        share, when = row["incidence"], row["time"]
        mine = (row["characteristic"] or "") == characteristic
        if not mine or not known(share) or not known(when):
            continue
        value, se, name = float(share or 0.0), row["se"], str(row["arm"])
        if not any(each["name"] == name for each in found):
            found.append({"name": name, "time": 0.0, "risk": 0.0, "lo": 0.0, "hi": 0.0})
        reach = NORMAL * float(se or 0.0) if known(se) else None
        found.append(
            {
                "name": name,
                "time": float(when or 0.0),
                "risk": 100 * value,
                "lo": None if reach is None else 100 * max(0.0, value - reach),
                "hi": None if reach is None else 100 * min(1.0, value + reach),
            }
        )
    return found


def known(cell: Any) -> bool:
    """Return whether a cell is a number."""
    return isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell)
