"""How much of who gets provision goes with the school, and with the local authority.

Random-intercept logistic models, one level at a time, and schools within authorities: null, then
given what was measured of the children. The covariates enter by the linear predictor of the model
without places, whose slope is fitted again, so that a million children are two columns; the
intraclass correlation is on the logit scale (Snijders & Bosker 2012), the median odds ratio
exp(0.954 sd) is that of two places taken at random (Larsen & Merlo 2005).
"""

from __future__ import annotations

import numpy as np

from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, TooFew
from fingerpost.core.model import linear
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.design import Terms
from fingerpost.kernels.glm import fit
from fingerpost.kernels.nested_intercepts import NestedIntercepts, nested_intercepts
from fingerpost.kernels.products import times
from fingerpost.kernels.random_intercept import RandomIntercept, random_intercept
from fingerpost.studies.access.cohort import AccessCohort, Array
from fingerpost.studies.access.gaps import varies

MEDIAN_ODDS = 0.9538726
NULL, ADJUSTED = "no covariates", "given the characteristics"
WITHIN, TOGETHER = "school within its local authority", "both together"
WORDS = {"school": "school", "la": "local authority"}
FEWEST_PLACES = 10
# Fifths of fifths of the linear predictor, within which the nested model tells no child apart, so
# that a million children are as many rows as schools have such groups.
PREDICTOR_GROUPS = 25
NESTED_POINTS = 5
COLUMNS = (
    *(("place", "label"), ("model", "label"), ("children", "count"), ("clusters", "count")),
    *((name, "number") for name in ("sd", "sd_lo", "sd_hi", "icc", "icc_lo", "icc_hi")),
    ("median_odds_ratio", "number"),
)
IN_LOG_ODDS = (
    *((name, "log-odds") for name in ("sd", "sd_lo", "sd_hi")),
    ("median_odds_ratio", "odds ratio"),
)


def variation(study: Study, cohort: AccessCohort) -> tuple[Table, ...]:
    """Return the variance between places, null and adjusted; no table where there are no places."""
    levels = study.access.places if study.access else ()
    predictor = linear_predictor(cohort)
    rows: list[tuple[Cell, ...]] = []
    behind, clusters = [], []
    for level in levels:
        if level not in cohort.places:
            continue
        codes, units = recode(cohort.places[level])
        if len(units) < FEWEST_PLACES:
            continue
        null = None
        for words, found in fits(cohort, codes, len(units), predictor):
            null = found if null is None else null
            rows.append(row(level, words, found, null=null, children=cohort.n))
            behind.append(int(min(cohort.provided.sum(), (~cohort.provided).sum())))
            clusters.append(len(units))
    alone = (variation_table(rows, behind, clusters),) if rows else ()
    return (*alone, *nested(levels, cohort, predictor))


def nested(
    levels: tuple[str, ...], cohort: AccessCohort, predictor: Array | None
) -> tuple[Table, ...]:
    """Return the variance between authorities and that between the schools of one authority, null
    and adjusted; no table where either level is not asked or has too few places.
    """
    if not {"school", "la"} <= set(levels) & set(cohort.places):
        return ()
    school, authority = within(cohort)
    if len(authority) < FEWEST_PLACES or int(authority.max()) + 1 < FEWEST_PLACES:
        return ()
    made = [(NULL, None), (ADJUSTED, predictor)] if predictor is not None else [(NULL, None)]
    rows: list[tuple[Cell, ...]] = []
    for words, values in made:
        try:
            rows += nested_rows(words, nested_fit(cohort, school, authority, values), cohort.n)
        except (NotFitted, TooFew):
            continue
    behind = int(min(cohort.provided.sum(), (~cohort.provided).sum()))
    return (nested_table(rows, behind, int(authority.max()) + 1),) if rows else ()


def within(cohort: AccessCohort) -> tuple[np.ndarray, np.ndarray]:
    """Return the school of each child, (n,), and the authority of each school, (k,).

    A school that is recorded under two authorities is two schools here.
    """
    authority, _ = recode(cohort.places["la"])
    school, _ = recode(cohort.places["school"])
    both = authority.astype(np.int64) * (int(school.max()) + 1) + school
    codes, pairs = recode(both)
    return codes, recode(pairs // (int(school.max()) + 1))[0]


def nested_fit(
    cohort: AccessCohort, school: np.ndarray, authority: np.ndarray, predictor: Array | None
) -> NestedIntercepts:
    """Return the fit of both levels: of counts by school, and by group of the predictor."""
    provided = cohort.provided.astype(np.float64)
    group, means = grouped_predictor(predictor, cohort.n)
    cell, cells = recode(school.astype(np.int64) * len(means) + group)
    size = np.bincount(cell, minlength=len(cells)).astype(np.float64)
    ones = np.asarray(sum_by(cell, provided, n_groups=len(cells)), dtype=np.float64)
    constant = np.ones((len(cells), 1))
    x = constant if predictor is None else np.column_stack([constant, means[cells % len(means)]])
    return nested_intercepts(
        x, ones, inner=cells // len(means), outer=authority, trials=size, points=NESTED_POINTS
    )


def grouped_predictor(predictor: Array | None, n: int) -> tuple[np.ndarray, Array]:
    """Return the group of each child by the linear predictor, (n,), and the mean of each group."""
    if predictor is None:
        return np.zeros(n, dtype=np.int64), np.zeros(1)
    at = np.linspace(0, 1, PREDICTOR_GROUPS + 1)[1:-1]
    group, _ = recode(np.searchsorted(np.quantile(predictor, at), predictor))
    size = np.bincount(group).astype(np.float64)
    return group, np.asarray(sum_by(group, predictor, n_groups=len(size)) / size)


def nested_rows(model: str, found: NestedIntercepts, children: int) -> list[tuple[Cell, ...]]:
    """Return one row a level, and one of both together: how alike two children of one school are.

    The interval of a share is that of its sd, the rest of the variance as fitted.
    """
    rows: list[tuple[Cell, ...]] = []
    for words, one in ((WORDS["la"], found.outer), (WITHIN, found.inner)):
        rest = found.total - one.variance
        shares = [end**2 / (end**2 + rest) for end in (one.sd, one.lo, one.hi)]
        ratio = float(np.exp(MEDIAN_ODDS * one.sd))
        ends = (float(one.sd), float(one.lo), float(one.hi))
        rows.append((words, model, children, one.groups, *ends, *map(float, shares), ratio))
    both = found.outer.variance + found.inner.variance
    sd, share = float(np.sqrt(both)), float(found.share(both))
    ratio = float(np.exp(MEDIAN_ODDS * sd))
    groups = found.inner.groups
    rows.append((TOGETHER, model, children, groups, sd, None, None, share, None, None, ratio))
    return rows


def fits(
    cohort: AccessCohort, codes: np.ndarray, groups: int, predictor: Array | None
) -> list[tuple[str, RandomIntercept]]:
    """Return the null model and, where there are covariates, the adjusted one; those that do not
    settle are left out.
    """
    provided = cohort.provided.astype(np.float64)
    size = np.bincount(codes, minlength=groups).astype(np.float64)
    made = []
    try:
        null = random_intercept(
            np.ones((groups, 1)),
            sum_by(codes, provided, n_groups=groups),
            codes=np.arange(groups),
            names=("intercept",),
            trials=size,
        )
        made.append((NULL, null))
        if predictor is not None:
            x = np.column_stack([np.ones(cohort.n), predictor])
            names = ("intercept", "covariates")
            made.append((ADJUSTED, random_intercept(x, provided, codes=codes, names=names)))
    except (NotFitted, TooFew):
        return made
    return made


def linear_predictor(cohort: AccessCohort) -> Array | None:
    """Return (n,) the linear predictor of a logit on the covariates, centred; None without any."""
    columns: dict[str, Column] = {
        name: column for name, column in cohort.covariates.items() if varies(column)
    }
    if not columns:
        return None
    design = Terms(columns, linear(tuple(columns)))
    try:
        found = fit(design, cohort.provided.astype(np.float64), family="logit")
    except NotFitted:
        return None
    if found.separated or not found.converged:
        return None
    whole: Array = times(design, found.coefficients)
    return whole - whole.mean()


def row(
    level: str, model: str, found: RandomIntercept, *, null: RandomIntercept, children: int
) -> tuple[Cell, ...]:
    """Return one model as a row: the interval of the sd is symmetric in its logarithm; of an sd of
    nought it is that of the profile likelihood, from nought up.
    """
    lo, hi = 0.0, found.sd_top
    if not found.at_zero:
        reach = 1.959964 * found.sd_error / found.sd
        lo, hi = found.sd * np.exp(-reach), found.sd * np.exp(reach)
    icc_lo, icc_hi = (end**2 / (end**2 + np.pi**2 / 3) for end in (lo, hi))
    bounded = bool(np.isfinite(hi))
    less = None if null is found or null.at_zero else 1 - found.variance / null.variance
    return (
        WORDS.get(level, level),
        model,
        children,
        found.groups,
        found.sd,
        float(lo) if bounded else None,
        float(hi) if bounded else None,
        found.icc,
        float(icc_lo) if bounded else None,
        float(icc_hi) if bounded else None,
        float(np.exp(MEDIAN_ODDS * found.sd)),
        less,
    )


def variation_table(rows: list[tuple[Cell, ...]], behind: list[int], clusters: list[int]) -> Table:
    """Return the variance between places."""
    columns = (*COLUMNS, ("explained", "number"))
    return Table(
        "access_places",
        "Variation between schools and local authorities",
        tuple(name for name, _ in columns),
        tuple(kind for _, kind in columns),
        tuple(rows),
        tells=Tells(units=IN_LOG_ODDS),
        counts=tuple(behind),
        clusters=tuple(clusters),
        context="Standard deviation of the places' log-odds of provision; the intraclass "
        "correlation is on the logit scale. Each level is modelled by itself. Explained: by how "
        "much the variance is less once the characteristics of the children are given.",
    )


def nested_table(rows: list[tuple[Cell, ...]], behind: int, authorities: int) -> Table:
    """Return the variance of schools within local authorities."""
    return Table(
        "access_nested",
        "Schools within local authorities",
        tuple(name for name, _ in COLUMNS),
        tuple(kind for _, kind in COLUMNS),
        tuple(rows),
        tells=Tells(units=IN_LOG_ODDS),
        counts=(behind,) * len(rows),
        clusters=(authorities,) * len(rows),
        context="Both levels in one model, so that what authorities differ by is not counted again "
        "among their schools. Shares of the variance on the latent logit scale; of both together, "
        "the intraclass correlation of two children of one school (Goldstein, Browne & Rasbash "
        "2002). A standard deviation of 0 with an interval: the records hold no sign of a "
        "difference, and none larger than its upper end.",
    )
