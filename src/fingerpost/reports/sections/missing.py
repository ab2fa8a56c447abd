"""Section 9: what was not recorded, and what was done about it."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.words import counted, listing
from fingerpost.plots.missing import draw_missing
from fingerpost.plots.numbers import percent, whole
from fingerpost.reports import imputed, spines
from fingerpost.reports.designs import outcomes_words
from fingerpost.reports.parts import Bullets, Figure, Part, Section, Words, grid

TITLE = "What was missing"


def section(output: Output) -> Section:
    """Return the missing values of each variable, and how each was handled."""
    table = output.table("missing")
    if table is None or not table.rows:
        words = (
            f"No table of missing values came with this output, for {outcomes_words(output)} or "
            f"the {counted(len(output.study.given), 'covariate')}."
        )
        return Section("missing", TITLE, (Words(words),))
    rows = [row for row in table.records() if row["missing"]]
    arms = listing(output.study.arms.names) or "any arm"
    who = output.flow.counts  # children, or what stands on a row where a child has several
    parts: list[Part] = []
    if rows:
        worst = max(rows, key=lambda row: float(row["share"] or 0))
        parts.append(
            Words(
                f"Of {counted(len(table.rows), 'variable')}, those of {outcomes_words(output)} "
                f"among them, {len(rows)} had missing values among the {who} eligible for "
                f"{arms}; most in {worst['variable']}: {percent(float(worst['share'] or 0))} "
                f"({whole(float(worst['missing'] or 0))} {who}; {worst['handling']})."
            )
        )
    elif any(item.where == "diagnostics.missing" for item in output.withheld):
        parts.append(
            Words(
                f"How often {outcomes_words(output)} and the covariates were missing is shown only "
                "where enough children missed one."
            )
        )
    else:
        parts.append(
            Words(
                f"None of {counted(len(table.rows), 'variable')} had a missing value among the "
                f"children eligible for {arms}, {outcomes_words(output)} among them."
            )
        )
    picture = draw_missing(table)
    if picture:
        parts.append(Figure(picture))
    parts.append(grid(table))
    weighed = output.table("recorded")
    if weighed is not None and weighed.rows:
        parts.append(grid(weighed))
    told = (*imputed.imputed_words(output), *spines.spine_words(output))
    if told:
        parts.append(Bullets(told))
    parts += [grid(each) for each in (*imputed.tables(output), *spines.tables(output))]
    return Section("missing", TITLE, tuple(parts))
