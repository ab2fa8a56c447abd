"""The published lists beside the project: read whole, with what their pages say of them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from fingerpost.core.errors import UsageError
from fingerpost.core.leaves import Phenotype, load
from fingerpost.phenotypes._codelist import NOTES, bare, read_file, read_list, read_notes
from fingerpost.phenotypes._eurocat import ANOMALIES, RULES, SEVERE_HEART, SYSTEMS, TERM_ONLY, codes
from fingerpost.phenotypes._lists import chosen, rules_of
from fingerpost.phenotypes._match import EMERGENCY
from fingerpost.phenotypes.code_list import PHENOTYPE
from units.phenotypes.stores import Store, birth, episode, found

pytestmark = pytest.mark.real_data
COUNTED = re.compile(r"^- `([a-z0-9_]+)\.csv`: (\d+) x (\d+)", re.MULTILINE)
UNHELD = {"births_zylb_v1", "homelessness_luchenski_v1", "multiple_still_births_zylb_v1"}


@pytest.fixture(scope="module")
def lists(request) -> Path:
    return request.getfixturevalue("shared_data") / "echild-codelists"


def counted(lists: Path) -> dict[str, tuple[int, int]]:
    text = (lists / "SOURCE.md").read_text(encoding="utf-8")
    return {name: (int(rows), int(columns)) for name, rows, columns in COUNTED.findall(text)}


def names(lists: Path) -> list[str]:
    return [name for name in counted(lists) if not name.endswith(NOTES)]


def test_every_file_has_the_rows_and_columns_that_its_source_says(lists):
    told = counted(lists)
    assert len(told) == 28 and set(told) == {path.stem for path in lists.glob("*.csv")}
    for name, (rows, width) in told.items():
        path = lists / f"{name}.csv"
        if name.endswith(NOTES):
            notes = read_notes(path)
            assert (len(notes), len(notes[0])) == (rows, width), name
            continue
        columns, held, _ = read_file(path, faults := [])
        assert (len(held), len(columns), faults) == (rows, width, []), name


def test_every_list_becomes_rules_or_says_what_it_needs(lists):
    for name in names(lists):
        whole = read_list(lists / f"{name}.csv")
        if name in UNHELD:
            with pytest.raises(UsageError, match="do not hold"):
                chosen(whole)
        rows = chosen(whole, fields=["diag", "opertn", "admimeth", "birweit", "gestat"])
        used = rules_of(whole, rows).rules
        found_codes = {(rule.field, code) for rule in used for code in rule.codes}
        assert found_codes == {(row.field, row.code) for row in rows if not row.below}, name


@pytest.mark.parametrize(
    ("name", "limits", "count"),
    [
        ("chc_hardelid_v1", {"stay": 3}, 215),
        ("chc_hardelid_v1", {"age_from": "10y"}, 26),
        ("neuro_zylbersztejn_v1", {"age_below": "28d"}, 11),
        ("neurodis_zylb_v1", {"age_below": "28d"}, 115),
        ("sevchd_gimeno_v1", {"age_below": "5y"}, 327),
        (
            "sevchd_gimeno_v1",
            {"age_below": "5y", "weight_above": 2500.0, "gestation_from": 37.0},
            8,
        ),
        ("anorectal_ford_v1", {"age_below": "1y"}, 41),
        ("ari_herbert_v1", {"emergency": True, "first_episode": True}, 195),
        ("srp_nichobhthaigh_v2", {"emergency": True, "first_position": True}, 145),
        ("births_zylb_v1", {"startage": (7001, 7002)}, 20),
    ],
)
def test_conditions_are_counted_as_published(lists, name, limits, count):
    rows = read_list(lists / f"{name}.csv").rows
    assert sum(dict(row.limits) == limits for row in rows) == count


def test_fields_are_counted_as_published(lists):
    rows = read_list(lists / "neuro_zylbersztejn_v1.csv").rows
    fields = [row.field for row in rows]
    assert {name: fields.count(name) for name in set(fields)} == {
        "diag": 740,
        "opertn": 22,
        "birth_weight_below": 1,
        "gestation_below": 1,
    }
    earlier = read_list(lists / "neurodis_zylb_v1.csv").rows
    # 26 procedures stand under diagnoses in the file; the kind of code says what they are.
    assert sum(row.field == "opertn" for row in earlier) == 26
    assert {row.below for row in earlier} == {0.0, 26.0, 1000.0}


def test_emergencies_are_the_published_ones(lists):
    rows = read_list(lists / "emergency_admissions_v1.csv").rows
    assert sorted(row.code for row in rows) == sorted(EMERGENCY)


# Cut codes that the list does not hold: two were then removed, three are slips of the note.
NOT_HELD = {"ccc_feudtner_v1": {"G829", "T865", "T935", "D695", "D696"}, "mc_cohen_v1": set()}


@pytest.mark.parametrize("name", NOT_HELD)
def test_what_was_cut_is_in_the_list_as_cut(lists, name):
    held = {row.code for row in read_list(lists / f"{name}.csv").rows}
    cut = {bare(note["truncated_to"]) for note in read_notes(lists / f"{name}_truncations.csv")}
    assert {code for code in cut if not {code, code[:3]} & held} == NOT_HELD[name]


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_a_published_list_finds_planted_children(lists, engine):
    planted = {
        "neuro_zylbersztejn_v1": {
            1: episode(1, "2006-01-01", "G8000"),
            2: episode(2, "2006-01-01", "P018"),  # under 28 days only
            3: episode(3, "2004-01-11", "B018"),
            4: episode(4, "2006-01-01", "Z00", opertn=("A128",)),
        },
        "asthma_lut_v1": {
            1: episode(1, "2006-01-01", "J459"),
            2: episode(2, "2006-01-01", "J459", "Q254"),
            3: episode(3, "2006-01-01", "J46X", "Q252"),
        },
    }
    expected = {"neuro_zylbersztejn_v1": {1, 3, 4, 5}, "asthma_lut_v1": {1, 3}}
    births = [birth(n, "2004-01-10", 25 if n == 5 else 40) for n in range(1, 6)]
    for name, episodes in planted.items():
        store = Store(engine, {"hes_apc": list(episodes.values()), "birth": births})
        assert set(found(PHENOTYPE.run(store, name=name, folder=lists))) == expected[name]


# -------------------- our own lists beside the published ones


def hope(lists: Path) -> dict[tuple[str, str], set[str]]:
    with (lists.parent / "hope" / "hope_mca_icd10_subgroups.csv").open(encoding="utf-8") as file:
        return {
            (row["system"], row["subgroup"]): {bare(code) for code in row["icd10_codes"].split()}
            for row in csv.DictReader(file)
        }


def spread(held: set[str]) -> set[str]:
    """Return codes with categories written out as all their possible subdivisions."""
    whole = {f"{code}{last}" for code in held if len(code) == 3 for last in "0123456789"}
    return whole | {code for code in held if len(code) == 4}


# Categories whose published rule leaves subdivisions out.
NEVER = {"heart": {"Q261", "Q246"}, "chromosomal": {"Q936"}}


def test_the_systems_of_major_anomaly_are_the_published_ones(lists):
    published = hope(lists)
    assert {system for system, part in published if part == "all"} == set(SYSTEMS)
    for system in SYSTEMS:
        own = {code for rule in RULES if rule.group == system for code in rule.codes}
        told = spread(published[system, "all"]) - NEVER.get(system, set())
        assert spread(own) == told, system
    term = {code for rule in RULES if rule.gestation_from for code in rule.codes}
    assert term == set(codes(TERM_ONLY)) == {"Q250", "Q256"}
    always = {code for rule in RULES if not rule.gestation_from for code in rule.codes}
    assert not spread(always) & term


def test_anomalies_within_systems_are_the_published_ones(lists):
    own_names = {
        "anencephalus": "anencephaly",
        "encephalocele": "encephalocele",
        "hydrocephalus": "hydrocephaly",
        "cataract": "congenital_cataract",
        "glaucoma": "congenital_glaucoma",
        "severe": "severe_heart",
        "diaphragmatic_hernia_simple": "diaphragmatic_hernia",
        "bladder_exstrophy_epispadias": "bladder_exstrophy",
        "klinefelter": "klinefelter_syndrome",
    }
    seen = 0
    for (system, part), told in hope(lists).items():
        if part == "all":
            continue
        group, _, words = ANOMALIES[own_names.get(part, part)]
        assert (group, set(codes(words))) == (system, told), part
        seen += 1
    assert seen == 34
    severe = read_list(lists / "sevchd_gimeno_v1.csv").rows
    assert {row.code for row in severe if row.field == "diag"} == set(codes(SEVERE_HEART))


def test_every_code_of_our_neurodisability_is_in_the_published_list(lists):
    held = {row.code for row in read_list(lists / "neuro_zylbersztejn_v1.csv").rows}
    own = load("phenotypes", "neurodisability", kind=Phenotype)
    lacking = {
        code
        for rule in own.rules
        for code in rule.codes
        if code not in held and code[:3] not in held
    }
    assert lacking == set()
    assert {rule.below for rule in own.rules if rule.below} == {26, 1000}


@pytest.mark.parametrize(("leaf", "subgroup"), [("autism", "a2_autism"), ("adhd", "a5_adhd")])
def test_conditions_are_those_of_the_published_subgroups(lists, leaf, subgroup):
    rows = read_list(lists / "neurodis_zylb_v1.csv").rows
    told = {row.code for row in rows if row.labels["subgroup2"] == subgroup}
    rules = load("phenotypes", leaf, kind=Phenotype).rules
    own = {code for rule in rules for code in rule.codes}
    assert own <= told and spread(own) >= {code for code in told if len(code) == 4}
