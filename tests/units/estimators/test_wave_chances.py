"""Units that were likelier than others to be in a wave: what a draw of them leaves of no effect.

The truth is the draw itself: nothing happens in these worlds, so that answers over draws of the
plan should lie about nought.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.allocation import Permutations
from fingerpost.core.errors import Unanswerable
from fingerpost.core.panel import Panel, PanelOutcome
from fingerpost.estimators import ancova, gls_exposure_time, random_timing, randomisation_test
from suites.panel_worlds import ask, task, with_draws

U, T, LONDON, BEGIN = 24, 3, 8, 8
WAVES = ("w1", "never")


def allowed(most: int, count: int = 400) -> np.ndarray:
    """Return draws of BEGIN of U units to begin, of which at most `most` are of London."""
    r = np.random.default_rng(1)
    found = []
    while len(found) < count:
        code = r.permutation(np.r_[np.zeros(BEGIN, int), np.ones(U - BEGIN, int)])
        if np.count_nonzero(code[:LONDON] == 0) <= most:
            found.append(code)
    return np.array(found)


def asked(leaf, code: np.ndarray, codes: np.ndarray, y: np.ndarray, *, weighed: bool, **options):
    """Return a leaf's answer of one draw of a world in which nothing happens."""
    adopted = np.where(code == 0, 1, -1)
    names = tuple(f"u{at:02}" for at in range(U))
    panel = Panel(
        names,
        ("0", "1", "2"),
        ("offer", "none"),
        ((adopted[:, None] >= 0) & (np.arange(T) >= adopted[:, None])).astype(int),
        {"y": PanelOutcome(np.ones((U, T)), y, y**2)},
        adopted=adopted,
    )
    chances = np.stack([(codes == at).mean(axis=0) for at in range(2)], axis=1)
    own = with_draws(
        task(panel, ask("simple"), draws=0, **options),
        Permutations(names, WAVES, codes[:199]),
        chances if weighed else None,
        len(codes),
    )
    return leaf.run(own)


def world() -> np.ndarray:
    """Return outcomes that rise by two in London after the first period, and nowhere else."""
    r = np.random.default_rng(2)
    rise = np.where(np.arange(U) < LONDON, 2.0, 0.0)[:, None] * (np.arange(T) > 0)
    return rise + 0.1 * r.standard_normal((U, T))


@pytest.mark.parametrize("leaf", [gls_exposure_time, ancova])
def test_weights_take_off_the_bias_of_unequal_chances(leaf):
    """Over 60 draws of a limit of 1 of 8 in London, where a third are in the wave without it."""
    codes, y = allowed(most=1), world()
    options = {"correlation": "independent"} if leaf is gls_exposure_time else {"baseline": "last"}
    away = {
        weighed: np.mean(
            [
                asked(leaf, code, codes, y, weighed=weighed, **options).estimate.value[0]
                for code in codes[200:260]
            ]
        )
        for weighed in (False, True)
    }
    assert abs(away[True]) < abs(away[False]) / 3, away


def test_the_randomisation_test_is_about_nought_under_unequal_chances():
    codes, y = allowed(most=1), world()
    found = [
        asked(randomisation_test, code, codes, y, weighed=True).regions[0]
        for code in codes[200:260]
    ]
    plain = asked(randomisation_test, codes[200], codes, y, weighed=False).regions[0]
    p = np.array([one.p for one in found])
    assert np.mean(p <= 0.05) <= 0.13 and 0.35 < np.mean(p) < 0.65
    assert plain.p is not None


def test_a_wave_that_some_unit_could_not_be_in_is_refused():
    codes, y = allowed(most=0), world()
    for leaf in (gls_exposure_time, random_timing, randomisation_test):
        with pytest.raises(Unanswerable, match="8 units could not have been drawn into the wave"):
            asked(leaf, codes[0], codes, y, weighed=True)


# ------------------------------------------------------------------ strata, drawn elsewhere


def drawn_elsewhere(leaf, starts: dict[str, tuple[int, ...]], seed: int):
    """Return a leaf's answer of an order drawn within strata of which no ledger tells, in a world
    in which nothing happens, and the first stratum is higher and rises.
    """
    r = np.random.default_rng(seed)
    adopted = np.concatenate([r.permutation(each) for each in starts.values()])
    strata = np.repeat(np.arange(len(starts)), [len(each) for each in starts.values()])
    n, at = len(adopted), np.arange(9)
    y = 0.5 * r.standard_normal((n, 1)) + 0.3 * r.standard_normal((n, 9))
    y += (strata == 0)[:, None] * (2.0 + 0.2 * at) + 0.1 * at
    panel = Panel(
        tuple(f"u{one:02}" for one in range(n)),
        tuple(str(one) for one in at),
        ("offer", "none"),
        ((adopted[:, None] >= 0) & (at >= adopted[:, None])).astype(int),
        {"y": PanelOutcome(np.ones((n, 9)), y, y**2)},
        adopted=adopted,
        strata=strata,
    )
    asked = task(panel, ask("simple"), draws=0)
    within = replace(asked.analysis.assignment, strata=("region",))
    return leaf.run(replace(asked, analysis=replace(asked.analysis, assignment=within), bare=True))


@pytest.mark.parametrize("leaf", [gls_exposure_time, random_timing])
def test_declared_strata_enter_where_no_ledger_holds_the_draw(leaf):
    """Of 20 units of one stratum 17 begin, of 40 of the other 20: ignoring that gives 0.29 and 0.10
    for an effect that is nought.
    """
    starts = {"London": (3,) * 12 + (5,) * 5 + (-1,) * 3, "Rest": (3,) * 5 + (5,) * 15 + (-1,) * 20}
    found = [drawn_elsewhere(leaf, starts, seed).estimate.value[0] for seed in range(16)]
    assert abs(np.mean(found)) < 0.06


def test_a_stratum_without_a_wave_is_refused_unless_it_is_too_small_for_it():
    apart = {"London": (3,) * 10, "Rest": (3,) * 10 + (-1,) * 10}
    with pytest.raises(Unanswerable, match="1 of 2 strata have no unit in some wave"):
        drawn_elsewhere(gls_exposure_time, apart, 1)
    small = {"London": (3,), "Rest": (3,) * 7 + (-1,) * 8}
    assert drawn_elsewhere(gls_exposure_time, small, 1).estimate is not None
