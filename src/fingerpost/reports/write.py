"""Reports: one self-contained page, its tables beside it, and an index of several."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

import jinja2

from fingerpost.core.errors import FingerpostError
from fingerpost.core.output import Output
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.plots.picture import Picture
from fingerpost.plots.triangulation import draw_triangulation
from fingerpost.reports.files import write_text
from fingerpost.reports.names import labelled
from fingerpost.reports.parts import Section
from fingerpost.reports.phrases import headings
from fingerpost.reports.sections import (
    access_answer,
    access_gaps,
    access_need,
    access_places,
    access_protocol,
    access_time,
    answer,
    balance,
    benefits,
    estimates,
    flow,
    leaves,
    limitations,
    missing,
    overlap,
    protocol,
    provenance,
    rollout_events,
    rollout_protocol,
    rollout_waves,
    sensitivity,
    subgroups,
    target,
    triangulation,
    withheld,
)
from fingerpost.reports.spoken import drawn, speech, spoken
from fingerpost.reports.tables import long_csv, shelf, triangulation_tables

SECTIONS = (
    answer,
    triangulation,
    protocol,
    flow,
    balance,
    overlap,
    estimates,
    subgroups,
    benefits,
    leaves,
    sensitivity,
    missing,
    limitations,
    target,
    provenance,
)
# Of a study whose outcome is provision itself.
ACCESS = (
    access_answer,
    access_gaps,
    access_time,
    access_places,
    access_need,
    flow,
    access_protocol,
    provenance,
)
# Of a study of units over periods.
ROLLOUT = (
    answer,
    triangulation,
    rollout_waves,
    rollout_events,
    estimates,
    sensitivity,
    flow,
    rollout_protocol,
    limitations,
    provenance,
)
ACRONYMS = frozenset(
    {
        *("sen", "send", "ehcp", "ks1", "ks2", "nhefs", "smart", "adhd"),
    }
)


MADE_UP = "The records are made up. Nothing here is about real children."


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a reader must know before anything else."""

    kind: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One report on an index page. answers: each with its tone, `answer` or `refused`."""

    title: str
    href: str
    csv: str
    question: str
    answers: tuple[tuple[str, str], ...]
    stamps: tuple[Stamp, ...]
    picture: Picture | None


def sections(output: Output) -> tuple[Section, ...]:
    """Return every section of a report, in order."""
    shown = labelled(output)
    every = kinds_of_section(output.study)
    where = (subgroups, benefits)
    asked = [each for each in every if each not in where or each.asked(shown)]
    found = [each.section(shown) for each in asked]
    if output.withheld or output.clearance == "prepared":
        found.insert(len(found) - 1, withheld.section(shown))
    say = speech(output)
    return tuple(spoken(each, say) for each in found)


def kinds_of_section(study: Study) -> tuple[ModuleType, ...]:
    """Return the modules of the sections of a study's report, in order."""
    if study.access is not None:
        return ACCESS
    return SECTIONS if study.rollout is None else ROLLOUT


def write_report(
    output: Output, path: str | Path, *, shown: tuple[Section, ...] | None = None
) -> Path:
    """Write the report as one self-contained HTML file without script, and return its path.

    The tables that it shows and draws from are written first, as long CSV files in the folder
    `<stem>-tables` beside it; CSV files of an earlier report in that folder are removed. The page
    is written last and whole, so that a page that is there has its tables. shown: the sections,
    where they are at hand.
    """
    page = Path(path)
    made = html(output, tables_folder(page).name, shown=shown)
    write_tables(shelf(output), tables_folder(page), output.study)
    return write_text(page, made)


def tables_folder(page: Path) -> Path:
    """Return the folder of the tables of a page."""
    return page.with_name(f"{page.stem}-tables")


def html(output: Output, folder: str, *, shown: tuple[Section, ...] | None = None) -> str:
    """Return the report as HTML; `folder` is where its tables are, seen from the page."""
    study = output.study
    made_by = f"fingerpost {output.provenance.code_version}".strip()
    values: dict[str, object] = {
        "title": title_of(output),
        "stamps": stamps(output),
        "sections": sections(output) if shown is None else shown,
        "folder": quote(folder),
        "footer": f"{made_by}, seed {output.provenance.seed}, study {study.name}",
    }
    return render("report.html.jinja", values)


def title_of(output: Output) -> str:
    """Return a study's name as a title; what an estimator's short name has in capitals, it has."""
    own = (leaf.short for leaf in output.leaves if leaf.room == "estimators")
    shorts = (word for short in own for word in short.replace("-", " ").split())
    capitals = ACRONYMS | {word.lower() for word in shorts if word.isupper()}
    words = [
        word.upper() if word in capitals else word
        for word in output.study.name.replace("-", " ").replace("_", " ").split()
    ]
    title = " ".join(words)
    return title[:1].upper() + title[1:]


def made_up(synthetic: bool) -> tuple[Stamp, ...]:
    """Return what must be read first where records, or what a plan is made of, are made up."""
    return (Stamp("synthetic", "Synthetic.", MADE_UP),) if synthetic else ()


def stamps(output: Output) -> tuple[Stamp, ...]:
    """Return what must be read first: made-up records, and results that are not cleared."""
    found = [*made_up(output.provenance.synthetic)]
    if output.clearance == "inside":
        text = (
            "These results have not passed disclosure control. They may not leave the room in "
            "which the records are."
        )
        found.append(Stamp("inside", "Not cleared: inside.", text))
    if output.clearance == "prepared":
        text = (
            f"This was prepared under the release policy {output.policy}. It may leave only when a "
            "person who checks outputs has passed it; software clears nothing."
        )
        found.append(Stamp("inside", "To be checked.", text))
    return tuple(found)


def write_tables(named: dict[str, tuple[Table, ...]], folder: Path, study: Study) -> None:
    """Write each table as a long CSV, and remove those that an earlier report left."""
    for name, tables in named.items():
        write_text(folder / f"{name}.csv", long_csv(tables, study))
    # A table that has since been withheld must not stay behind.
    for old in folder.glob("*.csv") if folder.is_dir() else ():
        if old.stem not in named:
            old.unlink()


def write_index(
    reports: Iterable[tuple[Output, Path] | Entry], path: str | Path, *, title: str
) -> Path:
    """Write a page that leads to several reports, each with its answer and its picture.

    reports: outputs with the paths of their pages, or cards as they are; pages must be written
    already.
    """
    page = Path(path)
    listed = list(reports)
    leads = [page.parent / each.href if isinstance(each, Entry) else each[1] for each in listed]
    absent = [lead.name for lead in leads if not lead.is_file()]
    if absent:
        raise FingerpostError(
            f"The index leads to {', '.join(absent)}, which is not there. Write the reports first."
        )
    entries = [
        each
        if isinstance(each, Entry)
        else entry(each[0], each[1], start=page.parent, within=f"study-{at}")
        for at, each in enumerate(listed, start=1)
    ]
    return write_text(page, render("index.html.jinja", {"title": title, "entries": entries}))


def entry(output: Output, report: Path, *, start: Path, within: str) -> Entry:
    """Return one report as an index in folder `start` shows it, its identifiers set apart."""
    tables = triangulation_tables(output)
    folder, say = relative(tables_folder(report), start), speech(output)
    picture = None
    if tables:
        axis = triangulation.axis_words(output, tables[0])
        made = draw_triangulation(tables[0], unit=axis, headings=headings(output), within=within)
        picture = drawn(made, say)
    return Entry(
        title_of(output),
        relative(report, start),
        f"{folder}/triangulation.csv",
        output.study.question,
        tuple((say(text), tone) for text, tone in answer.toned(labelled(output))),
        stamps(output),
        picture,
    )


def relative(path: Path, start: Path) -> str:
    """Return a path as a link from a folder."""
    return quote(Path(os.path.relpath(path.resolve(), start.resolve())).as_posix())


def render(name: str, values: dict[str, object]) -> str:
    """Return a template filled in; everything is escaped but the style sheet and the pictures."""
    environment, css = templates()
    return environment.get_template(name).render({**values, "css": css})


@cache
def templates() -> tuple[jinja2.Environment, str]:
    """Return the templates and the style sheet, read and made ready once for all reports."""
    folder = files("fingerpost.reports").joinpath("templates")
    sources = {
        each.name: each.read_text("utf-8")
        for each in folder.iterdir()
        if each.name.endswith(".jinja")
    }
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(sources),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment, folder.joinpath("report.css").read_text("utf-8")
