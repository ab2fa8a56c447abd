"""Which arm a child is in: what was recorded by time zero, when it began and how much it was."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from fingerpost.cohorts.linked._known import ZERO, Frame, known_by
from fingerpost.core.linked import LEVELS, Dose, Linked, Strategy
from fingerpost.engines._shared import day_number
from fingerpost.outcomes._query import CHILD

ARM = "arm"
TESTS = {
    "at_least": lambda value, bound: value >= bound,
    "at_most": lambda value, bound: value <= bound,
    "below": lambda value, bound: value < bound,
    "above": lambda value, bound: value > bound,
}


def doses(linked: Linked, store: Any, zero: Frame) -> Frame | None:
    """Return planned minutes a week and weeks, and the share delivered, as known by time zero;
    None where no strategy asks.

    zero: `child_id` and `zero_day`. Lines of a plan that had begun by time zero are summed.
    """
    asked = {one.measure for _, strategy in linked.strategies for one in strategy.dose}
    if not asked:
        return None
    planned = known_by(store.frame("provision_plan"), zero)
    begun = planned.filter(day_number(nw.col("start_date")) <= nw.col(ZERO))
    weekly = nw.col("sessions_per_week") * nw.col("minutes_per_session")
    found = begun.group_by(CHILD).agg(
        weekly.sum().alias("minutes_a_week"), nw.col("planned_weeks").max()
    )
    if "delivered_share" not in asked:
        return found
    given = known_by(store.frame("provision_delivered"), zero).group_by(CHILD)
    share = nw.col("sessions_attended").sum() / nw.col("sessions_offered").sum()
    return found.join(given.agg(share.alias("delivered_share")), on=CHILD, how="left")


def arm_of(linked: Linked) -> nw.Expr:
    """Return the arm of each child, null where it followed none of the strategies."""
    chosen = nw.lit(None, dtype=nw.String)
    for arm, strategy in reversed(linked.strategies):
        chosen = nw.when(follows(strategy)).then(nw.lit(arm)).otherwise(chosen)
    return chosen.alias(ARM)


def follows(strategy: Strategy) -> nw.Expr:
    """Return whether a child followed a strategy by time zero."""
    places = [LEVELS.index(name) for name in strategy.levels]
    test = nw.col("level").is_in(places)
    wait = nw.col("provided_term") - nw.col("concern_term")
    if strategy.within is not None:
        test = test & (wait <= strategy.within)
    if strategy.after is not None:
        test = test & (wait >= strategy.after)
    for one in strategy.dose:
        test = test & met(one)
    return test


def met(dose: Dose) -> nw.Expr:
    """Return whether a child's dose meets a condition."""
    found: nw.Expr = TESTS[dose.test](nw.col(dose.measure), dose.value)
    return found
