"""Everything one study found; it never leaves the room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from fingerpost.core.agreement import Agreement
from fingerpost.core.answer import Answer
from fingerpost.core.described import Described
from fingerpost.core.estimand import Term
from fingerpost.core.flow import Flow
from fingerpost.core.provenance import Provenance
from fingerpost.core.refusal import Refusal
from fingerpost.core.study import Study
from fingerpost.core.table import Table


@dataclass(frozen=True, eq=False, slots=True)
class Whom:
    """Whom one term speaks of, row by row.

    members: (m,) place of the row's child among the members of the finding. weight: (m,) how much
    the row counts. trial: (m,) school year of its trial, where trials repeat.
    """

    members: NDArray[Any]
    weight: NDArray[Any]
    trial: NDArray[Any] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Finding:
    """Answers of every leaf, in the study's order, before disclosure control.

    refusals: judged once per (outcome, contrast, target), for every leaf. tables: diagnostics.
    sensitivity: one answer a sensitivity leaf. primary: the leaves whose answers count as the
    study's own; agreements: how far they lie apart, by term.
    members: keys of the children analysed, for differencing. whom: of made-up records alone, whom
    each term speaks of, so that what is true of them can be set beside the answers. leaves: what
    each leaf of the study says of itself.
    """

    study: Study
    answers: tuple[Answer, ...]
    refusals: tuple[Refusal, ...] = ()
    tables: tuple[Table, ...] = ()
    sensitivity: tuple[Answer, ...] = ()
    primary: tuple[str, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    flow: Flow = Flow()
    members: NDArray[Any] | None = None
    provenance: Provenance = Provenance("")
    whom: Mapping[Term, Whom] = field(default_factory=dict)
    leaves: tuple[Described, ...] = ()
