"""Hospital records made ready: clean dates, spells, emergency admissions, records of birth.

Source: the rules published for ECHILD (how-to guides on admissions and on birth records).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import reduce
from operator import or_
from typing import Any

import narwhals as nw

from fingerpost.engines._shared import day_number, int64
from fingerpost.records.declarations.health import DIAGNOSIS_COLUMNS, EMERGENCY

Frame = nw.LazyFrame[Any]

# Dates before this stand for missing ones: 1800-01-01 and 1801-01-01 in hospital extracts.
FIRST_DATE = date(1802, 1, 1)
# Plausible values at birth, both ends included: weeks, grams, the mother's years.
GESTATION = (22, 45)
BIRTH_WEIGHT = (200, 9000)
MOTHER_AGE = (10, 60)
# Starting ages of newborns: less than a day, and one to six days.
NEWBORN = (7001, 7002)
NEWBORN_DAYS = 6
BORN_DIAGNOSES = ("Z37", "Z38")
BORN_TYPES = ("3", "6")
BORN_CLASS = "5"
BORN_METHODS = ("82", "83", "2C")
MULTIPLE = (*(f"Z37{n}" for n in range(2, 8)), *(f"Z38{n}" for n in range(3, 9)))
NOT_LIVE = ("P964", "P95", "Z371", "Z373", "Z374", "Z376", "Z377")
# What all rows of one birth must agree on.
BIRTH_FIELDS = ("gestation", "birth_weight", "mother_age")


def clean_dates(frame: Frame) -> Frame:
    """Return episodes whose dates can be used.

    Dates that stand for missing ones become missing; an end that is missing is filled from the
    discharge, a start from the admission, and failing these from one another; reversed dates are
    swapped. Episodes without any date are left out.
    """
    dates = ("episode_start", "episode_end", "admission_date", "discharge_date")
    known = frame.with_columns(*[real_date(name) for name in dates])
    start, end, admitted, discharged = (nw.col(name) for name in dates)
    filled = known.with_columns(
        nw.coalesce(start, admitted, end, discharged).alias("episode_start"),
        nw.coalesce(end, discharged, start, admitted).alias("episode_end"),
    ).filter(~nw.col("episode_start").is_null())
    return filled.with_columns(
        *in_order("episode_start", "episode_end"), *in_order("admission_date", "discharge_date")
    )


def real_date(name: str) -> nw.Expr:
    """Return a date, missing where it stands for a missing one."""
    return nw.when(nw.col(name) >= nw.lit(FIRST_DATE)).then(nw.col(name)).alias(name)


def in_order(first: str, last: str) -> tuple[nw.Expr, nw.Expr]:
    """Return a pair of dates, swapped where they are reversed."""
    reversed_ = nw.col(first) > nw.col(last)
    return (
        nw.when(reversed_).then(nw.col(last)).otherwise(nw.col(first)).alias(first),
        nw.when(reversed_).then(nw.col(first)).otherwise(nw.col(last)).alias(last),
    )


def spells(frame: Frame) -> Frame:
    """Return one row for each hospital spell: episodes that overlap, or touch on the same day.

    frame: `hes_apc`. Columns: child_id, spell (its number in the child's life, from 1), start, end
    (dates), nights, episodes, admission_method (of the first episode), unplanned (1 where that is
    an emergency and the spell is not a birth), birth (1 where an episode is one), known_from (of
    the first episode: when the admission could be known).
    """
    order = ["episode_start", "episode_order", "episode_end", "episode_id"]
    rows = clean_dates(frame).select(
        "child_id",
        "episode_start",
        "episode_end",
        nw.col("episode_order").fill_null(1),
        "episode_id",
        "admission_method",
        "known_from",
        day_number(nw.col("episode_start")).alias("first"),
        day_number(nw.col("episode_end")).alias("last"),
        is_birth(frame.collect_schema().names()).cast(nw.Int64).alias("birth"),
    )
    reached = rows.with_columns(nw.col("last").cum_max().over("child_id", order_by=order))
    before = nw.col("last").shift(1).over("child_id", order_by=order)
    begun = reached.with_columns(before.alias("before")).with_columns(
        (nw.col("before").is_null() | (nw.col("first") > nw.col("before")))
        .cast(nw.Int64)
        .alias("begun")
    )
    numbered = begun.with_columns(
        int64(nw.col("begun").cum_sum().over("child_id", order_by=order)).alias("spell")
    )
    return (
        numbered.group_by("child_id", "spell")
        .agg(
            nw.col("episode_start").min().alias("start"),
            nw.col("episode_end").max().alias("end"),
            int64(nw.len()).alias("episodes"),
            # `begun` is 1 in the spell's first episode alone.
            of_first("admission_method"),
            of_first("known_from"),
            int64(nw.col("birth").max()).alias("birth"),
        )
        .select(
            "child_id",
            "spell",
            "start",
            "end",
            (day_number(nw.col("end")) - day_number(nw.col("start"))).alias("nights"),
            "episodes",
            "admission_method",
            (nw.col("admission_method").is_in(EMERGENCY) & (nw.col("birth") == 0))
            .fill_null(False)
            .cast(nw.Int64)
            .alias("unplanned"),
            "birth",
            "known_from",
        )
    )


def of_first(name: str) -> nw.Expr:
    """Return, of a spell's rows, the value of the first."""
    return nw.when(nw.col("begun") == 1).then(nw.col(name)).max().alias(name)


def is_birth(columns: Iterable[str]) -> nw.Expr:
    """Return whether an episode is one of birth, by its type, class or method, or by a diagnosis
    of live birth in a newborn.

    columns: those that the frame has; diagnoses may be fewer than declared.
    """
    newborn = nw.col("start_age").is_in(NEWBORN)
    typed = nw.col("episode_type").is_in(BORN_TYPES)
    classed = nw.col("class_patient") == BORN_CLASS
    method = nw.col("admission_method").is_in(BORN_METHODS)
    found = typed | (newborn & classed) | method | (newborn & diagnosed(columns, BORN_DIAGNOSES))
    return found.fill_null(False)


def diagnosed(columns: Iterable[str], codes: Iterable[str]) -> nw.Expr:
    """Return whether any diagnosis of an episode is one of the codes or within it.

    codes: of one length or several, without dots; a shorter code holds all that begin with it.
    """
    present = [name for name in DIAGNOSIS_COLUMNS if name in set(columns)]
    lengths: dict[int, list[str]] = {}
    for code in codes:
        lengths.setdefault(len(code), []).append(code)
    tests = [
        nw.col(name).str.slice(0, length).is_in(some).fill_null(False)
        for name in present
        for length, some in lengths.items()
    ]
    return reduce(or_, tests) if tests else nw.lit(False)


def birth_records(frame: Frame) -> Frame:
    """Return one record of birth a child, in the columns of the table `birth`.

    frame: `hes_apc`. A row is of a birth where the child is less than seven days old and `is_birth`
    says so. Implausible values become missing. Left out:
    births that were multiple, still or ended; children whose rows of birth disagree on gestation,
    weight or the mother's age, or lie more than six days apart.
    """
    columns = frame.collect_schema().names()
    newborn = clean_dates(frame).filter(nw.col("start_age").is_in(NEWBORN), is_birth(columns))
    marked = newborn.with_columns(
        plausible("gestation", GESTATION),
        plausible("birth_weight", BIRTH_WEIGHT),
        plausible("mother_age", MOTHER_AGE),
        diagnosed(columns, (*MULTIPLE, *NOT_LIVE)).cast(nw.Int64).alias("left_out"),
        day_number(nw.col("episode_start")).alias("day"),
    )
    grouped = marked.group_by("child_id").agg(
        nw.col("episode_start").min().alias("birth_date"),
        nw.col("known_from").min(),
        nw.col("left_out").max(),
        (nw.col("day").max() - nw.col("day").min()).alias("apart"),
        *[nw.col(name).min().alias(name) for name in BIRTH_FIELDS],
        *[nw.col(name).max().alias(f"most {name}") for name in BIRTH_FIELDS],
    )
    agrees = [
        (nw.col(name) == nw.col(f"most {name}")) | nw.col(name).is_null() for name in BIRTH_FIELDS
    ]
    kept = grouped.filter(nw.col("left_out") == 0, nw.col("apart") <= NEWBORN_DAYS, *agrees)
    return kept.select(
        "child_id",
        "birth_date",
        int64(nw.col("gestation")).alias("gestation_weeks"),
        int64(nw.col("birth_weight")).alias("birth_weight_g"),
        int64(nw.col("mother_age")).alias("mother_age"),
        nw.lit(0, dtype=nw.Int64).alias("multiple"),
        nw.lit(1, dtype=nw.Int64).alias("live"),
        nw.col("birth_date").alias("valid_from"),
        nw.lit(None, dtype=nw.Date).alias("valid_to"),
        "known_from",
    )


def plausible(name: str, span: tuple[int, int]) -> nw.Expr:
    """Return a number, missing where it lies outside a span."""
    column = nw.col(name)
    return nw.when((column >= span[0]) & (column <= span[1])).then(column).alias(name)
