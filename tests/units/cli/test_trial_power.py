"""`fingerpost trial power` and `trial boundaries`: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from fingerpost.cli.main import app

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "trials"
CRA2 = EXAMPLES / "cra2.yaml"


def trial(*words: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, ["trial", *(str(word) for word in words)])


def test_twenty_schools_by_the_command_line(tmp_path: Path):
    done = trial("power", CRA2, "--json", tmp_path / "p.json", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert told["mdes"] == pytest.approx(0.6290064, abs=5e-8)
    assert told["interval"] == pytest.approx([0.1830, 1.0750], abs=5e-5)
    words = " ".join(done.output.split())
    assert "smallest effect found with power 80% is 0.629 standard deviations" in words
    # Never one number alone: a table over intra-cluster correlations and numbers of schools.
    assert "ICC 0 " in done.output and "ICC 0.34" in done.output
    folder = tmp_path / "out"
    pictures = {f"{what}-by-{over}.svg" for what in ("mdes", "power") for over in ("icc", "units")}
    assert {path.name for path in folder.iterdir()} == {
        *pictures,
        *("power.html", "power.json", "power-tables"),
    }
    page = (folder / "power.html").read_text(encoding="utf-8")
    assert page.count("<svg ") == 8 and "<script" not in page
    assert "Smallest effect, t" in page


def test_what_has_no_closed_form_is_told_with_its_error(tmp_path: Path):
    study = tmp_path / "s.yaml"
    text = (EXAMPLES / "drop_losers.yaml").read_text(encoding="utf-8")
    study.write_text(
        text.replace("stages: 3", "stages: 3\n      replicates: 500"), encoding="utf-8"
    )
    done = trial("power", study, "--json", tmp_path / "p.json", "-q")
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["adaptive"]
    assert told["replicates"] == 500 and told["monte_carlo_errors"]["power"] > 0
    assert "of simulation" in done.output and "every arm stays open" in " ".join(
        done.output.split()
    )
    again = trial("power", study, "-q")
    assert again.output.split("An adaptive trial")[1].split("Assumes")[0] in done.output


def test_published_parameters_and_those_of_a_table(tmp_path: Path):
    shown = trial("power", "--parameters", "--json", tmp_path / "p.json")
    assert shown.exit_code == 0 and "none found" in shown.output
    assert len(json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["parameters"]) > 15
    random = np.random.default_rng(1)
    school = np.repeat(np.arange(60), 20)
    y = 0.5 * random.normal(size=60)[school] + random.normal(size=1200)
    rows = "\n".join(
        f"s{s},{v:.5f},{t}" for s, v, t in zip(school, y, np.arange(1200) % 2, strict=True)
    )
    table = tmp_path / "marks.csv"
    table.write_text(f"school,marks,term\n{rows}\n,1.5,1\n", encoding="utf-8")
    ask = ("power", "--estimate", table, "--outcome", "marks", "--cluster", "school")
    done = trial(*ask, "--period", "term", "--json", tmp_path / "e.json")
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))
    assert told["icc"]["lo"] < 0.2 < told["icc"]["hi"]
    assert told["cac"]["hi"] > 0.8 and told["rows_left_out"] == 1
    wrong = trial("power", "--estimate", table, "--outcome", "mark", "--cluster", "schol")
    assert wrong.exit_code == 1
    assert 'no column "mark"' in wrong.stderr and 'no column "schol"' in wrong.stderr


def test_wrong_commands_of_power():
    for words in ((), (CRA2, "--parameters"), ("--estimate", "x.csv")):
        done = trial("power", *words)
        assert done.exit_code == 2, words
        assert "Traceback" not in done.output


def test_boundaries_by_the_command_line(tmp_path: Path):
    ask = ("boundaries", "--looks", 5, "--alpha", 0.025, "--sides", 1)
    done = trial(
        *ask, "--bounds", "obrien-fleming", "--json", tmp_path / "b.json", "--out", tmp_path / "o"
    )
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    printed = [4.561742, 3.225639, 2.633723, 2.280871, 2.040073]
    assert told["bounds"] == pytest.approx(printed, abs=1e-6)
    assert "4.561742" in done.output
    assert {path.name for path in (tmp_path / "o").iterdir()} == {
        *("boundaries.html", "boundaries.json", "boundaries-tables", "looks.svg")
    }
    assert "would stop the trial" in (tmp_path / "o" / "looks.svg").read_text(encoding="utf-8")
    spent = trial(*ask, "--spending", "obrien-fleming")
    assert "4.876885" in spent.output and "2.031032" in spent.output
    uneven = trial(
        *("boundaries", "--information", "0.5,0.75,1", "--spending", "obrien-fleming"),
        *("--alpha", 0.025, "--sides", 1, "--power", 0.8, "--effect", 0.2),
    )
    assert "2.962588" in uneven.output and "children" in uneven.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name --looks K"),
        (("--looks", 3, "--bounds", "haybittle"), "allowed are"),
        (("--looks", 3, "--bounds", "pocock", "--spending", "pocock"), "Keep one"),
        (("--looks", 3, "--bounds", "wang-tsiatis"), "parameter is missing"),
        (("--looks", 3, "--bounds", "pocock", "--parameter", 1), "takes none"),
        (("--information", "a,b"), "shares of all information"),
        (("--information", "0.5,0.4"), "rise"),
        (("--looks", 3, "--effect", 0), "finds nothing"),
        (("--looks", 99), "40 at the most"),
        ((CRA2,), "how many looks"),
        ((CRA2, "--alpha", 0.001, "--harm", 0.1), "leave --alpha or --harm out"),
    ],
)
def test_wrong_commands_of_boundaries(words: tuple[object, ...], said: str):
    done = trial("boundaries", *words)
    assert done.exit_code == 2
    assert said in done.stderr and "Traceback" not in done.output
