"""Admissions to hospital: episodes joined into the stays they are part of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals as nw

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes._query import CHILD, Reading
from fingerpost.records.hospital import spells

WINDOW = "admissions after time zero, to the end of follow-up, at a state school or not"
ABROAD = "a child who left England is counted as one without contacts: nothing here shows it"
REFERENCE = (
    "NHS England, Hospital Episode Statistics data dictionary (ADMIMETH); admissions that overlap "
    "or touch on one day are one stay"
)
DOMAIN = "hospital contacts"
UNPLANNED = "unplanned"


def stays(reading: Reading) -> nw.LazyFrame[Any]:
    """Return one row a stay in hospital: child_id, admission_date, unplanned (0/1).

    A stay is a spell: episodes that overlap or touch on one day; how it began is the method of its
    first. Spells of birth are left out.
    """
    found = spells(reading.rows("hes_apc")).filter(nw.col("birth") == 0)
    return found.select(CHILD, nw.col("start").alias("admission_date"), UNPLANNED)


def contacts(reading: Reading) -> nw.LazyFrame[Any]:
    """Return one row an unplanned contact: an emergency attendance, or an unplanned admission on a
    day without one: child_id, contact_date.
    """
    stayed = stays(reading).filter(nw.col(UNPLANNED) == 1)
    came = [stayed.select(CHILD, nw.col("admission_date").alias("contact_date"))]
    if reading.store.has("hes_ae"):
        attended = reading.rows("hes_ae")
        came.append(attended.select(CHILD, nw.col("attendance_date").alias("contact_date")))
    whole = nw.concat(came, how="vertical") if len(came) > 1 else came[0]
    return whole.unique(subset=[CHILD, "contact_date"])


def count(flag: str) -> nw.Expr:
    """Return the sum of a flag over a child's rows."""
    return nw.col(flag).sum().cast(nw.Int64)


def others(flag: str) -> nw.Expr:
    """Return how many of a child's rows do not have a flag."""
    return nw.len().cast(nw.Int64) - nw.col(flag).sum().cast(nw.Int64)


def stays_a_year(title: str, *, summary: str, value: Callable[[str], nw.Expr]) -> RecordsMeasure:
    """Return the measure of stays in hospital a year; value: of the flag of unplanned stays."""
    return RecordsMeasure(
        title=title,
        summary=summary,
        reference=REFERENCE,
        domain=DOMAIN,
        kind="count",
        measured_in="admissions a year",
        better="lower",
        tables=("hes_apc",),
        rows="events",
        dated="admission_date",
        window=WINDOW,
        value=lambda: value(UNPLANNED),
        person_years=True,
        absent="zero",
        seen="health records",
        prepare=stays,
        limits=("how many admissions there are also depends on how near a hospital is", ABROAD),
    )
