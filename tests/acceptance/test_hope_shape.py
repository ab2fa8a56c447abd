"""The shape of the published study: support goes with more unauthorised absence, and with less once
children are made comparable; and outcomes that severity drives stay biased unless it is given.

Fast versions with fixed seeds of benchmarks/hope_shape.py and benchmarks/cohort_coverage.py.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import cohort_coverage as coverage  # noqa: E402
from benchmarks import cohort_worlds as worlds  # noqa: E402
from benchmarks.cohort_coverage import MEASURED, SETS, answer, term, truth  # noqa: E402
from benchmarks.cohort_coverage_page import EXPECTED, Asked  # noqa: E402

from fingerpost.cohorts.linked.flatten import flatten  # noqa: E402
from fingerpost.core.analysis import Fits  # noqa: E402
from fingerpost.core.cohort import Cohort  # noqa: E402
from fingerpost.england.build import Options, build, usual_boosts  # noqa: E402
from fingerpost.records.store import open_store  # noqa: E402
from fingerpost.studies.document import read_study  # noqa: E402
from fingerpost.studies.linked import spelt  # noqa: E402

SEED, OTHERS, CLEFTS = 3, 50, 1_500
STUDY = """\
study: arrays-and-records
question: Do arrays and records give the same cohort?
population:
  phenotype: cleft_isolated
  born: 2003-09/2008-08
  enrolled: {{year: 1, school: state-funded}}
arms: {{none: no recorded provision, support: SEN Support}}
time_zero: {{year: 1, census: spring}}
follow_up: {{to: end of year 6}}
outcomes: [{outcomes}]
assignment: {{observed: {{given: [{given}], cluster: school}}}}
estimand: {{contrast: [support, none], target: [ate], scale: ratio}}
estimators: [ipw]
"""


def numbers(children: Cohort, outcome: str, leaf: str, given: str, target: str = "ate"):
    """Return value, standard error and interval of one leaf on one outcome."""
    seen = children.outcomes[outcome].observed
    part = children.take(np.flatnonzero(seen))
    return answer(part, Fits(), outcome, leaf=leaf, given=given, targets=(target,))[0]


@cache
def large() -> Cohort:
    """Return about nine thousand children of one England."""
    return worlds.cohort(worlds.lives(7, size=20_000, most=None))


# ---------------------------------------------------------------- arrays and records


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[pl.DataFrame, Cohort]:
    """The same children from the records of an England, and from its arrays."""
    folder = tmp_path_factory.mktemp("england")
    build(folder / "records", Options(children=OTHERS, seed=SEED, boosts={"cleft": CLEFTS}))
    text = STUDY.format(outcomes=", ".join(EXPECTED), given=", ".join(worlds.GIVEN))
    study = spelt(read_study(folder / "study.yaml", text=text))
    flat = flatten(study, open_store(folder / "records", "duckdb"))
    table = flat.records.frame.collect().to_native()
    lives = worlds.lives(SEED, size=CLEFTS, block=1, first=OTHERS + 1, most=None)
    table = table.filter(pl.col("child_id") > OTHERS).sort("child_id")
    return table, worlds.cohort(lives)


def test_the_cohort_drawn_from_arrays_is_that_of_the_records(both):
    table, drawn = both
    assert table["child_id"].to_list() == drawn.unit.tolist()
    assert len(drawn.unit) > 500
    assert table["arm"].to_list() == [worlds.ARMS[code] for code in drawn.arm]
    schools = table["urn"].to_numpy()
    assert len(np.unique(schools)) == len(np.unique(drawn.clusters["school"]))


@pytest.mark.parametrize("name", worlds.GIVEN)
def test_its_covariates_are_those_of_the_records(both, name):
    table, drawn = both
    column = drawn.covariates[name]
    if column.categorical:
        assert table[name].to_list() == [column.levels[code] for code in column.values]
        return
    away = np.abs(table[name].to_numpy() - column.values)
    # Two early stays that touch on one day are one stay in the records.
    least = 0.97 if name == "early_admissions" else 1.0
    assert np.mean(away < 1e-9) >= least


@pytest.mark.parametrize("name", worlds.RATES)
def test_its_counts_are_those_of_the_records(both, name):
    table, drawn = both
    outcome = drawn.outcomes[name]
    exposure = table[f"{name} exposure"].fill_null(0.0).to_numpy()
    same = np.isclose(exposure, outcome.exposure, atol=0.02)
    assert np.mean(same) > 0.97  # the rest left state schools within a term
    counted = table[name].to_numpy()[same]
    # Two stays that touch on one day are one; a few repeat a year, and are seen for longer.
    assert np.mean(counted == outcome.value[same]) > (0.95 if "admissions" in name else 0.99)


@pytest.mark.parametrize("name", worlds.SCORES)
def test_its_scores_are_those_of_the_records(both, name):
    table, drawn = both
    found = table[name].fill_null(np.nan).to_numpy()
    outcome = drawn.outcomes[name]
    assert np.mean(np.isfinite(found) == outcome.observed) > 0.99
    seen = np.isfinite(found) & outcome.observed
    # Attainment is rounded, cut at both ends and set beside one year's children in records.
    assert np.corrcoef(found[seen], outcome.value[seen])[0, 1] > 0.98


# ---------------------------------------------------------------- the shape


def test_support_goes_with_more_absence_and_with_less_once_children_are_comparable():
    naive = numbers(large(), "unauthorised_absence", "naive", "", "association")
    assert abs(naive[0] - np.log(1.22)) < 3.0 * naive[1]
    assert naive[0] > 0
    for leaf in coverage.LEAVES:
        value, error, low, high = numbers(large(), "unauthorised_absence", leaf, MEASURED)
        assert abs(value - np.log(0.86)) < 3.0 * error
        assert value < 0 and low < np.log(0.86) < high
        assert error < 0.07


@pytest.mark.parametrize("outcome", [name for name in EXPECTED if name != "unauthorised_absence"])
def test_outcomes_that_severity_drives_are_right_only_where_it_is_given(outcome):
    true = truth(Asked(outcome, MEASURED, "aipw", "ate"))
    blind, seeing = (numbers(large(), outcome, "aipw", given) for given in SETS)
    assert abs(seeing[0] - true) < 3.0 * seeing[1]
    designed = EXPECTED[outcome][2]
    designed = np.log(designed) if outcome in worlds.RATES else designed
    assert abs(blind[0] - designed) < 3.0 * blind[1]
    # By design the bias makes provision look worse than it is.
    worse = 1 if outcome in worlds.RATES else -1
    assert worse * (blind[0] - true) > 0.02


def test_intervals_hold_the_truth_of_unauthorised_absence_and_miss_that_of_attainment():
    away: dict[str, list[float]] = {"unauthorised_absence": [], "ks2_maths": []}
    errors = []
    for seed in range(8):
        children = worlds.cohort(worlds.lives(seed))
        assert children.n == worlds.PUBLISHED
        for outcome, held in away.items():
            value, error, *_ = numbers(children, outcome, "aipw", MEASURED)
            held.append((value - truth(Asked(outcome, MEASURED, "aipw", "ate"))) / error)
        errors.append(numbers(children, "unauthorised_absence", "naive", "", "association")[1])
    assert abs(np.mean(away["unauthorised_absence"])) < 3.5 / np.sqrt(8)
    assert np.mean(away["ks2_maths"]) < -4.0
    assert np.mean(errors) == pytest.approx(0.050, rel=0.25)


def test_the_usual_boost_gives_a_cohort_of_the_published_size():
    clefts = usual_boosts()["cleft"]
    sizes = [len(worlds.lives(seed, size=clefts, most=None).rows) for seed in range(4)]
    assert np.mean(sizes) == pytest.approx(worlds.PUBLISHED, rel=0.015)


def test_terms_are_ratios_of_rates_and_differences_of_means():
    assert (term("unauthorised_absence", "ate").scale, term("ks2_maths", "att").scale) == (
        "ratio",
        "difference",
    )
    assert truth(Asked("unauthorised_absence", MEASURED, "ipw", "ate")) == pytest.approx(
        np.log(0.86), abs=0.002
    )
