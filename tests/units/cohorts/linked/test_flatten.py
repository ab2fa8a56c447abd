"""Eligibility, arms and follow-up on a few children whose every date is known."""

from __future__ import annotations

from datetime import date

import pytest

from fingerpost.cohorts.linked.flatten import flatten
from fingerpost.cohorts.table import build
from fingerpost.core.assignment import Observed
from fingerpost.core.errors import Malformed
from fingerpost.core.linked import Dose, Linked, Strategy
from fingerpost.core.study import Arms, Covariate, OutcomeSpec, Study
from units.cohorts.linked.little import ENGINES, absence, census, child, episode, opened

ARMS = (
    ("none", Strategy("no recorded provision", ("none",))),
    ("support", Strategy("SEN Support", ("support",))),
    ("ehcp", Strategy("EHCP", ("ehcp", "special"))),
)


def asked(linked: Linked, *outcomes: str, given: tuple[str, ...] = ("sex",), **more) -> Study:
    return Study(
        "little",
        "?",
        arms=Arms(levels=tuple((arm, arm) for arm, _ in linked.strategies)),
        outcomes=tuple(OutcomeSpec(name, "") for name in outcomes),
        assignment=Observed(given, cluster="school"),
        linked=linked,
        **more,
    )


def table(study: Study, store):
    return flatten(study, store).records.frame.collect().to_native().sort("child_id")


@pytest.mark.parametrize("engine", ENGINES)
def test_every_child_leaves_at_the_first_rule_it_breaks(tmp_path, engine):
    store = opened(
        tmp_path,
        engine,
        child=[child(n) for n in range(1, 7)] + [child(7, birth_month=date(2003, 8, 1))],
        school_census=[
            *[census(n) for n in (1, 2, 3, 4, 7)],
            census(5, year=2010, nc_year=2),  # never seen in Year 1
            census(6, school_type="special"),
        ],
        hes_apc=[episode(n, date(2004, 2, 1), diag_01="Q359") for n in (1, 2, 3, 6, 7)],
        death=[{"child_id": 2, "death_date": date(2009, 1, 1), "known_from": date(2009, 1, 1)}],
        opt_out=[
            {"child_id": 3, "opted_out_date": date(2009, 1, 1), "known_from": date(2009, 1, 1)}
        ],
    )
    linked = Linked(
        "cleft_isolated", born=("2003-09", "2004-08"), school="mainstream", strategies=ARMS
    )
    flow = flatten(asked(linked, "death"), store).flow
    assert flow.start == 7
    assert [(step.left, step.remaining) for step in flow.steps] == [
        (1, 6),  # born in August 2003
        (2, 4),  # 5 is in Year 2, 6 in a special school
        (1, 3),  # 4 has no cleft
        (1, 2),  # 2 had died
        (1, 1),  # 3 had opted out
        (0, 1),
    ]


LEVELS = [
    ([{"sen_provision": "N"}], "none"),
    ([{"sen_provision": None}], "none"),
    ([{"sen_provision": "A"}], "support"),
    ([{"sen_provision": "P"}], "support"),
    ([{"sen_provision": "K"}], "support"),
    ([{"sen_provision": "S"}], "ehcp"),
    ([{"sen_provision": "E"}], "ehcp"),
    ([{"sen_provision": "N", "school_type": "special"}], "ehcp"),
    ([{"sen_provision": "K", "school_type": "pru"}], "ehcp"),
    # The highest of two enrolments, whichever is the main one.
    ([{"sen_provision": "N"}, {"sen_provision": "A", "urn": 7, "enrolment": "S"}], "support"),
    ([{"sen_provision": "S", "enrolment": "M"}, {"sen_provision": "A", "urn": 7}], "ehcp"),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_arm_is_the_highest_level_recorded(tmp_path, engine):
    numbered = list(enumerate(LEVELS, start=1))
    store = opened(
        tmp_path,
        engine,
        child=[child(n) for n, _ in numbered],
        school_census=[census(n, **row) for n, (rows, _) in numbered for row in rows],
        death=[],
    )
    found = table(asked(Linked(strategies=ARMS), "death"), store)
    assert found["arm"].to_list() == [arm for _, (_, arm) in numbered]
    # The school is that of the main enrolment; of two main ones, one and the same every time.
    assert found["urn"].to_list() == [100] * 10 + [7]


@pytest.mark.parametrize("engine", ENGINES)
def test_one_group_of_a_condition_may_be_studied(tmp_path, engine):
    weeks = {1: 25, 2: 30, 3: 33, 4: 39}
    known = date(2004, 2, 1)
    store = opened(
        tmp_path,
        engine,
        child=[child(n) for n in weeks],
        school_census=[census(n) for n in weeks],
        birth=[
            {"child_id": n, "birth_date": known, "gestation_weeks": w, "known_from": known}
            for n, w in weeks.items()
        ],
        death=[],
    )
    linked = Linked("preterm", groups=("28-31", "32-33"), strategies=ARMS)
    assert table(asked(linked, "death"), store)["child_id"].to_list() == [2, 3]
    term = Linked("preterm", options=(("term", True),), strategies=ARMS)
    assert table(asked(term, "death"), store)["child_id"].to_list() == [1, 2, 3, 4]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_child_who_repeats_the_year_enters_once_at_the_first(tmp_path, engine):
    rows = [census(1, 2010), census(1, 2011, nc_year=1, sen_provision="A")]
    store = opened(tmp_path, engine, child=[child(1)], school_census=rows, death=[])
    found = table(asked(Linked(strategies=ARMS), "death"), store)
    assert found["arm"].to_list() == ["none"]


def years(number: int, until: int = 2015) -> list[dict]:
    return [census(number, y, t) for y in range(2010, until + 1) for t in ("AUT", "SPR", "SUM")]


@pytest.mark.parametrize("engine", ENGINES)
def test_follow_up_counts_the_terms_and_days_after_time_zero_and_no_other(tmp_path, engine):
    day = date(2012, 6, 1)
    terms = [(y, t) for y in range(2009, 2018) for t in ("AUT", "SPR", "SUM")]
    stays = [date(2010, 1, 21), date(2010, 1, 22), date(2015, 8, 31), date(2015, 9, 1)]
    store = opened(
        tmp_path,
        engine,
        child=[child(n) for n in (1, 2, 3, 4)],
        school_census=[*years(1), *years(2), *years(3, 2012), *years(4)],
        absence=[absence(n, y, t) for n in (1, 2, 3, 4) for y, t in terms],
        hes_apc=[episode(n, each) for n in (1, 2, 3, 4) for each in stays],
        death=[{"child_id": 2, "death_date": day, "known_from": day}],
        opt_out=[{"child_id": 4, "opted_out_date": day, "known_from": day}],
    )
    names = ("unauthorised_absence", "unplanned_admissions", "death")
    found = table(asked(Linked(strategies=ARMS), *names), store)
    # Summer of Year 1 and three terms in each of Years 2 to 6; to the summer of 2012 for the rest.
    assert found["unauthorised_absence"].to_list() == [16, 7, 7, 7]
    possible = [16 * 1.2, 7 * 1.2, 7 * 1.2, 7 * 1.2]
    assert found["unauthorised_absence exposure"].to_list() == pytest.approx(possible)
    # The day after time zero and the last day of Year 6; the other two days lie outside.
    # Child 3 left state schools in 2012, and goes on to be seen in hospitals.
    assert found["unplanned_admissions"].to_list() == [2, 1, 2, 1]
    whole = (date(2015, 8, 31) - date(2010, 1, 21)).days / 365.25
    short = (day - date(2010, 1, 21)).days / 365.25
    assert found["unplanned_admissions exposure"].to_list() == pytest.approx(
        [whole, short, whole, short]
    )
    # A death is registered wherever the child went to school; an opt-out hides it.
    assert found["death"].to_list() == [0.0, 1.0, 0.0, None]


@pytest.mark.parametrize("engine", ENGINES)
def test_leaving_state_schools_moves_no_risk_of_death(tmp_path, engine):
    """Of 20 children 2 die, one at school and one who had left; 8 others left and lived. The risk
    is 2 of 20: with the leavers who lived left out it would be 2 of 12.
    """
    died = {1: date(2012, 6, 1), 2: date(2014, 6, 1)}
    rows = [years(n, 2012 if 2 <= n <= 10 else 2015) for n in range(1, 21)]
    rows[0] = [row for row in rows[0] if row["known_from"] < died[1]]
    store = opened(
        tmp_path,
        engine,
        child=[child(n) for n in range(1, 21)],
        school_census=[row for own in rows for row in own],
        death=[{"child_id": n, "death_date": day, "known_from": day} for n, day in died.items()],
    )
    found = table(asked(Linked(strategies=ARMS), "death"), store)["death"]
    assert found.null_count() == 0
    assert found.mean() == pytest.approx(2 / 20)


@pytest.mark.parametrize("engine", ENGINES)
def test_arms_that_differ_in_when_and_how_much(tmp_path, engine):
    known = date(2009, 12, 1)
    plan = {"provision": "speech", "setting": "school", "known_from": known}
    plan |= {"start_date": known, "sessions_per_week": 2.0}
    raised = [(date(2009, 9, 10), known), (date(2008, 9, 10), known), (date(2009, 4, 1), known)]
    store = opened(
        tmp_path,
        engine,
        child=[child(n) for n in (1, 2, 3)],
        school_census=[census(n, sen_provision="A") for n in (1, 2, 3)],
        concern=[
            {"child_id": n, "concern_date": first, "known_from": first}
            | {"first_provision_date": begun}
            for n, (first, begun) in enumerate(raised, start=1)
        ],
        provision_plan=[
            plan | {"child_id": n, "line_id": n, "minutes_per_session": minutes}
            for n, minutes in ((1, 15.0), (2, 30.0), (3, 60.0))
        ],
        death=[],
    )
    when = (
        ("prompt", Strategy("", ("support",), within=1)),
        ("late", Strategy("", ("support",), after=3)),
    )
    # 0 terms for the first, 3 for the second, 1 for the third.
    found = table(asked(Linked(concern=True, strategies=when), "death"), store)
    assert found["arm"].to_list() == ["prompt", "late", "prompt"]
    much = (
        ("low", Strategy("", ("support",), dose=(Dose("minutes_a_week", "below", 60),))),
        ("high", Strategy("", ("support",), dose=(Dose("minutes_a_week", "at_least", 60),))),
    )
    found = table(asked(Linked(strategies=much), "death"), store)
    assert found["arm"].to_list() == ["low", "high", "high"]


def test_missing_tables_are_named_at_once_with_what_needs_them(tmp_path):
    store = opened(tmp_path, child=[child(1)], school_census=[census(1)])
    linked = Linked("cleft_isolated", concern=True, strategies=ARMS)
    with pytest.raises(Malformed) as fault:
        flatten(asked(linked, "ks2_maths", "unauthorised_absence", given=("gestation",)), store)
    said = " ".join(fault.value.problems)
    for words in ("hes_apc", "concern", "ks2", "absence", "birth", "covariate gestation"):
        assert words in said


def test_an_unknown_covariate_is_answered_with_the_nearest(tmp_path):
    store = opened(tmp_path, child=[child(1)], school_census=[census(1)], death=[])
    with pytest.raises(Malformed, match='Did you mean "gestation"'):
        flatten(asked(Linked(strategies=ARMS), "death", given=("gestatoin",)), store)


def test_nobody_left_is_said_with_the_step_that_took_most(tmp_path):
    store = opened(tmp_path, child=[child(1)], school_census=[census(1, nc_year=4)], death=[])
    with pytest.raises(Malformed, match="not in a state-funded school"):
        flatten(asked(Linked(strategies=ARMS), "death"), store)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_table_is_one_that_the_one_path_takes(tmp_path, engine):
    number = range(1, 41)
    store = opened(
        tmp_path,
        engine,
        child=[child(n, sex="MF"[n % 2]) for n in number],
        school_census=[
            census(n, sen_provision="NA"[n % 3 == 0], urn=100 + n % 5, idaci_score=n / 50)
            for n in number
        ],
        death=[],
        ks2=[
            {
                "child_id": n,
                "academic_year": 2015,
                "maths": 90.0 + n,
                "known_from": date(2015, 7, 1),
            }
            for n in number
            if n % 7
        ],
    )
    study = asked(
        Linked(strategies=ARMS[:2]),
        "ks2_maths",
        given=("sex", "idaci_fifth"),
        covariates=(Covariate("sex", label="girl or boy"),),
    )
    flat = flatten(study, store)
    built = build(flat.study, flat.records)
    cohort = built.cohort
    assert cohort.n == 40 and cohort.arms == ("none", "support")
    assert (cohort.arm == 1).sum() == 13
    assert set(cohort.clusters) == {"school", "la"}
    assert cohort.covariates["idaci_fifth"].levels == ("1", "2", "3", "4", "5")
    counts = [int((cohort.covariates["idaci_fifth"].values == at).sum()) for at in range(5)]
    assert counts == [8] * 5
    assert cohort.outcomes["ks2_maths"].observed.sum() == 35
    seen = cohort.outcomes["ks2_maths"].value[cohort.outcomes["ks2_maths"].observed]
    assert seen.mean() == pytest.approx(0.0) and seen.std(ddof=1) == pytest.approx(1.0)
    assert dict(flat.study.records.clusters)["school"] == "urn"
    assert {one.name: one.label for one in flat.study.covariates}["sex"] == "girl or boy"
