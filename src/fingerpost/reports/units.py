"""In which unit each number of a table is, and which of its numbers say what a row is of."""

from __future__ import annotations

from fingerpost.core.estimand import Target, Term
from fingerpost.core.reasons import SHARES
from fingerpost.core.study import OutcomeSpec, Study
from fingerpost.core.table import Cell, Table
from fingerpost.reports.controls import CONTROL
from fingerpost.reports.phrases import spec_of, unit_of

Row = dict[str, Cell]
EXTRAPOLATION = "model_extrapolation"
RATIO = "ratio"
# Columns whose unit is the same in every table.
COMMON = {
    "smd": "standard deviations",
    "pair": "standard deviations",
    "vr": "ratio of variances",
    "ks": "share of 1",
    "r2": "share of 1",
    "rv": "share of 1",
    "icc": "share of 1",
    "effective": "children",
    "partial": "share of 1",
    "explained": "share of 1",
    "clusters": "clusters",
    "places": "places",
    "times": "times the benchmark",
    "horizon": "unit of time of the outcome",
    "exposure": "person-time",
    "t": "standard errors",
    "df": "degrees of freedom",
    "draws": "draws",
    "impossible": "draws",
    "e": "risk ratio",
    "ratio": "risk ratio",
    "events": "events",
    "f": "F statistic",
    "effective_f": "F statistic",
    "critical": "F statistic",
    "j": "test statistic",
    "wald": "test statistic",
    "statistic": "test statistic",
    "gamma": "odds ratio",
    "delta": "times as strongly as the covariates",
    "solutions": "solutions",
    "p": "probability",
    "q": "share of false findings",
    "holm": "probability",
    "level": "share of 1",
    "piece": "order",
}
IN_SD = ("_sd", "error_mean", "centre", "spread")
RULES = {
    "effective size": "children",
    "children": "children",
    "events": "events",
    "clusters": "clusters",
    "balance": "standard deviations",
    "score": "share of 1",
}


def key_columns(table: Table) -> tuple[str, ...]:
    """Return the columns of numbers that say what a row is of."""
    return tuple(name for name in table.tells.keys if name in table.columns)


def label_columns(table: Table) -> list[str]:
    """Return the columns that name a row; `unit` is a column of its own."""
    keys = key_columns(table)
    pairs = zip(table.columns, table.kinds, strict=True)
    return [
        name
        for name, kind in pairs
        if (kind in ("label", "flag") and name != "unit") or name in keys
    ]


def number_columns(table: Table) -> list[str]:
    """Return the columns that hold numbers and name no row."""
    keys = key_columns(table)
    pairs = zip(table.columns, table.kinds, strict=True)
    return [name for name, kind in pairs if kind not in ("label", "flag") and name not in keys]


def unit_named(table: Table, column: str, record: Row, study: Study) -> str:
    """Return the unit of one number of a table, as the number is written there."""
    tells, kind = table.tells, table.kinds[table.columns.index(column)]
    own = dict(tells.units)
    if column in own:
        return own[column]
    if column in tells.answers:
        return answer_unit(table, record, study)
    if column in tells.logs:
        return log_unit(table, record, study)
    if column in tells.outcomes:
        return recorded_unit(table, record, study)
    if column in ("measured", "threshold") and "rule" in record:
        return rule_unit(str(record.get("rule")))
    if column in ("mean", "sd", "all", "moved", "mean_all", "mean_kept") and "covariate" in record:
        return covariate_unit(record)
    told = record.get("unit") or table.tag("unit")
    if told and kind == "number" and column in ("value", "se", "lo", "hi", "apart", "declared"):
        return str(told)
    return by_column(table, column, kind, record, study)


def by_column(table: Table, column: str, kind: str, record: Row, study: Study) -> str:
    """Return the unit of a column that no table claims, from its kind and its name."""
    if kind == "share":
        return "share of 1"
    if column in COMMON:
        return COMMON[column]
    if kind == "count":
        return counted_in(study)
    if column.endswith(IN_SD):
        return "standard deviations of the outcome"
    if column in ("estimate", "se", "lo", "hi"):
        return recorded_unit(table, record, study)
    first, last = column.split("_")[0].lower(), column.split("_")[-1].lower()
    return COMMON.get(first) or COMMON.get(last) or "as named"


def counted_in(study: Study) -> str:
    """Return what a study counts: children, or the units of a roll-out, as it calls them."""
    if study.rollout is None:
        return "children"
    levels = [level for level, _ in study.records.clusters]
    # Where what was drawn lies above the records' unit, that has no name but its column's.
    named = study.records.unit if study.cluster in levels else study.cluster
    return f"units ({named or study.records.unit})"


def rule_unit(rule: str) -> str:
    """Return the unit of what a guard rail measures.

    >>> rule_unit("largest child"), rule_unit("balance")
    ('share of 1', 'standard deviations')
    """
    return "share of 1" if rule in SHARES else RULES.get(rule, "as named")


def covariate_unit(record: Row) -> str:
    """Return the unit of a covariate's mean: its own; a share, for one level of several."""
    name = str(record["covariate"])
    return "share of 1" if record.get("level") or " = " in name else f"unit of {name}"


def outcome_of(table: Table, record: Row, study: Study) -> OutcomeSpec | None:
    """Return the outcome that a row or its table names, or the only one of the study."""
    name = record.get("outcome") or table.tag("outcome")
    found = spec_of(study, str(name)) if name else None
    alone = study.outcomes[0] if len(study.outcomes) == 1 else None
    return found or (None if table.plays(CONTROL) else alone)


def recorded_unit(table: Table, record: Row, study: Study) -> str:
    """Return the unit in which the outcome is recorded."""
    spec = outcome_of(table, record, study)
    if spec is None:
        named = table.tag("outcome")
        return f"unit of {named}" if named else "unit of the outcome"
    return raw_unit(study, term_of(table, record, study, spec, "difference"))


def answer_unit(table: Table, record: Row, study: Study) -> str:
    """Return the unit of an answer as a table holds it: a ratio, or a difference in its unit."""
    spec = outcome_of(table, record, study)
    scale = scale_of(table, record, study, spec)
    if scale == "ratio":
        return RATIO
    return (
        "unit of the outcome"
        if spec is None
        else raw_unit(study, term_of(table, record, study, spec, scale))
    )


def log_unit(table: Table, record: Row, study: Study) -> str:
    """Return the unit of an answer on the scale of the estimates."""
    spec = outcome_of(table, record, study)
    ratio = scale_of(table, record, study, spec) == "ratio"
    return "logarithm of a ratio" if ratio else answer_unit(table, record, study)


def scale_of(table: Table, record: Row, study: Study, spec: OutcomeSpec | None) -> str:
    """Return the scale of an answer: as the row or the table says, or as the study asks."""
    told = record.get("scale") or table.tag("scale") or (spec.scale if spec else "")
    return str(told or study.estimand.scale)


def term_of(table: Table, record: Row, study: Study, spec: OutcomeSpec, scale: str) -> Term:
    """Return a term that has the unit of a row's numbers."""
    summary = str(record.get("summary") or table.tag("summary") or study.estimand.summary or "")
    usual = {"binary": "risk", "count": "rate", "time": "risk"}.get(spec.kind, "mean")
    return Term(spec.name, (), Target("ate"), summary or usual, scale)


def raw_unit(study: Study, term: Term) -> str:
    """Return the unit of a term's numbers as results.json and the tables hold them."""
    if term.scale == "ratio":
        return "ratio (se: of its logarithm)"
    unit, spec = unit_of(study, term), spec_of(study, term.outcome)
    if unit.times != 1:
        return "share of 1"
    named = f"unit of {spec.column or spec.name}" if spec else "unit of the outcome"
    return unit.words or named
