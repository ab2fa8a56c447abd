"""Whether the study that is run asks what was registered: which parts differ, and what that makes
of an analysis that was registered as confirmatory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from fingerpost.core.assignment import Randomised
from fingerpost.core.errors import FingerpostError
from fingerpost.core.rollout import Rollout
from fingerpost.core.study import Study
from fingerpost.core.trial import Trial
from fingerpost.core.words import listing

# Parts of a study that say where records are and what may leave, not what is asked.
APART = ("records", "release", "register")
# Parts that say what is asked and how it is answered: changed, it is no longer the plan.
PLANNED = frozenset(
    (
        *("outcomes", "estimand", "estimators", "options", "primary", "assignment", "trial"),
        *("population", "covariates", "all_but", "models", "missing", "imputation"),
        *("rollout.anticipation", "rollout.children"),
    )
)

UNKNOWN = ""  # of which parts differ: the study that was registered cannot be read


def differing(registered: Study, study: Study) -> Iterator[str]:
    """Yield the parts of a study that differ, by name; of a roll-out's, part by part."""
    for part in fields(Study):
        one, other = (_asked(getattr(each, part.name)) for each in (registered, study))
        if part.name in APART or one == other:
            continue
        if isinstance(one, Rollout) and isinstance(other, Rollout):
            yield from _of_rollout(one, other)
        else:
            yield part.name


def _asked(part: Any) -> Any:
    """Return a part of a study as it was asked: the order of an assignment is that of the waves,
    which are a part of their own; at which look a trial's records were taken is no part of its
    plan.
    """
    if isinstance(part, Trial) and part.monitoring is not None:
        return replace(part, monitoring=replace(part.monitoring, looked=None))
    return replace(part, schedule=None) if isinstance(part, Randomised) else part


def _of_rollout(one: Rollout, other: Rollout) -> Iterator[str]:
    """Yield the parts of a roll-out that differ."""
    for inner in fields(Rollout):
        if inner.name not in APART and getattr(one, inner.name) != getattr(other, inner.name):
            yield f"rollout.{inner.name}"


def other_parts(study: Study, digest: str, file: Path) -> tuple[str, ...]:
    """Return the parts in which a study is not the registered one, by the latter's digest and file:
    UNKNOWN where that is not there to be read.
    """
    from fingerpost.studies.document import read_study

    if digest == study.digest():
        return ()
    try:
        return tuple(differing(read_study(file), study))
    except FingerpostError:
        return (UNKNOWN,)


def analysed_as(registered_as: str, parts: Iterable[str]) -> str:
    """Return as what an analysis counts: exploratory where a planned part is another."""
    return "exploratory" if (PLANNED | {UNKNOWN}) & set(parts) else registered_as


def otherwise(parts: Sequence[str], registered_as: str, done: str) -> Iterator[str]:
    """Yield in words where the study that is run is not the one that was drawn, or opened."""
    if not parts:
        return
    counts = analysed_as(registered_as, parts)
    more = "" if counts == registered_as else f": registered as {registered_as}, it is {counts}"
    if UNKNOWN in parts:
        yield (
            f"the study that is run is not the one that was {done} (their digests differ), and "
            f"that one cannot be read to see in what{more}"
        )
        return
    named = listing(list(parts))
    yield f"the study that is run says otherwise than the one that was {done} in: {named}{more}"
