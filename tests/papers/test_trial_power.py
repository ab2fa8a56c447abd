"""Power of trials and boundaries of looks, beside numbers printed or computed elsewhere.

PowerUpR 1.1.0 (help pages and runs in R) for designs of two to four levels; Porter (2018) and its
package's benchmark for several outcomes; rpact 3.3.4 for boundaries, inflation and numbers of
units; textbook values for measurements repeated, clusters of unequal sizes and survival.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fingerpost.kernels.multiple_power import Several, exchangeable, power_of_several
from fingerpost.kernels.trial_power import Scheme, Tier, freedom, multiplier, power_of, variance
from fingerpost.studies.document import read_study
from fingerpost.studies.trials.boundaries import asked_for, boundaries
from fingerpost.studies.trials.power import plan_trial_power

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "trials"

CRA2 = Scheme((Tier("child", 15), Tier("school", 20, 0.17)), drawn=1)
CRA3 = Scheme((Tier("child", 15), Tier("school", 3, 0.17), Tier("area", 60, 0.06)), drawn=2)
IRA = Scheme((Tier("child", 250),))
BIRA2 = Scheme((Tier("child", 15), Tier("school", 20, 0.17, varies=0.5)))
BCRA3 = Scheme(
    (Tier("child", 10), Tier("class", 6, 0.10), Tier("school", 24, 0.13, varies=0.4)), drawn=1
)
BCRA4 = Scheme(
    (
        Tier("child", 10),
        Tier("class", 4, 0.15),
        Tier("school", 4, 0.15, varies=0.5),
        Tier("area", 20, 0.05, varies=0.5),
    ),
    drawn=1,
)


@pytest.mark.parametrize(
    ("scheme", "df", "mdes", "places"),
    [
        (CRA2, 18, 0.6290064177, 10),
        (CRA3, 58, 0.2691083700, 10),
        (IRA, 248, 0.355775, 6),
        (BIRA2, 19, 0.366, 3),
        (BCRA3, 23, 0.246, 3),
        (BCRA4, 19, 0.206, 3),
    ],
    ids=["cra2", "cra3", "ira", "bira2", "bcra3r2", "bcra4r2"],
)
def test_smallest_effects_of_two_to_four_levels(
    scheme: Scheme, df: float, mdes: float, places: int
):
    found = multiplier(0.05, 0.80, df=freedom(scheme)) * math.sqrt(variance(scheme))
    assert freedom(scheme) == df
    assert found == pytest.approx(mdes, abs=0.51 * 10**-places)


@pytest.mark.parametrize(
    ("scheme", "effect", "power", "within"),
    [
        (CRA2, 0.629, 0.8000708, 5.1e-8),
        (CRA3, 0.269, 0.7998305, 5.1e-8),
        (BCRA3, 0.246, 0.80, 1e-3),
        (BCRA4, 0.206, 0.80, 1e-3),
    ],
)
def test_power_at_an_effect(scheme: Scheme, effect: float, power: float, within: float):
    found = power_of(effect, math.sqrt(variance(scheme)), df=freedom(scheme))
    assert found == pytest.approx(power, abs=within)


def test_the_example_of_twenty_schools():
    planned = plan_trial_power(read_study(EXAMPLES / "cra2.yaml"))
    head = planned.headline
    assert head.mdes == pytest.approx(0.6290064, abs=5e-8)
    assert (head.lo, head.hi) == pytest.approx((0.1830, 1.0750), abs=5e-5)
    assert head.df == 18 and head.power_t == pytest.approx(0.8000708, abs=5e-8)
    assert [one.needed for one in planned.needed] == [15, 20]


SE = math.sqrt(0.5 / 250)  # 20 schools of 50, half provided for, half of the variance explained
PRINTED_DRAWS = 1000  # behind every printed figure

# Individual power: Bonferroni, Holm, Benjamini-Hochberg, Westfall-Young single-step and step-down.
PORTER = [
    (3, 0, 0.2, (0.65, 0.72, 0.77, 0.68, 0.75)),
    (3, 0, 0.8, (0.65, 0.71, 0.76, 0.71, 0.76)),
    (9, 3, 0.2, (0.48, 0.56, 0.69, 0.52, 0.55)),
    (12, 0, 0.8, (0.48, 0.57, 0.72, 0.60, 0.68)),
]


@pytest.mark.parametrize(("outcomes", "zero", "rho", "printed"), PORTER)
def test_several_outcomes(outcomes: int, zero: int, rho: float, printed: tuple[float, ...]):
    shifts = np.full(outcomes, 0.125 / SE)
    shifts[outcomes - zero :] = 0
    asked = Several(shifts, exchangeable(outcomes, rho), 978)
    found = power_of_several(asked, draws=40_000, random=np.random.default_rng(7))
    names = ("bonferroni", "holm", "benjamini_hochberg", "single_step", "step_down")
    for name, said in zip(names, printed, strict=True):
        own = found[name].mean_individual
        # What is printed comes of 1,000 draws: its own error is up to 0.016, and more where the
        # critical value was simulated too.
        assert own == pytest.approx(said, abs=2.2 * math.sqrt(said * (1 - said) / PRINTED_DRAWS))
    # Where a formula tells it, to a hundredth of a percentage point and the error of our draws.
    exact = power_of(0.125, SE, df=978, alpha=0.05 / outcomes)
    assert found["bonferroni"].mean_individual == pytest.approx(exact, abs=0.006)


@pytest.mark.parametrize(
    ("bounds", "spending", "parameter", "looks", "printed"),
    [
        ("obrien-fleming", None, None, 5, (4.561742, 3.225639, 2.633723, 2.280871, 2.040073)),
        ("pocock", None, None, 5, (2.413180,) * 5),
        (None, "obrien-fleming", None, 5, (4.876885, 3.357012, 2.680280, 2.289817, 2.031032)),
        (None, "pocock", None, 5, (2.437977, 2.426814, 2.410194, 2.396649, 2.386000)),
        ("wang-tsiatis", None, 0.25, 5, (3.194083, 2.685893, 2.426979, 2.258558, 2.136012)),
        (None, "kim-demets", 3, 5, (3.540084, 2.974311, 2.604514, 2.306357, 2.045480)),
        (None, "hwang-shih-decani", -4, 5, (3.252668, 2.986046, 2.691657, 2.373667, 2.025321)),
        ("obrien-fleming", None, None, 3, (3.471091, 2.454432, 2.004036)),
        ("pocock", None, None, 3, (2.289478,) * 3),
        (None, "obrien-fleming", None, (0.5, 0.75, 1.0), (2.962588, 2.359018, 2.014084)),
    ],
)
def test_boundaries_as_rpact(
    bounds: str | None,
    spending: str | None,
    parameter: float | None,
    looks: int | tuple[float, ...],
    printed: tuple[float, ...],
):
    asked = asked_for(
        bounds=bounds, spending=spending, parameter=parameter, alpha=0.025, sides=1, harm=0.0
    )
    assert boundaries(asked, looks).bounds == pytest.approx(printed, abs=1.1e-6)


def one_sided(bounds: str):
    return asked_for(bounds=bounds, spending=None, parameter=None, alpha=0.025, sides=1, harm=0.0)


def test_what_looking_costs_as_rpact():
    assert boundaries(one_sided("obrien-fleming"), 5).inflation == pytest.approx(1.026486, abs=1e-6)
    assert boundaries(one_sided("pocock"), 5).inflation == pytest.approx(1.206581, abs=1e-6)
    found = boundaries(one_sided("obrien-fleming"), 3, power=0.8, effect=0.2)
    assert found.most == pytest.approx(800.5088, abs=1e-3)
    assert found.expected_if == pytest.approx(673.6786, abs=1e-3)


def test_schoenfeld_of_the_textbook(tmp_path: Path):
    # 90% power for a hazard ratio of 0.5 takes 88 events (Collett, Modelling Survival Data).
    study = tmp_path / "s.yaml"
    study.write_text(
        "study: s\nquestion: Does it delay the event?\ntrial:\n  arms: {a: usual, b: more}\n"
        "  power: {sizes: {child: 400}, kind: survival, level: 0.5, hazard_ratio: 0.5, "
        "power: 0.9}\nassignment: {randomised: {design: simple, unit: child}}\n",
        encoding="utf-8",
    )
    needed = plan_trial_power(read_study(study)).needed[0].needed
    assert needed is not None
    mine, other = needed / 2 * (1 - 0.5**0.5), needed / 2 * 0.5
    # As many events in either arm as tell the same: the textbook takes both arms' alike.
    alike = 4 * mine * other / (mine + other)
    assert alike == pytest.approx(88, abs=1.5)
