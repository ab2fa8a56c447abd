"""A study over linkage spines: hospital records read through each, answers pooled over them.

Spines count as imputations of the links only if they are one-to-one, with parameters redrawn, and
drawn given what this study asks, its exposure and outcomes among it; else false links draw effects
towards none, which is bias and not variance, and what is pooled over them is labelled a sensitivity
range. Where the study imputes values too, each of several spines is imputed once, so that one set
of replicates holds both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.imputing import Plan
from fingerpost.cohorts.linked.flatten import Store
from fingerpost.cohorts.table import TableRecords, members
from fingerpost.core.answer import Answer
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.estimate import Estimate
from fingerpost.core.flow import Flow
from fingerpost.core.provenance import Provenance
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.words import SENSITIVITY_RANGE
from fingerpost.records.store import open_store
from fingerpost.records.through import CHILD, Chosen, linked_children
from fingerpost.studies import imputed, unlinked
from fingerpost.studies.analysing import Analysed, analysed
from fingerpost.studies.given import asked_of
from fingerpost.studies.ready import Ready, ready
from fingerpost.studies.replicates import Pooled, Replicate, over
from fingerpost.studies.spine_words import (
    ONE,
    OTHERS,
    RANGE,
    changed,
    reworded,
    spread_table,
    told_table,
)

Say = Callable[[str], None]
OPTED_OUT = "their families opted out, so that their hospital records are withheld"
NO_SCHOOL = "no school census holds them, so that nothing could be linked"
NOT_LINKED = "links missed them: no hospital record was linked to them"


@dataclass(frozen=True, slots=True)
class Linking:
    """Through which spines hospital records are read. folder, engine: of the records. weighted:
    whether those linked are weighed to stand for those whom a link missed.
    """

    folder: Path
    spines: Chosen
    engine: str = "duckdb"
    weighted: bool = False

    def held_to(self, study: Study) -> Chosen:
        """Return the spines as they are to a study over these records."""
        # Without a digest of the records drawn from, nothing is read to compare.
        drawn = bool(self.spines.records)
        records = open_store(self.folder, self.engine).digest if drawn else ""
        return self.spines.held_to(asked_of(study), records=records)

    def one(self) -> Store:
        """Return the records through the one spine there is; UsageError where there are more."""
        if len(self.spines.paths) > 1 or self.weighted:
            raise UsageError(
                "--spines: a study of access is run through one spine, and weighs nobody. Write "
                "--spines 1."
            )
        return open_store(self.folder, self.engine, spine=self.spines.paths[0])


@dataclass(frozen=True, eq=False, slots=True)
class Linked:
    """What a study gave over spines. first: its cohort through the first. members: keys of the
    children of any. imputed: whether values were imputed too.
    """

    first: Ready
    found: Analysed
    members: NDArray[np.str_]
    spines: Chosen
    imputed: bool = False

    def sourced(self, told: Provenance) -> Provenance:
        """Return where numbers come from, the spines among it."""
        own = (
            (f"spines/{self.spines.name}/{path.name}", sha)
            for path, sha in zip(self.spines.paths, self.spines.digests, strict=True)
        )
        return replace(told, data_digest=(*told.data_digest, *own))


@dataclass(eq=False, slots=True)
class Made:
    """What is kept of the replicates as they are made."""

    firsts: list[Ready] = field(default_factory=list)
    keys: list[NDArray[np.str_]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    plans: list[Plan | None] = field(default_factory=list)


def over_spines(
    study: Study, linking: Linking, *, records: TableRecords | Store, say: Say
) -> Linked:
    """Return what a study of linked records gives over spines.

    Raises UsageError for a study of one table, and what reading and analysing raise.
    """
    if isinstance(records, TableRecords):
        raise UsageError("--spines: this study asks one table, and not linked records.")
    spines = linking.held_to(study)
    say("counting whom no hospital record was linked to")
    held = unlinked.schooled(study, linking.folder, engine=linking.engine, paths=spines.paths)
    if held is None and linking.weighted:
        raise UsageError("--spines: where strategies are sustained over time nobody is weighed.")
    made = Made()
    replicates = cohorts(
        study, linking, held=held if linking.weighted else None, made=made, say=say
    )
    head = next(replicates)
    first = made.firsts[0]
    if number_of(study, spines) == 1:
        pooled = Pooled(analysed(head.study, head.cohort, say=say), (), (head.means,))
    else:
        pooled = over(head.study, chained(head, replicates), say=say)
    found = labelled(pooled, spines, level=study.level)
    tables = [told_table(spines, sizes=made.sizes, weighted=linking.weighted)]
    if len(spines.paths) > 1:
        tables.append(spread_table(found, pooled.each))
    if held is not None:
        tables.append(unlinked.table(held))
    tables += imputation_tables(made.plans, pooled)
    times = 1 if study.linked is None else len(study.linked.zero.years)
    flow = with_unlinked(found.flow, records, spines.paths[0], times=times)
    keys = np.unique(np.concatenate(made.keys))
    return Linked(
        first,
        replace(found, tables=tuple(each for each in tables if each.rows), flow=flow),
        keys,
        spines,
        imputed=any(plan is not None for plan in made.plans),
    )


def number_of(study: Study, spines: Chosen) -> int:
    """Return how many replicates a study has: one a spine; of one spine, one a copy imputed.

    A spine imputed twice would count as two draws of the links: what not knowing them adds would
    look smaller than it is.
    """
    if len(spines.paths) > 1 or study.imputation is None:
        return len(spines.paths)
    return study.imputation.copies


def chained(head: Replicate, others: Iterator[Replicate]) -> Iterator[Replicate]:
    """Yield the first replicate, then the others."""
    yield head
    yield from others


def cohorts(
    study: Study, linking: Linking, *, held: unlinked.Schooled | None, made: Made, say: Say
) -> Iterator[Replicate]:
    """Yield the cohort through each spine, imputed where the study asks for it. held: where those
    linked are weighed.
    """
    count, paths = number_of(study, linking.spines), linking.spines.paths
    for number in range(1, count + 1):
        at = min(number, len(paths)) - 1
        what = "spine" if len(paths) > 1 else "copy"
        say(f"{what} {number} of {count}: reading and analysing")
        store = open_store(linking.folder, linking.engine, spine=paths[at])
        weights = None if held is None else unlinked.weights(held, at)
        one = ready(study, store, weights=weights)
        if not made.firsts:
            made.firsts.append(one)
        refuse_other(made.firsts[0].study, one.study)
        made.keys.append(members(one.built))
        made.sizes.append(one.built.cohort.n)
        plan = imputed.planned(one.study, one.built)
        made.plans.append(plan)
        if plan is None:
            yield Replicate(one.study, replace(one.built.cohort, replicate=number))
        else:
            yield imputed.copy(one.study, plan, number)


def refuse_other(first: Study, other: Study) -> None:
    """Raise Malformed where an outcome is recorded through one spine and not through another."""
    names = [{spec.name for spec in each.outcomes} for each in (first, other)]
    if names[0] != names[1]:
        lost = ", ".join(sorted(names[0] ^ names[1]))
        raise Malformed(f"spines: through some of them the records tell nothing of {lost}.")


def imputation_tables(plans: Sequence[Plan | None], pooled: Pooled) -> tuple[Table, ...]:
    """Return the tables of imputation where every spine had values to impute, of the same
    variables. plans, and means of `pooled`: of the replicates, in one order.
    """
    first = plans[0]
    if first is None or len(plans) < 2:
        return ()
    names, means = variables(first), []
    for plan, path in zip(plans, pooled.means, strict=True):
        if plan is None or path is None or set(variables(plan)) != set(names):
            return ()
        # Variables stand in order of how many values are missing, which another spine may change.
        own = variables(plan)
        means.append(path[:, [own.index(name) for name in names]])
    return imputed.tables(first, pooled.whole, np.stack(means), len(means))


def variables(plan: Plan) -> list[str]:
    """Return the names of what is imputed, in the order of a replicate's means."""
    return [one.name for one in plan.equations.variables]


def labelled(pooled: Pooled, spines: Chosen, *, level: float) -> Analysed:
    """Return the answers over spines, in words of spines, with what their range is labelled."""
    one = len(spines.paths) == 1
    found = pooled.whole if one else reworded(pooled.whole)
    named_range = OTHERS if spines.given and not spines.conditional else RANGE
    named_range = changed(spines) if spines.changed else named_range
    words = ONE if one else "" if spines.imputes else named_range
    if not words:
        return found
    parts = tuple(
        replace(part, answers=tuple(cautioned(each, words) for each in part.answers))
        for part in found.parts
    )
    return replace(found, parts=parts)


def cautioned(answer: Answer, words: str) -> Answer:
    """Return an answer with a caution on each of its terms, and in the method of its intervals."""
    estimate = answer.estimate
    if estimate is None:
        return answer
    more = tuple((term, words) for term in estimate.terms)
    own = estimate if words == ONE else named(estimate)
    return replace(answer, estimate=own, warnings=(*answer.warnings, *more))


def named(estimate: Estimate) -> Estimate:
    """Return an estimate whose intervals say that they are a sensitivity range."""
    methods = estimate.interval or ("",) * len(estimate.terms)
    told = tuple(f"{SENSITIVITY_RANGE} over spines: {one}".rstrip(": ") for one in methods)
    return replace(estimate, interval=told)


def with_unlinked(flow: Flow, records: Store, spine: Path, *, times: int) -> Flow:
    """Return a flow that begins with everyone in the records, and tells first of those whom the
    first spine links to no hospital record: who opted out, whom no school holds, and the missed.
    times: how often the flow counts each of them, once a trial.
    """
    child = _children(records, "child")
    gone = ~child.is_in(linked_children([spine])[0].implode())
    out = child.is_in(_children(records, "opt_out").implode())
    schooled = child.is_in(_children(records, "school_census").implode())
    whole = Flow(len(child) * times)
    whole = whole.then(OPTED_OUT, int((gone & out).sum()) * times)
    whole = whole.then(NO_SCHOOL, int((gone & ~out & ~schooled).sum()) * times)
    whole = whole.then(NOT_LINKED, int((gone & ~out & schooled).sum()) * times)
    return replace(flow, start=whole.start, steps=(*whole.steps, *flow.steps))


def _children(records: Store, table: str) -> pl.Series:
    """Return the children of a table as text, each once; none where there is no such table."""
    if not records.has(table):
        return pl.Series(CHILD, [], dtype=pl.String)
    rows = records.frame(table).select(CHILD).unique().collect("polars").to_native()
    found: pl.Series = rows[CHILD].cast(pl.String)
    return found
