"""Many comparisons: statsmodels as oracle, and rates and errors over simulated studies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm, t
from statsmodels.stats.multitest import multipletests

from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.measure import Measure
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import OutcomeSpec
from fingerpost.kernels.multiplicity import false_discovery, holm
from fingerpost.sensitivity._many import between_variance, shrink
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.sensitivity.many_comparisons import run
from suites.sensitivity_worlds import make_study, refit_ols


def names(k):
    return [f"outcome {i}" for i in range(k)]


def task(
    values, errors, *, scale="difference", df=None, sds=None, better=(), leaves=("aipw",), **options
):
    """A study of as many outcomes as values, each with the standard deviation in `sds`."""
    k = len(values)
    sds = [1.0] * k if sds is None else sds
    outcomes = {
        name: Outcome("continuous", sd * np.array([-1.0, 1.0, 1.0, -1.0]))
        for name, sd in zip(names(k), sds, strict=True)
    }
    cohort = Cohort(np.arange(4), ("none", "support"), np.array([0, 0, 1, 1]), outcomes, {})
    ways = list(better) or [""] * k
    specs = tuple(
        OutcomeSpec(name, name, measure=Measure(name, better=way))
        for name, way in zip(names(k), ways, strict=True)
    )
    asked = [Term(name, pair("support", "none"), Target("ate"), scale=scale) for name in outcomes]
    answers = tuple(
        Answer(
            leaf,
            Estimate(
                (term,),
                np.array([value]),
                None if error is None else Matrix(np.array([[error**2]])),
                df=None if df is None else np.array([float(df)]),
            ),
        )
        for leaf in leaves
        for term, value, error in zip(asked, values, errors, strict=True)
    )
    study = make_study((), scale=scale, outcomes=specs)
    return SensitivityTask(study, cohort, answers, refit_ols, options)


def rows(answer, name="many_comparisons"):
    return [row for table in answer.tables if table.name == name for row in table.records()]


@pytest.mark.parametrize("seed", range(20))
def test_adjusted_p_values_are_those_of_statsmodels(seed):
    draw = np.random.default_rng(seed)
    p = draw.random(draw.integers(1, 40)) ** 2
    p[-1] = p[0]
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert false_discovery(p) == pytest.approx(multipletests(p, method="fdr_bh")[1])
    by = false_discovery(p, any_dependence=True)
    assert by == pytest.approx(multipletests(p, method="fdr_by")[1])


def restricted(value, error, centre):
    """Minus the (restricted) log-likelihood, by the normal density."""

    def minus(variance):
        sd = np.sqrt(variance + error**2)
        if centre is not None:
            return -norm.logpdf(value, centre, sd).sum()
        mean = np.average(value, weights=sd**-2)
        return -norm.logpdf(value, mean, sd).sum() + 0.5 * math.log(np.sum(sd**-2))

    return minus


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("centre", [0.0, None])
def test_the_spread_is_the_likeliest(seed, centre):
    draw = np.random.default_rng(seed)
    error = draw.uniform(0.3, 2.0, 8)
    value = 0.5 + draw.standard_normal(8) * np.sqrt(0.4 + error**2)
    found = between_variance(value, error, centre=centre)
    minus = restricted(value, error, centre)
    grid = np.concatenate([[0.0], np.geomspace(1e-6, 100, 2000)])
    start = grid[int(np.argmin([minus(v) for v in grid]))]
    best = minimize_scalar(minus, bounds=(start / 1.05, start * 1.05 + 1e-9), method="bounded")
    assert minus(found) <= best.fun + 1e-8
    assert found == pytest.approx(best.x, rel=1e-3, abs=1e-6)


def test_with_equal_errors_the_answers_are_those_of_morris():
    """Efron and Morris's rule: 1 − B = 1 − (k − 3) V / Σ(y − ȳ)², as restricted likelihood times
    (k − 3)/(k − 1) gives it for equal variances."""
    y, v = np.array([1.2, -0.4, 3.0, 0.3, 2.2, -1.9]), 0.5
    found = shrink(y, np.full(6, math.sqrt(v)), centre=None)
    b = 3 * v / np.sum((y - y.mean()) ** 2)
    assert found.kept == pytest.approx(np.full(6, 1 - b))
    assert found.value == pytest.approx(y.mean() + (1 - b) * (y - y.mean()))
    wide = v * (1 - 5 / 6 * b) + 2 / 3 * b**2 * (y - y.mean()) ** 2
    assert found.error == pytest.approx(np.sqrt(wide))


def test_p_values_are_those_of_each_answers_own_interval():
    row = rows(run(task([0.5], [0.2])))[0]
    assert row["p"] == pytest.approx(2 * norm.sf(2.5))
    assert (row["holm"], row["q"]) == (row["p"], row["p"])
    row = rows(run(task([0.5], [0.2], df=7)))[0]
    assert row["p"] == pytest.approx(2 * t.sf(2.5, 7))


def test_an_interval_of_another_kind_gives_its_own_p():
    asked = task([0.5], [0.2])
    term = asked.answers[0].estimate.terms[0]
    wide = Estimate((term,), np.array([0.5]), Matrix(np.array([[0.04]])), critical=np.array([2.5]))
    answer = run(SensitivityTask(asked.study, asked.cohort, (Answer("aipw", wide),), refit_ols))
    assert rows(answer)[0]["p"] == pytest.approx(2 * norm.sf(1.959963985))


def test_estimators_are_families_of_their_own():
    found = rows(run(task([0.5, 0.1], [0.1, 0.1], leaves=("aipw", "ipw"))))
    assert [row["estimator"] for row in found] == ["aipw", "aipw", "ipw", "ipw"]
    assert found[0]["q"] == found[2]["q"] == pytest.approx(2 * found[0]["p"])


def test_few_answers_are_not_drawn_together():
    found = rows(run(task([0.5, 0.1, 0.2, 0.4], [0.1] * 4)))
    assert {row["shrunken"] for row in found} == {None}
    found = rows(run(task([0.5, 0.1, 0.2, 0.4, -0.1], [0.1] * 5)))
    assert all(abs(row["shrunken"]) < abs(row["estimate"]) for row in found)


def test_a_change_of_unit_changes_only_the_unit():
    values, errors = [0.5, 0.1, 0.2, 0.4, -0.1], [0.1, 0.2, 0.1, 0.1, 0.15]
    first = rows(run(task(values, errors)))
    sds = [1.0, 10.0, 1.0, 0.2, 1.0]
    other = rows(
        run(
            task(
                [v * s for v, s in zip(values, sds, strict=True)],
                [e * s for e, s in zip(errors, sds, strict=True)],
                sds=sds,
            )
        )
    )
    for a, b, sd in zip(first, other, sds, strict=True):
        for name in ("shrunken", "lo", "hi"):
            assert b[name] == pytest.approx(a[name] * sd)
        assert b["q"] == pytest.approx(a["q"])


def test_the_mean_is_of_answers_for_the_better():
    """Four outcomes that got better by the same, two of them downwards, and one that did not."""
    better = ("higher", "lower", "higher", "lower", "higher")
    values = [0.5, -0.5, 0.5, -0.5, 0.3]
    found = rows(run(task(values, [0.2] * 5, better=better, towards="mean")))
    assert found[1]["shrunken"] == pytest.approx(-found[0]["shrunken"])
    together = rows(run(task(values, [0.2] * 5, better=better, towards="mean")), "many_together")
    assert together[0]["centre"] == pytest.approx(0.46, abs=1e-9)
    unsaid = rows(run(task(values, [0.2] * 5, towards="mean")), "many_together")
    assert unsaid[0]["centre"] == pytest.approx(0.06, abs=0.05)


def test_ratios_are_drawn_on_the_log_and_shown_as_ratios():
    logs = [0.5, 0.1, 0.2, 0.4, -0.1]
    found = rows(run(task(logs, [0.1] * 5, scale="ratio", sds=[0.0] * 5)))
    plain = rows(run(task(logs, [0.1] * 5)))
    for ratio, log in zip(found, plain, strict=True):
        assert ratio["estimate"] == pytest.approx(math.exp(log["estimate"]))
        assert ratio["shrunken"] == pytest.approx(math.exp(log["shrunken"]))
        assert ratio["lo"] == pytest.approx(math.exp(log["lo"]))


def test_an_answer_without_an_interval_is_no_part_of_it():
    found = rows(run(task([0.5, 9.0], [0.1, None])))
    assert found[1]["p"] is None and "no interval" in found[1]["verdict"]
    assert found[0]["q"] == found[0]["p"]


def test_without_any_interval_it_is_refused():
    with pytest.raises(Unanswerable, match="no primary answer has an interval"):
        run(task([0.5], [None]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": 1.5}, "rate must be a share between 0 and 1"),
        ({"rate": (0.1, 0.2)}, "rate must be a share"),
        ({"towards": "means"}, 'towards must be nothing or mean. Did you mean "mean"'),
        ({"towards": 0}, "towards must be nothing or mean"),
    ],
)
def test_wrong_options_are_named_with_the_mend(options, words):
    with pytest.raises(UsageError, match=words):
        run(task([0.5], [0.1], **options))


WORLDS = 400


def studies(seed, *, k, share, spread=0.0):
    """Estimates of k outcomes, correlated 0.3 through shared children; a share have effects."""
    draw = np.random.default_rng(seed)
    true = np.where(draw.random(k) < share, 0.6, 0.0) + spread * draw.standard_normal(k)
    error = draw.uniform(0.1, 0.3, k)
    noise = math.sqrt(0.3) * draw.standard_normal() + math.sqrt(0.7) * draw.standard_normal(k)
    return true, true + error * noise, error


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_few_of_the_findings_that_stand_are_false(share):
    """Mean share of false findings over 400 studies of 20 outcomes: at most 5%, and 3.5 of its
    errors more."""
    shares = []
    for seed in range(WORLDS):
        true, value, error = studies(seed, k=20, share=share)
        found = [row["verdict"].startswith("stands") for row in rows(run(task(value, error)))]
        shares.append(np.sum(np.array(found) & (true == 0)) / max(1, sum(found)))
    assert np.mean(shares) <= 0.05 + 3.5 * np.std(shares) / math.sqrt(WORLDS)


@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_drawn_together_answers_are_nearer_the_truth(spread):
    raw, drawn, held = [], [], []
    for seed in range(200):
        true, value, error = studies(seed, k=12, share=0.0, spread=spread)
        found = rows(run(task(value, error)))
        raw.append(np.mean((value - true) ** 2))
        drawn.append(np.mean((np.array([row["shrunken"] for row in found]) - true) ** 2))
        held += [row["lo"] <= b <= row["hi"] for row, b in zip(found, true, strict=True)]
    assert np.mean(drawn) < 0.8 * np.mean(raw)
    assert np.mean(held) >= 0.93
