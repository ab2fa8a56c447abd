"""The draw of a roll-out as its analysis takes it: verified, with what its ledger holds since."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fingerpost.core.drawn import Drawn, Happened
from fingerpost.core.errors import UsageError
from fingerpost.core.provenance import DrawSource
from fingerpost.core.study import Study
from fingerpost.ledger.events import Entry
from fingerpost.studies.registered import analysed_as, other_parts, otherwise
from fingerpost.studies.rollouts.events import standing
from fingerpost.studies.rollouts.folder import NEIGHBOURS, STUDY, address_of, read
from fingerpost.studies.rollouts.frozen import Frozen
from fingerpost.studies.rollouts.neighbours import neighbours_in
from fingerpost.studies.rollouts.replanning import whole
from fingerpost.studies.rollouts.verifying import checked

Say = Callable[[str], None]
REPLAYED = 9_999  # draws that inference replays, with the one that was made 10,000
AFTER = ("started", "slipped", "withdrew")  # events of one unit after the draw
JOINED = {"merged": "units", "split": "unit"}  # of units that are others since; where they are told


def as_drawn(
    study: Study, draw: Path, *, ledger: str | None = None, say: Say = lambda words: None
) -> Drawn:
    """Return the draw of a folder as the analysis of a study takes it.

    ledger: the URL of its database, where the ledger does not lie in the folder. Every file is
    verified and the draw replayed first. Raises Malformed with all that was changed, or where the
    draw is not made or still sealed; UsageError where it is another study's.
    """
    say("verifying the draw")
    own = address_of(draw, ledger, either=True)
    made, found = checked(draw, ledger=str(own))
    plan = made.frozen.plan
    if plan["study"] != study.name:
        raise UsageError(
            f"--draw {draw}: the draw is of the study {plan['study']}, and this one is "
            f"{study.name}. Name its own draw."
        )
    allocation, permutations = whole(made, REPLAYED)
    head = found.head
    parts = other_parts(study, plan["study_digest"], draw / STUDY)
    was = plan.get("registered_as", "exploratory")
    counts = analysed_as(was, parts)
    told = (*departures(study, made.frozen), *otherwise(parts, was, "drawn"))
    source = DrawSource(
        study=plan["study"],
        commitment=made.frozen.commitment.hex(),
        head=(0, "") if head is None else (head.number, head.hash),
        allocation=allocation.digest,
        permutations=permutations.digest,
        draws=len(permutations.codes),
        registered_as=counts,
        departures=(*told, *before_this(plan, found.entries)),
        inherited=made.frozen.inherited and counts == was,
    )
    before = plan.get("follows", {}).get("happened", ())
    since = (*(Happened(**before_of(one)) for one in before), *happened(standing(found.entries)))
    near = read(draw / NEIGHBOURS) if (draw / NEIGHBOURS).is_file() else None
    held = None if near is None else neighbours_in(near, allocation.units)
    return Drawn(allocation, permutations, source, since, held)


def before_this(plan: dict[str, Any], entries: Iterable[Entry]) -> Iterable[str]:
    """Yield in words what an analysis of one draw of several cannot know, or should not be of."""
    for entry in entries:
        if entry.kind == "replanned":
            yield (
                "what was not issued was drawn anew since, by the plan whose commitment is "
                f"{str(entry.body['commitment'])[:16]}…: units are analysed as they were first "
                "drawn, and answers are of that; name the later draw for those of what was done"
            )
    follows = plan.get("follows", {})
    if follows.get("issued") and "chances" not in follows:
        yield (
            "the plan does not tell the chances of the draw that it follows: units issued before "
            "it count as if all had been alike likely to be, which limits, strata or balance of "
            "that draw may have made untrue"
        )


def before_of(said: dict[str, Any]) -> dict[str, str]:
    """Return what became of a unit before it was drawn anew, as its new plan tells it."""
    return {key: str(said.get(key, "")) for key in ("unit", "kind", "period")}


def happened(entries: Iterable[Entry]) -> Iterable[Happened]:
    """Yield what became of single units after the draw, in the order of the ledger."""
    for entry in entries:
        if entry.kind in AFTER:
            body = entry.body
            yield Happened(str(body["unit"]), entry.kind, str(body.get("period", "")))
        elif entry.kind in JOINED:
            units = entry.body[JOINED[entry.kind]]
            for unit in [units] if isinstance(units, str) else units:
                yield Happened(str(unit), "merged", str(entry.body.get("period", "")))


def departures(study: Study, frozen: Frozen) -> Iterable[str]:
    """Yield in words which waves the study that is run lets begin otherwise than as drawn."""
    waves = study.rollout.waves if study.rollout else ()
    begins = {wave["name"]: wave["begins"] for wave in frozen.plan["waves"]}
    for wave in waves:
        if wave.name in begins and wave.begins != begins[wave.name]:
            was, now = begins[wave.name] or "after the last period", wave.begins or "not by the end"
            yield (
                f"wave {wave.name} was drawn to begin in {was}, and the study that is run says "
                f"{now}: it is analysed as drawn"
            )
