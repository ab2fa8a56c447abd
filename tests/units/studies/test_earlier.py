"""What a report says of children who had been provided for before time zero."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.cohort import Cohort
from fingerpost.core.course import Course
from fingerpost.studies.earlier import caution, tables

NAN = np.nan
ARMS = ("none", "support")


def cohort(provided: list[float], arm: list[int], course: Course | None = None) -> Cohort:
    return Cohort(
        unit=np.arange(len(arm)),
        arms=ARMS,
        arm=np.array(arm),
        outcomes={},
        covariates={},
        course=course,
        provided=np.array(provided),
    )


def test_the_table_counts_them_by_arm_with_the_smallest_count_behind_each_row() -> None:
    (table,) = tables(cohort([NAN, NAN, 1.0, NAN, 2.0, 4.0, 9.0], [0, 0, 0, 1, 1, 1, 1]))
    assert table.rows == (("none", 3, 1, 1.0), ("support", 4, 3, 4.0))
    assert table.counts == (1, 1)
    assert not tables(cohort([NAN, NAN], [0, 1]))


@pytest.mark.parametrize(
    ("had", "words"),
    [
        (1, ""),
        (2, "more than a tenth"),
        (5, "more than a quarter"),
        (8, "more than three quarters"),
    ],
)
def test_more_than_a_tenth_of_an_arm_is_said_beside_the_answer(had: int, words: str) -> None:
    """Of ten children of support: 1 is no more than a tenth, 8 are more than three quarters."""
    provided = [NAN] * 5 + [2.0] * had + [NAN] * (10 - had)
    found = caution(cohort(provided, [0] * 5 + [1] * 10), ARMS)
    assert found.startswith(words) and bool(found) == bool(words)
    assert not words or "new_users: yes" in found
    # Of contrasts without that arm nothing is said.
    assert not caution(cohort(provided, [0] * 5 + [1] * 10), ("none",))


def test_copies_count_where_they_follow_their_strategy_at_time_zero() -> None:
    stays = np.array([[True, True], [False, False], [True, False], [False, False]])
    course = Course(stays, np.zeros((4, 2), dtype=np.int8))
    (table,) = tables(cohort([NAN, 3.0, NAN, 3.0], [0, 0, 1, 1], course))
    assert [row[1:3] for row in table.rows] == [(1, 0), (1, 0)]
