"""Neighbours of the units of a roll-out: read with the register, frozen with the plan."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np

from fingerpost.core.drawn import Neighbours
from fingerpost.core.errors import Malformed, nearest
from fingerpost.core.rollout import Bordering, Register
from fingerpost.core.words import counted, listing
from fingerpost.designs._constrained import Near, whole
from fingerpost.studies.rollouts.registers import few, lacks, read_rows

FIRST, SECOND, SHARE = "first", "second", "share"
KEY = "rollout.register.neighbours"


def read_neighbours(register: Register, base: Path, units: Sequence[str]) -> dict[str, list[str]]:
    """Return pairs of neighbours as columns `first`, `second` and `share`, in the order of their
    codes; none where the register names no file.

    Raises Malformed with every fault: a unit that is none of the register's, a unit beside itself,
    a pair twice, a share that is no number from 0 to 1.
    """
    if not register.neighbours:
        return {}
    path = base / register.neighbours
    rows = read_rows(path, KEY)
    known = tuple(rows[0]) if rows else (FIRST, SECOND)
    missing = [lacks(path, name, KEY, known) for name in (FIRST, SECOND) if name not in known]
    if missing:
        raise Malformed(missing)
    pairs = [(row[FIRST], row[SECOND], row.get(SHARE, "")) for row in rows]
    faults = faults_of(path, pairs, set(units))
    if faults:
        raise Malformed(faults)
    told = sorted((*sorted((one, other)), share) for one, other, share in pairs)
    columns = list(map(list, zip(*told, strict=True))) if told else [[], [], []]
    return dict(zip((FIRST, SECOND, SHARE), columns, strict=True))


def faults_of(path: Path, pairs: Sequence[tuple[str, str, str]], units: set[str]) -> list[str]:
    """Return what is wrong with pairs of neighbours."""
    strange = sorted({unit for pair in pairs for unit in pair[:2]} - units)
    found = []
    if strange:
        guess = nearest(strange[0], sorted(units))
        found.append(f"{path}: {listing(few(strange))} are no units of the register.{guess}")
    alone = sorted({one for one, other, _ in pairs if one == other})
    if alone:
        found.append(f"{path}: {listing(few(alone))} stand beside themselves.")
    seen = [tuple(sorted(pair[:2])) for pair in pairs]
    twice = sorted({" and ".join(pair) for pair in seen if seen.count(pair) > 1})
    if twice:
        found.append(f"{path}: {listing(few(twice))} stand there twice. A pair stands once.")
    wrong = [f"{one} and {other}" for one, other, share in pairs if share and not is_share(share)]
    if wrong:
        found.append(f"{path}: share is no number from 0 to 1 for {listing(few(wrong))}.")
    if 0 < sum(not share for *_, share in pairs) < len(pairs):
        found.append(
            f"{path}: share is told of some pairs only. Tell all, or leave the column out."
        )
    return found


def is_share(text: str) -> bool:
    """Return whether a text is a decimal number above 0, of at most 1."""
    try:
        return 0 < Decimal(text) <= 1
    except InvalidOperation:
        return False


def bordering(told: Bordering, content: bytes, units: Sequence[str]) -> dict[str, Any]:
    """Return how many neighbours may share a wave as a plan holds it: numbers as decimal texts, and
    the pairs themselves, so that whoever replays the plan needs nothing else. content: the frozen
    file of neighbours; pairs of units that are not drawn are left out. Raises Malformed where there
    is no file.
    """
    if not content:
        raise Malformed(f"rollout.draw.neighbours: it speaks of pairs, and {KEY} names no file.")
    held, own = io.StringIO(content.decode("utf-8"), newline=""), set(units)
    rows = [row for row in csv.DictReader(held) if {row[FIRST], row[SECOND]} <= own]
    ends = {"at_least": told.at_least, "at_most": told.at_most}
    return {
        **{
            key: "" if end is None else format(Decimal(repr(end)), "f") for key, end in ends.items()
        },
        "pairs": [[row[FIRST], row[SECOND], row[SHARE] or "1"] for row in rows],
    }


def near_in(said: dict[str, Any], place: dict[str, int]) -> Near:
    """Return what a plan says of neighbours in whole numbers. place: of each unit."""
    pairs = np.array([[place[one], place[other]] for one, other, _ in said["pairs"]], np.int64)
    weights, _ = whole([share for *_, share in said["pairs"]])
    total = sum(weights)
    if total >= 2**62:
        raise Malformed(f"{KEY}: its shares have too many digits. Round them.")
    least = Decimal(said["at_least"] or 0) * total
    most = Decimal(said["at_most"] or 1) * total
    ends = [f"{key.replace('_', ' ')} {said[key]}" for key in ("at_least", "at_most") if said[key]]
    return Near(
        f'neighbours "{" and ".join(ends)} of {counted(len(pairs), "pair")} in one wave"',
        pairs.reshape(-1, 2),
        np.array(weights, dtype=np.int64),
        int(least.to_integral_value(rounding="ROUND_CEILING")),
        int(most.to_integral_value(rounding="ROUND_FLOOR")),
    )


def neighbours_in(content: bytes, units: Sequence[str]) -> Neighbours:
    """Return the neighbours of a frozen file as places among drawn units; pairs of units that are
    not among them are left out.
    """
    place = {unit: at for at, unit in enumerate(units)}
    rows = csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""))
    kept = [row for row in rows if row[FIRST] in place and row[SECOND] in place]
    pairs = np.array([[place[row[FIRST]], place[row[SECOND]]] for row in kept], dtype=np.int64)
    share = np.array([float(row[SHARE] or 1) for row in kept], dtype=np.float64)
    return Neighbours(pairs.reshape(-1, 2), share)
