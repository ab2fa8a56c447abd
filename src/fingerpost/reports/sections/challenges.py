"""The pictures of sensitivity analyses, in the unit in which answers are shown."""

from __future__ import annotations

from collections.abc import Iterable

from fingerpost.core.estimand import Term
from fingerpost.core.output import Output
from fingerpost.core.table import Table
from fingerpost.plots.bounds import draw_bounds
from fingerpost.plots.controls import draw_controls
from fingerpost.plots.selection import draw_selection
from fingerpost.plots.tipping import draw_tipping
from fingerpost.reports.names import about
from fingerpost.reports.parts import Figure
from fingerpost.reports.phrases import Unit, outcome_words, unit_of
from fingerpost.reports.strength import as_float, is_number
from fingerpost.reports.unseen import shifts


def drawn(output: Output, tables: list[Table]) -> Iterable[Figure]:
    """Yield the pictures of one analysis; tables of one question are drawn once."""
    seen: set[object] = set()
    for table in tables:
        key = (table.name, table.tags)
        if key in seen or not table.rows:
            continue
        seen.add(key)
        if table.plays("tipping contour"):
            yield from tipping(output, table)
        elif table.plays("selection grid"):
            yield from selection(output, table)
        elif table.plays("calibrating controls"):
            yield from controls(table, tables)
        elif table.plays("hidden bias"):
            yield from bounds(table, tables)
        elif table.plays("shifts"):
            yield from shifts(output, table)


def term_of(output: Output, table: Table) -> Term | None:
    """Return the term that a table is about, as its tags say it."""
    return next(
        (
            result.term
            for result in output.results
            if result.term.outcome == table.tag("outcome")
            and table.tag("contrast") in (None, result.term.words())
            and table.tag("target") in (None, result.term.label(), result.term.target.label())
        ),
        None,
    )


def whose(output: Output, table: Table) -> str:
    """Return what a picture is about, as the first sentence of its note."""
    words = about(output, [table])
    return f"For {words}. " if words else ""


def tipping(output: Output, table: Table) -> Iterable[Figure]:
    """Yield the lines of equal adjusted answer."""
    term = term_of(output, table)
    unit = unit_of(output.study, term) if term else Unit("")
    ratio = term is not None and term.scale == "ratio"
    words = "a ratio" if ratio else unit.words or "in the unit of the outcome"
    picture = draw_tipping(table, unit=words, times=unit.times, ratio=ratio)
    if picture:
        yield Figure(
            picture,
            f"{whose(output, table)}What would be left if a cause that nobody recorded lay so far "
            "higher in the first arm and changed the outcome by so much a standard deviation. On "
            "the bold line nothing would be left.",
        )


def selection(output: Output, table: Table) -> Iterable[Figure]:
    """Yield the answer by selection on what was not recorded."""
    term = term_of(output, table)
    # The coefficient is of the outcome's own unit whatever the scale of the answers.
    unit = unit_of(output.study, term) if term and term.scale != "ratio" else Unit("")
    name = outcome_words(output.study, str(table.tag("outcome") or ""))
    words = f"{name}, {unit.words}" if unit.words else name
    picture = draw_selection(table, unit=words, times=unit.times)
    if picture:
        yield Figure(
            picture,
            f"{whose(output, table)}At δ = 1 what was not recorded goes with provision as strongly "
            "as what was.",
        )


def controls(table: Table, tables: list[Table]) -> Iterable[Figure]:
    """Yield what each leaf finds on controls, with the error fitted to them."""
    fitted = [each for one in tables if one.plays("calibrated") for each in one.records()]
    seen = set()
    for row in fitted:
        key = (str(row["estimator"]), str(row["contrast"]), str(row["target"]))
        if key in seen or not is_number(row["error_mean"]) or not is_number(row["error_sd"]):
            continue
        seen.add(key)
        mean, sd = as_float(row["error_mean"]), as_float(row["error_sd"])
        estimator, contrast, target = key
        picture = draw_controls(
            table, estimator=estimator, contrast=contrast, target=target, mean=mean, sd=sd
        )
        if picture:
            yield Figure(
                picture,
                "Provision can have changed none of these. The dashed line is the mean of the "
                "systematic error fitted to them, the band holds 95% of such errors.",
            )


def bounds(table: Table, tables: list[Table]) -> Iterable[Figure]:
    """Yield the largest p-value of each finding over the odds of hidden bias."""
    gammas = {
        (row["estimator"], row["contrast"], row["target"]): row["gamma"]
        for one in tables
        if one.plays("hidden bias borne") and one.tags == table.tags
        for row in one.records()
    }
    for estimator, contrast, target in dict.fromkeys(
        (str(r["estimator"]), str(r["contrast"]), str(r["target"])) for r in table.records()
    ):
        told = gammas.get((estimator, contrast, target))
        gamma = float(told) if isinstance(told, int | float) else None
        picture = draw_bounds(
            table, estimator=estimator, contrast=contrast, target=target, gamma=gamma
        )
        if picture:
            yield Figure(
                picture,
                "The dashed line is p = .05; a triangle at the foot is a p-value below .0001. "
                "The effect is no larger or smaller for it: only how sure it is.",
            )
