"""Minimum wages and teenage employment: published numbers of staggered roll-outs.

Callaway & Sant'Anna (2021), Journal of Econometrics 225:200-230, the example of the R package did:
500 counties, 2003-2007. Group-time numbers are printed alike by did and four other packages; the
imputation's by diff-diff 3.13.0, `ImputationDiD().fit(..., aggregate="all")`; the two-way
regression's by pyfixest 0.60.0. Castle doctrine and homicide: Cheng & Hoekstra (2013), Journal of
Human Resources 48:821-854, decomposed by bacondecomp and diff-diff.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core.analysis import Analysis, PanelTask
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import covariance, standard_errors
from fingerpost.core.panel import Panel, PanelOutcome
from fingerpost.estimators import did, group_time, imputation
from fingerpost.kernels.bacon import decomposition, two_way_coefficient

pytestmark = pytest.mark.real_data
DIGITS = 6e-7


def asked(kind: str, exposure: float | None = None) -> Term:
    return Term("lemp", pair("raised", "not raised"), Target(kind), exposure_time=exposure)


def panel_of(y: np.ndarray, adopted: np.ndarray, **more: object) -> Panel:
    one = np.ones_like(y)
    arm = np.zeros(y.shape, int)
    names = tuple(f"{at:04d}" for at in range(len(y)))
    periods = tuple(str(2003 + at) for at in range(y.shape[1]))
    outcome = PanelOutcome(one, y, y**2)
    return Panel(names, periods, ("not raised", "raised"), arm, {"lemp": outcome}, adopted, **more)


@pytest.fixture(scope="module")
def mpdta(shared_file: Callable[[str], Path]) -> Panel:
    with shared_file("staggered_mpdta/mpdta.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    counties = {name: at for at, name in enumerate(sorted({row["countyreal"] for row in rows}))}
    y, lpop = np.zeros((500, 5)), np.zeros((500, 5))
    adopted = np.full(500, -1)
    for row in rows:
        at, t = counties[row["countyreal"]], int(row["year"]) - 2003
        y[at, t], lpop[at, t] = float(row["lemp"]), float(row["lpop"])
        if float(row["first.treat"]):
            adopted[at] = int(float(row["first.treat"])) - 2003
    return panel_of(y, adopted, covariates={"lpop": lpop})


def told(leaf, panel: Panel, *terms: Term, given: tuple[str, ...] = (), **options: object):
    """Return values and standard errors."""
    found = leaf.run(PanelTask(panel, terms, Analysis(given, options=options))).estimate
    return found.value, standard_errors(found)


MEANS = ("simple", "group_average", "exposure_average", "calendar_average")


@pytest.mark.parametrize(
    ("given", "values", "errors"),
    [
        (
            (),
            (-0.039951, -0.031018, -0.077240, -0.041700),
            (0.012034, 0.012446, 0.019965, 0.015972),
        ),
        (
            ("lpop",),
            (-0.041752, -0.032820, -0.080354, -0.044177),
            (0.011503, 0.011898, 0.018958, 0.015038),
        ),
    ],
)
def test_averages_of_effects_by_wave_and_year(mpdta, given, values, errors):
    value, error = told(group_time, mpdta, *(asked(kind) for kind in MEANS), given=given)
    assert value == pytest.approx(values, abs=DIGITS)
    assert error == pytest.approx(errors, abs=DIGITS)


CELLS = {
    2004: (-0.010503, -0.070423, -0.137259, -0.100811),
    2006: (0.006520, -0.002751, -0.004595, -0.041224),
    2007: (0.030507, -0.002726, -0.031087, -0.026054),
}
ERRORS = {
    2004: (0.023251, 0.030985, 0.036436, 0.034359),
    2006: (0.023327, 0.019559, 0.017755, 0.020229),
    2007: (0.015034, 0.016396, 0.017878, 0.016655),
}


def test_the_twelve_effects_by_wave_and_year(mpdta):
    found = group_time.run(PanelTask(mpdta, (asked("simple"),), Analysis(())))
    (table,) = (table for table in found.tables if table.name == "by_wave")
    rows = {(row["begins"], row["period"]): row for row in table.records()}
    for wave, cells in CELLS.items():
        own = [rows[str(wave), str(year)] for year in range(2004, 2008)]
        assert [row["estimate"] for row in own] == pytest.approx(cells, abs=DIGITS)
        assert [row["se"] for row in own] == pytest.approx(ERRORS[wave], abs=DIGITS)
    waves = {"2004": (-0.079749, 0.026368), "2006": (-0.022910, 0.016703)}
    for wave, (value, error) in (waves | {"2007": (-0.026054, 0.016655)}).items():
        row = rows[wave, "all"]
        assert (row["estimate"], row["se"]) == pytest.approx((value, error), abs=DIGITS)


@pytest.mark.parametrize(("given", "p"), [((), 0.16812), (("lpop",), 0.23267)])
def test_trends_before_are_tested_as_printed(mpdta, given, p):
    """The p-values that the vignette of did prints."""
    found = group_time.run(PanelTask(mpdta, (asked("simple"),), Analysis(given)))
    (table,) = (table for table in found.tables if table.name == "pre_trends")
    assert table.column("p")[0] == pytest.approx(p, abs=6e-6)


def test_what_drift_of_trends_allows(mpdta):
    """Ends of the effects allowed, by diff-diff 3.13.0: `HonestDiD(method="relative_magnitude")` of
    `CallawaySantAnna(base_period="universal")`, mean over exposures. Intervals here are wider than
    there, where the drift is taken as known.
    """
    found = group_time.run(PanelTask(mpdta, (asked("exposure_average"),), Analysis(())))
    (table,) = (table for table in found.tables if table.name == "trend_bounds")
    ends = {0.5: (-0.1078, -0.0467), 1.0: (-0.1384, -0.0161), 2.0: (-0.1995, 0.0451)}
    theirs = {0.5: (-0.1469, -0.0075), 1.0: (-0.1775, 0.0230), 2.0: (-0.2387, 0.0842)}
    for row in table.records():
        assert (row["lower"], row["upper"]) == pytest.approx(ends[row["times"]], abs=6e-5)
        lo, hi = theirs[row["times"]]
        assert lo - 0.15 < row["lo"] < lo and hi < row["hi"] < hi + 0.15


def test_clustered_sums_are_those_of_counties_put_together(mpdta):
    """Influence summed within a cluster, never averaged, and the factor G/(G − 1)."""
    codes = np.arange(500) // 7
    panel = panel_of(mpdta.outcomes["lemp"].total, mpdta.adopted, clusters={"state": codes})
    found = group_time.run(PanelTask(panel, (asked("simple"),), Analysis((), cluster="state")))
    plain = group_time.run(PanelTask(mpdta, (asked("simple"),), Analysis(())))
    by_county = plain.estimate.spread.sums[:, 0]
    sums = np.bincount(codes, weights=by_county)
    g = len(sums)
    assert covariance(found.estimate)[0, 0] == pytest.approx(g / (g - 1) * np.sum(sums**2))
    assert found.estimate.value == pytest.approx(plain.estimate.value)


def test_imputation(mpdta):
    terms = (asked("simple"), *(asked("at_exposure", float(at)) for at in range(4)))
    value, error = told(imputation, mpdta, *terms)
    assert value == pytest.approx(
        [-0.04770991828, -0.03106692719, -0.05223485675, -0.13607811444, -0.10470747158], abs=1e-9
    )
    assert error == pytest.approx(
        [0.01322248865, 0.01357724975, 0.01881242682, 0.03534197213, 0.03376585336], abs=1e-9
    )


def test_the_regression_beside_its_comparisons(mpdta):
    found = did.run(PanelTask(mpdta, (asked("simple"),), Analysis(())))
    assert found.estimate is None
    row = next(table for table in found.tables if table.name == "two_way").records()[-1]
    assert row["estimate"] == pytest.approx(-0.036549, abs=DIGITS)
    assert row["se"] == pytest.approx(0.013265, abs=DIGITS)


def test_castle_doctrine_taken_apart():
    """TWFE .0818116; weights and estimates by kind of comparison."""
    pyreadstat = pytest.importorskip("pyreadstat")
    spec = find_spec("causaldata")
    if spec is None or spec.origin is None:
        pytest.skip("causaldata is not installed")
    table, _ = pyreadstat.read_dta(str(Path(spec.origin).parent / "castle" / "castle.dta"))
    years, states = sorted(set(table["year"])), sorted(set(table["sid"]))
    y = np.zeros((len(states), len(years)))
    post = np.zeros_like(y)
    for sid, year, outcome, on in zip(
        table["sid"], table["year"], table["l_homicide"], table["post"], strict=True
    ):
        y[states.index(sid), years.index(year)] = outcome
        post[states.index(sid), years.index(year)] = on
    assert set(np.unique(post)) == {0.0, 1.0}
    # Here `post` begins with the first whole year; the decomposition counts the year of the law.
    begins = np.where(post.any(axis=1), post.argmax(axis=1) - 1, -1)
    value, _ = two_way_coefficient(y, begins)
    assert value == pytest.approx(0.0818116, abs=5e-8)
    kinds: dict[str, list[tuple[float, float]]] = {}
    for one in decomposition(y, begins):
        kinds.setdefault(one.kind, []).append((one.weight, one.value))
    found = {
        kind: (sum(w for w, _ in each), sum(w * v for w, v in each) / sum(w for w, _ in each))
        for kind, each in kinds.items()
    }
    expected = {
        "began v never began": (0.908339, 0.087962),
        "began earlier v begins later": (0.059763, -0.005542),
        "began later v began earlier": (0.031898, 0.070321),
    }
    assert set(found) == set(expected)
    for kind, pair_ in expected.items():
        assert found[kind] == pytest.approx(pair_, abs=6e-7)
