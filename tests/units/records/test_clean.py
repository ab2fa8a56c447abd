from __future__ import annotations

import random
from collections import Counter
from datetime import date

import narwhals as nw
import polars as pl
import pytest

from fingerpost.records.clean import (
    absence_totals,
    highest_sen,
    in_specialist,
    inception,
    modal,
    one_enrolment,
    sen_level,
)
from units.records.frames import ENGINES, frame, on, rows

pytestmark = pytest.mark.parametrize("engine", ENGINES)
KNOWN = date(2010, 1, 10)


def absent(child: int, year: int, term: str, urn: int, possible: int | None, **kinds: int) -> dict:
    return {
        "child_id": child,
        "academic_year": year,
        "term": term,
        "urn": urn,
        "sessions_possible": possible,
        "known_from": KNOWN,
        **kinds,
    }


def test_absence_adds_terms_and_schools_and_drops_years_that_are_too_long(engine):
    given = [
        absent(1, 2010, "AUT", 5, 140, overall=4, unauthorised=1),
        absent(1, 2010, "SPR", 5, 120, overall=2, unauthorised=0),
        absent(1, 2010, "SPR", 6, 20, overall=3, unauthorised=3),
        absent(1, 2011, "AUT", 5, 210, overall=9, unauthorised=9),
        absent(1, 2011, "SPR", 5, 211, overall=9, unauthorised=9),
        absent(1, 2011, "SUM", 6, 30, overall=1, unauthorised=1),
        absent(2, 2010, "AUT", 5, 420, overall=7, unauthorised=2),
        absent(3, 2010, "AUT", 5, 421, overall=7, unauthorised=2),
    ]
    found = rows(absence_totals(frame(engine, "absence", given)), "child_id", "academic_year")
    names = ("child_id", "academic_year", "sessions_possible", "overall", "unauthorised", "illness")
    assert [tuple(row[name] for name in names) for row in found] == [
        (1, 2010, 280, 9, 4, None),
        (1, 2011, 30, 1, 1, None),
        (2, 2010, 420, 7, 2, None),
    ]


@pytest.mark.parametrize(
    ("code", "school", "level"),
    [
        ("N", "mainstream", "none"),
        (None, "mainstream", "none"),
        ("A", "mainstream", "support"),
        ("P", None, "support"),
        ("K", "mainstream", "support"),
        ("S", "mainstream", "ehcp"),
        ("E", "mainstream", "ehcp"),
        ("e", "mainstream", "ehcp"),
        ("N", "special", "specialist"),
        ("E", "ap", "specialist"),
        ("K", "pru", "specialist"),
    ],
)
def test_levels_of_provision(engine, code, school, level):
    given = frame(engine, "school_census", [{"sen_provision": code, "school_type": school}])
    found = given.select(sen_level(specialist=in_specialist()).alias("level"))
    assert rows(found, "level") == [{"level": level}]


def test_the_highest_level_of_the_year_and_when_it_was_first_known(engine):
    def row(year: int, code: str, known: int, school: str = "mainstream") -> dict:
        return {
            "child_id": 1,
            "academic_year": year,
            "sen_provision": code,
            "school_type": school,
            "known_from": date(2010, 1, known),
        }

    given = [
        row(2010, "K", 1),
        row(2010, "E", 3),
        row(2010, "E", 2),
        row(2010, "N", 1),
        row(2011, "N", 5),
        row(2012, "S", 1),
        row(2012, "N", 9, "special"),
    ]
    found = rows(highest_sen(frame(engine, "school_census", given)), "academic_year")
    assert [(r["sen_level"], r["sen_rank"], r["known_from"].day) for r in found] == [
        ("ehcp", 2, 2),
        ("none", 0, 5),
        ("specialist", 3, 9),
    ]


def test_modal_values_without_ties_are_those_of_a_plain_count(engine):
    draw = random.Random(4)
    given = [
        {"child_id": draw.randint(1, 60), "ethnicity": draw.choice(("A", "B", "B", None))}
        for _ in range(900)
    ]
    found = {
        row["child_id"]: row["ethnicity"]
        for row in rows(modal(frame(engine, "child", given), ["ethnicity"]), "child_id")
    }
    for child, value in found.items():
        counts = Counter(row["ethnicity"] for row in given if row["child_id"] == child)
        del counts[None]
        assert counts[value] == max(counts.values())


def test_a_child_that_never_has_a_value_keeps_none(engine):
    given = [{"child_id": 1, "sex": None, "ethnicity": "WHIT"}, {"child_id": 2, "sex": "F"}]
    found = rows(modal(frame(engine, "child", given), ["sex", "ethnicity"]), "child_id")
    assert found == [
        {"child_id": 1, "sex": None, "ethnicity": "WHIT"},
        {"child_id": 2, "sex": "F", "ethnicity": None},
    ]


def ties(engine: str, *, seed: int, shuffled: bool = False, text: bool = False) -> list[str]:
    """The values chosen for 2,000 children who each have three values once."""
    given = [(f"{n:05}" if text else n, value) for n in range(2000) for value in "abc"]
    if shuffled:
        random.Random(9).shuffle(given)
    table = pl.DataFrame(given, schema=["child_id", "value"], orient="row")
    return [
        row["value"] for row in rows(modal(on(engine, table), ["value"], seed=seed), "child_id")
    ]


def test_ties_are_drawn_evenly_and_by_the_seed_alone(engine):
    first = ties(engine, seed=1)
    assert ties("polars", seed=1, shuffled=True, text=True) == first
    assert ties(engine, seed=1, shuffled=True) == first
    assert ties(engine, seed=2) != first
    # Binomial(2000, 1/3): mean 666.7, standard deviation 21.1; within five of them.
    assert all(560 < count < 773 for count in Counter(first).values())


def test_one_enrolment_a_term_prefers_the_main_one(engine):
    def row(child: int, urn: int, status: str | None) -> dict:
        return {
            "child_id": child,
            "academic_year": 2010,
            "term": "SPR",
            "urn": urn,
            "enrolment": status,
        }

    given = [row(1, 7, "S"), row(1, 8, "M"), row(2, 9, "C"), row(3, 5, "S"), row(3, 4, "S")]
    given += [row(4, 2, None), row(4, 3, "S")]
    found = rows(one_enrolment(frame(engine, "school_census", given)), "child_id")
    assert [(r["child_id"], r["urn"]) for r in found] == [(1, 8), (2, 9), (3, 4), (4, 3)]
    assert set(found[0]) == set(frame(engine, "school_census", given).collect_schema().names())


def test_a_child_who_repeats_a_year_is_counted_in_the_first(engine):
    given = [
        {"child_id": child, "academic_year": year, "nc_year": nc, "term": term, "known_from": KNOWN}
        for child, year, nc in (
            (1, 2010, 1),
            (1, 2011, 2),
            (2, 2010, 1),
            (2, 2011, 1),
            (3, 2012, 2),
        )
        for term in ("AUT", "SPR")
    ]
    found = rows(inception(frame(engine, "school_census", given), 1), "child_id")
    names = ("child_id", "academic_year", "years", "repeats")
    assert [tuple(row[name] for name in names) for row in found] == [
        (1, 2010, 1, 0),
        (2, 2010, 2, 1),
    ]


def test_whole_numbers_are_int64_on_every_engine(engine):
    census = frame(
        engine,
        "school_census",
        [{"child_id": 1, "academic_year": 2010, "nc_year": 1, "known_from": KNOWN}],
    )
    totals = absence_totals(frame(engine, "absence", [absent(1, 2010, "AUT", 5, 140)]))
    for found in (totals, highest_sen(census), inception(census, 1)):
        schema = found.collect("polars").schema
        numbers = {n: t for n, t in schema.items() if t.is_numeric()}
        assert set(numbers.values()) == {nw.Int64}, numbers
