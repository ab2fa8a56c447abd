"""The school calendar of England: academic years, terms, census days, national curriculum years.

An academic year runs from 1 September to 31 August and is labelled by the year in which it ends:
2015 is 2014/15. Terms are whole months: autumn September to December, spring January to March,
summer April to August.
Source: Department for Education, school census guides (census days); Education Act 1996 s. 8 and
admissions code (a child starts Reception in the September after the fourth birthday).
"""

from __future__ import annotations

from datetime import date, timedelta

AUTUMN, SPRING, SUMMER = "AUT", "SPR", "SUM"
TERMS = (AUTUMN, SPRING, SUMMER)
SEASONS = {"autumn": AUTUMN, "spring": SPRING, "summer": SUMMER}  # in names of periods
# The first month of an academic year, and of each term; all but autumn's lie in the year that
# labels the academic year.
FIRST_MONTH = 9
TERM_MONTH = {AUTUMN: 9, SPRING: 1, SUMMER: 4}
# The month of each term's census, and which Thursday of it.
CENSUS = {AUTUMN: (10, 1), SPRING: (1, 3), SUMMER: (5, 3)}
THURSDAY = 3
# Born in academic year Y, a child is in Reception in Y + 5 and in Year n in Y + 5 + n.
RECEPTION_AFTER = 5
RECEPTION = 0
EPOCH = date(1970, 1, 1).toordinal()
# Where only the month of birth is known, the middle of the month stands for the day.
MID_MONTH = 15
KEY_STAGES = ((0, "early years"), (2, "key stage 1"), (6, "key stage 2"), (9, "key stage 3"))


def academic_year(day: date) -> int:
    """Return the academic year of a day, labelled by the year it ends.

    >>> academic_year(date(2014, 9, 1)), academic_year(date(2015, 8, 31))
    (2015, 2015)
    """
    return day.year + (day.month >= FIRST_MONTH)


def first_day(year: int) -> date:
    """Return the first day of an academic year.

    >>> first_day(2015)
    datetime.date(2014, 9, 1)
    """
    return date(year - 1, FIRST_MONTH, 1)


def last_day(year: int) -> date:
    """Return the last day of an academic year.

    >>> last_day(2015)
    datetime.date(2015, 8, 31)
    """
    return date(year, FIRST_MONTH, 1) - timedelta(days=1)


def term(day: date) -> str:
    """Return the term of a day: AUT, SPR or SUM.

    >>> [term(date(2015, month, 1)) for month in (9, 12, 1, 3, 4, 8)]
    ['AUT', 'AUT', 'SPR', 'SPR', 'SUM', 'SUM']
    """
    if day.month >= TERM_MONTH[AUTUMN]:
        return AUTUMN
    return SPRING if day.month < TERM_MONTH[SUMMER] else SUMMER


def term_first_day(year: int, name: str) -> date:
    """Return the first day of a term of an academic year.

    >>> term_first_day(2015, "AUT"), term_first_day(2015, "SUM")
    (datetime.date(2014, 9, 1), datetime.date(2015, 4, 1))
    """
    return date(year - (name == AUTUMN), TERM_MONTH[name], 1)


def term_last_day(year: int, name: str) -> date:
    """Return the last day of a term of an academic year.

    >>> term_last_day(2015, "AUT"), term_last_day(2015, "SUM")
    (datetime.date(2014, 12, 31), datetime.date(2015, 8, 31))
    """
    later = TERMS[TERMS.index(name) + 1 :]
    following = term_first_day(year, later[0]) if later else first_day(year + 1)
    return following - timedelta(days=1)


def period_end(name: str) -> date | None:
    """Return the last day of a period by its name: a term, or an academic year (2027 is 2026/27);
    None where the name is of neither.

    >>> period_end("2027 autumn"), period_end("2028 spring"), period_end("2027")
    (datetime.date(2027, 12, 31), datetime.date(2028, 3, 31), datetime.date(2027, 8, 31))
    """
    year, _, season = name.partition(" ")
    if len(year) != 4 or not year.isdecimal() or not year.isascii() or int(year) < 1000:
        return None
    if not season:
        return last_day(int(year)) if name == year else None
    if season not in SEASONS:
        return None
    return term_last_day(int(year) + (season == "autumn"), SEASONS[season])


def term_number(year: int, name: str) -> int:
    """Return a term as a number that rises by one a term, so that terms can be subtracted.

    >>> term_number(2015, "AUT") - term_number(2014, "SPR")
    2
    """
    return len(TERMS) * year + TERMS.index(name)


def census_day(year: int, name: str) -> date:
    """Return the day of a term's school census.

    The first Thursday in October, the third in January, the third in May.

    >>> [census_day(2015, name).isoformat() for name in TERMS]
    ['2014-10-02', '2015-01-15', '2015-05-21']
    """
    month, which = CENSUS[name]
    first = date(year - (name == AUTUMN), month, 1)
    wait = (THURSDAY - first.weekday()) % 7
    return first + timedelta(days=wait + 7 * (which - 1))


def reception_year(birth: date) -> int:
    """Return the academic year in which a child is due in Reception.

    birth: the day or the month of birth.

    >>> reception_year(date(2003, 9, 1)), reception_year(date(2004, 8, 31))
    (2009, 2009)
    """
    return academic_year(birth) + RECEPTION_AFTER


def year_of(birth: date, nc_year: int) -> int:
    """Return the academic year in which a child is due in a national curriculum year.

    nc_year: -2 and -1 nursery, 0 Reception, 1 to 13.

    >>> year_of(date(2003, 9, 1), 1), year_of(date(2003, 9, 1), 6)
    (2010, 2015)
    """
    return reception_year(birth) + nc_year


def nc_year(birth: date, year: int) -> int:
    """Return the national curriculum year that a child is due in during an academic year.

    >>> nc_year(date(2004, 8, 1), 2010)
    1
    """
    return year - reception_year(birth)


def key_stage(nc_year: int) -> str:
    """Return the key stage of a national curriculum year.

    >>> [key_stage(year) for year in (0, 1, 2, 3, 6, 7, 10)]
    ... # doctest: +NORMALIZE_WHITESPACE
    ['early years', 'key stage 1', 'key stage 1', 'key stage 2', 'key stage 2', 'key stage 3',
     'key stage 4']
    """
    return next((words for last, words in KEY_STAGES if nc_year <= last), "key stage 4")


def financial_year(day: date) -> int:
    """Return the financial year of a day (from 1 April), labelled by the year it STARTS, as
    hospital records are.

    >>> financial_year(date(2018, 3, 31)), financial_year(date(2018, 4, 1))
    (2017, 2018)
    """
    return day.year - (day.month < 4)


def day_number(day: date) -> int:
    """Return the days since 1970-01-01, which is day 0.

    >>> day_number(date(1970, 1, 2)), day_number(date(2000, 3, 1))
    (1, 11017)
    """
    return day.toordinal() - EPOCH


def day_of(number: int) -> date:
    """Return the day of a day number.

    >>> day_of(11017)
    datetime.date(2000, 3, 1)
    """
    return date.fromordinal(number + EPOCH)


def month_number(day: date) -> int:
    """Return the months since January of year 0, so that ages in months are differences.

    >>> month_number(date(2010, 1, 31)) - month_number(date(2009, 9, 1))
    4
    """
    return 12 * day.year + day.month - 1


def approximate_birth(month: date) -> date:
    """Return the day that stands for a month of birth: its 15th.

    >>> approximate_birth(date(2004, 2, 1))
    datetime.date(2004, 2, 15)
    """
    return month.replace(day=MID_MONTH)
