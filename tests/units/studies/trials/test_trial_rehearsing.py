"""A rehearsal on a made-up stage: truth, size and coverage are those that were put there."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fingerpost.cohorts.table import read_records
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term
from fingerpost.studies.document import read_study
from fingerpost.studies.trials import rehearsing
from fingerpost.studies.trials.on_england import ARM, Country
from fingerpost.studies.trials.rehearsing import (
    Rehearsal,
    judged,
    monte_carlo,
    play,
    record,
    rehearse,
    tables,
    truth_of,
)

EFFECT, CHILDREN = 0.8, 400
STUDY = """\
study: trial
question: Does more help?
trial:
  arms:
    usual: {gets: usual, offer: usual, enact: {level: as it would be}}
    more: {gets: more, enact: {level: support}}
  size: 60
  known: {sex: [F, M]}
  blocks: [4, 6]
  plans: kept
records: {table: trial.csv, unit: child_id, clusters: {school: urn, la: la}}
arms: {column: drawn arm, levels: {usual: usual, more: more}}
outcomes: {score: {column: score, kind: continuous, measured_in: points}}
assignment: {randomised: {design: stratified, unit: child, strata: [sex]}}
estimand: {contrast: [more, usual], target: ate, scale: difference}
estimators: [by_stratum]
release: {policy: none}
"""


@dataclass
class Whom:
    """What a rehearsal asks of the children who could take part."""

    study: Any
    on_columns: Any
    table: pl.DataFrame
    records: Any
    outcomes: tuple[str, ...] = ("score",)

    @property
    def trial(self) -> Any:
        return self.study.trial

    @property
    def store(self) -> Any:
        return type("Store", (), {"digest": "made up"})


@pytest.fixture
def stage(tmp_path: Path) -> tuple[Any, Country]:
    made = np.random.default_rng(5)
    table = pl.DataFrame(
        {
            "child_id": np.arange(CHILDREN),
            "urn": np.arange(CHILDREN) % 20,
            "la": np.arange(CHILDREN) % 3,
            "sex": np.where(made.random(CHILDREN) < 0.5, "F", "M"),
            "score": made.normal(size=CHILDREN),
        }
    )
    (tmp_path / "trial.yaml").write_text(STUDY, encoding="utf-8")
    table.with_columns(pl.lit("usual").alias(ARM)).write_csv(tmp_path / "trial.csv")
    study = read_study(tmp_path / "trial.yaml")
    records = read_records(study.records, base=tmp_path)
    under = (table.select("score"), table.select(pl.col("score") + EFFECT))
    columns = {name: table[name].to_numpy() for name in ("sex", "child_id")}
    columns |= {"school": table["urn"].to_numpy(), "la": table["la"].to_numpy()}
    return study, Country(Whom(study, study, table, records), columns, under)


def test_the_truth_is_what_was_put_there(stage):
    _, country = stage
    term = Term("score", (("more", 1.0), ("usual", -1.0)), Target("ate"))
    assert truth_of(country, term) == pytest.approx(EFFECT)


def test_each_replicate_is_another_draw_of_other_children_and_always_the_same(stage):
    study, country = stage
    one, again, other = (play(study, country, at, size=60) for at in (0, 0, 1))
    assert np.array_equal(one.rows, again.rows) and np.array_equal(one.arm, again.arm)
    assert not np.array_equal(one.rows, other.rows) and len(set(one.rows.tolist())) == 60
    sex = country.columns["sex"][one.rows]
    for level in ("F", "M"):  # blocks of four and six within strata: never more than three apart
        held = np.bincount(one.arm[sex == level], minlength=2)
        assert abs(held[0] - held[1]) <= 3
    with pytest.raises(UsageError, match="could take part"):
        play(study, country, 0, size=CHILDREN + 1)


def test_a_rehearsal_finds_its_truth_and_goes_on_where_it_was(stage, tmp_path, monkeypatch):
    study, country = stage
    monkeypatch.setattr(rehearsing, "LEAST", 4)
    kept = tmp_path / "kept"
    first = rehearse(study, country, replicates=4, size=60, kept=kept)
    lines = kept.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4
    kept.write_text("\n".join(lines[:3]) + "\n" + lines[3][:20], encoding="utf-8")
    told: list[str] = []
    again = rehearse(study, country, replicates=4, size=60, kept=kept, say=told.append)
    assert again.results == first.results
    assert [words for words in told if " of 4 trials" in words] == ["3 of 4 trials"]
    (one,) = judged(first)
    assert one.truth == pytest.approx(EFFECT) and one.answers == one.null_answers == 4
    assert one.mean == pytest.approx(EFFECT, abs=4 * one.se / 2)
    assert {row.truth for row in first.results if row.null} == {0.0}
    assert json.dumps(record(first), allow_nan=False)
    assert tables(first)[0].rows[0][0] == "by_stratum"
    with pytest.raises(UsageError, match="takes 4 or more"):
        rehearse(study, country, replicates=3, size=60)


def test_what_could_not_be_analysed_is_told_after_a_stop_too(stage, tmp_path, monkeypatch):
    study, country = stage
    monkeypatch.setattr(rehearsing, "LEAST", 2)
    whole = rehearsing.analysed

    def fails_once(country, played, *, null, **named):
        if null:
            raise Unanswerable("no child in one arm")
        return whole(country, played, null=null, **named)

    monkeypatch.setattr(rehearsing, "analysed", fails_once)
    asked = {"replicates": 2, "size": 60, "kept": tmp_path / "kept"}
    first = rehearse(study, country, **asked)
    assert first.failed == ("no child in one arm",)
    again = rehearse(study, country, **asked)
    assert again.failed == first.failed and again.results == first.results
    # Another program's answers are not taken for its own.
    monkeypatch.setattr(rehearsing, "analysed", whole)
    monkeypatch.setattr(rehearsing, "code_digest", lambda: "another")
    assert rehearse(study, country, **asked).failed == ()


def test_shares_are_counted_as_they_are():
    def result(null, value, truth):
        return rehearsing.Result(
            0, null, "naive", "score", "a v b", value, 1.0, value - 2, value + 2, truth
        )

    rows = (result(False, 3.0, 1.5), result(False, 1.0, 1.5), result(True, 3.0, 0.0))
    (one,) = judged(Rehearsal(None, rows, 2, 10, 100, ()))
    assert (one.power, one.coverage, one.size) == (0.5, 1.0, 1.0)
    assert one.errors[0] == pytest.approx(math.sqrt(0.125)) and math.isnan(monte_carlo(0.5, 0))
