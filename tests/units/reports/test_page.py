"""Pages of plans, draws and trials: what lies beside them, and the mark of made-up records."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.reports.page import write_page
from fingerpost.reports.parts import Section, Words, grid
from fingerpost.reports.trial_conduct import ConductPage, write_conduct

STUDY = Study("trial", "Does it help?")
MARK = "Synthetic."


def made_up(study: Study) -> Study:
    return replace(study, records=replace(study.records, synthetic=True))


@pytest.mark.parametrize("synthetic", [False, True])
def test_a_page_of_made_up_records_says_so_first(tmp_path: Path, synthetic: bool) -> None:
    table = Table("counts", "Counts", ("who", "n"), ("label", "count"), (("all", 3),))
    study = made_up(STUDY) if synthetic else STUDY
    page, *_ = write_page(
        tmp_path / "a b.html",
        study,
        title="T",
        sections=[Section("answer", "In short", (Words("Words."),))],
        tables=[table],
        footer="made by",
    )
    text = page.read_text(encoding="utf-8")
    assert (MARK in text) is synthetic
    assert "a%20b-tables" in text or "a b-tables" not in text
    assert (tmp_path / "a b-tables" / "counts.csv").is_file()


def test_conduct_of_a_made_up_trial_is_marked(tmp_path: Path) -> None:
    page = ConductPage("Conduct", ("It began.",))
    made = write_conduct(made_up(STUDY), (), page=page, path=tmp_path / "conduct.html")
    assert MARK in made[0].read_text(encoding="utf-8")
    plain = write_conduct(STUDY, (), page=page, path=tmp_path / "plain.html")
    assert MARK not in plain[0].read_text(encoding="utf-8")


def test_a_table_too_wide_for_a_screen_says_that_it_slides():
    """Words break and numbers do not, so that many columns of numbers need a wide screen."""
    few = Table("few", "Few", ("arm", "n"), ("label", "number"), (("none", 1.0),))
    columns = ("arm", *(f"number {at}" for at in range(12)))
    many = Table("many", "Many", columns, ("label",) + ("number",) * 12, (("none",) + (1.0,) * 12,))
    assert grid(few).slides == 0
    assert grid(many).slides == 55


def test_a_table_of_sentences_is_stacked_on_a_narrow_screen():
    """Slid sideways, a long cell would leave blank screens beside it; numbers stay in columns."""
    columns, kinds = ("item", "words"), ("label", "label")
    long = "Children in a state-funded school at the spring census of Year 1, born in a September."
    assert grid(Table("t", "T", columns, kinds, (("who", long),))).stacks
    assert not grid(Table("t", "T", columns, kinds, (("who", "children"),))).stacks
    assert not grid(Table("t", "T", columns, ("label", "number"), ((long, 1.0),))).stacks
