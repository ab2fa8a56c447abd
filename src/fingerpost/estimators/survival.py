"""Time to an event: risk, survival and mean time free of the event, by a horizon.

For an outcome that is a time: until a first exclusion, say, or a first plan. Some children are seen
until the event; others leave before it (they move away, or the records end), and of those only
that it had not yet come is known. The answer is what the arms would have come to by the horizon
that the study names: the risk of the event (`summary: risk`), its complement (`survival`), or the
mean time free of it up to the horizon (`rmst`), as a difference or a ratio. It is never a hazard
ratio, which changes with the length of follow-up and with who is left, even if provision was drawn
by lot.

It answers for the same children as `ipw`. It misleads where those who leave differ from those who
stay in ways that are not recorded; where children come under observation late because the event
had not yet come to them for reasons that also decide who leaves; and near a horizon that few
children reach. A child who dies or emigrates, and so can no longer have the event, is taken to
leave: the answer is then what would be if nobody did.

**How it is computed.** `by: weighting`: each child is weighted as in `ipw`, and the weighted curve
of Kaplan and Meier of each arm is read at the horizon. At one time, events come before leavings;
children who come under observation late count from then on. Without `models: {censoring: …}`,
leaving is taken to tell nothing of the event within weighted arms. With it, the hazard of leaving
is modelled within each arm by a logit on the declared terms and on time, and each child who stays
counts the more, by the inverse of its chance of having stayed so far. Time is cut at the times when
children leave: at each of them where there are 40 or fewer, else into 40 intervals (`intervals`);
what an interval adds to the weights is added half-way through it. `by: g_formula`: the hazard of
the event is modelled by such a logit on the outcome model's terms and on time, by arm or pooled as
the study says, and the risks that it predicts are averaged over the target. It needs no model of
leaving.

Models of leaving and of the hazard are fitted up to the latest horizon asked that can be answered.
A horizon that an arm's children are not followed to is refused for itself; others are answered.
Standard errors hold every estimated model. Children whose time was not recorded at all are left
out of the curves. With a model of leaving the guard rails also judge the weights with which
children count at their event or the horizon: few children who stayed may stand for many who left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import Unanswerable
from fingerpost.core.estimand import Target, Term
from fingerpost.core.fit import Fit
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import Study
from fingerpost.estimators._answer import Uncertain, estimate, spelt_out
from fingerpost.estimators._assumptions import CAUSAL, STANDARD_TARGETS
from fingerpost.estimators._survival import (
    PATHS,
    SUMMARIES,
    Follow,
    ask_of,
    follow,
    options_of,
)
from fingerpost.estimators._survival_paths import Columns, columns, own_weights
from fingerpost.estimators._survival_table import curve_table
from fingerpost.kernels.weighted_survival import Ask

Array = NDArray[np.float64]
NAME = "survival"
Found = Mapping[tuple[Target, int], tuple[tuple[Ask, ...], Columns]]


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    options_of(options)


def run(task: Task) -> Answer:
    """Return contrasts of what each arm comes to by the horizon; some may be refused."""
    found, why = follow(task)
    told = tuple(term for term in task.terms if term not in why)
    refusals = _refusals(why)
    if not told:
        return Answer(NAME, refusals=refusals)
    own = replace(task, terms=told)
    means = _means(own, found)
    combined = [_combine(own, term, means) for term in told]
    uncertain = Uncertain(
        np.array([value for value, _ in combined]),
        np.stack([influence for _, influence in combined], axis=1),
        weighted=found.by == PATHS[0],
    )
    weights = {term: own_weights(own, found, term) for term in told}
    return Answer(
        NAME,
        estimate=estimate(own, uncertain),
        refusals=refusals,
        tables=(curve_table(own, found, NAME),),
        fit=Fit({term: one for term, one in weights.items() if one is not None}),
    )


def _refusals(why: Mapping[Term, str]) -> tuple[Refusal, ...]:
    """Return one refusal a reason, of this leaf alone."""
    nan = float("nan")
    return tuple(
        Refusal(
            tuple(term for term, own in why.items() if own == words),
            (Broken("no answer", "this leaf can answer", nan, nan, words),),
            "",
            leaf=NAME,
        )
        for words in dict.fromkeys(why.values())
    )


def _means(task: Task, found: Follow) -> Found:
    """Return what the terms ask of each arm in each target, all horizons and summaries at once."""
    wanted: dict[tuple[Target, int], tuple[Term, dict[Ask, None]]] = {}
    for term in task.terms:
        for name, _ in term.contrast:
            key = (spelt_out(term), task.cohort.arms.index(name))
            wanted.setdefault(key, (term, {}))[1][ask_of(term)] = None
    return {
        key: (tuple(asks), columns(task, found, term, key[1], tuple(asks)))
        for key, (term, asks) in wanted.items()
    }


def _combine(task: Task, term: Term, means: Found) -> tuple[float, Array]:
    """Return a contrast and its influence (n,): a sum, or of logarithms on the ratio scale."""
    value, influence = 0.0, np.zeros(task.cohort.n)
    for name, weight in term.contrast:
        asks, found = means[spelt_out(term), task.cohort.arms.index(name)]
        place = asks.index(ask_of(term))
        one, own = float(found.value[place]), found.influence[:, place]
        if term.scale == "ratio":
            if one <= 0:
                raise Unanswerable(
                    f"ratio: the {term.summary} of arm {name} is not above zero, so a ratio has no "
                    "meaning. Mend: estimand: {scale: difference}."
                )
            one, own = float(np.log(one)), own / one
        value += weight * one
        influence += weight * own
    return value, influence


LEAVING = Assumption(
    "independent leaving",
    "children who left before the event are like those of their arm who stayed, given the terms of "
    "models.censoring (or of the outcome model, by g-formula)",
)
ENTRY = Assumption(
    "independent entry",
    "children who came under observation late are like those of their arm who were under "
    "observation then already",
)
WORKING_MODEL = Assumption(
    "working model",
    "the model of who receives which arm has the right form (by g-formula, instead, the model of "
    "the hazard of the event)",
    diagnostic="model_form",
)

SURVIVAL = Estimator(
    title="Time to an event",
    summary="Compares risks, survival or mean times free of the event by a horizon.",
    reference="Robins & Finkelstein (2000), Biometrics 56:779-788; Cole & Hernán (2004), Computer "
    "Methods and Programs in Biomedicine 75:45-49; Hernán (2010), Epidemiology 21:13-15",
    targets=STANDARD_TARGETS,
    scales=("difference", "ratio"),
    outcomes=("time",),
    summaries=SUMMARIES,
    assumes=(*CAUSAL, WORKING_MODEL, LEAVING, ENTRY),
    run=run,
    options=(
        ("by", "weighting (the default) or g_formula: weighted curves, or modelled hazards"),
        ("intervals", "the most intervals of a model of hazards, 1 to 200; 40 where not said"),
    ),
    check=check,
    guard="own",
)
