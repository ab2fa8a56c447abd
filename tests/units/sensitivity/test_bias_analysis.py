"""Bias analysis: nothing at no bias, the truth at the true biases, and what is left out is said."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import OutcomeSpec
from fingerpost.sensitivity._bias import Distribution, distribution, limits_with_error
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.sensitivity.bias_analysis import run
from suites.sensitivity_worlds import make_cohort, make_study, make_task, refit_ols

WRONG = (("sensitivity", 0.85), ("specificity", 0.95))
CAUSE = (("prevalence", (("support", 0.5), ("none", 0.2))), ("effect", 1.2))
CHOSEN = {"support": (0.9, 0.6), "none": (0.7, 0.8)}  # with the outcome, without
SELECTED = tuple(
    (arm, (("with_outcome", w), ("without_outcome", o))) for arm, (w, o) in CHOSEN.items()
)


def rows(answer):
    return [row for table in answer.tables for row in table.records()]


def world(seed, n=1000, *, binary=False, effect=0.5):
    """Arm and outcome depend on a recorded covariate; nothing is wrong yet."""
    draw = np.random.default_rng(seed)
    social = draw.standard_normal(n)
    arm = (draw.random(n) < 1 / (1 + np.exp(0.3 - 0.6 * social))).astype(int)
    if binary:
        score = (draw.random(n) < 0.3 + 0.2 * effect * arm + 0.05 * np.clip(social, -2, 2)) * 1.0
    else:
        score = effect * arm + 0.7 * social + draw.standard_normal(n)
    return draw, arm, score, social


def misrecorded(draw, arm, se, sp):
    right = draw.random(len(arm)) < np.where(arm == 1, se, sp)
    return np.where(right, arm, 1 - arm)


def task(arm, score, social, *, binary=False, **options):
    kind = "binary" if binary else "continuous"
    cohort = make_cohort(arm, score, {"social": social}, kind=kind)
    return make_task(cohort, make_study(("social",)), **{"draws": 100, **options})


def ratio_task(arm, score, **options):
    """The crude risk ratio as a study's answer, with its delta-method error."""
    cohort = make_cohort(arm, score, {}, kind="binary")
    risk = [score[arm == a].mean() for a in (0, 1)]
    value = math.log(risk[1] / risk[0])
    variance = sum((1 - r) / (r * np.sum(arm == a)) for a, r in enumerate(risk))
    term = Term("score", pair("support", "none"), Target("ate"), "risk", "ratio")
    answer = Answer("ipw", Estimate((term,), np.array([value]), Matrix(np.array([[variance]]))))
    study = make_study((), scale="ratio")
    return SensitivityTask(study, cohort, (answer,), refit_ols, {"draws": 100, **options})


# -------------------- distributions


@pytest.mark.parametrize(
    ("written", "mean", "ends"),
    [
        (0.3, 0.3, (0.3, 0.3)),
        ((("uniform", (0.2, 0.6)),), 0.4, (0.2, 0.6)),
        ((("triangular", (0.1, 0.2, 0.6)),), 0.3, (0.1, 0.6)),
        ((("beta", (30, 70)),), 0.3, (0.0, 1.0)),
        ((("normal", (0.3, 0.1)),), 0.3, (-1.0, 2.0)),
    ],
)
def test_distributions_are_those_that_were_written(written, mean, ends):
    draws = distribution(written, "x").draw(np.random.default_rng(1), 20_000)
    assert draws.mean() == pytest.approx(mean, abs=0.005)
    assert ends[0] <= draws.min() <= draws.max() <= ends[1]
    assert isinstance(distribution(written, "x"), Distribution)


@pytest.mark.parametrize(
    "written",
    [
        "high",
        True,
        (0.1, 0.2),
        (("uniform", (0.6, 0.2)),),
        (("uniform", (0.2,)),),
        (("uniform", 0.2),),
        (("triangular", (0.1, 0.9, 0.6)),),
        (("beta", (0, 3)),),
        (("normal", (0.3, 0)),),
        (("gamma", (1, 2)),),
        (("uniform", (0.2, 0.6)), ("beta", (1, 2))),
        (("normal", (0.3, "wide")),),
    ],
)
def test_what_is_no_distribution_is_named_with_the_mend(written):
    with pytest.raises(UsageError, match=r"x must be a number or one of \{uniform"):
        distribution(written, "x")


# -------------------- no bias, no change


@pytest.mark.parametrize("binary", [False, True])
def test_without_bias_the_answer_itself_comes_back(binary):
    _, arm, score, social = world(1, binary=binary)
    nothing = {
        "unmeasured": (
            ("prevalence", (("support", 0.3), ("none", 0.3))),
            ("effect", 0.2 if binary else 2.0),
        ),
        "misclassified_exposure": (("sensitivity", 1), ("specificity", 1)),
    }
    if binary:
        both = (("with_outcome", 0.4), ("without_outcome", 0.4))
        nothing["selection"] = (("support", both), ("none", both))
    found = rows(run(task(arm, score, social, binary=binary, **nothing)))
    assert [row["biases"] for row in found] == [*nothing, "all"]
    for row in found:
        assert row["median"] == pytest.approx(row["estimate"], abs=1e-10)
        assert row["lo"] == pytest.approx(row["hi"], abs=1e-10)


def test_random_error_is_the_answers_own_where_nothing_is_stretched():
    _, arm, score, social = world(1)
    asked = task(arm, score, social, unmeasured=CAUSE, draws=40_000)
    (row,) = rows(run(asked))
    se = math.sqrt(asked.answers[0].estimate.spread.covariance[0, 0])
    assert row["hi_with_error"] - row["median"] == pytest.approx(1.96 * se, rel=0.03)


# -------------------- the truth at the true biases


@pytest.mark.parametrize("seed", range(3))
def test_an_unmeasured_cause_of_the_true_strength_is_taken_away(seed):
    draw, arm, score, social = world(seed, 200_000)
    cause = draw.random(len(arm)) < np.where(arm == 1, 0.5, 0.2)
    row = rows(run(task(arm, score + 1.2 * cause, social, unmeasured=CAUSE)))[0]
    assert abs(row["estimate"] - 0.5) > 0.3
    assert row["lo_with_error"] - 0.01 <= 0.5 <= row["hi_with_error"] + 0.01


@pytest.mark.parametrize("binary", [False, True])
def test_arms_recorded_wrongly_are_put_right(binary):
    draw, arm, score, social = world(3, 400_000, binary=binary)
    truth = rows(run(task(arm, score, social, binary=binary, unmeasured=CAUSE)))[0]["estimate"]
    recorded = misrecorded(draw, arm, 0.85, 0.95)
    asked = task(recorded, score, social, binary=binary, misclassified_exposure=WRONG)
    (row,) = rows(run(asked))
    half = (row["hi_with_error"] - row["lo_with_error"]) / 2
    assert abs(row["median"] - truth) < 2 * half
    assert abs(row["estimate"] - truth) > 4 * half


def test_arms_recorded_wrongly_by_outcome_are_put_right():
    draw, arm, score, social = world(4, 400_000, binary=True)
    truth = rows(run(task(arm, score, social, binary=True, unmeasured=CAUSE)))[0]["estimate"]
    se, sp = np.where(score == 1, 0.95, 0.8), np.where(score == 1, 0.9, 0.97)
    recorded = misrecorded(draw, arm, se, sp)
    wrong = (
        ("sensitivity", (("with_outcome", 0.95), ("without_outcome", 0.8))),
        ("specificity", (("with_outcome", 0.9), ("without_outcome", 0.97))),
    )
    (row,) = rows(run(task(recorded, score, social, binary=True, misclassified_exposure=wrong)))
    half = (row["hi_with_error"] - row["lo_with_error"]) / 2
    assert abs(row["median"] - truth) < 2 * half
    assert abs(row["estimate"] - truth) > 5 * half


def chosen(draw, arm, score):
    table = np.array([[CHOSEN[a][1 - y] for y in (0, 1)] for a in ("none", "support")])
    return draw.random(len(arm)) < table[arm, score.astype(int)]


@pytest.mark.parametrize("ratio", [False, True])
def test_selection_is_undone(ratio):
    draw, arm, score, social = world(5, 400_000, binary=True)
    kept = chosen(draw, arm, score)
    if ratio:
        truth = math.exp(ratio_task(arm, score).answers[0].estimate.value[0])
        (row,) = rows(run(ratio_task(arm[kept], score[kept], selection=SELECTED)))
    else:
        truth = rows(run(task(arm, score, social, binary=True, unmeasured=CAUSE)))[0]["estimate"]
        asked = task(arm[kept], score[kept], social[kept], binary=True, selection=SELECTED)
        (row,) = rows(run(asked))
    half = (row["hi_with_error"] - row["lo_with_error"]) / 2
    assert abs(row["median"] - truth) < 2 * half
    assert abs(row["estimate"] - truth) > 5 * half


@pytest.mark.parametrize("ratio", [False, True])
def test_all_three_together_are_undone(ratio):
    """A cause that doubles the risk (or adds to it), then selection, then wrong records."""
    draw = np.random.default_rng(7)
    n = 1_000_000
    arm = (draw.random(n) < 0.4).astype(int)
    cause = draw.random(n) < np.where(arm == 1, 0.5, 0.2)
    risk = 0.15 * 1.4**arm * 2.0**cause if ratio else 0.2 + 0.1 * arm + 0.25 * cause
    score = (draw.random(n) < risk) * 1.0
    kept = chosen(draw, arm, score)
    recorded = misrecorded(draw, arm, 0.85, 0.95)[kept]
    effect = 2.0 if ratio else 0.25
    options = {
        "unmeasured": (CAUSE[0], ("effect", effect)),
        "misclassified_exposure": WRONG,
        "selection": SELECTED,
    }
    if ratio:
        asked = ratio_task(recorded, score[kept], **options)
    else:
        asked = task(
            recorded, score[kept], draw.standard_normal(kept.sum()), binary=True, **options
        )
    row = rows(run(asked))[-1]
    assert row["biases"] == "all"
    half = (row["hi_with_error"] - row["lo_with_error"]) / 2
    assert abs(row["median"] - (1.4 if ratio else 0.1)) < 2 * half
    assert abs(row["estimate"] - (1.4 if ratio else 0.1)) > 5 * half


@pytest.mark.parametrize("kind", ["number", "share", "ratio"])
def test_limits_with_random_error_hold_the_truth_as_often_as_they_say(kind):
    """Where sensitivity and specificity are known only the random error is left, stretched."""
    held = []
    binary = kind != "number"
    _, arm, score, social = world(0, 1_000_000, binary=binary)
    truth = 0.5
    if kind == "share":
        asked = task(arm, score, social, binary=True, unmeasured=CAUSE)
        truth = rows(run(asked))[0]["estimate"]
    if kind == "ratio":
        truth = math.exp(ratio_task(arm, score).answers[0].estimate.value[0])
    for seed in range(1, 201):
        draw, arm, score, social = world(seed, 800, binary=binary)
        recorded = misrecorded(draw, arm, 0.85, 0.95)
        options = {"misclassified_exposure": WRONG, "draws": 1000}
        if kind == "ratio":
            asked = ratio_task(recorded, score, **options)
        else:
            asked = task(recorded, score, social, binary=binary, **options)
        (row,) = rows(run(asked))
        held.append(row["lo_with_error"] <= truth <= row["hi_with_error"])
    assert 0.90 <= np.mean(held) <= 0.99


# -------------------- chance makes no answer surer

TAILS = (0.025, 0.975)


def lumps(draw, size):
    """Draws of many shapes: near, far apart, skewed, with few far out."""
    few = np.where(draw.random(size) < 0.03, -10.0, 0.0)
    return (
        draw.standard_normal(size),
        draw.uniform(-1, 1, size),
        draw.exponential(2.0, size),
        draw.standard_t(1.2, size),
        np.where(draw.random(size) < 0.5, -5.0, 5.0),
        few,
        np.full(size, 3.0),
    )


@pytest.mark.parametrize("size", [60, 1000])
@pytest.mark.parametrize("error", [1e-9, 0.03, 1.0, 20.0])
def test_limits_with_error_are_never_within_those_without(size, error):
    for seed in range(5):
        draw = np.random.default_rng(seed)
        for centre in lumps(draw, size):
            spread = error * draw.uniform(0, 3, size) ** 2
            low, high = limits_with_error(centre, spread, tails=TAILS)
            plain = np.quantile(centre, TAILS)
            assert low <= plain[0] and high >= plain[1]


def test_limits_with_error_hold_as_much_as_they_say():
    """By as many draws of the error as it takes; exactly as much where nothing lumps."""
    draw = np.random.default_rng(3)
    for centre in lumps(draw, 500):
        spread = draw.uniform(0.2, 2, 500)
        low, high = limits_with_error(centre, spread, tails=TAILS)
        noisy = centre + spread * draw.standard_normal((2000, 500))
        assert np.mean((noisy >= low) & (noisy <= high)) > 0.95 - 0.001
    normal = draw.standard_normal(200_000)
    low, high = limits_with_error(normal, np.full(200_000, 2.0), tails=TAILS)
    assert high == pytest.approx(1.96 * math.sqrt(5), rel=0.01)
    assert low == pytest.approx(-1.96 * math.sqrt(5), rel=0.01)


def test_two_far_lumps_would_seem_surer_with_chance():
    """The quantile of the mixture alone lies inside that of its lumps."""
    centre = np.where(np.arange(1000) < 30, -10.0, 0.0)
    low, _ = limits_with_error(centre, np.ones(1000), tails=TAILS)
    noisy = centre + np.random.default_rng(1).standard_normal((500, 1000))
    assert np.quantile(noisy, 0.025) > -9.5
    assert low == -10.0


@pytest.mark.parametrize("seed", range(4))
def test_an_answer_with_wide_biases_is_no_surer_with_chance(seed):
    draw, arm, score, social = world(seed, 2000)
    recorded = misrecorded(draw, arm, 0.85, 0.9)
    wrong = (
        ("sensitivity", (("uniform", (0.6, 0.99)),)),
        ("specificity", (("uniform", (0.5, 0.99)),)),
    )
    (row,) = rows(run(task(recorded, score, social, misclassified_exposure=wrong, draws=500)))
    assert row["lo_with_error"] <= row["lo"] <= row["median"]
    assert row["median"] <= row["hi"] <= row["hi_with_error"]


# -------------------- what cannot be is left out


@pytest.mark.parametrize("specificity", [0.6, 0.45])
def test_a_correction_that_leaves_the_arm_nothing_of_its_own_has_no_number(specificity):
    """With most children recorded with provision, so poor a record would leave next to nothing."""
    _, arm, score, social = world(2, 2000)
    wrong = (("sensitivity", 0.58), ("specificity", specificity))
    (row,) = rows(run(task(arm, score, social, misclassified_exposure=wrong)))
    assert row["median"] is None and row["impossible"] == 100
    assert "every draw is impossible" in row["remark"]


def test_a_difference_beyond_what_the_outcome_can_be_is_impossible():
    _, arm, score, social = world(1)
    far = (CAUSE[0], ("effect", -3 * float(np.ptp(score))))
    (row,) = rows(run(task(arm, score, social, unmeasured=far)))
    assert row["median"] is None and row["impossible"] == 100


@pytest.mark.parametrize(("effect", "possible"), [(0.3, True), (0.95, False), (-0.6, False)])
def test_no_risk_is_above_one_or_below_nothing(effect, possible):
    """Risks of about 0.3 and 0.4; half with the cause in one arm, a fifth in the other."""
    _, arm, score, social = world(1, 5000, binary=True)
    cause = (CAUSE[0], ("effect", effect))
    (row,) = rows(run(task(arm, score, social, binary=True, unmeasured=cause)))
    assert (row["median"] is not None) == possible
    assert row["impossible"] == (0 if possible else 100)


def test_no_risk_is_above_one_by_a_ratio():
    _, arm, score, _ = world(1, 5000, binary=True)
    score = np.where(np.arange(5000) % 3 == 0, 1.0, score)
    strong = (CAUSE[0], ("effect", 9.0))
    (row,) = rows(run(ratio_task(arm, score, unmeasured=strong)))
    assert row["median"] is None
    (row,) = rows(run(ratio_task(arm, score, unmeasured=(CAUSE[0], ("effect", 1.3)))))
    assert row["impossible"] == 0


@pytest.mark.parametrize(("effect", "possible"), [(0.05, True), (0.5, False)])
def test_no_rate_is_below_nothing(effect, possible):
    """Rates of about 0.05: an effect on another outcome, in its unit, would make them negative."""
    draw, arm, _, social = world(1, 3000)
    time = np.full(3000, 300.0)
    count = draw.poisson(0.05 * time)
    asked = task(arm, count / time, social, unmeasured=(CAUSE[0], ("effect", effect)))
    outcome = Outcome("count", count.astype(float), exposure=time)
    asked = replace(asked, cohort=replace(asked.cohort, outcomes={"score": outcome}))
    (row,) = rows(run(asked))
    assert (row["median"] is not None) == possible


@pytest.mark.parametrize(
    ("spread", "words", "told"),
    [(0.05, "", True), (0.15, "many draws are impossible", True), (2.0, "more than half", False)],
)
def test_how_many_draws_are_impossible_decides_what_is_told(spread, words, told):
    _, arm, score, social = world(1)
    share = (("normal", (0.2, spread)),)
    cause = (("prevalence", (("support", share), ("none", 0.2))), ("effect", 1.0))
    (row,) = rows(run(task(arm, score, social, unmeasured=cause, draws=5000)))
    assert (row["median"] is not None) == told
    assert row["remark"].startswith(words) and bool(row["remark"]) == bool(words)


# -------------------- each outcome its own


def two_outcomes(*, scale="difference", **options):
    """Two outcomes whose units differ a hundredfold."""
    _, arm, score, social = world(1)
    cohort = make_cohort(arm, score, {"social": social})
    more = Outcome("continuous", 100 * score)
    cohort = replace(cohort, outcomes={"score": cohort.outcomes["score"], "points": more})
    specs = tuple(OutcomeSpec(name, name) for name in ("score", "points"))
    study = make_study(("social",), outcomes=specs, scale=scale)
    terms = tuple(
        Term(name, pair("support", "none"), Target("ate")) for name in ("score", "points")
    )
    answers = refit_ols(cohort, ("social",), terms)
    return SensitivityTask(study, cohort, answers, refit_ols, {"draws": 100, **options})


def test_each_outcome_has_its_own_effect():
    effects = ("effect", (("score", 1.2), ("points", 120.0)))
    found = rows(run(two_outcomes(unmeasured=(CAUSE[0], effects))))
    moved = {row["outcome"]: row["median"] - row["estimate"] for row in found}
    assert moved["points"] == pytest.approx(100 * moved["score"])
    assert moved["score"] == pytest.approx(-0.36)
    blocks = (("score", CAUSE), ("points", (CAUSE[0], ("effect", 120.0))))
    again = rows(run(two_outcomes(unmeasured=blocks)))
    assert [row["median"] for row in again] == [row["median"] for row in found]


def test_an_outcome_without_its_own_is_not_corrected_and_it_says_so():
    found = rows(run(two_outcomes(unmeasured=(CAUSE[0], ("effect", (("score", 1.2),))))))
    by_name = {row["outcome"]: row for row in found}
    assert by_name["score"]["median"] is not None
    assert by_name["points"]["median"] is None
    assert by_name["points"]["remark"] == "not computed: none is supposed of this outcome"


def test_one_difference_for_two_outcomes_is_a_fault():
    with pytest.raises(UsageError, match=r"effect: \{score: …, points: …\}"):
        run(two_outcomes(unmeasured=CAUSE))


def test_an_answer_by_an_instrument_is_named_and_not_corrected():
    _, arm, score, social = world(1)
    asked = task(arm, score, social, unmeasured=CAUSE)
    other = replace(asked.answers[0].estimate.terms[0], target=Target("compliers"))
    answer = Answer("iv", Estimate((other,), np.array([2.0]), Matrix(np.eye(1))))
    row = rows(run(replace(asked, answers=(*asked.answers, answer))))[-1]
    assert row["estimator"] == "iv" and row["median"] is None and row["estimate"] == 2.0
    assert row["remark"] == "not corrected: rests on an instrument, not on children being alike"


# -------------------- what is left out is said


def test_impossible_draws_are_counted():
    _, arm, score, social = world(1)
    spread = (("normal", (0.5, 0.5)),)
    cause = (("prevalence", (("support", spread), ("none", 0.2))), ("effect", 1.0))
    (row,) = rows(run(task(arm, score, social, unmeasured=cause, draws=20_000)))
    assert row["impossible"] == pytest.approx(2 * 0.1587 * 20_000, rel=0.05)
    assert "many draws are impossible" in row["remark"]


def test_records_that_could_not_come_about_are_impossible():
    """A specificity of 0.4 would have more children recorded wrongly than are recorded at all."""
    _, arm, score, social = world(1)
    wrong = (("sensitivity", 0.9), ("specificity", 0.4))
    (row,) = rows(run(task(arm, score, social, misclassified_exposure=wrong)))
    assert row["median"] is None and row["impossible"] == 100
    assert "every draw is impossible" in row["remark"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"selection": SELECTED}, "for a yes-or-no outcome only"),
        (
            {
                "misclassified_exposure": (
                    ("sensitivity", (("with_outcome", 0.9), ("without_outcome", 0.8))),
                    ("specificity", 1),
                )
            },
            "for a yes-or-no outcome only",
        ),
    ],
)
def test_a_number_has_no_correction_by_outcome(options, words):
    _, arm, score, social = world(1)
    (row,) = rows(run(task(arm, score, social, **options)))
    assert row["median"] is None and words in row["remark"]


def test_three_arms_are_not_put_right():
    _, arm, score, social = world(1)
    arm = np.where(np.arange(1000) % 5 == 0, 2, arm)
    cohort = make_cohort(arm, score, {"social": social}, arms=("none", "support", "plan"))
    study = make_study(("social",))
    (row,) = rows(run(make_task(cohort, study, misclassified_exposure=WRONG, draws=100)))
    assert "between two arms only" in row["remark"]


def test_collinear_covariates_change_nothing():
    draw, arm, score, social = world(1)
    recorded = misrecorded(draw, arm, 0.85, 0.95)
    (row,) = rows(run(task(recorded, score, social, misclassified_exposure=WRONG)))
    again = {"social": social, "again": 3 - 2 * social, "same": np.ones(1000)}
    cohort = make_cohort(recorded, score, again)
    asked = make_task(cohort, make_study(("social",)), misclassified_exposure=WRONG, draws=100)
    wider = replace(asked, study=make_study(("social", "again", "same")))
    (other,) = rows(run(wider))
    assert other["median"] == pytest.approx(row["median"], rel=1e-7)


def test_a_weight_of_two_is_a_child_twice():
    draw, arm, score, social = world(1)
    recorded = misrecorded(draw, arm, 0.85, 0.95)
    weight = 1.0 + (np.arange(1000) % 3 == 0)
    again = np.repeat(np.arange(1000), weight.astype(int))
    doubled = task(recorded[again], score[again], social[again], misclassified_exposure=WRONG)
    weighted = task(recorded, score, social, misclassified_exposure=WRONG)
    weighted = replace(weighted, cohort=replace(weighted.cohort, weight=weight))
    moved = [
        row["median"] - row["estimate"] for one in (doubled, weighted) for row in rows(run(one))
    ]
    assert moved[0] == pytest.approx(moved[1])


def test_the_same_study_draws_the_same_numbers():
    _, arm, score, social = world(1)
    spread = (("uniform", (0.8, 0.95)),)
    wrong = (("sensitivity", spread), ("specificity", 0.99))
    asked = task(arm, score, social, misclassified_exposure=wrong)
    assert rows(run(asked)) == rows(run(asked))
    other = replace(asked, study=replace(asked.study, seed=1))
    assert rows(run(other))[0]["median"] != rows(run(asked))[0]["median"]


def test_an_outcome_that_does_not_vary_is_refused():
    _, arm, score, social = world(1)
    asked = task(arm, score, social, misclassified_exposure=WRONG)
    flat = make_cohort(arm, np.ones(1000), {"social": social})
    with pytest.raises(TooFew, match="does not vary"):
        run(replace(asked, cohort=flat))


def test_without_an_effect_there_is_nothing_to_correct():
    _, arm, score, social = world(1)
    asked = task(arm, score, social, misclassified_exposure=WRONG)
    with pytest.raises(Unanswerable, match="leans on children being alike"):
        run(replace(asked, answers=()))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs one or more of unmeasured"),
        ({"unmeasured": 0.3}, "unmeasured must give prevalence and effect"),
        ({"unmeasured": (CAUSE[0],)}, "unmeasured must give prevalence and effect"),
        ({"unmeasured": (*CAUSE, ("more", 1))}, "and only these"),
        (
            {"unmeasured": (("prevalence", (("help", 0.3), ("none", 0.1))), CAUSE[1])},
            "The arms are: none or support",
        ),
        (
            {"unmeasured": (CAUSE[0], ("effect", "strong"))},
            "unmeasured: effect must be a number",
        ),
        ({"misclassified_exposure": (("sensitivity", 0.9),)}, "sensitivity and specificity"),
        ({"selection": (("support", 0.9), ("none", 0.8))}, "with_outcome"),
        ({"selection": (SELECTED[0],)}, "in two arms or more"),
        ({"unmeasured": CAUSE, "draws": 10}, "draws must be a whole number between 100"),
        ({"unmeasured": CAUSE, "draws": 200.5}, "draws must be a whole number"),
    ],
)
def test_wrong_options_are_named_with_the_mend(options, words):
    _, arm, score, social = world(1)
    with pytest.raises(UsageError, match=words):
        run(task(arm, score, social, **options))


def test_every_wrong_option_is_named_at_once():
    _, arm, score, social = world(1)
    cause = (("prevalence", (("support", "x"), ("none", "y"))), ("effect", "z"))
    wrong = (("sensitivity", "u"), ("specificity", "v"))
    with pytest.raises(UsageError) as fault:
        run(task(arm, score, social, unmeasured=cause, misclassified_exposure=wrong, draws=1))
    assert len(fault.value.problems) == 6
