"""Triangulation: how far answers that should agree lie apart."""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.core.estimand import Term


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the primary answers of one (outcome, contrast, target, scale) lie apart.

    within: the distance declared beforehand; None where none was. agree: None then.
    """

    term: Term
    estimators: tuple[str, ...]
    lo: float
    hi: float
    within: float | None
    agree: bool | None
