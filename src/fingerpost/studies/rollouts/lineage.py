"""Which draw a folder holds, and which ones it follows: what a collection is held against.

Two folders can hold the same commitment and two draws, made from two pulses of which one at least
is not the beacon's. What tells them apart is the SHA-256 of what each published of its draw.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from fingerpost.core.errors import UsageError
from fingerpost.studies.rollouts.drawing import open_folder
from fingerpost.studies.rollouts.folder import DRAW, read, sha256
from fingerpost.studies.rollouts.frozen import Frozen


@dataclass(frozen=True, slots=True)
class Made:
    """A draw that was made: the SHA-256 of draw.json, which seals its allocation, and that of the
    draws that it was one of, by which a draw that follows it names it. Empty where none is known.
    """

    draw: str = ""
    among: str = ""

    def __bool__(self) -> bool:
        return bool(self.draw)


def made_in(folder: Path) -> Made:
    """Return the draw that a folder holds; empty where it is committed to only."""
    if not (folder / DRAW).is_file():
        return Made()
    content = read(folder / DRAW)
    return Made(sha256(content), str(json.loads(content)["permutations"]))


def lineage(frozen: Frozen) -> tuple[str, ...]:
    """Return the commitment of a draw, and those of the draws that it follows, latest first."""
    follows = frozen.plan.get("follows", {})
    before = [follows["commitment"], *follows.get("earlier", ())] if follows else []
    return (frozen.commitment.hex(), *before)


def names_of(frozen: Frozen) -> dict[str, str]:
    """Return unit → what it is called, of all units that a draw holds: those issued before it, and
    those that it draws.
    """
    issued = [
        unit for wave in frozen.plan.get("follows", {}).get("issued", ()) for unit in wave["units"]
    ]
    name = frozen.plan["name"]
    called = frozen.columns[name] if name else [""] * len(frozen.units)
    found = {**dict.fromkeys(issued, ""), **dict(zip(frozen.units, called, strict=True))}
    return dict(sorted(found.items()))


def check_collected(commitment: str, draw: Path, *, made: Made = Made()) -> None:
    """Raise UsageError where a draw is neither that of a collection, nor drawn anew from it.

    made: the draw that the collection was opened with; empty where none was made by then.
    """
    frozen = open_folder(draw)
    if commitment not in lineage(frozen):
        raise UsageError(
            f"--draw {draw}: the records were collected for another draw, whose commitment is "
            f"{commitment}. Name that one, or one drawn anew from it."
        )
    if not same_draw(frozen, draw, commitment, made):
        raise UsageError(
            f"--draw {draw}: it goes back to the commitment that the records were collected for "
            f"({commitment}), but to another draw made from it, with another pulse: its waves "
            "are others. Name the folder that the collection was opened with, or one drawn anew "
            "from that."
        )


def same_draw(frozen: Frozen, folder: Path, commitment: str, made: Made) -> bool:
    """Return whether a folder holds the very draw that was made of a commitment, or one drawn anew
    from it, as far as its plan tells: of the draw right before it.
    """
    if not made:
        return True
    if frozen.commitment.hex() == commitment:
        return made_in(folder).draw == made.draw
    follows = frozen.plan.get("follows", {})
    return follows.get("commitment") != commitment or follows["permutations"] == made.among
