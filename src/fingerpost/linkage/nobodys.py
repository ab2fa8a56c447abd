"""Birth dates and postcodes that are nobody's: written where none is known, and so let go.

Where they stay, whoever has one is compared with everybody who has it, and agrees with them on what
nobody knows. Some are known as such; others show by how many people of one file bear them. Sources:
ONS, pseudo postcodes (ZZ99 …) of those without a fixed abode or from another country; NHS Data
Dictionary, POSTCODE OF USUAL ADDRESS.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.linkage.identifiers import DEFAULTS, Notice, rows_of

# A value is nobody's where more than `MOST` people of a file bear it, and more than `TIMES` as many
# as bear the usual one. Fewer than `MOST` cost nothing: 100 with 100 people are 10,000 pairs, and a
# postcode has at most 100 addresses. As for `TIMES`, days and postcodes weigh alike, so that one
# borne by 20 times the people is taken for 4.3 bits (log2 20) too many. Honest ones stay well
# below: some 1,700 children are born in England on a usual day and on no day twice as many; in our
# England of 33,000 people the usual day has 10 and the fullest 23, a postcode 1 and 5.
MOST = 100
TIMES = 20
# In capital letters and digits alone. ZZ9 9ZZ, say, is another.
PSEUDO = "ZZ99([0-9][A-Z]{2})?"
# Birth dates that are not known are given as 1 January of a year that is, far more often in some
# groups than in others. So these days are held against each other, and other days likewise.
NEW_YEAR = "(month({0}) = 1 AND day({0}) = 1)"


def let_go(session: Any, table: str, file: str) -> tuple[Notice, ...]:
    """Read birth dates and postcodes that are nobody's as not known, in a table of rows; return
    what was noticed.
    """
    days = ", ".join(f"DATE '{day}'" for day in DEFAULTS)
    new_year = NEW_YEAR.format("birth_date")
    rules = (
        (
            "birth_date",
            "default",
            f"birth_date IN ({days})",
            f"with a day that stands for none ({' or '.join(DEFAULTS)})",
        ),
        ("postcode", "pseudo", f"regexp_full_match(postcode, '{PSEUDO}')", "with no place (ZZ99)"),
        ("birth_date", "many people", new_year, "of 1 January of a year"),
        ("birth_date", "many people", f"NOT {new_year}", "of a day"),
        ("postcode", "many people", "TRUE", "with a postcode"),
    )
    found: list[Notice] = []
    for column, rule, condition, words in rules:
        if rule == "many people":
            condition = borne_by_many(session, table, column, among=condition)
            words += f" that more than {TIMES} times as many people bear as the usual one"
        said = f"{words}, and read as not known"
        found += gone(session, table, condition, Notice(file, column, rule, 0, said))
    return tuple(found)


def borne_by_many(session: Any, table: str, column: str, *, among: str) -> str:
    """Return SQL for a value of a column that far too many people bear, among some rows."""
    borne = (
        f"SELECT {column}, count(DISTINCT id) AS many FROM {table} "
        f"WHERE {column} IS NOT NULL AND {among} GROUP BY {column}"
    )
    counts = session.execute(f"SELECT many FROM ({borne})").fetchnumpy()["many"]
    least = too_many(np.asarray(counts, dtype=np.int64))
    if least is None:
        return "FALSE"
    return f"{column} IN (SELECT {column} FROM ({borne}) WHERE many >= {least})"


def too_many(counts: NDArray[np.int64]) -> int | None:
    """Return the least number of people whose value is nobody's; None where every value is honest.

    counts: how many people bear each value. The usual value is that of the median person among
    those who bear another, so that one heap does not hide itself, nor do slips, each a value of its
    own, make honest values look full.

    >>> too_many(np.array([4] * 1000 + [300, 90]))
    300
    """
    rising = np.sort(counts)
    people = np.cumsum(rising)
    full = rising[rising > MOST]
    if not len(full):
        return None
    usual = rising[np.searchsorted(people, (people[-1] - full) / 2)]
    found = full[full > TIMES * usual]
    return int(found[0]) if len(found) else None


def gone(session: Any, table: str, condition: str, notice: Notice) -> list[Notice]:
    """Read the notice's column as not known in some rows; return it with their count, if any."""
    column = notice.column
    where = f"{column} IS NOT NULL AND ({condition})"
    (count,) = session.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()
    if not count:
        return []
    session.execute(f"UPDATE {table} SET {column} = NULL WHERE {where}")
    said = f"{rows_of(count)} {notice.said}"
    return [Notice(notice.file, column, notice.rule, int(count), said)]
