"""What the records of England say of the children in it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from fingerpost.core.leaves import Phenotype, load
from fingerpost.england import _days
from fingerpost.england.build import blocks, make_world
from fingerpost.england.conditions import CONDITIONS, NAMES
from fingerpost.england.health import SCHOOL_AGE
from fingerpost.england.needs import clinical_index
from fingerpost.england.places import make as make_places
from fingerpost.records.store import open_store
from units.england.conftest import SMALL

WORLDS = [make_world(SMALL, block, where=make_places(SMALL.seed)) for block in blocks(SMALL)]
CHILDREN = np.concatenate([of.families.child for of in WORLDS])

# Condition → the phenotype that finds it, where it is one and the same.
LEAVES = {
    "cleft": "cleft_any",
    **{
        name: name
        for name in (
            *("cerebral_palsy", "down_syndrome", "spina_bifida", "congenital_heart_disease"),
            *("epilepsy", "autism", "adhd", "learning_disability"),
        )
    },
}


def read(england, table: str) -> pl.DataFrame:
    return pl.read_parquet(england / table / "*.parquet")


@pytest.mark.parametrize("name", [each.name for each in CONDITIONS if each.name in LEAVES])
def test_a_phenotype_finds_exactly_the_children_who_have_it(england, name):
    leaf = load("phenotypes", LEAVES[name], kind=Phenotype)
    found = pl.DataFrame(leaf.run(open_store(england)).collect().to_native())
    at = NAMES.index(name)
    wanted: set[int] = set()
    for of in WORLDS:
        seen = of.health.has[:, at]
        if not CONDITIONS[at].born:  # a diagnosis after death is never recorded
            seen = seen & (of.health.recorded[:, at] < of.health.died)
        wanted |= set(of.families.child[seen].tolist())
    assert wanted
    assert set(found["child_id"].to_list()) == wanted


def test_every_child_boosted_with_a_cleft_has_no_other_anomaly(england):
    boosted = set(WORLDS[2].families.child.tolist())
    leaf = load("phenotypes", "cleft_isolated", kind=Phenotype)
    found = pl.DataFrame(leaf.run(open_store(england)).collect().to_native())
    assert boosted <= set(found["child_id"].to_list())


def test_early_admissions_are_those_that_the_clinical_index_counts(england):
    births = read(england, "birth").select("child_id", "birth_date")
    spells = (
        read(england, "hes_apc")
        .filter(pl.col("episode_type") != "3")
        .join(births, on="child_id")
        .filter(
            pl.col("admission_date").cast(pl.Int32) - pl.col("birth_date").cast(pl.Int32)
            < int(SCHOOL_AGE * 365.25)
        )
        .unique(["child_id", "admission_date"])
        .group_by("child_id")
        .len()
    )
    counted = dict(spells.iter_rows())
    of = WORLDS[2]
    alive = of.health.died > of.families.birth + 1461
    found = np.array([counted.get(int(child), 0) for child in of.families.child])
    assert np.array_equal(found[alive], of.health.early[alive])


def test_the_indices_can_be_had_from_the_records(england):
    birth = read(england, "birth").sort("child_id")
    of = WORLDS[2]
    held = birth.filter(pl.col("child_id").is_in(of.families.child.tolist()))
    assert held["birth_weight_g"].to_list() == of.health.weight.tolist()
    assert held["gestation_weeks"].to_list() == of.health.gestation.tolist()
    assert held["mother_age"].to_list() == of.families.mother_age.tolist()
    assert np.isfinite(clinical_index(of.health)).all()
    census = read(england, "school_census").filter(
        (pl.col("nc_year") == 1) & (pl.col("term") == "SPR")
    )
    joined = dict(census.select("child_id", "idaci_score").iter_rows())
    idaci = dict(
        zip(CHILDREN.tolist(), np.concatenate([w.families.idaci for w in WORLDS]), strict=True)
    )
    assert all(joined[child] == idaci[child] for child in joined)


def test_the_recorded_arm_is_the_one_that_acts(england):
    from fingerpost.england.world import unaided

    arms = {}
    for of in WORLDS:
        arms |= dict(zip(of.families.child.tolist(), unaided(of).arm.tolist(), strict=True))
    census = read(england, "school_census").filter(
        (pl.col("nc_year") == 1) & (pl.col("term") == "SPR")
    )
    level = {"N": 0, "A": 1, "P": 1, "K": 1, "S": 2, "E": 2}
    for child, code in census.select("child_id", "sen_provision").iter_rows():
        assert level[code] == arms[child]


def test_codes_of_provision_are_those_of_their_year(england):
    census = read(england, "school_census")
    old = set(census.filter(pl.col("academic_year") < 2015)["sen_provision"])
    new = set(census.filter(pl.col("academic_year") >= 2018)["sen_provision"])
    assert old == {"N", "A", "P", "S"}
    assert new == {"N", "K", "E"}


def test_nobody_misses_more_sessions_than_there_are(england):
    absence = read(england, "absence")
    parts = absence["illness"] + absence["medical"]
    assert (absence["authorised"] >= parts).all()
    assert (absence["overall"] == absence["authorised"] + absence["unauthorised"]).all()
    assert (absence["overall"] <= absence["sessions_possible"]).all()
    year = absence.group_by("child_id", "academic_year").agg(pl.col("sessions_possible").sum())
    assert year["sessions_possible"].max() <= 420


def test_the_dead_are_in_no_later_record(england):
    death = read(england, "death").select("child_id", "death_date")
    assert death.height > 0
    for table, column in (
        ("school_census", "known_from"),
        ("hes_apc", "admission_date"),
        ("hes_ae", "attendance_date"),
        ("concern", "concern_date"),
        ("functional_need", "assessed_date"),
    ):
        later = read(england, table).join(death, on="child_id")
        assert (later[column] <= later["death_date"]).all(), table


def test_concerns_come_before_what_follows_from_them(england):
    concern = read(england, "concern")
    seen = concern.drop_nulls("first_provision_date")
    assert (seen["concern_date"] <= seen["first_provision_date"]).all()
    assert (concern["concern_date"] <= concern["referral_date"].fill_null(strategy="max")).all()
    delivered = read(england, "provision_delivered")
    plans = read(england, "provision_plan").select("child_id", "start_date")
    joined = delivered.join(plans, on="child_id")
    assert (joined["valid_from"] >= joined["start_date"]).all()


def test_need_is_recorded_for_those_of_whom_the_scenario_says_so(england):
    need = read(england, "functional_need")
    assert set(need["occasion"]) == {"concern"}
    severity = dict(
        zip(CHILDREN.tolist(), np.concatenate([w.needs.severity for w in WORLDS]), strict=True)
    )
    error = need["severity"].to_numpy() - np.array([severity[c] for c in need["child_id"]])
    assert error.mean() == pytest.approx(0.0, abs=0.04)
    assert error.var() == pytest.approx(0.25, rel=0.1)


def test_two_episodes_of_one_stay_touch(england):
    episodes = read(england, "hes_apc")
    second = episodes.filter(pl.col("episode_order") == 2)
    assert second.height > 50
    first = episodes.filter(pl.col("episode_order") == 1)
    joined = second.join(
        first, on=["child_id", "admission_date", "discharge_date"], suffix="_first"
    )
    joined = joined.filter(pl.col("episode_id_first") == pl.col("episode_id") - 1)
    assert joined.height == second.height
    assert (joined["episode_start"] == joined["episode_end_first"]).all()
    assert (joined["discharge_date"] == joined["episode_end"]).all()


def test_reception_absence_is_held_from_2013(england):
    absence = read(england, "absence").join(
        read(england, "child").select("child_id", "birth_month"), on="child_id"
    )
    year = absence["birth_month"].cast(pl.Int32).to_numpy()
    reception = absence["academic_year"].to_numpy() == _days.reception_year(year)
    assert absence["academic_year"].to_numpy()[reception].min() >= 2013
