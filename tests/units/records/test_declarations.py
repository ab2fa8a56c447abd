"""The declarations against the standard's own account of itself, and against each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fingerpost.core.errors import FingerpostError
from fingerpost.records.declarations import TABLES
from fingerpost.records.declarations.health import DIAGNOSIS_COLUMNS, PROCEDURE_COLUMNS
from fingerpost.records.dictionary import as_markdown
from fingerpost.records.fields import SPELL, Checks, Field, TableSpec, table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "manual" / "data-dictionary.md"
ALL = list(TABLES.values())


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_every_table_says_when_it_holds_and_when_it_was_known(spec):
    assert spec.fields[-3:] == SPELL
    assert not spec.field("known_from").missing and spec.field("known_from").required


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_every_table_and_column_is_named_once_and_in_words(spec):
    assert len(set(spec.columns)) == len(spec.columns)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", spec.name)
    for field in spec.fields:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field.name)
        assert field.words and not field.words.endswith(".")
        assert len(set(field.allowed)) == len(field.allowed)
        assert field.low is None or field.low <= field.high


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_no_row_may_be_blank_in_the_child_it_is_about(spec):
    if spec.of_children:
        assert not spec.field("child_id").missing


def test_hospital_episodes_have_twenty_diagnoses_and_twenty_four_procedures():
    assert (len(DIAGNOSIS_COLUMNS), DIAGNOSIS_COLUMNS[-1]) == (20, "diag_20")
    assert (len(PROCEDURE_COLUMNS), PROCEDURE_COLUMNS[-1]) == (24, "opertn_24")
    assert set(DIAGNOSIS_COLUMNS) | set(PROCEDURE_COLUMNS) < set(TABLES["hes_apc"].columns)


def test_levels_of_every_era_are_allowed_codes():
    field = TABLES["school_census"].field("sen_provision")
    assert set(field.allowed) == set("NAPKSE") and field.missing


def test_a_table_that_names_an_undeclared_column_is_refused():
    with pytest.raises(FingerpostError, match="declares no column end_date"):
        table(
            "spell",
            "spell",
            Field("start_date", "date", "start"),
            key=(),
            words="Spells.",
            source="education",
            years=(2000, None),
            checks=Checks(order=(("start_date", "end_date"),)),
        )


def test_a_kind_nobody_knows_is_refused():
    with pytest.raises(FingerpostError, match='no kind "integer"'):
        Field("n", "integer", "a number")


def test_a_source_nobody_knows_is_refused():
    with pytest.raises(FingerpostError, match="no source"):
        TableSpec("t", "row", (), (), "Words.", "elsewhere", (2000, None))


def test_the_page_of_the_dictionary_is_current():
    assert PAGE.read_text(encoding="utf-8") == as_markdown(), "write it with `make manual`"
