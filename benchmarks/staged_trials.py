"""What first and next, how much, how soon: bias and coverage of the leaves of such trials.

Usage: python -m benchmarks.staged_trials [--worlds 2000] [--write]

Every world is drawn anew; truths are known in closed form. Prints (and with --write commits to
benchmarks/STAGED_TRIALS.md) for each leaf: bias in Monte-Carlo errors, mean standard error over the
spread of the answers, and coverage of nominal 95% intervals. The surrogate index is also tried
where provision reaches the late outcome past the surrogates, and where records are not comparable:
there it is biased by just that much, and the table says so.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit, stdtrit

from fingerpost.core import leaves
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.assignment import Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import standard_errors
from fingerpost.core.leaves import Estimator
from fingerpost.core.outcome import Outcome
from fingerpost.core.stages import Stages
from fingerpost.estimators import dose_response, q_learning

PAGE = Path(__file__).parent / "STAGED_TRIALS.md"
SEED = 71


@dataclass(frozen=True)
class Cell:
    """One leaf in one world. truth: of its contrast. at: what the index is biased to, if at all."""

    leaf: str
    words: str
    draw: Callable[[np.random.Generator], Task]
    truth: float
    expected: float | None = None


def task(
    cohort: Cohort,
    contrast: tuple[str, str],
    design: str,
    given: tuple[str, ...],
    **options: object,
) -> Task:
    """Return the task of one contrast."""
    term = Term("y", pair(*contrast), Target("ate"))
    told = Analysis(given, assignment=Randomised(design), stream="staged", options=options)
    return Task(cohort, (term,), told)


REGIMES = ("a, then go on", "a, then more", "b, then go on", "b, then more")


def smart(
    r: np.random.Generator,
    *,
    n: int = 200,
    uneven: bool = False,
    bent: bool = False,
    **options: object,
) -> Task:
    """Return a trial of two draws. truth of b, then more v a, then go on: SMART."""
    need = r.standard_normal(n)
    first = (r.random(n) < (0.35 if uneven else 0.5)).astype(np.int64)
    helped = r.random(n) < np.where(first == 1, 0.5, 0.4)
    asked = ~helped
    second = np.where(asked, (r.random(n) < (0.7 if uneven else 0.5)).astype(np.int64), -1)
    gain = np.where(second == 1, 1.2, 0.0) * (1 + 0.5 * need)
    away = need**2 - 1 if bent else 0.0
    y = 1.2 * first + 1.0 * helped - need + away + gain * asked + r.standard_normal(n)
    rows = np.repeat(np.arange(n), np.where(asked, 1, 2))
    leads = np.diff(rows, prepend=-1) > 0
    place = (~leads).astype(np.int64)
    agreed = np.where(asked[rows], second[rows], place)
    cohort = Cohort(
        rows.astype(np.int64),
        REGIMES,
        first[rows] * 2 + agreed,
        {"y": Outcome("continuous", y[rows])},
        {"need": Column(need[rows])},
        stages=Stages(("a", "b"), ("go on", "more"), first[rows], second[rows], leads),
    )
    return task(cohort, (REGIMES[3], REGIMES[0]), "smart", ("need",), **options)


# E[b, then more] − E[a, then go on] = 1.2 + 1.0 × (.5 − .4) + .5 × 1.2
SMART = 1.2 + 0.1 + 0.6


def doses(r: np.random.Generator, *, n: int = 200, strata: bool = False) -> Task:
    """Return a trial of three doses; what is taken goes with need."""
    need, stratum = r.standard_normal(n), r.integers(0, 4, n)
    arm = r.permutation(np.arange(n) % 3).astype(np.int64)
    offered = np.array([10.0, 20.0, 30.0])[arm]
    taken = offered * expit(1.4 - 0.7 * need + 0.3 * r.standard_normal(n))
    y = 0.1 * taken - 1.5 * need + stratum + r.standard_normal(n)
    cohort = Cohort(
        np.arange(n),
        ("ten", "twenty", "thirty"),
        arm,
        {"y": Outcome("continuous", y)},
        {"need": Column(need)},
        strata=stratum if strata else None,
        roles={"taken": Column(taken)},
    )
    return task(
        cohort, ("thirty", "ten"), "dose", ("need",), doses=(10.0, 20.0, 30.0), taken="taken"
    )


def index(r: np.random.Generator, *, n: int = 400, past: float = 0.0, apart: float = 0.0) -> Task:
    """Return a short trial and long records. past: what provision does past the surrogates; apart:
    how much more a surrogate counts in the records than in the trial.
    """
    need, arm = r.standard_normal(n), np.repeat([0, 1, 2], [n // 4, n // 4, n - 2 * (n // 4)])
    words = -need + 0.8 * (arm == 1) + r.standard_normal(n)
    sounds = 0.5 * need + 0.4 * (arm == 1) + r.standard_normal(n)
    slope = 1.0 + apart * (arm == 2)
    y = slope * words + 0.5 * sounds - need + past * (arm == 1) + r.standard_normal(n)
    seen = arm == 2
    cohort = Cohort(
        np.arange(n),
        ("none", "support", "records"),
        arm.astype(np.int64),
        {"y": Outcome("continuous", np.where(seen, y, np.nan), observed=seen)},
        {"need": Column(need)},
        roles={"words": Column(words), "sounds": Column(sounds)},
    )
    chosen = ("words", "sounds")
    return task(cohort, ("support", "none"), "simple", ("need",), surrogates=chosen)


def dose_truth() -> float:
    """Return what thirty does more than ten, by a million children."""
    r = np.random.default_rng(1)
    need = r.standard_normal(1_000_000)
    share = expit(1.4 - 0.7 * need + 0.3 * r.standard_normal(1_000_000))
    return 20 * 0.1 * float(share.mean())


def cells() -> list[Cell]:
    """Return every cell."""
    dose = dose_truth()
    return [
        Cell("regime_means", "200 children, even draws", lambda r: smart(r), SMART),
        Cell("regime_means", "60 children", lambda r: smart(r, n=60), SMART),
        Cell("regime_means", "uneven draws", lambda r: smart(r, uneven=True), SMART),
        Cell("regime_means", "chances by design", lambda r: smart(r, weights="equal"), SMART),
        Cell("regime_means", "covariate in another form", lambda r: smart(r, bent=True), SMART),
        Cell(
            "q_learning",
            "200 children",
            lambda r: smart(r, tailor_second=("need",), tailor_first=("need",)),
            SMART,
        ),
        Cell("q_learning", "100 children", lambda r: smart(r, n=100), SMART),
        Cell("dose_response", "200 children", lambda r: doses(r), dose),
        Cell("dose_response", "within strata", lambda r: doses(r, strata=True), dose),
        Cell("surrogate_index", "assumptions hold", lambda r: index(r), 1.0),
        Cell("surrogate_index", "100 in the trial's arms", lambda r: index(r, n=200), 1.0),
        Cell("surrogate_index", "past the surrogates .5", lambda r: index(r, past=0.5), 1.5, 1.0),
        Cell(
            "surrogate_index", "not comparable, slope +.5", lambda r: index(r, apart=0.5), 1.0, 1.4
        ),
    ]


@dataclass(frozen=True)
class Found:
    """What many worlds of a cell gave."""

    cell: Cell
    worlds: int
    bias: float
    mcse: float
    ratio: float
    covered: float


def answers_of(cell: Cell, worlds: int, seed: int) -> Found:
    """Return the bias and coverage of one cell."""
    leaf = leaves.load("estimators", cell.leaf, kind=Estimator)
    values, errors, inside = [], [], 0
    for world in range(worlds):
        r = np.random.default_rng([seed, world])
        try:
            found = leaf.run(cell.draw(r)).estimate
        except TooFew:
            continue  # a draw that gave an option to nobody
        assert found is not None
        error = standard_errors(found)
        assert error is not None
        df = np.inf if found.df is None else float(found.df[0])
        reach = stdtrit(df, 0.975) if np.isfinite(df) else 1.959963984540054
        if found.critical is not None:
            reach = float(found.critical[0])
        values.append(float(found.value[0]))
        errors.append(float(error[0]))
        inside += abs(values[-1] - cell.truth) <= reach * errors[-1]
    spread = float(np.std(values, ddof=1))
    return Found(
        cell,
        worlds,
        float(np.mean(values)) - cell.truth,
        spread / np.sqrt(worlds),
        float(np.mean(errors)) / spread,
        inside / len(values),
    )


def page(found: list[Found]) -> str:
    """Return the page."""
    lines = [
        "# What first and next, how much, how soon: bias and coverage",
        "",
        f"Made by `python -m benchmarks.staged_trials --worlds {found[0].worlds} --write`: so many "
        "worlds a row, nominal 95% intervals. Error ratio: mean standard error over the spread of "
        "the answers. The last two rows break an assumption of the surrogate index: it is biased "
        "by as much as provision does past the surrogates, or as records mislead, and its interval "
        "does not know.",
        "",
        "| leaf | world | truth | bias | Monte-Carlo error | error ratio | covered |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found:
        lines.append(
            f"| `{one.cell.leaf}` | {one.cell.words} | {one.cell.truth:.3f} | {one.bias:+.4f} | "
            f"{one.mcse:.4f} | {one.ratio:.3f} | {100 * one.covered:.1f}% |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run every cell, print the page, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=2000)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    # Tables that take most of the time, and on which no answer rests.
    q_learning.stages_table = q_learning.rules_table = lambda *told: None
    dose_response.dose_tables = lambda *told: ()
    found = [answers_of(cell, asked.worlds, SEED) for cell in cells()]
    print(page(found))
    if asked.write:
        PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
