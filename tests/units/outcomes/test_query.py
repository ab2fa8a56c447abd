"""Measures counted by the engines against the same measures counted by hand, row by row."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pytest

from fingerpost.core.calendar import TERMS
from fingerpost.core.errors import FingerpostError
from fingerpost.core.leaves import RecordsMeasure, load, menu
from fingerpost.outcomes._query import CHILD, WINDOW, exposure_of, finished, measured
from units.cohorts.linked.little import ENGINES, child, opened

EPOCH = date(1970, 1, 1)
ZERO, EXIT = date(2010, 1, 21), date(2015, 8, 31)
CHILDREN = range(1, 31)


def follow(number: int) -> dict[str, int]:
    """Return the follow-up of a child: some end early, some of them by leaving."""
    early = number % 5 == 0
    end = date(2012, 8, 31) if early else EXIT
    last = 2012 if early else 2015
    return {
        "zero_day": (ZERO - EPOCH).days,
        "zero_term": 3 * 2010 + 1,
        "zero_year": 2010,
        "last_year": 2015,
        "exit_day": (end - EPOCH).days,
        "exit_term": 3 * last + 2,
        "left_school": int(number % 10 == 0),
        # Of those who left, some opted out on that day; the rest are still seen by hospitals.
        "open_day": ((end if number % 15 == 0 else EXIT) - EPOCH).days,
        "opted_out": int(number % 15 == 0),
    }


def records(seed: int) -> dict[str, list[dict[str, Any]]]:
    rng = np.random.default_rng(seed)
    tables: dict[str, list[dict[str, Any]]] = {"child": [child(n) for n in CHILDREN]}
    tables |= {name: [] for name in ("absence", "hes_apc", "hes_ae", "ks2", "wellbeing", "death")}
    tables["exclusion"], tables["phonics"], tables["ks1"] = [], [], []
    for n in CHILDREN:
        for year in range(2009, 2017):
            for term in TERMS:
                possible = int(rng.choice([0, 60, 130, 450]))
                missed = int(rng.integers(0, 30))
                tables["absence"].append(
                    {"child_id": n, "academic_year": year, "term": term, "illness": missed // 2}
                    | {"sessions_possible": possible, "unauthorised": missed // 3}
                    | {"overall": missed, "medical": missed // 4, "known_from": ZERO}
                )
                if rng.random() < 0.1:
                    tables["exclusion"].append(
                        {"child_id": n, "academic_year": year, "term": term, "known_from": ZERO}
                    )
            if rng.random() < 0.7:
                tables["wellbeing"].append(
                    {"child_id": n, "academic_year": year, "known_from": ZERO}
                    | {"participation": float(rng.normal()), "wellbeing": float(rng.normal())}
                )
        for place in range(int(rng.integers(0, 12))):
            day = date(2009, 6, 1) + timedelta(days=int(rng.integers(0, 2600)))
            stay = timedelta(days=int(rng.integers(0, 30)))
            tables["hes_apc"].append(
                {"child_id": n, "episode_id": 100 * n + place, "admission_date": day}
                | {"discharge_date": day + stay, "known_from": day}
                | {"episode_order": int(rng.choice([1, 1, 1, 2]))}
                | {"episode_type": str(rng.choice(["1", "1", "3"]))}
                | {"admission_method": str(rng.choice(["11", "21", "2A", "2B", "2C", "2D"]))}
            )
            came = {"child_id": n, "attendance_date": day, "known_from": day}
            tables["hes_ae"] += [came] * int(rng.integers(0, 2))
        for table, year, low, high in (("ks1", 2011, -2.0, 2.0), ("ks2", 2015, 80.0, 120.0)):
            mark = float(rng.uniform(low, high)) if rng.random() < 0.8 else None
            tables[table].append(
                {"child_id": n, "academic_year": year, "maths": mark, "known_from": ZERO}
                | {"maths_expected": None if mark is None else int(mark >= (low + high) / 2)}
                | {"assessed": int(mark is not None)}
            )
        if rng.random() < 0.2:
            day = date(2010, 1, 1) + timedelta(days=int(rng.integers(0, 2400)))
            tables["death"].append({"child_id": n, "death_date": day, "known_from": day})
    return tables


def found(store, names: list[str]) -> dict[int, dict[str, Any]]:
    own = {name: load("outcomes", name, kind=RecordsMeasure) for name in names}
    rows = [{CHILD: n} | follow(n) for n in CHILDREN]
    window = store.frame("child").select(CHILD)
    for column in WINDOW:
        values = [row[column] for row in rows]
        looked = nw.col(CHILD).replace_strict(
            list(CHILDREN), values, default=None, return_dtype=nw.Int64
        )
        window = window.with_columns(looked.alias(column))
    for part in measured(store, window, measures=own):
        window = window.join(part, on=CHILD, how="left")
    table = window.select(CHILD, *finished(own)).collect("polars").to_native()
    assert all(dtype == pl.Float64 for name, dtype in table.schema.items() if name != CHILD)
    return {row[CHILD]: row for row in table.to_dicts()}


def inside(number: int, row: dict[str, Any]) -> bool:
    held = follow(number)
    term = 3 * row["academic_year"] + TERMS.index(row["term"])
    return held["zero_term"] < term <= held["exit_term"]


def days(number: int) -> tuple[date, date]:
    return ZERO, EPOCH + timedelta(days=follow(number)["open_day"])


def of(tables, name: str, number: int) -> list[dict[str, Any]]:
    return [row for row in tables[name] if row["child_id"] == number]


@pytest.mark.parametrize("engine", ENGINES)
def test_absence_and_exclusions_are_those_counted_by_hand(tmp_path, engine):
    tables = records(1)
    store = opened(tmp_path, engine, **tables)
    kinds = ("unauthorised", "medical", "illness", "overall")
    names = [*(f"{kind}_absence" for kind in kinds), "persistent_absence", "exclusions"]
    table = found(store, names)
    for n in CHILDREN:
        rows = [row for row in of(tables, "absence", n) if inside(n, row)]
        sane = [row for row in rows if 0 < row["sessions_possible"] <= 420]
        possible = sum(row["sessions_possible"] for row in sane)
        for kind in kinds:
            assert table[n][f"{kind}_absence"] == sum(row[kind] for row in sane)
            assert table[n][f"{kind}_absence exposure"] == pytest.approx(possible / 100)
        missed = sum(row["overall"] for row in sane)
        assert table[n]["persistent_absence"] == float(missed / possible >= 0.1)
        sent = [row for row in of(tables, "exclusion", n) if inside(n, row)]
        assert table[n]["exclusions"] == len(sent)


def stays(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the stays in hospital of one child, by looking at each episode in turn."""
    sudden = {"21", "22", "23", "24", "25", "28", "2A", "2B", "2D"}
    found: list[dict[str, Any]] = []
    order = ("admission_date", "episode_order", "discharge_date", "episode_id")
    for row in sorted(rows, key=lambda one: tuple(one[name] for name in order)):
        if not found or row["admission_date"] > found[-1]["end"]:
            method = row["admission_method"]
            found.append({"day": row["admission_date"], "unplanned": method in sudden})
            found[-1] |= {"end": row["discharge_date"], "birth": False}
        found[-1]["end"] = max(found[-1]["end"], row["discharge_date"])
        # A home birth (2C) is a birth, whatever the type of episode.
        found[-1]["birth"] |= row["episode_type"] == "3" or row["admission_method"] == "2C"
    return [one for one in found if not one["birth"]]


@pytest.mark.parametrize("engine", ENGINES)
def test_stays_and_contacts_are_those_counted_by_hand(tmp_path, engine):
    tables = records(2)
    store = opened(tmp_path, engine, **tables)
    table = found(store, ["unplanned_admissions", "planned_admissions", "hospital_contacts"])
    for n in CHILDREN:
        first, last = days(n)
        held = [stay for stay in stays(of(tables, "hes_apc", n)) if first < stay["day"] <= last]
        sudden = [stay for stay in held if stay["unplanned"]]
        assert table[n]["unplanned_admissions"] == len(sudden)
        assert table[n]["planned_admissions"] == len(held) - len(sudden)
        came = {row["attendance_date"] for row in of(tables, "hes_ae", n)}
        came = {day for day in came if first < day <= last}
        assert table[n]["hospital_contacts"] == len(came | {stay["day"] for stay in sudden})
        years = (last - first).days / 365.25
        assert table[n]["unplanned_admissions exposure"] == pytest.approx(years)


@pytest.mark.parametrize("engine", ENGINES)
def test_scores_reports_and_deaths_are_those_counted_by_hand(tmp_path, engine):
    tables = records(3)
    store = opened(tmp_path, engine, **tables)
    composite = "ks2_maths_expected_composite"
    names = ["ks1_maths", "ks2_maths", "ks2_maths_expected", composite, "death", "participation"]
    table = found(store, names)
    for stage in ("ks1", "ks2"):
        marks = {row["child_id"]: row["maths"] for row in tables[stage]}
        known = np.array([mark for mark in marks.values() if mark is not None])
        for n, mark in marks.items():
            z = None if mark is None else (mark - known.mean()) / known.std(ddof=1)
            assert table[n][f"{stage}_maths"] == (None if z is None else pytest.approx(z))
    for n in CHILDREN:
        (row,) = of(tables, "ks2", n)
        reached = row["maths_expected"]
        assert table[n]["ks2_maths_expected"] == (None if reached is None else float(reached))
        gone = follow(n)["left_school"] and reached is None
        assert table[n][composite] == (None if gone else float(reached or 0))
        first, last = days(n)
        died = any(first < row["death_date"] <= last for row in of(tables, "death", n))
        assert table[n]["death"] == (None if follow(n)["opted_out"] and not died else float(died))
        told = [
            row["participation"]
            for row in of(tables, "wellbeing", n)
            if 2010 < row["academic_year"] <= 2015
        ]
        assert table[n]["participation"] == (pytest.approx(np.mean(told)) if told else None)


def test_every_measure_says_what_a_reader_needs():
    for name, leaf in menu("outcomes", RecordsMeasure).items():
        said = (leaf.title, leaf.summary, leaf.reference, leaf.domain, leaf.measured_in)
        assert all(said) and leaf.window, name
        assert leaf.better in ("higher", "lower"), name
        assert (leaf.rows == "once") == (leaf.year is not None), name
        assert (exposure_of(name, leaf) is not None) == (leaf.kind == "count"), name


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kind": "number"}, "kind number"),
        ({"rows": "weeks"}, "rows weeks"),
        ({"absent": "one"}, "absent one"),
        ({"scale": "odds"}, "scale odds"),
        ({"seen": "at home"}, "seen at home"),
        ({"rows": "terms", "seen": "health records"}, "rows terms, seen in health records"),
        ({"rows": "events", "dated": ""}, "no date"),
    ],
)
def test_a_descriptor_with_an_unknown_word_is_refused(changed, words):
    from dataclasses import replace

    leaf = load("outcomes", "ks2_maths", kind=RecordsMeasure)
    with pytest.raises(FingerpostError, match=words):
        replace(leaf, **changed)
