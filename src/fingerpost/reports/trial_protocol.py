"""The protocol of a trial with its statistical analysis plan: a page or a Word document."""

from __future__ import annotations

from pathlib import Path

from fingerpost.core.errors import UsageError
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.reports import docx
from fingerpost.reports.page import write_page
from fingerpost.reports.parts import Bullets, Section, Words
from fingerpost.reports.rollout_plan import answers, of_items, said

KINDS = (".html", ".docx")
# Chapters, and the items that each tells in sentences.
CHAPTERS = (
    ("question", "What is asked", ("objective", "background", "equipoise")),
    ("who", "Who takes part", ("setting", "eligibility", "clusters", "plans", "recruitment")),
    ("arms", "What each arm is given", ("arms", "without", "lawfulness")),
    ("outcomes", "What is measured", ("primary outcome", "other outcomes")),
    ("draw", "The draw", ("design", "sequence", "chances", "concealment", "blinding")),
    ("size", "What it can find", ("sample size",)),
    (
        "analysis",
        "Statistical analysis plan",
        ("analysis", "subgroups", "further analyses", "missing", "multiplicity", "software"),
    ),
    (
        "owed",
        "What is owed to families",
        ("consent", "assent", "families", "harms", "stopping", "oversight", "confidentiality"),
    ),
)


def sections(items: Table) -> tuple[Section, ...]:
    """Return the protocol's sections: what is open first, chapters, and every item."""
    told = answers(items)
    states = [str(row["state"]) for row in items.records()]
    count = {state: states.count(state) for state in ("answered", "open", "later")}
    words = (
        f"{count['answered']} items are answered by the study, {count['open']} are open, and "
        f"{count['later']} can be known only later."
    )
    first = (Words(words, "warning" if count["open"] else ""),)
    chapters = [Section(name, title, (said(told, topics),)) for name, title, topics in CHAPTERS]
    kept = [one for one in chapters if isinstance(one.parts[0], Bullets)]
    last = Section("items", "What guidance asks of a protocol", tuple(of_items(items)))
    return (Section("answer", "In short", first), *kept, last)


def write_trial_protocol(study: Study, items: Table, *, path: Path, made_by: str) -> Path:
    """Write a protocol as a page (its items as a CSV file beside it) or a Word document, as the
    file's name ends, and return its path.

    Raises UsageError for another ending, MissingExtra for a Word document without python-docx.
    """
    if path.suffix not in KINDS:
        raise UsageError(f"{path}: a protocol is a page (.html) or a Word document (.docx).")
    title, footer = f"Protocol: {study.question}", f"{made_by}, study {study.name}"
    made = sections(items)
    if path.suffix == ".docx":
        return docx.write_docx(path, made, title=title, footer=footer)
    return write_page(path, study, title=title, sections=made, tables=(items,), footer=footer)[0]
