"""Coverage of every estimator leaf over simulated worlds whose truth is known.

    python benchmarks/coverage.py [--worlds 2000] [--only SETTING-KIND]

Every leaf × target × scale × kind of outcome with a known truth, in three settings. The worlds are
those of tests/suites. Partial results are kept in build/coverage, a hundred worlds at a time, so
that a run that was stopped goes on where it was. The table goes to benchmarks/COVERAGE.md when all
parts are there (with other than 2,000 worlds: to build/coverage/COVERAGE.md).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)
sys.path.append(str(ROOT / "tests"))

import numpy as np  # noqa: E402

from fingerpost.core import leaves  # noqa: E402
from fingerpost.core.analysis import Fits  # noqa: E402
from fingerpost.core.cohort import Cohort  # noqa: E402
from fingerpost.core.errors import FingerpostError  # noqa: E402
from fingerpost.core.estimand import Target, Term  # noqa: E402
from fingerpost.core.estimate import Estimate  # noqa: E402
from fingerpost.core.inference import intervals, standard_errors  # noqa: E402
from fingerpost.core.leaves import Estimator  # noqa: E402
from suites.worlds import World, task, term  # noqa: E402

FULL = 2_000
CHUNK = 100
TRUTH_DRAWS = 10_000_000
KINDS = ("continuous", "binary", "count")
SETTINGS = {
    "60 schools": World(n=1000, schools=60, arms=2),
    "20 schools": World(n=400, schools=20, arms=2),
    "three arms": World(n=1500, schools=60, arms=3),
}
COARSE = ("subclassification",)  # its strata leave bias by design: printed, not judged
# A coefficient has a known truth only where its model is the world's.
COEFFICIENT = {("difference", "continuous"), ("ratio", "count")}
COVERED = (0.93, 0.97)
HONEST = (0.93, 1.07)
MOST_BIAS = 0.10  # of the empirical standard deviation
MOST_MCSE = 3.5


@dataclass(frozen=True)
class Part:
    """One setting with one kind of outcome: what is drawn, answered and kept together."""

    setting: str
    kind: str

    @property
    def name(self) -> str:
        """The name by which the part is kept and asked for."""
        return f"{self.setting.replace(' ', '-')}-{self.kind}"

    @property
    def world(self) -> World:
        """The world of the part."""
        return replace(SETTINGS[self.setting], kind=self.kind)


@dataclass(frozen=True)
class Cell:
    """One leaf asked for one term; equal: in the world whose effects are the same for all."""

    leaf: str
    term: Term
    equal: bool


def parts() -> list[Part]:
    """Return every part, in the order of the table."""
    return [Part(setting, kind) for setting in SETTINGS for kind in KINDS]


@cache
def menu() -> dict[str, Estimator]:
    """Return every estimator leaf by name."""
    return leaves.menu("estimators", Estimator)


def cells(part: Part) -> list[Cell]:
    """Return what is asked in a part: every leaf × target × scale whose truth is known."""
    found = []
    for name, leaf in menu().items():
        for kind in leaf.targets:
            if kind == "received" and part.world.arms == 2:
                continue  # with two arms it is the ATT or the ATU
            target = Target(kind, arm="plan" if kind == "received" else None)
            for scale in leaf.scales:
                equal = kind == "conditional"
                if equal and (scale, part.kind) not in COEFFICIENT:
                    continue
                found.append(Cell(name, term(part.kind, target, scale), equal))
    return found


@cache
def level(world: World, arm: str, target: Target) -> float:
    """Return the true mean of one arm in a target."""
    return world.truth(Term("y", ((arm, 1.0),), target), TRUTH_DRAWS)


def truth(part: Part, cell: Cell) -> float:
    """Return the superpopulation value of a cell's term, on the scale of estimates."""
    world = replace(part.world, equal_effects=cell.equal)
    first, second = (name for name, _ in cell.term.contrast)
    whom = {
        "att": Target("received", arm=first),
        "atu": Target("received", arm=second),
        "conditional": Target("ate"),
    }
    target = whom.get(cell.term.target.kind, cell.term.target)
    means = []
    for arm in (first, second):
        own = Target("received", arm=arm) if target.kind == "association" else target
        means.append(level(world, arm, own))
    if cell.term.scale == "ratio":
        return float(np.log(means[0] / means[1]))
    return means[0] - means[1]


def answer(cohort: Cohort, asked: list[Cell]) -> np.ndarray:
    """Return (cells, 4) of value, standard error, low, high; NaN where a leaf could not answer."""
    found = np.full((len(asked), 4), np.nan)
    fits = Fits()
    # A study asks on one scale, and so does each task here; the fits are shared.
    for name, scale in dict.fromkeys((cell.leaf, cell.term.scale) for cell in asked):
        rows = [
            place
            for place, cell in enumerate(asked)
            if (cell.leaf, cell.term.scale) == (name, scale)
        ]
        told = task(cohort, *(asked[row].term for row in rows))
        try:
            estimate = menu()[name].run(replace(told, fits=fits)).estimate
        except FingerpostError:
            continue
        found[rows] = numbers(estimate)
    return found


def numbers(estimate: Estimate) -> np.ndarray:
    """Return (q, 4) of value, standard error and interval; NaN where there is none."""
    q = len(estimate.value)
    errors, bounds = standard_errors(estimate), intervals(estimate)
    out = np.full((q, 4), np.nan)
    out[:, 0] = estimate.value
    if errors is not None:
        out[:, 1] = errors
    if bounds is not None:
        out[:, 2:] = bounds
    return out


def one_world(part: Part, asked: list[Cell], seed: int) -> np.ndarray:
    """Return (cells, 4) of one draw, and of its twin with equal effects for coefficients."""
    out = np.full((len(asked), 4), np.nan)
    for equal in (False, True):
        rows = [place for place, cell in enumerate(asked) if cell.equal is equal]
        if rows:
            cohort = replace(part.world, equal_effects=equal).draw(seed)
            out[rows] = answer(cohort, [asked[row] for row in rows])
    return out


@cache
def version() -> str:
    """Return eight letters that change with the code that answers or draws."""
    found = hashlib.sha256()
    rooms = [ROOT / "src" / "fingerpost" / room for room in ("core", "kernels", "estimators")]
    files = [path for room in rooms for path in sorted(room.rglob("*.py"))]
    for path in (*files, ROOT / "tests" / "suites" / "worlds.py"):
        found.update(path.read_bytes())
    return found.hexdigest()[:8]


def measure(part: Part, worlds: int, folder: Path) -> np.ndarray:
    """Return (worlds, cells, 4), going on from what the same code left in the folder."""
    asked = cells(part)
    kept = folder / f"{part.name}-{version()}.npy"
    done = np.load(kept) if kept.exists() else np.empty((0, len(asked), 4))
    began, fresh = time.process_time(), 0
    while len(done) < worlds:
        first = len(done)
        # Seeds differ between parts, so that no two parts share their luck.
        base = 1_000_000 * (1 + parts().index(part))
        upto = min(first + CHUNK, worlds)
        rows = [one_world(part, asked, base + number) for number in range(first, upto)]
        done = np.concatenate([done, np.stack(rows)])
        np.save(kept, done)
        fresh += len(rows)
        each = (time.process_time() - began) / fresh
        left = each * (worlds - len(done)) / 60
        print(f"{part.name}: {len(done):,} of {worlds:,} worlds; {left:.1f} CPU minutes left")
    return done[:worlds]


@dataclass(frozen=True)
class Verdict:
    """What a cell's worlds say against the criteria."""

    cell: Cell
    worlds: int
    truth: float
    covered: float
    bias: float
    deviation: float
    error: float

    @property
    def mcse(self) -> float:
        """Monte Carlo standard error of the mean."""
        return self.deviation / self.worlds**0.5

    @property
    def covered_mcse(self) -> float:
        """Monte Carlo standard error of the coverage."""
        return (self.covered * (1 - self.covered) / self.worlds) ** 0.5

    @property
    def faults(self) -> tuple[str, ...]:
        """The criteria that are missed."""
        found = []
        if not COVERED[0] <= self.covered <= COVERED[1]:
            found.append("coverage")
        if abs(self.bias) > max(MOST_MCSE * self.mcse, MOST_BIAS * self.deviation):
            found.append("bias")
        if not HONEST[0] <= self.error / self.deviation <= HONEST[1]:
            found.append("SE")
        return tuple(found)

    @property
    def judged(self) -> bool:
        """Whether the criteria apply."""
        return self.cell.leaf not in COARSE


def verdict(cell: Cell, found: np.ndarray, true: float) -> Verdict:
    """Return what (worlds, 4) answers of one cell say; worlds without an answer are left out."""
    kept = found[np.isfinite(found).all(axis=1)]
    value, error, low, high = kept.T
    return Verdict(
        cell,
        len(kept),
        true,
        float(np.mean((low <= true) & (true <= high))),
        float(value.mean() - true),
        float(value.std(ddof=1)),
        float(error.mean()),
    )


def cluster_variation(world: World) -> float:
    """Return the coefficient of variation of the number of children in a school."""
    sizes = [
        np.bincount(world.draw(seed).clusters["school"], minlength=world.schools)
        for seed in range(20)
    ]
    return float(np.mean([own.std(ddof=1) / own.mean() for own in sizes]))


HEAD = (
    "| leaf | target | scale | truth | worlds | coverage % (MCSE) | bias (MCSE) | "
    "mean SE / empirical SD | criteria |\n|---|---|---|--:|--:|--:|--:|--:|---|"
)


def row(one: Verdict) -> str:
    """Return one line of the table."""
    told = ("missed: " + ", ".join(one.faults)) if one.faults else "met"
    shown = told if one.judged else "not judged"
    asked = one.cell.term
    return (
        f"| {one.cell.leaf} | {asked.target.label()} | {asked.scale} | {one.truth:.4f} | "
        f"{one.worlds:,} | {100 * one.covered:.1f} ({100 * one.covered_mcse:.1f}) | "
        f"{one.bias:+.4f} ({one.mcse:.4f}) | {one.error / one.deviation:.3f} | {shown} |"
    )


def section(part: Part, verdicts: list[Verdict]) -> str:
    """Return one part as text: its world and its table."""
    world = part.world
    head = (
        f"## {part.setting}, {part.kind} outcome\n\nn = {world.n:,} children, G = {world.schools} "
        f"schools, {world.arms} arms; school size has a coefficient of variation of "
        f"{cluster_variation(world):.2f}.\n"
    )
    return "\n".join([head, HEAD, *(row(one) for one in verdicts), ""])


def page(worlds: int, found: dict[Part, list[Verdict]]) -> str:
    """Return the whole page."""
    every = [one for verdicts in found.values() for one in verdicts]
    judged = [one for one in every if one.judged]
    missed = [(part, one) for part in found for one in found[part] if one.judged and one.faults]
    lines = [
        "# Coverage where the truth is known",
        "",
        f"{date.today():%d %B %Y}; `python benchmarks/coverage.py --worlds {worlds}`. "
        f"{worlds:,} worlds a part, {len(every)} cells, {len(judged)} of them judged.",
        "",
        "Truth is the superpopulation value from 10 million draws. On the scale `ratio` numbers "
        "are logarithms. Criteria: coverage of the 95% interval from 93% to 97%; bias at most the "
        "greater of 3.5 Monte Carlo standard errors (MCSE) and a tenth of the empirical standard "
        "deviation; mean standard error within 7% of the empirical standard deviation. "
        "`regression` is drawn in a twin world whose effects are the same for every child, the "
        "only one where a coefficient has a truth. `subclassification` is coarse by design: its "
        "five strata leave bias, which is printed and not judged. With fewer than 50 schools the "
        "standard errors and intervals are those for few clusters: CR2 with Satterthwaite's "
        "degrees of freedom, or jackknife leverage with the larger critical value of Welch's t and "
        "a score wild bootstrap.",
        "",
        f"**{len(judged) - len(missed)} of {len(judged)} cells meet every criterion.**",
        "",
        *(
            f"- {part.setting}, {part.kind}: {one.cell.leaf}, {one.cell.term.target.label()}, "
            f"{one.cell.term.scale}: {', '.join(one.faults)} (coverage {100 * one.covered:.1f}%, "
            f"mean SE / empirical SD {one.error / one.deviation:.3f})"
            for part, one in missed
        ),
        "",
        *(section(part, verdicts) for part, verdicts in found.items()),
    ]
    return "\n".join(lines)


def judge(part: Part, answers: np.ndarray) -> list[Verdict]:
    """Return the verdict of every cell of a part."""
    return [
        verdict(cell, answers[:, place], truth(part, cell))
        for place, cell in enumerate(cells(part))
    ]


def main() -> None:
    """Measure, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=FULL, help="worlds a part")
    parser.add_argument("--only", choices=[part.name for part in parts()], help="one part")
    asked = parser.parse_args()
    folder = ROOT / "build" / "coverage"
    folder.mkdir(parents=True, exist_ok=True)
    version()  # of the code as it was loaded: it may be edited while worlds are drawn
    chosen = [part for part in parts() if asked.only in (None, part.name)]
    found = {}
    for part in chosen:
        found[part] = judge(part, measure(part, asked.worlds, folder))
    whole = asked.worlds == FULL and asked.only is None
    target = (ROOT / "benchmarks" if whole else folder) / "COVERAGE.md"
    target.write_text(page(asked.worlds, found), encoding="utf-8")
    print(f"Wrote {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
