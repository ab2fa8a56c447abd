"""Tables of schools and of children on their rolls: register, census, absence, assessments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from fingerpost.core.calendar import TERMS
from fingerpost.england import _days
from fingerpost.england import outcomes_scores as scoring
from fingerpost.england._arrow import always, codes, dates, number, whole
from fingerpost.england._draws import Flags, Ints, choose, expit, source
from fingerpost.england.careers import Careers
from fingerpost.england.model import EHCP, SUPPORT
from fingerpost.england.outcomes_counts import Absence
from fingerpost.england.outcomes_scores import Scores
from fingerpost.england.places import FIRST_LA, FIRST_URN, PRIMARIES, REGIONS, TYPES, Places
from fingerpost.england.provision import Provision
from fingerpost.england.world import World

SEN = ("N", "A", "P", "K", "S", "E")
BLANK, KINDS = 0, len(SEN)
# Support and plans by these codes from this academic year; a statement is kept up to a later one.
NEW_CODES, LAST_STATEMENT = 2015, 2018
ACTION_PLUS = 0.42
TYPES_OF_NEED = ("SLCN", "MLD", "SEMH", "SPLD", "ASD", "PD", "HI", "VI", "OTH", "SLD", "NSA")
NEED_SHARES = (0.38, 0.20, 0.14, 0.10, 0.03, 0.03, 0.02, 0.01, 0.04, 0.0, 0.05)
# Share of children whose type of need is another by Year 3.
CHANGES_TYPE = 0.45
SECOND_TYPE = 0.25
RESULTS_DAY = 50
FSM_ENDS, FSM_BEGINS = 0.12, 0.035
REASONS = ("below the standard of the test", "absent", "disapplied")


@dataclass(frozen=True, slots=True)
class Rows:
    """Which child and term each row of a termly table is about: (rows,) positions."""

    child: Ints
    term: Ints

    @property
    def year(self) -> Ints:
        """Year of school, Reception 0."""
        return self.term // 3


def school(places: Places) -> pa.Table:
    """Return the register of schools, a row each."""
    n = len(places.school_la)
    special = np.arange(n) >= PRIMARIES
    opened = np.full(n, _days.month_start(np.array([0]))[0])
    return pa.table(
        {
            "urn": whole(FIRST_URN + np.arange(n)),
            "la": whole(FIRST_LA + places.school_la),
            "region": codes(places.regions, [region[1] for region in REGIONS]),
            "phase": codes(special.astype(np.int64), ("primary", "special")),
            "school_type": codes(places.school_type, (*TYPES, "special")),
            "sen_unit": whole(places.sen_unit),
            "resourced_provision": whole(places.resourced),
            "fsm_share": number(np.round(expit(-1.80 + 1.1 * places.deprivation), 3)),
            "size": whole(places.size),
            "valid_from": dates(opened),
            "known_from": dates(opened),
        }
    )


def census_rows(careers: Careers) -> Rows:
    """Return the rows of the school census: every child at every census while on a roll."""
    child, term = np.nonzero(careers.open)
    return Rows(child, term)


def school_census(world: World, provision: Provision, careers: Careers) -> pa.Table:
    """Return the termly school census."""
    families, places = world.families, world.places
    at = census_rows(careers)
    day = careers.census[at.child, at.term]
    place = careers.school[at.child, at.year]
    special = place >= PRIMARIES
    year = families.reception[at.child] + at.year
    first = _days.days("first", families.reception[at.child], at.term)
    kinds = need_types(world)
    level = provision.level(careers.census)[at.child, at.term]
    level = np.where(special, EHCP, level)
    sen = sen_codes(world, provision, level, year, at)
    none = level == 0
    first_type, second_type = kinds[0][at.child, at.year], kinds[1][at.child]
    in_unit = (families.child[at.child] % 3 == 0) & (level > 0)
    return pa.table(
        {
            "child_id": whole(families.child[at.child]),
            "academic_year": whole(year),
            "term": codes(at.term % 3, TERMS),
            "urn": whole(FIRST_URN + place),
            "la": whole(FIRST_LA + places.school_la[place]),
            "nc_year": whole(at.year - careers.behind[at.child, at.year]),
            "enrolment": always("C", len(day)),
            "sen_provision": codes(sen % KINDS, SEN),
            "sen_type1": codes(first_type, TYPES_OF_NEED, missing=none),
            "sen_type2": codes(
                second_type.clip(0), TYPES_OF_NEED, missing=none | (second_type < 0)
            ),
            "sen_unit": whole(places.sen_unit[place] * in_unit),
            "resourced_provision": whole(places.resourced[place] * in_unit),
            "fsm": whole(free_meals(world)[at.child, at.year]),
            "idaci_score": number(families.idaci[at.child]),
            "school_type": codes(special.astype(np.int64), ("mainstream", "special")),
            "entry_date": dates(entry(world, careers)[at.child, at.year]),
            "valid_from": dates(first),
            "valid_to": dates(_days.days("last", families.reception[at.child], at.term)),
            "known_from": dates(day),
        }
    )


def sen_codes(world: World, provision: Provision, level: Ints, year: Ints, at: Rows) -> Ints:
    """Return the position in `SEN` of each row: codes as they were in the row's year."""
    plus = source(world.seed, world.block, "school action plus").random(world.size) < ACTION_PLUS
    begun = provision.plan_day < _days.days(
        "first", np.full(world.size, NEW_CODES), np.zeros(world.size, dtype=np.int64)
    )
    support = np.where(year >= NEW_CODES, SEN.index("K"), SEN.index("A") + plus[at.child])
    kept = (year < NEW_CODES) | (begun[at.child] & (year < LAST_STATEMENT) & (at.child % 2 == 0))
    plan = np.where(kept, SEN.index("S"), SEN.index("E"))
    return np.where(level == EHCP, plan, np.where(level == SUPPORT, support, SEN.index("N")))


def need_types(world: World) -> tuple[Ints, Ints]:
    """Return the first type of need by year (n, 7), and a second one (n,), −1 where none."""
    rng = source(world.seed, world.block, "types of need")
    n = world.size
    first, later = (choose(rng.random(n), NEED_SHARES) for _ in range(2))
    for name, kind in (("autism", "ASD"), ("down_syndrome", "SLD"), ("cerebral_palsy", "PD")):
        has = world.health.condition(name)
        first = np.where(has, TYPES_OF_NEED.index(kind), first)
        later = np.where(has, TYPES_OF_NEED.index(kind), later)
    changed = np.where(rng.random(n) < CHANGES_TYPE, later, first)
    by_year = np.where(np.arange(_days.YEARS) >= 3, changed[:, None], first[:, None])
    second = np.where(rng.random(n) < SECOND_TYPE, choose(rng.random(n), NEED_SHARES), -1)
    return by_year, second


def free_meals(world: World) -> Ints:
    """Return eligibility for free school meals: (n, 7); it changes after Year 1 only."""
    rng = source(world.seed, world.block, "free meals")
    fsm = world.families.fsm.astype(bool)
    ends = rng.random((world.size, _days.YEARS)) < FSM_ENDS
    begins = rng.random((world.size, _days.YEARS)) < FSM_BEGINS
    found = np.zeros((world.size, _days.YEARS), dtype=np.int64)
    for year in range(_days.YEARS):
        if year > 1:
            fsm = np.where(fsm, ~ends[:, year], begins[:, year])
        found[:, year] = fsm
    return found


def entry(world: World, careers: Careers) -> Ints:
    """Return the day of entry to the school of each year: (n, 7)."""
    moved = np.zeros(careers.school.shape, dtype=np.int64)
    changed = careers.school[:, 1:] != careers.school[:, :-1]
    moved[:, 1:] = np.maximum.accumulate(np.where(changed, np.arange(1, _days.YEARS), 0), axis=1)
    return _days.days("first", world.families.reception, 3 * moved)


def absence(world: World, careers: Careers, missed: Absence) -> pa.Table:
    """Return absence by term."""
    families = world.families
    child, term = np.nonzero(missed.possible)
    at = Rows(child, term)
    year = families.reception[child] + at.year
    unauthorised = missed.unauthorised[child, term]
    illness, medical = missed.illness[child, term], missed.medical[child, term]
    authorised = illness + medical + missed.other[child, term]
    last = _days.days("last", families.reception[child], term)
    return pa.table(
        {
            "child_id": whole(families.child[child]),
            "academic_year": whole(year),
            "term": codes(term % 3, TERMS),
            "urn": whole(FIRST_URN + careers.school[child, at.year]),
            "sessions_possible": whole(missed.possible[child, term]),
            "authorised": whole(authorised),
            "unauthorised": whole(unauthorised),
            "overall": whole(authorised + unauthorised),
            "illness": whole(illness),
            "medical": whole(medical),
            "valid_from": dates(_days.days("first", families.reception[child], term)),
            "valid_to": dates(last),
            "known_from": dates(last),
        }
    )


@dataclass(frozen=True, slots=True)
class Sitting:
    """One assessment: who was on the roll for it, when it was known, at which school."""

    at: Ints
    year: Ints
    urn: Ints
    known: Ints


def sitting(world: World, careers: Careers, year: int) -> Sitting:
    """Return the children on the roll, and not behind, in the summer term of a year of school."""
    at = np.flatnonzero(careers.open[:, 3 * year + 2] & ~careers.behind[:, year])
    reception = world.families.reception[at]
    last = _days.days("last", reception, np.full(len(at), 3 * year + 2))
    return Sitting(at, reception + year, FIRST_URN + careers.school[at, year], last - RESULTS_DAY)


def head(world: World, sat: Sitting) -> dict[str, pa.Array]:
    """Return the columns that every table of assessments begins with."""
    return {
        "child_id": whole(world.families.child[sat.at]),
        "academic_year": whole(sat.year),
        "urn": whole(sat.urn),
    }


def tail(sat: Sitting) -> dict[str, pa.Array]:
    """Return the columns that every table of assessments ends with."""
    return {"valid_from": dates(sat.known), "known_from": dates(sat.known)}


def eyfsp(world: World, careers: Careers, scores: Scores) -> pa.Table:
    """Return the early years foundation stage profile, at the end of Reception."""
    sat = sitting(world, careers, 0)
    total = scores.eyfsp[sat.at]
    emerging = world.health.emerging[sat.at]
    return pa.table(
        {
            **head(world, sat),
            "total": number(total.astype(np.float64)),
            "gld": whole((total >= scoring.EYFSP_GOOD) & ~emerging),
            "emerging_all": whole(emerging),
            **tail(sat),
        }
    )


def phonics(world: World, careers: Careers, scores: Scores) -> pa.Table:
    """Return the phonics screening check, at the end of Year 1 (from 2011/12)."""
    whole_sat = sitting(world, careers, 1)
    since = whole_sat.year >= 2012
    sat = Sitting(*(getattr(whole_sat, name)[since] for name in ("at", "year", "urn", "known")))
    mark, missed = scores.phonics[sat.at], ~scores.phonics_assessed[sat.at]
    return pa.table(
        {
            **head(world, sat),
            "mark": whole(mark, missing=missed),
            "met": whole(mark >= scoring.PHONICS_EXPECTED, missing=missed),
            **tail(sat),
        }
    )


def ks1(world: World, careers: Careers, scores: Scores) -> pa.Table:
    """Return key stage 1, at the end of Year 2; scores are standardised over all England."""
    sat = sitting(world, careers, 2)
    points = scores.ks1[sat.at]
    missed = ~scores.ks1_assessed[sat.at]
    return assessments(world, sat, points, points >= scoring.KS1_EXPECTED, missed)


def ks2(world: World, careers: Careers, scores: Scores) -> pa.Table:
    """Return key stage 2, at the end of Year 6; scaled scores from 80 to 120."""
    sat = sitting(world, careers, 6)
    points = np.rint(scoring.SCALED_MEAN + scoring.SCALED_SD * scores.ks2[sat.at]).clip(
        scoring.SCALED_LEAST, scoring.SCALED_MOST
    )
    missed = ~scores.ks2_assessed[sat.at]
    return assessments(world, sat, points, points >= scoring.SCALED_EXPECTED, missed)


def assessments(
    world: World, sat: Sitting, points: np.ndarray, reached: Flags, missed: Flags
) -> pa.Table:
    """Return one key stage: points and reached are (children, 2), reading and mathematics."""
    reason = (world.families.child[sat.at] * 7 % 10 > 5).astype(np.int64)
    return pa.table(
        {
            **head(world, sat),
            "reading": number(points[:, 0], missing=missed),
            "maths": number(points[:, 1], missing=missed),
            "maths_expected": whole(reached[:, 1], missing=missed),
            "reading_expected": whole(reached[:, 0], missing=missed),
            "assessed": whole(~missed),
            "reason": codes(reason, REASONS, missing=~missed),
            **tail(sat),
        }
    )
