"""The standard of linked records told from its declarations: a page, a data package, templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from fingerpost.records.declarations import SCHEMA_VERSION, TABLES
from fingerpost.records.fields import SOURCES, Field, TableSpec

KIND = {
    "id": "identifier",
    "int": "whole number",
    "float": "number",
    "code": "code",
    "text": "text",
    "date": "date",
}
# What a table schema calls each kind. Identifiers are numbers in some sources, text in others.
FRICTIONLESS = {
    "id": "any",
    "int": "integer",
    "float": "number",
    "code": "string",
    "text": "string",
    "date": "date",
}
PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
SCHEMA_PROFILE = "https://datapackage.org/profiles/2.0/tableschema.json"
MISSING = ("", "NA", "NaN", "nan", ".")
HEAD = ("column", "kind", "must it be there", "what it is")
TITLE = "Data dictionary"
ABOUT = (
    f"The tables of linked records, version {SCHEMA_VERSION}. Academic years are labelled by the "
    "year they end: 2015 is 2014/15. Every table says from and to when a row holds, and from when "
    "its source could have known it (known_from): no study uses what was not yet known. A source "
    "that lacks a table, or a column that need not be there, is still readable; a study that needs "
    "it says so."
)


def allowed(field: Field) -> str:
    """Return what a column may hold, in words; empty where anything of its kind.

    >>> from fingerpost.records.declarations import TABLES
    >>> allowed(TABLES["phonics"].field("mark"))
    '0 to 40 words read'
    """
    if field.codes:
        return "; ".join(
            value if words == value.replace("_", " ") else f"{value} {words}"
            for value, words in field.codes
        )
    if field.low is None or field.high is None:
        return field.unit
    span = f"{field.low:g} to {field.high:g}"
    return span if field.unit in ("", span) else f"{span} {field.unit}"


def needed(field: Field) -> str:
    """Return whether a column must be there, and whether a row may leave it blank."""
    if not field.required:
        return "no"
    return "yes, may be blank" if field.missing else "yes, in every row"


def cells(field: Field) -> tuple[str, str, str, str]:
    """Return one column as a row of the dictionary."""
    span = allowed(field)
    return (
        field.name,
        KIND[field.kind],
        needed(field),
        f"{field.words} [{span}]" if span else field.words,
    )


def facts(spec: TableSpec) -> tuple[str, ...]:
    """Return what is said of a table above its columns."""
    first, last = spec.years
    key = f"Key: {', '.join(spec.key)}." if spec.key else "No key: events may repeat."
    return (
        spec.words,
        f"One row: {spec.grain}. {key} Held from {first}{'' if last is None else f' to {last}'}.",
    )


def ordered() -> list[tuple[str, list[TableSpec]]]:
    """Return the tables by source."""
    return [
        (source, [spec for spec in TABLES.values() if spec.source == source]) for source in SOURCES
    ]


def as_markdown() -> str:
    """Return the data dictionary as a page of Markdown."""
    lines = [f"# {TITLE}", "", ABOUT, ""]
    for source, specs in ordered():
        lines += [f"## {source.capitalize()}", ""]
        for spec in specs:
            lines += [f"### `{spec.name}`", "", "\n\n".join(facts(spec)), ""]
            lines += [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
            for name, *rest in map(cells, spec.fields):
                lines.append(f"| `{name}` | {' | '.join(rest)} |")
            lines.append("")
    return "\n".join(lines)


def as_html() -> str:
    """Return the data dictionary as one self-contained page."""
    parts = [
        '<!doctype html><html lang="en-GB"><head><meta charset="utf-8">',
        f"<title>{TITLE}: linked records</title>",
        '<meta name="viewport" content="width=device-width, initial-scale=1"><style>',
        "body{font:1rem/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;"
        "color:#111;background:#fff}table{border-collapse:collapse;width:100%;margin:1rem 0}"
        "th,td{border-bottom:1px solid #bbb;padding:.35rem .6rem;text-align:left;"
        "vertical-align:top}caption{text-align:left;padding:.3rem 0}code{white-space:nowrap}",
        f"</style></head><body><main><h1>{TITLE}</h1><p>{escape(ABOUT)}</p><nav><ul>",
        *(f'<li><a href="#{name}">{name}</a></li>' for name in TABLES),
        "</ul></nav>",
    ]
    for source, specs in ordered():
        parts.append(f"<h2>{escape(source.capitalize())}</h2>")
        for spec in specs:
            parts += html_of(spec)
    return "".join([*parts, "</main></body></html>\n"])


def html_of(spec: TableSpec) -> list[str]:
    """Return one table as HTML."""
    words, rows = facts(spec)
    head = "".join(f'<th scope="col">{name}</th>' for name in HEAD)
    body = "".join(
        f'<tr><th scope="row"><code>{escape(name)}</code></th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        + "</tr>"
        for name, *rest in map(cells, spec.fields)
    )
    return [
        f'<h3 id="{spec.name}"><code>{spec.name}</code></h3><p>{escape(words)}</p>',
        f"<table><caption>{escape(rows)}</caption><thead><tr>{head}</tr></thead>",
        f"<tbody>{body}</tbody></table>",
    ]


def data_package(
    paths: Mapping[str, Sequence[str]] | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Return the description of a data package (version 2 of the standard).

    paths: table → its files, relative to the description; every table as NAME.csv where None.
    columns: table → its columns as its files have them, in order; all that are declared where None.
    Source: https://datapackage.org/standard/data-package and /table-schema.
    """
    held = paths if paths is not None else {table: (f"{table}.csv",) for table in TABLES}
    return {
        "$schema": PROFILE,
        "name": "linked-records",
        "title": "Linked education and health records",
        "version": SCHEMA_VERSION,
        "resources": [
            resource(
                TABLES[table],
                list(files),
                columns=columns[table] if columns else TABLES[table].columns,
                whole="child" in held,
            )
            for table, files in held.items()
        ],
    }


def resource(
    spec: TableSpec, files: Sequence[str], *, columns: Sequence[str], whole: bool
) -> dict[str, Any]:
    """Return one table as a resource. whole: whether the table of children is there to refer to."""
    form = files[0].rsplit(".", 1)[-1]
    known = {field.name: described(field) for field in spec.fields}
    schema: dict[str, Any] = {
        "$schema": SCHEMA_PROFILE,
        "fields": [known.get(name, {"name": name, "type": "any"}) for name in columns],
        "missingValues": list(MISSING),
    }
    if spec.key and set(spec.key) <= set(columns):
        schema["primaryKey"] = list(spec.key)
    if whole and spec.name != "child" and "child_id" in columns:
        reference = {"resource": "child", "fields": ["child_id"]}
        schema["foreignKeys"] = [{"fields": ["child_id"], "reference": reference}]
    return {
        "name": spec.name,
        "title": spec.words.split(". ")[0].rstrip("."),
        "description": spec.words,
        "path": files[0] if len(files) == 1 else list(files),
        "format": form,
        **({"encoding": "utf-8"} if form == "csv" else {}),
        "schema": schema,
    }


def described(field: Field) -> dict[str, Any]:
    """Return one column as a field of a table schema."""
    constraints: dict[str, Any] = {}
    if field.required and not field.missing:
        constraints["required"] = True
    if field.low is not None and field.high is not None:
        numbers = (field.low, field.high)
        low, high = (int(n) if field.kind == "int" else n for n in numbers)
        constraints |= {"minimum": low, "maximum": high}
    said: dict[str, Any] = {
        "name": field.name,
        "type": FRICTIONLESS[field.kind],
        "description": field.words,
    }
    if field.codes:
        said["categories"] = [{"value": code, "label": words} for code, words in field.codes]
        constraints["enum"] = list(field.allowed)
    return said | ({"constraints": constraints} if constraints else {})


def template(spec: TableSpec) -> str:
    """Return an empty table as CSV: its header.

    >>> from fingerpost.records.declarations import TABLES
    >>> template(TABLES["opt_out"])
    'child_id,opted_out_date,valid_from,valid_to,known_from\\n'
    """
    return ",".join(spec.columns) + "\n"
