"""Bounds for areas without returns: against every corner, and against what is hidden."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtrit

from fingerpost.core.assignment import Observed
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.panel import Panel, PanelOutcome
from fingerpost.core.study import OutcomeSpec, Study
from fingerpost.sensitivity._task import PanelSensitivityTask
from fingerpost.sensitivity.unreturned_bounds import check, run, verdict
from suites.panel_worlds import PanelWorld, ask, means, schools, task

STUDY = Study("s", "?", outcomes=(OutcomeSpec("y", "y"),))
KINDS = ("simple", "exposure_average", "long_term", "at_exposure")


def losing(panel: Panel, gone: np.ndarray) -> Panel:
    """Return the panel without the outcomes of some cells (u, t)."""
    own = panel.outcomes["y"]
    lost = [np.where(gone, 0.0, part) for part in (own.count, own.total, own.squares)]
    return replace(panel, outcomes={"y": PanelOutcome(*lost)})


def lines(panel: Panel, *terms: Term, study: Study = STUDY, **options) -> list[dict]:
    told = task(panel, *(terms or (ask("exposure_average"),)))
    answer = run(PanelSensitivityTask(study, told, (), options, whole=panel))
    return answer.tables[0].records()


def plain(mean: np.ndarray, begins: np.ndarray, term: Term) -> float:
    """Return the difference of means that a term asks, in loops: at every exposure, waves weighted
    by their units, each against all units not yet provided for.
    """
    by_age: dict[int, list[tuple[float, int]]] = {}
    for start in sorted(set(begins[begins >= 0])):
        for t in range(start, mean.shape[1]):
            waits = (begins < 0) | (begins > t)
            if waits.any():
                gap = mean[begins == start, t].mean() - mean[waits, t].mean()
                by_age.setdefault(t - start, []).append((gap, int((begins == start).sum())))
    each = {
        age: np.average([gap for gap, _ in own], weights=[n for _, n in own])
        for age, own in by_age.items()
    }
    if term.target.kind == "simple":
        every = [one for own in by_age.values() for one in own]
        return float(np.average([gap for gap, _ in every], weights=[n for _, n in every]))
    if term.target.kind == "exposure_average":
        return float(np.mean(list(each.values())))
    return float(each[max(each) if term.target.kind == "long_term" else 1])


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_are_the_extremes_over_every_corner_of_what_is_missing(kind):
    panel = PanelWorld(u=16, t=5, begins=(2, 3, -1), children=30).draw(3)
    gone = np.zeros((16, 5), dtype=bool)
    gone[3, 1:], gone[8, 4], gone[11, 2:4] = True, True, True
    term, mean = ask(kind), means(panel)
    (row,) = lines(losing(panel, gone), term, range=(-4, 4))
    found = []
    for corner in itertools.product((-4.0, 4.0), repeat=int(gone.sum())):
        filled = mean.copy()
        filled[gone] = corner
        found.append(plain(filled, panel.adopted, term))
    assert (row["lower"], row["upper"]) == pytest.approx((min(found), max(found)))
    assert row["without"] == 3 and row["units"] == 16
    assert row["lower"] < plain(mean, panel.adopted, term) < row["upper"]


def test_the_error_is_neymans_and_the_interval_goes_beyond_the_bounds():
    panel = PanelWorld(u=120, t=4, begins=(2, -1)).draw(1)
    gone = np.zeros((120, 4), dtype=bool)
    gone[0] = True
    (row,) = lines(losing(panel, gone), ask("simple"), range=(-3, 3))
    mean = means(panel)
    mean[0] = -3.0 if panel.adopted[0] > 0 else 3.0
    sums = mean[:, 2:].mean(axis=1)
    own, other = sums[panel.adopted > 0], sums[panel.adopted < 0]
    error = np.sqrt(own.var(ddof=1) / len(own) + other.var(ddof=1) / len(other))
    assert row["lower"] == pytest.approx(own.mean() - other.mean())
    # Between the one-sided and the two-sided quantile (Imbens & Manski 2004).
    assert 1.6448 < (row["lower"] - row["lo"]) / error < 1.9600


def test_changes_within_nothing_are_those_of_areas_that_return():
    panel = PanelWorld(u=60, t=5, begins=(2, 3, -1)).draw(2)
    gone = np.zeros((60, 5), dtype=bool)
    gone[:4] = True
    seen = losing(panel, gone)
    rows = lines(seen, ask("at_exposure", 1.0), range=(-9, 9), within=0.0)
    exact = next(row for row in rows if row["assumes"] == "changes_within")
    assert exact["lower"] == pytest.approx(exact["upper"])
    wider = lines(seen, ask("at_exposure", 1.0), range=(-9, 9), within=0.2)[1]
    middle = (wider["lower"] + wider["upper"]) / 2
    assert middle == pytest.approx(exact["lower"])
    # Half the width at exposure 1: wave 2 in period 3 against those that never begin, wave 3 in
    # period 4 likewise; the missing shares of both sides.
    share = {s: (gone.all(axis=1) & (panel.adopted == s)).sum() / 20 for s in (2, 3, -1)}
    half = 0.2 * np.mean([share[2] + share[-1], share[3] + share[-1]])
    assert (wider["upper"] - wider["lower"]) / 2 == pytest.approx(half)


def test_hidden_areas_that_differ_lie_within_the_bounds_nineteen_times_in_twenty():
    covered, worlds = 0, 120
    for seed in range(worlds):
        world = PanelWorld(u=60, t=4, begins=(2, -1), first=0.5, growth=0.0)
        panel = world.draw(seed)
        gone = np.zeros((60, 4), dtype=bool)
        low = np.argsort(means(panel)[:, 0])[:3]  # the worst areas never return
        gone[low] = True
        (row,) = lines(losing(panel, gone), ask("simple"), range=(-4, 5))
        covered += row["lo"] < 0.5 < row["hi"]
    assert covered / worlds >= 0.95  # wide bounds cover more


@pytest.mark.parametrize(("clusters", "told"), [(8, False), (12, True)])
def test_by_clusters_and_not_with_fewer_than_ten(clusters, told):
    """Six areas to a cluster alike: the error is that of clusters, and a cluster is one wave's."""
    panel = PanelWorld(u=clusters, t=4, begins=(2, -1)).draw(5)
    many = schools(panel, np.full(clusters, 6))
    gone = np.zeros((6 * clusters, 4), dtype=bool)
    gone[0] = True
    seen = losing(many, gone)
    asked = task(seen, ask("simple"), cluster="area", draws=0)
    answer = run(PanelSensitivityTask(STUDY, asked, (), {"range": (-4, 4)}, whole=seen))
    (row,) = answer.tables[0].records()
    assert len(answer.regions) == told and (row["lo"] is not None) == told
    if told:
        mean = means(many)
        mean[0] = -4.0 if many.adopted[0] > 0 else 4.0
        sums = mean[:, 2:].mean(axis=1).reshape(clusters, 6).mean(axis=1)
        sides = [sums[panel.adopted > 0], sums[panel.adopted < 0]]
        error = np.sqrt(sum(side.var() / len(side) for side in sides) * clusters / (clusters - 1))
        times = (row["lower"] - row["lo"]) / error
        assert stdtrit(clusters - 2, 0.95) - 1e-3 < times < stdtrit(clusters - 2, 0.975) + 1e-3


def test_what_cannot_be_bounded_is_told():
    panel = PanelWorld(u=24, t=4, begins=(2, -1)).draw(5)
    gone = np.zeros((24, 4), dtype=bool)
    gone[1] = True
    with pytest.raises(Unanswerable, match="every area returned"):
        lines(panel, range=(0, 1))
    seen = losing(panel, gone)
    (row,) = lines(seen)
    assert row["lower"] is None and "say what it can be at least and at most" in row["verdict"]
    with pytest.raises(Unanswerable, match=r"returns lie outside 0 to 0\.001"):
        lines(seen, range=(0, 0.001))
    told = task(seen, ask("simple"))
    life = replace(told, analysis=replace(told.analysis, assignment=Observed()))
    with pytest.raises(Unanswerable, match="the order was not drawn"):
        run(PanelSensitivityTask(STUDY, life, (), {"range": (0, 1)}, whole=seen))
    late = Term("y", pair("offer", "none"), Target("at_exposure"), exposure_time=3.0)
    (row,) = lines(seen, late, range=(-9, 9))
    assert "nothing to compare with" in row["verdict"]


def test_a_yes_or_no_needs_no_range():
    panel = PanelWorld(u=24, t=4, begins=(2, -1)).draw(5)
    own = panel.outcomes["y"]
    share = 1 / (1 + np.exp(-means(panel)))
    panel = replace(
        panel, outcomes={"y": PanelOutcome(own.count, own.count * share, own.count * share)}
    )
    gone = np.zeros((24, 4), dtype=bool)
    gone[1] = True
    study = replace(STUDY, outcomes=(OutcomeSpec("y", "y", kind="binary"),))
    (row,) = lines(losing(panel, gone), ask("simple"), study=study)
    assert row["upper"] - row["lower"] == pytest.approx(1 / 12)  # one area of twelve in its wave


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"range": (3, 1)}, "range must be the least and the most"),
        ({"within": -1}, "within must be a number of 0 or more"),
        ({"within": {"z": 1}}, '"z" is not an outcome'),
        ({"ranges": (0, 1)}, 'no option "ranges".*Did you mean "range"'),
    ],
)
def test_options_are_checked_before_a_record_is_read(options, told):
    with pytest.raises(UsageError, match=told):
        check(STUDY, options)


def test_verdicts():
    assert verdict((0.1, 0.3), (0.05, 0.4)) == "above no effect"
    assert verdict((-0.3, -0.1), (-0.4, -0.05)) == "below no effect"
    assert verdict((0.1, 0.3), None).startswith("we cannot tell")
    assert verdict((-0.1, 0.3), (-0.2, 0.4)) == "we cannot tell: the bounds include zero"
