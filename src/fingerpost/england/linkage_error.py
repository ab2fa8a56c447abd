"""How collections come to write one child differently: misspellings, moves, dates swapped.

The rates are per pair of an education and a hospital record, over all children. They were set so
that the passes of ECHILD's second linkage find what its user guide (2026) prints of pupil records:
88.2% by full forename, surname, date of birth, sex and postcode, 5.7% by the first four letters of
the forename and the rest, 5.3% by tracing, 99.1% in all. That children of minority ethnic groups
and of deprived places link less, moderately so, is of Libuy and others (2021, PMC8445153); by how
much errors differ from group to group is printed nowhere: `GROUPS` and `SLOPE` are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.england._draws import Flags, Floats, Ints
from fingerpost.england._names import SHORT, Words
from fingerpost.england.families import ETHNIC_SHARES, ETHNICITY

# How much more often a record of a group is written differently, and how that rises with a standard
# deviation of deprivation; both are scaled so that the rates stay the average of all children.
GROUPS = {
    "WHIT": 0.85,
    "MIXD": 1.20,
    "ASIA": 1.50,
    "BLAC": 1.70,
    "CHIN": 1.70,
    "AOEG": 1.80,
    "UNCL": 1.80,
}
SLOPE = 0.20
# A child written carelessly once is so again: gamma multipliers of mean 1 and this variance.
FRAILTY = 1.0
NHS_MISSING = 0.012
HIGHEST = 0.5  # chance of any one error, at most
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Rates:
    """Chances that the two records of a child differ, by what differs.

    middle: a middle name written after the forename. short: a shorter form of it. spelt: a letter
    of it wrong. surname_spelt, surname_other: of the surname, a letter or all. swapped: day and
    month of birth, slipped: another day, january: 1 January. sex: the other one, sexless: none.
    address: no address of the child in common.
    """

    middle: float = 0.055
    short: float = 0.014
    spelt: float = 0.020
    surname_spelt: float = 0.008
    surname_other: float = 0.011
    swapped: float = 0.0015
    slipped: float = 0.0025
    january: float = 0.0005
    sex: float = 0.0015
    sexless: float = 0.0005
    address: float = 0.006


RATES = Rates()


@dataclass(frozen=True, slots=True)
class Written:
    """n children as a collection writes them. sex: 0 male, 1 female, −1 not known. birth: days."""

    forename: Words
    surname: Words
    sex: Ints
    birth: Ints


def carelessness(rng: np.random.Generator, ethnicity: Ints, deprivation: Floats) -> Floats:
    """Return (n,) how many times as often as usual each child is written differently."""
    groups = np.array([GROUPS[name] for name in ETHNICITY])
    usual = float((np.array(ETHNIC_SHARES) * groups).sum()) * np.exp(SLOPE**2 / 2)
    frailty = rng.gamma(1.0 / FRAILTY, FRAILTY, len(ethnicity))
    found: Floats = groups[ethnicity] * np.exp(SLOPE * deprivation) / usual * frailty
    return found


def written(
    rng: np.random.Generator, true: Written, others: Words, *, times: Floats, rates: Rates = RATES
) -> tuple[Written, Written]:
    """Return the same children as two collections write them: each error is in either.

    others: (n,) forenames that may follow as a middle name. times: (n,) from `carelessness`.
    """
    n = len(times)
    sides = [
        Written(true.forename.copy(), true.surname.copy(), true.sex.copy(), true.birth.copy())
        for _ in range(2)
    ]

    def hit(rate: float) -> tuple[Flags, Flags]:
        wrong = rng.random(n) < np.minimum(rate * times, HIGHEST)
        first = rng.random(n) < 0.5
        return wrong & first, wrong & ~first

    # In a fixed order of draws, so that one rate changed leaves the other errors where they are.
    hits = {name: hit(getattr(rates, name)) for name in Rates.__slots__ if name != "address"}
    where, letter = rng.random((2, n)), rng.integers(0, len(LETTERS), (2, n))
    maiden = true.surname[rng.permutation(n)]
    for at, side in enumerate(sides):
        here = {name: np.flatnonzero(both[at]) for name, both in hits.items()}
        for i in here["short"]:
            side.forename[i] = SHORT.get(side.forename[i], side.forename[i][:-1])
        misspell(side.forename, here["spelt"], where[0], letter[0])
        for i in here["middle"]:
            side.forename[i] = f"{side.forename[i]} {others[i]}"
        side.surname[here["surname_other"]] = maiden[here["surname_other"]]
        misspell(side.surname, here["surname_spelt"], where[1], letter[1])
        dates(side.birth, here)
        side.sex[here["sex"]] = 1 - side.sex[here["sex"]]
        side.sex[here["sexless"]] = -1
    return sides[0], sides[1]


def misspell(words: Words, at: Ints, where: Floats, letter: Ints) -> None:
    """Put a wrong letter, leave one out or change two about, in place, in the words at `at`."""
    for i in at:
        word = str(words[i])
        place = min(int(where[i] * len(word)), len(word) - 1)
        new = LETTERS[letter[i]]
        kind = letter[i] % 3
        if kind == 0 and place + 1 < len(word):
            made = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        elif kind == 1 and len(word) > 2:
            made = word[:place] + word[place + 1 :]
        else:
            made = word[:place] + new + word[place + 1 :]
        words[i] = made.capitalize()


def dates(birth: Ints, at: dict[str, Ints]) -> None:
    """Write dates of birth wrongly, in place: day and month swapped, another day, 1 January."""
    days = birth.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    years = days.astype("datetime64[Y]")
    month = (months - years.astype("datetime64[M]")).astype(np.int64) + 1
    i = at["swapped"]
    can = i[(day[i] <= 12) & (day[i] != month[i])]
    swapped = (years[can].astype("datetime64[M]") + (day[can] - 1)).astype("datetime64[D]")
    birth[can] = (swapped + (month[can] - 1)).astype(np.int64)
    # A day that no month of twelve can be swapped into is written as another.
    i = np.concatenate([np.setdiff1d(at["swapped"], can), at["slipped"]]).astype(np.int64)
    birth[i] += np.where(day[i] > 1, -1, 1)
    i = at["january"]
    birth[i] = years[i].astype("datetime64[D]").astype(np.int64)
