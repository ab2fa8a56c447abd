"""`fingerpost study describe`: the protocol in words, or its steps as SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._spines import through_one
from fingerpost.cli._studying import linked_store, pointed
from fingerpost.core.errors import UsageError


def describe(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The study's YAML file.")],
    *,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print each eligibility step as SQL instead.")
    ] = False,
    records: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Look the columns up in this table, or in the study's tables in this folder; "
            "count who is studied in these linked records.",
        ),
    ] = None,
) -> None:
    """Print who is studied, what is compared and how, as a target trial in words.

    With --sql or --records the columns are looked up; otherwise no record is opened.

    \b
    Examples:
      fingerpost study describe examples/nhefs/study.yaml
      fingerpost study describe examples/nhefs/study.yaml --sql
      fingerpost study describe study.yaml --records records/children.csv
      fingerpost study describe examples/hope/cleft.yaml --records build/england
    """
    from fingerpost.studies.describe import describe as in_words
    from fingerpost.studies.document import read_study, resolve

    study = read_study(file)
    if not sql and records is None:
        print(in_words(study), end="")
        return
    if study.linked is not None:
        from fingerpost.cohorts.linked.flatten import counts_of
        from fingerpost.studies.describe import counted

        if sql:
            raise UsageError("--sql is for a study of one table; this one asks linked records.")
        store = through_one(linked_store(study, records), engine="duckdb", study=study)
        found = counts_of(study, store)
        print(
            in_words(study) + counted(found.flow, before=found.before, unknown=found.unknown),
            end="",
        )
        return
    from fingerpost.cohorts.table import read_records, steps_sql

    table = read_records(pointed(study.records, records), base=file.parent)
    study = resolve(study, table.columns)
    if not sql:
        print(in_words(study), end="")
        return
    for words, query in steps_sql(study, table):
        print(f"-- {words}\n{query};\n")
