"""`fingerpost study run`: where it reads, what it writes, how it ends."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from tiny_study import STUDY, Tiny, faults, write_tiny_study
from typer.testing import CliRunner, Result

from fingerpost.cli.main import app

pytestmark = pytest.mark.usefixtures("undrawn")


def run(*words: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, ["study", "run", *words, "--quiet"])


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """Return a small study of known truth, in the folder we are in."""
    monkeypatch.chdir(tmp_path)
    return write_tiny_study(tmp_path)


def files(folder: Path) -> set[str]:
    """Return the paths of every file below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def results(path: Path) -> dict:
    """Return a results.json."""
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_run_answers_and_says_where_everything_is(tiny, tmp_path):
    done = run("tiny.yaml", "--json", "out.json")
    assert done.exit_code == 0, done.output
    assert faults(results(tmp_path / "out.json"), tiny) == []
    folder = tmp_path / "build" / "tiny"
    assert results(folder / "results.json") == results(tmp_path / "out.json")
    assert (folder / "report.html").is_file()
    tables = {path.name for path in (folder / "report-tables").iterdir()}
    assert {Path(name).suffix for name in tables - {".written"}} == {".csv"}
    for words in ("Answer", "How sure", "Wrote", "build/tiny/report.html", "out.json", "Next"):
        assert words in done.stdout


def test_progress_is_on_the_error_stream(tiny):
    done = CliRunner().invoke(app, ["study", "run", "tiny.yaml"])
    assert done.exit_code == 0
    assert "· reading records" in done.stderr
    assert "· " not in done.stdout


def test_tables_are_found_from_the_study_file(tiny, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert run("../tiny.yaml").exit_code == 0


def test_records_may_be_another_file(tiny, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    shutil.move(tmp_path / "tiny.csv", away / "other.csv")
    done = run("tiny.yaml", "--records", "away/other.csv", "--json", "out.json")
    assert done.exit_code == 0, done.output
    found = results(tmp_path / "out.json")
    assert faults(found, tiny) == []
    assert list(found["provenance"]["data_digest"]) == ["other.csv"]


def test_records_may_be_the_folder_of_the_tables(tiny, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    shutil.move(tmp_path / "tiny.csv", away / "tiny.csv")
    assert run("tiny.yaml").exit_code == 1
    assert run("tiny.yaml", "--records", "away").exit_code == 0


def test_records_may_be_left_to_the_command(tiny, tmp_path):
    lines = [line for line in STUDY.splitlines() if not line.startswith("records:")]
    lines = [line.replace(", cluster: school", "") for line in lines]
    (tmp_path / "open.yaml").write_text("\n".join(lines), encoding="utf-8")
    done = run("open.yaml", "--records", "tiny.csv", "--json", "out.json")
    assert done.exit_code == 0, done.output
    assert results(tmp_path / "out.json")["flow"]["start"] == tiny.children


def test_a_package_file_may_be_replaced_and_stacked_ones_by_a_folder(tiny, tmp_path):
    stack = "{stack: [{package: nowhere, file: deep/tiny.csv}, {package: nowhere, file: more.csv}]"
    text = STUDY.replace("{table: tiny.csv", stack).replace(", unit: child", "")
    assert stack in text
    (tmp_path / "stacked.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "away").mkdir()
    shutil.copy(tmp_path / "tiny.csv", tmp_path / "away" / "tiny.csv")
    shutil.copy(tmp_path / "tiny.csv", tmp_path / "away" / "more.csv")
    done = run("stacked.yaml", "--records", "away", "--json", "out.json")
    assert done.exit_code == 0, done.output
    assert results(tmp_path / "out.json")["flow"]["start"] == 2 * tiny.children
    one = run("stacked.yaml", "--records", "away/tiny.csv")
    assert one.exit_code == 1
    assert "stacks 2 tables" in one.stderr


def test_records_that_are_not_there(tiny):
    done = run("tiny.yaml", "--records", "gone.csv")
    assert (done.exit_code, done.stderr) == (
        1,
        "--records gone.csv: there is nothing at this path.\n",
    )


def test_both_engines_give_the_same_answers(tiny, tmp_path):
    for engine in ("duckdb", "polars"):
        done = run("tiny.yaml", "--engine", engine, "--json", f"{engine}.json")
        assert done.exit_code == 0, done.output
    one, other = (results(tmp_path / f"{engine}.json") for engine in ("duckdb", "polars"))
    assert one["estimates"] == other["estimates"]
    assert one["provenance"]["engine"] != other["provenance"]["engine"]


def test_the_seed_and_the_release_may_be_said_at_the_run(tiny, tmp_path):
    done = run("tiny.yaml", "--seed", "7", "--release", "inside", "--json", "out.json")
    assert done.exit_code == 0, done.output
    found = results(tmp_path / "out.json")
    assert found["provenance"]["seed"] == 7
    assert (found["policy"], found["clearance"]) == ("inside", "inside")
    assert "not cleared" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tiny.yaml", "--engine", "polar"], 'Did you mean "polars"?'),
        (["tiny.yaml", "--release", "insid"], 'Did you mean "inside"?'),
        (["tiny.yaml", "--colour", "red"], "No such option"),
        (["tiny.yaml", "--seed", "many"], "--seed"),
        (["tiny.yaml", "--impute", "two"], '"two" is no whole number'),
        (["tiny.yaml", "--impute", "1"], "from 2 to 200"),
        (["tiny.yaml", "--seed", "-1"], "from 0 to"),
        (["tiny.yaml", "--seed", str(2**63)], "from 0 to"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_ends_with_two(tiny, tmp_path, words, said):
    before = files(tmp_path)
    done = run(*words)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert "Traceback" not in done.output
    assert files(tmp_path) == before


def test_a_question_that_no_leaf_answers_ends_with_two(tiny, tmp_path):
    text = STUDY.replace("estimators: [naive, ipw, aipw]", "estimators: [overlap]")
    text = text.replace("primary: [ipw, aipw]\n", "")
    (tmp_path / "unanswerable.yaml").write_text(text, encoding="utf-8")
    done = run("unanswerable.yaml")
    assert done.exit_code == 2
    assert "Leaves that can" in done.stderr


def all_but_told_by_need(folder: Path) -> None:
    """Give support to nearly all children in need and nearly none besides: no overlap is left."""
    with (folder / "tiny.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    for at, row in enumerate(rows):
        row["support"] = str(int((float(row["need"]) > 0) != (at % 100 == 0)))
    with (folder / "tiny.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_every_primary_answer_refused_ends_with_four(tiny, tmp_path):
    all_but_told_by_need(tmp_path)
    done = run("tiny.yaml", "--json", "out.json")
    assert done.exit_code == 4, done.output
    found = results(tmp_path / "out.json")
    assert found["status"] == "refused"
    assert {each["target"] for each in found["refusals"]} == {"ate", "att"}
    assert "We cannot tell" in done.stdout
    assert (tmp_path / "build" / "tiny" / "report.html").is_file()


def test_a_run_that_fails_leaves_the_earlier_result(tiny, tmp_path):
    assert run("tiny.yaml").exit_code == 0
    folder = tmp_path / "build" / "tiny"
    before = {name: (folder / name).read_bytes() for name in files(folder)}
    table = tmp_path / "tiny.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("support", "help"), encoding="utf-8")
    done = run("tiny.yaml", "--json", "out.json")
    assert done.exit_code == 1
    assert {name: (folder / name).read_bytes() for name in files(folder)} == before
    assert not (tmp_path / "out.json").exists()


def test_places_that_cannot_be_written_are_told_before_the_work(tiny, tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    done = run("tiny.yaml", "--out", "taken")
    assert (done.exit_code, done.stderr) == (1, "--out taken: this is a file. Name a folder.\n")
    done = run("tiny.yaml", "--json", ".")
    assert (done.exit_code, done.stderr) == (1, "--json .: this is a folder. Name a file.\n")


@pytest.mark.parametrize("name", ["tiny.yaml", "tiny.csv", "notes.json", "build/tiny/report.html"])
@pytest.mark.parametrize("table", [[], ["--records", "tiny.csv"]], ids=["", "records"])
def test_json_never_writes_over_the_study_its_records_or_others_files(tiny, tmp_path, name, table):
    (tmp_path / "notes.json").write_text('{"mine": 1}', encoding="utf-8")
    before = {each: (tmp_path / each).read_bytes() for each in files(tmp_path)}
    done = run("tiny.yaml", *table, "--json", name)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith(f"--json {name}: ")
    assert {each: (tmp_path / each).read_bytes() for each in files(tmp_path)} == before


def test_json_replaces_the_results_of_an_earlier_run(tiny, tmp_path):
    assert run("tiny.yaml", "--json", "out.json", "--seed", "1").exit_code == 0
    assert run("tiny.yaml", "--json", "out.json", "--seed", "2").exit_code == 0
    assert results(tmp_path / "out.json")["provenance"]["seed"] == 2


def test_a_page_of_somebody_else_is_not_replaced(tiny, tmp_path):
    (tmp_path / "report.html").write_text("mine", encoding="utf-8")
    before = files(tmp_path)
    done = run("tiny.yaml", "--out", ".")
    assert done.exit_code == 2
    assert done.stderr.startswith("--out .: report.html would be written over")
    assert files(tmp_path) == before
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "mine"


def test_a_second_run_keeps_what_the_reader_put_among_the_tables(tiny, tmp_path):
    assert run("tiny.yaml", "--out", ".").exit_code == 0
    (tmp_path / "report-tables" / "mine.csv").write_text("mine", encoding="utf-8")
    assert run("tiny.yaml", "--out", ".", "--seed", "2").exit_code == 0
    assert (tmp_path / "report-tables" / "mine.csv").read_text(encoding="utf-8") == "mine"
    assert results(tmp_path / "results.json")["provenance"]["seed"] == 2


def test_the_name_of_a_study_is_no_path(tiny, tmp_path):
    text = STUDY.replace("study: tiny", "study: ../../evil")
    (tmp_path / "evil.yaml").write_text(text, encoding="utf-8")
    done = run("evil.yaml")
    assert done.exit_code == 1
    assert done.stderr.startswith('evil.yaml:1: study: "../../evil" is not a short name.')
    assert not (tmp_path / "build").exists()


def test_made_up_records_are_marked_on_the_screen(tiny, tmp_path):
    assert "Synthetic" not in run("tiny.yaml").stdout
    text = STUDY.replace("unit: child,", "unit: child, synthetic: true,")
    (tmp_path / "tiny.yaml").write_text(text, encoding="utf-8")
    done = run("tiny.yaml", "--json", "out.json")
    assert done.stdout.split("Answer")[0].rstrip().endswith("no real child is in them")
    compared = CliRunner().invoke(app, ["study", "compare", "out.json", "build/tiny"])
    assert compared.stdout.count("synthetic records") == 2


@pytest.mark.parametrize("name", ["gone.yaml", "."])
def test_a_study_file_that_is_none(tiny, name):
    done = run(name)
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
