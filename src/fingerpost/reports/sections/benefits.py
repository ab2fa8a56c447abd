"""Who benefits: whether children tell, the effect by predicted benefit, targeting, rules."""

from __future__ import annotations

from collections.abc import Iterator

from fingerpost.core.estimand import Term
from fingerpost.core.output import Output
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import sentence
from fingerpost.plots.forest import COLUMNS, KINDS, draw_forest
from fingerpost.plots.numbers import number
from fingerpost.plots.targeting import draw_targeting
from fingerpost.reports.names import first_open, unrepeated
from fingerpost.reports.parts import Bullets, Figure, Part, Section, Words, grids
from fingerpost.reports.phrases import outcome_words, unit_of
from fingerpost.reports.together import p_words

TITLE = "Who benefits"
TABLES = (
    *("benefit_rate", "benefit_calibration", "benefit_groups", "benefit_toc"),
    *("benefit_projection", "benefit_worth", "benefit_rule"),
)
CAUTION = (
    "Children are ranked by how much they are predicted to benefit, from children other than "
    "themselves. What is predicted of one child is mostly noise, and is not shown."
)
CANNOT = (
    "Where a ranking cannot tell, groups that seem to differ below are what chance makes of groups "
    "that do not: offer provision by need and law, and not by these."
)


def asked(output: Output) -> bool:
    """Return whether an output holds anything of who benefits."""
    return any(table.name in TABLES and table.rows for table in output.tables)


def section(output: Output) -> Section:
    """Return the verdicts, the pictures, and the tables."""
    own = [table for table in unrepeated(output.tables) if table.name in TABLES and table.rows]
    told = tuple(
        dict.fromkeys(words for table in own for words in verdicts(output, table) if words)
    )
    parts: list[Part] = [Words(CAUTION)]
    if told:
        parts.append(Bullets(told))
    if any("cannot tell" in words for words in told):
        parts.append(Words(CANNOT, "note"))
    parts += first_open([figure for table in own for figure in figures(output, table)])
    order = sorted(own, key=lambda table: TABLES.index(table.name))
    return Section("benefits", TITLE, (*parts, *grids(order)))


def verdicts(output: Output, table: Table) -> Iterator[str]:
    """Yield what a table says, in sentences."""
    if table.plays("who benefits"):
        yield from (ranked(output, table, row) for row in table.records() if row["verdict"])
    if table.plays("benefit by covariate"):
        for row in table.records():
            p = row["p"]
            if row["estimate"] is None and isinstance(p, float):
                yield sentence(
                    "whether the effect on "
                    f"{outcome_words(output.study, str(table.tag('outcome')))} differs by any of "
                    f"the covariates, in a straight line: {p_words(p)}{among(table)}"
                )


def ranked(output: Output, table: Table, row: dict[str, Cell]) -> str:
    """Return whether a ranking tells who benefits, with its area."""
    name = outcome_words(output.study, str(table.tag("outcome")))
    times, unit = scaled(output, table, row)
    size = [row[key] for key in ("estimate", "lo", "hi")]
    value, low, high = (
        number(float(each) * times) if isinstance(each, int | float) else None for each in size
    )
    ends = f" ({low} to {high})" if low is not None and high is not None else ""
    shown = f": area under the targeting curve {value}{ends} {unit}".rstrip() if value else ""
    said = f"{row['verdict']}{copies(table)}{shown}{among(table)}"
    return sentence(f"{name}, {row['contrast']}: the ranking {said}")


def copies(table: Table) -> str:
    """Return that a verdict is of imputed copies one by one, where it is."""
    return ", in each imputed copy by itself" if "imputed copies" in table.note else ""


def among(table: Table) -> str:
    """Return of which subgroup a table is."""
    group = table.tag("subgroup")
    return f", among {group}" if group else ""


def term_of(output: Output, table: Table, row: dict[str, Cell]) -> Term | None:
    """Return the term that a row is about."""
    return next(
        (
            result.term
            for result in output.results
            if result.term.outcome == table.tag("outcome")
            and result.term.words() == row["contrast"]
            and result.term.target.label() == row["target"]
        ),
        None,
    )


def scaled(output: Output, table: Table, row: dict[str, Cell]) -> tuple[float, str]:
    """Return what numbers of a row are multiplied by when they are told, and their unit."""
    term = term_of(output, table, row)
    if term is None:
        return 1.0, ""
    unit = unit_of(output.study, term)
    return unit.times, unit.words


def figures(output: Output, table: Table) -> Iterator[Figure]:
    """Yield the picture of each question of a table."""
    draw = {"benefit groups": groups_figure, "targeting curve": targeting_figure}
    make = draw.get(table.tells.role) if table.plays(table.tells.role) else None
    if make is None:
        return
    seen = dict.fromkeys((str(row["contrast"]), str(row["target"])) for row in table.records())
    for contrast, target in seen:
        figure = make(output, table, contrast, target)
        if figure is not None:
            yield figure


def groups_figure(output: Output, table: Table, contrast: str, target: str) -> Figure | None:
    """Return the effect in each group by predicted benefit."""
    question: dict[str, Cell] = {"contrast": contrast, "target": target}
    times, unit = scaled(output, table, question)
    rows: list[tuple[Cell, ...]] = []
    for row in table.records():
        numbers = [row[name] for name in ("estimate", "lo", "hi")]
        if (row["contrast"], row["target"]) == (contrast, target) and numbers[0] is not None:
            shown = (
                float(each) * times if isinstance(each, int | float) else None for each in numbers
            )
            rows.append(("Predicted benefit", str(row["group"]), None, *shown, "other", ""))
    name = outcome_words(output.study, str(table.tag("outcome")))
    made = Table(
        table.name,
        f"{name[:1].upper()}{name[1:]}, {contrast}: the effect by predicted benefit{among(table)}",
        COLUMNS,
        KINDS,
        tuple(rows),
        tags=(*table.tags, *question.items(), ("scale", "difference")),
    )
    axis = f"{name}, {unit}" if unit else name
    drawn = draw_forest(made, unit=axis)
    words = "The effect measured in each group of children who were held out, least first."
    return None if drawn is None else Figure(drawn, words)


def targeting_figure(output: Output, table: Table, contrast: str, target: str) -> Figure | None:
    """Return the targeting curve."""
    times, unit = scaled(output, table, {"contrast": contrast, "target": target})
    drawn = draw_targeting(
        table, contrast=contrast, target=target, unit=unit or "its unit", times=times
    )
    words = (
        "A curve that lies on the line tells nobody apart from anybody; its area is what the "
        "verdict is about. Intervals hold point by point."
    )
    return None if drawn is None else Figure(drawn, words)
