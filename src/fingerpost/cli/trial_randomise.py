"""`fingerpost trial randomise`: allocate units of a trial, opened now where it is not open yet."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fingerpost.cli._folder import check_json
from fingerpost.cli._screen import command, labelled, listed_lines, shown, table
from fingerpost.cli._trial_opening import following, opened_by
from fingerpost.core.errors import UsageError
from fingerpost.core.words import counted

if TYPE_CHECKING:
    from fingerpost.studies.trials.allocating import Asked, Given
    from fingerpost.studies.trials.folder import Opened

FIRST_SHOWN = 20


def randomise(  # noqa: PLR0913 - decision 0011
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The trial's YAML file.")],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the trial's ledger lies.")],
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The key: made at first, never in DIR. Keep a copy."),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="CODE", help="Allocate this child, class, school or area.")
    ] = None,
    known: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=LEVEL", help="What is known of it; also cluster=CODE, stage=NAME."
        ),
    ] = None,
    confirm: Annotated[
        list[str] | None,
        typer.Option(metavar="WORDS", help="What was confirmed of it, as the study asks."),
    ] = None,
    request: Annotated[
        str | None, typer.Option(metavar="ID", help="A name of this request, to repeat it by.")
    ] = None,
    units: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Allocate every unit of a table, in order.")
    ] = None,
    pulse: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of a register: the saved pulse that draws it."),
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="A PostgreSQL database, not a file in DIR.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the answers as JSON.")
    ] = None,
) -> None:
    """Allocate units of a trial; the first call opens it, so that nobody can know who is next.

    Opening freezes the study and makes the key (as `trial open` does, which also takes an external
    list). What the study asks of a unit is looked at, the answer is kept in the ledger, then told.
    The same call again tells the same answer. A register is drawn all at once, from --pulse.

    \b
    Examples:
      fingerpost trial randomise examples/trials/allocate.yaml --out build/trial --key ~/trial.key
      fingerpost trial randomise trial.yaml --out build/trial --key ~/trial.key --unit C017 \\
        --known sex=F --known area=north --confirm "parent agreed"
      fingerpost trial randomise trial.yaml --out build/trial --key ~/trial.key --units new.csv
    """
    from fingerpost.studies.trials.allocating import read_units

    if json_file is not None:
        check_json(json_file, inputs=[file, *([units] if units else [])])
    if unit is not None and units is not None:
        raise UsageError("--unit allocates one unit, --units those of a table. Name one of them.")
    opened, _ = opened_by(file, out=out, key=key, ledger=ledger)
    assert key is not None
    asked: tuple[Asked, ...] = ()
    if unit is not None:
        asked = (one_asked(unit, known or [], confirm or [], request or ""),)
    elif units is not None:
        asked = read_units(units, opened, by=getpass.getuser())
    elif known or confirm or request:
        raise UsageError("--unit is missing: of which unit is this known or confirmed?")
    if opened.plan["register"] and asked:
        raise UsageError("units of a register are drawn all at once: --pulse, no --unit.")
    if pulse is not None:
        return drawn(opened, key, pulse, json_file)
    answers = allocated(opened, key, asked)
    if json_file is not None:
        write_json(json_file, opened, answers)
    if asked:
        warn_of_capitals(asked)
        print(told(answers))
    else:
        print(listed_lines("Next", [following(file, opened, key)]))
    return None


def warn_of_capitals(asked: tuple[Asked, ...]) -> None:
    """Say on the error stream how many names of a table differ only in capitals."""
    import sys

    from fingerpost.studies.trials.keys import capitals

    many = len(capitals(one.unit for one in asked))
    if many:
        words = (
            f"{counted(many, 'name')} of the table {'differs' if many == 1 else 'differ'} from "
            "another only in capitals, and each is a unit of its own. Was one child typed twice?"
        )
        print(labelled("Caution", [words]), file=sys.stderr)


def drawn(opened: Opened, key: Path, pulse: Path, json_file: Path | None) -> None:
    """Draw a register from a saved pulse, and tell how many units are in each arm."""
    import json

    from fingerpost.core.files import put
    from fingerpost.studies.trials.drawing import draw

    if not opened.plan["register"]:
        raise UsageError("--pulse draws units of a register; this trial's come one by one.")
    if not pulse.is_file():
        raise UsageError(f"--pulse {pulse}: there is no such file.")
    made = draw(opened, pulse.read_bytes(), keys=opened.keys(key))
    held = made.allocation
    rows = [(arm, str(int((held.code == at).sum()))) for at, arm in enumerate(held.arms)]
    again = "" if made.new else " It was drawn before; the draw is the same."
    print(labelled("Drawn", [f"{len(held.units)} units, all at once, from the pulse.{again}"]))
    print(table(("arm", "units"), rows))
    print(listed_lines("Ledger", [f"{made.entry.number}:{made.entry.hash}"]))
    print(listed_lines("Wrote", [shown(opened.folder)]))
    if json_file is not None:
        arms = {
            unit: held.arms[int(code)] for unit, code in zip(held.units, held.code, strict=True)
        }
        said = {"schema_version": 1, "study": opened.study.name, "allocation": arms}
        put(json_file, (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode())
    print(listed_lines("Next", [command("trial verify", opened.folder)]))


def one_asked(unit: str, known: list[str], confirm: list[str], request: str) -> Asked:
    """Return a request as the command line says it."""
    from fingerpost.studies.trials.allocating import Asked

    said, faults = [], []
    for pair in known:
        name, sign, level = pair.partition("=")
        if not sign or not name.strip() or not level.strip():
            faults.append("--known: write NAME=LEVEL, such as --known sex=F.")
        said.append((name.strip(), level.strip()))
    if faults:
        raise UsageError(faults)
    whole_of = dict(said)
    return Asked(
        unit=unit,
        known=tuple(pair for pair in said if pair[0] not in ("cluster", "stage")),
        confirmed=tuple(confirm),
        request=request,
        cluster=whole_of.get("cluster", ""),
        stage=whole_of.get("stage", ""),
        by=getpass.getuser(),
    )


def allocated(opened: Opened, key: Path, asked: tuple[Asked, ...]) -> tuple[Given, ...]:
    """Return the answers; none where nothing was asked."""
    from fingerpost.studies.trials.allocating import allocate

    return allocate(opened, opened.keys(key), requests=asked) if asked else ()


def told(answers: tuple[Given, ...]) -> str:
    """Return answers in words: one, or a table of several."""
    last = answers[-1].entry
    head = listed_lines("Ledger", [f"{last.number}:{last.hash}"])
    if len(answers) == 1:
        one = answers[0]
        gets = f": {one.gets}" if one.gets else ""
        again = "" if one.new else " This was asked before; the answer is the same."
        lines = [f"{one.unit} is number {one.number}, in arm {one.arm}{gets}.{again}"]
        return "\n".join([labelled("Allocated", lines), head])
    rows = [(one.unit, str(one.number), one.arm) for one in answers[:FIRST_SHOWN]]
    more = len(answers) - len(rows)
    new = sum(one.new for one in answers)
    lines = [f"{new:,} units now, {len(answers) - new:,} told again." if new < len(answers) else
             f"{new:,} units."]  # fmt: skip
    if more:
        lines.append(f"The first {FIRST_SHOWN} are shown; {more:,} more with --json.")
    return "\n".join([labelled("Allocated", lines), table(("unit", "number", "arm"), rows), head])


def write_json(path: Path, opened: Opened, answers: tuple[Given, ...]) -> None:
    """Write the answers, with the head of the ledger after the last."""
    import json

    from fingerpost.core.files import put

    said: dict[str, Any] = {
        "schema_version": 1,
        "study": opened.study.name,
        "commitment": opened.plan["commitments"]["key"],
        "allocated": [
            {
                "unit": one.unit,
                "number": one.number,
                "arm": one.arm,
                "stage": one.stage,
                "time": one.entry.time,
                "new": one.new,
            }
            for one in answers
        ],
    }
    if answers:
        last = answers[-1].entry
        said["ledger"] = {"number": last.number, "hash": last.hash}
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path, (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode())
