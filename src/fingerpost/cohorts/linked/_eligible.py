"""Who is studied: each rule of eligibility as a flag of a child, in the order of the flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw

from fingerpost.cohorts.linked._known import (
    CENSUSES,
    YEARS,
    ZERO,
    Frame,
    Hold,
    census_date,
    joined,
    known_at_census,
    known_by,
    mapped,
    on_census,
    term_of_date,
)
from fingerpost.core.calendar import TERMS, census_day, first_day
from fingerpost.core.calendar import day_number as number_of
from fingerpost.core.leaves import Phenotype, load
from fingerpost.core.linked import LEVELS, Linked
from fingerpost.engines._shared import day_number, int64
from fingerpost.outcomes._query import CHILD, term_of

SUPPORT, PLANS = ("A", "P", "K"), ("S", "E", "e")
APART = ("special", "pru", "ap")
MAINSTREAM = "mainstream"
MAIN = ("C", "M")
OF_CHILD = ("sex", "ethnicity", "first_language")
MONTH = "birth_month"
DATE = "zero_date"
DRAWN = "drawn"
PROVIDED = "provided_day"
# Table, the day of the event, and the flag of its children.
ENDED = (("death", "death_date", "dead"), ("opt_out", "opted_out_date", "out"))
FIRST_DAYS = {year: number_of(first_day(year)) for year in YEARS}
CENSUS_DAYS = {
    len(TERMS) * year + at: number_of(census_day(year, name))
    for year in YEARS
    for at, name in enumerate(TERMS)
}
ADDED = "added to the records for a condition that this study is not of"


@dataclass(frozen=True, slots=True)
class Rule:
    """One step of eligibility. flag: the column that is 1 for those who stay. always: False where
    the step is told only if it takes someone out.
    """

    flag: str
    reason: str
    always: bool = True


def rules(linked: Linked, words: str) -> tuple[Rule, ...]:
    """Return the rules of a study in order; words: of the phenotype."""
    kind = "mainstream" if linked.school == MAINSTREAM else "state-funded"
    found = [Rule(DRAWN, ADDED, always=False)]
    zero = linked.zero
    # Steps of all trials are added up under one reason.
    when = f"the {zero.census} census of the trial's year" if zero.repeated else zero.words()
    found.append(Rule("enrolled", f"not in a {kind} school at {when}"))
    if linked.phenotype:
        found.append(Rule("has", f"{words} not recorded and known by time zero"))
    found.append(Rule("living", "died by time zero"))
    found.append(Rule("opted", "opted out of the use of health records by time zero"))
    if linked.concern:
        found.append(Rule("concerned", "no concern raised and known by time zero"))
    if linked.only_new:
        found.append(Rule("fresh", "provision recorded in an earlier school year"))
    return tuple(found)


def candidates(linked: Linked, store: Any, *, hold: Hold) -> Frame:
    """Return every child born in the span, with a flag (0 or 1) for each rule and what the census
    of time zero held; computed once.
    """
    born = children(linked, store)
    date = census_date("zero_year", linked.zero.census).alias(DATE)
    base = hold(born.join(enrolled(linked, store), on=CHILD, how="left").with_columns(date))
    zero = base.filter(~nw.col(ZERO).is_null())
    parts: list[Frame | None] = [base.with_columns(one_if(~nw.col(ZERO).is_null(), "enrolled"))]
    if linked.phenotype:
        parts.append(flagged(phenotype(linked, store, zero), "has"))
    parts += [past(store, zero, *ended) for ended in ENDED]
    if linked.concern or any(one.timed for _, one in linked.strategies):
        parts.append(first_concern(store, zero))
    parts.append(provided_since(store, zero))
    held = [part for part in parts if part is not None]
    earlier = nw.col(PROVIDED) < mapped("zero_year", FIRST_DAYS)
    before = nw.when(earlier).then(nw.lit(1)).cast(nw.Int64).alias("before")
    whole = joined(held[0], held[1:]).with_columns(before)
    told = nw.col("child_known") <= nw.col(ZERO)
    own = [nw.when(told).then(nw.col(name)).alias(name) for name in OF_CHILD]
    trial = nw.lit(f"Year {linked.zero.year}").alias("trial")
    return hold(whole.with_columns(*flags(held), *own, trial))


def flags(parts: list[Frame]) -> list[nw.Expr]:
    """Return the flags of rules that a missing row settles."""
    held = {"before", *(name for part in parts for name in part.collect_schema())}
    found = []
    for flag, column in (("living", "dead"), ("opted", "out"), ("fresh", "before")):
        absent = nw.col(column).is_null() if column in held else nw.lit(True)
        found.append(one_if(absent, flag))
    if "has" in held:
        found.append(one_if(~nw.col("has").is_null(), "has"))
    if "concern_term" in held:
        found.append(one_if(~nw.col("concern_term").is_null(), "concerned"))
    return found


def one_if(test: nw.Expr, name: str) -> nw.Expr:
    """Return 1 where a test holds and 0 where it does not."""
    return nw.when(test).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64).alias(name)


def children(linked: Linked, store: Any) -> Frame:
    """Return the children born in the span, with what does not change."""
    frame = store.frame("child")
    month = nw.col(MONTH).dt.year().cast(nw.Int64) * 12 + nw.col(MONTH).dt.month().cast(nw.Int64)
    frame = frame.select(
        CHILD,
        *OF_CHILD,
        month.alias("birth_months"),
        day_number(nw.col(MONTH)).alias("birth_day"),
        day_number(nw.col("known_from")).alias("child_known"),
        one_if(nw.col("added_for").is_null() | nw.col("added_for").is_in(own_names(linked)), DRAWN),
    )
    if linked.born is not None:
        first, last = (months(each) for each in linked.born)
        born = nw.col("birth_months")
        frame = frame.filter((born >= first) & (born <= last))
    return frame


def own_names(linked: Linked) -> list[str]:
    """Return for which conditions children may have been added to the records and be studied: that
    which is studied, and those it lies within. A sample of all children holds too many of others.
    """
    if not linked.phenotype:
        return [""]
    leaf = load("phenotypes", linked.phenotype, kind=Phenotype)
    return [linked.phenotype, *leaf.within]


def months(written: str) -> int:
    """Return a month as the number of months since year 0.

    >>> months("2003-09") - months("2003-08")
    1
    """
    year, month = written.split("-")
    return int(year) * 12 + int(month)


def enrolled(linked: Linked, store: Any) -> Frame:
    """Return each child's first enrolment in the year of time zero, as known on the census day.

    One row a child: zero_day, zero_year, zero_date, level (place in `LEVELS`: the highest of its
    enrolments), and of its main enrolment urn, la, school_type, fsm, idaci_score.
    """
    census = store.frame("school_census")
    code = CENSUSES[linked.zero.census]
    here = census.filter((nw.col("nc_year") == linked.zero.year) & (nw.col("term") == code))
    if linked.school == MAINSTREAM:
        here = here.filter(nw.col("school_type").is_null() | ~nw.col("school_type").is_in(APART))
    here = known_at_census(here, linked.zero.census)
    main = nw.col("enrolment").is_null() | nw.col("enrolment").is_in(MAIN)
    own = [nw.when(main).then(nw.col(name)).min().alias(name) for name in ("urn", "la")]
    other = [nw.col(name).min().alias(f"other_{name}") for name in ("urn", "la")]
    yearly = here.group_by(CHILD, "academic_year", ZERO).agg(
        level().max().alias("level"),
        *own,
        *other,
        nw.col("school_type").max(),
        nw.col("fsm").max(),
        nw.col("idaci_score").max(),
    )
    first = nw.col("academic_year").min().over(CHILD)
    chosen = yearly.with_columns(first.alias("zero_year"))
    return chosen.filter(nw.col("academic_year") == nw.col("zero_year")).select(
        CHILD,
        ZERO,
        "zero_year",
        "level",
        *(nw.coalesce(nw.col(name), nw.col(f"other_{name}")).alias(name) for name in ("urn", "la")),
        "school_type",
        "fsm",
        "idaci_score",
    )


def level() -> nw.Expr:
    """Return the level of provision of a row of the census, as a place in `LEVELS`."""
    code, place = nw.col("sen_provision"), {name: at for at, name in enumerate(LEVELS)}
    support = nw.when(code.is_in(SUPPORT)).then(nw.lit(place["support"]))
    coded = support.otherwise(nw.lit(place["none"]))
    coded = nw.when(code.is_in(PLANS)).then(nw.lit(place["ehcp"])).otherwise(coded)
    special = nw.col("school_type").is_in(APART)
    return nw.when(special).then(nw.lit(place["special"])).otherwise(coded).cast(nw.Int64)


def phenotype(linked: Linked, store: Any, zero: Frame) -> Frame:
    """Return the children with the condition, as known by their time zero."""
    leaf = load("phenotypes", linked.phenotype, kind=Phenotype)
    more: dict[str, Any] = {option: thawed(value) for option, value in linked.options}
    more |= {"name": linked.code_list} if linked.code_list else {}
    found: Frame = leaf.run(store, until=zero.select(CHILD, nw.col(DATE).alias("until")), **more)
    return found.filter(nw.col("group").is_in(linked.groups)) if linked.groups else found


def thawed(value: object) -> object:
    """Return an option as its leaf takes it: pairs as a mapping."""
    pairs = isinstance(value, tuple) and all(
        isinstance(one, tuple) and len(one) == 2 for one in value
    )
    return dict(value) if pairs and value else value  # type: ignore[call-overload]


def flagged(found: Frame, name: str) -> Frame:
    """Return child_id and a column that is 1 for the children of a frame."""
    return found.select(CHILD).unique().with_columns(nw.lit(1).cast(nw.Int64).alias(name))


def past(store: Any, zero: Frame, table: str, column: str, flag: str) -> Frame | None:
    """Return the children whose one event of a table had happened by time zero, whenever it came to
    be known; where its day is missing, whose row was known by then.

    This is the one place where it does not matter what was known. A child who had died was in no
    school, whatever the census says, and would be followed as one to whom nothing happens; a family
    that had opted out had opted out. Neither can be a way in which the future chooses children.
    """
    if not store.has(table):
        return None
    rows = store.frame(table).join(zero.select(CHILD, ZERO), on=CHILD, how="inner")
    day = nw.coalesce(day_number(nw.col(column)), day_number(nw.col("known_from")))
    return flagged(rows.filter(day <= nw.col(ZERO)), flag)


def provided_since(store: Any, zero: Frame) -> Frame:
    """Return the first day on which a census shows each child's provision, as known by time zero:
    child_id, provided_day. Censuses of schools, and of the early years where there is one.
    """
    beside = zero.select(CHILD, ZERO)
    # The few rows with provision first: whether each was known is asked of no others.
    shown = store.frame("school_census").filter(level() > LEVELS.index("none"))
    at = term_of("academic_year", "term").alias("at")
    rows = known_by(shown.select(CHILD, at, "known_from"), beside)
    found = [rows.select(CHILD, mapped("at", CENSUS_DAYS).alias(PROVIDED))]
    if store.has("early_years_census"):
        coded = nw.col("sen_provision").is_in((*SUPPORT, *PLANS))
        rows = known_by(store.frame("early_years_census").filter(coded), beside)
        found.append(rows.select(CHILD, on_census("academic_year", "spring").alias(PROVIDED)))
    whole = nw.concat(found, how="vertical") if len(found) > 1 else found[0]
    return whole.group_by(CHILD).agg(nw.col(PROVIDED).min().cast(nw.Int64).alias(PROVIDED))


def first_concern(store: Any, zero: Frame) -> Frame:
    """Return the terms of each child's first concern and first provision, both by time zero."""
    rows = known_by(store.frame("concern"), zero.select(CHILD, ZERO))
    raised = day_number(nw.col("concern_date")) <= nw.col(ZERO)
    begun = day_number(nw.col("first_provision_date")) <= nw.col(ZERO)
    return (
        rows.filter(raised)
        .group_by(CHILD)
        .agg(
            term_of_date("concern_date").min().cast(nw.Int64).alias("concern_term"),
            nw.when(begun)
            .then(term_of_date("first_provision_date"))
            .min()
            .cast(nw.Int64)
            .alias("provided_term"),
        )
    )


def counted(found: tuple[Rule, ...]) -> list[nw.Expr]:
    """Return how many children there are, and how many stay after each rule in turn."""
    counts, kept = [int64(nw.len()).alias("0")], None
    for place, rule in enumerate(found, start=1):
        stays = nw.col(rule.flag) == 1
        kept = stays if kept is None else kept & stays
        counts.append(int64(nw.when(kept).then(nw.lit(1)).count()).alias(str(place)))
    return counts


__all__ = ["TERMS", "Rule", "candidates", "counted", "rules"]
