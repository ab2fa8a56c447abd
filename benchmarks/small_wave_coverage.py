"""Coverage where waves are small or clusters uneven: the lay-outs in which errors go wrong first.

    python benchmarks/small_wave_coverage.py [--bands] [--worlds 500] [--package FOLDER]

No effect is planted; an area's level fades by a fifth a period. Intervals are held against nought,
and tests of trends before provision against the 5% that they promise. FOLDER: another version's
`src`, to see what it does in the same worlds. The tables are printed, and part of the manual's page
on the coverage of roll-outs.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# This folder must not be searched: its file names are those of well-known packages.
sys.path[0] = str(ROOT)
sys.path.append(str(ROOT / "tests"))
if "--package" in sys.argv:
    sys.path.insert(0, sys.argv[sys.argv.index("--package") + 1])
    sys.path.insert(0, str(Path(sys.path[0]).parent / "tests"))

import numpy as np  # noqa: E402

from fingerpost.core.errors import FingerpostError  # noqa: E402
from fingerpost.core.inference import intervals, standard_errors  # noqa: E402
from fingerpost.core.leaves import Estimator, menu  # noqa: E402
from fingerpost.core.panel import Panel, PanelOutcome  # noqa: E402
from fingerpost.estimators import _trends_before  # noqa: E402
from suites.panel_worlds import NEVER, ask, task  # noqa: E402

KEPT, SEED = 0.8, 1
LEAVES = {
    name: leaf for name, leaf in menu("estimators", Estimator).items() if leaf.takes == "panel"
}
BOTH = ("group_time", "imputation")
DRAWN = (*BOTH, "random_timing", "gls_exposure_time")
UNEVEN = (1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 10, 15, 25, 40, 80)
MILD = (1, 2, 3, 4, 6, 8, 12, 20) * 5


@dataclass(frozen=True)
class Layout:
    """sizes: schools of each area, none where areas stand for themselves."""

    words: str
    begins: tuple[int, ...]
    periods: int
    target: str
    leaves: tuple[str, ...]
    sizes: tuple[int, ...] = ()


def waves(*parts: tuple[int, int]) -> tuple[int, ...]:
    """Return the beginnings of so many areas: (period, areas)."""
    return tuple(begin for begin, count in parts for _ in range(count))


CASTLE = waves((3, 1), (4, 13), (5, 4), (6, 2), (7, 1), (NEVER, 29))
LAYOUTS = (
    Layout("3 early, 57 never", waves((3, 3), (NEVER, 57)), 8, "exposure_average", DRAWN),
    Layout("3 early, 20 later, 37 never", waves((2, 3), (5, 20), (NEVER, 37)), 8, "long_term",
           DRAWN[:3]),
    Layout("4 waves of 3, 40 never", waves((2, 3), (4, 3), (6, 3), (8, 3), (NEVER, 40)), 11,
           "exposure_average", DRAWN[:3]),
    Layout("1, 13, 4, 2, 1, 29 never", CASTLE, 11, "exposure_average", BOTH),
    Layout("1, 13, 4, 2, 1, 29 never", CASTLE, 11, "simple", BOTH),
    Layout("20 waves of 1, 40 never", (*range(4, 24), *waves((NEVER, 40))), 24, "simple", BOTH),
    Layout("5 waves of 1, 45 never", (*range(4, 24, 4), *waves((NEVER, 45))), 24, "simple", BOTH),
    Layout("10 waves of 2, 40 never", (*np.repeat(range(4, 24, 2), 2).tolist(),
           *waves((NEVER, 40))), 24, "simple", BOTH),
    Layout("12 areas, 3 waves and never", (2, 4, 6, NEVER) * 3, 8, "exposure_average", DRAWN),
    Layout("3 early, 12 never", waves((3, 3), (NEVER, 12)), 8, "exposure_average", DRAWN),
    Layout("40 areas of 1 to 20 schools", ((2, 4, NEVER) * 14)[:40], 8, "exposure_average", DRAWN,
           MILD),
    Layout("20 areas of 1 to 80 schools", ((2, 4, NEVER) * 7)[:20], 8, "exposure_average", DRAWN,
           UNEVEN),
)  # fmt: skip
BEFORE = (
    ("waves of 5, 8 and 19, 111 never", waves((6, 5), (7, 8), (8, 19), (NEVER, 111))),
    ("4 waves of 3, 40 never", waves((2, 3), (4, 3), (6, 3), (8, 3), (NEVER, 40))),
    ("2 waves of 30, 40 never", waves((4, 30), (6, 30), (NEVER, 40))),
    ("5 waves of 1, 60 never", (3, 4, 5, 6, 7, *waves((NEVER, 60)))),
)
TWELVE, FOUR = waves((2, 3), (4, 3), (6, 3), (NEVER, 3)), BEFORE[1][1]
THREE, HALVES = waves((3, 3), (NEVER, 57)), waves((4, 30), (NEVER, 30))
BANDS = (
    ("4 waves of 3, 40 never", FOUR, 11, "group_time"),
    ("4 waves of 3, 40 never", FOUR, 11, "gls_exposure_time"),
    ("3 early, 57 never", THREE, 8, "group_time"),
    ("3 early, 57 never", THREE, 8, "imputation"),
    ("12 areas, 3 waves and never", TWELVE, 8, "gls_exposure_time"),
    ("12 areas, 3 waves and never", TWELVE, 8, "group_time"),
    ("30 early, 30 never", HALVES, 8, "group_time"),
    ("30 early, 30 never", HALVES, 8, "gls_exposure_time"),
)


def panel_of(mean: np.ndarray, begins: np.ndarray, area: np.ndarray | None) -> Panel:
    """Return the panel of units with these means."""
    one = np.ones_like(mean)
    given = (begins[:, None] != NEVER) & (np.arange(mean.shape[1]) >= begins[:, None])
    names = tuple(f"u{at:04d}" for at in range(len(mean)))
    periods = tuple(f"p{at}" for at in range(mean.shape[1]))
    outcome = PanelOutcome(one, mean, mean**2)
    return Panel(
        names,
        periods,
        ("none", "offer"),
        given.astype(int),
        {"y": outcome},
        adopted=begins,
        clusters={} if area is None else {"area": area},
    )


def world(layout: Layout, r: np.random.Generator) -> Panel:
    """Return one world: the waves shuffled among areas, none of which has any effect."""
    at = np.arange(layout.periods)
    root = np.linalg.cholesky(KEPT ** np.abs(at[:, None] - at))
    begins = r.permutation(np.array(layout.begins))
    level = r.standard_normal((len(begins), len(at))) @ root.T
    if not layout.sizes:
        return panel_of(level, begins, None)
    area = np.repeat(np.arange(len(begins)), r.permutation(np.array(layout.sizes)))
    own = 0.5 * r.standard_normal((len(area), len(at))) + 0.5 * r.standard_normal((len(area), 1))
    return panel_of(level[area] + own, begins[area], area)


def one_answer(name: str, panel: Panel, layout: Layout) -> tuple[float, ...] | None:
    """Return (value, standard error, low, high), None where the leaf gives none."""
    cluster = "area" if layout.sizes else None
    drawn = LEAVES[name].drawn
    asked = task(panel, ask(layout.target), drawn=drawn, cluster=cluster, draws=0)
    try:
        found = LEAVES[name].run(replace(asked, bare=True)).estimate
    except FingerpostError:
        return None
    if found is None or found.spread is None:
        return None
    return (found.value[0], standard_errors(found)[0], *intervals(found)[0])


def coverage(layout: Layout, worlds: int) -> list[str]:
    """Return the table's lines of one lay-out."""
    r = np.random.default_rng(SEED)
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in layout.leaves}
    for _ in range(worlds):
        panel = world(layout, r)
        for name, rows in found.items():
            one = one_answer(name, panel, layout)
            if one is not None:
                rows.append(one)
    lines = []
    for name, rows in found.items():
        start = f"| {layout.words} | {layout.target} | {name} |"
        if len(rows) < worlds / 2:
            lines.append(f"{start} {len(rows)} of {worlds} | none given | | |")
            continue
        value, error, low, high = np.array(rows).T
        held = float(np.mean((low <= 0) & (high >= 0)))
        spread = 100 * (held * (1 - held) / len(rows)) ** 0.5
        lines.append(
            f"{start} {len(rows)} of {worlds} | {100 * held:.1f} ({spread:.1f}) | "
            f"{error.mean() / value.std(ddof=1):.2f} | {np.median(high - low) / value.std():.1f} |"
        )
    return lines


def alarms(words: str, begins: tuple[int, ...], worlds: int) -> str:
    """Return how often trends before are found to part where they do not."""
    r = np.random.default_rng(9)
    layout = Layout(words, begins, 10, "simple", ())
    columns = ("p", "p_small_sample", "p_shuffled")
    found: dict[str, list[bool]] = {name: [] for name in columns}
    for _ in range(worlds):
        panel = world(layout, r)
        told = LEAVES["group_time"].run(task(panel, ask("simple"), drawn=False, draws=0))
        (row,) = next(one for one in told.tables if one.name == "pre_trends").records()
        for name in columns:
            if row.get(name) is not None:
                found[name].append(row[name] <= 0.05)
    each = [f"{100 * np.mean(found[name]):.1f}" if found[name] else "" for name in columns]
    return f"| {words} | {' | '.join(each)} |"


def bands(words: str, begins: tuple[int, ...], periods: int, name: str, *, worlds: int) -> str:
    """Return how often bands hold every effect by exposure at once, and how often an interval holds
    its own.
    """
    r = np.random.default_rng(5)
    layout = Layout(words, begins, periods, "exposure_average", ())
    _trends_before.MOST_WORK = 0  # no band rests on what shuffled waves say of trends
    held: list[bool] = []
    each: list[float] = []
    wider: list[float] = []
    for _ in range(worlds):
        asked = task(world(layout, r), ask(layout.target), drawn=LEAVES[name].drawn, draws=0)
        told = next(
            (one for one in LEAVES[name].run(asked).tables if one.name == "event_study"), None
        )
        if told is None:
            continue
        low, high, band_low, band_high = np.array([row[5:] for row in told.rows], float).T
        held.append(bool(np.all((band_low <= 0) & (band_high >= 0))))
        each.append(float(np.mean((low <= 0) & (high >= 0))))
        wider.append(float(np.mean((band_high - band_low) / (high - low))))
    mean = float(np.mean(held))
    chance = 100 * (mean * (1 - mean) / len(held)) ** 0.5
    return (
        f"| {words} | {name} | {100 * np.mean(each):.1f} | {100 * mean:.1f} ({chance:.1f}) | "
        f"{np.mean(wider):.2f} |"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--package", help="the src of another version")
    parser.add_argument("--bands", action="store_true", help="the table of bands alone")
    told = parser.parse_args()
    if told.bands:
        print("| areas | leaf | each interval % | all at once % (MCSE) | band / interval |")
        print("|---|---|--:|--:|--:|")
        for words, begins, periods, name in BANDS:
            print(bands(words, begins, periods, name, worlds=told.worlds), flush=True)
        return
    print("| areas | target | leaf | intervals given | coverage % (MCSE) | SE / SD | width / SD |")
    print("|---|---|---|--:|--:|--:|--:|")
    for layout in LAYOUTS:
        print("\n".join(coverage(layout, told.worlds)), flush=True)
    print("\n| areas | p | p_small_sample | p_shuffled |\n|---|--:|--:|--:|")
    for words, begins in BEFORE:
        print(alarms(words, begins, told.worlds), flush=True)


if __name__ == "__main__":
    main()
