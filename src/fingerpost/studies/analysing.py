"""One cohort of a study, asked of every estimator and every sensitivity analysis."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core import leaves
from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import NotFitted, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.flow import Flow
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import SensitivitySpec, Study
from fingerpost.core.table import Table
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.studies import chances, groups, guard
from fingerpost.studies.answering import (
    Answered,
    analysis_of,
    answer_outcome,
    check_options,
    unanswered,
)
from fingerpost.studies.groups import part_of

Say = Callable[[str], None]
Key = tuple[str, int]  # the outcome (empty: all), the place among the study's analyses
Unseen = dict[str, dict[str, int]]
WHOLE = ""


@dataclass(frozen=True, eq=False, slots=True)
class Analysed:
    """What one cohort, or several copies of it pooled, gave.

    parts: one an outcome, in the study's order. sensitivity: by outcome and place in the study, in
    order. tables: of the whole, besides.
    """

    parts: tuple[Answered, ...]
    sensitivity: Mapping[Key, Answer]
    flow: Flow
    tables: tuple[Table, ...] = field(default=())

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The answers on every outcome."""
        return tuple(answer for part in self.parts for answer in part.answers)


def analysed(
    study: Study,
    cohort: Cohort,
    *,
    say: Say,
    wanted: Callable[[Sensitivity], bool] = lambda leaf: True,
    drawn: Drawn | None = None,
) -> Analysed:
    """Return what every estimator, and every analysis that is wanted, says of one cohort. A working
    model that cannot be fitted to the children of one outcome refuses that outcome alone; raises
    NotFitted where it can be fitted to those of none.
    """
    check_options(study, one_by_one(study, Kept(study, cohort, drawn)))
    parts: list[Answered] = []
    found: dict[Key, Answer] = {}
    unseen = unseen_by_arm(cohort)
    unfitted: list[NotFitted] = []
    flow, kept = cohort.flow, Kept(study, cohort, drawn)
    for task in one_by_one(study, kept):
        flow = kept.counted(task.terms[0].outcome, flow)
        try:
            parts.append(answer_outcome(study, task, say))
        except NotFitted as fault:
            unfitted.append(fault)
            parts.append(barred(task, fault))
        found |= sensitive(study, task, parts[-1].answers, unseen=unseen, say=say, wanted=wanted)
        del task  # its children and fits go before those of the next are made
    if len(unfitted) == len(parts):
        raise unfitted[0]
    answers = tuple(answer for part in parts for answer in part.answers)
    whole = Task(cohort, kept.terms(study.outcomes[0].name), analysis_of(study), drawn=drawn)
    found |= sensitive(study, whole, answers, unseen=unseen, say=say, wanted=wanted, about=WHOLE)
    return Analysed(tuple(parts), found, flow)


def barred(task: Task, fault: NotFitted) -> Answered:
    """Return that no leaf may answer of one outcome, as a working model cannot be fitted."""
    terms = tuple(term for term in task.terms if term.target.causal)
    rule = Broken("score", guard.POSITIVITY, float("nan"), float("nan"), str(fault))
    return Answered((), (Refusal(terms, (rule,), ""),))


def tasks(study: Study, cohort: Cohort, drawn: Drawn | None = None) -> tuple[list[Task], Flow]:
    """Return the task of each outcome, and the flow with the children who had none."""
    flow, kept, found = cohort.flow, Kept(study, cohort, drawn), []
    for outcome in study.outcomes:
        task, flow = kept.task(outcome.name, flow)
        found.append(task)
    return found, flow


def one_by_one(study: Study, kept: Kept) -> Iterator[Task]:
    """Yield the task of each outcome in turn; the children and fits of one that no later outcome
    shares are let go before the next is made.
    """
    names = [outcome.name for outcome in study.outcomes]
    for at, name in enumerate(names):
        kept.only(names[at:])
        yield kept.task(name, Flow())[0]
    kept.only([])


def whole_of(study: Study, cohort: Cohort, asked: list[Task]) -> Task:
    """Return the task of analyses that speak of the whole study."""
    return Task(cohort, asked[0].terms, analysis_of(study))


def sensitive(
    study: Study,
    task: Task,
    answers: tuple[Answer, ...],
    *,
    unseen: Unseen,
    say: Say,
    wanted: Callable[[Sensitivity], bool],
    about: str | None = None,
    copies: tuple[Cohort, ...] = (),
) -> dict[Key, Answer]:
    """Return the answers of the wanted analyses of the task's outcome; with `about` empty, of those
    that speak of the whole study.
    """
    own = task.terms[0].outcome if about is None else about
    kind = "study" if own == WHOLE else "outcome"
    return {
        (own, place): _sensitive(
            study, spec, task=task, answers=answers, unseen=unseen, say=say, copies=copies
        )
        for place, spec in enumerate(study.sensitivity)
        if scope(spec) == kind and wanted(leaves.load("sensitivity", spec.leaf, kind=Sensitivity))
    }


class Kept:
    """Tasks by outcome; outcomes seen for the same children share their cohort and its fits.

    Where the study has a model of who was seen, every child stays, and leaves weigh those seen.
    """

    def __init__(self, study: Study, cohort: Cohort, drawn: Drawn | None = None) -> None:
        self._study, self._cohort, self._drawn = study, cohort, drawn
        self._by_mask: dict[bytes, Task] = {}

    def task(self, outcome: str, flow: Flow) -> tuple[Task, Flow]:
        """Return the task of the children whose outcome was seen, and the flow with who was not."""
        mask = self._mask(outcome)
        key = hashlib.sha256(np.packbits(mask).tobytes()).digest()
        if key not in self._by_mask:
            whole = Task(self._cohort, (), analysis_of(self._study), drawn=self._drawn)
            self._by_mask[key] = whole if mask.all() else part_of(whole, mask)
        found = replace(self._by_mask[key], terms=self.terms(outcome))
        return found, self.counted(outcome, flow)

    def terms(self, outcome: str) -> tuple[Term, ...]:
        """Return the terms asked of an outcome."""
        return groups.asked(self._study, self._cohort, outcome)

    def counted(self, outcome: str, flow: Flow) -> Flow:
        """Return the flow with who left since the outcome was not seen of them."""
        missing = int(np.count_nonzero(~self._mask(outcome)))
        if not missing:
            return flow
        return flow.then(f"{outcome} was not recorded", missing, outcome=outcome)

    def only(self, outcomes: Sequence[str]) -> None:
        """Let go of the tasks, and their fits, that none of these outcomes shares."""
        masks = (np.packbits(self._mask(name)).tobytes() for name in outcomes)
        wanted = {hashlib.sha256(mask).digest() for mask in masks}
        self._by_mask = {key: one for key, one in self._by_mask.items() if key in wanted}

    def _mask(self, outcome: str) -> NDArray[np.bool_]:
        """Return (n,) whose outcome is looked at: of whom it was seen, or everybody."""
        seen = self._cohort.outcomes[outcome].observed
        whole = np.ones(self._cohort.n, dtype=bool)
        modelled = self._study.models.censoring is not None or self._cohort.course is not None
        modelled = modelled or bool(self._study.arms.outside)  # trials that ended before
        return whole if seen is None or modelled else seen


def seen_of(task: Task, scope: str) -> Cohort:
    """Return the children whose outcome was seen, of whom an analysis of one outcome speaks; for an
    analysis of the whole study, all.
    """
    cohort, name = task.cohort, task.terms[0].outcome
    observed = cohort.outcomes[name].observed
    if scope != "outcome" or observed is None:
        return cohort
    found = cohort.take(np.flatnonzero(observed))
    own = replace(found.outcomes[name], observed=None)
    return replace(found, outcomes={**found.outcomes, name: own})


def scope(spec: SensitivitySpec) -> str:
    """Return whether an analysis is of each outcome, or of the whole study."""
    return leaves.load("sensitivity", spec.leaf, kind=Sensitivity).scope


def unseen_by_arm(cohort: Cohort) -> dict[str, dict[str, int]]:
    """Return, for each outcome, how many children of each arm had none."""
    found = {}
    for name, outcome in cohort.outcomes.items():
        if outcome.observed is not None:
            counts = np.bincount(cohort.arm[~outcome.observed], minlength=len(cohort.arms))
            found[name] = dict(zip(cohort.arms, (int(count) for count in counts), strict=True))
    return found


def _sensitive(
    study: Study,
    spec: SensitivitySpec,
    *,
    task: Task,
    answers: tuple[Answer, ...],
    unseen: Unseen,
    say: Say,
    copies: tuple[Cohort, ...] = (),
) -> Answer:
    leaf = leaves.load("sensitivity", spec.leaf, kind=Sensitivity)
    about = task.terms[0].outcome if leaf.scope == "outcome" else "all outcomes"
    say(f"{about}: {spec.leaf}")
    if about in {spec.option(name) for name in leaf.alone}:
        itself = Unanswerable(f"{spec.leaf}: {about} is the outcome itself, and no control of it.")
        return unanswered(spec.leaf, task.terms, fault=itself)

    def refit(
        cohort: Cohort,
        given: tuple[str, ...],
        terms: tuple[Term, ...] | None,
        leaves: tuple[str, ...] | None = None,
    ) -> tuple[Answer, ...]:
        own = task.terms if terms is None else terms
        again = Task(cohort, own, analysis_of(study, given), drawn=task.drawn)
        found = answer_outcome(study, again, say, with_tables=False, only=leaves)
        refused = (Answer("guard", refusals=found.refusals),) if found.refusals else ()
        return (*found.answers, *refused)

    def given_to(cohort: Cohort) -> Cohort:
        one = replace(task, cohort=cohort)
        return seen_of(chances.weighed(one) if leaf.chances else one, leaf.scope)

    told = SensitivityTask(
        study,
        given_to(task.cohort),
        answers,
        refit,
        dict(spec.options),
        study.level,
        unseen,
        tuple(given_to(each) for each in copies),
    )
    try:
        return leaf.run(told)
    except (NotFitted, Unanswerable) as fault:
        return unanswered(spec.leaf, task.terms, fault=fault)
