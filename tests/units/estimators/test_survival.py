"""Time to an event: hand-made curves, other leaves and tables as oracles, laws, and coverage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.duration.survfunc import SurvfuncRight

from fingerpost.core.analysis import Fits
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import FingerpostError, Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.model import Models, linear
from fingerpost.core.outcome import Outcome
from fingerpost.estimators import survival
from fingerpost.estimators._score import tilt
from fingerpost.estimators.ipw import IPW
from suites.time_worlds import TimeWorld, asked
from suites.worlds import task

ATE, ATT, ATU = Target("ate"), Target("att"), Target("atu")
OVERLAP, PLANNED = Target("overlap"), Target("received", arm="plan")
LEAVING = Models(censoring=linear(("index", "boy")))
POOLED = Models(by_arm=False, interactions=("index",))
PATHS = {
    "plain": (Models(), {}),
    "leaving": (LEAVING, {}),
    "intervals": (LEAVING, {"intervals": 6}),
    "hazards": (Models(), {"by": "g_formula"}),
    "few hazards": (Models(), {"by": "g_formula", "intervals": 6}),
    "pooled": (POOLED, {"by": "g_formula", "intervals": 6}),
}


def ask(cohort: Cohort, *terms: Term, models: Models = Models(), **options) -> Answer:  # noqa: B008
    own = task(cohort, *terms)
    analysis = replace(own.analysis, options=options, models=models)
    return survival.run(replace(own, analysis=analysis, fits=Fits()))


def on_path(path: str, cohort: Cohort, *terms: Term) -> Answer:
    models, options = PATHS[path]
    return ask(cohort, *terms, models=models, **options)


def value(answer: Answer) -> float:
    assert answer.estimate is not None
    return float(answer.estimate.value[0])


def with_outcome(cohort: Cohort, **parts) -> Cohort:
    return replace(cohort, outcomes={"y": replace(cohort.outcomes["y"], **parts)})


# ---------------------------------------------------------------- oracles


@pytest.mark.parametrize("target", [ATE, ATT, OVERLAP], ids=lambda t: t.label())
@pytest.mark.parametrize("summary", ["risk", "rmst"])
@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_where_nobody_leaves_it_is_ipw_of_what_became_of_children(target, summary, scale) -> None:
    """Value and every child's influence: of a risk, and of the time free of the event."""
    cohort = TimeWorld(n=800, leaving="none", tied=True, arms=3).draw(1)
    y = cohort.outcomes["y"]
    ours = ask(cohort, asked(target, summary=summary, scale=scale)).estimate
    became = np.where(y.event & (y.value <= 6), 1.0, 0.0)
    kind, name = ("binary", "risk") if summary == "risk" else ("continuous", "mean")
    what = became if summary == "risk" else np.minimum(y.value, 6.0)
    other = replace(cohort, outcomes={"y": Outcome(kind, what)})
    term = replace(asked(target, scale=scale), summary=name, horizon=None)
    theirs = IPW.run(task(other, term)).estimate
    assert ours.value == pytest.approx(theirs.value, rel=1e-9)
    np.testing.assert_allclose(ours.spread.sums, theirs.spread.sums, atol=1e-11)


@pytest.mark.parametrize("target", [ATE, ATU, PLANNED], ids=lambda t: t.label())
def test_a_weighted_curve_is_that_of_statsmodels_with_the_same_weights(target) -> None:
    cohort = TimeWorld(n=900, arms=3, late=True).draw(2)
    term, y = asked(target, horizon=5.0, summary="survival"), cohort.outcomes["y"]
    weights = tilt(task(cohort, term), term).weights
    expected = 0.0
    for arm, sign in ((1, 1.0), (0, -1.0)):
        own = cohort.arm == arm
        curve = SurvfuncRight(
            y.value[own], y.event[own], entry=y.entry[own], freq_weights=weights[own, arm]
        )
        expected += sign * curve.surv_prob[np.searchsorted(curve.surv_times, 5.0, "right") - 1]
    assert value(ask(cohort, term)) == pytest.approx(expected, rel=1e-9)


def by_table(cohort: Cohort, arm: int, by: int) -> np.ndarray:
    """Risk of every child under an arm, by statsmodels' logit on one row a child and term."""
    y = cohort.outcomes["y"]
    x = np.column_stack([cohort.covariates[name].values for name in ("index", "boy")])
    rows, happened = [], []
    for i in np.flatnonzero(cohort.arm == arm):
        for j in range(1, by + 1):
            if j <= y.value[i]:
                rows.append(np.append(np.eye(by)[j - 1], x[i]))
                happened.append(float(y.event[i] and y.value[i] == j))
    fit = sm.GLM(np.array(happened), np.array(rows), family=sm.families.Binomial()).fit(tol=1e-12)
    free = np.ones(cohort.n)
    for j in range(by):
        free *= 1 - fit.predict(np.column_stack([np.tile(np.eye(by)[j], (cohort.n, 1)), x]))
    return 1 - free


@pytest.mark.parametrize("target", [ATE, ATT], ids=lambda t: t.label())
def test_by_g_formula_it_averages_what_a_logit_on_one_row_a_term_predicts(target) -> None:
    cohort = TimeWorld(n=700, tied=True, leaving="telling").draw(3)
    whom = np.ones(cohort.n, bool) if target.kind == "ate" else cohort.arm == 1
    risks = [by_table(cohort, arm, 5)[whom].mean() for arm in (0, 1)]
    ours = value(ask(cohort, asked(target, horizon=5.0), by="g_formula"))
    assert ours == pytest.approx(risks[1] - risks[0], rel=1e-6)


def test_by_g_formula_with_one_model_of_no_terms_it_is_kaplan_and_meiers() -> None:
    cohort = TimeWorld(n=600, tied=True).draw(4)
    y = cohort.outcomes["y"]
    expected = 0.0
    for arm, sign in ((1, 1.0), (0, -1.0)):
        own = cohort.arm == arm
        curve = SurvfuncRight(y.value[own], y.event[own])
        expected += sign * (1 - curve.surv_prob[np.searchsorted(curve.surv_times, 6, "right") - 1])
    ours = ask(cohort, asked(ATE), models=Models(outcome=()), by="g_formula")
    assert value(ours) == pytest.approx(expected, rel=1e-7)


def test_late_children_count_from_when_they_came_and_ties_put_the_event_first() -> None:
    """By hand: in each arm at term 1 one of four has the event, at term 2 one of four again."""
    time = np.array([1.0, 1.0, 2.0, 3.0, 3.0, 3.0] * 2)
    event = np.array([True, False, True, False, False, False] * 2)
    entry = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0] * 2)
    time[6:] = np.array([1.0, 1.0, 3.0, 3.0, 3.0, 3.0])
    event[8] = False
    n = 12
    index = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0] * 2)  # the same in both arms: all weights are 2
    cohort = Cohort(
        np.arange(n),
        ("none", "support"),
        np.repeat([1, 0], 6),
        {"y": Outcome("time", time, entry=entry, event=event)},
        {"index": Column(index)},
        {"school": np.arange(n)},
    )
    own = task(cohort, asked(ATE, horizon=2.5), asked(ATE, summary="rmst", horizon=2.5))
    found = survival.run(replace(own, analysis=replace(own.analysis, given=("index",)))).estimate
    # Support: survival 3/4, then 3/4 × 3/4 = 9/16; none: 3/4.
    assert found.value == pytest.approx([0.75 - 9 / 16, 0.5 * (9 / 16 - 0.75)])


# ---------------------------------------------------------------- laws


def schools_left_out(path: str, cohort: Cohort, terms: list[Term], schools: list[int]) -> tuple:
    """Move of the values by a school's weight, by differences and by the influence."""
    found = on_path(path, cohort, *terms).estimate
    codes, sizes = cohort.clusters["school"], 1e-4
    moved = []
    for school in schools:
        ends = []
        for sign in (1, -1):
            weight = np.ones(cohort.n)
            weight[codes == school] += sign * sizes
            ends.append(on_path(path, replace(cohort, weight=weight), *terms).estimate.value)
        moved.append((ends[0] - ends[1]) / (2 * sizes))
    return np.array(moved), found.spread.sums[schools]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "continuous"])
def test_an_infinitesimal_jackknife_agrees_with_the_influence(
    path: str, tied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survival, "curve_table", lambda *_: None)
    cohort = TimeWorld(n=1500, schools=60, arms=3, tied=tied, leaving="telling", late=True).draw(5)
    terms = [
        asked(target, summary=summary, scale=scale, horizon=horizon)
        for target, summary, scale, horizon in (
            (ATE, "risk", "difference", 4.0),
            (ATT, "rmst", "ratio", 6.0),
            (OVERLAP, "survival", "ratio", 6.0),
            (PLANNED, "rmst", "difference", 5.5),
        )
    ]
    moved, told = schools_left_out(path, cohort, terms, [0, 17, 41])
    np.testing.assert_allclose(moved, told, rtol=1e-4, atol=2e-7)


@pytest.mark.parametrize("path", PATHS)
def test_laws_of_rows_arms_and_weights(path: str) -> None:
    cohort = TimeWorld(n=700, schools=60, leaving="telling").draw(6)
    term = asked(ATT, summary="rmst")
    found = on_path(path, cohort, term).estimate
    mixed = cohort.take(np.random.default_rng(0).permutation(cohort.n))
    again = on_path(path, mixed, term).estimate
    assert again.value == pytest.approx(found.value, abs=1e-9)
    assert standard_errors(again) == pytest.approx(standard_errors(found), rel=1e-8)
    back = on_path(path, cohort, asked(ATU, summary="rmst", arms=("none", "support"))).estimate
    assert back.value == pytest.approx(-found.value, abs=1e-9)
    twice = on_path(path, cohort.take(np.tile(np.arange(cohort.n), 2)), term).estimate
    assert twice.value == pytest.approx(found.value, abs=1e-8)
    assert standard_errors(twice) == pytest.approx(standard_errors(found), rel=1e-5)
    counted = np.random.default_rng(1).integers(1, 3, cohort.n)
    repeated = on_path(path, cohort.take(np.repeat(np.arange(cohort.n), counted)), term).estimate
    weighted = on_path(path, replace(cohort, weight=counted.astype(float)), term).estimate
    assert weighted.value == pytest.approx(repeated.value, abs=1e-8)
    assert abs(found.spread.sums.sum()) < 1e-6 * np.abs(found.spread.sums).sum()


@pytest.mark.parametrize("path", ["plain", "leaving", "hazards"])
def test_summaries_agree_with_each_other_and_units_of_time_do_not_matter(path: str) -> None:
    cohort = TimeWorld(n=700, leaving="telling", tied=True).draw(7)
    terms = [asked(ATE, summary=name) for name in ("risk", "survival", "rmst")]
    risk, survived, mean = on_path(path, cohort, *terms).estimate.value
    assert risk == pytest.approx(-survived, abs=1e-12)
    months = with_outcome(cohort, value=cohort.outcomes["y"].value * 4)
    longer = [replace(term, horizon=24.0) for term in terms]
    assert on_path(path, months, *longer).estimate.value == pytest.approx(
        [risk, survived, 4 * mean], abs=1e-9
    )


# ---------------------------------------------------------------- worlds with a known truth


def told(path: str, world: TimeWorld, terms: list[Term], worlds: int) -> tuple:
    """Values, and whether intervals hold the truth, over worlds."""
    truth = np.array([world.truth(term) for term in terms])
    values, inside = [], []
    for seed in range(worlds):
        found = on_path(path, world.draw(4000 + seed), *terms).estimate
        bounds = intervals(found)
        values.append(found.value - truth)
        inside.append((bounds[:, 0] <= truth) & (truth <= bounds[:, 1]))
    return np.array(values), np.mean(inside, axis=0)


TWO = [asked(ATE), asked(ATT, summary="rmst", scale="ratio")]
WORLDS = {
    "telling": ("intervals", TimeWorld(n=600, schools=60, leaving="telling")),
    "tied": ("leaving", TimeWorld(n=600, schools=60, leaving="telling", tied=True)),
    "hazards": ("hazards", TimeWorld(n=600, schools=60, leaving="telling", tied=True)),
    "late": ("plain", TimeWorld(n=600, schools=60, leaving="alike", late=True, tied=True)),
    "three arms": ("plain", TimeWorld(n=900, schools=60, leaving="alike", arms=3)),
    "twenty schools": ("plain", TimeWorld(n=500, schools=20, leaving="alike", frailty=0.1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_coverage_over_100_worlds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fast form of benchmarks/COVERAGE.md: fails only outside 88-99%; bias within 3.5 Monte-Carlo
    errors.
    """
    monkeypatch.setattr(survival, "curve_table", lambda *_: None)
    path, world = WORLDS[name]
    values, covered = told(path, world, TWO, 100)
    spread = values.std(axis=0, ddof=1)
    assert (np.abs(values.mean(axis=0)) <= 3.5 / np.sqrt(100) * spread).all()
    assert ((covered >= 0.88) & (covered <= 0.99)).all(), covered


@pytest.mark.slow
def test_leaving_that_tells_biases_plain_curves_and_not_those_with_a_model_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(survival, "curve_table", lambda *_: None)
    world = TimeWorld(n=20_000, leaving="telling", tied=True)
    level = replace(asked(ATE, horizon=10.0), contrast=(("none", 1.0),))
    errors = {path: told(path, world, [level], 6)[0][:, 0] for path in ("plain", "leaving")}
    assert errors["plain"].mean() < -0.01
    assert abs(errors["leaving"].mean()) < 0.006


# ---------------------------------------------------------------- what cannot be told


def refused(answer: Answer) -> str:
    assert answer.estimate is None
    return " ".join(rule.words for one in answer.refusals for rule in one.rules)


def test_a_horizon_that_nobody_reaches_is_refused_and_an_earlier_one_answered() -> None:
    cohort = TimeWorld(n=500).draw(8)
    near, far = asked(ATE), asked(ATE, horizon=13.0)
    answer = ask(cohort, near, far)
    assert answer.estimate.terms == (near,)
    assert answer.refusals[0].terms == (far,)
    assert answer.refusals[0].leaf == "survival"
    words = answer.refusals[0].rules[0].words
    assert "arm support: nobody is under observation up to the horizon of 13" in words
    assert "earlier horizon" in words
    alone = ask(cohort, near).estimate
    assert answer.estimate.value == pytest.approx(alone.value)


@pytest.mark.parametrize("path", ["plain", "hazards"])
def test_an_arm_without_events_or_without_anyone_left_is_refused(path: str) -> None:
    cohort = TimeWorld(n=400, tied=True, leaving="none").draw(9)
    y = cohort.outcomes["y"]
    none = with_outcome(cohort, event=y.event & (cohort.arm == 0))
    assert "arm support: no event is seen by" in refused(on_path(path, none, asked(ATE)))
    nobody = with_outcome(cohort, event=np.zeros(cohort.n, bool))
    assert "no event is seen" in refused(on_path(path, nobody, asked(ATE)))
    all_ = with_outcome(
        cohort, value=np.where(cohort.arm == 1, np.minimum(y.value, 5), y.value), event=y.event
    )
    all_ = with_outcome(all_, event=y.event | (cohort.arm == 1))
    assert "every child still under observation" in refused(on_path(path, all_, asked(ATE)))


def test_entry_that_leaves_a_time_without_anyone_is_refused() -> None:
    cohort = TimeWorld(n=600, tied=True, leaving="none").draw(10)
    y = cohort.outcomes["y"]
    entry = np.where((cohort.arm == 1) & (y.value > 2), 2.0, 0.0)
    kept = np.flatnonzero((cohort.arm == 0) | (y.value > 2))
    later = with_outcome(cohort, entry=entry).take(kept)
    assert "nobody is under observation, while children of another" in refused(
        ask(later, asked(ATE))
    )
    first = np.flatnonzero((cohort.arm == 1) & (y.value == 1) & y.event)[0]
    alone = np.union1d(kept, [first])
    early = with_outcome(cohort, entry=np.where(np.arange(cohort.n) == first, 0.0, entry))
    assert "falls to nought too early" in refused(ask(early.take(alone), asked(ATE)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"horizon": None}, "needs the time"),
        ({"horizon": 0.0}, "not above 0"),
        ({"horizon": -3.0}, "not above 0"),
        ({"horizon": float("nan")}, "not above 0"),
        ({"summary": "mean"}, "not the mean"),
    ],
)
def test_terms_that_make_no_sense_are_a_usage_error(change: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ask(TimeWorld(n=100).draw(1), replace(asked(ATE), **change))


@pytest.mark.parametrize(
    "options",
    [
        {"by": "cox"},
        {"by": 3},
        {"by": ("weighting",)},
        {"intervals": 0},
        {"intervals": 2.5},
        {"intervals": True},
        {"intervals": "many"},
        {"intervals": 10_000},
    ],
    ids=str,
)
def test_options_that_are_not_allowed_are_a_usage_error(options: dict) -> None:
    with pytest.raises(UsageError, match="takes"):
        ask(TimeWorld(n=100).draw(1), asked(ATE), **options)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"kind": "continuous"}, "continuous outcome"),
        ({"event": None}, "without an event"),
        ({"value": -np.ones(100)}, "below 0"),
        ({"entry": np.full(100, 99.0)}, "at or after the end"),
    ],
)
def test_records_that_cannot_be_are_a_usage_error(parts: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ask(with_outcome(TimeWorld(n=100).draw(1), **parts), asked(ATE))


def test_a_model_of_leaving_that_cannot_be_fitted_is_said() -> None:
    cohort = TimeWorld(n=400, leaving="telling").draw(11)
    y = cohort.outcomes["y"]
    gone = (~y.event & (y.value < 6)).astype(float)
    odd = replace(
        cohort,
        covariates={
            **cohort.covariates,
            "gone": Column(gone),
            "same": Column(np.ones(cohort.n)),
            "again": Column(2 * cohort.covariates["index"].values),
        },
    )
    with pytest.raises(Unanswerable, match="did not settle"):
        ask(odd, asked(ATE), models=Models(censoring=linear(("gone",))))
    for name in ("same", "again"):
        with pytest.raises(Unanswerable, match=name):
            ask(odd, asked(ATE), models=Models(censoring=linear(("index", name))))


def test_a_model_of_leaving_where_nobody_leaves_changes_nothing() -> None:
    cohort = TimeWorld(n=400, leaving="none", tied=True).draw(12)
    plain, modelled = (on_path(path, cohort, asked(ATE)) for path in ("plain", "leaving"))
    assert value(plain) == value(modelled)


@pytest.mark.parametrize("path", PATHS)
def test_five_children_are_no_traceback(path: str) -> None:
    cohort = TimeWorld(n=400, tied=True).draw(13)
    for seed in range(20):
        few = cohort.take(np.random.default_rng(seed).choice(cohort.n, 5, replace=False))
        try:
            answer = on_path(path, few, asked(ATE, horizon=3.0))
        except FingerpostError as fault:
            assert str(fault)
        else:
            assert answer.estimate is not None or answer.refusals


def test_children_whose_time_was_not_recorded_are_left_out_of_the_curves() -> None:
    cohort = TimeWorld(n=600, tied=True).draw(14)
    observed = np.random.default_rng(2).random(cohort.n) < 0.9
    time = np.where(observed, cohort.outcomes["y"].value, np.nan)
    part = with_outcome(cohort, value=time, observed=observed)
    for path in PATHS:
        found = on_path(path, part, asked(ATE)).estimate
        assert np.isfinite(found.value).all() and np.isfinite(standard_errors(found)).all()


# ---------------------------------------------------------------- the table


def test_the_curve_ends_at_the_answer_rises_and_has_its_standard_errors() -> None:
    cohort = TimeWorld(n=600, tied=True, leaving="telling").draw(15)
    alone = replace(asked(ATE), contrast=(("support", 1.0),))
    for path in ("plain", "leaving", "hazards"):
        answer = on_path(path, cohort, alone)
        table = answer.tables[0]
        assert table.name == "survival_curve"
        assert table.column("time") == (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
        risks = np.array(table.column("risk"))
        assert (np.diff(risks) >= 0).all()
        assert risks[-1] == pytest.approx(value(answer))
        assert table.column("se")[-1] == pytest.approx(standard_errors(answer.estimate)[0])
        y, own = cohort.outcomes["y"], cohort.arm == 1
        assert table.counts == tuple(int(np.sum(own & (y.value >= t))) for t in range(1, 7))
        assert table.column("at_risk") == table.counts


def test_the_curve_shows_its_steps_but_no_childs_own_time() -> None:
    """Steps between the times that have a standard error are of the same curve."""
    cohort = TimeWorld(n=300).draw(16)
    table = ask(cohort, asked(ATE)).tables[0]
    rows = [row for row in table.records() if row["arm"] == table.column("arm")[0]]
    times = [row["time"] for row in rows]
    assert times == pytest.approx(6 * np.arange(1, 201) / 200)
    assert not set(times) & set(cohort.outcomes["y"].value[cohort.outcomes["y"].event])
    assert [row["se"] is not None for row in rows] == [at % 10 == 9 for at in range(200)]
    risks = np.array([row["risk"] for row in rows])
    assert (np.diff(risks) >= 0).all()
    assert len(np.unique(risks)) > 30  # with one time in ten there would be 20 at most


def test_time_that_nobody_was_observed_in_is_no_time_without_events() -> None:
    """Everybody of every arm enters at 2: what happened before is not known, in any arm."""
    cohort = TimeWorld(n=600, tied=True, leaving="none").draw(10)
    y = cohort.outcomes["y"]
    later = with_outcome(cohort, entry=np.full(cohort.n, 2.0)).take(np.flatnonzero(y.value > 2))
    assert "everybody comes under observation after time 0" in refused(ask(later, asked(ATE)))
