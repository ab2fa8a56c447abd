"""results.json: every number of an output, in full, under the published schema."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jsonschema
import pytest

from fingerpost.reports.results import results, schema, write_results
from units.reports.fixtures import (
    OUTPUTS,
    clean,
    leaf_refused,
    ratio,
    refused,
    regions,
    synthetic,
    three_arms,
)

MANUAL = Path(__file__).resolve().parents[3] / "docs" / "manual" / "results-json.md"
PROMISED = [
    "study",
    "status",
    "estimates",
    "covariance",
    "regions",
    "refusals",
    "extrapolations",
    "diagnostics",
    "sensitivity",
    "provenance",
]
PROMISED_OF_ESTIMATES = [
    "estimator",
    "outcome",
    "contrast",
    "target",
    "summary",
    "scale",
    "horizon",
    "subgroup",
    "exposure_time",
    "conditional",
    "value",
    "se",
    "lo",
    "hi",
    "level",
    "interval",
    "df",
    "n",
    "clusters",
    "warnings",
]


def keys_of(node: object) -> set[str]:
    """Return every property that a schema names."""
    found: set[str] = set()
    if isinstance(node, dict):
        found |= set(node.get("properties", {}))
        for child in node.values():
            found |= keys_of(child)
    elif isinstance(node, list):
        for child in node:
            found |= keys_of(child)
    return found


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_meets_the_schema(name):
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(results(OUTPUTS[name]()))


def test_the_schema_refuses_what_is_not_results():
    found = results(refused())
    found["estimates"][0]["value"] = "much"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(found)


def test_every_key_of_the_schema_is_in_the_manual():
    page = MANUAL.read_text(encoding="utf-8")
    assert [key for key in sorted(keys_of(schema())) if f"`{key}`" not in page] == []


def test_every_promised_key_is_there():
    found = results(refused())
    assert [key for key in PROMISED if key not in found] == []
    assert [key for key in PROMISED_OF_ESTIMATES if key not in found["estimates"][0]] == []


@pytest.mark.parametrize("make", [refused, clean, ratio, three_arms])
def test_numbers_survive_the_file_bit_for_bit(make, tmp_path):
    output = make()
    read = json.loads(write_results(output, tmp_path / "r.json").read_text("utf-8"))
    assert len(read["estimates"]) == len(output.results)
    for record, result in zip(read["estimates"], output.results, strict=True):
        told = (record["value"], record["se"], record["lo"], record["hi"])
        assert told == (result.value, result.se, result.lo, result.hi)
        assert record["target"] == result.term.target.label()
    assert [tuple(row) for row in read["covariance"]] == [tuple(row) for row in output.covariance]


def test_unbounded_and_not_a_number_are_null(tmp_path):
    read = json.loads(write_results(regions(), tmp_path / "r.json").read_text("utf-8"))
    assert read["regions"][0]["pieces"] == [[None, -2.1], [3.4, None]]
    assert read["regions"][1]["pieces"] == [[None, None]]
    assert read["regions"][2]["pieces"] == []
    assert (read["estimates"][0]["lo"], read["estimates"][0]["hi"]) == (None, 4.0)


def test_contrasts_carry_their_weights():
    found = results(three_arms())["estimates"]
    assert {record["contrast"] for record in found} == {
        "group help v none",
        "one to one v none",
        "one to one v group help",
    }
    for record in found:
        first, second = record["arms"]
        assert record["contrast"] == f"{first['arm']} v {second['arm']}"
        assert (first["weight"], second["weight"]) == (1.0, -1.0)


def test_refusals_say_what_was_measured():
    (record,) = results(refused())["refusals"]
    assert record["target"] == "ate"
    (refusal,) = refused().refusals
    assert [rule["measured"] for rule in record["rules"]] == [r.measured for r in refusal.rules]
    assert {rule["rule"] for rule in record["rules"]} >= {"largest child", "effective size"}
    assert "att" in record["mend"]
    assert record["leaf"] is None


def test_a_leaf_without_an_answer_is_told_apart_from_a_refused_target():
    found = results(leaf_refused())
    assert found["refusals"] == []
    assert {record["target"] for record in found["leaf_refusals"]} == {"overlap", "att"}
    assert {record["leaf"] for record in found["leaf_refusals"]} == {"subclassification"}
    assert found["leaf_refusals"][0]["rules"][0]["measured"] is None
    refused_there = found["sensitivity"]["negative_control"]["refusals"]
    assert {record["leaf"] for record in refused_there} == {"subclassification"}


def test_tables_of_one_name_keep_their_tags():
    found = results(refused())["diagnostics"]["balance"]
    assert [table["tags"]["target"] for table in found] == [
        "ate",
        "att",
        "overlap",
        "ate trimmed 0.01",
    ]
    assert len(found[0]["rows"]) == 6


def test_agreement_is_on_the_scale_of_the_estimates():
    found = results(ratio())
    assert found["agreement"]
    for record in found["agreement"]:
        values = [
            one["value"]
            for one in found["estimates"]
            if one["target"] == record["target"] and one["estimator"] in record["estimators"]
        ]
        assert (record["lo"], record["hi"]) == pytest.approx((min(values), max(values)))


def test_truth_is_told_only_where_it_is_known():
    assert results(refused())["truth"] == []
    assert results(synthetic())["truth"][0]["value"] == -2.5
    assert results(synthetic())["synthetic"] is True


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    output = refused(results=())
    monkeypatch.setattr("os.replace", refuse_to_move)
    with pytest.raises(OSError, match="full"):
        write_results(output, tmp_path / "r.json")
    assert list(tmp_path.iterdir()) == []


def refuse_to_move(*_: object) -> None:
    raise OSError("disk full")


def test_an_old_file_stands_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("old", encoding="utf-8")
    write_results(clean(), path)
    assert json.loads(path.read_text("utf-8"))["study"]["name"] == "asthma-plan"
    assert [each.name for each in tmp_path.iterdir()] == ["r.json"]


def test_no_number_is_infinite_or_nan_in_the_text(tmp_path):
    for name, make in OUTPUTS.items():
        text = write_results(make(), tmp_path / f"{name}.json").read_text("utf-8")
        json.loads(text, parse_constant=pytest.fail)
    assert math.isinf(regions().results[0].lo or 0)
