"""Regression discontinuity: what changes at a cut-off.

**What it does.** Where support is given by a rule, such as a score below 85, children just on
either side of the cut-off are alike but for the rule. The leaf draws a line through the outcomes of
children near the cut-off, one from each side, and reads the gap between the lines where they meet
it. Where the rule was not always followed, the gap in the outcome is divided by the gap in the
share of children who received the arm (a "fuzzy" design): the answer is then for the children whose
arm the rule decided.

**For whom.** Children at the cut-off (target `cutoff`), and nobody else: the answer says nothing of
children far from it. It needs no list of confounders.

**When it misleads.** If children or schools could place a score just on the right side; if anything
else changes at the same cut-off; if the running variable takes few values near it, so that the
lines bridge a gap nobody observed. Three tables look at this: `rdd_density`, `rdd_placebo` and
`rdd_bandwidth`. A clean table is no proof.

**How it is computed.** Local linear regression on each side with triangular weights (Hahn, Todd &
van der Klaauw 2001). The bandwidth is as the study gives it or, where it gives none, that of least
mean squared error for the jump of the outcome (Calonico, Cattaneo & Titiunik 2014; Calonico et al.
2019), in a fuzzy design too. The value is the plain local linear one, which that bandwidth is best
for. Its interval is not built around it: a line bends away from a curve, so the interval is centred
on the value with that bias taken out, and counts the noise of taking it out ("robust
bias-corrected"). The value therefore need not lie in the middle. The standard error is that of the
corrected value: from nearest neighbours on each side, or from sums over clusters where the study
names a level (a cluster on both sides counts once). Below 50 effective children a side: t, with
degrees of freedom after Welch. Below 50 clusters in the window: the leverage-corrected score
bootstrap of all leaves; below 10: no interval.

In a fuzzy design a set of effects that the data do not reject is given too (Anderson & Rubin; Feir,
Lemieux & Marmer 2016). It holds when the rule hardly moves the arm, where it may be unbounded;
where the arm's gap cannot be told from none, the set is the whole answer.

A count is a rate: events per unit of person-time, weighted by person-time. Survey weights multiply
the kernel. Covariates are not adjusted for: they serve as placebos.

**What it assumes.** Without the rule outcomes would pass the cut-off smoothly; nobody can place a
score exactly; in a fuzzy design the rule works only through the arm, and moves no child against it.

**Options.** `running`, `cutoff`: the column and the number of the rule. `at`: whether a child
exactly at the cut-off is dealt with like those `above` (the default) or `below`. `bandwidth`: how
far to look, in the unit of the running variable. `bias_bandwidth`: how far for the bias (with
`bandwidth` alone: the same); below half of it there is no answer, below it a warning. `kernel`:
`triangular` or `uniform`. `order`: of the curve, 1 or 2. Which side receives which arm is read from
the records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.estimate import Estimate
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.region import Region
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._assumptions import CONSISTENCY, KINDS
from fingerpost.estimators._columns import numeric, option_column
from fingerpost.estimators._cutoff import (
    SIDES,
    Children,
    Found,
    Judged,
    Plan,
    effect,
    followed,
    judge,
    near_children,
    not_rejected,
    read_children,
    variance_of,
    window_for,
)
from fingerpost.estimators._cutoff_checks import checks
from fingerpost.estimators._cutoff_picture import bins_table, lines_table
from fingerpost.estimators._options import Options
from fingerpost.kernels.arrays import Array
from fingerpost.kernels.local_linear import KERNELS, Window

LEAST_CHILDREN = 10  # a side, in the window
FEW_CHILDREN = 30
FEW_VALUES = 10
WEAK_F = 10.0
# Calonico, Cattaneo & Titiunik (2014) look for the bias at least as far as for the answer (b ≥ h).
LEAST_BIAS_SHARE = 0.5
NARROW = (
    "the bias of a line is read from a curve over a wider window. Give at least as much, or leave "
    "bias_bandwidth out."
)


def run(task: Task) -> Answer:
    """Return the effect at the cut-off, with its tables and, in a fuzzy design, its region."""
    plan, place = _plan(task), _contrasts(task)
    children = read_children(task, plan)
    window = window_for(children, plan, children.values[:, 0])
    _wide_enough(window)
    _enough(children, window)
    found = effect(children, window)
    judged = judge(task, children, found)
    weak = np.isfinite(found.first_stage) and found.first_stage < judged.critical**2
    estimate = None if weak else _estimate(task, children, window, found, judged=judged, sign=place)
    regions = _regions(task, children, found, judged=judged, sign=place)
    tables = (
        _bandwidth_table(task, children, plan, window),
        _children_table(task, children, plan, window),
        _first_stage_table(task, children, plan, window, found=found),
        *checks(task, children, plan),
        bins_table(children, plan, window, outcome=task.terms[0].outcome),
        lines_table(children, plan, window, outcome=task.terms[0].outcome),
    )
    words = _warnings(children, window, found)
    return Answer(
        "rdd",
        estimate=estimate,
        regions=tuple(replace(one, value=None) for one in regions) if weak else regions,
        refusals=_unmoved(task, found, judged.critical**2) if weak else (),
        tables=tuple(table for table in tables if table is not None),
        warnings=tuple((term, one) for term in task.terms for one in words),
    )


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    _read(options)


def check_cohort(task: Task) -> None:
    """Raise UsageError where the running column is none, or lies on one side of the cut-off."""
    plan = _plan(task)
    name, column = option_column(task, "rdd", "running")
    running = numeric(name, column, where="rdd: running")
    running = running[np.isfinite(running)]
    before = running < plan.cutoff if plan.at == "above" else running > plan.cutoff
    first, second = int(np.sum(before)), int(np.sum(~before))
    if not first or not second:
        left, right = SIDES[plan.at]
        raise UsageError(
            f"estimators: rdd: cutoff: {first:,} children have a value of {name} {left} "
            f"{plan.cutoff:g}, and {second:,} {right} it: nothing changes there. Give the cut-off "
            "in the unit of the column."
        )


def _plan(task: Task) -> Plan:
    """Return the options; raise UsageError with every fault."""
    option_column(task, "rdd", "running")
    if task.analysis.options.get("cutoff") is None:
        raise UsageError("estimators: rdd needs `cutoff`: a number, where the rule changes.")
    return _read(task.analysis.options)


def _read(options: Mapping[str, object]) -> Plan:
    """Return the options, of which those that a study cannot do without may be missing here."""
    reads = Options("rdd", options)
    wide = [
        reads.number(name, "a number above 0, in the unit of the running column", allowed=_above_0)
        for name in ("bandwidth", "bias_bandwidth")
    ]
    order = options.get("order", 1)
    if isinstance(order, bool) or not isinstance(order, int) or order not in (1, 2):
        reads.wrong("order", "1 (lines) or 2 (parabolas)")
    found = Plan(
        "".join(reads.names("running", one=True)),
        reads.number("cutoff") or 0.0,
        reads.word("at", tuple(SIDES)),
        wide[0],
        wide[1],
        reads.word("kernel", KERNELS),
        order if isinstance(order, int) else 1,
    )
    if found.bandwidth and found.bias_bandwidth and _too_narrow(*wide):
        reads.blame(f"bias_bandwidth is less than half of bandwidth: {NARROW}")
    reads.finish()
    return found


def _above_0(value: float) -> bool:
    return value > 0


def _too_narrow(h: float | None, b: float | None) -> bool:
    return h is not None and b is not None and b < LEAST_BIAS_SHARE * h


def _wide_enough(window: Window) -> None:
    """Raise Unanswerable where the study's window for the bias is too narrow beside the other."""
    if _too_narrow(window.h, window.b):
        raise Unanswerable(
            f"rdd: bias_bandwidth {window.b:g} is less than half of the bandwidth {window.h:g}: "
            f"{NARROW}"
        )


def _contrasts(task: Task) -> Array:
    """Return (q,) how often each term's contrast holds the second arm against the first."""
    arms = task.cohort.arms
    if len(arms) != 2:
        raise Unanswerable(
            f"rdd: a cut-off tells two arms apart; the study has {len(arms)}. Mend: leave arms out."
        )
    found = []
    for term in task.terms:
        weights = dict(term.contrast)
        if term.scale != "difference" or weights.get(arms[0], 0.0) != -weights.get(arms[1], 0.0):
            raise Unanswerable("rdd: answers differences of the two arms only.")
        found.append(weights.get(arms[1], 0.0))
    return np.array(found)


def _enough(children: Children, window: Window) -> None:
    fewest = min(len(side) for side in near_children(children, window))
    if fewest < LEAST_CHILDREN:
        raise TooFew(
            f"rdd: fewer than {LEAST_CHILDREN} children lie within {window.h:g} of the cut-off on "
            "one side. Mend: a wider bandwidth, if the line may be trusted so far."
        )


def _unmoved(task: Task, found: Found, critical: float) -> tuple[Refusal, ...]:
    """Return the refusal of a number where the arm's jump cannot be told from none."""
    words = (
        "rdd: who receives the arm does not change at the cut-off by more than chance "
        f"(F {found.first_stage:.1f}, below {critical:.1f}), so the effect is a division by what "
        "may be nought. The set of values not rejected is all that can be said"
    )
    rule = Broken(
        "first stage", "the rule moves who receives the arm", float("nan"), float("nan"), words
    )
    return (Refusal(task.terms, (rule,), "Check `cutoff` and `running`.", leaf="rdd"),)


def _estimate(
    task: Task,
    children: Children,
    window: Window,
    found: Found,
    *,
    judged: Judged,
    sign: Array,
) -> Estimate:
    """Return the estimate of every term."""
    q, k = len(sign), len(task.cohort.arms)
    near = np.concatenate(near_children(children, window))
    arms = np.bincount(task.cohort.arm[children.rows[near]], minlength=k)
    # Of the children near the cut-off, whom `n` counts; the correction of bias looks further.
    units = len(near if children.codes is None else np.unique(children.codes[near]))
    spread, bounds, words = None, None, judged.words
    if judged.spread is not None and judged.se is not None:
        spread = replace(judged.spread, sums=judged.spread.sums * sign)
        centre, reach = sign * found.corrected, np.abs(sign) * judged.critical * judged.se
        bounds = np.stack([centre - reach, centre + reach], axis=1)
    return Estimate(
        task.terms,
        sign * found.value,
        spread,
        df=np.full(q, judged.df),
        n=np.full(q, len(near)),
        arm_n=np.tile(arms, (q, 1)),
        arms=task.cohort.arms,
        clusters=np.full(q, units),
        bounds=bounds,
        interval=(words,) * q,
    )


def _regions(
    task: Task, children: Children, found: Found, *, judged: Judged, sign: Array
) -> tuple[Region, ...]:
    """Return, in a fuzzy design, the effects not rejected: those at which the outcome less the
    effect times the arm does not jump (Anderson & Rubin 1949; Feir, Lemieux & Marmer 2016).
    """
    if not np.isfinite(found.first_stage) or judged.spread is None:
        return ()
    noise = judged.covariance(found.jumps.influence, children.codes)
    pieces = not_rejected(found.jumps.corrected, noise, judged.critical)
    method = f"Anderson-Rubin, {judged.words}"
    return tuple(
        Region(term, _scaled(pieces, float(one)), task.analysis.level, method, float(one * value))
        for term, one, value in zip(task.terms, sign, np.full(len(sign), found.value), strict=True)
    )


def _scaled(
    pieces: tuple[tuple[float, float], ...], sign: float
) -> tuple[tuple[float, float], ...]:
    """Return pieces times a number, in order."""
    moved = [tuple(sorted((lo * sign, hi * sign))) for lo, hi in pieces]
    return tuple(sorted((lo, hi) for lo, hi in moved))


def _bandwidth_table(task: Task, children: Children, plan: Plan, window: Window) -> Table:
    """Return the answer at the bandwidth used, at half of it and at twice it."""
    below, above = SIDES[plan.at]
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for words, share in (("as used", 1.0), ("half", 0.5), ("twice", 2.0)):
        wide = replace(window, h=window.h * share, b=window.b * share)
        try:
            found = effect(children, wide)
            judged = judge(task, children, found)
        except Unanswerable:
            continue
        left, right = near_children(children, wide)
        if min(len(left), len(right)) < LEAST_CHILDREN:
            continue
        rows.append((words, wide.h, wide.b, len(left), len(right), *_numbers(found, judged)))
        counts.append(min(len(left), len(right)))
    arms = task.cohort.arms
    given = "as the study gives it" if plan.bandwidth else "of least mean squared error"
    return Table(
        "rdd_bandwidth",
        "The answer by how far from the cut-off we look",
        ("window", "h", "b", below, above, "estimate", "corrected", "se", "lo", "hi"),
        ("label", *("number",) * 2, *("count",) * 2, *("number",) * 5),
        tuple(rows),
        tells=Tells(
            outcomes=("estimate", "corrected", "se", "lo", "hi"),
            units=(("b", "unit of the running column"), ("h", "unit of the running column")),
        ),
        counts=tuple(counts),
        tags=(("outcome", task.terms[0].outcome),),
        context=(
            f"{arms[1]} v {arms[0]} at {plan.running} = {plan.cutoff:g}; bandwidth {given}; "
            f"{plan.kernel} weights, order {plan.order}; children within h on either side."
        ),
        note="An answer that hangs on the bandwidth hangs on the curve drawn.",
    )


def _numbers(found: Found, judged: Judged) -> tuple[Cell, ...]:
    if judged.se is None:
        return (found.value, found.corrected, None, None, None)
    reach = judged.critical * judged.se
    return (
        found.value,
        found.corrected,
        judged.se,
        found.corrected - reach,
        found.corrected + reach,
    )


def _children_table(task: Task, children: Children, plan: Plan, window: Window) -> Table:
    """Return who counts: children by side and arm in the window, and those left out."""
    arm = children.values[:, 1]
    rows: list[tuple[Cell, ...]] = []
    for words, side in zip(SIDES[plan.at], near_children(children, window), strict=True):
        second = int(arm[side].sum())
        rows.append((f"{words} the cut-off, in the window", len(side) - second, second))
    near = np.concatenate(near_children(children, window))
    first, second = int(np.sum(arm == 0)), int(np.sum(arm == 1))
    inside = int(arm[near].sum())
    rows.append(("farther away", first - (len(near) - inside), second - inside))
    gone = np.delete(task.cohort.arm, children.rows)
    rows.append(("without a running value or a weight: left out", *np.bincount(gone, minlength=2)))
    cells = tuple((str(a), int(str(b)), int(str(c))) for a, b, c in rows)
    return Table(
        "rdd_children",
        "Children by side of the cut-off",
        ("children", *task.cohort.arms),
        ("label", "count", "count"),
        cells,
        counts=tuple(min((one for one in row[1:] if one), default=0) for row in cells),
        tags=(("outcome", task.terms[0].outcome),),
        context=f"The window reaches {window.h:g} either side of {plan.running} = {plan.cutoff:g}.",
    )


def _first_stage_table(
    task: Task, children: Children, plan: Plan, window: Window, *, found: Found
) -> Table | None:
    """Return the jump of the share who received the second arm, in a fuzzy design."""
    if not np.isfinite(found.first_stage):
        return None
    se = float(np.sqrt(variance_of(found.jumps.influence[:, 1], children.codes)))
    row: tuple[Cell, ...] = (
        float(found.jumps.plain[1]),
        float(found.jumps.corrected[1]),
        se,
        found.first_stage,
        found.first_stage < WEAK_F,
    )
    return Table(
        "rdd_first_stage",
        f"How far the cut-off moves who receives {task.cohort.arms[1]}",
        ("jump", "corrected", "se", "F", "weak"),
        ("number", "number", "number", "number", "flag"),
        (row,),
        tells=Tells(
            role="cut-off received",
            units=(("corrected", "share of 1"), ("jump", "share of 1"), ("se", "share of 1")),
        ),
        counts=(min(len(side) for side in near_children(children, window)),),
        tags=(("outcome", task.terms[0].outcome),),
        context=f"Share {SIDES[plan.at][1]} the cut-off less share {SIDES[plan.at][0]} it.",
        note=f"F below {WEAK_F:g}: read the Anderson-Rubin set, not the interval.",
    )


def _warnings(children: Children, window: Window, found: Found) -> list[str]:
    """Return what a reader must know besides the tables."""
    sides = near_children(children, window)
    words = []
    if min(len(side) for side in sides) < FEW_CHILDREN:
        words.append(
            f"rdd: fewer than {FEW_CHILDREN} children lie in the window on one side of the cut-off"
        )
    if min(len(np.unique(children.distance[side])) for side in sides) < FEW_VALUES:
        words.append(
            f"rdd: the running variable takes fewer than {FEW_VALUES} values in the window on one "
            "side: the line bridges gaps that no child fills, and the interval may be too short"
        )
    off = np.flatnonzero((found.jumps.weights != 0) & (children.distance != 0))
    if np.isfinite(found.first_stage) and followed(children, off):
        words.append(
            "rdd: the rule was followed by all but the children exactly at the cut-off: the option "
            "`at` says with which side they belong"
        )
    if window.b < window.h * (1 - 1e-9):
        words.append(
            "rdd: the bias is looked for less far (bias_bandwidth) than the answer (bandwidth), so "
            "that its correction adds much noise; the usual is as far, or farther"
        )
    if found.first_stage < WEAK_F:
        words.append(
            "rdd: the cut-off hardly moves who receives the arm "
            f"(F {found.first_stage:.1f}, below {WEAK_F:g}): read the Anderson-Rubin set"
        )
    return words


CONTINUITY = Assumption(
    "continuity at the cut-off",
    "but for the rule, outcomes would pass the cut-off smoothly: nothing else changes there",
    diagnostic="rdd_placebo",
)
NO_SORTING = Assumption(
    "no sorting",
    "neither children nor schools can place the running variable exactly on one side",
    diagnostic="rdd_density",
)
RULE = Assumption(
    "the rule works through the arm",
    "crossing the cut-off changes outcomes only through the arm received, and moves no child "
    "against the rule (needed where the rule was not always followed)",
)

RDD = Estimator(
    title="Regression discontinuity",
    short="RDD",
    summary="The gap in outcomes at a cut-off that decides who receives an arm.",
    reference="Hahn, Todd & van der Klaauw (2001), Econometrica 69:201-209; interval: Calonico, "
    "Cattaneo & Titiunik (2014), Econometrica 82:2295-2326; density: McCrary (2008), Journal of "
    "Econometrics 142:698-714; weak rule: Feir, Lemieux & Marmer (2016), Journal of Business & "
    "Economic Statistics 34:185-196",
    targets=("cutoff",),
    scales=("difference",),
    outcomes=KINDS,
    assumes=(CONTINUITY, NO_SORTING, RULE, CONSISTENCY),
    run=run,
    levels="2",
    trimmed=False,
    spread="robust bias-corrected; nearest neighbours, or sums over clusters",
    guard="exempt",
    said=(
        ("running", "a rule gives provision by {value}"),
        ("cutoff", "the cut-off is {value}"),
    ),
    options=(
        ("running", "the column that the rule looks at"),
        ("cutoff", "the value at which the rule changes"),
        ("at", "whether a child exactly at the cut-off counts as above (default) or below"),
        ("bandwidth", "how far from the cut-off to look (default: least mean squared error)"),
        ("bias_bandwidth", "how far to look for the bias (default: as bandwidth, or chosen)"),
        ("kernel", "triangular (default) or uniform"),
        ("order", "of the curve on each side: 1 (default) or 2"),
    ),
    needs=("running", "cutoff"),
    columns=("running",),
    check=check,
    check_cohort=check_cohort,
)
