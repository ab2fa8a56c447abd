"""Who benefits: how often a ranking, a projection and a rule are right about what is planted.

    python benchmarks/who_benefits.py [--worlds 400]

Children in 60 schools, whose levels differ; three normal covariates and two of two values decide,
bent, who receives provision (unless it is drawn) and the outcome. The effect is .3 for all; or
differs by two covariates in a straight line; or jumps where the first covariate is high. What a
ranking or a rule is truly worth is taken on 12,000 further children of the same world, with the
predictions and rules of that very sample. `pooled` is the way not taken: each fold predicted from
all others. The table is committed as WHO_BENEFITS.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path[0] = str(ROOT)

import numpy as np  # noqa: E402

from fingerpost.core.analysis import Analysis, Task  # noqa: E402
from fingerpost.core.cohort import Cohort  # noqa: E402
from fingerpost.core.column import Column  # noqa: E402
from fingerpost.core.estimand import Target, Term, pair  # noqa: E402
from fingerpost.core.outcome import Outcome  # noqa: E402
from fingerpost.estimators import _benefit, _benefit_projection  # noqa: E402
from fingerpost.estimators._benefit_ranking import area_of, calibration, ranking  # noqa: E402
from fingerpost.estimators._benefit_rules import (  # noqa: E402
    CHANCE,
    NOBODY,
    chosen,
    questions_of,
    worth,
)
from fingerpost.estimators._cross_fit import folds_of, nuisances  # noqa: E402
from fingerpost.estimators._debiased import child_scores  # noqa: E402
from fingerpost.estimators.dr_learner import plan_of  # noqa: E402
from fingerpost.kernels.targeting import Told, area, ordered  # noqa: E402

GIVEN = ("need", "age", "early", "girl", "fsm")
RULE = ("need", "fsm")
ASKED = Term("y", pair("support", "none"), Target("ate"))
FURTHER, COST = 12_000, 0.3
SCHOOLS = 60


@dataclass(frozen=True)
class World:
    """words: of the table; n: children; drawn: whether provision is; effect: which kind."""

    words: str
    n: int
    drawn: bool
    effect: str


WORLDS = (
    World("nobody differs, drawn", 1000, True, "equal"),
    World("nobody differs, drawn", 400, True, "equal"),
    World("nobody differs, observed", 1000, False, "equal"),
    World("straight, drawn", 1000, True, "straight"),
    World("straight, observed", 2000, False, "straight"),
    World("a jump, observed", 2000, False, "jump"),
)


def covariates(r: np.random.Generator, n: int) -> np.ndarray:
    """Return (n, 5): three normal, two of two values."""
    return np.column_stack([r.standard_normal((n, 3)), r.random((n, 2)) < [0.5, 0.3]])


def effect_of(kind: str, x: np.ndarray) -> np.ndarray:
    """Return (n,) each child's own effect."""
    if kind == "equal":
        return np.full(len(x), 0.3)
    if kind == "straight":
        return 0.2 + 0.3 * x[:, 0] + 0.4 * x[:, 4]
    return 0.1 + 0.7 * (x[:, 0] > 0.5)


def drawn(world: World, r: np.random.Generator) -> tuple[Cohort, np.ndarray]:
    """Return a sample, and the covariates of it and of further children."""
    x = covariates(r, world.n + FURTHER)
    own, school = x[: world.n], r.integers(0, SCHOOLS, world.n)
    lean = np.zeros(world.n) if world.drawn else 0.5 * own[:, 0] + 0.4 * own[:, 4] - 0.2
    arm = (r.random(world.n) < 1 / (1 + np.exp(-lean))).astype(int)
    level = 0.5 * own[:, 0] + 0.3 * own[:, 1] + 0.3 * np.maximum(own[:, 2], 0) - 0.4 * own[:, 4]
    noise = 0.3 * r.standard_normal(SCHOOLS)[school] + r.standard_normal(world.n)
    y = level + arm * effect_of(world.effect, own) + noise
    return Cohort(
        np.arange(world.n),
        ("none", "support"),
        arm,
        {"y": Outcome("continuous", y, better="higher")},
        columns(own),
        {"school": school},
    ), x


def columns(x: np.ndarray) -> dict[str, Column]:
    """Return the covariates of children by name."""
    named = dict(zip(GIVEN, x.T, strict=True))
    two = {name: Column(named.pop(name).astype(np.int64), ("no", "yes")) for name in GIVEN[3:]}
    return {name: Column(values.copy()) for name, values in named.items()} | two


def with_further(scores: _benefit.Scores, x: np.ndarray) -> _benefit.Scores:
    """Return the scores beside further children, who count for nothing and lie in the folds that
    are looked at, so that they are predicted.
    """
    n, cohort = scores.task.cohort.n, scores.task.cohort
    more = len(x) - n
    zeros = np.zeros(more)
    made = Cohort(
        np.arange(len(x)),
        cohort.arms,
        np.concatenate([cohort.arm, np.zeros(more, dtype=int)]),
        {"y": Outcome("continuous", np.concatenate([cohort.outcomes["y"].value, zeros]))},
        columns(x),
        {"school": np.concatenate([cohort.clusters["school"], np.zeros(more, dtype=int)])},
    )
    looked = np.array(scores.looked_at)
    code = np.concatenate([scores.folds.code, looked[np.arange(more) % len(looked)]])
    return replace(
        scores,
        task=replace(scores.task, cohort=made),
        effect=np.concatenate([scores.effect, zeros]),
        weight=np.concatenate([scores.weight, zeros]),
        folds=replace(scores.folds, code=code),
        units=np.concatenate([scores.units, np.zeros(more, dtype=int)]),
    )


def pooled(scores: _benefit.Scores, learner: object) -> Told:
    """Return AUTOC with each fold predicted from all others: the way not taken."""
    cohort = scores.task.cohort
    own = replace(cohort, outcomes={"y": Outcome("continuous", scores.gain)})
    task = replace(scores.task, cohort=own)
    said = learner.means(task, scores.folds, rows=np.ones(cohort.n, dtype=bool))
    value, influence = 0.0, np.zeros(cohort.n)
    for fold in range(scores.folds.count):
        rows = np.flatnonzero(scores.folds.code == fold)
        one = area(ordered(said[rows], np.ones(len(rows))), scores.gain[rows])
        value += one.value / scores.folds.count
        influence[rows] = one.influence / scores.folds.count
    return Told(value, influence)


def answered(world: World, seed: int) -> dict[str, tuple[float, float, float, float]]:
    """Return, by question, the value, its limits and the truth in one sample."""
    cohort, x = drawn(world, np.random.default_rng([7, seed]))
    task = Task(cohort, (ASKED,), Analysis(GIVEN, cluster="school", stream="who", seed=seed))
    plan = plan_of({})
    folds = folds_of(task, plan.folds)
    learnt = nuisances(task, folds, exposure=plan.exposure, outcome=plan.outcome)
    scores = _benefit.scores_of(task, ASKED, child_scores(task, ASKED, learnt), folds)
    wide = with_further(scores, x)
    predicted = _benefit.held_out_predictions(wide, plan.effect)
    tau = effect_of(world.effect, x)
    own = ranking(scores, predicted[: world.n], plan.groups)
    found: dict[str, tuple[float, float, float, float]] = {}

    def keep(name: str, told: Told | None, truth: float) -> None:
        if told is None:
            return
        value, lo, hi, _ = _benefit.line(scores, told)
        if lo is not None and hi is not None:
            found[name] = (value, lo, hi, truth)

    further = np.arange(len(x)) >= world.n
    keep("AUTOC", area_of(own), rank_truth(wide, predicted, tau, further))
    if world.effect == "equal":
        keep("AUTOC, pooled", pooled(scores, plan.effect), 0.0)
    keep("calibration slope", calibration(own), 0.0 if world.effect == "equal" else np.nan)
    line = _benefit_projection.projection(scores, GIVEN)
    truth = projected(world.effect)
    for at, name in ((1, "slope of need"), (5, "slope of fsm")):
        keep(name, Told(float(line.value[at]), line.influence[:, at]), truth[at])
    p = _benefit_projection.joint(scores, line)
    found["any slope (p)"] = (float(p), 0.0, 0.0, np.nan)
    rules(keep, scores, wide, tau, further)
    return found


def rank_truth(
    wide: _benefit.Scores, predicted: np.ndarray, tau: np.ndarray, further: np.ndarray
) -> float:
    """Return what the rankings of this sample are worth among further children."""
    parts = []
    for fold in wide.looked_at:
        rows = np.flatnonzero(further & (wide.folds.code == fold))
        parts.append(area(ordered(predicted[rows], np.ones(len(rows))), tau[rows]).value)
    return float(np.mean(parts))


@cache
def projected(kind: str) -> np.ndarray:
    """Return the planted slopes, of numbers by one standard deviation."""
    x = covariates(np.random.default_rng(1), 500_000)
    design = np.column_stack([np.ones(len(x)), x])
    return np.linalg.lstsq(design, effect_of(kind, x), rcond=None)[0]


def rules(keep, scores, wide, tau: np.ndarray, further: np.ndarray) -> None:
    """Keep what rules of two questions are worth, beside the truth."""
    every = wide.task.cohort.covariates
    asked = questions_of({name: every[name] for name in RULE})
    n = scores.task.cohort.n
    own = type(asked)(asked.words, asked.splits[:n])
    told = worth(scores, own, depth=2, cost=COST)
    nobody, chance = [], []
    for fold in wide.looked_at:
        rule = chosen(scores, own, scores.before(fold), depth=2, cost=COST)
        rows = np.flatnonzero(further & (wide.folds.code == fold))
        offers, net = rule.offers(asked.splits[rows]), tau[rows] - COST
        nobody.append(float(np.mean(offers * net)))
        chance.append(float(np.mean((offers - offers.mean()) * net)))
    keep("rule v nobody", told.against[NOBODY], float(np.mean(nobody)))
    keep("rule v chance", told.against[CHANCE], float(np.mean(chance)))


def cell(world: World, worlds: int, *, minutes: float) -> list[str]:
    """Return the table's lines of one world; of fewer samples where the time is over."""
    end = time.monotonic() + 60 * minutes
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for seed in range(worlds):
        if time.monotonic() > end:
            break
        for name, row in answered(world, seed).items():
            found.setdefault(name, []).append(row)
    return [line_of(world, name, np.array(rows)) for name, rows in found.items()]


def line_of(world: World, name: str, rows: np.ndarray) -> str:
    """Return one line of the table; rows: of each sample the value, its limits and the truth."""
    value, lo, hi, truth = rows.T
    alarm = (value < 0.05) if "(p)" in name else (lo > 0) | (hi < 0)
    told = f"| {world.words}, {world.n:,} | {name} | {len(rows)} |"
    # Where nothing differs a slope in predictions divides by next to nothing: it has no mean.
    slope = name == "calibration slope" and world.effect == "equal"
    mean = np.median(value) if "(p)" in name else value.mean()
    told += " |" if slope else f" {mean:.3f} |"
    if np.isnan(truth).any():
        told += " | | |"
    else:
        away = value - truth
        ratio = (hi - lo).mean() / (2 * 1.96 * away.std(ddof=1))
        cover = 100 * np.mean((lo <= truth) & (truth <= hi))
        told += (
            f" {truth.mean():.3f} |" + (" |" if slope else f" {ratio:.2f} |") + f" {cover:.1f} |"
        )
    return f"{told} {100 * alarm.mean():.1f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=400)
    parser.add_argument("--only", type=int, help="which of the worlds, from 0; all unless given")
    parser.add_argument("--minutes", type=float, default=1e9, help="at most, of each world")
    told = parser.parse_args()
    print(
        "| world | question | samples | mean value | mean truth | SE / SD | covered % | "
        "found other than nought % |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for at, world in enumerate(WORLDS):
        if told.only is None or told.only == at:
            print("\n".join(cell(world, told.worlds, minutes=told.minutes)), flush=True)


if __name__ == "__main__":
    main()
