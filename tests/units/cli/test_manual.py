"""What the manual says is so: its commands run, its tables are the code's own."""

from __future__ import annotations

import csv
import doctest
import re
import shlex
import shutil
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from typer.testing import CliRunner

from fingerpost.cli._faults import BUG, STOPPED
from fingerpost.cli.main import app
from fingerpost.core.leaves import Estimator, Sensitivity, menu
from fingerpost.core.study import Guard
from fingerpost.engines._shared import SUFFIXES

pytestmark = pytest.mark.usefixtures("undrawn")
ROOT = Path(__file__).resolve().parents[3]
MANUAL = ROOT / "docs" / "manual"
PAGES = sorted([ROOT / "README.md", ROOT / "docs" / "index.md", *MANUAL.rglob("*.md")])
LEAVES = {
    # Leaves over panels answer of roll-outs, which pages of their own are about.
    "estimators": {
        name: leaf for name, leaf in menu("estimators", Estimator).items() if leaf.takes == "cohort"
    },
    "sensitivity": {
        name: leaf
        for name, leaf in menu("sensitivity", Sensitivity).items()
        if leaf.takes == "cohort"
    },
}
NAMES = [(room, name) for room, leaves in LEAVES.items() for name in leaves]


def commands(page: Path) -> list[str]:
    """Return the commands of a page's console blocks, in order."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_the_commands_of_getting_started_run(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    found = commands(MANUAL / "getting-started.md")
    assert len(found) >= 8
    for command in found:
        program, *words = shlex.split(command)
        assert program == "fingerpost"
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, f"{command}\n{done.output}"
    assert (tmp_path / "build" / "nhefs" / "report.html").is_file()
    assert (tmp_path / "build" / "nhefs" / "report-tables").is_dir()
    assert (tmp_path / "build" / "nhefs" / "results.json").is_file()


@cache
def helped(verbs: tuple[str, ...]) -> int:
    """Return the exit code of a command's help, asked for once however often it is quoted."""
    return CliRunner().invoke(app, [*verbs, "--help"]).exit_code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_command_is_quoted_that_does_not_exist(page):
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"```(?:sh|console)?\n(.*?)```", text, re.DOTALL)
    code = "\n".join([*fenced, *re.findall(r"`([^`\n]+)`", text)])
    for words in re.findall(r"^(?:\$ )?fingerpost (.+)$", code, re.MULTILINE):
        verbs = [word for word in words.split() if re.fullmatch("[a-z]+", word)]
        found = verbs[:2] if verbs[0] == "study" else verbs[:1]
        assert helped(tuple(found)) == 0, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        assert "://" not in link
        assert (page.parent / link).exists(), link


def script(name: str) -> ModuleType:
    """Return a script of the project as a module."""
    folder = str(ROOT / "scripts")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return import_module(name)


@pytest.fixture(scope="module")
def ran():
    """Return the run of every leaf's worked example, once for all tests."""
    return script("_manual_runs").run_examples([name for _, name in NAMES])


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language on a page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)\n```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("room", "name"), NAMES)
def test_every_leaf_has_a_page_and_an_example_that_runs(room, name, ran):
    page, leaf = MANUAL / room / f"{name}.md", LEAVES[room][name]
    study = script("_manual_runs").example(name).read_text(encoding="utf-8")
    assert ran[name].code == 0
    assert page.read_text(encoding="utf-8").startswith(f"# {leaf.title}\n")
    assert study.strip() in blocks(page, "yaml")
    assert commands(page) == [ran[name].command]
    assert blocks(page, "text") == [ran[name].printed]
    assert len(study.splitlines()) <= 25
    chosen = re.search(rf"^{room}:.*?(?=^[a-z]|\Z)", study, re.DOTALL | re.MULTILINE)
    assert chosen is not None and re.search(rf"\b{name}\b", chosen[0])


def test_pages_written_from_the_leaves_are_current(ran):
    written = script("manual").pages(ran)
    for name, text in written.items():
        assert (MANUAL / name).read_text(encoding="utf-8") == text, f"{name}: run `make manual`"
    here = [path.relative_to(MANUAL) for room in LEAVES for path in MANUAL.glob(f"{room}/*")]
    assert {path.as_posix() for path in here} <= set(written)


def test_figures_are_shown_as_their_examples_say():
    found = doctest.testmod(script("_manual_words"))
    assert found.attempted and not found.failed


def test_the_menus_link_to_every_leaf():
    for room, leaves in LEAVES.items():
        text = (MANUAL / f"{room}.md").read_text(encoding="utf-8")
        assert [name for name in leaves if f"({room}/{name}.md)" not in text] == []


def test_which_names_every_leaf_and_says_what_each_estimator_takes_on_trust():
    text = (MANUAL / "which.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| [")]
    for room, leaves in LEAVES.items():
        said = [row for row in rows if f"({room}/" in row[0]]
        assert sorted(re.findall(r"`(\w+)`", row[0])[0] for row in said) == sorted(leaves)
        assert all(len(row) == 3 and all(row) for row in said)


def test_what_nothing_tests_is_said_to_be_believed():
    words = script("_manual_words")
    for name, leaf in LEAVES["estimators"].items():
        text = (MANUAL / "estimators" / f"{name}.md").read_text(encoding="utf-8")
        assert text.count("Nothing tests it") == sum(not each.diagnostic for each in leaf.assumes)
        for each in leaf.assumes:
            assert each.words.rstrip(".") in text
            if not each.diagnostic:
                assert set(words.bearing(name, leaf, each)) <= set(LEAVES["sensitivity"])


# What scripts/children.py makes true of every child, or of all of them together.
TRUE = {"maths": 3.0, "maths_again": 3.0, "reading": 3.0, "spelling": 4.0, "absences": 0.8}


def test_the_example_over_time_is_beside_the_truth_of_its_england(ran):
    [found] = [
        each
        for each in ran["time_varying"].results["estimates"]
        if each["estimator"] == "time_varying" and each["outcome"] == "unauthorised_absence"
    ]
    assert holds(found, 0.86)


def holds(row: dict[str, float], truth: float, *, ends: tuple[str, str] = ("lo", "hi")) -> bool:
    """Return whether an interval holds the truth."""
    return row[ends[0]] <= truth <= row[ends[1]]


# What scripts/children_of_trials.py makes true of the contrasts that its examples ask.
OF_TRIALS = {
    "regime_means": 1 + 0.5 * 4,
    "q_learning": 1 + 0.5 * 4,
    "dose_response": 20 * 0.8 * 0.15,
    "chosen_arm": 2.5,
    "surrogate_index": 2 * 0.8 + 2 * 0.5,
}
# Held to what is true by tests of their own.
ELSEWHERE = {"naive", "incremental", "time_varying", *OF_TRIALS}


@pytest.mark.parametrize("name", sorted(OF_TRIALS))
def test_examples_of_trials_of_other_shapes_find_what_is_true(name, ran):
    [found] = [each for each in ran[name].results["estimates"] if each["estimator"] == name]
    assert holds(found, OF_TRIALS[name])


@pytest.mark.parametrize("name", sorted(set(LEAVES["estimators"]) - ELSEWHERE))
def test_examples_of_estimators_find_what_is_true(name, ran):
    study = script("_manual_runs").example(name).read_text(encoding="utf-8")
    column = re.findall(r"column: (\w+)", study)[1]
    found = [each for each in ran[name].results["estimates"] if each["estimator"] == name]
    if not found:  # a set of values, in one piece
        regions = [each for each in ran[name].results["regions"] if each["estimator"] == name]
        found = [
            {**each, "lo": each["pieces"][0][0], "hi": each["pieces"][0][1]} for each in regions
        ]
    words = script("children").truths().get(column, "")
    numbers = [float(number) for number in re.findall(r"\d+\.\d+", words)]
    truth = {
        "secure": [numbers[0] / 100] if column == "secure" else [],
        "months": [-each / 100 for each in numbers[1:]] if column == "months" else [],
    }.get(column, [TRUE.get(column, 0.0)])
    if "arms: {column: visited" in study:  # a visit moves maths by what it does to support, times 3
        truth = [
            float(re.findall(r"by (-?\d+\.\d+) points", script("_manual_truths").of_visits())[0])
        ]
    assert found
    for each, true in zip(found, truth * len(found) if len(truth) == 1 else truth, strict=True):
        assert holds(each, true), (each["target"], true)


def test_examples_of_sensitivity_analyses_that_correct_find_what_is_true(ran):
    def row(name: str, table: str) -> dict[str, float]:
        return ran[name].results["sensitivity"][name]["tables"][table][0]["rows"][0]

    calibrated = row("calibration", "calibration")
    assert holds(row("proximal", "proximal"), 3.0)
    assert holds(row("prior_outcome", "prior_outcome_corrected"), 3.0)
    assert holds(calibrated, 3.0, ends=("calibrated_lo", "calibrated_hi"))
    assert not holds(calibrated, 3.0)  # the answer as asked, which severity spoils


def test_the_incremental_example_is_three_times_the_share_newly_supported(ran):
    curve = ran["incremental"].results["diagnostics"]["incremental_curve"][0]["rows"]
    provided = {row["delta"]: row["provided"] for row in curve}
    [found] = ran["incremental"].results["estimates"]
    assert holds(found, 3.0 * (provided[2.0] - provided[1.0]))


def test_the_instrument_finds_what_the_regression_misses(ran):
    by = {each["estimator"]: each for each in ran["iv"].results["estimates"]}
    assert by["regression"]["hi"] < 3.0 < by["iv"]["hi"]


def test_the_made_up_children_are_those_of_the_script():
    children = script("children")
    with children.FILE.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == children.rows(), "run scripts/children.py"


def test_the_made_up_children_of_trials_are_those_of_the_script():
    trials = script("children_of_trials")
    with trials.FILE.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == trials.rows(), "run scripts/children_of_trials.py"


def test_what_is_said_to_be_true_of_chances_comes_out_when_they_are_drawn():
    children, r, times = script("children"), np.random.default_rng(7), 200
    found, said = children.children(), children.truths()

    def maths(arm: int) -> float:
        noise = r.normal(0, 6, (times, len(found["need"])))
        return 100 * float((50 + found["measured"] + 3 * arm + noise >= 50).mean())

    def left(arm: int) -> np.ndarray:
        mean = 1 / (0.02 * np.exp(0.3 * found["need"] + np.log(0.6) * arm))
        drawn = r.exponential(mean, (times, mean.size))
        return 100 * np.array([(drawn <= by).mean() for by in (12, 24)])

    secure, secure_ratio = map(float, re.findall(r"\d+\.\d+", said["secure"]))
    treated, not_treated = maths(1), maths(0)
    assert treated - not_treated == pytest.approx(secure, abs=0.4)
    assert treated / not_treated == pytest.approx(secure_ratio, abs=0.015)
    fewer = [float(number) for number in re.findall(r"\d+\.\d+", said["months"])][1:]
    assert list(left(0) - left(1)) == pytest.approx(fewer, abs=0.4)


def guard_rows() -> dict[str, tuple[str, str]]:
    """Return the manual's thresholds by rule: refused, warned."""
    text = (MANUAL / "guard-rails.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    return {row[0].strip(): (row[2].strip(), row[3].strip()) for row in rows if len(row) == 4}


def numbers(words: str) -> list[float]:
    """Return the numbers in a cell; percentages as shares."""
    found = re.findall(r"(\d+(?:\.\d+)?)(%?)", words)
    return [float(value) / 100 if percent else float(value) for value, percent in found]


def test_the_thresholds_in_the_manual_are_those_of_the_code():
    guard, rows = Guard(), guard_rows()
    expected = {
        "children": ([guard.refuse_children], []),
        "clusters": ([guard.refuse_clusters], []),
        "events": ([guard.refuse_events], [guard.warn_events]),
        "effective size": (
            [guard.refuse_effective_size],
            [guard.warn_effective_size, guard.warn_effective_fraction],
        ),
        "largest child": ([guard.refuse_child_share], [guard.warn_share]),
        "largest cluster": ([guard.refuse_cluster_share], [guard.warn_share]),
        "balance": ([guard.refuse_smd], [guard.warn_smd]),
        "outside support": ([guard.refuse_outside], [guard.warn_outside]),
    }
    for rule, (refused, warned) in expected.items():
        assert numbers(rows[rule][0]) == pytest.approx(refused), rule
        assert numbers(rows[rule][1]) == pytest.approx(warned), rule


def test_every_form_of_table_is_in_the_manual():
    text = (MANUAL / "records-tables.md").read_text(encoding="utf-8")
    assert [suffix for suffix in SUFFIXES if f"`{suffix}`" not in text] == []


def test_exit_codes_are_in_the_manual():
    text = (MANUAL / "getting-started.md").read_text(encoding="utf-8")
    for code in (0, 1, 2, 3, 4, BUG, STOPPED):
        assert f"\n| {code} | " in text


def test_the_picture_has_words():
    picture = (ROOT / "docs" / "assets" / "triangulation-eclsk.svg").read_text(encoding="utf-8")
    assert "<title" in picture and "<desc" in picture
    assert "refused" in picture
