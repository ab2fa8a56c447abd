"""A new trial each school year: the same children asked again, until they are provided for.

Each eligible child at each time zero is a row. A child who has not been provided for in an earlier
school year may enter again the next; its eligibility, arm and covariates are read anew, as they
were known on that day. The child is a cluster of its own, and its school and local authority are
those of its first trial, so that all its rows lie within one cluster of any level.

Reference: Hernán, Alonso, Logan et al. (2008), Epidemiology 19:766-779; Danaei, García Rodríguez,
Cantero et al. (2013), Statistical Methods in Medical Research 22:70-96.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from fingerpost.core.flow import Flow
from fingerpost.core.linked import Linked, TimeZero
from fingerpost.outcomes._query import CHILD

TRIAL = "trial"
COUNTS = "child-trials"
PLACE = "place of the trial"


@dataclass(frozen=True, eq=False, slots=True)
class Trial:
    """One trial. table: one row an eligible child, in order of child. flow: from the children in
    the records to those rows.
    """

    table: pl.DataFrame
    flow: Flow


def trials(linked: Linked) -> tuple[Linked, ...]:
    """Return what is asked at each time zero, in order: once, unless trials repeat.

    >>> [one.zero.year for one in trials(Linked(zero=TimeZero(1, "spring", 3)))]
    [1, 2, 3]
    """
    zero = linked.zero
    if not zero.repeated:
        return (linked,)
    return tuple(
        replace(linked, zero=TimeZero(year, zero.census, last=year)) for year in zero.years
    )


def stacked(made: Sequence[Trial], levels: Sequence[str]) -> Trial:
    """Return the trials as one table and one flow; the one trial where there is one.

    levels: the columns of clusters; each becomes what it was at a child's first trial. Steps of the
    flow that bear one reason are added up over the trials.
    """
    if len(made) == 1:
        return made[0]
    table = pl.concat(
        [one.table.with_columns(pl.lit(at).alias(PLACE)) for at, one in enumerate(made)]
    ).sort(CHILD, PLACE)
    first = [pl.col(level).first().over(CHILD).alias(level) for level in levels]
    return Trial(table.with_columns(first).drop(PLACE), summed([one.flow for one in made]))


def summed(flows: Sequence[Flow]) -> Flow:
    """Return the flow of all trials together, step by step; a step that some of them do not have
    took nobody out of those.

    >>> one = Flow(10).then("no school", 2)
    >>> summed([one, Flow(10).then("no school", 3)]).steps[0].remaining
    15
    """
    left: dict[str, int] = {}
    order: list[str] = []
    for flow in flows:
        place = 0
        for step in flow.steps:
            if step.reason not in left:
                order.insert(place, step.reason)
            place = order.index(step.reason) + 1
            left[step.reason] = left.get(step.reason, 0) + step.left
    whole = Flow(sum(flow.start for flow in flows), counts=COUNTS)
    for reason in order:
        whole = whole.then(reason, left[reason])
    return whole
