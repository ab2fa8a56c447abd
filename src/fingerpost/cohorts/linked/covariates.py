"""The covariates that a study of linked records may name, as data.

Each says from which table it is read, how a child's rows become one value, and what it is. Rows are
those known by time zero (see `_known`); nothing else is ever read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import narwhals as nw

from fingerpost.cohorts.linked._eligible import APART
from fingerpost.core.calendar import MID_MONTH
from fingerpost.core.errors import nearest
from fingerpost.core.leaves import Phenotype, load
from fingerpost.engines._shared import day_number
from fingerpost.outcomes._admissions import stays
from fingerpost.outcomes._query import Reading

BASE = ""  # what is known of every candidate already: the child, and the census of time zero
FIFTHS = 5
FOURTH_BIRTHDAY = 4 * 365.25
GRAMS = 1000.0
MONTHS = 12
SEPTEMBER = 8  # months since January
SMALLEST_SHARE = 0.001
FULL = 100.0


@dataclass(frozen=True, slots=True)
class LinkedCovariate:
    """One covariate.

    label: its name in reports. words: what it is and how it is read. kind: numeric or categorical.
    table: where it is read from; `BASE` for the child and the census of time zero. value: over a
    child's rows (or, of `BASE`, of the child). where: which rows count. latest: a column by which
    only a child's last rows count. prepare: what is made of the table first. absent: what a child
    without rows has; None is missing. missing: what a missing value does where the study does not
    say: `complete` or `indicator`. varies: whether it is read again at each decision, where
    strategies are sustained over time. from_age: the age, in years, from which on a child's table
    must be held for a child without rows to have had none; a child older than that when the table
    begins is unknown. None where that is not asked.
    """

    name: str
    label: str
    words: str
    kind: str
    table: str
    value: Callable[[], nw.Expr]
    where: Callable[[], nw.Expr] | None = None
    latest: str = ""
    prepare: Callable[[Reading], nw.LazyFrame] | None = None
    absent: float | None = None
    missing: str = "complete"
    fifths: bool = False
    varies: bool = False
    from_age: float | None = None


def own(column: str) -> Callable[[], nw.Expr]:
    """Return a column of the child as it is."""
    return lambda: nw.col(column)


def first(column: str) -> Callable[[], nw.Expr]:
    """Return the value of a child's one row; of several, the smallest."""
    return lambda: nw.col(column).min()


def mean(column: str) -> Callable[[], nw.Expr]:
    """Return the mean over a child's rows."""
    return lambda: nw.col(column).mean()


def any_row() -> nw.Expr:
    """Return 1: a child that is here has a row."""
    return (nw.len() > 0).cast(nw.Int64)


def month_of_year() -> nw.Expr:
    """Return the month of birth from September (0, the oldest) to August (11)."""
    return (nw.col("birth_months") - 1 + MONTHS - SEPTEMBER) % MONTHS


def year_of_birth() -> nw.Expr:
    """Return the academic year of birth as text."""
    started = nw.when((nw.col("birth_months") - 1) % MONTHS >= SEPTEMBER)
    year = (nw.col("birth_months") - 1) // MONTHS
    return started.then(year + 1).otherwise(year).cast(nw.Int64).cast(nw.String)


def log_odds_of_area() -> nw.Expr:
    """Return the log-odds of the area's share of income-deprived families, kept off 0 and 1."""
    share = nw.col("idaci_score").clip(SMALLEST_SHARE, 1 - SMALLEST_SHARE)
    return (share / (1 - share)).log()


def region(reading: Reading) -> nw.LazyFrame:
    """Return each child with its school's region, from the row of the register known last."""
    here = reading.window.select("child_id", "zero_day", "urn")
    register = reading.whole("school").select("urn", "region", "known_from")
    beside = here.join(register, on="urn", how="inner")
    known = day_number(nw.col("known_from"))
    return beside.filter(known <= nw.col("zero_day")).with_columns(known.alias("known"))


def early(reading: Reading) -> nw.LazyFrame:
    """Return the stays in hospital that began before the fourth birthday, the birth left out.

    Where no day of birth is recorded, the middle of the month stands for it.
    """
    born = reading.window.select("child_id", (nw.col("birth_day") + MID_MONTH - 1).alias("middle"))
    if reading.store.has("birth"):
        days = reading.rows("birth").select("child_id", "birth_date")
        beside = born.join(days, on="child_id", how="left")
        day = nw.coalesce(day_number(nw.col("birth_date")), nw.col("middle"))
        born = beside.select("child_id", day.alias("middle"))
    stayed = stays(reading).join(born, on="child_id", how="inner")
    age = day_number(nw.col("admission_date")) - nw.col("middle")
    return stayed.filter(age < FOURTH_BIRTHDAY)


def diagnosed(reading: Reading, groups: tuple[str, ...]) -> nw.LazyFrame:
    """Return a row for each child with one of the conditions, as known by time zero."""
    until = reading.window.select("child_id", nw.col("zero_date").alias("until"))
    found = [
        load("phenotypes", name, kind=Phenotype).run(reading.store, until=until) for name in groups
    ]
    return nw.concat([one.select("child_id") for one in found], how="vertical")


def neurodevelopmental(reading: Reading) -> nw.LazyFrame:
    """Return the children with autism or a learning disability in hospital records."""
    return diagnosed(reading, ("autism", "learning_disability"))


def chronic(reading: Reading) -> nw.LazyFrame:
    """Return the children with a condition of the nerves, the heart or the chromosomes."""
    groups = ("cerebral_palsy", "epilepsy", "congenital_heart_disease", "down_syndrome")
    return diagnosed(reading, (*groups, "spina_bifida"))


def rate_of_absence() -> nw.Expr:
    """Return the sessions missed of 100 possible."""
    missed, possible = nw.col("overall").sum(), nw.col("sessions_possible").sum()
    return nw.when(possible > 0).then(FULL * missed.cast(nw.Float64) / possible)


def rate_without_leave() -> nw.Expr:
    """Return the sessions missed without leave of 100 possible."""
    missed, possible = nw.col("unauthorised").sum(), nw.col("sessions_possible").sum()
    return nw.when(possible > 0).then(FULL * missed.cast(nw.Float64) / possible)


COVARIATES: tuple[LinkedCovariate, ...] = (
    LinkedCovariate("sex", "sex", "as recorded", "categorical", BASE, own("sex")),
    LinkedCovariate(
        "birth_month",
        "month of birth",
        "months from September, 0 the oldest of a school year, 11 the youngest",
        "numeric",
        BASE,
        month_of_year,
    ),
    LinkedCovariate(
        "birth_year",
        "school year of birth",
        "the academic year of birth, labelled by its end",
        "categorical",
        BASE,
        year_of_birth,
    ),
    LinkedCovariate(
        "ethnicity", "ethnic group", "major group", "categorical", BASE, own("ethnicity")
    ),
    LinkedCovariate(
        "first_language", "first language", "", "categorical", BASE, own("first_language")
    ),
    LinkedCovariate(
        "fsm",
        "free school meals",
        "eligible at the census of time zero",
        "numeric",
        BASE,
        own("fsm"),
        varies=True,
    ),
    LinkedCovariate(
        "idaci",
        "deprivation of the area",
        "log-odds of the share of children in income-deprived families (IDACI), at the census of "
        "time zero",
        "numeric",
        BASE,
        log_odds_of_area,
        varies=True,
    ),
    LinkedCovariate(
        "idaci_fifth",
        "fifth of area deprivation",
        "fifths of IDACI among all children at the census of time zero, 5 the most deprived",
        "categorical",
        BASE,
        own("idaci_score"),
        fifths=True,
    ),
    LinkedCovariate(
        "la", "local authority", "at the census of time zero", "categorical", BASE, own("la")
    ),
    LinkedCovariate(
        "region",
        "region",
        "of the school at time zero",
        "categorical",
        "school",
        first("region"),
        latest="known",
        prepare=region,
    ),
    LinkedCovariate(
        "school_type",
        "kind of school",
        "mainstream, special, or alternative provision, at the census of time zero",
        "categorical",
        BASE,
        own("school_type"),
    ),
    LinkedCovariate(
        "special_school",
        "special school or alternative provision",
        "1 where so, at the census of time zero",
        "numeric",
        BASE,
        lambda: nw.when(nw.col("school_type").is_in(APART)).then(nw.lit(1)).otherwise(nw.lit(0)),
        varies=True,
    ),
    LinkedCovariate(
        "mother_age", "mother's age at birth", "years", "numeric", "birth", first("mother_age")
    ),
    LinkedCovariate(
        "gestation",
        "weeks of gestation",
        "completed weeks",
        "numeric",
        "birth",
        first("gestation_weeks"),
    ),
    LinkedCovariate(
        "birth_weight",
        "birth weight",
        "kilograms",
        "numeric",
        "birth",
        lambda: nw.col("birth_weight_g").min() / GRAMS,
    ),
    LinkedCovariate(
        "multiple", "one of twins or more", "1 where so", "numeric", "birth", first("multiple")
    ),
    LinkedCovariate(
        "early_admissions",
        "stays in hospital before age four",
        "how many stays began before the fourth birthday, the birth left out",
        "numeric",
        "hes_apc",
        lambda: nw.len().cast(nw.Int64),
        prepare=early,
        absent=0,
        from_age=0,
    ),
    LinkedCovariate(
        "neurodevelopmental",
        "autism or learning disability",
        "1 where either was recorded in hospital",
        "numeric",
        "hes_apc",
        any_row,
        prepare=neurodevelopmental,
        absent=0,
        from_age=0,
    ),
    LinkedCovariate(
        "chronic_condition",
        "another lasting condition",
        "1 where cerebral palsy, epilepsy, a heart defect, Down syndrome or spina bifida was "
        "recorded in hospital",
        "numeric",
        "hes_apc",
        any_row,
        prepare=chronic,
        absent=0,
        from_age=0,
    ),
    LinkedCovariate(
        "nursery_hours",
        "hours of funded nursery",
        "funded hours a week in the last early years census",
        "numeric",
        "early_years_census",
        lambda: nw.col("funded_hours").sum(),
        latest="academic_year",
        absent=0,
        from_age=4,  # the oldest child turns four as its last year before Reception begins
    ),
    LinkedCovariate(
        "eyfsp",
        "early years profile",
        "the total of the Early Years Foundation Stage Profile, taken after some provision began",
        "numeric",
        "eyfsp",
        first("total"),
        missing="indicator",
    ),
    LinkedCovariate(
        "eyfsp_emerging",
        "emerging in every early learning goal",
        "1 where so, in the Early Years Foundation Stage Profile",
        "numeric",
        "eyfsp",
        first("emerging_all"),
        missing="indicator",
    ),
    LinkedCovariate(
        "severity_recorded",
        "severity of need as recorded",
        "the last assessment of functional need before time zero",
        "numeric",
        "functional_need",
        mean("severity"),
        latest="assessed_date",
        missing="indicator",
        varies=True,
    ),
    LinkedCovariate(
        "earlier_absence",
        "absence before time zero",
        "sessions missed of 100 possible, over terms known by time zero",
        "numeric",
        "absence",
        rate_of_absence,
        missing="indicator",
        varies=True,
    ),
    LinkedCovariate(
        "earlier_unauthorised_absence",
        "unauthorised absence before time zero",
        "sessions missed without leave of 100 possible, over terms known by time zero",
        "numeric",
        "absence",
        rate_without_leave,
        missing="indicator",
        varies=True,
    ),
    LinkedCovariate(
        "social_care",
        "known to social care",
        "1 where a spell as a child in need, under a protection plan or looked after had begun",
        "numeric",
        "social_care",
        any_row,
        absent=0,
        varies=True,
    ),
    LinkedCovariate(
        "trial",
        "school year of the trial",
        "the school year of time zero, where a new trial begins each year",
        "categorical",
        BASE,
        own("trial"),
    ),
)
BY_NAME = {one.name: one for one in COVARIATES}


def unknown(name: str) -> str:
    """Return the fault of a name that no covariate bears."""
    return (
        f'there is no covariate "{name}" of linked records.{nearest(name, BY_NAME)} There are: '
        f"{', '.join(sorted(BY_NAME))}."
    )
