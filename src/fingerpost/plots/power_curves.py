"""Power curves: the smallest detectable effect as units drift, a line each correlation."""

from __future__ import annotations

from collections.abc import Iterable

from fingerpost.core.table import Table
from fingerpost.plots._axes import padded
from fingerpost.plots._curves import Lines, draw_lines
from fingerpost.plots._theme import Drawing, Rows, picture, slug
from fingerpost.plots.numbers import number
from fingerpost.plots.picture import Picture

HEIGHT = 260
DRIFTS = {
    "nested": "the same at any distance in time (nested)",
    "decay": "less with each period that passes (decay)",
    "cohort": "the same at any distance in time, children followed (cohort)",
}
AXIS = "cluster autocorrelation: what is left of a unit's level"


def draw_power_curves(
    table: Table, *, unit: str, times: float = 1.0, effect: float | None = None
) -> tuple[Picture, ...]:
    """Return, for each way in which units drift, the smallest detectable effect along the cluster
    autocorrelation, a line each intra-cluster correlation; all on one axis.

    times: by which effects are multiplied to be in `unit`. effect: the one to be found, a dashed
    line.
    """
    rows = [row for row in table.records() if isinstance(row["mdes"], int | float)]
    if not rows:
        return ()
    look_for = None if effect is None else abs(effect) * times
    found: dict[str, Rows] = {}
    for row in rows:
        found.setdefault(str(row["structure"]), []).append(
            {
                "name": f"ICC {row['icc']:.3g}",
                "cac": float(row["cac"] or 0),
                "mdes": times * float(row["mdes"] or 0),
            }
        )
    highest = max(each["mdes"] for points in found.values() for each in points)
    ends = [0.0, padded([highest, look_for])[1]]
    return tuple(
        one_structure(structure, points, ends=ends, unit=unit, look_for=look_for, source=table.name)
        for structure, points in found.items()
    )


def one_structure(
    structure: str,
    points: Rows,
    *,
    ends: list[float],
    unit: str,
    look_for: float | None,
    source: str,
) -> Picture:
    """Return the picture of one way in which units drift."""
    names = list(dict.fromkeys(each["name"] for each in points))
    said = "; ".join(described(name, points) for name in names)
    beside = (
        ""
        if look_for is None
        else f" The dashed line is the effect to be found, {number(look_for)}."
    )
    return picture(
        f"power-curves-{slug(structure)}",
        lambda width: chart(points, names, ends=ends, unit=unit, look_for=look_for, width=width),
        title=f"Smallest detectable effect where what is left of a unit's level is "
        f"{DRIFTS.get(structure, structure)}",
        description=f"Smallest detectable effect ({unit}) by cluster autocorrelation. {said}."
        f"{beside}",
        source=source,
    )


def described(name: str, points: Rows) -> str:
    """Return one line in words: both ends, and the worst place where that is inside."""
    mine = [each for each in points if each["name"] == name]
    first, last, worst = mine[0], mine[-1], max(mine, key=lambda each: each["mdes"])
    inside = (
        f", at worst {number(worst['mdes'])} at {worst['cac']:g}"
        if worst["mdes"] > 1.001 * max(first["mdes"], last["mdes"])
        else ""
    )
    return (
        f"{name}: {number(first['mdes'])} at {first['cac']:g}, {number(last['mdes'])} at "
        f"{last['cac']:g}{inside}"
    )


def chart(
    points: Rows,
    names: Iterable[str],
    *,
    ends: list[float],
    unit: str,
    look_for: float | None,
    width: int,
) -> Drawing:
    """Return the chart at a width."""
    title = ["smallest detectable effect", f"({unit})"]
    lines = Lines("cac", "mdes", [0.0, 1.0], ends, AXIS, "cluster autocorrelation", title, look_for)
    return draw_lines(points, list(names), lines=lines, width=width, height=HEIGHT)
