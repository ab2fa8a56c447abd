"""Schools of areas that were drawn whole, and orders drawn elsewhere within uneven strata.

    python benchmarks/areas_and_strata.py [--worlds 1000]

Nothing happens in these worlds, so that answers should lie about nought, their standard errors near
the standard deviation of the answers, and 95% of intervals hold nought. The tables are printed;
AREAS_AND_STRATA.md holds those of the last run.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# This folder must not be searched: its file names are those of well-known packages.
sys.path[0] = str(ROOT)
sys.path.append(str(ROOT / "tests"))

import numpy as np  # noqa: E402

from fingerpost.core.analysis import PanelTask  # noqa: E402
from fingerpost.core.inference import critical_values, standard_errors  # noqa: E402
from fingerpost.core.panel import Panel, PanelOutcome  # noqa: E402
from fingerpost.estimators import ancova, did, gls_exposure_time, random_timing  # noqa: E402
from suites.panel_worlds import ask, task  # noqa: E402

AREAS = {
    "12 areas of 10, 6 begin": ((10,) * 12, 6),
    "20 areas of 10, 10 begin": ((10,) * 20, 10),
    "30 areas of 10, 15 begin": ((10,) * 30, 15),
    "16 areas of 1 to 30, 4 begin": (
        (1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 22, 26, 30),
        4,
    ),
    "30 areas of 1 to 30, 15 begin": (tuple(range(1, 31)), 15),
    "30 areas of 1, 15 begin": ((1,) * 30, 15),
    "12 areas of 1, 6 begin": ((1,) * 12, 6),
}
STARTS = ((3,) * 12 + (5,) * 5 + (-1,) * 3, (3,) * 5 + (5,) * 15 + (-1,) * 20)


def panel_of(y: np.ndarray, adopted: np.ndarray, **more: object) -> Panel:
    """Return a panel of means, each of one child."""
    at = np.arange(y.shape[1])
    return Panel(
        tuple(f"u{one:03}" for one in range(len(y))),
        tuple(f"p{one}" for one in at),
        ("none", "offer"),
        ((adopted[:, None] >= 0) & (at >= adopted[:, None])).astype(int),
        {"y": PanelOutcome(np.ones_like(y), y, y**2)},
        adopted=adopted,
        **more,  # type: ignore[arg-type]
    )


def of_areas(seed: int, sizes: tuple[int, ...], begin: int) -> PanelTask:
    """Return schools of areas drawn whole: areas, areas in a period, schools and cells differ by
    1, 0.7, 1 and 0.5 (standard deviations).
    """
    r = np.random.default_rng(seed)
    first = np.zeros(len(sizes), bool)
    first[r.permutation(len(sizes))[:begin]] = True
    area = np.repeat(np.arange(len(sizes)), sizes)
    level, drift = r.normal(size=len(sizes)), 0.7 * r.normal(size=(len(sizes), 6))
    y = level[area][:, None] + drift[area] + r.normal(size=len(area))[:, None]
    y = y + 0.5 * r.normal(size=(len(area), 6))
    found = panel_of(y, np.where(first, 3, -1)[area], clusters={"area": area})
    return replace(task(found, ask("simple"), draws=0, cluster="area"), bare=True)


def of_strata(seed: int, slope: float, *, said: bool) -> PanelTask:
    """Return areas drawn within two strata, of which the first is two higher and rises by `slope`
    more a period, and has more of the early waves. said: whether the study names the strata.
    """
    r = np.random.default_rng(seed)
    adopted = np.concatenate([r.permutation(each) for each in STARTS])
    stratum = np.repeat(np.arange(2), [len(each) for each in STARTS])
    at, n = np.arange(9), len(adopted)
    high = (stratum == 0)[:, None]
    y = 0.5 * r.normal(size=n)[:, None] + 2 * high + slope * high * at + 0.1 * at
    y = y + 0.3 * r.normal(size=(n, 9))
    asked = task(panel_of(y, adopted, strata=stratum), ask("simple"), draws=0)
    within = replace(asked.analysis.assignment, strata=("region",) if said else ())
    return replace(asked, analysis=replace(asked.analysis, assignment=within), bare=True)


def told(leaf, tasks) -> str:
    """Return a row's numbers: bias, empirical SD, SE over it, coverage, each with its error."""
    rows = []
    for one in tasks:
        found = leaf.run(one).estimate
        if found is None or found.spread is None:
            continue
        error = standard_errors(found)[0]
        held = abs(found.value[0]) <= critical_values(found, 0.95)[0] * error
        rows.append((found.value[0], error, held))
    value, error, held = np.array(rows, float).T
    sd, n, share = value.std(ddof=1), len(rows), held.mean()
    return (
        f"{n:,} | {value.mean():.3f} ({sd / n**0.5:.3f}) | {sd:.3f} | {error.mean() / sd:.2f} | "
        f"{100 * share:.1f} ({100 * (share * (1 - share) / n) ** 0.5:.1f})"
    )


def main() -> None:
    """Print both tables."""
    reads = argparse.ArgumentParser()
    reads.add_argument("--worlds", type=int, default=1000)
    worlds = reads.parse_args().worlds
    print("| layout | leaf | worlds | bias (MCSE) | empirical SD | SE / SD | coverage % (MCSE) |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for words, (sizes, begin) in AREAS.items():
        for leaf in (ancova, did):
            name = leaf.__name__.rpartition(".")[2]
            tasks = (of_areas(seed, sizes, begin) for seed in range(worlds))
            print(f"| {words} | {name} | {told(leaf, tasks)} |", flush=True)
    ends = "worlds | bias (MCSE) | empirical SD | SE / SD | coverage % (MCSE) |"
    print(f"\n| first stratum | leaf | strata | {ends}")
    print("|---|---|---|--:|--:|--:|--:|--:|")
    for slope, words in ((0.2, "is higher, and rises"), (0.0, "is higher")):
        for leaf in (gls_exposure_time, random_timing):
            for said in (False, True):
                name = leaf.__name__.rpartition(".")[2]
                tasks = (of_strata(seed, slope, said=said) for seed in range(worlds // 5))
                way = "declared" if said else "not declared"
                print(f"| {words} | {name} | {way} | {told(leaf, tasks)} |", flush=True)


if __name__ == "__main__":
    main()
