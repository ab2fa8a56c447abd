"""`fingerpost rollout randomise`, `verify` and `issue`: what they print, write and refuse."""

from __future__ import annotations

import csv
import json
import runpy
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fingerpost.cli.main import app

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "rollouts"
PULSE = EXAMPLES / "pulse.json"


def rollout(*words: object) -> Result:
    """Run a command of roll-outs in this process."""
    return CliRunner().invoke(app, ["rollout", *(str(word) for word in words)])


def words(done: Result) -> str:
    """Return what a command said, wherever its lines were broken."""
    return " ".join(done.output.split())


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> Path:
    """The example, with fewer candidates."""
    folder = tmp_path_factory.mktemp("plan")
    shutil.copy(EXAMPLES / "england_areas.csv", folder)
    text = (EXAMPLES / "england.yaml").read_text(encoding="utf-8")
    assert "candidates: 100000" in text
    path = folder / "england.yaml"
    path.write_text(text.replace("candidates: 100000", "candidates: 6000"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def drawn(plan, tmp_path_factory) -> Path:
    """The folder of a draw made in two steps, as it should be."""
    out = tmp_path_factory.mktemp("drawn") / "draw"
    first = rollout("randomise", plan, "--out", out, "-q")
    assert first.exit_code == 0, first.output
    assert "Publish the commitment" in words(first) and "drand after 162,809" in words(first)
    commitment = (out / "commitment.txt").read_text().split()[0]
    assert commitment in words(first) and not (out / "allocation.csv").exists()
    told = rollout("verify", out, "-q")
    assert told.exit_code == 0 and "not drawn yet" in words(told)
    second = rollout("randomise", plan, "--pulse", PULSE, "--out", out, "-q")
    assert second.exit_code == 0, second.output
    assert "It lay there already, unchanged" in words(second)
    assert "Commitment and pulse came at once" not in words(second)
    return out


def test_the_example_is_drawn_and_verified_offline(drawn, tmp_path):
    done = rollout("verify", drawn, "--json", tmp_path / "v.json", "-q")
    assert done.exit_code == 0, done.output
    assert "152 units, 5 waves" in words(done) and "byte by byte" in words(done)
    assert json.loads((tmp_path / "v.json").read_text())["good"] is True
    with (drawn / "allocation.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    london = [row for row in rows if row["stratum"] == "London" and row["wave"] == "first"]
    assert len(rows) == 152 and len(london) == 6
    head = words(done).split("Ledger ")[1]
    assert rollout("verify", drawn, "--head", head, "-q").exit_code == 0
    other = f"{head[:-1]}{'0' if head[-1] != '0' else '1'}"
    assert rollout("verify", drawn, "--head", other, "-q").exit_code == 1
    assert rollout("verify", drawn, "--head", "3", "-q").exit_code == 2


def test_commitment_and_pulse_at_once_are_drawn_with_a_word_of_warning(plan, drawn, tmp_path):
    out, file = tmp_path / "at-once", tmp_path / "d.json"
    done = rollout("randomise", plan, "--pulse", PULSE, "--out", out, "--json", file, "-q")
    assert done.exit_code == 0, done.output
    assert "Commitment and pulse came at once" in words(done)
    said = json.loads(file.read_text(encoding="utf-8"))
    with (drawn / "allocation.csv").open(encoding="utf-8") as stream:
        assert said["allocation"] == {row["unit"]: row["wave"] for row in csv.DictReader(stream)}
    # Order of magnitude: of five columns within regions, kept scores lie well below the median.
    assert 0.5 < said["score_cutoff"] < said["score_median"] < 1.2
    assert 0 < said["pair_least"] < 31 / 152 < said["pair_most"] < 0.5


def test_a_changed_file_is_told_with_exit_code_1(drawn, tmp_path):
    other = tmp_path / "draw"
    shutil.copytree(drawn, other)
    text = (other / "register.csv").read_text(encoding="utf-8")
    (other / "register.csv").write_text(text.replace("39200", "39300"), encoding="utf-8")
    done = rollout("verify", other, "--json", tmp_path / "v.json", "-q")
    assert done.exit_code == 1 and "register.csv:" in words(done)
    assert "Traceback" not in words(done)
    assert any(
        "register.csv" in fault for fault in json.loads((tmp_path / "v.json").read_text())["faults"]
    )


def test_waves_are_issued_in_order(drawn, tmp_path):
    other = tmp_path / "draw"
    shutil.copytree(drawn, other)
    wrong = rollout("issue", other, "--wave", "third")
    assert wrong.exit_code == 2 and "first is to be issued before it" in words(wrong)
    assert rollout("issue", other, "--wave", "thrid").exit_code == 2
    done = rollout("issue", other, "--wave", "first")
    assert done.exit_code == 0 and "wave first: 32 units" in words(done)
    assert rollout("verify", other, "-q").exit_code == 0


def test_mistakes_are_told_plainly(plan, drawn, tmp_path):
    for asked, code, told in (
        (["verify", tmp_path / "none"], 2, "no such folder"),
        (["verify", tmp_path], 1, "manifest.json"),
        (
            ["randomise", plan, "--pulse", tmp_path / "p", "--out", tmp_path / "o"],
            2,
            "no such file",
        ),
        (["randomise", EXAMPLES / "hussey_hughes.yaml", "--out", tmp_path / "o"], 2, "register"),
        (["randomise", plan, "--out", plan.parent], 2, "not empty"),
        (["issue", tmp_path, "--wave", "first"], 1, "no draw lies there"),
    ):
        done = rollout(*asked)
        assert done.exit_code == code and told in words(done), (asked, done.output)
        assert "Traceback" not in words(done)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("verb", ["randomise", "verify", "issue"])
def test_help_has_an_example(verb):
    done = rollout(verb, "--help")
    assert done.exit_code == 0 and f"fingerpost rollout {verb} " in words(done)


def test_the_examples_areas_are_made_up_by_the_script(capsys):
    runpy.run_path(str(ROOT / "scripts" / "example_areas.py"), run_name="__main__")
    made = capsys.readouterr().out
    assert made == (EXAMPLES / "england_areas.csv").read_text(encoding="utf-8")
    assert "scripts/example_areas.py" in (EXAMPLES / "england.yaml").read_text(encoding="utf-8")
