"""What the leaf `matching` is asked, and who is matched with whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.cohort import Codes
from fingerpost.core.errors import TooFew, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.fit import MatchedSets
from fingerpost.estimators._columns import option_columns
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import survey_weight
from fingerpost.estimators._score import score
from fingerpost.kernels.clusters import recode
from fingerpost.kernels.matching import (
    Rule,
    nearest_free,
    nearest_windows,
    ranked,
    share_free,
    window_use,
)

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
DISTANCES = ("score", "linear")
ORDERS = ("largest", "smallest")
SIDES = ("both", "below")
EQUAL = 1e-10  # of the score's standard deviation: distances nearer than this are equal


@dataclass(frozen=True, slots=True)
class Wish:
    """The leaf's options, read and checked."""

    ratio: int = 1
    replace: bool = True
    caliper: float | None = None
    exact: tuple[str, ...] = ()
    distance: str = "score"
    order: str = "largest"
    side: str = "both"
    adjusted: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Field:
    """Who seeks among whom, parted by the cells of `exact`.

    seeks, pool: rows by ascending score, one array a cell. along: (n,) score; sd: its standard
    deviation among them. weight: (n,) of the survey.
    """

    seeks: list[Rows]
    pool: list[Rows]
    along: Array
    sd: float
    weight: Array


@dataclass(frozen=True, eq=False, slots=True)
class Search:
    """Children matched to children of one arm.

    member: (n,) survey weight of the children the answer is for. use: (n,) how much each child of
    the arm stands for, summing to the sum of `member`. along: (n,) the score they were matched on,
    NaN for children of no concern. away: mean distance, in standard deviations. matched, lacking:
    children who sought and found, or found none. pairs: (rows of those who sought, rows of their
    matches, shares) where each child is taken once.
    """

    member: Array
    use: Array
    along: Array
    away: float
    matched: int
    lacking: int
    pairs: tuple[Rows, Rows, Array] | None = None


def wish(options: Mapping[str, object]) -> Wish:
    """Return the options. Raises UsageError naming each that has the wrong type or value."""
    reads = Options("matching", options)
    found = Wish(
        ratio=reads.whole("ratio", 1, least=1),
        replace=reads.flag("replace", True),
        caliper=None
        if options.get("caliper") is False
        else reads.number(
            "caliper",
            "a number above 0, in standard deviations of the score, such as 0.2 (leave it out for "
            "none)",
            allowed=lambda value: value > 0,
        ),
        exact=reads.names("exact"),
        distance=reads.word("distance", DISTANCES),
        order=reads.word("order", ORDERS),
        side=reads.word("side", SIDES),
        adjusted=reads.flag("bias_adjust"),
    )
    if found.order == "smallest" and found.side == "below":
        reads.blame("side: below goes with order: largest. Mend: leave one out.")
    elif found.replace and (found.order, found.side) != (ORDERS[0], SIDES[0]):
        reads.blame(
            "order and side say who chooses first and from where; where a child may be the match "
            "of several nobody has to wait. Mend: leave them out, or replace: false."
        )
    reads.finish()
    return found


def donors_of(task: Task, asked: Wish) -> set[int]:
    """Return the arms from which matches are drawn, for every term."""
    donors = set()
    for term in task.terms:
        focal = focal_arm(term, asked)
        donors |= {task.cohort.arms.index(name) for name, _ in term.contrast if name != focal}
    return donors


def beyond_arm(task: Task, asked: Wish, donor: int) -> str:
    """Return the fault of a ratio that is more than an arm has children, empty where it is not."""
    held = int(np.count_nonzero(task.cohort.arm == donor))
    if asked.ratio <= held:
        return ""
    return (
        f"ratio: {asked.ratio} matches for each child are asked for, and arm "
        f"{task.cohort.arms[donor]} has {held} children. Mend: a smaller ratio."
    )


def focal_arm(term: Term, asked: Wish) -> str | None:
    """Return the arm whose children seek matches, or None where all children do.

    Raises UsageError where options and target do not go together.
    """
    if len({name for name, _ in term.contrast}) != 2 or len(term.contrast) != 2:
        raise UsageError("estimators: matching compares two arms at a time.")
    kind = term.target.kind
    if (asked.caliper is not None) != (kind == "matched"):
        raise UsageError(
            "estimators: matching: with a caliper the answer is for the children for whom a match "
            f"was found (target matched), without one it never is; found target {kind}."
        )
    if kind == "ate":
        if not asked.replace:
            raise UsageError(
                "estimators: matching: target ate goes with replace: true only, since every child "
                "seeks a match in the other arm. Mend: leave replace out, or target att or atu."
            )
        return None
    if kind in ("att", "matched"):
        return term.contrast[0][0]
    if kind == "atu":
        return term.contrast[-1][0]
    raise UsageError(f"estimators: matching does not answer target {kind}; use att, atu or ate.")


def search(task: Task, asked: Wish, *, donor: int, focal: int | None) -> Search:
    """Return who is matched to children of the arm `donor`: those of `focal`, or all the others.

    The score is that of all arms: of two, the probability of the focal arm given that it is one of
    the two; for all children, the probability of the donor's arm (Yang et al. 2016, Biometrics
    72:1055). Raises TooFew where some child of the target finds no match.
    """
    cohort = task.cohort
    if beyond := beyond_arm(task, asked, donor):
        raise TooFew(f"matching: {beyond}")
    rows: Rows | slice = slice(None)  # every row as it stands, of which numpy takes no copy
    if focal is not None and len(cohort.arms) > 2:
        rows = np.flatnonzero((cohort.arm == focal) | (cohort.arm == donor))
    rows = in_order_of_children(rows, cohort.unit)
    field = _field(task, asked, rows, donor=donor, focal=focal)
    found = (_with_replacement if asked.replace else _without_replacement)(field, asked)
    if found.lacking and asked.caliper is None:
        raise TooFew(_lacking(task, asked, found, donor=donor))
    if found.matched == 0:
        raise TooFew(
            f"matching: no child found a match in arm {cohort.arms[donor]}. Mend: a wider caliper, "
            "fewer columns under exact, or leave matching out."
        )
    if focal is None:
        own = np.where(cohort.arm == donor, field.weight, 0.0)
        found = replace(found, member=found.member + own, use=found.use + own)
    return found


def _field(task: Task, asked: Wish, rows: Rows | slice, *, donor: int, focal: int | None) -> Field:
    cohort = task.cohort
    along = np.full(cohort.n, np.nan)
    found, order = ranked(_along(task, rows, asked.distance, donor=donor, focal=focal))
    along[rows] = found
    sd = (float(np.std(found, ddof=1)) if len(found) > 1 else 0.0) or 1.0
    # Ascending, so that every later search and sort finds its way at once.
    rows = order if isinstance(rows, slice) else rows[order]
    mine = cohort.arm[rows] == donor
    strata = _strata(task, asked)
    seeks, pool = _parts(rows[~mine], strata), _parts(rows[mine], strata)
    return Field(seeks, pool, along, sd, survey_weight(task))


def in_order_of_children(rows: Rows | slice, unit: Codes) -> Rows | slice:
    """Return the rows so that ties fall to children in the order of the records, not of rows."""
    own = unit[rows]
    if np.all(own[1:] >= own[:-1]):
        return rows
    order = np.argsort(own, kind="stable")
    return order if isinstance(rows, slice) else rows[order]


def _along(
    task: Task, rows: Rows | slice, distance: str, *, donor: int, focal: int | None
) -> Array:
    probability = score(task).probability
    mine = probability[rows, donor]
    other = 1.0 - mine if focal is None else probability[rows, focal]
    if distance == "linear":
        tiny = np.finfo(float).tiny
        return np.asarray(np.log(np.maximum(other, tiny)) - np.log(np.maximum(mine, tiny)))
    return np.asarray(other if focal is None else other / (mine + other))


def _strata(task: Task, asked: Wish) -> Codes | None:
    """Return (n,) codes of the cells of the columns to be matched exactly, or None."""
    if not asked.exact:
        return None
    cells = np.zeros(task.cohort.n, dtype=np.int64)
    for column in option_columns(task, "matching", "exact").values():
        codes, keys = recode(np.unique(column.values, return_inverse=True)[1])
        cells = recode(cells * len(keys) + codes)[0].astype(np.int64)
    return cells


def _parts(rows: Rows, strata: Codes | None) -> list[Rows]:
    """Return the rows by stratum, each in the order given."""
    if strata is None:
        return [rows]
    own = strata[rows]
    order = np.argsort(own, kind="stable")
    ends = np.cumsum(np.bincount(own, minlength=int(strata.max()) + 1))[:-1]
    return list(np.split(rows[order], ends))


def _with_replacement(field: Field, asked: Wish) -> Search:
    """Return the nearest `ratio` of each, all at the same distance shared alike."""
    along, weight = field.along, field.weight
    member, use = np.zeros(len(along)), np.zeros(len(along))
    rule = _rule(field, asked)
    total, matched, lacking = 0.0, 0, 0
    for mine, pool in zip(field.seeks, field.pool, strict=True):
        lo, hi = nearest_windows(along[mine], along[pool], count=asked.ratio, rule=rule)
        some = hi > lo
        own = np.where(some, weight[mine], 0.0)
        member[mine] = own
        use[pool] = window_use(lo, hi, weight=own, pool_weight=weight[pool])
        matched += int(some.sum())
        lacking += int((~some).sum())
        if some.any():
            middle = 0.5 * (along[pool[lo[some]]] + along[pool[hi[some] - 1]])
            total += float(np.abs(along[mine[some]] - middle) @ own[some])
    away = total / field.sd / max(float(member.sum()), 1e-300)
    return Search(member, use, along, away, matched, lacking)


def _without_replacement(field: Field, asked: Wish) -> Search:
    """Return the greedy matching, each child taken once, in as many passes as the ratio says."""
    along, weight, n = field.along, field.weight, len(field.along)
    sign = 1.0 if asked.order == "largest" else -1.0
    found = [
        _passes(field, asked, seeks=mine, pool=theirs, along=sign * along)
        for mine, theirs in zip(field.seeks, field.pool, strict=True)
    ]
    who, whom, amount = (np.concatenate([each[i] for each in found]) for i in range(3))
    taken = np.bincount(who, weights=amount, minlength=n)
    share = amount / taken[who]
    use = np.bincount(whom, weights=share * weight[who], minlength=n).astype(np.float64)
    member = np.where(taken > 0, weight, 0.0)
    total = float((np.abs(along[who] - along[whom]) * share) @ weight[who])
    away = total / field.sd / max(float(member.sum()), 1e-300)
    matched = int(np.count_nonzero(taken))
    lacking = sum(len(each) for each in field.seeks) - matched
    return Search(member, use, along, away, matched, lacking, (who, whom, share))


def _passes(
    field: Field, asked: Wish, *, seeks: Rows, pool: Rows, along: Array
) -> tuple[Rows, Rows, Array]:
    """Return (seeker, match, amount): everyone's first match before anyone's second."""
    high, low = along[seeks], along[pool]
    order, rising = np.argsort(-high, kind="stable"), np.argsort(low, kind="stable")
    seeks, high, pool, low = seeks[order], high[order], pool[rising], low[rising]
    rule, need, left = _rule(field, asked), field.weight[seeks], field.weight[pool]
    alike = len(need) == 0 or bool(np.all(need == need[0]) and np.all(left == need[0]))
    found: list[tuple[Rows, Rows, Array]] = []
    for _ in range(asked.ratio):
        if alike:
            at = nearest_free(high, low, rule=rule)
            some = at >= 0
            found.append((seeks[some], pool[at[some]], np.ones(int(some.sum()))))
            if asked.ratio > 1:
                pool, low = np.delete(pool, at[some]), np.delete(low, at[some])
        else:
            i, j, amount = share_free(high, need, pool=low, capacity=left, rule=rule)
            found.append((seeks[i], pool[j], amount))
            left = np.maximum(left - np.bincount(j, weights=amount, minlength=len(left)), 0.0)
    who, whom, amount = (np.concatenate([each[i] for each in found]) for i in range(3))
    return who, whom, amount


def _rule(field: Field, asked: Wish) -> Rule:
    reach = np.inf if asked.caliper is None else asked.caliper * field.sd
    return Rule(reach, EQUAL * field.sd, asked.side == "below")


def _lacking(task: Task, asked: Wish, found: Search, *, donor: int) -> str:
    """Say that some child of the target has no match, so that it would be another target."""
    mend = "a caliper (0.2, say), with which the answer is for the children who have a match."
    return (
        f"matching: {found.lacking} of the {found.lacking + found.matched} children the answer is "
        f"for find no match in arm {task.cohort.arms[donor]}"
        + ("" if asked.replace else ", whose children are taken once each")
        + (", within the cells of exact" if asked.exact else "")
        + f". Mend: {'' if asked.replace else 'replace: true, or '}{mend}"
    )


def matched_sets(task: Task, term: Term, found: Search) -> MatchedSets | None:
    """Return the sets of one child who sought and those it took, or None where children are
    shared by any number of sets.
    """
    if found.pairs is None:
        return None
    who, whom, share = found.pairs
    codes, heads = recode(who)
    first = task.cohort.arms.index(term.contrast[0][0])
    rows = np.concatenate([heads, whom])
    return MatchedSets(
        np.concatenate([np.arange(len(heads)), codes]),
        rows,
        task.cohort.arm[rows] == first,
        np.concatenate([np.ones(len(heads)), share]),
    )
