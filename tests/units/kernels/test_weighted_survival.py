"""Weighted survival curves against Kaplan and Meier's, printed curves and derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from fingerpost.kernels.design import Dense
from fingerpost.kernels.hazards import at_risk, fit_hazards, grid_of
from fingerpost.kernels.survival import kaplan_meier
from fingerpost.kernels.weighted_survival import (
    Spells,
    Staying,
    curve_change,
    told_weights,
    weighted_curve,
)

RANDOM = np.random.default_rng(32)
N = 400
X = np.column_stack([np.ones(N), RANDOM.standard_normal(N)])
FAILURE, LEAVING = RANDOM.exponential(5.0, N), RANDOM.exponential(7.0 * np.exp(0.4 * X[:, 1]))
TIES = np.ceil(2 * np.minimum(FAILURE, LEAVING)) / 2
UNTIED = np.minimum(FAILURE, LEAVING)
EVENT = FAILURE <= LEAVING
LATE = np.where(RANDOM.random(N) < 0.3, UNTIED * RANDOM.random(N), -np.inf)
WEIGHTS = RANDOM.uniform(0.5, 2.0, N)
NEVER = np.full(N, -np.inf)
ASKS = [("risk", 3.0), ("survival", 4.0), ("rmst", 4.0), ("rmst", 2.5)]


def staying(spells, weights, *, covariates=True, most=40):
    """Return the chance of having stayed up to time 4."""
    left = ~spells.event & (spells.time < 4.0)
    until = np.where(spells.event, np.nextafter(spells.time, -np.inf), spells.time)
    risk = at_risk(spells.start, until, happened=left, grid=grid_of(spells.time[left], most))
    width = 2 if covariates else 1
    design = Dense(X[:, :width], ("intercept", "index")[:width])
    hazards = fit_hazards(design, risk, weights=weights)
    return Staying(hazards, hazards.predictor(design))


@pytest.mark.parametrize("start", [NEVER, LATE], ids=["from the start", "late"])
def test_without_a_model_of_leaving_it_is_kaplan_and_meiers(start):
    time = UNTIED
    curve = weighted_curve(Spells(start, time, EVENT), WEIGHTS, horizon=4.0)
    entry = None if start is NEVER else np.where(np.isfinite(start), start, -1.0)
    theirs = kaplan_meier(time, EVENT, horizon=4.0, entry=entry, weights=WEIGHTS)
    np.testing.assert_allclose(curve.survival, theirs.survival)
    assert curve.value(("risk", 4.0)) == pytest.approx(theirs.risk)
    change = curve_change(Spells(start, time, EVENT), curve, weights=WEIGHTS, asks=[("risk", 4.0)])
    np.testing.assert_allclose(change.by_row[:, 0], WEIGHTS * theirs.influence, atol=1e-14)


def test_a_curve_of_ties_is_that_of_statsmodels():
    curve = weighted_curve(Spells(NEVER, TIES, EVENT), np.ones(N), horizon=9.0)
    theirs = SurvfuncRight(TIES, EVENT)
    for by in (0.4, 2.0, 3.3, 8.5):
        last = np.searchsorted(theirs.surv_times, by, side="right") - 1
        expected = 1.0 if last < 0 else theirs.surv_prob[last]
        assert curve.value(("survival", by)) == pytest.approx(expected)
        fine = (np.arange(400_000) + 0.5) * by / 400_000
        at = np.searchsorted(theirs.surv_times, fine, side="right")
        area = np.append(1.0, theirs.surv_prob)[at].mean() * by
        assert curve.value(("rmst", by)) == pytest.approx(area, abs=1e-5)


# Freireich et al. (1963), Blood 21:699, remission in weeks with 6-mercaptopurine; the curve and its
# standard errors are printed in Klein & Moeschberger (2003), Survival Analysis, table 4.1A.
RELAPSED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
STILL_WELL = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
PRINTED = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.628, 22: 0.538, 23: 0.448}
PRINTED_SE = {6: 0.076, 7: 0.087, 10: 0.096, 13: 0.107, 16: 0.114, 22: 0.128, 23: 0.135}


def test_remission_under_6_mercaptopurine_is_as_printed():
    time = np.array([*RELAPSED, *STILL_WELL], dtype=float)
    event = np.arange(21) < len(RELAPSED)
    spells = Spells(np.full(21, -np.inf), time, event)
    curve = weighted_curve(spells, np.ones(21), horizon=35.0)
    for by, survival in PRINTED.items():
        # 0.6275 is printed as .628
        assert curve.value(("survival", float(by))) == pytest.approx(survival, abs=6e-4)
        greenwood = kaplan_meier(time, event, horizon=float(by)).variance ** 0.5
        assert greenwood == pytest.approx(PRINTED_SE[by], abs=6e-4)


@pytest.mark.parametrize("time", [TIES, UNTIED], ids=["ties", "no ties"])
def test_leaving_that_depends_on_time_alone_changes_nothing(time):
    """Weights by the inverse of the curve of leaving give Kaplan and Meier's back (Satten & Datta
    2001, The American Statistician 55:207), the cut being at every leaving.
    """
    spells = Spells(NEVER, time, EVENT)
    chance = staying(spells, WEIGHTS, covariates=False, most=1000)
    plain = weighted_curve(spells, WEIGHTS, horizon=4.0)
    curve = weighted_curve(spells, WEIGHTS, horizon=4.0, staying=chance)
    np.testing.assert_allclose(curve.survival, plain.survival)


@pytest.mark.parametrize("time", [TIES, UNTIED], ids=["ties", "no ties"])
def test_those_told_by_the_horizon_stand_for_all(time):
    """Weighted by the inverse of the curve of leaving, events by the horizon are Kaplan and Meier's
    risk, and those told sum to everyone (Satten & Datta 2001, equations 4 and 5).
    """
    spells = Spells(NEVER, time, EVENT)
    chance = staying(spells, WEIGHTS, covariates=False, most=1000)
    told = told_weights(spells, WEIGHTS, horizon=4.0, staying=chance)
    risk = weighted_curve(spells, WEIGHTS, horizon=4.0).value(("risk", 4.0))
    events = told[EVENT & (time <= 4.0)].sum()
    assert events / WEIGHTS.sum() == pytest.approx(risk)
    assert told.sum() == pytest.approx(WEIGHTS.sum())
    assert (told[~EVENT & (time < 4.0)] == 0).all()


def values(spells, weights, most):
    chance = staying(spells, weights, most=most)
    curve = weighted_curve(spells, weights, horizon=4.0, staying=chance)
    return np.array([curve.value(ask) for ask in ASKS])


@pytest.mark.parametrize("start", [NEVER, LATE], ids=["from the start", "late"])
@pytest.mark.parametrize("most", [1000, 7], ids=["every time", "intervals"])
@pytest.mark.parametrize("time", [TIES, UNTIED], ids=["ties", "no ties"])
def test_change_is_the_derivative_with_leaving_estimated_again(start, most, time):
    begin = start if time is UNTIED else np.where(start > -np.inf, np.floor(start) - 0.5, start)
    spells = Spells(begin, time, EVENT)
    chance = staying(spells, WEIGHTS, most=most)
    curve = weighted_curve(spells, WEIGHTS, horizon=4.0, staying=chance)
    change = curve_change(spells, curve, weights=WEIGHTS, asks=ASKS, staying=chance)
    carried = chance.hazards.project(chance.hazards.bread @ change.in_leaving)
    whole = (change.by_row + carried) / WEIGHTS[:, None]
    for row in range(0, N, 29):
        unit = np.zeros(N)
        unit[row] = 1e-4
        moved = values(spells, WEIGHTS + unit, most) - values(spells, WEIGHTS - unit, most)
        np.testing.assert_allclose(whole[row], moved / 2e-4, atol=2e-7)


def test_who_stays_counts_for_those_like_it_who_left():
    """Two kinds of children, half of one kind leave before anything happens: by hand."""
    kind = np.repeat([0.0, 1.0], 40)
    time = np.where(kind == 1, 3.0, 2.0)
    event = np.ones(80, dtype=bool)
    time[40:60], event[40:60] = 1.0, False
    spells = Spells(np.full(80, -np.inf), time, event)
    design = Dense(np.column_stack([np.ones(80), kind]), ("intercept", "kind"))
    left = ~event
    until = np.where(event, np.nextafter(time, -np.inf), time)
    # A few of the other kind leave too, since a logit gives no chance of nought.
    left[:4], event[:4], time[:4], until[:4] = True, False, 1.0, 1.0
    hazards = fit_hazards(
        design,
        at_risk(spells.start, until, happened=left, grid=grid_of(time[left], 9)),
        weights=np.ones(80),
    )
    chance = Staying(hazards, hazards.predictor(design))
    curve = weighted_curve(spells, np.ones(80), horizon=2.5, staying=chance)
    assert curve.value(("risk", 2.5)) == pytest.approx(0.5)
    plain = weighted_curve(spells, np.ones(80), horizon=2.5)
    assert plain.value(("risk", 2.5)) == pytest.approx(36 / 56)
