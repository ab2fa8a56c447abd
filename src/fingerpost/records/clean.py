"""School records made ready: absence, levels of provision, one value a child, repeated years.

Source: the rules published for ECHILD (how-to guides) and the national statistics' definitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from fingerpost.core.seeds import stream
from fingerpost.engines._shared import int64

Frame = nw.LazyFrame[Any]

# More half-day sessions than a school year can hold; a usual year has about 380.
MOST_SESSIONS = 420
COUNTS = ("sessions_possible", "authorised", "unauthorised", "overall", "illness", "medical")
# Levels of special educational provision, from least to most, and the recorded codes of each.
LEVELS = ("none", "support", "ehcp", "specialist")
SUPPORT = ("A", "P", "K")
EHCP = ("S", "E")
SPECIALIST_SCHOOLS = ("special", "pru", "ap")
# Enrolments in the order in which one is kept where a child has several.
ENROLMENTS = ("C", "M", "S")
# A Mersenne prime: ranks times a multiplier below it stay within 64 bits.
PRIME = 2**31 - 1


def absence_totals(frame: Frame) -> Frame:
    """Return sessions possible and missed for each child and academic year.

    frame: `absence`. All rows of a child at a school in a year that add to more than 420 possible
    sessions are left out, as no year is so long. Columns: child_id, academic_year, each count of
    sessions (a kind that no row records is missing), known_from (when the last could be known).
    """
    keys = ["child_id", "academic_year", "urn"]
    schools = frame.group_by(*keys).agg(
        *[summed(name) for name in COUNTS], nw.col("known_from").max()
    )
    possible = nw.col("sessions_possible").fill_null(0) <= MOST_SESSIONS
    return (
        schools.filter(possible)
        .group_by("child_id", "academic_year")
        .agg(*[summed(name) for name in COUNTS], nw.col("known_from").max())
    )


def summed(name: str) -> nw.Expr:
    """Return the sum of a column, missing where every value is."""
    total = int64(nw.col(name).sum())
    return nw.when(nw.col(name).count() > 0).then(total).alias(name)


def sen_rank(provision: str = "sen_provision", specialist: nw.Expr | None = None) -> nw.Expr:
    """Return the level of provision as its place in `LEVELS`: 0 none to 3 specialist.

    Codes of every era count: A, P, K are support; S, E (in either case) are a plan; N and blank are
    none. specialist: whether the child is in specialist provision, which outranks any code.
    """
    code = nw.col(provision).str.to_uppercase()
    rank = (
        nw.when(code.is_in(EHCP))
        .then(nw.lit(LEVELS.index("ehcp")))
        .when(code.is_in(SUPPORT))
        .then(nw.lit(LEVELS.index("support")))
        .otherwise(nw.lit(0))
    )
    if specialist is not None:
        inside = specialist.fill_null(False)
        rank = nw.when(inside).then(nw.lit(LEVELS.index("specialist"))).otherwise(rank)
    return int64(rank)


def in_specialist() -> nw.Expr:
    """Return whether a school census row is of a special school, a unit for pupils out of school,
    or alternative provision.
    """
    return nw.col("school_type").is_in(SPECIALIST_SCHOOLS)


def level_name(rank: nw.Expr) -> nw.Expr:
    """Return the name of a level from its place in `LEVELS`."""
    named = nw.lit(LEVELS[0])
    for place, name in enumerate(LEVELS[1:], start=1):
        named = nw.when(rank == place).then(nw.lit(name)).otherwise(named)
    return nw.when(~rank.is_null()).then(named)


def sen_level(provision: str = "sen_provision", specialist: nw.Expr | None = None) -> nw.Expr:
    """Return the level of provision by name: none, support, ehcp or specialist (see `sen_rank`)."""
    return level_name(sen_rank(provision, specialist))


def highest_sen(frame: Frame, *, by: Sequence[str] = ("child_id", "academic_year")) -> Frame:
    """Return the highest level of provision in any row of each child and academic year.

    frame: `school_census`. Specialist outranks a plan, a plan outranks support. Columns: `by`,
    sen_rank (0 to 3), sen_level, known_from (of the first row at that level).
    """
    ranked = frame.select(*by, "known_from", sen_rank(specialist=in_specialist()).alias("sen_rank"))
    highest = ranked.with_columns(nw.col("sen_rank").max().over(*by).alias("most"))
    found = (
        highest.filter(nw.col("sen_rank") == nw.col("most"))
        .group_by(*by)
        .agg(int64(nw.col("sen_rank").max()).alias("sen_rank"), nw.col("known_from").min())
    )
    return found.select(
        *by, "sen_rank", level_name(nw.col("sen_rank")).alias("sen_level"), "known_from"
    )


def modal(frame: Frame, columns: Sequence[str], *, by: str = "child_id", seed: int = 0) -> Frame:
    """Return one row for each value of `by`, with the value of each column that it has most often.

    Missing values do not count; one that is always missing stays so. A tie is broken by a draw that
    the seed, the column and the child's place among the children decide, so that neither the order
    of rows nor the engine matters.
    """
    keys = frame.select(by).unique()
    children = keys.with_columns(int64(nw.col(by).rank("dense")).alias("(place)"))
    found = children
    for name in columns:
        found = found.join(most_often(frame, children, name, by=by, seed=seed), on=by, how="left")
    return found.select(by, *columns)


def most_often(frame: Frame, children: Frame, name: str, *, by: str, seed: int) -> Frame:
    """Return the modal value of one column for each child that has any."""
    counts = (
        frame.filter(~nw.col(name).is_null()).group_by(by, name).agg(int64(nw.len()).alias("(n)"))
    )
    tops = counts.with_columns(nw.col("(n)").max().over(by).alias("(most)")).filter(
        nw.col("(n)") == nw.col("(most)")
    )
    tied = tops.with_columns(
        int64(nw.col(name).rank("ordinal").over(by)).alias("(which)"),
        int64(nw.col(name).count().over(by)).alias("(ties)"),
    )
    multiplier, shift = (int(n) for n in stream(name, "modal", seed=seed).integers(1, PRIME, 2))
    drawn = tied.join(children, on=by).with_columns(
        (((nw.col("(place)") * multiplier + shift) % PRIME) % nw.col("(ties)") + 1).alias("(draw)")
    )
    return drawn.filter(nw.col("(which)") == nw.col("(draw)")).select(by, name)


def one_enrolment(frame: Frame) -> Frame:
    """Return one row for each child and term: its current or main enrolment, where there are more.

    frame: `school_census`. Among enrolments of one status the lowest school number is kept.
    """
    keys = ("child_id", "academic_year", "term")
    place = nw.lit(len(ENROLMENTS))
    for at, code in reversed(list(enumerate(ENROLMENTS))):
        place = nw.when(nw.col("enrolment") == code).then(nw.lit(at)).otherwise(place)
    columns = frame.collect_schema().names()
    status = frame.with_columns(place.alias("(status)"), nw.lit(1).alias("(one)"))
    # Ranks take no order on every engine; a running count does.
    running = nw.col("(one)").cum_sum().over(*keys, order_by=["(status)", "urn"])
    ordered = status.with_columns(int64(running).alias("(place)"))
    return ordered.filter(nw.col("(place)") == 1).select(*columns)


def inception(frame: Frame, nc_year: int) -> Frame:
    """Return the one academic year in which each child is counted in a national curriculum year.

    frame: `school_census`. The first in which it is recorded there; a child that repeats the year
    is counted once. Columns: child_id, academic_year, years (how many academic years it is recorded
    in that year), repeats (1 where more than one), known_from.
    """
    rows = frame.filter(nw.col("nc_year") == nc_year)
    years = rows.group_by("child_id", "academic_year").agg(nw.col("known_from").min())
    counted = years.with_columns(
        int64(nw.col("academic_year").count().over("child_id")).alias("years"),
        nw.col("academic_year").min().over("child_id").alias("(first)"),
    )
    return counted.filter(nw.col("academic_year") == nw.col("(first)")).select(
        "child_id",
        "academic_year",
        "years",
        (nw.col("years") > 1).cast(nw.Int64).alias("repeats"),
        "known_from",
    )
