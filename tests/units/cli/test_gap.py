"""The gap between a trial and records: its size, what chance makes of it, what would explain it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fingerpost.cli import _gap
from fingerpost.cli._comparing import compared, read_side
from fingerpost.cli._gap_words import first
from fingerpost.cli.main import app
from fingerpost.sensitivity._formulas import bias
from fingerpost.sensitivity._gap import ratio_to_move, strength_to_move
from units.cli.test_comparing import estimate

Record = dict[str, Any]


def write(
    path: Path, estimates: list[Record], assignment: str, *, digest: str = "", **more: Any
) -> Path:
    """Write what the gap reads of a results.json."""
    found = {
        "study": {"name": path.stem, "assignment": assignment},
        "status": "answered",
        "estimates": estimates,
        "refusals": [],
        "provenance": {"data_digest": {f"{path.stem}.csv": digest or path.stem}},
        **more,
    }
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


def gaps(one: Path, other: Path) -> tuple[_gap.Gap, ...]:
    """Return the gaps of two files."""
    return _gap.gaps(compared(read_side(one), read_side(other)))


def table(name: str, rows: list[Record]) -> Record:
    """Return one table of results.json by its name."""
    return {name: [{"tags": {}, "rows": rows}]}


def arm(name: str, children: int, mean: float, sd: float) -> Record:
    """Return one line of the outcomes as observed."""
    return {
        "outcome": "earnings",
        "arm": name,
        "children": children,
        "mean": mean,
        "sd": sd,
        "events": None,
    }


def test_the_strength_is_the_published_robustness_value():
    # Cinelli & Hazlett (2020), table 1: estimate .097, SE .023, df 783, robustness value 13.9%.
    assert strength_to_move(0.02326, 783, by=0.09731) == pytest.approx(0.139, abs=5e-4)


@pytest.mark.parametrize("by", [0.01, 0.5, 4.0, 300.0])
def test_the_strength_moves_exactly_as_far_as_asked(by):
    found = strength_to_move(1.7, 240, by=by)
    assert bias(1.7, 240, r2_exposure=found, r2_outcome=found) == pytest.approx(by)


def test_a_ratio_needs_no_more_than_where_the_two_lie_apart():
    # VanderWeele & Ding (2017): RR + √(RR (RR − 1)) with RR = exp(0.91 × 0.5).
    ratio = math.exp(0.455)
    assert ratio_to_move(5.0, sd=10.0) == pytest.approx(ratio + math.sqrt(ratio * (ratio - 1)))
    assert ratio_to_move(-5.0, sd=10.0) == ratio_to_move(5.0, sd=10.0)
    assert ratio_to_move(0.0, sd=10.0) == 1.0


def test_two_trials_or_two_studies_of_records_have_no_gap(tmp_path):
    one = write(tmp_path / "a.json", [estimate("ipw", "ate", 5.0)], "observed")
    other = write(tmp_path / "b.json", [estimate("ipw", "ate", 7.0)], "observed")
    assert gaps(one, other) == ()


@pytest.mark.parametrize("first", ["trial", "records"])
def test_the_gap_is_of_the_trial_whichever_is_named_first(tmp_path, first):
    trial = write(tmp_path / "t.json", [estimate("naive", "ate", 7.0, 3.0)], "randomised")
    records = write(
        tmp_path / "r.json",
        [estimate("naive", "association", -13.0), estimate("ipw", "ate", 2.0, 4.0, primary=True)],
        "observed",
    )
    order = (trial, records) if first == "trial" else (records, trial)
    (found,) = gaps(*order)
    assert (found.trial["value"], found.emulated["value"], found.gap) == (7, 2, 5)
    assert found.unadjusted == 20 and found.explained == pytest.approx(0.75)
    assert found.independent == pytest.approx(5.0)
    assert found.chance == _gap.WITHIN


@pytest.mark.parametrize(
    ("other", "chance"), [(6.9, _gap.WITHIN), (3.0, _gap.UNSURE), (-9.0, _gap.BEYOND)]
)
def test_where_a_file_is_shared_chance_is_told_only_where_it_is_sure(tmp_path, other, chance):
    # Errors of 3 and 4: that of the gap is between 1 and 7, so 1.96 and 13.7 decide.
    trial = write(tmp_path / "t.json", [estimate("naive", "ate", 7.0, 3.0)], "randomised")
    records = write(
        tmp_path / "r.json", [estimate("ipw", "ate", other, 4.0)], "observed", digest="t"
    )
    (found,) = gaps(trial, records)
    assert found.errors == (1.0, 7.0) and found.independent is None
    assert found.chance == chance
    assert dict(found.agree)["no further apart than chance"] == {
        _gap.WITHIN: True,
        _gap.BEYOND: False,
        _gap.UNSURE: None,
    }.get(chance)


def test_verdicts_and_the_trials_interval(tmp_path):
    trial = write(tmp_path / "t.json", [estimate("naive", "ate", 7.0, 3.0)], "randomised")
    records = write(tmp_path / "r.json", [estimate("ipw", "ate", 2.0, 4.0)], "observed")
    (found,) = gaps(trial, records)
    # The trial: 1 to 13, above nothing; the records: -6 to 10.
    assert dict(found.agree)["same verdict"] is False
    assert dict(found.agree)["within the trial's interval"] is True


def test_the_spread_is_that_of_both_arms_children_together():
    # Children 0, 2, 4 in one arm (SD 2) and 10, 10 in the other.
    rows = [arm("work", 3, 2.0, 2.0), arm("usual", 2, 10.0, 0.0)]
    mean = 26 / 5
    squares = [(x - mean) ** 2 for x in (0, 2, 4, 10, 10)]
    assert _gap.spread(rows) == pytest.approx(math.sqrt(sum(squares) / 5))


def test_what_would_move_the_regression_comes_from_the_records(tmp_path):
    trial = write(tmp_path / "t.json", [estimate("naive", "ate", 7.0, 3.0)], "randomised")
    asked = {"outcome": "earnings", "contrast": "work v usual"}
    robust = {**asked, "estimate": 4.0, "se": 1.5, "df": 400, "se_kind": "ordinary"}
    marks = [
        {**asked, "covariate": "age", "times": 1.0, "adjusted": 2.5},
        {**asked, "covariate": "age", "times": 2.0, "adjusted": 1.0},
    ]
    tables = {**table("robustness", [robust]), **table("benchmarks", marks)}
    records = write(
        tmp_path / "r.json",
        [estimate("ipw", "ate", 5.0, 4.0)],
        "observed",
        sensitivity={"omitted_variable": {"tables": tables}},
        diagnostics=table("outcomes", [arm("work", 50, 9.0, 4.0), arm("usual", 50, 9.0, 4.0)]),
    )
    (found,) = gaps(trial, records)
    told = found.omitted
    assert told is not None and told.gap == 3.0
    assert told.strength == pytest.approx(strength_to_move(1.5, 400, by=3.0))
    assert told.benchmarks == (("age", 1.5),)
    assert found.e_value == pytest.approx(ratio_to_move(2.0, sd=4 * math.sqrt(98 / 100)))


def test_ratios_and_the_truth_where_it_is_known(tmp_path):
    asked = {"scale": "ratio", "summary": "rate"}
    truths = [
        [{**estimate("", "ate", 0.8), **asked}],
        [{**estimate("", "att", 0.9), **asked}],
    ]
    trial = write(
        tmp_path / "t.json",
        [estimate("naive", "ate", 0.8, 0.1, **asked, primary=True)],
        "randomised",
        truth=truths[0],
    )
    records = write(
        tmp_path / "r.json",
        [estimate("ipw", "att", 1.2, 0.1, **asked, primary=True)],
        "observed",
        truth=truths[1],
    )
    (found,) = gaps(trial, records)
    assert found.gap == pytest.approx(math.log(0.8 / 1.2))
    assert found.e_value == pytest.approx(1.5 + math.sqrt(1.5 * 0.5))
    assert found.truths == (0.8, 0.9)
    done = CliRunner().invoke(app, ["study", "compare", str(trial), str(records)])
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    # 0.8 / 1.2 = (0.8 / 0.9) × (0.8 / 0.8) ÷ (1.2 / 0.9).
    assert "0.889 is that they ask of different people, 1.00 the trial's own error" in said
    assert "and 1.33 (divided by) the records' error" in said


def test_the_command_says_and_writes_the_gap(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "t.json", [estimate("naive", "ate", 7.0, 3.0)], "randomised")
    write(tmp_path / "r.json", [estimate("ipw", "ate", 2.0, 4.0)], "observed")
    asked = ["study", "compare", "r.json", "t.json", "--json", "c.json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert "The trial's is 5.00 more than the records'" in said
    (gap,) = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))["gaps"]
    assert gap["gap"] == 5.0 and gap["trial"]["study"] == "B" and gap["records"]["study"] == "A"


def test_a_subgroup_is_compared_with_its_own_plain_answer(tmp_path):
    """All: 2 without adjustment; girls: 9, of whom the trial says 7 and the records 4. The spread
    is told of all children alone, so that no E-value is made of girls.
    """
    girls = {"subgroup": "sex = F"}
    trial = write(tmp_path / "t.json", [estimate("naive", "ate", 7.0, **girls)], "randomised")
    plain = [estimate("naive", "association", 2.0), estimate("naive", "association", 9.0, **girls)]
    held = table("outcomes", [arm("work", 50, 9.0, 4.0), arm("usual", 50, 9.0, 4.0)])
    records = write(
        tmp_path / "r.json",
        [*plain, estimate("ipw", "ate", 4.0, **girls)],
        "observed",
        diagnostics=held,
    )
    (found,) = gaps(trial, records)
    assert found.unadjusted == -2.0 and found.e_value is None
    later = [estimate("naive", "association", 1.0, horizon=2.0), *plain[:1]]
    own = estimate("ipw", "ate", 4.0, horizon=2.0)
    trial = write(tmp_path / "u.json", [estimate("naive", "ate", 7.0, horizon=2.0)], "randomised")
    records = write(tmp_path / "s.json", [*plain[:1], *later, own], "observed")
    (found,) = gaps(trial, records)
    assert found.unadjusted == 6.0
    heading = next(first(found))
    assert heading.startswith("earnings, work v usual, by 2: ")
