"""The pictures of estimators' own tables: which table is drawn how, in the study's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from fingerpost.core.output import Output
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.plots.discontinuity import draw_discontinuity
from fingerpost.plots.incremental import draw_incremental
from fingerpost.plots.love import draw_love
from fingerpost.plots.survival import draw_survival
from fingerpost.reports.names import about
from fingerpost.reports.parts import Entry, Figure, Grid, entry
from fingerpost.reports.phrases import (
    outcome_unit_words,
    outcome_words,
    spec_of,
    target_phrase,
    unit_of,
)

Draw = Callable[[Output, str, Table, list[Table]], Iterable[Figure]]
RISK_TIMES = 5
BANDS = "Bands hold at each time by itself, with 95% confidence."


def options_of(study: Study, leaf: str) -> dict[str, object]:
    """Return the options that the study gives a leaf."""
    return dict(dict(study.options).get(leaf, ()))


def survival(output: Output, leaf: str, table: Table, tables: list[Table]) -> Iterable[Figure]:
    """Yield the curves of each target, with how many children are still under observation."""
    outcome = str(table.tag("outcome"))
    spec = spec_of(output.study, outcome)
    unit = spec.measure.measured_in if spec else ""
    whole_table = with_estimator(table, leaf)
    for target in dict.fromkeys(str(cell) for cell in table.column("target")):
        group = f", among {table.tag('subgroup')}" if table.tag("subgroup") else ""
        picture = draw_survival(
            whole_table,
            estimator=leaf,
            target=target,
            about=f"for {target_phrase(output, target)}{group}",
            time=unit or "time, in the unit of the records",
        )
        if picture:
            yield Figure(picture, BANDS)


def with_estimator(table: Table, leaf: str) -> Table:
    """Return a table that names its estimator in a column again."""
    if "estimator" in table.columns:
        return table
    return replace(
        table,
        columns=("estimator", *table.columns),
        kinds=("label", *table.kinds),
        rows=tuple((leaf, *row) for row in table.rows),
        tags=tuple((name, value) for name, value in table.tags if name != "estimator"),
    )


def at_risk(tables: Iterable[Table], leaf: str) -> list[Grid]:
    """Return, for each curve, how many children of each arm are under observation at a few times;
    of curves that look alike the first.
    """
    found: dict[object, Grid] = {}
    for table in tables:
        if not table.plays("curve of time") or (table.tags, leaf) in found:
            continue
        rows = [r for r in table.records() if r["target"] == table.records()[0]["target"]]
        by_arm: dict[str, list[dict[str, Cell]]] = {}
        for row in rows:
            by_arm.setdefault(str(row["arm"]), []).append(row)
        step = max(1, max(len(own) for own in by_arm.values()) // RISK_TIMES)
        some = {arm: own[step - 1 :: step] for arm, own in by_arm.items()}
        longest = max(some.values(), key=len)
        heads = tuple(f"at {float(str(row['time'])):g}" for row in longest)
        found[table.tags, leaf] = Grid(
            "Children still under observation",
            ("Arm", *heads),
            tuple(
                (Entry(arm), *(entry(row["at_risk"], "count") for row in own))
                for arm, own in some.items()
                if len(own) == len(longest)
            ),
            table.name,
        )
    return list(found.values())


def discontinuity(output: Output, leaf: str, table: Table, tables: list[Table]) -> Iterable[Figure]:
    """Yield the means either side of the cut-off with the lines drawn."""
    told = options_of(output.study, leaf)
    cutoff, running = told.get("cutoff"), told.get("running")
    if not isinstance(cutoff, int | float) or running is None:
        return
    lines = next((t for t in tables if t.plays("cut-off lines") and t.tags == table.tags), None)
    outcome = str(table.tag("outcome"))
    unit = f"{outcome_words(output.study, outcome)}, {outcome_unit_words(output.study, outcome)}"
    labels = {each.name: each.label for each in output.study.covariates if each.label}
    name = labels.get(str(running), str(running))
    picture = draw_discontinuity(table, lines, unit=unit, running=name, cutoff=float(cutoff))
    if picture:
        fuzzy = any(each.plays("cut-off received") for each in tables)
        over = ", divided by the gap in the share who received the arm" if fuzzy else ""
        yield Figure(
            picture,
            "Each point is the mean of a group of children; the answer is the gap between the "
            f"lines where they meet the cut-off{over}.",
        )


def incremental(output: Output, leaf: str, table: Table, tables: list[Table]) -> Iterable[Figure]:
    """Yield the curve of each contrast."""
    outcome = str(table.tag("outcome"))
    for contrast in dict.fromkeys(str(cell) for cell in table.column("contrast")):
        term = next(
            (
                r.term
                for r in output.results
                if r.estimator == leaf and r.term.outcome == outcome and r.term.words() == contrast
            ),
            None,
        )
        if term is None:
            continue
        unit = unit_of(output.study, term)
        words = f"change in {outcome_words(output.study, outcome)}, {unit.words or 'its unit'}"
        picture = draw_incremental(
            table, contrast=contrast, unit=words, times=unit.times, first=term.contrast[0][0]
        )
        if picture:
            yield Figure(picture, "The band holds at each point by itself.")


def love(output: Output, leaf: str, table: Table, tables: list[Table]) -> Iterable[Figure]:
    """Yield the love plot of a leaf's own weights."""
    words = about(output, [table]) or "the target"
    group = f", among {table.tag('subgroup')}" if table.tag("subgroup") else ""
    made = draw_love(table, output.study.guard, about=f"{words}{group}, own weights of {leaf}")
    yield Figure(made, "The weights of the target itself are judged in the section on balance.")


def drawing(table: Table) -> Draw | None:
    """Return how a table is drawn, if at all: a leaf's by its role, the study's own by its name."""
    role = table.tells.role
    return DRAW.get(table.name) if not role else DRAW.get(role) if table.plays(role) else None


DRAW: dict[str, Draw] = {
    "curve of time": survival,
    "cut-off points": discontinuity,
    "odds curve": incremental,
    "own_balance": love,
}
