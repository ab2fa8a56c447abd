"""Deterministic passes: each links the pair that it is for, and nobody who meets several."""

from __future__ import annotations

from datetime import date

import pytest

from fingerpost.core.errors import UsageError
from fingerpost.linkage.passes import CASCADES, link
from fingerpost.linkage.people import read_people
from units.linkage.small import identifiers

MOVED = {"postcode": "ZZ9 9ZZ"}
# Of each step of version 1, a child as the demographic register has it, beside Ann as school has.
REGISTER = {
    "1": {},
    "2": {"forename": "Anne", "surname": "Archar"},
    "3": {"forename": "Andrea", "surname": "Archdale"},
    "4": {"forename": "Andrea", "surname": "Archdale", "sex": "M"},
    "5": {"forename": "Bea", "surname": "Brown"},
    "6": {"forename": "Bea", "surname": "Brown", "birth_date": date(2005, 3, 15)},
    "7": MOVED,
    "8": {**MOVED, "forename": "Andrea"},
}
NUMBER = {"nhs_number": "9434765919"}
# Of each step from the register to hospitals: the child in both, so far as both have it.
HOSPITAL = {
    "1": ({}, {}),
    "2": (MOVED, {}),
    "3": ({"birth_date": date(2005, 3, 15)}, {}),
    "4": ({"birth_date": date(2005, 3, 15), **MOVED}, {}),
    "5": ({"birth_date": date(1999, 7, 1)}, {}),
    "6": ({"nhs_number": None}, {}),
    "7": ({"nhs_number": None}, {"nhs_number": None}),
}
TRACED = {
    "1A": {},
    "1B": {"forename": "Annabella"},
    "2": MOVED,
}


def linked(tmp_path, cascade, left, right):
    """Who is linked with whom, by which step."""
    found = link(read_people(identifiers(tmp_path, left, right)), cascade)
    return list(zip(found.left.tolist(), found.right.tolist(), found.steps, strict=True))


@pytest.mark.parametrize("step", REGISTER)
def test_a_step_to_the_register_links_the_pair_it_is_for(step, tmp_path):
    assert linked(tmp_path, "v1", [REGISTER[step]], [{}]) == [(0, 0, step)]


def test_who_agrees_on_too_little_is_linked_by_no_step(tmp_path):
    other = {**MOVED, "forename": "Bea", "surname": "Brown"}
    assert linked(tmp_path, "v1", [other], [{}]) == []
    assert linked(tmp_path, "v2", [other], [{}]) == []


@pytest.mark.parametrize("step", HOSPITAL)
def test_a_step_to_hospitals_links_the_pair_it_is_for(step, tmp_path):
    left, right = ({**NUMBER, **row} for row in HOSPITAL[step])
    # Somebody else with a number on both sides, so that numbers are known.
    far = {"birth_date": date(1990, 1, 1), "postcode": "AA1 1AA", "nhs_number": "9990001112"}
    found = linked(tmp_path, "hospital", [left, far], [right, far])
    assert found[0] == (0, 0, step)


def test_a_birth_date_of_new_year_does_not_count_without_a_number(tmp_path):
    new = {"birth_date": date(2005, 1, 1)}
    far = {"birth_date": date(1990, 2, 2), "postcode": "AA1 1AA", "nhs_number": "9990001112"}
    assert linked(tmp_path, "hospital", [new, far], [new, far]) == [(1, 1, "1")]


@pytest.mark.parametrize("step", TRACED)
def test_a_stage_of_version_two_links_the_pair_it_is_for(step, tmp_path):
    # "Anna" and "Annabella" share four letters; "Ann" has three.
    school = {"forename": "Anna"} if step == "1B" else {}
    assert linked(tmp_path, "v2", [TRACED[step]], [school]) == [(0, 0, step)]


def test_twins_are_told_apart_by_the_strict_step_and_taken_from_the_looser(tmp_path):
    twin = {"forename": "Bea"}
    found = linked(tmp_path, "v1", [{}, twin], [{}, {**twin, "surname": "Wood"}])
    # Once Ann is linked, one girl of that home and birth date is left on each side.
    assert found == [(0, 0, "1"), (1, 1, "5")]


def test_who_meets_two_people_stays_unlinked(tmp_path):
    assert linked(tmp_path, "v1", [{}, {}], [{}]) == []


def test_a_former_postcode_counts(tmp_path):
    before = {"person": "h", "to_date": date(2011, 1, 1)}
    now = {"person": "h", "from_date": date(2011, 1, 1), **MOVED}
    assert linked(tmp_path, "v2", [before, now], [{}]) == [(0, 0, "1A")]


def test_the_cascades_are_as_long_as_published(tmp_path):
    assert [len({one.step for one in CASCADES[name]}) for name in ("v1", "hospital", "v2")] == [
        8,
        7,
        3,
    ]
    with pytest.raises(UsageError, match='no cascade "v3"'):
        linked(tmp_path, "v3", [{}], [{}])
