"""Pasts whose drift is known, as records on disk, and plans to rehearse on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fingerpost.cohorts.reading import TableRecords
from fingerpost.cohorts.table import read_records
from fingerpost.core.study import Study
from fingerpost.studies.document import read_study

PLAN = """study: plan
question: What could it show?
records: {table: past.csv, unit: area}
rollout:
  period: year
  periods: {first: 2030, count: 6}
  waves:
    first: {begins: 2033, units: 30}
    late: {units: 30}
outcomes:
  y: {column: y, measured_in: days}
assignment: {randomised: {design: parallel, unit: area}}
estimand: {target: simple}
estimators: [ancova, did]
"""
WAVES = """  waves:
    first: {begins: 2032, units: 21}
    second: {begins: 2034, units: 20}
    late: {units: 19}
"""


def outcomes(*, units: int = 60, years: int = 8, cac: float = 0.7, seed: int = 1) -> np.ndarray:
    """Return (u, t) outcomes whose level fades, about years that rise."""
    r = np.random.default_rng(seed)
    at = np.arange(years)
    root = np.linalg.cholesky(cac ** np.abs(at[:, None] - at))
    return 10 + 0.3 * at + r.standard_normal((units, years)) @ root.T


def names(units: int) -> list[str]:
    """Return codes of units in their order."""
    return [f"A{at:02}" for at in range(units)]


def write_past(folder: Path, y: np.ndarray, first: int = 2016, **columns: list[str]) -> None:
    """Write outcomes as records, a row a unit and year; NaN is an empty cell."""
    head = ",".join(["area", "year", "y", *columns])
    lines = [head]
    for at, own in enumerate(y):
        more = [values[at] for values in columns.values()]
        for year, value in enumerate(own, start=first):
            cell = "" if np.isnan(value) else repr(float(value))
            lines.append(",".join([names(len(y))[at], str(year), cell, *more]))
    (folder / "past.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def plan_of(text: str = PLAN) -> Study:
    """Return a plan as it is read."""
    return read_study("plan.yaml", text=text)


def staggered(estimators: str = "[gls_exposure_time, group_time, ancova]") -> str:
    """Return a plan in two waves and a late group."""
    start, end = PLAN.index("  waves:"), PLAN.index("outcomes:")
    text = PLAN[:start] + WAVES + PLAN[end:]
    text = text.replace("design: parallel", "design: staggered")
    return text.replace("[ancova, did]", estimators)


def records_of(study: Study, folder: Path) -> TableRecords:
    """Return the records of a plan that lie in a folder."""
    return read_records(study.records, base=folder)
