"""Pairs in doubt: what a clerk may see of them without anybody's identifiers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from fingerpost.cli.link_run import left_out
from fingerpost.linkage.comparisons import CHILDREN
from fingerpost.linkage.people import read_people
from fingerpost.linkage.quality import ByGroup, Overlap, against, alike_another, in_doubt
from units.linkage.small import identifiers

SIZES = [one.size for one in CHILDREN.comparisons]


def doubted(patterns: list[list[int]], pairs: list[int]):
    """Return what is told of so many pairs of each pattern, each of probability one half."""
    found = SimpleNamespace(
        patterns=np.array(patterns), pattern=np.repeat(range(len(pairs)), pairs)
    )
    return in_doubt(found, np.full(sum(pairs), 0.5), CHILDREN)


def test_rare_patterns_are_told_with_those_that_are_like_them():
    """Where every pattern was rare, nothing at all was told but how many pairs there were."""
    like = [[1, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0]]  # forename much alike, or alike
    rows = doubted([*like, [0] * 6], [6, 6, 20])
    assert [row["pairs"] for row in rows] == [20, 12]
    assert rows[1]["agreement"]["forename"] == "alike"
    assert rows[1]["agreement"]["surname"] == "the same"


def test_what_is_like_nothing_is_told_by_how_many_identifiers_agree():
    differs = [size - 1 for size in SIZES]
    patterns = [[differs[at] if at == one else 0 for at in range(6)] for one in range(6)]
    rows = doubted([*patterns, [-1] * 6], [3] * 6 + [4])
    assert [row["pairs"] for row in rows] == [18, 4]
    assert rows[0]["agreement"] == {"identifiers": "5 the same or alike, 1 differ"}
    assert rows[0]["mean_probability"] == pytest.approx(0.5)
    assert rows[1]["agreement"] == {"other": "rare patterns"}


# By hand: child 1 has two records, and either is right; child 2 is missed by one spine; child 3 is
# given another's record by both.
def test_each_of_a_childs_records_is_a_true_one_and_groups_are_means_over_spines():
    truth = {(1, "a"), (1, "b"), (2, "c"), (3, "d")}
    spines = [{(1, "a"), (2, "c"), (3, "x")}, {(1, "b"), (3, "x")}]
    one = against(spines[0], truth, matches=3)
    assert (one["precision"], one["recall"], one["matches"]) == (2 / 3, 2 / 3, 3)
    grouped = ByGroup(truth, {1: "all", 2: "all", 3: "all"})
    for links in spines:
        grouped.add(links)
    (row,) = grouped.told()
    assert row == {"group": "other", "children": 3, "recall": 0.5, "missed": 1 / 6, "false": 0.4}


def test_groups_of_few_are_told_with_a_group_called_other_and_take_no_one_from_it():
    groups = {child: "other" if child < 20 else f"few {child}" for child in range(23)}
    told = ByGroup({(child, child) for child in groups}, groups).told()
    assert [(row["group"], row["children"]) for row in told] == [("other", 23)]


def test_what_spines_share_says_how_good_one_is():
    """Each pair linked with its own chance: of a spine's links p / mean(p) are expected right."""
    rng = np.random.default_rng(2)
    chance = np.r_[np.full(2_000, 0.95), np.full(2_000, 0.2)]
    spines = Overlap(chance)
    for _ in range(20):
        spines.add(np.flatnonzero(rng.random(len(chance)) < chance))
    told = spines.told()
    want = (chance**2).sum() / chance.sum()  # of a draw, the truth being another
    assert told["estimated"]["precision"] == pytest.approx(want, abs=0.01)
    assert told["sure"] == {"links": 0, "left_out": 0}
    assert told["links"]["fewest"] <= told["links"]["mean"] <= told["links"]["most"]


def test_people_whom_a_file_holds_twice_are_counted_and_twins_are_not(tmp_path):
    others = [{"surname": f"Aa{'abcdefghij'[at]}"} for at in range(10)]
    again = {**others[0], "postcode": "ZZ1 1ZZ", "nhs_number": "9434765919"}
    twins = [{"forename": "Bo", "surname": "Twin"}, {"forename": "Jo", "surname": "Twin"}]
    moved = {**others[1], "postcode": "QA9 9AA"}
    hospital = [*others, others[2], others[2], *twins, moved, again, again]
    people = read_people(identifiers(tmp_path, hospital, [*others, *twins, moved]))
    # Three with a postcode in common, two with an NHS number; who moved shares neither.
    assert alike_another(people) == {"hospital": 5}


def test_twins_whose_forenames_are_not_known_are_not_one_person(tmp_path):
    nameless = {"forename": None}
    assert alike_another(read_people(identifiers(tmp_path, [nameless, nameless], [{}]))) == {}


def test_sure_links_that_a_spine_leaves_out_are_counted_and_many_are_told():
    chance = np.r_[np.ones(1_000), np.full(10, 0.6)]
    spines = Overlap(chance)
    for gone in (0, 3, 1):
        spines.add(np.arange(gone, len(chance)))
    sure = spines.told()["sure"]
    assert sure == {"links": 1_000, "left_out": 3}
    (words,) = left_out({"quality": {"over_spines": {"sure": sure}}})
    assert "up to 3 of 1,000 links" in words
    assert left_out({"quality": {"over_spines": {"sure": {**sure, "left_out": 2}}}}) == []
    assert left_out({"quality": {}}) == []
