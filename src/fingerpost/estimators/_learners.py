"""Learners of nuisances: our own models by fold, or any object that can fit and predict."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.cohort import Codes
from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, TooFew, Unanswerable, UsageError, listed
from fingerpost.core.model import Factor, ModelTerm
from fingerpost.core.seeds import stream
from fingerpost.estimators._models import FAMILIES, exposure_terms, outcome_terms
from fingerpost.estimators._options import Options, written
from fingerpost.estimators._outcome import Array, outcome_of, person_time, survey_weight
from fingerpost.kernels.bends import bends
from fingerpost.kernels.clusters import recode
from fingerpost.kernels.design import Terms
from fingerpost.kernels.held_out import HeldOut, Model, held_out, predict

BUILT_IN = ("linear", "spline")
LEARNER_WORDS = (
    f"{listed(BUILT_IN)}, or an import path such as sklearn.ensemble.HistGradientBoostingRegressor"
)
PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # a child, in standard units
STRAIGHT = 0.1  # of the ridge on bends: the straight part is held back less
MANY = 1000  # children a column beyond which the lightest ridge is taken
SEEDS = 2**31 - 1  # random states of learners lie below


@dataclass(frozen=True, eq=False, slots=True)
class Folds:
    """code: (n,) the fold of each child; count: how many; repeat: which drawing of folds it is;
    leaf: who asks, for words to the user.
    """

    code: Codes
    count: int
    repeat: int
    leaf: str = "double_ml"


class Learner(Protocol):
    """What predicts arms and outcomes of children from children of other folds."""

    @property
    def name(self) -> str:
        """How the study calls it."""

    def probabilities(self, task: Task, folds: Folds) -> Array:
        """Return (n, k) the probability of each arm."""

    def means(self, task: Task, folds: Folds, *, rows: NDArray[np.bool_]) -> Array:
        """Return (n,) the expected outcome (per unit of time) among children like `rows`."""


@dataclass(frozen=True, slots=True)
class OwnModels:
    """Generalised linear models on the study's terms; with `bent`, every measured covariate also
    bends as a natural spline does, under the ridge that predicts best the folds left out.
    """

    bent: bool
    ridges: tuple[float, ...] = RIDGES

    @property
    def name(self) -> str:
        """How the study calls it."""
        return "spline" if self.bent else "linear"

    def probabilities(self, task: Task, folds: Folds) -> Array:
        """Return (n, k) by a multinomial logit."""
        cohort, (design, shape) = task.cohort, self._design(task, exposure_terms(task))
        everyone = np.arange(cohort.n)

        def ask(ridge: float) -> Array:
            found = held_out(
                design,
                cohort.arm,
                model=Model("multinomial", ridge * shape, len(cohort.arms)),
                fold=folds.code,
                folds=folds.count,
                weights=cohort.weight,
            )
            return _settled(found, design, folds)

        def loss(said: Array) -> float:
            own = np.maximum(said[everyone, cohort.arm], 1e-300)
            return -float(survey_weight(task) @ np.log(own))

        return self._best(ask, loss, (folds.leaf, "exposure"), many=_many(task, everyone, design.p))

    def means(self, task: Task, folds: Folds, *, rows: NDArray[np.bool_]) -> Array:
        """Return (n,) by a linear, logit or Poisson model among the rows."""
        design, shape = self._design(task, outcome_terms(task))
        outcome, used = outcome_of(task), np.flatnonzero(rows)
        _enough(folds.code[used], folds, 1 if self.bent else design.p)
        part, y, weight = design.take(used), outcome.value[used], task.cohort.weight
        offset = None if outcome.exposure is None else np.log(outcome.exposure[used])

        def ask(ridge: float) -> Array:
            found = held_out(
                part,
                y,
                model=Model(FAMILIES[outcome.kind], ridge * shape),
                fold=folds.code[used],
                folds=folds.count,
                weights=None if weight is None else weight[used],
                offset=offset,
            )
            return _settled(found, design, folds)

        def loss(said: Array) -> float:
            each = deviance(outcome.kind, y, said[used] * person_time(outcome)[used])
            return float(survey_weight(task)[used] @ each)

        return self._best(ask, loss, (folds.leaf, "outcome"), many=_many(task, used, design.p))

    def _best(
        self,
        ask: Callable[[float], Array],
        loss: Callable[[Array], float],
        said_of: tuple[str, str],
        *,
        many: bool,
    ) -> Array:
        """Return what the best ridge says: the search goes up while the loss falls. said_of: who
        asks, and of which model, for a fault.
        """
        leaf, what = said_of
        best, least, fault = None, np.inf, None
        for ridge in self.ridges[: 1 if many else None] if self.bent else (0.0,):
            try:
                said = ask(ridge)
            except NotFitted as found:
                fault = found
                continue
            lost = loss(said)
            if best is not None and not lost < least:
                break
            best, least = said, lost
        if best is None:
            raise Unanswerable(
                f"{leaf}: the {what} model could not be fitted without some fold: {fault} Mend: "
                "learner: spline, which holds its fit back, or fewer terms in "
                f"models: {{{what}: …}}."
            )
        return best

    def _design(self, task: Task, terms: tuple[ModelTerm, ...]) -> tuple[Terms, Array]:
        """Return the design and the ridge's share on each column, made once a cohort."""
        key = ("learner design", self.bent, terms)
        return task.fits.once(key, lambda: self._make(task, terms))

    def _make(self, task: Task, terms: tuple[ModelTerm, ...]) -> tuple[Terms, Array]:
        columns = task.cohort.covariates
        straight = Terms(columns, terms)
        if not self.bent:
            return straight, np.zeros(straight.p)
        own, more = dict(columns), []
        bent = {f.name for term in terms for f in term.factors if f.kind == "spline"}
        for name in dict.fromkeys(name for term in terms for name in term.names):
            if name in bent or columns[name].categorical:
                continue
            values = np.asarray(columns[name].values, np.float64)
            found = bends(values, weights=survey_weight(task))
            for place, column in enumerate(found, start=1):
                own[f"{name}, bend {place}"] = Column(column)
                more.append(ModelTerm((Factor(f"{name}, bend {place}"),)))
        design = Terms(own, (*terms, *more))
        shape = np.ones(design.p)
        shape[: straight.p] = STRAIGHT
        return design, shape


def deviance(kind: str, y: Array, expected: Array) -> Array:
    """Return (n,) what each prediction loses, by the kind of outcome, but for constants."""
    if kind == "continuous":
        squared: Array = (y - expected) ** 2
        return squared
    safe = np.maximum(expected, 1e-300)
    if kind == "count":
        lost: Array = expected - y * np.log(safe)
        return lost
    return -(y * np.log(safe) + (1 - y) * np.log(np.maximum(1 - expected, 1e-300)))


def _settled(found: HeldOut, design: Terms, folds: Folds) -> Array:
    """Return the predictions; raise NotFitted where the fit without some fold did not settle."""
    if not found.settled.all():
        raise NotFitted("covariates tell what is modelled for certain.")
    return predict(design, found, fold=folds.code)


def _many(task: Task, rows: Codes, p: int) -> bool:
    """Return whether the children are so many that a ridge would change nothing."""
    return len(rows) > MANY * p and len(recode(task.cohort.unit[rows])[1]) > MANY * p


@dataclass(frozen=True, slots=True)
class Brought:
    """A learner from elsewhere: `make` gives a new one, with fit and predict (or predict_proba).

    It gets the columns of the study's terms without the constant, as one (n, p) array, children in
    order of their codes, and survey weights where there are some.
    """

    name: str
    make: Callable[[], Any]

    def probabilities(self, task: Task, folds: Folds) -> Array:
        """Return (n, k) by the learner's predict_proba."""
        cohort, x = task.cohort, _matrix(task, exposure_terms(task))
        k = len(cohort.arms)

        def ask(fitted: Any, rows: NDArray[Any]) -> Array:
            out = np.zeros((len(rows), k))
            known = np.asarray(fitted.classes_) if hasattr(fitted, "classes_") else np.arange(k)
            out[:, known.astype(int)] = fitted.predict_proba(x[rows])
            return out

        self._can(("predict_proba",), "exposure", folds.leaf)
        return self._by_fold(task, folds, (x, cohort.arm, survey_weight(task)), ask)

    def means(self, task: Task, folds: Folds, *, rows: NDArray[np.bool_]) -> Array:
        """Return (n,) by predict_proba of a classifier where the outcome is binary, or predict."""
        outcome, x = outcome_of(task), _matrix(task, outcome_terms(task))
        time = person_time(outcome)
        classes = outcome.kind == "binary" and hasattr(self.make(), "predict_proba")

        def ask(fitted: Any, chosen: NDArray[Any]) -> Array:
            if not classes:
                return np.asarray(fitted.predict(x[chosen]), np.float64).reshape(-1, 1)
            known = np.asarray(fitted.classes_)
            shares = np.asarray(fitted.predict_proba(x[chosen]), np.float64)
            events: Array = shares[:, known == 1].sum(axis=1, keepdims=True)
            return events

        y = outcome.value.astype(int) if classes else outcome.value / time
        self._can(("predict",), "outcome", folds.leaf)
        weight = survey_weight(task) * time * rows
        found = self._by_fold(task, folds, (x, y, weight), ask)
        return found[:, 0]

    def _by_fold(
        self,
        task: Task,
        folds: Folds,
        told: tuple[Array, NDArray[Any], Array],
        ask: Callable[[Any, NDArray[Any]], Array],
    ) -> Array:
        """Return what each fold's learner says of its fold. told: x, y, and weights that are zero
        for children who are not to be learnt from.
        """
        x, y, weight = told
        order = np.argsort(task.cohort.unit, kind="stable")
        pieces: list[tuple[NDArray[Any], Array]] = []
        for j in range(folds.count):
            learnt = order[(folds.code[order] != j) & (weight[order] > 0)]
            asked = order[folds.code[order] == j]
            fitted = self._fit(task, folds, (x[learnt], y[learnt], weight[learnt]), at=j)
            try:
                pieces.append((asked, ask(fitted, asked)))
            except Exception as fault:  # noqa: BLE001  (whatever a learner from elsewhere raises)
                raise self._fault("predict", fault, folds.leaf) from None
        out = np.empty((task.cohort.n, pieces[0][1].shape[1]))
        for asked, said in pieces:
            out[asked] = said
        if not np.all(np.isfinite(out)):
            raise Unanswerable(
                f"{folds.leaf}: {self.name} predicts numbers that are missing or infinite. "
                "Mend: another learner, or learner: spline."
            )
        return out

    def _fit(self, task: Task, folds: Folds, told: tuple[Array, Any, Array], *, at: int) -> Any:
        """Return a new learner fitted to x, y and weights; its random state is the study's."""
        x, y, weight = told
        learner = self.make()
        purpose = f"learner {self.name} {folds.repeat} {at}"
        seed = int(stream(task.analysis.stream, purpose, seed=task.analysis.seed).integers(SEEDS))
        parameters = learner.get_params(deep=False) if hasattr(learner, "get_params") else {}
        if "random_state" in parameters:
            learner.set_params(random_state=seed)
        equal = len(weight) == 0 or float(weight.min()) == float(weight.max())
        try:
            if equal:
                return learner.fit(x, y)
            if "sample_weight" not in inspect.signature(learner.fit).parameters:
                raise UsageError(
                    f"estimators: {folds.leaf}: {self.name} takes no weights, and these children "
                    "have weights (of the survey, or of time at risk). Mend: learner: spline, or "
                    "a learner whose fit takes sample_weight."
                )
            return learner.fit(x, y, sample_weight=weight)
        except UsageError:
            raise
        except Exception as fault:  # noqa: BLE001
            raise self._fault("fit", fault, folds.leaf) from None

    def _can(self, methods: tuple[str, ...], what: str, leaf: str) -> None:
        """Raise UsageError where the learner lacks what its task needs."""
        lacking = [each for each in methods if not hasattr(self.make(), each)]
        if lacking:
            raise UsageError(
                f"estimators: {leaf}: {self.name} cannot be the {what} learner: it has no "
                f"{listed(lacking)}."
            )

    def _fault(self, step: str, fault: Exception, leaf: str) -> Unanswerable:
        # Only the kind of fault: its words may hold a child's value.
        return Unanswerable(
            f"{leaf}: {self.name} could not {step} ({type(fault).__name__}). "
            "Mend: another learner, or learner: spline."
        )


def as_learner(said: object) -> bool:
    """Return whether a value can name a learner: one built in, or an import path."""
    return isinstance(said, str) and (said in BUILT_IN or PATH.fullmatch(said) is not None)


def blame_learners(reads: Options, own: tuple[str, ...]) -> None:
    """Note the faults of options that name learners: `learner`, and those of single models."""
    for option in ("learner", *own):
        if reads.has(option) and not as_learner(reads.said[option]):
            reads.wrong(option, LEARNER_WORDS)


def named_for(reads: Options, own: str) -> tuple[str, object]:
    """Return the option that names the learner of a model, `learner` where its own is not given,
    and what it names: a spline unless given.
    """
    option = own if reads.has(own) else "learner"
    return option, reads.said.get(option, "spline")


def learners_of(reads: Options, own: tuple[str, ...]) -> list[Learner]:
    """Return the learners of models, by the options that name them. Raises UsageError with every
    one that cannot be had.
    """
    found = []
    for name in own:
        option, said = named_for(reads, name)
        try:
            found.append(learner_named(said, option, leaf=reads.leaf))
        except UsageError as fault:
            reads.problems += fault.problems
    reads.finish()
    return found


def learner_named(said: object, option: str, *, leaf: str = "double_ml") -> Learner:
    """Return a learner by its name: built in, or the import path of a class that makes objects with
    fit and predict, or of one such object, which is copied. Nothing else is ever called.

    Raises UsageError where there is none.
    """
    if said in BUILT_IN:
        return OwnModels(bent=said == "spline")
    where = f"estimators: {leaf}: {option}"
    if not isinstance(said, str) or not as_learner(said):
        raise UsageError(f"{where} takes {LEARNER_WORDS}; {written(said)} was found.")
    module, _, name = said.rpartition(".")
    try:
        found = getattr(import_module(module), name, None)
    except Exception:  # noqa: BLE001  (a module may raise anything when it is imported)
        package = module.split(".")[0]
        raise UsageError(
            f"{where}: {module} cannot be imported. Install the package that brings {package}, "
            f"or use {listed(BUILT_IN)}."
        ) from None
    if not callable(getattr(found, "fit", None)):
        raise UsageError(f"{where}: {said} is no class or object with a method fit.")
    if not isinstance(found, type):
        return Brought(said, partial(deepcopy, found))
    try:
        found()
    except Exception:  # noqa: BLE001
        raise UsageError(
            f"{where}: {said} needs arguments. Name an object that has been made with them."
        ) from None
    return Brought(said, found)


def _matrix(task: Task, terms: tuple[ModelTerm, ...]) -> Array:
    """Return the (n, p) columns of the terms without the constant, made once a cohort."""

    def make() -> Array:
        design = Terms(task.cohort.covariates, terms, intercept=False)
        return np.ascontiguousarray(design.block(0, design.n))

    return task.fits.once(("learner matrix", terms), make)


def _enough(fold: Codes, folds: Folds, p: int) -> None:
    """Raise TooFew where fewer children than columns are left to learn from."""
    least = len(fold) - int(np.bincount(fold, minlength=folds.count).max())
    if least < p:
        raise TooFew(
            f"{folds.leaf}: an arm has {least} children outside a fold, fewer than the {p} columns "
            "of the outcome model. Mend: fewer terms in models: {outcome: …}, or learner: spline."
        )
