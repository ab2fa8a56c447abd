"""How cost grows with children, covariates and arms: slopes and one log-log picture."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.benchmark import OWN
from benchmarks.store import Key, Summary

NAMES = {
    "logit": "logit",
    "multinomial": "multinomial",
    "ipw": "IPW",
    "ipw_ra": "IPW-RA",
    "g_formula": "g-formula",
}
TASKS = tuple(NAMES)
CHILDREN = (10_000, 31_623, 100_000, 316_228, 1_000_000)
COVARIATES = (10, 20, 40, 80)
ARMS = (2, 3, 4, 5, 6)
MIDDLE = 100_000  # children, where covariates or arms grow
AXES = {"n": "children", "p": "covariates", "k": "arms"}
TITLE = "How CPU time grows with children, covariates and arms"


@dataclass(frozen=True, slots=True)
class Point:
    """CPU seconds of one task at one size along one axis."""

    task: str
    axis: str
    size: int
    cpu: float


def keys(setting: str, largest: int) -> list[Key]:
    """Return what must be measured for the picture."""
    found = []
    for task in TASKS:
        found += [Key(task, OWN, n, setting) for n in CHILDREN if n <= largest]
        found += [Key(task, OWN, MIDDLE, setting, p=p) for p in COVARIATES]
        found += [Key(task, OWN, MIDDLE, setting, k=k) for k in ARMS if task != "logit"]
    return list(dict.fromkeys(found))


def points(found: dict[Key, Summary], setting: str) -> list[Point]:
    """Return the points of the picture from what was measured."""
    out = []
    for key, own in found.items():
        if key.task not in TASKS or key.tool != OWN or key.setting != setting:
            continue
        name = NAMES[key.task]
        if (key.p, key.k) == (20, 3):
            out.append(Point(name, "n", key.n, own.cpu))
        if key.n == MIDDLE and key.k == 3:
            out.append(Point(name, "p", key.p, own.cpu))
        if key.n == MIDDLE and key.p == 20 and key.task != "logit":
            out.append(Point(name, "k", key.k, own.cpu))
    return sorted(out, key=lambda point: (point.axis, point.task, point.size))


def slopes(found: list[Point]) -> dict[tuple[str, str], float]:
    """Return (task, axis) → least-squares slope of log CPU in log size."""
    out = {}
    for task, axis in dict.fromkeys((point.task, point.axis) for point in found):
        own = [point for point in found if (point.task, point.axis) == (task, axis)]
        if len(own) > 1:
            size = np.log([point.size for point in own])
            out[task, axis] = float(np.polyfit(size, np.log([point.cpu for point in own]), 1)[0])
    return out


def write_table(found: list[Point], path: Path) -> None:
    """Write the points as CSV, beside the picture."""
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["task", "grows", "size", "cpu_seconds"])
        for point in found:
            writer.writerow([point.task, AXES[point.axis], point.size, f"{point.cpu:.4g}"])


def draw(found: list[Point], path: Path) -> None:
    """Draw the picture as SVG with a title and a description."""
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(chart(found))
    described = description(found)
    head, rest = svg.split(">", 1)
    told = f"<title>{TITLE}</title><desc>{described}</desc>"
    path.write_text(f'{head} role="img">{told}{rest}\n', encoding="utf-8")


def description(found: list[Point]) -> str:
    """Return the picture in words: the slopes."""
    said = [
        f"{task} by {AXES[axis]}: slope {slope:.2f}"
        for (task, axis), slope in slopes(found).items()
    ]
    return f"Log-log lines of CPU seconds against size. {'; '.join(said)}."


def chart(found: list[Point]) -> dict[str, object]:
    """Return the Vega-Lite chart: one panel a kind of growth, one line a task."""
    import altair as alt

    panels = [panel(found, axis) for axis in AXES]
    whole = alt.hconcat(*panels).configure(font="sans-serif").configure_view(stroke=None)
    spec: dict[str, object] = whole.to_dict()
    return spec


def panel(found: list[Point], axis: str) -> object:
    """Return the lines along one axis, their slopes above them."""
    import altair as alt

    steep, order = slopes(found), [name for name in NAMES.values()]
    own = [point for point in found if point.axis == axis]
    ticks = sorted({point.size for point in own})
    if axis == "n":
        ticks = [tick for tick in ticks if set(str(tick)) == {"1", "0"}]
    x = alt.X("size:Q", title=AXES[axis]).scale(type="log", nice=False, padding=8)
    y = alt.Y("cpu:Q", title="CPU seconds").scale(type="log", nice=False, domain=span(found))
    lines = (
        alt.Chart(alt.Data(values=[{"task": p.task, "size": p.size, "cpu": p.cpu} for p in own]))
        .mark_line()
        .encode(
            x=x.axis(values=ticks, format="~s" if axis == "n" else "d"),
            y=y.axis(values=[10.0**power for power in range(-3, 3)], format="~g"),
            color=alt.Color("task:N", title="task").scale(domain=order),
        )
    )
    points = lines.mark_point(filled=True, size=60).encode(
        shape=alt.Shape("task:N", title="task").scale(domain=order)
    )
    said = [f"{task}: slope {steep[task, axis]:.2f}" for task in order if (task, axis) in steep]
    said += [""] * (len(order) - len(said))
    title = alt.TitleParams(f"More {AXES[axis]}", subtitle=said, anchor="start")
    return (lines + points).properties(width=220, height=260, title=title)


def span(found: list[Point]) -> list[float]:
    """Return the range of CPU seconds that all panels show."""
    every = [point.cpu for point in found]
    return [min(every) / 1.5, max(every) * 1.5]
