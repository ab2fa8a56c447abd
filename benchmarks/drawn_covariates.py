"""Coverage of trials that adjust for many covariates beside few units.

    python benchmarks/drawn_covariates.py [--worlds 2000] [--package FOLDER]

Half the children (or clusters) are drawn to each arm and nothing has any effect; of the covariates
the first one tells half a standard deviation. 95% intervals are held against nought. FOLDER:
another version's `src`, to see what it does in the same worlds. The rows are printed, and kept in
DRAWN_COVARIATES.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# This folder must not be searched: its file names are those of well-known packages.
sys.path[0] = str(ROOT)
if "--package" in sys.argv:
    sys.path.insert(0, sys.argv[sys.argv.index("--package") + 1])

import numpy as np  # noqa: E402

from fingerpost.core.analysis import Analysis, Task  # noqa: E402
from fingerpost.core.assignment import Randomised  # noqa: E402
from fingerpost.core.cohort import Cohort  # noqa: E402
from fingerpost.core.column import Column  # noqa: E402
from fingerpost.core.errors import FingerpostError  # noqa: E402
from fingerpost.core.estimand import Target, Term, pair  # noqa: E402
from fingerpost.core.inference import intervals, standard_errors  # noqa: E402
from fingerpost.core.leaves import Estimator, menu  # noqa: E402
from fingerpost.core.outcome import Outcome  # noqa: E402

LEAVES = menu("estimators", Estimator)
NAMES = ("g_formula", "aipw", "regression")
SEED = 1


@dataclass(frozen=True)
class Layout:
    """words; units drawn, of which `early` to the first arm; children of each; covariates, of which
    `shared` are of the cluster; how much more an outcome varies with the arm.
    """

    words: str
    units: int
    covariates: int
    early: int
    each: int = 1
    shared: int = 0
    times: float = 1.0


LAYOUTS = (
    Layout("70 children, 9 covariates", 70, 9, 35),
    Layout("70 children, 15 covariates", 70, 15, 35),
    Layout("120 children, 15 covariates", 120, 15, 60),
    Layout("120 children, 25 covariates", 120, 25, 60),
    Layout("200 children, 15 covariates", 200, 15, 100),
    Layout("20 and 50 children, 9 covariates, varying twice as much with the arm", 70, 9, 20,
           times=2.0),
    Layout("20 clusters of 15, 3 covariates", 20, 3, 10, 15, 1),
    Layout("60 clusters of 10, 9 covariates", 60, 9, 30, 10, 5),
)  # fmt: skip


def world(layout: Layout, r: np.random.Generator) -> Task:
    """Return one trial without any effect."""
    g, n = layout.units, layout.units * layout.each
    drawn = r.permutation(np.arange(g) < layout.early).astype(np.int64)
    at = np.repeat(np.arange(g), layout.each)
    x = r.standard_normal((n, layout.covariates))
    x[:, : layout.shared] = r.standard_normal((g, layout.shared))[at]
    y = r.standard_normal(n)
    if layout.each > 1:  # an intracluster correlation of a fifth
        y = 0.8**0.5 * y + 0.2**0.5 * r.standard_normal(g)[at]
    y = y * np.where(drawn[at] == 1, layout.times, 1.0) + 0.5 * x[:, 0]
    given = tuple(f"x{place}" for place in range(layout.covariates))
    cohort = Cohort(
        np.arange(n),
        ("usual", "more"),
        drawn[at],
        {"y": Outcome("continuous", y)},
        {name: Column(x[:, place]) for place, name in enumerate(given)},
        clusters={"school": at} if layout.each > 1 else {},
    )
    level = "school" if layout.each > 1 else None
    return Task(
        cohort,
        (),
        Analysis(given, assignment=Randomised("simple", level or "child"), cluster=level),
    )


def asked(task: Task, name: str) -> Task:
    """Return the task with the question that a leaf answers."""
    kind = "conditional" if name == "regression" else "ate"
    term = Term("y", pair("more", "usual"), Target(kind))
    return Task(task.cohort, (term,), task.analysis, task.fits)


def coverage(layout: Layout, worlds: int) -> list[str]:
    """Return the table's lines of one lay-out."""
    r = np.random.default_rng(SEED)
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in NAMES}
    for _ in range(worlds):
        task = world(layout, r)
        for name, rows in found.items():
            try:
                told = LEAVES[name].run(asked(task, name)).estimate
            except FingerpostError:
                continue
            if told is not None and told.spread is not None:
                rows.append((told.value[0], standard_errors(told)[0], *intervals(told)[0]))
    lines = []
    for name, rows in found.items():
        value, error, low, high = np.array(rows).T
        held = float(np.mean((low <= 0) & (high >= 0)))
        chance = 100 * (held * (1 - held) / len(rows)) ** 0.5
        lines.append(
            f"| {layout.words} | {name} | {len(rows)} | {100 * held:.1f} ({chance:.1f}) | "
            f"{error.mean() / value.std():.2f} |"
        )
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=2000)
    parser.add_argument("--package", help="the src of another version")
    told = parser.parse_args()
    print("| trial | leaf | worlds | coverage % (MCSE) | SE / SD |")
    print("|---|---|--:|--:|--:|")
    for layout in LAYOUTS:
        print("\n".join(coverage(layout, told.worlds)), flush=True)


if __name__ == "__main__":
    main()
