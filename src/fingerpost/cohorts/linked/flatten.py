"""A study of linked records as one table: one row a child, columns named as the study names them.

The store is asked four things, each once: how far its tables reach, who is a candidate (with a flag
for each rule), how long each eligible child is followed, and then everything else. What comes back
is a table like any other, and the study rewritten onto its columns; from there on there is one
path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.linked import _arms, _covered, _values
from fingerpost.cohorts.linked._covered import Reaches
from fingerpost.cohorts.linked._eligible import DATE, PROVIDED, Rule, candidates, counted, rules
from fingerpost.cohorts.linked._followup import window
from fingerpost.cohorts.linked._known import ZERO, Frame, Hold, joined
from fingerpost.cohorts.linked.cloning import Copies, copied
from fingerpost.cohorts.linked.covariates import BY_NAME, LinkedCovariate, unknown
from fingerpost.cohorts.linked.sequential import TRIAL, Trial, stacked, summed, trials
from fingerpost.cohorts.linked.yearly import termly
from fingerpost.cohorts.reading import Part, TableRecords
from fingerpost.core.course import Course
from fingerpost.core.errors import Malformed, Nobody, listed
from fingerpost.core.flow import Flow
from fingerpost.core.leaves import Phenotype, RecordsMeasure, load
from fingerpost.core.linked import Linked
from fingerpost.core.model import Factor, Models, ModelTerm
from fingerpost.core.study import Arms, Covariate, OutcomeSpec, Records, Study, TableSource
from fingerpost.engines._shared import ROW, collected, int64
from fingerpost.outcomes._query import CHILD, exposure_of, finished, measured

EARLIER = "years provided for before"
DAYS_A_YEAR = 365.25
COVERED = "covered"
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

    def rest(self) -> None:
        """Put on disk what is held in memory, until it is asked for again."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Flat:
    """One row a child, or several where trials repeat or children are copied. study: rewritten onto
    the table's columns. flow: from the children in the records to the rows of the table. course: of
    those rows, where strategies are sustained over time. provided: (n,) years before time zero in
    which provision was first recorded, of rows whose child had it in an earlier school year; NaN of
    others.
    """

    study: Study
    records: TableRecords
    flow: Flow
    course: Course | None = None
    provided: NDArray[np.float64] | None = None


def flatten(study: Study, store: Store) -> Flat:
    """Return a study of linked records as a study of one table.

    study: with `linked`, and its measures spelt out (`studies.language.linked.spelt`). Raises
    Malformed for tables that the study needs and the records do not have, for names that no
    covariate bears, and where nobody is left.
    """
    linked = linked_of(study)
    asked = covariates(study)
    measures = measures_of(study)
    refuse_absent(linked, store, asked=asked, measures=measures)
    refuse_undated(linked, store, asked=asked)
    held = Reaches(store)
    if linked.through is None:
        made = [trial(each, held, asked=asked, measures=measures) for each in trials(linked)]
        found, course = stacked(made, tuple(CLUSTERS.values())), None
    else:
        copies = sustained(linked, held, asked, measures)
        found, course = copies.trial, copies.course
    inside, flow = found.table.drop(EARLIER), found.flow
    if not len(inside):
        most = max(flow.steps, key=lambda step: step.left)
        raise Nobody(
            f"population: none of the {flow.start:,} children in {store.path.name} is left. Most "
            f"left because: {most.reason} ({most.left:,}). Widen the population, or correct that "
            "step."
        )
    store.rest()
    run = rewritten(study, store, asked, measures)
    provided = found.table[EARLIER].fill_null(np.nan).to_numpy()
    return Flat(run, as_records(study, store, inside), flow, course, provided)


def trial(
    linked: Linked,
    held: Reaches,
    *,
    asked: tuple[LinkedCovariate, ...],
    measures: dict[str, RecordsMeasure],
) -> Trial:
    """Return the children of one trial who follow one of its arms, and how they came to be."""
    store, hold = held.store, held.store.hold
    base, flow, kept = found_in(linked, held, measures)
    chosen = eligible(linked, store, base.filter(*kept), hold=hold)
    bounds = _values.fifths(base) if any(one.fifths for one in asked) else ()
    table = whole(linked, held, chosen, asked=asked, measures=measures, bounds=bounds)
    inside = table.filter(pl.col(_arms.ARM).is_not_null())
    return Trial(inside, flow.then(none_of(linked), len(table) - len(inside)))


def found_in(
    linked: Linked, held: Reaches, measures: dict[str, RecordsMeasure]
) -> tuple[Frame, Flow, list[nw.Expr]]:
    """Return the candidates, the flow up to the eligible children, and what makes a candidate one
    of them; Malformed where the records hold nobody's whole window.
    """
    store = held.store
    base = candidates(linked, store, hold=store.hold)
    entered = store.hold(base.filter(~nw.col(ZERO).is_null()).select(CHILD, "zero_year"))
    years, gaps = _covered.short(linked, measures, entered, tables=held)
    if gaps and len(gaps) == len(years):
        raise Nobody(_covered.nobody(linked, gaps, tables=held))
    more: tuple[Rule, ...] = ()
    if gaps:
        out = nw.col("zero_year").is_in(list(gaps))
        flag = nw.when(out).then(nw.lit(0)).otherwise(nw.lit(1)).cast(nw.Int64)
        base = base.with_columns(flag.alias(COVERED))
        more = (Rule(COVERED, _covered.reason(linked, gaps), always=False),)
    flow, kept = who(linked, store, base, more=more)
    return base, flow, kept


def sustained(
    linked: Linked,
    held: Reaches,
    asked: tuple[LinkedCovariate, ...],
    measures: dict[str, RecordsMeasure],
) -> Copies:
    """Return every eligible child under every strategy sustained over time."""
    store, hold = held.store, held.store.hold
    base, flow, kept = found_in(linked, held, measures)
    chosen = hold(base.filter(*kept).with_columns(nw.lit("").alias(_arms.ARM)))
    bounds = _values.fifths(base) if any(one.fifths for one in asked) else ()
    table = whole(linked, held, chosen, asked=asked, measures=measures, bounds=bounds)
    changing = tuple(one for one in asked if one.varies)
    terms = termly(linked, store, chosen=chosen, order=table[CHILD], asked=changing, hold=hold)
    columns = {name: exposure_of(name, one) for name, one in measures.items()}
    return copied(linked, Trial(table, flow), terms, columns)


@dataclass(frozen=True, slots=True)
class Studied:
    """Who is studied, counted. before: arm → children who had been provided for in an earlier
    school year, and the median years before time zero in which that began; nothing where strategies
    are sustained. unknown: what a covariate cannot say of some births, in words.
    """

    flow: Flow
    before: tuple[tuple[str, int, float | None], ...] = ()
    unknown: tuple[str, ...] = ()


def studied(study: Study, store: Store) -> Flow:
    """Return the flow of a study of linked records, with the children of each arm, without reading
    covariates or outcomes.
    """
    return counts_of(study, store).flow


def counts_of(study: Study, store: Store) -> Studied:
    """Return who is studied, counted, without reading covariates or outcomes."""
    linked = linked_of(study)
    refuse_absent(linked, store, asked=(), measures={})
    refuse_undated(linked, store, asked=())
    held, measures = Reaches(store), measures_of(study)
    since = linked.born[0] if linked.born is not None else ""
    unknown = tuple(_values.told(covariates(study), held.of, since))
    flows, tables = [], []
    if linked.through is not None:
        _, flow, _ = found_in(linked, held, measures)
        arms = tuple((arm, flow.remaining) for arm, _ in linked.strategies)
        return Studied(replace(flow, arms=arms, copied=True), unknown=unknown)
    for each in trials(linked):
        base, flow, kept = found_in(each, held, measures)
        chosen = eligible(each, store, base.filter(*kept), hold=store.hold)
        table = collected(chosen.select(_arms.ARM, earlier()), "linked records")
        flows.append(flow.then(none_of(each), table[_arms.ARM].null_count()))
        tables.append(table)
    whole = pl.concat(tables)
    names = [arm for arm, _ in linked.strategies]
    own = {arm: whole.filter(pl.col(_arms.ARM) == arm)[EARLIER].drop_nulls() for arm in names}
    total = Counter(whole[_arms.ARM].to_list())
    flow = summed(flows) if len(flows) > 1 else flows[0]
    before = tuple(
        (arm, len(years), None if years.is_empty() else float(np.median(years.to_numpy())))
        for arm, years in own.items()
    )
    return Studied(replace(flow, arms=tuple((arm, total[arm]) for arm in names)), before, unknown)


def earlier() -> nw.Expr:
    """Return the years before time zero in which provision was first recorded, of children who had
    it in an earlier school year.
    """
    years = (nw.col(ZERO) - nw.col(PROVIDED)).cast(nw.Float64) / DAYS_A_YEAR
    return nw.when(nw.col("before") == 1).then(years).alias(EARLIER)


def measures_of(study: Study) -> dict[str, RecordsMeasure]:
    """Return the descriptor of each outcome of a study."""
    return {spec.name: load("outcomes", spec.name, kind=RecordsMeasure) for spec in study.outcomes}


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
    *,
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


def refuse_undated(linked: Linked, store: Store, *, asked: tuple[LinkedCovariate, ...]) -> None:
    """Raise Malformed for rows that do not say when they could be known, in the tables from which
    who is studied and what was known of them are read: they could be used by nobody, and a child
    without them would be told as in no school, or without provision.
    """
    tables = {"death", "opt_out", "early_years_census", *(t for t, _ in needed(linked, asked, {}))}
    faults = []
    for table in sorted(table for table in tables if store.has(table)):
        blank = store.frame(table).filter(nw.col("known_from").is_null()).select(int64(nw.len()))
        count = int(collected(blank, table).item())
        if count:
            faults.append(
                f'records: {count:,} rows of the table "{table}" do not say when they could be '
                "known (known_from), so that nobody can tell whether time zero came first. Fill "
                "it in: the day of the census or of the event, or the last day of the term or "
                f"year. `fingerpost records check {store.path}` lists every fault."
            )
    if faults:
        raise Malformed(faults)


def who(
    linked: Linked, store: Store, base: Frame, *, more: tuple[Rule, ...] = ()
) -> tuple[Flow, list[nw.Expr]]:
    """Return the flow up to the eligible children, and what makes a candidate one of them.

    more: rules besides those of the study.
    """
    words = linked.code_list or linked.phenotype.replace("_", " ")
    found = (*rules(linked, words), *more)
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
    held: Reaches,
    chosen: Frame,
    *,
    asked: tuple[LinkedCovariate, ...],
    measures: dict[str, RecordsMeasure],
    bounds: tuple[float, ...],
) -> pl.DataFrame:
    """Return one row an eligible child, in order of `child_id`."""
    store = held.store
    zero = chosen.select(CHILD, ZERO, DATE, "birth_day", "urn")
    ids = chosen.select(CHILD, ZERO, "zero_year")
    follow = window(linked, store, zero=ids, hold=store.hold)
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
        *_values.chosen(asked, bounds, unseen=_values.unseen(asked, held.of)),
        *finished(measures),
        earlier(),
    ]
    # Part by part: one query of them all is planned anew at each join, and holds all at once.
    # Beside what is there already, which is not copied each time.
    found: pl.DataFrame = collected(chosen, "linked records")
    found = found.sort(CHILD)
    order = found.select(CHILD)
    for part in parts:
        own: pl.DataFrame = collected(part, "linked records")
        own = order.join(own, on=CHILD, how="left", maintain_order="left")
        found = found.hstack(own.drop(CHILD))
    table = nw.from_native(found.lazy()).select(*columns)
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
