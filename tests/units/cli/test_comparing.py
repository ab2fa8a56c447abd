"""`fingerpost study compare`: what may stand beside what."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fingerpost.cli._comparing import as_data, compared, read_side
from fingerpost.cli.main import app

Record = dict[str, Any]


def estimate(estimator: str, target: str, value: float, se: float = 1.0, **more: Any) -> Record:
    """Return one estimate of earnings, work v usual, as results.json holds it."""
    return {
        "estimator": estimator,
        "outcome": "earnings",
        "contrast": "work v usual",
        "target": target,
        "summary": "mean",
        "scale": "difference",
        "horizon": None,
        "subgroup": None,
        "exposure_time": None,
        "conditional": False,
        "value": value,
        "se": se,
        "lo": value - 2 * se,
        "hi": value + 2 * se,
        "primary": False,
        **more,
    }


def write(
    path: Path, estimates: list[Record], *, refused: tuple[str, ...] = (), digest: str = ""
) -> Path:
    """Write what compare reads of a results.json."""
    refusals = [
        {"outcome": "earnings", "contrast": "work v usual", "target": target, "rules": []}
        for target in refused
    ]
    found = {
        "study": {"name": path.stem},
        "status": "answered",
        "estimates": estimates,
        "refusals": refusals,
        "provenance": {"data_digest": {f"{path.stem}.csv": digest or path.stem}},
    }
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


def pairs(one: Path, other: Path) -> Record:
    """Return the comparison of two files as data."""
    return as_data(compared(read_side(one), read_side(other)))


def test_the_same_leaf_and_target_stand_side_by_side(tmp_path):
    one = write(tmp_path / "a.json", [estimate("ipw", "att", 5.0, 3.0), estimate("aipw", "att", 6)])
    other = write(tmp_path / "b.json", [estimate("ipw", "att", 7.0, 4.0)])
    found = pairs(one, other)
    (pair,) = found["same_target"]
    assert (pair["first"]["value"], pair["second"]["value"], pair["difference"]) == (5, 7, 2)
    assert pair["se"] == pytest.approx(5.0)  # 3-4-5: nothing is shared
    assert [each["estimator"] for each in found["only_first"]] == ["aipw"]
    assert found["only_second"] == []


def test_swapping_the_files_turns_the_difference_round(tmp_path):
    one = write(tmp_path / "a.json", [estimate("ipw", "att", 5.0)])
    other = write(tmp_path / "b.json", [estimate("ipw", "att", 7.5)])
    there, back = pairs(one, other)["same_target"], pairs(other, one)["same_target"]
    assert there[0]["difference"] == -back[0]["difference"] == 2.5


def test_ratios_are_divided(tmp_path):
    one = write(tmp_path / "a.json", [estimate("ipw", "att", 0.8, 0.1, scale="ratio")])
    other = write(tmp_path / "b.json", [estimate("ipw", "att", 1.2, 0.1, scale="ratio")])
    (pair,) = pairs(one, other)["same_target"]
    assert pair["difference"] == pytest.approx(1.5)
    assert pair["se"] == pytest.approx(math.sqrt(0.02))


def test_where_a_file_is_shared_no_error_is_made_up(tmp_path):
    one = write(tmp_path / "a.json", [estimate("ipw", "att", 5.0)], digest="same")
    other = write(tmp_path / "b.json", [estimate("ipw", "att", 7.0)], digest="same")
    found = pairs(one, other)
    assert found["shared_files"] == ["a.csv"]
    assert found["same_target"][0]["se"] is None
    assert "no standard error" in found["covariance"]


def test_another_outcome_or_scale_is_another_question(tmp_path):
    one = write(tmp_path / "a.json", [estimate("ipw", "att", 5.0)])
    other = write(
        tmp_path / "b.json",
        [
            estimate("ipw", "att", 7.0, outcome="hours"),
            estimate("ipw", "att", 1.1, scale="ratio"),
            estimate("ipw", "att", 6.0, subgroup="girls"),
        ],
    )
    found = pairs(one, other)
    assert found["same_target"] == found["other_target"] == []
    assert len(found["only_second"]) == 3


def test_primary_answers_meet_where_no_leaf_is_common(tmp_path):
    one = write(tmp_path / "a.json", [estimate("naive", "ate", 5.0, primary=True)])
    other = write(
        tmp_path / "b.json",
        [estimate("ipw", "ate", 6.0, primary=True), estimate("g_formula", "ate", 9.0)],
    )
    (pair,) = pairs(one, other)["same_target"]
    assert pair["second"]["estimator"] == "ipw"


def test_a_refusal_stands_beside_an_answer(tmp_path):
    trial = write(tmp_path / "a.json", [estimate("naive", "ate", 5.0, primary=True)])
    survey = write(
        tmp_path / "b.json", [estimate("ipw", "att", 4.0, primary=True)], refused=("ate",)
    )
    found = pairs(trial, survey)
    (refused,) = found["same_target"]
    assert refused["refused"] == [False, True]
    assert refused["second"] is None and refused["difference"] is None
    (near,) = found["other_target"]
    assert near["targets"] == ["ate", "att"]
    assert near["difference"] == -1.0


def test_a_common_answer_needs_no_nearest(tmp_path):
    one = write(tmp_path / "a.json", [estimate("ipw", "ate", 5.0, primary=True)])
    other = write(
        tmp_path / "b.json",
        [estimate("ipw", "ate", 4.0, primary=True), estimate("ipw", "att", 3.0, primary=True)],
    )
    assert pairs(one, other)["other_target"] == []


def test_an_unbounded_interval_is_shown_open(tmp_path):
    one = write(tmp_path / "a.json", [estimate("iv", "compliers", 5.0, lo=None)])
    other = write(tmp_path / "b.json", [estimate("iv", "compliers", 4.0)])
    done = CliRunner().invoke(app, ["study", "compare", str(one), str(other)])
    assert "−∞ to 7" in done.stdout


def test_the_command_prints_and_writes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.json", [estimate("ipw", "att", 5.0)])
    (tmp_path / "b").mkdir()
    other = write(tmp_path / "b" / "results.json", [estimate("ipw", "att", 7.0)])
    done = CliRunner().invoke(app, ["study", "compare", "a.json", "b", "--json", "c.json"])
    assert done.exit_code == 0, done.output
    assert "att, ipw" in done.stdout and "2.00" in done.stdout and "c.json" in done.stdout
    written = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert written["same_target"] == pairs(tmp_path / "a.json", other)["same_target"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no such file"),
        ("study: no", "this is not JSON"),
        ("[]", "not results of a study"),
        ('{"study": {"name": "x"}}', "status"),
    ],
)
def test_what_is_not_results_is_one_line(tmp_path, text, said):
    good = write(tmp_path / "a.json", [estimate("ipw", "att", 5.0)])
    if text is not None:
        (tmp_path / "b.json").write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["study", "compare", str(good), str(tmp_path / "b.json")])
    assert done.exit_code == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
