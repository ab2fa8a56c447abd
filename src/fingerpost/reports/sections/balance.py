"""Section 5: how alike the arms are, before and after."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.table import Table
from fingerpost.core.words import counted, listing
from fingerpost.plots.love import draw_love
from fingerpost.plots.numbers import ABSENT, number, plain, whole
from fingerpost.reports.designs import outcomes_words
from fingerpost.reports.names import about, alike, first_open
from fingerpost.reports.parts import Entry, Figure, Grid, Part, Section, Words, captioned
from fingerpost.reports.phrases import headings, outcome_words, primary_of, target_phrase
from fingerpost.reports.refusals import target_refused

TITLE = "Are the arms alike?"


def section(output: Output) -> Section:
    """Return a summary of balance, a love plot a target, and the children at time zero."""
    tables = [table for table in output.tables if table.name == "balance" and table.rows]
    parts: list[Part] = [Words(opening(output, tables))]
    if tables:
        parts.append(summary(output, tables))
    parts += love_plots(output, tables)
    baseline = output.table("baseline")
    if baseline and baseline.rows:
        parts.append(by_arm(baseline))
    return Section("balance", TITLE, tuple(parts))


def love_plots(output: Output, tables: list[Table]) -> list[Part]:
    """Return a love plot a target that is answered; of refused targets the numbers are filed."""
    answered = [table for table in tables if not target_refused(output, table)]
    figures = [
        Figure(draw_love(each[0], output.study.guard, about=about(output, each)))
        for each in alike(answered)
    ]
    parts: list[Part] = [*first_open(figures)]
    gone = [table for table in tables if target_refused(output, table)]
    if gone:
        whom = listing(dict.fromkeys(target_phrase(output, each.tag("target")) for each in gone))
        parts.append(Words(f"Not drawn, as refused: {whom}; the numbers are in balance.csv."))
    return parts


def opening(output: Output, tables: list[Table]) -> str:
    """Return how many covariates there are and how many targets are balanced."""
    given = counted(len(output.study.given), "covariate")
    if not tables:
        return (
            f"No balance table was drawn up for {given} of {outcomes_words(output)}: "
            f"nothing was weighted{', or the table was withheld' if output.withheld else ''}."
        )
    warn = output.study.guard.warn_smd
    good = sum(largest(table, "smd_after") <= warn for table in tables)
    least = min(largest(table, "smd_after") for table in tables)
    arms = listing(output.study.arms.names) or "the arms"
    if output.study.assignment.randomised and not weighted(output):
        before = [largest(table, "smd_before") for table in tables]
        return (
            f"Arms were drawn, so children of {arms} differ by chance alone in {given}, and the "
            "primary answer weights nobody. The largest distance to the target as drawn is "
            f"{number(max(before))} standard deviations."
        )
    return (
        f"Children of {arms} are to be made alike in {given}, so that {outcomes_words(output)} can "
        f"be compared. In {good} of {counted(len(tables), 'balance table')} no covariate lies more "
        f"than {plain(warn)} standard deviations from the target after weighting; at best the "
        f"largest distance is {number(least)}."
    )


def weighted(output: Output) -> bool:
    """Return whether a primary answer adjusts for covariates."""
    return any(output.described(result.estimator).adjusts for result in primary_of(output))


def largest(table: Table, column: str) -> float:
    """Return the largest distance in a column, whatever its sign."""
    return max(sizes(table, column), default=0.0)


def sizes(table: Table, column: str) -> list[float]:
    """Return the numbers of a column without their signs."""
    return [abs(float(c)) for c in table.column(column) if isinstance(c, int | float)]


def summary(output: Output, tables: list[Table]) -> Grid:
    """Return the largest distance of every table, before and after, and how many pass the lines."""
    names, guard = headings(output), output.study.guard
    rows = []
    for table in tables:
        before, after = largest(table, "smd_before"), largest(table, "smd_after")
        over = sizes(table, "smd_after")
        label = str(table.tag("target") or captioned(table))
        rows.append(
            (
                Entry(names.get(label, label)),
                Entry(summed_for(output, table)),
                Entry(number(before), numeric=True),
                Entry(number(after), numeric=True),
                Entry(whole(sum(value > guard.warn_smd for value in over)), numeric=True),
                Entry(whole(sum(value > guard.refuse_smd for value in over)), numeric=True),
            )
        )
    over_ends = (f"Over {plain(end)}" for end in (guard.warn_smd, guard.refuse_smd))
    columns = ("Target", "Of", "Largest before", "Largest after", *over_ends)
    return Grid("Largest distances to the target", columns, tuple(rows), "balance")


def summed_for(output: Output, table: Table) -> str:
    """Return a balance table's contrast, after its outcome where the study has several."""
    contrast = str(table.tag("contrast") or "–")
    several = len(output.study.outcomes) > 1 and table.tag("outcome") is not None
    name = outcome_words(output.study, str(table.tag("outcome")))
    return f"{name}, {contrast}" if several else contrast


def by_arm(table: Table) -> Grid:
    """Return the children at time zero: a row a covariate, mean and standard deviation by arm."""
    found: dict[tuple[str, str], dict[str, Entry]] = {}
    children: dict[str, int] = {}
    for row in table.records():
        name = (str(row["covariate"]), str(row["level"] or ""))
        mean, sd = row["mean"], row["sd"]
        shown = ABSENT if mean is None else plain(float(mean))
        shown = shown if sd is None else f"{shown} ({plain(float(sd))})"
        found.setdefault(name, {})[str(row["arm"])] = Entry(shown, numeric=True)
        if isinstance(row["children"], int):
            children[str(row["arm"])] = row["children"]
    arms = list(dict.fromkeys(str(row["arm"]) for row in table.records()))
    heads = tuple(f"{arm} ({whole(children.get(arm))})" for arm in arms)
    blank = Entry(ABSENT, numeric=True)
    rows = tuple(
        (
            Entry(f"{name} = {level}" if level else name),
            *(cells.get(arm, blank) for arm in arms),
        )
        for (name, level), cells in found.items()
    )
    note = "Means, with standard deviations in brackets; shares (0-1) for levels of a category."
    return Grid(table.title, ("Covariate", *heads), rows, table.name, note)
