"""Who is studied in linked records, as one T-SQL query: a row a child, its arm and its follow-up.

It says again, in another language, what `cohorts.linked` does: eligibility, time zero, arms, the
day on which follow-up ends. Outcomes and covariates are not in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from fingerpost.cohorts.linked._eligible import APART, MAIN, MAINSTREAM, PLANS, SUPPORT
from fingerpost.cohorts.linked._known import CENSUSES
from fingerpost.core.calendar import CENSUS, TERMS
from fingerpost.core.linked import LEVELS, Linked, Strategy
from fingerpost.core.study import Study
from fingerpost.studies.export import codes_sql, tsql

Part = codes_sql.Part
ENDS = {"death": "death_date", "opt_out": "opted_out_date"}


def faults(study: Study, linked: Linked) -> list[str]:
    """Return what a study asks that cannot be written as T-SQL, in words."""
    found = codes_sql.faults(linked)
    if linked.zero.repeated:
        found.append("trials that begin each school year are not written as T-SQL")
    if linked.new_users:
        found.append("children who begin provision anew are not written as T-SQL")
    if linked.through is not None:
        found.append("strategies sustained over time are not written as T-SQL")
    if any(one.dose for _, one in linked.strategies):
        found.append("arms by how much was planned or delivered are not written as T-SQL")
    return found


def query(linked: Linked, has: frozenset[str]) -> str:
    """Return the query. has: which of the tables that may be absent (death, opt_out) are there."""
    parts = [_born(linked), *_zero(linked)]
    if linked.phenotype:
        parts += codes_sql.parts(linked, deaths="death" in has)
    if _asks_concern(linked):
        parts.append(_concern())
    parts += [_eligible(linked, has), *_followed(linked, has)]
    return f"{tsql.with_parts(parts)}\n{_final()}\n"


def _asks_concern(linked: Linked) -> bool:
    return linked.concern or any(one.timed for _, one in linked.strategies)


def _born(linked: Linked) -> Part:
    tests = []
    if linked.born is not None:
        first, last = linked.born
        year, month = (int(each) for each in last.split("-"))
        after = f"{year + month // 12}-{month % 12 + 1:02d}-01"
        tests = [f"birth_month >= '{first}-01'", f"birth_month < '{after}'"]
    body = f"  SELECT child_id\n  FROM child{tsql.all_of(tests)}"
    return "born", "children born in the span", body


def _zero(linked: Linked) -> Iterator[Part]:
    """Yield the census rows of the year of time zero as known on the day, and the first of them."""
    code = CENSUSES[linked.zero.census]
    month, which = CENSUS[code]
    first = f"DATEFROMPARTS(s.academic_year{' - 1' if code == TERMS[0] else ''}, {month}, 1)"
    tests = [f"s.nc_year = {linked.zero.year}", f"s.term = '{code}'"]
    if linked.school == MAINSTREAM:
        tests.append(f"(s.school_type IS NULL OR NOT {tsql.among('s.school_type', APART)})")
    level = (
        f"CASE WHEN {tsql.among('s.school_type', APART)} THEN {LEVELS.index('special')} "
        f"WHEN {tsql.among('s.sen_provision', PLANS)} THEN {LEVELS.index('ehcp')} "
        f"WHEN {tsql.among('s.sen_provision', SUPPORT)} THEN {LEVELS.index('support')} ELSE 0 END"
    )
    main = f"s.enrolment IS NULL OR {tsql.among('s.enrolment', MAIN)}"
    held = ", ".join(
        f"CASE WHEN {main} THEN s.{one} END AS main_{one}, s.{one}" for one in ("urn", "la")
    )
    yield (
        "census",
        f"enrolments at {linked.zero.words()}: a plan counts before support, a special school "
        "before both",
        f"  SELECT s.child_id, s.academic_year, s.known_from, {level} AS provision, {held},\n"
        f"    {tsql.thursday(first, which)} AS zero_day\n"
        f"  FROM school_census AS s\n  JOIN born AS b ON b.child_id = s.child_id"
        f"{tsql.all_of(tests)}",
    )
    yield (
        "yearly",
        "one row a child and year, of what was known on the day of the census",
        "  SELECT child_id, academic_year, zero_day, MAX(provision) AS provision,\n"
        "    COALESCE(MIN(main_urn), MIN(urn)) AS urn, COALESCE(MIN(main_la), MIN(la)) AS la\n"
        "  FROM census\n  WHERE known_from <= zero_day\n"
        "  GROUP BY child_id, academic_year, zero_day",
    )
    yield (
        "zero",
        "the first such year is time zero",
        "  SELECT y.child_id, y.academic_year AS zero_year, y.zero_day, y.provision, y.urn, y.la\n"
        "  FROM yearly AS y\n  WHERE y.academic_year = (SELECT MIN(o.academic_year) FROM yearly "
        "AS o WHERE o.child_id = y.child_id)",
    )


def _concern() -> Part:
    raised, begun = tsql.term_of_date("c.concern_date"), tsql.term_of_date("c.first_provision_date")
    return (
        "concerned",
        "first concern and first provision, by time zero, as terms",
        f"  SELECT c.child_id, MIN({raised}) AS concern_term,\n"
        f"    MIN(CASE WHEN c.first_provision_date <= z.zero_day THEN {begun} END) AS "
        "provided_term\n"
        "  FROM concern AS c\n  JOIN zero AS z ON z.child_id = c.child_id\n"
        "  WHERE c.known_from <= z.zero_day AND c.concern_date <= z.zero_day\n"
        "  GROUP BY c.child_id",
    )


def _eligible(linked: Linked, has: frozenset[str]) -> Part:
    """Return the children who meet every rule, with their arm."""
    joins, tests = [], []
    if linked.phenotype:
        joins.append("  JOIN condition AS p ON p.child_id = z.child_id")
    if _asks_concern(linked):
        kind = "JOIN" if linked.concern else "LEFT JOIN"
        joins.append(f"  {kind} concerned AS c ON c.child_id = z.child_id")
        tests += ["c.concern_term IS NOT NULL"] if linked.concern else []
    for table, column in ENDS.items():
        if table in has:
            tests.append(
                f"NOT EXISTS (SELECT 1 FROM {table} AS x WHERE x.child_id = z.child_id AND "
                f"COALESCE(x.{column}, x.known_from) <= z.zero_day)"
            )
    cases = "\n".join(
        f"      WHEN {_follows(one)} THEN {tsql.text(arm)}" for arm, one in linked.strategies
    )
    body = [
        "  SELECT z.child_id, z.zero_year, z.zero_day, z.urn, z.la,",
        f"    CASE\n{cases}\n    END AS arm",
        "  FROM zero AS z",
        *joins,
    ]
    return (
        "eligible",
        "eligible children and what they had by time zero",
        "\n".join(body) + tsql.all_of(tests),
    )


def _follows(strategy: Strategy) -> str:
    tests = [tsql.among("z.provision", [LEVELS.index(name) for name in strategy.levels])]
    if strategy.within is not None:
        tests.append(f"c.provided_term - c.concern_term <= {strategy.within}")
    if strategy.after is not None:
        tests.append(f"c.provided_term - c.concern_term >= {strategy.after}")
    return " AND ".join(tests)


def _followed(linked: Linked, has: frozenset[str]) -> Iterator[Part]:
    """Yield when each child was seen last, the ways in which follow-up may end, and the first."""
    length = linked.until - linked.zero.year
    place = TERMS.index(CENSUSES[linked.zero.census])
    term = tsql.term_of("s.academic_year", "s.term")
    yield (
        "seen",
        "the last term in which each child was in a census",
        "  SELECT e.child_id, MAX(" + term + ") AS last_seen\n"
        "  FROM eligible AS e\n  JOIN school_census AS s ON s.child_id = e.child_id\n"
        f"  WHERE s.academic_year BETWEEN e.zero_year AND e.zero_year + {length}\n"
        "  GROUP BY e.child_id",
    )
    zero_term = f"3 * e.zero_year + {place}"
    yield (
        "planned",
        "the planned end; a child in no census from the spring of the last year has left",
        "  SELECT e.child_id, e.zero_day,\n"
        f"    3 * (e.zero_year + {length}) + 1 AS final_term,\n"
        f"    e.zero_year + {length} AS last_year,\n"
        f"    CASE WHEN s.last_seen > {zero_term} THEN s.last_seen ELSE {zero_term} END\n"
        "      AS last_term\n"
        "  FROM eligible AS e\n  LEFT JOIN seen AS s ON s.child_id = e.child_id",
    )
    year = "CAST(FLOOR(last_term / 3.0) AS INT)"
    ways = [
        "  SELECT child_id, DATEFROMPARTS(last_year, 8, 31) AS day, final_term + 1 AS term FROM "
        "planned",
        f"  SELECT child_id, {tsql.last_day_of_term('last_term', year)}, last_term FROM planned "
        "WHERE last_term < final_term",
    ]
    for table, column in ENDS.items():
        if table in has:
            ways.append(
                f"  SELECT p.child_id, x.{column}, {tsql.term_of_date(f'x.{column}')}\n"
                f"  FROM planned AS p JOIN {table} AS x ON x.child_id = p.child_id "
                f"AND x.{column} > p.zero_day"
            )
    yield "ends", "ways in which follow-up may end", "\n  UNION ALL\n".join(ways)
    yield (
        "followed",
        "the first of them",
        "  SELECT child_id, MIN(day) AS exit_day, MIN(term) AS exit_term\n"
        "  FROM ends\n  GROUP BY child_id",
    )


def _final() -> str:
    return (
        "SELECT e.child_id, e.arm, e.urn, e.la, e.zero_day, f.exit_day, f.exit_term\n"
        "FROM eligible AS e\nJOIN followed AS f ON f.child_id = e.child_id\n"
        "WHERE e.arm IS NOT NULL\nORDER BY e.child_id;"
    )
