"""Who comes into a trial on an England: children in random order, or schools and areas whole.

Where clusters are drawn their register is made of the records: one row for each that holds a child
who could take part, with the number of these (`children`) and the means of what is known of them.
Every such child of a drawn cluster takes part. Where children are drawn within clusters, clusters
come one after another and each brings all its children, until there are as many as are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.allocation import Allocation, Arrived
from fingerpost.core.errors import UsageError, listed
from fingerpost.core.leaves import Procedure
from fingerpost.core.rollout import Frame
from fingerpost.core.study import Study
from fingerpost.core.trial import Trial
from fingerpost.studies.rollouts.frozen import BETWEEN
from fingerpost.studies.trials.designing import procedure_of, randomised_of, trial_of
from fingerpost.studies.trials.units import stratum_codes

Whole = NDArray[np.int64]
Columns = Mapping[str, NDArray[Any]]
LEVELS = ("school", "la")  # of clusters that an England has
CHILDREN = "children"  # the column of a register that is made here
NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False, slots=True)
class Come:
    """Who takes part. rows: (m,) places among the children who could; of: (m,) the unit of each,
    among those that are drawn; units: as the design sees them; names: (u,) what they are called.
    """

    rows: Whole
    of: Whole
    units: Arrived | Frame
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Arms:
    """What was drawn. allocation: of units; stratum: (m,) what each child was drawn within, by
    name, where the records themselves hold no such column; () otherwise.
    """

    allocation: Allocation
    arm: Whole
    stratum: tuple[str, ...]


def level_of(study: Study) -> str | None:
    """Return the level of clusters that is drawn, None where children are.

    Raises UsageError for a level that no England has.
    """
    unit = randomised_of(study).unit
    if unit in (None, "child"):
        return None
    if unit not in LEVELS:
        raise UsageError(
            f'assignment.randomised.unit: "{unit}" is nothing that an England has. Allowed: child, '
            f"{listed(LEVELS)}."
        )
    return unit


def unit_words(study: Study, count: int) -> str:
    """Return how many units there are, in words."""
    name = {None: "children", "school": "schools", "la": "local authorities"}[level_of(study)]
    return f"{count:,} {name}"


def available(study: Study, columns: Columns) -> int:
    """Return how many units of the draw hold a child who could take part."""
    level = level_of(study)
    held = columns["child_id" if level is None else level]
    return len(held) if level is None else len(np.unique(held))


def check_coming(study: Study) -> None:
    """Raise UsageError where a study draws what cannot be drawn on an England."""
    level, procedure = level_of(study), procedure_of(study)
    if procedure.periods:
        raise UsageError(
            "assignment.randomised.design: what children are given one after the other is not "
            "enacted on an England, where a child has one provision."
        )
    if level is not None and procedure.draw is None:
        raise UsageError(
            "assignment.randomised.design: clusters that come one by one are not drawn on an "
            "England. Name a design that draws a register, cluster or matched_pairs."
        )
    if level is None and procedure.draw is not None:
        raise UsageError(
            "assignment.randomised.unit: this design draws a register of clusters. Write unit: "
            "school, or unit: la."
        )


def come(
    study: Study,
    columns: Columns,
    *,
    size: int | None,
    random: np.random.Generator,
    codes_of: Callable[[Trial, Columns, Whole], Whole],
) -> Come:
    """Return who takes part. size: units that are drawn, all where nothing is said. codes_of:
    levels of what is known of children. Raises UsageError where an England holds too few.
    """
    check_coming(study)
    held = available(study, columns)
    wanted = held if size is None else size
    if wanted > held:
        raise UsageError(
            f"trial.size: {unit_words(study, wanted)} are asked, and {held:,} of this England "
            "could take part. Build a larger one, or ask fewer (--units N, where there is one)."
        )
    level = level_of(study)
    if level is not None:
        return whole_clusters(study, columns, level=level, size=wanted, random=random)
    if procedure_of(study).within:
        rows = by_cluster(columns["school"], size=wanted, random=random)
    else:
        rows = random.choice(held, size=wanted, replace=False).astype(np.int64)
    known = codes_of(trial_of(study), columns, rows)
    cluster = np.unique(columns["school"][rows], return_inverse=True)[1].astype(np.int64)
    units = Arrived(known, stratum_codes(study, known), cluster, NONE)
    names = tuple(str(child) for child in columns["child_id"][rows])
    return Come(rows, np.arange(len(rows)), units, names)


def by_cluster(cluster: NDArray[Any], *, size: int, random: np.random.Generator) -> Whole:
    """Return (size,) children: clusters in random order, each with all its children in random
    order, the last with as many as are still asked.
    """
    codes, count = np.unique(cluster, return_inverse=True)[1], len(np.unique(cluster))
    rank = random.permutation(count)[codes]
    order = np.lexsort((random.random(len(codes)), rank))
    return order[:size].astype(np.int64)


def whole_clusters(
    study: Study, columns: Columns, *, level: str, size: int, random: np.random.Generator
) -> Come:
    """Return clusters at random, with every child of theirs who could take part."""
    held, of = np.unique(columns[level], return_inverse=True)
    chosen = np.sort(random.choice(len(held), size=size, replace=False))
    place = np.full(len(held), -1, dtype=np.int64)
    place[chosen] = np.arange(size)
    rows = np.flatnonzero(place[of] >= 0).astype(np.int64)
    own = place[of][rows]
    names = tuple(str(one) for one in held[chosen])
    return Come(rows, own, register(study, columns, names, rows=rows, of=own), names)


def register(
    study: Study, columns: Columns, names: tuple[str, ...], *, rows: Whole, of: Whole
) -> Frame:
    """Return the register of clusters. Raises UsageError with every column that none can have."""
    trial, faults = trial_of(study), list[str]()
    many = np.bincount(of, minlength=len(names))
    limits = trial.draw.limits
    wanted = (*trial.draw.balance, *trial.match, *(one.column for one in limits if one.column))
    numbers, labels = {}, {}
    for name in dict.fromkeys(wanted):
        if name == CHILDREN:
            numbers[name] = many.astype(np.float64)
        elif name not in columns or columns[name].dtype.kind not in "iufb":
            faults.append(
                f"trial: {name} is no number that this England tells of clusters. There are "
                f"{CHILDREN}, and the means of what is given: {listed(numeric(columns))}."
            )
        else:
            numbers[name] = means(columns[name][rows], of, len(names))
            unknown = int(np.isnan(numbers[name]).sum())
            if unknown:
                faults.append(
                    f"trial: {name} is recorded for no child in {unknown:,} of {len(names):,} "
                    "clusters, so they have no mean of it. Balance or match by what all have."
                )
    strata = randomised_of(study).strata
    for name in dict.fromkeys((*strata, *(one.where[0] for one in limits if one.where))):
        told = label_of(columns, name, rows=rows, of=of)
        if told is None:
            faults.append(f"{name}: it is not the same for all children of a cluster.")
        else:
            labels[name] = told
    if faults:
        raise UsageError(faults)
    called = [BETWEEN.join(row) for row in zip(*(labels[name] for name in strata), strict=True)]
    kinds = tuple(dict.fromkeys(called))
    code = [kinds.index(name) for name in called] if called else [0] * len(names)
    return Frame(names, np.array(code, dtype=np.int64), numbers, labels=labels, stratum_names=kinds)


def means(values: NDArray[Any], of: Whole, clusters: int) -> NDArray[np.float64]:
    """Return (clusters,) means of what is recorded, NaN where nothing is. of: cluster of each.

    >>> means(np.array([100.0, np.nan, np.nan]), np.array([0, 0, 1]), 2).tolist()
    [100.0, nan]
    """
    seen = np.isfinite(values)
    count = np.bincount(of[seen], minlength=clusters)
    total = np.bincount(of[seen], weights=values[seen], minlength=clusters)
    return np.round(np.divide(total, count, out=np.full(clusters, np.nan), where=count > 0), 6)


def numeric(columns: Columns) -> list[str]:
    """Return the columns that hold numbers of children."""
    return [
        name
        for name, held in columns.items()
        if held.dtype.kind in "iufb" and name not in ("child_id", "urn", *LEVELS)
    ]


def label_of(columns: Columns, name: str, *, rows: Whole, of: Whole) -> NDArray[Any] | None:
    """Return (u,) words of clusters; None where children of one differ, or nothing tells."""
    if name not in columns:
        return None
    told = np.array([str(value) for value in columns[name][rows]])
    found = np.empty(of.max() + 1, dtype=told.dtype)
    found[of] = told
    return found if np.array_equal(found[of], told) else None


def draw_arms(study: Study, who: Come, seed: bytes) -> Arms:
    """Return what a study's own procedure draws, to the byte."""
    trial, procedure = trial_of(study), procedure_of(study)
    if procedure.draw is not None:
        made = procedure.draw(trial, who.units, seed)  # type: ignore[arg-type]
        arm = np.asarray(made.code, dtype=np.int64)
        within = tuple(made.strata[at] for at in who.of) if made.strata else ()
        return Arms(made, arm[who.of], within)
    arm = np.asarray(procedure.replay(trial, who.units, seed, 1, exact=True)[0], dtype=np.int64)
    names = tuple(one.name for one in trial.arms)
    shares = np.array([one.share for one in trial.arms], dtype=np.float64)
    chance = np.tile(shares / shares.sum(), (len(arm), 1))
    if procedure.chances is not None:
        chance = np.asarray(procedure.chances(trial, who.units))
    return Arms(Allocation(who.names, names, arm, chance), arm, within_of(study, who, procedure))


def within_of(study: Study, who: Come, procedure: Procedure) -> tuple[str, ...]:
    """Return what each child was drawn within, where no column of the records says it: its cluster,
    or the time in which it came; and its stratum.
    """
    units, trial = who.units, trial_of(study)
    within = procedure.within and not procedure.across
    if not isinstance(units, Arrived) or not (within or procedure.period):
        return ()
    if procedure.period is not None:
        parts = [procedure.period(trial, at) for at in range(len(units.stratum))]
    else:
        parts = [f"cluster {own}" for own in units.cluster]
    if not randomised_of(study).strata:
        return tuple(parts)
    return tuple(f"{part}{BETWEEN}{own}" for part, own in zip(parts, units.stratum, strict=True))
