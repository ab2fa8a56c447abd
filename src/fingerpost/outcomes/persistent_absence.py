"""Persistent absence: a tenth or more of the sessions possible were missed."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from fingerpost.core.leaves import RecordsMeasure
from fingerpost.outcomes import _absence as absence


def persistent(missed: Any, hundreds: Any) -> nw.Expr:
    """Return 1 where a tenth or more was missed over follow-up, else 0; null without sessions."""
    share = missed.cast(nw.Float64) / (hundreds * absence.HUNDRED)
    said = nw.when(share >= absence.PERSISTENT).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
    return nw.when(hundreds > 0).then(said)


PERSISTENT_ABSENCE = RecordsMeasure(
    title="Persistent absence",
    summary="Whether a tenth or more of the sessions possible over follow-up were missed.",
    reference="Department for Education (2016): persistent absence is 10% or more",
    domain=absence.DOMAIN,
    kind="binary",
    measured_in="share of children",
    better="lower",
    tables=("absence",),
    rows="terms",
    window=absence.WINDOW,
    value=lambda: absence.total("overall"),
    exposure=absence.hundreds,
    finish=persistent,
    limits=("the threshold is that in use from 2015/16, whatever the year",),
)
