"""Children of each arm weighted to stand for a target, those without the outcome among them.

Bounds need the children whose outcome was not seen, whom the answers leave out. The score is fitted
again on all of them, with the terms of the study's exposure model, and tilted to the target.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.cohort import Codes, Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, Unanswerable, UsageError, listed, nearest
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.inference import pool, standard_errors
from fingerpost.core.model import linear
from fingerpost.core.outcome import Outcome
from fingerpost.core.refusal import Refusal
from fingerpost.core.region import Region
from fingerpost.core.table import Cell
from fingerpost.kernels.bounded import interval
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.design import Terms
from fingerpost.kernels.glm import GlmFit, fit_multinomial, probabilities
from fingerpost.kernels.standing import Standing
from fingerpost.kernels.tilting import Tilt
from fingerpost.sensitivity._answers import Line, primary_lines, two_arms
from fingerpost.sensitivity._task import SensitivityTask, answer_terms

Array = NDArray[np.float64]
Pair = tuple[float, float]
FEW_CLUSTERS, TOO_FEW_CLUSTERS = 50, 10
ROWS = "(rows)"
UNKNOWN = "we cannot tell"


@dataclass(frozen=True, eq=False, slots=True)
class Score:
    """P(arm = a | covariates) (n, k) of all children, and the fit behind it."""

    probability: Array
    design: Terms
    fit: GlmFit
    residual: Array


def fitted_score(task: SensitivityTask) -> Score:
    """Return the score of all children. Raises NotFitted where covariates tell the arm."""
    cohort, models = task.cohort, task.study.models
    terms = linear(task.study.given) if models.exposure is None else models.exposure
    # A design without terms takes its number of rows from some column.
    rows = Column(np.zeros(cohort.n))
    design = Terms({**cohort.covariates, ROWS: rows}, terms)
    fit = fit_multinomial(
        design, cohort.arm, levels=cohort.arms, weights=cohort.weight, firth=models.firth
    )
    if fit.separated or not fit.converged:
        raise NotFitted(
            "bounds: with the children whose outcome was not seen, some covariate tells the arm "
            "for certain. Mend: leave it out of `given`, merge its rare levels, or set models: "
            "{firth: true}."
        )
    probability = probabilities(design, fit)
    residual = (cohort.arm[:, None] == np.arange(1, len(cohort.arms))) - probability[:, 1:]
    if cohort.weight is not None:
        residual = residual * cohort.weight[:, None]
    return Score(probability, design, fit, residual)


def standing(cohort: Cohort, score: Score, term: Term) -> Standing:
    """Return the weights by which children of each arm stand for a term's target."""
    kind, arm = term.target.kind, term.target.arm
    if kind in ("att", "atu"):
        kind, arm = "received", term.contrast[0 if kind == "att" else -1][0]
    received = None if arm is None else cohort.arms.index(arm)
    weight = np.ones(cohort.n) if cohort.weight is None else np.asarray(cohort.weight, dtype=float)
    tilt = Tilt(score.probability, cohort.arm, kind, received)
    return Standing(cohort.arm, weight, tilt, score.design, score.fit, score.residual)


def seen_of(cohort: Cohort, outcome: str) -> NDArray[np.bool_]:
    """Return (n,) whose outcome the records hold; what was imputed was not seen."""
    own = cohort.outcomes[outcome]
    seen = np.ones(cohort.n, dtype=bool) if own.observed is None else own.observed.copy()
    return seen & ~cohort.imputed[outcome] if outcome in cohort.imputed else seen


def values_of(cohort: Cohort, outcome: str, seen: NDArray[np.bool_]) -> Array:
    """Return (n,) values of an outcome, 0 where it was not seen."""
    return np.where(seen, cohort.outcomes[outcome].value, 0.0)


@dataclass(frozen=True, slots=True)
class Question:
    """One question that is bounded, or why it is not."""

    term: Term
    arms: tuple[str, str]
    why: str = ""

    @property
    def words(self) -> tuple[Cell, Cell, Cell]:
        """Outcome, contrast and target, as tables show them."""
        return self.term.outcome, self.term.words(), self.term.label()

    @property
    def ratio(self) -> bool:
        """Whether a ratio is asked for."""
        return self.term.scale == "ratio"


def questions(
    task: SensitivityTask, leaf: str, wanted: Iterable[str] = (), *, over_time: str = ""
) -> list[Question]:
    """Return the answered questions whose outcome was not seen for all, each once.

    wanted: names of outcomes, where not all are asked of. over_time: why nothing is bounded where
    strategies are sustained over time; empty where it is. Raises Unanswerable where there are none.
    """
    names = set(wanted)
    found: dict[Term, Question] = {}
    for line in primary_lines(task):
        name = line.term.outcome
        if (names and name not in names) or seen_of(task.cohort, name).all():
            continue
        found.setdefault(line.term, question(task.cohort, line, over_time))
    if not found:
        raise Unanswerable(
            f"{leaf}: every outcome that was answered of was seen for all children studied, so "
            "nothing has to be bounded. Mend: leave the analysis out."
        )
    return list(found.values())


def question(cohort: Cohort, line: Line, over_time: str) -> Question:
    """Return one question, with why it is not bounded where it is not. over_time: why it is not
    under strategies sustained over time.
    """
    term = line.term
    own = cohort.outcomes[term.outcome]
    arms = two_arms(term)
    why = ""
    if cohort.course is not None and over_time:
        why = over_time
    elif own.kind == "time" or own.exposure is not None:
        why = f"not bounded: a {term.summary} of follow-up"
    elif not term.target.tilted or term.target.trim is not None:
        why = "not bounded: the score makes no such target of all children"
    elif term.subgroup is not None:
        why = "not bounded: a subgroup; bounds are of all children studied"
    elif arms is None or term.scale not in ("difference", "ratio"):
        why = "not bounded: not a contrast of two arms"
    return Question(term, arms or ("", ""), why)


@dataclass(frozen=True, eq=False, slots=True)
class Errors:
    """How influence becomes an interval: by cluster, with t where clusters are few, and with none
    where they are too few.
    """

    codes: Codes
    count: int
    factor: float
    level: float
    by: str

    def of(self, influence: Array) -> float:
        """Return the standard error of what has this influence (n,)."""
        sums = sum_by(self.codes, influence, n_groups=self.count)
        return float(np.sqrt(self.factor * (sums @ sums)))

    def limits(
        self, lower: float, upper: float, errors: Pair, *, most: float = math.inf
    ) -> Pair | None:
        """Return the interval for what lies between two bounds; None where none is justified. most:
        degrees of freedom that the bounds have at most.
        """
        if self.count < TOO_FEW_CLUSTERS:
            return None
        df = self.count - 1.0 if self.count < FEW_CLUSTERS else math.inf
        return interval(lower, upper, errors=errors, level=self.level, df=min(df, most))


def errors_of(task: SensitivityTask) -> Errors:
    """Return how a task's influence becomes intervals."""
    level = task.study.cluster
    codes, units = recode(task.cohort.cluster_codes(level))
    factor = 1.0 if level is None else len(units) / max(len(units) - 1, 1)
    return Errors(codes, len(units), factor, task.level, level or "child")


def verdict(lower: float, upper: float, limits: Pair | None, *, none: float) -> str:
    """Return what bounds and their interval say of whether there is an effect. none: no effect.

    >>> verdict(0.2, 0.6, (-0.1, 0.9), none=0.0)
    'we cannot tell: the interval holds no effect'
    """
    if lower <= none <= upper:
        return f"{UNKNOWN}: the bounds hold no effect"
    if limits is None:
        return f"{UNKNOWN}: no interval is justified"
    if limits[0] <= none <= limits[1]:
        return f"{UNKNOWN}: the interval holds no effect"
    return "above no effect" if lower > none else "below no effect"


@dataclass(frozen=True, slots=True)
class Shown:
    """Bounds as results show them: ratios, not their logarithms."""

    term: Term
    ends: Pair
    limits: Pair | None
    level: float

    @property
    def cells(self) -> tuple[float | None, ...]:
        """Lower and upper bound, lower and upper limit."""
        return (*self.ends, *(self.limits or (None, None)))

    @property
    def verdict(self) -> str:
        """What they say of whether there is an effect."""
        return verdict(*self.ends, self.limits, none=1.0 if self.term.scale == "ratio" else 0.0)

    def region(self, method: str) -> Region | None:
        """Return the interval as a region; None where there is none."""
        if self.limits is None:
            return None
        return Region(self.term, (self.limits,), self.level, method)


@dataclass(frozen=True, slots=True)
class Found:
    """What one copy of the children gives for one line: two bounds and their errors, on the scale
    of estimates, or why it is not bounded. shares: shown beside them. most: degrees of freedom.
    """

    shares: tuple[float, ...]
    ends: Pair | None = None
    errors: Pair = (math.nan, math.nan)
    why: str = ""
    most: float = math.inf


def pooled(one: Question, copies: Sequence[Found], how: Errors) -> Found:
    """Return what imputed copies give together: each bound and its error by Rubin's rules, with the
    fewer of the two bounds' degrees of freedom (Barnard & Rubin 1999); one copy as it is.

    What one copy does not bound is not bounded, and why says in how many.
    """
    shares = tuple(np.mean([copy.shares for copy in copies], axis=0).tolist())
    without = [copy for copy in copies if copy.ends is None]
    if without:
        many = f" (in {len(without)} of {len(copies)} imputed copies)"
        why = without[0].why + many * (len(without) < len(copies))
        return replace(without[0], shares=shares, why=why)
    if len(copies) == 1:
        return copies[0]
    estimates = [
        Estimate((one.term,) * 2, np.array(copy.ends), Matrix(np.diag(np.square(copy.errors))))
        for copy in copies
    ]
    found = pool(estimates, how.count - 1.0, level=how.level)
    errors = standard_errors(found)
    assert errors is not None
    assert found.df is not None
    ends = (float(found.value[0]), float(found.value[1]))
    most = float(found.df.min())
    return Found(shares, ends, (float(errors[0]), float(errors[1])), most=most)


def copies_of(task: SensitivityTask) -> Iterator[SensitivityTask]:
    """Yield the task on each imputed copy of its children, or as it is where none was imputed."""
    for cohort in task.copies or (task.cohort,):
        yield replace(task, cohort=cohort)


def bounded_row(one: Question, found: Found, how: Errors) -> Shown:
    """Return bounds with their interval."""
    assert found.ends is not None
    limits = how.limits(*found.ends, found.errors, most=found.most)

    def shown(pair: Pair) -> Pair:
        return (math.exp(pair[0]), math.exp(pair[1])) if one.ratio else pair

    return Shown(one.term, shown(found.ends), None if limits is None else shown(limits), how.level)


def over_words(task: SensitivityTask) -> str:
    """Return how copies were taken together; empty where none was imputed."""
    if not task.copies:
        return ""
    return (
        f" Over {len(task.copies)} imputed copies: each bound and its error are pooled by Rubin's "
        "rules. Imputed outcomes count as not seen."
    )


def seen_in(cohort: Cohort, term: Term) -> int:
    """Return the number of children whose outcome was seen in the smaller arm of a contrast."""
    seen = seen_of(cohort, term.outcome)
    counts = np.bincount(cohort.arm[seen], minlength=len(cohort.arms))
    return int(min(counts[cohort.arms.index(arm)] for arm, _ in term.contrast))


def choices(value: object, known: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Return one or more words out of those known, in their order."""
    found = (value,) if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not found or not set(found) <= set(known):
        wrong = (
            [one for one in found if one not in known] if isinstance(found, list | tuple) else []
        )
        near = nearest(wrong[0], known) if wrong and isinstance(wrong[0], str) else ""
        raise UsageError(f"sensitivity: {where} must be one or more of {listed(known)}.{near}")
    return tuple(name for name in known if name in found)


def outcome_names(value: object, known: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Return the option `outcomes`: names of outcomes of the study."""
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
        raise UsageError(f"sensitivity: {where} must be a name or a list of names of outcomes.")
    wrong = [name for name in names if name not in known]
    if wrong:
        raise UsageError(
            [
                f'sensitivity: {where}: "{name}" is not an outcome of this study.'
                f"{nearest(name, known)} The outcomes are: {listed(known)}."
                for name in wrong
            ]
        )
    return tuple(names)


def refused(task: SensitivityTask, asked: list[Question]) -> dict[Term, Refusal]:
    """Return the guard rails' refusals of the asked terms with all children studied.

    Those whose outcome was not seen count here: whether it was seen is asked of in the outcome's
    place, so that the guard rails judge the weights as they do any answer's. What any imputed copy
    refuses is refused, as its first such copy has it.
    """
    found: dict[Term, Refusal] = {}
    if task.cohort.course is not None:
        return found  # each bound is an answer of its own there, which the guard rails judge
    for copy in copies_of(task):
        found = _refused(copy, asked) | found
    return found


def _refused(task: SensitivityTask, asked: list[Question]) -> dict[Term, Refusal]:
    found: dict[Term, Refusal] = {}
    for name in dict.fromkeys(one.term.outcome for one in asked if not one.why):
        # Not as a yes or no: an arm in which all were seen holds no event, and is no less told of.
        seen = Outcome("continuous", seen_of(task.cohort, name).astype(float))
        cohort = replace(task.cohort, outcomes={name: seen})
        own = {
            replace(one.term, summary="mean", scale="difference"): one.term
            for one in asked
            if one.term.outcome == name and not one.why
        }
        leaves = leaf_of(task, name)
        for answer in task.refit(cohort, task.study.given, tuple(own), leaves):
            for refusal in answer.refusals if answer.leaf == "guard" else ():
                for term in (own[term] for term in refusal.terms if term in own):
                    found[term] = replace(refusal, terms=(term,))
    return found


def leaf_of(task: SensitivityTask, outcome: str) -> tuple[str, ...]:
    """Return one estimator that answered of an outcome: the guard rails need no more."""
    for answer in task.answers:
        if any(term.outcome == outcome and term.target.tilted for term in answer_terms(answer)):
            return (answer.leaf,)
    return ()
