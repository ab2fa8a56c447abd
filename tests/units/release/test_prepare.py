"""A finding under a policy that withholds: what comes through, and what cannot be told from it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerpost.core.answer import Answer
from fingerpost.core.assignment import Observed
from fingerpost.core.errors import Undisclosable
from fingerpost.core.estimand import Estimand, Target, Term, pair
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.finding import Finding
from fingerpost.core.flow import Flow, FlowStep
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.region import Region
from fingerpost.core.study import OutcomeSpec, Study
from fingerpost.core.table import Table
from fingerpost.release.clear import clear
from fingerpost.release.curves import coarse
from fingerpost.release.policies import SRS
from fingerpost.release.wording import Words, declared
from fingerpost.reports.results import results as as_data
from fingerpost.reports.write import html

CONTRAST = pair("support", "none")
ATT = Term("reading", CONTRAST, Target("att"))
ATE = ATT.on(Target("ate"))
LEAST, BASE = SRS.threshold, SRS.base


def study(kind: str = "continuous", **more) -> Study:
    return Study(
        "s",
        "q?",
        outcomes=(OutcomeSpec("reading", "reading", kind),),
        estimand=Estimand((CONTRAST,), (Target("att"),)),
        estimators=("ipw",),
        primary=("ipw",),
        release="ons_srs",
        **more,
    )


def answer(arms=(203, 98), *, term=ATT, leaf="ipw", clusters=None, df=None, **more) -> Answer:
    spread = Influence(np.array([[0.31234], [0.1]]), np.arange(2))
    estimate = Estimate(
        (term,),
        np.array([1.23456]),
        spread,
        n=np.array([sum(arms)]),
        arm_n=np.array([arms]),
        arms=("none", "support"),
        clusters=np.array([clusters or sum(arms)]),
        df=None if df is None else np.array([df]),
        interval=("normal",),
    )
    return Answer(leaf, estimate, **more)


def finding(*answers: Answer, tables=(), arms=(203, 98), steps=(), kind="continuous", **more):
    flow = Flow(
        sum(arms) + sum(step.left for step in steps),
        tuple(steps),
        (("none", arms[0]), ("support", arms[1])),
    )
    return Finding(
        study(kind), answers or (answer(arms),), tables=tables, primary=("ipw",), flow=flow, **more
    )


def table(columns, kinds, rows, name="made", **more) -> Table:
    return Table(name, "Made up", tuple(columns), tuple(kinds), tuple(rows), **more)


def prepared(found: Table, **more) -> Table | None:
    return clear(finding(tables=(found,), **more)).table(found.name)


# ------------------------------------------------------------------------------ tables
def test_a_column_of_an_unknown_kind_is_withheld():
    found = table(("arm", "children", "secret"), ("label", "count", "odd"), [("none", 203, 7)])
    assert prepared(found).rows == (("none", 205, None),)


def test_numbers_of_rows_that_few_stand_behind_are_withheld():
    rows = [("a", 1.5, 40), ("b", 2.5, 40), ("c", 3.5, 9)]
    found = table(
        ("level", "mean", "children"), ("label", "number", "count"), rows, counts=(40, 40, 9)
    )
    assert [row[0] for row in prepared(found).rows] == ["a", "b"]


def test_zero_is_withheld_like_few():
    rows = [("a", 40), ("b", 0), ("c", 9)]
    assert prepared(table(("level", "children"), ("label", "count"), rows)).rows == (("a", 40),)


def test_an_unknown_table_s_rows_of_an_arm_are_secured_against_the_arm():
    """The parts of an arm that a leaf counts add up to the arm, which is shown elsewhere."""
    rows = [("support", "boys", 5), ("support", "girls", 93)]
    found = table(("arm", "level", "children"), ("label", "label", "count"), rows)
    assert prepared(found) is None


@pytest.mark.parametrize("left", [0, 3, 9])
def test_the_complement_within_a_row_is_secured(left):
    rows = [("set", 150, 150 - left, left)]
    found = table(("what", "all", "used", "left"), ("label", "count", "count", "count"), rows)
    assert prepared(found).rows == (("set", 150, None, None),)


def test_totals_within_a_table_are_sums_of_what_is_shown():
    rows = [("a", 33), ("b", 41), ("c", 4), ("all", 78)]
    assert prepared(table(("level", "children"), ("label", "count"), rows)).rows == (
        ("a", 35),
        ("b", 40),
        ("all", 75),
    )


@pytest.mark.parametrize(("share", "shown"), [(5 / 98, None), (93 / 98, None), (40 / 98, 0.4)])
def test_a_share_whose_whole_is_known_is_a_count(share, shown):
    found = table(
        ("arm", "children", "share"), ("label", "count", "share"), [("support", 98, share)]
    )
    told = prepared(found).rows[0][2]
    assert told is shown if shown is None else told == pytest.approx(shown)


def test_a_share_without_a_whole_is_judged_by_those_behind_it():
    found = table(("what", "share"), ("label", "share"), [("a", 0.05), ("b", 0.5)], counts=(98, 98))
    assert [row[0] for row in prepared(found).rows] == ["b"]


def test_what_one_child_or_cluster_holds_too_much_of_is_withheld():
    rows = [("a", 1.0), ("b", 2.0), ("c", 3.0)]
    shares = ((0.5, 0.1), (0.43, 0.43), (0.44, 0.0))
    found = table(("what", "mean"), ("label", "number"), rows, counts=(50,) * 3, shares=shares)
    assert [row[0] for row in prepared(found).rows] == ["b"]
    few = dataclasses.replace(found, shares=(), clusters=(9, 10, None))
    assert [row[0] for row in prepared(few).rows] == ["b", "c"]


def test_a_table_of_a_model_with_few_residual_degrees_of_freedom_is_withheld():
    found = table(("what", "mean"), ("label", "number"), [("a", 1.0)], counts=(50,))
    assert prepared(dataclasses.replace(found, residual_df=9)) is None
    assert prepared(dataclasses.replace(found, residual_df=10)) is not None


def test_extremes_are_banded_or_withheld():
    columns = ("what", "largest_share", "largest", "smallest", "mean")
    kinds = ("label", "share", "number", "number", "number")
    told = prepared(table(columns, kinds, [("a", 0.0312, 17.3, 0.002, 1.5)], counts=(90,)))
    assert told.rows == (("a", "1% to 5%", None, None, 1.5),)


def test_counts_in_disguise_are_rounded():
    """Whole numbers of a column that calls itself a number are counts all the same."""
    rows = [("a", 7, 301.0), ("b", 33, 2.5)]
    told = prepared(table(("what", "odd", "value"), ("label", "number", "number"), rows))
    assert told.rows == (("b", 35, 2.5),)


def test_those_at_risk_do_not_tell_who_left():
    rows = [("none", 1.0, 203), ("none", 2.0, 201), ("none", 3.0, 198), ("none", 4.0, 60)]
    found = table(("arm", "time", "at_risk"), ("label", "number", "count"), rows, name="curve")
    assert [row[2] for row in prepared(found).rows] == [205, 205, 205, 60]


def test_words_that_count_children_are_dropped():
    found = table(
        ("what", "why"),
        ("label", "label"),
        [("a", "because 7 children moved"), ("b", "because few moved")],
        context="Of 301 children. Weights are capped.",
        note="One child of the 98 is left out.",
        tags=(("outcome", "reading"), ("matched", 7)),
    )
    told = prepared(found)
    assert told.context == "Weights are capped." and told.note == "" and told.tags == found.tags[:1]
    assert "7" not in str(told.rows) and told.rows[1][1] == "because few moved"


# -------------------------------------------------------------------------------- flow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=5), st.integers(10, 400), st.integers(10, 400))
def test_no_step_can_be_got_from_the_totals(lefts, none, support):
    """Whatever few left at a step, 0 to 9, the flow that is shown is the same."""
    shown = set()
    for few in (0, 4, 9):
        now = [left if left >= LEAST else few for left in lefts]
        rest = sum(now) + none + support
        steps = []
        for left in now:
            rest -= left
            steps.append(FlowStep("moved away", left, rest))
        output = clear(finding(arms=(none, support), steps=steps))
        shown.add((output.flow, output.withheld))
        assert output.flow.start % BASE == 0
    assert len(shown) == 1


# ----------------------------------------------------------------------------- answers
@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"arms": (203, 9)}, "fewer than 10 children"),
        ({"clusters": 9}, "fewer than 10 clusters"),
        ({"df": 9.5}, "fewer than 10 residual"),
    ],
)
def test_an_answer_of_few_is_withheld_and_if_it_is_the_only_one_nothing_leaves(more, why):
    few = answer(**more)
    with pytest.raises(Undisclosable, match=why) as caught:
        clear(finding(few))
    assert caught.value.exit_code == 3
    other = dataclasses.replace(answer(term=ATE), leaf="ipw")
    output = clear(finding(few, other))
    assert [one.term for one in output.results] == [ATE]
    assert any(why in item.rule and item.where == "answers" for item in output.withheld)
    assert output.covariance == ((pytest.approx(output.results[0].se ** 2),),)


def test_an_answer_whose_children_are_not_counted_is_withheld():
    bare = dataclasses.replace(answer().estimate, n=None, arm_n=None)
    with pytest.raises(Undisclosable):
        clear(finding(Answer("ipw", bare)))


def test_an_arm_of_few_is_told_before_anything_else():
    with pytest.raises(Undisclosable, match="in arm support") as caught:
        clear(finding(arms=(203, 6)))
    assert "6" not in str(caught.value)


def test_answers_for_nearly_the_same_children_are_not_both_shown():
    """Their difference would be an answer about the few who are in one of them alone."""
    near = answer((203, 92), term=dataclasses.replace(ATT, subgroup="no plan"))
    far = answer((150, 60), term=dataclasses.replace(ATT, subgroup="boys"))
    output = clear(finding(answer(), near, far))
    assert [one.term.subgroup for one in output.results] == [None, "boys"]


def test_a_refused_subgroup_of_few_leaves_the_others_their_answers():
    """What is said of a question is said of its subgroup, not of all children."""
    few = dataclasses.replace(ATT, subgroup="plan")
    rule = Broken("children", "enough children carry the answer", 6.0, 20.0, "6 children")
    output = clear(finding(answer(), refusals=(Refusal((few,), (rule,), "Widen."),)))
    assert [one.term.subgroup for one in output.results] == [None]
    assert "6" not in repr(output.refusals)


def test_few_events_withhold_the_outcome():
    columns = ("outcome", "arm", "children", "observed", "mean", "sd", "events", "exposure")
    kinds = ("label", "label", "count", "count", "number", "number", "count", "number")
    rows = [
        ("reading", "none", 203, 203, 50 / 203, 0.4, 50, None),
        ("reading", "support", 98, 98, 94 / 98, 0.2, 94, None),
    ]
    found = table(columns, kinds, rows, name="outcomes", counts=(50, 94))
    with pytest.raises(Undisclosable, match="had the event, or had it not"):
        clear(finding(tables=(found,), kind="binary"))
    fine = dataclasses.replace(found, rows=(rows[0], (*rows[1][:4], 60 / 98, 0.2, 60, None)))
    told = clear(finding(tables=(fine,), kind="binary")).table("outcomes")
    assert told.rows[0][2:7] == (205, 205, pytest.approx(0.244), None, 50)


def test_a_refusal_for_want_of_children_does_not_say_how_few():
    refused = {}
    for count in (0, 3, 9):
        rule = Broken("events", "enough", float(count), 1.0, f"{count} events in arm support")
        few = Refusal((ATE,), (rule,), "Widen the population.")
        output = clear(finding(refusals=(few,)))
        assert output.refusals == () and output.status == "answered"
        refused[count] = json.dumps(as_data(output), default=str)
    assert len(set(refused.values())) == 1


def test_a_refusal_that_may_be_told_is_told_in_round_numbers():
    rules = (
        Broken(
            "largest child", "p", 0.9096, 0.1, "one child carries 91.0% of the weight of arm none"
        ),
        Broken("children", "s", 13.0, 20.0, "13 children in arm none"),
        Broken(
            "effective size",
            "s",
            41.3,
            0.2 * 6933,
            "203 children of arm none are worth 41.3 once weighted",
        ),
        Broken("no answer", "s", float("nan"), float("nan"), "only two schools hold both arms"),
    )
    told = clear(finding(refusals=(Refusal((ATE,), rules, "trim"),))).refusals[0].rules
    assert [rule.words for rule in told[:3]] == [
        "one child carries above 43.75% of the weight of arm none",
        "about 15 children in arm none",
        "the children of arm none are worth about 40 once weighted",
    ]
    assert "two schools" not in told[3].words and told[2].threshold == 1400


def test_regions_are_rounded_and_judged():
    region = Region(
        ATT, ((1.23456, float("inf")),), 0.95, "Anderson–Rubin, 41 clusters", 2.34567, 0.0123
    )
    told = clear(finding(dataclasses.replace(answer(), regions=(region,)))).regions[0].region
    assert told.pieces == ((1.23, float("inf")),) and told.value == 2.35
    assert "41" not in told.method


# ------------------------------------------------------------------------------- words
@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("7 children in arm none", False),
        ("only one child is left", False),
        ("two of the schools hold both arms", False),
        ("no pupils were matched", False),
        ("12 of 98", False),
        ("the first stage has F = 3.2", False),
        ("95% intervals", True),
        ("a probability below 0.01 of an arm", True),
        ("normal, influence summed by S1_ID, G/(G − 1)", True),
        ("column C6R4MSCL of re75", True),
        ("an arm means the same provision for every child who received it", True),
    ],
)
def test_only_words_without_counts_are_safe(text, safe):
    assert Words(declared(study())).safe(text) is safe


# ----------------------------------------------------------------------------- whole
def test_planted_counts_and_names_are_in_no_byte():
    """Numbers and names that nothing else can give, put wherever a leaf may put them."""
    rule = Broken("no answer", "s", 7717.0, float("nan"), "7717 children have zqname")
    plain = table(
        ("covariate", "level", "arm", "children", "mean", "sd"),
        ("label", "label", "label", "count", "number", "number"),
        [
            ("care", "zqname", "none", 203, 2 / 203, None),
            ("care", "other", "none", 203, 201 / 203, None),
            ("care", "zqname", "support", 98, 0.0, None),
            ("care", "other", "support", 98, 1.0, None),
        ],
        name="baseline",
        context="7717 rows were read.",
        note="zqname: 7717",
    )
    warned = answer(
        warnings=((ATT, "7717 matched pairs"),),
        refusals=(Refusal((ATE,), (rule,), "Drop the 7717 children.", leaf="ipw"),),
        tables=(dataclasses.replace(plain, name="other"),),
    )
    found = finding(
        warned,
        tables=(plain,),
        sensitivity=(Answer("e_value", tables=(plain,), refusals=(Refusal((ATT,), (rule,), ""),)),),
        members=np.array(["zqmember7717"]),
    )
    output = clear(found)
    every = json.dumps(as_data(output)) + html(output, "tables")
    assert "7717" not in every and "7,717" not in every
    assert "zqname" not in every and "zqmember" not in every


def test_flags_of_few_missing_values_leave_the_study():
    asked = dataclasses.replace(study(), assignment=Observed(("age", "age missing")))
    rows = [
        (name, "", arm, n, mean, sd)
        for name, mean, sd in (
            ("age", 7.1, 0.3),
            ("age missing", 4 / 98, np.sqrt(4 * 94 / 98 / 97)),
        )
        for arm, n in (("none", 98), ("support", 98))
    ]
    columns = ("covariate", "level", "arm", "children", "mean", "sd")
    kinds = ("label", "label", "label", "count", "number", "number")
    baseline = table(columns, kinds, rows, name="baseline")
    found = finding(answer((98, 98)), tables=(baseline,), arms=(98, 98))
    output = clear(dataclasses.replace(found, study=asked))
    assert output.study.given == ("age",)
    assert {row[0] for row in output.table("baseline").rows} == {"age"}
    assert not any("Made up" in item.what for item in output.withheld)


def test_a_curve_leaves_at_its_few_times_alone():
    """Between two of them a step would tell when a few children had the event."""
    rows = tuple(
        ("none", float(t), 900 - t, 0.01 * t, 0.1 if t % 10 == 0 else None) for t in range(1, 41)
    )
    kinds = ("label", "number", "count", "number", "number")
    found = table(("arm", "time", "at_risk", "risk", "se"), kinds, rows, name="survival_curve")
    kept = coarse(dataclasses.replace(found, counts=tuple(row[2] for row in rows)))
    assert kept.column("time") == (10.0, 20.0, 30.0, 40.0)
    assert kept.counts == (890, 880, 870, 860)
    every = dataclasses.replace(found, rows=tuple((*row[:4], 0.1) for row in rows))
    assert coarse(every) == every
