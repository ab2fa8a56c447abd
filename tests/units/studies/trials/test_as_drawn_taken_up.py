"""Encouragement from its ledger: what was drawn is the instrument, what was taken up the arm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.cohorts.reading import read_records
from fingerpost.core.assignment import Observed
from fingerpost.core.errors import UsageError
from fingerpost.studies import plan
from fingerpost.studies.document import read_study
from fingerpost.studies.trials.allocating import allocate
from fingerpost.studies.trials.as_drawn import run_as_drawn
from fingerpost.studies.trials.designing import analysis_words
from units.studies.trials.opened import children, small_trial

STUDY = """
records: {table: scores.csv, unit: code}
arms: {column: took_up, levels: {0: none, 1: support}}
outcomes: {score: {column: score, kind: continuous}}
estimand: {contrast: [support, none], target: compliers, scale: difference}
estimators: [{iv: {instrument: drawn}}]
release: {policy: none}
"""
EFFECT, COUNT = 5.0, 120


@pytest.fixture(autouse=True)
def fewer(monkeypatch):
    """Replay fewer draws than a real analysis does."""
    monkeypatch.setattr("fingerpost.studies.trials.as_drawn.REPLAYED", 99)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the study that was frozen, its records, its folder, its key and columns of the world:
    those who take it up only if encouraged gain 5, and had 3 more already.
    """
    place = tmp_path_factory.mktemp("encouraged")
    more = "  blocks: [4, 6]\n  plans: kept" + STUDY
    opened, key = small_trial(place, design="encouragement", strata="", more=more)
    arms = {
        one.unit: one.arm for one in allocate(opened, opened.keys(key), requests=children(COUNT))
    }
    random = np.random.default_rng(91)
    kind = random.choice(3, size=COUNT, p=[0.3, 0.4, 0.3])  # never, if encouraged, always
    told = np.array([arm == "more" for arm in arms.values()])
    took = (kind == 2) | ((kind == 1) & told)
    score = 50 + 3 * (kind == 1) + EFFECT * took + random.normal(0, 1, COUNT)
    rows = [
        f"{name},{int(up)},{float(value)!r},{arm},{float(random.normal())!r}"
        for name, up, value, arm in zip(arms, took, score, arms.values(), strict=True)
    ]
    (place / "scores.csv").write_text("\n".join(["code,took_up,score,letter,before", *rows]) + "\n")
    study = read_study(place / "study.yaml")
    return study, place, opened.folder, key, (told, took, score)


def found(made, **asked):
    """Return the finding of the trial, with other options of iv."""
    study, place, folder, key, _ = made
    if asked:
        study = replace(study, options=(("iv", tuple(asked.items())),))
    records = read_records(study.records, base=place)
    return run_as_drawn(study, records, folder=folder, key=key)


def test_what_was_drawn_moves_what_was_taken_up(made):
    told, took, score = made[-1]
    by_hand = (score[told].mean() - score[~told].mean()) / (took[told].mean() - took[~told].mean())
    # Who was encouraged is drawn anew with each key: five standard errors of so few children.
    assert by_hand == pytest.approx(EFFECT, abs=6.0)
    finding = found(made)
    [answer] = [one for one in finding.answers if one.leaf == "iv"]
    assert answer.estimate.value[0] == pytest.approx(by_hand, abs=1e-9)
    assert finding.provenance.draw.registered_as == "confirmatory"
    # Covariates stay what they are: a number that is each child's own is no category.
    own = made[0].assignment
    given = replace(made[0], assignment=replace(own, given=("before",)))
    assert found((given, *made[1:])).answers[0].estimate.value[0] == pytest.approx(by_hand, abs=1)
    assert found(made, instrument="letter").answers[0].estimate.value[0] == pytest.approx(by_hand)


@pytest.mark.parametrize("asked", [{"instrument": "took_up"}, {"preference": "school"}])
def test_an_instrument_that_was_not_drawn_is_refused(made, asked):
    with pytest.raises(UsageError, match=r"not (what was )?drawn"):
        found(made, **asked)


def test_arms_that_were_drawn_need_no_instrument_and_others_need_the_ledger(made):
    study = made[0]
    with pytest.raises(UsageError, match="its ledger"):
        plan.check(study)
    file = made[1] / "offered.yaml"
    text = (made[1] / "study.yaml").read_text().replace("[support, none]", "[more, usual]")
    file.write_text(text.replace("arms: {column: took_up, levels: {0: none, 1: support}}\n", ""))
    offered = read_study(file)
    with pytest.raises(UsageError, match="an instrument to arms that were drawn"):
        plan.check(offered)
    assert "instrument: drawn" in " ".join(analysis_words(offered))


def test_without_a_trial_block_arms_that_were_taken_up_were_not_drawn(made):
    with pytest.raises(UsageError, match=r"taken up.*Without the ledger write assignment"):
        plan.check(replace(made[0], trial=None))
    plan.check(replace(made[0], trial=None, assignment=Observed()))
