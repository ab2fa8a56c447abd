"""Proximal two-stage least squares against linearmodels and statsmodels, and in hidden worlds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from linearmodels.iv import IV2SLS

from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import pair
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.outcome import Outcome
from fingerpost.sensitivity.proximal import run
from suites.sensitivity_worlds import make_cohort, make_study, make_task

EFFECT = 0.5
Z, W = {"exposure_proxy": "referral"}, {"outcome_proxy": "before"}


def world(seed=1, *, n=600, tells=1.0, schools=0, **more):
    """Severity is hidden; an early referral and an earlier score each tell of it, with noise.

    tells: how much the referral does. hearing, wellbeing: further proxies, of a second hidden cause
    too.
    """
    r = np.random.default_rng(seed)
    social, severity, second = r.standard_normal((3, n))
    school = r.integers(0, schools, n) if schools else np.arange(n)
    habit = r.normal(0, 0.4, schools)[school] if schools else 0.0
    referral = tells * severity + 0.3 * social + r.standard_normal(n)
    hearing = second + 0.5 * severity + r.standard_normal(n)
    arm = 0.8 * severity + 0.5 * second + 0.5 * social + 0.4 * referral + r.logistic(size=n) > 0
    before = -severity - 0.3 * social + r.standard_normal(n)
    wellbeing = -second + 0.3 * before + r.standard_normal(n)
    hidden = more.pop("hidden", 0.0) * second
    score = EFFECT * arm - 0.8 * severity - hidden - 0.4 * social + habit + r.standard_normal(n)
    columns = {"referral": referral, "before": before, "hearing": hearing, "wellbeing": wellbeing}
    cohort = make_cohort(
        arm.astype(int),
        score,
        {"social": social},
        roles={name: Column(values) for name, values in columns.items()},
        clusters={"school": school} if schools else {},
        **more,
    )
    return cohort, make_study(("social",), cluster="school" if schools else None)


def ask(cohort, study, **options):
    return run(make_task(cohort, study, **options))


def both(found, **options):
    return ask(*found, **{**Z, **W, **options})


def row(answer, name="proximal"):
    return next(table for table in answer.tables if table.name == name).records()


def column(cohort, name):
    return cohort.roles[name].values


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("schools", [0, 60])
def test_agrees_with_linearmodels(several, schools):
    cohort, study = world(2, schools=schools)
    outside = ["referral", "hearing"] if several else ["referral"]
    inside = ["before", "wellbeing"] if several else ["before"]
    weight = np.random.default_rng(2).uniform(0.5, 2, cohort.n)
    cohort = replace(cohort, weight=weight)
    answer = ask(cohort, study, exposure_proxy=outside, outcome_proxy=inside)
    exog = np.column_stack([np.ones(cohort.n), cohort.arm, cohort.covariates["social"].values])
    w, z = (
        np.column_stack([column(cohort, name) for name in names]) for names in (inside, outside)
    )
    model = IV2SLS(cohort.outcomes["score"].value, exog, w, z, weights=weight)
    if schools:
        said = model.fit(cov_type="clustered", clusters=cohort.clusters["school"])
        g = len(np.unique(cohort.clusters["school"]))
        factor = np.sqrt(g / (g - 1))
    else:
        said, factor = model.fit(cov_type="robust"), 1.0
    assert answer.estimate.value[0] == pytest.approx(said.params.iloc[1])
    assert standard_errors(answer.estimate)[0] == pytest.approx(factor * said.std_errors.iloc[1])
    assert answer.estimate.terms[0].conditional


def test_strength_is_the_partial_wald_statistic():
    cohort, study = world(3)
    answer = ask(cohort, study, exposure_proxy=["referral", "hearing"], **W)
    x = np.column_stack(
        [
            np.ones(cohort.n),
            cohort.arm,
            cohort.covariates["social"].values,
            column(cohort, "referral"),
            column(cohort, "hearing"),
        ]
    )
    fitted = sm.OLS(column(cohort, "before"), x).fit(cov_type="HC0")
    wald = fitted.wald_test(np.eye(5)[3:], use_f=False, scalar=True).statistic
    (told,) = row(answer, "proximal_strength")
    # Clusters of one child take the factor n / (n - 1).
    assert told["F"] == pytest.approx(wald / 2 * (cohort.n - 1) / cohort.n)
    assert told["df"] == 2


def test_strength_of_several_is_each_apart_from_the_others():
    """Two exposure proxies that tell one hidden cause do not tell two outcome proxies apart."""
    cohort, study = world(4, n=2000)
    r = np.random.default_rng(0)
    again = column(cohort, "referral") + r.standard_normal(cohort.n)
    other = column(cohort, "before") + r.standard_normal(cohort.n)
    roles = {**cohort.roles, "again": Column(again), "other": Column(other)}
    cohort = replace(cohort, roles=roles)
    with pytest.raises(Unanswerable, match="do not tell"):
        ask(cohort, study, exposure_proxy=["referral", "again"], outcome_proxy=["before", "other"])
    told = ask(
        cohort, study, exposure_proxy=["referral", "hearing"], outcome_proxy=["before", "wellbeing"]
    )
    assert all(one["F"] > 10 and one["df"] == 1 for one in row(told, "proximal_strength"))


def test_the_hidden_cause_is_taken_out_where_adjustment_fails():
    answers = [both(world(seed)) for seed in range(200)]
    found = np.array([answer.estimate.value[0] for answer in answers])
    held = [lo <= EFFECT <= hi for answer in answers for lo, hi in intervals(answer.estimate)]
    beside = [row(answer)[0] for answer in answers]
    assert abs(found.mean() - EFFECT) < 3.5 * found.std() / np.sqrt(200)
    assert 0.9 <= np.mean(held) <= 0.99
    assert np.mean([one["without"] for one in beside]) < EFFECT - 0.4
    assert np.mean([one["as_covariates"] for one in beside]) < EFFECT - 0.15


def test_two_hidden_causes_need_two_proxies():
    one, two = [], []
    for seed in range(60):
        found = world(seed, n=1000, hidden=0.8)
        one.append(both(found).estimate.value[0])
        answer = ask(
            *found, exposure_proxy=["referral", "hearing"], outcome_proxy=["before", "wellbeing"]
        )
        two.append(answer.estimate.value[0])
    assert abs(np.mean(two) - EFFECT) < 3.5 * np.std(two) / np.sqrt(60)
    assert np.mean(one) < EFFECT - 0.15


def test_comparisons_are_least_squares():
    cohort, study = world(5)
    (told,) = row(both((cohort, study)))
    common = [cohort.arm, cohort.covariates["social"].values]
    proxies = [column(cohort, "referral"), column(cohort, "before")]
    y = cohort.outcomes["score"].value
    for name, columns in (("without", common), ("as_covariates", common + proxies)):
        x = sm.add_constant(np.column_stack(columns))
        assert told[name] == pytest.approx(sm.OLS(y, x).fit().params[1])


def test_a_covariate_named_as_proxy_is_a_proxy_only():
    cohort, study = world(6)
    moved = replace(
        cohort,
        covariates={**cohort.covariates, "before": cohort.roles["before"]},
        roles={"referral": cohort.roles["referral"]},
    )
    told = both((moved, make_study(("social", "before"))))
    assert told.estimate.value == pytest.approx(both((cohort, study)).estimate.value)


def test_children_without_a_proxy_leave():
    cohort, study = world(7)
    holes = np.where(np.arange(cohort.n) < 50, np.nan, column(cohort, "before"))
    with_holes = replace(cohort, roles={**cohort.roles, "before": Column(holes)})
    told = both((with_holes, study)).estimate
    assert told.value == pytest.approx(
        both((cohort.take(np.arange(50, cohort.n)), study)).estimate.value
    )
    assert told.n[0] == cohort.n - 50


def test_weights_repeat_children_and_rates_are_per_time():
    cohort, study = world(8)
    count = np.random.default_rng(8).integers(1, 3, cohort.n)
    twice = cohort.take(np.repeat(np.arange(cohort.n), count))
    weighted = replace(cohort, weight=count.astype(float))
    assert both((weighted, study)).estimate.value == pytest.approx(
        both((twice, study)).estimate.value
    )
    rate = Outcome("count", cohort.outcomes["score"].value * count, exposure=count.astype(float))
    told = both((replace(cohort, outcomes={"score": rate}), study)).estimate
    assert told.value == pytest.approx(both((weighted, study)).estimate.value)
    assert told.terms[0].summary == "rate"


def test_three_arms():
    cohort, study = world(9)
    arm = np.where(np.arange(cohort.n) % 3 == 0, 2, cohort.arm)
    cohort = replace(cohort, arm=arm, arms=("none", "support", "plan"))
    study = make_study(study.given, contrasts=(pair("plan", "support"), pair("plan", "none")))
    told = both((cohort, study)).estimate
    exog = np.column_stack(
        [np.ones(cohort.n), arm == 1, arm == 2, cohort.covariates["social"].values]
    ).astype(float)
    said = IV2SLS(
        cohort.outcomes["score"].value, exog, column(cohort, "before"), column(cohort, "referral")
    ).fit()
    assert told.value == pytest.approx(
        [said.params.iloc[2] - said.params.iloc[1], said.params.iloc[2]]
    )


def test_few_schools():
    told = both(world(10, schools=20, n=2000)).estimate
    assert told.df[0] == 19 and "t, both stages, by school" in told.interval[0]
    assert both(world(10, schools=8, n=2000)).estimate.spread is None


def test_proxies_that_tell_nothing_are_refused_and_weak_ones_warned_of():
    refused = 0
    for seed in range(40):
        try:
            both(world(seed, tells=0.0))
        except Unanswerable as fault:
            refused += 1
            assert "Mend: name exposure proxies" in str(fault)
    assert refused >= 34
    weak = both(world(3, n=400, tells=0.3))
    assert any("weakly" in words for _, words in weak.warnings)
    assert row(weak, "proximal_strength")[0]["verdict"] == "weak"
    assert both(world(1)).warnings == ()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (W, "needs `exposure_proxy`"),
        (Z, "needs `outcome_proxy`"),
        ({"exposure_proxy": "refferal", **W}, 'no column "refferal". Did you mean "referral"'),
        ({"exposure_proxy": 3, **W}, "a name or a list of names"),
        ({"exposure_proxy": "before", **W}, "before cannot be a proxy of the exposure and of"),
        ({**Z, "outcome_proxy": ["before", "wellbeing"]}, "at least as many of exposure proxies"),
        ({**Z, **W, "outcome_proxi": "x"}, 'Did you mean "outcome_proxy"'),
    ],
)
def test_wrong_options_are_told(options, words):
    with pytest.raises(UsageError, match=words):
        ask(*world(), **options)


def spoilt(cohort, name, values):
    return replace(cohort, roles={**cohort.roles, name: Column(np.asarray(values, dtype=float))})


@pytest.mark.parametrize("name", ["referral", "before"])
@pytest.mark.parametrize("what", ["flat", "nobody", "covariate"])
def test_proxies_that_cannot_serve_are_refused(name, what):
    cohort, study = world()
    values = {
        "flat": np.ones(cohort.n),
        "nobody": np.full(cohort.n, np.nan),
        "covariate": cohort.covariates["social"].values,
    }[what]
    with pytest.raises(Unanswerable, match=r"proximal: \w+"):
        both((spoilt(cohort, name, values), study))


def test_five_children():
    cohort, study = world()
    with pytest.raises(TooFew, match="too few"):
        task = make_task(cohort, study, **Z, **W)
        run(replace(task, cohort=cohort.take(np.arange(5))))
