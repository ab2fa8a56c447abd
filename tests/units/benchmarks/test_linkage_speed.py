"""The page on linkage's speed: slopes on costs whose growth is known, and what is over the line."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from benchmarks.linkage_speed import METHODS, Run, page, slope  # noqa: E402


def run(people: int, cpu: float, peak: float) -> Run:
    return Run("splink", people, 1, cpu, cpu, peak, 0.999, 0.95, 1.0)


def test_slopes_are_of_the_logs_between_the_two_largest():
    runs = [run(10, 1.0, 5.0), run(1_000, 10.0, 200.0), run(100, 1.0, 20.0)]
    assert slope(runs, "cpu") == "1.00"
    assert slope(runs[:2], "peak") == "0.80"
    assert slope(runs[:1], "cpu") == "–"


def test_the_page_has_every_run_and_no_method_that_did_not_run():
    words = page([run(1_000, 10.0, 200.0), run(100, 1.0, 20.0)])
    assert "| splink | 1,000 | 1 | 10.0 |" in words
    assert "| splink | 1.00 | 1.00 |" in words
    assert not any(f"| {name} |" in words for name in METHODS if name != "splink")
