"""What real extracts hold besides the truth: two school rolls at once, and codes as coders write.

Children on two rolls and variants of codes are cleaned away by the rules that `records convert` and
studies keep, so that nothing is found otherwise. Diagnoses that are missing or wrong are not: they
are there only where asked for, at rates that are told, to learn what they do to a study.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fingerpost.core.errors import UsageError
from fingerpost.core.seeds import stream

# Of pupils of mainstream schools, those on a second roll in a year; this project's choice.
TWO_ROLLS = 0.01
# Of diagnoses, those written with a dot, a mark of dagger or asterisk, or small letters.
WRITTEN_OTHERWISE = 0.3
UNKNOWN_CAUSE = "R69"
NAME = "england extract"


@dataclass(frozen=True, slots=True)
class Coding:
    """How diagnoses are recorded. missing, miscoded: of each diagnosis, the chance that it is not
    written down, or that a neighbouring category is (Q379 becomes Q389). A main diagnosis that is
    missing is R69, unknown cause, as a hospital has to write one.
    """

    missing: float = 0.0
    miscoded: float = 0.0

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        faults = [
            f"--{option} must be a share, 0 to 1."
            for option, share in (
                ("diagnoses-missing", self.missing),
                ("diagnoses-miscoded", self.miscoded),
            )
            if not 0 <= share <= 1
        ]
        if faults:
            raise UsageError(faults)


def two_rolls(rows: pa.Table, year: int, *, share: float = TWO_ROLLS) -> pa.Table:
    """Return the school censuses of a year in which some pupils are on a second school's roll.

    rows: `school_census` of one academic year. Who is on two rolls is so in each census of the
    year: the own enrolment becomes the main one (M), and a copy of it is subsidiary (S), at another
    school of the same authority. Nobody is where an authority has one mainstream school.
    """
    child, urn, la = (np.asarray(rows[name]) for name in ("child_id", "urn", "la"))
    mainstream = np.asarray(pc.fill_null(pc.equal(rows["school_type"], "mainstream"), True))
    children, at = np.unique(child, return_inverse=True)
    draw = stream(NAME, f"two rolls {year}").random(len(children))
    other = urn.copy()
    for authority in np.unique(la):
        here = (la == authority) & mainstream
        schools = np.unique(urn[here])
        places = np.searchsorted(schools, urn[here]) + 1
        if len(schools) > 1:
            other[here] = schools[places % len(schools)]
    two = (draw[at] < share) & mainstream & (other != urn)
    status = rows.column_names.index("enrolment")
    main = rows.set_column(
        status, "enrolment", pc.if_else(pa.array(two), "M", rows["enrolment"].cast(pa.string()))
    )
    copies = main.filter(pa.array(two))
    more = np.full(copies.num_rows, "S", dtype=object)
    copies = copies.set_column(status, "enrolment", pa.array(more, pa.string()))
    place = rows.column_names.index("urn")
    copies = copies.set_column(place, "urn", pa.array(other[two]).cast(rows["urn"].type))
    return pa.concat_tables([main, copies])


def as_coded(cells: pa.ChunkedArray, name: str, coding: Coding) -> pa.ChunkedArray:
    """Return a column of diagnoses as coders wrote them: variants, gaps and slips.

    name: of the column, `diag_01` being the main diagnosis.
    """
    text = cells.cast(pa.string())
    rng = stream(NAME, name)
    lost, slip, way = (rng.random(len(text)) for _ in range(3))
    if coding.miscoded:
        text = pc.if_else(pa.array(slip < coding.miscoded), neighbour(text), text)
    if coding.missing:
        instead = pa.scalar(UNKNOWN_CAUSE if name == "diag_01" else None, pa.string())
        gone = pc.and_(pa.array(lost < coding.missing), pc.is_valid(text))
        text = pc.if_else(gone, instead, text)
    return variants(text, way)


def neighbour(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return codes of the next category: the third character one up, 9 becoming 0."""
    third = pc.utf8_slice_codeunits(text, 2, 3)
    found = third
    for digit in range(10):
        found = pc.if_else(pc.equal(third, str(digit)), str((digit + 1) % 10), found)
    return pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(text, 0, 2), found, pc.utf8_slice_codeunits(text, 3), ""
    )


def variants(text: pa.ChunkedArray, way: np.ndarray) -> pa.ChunkedArray:
    """Return codes written otherwise, in equal parts: Q37.9, Q379D, Q37.9A, q379. way: (n,) 0-1."""
    dotted = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(text, 0, 3), pc.utf8_slice_codeunits(text, 3), "."
    )
    whole = pc.greater(pc.utf8_length(text), 3)
    forms = (
        dotted,
        pc.binary_join_element_wise(text, "D", ""),
        pc.binary_join_element_wise(dotted, "A", ""),
        pc.utf8_lower(text),
    )
    made = text
    for at, form in enumerate(forms):
        low, high = (WRITTEN_OTHERWISE * each / len(forms) for each in (at, at + 1))
        here = pc.and_(pa.array((way >= low) & (way < high)), whole)
        made = pc.if_else(pc.fill_null(here, False), form, made)
    return made
