"""Instrumental variables against printed numbers: NHEFS, PACES vouchers, incentives in Malawi.

NHEFS: Hernán and Robins, Causal Inference: What If (2020), chapter 16: the price of cigarettes as
an instrument of quitting, 2.4 kg (−36.5, 41.3), and 41.3, −40.9, −21.1, −12.8 at other
cut-points; to more digits, the same on the 1,476 people of the records. The printed error has one
variance for all, divisor n; the answer's own is robust.

PACES: Angrist, Bettinger, Bloom, King and Kremer (2002), American Economic Review 92:1535-1558.
Table 7 there is of *ever* using a scholarship, which these records do not hold; they hold use in
the year of the survey, for which the first stage and the effect of winning are printed.

Malawi: Thornton (2008), American Economic Review 98:1829-1863. The records here hold no purchase of
condoms, so learning one's result is asked of what it cannot change: the result itself.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import polars as pl
import pyreadstat
import pytest
from linearmodels.iv import IV2SLS

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import standard_errors
from fingerpost.core.outcome import Outcome
from fingerpost.estimators.iv import IV

COMPLIERS = Target("compliers")


def causaldata(name: str) -> pl.DataFrame:
    """Return a table of the package, read by path."""
    spec = importlib.util.find_spec("causaldata")
    if spec is None or spec.origin is None:
        pytest.skip("causaldata is not installed")
    frame, _ = pyreadstat.read_dta(str(Path(spec.origin).parent / name / f"{name}.dta"))
    return pl.from_pandas(frame)


def row(answer: Answer, table: str) -> dict:
    (found,) = next(t for t in answer.tables if t.name == table).records()
    return found


@pytest.fixture(scope="module")
def nhefs() -> Cohort:
    """Return the 1,566 whose weight is known; 90 of them have no price."""
    frame = causaldata("nhefs").filter(
        pl.col("wt82_71").is_not_nan() & pl.col("wt82_71").is_not_null()
    )
    price = frame["price82"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    outcome = Outcome("continuous", frame["wt82_71"].to_numpy().astype(float))
    arm = frame["qsmk"].to_numpy().astype(np.int64)
    return Cohort(
        np.arange(len(arm)),
        ("smoking", "quitting"),
        arm,
        {"weight": outcome},
        {},
        roles={"price82": Column(price)},
    )


def quitting(cohort: Cohort, above: float) -> Answer:
    """Return the effect of quitting, by whether the price reaches a cut-point."""
    term = Term("weight", pair("quitting", "smoking"), COMPLIERS)
    told = Analysis((), options={"instrument": "price82", "above": above})
    return IV.run(Task(cohort, (term,), told))


def test_nhefs_is_the_ratio_that_is_printed(nhefs):
    answer = quitting(nhefs, 1.5)
    assert answer.estimate.n[0] == 1476
    assert answer.estimate.value[0] == pytest.approx(2.3962701042, abs=1e-9)
    assert row(answer, "ordinary_errors")["se"] == pytest.approx(19.8265905, abs=1e-7)
    coefficient = row(answer, "first_stage_coefficients")["coefficient"]
    assert coefficient == pytest.approx(0.0627177700, abs=1e-9)
    assert answer.estimate.value[0] * coefficient == pytest.approx(0.1502887173, abs=1e-9)


def test_nhefs_with_a_robust_error_is_linearmodels(nhefs):
    seen = np.isfinite(np.asarray(nhefs.roles["price82"].values))
    z = (np.asarray(nhefs.roles["price82"].values)[seen] >= 1.5) * 1.0
    y = nhefs.outcomes["weight"].value[seen]
    oracle = IV2SLS(y, np.ones((seen.sum(), 1)), nhefs.arm[seen] * 1.0, z).fit(cov_type="robust")
    error = standard_errors(quitting(nhefs, 1.5).estimate)[0]
    assert error == pytest.approx(oracle.std_errors.iloc[1])


def test_nhefs_the_price_is_weak_and_says_so(nhefs):
    """The printed F of .823 is n R² / (1 − R²)."""
    answer = quitting(nhefs, 1.5)
    share = row(answer, "first_stage")["partial_r2"]
    assert 1476 * share / (1 - share) == pytest.approx(0.823, abs=5e-4)
    assert row(answer, "first_stage")["weak"] is True
    assert any("weak instrument" in words for _, words in answer.warnings)
    assert answer.regions[0].pieces == ((-np.inf, np.inf),)


@pytest.mark.parametrize(
    ("cut", "value"),
    [(1.6, 41.2812405), (1.7, -40.9118493), (1.8, -21.1034165), (1.9, -12.8114061)],
)
def test_nhefs_other_cut_points(nhefs, cut, value):
    assert quitting(nhefs, cut).estimate.value[0] == pytest.approx(value, abs=5e-8)


# ------------------------------------------------------------------ PACES vouchers


@pytest.fixture(scope="module")
def vouchers(shared_file) -> pl.DataFrame:
    """Return Bogotá's applicants of 1995 whose use of a scholarship is known."""
    frame = pl.read_csv(
        shared_file("paces_vouchers/vouchers_bogota95.csv"), infer_schema_length=None
    )
    return frame.filter(pl.col("USNGSCH").is_not_null())


def scholarship(frame: pl.DataFrame, name: str, given: tuple[str, ...] = ()) -> Answer:
    """Return the effect of using a scholarship, by the lottery."""
    frame = frame.drop_nulls([name, "VOUCH0", *given])
    kind = "binary" if name.startswith("FINISH") else "continuous"
    cohort = Cohort(
        np.arange(len(frame)),
        ("none", "scholarship"),
        frame["USNGSCH"].to_numpy().astype(np.int64),
        {name: Outcome(kind, frame[name].to_numpy().astype(float))},
        {each: Column(frame[each].to_numpy().astype(float)) for each in given},
        roles={"won": Column(frame["VOUCH0"].to_numpy().astype(float))},
    )
    term = Term(name, pair("scholarship", "none"), COMPLIERS)
    return IV.run(Task(cohort, (term,), Analysis(given, options={"instrument": "won"})))


def test_paces_winning_moves_children_as_printed(vouchers):
    """Winning raises use by .51 (.02) and finishing grade 8 by .11 (.03)."""
    answer = scholarship(vouchers, "FINISH8")
    first = row(answer, "first_stage_coefficients")
    assert first["coefficient"] == pytest.approx(0.507, abs=5e-4)
    assert first["se"] == pytest.approx(0.023, abs=1e-3)  # robust .0225; ordinary .0227
    reduced = answer.estimate.value[0] * first["coefficient"]
    assert reduced == pytest.approx(0.111, abs=5e-4)
    assert row(answer, "first_stage")["weak"] is False
    ((lo, hi),) = answer.regions[0].pieces
    assert 0 < lo < answer.estimate.value[0] < hi


@pytest.mark.parametrize("name", ["FINISH8", "SCYFNSH", "NREPT"])
@pytest.mark.parametrize("given", [(), ("AGE", "SEX2", "SVY", "PHONE")], ids=["", "given"])
def test_paces_is_linearmodels(vouchers, name, given):
    answer = scholarship(vouchers, name, given)
    frame = vouchers.drop_nulls([name, "VOUCH0", *given])
    x = np.column_stack([np.ones(len(frame)), *(frame[each].to_numpy() for each in given)])
    x = x[:, [0, *(at for at in range(1, x.shape[1]) if np.ptp(x[:, at]) > 0)]]
    y, a, z = (frame[each].to_numpy() for each in (name, "USNGSCH", "VOUCH0"))
    oracle = IV2SLS(y, x, a, z).fit(cov_type="robust")
    assert answer.estimate.value[0] == pytest.approx(oracle.params.iloc[-1])
    assert standard_errors(answer.estimate)[0] == pytest.approx(oracle.std_errors.iloc[-1])


# ------------------------------------------------------------------ Malawi


def test_thornton_any_incentive_and_a_result_that_cannot_change():
    columns = ["got", "any", "hiv2004", "villnum", "age"]
    frame = causaldata("thornton_hiv").select(columns).drop_nulls().drop_nans()
    got, paid, positive, village, _ = (frame[name].to_numpy().astype(float) for name in columns)
    kept = np.isin(positive, [0, 1])
    got, paid, positive, village = got[kept], paid[kept], positive[kept], village[kept]
    cohort = Cohort(
        np.arange(len(got)),
        ("not learned", "learned"),
        got.astype(np.int64),
        {"positive": Outcome("binary", positive)},
        {},
        {"village": village.astype(np.int64)},
        roles={"any": Column(paid)},
    )
    term = Term("positive", pair("learned", "not learned"), COMPLIERS)
    told = Analysis((), cluster="village", options={"instrument": "any"})
    answer = IV.run(Task(cohort, (term,), told))
    coefficient = row(answer, "first_stage_coefficients")["coefficient"]
    assert coefficient == pytest.approx(0.451, abs=2e-3)
    oracle = IV2SLS(positive, np.ones((len(got), 1)), got, paid).fit(
        cov_type="clustered", clusters=village.astype(int)
    )
    g = len(np.unique(village))
    expected = (oracle.params.iloc[1], oracle.std_errors.iloc[1] * np.sqrt(g / (g - 1)))
    assert (answer.estimate.value[0], standard_errors(answer.estimate)[0]) == pytest.approx(
        expected
    )
    ((lo, hi),) = answer.regions[0].pieces
    assert lo < 0 < hi
