"""Imputation where an arm is too small for models of its own: effects that differ by a covariate.

A sixth of the children have provision; its effect is greater by 0.6 for each standard deviation of
a covariate that is missing for a fifth; a quarter lack the outcome; 34 other covariates let no arm
have models of its own. Each world is imputed without products of the arm with covariates, with
those of the two that the outcome goes by, and with as many as a study has that names these first.

    python benchmarks/imputation_modifiers.py --worlds 400
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fingerpost.cohorts import imputing
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Imputation
from fingerpost.kernels.arrays import one_thread

PAGE = Path(__file__).resolve().parent / "IMPUTATION-MODIFIERS.md"
MANUAL = PAGE.parent.parent / "docs" / "manual" / "missing-data.md"
MARKS = ("<!-- table of benchmarks/imputation_modifiers.py -->", "<!-- end of that table -->")
N, NOISE, MORE, COPIES, CYCLES = 960, 34, 0.6, 5, 5
GO = ("v", "x0")  # what the outcome goes by
ORDER = tuple(f"x{at}" for at in range(NOISE))
Values = np.ndarray


def logistic(value: Values) -> Values:
    """Return 1 / (1 + exp(−x))."""
    found: Values = 1 / (1 + np.exp(-value))
    return found


def world(seed: int, kind: str) -> tuple[Cohort, Values, Values, Values]:
    """Return the cohort, where v is missing, and v and y of all. kind: normal or in whole steps."""
    rng = np.random.default_rng([seed, 77])
    x = rng.normal(size=(N, NOISE))
    arm = (np.arange(N) < N // 6).astype(int)
    v = 0.4 * x[:, 0] + np.sqrt(0.84) * rng.normal(size=N)
    y = 0.5 * arm + 0.4 * x[:, 0] + 0.5 * v + MORE * arm * v + rng.normal(size=N)
    if kind == "in whole steps":
        y = np.round(2 * y) / 2
    gone = rng.random(N) < logistic(-1.2 + 0.6 * x[:, 0])
    unknown = (rng.random(N) < logistic(-1.2 + 0.5 * np.where(gone, 0, y))) & ~gone
    columns = {f"x{at}": Column(x[:, at]) for at in range(NOISE)}
    cohort = Cohort(
        unit=np.arange(N),
        arms=("none", "support"),
        arm=arm,
        outcomes={"y": Outcome("continuous", np.where(gone, np.nan, y), observed=~gone)},
        covariates={**columns, "v": Column(np.where(unknown, 0.0, v))},
    )
    return cohort, unknown, v, y


def more_by(x: Values, arm: Values, v: Values, y: Values) -> tuple[float, float]:
    """Return by how much more the effect is for a unit of v, and its variance, by least squares."""
    design = np.column_stack([np.ones(len(y)), arm, v, arm * v, x])
    inverse = np.linalg.inv(design.T @ design)
    best = inverse @ design.T @ y
    left = y - design @ best
    return float(best[3]), float(left @ left / (len(y) - 5) * inverse[3, 3])


def imputed(seed: int, kind: str, modifiers: tuple[str, ...]) -> tuple[float, float]:
    """Return the pooled answer of one world and its standard error."""
    cohort, unknown, _, _ = world(seed, kind)
    plan = imputing.planned(
        cohort,
        Imputation(COPIES, CYCLES),
        holes={"v": unknown},
        outcomes=["y"],
        cluster=None,
        modifiers=modifiers,
    )
    assert plan is not None and not plan.equations.by_arm
    fits = []
    for number in range(1, COPIES + 1):
        copy, _ = imputing.copy(
            plan, number=number, generator=np.random.default_rng([seed, number])
        )
        x, v = copy.covariates["x0"].values, copy.covariates["v"].values
        fits.append(more_by(x, copy.arm, v, copy.outcomes["y"].value))
    value, within = np.array(fits).T
    total = within.mean() + (1 + 1 / COPIES) * value.var(ddof=1)
    return float(value.mean()), float(np.sqrt(total))


def whole(seed: int, kind: str) -> tuple[float, float]:
    """Return the answer of one world with nothing missing, and its standard error."""
    cohort, _, v, y = world(seed, kind)
    value, variance = more_by(cohort.covariates["x0"].values, cohort.arm, v, y)
    return value, float(np.sqrt(variance))


WAYS: dict[str, Callable[[int, str], tuple[float, float]]] = {
    "nothing missing": whole,
    "imputed, no products with covariates": lambda seed, kind: imputed(seed, kind, ()),
    "imputed, products of the two that matter": lambda seed, kind: imputed(seed, kind, GO),
    "imputed, as many as the arm bears": lambda seed, kind: imputed(seed, kind, ("v", *ORDER)),
}


def table(worlds: int) -> str:
    """Return the table of results."""
    columns = (
        "outcome",
        "how it was analysed",
        "bias",
        "SD over worlds",
        "mean SE / SD",
        "coverage",
    )
    lines = [f"| {' | '.join((*columns, 'worlds'))} |", "|---" * (len(columns) + 1) + "|"]
    for kind in ("normal", "in whole steps"):
        for way, answer in WAYS.items():
            found = np.array([answer(seed, kind) for seed in range(worlds)])
            away, error = found[:, 0] - MORE, found[:, 1]
            spread = float(away.std(ddof=1))
            held = 100 * float((np.abs(away) <= 1.96 * error).mean())
            lines.append(
                f"| {kind} | {way} | {away.mean():+.3f} | {spread:.3f} | "
                f"{error.mean() / spread:.2f} | {held:.1f}% | {worlds} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Draw the worlds, and write the page and the table in the manual."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--worlds", type=int, default=400)
    said = asked.parse_args()
    with one_thread():
        made = table(said.worlds)
    head = f"# Effects that differ, imputed with arms together\n\n{said.worlds} worlds; "
    about = (
        "made by `python benchmarks/imputation_modifiers.py`, which says what the worlds are.\n\n"
    )
    PAGE.write_text(head + about + made, encoding="utf-8")
    before, rest = MANUAL.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    MANUAL.write_text(f"{before}{MARKS[0]}\n\n{made}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
