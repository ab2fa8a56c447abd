"""Run a study: from records to a finding. The one room that joins rooms for one study."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from fingerpost.cohorts.linked.flatten import Store
from fingerpost.cohorts.table import Built, TableRecords, members
from fingerpost.core.agreement import Agreement
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.finding import Finding
from fingerpost.core.panel import Panel
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.kernels.arrays import one_thread
from fingerpost.studies import (
    departures,
    diagnostics,
    earlier,
    guard,
    imputed,
    looked,
    plan,
    recorded,
)
from fingerpost.studies.access import run as access
from fingerpost.studies.access.records import read_access
from fingerpost.studies.analysing import Analysed, Kept, analysed
from fingerpost.studies.described import described
from fingerpost.studies.linked import spelt
from fingerpost.studies.provenance import provenance
from fingerpost.studies.ready import Ready, ready
from fingerpost.studies.rollouts import analysing as rollouts
from fingerpost.studies.rollouts.as_drawn import as_drawn
from fingerpost.studies.spine_words import told_table
from fingerpost.studies.spines import Linking, over_spines
from fingerpost.studies.weights import indicators

__all__ = ["Kept", "run"]

Say = Callable[[str], None]


def run(
    study: Study,
    records: TableRecords | Store,
    *,
    draw: Path | None = None,
    ledger: str | None = None,
    linking: Linking | None = None,
    say: Say = lambda words: None,
) -> Finding:
    """Return the finding of a study on records.

    study: as read from its document. records: from `read_records`, or linked records from
    `records.store.open_store`. draw: the folder of the draw of a roll-out, which is verified
    first; ledger: the URL of its ledger, where that does not lie in the folder. linking: the
    spines through which hospital records are read. say: told of each step, for progress. Raises
    NotAnswerable where leaves were asked for what they do not declare, Malformed with every fault
    of the records, NotFitted where a working model cannot be fitted.
    """
    if study.access is not None:
        if linking is None:
            return access_in(study, records, say=say)
        found = access_in(study, linking.one(), say=say)
        keys = () if found.members is None else found.members
        told = told_table(linking.spines, sizes=(len(keys),), weighted=False)
        return replace(found, tables=(*found.tables, told))
    if study.rollout is not None:
        drawn = None if draw is None else as_drawn(study, draw, ledger=ledger, say=say)
        return rollout_in(study, records, say=say, drawn=drawn)
    if draw is not None:
        raise UsageError(
            "draw: a draw is read with the study of its roll-out, which has `rollout`."
        )
    plan.check(spelt(study))
    say("reading records")
    with one_thread():  # many small products: a second BLAS thread only spins
        return found_in(study, records, say=say, linking=linking)


def access_in(study: Study, records: TableRecords | Store, *, say: Say) -> Finding:
    """Return the finding of a study of access, whose outcome is provision itself."""
    if isinstance(records, TableRecords):
        raise Malformed(
            "records: a study of access is asked of linked records. Say where they are: "
            "--records FOLDER."
        )
    say("reading records")
    read = read_access(study, records)
    told = provenance(read.study, study.digest(), records=read.records)
    return access.found_in(read.study, read.cohort, provenance=told, say=say)


def rollout_in(
    study: Study,
    records: TableRecords | Store,
    *,
    say: Say,
    drawn: Drawn | None = None,
) -> Finding:
    """Return the finding of a study of a roll-out. drawn: its draw, where a ledger holds it."""
    if not isinstance(records, TableRecords):
        raise Malformed(
            "records: a roll-out is read from one table, a row a unit and period. Name its file: "
            "--records FILE."
        )
    plan.check(study)
    say("reading records")
    with one_thread():
        found, panel = rollouts.analysed(study, records, drawn=drawn, say=say)
    return Finding(
        study,
        tuple(found.answers),
        refusals=tuple(found.refusals),
        tables=(*found.tables, diagnostics.assumptions(plan.estimators(study))),
        sensitivity=tuple(found.sensitivity),
        primary=plan.primary(study),
        agreements=agreements(study, tuple(found.answers)),
        flow=replace(found.flow, arms=_begun(panel)),
        members=np.array(panel.units, dtype=np.str_),
        provenance=replace(
            provenance(study, study.digest(), records=records),
            draw=None if drawn is None else drawn.source,
        ),
        leaves=described(study),
    )


def _begun(panel: Panel) -> tuple[tuple[str, int], ...]:
    """Return how many units never had provision in the panel, and how many came to have it."""
    began = int(np.count_nonzero(np.asarray(panel.adopted) > 0))
    return tuple(zip(panel.arms, (len(panel.units) - began, began), strict=True))


def found_in(
    study: Study,
    records: TableRecords | Store,
    *,
    say: Say,
    drawn: Drawn | None = None,
    linking: Linking | None = None,
) -> Finding:
    """Return the finding of a study whose leaves have been checked. drawn: the draw of its arms, of
    children by the name that `records.unit` gives them; linking: the spines through which hospital
    records are read.
    """
    # The digest is of the study as written: filling missing covariates adds flags to `given`.
    registered = study.digest()
    if linking is None:
        first = ready(study, records, drawn=drawn)
        found, common = of_one(first, say=say, drawn=drawn)
        keys, told = (
            members(first.built),
            provenance(first.study, registered, records=first.records),
        )
    else:
        linked = over_spines(study, linking, records=records, say=say)
        first, found, keys = linked.first, linked.found, linked.members
        common = _common_tables(first.built)
        if linked.imputed:
            common = imputed.told(common, first.study)
        told = linked.sourced(provenance(first.study, registered, records=first.records))
    study, whole, cohort = first.study, first.whole, first.built.cohort
    refused = (refusal for part in found.parts for refusal in part.refusals)
    return Finding(
        whole,
        found.answers,
        refusals=(*refused, *silent(whole, first.built.silent)),
        tables=(
            *common,
            *(table for part in found.parts for table in part.tables),
            *found.tables,
            *looked.tables(whole, found.answers),
        ),
        sensitivity=tuple(
            replace(answer, about=outcome) for (outcome, _), answer in found.sensitivity.items()
        ),
        primary=plan.primary(study),
        agreements=agreements(study, found.answers),
        flow=replace(found.flow, arms=_by_arm(cohort)),
        members=keys,
        provenance=replace(told, draw=None if drawn is None else drawn.source),
        whom={term: whom for part in found.parts for term, whom in part.whom.items()},
        leaves=described(study),
    )


def of_one(
    first: Ready, *, say: Say, drawn: Drawn | None = None
) -> tuple[Analysed, tuple[Table, ...]]:
    """Return what one cohort gives, over imputed copies where the study asks for them, and the
    tables of it that concern no single outcome.
    """
    study, common = first.study, _common_tables(first.built)
    drawing = imputed.planned(study, first.built)
    if drawing is not None:
        found = imputed.over_copies(study, drawing, say=say, drawn=drawn)
        return found, imputed.told(common, study)
    if study.imputation is not None:
        say("nothing is missing that could be imputed: the records are analysed as they are")
    return analysed(study, first.built.cohort, say=say, drawn=drawn), common


def silent(study: Study, why: Mapping[str, str]) -> Iterator[Refusal]:
    """Yield the refusal of every outcome of which the records tell nothing."""
    for name, words in why.items():
        terms = tuple(term for term in plan.asked(study, name) if term.target.causal)
        rule = Broken("outcome", guard.SUPPORT, float("nan"), float("nan"), words)
        yield Refusal(terms, (rule,), "")


def _by_arm(cohort: Cohort) -> tuple[tuple[str, int], ...]:
    counts = np.bincount(cohort.arm, minlength=len(cohort.arms))
    return tuple((arm, int(count)) for arm, count in zip(cohort.arms, counts, strict=True))


def _common_tables(built: Built) -> tuple[Table, ...]:
    cohort, study = built.cohort, built.study
    return (
        diagnostics.baseline(cohort, indicators(cohort, study.given)),
        diagnostics.outcomes(cohort),
        *departures.tables(cohort),
        *earlier.tables(cohort),
        *recorded.tables(study, cohort),
        built.missing,
        diagnostics.assumptions(plan.estimators(study)),
    )


def agreements(study: Study, answers: tuple[Answer, ...]) -> tuple[Agreement, ...]:
    """Return how far the primary answers of each causal term lie apart, on the scale of the
    estimates (the logarithm for ratios), against the distance declared beforehand.
    """
    primary = plan.primary(study)
    values: dict[Term, list[tuple[str, float]]] = {}
    for answer in answers:
        if answer.estimate is None or answer.leaf not in primary:
            continue
        for term, value in zip(answer.estimate.terms, answer.estimate.value, strict=True):
            if term.target.causal and np.isfinite(value):
                values.setdefault(term, []).append((answer.leaf, float(value)))
    found = []
    for term, pairs in values.items():
        if len(pairs) > 1:
            low, high = min(v for _, v in pairs), max(v for _, v in pairs)
            within = study.within(term.outcome)
            agree = None if within is None else high - low <= within
            found.append(Agreement(term, tuple(n for n, _ in pairs), low, high, within, agree))
    return tuple(found)
