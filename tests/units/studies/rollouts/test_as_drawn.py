"""An analysis follows its draw: verified first, begun as drawn, every drawn unit counted."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app
from fingerpost.cohorts.panel import read_panel
from fingerpost.cohorts.reading import read_records
from fingerpost.core.analysis import Analysis
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.finding import Finding
from fingerpost.studies.document import read_study
from fingerpost.studies.rollouts.as_drawn import as_drawn
from fingerpost.studies.rollouts.confirming import KIND as REHEARSAL
from fingerpost.studies.rollouts.drawing import draw
from fingerpost.studies.rollouts.lost import lost_by_wave
from fingerpost.studies.rollouts.noting import note
from fingerpost.studies.rollouts.registering import register
from fingerpost.studies.rollouts.since_drawn import check_unit, first_words
from fingerpost.studies.rollouts.verifying import verify
from fingerpost.studies.run import run
from suites.panel_worlds import NEVER, PanelWorld, ask, shuffles, task, with_draws
from units.studies.rollouts.draws import STUDY, drand, register_text

EFFECT = 3.0
NO_LIMITS = """    limits:
      - {at_most: 3, wave: first, where: {region: North}}
      - {at_most: 1400.5, column: pupils}
    together: [[A03, A15]]
    apart: [[A01, A02]]
"""
READ = """records: {table: panel.csv, unit: code}
outcomes: {days: {column: days}}
arms: {reference: without, exposed: with}
estimators: [gls_exposure_time, randomisation_test]
primary: [gls_exposure_time]
"""


def text() -> str:
    """Return a study of a small draw without limits, its period and outcome named."""
    found = STUDY.replace(NO_LIMITS, "").replace("  periods:", "  period: year\n  periods:")
    return found.replace("question:", f"{READ}question:")


def panel_text(begins: dict[str, str], regions: dict[str, str]) -> str:
    """Return records in which provision adds EFFECT from when it begins, and a unit's own level."""
    r = np.random.default_rng(3)
    lines = ["code,year,region,days"]
    for at, (code, start) in enumerate(begins.items()):
        for year in range(1, 5):
            has = bool(start) and year >= int(start)
            value = at % 5 + EFFECT * has + 0.2 * r.standard_normal()
            lines.append(f"{code},{year},{regions[code]},{value:.3f}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with study, register, draw and records that follow it; no test may change it."""
    folder = tmp_path_factory.mktemp("as-drawn")
    (folder / "areas.csv").write_text(register_text(), encoding="utf-8")
    path = folder / "study.yaml"
    path.write_text(text(), encoding="utf-8")
    register(read_study(path), folder, out=folder / "draw", study_file=path.read_bytes())
    draw(folder / "draw", drand())
    follow(folder)
    return folder


def follow(folder: Path) -> None:
    """Write records that follow the draw of a folder."""
    with (folder / "draw" / "allocation.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    begins = {row["unit"]: row["begins"] for row in rows}
    regions = {row["unit"]: row["stratum"] for row in rows}
    (folder / "panel.csv").write_text(panel_text(begins, regions), encoding="utf-8")


@pytest.fixture
def place(made, tmp_path) -> Path:
    """A copy that may be changed."""
    shutil.copytree(made, tmp_path / "in")
    return tmp_path / "in"


def found_of(folder: Path) -> Finding:
    """Return the finding of the study and records of a folder, as they were drawn there."""
    study = read_study(folder / "study.yaml")
    return run(study, read_records(study.records, base=folder), draw=folder / "draw")


def command(folder: Path, *more: object) -> tuple[int, str]:
    """Return the exit code of the command, and what it said."""
    told = [folder / "study.yaml", "--out", folder / "report", "-q", *more]
    done = CliRunner().invoke(app, ["rollout", "analyse", *map(str, told)])
    return done.exit_code, " ".join(done.output.split())


def change(path: Path, old: str, new: str) -> None:
    """Write a file with every `old` as `new`."""
    held = path.read_text(encoding="utf-8")
    assert old in held
    path.write_text(held.replace(old, new), encoding="utf-8")


def value_of(found: Finding, leaf: str = "gls_exposure_time") -> float:
    answer = next(one for one in found.answers if one.leaf == leaf)
    return float(answer.estimate.value[0])


def warned(found: Finding) -> str:
    return " ".join(words for answer in found.answers for _, words in answer.warnings)


def test_the_answer_says_which_draw_it_is_of(place):
    code, words = command(place, "--draw", place / "draw")
    assert code == 0, words
    found = json.loads((place / "report" / "results.json").read_text(encoding="utf-8"))
    told = found["provenance"]["draw"]
    commitment = (place / "draw" / "commitment.txt").read_text().split()[0]
    head = verify(place / "draw").head
    assert told["commitment"] == commitment and told["registered_as"] == "exploratory"
    assert told["ledger"] == {"number": head.number, "hash": head.hash}
    assert told["permutations"]["draws"] == 600 and told["departures"] == []
    page = (place / "report" / "report.html").read_text(encoding="utf-8")
    assert "was drawn in public" in page and commitment in page and "exploratory" in page


@pytest.mark.parametrize("name", ["pulse.json", "allocation.csv", "ledger.sqlite", "manifest.json"])
def test_nothing_is_answered_of_a_draw_that_was_changed(place, name):
    path = place / "draw" / name
    if name == "pulse.json":
        path.write_bytes(drand(42, "another"))
    elif name == "allocation.csv":
        path.write_bytes(path.read_bytes().replace(b"first", b"late", 1))
    else:
        path.unlink()
    code, words = command(place, "--draw", place / "draw")
    assert code == 1 and name in words and not (place / "report").exists()


def test_waves_begin_as_they_were_drawn_whatever_the_study_says_today(place):
    before = found_of(place)
    assert value_of(before) == pytest.approx(EFFECT, abs=0.3)
    change(place / "study.yaml", "first: {begins: 2", "first: {begins: 4")
    change(place / "study.yaml", "exposure_average", "simple")
    after = found_of(place)
    ((_, own),) = after.flow.arms[1:]
    assert own == before.flow.arms[1][1] == 18
    told = after.provenance.draw.departures
    assert "wave first was drawn to begin in 2" in told[0] and "begin in 2" not in warned(after)
    assert "assignment" not in told[1]  # its order is that of the waves, told once
    assert "estimand" in told[1] and "rollout.waves" in told[1]


def test_another_question_than_the_registered_one_is_exploratory(place):
    """Its commitment says confirmatory; it was asked by another estimand and primary estimator."""
    path = place / "study.yaml"
    study = read_study(path)
    told = {"kind": REHEARSAL, "study": study.name, "study_digest": study.digest()}
    told |= {"draws": 1000, "holds": ["gls_exposure_time"], "preselected": None}
    out, kept = place / "confirmed", path.read_bytes()
    register(study, place, out=out, study_file=kept, rehearsal=json.dumps(told).encode())
    draw(out, drand())
    assert as_drawn(study, out).source.registered_as == "confirmatory"
    change(path, "exposure_average", "long_term")
    change(path, "primary: [gls_exposure_time]", "primary: [randomisation_test]")
    source = as_drawn(read_study(path), out).source
    assert source.registered_as == "exploratory"
    assert "estimand and primary: registered as confirmatory, it is expl" in source.departures[0]
    assert as_drawn(replace(study, seed=7), out).source.registered_as == "confirmatory"


def test_a_design_laid_out_by_its_own_rule_is_analysed(tmp_path, made):
    shutil.copy(made / "areas.csv", tmp_path)
    path = tmp_path / "study.yaml"
    waves = "  waves: {first: {begins: 2, units: 9}, second: {begins: 3, units: 9}, late: {}}\n"
    own = text().replace(waves, "").replace("design: staggered", "design: stepped_wedge")
    path.write_text(own, encoding="utf-8")
    register(read_study(path), tmp_path, out=tmp_path / "draw", study_file=path.read_bytes())
    draw(tmp_path / "draw", drand())
    follow(tmp_path)
    assert value_of(found_of(tmp_path)) == pytest.approx(EFFECT, abs=0.3)


def test_drawn_units_that_the_records_do_not_hold_are_counted(place):
    bounds = "sensitivity: [{unreturned_bounds: {range: [-5, 15]}}]\nprimary:"
    change(place / "study.yaml", "primary:", bounds)
    held = (place / "panel.csv").read_text(encoding="utf-8").splitlines()
    kept = [line for line in held if line[:3] not in ("A05", "A19")]
    (place / "panel.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    found = found_of(place)
    assert found.flow.start == 26 and len(found.members) == 24
    assert [(step.reason, step.left) for step in found.flow.steps] == [
        ("drawn, and no row in the records", 2)
    ]
    (row,) = found.sensitivity[0].tables[0].records()
    assert (row["units"], row["without"]) == (26, 2) and row["lower"] < EFFECT < row["upper"]
    table = next(one for one in found.tables if one.name == "since_drawn")
    assert sum(table.column("drawn")) == 26 and sum(table.column("in the analysis")) == 24


def test_units_of_which_no_row_came_are_counted_where_the_draw_tells_no_strata(place):
    """As after a replan: which strata issued units were drawn in is not told."""
    study = read_study(place / "study.yaml")
    drawn = as_drawn(study, place / "draw")
    by = dict(zip(drawn.allocation.units, drawn.allocation.code.tolist(), strict=True))
    gone = [next(unit for unit, code in by.items() if code == wave) for wave in (0, 1)]
    held = (place / "panel.csv").read_text(encoding="utf-8").splitlines()
    kept = [line for line in held if line[:3] not in gone]
    (place / "panel.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    without = replace(drawn, allocation=replace(drawn.allocation, strata=(), stratum=()))
    read = read_panel(study, read_records(study.records, base=place), drawn=without)
    assert read.panel.strata is not None and read.whole.strata is None
    table = lost_by_wave(read.whole, "days", Analysis((), stream="lost"))
    assert table.column("units") == (9, 9, 8, 26) and table.column("left out") == (1, 1, 0, 2)


def test_records_that_speak_of_other_periods_or_strata_are_a_fault(place):
    path = place / "panel.csv"
    held = path.read_text(encoding="utf-8")
    change(path, ",3,", ",3rd,")
    with pytest.raises(Malformed, match='26 rows are of "3rd", which is no period of the study'):
        found_of(place)
    kept = [line for line in held.splitlines() if line.split(",")[1] != "2"]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    with pytest.raises(Malformed, match='first was drawn to begin in "2", and the records hold no'):
        found_of(place)
    path.write_text(held.replace(",North,", ",South,"), encoding="utf-8")
    with pytest.raises(Malformed, match="9 units stand in another stratum in the records"):
        found_of(place)


@pytest.mark.parametrize("value", ["inf", "-1e300"])
def test_an_infinite_outcome_is_a_fault_and_not_nothing(place, value):
    path = place / "panel.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[5] = lines[5].rsplit(",", 1)[0] + f",{value}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(Malformed, match=r"column days holds infinite numbers.* in 1 row\."):
        found_of(place)


def test_values_outside_what_is_plausible_are_refused_or_of_a_freeze_told(place):
    asked = "collection: {columns: [days], ends: {}, plausible: {days: [-5, 20]}}\n  waves:"
    change(place / "study.yaml", "waves:", asked)
    assert "plausible" not in warned(found_of(place))
    path = place / "panel.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[5] = lines[5].rsplit(",", 1)[0] + ",21"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(Malformed, match=r"1 value of days outside -5 to 20.*--implausible"):
        found_of(place)
    # A freeze holds it since the unit stood by it.
    path.write_text("\n".join([f"{lines[0]},version", *(f"{a},1" for a in lines[1:])]) + "\n")
    assert "the returns hold 1 value of days outside -5 to 20" in warned(found_of(place))


def test_strata_come_from_the_register_where_the_records_hold_none(place):
    path = place / "panel.csv"
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("\n".join(f"{a},{b},{d}" for a, b, _, d in rows) + "\n", encoding="utf-8")
    assert value_of(found_of(place)) == pytest.approx(EFFECT, abs=0.3)


def test_who_slipped_or_withdrew_is_told_beside_the_answer(place):
    with (place / "draw" / "allocation.csv").open(encoding="utf-8") as stream:
        begin = [row["unit"] for row in csv.DictReader(stream) if row["begins"]]
    note(place / "draw", "slipped", units=begin[:2], period="4")
    note(place / "draw", "withdrew", units=[begin[2]], period="3")
    note(place / "draw", "merged", units=begin[3:5], period="4", into=["B9"])
    found = found_of(place)
    assert "3 of 26 drawn units (12%) did not begin as drawn" in warned(found)
    assert "slipped 2, withdrew 1" in warned(found)
    assert "2 values are of units after they merged or split, by the ledger" in warned(found)
    table = next(one for one in found.tables if one.name == "since_drawn")
    assert sum(table.column("slipped")) == 2 and sum(table.column("withdrew")) == 1


def test_a_unit_that_is_no_level_of_the_clusters_is_a_fault(place):
    change(place / "study.yaml", "unit: code}\n", "unit: code, clusters: {area_code: region}}\n")
    with pytest.raises(Malformed, match='"area" is none of the clusters'):
        found_of(place)


def test_what_was_drawn_elsewhere_has_to_be_tied_to_the_records(place):
    """Areas drawn whole, analysed by school, gave a standard error of 0.045 for a true 0.106."""
    study = read_study(place / "study.yaml")
    check_unit(study, None)  # its register names what was drawn by the records' unit
    alone = replace(study, rollout=replace(study.rollout, register=None))
    with pytest.raises(Malformed, match=r'"area" is not records.unit \(code\).* Mend: unit: code'):
        check_unit(alone, None)
    check_unit(replace(alone, assignment=replace(alone.assignment, unit="code")), None)
    held = replace(alone, records=replace(alone.records, clusters=(("area", "la"),)))
    check_unit(held, None)


def test_units_of_a_wave_that_begins_at_once_are_missed_by_the_test_that_replays_draws():
    panel = PanelWorld(u=40, begins=(0, 2, NEVER)).draw(1)
    shuffled = shuffles(panel, 9)
    whole = with_draws(task(panel, ask("simple"), draws=0), shuffled)
    # The draw that was made is the first of those kept.
    first = np.isin(np.arange(40), np.flatnonzero(whole.panel.begins[shuffled.codes[0]] == 0))
    told = replace(whole, panel=whole.panel.take(np.flatnonzero(~first)))
    (words,) = first_words(told)
    assert f"{first.sum()} drawn units began in the first period and are left out" in words
    assert first_words(whole) == []


def test_without_its_draw_a_roll_out_is_not_analysed(place):
    code, words = command(place)
    assert code == 2 and "--draw DIR" in words


def test_the_draw_of_another_study_or_one_not_made_is_refused(place):
    study = read_study(place / "study.yaml")
    assert as_drawn(study, place / "draw").source.draws == 600
    with pytest.raises(UsageError, match="the draw is of the study small-draw"):
        as_drawn(replace(study, name="other"), place / "draw")
    path = place / "study.yaml"
    register(study, place, out=place / "new", study_file=path.read_bytes())
    with pytest.raises(Malformed, match="not drawn yet"):
        as_drawn(study, place / "new")
