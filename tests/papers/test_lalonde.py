"""LaLonde: a trial, and the same question asked of a survey, from the committed study files.

Printed: LaLonde (1986), American Economic Review 76:604-620; Dehejia and Wahba (1999), JASA
94:1053-1062, table 2 (experiment 1,794 with standard error 633) and table 3 (survey CPS-1 −8,498;
699 with all covariates, 547); Cunningham, Causal Inference: The Mixtape (2021), for the working
model of the propensity.

The .dta holds earnings in single precision. Its mean taken in single precision prints 1794.3433, in
double precision 1794.3424, so the experiment is compared to .01. The often-seen 1494.58 comes from
int8 overflow of age³: integer columns are widened on reading.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyreadstat
import pytest

from fingerpost.cli._comparing import compared, read_side
from fingerpost.cli._gap import WITHIN, gaps
from fingerpost.cohorts.table import read_records
from fingerpost.release.clear import clear
from fingerpost.reports.results import results as results_of
from fingerpost.studies.document import read_study
from fingerpost.studies.run import run as studied

ROOT = Path(__file__).resolve().parents[2]
INTEGERS = ("treat", "age", "educ", "black", "hisp", "marr", "nodegree")


def answers(study: Path) -> dict[str, Any]:
    """Run a study from its file, as the command does but without a report; return its results."""
    asked = read_study(study)
    finding = studied(asked, read_records(asked.records, base=study.parent))
    return results_of(clear(finding))


@pytest.fixture(scope="module")
def trial() -> dict[str, Any]:
    """Return the results of the trial."""
    return answers(ROOT / "examples/lalonde/trial.yaml")


@pytest.fixture(scope="module")
def survey() -> dict[str, Any]:
    """Return the results of the re-analysis with a polynomial propensity."""
    return answers(ROOT / "examples/lalonde/study.yaml")


def estimate(results: dict[str, Any], estimator: str, target: str) -> dict[str, Any]:
    """Return the one estimate of an estimator and target."""
    found = [
        each
        for each in results["estimates"]
        if (each["estimator"], each["target"]) == (estimator, target)
    ]
    assert len(found) == 1
    return found[0]


def ordinary(results: dict[str, Any], estimator: str) -> dict[str, Any]:
    """Return the ordinary least squares row of an estimator."""
    rows = [
        row
        for table in results["diagnostics"]["ordinary_errors"]
        for row in table["rows"]
        if row["estimator"] == estimator and row["convention"] == "ordinary least squares"
    ]
    assert len(rows) == 1
    return rows[0]


def test_the_experiment(trial):
    found = estimate(trial, "naive", "ate")
    assert found["value"] == pytest.approx(1794.3433, abs=0.01)
    assert found["arm_n"] == {"work": 185, "usual": 260}
    assert ordinary(trial, "naive")["se"] == pytest.approx(632.8536, abs=1e-3)
    assert trial["status"] == "answered"


def test_the_experiment_adjusted(trial):
    assert estimate(trial, "regression", "conditional")["value"] == pytest.approx(
        1676.343, abs=1e-3
    )


def test_the_survey_as_observed(survey):
    assert estimate(survey, "naive", "association")["value"] == pytest.approx(-8497.516, abs=1e-3)
    assert survey["flow"]["remaining"] == 16177


def test_the_survey_by_plain_regression(survey):
    found = estimate(survey, "regression", "conditional")
    assert found["value"] == pytest.approx(699.1317, abs=5e-4)
    assert ordinary(survey, "regression")["se"] == pytest.approx(547.636, abs=1e-3)


def test_the_linear_study_file_gives_the_same():
    found = answers(ROOT / "examples/lalonde/study_linear.yaml")
    regression = estimate(found, "regression", "conditional")
    assert regression["value"] == pytest.approx(699.1317, abs=5e-4)


def test_weighting_those_who_were_offered_work(survey):
    found = estimate(survey, "ipw", "att")
    assert found["value"] == pytest.approx(1782.2091, abs=0.01)
    assert found["warnings"]


def test_the_effect_on_all_is_refused_by_every_leaf(survey):
    assert survey["status"] == "partly refused"
    assert [each["target"] for each in survey["refusals"]] == ["ate"]
    assert [each for each in survey["estimates"] if each["target"] == "ate"] == []
    measured = {rule["rule"]: rule["measured"] for rule in survey["refusals"][0]["rules"]}
    assert measured["effective size"] == pytest.approx(13, abs=0.5)
    assert measured["largest child"] == pytest.approx(0.152, abs=1e-3)


def test_narrow_integers_do_not_overflow(tmp_path, survey):
    """Parquet files with int8 columns, as `causaldata` holds them, give the same answer."""
    from importlib.util import find_spec

    (root,) = find_spec("causaldata").submodule_search_locations
    for name in ("nsw_mixtape", "cps_mixtape"):
        columns, _ = pyreadstat.read_dta(f"{root}/{name}/{name}.dta", output_format="dict")
        frame = pl.DataFrame({key: list(values) for key, values in columns.items()})
        narrow = frame.with_columns(pl.col(*INTEGERS).cast(pl.Int8))
        with np.errstate(over="ignore"):
            assert (narrow["age"].to_numpy() ** 3 < 0).any(), "the trap must be set"
        narrow.write_parquet(tmp_path / f"{name}.parquet")
    text = (ROOT / "examples/lalonde/study.yaml").read_text(encoding="utf-8")
    for name in ("nsw_mixtape", "cps_mixtape"):
        old = f"package: causaldata, file: {name}/{name}.dta"
        assert old in text
        text = text.replace(old, f"table: {name}.parquet")
    study = tmp_path / "narrow.yaml"
    study.write_text(text, encoding="utf-8")
    found = estimate(answers(study), "ipw", "att")
    assert found["value"] == pytest.approx(estimate(survey, "ipw", "att")["value"], abs=1e-9)


def test_the_gap_between_the_experiment_and_its_re_analysis(tmp_path, trial, survey):
    sides = []
    for name, found in (("survey", survey), ("trial", trial)):
        (tmp_path / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")
        sides.append(read_side(tmp_path / f"{name}.json"))
    by = {gap.emulated["estimator"]: gap for gap in gaps(compared(*sides))}
    # 1794.3424 by the experiment, 1782.2085 by weighting (Cunningham 2021), -8497.516 raw.
    assert by["ipw"].gap == pytest.approx(1794.3424 - 1782.2085, abs=1e-3)
    assert by["ipw"].unadjusted == pytest.approx(1794.3424 + 8497.516, abs=1e-3)
    assert by["ipw"].chance == by["aipw"].chance == WITHIN
    # The men who had a place are in both, so no standard error of the gap is made up.
    assert by["ipw"].independent is None
    told = by["ipw"].omitted
    assert told is not None and told.estimate == pytest.approx(699.13, abs=0.01)
    assert 0.015 < told.strength < 0.0165


def test_subgroups_of_the_experiment_are_drawn_towards_one_another():
    found = answers(ROOT / "examples/trials/nsw_subgroups.yaml")
    (table,) = found["diagnostics"]["subgroups_pooled"]
    by = {row["subgroup"]: row for row in table["rows"]}
    # Differences of means in the file itself: 3192.03 and 1154.05, 1373.49 and 3709.34.
    assert by["nodegree = 0"]["estimate"] == pytest.approx(3192.03, abs=0.01)
    assert by["marr = 1"]["estimate"] == pytest.approx(3709.34, abs=0.01)
    for column in ("nodegree", "marr"):
        few, many = sorted((by[f"{column} = {at}"] for at in (0, 1)), key=lambda row: row["kept"])
        # The less sure is drawn the further, and neither past the other.
        assert abs(few["estimate"] - few["pooled"]) > abs(many["estimate"] - many["pooled"])
        apart = few["estimate"] - many["estimate"]
        assert 0 < (few["pooled"] - many["pooled"]) / apart < 1


def test_the_experiment_cannot_tell_who_gains_and_says_so():
    found = answers(ROOT / "examples/trials/nsw_who_benefits.yaml")
    rate, _, most = found["diagnostics"]["benefit_rate"][0]["rows"]
    assert rate["verdict"] == "cannot tell who benefits more"
    assert (rate["lo"], rate["hi"]) == (pytest.approx(-1257, abs=1), pytest.approx(1275, abs=1))
    assert most["lo"] < 0 < most["hi"]
    worth = found["diagnostics"]["benefit_worth"][0]["rows"]
    assert all(row["lo"] < 0 < row["hi"] for row in worth)
