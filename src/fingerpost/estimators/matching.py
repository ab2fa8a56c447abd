"""Matching on the score.

Each child of one arm is put beside the child of the other arm whose score, the probability of the
arm given the covariates, is nearest, and the two outcomes are compared. The answer is for the
children who sought a match: those who received the first arm (target att), those who received the
second (atu), or, with replacement, all children (ate). It is the comparison that is easiest to
explain. It misleads where few children are near: then the nearest is not near, and the match table
and the balance of the matched children show it. A child may be the match of several. Taking each
child once (`replace: false`), as much matching software does unless told otherwise, needs many more
children in the arm that is drawn from than in the other: with nearly as many in both, nearly
everyone is taken, near or not, and little is adjusted for.

**How it is computed.** The score is that of all arms together; of two arms a and b it is
e_a/(e_a + e_b), and for all children each arm's own e. Without replacement children choose in
turn, the highest score first, each the nearest that is left, of two at equal distance the one
below; everyone has a first match before anyone a second. With replacement everyone takes the
nearest, and all at the same distance count alike. Children with equal scores come in the order of
the records, so that the order of rows changes nothing.

The standard error without replacement sums by pair and by the study's clusters and takes off what
both count; the matching is taken as given. With replacement it is that of Abadie and Imbens, with
the estimation of the score, summed by cluster. Survey weights: without replacement a child of
weight 2 seeks, and can give, what two children would; with replacement it weighs twice in every
mean, and `ratio` counts children. A ratio of matched means is on the logarithmic scale; rates
divide matched events by matched time at risk.

**What it assumes.** Nothing unrecorded decides both provision and outcome; the score's model has
the right form; and matches are near enough that what is left of the difference does not matter,
unless `bias_adjust` takes it off.

**Options.** `ratio`: matches for each child, 1 unless given; no more than an arm has children.
`replace`: false takes each child once, in pairs; true unless given. `caliper`: the largest
distance, in standard deviations of the score among the children of the two arms (of the logit with
distance: linear); the answer is then for the children for whom a match was found. `exact`: columns
on which matches must be the same. `distance`: score, or linear for its logit. `order`: who chooses
first, largest or smallest score. `side`: both, or below: take the next below whenever there is one.
(The R package MatchIt did that by a slip in versions 4.5.1 to 4.5.3, and numbers printed from them
come out only so.) `bias_adjust`: true takes off what the outcome model says of the difference in
covariates within matches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate
from fingerpost.core.fit import Fit, MatchedSets, Weights
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import means_table, spelt_out
from fingerpost.estimators._assumptions import CAUSAL, KINDS, SCORE_MODEL
from fingerpost.estimators._matched import (
    Effect,
    Part,
    estimate,
    mean_once,
    mean_reused,
    observed_mean,
    pair_codes,
)
from fingerpost.estimators._matching import (
    Search,
    Wish,
    beyond_arm,
    donors_of,
    focal_arm,
    matched_sets,
    search,
    wish,
)
from fingerpost.estimators._standardise import Mean
from fingerpost.estimators._sums import Sums

Array = NDArray[np.float64]


def run(task: Task) -> Answer:
    """Return contrasts of matched means, with the weights and the sets they rest on."""
    asked = wish(task.analysis.options)
    found = [_answer(task, asked, term) for term in task.terms]
    weights = {
        term: Weights(
            {task.cohort.arms[arm]: own for arm, own in one.effect.weights.items()},
            one.searches[0].member,
        )
        for term, one in zip(task.terms, found, strict=True)
    }
    sets = {
        term: one.sets for term, one in zip(task.terms, found, strict=True) if one.sets is not None
    }
    return Answer(
        "matching",
        estimate=_counted(estimate(task, [one.effect for one in found]), task, found),
        tables=(_means(task, found), _matches(task, found)),
        fit=Fit(weights, sets),
    )


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    wish(options)


def check_cohort(task: Task) -> None:
    """Raise UsageError where more matches are asked for than an arm has children."""
    asked = wish(task.analysis.options)
    found = [beyond_arm(task, asked, donor) for donor in sorted(donors_of(task, asked))]
    faults = [f"estimators: matching: {words}" for words in found if words]
    if faults:
        raise UsageError(faults)


def _counted(whole: Estimate, task: Task, found: list[Found]) -> Estimate:
    """Return the estimate with the numbers of children who count: those without a match, and those
    whom nobody was matched with, have no weight and are not among them.
    """
    k = len(task.cohort.arms)
    arm_n = np.zeros((len(found), k), dtype=np.int64)
    for at, one in enumerate(found):
        for part in one.parts:
            arm_n[at, part.arm] = np.count_nonzero(part.weight)
    return replace(whole, n=arm_n.sum(axis=1), arm_n=arm_n)


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """What one term rests on: its effect, its two parts, its searches, its sets where there are."""

    term: Term
    effect: Effect
    parts: tuple[Part, Part]
    searches: tuple[Search, ...]
    sets: MatchedSets | None


def _answer(task: Task, asked: Wish, term: Term) -> Found:
    """Return one term's contrast of means."""
    focal = focal_arm(term, asked)
    arms = [task.cohort.arms.index(name) for name, _ in term.contrast]
    if focal is None:
        searches = tuple(search(task, asked, donor=arm, focal=None) for arm in arms)
        parts = [
            _reused(task, asked, term, found, donor=arm)
            for arm, found in zip(arms, searches, strict=True)
        ]
    else:
        mine = task.cohort.arms.index(focal)
        donor = next(arm for arm in arms if arm != mine)
        found = search(task, asked, donor=donor, focal=mine)
        searches = (found,)
        other = _reused(task, asked, term, found, donor=donor, focal=mine)
        parts = sorted(
            (observed_mean(task, mine, found.member), other),
            key=lambda part: arms.index(part.arm),
        )
    pairs = None if searches[0].pairs is None else pair_codes(task, searches[0])
    value, influence = _contrast(task, term, parts)
    weights = {part.arm: part.weight for part in parts}
    sets = matched_sets(task, term, searches[0])
    effect = Effect(value, influence, weights, pairs)
    return Found(term, effect, (parts[0], parts[1]), searches, sets)


def _reused(
    task: Task, asked: Wish, term: Term, found: Search, *, donor: int, focal: int | None = None
) -> Part:
    """Return the mean of matches; with a caliper who is matched is taken as given."""
    if not asked.replace:
        return mean_once(task, donor, found, adjusted=asked.adjusted)
    known = term.target.kind == "matched"
    return mean_reused(
        task, donor, found, focal=focal, adjusted=asked.adjusted, estimated=not known
    )


def _contrast(task: Task, term: Term, parts: list[Part]) -> tuple[float, Array]:
    """Return the contrast of the parts, of their logarithms on the ratio scale."""
    value, influence = 0.0, np.zeros(task.cohort.n)
    for (name, weight), part in zip(term.contrast, parts, strict=True):
        one, slope = part.mean.value, 1.0
        if term.scale == "ratio":
            if not one > 0:
                raise Unanswerable(
                    f"ratio: the mean of arm {name} is not above zero, so a ratio has no meaning. "
                    "Mend: estimand: {scale: difference}."
                )
            one, slope = float(np.log(one)), 1 / one
        value += weight * one
        influence = influence + weight * slope * part.mean.influence
    return value, influence


def _means(task: Task, found: list[Found]) -> Table:
    """Return the matched means by target and arm."""
    sums = Sums.by(task.cohort, task.analysis.cluster)
    parts = {
        (spelt_out(one.term).label(), part.arm): (
            Mean(part.mean.value, sums.of(part.mean.influence)),
            int(np.count_nonzero(part.weight)),
        )
        for one in found
        for part in one.parts
    }
    return means_table(task, "matching", ((*key, *told) for key, told in parts.items()), sums)


def _matches(task: Task, found: list[Found]) -> Table:
    """Return how many children were matched with how many, and how near they are."""
    rows: list[tuple[Cell, ...]] = []
    counts: list[int | None] = []
    for one in found:
        sought = sum(each.matched for each in one.searches)
        lacking = sum(each.lacking for each in one.searches)
        drawn = [int(np.count_nonzero(part.weight)) for part in one.parts]
        away = sum(each.away * each.matched for each in one.searches) / max(sought, 1)
        words = (one.term.words(), one.term.target.label())
        rows.append((*words, sought, lacking, *drawn, away))
        counts.append(min(drawn))
    return Table(
        "matches",
        "Who was matched",
        ("contrast", "target", "matched", "without_match", "first_arm", "second_arm", "distance"),
        ("label", "label", "count", "count", "count", "count", "number"),
        tuple(rows),
        tells=Tells(role="matches", units=(("distance", "distance between matched children"),)),
        counts=tuple(counts),
        tags=(("outcome", task.terms[0].outcome),),
        context=(
            "Children who sought a match and found one, or none; children of each arm who count; "
            "the mean distance between matches, in standard deviations of the score."
        ),
    )


NEAR = Assumption(
    "near matches",
    "matched children are near enough on the score that what is left of the difference between "
    "them does not matter",
    diagnostic="own_balance",
)
MATCHING = Estimator(
    title="Matching on the score",
    summary="Compares each child with the nearest of the other arm on the score.",
    reference="Rosenbaum & Rubin (1983), Biometrika 70:41-55; Abadie & Imbens (2006), Econometrica "
    "74:235-267, (2011), JBES 29:1-11, (2016), Econometrica 84:781-807; Ho, Imai, King & Stuart "
    "(2011), Journal of Statistical Software 42(8)",
    targets=("att", "atu", "ate"),
    scales=("difference", "ratio"),
    outcomes=KINDS,
    assumes=(*CAUSAL, SCORE_MODEL, NEAR),
    run=run,
    trimmed=False,
    levels="pairwise",
    spread="influence with the score estimated (with replacement); by pair and cluster (without)",
    guard="own",
    instead=(("caliper", ("matched",)),),
    unless=(("ate", "replace"),),
    options=(
        ("ratio", "matches for each child; 1 unless given"),
        ("replace", "false: each child is taken once; true unless given"),
        ("caliper", "the largest distance, in standard deviations of the score"),
        ("exact", "columns on which matches must be the same"),
        ("distance", "score, or linear for its logit"),
        ("order", "who chooses first: largest or smallest score"),
        ("side", "both, or below: take the next below whenever there is one"),
        ("bias_adjust", "true: take off what the outcome model says of what is left"),
    ),
    columns=("exact",),
    keys_too=("exact",),
    check=check,
    check_cohort=check_cohort,
)
