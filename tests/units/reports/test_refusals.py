"""Why something is refused: real rules, the plainest first, each with the side of its limit."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from fingerpost.core.estimand import Target
from fingerpost.core.reasons import PLAINEST, TOO_LOW, broken_words, limit_words, plainest
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.reports.refusals import refusals
from units.reports.fixtures import OUTPUTS, named, refused


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_rule_that_a_real_study_is_judged_by_has_its_place_and_its_side(name):
    for table in named(OUTPUTS[name](), "guard"):
        for row in table.records():
            assert row["rule"] in PLAINEST
            assert row["words"]
            broken = row["measured"] < row["threshold"]
            broken = broken if row["rule"] in TOO_LOW else row["measured"] > row["threshold"]
            assert broken is (row["verdict"] != "ok"), row


def test_the_plainest_reason_does_not_depend_on_the_order_of_rules():
    rules = refused().refusals[0].rules
    assert len(rules) > 2
    assert {plainest(order) for order in permutations(rules)} == {plainest(rules)}
    assert plainest(rules).rule == "largest child"


def test_of_one_rule_the_arm_that_breaks_it_most_is_told():
    few, fewer = (Broken("children", "", n, 20.0, f"{n:g} children") for n in (12.0, 5.0))
    assert plainest((few, fewer)) is plainest((fewer, few)) is fewer


def test_a_rule_of_another_package_comes_last_and_is_told_by_its_words():
    other = Broken("instrument", "", 1.1, 10.0, "the instrument is weak.")
    balance = Broken("balance", "", 0.4, 0.25, "after weighting, age differs")
    assert plainest((other, balance)) is balance
    assert broken_words(other) == "the instrument is weak"
    assert plainest(()) is None


def test_a_rule_that_is_no_number_has_no_limit():
    assert limit_words("score", float("nan"), verb="refused") == ""
    assert limit_words("balance", 0.25, verb="refused") == "(refused above 0.25)"


def test_no_mend_points_to_what_the_same_study_is_refused():
    output = refused()
    (refusal,) = output.refusals
    (term,) = refusal.terms
    assert term.target.kind == "ate" and "(att)" in refusals(output)[0]
    att = Refusal((term.on(Target("att")),), refusal.rules, "Ask about overlap.")
    first, second = refusals(replace(output, refusals=(refusal, att)))
    assert first.endswith("Ask about overlap.") and second.endswith("Ask about overlap.")
    elsewhere = Refusal((replace(term, outcome="another").on(Target("att")),), refusal.rules, "No.")
    assert "(att)" in refusals(replace(output, refusals=(refusal, elsewhere)))[0]
