"""What is written out of a study, and what is refused, before any other tool is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fingerpost.core.errors import UsageError
from fingerpost.studies.document import read_study
from fingerpost.studies.export import r, scope, stata
from fingerpost.studies.export.rows import columns_of, write_rows
from fingerpost.studies.export.written import readme, write_r, write_stata
from units.studies.documents import LINKED
from units.studies.export_world import STUDY, exported, written

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> scope.Exported:
    return exported(written(tmp_path_factory.mktemp("table")))


def test_rows_hold_no_identifier_and_every_value_in_full(found, tmp_path):
    columns = columns_of(found.study, found.cohort)
    write_rows(columns, tmp_path)
    table = pl.read_csv(tmp_path / "cohort.csv")
    told = pl.read_csv(tmp_path / "columns.csv")
    assert told["column"].to_list() == table.columns
    assert not any(
        value.startswith("p1") for value in (tmp_path / "cohort.csv").read_text().split(",")
    )
    name = dict(zip(told["name"].to_list(), told["column"].to_list(), strict=True))
    cohort = found.cohort
    assert np.array_equal(table[name["bÿ"]].to_numpy(), cohort.covariates["bÿ"].values)
    assert np.array_equal(table[name["weight"]].to_numpy(), cohort.weight)
    seen = cohort.outcomes["score"].observed
    assert table["y1"].is_null().to_numpy().tolist() == (~seen).tolist()
    assert np.array_equal(table["y1"].to_numpy()[seen], cohort.outcomes["score"].value[seen])
    assert table["child"].to_list() == list(range(1, cohort.n + 1))
    flag = told.filter(pl.col("name") == "age missing").row(0, named=True)
    assert flag["flag_of"] == "age" and flag["words"] == "1 where age was missing"
    need = told.filter(pl.col("name") == "need").row(0, named=True)
    assert (need["levels"], need["words"]) == (3, "0 a; 1 b; 2 c")


def test_estimators_that_are_not_known_are_named_with_the_four_that_are(tmp_path):
    text = STUDY.replace("[naive, regression, ipw, ipw_ra]", "[naive, aipw]")
    some = exported(written(tmp_path, text))
    assert {one.estimator for one in some.lines} == {"naive"}
    assert some.left[0] == (
        "estimators aipw: not exported. Exported are: naive, regression, ipw, ipw_ra"
    )
    none = replace(some.study, estimators=("aipw",))
    with pytest.raises(UsageError, match="Exported are: naive, regression, ipw, ipw_ra"):
        scope.check(none)


def test_what_the_guard_rails_refuse_is_not_written(tmp_path):
    path = written(tmp_path, STUDY.replace("cluster_share: 0.99", "smd: 0.02"))
    some = exported(path)
    gone = [one for one in some.left if one.endswith("the guard rails refuse it")]
    assert len(gone) == 24  # four targets of two contrasts of three outcomes
    assert {one.term.target.kind for one in some.lines} == {"association", "conditional"}


def test_studies_that_no_script_could_follow_are_refused():
    sustained = read_study(ROOT / "examples" / "hope" / "sustained.yaml")
    with pytest.raises(UsageError, match="sustained over time is not exported"):
        scope.check(replace(sustained, estimators=("ipw",)))
    access = read_study(ROOT / "examples" / "hope" / "equity.yaml")
    with pytest.raises(UsageError, match="study of access is not exported"):
        scope.check(access)
    imputed = replace(read_study("linked.yaml", text=LINKED), missing="impute")
    with pytest.raises(UsageError, match="imputes is not exported"):
        scope.check(imputed)


def test_without_records_a_script_is_written_and_says_what_it_does_not_know(tmp_path):
    study = read_study(ROOT / "examples" / "hope" / "cleft.yaml")
    found = scope.without_records(study)
    assert found.cohort is None and len(found.lines) == 48  # (1 + 1 + 2 + 2) × 2 contrasts × 4
    write_r(found, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"analysis.R", "README.txt"}
    assert "No record was read" in (tmp_path / "analysis.R").read_text(encoding="utf-8")
    assert "no child is in this folder" in (tmp_path / "README.txt").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="--to stata"):
        write_stata(found, tmp_path)


def test_the_readme_says_that_rows_must_not_leave(found):
    text = readme(found, "analysis.R")
    assert "NOT CLEARED" in text and "must not leave" in text and "600 children" in text
    assert "made up: no real child" in text


def test_words_of_a_study_are_never_read_as_code(found):
    study = replace(found.study, question="Is it?\nquit()", name="x\ry")
    text = r.script(replace(found, study=study))
    assert "\nquit()" not in text and "# x y: Is it? quit()" in text
    assert 'vec <- c("a\\"b")'.endswith(r.vector(['a"b']))
    do = stata.script(replace(found, study=study), found.cohort, columns_of(study, found.cohort))
    assert "\nquit()" not in do
    assert stata.quoted("a`b'\"$x") == '`"a b   x"\''


def test_the_do_file_says_that_it_was_never_run_and_what_it_leaves_out(found):
    text = stata.script(found, found.cohort, columns_of(found.study, found.cohort))
    head = text.split("version 16")[0]
    assert "THIS FILE WAS NEVER RUN ON STATA" in head
    assert "overlap: teffects has no such target" in head
    assert "ipw, missed, support v none, ate: teffects has no time at risk" in head
    assert text.count("\npreserve\n") == text.count("\nrestore\n") == 3
    assert text.count("post `lines'") == text.count("lincom") + text.count("nlcom")


def test_the_do_file_asks_stata_for_our_contrasts(found):
    text = stata.script(found, found.cohort, columns_of(found.study, found.cohort))
    exposure = "c.x1 c.x2 c.x3 i.x4 c.x5 c.x6"
    assert (
        "regress y1 i.arm [pweight = weight], vce(cluster c1)\nlincom (1)*1.arm + (-1)*0.arm"
        in text
    )
    assert f"regress rate_y3 i.arm {exposure} [pweight = time_y3], vce(cluster c1)" in text
    # Of those who got support (1), against none (0); then of those who got none.
    assert f"(arm {exposure}, logit) [pweight = weight], atet control(0) tlevel(1)" in text
    assert "nlcom (_b[POmean:0.arm] + _b[ATET:r1vs0.arm]) - _b[POmean:0.arm]" in text
    assert f"(arm {exposure}, logit) [pweight = weight], atet control(1) tlevel(0)" in text
    assert "nlcom _b[POmean:1.arm] - (_b[POmean:1.arm] + _b[ATET:r0vs1.arm])" in text
    assert f"teffects ipwra (y2 {exposure}, logit) (arm {exposure}, logit)" in text


def test_bent_terms_are_made_before_they_are_used(tmp_path):
    models = "models:\n  exposure: [{square: year}, {spline: bÿ}, {product: [age, need]}]\n"
    models += "  outcome: [{equals: {of: year, value: 4}}]\n"
    found = exported(written(tmp_path, STUDY + models))
    text = stata.script(found, found.cohort, columns_of(found.study, found.cohort))
    knots = np.quantile(
        found.cohort.covariates["bÿ"].values[found.cohort.outcomes["score"].observed],
        [0.05, 0.35, 0.65, 0.95],
    )
    line = next(one for one in text.splitlines() if one.startswith("mkspline"))
    name, _, said = line.removeprefix("mkspline ").partition(" = ")
    assert [float(each) for each in said.split("knots(")[1].rstrip(")").split()] == knots.tolist()
    assert f"c.{name}1 c.{name}2 c.{name}3" in text
    assert "c.x3#c.x3" in text and "c.x1#i.x4" in text
    made = next(one for one in text.splitlines() if one.startswith("generate byte"))
    assert made.endswith("= (x3 == 4)")
