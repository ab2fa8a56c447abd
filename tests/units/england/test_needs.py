"""The measured indices, severity, and provision as their law says."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.england import _days, needs, world
from fingerpost.england._draws import expit
from fingerpost.england.enact import term_number
from fingerpost.england.families import ETHNICITY
from fingerpost.england.health import FAR, social_index
from fingerpost.england.model import CLEFT, EHCP, GENERAL, NEED, NEURO, NONE, SUPPORT
from units.england.worlds import made


def residual(values: np.ndarray, columns: list[np.ndarray]) -> float:
    """Return the largest residual of least squares on columns and a constant."""
    design = np.column_stack([np.ones(len(values)), *columns]).astype(float)
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return float(np.abs(values - fitted).max())


def test_the_social_index_is_linear_in_recorded_covariates():
    of = made().families
    columns = [
        np.log(of.idaci / (1 - of.idaci)),
        of.fsm,
        of.mother_age,
        of.language,
        *(of.ethnicity == at for at in range(1, len(ETHNICITY))),
    ]
    assert residual(social_index(of), columns) < 1e-9
    assert residual(social_index(of), columns[1:]) > 0.5


@pytest.mark.parametrize("stratum", [GENERAL, CLEFT, NEURO])
def test_the_clinical_index_is_linear_in_recorded_covariates_in_each_stratum(stratum):
    of = made(boost="cleft", block=1) if stratum == CLEFT else made()
    at = of.health.stratum == stratum
    held = of.health
    columns = [held.weight[at], held.gestation[at], held.early[at]]
    assert residual(needs.clinical_index(held)[at], columns) < 1e-9


@pytest.mark.parametrize(("boost", "block"), [(None, 0), ("cleft", 1)])
def test_indices_and_severity_have_mean_nought_and_variance_one(boost, block):
    need = made(boost=boost, block=block).needs
    for values in (need.social, need.clinical, need.severity):
        assert values.mean() == pytest.approx(0.0, abs=0.03)
        assert values.std() == pytest.approx(1.0, abs=0.03)
    skew = ((need.clinical - need.clinical.mean()) ** 3).mean()
    assert abs(skew) < 0.1


def test_severity_follows_the_indices():
    need = made(boost="cleft", block=1).needs
    design = np.column_stack([np.ones(len(need.social)), need.social, need.clinical])
    found = np.linalg.lstsq(design, need.severity, rcond=None)[0]
    assert found == pytest.approx([0.0, 0.15, 0.45], abs=0.02)


def test_support_in_clefts_follows_its_law():
    sm = pytest.importorskip("statsmodels.api")
    of = made(boost="cleft", block=1)
    given = world.unaided(of)
    keep = ~of.health.marked & (given.arm < EHCP)
    need, where = of.needs, of.families
    habits = of.places.school_habit[where.school] + of.places.la_habit[where.la]
    design = sm.add_constant(
        np.column_stack([need.severity, need.social, need.clinical, habits])[keep]
    )
    fit = sm.Logit((given.arm[keep] == SUPPORT).astype(float), design).fit(disp=0)
    wanted = [-1.044, 0.80, 0.75, 0.20, 1.0]
    assert (np.abs(fit.params - wanted) < 4 * fit.bse).all()
    assert (given.arm[given.arm < EHCP] == SUPPORT).mean() == pytest.approx(0.316, abs=0.012)


def test_a_concern_comes_before_provision_and_is_likelier():
    of = made(boost="cleft", block=1)
    given = world.unaided(of)
    plain = ~of.health.marked
    concern = expit(of.needs.log_odds + NEED.concern)
    assert given.concerned[plain].mean() == pytest.approx(concern[plain].mean(), abs=0.008)
    assert given.concerned[given.arm > NONE].all()
    provided = given.arm > NONE
    zero = _days.days("census", of.families.reception, np.full(of.size, _days.ZERO))
    assert (given.concern_day[provided] <= given.start_day[provided]).all()
    assert (given.start_day[provided] < zero[provided]).all()
    assert (given.concern_day[given.concerned] < zero[given.concerned]).all()
    later = ~given.concerned
    assert (given.concern_day[later] > zero[later]).all()
    assert (given.concern_day[provided] > of.families.birth[provided] + 700).all()
    assert (given.start_day[(given.arm == NONE)] > zero[given.arm == NONE]).all()
    seen = given.referral_day < FAR
    assert (given.referral_day[seen] >= given.concern_day[seen]).all()


def test_a_plan_hangs_on_a_measured_marker():
    parts = [made(block=block) for block in (0, 2, 3)]
    arm = np.concatenate([world.unaided(of).arm for of in parts])
    marked = np.concatenate([of.health.marked for of in parts])
    assert (arm[~marked] == EHCP).mean() == pytest.approx(0.002, abs=0.0006)
    assert (arm[marked] == EHCP).mean() == pytest.approx(0.60, abs=0.06)
    assert (arm[marked] == NONE).mean() <= 0.0125
    shown = np.concatenate([of.health.special | of.health.emerging for of in parts])
    assert (marked | ~shown).all()


def test_delays_are_those_between_terms():
    of = made(boost="cleft", block=1)
    given = world.unaided(of)
    provided = given.arm > NONE
    terms = term_number(given.start_day) - term_number(given.concern_day)
    assert np.array_equal(terms[provided], given.delay[provided])


def test_scenarios_change_what_they_say():
    hidden, plain = made(size=20_000), made("no_confounding", size=20_000)
    assert np.array_equal(hidden.needs.severity, plain.needs.severity)
    habits = plain.places.school_habit[plain.families.school]
    rest = plain.needs.log_odds - habits - plain.places.la_habit[plain.families.la]
    assert np.corrcoef(rest, plain.needs.social)[0, 1] < 0.1
    youngest = made("month_of_birth", size=20_000)
    shift = youngest.needs.log_odds - hidden.needs.log_odds
    month = _days.month_in_year(hidden.families.birth)
    assert shift == pytest.approx(0.08 * (month - 5.5))
    policy = made("policy_schedule", size=20_000)
    added = policy.needs.log_odds - hidden.needs.log_odds
    assert set(np.round(added, 9)) == {0.0, 0.8}
