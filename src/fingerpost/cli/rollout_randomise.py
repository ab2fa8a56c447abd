"""`fingerpost rollout randomise`: commit to a draw in public, then make it from a pulse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fingerpost.cli._folder import check_json
from fingerpost.cli._screen import (
    command,
    labelled,
    listed_lines,
    marked,
    progress,
    shown,
    table,
    typed,
)
from fingerpost.core.errors import UsageError

if TYPE_CHECKING:
    from fingerpost.cli._screen import Say
    from fingerpost.core.study import Study
    from fingerpost.studies.rollouts.drawing import Drawn
    from fingerpost.studies.rollouts.frozen import Frozen
    from fingerpost.studies.rollouts.registering import Registered

STEP = 24_576  # candidates between two lines of progress


def randomise(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The study's YAML file.")],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the draw lies, for everyone.")],
    pulse: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The saved pulse, or what the parties revealed."),
    ] = None,
    keeper: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep later waves secret: the keeper's file, made here, never in DIR.",
        ),
    ] = None,
    rehearsal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What `rollout rehearse --json` wrote: registers the plan as confirmatory.",
        ),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A PostgreSQL database instead of a file in DIR."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write what was drawn as JSON.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Draw the waves of a roll-out so that anyone can check it.

    Without --pulse the register and the plan are frozen, limits are looked at, and a commitment is
    printed to be published. With --pulse, once the pulse is there, the draw is made: the same
    whoever makes it. Both at once is for trying out: nobody can then know which came first.

    With --rehearsal the plan is registered as confirmatory: it was rehearsed on the past of its
    units, and its primary estimator held. Without, it is registered as exploratory.

    \b
    Examples:
      fingerpost rollout randomise examples/rollouts/england.yaml --out build/draw
      fingerpost rollout randomise rollout.yaml --pulse pulse.json --out build/draw
      fingerpost rollout randomise rollout.yaml --keeper ~/keeper.txt --out build/draw
      fingerpost rollout randomise rollout.yaml --rehearsal rehearsal.json --out build/draw
    """
    if json_file is not None:
        check_json(json_file, inputs=[file, *(each for each in (pulse, rehearsal) if each)])
    with progress(quiet=quiet) as say:
        registered, drawn = made(
            file, say, out=out, pulse=pulse, keeper=keeper, rehearsal=rehearsal, ledger=ledger
        )
    print("\n".join([*marked(made_up(out)), committed(registered, drawn is not None)]))
    finish(registered, drawn, out=out, json_file=json_file)
    print(listed_lines("Next", following(file, out, drawn is not None)))


def made(
    file: Path,
    say: Say,
    *,
    out: Path,
    pulse: Path | None,
    keeper: Path | None,
    rehearsal: Path | None,
    ledger: str | None,
) -> tuple[Registered, Drawn | None]:
    """Return what was registered, and, with a pulse, drawn."""
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts.drawing import draw
    from fingerpost.studies.rollouts.registering import register

    content = pulse_of(pulse) if pulse else b""
    held = rehearsal_of(rehearsal) if rehearsal else b""
    study = read_study(file)
    if pulse is not None:
        check_pulse(study, content)
    say("freezing the register and the plan, trying out whether limits can be met")
    registered = register(
        study,
        file.parent,
        out=out,
        study_file=file.read_bytes(),
        keeper=keeper,
        ledger=ledger,
        rehearsal=held,
    )
    if pulse is None:
        return registered, None
    tell = telling(say, study.rollout.draw.candidates if study.rollout else 0)
    return registered, draw(out, content, keeper=keeper, ledger=ledger, tell=tell)


def finish(
    registered: Registered, drawn: Drawn | None, *, out: Path, json_file: Path | None
) -> None:
    """Print what was drawn and written, and write it as JSON where that was asked."""
    if drawn is not None:
        print(told(drawn))
    print(listed_lines("Wrote", [shown(out), *([shown(json_file)] if json_file else [])]))
    if json_file is not None:
        write_json(json_file, registered, drawn)


def check_pulse(study: Study, content: bytes) -> None:
    """Raise where a pulse is not one that the study asks for, before anything is written."""
    from fingerpost.studies.rollouts.frozen import asked_pulse
    from fingerpost.studies.rollouts.pulses import read_pulse

    if study.rollout is not None:
        read_pulse(content, asked_pulse(study.rollout.draw.pulse))


def made_up(out: Path) -> bool:
    """Return whether the study that a draw is of says that all of it is made up."""
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts.folder import STUDY

    return read_study(out / STUDY).records.synthetic


def pulse_of(path: Path) -> bytes:
    """Return the bytes of a saved pulse."""
    if not path.is_file():
        raise UsageError(f"--pulse {path}: there is no such file. Save the beacon's answer there.")
    return path.read_bytes()


def rehearsal_of(path: Path) -> bytes:
    """Return the bytes of a rehearsal's file."""
    if not path.is_file():
        raise UsageError(
            f"--rehearsal {path}: there is no such file. `fingerpost rollout rehearse PLAN "
            "--records PANEL --json FILE` writes it."
        )
    return path.read_bytes()


def telling(say: Say, candidates: int) -> Any:
    """Return what hears of candidates drawn, and says so now and then."""

    def tell(count: int) -> None:
        if count % STEP == 0 or count == candidates:
            of = f" of {candidates:,}" if candidates else ""
            say(f"drawing candidates: {count:,}{of}")

    return tell


def committed(registered: Registered, drawn: bool) -> str:
    """Return the commitment in words, and what is to be done with it."""
    from fingerpost.studies.rollouts.pulses import unnamed_round

    plan = registered.frozen.plan
    pulse = plan["pulse"]
    lines = [
        f"{len(registered.frozen.units)} units in {len(registered.frozen.waves)} waves: frozen and "
        "committed to." + ("" if registered.new else " It lay there already, unchanged."),
        registration(registered.frozen),
    ]
    lines += registered.notes
    unnamed = unnamed_round(pulse)
    lines += [f"{unnamed[0].upper()}{unnamed[1:]}"] if unnamed else []
    if drawn and not unnamed and pulse["source"] != "parties":
        lines.append(
            "That the beacon's round gave this randomness is not checked here, where there is no "
            "network: look it up (docs/manual/draw.md)."
        )
    if not drawn:
        wait = (
            "for every party to reveal its secret"
            if pulse["source"] == "parties"
            else f"for a round of {pulse['source']} after {pulse['after']:,}"
        )
        lines.append(
            f"Publish the commitment where its date is beyond doubt; then wait {wait}, save it, "
            "and draw."
        )
    elif registered.new:
        lines.append(
            "Commitment and pulse came at once: good for trying out, but nobody can know that the "
            "plan was not chosen for its pulse."
        )
    return "\n".join([labelled("Plan", lines), listed_lines("Commit", [registered.commitment])])


def registration(frozen: Frozen) -> str:
    """Return as what a plan is registered, and why."""
    if frozen.inherited:
        return (
            "Registered as confirmatory, as the draw was that it follows, and whose rehearsal was "
            "of that. What is drawn anew was not rehearsed itself: --rehearsal FILE says that it "
            "was."
        )
    if frozen.plan.get("registered_as") == "confirmatory":
        return (
            "Registered as confirmatory: it was rehearsed on the past, and its primary estimator "
            "held."
        )
    return (
        "Registered as exploratory: no rehearsal was given (--rehearsal), so that what it finds "
        "confirms nothing by itself."
    )


def told(drawn: Drawn) -> str:
    """Return a draw in words: how good, how probable, and each wave."""
    from fingerpost.studies.rollouts.drawing import few_kept, scaled

    kept, found, space = drawn.kept, drawn.shape, drawn.space
    scores = kept.all_scores
    own = kept.scores[list(kept.numbers).index(kept.chosen)]
    middle = scaled(space, int(scores[len(scores) // 2]))
    chances, shares = found.by_wave / found.draws, space.waves / space.waves.sum()
    lines = [
        f"{kept.seen:,} candidates, of which {len(scores):,} meet every limit and pair; the "
        f"{found.draws:,} best balanced kept ({found.distinct:,} distinct), one of them drawn.",
        f"Balance score {scaled(space, int(own)):.3f} (kept up to "
        f"{scaled(space, kept.cutoff):.3f}; median {middle:.3f}, least "
        f"{scaled(space, int(scores[0])):.3f}; waves drawn wholly at random have about 1 on "
        "average).",
        f"A unit's chance of a wave lies from {chances.min():.3f} to {chances.max():.3f}; by the "
        f"sizes of waves alone {shares.min():.3f} to {shares.max():.3f}.",
    ]
    if found.least >= 0:
        lines.append(
            f"Two units share a wave in {found.least / found.draws:.3f} to "
            f"{found.most / found.draws:.3f} of the kept draws (mean {found.mean:.3f}); none is "
            "locked but by declaration."
        )
    else:
        lines.append(
            "There are too many units to look at every pair: whether two of them are locked "
            "together or apart is not known."
        )
    if few_kept(found.distinct):
        lines.append(few_kept(found.distinct))
    if drawn.frozen.plan["sealed"]:
        lines.append("Waves are sealed: the keeper opens them one by one.")
        return labelled("Draw", lines)
    if space.near is not None:
        share = space.near.share(int(space.near.held(drawn.chosen[None])[0]))
        lines.append(
            f"Of {len(space.near.pairs)} pairs of neighbours, each by its share, {share:.1%} start "
            "in one wave."
        )
    rows = [
        (name, str(begins or "late"), str(int(units)))
        for name, begins, units in zip(
            drawn.frozen.waves, drawn.frozen.begins, space.waves, strict=True
        )
    ]
    return "\n".join([labelled("Draw", lines), table(("wave", "begins", "units"), rows)])


def write_json(path: Path, registered: Registered, drawn: Drawn | None) -> None:
    """Write what was committed to and drawn; of sealed waves, nothing."""
    import json

    from fingerpost.studies.rollouts.drawing import scaled
    from fingerpost.studies.rollouts.folder import put

    said: dict[str, Any] = {
        "schema_version": 1,
        "study": registered.frozen.plan["study"],
        "commitment": registered.commitment,
        "registered_as": registered.frozen.plan.get("registered_as", "exploratory"),
        **({"inherited": True} if registered.frozen.inherited else {}),
        "units": len(registered.frozen.units),
    }
    follows = registered.frozen.plan.get("follows")
    if follows:
        issued = {unit: each["name"] for each in follows["issued"] for unit in each["units"]}
        said |= {"follows": follows["commitment"], "issued": issued}
    if drawn is not None:
        scores, found = drawn.kept.all_scores, drawn.shape
        said |= {
            "candidates": drawn.kept.seen,
            "counting": len(scores),
            "kept": found.draws,
            "distinct": found.distinct,
            "score_median": scaled(drawn.space, int(scores[len(scores) // 2])),
            "score_cutoff": scaled(drawn.space, drawn.kept.cutoff),
            "pair_least": found.least / found.draws,
            "pair_most": found.most / found.draws,
            "chance_least": float(found.by_wave.min() / found.draws),
            "chance_most": float(found.by_wave.max() / found.draws),
        }
    if drawn is not None and not registered.frozen.plan["sealed"]:
        waves = drawn.frozen.waves
        said["allocation"] = {
            unit: waves[int(code)]
            for unit, code in zip(drawn.frozen.units, drawn.chosen, strict=True)
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path, (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode())


def following(file: Path, out: Path, drawn: bool) -> list[str]:
    """Return the commands that come next."""
    if drawn:
        return [command("rollout verify", out)]
    return [f"{command('rollout randomise', file)} --pulse pulse.json --out {typed(shown(out))}"]
