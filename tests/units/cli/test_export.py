"""`fingerpost study export`: what it writes, what it refuses, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fingerpost.cli.main import app
from units.studies.export_world import written

ROOT = Path(__file__).resolve().parents[3]


def export(*words: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, ["study", "export", *words])


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return written(tmp_path)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(("tool", "script"), [("r", "analysis.R"), ("stata", "analysis.do")])
def test_a_script_and_the_children_it_reads_are_written(study, tool, script):
    done = export("export.yaml", "out", "--to", tool)
    assert done.exit_code == 0, done.output
    files = {script, "cohort.csv", "columns.csv", "README.txt"}
    assert names(Path("out")) == {*files, ".written"}
    for words in ("Wrote", *files, "Next"):
        assert words in done.stdout


def test_what_stata_cannot_make_is_told_on_the_screen_as_in_the_files(study):
    # teffects has no overlap target: of two arms and their two estimators four numbers an outcome.
    done = export("export.yaml", "out", "--to", "stata")
    shown = " ".join(done.stdout.partition("Left out")[2].partition("Next")[0].split())
    text = Path("out/analysis.do").read_text(encoding="utf-8")
    head = text.partition("* Not in this file:\n")[2].partition("\n\n")[0]
    named = [line.removeprefix("*").strip() for line in head.splitlines()]
    readme = Path("out/README.txt").read_text(encoding="utf-8")
    assert sum("teffects has no such target" in one for one in named) >= 4
    for one in named:
        assert f"{one}." in shown and f"- {one}" in readme
    assert "Left out" not in export("export.yaml", "other", "--to", "r").stdout


def test_a_query_is_written_and_holds_no_row(study):
    done = export("--to", "sql", "export.yaml", "out")
    assert done.exit_code == 0, done.output
    assert names(Path("out")) == {"cohort.sql", ".written"}
    assert "NEVER RUN ON SQL SERVER" in Path("out/cohort.sql").read_text(encoding="utf-8")


def test_an_export_replaces_its_own_files_and_no_others(study):
    assert export("export.yaml", "out", "--to", "r").exit_code == 0
    Path("out/mine.txt").write_text("mine", encoding="utf-8")
    assert export("export.yaml", "out", "--to", "sql").exit_code == 0
    assert names(Path("out")) == {"cohort.sql", "mine.txt", ".written"}
    Path("theirs").mkdir()
    Path("theirs/cohort.csv").write_text("their,rows", encoding="utf-8")
    done = export("export.yaml", "theirs", "--to", "r")
    assert done.exit_code == 2 and "cohort.csv would be written over" in done.output
    assert names(Path("theirs")) == {"cohort.csv"}
    assert Path("theirs/cohort.csv").read_text(encoding="utf-8") == "their,rows"


def test_a_tool_that_is_not_known_is_told_with_those_that_are(study):
    done = export("export.yaml", "out", "--to", "status")
    assert done.exit_code == 2 and not Path("out").exists()
    assert "Allowed: r, stata or sql" in " ".join(done.output.split())
    assert 'Did you mean "stata"?' in done.output


def test_linked_records_are_not_needed_for_a_script_or_a_query(study):
    cleft = str(ROOT / "examples" / "hope" / "cleft.yaml")
    done = export(cleft, "linked", "--to", "r")
    assert done.exit_code == 0, done.output
    assert names(Path("linked")) == {"analysis.R", "README.txt", ".written"}
    assert "they need records" in done.stdout
    assert export(cleft, "query", "--to", "sql").exit_code == 0
    done = export(cleft, "none", "--to", "stata")
    assert done.exit_code == 2 and "--records FOLDER" in done.output
    assert not Path("none").exists()


def test_what_cannot_be_written_leaves_nothing_behind(study):
    for example, words in (("preterm", "phenotype preterm"), ("sequential", "each school year")):
        done = export(str(ROOT / "examples" / "hope" / f"{example}.yaml"), "out", "--to", "sql")
        assert done.exit_code == 2 and words in done.output
    assert not Path("out").exists()
