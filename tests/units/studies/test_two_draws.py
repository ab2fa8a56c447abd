"""A second draw, children outside a trial, counts of columns: in the language, and as they run."""

from __future__ import annotations

import csv

import duckdb
import numpy as np
import pytest

from fingerpost.cohorts.sql import made
from fingerpost.cohorts.table import build, read_records
from fingerpost.core.errors import FingerpostError, Malformed, NotAnswerable
from fingerpost.core.study import Records, TableSource
from fingerpost.studies import cautions, plan
from fingerpost.studies.document import read_study, resolve
from fingerpost.studies.run import run

THEN = "then: {column: next, levels: {0: go on, 1: more}, among: {helped: 0}}"
STUDY = """
study: s
question: What first, and what next?
records: {{table: t.csv, unit: child}}
arms: {{column: first, levels: {{0: a, 1: b}}, {more}}}
outcomes: {{y: {{column: y, domain: {domain}}}}}
assignment: {{randomised: {{design: smart}}}}
estimators: [{estimators}]
release: {{policy: none}}
"""


def written(tmp_path, more=THEN, estimators="regime_means", domain="participation"):
    file = tmp_path / "s.yaml"
    text = STUDY.format(more=more, estimators=estimators, domain=domain)
    file.write_text(text, encoding="utf-8")
    return file


def table(tmp_path, change=lambda rows: rows, n=240):
    r = np.random.default_rng(5)
    first, helped = r.integers(0, 2, n), r.integers(0, 2, n)
    after = np.where(helped == 1, "", r.integers(0, 2, n).astype(str))
    y = np.round(first + helped + r.standard_normal(n), 3)
    rows = change([list(each) for each in zip(range(n), first, helped, after, y, strict=True)])
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["child", "first", "helped", "next", "y"], *rows])
    return rows


def cohort_of(study, tmp_path):
    records = read_records(study.records, base=tmp_path)
    return build(resolve(study, records.columns), records).cohort


def test_arms_are_regimes_and_children_who_were_helped_stand_in_several(tmp_path):
    rows = table(tmp_path)
    study = read_study(written(tmp_path))
    assert study.arms.names == ("a, then go on", "a, then more", "b, then go on", "b, then more")
    cohort = cohort_of(study, tmp_path)
    helped = sum(row[2] == 1 for row in rows)
    assert cohort.n == len(rows) + helped
    many = [
        sum(row[1] == code // 2 and row[3] in ("", str(code % 2)) for row in rows)
        for code in range(4)
    ]
    assert np.bincount(cohort.arm).tolist() == many
    drawn = cautions.as_drawn(study, cohort)
    assert drawn.n == len(rows) and drawn.arms == ("a", "b")
    finding = run(study, read_records(study.records, base=tmp_path))
    assert set(finding.members) == {str(row[0]) for row in rows}


def test_who_was_to_be_drawn_again_and_was_not_is_told(tmp_path):
    def without(rows):
        rows[next(at for at, row in enumerate(rows) if row[2] == 0)][3] = ""
        return rows

    table(tmp_path, without)
    with pytest.raises(Malformed, match="1 child of those with helped"):
        cohort_of(read_study(written(tmp_path)), tmp_path)
    table(tmp_path, lambda rows: [row for row in rows if row[2] == 1])
    with pytest.raises(Malformed, match="nobody was drawn again"):
        cohort_of(read_study(written(tmp_path)), tmp_path)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("then: {column: next, levels: {0: go on}, among: {helped: 0}}", "needs two or more"),
        ("then: {column: next, levels: {0: x, 1: z}, among: {helped: 0, y: 1}}", "one column"),
        ("then: {column: first, levels: {0: x, 1: z}, among: {helped: 0}}", "a column each"),
        (f"{THEN}, outside: b", "does not go with then"),
        ("outside: c", "c"),
    ],
)
def test_faults_of_two_draws(tmp_path, more, said):
    with pytest.raises(FingerpostError, match=said):
        read_study(written(tmp_path, more))


@pytest.mark.parametrize(
    ("more", "estimators", "said"),
    [
        (THEN, "naive", "does not answer of regimes"),
        ("at: 1", "regime_means", "draw again among some"),
        ("at: 1", "{surrogate_index: {surrogates: helped}}", "children outside the trial"),
        ("outside: b", "naive", "has no use for children outside"),
    ],
)
def test_leaves_answer_of_the_shape_they_are_for(tmp_path, more, estimators, said):
    with pytest.raises(NotAnswerable, match=said):
        plan.check(read_study(written(tmp_path, more, estimators)))


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_counts_of_columns(tmp_path, engine):
    (tmp_path / "t.csv").write_text("a,b,c\nsmall,small,x\n,small,small\nx,,x\n", encoding="utf-8")
    counts = (("years", ("a", "b", "c"), "small"),)
    records = Records((TableSource("t.csv"),), counts=counts)
    found = read_records(records, base=tmp_path, engine=engine)
    frame = found.frame.collect("polars").to_native()
    assert frame["years"].to_list() == [2, 2, 0]
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t AS SELECT * FROM read_csv('{tmp_path / 't.csv'}')")
    values = connection.execute(f"SELECT years FROM ({made(found)})").fetchall()
    assert [row[0] for row in values] == [2, 2, 0]
    wrong = Records((TableSource("t.csv"),), counts=(("a", ("b", "d"), "small"),))
    with pytest.raises(Malformed, match="there is a column") as told:
        read_records(wrong, base=tmp_path, engine=engine)
    assert any('"d"' in fault for fault in told.value.problems)


@pytest.mark.parametrize(("domain", "months"), [("attainment", True), ("participation", False)])
def test_months_of_progress_are_of_attainment_alone(tmp_path, domain, months):
    table(tmp_path)
    study = read_study(written(tmp_path, domain=domain))
    finding = run(study, read_records(study.records, base=tmp_path))
    [sizes] = [one for one in finding.tables if one.name == "effect_sizes"]
    assert ("months" in sizes.columns) is months
