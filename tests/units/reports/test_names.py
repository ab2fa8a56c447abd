"""What tables and pictures are about: named in full, drawn once, and by a reader's names."""

from __future__ import annotations

import re
from dataclasses import replace

from fingerpost.core.study import Covariate
from fingerpost.reports.names import about, alike, first_open, labelled
from fingerpost.reports.parts import Figure
from fingerpost.reports.sections import answer, balance, estimates, overlap
from fingerpost.reports.tables import agreement_table
from units.reports.fixtures import clean, named, ratio, refused, three_arms, two_outcomes


def figures(parts) -> list[Figure]:
    return [part for part in parts if part.kind == "figure"]


def test_pictures_name_outcome_and_contrast_where_a_study_has_several():
    output = two_outcomes()
    table = named(output, "balance")[0]
    told = about(output, [table])
    assert str(table.tag("contrast")) in told
    assert "; " in told
    assert str(named(clean(), "balance")[0].tag("contrast")) not in about(
        clean(), named(clean(), "balance")[:1]
    )


def test_no_two_pictures_of_a_page_have_one_caption():
    output = two_outcomes()
    for section in (balance, overlap):
        drawn = figures(section.section(output).parts)
        captions = [(each.picture.title, each.note) for each in drawn]
        assert drawn
        assert len(set(captions)) == len(captions)


def test_tables_alike_are_drawn_once():
    table = named(clean(), "balance")[0]
    twin = replace(table, tags=(*table.tags, ("outcome", "another")))
    other = replace(table, rows=table.rows[:1])
    assert [len(group) for group in alike([table, twin, other])] == [2, 1]


def test_the_seventh_picture_is_folded():
    one = figures(balance.section(clean()).parts)[0]
    parts = first_open([one] * 20)
    assert [part.folded for part in figures(parts)] == [False] * 6 + [True] * 12
    assert "18 of 20" in parts[-1].text


def test_a_refused_target_has_no_love_plot():
    parts = balance.section(refused()).parts
    assert not any("(ate)" in each.picture.title for each in figures(parts))
    assert any(part.kind == "words" and "Not drawn, as refused" in part.text for part in parts)


def test_a_covariate_goes_by_its_label():
    output = clean()
    name = output.study.given[0]
    study = replace(output.study, covariates=(Covariate(name, label="as told at entry"),))
    cells = [
        str(row["covariate"])
        for table in labelled(replace(output, study=study)).tables
        if "covariate" in table.columns
        for row in table.records()
    ]
    assert any(cell.startswith("as told at entry") for cell in cells)
    assert not any(re.match(rf"{name}( |$)", cell) for cell in cells)


def test_agreement_is_filed_as_factors_on_the_ratio_scale():
    output = ratio()
    for row, found in zip(agreement_table(output).records(), output.agreements, strict=True):
        assert abs(row["apart"] * row["lo"] - row["hi"]) < 1e-9 * row["hi"]
        assert row["target"] == found.term.target.label()


def test_a_trial_analysed_as_drawn_is_not_said_to_be_weighted():
    parts = balance.section(three_arms()).parts
    assert "to be made alike" not in parts[0].text


def test_clusters_are_shown_where_the_variance_is_of_clusters():
    def last(output) -> set[str]:
        parts = estimates.section(output).parts
        return {p.columns[-1] for p in parts if p.kind == "grid" and p.csv == "estimates"}

    assert last(three_arms()) == {"Children"}
    assert "Clusters" in last(clean())


def test_three_questions_are_counted_and_not_corrected_for():
    assert "3 questions" in answer.multiplicity(three_arms())[0]
    assert answer.multiplicity(clean()) == ()
