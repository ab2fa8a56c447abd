"""Make the table of made-up children of trials that worked examples of the manual read.

Usage: python scripts/children_of_trials.py  (writes examples/methods/trials.csv; a test holds that
it is current). The first 600 were drawn three times over; 600 others took no part, and have long
records. Nobody in it lives.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "examples" / "methods" / "trials.csv"
DRAWN, OUTSIDE = 600, 600
SEED = 20_261_130
DOSES = (10, 20, 30)
TRUTH = {
    "talk": "Coaching raises talk by 1 point. A first step helps half of the children; of the "
    "others, a specialist raises talk by 6 points where something was tried before, else by 2.",
    "language": "A session that is taken raises language by 0.15 points, and children take eight "
    "of ten. Children of more need take fewer, and have less language.",
    "listening": "A tutor raises listening by 2.5 points, a group by 1 and an app by 0.5.",
    "attainment": "Support raises attainment at eleven by 2.6 points, all of it through words and "
    "sounds a year later.",
}


def children() -> dict[str, list[str]]:
    """Return the columns by name, as text; empty where nothing was recorded."""
    r = np.random.default_rng(SEED)
    n, trial = DRAWN + OUTSIDE, np.arange(DRAWN + OUTSIDE) < DRAWN
    girl, need = r.integers(0, 2, n), r.standard_normal(n)
    # What first, and what next for those whom it did not help.
    coached, helped = r.integers(0, 2, n), r.random(n) < 0.5
    special = r.integers(0, 2, n)
    tried = r.random(n) < 0.5
    gained = coached + np.where(helped, 3, special * (2 + 4 * tried))
    talk = 50 + gained - 2 * need + r.normal(0, 4, n)
    # How much is offered, and how much is taken.
    weeks, age = np.array(DOSES)[r.integers(0, 3, n)], r.integers(3, 6, n)
    share = np.clip(0.8 - 0.1 * need + r.normal(0, 0.1, n), 0.2, 1)
    sessions = np.round(weeks * share).astype(int)
    language = 40 + 0.15 * sessions - 3 * need + r.normal(0, 4, n) + 2 * (age - 4)
    # A short trial, and long records.
    support = np.where(trial, r.integers(0, 2, n), 2)
    words = 20 - 2 * need + 2 * (support == 1) + r.normal(0, 3, n)
    sounds = 15 - need + 2 * (support == 1) + r.normal(0, 3, n)
    attainment = 80 + 0.8 * words + 0.5 * sounds - 3 * need + r.normal(0, 6, n)
    names = np.array(["none", "support", "records"])
    # Four arms, of which the two that did worst of three are dropped after half of the children.
    early = np.arange(n) < DRAWN // 2
    offers, adds = np.array(["usual", "group", "tutor", "app"]), np.array([0.0, 1.0, 2.5, 0.5])
    luck, four, two = r.normal(0, 4, n), r.permutation(np.arange(n) % 4), r.integers(0, 2, n)
    at_first = 30 + adds[four] - need + luck
    best = 1 + int(np.argmax([at_first[early & (four == at)].mean() for at in (1, 2, 3)]))
    offer = np.where(early, four, best * two)
    listening = 30 + adds[offer] - need + luck

    def shown(values: np.ndarray, where: np.ndarray | bool = True) -> list[str]:
        told = np.broadcast_to(where, values.shape)
        return [str(value) if one else "" for value, one in zip(values, told, strict=True)]

    return {
        "child": shown(np.arange(1, n + 1)),
        "trial": shown(trial.astype(int)),
        "girl": shown(girl),
        "need": shown(np.round(need, 2)),
        "first": shown(np.array(["advice", "coaching"])[coached], trial),
        "helped": shown(helped.astype(int), trial),
        "tried_before": shown(tried.astype(int), trial),
        "second": shown(np.array(["more", "specialist"])[special], trial & ~helped),
        "talk": shown(np.round(talk, 1), trial),
        "weeks": shown(weeks, trial),
        "age": shown(age),
        "sessions": shown(sessions, trial),
        "language": shown(np.round(language, 1), trial),
        "came": shown(np.where(early, "early", "late"), trial),
        "offer": shown(offers[offer], trial),
        "listening": shown(np.round(listening, 1), trial),
        "support": shown(names[support]),
        "words": shown(np.round(words, 1)),
        "sounds": shown(np.round(sounds, 1)),
        "attainment": shown(np.round(attainment, 1), ~trial),
    }


def rows() -> list[list[str]]:
    """Return the table as text, the header first."""
    found = children()
    return [list(found), *(list(row) for row in zip(*found.values(), strict=True))]


def main() -> None:
    """Write the file."""
    with FILE.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows())
    print(f"Wrote {FILE.name}: {len(rows()) - 1:,} made-up children.")


if __name__ == "__main__":
    main()
