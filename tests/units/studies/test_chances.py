"""Units whose chances of an arm differ by the ledger: each estimator takes them, warns, or has no
answer. Truth by hand: outcomes without noise in two regions, of which one was drawn less often.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.allocation import Allocation
from fingerpost.core.analysis import Task
from fingerpost.core.assignment import Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.drawn import Drawn
from fingerpost.core.estimand import Contrast, Estimand, Target
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Arms, OutcomeSpec, SensitivitySpec, Study
from fingerpost.studies import plan
from fingerpost.studies.analysing import analysed
from fingerpost.studies.answering import analysis_of, answer_outcome

# 80 children of region A, of whom 20 had more, and 160 of B, of whom 120 had. More adds 3 in A and
# nothing in B: 1 on average, (80 × 3 + 160 × 0) / 240.
REGION = np.repeat([0, 1], [80, 160])
ARM = np.concatenate([np.arange(80) < 20, np.arange(160) < 120]).astype(int)
CHANCE = np.where(REGION == 0, 0.25, 0.75)
SCORE = np.where(REGION == 0, 2.0 + 3.0 * ARM, 0.0)
EFFECT, OTHER = 1.0, "lay between 0.25 and 0.75"


def trial(*leaves: str, given: tuple[str, ...] = (), chance=CHANCE, seen=None):
    """Return a study of the trial, its children and its draw."""
    cohort = Cohort(
        np.arange(240),
        ("usual", "more"),
        ARM,
        {"y": Outcome("continuous", SCORE + np.tile([-0.1, 0.1], 120), observed=seen)},
        {
            "region": Column(REGION, ("A", "B")),
            "sex": Column(np.arange(240) % 3 % 2, ("F", "M")),
        },
        {"school": np.arange(240) // 4},
        drawn=np.arange(240),
    )
    names = tuple(map(str, range(240)))
    own = Allocation(names, cohort.arms, ARM, np.stack([1 - chance, chance], axis=1))
    study = Study(
        "chances",
        "Does more help?",
        arms=Arms("arm", (("usual", "usual"), ("more", "more"))),
        outcomes=(OutcomeSpec("y", "y", "continuous"),),
        assignment=Randomised("simple", given=given),
        estimand=Estimand((CONTRAST,), (Target("ate"),), "difference"),
        estimators=leaves,
    )
    return study, cohort, Drawn(own)


def answered(*leaves: str, **more):
    """Return leaf → (value, warnings, words of its refusal)."""
    study, cohort, drawn = trial(*leaves, **more)
    task = Task(cohort, plan.asked(study, "y"), analysis_of(study), drawn=drawn)
    found = {}
    for one in answer_outcome(study, task, lambda words: None, with_tables=False).answers:
        value = None if one.estimate is None else float(one.estimate.value[0])
        refused = [rule.words for refusal in one.refusals for rule in refusal.rules]
        found[one.leaf] = value, [words for _, words in one.warnings], " ".join(refused)
    return found


CONTRAST: Contrast = (("more", 1.0), ("usual", -1.0))


def test_naive_weighs_by_the_chances_of_the_ledger():
    found = answered("naive", "by_stratum", "cluster_means")
    assert {leaf: round(value, 9) for leaf, (value, *_) in found.items()} == {
        "naive": EFFECT, "by_stratum": EFFECT, "cluster_means": EFFECT,
    }  # fmt: skip
    # Where all had the same chance each child counts once: 100/140 − 120/100, as it stands.
    alike, *_ = answered("naive", chance=np.full(240, 0.5))["naive"]
    assert alike == pytest.approx(20 * 5 / 140 - 60 * 2 / 100, abs=1e-9)


def test_others_say_or_have_no_answer_unless_they_hold_what_chances_hang_on():
    blind = answered("mixed", "regression", "g_formula", given=("sex",))
    for leaf in ("mixed", "regression"):
        value, _, why = blind[leaf]
        assert value is None and OTHER in why and "Mend: by_stratum or cluster_means" in why
    assert any(OTHER in words for words in blind["g_formula"][1])
    seeing = answered("mixed", "regression", "g_formula", given=("region",))
    assert seeing["g_formula"][0] == pytest.approx(EFFECT, abs=1e-6)
    told = [words for _, warnings, why in seeing.values() for words in (*warnings, why)]
    assert not any("ledger" in words for words in told)


def test_bounds_and_estimators_that_are_asked_again_weigh_by_them_too():
    # One in ten of each region and arm was not seen, so that those seen answer for all.
    cells = 2 * REGION + ARM
    order = np.array([np.count_nonzero(cells[:at] == cells[at]) for at in range(240)])
    study, cohort, drawn = trial("naive", seen=order % 10 != 0)
    study = replace(study, sensitivity=(SensitivitySpec("unassessed_bounds"),))
    found = analysed(study, cohort, say=lambda words: None, drawn=drawn)
    [told] = found.sensitivity.values()
    [alike] = [row for row in told.tables[0].records() if row["assumes"] == "alike"]
    assert alike["lower"] == alike["upper"] == pytest.approx(EFFECT, abs=0.01)
