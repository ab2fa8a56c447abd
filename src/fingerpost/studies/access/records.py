"""The children of a study of access, from linked records.

Who is studied, their characteristics, places and recorded need come by the same road as those of
any study of linked records: one row a child, nothing known only after the date of the question.
What is an outcome here (when provision first began, how follow-up ended, the status year by year)
is read beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import polars as pl

from fingerpost.cohorts.linked._arms import ARM
from fingerpost.cohorts.linked._eligible import PLANS, SUPPORT, children, enrolled, level
from fingerpost.cohorts.linked._followup import LAST_DAYS, event, window
from fingerpost.cohorts.linked._known import CENSUSES, ZERO, Frame, known_by, mapped, on_census
from fingerpost.cohorts.linked.flatten import Flat, Store, flatten
from fingerpost.cohorts.table import Built, TableRecords, build
from fingerpost.core.access import Access
from fingerpost.core.calendar import SPRING, first_day
from fingerpost.core.calendar import day_number as number_of
from fingerpost.core.errors import Malformed
from fingerpost.core.flow import Flow
from fingerpost.core.linked import LEVELS, Linked
from fingerpost.core.study import OutcomeSpec, Study
from fingerpost.engines._shared import collected, day_number
from fingerpost.outcomes._query import CHILD
from fingerpost.studies.access.cohort import (
    DIED,
    FOLLOWED,
    LEFT,
    PROVIDED,
    UNSEEN,
    AccessCohort,
    Array,
    Codes,
)
from fingerpost.studies.access.gaps import PROVISION
from fingerpost.studies.access.groups import grouped
from fingerpost.studies.language.access import PROVIDED as PROVIDED_ARM
from fingerpost.studies.language.resolve import resolve

DAYS_A_YEAR = 365.25
LEAST_WAIT = 1 / DAYS_A_YEAR  # of a child provided for on or before the day that is counted from
SECOND_BIRTHDAY = 2 * DAYS_A_YEAR
KEY = "key"


@dataclass(frozen=True, eq=False, slots=True)
class AccessRead:
    """A study of access on its children: the study as run, the children, and what was read."""

    study: Study
    cohort: AccessCohort
    records: TableRecords


def read_access(study: Study, store: Store) -> AccessRead:
    """Return the children of a study of access.

    study: with `linked` and `access`; its second arm is what counts as provision. Raises Malformed
    for tables that the records do not have, names that no covariate bears, and where nobody is
    left.
    """
    linked, access = study.linked, study.access
    if linked is None or access is None:
        raise Malformed("records: a study of access is asked of linked records.")
    need = access.need if access.need and store.has("functional_need") else ""
    more = tuple(name for name in (*access.groups, need) if name and name not in study.given)
    flat = flatten(replace(study, roles=more), store)
    flat = with_outcome(flat)
    built = build(resolve(flat.study, flat.records.columns), flat.records)
    table = beside(flat, built, timed(study, store, linked, access))
    cohort = assembled(built, table, linked=linked, access=access, need=need)
    # Every child is in one of the two arms, so that nobody left for being in none.
    told = flat.flow.steps[:-1] if flat.flow.steps[-1].left == 0 else flat.flow.steps
    steps = (*told, *built.cohort.flow.steps)
    cohort = replace(cohort, flow=Flow(flat.flow.start, steps))
    return AccessRead(built.study, cohort, flat.records)


def with_outcome(flat: Flat) -> Flat:
    """Return the table with provision, its outcome, as a column of its own."""
    had = nw.when(nw.col(ARM) == PROVIDED_ARM).then(nw.lit(1)).otherwise(nw.lit(0))
    records = replace(
        flat.records,
        frame=flat.records.frame.with_columns(had.cast(nw.Int64).alias(PROVISION)),
        columns=(*flat.records.columns, PROVISION),
    )
    spec = OutcomeSpec(PROVISION, PROVISION, "binary")
    return replace(flat, study=replace(flat.study, roles=(), outcomes=(spec,)), records=records)


def beside(flat: Flat, built: Built, others: pl.DataFrame) -> pl.DataFrame:
    """Return the table of the children who stay, in their order, with what was read beside it."""
    table: pl.DataFrame = collected(flat.records.frame, "linked records")
    table = table.with_columns(pl.col(CHILD).cast(pl.String).alias(KEY))
    staying = pl.DataFrame({KEY: built.keys})
    kept = staying.join(table, on=KEY, how="left", maintain_order="left")
    return kept.join(others, on=CHILD, how="left", maintain_order="left")


def timed(study: Study, store: Store, linked: Linked, access: Access) -> pl.DataFrame:
    """Return, for each child at the census of time zero, days since 1970: of first provision, of
    the end of follow-up, of death, opt-out and first concern; and the status of each school year.
    """
    hold = store.hold
    zero = enrolled(linked, store).select(CHILD, ZERO, "zero_year")
    zero = hold(zero.join(children(linked, store).select(CHILD, "birth_day"), on=CHILD))
    follow = window(linked, store, zero=zero.select(CHILD, ZERO, "zero_year"), hold=hold)
    planned = mapped("last_year", LAST_DAYS).alias("planned_day")
    follow = follow.select(CHILD, "exit_day", "left_school", planned)
    whole = zero.join(follow, on=CHILD, how="left")
    for table, column in (("death", "death_date"), ("opt_out", "opted_out_date")):
        whole = whole.join(event(store, zero, table=table, column=column), on=CHILD, how="left")
    table = collected(whole, "linked records")
    for frame in (*concerns(store, zero), *first_days(store, zero, access)):
        table = table.join(collected(frame, "linked records"), on=CHILD, how="left")
    firsts = [name for name in table.columns if name.startswith("first ")]
    none = pl.lit(None, dtype=pl.Int64)
    table = table.with_columns(pl.min_horizontal(*firsts, none).alias("provided_day"))
    return table.join(by_year(store, zero, linked), on=CHILD, how="left")


def concerns(store: Store, zero: Frame) -> Iterator[Frame]:
    """Yield the day of each child's first concern, of those raised and known by time zero."""
    if store.has("concern"):
        rows = known_by(store.frame("concern"), zero.select(CHILD, ZERO))
        raised = day_number(nw.col("concern_date"))
        rows = rows.with_columns(raised.alias("raised")).filter(nw.col("raised") <= nw.col(ZERO))
        yield rows.group_by(CHILD).agg(nw.col("raised").min().alias("concern_day"))


def first_days(store: Store, zero: Frame, access: Access) -> Iterator[Frame]:
    """Yield frames with the first day on which each table shows provision that counts."""
    kept, own = [LEVELS.index(name) for name in access.levels], zero.select(CHILD)
    day = nw.lit(None, dtype=nw.Int64)
    for words, code in CENSUSES.items():
        day = nw.when(nw.col("term") == code).then(on_census("academic_year", words)).otherwise(day)
    census = store.frame("school_census").join(own, on=CHILD, how="semi")
    shown = census.with_columns(level().alias("level"), day.alias("day"))
    yield first_of(shown.filter(nw.col("level").is_in(kept)), "census")
    codes = (*(SUPPORT if "support" in access.levels else ()),)
    codes += PLANS if "ehcp" in access.levels else ()
    if store.has("early_years_census") and codes:
        early = store.frame("early_years_census").join(own, on=CHILD, how="semi")
        early = early.with_columns(day_number(nw.col("valid_from")).alias("day"))
        yield first_of(early.filter(nw.col("sen_provision").is_in(codes)), "early")
    if store.has("concern") and "support" in access.levels:
        begun = store.frame("concern").join(own, on=CHILD, how="semi")
        begun = begun.with_columns(day_number(nw.col("first_provision_date")).alias("day"))
        yield first_of(begun, "concern")


def first_of(rows: Frame, name: str) -> Frame:
    """Return the first day of each child's rows."""
    return rows.group_by(CHILD).agg(nw.col("day").min().cast(nw.Int64).alias(f"first {name}"))


def by_year(store: Store, zero: Frame, linked: Linked) -> pl.DataFrame:
    """Return the status of each child in the spring census of each school year, a column a year."""
    years = list(range(linked.zero.year, linked.until + 1))
    census = store.frame("school_census").join(zero.select(CHILD), on=CHILD, how="semi")
    here = census.filter((nw.col("term") == SPRING) & nw.col("nc_year").is_in(years))
    rows = here.with_columns(level().alias("level")).group_by(CHILD, "nc_year")
    table: pl.DataFrame = collected(rows.agg(nw.col("level").max()), "school_census")
    columns = [
        pl.col("level").filter(pl.col("nc_year") == year).first().alias(f"year {year}")
        for year in years
    ]
    return table.group_by(CHILD).agg(columns)


# ----------------------------------------------------------------------------- arrays
def assembled(
    built: Built, table: pl.DataFrame, *, linked: Linked, access: Access, need: str
) -> AccessCohort:
    """Return the children as arrays."""
    cohort = built.cohort
    years = tuple(range(linked.zero.year, linked.until + 1))
    status = [table[f"year {year}"].fill_null(UNSEEN).to_numpy() for year in years]
    held = "concern_day" in table.columns
    time, cause = ends(table, access, linked)
    found = AccessCohort(
        keys=built.keys,
        groupings=tuple(grouped(name, table[name].to_list()) for name in access.groups),
        covariates=cohort.covariates,
        provided=cohort.arm == 1,
        time=time,
        cause=cause,
        places=cohort.clusters,
        concern=table["concern_day"].is_not_null().to_numpy() if held else None,
        need=floats(table[need]) if need else None,
        status=np.stack(status, axis=1).astype(np.int64),
        statuses=LEVELS,
        years=years,
    )
    return found


def floats(series: pl.Series) -> Array:
    """Return (n,) numbers, NaN where there is none."""
    values: Array = series.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return values


def ends(table: pl.DataFrame, access: Access, linked: Linked) -> tuple[Array, Codes]:
    """Return (n,) years from the origin to the first of provision, death, leaving and the end, and
    which it was. Children of whom nothing is counted from have NaN.
    """
    exit_day, died = floats(table["exit_day"]), floats(table["death_day"])
    out, left = floats(table["opt_out_day"]), table["left_school"].fill_null(0).to_numpy() == 1
    provided = floats(table["provided_day"])
    cause = np.where(left, LEFT, FOLLOWED)
    cause[out <= exit_day] = FOLLOWED
    # Who died left the census in the term before: it is the death that ended follow-up.
    dead = (died <= floats(table["planned_day"])) & ~left
    cause[dead], exit_day = DIED, np.where(dead, died, exit_day)
    had = provided <= exit_day
    cause[had] = PROVIDED
    day = np.where(had, provided, exit_day)
    years: Array = (day - origin(table, access, linked)) / DAYS_A_YEAR
    return np.maximum(years, LEAST_WAIT), cause


def origin(table: pl.DataFrame, access: Access, linked: Linked) -> Array:
    """Return (n,) the day that time is counted from."""
    birth = floats(table["birth_day"])
    if access.origin == "concern":
        if "concern_day" not in table.columns:
            raise Malformed(
                "access.from: the records hold no concerns (table concern). Write from: birth."
            )
        return floats(table["concern_day"])
    if access.origin == "school entry":
        starts = {
            year: number_of(first_day(int(year) - linked.zero.year))
            for year in table["zero_year"].unique().to_list()
        }
        return np.array([starts[year] for year in table["zero_year"].to_list()], dtype=np.float64)
    return birth + (SECOND_BIRTHDAY if access.origin == "age 2" else 0.0)
