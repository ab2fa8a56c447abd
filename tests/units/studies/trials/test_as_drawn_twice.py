"""A trial that draws again, analysed with the arms of its ledger: what first, and what next."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from fingerpost.cohorts.reading import read_records
from fingerpost.core.errors import Malformed
from fingerpost.core.inference import standard_errors
from fingerpost.studies.document import read_study
from fingerpost.studies.run import run
from fingerpost.studies.trials.allocating import Asked, allocate
from fingerpost.studies.trials.as_drawn import run_as_drawn
from fingerpost.studies.trials.opening import open_trial

TRIAL = """
study: what-next
question: What first, and what next?
trial:
  arms:
    advice: {gets: advice, offer: usual}
    coaching: {gets: coaching}
  size: 400
  blocks: [4]
  known: {helped: ["yes", "no"]}
  stages:
    second: {among: {helped: "no"}, arms: {more: {gets: more of it}, specialist: {}}}
  plans: kept
assignment: {randomised: {design: smart, unit: child}}
"""
ASKED = """
records: {table: scores.csv, unit: code}
outcomes: {score: {column: score, kind: continuous, domain: participation}}
estimand: {contrast: ["coaching, then specialist", "advice, then more"]}
estimators: [regime_means, q_learning]
release: {policy: none}
"""
PLAIN = """
study: what-next-by-columns
question: What first, and what next?
arms:
  column: first
  levels: {advice: advice, coaching: coaching}
  then: {column: next, levels: {more: more, specialist: specialist}, among: {helped: "no"}}
assignment: {randomised: {design: smart, unit: child}}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of a trial of 120 children, its key, and each child's two steps."""
    place = tmp_path_factory.mktemp("smart")
    file, key = place / "study.yaml", place / "trial.key"
    file.write_text(TRIAL + ASKED)
    (place / "plain.yaml").write_text(PLAIN + ASKED)
    out = place / "trial"
    opened, _ = open_trial(read_study(file), study_file=file.read_bytes(), out=out, key=key)
    names = [f"C{at}" for at in range(120)]
    first = allocate(opened, opened.keys(key), requests=[Asked(name) for name in names])
    helped = np.random.default_rng(3).random(len(names)) < 0.4
    late = [
        Asked(name, (("helped", "no"),), stage="second")
        for name, well in zip(names, helped, strict=True)
        if not well
    ]
    second = {one.unit: one.arm for one in allocate(opened, opened.keys(key), requests=late)}
    steps = [(one.unit, one.arm, second.get(one.unit, "")) for one in first]
    return place, key, steps


def scores(place, steps, *columns: str) -> None:
    """Write a row a child: its score, and the columns that are named."""
    noise = np.random.default_rng(4).standard_normal(len(steps)).round(3)
    with (place / "scores.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["code", "score", *columns])
        for (unit, first, then), luck in zip(steps, noise, strict=True):
            own = {"first": first, "next": then, "helped": "no" if then else "yes"}
            gained = 2 * (first == "coaching") + 3 * (then == "specialist") + (then == "")
            rows.writerow([unit, gained + luck, *(own[column] for column in columns)])


def finding(made):
    place, key, _ = made
    study = read_study(place / "study.yaml")
    records = read_records(study.records, base=place)
    return run_as_drawn(study, records, folder=place / "trial", key=key)


def of(found, leaf: str):
    return next(one.estimate for one in found.answers if one.leaf == leaf)


def test_regimes_are_those_of_both_draws(made):
    """The same as from columns of the records; and what is planted is found."""
    place, _, steps = made
    scores(place, steps)
    assert read_study(place / "study.yaml").arms.names[3] == "coaching, then specialist"
    found = finding(made)
    told = " ".join(found.provenance.draw.departures)
    assert "do not tell whom the second draw concerned" in told
    scores(place, steps, "first", "next", "helped")
    study = read_study(place / "plain.yaml")
    plain = run(study, read_records(study.records, base=place))
    for leaf in ("regime_means", "q_learning"):
        one, other = of(found, leaf), of(plain, leaf)
        assert one.value == pytest.approx(other.value)
        assert standard_errors(one) == pytest.approx(standard_errors(other))
        # 60% go on to the second step, which is worth 3 points more.
        assert abs(one.value[0] - (2 + 0.6 * 3)) < 4 * standard_errors(one)[0]


def test_a_child_who_should_have_been_drawn_again_and_was_not_is_told(made):
    place, _, steps = made
    scores(place, steps, "helped")
    assert not any("whom" in words for words in finding(made).provenance.draw.departures)
    rows = (place / "scores.csv").read_text().replace(",yes", ",no", 1)
    (place / "scores.csv").write_text(rows)
    with pytest.raises(Malformed, match="1 child of those with drawn again"):
        finding(made)
