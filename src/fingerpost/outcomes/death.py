"""Death within follow-up, for itself and because it cuts other outcomes short."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from fingerpost.core.leaves import RecordsMeasure


def once(count: Any, exposure: Any) -> nw.Expr:
    """Return 1 where there is any record of a death."""
    return nw.when(count > 0).then(nw.lit(1.0))


DEATH = RecordsMeasure(
    title="Death",
    summary="Whether a child died within follow-up.",
    reference="Office for National Statistics, death registrations",
    domain="health",
    kind="binary",
    measured_in="share of children",
    better="lower",
    tables=("death",),
    rows="events",
    dated="death_date",
    window="after time zero, to the end of follow-up, at a state school or not",
    value=lambda: nw.len().cast(nw.Int64),
    finish=once,
    absent="zero",
    seen="registered for all",
    limits=("a death abroad may not be registered in England",),
)
