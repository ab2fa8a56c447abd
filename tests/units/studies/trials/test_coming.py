"""Clusters, pairs and children of clusters on an England: who comes, and what is drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fingerpost.core.errors import UsageError
from fingerpost.core.rollout import Frame
from fingerpost.studies.document import read_study
from fingerpost.studies.trials.coming import (
    available,
    by_cluster,
    check_coming,
    come,
    draw_arms,
    register,
)
from fingerpost.studies.trials.on_england import ARM, STRATUM, Country, codes_of
from fingerpost.studies.trials.rehearsing import analysed, play, results_of
from units.studies.trials.test_trial_rehearsing import Whom

STUDY = """\
study: schools
question: Does more help?
trial:
  arms:
    usual: {{gets: usual, offer: usual, enact: {{level: as it would be}}}}
    more: {{gets: more, enact: {{level: support}}}}
  size: {size}
  register: {{table: schools.csv, unit: urn}}
  {more}
  plans: kept
records: {{table: trial.csv, unit: child_id, clusters: {{school: urn, la: la}}}}
arms: {{column: drawn arm, levels: {{usual: usual, more: more}}}}
outcomes: {{score: {{column: score, kind: continuous, measured_in: points}}}}
assignment: {{randomised: {{design: {design}, unit: {unit}{strata}}}}}
estimand: {{contrast: [more, usual], target: ate, scale: difference}}
estimators: [{leaf}]
release: {{policy: none}}
"""
CHILDREN, SCHOOLS, EFFECT = 600, 60, 0.8
BALANCED = "draw: {balance: [children, fsm], candidates: 200}"


def stage(place: Path, *, design="cluster", unit="school", more=BALANCED, **said):
    """A trial and the children of a made-up country, of whom schools hold from 3 to 20."""
    told = {"size": 20, "strata": "", "leaf": "cluster_means", **said}
    text = STUDY.format(design=design, unit=unit, more=more, **told)
    made = np.random.default_rng(5)
    school = np.sort(made.choice(SCHOOLS, CHILDREN, p=np.linspace(0.5, 1.5, SCHOOLS) / SCHOOLS))
    table = pl.DataFrame(
        {
            "child_id": np.arange(CHILDREN),
            "urn": 100 + school,
            "la": school % 3,
            "fsm": made.integers(0, 2, CHILDREN),
            "score": made.normal(size=SCHOOLS)[school] * 0.4 + made.normal(size=CHILDREN),
        }
    )
    table.with_columns(pl.lit("usual").alias("drawn arm")).write_csv(place / "trial.csv")
    study = read_study(place / "trial.yaml", text=text)
    columns = {name: table[name].to_numpy() for name in ("child_id", "fsm", "la")}
    columns["school"] = table["urn"].to_numpy()
    under = (table.select("score"), table.select(pl.col("score") + EFFECT))
    from fingerpost.cohorts.table import read_records

    records = read_records(study.records, base=place)
    return study, Country(Whom(study, study, table, records), columns, under)


def who(study, country, size=20):
    random = np.random.default_rng(1)
    return come(study, country.columns, size=size, random=random, codes_of=codes_of)


def test_drawn_schools_bring_every_child_of_theirs_and_the_register_is_of_them(tmp_path):
    study, country = stage(tmp_path)
    found = who(study, country)
    school = country.columns["school"]
    assert available(study, country.columns) == len(np.unique(school))
    names = np.array([int(name) for name in found.names])
    assert len(names) == 20 and set(np.flatnonzero(np.isin(school, names))) == set(found.rows)
    assert (school[found.rows] == names[found.of]).all()
    assert isinstance(found.units, Frame)
    for at, name in enumerate(names):
        own = school == name
        assert found.units.covariates["children"][at] == own.sum()
        assert found.units.covariates["fsm"][at] == pytest.approx(
            country.columns["fsm"][own].mean(), abs=1e-6
        )


def test_a_trial_of_schools_finds_what_was_put_there(tmp_path):
    study, country = stage(tmp_path)
    played = play(study, country, 0, size=20)
    school = country.columns["school"][played.rows]
    arm = {one: set(played.arm[school == one]) for one in school}
    assert all(len(held) == 1 for held in arm.values()) and played.stratum == ()
    assert sum(held == {1} for held in arm.values()) == 10
    for null, truth in ((False, EFFECT), (True, 0.0)):
        finding = analysed(country, played, null=null)
        (one,) = results_of(country, finding, replicate=0, null=null)
        assert one.truth == pytest.approx(truth) and abs(one.value - truth) < 4 * one.se


def test_pairs_of_schools_are_the_strata_of_their_analysis(tmp_path):
    study, country = stage(
        tmp_path, design="matched_pairs", more="match: [children, fsm]", leaf="by_stratum"
    )
    played = play(study, country, 0, size=20)
    pairs = {
        (name, school): arm
        for name, school, arm in zip(
            played.stratum, country.columns["school"][played.rows], played.arm, strict=True
        )
    }
    held: dict[str, list[int]] = {}
    for (name, _), arm in pairs.items():
        held.setdefault(name, []).append(arm)
    assert len(held) == 10 and all(sorted(arms) == [0, 1] for arms in held.values())
    table = country.drawn(played.rows, played.arm, stratum=played.stratum)
    assert {ARM, STRATUM} <= set(table.columns)
    (one,) = results_of(country, analysed(country, played, null=False), replicate=0, null=False)
    assert abs(one.value - EFFECT) < 4 * one.se


def test_strata_of_schools_are_what_all_their_children_share(tmp_path):
    study, country = stage(tmp_path, more="", strata=", strata: [la]")
    study_ = who(study, country)
    made = draw_arms(study, study_, bytes(32))
    assert set(made.stratum) == {"0", "1", "2"}
    wrong, country = stage(tmp_path, more="", strata=", strata: [fsm]")
    with pytest.raises(UsageError, match="fsm: it is not the same for all children of a cluster"):
        who(wrong, country)


def test_children_drawn_within_schools_come_school_by_school(tmp_path):
    cluster = np.array([3, 1, 3, 2, 1, 3])
    rows = by_cluster(cluster, size=6, random=np.random.default_rng(2))
    told = cluster[rows]
    assert sorted(rows) == list(range(6)) and np.count_nonzero(np.diff(told)) == 2
    study, country = stage(
        tmp_path, design="blocked", unit="child", more="blocks: [2, 4]", leaf="by_stratum", size=100
    )
    played = play(study, country, 0, size=100)
    school = country.columns["school"][played.rows]
    assert len(np.unique(school)) < 20
    assert len({(name, one) for name, one in zip(played.stratum, school, strict=True)}) == len(
        np.unique(school)
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"design": "cluster", "unit": "child"}, "draws a register of clusters"),
        ({"design": "stratified", "more": "blocks: [4]"}, "one by one are not drawn"),
    ],
)
def test_what_cannot_be_drawn_on_an_england_is_said(tmp_path, said, words):
    study, _ = stage(tmp_path, **said)
    with pytest.raises(UsageError, match=words):
        check_coming(study)
    family = replace(study, assignment=replace(study.assignment, unit="family"))
    with pytest.raises(UsageError, match="nothing that an England has"):
        check_coming(family)


def test_too_few_schools_and_unknown_columns_are_said(tmp_path):
    study, country = stage(tmp_path)
    with pytest.raises(UsageError, match=r"90 schools are asked, and \d+ of this England"):
        who(study, country, size=90)
    study, country = stage(tmp_path, more="draw: {balance: [idaci]}")
    with pytest.raises(UsageError, match=r"idaci is no number .* children, .* fsm"):
        who(study, country)


def test_a_mean_of_a_cluster_is_of_those_recorded_and_none_is_a_fault(tmp_path):
    """Children without a value used to count as 0 in what clusters are balanced by."""
    study, _ = stage(tmp_path, more="draw: {balance: [score_before], candidates: 200}")
    of, names = np.array([0, 0, 1, 1]), ("S1", "S2")
    told = {"score_before": np.array([100.0, np.nan, 90.0, 110.0])}
    frame = register(study, told, names, rows=np.arange(4), of=of)
    assert frame.covariates["score_before"].tolist() == [100.0, 100.0]
    unknown = {"score_before": np.array([np.nan, np.nan, 90.0, 110.0])}
    with pytest.raises(UsageError, match="score_before is recorded for no child in 1 of 2"):
        register(study, unknown, names, rows=np.arange(4), of=of)
