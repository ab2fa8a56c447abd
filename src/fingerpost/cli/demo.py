"""`fingerpost demo`: real studies of real children, a report each, and an index."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli import _comparing as comparing
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
from fingerpost.cli.study_compare import in_words
from fingerpost.core.errors import MissingExtra

if TYPE_CHECKING:
    from fingerpost.core.output import Output

TITLE, INDEX = "fingerpost: real studies", "index.html"


@dataclass(frozen=True, slots=True)
class Story:
    """One study of the demonstration: its folder's name, its file, what it shows."""

    name: str
    study: str
    words: str
    records: Path | None = None


STORIES = (
    Story("nhefs", "nhefs/study.yaml", "A textbook emulation of a trial, whose numbers are known."),
    Story("lalonde-trial", "lalonde/trial.yaml", "A trial: a draw did the assigning."),
    Story(
        "lalonde-survey",
        "lalonde/study.yaml",
        "The same question asked of a survey, as if the draw had not been made.",
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
    """Run real studies from files, write a report of each and an index page.

    Special education services (ECLS-K) where its table is found, stopping smoking (NHEFS), and the
    supported work trial beside a re-analysis without its draw (LaLonde). Nothing is made up: what
    is not on this machine is named and left out.

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
    stories, absent = to_run()
    check_folder(out, (INDEX,), manifest=WRITTEN)
    for story in stories:
        check_out(out / story.name)
    done: list[tuple[Output, Path]] = []
    for story in stories:
        print(f"— {story.words}")
        with progress(quiet=quiet) as say:
            choices = Choices(story.records)
            file = example(story.study)
            output = answered(chosen(file, choices), choices, base=file.parent, say=say)
            say("writing the report")
            write_folder(output, out / story.name)
        done.append((output, out / story.name / REPORT))
        print(told(output), listed_lines("Report", [shown(done[-1][1])]), "", sep="\n")
    print(trial_beside_survey(out))
    print(finish(done, out, absent, time.monotonic() - began))


def to_run() -> tuple[tuple[Story, ...], str]:
    """Return the studies to run, and in words what is left out for want of its table."""
    folder, tried = real_data()
    if folder is None:
        return STORIES, (
            f"special education services (ECLS-K): its table is not on this machine (sought in "
            f"{' and '.join(map(str, tried))}; FINGERPOST_SHARED names another folder)"
        )
    story = ECLSK_STORY
    return (Story(story.name, story.study, story.words, folder / "eclsk_c.csv"), *STORIES), ""


def trial_beside_survey(out: Path) -> str:
    """Return the trial's results beside those of its re-analysis without the draw."""
    first, second = (
        comparing.read_side(out / name / RESULTS) for name in ("lalonde-trial", "lalonde-survey")
    )
    return f"— The trial beside the survey\n{in_words(comparing.compared(first, second))}\n"


def finish(done: list[tuple[Output, Path]], out: Path, absent: str, seconds: float) -> str:
    """Write the index and return the last lines."""
    from fingerpost.reports.write import write_index

    index = out / INDEX
    with naming(index):
        write_index(done, index, title=TITLE)
        note(out, (INDEX,), manifest=WRITTEN)
    parts = [labelled("Left out", [absent])] if absent else []
    parts.append(listed_lines("Wrote", [shown(path) for path in (index, *(p for _, p in done))]))
    parts.append(listed_lines("Took", [f"{seconds:.0f} s, {len(done)} studies"]))
    parts.append(listed_lines("Next", [f"open {shown(index)} in a browser", command("study init")]))
    return "\n".join(parts)
