"""A study and its records made ready to be analysed: one table, then a cohort."""

from __future__ import annotations

from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import polars as pl

from fingerpost.cohorts.linked.flatten import Store
from fingerpost.cohorts.table import Built, TableRecords, build, members
from fingerpost.core import leaves
from fingerpost.core.assignment import Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import Malformed
from fingerpost.core.leaves import Design
from fingerpost.core.study import Study
from fingerpost.engines._shared import ROW
from fingerpost.kernels.clusters import recode
from fingerpost.studies.document import resolve
from fingerpost.studies.linked import OneTable, one_table, spelt

WEIGHT = "weight for whom no link was found"
NO_WEIGHT = (
    "they stand for nobody: their families opted out, so that a link to them is false, or no "
    "school of the study holds them"
)


@dataclass(frozen=True, eq=False, slots=True)
class Ready:
    """A cohort to be analysed. whole: the study on the columns of its table; study: without the
    outcomes of which the records tell nothing.
    """

    whole: Study
    study: Study
    built: Built
    records: TableRecords


def ready(
    study: Study,
    records: TableRecords | Store,
    *,
    drawn: Drawn | None = None,
    weights: pl.DataFrame | None = None,
) -> Ready:
    """Return the cohort of a study whose leaves have been checked. drawn: the draw of its arms, of
    children by the name that `records.unit` gives them; weights: of children by that name, as
    `weighed` asks for them.
    """
    table = one_table(spelt(study), records)
    if weights is not None:
        table = weighed(table, weights)
    followed = None if table.course is None else table.course.followed
    own = resolve(table.study, table.records.columns)
    built = build(own, table.records, followed=followed)
    own_rows = table.beside(built.rows)
    told = replace(
        built.cohort,
        flow=table.told(built.cohort),
        course=own_rows.course,
        provided=own_rows.provided,
    )
    built = replace(built, cohort=told)
    study, cohort = built.study, built.cohort
    whole = study
    if built.silent:  # of the others, each is answered for itself
        left = tuple(spec for spec in study.outcomes if spec.name not in built.silent)
        study = replace(study, outcomes=left)
    check_drawn(study, cohort)
    if drawn is None:
        check_times(study, cohort)
    else:
        built = replace(built, cohort=replace(cohort, drawn=drawn.places(members(built))))
    return Ready(whole, study, built, table.records.emptied())


def weighed(table: OneTable, weights: pl.DataFrame) -> OneTable:
    """Return a table of the children who have a weight, with a column of it that its study names.

    weights: the column WEIGHT, and as text those columns of the table by which rows find theirs:
    that of the child, and that of the trial where trials repeat.
    Whoever opted out and is linked nevertheless is linked with another's record: nothing of theirs
    was to be linked. Such children leave, and the flow says so. Rows are numbered anew, and what
    lies beside the table, which is found by their numbers, leaves with its rows.
    """
    keys = [name for name in weights.columns if name != WEIGHT]
    beside = {name: f"({name})" for name in keys}
    held: pl.DataFrame = table.records.frame.collect("polars").to_native()
    joined = held.with_columns(
        pl.col(name).cast(pl.String).alias(own) for name, own in beside.items()
    ).join(weights.rename(beside), on=list(beside.values()), how="left", maintain_order="left")
    kept = joined.drop(beside.values()).filter(pl.col(WEIGHT).is_not_null())
    rows = kept[ROW].to_numpy() - 1
    kept = kept.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW))
    frame = nw.from_native(kept.lazy())
    records = replace(table.records, frame=frame, columns=(*table.records.columns, WEIGHT))
    own = replace(table.study.records, weight=WEIGHT)
    gone = len(held) - len(kept)
    flow = table.flow.then(NO_WEIGHT, gone) if table.flow is not None and gone else table.flow
    return replace(
        table.beside(rows), study=replace(table.study, records=own), records=records, flow=flow
    )


def check_times(study: Study, cohort: Cohort) -> None:
    """Raise Malformed where arms came and went and no stratum says when a child came."""
    own = study.assignment
    if not isinstance(own, Randomised):
        return
    procedure = leaves.load("designs", own.design, kind=Design).procedure
    if procedure is None or procedure.period is None:
        return
    none = np.zeros(cohort.n, dtype=np.int64)
    codes = none if cohort.strata is None else recode(np.asarray(cohort.strata))[0]
    named = () if study.trial is None else study.trial.arms
    come = {arm.name for arm in named if arm.opens or arm.closes} & set(cohort.arms)
    there = np.zeros((int(codes.max(initial=0)) + 1, len(cohort.arms)), dtype=bool)
    there[codes, cohort.arm] = True
    always = come and there[:, [cohort.arms.index(name) for name in sorted(come)]].all()
    if cohort.strata is None or always:
        why = "no stratum says when a child came"
        if cohort.strata is not None:
            why = "every stratum holds all of them"
        raise Malformed(
            f"assignment.randomised.strata: arms of {own.design} enter and leave, and {why}, so "
            "that children would be compared with others who came when an arm was not there. "
            "Analyse it with its ledger (--draw), which holds the times; or name the column of the "
            "time in which each was drawn among strata (and, with its levels, under trial.known)."
        )


def check_drawn(study: Study, cohort: Cohort) -> None:
    """Raise Malformed where units that are said to have been drawn hold more than one arm."""
    unit = getattr(study.assignment, "unit", None)
    if not study.assignment.randomised or unit is None or cohort.stages is not None:
        return  # of regimes, a child agrees with several
    codes, units = recode(cohort.cluster_codes(unit))
    held = np.zeros((len(units), len(cohort.arms)), dtype=bool)
    held[codes, cohort.arm] = True
    mixed = int(np.count_nonzero(held.sum(axis=1) > 1))
    if mixed:
        raise Malformed(
            f"assignment.randomised.unit: {mixed} of {len(units)} units of level {unit} hold "
            f"children of more than one arm, so {unit} was not what was drawn. Name the unit that "
            "was drawn, or write assignment: {observed: …}."
        )
