"""What tables and pictures are about, in a reader's names: titles, labels, contrasts, targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fingerpost.core.output import Output
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import listing
from fingerpost.reports.parts import Figure, Words
from fingerpost.reports.phrases import outcome_words, target_phrase

MOST_OPEN, MOST_DRAWN = 6, 18
COVARIATE_COLUMNS = ("covariate", "variable")
NOT_ALIKE = " still differs"


def alike(tables: Iterable[Table]) -> list[list[Table]]:
    """Return tables in groups that would be one and the same picture, in their order."""
    found: dict[tuple[object, ...], list[Table]] = {}
    for table in tables:
        key = (table.name, table.columns, table.rows, table.tag("scale"))
        found.setdefault(key, []).append(table)
    return list(found.values())


def unrepeated(tables: Iterable[Table]) -> tuple[Table, ...]:
    """Return tables without those that say again what one before them says (a question that is
    asked of several times is judged once a time).
    """
    found: dict[tuple[object, ...], Table] = {}
    for table in tables:
        found.setdefault((table.name, table.tags, table.columns, table.rows), table)
    return tuple(found.values())


def about(output: Output, tables: Sequence[Table], *, target: bool = True) -> str:
    """Return what tables are about: target, and outcome and contrast where a study has several."""
    study = output.study
    targets = [target_phrase(output, label) for label in said(tables, "target")]
    parts = [listing(targets)] if targets and target else []
    if len(study.outcomes) > 1:
        parts += [listing([outcome_words(study, str(name)) for name in said(tables, "outcome")])]
    if len(study.estimand.contrasts) > 1:
        parts += [listing([str(words) for words in said(tables, "contrast")])]
    return "; ".join(part for part in parts if part)


def said(tables: Sequence[Table], tag: str) -> list[Cell]:
    """Return every value that tables have for a tag, each once."""
    values = (table.tag(tag) for table in tables)
    return list(dict.fromkeys(value for value in values if value is not None))


def first_open(figures: Sequence[Figure]) -> list[Figure | Words]:
    """Return figures of one kind: the first few open, more folded, the rest in the file alone."""
    parts: list[Figure | Words] = [
        replace(each, folded=at >= MOST_OPEN) for at, each in enumerate(figures[:MOST_DRAWN])
    ]
    if len(figures) > MOST_DRAWN:
        count = f"The first {MOST_DRAWN} of {len(figures)} pictures are drawn"
        parts.append(Words(f"{count}; the numbers of all are in the file."))
    return parts


def labelled(output: Output) -> Output:
    """Return an output whose tables name each covariate by its label, where the study gives one,
    and say nothing twice.
    """
    output = replace(output, tables=unrepeated(output.tables))
    labels = {each.name: each.label for each in output.study.covariates if each.label}
    if not labels:
        return output
    return replace(
        output,
        tables=tuple(relabelled(table, labels) for table in output.tables),
        sensitivity=tuple(
            replace(one, tables=tuple(relabelled(table, labels) for table in one.tables))
            for one in output.sensitivity
        ),
    )


def relabelled(table: Table, labels: dict[str, str]) -> Table:
    """Return a table with labels in place of the names of covariates."""
    places = [at for at, name in enumerate(table.columns) if name in COVARIATE_COLUMNS]
    # A guard rail names the covariate that is not alike at the head of its words.
    words = [at for at, name in enumerate(table.columns) if name == "words"]
    if not places and not words:
        return table
    rows = tuple(
        tuple(
            label_of(cell, labels)
            if at in places or (at in words and NOT_ALIKE in str(cell))
            else cell
            for at, cell in enumerate(row)
        )
        for row in table.rows
    )
    return replace(table, rows=rows)


def label_of(cell: Cell, labels: dict[str, str]) -> Cell:
    """Return a cell with the name that it is, or begins with, made a label.

    >>> label_of("sex = f", {"sex": "sex of the child"}), label_of("sexes", {"sex": "x"})
    ('sex of the child = f', 'sexes')
    """
    text = str(cell)
    for name in sorted(labels, key=len, reverse=True):
        if text == name or text.startswith(f"{name} "):
            return labels[name] + text[len(name) :]
    return cell
