"""Clusters that hold one arm each and were not declared: said beside every answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fingerpost.cohorts.table import read_records
from fingerpost.core.output import Output
from fingerpost.release.clear import clear
from fingerpost.studies.document import read_study
from fingerpost.studies.run import run

STUDY = """study: schools
question: Does it help?
records: {table: t.csv, clusters: {school: school}}
arms: {column: a, levels: {0: none, 1: support}}
outcomes: {y: {column: y}}
assignment: {observed: {given: [x]}}
estimators: [naive, ipw]
release: {policy: none}
"""


def output(folder: Path, *, by_school: bool, text: str = STUDY) -> Output:
    rng = np.random.default_rng(1)
    school = np.repeat(np.arange(40), 10)
    arm = (rng.random(40) < 0.5)[school] if by_school else rng.random(400) < 0.5
    rows = [
        f"{s},{int(a)},{rng.normal():.4f},{rng.normal():.4f}"
        for s, a in zip(school, arm, strict=True)
    ]
    (folder / "t.csv").write_text("school,a,x,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (folder / "s.yaml").write_text(text, encoding="utf-8")
    study = read_study(folder / "s.yaml")
    return clear(run(study, read_records(study.records, base=folder)))


def said(found: Output) -> bool:
    return all(
        any("every school holds one arm only" in words for words in one.warnings)
        for one in found.results
    )


def test_arms_by_school_with_errors_by_child_are_warned_of(tmp_path: Path) -> None:
    assert said(output(tmp_path, by_school=True))


def test_arms_by_child_or_declared_schools_are_not(tmp_path: Path) -> None:
    assert not said(output(tmp_path, by_school=False))
    declared = STUDY.replace("{given: [x]}", "{given: [x], cluster: school}")
    assert not said(output(tmp_path, by_school=True, text=declared))
