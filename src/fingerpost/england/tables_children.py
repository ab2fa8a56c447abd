"""Tables of children: who they are, birth, death, opting out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fingerpost.england import _days
from fingerpost.england._arrow import codes, dates, whole
from fingerpost.england.careers import Careers
from fingerpost.england.conditions import CONDITIONS
from fingerpost.england.families import ETHNICITY
from fingerpost.england.health import FAR
from fingerpost.england.world import World

SEX = ("M", "F")
LANGUAGE = ("ENG", "OTH")
# Share of children whose record is linked to the mother's.
LINKED_MOTHER = 0.97
OTHER_CAUSES = ("R95", "V892", "C719", "J189", "A419")


def child(world: World) -> pa.Table:
    """Return the table of children."""
    families = world.families
    unlinked = families.child % 100 >= 100 * LINKED_MOTHER
    return pa.table(
        {
            "child_id": whole(families.child),
            "birth_month": dates(_days.month_start(families.birth)),
            "sex": codes(families.sex, SEX),
            "ethnicity": codes(families.ethnicity, ETHNICITY),
            "first_language": codes(families.language, LANGUAGE),
            "mother_id": whole(families.mother, missing=unlinked),
            "added_for": pa.array([world.boost] * world.size, pa.string()),
            "valid_from": dates(families.birth),
            "known_from": dates(families.birth),
        }
    )


def birth(world: World) -> pa.Table:
    """Return the table of births."""
    families, health = world.families, world.health
    return pa.table(
        {
            "child_id": whole(families.child),
            "birth_date": dates(families.birth),
            "gestation_weeks": whole(health.gestation),
            "birth_weight_g": whole(health.weight),
            "mother_age": whole(families.mother_age),
            "multiple": whole(families.multiple),
            "live": whole(np.ones(world.size)),
            "valid_from": dates(families.birth),
            "known_from": dates(families.birth),
        }
    )


def death(world: World, *, last_day: int) -> pa.Table:
    """Return the table of deaths up to the last day of records."""
    families, health = world.families, world.health
    at = np.flatnonzero(health.died <= last_day)
    born = np.array([each.born for each in CONDITIONS])
    found = health.has[at] & (born | (health.recorded[at] < health.died[at][:, None]))
    first = found.argmax(axis=1)
    words = [code for each in CONDITIONS for code in each.codes]
    offset = np.cumsum([0, *(len(each.codes) for each in CONDITIONS)])
    known = found.any(axis=1)
    cause = np.where(
        known,
        offset[first] + health.code[at, first],
        len(words) + families.child[at] % len(OTHER_CAUSES),
    )
    return pa.table(
        {
            "child_id": whole(families.child[at]),
            "death_date": dates(health.died[at]),
            "cause_01": codes(cause, (*words, *OTHER_CAUSES)),
            "valid_from": dates(health.died[at]),
            "known_from": dates(health.died[at] + 5),
        }
    )


def opt_out(world: World, careers: Careers, *, last_day: int) -> pa.Table:
    """Return the table of children opted out."""
    at = np.flatnonzero((careers.opted_out <= last_day) & (careers.opted_out < FAR))
    day = dates(careers.opted_out[at])
    return pa.table(
        {
            "child_id": whole(world.families.child[at]),
            "opted_out_date": day,
            "valid_from": day,
            "known_from": day,
        }
    )
