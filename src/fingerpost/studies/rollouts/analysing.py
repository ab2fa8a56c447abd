"""Run a study of a roll-out: from a panel of units over periods to a finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.cohorts.panel import complete, read_panel
from fingerpost.cohorts.reading import TableRecords
from fingerpost.core.analysis import Analysis, PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import NotFitted, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.flow import Flow
from fingerpost.core.leaves import Estimator, Sensitivity, load
from fingerpost.core.panel import Panel
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.rollout import NEVER
from fingerpost.core.study import SensitivitySpec, Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.core.words import listing
from fingerpost.sensitivity._task import PanelSensitivityTask
from fingerpost.studies import plan
from fingerpost.studies.answering import finite_only, unanswered
from fingerpost.studies.rollouts.beyond import beyond, told_of
from fingerpost.studies.rollouts.cluster_periods import cluster_periods
from fingerpost.studies.rollouts.doubting import doubted
from fingerpost.studies.rollouts.drifting import with_drift
from fingerpost.studies.rollouts.lost import lost_by_wave
from fingerpost.studies.rollouts.over_all import over_all
from fingerpost.studies.rollouts.since_drawn import (
    check_named,
    check_unit,
    neighbours_table,
    of_draw,
    since_drawn,
    size_words,
    unseen_words,
)
from fingerpost.studies.rollouts.small import small_waves
from fingerpost.studies.rollouts.together import several_outcomes

Say = Callable[[str], None]
Ints = NDArray[np.int64]
FEWEST_UNITS = 2  # of those with provision, and of those to compare them with


class Analysed:
    """What a panel gave: answers in the study's order, refusals, tables, analyses, the flow."""

    def __init__(self, flow: Flow) -> None:
        self.answers: list[Answer] = []
        self.refusals: list[Refusal] = []
        self.tables: list[Table] = []
        self.sensitivity: list[Answer] = []
        self.flow = flow


def analysed(
    study: Study,
    records: TableRecords,
    *,
    drawn: Drawn | None,
    say: Say,
) -> tuple[Analysed, Panel]:
    """Return what every leaf of a study says of its panel, and the panel as it was read.

    drawn: its draw, verified, from its ledger; None where there is none.
    """
    found = plan.estimators(study)
    check_unit(study, drawn)
    check_named(study, drawn)
    implausible = beyond(study, records)
    read = read_panel(study, records, drawn=drawn, covariates=columns(study, found))
    told, several, analysed_in = Analysed(read.flow), len(study.outcomes) > 1, read.panel
    if drawn is not None:
        told.tables += [since_drawn(read.whole, read.panel, drawn, study)]
        near = neighbours_table(read.panel, drawn, study)
        told.tables += [] if near is None else [near]
    for spec in study.outcomes:
        told.tables += [cluster_periods(read.whole, spec.name)]
        seen = complete(read.panel, spec.name, anticipation=anticipation_of(study))
        panel, left = seen.panel, seen.left
        analysed_in = analysed_in if several else panel
        if left:
            reason = f"{spec.name} was not recorded in every period"
            # Of one outcome whoever leaves it leaves the study.
            told.flow = told.flow.then(reason, left, outcome=spec.name if several else None)
        lost = lost_by_wave(read.whole, spec.name, analysis_of(study))
        told.tables += [] if lost is None else [lost]
        terms = plan.asked(study, spec.name)
        few = too_few(panel, terms)
        told.tables += [waves_table(panel, spec.name), periods_table(panel, spec.name)]
        if few is not None:
            told.refusals.append(few)
            continue
        task = PanelTask(panel, terms, analysis_of(study), anticipation_of(study), drawn)
        answers = [
            ask(study, name, leaf, task, say=say)
            for name, leaf in found.items()
            if plan.answers(leaf, study, terms)
        ]
        answers = [told_of(anticipated(one, seen.anticipated), implausible) for one in answers]
        answers = with_drift(study, task, doubted(answers))
        told.answers += answers
        told.sensitivity += [
            sensitive(study, spec_, task, tuple(answers), whole=read.whole, say=say)
            for spec_ in study.sensitivity
            if load("sensitivity", spec_.leaf, kind=Sensitivity).takes == "panel"
        ]
    together = several_outcomes(study, told.answers)
    told.tables += [] if together is None else [together]
    told.sensitivity += over_all(study, read.panel, told.answers, say=say)
    return told, analysed_in


def anticipated(answer: Answer, periods: tuple[str, ...]) -> Answer:
    """Return an answer that says which last periods it does without."""
    if not periods or answer.estimate is None:
        return answer
    words = (
        f"{listing(periods)} {'is' if len(periods) == 1 else 'are'} left out: provision begins "
        "soon after the last period of the records in some units, which may behave otherwise by "
        "then (anticipation)"
    )
    told = tuple((term, words) for term in answer.estimate.terms)
    return replace(answer, warnings=(*answer.warnings, *told))


def analysis_of(study: Study) -> Analysis:
    """Return what leaves over panels are told."""
    return Analysis(
        study.given,
        assignment=study.assignment,
        cluster=cluster_of(study),
        level=study.level,
        stream=study.name,
        seed=study.seed,
    )


def cluster_of(study: Study) -> str | None:
    """Return the level at which variance is taken: that of the draw, or as the study says; None is
    the panel's own unit.
    """
    levels = dict(study.records.clusters)
    return study.cluster if study.cluster in levels else None


def anticipation_of(study: Study) -> int:
    """Return the periods before provision begins in which units may already behave otherwise."""
    return study.rollout.anticipation if study.rollout else 0


def columns(study: Study, found: Mapping[str, Estimator]) -> tuple[str, ...]:
    """Return the columns of covariates that the study names, or options of its leaves."""
    named = list(study.given)
    for name, leaf in found.items():
        said = plan.options(study, name)
        for option in leaf.columns:
            value = said.get(option, ())
            named += [value] if isinstance(value, str) else [str(one) for one in value]  # type: ignore[attr-defined]
    return tuple(dict.fromkeys(named))


def too_few(panel: Panel, terms: tuple[Term, ...]) -> Refusal | None:
    """Return the refusal of a panel with too few units with provision, or without."""
    adopted = np.asarray(panel.adopted)
    rules = []
    for what, count in (
        ("units in which provision began", int(np.count_nonzero(adopted > 0))),
        ("units in which it had not begun when it first did", later(adopted)),
    ):
        if count < FEWEST_UNITS:
            words = f"{count} {what}; {FEWEST_UNITS} are needed"
            rules.append(Broken("units", "enough units", float(count), float(FEWEST_UNITS), words))
    mend = "Widen the panel, or ask of an outcome that is recorded in every period."
    return Refusal(terms, tuple(rules), mend) if rules else None


def later(adopted: Ints) -> int:
    """Return how many units were without provision in the period in which it first began."""
    begun = adopted[adopted > 0]
    return int(np.count_nonzero((adopted < 0) | (adopted > begun.min()))) if len(begun) else 0


def ask(study: Study, name: str, leaf: Estimator, task: PanelTask, *, say: Say) -> Answer:
    """Return one leaf's answer on one outcome's panel; what it finds it has no answer to is refused
    for itself.
    """
    terms = plan.answers(leaf, study, task.terms)
    say(f"{terms[0].outcome}: {name}")
    told = replace(
        task, terms=terms, analysis=replace(task.analysis, options=plan.options(study, name))
    )
    try:
        answer = leaf.run(told)
    except (NotFitted, Unanswerable) as fault:
        return unanswered(name, terms, fault=fault)
    tables = tuple(replace(table, leaf=name) for table in answer.tables)
    answer = finite_only(replace(answer, leaf=name, tables=tables))
    more = [*small_waves(task.panel, answer), *of_draw(task, leaf, answer)]
    more += [*unseen_words(task, answer), *size_words(task, answer)]
    return replace(answer, warnings=(*answer.warnings, *more))


def sensitive(
    study: Study,
    spec: SensitivitySpec,
    task: PanelTask,
    answers: tuple[Answer, ...],
    *,
    whole: Panel,
    say: Say,
) -> Answer:
    """Return one sensitivity analysis of one outcome's panel. whole: with units not always seen."""
    leaf = load("sensitivity", spec.leaf, kind=Sensitivity)
    say(f"{task.terms[0].outcome}: {spec.leaf}")
    told = PanelSensitivityTask(study, task, answers, dict(spec.options), study.level, whole)
    try:
        return replace(leaf.run(told), leaf=spec.leaf)
    except (NotFitted, Unanswerable) as fault:
        return unanswered(spec.leaf, task.terms, fault=fault)


def wave_words(panel: Panel) -> list[tuple[str, Ints]]:
    """Return each wave in words with its units, in the order in which provision began."""
    adopted = np.asarray(panel.adopted)
    starts = [int(one) for one in np.unique(adopted[adopted >= 0])]
    waves = [(panel.periods[at], np.flatnonzero(adopted == at)) for at in starts]
    never = np.flatnonzero(adopted == NEVER)
    return [*waves, ("not by the last period", never)] if len(never) else waves


def waves_table(panel: Panel, outcome: str) -> Table:
    """Return how many units began when, and what they were like before the first began."""
    own = panel.outcomes[outcome]
    first = int(min(np.asarray(panel.adopted)[np.asarray(panel.adopted) > 0], default=1))
    rows: list[tuple[Cell, ...]] = []
    counts: list[int | None] = []
    for words, units in wave_words(panel):
        before = own.mean[units][:, :first]
        mean = float(np.nanmean(before)) if before.size and np.isfinite(before).any() else None
        rows.append((words, len(units), mean))
        counts.append(int(own.count[units][:, :first].sum()))
    return Table(
        "waves",
        "When provision began",
        ("provision began", "units", "mean before anyone began"),
        ("label", "count", "number"),
        tuple(rows),
        counts=tuple(counts),
        context="Units by the period in which provision began, each unit and period counted alike.",
        tells=Tells(outcomes=("mean before anyone began",)),
        tags=(("outcome", outcome),),
    )


def periods_table(panel: Panel, outcome: str) -> Table:
    """Return the mean of every wave in every period, and whether provision had begun."""
    own = panel.outcomes[outcome]
    rows: list[tuple[Cell, ...]] = []
    counts: list[int | None] = []
    adopted = np.asarray(panel.adopted)
    for words, units in wave_words(panel):
        begins = int(adopted[units[0]])
        for at in np.flatnonzero(panel.told(outcome)):
            period = panel.periods[at]
            has = bool(begins != NEVER and at >= begins)
            rows.append((words, period, has, len(units), float(own.mean[units, at].mean())))
            counts.append(int(own.count[units, at].sum()))
    return Table(
        "wave_periods",
        "Means by wave and period",
        ("provision began", "period", "begun", "units", "mean"),
        ("label", "label", "flag", "count", "number"),
        tuple(rows),
        counts=tuple(counts),
        context="The mean over the units of a wave in a period, each unit counted alike.",
        tells=Tells(outcomes=("mean",)),
        tags=(("outcome", outcome),),
    )
