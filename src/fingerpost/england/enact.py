"""Enacting an allocation: the records of the same children under another provision.

The children, their health, their need and their luck stay; what is provided to whom, from when and
how much is as allocated. A roll-out, a trial or a policy is an allocation over time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fingerpost.core.errors import UsageError
from fingerpost.england import _days, build
from fingerpost.england._draws import Flags, Ints
from fingerpost.england.health import FAR
from fingerpost.england.model import EHCP, NONE, PLAN_STRENGTH, STRENGTH, SUPPORT
from fingerpost.england.provision import Provision, first_days
from fingerpost.england.strength import strength_of
from fingerpost.england.world import World, unaided

if TYPE_CHECKING:
    import pyarrow as pa

UNTOUCHED = -1


@dataclass(frozen=True, slots=True)
class Allocation:
    """Who is provided with what, from when: arrays (n,) over the children of one block.

    level: none, support or plan (0, 1, 2); `UNTOUCHED` (−1) leaves a child as it would have been.
    start: day number on which provision begins; ignored for none. end: day it ends, none where not
    given. planned, delivered: positions in `STRENGTH` of planned minutes and share delivered; as
    the child's own luck has it where not given. concern: day of the concern of a child about
    whom none was raised before provision; the day provision begins where not given. acts: provision
    acts from the day it begins, in whatever year; otherwise only if it begins by the Year 1 spring
    census, and from then.
    """

    level: Ints
    start: Ints
    end: Ints | None = None
    planned: Ints | None = None
    delivered: Ints | None = None
    concern: Ints | None = None
    acts: bool = True


def everyone(world: World, level: int) -> Allocation:
    """Return the allocation of one level to every child, as soon and as much as its luck has it.

    Its outcomes are draws about the potential outcomes of that arm.
    """
    arm = np.full(world.size, level)
    concern, start = first_days(world.families, world.chances, arm, arm >= NONE)
    return Allocation(arm, start, concern=concern, acts=False)


def by_place(world: World, starts: dict[int, int], *, level: int = SUPPORT) -> Allocation:
    """Return the allocation of a level to every child of some authorities from a day.

    starts: position of the authority → day number. Children elsewhere are left as they would be,
    and so are those who would have been provided for before that day.
    """
    begins = np.full(len(world.places.la_region), FAR)
    for la, day in starts.items():
        begins[la] = day
    start = np.maximum(begins[world.families.la], first_school_day(world))
    would = unaided(world)
    reached = (start < last_school_day(world)) & (would.start_day > start)
    return Allocation(np.where(reached, level, UNTOUCHED), start)


def first_school_day(world: World) -> Ints:
    """Return the first day of Reception of each child."""
    return _days.days("first", world.families.reception, np.zeros(world.size, dtype=np.int64))


def last_school_day(world: World) -> Ints:
    """Return the last day of Year 6 of each child."""
    return _days.days("last", world.families.reception, np.full(world.size, _days.COUNT - 1))


def enact(world: World, allocation: Allocation) -> Provision:
    """Return the provision of the same children under an allocation.

    Raises UsageError where the allocation is not one value a child, or a level is unknown.
    """
    check(world, allocation)
    would = unaided(world)
    touched = allocation.level != UNTOUCHED
    given = touched & (allocation.level > NONE)
    n = world.size
    start = np.where(given, allocation.start, FAR)
    zero = _days.days("census", world.families.reception, np.full(n, _days.ZERO))
    sudden = given & (would.concern_day > start)
    raised = start if allocation.concern is None else allocation.concern
    concern = np.where(sudden, raised, would.concern_day)
    planned = own(allocation.planned, would.planned, given)
    delivered = own(allocation.delivered, would.delivered, given)
    delay = np.where(given, terms_between(concern, start), would.delay)
    strength = strength_of(delay, planned, delivered)
    strength *= np.where(allocation.level == EHCP, PLAN_STRENGTH, 1.0) * given
    in_time = start <= zero
    acts = start if allocation.acts else np.where(in_time, zero, FAR)
    end = FAR if allocation.end is None else allocation.end
    return replace(
        would,
        arm=np.where(touched, np.where(given & in_time, allocation.level, NONE), would.arm),
        concerned=would.concerned | (given & (concern <= zero)),
        concern_day=concern,
        referral_day=np.where(sudden, raised, np.minimum(would.referral_day, start)),
        identified_day=np.where(
            given, np.minimum(would.identified_day, start), would.identified_day
        ),
        start_day=np.where(touched, start, would.start_day),
        end_day=np.where(touched, np.where(given, end, FAR), would.end_day),
        plan_day=np.where(touched, np.where(allocation.level == EHCP, start, FAR), would.plan_day),
        delay=delay,
        planned=planned,
        delivered=delivered,
        strength=np.where(touched, strength, would.strength),
        acts_day=np.where(touched, np.where(given, acts, FAR), would.acts_day),
    )


def own(asked: Ints | None, else_: Ints, given: Flags) -> Ints:
    """Return what was asked for children who are given provision, and their own otherwise."""
    return else_ if asked is None else np.where(given, asked, else_)


def terms_between(concern: Ints, start: Ints) -> Ints:
    """Return the terms from concern to provision, at most as many as strength tells apart."""
    terms = term_number(start) - term_number(concern)
    return terms.clip(0, len(STRENGTH.by_delay) - 1)


def term_number(day: Ints) -> Ints:
    """Return the term of a day, as a number that rises by one a term.

    >>> term_number(np.array([0, 100, 260])).tolist()
    [5911, 5912, 5913]
    """
    months = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    year, month = months // 12 + 1970, months % 12 + 1
    autumn = month >= 9
    return 3 * (year + autumn) + np.where(autumn, 0, np.where(month < 4, 1, 2))


def check(world: World, allocation: Allocation) -> None:
    """Refuse an allocation that does not fit the block, all faults at once."""
    faults = [
        f"The allocation's {name} is not one value for each of the {world.size:,} children."
        for name in ("level", "start", "end", "planned", "delivered", "concern")
        if getattr(allocation, name) is not None and len(getattr(allocation, name)) != world.size
    ]
    if not faults and not np.isin(allocation.level, (UNTOUCHED, NONE, SUPPORT, EHCP)).all():
        faults.append("A level is none of −1 (as it would be), 0 (none), 1 (support), 2 (plan).")
    if faults:
        raise UsageError(faults)


def records(world: World, allocation: Allocation) -> Iterator[tuple[str, pa.Table]]:
    """Yield the tables of the records that the allocation would leave."""
    yield from build.recorded(world, enact(world, allocation))
