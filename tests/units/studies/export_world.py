"""A made-up table that asks much of an export, studies of it, and R where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fingerpost.cohorts.table import read_records
from fingerpost.core.inference import standard_errors
from fingerpost.studies.document import read_study
from fingerpost.studies.export.scope import Exported, with_records
from fingerpost.studies.run import run

STUDY = """\
study: export
question: Do arms differ?
records:
  {table: table.csv, unit: pupil, clusters: {school: school}, weight: weight, synthetic: true}
arms: {column: arm, levels: {0: none, 1: support, 2: 'the "plan"'}}
outcomes:
  score: {column: score, kind: continuous}
  passed: {column: passed, kind: binary}
  missed: {column: missed, kind: count, exposure: years}
covariates: {age: {missing: indicator}, need: categorical}
assignment: {observed: {given: [age, year, need, girl, bÿ], cluster: school}}
estimand:
  contrasts: [[support, none], ['the "plan"', support]]
  target: [ate, att, atu, overlap]
  scale: difference
estimators: [naive, regression, ipw, ipw_ra]
guard: {refuse: {cluster_share: 0.99}}
release: {policy: none}
"""


def written(folder: Path, text: str = STUDY, *, schools: int = 100, children: int = 600) -> Path:
    """Write the table and a study of it; return the study's path."""
    draw = np.random.default_rng(7)
    school = draw.integers(0, schools, children)
    age, habit = draw.normal(size=children), draw.normal(size=schools)[school]
    need = draw.choice(["a", "b", "c"], children, p=[0.5, 0.3, 0.2])
    score = np.stack([0 * age, 0.4 * age - 0.2 + 0.3 * habit, 0.3 * (need == "c") - 0.3 * age], 1)
    chance = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    arm = (draw.random(children)[:, None] > chance.cumsum(axis=1)).sum(axis=1)
    years = draw.uniform(0.5, 3, children).round(3)
    logit = 0.2 * arm + 0.5 * age - 0.3
    columns = {
        "pupil": [f"p{n}" for n in range(children)],
        "school": [f"s{n}" for n in school],
        "arm": arm,
        "age": seldom(draw, age, 0.1),
        "year": draw.integers(1, 6, children),
        "need": need,
        "girl": draw.integers(0, 2, children),
        "bÿ": draw.normal(size=children),
        "score": seldom(draw, 9 + 0.5 * arm + age + habit + draw.normal(size=children), 0.15),
        "passed": (draw.random(children) < 1 / (1 + np.exp(-logit))).astype(int),
        "missed": seldom(draw, draw.poisson(years * np.exp(logit)).astype(float), 0.05),
        "years": years,
        "weight": draw.uniform(0.5, 2, children).round(3),
    }
    pl.DataFrame(columns).write_csv(folder / "table.csv")
    path = folder / "export.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def seldom(draw: np.random.Generator, values: np.ndarray, share: float) -> list[float | None]:
    """Return values with some of them missing."""
    return [None if draw.random() < share else float(value) for value in values]


def exported(path: Path) -> Exported:
    """Return a study as it is written out."""
    study = read_study(path)
    return with_records(study, read_records(study.records, base=path.parent))


def rscript(folder: Path) -> pl.DataFrame:
    """Return the results of `analysis.R` in a folder, or skip the test loudly."""
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("R NOT FOUND: the exported script was not run (apt-get install r-base-core)")
    done = subprocess.run(
        [program, "--vanilla", "analysis.R"],
        cwd=folder,
        env={**os.environ, "R_ENABLE_JIT": "0"},  # compiling takes longer than running once
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return pl.read_csv(folder / "results.csv", infer_schema_length=None)


KEY = ("estimator", "outcome", "contrast", "target")


def ours(path: Path) -> dict[tuple[str, ...], tuple[float, float | None]]:
    """Return value and standard error of every number of a study, by `KEY`."""
    study = read_study(path)
    finding = run(study, read_records(study.records, base=path.parent))
    found: dict[tuple[str, ...], tuple[float, float | None]] = {}
    for answer in finding.answers:
        if answer.estimate is None:
            continue
        errors = standard_errors(answer.estimate)
        for at, term in enumerate(answer.estimate.terms):
            key = (answer.leaf, term.outcome, term.words(), term.label())
            found[key] = (
                float(answer.estimate.value[at]),
                None if errors is None else float(errors[at]),
            )
    return found
