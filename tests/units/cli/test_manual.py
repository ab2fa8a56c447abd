"""What the manual says is so: its commands run, its tables are the code's own."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from fingerpost.cli._faults import BUG, STOPPED
from fingerpost.cli.main import app
from fingerpost.core.leaves import Estimator, Sensitivity, menu
from fingerpost.core.study import Guard
from fingerpost.engines._shared import SUFFIXES

ROOT = Path(__file__).resolve().parents[3]
MANUAL = ROOT / "docs" / "manual"
PAGES = sorted([ROOT / "README.md", ROOT / "docs" / "index.md", *MANUAL.glob("*.md")])


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_is_quoted_that_does_not_exist(page):
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"```(?:sh|console)?\n(.*?)```", text, re.DOTALL)
    code = "\n".join([*fenced, *re.findall(r"`([^`\n]+)`", text)])
    for words in re.findall(r"^(?:\$ )?fingerpost (.+)$", code, re.MULTILINE):
        verbs = [word for word in words.split() if re.fullmatch("[a-z]+", word)]
        found = verbs[:2] if verbs[0] == "study" else verbs[:1]
        assert CliRunner().invoke(app, [*found, "--help"]).exit_code == 0, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        assert "://" not in link
        assert (page.parent / link).exists(), link


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    """Return scripts/manual.py as a module."""
    spec = importlib.util.spec_from_file_location("manual", ROOT / "scripts" / "manual.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["estimators.md", "sensitivity.md"])
def test_pages_written_from_the_leaves_are_current(writer, name):
    assert (MANUAL / name).read_text(encoding="utf-8") == writer.PAGES[name](), "run `make manual`"


def test_every_leaf_is_on_its_page():
    for page, room, kind in (
        ("estimators.md", "estimators", Estimator),
        ("sensitivity.md", "sensitivity", Sensitivity),
    ):
        text = (MANUAL / page).read_text(encoding="utf-8")
        for name, leaf in menu(room, kind).items():
            assert f"\n## {name}\n" in text
            assert leaf.title in text


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
