"""Incremental effects: stacked equations by hand, laws, limits, and the truth of a world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term
from fingerpost.core.inference import intervals
from fingerpost.core.model import Models, linear
from fingerpost.core.outcome import Outcome
from suites.worlds import GIVEN, SCORE, World, design, mean_of, term
from units.estimators.cases import ATE, said, small
from units.estimators.jackknife import CENSORED, ask, censored, check_influence, hide
from units.estimators.sandwich import MEAN, Children, Equations, children_of, covariance, scores


def more(kind: str, delta: float, scale: str = "difference", **arms) -> Term:
    return term(kind, Target("incremental", delta=delta), scale, **arms)


def truth(world: World, asked: Term, draws: int = 2_000_000) -> float:
    """Return E[Y(odds × δ)] − E[Y], or the log of their ratio, from the world's own model."""
    x = design(np.random.default_rng(77), draws)
    score = np.exp(x @ SCORE[:2].T)
    chance = score[:, 1] / score.sum(axis=1)
    means, delta = mean_of(world.kind, x @ world.outcome.T), asked.target.delta
    moved = delta * chance / (delta * chance + 1 - chance)

    def overall(share: np.ndarray) -> float:
        return float(np.mean(share * means[:, 1] + (1 - share) * means[:, 0]))

    there, here = overall(moved), overall(chance)
    return float(np.log(there / here)) if asked.scale == "ratio" else there - here


def equations(found: Children, delta: float) -> tuple[Equations, int]:
    """Return the equations as the paper writes them: score, outcome by arm, then the mean under δ
    (its efficient influence function, with φ_a the augmented outcome of an arm) and as observed.
    """

    def every_child(theta: np.ndarray) -> np.ndarray:
        beta, gamma, (there, here) = theta[:3].reshape(1, 3), theta[3:9].reshape(2, 3), theta[9:]
        e = scores(found, beta)[:, 1]
        a, t, w = found.c[:, 1], found.time, found.weight
        m = [t * MEAN[found.kind](found.x @ own) for own in gamma]
        parts = [(w * (a - e))[:, None] * found.x]
        parts += [(w * found.c[:, j] * (found.y - m[j]))[:, None] * found.x for j in (0, 1)]
        phi1 = a / e * (found.y - m[1]) + m[1]
        phi0 = (1 - a) / (1 - e) * (found.y - m[0]) + m[0]
        scale = delta * e + 1 - e
        eif = (delta * e * phi1 + (1 - e) * phi0) / scale
        eif += delta * (m[1] - m[0]) * (a - e) / scale**2
        return np.column_stack([*parts, w * (eif - t * there), w * (found.y - t * here)])

    return every_child, 11


def oracle(cohort: Cohort, asked: Term) -> tuple[float, float]:
    """Return the value and its clustered standard error."""
    found = children_of(cohort)
    every_child, size = equations(found, asked.target.delta)
    theta = optimize.root(lambda at: every_child(at).sum(axis=0), np.full(size, 0.1), tol=1e-13).x
    assert np.abs(every_child(theta).sum(axis=0)).max() < 1e-6
    there, here = theta[-2:]
    ratio = asked.scale == "ratio"
    value = np.log(there / here) if ratio else there - here
    gradient = np.zeros(size)
    gradient[-2:] = (1 / there, -1 / here) if ratio else (1, -1)
    variance = gradient @ covariance(every_child, theta, found.school) @ gradient
    return float(value), float(np.sqrt(variance))


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("scale", ["difference", "ratio"])
@pytest.mark.parametrize(("kind", "delta"), [("continuous", 2.0), ("binary", 0.5), ("count", 5.0)])
def test_value_and_error_are_those_of_the_stacked_equations(kind, delta, scale, weighted):
    cohort = small(kind, weighted=weighted)
    asked = more(kind, delta, scale)
    value, error = oracle(cohort, asked)
    found = said(ask("incremental", cohort, asked))
    assert found == (pytest.approx(value, abs=1e-8), pytest.approx(error, rel=1e-5))


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_odds_as_they_are_change_nothing_at_all(kind, scale):
    assert said(ask("incremental", small(kind, weighted=True), more(kind, 1.0, scale))) == (0, 0)


@pytest.mark.parametrize("kind", ["continuous", "count"])
def test_odds_without_end_give_everybody_the_arm(kind):
    """The limit is the augmented mean of the arm less the mean as observed; of odds near nought,
    that of the other arm.
    """
    cohort = small(kind)
    found = children_of(cohort)
    (table,) = ask("aipw", cohort, term(kind, ATE)).tables
    means = {row["arm"]: row["mean"] for row in table.records()}
    here = found.y.sum() / found.time.sum()
    all_of_them, _ = said(ask("incremental", cohort, more(kind, 1e12)))
    none_of_them, _ = said(ask("incremental", cohort, more(kind, 1e-12)))
    assert all_of_them == pytest.approx(means["support"] - here, abs=1e-9)
    assert none_of_them == pytest.approx(means["none"] - here, abs=1e-9)


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_odds_of_the_other_arm_divided_are_the_same_question(scale):
    cohort = small("binary", weighted=True)
    there = said(ask("incremental", cohort, more("binary", 4.0, scale)))
    back = said(ask("incremental", cohort, more("binary", 0.25, scale, arms=("none", "support"))))
    assert back == pytest.approx(there, abs=1e-12)


def test_it_answers_where_some_children_are_all_but_certain():
    """One child in 600 with a probability near nought has nothing to say here, and everything to
    say in a weighted mean.
    """
    world = World(n=3000, schools=60, arms=2)
    cohort = world.draw(5)
    index = np.asarray(cohort.covariates["index"].values).copy()
    far = np.flatnonzero(cohort.arm == 1)[:1]
    index[far] = -40.0
    y = cohort.outcomes["y"].value.copy()
    y[far] += 500.0
    told = replace(
        cohort,
        covariates={**cohort.covariates, "index": Column(index)},
        outcomes={"y": Outcome("continuous", y)},
    )
    # The outcome model does not see the index, so the far child is nowhere near its prediction.
    models = Models(outcome=linear(("boy",)))
    calm = said(ask("incremental", told, more("continuous", 1.25), models=models))
    wild = said(ask("ipw", told, term("continuous", ATE), models=models))
    assert calm[1] < 0.1 < wild[1]


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_the_truth_of_a_world(kind, scale):
    world = World(n=40_000, schools=400, kind=kind, arms=2)
    cohort = world.draw(3)
    for delta in (0.5, 2.0, 5.0):
        value, error = said(ask("incremental", cohort, more(kind, delta, scale)))
        assert abs(value - truth(world, more(kind, delta, scale))) < 4.5 * error


def steep(n: int, seed: int) -> tuple[Cohort, float]:
    """Return children whose arm depends much on the index, with an effect of 2 for all, and the
    truth of odds times 5: twice the rise in who is provided for.
    """
    r = np.random.default_rng(seed)
    x = design(r, n)
    chance = 1 / (1 + np.exp(-1.5 * x[:, 1]))
    arm = (r.random(n) < chance).astype(int)
    outcome = Outcome("continuous", 5 + x[:, 1] + 2 * arm + r.standard_normal(n))
    columns = {"index": Column(x[:, 1].copy()), "boy": Column(x[:, 2].astype(int), ("girl", "boy"))}
    schools = {"school": np.arange(n) % 400}
    cohort = Cohort(np.arange(n), ("none", "support"), arm, {"y": outcome}, columns, schools)
    index = design(np.random.default_rng(1), 2_000_000)[:, 1]
    chance = 1 / (1 + np.exp(-1.5 * index))
    return cohort, 2 * float(np.mean(5 * chance / (1 + 4 * chance) - chance))


def test_the_outcome_model_may_be_wrong_but_not_the_exposure_model():
    cohort, exact = steep(20_000, 9)
    right, wrong = linear(GIVEN), linear(("boy",))

    def away(exposure, outcome) -> float:
        asked, models = more("continuous", 5.0), Models(exposure, outcome)
        value, error = said(ask("incremental", cohort, asked, models=models, deltas=(5,)))
        return abs(value - exact) / error

    assert away(right, right) < 4.5
    assert away(right, wrong) < 4.5
    assert away(wrong, right) > 4.5
    assert away(wrong, wrong) > 4.5


def test_coverage_over_200_worlds():
    world = World(n=600, schools=60, arms=2)
    asked = [more("continuous", delta) for delta in (0.5, 2.0, 5.0)]
    exact = np.array([truth(world, one) for one in asked])
    values, inside = [], []
    for seed in range(200):
        found = ask("incremental", world.draw(seed), *asked, deltas=(2,)).estimate
        bounds = intervals(found)
        values.append(found.value)
        inside.append((bounds[:, 0] <= exact) & (exact <= bounds[:, 1]))
    spread = np.std(values, axis=0, ddof=1)
    bias = np.abs(np.mean(values, axis=0) - exact)
    assert (bias <= np.maximum(3.5 * spread / np.sqrt(200), 0.10 * spread)).all()
    covered = np.mean(inside, axis=0)
    assert ((covered >= 0.90) & (covered <= 0.99)).all(), covered


@pytest.mark.parametrize("scale", ["difference", "ratio"])
@pytest.mark.parametrize("kind", ["continuous", "count"])
def test_influence_where_not_all_were_seen(kind, scale):
    cohort = censored(kind, weighted=True)
    check_influence("incremental", cohort, more(kind, 2.0, scale), models=CENSORED, deltas=(2,))


def test_those_seen_stand_for_those_not_seen():
    world = World(n=40_000, schools=400, arms=2)
    cohort, asked = hide(world.draw(2), 2), more("continuous", 3.0)
    value, error = said(ask("incremental", cohort, asked, models=CENSORED))
    assert abs(value - truth(world, asked)) < 4.5 * error
    assert said(ask("incremental", cohort, more("continuous", 1.0), models=CENSORED)) == (0, 0)


def test_the_curve_repeats_the_answer_and_says_who_would_be_provided_for():
    cohort = small("binary")
    found = children_of(cohort)
    answer = ask("incremental", cohort, more("binary", 2.0))
    rows = {row["delta"]: row for row in answer.tables[0].records()}
    assert list(rows) == [0.5, 0.8, 1.0, 1.25, 2.0, 5.0]
    low, high = intervals(answer.estimate)[0]
    value, error = said(answer)
    own = tuple(rows[2.0][name] for name in ("change", "se", "lo", "hi"))
    assert own == pytest.approx((value, error, low, high))
    shares = [row["provided"] for row in rows.values()]
    assert shares == sorted(shares)
    assert rows[1.0]["provided"] == pytest.approx(found.c[:, 1].mean())  # a logit's own mean
    assert answer.tables[0].counts == (int(found.c.sum(axis=0).min()),) * 6


def test_the_curve_of_a_ratio_is_shown_as_a_ratio():
    answer = ask("incremental", small("binary"), more("binary", 2.0, "ratio"), deltas=(1, 2))
    one, two = answer.tables[0].records()
    assert (one["change"], one["lo"], one["hi"]) == (1, 1, 1)
    low, high = intervals(answer.estimate)[0]
    values = (said(answer)[0], low, high)
    assert (two["change"], two["lo"], two["hi"]) == pytest.approx(tuple(np.exp(values)))


@pytest.mark.parametrize("delta", [None, 0.0, -1.0, float("inf"), float("nan")])
def test_a_delta_that_multiplies_nothing_is_a_wrong_question(delta):
    with pytest.raises(UsageError, match="incremental: 2"):
        ask("incremental", small("binary"), more("binary", delta))


@pytest.mark.parametrize("deltas", [(), (1, -1), ("two",), "2", (True,), (float("nan"),)])
def test_a_curve_over_no_numbers_is_a_wrong_question(deltas):
    with pytest.raises(UsageError, match="deltas"):
        ask("incremental", small("binary"), more("binary", 2.0), deltas=deltas)


def test_three_arms_are_a_wrong_question():
    with pytest.raises(UsageError, match="two levels"):
        ask("incremental", small("binary", 3), more("binary", 2.0))


def test_a_ratio_of_means_below_nought_has_no_meaning():
    cohort = small("continuous")
    below = Outcome("continuous", cohort.outcomes["y"].value - 20)
    with pytest.raises(Unanswerable, match="scale: difference"):
        moved = replace(cohort, outcomes={"y": below})
        ask("incremental", moved, more("continuous", 2.0, "ratio"))
