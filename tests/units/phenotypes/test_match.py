"""What a rule finds, on planted records, on both engines and against a plain oracle."""

from __future__ import annotations

import datetime as dt
import random

import narwhals as nw
import pytest

from fingerpost.core.codes import CodeRule, codes
from fingerpost.core.errors import FingerpostError, UsageError
from fingerpost.phenotypes._groups import first_met, met_together
from fingerpost.phenotypes._match import EMERGENCY, pattern, signals
from units.phenotypes.stores import Store, birth, child, day, death, episode, found

ENGINES = ("polars", "duckdb")
BORN = "2004-02-29"


@pytest.fixture(params=ENGINES)
def engine(request) -> str:
    return request.param


def who(engine: str, rule: CodeRule, *episodes: dict, until=None, **tables: list[dict]) -> set[int]:
    """Return the children that a rule finds."""
    store = Store(engine, {"hes_apc": list(episodes), **tables})
    return set(found(first_met(store, [rule], until=until)))


# -------------------- codes


def test_three_characters_find_every_subdivision_and_four_only_their_own(engine):
    episodes = [
        episode(1, BORN, "Q35"),
        episode(2, BORN, "Q351"),
        episode(3, BORN, "Q359"),
        episode(4, BORN, "Q36"),
    ]
    assert who(engine, CodeRule("g", ("Q35",)), *episodes) == {1, 2, 3}
    assert who(engine, CodeRule("g", ("Q351",)), *episodes) == {2}


@pytest.mark.parametrize("written", ["Q351", "Q351D", "Q3510A", "q351", "Q35.1"])
def test_suffix_case_and_dot_do_not_matter(engine, written):
    assert who(engine, CodeRule("g", ("Q351",)), episode(1, BORN, written)) == {1}


def test_a_code_is_found_from_its_beginning_only(engine):
    # Q35 stands inside the text of the codes, but no code begins with it.
    assert who(engine, CodeRule("g", ("Q35",)), episode(1, BORN, "ZQ35", "Z00", "A0Q")) == set()


def test_filler_of_a_category_without_subdivisions_is_no_subdivision(engine):
    assert who(engine, CodeRule("g", ("Q02",)), episode(1, BORN, "Q02X")) == {1}


def test_every_position_counts_and_first_position_when_asked(engine):
    last = episode(1, BORN, **{"diag_20": "Q351"})
    first = episode(2, BORN, "Q351")
    second = episode(3, BORN, "Z00", "Q351")
    assert who(engine, CodeRule("g", ("Q35",)), last, first, second) == {1, 2, 3}
    rule = CodeRule("g", ("Q35",), first_position=True)
    assert who(engine, rule, last, first, second) == {2}


def test_procedures_are_looked_for_among_procedures(engine):
    diagnosis = episode(1, BORN, "F291")
    procedure = episode(2, BORN, "Z00", **{"opertn_24": "F291"})
    assert who(engine, CodeRule("g", ("F29",), field="opertn"), diagnosis, procedure) == {2}


def test_an_expression_holds_no_code_twice():
    assert pattern(["Q35", "Q351", "Q361", "Q360"]) == r";(?:Q35|Q36\.?[01])"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"codes": ("35",)}, "codes 35"),
        ({"codes": ("Q35.1",)}, "codes Q35.1"),
        ({"codes": ("Q35",), "field": "diagnosis"}, "no field diagnosis"),
        ({"codes": ("Q35",), "age_below": "1 year"}, "age 1 year"),
        ({}, "neither codes nor a threshold"),
    ],
)
def test_a_rule_that_nothing_can_meet_is_refused(wrong, said):
    with pytest.raises(FingerpostError, match=said):
        CodeRule("g", **wrong)


def test_ranges_are_written_out():
    assert codes("F70-3 F78-9 Q36") == ("F70", "F71", "F72", "F73", "F78", "F79", "Q36")


# -------------------- when it was known


def test_first_date_and_known_date_are_the_earliest(engine):
    store = Store(
        engine,
        {
            "hes_apc": [
                episode(1, "2006-05-01", "G80", known="2006-08-01"),
                episode(1, "2005-05-01", "G801", known="2007-01-01"),
                episode(1, "2005-04-01", "Z00"),
            ]
        },
    )
    rules = [CodeRule("g", ("G80",))]
    assert found(first_met(store, rules)) == {1: (day("2005-05-01"), day("2006-08-01"), "g")}
    known = first_met(store, rules, until=day("2006-12-31"))
    assert found(known) == {1: (day("2006-05-01"), day("2006-08-01"), "g")}


def test_what_was_known_only_later_is_not_used(engine):
    late = episode(1, "2005-01-01", "G80", known="2010-02-01")
    rule = CodeRule("g", ("G80",))
    assert who(engine, rule, late, until=day("2010-01-31")) == set()
    assert who(engine, rule, late, until=day("2010-02-01")) == {1}


def test_each_child_has_its_own_until(engine):
    store = Store(
        engine,
        {"hes_apc": [episode(n, "2005-01-01", "G80", known="2006-01-01") for n in (1, 2, 3)]},
    )
    until = store.until({1: "2005-12-31", 2: "2006-01-01"})
    assert set(found(first_met(store, [CodeRule("g", ("G80",))], until=until))) == {2}


def test_a_record_that_does_not_say_when_it_was_known_is_never_known_by_a_date(engine):
    silent = episode(1, "2005-01-01", "G80", known=None)
    rule = CodeRule("g", ("G80",))
    assert who(engine, rule, silent) == {1}
    assert who(engine, rule, silent, until=day("2030-01-01")) == set()


def test_the_length_of_a_stay_is_not_read_from_what_is_known_later(engine):
    rule = CodeRule("g", ("G80",), stay=3)
    start = episode(1, "2005-01-01", "G80", known="2005-01-02")
    end = episode(
        1,
        "2005-01-03",
        "Z00",
        admission_date="2005-01-01",
        discharge_date="2005-01-09",
        known="2005-02-01",
    )
    assert who(engine, rule, start, end) == {1}
    assert who(engine, rule, start, end, until=day("2005-01-31")) == set()


def test_a_day_is_taken_from_the_admission_where_the_episode_has_none(engine):
    store = Store(engine, {"hes_apc": [episode(1, None, "G80", admission_date="2005-03-04")]})
    assert found(first_met(store, [CodeRule("g", ("G80",))]))[1][0] == day("2005-03-04")


# -------------------- age


@pytest.mark.parametrize(
    ("start", "below_28_days", "below_one"),
    [
        ("2004-03-27", True, True),
        ("2004-03-28", False, True),
        ("2005-02-27", False, True),
        ("2005-02-28", False, False),
    ],
)
def test_age_by_the_day_of_birth(engine, start, below_28_days, below_one):
    births = [birth(1, BORN)]
    for span, expected in (("28d", below_28_days), ("1y", below_one)):
        rule = CodeRule("g", ("P91",), age_below=span)
        assert bool(who(engine, rule, episode(1, start, "P91"), birth=births)) is expected


def test_age_from_is_the_other_side(engine):
    rule = CodeRule("g", ("F55",), age_from="10y")
    births = [birth(1, "2004-05-10"), birth(2, "2004-05-11")]
    episodes = [episode(1, "2014-05-10", "F55"), episode(2, "2014-05-10", "F55")]
    assert who(engine, rule, *episodes, birth=births) == {1}


def test_age_by_start_age_where_no_birth_is_recorded(engine):
    ages = {1: 7001, 2: 7003, 3: 7004, 4: 7007, 5: 0, 6: 1, 7: 9, 8: 10, 9: None}
    episodes = [episode(n, "2014-05-10", "F55", start_age=age) for n, age in ages.items()]
    asked = {"28d": {1, 2}, "1y": {1, 2, 3, 4, 5}, "5y": {1, 2, 3, 4, 5, 6}}
    for span, expected in asked.items():
        assert who(engine, CodeRule("g", ("F55",), age_below=span), *episodes) == expected
    assert who(engine, CodeRule("g", ("F55",), age_from="10y"), *episodes) == {8}


def test_the_day_of_birth_goes_before_start_age_and_that_before_the_month(engine):
    rule = CodeRule("g", ("F55",), age_below="1y")
    episodes = [episode(n, "2005-03-01", "F55", start_age=7001) for n in (1, 2)]
    episodes += [episode(n, "2005-02-20", "F55") for n in (3, 4)]
    months = [child(1, "2004-02-01"), child(2, "2004-02-01"), child(3, "2004-02-01")]
    months += [child(4, "2004-03-01")]
    births = [birth(1, BORN)]
    # 1: a year old by its day; 2: an infant by start age; 3: a year old by the 15th; 4: not yet.
    assert who(engine, rule, *episodes, birth=births, child=months) == {2, 4}


def test_a_rule_on_age_is_not_met_where_no_age_is_known(engine):
    for rule in (CodeRule("g", ("F55",), age_below="1y"), CodeRule("g", ("F55",), age_from="1y")):
        assert who(engine, rule, episode(1, "2005-02-20", "F55")) == set()


# -------------------- birth, admission, companions


def test_gestation_and_weight_at_birth(engine):
    births = [
        birth(1, BORN, 36),
        birth(2, BORN, 37),
        birth(3, BORN, None),
        birth(4, BORN, 40, 2500),
    ]
    episodes = [episode(n, BORN, "Q250") for n in (1, 2, 3, 4)]
    rule = CodeRule("g", ("Q250",), gestation_from=37)
    assert who(engine, rule, *episodes, birth=births) == {2, 4}
    rule = CodeRule("g", ("Q250",), gestation_from=37, weight_above=2500)
    assert who(engine, rule, *episodes, birth=births) == {2}


def test_thresholds_are_read_from_the_birth_record(engine):
    births = [birth(1, BORN, 25), birth(2, BORN, 26), birth(3, BORN, None, 999)]
    births += [birth(4, BORN, 30, 1000)]
    early = CodeRule("g", field="gestation_below", below=26)
    light = CodeRule("g", field="birth_weight_below", below=1000)
    assert who(engine, early, birth=births) == {1}
    assert who(engine, light, birth=births) == {3}


def test_emergencies(engine):
    emergencies = ["21", "22", "23", "24", "25", "28", "2A", "2B", "2C", "2D"]
    methods = [*emergencies, "11", "13", "31", "81", "82", "83", None]
    episodes = [
        episode(n, BORN, "R10", admission_method=method) for n, method in enumerate(methods)
    ]
    rule = CodeRule("g", ("R10",), emergency=True)
    assert who(engine, rule, *episodes) == set(range(len(emergencies)))


@pytest.mark.parametrize(("left", "expected"), [("2005-01-03", False), ("2005-01-04", True)])
def test_a_stay_is_counted_in_nights(engine, left, expected):
    stay = episode(1, "2005-01-01", "F55", discharge_date=left)
    assert bool(who(engine, CodeRule("g", ("F55",), stay=3), stay)) is expected


def test_a_stay_is_the_admissions_not_the_episodes(engine):
    own = {"admission_date": "2005-01-01", "episode_end": "2005-01-02"}
    last = {"admission_date": "2005-01-01", "discharge_date": "2005-01-05"}
    episodes = [episode(1, "2005-01-01", "F55", **own), episode(1, "2005-01-02", "Z00", **last)]
    episodes += [episode(2, "2005-01-01", "F55", **own), episode(2, "2005-06-02", "Z00", **last)]
    episodes[-1]["admission_date"] = day("2005-06-02")
    assert who(engine, CodeRule("g", ("F55",), stay=3), *episodes) == {1}


def test_first_episode_of_an_admission(engine):
    episodes = [
        episode(1, "2005-01-01", "S00"),
        episode(2, "2005-01-02", "S00", episode_order=2, admission_date="2005-01-01"),
        episode(3, "2005-01-01", "S00", episode_order=None),
        episode(4, "2005-01-02", "S00", episode_order=None, admission_date="2005-01-01"),
    ]
    assert who(engine, CodeRule("g", ("S00",), first_episode=True), *episodes) == {1, 3}


def test_start_ages(engine):
    episodes = [episode(n, BORN, "Z38", start_age=7000 + n) for n in (1, 2, 3)]
    assert who(engine, CodeRule("g", ("Z38",), startage=(7001, 7002)), *episodes) == {1, 2}


def test_codes_that_undo_and_codes_that_must_stand_beside(engine):
    episodes = [
        episode(1, BORN, "R10"),
        episode(2, BORN, "R10", "K529"),
        episode(3, BORN, "R10", opertn=("H012",)),
        episode(4, BORN, "R10"),
        episode(4, "2005-01-01", "K529"),  # on another episode, so it undoes nothing
    ]
    rule = CodeRule("g", ("R10",), void=("K529",), void_opertn=("H012",))
    assert who(engine, rule, *episodes) == {1, 4}
    episodes = [episode(1, BORN, "T39", "X60"), episode(2, BORN, "T39"), episode(3, BORN, "X60")]
    rule = CodeRule("g", ("T39",), first_position=True, beside=("X60",))
    assert who(engine, rule, *episodes) == {1}


def test_causes_of_death_count_where_the_rule_says(engine):
    deaths = [death(1, "2004-06-01", "Z00", "Q390"), death(2, "2006-06-01", "Q390")]
    births = [birth(1, BORN), birth(2, BORN)]
    rule = CodeRule("g", ("Q39",), deaths=True, age_below="1y")
    assert who(engine, rule, death=deaths, birth=births) == {1}
    assert who(engine, CodeRule("g", ("Q39",)), death=deaths, birth=births) == set()
    assert who(engine, CodeRule("g", ("Q39",), field="cause"), death=deaths) == {1, 2}
    assert who(engine, rule, death=deaths, birth=births, until=day("2004-05-31")) == set()


def test_children_may_be_named_by_text(engine):
    store = Store(engine, {"hes_apc": [episode(7, BORN, "G800"), episode(8, BORN, "Z00")]})
    named = store.frame("hes_apc").with_columns(nw.col("child_id").cast(nw.String))
    until = store.until({7: BORN}).with_columns(nw.col("child_id").cast(nw.String))

    class Named:
        def has(self, name: str) -> bool:
            return name == "hes_apc"

        def frame(self, name: str) -> nw.LazyFrame:
            return named

    for end in (None, until):
        frame = first_met(Named(), [CodeRule("g", ("G80",))], until=end)
        assert frame.collect("polars").to_native()["child_id"].to_list() == ["7"]


def test_a_table_that_is_not_there_is_named():
    with pytest.raises(UsageError, match='no table "hes_apc"'):
        signals(Store("polars", {"birth": []}), [CodeRule("g", ("Q39",))])
    with pytest.raises(UsageError, match='no table "birth"'):
        signals(
            Store("polars", {"hes_apc": []}), [CodeRule("g", field="gestation_below", below=26)]
        )
    with pytest.raises(UsageError, match='no table "death"'):
        signals(Store("polars", {"hes_apc": []}), [CodeRule("g", ("Q39",), field="cause")])


def test_parts_that_must_be_met_together(engine):
    store = Store(
        engine,
        {
            "hes_apc": [
                episode(1, "2004-03-01", "Q42"),
                episode(1, "2004-05-01", "Z00", opertn=("H50",), known="2004-09-01"),
                episode(2, "2004-03-01", "Q42"),
                episode(3, "2004-03-01", "Z00", opertn=("H50",)),
            ]
        },
    )
    rules = [CodeRule("a", ("Q42",)), CodeRule("b", ("H50",), field="opertn")]
    together = met_together(signals(store, rules), (("a", "b"),), group="both")
    assert found(together) == {1: (day("2004-05-01"), day("2004-09-01"), "both")}


# -------------------- an oracle


def expected(rules: list[CodeRule], episodes: list[dict]) -> dict[int, tuple]:
    """Return what the rules find, in plain Python: code by code, episode by episode."""
    seen: dict[int, dict[str, list[dict]]] = {}
    for row in episodes:
        for rule in rules:
            stem = "diag_" if rule.field == "diag" else "opertn_"
            held = [row[name] for name in row if name.startswith(stem) and row[name]]
            held = held[:1] if rule.first_position and row["diag_01"] else held
            held = [] if rule.first_position and not row["diag_01"] else held
            cut = {code[:3] for code in held} | {code[:4] for code in held if len(code) > 3}
            if cut & set(rule.codes) and (
                not rule.emergency or row["admission_method"] in EMERGENCY
            ):
                seen.setdefault(row["child_id"], {}).setdefault(rule.group, []).append(row)
    answer = {}
    for number, groups in seen.items():
        rows = [row for held in groups.values() for row in held]
        group = next(rule.group for rule in rules if rule.group in groups)
        first = min(row["episode_start"] for row in rows)
        answer[number] = (first, min(row["known_from"] for row in rows), group)
    return answer


@pytest.mark.parametrize("seed", range(4))
def test_a_thousand_episodes_against_a_plain_oracle(engine, seed):
    draw = random.Random(seed)
    stems = [f"{letter}{number:02d}" for letter in "FGQ" for number in range(20)]
    pool = stems + [f"{stem}{last}" for stem in stems for last in "0123"] + ["Q111A", "G0100"]
    rules = []
    for place in range(6):
        rules.append(
            CodeRule(
                f"group {place % 4}",
                tuple(draw.sample(stems, 2) + [f"{stem}1" for stem in draw.sample(stems, 3)]),
                field="opertn" if place == 3 else "diag",
                first_position=place == 1,
                emergency=place == 2,
            )
        )
    episodes = []
    for _ in range(1000):
        start = dt.date(2004, 1, 1) + dt.timedelta(draw.randrange(3000))
        episodes.append(
            episode(
                draw.randrange(400),
                start.isoformat(),
                *draw.sample(pool, draw.randrange(1, 5)),
                opertn=draw.sample(pool, draw.randrange(3)),
                admission_method=draw.choice(["11", "21", "2A", "82"]),
                known=(start + dt.timedelta(draw.randrange(400))).isoformat(),
            )
        )
    answer = found(first_met(Store(engine, {"hes_apc": episodes}), rules))
    assert answer == expected(rules, episodes)
    assert len({group for _, _, group in answer.values()}) == 4
