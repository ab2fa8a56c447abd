"""`fingerpost rollout collect`: open, receive, status and freeze, for data from all areas."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fingerpost.cli._collect_words import (
    FORMER,
    KEY,
    freeze_words,
    lines_of,
    receipts_table,
    summary,
)
from fingerpost.cli._folder import check_json, check_writable
from fingerpost.cli._screen import command, labelled, listed_lines, marked, shown, table, typed
from fingerpost.core.errors import UsageError
from fingerpost.core.words import counted

if TYPE_CHECKING:
    from fingerpost.studies.rollouts.collecting.board import Board

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="What `collect open` wrote.")]
Draw = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The draw's folder, if it moved or was drawn anew."),
]
Address = Annotated[
    str | None, typer.Option(metavar="URL", help="The ledger's database, if not in DIR.")
]
Json = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write what was done as JSON.")
]


def day_of(text: str) -> date:
    """Return a day as it is written on the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text}: this is no day. Write 2028-01-31.") from None


def open_(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The study's YAML file.")],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the collection lies.")],
    draw: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The draw, whose units are asked and whose ledger tells."),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A PostgreSQL database instead of a file in DIR."),
    ] = None,
    json_file: Json = None,
) -> None:
    """Open a collection: a template to fill for every unit and period, due dates, a ledger.

    A return holds one row a unit and period, over all of its children, and nothing of any child.
    Opened again, nothing is written over.

    \b
    Examples:
      fingerpost rollout collect open rollout.yaml --out build/returns
      fingerpost rollout collect open rollout.yaml --draw build/draw --out build/returns
    """
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts.collecting.folder import TEMPLATE, TEMPLATES, open_collection
    from fingerpost.studies.rollouts.collecting.rounds import plan_rounds

    check_out_json(json_file, file)
    seen = os.path.relpath(draw.resolve(), out.resolve()) if draw else ""
    rounds = plan_rounds(read_study(file), file.parent, draw=draw, seen=Path(seen).as_posix())
    found = open_collection(rounds, out, ledger=ledger)
    again = f" It was open already; {found.restored} templates were gone and are there again."
    words = f"{len(rounds.units)} units, {len(rounds.periods)} periods, {len(rounds.columns)}"
    opened = labelled("Opened", [f"{words} columns." + ("" if found.new else again)])
    print("\n".join([*marked(rounds.synthetic), opened]))
    rows = [(each.name, str(each.ends), str(each.due)) for each in rounds.periods]
    print(table(("period", "ends", "due by"), rows))
    print(labelled("Returns", ["One row a unit and period, over all of its children; no child's."]))
    print(listed_lines("Wrote", [shown(out / TEMPLATE), f"{shown(out / TEMPLATES)}/"]))
    if json_file is not None:
        said = {
            "study": rounds.study,
            "units": len(rounds.units),
            "periods": [{"period": a, "ends": b, "due": c} for a, b, c in rows],
            "columns": [{"column": name, "kind": kind} for name, kind in rounds.columns],
            "new": found.new,
        }
        write_json(json_file, said)
    print(listed_lines("Next", [f"{command('rollout collect receive', out)} RETURN.csv"]))


def receive(
    folder: Folder,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Returns, as CSV.")],
    *,
    received: Annotated[
        str | None, typer.Option(metavar="DAY", help="When they came.  [default: today]")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="A file that came before is meant to count again.")
    ] = False,
    implausible: Annotated[
        bool, typer.Option("--implausible", help="Take values outside the study's ranges.")
    ] = False,
    draw: Draw = None,
    ledger: Address = None,
    json_file: Json = None,
) -> None:
    """Check returns and take them in: all faults of all files at once, or all of them.

    A return that comes again with other values is a new version; with the same, it is none. A file
    that came before is not taken in again, so that one sent twice undoes no later revision.

    \b
    Examples:
      fingerpost rollout collect receive build/returns X001.csv X002.csv
      fingerpost rollout collect receive build/returns all.csv --received 2028-01-15
    """
    from fingerpost.studies.rollouts.collecting.receiving import receive as received_

    check_out_json(json_file, *files)
    day = day_of(received) if received else date.today()
    found = received_(
        folder,
        files,
        received=day,
        draw=draw,
        ledger=ledger,
        again=again,
        implausible=implausible,
    )
    print(receipts_table(found))
    known = [one.file.name for one in found if one.known]
    if known:
        words = f"{', '.join(known)}: taken in before, and so not again (--again takes it in)."
        print(labelled("Known", [words]))
    after = [one.frozen for one in found if one.frozen]
    if after:
        words = f"{after[-1]} holds nothing of this: freeze again to analyse it."
        print(labelled("Frozen", [words]))
    former = sum(one.former for one in found)
    if former:
        print(labelled("Merged", [f"{counted(former, 'return')} {FORMER}"]))
    if json_file is not None:
        keys = ("new", "revised", "same", "late", "former")
        rows = [
            {"file": one.file.name, **{key: getattr(one, key) for key in keys}} for one in found
        ]
        write_json(json_file, {"received": str(day), "files": rows})
    print(listed_lines("Next", [command("rollout collect status", folder)]))


def status(
    folder: Folder,
    *,
    on: Annotated[
        str | None, typer.Option(metavar="DAY", help="As on this day.  [default: today]")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="A line for every unit.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the board as a page with pictures.")
    ] = None,
    hexmap: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A hexjson layout: the page then maps the waves."),
    ] = None,
    draw: Draw = None,
    ledger: Address = None,
    json_file: Json = None,
) -> None:
    """Show where returns stand: a board of units by periods, and how many are in.

    \b
    Examples:
      fingerpost rollout collect status build/returns
      fingerpost rollout collect status build/returns --on 2028-03-01 --html build/board.html
      fingerpost rollout collect status build/returns --html build/board.html --hexmap areas.hexjson
    """
    from fingerpost.studies.rollouts.collecting.board import board

    check_out_json(json_file)
    if html is not None:
        check_page(html)
    if hexmap is not None and html is None:
        raise UsageError("--hexmap: it is drawn on the page. Name the page: --html FILE.")
    found = board(folder, day=day_of(on) if on else date.today(), draw=draw, ledger=ledger)
    print("\n".join([*marked(found.rounds.synthetic), labelled("Returns", summary(found))]))
    lines = lines_of(found, every=every)
    if lines:
        names = [each.name for each in found.rounds.periods]
        print(table(("unit", *names), lines))
        print(labelled("Key", [KEY]))
    if html is not None:
        from fingerpost.cli._collect_page import write_page

        place = place_of(folder, found, draw)
        write_page(found, html, draw=place, hexmap=hexmap, ledger=ledger)
        print(listed_lines("Wrote", [shown(html)]))
    if json_file is not None:
        write_json(json_file, board_json(found))
    print(listed_lines("Next", [command("rollout collect freeze", folder)]))


def place_of(folder: Path, found: Board, draw: Path | None) -> Path | None:
    """Return where the draw of a collection lies; None where there is none."""
    if draw is not None or not found.rounds.draw:
        return draw
    return folder / found.rounds.draw


def board_json(found: Board) -> dict[str, Any]:
    """Return a board as data."""
    return {
        "study": found.rounds.study,
        "day": str(found.day),
        "counts": found.counts,
        "periods": found.by_period,
        "silent": list(found.silent),
        "freezes": list(found.freezes),
        "notes": list(found.notes),
        "returns": [
            {
                "unit": cell.unit,
                "period": cell.period,
                "state": cell.state,
                "version": cell.version,
                "late": cell.late,
            }
            for cell in found.cells
        ],
    }


def freeze(
    folder: Folder,
    *,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD", help="The last period held.  [default: the last that was due]"
        ),
    ] = None,
    draw: Draw = None,
    ledger: Address = None,
    json_file: Json = None,
) -> None:
    """Freeze the latest versions as one panel, its digest in the ledger: what an analysis reads.

    Freezes are numbered and never written over. Units without a return have rows of empty cells.

    \b
    Examples:
      fingerpost rollout collect freeze build/returns
      fingerpost rollout collect freeze build/returns --until "2028 summer"
      fingerpost rollout analyse rollout.yaml --records build/returns/freeze-1 --draw build/draw
    """
    from fingerpost.studies.rollouts.collecting.freezing import freeze as frozen

    check_out_json(json_file)
    found = frozen(folder, day=date.today(), until=until, draw=draw, ledger=ledger)
    print("\n".join([*marked(found.synthetic), labelled("Frozen", freeze_words(found))]))
    print(listed_lines("Digest", [found.digest]))
    print(listed_lines("Wrote" if found.new else "Kept", [shown(found.path)]))
    if json_file is not None:
        said = {
            key: getattr(found, key)
            for key in ("name", "digest", "until", "rows", "empty", "former", "new")
        }
        write_json(json_file, said | {"left_out": list(found.left_out)})
    next_ = f"{command('rollout analyse', Path('STUDY'))} --records {typed(shown(found.path))}"
    print(listed_lines("Next", [f"{next_} --draw DRAW"]))


def check_out_json(path: Path | None, *inputs: Path) -> None:
    """Raise where --json names what is read or is not ours."""
    if path is not None:
        check_json(path, inputs=inputs)


def check_page(path: Path) -> None:
    """Raise UsageError where --html would be written over what no status of ours wrote."""
    check_writable(path, folder=False)
    beside = path.with_name(f"{path.stem}-tables")
    if beside.exists() and not path.is_file():
        raise UsageError(f"--html {path}: {beside} is there already. Name another page.")
    ours = b'id="board"'
    if path.is_file() and path.stat().st_size and ours not in path.read_bytes():
        raise UsageError(f"--html {path}: this is there already and is no board. Name another.")


def write_json(path: Path, said: dict[str, Any]) -> None:
    """Write what was done."""
    import json

    from fingerpost.studies.rollouts.folder import put

    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"schema_version": 1, **said}, indent=2, ensure_ascii=False) + "\n"
    put(path, text.encode())
