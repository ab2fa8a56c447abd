"""`fingerpost rollout replan`: what is not issued yet, drawn anew, in public as before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_json
from fingerpost.cli._screen import command, labelled, listed_lines, progress, shown, typed
from fingerpost.cli.rollout_randomise import (
    check_pulse,
    committed,
    finish,
    pulse_of,
    rehearsal_of,
    telling,
)

if TYPE_CHECKING:
    from fingerpost.studies.rollouts.registering import Registered


def replan(  # noqa: PLR0913 - decision 0011
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
    rehearsal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What `rollout rehearse --json` wrote of the new study: registers it as "
            "confirmatory.",
        ),
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
    folders verify. Without --pulse it is committed to only, as by `rollout randomise`. It is
    registered as the earlier draw was; --rehearsal makes an exploratory one confirmatory.

    \b
    Examples:
      fingerpost rollout replan build/draw --study smaller.yaml --out build/new
      fingerpost rollout replan build/draw --study smaller.yaml --pulse p.json --out build/new
    """
    from fingerpost.studies.rollouts.drawing import draw

    if json_file is not None:
        check_json(json_file, inputs=[study, *(each for each in (pulse, rehearsal) if each)])
    if pulse is not None:
        from fingerpost.studies.document import read_study

        check_pulse(read_study(study), pulse_of(pulse))
    with progress(quiet=quiet) as say:
        held = rehearsal_of(rehearsal) if rehearsal else b""
        say("verifying the draw so far, and trying out the new one")
        registered = replanned(old, study, out, keeper=keeper, ledger=ledger, rehearsal=held)
        drawn = None
        if pulse is not None:
            tell = telling(say, registered.frozen.plan["candidates"])
            drawn = draw(out, pulse_of(pulse), keeper=keeper, ledger=ledger, tell=tell)
    print(before(registered))
    print(committed(registered, drawn is not None))
    finish(registered, drawn, out=out, json_file=json_file)
    print(listed_lines("Next", [following(old, study, out, drawn is not None)]))


def replanned(
    old: Path,
    study: Path,
    out: Path,
    *,
    keeper: Path | None,
    ledger: str | None,
    rehearsal: bytes,
) -> Registered:
    """Return what was registered anew."""
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts.replanning import replan as again

    return again(
        *(read_study(study), study.parent),
        old=old,
        out=out,
        study_file=study.read_bytes(),
        keeper=keeper,
        ledger=ledger,
        rehearsal=rehearsal,
    )


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
    again = f"{command('rollout replan', old)} --study {typed(shown(study))}"
    return f"{again} --pulse pulse.json --out {typed(shown(out))}"
