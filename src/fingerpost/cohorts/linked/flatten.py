"""A study of linked records as one table: one row a child, columns named as the study names them.

The store is asked three things, each once: who is a candidate (with a flag for each rule), how long
each eligible child is followed, and then, in one query, everything else. What comes back is a
table like any other, and the study rewritten onto its columns; from there on there is one path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import narwhals as nw
import polars as pl

from fingerpost.cohorts.linked import _arms, _values
from fingerpost.cohorts.linked._eligible import DATE, candidates, counted, rules
from fingerpost.cohorts.linked._followup import window
from fingerpost.cohorts.linked._known import ZERO, Frame, Hold, joined
from fingerpost.cohorts.linked.cloning import Copies, copied, times
from fingerpost.cohorts.linked.covariates import BY_NAME, LinkedCovariate, unknown
from fingerpost.cohorts.linked.sequential import TRIAL, Trial, stacked, summed, trials
from fingerpost.cohorts.linked.yearly import termly
from fingerpost.cohorts.reading import Part, TableRecords
from fingerpost.core.course import Course
from fingerpost.core.errors import Malformed, listed
from fingerpost.core.flow import Flow
from fingerpost.core.leaves import Phenotype, RecordsMeasure, load
from fingerpost.core.linked import Linked
from fingerpost.core.model import Factor, Models, ModelTerm
from fingerpost.core.study import Arms, Covariate, OutcomeSpec, Records, Study, TableSource
from fingerpost.engines._shared import ROW, collected, int64
from fingerpost.outcomes._query import CHILD, exposure_of, finished, measured

CLUSTERS = {"school": "urn", "la": "la of school"}


class Store(Protocol):
    """Linked records, opened: `fingerpost.records.store.Store`."""

    path: Path
    engine: str

    @property
    def synthetic(self) -> bool:
        """Whether the records are made up."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 over every file."""
        ...

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables present."""
        ...

    def has(self, name: str) -> bool:
        """Return whether a table is present."""
        ...

    def frame(self, name: str) -> Any:
        """Return a table as a lazy frame."""
        ...

    def hold(self, frame: Any) -> Any:
        """Return a lazy frame computed once."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Flat:
    """One row a child, or several where trials repeat or children are copied. study: rewritten onto
    the table's columns. flow: from the children in the records to the rows of the table. course: of
    those rows, where strategies are sustained over time.
    """

    study: Study
    records: TableRecords
    flow: Flow
    course: Course | None = None


def flatten(study: Study, store: Store) -> Flat:
    """Return a study of linked records as a study of one table.

    study: with `linked`, and its measures spelt out (`studies.language.linked.spelt`). Raises
    Malformed for tables that the study needs and the records do not have, for names that no
    covariate bears, and where nobody is left.
    """
    linked = linked_of(study)
    asked = covariates(study)
    measures = {
        spec.name: load("outcomes", spec.name, kind=RecordsMeasure) for spec in study.outcomes
    }
    refuse_absent(linked, store, asked, measures)
    if linked.through is None:
        made = [trial(each, store, asked, measures) for each in trials(linked)]
        found, course = stacked(made, tuple(CLUSTERS.values())), None
    else:
        copies = sustained(linked, store, asked, measures)
        found, course = copies.trial, copies.course
    inside, flow = found.table, found.flow
    if not len(inside):
        most = max(flow.steps, key=lambda step: step.left)
        raise Malformed(
            f"population: none of the {flow.start:,} children in {store.path.name} is left. Most "
            f"left because: {most.reason} ({most.left:,}). Widen the population, or correct that "
            "step."
        )
    run = rewritten(study, store, asked, measures)
    return Flat(run, as_records(study, store, inside), flow, course)


def trial(
    linked: Linked,
    store: Store,
    asked: tuple[LinkedCovariate, ...],
    measures: dict[str, RecordsMeasure],
) -> Trial:
    """Return the children of one trial who follow one of its arms, and how they came to be."""
    hold = store.hold
    base = candidates(linked, store, hold=hold)
    flow, kept = who(linked, store, base)
    chosen = eligible(linked, store, base.filter(*kept), hold=hold)
    bounds = _values.fifths(base) if any(one.fifths for one in asked) else ()
    table = whole(linked, store, chosen, hold=hold, asked=asked, measures=measures, bounds=bounds)
    inside = table.filter(pl.col(_arms.ARM).is_not_null())
    return Trial(inside, flow.then(none_of(linked), len(table) - len(inside)))


def sustained(
    linked: Linked,
    store: Store,
    asked: tuple[LinkedCovariate, ...],
    measures: dict[str, RecordsMeasure],
) -> Copies:
    """Return every eligible child under every strategy sustained over time."""
    hold = store.hold
    base = candidates(linked, store, hold=hold)
    flow, kept = who(linked, store, base)
    chosen = hold(base.filter(*kept).with_columns(nw.lit("").alias(_arms.ARM)))
    bounds = _values.fifths(base) if any(one.fifths for one in asked) else ()
    table = whole(linked, store, chosen, hold=hold, asked=asked, measures=measures, bounds=bounds)
    changing = tuple(one for one in asked if one.varies)
    terms = termly(linked, store, chosen=chosen, order=table[CHILD], asked=changing, hold=hold)
    columns = {name: exposure_of(name, one) for name, one in measures.items()}
    return copied(linked, Trial(table, flow), terms, columns)


def studied(study: Study, store: Store) -> Flow:
    """Return the flow of a study of linked records, with the children of each arm, without reading
    covariates or outcomes.
    """
    linked = linked_of(study)
    refuse_absent(linked, store, (), {})
    flows, total = [], Counter[str | None]()
    if linked.through is not None:
        base = candidates(linked, store, hold=store.hold)
        flow, _ = who(linked, store, base)
        flow = times(flow, len(linked.strategies))
        each_arm = flow.remaining // len(linked.strategies)
        return replace(flow, arms=tuple((arm, each_arm) for arm, _ in linked.strategies))
    for each in trials(linked):
        base = candidates(each, store, hold=store.hold)
        flow, kept = who(each, store, base)
        chosen = eligible(each, store, base.filter(*kept), hold=store.hold)
        counts = chosen.group_by(_arms.ARM).agg(int64(nw.len()).alias("n"))
        found = dict(collected(counts, "linked records").iter_rows())
        flows.append(flow.then(none_of(each), found.get(None, 0)))
        total.update(found)
    flow = summed(flows) if len(flows) > 1 else flows[0]
    return replace(flow, arms=tuple((arm, total[arm]) for arm, _ in linked.strategies))


def linked_of(study: Study) -> Linked:
    """Return what a study asks of linked records; Malformed where it asks one table."""
    if study.linked is None:
        raise Malformed("records: the study names columns of one table, not linked records.")
    return study.linked


def covariates(study: Study) -> tuple[LinkedCovariate, ...]:
    """Return every covariate that a study names, in order; Malformed with each that is unknown."""
    names = tuple(dict.fromkeys(named(study)))
    faults = [unknown(name) for name in names if name not in BY_NAME]
    if faults:
        raise Malformed(faults)
    return tuple(BY_NAME[name] for name in names)


def named(study: Study) -> Iterator[str]:
    """Yield the names of covariates in a study: given, of subgroups, and of options of leaves."""
    outcomes = {spec.name for spec in study.outcomes}
    yield from given(study)
    yield from (one.name for one in study.covariates)
    yield from study.subgroups
    yield from study.estimand.subgroups
    yield from (name for name in study.roles if name not in outcomes)


def given(study: Study) -> tuple[str, ...]:
    """Return the covariates that make arms alike: where trials repeat, the trial is one of them."""
    repeated = study.linked is not None and study.linked.zero.repeated
    more = (TRIAL,) if repeated and TRIAL not in study.given else ()
    return (*study.given, *more)


def needed(
    linked: Linked, asked: tuple[LinkedCovariate, ...], measures: dict[str, RecordsMeasure]
) -> Iterator[tuple[str, str]]:
    """Yield each table that a study needs, and what needs it."""
    yield "child", "every study"
    yield "school_census", "time zero"
    if linked.phenotype:
        leaf = load("phenotypes", linked.phenotype, kind=Phenotype)
        yield from ((table, f"phenotype {linked.phenotype}") for table in leaf.tables)
    if linked.concern or any(one.timed for _, one in linked.strategies):
        yield "concern", "when a concern was raised"
    doses = {dose.measure for _, one in linked.strategies for dose in one.dose}
    if doses:
        yield "provision_plan", "the dose of the arms"
    if "delivered_share" in doses:
        yield "provision_delivered", "the dose of the arms"
    yield from ((one.table, f"covariate {one.name}") for one in asked if one.table)
    for name, measure in measures.items():
        yield from ((table, f"outcome {name}") for table in measure.tables)


def refuse_absent(
    linked: Linked,
    store: Store,
    asked: tuple[LinkedCovariate, ...],
    measures: dict[str, RecordsMeasure],
) -> None:
    """Raise Malformed for every table that the study needs and the records do not have."""
    wanted: dict[str, list[str]] = {}
    for table, why in needed(linked, asked, measures):
        if not store.has(table):
            wanted.setdefault(table, []).append(why)
    if wanted:
        raise Malformed(
            f"records: {store.path.name} has no table {table}, which is needed for "
            f"{listed(dict.fromkeys(why)).replace(' or ', ' and ')}. It has: "
            f"{', '.join(store.tables)}."
            for table, why in wanted.items()
        )


def who(linked: Linked, store: Store, base: Frame) -> tuple[Flow, list[nw.Expr]]:
    """Return the flow up to the eligible children, and what makes a candidate one of them."""
    words = linked.code_list or linked.phenotype.replace("_", " ")
    found = rules(linked, words)
    counts = [int(n) for n in collected(base.select(*counted(found)), "linked records").row(0)]
    start = counts[0]
    if linked.born is not None:
        start = int(collected(store.frame("child").select(nw.len()), "child").item())
    flow = Flow(start)
    if linked.born is not None:
        flow = flow.then(f"not born from {linked.born[0]} to {linked.born[1]}", start - counts[0])
    for rule, (before, after) in zip(found, pairwise(counts), strict=True):
        if rule.always or before > after:
            flow = flow.then(rule.reason, before - after)
    return flow, [nw.col(rule.flag) == 1 for rule in found]


def none_of(linked: Linked) -> str:
    """Return why a child whose provision is none of the arms leaves."""
    return f"had by time zero none of: {listed(one.words for _, one in linked.strategies)}"


def eligible(linked: Linked, store: Store, chosen: Frame, *, hold: Hold) -> Frame:
    """Return the eligible children with their arm, computed once."""
    dose = _arms.doses(linked, store, chosen.select(CHILD, ZERO))
    beside = chosen if dose is None else joined(chosen, [dose])
    return hold(beside.with_columns(_arms.arm_of(linked)))


def whole(
    linked: Linked,
    store: Store,
    chosen: Frame,
    *,
    hold: Hold,
    asked: tuple[LinkedCovariate, ...],
    measures: dict[str, RecordsMeasure],
    bounds: tuple[float, ...],
) -> pl.DataFrame:
    """Return one row an eligible child, in order of `child_id`."""
    zero = chosen.select(CHILD, ZERO, DATE, "birth_day", "urn")
    follow = window(linked, store, zero=chosen.select(CHILD, ZERO, "zero_year"), hold=hold)
    parts = [
        follow.drop(ZERO, "zero_year"),
        *_values.frames(store, zero, asked),
        *measured(store, follow, measures=measures),
    ]
    clusters = [nw.col("urn"), nw.col("la").alias(CLUSTERS["la"])]
    columns = [
        nw.col(CHILD),
        nw.col(_arms.ARM),
        *clusters,
        *_values.chosen(asked, bounds),
        *finished(measures),
    ]
    # Part by part: one query of them all is planned anew at each join, and holds all at once.
    found: pl.DataFrame = collected(chosen, "linked records")
    for part in parts:
        found = found.join(collected(part, "linked records"), on=CHILD, how="left")
    table = nw.from_native(found.lazy()).select(*columns).sort(CHILD)
    chosen_columns: pl.DataFrame = collected(table, "linked records")
    return chosen_columns


def rewritten(
    study: Study,
    store: Store,
    asked: tuple[LinkedCovariate, ...],
    measures: dict[str, RecordsMeasure],
) -> Study:
    """Return the study on the columns of its table."""
    said = {one.name: one for one in study.covariates}
    declared = tuple(as_covariate(one, said.get(one.name), study.missing) for one in asked)
    outcomes = tuple(on_columns(spec, measures[spec.name]) for spec in study.outcomes)
    return replace(
        study,
        records=Records(
            (TableSource(str(store.path)),),
            unit=CHILD,
            clusters=tuple(CLUSTERS.items()),
            synthetic=store.synthetic or study.records.synthetic,
            repeated=linked_of(study).zero.repeated or linked_of(study).through is not None,
        ),
        population=(),
        arms=Arms(_arms.ARM, study.arms.levels, study.arms.words),
        outcomes=outcomes,
        covariates=declared,
        assignment=replace(study.assignment, given=given(study)),
        models=with_trial(study),
    )


def with_trial(study: Study) -> Models:
    """Return the working models of a study, with the trial in those whose terms it declares: where
    trials repeat it is one of the covariates, though the study need not name it.
    """
    if TRIAL not in given(study)[len(study.given) :]:
        return study.models
    own = ModelTerm((Factor(TRIAL),))
    told = {
        name: terms if any(TRIAL in term.names for term in terms) else (*terms, own)
        for name, terms in study.models.declared()
    }
    return replace(
        study.models,
        exposure=told.get("exposure"),
        outcome=told.get("outcome"),
        censoring=told.get("censoring"),
    )


def as_covariate(one: LinkedCovariate, said: Covariate | None, missing: str) -> Covariate:
    """Return how a covariate is read, what the study says of it coming first."""
    if said is not None:
        return replace(said, kind=said.kind or one.kind, label=said.label or one.label)
    usual = one.missing if missing == "complete" else missing
    return Covariate(one.name, one.kind, usual, label=one.label)


def on_columns(spec: OutcomeSpec, measure: RecordsMeasure) -> OutcomeSpec:
    """Return an outcome with the columns that hold it."""
    return replace(spec, column=spec.name, exposure=exposure_of(spec.name, measure))


def as_records(study: Study, store: Store, table: pl.DataFrame) -> TableRecords:
    """Return the table as records of one source."""
    source = TableSource(str(store.path))
    numbered = table.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))
    frame = nw.from_native(numbered.lazy())
    columns = tuple(name for name in table.columns)
    records = Records((source,), unit=CHILD, clusters=tuple(CLUSTERS.items()))
    digest = ((store.path.name, store.digest),)
    parts = (Part(source, frame),)
    return TableRecords(
        frame, columns, digest, store.engine, parts, (), records, Path(store.path).parent
    )
