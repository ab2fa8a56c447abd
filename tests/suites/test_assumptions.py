"""Every assumption of every estimator: its diagnostic fires where it is broken, and only there; or
nothing tests it, and the analysis that speaks of it finds the truth at the true bias.

Every assumption that any descriptor names stands in exactly one of two maps. `TESTED` holds, for
(assumption, table), when the table fires, worlds where it should and worlds where it should not.
`UNTESTABLE` holds where its sensitivity analysis is tried at the true bias; or, in words, why none
can be.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core import leaves
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.assignment import Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.leaves import Estimator, Sensitivity
from fingerpost.core.outcome import Outcome
from fingerpost.core.table import Table
from fingerpost.estimators import survival
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.studies import diagnostics, forms
from fingerpost.studies.groups import Groups
from fingerpost.studies.guard import OK
from fingerpost.studies.judging import judge
from suites import cutoff_worlds, instrument_worlds, school_worlds, time_worlds
from suites.assumption_worlds import (
    GIVEN,
    BentWorld,
    answered,
    few_mixed_schools,
    study_of,
    task,
)
from suites.enrolled import Place
from suites.sensitivity_worlds import make_cohort, make_study

# Leaves over panels have assumptions of their own: suites/test_panel_leaves.py.
MENU = {
    name: leaf
    for name, leaf in leaves.menu("estimators", Estimator).items()
    if leaf.takes == "cohort"
}
TESTS = Path(__file__).resolve().parents[1]
WORLDS = 40
QUIET_WORLDS = 100  # of a test at level .05: more than 1 in 10 then comes by chance once in 90
Fires = Callable[[int], bool]

# -------------------- when a table fires


def bends(height: float) -> Fires:
    """Fires where a dose's line is rejected at .05: the middle dose lies off it by `height`."""

    def fires(seed: int) -> bool:
        r = np.random.default_rng(seed)
        arm = r.integers(0, 3, 300)
        y = arm + height * (arm == 1) + r.standard_normal(300)
        cohort = Cohort(
            np.arange(300), ("one", "two", "three"), arm, {"y": Outcome("continuous", y)}, {}
        )
        asked = Term("y", pair("three", "one"), Target("ate"))
        told = Analysis((), assignment=Randomised("dose"), options={"doses": (1.0, 2.0, 3.0)})
        answer = MENU["dose_response"].run(Task(cohort, (asked,), told))
        table = next(one for one in answer.tables if one.name == "dose_form")
        return table.records()[0]["p"] < 0.05

    return fires


def departs(table: Table | None, model: str) -> bool:
    """Whether any square tells of a model, all lines of it allowed for."""
    assert table is not None
    return any(row["departs"] for row in table.records() if row["model"] == model)


def form_of(world: BentWorld, *models: str, by_arm: bool = True) -> Fires:
    """Fires where every one of the named models departs: of two models, both must."""
    return lambda seed: all(departs(form_table(world, seed, by_arm), model) for model in models)


@cache
def form_table(world: BentWorld, seed: int, by_arm: bool) -> Table | None:
    """Return the table of one sample, which several assumptions are judged by."""
    return forms.model_form(task(world.draw(seed), by_arm=by_arm))


def at_the_ends(world: BentWorld) -> Fires:
    """Fires where more than 1 child in 20 stands in an end bin of the histograms of the score."""

    def fires(seed: int) -> bool:
        rows = diagnostics.overlap(task(world.draw(seed))).records()
        ends = sum(row["children"] for row in rows if row["lo"] < 0.01 or row["hi"] > 0.99)
        return ends > 0.05 * sum(row["children"] for row in rows)

    return fires


def unlike(table: Table) -> bool:
    """Whether some covariate still differs from the target by more than a tenth."""
    return max(row["smd_after"] for row in table.records()) > 0.10


def far_matches(world: BentWorld) -> Fires:
    """Fires where the matched children differ on some covariate, by the table of their own."""

    def fires(seed: int) -> bool:
        cohort = world.draw(seed)
        (term,) = task(cohort, Target("att")).terms
        (answer,) = answered(
            study_of(cohort, "matching", term, given=GIVEN, replace=False), cohort
        ).answers
        (own,) = (table for table in answer.tables if table.name == "own_balance")
        return unlike(own)

    return fires


def weak(strength: float) -> Fires:
    """Fires where the effective F does not pass its critical value."""
    world = instrument_worlds.InstrumentWorld(n=600, strength=strength)
    term = instrument_worlds.asked(world)

    def fires(seed: int) -> bool:
        told = instrument_worlds.task(world, world.draw(seed), term)
        return bool(first(MENU["iv"].run(told).tables, "first_stage").column("weak")[0])

    return fires


def jumps(name: str, world: cutoff_worlds.CutoffWorld) -> Fires:
    """Fires where a line of the table is flagged as a jump."""
    return lambda seed: any(
        first(cutoff_worlds.ask(world.draw(seed), bandwidth=6.0).tables, name).column("jumps")
    )


def few_hold_both(share: float) -> Fires:
    """Fires where fewer than half of children are of schools that hold different arms."""
    world = school_worlds.SchoolWorld(n=600, schools=60)
    term = school_worlds.asked(world)

    def fires(seed: int) -> bool:
        cohort = few_mixed_schools(world.draw(seed), share, seed)
        told = school_worlds.task(world, cohort, term)
        mixed, alone = first(MENU["within"].run(told).tables, "within_clusters").column("children")
        return mixed < alone

    return fires


def first(tables: Iterable[Table], name: str) -> Table:
    """Return the first table of a name."""
    return next(table for table in tables if table.name == name)


# -------------------- what is tested, and by which table


@dataclass(frozen=True)
class Tried:
    """Worlds where an assumption is broken and worlds where it holds, by name."""

    broken: dict[str, Fires]
    holds: dict[str, Fires]


PLAIN = BentWorld()
BENT = BentWorld(provision=0.45)
BENT_OUTCOME = BentWorld(outcome=0.35)
BOTH_BENT = BentWorld(provision=0.45, outcome=0.35)
EXPOSURE = Tried(
    {
        "two arms": form_of(BENT, "exposure"),
        "three arms": form_of(replace(BENT, arms=3, provision=0.6), "exposure"),
    },
    {
        "two arms": form_of(PLAIN, "exposure"),
        "three arms": form_of(replace(PLAIN, arms=3), "exposure"),
        "only the outcome bends": form_of(BENT_OUTCOME, "exposure"),
    },
)
OUTCOME = Tried(
    {
        "a number": form_of(BENT_OUTCOME, "outcome"),
        "yes or no": form_of(replace(BENT_OUTCOME, kind="binary", outcome=0.6), "outcome"),
        "a count": form_of(replace(BENT_OUTCOME, kind="count", outcome=0.6), "outcome"),
        "one model": form_of(BENT_OUTCOME, "outcome", by_arm=False),
    },
    {
        "a number": form_of(PLAIN, "outcome"),
        "yes or no": form_of(replace(PLAIN, kind="binary"), "outcome"),
        "a count": form_of(replace(PLAIN, kind="count"), "outcome"),
        "one model": form_of(PLAIN, "outcome", by_arm=False),
        "only provision bends": form_of(BENT, "outcome"),
    },
)
EITHER = Tried(
    {"both bend": form_of(BOTH_BENT, "exposure", "outcome")},
    {
        "neither bends": form_of(PLAIN, "exposure", "outcome"),
        "only provision bends": form_of(BENT, "exposure", "outcome"),
        "only the outcome bends": form_of(BENT_OUTCOME, "exposure", "outcome"),
    },
)
SHARP = cutoff_worlds.CutoffWorld()

TESTED: dict[tuple[str, str], Tried] = {
    ("positivity", "overlap"): Tried(
        {"a steep score": at_the_ends(BentWorld(n=800, slope=3.0))},
        {"a gentle score": at_the_ends(BentWorld(n=800, slope=0.7))},
    ),
    ("exposure model", "model_form"): EXPOSURE,
    # by g-formula the model of the hazard takes its place, which no table tests
    ("working model", "model_form"): EXPOSURE,
    ("outcome model", "model_form"): OUTCOME,
    ("one of two models", "model_form"): EITHER,
    ("one of two straight lines", "model_form"): EITHER,
    ("near matches", "own_balance"): Tried(
        {"half are treated": far_matches(BentWorld(slope=0.9, rare=0.4))},
        {"one in seven": far_matches(BentWorld(n=1500, rare=1.8))},
    ),
    ("relevance", "first_stage"): Tried({"weak": weak(0.05)}, {"strong": weak(1.0)}),
    ("no sorting", "rdd_density"): Tried(
        {"half are sorted": jumps("rdd_density", replace(SHARP, sorted_share=0.5))},
        {"none": jumps("rdd_density", SHARP)},
    ),
    ("continuity at the cut-off", "rdd_placebo"): Tried(
        {"a covariate jumps": jumps("rdd_placebo", replace(SHARP, n=2000, other=1.0))},
        {"none does": jumps("rdd_placebo", SHARP)},
    ),
    ("form of the dose", "dose_form"): Tried(
        {"it levels off": bends(0.9)}, {"it is a line": bends(0.0)}
    ),
    ("contrast within clusters", "within_clusters"): Tried(
        {"few schools mix": few_hold_both(0.75)}, {"most do": few_hold_both(0.2)}
    ),
}


def cases(side: str) -> list:
    """Return every (assumption, table, world) of one side, each predicate once."""
    found = {
        id(fires): pytest.param(fires, id=f"{name}: {world}")
        for (name, _), tried in TESTED.items()
        for world, fires in getattr(tried, side).items()
    }
    return list(found.values())


def cheap(fires: Fires) -> bool:
    """Whether a predicate reads the table of the models' form, which is kept for each sample."""
    return fires.__qualname__.startswith("form_of")


def share(fires: Fires, worlds: int = WORLDS) -> float:
    return float(np.mean([fires(1000 + seed) for seed in range(worlds)]))


@pytest.mark.parametrize("fires", cases("broken"))
def test_a_broken_assumption_is_seen_in_nine_worlds_of_ten(fires):
    assert share(fires) >= 0.90


@pytest.mark.parametrize("fires", cases("holds"))
def test_an_assumption_that_holds_is_left_alone_in_nine_worlds_of_ten(fires):
    assert share(fires, QUIET_WORLDS if cheap(fires) else WORLDS) <= 0.10


TILTED = [Target("ate"), Target("att"), Target("atu"), Target("received", arm="none")]


@pytest.mark.parametrize("target", TILTED, ids=lambda one: one.label())
def test_the_guard_rails_see_children_without_their_like(target):
    """What refuses or warns is not the histogram but the rules on the target's own weights."""

    def warned(slope: float) -> float:
        found = []
        for seed in range(40):
            own = task(BentWorld(n=800, slope=slope).draw(seed), target)
            study = study_of(own.cohort, "ipw", own.terms[0], given=GIVEN)
            (one,) = judge(study, Groups(own), own.terms)
            rules = [rule for rule in one.verdict.judged if rule.broken.rule != "balance"]
            found.append(any(rule.verdict != OK for rule in rules))
        return float(np.mean(found))

    assert warned(3.0) >= 0.90
    assert warned(0.6) <= 0.10


def test_balance_of_means_does_not_see_a_missing_square():
    """Why the form of a model has a test of its own: weighting on the index alone balances its
    mean, and leaves its square as it was.
    """
    seen, bias = [], []
    for seed in range(30):
        own = task(replace(BOTH_BENT, n=2000, outcome=1.0).draw(seed))
        study = study_of(own.cohort, "ipw", own.terms[0], given=GIVEN)
        found = answered(study, own.cohort)
        seen.append(unlike(first(found.tables, "balance")))
        (answer,) = found.answers
        bias.append(float(answer.estimate.value[0]) - 0.5)
    assert np.mean(seen) < 0.5
    assert np.mean(bias) > 0.3


# -------------------- every leaf makes the table that it names


def asked_as(leaf: str) -> tuple:
    """Return a small cohort, the study that asks the leaf of it, and its world's options."""
    place = Place(leaf, n=1200, schools=60, arms=2, kind=MENU[leaf].outcomes[0])
    cohort = place.world.draw(3)
    given = tuple(getattr(place.world, "given", ("index", "boy")))
    term = place.term(place.first if place.first.kind in ("ate", "overlap") else Target("ate"))
    if place.first.kind == "incremental":
        term = place.term(place.first)
    options = {**place.options}
    return cohort, study_of(cohort, leaf, term, given=given, **options)


@cache
def made_by(leaf: str) -> frozenset[str]:
    """Return the names of all tables that a study of one leaf alone produces."""
    cohort, study = asked_as(leaf)
    found = answered(study, cohort)
    (answer,) = found.answers
    assert answer.estimate is not None, answer.refusals
    return frozenset(table.name for table in (*found.tables, *answer.tables))


# A leaf that leans on a draw has no answer in these worlds, where nothing was drawn; its tables are
# held in units/estimators.
@pytest.mark.parametrize("leaf", sorted(name for name, one in MENU.items() if not one.drawn))
def test_a_study_of_the_leaf_alone_has_every_table_that_its_assumptions_name(leaf):
    named = {one.diagnostic for one in MENU[leaf].assumes if one.diagnostic}
    assert not named - made_by(leaf)


# -------------------- what nothing tests


@dataclass(frozen=True)
class Recovered:
    """Sensitivity analyses that speak of an assumption, each with the test (file::name) in which
    the truth comes back at the true bias.
    """

    at_the_truth: dict[str, str]


@dataclass(frozen=True)
class Believed:
    """Why no analysis gives the truth back. said: leaf → words of its page that say what is
    believed; leaves that are not named carry the assumption's own words.
    """

    why: str
    said: tuple[tuple[str, str], ...] = ()


EXCHANGEABLE = Recovered(
    {
        "bias_analysis": "units/sensitivity/test_bias_analysis.py::"
        "test_an_unmeasured_cause_of_the_true_strength_is_taken_away",
        "calibration": "units/sensitivity/test_calibration.py::"
        "test_calibrated_intervals_hold_the_truth_where_raw_ones_do_not",
        "e_value": "suites/test_sensitivity.py::"
        "test_an_e_value_is_reached_by_the_worst_unmeasured_cause",
        "negative_control": "suites/test_sensitivity.py::"
        "test_a_negative_control_fires_where_there_is_confounding",
        "omitted_variable": "suites/test_sensitivity.py::"
        "test_at_the_true_strength_the_longer_regression_comes_back",
        "oster": "units/sensitivity/test_oster.py::test_at_the_true_selection_the_truth_comes_back",
        "prior_outcome": "units/sensitivity/test_prior_outcome.py::"
        "test_equal_confounding_is_taken_out",
        "proximal": "units/sensitivity/test_proximal.py::"
        "test_the_hidden_cause_is_taken_out_where_adjustment_fails",
        "rosenbaum": "units/sensitivity/test_rosenbaum.py::"
        "test_at_the_true_strength_it_rejects_too_rarely_and_at_one_too_often",
        "tipping_point": "units/sensitivity/test_tipping_point.py::"
        "test_at_the_true_strength_a_difference_is_the_truth",
    }
)

# Of a study that imputes, and of no leaf.
MISSING_AT_RANDOM = Recovered(
    {
        "delta_adjusted": "units/sensitivity/test_delta_adjusted.py::"
        "test_at_the_true_shift_the_truth_comes_back_and_without_it_does_not",
    }
)

UNTESTABLE: dict[str, Recovered | Believed] = {
    "exchangeability": EXCHANGEABLE,
    # The same analyses, among children of one cluster; the table within_between shows what
    # comparing clusters would have added.
    "exchangeability within clusters": Recovered(
        {"oster": EXCHANGEABLE.at_the_truth["oster"]}
        | {"tipping_point": EXCHANGEABLE.at_the_truth["tipping_point"]}
    ),
    "independent leaving": Recovered(
        {
            "tipping_point": "suites/test_assumptions.py::"
            "test_at_the_true_difference_of_leavers_the_risk_is_the_truth"
        }
    ),
    "independent entry": Believed(
        "children who had the event before they would have come under observation are in no "
        "record, so no analysis of the records is told how many they are",
        said=(("survival", "children come under observation late because the event"),),
    ),
    "consistency": Believed(
        "it says what an arm is, and that children do not share it: two kinds of support under "
        "one name give one answer, with no parameter that would part them; where arms were "
        "recorded wrongly, bias_analysis (misclassified_exposure) gives the truth back"
    ),
    "drawn as said": Believed(
        "a ledger that is verified shows that the draw was made as said; without one the records "
        "hold its result alone, of which balance shows what was recorded"
    ),
    "dropped by their means": Believed(
        "why an arm was dropped stands in the ledger's words alone; where the means contradict it "
        "the answer leaves out who came before",
        said=(("chosen_arm", "did neither worse"),),
    ),
    "schoolmates alone": Believed(
        "who else reaches a child, and by what, is in no record; bands may be cut otherwise, and "
        "then tell another share",
        said=(("spillover", "nothing is known of others"),),
    ),
    "drawn at each stage": Believed(
        "a ledger that is verified shows that both draws were made as said; the records hold what "
        "came of them alone"
    ),
    "told alike": Believed(
        "who gained from the first step and who was said to have gained are one column of the "
        "records; the ledger's note of blinding is all that bears on it"
    ),
    "models of the stages": Believed(
        "the weighted means of regimes need no such model and stand beside the answer; where they "
        "differ by more than chance the models are wrong"
    ),
    "surrogacy": Believed(
        "what provision does past the surrogates to an outcome that nobody has seen yet is in no "
        "record; how far it biases the index is shown in benchmarks/STAGED_TRIALS.md",
        said=(("surrogate_index", "what bypasses them is missed altogether"),),
    ),
    "comparable records": Believed(
        "surrogates may foretell the outcome otherwise in the trial than in the records, which "
        "nothing shows before the outcome is there",
        said=(("surrogate_index", "Neither can be tested before"),),
    ),
    "normal intercepts": Believed(
        "with few clusters no test tells a normal from another law; that intercepts have nothing "
        "to do with the arm is what drawing clusters gives"
    ),
    "positivity over time": Believed(
        "the guard rails judge the weights of those who follow on, and refuse where few hold them "
        "all; what regressions say of children nobody of whom went on is in no record"
    ),
    "exclusion": Believed(
        "a road from instrument to outcome past the arm adds to the answer what it carries, over "
        "the first stage; no analysis here is told of such a road",
        said=(("iv", "reaches the outcome by another road"), ("iv", "None of that shows")),
    ),
    "independence": Believed(
        "what decides instrument and outcome both is to the instrument what a confounder is to "
        "the arm; the analyses here speak of the arm",
        said=(("iv", "as good as drawn"), ("iv", "None of that shows")),
    ),
    "monotonicity": Believed(
        "children moved the other way are taken off the answer as if they were moved along; "
        "their number is in no margin of the records",
        said=(("iv", "moves some children away from the arm"), ("iv", "None of that shows")),
    ),
    "the rule works through the arm": Believed(
        "at the cut-off the rule is an instrument: exclusion and monotonicity, as of any",
        said=(("rdd", "the rule works only through the arm, and moves no child against it"),),
    ),
    "form of the effect": Believed(
        "with no modifiers named the blip is one number, and nothing is left over to try it with; "
        "what can be done is to name modifiers and look whether the table blip moves",
        said=(("g_estimation", "The price is the form of the effect"),),
    ),
    "learners near enough": Believed(
        "it is about the product of two errors against truths that nobody has; the table learners "
        "shows how well held-out folds were predicted, which may be poor where the truth is noise",
        said=(
            ("double_ml", "the product of the two learners' errors is small"),
            ("dr_learner", "the product of the two learners' errors is small"),
        ),
    ),
}


def named_by_leaves() -> set[tuple[str, str]]:
    return {(one.name, one.diagnostic) for leaf in MENU.values() for one in leaf.assumes}


def test_every_assumption_of_every_leaf_is_in_exactly_one_map():
    tested = {pair for pair in named_by_leaves() if pair[1]}
    untested = {name for name, diagnostic in named_by_leaves() if not diagnostic}
    assert tested == set(TESTED)
    assert untested == set(UNTESTABLE)
    assert not {name for name, _ in tested} & untested


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def pointers() -> list[tuple[str, str]]:
    found = {
        pair
        for entry in (*UNTESTABLE.values(), MISSING_AT_RANDOM)
        if isinstance(entry, Recovered)
        for pair in entry.at_the_truth.items()
    }
    return sorted(found)


@pytest.mark.parametrize(("leaf", "where"), pointers())
def test_the_analysis_that_speaks_of_it_is_tried_at_the_true_bias(leaf, where):
    path, name = where.split("::")
    assert leaf in leaves.names("sensitivity")
    assert name in functions(TESTS / path)


def test_every_analysis_of_one_answer_speaks_of_some_assumption():
    """All but the one that speaks of chance: many comparisons mends no bias; those over panels have
    a suite of their own.
    """
    menu = leaves.menu("sensitivity", Sensitivity)
    of_bias = {
        name for name, leaf in menu.items() if leaf.scope == "outcome" and leaf.takes == "cohort"
    }
    assert {leaf for leaf, _ in pointers()} == of_bias


@pytest.mark.parametrize(
    "name", sorted(n for n, entry in UNTESTABLE.items() if isinstance(entry, Believed))
)
def test_what_is_believed_is_said_to_be(name):
    entry = UNTESTABLE[name]
    holders = [leaf for leaf in MENU if name in {one.name for one in MENU[leaf].assumes}]
    assert entry.why and holders
    for leaf, words in entry.said:
        page = import_module(f"fingerpost.estimators.{leaf}").__doc__
        assert leaf in holders and words in " ".join(page.split())
    table = diagnostics.assumptions({leaf: MENU[leaf] for leaf in holders})
    shown = [row for row in table.records() if row["assumption"] == name]
    assert len(shown) == len(holders)
    assert all(row["tested_by"] == "untestable" and row["words"] for row in shown)


# -------------------- leaving that tells of the event


def hidden_leaving(seed: int, n: int = 60_000) -> tuple[Cohort, np.ndarray]:
    """Return children of whom, with support, those whose event comes early leave more often, for a
    reason that no record holds; and (n,) when the event would have come to each.
    """
    r = np.random.default_rng(seed)
    arm = (r.random(n) < 0.5).astype(int)
    hidden = r.standard_normal(n)
    event = r.exponential(np.exp(2.0 - 0.5 * hidden + 0.3 * arm))
    leave = np.where(arm == 1, r.exponential(np.exp(2.5 - 0.8 * hidden)), np.inf)
    time = np.minimum(np.minimum(event, leave), 12.0)
    cohort = make_cohort(arm, time, {"social": r.standard_normal(n)})
    outcome = Outcome("time", time, event=event <= np.minimum(leave, 12.0))
    return replace(cohort, outcomes={"score": outcome}), event


def test_at_the_true_difference_of_leavers_the_risk_is_the_truth():
    """The bias of the curve is the share who leave times how far their risk lies above what the
    curve makes of them: their like who stayed at the time. Told of both, the answer is the truth.
    """
    by = 6.0
    cohort, event = hidden_leaving(1)
    study = make_study(("social",))
    term = time_worlds.asked(Target("ate"), horizon=by)
    term = replace(term, outcome="score")
    answer = survival.run(task_of(cohort, term))
    own, se = float(answer.estimate.value[0]), 0.01
    treated = cohort.arm == 1
    truth = float(np.mean(event[treated] <= by) - np.mean(event[~treated] <= by))
    assert abs(own - truth) > 0.02
    outcome = cohort.outcomes["score"]
    left = treated & ~outcome.event & (outcome.value < by)
    made_of = expected_of_leavers(outcome, treated, left, by)
    away = float(np.mean(event[left] <= by)) - made_of
    estimate = Estimate((term,), np.array([own]), Matrix(np.array([[se**2]])))
    count = int(left.sum())
    spec = {"to": truth, "unseen": (("support", count),)}
    # `unseen` is counted beside those seen; leavers are among the cohort's children
    stayed = cohort.take(np.flatnonzero(~left))
    asked = SensitivityTask(study, stayed, (Answer("survival", estimate),), lambda *_: (), spec)
    tipping = leaves.load("sensitivity", "tipping_point", kind=Sensitivity).run(asked)
    row = next(
        row
        for row in first(tipping.tables, "tipping_unseen").records()
        if row["unseen_in"] == "support" and row["tipped"] == "answer"
    )
    assert row["share"] == pytest.approx(count / treated.sum())
    assert row["shift"] == pytest.approx(away, abs=0.03)


def task_of(cohort: Cohort, term):
    """Return the survival leaf's task, clustered by child."""
    place = Place("survival", kind="time")
    own = place.task(cohort, term)
    return replace(own, analysis=replace(own.analysis, given=("social",), cluster=None))


def expected_of_leavers(outcome: Outcome, arm: np.ndarray, left: np.ndarray, by: float) -> float:
    """Return the mean risk that the arm's own curve gives leavers after they left."""
    time, event = outcome.value[arm], outcome.event[arm]
    order = np.argsort(time)
    at_risk = len(time) - np.arange(len(time))
    free = np.cumprod(1 - event[order] / at_risk)
    then = np.interp(outcome.value[left], time[order], free)
    return float(np.mean(1 - np.interp(by, time[order], free) / then))
