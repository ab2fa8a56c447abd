"""Section 11: where this report answers each item of the TARGET statement."""

from __future__ import annotations

from collections.abc import Callable

from fingerpost.core.output import Output
from fingerpost.core.protocol import NOT_STATED, protocol
from fingerpost.core.words import counted
from fingerpost.plots.numbers import whole
from fingerpost.reports.parts import Entry, Grid, Section, Words
from fingerpost.reports.told import told
from fingerpost.reports.words import NO_ANSWER, answers

TITLE = "TARGET: where each item is"
Item = tuple[str, str, str, Callable[[Output], str | None]]


def first_line(output: Output) -> str | None:
    """Return the first sentence of the answer."""
    found = answers(output)[0]
    return None if found == NO_ANSWER else found.split(". ")[0]


def data_sources(output: Output) -> str | None:
    """Return where the records are."""
    return ", ".join(source.words() for source in output.study.records.sources) or None


def children_counted(output: Output) -> str | None:
    """Return how many of the rows read are analysed."""
    units = f" {output.flow.counts}" if output.flow.counts == "units" else ""
    return f"{whole(output.flow.remaining)} of {whole(output.flow.start)}{units}"


def arms_counted(output: Output) -> str | None:
    """Return how many children each arm has."""
    return ", ".join(f"{arm} {whole(count)}" for arm, count in output.flow.arms) or None


def missing_counted(output: Output) -> str | None:
    """Return how many variables have missing values."""
    table = output.table("missing")
    if table is None:
        return None
    some = sum(1 for cell in table.column("missing") if cell)
    return f"{some} of {counted(len(table.rows), 'variable')} with missing values"


def effects_counted(output: Output) -> str | None:
    """Return how many effects are estimated and how many refused."""
    made = sum(result.term.target.causal for result in output.results)
    return f"{made} estimated, {counted(len(output.refusals), 'question')} refused"


def sensitivity_named(output: Output) -> str | None:
    """Return the sensitivity analyses that were run."""
    return ", ".join(dict.fromkeys(one.leaf for one in output.sensitivity)) or None


ITEMS: tuple[Item, ...] = (
    ("1a", "Title or abstract: design, and the target trial", "answer", lambda o: o.study.name),
    ("1b", "Abstract: data", "provenance", data_sources),
    ("1c", "Abstract: assumptions, methods, findings", "answer", first_line),
    ("2", "Background and gap", "target", lambda o: o.study.statement.background),
    ("3", "Causal question", "answer", lambda o: o.study.question or None),
    ("4", "Why a target trial is emulated", "target", lambda o: o.study.statement.why),
    ("5", "Data sources", "provenance", data_sources),
)
RESULTS: tuple[Item, ...] = (
    ("8", "Flow of children", "flow", children_counted),
    ("9", "Children at time zero, by arm", "balance", arms_counted),
    ("10", "Follow-up", "protocol", lambda o: o.study.follow_up or None),
    ("11", "Missing data", "missing", missing_counted),
    (
        "12",
        "Outcomes by arm",
        "estimates",
        lambda o: "table of outcomes by arm" if o.table("outcomes") else None,
    ),
    ("13", "Effects and their precision", "estimates", effects_counted),
    ("14", "Sensitivity", "sensitivity", sensitivity_named),
    ("15", "Interpretation", "answer", first_line),
    ("16", "Limits of the emulation and its assumptions", "limitations", lambda o: "listed"),
    ("17", "Ethics", "target", lambda o: o.study.statement.ethics),
    ("18", "Registration", "target", lambda o: o.study.statement.registration),
    ("19a", "Sharing of data", "target", lambda o: o.study.statement.data_sharing),
    ("19b", "Sharing of code", "target", lambda o: o.study.statement.code_sharing),
    ("20", "Funding", "target", lambda o: o.study.statement.funding),
    ("21", "Interests", "target", lambda o: o.study.statement.interests),
)


def section(output: Output) -> Section:
    """Return the items of TARGET (Cashin et al. 2025), each located or said to be absent."""
    rows = [row(output, item) for item in ITEMS] + protocol_rows(output)
    rows += [row(output, item) for item in RESULTS]
    absent = sum(NOT_STATED in cells[2].text for cells in rows)
    words = [
        Words(
            f"{len(rows) - absent} of {len(rows)} items of the TARGET statement (Cashin and "
            f"others, 2025; labels in our words) are located for “{output.study.name}”; "
            f"{absent} are {NOT_STATED}."
        ),
        *scope(output),
    ]
    table = Grid("Items of TARGET", ("Item", "What it asks", "What is said", "Where"), tuple(rows))
    return Section("target", TITLE, (*words, table))


def scope(output: Output) -> list[Words]:
    """Return a caution where the study lies outside what TARGET was written for."""
    found = []
    study = output.study
    if study.assignment.randomised:
        found.append(
            Words(
                "Arms were drawn, so this is a trial and not an emulation; TARGET is written for "
                "emulations, and CONSORT for trials.",
                "note",
            )
        )
    if study.cluster not in (None, "child"):
        found.append(
            Words(
                f"Children are clustered by {study.cluster}. TARGET's stated scope is a "
                "parallel-group, individually randomised target trial with confounding at baseline "
                f"only: a target trial that randomises each {study.cluster} is outside it.",
                "note",
            )
        )
    return found


def row(output: Output, item: Item) -> tuple[Entry, ...]:
    """Return one item: its number, what it asks, what is said, and the section that says it."""
    number, label, where, told = item
    said = told(output) or NOT_STATED
    link = Entry(where, link=f"#{where}")
    return (Entry(number), Entry(label), Entry(said), link)


def protocol_rows(output: Output) -> list[tuple[Entry, ...]]:
    """Return items 6a-h and 7a-h: the specification and the emulation of each component."""
    link = Entry("protocol", link="#protocol")
    found = protocol(output.study).records()
    rows: list[tuple[Entry, ...]] = []
    for name, label in (("specification", "specified"), ("emulation", "emulated")):
        for record in found:
            items = [part.strip() for part in str(record["item"]).split(",")]
            item = items[0] if name == "specification" else items[-1]
            said = str(record[name]) or NOT_STATED
            short = said if len(said) <= 140 else f"in the table, {len(said.split())} words"
            rows.append((Entry(item), Entry(f"{record['component']}, {label}"), Entry(short), link))
    more = told(output)
    if more:
        link = Entry("told", link="#told")
        label = "Instrument, cut-off, subgroups, model of who was seen and other options"
        rows.append((Entry("7h"), Entry(label), Entry(" ".join(more)), link))
    return rows
