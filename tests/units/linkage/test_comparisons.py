"""What people are compared on, and whom a rule looks at."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from fingerpost.linkage import comparisons, febrl
from fingerpost.linkage.comparisons import CHILDREN, Rule, fitting, joined, pattern_sql
from fingerpost.linkage.people import read_people
from units.linkage.small import identifiers

SWAPPED = "day and month swapped"


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        ({"forename": "Ane"}, "forename", "alike, or short for it"),
        ({"surname": "Archar"}, "surname", "much alike"),
        ({"birth_date": "2005-04-03", "at_school": "2005-03-04"}, "birth_date", SWAPPED),
        ({"birth_date": "2006-03-14"}, "birth_date", "two of its three parts"),
        ({"sex": None}, "sex", "not known, or told by the forename"),
        ({"sex": "M"}, "sex", "not known, or told by the forename"),
        ({"sex": "M", "forename": "Ane"}, "sex", "differ"),
        ({"forename": "Ane"}, "sex", "the same"),
        ({"postcode": "QA1 9ZZ"}, "postcode", "the same district"),
        ({"postcode": "ZZ9 9ZZ"}, "postcode", "differ"),
        ({}, "postcode", "the same in the same year"),
    ],
)
def test_levels_of_agreement(change, name, words, tmp_path):
    given = {k: date.fromisoformat(v) if k == "birth_date" else v for k, v in change.items()}
    other = given.pop("at_school", None)
    school = {"birth_date": date.fromisoformat(other)} if other else {}
    people = read_people(identifiers(tmp_path, [given, {}], [school]))
    plan = fitting(CHILDREN, people)
    at = plan.names.index(name)
    level = people.rows(f"SELECT g{at} FROM ({pattern_sql(plan, '(SELECT 0 AS l, 0 AS r)')})")
    assert plan.comparisons[at].words(level[0][0]) == words
    # Nobody at school has an NHS number, so nothing is asked of it.
    assert "nhs_number" not in plan.names


@pytest.mark.parametrize("plan", [CHILDREN, febrl.PLAN])
def test_a_comparison_reads_every_column_that_its_levels_name(plan):
    for one in plan.comparisons:
        words = " ".join([one.missing, *(level.condition for level in one.levels)])
        named = set(re.findall(r"\b(\w+)_[lr]\b", words))
        assert named == set(one.reads or (one.column,)), one.name


def crowd(tmp_path, many: int):
    """On both sides many people who are alike in all but their names in the file, then three who
    are like nobody else there.
    """
    own = [
        {"forename": name, "surname": name, "birth_date": date(year, 1, 2), "postcode": place}
        for name, year, place in (
            ("Bo", 2001, "QA9 9AA"),
            ("Cy", 2002, "QB9 9AA"),
            ("Di", 2003, "QC9 9AA"),
        )
    ]
    return read_people(identifiers(tmp_path, [{}] * many + own, [{}] * many + own))


@pytest.mark.parametrize(
    "rule",
    [
        Rule(("birth_date", "surname")),
        Rule(("birth_date",), "postcodes"),
        Rule(("surname[:3]", "birth_year")),
    ],
)
def test_a_rule_leaves_out_what_too_many_pairs_share_and_says_so(rule, tmp_path, monkeypatch):
    monkeypatch.setattr(comparisons, "MOST_OF_A_VALUE", 30)
    plan = replace(CHILDREN, rules=(rule,))
    people = crowd(tmp_path, 5)
    chosen = fitting(plan, people)
    found = set(people.rows(joined(chosen.rules[0])))
    assert len(found) == 25 + 3 and chosen.notices == ()
    people = crowd(tmp_path, 6)
    chosen = fitting(plan, people)
    found = set(people.rows(joined(chosen.rules[0])))
    assert found == {(6, 6), (7, 7), (8, 8)}
    (told,) = chosen.notices
    assert told.count == 1 and told.column == " and ".join(rule.columns)
    assert "more than 30 pairs of people share" in told.words() and "Archer" not in told.words()
    # Fitted again, as a linker does, it says it once and finds the same.
    again = fitting(chosen, people)
    assert again == chosen and set(people.rows(joined(again.rules[0]))) == found


def test_rules_that_matches_are_learnt_of_are_sampled_and_leave_nothing_out(tmp_path, monkeypatch):
    monkeypatch.setattr(comparisons, "MOST_OF_A_VALUE", 30)
    chosen = fitting(CHILDREN, crowd(tmp_path, 9))
    assert chosen.learn and all(rule.without is None for rule in (*chosen.learn, *chosen.spare))
