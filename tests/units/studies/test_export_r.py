"""The exported R script, run by R: the same numbers from another language."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from fingerpost.studies.export.written import write_r
from units.studies.export_world import KEY, STUDY, exported, ours, rscript, written

MODELS = """\
models:
  exposure: [linear, {square: year}, {spline: bÿ}, {product: [age, need]}]
  outcome:
    terms: [linear, {equals: {of: year, value: 4}}]
    by_arm: false
    interactions: [need, age]
  censoring: [age, need]
"""
RATIO = STUDY.replace("  score: {column: score, kind: continuous}\n", "").replace(
    "scale: difference", "scale: ratio"
)
FIRTH = RATIO.replace(", cluster: school", "").replace(
    "atu, overlap", "{received: none}, {trimmed: 0.15}"
)
WORLDS = {
    "three arms, weights, filled covariates": (STUDY, 100),
    "pooled outcomes, bent terms, weights for being seen": (STUDY + MODELS, 100),
    "few clusters, differences": (STUDY, 24),
    "few clusters, ratios": (
        RATIO.replace("[naive, regression, ipw, ipw_ra]", "[regression, ipw]"),
        24,
    ),
    "no cluster, Firth, trimmed, subgroups": (
        FIRTH.replace("scale: ratio", "scale: ratio\n  subgroups: [need]")
        + "models: {firth: true}\n",
        100,
    ),
}


@pytest.mark.parametrize("world", WORLDS)
def test_r_finds_every_value_and_standard_error(tmp_path: Path, world: str):
    text, schools = WORLDS[world]
    path = written(tmp_path, text, schools=schools)
    found = exported(path)
    write_r(found, tmp_path)
    results = rscript(tmp_path)
    wanted = ours(path)
    assert len(wanted) > 15
    assert any("few clusters" in (note or "") for note in results["note"]) == (schools < 50)
    assert len(results) == len(found.lines) == len(wanted)
    for row in results.iter_rows(named=True):
        value, error = wanted[tuple(row[key] for key in KEY)]
        assert row["estimate"] == pytest.approx(value, abs=1e-6, rel=1e-6), row
        assert row["se"] == (None if error is None else pytest.approx(error, abs=1e-6)), row
        if row["scale"] == "ratio":
            assert row["ratio"] == pytest.approx(math.exp(value), rel=1e-6)
