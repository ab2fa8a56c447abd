"""One query, one answer: every table, phenotype, cohort, measure and covariate on every engine.

DuckDB is what the others are held against: the same rows, the same types, whole numbers, codes and
dates to the last, other numbers to a billionth.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engines_here import SPARK
from fingerpost.cohorts.linked.covariates import BY_NAME
from fingerpost.cohorts.linked.flatten import flatten
from fingerpost.core.leaves import Phenotype, load, names
from fingerpost.core.study import OutcomeSpec
from fingerpost.engines._shared import collected
from fingerpost.records.check import check
from fingerpost.records.store import Store, open_store
from fingerpost.studies.access.records import timed
from fingerpost.studies.document import read_study
from fingerpost.studies.linked import spelt

HOPE = Path(__file__).resolve().parents[2] / "examples" / "hope"
OTHERS = ("polars", SPARK)
# What Polars answers is looked at study by study in `units/cohorts/linked`; here it is held against
# DuckDB in the two tests that ask everything at once.
spark_too = pytest.mark.parametrize("stores", [SPARK], indirect=True)
CHILDREN = 1_500
# Studies of one time zero, of one a year, of strategies sustained over time, of dose and concern.
STUDIES = ("any_sen", "cleft", "delay", "dose", "equity", "sequential", "sustained")


@pytest.fixture(scope="module")
def england(tmp_path_factory) -> Path:
    from fingerpost.england.build import Options, build

    folder = tmp_path_factory.mktemp("england") / "e"
    build(folder, Options(children=CHILDREN, seed=1, boosts={"cleft": 300}))
    return folder


@pytest.fixture(scope="module", params=OTHERS)
def stores(request, england) -> tuple[Store, Store]:
    return open_store(england, "duckdb"), open_store(england, request.param)


def same(first: pl.DataFrame, second: pl.DataFrame, words: str) -> None:
    """Assert that two tables hold the same, in any order of rows."""
    assert first.schema == second.schema, words
    whole = [name for name, kind in first.schema.items() if not kind.is_float()]
    first, second = (one.sort(whole or first.columns) for one in (first, second))
    for name in first.columns:
        one, other = first[name], second[name]
        if name in whole:
            assert one.equals(other), f"{words}: {name}"
            continue
        assert one.is_null().equals(other.is_null()), f"{words}: {name}"
        np.testing.assert_allclose(
            one.drop_nulls(), other.drop_nulls(), rtol=1e-9, atol=1e-12, err_msg=f"{words}: {name}"
        )


def test_tables(stores):
    ours, theirs = stores
    assert ours.tables == theirs.tables
    for name in ours.tables:
        columns = ours.frame(name).collect_schema().names()
        rows = [collected(one.frame(name), name).sort(columns, nulls_last=True) for one in stores]
        assert rows[0].equals(rows[1]) and rows[0].schema == rows[1].schema, name


@spark_too
def test_what_a_check_of_the_records_finds(stores):
    ours, theirs = (check(one) for one in stores)
    assert replace(ours, engine="") == replace(theirs, engine="")


@spark_too
@pytest.mark.parametrize("name", sorted(set(names("phenotypes")) - {"code_list"}))
def test_phenotypes(stores, name):
    leaf = load("phenotypes", name, kind=Phenotype)
    same(*(collected(leaf.run(one), name) for one in stores), name)


def test_every_measure_and_covariate(stores):
    study = spelt(read_study(HOPE / "any_sen.yaml"))
    measures = tuple(OutcomeSpec(name, "") for name in names("outcomes"))
    assignment = replace(study.assignment, given=tuple(BY_NAME))
    whole = replace(study, outcomes=measures, assignment=assignment)
    flats = [flatten(whole, one) for one in stores]
    assert flats[0].flow == flats[1].flow
    same(*(collected(one.records.frame, "records") for one in flats), "everything")


@spark_too
@pytest.mark.parametrize("name", STUDIES)
def test_cohorts(stores, name):
    study = spelt(read_study(HOPE / f"{name}.yaml"))
    if study.access is not None:
        return same(*(timed(study, one, study.linked, study.access) for one in stores), name)
    flats = [flatten(study, one) for one in stores]
    assert flats[0].flow == flats[1].flow
    same(*(collected(one.records.frame, "records") for one in flats), name)
    return None
