"""Departures from sustained strategies: counted term by term, arm by arm."""

from __future__ import annotations

import numpy as np

from fingerpost.core.cohort import Cohort
from fingerpost.core.course import FIRST, KEEPING, Course
from fingerpost.core.outcome import Outcome
from fingerpost.studies.departures import tables


def cohort(course: Course | None) -> Cohort:
    return Cohort(
        unit=np.array([0, 1, 2, 0, 1, 2]),
        arms=("never", "sustained"),
        arm=np.array([0, 0, 0, 1, 1, 1]),
        outcomes={"y": Outcome("binary", np.zeros(6))},
        covariates={},
        clusters={},
        course=course,
    )


def test_each_copy_departs_once_and_only_those_who_followed_are_asked():
    stays = np.array([[1, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 0], [1, 1, 1], [1, 1, 0]], dtype=bool)
    stage = np.tile(np.array([FIRST, KEEPING, KEEPING], dtype=np.int8), (6, 1))
    labels = ("Year 1 spring", "Year 1 summer", "Year 2 autumn")
    (table,) = tables(cohort(Course(stays, stage, labels=labels)))
    assert [row[:2] + row[3:] for row in table.rows] == [
        ("never", "Year 1 spring", 3, 1, 2),
        ("never", "Year 1 summer", 2, 0, 2),
        ("never", "Year 2 autumn", 2, 1, 1),
        ("sustained", "Year 1 spring", 3, 0, 3),
        ("sustained", "Year 1 summer", 3, 1, 2),
        ("sustained", "Year 2 autumn", 2, 1, 1),
    ]
    departed, ended = sum(row[4] for row in table.rows), int(stays[:, -1].sum())
    assert departed + ended == len(stays)
    assert table.rows[0][2] == "at time zero" and table.rows[1][2] == "while it goes on"


def test_arms_that_are_not_sustained_have_no_such_table():
    assert tables(cohort(None)) == ()
