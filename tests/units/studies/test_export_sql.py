"""The exported T-SQL: it parses as T-SQL, and in DuckDB's words finds the same children as we do.

No SQL Server is here to run it on. The query is parsed in the dialect of T-SQL, rewritten in
DuckDB's by the same parser, and run on records whose children differ in everything that counts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import polars as pl
import pytest
import sqlglot

from fingerpost.cohorts.linked._eligible import candidates
from fingerpost.cohorts.linked._followup import window
from fingerpost.cohorts.linked.flatten import eligible, who
from fingerpost.cohorts.table import build, read_records
from fingerpost.core.calendar import census_day, term_last_day
from fingerpost.core.errors import UsageError
from fingerpost.core.leaves import Phenotype, menu
from fingerpost.core.linked import Dose, Linked, Strategy, TimeZero
from fingerpost.core.study import Study, TableSource
from fingerpost.outcomes._query import CHILD
from fingerpost.records.store import Store
from fingerpost.studies.document import read_study, resolve
from fingerpost.studies.export import codes_sql, sql, tsql
from units.cohorts.linked.little import child, episode, opened
from units.studies.documents import LINKED
from units.studies.export_world import STUDY, written

CHILDREN = 500
READ = ("child", "school_census", "hes_apc", "death", "opt_out", "birth", "concern")
CODES = ("Q369", "q37.1", "Q351", "Q357", "Q210", "Q250", "F840", "F90", "G801", "G40", "G419")
MORE = ("Q909", "F72", "Q052", "Q699", "J180", "Q03", "Q901", "F703")
PLAIN = Linked(
    "cleft_isolated",
    born=("2003-09", "2005-12"),
    strategies=(
        ("none", Strategy("no recorded provision", ("none",))),
        ("support", Strategy("SEN Support", ("support",))),
        ("plan", Strategy("EHCP or special school", ("ehcp", "special"))),
    ),
    until=4,
)
TIMED = replace(
    PLAIN,
    phenotype="",
    concern=True,
    school="mainstream",
    zero=TimeZero(3, "autumn"),
    strategies=(
        ("prompt", Strategy("within two terms", ("support", "ehcp"), within=2)),
        ("late", Strategy("later", ("support", "ehcp"), after=3)),
    ),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return records of many children, with every way in which one may be found or lost."""
    draw = np.random.default_rng(3)
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in READ}
    for number in range(1, CHILDREN + 1):
        month = date(2003 + int(draw.integers(0, 4)), 1 + int(draw.integers(0, 12)), 1)
        tables["child"].append(child(number, birth_month=month, known_from=month))
        _school(tables, draw, number, month)
        _health(tables, draw, number, month)
    return opened(tmp_path_factory.mktemp("linked"), **tables)


def _school(tables: dict, draw: np.random.Generator, number: int, month: date) -> None:
    entry, last = month.year + 4 + (month.month >= 9), int(draw.integers(1, 7))
    for year in range(last):
        held = year + int(draw.random() < 0.05)
        for term in ("AUT", "SPR", "SUM"):
            if draw.random() < 0.1:
                continue
            day = census_day(entry + 1 + year, term)
            for enrolment in ("C", "S", None)[: 1 + int(draw.random() < 0.1)]:
                late = int(draw.random() < 0.05) * 200
                tables["school_census"].append(
                    {
                        "child_id": number,
                        "academic_year": entry + 1 + year,
                        "term": term,
                        "nc_year": held,
                        "urn": int(draw.integers(100, 120)),
                        "la": int(draw.integers(1, 5)),
                        "enrolment": enrolment if draw.random() < 0.9 else None,
                        "sen_provision": draw.choice(["N", "A", "P", "K", "S", "E", None]),
                        "school_type": draw.choice(
                            ["mainstream", "special", "ap", None], p=[0.8, 0.1, 0.05, 0.05]
                        ),
                        "known_from": day + timedelta(days=late),
                    }
                )
    if draw.random() < 0.6:
        raised = date(entry, 9, 1) + timedelta(days=int(draw.integers(0, 1200)))
        begun = raised + timedelta(days=int(draw.integers(0, 700)))
        given = begun if draw.random() < 0.7 else None
        row = {"child_id": number, "concern_date": raised, "first_provision_date": given}
        tables["concern"].append(
            {**row, "known_from": raised + timedelta(days=int(draw.integers(0, 60)))}
        )


def _health(tables: dict, draw: np.random.Generator, number: int, month: date) -> None:
    born = month + timedelta(days=int(draw.integers(0, 28)))
    if draw.random() < 0.8:
        weeks, grams = int(draw.integers(24, 42)), int(draw.integers(700, 4000))
        row = {"child_id": number, "birth_date": born, "gestation_weeks": weeks}
        tables["birth"].append({**row, "birth_weight_g": grams, "known_from": born})
    for _ in range(int(draw.integers(0, 4))):
        day = born + timedelta(days=int(draw.choice([3, 300, 364, 365, 366, 900, 2500])))
        old = (day - born).days // 365
        age = 7001 if old == 0 and draw.random() < 0.3 else old
        codes = {f"diag_{at:02d}": str(draw.choice(CODES + MORE)) for at in (1, 2, 14)}
        row = episode(number, day, start_age=age if draw.random() < 0.8 else None, **codes)
        tables["hes_apc"].append({**row, "episode_id": len(tables["hes_apc"])})
    for table, column, often in (("death", "death_date", 0.1), ("opt_out", "opted_out_date", 0.1)):
        if draw.random() < often:
            day = born + timedelta(days=int(draw.integers(400, 4200)))
            row = {"child_id": number, column: day, "known_from": day}
            tables[table].append(row | ({"cause_03": "Q36"} if table == "death" else {}))


def duck(text: str) -> str:
    """Return a T-SQL query in DuckDB's words; an APPLY is a join without a condition there."""
    tree = sqlglot.parse_one(text, dialect="tsql")
    return tree.sql("duckdb").replace("INNER JOIN LATERAL", "CROSS JOIN LATERAL")


@pytest.fixture(scope="module")
def held(store: Store) -> duckdb.DuckDBPyConnection:
    """Return the tables in DuckDB, in the columns and types of the standard."""
    database = duckdb.connect(config={"threads": 1})
    for name in READ:
        database.register(name, store.frame(name).collect("polars").to_native().to_arrow())
    return database


def answered(text: str, held: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return what the query finds."""
    found = held.sql(duck(text)).pl()
    days = [
        pl.col(name).cast(pl.Date).to_physical().cast(pl.Int64) for name in ("zero_day", "exit_day")
    ]
    return found.with_columns(*days).cast({"exit_term": pl.Int64})


def ours(linked: Linked, store: Store) -> pl.DataFrame:
    """Return the children of a study with their arm and follow-up, as our own cohort has them."""
    base = candidates(linked, store, hold=store.hold)
    _, kept = who(linked, store, base)
    chosen = eligible(linked, store, base.filter(*kept), hold=store.hold)
    zero = chosen.select(CHILD, "zero_day", "zero_year")
    ends = window(linked, store, zero=zero, hold=store.hold)
    inside = chosen.filter(~nw.col("arm").is_null()).select(CHILD, "arm", "urn", "la")
    beside = ends.select(CHILD, "zero_day", "exit_day", "exit_term")
    return inside.join(beside, on=CHILD, how="inner").collect("polars").to_native().sort(CHILD)


def asking(linked: Linked) -> Study:
    """Return a study that asks linked records."""
    return replace(read_study("linked.yaml", text=LINKED), linked=linked)


@pytest.mark.parametrize("linked", [PLAIN, TIMED], ids=["phenotype", "concern and timing"])
def test_the_query_finds_our_children_arms_and_ends_of_follow_up(store, held, linked):
    found = answered(sql.linked_query(asking(linked), store)[0], held)
    wanted = ours(linked, store)
    assert len(wanted) > 12 and wanted["arm"].n_unique() == len(linked.strategies)
    assert found.rows() == wanted.rows()


EVERY = menu("phenotypes", Phenotype)
WRITTEN = [name for name in EVERY if not codes_sql.faults(replace(PLAIN, phenotype=name))]


def asks(leaf: Phenotype) -> frozenset:
    """Return what the rules of a phenotype ask besides their codes."""
    sides = ((True, leaf.rules), (False, leaf.unless))
    bare = {(side, replace(one, group="", codes=("A00",))) for side, some in sides for one in some}
    return frozenset(bare)


# One of each shape: those that differ in codes alone are read by the same words.
SHAPES = {asks(EVERY[name]): name for name in WRITTEN}


def test_every_shape_of_phenotype_that_is_written_finds_the_same_children(store, held):
    assert len(WRITTEN) >= 10 and len(SHAPES) >= 5
    until = nw.col("birth_month").dt.offset_by("30mo").cast(nw.Date).alias("until")
    dated = store.frame("child").select(CHILD, until)
    zero = dated.collect("polars").to_native().rename({"until": "zero_day"})
    held.register("zero", zero.to_arrow())
    for name in SHAPES.values():
        parts = list(codes_sql.parts(replace(PLAIN, phenotype=name), deaths=True))
        text = f"{tsql.with_parts(parts)}\nSELECT child_id FROM condition"
        found = {row[0] for row in held.execute(duck(text)).fetchall()}
        wanted = EVERY[name].run(store, until=dated).select(CHILD).collect("polars")
        assert found == set(wanted[CHILD].to_list()) and found, name


def test_a_table_that_is_not_there_is_not_asked(store):
    class Fewer:
        def has(self, name: str) -> bool:
            return name != "opt_out" and store.has(name)

    text, _ = sql.linked_query(asking(PLAIN), Fewer())  # type: ignore[arg-type]
    assert "opt_out" not in text.split("WITH\n")[1] and "FROM death" in text


def test_nothing_is_written_of_what_cannot_be_said():
    linked = replace(
        PLAIN,
        phenotype="preterm",
        zero=TimeZero(1, "spring", 4),
        strategies=(
            (
                "much",
                Strategy("much", ("support",), dose=(Dose("minutes_a_week", "at_least", 60),)),
            ),
            ("none", Strategy("none", ("none",))),
        ),
    )
    with pytest.raises(UsageError) as fault:
        sql.linked_query(asking(linked))
    told = "\n".join(fault.value.problems)
    for words in ("phenotype preterm", "trials that begin each school year", "how much"):
        assert words in told
    grouped = replace(PLAIN, groups=("cleft_lip",))
    with pytest.raises(UsageError, match="groups are not written"):
        sql.linked_query(asking(grouped))


def test_the_head_says_that_it_was_never_run_and_what_is_missing():
    text, left = sql.linked_query(asking(PLAIN))
    assert "NEVER RUN ON SQL SERVER" in text
    assert any("outcomes" in one for one in left)
    for one in left:
        assert f"--   {' '.join(one.split())}" in text or one.split()[0] in text


def test_one_table_is_asked_for_the_rows_that_our_cohort_keeps(tmp_path: Path):
    condition = (
        "population:\n  words: some\n  where:\n"
        '    - {column: year, at_least: 2, reason: "it\'s old enough"}\n'
        "    - {column: need, is_in: [a, b]}\n"
        "    - {column: weight, above: 0.7}\n"
    )
    text = STUDY.replace("covariates: {age: {missing: indicator}, ", condition + "covariates: {")
    path = written(tmp_path, text)
    study = read_study(path)
    query, left = sql.table_query(study, study.records, base=tmp_path, engine="duckdb")
    records = read_records(study.records, base=tmp_path)
    built = build(resolve(study, records.columns), records)
    held = duckdb.connect()
    held.execute(f"CREATE VIEW \"table\" AS SELECT * FROM read_csv('{tmp_path / 'table.csv'}')")
    found = held.sql(duck(query)).pl()
    assert left == ()
    assert sorted(found["pupil"]) == sorted(built.keys.tolist())
    arms = dict(zip(built.keys.tolist(), built.cohort.arm.tolist(), strict=True))
    assert {row["pupil"]: row["study arm"] for row in found.iter_rows(named=True)} == {
        key: built.cohort.arms[code] for key, code in arms.items()
    }


def test_tables_that_are_stacked_are_refused(tmp_path: Path):
    path = written(tmp_path)
    study = read_study(path)
    both = replace(study.records, sources=(TableSource("table.csv"), TableSource("table.csv")))
    with pytest.raises(UsageError, match="stacked"):
        sql.table_query(study, both, base=tmp_path, engine="duckdb")


def test_terms_and_days_are_those_of_the_calendar():
    held = duckdb.connect()
    for year in (2009, 2010, 2016):
        for place, (term, month, which) in enumerate(
            (("AUT", 10, 1), ("SPR", 1, 3), ("SUM", 5, 3))
        ):
            first = f"DATEFROMPARTS({year - (term == 'AUT')}, {month}, 1)"
            text = f"SELECT {tsql.thursday(first, which)} AS d, " + tsql.last_day_of_term(
                str(3 * year + place), str(year)
            )
            got = held.execute(duck(text)).fetchone()
            assert got is not None
            days = [one.date() if hasattr(one, "date") else one for one in got]
            assert days == [census_day(year, term), term_last_day(year, term)]
