"""Who benefits as a report tells it: verdicts, pictures in natural units, nothing small let out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fingerpost.core.estimand import Estimand
from fingerpost.core.output import Output
from fingerpost.core.study import Statement
from fingerpost.reports.parts import Bullets, Figure, Grid, Words
from fingerpost.reports.sections import benefits, leaves
from fingerpost.reports.signs import signs
from units.reports.fixtures import ATE, Shape, contrast_of, ran, study_of

SHAPE = Shape(
    "asthma admission", "", ("usual", "plan"), given=("age", "fsm"), kind="binary", drawn=True
)
RULE = (("dr_learner", (("learner", "linear"), ("rule", ("age",)))),)


@pytest.fixture(scope="module", params=["none", "ons_srs"])
def output(request: pytest.FixtureRequest) -> Output:
    """A trial in which nobody differs, by a policy that lets all out and by one that does not."""
    study = study_of(
        SHAPE,
        name="asthma-plan",
        estimand=Estimand((contrast_of(SHAPE),), (ATE,)),
        estimators=("naive", "dr_learner"),
        options=RULE,
        primary=("naive",),
        statement=Statement(),
        agreement=None,
        sensitivity=(),
        subgroups=(),
        release=request.param,
    )
    return ran(study, SHAPE)


def test_the_section_says_whether_children_tell_who_benefits(output: Output) -> None:
    assert benefits.asked(output)
    found = benefits.section(output)
    (bullets,) = (part for part in found.parts if isinstance(part, Bullets))
    (rate,) = (table for table in output.tables if table.name == "benefit_rate")
    verdict = str(rate.records()[0]["verdict"])
    assert verdict in bullets.items[0]
    assert "per 100 children" in bullets.items[0]
    cannot = [p for p in found.parts if isinstance(p, Words) and "cannot tell" in p.text]
    assert bool(cannot) == ("cannot tell" in verdict)
    assert any(verdict in text for text in signs(output))


def test_pictures_are_in_the_unit_of_the_outcome(output: Output) -> None:
    figures = [part for part in benefits.section(output).parts if isinstance(part, Figure)]
    sources = {figure.picture.source for figure in figures}
    assert sources == {"benefit_groups", "benefit_toc"}
    (table,) = (table for table in output.tables if table.name == "benefit_groups")
    shown = {
        round(one.value, 6)
        for figure in figures
        if figure.picture.source == "benefit_groups"
        for one in figure.picture.drawn
        if one.part == "point"
    }
    assert {round(100 * float(str(cell)), 6) for cell in table.column("estimate")} <= shown


def test_every_table_stands_in_the_section_and_in_no_other(output: Output) -> None:
    own = {table.name for table in output.tables if table.name.startswith("benefit_")}
    assert own == set(benefits.TABLES)
    grids = [part for part in benefits.section(output).parts if isinstance(part, Grid)]
    assert {grid.csv for grid in grids} == own
    assert not own & {table.name for table in leaves.unplaced(output)}


def test_words_of_groups_and_rules_pass_the_gate(output: Output) -> None:
    for name in benefits.TABLES:
        (table,) = (table for table in output.tables if table.name == name)
        assert not any("withheld" in str(cell) for row in table.rows for cell in row)


def test_an_output_without_the_learner_has_no_such_section(output: Output) -> None:
    rest = tuple(table for table in output.tables if table.name not in benefits.TABLES)
    assert not benefits.asked(replace(output, tables=rest))
