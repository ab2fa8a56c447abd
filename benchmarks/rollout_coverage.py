"""Coverage over a thousand simulated roll-outs of 152 areas and 12 periods.

    python benchmarks/rollout_coverage.py [--worlds 1000] [--page]

Areas begin in an order that is drawn, in four waves and a late group, or half of them at once. How
an area's level drifts is nested or decays. Every leaf over panels answers; answers are held against
the planted effects. Worlds are kept in build/rollout-coverage, fifty at a time, under a digest of
what is asked and of the leaves' code; a run that was stopped goes on where it was. When all is
there docs/manual/rollout-coverage.md is written; --page writes it from what there is.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # Matrices are small here: threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)
sys.path.append(str(ROOT / "tests"))

import numpy as np  # noqa: E402

from fingerpost.core.answer import Answer  # noqa: E402
from fingerpost.core.inference import intervals, standard_errors  # noqa: E402
from fingerpost.core.leaves import Estimator, menu  # noqa: E402
from suites.panel_worlds import NEVER, PanelWorld, ask, task  # noqa: E402

FULL, CHUNK, FIRST_SEED = 1_000, 50, 700_000
FOLDER = ROOT / "build" / "rollout-coverage"
PAGE = ROOT / "docs" / "manual" / "rollout-coverage.md"
SMALL = ROOT / "benchmarks" / "SMALL_WAVES.md"  # by small_wave_coverage.py: the page's next part
CHANCES = ROOT / "benchmarks" / "WAVE_CHANCES.md"  # by wave_chances.py: the one after that
AREAS = ROOT / "benchmarks" / "AREAS_AND_STRATA.md"  # by areas_and_strata.py: its last
COVERED, HONEST = (0.92, 0.98), (0.93, 1.07)
MOST_MCSE, MOST_BIAS = 3.5, 0.10

WAVES = PanelWorld(
    u=152, t=12, begins=(3, 5, 7, 9, NEVER), first=0.05, growth=0.01, icc=0.05, children=200
)
HALVES = replace(WAVES, begins=(6, NEVER))
LAYOUTS = {
    "four waves and a late group": (WAVES, ("exposure_average", "simple", "group_average")),
    "half at once": (HALVES, ("exposure_average", "simple")),
}
DRIFTS = {"nested .8": {"cac": 0.8, "fades": False}, "decay .8": {"cac": 0.8, "fades": True}}
ONE_WAVE = ("ancova", "did")


@dataclass(frozen=True)
class Asked:
    """One number asked of a world."""

    layout: str
    drift: str
    leaf: str
    target: str


def leaves() -> dict[str, Estimator]:
    """Return every leaf over panels."""
    every = menu("estimators", Estimator)
    return {name: leaf for name, leaf in every.items() if leaf.takes == "panel"}


def world_of(layout: str, drift: str) -> PanelWorld:
    """Return one kind of world."""
    return replace(LAYOUTS[layout][0], **DRIFTS[drift])


def asked() -> tuple[Asked, ...]:
    """Return everything that is asked."""
    return tuple(
        Asked(layout, drift, leaf, target)
        for layout, (world, targets) in LAYOUTS.items()
        for drift in DRIFTS
        for leaf, own in leaves().items()
        if len(world.begins) == 2 or leaf not in ONE_WAVE
        for target in targets
        if target in own.targets
    )


def one_world(seed: int) -> np.ndarray:
    """Return (asked, 4) of value, standard error and interval; NaN where there is none."""
    every = asked()
    found = np.full((len(every), 4), np.nan)
    for layout, drift, leaf, at in calls(every):
        panel = world_of(layout, drift).draw(seed)
        terms = tuple(ask(every[place].target) for place in at)
        told = replace(task(panel, *terms, draws=399), bare=True)
        found[at] = numbers(leaves()[leaf].run(told), terms)
    return found


def calls(every: tuple[Asked, ...]) -> Iterator[tuple[str, str, str, list[int]]]:
    """Yield each call of a leaf with the places of its answers."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for place, one in enumerate(every):
        groups.setdefault((one.layout, one.drift, one.leaf), []).append(place)
    for key, places in groups.items():
        yield *key, places


def numbers(answer: Answer, terms: tuple) -> np.ndarray:
    """Return (q, 4) of an answer."""
    found = np.full((len(terms), 4), np.nan)
    if answer.estimate is not None:
        at = [terms.index(term) for term in answer.estimate.terms]
        found[at, 0] = answer.estimate.value
        found[at, 1] = standard_errors(answer.estimate)
        found[at, 2:] = intervals(answer.estimate)
    for region in answer.regions:
        ends = (region.pieces[0][0], region.pieces[-1][1])
        found[terms.index(region.term)] = (region.value, np.nan, *ends)
    return found


def truth(one: Asked) -> float:
    """Return the planted effect."""
    return world_of(one.layout, one.drift).truth(ask(one.target))


# ---------------------------------------------------------------- worlds that are kept


def version() -> str:
    """Return eight letters that change with what is asked and with the code of panel leaves."""
    told = hashlib.sha256(repr((asked(), LAYOUTS, DRIFTS)).encode())
    package = ROOT / "src" / "fingerpost"
    for name in (
        "exposure_gls",
        "staggered",
        "two_way",
        "two_periods",
        "wave_means",
        "small_waves",
    ):
        told.update((package / "kernels" / f"{name}.py").read_bytes())
    for name in (*leaves(), "_panel", "_group_time", "_drawn_waves", "_wave_errors"):
        told.update((package / "estimators" / f"{name}.py").read_bytes())
    return told.hexdigest()[:8]


def draw(count: int) -> None:
    """Draw what is not there yet, and say how long it takes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    name = version()
    for chunk in range(-(-count // CHUNK)):
        file = FOLDER / f"{name}-{chunk:04d}.npy"
        if file.exists():
            continue
        began = time.process_time()
        rows = [one_world(FIRST_SEED + chunk * CHUNK + at) for at in range(CHUNK)]
        fresh = file.with_suffix(".fresh.npy")
        np.save(fresh, np.stack(rows))
        fresh.replace(file)
        each = (time.process_time() - began) / CHUNK
        print(f"worlds {chunk * CHUNK} to {(chunk + 1) * CHUNK - 1}: {each:.2f} s CPU a world")


def kept(count: int) -> np.ndarray:
    """Return (worlds, asked, 4) of what is kept."""
    name = version()
    files = [FOLDER / f"{name}-{chunk:04d}.npy" for chunk in range(-(-count // CHUNK))]
    rows = [np.load(file) for file in files if file.exists()]
    return np.concatenate(rows)[:count] if rows else np.empty((0, len(asked()), 4))


# ---------------------------------------------------------------- the page


def judged(one: Asked, found: np.ndarray) -> tuple[str, list[str]]:
    """Return one line of the table, and the criteria that are missed."""
    true, known = truth(one), found[np.isfinite(found[:, [0, 2, 3]]).all(axis=1)]
    value, error, low, high = known.T
    n, sd = len(known), float(value.std(ddof=1))
    bias, mcse = float(value.mean() - true), sd / len(known) ** 0.5
    covered = float(np.mean((low <= true) & (true <= high)))
    ratio = float(error.mean() / sd) if np.isfinite(error).all() else None
    missed = [] if COVERED[0] <= covered <= COVERED[1] else ["coverage"]
    missed += ["bias"] if abs(bias) > max(MOST_MCSE * mcse, MOST_BIAS * sd) else []
    if ratio is not None and not HONEST[0] <= ratio <= HONEST[1]:
        missed.append("SE")
    shown = "" if ratio is None else f"{ratio:.3f}"
    told = "met" if not missed else "**missed: " + ", ".join(missed) + "**"
    spread = (covered * (1 - covered) / n) ** 0.5
    return (
        f"| {one.layout} | {one.drift} | {one.leaf} | {one.target} | {true:.4f} | {n:,} | "
        f"{100 * covered:.1f} ({100 * spread:.1f}) | {bias:+.4f} ({mcse:.4f}) | {sd:.4f} | "
        f"{shown} | {told} |"
    ), missed


HEAD = """# Coverage of roll-outs

{day}: {count:,} simulated roll-outs of each kind. Written by
`python benchmarks/rollout_coverage.py`; not to be edited by hand.

152 areas over 12 periods, 200 children in each: G = 152, sizes equal (coefficient of variation 0).
Outcomes have an intra-cluster correlation of .05; what is left of an area's level a period later is
.8, and then either no less (nested) or less with each period (decay). The effect is .05 in the
period in which provision begins and grows by .01 a period. The order is drawn: in four waves of 30
or 31 (beginning in periods 4, 6, 8 and 10) and a late group, or half of the areas at once in period
7. The randomisation test replays 399 draws; its interval is exact where the effect is the same at
every exposure, which here it is not.

Criteria: coverage of the 95% interval from 92% to 98%; bias at most the greater of 3.5 Monte Carlo
standard errors (MCSE) and a tenth of the empirical standard deviation; mean standard error over the
empirical standard deviation from 0.93 to 1.07. How leaves do on the past of your own areas, under
your own plan, is what a [rehearsal](rehearsal.md) tells.

## Criteria that are missed

{missed}

## Every number

"""
COLUMNS = (
    *("layout", "drift", "leaf", "target", "truth", "worlds", "coverage % (MCSE)", "bias (MCSE)"),
    *("empirical SD", "mean SE / SD", "criteria"),
)
LINE = "|---|---|---|---|--:|--:|--:|--:|--:|--:|---|"


def page(found: np.ndarray) -> str:
    """Return the manual's page."""
    lines, missed = [], []
    for at, one in enumerate(asked()):
        line, faults = judged(one, found[:, at])
        lines.append(line)
        if faults:
            words = f"{one.layout}, {one.drift}: {one.leaf}, {one.target}"
            missed.append(f"- {words}: {', '.join(faults)}")
    told = "\n".join(missed) or "None."
    head = HEAD.format(day=f"{date.today():%d %B %Y}", count=len(found), missed=told)
    small = "\n\n".join(
        each.read_text(encoding="utf-8").rstrip() for each in (SMALL, CHANCES, AREAS)
    )
    return "\n".join([f"{head}| {' | '.join(COLUMNS)} |", LINE, *lines, "", small, ""])


def main() -> None:
    """Draw, then write the page where all is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=FULL, help="how many roll-outs of each kind")
    parser.add_argument("--page", action="store_true", help="write the page from what is there")
    told = parser.parse_args()
    if not told.page:
        draw(told.worlds)
    found = kept(told.worlds)
    if not len(found) or (len(found) < told.worlds and not told.page):
        print(f"{len(found):,} of {told.worlds:,} worlds are there")
        return
    PAGE.write_text(page(found), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
