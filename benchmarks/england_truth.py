"""The truth of synthetic England over an endless population, drawn child by child.

    python -m benchmarks.england_truth            # writes src/fingerpost/england/truth_values.json
    python -m benchmarks.england_truth --check    # draws a tenth and compares
    python -m benchmarks.england_truth --indices  # centres and scales of the measured indices

Means of the potential outcomes of `england.potential` over at least 10 million children for the
default scenario (half a million for the others), each England of 250,000 with places of its own.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from fingerpost.england import _days, needs, places, potential, provision, world
from fingerpost.england.model import CLEFT, GENERAL, INDEX, NEURO
from fingerpost.england.potential import ARMS, MEASURES, RATES
from fingerpost.england.scenarios import DEFAULT, SCENARIOS, scenario
from fingerpost.england.world import World

OUT = Path(__file__).parents[1] / "src" / "fingerpost" / "england" / "truth_values.json"
BLOCK = 250_000
DRAWS, DRAWS_OTHER, DRAWS_RARE = 10_000_000, 500_000, 1_000_000
FIRST_SEED = 900_000
# Populations of their own draws: condition → name of the population.
RARE = ("cerebral_palsy", "down_syndrome", "spina_bifida")
COMMON = ("congenital_heart_disease", "epilepsy", "autism", "adhd", "learning_disability")
VERY_EARLY, VERY_LIGHT = 26, 1000
# Populations whose truth is kept in every scenario.
KEPT = ("all", "cleft_isolated", "concern")
Sums = dict[tuple[str, str, str, str], list[np.ndarray]]


def blocks(draws: int, boost: str | None) -> Iterator[World]:
    """Yield Englands of one block each."""
    for at in range(max(draws // BLOCK, 1)):
        seed = FIRST_SEED + at
        yield world.make(
            places.make(seed),
            scenario=scenario(DEFAULT),
            seed=seed,
            block=0 if boost is None else 1,
            first_child=1,
            size=BLOCK,
            boost=boost,
        )


def retold(made: World, name: str) -> World:
    """Return the same children in another scenario."""
    other = scenario(name)
    need = needs.make(
        made.families,
        made.health,
        made.places,
        scenario=other,
        seed=made.seed,
        block=made.block,
    )
    return replace(made, scenario=other, needs=need)


def populations(made: World, concerned: np.ndarray, boost: str | None) -> dict[str, np.ndarray]:
    """Return who of a block is in which population: name → (n,) flags."""
    health = made.health
    zero = _days.days("census", made.families.reception, np.full(made.size, _days.ZERO))
    alive = health.died > zero
    if boost == "cleft":
        return {"cleft_isolated": alive}
    if boost is not None:
        return {boost: alive}
    early = (health.gestation < VERY_EARLY) | (health.weight < VERY_LIGHT)
    return {
        "all": alive,
        "concern": alive & concerned,
        "preterm": alive & (health.gestation < 37) & (health.gestation >= 24),
        "neurodisability": alive & ((health.stratum == NEURO) | early),
        **{name: alive & health.condition(name) for name in COMMON},
    }


def add(sums: Sums, made: World, boost: str | None) -> None:
    """Add one block's weighted sums of means to each population, measure and arm received."""
    arm, concerned = provision.arms(
        made.families, made.health, made.needs, made.places, made.chances
    )
    found = potential.make(made)
    held = populations(made, concerned, boost)
    received = {"everyone": np.ones(made.size), **{name: arm == at for at, name in enumerate(ARMS)}}
    keys = [(population, name) for population in held for name in received]
    who = np.stack([held[population] * received[name] for population, name in keys]).astype(float)
    for measure in MEASURES:
        weight = potential.weight(found, measure)
        columns = np.column_stack([found.means[measure] * weight[:, None], weight])
        for (population, name), row in zip(keys, who @ columns, strict=True):
            if row[-1] > 0:
                sums[made.scenario.name, population, measure, name].append(row)


def rows(sums: Sums) -> list[list[object]]:
    """Return one row for each scenario, population, measure and arm received."""
    found = []
    for (name, population, measure, received), held in sums.items():
        table = np.array(held)
        means = table[:, :3].sum(axis=0) / table[:, 3].sum()
        each = table[:, :3] / table[:, 3:]
        split = np.log(each[:, 1:] / each[:, :1]) if measure in RATES else each[:, 1:] - each[:, :1]
        errors = split.std(axis=0, ddof=1) / np.sqrt(len(split)) if len(split) > 1 else [0.0, 0.0]
        found.append(
            [
                name,
                population,
                measure,
                received,
                [float(f"{mean:.8g}") for mean in means],
                [float(f"{error:.2g}") for error in errors],
            ]
        )
    return found


def draw(share: float = 1.0) -> Iterator[tuple[int, list[list[object]]]]:
    """Yield, after every few blocks, the draws so far and the rows of every population.

    share: of the usual number of draws.
    """
    sums: Sums = defaultdict(list)
    others = [each.name for each in SCENARIOS if each.name != DEFAULT]
    streams = {name: blocks(DRAWS_RARE, name) for name in RARE}
    both = zip(blocks(int(DRAWS * share), None), blocks(int(DRAWS * share), "cleft"), strict=True)
    for at, pair in enumerate(both):
        for boost, made in zip((None, "cleft"), pair, strict=True):
            add(sums, made, boost)
            if (at + 1) * BLOCK <= max(DRAWS_OTHER * share, BLOCK):
                for name in others:
                    add(sums, retold(made, name), boost)
        for name, stream in streams.items():
            if (made := next(stream, None)) is not None:
                add(sums, made, name)
        yield (at + 1) * BLOCK, [row for row in rows(sums) if row[0] == DEFAULT or row[1] in KEPT]


def main() -> None:
    """Draw, and write the values or compare with those written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--indices", action="store_true")
    parser.add_argument("--share", type=float, default=None)
    asked = parser.parse_args()
    if asked.indices:
        indices()
        return
    share = asked.share or (0.1 if asked.check else 1.0)
    for draws, found in draw(share):
        print(f"{draws:,} of {int(DRAWS * share):,}", flush=True)
        if not asked.check:
            write(draws, found)
    if asked.check:
        held = {tuple(row[:4]): row for row in json.loads(OUT.read_text())["values"]}
        worst = max(
            abs(a / b - 1.0) if b else abs(a - b)
            for row in found
            for a, b in zip(row[4], held[tuple(row[:4])][4], strict=True)
        )
        print(f"largest relative difference of a mean: {worst:.4f}")


def indices(englands: int = 20) -> None:
    """Print mean and standard deviation of each index's linear form, as `IndexModel` holds."""
    social: list[np.ndarray] = []
    clinical: dict[int, list[np.ndarray]] = defaultdict(list)
    for boost in (None, "cleft"):
        for made in blocks(englands * BLOCK, boost):
            if boost is None:
                social.append(made.needs.social * INDEX.social_scale + INDEX.social_centre)
            form = needs.clinical_form(made.health)
            for stratum in (GENERAL, CLEFT, NEURO):
                if (stratum == CLEFT) == (boost == "cleft"):
                    clinical[stratum].append(form[made.health.stratum == stratum])
    for name, parts in (("social", social), *((f"clinical {k}", v) for k, v in clinical.items())):
        values = np.concatenate(parts)
        print(f"{name}: {values.mean():.4f} {values.std():.4f} over {len(values):,}")


def write(draws: int, found: list[list[object]]) -> None:
    """Write the values so far, in place of those before."""
    columns = ["scenario", "population", "measure", "received", "means", "errors"]
    body = ",\n".join(json.dumps(row) for row in found)
    words = f'{{"draws": {draws}, "columns": {json.dumps(columns)}, "values": [\n'
    beside = OUT.with_suffix(".tmp")
    beside.write_text(f"{words}{body}\n]}}\n", encoding="utf-8")
    beside.replace(OUT)


if __name__ == "__main__":
    main()
