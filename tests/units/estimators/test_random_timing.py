"""The efficient estimator under random timing: a slow plain version, special cases, clusters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.core.inference import covariance, standard_errors
from fingerpost.estimators import group_time, random_timing
from fingerpost.estimators.random_timing import run
from suites.panel_worlds import NEVER, PanelWorld, ask, means, rows, schools, task, with_means

KINDS = ("simple", "group_average", "calendar_average", "exposure_average", "at_exposure")


def plain(y, begins, cells):
    """Return value and Neyman's and adjusted variance, written out from the paper.

    cells: (wave's period, period, weight). Means by wave, covariance within waves, and the multiple
    of the difference before provision with the least variance.
    """
    waves = sorted(set(begins.tolist()), key=lambda at: (at < 0, at))
    n = {g: int(np.sum(begins == g)) for g in waves}
    mean = {g: y[begins == g].mean(axis=0) for g in waves}
    S = {g: np.cov(y[begins == g].T) for g in waves}
    t = y.shape[1]
    A = {g: np.zeros(t) for g in waves}
    A0 = {g: np.zeros(t) for g in waves}
    for g, at, weight in cells:
        pool = [h for h in waves if h < 0 or h > at]
        total = sum(n[h] for h in pool)
        A[g][at] += weight
        A0[g][g - 1] += weight
        for h in pool:
            A[h][at] -= weight * n[h] / total
            A0[h][g - 1] -= weight * n[h] / total
    theta = sum(A[g] @ mean[g] for g in waves)
    before = sum(A0[g] @ mean[g] for g in waves)
    vx = sum(A0[g] @ S[g] @ A0[g] / n[g] for g in waves)
    cx = sum(A0[g] @ S[g] @ A[g] / n[g] for g in waves)
    vt = sum(A[g] @ S[g] @ A[g] / n[g] for g in waves)
    beta = cx / vx
    neyman = vt + beta**2 * vx - 2 * beta * cx
    first = min(g for g in waves if g >= 0)
    slopes = sum(np.linalg.solve(S[g][:first, :first], S[g][:first] @ A[g]) for g in waves)
    pooled = np.mean([S[g][:first, :first] for g in waves], axis=0)
    return theta - beta * before, neyman, neyman - slopes @ pooled @ slopes / len(y), beta


def cells_of(kind, panel):
    """Return (wave's period, period, weight) of a target, by its definition."""
    begins, t = panel.adopted, len(panel.periods)
    n = {int(g): int(np.sum(begins == g)) for g in np.unique(begins) if g >= 0}
    cells = [(g, at) for g in n for at in range(g, t)]
    if kind == "simple":
        total = sum(n[g] for g, _ in cells)
        return [(g, at, n[g] / total) for g, at in cells]
    if kind == "group_average":
        return [(g, at, n[g] / sum(n.values()) / (t - g)) for g, at in cells]
    if kind == "calendar_average":
        span = range(min(n), t)
        on = {at: sum(n[g] for g in n if g <= at) for at in span}
        return [(g, at, n[g] / on[at] / len(span)) for g, at in cells]
    ages = range(t - min(n)) if kind == "exposure_average" else [1]
    on = {e: sum(n[g] for g in n if g + e < t) for e in ages}
    return [(g, at, n[g] / on[at - g] / len(on)) for g, at in cells if at - g in on]


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_both_errors_are_those_of_the_paper_written_out(kind):
    panel = PanelWorld(u=160).draw(1)
    panel = rows(panel, np.flatnonzero((panel.adopted != 3) | (np.arange(160) % 3 > 0)))
    value, neyman, adjusted, beta = plain(means(panel), panel.adopted, cells_of(kind, panel))
    for error, variance in (("conservative", neyman), ("adjusted", adjusted)):
        found = run(task(panel, ask(kind), error=error))
        assert found.estimate.value[0] == pytest.approx(value)
        assert standard_errors(found.estimate)[0] == pytest.approx(np.sqrt(variance))
        assert found.tables[0].column("multiple")[0] == pytest.approx(beta)


@pytest.mark.parametrize("kind", KINDS)
def test_with_multiple_one_it_is_group_time_with_units_not_yet_treated(kind):
    panel = PanelWorld(begins=(2, 3, 5)).draw(2)
    own = run(task(panel, ask(kind), adjustment=1)).estimate.value[0]
    other = group_time.run(task(panel, ask(kind), comparison="not_yet")).estimate.value[0]
    assert own == pytest.approx(other)


def test_it_is_more_precise_than_taking_off_the_whole_difference_or_nothing():
    def error(**more):
        panel = PanelWorld(u=200).draw(3)
        found = run(task(panel, ask("simple"), error="conservative", **more))
        return standard_errors(found.estimate)[0]

    assert error() < min(error(adjustment=0), error(adjustment=1))


def test_several_terms_share_a_covariance_with_what_is_known_to_differ_taken_off():
    panel = PanelWorld(u=200).draw(4)
    found = run(task(panel, ask("simple"), ask("long_term"))).estimate
    joint = covariance(found)
    assert joint[0, 1] == pytest.approx(joint[1, 0])
    assert 0 < joint[0, 1] < np.sqrt(joint[0, 0] * joint[1, 1])


def test_errors_are_neymans_where_units_are_too_few_to_tell_more():
    few = run(task(PanelWorld(u=60).draw(5), ask("simple"))).estimate
    assert few.extra is None and "conservative" in few.spread.note


# ------------------------------------------------------------------ areas of several schools


def uneven(seed: int, u: int = 80):
    """Return a panel of schools: areas of one to seven, whose effects differ by area and school."""
    world = PanelWorld(u=u)
    r = np.random.default_rng(seed)
    each = r.integers(1, 8, u)
    panel = schools(world.draw(seed), each)
    noise = 0.3 * r.standard_normal((len(panel.units), 1)) + 0.2 * r.standard_normal(
        (len(panel.units), 6)
    )
    return with_means(panel, means(panel) + noise)


def test_areas_of_uneven_size_have_errors_near_those_of_drawing_again():
    """The spread of the estimate over 300 shuffles of the waves among areas, none having effect."""
    panel = uneven(1)
    r = np.random.default_rng(2)
    area = panel.clusters["area"]
    flat = with_means(panel, means(panel) - np.where(panel.arm == 1, 0.45, 0.0))
    wave = np.array([panel.adopted[area == at][0] for at in range(80)])
    found, errors = [], []
    for _ in range(300):
        moved = r.permutation(wave)[area]
        asked = task(
            replace(flat, adopted=moved), ask("simple"), cluster="area", draws=0, shuffles=0
        )
        one = run(asked).estimate
        found.append(one.value[0])
        errors.append(standard_errors(one)[0])
    assert abs(np.mean(found)) < 3.5 * np.std(found) / np.sqrt(300)
    assert np.mean(errors) / np.std(found) == pytest.approx(1.0, abs=0.12)


def test_an_area_that_began_twice_was_not_drawn_as_one():
    panel = schools(PanelWorld().draw(6), np.full(80, 2))
    adopted = panel.adopted.copy()
    adopted[0] = 2 if adopted[0] != 2 else 3
    with pytest.raises(Unanswerable, match="in 1 of 80 clusters"):
        run(task(replace(panel, adopted=adopted), ask("simple"), cluster="area", draws=0))


def test_a_wave_of_one_area_is_left_out_and_counted():
    panel = PanelWorld().draw(7)
    lone = replace(panel, adopted=np.where(np.arange(80) == 0, 5, panel.adopted))
    found = run(task(lone, ask("simple"), draws=0))
    assert "1 of the panel's units are left out: the only unit of its wave" in found.warnings[0][1]
    with pytest.raises(TooFew, match="two waves"):
        run(task(rows(panel, np.flatnonzero(panel.adopted == 2)), ask("simple"), draws=0))


# ------------------------------------------------------------------ its randomisation test


def test_shuffled_waves_reject_no_more_often_than_they_say():
    world = PanelWorld(u=24, first=0.0, growth=0.0)
    p = [
        run(task(world.draw(seed), ask("simple"), draws=0, shuffles=99)).tables[0].column("p")[0]
        for seed in range(150)
    ]
    assert np.mean(np.array(p) <= 0.05) <= 0.10
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.14)


def test_the_draws_of_the_ledger_are_replayed_where_there_are_any():
    panel = PanelWorld().draw(8)
    replayed = run(task(panel, ask("simple"), draws=77)).tables[0]
    assert replayed.column("draws") == (77,) and "ledger" in replayed.context
    assert 1 / 78 <= replayed.column("p")[0] < 0.2
    assert run(task(panel, ask("simple"), draws=0)).tables[0].column("draws") == (500,)


def test_units_by_the_thousand_are_not_shuffled_unless_it_is_asked(monkeypatch):
    monkeypatch.setattr(random_timing, "MANY", 50)
    panel = PanelWorld().draw(9)
    assert run(task(panel, ask("simple"), draws=0)).tables[0].column("p") == (None,)
    asked = run(task(panel, ask("simple"), draws=0, shuffles=20)).tables[0]
    assert asked.column("draws") == (20,)
    assert NEVER in panel.adopted
