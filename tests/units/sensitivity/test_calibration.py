"""Calibration: the likeliest errors by brute force, what is asked of whom, and coverage."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm, t

from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.outcome import Outcome
from fingerpost.sensitivity._calibration import Systematic, calibrate, fit_systematic
from fingerpost.sensitivity.calibration import run
from suites.sensitivity_worlds import make_cohort, make_study, make_task, ols, refit_ols

NAMES = tuple(f"control {i}" for i in range(8))


def world(seed, n=300, *, strength=0.6, spread=0.15, effect=0.4, controls=8):
    """Severity, never recorded, goes with arm, outcome and controls, with each as it may."""
    draw = np.random.default_rng(seed)
    severity, social = draw.standard_normal((2, n))
    arm = (draw.standard_normal(n) + 0.5 * social + severity > 0).astype(int)
    loads = strength + spread * draw.standard_normal(controls + 1)
    columns = {
        name: load * severity + draw.standard_normal(n)
        for name, load in zip(NAMES, loads[1:], strict=False)
    }
    score = effect * arm + 0.3 * social + loads[0] * severity + draw.standard_normal(n)
    return arm, score, {"social": social}, columns


def asked(seed=1, *, roles=None, study=None, **options):
    arm, score, covariates, columns = world(seed)
    columns = {**columns, **(roles or {})}
    kept = {
        name: values if isinstance(values, Column) else Column(values)
        for name, values in columns.items()
    }
    cohort = make_cohort(arm, score, covariates, roles=kept)
    options = {"controls": NAMES, **options}
    return make_task(cohort, make_study(("social",)) if study is None else study, **options)


def rows(answer, name="calibration"):
    return [row for table in answer.tables if table.name == name for row in table.records()]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("restricted", [False, True])
def test_mean_and_spread_are_the_likeliest(seed, restricted):
    draw = np.random.default_rng(seed)
    error = draw.uniform(0.05, 0.4, 7)
    value = 0.3 + draw.standard_normal(7) * np.sqrt(0.2**2 * (seed % 3) + error**2)

    def minus(at):
        sd = np.sqrt(at[1] ** 2 + error**2)
        more = 0.5 * math.log(np.sum(sd**-2)) if restricted else 0.0
        return more - norm.logpdf(value, at[0], sd).sum()

    starts = [(0.3, 0.01), (0.3, 0.3), (0.0, 1.0)]
    best = min(
        (
            minimize(minus, s, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
            for s in starts
        ),
        key=lambda one: one.fun,
    )
    found = fit_systematic(value, error, restricted=restricted)
    assert minus((found.mean, found.sd)) <= best.fun + 1e-9
    assert found.mean == pytest.approx(best.x[0], abs=1e-4)
    assert found.sd == pytest.approx(abs(best.x[1]), abs=1e-4)


def test_without_systematic_error_nothing_is_calibrated():
    found = calibrate(0.5, 0.2, Systematic(0.0, 0.0), level=0.95)
    assert found.value == 0.5
    assert (found.lo, found.hi) == pytest.approx((0.5 - 1.959964 * 0.2, 0.5 + 1.959964 * 0.2))
    assert found.p == pytest.approx(2 * norm.sf(2.5))


def test_estimated_errors_widen_the_interval():
    found = calibrate(0.5, 0.2, Systematic(0.1, 0.3, 0.15, 6), level=0.9)
    spread = math.sqrt(0.2**2 + 0.3**2 + 0.15**2)
    assert found.hi == pytest.approx(0.4 + t.ppf(0.95, 5) * spread)
    assert found.p == pytest.approx(2 * t.sf(0.4 / spread, 5))


def test_the_estimates_on_controls_are_those_of_the_estimator_in_standard_deviations():
    task = asked()
    arm = task.cohort.arm.astype(float)
    found = {row["control"]: row for row in rows(run(task), "calibration_controls")}
    assert tuple(found) == NAMES
    for name, column in task.cohort.roles.items():
        fit = ols(column.values, arm, task.cohort.covariates["social"].values)
        assert found[name]["estimate"] == pytest.approx(fit[0][1] / column.values.std())
        assert found[name]["se"] == pytest.approx(math.sqrt(fit[1][1, 1]) / column.values.std())


def test_the_answer_loses_the_mean_error_in_its_own_unit():
    task = asked()
    row = rows(run(task))[0]
    sd = task.cohort.outcomes["score"].value.std()
    assert row["controls"] == 8
    assert row["calibrated"] == pytest.approx(row["estimate"] - row["error_mean"] * sd)


def test_a_control_turned_over_is_the_control():
    first = rows(run(asked()))[0]
    flipped = {"control 3": -asked().cohort.roles["control 3"].values}
    other = rows(run(asked(roles=flipped, reverse="control 3")))[0]
    for name in ("error_mean", "error_sd", "calibrated", "calibrated_lo"):
        assert other[name] == pytest.approx(first[name], rel=1e-8)


def test_an_outcome_turned_over_is_the_outcome():
    """The errors pull the other way on an outcome on which high is bad."""
    arm, score, covariates, columns = world(1)
    roles = {name: Column(values) for name, values in columns.items()}
    study = make_study(("social",))
    first = make_task(make_cohort(arm, score, covariates, roles=roles), study, controls=NAMES)
    cohort = make_cohort(arm, -score, covariates, roles=roles)
    other = make_task(cohort, study, controls=NAMES, reverse="score")
    a, b = rows(run(first))[0], rows(run(other))[0]
    assert b["calibrated"] == pytest.approx(-a["calibrated"])
    assert b["calibrated_lo"] == pytest.approx(-a["calibrated_hi"])
    assert b["calibrated_p"] == pytest.approx(a["calibrated_p"])


def test_controls_leave_the_covariates_of_the_answer_too():
    arm, score, covariates, columns = world(1)
    cohort = make_cohort(arm, score, {**covariates, **columns})
    flag = Column(np.zeros(300), flag_of=("control 0",))
    cohort = replace(cohort, covariates={**cohort.covariates, "control 0 missing": flag})
    given = ("social", *columns)
    task = make_task(cohort, make_study(given), controls=NAMES)
    task = replace(task, study=make_study((*given, "control 0 missing")))
    answer = run(task)
    row = rows(answer)[0]
    fit = ols(score, arm.astype(float), covariates["social"])
    assert row["estimate"] == pytest.approx(fit[0][1])
    assert "without the covariates control 0" in answer.tables[0].context
    assert row["calibrated"] == pytest.approx(rows(run(asked()))[0]["calibrated"])


def test_an_outcome_of_the_study_is_no_control_of_itself():
    row = rows(run(asked(controls=("score", *NAMES[:3]))))[0]
    assert row["controls"] == 3 and "only 3 controls" in row["verdict"]


def test_a_control_is_asked_of_the_children_who_have_it():
    missing = world(1)[3]["control 0"].copy()
    missing[:100] = np.nan
    task = asked(roles={"control 0": missing})
    found = {row["control"]: row for row in rows(run(task), "calibration_controls")}
    kept = slice(100, None)
    social = task.cohort.covariates["social"].values[kept]
    fit = ols(missing[kept], task.cohort.arm[kept].astype(float), social)
    assert found["control 0"]["estimate"] == pytest.approx(fit[0][1] / missing[kept].std())
    table = next(one for one in run(task).tables if one.name == "calibration_controls")
    assert table.counts[0] == min(np.bincount(task.cohort.arm[kept]))


def test_few_controls_are_warned_of():
    answer = run(asked(controls=NAMES[:4]))
    assert "4 controls say little" in answer.warnings[0][1]
    assert not run(asked(controls=NAMES[:5])).warnings


def test_two_controls_are_too_few():
    with pytest.raises(Unanswerable, match=r"2 controls tell nothing.*name 3 or more"):
        run(asked(controls=NAMES[:2]))


def test_controls_that_the_guard_rails_refuse_do_not_count():
    calls = []

    def refit(cohort, given, terms, leaves=None):
        calls.append(terms[0].outcome)
        return () if terms[0].outcome in NAMES[:6] else refit_ols(cohort, given, terms)

    row = rows(run(replace(asked(), refit=refit)))[0]
    assert calls == list(NAMES)
    assert row["controls"] == 2 and row["calibrated"] is None
    assert "needs 3 controls" in row["verdict"]


def test_no_estimator_on_controls_is_refused():
    with pytest.raises(Unanswerable, match="no primary estimator answers"):
        run(replace(asked(), refit=lambda cohort, given, terms: ()))


def test_a_control_that_does_not_vary_is_named():
    with pytest.raises(TooFew, match="control 2 does not vary"):
        run(asked(roles={"control 2": np.ones(300)}))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"controls": ("control 9", "control 1")}, 'no column "control 9".*Did you mean'),
        ({"controls": 3}, "controls must be a name or a list of names"),
        ({"without": "sociale"}, 'without: "sociale" is not a covariate'),
        ({"reverse": "scores"}, 'reverse: there is no column "scores".*Did you mean "score"'),
    ],
)
def test_wrong_options_are_named_with_the_mend(options, words):
    with pytest.raises(UsageError, match=words):
        run(asked(**options))


def test_controls_must_be_named():
    task = asked()
    with pytest.raises(UsageError, match="needs `controls`"):
        run(replace(task, spec_options={}))


def test_every_wrong_option_is_named_at_once():
    with pytest.raises(UsageError) as fault:
        run(asked(controls=("no", "nor"), without="never", reverse="nothing"))
    assert len(fault.value.problems) == 4


def test_a_category_is_no_control():
    level = Column(np.arange(300) % 3, ("a", "b", "c"))
    with pytest.raises(UsageError, match="control 1 is a category of 3 levels"):
        run(asked(roles={"control 1": level}))


def test_a_ratio_needs_controls_that_cannot_be_negative():
    with pytest.raises(UsageError) as fault:
        run(asked(study=make_study(("social",), scale="ratio")))
    assert len(fault.value.problems) == len(NAMES)


def test_a_study_of_ratios_compares_logarithms():
    """Made without an estimator of ratios: its logarithms come from a refit written here."""
    shares = {name: (np.arange(300) % (3 + i) == 0) * 1.0 for i, name in enumerate(NAMES)}
    task = asked(roles=shares, study=make_study(("social",), scale="ratio"))

    def refit(cohort, given, terms, leaves=None):
        answers = refit_ols(cohort, given, terms)
        return tuple(
            replace(one, estimate=replace(one.estimate, value=np.array([math.log(1.5)])))
            for one in answers
        )

    answer = run(replace(task, refit=refit))
    assert {row["estimate"] for row in rows(answer, "calibration_controls")} == {math.log(1.5)}
    row = rows(answer)[0]
    assert row["estimate"] == pytest.approx(math.exp(task.answers[0].estimate.value[0]))
    assert row["calibrated"] == pytest.approx(row["estimate"] / 1.5)


WORLDS = 300


def held(strength, spread):
    """Whether raw and calibrated intervals hold the truth, world by world."""
    raw, calibrated = [], []
    for seed in range(WORLDS):
        arm, score, covariates, columns = world(seed, strength=strength, spread=spread)
        roles = {name: Column(values) for name, values in columns.items()}
        cohort = make_cohort(arm, score, covariates, roles=roles)
        row = rows(run(make_task(cohort, make_study(("social",)), controls=NAMES)))[0]
        raw.append(row["lo"] <= 0.4 <= row["hi"])
        calibrated.append(row["calibrated_lo"] <= 0.4 <= row["calibrated_hi"])
    return np.mean(raw), np.mean(calibrated)


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_calibrated_intervals_hold_the_truth_where_raw_ones_do_not(spread):
    raw, calibrated = held(0.6, spread)
    assert raw < 0.5
    assert 0.90 <= calibrated <= 0.995


def test_outcomes_of_the_records_may_be_controls():
    task = asked(controls=(*NAMES[:3], "earlier"))
    outcomes = {**task.cohort.outcomes, "earlier": Outcome("binary", (np.arange(300) % 2) * 1.0)}
    answer = run(replace(task, cohort=replace(task.cohort, outcomes=outcomes)))
    assert rows(answer, "calibration_controls")[-1]["control"] == "earlier"
