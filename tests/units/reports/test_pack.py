"""The clearance pack of a study of one table: every file of it, and what its figures draw."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import altair as alt
import pytest
from typer.testing import CliRunner

from fingerpost.cli._studying import Choices, answered, chosen, write_folder
from fingerpost.cli.main import app
from fingerpost.core.output import Output
from fingerpost.plots._drawn import drawn
from fingerpost.plots.picture import Picture
from fingerpost.reports.note import note_text
from fingerpost.reports.pack import write_figures, write_pack
from fingerpost.reports.parts import Figure, Section
from units.cli.test_release import HIDDEN, STUDY, children
from units.release.packs import check_pack, read

ROOM = "zqroom"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study whose table is named by its whole path, in a folder that tells of the room."""
    folder = tmp_path_factory.mktemp(ROOM)
    children(folder / "children.csv")
    text = STUDY.replace("children.csv", str(folder / "children.csv"))
    text = text.replace("target: [ate, {trimmed: 0.15}, {trimmed: 0.22}]", "target: [ate]")
    text = text.replace("subgroups: [region, fsm]", "subgroups: []")
    # One outcome is enough here: what other kinds tell is asked in the tests of the release.
    text = text.replace(", passed: {column: passed, kind: binary}", "")
    text = text.replace(", {omitted_variable: {benchmarks: [ses]}}", "")
    file = folder / "study.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def output(study: Path) -> Output:
    choices = Choices(release="ons_srs")
    return answered(chosen(study, choices), choices, base=study.parent, say=lambda words: None)


@pytest.fixture(scope="module")
def pack(output: Output, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs") / "pack"
    write_folder(output, folder)
    return folder


@pytest.fixture(scope="module")
def few_figures(output: Output) -> Output:
    """Return the output without the tables from which most of its figures are drawn."""
    return replace(output, tables=(), sensitivity=())


def names(study: Path) -> re.Pattern[str]:
    """Return what is of one child, of one school or of the room alone: keys, a level, paths."""
    return re.compile("|".join([r"zqk\d", r"zqs\d", HIDDEN, ROOM, re.escape(str(study.parent))]))


def values(study: Path) -> frozenset[str]:
    """Return every score, and every covariate of many digits, of a child."""
    rows = rows_of(study.parent / "children.csv")
    found = {row[name].lstrip("-") for row in rows for name in ("ses", "score")}
    return frozenset(value for value in found if len(value) > 6)


def walk(pack: Path, study: Path) -> None:
    check_pack(pack, never=names(study), values=values(study))


def test_every_file_of_a_pack_holds_what_it_may_and_no_more(pack, study):
    assert len(values(study)) > 300
    walk(pack, study)


def test_the_walk_finds_what_is_planted(pack, study, tmp_path):
    for name, planted in {
        "note.txt": "zqk17",
        "report.html": '<p onclick="x">',
        "results.json": str(study.parent),
        "note.html": f"<p>-{min(values(study))}</p>",
        "manifest.json": " ",
    }.items():
        spoilt = tmp_path / name.replace(".", "-")
        shutil.copytree(pack, spoilt)
        path = spoilt / name
        path.write_text(path.read_text("utf-8") + planted, encoding="utf-8")
        with pytest.raises(AssertionError):
            walk(spoilt, study)


def test_one_output_gives_one_pack_byte_for_byte(few_figures, tmp_path):
    for name in ("one", "again"):
        write_folder(few_figures, tmp_path / name)
    files = [path for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        other = tmp_path / "again" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == other.read_bytes()


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(encoding="utf-8")))


def figure(pack: Path, name: str) -> list[dict[str, str]]:
    (found,) = (pack / "figures").glob(f"*-{name}*.csv")
    return rows_of(found)


def test_the_numbers_beside_a_figure_are_those_of_its_table(pack):
    flow = [
        float(row["value"])
        for row in rows_of(pack / "report-tables/flow.csv")
        if row["quantity"] == "remaining" and row["value"]
    ]
    assert [float(row["value"]) for row in figure(pack, "flow")] == flow
    told = {
        (row["estimator"], float(row["value"]))
        for row in rows_of(pack / "report-tables/triangulation.csv")
        if row["quantity"] == "value" and row["value"] and row["outcome"] == "score"
    }
    shown = {
        (row["row"], float(row["value"]))
        for row in figure(pack, "triangulation-score")
        if row["part"] == "point" and row["quantity"] == "x"
    }
    assert shown == told and len(told) > 3
    distances = sorted(
        abs(float(row["value"]))
        for row in rows_of(pack / "report-tables/balance.csv")
        if row["quantity"] in ("smd_before", "smd_after") and row["value"]
        if row["outcome"] == "score" and row["target"] == "ate" and not row.get("subgroup")
    )
    love = [row for row in figure(pack, "love-score") if row["part"] == "point"]
    assert sorted(float(row["value"]) for row in love) == pytest.approx(distances)


def test_the_manifest_says_which_rule_looked_found_and_did(pack):
    found = read(pack)
    groups = {group["name"]: group for group in found["groups"]}
    balance = {each["rule"]: each for each in groups["balance"]["controls"]}
    assert {"few", "secondary", "rounding", "dominance", "df", "words"} <= set(balance)
    assert balance["few"]["looked_at"] is None or balance["few"]["did"]
    answers = {each["rule"]: each for each in groups["estimates"]["controls"]}
    assert {"few", "events", "clusters", "df", "trimmed"} <= set(answers)
    stopped = {
        (group["name"], each["rule"]): each["stopped"]
        for group in found["groups"]
        for each in group["controls"]
        if each["stopped"]
    }
    # The level that three children have is stopped in the table of the start.
    assert stopped["baseline", "few"] >= 1
    assert {item["where"] for item in found["withheld"]} >= {"diagnostics.baseline", "flow"}
    assert found["context"]["arms"].keys() == {"none", "support"}
    assert found["context"]["cluster"] == "school"


def test_the_note_says_what_is_asked_why_it_is_safe_and_what_a_person_decides(pack):
    text = (pack / "note.txt").read_text("utf-8")
    for words in (
        "What is asked to leave",
        "Why it is safe",
        "What was withheld, and by which rule",
        "What a person must decide",
        "does not know what has left",
        "sha256sum -c SHA256SUMS",
    ):
        assert words in " ".join(text.split())
    assert max(len(line) for line in text.splitlines()) <= 100
    page = (pack / "note.html").read_text("utf-8")
    assert "What a person must decide" in page


def test_an_output_that_no_policy_prepared_makes_no_pack(output, tmp_path):
    with pytest.raises(ValueError, match="inside"):
        write_pack(replace(output, clearance="inside"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_note_of_made_up_records_says_so(output):
    made_up = replace(output, provenance=replace(output.provenance, synthetic=True))
    assert "The records are made up" in note_text(made_up, [])


def test_a_pack_over_a_report_for_the_room_leaves_nothing_of_it(few_figures, tmp_path):
    folder = tmp_path / "out"
    inside = replace(few_figures, clearance="inside", controls=(), withheld=())
    write_folder(inside, folder)
    assert (folder / "report-tables/.written").is_file()
    write_folder(few_figures, folder)
    assert not (folder / "report-tables/.written").exists()
    assert (folder / "SHA256SUMS").is_file()
    write_folder(inside, folder)
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert not {"SHA256SUMS", "manifest.json", "note.txt"} & left
    assert not any(name.startswith("figures/") for name in left)


def test_a_file_of_a_reader_s_own_is_not_written_over(study, tmp_path):
    (tmp_path / "note.txt").write_text("mine", encoding="utf-8")
    command = ["study", "run", str(study), "--release", "ons_srs", "--out", str(tmp_path), "-q"]
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


# --------------------------------------------------------------------- what is read off charts
def test_numbers_are_read_off_a_chart_with_what_they_are_of():
    rows = [{"name": "a", "x": 1.5, "y": 10.0}, {"name": "b", "x": 2.5, "y": 30.0}]
    pixels = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, 40], range=[0, 40]))
    axis = alt.X("x:Q", axis=alt.Axis(title="points"))
    base = alt.Chart(alt.Data(values=rows))
    labels = alt.Chart(alt.Data(values=[{"y": 9.0, "text": "first_"}, {"y": 25.0, "text": "row"}]))
    side = labels.mark_text().encode(x=alt.value(-50), y=pixels, text="text:N")
    found = drawn(
        alt.layer(
            base.mark_bar().encode(x=axis, y=pixels),
            base.mark_text().encode(x=axis, y=pixels, text="name:N"),
            side,
        ).to_dict()
    )
    assert [(one.quantity, one.unit, one.value) for one in found] == [
        ("x", "points", 1.5),
        ("x", "points", 2.5),
    ]
    assert [dict(one.labels) for one in found] == [
        {"row": "first_", "name": "a"},
        {"row": "row", "name": "b"},
    ]


def test_layers_that_share_rows_by_a_flag_each_have_their_own():
    rows = [{"x": 1.0, "y": 2.0, "low": False}, {"x": 3.0, "y": 4.0, "low": True}]
    base = alt.Chart(alt.Data(values=rows))
    chart = alt.layer(
        base.transform_filter("!datum.low").mark_point().encode(x="x:Q", y="y:Q"),
        base.transform_filter("datum.low").mark_line().encode(x="x:Q", y="y:Q"),
    )
    found = drawn(chart.to_dict())
    assert {(one.part, one.place, one.quantity, one.value) for one in found} == {
        ("point", "1", "x", 1.0),
        ("point", "1", "y", 2.0),
        ("line", "1", "x", 3.0),
        ("line", "1", "y", 4.0),
    }


@pytest.mark.parametrize(
    ("test", "left"),
    [("datum.side == 'b'", "one"), (alt.datum.side == "b", "one"), ("datum.at === 2", "one"),
     ("datum.low", "one"), ("!datum.low", "other")],
)  # fmt: skip
def test_a_chart_s_own_selection_is_followed(test, left):
    rows = [
        {"x": 3.0, "at": 2, "side": "b", "low": True},
        {"x": 5.0, "at": 1, "side": "a", "low": False},
    ]
    base = alt.Chart(alt.Data(values=rows)).mark_point().encode(x="x:Q")
    # Of one layer alone, and of all layers from above.
    for chart in (base.transform_filter(test), alt.layer(base, base).transform_filter(test)):
        values = {one.value for one in drawn(chart.to_dict())}
        assert values == {{"one": 3.0, "other": 5.0}[left]}


POINTS = alt.Chart(alt.Data(values=[{"x": 1.0, "k": "a"}, {"x": 3.0, "k": "b"}])).mark_point()
RECKONED = {
    "a filter that compares": POINTS.encode(x="x:Q").transform_filter("datum.x > 2"),
    "a filter as an object": POINTS.encode(x="x:Q").transform_filter(
        alt.FieldRangePredicate("x", [1, 2])
    ),
    "a calculation": POINTS.encode(x="z:Q").transform_calculate(z="datum.x * 2"),
    "a mean of an axis": POINTS.encode(x="mean(x):Q"),
    "bins": POINTS.encode(x=alt.X("x:Q", bin=True)),
    "facets": POINTS.encode(x="x:Q").facet("k:N"),
    "facets of an axis": POINTS.encode(x="x:Q", row="k:N"),
    "rows elsewhere": alt.Chart("rows.csv").mark_point().encode(x="x:Q"),
}


@pytest.mark.parametrize("case", RECKONED)
def test_a_chart_whose_numbers_are_not_its_rows_is_refused(case):
    with pytest.raises(ValueError, match="a chart"):
        drawn(RECKONED[case].to_dict())


def test_two_figures_of_one_name_are_both_in_the_pack(tmp_path):
    one = Picture("love-a", "A", "a", "balance", "<svg 1>", "", ())
    other = replace(one, wide="<svg 2>")
    shown = (Section("x", "X", tuple(Figure(each) for each in (one, other, one))),)
    assert write_figures(shown, tmp_path / "figures") == {
        "balance": tuple(
            f"figures/{at:02d}-love-a.{end}" for at in (1, 2) for end in ("svg", "csv")
        )
    }
    assert (tmp_path / "figures/02-love-a.svg").read_text("utf-8") == "<svg 2>\n"


def test_the_flow_is_of_all_children_not_of_the_outcome_that_some_left_for(pack):
    found = read(pack)
    groups = {group["name"]: group["context"] for group in found["groups"]}
    assert groups["flow"]["children"] == found["context"]["children"]
    assert groups["estimates"]["children"] <= found["context"]["children"]
    # Nothing is said to be what it is called.
    titles = [group["title"] for group in found["groups"]]
    assert len(set(titles)) == len(titles)
    for name in ("estimates", "triangulation", "flow", "refusals"):
        if name in groups:
            assert groups[name]["what"].count(" ") > 5


def test_the_note_claims_nothing_where_stops_are_not_told(pack):
    groups = {group["name"]: group for group in read(pack)["groups"]}
    flow = {each["rule"]: each["stopped"] for each in groups["flow"]["controls"]}
    assert flow["few"] is None and flow["secondary"] is None and flow["rounding"] == 0
    words = " ".join((pack / "note.txt").read_text("utf-8").split())
    (told,) = re.findall(r"In ([\d,]+) groups no rule stopped anything of what is here", words)
    quiet = [
        group
        for name, group in groups.items()
        if name not in ("note", "report", "results")
        and all(each["stopped"] == 0 for each in group["controls"])
    ]
    assert int(told) == len(quiet) and "nothing had to be stopped" not in words
    title = groups["flow"]["title"]
    assert re.search(f"Of .*“{re.escape(title)}”.* it is not told whether a rule stopped", words)
    # Where it is told that something was stopped, the rest is not said to be untouched.
    assert any(each["stopped"] for each in groups["baseline"]["controls"])


def test_results_of_a_pack_are_those_of_its_policy(pack):
    results = json.loads((pack / "results.json").read_text("utf-8"))
    assert results["clearance"] == "prepared" and results["policy"] == "ons_srs"
