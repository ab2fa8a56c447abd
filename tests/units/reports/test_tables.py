"""The files beside a report: long, in full, with units, and never an effect of a refused target."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.reports.parts import grid, places_of_column, stacked
from fingerpost.reports.tables import long_csv, parted, shelf
from fingerpost.reports.units import key_columns, unit_named
from units.reports.fixtures import ATT, OUTPUTS, clean, leaf_refused, named, refused


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_number_of_every_table_is_filed_in_full(name):
    output = OUTPUTS[name]()
    for file, tables in shelf(output).items():
        lines = read(long_csv(tables, output.study))
        if not lines or "value" not in lines[0]:
            continue
        numbers = sum(
            kind not in ("label", "flag") and column not in key_columns(table)
            for table in tables
            for column, kind in zip(table.columns, table.kinds, strict=True)
            for _ in table.rows
        )
        assert len(lines) == numbers, file
        assert all(line["unit"] for line in lines if line["value"]), file
        assert {line["unit"] for line in lines} & {"as named"} == set(), file


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_line_of_a_file_is_told_apart_by_its_labels(name):
    """A number that says what a row is of, such as a percentile, stands among the labels."""
    output = OUTPUTS[name]()
    for file, tables in shelf(output).items():
        lines = read(long_csv(tables, output.study))
        if not lines or "value" not in lines[0]:
            continue
        said = [tuple(text for key, text in line.items() if key != "value") for line in lines]
        assert len(said) == len(set(said)), file


def test_numbers_read_back_bit_for_bit():
    table = Table("t", "T", ("arm", "mean"), ("label", "number"), (("a", 0.1 + 0.2), ("b", 1e-17)))
    assert [float(line["value"]) for line in read(long_csv((table,), refused().study))] == [
        0.1 + 0.2,
        1e-17,
    ]


def test_tables_of_one_name_share_a_file_and_keep_their_tags():
    lines = read(long_csv(shelf(refused())["balance"], refused().study))
    assert {line["target"] for line in lines} == {"ate", "att", "overlap", "ate trimmed 0.01"}
    assert {line["unit"] for line in lines if line["quantity"] == "smd_after"} == {
        "standard deviations"
    }


def test_a_cell_that_holds_a_comma_or_a_quote_survives():
    table = Table("t", "T", ("arm", "n"), ("label", "count"), (('a, "b"', 3),))
    (line,) = read(long_csv((table,), refused().study))
    assert (line["arm"], line["value"], line["unit"]) == ('a, "b"', "3", "children")


def test_effects_of_refused_targets_are_parted_from_the_rest():
    output = refused()
    kept = named(output, "truncation")[0]
    assert kept.tag("target") == "att"
    apart = replace(kept, tags=(*kept.tags[:2], ("target", "ate")))
    assert [t.name for t in parted(output, apart)] == ["model_extrapolation_truncation"]
    assert [t.name for t in parted(output, kept)] == ["truncation"]
    assert [t.name for t in parted(clean(), apart)] == ["truncation"]


def test_the_arm_spelt_out_is_known_for_the_refused_target():
    """`received services` is `att` of services v none: refused together."""
    output = refused()
    refusal = replace(output.refusals[0], terms=tuple(t.on(ATT) for t in output.refusals[0].terms))
    means = Table(
        "means",
        "Means",
        ("estimator", "target", "arm", "mean"),
        ("label", "label", "label", "number"),
        (("ipw", "received services", "none", 1.0), ("ipw", "received none", "none", 2.0)),
        tags=(("outcome", "maths"),),
    )
    found = parted(replace(output, refusals=(refusal,)), means)
    assert [(t.name, len(t.rows)) for t in found] == [
        ("means", 1),
        ("model_extrapolation_means", 1),
    ]
    assert found[1].rows[0][1] == "received services"


def test_means_of_refused_targets_are_filed_apart():
    """Whatever table of effects names a refused target, its rows stand apart."""
    output = refused()
    rows = tuple(("ipw", target, arm, 1.0) for target in ("ate", "att") for arm in ("a", "b"))
    kinds = ("label", "label", "label", "number")
    means = Table("means", "Means", ("estimator", "target", "arm", "mean"), kinds, rows)
    filed = shelf(replace(output, tables=(means,)))
    assert {row[1] for table in filed["means"] for row in table.rows} == {"att"}
    apart = filed["model_extrapolation_means"]
    assert {row[1] for table in apart for row in table.rows} == {"ate"}


def test_stacking_keeps_every_row_and_names_what_differs():
    tables = [t for t in refused().tables if t.name == "weights"]
    one = stacked(tables)
    assert one.columns[0] == "target"
    assert len(one.rows) == sum(len(t.rows) for t in tables)
    assert one.tag("outcome") == "maths"


def test_a_long_label_that_never_changes_is_said_once():
    words = "the same long explanation in every row"
    table = Table("t", "T", ("arm", "how"), ("label", "label"), (("a", words), ("b", words)))
    shown = grid(table)
    assert shown.columns == ("Arm",)
    assert words in shown.note


def test_rows_left_out_of_the_page_are_said_to_be_in_the_file():
    table = Table("t", "T", ("n",), ("count",), tuple((at,) for at in range(100)))
    shown = grid(table, most=10)
    assert len(shown.rows) == 10
    assert "The first 10 of 100 rows; all are in the file." in shown.note


@pytest.mark.parametrize(
    ("cells", "places"),
    [
        ((1.5, 2.25), 2),
        ((30.0, 100.0), 0),
        ((0.1, 0.25), 2),
        ((0.00001, 5.0), None),
        ((None, "x"), None),
    ],
)
def test_a_column_is_shown_at_one_number_of_decimals(cells, places):
    assert places_of_column(cells) == places


def test_leaves_without_an_answer_are_filed_apart_from_refused_targets():
    output = leaf_refused()
    filed = shelf(output)
    assert "refusals" not in filed
    lines = read(long_csv(filed["leaf_refusals"], output.study))
    told = {(line["leaf"], line["outcome"], line["contrast"], line["target"]) for line in lines}
    question = ("subclassification", "maths", "services v none")
    assert told == {(*question, "overlap"), (*question, "att")}
    assert all("strata of the score hold no child" in line["why"] for line in lines)
    assert {name for name in filed if "extrapolation" in name} == set()


WORDS = ("estimator", "outcome", "contrast", "target")
NUMBERS = (
    (Tells(keys=("to",), answers=("value", "away")), ("tipped", "value", "to", "away", "away_sd")),
    (
        Tells(answers=("estimate", "median", "lo", "lo_with_error")),
        ("biases", "estimate", "median", "lo", "lo_with_error"),
    ),
    (Tells(keys=("piece",), answers=("lo", "hi")), ("scale", "piece", "lo", "hi", "p")),
)


@pytest.mark.parametrize(("tells", "columns"), NUMBERS)
@pytest.mark.parametrize("scale", ["ratio", "difference"])
def test_an_answer_is_in_the_unit_of_its_scale(tells, columns, scale):
    """A ratio is a ratio, whatever the outcome is measured in; standard deviations are neither."""
    study = refused().study
    study = replace(study, estimand=replace(study.estimand, scale=scale))
    kinds = tuple("label" if c in ("tipped", "biases", "scale") else "number" for c in columns)
    cells = tuple(
        scale if c == "scale" else 1.5 if k == "number" else "x"
        for c, k in zip(columns, kinds, strict=True)
    )
    row = ("ipw", study.outcomes[0].name, "services v none", "ate", *cells)
    names = (*WORDS, *columns)
    table = Table("t", "T", names, (*("label",) * 4, *kinds), (row,), tells=tells)
    (record,) = table.records()
    units = {c: unit_named(table, c, record, study) for c in columns if c not in key_columns(table)}
    own = "ratio" if scale == "ratio" else "IRT points"
    told = {"value", "away", "estimate", "median", "lo", "hi", "lo_with_error"} & set(units)
    assert {units[column] for column in told} == {own}
    assert units.get("away_sd", "standard deviations of the outcome").startswith("standard dev")
    assert units.get("p", "probability") == "probability"


def test_the_ends_of_a_histogram_are_no_outcome():
    columns = ("of", "arm", "lo", "hi", "children")
    table = Table(
        "overlap",
        "T",
        columns,
        ("label", "label", "number", "number", "count"),
        (("a", "a", 0.0, 0.05, 3), ("a", "a", 0.05, 0.1, 4)),
        tells=Tells(keys=("lo", "hi")),
    )
    lines = read(long_csv((table,), clean().study))
    assert [(line["lo"], line["hi"], line["value"]) for line in lines] == [
        ("0.0", "0.05", "3"),
        ("0.05", "0.1", "4"),
    ]
