"""A clear 'we cannot tell': which assumption fails, what was measured, and the mend."""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.core.estimand import Term


@dataclass(frozen=True, slots=True)
class Broken:
    """One rule that is broken, or one that is near: what was measured against which threshold.

    measured, threshold: NaN where the rule is not a number; `words` then say what was found.
    """

    rule: str
    assumption: str
    measured: float
    threshold: float
    words: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Terms that may not be answered on these records, and why.

    leaf: the one leaf that has no answer, where others may; None where no leaf may answer.
    """

    terms: tuple[Term, ...]
    rules: tuple[Broken, ...]
    mend: str
    leaf: str | None = None
