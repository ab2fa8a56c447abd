"""The note that lies on top of a clearance pack: in plain words, for the person who checks it."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from fingerpost.core.output import Output
from fingerpost.core.words import counted, listing, sentence
from fingerpost.plots.numbers import whole
from fingerpost.reports.groups import (
    FIGURES,
    MANIFEST,
    NOTE_PAGE,
    REPORT,
    RESULTS,
    SUMS,
    Group,
    context,
)
from fingerpost.reports.parts import Bullets, Entry, Grid, Part, Section, Words
from fingerpost.reports.write import render, stamps, title_of

WIDTH = 96
MOST_NAMES = 12
# The rules as the manual names them.
RULES = {
    "few": "Few children",
    "events": "Few events",
    "clusters": "Few clusters",
    "dominance": "Dominance",
    "df": "Little freedom",
    "trimmed": "Nearly equal groups",
    "secondary": "No subtraction",
    "rounding": "Rounding",
    "digits": "Few digits",
    "extreme": "Extremes",
    "exact": "Exact counts",
    "words": "Words",
}
PAGES = ("note", "report", "results")


def note(output: Output, groups: list[Group]) -> tuple[Section, ...]:
    """Return the sections of the note."""
    return (
        Section("asked", "What is asked to leave", asked(output, groups)),
        Section("who", "Who is behind the numbers", who(output)),
        Section("safe", "Why it is safe", safe(output)),
        Section("withheld", "What was withheld, and by which rule", withheld(output)),
        Section("decide", "What a person must decide", decide(output, groups)),
        Section("files", "The files, group by group", files(groups)),
        Section("controls", "What each rule did to each group", controls(groups)),
        Section("check", "How to check this folder", check(output)),
    )


def asked(output: Output, groups: list[Group]) -> tuple[Part, ...]:
    """Return what the pack is, and of which study."""
    count = sum(len(group.files) for group in groups)
    own = (
        f" The study itself names the policy {output.overridden}; {output.policy} was asked for at "
        "the run."
        if output.overridden
        else ""
    )
    tables = sum(1 for group in groups if group.name not in PAGES)
    figures = sum(path.endswith(".svg") for group in groups for path in group.files)
    return (
        Words(f"Question of the study “{output.study.name}”: {output.study.question}"),
        Words(
            f"{counted(count, 'file')} and two lists of them ({MANIFEST} and {SUMS}): this note, "
            f"the report, its results as data, {counted(tables, 'table')} and "
            f"{counted(figures, 'figure')}, each figure with the numbers drawn in it. None holds a "
            "value of one child; none is made for one child."
        ),
        Words(f"Prepared under the release policy {output.policy}. {output.policy_words}{own}"),
    )


def who(output: Output) -> tuple[Part, ...]:
    """Return who is behind the numbers, when, and how many."""
    whole_pack = context(output)
    rows = [
        ("Population", whole_pack.population),
        ("Period", whole_pack.period),
        ("Unit", f"{whole_pack.unit}, counted as they are in the flow"),
        ("In the analysis", f"about {whole(whole_pack.children)} {whole_pack.unit}"),
    ]
    rows += [(f"in arm {arm}", f"about {whole(count)}") for arm, count in whole_pack.arms]
    if whole_pack.cluster:
        number = (
            "not told" if whole_pack.clusters is None else f"about {whole(whole_pack.clusters)}"
        )
        rows.append((f"Clusters ({whole_pack.cluster})", number))
    study = output.study
    rows.append(("Outcomes", listing([spec.measure.title or spec.name for spec in study.outcomes])))
    labels = {each.name: each.label for each in study.covariates if each.label}
    given = listing([labels.get(name, name) for name in study.given]) or "none"
    rows.append(("Covariates", given))
    cells = tuple((Entry(name), Entry(told)) for name, told in rows)
    note_ = "Counts are rounded; exact ones are in a run with --release inside, for the room only."
    return (Grid("Context of every file", ("What", "In this study"), cells, note=note_),)


def safe(output: Output) -> tuple[Part, ...]:
    """Return the rules that held for what is here, each with all that it asks."""
    told: dict[str, dict[str, None]] = {}
    for each in output.controls:
        told.setdefault(each.name, {})[each.asks] = None
    rows = tuple(
        (Entry(RULES.get(name, name)), Entry(sentence("; ".join(asks))))
        for name, asks in told.items()
    )
    words = (
        "Each rule was applied to the numbers before any page, table or figure was drawn; nothing "
        "was blacked out afterwards."
    )
    return (Words(words), Grid("The rules", ("Rule", "What it asks for"), rows))


def withheld(output: Output) -> tuple[Part, ...]:
    """Return what was withheld, each thing with its rule."""
    if not output.withheld:
        return (Words("Nothing had to be withheld."),)
    rows = tuple((Entry(item.what), Entry(item.rule)) for item in output.withheld)
    return (Grid(f"{counted(len(rows), 'thing')} withheld", ("What", "Rule"), rows),)


def decide(output: Output, groups: list[Group]) -> tuple[Part, ...]:
    """Return what software cannot decide."""
    unknown = [
        group.name
        for group in groups
        for each in group.controls
        if each.name == "dominance" and not each.looked and group.children is not None
    ]
    found = [
        "Has anything about nearly the same children left before? Two outputs that differ by a few "
        "children can tell of those few; this software does not know what has left.",
        "Are the rules those of your service? They are given here as its students report them.",
        "The words of the authors (the question, labels, limitations, names of arms and columns) "
        "were not judged. Read them.",
        f"Digests (SHA-256) of the records read are in {RESULTS}, {MANIFEST} and the report: may "
        "they leave? They let another person prove that a repeated run read the same files.",
        "Is what is told of a small area, school or condition by its name more than you would let "
        "leave, though ten or more children stand behind it?",
    ]
    if unknown:
        found.append(
            "Whether one child or school holds too much of a figure was not judged for "
            f"{listing(unknown)}, which do not say what share each holds; the largest weights of "
            "the answers were judged by the guard rails."
        )
    if output.provenance.synthetic:
        found.append("The records are made up: nothing here is about a real child.")
    return (Bullets(tuple(found), ordered=True),)


def files(groups: list[Group]) -> tuple[Part, ...]:
    """Return every group with its files and who is behind them."""
    rows = tuple(
        (
            Entry(group.title),
            Entry(file_words(group)),
            Entry(group.what),
            Entry(about_words(group)),
            Entry(behind_words(group)),
        )
        for group in groups
    )
    heads = ("Group", "Files", "What it is", "About", "Behind it")
    return (Grid(counted(len(groups), "group"), heads, rows),)


def file_words(group: Group) -> str:
    """Return a group's files: its own by name, its figures by number."""
    own = [path for path in group.files if not path.startswith(f"{FIGURES}/")]
    numbers = [Path(path).name[:2] for path in group.files if path.endswith(".svg")]
    if numbers:
        ends = numbers[0] if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
        several = numbers == [f"{at:02d}" for at in range(int(numbers[0]), int(numbers[-1]) + 1)]
        own.append(f"{FIGURES}/{ends if several else listing(numbers)} (.svg and .csv)")
    return ", ".join(own)


def about_words(group: Group) -> str:
    """Return what a group is about, a few names of many."""
    if len(group.about) <= MOST_NAMES:
        return listing(group.about) or "–"
    return f"{', '.join(group.about[:MOST_NAMES])} and {len(group.about) - MOST_NAMES} more"


def behind_words(group: Group) -> str:
    """Return how many children and clusters are behind a group."""
    if group.children is None:
        return "–"
    told = f"about {whole(group.children)} children"
    return told if group.clusters is None else f"{told}, {whole(group.clusters)} clusters"


def controls(groups: list[Group]) -> tuple[Part, ...]:
    """Return the groups in which a rule stopped something, those of which that is not told, and how
    many the others are.
    """
    rows, untold, rest = [], [], 0
    for group in groups:
        stopped = [
            f"{RULES.get(each.name, each.name)}: {each.found} stopped; {each.did}"
            for each in group.controls
            if each.found
        ]
        if stopped:
            rows.append((Entry(group.title), Entry(". ".join(stopped))))
        elif any(each.found is None for each in group.controls):
            untold.append(f"“{group.title}”")
        elif group.name not in PAGES:
            rest += 1
    words = (
        f"At what each rule looked in each group, what it found and what it did is in {MANIFEST}, "
        f"under `controls`. In {counted(rest, 'group')} no rule stopped anything of what is here. "
        "A table of a question that is withheld is not here and is not named, so that nobody "
        "learns whether there was one."
    )
    if untold:
        words += (
            f" Of {listing(untold)} it is not told whether a rule stopped something: that would "
            "tell that somebody left, or that few stand behind a question."
        )
    words += " In these groups a rule did:" if rows else ""
    grids = (Grid("What was stopped", ("Group", "Rules"), tuple(rows)),) if rows else ()
    return (Words(words), *grids)


def check(output: Output) -> tuple[Part, ...]:
    """Return how to see that the folder is whole and unchanged."""
    found = output.provenance
    made = f"fingerpost {found.code_version or 'of an unknown version'}"
    return (
        Bullets(
            (
                f"On Linux, `sha256sum -c {SUMS}` in this folder; on Windows, `Get-FileHash` of a "
                "file and look for it in the list.",
                f"Open {REPORT} and {NOTE_PAGE} in a browser: they run no script, fetch nothing. "
                "Tables are CSV; figures are SVG, which is text.",
                f"Made by {made} (code {found.code_digest[:12] or 'unknown'}), seed {found.seed}. "
                "The same study, records, code and seed give the same bytes. No file holds a time, "
                "a user's name or a path.",
            )
        ),
    )


# --------------------------------------------------------------------------- as a page, as text
def note_page(output: Output, groups: list[Group]) -> str:
    """Return the note as one self-contained page without script."""
    values: dict[str, object] = {
        "title": heading(output),
        "stamps": stamps(output),
        "sections": note(output, groups),
    }
    return render("note.html.jinja", values)


def heading(output: Output) -> str:
    """Return the title of the note."""
    return f"For the output checker: {title_of(output)}"


def note_text(output: Output, groups: list[Group]) -> str:
    """Return the note as plain text."""
    lines = [heading(output), "=" * len(heading(output)), ""]
    for stamp in stamps(output):
        lines += [fill(f"{stamp.name} {stamp.text}", WIDTH), ""]
    for at, section in enumerate(note(output, groups), start=1):
        title = f"{at}. {section.title}"
        lines += [title, "-" * len(title), ""]
        for part in section.parts:
            lines += [*in_text(part), ""]
    return "\n".join(lines).rstrip() + "\n"


def in_text(part: Part) -> list[str]:
    """Return one part of a section as lines of text."""
    if isinstance(part, Words):
        return [wrapped(part.text)]
    if isinstance(part, Bullets):
        marks = [f"{at}." if part.ordered else "-" for at in range(1, len(part.items) + 1)]
        return [wrapped(text, f"{mark} ") for mark, text in zip(marks, part.items, strict=True)]
    if isinstance(part, Grid):
        lines = []
        for row in part.rows:
            lines.append(wrapped(row[0].text, "* "))
            for head, cell in zip(part.columns[1:], row[1:], strict=True):
                name = "" if len(part.columns) == 2 else f"{head}: "
                lines.append(wrapped(f"{name}{cell.text}", "    "))
        return [*lines, *([wrapped(part.note)] if part.note else [])]
    return []


def wrapped(text: str, first: str = "") -> str:
    """Return a text in lines with a hanging indent; paths and names are not broken."""
    rest = " " * len(first)
    return fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
