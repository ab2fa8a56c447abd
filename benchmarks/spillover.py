"""Spilling over within schools: bias and coverage of the four effects, where they are known.

Usage: python -m benchmarks.spillover [--worlds 1000] [--write]

Every world draws schools and children anew, and their arms by the design's own procedure; chances
are replayed from it. What a child's schoolmates have adds the same amount within a band, so that
truths are known. Prints (and with --write commits to benchmarks/SPILLOVER.md) for each effect:
bias beside its Monte-Carlo error, mean standard error over the spread of the answers, and coverage
of nominal 95% intervals.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from fingerpost.core.allocation import Allocation, Arrived, Permutations
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.assignment import Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.drawn import Drawn
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.leaves import Design, load
from fingerpost.core.outcome import Outcome
from fingerpost.core.trial import Known, Trial, TrialArm
from fingerpost.estimators import _conditions, spillover

PAGE = Path(__file__).parent / "SPILLOVER.md"
SEED, REPLAYED = 83, 999
DIRECT, REACHES = 0.5, -0.3  # what having it does; what a band of schoolmates takes away


@dataclass(frozen=True)
class World:
    """Schools whose children are drawn. kinds: (kind, children of four who are offered it)."""

    words: str
    design: str = "two_level"
    kinds: tuple[tuple[str, int], ...] = (("none", 0), ("some", 2))
    schools: int = 40
    smallest: int = 12
    largest: int = 12
    bands: tuple[float, ...] = ()
    ledger: bool = True

    @property
    def arms(self) -> tuple[TrialArm, ...]:
        """Arms: children not offered it and offered it, in each kind of school."""
        if self.design != "two_level":
            return TrialArm("beside"), TrialArm("offered")
        found = []
        for kind, four in self.kinds:
            levels = (("school", kind),)
            if four < 4:
                found.append(TrialArm(f"beside {kind}", 4 - four, levels=levels))
            if four:
                found.append(TrialArm(f"offered {kind}", four, levels=levels))
        return tuple(found)


WORLDS = (
    World("none, or half"),
    World("none, or half; 20 schools", schools=20),
    World("none, or half; 6 to 30 children a school", smallest=6, largest=30),
    World(
        "none, a quarter, three quarters",
        kinds=(("none", 0), ("few", 1), ("many", 3)),
        schools=60,
        smallest=16,
        largest=16,
        bands=(0.5,),
    ),
    World("half in every school, no ledger", design="blocked", ledger=False),
)


@cache
def replayed(world: World, sizes: tuple[int, ...]) -> np.ndarray:
    """Return (2 × REPLAYED, n) arms: draws to be made, then those chances are counted over."""
    school = np.repeat(np.arange(len(sizes)), sizes)
    nothing = np.zeros(len(school), dtype=np.int64)
    units = Arrived(nothing[:, None], nothing, school, nothing[:0])
    blocks = (4, 8) if world.design == "two_level" else (4,)
    if world.design == "two_level":
        blocks = (4 * len(world.kinds), 8 * len(world.kinds))
    trial = Trial(world.arms, known=(Known("all", ("yes",)),), blocks=blocks)
    procedure = load("designs", world.design, kind=Design).procedure
    assert procedure is not None
    seed = b"spilling over".ljust(32, b".")
    return np.asarray(procedure.replay(trial, units, seed, 2 * REPLAYED))


def draw(world: World, r: np.random.Generator) -> Task:
    """Return a trial that was run: schools and children new, arms one of the possible draws."""
    sizes = tuple(
        np.linspace(world.smallest, world.largest, world.schools).round().astype(int).tolist()
    )
    codes = replayed(world, sizes)
    arm = codes[r.integers(REPLAYED)]
    school = np.repeat(np.arange(len(sizes)), sizes)
    names = tuple(one.name for one in world.arms)
    has = np.array([name.startswith("offered") for name in names])[arm]
    others = (np.bincount(school, weights=has)[school] - has) / (np.array(sizes)[school] - 1)
    band = np.searchsorted([0.0, *world.bands], others, side="left")
    ability = 0.5 * r.standard_normal(len(sizes))[school] + r.standard_normal(len(arm))
    y = ability + DIRECT * has + REACHES * band
    made = Allocation(tuple(map(str, range(len(arm)))), names, arm)
    drawn = Drawn(made, Permutations(made.units, names, codes[REPLAYED:]))
    cohort = Cohort(
        np.arange(len(arm)),
        names,
        arm,
        {"y": Outcome("continuous", y)},
        {},
        {"school": school},
        strata=school if world.design == "blocked" else None,
        drawn=np.arange(len(arm)) if world.ledger else None,
    )
    options: dict[str, object] = {"level": "school"}
    if len(names) > 2:
        options["provided"] = tuple(name for name in names if name.startswith("offered"))
    if world.bands:
        options["bands"] = world.bands
    told = Analysis((), assignment=Randomised(world.design, "child"), stream="s", options=options)
    contrast = pair(names[-1], names[0])
    return Task(
        cohort, (Term("y", contrast, Target("ate")),), told, drawn=drawn if world.ledger else None
    )


def truths(world: World, rows: list[dict[str, object]]) -> list[float]:
    """Return what is true of each row of the table of effects."""
    bands = len(world.bands) + 1

    def value(words: str) -> float:
        named = ["no schoolmate", "some schoolmates" if bands == 1 else "up to", "over"]
        band = next(at for at, name in enumerate(named) if name in words)
        own = DIRECT * words.startswith("has it,")
        if words.startswith("all"):
            own = DIRECT * shares(world)[band]
        return own + REACHES * band

    return [value(str(row["of"])) - value(str(row["against"])) for row in rows]


def shares(world: World) -> list[float]:
    """Return by band the share of children who have it, where schools' shares fall into bands."""
    return [four / 4 for _, four in world.kinds] if world.design == "two_level" else [0.0, 0.5]


def tried(world: World, worlds: int) -> list[tuple[object, ...]]:
    """Return a line for each effect: truth, bias, its error, error ratio, coverage."""
    r, kept = np.random.default_rng(SEED), {}
    count = _conditions.chances_of

    def once(task: Task, coded: Any, **more: Any) -> Any:
        """Count chances once: draws are the same in every world."""
        if world not in kept:
            kept[world] = count(task, coded, **more)
        return kept[world]

    with patch.object(_conditions, "chances_of", once):
        held = [spillover.run(draw(world, r)).tables[1].records() for _ in range(worlds)]
    lines = []
    for at, truth in enumerate(truths(world, held[0])):
        own = [rows[at] for rows in held]
        value = np.array([row["estimate"] for row in own])
        inside = np.mean([row["lo"] <= truth <= row["hi"] for row in own])
        error = np.mean([row["se"] for row in own]) / value.std(ddof=1)
        off = value.mean() - truth
        words = f"{own[0]['of']} v {own[0]['against']}"
        lines.append(
            (
                world.words,
                own[0]["effect"],
                words,
                truth,
                off,
                value.std() / worlds**0.5,
                error,
                inside,
            )
        )
    return lines


def main() -> None:
    """Print the table, and write it where asked."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--worlds", type=int, default=1000)
    said.add_argument("--write", action="store_true")
    asked = said.parse_args()
    rows = [
        f"| {one} | {effect} | {words} | {truth:.3f} | {off:+.4f} | {error:.4f} | {ratio:.3f} | "
        f"{inside:.1%} |"
        for world in WORLDS
        for one, effect, words, truth, off, error, ratio, inside in tried(world, asked.worlds)
    ]
    head = (
        "# Spilling over within schools: bias and coverage\n\n"
        f"Made by `python -m benchmarks.spillover --worlds {asked.worlds} --write`: so many worlds "
        "a row, nominal 95% intervals. Being offered it adds 0.5; each band of schoolmates who are "
        "takes 0.3 away. Error ratio: mean standard error over the spread of the answers.\n\n"
        "| world | effect | of v against | truth | bias | Monte-Carlo error | error ratio "
        "| covered |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    page = head + "\n".join(rows) + "\n"
    print(page)
    if asked.write:
        PAGE.write_text(page)


if __name__ == "__main__":
    main()
