"""A plan for half of England's local authorities, rehearsed on the authorities as they were.

Smallest detectable effects (2.8 standard deviations over draws) of three years pooled, by analysis
of covariance on the last year before and the mean before, authorities alike: 0.055 points of
unauthorised absence in primary schools (3% of 1.64), 0.146 points of children with a plan, about
4.0 points of requests refused and 11.0 points of plans within 20 weeks. Here over a few draws;
docs/manual/rehearsal.md has those of 2,000.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fingerpost.cohorts.table import read_records
from fingerpost.studies.document import read_study
from fingerpost.studies.rollouts import rehearsing
from fingerpost.studies.rollouts.judging import questions
from fingerpost.studies.rollouts.rehearsing import rehearse

ROOT = Path(__file__).resolve().parents[2]
DATA = Path("/work/shared/data")
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not (DATA / "england_lait_panel").is_dir(), reason="no LAIT panel here"),
]
EXPECTED = {"absence": 0.055, "plans": 0.146, "refused": 4.0, "in_time": 11.0}


@pytest.fixture(scope="module")
def england():
    """The example, with few draws and its sharpest estimator and another."""
    study = read_study(ROOT / "examples" / "rollouts" / "rehearsal.yaml")
    study = replace(study, estimators=("ancova", "did"))
    told = pytest.MonkeyPatch()
    told.setattr(rehearsing, "PLANTINGS", rehearsing.PLANTINGS[:1])
    records = read_records(study.records, base=DATA)
    found = rehearse(study, records, base=ROOT / "examples" / "rollouts", draws=300)
    told.undo()
    return found


def test_smallest_effects_are_those_of_the_real_past(england):
    by = {(one.outcome, one.judged[0].leaf): one.judged for one in questions(england)}
    for outcome, known in EXPECTED.items():
        ancova, did = by[outcome, "ancova"]
        # Over 300 draws a standard deviation is known to 4.1%: two of those, and 5%.
        assert ancova.mdes == pytest.approx(known, rel=0.14), outcome
        assert ancova.mdes < did.mdes
        assert 0.015 <= ancova.size <= 0.09


def test_the_past_is_complete_areas_and_years(england):
    absence = england.outcomes[0]
    assert absence.past.units == 146 and absence.past.unseen == ("2020",)
    assert absence.level == pytest.approx(1.636, abs=0.001)
    assert absence.laid.past[-3:] == ("2023", "2024", "2025")
    assert [one.past.units for one in england.outcomes] == [146, 147, 143, 138]
    # A level that fades: none of these outcomes lasts as a nested correlation would have it.
    assert all(one.past.drifts[0].structure == "decay" for one in england.outcomes)
