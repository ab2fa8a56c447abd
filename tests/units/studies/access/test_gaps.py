"""Gaps between groups: a planted gap is found, a gap that is only need is not, and by what law."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from fingerpost.core.answer import Answer
from fingerpost.core.column import Column
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.studies.access.cohort import Grouping
from fingerpost.studies.access.gaps import PROVISION, Gaps, Setting, gaps
from fingerpost.studies.access.need import reach
from units.studies.access import worlds


def found(seed: int, *, n: int = 3000, planted: float = 0.0, recorded: str = worlds.ALL) -> Gaps:
    cohort = worlds.cohort(n, seed=seed, planted=planted, recorded=recorded)
    told = reach(cohort)
    assert told.rows is not None
    own = Setting(cohort, cohort.groupings[0], PROVISION, told.rows, told.among, with_need=True)
    return gaps(worlds.study(), own)


def numbers(answers: tuple[Answer, ...]) -> Iterator[tuple[str, float, float, float]]:
    for answer in answers:
        assert answer.estimate is not None
        ends = intervals(answer.estimate)
        assert ends is not None
        for at, term in enumerate(answer.estimate.terms):
            yield term.target.label(), float(answer.estimate.value[at]), *map(float, ends[at])


def of(gap: Gaps, label: str) -> tuple[float, float, float]:
    return next(rest for name, *rest in numbers(gap.answers) if name == label)  # type: ignore[return-value]


def held(worlds_drawn: int, **made: object) -> tuple[float, float, float]:
    """Return how often intervals hold the truth, the mean, and the mean error of the gap."""
    among = "concern" if made.get("recorded") == worlds.CONCERN else ""
    truth = worlds.truth(float(str(made.get("planted", 0.0))), among)
    told = [of(found(seed, **made), "equal_need") for seed in range(worlds_drawn)]  # type: ignore[arg-type]
    inside = np.mean([low <= truth <= high for _, low, high in told])
    return float(inside), float(np.mean([value for value, _, _ in told]) - truth), truth


@pytest.mark.parametrize("recorded", [worlds.ALL, worlds.CONCERN])
@pytest.mark.parametrize("planted", [-0.5, 0.0])
def test_intervals_hold_a_planted_gap_and_no_gap(planted: float, recorded: str) -> None:
    """Fast form; 2,000 worlds of each kind are in benchmarks/ACCESS.md."""
    inside, away, truth = held(100, planted=planted, recorded=recorded, n=1500)
    assert 0.88 <= inside <= 0.99
    assert abs(away) < 0.011
    if recorded == worlds.ALL:
        assert truth == pytest.approx(0.0 if planted == 0 else -0.075, abs=0.002)


def test_a_gap_that_is_only_need_goes_with_need_and_characteristics() -> None:
    gap = found(1, n=40_000)
    observed, _, _ = of(gap, "association")
    left, low, high = of(gap, "equal_need")
    assert observed > 0.09 and low < 0 < high and abs(left) < 0.012
    by_need, by_rest = of(gap, "explained need"), of(gap, "explained characteristics")
    assert by_need[1] > 0.03 and by_rest[1] > 0.03


def test_the_parts_add_up_exactly() -> None:
    gap = found(2, planted=-0.5)
    parts = ("explained need", "explained characteristics", "equal_need")
    assert sum(of(gap, part)[0] for part in parts) == pytest.approx(of(gap, "association")[0])


def test_standardised_gaps_are_those_of_an_ordinary_logit() -> None:
    """Against statsmodels: the means of a logit's predictions, all in one group then the other."""
    cohort = worlds.cohort(3000, seed=5, planted=-0.5)
    told = gaps(
        worlds.study(), Setting(cohort, cohort.groupings[0], PROVISION, cohort.provided | True)
    )
    fsm = cohort.groupings[0].codes
    social = cohort.covariates["social"].values
    x = np.column_stack([np.ones(3000), fsm, social])
    fit = GLM(cohort.provided.astype(float), x, family=Binomial()).fit()
    high, low = (
        expit(np.column_stack([np.ones(3000), g * np.ones(3000), social]) @ fit.params)
        for g in (1, 0)
    )
    assert of(told, "alike")[0] == pytest.approx(high.mean() - low.mean(), abs=1e-8)
    # Its error: leaving out one school at a time.
    schools, values = cohort.places["school"], []
    for school in np.unique(schools):
        kept = schools != school
        again = GLM(cohort.provided[kept].astype(float), x[kept], family=Binomial()).fit()
        ends = [
            expit(
                np.column_stack([np.ones(kept.sum()), g * np.ones(kept.sum()), social[kept]])
                @ again.params
            ).mean()
            for g in (1, 0)
        ]
        values.append(ends[0] - ends[1])
    g = len(values)
    jackknife = np.sqrt((g - 1) / g * np.sum((np.array(values) - np.mean(values)) ** 2))
    alike = next(answer for answer in told.answers if answer.leaf == "alike")
    assert alike.estimate is not None
    errors = standard_errors(alike.estimate)
    assert errors is not None and errors[0] == pytest.approx(jackknife, rel=0.02)


def test_a_gap_is_not_adjusted_for_itself() -> None:
    cohort = worlds.cohort(2000, seed=6)
    own = replace(cohort.groupings[0], own=("social",))
    told = gaps(worlds.study(), Setting(cohort, own, PROVISION, cohort.provided | True))
    # Nothing is left to adjust for, so the gap alike is the observed one.
    assert of(told, "alike") == pytest.approx(of(told, "association"), abs=1e-9)


def test_groups_of_too_few_are_refused_and_the_rest_answered() -> None:
    cohort = worlds.cohort(2000, seed=7)
    codes = cohort.groupings[0].codes.copy()
    codes[:7] = 2
    three = Grouping("g", "group", ("a", "b", "few"), codes, ("fsm",))
    told = gaps(worlds.study(), Setting(cohort, three, PROVISION, cohort.provided | True))
    (refusal,) = told.refusals
    assert refusal.terms[0].words() == "few v a"
    assert refusal.rules[0].rule == "children" and "7 children" in refusal.rules[0].words
    assert {term.words() for term in told.terms} == {"b v a"}


def test_where_the_group_compared_with_is_too_small_nothing_is_answered() -> None:
    cohort = worlds.cohort(2000, seed=8)
    codes = np.ones(2000, dtype=int)
    codes[:5] = 0
    told = gaps(
        worlds.study(),
        Setting(
            cohort,
            Grouping("g", "group", ("few", "rest"), codes),
            PROVISION,
            cohort.provided | True,
        ),
    )
    assert told.answers == () and len(told.refusals) == 1


def test_a_condition_that_brings_provision_for_certain_bars_no_gap() -> None:
    """Children with it are provided for in either group: the gap is that of the others, thinned."""
    made = worlds.cohort(3000, seed=5, planted=-0.5)
    marked = np.random.default_rng(6).random(3000) < 0.03
    assert 40 < marked.sum() < 160
    columns = {**made.covariates, "marked": Column(marked.astype(float))}
    whole = replace(made, covariates=columns, provided=made.provided | marked)
    every = np.ones(3000, dtype=bool)
    rest = ~marked
    own = Setting(whole, whole.groupings[0], PROVISION, every, with_need=True)
    others = gaps(worlds.study(), replace(own, rows=rest))
    found = gaps(worlds.study(), own)
    assert not found.refusals
    for label in ("alike", "equal_need"):
        value, low, high = of(found, label)
        thinned, least, most = (rest.mean() * one for one in of(others, label))
        assert value == pytest.approx(thinned, abs=0.002)
        assert high - low == pytest.approx(most - least, rel=0.05)
