"""Who is assessed, and who reaches the standard."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from fingerpost.england.check.children import Children, Mask
from fingerpost.england.check.measured import Measured
from fingerpost.england.check.provision import among, seen
from fingerpost.england.check.rows import FIGURES

SUPPORT, PLAN = 1, 2
Measure = Callable[[Children, Mask], Measured]


def phonics(level: int | None) -> Measure:
    """Return a measure: phonics standard met in the year of national figures, by level or of all.

    Children who were not checked have not met it, as in the national figures.
    """

    def within(of: Children) -> Mask:
        due: Mask = of["phonics_academic_year"] == FIGURES
        return due if level is None else due & (of["level_figures"] == level)

    return among(lambda of: of["phonics_met"] == 1, within)


def in_year_6(of: Children) -> Mask:
    """Return which children were in Year 6 of a state school and have a row of key stage 2."""
    return ~np.isnan(of["level_6"]) & ~np.isnan(of["ks2_assessed"])


MEASURES: Mapping[str, Measure] = {
    "ks1_below": among(lambda of: of["ks1_maths_expected"] == 0, seen("ks1_maths_expected")),
    "ks2_unassessed": among(lambda of: of["ks2_assessed"] == 0, in_year_6),
    "ks2_assessed": among(lambda of: of["ks2_assessed"] == 1, in_year_6),
    "phonics_2019": phonics(None),
    "phonics_support_2019": phonics(SUPPORT),
    "phonics_plan_2019": phonics(PLAN),
}
