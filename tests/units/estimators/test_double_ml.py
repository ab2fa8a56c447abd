"""Double machine learning against formulae by hand, its laws, its options, a curved world."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import Target
from fingerpost.core.inference import intervals
from fingerpost.core.model import Factor, Models, ModelTerm
from fingerpost.core.outcome import Outcome
from fingerpost.estimators._cross_fit import folds_of, nuisances
from fingerpost.estimators._learners import OwnModels
from suites.worlds import World, task, term
from units.estimators.cases import ASKED, ATE, ATT, NAMES, OVERLAP, ask, said, small
from units.estimators.sandwich import children_of

LEAF = "double_ml"


def by_hand(cohort, asked) -> tuple[float, float]:
    """Return value and error from the efficient influence functions written out, with what the
    plain models learnt on the leaf's folds.
    """
    own = task(cohort, asked)
    models = OwnModels(bent=False)
    learnt = nuisances(own, folds_of(own, 5), exposure=models, outcome=models)
    found, e = children_of(cohort), learnt.probability
    kind, w, t = asked.target.kind, found.weight, found.time
    arm = {"att": asked.contrast[0][0], "atu": asked.contrast[1][0]}.get(kind, asked.target.arm)
    rows, value = [], 0.0
    for name, sign in asked.contrast:
        a = found.arms.index(name)
        m, indicator = learnt.mean[:, a], found.c[:, a]
        if kind == "ate":
            h, more, tilt = np.ones(len(e)), np.zeros(len(e)), 1 / e[:, a]
        elif kind == "overlap":
            h = 1 / (1 / e).sum(axis=1)
            more = sum((h / e[:, j]) ** 2 * (found.c[:, j] - e[:, j]) for j in range(e.shape[1]))
            tilt = h / e[:, a]
        else:
            c = found.arms.index(str(arm))
            h, more, tilt = found.c[:, c], np.zeros(len(e)), e[:, c] / e[:, a]
        whom = w * (h + more) * t
        residual = w * indicator * tilt * (found.y - m * t)
        psi = (whom @ m + residual.sum()) / whom.sum()
        own_part = (whom * (m - psi) + residual) / whom.sum()
        ratio = asked.scale == "ratio"
        value += sign * (np.log(psi) if ratio else psi)
        rows.append(sign * own_part / (psi if ratio else 1))
    sums = np.bincount(found.school, weights=sum(rows))
    g = len(np.unique(found.school))
    return float(value), float(np.sqrt(sums @ sums * g / (g - 1)))


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("case", ASKED, ids=NAMES)
def test_value_and_error_are_those_of_the_influence_function(case, weighted):
    kind, target, scale, arms = case
    cohort, asked = small(kind, arms, weighted=weighted), term(kind, target, scale)
    value, error = by_hand(cohort, asked)
    assert said(ask(LEAF, cohort, asked, learner="linear")) == (
        pytest.approx(value, abs=1e-10),
        pytest.approx(error, rel=1e-8),
    )


def test_plain_learners_come_near_to_augmented_weighting():
    cohort, asked = World(n=6000, arms=3).draw(1), term("continuous", ATE)
    value, error = said(ask(LEAF, cohort, asked, learner="linear"))
    plain = said(ask("aipw", cohort, asked))
    assert value == pytest.approx(plain[0], abs=0.2 * error)
    assert error == pytest.approx(plain[1], rel=0.03)


def curved(seed: int, n: int = 1000) -> Cohort:
    """Return children whose provision and outcome both bend with the index; the effect is 1."""
    r = np.random.default_rng(seed)
    index, boy = r.standard_normal(n), r.random(n) < 0.5
    school, bend = r.integers(0, 60, n), index**2 / 2
    arm = (r.random(n) < 1 / (1 + np.exp(0.9 - 0.8 * bend - 0.3 * boy))).astype(np.int64)
    noise = r.normal(0, 0.3, 60)[school] + r.standard_normal(n)
    y = 1 + bend + 0.5 * boy + arm * (1 + 0.3 * index) + noise
    covariates = {
        "index": Column(index),
        "boy": Column(boy.astype(np.int64), ("girl", "boy")),
    }
    outcomes = {"y": Outcome("continuous", y)}
    return Cohort(np.arange(n), ("none", "support"), arm, outcomes, covariates, {"school": school})


@pytest.mark.slow
def test_splines_cover_where_straight_lines_are_far_off():
    """Both nuisances bend: the interval with splines holds the truth as often as it says, the one
    with straight lines hardly ever (method decisions, section 3: fast form).
    """
    asked, inside, values, straight = term("continuous", ATE), [], [], []
    for seed in range(100):
        cohort = curved(seed)
        found = ask(LEAF, cohort, asked).estimate
        low, high = intervals(found)[0]
        inside.append(low <= 1 <= high)
        values.append(found.value[0])
        if seed < 30:
            low, high = intervals(ask(LEAF, cohort, asked, learner="linear").estimate)[0]
            straight.append(low <= 1 <= high)
    spread = np.std(values, ddof=1)
    assert abs(np.mean(values) - 1) <= 3.5 * spread / np.sqrt(100)
    assert 0.88 <= np.mean(inside) <= 0.99
    assert np.mean(straight) < 0.1


def test_repeats_take_the_median_and_widen_the_error_by_the_folds_own_spread():
    cohort, asked = small("continuous"), term("continuous", ATT)
    once = [
        ask(LEAF, cohort, asked, learner="linear", repeats=r).estimate.value[0] for r in (1, 3, 5)
    ]
    assert len(set(once)) > 1
    found = ask(LEAF, cohort, asked, learner="linear", repeats=3)
    assert found.estimate.interval[0].endswith("median of 3 cross-fits")
    assert abs(found.estimate.value[0] - once[0]) < 0.5 * said(found)[1]


def test_children_who_were_not_seen_are_stood_for_by_those_who_were():
    """Outcomes are hidden by the arm and the index: leaving them out is biased, this is not."""
    away = []
    for seed in range(40):
        cohort = World(n=1500, schools=60, arms=2).draw(seed)
        index = np.asarray(cohort.covariates["index"].values)
        r = np.random.default_rng(seed)
        there = r.random(1500) < 1 / (1 + np.exp(-0.8 - index * (1 - 2 * cohort.arm)))
        value = np.where(there, cohort.outcomes["y"].value, np.nan)
        outcome = replace(cohort.outcomes["y"], value=value, observed=there)
        models = Models(
            censoring=(ModelTerm((Factor("(arm)"), Factor("index"))), ModelTerm((Factor("index"),)))
        )
        found = ask(
            LEAF,
            replace(cohort, outcomes={"y": outcome}),
            term("continuous", ATE),
            models=models,
            learner="linear",
        )
        value, error = said(found)
        away.append((value - World(arms=2).truth(term("continuous", ATE))) / error)
    assert abs(np.mean(away)) < 3.5 / np.sqrt(40)
    assert 0.7 < np.std(away) < 1.3


def test_a_learner_that_is_certain_is_refused(monkeypatch):
    class Certain:
        def fit(self, x, y):
            return self

        def predict_proba(self, x):
            return np.column_stack([np.ones(len(x)), np.zeros(len(x))])

    module = ModuleType("brought_certain")
    module.Certain = Certain
    monkeypatch.setitem(sys.modules, "brought_certain", module)
    with pytest.raises(Unanswerable, match="probability of nought"):
        ask(
            LEAF,
            small("continuous"),
            term("continuous", ATE),
            exposure_learner="brought_certain.Certain",
        )


def test_one_child_with_much_of_an_arms_weight_is_handed_to_the_guard_rails():
    cohort = small("continuous")
    index = np.asarray(cohort.covariates["index"].values).copy()
    one = int(np.flatnonzero(cohort.arm == 1)[0])
    index += 1.5 * (cohort.arm == 1) - 1.5 * (cohort.arm == 0)
    index[one] = index[cohort.arm == 0].min()
    far = replace(cohort, covariates={**cohort.covariates, "index": Column(index)})
    asked = term("continuous", ATE)
    held = ask(LEAF, far, asked, learner="linear").fit.weights[asked].own["support"]
    assert held[one] == held.max() > 0.10 * held.sum()
    spread = ask(LEAF, cohort, asked, learner="linear").fit.weights[asked].own["support"]
    assert spread.max() < 0.10 * spread.sum()


def test_what_the_learners_explain_is_shown_with_the_children_behind_it():
    cohort = small("binary", 3)
    table = next(
        t for t in ask(LEAF, cohort, term("binary", OVERLAP)).tables if t.name == "learners"
    )
    assert table.column("arm") == ("all arms", "none", "support", "plan")
    assert table.counts[1:] == tuple(np.bincount(cohort.arm))
    assert all(-0.2 < share < 0.5 for share in table.column("explained"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("folds", 1),
        ("folds", "five"),
        ("folds", True),
        ("folds", 2.0),
        ("repeats", 0),
        ("repeats", 101),
        ("learner", "forest"),
        ("outcome_learner", 3),
    ],
)
def test_wrong_options_are_usage_errors(option, value):
    with pytest.raises(UsageError, match=option):
        ask(LEAF, small("continuous"), term("continuous", ATE), **{option: value})


def test_too_few_children_for_the_terms_of_plain_models():
    cohort = World(n=14, schools=14, arms=2).draw(2)
    with pytest.raises((TooFew, Unanswerable)):
        ask(LEAF, cohort, term("continuous", Target("ate")), learner="linear", folds=7)
