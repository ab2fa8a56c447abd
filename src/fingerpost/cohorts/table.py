"""The cohort of one study from one table: nobody is dropped in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.columns import (
    IMPUTE,
    IMPUTED,
    Draft,
    alike_faults,
    children,
    cluster_codes,
    drafted,
    fingerprint,
    finished,
    measured,
    role,
)
from fingerpost.cohorts.conditions import canonical
from fingerpost.cohorts.outcomes import Read, outcomes_of
from fingerpost.cohorts.reading import SOURCE, TableRecords, read_records
from fingerpost.cohorts.regimes import by_regime, first_draw
from fingerpost.cohorts.sql import steps_sql
from fingerpost.cohorts.steps import (
    check_columns,
    covariate_of,
    extras,
    steps,
    walked,
    wanted,
)
from fingerpost.cohorts.values import Floats, Mask, Places
from fingerpost.core.assignment import Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import Malformed
from fingerpost.core.flow import Flow
from fingerpost.core.model import Factor, ModelTerm
from fingerpost.core.reasons import without_covariate
from fingerpost.core.study import OutcomeSpec, Study
from fingerpost.core.table import Cell, Table
from fingerpost.engines._shared import ROW, collected

__all__ = [
    "Built",
    "TableRecords",
    "build",
    "members",
    "missing_table",
    "read_records",
    "steps_sql",
]

# Two children cannot show how much an arm's children differ from one another.
FEWEST_IN_ARM = 3


@dataclass(frozen=True, eq=False, slots=True)
class Built:
    """The cohort, the study as it is run (with the flags of filled covariates among `given`), the
    table of what was missing, and (n,) keys of the children: the unit column, or the row's place.
    rows: (n,) where each stands in its file, from 0. holes: covariate → (n,) whose value is to be
    imputed; the cohort holds a stand-in there. silent: outcome → why the records tell nothing of
    it; the cohort, which holds others, is without it.
    """

    cohort: Cohort
    study: Study
    missing: Table
    keys: NDArray[np.str_]
    rows: NDArray[np.int64]
    holes: Mapping[str, Mask] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Gathered:
    """The rows studied so far, by column, and where each stands in its file."""

    table: Mapping[str, pl.Series]
    places: Places

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.places.row)


def build(study: Study, records: TableRecords, *, followed: Mask | None = None) -> Built:
    """Return the cohort of a study whose `given` has been resolved. followed: of rows that are
    copies of children, (m,) by place in the file, which kept to their strategy to the end.

    Children leave at each condition of the population, where their exposure is none of the arms,
    and where a covariate to be complete is missing; every step is in the flow. A child without an
    outcome stays. Raises Malformed with every fault found in the records.
    """
    check_columns(study, records)
    route = steps(study, records)
    flow = walked(records, route)
    refuse_none(flow, records.words)
    rows = gathered(study, records, keeps=[step.keep for step in route])
    faults = unit_faults(study, rows)
    drafts = [
        draft
        for name in study.given
        if (
            draft := drafted(
                covariate_of(study, name), rows.table[name], places=rows.places, faults=faults
            )
        )
    ]
    keep, flow = complete(drafts, flow, n=rows.n)
    if not keep.any():
        raise Malformed([*faults, none_left(flow, records.words)])
    kept = None if followed is None else followed[rows.places.row - 1]
    missing = missing_table(study, drafts, rows=rows, followed=kept)
    staying = [draft.take(keep) for draft in drafts]
    run, columns = filled(study, staying)
    silent: dict[str, str] = {}
    plain = first_draw(run)
    cohort = assembled(plain, rows, keep=keep, columns=columns, faults=faults, silent=silent)
    if run.arms.then is not None:  # columns of those who stay, copied only where they are asked
        here = {name: series.filter(pl.Series(keep)) for name, series in rows.table.items()}
        cohort = by_regime(run, cohort, here, faults=faults)
    if faults:
        raise Malformed(dict.fromkeys(faults))
    counts = np.bincount(cohort.arm, minlength=len(cohort.arms))
    shown = tuple(zip(cohort.arms, (int(count) for count in counts), strict=True))
    cohort = replace(cohort, flow=replace(flow, arms=shown))
    keys = unit_keys(study, rows, keep=keep)
    holes = {
        draft.name: draft.absent
        for draft in staying
        if draft.missing == IMPUTE and draft.absent.any()
    }
    return Built(cohort, run, missing, keys, rows.places.row[keep] - 1, holes, silent)


def members(built: Built, cohort: Cohort | None = None) -> NDArray[np.str_]:
    """Return (n,) keys of the children in a cohort: of the one built, or of a part of it."""
    return built.keys[(built.cohort if cohort is None else cohort).unit]


def refuse_none(flow: Flow, words: str) -> None:
    """Raise Malformed where there are no rows, or no child is left."""
    if flow.start == 0:
        raise Malformed(f"records: {words} has 0 rows. Name a table that holds children.")
    if flow.remaining == 0:
        raise Malformed(none_left(flow, words))


def none_left(flow: Flow, words: str) -> str:
    """Return the fault of a study that nobody is left in, with the step that took most."""
    most = max(flow.steps, key=lambda step: step.left)
    return (
        f"population: none of the {children(flow.start)} in {words} is left. Most left because: "
        f"{most.reason} ({most.left:,}). Widen the population, or correct that step."
    )


def gathered(study: Study, records: TableRecords, *, keeps: Sequence[nw.Expr]) -> Gathered:
    """Return the rows that meet every step, in the order of their files."""
    columns = list(dict.fromkeys(column for column, _ in wanted(study)))
    stacked = len(records.parts) > 1
    places = [ROW, SOURCE] if stacked else [ROW]
    frame = records.frame.filter(*keeps).select(*places, *columns)
    table: pl.DataFrame = collected(frame, records.words)
    row = table[ROW].to_numpy()
    source = table[SOURCE].to_numpy() if stacked else np.zeros(len(row), dtype=np.int64)
    # Engines promise no order; most keep it, and then there is nothing to sort.
    step = np.diff(source) * (len(row) + row.max() + 1) + np.diff(row)
    if (step < 0).any():
        table = table.sort(places)
        row = table[ROW].to_numpy()
        source = table[SOURCE].to_numpy() if stacked else source
    words = tuple(part.words for part in records.parts)
    return Gathered({name: table[name] for name in columns}, Places(row, source, words))


def unit_faults(study: Study, rows: Gathered) -> list[str]:
    """Return what is wrong with the children's identifiers."""
    column = study.records.unit
    if column is None:
        return []
    series = rows.table[column]
    faults = []
    absent = series.is_null().to_numpy()
    if absent.any():
        faults.append(
            f'records.unit: "{column}" is missing for {children(int(absent.sum()))} '
            f"({rows.places.of(absent)}). Give each child an identifier."
        )
    repeated = (series.is_duplicated() & series.is_not_null()).to_numpy()
    if repeated.any() and not study.records.repeated:
        count = series.filter(pl.Series(repeated)).n_unique()
        faults.append(
            f'records.unit: "{column}" is not unique: {count:,} identifiers stand on '
            f"{int(repeated.sum()):,} rows ({rows.places.of(repeated)}). Leave one row a child, "
            "or name the column that identifies a child."
        )
    return faults


def unit_keys(study: Study, rows: Gathered, *, keep: Mask) -> NDArray[np.str_]:
    """Return (n,) the identifier of each child who stays, or its row's place in its file."""
    column = study.records.unit
    if column is not None:
        series = rows.table[column].cast(pl.String)
        return np.array(series.filter(pl.Series(keep)).to_list(), dtype=np.str_)
    places = rows.places
    if len(places.words) == 1:
        return places.row[keep].astype(np.str_)
    pairs = zip(places.source[keep], places.row[keep], strict=True)
    return np.array([f"{places.words[source]} {row}" for source, row in pairs], dtype=np.str_)


def unit_codes(study: Study, rows: Gathered, *, keep: Mask) -> NDArray[np.int64]:
    """Return (n,) the place of the first row of each child who stays: its own, unless a child may
    stand on several rows.
    """
    places = np.arange(int(keep.sum()), dtype=np.int64)
    if study.records.unit is None or not study.records.repeated:
        return places
    series = rows.table[study.records.unit].filter(pl.Series(keep)).to_numpy()
    _, first, codes = np.unique(series, return_index=True, return_inverse=True)
    return first[codes].astype(np.int64)


def complete(drafts: Sequence[Draft], flow: Flow, *, n: int) -> tuple[Mask, Flow]:
    """Return who has every covariate that must be complete, and the flow with who has not.

    A child who lacks several is counted once, at the first in the order of `given`.
    """
    keep = np.ones(n, dtype=np.bool_)
    for draft in drafts:
        if draft.missing != "complete" or not draft.absent.any():
            continue
        left = int((keep & draft.absent).sum())
        if left:
            flow = flow.then(without_covariate(draft.name), left)
        keep &= ~draft.absent
    return keep, flow


def filled(study: Study, drafts: Sequence[Draft]) -> tuple[Study, dict[str, Column]]:
    """Return the covariates without gaps, and the study with a flag after each that was filled.

    Covariates missing for the same children share the first one's flag: two equal flags would be
    one covariate twice.
    """
    columns: dict[str, Column] = {}
    flags: dict[str, str] = {}
    seen: dict[bytes, str] = {}
    for draft in drafts:
        column, flag = finished(draft)
        columns[draft.name] = column
        if flag is None:
            continue
        key = fingerprint(flag.values.astype(np.float64))
        flags[draft.name] = seen.setdefault(key, f"{draft.name} missing")
        shared = columns.get(flags[draft.name], flag)
        columns[flags[draft.name]] = replace(shared, flag_of=(*shared.flag_of, draft.name))
    given = tuple(columns)
    models = replace(
        study.models,
        exposure=flagged(study.models.exposure, flags),
        outcome=flagged(study.models.outcome, flags),
        censoring=flagged(study.models.censoring, flags),
    )
    assignment = replace(study.assignment, given=given)
    return replace(study, assignment=assignment, models=models), columns


def flagged(
    terms: tuple[ModelTerm, ...] | None, flags: Mapping[str, str]
) -> tuple[ModelTerm, ...] | None:
    """Return a model with the flag of each filled covariate that it uses."""
    if terms is None:
        return None
    used = {name for term in terms for name in term.names}
    extra = dict.fromkeys(flag for name, flag in flags.items() if name in used)
    return (*terms, *(ModelTerm((Factor(flag),)) for flag in extra))


def assembled(
    study: Study,
    rows: Gathered,
    *,
    keep: Mask,
    columns: dict[str, Column],
    faults: list[str],
    silent: dict[str, str],
) -> Cohort:
    """Return the cohort of those who stay; what is wrong with it is added to `faults`, and outcomes
    of which its records tell nothing, where there are others, to `silent`.
    """
    table, places = rows.table, rows.places
    staying = pl.Series(keep)
    here = Places(places.row[keep], places.source[keep], places.words)
    arm = arm_codes(study, table[study.arms.column or ""].filter(staying))
    faults += arm_faults(study, arm)
    clusters = {
        level: cluster_codes(
            table[column].filter(staying), f"records.clusters.{level}", places=here, faults=faults
        )
        for level, column in study.records.clusters
    }
    unit = unit_codes(study, rows, keep=keep)
    if isinstance(study.assignment, Randomised) and study.cluster in {"child", study.records.unit}:
        clusters.setdefault(study.cluster or "", unit)
    if study.cluster is not None and study.cluster not in clusters:
        faults.append(
            f'assignment.cluster: "{study.cluster}" is no level of records.clusters. '
            f"Write records: {{clusters: {{{study.cluster}: COLUMN}}}}."
        )
    faults += alike_faults(columns, study.arms.column or "", arm=arm)
    found = outcomes_of(study, Read(table, places, keep), arm=arm, faults=faults)
    silent.update(found.silent)
    return Cohort(
        unit=unit,
        arms=study.arms.names,
        arm=arm,
        outcomes=found.outcomes,
        covariates=columns,
        clusters=clusters,
        strata=strata_of(study, rows, staying=staying),
        roles=roles_of(study, table, staying, places=here, known=columns, faults=faults),
        weight=weight_of(study, rows, keep=keep, faults=faults),
    )


def arm_codes(study: Study, series: pl.Series) -> NDArray[np.int64]:
    """Return (n,) codes of the arm of each child, every one of whom has one."""
    names = study.arms.names
    place = {canonical(value): names.index(name) for value, name in study.arms.levels}
    found = series.unique().to_list()
    codes = [place[canonical(value)] for value in found]
    coded = series.replace_strict(found, codes, return_dtype=pl.Int64)
    return np.ascontiguousarray(coded.to_numpy(), dtype=np.int64)


def arm_faults(study: Study, arm: NDArray[np.int64]) -> list[str]:
    """Return a fault for each arm of too few children to say anything of."""
    names = study.arms.names
    counts = np.bincount(arm, minlength=len(names))
    values = {
        name: ", ".join(str(value) for value, held in study.arms.levels if held == name)
        for name in names
    }
    if np.count_nonzero(counts) < 2:
        only = names[int(counts.argmax())]
        return [
            f'arms: exposure "{study.arms.column}" is the same for every child studied (all have '
            f'the arm "{only}"). Two arms are needed: check arms.levels and the population.'
        ]
    return [
        f"arms: {children(int(count)) if count else 'no child'} studied "
        f"{'has' if count < 2 else 'have'} "
        f'the arm "{name}" ({study.arms.column} = {values[name]}); {FEWEST_IN_ARM} or more are '
        "needed. Give the level the name of another arm, leave it out of arms.levels, or widen "
        "the population."
        for name, count in zip(names, counts, strict=True)
        if count < FEWEST_IN_ARM
    ]


def weight_of(study: Study, rows: Gathered, *, keep: Mask, faults: list[str]) -> Floats | None:
    """Return (n,) survey weights, None where the study names none."""
    column = study.records.weight
    if column is None:
        return None
    what = f'records.weight: "{column}"'
    mend = "Correct the records."
    values = measured(rows.table[column], what, places=rows.places, faults=faults, mend=mend)
    if values is None:
        return None
    wrong = keep & ~(values > 0)
    if wrong.any():
        faults.append(
            f"{what} is missing, 0 or negative for {children(int(wrong.sum()))} "
            f"({rows.places.of(wrong)}). Leave these children out by population: "
            f"[{{column: {column}, above: 0}}]."
        )
    return values[keep]


def strata_of(study: Study, rows: Gathered, *, staying: pl.Series) -> NDArray[np.int64] | None:
    """Return (n,) codes of the strata within which a draw was made; None where there are none."""
    names: tuple[str, ...] = getattr(study.assignment, "strata", ())
    if not names:
        return None
    frame = pl.DataFrame({name: rows.table[name] for name in names}).filter(staying)
    _, codes = np.unique(
        frame.select(pl.struct(names).rank("dense")).to_series(), return_inverse=True
    )
    return codes.astype(np.int64)


def roles_of(
    study: Study,
    table: Mapping[str, pl.Series],
    staying: pl.Series,
    *,
    places: Places,
    known: Mapping[str, Column],
    faults: list[str],
) -> dict[str, Column]:
    """Return the columns of subgroups and of leaves' options that are none of the known covariates;
    what is wrong with one is added to `faults`. places: of the children who stay.
    """
    found = {}
    for name, place in extras(study):
        if name in known or name in found:
            continue
        kind, what = covariate_of(study, name).kind, f'column "{name}" ({place})'
        own = table[name].filter(staying)
        column = role(own, what, kind=kind, places=places, faults=faults)
        if column is not None:
            found[name] = column
    return found


def imputes(study: Study, spec: OutcomeSpec) -> bool:
    """Return whether missing values of an outcome are imputed. Times to an event never are: whoever
    is not followed to the end is censored; and a model of who was seen takes imputation's place.
    """
    asked = study.imputation is not None and study.imputation.outcomes
    return asked and spec.kind != "time" and study.models.censoring is None


def missing_table(
    study: Study, drafts: Sequence[Draft], *, rows: Gathered, followed: Mask | None = None
) -> Table:
    """Return how often each covariate and outcome was missing, and what was done about it.

    Counted among the children whose exposure is one of the arms, before any left for want of a
    covariate. followed: of copies of children, (n,) which kept to their strategy to the end: a
    child then counts once, and its outcome among those who kept to one.
    """
    every = np.ones(rows.n, dtype=np.bool_)
    own = every if followed is None else followed
    unit = unit_codes(study, rows, keep=every) if followed is not None else None

    def many(mask: Mask) -> int:
        return int(mask.sum()) if unit is None else len(np.unique(unit[mask]))

    whole, seen = many(every), many(own)
    entries = [
        (draft.name, "covariate", many(draft.absent), whole, draft.handling) for draft in drafts
    ]
    for spec in study.outcomes:
        parts = {"outcome": spec.column, "person-time": spec.exposure, "event": spec.event}
        done = "those seen stand for them, by weights"
        if study.models.censoring is None and followed is None:
            done = IMPUTED if imputes(study, spec) else "left out of this outcome"
        entries += [
            (column, part, many(own & rows.table[column].is_null().to_numpy()), seen, done)
            for part, column in parts.items()
            if column
        ]
    lines: list[tuple[Cell, ...]] = [
        (name, part, count, count / of if of else 0.0, done if count else "none missing")
        for name, part, count, of, done in entries
    ]
    told = children(whole)
    if study.records.repeated and followed is None:  # several trials of one child
        told = f"{rows.n:,} child-trials (rows of the same children at several times)"
    kept = f"; of outcomes, of {children(seen)} who kept to a strategy to its end"
    kept = "" if followed is None else kept
    return Table(
        name="missing",
        title="What was not recorded",
        columns=("variable", "role", "missing", "share", "handling"),
        kinds=("label", "label", "count", "share", "label"),
        rows=tuple(lines),
        counts=tuple(count for _, _, count, _, _ in entries),
        context=(
            f"Of {told} who met every condition and whose exposure was one of the arms, before any "
            f"left for want of a covariate{kept}."
        ),
    )
