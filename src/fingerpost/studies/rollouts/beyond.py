"""Values outside what a study holds for plausible: refused, unless they were taken in knowingly.

A return outside `collection.plausible` is asked about, and taken in only where the unit stands by
it. A freeze therefore holds such values knowingly, and its answers say so; of any other records
nobody has asked, and they are a fault.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fingerpost.cohorts.reading import TableRecords
from fingerpost.cohorts.values import numbers
from fingerpost.core.answer import Answer
from fingerpost.core.errors import Malformed
from fingerpost.core.study import Study
from fingerpost.core.words import counted
from fingerpost.engines._shared import collected
from fingerpost.studies.rollouts.collecting.rounds import VERSION


def beyond(study: Study, records: TableRecords) -> tuple[str, ...]:
    """Return in words, column by column, how many values of a freeze lie outside their range; of
    other records raise Malformed with all of them.
    """
    asked = study.rollout.collection if study.rollout else None
    ranges = {
        column: ends
        for column, ends in (asked.plausible if asked else ())
        if column in records.columns
    }
    if not ranges:
        return ()
    table = collected(records.frame.select(*ranges), records.words)
    found = []
    for column, (low, high) in ranges.items():
        values, _ = numbers(table[column])
        many = int(np.count_nonzero((values < low) | (values > high)))
        if many:
            found.append(
                f"{counted(many, 'value')} of {column} outside {low:g} to {high:g}, which the "
                "study holds for plausible"
            )
    if found and VERSION not in records.columns:
        raise Malformed(
            f"records: {words}. Correct them, or leave their cells empty; where units stand by "
            "them, take them in by `fingerpost rollout collect receive --implausible`, and analyse "
            "a freeze."
            for words in found
        )
    return tuple(found)


def told_of(answer: Answer, found: tuple[str, ...]) -> Answer:
    """Return an answer that says which values outside their range it is made of."""
    if not found or answer.estimate is None:
        return answer
    more = [
        (term, f"the returns hold {words}: units stood by them, and they are in this answer.")
        for term in answer.estimate.terms
        for words in found
    ]
    return replace(answer, warnings=(*answer.warnings, *more))
