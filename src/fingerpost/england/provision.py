"""Concern, referral, wait, identification and provision; and what comes after Year 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.england import _days
from fingerpost.england._draws import Flags, Floats, Ints, choose, expit, source
from fingerpost.england.families import Families
from fingerpost.england.health import FAR, Health
from fingerpost.england.model import EHCP, LATER, NEED, NONE, PLAN, PLAN_STRENGTH, STRENGTH, SUPPORT
from fingerpost.england.needs import Needs
from fingerpost.england.places import Places
from fingerpost.england.strength import delay_shares, strength_of

# The term of the first possible concern, counted from Reception autumn.
FIRST_TERM = _days.ZERO + 1 - len(STRENGTH.concern_terms)
LATER_YEARS = len(LATER.starts)


@dataclass(frozen=True, slots=True)
class Chances:
    """What decides a child's way to provision and nobody chooses, in arrays (n,) of one block.

    concern, provided, plan: uniforms. term: term in which a first concern falls if there is one,
    from Reception autumn. delay: terms from concern to provision if provided for by Year 1 spring.
    planned, delivered: positions in `STRENGTH`. days: (n, 4) uniforms that place dates in terms.
    starts, ends, plans: (n, 5) uniforms of each year from Year 2. when: (n, 5) terms within it.
    """

    concern: Floats
    provided: Floats
    plan: Floats
    term: Ints
    delay: Ints
    planned: Ints
    delivered: Ints
    days: Floats
    starts: Floats
    ends: Floats
    plans: Floats
    when: Ints


@dataclass(frozen=True, slots=True)
class Provision:
    """Concern and provision of one block of children, in arrays (n,); days are day numbers.

    arm: none, support or plan at the Year 1 spring census. concerned: a concern was raised by then.
    concern_day, referral_day, identified_day: `FAR` where there is none. start_day: provision
    began; `FAR` where not yet. end_day: support ended. plan_day: a plan began. delay, planned,
    delivered: as in `Chances`, for those provided for. strength: of provision, 0 where it acts on
    nothing. acts_day: from when it acts on outcomes; `FAR` where never.
    """

    arm: Ints
    concerned: Flags
    concern_day: Ints
    referral_day: Ints
    identified_day: Ints
    start_day: Ints
    end_day: Ints
    plan_day: Ints
    delay: Ints
    planned: Ints
    delivered: Ints
    strength: Floats
    acts_day: Ints

    def level(self, day: Ints) -> Ints:
        """Return none, support or plan on a day: (n, m) for days (n, m)."""
        support = (self.start_day[:, None] <= day) & (day < self.end_day[:, None])
        plan = self.plan_day[:, None] <= day
        return np.where(plan, EHCP, np.where(support, SUPPORT, NONE))


def chances(families: Families, places: Places, *, seed: int, block: int) -> Chances:
    """Return the draws of one block."""
    rng = source(seed, block, "provision")
    n = families.size
    at = choose(rng.random(n), STRENGTH.concern_terms)
    shares = np.cumsum(delay_shares()[places.la_wait[families.la], at], axis=1)
    delay = (rng.random(n)[:, None] > shares).sum(axis=1)
    return Chances(
        concern=rng.random(n),
        provided=rng.random(n),
        plan=rng.random(n),
        term=FIRST_TERM + at,
        delay=np.minimum(delay, len(STRENGTH.concern_terms) - 1 - at),
        planned=choose(rng.random(n), STRENGTH.planned_share),
        delivered=choose(rng.random(n), STRENGTH.delivered_share),
        days=rng.random((n, 4)),
        starts=rng.random((n, LATER_YEARS)),
        ends=rng.random((n, LATER_YEARS)),
        plans=rng.random((n, LATER_YEARS)),
        when=rng.integers(0, 3, (n, LATER_YEARS)),
    )


def arms(
    families: Families, health: Health, needs: Needs, places: Places, drawn: Chances
) -> tuple[Ints, Flags]:
    """Return the arm at the Year 1 spring census, and who had a concern raised by then.

    Without a marker a plan has one small chance, and support and concern follow the log-odds: a
    concern with odds larger by the declared shift, and provision given a concern so that
    provision over all children follows the log-odds exactly.
    """
    support, concern = expit(needs.log_odds), expit(needs.log_odds + NEED.concern)
    concerned = drawn.concern < concern
    arm = np.where(concerned & (drawn.provided * concern < support), SUPPORT, NONE)
    arm = np.where(drawn.plan < PLAN.unmarked, EHCP, arm)
    habit = np.log(PLAN.marked / (1.0 - PLAN.marked)) + places.la_plan_habit[families.la]
    marked = np.where(
        drawn.plan < expit(habit), EHCP, np.where(drawn.plan < 1.0 - PLAN.neither, SUPPORT, NONE)
    )
    marked = np.where(health.special, EHCP, marked)
    arm = np.where(health.marked, marked, arm)
    return arm, np.asarray(concerned | health.marked | (arm > NONE))


def make(
    families: Families,
    health: Health,
    needs: Needs,
    places: Places,
    drawn: Chances,
    *,
    late: float = 0.0,
) -> Provision:
    """Return what happens when nobody intervenes.

    late: what the strength of provision begun after Year 1 spring is multiplied by.
    """
    arm, concerned = arms(families, health, needs, places, drawn)
    concern_day, start_day = first_days(families, drawn, arm, concerned)
    later = after_year_1(families, health, needs, drawn, arm)
    concern_day = np.where(concerned, concern_day, later.concern_day)
    start_day = np.where(arm > NONE, start_day, later.start_day)
    wait = np.maximum(np.minimum(start_day, concern_day + 300) - concern_day, 0)
    referral = np.where(
        concern_day < FAR, concern_day + (wait * drawn.days[:, 2] * 0.5).astype(np.int64), FAR
    )
    known = referral + (wait * (0.2 + 0.3 * drawn.days[:, 3])).astype(np.int64)
    zero = _days.days("census", families.reception, np.full(families.size, _days.ZERO))
    strength = strength_of(drawn.delay, drawn.planned, drawn.delivered)
    strength *= np.where(arm == EHCP, PLAN_STRENGTH, 1.0)
    return Provision(
        arm=arm,
        concerned=concerned,
        concern_day=concern_day,
        referral_day=referral,
        identified_day=np.where(start_day < FAR, known, FAR),
        start_day=start_day,
        end_day=later.end_day,
        plan_day=np.where(arm == EHCP, start_day, later.plan_day),
        delay=drawn.delay,
        planned=drawn.planned,
        delivered=drawn.delivered,
        strength=strength * np.where(arm > NONE, 1.0, late * (start_day < FAR)),
        acts_day=np.where(arm > NONE, zero, start_day if late else FAR),
    )


def within(families: Families, term: Ints, uniform: Floats, latest: Ints | None = None) -> Ints:
    """Return a day in a term, and before `latest` where that comes sooner."""
    first = _days.days("first", families.reception, term)
    last = _days.days("last", families.reception, term)
    if latest is not None:
        last = np.minimum(last, latest)
    return first + np.floor(uniform * (last - first + 1)).astype(np.int64)


def first_days(
    families: Families, drawn: Chances, arm: Ints, concerned: Flags
) -> tuple[Ints, Ints]:
    """Return the days of concern and of provision by Year 1 spring; `FAR` where there is none.

    Both fall in their terms; provision before the census of Year 1 spring, and after the concern.
    """
    zero = _days.days("census", families.reception, np.full(families.size, _days.ZERO))
    start = within(families, drawn.term + drawn.delay, drawn.days[:, 1], zero - 1)
    concern = within(families, drawn.term, drawn.days[:, 0], np.where(arm > NONE, start, zero - 1))
    return np.where(concerned, concern, FAR), np.where(arm > NONE, start, FAR)


@dataclass(frozen=True, slots=True)
class Later:
    """Days of what begins and ends after Year 1; `FAR` where it does not."""

    concern_day: Ints
    start_day: Ints
    end_day: Ints
    plan_day: Ints


def after_year_1(
    families: Families, health: Health, needs: Needs, drawn: Chances, arm: Ints
) -> Later:
    """Return later starts, ends and plans, year by year from Year 2 to Year 6."""
    n = families.size
    start, end, plan = (np.full(n, FAR) for _ in range(3))
    never, on = arm == NONE, arm == SUPPORT
    later = needs.log_odds + LATER.social * needs.social
    for at in range(LATER_YEARS):
        term = _days.ZERO + 2 + 3 * at + drawn.when[:, at]
        day = within(families, term, drawn.days[:, 2])
        begins = never & (drawn.starts[:, at] < expit(later + LATER.starts[at]))
        shift = LATER.severity * needs.severity + LATER.marker * health.marked
        rises = on & (drawn.plans[:, at] < expit(LATER.plans + shift))
        stops = on & ~rises & (drawn.ends[:, at] < LATER.ends)
        start[begins], plan[rises], end[stops] = day[begins], day[rises], day[stops]
        on = (on & ~rises & ~stops) | begins
        never &= ~begins
    # A concern raised by Year 1 spring is one of those that the log-odds of concern speak of.
    zero = _days.days("census", families.reception, np.full(n, _days.ZERO))
    asked = np.floor(30 + 250 * drawn.days[:, 0]).astype(np.int64)
    concern = np.where(start < FAR, np.maximum(start - asked, zero + 1), FAR)
    return Later(concern, start, end, plan)
