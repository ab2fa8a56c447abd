"""The study of effects that differ, imputed with arms together: page and manual show one table."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from benchmarks import imputation_modifiers as study  # noqa: E402


def biases(kind: str) -> dict[str, float]:
    """Return the bias by way of analysing, as the page has it."""
    lines = study.PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "%" in line]
    return {row[1]: float(row[2]) for row in rows if row[0] == kind}


def test_the_manual_shows_the_table_of_the_page() -> None:
    manual = study.MANUAL.read_text(encoding="utf-8")
    shown = manual.split(study.MARKS[0])[1].split(study.MARKS[1])[0]
    assert shown.strip() in study.PAGE.read_text(encoding="utf-8")
    assert shown.count("\n| ") == 1 + 2 * len(study.WAYS)


def test_products_with_the_arm_recover_most_of_a_difference_that_is_lost_without() -> None:
    none, without, two, many = biases("normal").values()
    assert abs(none) < 0.02
    assert without < -0.15
    assert abs(two) < 0.2 * abs(without)
    assert abs(many) < 0.3 * abs(without)
