"""What can be told of children whose outcome was not seen: bounds, and shifts that would matter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fingerpost.core.output import Output, Result
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import sentence
from fingerpost.plots.delta import draw_delta
from fingerpost.plots.numbers import number, percent, plain
from fingerpost.reports.bounds import Row, answered_by, asked_words, rows_of, value_words
from fingerpost.reports.parts import Figure
from fingerpost.reports.phrases import Unit, crosses, outcome_words, unit_of
from fingerpost.reports.strength import as_float, is_number

SURVIVOR = {
    "raises": "if whoever is seen under {second} would be seen under {first}",
    "lowers": "if whoever is seen under {first} would be seen under {second}",
    "nothing": "if nothing is assumed of who would be seen",
}
UNRETURNED = {
    "anything": "if those left out may have done anything",
    "changes_within": "if those left out changed as the others did, give or take what the study "
    "says",
}
COMPARED = {
    "anything": "plain differences of waves' means",
    "changes_within": "differences of waves' changes since before provision began",
}
BOTH, OPPOSITE = "both arms alike", "opposite ways"
ABOUT = ("estimator", "outcome", "contrast", "target")
UNASSESSED = {
    "anything": "if children not assessed may have done anything",
    "no_better": "if they would have done no better than others like them",
    "at_most": "if they would have done no better, and no worse than the study says",
    "alike": "if they would have done as others like them",
}


def whose(output: Output, row: Row) -> str:
    """Return which answer a row is about."""
    name = outcome_words(output.study, str(row.get("outcome", "the outcome")))
    return f"{name} ({asked_words(output, row)})"


def bounded(output: Output, role: str) -> list[Row]:
    """Return the rows of a table of bounds, without those that give none."""
    return [row for row in rows_of(output, role) if is_number(row.get("lower"))]


def told(output: Output, rows: list[Row], words: dict[str, str]) -> list[str]:
    """Return the bounds of the first question, an assumption each, from the widest on."""
    first = (rows[0].get("outcome"), rows[0].get("contrast"), rows[0].get("target"))
    own = [
        row
        for row in rows
        if (row.get("outcome"), row.get("contrast"), row.get("target")) == first
        and is_number(row.get("lower"))
        and str(row.get("assumes")) in words
    ]
    own.sort(key=lambda row: as_float(row["lower"]) - as_float(row["upper"]))
    by = {str(row["assumes"]): row for row in own}
    result = answered_by(output, rows[0])
    names = [arm for arm, _ in result.term.contrast] if result else ["one arm", "the other"]
    arms = {"first": names[0], "second": names[-1]}
    return [
        f"{words[name].format(**arms)}, {span(output, row, met='at')} ({row.get('verdict')})"
        for name, row in by.items()
    ]


def span(output: Output, row: Row, *, met: str = "it is") -> str:
    """Return from where to where a row's bounds reach; where they meet one number, behind `met`."""
    low, high = (value_words(output, row, end) for end in ("lower", "upper"))
    if low == high:
        return f"{met} {low}"
    unit = high.partition(" ")[2]
    return f"from {low.removesuffix(f' {unit}') if unit else low} to {high}"


def survivor_words(output: Output) -> str:
    """Return the bounds of the effect among children who would be seen under either arm."""
    rows = bounded(output, "survivor bounds")
    found = told(output, rows, SURVIVOR) if rows else []
    if not found:
        return ""
    shares = [as_float(row["group"]) for row in rows if is_number(row.get("group"))]
    among = f" ({percent(min(shares))} of all or more)" if shares else ""
    return sentence(
        f"survivor bounds: among children who would be seen under either arm{among}, the effect on "
        f"{whose(output, rows[0])} lies, {'; '.join(found)}"
    )


def unassessed_words(output: Output) -> str:
    """Return the bounds of the effect on all children, assessed or not."""
    rows = bounded(output, "unassessed bounds")
    found = told(output, rows, UNASSESSED) if rows else []
    if not found:
        return ""
    return sentence(
        f"bounds for the unassessed: among all children, assessed or not, the effect on "
        f"{whose(output, rows[0])} lies, {'; '.join(found)}"
    )


def unreturned_words(output: Output) -> str:
    """Return the bounds of the effect on all units, whether they returned every period or not."""
    rows = bounded(output, "unreturned bounds")
    found = told(output, rows, UNRETURNED) if rows else []
    if not found:
        return ""
    return sentence(
        "bounds for what was not returned: among all units, those left out with them, the effect "
        f"on {whose(output, rows[0])} lies, {'; '.join(found)}"
    )


def narrowest(
    output: Output, result: Result, role: str = "unreturned bounds", *, but: str = ""
) -> Row | None:
    """Return the narrowest bounds of an answer's own term for whoever is left out, or None.

    role: of their tables. but: an assumption that is passed over.
    """
    rows = [
        row
        for row in bounded(output, role)
        if row.get("assumes") != but
        and (row.get("outcome"), row.get("contrast"), row.get("target"))
        == (result.term.outcome, result.term.words(), result.term.label())
    ]
    width = [as_float(row["upper"]) - as_float(row["lower"]) for row in rows]
    return rows[width.index(min(width))] if rows else None


def whatever_lost(output: Output, result: Result) -> str:
    """Return how far an answer reaches if units that are left out are like nobody knows whom, as
    the narrowest bounds of its own term say, and whose these are; empty where none are.
    """
    row = narrowest(output, result)
    if row is None:
        return ""
    how, whose = (words.get(str(row["assumes"]), "") for words in (UNRETURNED, COMPARED))
    beside = ""
    if not as_float(row["lower"]) <= result.value <= as_float(row["upper"]):
        beside = f", so that what {result.estimator} found may lie outside them"
    return sentence(
        f"Of all units that were drawn, {how}: {span(output, row)} ({row.get('verdict')}); these "
        f"bounds are of {whose}{beside}"
    )


def unsettled_by_lost(output: Output, result: Result) -> bool:
    """Return whether bounds for units that are left out do not tell an answer from none."""
    row = narrowest(output, result)
    return row is not None and str(row.get("verdict", "")).startswith("we cannot tell")


def unsettled_by_unseen(output: Output, result: Result) -> str:
    """Return that nothing is settled where even the narrowest bounds for children without an
    outcome, which do not take them for like the others, hold no effect; empty elsewhere, and where
    the interval of the answer says so itself.
    """
    if crosses(result) is not False:
        return ""
    rows = (
        narrowest(output, result, "survivor bounds"),
        narrowest(output, result, "unassessed bounds", but="alike"),
    )
    if not any(str(row.get("verdict", "")).startswith("we cannot tell") for row in rows if row):
        return ""
    name = outcome_words(output.study, result.term.outcome)
    return (
        "Bounds that allow for children without a recorded outcome include no effect, so the "
        f"records do not settle which way {name} moves."
    )


def delta_words(output: Output) -> str:
    """Return the smallest shift of imputed outcomes at which the conclusion changes, of one arm or
    both alike, and with both arms shifted in opposite ways.
    """
    rows = [row for row in rows_of(output, "shifts that matter") if row.get("outcome") is not None]
    if not rows:
        return ""
    found = [row for row in rows if is_number(row.get("conclusion_changes_at"))]
    if not found:
        far = max(abs(as_float(row["looked_to"])) for row in rows)
        worst = any(row["shifted"] == OPPOSITE for row in rows)
        ways = "of both alike or of both in opposite ways" if worst else "or of both alike"
        return sentence(
            f"delta-adjusted imputation: no shift of imputed outcomes up to {plain(far)}, down or "
            f"up, of one arm{',' if worst else ''} {ways}, changes what is concluded of "
            f"{whose(output, rows[0])}"
        )
    alike = smallest(row for row in found if row["shifted"] != OPPOSITE)
    first = alike or found[0]
    apart = smallest(
        row
        for row in found
        if row["shifted"] == OPPOSITE and all(row.get(n) == first.get(n) for n in ABOUT)
    )
    told = []
    if alike is not None:
        arm = BOTH if alike["shifted"] == "both alike" else f"{alike['shifted']} alone"
        told.append(
            f"once the imputed outcomes of {arm} are shifted by {changes_at(alike)} (no smaller "
            "shift of one arm or of both alike does it)"
        )
    if apart is not None:
        told.append(f"once those imputed are shifted in opposite ways, {opposed(output, apart)}")
    return sentence(
        f"delta-adjusted imputation: what is concluded of {whose(output, first)} changes "
        f"{', or '.join(told)}"
    )


def smallest(rows: Iterable[Row]) -> Row | None:
    """Return the row of the smallest shift that changes a conclusion; None without rows."""
    return min(rows, key=lambda row: abs(as_float(row["conclusion_changes_at"])), default=None)


def changes_at(row: Row) -> str:
    """Return the shift at which a conclusion changes."""
    return number(as_float(row["conclusion_changes_at"]))


def opposed(output: Output, row: Row) -> str:
    """Return the shift of each arm at which a conclusion changes, in opposite ways."""
    result = answered_by(output, row)
    arms = [arm for arm, _ in result.term.contrast] if result else ["one arm", "the other"]
    other = number(-as_float(row["conclusion_changes_at"]))
    return f"{arms[0]} by {changes_at(row)} and {arms[-1]} by {other}"


def shifts(output: Output, table: Table) -> Iterable[Figure]:
    """Yield the picture of the answers of one table, a picture a question."""
    grouped: dict[tuple[Cell, ...], list[int]] = {}
    for at, row in enumerate(table.records()):
        key = tuple(row[name] for name in ("outcome", "contrast", "target"))
        grouped.setdefault(key, []).append(at)
    for key, places in grouped.items():
        rows = tuple(table.rows[at] for at in places)
        part = replace(table, rows=rows, counts=(), clusters=(), shares=())
        one: Row = part.records()[0]
        result = answered_by(output, one)
        unit = unit_of(output.study, result.term) if result else Unit("")
        ratio = result is not None and result.term.scale == "ratio"
        arms = [arm for arm, _ in result.term.contrast] if result else ["first arm", "second arm"]
        drawn = draw_delta(
            part,
            arms=(arms[0], arms[-1]),
            about="-".join(str(word) for word in key),
            unit="a ratio" if ratio else unit.words or "in the unit of the outcome",
            times=unit.times,
            ratio=ratio,
        )
        if drawn:
            yield Figure(
                drawn,
                f"For {whose(output, one)}. Bands are intervals; on the dashed line there is no "
                "effect. No record tells which shift is true.",
            )
