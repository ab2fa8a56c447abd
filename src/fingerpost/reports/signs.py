"""Signs for and against an estimator's own assumptions, from the tables that it gives."""

from __future__ import annotations

from collections.abc import Sequence

from fingerpost.core.output import Output
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import listing, sentence
from fingerpost.plots.numbers import number, percent, whole
from fingerpost.reports.together import p_words

Row = dict[str, Cell]
LEVEL = 0.05
MANY_FILLED = 0.1  # share of children from which a filled covariate is told in the first lines


def signs(output: Output) -> tuple[str, ...]:
    """Return what the checks of cut-offs, instruments, clusters and matches find, in sentences."""
    firsts: dict[tuple[object, ...], Table] = {}
    for table in output.tables:
        # What a leaf tells of all children stands first; of subgroups it tells the like.
        firsts.setdefault((table.name, table.columns, table.tags), table)
    found = (tell(table) for table in firsts.values() for part, tell in TELL if played(table, part))
    told = (*found, form([table for table in firsts.values() if table.name == "model_form"]))
    return tuple(dict.fromkeys(sentence(text) for text in told if text))


def played(table: Table, part: str) -> bool:
    """Return whether a table plays a part: a leaf's by its role, the study's own by its name."""
    return table.plays(part) if table.tells.role else table.name == part


def density(table: Table) -> str:
    """Return whether children are as many just below a cut-off as just above."""
    for row in table.records():
        p = row.get("p")
        if row.get("jumps") is True and isinstance(p, float):
            return (
                "warning, children are not as many just on one side of the cut-off as on the other "
                f"({p_words(p)}): they may have been sorted around it"
            )
    return ""


def placebo(table: Table) -> str:
    """Return which covariates jump at a cut-off, where none should."""
    rows = [row for row in table.records() if row.get("jumps") is True]
    if not rows:
        return ""
    names = listing([str(row["covariate"]) for row in rows])
    verb = "jumps" if len(rows) == 1 else "jump"
    return (
        f"warning, {names} {verb} at the cut-off, where no covariate should: something else may "
        "change there"
    )


def instrument(table: Table) -> str:
    """Return whether an instrument is weak, with its strength."""
    for row in table.records():
        strength, needed = row.get("effective_f"), row.get("critical")
        if row.get("weak") is True and isinstance(strength, float):
            than = f", below {number(needed)}" if isinstance(needed, float) else ""
            names = str(row.get("instrument")).replace(" and ", ", ").split(", ")
            which = f"the instrument {row.get('instrument')} is"
            if len(names) > 1:
                which = f"the {len(names)} instruments together are"
            return (
                f"warning, {which} weak (effective F {number(strength)}{than}): read the set of "
                "values not rejected, not the interval"
            )
    return ""


def stories(table: Table) -> str:
    """Return whether several instruments tell different stories."""
    for row in table.records():
        p = row.get("p")
        if isinstance(p, float) and p < LEVEL:
            return (
                f"warning, the instruments tell different stories ({p_words(p)}): one of them at "
                "least reaches the outcome by another way, or they move different children"
            )
    return ""


def matches(table: Table) -> str:
    """Return how many children found no match."""
    for row in table.records():
        gone, kept = row.get("without_match"), row.get("matched")
        if isinstance(gone, int) and isinstance(kept, int) and gone:
            return f"{whole(gone)} of {whole(gone + kept)} children who sought a match found none"
    return ""


def form(tables: Sequence[Table]) -> str:
    """Return which working models miss the form that the records show, of any outcome."""
    found: dict[str, None] = {}
    for table in tables:
        outcome = str(table.tag("outcome") or "the outcome")
        for row in table.records():
            if row.get("departs") is True:
                found[outcome if row.get("model") == "outcome" else "the arm"] = None
    if not found:
        return ""
    which = listing([name.replace("_", " ") for name in found])
    return (
        f"warning, the working model of {which} departs from the form that the records show: a "
        "square, or a product, of covariates is missing"
    )


def filled(table: Table) -> str:
    """Return which covariates were not recorded for many children and filled by a flag."""
    told = [
        f"{row.get('variable')} ({percent(share)})"
        for row in table.records()
        if row.get("role") == "covariate"
        and row.get("handling") in ("mean and a flag", "a level of its own")
        and isinstance(share := row.get("share"), float)
        and share >= MANY_FILLED
    ]
    if not told:
        return ""
    verb = "was" if len(told) == 1 else "were"
    return (
        f"warning, {listing(told)} {verb} not recorded for many children, and a flag stands in: "
        "children without a record are taken to differ in nothing else that matters"
    )


def clusters(table: Table) -> str:
    """Return how many children are in clusters that hold a comparison."""
    by = {str(row.get("clusters hold")): row for row in table.records()}
    some, none = by.get("children of different arms"), by.get("one arm only")
    if some is None or none is None:
        return ""
    inside, outside = some.get("children"), none.get("children")
    if not isinstance(inside, int) or not isinstance(outside, int) or not outside:
        return ""
    level = some.get("level")
    return (
        f"{whole(inside)} of {whole(inside + outside)} children have others of another arm in "
        f"their {level}: the comparison within rests on them alone"
    )


def benefits(table: Table) -> str:
    """Return whether children tell who benefits more."""
    told = [
        f"the ranking by predicted benefit {row['verdict']} ({row['contrast']})"
        for row in table.records()
        if row.get("verdict")
    ]
    return listing(told) if told else ""


TELL = (
    ("who benefits", benefits),
    ("cut-off density", density),
    ("cut-off placebo", placebo),
    ("instrument strength", instrument),
    ("instruments agree", stories),
    ("matches", matches),
    ("missing", filled),
    ("clusters that compare", clusters),
)
