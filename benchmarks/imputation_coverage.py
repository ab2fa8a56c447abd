"""Does multiple imputation cover the truth? Simulated worlds, by how values came to be missing.

    OPENBLAS_NUM_THREADS=1 python benchmarks/imputation_coverage.py --worlds 1000

writes benchmarks/IMPUTATION.md, and its table into docs/manual/missing-data.md. What is drawn is
kept by the hundred worlds in build/imputation-coverage, and not drawn again. Each world is a cohort
with a known effect; it is imputed as a study imputes it and answered by AIPW in every copy, pooled
by Rubin's rules. Beside it: only the children with everything recorded, and, where values are not
missing at random, the imputed outcomes moved by the true shift.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from fingerpost.cohorts import imputing
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Imputation
from fingerpost.estimators.aipw import run as aipw
from fingerpost.kernels.arrays import one_thread
from fingerpost.studies.pooling import pooled_estimate

PAGE = Path(__file__).resolve().parent / "IMPUTATION.md"
MANUAL = PAGE.parent.parent / "docs" / "manual" / "missing-data.md"
MARKS = ("<!-- table of benchmarks/imputation_coverage.py -->", "<!-- end of the table -->")
KEPT = PAGE.parent.parent / "build" / "imputation-coverage"
COPIES, CYCLES, SHIFT = 5, 5, 1.0
GIVEN = ("x", "v", "z", "c")
CHUNK = 100  # worlds kept at a time
TRUTHS = 2_000_000
Mask = np.ndarray


@dataclass(frozen=True)
class Cell:
    """One setting: kind of outcome, arms, children of a school (1: none), why values are missing.

    clusters: False to leave the schools out of the imputation models, to show what that costs.
    """

    name: str
    kind: str = "continuous"
    arms: int = 2
    school: int = 1
    why: str = "mar"
    by_school: bool = False
    clusters: bool = True
    n: int = 600


CELLS = (
    Cell("missing completely at random", why="mcar"),
    Cell("at random: outcome by covariates, covariate by outcome"),
    Cell("binary outcome", kind="binary", n=900),
    Cell("three arms", arms=3, n=900),
    Cell("children in 40 schools, arm by child", school=15),
    Cell("children in 40 schools, arm by school", school=15, by_school=True),
    Cell("the same, schools left out of the models", school=15, by_school=True, clusters=False),
    Cell("not at random: unseen children with provision score lower", why="mnar"),
)


@dataclass(frozen=True)
class Drawn:
    """One world: the cohort with stand-ins, and where each variable is missing."""

    cohort: Cohort
    holes: dict[str, Mask]
    full: Cohort


def logistic(value: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(−x))."""
    return 1 / (1 + np.exp(-value))


@dataclass(frozen=True)
class Children:
    """Covariates of n children: x (recorded for all), v, z, c."""

    x: np.ndarray
    v: np.ndarray
    z: np.ndarray
    c: np.ndarray


def children(rng: np.random.Generator, n: int) -> Children:
    """Return the covariates of n children."""
    x = rng.normal(size=n)
    v = 0.5 * x + np.sqrt(0.75) * rng.normal(size=n)
    z = (rng.random(n) < logistic(0.5 * x)).astype(float)
    c = (rng.random((n, 1)) > np.array([0.4, 0.75])).sum(axis=1)
    return Children(x, v, z, c)


def draw(cell: Cell, seed: int) -> Drawn:
    """Return one world: complete, and with its values missing."""
    rng = np.random.default_rng([seed, *cell.name.encode()])
    n, schools = cell.n, cell.n // cell.school
    school = np.repeat(np.arange(schools), cell.school)
    level = rng.normal(size=schools) * (0.5 if cell.school > 1 else 0.0)
    own = children(rng, n)
    arm = arms_of(cell, rng, own, school)
    eta = mean_of(arm, own) + level[school]
    if cell.kind == "binary":
        y = (rng.random(n) < logistic(eta - 0.8)).astype(float)
    else:
        y = eta + rng.normal(size=n)
    missing = where(cell, rng, own.x, arm=arm, y=y)
    if cell.why == "mnar":
        # The provided who are not seen score lower by SHIFT than alike children who are.
        y = np.where(missing["y"] & (arm > 0), y - SHIFT, y)
    return assembled(cell, own, arm=arm, y=y, school=school, missing=missing)


def arms_of(cell: Cell, rng: np.random.Generator, own: Children, school: np.ndarray) -> np.ndarray:
    """Return the arm of each child: drawn by school, or as its covariates have it."""
    if cell.by_school:
        drawn: np.ndarray = (rng.permutation(cell.n // cell.school) % cell.arms)[school]
        return drawn
    odds = 0.3 * own.x + 0.3 * own.v + 0.3 * own.z - 0.2
    others = [odds] if cell.arms == 2 else [odds, -0.5 * odds]
    share = np.exp(np.column_stack([np.zeros(cell.n), *others]))
    share /= share.sum(axis=1, keepdims=True)
    found: np.ndarray = (rng.random((cell.n, 1)) > share.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return found


def mean_of(arm: np.ndarray, own: Children) -> np.ndarray:
    """Return the linear predictor of the outcome, with an effect that differs by a covariate."""
    slope = 0.6 + 0.2 * (arm > 0)
    found: np.ndarray = (
        0.5 * (arm > 0) + slope * own.x + 0.5 * own.v + 0.4 * own.z + 0.3 * (own.c == 2)
    )
    return found


def where(
    cell: Cell, rng: np.random.Generator, x: np.ndarray, *, arm: np.ndarray, y: np.ndarray
) -> dict[str, Mask]:
    """Return who lacks what. Whether y is missing depends on x and the arm, recorded for all;
    whether v is, on y among those whose y is recorded: both at random, given what is recorded.
    """
    n = len(x)
    odds = np.full(n, -1.2) if cell.why == "mcar" else odds_of_gone(x) + 0.4 * (arm > 0)
    gone = rng.random(n) < logistic(odds)
    tell = 0.0 if cell.why == "mcar" else 0.8 * y
    unknown = (rng.random(n) < logistic(-1.4 + tell)) & ~gone
    return {"y": gone, "v": unknown, "c": rng.random(n) < 0.10, "z": rng.random(n) < 0.10}


def odds_of_gone(x: np.ndarray) -> np.ndarray:
    """Return the log-odds that y is missing in the first arm."""
    return -1.3 + 0.9 * np.clip(x, -2, 2)


def assembled(
    cell: Cell,
    own: Children,
    *,
    arm: np.ndarray,
    y: np.ndarray,
    school: np.ndarray,
    missing: dict[str, Mask],
) -> Drawn:
    """Return the cohorts of a world."""
    levels = ("a", "b", "d")
    full = Cohort(
        unit=np.arange(cell.n),
        arms=("none", "support", "plan")[: cell.arms],
        arm=arm,
        outcomes={"y": Outcome(cell.kind, y)},
        covariates={
            "x": Column(own.x),
            "v": Column(own.v),
            "z": Column(own.z),
            "c": Column(own.c, levels),
        },
        clusters={"school": school} if cell.school > 1 else {},
    )
    covariates = {
        "x": Column(own.x),
        "v": Column(np.where(missing["v"], 0.0, own.v)),
        "z": Column(np.where(missing["z"], 0.0, own.z)),
        "c": Column(np.where(missing["c"], 0, own.c), levels),
    }
    seen = ~missing["y"]
    told = Outcome(cell.kind, np.where(seen, y, np.nan), observed=seen)
    cohort = replace(full, covariates=covariates, outcomes={"y": told})
    return Drawn(cohort, {name: missing[name] for name in ("v", "z", "c")}, full)


def asked(cell: Cell) -> tuple[Term, ...]:
    """Return the effect of each arm against the first."""
    summary = "risk" if cell.kind == "binary" else "mean"
    arms = ("support", "plan")[: cell.arms - 1]
    return tuple(Term("y", pair(a, "none"), Target("ate"), summary) for a in arms)


def answer(cell: Cell, cohort: Cohort) -> Estimate:
    """Return AIPW's estimate on a complete cohort."""
    cluster = "school" if cell.school > 1 else None
    found = aipw(Task(cohort, asked(cell), Analysis(GIVEN, cluster=cluster))).estimate
    assert found is not None
    return found


@cache
def truth(cell: Cell) -> float:
    """Return the effect of the second arm among all children."""
    if cell.kind != "binary":
        return 0.5
    own = children(np.random.default_rng(1), TRUTHS)
    arms = (np.ones(TRUTHS, int), np.zeros(TRUTHS, int))
    first, second = (float(logistic(mean_of(arm, own) - 0.8).mean()) for arm in arms)
    return first - second


def one_world(cell: Cell, seed: int) -> Iterator[tuple[str, Estimate]]:
    """Yield (way, estimate) for one world: all records, complete children, imputed, shifted."""
    world = draw(cell, seed)
    yield "nothing missing", answer(cell, world.full)
    kept = ~np.any([*world.holes.values(), ~world.cohort.outcomes["y"].observed], axis=0)
    yield "complete children only", answer(cell, world.full.take(np.flatnonzero(kept)))
    plan = imputing.planned(
        world.cohort,
        Imputation(COPIES, CYCLES),
        holes=world.holes,
        outcomes=["y"],
        cluster="school" if cell.school > 1 and cell.clusters else None,
    )
    assert plan is not None
    copies = [
        imputing.copy(plan, number=m, generator=np.random.default_rng([seed, m]))[0]
        for m in range(1, COPIES + 1)
    ]
    yield "imputed", pooled_estimate([answer(cell, copy) for copy in copies], 0.95)
    if cell.why == "mnar":
        moved = [answer(cell, shifted(copy)) for copy in copies]
        yield "imputed, moved by the true shift", pooled_estimate(moved, 0.95)


def shifted(copy: Cohort) -> Cohort:
    """Return a copy whose imputed outcomes of the provided are moved by the true shift."""
    outcome = copy.outcomes["y"]
    moved = copy.imputed["y"] & (copy.arm > 0)
    value = np.where(moved, outcome.value - SHIFT, outcome.value)
    return replace(copy, outcomes={"y": replace(outcome, value=value)})


@dataclass(frozen=True)
class Line:
    """What one way gave in one cell, over worlds."""

    cell: str
    way: str
    bias: float
    spread: float
    ratio: float
    coverage: float
    worlds: int


Row = tuple[str, float, float, bool]


def over_worlds(cell: Cell, seeds: range) -> list[Row]:
    """Return (way, value, error, whether the truth is covered) of every world of a cell."""
    # Among all, the effect is that of what is really so, seen or not.
    true = true_shifted() if cell.why == "mnar" else truth(cell)
    rows: list[Row] = []
    for seed in seeds:
        for way, found in one_world(cell, seed):
            bounds, errors = intervals(found), standard_errors(found)
            assert bounds is not None
            assert errors is not None
            inside = bool(bounds[0, 0] <= true <= bounds[0, 1])
            rows.append((way, float(found.value[0]) - true, float(errors[0]), inside))
    return rows


def lines_of(cell: Cell, rows: list[Row]) -> list[Line]:
    """Return what each way of analysing gave in a cell."""
    lines = []
    for way in dict.fromkeys(row[0] for row in rows):
        own = [row[1:] for row in rows if row[0] == way]
        away, error, inside = (np.array(part) for part in zip(*own, strict=True))
        spread = float(away.std(ddof=1))
        ratio, covered = float(error.mean()) / spread, float(inside.mean())
        lines.append(Line(cell.name, way, float(away.mean()), spread, ratio, covered, len(own)))
    return lines


@cache
def true_shifted() -> float:
    """Return the effect where the unseen among the provided score lower."""
    x = np.random.default_rng(2).normal(size=TRUTHS)
    return 0.5 - SHIFT * float(logistic(odds_of_gone(x) + 0.4).mean())


HEAD = """# Multiple imputation: coverage

Made by `python benchmarks/imputation_coverage.py --worlds {worlds}`: {copies} copies of {cycles}
cycles, AIPW in each copy, pooled by Rubin's rules, 95% intervals. In every world about a quarter of
the outcomes and a fifth of one covariate are missing, and a tenth of two others. At random means:
the outcome by the arm and a covariate, the covariate by the outcome. Not at random: unseen children
with provision score one point lower than children alike who were seen. worlds: how many of a
row have been drawn; the error of a coverage is 0.7 points of 1,000 worlds, and 1.1 of 400.

"""
COLUMNS = ("world", "how it was analysed", "bias", "SD over worlds", "mean SE / SD", "coverage")


def table(lines: list[Line]) -> str:
    """Return the table of results."""
    heads = [f"| {' | '.join((*COLUMNS, 'worlds'))} |", "|---" * (len(COLUMNS) + 1) + "|"]
    rows = [
        f"| {one.cell} | {one.way} | {one.bias:+.3f} | {one.spread:.3f} | {one.ratio:.2f} | "
        f"{100 * one.coverage:.1f}% | {one.worlds:,} |"
        for one in lines
    ]
    return "\n".join([*heads, *rows]) + "\n"


def write(lines: list[Line], *, out: Path, worlds: int) -> None:
    """Write the page and, with it, the table in the manual."""
    head = HEAD.format(worlds=f"{worlds}", copies=COPIES, cycles=CYCLES)
    out.write_text(head + table(lines), encoding="utf-8")
    if out == PAGE:
        before, rest = MANUAL.read_text(encoding="utf-8").split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        told = f"{before}{MARKS[0]}\n\n{table(lines)}\n{MARKS[1]}{after}"
        MANUAL.write_text(told, encoding="utf-8")


def kept_at(folder: Path, at: int, start: int) -> Path:
    """Return where the worlds of a cell from one seed on are kept."""
    return folder / f"cell-{at}-from-{start}.json"


def gathered(folder: Path, worlds: int) -> list[Line]:
    """Return the lines of all cells, of what is kept of so many worlds; none unless every cell has
    some.
    """
    lines: list[Line] = []
    for at, cell in enumerate(CELLS):
        places = [kept_at(folder, at, start) for start in range(0, worlds, CHUNK)]
        rows: list[Row] = [
            tuple(row)
            for place in places
            if place.exists()
            for row in json.loads(place.read_text("utf-8"))
        ]
        if not rows:
            return []
        lines += lines_of(cell, rows)
    return lines


def main() -> None:
    """Run the cells by a hundred worlds, keep each, and write the page as they come."""
    asked_ = argparse.ArgumentParser(description=__doc__)
    asked_.add_argument("--worlds", type=int, default=1000)
    asked_.add_argument("--out", type=Path, default=PAGE)
    asked_.add_argument("--cells", type=str, default=":", help="first:last, to share the work")
    asked_.add_argument("--kept", type=Path, default=KEPT, help="where what is done is kept")
    said = asked_.parse_args()
    first, last = (int(at) if at else None for at in said.cells.split(":"))
    said.kept.mkdir(parents=True, exist_ok=True)
    for start in range(0, said.worlds, CHUNK):
        for at in range(len(CELLS))[first:last]:
            place = kept_at(said.kept, at, start)
            if not place.exists():
                with one_thread():
                    rows = over_worlds(CELLS[at], range(start, start + CHUNK))
                place.write_text(json.dumps(rows), encoding="utf-8")
        lines = gathered(said.kept, said.worlds)
        if lines:
            write(lines, out=said.out, worlds=said.worlds)


if __name__ == "__main__":
    main()
