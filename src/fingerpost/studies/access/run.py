"""A study of access from its children to a finding: gaps, timing, places, paths and need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import ndtr

from fingerpost.core.access import Access
from fingerpost.core.answer import Answer
from fingerpost.core.estimand import Estimand, Term
from fingerpost.core.finding import Finding
from fingerpost.core.inference import standard_errors
from fingerpost.core.measure import Measure
from fingerpost.core.provenance import Provenance
from fingerpost.core.refusal import Refusal
from fingerpost.core.study import OutcomeSpec, Study
from fingerpost.core.table import Table
from fingerpost.kernels.arrays import one_thread
from fingerpost.kernels.multiplicity import holm
from fingerpost.studies import diagnostics
from fingerpost.studies.access.cohort import AccessCohort, Grouping
from fingerpost.studies.access.gaps import (
    CONCERN,
    EQUAL_NEED,
    PROVISION,
    Setting,
    asked,
    gaps,
)
from fingerpost.studies.access.need import MEND, Reach, need_table, reach
from fingerpost.studies.access.places import variation
from fingerpost.studies.access.timing import FIRST, timing
from fingerpost.studies.access.trajectories import trajectories
from fingerpost.studies.access.unrecorded import unrecorded
from fingerpost.studies.population import in_words

Say = Callable[[str], None]
PRIMARY, PRIMARY_WITHOUT_NEED = ("equal_need",), ("alike",)


@dataclass(slots=True)
class Told:
    """What was found so far."""

    answers: list[Answer] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    observed: list[Table] = field(default_factory=list)


def found_in(
    study: Study, cohort: AccessCohort, *, provenance: Provenance, say: Say = lambda words: None
) -> Finding:
    """Return the finding of a study of access on its children.

    Gaps of each characteristic are told as observed and between children alike in what was
    measured; at equal need where need is on record of those with and without provision alike, and
    refused, with the mend, where it is not.
    """
    access = study.access or Access()
    held = reach(cohort) if access.need else Reach(None, "", ())
    told = Told(tables=[need_table(cohort)] if access.need else [])
    with one_thread():
        for grouping in cohort.groupings:
            say(f"gaps by {grouping.title}")
            by_characteristic(study, cohort, grouping, held, told)
        say("time to first provision")
        curves = timing(study, cohort)
        told.answers += curves.answers
        say("schools and local authorities")
        told.tables += [*curves.tables, *variation(study, cohort), *trajectories(cohort)]
    asked_of = tuple(
        dict.fromkeys(t.contrast for a in told.answers if a.estimate for t in a.estimate.terms)
    )
    flow = replace(
        cohort.flow,
        arms=(
            ("provided", int(cohort.provided.sum())),
            ("not provided", int((~cohort.provided).sum())),
        ),
    )
    return Finding(
        replace(spelt(study, cohort), estimand=Estimand(asked_of)),
        tuple(told.answers),
        tuple(told.refusals),
        (
            *([stacked(told.observed)] if told.observed else []),
            *tests(told.answers),
            *told.tables,
        ),
        primary=PRIMARY if access.need else PRIMARY_WITHOUT_NEED,
        flow=flow,
        members=cohort.keys,
        provenance=provenance,
    )


def by_characteristic(
    study: Study, cohort: AccessCohort, grouping: Grouping, held: Reach, told: Told
) -> None:
    """Add every gap by one characteristic."""
    asks_need = bool(study.access and study.access.need)
    every = np.ones(cohort.n, dtype=np.bool_)
    whole = asks_need and held.rows is not None and not held.among
    rows = held.rows if whole and held.rows is not None else every
    settings = [Setting(cohort, grouping, PROVISION, rows, with_need=whole)]
    if asks_need and held.rows is not None and held.among:
        settings.append(Setting(cohort, grouping, PROVISION, held.rows, held.among, with_need=True))
    if cohort.concern is not None and cohort.concern.any() and not cohort.concern.all():
        settings.append(Setting(cohort, grouping, CONCERN, every))
    found = [gaps(study, setting) for setting in settings]
    for one in found:
        told.answers += one.answers
        told.refusals += one.refusals
        if one.tasks and not one.setting.among:
            told.observed.append(diagnostics.outcomes(one.tasks[()].cohort))
        if one.setting.outcome == PROVISION:
            told.tables += unrecorded(study, one)
    if asks_need and held.rows is None:
        terms = tuple(term.on(EQUAL_NEED) for term in asked(settings[0]))
        told.refusals += [Refusal((term,), held.broken, MEND) for term in terms]


def tests(answers: list[Answer]) -> tuple[Table, ...]:
    """Return the p-value of each gap at equal need, and corrected for their number; no table of
    fewer than two.
    """
    terms: list[Term] = []
    z: list[float] = []
    behind: list[int] = []
    for answer in answers:
        estimate = answer.estimate if answer.leaf == PRIMARY[0] else None
        errors = None if estimate is None else standard_errors(estimate)
        if estimate is None or errors is None or estimate.arm_n is None:
            continue
        terms += estimate.terms
        z += list(np.abs(estimate.value) / np.maximum(errors, 1e-300))
        behind += [int(row.min()) for row in estimate.arm_n]
    if len(terms) < 2:
        return ()
    p = 2 * ndtr(-np.array(z))
    corrected = holm(p)
    return (
        Table(
            "access_tests",
            "Gaps at equal need, all asked at once",
            ("contrast", "p", "p_holm"),
            ("label", "number", "number"),
            tuple(
                (term.words(), float(one), float(both))
                for term, one, both in zip(terms, p, corrected, strict=True)
            ),
            counts=tuple(behind),
            context="p-values of no gap, by the normal, and with Holm's (1979) correction.",
        ),
    )


def stacked(tables: list[Table]) -> Table:
    """Return tables of the same columns as one."""
    first = tables[0]
    return replace(
        first,
        title="Provision as observed, by group",
        rows=tuple(row for table in tables for row in table.rows),
        counts=tuple(count for table in tables for count in table.counts),
    )


def spelt(study: Study, cohort: AccessCohort) -> Study:
    """Return the study with its outcomes named: provision, concern, and the time to provision."""
    words = study.access.words if study.access else "provision"
    by = study.linked.zero.words() if study.linked else "the date of the question"
    specs = [
        OutcomeSpec(PROVISION, "", "binary", measure=Measure(PROVISION, f"{words} by {by}")),
        OutcomeSpec(
            FIRST, "", "time", measure=Measure(FIRST, f"first {words}", measured_in="years")
        ),
    ]
    if cohort.concern is not None:
        title = f"a concern raised by {by}"
        specs.insert(1, OutcomeSpec(CONCERN, "", "binary", measure=Measure(CONCERN, title)))
    return replace(in_words(study), outcomes=tuple(specs))
