"""A study as a Stata do-file. It has never been run on Stata, and says so at its head.

naive and regression are `regress` or `poisson`; ipw and ipw_ra are `teffects`. What Stata's
commands cannot say as ours do is left out, and named at the head of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from fingerpost.core.cohort import Cohort
from fingerpost.core.model import Factor, ModelTerm, linear
from fingerpost.core.study import Study
from fingerpost.kernels.splines import knots_at
from fingerpost.studies.export.rows import Written, columns_of
from fingerpost.studies.export.scope import Exported, Line

SCRIPT = "analysis.do"
NEVER_RUN = "never run on Stata"
FITS = {"continuous": "linear", "binary": "logit", "count": "poisson"}
TARGETS = ("ate", "att", "atu", "received")


@dataclass(frozen=True, eq=False, slots=True)
class Told:
    """What the lines of a do-file need: the study, its children, and the columns of the file."""

    study: Study
    cohort: Cohort
    columns: tuple[Written, ...]

    def column(self, role: str, name: str) -> str | None:
        """Return the file's column of a name in a role, or None."""
        found = (one.column for one in self.columns if (one.role, one.name) == (role, name))
        return next(found, None)

    @property
    def errors(self) -> str:
        """The option for standard errors."""
        level = self.study.cluster
        column = None if level is None else self.column("cluster", level)
        if level is not None and column is None:
            column = "child"
        return "vce(robust)" if column is None else f"vce(cluster {column})"

    @property
    def weighted(self) -> str:
        """The survey weights, as an expression; 1 where there are none."""
        return "1" if self.cohort.weight is None else "weight"


def script(found: Exported, cohort: Cohort, columns: tuple[Written, ...]) -> str:
    """Return the do-file of a study, on the files that `write_rows` writes."""
    told, found = Told(found.study, cohort, columns), sayable(found)
    body: list[str] = []
    for name in dict.fromkeys(one.term.outcome for one in found.lines):
        mine = [one for one in found.lines if one.term.outcome == name]
        body += ["", *_outcome(told, name, mine)]
    return "\n".join([*_head(found), *_open(), *body, "", *_close(), ""])


def sayable(found: Exported) -> Exported:
    """Return a study as it is written for Stata: without the numbers that its commands cannot make,
    which are named among what is left.
    """
    if found.cohort is None:
        return found
    told = Told(found.study, found.cohort, columns_of(found.study, found.cohort))
    said = [(one, reason(told, one)) for one in found.lines]
    left = dict.fromkeys(f"{label(one)}: {why}" for one, why in said if why)
    kept = tuple(one for one, why in said if not why)
    return replace(found, lines=kept, left=(*found.left, *left))


def label(one: Line) -> str:
    """Return a number to make in words."""
    term = one.term
    return f"{one.estimator}, {term.outcome}, {term.words()}, {term.label()}"


def reason(told: Told, one: Line) -> str:
    """Return why a number is not written for Stata; empty where it is."""
    term, models = one.term, told.study.models
    if one.subgroup is not None:
        return "numbers by subgroup are not written"
    if models.censoring is not None and one.estimator.startswith("ipw"):
        return "weights for being seen are not written"
    if one.estimator in ("naive", "regression"):
        return ""
    if models.firth:
        return "teffects has no Firth penalty"
    if term.target.kind not in TARGETS or term.target.trim is not None:
        return "teffects has no such target"
    if told.column("time", term.outcome) is not None:
        return "teffects has no time at risk"
    if len(term.contrast) != 2:
        return "teffects compares two arms"
    if one.estimator == "ipw_ra" and not models.by_arm:
        return "teffects ipwra fits the outcome in each arm, not one pooled model"
    return ""


def _head(found: Exported) -> list[str]:
    study = found.study
    lines = [
        f"{study.name}: {study.question}",
        f"Written by fingerpost; SHA-256 of the study: {found.digest}",
        "",
        f"THIS FILE WAS {NEVER_RUN.upper()}. Compare what it prints with fingerpost study run, or",
        "with analysis.R, before any number is used. Estimates should agree to the digits printed.",
        "",
        "Standard errors. fingerpost: influence summed by cluster, times G/(G - 1) where a cluster",
        "is named, nothing otherwise. regress, vce(cluster) also multiplies by (n - 1)/(n - k):",
        "divide its variance by that. regress, vce(robust) multiplies by n/(n - k), poisson by",
        "n/(n - 1). teffects carries the model of the arms as fingerpost does; whether it applies",
        "G/(G - 1) depends on the version. With fewer than 50 clusters, or one with much weight,",
        "fingerpost corrects for few clusters, and this file does not.",
    ]
    if found.left:
        lines += ["", "Not in this file:", *(f"  {one}" for one in found.left)]
    return [f"* {' '.join(one.split())}".rstrip() for one in lines]


def _open() -> list[str]:
    return [
        "",
        "version 16",
        "clear all",
        'import delimited using "cohort.csv", varnames(1) case(preserve) asdouble clear',
        "tempname lines",
        "postfile `lines' str12 estimator str80 outcome str80 contrast str40 target ///",
        "    str10 scale double(estimate se) using results.dta, replace",
    ]


def _close() -> list[str]:
    return [
        "* On the ratio scale estimate and se are of the natural logarithm.",
        "postclose `lines'",
        "use results.dta, clear",
        "list, noobs",
        "export delimited using results_stata.csv, replace",
    ]


def _outcome(told: Told, name: str, lines: list[Line]) -> Iterator[str]:
    """Yield the commands of one outcome, on the children for whom it was seen."""
    y, t = told.column("outcome", name), told.column("time", name)
    yield f"* {' '.join(name.split())}: {y}"
    yield "preserve"
    yield f"keep if !missing({y}{'' if t is None else f', {t}'})"
    made = _Made(told, name)
    models = told.study.models
    exposure = made.terms(models.exposure)
    outcome = made.terms(models.outcome)
    yield from made.before
    for one in lines:
        yield f"* {label(one)}"
        if one.estimator in ("naive", "regression"):
            covariates = outcome if one.estimator == "regression" else ""
            yield from _least_squares(told, one, y=str(y), t=t, covariates=covariates)
        else:
            fit = FITS[_kind(told, name)]
            yield from _teffects(told, one, y=str(y), outcome=outcome, exposure=exposure, fit=fit)
    yield "restore"


def _kind(told: Told, name: str) -> str:
    return next(spec.kind for spec in told.study.outcomes if spec.name == name)


class _Made:
    """Terms as Stata's factor variables; `before` gathers commands that make what they need."""

    def __init__(self, told: Told, outcome: str) -> None:
        self._told, self._outcome = told, outcome
        self.before: list[str] = []
        self._known: dict[Factor, tuple[str, ...]] = {}

    def terms(self, declared: tuple[ModelTerm, ...] | None) -> str:
        """Return a model's terms: those declared, or every covariate as it is."""
        terms = linear(self._told.study.given) if declared is None else declared
        found: list[str] = []
        for term in terms:
            products = [""]
            for factor in term.factors:
                own = self._factor(factor)
                products = [
                    f"{left}#{right}" if left else right for left in products for right in own
                ]
            found += products
        return " ".join(dict.fromkeys(found))

    def _factor(self, factor: Factor) -> tuple[str, ...]:
        if factor not in self._known:
            self._known[factor] = self._new(factor)
        return self._known[factor]

    def _new(self, factor: Factor) -> tuple[str, ...]:
        column = self._told.column("covariate", factor.name)
        held = self._told.cohort.covariates[factor.name]
        if factor.kind == "power":
            return ("#".join([f"c.{column}"] * factor.degree),)
        if factor.kind == "equals":
            own = f"e{len(self.before) + 1}"
            self.before.append(f"generate byte {own} = ({column} == {factor.value:.17g})")
            return (f"c.{own}",)
        if factor.kind == "spline":
            own = f"b{len(self.before) + 1}_"
            seen = self._told.cohort.outcomes[self._outcome].observed
            rows = np.ones(self._told.cohort.n, dtype=bool) if seen is None else seen
            at = knots_at(np.asarray(held.values)[rows], factor.knots, name=factor.name)
            knots = " ".join(f"{float(each):.17g}" for each in at)
            self.before.append(f"mkspline {own} = {column}, cubic knots({knots})")
            return tuple(f"c.{own}{place}" for place in range(1, factor.knots))
        return (f"{'i' if held.categorical else 'c'}.{column}",)


def _least_squares(told: Told, one: Line, *, y: str, t: str | None, covariates: str) -> list[str]:
    """Return regress (of the rate, weighted by time) for differences, poisson for ratios."""
    right = f"i.arm {covariates}".strip()
    if one.term.scale == "ratio":
        time = "" if t is None else f"exposure({t}) "
        fitted = f"poisson {y} {right} [pweight = {told.weighted}], {time}{told.errors}"
    else:
        rate = y if t is None else f"rate_{y}"
        weight = told.weighted if t is None else f"time_{y}"
        fitted = f"regress {rate} {right} [pweight = {weight}], {told.errors}"
        if t is not None:
            made = [
                f"capture generate double rate_{y} = {y} / {t}",
                f"capture generate double time_{y} = {told.weighted} * {t}",
            ]
            return [*made, fitted, f"lincom {_sum(told, one)}", _post(one)]
    fitted = fitted.replace(" [pweight = 1]", "")
    return [fitted, f"lincom {_sum(told, one)}", _post(one)]


def _sum(told: Told, one: Line) -> str:
    arms = told.cohort.arms
    return " + ".join(f"({weight:.17g})*{arms.index(arm)}.arm" for arm, weight in one.term.contrast)


def _teffects(told: Told, one: Line, *, y: str, outcome: str, exposure: str, fit: str) -> list[str]:
    """Return teffects ipw or ipwra for one contrast of two arms, and what the target asks of it."""
    term, arms = one.term, told.cohort.arms
    a, b = (arms.index(name) for name, _ in term.contrast)
    model = f"({y})" if one.estimator == "ipw" else f"({y} {outcome}, {fit})"
    weight = "" if told.weighted == "1" else f" [pweight = {told.weighted}]"
    command = "ipw" if one.estimator == "ipw" else "ipwra"
    kind = term.target.kind
    if kind == "ate":
        first, second = f"_b[POmeans:{a}.arm]", f"_b[POmeans:{b}.arm]"
        asked = "pomeans"
    else:
        # Of those who received one arm Stata gives the mean under `control` and the gap to it.
        received = {"att": a, "atu": b}.get(kind)
        received = arms.index(str(term.target.arm)) if received is None else received
        base, other = (a, b) if received == b else (b, a)
        under = f"_b[POmean:{base}.arm]"
        beside = f"({under} + _b[ATET:r{other}vs{base}.arm])"
        first, second = (under, beside) if base == a else (beside, under)
        asked = f"atet control({base}) tlevel({received})"
    said = f"log({first}) - log({second})" if term.scale == "ratio" else f"{first} - {second}"
    return [
        f"teffects {command} {model} (arm {exposure}, logit){weight}, {asked} {told.errors}",
        f"nlcom {said}",
        _post(one, estimate="el(r(b), 1, 1)", se="sqrt(el(r(V), 1, 1))"),
    ]


def _post(one: Line, *, estimate: str = "r(estimate)", se: str = "r(se)") -> str:
    term = one.term
    words = [one.estimator, term.outcome, term.words(), term.label(), term.scale]
    return f"post `lines' {' '.join(f'({quoted(each)})' for each in words)} ({estimate}) ({se})"


def quoted(words: str) -> str:
    """Return words between Stata's compound quotes, without what it would expand or end them by.

    >>> quoted("a v b")
    '`"a v b"\\''
    """
    safe = "".join(" " if letter in "`\"'$\\\n\r" else letter for letter in words)
    return f'`"{safe}"\''
