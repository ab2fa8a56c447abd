"""Cinelli & Hazlett (2020), JRSS B 82(1), 39-67: direct harm and attitudes to peace in Darfur.

Printed figures: the paper's running example, with the further digits of the R and Python packages
sensemakr. The printed estimate, standard error and degrees of freedom are all that the formulas
need. Where the package PySensemakr is installed its data file is found by path (nothing is
imported) and the leaf itself runs on the 1,276 people.
"""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from conftest import NOT_FOUND
from fingerpost.core.column import Column
from fingerpost.core.estimand import pair
from fingerpost.sensitivity._formulas import (
    adjusted_estimate,
    adjusted_se,
    benchmark,
    partial_f2,
    partial_r2,
    robustness_value,
)
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.sensitivity.omitted_variable import run
from suites.sensitivity_worlds import make_cohort, make_study

ESTIMATE, SE, DF = 0.0973158193, 0.0232565378, 783
T = 4.18445
PARTIAL_R2, RV, RV_ALPHA, F2 = 0.0218730933, 0.1387763539, 0.0762579655, 0.0223622
# As strong as being female: times, partial R² with exposure and with outcome, adjusted estimate.
FEMALE = (
    (1, 0.00916429, 0.12464092, 0.07522027),
    (2, 0.01832857, 0.24932406, 0.05291517),
    (3, 0.02749286, 0.37405047, 0.03039602),
)
THRICE_INTERVAL = (-0.00625, 0.06705)


def test_partial_r2():
    assert round(ESTIMATE / SE, 5) == T
    assert partial_r2(ESTIMATE / SE, DF) == pytest.approx(PARTIAL_R2, abs=5e-10)
    assert partial_f2(ESTIMATE / SE, DF) == pytest.approx(F2, abs=5e-8)


def test_robustness_values():
    assert robustness_value(ESTIMATE / SE, DF) == pytest.approx(RV, abs=5e-10)
    assert robustness_value(ESTIMATE / SE, DF, alpha=0.05) == pytest.approx(RV_ALPHA, abs=5e-10)


def test_a_confounder_of_five_per_cent_each():
    """The packages' documentation: .06393, standard error .02327."""
    strength = {"r2_exposure": 0.05, "r2_outcome": 0.05}
    assert round(adjusted_estimate(0.09731582, 0.02325654, df=DF, **strength), 5) == 0.06393
    assert round(adjusted_se(0.02325654, DF, **strength), 5) == 0.02327


@pytest.mark.parametrize(("times", "r2_exposure", "r2_outcome", "adjusted"), FEMALE)
def test_adjusted_estimates(times, r2_exposure, r2_outcome, adjusted):
    found = adjusted_estimate(ESTIMATE, SE, df=DF, r2_exposure=r2_exposure, r2_outcome=r2_outcome)
    assert found == pytest.approx(adjusted, abs=2e-8), times


@pytest.mark.parametrize(("times", "r2_exposure", "r2_outcome", "adjusted"), FEMALE[1:])
def test_benchmarks_twice_and_thrice_follow_from_once(times, r2_exposure, r2_outcome, adjusted):
    """The covariate's own partial R² are what the printed line for 1× implies."""
    _, once_exposure, once_outcome, _ = FEMALE[0]
    own_exposure = once_exposure / (1 + once_exposure)
    shared = own_exposure**2 / (1 - own_exposure) ** 2
    odds = once_outcome * (1 - shared) / (1 + np.sqrt(shared)) ** 2
    strength = benchmark(own_exposure, odds / (1 + odds), times=times)
    assert strength is not None
    assert strength.r2_exposure == pytest.approx(r2_exposure, abs=2e-8)
    assert strength.r2_outcome == pytest.approx(r2_outcome, abs=5e-8)


def test_benchmarks_from_the_printed_t_values():
    """Being female: t = −9.789 in the outcome's regression, −2.680 in the exposure's (3 digits)."""
    strength = benchmark(partial_r2(-2.680, DF), partial_r2(-9.789, DF), times=1)
    assert strength is not None
    assert strength.r2_exposure == pytest.approx(FEMALE[0][1], rel=2e-3)
    assert strength.r2_outcome == pytest.approx(FEMALE[0][2], rel=2e-3)


# -------------------- on the data


@pytest.fixture(scope="module")
def people() -> list[dict[str, str]]:
    spec = find_spec("sensemakr")
    places = spec.submodule_search_locations if spec else None
    path = Path(places[0]) / "data" / "darfur.csv" if places else None
    if path is None or not path.is_file():
        pytest.skip(f"{NOT_FOUND}: darfur.csv (pip install --no-deps PySensemakr==0.0.8)")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def tables(people):
    def number(name):
        return np.array([float(person[name]) for person in people])

    names = ("age", "farmer_dar", "herder_dar", "pastvoted", "hhsize_darfur", "female")
    villages, codes = np.unique([person["village"] for person in people], return_inverse=True)
    cohort = make_cohort(
        number("directlyharmed").astype(int),
        number("peacefactor"),
        {
            **{name: number(name) for name in names},
            "village": Column(codes, tuple(str(village) for village in villages)),
        },
        arms=("unharmed", "harmed"),
    )
    study = make_study((*names, "village"), contrasts=(pair("harmed", "unharmed"),))
    task = SensitivityTask(study, cohort, (), lambda *_: (), {"benchmarks": ("female",)})
    answer = run(task)
    return {table.name: table.records() for table in answer.tables}


def test_the_leaf_on_the_data(tables):
    (line,) = tables["robustness"]
    assert line["df"] == DF
    assert line["estimate"] == pytest.approx(ESTIMATE, abs=5e-11)
    assert line["se"] == pytest.approx(SE, abs=5e-11)
    assert round(line["t"], 5) == T
    assert line["partial_r2"] == pytest.approx(PARTIAL_R2, abs=5e-11)
    assert line["rv"] == pytest.approx(RV, abs=5e-11)
    assert line["rv_alpha"] == pytest.approx(RV_ALPHA, abs=5e-11)


def test_the_benchmarks_on_the_data(tables):
    for line, (times, r2_exposure, r2_outcome, adjusted) in zip(
        tables["benchmarks"], FEMALE, strict=True
    ):
        assert (line["covariate"], line["times"]) == ("female", times)
        assert round(line["r2_exposure"], 8) == r2_exposure
        assert round(line["r2_outcome"], 8) == r2_outcome
        assert round(line["adjusted"], 8) == adjusted
    assert (round(line["lo"], 5), round(line["hi"], 5)) == THRICE_INTERVAL
