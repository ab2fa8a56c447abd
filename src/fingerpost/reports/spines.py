"""What is said of linkage spines: how many, what their spread is, and whom links missed."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import SENSITIVITY_RANGE, counted, sentence
from fingerpost.plots.numbers import percent

LINKAGE, SPREAD, UNLINKED = "linkage", "spine_spread", "unlinked"
TABLES = (LINKAGE, SPREAD, UNLINKED)
EVERYONE, ALL_ARMS = "all", "all arms"
APART = 0.02  # between arms, or between groups, from which a caution is due


def spine_words(output: Output) -> tuple[str, ...]:
    """Return through how many spines the records were read, what that costs, and whom links missed;
    nothing where none were linked.
    """
    found = (through(output), cost(output), missed(output), *lopsided(output))
    return tuple(text for text in found if text)


def through(output: Output) -> str:
    """Return how many spines there were, and what their spread counts as."""
    table = output.table(LINKAGE)
    if table is None or not table.rows:
        return ""
    row = table.records()[0]
    count, method = int(_number(row["number"])), row["method"]
    named = row["spines"] if row["spines"] == method else f"{row['spines']} ({method})"
    if count == 1:
        return sentence(
            f"hospital records were read through one spine, the first of {named}: that its links "
            "may be false or missed is in no interval"
        )
    told = (
        f"hospital records were read through {counted(count, 'spine')}, {named}, each "
        "analysed and then pooled"
    )
    if row["label"] == SENSITIVITY_RANGE:
        return sentence(f"{told}: what is said of their spread is a sensitivity range, no interval")
    return sentence(f"{told}: the intervals hold that links are not known")


def cost(output: Output) -> str:
    """Return how much the links cost the primary answers."""
    table = output.table(SPREAD)
    if table is None:
        return ""
    primary = {(r.estimator, r.term.outcome) for r in output.results if r.primary}
    rows = [row for row in table.records() if (row["estimator"], row["outcome"]) in primary]
    shares = [_number(row["lost_to_links"]) for row in rows]
    if not shares:
        return ""
    return sentence(
        f"not knowing the links costs up to {percent(max(shares))} of the information behind a "
        "primary answer"
    )


def missed(output: Output) -> str:
    """Return to how many of the children of the schools no hospital record was linked."""
    table = output.table(UNLINKED)
    rows = [row for row in table.records() if row["group"] == EVERYONE] if table else []
    whole = next((row for row in rows if row["arm"] == ALL_ARMS), None)
    if whole is None or not isinstance(whole["share_missed"], float):
        return ""
    arms = [
        f"{percent(_number(row['share_missed']))} of {row['arm']}"
        for row in rows
        if row["arm"] != ALL_ARMS and isinstance(row["share_missed"], float)
    ]
    return sentence(
        f"no hospital record was linked to {percent(whole['share_missed'])} of the children whom "
        f"schools hold and whose families did not opt out ({', '.join(arms)})"
    )


def lopsided(output: Output) -> tuple[str, ...]:
    """Return a caution where links missed much more of one arm or group than of another."""
    table = output.table(UNLINKED)
    rows = table.records() if table is not None else []
    shares: dict[str, dict[str, float]] = {}
    for row in rows:
        share = row["share_missed"]
        if not isinstance(share, float):
            continue
        if row["group"] == EVERYONE and row["arm"] != ALL_ARMS:
            shares.setdefault("arm", {})[str(row["arm"])] = share
        elif row["group"] != EVERYONE and row["arm"] == ALL_ARMS:
            shares.setdefault(str(row["group"]), {})[str(row["level"])] = share
    weighed = _weighted(output)
    found = []
    for group, own in shares.items():
        least, most = min(own, key=lambda a: own[a]), max(own, key=lambda a: own[a])
        if round(own[most] - own[least], 6) <= APART:
            continue
        told = (
            f"warning, links missed {percent(own[most])} of {group} {most} and "
            f"{percent(own[least])} of {least}"
        )
        mend = "" if weighed else ": --spines N:weighted weighs those linked to stand for all"
        found.append(sentence(told + mend))
    return tuple(found)


def tables(output: Output) -> tuple[Table, ...]:
    """Return the tables that tell of links, those with rows."""
    found = (output.table(name) for name in TABLES)
    return tuple(table for table in found if table is not None and table.rows)


def _weighted(output: Output) -> bool:
    table = output.table(LINKAGE)
    return table is not None and bool(table.rows) and table.records()[0]["weighted"] is True


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0
