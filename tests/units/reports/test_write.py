"""The report: one page without script, whose every interval can be read back."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from fingerpost.core.errors import FingerpostError
from fingerpost.core.output import Output
from fingerpost.plots.numbers import number
from fingerpost.reports.sections import answer
from fingerpost.reports.tables import term_key
from fingerpost.reports.write import html, write_index, write_report
from units.reports.fixtures import ATE, OUTPUTS, TRAP, clean, refused, regions, synthetic

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """A strict reading of a page: tags must nest; what they hold is kept."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.starts: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.starts.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.starts.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.starts if name == tag]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, tuple[Output, Path, str]]:
    """Every fixture as a written report."""
    folder = tmp_path_factory.mktemp("reports")
    found = {}
    for name, make in OUTPUTS.items():
        output = make()
        path = write_report(output, folder / f"{name}.html")
        found[name] = (output, path, path.read_text(encoding="utf-8"))
    return found


def limit(text: str) -> float | None:
    return float(text) if text else None


def finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_page_parses_and_has_no_script(written, name):
    _, _, text = written[name]
    page = Page(text)
    assert "<script" not in text.lower()
    assert not [key for _, attrs in page.starts for key in attrs if key.startswith("on")]
    assert text.startswith("<!DOCTYPE html>")
    assert page.all("html")[0]["lang"] == "en-GB"


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_table_of_an_output_is_on_its_page(written, name):
    output, _, text = written[name]
    own = [*output.tables, *(table for one in output.sensitivity for table in one.tables)]
    assert [table.name for table in own if table.rows and f"{table.name}.csv" not in text] == []


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_page_fetches_nothing(written, name):
    _, _, text = written[name]
    page = Page(text)
    for _, attributes in page.starts:
        assert not attributes.get("src")
        assert not re.match(r"(https?:)?//", attributes.get("href", ""))
    assert "url(http" not in text
    assert "@import" not in text


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_picture_can_be_read_aloud(written, name):
    _, _, text = written[name]
    for svg in re.findall(r"<svg .*?</svg>", text, flags=re.S):
        opening = svg[: svg.index(">")]
        assert 'role="img"' in opening
        title, desc = re.search(r'aria-labelledby="(\S+) (\S+)"', opening).groups()
        assert re.search(rf'<title id="{title}">[^<]+</title>', svg)
        assert re.search(rf'<desc id="{desc}">[^<]+</desc>', svg)
    identifiers = re.findall(r'\sid="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_link_leads_somewhere(written, name):
    _, path, text = written[name]
    page = Page(text)
    identifiers = {attrs["id"] for _, attrs in page.starts if "id" in attrs}
    for anchor in page.all("a"):
        href = unquote(anchor["href"])
        if href.startswith("#"):
            assert href[1:] in identifiers
        else:
            assert (path.parent / href).is_file(), href


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_interval_reads_back_as_it_was(written, name):
    output, _, text = written[name]
    cells = [cell for cell in Page(text).all("td") if "data-role" in cell]
    estimates = [cell for cell in cells if cell["data-role"] != "region"]
    controls = [result for one in output.sensitivity for result in one.results]
    wanted = {
        (
            result.role,
            result.estimator,
            term_key(result.term),
            finite(result.value),
            finite(result.lo),
            finite(result.hi),
        )
        for result in (*output.results, *output.extrapolations, *controls)
    }
    read = {
        (
            cell["data-role"],
            cell["data-estimator"],
            cell["data-term"],
            limit(cell["data-value"]),
            limit(cell["data-lo"]),
            limit(cell["data-hi"]),
        )
        for cell in estimates
    }
    assert read == wanted
    assert len(estimates) == len(output.results) + len(output.extrapolations) + len(controls)


def test_regions_are_shown_as_sets_and_read_back(written):
    output, _, text = written["regions"]
    cells = [cell for cell in Page(text).all("td") if cell.get("data-role") == "region"]
    read = [json.loads(cell["data-pieces"]) for cell in cells]
    wanted = [
        [[finite(lo), finite(hi)] for lo, hi in item.region.pieces] for item in output.regions
    ]
    assert read == wanted
    assert "(−∞, −2.10] ∪ [3.40, ∞)" in text
    assert "empty: every value is rejected" in text


def test_an_open_interval_is_not_taken_for_none(written):
    _, _, text = written["regions"]
    (cell,) = [c for c in Page(text).all("td") if c.get("data-role") == "answer"]
    assert (cell["data-lo"], cell["data-hi"], cell["data-bounded"]) == ("", "4.0", "above")


def told_by_section(text: str) -> dict[str, str]:
    """All words of each section, pictures' titles and descriptions among them."""
    parts = re.findall(r'<section id="([^"]+)".*?>(.*?)</section>', text, flags=re.S)
    return {name: " ".join(re.sub(r"<[^>]+>", " ", part).split()) for name, part in parts}


def test_every_section_changes_with_the_study():
    first = told_by_section(html(refused(), "tables"))
    assert len(first) == 13
    swaps = {
        "outcome": replace(TRAP, outcome="reading", unit="marks"),
        "exposure": replace(TRAP, arms=("usual care", "therapy")),
        "numbers": replace(TRAP, shift=0.25, seed=7, children=1543, given=("age", "sex")),
    }
    for what, shape in swaps.items():
        other = told_by_section(html(refused(shape), "tables"))
        same = [name for name in first if other[name] == first[name]]
        assert same == [], f"another {what} leaves as they were: {same}"
        for name, told in other.items():
            told = told.replace("special-education-services", "")
            if what == "outcome":
                assert "maths" not in told, name
                assert "IRT" not in told, name
            if what == "exposure":
                assert "services" not in told, name


@pytest.mark.parametrize("name", OUTPUTS)
def test_each_section_quotes_a_number_or_says_that_nothing_is_stated(written, name):
    for section, told in told_by_section(written[name][2]).items():
        told = told.split(".", 1)[1]  # the section's own number
        stated = re.search(r"\d", told) or "not stated by the authors" in told
        assert stated or name == "bare", section


def test_refusals_come_first(written):
    output, _, text = written["refused"]
    first = next(r for r in output.results if r.primary)
    share = next(b.measured for b in output.refusals[0].rules if b.rule == "largest child")
    body = text[text.index("<main>") :]
    size = number(abs(first.value), 2)
    assert body.index("We cannot tell") < body.index(size)
    assert body.index(f"one child carries {100 * share:.1f}%") < body.index(size)


def test_who_is_studied_is_said_once_in_the_answer(written):
    section = told_by_section(written["refused"][2])["answer"]
    assert section.count("Who: 1600 children of the cohort.") == 1
    assert "Who:" not in told_by_section(written["bare"][2])["answer"]


def test_a_paragraph_is_toned_refused_only_where_its_question_is():
    output = OUTPUTS["two_outcomes"]()
    refusal = replace(refused().refusals[0], terms=(output.results[0].term.on(ATE),))
    parts = answer.section(replace(output, refusals=(refusal,))).parts
    toned = [part.tone for part in parts if getattr(part, "tone", "") in ("answer", "refused")]
    assert toned == ["refused", "answer", "answer", "answer"]


def test_the_trap_is_shown_only_under_model_extrapolation():
    beyond = tuple(replace(one, value=38.0925) for one in refused().extrapolations)
    text = html(refused(extrapolations=beyond), "tables")
    text = re.sub(r" d=\"[^\"]*\"| transform=\"[^\"]*\"", "", text)  # shapes, not numbers told
    start = text.index('<h3 id="extrapolation">')
    end = text.index("<section", start)
    assert "38.09" in text[start:end]
    assert "38.09" not in text[:start] + text[end:]


def test_a_leaf_without_an_answer_moves_nothing_to_model_extrapolation(written):
    _, path, text = written["leaf_refused"]
    assert "Model extrapolation" not in text
    assert "This target is refused" not in text
    assert "We cannot tell" not in text
    sections = told_by_section(text)
    assert "Leaves without an answer of their own" in sections["estimates"]
    assert "strata of the score hold no child" in sections["estimates"]
    assert "Subclassification has no answer" in sections["answer"]
    assert "negative control by subclassification could not be answered" in sections["sensitivity"]
    assert (path.parent / "leaf_refused-tables/leaf_refusals.csv").is_file()
    assert "Weights capped at a percentile" in sections["overlap"]


def test_thresholds_are_those_of_the_study(written):
    changed = told_by_section(written["leaf_refused"][2])
    assert "Thresholds: 0.05 (warning) and 0.4 (refusal)" in changed["balance"]
    assert "no covariate lies more than 0.05 standard deviations" in changed["balance"]
    assert "Over 0.05 Over 0.4" in changed["balance"]
    assert "warn smd 0.05 instead of 0.1; refuse smd 0.4 instead of 0.25" in changed["overlap"]
    default = told_by_section(written["clean"][2])
    assert "Thresholds: 0.1 (warning) and 0.25 (refusal)" in default["balance"]
    assert "instead of" not in default["overlap"]


def test_tables_are_long_with_units_and_in_full(written):
    output, path, _ = written["refused"]
    lines = list(csv.DictReader((path.parent / "refused-tables/estimates.csv").open("r")))
    values = {
        (row["estimator"], row["target"]): float(row["value"])
        for row in lines
        if row["quantity"] == "value"
    }
    assert values == {(r.estimator, r.term.target.label()): r.value for r in output.results}
    assert {row["unit"] for row in lines if row["quantity"] == "value"} == {"IRT points"}
    weights = list(csv.DictReader((path.parent / "refused-tables/weights.csv").open("r")))
    assert {row["unit"] for row in weights if row["quantity"] == "effective_size"} == {"children"}
    asked = {target.label() for target in output.study.estimand.targets}
    assert {row["target"] for row in weights} == asked


def test_a_risk_is_filed_as_a_share_and_drawn_per_hundred(written):
    _, path, _ = written["clean"]
    folder = path.parent / "clean-tables"
    filed = list(csv.DictReader((folder / "estimates.csv").open("r")))
    drawn = list(csv.DictReader((folder / "triangulation.csv").open("r")))
    one = next(r for r in filed if r["estimator"] == "aipw" and r["quantity"] == "value")
    two = next(r for r in drawn if r["estimator"] == "aipw" and r["quantity"] == "value")
    assert (one["unit"], two["unit"]) == ("share of 1", "per 100 children")
    assert float(two["value"]) == pytest.approx(100 * float(one["value"]))


def test_made_up_records_and_uncleared_results_are_stamped(written):
    assert "Not cleared: inside." in written["refused"][2]
    assert "Not cleared: inside." not in written["clean"][2]
    assert "The records are made up." in written["synthetic"][2]
    assert "The records are made up." not in written["refused"][2]
    assert "truth" in "".join(Page(written["synthetic"][2]).text)


def test_clustered_studies_are_told_that_they_lie_outside_target(written):
    assert "a target trial that randomises each school is outside it" in written["refused"][2]
    assert "is outside it" not in written["three_arms"][2]


def test_what_authors_do_not_say_is_said_to_be_absent(written):
    text = written["clean"][2]
    for item in ("Ethics", "Registration", "Funding", "Interests"):
        assert re.search(rf"<td[^>]*>{item}</td><td[^>]*>not stated by the authors</td>", text)
    assert "public-use data, 1600 children" in written["refused"][2]


def test_all_items_of_target_are_there(written):
    text = written["refused"][2]
    start = text.index('id="target"')
    rows = re.findall(
        r'<th scope="row">(\d+[a-h]?)</th>', text[start : text.index("</section>", start)]
    )
    wanted = ["1a", "1b", "1c", "2", "3", "4", "5"]
    wanted += [f"{number}{letter}" for number in (6, 7) for letter in "abcdefgh"]
    wanted += [str(number) for number in range(8, 19)] + ["19a", "19b", "20", "21"]
    assert rows == wanted


def test_tables_of_an_earlier_report_do_not_stay(tmp_path):
    path = tmp_path / "report.html"
    write_report(refused(), path)
    assert (tmp_path / "report-tables/weights.csv").is_file()
    kept = tmp_path / "report-tables/notes.txt"
    kept.write_text("mine", encoding="utf-8")
    write_report(regions(), path)
    assert not (tmp_path / "report-tables/weights.csv").exists()
    assert kept.is_file()


def test_names_cannot_break_the_page(tmp_path):
    shape = replace(
        TRAP,
        outcome='maths <b>"x"</b> & more',
        unit="points </td>",
        arms=("a<b", "c&d"),
        given=("e<f>", "g", 'h "i"'),
    )
    path = write_report(refused(shape), tmp_path / "a b#c.html")
    page = Page(path.read_text(encoding="utf-8"))
    assert not page.all("b")
    for anchor in page.all("a"):
        if not anchor["href"].startswith("#"):
            assert (tmp_path / unquote(anchor["href"])).is_file()


def test_the_same_output_gives_the_same_page(tmp_path):
    texts = {
        write_report(clean(), tmp_path / folder / "r.html").read_text("utf-8") for folder in "ab"
    }
    assert len(texts) == 1


def test_an_index_leads_to_every_report(written, tmp_path):
    reports = [(output, path) for output, path, _ in written.values()]
    start = reports[0][1].parent
    index = write_index(reports, start / "index.html", title="All studies")
    text = index.read_text(encoding="utf-8")
    page = Page(text)
    for anchor in page.all("a"):
        assert (start / unquote(anchor["href"])).is_file()
    assert "We cannot tell" in text
    assert text.count("<h2") == len(reports)
    nodes = re.findall(r">([^<>]+)<", text)  # pictures call estimators as the reports do
    assert any("IPW" in node for node in nodes)
    assert not any(re.search(r"\b(ipw|g_formula)\b", node) for node in nodes)
    identifiers = re.findall(r'\sid="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers))
    with pytest.raises(FingerpostError, match="Write the reports first"):
        write_index([(synthetic(), tmp_path / "none.html")], tmp_path / "i.html", title="x")
