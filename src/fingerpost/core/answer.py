"""What a leaf returns."""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate
from fingerpost.core.refusal import Refusal
from fingerpost.core.region import Region
from fingerpost.core.table import Table


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """One leaf's estimate, regions or refusals, its tables, and `fit`.

    fit: weights, matched sets, nuisance models; it stays in the room and reaches sensitivity only.
    extrapolated: an estimate that may be shown only under the heading 'model extrapolation'.
    warnings: (term, words). A leaf gives one answer an outcome and cohort (whole, trimmed).
    about: of a sensitivity analysis, the outcome it was asked beside; empty where of all.
    """

    leaf: str
    estimate: Estimate | None = None
    regions: tuple[Region, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    tables: tuple[Table, ...] = ()
    fit: object | None = None
    extrapolated: Estimate | None = None
    warnings: tuple[tuple[Term, str], ...] = ()
    about: str = ""
