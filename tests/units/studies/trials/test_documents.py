"""The protocol of a trial: every item answered from the study, or open with its key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app
from fingerpost.core.study import Study
from fingerpost.studies.document import read_study
from fingerpost.studies.trials.designing import designed
from fingerpost.studies.trials.documents import ROWS, items

EXAMPLE = Path(__file__).parents[4] / "examples" / "trials" / "preschool.yaml"


@pytest.fixture(scope="module")
def study() -> Study:
    return read_study(EXAMPLE)


def by_topic(study: Study) -> dict[str, object]:
    return {one.topic: one for one in items(designed(study))}


def test_what_is_drawn_at_once_in_public_is_not_said_to_come_from_a_secret():
    schools = read_study(EXAMPLE.parent / "schools.yaml")
    told = {one.topic: one.answer for one in items(designed(schools))}["concealment"]
    assert "secret" not in told and "at once" in told and "drand" in told


def test_spirits_items_are_all_asked():
    # SPIRIT 2013 has items 1 to 33; records of visits (18, 19), audits (23), consent to further
    # studies (26b), care after the trial (30), authorship (31b), and forms and specimens (32, 33)
    # are not of a study's plan.
    asked = {
        int("".join(c for c in one if c.isdigit()))
        for row in ROWS
        for one in row[2].split(", ")
        if one
    }
    assert set(range(1, 32)) - asked == {13, 18, 19, 23, 30}


# CONSORT 2010 has these items (BMJ 2010;340:c332, table 1); its extension to cluster trials has 10a
# to 10c in the place of 10 (BMJ 2012;345:e5661, table 1).
CONSORT = {
    *("1a", "1b", "2a", "2b", "3a", "3b", "4a", "4b", "5", "6a", "6b", "7a", "7b", "8a", "8b", "9"),
    *("10", "11a", "11b", "12a", "12b", "13a", "13b", "14a", "14b", "15", "16", "17a", "17b", "18"),
    *("19", "20", "21", "22", "23", "24", "25"),
}


def numbers_of(study: Study, name: str) -> set[str]:
    told = [one for each in items(designed(study)) for one in each.standards]
    own = [one.removeprefix(f"{name} ") for one in told if one.startswith(f"{name} ")]
    return {number for one in own for number in one.split(", ")}


def test_consorts_items_are_numbered_as_it_numbers_them(study):
    assert numbers_of(study, "CONSORT") <= CONSORT
    drawn = replace(study.assignment, unit="school")
    of_clusters = numbers_of(replace(study, assignment=drawn), "CONSORT-cluster")
    assert of_clusters <= (CONSORT - {"10"}) | {"10a", "10b", "10c"}
    assert {"10a", "10b", "10c"} <= of_clusters


def test_what_the_study_says_is_answered_and_the_rest_names_its_key(study):
    told = by_topic(study)
    assert "120 minutes a week" in told["arms"].answer
    assert "by_stratum" in told["analysis"].answer and told["analysis"].state == "answered"
    assert told["harms"].state == "open" and told["harms"].write == "trial.registry.harms"
    assert told["results"].state == "later"
    assert all(one.write for one in told.values() if one.state == "open")


@pytest.mark.parametrize("key", ["harms", "assent", "families", "equipoise", "blinding"])
def test_what_is_written_closes_its_item_and_no_other(study, key):
    before = by_topic(study)
    trial = replace(study.trial, registry=((key, "As agreed with the parents' panel"),))
    after = by_topic(replace(study, trial=trial))
    changed = [topic for topic in before if before[topic].state != after[topic].state]
    assert changed == [key]
    assert after[key].answer == "As agreed with the parents' panel."


def test_clusters_are_asked_of_by_their_own_guidance(study):
    drawn = replace(study.assignment, unit="school")
    told = by_topic(replace(study, assignment=drawn))
    assert told["clusters"].state == "open"
    assert any(one.startswith("CONSORT-cluster") for one in told["clusters"].standards)
    assert "CONSORT 4a" in by_topic(study)["clusters"].standards


def test_the_page_says_what_is_open(tmp_path):
    path = tmp_path / "protocol.html"
    done = CliRunner().invoke(app, ["trial", "design", str(EXAMPLE), "--protocol", str(path)])
    assert done.exit_code == 0, done.output
    page = path.read_text(encoding="utf-8")
    assert "Statistical analysis plan" in page and "Write trial.registry.harms" in page
    assert (tmp_path / "protocol-tables" / "items.csv").is_file()


def test_the_word_document_holds_the_same(tmp_path):
    docx = pytest.importorskip("docx")
    path = tmp_path / "protocol.docx"
    done = CliRunner().invoke(app, ["trial", "design", str(EXAMPLE), "--protocol", str(path)])
    assert done.exit_code == 0, done.output
    heads = [
        one.text for one in docx.Document(str(path)).paragraphs if one.style.name == "Heading 1"
    ]
    assert any(one.endswith("Statistical analysis plan") for one in heads)


def test_another_kind_of_file_is_one_line(tmp_path):
    path = tmp_path / "protocol.pdf"
    done = CliRunner().invoke(app, ["trial", "design", str(EXAMPLE), "--protocol", str(path)])
    assert done.exit_code != 0 and not path.exists()
    assert ".html" in done.stderr
