"""What holds of every sensitivity analysis: nothing happens at zero bias, more bias does more, and
at the true strength of the bias the truth comes back."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core.answer import Answer
from fingerpost.core.errors import UsageError
from fingerpost.core.leaves import Sensitivity, load, names
from fingerpost.sensitivity.e_value import bias_factor
from fingerpost.sensitivity.negative_control import CLEAN, CONFOUNDED
from fingerpost.sensitivity.omitted_variable import adjusted_estimate
from suites import sensitivity_worlds
from suites.sensitivity_worlds import (
    NEEDED,
    STUDIED,
    TASKS,
    answers_of,
    confounded,
    make_cohort,
    make_study,
    make_task,
    ols,
)

# Analyses of panels have tests of their own: units/sensitivity.
LEAVES = tuple(
    name
    for name in names("sensitivity")
    if load("sensitivity", name, kind=Sensitivity).takes == "cohort"
)
OPTIONS = NEEDED


def world(seed: int = 1, *, strength: float = 0.5, **more):
    arm, score, covariates, severity = confounded(seed, strength=strength, **more)
    return make_cohort(arm, score, covariates), make_study(("social", "prior")), severity


def rows(answer: Answer, name: str) -> list[dict]:
    return [line for table in answer.tables if table.name == name for line in table.records()]


def run(leaf: str, cohort, study, **options) -> Answer:
    make = TASKS.get(leaf, make_task)
    return load("sensitivity", leaf, kind=Sensitivity).run(make(cohort, study, **options))


# -------------------- every leaf


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_leaf_describes_itself(leaf):
    described = load("sensitivity", leaf, kind=Sensitivity)
    assert described.question.endswith("?")
    assert any(character.isdigit() for character in described.reference)
    module = __import__(f"fingerpost.sensitivity.{leaf}", fromlist=["__doc__"])
    for part in ("What it asks", "What it assumes", "How it is computed", "Reference:"):
        assert part in module.__doc__
    for option, words in described.options:
        assert words and f"`{option}`" in module.__doc__


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_leaf_has_a_test_of_its_own(leaf):
    units = Path(__file__).resolve().parents[1] / "units" / "sensitivity"
    assert (units / f"test_{leaf}.py").is_file()


@pytest.mark.parametrize("leaf", LEAVES)
def test_tables_are_whole(leaf):
    cohort, study, _ = world()
    answer = run(leaf, cohort, study, **OPTIONS.get(leaf, {}))
    studied = STUDIED[leaf](cohort) if leaf in STUDIED else cohort
    assert answer.leaf == leaf and answer.tables
    for table in answer.tables:
        assert len(table.kinds) == len(table.columns) and table.rows
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert table.counts == (min(np.bincount(studied.arm)),) * len(table.rows)
        assert table.context
        for kind, column in zip(table.kinds, zip(*table.rows, strict=True), strict=True):
            wanted = str if kind == "label" else int | float
            assert all(cell is None or isinstance(cell, wanted) for cell in column)


@pytest.mark.parametrize("leaf", LEAVES)
def test_the_order_of_children_does_not_matter(leaf):
    cohort, study, _ = world()
    shuffled = cohort.take(np.random.default_rng(3).permutation(cohort.n))
    options = OPTIONS.get(leaf, {})
    first, second = run(leaf, cohort, study, **options), run(leaf, shuffled, study, **options)
    for one, other in zip(first.tables, second.tables, strict=True):
        for mine, theirs in zip(one.rows, other.rows, strict=True):
            numbers = [cell for cell in mine if isinstance(cell, float)]
            again = [cell for cell in theirs if isinstance(cell, float)]
            assert again == pytest.approx(numbers, rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("leaf", LEAVES)
def test_an_unknown_option_is_named_with_the_nearest(leaf):
    cohort, study, _ = world()
    options = load("sensitivity", leaf, kind=Sensitivity).options
    wrong = f"{options[0][0]}s"
    with pytest.raises(UsageError, match=f'no option "{wrong}".*Did you mean "{options[0][0]}"'):
        run(leaf, cohort, study, **{wrong: 1}, **OPTIONS.get(leaf, {}))


# -------------------- no bias, no change


def nothing_e_value():
    ratio = 1.7
    return ratio / bias_factor(1.0, 1.0), ratio


def nothing_omitted_variable():
    cohort, study, _ = world()
    grid = rows(run("omitted_variable", cohort, study), "contour")
    still = {line["adjusted"] for line in grid if 0.0 in (line["r2_exposure"], line["r2_outcome"])}
    assert len(still) == 1
    estimate = answers_of(cohort, study)[0].estimate
    return still.pop(), float(estimate.value[0])


def nothing_negative_control():
    """The study's own outcome as the control, nothing left out: the study's own answer."""
    cohort, study, _ = world()
    answer = run("negative_control", cohort, study, outcome="score")
    own = answers_of(cohort, study)[0].estimate
    assert answer.estimate.value == pytest.approx(own.value, rel=1e-12)
    return rows(answer, "negative_control")[0]["estimate"], float(own.value[0])


NOTHING = {
    **sensitivity_worlds.NOTHING,
    "e_value": nothing_e_value,
    "omitted_variable": nothing_omitted_variable,
    "negative_control": nothing_negative_control,
}


@pytest.mark.parametrize("leaf", LEAVES)
def test_without_bias_the_estimate_itself_comes_back(leaf):
    found, expected = NOTHING[leaf]()
    assert found == pytest.approx(expected, rel=1e-10)


# -------------------- more bias, more change


def more_e_value():
    return [bias_factor(strength, strength) for strength in np.linspace(1, 9, 33)]


def more_omitted_variable():
    """Along the diagonal of the contour the estimate moves steadily towards and past zero."""
    cohort, study, _ = world()
    answer = run("omitted_variable", cohort, study)
    estimate = rows(answer, "robustness")[0]["estimate"]
    grid = rows(answer, "contour")
    along = sorted({line["r2_exposure"] for line in grid})
    across = sorted({line["r2_outcome"] for line in grid})
    by_place = {(line["r2_exposure"], line["r2_outcome"]): line["adjusted"] for line in grid}
    steps = [by_place[place] for place in zip(along, across, strict=True)]
    return [abs(estimate - step) for step in steps]


def more_negative_control():
    found = []
    for strength in (0.0, 0.3, 0.6, 0.9):
        cohort, study, _ = world(4, strength=strength, n=20_000)
        line = rows(run("negative_control", cohort, study, outcome="prior"), "negative_control")[0]
        found.append(abs(line["estimate"]))
    return found


MORE = {
    **sensitivity_worlds.MORE,
    "e_value": more_e_value,
    "omitted_variable": more_omitted_variable,
    "negative_control": more_negative_control,
}


@pytest.mark.parametrize("leaf", LEAVES)
def test_more_bias_does_more(leaf):
    found = MORE[leaf]()
    assert all(a < b for a, b in pairwise(found))


# -------------------- truth at the true strength


@pytest.mark.parametrize("seed", range(5))
def test_at_the_true_strength_the_longer_regression_comes_back(seed):
    cohort, study, severity = world(seed, strength=0.6)
    line = rows(run("omitted_variable", cohort, study), "robustness")[0]
    arm, score = cohort.arm.astype(float), cohort.outcomes["score"].value
    others = [column.values for column in cohort.covariates.values()]
    longer, _, left, _ = ols(score, arm, *others, severity)
    shorter = ols(score, arm, *others)[2]
    with_severity, without = ols(arm, *others, severity)[2], ols(arm, *others)[2]
    r2_exposure = 1 - with_severity @ with_severity / (without @ without)
    r2_outcome = 1 - left @ left / (shorter @ shorter)
    hides = abs(longer[1]) > abs(line["estimate"]) and longer[1] * line["estimate"] > 0
    found = adjusted_estimate(
        line["estimate"],
        line["se"],
        df=line["df"],
        r2_exposure=r2_exposure,
        r2_outcome=r2_outcome,
        reduce=not hides,
    )
    assert found == pytest.approx(longer[1], rel=1e-8)


@pytest.mark.parametrize(("exposure", "outcome"), [(2.0, 3.0), (1.5, 1.5), (6.0, 2.5)])
def test_an_e_value_is_reached_by_the_worst_unmeasured_cause(exposure, outcome):
    """Everyone with provision has the cause, 1 in `exposure` of the others; provision does
    nothing. The observed ratio is then the bias factor, and no more."""
    base = 0.05
    treated = base * outcome
    untreated = base * (outcome / exposure + 1 - 1 / exposure)
    assert treated / untreated == pytest.approx(bias_factor(exposure, outcome), rel=1e-12)


def test_no_unmeasured_cause_does_more_than_its_bias_factor():
    draw = np.random.default_rng(11)
    for _ in range(500):
        share_treated, share_untreated = np.sort(draw.uniform(0.01, 0.99, 2))[::-1]
        with_cause, without = np.sort(draw.uniform(0.01, 0.99, 2))[::-1]
        observed = (share_treated * with_cause + (1 - share_treated) * without) / (
            share_untreated * with_cause + (1 - share_untreated) * without
        )
        most = bias_factor(share_treated / share_untreated, with_cause / without)
        assert observed <= most * (1 + 1e-12)


WORLDS = 200


def share_that_fires(strength: float) -> float:
    verdicts = []
    for seed in range(WORLDS):
        cohort, study, _ = world(1000 + seed, strength=strength, n=600)
        line = rows(run("negative_control", cohort, study, outcome="prior"), "negative_control")[0]
        assert line["verdict"] in (CLEAN, CONFOUNDED)
        verdicts.append(line["verdict"] == CONFOUNDED)
    return math.fsum(verdicts) / WORLDS


def test_a_negative_control_fires_where_there_is_confounding():
    assert share_that_fires(0.6) >= 0.90


def test_a_negative_control_is_silent_where_there_is_none():
    assert share_that_fires(0.0) <= 0.10
