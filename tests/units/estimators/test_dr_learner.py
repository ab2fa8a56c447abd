"""The doubly robust learner: its answer, its tables against definitions, what it says of nobody."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import UsageError
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import standard_errors
from fingerpost.core.leaves import Estimator, load
from fingerpost.core.outcome import Outcome
from fingerpost.estimators import _benefit, _benefit_projection, _benefit_ranking, dr_learner
from fingerpost.estimators._benefit_rules import questions_of, round_cuts
from fingerpost.estimators._cross_fit import folds_of, nuisances
from fingerpost.estimators._debiased import child_scores
from fingerpost.estimators._learners import OwnModels
from suites.worlds import task, term
from units.estimators.cases import ask, said, small

LEAF = load("estimators", "dr_learner", kind=Estimator)
GIVEN = ("need", "fsm")
ASKED = Term("y", pair("support", "none"), Target("ate"))


def trial(differs: float, *, n: int = 900, seed: int = 3, better: str = "higher") -> Cohort:
    """Return a trial in which need adds `differs` to the effect, by one standard deviation."""
    r = np.random.default_rng(seed)
    need, fsm, arm = r.standard_normal(n), r.integers(0, 2, n), r.integers(0, 2, n)
    turned = -1.0 if better == "lower" else 1.0
    y = need + arm * turned * (0.2 + differs * need) + 0.5 * r.standard_normal(n)
    return Cohort(
        np.arange(n),
        ("none", "support"),
        arm,
        {"y": Outcome("continuous", y, better=better)},
        {"need": Column(need), "fsm": Column(fsm, ("no", "yes"))},
        {"school": r.integers(0, 60, n)},
    )


def told(cohort: Cohort, **options: object) -> Answer:
    """Return the answer, clustered by school."""
    return LEAF.run(Task(cohort, (ASKED,), analysis(options)))


def analysis(options: dict[str, object]) -> Analysis:
    return Analysis(GIVEN, cluster="school", stream="who", options={"learner": "linear", **options})


@cache
def differing() -> Answer:
    return told(trial(0.6), rule=["need", "fsm"], cost=0.1)


def table(answer: Answer, name: str):
    return next(one for one in answer.tables if one.name == name)


def scores_of(cohort: Cohort) -> _benefit.Scores:
    task = Task(cohort, (ASKED,), analysis({}))
    folds, plain = folds_of(task, 5), OwnModels(bent=False)
    learnt = nuisances(task, folds, exposure=plain, outcome=plain)
    return _benefit.scores_of(task, ASKED, child_scores(task, ASKED, learnt), folds)


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_answer_is_that_of_double_machine_learning_and_scores_average_to_it(kind):
    cohort, asked = small(kind, 3, weighted=True), term(kind, Target("ate"), "difference")
    plain = said(ask("double_ml", cohort, asked, learner="linear"))
    assert said(ask("dr_learner", cohort, asked, learner="linear")) == pytest.approx(plain)
    own = task(cohort, asked)
    folds, models = folds_of(own, 5), OwnModels(bent=False)
    learnt = nuisances(own, folds, exposure=models, outcome=models)
    effect, weight = child_scores(own, asked, learnt)
    share = weight / weight.sum()
    assert share @ effect == pytest.approx(plain[0], abs=1e-10)
    sums = np.bincount(cohort.clusters["school"], weights=share * (effect - plain[0]))
    g = len(sums)
    assert np.sqrt(sums @ sums * g / (g - 1)) == pytest.approx(plain[1], rel=1e-8)


def test_where_children_differ_the_ranking_the_groups_and_the_line_say_so():
    answer = differing()
    rate = table(answer, "benefit_rate").records()
    assert rate[0]["measure"] == "AUTOC"
    assert rate[0]["verdict"] == "tells who benefits more"
    # The effect is .2 + .6 z: the true AUTOC of the true ranking is .6 × E[z φ] = .6 × .903.
    assert rate[0]["lo"] < 0.54 < rate[0]["hi"]
    slope = table(answer, "benefit_calibration").records()[0]
    assert slope["lo"] < 1.0 < slope["hi"]
    groups = table(answer, "benefit_groups").column("estimate")
    assert groups[0] < 0 < groups[-1]
    line = table(answer, "benefit_projection").records()
    assert line[0]["covariate"] == "need, by one standard deviation"
    assert line[0]["lo"] < 0.6 < line[0]["hi"]
    assert line[-1]["covariate"] == "all together"
    assert line[-1]["p"] < 1e-6


def test_rule_finds_the_border_and_is_worth_it():
    answer = differing()
    rows = table(answer, "benefit_rule").records()
    first = [row for row in rows if row["questions"] == "one"]
    assert {row["offer"] for row in first} == {"support", "none"}
    # Worth it where .2 + .6 need > .1: need above −.17.
    (cut,) = {
        float(str(row["subgroup"]).split()[-1]) for row in first if "below" in str(row["subgroup"])
    }
    assert -0.5 < cut < 0.2
    worth = {
        (row["questions"], row["against"]): row for row in table(answer, "benefit_worth").records()
    }
    assert worth["one", "as many by chance"]["lo"] > 0
    assert worth["one", "offering everybody"]["lo"] > 0


def test_where_less_is_better_the_ranking_turns_and_effects_do_not():
    answer = told(trial(0.6, better="lower"))
    assert table(answer, "benefit_rate").records()[0]["lo"] > 0
    groups = table(answer, "benefit_groups").column("estimate")
    assert groups[0] > 0 > groups[-1]


def test_nobody_is_told_where_nobody_differs():
    rate = table(told(trial(0.0)), "benefit_rate").records()[0]
    assert rate["verdict"] == "cannot tell who benefits more"
    assert rate["lo"] < 0 < rate["hi"]


def test_predictions_of_a_fold_know_nothing_of_it_or_of_later_ones():
    scores = scores_of(trial(0.6))
    before = _benefit.held_out_predictions(scores, OwnModels(bent=False))
    assert np.isnan(before[scores.folds.code < _benefit.FIRST]).all()
    later = scores.folds.code >= 3
    changed = replace(scores, effect=np.where(later, -scores.effect, scores.effect))
    after = _benefit.held_out_predictions(changed, OwnModels(bent=False))
    early = (scores.folds.code == 2) | (scores.folds.code == 3)
    assert after[early] == pytest.approx(before[early])
    assert not np.allclose(after[scores.folds.code == 4], before[scores.folds.code == 4])


def test_sorted_groups_are_weighted_means_within_folds():
    scores = scores_of(trial(0.6))
    said_ = _benefit.held_out_predictions(scores, OwnModels(bent=False))
    found = _benefit_ranking.ranking(scores, said_, 4)
    want = 0.0
    for fold in (2, 3, 4):
        rows = scores.rows(fold)
        best = rows[np.argsort(-said_[rows])][: round(len(rows) / 4)]
        want += scores.effect[best].mean() / 3
    assert _benefit_ranking.group_mean(found, 3).value == pytest.approx(want, abs=0.03)


def test_errors_are_by_cluster_each_fold_about_its_own_mean():
    """A group's mean, by hand: per fold G/(G − 1) Σ (Σ residuals / n)², over three folds."""
    scores = scores_of(trial(0.6))
    predicted = _benefit.held_out_predictions(scores, OwnModels(bent=False))
    found = _benefit_ranking.ranking(scores, predicted, 2)
    variance, clusters = 0.0, 0
    for fold in scores.looked_at:
        rows = scores.rows(fold)
        own = rows[found.group[rows] == 1]
        sums = np.bincount(
            scores.units[own], weights=(scores.effect[own] - scores.effect[own].mean()) / len(own)
        )
        g = len(np.unique(scores.units[rows]))
        variance += g / (g - 1) * (sums @ sums) / 9
        clusters += g
    error, df = _benefit.error(scores, _benefit_ranking.group_mean(found, 1))
    assert error == pytest.approx(np.sqrt(variance), rel=1e-9)
    assert df == clusters - 1


def test_rows_say_how_few_children_of_an_arm_stand_behind_them_or_are_left_out():
    scores = scores_of(trial(0.6))
    predicted = _benefit.held_out_predictions(scores, OwnModels(bent=False))
    found = _benefit_ranking.ranking(scores, predicted, 5)
    groups = _benefit_ranking.groups_table([found], ())
    arm = scores.task.cohort.arm
    for group, count in enumerate(groups.counts):
        assert count == min(np.bincount(arm[found.group == group]))
    toc = _benefit_ranking.toc_table([found], ())
    # A tenth is offered it, or a tenth is not: either few would be told of.
    for count in (toc.counts[0], toc.counts[-2]):
        assert 10 <= count <= 0.1 * np.count_nonzero(found.group >= 0) / 2


def test_projection_is_least_squares_and_drops_what_others_determine():
    r = np.random.default_rng(0)
    x = np.column_stack([np.ones(50), r.normal(size=(50, 2))])
    x = np.column_stack([x, x[:, 1] + x[:, 2]])
    y = r.normal(size=50)
    found = _benefit_projection.project(y, np.full(50, 0.02), x, ("1", "a", "b", "both"))
    assert found.names == ("1", "a", "b")
    assert found.value == pytest.approx(np.linalg.lstsq(x[:, :3], y, rcond=None)[0])


def test_too_few_children_are_ranked_by_nobody():
    answer = told(trial(0.6, n=150))
    assert "benefit_rate" not in {one.name for one in answer.tables}
    assert "benefit_projection" in {one.name for one in answer.tables}
    assert any("fewer than 20 children" in words for _, words in answer.warnings)


def test_no_rule_where_nobody_has_said_what_is_better():
    answer = told(trial(0.6, better=""), rule="need")
    assert "benefit_rule" not in {one.name for one in answer.tables}
    assert any("better: higher" in words for _, words in answer.warnings)


def test_order_of_rows_changes_nothing():
    cohort = trial(0.6, n=600)
    mixed = cohort.take(np.random.default_rng(1).permutation(cohort.n))
    first, second = told(cohort, rule="need"), told(mixed, rule="need")
    assert standard_errors(first.estimate) == pytest.approx(standard_errors(second.estimate))
    for one, other in zip(first.tables, second.tables, strict=True):
        for row, same in zip(one.rows, other.rows, strict=True):
            assert row == pytest.approx(same, abs=1e-7)


def test_cuts_are_round_and_no_childs_own_value():
    r = np.random.default_rng(2)
    values = r.normal(100, 15, 500)
    cuts = round_cuts(values, 5)
    assert all(cut == round(cut) for cut in cuts)
    assert not set(cuts) & set(values)
    whole = questions_of({"age": Column(np.array([3.0, 4.0, 5.0, 6.0] * 5))})
    assert all(words[0].endswith(".5") for words in whole.words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folds": 3}, "folds takes a whole number from 4"),
        ({"depth": 1}, "depth is of a rule"),
        ({"depth": 3, "rule": "need"}, "depth takes a whole number from 1 to 2"),
        ({"rule": 3}, "rule takes a column"),
        ({"effect_learner": "forest"}, "effect_learner takes linear"),
        ({"cost": "much", "rule": "need"}, "cost takes a number"),
    ],
)
def test_faults_of_options_say_what_is_taken(options, words):
    with pytest.raises(UsageError, match=words):
        dr_learner.plan_of(options)
