"""What a plan needs to be registered as confirmatory: a rehearsal of itself, in which its primary
estimator did not mislead. Any other is registered as exploratory, and says so.
"""

from __future__ import annotations

import json
from typing import Any

from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.core.study import Study
from fingerpost.core.words import listing

KIND = "rehearsal of a roll-out"
ENOUGH = 1000  # draws from which a rehearsal can say that an estimator holds


def confirm(study: Study, rehearsal: bytes) -> None:
    """Raise where a plan is not rehearsed by this file (rehearsal.json) such that it can be
    registered as confirmatory: Malformed for another file, UsageError with every other fault.
    """
    held = read_rehearsal(rehearsal)
    faults = []
    if held["study_digest"] != study.digest():
        faults.append(
            f"--rehearsal: it is of another plan ({held['study']}, or {study.name} before it was "
            "changed). Rehearse this plan again."
        )
    if held["draws"] < ENOUGH:
        faults.append(f"--rehearsal: {held['draws']:,} draws; {ENOUGH:,} or more are needed.")
    faults += [
        f"--rehearsal: {words}. Rehearse it on the past of its own units."
        for one in held.get("outcomes", ())
        for words in other_past(one)
    ]
    if not study.primary:
        best = held["preselected"]
        named = f" The rehearsal chose {best}: primary: [{best}]." if best else ""
        faults.append(f"primary: no estimator is named before the draw.{named}")
    wrong = [name for name in study.primary if name not in held["holds"]]
    if wrong:
        menu = f"Held: {listed(held['holds'])}." if held["holds"] else "None held."
        faults.append(
            f"primary: {listing(wrong)} had over 7% of false alarms in the rehearsal, coverage "
            f"below 92%, or no answer in more than 5% of draws. {menu}"
        )
    if faults:
        raise UsageError([*faults, "Without --rehearsal the plan is registered as exploratory."])


def other_past(outcome: dict[str, Any]) -> list[str]:
    """Return in which ways the past that an outcome was rehearsed on is not that of the plan."""
    found = []
    laid, planned = outcome.get("laid_units"), outcome.get("planned_units")
    if not outcome.get("own_draws") and laid is not None and laid != planned:
        found.append(
            f"{outcome.get('outcome')} was rehearsed on {laid:,} units, which are not those of the "
            f"plan's {planned:,}"
        )
    if outcome.get("periods_alike") is False:
        first = (outcome.get("laid_on") or [""])[0]
        found.append(
            f"{outcome.get('outcome')} was rehearsed on periods of another length ({first}, …) "
            "than the plan's"
        )
    return found


def read_rehearsal(content: bytes) -> dict[str, Any]:
    """Return what a rehearsal's file says. Raises Malformed where it is none."""
    try:
        held = json.loads(content)
        wanted = (("study_digest", str), ("study", str), ("draws", int), ("holds", list))
        fine = held["kind"] == KIND and all(isinstance(held[key], kind) for key, kind in wanted)
        fine = fine and "preselected" in held
    except (ValueError, KeyError, TypeError, RecursionError):
        fine = False
    if not fine:
        raise Malformed(
            "--rehearsal: this is no file such as `fingerpost rollout rehearse PLAN --json` writes."
        )
    return dict(held)
