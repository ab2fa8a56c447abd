"""Tests over imputed copies: D1 as R's mitml has it, and tables made of pooled numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import fdtrc

from fingerpost.cohorts.table import read_records
from fingerpost.release.clear import clear
from fingerpost.studies.document import read_study
from fingerpost.studies.pooled_tests import d1
from fingerpost.studies.run import run
from units.studies.test_imputed import STUDY, holes

# Four fits of mpg on wt and hp (R's mtcars, with mpg + 0.8 sin(k i) + 0.3 k (wt − 3), k = 1 to 4):
# the two slopes and their covariance, printed by R 4.2.2.
SLOPES = [
    (-3.6484567538114, -0.0343377725182),
    (-3.2891616061642, -0.0316256967181),
    (-3.0208915349450, -0.0319218396573),
    (-2.6688116517988, -0.0321204105318),
]
COVARIANCES = [
    (4.03188655886e-01, -3.79036036335e-03, 8.21134366224e-05),
    (4.01037918157e-01, -3.77014136433e-03, 8.16754171901e-05),
    (0.400485701545160, -0.003764949998139, 0.000081562952707),
    (3.81757784537e-01, -3.58888960239e-03, 7.77488235049e-05),
]
# mitml 0.4-4, testModels(method = "D1"): F, df2, p; both slopes, then that of hp alone.
BOTH = (34.4951964106, 13.0760079061, 6.09113521559e-06)
ONE = (12.7731567241, 5536.5911105, 0.00035462368794)


def within() -> np.ndarray:
    return np.mean([[[a, b], [b, c]] for a, b, c in COVARIANCES], axis=0)


def test_d1_is_that_of_mitml_in_its_printed_digits() -> None:
    statistic, df, p = d1(np.array(SLOPES), within(), None)
    assert df == 2
    assert statistic / 2 == pytest.approx(BOTH[0], rel=1e-8)
    assert p == pytest.approx(BOTH[2], rel=1e-6)
    statistic, df, p = d1(np.array(SLOPES)[:, [1]], within()[1:, 1:], None)
    assert (statistic, p) == (pytest.approx(ONE[0], rel=1e-8), pytest.approx(ONE[2], rel=1e-6))


def test_few_clusters_shorten_the_degrees_of_freedom_as_they_do_of_one_number() -> None:
    """Eight schools: 7 degrees of freedom complete, 7 × 8/10 × the share recorded; with D1's own
    13.08 of both slopes, and nearly those alone where its own are 5,537.
    """
    values = np.array(SLOPES)
    between = np.cov(values.T)
    increase = 1.25 * np.trace(np.linalg.solve(within(), between)) / 2
    statistic, _, p = d1(values, within(), 8)
    df = 1 / (1 / BOTH[1] + (1 + increase) / 5.6)
    assert df < 5.6
    assert p == pytest.approx(fdtrc(2, df, statistic / 2), rel=1e-8)
    alone, variance = values[:, [1]], within()[1:, 1:]
    increase = 1.25 * alone.var(ddof=1) / variance[0, 0]
    statistic, _, p = d1(alone, variance, 8)
    df = 1 / (1 / ONE[1] + (1 + increase) / 5.6)
    assert p == pytest.approx(fdtrc(1, df, statistic), rel=1e-6)


def test_without_a_difference_between_copies_it_is_a_wald_test() -> None:
    values = np.repeat([SLOPES[0]], 5, axis=0)
    statistic, _, _ = d1(values, within(), None)
    assert statistic == pytest.approx(values[0] @ np.linalg.solve(within(), values[0]), rel=1e-10)


def test_subgroups_are_compared_on_the_pooled_numbers(tmp_path: Path) -> None:
    text = STUDY.replace("target: [ate]", "target: [ate], subgroups: boy")
    text = text.replace("estimators: [naive, ipw, aipw]", "estimators: [aipw]")
    holes(900).write_csv(tmp_path / "holes.csv")
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    study = read_study(tmp_path / "study.yaml")
    output = clear(run(study, read_records(study.records, base=tmp_path)))
    told = {r.term.subgroup: r for r in output.results if r.term.outcome == "y" and r.term.subgroup}
    first, second = told["boy = 0"], told["boy = 1"]
    table = next(t for t in output.tables if t.name == "subgroup_differences")
    row = table.records()[0]
    assert row["difference"] == pytest.approx(second.value - first.value, abs=1e-12)
    # Boys and girls share schools, so that their errors add up but for what they share.
    assert row["se"] == pytest.approx(np.hypot(first.se, second.se), rel=0.25)
    assert 0 < row["p"] < 1
    assert "D1" in table.note
