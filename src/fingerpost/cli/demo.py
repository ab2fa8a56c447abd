"""`fingerpost demo`: provision for special educational needs, then method checks; an index."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli import _comparing as comparing
from fingerpost.cli import _nursery, _reform
from fingerpost.cli._examples import example, real_data
from fingerpost.cli._folder import WRITTEN, check_folder, naming, note
from fingerpost.cli._screen import command, labelled, listed_lines, progress, shown
from fingerpost.cli._studying import (
    REPORT,
    RESULTS,
    Choices,
    answered,
    check_out,
    chosen,
    told,
    write_folder,
)
from fingerpost.cli.rollout_plan import PAGE as PROTOCOL
from fingerpost.cli.study_compare import in_words
from fingerpost.core.errors import MissingExtra
from fingerpost.core.words import sentence

if TYPE_CHECKING:
    from fingerpost.core.output import Output
    from fingerpost.reports.write import Entry

TITLE, INDEX = "fingerpost: first look", "index.html"
ENGLAND = "england"  # the folder of the made-up England, beside the reports
# Enough children for a first look; the children born with a cleft come besides.
CHILDREN, SEED = 20_000, 1


@dataclass(frozen=True, slots=True)
class Story:
    """One study of the demonstration: its folder's name, its file, what it shows. check: whether it
    is there for its method, and not for what it asks.
    """

    name: str
    study: str
    words: str
    records: Path | None = None
    check: bool = False


CLEFT = "cleft"
CLEFT_STORY = Story(
    CLEFT,
    "hope/cleft.yaml",
    "Did SEN Support cut unauthorised absence in children born with a cleft? Asked of a made-up "
    "England, so that the truth can be shown beside the answers.",
)
STORIES = (
    Story(
        "nhefs",
        "nhefs/study.yaml",
        "Method check: a textbook emulation of a trial, whose numbers are known.",
        check=True,
    ),
    Story(
        "lalonde-trial",
        "lalonde/trial.yaml",
        "Method check: a trial, in which a draw did the assigning.",
        check=True,
    ),
    Story(
        "lalonde-survey",
        "lalonde/study.yaml",
        "Method check: the same question asked of a survey, as if the draw had not been made.",
        check=True,
    ),
)
ECLSK_STORY = Story(
    "eclsk",
    "eclsk/study.yaml",
    "Special education services and mathematics: some questions are refused, and why is said.",
)


def demo(
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the reports go.")] = Path(
        "build/demo"
    ),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Run studies from files, write a report of each and an index page.

    First provision for special educational needs: SEN Support and unauthorised absence in children
    born with a cleft, in a made-up England whose truth is known; special education services in real
    children (ECLS-K) where their table is found; what a reform drawn in four waves would have
    shown, on the real past of local authorities where their panel is found; what a trial of
    provision before school could find, and forty made-up children allocated. Then method checks on
    real tables: stopping smoking (NHEFS), and the supported work trial beside a re-analysis without
    its draw (LaLonde). What is not on this machine is named and left out.

    \b
    Examples:
      fingerpost demo
      fingerpost demo --out build/first-look
    """
    if find_spec("causaldata") is None:
        raise MissingExtra(
            "The real tables of the demonstration are in the package causaldata, which is not "
            "installed: in a checkout of fingerpost, pip install '.[examples]'"
        )
    began = time.monotonic()
    stories, absent = to_run(out)
    check_folder(out, (INDEX,), manifest=WRITTEN)
    for name in (*(story.name for story in stories), _reform.NAME, _nursery.NAME):
        check_out(out / name)
    done: list[tuple[Output, Path] | Entry] = []
    make_england(out / ENGLAND, quiet=quiet)
    for story in stories:
        print(f"— {story.words}")
        with progress(quiet=quiet) as say:
            choices = Choices(story.records)
            file = example(story.study)
            output = answered(chosen(file, choices), choices, base=file.parent, say=say)
            say("writing the report")
            write_folder(output, out / story.name)
        report = out / story.name / REPORT
        done.append((output, report))
        print(told(output), listed_lines("Report", [shown(report)]), "", sep="\n")
        if story.name == CLEFT:
            done.append(drawn_reform(out, quiet=quiet))
            done.append(nursery_trial(out, quiet=quiet))
    print(trial_beside_survey(out))
    print(finish(done, out, absent, time.monotonic() - began))


def drawn_reform(out: Path, *, quiet: bool) -> tuple[Output, Path]:
    """Plan, draw and analyse a reform in waves, say what was found, and return it."""
    print(f"— {_reform.WORDS}")
    with progress(quiet=quiet) as say:
        output, folder, power = _reform.reform(out, say=say)
    pages = [folder / REPORT, out / _reform.PLAN / PROTOCOL]
    plan = labelled("Plan", [sentence(power)])
    print(told(output), plan, listed_lines("Report", map(shown, pages)), "", sep="\n")
    return output, pages[0]


def nursery_trial(out: Path, *, quiet: bool) -> Entry:
    """Compute a trial's power, allocate children, change a byte; say it, and return its card."""
    print(f"— {_nursery.WORDS}")
    with progress(quiet=quiet) as say:
        made, told_of = _nursery.card(out, say=say)
    print(
        labelled("Power", told_of.found),
        labelled("Drawn", [told_of.allocated]),
        labelled("Changed", [told_of.changed]),
        listed_lines("Page", [shown(out / made.href)]),
        "",
        sep="\n",
    )
    return made


def to_run(out: Path) -> tuple[tuple[Story, ...], str]:
    """Return the studies to run, and in words what is left out for want of its table."""
    folder, tried = real_data()
    cleft = replace(CLEFT_STORY, records=out / ENGLAND)
    if folder is None:
        return (cleft, *STORIES), (
            f"special education services (ECLS-K): its table is not on this machine (sought in "
            f"{' and '.join(map(str, tried))}; FINGERPOST_SHARED names another folder)"
        )
    eclsk = replace(ECLSK_STORY, records=folder / "eclsk_c.csv")
    return (cleft, eclsk, *STORIES), ""


def make_england(folder: Path, *, quiet: bool) -> None:
    """Build the made-up England of the demonstration, or find it there from an earlier time."""
    from fingerpost.england.build import Options, build, usual_boosts

    print("— A made-up England: no child in it is real")
    with progress(quiet=quiet) as say:
        options = Options(children=CHILDREN, seed=SEED, boosts=usual_boosts())
        build(folder, options, jobs=2, say=say)


def trial_beside_survey(out: Path) -> str:
    """Return the trial's results beside those of its re-analysis without the draw."""
    first, second = (
        comparing.read_side(out / name / RESULTS) for name in ("lalonde-trial", "lalonde-survey")
    )
    return f"— The trial beside the survey\n{in_words(comparing.compared(first, second))}\n"


def finish(done: list[tuple[Output, Path] | Entry], out: Path, absent: str, seconds: float) -> str:
    """Write the index and return the last lines."""
    from fingerpost.reports.write import write_index

    index = out / INDEX
    with naming(index):
        write_index(done, index, title=TITLE)
        note(out, (INDEX,), manifest=WRITTEN)
    parts = [labelled("Left out", [absent])] if absent else []
    pages = [each[1] if isinstance(each, tuple) else out / each.href for each in done]
    parts.append(listed_lines("Wrote", [shown(path) for path in (index, *pages)]))
    parts.append(listed_lines("Took", [f"{seconds:.0f} s, {len(done)} studies"]))
    parts.append(listed_lines("Next", [f"open {shown(index)} in a browser", command("study init")]))
    return "\n".join(parts)
