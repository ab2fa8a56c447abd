"""What lies beside a table is each child's own, whoever leaves and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from fingerpost.cohorts.table import build, members, read_records
from fingerpost.core.course import Course
from fingerpost.core.flow import Flow
from fingerpost.core.study import Study
from fingerpost.engines._shared import ROW
from fingerpost.england.build import Options
from fingerpost.england.build import build as england
from fingerpost.records.store import open_store
from fingerpost.studies import imputed, spines, unlinked
from fingerpost.studies.document import read_study, resolve
from fingerpost.studies.linked import OneTable
from fingerpost.studies.ready import NO_WEIGHT, WEIGHT, ready, weighed
from fingerpost.studies.unlinked import Schooled
from units.studies.documents import of_children

ENGINE = "polars"
PLANTED = """
study: planted
question: Does support change the score?
records: {table: children.parquet, unit: child}
arms: {column: support, levels: {0: none, 1: support}}
outcomes: {score: {column: score}}
assignment: {observed: {given: [age]}}
estimators: [naive]
"""
LINKED = of_children("beside", given="sex, fsm")


@pytest.fixture
def planted(tmp_path) -> OneTable:
    """Return 60 children in no order, whose every value beside the table is their own number."""
    number = np.random.default_rng(5).permutation(60) + 1.0
    pl.DataFrame(
        {
            "child": [str(int(one)) for one in number],
            "support": (number.astype(int) % 2),
            "score": number * 10,
            "age": number,
        }
    ).write_parquet(tmp_path / "children.parquet")
    study = read_study("planted.yaml", text=PLANTED)
    records = read_records(study.records, engine=ENGINE, base=tmp_path)
    course = Course(
        np.ones((60, 1), dtype=bool), np.zeros((60, 1), dtype=np.int8), {"own": number[:, None]}
    )
    return OneTable(study, records, Flow(60), course, provided=number)


# The last rows of the table leave and stay by turns: row numbers of before would be read beyond the
# end in one and from another child in the other.
@pytest.mark.parametrize("last_leaves", [False, True])
def test_what_is_beside_a_table_leaves_with_its_rows(planted, last_leaves):
    held = planted.records.frame.collect("polars").to_native()
    leaving = set(held["child"][3:20]) | (set(held["child"][-5:]) if last_leaves else set())
    stay = [one for one in sorted(held["child"]) if one not in leaving]
    weights = {"child": stay, WEIGHT: [1.0 + float(one) for one in stay]}
    found = weighed(planted, pl.DataFrame(weights))
    table = found.records.frame.collect("polars").to_native()
    own = table["child"].cast(pl.Float64).to_numpy()
    assert sorted(table["child"]) == stay
    assert table[ROW].to_list() == list(range(1, len(stay) + 1))
    assert found.provided.tolist() == own.tolist()
    assert found.course.covariates["own"][:, 0].tolist() == own.tolist()
    assert table[WEIGHT].to_list() == (own + 1.0).tolist()
    assert (found.flow.steps[-1].reason, found.flow.steps[-1].left) == (NO_WEIGHT, len(leaving))
    # A population that the study itself narrows leaves once more, by the new numbers.
    narrow = replace(found.study, population=(), arms=replace(found.study.arms, levels=LEVELS))
    built = build(resolve(narrow, found.records.columns), found.records)
    assert found.beside(built.rows).provided.tolist() == members(built).astype(float).tolist()


LEVELS = ((0, "none"), (1, "support"))


@pytest.fixture(scope="module")
def country(tmp_path_factory):
    """Return a small England in which hospitals and schools name children alike."""
    place = tmp_path_factory.mktemp("country") / "e"
    england(place, Options(children=1_500, seed=31, boosts={}))
    return place


@pytest.mark.parametrize("last_leaves", [False, True])
def test_when_a_child_was_first_provided_for_is_its_own_where_others_have_no_weight(
    country, last_leaves
):
    study: Study = read_study("beside.yaml", text=LINKED)
    before = ready(study, open_store(country, ENGINE)).built
    child = members(before)
    own = dict(zip(child, before.cohort.provided, strict=True))
    rng = np.random.default_rng(8)
    stays = rng.random(len(child)) < 0.7
    stays[-40:] = not last_leaves
    chosen = rng.permutation(child[stays])
    weights = pl.DataFrame({"child_id": chosen, WEIGHT: np.ones(len(chosen))})
    after = ready(study, open_store(country, ENGINE), weights=weights).built
    wanted = [own[one] for one in members(after)]
    assert after.cohort.n == int(stays.sum()) and np.isfinite(wanted).sum() > 10
    np.testing.assert_array_equal(after.cohort.provided, wanted)


# A law: who stands where among those whom schools hold tells nothing.
def test_weights_and_counts_of_whom_links_missed_know_no_order():
    rng = np.random.default_rng(3)
    n = 400
    opted = rng.random(n) < 0.1
    held = Schooled(
        rng.permutation(n).astype(str),
        ("none", "support"),
        rng.integers(0, 2, n),
        {"fsm": rng.integers(0, 2, n).astype(str)},
        opted,
        rng.random((2, n)) < 0.8,
    )
    at = rng.permutation(n)
    mixed = Schooled(
        held.child[at],
        held.arms,
        held.arm[at],
        {"fsm": held.groups["fsm"][at]},
        opted[at],
        held.linked[:, at],
    )
    for spine in range(2):
        one, two = (dict(unlinked.weights(each, spine).iter_rows()) for each in (held, mixed))
        assert one.keys() == two.keys() and len(set(one.values())) > 2
        assert [two[child] for child in one] == pytest.approx(list(one.values()), rel=1e-9)
    assert unlinked.table(held).rows == unlinked.table(mixed).rows


# Variables stand in order of how many values are missing, which differs from spine to spine.
def test_means_of_what_is_imputed_are_of_one_variable_over_spines(monkeypatch):
    told = []
    monkeypatch.setattr(imputed, "tables", lambda *words: told.append(words) or ())

    def plan(*names):
        return SimpleNamespace(
            equations=SimpleNamespace(variables=[SimpleNamespace(name=name) for name in names])
        )

    means = (np.array([[1.0, 2.0]]), np.array([[20.0, 10.0]]))
    pooled = SimpleNamespace(means=means, whole=None)
    spines.imputation_tables([plan("weight", "weeks"), plan("weeks", "weight")], pooled)
    assert told[0][2].tolist() == [[[1.0, 2.0]], [[10.0, 20.0]]]
    # Of the same number, and not the same: nothing can be told of both.
    spines.imputation_tables([plan("weight", "weeks"), plan("weight", "age")], pooled)
    assert len(told) == 1
