"""Units that were likelier than others to be in a wave: what a draw of them leaves of no effect.

The truth is the draw itself: nothing happens in these worlds, so that answers over draws of the
plan should lie about nought.
"""

from __future__ import annotations

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
