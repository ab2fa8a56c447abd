"""Deterministic passes, as the linked records of England were linked: strict first, then looser.

A pass joins people whose values agree as it asks, among those that no earlier pass linked, and
links a pair where neither is in another pair of the pass; who meets several stays unlinked there.
"The postcode" is any that both had at some time. Steps as published in the linkage documents of
ECHILD: version 1, eight steps from education to the demographic register and seven from there to
hospital records; version 2, two exact stages and a trace. How the national trace weighs its
evidence is not public: ours takes NHS number and birth date, then name, then likeness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.core.errors import UsageError, listed
from fingerpost.linkage.people import People, soundex
from fingerpost.linkage.scoring import Ints

TWO_PARTS = (
    "CAST(l.birth_day = r.birth_day AS INTEGER) + CAST(l.birth_month = r.birth_month AS INTEGER) "
    "+ CAST(l.birth_year = r.birth_year AS INTEGER) >= 2"
)
NOT_NEW_YEAR = "NOT (l.birth_day = 1 AND l.birth_month = 1)"
LIKE_NAMES = (
    "jaro_winkler_similarity(l.forename, r.forename) + "
    "jaro_winkler_similarity(l.surname, r.surname) >= 1.7"
)
SHORT = ("forename[:1]", "surname[:3]")
SOUND = (soundex("forename"), soundex("surname"))
NAMES = ("forename", "surname")


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass.

    step: what it is called. on: columns (or SQL of them) that are equal. postcode: whether a
    postcode is shared. more: a condition on `l` and `r`, left and right.
    """

    step: str
    on: tuple[str, ...]
    postcode: bool = False
    more: str = "TRUE"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns without which it can link nobody."""
        known = ("forename", "surname", "sex", "birth_date", "nhs_number")
        asked = " ".join(self.on)
        found = tuple(name for name in known if name in asked)
        return (*found, "postcodes") if self.postcode else found


DATE, WITHOUT_SEX = (*NAMES, "birth_date", "sex"), (*NAMES, "birth_date")
# Education to the demographic register, version 1.
REGISTER = (
    Pass("1", DATE, True),
    Pass("2", (*SOUND, "birth_date", "sex"), True),
    Pass("3", (*SHORT, "birth_date", "sex"), True),
    Pass("4", (*SHORT, "birth_date"), True),
    Pass("5", ("birth_date", "sex"), True),
    Pass("6", ("sex",), True, TWO_PARTS),
    Pass("7", DATE),
    Pass("8", (*SHORT, "birth_date", "sex")),
)
# Not contradicting: the same, or known on one side alone.
NUMBERED = "(l.nhs_number = r.nhs_number OR (l.nhs_number IS NULL) <> (r.nhs_number IS NULL))"
NO_NUMBER = "l.nhs_number IS NULL AND r.nhs_number IS NULL"
# The demographic register to hospital records, version 1.
HOSPITAL = (
    Pass("1", ("nhs_number", "birth_date", "sex"), True),
    Pass("2", ("nhs_number", "birth_date", "sex")),
    Pass("3", ("nhs_number", "sex"), True, TWO_PARTS),
    Pass("4", ("nhs_number", "sex"), False, TWO_PARTS),
    Pass("5", ("nhs_number",), True),
    Pass("6", ("birth_date", "sex"), True, f"{NUMBERED} AND {NOT_NEW_YEAR}"),
    Pass("7", ("birth_date", "sex"), True, f"{NO_NUMBER} AND {NOT_NEW_YEAR}"),
)
# Version 2: two exact stages, then the trace (three steps that share one name in counts).
TRACED = (
    Pass("1A", DATE, True),
    Pass("1B", ("forename[:4]", "surname", "birth_date", "sex"), True),
    Pass("2", ("nhs_number", "birth_date")),
    Pass("2", DATE),
    Pass("2", (*SHORT, "birth_date"), False, LIKE_NAMES),
    Pass("2", ("sex",), True, f"{LIKE_NAMES} AND {TWO_PARTS}"),
    Pass("2", ("birth_date",), True, LIKE_NAMES),
)
CASCADES = {"v1": REGISTER, "v2": TRACED, "hospital": HOSPITAL}


@dataclass(frozen=True, slots=True)
class Fixed:
    """Pairs that passes linked, one to one, sorted by person. steps: which pass, by name."""

    left: Ints
    right: Ints
    steps: tuple[str, ...]
    counts: tuple[int, int]


def link(people: People, cascade: str = "v2") -> Fixed:
    """Return the pairs that a cascade of passes links: `v1`, `v2` or `hospital`.

    `hospital` are version 1's seven steps between two tables with NHS numbers. Passes on what
    nobody has on both sides are left out. Raises UsageError for another cascade.
    """
    if cascade not in CASCADES:
        raise UsageError(f'link: there is no cascade "{cascade}". There are {listed(CASCADES)}.')
    session = people.session
    session.execute("CREATE OR REPLACE TABLE linked (l INTEGER, r INTEGER, step VARCHAR)")
    for one in CASCADES[cascade]:
        if set(one.columns) <= people.known:
            session.execute(f"INSERT INTO linked {pass_sql(one)}")
    found = people.arrays("SELECT l, r, step FROM linked ORDER BY l, r")
    return Fixed(
        found["l"].astype(np.int64),
        found["r"].astype(np.int64),
        tuple(str(step) for step in found["step"]),
        people.count,
    )


def pass_sql(one: Pass) -> str:
    """Return SQL for the pairs that a pass links, with its step."""
    sides = []
    for side in "lr":
        keys = ", ".join(f"{key} AS k{at}" for at, key in enumerate(one.on))
        place = ", unnest(postcodes) AS place" if one.postcode else ""
        rest = f"n NOT IN (SELECT {side} FROM linked)"
        sides.append(f"(SELECT *, {keys}{place} FROM {side} WHERE {rest}) AS {side}")
    on = [f"l.k{at} = r.k{at}" for at in range(len(one.on))]
    on += ["l.place = r.place"] if one.postcode else []
    pairs = (
        f"SELECT DISTINCT l.n AS l, r.n AS r FROM {sides[0]} JOIN {sides[1]} "
        f"ON {' AND '.join(on)} WHERE {one.more}"
    )
    return (
        f"SELECT l, r, '{one.step}' FROM (SELECT l, r, count(*) OVER (PARTITION BY l) AS of_l, "
        f"count(*) OVER (PARTITION BY r) AS of_r FROM ({pairs})) WHERE of_l = 1 AND of_r = 1"
    )
