"""Numbers printed by others for tipping points, coefficient stability, bias analysis, calibration.

Each is typed from where it was printed, named beside it; none is ours.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from fingerpost.core.answer import Answer
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.leaves import Sensitivity, load
from fingerpost.sensitivity._calibration import Systematic, calibrate
from fingerpost.sensitivity._oster import Moved, adjusted, delta_for
from fingerpost.sensitivity._task import SensitivityTask
from suites.sensitivity_worlds import make_cohort, make_study, refit_ols


def answered(arm, score, *, scale, value, se=0.1, leaf="ipw"):
    """A study without covariates whose one answer is given."""
    cohort = make_cohort(np.asarray(arm), np.asarray(score, dtype=float), {}, kind="binary")
    term = Term("score", pair("support", "none"), Target("ate"), "risk", scale)
    answer = Answer(leaf, Estimate((term,), np.array([value]), Matrix(np.array([[se * se]]))))

    def asked(name, **options):
        task = SensitivityTask(make_study((), scale=scale), cohort, (answer,), refit_ols, options)
        found = load("sensitivity", name, kind=Sensitivity).run(task)
        return {table.name: table.records() for table in found.tables}

    return asked


def two_by_two(a, b, c, d, *, scale="ratio"):
    """Cases exposed and not, non-cases exposed and not, as a study's records."""
    arm, score = (np.repeat(codes, [a, b, c, d]) for codes in ([1, 0, 1, 0], [1, 1, 0, 0]))
    risks = a / (a + c), b / (b + d)
    value = math.log(risks[0] / risks[1]) if scale == "ratio" else risks[0] - risks[1]
    return answered(arm, score, scale=scale, value=value)


# -------------------- tipr, README (D'Agostino McGowan 2022, JOSS 7(77), 4495)


@pytest.mark.parametrize(("observed", "effect"), [(1.5, 2.25), (1.09, 1.19)])
def test_tipr_normal_confounder(observed, effect):
    asked = answered([0, 1, 0, 1], [0, 1, 1, 0], scale="ratio", value=math.log(observed))
    row = asked("tipping_point", gap=0.5)["tipping_curve"][0]
    assert round(row["effect"], 2) == effect


def test_tipr_binary_confounder():
    asked = answered([0, 1, 0, 1], [0, 1, 1, 0], scale="ratio", value=math.log(1.09))
    rows = asked("tipping_point", prevalence=((0.25, 0.10),))["tipping_curve"]
    row = next(row for row in rows if row["cause"] == "yes or no" and row["tipped"] == "answer")
    assert round(row["effect"], 2) == 1.64


# -------------------- bate, README (Basu): Oster (2019), Table 3, first row, NLSY

NLSY = Moved(
    short=0.04447926,
    controlled=0.01740748,
    outcome=0.9900242**2,
    short_left=0.9900242**2 * (1 - 0.04465201),
    controlled_left=0.9900242**2 * (1 - 0.255621),
    arm=4.629618**2,
    arm_left=18.99883,
)
QUANTILES = (0.025, 0.05, 0.5, 0.95, 0.975)


def test_the_bias_of_breastfeeding_over_the_printed_box():
    """delta from 0.01 to 0.99 and R² from the regression's to 0.61, by 0.01."""
    found = np.array(
        [
            adjusted(NLSY, float(delta), float(r_max))
            for r_max in np.arange(NLSY.r2, 0.61, 0.01)
            for delta in np.arange(0.01, 0.991, 0.01)
        ]
    )
    bias = np.quantile(NLSY.controlled - found, QUANTILES)
    assert bias.round(3).tolist() == [0.0, 0.0, 0.009, 0.034, 0.039]
    assert np.quantile(found, QUANTILES).round(3).tolist() == [-0.021, -0.017, 0.009, 0.017, 0.017]


def test_delta_for_no_effect_of_breastfeeding_takes_the_effect_away():
    """Two formulas of the paper, for delta given the effect and for the effect given delta."""
    delta = delta_for(NLSY, 0.0, 0.61)
    assert 0 < delta < 1
    assert adjusted(NLSY, delta, 0.61) == pytest.approx(0.0, abs=1e-12)


# -------------------- episensr, tests (Haine): Lash, Fox & Fink (2009)


def constant(**names):
    return tuple(names.items())


def test_smoking_and_breast_cancer_recorded_wrongly_alike():
    """Fink & Lash (2003): 215, 1449, 668, 4296; sensitivity .78, specificity .99."""
    wrong = constant(sensitivity=0.78, specificity=0.99)
    rows = two_by_two(215, 1449, 668, 4296)("bias_analysis", misclassified_exposure=wrong)
    assert rows["bias_analysis"][0]["estimate"] == pytest.approx(0.9654, abs=5e-5)
    assert rows["bias_analysis"][0]["median"] == pytest.approx(0.9614, abs=5e-5)


def test_smoking_and_breast_cancer_recorded_wrongly_by_outcome():
    wrong = constant(
        sensitivity=constant(with_outcome=0.13, without_outcome=0.78),
        specificity=constant(with_outcome=0.91, without_outcome=1),
    )
    rows = two_by_two(215, 1449, 668, 4296)("bias_analysis", misclassified_exposure=wrong)
    assert rows["bias_analysis"][0]["median"] == pytest.approx(82.2725, abs=5e-5)


def test_resins_and_lung_cancer_recorded_wrongly_with_some_doubt():
    """Greenland et al. (1994): 45, 94, 257, 945; beta (908, 16) and (153, 6), 50,000 draws."""
    wrong = constant(
        sensitivity=constant(beta=(908, 16)),
        specificity=constant(beta=(153, 6)),
    )
    asked = two_by_two(45, 94, 257, 945)
    rows = asked("bias_analysis", misclassified_exposure=wrong, draws=50_000)
    row = rows["bias_analysis"][0]
    assert row["median"] == pytest.approx(1.7479, abs=0.002)
    assert (row["lo"], row["hi"]) == pytest.approx((1.6857, 1.8909), abs=0.006)


def test_melanoma_of_the_eye_selected():
    """Stang et al. (2006): 136, 107, 297, 165; taking part .94, .85 (cases), .64, .25 (others)."""
    selection = constant(
        support=constant(with_outcome=0.94, without_outcome=0.64),
        none=constant(with_outcome=0.85, without_outcome=0.25),
    )
    row = two_by_two(136, 107, 297, 165)("bias_analysis", selection=selection)["bias_analysis"][0]
    assert row["estimate"] == pytest.approx(0.7984, abs=5e-5)
    assert row["median"] == pytest.approx(1.4838, abs=5e-5)


@pytest.mark.parametrize(
    ("scale", "effect", "observed", "printed"),
    [("ratio", 0.63, 0.3479, 0.4851), ("difference", -0.37, -0.3114, -0.0339)],
)
def test_circumcision_and_hiv_with_religion_unmeasured(scale, effect, observed, printed):
    """Tyndall et al. (1996): 105, 85, 527, 93; Muslims .8 and .05."""
    cause = constant(prevalence=constant(support=0.8, none=0.05), effect=effect)
    asked = two_by_two(105, 85, 527, 93, scale=scale)
    row = asked("bias_analysis", unmeasured=cause)["bias_analysis"][0]
    assert row["estimate"] == pytest.approx(observed, abs=5e-5)
    assert row["median"] == pytest.approx(printed, abs=5e-5)


def test_circumcision_and_hiv_with_religion_in_doubt():
    """Shares .8 and .05 in doubt; printed 0.4759 (0.4518, 0.5060) from 20,000 draws whose shares
    are correlated .8; ours are not, which moves the limits by less than 0.003."""
    cause = constant(
        prevalence=constant(
            support=constant(triangular=(0.7, 0.8, 0.9)),
            none=constant(triangular=(0.03, 0.04, 0.05)),
        ),
        effect=constant(triangular=(0.6, 0.65, 0.7)),
    )
    row = two_by_two(105, 85, 527, 93)("bias_analysis", unmeasured=cause, draws=50_000)
    row = row["bias_analysis"][0]
    assert row["median"] == pytest.approx(0.4759, abs=0.001)
    assert (row["lo"], row["hi"]) == pytest.approx((0.4518, 0.5060), abs=0.003)


# -------------------- EmpiricalCalibration, vignette (Schuemie & Suchard)


def test_sertraline_and_bleeding_calibrated():
    """Printed: mean 0.7922, SD 0.2834; sertraline 0.7326235 (0.07371708); p 0.8389142, which the
    rounded mean and SD give to three digits."""
    known = Systematic(0.7922, 0.2834)
    assert calibrate(0.7326235, 0.07371708, known, level=0.95).p == pytest.approx(
        0.8389142, abs=5e-4
    )
