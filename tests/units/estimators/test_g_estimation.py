"""G-estimation: stacked equations by hand, an instrumental-variable oracle, laws, and worlds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from linearmodels.iv import IV2SLS
from scipy import optimize

from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.model import Models, linear
from fingerpost.core.outcome import Outcome
from suites.worlds import ARMS, GIVEN, SCHOOL_SD, SCORE, World, design, term
from units.estimators.cases import ATE, said, small
from units.estimators.jackknife import CENSORED, ask, censored, check_influence, hide
from units.estimators.sandwich import Children, Equations, children_of, covariance, scores

BLIP = Target("conditional")


def stepped(
    n: int = 900, *, seed: int = 1, kind: str = "continuous", arms: int = 3, bend: float = 0.2
) -> Cohort:
    """Return children on whom each step up in arm has the effect 0.4 + bend × boy: added to a mean
    that is not linear in the index, or, for a count, to the logarithm of a rate.
    """
    r = np.random.default_rng(seed)
    x = design(r, n)
    arm = np.argmax(x @ SCORE[:arms].T + r.gumbel(size=(n, arms)), axis=1)
    school = r.integers(0, 60, n)
    effect = arm * (0.4 + bend * x[:, 2])
    time = r.uniform(0.5, 2.0, n)
    if kind == "continuous":
        base = 9 + 0.8 * x[:, 1] + 0.4 * x[:, 1] ** 2 + r.normal(0, SCHOOL_SD, 60)[school]
        outcome = Outcome(kind, base + effect + r.standard_normal(n))
    else:
        mean = time * np.exp(0.3 * x[:, 1] - 0.1 * x[:, 1] ** 2 + effect)
        outcome = Outcome(kind, r.poisson(mean).astype(float), exposure=time)
    columns = {
        "index": Column(x[:, 1].copy()),
        "boy": Column(x[:, 2].astype(np.int64), ("girl", "boy")),
    }
    return Cohort(np.arange(n), ARMS[:arms], arm, {"y": outcome}, columns, {"school": school})


def parts(found: Children, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each child's score equations, its dose, and its dose less what was expected."""
    k = len(found.arms)
    e = scores(found, theta[: (k - 1) * 3].reshape(k - 1, 3))
    levels = np.arange(k)
    own = [(found.weight * (found.c[:, j] - e[:, j]))[:, None] * found.x for j in range(1, k)]
    return np.column_stack(own), found.c @ levels, found.c @ levels - e @ levels


def blip_equations(
    found: Children, v: np.ndarray, scale: str, beside: bool
) -> tuple[Equations, int]:
    """Return the equations: the score's, the blip's and, if asked, a line of the outcome's; last,
    the mean of the modifiers.
    """
    q, m = 3 * (len(found.arms) - 1), v.shape[1]

    def every_child(theta: np.ndarray) -> np.ndarray:
        score_parts, dose, surprise = parts(found, theta)
        psi, line, middle = theta[q : q + m], theta[q + m : -m], theta[-m:]
        if scale == "ratio":
            left = found.y * np.exp(-dose * (v @ psi))
        else:
            left = found.y - found.time * dose * (v @ psi)
        if beside:
            left = left - found.time * (found.x @ line)
        columns = [score_parts, (found.weight * surprise * left)[:, None] * v]
        if beside:
            columns.append((found.weight * left)[:, None] * found.x)
        return np.column_stack([*columns, (found.weight * found.time)[:, None] * (v - middle)])

    return every_child, q + 2 * m + 3 * beside


def oracle(
    cohort: Cohort, *, modified: bool, scale: str = "difference", beside: bool = False
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return ψ and its errors, and the mean blip of two steps up with its error."""
    found = children_of(cohort)
    v = found.x[:, [0, 2]] if modified else found.x[:, :1]
    every_child, size = blip_equations(found, v, scale, beside)
    theta = optimize.root(lambda at: every_child(at).sum(axis=0), np.zeros(size), tol=1e-13).x
    assert np.abs(every_child(theta).sum(axis=0)).max() < 1e-6
    whole = covariance(every_child, theta, found.school)
    q, m = 3 * (len(found.arms) - 1), v.shape[1]
    at, middle = slice(q, q + m), theta[-m:]
    psi, gradient = theta[at], np.zeros(size)
    gradient[at], gradient[-m:] = 2 * middle, 2 * psi
    errors = np.sqrt(np.diag(whole)[at])
    return psi, errors, float(2 * middle @ psi), float(np.sqrt(gradient @ whole @ gradient))


def check(cohort: Cohort, *, modified: bool, scale: str = "difference", beside: bool = False):
    """Compare the leaf with the stacked equations."""
    kind = cohort.outcomes["y"].kind
    asked = term(kind, BLIP, scale, ("plan", "none"))
    options = {"modifiers": "boy"} if modified else {}
    answer = ask("g_estimation", cohort, asked, outcome_model=beside, **options)
    psi, errors, value, error = oracle(cohort, modified=modified, scale=scale, beside=beside)
    (table,) = answer.tables
    assert table.column("estimate") == pytest.approx(psi, abs=1e-8)
    assert table.column("se") == pytest.approx(errors, rel=1e-5)
    assert said(answer) == (pytest.approx(value, abs=1e-8), pytest.approx(error, rel=1e-5))


def weighted(cohort: Cohort) -> Cohort:
    return replace(cohort, weight=np.random.default_rng(5).uniform(0.5, 2.0, cohort.n))


@pytest.mark.parametrize("modified", [False, True], ids=["one", "two"])
@pytest.mark.parametrize("beside", [False, True], ids=["", "outcome model"])
@pytest.mark.parametrize("kind", ["continuous", "count"])
def test_values_and_errors_are_those_of_the_stacked_equations(kind, beside, modified):
    cohort = stepped(kind=kind)
    check(cohort, modified=modified, beside=beside)
    check(weighted(cohort), modified=modified, beside=beside)


@pytest.mark.parametrize("modified", [False, True], ids=["one", "two"])
def test_ratios_too(modified):
    cohort = stepped(kind="count")
    check(cohort, modified=modified, scale="ratio")
    check(weighted(cohort), modified=modified, scale="ratio")


def test_it_is_an_instrument_made_of_surprise():
    """The equations are those of instrumental variables, the instrument being A − E[A | L]."""
    cohort = small("continuous")
    found = children_of(cohort)
    e = scores(found, fitted_score(found))[:, 1]
    a = found.c[:, 1]
    two_stage = IV2SLS(found.y, None, a, a - e).fit()
    value, _ = said(ask("g_estimation", cohort, term("continuous", BLIP)))
    assert value == pytest.approx(two_stage.params.iloc[0], abs=1e-9)


def fitted_score(found: Children) -> np.ndarray:
    """Return the coefficients of a logit of support."""

    def sums(beta: np.ndarray) -> np.ndarray:
        return found.x.T @ (found.c[:, 1] - scores(found, beta.reshape(1, 3))[:, 1])

    return optimize.root(sums, np.zeros(3), tol=1e-13).x.reshape(1, 3)


def test_a_ratio_of_two_arms_has_a_closed_form():
    cohort = small("count")
    found = children_of(cohort)
    e = scores(found, fitted_score(found))[:, 1]
    a = found.c[:, 1]
    value, _ = said(ask("g_estimation", cohort, term("count", BLIP, "ratio")))
    exact = np.log(((1 - e) * a) @ found.y / ((e * (1 - a)) @ found.y))
    assert value == pytest.approx(exact, abs=1e-10)


def test_declared_equal_effects_make_it_the_ate():
    cohort = stepped()
    blip = said(ask("g_estimation", cohort, term("continuous", BLIP), modifiers="boy"))
    options = {"modifiers": "boy", "homogeneous": True}
    assert said(ask("g_estimation", cohort, term("continuous", ATE), **options)) == blip


def test_the_ate_as_a_ratio_is_of_mean_outcomes_not_a_mean_of_ratios():
    cohort = stepped(200_000, kind="count", bend=1.0, arms=2)
    x = design(np.random.default_rng(1), 2_000_000)
    base = np.exp(0.3 * x[:, 1] - 0.1 * x[:, 1] ** 2)
    exact = np.log(np.mean(base * np.exp(0.4 + x[:, 2])) / np.mean(base))
    options = {"modifiers": "boy", "homogeneous": True}
    value, error = said(ask("g_estimation", cohort, term("count", ATE, "ratio"), **options))
    mean_of_logs, _ = said(
        ask("g_estimation", cohort, term("count", BLIP, "ratio"), modifiers="boy")
    )
    assert abs(value - exact) < 4.5 * error
    assert mean_of_logs == pytest.approx(0.9, abs=0.03)
    assert abs(mean_of_logs - exact) > 0.05


CASES = [
    ("continuous", BLIP, "difference", {}),
    ("continuous", BLIP, "difference", {"modifiers": ("boy", "index")}),
    ("continuous", BLIP, "difference", {"outcome_model": True, "modifiers": "boy"}),
    ("count", BLIP, "difference", {"modifiers": "boy"}),
    ("count", BLIP, "ratio", {"modifiers": "boy"}),
    ("count", ATE, "ratio", {"modifiers": "boy", "homogeneous": True}),
]


@pytest.mark.parametrize(("kind", "target", "scale", "options"), CASES)
@pytest.mark.parametrize("models", [None, CENSORED], ids=["all seen", "not all seen"])
def test_influence_is_how_the_answer_moves(kind, target, scale, options, models):
    cohort = weighted(stepped(kind=kind))
    cohort = cohort if models is None else hide(cohort, 4)
    asked = term(kind, target, scale, ("plan", "none"))
    check_influence("g_estimation", cohort, asked, models=models, **options)


def cover(
    draw: Callable[[int], Cohort], asked: Term, exact: float, *, models=None, **options
) -> None:
    """Check bias and coverage over 200 worlds."""
    values, inside = [], []
    for seed in range(200):
        found = ask("g_estimation", draw(seed), asked, models=models, **options).estimate
        low, high = intervals(found)[0]
        values.append(found.value[0])
        inside.append(low <= exact <= high)
    spread = np.std(values, ddof=1)
    assert abs(np.mean(values) - exact) <= max(3.5 * spread / np.sqrt(200), 0.10 * spread)
    assert 0.90 <= np.mean(inside) <= 0.99


def test_coverage_where_effects_are_equal():
    world = World(n=600, schools=60, arms=2, equal_effects=True)
    asked = term("continuous", BLIP)
    cover(world.draw, asked, world.truth(asked.on(ATE)))


def test_coverage_with_a_modifier_three_arms_and_a_line_of_the_outcome():
    """Effects per step 0.4, 0.2 more for boys, half of the children: two steps on average 1.0."""
    asked = term("continuous", ATE, arms=("plan", "none"))
    options = {"modifiers": "boy", "homogeneous": True, "outcome_model": True}
    cover(lambda seed: stepped(600, seed=seed), asked, 1.0, **options)


def test_coverage_of_a_ratio():
    asked = term("count", BLIP, "ratio", ("support", "none"))
    cover(lambda seed: stepped(600, seed=seed, kind="count", bend=0.0), asked, 0.4)


def test_coverage_where_a_fifth_were_not_seen():
    asked = term("continuous", BLIP)
    cover(lambda seed: hide(stepped(600, seed=seed, bend=0.0), seed), asked, 0.4, models=CENSORED)


def test_a_wrong_exposure_model_is_mended_by_a_right_line_of_the_outcome():
    world = World(n=20_000, arms=2, equal_effects=True)
    cohort, asked = world.draw(9), term("continuous", BLIP)
    exact = world.truth(asked.on(ATE))
    coarse = Column(np.sign(np.asarray(cohort.covariates["index"].values)))
    told = replace(cohort, covariates={**cohort.covariates, "coarse": coarse})
    right, wrong = linear(GIVEN), linear(("coarse", "boy"))

    def away(exposure, outcome, **options) -> float:
        models = Models(exposure, outcome)
        value, error = said(ask("g_estimation", told, asked, models=models, **options))
        return abs(value - exact) / error

    assert away(right, wrong) < 4.5
    assert away(right, wrong, outcome_model=True) < 4.5
    assert away(wrong, right, outcome_model=True) < 4.5
    assert away(wrong, right) > 4.5
    assert away(wrong, wrong, outcome_model=True) > 4.5


def test_taking_a_line_off_sharpens_the_answer():
    """Where the exposure model has terms that the line lacks, the line is worth having; where it
    has the same, a logit has taken it off already and the two are one.
    """
    cohort = stepped()
    asked = term("continuous", BLIP)
    plain = said(ask("g_estimation", cohort, asked))
    assert said(ask("g_estimation", cohort, asked, outcome_model=True)) == pytest.approx(plain)
    fewer = Models(exposure=linear(("boy",)))
    flat = stepped(seed=2)
    r = np.random.default_rng(0)
    flat = replace(flat, arm=r.integers(0, 3, flat.n))
    before = said(ask("g_estimation", flat, asked, models=fewer))
    after = said(ask("g_estimation", flat, asked, models=fewer, outcome_model=True))
    assert after[1] < 0.9 * before[1]


def test_levels_of_a_category_are_modifiers_each():
    cohort = stepped()
    need = np.random.default_rng(1).integers(0, 3, cohort.n)
    told = replace(
        cohort, covariates={**cohort.covariates, "need": Column(need, ("a", "b", "missing"))}
    )
    asked = term("continuous", BLIP)
    models = Models(linear((*GIVEN, "need")), linear((*GIVEN, "need")))
    with pytest.raises(UsageError, match="not among the covariates given"):
        ask("g_estimation", told, asked, models=models, modifiers=("need",))
    answer = ask("g_estimation", told, asked, given=(*GIVEN, "need"), modifiers=("need", "index"))
    names = answer.tables[0].column("parameter")
    assert names == ("blip", "blip × need = b", "blip × need = missing", "blip × index")


def test_few_schools_give_the_table_no_interval_either():
    cohort = World(n=300, schools=8, arms=2).draw(1)
    answer = ask("g_estimation", cohort, term("continuous", BLIP))
    assert standard_errors(answer.estimate) is None
    assert answer.tables[0].column("se") == (None,)
    assert answer.tables[0].column("lo") == (None,)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"modifiers": "ghost"}, "ghost"),
        ({"modifiers": 3}, "modifiers"),
        ({"modifiers": ()}, "modifiers"),
        ({"homogeneous": "yes"}, "true or false"),
        ({"outcome_model": 1}, "true or false"),
    ],
)
def test_options_of_the_wrong_kind_are_wrong_questions(options, words):
    with pytest.raises(UsageError, match=words):
        ask("g_estimation", small("continuous"), term("continuous", BLIP), **options)


def test_a_line_of_the_outcome_is_for_differences():
    with pytest.raises(UsageError, match="for differences"):
        ask("g_estimation", small("count"), term("count", BLIP, "ratio"), outcome_model=True)


def test_modifiers_that_repeat_each_other_are_refused():
    cohort = small("continuous")
    again = Column(3 - 2 * np.asarray(cohort.covariates["index"].values))
    told = replace(cohort, covariates={"index": cohort.covariates["index"], "again": again})
    asked = term("continuous", BLIP)
    models, both = Models(linear(("index",)), linear(("index",))), ("index", "again")
    with pytest.raises(Unanswerable, match="repeats another"):
        ask("g_estimation", told, asked, given=both, models=models, modifiers=both)


def test_a_modifier_that_is_missing_or_the_same_for_all_is_refused():
    cohort = small("continuous")
    gap = np.asarray(cohort.covariates["index"].values).copy()
    gap[5] = np.nan
    for column, words in ((gap, "missing for some"), (np.ones(cohort.n), "constant")):
        columns = {**cohort.covariates, "odd": Column(column)}
        told = replace(cohort, covariates=columns)
        asked = term("continuous", BLIP)
        given = (*GIVEN, "odd") if np.isnan(column).any() else GIVEN
        models = Models(linear(GIVEN), linear(GIVEN))
        with pytest.raises(Unanswerable, match=words):
            ask("g_estimation", told, asked, given=given, models=models, modifiers="odd")


def test_a_ratio_of_negative_outcomes_or_of_no_events_has_no_answer():
    cohort = small("continuous")
    below = replace(cohort, outcomes={"y": Outcome("continuous", cohort.outcomes["y"].value - 20)})
    with pytest.raises(Unanswerable, match="never negative"):
        ask("g_estimation", below, term("continuous", BLIP, "ratio"))
    for y in (np.zeros(cohort.n), (cohort.arm == 1).astype(float), (cohort.arm == 0).astype(float)):
        rare = replace(cohort, outcomes={"y": Outcome("count", y)})
        with pytest.raises(Unanswerable, match="events are too few"):
            ask("g_estimation", rare, term("count", BLIP, "ratio"))


def test_those_seen_are_not_those_who_would_have_been():
    """Leaving out the children not seen is another answer than having those seen stand for them."""
    cohort = censored("continuous", 2)
    asked = term("continuous", BLIP)
    here = cohort.outcomes["y"].observed
    complete = replace(cohort.take(here), outcomes={"y": seen_only(cohort, here)})
    first = said(ask("g_estimation", cohort, asked, models=CENSORED))
    second = said(ask("g_estimation", complete, asked))
    assert first[0] != pytest.approx(second[0], abs=1e-4)


def seen_only(cohort: Cohort, here: np.ndarray) -> Outcome:
    return replace(cohort.outcomes["y"].take(here), observed=None)
