"""Reports know no leaf by its name: what a leaf is told of comes from its descriptor and from what
its tables say of themselves, so that a leaf installed from outside is treated like our own.
"""

from __future__ import annotations

import ast
import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import fingerpost
from fingerpost.cohorts.table import read_records
from fingerpost.core import leaves as known
from fingerpost.core.errors import FingerpostError
from fingerpost.core.estimand import SUMMARIES, TARGETS, Target
from fingerpost.core.output import Output
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import SensitivitySpec
from fingerpost.core.table import Table
from fingerpost.core.tells import ROLES, Tells
from fingerpost.release.clear import clear
from fingerpost.reports.refusals import sensitivity_refusals
from fingerpost.reports.sections import balance, leaves
from fingerpost.reports.signs import signs
from fingerpost.reports.tables import long_csv, shelf
from fingerpost.reports.told import told
from fingerpost.reports.words import reasons
from fingerpost.reports.write import title_of
from fingerpost.studies.document import read_study
from fingerpost.studies.run import run

SOURCE = Path(fingerpost.__file__).parent
ROOMS = ("reports", "plots", "release")
# Words that are names of leaves too: columns of tables, tables of the study, keys of files.
WORDS = {
    ("parts.py", "e_value"),
    ("strength.py", "e_value"),
    ("results.py", "within"),
    ("agreeing.py", "within"),
    ("imputed.py", "imputation"),
    ("pack.py", "did"),
}


# ------------------------------------------------------------------------------ no names
def quoted(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_quotes_the_name_of_a_leaf(room: str) -> None:
    """Kinds of target and summaries are words of the language, whichever leaf answers them."""
    named = {*known.names("estimators"), *known.names("sensitivity")} - {*TARGETS, *SUMMARIES}
    found = {
        (path.name, text)
        for path in (SOURCE / room).rglob("*.py")
        for text in quoted(path)
        if text in named
    }
    assert found <= WORDS


@pytest.mark.parametrize("room", ROOMS)
def test_every_role_that_a_report_asks_for_is_one(room: str) -> None:
    asked = [
        node.args[0].value
        for path in (SOURCE / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "plays"
        and isinstance(node.args[0], ast.Constant)
    ]
    assert set(asked) <= set(ROLES)


def test_a_role_that_nobody_knows_is_refused() -> None:
    with pytest.raises(FingerpostError, match='the role "hiden bias"'):
        Tells("hiden bias")


def test_a_table_without_the_columns_of_its_part_plays_none() -> None:
    table = Table("t", "T", ("gamma",), ("number",), ((1.0,),), tells=Tells("hidden bias"))
    assert not table.plays("hidden bias")
    whole = replace(table, columns=("estimator", "contrast", "target", "gamma", "p"))
    assert whole.plays("hidden bias") and not whole.plays("selection")


# ---------------------------------------------------------------------- a leaf from outside
@pytest.fixture(scope="module")
def output() -> Iterator[Output]:
    """A study answered by leaves of another package, found as installed packages bring them."""
    brought = {
        room: (EntryPoint(name, "units.reports.outside", f"fingerpost.{room}"),)
        for room, name in (("estimators", "zz_gate"), ("sensitivity", "zz_far"))
    }
    file = SOURCE.parents[1] / "examples" / "methods" / "tipping_point.yaml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known, "_brought", lambda room: brought.get(room, ()))
        study = read_study(file)
        study = replace(
            study,
            name="a-zzg-of-support",
            estimators=("zz_gate",),
            options=(("zz_gate", (("gate", "school gate"), ("wind", "the west"))),),
            sensitivity=(SensitivitySpec("zz_far"),),
            estimand=replace(study.estimand, targets=(Target("association"),)),
        )
        yield clear(run(study, read_records(study.records, base=file.parent)))


def test_its_options_are_told_in_its_own_words(output: Output) -> None:
    (words,) = told(output)
    assert words == "Zz_gate: children are counted at the school gate; wind: the west."


def test_its_abbreviation_has_capitals_in_a_title(output: Output) -> None:
    assert title_of(output) == "A ZZG of support"


def test_what_it_finds_against_itself_is_on_the_first_page(output: Output) -> None:
    assert any("not as many just on one side of the cut-off" in words for words in signs(output))


def test_its_tables_stand_under_its_heading(output: Output) -> None:
    parts = leaves.section(output).parts
    headings = [part.text for part in parts if part.kind == "heading"]
    assert headings == ["Comparison at the gate (ZZG)"]
    assert {part.csv for part in parts if part.kind == "grid"} == {"zz_ends", "zz_rungs"}


def test_it_is_not_said_to_adjust(output: Output) -> None:
    first = output.results[0]
    primary = replace(first, term=first.term.on(Target("ate")), primary=True)
    assert not balance.weighted(replace(output, results=(primary,)))
    assert balance.weighted(replace(output, results=(primary,), leaves=()))


def test_its_numbers_have_keys_and_units(output: Output) -> None:
    lines = list(csv.DictReader(io.StringIO(long_csv(shelf(output)["zz_rungs"], output.study))))
    assert [(line["rung"], line["quantity"], line["unit"]) for line in lines] == [
        (rung, quantity, unit)
        for rung in ("0.25", "0.5")
        for quantity, unit in (("mean", "points"), ("ease", "steps of ease"))
    ]


def test_its_bounds_are_a_sentence(output: Output) -> None:
    (words,) = [text for text in reasons(output) if "Survivor bounds" in text]
    assert "from −1.50 to 4.25 points (can be either way)" in words


def test_its_refusals_call_it_by_its_short_name(output: Output) -> None:
    term = output.results[0].term
    rule = Broken("no answer", "this leaf can answer", 0.0, 0.0, "the gate is shut")
    (analysis,) = output.sensitivity
    refused = replace(analysis, refusals=(Refusal((term,), (rule,), "", leaf="zz_far"),))
    (words,) = sensitivity_refusals(replace(output, sensitivity=(refused,)))
    assert words.startswith("The reach of the gate could not be answered")
