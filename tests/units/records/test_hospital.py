from __future__ import annotations

import random
from datetime import date

import polars as pl
import pytest

from fingerpost.records.hospital import birth_records, clean_dates, spells
from units.records.frames import ENGINES, day, frame, rows

pytestmark = pytest.mark.parametrize("engine", ENGINES)
EPOCH = date(1970, 1, 1)
MISSING_DATES = (date(1800, 1, 1), date(1801, 1, 1))


def episode(child: int, number: int, start: int, end: int, **more: object) -> dict:
    return {
        "child_id": child,
        "episode_id": number,
        "episode_start": day(start),
        "episode_end": day(end),
        "episode_order": 1,
        "admission_method": "21",
        "known_from": day(start),
        **more,
    }


def test_dates_are_filled_and_swapped(engine):
    given = [
        {"child_id": 1, "episode_id": 1, "episode_start": day(9), "episode_end": day(3)},
        {
            "child_id": 1,
            "episode_id": 2,
            "episode_start": day(20),
            "episode_end": MISSING_DATES[1],
            "discharge_date": day(25),
        },
        {
            "child_id": 1,
            "episode_id": 3,
            "episode_start": MISSING_DATES[0],
            "admission_date": day(40),
        },
        {
            "child_id": 1,
            "episode_id": 4,
            "episode_start": day(60),
            "episode_end": day(61),
            "admission_date": day(62),
            "discharge_date": day(58),
        },
        {"child_id": 1, "episode_id": 5, "episode_start": MISSING_DATES[1]},
    ]
    found = rows(clean_dates(frame(engine, "hes_apc", given)), "episode_id")
    dates = ("episode_start", "episode_end", "admission_date", "discharge_date")
    assert [tuple(row[name] for name in dates) for row in found] == [
        (day(3), day(9), None, None),
        (day(20), day(25), None, day(25)),
        (day(40), day(40), day(40), None),
        (day(60), day(61), day(58), day(62)),
    ]


def test_touching_episodes_are_one_spell_and_a_day_between_makes_two(engine):
    given = [
        episode(1, 1, 10, 12),
        episode(1, 2, 12, 15),
        episode(1, 3, 16, 17),
        episode(2, 4, 12, 13),
    ]
    found = rows(spells(frame(engine, "hes_apc", given)), "child_id", "spell")
    assert [(r["child_id"], r["spell"], r["start"], r["end"]) for r in found] == [
        (1, 1, day(10), day(15)),
        (1, 2, day(16), day(17)),
        (2, 1, day(12), day(13)),
    ]
    assert [(r["nights"], r["episodes"]) for r in found] == [(5, 2), (1, 1), (1, 1)]


def test_a_long_episode_holds_short_ones_that_end_before_it(engine):
    given = [episode(1, 1, 1, 30), episode(1, 2, 2, 3), episode(1, 3, 20, 21)]
    found = rows(spells(frame(engine, "hes_apc", given)), "spell")
    assert [(r["start"], r["end"], r["episodes"]) for r in found] == [(day(1), day(30), 3)]


@pytest.mark.parametrize(
    ("first", "second", "unplanned"),
    [("21", "11", 1), ("11", "21", 0), ("2D", "11", 1), ("2C", "21", 0), (None, "21", 0)],
)
def test_a_spell_is_unplanned_by_its_first_episode(engine, first, second, unplanned):
    given = [
        episode(1, 2, 12, 15, admission_method=second),
        episode(1, 1, 10, 12, admission_method=first),
    ]
    (found,) = rows(spells(frame(engine, "hes_apc", given)), "spell")
    assert (found["admission_method"], found["unplanned"]) == (first, unplanned)


def test_a_birth_is_never_unplanned(engine):
    given = [episode(1, 1, 1, 3, start_age=7001, diag_01="Z380", admission_method="28")]
    (found,) = rows(spells(frame(engine, "hes_apc", given)), "spell")
    assert (found["birth"], found["unplanned"]) == (1, 0)


def slow_spells(given: list[dict]) -> list[tuple]:
    """The rule written plainly: walk a child's episodes in order, open a spell after a gap."""
    found = []
    for child in sorted({row["child_id"] for row in given}):
        mine = [row for row in given if row["child_id"] == child]
        cleaned = []
        for row in mine:
            start, end = row["episode_start"], row["episode_end"] or row["discharge_date"]
            end = end or start
            start, end = min(start, end), max(start, end)
            cleaned.append((start, row["episode_order"], end, row["episode_id"], row))
        cleaned.sort(key=lambda item: item[:4])
        open_spell: list | None = None
        for start, _, end, _, row in cleaned:
            if open_spell is None or start > open_spell[2]:
                open_spell = [child, start, end, 1, row["admission_method"]]
                found.append(open_spell)
            else:
                open_spell[2] = max(open_spell[2], end)
                open_spell[3] += 1
    return [tuple(item) for item in found]


def test_spells_of_many_children_agree_with_the_rule_walked_plainly(engine):
    draw = random.Random(20)
    given = []
    for number in range(400):
        start = draw.randint(1, 200)
        end = None if draw.random() < 0.2 else day(start + draw.randint(-3, 12))
        given.append(
            episode(draw.randint(1, 40), number, start, start, admission_method=draw.choice("ABC"))
            | {
                "episode_end": end,
                "discharge_date": None if end or draw.random() < 0.5 else day(start + 4),
                "episode_order": draw.randint(1, 3),
            }
        )
    found = rows(spells(frame(engine, "hes_apc", given)), "child_id", "spell")
    names = ("child_id", "start", "end", "episodes", "admission_method")
    assert [tuple(row[name] for name in names) for row in found] == slow_spells(given)


BORN = {"start_age": 7001, "admission_method": "82"}


def births(engine: str, *given: dict) -> list[dict]:
    return rows(birth_records(frame(engine, "hes_apc", given)), "child_id")


def test_each_mark_of_birth_counts_in_the_newborn_alone(engine):
    marks = [
        {"diag_03": "Z380"},
        {"diag_01": "Z370"},
        {"episode_type": "3"},
        {"episode_type": "6"},
        {"class_patient": "5"},
        {"admission_method": "82"},
        {"admission_method": "83"},
        {"admission_method": "2C"},
    ]
    newborn = [episode(at, at, 1, 2) | {"start_age": 7002} | mark for at, mark in enumerate(marks)]
    older = [
        episode(50 + at, 50 + at, 1, 2) | {"start_age": 7003} | mark
        for at, mark in enumerate(marks)
    ]
    unmarked = episode(99, 99, 1, 2, start_age=7001, diag_01="P071")
    found = births(engine, *newborn, *older, unmarked)
    assert [row["child_id"] for row in found] == list(range(len(marks)))


@pytest.mark.parametrize("code", ["Z372", "Z377", "Z383", "Z388", "Z371", "P95", "P964", "P95X"])
def test_multiple_still_and_ended_births_are_left_out(engine, code):
    assert births(engine, episode(1, 1, 1, 2, diag_02=code, **BORN)) == []


@pytest.mark.parametrize("code", ["Z370", "Z382", "P961"])
def test_other_codes_leave_nobody_out(engine, code):
    assert len(births(engine, episode(1, 1, 1, 2, diag_02=code, **BORN))) == 1


@pytest.mark.parametrize(
    ("name", "column", "kept", "dropped"),
    [
        ("gestation", "gestation_weeks", (22, 45), (21, 46, 99)),
        ("birth_weight", "birth_weight_g", (200, 9000), (199, 9999)),
        ("mother_age", "mother_age", (10, 60), (9, 61)),
    ],
)
def test_implausible_values_become_missing(engine, name, column, kept, dropped):
    values = (*kept, *dropped)
    given = [episode(at, at, 1, 2, **BORN) | {name: value} for at, value in enumerate(values)]
    found = [row[column] for row in births(engine, *given)]
    assert found == [*kept, *[None] * len(dropped)]


def test_rows_of_birth_that_disagree_drop_the_child(engine):
    same = {"gestation": 38, "birth_weight": 3000, "mother_age": 30, **BORN}
    given = [
        episode(1, 1, 1, 2, **same),
        episode(1, 2, 2, 3, **{**same, "birth_weight": None}),
        episode(2, 3, 1, 2, **same),
        episode(2, 4, 1, 2, **{**same, "gestation": 39}),
        episode(3, 5, 1, 2, **same),
        episode(3, 6, 8, 9, **same),
        episode(4, 7, 1, 2, **same),
        episode(4, 8, 7, 9, **same),
    ]
    found = births(engine, *given)
    assert [(row["child_id"], row["birth_date"]) for row in found] == [(1, day(1)), (4, day(1))]
    assert {row["birth_weight_g"] for row in found} == {3000}


def test_types_are_those_of_the_standard(engine):
    found = birth_records(frame(engine, "hes_apc", [episode(1, 1, 1, 2, **BORN)]))
    native = found.collect("polars").to_native()
    assert dict(native.schema) == {
        "child_id": pl.Int64,
        "birth_date": pl.Date,
        "gestation_weeks": pl.Int64,
        "birth_weight_g": pl.Int64,
        "mother_age": pl.Int64,
        "multiple": pl.Int64,
        "live": pl.Int64,
        "valid_from": pl.Date,
        "valid_to": pl.Date,
        "known_from": pl.Date,
    }
