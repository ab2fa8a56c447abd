"""A report on linked records in words, for people, and as plain data, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fingerpost.records.check import FIRST_ROWS, Problem, Report
from fingerpost.records.rules import FAULT

# What each rule says of the rows that break it; `{}` is what is allowed.
RULES = {
    "type": "not {}",
    "blank": "blank; allowed: {}",
    "code": "not an allowed code; allowed: {}",
    "era": "a code of other years; in use: {}",
    "range": "outside what is allowed, {}",
    "future": "in the future; allowed: {}",
    "order": "dates reversed; allowed: {}",
    "total": "a part is larger than the whole; allowed: {}",
    "known": "known too early; allowed: {}",
    "age": "an impossible age; allowed: {}",
    "orphan": "of a child that is not known; allowed: {}",
    "duplicate": "repeats an earlier row; allowed: {}",
}


def told(report: Report) -> str:
    """Return a report as text: a line a table, its problems below it, and the verdict."""
    lines = [f"{report.path}" + (" (synthetic)" if report.synthetic else ""), ""]
    tables = dict.fromkeys([*report.rows, *(problem.table for problem in report.problems)])
    for table in tables:
        rows = report.rows.get(table)
        found = [problem for problem in report.problems if problem.table == table]
        state = "ok" if not any(p.weight == FAULT for p in found) else "faults"
        counted = f"{rows:,} rows" if rows is not None else "not read"
        lines.append(f"{table}  {counted}  {state}")
        lines += [f"    {line(problem)}" for problem in found]
    if report.unchecked:
        lines += ["", unchecked(report)]
    lines += ["", verdict(report)]
    return "\n".join(lines)


def unchecked(report: Report) -> str:
    """Return which tables were not checked, in a sentence."""
    n = len(report.unchecked)
    few = "other table was" if n == 1 else "other tables were"
    return (
        f"{n} {few} not checked, as what is said above must be mended first: "
        f"{', '.join(report.unchecked)}."
    )


def line(problem: Problem) -> str:
    """Return one problem as a line.

    >>> line(Problem("ks1", "assessed", "range", 2, (3, 9), "0 to 1"))
    'assessed: 2 rows: outside what is allowed, 0 to 1 (rows 3, 9)'
    """
    note = "" if problem.weight == FAULT else "notice: "
    start = f"{note}{problem.column}: " if problem.column else note
    if not problem.count:
        return f"{start}{problem.said}"
    shape = RULES[problem.rule].format(problem.said)
    few = "row" if problem.count == 1 else "rows"
    places = ", ".join(str(row) for row in problem.rows)
    more = ", …" if problem.count > len(problem.rows) else ""
    return f"{start}{problem.count:,} {few}: {shape} ({few} {places}{more})"


def verdict(report: Report) -> str:
    """Return in a sentence or two whether the records can be used."""
    notices = len(report.problems) - len(report.faults)
    noticed = f" {notices} notice{'s' if notices != 1 else ''}." if notices else ""
    if report.ok:
        return f"No fault in {len(report.rows)} tables.{noticed}"
    kinds = len(report.faults)
    return (
        f"{kinds} fault{'s' if kinds != 1 else ''} to mend.{noticed} Rows are counted from 1, a "
        f"header not counted; the first {FIRST_ROWS} of each fault are named, and no value is."
    )


def as_data(report: Report) -> dict[str, Any]:
    """Return a report as plain data."""
    return {
        "records": report.path,
        "engine": report.engine,
        "synthetic": report.synthetic,
        "ok": report.ok,
        "tables": dict(report.rows),
        "unchecked": list(report.unchecked),
        "problems": [asdict(problem) for problem in report.problems],
    }
