"""`study run --release`: what is written under a policy that withholds, byte by byte."""

from __future__ import annotations

import csv
import html
import json
import random
import re
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app
from fingerpost.release.wording import parsed
from fingerpost.reports.results import schema

LEAST, BASE = 10, 5
HIDDEN = "zqhidden"
TRIMMED = ", {trimmed: 0.15}, {trimmed: 0.22}"
STUDY = """\
study: tiny
question: Does support change the score?
records: {table: children.csv, unit: child, clusters: {school: school}}
population: [{column: ses, at_least: -2.5}]
arms: {column: support, levels: {0: none, 1: support}}
outcomes: {score: {column: score, kind: continuous}, passed: {column: passed, kind: binary}}
covariates:
  region: {type: categorical}
  flag: {type: numeric}
  fsm: {type: categorical}
  ses: {type: numeric}
  age: {type: numeric}
assignment: {observed: {given: [ses, age, region, flag, fsm], cluster: school}}
estimand: {contrast: [support, none], target: [ate, {trimmed: 0.15}, {trimmed: 0.22}]}
estimators: [naive, regression, ipw, aipw]
primary: [ipw, aipw]
sensitivity: [e_value, {omitted_variable: {benchmarks: [ses]}}]
subgroups: [region, fsm]
release: {policy: none}
"""
COLUMNS = ("child", "school", "support", "ses", "age", "region", "flag", "fsm", "score", "passed")


def children(
    path: Path,
    *,
    count: int = 467,
    rare: int = 3,
    lost: int = 6,
    supported: int | None = None,
    passed: int | None = None,
    schools: int = 41,
) -> None:
    """Write a table in which few have a level, few a flag, few no age, and few no score.

    supported, passed: how many have the arm, and how many of those the event, where not by chance.
    """
    numbers = random.Random(3)
    rows: list[list[object]] = []
    for at in range(count):
        ses, age = numbers.gauss(0, 1), round(7 + numbers.random(), 3)
        arm = int(numbers.random() < 1 / (1 + 2.718 ** (0.3 - 0.4 * ses)))
        arm = arm if supported is None else int(at < supported)
        region = ("north", "south", "east")[0 if at % 7 < 4 else 1 + at % 2]
        score = 50 - 2 * ses + 1.5 * arm + numbers.gauss(0, 3)
        event = int(score > 47)
        if passed is not None and arm:
            event = int(at < passed)
        rows.append(
            [
                f"zqk{at}",
                f"zqs{at % schools}",
                arm,
                f"{ses:.4f}",
                "" if 100 <= at < 104 else age,
                HIDDEN if at < rare else region,
                int(50 <= at < 54),
                int(numbers.random() < 0.3),
                "" if 200 <= at < 200 + lost else f"{score:.4f}",
                event,
            ]
        )
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *rows])


def run(study: Path, *words: str, policy: str = "ons_srs") -> tuple[int, str, Path]:
    """Return the exit code, all that was printed, and the folder of one run."""
    out = study.parent / f"out-{policy}"
    command = ["study", "run", str(study), "--release", policy, "--out", str(out), "--quiet"]
    result = CliRunner().invoke(app, [*command, *words])
    return result.exit_code, result.output, out


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    children(folder / "children.csv")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    return folder / "study.yaml"


@pytest.fixture(scope="module")
def both(tiny) -> tuple[dict, dict, Path, str]:
    """Return the results with everything in them, those prepared, their folder, and the screen."""
    code, words, whole = run(tiny, policy="inside")
    assert code == 0, words
    code, words, out = run(tiny)
    assert code == 0, words
    return read(whole), read(out), out, words


def read(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text("utf-8"))


def tables(found: dict) -> list[tuple[str, dict]]:
    """Return every table of results with its name."""
    groups = [found["diagnostics"], *(one["tables"] for one in found["sensitivity"].values())]
    return [(name, one) for group in groups for name, many in group.items() for one in many]


def counts(found: dict) -> set[int]:
    """Return every count of children, clusters or events that results hold."""
    every = [found["flow"]["start"], found["flow"]["remaining"], *found["flow"]["arms"].values()]
    every += [step[key] for step in found["flow"]["steps"] for key in ("left", "remaining")]
    controls = [one for each in found["sensitivity"].values() for one in each["controls"]]
    for one in (*found["estimates"], *found["extrapolations"], *controls):
        every += [one["n"], one["clusters"], *one["arm_n"].values()]
    for name, table in tables(found):
        for row in table["rows"]:
            every += [row[column] for column, kind in table["kinds"].items() if kind == "count"]
            every += [row.get("df"), row.get("effective_size")]
            if name == "guard" and row["rule"] in ("children", "clusters", "events"):
                every.append(row["measured"])
    return {int(each) for each in every if each is not None and float(each).is_integer()}


def numbers_in(value: object, *, but: tuple[str, ...]) -> list[float]:
    """Return every number within JSON, but under some keys."""
    if isinstance(value, dict):
        return [
            n for key, each in value.items() if key not in but for n in numbers_in(each, but=but)
        ]
    if isinstance(value, list):
        return [n for each in value for n in numbers_in(each, but=but)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def said(folder: Path, screen: str) -> list[tuple[str, str]]:
    """Return what people read of each file: of a page its text and its descriptions, not where in
    a picture a line begins.
    """
    found = [("screen", screen)]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != ".written":
            text = path.read_text("utf-8")
            # Digests and the sizes of files count no children.
            text = re.sub(r'\b[0-9a-f]{12,64}\b|"bytes": \d+', " ", text)
            if path.suffix in (".html", ".svg"):
                text = re.sub(r"<style.*?</style>", " ", text, flags=re.S)
                told = re.findall(r'(?:data-[a-z]+|alt|aria-label|title)="([^"]*)"', text)
                text = html.unescape(" ".join([*told, re.sub(r"<[^>]+>", " ", text)]))
            found.append((path.name, text))
    return found


NUMBER = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?![\w.]|,\d)")
NOUNS = "children|rows? read|clusters|schools|events|left|stayed"
COUNTED = re.compile(rf"(?<![\w.])(\d[\d,]*) (?:of [\d,]+ )?(?:{NOUNS})")
# Numbers of so few digits are met by chance, wherever an estimate or a percentage is written.
SURE = 100


def check_texts(texts: list[tuple[str, str]], secrets: set[int]) -> None:
    """Assert that no text holds a secret count, nor counts fewer than the threshold."""
    for name, text in texts:
        text = text.replace("fewer than 10", " ")
        for found in NUMBER.finditer(text):
            token = found[0].replace(",", "")
            around = text[max(0, found.start() - 60) : found.end() + 60]
            given_away = token.isdigit() and int(token) >= SURE and int(token) in secrets
            assert not given_away, (name, around)
        for found in COUNTED.finditer(text):
            count = int(found[1].replace(",", ""))
            around = text[max(0, found.start() - 60) : found.end() + 60]
            assert count >= LEAST and count % BASE == 0, (name, around)
        for line in csv.DictReader(text.splitlines()) if name.endswith(".csv") else ():
            counted = line.get("unit") in ("children", "clusters", "events") and line["value"]
            # A limit that the study declares counts nobody.
            if counted and line.get("quantity") != "threshold":
                count = float(line["value"])
                assert count >= LEAST and count % BASE == 0, (name, line)


def secrets_of(whole: dict) -> set[int]:
    return {count for count in counts(whole) if count >= LEAST and count % BASE}


def test_no_exact_count_is_in_any_byte(both):
    whole, prepared, out, screen = both
    secrets = secrets_of(whole)
    assert len(secrets) > 20
    check_texts(said(out, screen), secrets)
    plain = ("level", "seed", "threshold", "percentile")
    assert not secrets & {n for n in numbers_in(prepared, but=plain) if float(n).is_integer()}


def test_the_search_finds_a_count_that_is_given_away(both):
    whole, _, out, screen = both
    inside = out.parent / "out-inside"
    with pytest.raises(AssertionError):
        check_texts(said(inside, ""), secrets_of(whole))
    with pytest.raises(AssertionError):
        check_texts([("screen", f"{screen} 7 children in arm support")], set())


def test_every_count_is_rounded_and_none_is_small(both):
    _, prepared, _, _ = both
    found = counts(prepared)
    assert len(found) > 10 and all(count >= LEAST and count % BASE == 0 for count in found)


def test_levels_and_flags_that_few_have_are_in_no_byte(both):
    whole, prepared, out, _ = both
    assert HIDDEN in json.dumps(whole)
    for path in out.rglob("*"):
        assert path.is_dir() or HIDDEN not in path.read_text("utf-8")
    named = {row["covariate"] for row in prepared["diagnostics"]["baseline"][0]["rows"]}
    assert named == {"ses", "age", "region", "fsm"}
    for table in prepared["diagnostics"]["balance"]:
        assert not [row for row in table["rows"] if row["covariate"].startswith(("region", "flag"))]


def test_every_sentence_of_the_guard_rails_is_taken_apart(both):
    """The sentences of the guard rails and the patterns that rebuild them stand in two rooms."""
    whole, _, _, _ = both
    rules = {row["rule"] for table in whole["diagnostics"]["guard"] for row in table["rows"]}
    assert {"children", "clusters", "events", "balance", "effective size"} <= rules
    for table in whole["diagnostics"]["guard"]:
        for row in table["rows"]:
            found = parsed(row["words"])
            assert found is not None and found.rule == row["rule"], row["words"]


def test_totals_are_sums_of_what_is_shown(both):
    _, prepared, _, _ = both
    flow = prepared["flow"]
    assert flow["remaining"] == sum(flow["arms"].values())
    assert flow["start"] == flow["remaining"] + sum(step["left"] for step in flow["steps"])
    for one in prepared["estimates"]:
        assert one["n"] == sum(one["arm_n"].values())


def test_who_left_cannot_be_got_by_subtraction(both):
    """Six children have no score and four no age: every count of the rest is shown as of all."""
    whole, prepared, _, _ = both
    assert {step["left"] for step in whole["flow"]["steps"]} <= set(range(10))
    assert prepared["flow"]["steps"] == []
    rows = prepared["diagnostics"]["outcomes"][0]["rows"]
    assert all(row["children"] == row["observed"] for row in rows)
    ns = {one["n"] for one in prepared["estimates"] if "trimmed" not in one["target"]}
    assert ns == {prepared["flow"]["start"]}


def test_estimates_have_the_digits_that_their_errors_justify(both):
    whole, prepared, _, _ = both
    true = {(one["estimator"], one["outcome"], one["target"]): one for one in whole["estimates"]}
    assert prepared["estimates"]
    for one in prepared["estimates"]:
        exact = true[one["estimator"], one["outcome"], one["target"]]
        digits = {"score": 3, "passed": 2}[one["outcome"]]
        assert one["se"] == float(f"{exact['se']:.{digits - 1}e}")
        assert abs(one["value"] - exact["value"]) <= 0.51 * exact["se"] * 10 ** (1 - digits) * 10
        assert one["value"] != exact["value"]


def test_the_covariance_is_that_of_the_rounded_errors(both):
    _, prepared, _, _ = both
    for at, one in enumerate(prepared["estimates"]):
        assert prepared["covariance"][at][at] == pytest.approx(one["se"] ** 2)


def test_results_meet_their_schema_and_say_whose_the_policy_is(both):
    _, prepared, _, screen = both
    jsonschema.validate(prepared, schema())
    assert prepared["clearance"] == "prepared" and prepared["policy"] == "ons_srs"
    assert prepared["release"]["overridden"] and prepared["release"]["study_policy"] == "none"
    assert "instead of the study's own policy, none" in " ".join(screen.split())
    assert "to be checked by a person" in " ".join(screen.split())
    assert prepared["withheld"] and all(item["rule"] for item in prepared["withheld"])
    assert prepared["diagnostics"]["overlap"][0]["withheld"]


def test_the_report_lists_what_was_withheld(both):
    _, prepared, out, _ = both
    page = html.unescape((out / "report.html").read_text("utf-8"))
    assert "What was withheld, and why" in page and "To be checked." in page
    for item in prepared["withheld"]:
        assert item["what"] in page and item["rule"] in page


def test_trimming_off_few_withholds_the_answer_for_the_rest(both):
    whole, prepared, _, _ = both
    most = {"score": 0, "passed": 0}
    for one in whole["estimates"]:
        most[one["outcome"]] = max(most[one["outcome"]], one["n"])
    asked = {}
    for one in whole["estimates"]:
        if "trimmed" in one["target"]:
            asked[one["outcome"], one["target"]] = most[one["outcome"]] - one["n"]
    few = {question for question, left in asked.items() if left < LEAST}
    kept = {(one["outcome"], one["target"]) for one in prepared["estimates"]}
    assert few and set(asked) - few
    assert not few & kept and set(asked) - few <= kept
    for _, table in tables(prepared):
        assert (table["tags"].get("outcome"), table["tags"].get("target")) not in few
        for row in table["rows"]:
            outcome = row.get("outcome", table["tags"].get("outcome"))
            assert (outcome, row.get("target")) not in few


@pytest.mark.parametrize("policy", ["zebra", "ons_srss"])
def test_an_unknown_policy_ends_with_the_menu(tiny, policy):
    code, words, _ = run(tiny, policy=policy)
    assert code == 2 and "none, inside or ons_srs" in words


def test_an_arm_of_few_stops_everything(tmp_path):
    children(tmp_path / "children.csv", supported=7, lost=0, rare=0)
    study = tmp_path / "study.yaml"
    text = STUDY.replace("[ses, age, region, flag, fsm]", "[ses]").replace("[region, fsm]", "[]")
    study.write_text(text.replace(TRIMMED, ""), encoding="utf-8")
    target = tmp_path / "mine.json"
    code, words, out = run(study, "--json", str(target))
    assert code == 3, words
    assert "in arm support" in words and "7" not in words.replace("zq", "")
    assert not out.exists() and not target.exists()


def test_no_event_and_few_events_end_alike(tmp_path):
    """How far a study came before it was stopped must not tell none from few."""
    text = STUDY.replace("score: {column: score, kind: continuous}, ", "")
    text = text.replace("[ses, age, region, flag, fsm]", "[ses]").replace("[region, fsm]", "[]")
    text = text.replace("estimators: [naive, regression, ipw, aipw]", "estimators: [naive, ipw]")
    text = text.replace("primary: [ipw, aipw]", "").replace(TRIMMED, "").replace("e_value, ", "")
    told = []
    for passed in (0, 4):
        folder = tmp_path / str(passed)
        folder.mkdir()
        children(folder / "children.csv", supported=200, passed=passed, rare=0)
        (folder / "study.yaml").write_text(text, encoding="utf-8")
        code, words, out = run(folder / "study.yaml")
        assert code == 3 and not out.exists()
        told.append(words)
    assert told[0] == told[1]


def test_few_schools_stop_everything(tmp_path):
    children(tmp_path / "children.csv", schools=8, rare=0, lost=0)
    study = tmp_path / "study.yaml"
    text = STUDY.replace("[ses, age, region, flag, fsm]", "[ses]").replace("[region, fsm]", "[]")
    study.write_text(text.replace(TRIMMED, ""), encoding="utf-8")
    code, words, _ = run(study)
    assert code == 3 and "fewer than 10 clusters" in " ".join(words.split())
