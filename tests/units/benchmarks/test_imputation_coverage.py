"""The study of imputation: what its worlds are, and that page and manual show one table."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from benchmarks import imputation_coverage as study  # noqa: E402


def percents(way: str) -> dict[str, float]:
    """Return the coverage of one way of analysing, by world, as the page has it."""
    lines = study.PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "%" in line]
    return {row[0]: float(row[5].rstrip("%")) for row in rows if len(row) == 7 and row[1] == way}


def test_the_manual_shows_the_table_of_the_page() -> None:
    page, manual = (place.read_text(encoding="utf-8") for place in (study.PAGE, study.MANUAL))
    shown = manual.split(study.MARKS[0])[1].split(study.MARKS[1])[0]
    assert shown.strip() in page
    assert shown.count("\n| ") == 2 + 3 * len(study.CELLS)


def test_imputed_intervals_hold_the_truth_where_their_assumption_does() -> None:
    found = percents("imputed")
    held = {cell.name: found[cell.name] for cell in study.CELLS if cell.why != "mnar"}
    open_ = next(cell.name for cell in study.CELLS if not cell.clusters)
    assert all(92.5 <= held[name] <= 98 for name in held if name != open_)
    assert held[open_] < 93
    (moved,) = percents("imputed, moved by the true shift").values()
    assert 93 <= moved <= 97


@pytest.mark.parametrize("cell", study.CELLS, ids=lambda cell: cell.name)
def test_a_world_has_what_the_page_says(cell) -> None:
    """A quarter of outcomes and a fifth of a covariate missing; what is recorded is as it was."""
    world = study.draw(replace(cell, n=12_000), 3)
    observed = world.cohort.outcomes["y"].observed
    assert 0.2 < 1 - observed.mean() < 0.33
    assert 0.12 < world.holes["v"].mean() < 0.27
    assert world.holes["c"].mean() == pytest.approx(0.10, abs=0.02)
    assert np.array_equal(
        world.cohort.outcomes["y"].value[observed], world.full.outcomes["y"].value[observed]
    )
    arms = world.full.arm
    assert len(np.unique(arms)) == cell.arms
