"""Make the table of made-up children that the manual's worked examples read.

Usage: python scripts/children.py  (writes examples/methods/children.csv; a test holds that it is
current). Nobody in it lives. What is true of them is in TRUTH, which `truths` completes, and the
manual prints it.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from scipy.special import ndtr

FILE = Path(__file__).resolve().parents[1] / "examples" / "methods" / "children.csv"
FAMILIES, SCHOOLS = 1_200, 80
SEED = 20_260_901
CUTOFF = 85.0
TRUTH = {
    "maths": "Support raises maths by 3 points for every child, and nothing hidden "
    "decides who gets it.",
    "reading": "Support raises reading by 3 points for every child. But severity, which is not "
    "recorded, lowers reading and makes support more likely.",
    "absences": "Support makes the rate of absence 0.8 times as high for every child.",
    "secure": "A child is secure whose maths is 50 or more. Support makes {secure:.1f} more "
    "children in 100 secure, {secure_ratio:.2f} times as many.",
    "months": "Support makes exclusion 0.6 times as frequent at any time; of 100 children "
    "{by_12:.1f} fewer would have been excluded by 12 months, and {by_24:.1f} fewer by 24.",
    "spelling": "A plan, which every child has whose test score is below 85, raises spelling by 4 "
    "points.",
}
COLUMNS = (
    *("child", "family", "school", "girl", "fsm", "need", "visited", "support"),
    *("maths", "reading", "absences", "years", "secure", "months", "excluded"),
    *("maths_before", "reading_before", "height_before", "vision_before", "sleep_before"),
    *("teacher_rating", "parent_rating", "test_score", "plan", "spelling", "seen_again"),
)


def children() -> dict[str, np.ndarray]:
    """Return the columns by name, two children a family, families in schools."""
    r = np.random.default_rng(SEED)
    n = 2 * FAMILIES
    family = np.repeat(np.arange(FAMILIES), 2)
    school = np.repeat(r.integers(0, SCHOOLS, FAMILIES), 2)
    at_home, habit = r.normal(0, 0.7, FAMILIES)[family], r.normal(0, 0.4, SCHOOLS)
    climate = r.normal(0, 2.0, SCHOOLS)[school]
    girl, fsm = r.integers(0, 2, n), np.repeat(r.random(FAMILIES) < 0.25, 2).astype(int)
    need = 0.6 * r.standard_normal(n) + at_home + 0.4 * fsm
    severity = r.standard_normal(n)
    visited = np.repeat(r.random(FAMILIES) < 0.5, 2).astype(int)
    eta = -1.2 + 0.6 * need + 0.4 * fsm + 0.6 * severity + 1.5 * visited + habit[school]
    support = (r.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    measured = -4 * need - 2 * fsm + 1.5 * girl + climate
    maths = 50 + measured + 3 * support + r.normal(0, 6, n)
    years = r.uniform(0.5, 3, n)
    rate = np.exp(0.9 + 0.25 * need + 0.3 * fsm + np.log(0.8) * support)
    months = r.exponential(1 / (0.02 * np.exp(0.3 * need + np.log(0.6) * support)))
    left = np.minimum(r.exponential(60, n), 36.0)
    test = (85 - 6 * need + r.normal(0, 8, n)).round(2)
    plan = (test < CUTOFF).astype(int)
    chance = 1 / (1 + np.exp(-(1.6 - 0.5 * need - 0.4 * support)))
    return {
        "child": np.arange(1, n + 1),
        "family": family + 1,
        "school": school + 1,
        "girl": girl,
        "fsm": fsm,
        "need": need.round(2),
        "visited": visited,
        "support": support,
        "maths": maths.round(1),
        "reading": (50 + measured - 3 * severity + 3 * support + r.normal(0, 5, n)).round(1),
        "absences": r.poisson(rate * years),
        "years": years.round(2),
        "secure": (maths >= 50).astype(int),
        "months": np.maximum(np.minimum(months, left), 0.1).round(1),
        "excluded": (months <= left).astype(int),
        "maths_before": (48 + measured + r.normal(0, 6, n)).round(1),
        "reading_before": (48 + measured - 3 * severity + r.normal(0, 5, n)).round(1),
        "height_before": (110 - 0.5 * need - 1.5 * severity + r.normal(0, 5, n)).round(1),
        "vision_before": (1.0 - 0.02 * need - 0.06 * severity + r.normal(0, 0.2, n)).round(2),
        "sleep_before": (10 - 0.1 * need - 0.3 * severity + r.normal(0, 1, n)).round(1),
        "teacher_rating": (severity + 0.2 * need + r.normal(0, 0.8, n)).round(2),
        "parent_rating": (severity + 0.2 * need + r.normal(0, 0.8, n)).round(2),
        "test_score": test,
        "plan": plan,
        "spelling": (60 + 0.3 * (test - 85) + 4 * plan + r.normal(0, 5, n)).round(1),
        "seen_again": (r.random(n) < chance).astype(int),
        "measured": measured,
    }


def truths() -> dict[str, str]:
    """Return what is true of each outcome, in words: effects on these very children, averaged over
    what chance could have made of each (normal noise of maths, exponential months).
    """
    found = children()
    secure = [ndtr((found["measured"] + 3 * arm) / 6).mean() for arm in (0, 1)]

    def risk(by: float, arm: int) -> float:
        hazard = 0.02 * np.exp(0.3 * found["need"]) * 0.6**arm
        return float(-np.expm1(-by * hazard).mean())

    known = {
        "secure": 100 * (secure[1] - secure[0]),
        "secure_ratio": secure[1] / secure[0],
        "by_12": 100 * (risk(12, 0) - risk(12, 1)),
        "by_24": 100 * (risk(24, 0) - risk(24, 1)),
    }
    return {outcome: words.format(**known) for outcome, words in TRUTH.items()}


def rows() -> list[list[str]]:
    """Return the table as text, the header first; `maths_again` is empty where not seen again."""
    found = children()
    again = [
        "" if not seen else str(value)
        for seen, value in zip(found.pop("seen_again"), found["maths"], strict=True)
    ]
    names = [name for name in COLUMNS if name in found]
    columns = [[str(value) for value in found[name]] for name in names]
    body = [list(row) for row in zip(*columns, again, strict=True)]
    return [[*names, "maths_again"], *body]


def main() -> None:
    """Write the file."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows())
    print(f"Wrote {FILE.name}: {len(rows()) - 1:,} made-up children.")


if __name__ == "__main__":
    main()
