"""The groups of files of a clearance pack: each with its context, and with what rules did to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fingerpost.core import access_protocol, protocol
from fingerpost.core.output import Control, Output
from fingerpost.core.table import Table
from fingerpost.reports.tables import shelf
from fingerpost.reports.together import FOREST
from fingerpost.reports.units import EXTRAPOLATION
from fingerpost.reports.write import tables_folder

REPORT, RESULTS, MANIFEST, SUMS = "report.html", "results.json", "manifest.json", "SHA256SUMS"
NOTE_TEXT, NOTE_PAGE, FIGURES = "note.txt", "note.html", "figures"
# Files that hold answers, whatever they call them.
OF_ANSWERS = ("estimates", "triangulation", "agreement", "regions", FOREST, EXTRAPOLATION)
OF_REFUSALS = ("refusals", "leaf_refusals")
# What tables are that say nothing of themselves.
WHAT = {
    "estimates": "Every answer with its error, its interval and who is behind it.",
    "regions": "Answers that are ranges, not points.",
    "refusals": "Questions that are not answered: the rule that broke, by how much, the mend.",
    "leaf_refusals": "Questions that one method alone could not answer, and why.",
    "triangulation": "The answers of all methods to one question, side by side.",
    "flow": "From the records to those who are studied: who left at each step.",
    "agreement": "Whether the methods named first by the study agree with one another.",
    EXTRAPOLATION: "What models say of questions that are refused; no answers.",
    "missing": "Of how many children each covariate and outcome was not recorded.",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Files that belong together: a table with the figures drawn from it, or one page.

    what: a sentence. columns: of its table. about: outcomes and covariates that it tells of.
    children, clusters: behind it, as they are told; None where it is of none. controls: what each
    rule of the policy did to it. files: their paths in the pack.
    """

    name: str
    title: str
    what: str
    files: tuple[str, ...]
    columns: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    children: int | None = None
    clusters: int | None = None
    controls: tuple[Control, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for all of a pack: who is studied, when, and how many are behind it."""

    population: str
    period: str
    unit: str
    children: int
    arms: tuple[tuple[str, int], ...]
    cluster: str
    clusters: int | None


def groups(output: Output, drawn: Mapping[str, tuple[str, ...]], folder: Path) -> list[Group]:
    """Return the groups of a pack's files; every file is in one, but the manifest and the list."""
    whole = context(output)
    beside = tables_folder(folder / REPORT).name
    found = [
        Group(
            "note",
            "Note for the output checker",
            "What is asked to leave, why it is safe, what was withheld, what a person decides.",
            (NOTE_TEXT, NOTE_PAGE),
            controls=made_of("the other groups"),
        ),
        Group(
            "report",
            "Report",
            "Everything for readers on one page: words, tables and figures of the groups below.",
            (REPORT,),
            children=whole.children,
            clusters=whole.clusters,
            controls=made_of("the groups of tables, their words among them"),
        ),
        Group(
            "results",
            "Results as data",
            "The answers and tables of the groups below for programs to read, with the covariance "
            "of the answers.",
            (RESULTS,),
            children=whole.children,
            clusters=whole.clusters,
            controls=made_of("the groups of tables"),
        ),
    ]
    for name, tables in shelf(output).items():
        files = (f"{beside}/{name}.csv", *drawn.get(name, ()))
        found.append(of_tables(output, name, tables, files=files, whole=whole))
    return found


def of_tables(
    output: Output, name: str, tables: tuple[Table, ...], *, files: tuple[str, ...], whole: Context
) -> Group:
    """Return the group of one file of tables and of the figures drawn from it."""
    first = tables[0]
    outcomes = outcomes_of(tables)
    title = title_of(name, tables)
    told = [text for text in dict.fromkeys(t.context or t.note for t in tables) if text]
    told = [WHAT[name]] if name in WHAT else told
    behind = outcomes if all_of_outcomes(tables) else ()
    words_only = name == "protocol" or set(first.kinds) == {"label"}
    return Group(
        name,
        title,
        told[0] if told else f"{title}.",
        files,
        tuple(dict.fromkeys(column for table in tables for column in table.columns)),
        units_of(output, outcomes),
        (*outcomes, *covariates_of(tables)),
        None if words_only else children_behind(output, behind, whole),
        None if words_only else clusters_behind(output, behind, whole),
        controls_of(output, name),
    )


def title_of(name: str, tables: tuple[Table, ...]) -> str:
    """Return what a group is called: its tables' own title, else its file's name in words."""
    titles = {table.title for table in tables}
    title = tables[0].title if len(titles) == 1 else name.replace("_", " ")
    if name.startswith("controls_"):
        title = f"answers of the analysis {name.removeprefix('controls_').replace('_', ' ')}"
    if name.startswith(f"{EXTRAPOLATION}_"):
        title += ", of what models say of refused questions"
    return title[:1].upper() + title[1:]


def all_of_outcomes(tables: Iterable[Table]) -> bool:
    """Return whether every row of tables is about some outcome, not about all children."""
    return all(all(t.column("outcome")) for t in tables if "outcome" in t.columns)


def made_of(what: str) -> tuple[Control, ...]:
    """Return the control of a page: it holds only what the rules have passed elsewhere."""
    asks = "nothing that is not in a controlled table"
    return (Control("", "source", asks, what, 0, "made of them and of nothing else"),)


def controls_of(output: Output, name: str) -> tuple[Control, ...]:
    """Return what the rules did to what one file holds."""
    places = {place_of(name)}
    if name in OF_REFUSALS:
        places = {"refusals"}
    bare = name.removeprefix(f"{EXTRAPOLATION}_")
    return tuple(
        control
        for control in output.controls
        if control.where in places or ("." in control.where and control.where.endswith(f".{bare}"))
    )


def place_of(name: str) -> str:
    """Return the part of results.json from which a file of tables comes."""
    return "answers" if name in OF_ANSWERS or name.startswith("controls_") else name


def outcomes_of(tables: Iterable[Table]) -> tuple[str, ...]:
    """Return the outcomes that tables tell of."""
    found: dict[str, None] = {}
    for table in tables:
        cells = table.column("outcome") if "outcome" in table.columns else (table.tag("outcome"),)
        found.update(dict.fromkeys(str(cell) for cell in cells if cell))
    return tuple(found)


def covariates_of(tables: Iterable[Table]) -> tuple[str, ...]:
    """Return the covariates that rows of tables are about."""
    names = ("covariate", "variable", "characteristic", "benchmark")
    return tuple(
        dict.fromkeys(
            str(cell)
            for table in tables
            for name in names
            if name in table.columns
            for cell in table.column(name)
            if cell
        )
    )


def units_of(output: Output, outcomes: Iterable[str]) -> tuple[str, ...]:
    """Return the units of outcomes, in the words of the study."""
    named = {spec.name: spec.measure.measured_in for spec in output.study.outcomes}
    return tuple(dict.fromkeys(named[name] for name in outcomes if named.get(name)))


def children_behind(output: Output, outcomes: tuple[str, ...], whole: Context) -> int:
    """Return how many children are behind figures about some outcomes, as it is told."""
    counts = [r.n for r in output.results if r.term.outcome in outcomes and r.n is not None]
    return max(counts, default=whole.children)


def clusters_behind(output: Output, outcomes: tuple[str, ...], whole: Context) -> int | None:
    """Return how many clusters are behind figures about some outcomes, as it is told."""
    if not output.study.cluster:
        return None
    counts = [
        r.clusters for r in output.results if r.term.outcome in outcomes and r.clusters is not None
    ]
    return max(counts, default=whole.clusters)


def context(output: Output) -> Context:
    """Return who and what all of a pack is about."""
    study = output.study
    if study.access is None:
        population, period = protocol.who(study), protocol.times(study)
    else:
        population, period = access_protocol.whom(study), access_protocol.when(study)
    clusters = [r.clusters for r in output.results if r.clusters is not None]
    return Context(
        population,
        period,
        output.flow.counts,
        output.flow.remaining,
        output.flow.arms,
        study.cluster or "",
        max(clusters) if clusters and study.cluster else None,
    )
