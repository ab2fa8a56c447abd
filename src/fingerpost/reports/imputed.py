"""What is said of imputed values: how many, at what cost, and whether more copies would help."""

from __future__ import annotations

import math

from fingerpost.core.output import Output
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted, listing, sentence
from fingerpost.plots.numbers import percent
from fingerpost.reports.bounds import rows_of
from fingerpost.reports.phrases import outcome_words
from fingerpost.reports.spines import LINKAGE

SHARES, MODELS, PRECISION, CONVERGENCE = (
    "imputed",
    "imputation",
    "imputation_precision",
    "imputation_convergence",
)
TABLES = (SHARES, MODELS, PRECISION, CONVERGENCE)
MOST_NAMED = 4
ASK = ". A sensitivity analysis that shifts imputed outcomes asks how unlike they would have to be"
MUCH = 0.20  # share of an arm whose outcome was imputed, from which a caution is due
APART = 0.05  # between arms


def imputed_words(output: Output) -> tuple[str, ...]:
    """Return what was imputed and what that assumes, what it costs, and what would help."""
    found = (imputed(output), *lopsided(output), cost(output), unsettled(output))
    return tuple(text for text in found if text)


def imputed(output: Output) -> str:
    """Return which values were imputed, in how many copies, and on what assumption."""
    table, copies = output.table(MODELS), copies_of(output)
    if table is None or not table.rows or not copies:
        return ""
    rows = sorted(table.records(), key=lambda row: -_number(row["share"]))
    named = [f"{_shown(output, row)} ({percent(_number(row['share']))})" for row in rows]
    left = len(named) - MOST_NAMED
    few = [*named[:MOST_NAMED], counted(left, "other")] if left > 1 else named
    return sentence(
        f"missing values of {listing(few)} were imputed in {copies} copies of the records, "
        "each analysed and then pooled: that is right if, among children alike in all else that is "
        "recorded, whether a value is missing does not depend on the value, which cannot be tested"
    )


def copies_of(output: Output) -> int:
    """Return in how many copies values were imputed: of several spines, one each; 0 in none."""
    asked, linked = output.study.imputation, output.table(LINKAGE)
    if asked is None:
        return 0
    spines = (
        int(_number(linked.records()[0]["number"])) if linked is not None and linked.rows else 1
    )
    return spines if spines > 1 else asked.copies


def lopsided(output: Output) -> tuple[str, ...]:
    """Return a caution for each outcome of which much was imputed in an arm, or more in one arm
    than in another.
    """
    table = output.table(SHARES)
    arms: dict[str, dict[str, float]] = {}
    for row in table.records() if table is not None else ():
        share = row.get("share")
        if row["role"] == "outcome" and isinstance(share, float):
            arms.setdefault(str(row["variable"]), {})[str(row["arm"])] = share
    found = []
    probed = bool(rows_of(output, "shifts that matter"))
    for name, shares in arms.items():
        least, most = min(shares, key=lambda a: shares[a]), max(shares, key=lambda a: shares[a])
        # What is shown is what is judged: a policy may have rounded the shares.
        apart = round(shares[most] - shares[least], 6) > APART
        words = outcome_words(output.study, name)
        told = f"warning, {words} was imputed for {percent(shares[most])} of {most}"
        if apart:
            told += f" and {percent(shares[least])} of {least}: whatever the unseen of one arm "
            told += "have of their own moves the answer"
        elif round(shares[most], 6) > MUCH:
            told += ": much of the answer rests on the imputation models"
        else:
            continue
        found.append(sentence(f"{told}{'' if probed else ASK}"))
    return tuple(found)


def _shown(output: Output, row: dict[str, Cell]) -> str:
    name = str(row["variable"])
    return outcome_words(output.study, name) if row["role"] == "outcome" else name


def cost(output: Output) -> str:
    """Return how much the missing values cost the primary answers, and, where the copies are too
    few, how many would do.
    """
    table, copies = output.table(PRECISION), copies_of(output)
    if table is None or not copies:
        return ""
    primary = {(r.estimator, r.term.outcome) for r in output.results if r.primary}
    rows = [row for row in table.records() if (row["estimator"], row["outcome"]) in primary]
    if not rows:
        return ""
    worst = max(rows, key=lambda row: _number(row["missing_information"]))
    share = _number(worst["missing_information"])
    told = (
        f"the missing values cost up to {percent(share)} of the information behind a primary answer"
    )
    if all(row["enough_copies"] for row in rows):
        return sentence(f"{told}; {copies} copies are enough")
    needed = max(math.ceil(100 * share), copies + 1)
    error = max(_number(row["error_share"]) for row in rows)
    return sentence(
        f"{told}, and drawn again, the copies would move an answer by as much as "
        f"{percent(error)} of its standard error: more copies would help, {needed} at least"
    )


def unsettled(output: Output) -> str:
    """Return which variables' draws had not settled after the cycles."""
    table = output.table(MODELS)
    if table is None:
        return ""
    names = [_shown(output, row) for row in table.records() if row["settled"] is False]
    if not names:
        return ""
    return sentence(
        f"warning, the imputed values of {listing(names)} were still moving, in all copies alike, "
        "when the cycles ended: write imputation: {cycles: 30}"
    )


def tables(output: Output) -> tuple[Table, ...]:
    """Return the tables that tell of imputation, those with rows."""
    found = (output.table(name) for name in TABLES)
    return tuple(table for table in found if table is not None and table.rows)


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0
