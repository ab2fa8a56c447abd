"""The arm that was chosen: what choosing adds to its effect, and whether it is taken away.

Usage: python -m benchmarks.chosen_arm [--worlds 4000] [--write]

Trials in which arms are dropped by their means at looks; the arm that is left is compared with the
first. Prints (and with --write commits to benchmarks/CHOSEN_ARM.md) bias, spread and coverage of
nominal 95% intervals of `chosen_arm`, of the comparison within times (`by_stratum`), and of the
children who came after the last choice alone.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.assignment import Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.leaves import Estimator, load
from fingerpost.core.outcome import Outcome

PAGE = Path(__file__).parent / "CHOSEN_ARM.md"
SEED, LEVEL = 19, 0.95


@dataclass(frozen=True)
class World:
    """effects: of the arms besides the first. keep: how many of them go on after each look. each:
    children an arm in each time. trend: what the second time adds to every outcome. lower: whether
    less is better. binary: whether outcomes are yes or no.
    """

    words: str
    effects: tuple[float, ...]
    keep: tuple[int, ...] = (1,)
    each: tuple[int, ...] = (30, 60)
    trend: float = 0.0
    lower: bool = False
    binary: bool = False


WORLDS = (
    World("two arms and the first, none differs", (0.0, 0.0)),
    World("three, none differs", (0.0, 0.0, 0.0)),
    World("three, one is 0.3 better", (0.0, 0.0, 0.3)),
    World("three, one is 0.5 better", (0.0, 0.0, 0.5)),
    World("three, most came before the choice", (0.0, 0.0, 0.0), each=(60, 30)),
    World("three, outcomes rise by 0.5 between the times", (0.0, 0.0, 0.3), trend=0.5),
    World("three, less is better", (0.0, 0.0, -0.3), lower=True),
    World("four, two looks", (0.0, 0.0, 0.0, 0.3), keep=(2, 1), each=(30, 30, 60)),
    World("three, yes or no", (0.0, 0.0, 0.1), binary=True, each=(60, 120)),
)


def draw(world: World, r: np.random.Generator) -> tuple[Task, float]:
    """Return a trial whose worst arms were dropped, and what is true of the arm that is left."""
    k, up = len(world.effects) + 1, -1.0 if world.lower else 1.0
    means = np.array([0.0, *world.effects]) + (0.4 if world.binary else 0.0)
    left, parts = np.arange(k), []
    for time, each in enumerate(world.each):
        arm = np.repeat(left, each)
        level = means[arm] + world.trend * time
        y = (
            (r.random(len(arm)) < level) * 1.0
            if world.binary
            else level + r.standard_normal(len(arm))
        )
        parts.append((arm, y, np.full(len(arm), time)))
        if time < len(world.keep):
            arms, outcome = (np.concatenate([part[at] for part in parts]) for at in (0, 1))
            sofar = [up * outcome[arms == one].mean() for one in left[1:]]
            best = np.argsort(sofar)[::-1][: world.keep[time]]
            left = np.array([0, *sorted(left[1:][best])])
    arm, y, time = (np.concatenate([part[at] for part in parts]) for at in range(3))
    names = tuple(["first", *(f"arm {at}" for at in range(1, k))])
    cohort = Cohort(
        np.arange(len(arm)), names, arm, {"y": Outcome("continuous", y)}, {}, strata=time
    )
    term = Term("y", pair(names[left[1]], "first"), Target("ate"))
    told = Analysis((), assignment=Randomised("adaptive_multi_arm", "child"), stream="chosen")
    return Task(cohort, (term,), told), float(world.effects[left[1] - 1])


def tried(world: World, worlds: int) -> list[tuple[str, float, float, float, float]]:
    """Return (what, bias, its error, spread, coverage) of each way."""
    r, found = np.random.default_rng(SEED), {}
    leaves = {
        name: load("estimators", name, kind=Estimator) for name in ("chosen_arm", "by_stratum")
    }
    for _ in range(worlds):
        task, truth = draw(world, r)
        cohort = task.cohort
        late = replace(task, cohort=cohort.take(cohort.strata == cohort.strata.max()))
        asked = {**{name: (leaf, task) for name, leaf in leaves.items()}}
        asked["after the last choice"] = (leaves["by_stratum"], late)
        for name, (leaf, own) in asked.items():
            estimate = leaf.run(own).estimate
            lo, hi = intervals(estimate, LEVEL)[0]
            found.setdefault(name, []).append(
                (estimate.value[0] - truth, lo <= truth <= hi, standard_errors(estimate)[0])
            )
    lines = []
    for name, kept in found.items():
        off, inside, _ = (np.array(each, dtype=float) for each in zip(*kept, strict=True))
        lines.append(
            (name, off.mean(), off.std() / worlds**0.5, (off**2).mean() ** 0.5, inside.mean())
        )
    return lines


def main() -> None:
    """Print the table, and write it where asked."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--worlds", type=int, default=4000)
    said.add_argument("--write", action="store_true")
    asked = said.parse_args()
    rows = [
        f"| {world.words} | {name} | {off:+.4f} | {error:.4f} | {far:.4f} | {inside:.1%} |"
        for world in WORLDS
        for name, off, error, far, inside in tried(world, asked.worlds)
    ]
    page = (
        "# The arm that was chosen: bias and coverage\n\n"
        f"Made by `python -m benchmarks.chosen_arm --worlds {asked.worlds} --write`: so many "
        "trials a row, nominal 95% intervals, outcomes of standard deviation 1 (of yes or no: "
        "shares). "
        "Distance: root mean squared distance from what is true.\n\n"
        "| world | estimator | bias | Monte-Carlo error | distance | covered |\n"
        "|---|---|---|---|---|---|\n"
    )
    page += "\n".join(rows) + "\n"
    print(page)
    if asked.write:
        PAGE.write_text(page)


if __name__ == "__main__":
    main()
