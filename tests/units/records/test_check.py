"""Each rule is broken on purpose, by known rows; it must be told of by place, and no value be."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import date

import polars as pl
import pytest

from fingerpost.records.check import check
from fingerpost.records.declarations import TABLES
from fingerpost.records.store import open_store
from fingerpost.records.telling import as_data, told
from units.records.frames import ENGINES
from units.records.tables import ABSENCE, CHILD, replaced, without, write

pytestmark = pytest.mark.parametrize("engine", ENGINES)
TODAY = date(2020, 1, 1)
CENSUS = (
    "child_id,academic_year,term,urn,la,nc_year,enrolment,sen_provision,fsm,school_type,"
    "valid_from,known_from\n"
    "001,2010,SPR,100,E1,1,C,A,0,mainstream,2010-01-21,2010-01-21\n"
    "003,2012,SPR,100,E1,1,C,N,1,mainstream,2012-01-19,2012-01-19\n"
)
DEATH = (
    "child_id,death_date,cause_01,valid_from,known_from\n001,2012-03-01,Q37,2012-03-01,2012-04-01\n"
)
CARE = (
    "child_id,kind,start_date,end_date,valid_from,known_from\n"
    "001,cin,2012-03-01,2012-04-01,2012-03-01,2012-04-01\n"
)
GOOD = {
    "child": CHILD,
    "absence": ABSENCE,
    "school_census": CENSUS,
    "death": DEATH,
    "social_care": CARE,
}


def problems(tmp_path, engine: str, **tables: str) -> list[tuple]:
    store = open_store(write(tmp_path / "records", **{"child": CHILD, **tables}), engine)
    report = check(store, today=TODAY)
    assert report.ok == (not report.faults)
    return [(p.table, p.column, p.rule, p.count, p.rows) for p in report.problems]


def test_good_records_have_no_problem(tmp_path, engine):
    assert problems(tmp_path, engine, **GOOD) == []


ABSENT = [
    ({"overall": "x"}, ("overall", "type")),
    ({"overall": "4.5"}, ("overall", "type")),
    ({"known_from": "2010-02-30"}, ("known_from", "type")),
    ({"known_from": "01/10/2010"}, ("known_from", "type")),
    ({"child_id": ""}, ("child_id", "blank")),
    ({"academic_year": ""}, ("academic_year", "blank")),
    ({"term": "WIN"}, ("term", "code")),
    ({"sessions_possible": "421"}, ("sessions_possible", "range")),
    ({"authorised": "-1"}, ("authorised", "range")),
    ({"overall": "141"}, ("overall", "total")),
    ({"illness": "5"}, ("illness", "total")),
    ({"known_from": "2020-01-02"}, ("known_from", "future")),
    ({"known_from": "2009-08-31"}, ("known_from", "known")),
    ({"child_id": "999"}, ("child_id", "orphan")),
    ({"valid_from": "2010-01-01", "valid_to": "2009-01-01"}, ("valid_to", "order")),
]


def test_each_rule_of_a_row_is_told_by_its_place(tmp_path, engine):
    header = ABSENCE.splitlines()[0].replace("valid_from,", "valid_from,valid_to,")
    text = header + "\n"
    for urn in range(len(ABSENT)):
        text += f"001,2010,AUT,{urn},140,3,1,4,3,0,2009-09-01,,2010-01-10\n"
    for row, (cells, _) in enumerate(ABSENT, start=1):
        text = replaced(text, row, **cells)
    expected = {
        told_of: [row for row, (_, other) in enumerate(ABSENT, start=1) if other == told_of]
        for _, told_of in ABSENT
    }
    assert sorted(problems(tmp_path, engine, absence=text)) == sorted(
        ("absence", *told_of, len(rows), tuple(rows)) for told_of, rows in expected.items()
    )


def test_no_row_of_a_term_is_known_before_the_term_began(tmp_path, engine):
    text = replaced(ABSENCE, 2, known_from="2009-12-31")
    text = replaced(text, 4, known_from="2011-03-31")
    assert problems(tmp_path, engine, absence=text) == [
        ("absence", "known_from", "known", 2, (2, 4))
    ]
    text = replaced(ABSENCE, 2, known_from="2010-01-01")
    assert problems(tmp_path, engine, absence=text) == []


def test_a_year_after_this_one_is_in_the_future(tmp_path, engine):
    text = replaced(ABSENCE, 2, academic_year="2021", known_from="2019-12-01")
    found = problems(tmp_path, engine, absence=text)
    assert ("absence", "academic_year", "future", 1, (2,)) in found


def test_events_before_birth_and_in_old_age(tmp_path, engine):
    early = replaced(DEATH, 1, death_date="2003-12-31", valid_from="2003-12-31")
    found = problems(tmp_path, engine, death=early)
    assert found == [("death", "death_date", "age", 1, (1,))]
    month = replaced(DEATH, 1, death_date="2004-01-02", known_from="2004-02-01")
    assert problems(tmp_path, engine, death=month) == []
    old = replaced(CHILD, 1, birth_month="1980-01-01")
    found = problems(tmp_path, engine, child=old, absence=ABSENCE, death=DEATH, social_care=CARE)
    assert {row[:3] for row in found} == {
        ("absence", "academic_year", "age"),
        ("death", "death_date", "age"),
        ("social_care", "start_date", "age"),
    }


@pytest.mark.parametrize(("nc_year", "wrong"), [(-2, False), (4, False), (-3, True), (5, True)])
def test_a_year_group_far_from_the_age_is_impossible(tmp_path, engine, nc_year, wrong):
    # Born in January 2004, the child is due in Year 1 in 2009/10.
    found = problems(tmp_path, engine, school_census=replaced(CENSUS, 1, nc_year=str(nc_year)))
    assert ("school_census", "nc_year", "age", 1, (1,)) in found if wrong else found == []


def test_a_spell_that_ends_before_it_starts(tmp_path, engine):
    text = replaced(CARE, 1, end_date="2012-02-29")
    assert problems(tmp_path, engine, social_care=text) == [
        ("social_care", "end_date", "order", 1, (1,))
    ]


def test_a_child_that_is_there_twice(tmp_path, engine):
    twice = CHILD + CHILD.splitlines()[2] + "\n" + CHILD.splitlines()[2] + "\n"
    assert problems(tmp_path, engine, child=twice) == [
        ("child", "child_id", "duplicate", 2, (4, 5))
    ]


def test_columns_that_are_missing_and_unknown(tmp_path, engine):
    text = ABSENCE.replace("unauthorised", "unauthorized")
    assert problems(tmp_path, engine, absence=text) == [
        ("absence", "unauthorised", "column", 0, ()),
        ("absence", "unauthorized", "column", 0, ()),
    ]
    assert problems(tmp_path, engine, absence=without(ABSENCE, "illness")) == []


def test_a_table_without_its_key_is_still_told_of(tmp_path, engine):
    found = problems(tmp_path, engine, absence=without(ABSENCE, "child_id"))
    assert found == [("absence", "child_id", "column", 0, ())]
    found = problems(tmp_path, engine, child=without(CHILD, "child_id"), absence=ABSENCE)
    assert ("child", "child_id", "column", 0, ()) in found


def test_no_table_of_children(tmp_path, engine):
    store = open_store(write(tmp_path / "records", absence=ABSENCE), engine)
    report = check(store, today=TODAY)
    assert [(p.table, p.rule) for p in report.faults] == [("child", "table")]


def test_files_that_cannot_be_read_do_not_stop_the_others(tmp_path, engine):
    folder = write(
        tmp_path / "records",
        **GOOD,
        ks1="",
        ks2="child_id,assessed\n001,1\n001\n",
        notes="a\n1\n",
    )
    (folder / "phonics.csv").write_bytes(CHILD.encode() + b"\xe9\n")
    (folder / "eyfsp.csv").write_text("child_id,child_id\n1,1\n")
    (folder / "birth.csv").write_text("001,2004-01-01,38\n002,2004-02-01,39\n")
    (folder / "mhsds.parquet").write_bytes(b"PAR1 no PAR1")
    report = check(open_store(folder, engine), today=TODAY)
    unread = {p.table: p.said for p in report.faults}
    assert set(unread) == {"ks1", "ks2", "phonics", "eyfsp", "birth", "mhsds"}
    assert "not UTF-8 (line 5)" in unread["phonics"]
    assert "no header" in unread["ks1"] and "1 fields where the header has 2" in unread["ks2"]
    assert "looks like a row of data" in unread["birth"]
    assert set(report.rows) == set(GOOD)
    assert [(p.table, p.weight) for p in report.problems if p.rule == "table"] == [
        ("notes", "notice")
    ]


def test_no_value_of_a_child_is_ever_told(tmp_path, engine):
    secrets = ("Zebedee", "8765432", "1999-09-09", "4321")
    text = replaced(ABSENCE, 1, child_id=secrets[1], term=secrets[0], overall=secrets[0])
    text = replaced(text, 2, known_from=secrets[2], sessions_possible=secrets[3])
    store = open_store(write(tmp_path / "records", **{**GOOD, "absence": text}), engine)
    report = check(store, today=TODAY)
    assert len(report.faults) >= 5
    for said in (told(report), json.dumps(as_data(report)), repr(report)):
        assert not [secret for secret in secrets if secret in said]


def test_the_report_is_one_text_with_a_verdict(tmp_path, engine):
    text = replaced(ABSENCE, 3, term="WIN")
    store = open_store(write(tmp_path / "records", **{**GOOD, "absence": text}), engine)
    said = told(check(store, today=TODAY))
    assert "absence  4 rows  faults\n    term: 1 row: not an allowed code" in said
    assert "AUT, SPR or SUM (row 3)" in said and "1 fault to mend." in said
    whole = told(check(open_store(write(tmp_path / "good", **GOOD), engine), today=TODAY))
    assert whole.endswith("No fault in 5 tables.")


def test_many_planted_faults_are_all_counted_and_the_first_located(tmp_path, engine):
    draw = random.Random(3)
    n = 3000
    rows = [
        {
            "child_id": f"{draw.randint(1, 3):03}",
            "academic_year": 2012,
            "term": draw.choice(("AUT", "SPR", "WIN", "SUM")),
            "urn": at,
            "sessions_possible": draw.choice((100, 500)),
            "authorised": 1,
            "unauthorised": 1,
            "overall": draw.choice((2, -2)),
            "valid_from": date(2012, 1, 1),
            "known_from": draw.choice((date(2012, 9, 1), date(2031, 1, 1))),
        }
        for at in range(n)
    ]
    rows += rows[:7]
    folder = write(tmp_path / "records", child=CHILD)
    pl.DataFrame(rows).write_parquet(folder / "absence.parquet")
    report = check(open_store(folder, engine), today=TODAY)
    expected = {
        ("term", "code"): [r["term"] == "WIN" for r in rows],
        ("sessions_possible", "range"): [r["sessions_possible"] > 420 for r in rows],
        ("overall", "range"): [r["overall"] < 0 for r in rows],
        ("known_from", "future"): [r["known_from"] > TODAY for r in rows],
        ("authorised", "total"): [r["authorised"] > r["overall"] for r in rows],
        ("unauthorised", "total"): [r["unauthorised"] > r["overall"] for r in rows],
    }
    found = {(p.column, p.rule): p for p in report.problems}
    double = found.pop(("child_id × academic_year × term × urn", "duplicate"))
    counts = Counter(
        tuple(r[k] for k in ("child_id", "academic_year", "term", "urn")) for r in rows
    )
    assert double.count == sum(counts.values()) - len(counts) == 7
    assert double.rows == tuple(range(n + 1, n + 6))
    assert set(found) == set(expected)
    for key, broken in expected.items():
        places = [at for at, wrong in enumerate(broken, start=1) if wrong]
        assert (found[key].count, found[key].rows) == (len(places), tuple(places[:5]))


def test_a_code_of_other_years_is_a_notice(tmp_path, engine):
    assert problems(tmp_path, engine, school_census=CENSUS.replace("C,A,", "C,K,")) == [
        ("school_census", "sen_provision", "era", 1, (1,))
    ]


def test_one_file_that_cannot_be_read_is_told_of_once(tmp_path, engine):
    (tmp_path / "child.csv").write_bytes(b"child_id,birth_month\n1,\xff\xfe\n")
    for name in ("ks2", "phonics", "death"):
        header = ",".join(field.name for field in TABLES[name].fields)
        (tmp_path / f"{name}.csv").write_text(header + "\n", encoding="utf-8")
    report = check(open_store(tmp_path, engine))
    (fault,) = report.faults
    assert (fault.table, fault.rule) == ("child", "unreadable") and "UTF-8" in fault.said
    assert set(report.unchecked) == {"ks2", "phonics", "death"} and not report.rows
    said = told(report)
    assert said.count("UTF-8") == 2  # what was found, and the mend, once
    assert "3 other tables were not checked" in said and "1 fault to mend" in said
