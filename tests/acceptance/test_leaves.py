"""The leaves as users meet them: from a study file, on the command line, fed well or badly."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from fingerpost.cli.main import app
from fingerpost.core.leaves import Estimator, menu

pytestmark = pytest.mark.usefixtures("undrawn")
ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
CHILDREN = EXAMPLES / "methods" / "children.csv"
BASE = {
    "study": "leaves",
    "question": "Does SEN Support raise maths?",
    "records": {
        "table": "children.csv",
        "unit": "child",
        "clusters": {"school": "school", "family": "family"},
        "synthetic": True,
    },
    "arms": {"column": "support", "levels": {0: "none", 1: "support"}},
    "outcomes": {"maths": {"column": "maths", "measured_in": "points", "better": "higher"}},
    "assignment": {"observed": {"given": ["need", "fsm", "girl"], "cluster": "school"}},
    "estimand": {"contrast": ["support", "none"], "target": ["att"]},
    "release": {"policy": "none"},
}
TIME = {"months": {"column": "months", "kind": "time", "event": "excluded"}}
# What a leaf needs besides being named.
DRAWN: dict[str, object] = {
    "assignment": {"randomised": {"design": "simple", "unit": "family", "given": ["need"]}},
    "arms": {"column": "visited", "levels": {0: "none", 1: "support"}},
    "estimand": {"target": "ate"},
}
ASKED: dict[str, dict[str, object]] = {
    "by_stratum": DRAWN,
    "cluster_means": DRAWN,
    "dose_response": DRAWN | {"options": {"doses": [0, 1]}},
    "dr_learner": {"estimand": {"target": "ate"}},
    "incremental": {"estimand": {"target": [{"incremental": 2}]}},
    "iv": {"estimand": {"target": "compliers"}, "options": {"instrument": "visited"}},
    "overlap": {"estimand": {"target": "overlap"}},
    "rdd": {
        "estimand": {"contrast": ["plan", "none"], "target": "cutoff"},
        "arms": {"column": "plan", "levels": {0: "none", 1: "plan"}},
        "outcomes": {"spelling": {"column": "spelling"}},
        "options": {"running": "test_score", "cutoff": 85, "at": "above"},
    },
    "survival": {"estimand": {"target": "att", "horizon": [12, 24]}, "outcomes": TIME},
    "within": {"options": {"level": "family"}},
}


def document(leaf: str, **changed: object) -> dict[str, object]:
    """Return a study that asks one leaf."""
    asked = {**ASKED.get(leaf, {}), **changed}
    options = asked.pop("options", None)
    estimand = {**BASE["estimand"], **asked.pop("estimand", {})}
    return {**BASE, **asked, "estimand": estimand, "estimators": [{leaf: options}]}


def run(folder: Path, study: dict[str, object], *, table: list[list[str]] | None = None) -> Result:
    """Run a study in a folder that holds the table of made-up children, or another."""
    rows = CHILDREN.read_text(encoding="utf-8")
    if table is not None:
        rows = "\n".join(",".join(row) for row in table) + "\n"
    (folder / "children.csv").write_text(rows, encoding="utf-8")
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    out = ["--out", str(folder / "out"), "--json", str(folder / "r.json"), "--quiet"]
    return CliRunner().invoke(app, ["study", "run", str(path), *out])


def results(folder: Path) -> dict[str, object]:
    return json.loads((folder / "r.json").read_text(encoding="utf-8"))


def children() -> list[list[str]]:
    with CHILDREN.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


# -------------------- every leaf, from a file to an answer near the truth


# Strategies sustained over time are asked of linked records: tests/units/studies/test_over_time.py.
# A permutation test gives no estimate: tests/papers/test_trials.py asks it from study files. Arms
# that stayed, and what schoolmates have, are asked of trials: test_manual.py runs their examples.
ONE_TABLE = [
    name
    for name, leaf in menu("estimators", Estimator).items()
    if name not in ("time_varying", "permutation_test", "chosen_arm", "spillover")
    and leaf.takes == "cohort"
    and not (leaf.staged or leaf.outside)  # of tables of another shape
]


@pytest.mark.parametrize("leaf", ONE_TABLE)
def test_every_estimator_answers_from_a_study_file(leaf: str, tmp_path: Path) -> None:
    done = run(tmp_path, document(leaf))
    assert done.exit_code == 0, done.output
    found = [one for one in results(tmp_path)["estimates"] if one["estimator"] == leaf]
    assert found and all(np.isfinite(one["value"]) for one in found)
    assert "synthetic" in done.output.lower() or "made" in done.output.lower()
    if leaf in (
        "by_stratum",
        "cluster_means",
        "dose_response",
    ):  # a visit brings a third of children support
        assert all(one["lo"] < 1 < one["hi"] for one in found)
    elif leaf not in ("naive", "incremental", "rdd", "survival", "subclassification"):
        assert all(one["lo"] < 3 < one["hi"] for one in found), "support raises maths by 3"
    if leaf == "rdd":
        assert found[0]["lo"] < 4 < found[0]["hi"]


# -------------------- printed numbers, from a study file


def example(name: str, tmp_path: Path) -> dict[tuple[str, str], dict[str, object]]:
    out = ["--out", str(tmp_path / "out"), "--json", str(tmp_path / "r.json"), "--quiet"]
    done = CliRunner().invoke(app, ["study", "run", str(EXAMPLES / name), *out])
    assert done.exit_code == 0, done.output
    return {(one["estimator"], one["target"]): one for one in results(tmp_path)["estimates"]}


def test_nhefs_g_estimation_with_those_not_seen(tmp_path: Path) -> None:
    """Hernán & Robins, What If, section 14.5: 3.4 (2.5 to 4.5); to more digits 3.4458988034."""
    found = example("nhefs/g_estimation.yaml", tmp_path)["g_estimation", "ate"]
    assert found["value"] == pytest.approx(3.4458988034, abs=1e-8)
    assert found["n"] == 1629


def test_nhefs_instrument(tmp_path: Path) -> None:
    """Hernán & Robins, What If, section 16.2: 2.4 (−36.5 to 41.3); to more digits 2.3962701042."""
    found = example("nhefs/instrument.yaml", tmp_path)["iv", "compliers"]
    assert found["value"] == pytest.approx(2.3962701042, abs=1e-8)
    assert any("weak" in words for words in found["warnings"])
    assert results(tmp_path)["regions"][0]["pieces"] == [[None, None]]


def test_matched_lalonde_is_refused_and_answered_with_a_warning_where_the_study_says_so(
    tmp_path: Path,
) -> None:
    """MatchIt 4.5.1 on its own LaLonde data prints 770.3902 (cluster-by-pair 701.58)."""
    found = example("lalonde/matching.yaml", tmp_path)["matching", "att"]
    assert found["value"] == pytest.approx(770.3902, abs=5e-5)
    assert found["se"] == pytest.approx(701.58, abs=5e-3)
    assert any("still differs from the target" in words for words in found["warnings"])
    study = yaml.safe_load((EXAMPLES / "lalonde" / "matching.yaml").read_text(encoding="utf-8"))
    del study["guard"]
    path = tmp_path / "strict.yaml"
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    out = ["--out", str(tmp_path / "strict"), "--json", str(tmp_path / "r.json"), "--quiet"]
    done = CliRunner().invoke(app, ["study", "run", str(path), *out])
    assert done.exit_code == 0, done.output
    told = results(tmp_path)
    assert "matching" not in {one["estimator"] for one in told["estimates"]}
    assert "matching" in json.dumps(told["leaf_refusals"])
    assert "770" not in done.output


# -------------------- bad input: a line that says what was found and how to mend it, no traceback


def spoilt(column: str, change) -> list[list[str]]:
    """Return the table with one column changed, row by row."""
    rows = children()
    at = rows[0].index(column)
    return [
        rows[0],
        *([*row[:at], change(n, row), *row[at + 1 :]] for n, row in enumerate(rows[1:])),
    ]


def test_a_constant_instrument(tmp_path: Path) -> None:
    done = run(tmp_path, document("iv"), table=spoilt("visited", lambda n, row: "1"))
    assert done.exit_code == 4
    assert "visited" in done.output and "constant" in done.output.lower() + "same"
    assert "Traceback" not in done.output


@pytest.mark.parametrize("cutoff", [20, 500])
def test_a_cutoff_without_data_on_one_side(cutoff: int, tmp_path: Path) -> None:
    options = {"running": "test_score", "cutoff": cutoff}
    done = run(tmp_path, document("rdd", options=options))
    assert done.exit_code == 1  # told before any estimator runs
    assert str(cutoff) in done.output and "Traceback" not in done.output
    assert not (tmp_path / "build").exists()


def test_an_event_before_entry(tmp_path: Path) -> None:
    timed = {"months": {**TIME["months"], "entry": "years"}}
    done = run(tmp_path, document("survival", outcomes=timed))
    assert done.exit_code == 1
    assert "not before the end of their time" in done.output


def test_negative_times(tmp_path: Path) -> None:
    table = spoilt("months", lambda n, row: "-1" if n < 3 else row[13])
    done = run(tmp_path, document("survival"), table=table)
    assert done.exit_code == 1
    assert "3 children" in done.output and "0 or more" in done.output


def test_a_horizon_that_nobody_reaches(tmp_path: Path) -> None:
    estimand = {"target": "att", "horizon": 400}
    done = run(tmp_path, document("survival", estimand=estimand))
    assert done.exit_code == 4
    assert "horizon" in done.output and "Traceback" not in done.output


@pytest.mark.parametrize(
    ("leaf", "options", "words"),
    [
        ("iv", {"instrument": "visitd"}, 'Did you mean "visited"'),
        ("iv", {}, "takes either `instrument` or `preference`"),
        ("rdd", {"running": "test_score"}, "needs cutoff"),
        ("rdd", {"running": "test_score", "cutoff": "high"}, "number"),
        ("matching", {"calliper": 0.1}, 'Did you mean "caliper"'),
        ("matching", {"ratio": 0}, "ratio"),
        ("double_ml", {"folds": 1}, "folds"),
        ("double_ml", {"learner": "no.such.Learner"}, "no.such cannot be imported"),
        ("within", {"level": "clas"}, "level"),
        ("tmle", {"range": [10, 0]}, "range"),
        ("incremental", {"deltas": [0]}, "from 0.05 to 20"),
        ("g_estimation", {"modifiers": "visited"}, "modifiers"),
        ("entropy_balancing", {"moments": 3}, "moments"),
        ("subclassification", {"strata": 0}, "strata"),
    ],
)
def test_a_wrong_option_is_a_usage_fault(
    leaf: str, options: dict[str, object], words: str, tmp_path: Path
) -> None:
    done = run(tmp_path, document(leaf, options=options))
    assert done.exit_code in (1, 2), done.output
    assert words in done.output and "Traceback" not in done.output
    assert not (tmp_path / "r.json").exists()
