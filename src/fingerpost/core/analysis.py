"""How the asked terms are to be answered: all a leaf is told besides the children."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fingerpost.core.assignment import Assignment, Observed
from fingerpost.core.cohort import Cohort
from fingerpost.core.drawn import Drawn
from fingerpost.core.estimand import Term
from fingerpost.core.model import Models
from fingerpost.core.panel import Panel

T = TypeVar("T")


class Fits:
    """Fitted nuisance models of one cohort, each fitted once and shared by the leaves."""

    def __init__(self) -> None:
        self._kept: dict[object, Any] = {}

    def once(self, key: object, make: Callable[[], T]) -> T:
        """Return what is kept under the key, making it the first time it is asked for."""
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept


@dataclass(frozen=True, slots=True)
class Analysis:
    """Covariates, working models, level of clustering, level of intervals, a leaf's own options.

    stream: names the study's random numbers, with `seed`; not its digest, so that a change of
    wording changes no number.
    """

    given: tuple[str, ...]
    models: Models = Models()
    assignment: Assignment = Observed()
    cluster: str | None = None
    level: float = 0.95
    stream: str = ""
    seed: int = 0
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Task:
    """What a leaf answers: terms of one outcome, on one cohort whose outcome was seen for all, or,
    where the study has a model of censoring and the leaf can use it, for those marked observed.

    Trimming and subgroups have been applied to the cohort already: the leaf answers its target on
    the children it is given. fits: shared by leaves on the same cohort. drawn: the draw, whose
    units `cohort.drawn` points to; None where nothing was drawn, or no ledger says so.
    """

    cohort: Cohort
    terms: tuple[Term, ...]
    analysis: Analysis
    fits: Fits = field(default_factory=Fits)
    drawn: Drawn | None = None


@dataclass(frozen=True, eq=False, slots=True)
class PanelTask:
    """What a leaf over panels answers: terms of one outcome, on units followed over periods.

    anticipation: periods before adoption in which units may already behave otherwise; they count
    neither as without provision nor as with it. drawn: the draw, whose units `panel.drawn` points
    to; None where nothing was drawn or no ledger says so. bare: whether answers alone are wanted,
    as of one draw of a rehearsal: then leaves draw up no tables, and make no tests that no answer
    rests on.
    """

    panel: Panel
    terms: tuple[Term, ...]
    analysis: Analysis
    anticipation: int = 0
    drawn: Drawn | None = None
    fits: Fits = field(default_factory=Fits)
    bare: bool = False
