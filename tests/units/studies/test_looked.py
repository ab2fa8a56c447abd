"""The table of the look at which a trial's records were taken, and what is said of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fingerpost.core.answer import Answer
from fingerpost.core.errors import Malformed
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.table import Table
from fingerpost.kernels.group_sequential import exact_bounds, spending, spent_bounds
from fingerpost.kernels.stagewise import stagewise
from fingerpost.studies.cautions import looked_words
from fingerpost.studies.document import read_study
from fingerpost.studies.looked import tables

STUDY = """study: looks
question: Does it help?
records: {{table: t.csv, unit: code}}
trial:
  arms: {{usual: {{offer: usual}}, more: {{offer: added}}}}
  blocks: [4]
  monitoring: {monitoring}
arms: {{column: a, levels: {{usual: usual, more: more}}}}
outcomes: {{y: {{column: y, kind: continuous, better: {better}}}, z: {{column: z}}}}
assignment: {{randomised: {{design: group_sequential, unit: child}}}}
estimand: {{contrast: [more, usual], target: ate}}
estimators: [naive]
"""
MAIN = Term("y", pair("more", "usual"), Target("ate"))


def study(monitoring: str, better: str = "higher"):
    return read_study("s.yaml", text=STUDY.format(monitoring=monitoring, better=better))


def table(monitoring: str, value: float, error: float, *terms: Term, **more) -> Table | None:
    """Return the table of one answer, told alike of each term."""
    asked, df = terms or (MAIN,), more.pop("df", None)
    estimate = Estimate(
        asked,
        np.full(len(asked), value),
        Matrix(np.eye(len(asked)) * error**2),
        df=None if df is None else np.full(len(asked), df),
    )
    return next(iter(tables(study(monitoring, **more), [Answer("naive", estimate)])), None)


def test_a_trial_that_crossed_has_the_answer_of_the_ordering() -> None:
    found = table("{looks: 3, bounds: pocock, looked: 2}", 5.2, 2.0)
    assert found is not None and found.note == ""
    (row,) = found.records()
    bounds = exact_bounds(3, 0.025, delta=0.5)
    told = stagewise(2.6, bounds=bounds[:2], fractions=np.array([1, 2]) / 3, sides=2)
    assert (row["look"], row["looks"], row["crossed"]) == (2, 3, True)
    assert [row[name] for name in ("statistic", "bound")] == pytest.approx([2.6, bounds[1]])
    own = [2 * one for one in (told.median, told.low, told.high)]
    assert [row[name] for name in ("estimate", "lo", "hi")] == pytest.approx(own)
    assert row["p"] == pytest.approx(told.p)
    reach = 2 * bounds[1]
    always = [row["repeated_lo"], row["repeated_hi"]]
    assert always == pytest.approx([5.2 - reach, 5.2 + reach])


def test_before_the_last_look_nothing_but_the_repeated_interval_is_told() -> None:
    found = table("{looks: 3, bounds: obrien_fleming, looked: 2}", 4.0, 2.0)
    assert found is not None and "had not stopped" in found.note
    (row,) = found.records()
    assert row["crossed"] is False and row["estimate"] is row["p"] is None
    assert row["repeated_lo"] < 0 < row["repeated_hi"]
    last = table("{looks: 3, bounds: obrien_fleming, looked: 3}", 3.0, 2.0)
    assert last is not None and last.note == ""
    assert last.records()[0]["estimate"] is not None


def test_spending_has_its_bounds_at_the_looks_that_were_held() -> None:
    found = table("{looks: 3, looked: [0.3, 0.8]}", 5.0, 2.0)
    assert found is not None
    bounds = spent_bounds([0.3, 0.8], 0.025, spend=spending("obrien_fleming"))
    (row,) = found.records()
    assert row["bound"] == pytest.approx(bounds[1]) and row["information"] == 0.8
    assert (row["look"], row["looks"]) == (2, 3)
    whole = table("{looks: 3, looked: [0.3, 1]}", 1.0, 2.0)
    assert whole is not None
    (row,) = whole.records()
    assert row["look"] == 3 and row["crossed"] is False and row["estimate"] is not None


def test_lower_is_better_and_one_side() -> None:
    """The same trial told the other way round has the same answer, turned."""
    high = table("{looks: 2, sides: 1, looked: 2}", 5.0, 2.0)
    low = table("{looks: 2, sides: 1, looked: 2}", -5.0, 2.0, better="lower")
    assert high is not None and low is not None
    (up,), (down,) = high.records(), low.records()
    assert up["p"] == down["p"] and up["statistic"] == down["statistic"]
    assert [-up["lo"], -up["hi"]] == pytest.approx([down["hi"], down["lo"]])
    turned = table("{looks: 2, sides: 1, looked: 2}", -5.0, 2.0, better="higher")
    assert turned is not None and turned.records()[0]["crossed"] is False


def test_few_units_and_ratios() -> None:
    ratio = Term("y", pair("more", "usual"), Target("ate"), scale="ratio")
    found = table("{looks: 2, bounds: pocock, looked: 1}", 0.6, 0.2, ratio, df=8.0)
    assert found is not None
    (row,) = found.records()
    # At the first look the ordering is that of the statistic: Student's interval, as exponentials.
    reach = 2.306004 * 0.2
    assert row["crossed"] is True and row["estimate"] == pytest.approx(math.exp(0.6))
    own = [math.exp(0.6 - reach), math.exp(0.6 + reach)]
    assert [row["lo"], row["hi"]] == pytest.approx(own)


def test_several_effects_have_repeated_intervals_alone() -> None:
    other = Term("y", pair("usual", "more"), Target("ate"))
    among = Term("y", pair("more", "usual"), Target("ate"), subgroup="sex = F")
    second = Term("z", pair("more", "usual"), Target("ate"))
    found = table("{looks: 2, looked: 2}", 5.0, 2.0, MAIN, other, among, second)
    assert found is not None and "Several effects" in found.note
    assert [row["contrast"] for row in found.records()] == ["more v usual", "usual v more"]
    assert all(row["estimate"] is None for row in found.records())
    alone = table("{looks: 2, looked: 2}", 5.0, 2.0, MAIN, among, second)
    assert alone is not None and len(alone.rows) == 1 and alone.rows[0][9] is not None


def test_the_caution_says_the_table_or_how_to_have_one() -> None:
    silent, said = study("{looks: 3}"), study("{looks: 3, looked: 2}")
    assert not list(tables(silent, [Answer("naive", Estimate((MAIN,), np.ones(1), None))]))
    assert "looked: K" in looked_words(silent, MAIN, 3)
    assert "table of the look" in looked_words(said, MAIN, 3)
    second = Term("z", pair("more", "usual"), Target("ate"))
    assert "boundaries" in looked_words(said, second, 3)
    assert "looked: K" not in looked_words(silent, second, 3)


@pytest.mark.parametrize(
    ("monitoring", "words"),
    [
        ("{looks: 3, looked: 4}", "4 is no look that was planned: there are 3"),
        ("{looks: 3, bounds: pocock, looked: [0.4, 1]}", "spending in place of bounds"),
        ("{looks: 3, spending: power, looked: 2}", "power needs one"),
        ("{looks: 3, looked: [0.4, 0.2]}", "rise from above 0 to at most 1"),
    ],
)
def test_a_look_that_was_not_planned_is_a_fault(monitoring: str, words: str) -> None:
    with pytest.raises(Malformed, match=words.replace("[", r"\[")):
        study(monitoring)
