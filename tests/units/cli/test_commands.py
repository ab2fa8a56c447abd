"""The commands besides `study run`: help, leaves, doctor, init, describe, demo."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from tiny_study import write_tiny_study
from typer.testing import CliRunner, Result

import fingerpost
from fingerpost.cli import demo as demonstration
from fingerpost.cli import doctor as doctors
from fingerpost.cli._examples import example, real_data
from fingerpost.cli.main import app
from fingerpost.core.leaves import names

COMMANDS = (
    ["demo"],
    ["leaves"],
    ["doctor"],
    ["study", "init"],
    ["study", "describe"],
    ["study", "run"],
    ["study", "compare"],
)


def run(*words: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(words))


# ------------------------------------------------------------------------------------- help
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_examples_that_name_the_command(command):
    done = run(*command, "--help")
    assert done.exit_code == 0
    examples = done.stdout.split("Examples:")[1].split("Options:")[0].split("Arguments:")[0]
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert lines
    assert all(line.startswith(f"fingerpost {' '.join(command)}") for line in lines)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_examples_use_options_that_exist(command):
    text = run(*command, "--help").stdout
    examples, rest = text.split("Examples:")[1].split("Options:")
    assert set(re.findall(r"--[a-z]+", examples)) <= set(re.findall(r"--[a-z]+", rest))


def test_every_command_is_in_the_help():
    shown = run("--help").stdout + run("study", "--help").stdout
    for command in COMMANDS:
        assert f"  {command[-1]} " in shown


def test_the_version():
    assert run("--version").stdout == f"fingerpost {fingerpost.__version__}\n"


@pytest.mark.parametrize("words", [["stduy"], ["study", "rnu"], ["--colour"]])
def test_what_is_no_command_ends_with_two(words):
    done = run(*words)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["run", "s.yaml"], "fingerpost study run"),
        (["study", "demo"], "fingerpost demo"),
        (["stduy"], "fingerpost study"),
        (["study", "rnu"], "fingerpost study run"),
    ],
)
def test_a_slip_is_answered_with_the_command_that_was_meant(words, meant):
    done = CliRunner().invoke(app, words, prog_name="fingerpost")
    assert done.exit_code == 2
    assert f"Did you mean `{meant}`?" in done.stderr


def test_exit_codes_are_in_the_help():
    said = run("study", "run", "--help").stdout.split("Exit codes:")[1].split("Examples:")[0]
    assert re.findall(r"\b(\d+)\s+[a-z]", said) == ["0", "1", "2", "3", "4", "70", "130"]


# ----------------------------------------------------------------------------------- leaves
def test_leaves_alone_has_a_line_for_each():
    shown = run("leaves").stdout
    for room in ("estimators", "sensitivity", "designs", "engines"):
        for name in names(room):
            assert len(re.findall(rf"^{name} .*\w", shown, re.MULTILINE)) == 1
    assert re.search(r"^overlap .*Overlap weighting .*overlap", shown, re.MULTILINE)


@pytest.mark.parametrize("room", ["estimators", "sensitivity", "engines"])
def test_every_leaf_is_in_its_menu_and_has_a_page(room):
    menu = run("leaves", room).stdout
    for name in names(room):
        assert re.search(rf"^{name} ", menu, re.MULTILINE)
        page = run("leaves", room, name)
        assert page.exit_code == 0
        assert "Source" in page.stdout


def test_a_page_says_what_is_assumed():
    page = run("leaves", "estimators", "ipw").stdout
    assert "exchangeability" in page and "untestable" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["leaves", "estimator"], 'Did you mean "estimators"?'),
        (["leaves", "estimators", "aiwp"], 'Did you mean "aipw"?'),
    ],
)
def test_a_misspelt_leaf_ends_with_two(words, said):
    done = run(*words)
    assert done.exit_code == 2
    assert said in done.stderr


# ----------------------------------------------------------------------------------- doctor
def test_doctor_looks_at_everything():
    done = run("doctor")
    assert done.exit_code == 0, done.output
    for words in ("Python", "numpy", "engine duckdb", "engine polars", "pictures", "processors"):
        assert words in done.stdout


def test_doctor_ends_with_one_where_something_needed_is_broken(monkeypatch):
    broken = doctors.Check("pictures", doctors.BROKEN, "no font")
    monkeypatch.setattr(doctors, "pictures", lambda: broken)
    done = run("doctor")
    assert done.exit_code == 1
    assert "Broken" in done.stdout and "pictures" in done.stdout


def test_doctor_bears_what_is_only_wanted(monkeypatch, tmp_path):
    monkeypatch.setenv("FINGERPOST_SHARED", str(tmp_path))
    monkeypatch.setattr(doctors, "find_spec", lambda name: None)
    done = run("doctor")
    assert done.exit_code == 0
    assert "pip install '.[examples]'" in done.stdout
    assert str(tmp_path) in done.stdout


# ------------------------------------------------------------------------- init and describe
@pytest.mark.parametrize("kind", ["observed", "randomised"])
def test_init_writes_a_study_that_can_be_described(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    done = run("study", "init", "mine.yaml", "--kind", kind)
    assert done.exit_code == 0, done.output
    assert "fingerpost study describe mine.yaml" in done.stdout
    assert run("study", "describe", "mine.yaml").exit_code == 0


def test_init_never_overwrites(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text("mine", encoding="utf-8")
    done = run("study", "init")
    assert done.exit_code == 1
    assert "stays as it is" in done.stderr
    assert (tmp_path / "study.yaml").read_text(encoding="utf-8") == "mine"


def test_init_of_no_kind_ends_with_two_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("study", "init", "--kind", "observd")
    assert done.exit_code == 2
    assert 'Did you mean "observed"?' in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_describe_opens_no_records(tmp_path):
    tiny = write_tiny_study(tmp_path)
    tiny.table.unlink()
    done = run("study", "describe", str(tiny.study))
    assert done.exit_code == 0
    assert "Made alike on" in done.stdout


def test_describe_as_sql_gives_queries_that_duckdb_takes(tmp_path):
    tiny = write_tiny_study(tmp_path)
    text = tiny.study.read_text(encoding="utf-8")
    text = text.replace("arms:", "population: [{column: age, at_least: 0}]\narms:", 1)
    tiny.study.write_text(text, encoding="utf-8")
    done = run("study", "describe", str(tiny.study), "--sql")
    assert done.exit_code == 0, done.output
    assert "age" in done.stdout and "SELECT" in done.stdout
    assert done.stdout.count("-- ") == done.stdout.count(";\n")


def test_describe_looks_up_columns_in_the_records_named(tmp_path):
    tiny = write_tiny_study(tmp_path)
    text = tiny.study.read_text(encoding="utf-8").replace("[need, age]", "{all_but: [age]}")
    tiny.study.write_text(text, encoding="utf-8")
    done = run("study", "describe", str(tiny.study), "--records", str(tiny.table))
    assert done.exit_code == 0, done.output
    assert "1 thing: need" in done.stdout
    wrong = run("study", "describe", str(tiny.study), "--records", str(tmp_path / "gone.csv"))
    assert wrong.exit_code == 1


# ------------------------------------------------------------------------------------- demo
def test_demo_without_its_tables_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demonstration, "find_spec", lambda name: None)
    done = run("demo")
    assert done.exit_code == 1
    assert "pip install '.[examples]'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_demo_names_the_table_that_is_not_here(tmp_path, monkeypatch):
    monkeypatch.setenv("FINGERPOST_SHARED", str(tmp_path))
    stories, absent = demonstration.to_run(tmp_path)
    names = ["cleft", "nhefs", "lalonde-trial", "lalonde-survey"]
    assert [story.name for story in stories] == names
    assert "ECLS-K" in absent and str(tmp_path) in absent


@pytest.mark.parametrize("below", ["", "data"])
def test_real_data_is_found_where_it_is_said_to_be(tmp_path, monkeypatch, below):
    folder = tmp_path / below / "eclsk_special_education"
    folder.mkdir(parents=True)
    monkeypatch.setenv("FINGERPOST_SHARED", str(tmp_path))
    assert real_data()[0] == folder
    stories, absent = demonstration.to_run(tmp_path)
    assert [story.name for story in stories[:2]] == ["cleft", "eclsk"] and absent == ""


def test_demo_opens_with_provision_in_an_england_made_for_it(tmp_path, monkeypatch):
    """The study asks the England that is built beside the reports, and finds it there again."""
    from fingerpost.england import build as building
    from fingerpost.records.writing import read_manifest

    monkeypatch.setattr(building, "USUAL_CLEFTS", 30)
    monkeypatch.setattr(demonstration, "CHILDREN", 100)
    stories, _ = demonstration.to_run(tmp_path)
    assert stories[0].records == tmp_path / demonstration.ENGLAND
    assert [story.check for story in stories if story.name in ("cleft", "eclsk")].count(True) == 0
    for _ in range(2):
        demonstration.make_england(tmp_path / demonstration.ENGLAND, quiet=True)
    made = read_manifest(tmp_path / demonstration.ENGLAND)
    assert made.synthetic and made.options["boosts"] == {"cleft": 30}
    assert made.tables["child"]["rows"] == 130


def test_every_example_of_the_demo_is_there():
    assert find_spec("causaldata") is not None
    own = (demonstration.CLEFT_STORY, demonstration.ECLSK_STORY)
    for story in (*demonstration.STORIES, *own):
        assert example(story.study).is_file()


def test_examples_in_the_package_go_first(tmp_path, monkeypatch):
    inside = tmp_path / "site" / "package" / "examples" / "nhefs"
    inside.mkdir(parents=True)
    (inside / "study.yaml").write_text("", encoding="utf-8")
    monkeypatch.setattr("fingerpost.cli._examples.FOLDER", inside.parents[1])
    assert example("nhefs/study.yaml") == inside / "study.yaml"
    with pytest.raises(fingerpost.core.errors.FingerpostError, match="did not come"):
        example("nowhere/study.yaml")


def test_the_trial_and_its_reanalysis_ask_the_same_question():
    """`study compare` in the demonstration needs the same outcome and contrast in both files."""
    from fingerpost.studies.document import read_study

    trial, survey = (read_study(example(f"lalonde/{name}.yaml")) for name in ("trial", "study"))
    assert [each.name for each in trial.outcomes] == [each.name for each in survey.outcomes]
    assert trial.estimand.contrasts == survey.estimand.contrasts
    assert json.dumps(trial.arms.names) == json.dumps(survey.arms.names)


def test_paths_are_shown_from_here(tmp_path, monkeypatch):
    from fingerpost.cli._screen import shown

    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "build" / "x") == "build/x"
    assert shown(Path("/elsewhere/x")) == "/elsewhere/x"
