"""A trial analysed with the arms of its ledger, whatever its records say."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace

import pytest

from fingerpost.cohorts.reading import read_records
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.studies.document import read_study
from fingerpost.studies.trials.allocating import allocate
from fingerpost.studies.trials.as_drawn import (
    allocation,
    permutations,
    run_as_drawn,
    sequence_of,
)
from fingerpost.studies.trials.keys import hand_on
from units.studies.trials.opened import children, small_trial

ANSWERED = """
records: {table: scores.csv, unit: code}
outcomes: {score: {column: score, kind: continuous}}
estimand: {contrast: [more, usual], target: ate, scale: difference}
estimators: [naive, by_stratum, permutation_test]
primary: by_stratum
release: {policy: none}
"""
EFFECT, COUNT = 5.0, 60


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the trial's folder, the key of who sees, arms by child, and the study's file."""
    place = tmp_path_factory.mktemp("trial")
    opened, key = small_trial(place)
    answers = allocate(opened, opened.keys(key), requests=children(COUNT))
    sees = place / "sees.key"
    hand_on(opened.keys(key), "sees", path=sees, outside=opened.folder)
    file = place / "study.yaml"
    file.write_text(file.read_text() + ANSWERED)
    return opened.folder, sees, {one.unit: one.arm for one in answers}, file


def scores(path, arms, *, wrong=0, **more):
    """Write one row a child: 0 to 59, the planted effect, and arms of which some are wrong."""
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["code", "score", "arm"])
        for at, (unit, arm) in enumerate(arms.items()):
            said = arm if at >= wrong else {"usual": "more", "more": "usual"}[arm]
            rows.writerow([unit, at % 7 + EFFECT * (arm == "more"), said])
        rows.writerows([name, value, "more"] for name, value in more.items())


def found(made, **named):
    """Return the finding of the trial."""
    folder, sees, _, file = made
    study = named.pop("study", None) or read_study(file)
    records = read_records(study.records, base=file.parent)
    return run_as_drawn(study, records, folder=folder, key=sees)


def plain(arms):
    """Return the difference of means within areas, weighted by size, as a hand would take it."""
    area = {one.unit: dict(one.known)["area"] for one in children(COUNT)}
    total = 0.0
    for place in ("north", "south"):
        by = {"usual": [], "more": []}
        for at, (unit, arm) in enumerate(arms.items()):
            if area[unit] == place:
                by[arm].append(at % 7 + EFFECT * (arm == "more"))
        size = len(by["usual"]) + len(by["more"])
        means = {arm: sum(each) / len(each) for arm, each in by.items()}
        total += size / COUNT * (means["more"] - means["usual"])
    return total


def test_arms_and_strata_are_those_of_the_ledger(made):
    _, _, arms, file = made
    scores(file.parent / "scores.csv", arms, stranger=900)
    finding = found(made)
    [answer] = [one for one in finding.answers if one.leaf == "by_stratum"]
    assert answer.estimate.value[0] == pytest.approx(plain(arms), abs=1e-12)
    assert dict(finding.flow.arms) == dict(Counter(arms.values()))
    [step] = finding.flow.steps
    assert step.left == 1 and "ledger" in step.reason
    draw = finding.provenance.draw
    assert draw.draws == 9_999 and len(draw.allocation) == len(draw.permutations) == 64
    assert draw.head[0] == COUNT + 1


def test_records_that_say_otherwise_are_counted_and_not_believed(made):
    _, _, arms, file = made
    scores(file.parent / "scores.csv", arms, wrong=3)
    own = replace(
        read_study(file).arms, column="arm", levels=(("usual", "usual"), ("more", "more"))
    )
    finding = found(made, study=replace(read_study(file), arms=own))
    [answer] = [one for one in finding.answers if one.leaf == "by_stratum"]
    assert answer.estimate.value[0] == pytest.approx(plain(arms), abs=1e-12)
    assert any("3 rows" in words for words in finding.provenance.draw.departures)


def test_records_of_nobody_who_was_allocated_are_told(made):
    """Once the columns that the ledger would have brought were said to be missing."""
    _, _, _, file = made
    for more, rows in ({}, "0 rows"), ({"stranger": 1}, "1 row"):
        scores(file.parent / "scores.csv", {}, **more)
        with pytest.raises(Malformed, match=rf"none of their {rows} is of a unit"):
            found(made)


def test_what_was_changed_or_is_anothers_is_refused(made, tmp_path):
    folder, sees, arms, file = made
    scores(file.parent / "scores.csv", arms)
    with pytest.raises(UsageError, match="is of the study small-trial"):
        found(made, study=replace(read_study(file), name="other"))
    with pytest.raises(UsageError, match="unit: COLUMN"):
        study = read_study(file)
        found(made, study=replace(study, records=replace(study.records, unit=None)))
    study = read_study(file)
    records = read_records(study.records, base=file.parent)
    ledger = folder / "ledger.sqlite"
    whole = ledger.read_bytes()
    try:
        at = whole.index(b'"sealed":"') + 12
        ledger.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(Malformed, match="entry"):
            run_as_drawn(study, records, folder=folder, key=sees)
    finally:
        ledger.write_bytes(whole)


def test_of_a_minimised_trial_the_weight_of_a_unit_is_its_share_of_the_arms(tmp_path):
    """Each unit's chance before any was drawn is ½, by the symmetry of the arms. What it was given
    those before it, which the ledger keeps, hangs on arms that a replay gives others.
    """
    minimised = "  minimise: {likely: 0.9}\n  plans: kept"
    opened, key = small_trial(tmp_path, design="minimisation", strata="", more=minimised)
    allocate(opened, opened.keys(key), requests=children(24))
    keys = opened.keys(key)
    given = [unit.chances for unit in sequence_of(opened, keys).units]
    assert len(set(given)) > 1
    made = allocation(opened, keys)
    assert made.probability.tolist() == [[0.5, 0.5]] * 24
    assert not Drawn(made).unequal
    might = permutations(opened, keys, count=4000)
    assert abs((might.codes == 0).mean(axis=0) - 0.5).max() < 4 * 0.5 / 4000**0.5
