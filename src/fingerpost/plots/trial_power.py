"""Power curves of a trial: over the intra-cluster correlation, and over the number of units."""

from __future__ import annotations

from fingerpost.core.table import Table
from fingerpost.plots._axes import padded
from fingerpost.plots._curves import Lines, draw_lines
from fingerpost.plots._theme import Rows, picture
from fingerpost.plots.numbers import number
from fingerpost.plots.picture import Picture

HEIGHT = 260


def draw_trial_power(
    table: Table,
    *,
    unit: str,
    level: str,
    times: float = 1.0,
    effect: float | None = None,
    power: float = 0.80,
) -> tuple[Picture, ...]:
    """Return the pictures of one curve: the smallest detectable effect, and the power where an
    effect is named; along the intra-cluster correlation with a line each number of units, or along
    the number of units with a line each intra-cluster correlation.

    level: what units are. times: by which effects are multiplied to be in `unit`. effect: the one
    to be found, power: that asked for; each a dashed line.
    """
    by_icc = table.name == "power_by_icc"
    rows = [row for row in table.records() if isinstance(row["smallest"], int | float)]
    if not rows:
        return ()
    points: Rows = [
        {
            "name": label(row, by_icc=by_icc, level=level),
            "x": float((row["icc"] if by_icc else row["units"]) or 0),
            "mdes": times * float(row["smallest"] or 0),
            **({} if row["power_t"] is None else {"power": 100 * float(row["power_t"] or 0)}),
        }
        for row in rows
    ]
    words = (unit, level)
    mark = None if effect is None else times * effect
    found = [curve(points, "mdes", table, words=words, by_icc=by_icc, mark=mark)]
    if effect is not None:
        found.append(curve(points, "power", table, words=words, by_icc=by_icc, mark=100 * power))
    return tuple(found)


def label(row: dict[str, str | int | float | bool | None], *, by_icc: bool, level: str) -> str:
    """Return which line a point lies on."""
    if by_icc:
        return f"{number(float(row['units'] or 0), 0)} × {level}"
    return f"all, of any {level}" if row["icc"] is None else f"ICC {row['icc']:.3g}"


def curve(
    points: Rows,
    field: str,
    table: Table,
    *,
    words: tuple[str, str],
    by_icc: bool,
    mark: float | None,
) -> Picture:
    """Return one picture. words: the unit of effects, and what units of the design are."""
    unit, level = words
    names = list(dict.fromkeys(each["name"] for each in points))
    over = "intra-cluster correlation" if by_icc else f"number in all ({level})"
    what = "smallest detectable effect" if field == "mdes" else "power (t), %"
    title = [what, f"({unit})"] if field == "mdes" else what
    values = [each[field] for each in points]
    ends = [0.0, 100.0] if field == "power" else ends_of(values, mark)
    xs = [each["x"] for each in points]
    x_ends = [0.0, max(xs)] if by_icc else [0.0, 1.03 * max(xs)]
    lines = Lines("x", field, x_ends, ends, over, over, title, mark)
    said = "; ".join(described(name, points, field) for name in names)
    beside = "" if mark is None else f" The dashed line is at {number(mark)}."
    return picture(
        f"{'mdes' if field == 'mdes' else 'power'}-by-{'icc' if by_icc else 'units'}",
        lambda width: draw_lines(points, names, lines=lines, width=width, height=HEIGHT),
        title=f"{what[:1].upper()}{what[1:]} by {over}",
        description=f"{what[:1].upper()}{what[1:]} by {over}. {said}.{beside}",
        source=table.name,
    )


def ends_of(values: list[float], mark: float | None) -> list[float]:
    """Return the ends of an axis of effects: from nought, whichever way they go."""
    low, high = padded([*values, mark, 0.0])
    return [low, 0.0] if max(values) <= 0 else [0.0 if min(values) >= 0 else low, high]


def described(name: str, points: Rows, field: str) -> str:
    """Return one line in words: both ends."""
    mine = [each for each in points if each["name"] == name]
    return (
        f"{name}: {number(mine[0][field])} at {number(mine[0]['x'])}, "
        f"{number(mine[-1][field])} at {number(mine[-1]['x'])}"
    )
