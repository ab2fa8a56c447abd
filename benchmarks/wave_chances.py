"""Draws in which units were not alike likely to be in a wave: what weighting by chances mends.

    python benchmarks/wave_chances.py [--worlds 600]

Sixty areas, twenty of them in London, whose level is one higher and rises faster. A limit keeps
London out of the first wave: at most 7 of 30 (two waves), or 4 of 20 (three waves), or of 20 that
are issued, after which the other 40 are drawn anew with at most 6 of London in the second wave
(drawn anew). No effect is planted. Answers are shown with no chances, with those of the last draw
alone, and with those of all draws. The table is part of the manual's page on the coverage of
roll-outs.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path[0] = str(ROOT)
sys.path.append(str(ROOT / "tests"))

import numpy as np  # noqa: E402
from scipy.stats import hypergeom  # noqa: E402

from fingerpost.core.allocation import Allocation, Permutations  # noqa: E402
from fingerpost.core.analysis import Analysis, PanelTask  # noqa: E402
from fingerpost.core.assignment import Randomised  # noqa: E402
from fingerpost.core.drawn import Drawn  # noqa: E402
from fingerpost.core.inference import intervals, standard_errors  # noqa: E402
from fingerpost.core.leaves import Estimator, menu  # noqa: E402
from fingerpost.core.panel import Panel, PanelOutcome  # noqa: E402
from suites.panel_worlds import ask  # noqa: E402

U, LONDON, T = 60, np.arange(60) < 20, 6
NAMES = tuple(f"u{at:02}" for at in range(U))
REPLAYED, POOL = 199, 3000
LEAVES = ("gls_exposure_time", "random_timing", "group_time", "randomisation_test")
NONE, LAST, EVERY = "none", "last draw", "all draws"
FOUND = menu("estimators", Estimator)


@dataclass(frozen=True)
class Layout:
    """sizes and begins of waves; most: of London in the first. anew: most of London in the second
    wave, where the rest is drawn again once the first is issued.
    """

    words: str
    sizes: tuple[int, ...]
    begins: tuple[int, ...]
    most: int
    anew: int | None = None


LAYOUTS = (
    Layout("two waves", (30, 30), (2, -1), 7),
    Layout("three waves", (20, 20, 20), (2, 4, -1), 4),
    Layout("three waves, drawn anew", (20, 20, 20), (2, 4, -1), 4, 6),
)


def limited(rows: np.ndarray, size: int, most: int, r: np.random.Generator) -> np.ndarray:
    """Return `size` of the rows, each set of them with at most so many of London alike likely."""
    while True:
        chosen = r.permutation(rows)[:size]
        if LONDON[chosen].sum() <= most:
            return chosen


def chance(rows: np.ndarray, size: int, most: int) -> np.ndarray:
    """Return (60,) the chance of being chosen by `limited`, 0 of who is not among the rows."""
    own = LONDON[rows]
    at = np.arange(most + 1)
    share = hypergeom.pmf(at, len(rows), own.sum(), size)
    mean = float(at @ share / share.sum())
    found = np.zeros(U)
    found[rows] = np.where(own, mean / own.sum(), (size - mean) / (~own).sum())
    return found


def one_draw(layout: Layout, r: np.random.Generator, first: np.ndarray | None = None) -> np.ndarray:
    """Return (60,) waves; first: units of the first wave, where it is issued."""
    every = np.arange(U)
    first = limited(every, layout.sizes[0], layout.most, r) if first is None else first
    code = np.full(U, len(layout.sizes) - 1)
    code[first] = 0
    if len(layout.sizes) > 2:
        rest = np.setdiff1d(every, first)
        most = U if layout.anew is None else layout.anew
        code[limited(rest, layout.sizes[1], most, r)] = 1
    return code


def drawn_of(layout: Layout, code: np.ndarray, known: str, codes: np.ndarray) -> Drawn:
    """Return a draw with the chances that are `known`, and `codes`, others that were possible."""
    first = np.flatnonzero(code == 0)
    rest = np.setdiff1d(np.arange(U), first)
    arms = tuple(f"w{at}" for at in range(len(layout.sizes)))
    chances, fixed, before = np.zeros((U, len(arms))), None, None
    own = chance(np.arange(U), layout.sizes[0], layout.most)
    if layout.anew is not None:
        chances[first, 0] = 1.0
        chances[:, 1] = chance(rest, layout.sizes[1], layout.anew)
        chances[rest, 2] = 1 - chances[rest, 1]
        fixed = code == 0
        before = np.where(fixed, own, 1 - own) if known == EVERY else None
    else:
        chances[:, 0] = own
        share = np.array(layout.sizes[1:]) / sum(layout.sizes[1:])
        chances[:, 1:] = (1 - own)[:, None] * share
    told = Allocation(
        NAMES, arms, code, None if known == NONE else chances, fixed=fixed, before=before
    )
    return Drawn(told, Permutations(NAMES, arms, codes))


def panel_of(layout: Layout, code: np.ndarray, r: np.random.Generator) -> Panel:
    """Return outcomes in which London is higher and rises faster, and nothing has an effect."""
    begins = np.array(layout.begins)
    adopted = begins[code]
    at = np.arange(T)
    y = LONDON[:, None] * (1.0 + 0.05 * at) + r.normal(0, 0.5, (U, 1)) + r.normal(0, 0.5, (U, T))
    given = (adopted[:, None] >= 0) & (at >= adopted[:, None])
    return Panel(
        NAMES,
        tuple(map(str, at)),
        ("offer", "none"),
        given.astype(int),
        {"y": PanelOutcome(np.ones((U, T)), y, y**2)},
        adopted=adopted,
        drawn=np.arange(U),
        begins=begins,
    )


def answered(name: str, asked: PanelTask) -> tuple[float, bool, float]:
    """Return a leaf's value, whether it finds an effect that is not there, and its error."""
    found = FOUND[name].run(asked)
    if found.estimate is None:
        held = any(low <= 0 <= high for low, high in found.regions[0].pieces)
        return float(found.regions[0].value), not held, float("nan")
    low, high = intervals(found.estimate)[0]
    return float(found.estimate.value[0]), not low <= 0 <= high, standard_errors(found.estimate)[0]


def cell(layout: Layout, worlds: int) -> list[str]:
    """Return the table's lines of one lay-out."""
    ways = (NONE, LAST, EVERY) if layout.anew is not None else (NONE, EVERY)
    found: dict[tuple[str, str], list[tuple[float, bool, float]]] = {}
    every = np.random.default_rng(3)
    pool = np.array([one_draw(layout, every) for _ in range(POOL)])
    for world in range(worlds):
        code = one_draw(layout, np.random.default_rng([1, world]))
        panel = panel_of(layout, code, np.random.default_rng([2, world]))
        r = np.random.default_rng([3, world])
        codes = pool[r.permutation(POOL)[:REPLAYED]]
        if layout.anew is not None:
            issued = np.flatnonzero(code == 0)
            codes = np.array([one_draw(layout, r, issued) for _ in range(REPLAYED)])
        for known in ways:
            drawn = drawn_of(layout, code, known, codes)
            analysis = Analysis((), assignment=Randomised("staggered"), stream="s", seed=world)
            asked = PanelTask(panel, (ask("simple"),), analysis, 0, drawn, bare=True)
            for name in LEAVES:
                if name != "group_time" or known == NONE:
                    found.setdefault((name, known), []).append(answered(name, asked))
    lines = []
    for (name, known), rows in sorted(found.items(), key=lambda one: LEAVES.index(one[0][0])):
        value, alarm, error = np.array(rows, dtype=float).T
        spread, size = value.std(ddof=1), alarm.mean()
        ratio = "" if np.isnan(error).any() else f"{error.mean() / spread:.2f}"
        mcse = 100 * (size * (1 - size) / worlds) ** 0.5
        lines.append(
            f"| {layout.words} | {name} | {known} | {value.mean():.3f} "
            f"({spread / worlds**0.5:.3f}) | {spread:.3f} | {ratio} | {100 * size:.1f} "
            f"({mcse:.1f}) |"
        )
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=600)
    told = parser.parse_args()
    print(
        "| draw | leaf | chances | bias (MCSE) | empirical SD | SE / SD | false alarms % (MCSE) |"
    )
    print("|---|---|---|--:|--:|--:|--:|")
    for layout in LAYOUTS:
        print("\n".join(cell(layout, told.worlds)), flush=True)


if __name__ == "__main__":
    main()
