"""What a trial with looks says once it has stopped: coverage and median bias.

Usage: python -m benchmarks.looked [--paths 20000] [--trials 2000] [--write]

Paths of the standardised statistic with known variance, and whole trials of children drawn by
`group_sequential` in permuted blocks within two strata, 60 children a look, answered by
`by_stratum` at each look; both stop as soon as the boundary is crossed. Ends by the stagewise
ordering hold the truth where the probability of an end at least as strong, at the truth, lies
between .025 and .975: that is what the interval is made of; of the first trials of each row the
interval itself is made, and must say the same. Prints, and with --write commits to
benchmarks/LOOKED.md.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import ndtri

from fingerpost.core import leaves
from fingerpost.core.allocation import Arrived
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.assignment import Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.leaves import Design, Estimator
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Study
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.group_sequential import drift_of, exact_bounds, fractions_of
from fingerpost.kernels.stagewise import at_least
from fingerpost.studies.document import read_study
from fingerpost.studies.looked import COLUMN, Effect, Stop, effects, row, stop_of

Codes = NDArray[np.integer[Any]]
PAGE = Path(__file__).parent / "LOOKED.md"
SEED, TAIL, A_LOOK, CHECKED, NODES = 83, 0.025, 60, 5, 12
USUAL = float(ndtri(1 - TAIL))
SHAPES = {"obrien_fleming": 0.0, "pocock": 0.5}
TERM = Term("y", pair("more", "usual"), Target("ate"))
STUDY = """study: looked
question: Does it help?
records: {{table: t.csv, unit: code}}
trial:
  arms: {{usual: {{offer: usual}}, more: {{offer: added}}}}
  known: {{area: [north, south]}}
  blocks: [4, 6]
  monitoring: {{looks: {looks}, bounds: {shape}, looked: {looked}}}
arms: {{column: a, levels: {{usual: usual, more: more}}}}
outcomes: {{y: {{column: y, kind: continuous, better: higher}}}}
assignment: {{randomised: {{design: group_sequential, unit: child, strata: [area]}}}}
estimand: {{contrast: [more, usual], target: ate}}
estimators: [by_stratum]
"""


@cache
def bounds_of(shape: str, looks: int) -> Array:
    """Return the boundary of one side."""
    return exact_bounds(looks, TAIL, delta=SHAPES[shape])


@dataclass(frozen=True)
class Cell:
    """A boundary, a number of looks, and an effect: of power 80%, or none."""

    shape: str
    looks: int
    there: bool

    @property
    def bounds(self) -> Array:
        """The boundary of one side."""
        return bounds_of(self.shape, self.looks)

    @cached_property
    def drift(self) -> float:
        """The mean of the statistic at full information."""
        return drift_of(self.bounds, fractions_of(self.looks), power=0.8) if self.there else 0.0


@dataclass(frozen=True)
class Found:
    """Shares of trials. early: stopped before the last look; crossed: at any. usual, ordered,
    always: the interval without looks, by the ordering, and repeated, holds the truth. high,
    median: the plain and the median-unbiased estimate are above the truth.
    """

    early: float
    crossed: float
    usual: float
    ordered: float
    always: float
    high: float
    median: float


def cells() -> list[Cell]:
    """Return every cell."""
    return [Cell(shape, k, there) for shape in SHAPES for k in (3, 5) for there in (False, True)]


def judged(cell: Cell, stopped: Array, z: Array, truth: Array) -> tuple[Found, Array]:
    """Return what ends give, and of each the chance of one at least as strong. stopped: (n,) look,
    from 0; z, truth: (n,) the statistic there and the effect in its errors.
    """
    bounds, chance = cell.bounds, np.empty(len(z))
    for k in np.unique(stopped):
        at = stopped == k
        chance[at] = chances(cell, int(k), z[at], truth[at])
    found = Found(
        float(np.mean(stopped < cell.looks - 1)),
        float(np.mean(np.abs(z) >= bounds[stopped])),
        float(np.mean(np.abs(z - truth) <= USUAL)),
        float(np.mean((chance >= TAIL) & (chance <= 1 - TAIL))),
        float(np.mean(np.abs(z - truth) <= bounds[stopped])),
        float(np.mean(z > truth)),
        # The estimate lies where the chance is a half, and the chance rises with the effect.
        float(np.mean(chance < 0.5)),
    )
    return found, chance


def chances(cell: Cell, k: int, z: Array, truth: Array) -> Array:
    """Return (n,) the chance of an end at least as strong as each, at look k. Errors of whole
    trials differ a little, and so does the effect in errors: between a few effects it is a spline.
    """
    few = np.unique(truth)
    if len(few) > NODES:
        few = np.linspace(few[0], few[-1], NODES)
    t = fractions_of(cell.looks)[: k + 1]
    held = np.array(
        [at_least(z, effect=float(one), bounds=cell.bounds, fractions=t, sides=2) for one in few]
    )
    if len(few) < NODES:
        return held[np.searchsorted(few, truth), np.arange(len(z))]
    return np.array([CubicSpline(few, held[:, at])(truth[at]) for at in range(len(z))])


def paths(cell: Cell, count: int) -> Found:
    """Return what so many paths of the statistic give."""
    t = fractions_of(cell.looks)
    rng = np.random.default_rng([SEED, *cell.shape.encode(), cell.looks, cell.there])
    steps = rng.normal(cell.drift / cell.looks, np.sqrt(1 / cell.looks), (count, cell.looks))
    z = steps.cumsum(axis=1) / np.sqrt(t)
    beyond = np.abs(z) >= cell.bounds
    stopped = np.where(beyond.any(axis=1), beyond.argmax(axis=1), cell.looks - 1)
    truth = cell.drift * np.sqrt(t[stopped])
    return judged(cell, stopped, z[np.arange(count), stopped], truth)[0]


def trials(cell: Cell, count: int) -> Found:
    """Return what so many whole trials give."""
    ends = list(ended(cell, count))
    stopped = np.array([look for look, _ in ends])
    value, error = (
        np.array([getattr(one, name) for _, one in ends]) for name in ("value", "error")
    )
    found, chance = judged(cell, stopped, value / error, effect_of(cell) / error)
    held = (chance >= TAIL) & (chance <= 1 - TAIL)
    check(cell, ends[:CHECKED], held[:CHECKED])
    return found


def effect_of(cell: Cell) -> float:
    """Return the effect of whole trials, in standard deviations within strata."""
    return float(cell.drift * 2 / np.sqrt(A_LOOK * cell.looks))


def study_of(cell: Cell, looked: int) -> Study:
    """Return the study of a trial that stands at a look."""
    text = STUDY.format(looks=cell.looks, shape=cell.shape, looked=looked)
    return read_study("looked.yaml", text=text)


def ended(cell: Cell, count: int) -> Iterator[tuple[int, Effect]]:
    """Yield the look at which each trial stopped, from 0, and its answer there."""
    n = A_LOOK * cell.looks
    rng = np.random.default_rng([SEED, 1, *cell.shape.encode(), cell.looks, cell.there])
    study, leaf = study_of(cell, 1), leaves.load("estimators", "by_stratum", kind=Estimator)
    assert study.trial is not None
    design = leaves.load("designs", "group_sequential", kind=Design)
    assert design.procedure is not None
    area = np.arange(n) % 2
    none = np.zeros(n, dtype=np.int64)
    seed = hashlib.sha256(repr(cell).encode()).digest()
    drawn = design.procedure.replay(
        study.trial, Arrived(area[:, None], area, none, none), seed, count
    )
    for arms in np.asarray(drawn):
        y = 0.5 * area + effect_of(cell) * (arms == 1) + rng.standard_normal(n)
        for look in range(cell.looks):
            upto = A_LOOK * (look + 1)
            one = answer_of(study, leaf, arms[:upto], area[:upto], y[:upto])
            if abs(one.value / one.error) >= cell.bounds[look] or look == cell.looks - 1:
                yield look, one
                break


def answer_of(study: Study, leaf: Estimator, arms: Codes, area: Codes, y: Array) -> Effect:
    """Return the answer of the named analysis on the children seen so far."""
    cohort = Cohort(
        np.arange(len(y)),
        ("usual", "more"),
        arms.astype(np.int64),
        {"y": Outcome("continuous", y)},
        {},
        strata=area,
    )
    told = Analysis((), assignment=Randomised("group_sequential", strata=("area",)))
    (found,) = effects(study, [leaf.run(Task(cohort, (TERM,), told))])
    return found


def check(cell: Cell, ends: list[tuple[int, Effect]], held: NDArray[np.bool_]) -> None:
    """Raise where an interval, as the table has it, holds the truth and the chance says not."""
    truth = effect_of(cell)
    for (look, one), inside in zip(ends, held, strict=True):
        study = study_of(cell, look + 1)
        assert study.trial is not None and study.trial.monitoring is not None
        stop = stop_of(study.trial.monitoring)
        assert isinstance(stop, Stop)
        cells_ = row(study, stop, one, alone=True)
        lo, hi = (float(cells_[COLUMN[name]] or 0) for name in ("lo", "hi"))
        if (lo <= truth <= hi) != bool(inside):
            raise SystemExit(f"{cell}: look {look + 1}, {lo} to {hi}, {inside}")


def table(heading: str, found: list[tuple[Cell, Found]]) -> list[str]:
    """Return one table of the page."""
    lines = [
        heading,
        "",
        "| boundary | looks | effect | stopped early | crossed | usual interval | by the ordering "
        "| repeated | estimate above truth | median-unbiased above |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for cell, one in found:
        shares = (one.early, one.crossed, one.usual, one.ordered, one.always, one.high, one.median)
        told = " | ".join(f"{100 * share:.1f}%" for share in shares)
        effect = "80% power" if cell.there else "none"
        lines.append(f"| `{cell.shape}` | {cell.looks} | {effect} | {told} |")
    return [*lines, ""]


def page(by_path: list[tuple[Cell, Found]], by_trial: list[tuple[Cell, Found]], asked: str) -> str:
    """Return the page."""
    return "\n".join(
        [
            "# What a trial with looks says once it has stopped",
            "",
            f"Made by `python -m benchmarks.looked {asked}--write`: two-sided boundaries of level "
            "5%, looks at equal steps, trials that stop as soon as the boundary is crossed. Shares "
            "of trials whose nominal 95% interval holds the truth: the usual one, that by the "
            "stagewise ordering, the repeated one; and whose estimate is above the truth (50% is "
            "unbiased in the median): the usual one, and that by the ordering.",
            "",
            *table("## Paths of the statistic, its variance known", by_path),
            *table(
                f"## Whole trials: blocks in two strata, {A_LOOK} children a look, `by_stratum`",
                by_trial,
            ),
        ]
    )


def main() -> None:
    """Run every cell, print the page, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=20_000)
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    by_path = [(cell, paths(cell, asked.paths)) for cell in cells()]
    by_trial = [(cell, trials(cell, asked.trials)) for cell in cells()]
    text = page(by_path, by_trial, f"--paths {asked.paths} --trials {asked.trials} ")
    print(text)
    if asked.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
