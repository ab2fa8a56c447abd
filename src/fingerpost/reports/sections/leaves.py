"""How each estimator got there: what every leaf tells of its own work, under its name.

No table of an output may be absent from the page. What no other section shows stands here: under
the estimator that it names, or under "Other tables".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fingerpost.core.output import Output
from fingerpost.core.table import Table
from fingerpost.core.words import counted, listing
from fingerpost.reports import imputed, spines
from fingerpost.reports.designs import outcomes_words
from fingerpost.reports.names import about, first_open, unrepeated
from fingerpost.reports.parts import Bullets, Figure, Heading, Part, Section, Words, grids
from fingerpost.reports.phrases import target_phrase
from fingerpost.reports.refusals import target_refused
from fingerpost.reports.sections import pictures

TITLE = "How each estimator got there"
# Tables that other sections show.
ELSEWHERE = {
    "triangulation": ("assumptions",),
    "balance": ("balance", "baseline"),
    "overlap": (
        *("overlap", "weights", "overlap_subgroups", "guard", "trim", "trim_who", "truncation"),
        "model_form",
    ),
    "estimates": ("outcomes", "means", "trim_estimates", "looked"),
    "benefits": (
        *("benefit_rate", "benefit_calibration", "benefit_groups", "benefit_toc"),
        *("benefit_projection", "benefit_worth", "benefit_rule"),
    ),
    "subgroups": ("subgroup_support", "subgroup_differences", "subgroups_pooled", "joint"),
    "flow": ("departures", "provided_before"),
    "missing": ("missing", "recorded", *imputed.TABLES, *spines.TABLES),
}
# What is drawn stands after what is not.
DRAWN_ONLY = ("cut-off points", "cut-off lines")
MOST_GRIDS = 12
OTHER = "Other tables"


def section(output: Output) -> Section:
    """Return each estimator's own tables and pictures, then whatever belongs to none."""
    own = by_leaf(output)
    telling = len([name for name in own if name])
    words = (
        f"Of {counted(len(leaves_of(output)), 'estimator')}, {telling} "
        f"{'tells' if telling == 1 else 'tell'} of {'its' if telling == 1 else 'their'} own work: "
        "whom it moved or matched, how well its models did, or what its answer hangs on."
    )
    parts: list[Part] = [Words(words if own else none_of_their_own(output))]
    for name, tables in own.items():
        parts.append(Heading(title_of(output, name) or OTHER, f"leaf-{name or 'other'}"))
        parts += leaf_parts(output, name, tables)
    return Section("leaves", TITLE, tuple(parts))


def title_of(output: Output, name: str) -> str:
    """Return a leaf's own title, with what sentences call it; its name where neither is known."""
    table = output.table("assumptions")
    for row in table.records() if table else ():
        if row["estimator"] == name and row.get("title"):
            title, short = str(row["title"]), str(row.get("short") or name)
            return title if short.lower() in title.lower() else f"{title} ({short})"
    return name


def none_of_their_own(output: Output) -> str:
    """Return what is said where no leaf gives a table of its own."""
    leaves = leaves_of(output)
    names = f" ({listing(leaves)})" if leaves else ""
    return (
        f"0 of {counted(len(leaves), 'estimator')}{names} have more to tell than their answers on "
        f"{outcomes_words(output)} and the tables above."
    )


def leaves_of(output: Output) -> list[str]:
    """Return the estimators of the study, and any that answered besides, in order."""
    return list(dict.fromkeys((*output.study.estimators, *(r.estimator for r in output.results))))


def unplaced(output: Output) -> list[Table]:
    """Return every table with rows that no other section shows, each once."""
    placed = {name for names in ELSEWHERE.values() for name in names}
    return [table for table in unrepeated(output.tables) if table.rows and table.name not in placed]


def by_leaf(output: Output) -> dict[str, list[Table]]:
    """Return the unplaced tables by estimator, in the study's order; under '' those of none."""
    found: dict[str, list[Table]] = {name: [] for name in leaves_of(output)}
    rest: list[Table] = []
    for table in unplaced(output):
        for name, part in split(table):
            found.setdefault(name, []).append(part) if name else rest.append(part)
    named = {name: tables for name, tables in found.items() if tables}
    return {**named, "": rest} if rest else named


def split(table: Table) -> list[tuple[str, Table]]:
    """Return a table by the estimator that each row, or the table, names; '' where none does."""
    told = table.tag("estimator")
    if isinstance(told, str):
        return [(told, table)]
    if "estimator" not in table.columns:
        return [(table.leaf, table)]
    names = dict.fromkeys(str(cell) for cell in table.column("estimator"))
    at = table.columns.index("estimator")
    kept = [place for place in range(len(table.columns)) if place != at]
    return [
        (
            name,
            replace(
                table,
                columns=tuple(table.columns[place] for place in kept),
                kinds=tuple(table.kinds[place] for place in kept),
                rows=tuple(
                    tuple(row[place] for place in kept) for row in table.rows if row[at] == name
                ),
                counts=(),
                clusters=(),
                shares=(),
                tags=(*table.tags, ("estimator", name)),
            ),
        )
        for name in names
    ]


def leaf_parts(output: Output, name: str, tables: list[Table]) -> list[Part]:
    """Return what one leaf shows: its pictures, then its tables; guard rails as sentences."""
    parts: list[Part] = [*first_open(drawn(output, name, tables))]
    parts += pictures.at_risk(tables, name)
    rails = [table for table in tables if table.name == "own_guard"]
    parts += own_rails(output, rails)
    shown, more = firsts(untagged(table) for table in tables if table.name != "own_guard")
    made = list(grids(brief(table) for table in shown))
    last = {table.name for table in shown if table.tells.role in DRAWN_ONLY}
    made.sort(key=lambda each: each.csv in last)
    parts += made[:MOST_GRIDS]
    files = dict.fromkeys((*(each.csv for each in made[MOST_GRIDS:]), *more))
    if files:
        named = listing([f"{file}.csv" for file in files])
        parts.append(Words(f"More of this leaf, of subgroups among it, is in {named}.", "note"))
    return parts


def brief(table: Table) -> Table:
    """Return a curve of many times as a page shows it: where it has a standard error."""
    if not table.name.endswith("_curve") or "se" not in table.columns:
        return table
    sure = tuple(row for row in table.records() if row["se"] is not None)
    if not sure or len(sure) == len(table.rows):
        return table
    told = "Every time at which the curve was computed is in the file."
    rows = tuple(tuple(row.values()) for row in sure)
    note = f"{table.note} {told}".strip()
    return replace(table, rows=rows, note=note, counts=(), clusters=(), shares=())


def firsts(tables: Iterable[Table]) -> tuple[list[Table], list[str]]:
    """Return, of tables that are about one and the same thing by their names and tags, the first
    (that of all children), and the names of those left out.
    """
    found: dict[tuple[object, ...], Table] = {}
    more: list[str] = []
    for table in tables:
        key = (table.name, table.columns, table.tags)
        if key in found:
            more.append(table.name)
        found.setdefault(key, table)
    return list(found.values()), more


def untagged(table: Table) -> Table:
    """Return a table whose caption does not say the estimator again."""
    tags = tuple((name, value) for name, value in table.tags if name != "estimator")
    title = table.title.removesuffix(f": own weights of {table.tag('estimator')}")
    return replace(table, title=title, tags=tags)


def drawn(output: Output, name: str, tables: list[Table]) -> list[Figure]:
    """Return the pictures of one leaf's tables; tables that look alike are drawn once."""
    figures: list[Figure] = []
    seen: set[tuple[object, ...]] = set()
    for table in tables:
        key = (table.name, table.tags)
        draw = pictures.drawing(table)
        if draw is None or key in seen or target_refused(output, table):
            continue
        seen.add(key)
        figures += draw(output, name, table, tables)
    return figures


def own_rails(output: Output, tables: list[Table]) -> list[Part]:
    """Return what the guard rails warn of or refuse on a leaf's own weights, and how many pass."""
    if not tables:
        return []
    rows = [(table, row) for table in tables for row in table.records()]
    broken = dict.fromkeys(
        f"{row['verdict']}: {row['words']}, for {whom(output, table)}"
        for table, row in rows
        if row.get("verdict") != "ok"
    )
    passed = sum(row.get("verdict") == "ok" for _, row in rows)
    told = f"On its own weights {passed} of {counted(len(rows), 'guard rail')} pass"
    parts: list[Part] = [Words(f"{told}; all are in own_guard.csv.")]
    return [*parts, Bullets(tuple(broken))] if broken else parts


def whom(output: Output, table: Table) -> str:
    """Return whom a leaf's own table is about."""
    words = about(output, [table]) or target_phrase(output, table.tag("target"))
    group = table.tag("subgroup")
    return f"{words}, among {group}" if group else words
