"""Queries of the check on small records made by hand, against the same in plain Python."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app
from fingerpost.engines._shared import collected
from fingerpost.england.build import Options, build
from fingerpost.england.check import children as arrays
from fingerpost.england.check import rows
from fingerpost.england.check.run import check
from fingerpost.england.check.targets import targets
from fingerpost.england.check.words import verdict
from fingerpost.records.declarations import TABLES
from fingerpost.records.store import Store, open_store
from fingerpost.records.writing import Manifest, begin, finish, write_part

CHILDREN = 60
Rows = dict[str, list[dict[str, Any]]]


def month_of(child: int) -> dt.date:
    """Return a month of birth in three school years."""
    months = 2003 * 12 + 8 + child % 36
    return dt.date(months // 12, months % 12 + 1, 1)


def due_of(child: int) -> int:
    """Return the academic year of Year 1, worked out by hand: born to August, the next but five."""
    month = month_of(child)
    return month.year + 6 + (1 if month.month > 8 else 0)


def england(seed: int = 4) -> Rows:
    """Return small records in plain Python: census, absence, admissions, assessments, deaths."""
    rng = np.random.default_rng(seed)
    found: Rows = defaultdict(list)
    for child in range(CHILDREN):
        month = month_of(child)
        found["child"].append(
            {"child_id": child, "birth_month": month, "sex": "MF"[child % 2], "ethnicity": "WHIT"}
            | {"first_language": "ENG"}
        )
        found["birth"].append(
            {"child_id": child, "birth_date": month.replace(day=9), "multiple": int(child % 9 == 0)}
            | {"gestation_weeks": 30 + child % 12, "birth_weight_g": 3000, "live": 1}
        )
        for year in range(-1, 7):
            for term in ("AUT", "SPR", "SUM"):
                if rng.random() < 0.15:
                    continue
                found["school_census"].append(census(child, year, term, rng))
                found["absence"].append(sessions(child, year, term, rng))
        for number in range(rng.integers(0, 6)):
            found["hes_apc"].append(episode(child, number, rng))
        if child % 20 == 7:
            found["death"].append({"child_id": child, "death_date": dt.date(2012, 5, 5)})
        score = {"child_id": child, "academic_year": due_of(child) + 5, "urn": 1}
        found["ks2"].append(score | {"maths_expected": child % 2, "assessed": int(child % 5 > 0)})
        for place in ("school",):
            if child < 7:
                found[place].append(
                    {"urn": child, "la": f"{child % 3}", "phase": "primary", "region": "North East"}
                )
    return found


def census(child: int, year: int, term: str, rng: np.random.Generator) -> dict[str, Any]:
    """Return a row of the school census."""
    return {
        "child_id": child,
        "academic_year": due_of(child) - 1 + year,
        "term": term,
        "urn": child % 7,
        "la": f"{child % 3}",
        "nc_year": year,
        "enrolment": ["C", "M", "S"][rng.integers(0, 3)],
        "sen_provision": ["N", "A", "P", "K", "S", "E", None][rng.integers(0, 7)],
        "fsm": int(rng.integers(0, 2)),
        "school_type": ["mainstream", "special"][rng.integers(0, 2)],
    }


def sessions(child: int, year: int, term: str, rng: np.random.Generator) -> dict[str, Any]:
    """Return a row of absence."""
    authorised, unauthorised = (int(n) for n in rng.integers(0, 20, 2))
    return {
        "child_id": child,
        "academic_year": due_of(child) - 1 + year,
        "term": term,
        "urn": child % 7,
        "sessions_possible": 120,
        "authorised": authorised,
        "unauthorised": unauthorised,
        "overall": authorised + unauthorised,
    }


def episode(child: int, number: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return an episode of admitted care."""
    day = month_of(child) + dt.timedelta(days=int(rng.integers(0, 4400)))
    return {
        "child_id": child,
        "episode_id": child * 10 + number,
        "episode_start": day,
        "episode_end": day,
        "admission_date": day,
        "discharge_date": day,
        "episode_order": int(rng.integers(1, 3)),
        "admission_method": ["11", "21", "2A", "31", "2B"][rng.integers(0, 5)],
    }


def stored(folder: Path, found: Rows, *, synthetic: bool = True) -> Path:
    """Write records as the project writes them."""
    begin(folder, {"made": "by hand"})
    epoch = dt.date(2000, 1, 1)
    for table, lines in found.items():
        declared = TABLES[table].columns
        whole = [
            {name: line.get(name) for name in declared}
            | {name: line.get(name, epoch) for name in ("valid_from", "known_from")}
            for line in lines
        ]
        frame = pl.DataFrame(whole, infer_schema_length=None).sort(
            "child_id" if table != "school" else "urn"
        )
        write_part(folder, table, index=0, rows=frame.to_arrow())
    finish(folder, Manifest(made_by="test", synthetic=synthetic))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored(tmp_path_factory.mktemp("england") / "records", england())


@pytest.fixture(params=["duckdb", "polars"])
def store(request: pytest.FixtureRequest, folder: Path) -> Store:
    return open_store(folder, request.param)


def by_child(frame: Any, column: str) -> dict[int, Any]:
    """Return one column by child, children without it left out."""
    found = collected(frame, "test").to_dict(as_series=False)
    pairs = zip(found["child_id"], found[column], strict=True)
    return {child: value for child, value in pairs if value is not None}


def highest(found: Rows, year: int, terms: str) -> dict[int, int]:
    """Return the highest level of a year in plain Python."""
    level = {None: 0, "N": 0, "A": 1, "P": 1, "K": 1, "S": 2, "E": 2}
    best: dict[int, int] = {}
    for row in found["school_census"]:
        if row["nc_year"] == year and row["term"] in terms and row["enrolment"] != "S":
            child = row["child_id"]
            best[child] = max(best.get(child, 0), level[row["sen_provision"]])
    return best


def test_levels_of_provision(store: Store):
    found, census = england(), rows.schooled(store)
    assert by_child(census, "level_1_spring") == highest(found, 1, "AUT SPR")
    for year in range(7):
        assert by_child(census, f"level_{year}") == highest(found, year, "AUT SPR SUM")
    figures = [
        row
        for row in found["school_census"]
        if row["academic_year"] == rows.FIGURES and 1 <= row["nc_year"] <= 6
    ]
    spring = {"school_census": figures}
    want = [highest(spring, year, "SPR") for year in range(1, 7)]
    assert by_child(census, "level_figures") == {c: v for best in want for c, v in best.items()}


def test_sessions_of_years_1_to_6(store: Store):
    found = england()
    want: dict[int, int] = {}
    for row in found["absence"]:
        if 0 <= row["academic_year"] - due_of(row["child_id"]) <= 5:
            want[row["child_id"]] = want.get(row["child_id"], 0) + row["unauthorised"]
    assert by_child(rows.absent(store), "unauthorised") == want


def test_admissions_of_years_1_to_6(store: Store):
    found = england()
    planned: dict[int, int] = {}
    unplanned: dict[int, int] = {}
    for row in found["hes_apc"]:
        day, child = row["admission_date"], row["child_id"]
        begins = dt.date(due_of(child) - 1, 9, 1)
        if row["episode_order"] == 1 and begins <= day < begins.replace(year=begins.year + 6):
            how = row["admission_method"]
            planned[child] = planned.get(child, 0) + (how == "11")
            unplanned[child] = unplanned.get(child, 0) + (how in ("21", "2A", "2B"))
    assert by_child(rows.admitted(store), "planned") == planned
    assert by_child(rows.admitted(store), "unplanned") == unplanned


def test_everything_of_a_child_is_one_row(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(arrays, "PHENOTYPES", ())
    of = arrays.children(store)
    assert len(of) == CHILDREN
    assert of["reception"].tolist() == [due_of(child) - 1 for child in range(CHILDREN)]
    assert of["boy"].tolist() == [1 - child % 2 for child in range(CHILDREN)]
    born = [(month_of(c).replace(day=9) - dt.date(1970, 1, 1)).days for c in range(CHILDREN)]
    assert of["born"].tolist() == born
    died = np.flatnonzero(~np.isnan(of["death_day"]))
    assert died.tolist() == [7, 27, 47]
    assert of["ks2_assessed"].tolist() == [float(child % 5 > 0) for child in range(CHILDREN)]
    assert of.counts == {"authorities": 3, "primary_schools": 7}
    # Children of one school share a code; a child without a school has one of its own.
    schooled = by_child(rows.schooled(store), "urn")
    for one in range(CHILDREN):
        mates = {other for other in range(CHILDREN) if of.school[other] == of.school[one]}
        same = {c for c in range(CHILDREN) if one in schooled and schooled.get(c) == schooled[one]}
        assert mates == (same or {one})


def test_the_command_tells_and_exits_by_its_verdict(folder: Path, tmp_path: Path):
    told = tmp_path / "check.json"
    told.touch()
    asked = ["england", "check", str(folder), "--json", str(told), "-q", "--engine", "polars"]
    ran = CliRunner().invoke(app, asked)
    assert ran.exit_code == 4, ran.output
    assert "SEN Support in Year 1" in ran.output and "targets missed" in ran.output
    assert '"verdict": "missed"' in told.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["check.json", "child/check.json"])
def test_nothing_is_written_among_the_records(folder: Path, name: str):
    asked = ["england", "check", str(folder), "--json", str(folder / name)]
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code == 2 and "among the records" in refused.output
    assert not (folder / name).exists()


def test_records_that_are_not_synthetic_are_refused(tmp_path: Path):
    real = stored(tmp_path / "real", england(), synthetic=False)
    ran = CliRunner().invoke(app, ["england", "check", str(real), "-q"])
    assert ran.exit_code == 2 and "synthetic" in ran.output


@pytest.mark.slow
def test_the_default_england_meets_its_targets(tmp_path: Path):
    """A small one, whose tolerances are wide."""
    build(tmp_path / "england", Options(children=60_000, seed=1))
    found = check(open_store(tmp_path / "england"))
    assert found.passed, verdict(found)
    wanted = sum(target.judged for target in targets())
    assert len(found.judged) + len(found.unjudged) == wanted


@pytest.mark.slow
def test_an_england_without_confounding_does_not(tmp_path: Path):
    build(tmp_path / "england", Options(children=40_000, seed=1, scenario="no_confounding"))
    missed = {row.target.id for row in check(open_store(tmp_path / "england")).missed}
    assert {"support_year_1", "unauthorised_support", "overall_support"} <= missed
