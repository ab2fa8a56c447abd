"""Studies of access as they are written, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from fingerpost.core.errors import Malformed
from fingerpost.studies.describe import describe
from fingerpost.studies.document import read_study, schema

ROOT = Path(__file__).resolve().parents[4]
EXAMPLE = ROOT / "examples" / "hope" / "equity.yaml"
HEAD = "study: a\nkind: access\nquestion: q?\n"


def fault(text: str) -> str:
    with pytest.raises(Malformed) as error:
        read_study("a.yaml", text=HEAD + text)
    return "\n".join(error.value.problems)


def test_the_example_is_read_whole() -> None:
    study = read_study(EXAMPLE)
    assert study.access is not None and study.linked is not None
    assert study.access.groups == ("sex", "fsm", "ethnicity", "first_language", "idaci_fifth")
    assert study.access.need == "severity_recorded" and study.cluster == "la"
    assert study.given[0] == "sex" and "severity_recorded" not in study.given
    assert study.linked.born == ("2003-09", "2008-08")
    assert [arm for arm, _ in study.linked.strategies] == ["none", "provided"]


def test_the_example_meets_the_schema() -> None:
    said = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    jsonschema.validate(said, schema())


def test_whoever_lacks_the_provision_that_counts_is_without_it() -> None:
    study = read_study("a.yaml", text=f"{HEAD}access: {{groups: [sex], provision: EHCP}}\n")
    assert study.linked is not None
    without, provided = (strategy.levels for _, strategy in study.linked.strategies)
    assert provided == ("ehcp", "special") and without == ("none", "support")


def test_what_belongs_to_effects_is_refused_by_name() -> None:
    told = fault("access: {groups: [sex]}\nestimators: [naive]\nestimand: {target: ate}\n")
    assert "estimators: belongs to studies of effects" in told
    assert "estimand: belongs to studies of effects" in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "access: is missing"),
        ("access: {need: severity_recorded}\n", "access.groups: is missing"),
        ("access: {groups: [sexx]}\n", 'Did you mean "sex"?'),
        ("access: {groups: [sex], given: [fmm]}\n", 'Did you mean "fsm"?'),
        ("access: {groups: [sex], need: severity}\n", "severity_recorded"),
        ("access: {groups: [sex], from: birht}\n", 'Did you mean "birth"?'),
        ("access: {groups: [sex], provision: SEN}\n", "Allowed: SEN Support, EHCP"),
        ("access: {groups: [sex], cluster: town}\n", "Allowed: child, school or la"),
        ("access: {groups: [sex], reliability: 2}\n", "access.reliability"),
        ("access: {groups: [sex], grup: 1}\n", "grup"),
        (
            "access: {groups: [sex], given: [severity_recorded], need: severity_recorded}\n",
            "is the need",
        ),
        ("access: {groups: [sex]}\npopulation: {phenotype: clefft}\n", 'Did you mean "cleft'),
        ("access: {groups: [sex]}\nfollow_up: {to: year six}\n", "end of year 6"),
    ],
)
def test_every_fault_says_what_is_allowed(text: str, words: str) -> None:
    assert words in fault(text)


def test_access_in_a_study_of_an_effect_is_refused() -> None:
    with pytest.raises(Malformed, match="belongs to studies of kind access"):
        read_study("a.yaml", text="study: a\nquestion: q?\naccess: {groups: [sex]}\n")


def test_it_is_described_as_what_it_is() -> None:
    told = describe(read_study(EXAMPLE))
    assert "Gaps by" in told and "deprivation of the area" in told
    assert "target trial" not in told.lower()
