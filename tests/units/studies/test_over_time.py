"""Trials that repeat and strategies sustained over time, as they are written and checked."""

from __future__ import annotations

import pytest

from fingerpost.core.errors import Malformed, NotAnswerable
from fingerpost.core.linked import Strategy, TimeZero
from fingerpost.studies import plan
from fingerpost.studies.document import read_study
from fingerpost.studies.linked import spelt

TEXT = """\
study: over-time
question: Does support kept up change absence?
population: {born: 2003-09/2008-08, enrolled: {year: 1, school: state-funded}}
arms:
  never: {never: any recorded provision, from: year 1, through: year 3}
  kept: {sustained: SEN Support, from: year 1, through: year 3, within: {terms: 1}}
time_zero: {year: 1, census: spring}
follow_up: {to: end of year 6}
outcomes: [unauthorised_absence]
assignment: {observed: {given: [sex, fsm], cluster: school}}
estimand: {contrast: [kept, never], target: ate, scale: ratio}
estimators: [naive, ipw, time_varying]
"""
PLAIN = "{none: no recorded provision, support: SEN Support}"


def study(*changes: tuple[str, str]):
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return read_study("over.yaml", text=text)


def problems(*changes: tuple[str, str]) -> str:
    with pytest.raises(Malformed) as fault:
        study(*changes)
    return "\n".join(fault.value.problems)


def trials(zero: str):
    arms = TEXT[TEXT.index("arms:") : TEXT.index("time_zero")]
    return (
        (arms, f"arms: {PLAIN}\n"),
        ("{year: 1, census: spring}", zero),
        ("[kept, never]", "[support, none]"),
        ("[naive, ipw, time_varying]", "[naive, ipw]"),
    )


def test_strategies_kept_up_are_read():
    linked = study().linked
    assert linked is not None and linked.through == 3
    words = "SEN Support, begun within 1 term of time zero, kept up through Year 3"
    assert linked.strategy("kept") == Strategy(words, ("support",), through=3, begins=1, grace=1)
    assert linked.strategy("never").levels == ("none",)


def test_a_trial_each_year_is_read():
    linked = study(*trials("{every: year, from: 1, to: 4, census: spring}")).linked
    assert linked is not None
    assert (linked.zero, linked.zero.years) == (TimeZero(1, "spring", 4), (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("target: ate", "target: [ate, att]", "only ate has a meaning"),
        ("through: year 3, within", "through: year 4, within", "through one school year"),
        ("SEN Support, from: year 1", "SEN Support, from: year 2", "time zero is in Year 1"),
        ("through: year 3", "through: year three", "should be a school year"),
        ("never: any recorded", "never: any", "provision known for linked records"),
        ("[sex, fsm]", "[sex, fsm, trial]", "time zero is of one year"),
        ("within: {terms: 1}", "within: {terms: -1}", "must be 0 or more"),
    ],
)
def test_each_slip_is_one_line_that_says_how_to_mend_it(old, new, words):
    assert words in problems((old, new))


@pytest.mark.parametrize(
    ("zero", "words"),
    [
        ("{every: year, from: 3, to: 3, census: spring}", "there is one trial"),
        ("{every: term, from: 1, to: 3}", "year"),
        ("{every: year, from: 1, to: 7}", "before time zero in Year 7"),
    ],
)
def test_trials_that_cannot_be_are_refused(zero, words):
    assert words in problems(*trials(zero))


def test_estimators_that_adjust_once_are_refused():
    with pytest.raises(NotAnswerable, match="g_formula does not answer of strategies sustained"):
        plan.check(spelt(study(("[naive, ipw, time_varying]", "[naive, ipw, g_formula]"))))
    plan.check(spelt(study()))


def test_the_leaf_for_strategies_over_time_is_refused_without_any():
    changes = trials("{every: year, from: 1, to: 3, census: spring}")[:-1]
    with pytest.raises((Malformed, NotAnswerable), match="the study has none"):
        plan.check(spelt(study(*changes)))
