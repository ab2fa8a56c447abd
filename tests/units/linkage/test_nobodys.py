"""Birth dates and postcodes that are nobody's: let go and counted, and no honest one with them."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from fingerpost.linkage import fellegi_sunter
from fingerpost.linkage.evaluate import pairs_of, read_pairs
from fingerpost.linkage.nobodys import MOST, TIMES, too_many
from fingerpost.linkage.options import Options
from fingerpost.linkage.people import read_people
from fingerpost.linkage.run import run
from units.linkage.small import ROOT, identifiers

assert ROOT  # `benchmarks` is found from here
from benchmarks.linkage_worlds import write_world  # noqa: E402

FIRST = date(2004, 1, 2)


def noticed(people, side: str = "hospital") -> dict[tuple[str, str], int]:
    """What was noticed of one side: column and rule, and in how many rows."""
    file = f"{side}.parquet"
    return {(one.column, one.rule): one.count for one in people.notices if one.file == file}


def born(days: int) -> list[dict]:
    """As many people a day as 1, each day another, none of them a 1 January."""
    every = (FIRST + timedelta(days=at) for at in range(2 * days))
    return [{"birth_date": day} for day in every if (day.month, day.day) != (1, 1)][:days]


# The pseudo postcodes are those that ONS prints: no fixed abode; not known.
def test_days_and_places_that_stand_for_none_are_let_go_however_few_bear_them(tmp_path):
    rows = [
        {"birth_date": date(1900, 1, 1)},
        {"birth_date": date(1901, 1, 1), "postcode": "zz99 3vz"},
        {"postcode": "ZZ993CZ"},
        {"birth_date": date(1900, 1, 2), "postcode": "ZZ9 9ZZ"},  # of a district of its own
    ]
    people = read_people(identifiers(tmp_path, rows, [{}]))
    assert noticed(people) == {("birth_date", "default"): 2, ("postcode", "pseudo"): 2}
    assert noticed(people, "education") == {}
    assert people.rows("SELECT birth_date IS NULL, len(postcodes) FROM l ORDER BY n") == [
        (True, 1),
        (True, None),
        (False, None),
        (False, 1),
    ]


def test_a_person_keeps_what_other_rows_say(tmp_path):
    rows = [
        {"person": "x", "postcode": "ZZ99 3VZ", "birth_date": date(1900, 1, 1)},
        {"person": "x", "from_date": date(2003, 1, 1)},
    ]
    people = read_people(identifiers(tmp_path, rows, [{}]))
    assert people.rows(
        "SELECT l.birth_date = r.birth_date, list_has_any(l.postcodes, r.postcodes) FROM l, r"
    ) == [(True, True)]


@pytest.mark.parametrize("day", [date(2000, 1, 1), date(2011, 7, 5)])
def test_a_heap_on_one_day_is_let_go_and_counted(day, tmp_path):
    heap = [{"birth_date": day}] * (MOST + 1)
    years = [{"birth_date": date(year, 1, 1)} for year in range(2003, 2012)]
    people = read_people(identifiers(tmp_path, [*born(300), *years, *heap], born(300)))
    assert noticed(people) == {("birth_date", "many people"): MOST + 1}
    assert people.rows("SELECT count(*), count(DISTINCT birth_date) FROM l") == [(410, 309)]


def test_a_heap_that_most_of_a_file_bear_does_not_hide_itself(tmp_path):
    people = read_people(
        identifiers(tmp_path, [*born(60), *[{"birth_date": date(2011, 7, 5)}] * 240], [{}])
    )
    assert noticed(people) == {("birth_date", "many people"): 240}


def test_new_years_days_of_a_group_whose_birthdays_are_not_known_are_kept(tmp_path):
    """One in three has 1 January of a year that is known: 120 times as many as another day."""
    heaps = [{"birth_date": date(year, 1, 1)} for year in range(2003, 2011)] * (MOST + 20)
    people = read_people(identifiers(tmp_path, [*born(1_900), *heaps], [{}]))
    assert noticed(people) == {}


def test_a_file_of_twenty_people_or_of_one_week_loses_nobody(tmp_path):
    twins = [{}] * 20  # all of one day and postcode
    week = [{"birth_date": date(1958, 3, 3 + at % 7), "postcode": None} for at in range(2_100)]
    slips = [one | {"postcode": None} for one in born(200)]
    people = read_people(identifiers(tmp_path, twins, [*week, *slips]))
    assert people.notices == ()


def test_a_postcode_that_no_place_houses_is_let_go(tmp_path):
    own = [{**row, "postcode": f"QA1 {at % 10}A{'ABDE'[at // 10]}"} for at, row in
           enumerate(born(40))]  # fmt: skip
    crowd = [{**row, "postcode": "QB1 1AA"} for row in born(MOST + 1)]
    people = read_people(identifiers(tmp_path, [*own, *crowd], [*own, *crowd[:MOST]]))
    assert noticed(people) == {("postcode", "many people"): MOST + 1}
    assert noticed(people, "education") == {}


def test_people_are_counted_and_not_their_rows(tmp_path):
    rows = [{"person": "x", "postcode": "QB1 1AA"}] * (TIMES * MOST)
    people = read_people(identifiers(tmp_path, [*rows, {"postcode": "QA2 2AA"}], [{}]))
    assert noticed(people) == {}


@pytest.mark.parametrize(
    ("people", "days"),
    # 20, an England as ours, and the 14.7 million of ECHILD over 22 years.
    [(20, 4_018), (20_000, 4_018), (14_700_000, 8_036)],
)
def test_honest_days_are_kept_whatever_the_size_of_a_file(people, days):
    rng = np.random.default_rng(people)
    # Fewer at weekends and in winter; and slips, each on a day that hardly anybody else has.
    weekly = np.tile([1.1, 1.1, 1.1, 1.1, 1.1, 0.8, 0.7], days // 7 + 1)[:days]
    counts = rng.poisson(people / days * weekly)
    slips = rng.poisson(people / days * 1e-3, size=20_000)
    whole = np.concatenate([counts[counts > 0], slips[slips > 0]])
    assert too_many(whole) is None
    heap = max(MOST + 1, int(2 * TIMES * people / days))
    assert too_many(np.append(whole, heap)) == heap


def test_links_are_right_where_some_bear_what_is_nobodys(tmp_path, monkeypatch):
    monkeypatch.setattr(fellegi_sunter, "SAMPLE", 60_000)
    write_world(tmp_path, 2_000, seed=1)
    hit: set[str] = set()
    for side in ("hospital", "education"):
        file = tmp_path / "identifiers" / f"{side}.parquet"
        table = pl.read_parquet(file)
        some = table["person"].unique().sort().sample(120, seed=3)
        hit |= set(some)
        here = pl.col("person").is_in(some.implode())
        day = pl.when(here).then(pl.lit(date(2001, 1, 1))).otherwise(pl.col("birth_date"))
        place = pl.when(here).then(pl.lit("ZZ99 3VZ")).otherwise("postcode")
        table.with_columns(birth_date=day.cast(pl.Date), postcode=place).write_parquet(file)
    made = run(tmp_path, Options())
    told = [one for one in made.spines.told["identifier_notices"] if one["column"] != "nhs_number"]
    rules = [(one["column"], one["rule"]) for one in told]
    assert rules == [("postcode", "pseudo"), ("birth_date", "many people")] * 2
    truth = pairs_of(pl.read_parquet(tmp_path / "truth" / "identity.parquet").to_arrow())
    links = read_pairs(made.spines.files[0])
    assert len(links - truth) <= 0.002 * len(links)
    untouched = {pair for pair in truth if not hit & set(pair)}
    assert len(links & untouched) > 0.99 * len(untouched)
