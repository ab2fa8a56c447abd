"""At which look a trial stands, by its ledger: looks that were noted, and whether it stopped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fingerpost.core.errors import UsageError
from fingerpost.core.rollout import Monitoring
from fingerpost.core.study import Study
from fingerpost.ledger.events import Entry


def at_look(study: Study, entries: Iterable[Entry]) -> Study:
    """Return the study of a trial with the look at which its records were taken: as the study
    says, or by the ledger.

    A ledger tells it where its last look is the last that was planned, or where the trial was
    stopped after a look. Else the records may be of that look or of one that nobody noted yet, and
    nothing is said. Raises UsageError where the ledger holds a look that was not planned, or more
    looks than the study says.
    """
    asked = None if study.trial is None else study.trial.monitoring
    if study.trial is None or asked is None or asked.many is None:
        return study
    found = list(entries)
    taken = sorted({int(one.body["look"]) for one in found if one.kind == "looked"})
    if asked.looked is not None:
        check_said(asked, taken)
        return study
    if not taken:
        return study
    if taken[-1] > asked.many:
        raise UsageError(
            f"monitoring: the ledger notes look {taken[-1]}, and {asked.many} were planned. Where "
            "error is spent say what was known at each: trial: {monitoring: {looked: [SHARE, …]}}."
        )
    stopped = any(one.kind == "stopped" for one in found)
    if not stopped and taken[-1] < asked.many:
        return study
    told = replace(asked, looked=as_said(asked, taken))
    return replace(study, trial=replace(study.trial, monitoring=told))


def as_said(asked: Monitoring, taken: list[int]) -> int | tuple[float, ...]:
    """Return looks as a study says them: of error that is spent, where some were left out, at the
    shares of information at which they were planned.
    """
    if asked.bounds or asked.many is None or taken == list(range(1, taken[-1] + 1)):
        return taken[-1]
    return tuple(one / asked.many for one in taken)


def check_said(asked: Monitoring, taken: list[int]) -> None:
    """Raise UsageError where a study says an earlier look than its ledger notes."""
    said = asked.looked if isinstance(asked.looked, int) else len(asked.looked or ())
    held = taken[-1:] if isinstance(asked.looked, int) else [len(taken)]
    if held and held[0] > said:
        raise UsageError(
            f"monitoring.looked: it says that records are of look {said}, and the ledger notes "
            f"{held[0]}. Correct it, or leave it out: the ledger tells."
        )
