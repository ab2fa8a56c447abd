"""Identifiers: two collections' view of the same children, in error as often as ECHILD found."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from fingerpost.core.calendar import day_number
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.england import addresses, careers, identifiers, places
from fingerpost.england._names import read_list
from fingerpost.england.build import LAST_DAY, Block, Options, build, make_world, recipe
from fingerpost.england.linkage_error import dates
from fingerpost.linkage import passes
from fingerpost.linkage.people import read_people
from fingerpost.records.check import check
from fingerpost.records.declarations import TABLES
from fingerpost.records.describe import described
from fingerpost.records.store import open_store
from fingerpost.records.writing import read_manifest

LAST = day_number(LAST_DAY)
PLAIN = Options(children=250, seed=5, boosts={})
WITH = Options(children=250, seed=5, boosts={}, linkage_error=True)


def digests(folder: Path) -> dict[str, str]:
    manifest = read_manifest(folder)
    assert manifest is not None
    return {
        f"{table}/{name}": file["sha256"]
        for table, held in manifest.tables.items()
        for name, file in held["files"].items()
    }


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[Path, Path]:
    """The same England twice: without linkage error and with it."""
    whole = tmp_path_factory.mktemp("identifiers")
    build(whole / "plain", PLAIN)
    build(whole / "with", WITH)
    return whole / "plain", whole / "with"


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """Identifiers of one block of 15,000 children, without their records."""
    folder = tmp_path_factory.mktemp("many")
    made = make_world(
        Options(children=15_000, seed=8, boosts={}), Block(0, 1, 15_000), where=places.make(8)
    )
    schooling = careers.make(
        made.families, made.health, made.places, seed=8, block=0, last_day=LAST
    )
    identifiers.write_block(folder, made, schooling, last_day=LAST, names=None)
    identifiers.finish(folder, 1)
    frame = pl.DataFrame(
        {
            "child_id": made.families.child.astype(str),
            "ethnicity": made.families.ethnicity,
            "deprivation": made.families.deprivation,
        }
    )
    frame.write_parquet(folder / "groups.parquet")
    return folder


@pytest.fixture(scope="module")
def linked(many) -> pl.DataFrame:
    """True pairs of both tables, with the pass of ECHILD's second linkage that found each."""
    people = read_people(many)
    found = passes.link(people, "v2")
    names = [pl.Series(people.names(side).to_pylist()) for side in (0, 1)]
    spine = pl.DataFrame(
        {
            "hospital_id": names[0].gather(found.left),
            "child_id": names[1].gather(found.right),
            "step": found.steps,
        }
    )
    truth = pl.read_parquet(many / "truth" / "identity.parquet")
    return truth.join(spine, on=["hospital_id", "child_id"], how="left").join(
        pl.read_parquet(many / "groups.parquet"), on="child_id"
    )


# Without the option, what decides the records is what it was: a folder built before is found whole.
def test_without_linkage_error_the_recipe_is_what_it_was():
    assert recipe(PLAIN) == {
        "england": 2,
        "children": 250,
        "seed": 5,
        "era": "2003-2013",
        "scenario": "hidden_severity",
        "boosts": {},
    }


def test_education_and_provision_are_the_same_to_the_byte(pair):
    plain, other = digests(pair[0]), digests(pair[1])
    assert plain.keys() == other.keys()
    differing = {name.split("/")[0] for name in plain if plain[name] != other[name]}
    assert differing == set(identifiers.TABLES)
    assert not (pair[0] / "identifiers").exists()
    assert not (pair[0] / "truth").exists()


def test_hospital_rows_are_the_same_children_by_another_name(pair):
    children = pl.read_parquet(pair[0] / "child" / "*.parquet")["child_id"]
    own = identifiers.hospital_id(children.to_numpy(), seed=WITH.seed)
    names = pl.DataFrame({"hospital_id": own, "child_id": children})
    for table in identifiers.TABLES:
        plain = pl.read_parquet(pair[0] / table / "*.parquet")
        other = pl.read_parquet(pair[1] / table / "*.parquet")
        assert "child_id" not in other.columns
        mapped = other.join(names, on="hospital_id", how="left").select(plain.columns)
        assert mapped.sort(plain.columns).equals(plain.sort(plain.columns)), table
        assert other["hospital_id"].is_sorted() or other.height == 0


def test_the_records_are_without_fault_and_ask_for_a_spine(pair):
    store = open_store(pair[1], "polars")
    assert store.unknown == ()
    assert set(store.tables) == set(TABLES)
    assert check(store).ok
    plain = described(open_store(pair[0], "polars"))
    assert described(store) == plain
    assert store.needs_spine
    assert not open_store(pair[0], "polars").needs_spine
    with pytest.raises(Malformed, match="fingerpost link run"):
        store.frame("hes_apc")


def test_identifiers_tell_neither_the_truth_nor_who_opted_out(pair):
    folder = pair[1]
    school = pl.read_parquet(folder / "identifiers" / "education.parquet")
    hospital = pl.read_parquet(folder / "identifiers" / "hospital.parquet")
    truth = pl.read_parquet(folder / "truth" / "identity.parquet")
    assert school["nhs_number"].null_count() == school.height
    assert not set(school["person"]) & set(hospital["person"])
    census = pl.read_parquet(folder / "school_census" / "*.parquet")["child_id"].cast(pl.String)
    assert set(school["person"]) == set(census)
    children = pl.read_parquet(folder / "child" / "*.parquet")["child_id"].to_numpy()
    names = dict(zip(children, identifiers.hospital_id(children, seed=5).astype(str), strict=True))
    out = pl.read_parquet(folder / "opt_out" / "*.parquet")["child_id"]
    assert {names[one] for one in children} - set(hospital["person"]) == {names[c] for c in out}
    assert set(truth["hospital_id"]) <= set(hospital["person"])
    assert set(truth["child_id"]) <= set(school["person"])
    ranks = np.corrcoef(truth["child_id"].cast(int).to_numpy(), np.arange(truth.height))[0, 1]
    assert abs(ranks) < 0.2


def test_addresses_follow_one_another(pair):
    for side in ("education", "hospital"):
        rows = pl.read_parquet(pair[1] / "identifiers" / f"{side}.parquet")
        rows = rows.with_columns(pl.col("from_date").shift(-1).over("person").alias("next"))
        later = rows.filter(pl.col("next").is_not_null())
        assert later.height > 60
        assert (later["to_date"] < later["next"]).all()
        assert (rows["from_date"] <= LAST_DAY).all()
        assert (rows["to_date"].drop_nulls() <= LAST_DAY).all()
        last = rows.group_by("person").agg(pl.col("to_date").last())
        assert last["to_date"].null_count() == last.height


# The check digit of an NHS number, as the Data Dictionary defines it, worked digit by digit.
def test_nhs_numbers_have_their_check_digit(many):
    numbers = pl.read_parquet(many / "identifiers" / "hospital.parquet")["nhs_number"]
    held = numbers.drop_nulls().unique().to_list()
    for number in held[:2_000]:
        total = sum(int(digit) * (10 - at) for at, digit in enumerate(number[:9]))
        assert (11 - total % 11) % 11 == int(number[9])
        assert len(number) == 10
    assert 0.001 < numbers.null_count() / len(numbers) < 0.03


# ECHILD's second linkage, user guide 2026: 88.2% at 1A, 5.7% at 1B, 5.3% traced, 99.1% in all.
def test_the_passes_of_echild_find_the_shares_it_prints(linked):
    share = {
        step: linked.filter(pl.col("step") == step).height / linked.height
        for step in ("1A", "1B", "2")
    }
    assert share["1A"] == pytest.approx(0.882, abs=0.010)
    assert share["1B"] == pytest.approx(0.057, abs=0.006)
    assert share["2"] == pytest.approx(0.053, abs=0.008)
    assert sum(share.values()) == pytest.approx(0.991, abs=0.008)


# Libuy and others 2021: minority ethnic and deprived pupils link less, moderately so.
def test_minority_and_deprived_children_link_less(linked):
    exact = linked.with_columns((pl.col("step") == "1A").fill_null(False).alias("exact"))
    white = exact.filter(pl.col("ethnicity") == 0)["exact"].mean()
    others = exact.filter(pl.col("ethnicity").is_in([1, 2, 3]))["exact"].mean()
    assert 0.02 < white - others < 0.12
    third = exact["deprivation"].quantile(1 / 3), exact["deprivation"].quantile(2 / 3)
    best = exact.filter(pl.col("deprivation") < third[0])["exact"].mean()
    worst = exact.filter(pl.col("deprivation") > third[1])["exact"].mean()
    assert 0.01 < best - worst < 0.10


def test_the_same_seed_gives_the_same_identifiers(pair, tmp_path):
    build(tmp_path / "again", WITH)
    for path in ("identifiers/education.parquet", "truth/identity.parquet"):
        assert (tmp_path / "again" / path).read_bytes() == (pair[1] / path).read_bytes()
    told = json.loads((pair[1] / "identifiers" / "manifest.json").read_text())
    for name, file in told["files"].items():
        held = pq.read_metadata(pair[1] / "identifiers" / name)
        assert held.num_rows == file["rows"]
    # Stopped while the parts were taken away: nothing is written again.
    (tmp_path / "again" / identifiers.PARTS).mkdir()
    identifiers.finish(tmp_path / "again", 9)
    assert not (tmp_path / "again" / identifiers.PARTS).exists()


def test_day_and_month_are_swapped_where_they_can_be():
    at = {"swapped": np.array([0, 1]), "slipped": np.array([2]), "january": np.array([3])}
    days = (date(2005, 3, 9), date(2005, 3, 19), date(2006, 5, 1), date(2006, 5, 1))
    birth = np.array([day_number(day) for day in days])
    dates(birth, at)
    found = [np.datetime64(int(day), "D").astype(object) for day in birth]
    assert found == [date(2005, 9, 3), date(2005, 3, 18), date(2006, 5, 2), date(2006, 1, 1)]


def test_postcodes_are_nobodys_and_each_its_own():
    numbers = np.arange(0, 1_008_000, 997)
    found = addresses.postcode(numbers)
    assert len(set(found)) == len(numbers)
    assert {one[0] for one in found} <= set("QVX")


def test_a_list_of_names_stands_for_the_usual_ones(tmp_path):
    path = tmp_path / "names.csv"
    both = (("M", "Zed"), ("F", "Una"))
    lines = [f"{year},{sex},{name},10" for year in (2004, 2010) for sex, name in both]
    path.write_text("\n".join(["year,sex,name,n", *lines]) + "\n", encoding="utf-8")
    held = read_list(path)
    assert held.pick(np.array([0.0, 0.99]), 0, 2006).tolist() == ["Zed", "Zed"]
    build(tmp_path / "e", Options(children=120, seed=3, boosts={}, linkage_error=True, names=path))
    rows = pl.read_parquet(tmp_path / "e" / "identifiers" / "education.parquet")
    share = rows.unique("person")["forename"].is_in(["Zed", "Una"]).mean()
    assert share > 0.6
    path.write_text("who,what\n1,2\n", encoding="utf-8")
    with pytest.raises(Malformed, match="year, sex"):
        read_list(path)
    with pytest.raises(UsageError, match="--linkage-error"):
        Options(children=10, seed=1, names=path)


@pytest.mark.real_data
def test_the_list_that_ons_publishes_can_be_read():
    path = Path("/work/shared/data/ons_baby_names/ew_babynames.csv.gz")
    if not path.is_file():
        pytest.skip("no list of ONS names beside the project")
    held = read_list(path)
    found = held.pick(np.linspace(0, 0.999, 20_000), 0, 2005)
    # 7,434 of the boys counted in 2005 were called Jack, more than any other.
    names, counts = np.unique(found.astype(str), return_counts=True)
    assert names[counts.argmax()] == "Jack"
