"""The page of a collection: its board, and waves on the calendar and a map."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from fingerpost.core.table import Table

if TYPE_CHECKING:
    from fingerpost.studies.rollouts.collecting.board import Board


ANEW = (
    "What this draw had not issued is drawn anew: the waves shown are those that it issued. Name "
    "the later draw to see the others (--draw)."
)


def write_page(
    found: Board, path: Path, *, draw: Path | None, hexmap: Path | None, ledger: str | None = None
) -> None:
    """Write the board as a self-contained page. ledger: the URL of the draw's, where it does not
    lie in its folder.
    """
    import fingerpost
    from fingerpost.cli._collect_words import summary
    from fingerpost.core.errors import UsageError
    from fingerpost.reports.collection import CollectionPage, write_collection_page
    from fingerpost.studies.rollouts.collecting.board import (
        board_table,
        calendar_table,
        periods_table,
    )

    told, anew = waves_of(draw, ledger=ledger) if draw is not None else ([], False)
    if hexmap is not None and not told:
        raise UsageError("--hexmap: no wave is told yet, so there is none to map.")
    names = found.names
    begins = {wave: at for _, wave, at in told}
    counts = Counter(wave for _, wave, _ in told)
    order = {each.name: at for at, each in enumerate(found.rounds.periods)}
    waves = sorted(begins, key=lambda wave: order.get(begins[wave], len(order)))
    calendar = [(wave, begins[wave], counts[wave]) for wave in waves]
    rank = {wave: at for at, wave in enumerate(waves, start=1)}
    rows = tuple((unit, names.get(unit, ""), wave, at, rank[wave]) for unit, wave, at in told)
    page = CollectionPage(
        study=found.rounds.study,
        day=str(found.day),
        summary=(*summary(found), *([ANEW] if anew else [])),
        board=board_table(found),
        periods=periods_table(found),
        calendar=calendar_table(found, calendar) if calendar else None,
        waves=Table(
            "waves",
            "Waves",
            ("unit", "name", "wave", "begins", "rank"),
            ("label", "label", "label", "label", "number"),
            rows,
        ),
        hexmap=hexmap,
        made_by=f"fingerpost {fingerpost.__version__}",
        synthetic=found.rounds.synthetic,
    )
    write_collection_page(page, path)


def waves_of(draw: Path, *, ledger: str | None = None) -> tuple[list[tuple[str, str, str]], bool]:
    """Return (unit, wave, period in which it begins) of all units whose wave is told, and whether
    what was not issued is drawn anew: of such a draw only issued waves stand.
    """
    from fingerpost.ledger.store import Ledger
    from fingerpost.studies.rollouts.drawing import open_folder
    from fingerpost.studies.rollouts.folder import ALLOCATION, address_of
    from fingerpost.studies.rollouts.registering import stream_of
    from fingerpost.studies.rollouts.replanning import waves_issued

    frozen = open_folder(draw)
    with Ledger(address_of(draw, ledger, either=True), read_only=True) as held:
        entries = held.entries(stream_of(frozen))
    anew = any(entry.kind == "replanned" for entry in entries)
    stands = set(waves_issued(entries))
    issued = frozen.plan.get("follows", {}).get("issued", ())
    found = [
        (str(unit), str(wave["name"]), str(wave["begins"]))
        for wave in issued
        for unit in wave["units"]
    ]
    if (draw / ALLOCATION).is_file():
        text = (draw / ALLOCATION).read_text(encoding="utf-8")
        for row in csv.DictReader(io.StringIO(text, newline="")):
            if row["wave"] and (not anew or row["wave"] in stands):
                found.append((row["unit"], row["wave"], row["begins"]))
    return sorted(found), anew
