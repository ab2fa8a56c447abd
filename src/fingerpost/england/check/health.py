"""How common conditions are at birth, who lives, and how often children are admitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from fingerpost.england.check.children import YEAR, Children, Mask, early
from fingerpost.england.check.measured import Measured, part, times
from fingerpost.england.check.provision import percent

Measure = Callable[[Children, Mask], Measured]
FIVE = 5 * YEAR


def recorded(phenotype: str) -> Measure:
    """Return a measure: the share of a group with a phenotype, in per cent."""
    return percent(lambda of: of.has(phenotype))


def alive(of: Children) -> Mask:
    """Return which children did not die before their fifth birthday."""
    return ~(of["death_day"] < of["born"] + FIVE)


def yearly(admissions: str) -> Measure:
    """Return a measure: admissions per 100 years of children from Year 1 to the end of Year 6."""

    def measure(of: Children, who: Mask) -> Measured:
        start, end = of.day(of["reception"] + 1), of.day(of["reception"] + 7)
        died = np.where(np.isnan(of["death_day"]), np.inf, of["death_day"])
        years = np.clip(np.minimum(end, died) - start, 0.0, None) / YEAR
        counts = np.nan_to_num(of[admissions])
        return times(part(counts, years, of.school, of=who).measured, 100)

    return measure


MEASURES: Mapping[str, Measure] = {
    "share_preterm": percent(lambda of: of["gestation"] < 37),
    "share_anomaly": recorded("major_congenital_anomaly"),
    "share_down": recorded("down_syndrome"),
    "share_cleft": recorded("cleft_any"),
    "share_cerebral_palsy": recorded("cerebral_palsy"),
    "share_neurodisability": recorded("neurodisability"),
    "share_neurodisability_early": percent(early),
    "share_opted_out": percent(lambda of: ~np.isnan(of["opt_out_day"])),
    "alive_at_5": percent(alive),
    "dead_by_5": percent(lambda of: ~alive(of)),
    "planned_rate": yearly("planned"),
    "unplanned_rate": yearly("unplanned"),
}
