"""School careers: who is on a state school's roll in which year, where, and who leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.england import _days
from fingerpost.england._draws import Flags, Ints, source
from fingerpost.england.families import Families
from fingerpost.england.health import FAR, Health
from fingerpost.england.model import LEAVES, MOVES, OPT_OUT, PRIVATE, REPEATS
from fingerpost.england.places import PRIMARIES, SPECIALS, Places

# Chance that a marked child moves to a special school, by year from Reception; for children with
# Down syndrome, and for others.
TO_SPECIAL_DOWN = (0.0, 0.0, 0.15, 0.036, 0.036, 0.036, 0.036)
TO_SPECIAL = (0.0, 0.0, 0.02, 0.02, 0.02, 0.02, 0.02)


@dataclass(frozen=True, slots=True)
class Careers:
    """Schooling of one block; n children, 7 years from Reception to Year 6.

    school: (n, 7) position of the school. rolled: (n, 7) on a state school's roll that year. left:
    (n,) day on which the child left state schools for good, `FAR` where never. opted_out: (n,) day,
    `FAR` where never. census: (n, 21) census days. open: (n, 21) on the roll at each census.
    behind: (n, 7) a year below the year of their age, after repeating one.
    """

    school: Ints
    rolled: Flags
    left: Ints
    opted_out: Ints
    census: Ints
    open: Flags
    behind: Flags


def make(
    families: Families, health: Health, places: Places, *, seed: int, block: int, last_day: int
) -> Careers:
    """Return the careers of one block. last_day: no census after it.

    Leaving, moving and opting out depend on nothing that matters to outcomes.
    """
    rng = source(seed, block, "careers")
    n = families.size
    never = rng.random(n) < PRIVATE
    leaves = rng.random((n, _days.YEARS)) < LEAVES
    leaves[:, :2] = False
    away = np.maximum.accumulate(leaves, axis=1) | never[:, None]
    school = schools(rng, families, health, places)
    census = _days.days(
        "census", families.reception, np.broadcast_to(_days.ALL_TERMS, (n, _days.COUNT))
    )
    open_ = np.repeat(~away, 3, axis=1) & (census < health.died[:, None]) & (census <= last_day)
    year = np.where(leaves.any(axis=1), leaves.argmax(axis=1), 0)
    gone = _days.days("first", families.reception, 3 * year)
    gone = np.where(leaves.any(axis=1) & ~never & (gone < health.died), gone, FAR)
    repeats = np.where(rng.random(n) < REPEATS, rng.integers(3, _days.YEARS, n), _days.YEARS)
    out = families.birth + rng.integers(5 * 365, 12 * 365, n)
    return Careers(
        school=school,
        rolled=~away,
        left=gone,
        opted_out=np.where(rng.random(n) < OPT_OUT, out, FAR),
        census=census,
        open=open_,
        behind=np.arange(_days.YEARS) >= repeats[:, None],
    )


def schools(rng: np.random.Generator, families: Families, health: Health, places: Places) -> Ints:
    """Return the school of each child in each year, by position: (n, 7).

    The school of Reception and Year 1 is the one whose habit decided on provision.
    """
    n = families.size
    other = np.searchsorted(places.primary_edges, rng.random((n, _days.YEARS)), side="right")
    moves = rng.random((n, _days.YEARS)) < MOVES
    moves[:, :2] = False
    last = np.where(moves, np.arange(_days.YEARS), 0)
    last = np.maximum.accumulate(last, axis=1)
    place = np.where(last > 0, np.take_along_axis(other, last, axis=1), families.school[:, None])
    down = health.condition("down_syndrome")[:, None]
    chance = np.where(down, np.array(TO_SPECIAL_DOWN), np.array(TO_SPECIAL))
    turns = rng.random((n, _days.YEARS)) < chance * health.marked[:, None]
    special = health.special[:, None] | np.maximum.accumulate(turns, axis=1)
    near = nearest_special(places)[families.la]
    return np.where(special, near[:, None], place)


def nearest_special(places: Places) -> Ints:
    """Return one special school of each authority, by position."""
    la = places.school_la[PRIMARIES : PRIMARIES + SPECIALS]
    return PRIMARIES + np.searchsorted(la, np.arange(len(places.la_region)))
