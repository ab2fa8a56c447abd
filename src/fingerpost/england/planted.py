"""The gaps in provision that an England was given: between groups, all else about a child alike.

Imported by `reveal` alone. Provision of a child without a marker follows the log-odds of need; sex
moves them, and so do, by way of the social index, free school meals, first language, ethnic group
and the deprivation of the area. A planted gap is the mean difference, over the children studied, of
their chance of provision were they of the one group and of the other, severity, conditions, place
and everything else about them as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fingerpost.england import remaking
from fingerpost.england._draws import Flags, Floats, Ints, expit
from fingerpost.england.families import ETHNICITY
from fingerpost.england.model import CLEFT, INDEX, NEED, PLAN
from fingerpost.england.scenarios import scenario
from fingerpost.england.tables_children import LANGUAGE, SEX
from fingerpost.england.world import World, unaided

CODES = {"sex": SEX, "fsm": ("0", "1"), "ethnicity": ETHNICITY, "first_language": LANGUAGE}
# Slopes of the social index, before it is scaled, on what is a number.
SLOPES = {
    "fsm": INDEX.fsm,
    "first_language": INDEX.language,
    "idaci_fifth": INDEX.idaci / INDEX.idaci_sd,
}
FIFTHS = 5
PLACES_IN_FIFTH = np.arange(1, 20, 2) / 20  # over which the deprivation of a fifth is averaged


@dataclass(frozen=True, slots=True)
class Planted:
    """Children of one England, in arrays (n,): what decides who among them is provided for.

    columns: codes of each characteristic, and `area`, the log-odds of the area's score. log_odds:
    of support. social: how far a unit of the social index moves them. plain: not of the cleft
    stratum, in which sex moves nothing.
    """

    columns: dict[str, Floats | Ints]
    log_odds: Floats
    marked: Flags
    plain: Flags
    concerned: Flags
    social: float

    def chance(self, log_odds: Floats, *, concerned: bool) -> Floats:
        """Return the chance of provision by Year 1 spring; given that a concern was raised, of
        those about whom one was.
        """
        support = expit(log_odds)
        some = PLAN.unmarked + (1.0 - PLAN.unmarked) * support
        if concerned:
            raised = expit(log_odds + NEED.concern)
            some = some / (PLAN.unmarked + (1.0 - PLAN.unmarked) * raised)
        return np.asarray(np.where(self.marked, 1.0 - PLAN.neither, some), dtype=np.float64)

    def group(self, name: str, value: str) -> Flags:
        """Return who is of a group: a value of a characteristic as records hold it."""
        if name in CODES:
            return np.asarray(self.columns[name] == CODES[name].index(value))
        fifth = np.searchsorted(self.bounds(), self.columns["area"], side="left")
        return np.asarray(fifth == int(value) - 1)

    def bounds(self) -> Floats:
        """Return the four bounds of fifths of deprivation of these children's areas."""
        at = np.arange(1, FIFTHS) / FIFTHS
        return np.asarray(np.quantile(self.columns["area"], at), dtype=np.float64)

    def observed(self, name: str, values: tuple[str, str], *, concerned: bool = False) -> float:
        """Return the gap of two groups in their own children's chances."""
        every = self.chance(self.log_odds, concerned=concerned)
        among = self.concerned if concerned else np.ones(len(every), dtype=bool)
        first, second = (float(every[among & self.group(name, each)].mean()) for each in values)
        return first - second

    def gap(self, name: str, values: tuple[str, str], *, concerned: bool = False) -> float:
        """Return the planted gap of two groups, over all of the children or those with a concern.

        name: a characteristic; values: (of, against which), as records hold them.
        """
        among = self.concerned if concerned else np.ones(len(self.log_odds), dtype=bool)
        first, second = (
            float(self.were(name, value, concerned=concerned)[among].mean()) for value in values
        )
        return first - second

    def were(self, name: str, value: str, *, concerned: bool) -> Floats:
        """Return each child's chance of provision, were it of a group."""
        rest = self.log_odds - self.part(name, self.columns[column_of(name)])
        if name in CODES:
            moved = self.part(name, np.array(CODES[name].index(value)))
            return self.chance(rest + moved, concerned=concerned)
        inside = self.columns["area"][self.group(name, value)]
        parts = [self.part(name, np.array(at)) for at in np.quantile(inside, PLACES_IN_FIFTH)]
        chances = [self.chance(rest + part, concerned=concerned) for part in parts]
        return np.asarray(np.mean(chances, axis=0), dtype=np.float64)

    def part(self, name: str, held: Floats | Ints) -> Floats:
        """Return what a characteristic adds to the log-odds of support."""
        if name == "sex":
            return np.asarray(NEED.sex * (1 - 2 * held) * self.plain, dtype=np.float64)
        index = SLOPES[name] * held if name in SLOPES else np.array(INDEX.ethnicity)[held]
        return np.asarray(self.social * index / INDEX.social_scale, dtype=np.float64)


def column_of(name: str) -> str:
    """Return the column that a characteristic is of."""
    return name if name in CODES else "area"


def columns(world: World) -> remaking.Columns:
    """Return what decides who of one block is provided for."""
    families = world.families
    return {
        "child_id": families.child,
        "sex": families.sex,
        "fsm": families.fsm,
        "ethnicity": families.ethnicity,
        "first_language": families.language,
        "area": np.log(families.idaci / (1.0 - families.idaci)),
        "log_odds": world.needs.log_odds,
        "marked": world.health.marked.astype(np.int64),
        "plain": (world.health.stratum != CLEFT).astype(np.int64),
        "concerned": unaided(world).concerned.astype(np.int64),
    }


def planted(folder: Path, children: Iterable[int]) -> Planted:
    """Return what decides who of these children of an England is provided for.

    Raises Malformed where the folder does not say how it was made, KeyError for a child who is not
    of it.
    """
    found = remaking.chosen(remaking.made(folder, columns), children)
    social = scenario(remaking.options_of(folder).scenario).social * NEED.social
    flags = {name: found.pop(name) == 1 for name in ("marked", "plain", "concerned")}
    log_odds = np.asarray(found.pop("log_odds"), dtype=np.float64)
    return Planted(found, log_odds, social=social, **flags)
