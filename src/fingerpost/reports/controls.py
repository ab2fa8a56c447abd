"""What negative controls say: whether an answer may be read as an effect at all.

An outcome measured before provision is one too: what comes after cannot have changed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fingerpost.core.output import Output, Result
from fingerpost.core.study import SensitivitySpec
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted, listing, sentence
from fingerpost.plots.numbers import number, shared_places
from fingerpost.reports.phrases import outcome_words

Row = dict[str, Cell]
# Why there can be no difference on a control, by the part that its table plays.
CONTROL = "control"
WHY_NOT = {
    CONTROL: "which provision cannot {change}",
    "control before": "measured before provision",
}


def sensitivity_tables(output: Output, role: str) -> tuple[Table, ...]:
    """Return the tables of sensitivity analyses that play a part, each knowing its leaf."""
    return tuple(
        replace(table, leaf=one.leaf)
        for one in output.sensitivity
        for table in one.tables
        if table.plays(role)
    )


def asked_as(output: Output, role: str) -> SensitivitySpec | None:
    """Return how the study asks for the first analysis with a table that plays a part."""
    leaves = {table.leaf for table in sensitivity_tables(output, role)}
    return next((spec for spec in output.study.sensitivity if spec.leaf in leaves), None)


def judged(output: Output, roles: Iterable[str] = tuple(WHY_NOT)) -> list[tuple[Table, Row]]:
    """Return the rows of controls by which the study is judged, each once: of its primary effects,
    or, where the control answers none of those, of everything that adjusts.
    """
    found: dict[tuple[Cell, ...], tuple[Table, Row]] = {}
    for table in (each for role in roles for each in sensitivity_tables(output, role)):
        for row in table.records():
            if isinstance(row.get("estimate"), int | float) and row["target"] != "association":
                key = (table.name, table.tag("outcome"), table.tag("beside"), *asked_by(table, row))
                found.setdefault(key, (table, row))
    primary = [result for result in output.results if result.primary and result.term.target.causal]
    first = [
        (table, row)
        for table, row in found.values()
        if any(of_answer(result, table, row) for result in primary)
    ]
    return first or list(found.values())


def of_answer(result: Result, table: Table, row: Row) -> bool:
    """Return whether a row is the control of a result: of its leaf, target and contrast, among the
    children of its outcome where the table names one.
    """
    own = (result.estimator, result.term.label(), result.term.words())
    return asked_by(table, row) == own and table.tag("beside") in (None, result.term.outcome)


def asked_by(table: Table, row: Row) -> tuple[Cell, Cell, Cell]:
    """Return which answer a row is the control of: leaf, target, contrast."""
    return (row.get("estimator"), row.get("target"), table.tag("contrast"))


def any_fired(output: Output) -> bool:
    """Return whether a judged answer finds a difference where there can be none."""
    return any(not holds_zero(row) for _, row in judged(output))


def confounded(output: Output, result: Result) -> str:
    """Return the caution that a result must carry where its own negative control fired, else
    nothing. A control is a warning about the covariates that remain, not a measure of bias.
    """
    for table, row in judged(output):
        if of_answer(result, table, row) and not holds_zero(row):
            dropped = left_out(output, table.leaf)
            told = f"with {listing(dropped)} left out of the covariates, " if dropped else ""
            also = "The answer adjusts for those too, so this" if dropped else "This"
            return (
                f"But {told}the same leaf finds a difference on {table.tag('outcome')} as well, "
                f"{why_not(table, 'have changed')} ({limits_words(row)}): the covariates that "
                f"remain do not make the arms alike. {also} warns and does not measure; until it "
                "is explained, the difference is not to be read as an effect."
            )
    return ""


def why_not(table: Table, change: str = "change") -> str:
    """Return why there can be no difference on the control of a table."""
    return WHY_NOT[table.tells.role].format(change=change)


def left_out(output: Output, leaf: str) -> tuple[str, ...]:
    """Return the covariates that the run of a control leaves out: the control itself where it is
    one, and those that the study names.
    """
    names: list[str] = []
    for spec in output.study.sensitivity:
        control = spec.option("outcome") if spec.leaf == leaf else None
        names += [str(control)] if control in output.study.given else []
        value = spec.option("without", ()) if spec.leaf == leaf else ()
        if isinstance(value, str):
            names.append(value)
        elif isinstance(value, tuple | list):
            names += [str(each) for each in value]
    return tuple(dict.fromkeys(names))


def limits_words(row: Row) -> str:
    """Return a row's estimate with its limits."""
    if not has_limits(row):
        return f"{number(row['estimate'])}, without an interval"  # type: ignore[arg-type]
    cells = [row.get(name) for name in ("estimate", "lo", "hi")]
    places = shared_places(cell if isinstance(cell, float) else None for cell in cells)
    told = [number(c, places) if isinstance(c, int | float) else "unbounded" for c in cells]
    return f"{told[0]}, {told[1]} to {told[2]}"


def control_words(output: Output) -> tuple[str, ...]:
    """Return what each kind of control says of the answers by which the study is judged."""
    return tuple(text for role in WHY_NOT if (text := one_control_words(output, role)))


def negative_control_words(output: Output) -> str:
    """Return what the controls say of the answers by which the study is judged."""
    return " ".join(control_words(output))


def one_control_words(output: Output, role: str) -> str:
    """Return what the controls of one kind say; empty where there are none."""
    found = judged(output, (role,))
    rows = [row for _, row in found]
    if not rows:
        return ""
    fired = [row for row in rows if not holds_zero(row)]
    unsure = sum(not has_limits(row) for row in rows)
    told = fired[0] if fired else rows[0]
    beside = next(table.tag("beside") for table, row in found if row is told)
    whose = f"{outcome_words(output.study, str(beside))}, " if beside else ""
    names = listing(tuple(dict.fromkeys(str(table.tag("outcome")) for table, _ in found)))
    kind = "the negative control " if role == CONTROL else ""
    return sentence(
        f"on {kind}{names}, {why_not(found[0][0])}, {len(fired)} of "
        f"{counted(len(rows), 'answer')} {'differs' if len(fired) == 1 else 'differ'} "
        f"from nothing ({whose}{told.get('estimator')}, {told.get('target')}: "
        f"{limits_words(told)})"
        + (": a warning that the covariates do not make the arms alike" if fired else "")
        + (f"; of {unsure} it cannot be told, as no interval is justified" if unsure else "")
    )


def has_limits(row: Row) -> bool:
    """Return whether a row has an interval at all; one that is open on both sides says as little
    as none.
    """
    return any(isinstance(row.get(name), int | float) for name in ("lo", "hi"))


def holds_zero(row: Row) -> bool:
    """Return whether a row's interval holds zero; an open or missing end holds it."""
    lo, hi = row.get("lo"), row.get("hi")
    below = not isinstance(lo, int | float) or lo <= 0
    above = not isinstance(hi, int | float) or hi >= 0
    return below and above
