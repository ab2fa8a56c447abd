"""`fingerpost rollout replan`: what is not issued yet, drawn anew, in public as before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_json
from fingerpost.cli._screen import command, labelled, listed_lines, progress, shown
from fingerpost.cli.rollout_randomise import committed, finish, pulse_of, telling

if TYPE_CHECKING:
    from fingerpost.cli._screen import Say
    from fingerpost.studies.rollouts.drawing import Drawn
    from fingerpost.studies.rollouts.registering import Registered


def replan(
    old: Annotated[Path, typer.Argument(metavar="DRAW", help="The draw so far; it is kept.")],
    *,
    study: Annotated[
        Path, typer.Option(metavar="FILE", help="The new study, issued waves as they were.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the new draw lies.")],
    pulse: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The saved pulse, or what the parties revealed."),
    ] = None,
    keeper: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep later waves secret: the keeper's file."),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The ledger's database, if not in the folders."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write what was drawn as JSON.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Draw anew the units of waves that are not issued yet.

    For when capacity is cut, a wave has to begin later, or areas merged. Waves that are issued stay
    as they were drawn. The new draw has a commitment of its own, which names the one before; both
    folders verify. Without --pulse it is committed to only, as by `rollout randomise`.

    \b
    Examples:
      fingerpost rollout replan build/draw --study smaller.yaml --out build/new
      fingerpost rollout replan build/draw --study smaller.yaml --pulse p.json --out build/new
    """
    if json_file is not None:
        check_json(json_file, inputs=[study, *([pulse] if pulse else [])])
    with progress(quiet=quiet) as say:
        registered, drawn = made(
            old, say, study=study, out=out, pulse=pulse, keeper=keeper, ledger=ledger
        )
    print(before(registered))
    print(committed(registered, drawn is not None))
    finish(registered, drawn, out=out, json_file=json_file)
    print(listed_lines("Next", [following(old, study, out, drawn is not None)]))


def made(
    old: Path,
    say: Say,
    *,
    study: Path,
    out: Path,
    pulse: Path | None,
    keeper: Path | None,
    ledger: str | None,
) -> tuple[Registered, Drawn | None]:
    """Return what was registered anew, and, with a pulse, drawn."""
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts.drawing import draw
    from fingerpost.studies.rollouts.replanning import replan as replanned

    content = pulse_of(pulse) if pulse else b""
    asked = read_study(study)
    say("verifying the draw so far, and trying out the new one")
    registered = replanned(
        *(asked, study.parent),
        old=old,
        out=out,
        study_file=study.read_bytes(),
        keeper=keeper,
        ledger=ledger,
    )
    if pulse is None:
        return registered, None
    tell = telling(say, registered.frozen.plan["candidates"])
    return registered, draw(out, content, keeper=keeper, ledger=ledger, tell=tell)


def before(registered: Registered) -> str:
    """Return in words what stays as it was drawn."""
    follows = registered.frozen.plan["follows"]
    issued = sum(len(wave["units"]) for wave in follows["issued"])
    stays = f"{issued} units of {len(follows['issued'])} issued waves stay as they were drawn."
    return labelled("Before", [stays, f"It follows {follows['commitment']}."])


def following(old: Path, study: Path, out: Path, drawn: bool) -> str:
    """Return the command that comes next."""
    if drawn:
        return command("rollout verify", out)
    again = f"{command('rollout replan', old)} --study {shown(study)}"
    return f"{again} --pulse pulse.json --out {shown(out)}"
