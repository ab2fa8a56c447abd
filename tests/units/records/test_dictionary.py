from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from fingerpost.core.errors import UsageError
from fingerpost.records.check import check
from fingerpost.records.declarations import TABLES
from fingerpost.records.dictionary import as_html, as_markdown, data_package
from fingerpost.records.files import write_dictionary, write_package, write_templates
from fingerpost.records.store import open_store
from units.records.tables import ABSENCE, CHILD, write


class Headings(HTMLParser):
    """Collects what stands in headings of tables, and whether tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-2:] == ["th", "code"]:
            self.rows.append(data)


def test_every_column_is_in_both_pages():
    page = Headings()
    page.feed(as_html())
    assert page.open == []
    assert page.rows == [
        name
        for source in dict.fromkeys(
            spec.source for spec in sorted(TABLES.values(), key=lambda s: order(s.source))
        )
        for spec in TABLES.values()
        if spec.source == source
        for name in spec.columns
    ]
    text = as_markdown()
    assert all(f"### `{name}`\n" in text for name in TABLES)


def order(source: str) -> int:
    from fingerpost.records.fields import SOURCES

    return SOURCES.index(source)


def test_a_data_package_says_what_the_declarations_say():
    package = data_package()
    resources = {item["name"]: item for item in package["resources"]}
    assert set(resources) == set(TABLES)
    phonics = resources["phonics"]["schema"]
    mark = next(field for field in phonics["fields"] if field["name"] == "mark")
    assert mark["type"] == "integer"
    assert mark["constraints"] == {"minimum": 0, "maximum": 40}
    assert phonics["primaryKey"] == ["child_id"]
    assert phonics["foreignKeys"][0]["reference"] == {"resource": "child", "fields": ["child_id"]}
    term = next(f for f in resources["absence"]["schema"]["fields"] if f["name"] == "term")
    assert term["constraints"] == {"required": True, "enum": ["AUT", "SPR", "SUM"]}
    assert term["categories"][0] == {"value": "AUT", "label": "autumn"}
    assert "primaryKey" not in resources["exclusion"]["schema"]
    assert "foreignKeys" not in resources["school"]["schema"]


def test_the_package_of_a_store_names_its_own_files(tmp_path):
    store = open_store(write(tmp_path / "in", child=CHILD, absence=ABSENCE))
    path = write_package(store, tmp_path / "in" / "datapackage.json")
    package = json.loads(path.read_text(encoding="utf-8"))
    assert [item["path"] for item in package["resources"]] == ["child.csv", "absence.csv"]
    for item, text in zip(package["resources"], (CHILD, ABSENCE), strict=True):
        named = [field["name"] for field in item["schema"]["fields"]]
        assert named == text.splitlines()[0].split(",")
    assert open_store(tmp_path / "in").tables == ("child", "absence")


def test_templates_are_whole_headers_that_the_check_accepts_but_for_having_no_child(tmp_path):
    files = write_templates(tmp_path / "new")
    assert {path.name for path in files} == {f"{n}.csv" for n in TABLES} | {"datapackage.json"}
    report = check(open_store(tmp_path / "new"))
    assert {(p.table, p.rule) for p in report.faults} == {("child", "empty")}


def test_templates_never_overwrite(tmp_path):
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        write_templates(tmp_path / "held")
    with pytest.raises(UsageError, match='Did you mean "child"'):
        write_templates(tmp_path / "other", ["chil"])
    assert [path.name for path in tmp_path.iterdir()] == ["held"]


@pytest.mark.parametrize("name", ["d.md", "d.html", "d.json"])
def test_the_dictionary_is_written_as_its_name_ends(tmp_path, name):
    path = write_dictionary(tmp_path / name)
    start = {"md": "# Data dictionary", "html": "<!doctype html>", "json": "{"}
    assert path.read_text(encoding="utf-8").startswith(start[name.split(".")[1]])
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(UsageError, match="ends in none of"):
        write_dictionary(tmp_path / "d.docx")
