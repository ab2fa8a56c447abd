"""Worlds that the tests of England draw, once each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from fingerpost.england import careers, outcomes_counts, outcomes_scores, places, provision, world
from fingerpost.england._days import ZERO
from fingerpost.england.provision import Provision
from fingerpost.england.scenarios import scenario
from fingerpost.england.world import World

LAST_DAY = 30_000
RATES = ("unauthorised", "medical", "unplanned", "planned")


@cache
def made(
    name: str = "hidden_severity",
    *,
    seed: int = 11,
    block: int = 0,
    size: int = 60_000,
    boost: str | None = None,
    era: str = "2003-2013",
) -> World:
    """Return one block of an England."""
    return world.make(
        places.make(seed),
        scenario=scenario(name),
        seed=seed,
        block=block,
        first_child=1 + block * size,
        size=size,
        era=era,
        boost=boost,
    )


@dataclass(frozen=True)
class Lived:
    """One block lived under some provision: follow-up totals from Year 1 spring to Year 6."""

    arm: np.ndarray
    social: np.ndarray
    clinical: np.ndarray
    severity: np.ndarray
    possible: np.ndarray
    outcomes: dict[str, np.ndarray]


def lived(of: World, given: Provision | None = None) -> Lived:
    """Return the outcomes of the children on a roll in Year 1 spring, among none and support."""
    given = given or world.unaided(of)
    roll = careers.make(
        of.families, of.health, of.places, seed=of.seed, block=of.block, last_day=LAST_DAY
    )
    missed = outcomes_counts.absence(of, given, roll)
    admitted = outcomes_counts.admissions(of, given, last_day=LAST_DAY)
    scores = outcomes_scores.make(of, given)
    who = (given.arm < 2) & roll.open[:, ZERO]
    zero = roll.census[:, ZERO]
    after = admitted.day >= zero[admitted.child]
    possible = missed.possible[:, ZERO:].sum(axis=1)

    def spells(planned: int) -> np.ndarray:
        keep = after & (admitted.planned == planned)
        return np.bincount(admitted.child[keep], minlength=of.size)

    outcomes = {
        "unauthorised": missed.unauthorised[:, ZERO:].sum(axis=1),
        "medical": missed.medical[:, ZERO:].sum(axis=1),
        "unplanned": spells(0),
        "planned": spells(1),
        "ks1": scores.ks1[:, 1],
        "ks2": scores.ks2[:, 1],
        "participation": scores.participation.mean(axis=1),
        "wellbeing": scores.wellbeing.mean(axis=1),
    }
    need = of.needs
    return Lived(
        given.arm[who],
        need.social[who],
        need.clinical[who],
        need.severity[who],
        possible[who],
        {name: values[who] for name, values in outcomes.items()},
    )


def together(parts: list[Lived]) -> Lived:
    """Return blocks as one."""
    return Lived(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("arm", "social", "clinical", "severity", "possible")
        ),
        {
            name: np.concatenate([part.outcomes[name] for part in parts])
            for name in parts[0].outcomes
        },
    )


def effect(of: Lived, outcome: str, *given: str) -> float:
    """Return the coefficient of support from a Poisson or least-squares fit (statsmodels), as a
    ratio for counts.
    """
    import statsmodels.api as sm

    columns = [np.ones(len(of.arm)), of.arm, *(getattr(of, name) for name in given)]
    design = np.column_stack(columns).astype(float)
    values = of.outcomes[outcome].astype(float)
    if outcome not in RATES:
        return float(sm.OLS(values, design).fit().params[1])
    offset = np.log(of.possible) if outcome in ("unauthorised", "medical") else None
    keep = slice(None) if offset is None else of.possible > 0
    model = sm.GLM(
        values[keep],
        design[keep],
        family=sm.families.Poisson(),
        offset=None if offset is None else offset[keep],
    )
    return float(np.exp(model.fit().params[1]))


__all__ = ["LAST_DAY", "Lived", "effect", "lived", "made", "provision", "together"]
