"""Who benefits: the doubly robust learner, and what it can be held to.

The question is not what provision does on average but for whom it does more. From what a learner
says of provision and outcome every child gets a noisy measure of its own effect, right on average
among children alike; a second learner then tells how that effect varies with all covariates. The
answer beside these is the effect for all children, as `double_ml` gives it.

For whom: trials and comparisons of a thousand children or more, after the few subgroups that were
named beforehand. It misleads where it is read child by child: what it predicts of one child is
mostly noise, and no prediction of a child is ever shown. It says so where it cannot tell: read
`benefit_rate` first, and if its interval holds nought read nothing else.

How: scores by cross-fitting (Kennedy 2023), whole clusters in one fold. Predictions of a fold are
learnt from the folds before it, the first two only learnt from. On the held-out folds: the
targeting curve and its area (Yadlowsky et al. 2025), calibration and sorted groups (Chernozhukov,
Demirer, Duflo & Fernández-Val 2025), rules of one and two questions by exact search with what they
are worth (Athey & Wager 2021). On all children: the best linear projection of the effect
(Semenova & Chernozhukov 2021). Errors are by cluster, and take what was learnt as known.

Options: those of `double_ml` (`learner`, `exposure_learner`, `outcome_learner`, `folds`);
`effect_learner`: of how the effect varies; `groups`: of children by predicted benefit; `project`:
covariates of the linear projection; `rule`: covariates by which a rule may decide: none, and so no
rule, unless named, since a rule by what the law protects is not lawful because it predicts well;
`depth`: questions of a rule; `cost`: the benefit, in the outcome's unit, that an offer must bring
to be worth it. Rules need the outcome to say which way is `better`.

Assumes what `double_ml` does: that children of different arms who are alike on the covariates would
have done alike, that every child could have received any arm compared, and that the product of the
two learners' errors is small beside the standard error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.estimand import Term
from fingerpost.core.fit import Fit
from fingerpost.core.leaves import Estimator
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.estimators._answer import answer_from_means
from fingerpost.estimators._assumptions import CAUSAL, KINDS
from fingerpost.estimators._benefit import Scores, held_out_predictions, scores_of, too_few
from fingerpost.estimators._benefit_projection import projection_table
from fingerpost.estimators._benefit_ranking import ranked_tables, ranking
from fingerpost.estimators._benefit_rules import questions_of, rule_tables
from fingerpost.estimators._cross_fit import folds_of, nuisances
from fingerpost.estimators._debiased import (
    SMALL_ERRORS,
    child_scores,
    debiased_mean,
    learnt_table,
    learnt_weights,
)
from fingerpost.estimators._learners import (
    Learner,
    OwnModels,
    blame_learners,
    learners_of,
    named_for,
)
from fingerpost.estimators._options import Options

NAME = "dr_learner"
FOLDS, LEAST_FOLDS, MOST_FOLDS = 5, 4, 20
GROUPS, MOST_GROUPS, DEPTH = 5, 10, 2
LEARNERS = ("exposure_learner", "outcome_learner", "effect_learner")
# Effects vary less than outcomes: what is said of them is held back more.
EFFECT_RIDGES = (0.1, 1.0, 10.0, 100.0, 1000.0)
NO_WAY = (
    "the study does not say which way {name} is better (outcomes: {{{name}: {{better: higher}}}}, "
    "or lower): children are ranked by how far upwards the effect goes, and no rule is made"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of the study, checked."""

    folds: int
    groups: int
    depth: int
    cost: float
    project: tuple[str, ...]
    rule: tuple[str, ...]
    exposure: Learner
    outcome: Learner
    effect: Learner


def run(task: Task) -> Answer:
    """Return the effect for all children, and tables of who benefits."""
    plan = plan_of(task.analysis.options)
    folds = folds_of(task, plan.folds, leaf=NAME)
    found = nuisances(task, folds, exposure=plan.exposure, outcome=plan.outcome)
    weights = {term: learnt_weights(task, term, found) for term in task.terms}
    answer = answer_from_means(
        task,
        NAME,
        lambda term, arm: debiased_mean(task, term, arm, learnt=found),
        weighted=True,
        own=lambda term: weights[term].own_arm,
    )
    every = [scores_of(task, term, child_scores(task, term, found), folds) for term in task.terms]
    tables, warnings = benefits(every, plan)
    names = (plan.exposure.name, plan.outcome.name)
    learnt = learnt_table(task, found, leaf=NAME, names=names)
    own = tuple(replace(table, tags=(*table.tags, ("estimator", NAME))) for table in tables)
    return replace(
        answer,
        tables=(*answer.tables, learnt, *own),
        fit=Fit(weights=weights),
        warnings=(*answer.warnings, *warnings),
    )


def benefits(
    every: list[Scores], plan: Plan
) -> tuple[tuple[Table, ...], tuple[tuple[Term, str], ...]]:
    """Return what can be told of who benefits, and why what cannot be is not there."""
    warnings = [(one.term, why) for one in every if (why := too_few(one))]
    tables: list[Table] = []
    task = every[0].task
    held = [one for one in every if not too_few(one)]
    if held:
        rankings = [
            ranking(one, held_out_predictions(one, plan.effect), plan.groups) for one in held
        ]
        tables += ranked_tables(rankings)
    project = plan.project or task.analysis.given
    if project:
        tables.append(projection_table(every, project))
    no_way = NO_WAY.format(name=every[0].term.outcome)
    warnings += [(one.term, no_way) for one in held if not one.sign]
    if plan.rule and held and held[0].sign:
        asked = questions_of({name: task.cohort.covariates[name] for name in plan.rule})
        tables += rule_tables(held, asked, depth=plan.depth, cost=plan.cost)
    return tuple(tables), tuple(warnings)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _read(options).finish()


def check_cohort(task: Task) -> None:
    """Raise UsageError with every learner that cannot be had."""
    plan_of(task.analysis.options)


def plan_of(options: Mapping[str, object]) -> Plan:
    """Return the checked options; raise UsageError with all that are none."""
    reads = _read(options)
    reads.finish()
    learners = learners_of(reads, LEARNERS)
    if named_for(reads, LEARNERS[-1])[1] == "spline":
        learners[-1] = OwnModels(bent=True, ridges=EFFECT_RIDGES)
    return Plan(
        folds=reads.whole("folds", FOLDS, least=LEAST_FOLDS, most=MOST_FOLDS),
        groups=reads.whole("groups", GROUPS, least=2, most=MOST_GROUPS),
        depth=reads.whole("depth", DEPTH, least=1, most=DEPTH),
        cost=reads.number("cost") or 0.0,
        project=reads.names("project"),
        rule=reads.names("rule"),
        exposure=learners[0],
        outcome=learners[1],
        effect=learners[2],
    )


def _read(options: Mapping[str, object]) -> Options:
    """Return the options with the faults that their own words have; nothing is imported."""
    reads = Options(NAME, options)
    reads.whole("folds", FOLDS, least=LEAST_FOLDS, most=MOST_FOLDS)
    reads.whole("groups", GROUPS, least=2, most=MOST_GROUPS)
    reads.whole("depth", DEPTH, least=1, most=DEPTH)
    reads.number("cost")
    reads.names("project")
    reads.names("rule")
    blame_learners(reads, LEARNERS)
    for option in ("depth", "cost"):
        if option in options and "rule" not in options:
            reads.blame(f"{option} is of a rule: name the covariates it may use, rule: […].")
    return reads


DR_LEARNER = Estimator(
    title="Doubly robust learner",
    short="the doubly robust learner",
    summary="Tells how the effect varies between children, and whether that can be told at all.",
    reference="Kennedy (2023), Electronic Journal of Statistics 17:3008-3049; Yadlowsky, Fleming, "
    "Shah, Brunskill & Wager (2025), JASA 120:38-51",
    targets=("ate",),
    scales=("difference",),
    outcomes=KINDS,
    assumes=(*CAUSAL, SMALL_ERRORS),
    run=run,
    spread="influence, cross-fitted learners taken as known",
    guard="own",
    censoring=True,
    options=(
        ("learner", "spline (unless given), linear, or an import path; for all three"),
        ("exposure_learner", "another learner for the arms"),
        ("outcome_learner", "another learner for the outcome"),
        ("effect_learner", "another learner for how the effect varies"),
        ("folds", "number of folds; 5 unless given, 4 at least"),
        ("groups", "groups of children by predicted benefit; 5 unless given"),
        ("project", "covariates of the linear projection; all unless given"),
        ("rule", "covariates by which a rule may decide whom to offer it; no rule unless given"),
        ("depth", "questions of a rule, 1 or 2; 2 unless given"),
        ("cost", "benefit that an offer must bring, in the outcome's unit; 0 unless given"),
    ),
    columns=("project", "rule"),
    covariates=("project", "rule"),
    check=check,
    check_cohort=check_cohort,
)
