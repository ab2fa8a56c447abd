"""Queries over linked records, each of which ends in one row a child."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

from fingerpost.core.calendar import FIRST_MONTH, RECEPTION_AFTER
from fingerpost.engines._shared import collected, day_number, int64
from fingerpost.records.declarations.health import EMERGENCY

if TYPE_CHECKING:
    from fingerpost.records.store import Store

PLANNED = ("11", "12", "13")
SUPPORT, PLAN = ("A", "P", "K"), ("S", "E")
YEARS = range(7)  # Reception to Year 6
FIGURES = 2019  # the academic year that national figures of absence and phonics are taken from
PLACES = ("special", "pru", "ap")


def academic_year(day: nw.Expr) -> nw.Expr:
    """Return the academic year of a date, labelled by the year it ends, as Int64."""
    later = nw.when(day.dt.month() >= FIRST_MONTH).then(nw.lit(1)).otherwise(nw.lit(0))
    return (day.dt.year().cast(nw.Int64) + later).cast(nw.Int64)


def born(store: Store) -> nw.LazyFrame[Any]:
    """Return child_id, boy, reception (academic year due there) and what the birth record says."""
    child = store.frame("child").select(
        "child_id",
        (nw.col("sex") == "M").cast(nw.Int64).alias("boy"),
        (academic_year(nw.col("birth_month")) + RECEPTION_AFTER).alias("reception"),
        day_number(nw.col("birth_month")).alias("month_day"),
    )
    birth = store.frame("birth").select(
        "child_id",
        day_number(nw.col("birth_date")).alias("born"),
        nw.col("gestation_weeks").cast(nw.Int64).alias("gestation"),
        nw.col("multiple").cast(nw.Int64).alias("multiple"),
        nw.col("live").cast(nw.Int64).alias("live"),
    )
    return child.join(birth, on="child_id", how="left")


def only(test: nw.Expr, value: nw.Expr) -> nw.Expr:
    """Return a value where a test holds, else missing."""
    return nw.when(test).then(value)


def schooled(store: Store) -> nw.LazyFrame[Any]:
    """Return, per child: level of provision and special school by year, and Year 1's school.

    level_1_spring: highest level by the spring census of Year 1. level_0 … level_6: highest of the
    year (0 none, 1 support, 2 plan). special_0 … special_6: whether in a special school or other
    separate setting. level_figures: level in the spring of the year of national figures. urn, la,
    fsm: as at the spring census of Year 1.
    """
    code, year = nw.col("sen_provision"), nw.col("nc_year")
    level = (
        nw.when(code.is_in(list(PLAN)))
        .then(nw.lit(2))
        .otherwise(nw.when(code.is_in(list(SUPPORT))).then(nw.lit(1)).otherwise(nw.lit(0)))
    )
    spring = nw.col("term") == "SPR"
    held = (year == 1) & spring
    primary = (nw.col("academic_year") == FIGURES) & spring & (year >= 1) & (year <= 6)
    columns = {
        "level_1_spring": only((year == 1) & (nw.col("term") != "SUM"), nw.col("level")),
        "level_figures": only(primary, nw.col("level")),
        "urn": only(held, nw.col("urn")),
        "la": only(held, nw.col("la")),
        "fsm": only(held, nw.col("fsm").cast(nw.Int64)),
        **{f"level_{k}": only(year == k, nw.col("level")) for k in YEARS},
        **{f"special_{k}": only((year == k) & spring, nw.col("special")) for k in (0, 2, 6)},
    }
    return (
        store.frame("school_census")
        .filter((nw.col("enrolment") != "S") | nw.col("enrolment").is_null())
        .with_columns(
            level.cast(nw.Int64).alias("level"),
            nw.col("school_type").is_in(list(PLACES)).cast(nw.Int64).alias("special"),
        )
        .with_columns(*[column.alias(name) for name, column in columns.items()])
        .group_by("child_id")
        .agg(*[nw.col(name).max().alias(name) for name in columns])
    )


def due(store: Store) -> nw.LazyFrame[Any]:
    """Return child_id and year_1, the academic year in which the child is due in Year 1."""
    month = nw.col("birth_month")
    return store.frame("child").select(
        "child_id", (academic_year(month) + RECEPTION_AFTER + 1).alias("year_1")
    )


def absent(store: Store) -> nw.LazyFrame[Any]:
    """Return sessions per child: Years 1 to 6, and (`_figures`) those of one year's figures."""
    kinds = ("sessions_possible", "overall", "unauthorised")
    year, first = nw.col("academic_year"), nw.col("year_1")
    figures = year == FIGURES
    columns = {kind: nw.col(kind) for kind in kinds} | {
        f"{kind}_figures": only(figures, nw.col(kind)) for kind in kinds
    }
    return (
        store.frame("absence")
        .join(due(store), on="child_id", how="inner")
        .filter((year >= first) & (year <= first + 5))
        .with_columns(*[column.alias(name) for name, column in columns.items()])
        .group_by("child_id")
        .agg(*[int64(nw.col(name).sum()).alias(name) for name in columns])
    )


def admitted(store: Store) -> nw.LazyFrame[Any]:
    """Return planned and unplanned admissions per child in Years 1 to 6, by first episode."""
    year, first = nw.col("admitted_in"), nw.col("year_1")
    how = nw.col("admission_method")
    return (
        store.frame("hes_apc")
        .filter(nw.col("episode_order") == 1)
        .select(
            "child_id",
            academic_year(nw.col("admission_date")).alias("admitted_in"),
            how.is_in(list(PLANNED)).cast(nw.Int64).alias("planned"),
            how.is_in(list(EMERGENCY)).cast(nw.Int64).alias("unplanned"),
        )
        .join(due(store), on="child_id", how="inner")
        .filter((year >= first) & (year <= first + 5))
        .group_by("child_id")
        .agg(*[int64(nw.col(name).sum()).alias(name) for name in ("planned", "unplanned")])
    )


def assessed(store: Store) -> dict[str, nw.LazyFrame[Any]]:
    """Return the assessments of which there are tables, one row a child in each."""
    wanted = {
        "phonics": ("met", "academic_year"),
        "ks1": ("maths_expected", "assessed"),
        "ks2": ("maths_expected", "assessed"),
    }
    return {
        table: store.frame(table)
        .select(
            "child_id",
            *[nw.col(name).cast(nw.Int64).alias(f"{table}_{name}") for name in columns],
        )
        .group_by("child_id")
        .agg(*[nw.col(f"{table}_{name}").max().alias(f"{table}_{name}") for name in columns])
        for table, columns in wanted.items()
        if store.has(table)
    }


def ended(store: Store) -> dict[str, nw.LazyFrame[Any]]:
    """Return days of death and of opting out, where there are such tables."""
    wanted = {"death": "death_date", "opt_out": "opted_out_date"}
    return {
        table: store.frame(table)
        .select("child_id", day_number(nw.col(date)).alias(f"{table}_day"))
        .group_by("child_id")
        .agg(nw.col(f"{table}_day").min().alias(f"{table}_day"))
        for table, date in wanted.items()
        if store.has(table)
    }


def found(store: Store, phenotype: str) -> nw.LazyFrame[Any]:
    """Return child_id and the day of the first record of a phenotype, by its leaf's name."""
    from fingerpost.core.leaves import Phenotype, load

    leaf = load("phenotypes", phenotype, kind=Phenotype)
    return leaf.run(store).select(  # type: ignore[no-any-return]
        "child_id", day_number(nw.col("first_date")).alias(phenotype)
    )


def joined(store: Store, phenotypes: tuple[str, ...]) -> Any:
    """Return everything above as one Polars frame, a row a child, ordered by child_id."""
    parts = {
        "birth": born(store),
        "school_census": schooled(store),
        "absence": absent(store),
        "hes_apc": admitted(store),
        **assessed(store),
        **ended(store),
        **{name: found(store, name) for name in phenotypes},
    }
    frame = None
    for words, part in parts.items():
        rows = collected(part, words)
        frame = rows if frame is None else frame.join(rows, on="child_id", how="left")
    assert frame is not None
    return frame.sort("child_id")


def registered(store: Store) -> dict[str, int]:
    """Return how many local authorities and primary schools the register holds."""
    rows = collected(
        store.frame("school").select("urn", "la", "phase").unique(["urn", "la", "phase"]), "school"
    )
    primary = rows.filter(rows["phase"] == "primary")
    return {
        "authorities": int(rows["la"].n_unique()),
        "primary_schools": int(primary["urn"].n_unique()),
    }
