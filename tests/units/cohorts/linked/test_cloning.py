"""Strategies sustained over time, on a few children whose every census is known."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from fingerpost.cohorts.linked.cloning import followed
from fingerpost.cohorts.linked.flatten import Flat, flatten
from fingerpost.core.assignment import Observed
from fingerpost.core.calendar import census_day
from fingerpost.core.course import FIRST, KEEPING, LAST_CHANCE, WAITING
from fingerpost.core.linked import LEVELS, Linked, Strategy, TimeZero
from fingerpost.core.study import Arms, OutcomeSpec, Study
from units.cohorts.linked.little import ENGINES, absence, census, child, opened

NEVER = Strategy("never", ("none",), through=2)
KEPT = Strategy("kept", ("support",), through=2)
GRACE = Strategy("grace", ("support",), through=2, grace=1)
TERMS = ((2010, "SPR"), (2010, "SUM"), (2011, "AUT"), (2011, "SPR"), (2011, "SUM"))
LATE = date(2020, 1, 1)


def study(kept: Strategy = KEPT, given: tuple[str, ...] = ("fsm", "earlier_absence")) -> Study:
    linked = Linked(strategies=(("never", NEVER), ("kept", kept)), zero=TimeZero(), until=2)
    return Study(
        "sustained",
        "?",
        arms=Arms(levels=(("never", "never"), ("kept", "kept"))),
        outcomes=(OutcomeSpec("death", "death", "binary"),),
        assignment=Observed(given),
        linked=linked,
    )


def terms(number: int, codes: str, **other: object) -> list[dict[str, object]]:
    """Return a child's censuses from time zero on; a dot is a census that it is not in."""
    return [
        census(number, year, term, sen_provision=code, **other)
        for (year, term), code in zip(TERMS, codes, strict=True)
        if code != "."
    ]


def flat(folder: Path, engine: str = "duckdb", *, asked: Study | None = None, **tables) -> Flat:
    rows = {"child": [child(n) for n in range(1, 6)], "absence": [], "death": []}
    return flatten(
        study() if asked is None else asked, opened(folder, engine, **{**rows, **tables})
    )


LIVES = {1: "NNNNN", 2: "KKKKK", 3: "KKNKK", 4: "NKKKK", 5: "NN..N"}


def lives() -> list[dict[str, object]]:
    return [row for number, codes in LIVES.items() for row in terms(number, codes)]


@pytest.mark.parametrize("engine", ENGINES)
def test_each_child_is_copied_and_followed_until_it_departs(tmp_path, engine):
    found = flat(tmp_path, engine, school_census=lives())
    table = found.records.frame.collect().to_native()
    assert table["child_id"].to_list() == [1, 2, 3, 4, 5] * 2
    assert table["arm"].to_list() == ["never"] * 5 + ["kept"] * 5
    assert found.course.stays.sum(axis=1).tolist() == [5, 0, 0, 1, 2, 0, 5, 2, 0, 0]
    assert table["death"].to_list() == [0.0, None, None, None, None, None, 0.0, None, None, None]
    # A child is counted once, though it stands under each arm.
    assert (found.flow.start, found.flow.remaining, found.flow.counts) == (5, 5, "children")
    assert found.flow.copied


def test_grace_lets_a_strategy_begin_late_and_no_later(tmp_path):
    found = flat(tmp_path, asked=study(GRACE), school_census=lives())
    # Child 4 begins within a term. Children 1 and 5 wait for it in vain.
    assert found.course.stays[5:].sum(axis=1).tolist() == [1, 5, 2, 5, 1]
    assert found.course.stage[8].tolist() == [FIRST, LAST_CHANCE, KEEPING, KEEPING, KEEPING]
    assert found.course.covariates["begun"][8].tolist() == [0, 0, 1, 1, 1]


def test_stages_of_a_longer_grace():
    level = np.array([[LEVELS.index(name) for name in ("none", "none", "support", "ehcp")]])
    stays, stage, _ = followed(level, Strategy("", ("support",), through=2, grace=2))
    assert stage[0].tolist() == [FIRST, WAITING, LAST_CHANCE, KEEPING]
    assert stays[0].tolist() == [True, True, True, False]


def test_a_level_corrected_later_is_not_used(tmp_path):
    """A trap: the summer record that child 1 had support was known only in 2020."""
    rows = [*lives(), census(1, 2010, "SUM", sen_provision="K", known_from=LATE)]
    assert flat(tmp_path, school_census=rows).course.stays[0].all()


def test_what_is_known_only_after_the_census_before_explains_no_decision(tmp_path):
    """Traps: free meals first recorded at a census, and absence known a day after the census
    before, are used at the next decision and not sooner.
    """
    rows = [row for row in lives() if row["child_id"] != 1]
    rows += [census(1, year, term, fsm=int((year, term) >= (2011, "AUT"))) for year, term in TERMS]
    day = census_day(2010, "SUM") + timedelta(days=1)
    missed = [absence(1, 2010, "AUT", overall=60, known_from=day)]
    found = flat(tmp_path, school_census=rows, absence=missed)
    # Decisions: Y1 spring, Y1 summer, Y2 autumn, Y2 spring, Y2 summer.
    assert found.course.labels[2] == "Year 2 autumn"
    assert found.course.covariates["fsm"][0].tolist() == [0, 0, 0, 1, 1]
    told = found.course.covariates["earlier_absence missing"][0]
    assert told.tolist() == [1, 1, 1, 0, 0]
    assert found.course.covariates["earlier_absence"][0, 3:].tolist() == [50.0, 50.0]


def test_leaving_state_schools_ends_what_is_seen(tmp_path):
    """Child 5 is in no census of Year 2 until summer, and comes back: it was away."""
    found = flat(tmp_path, school_census=lives())
    assert found.course.stays[4].tolist() == [True, True, False, False, False]


def test_one_census_missed_between_two_is_no_leaving(tmp_path):
    rows = [row for row in lives() if row["child_id"] != 5]
    found = flat(tmp_path, school_census=[*rows, *terms(5, "NNN.N")])
    assert found.course.stays[4].all()


def test_a_census_missing_between_two_is_bridged_by_the_level_before(tmp_path):
    """Of support, a gap, then support: kept. Of support, a gap, then none: departs after the gap.
    The last census is bridged only where the one after it has the child.
    """
    lives = {1: "K.KKK", 2: "K.NNN", 3: "KKKK.", 4: "KKKK.", 5: "NNNNN"}
    rows = [row for number, codes in lives.items() for row in terms(number, codes)]
    rows.append(census(4, 2012, "AUT", sen_provision="K"))
    found = flat(tmp_path, school_census=rows)
    assert found.course.stays[5:].sum(axis=1).tolist() == [5, 2, 4, 5, 0]
