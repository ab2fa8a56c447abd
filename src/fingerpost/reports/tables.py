"""The tables of a report: which may be shown where, and each as a long CSV with units."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace

from fingerpost.core.estimand import Term
from fingerpost.core.output import Output, RegionResult, Result
from fingerpost.core.protocols import protocol_of
from fingerpost.core.reasons import broken_words
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.core.words import listing
from fingerpost.plots import triangulation
from fingerpost.plots.flow import flow_table
from fingerpost.reports.agreeing import agreement_range
from fingerpost.reports.names import unrepeated
from fingerpost.reports.phrases import Unit, unit_of
from fingerpost.reports.refusals import is_refused, leaf_words, target_refused
from fingerpost.reports.together import FOREST, forests
from fingerpost.reports.units import (
    EXTRAPOLATION,
    label_columns,
    number_columns,
    raw_unit,
    unit_named,
)

# Tables of effects: of a refused target they may stand only under "Model extrapolation".
EFFECTS = ("truncation", "means", "trim_estimates")
TERM_COLUMNS = (
    "estimator",
    "outcome",
    "contrast",
    "target",
    "summary",
    "scale",
    "horizon",
    "subgroup",
    "exposure_time",
)
REFUSED = ("outcome", "contrast", "target")


def shelf(output: Output) -> dict[str, tuple[Table, ...]]:
    """Return every table that lies beside a report, by the name of its file."""
    of_effect = output.study.access is None
    named: dict[str, list[Table]] = {
        "estimates": [estimates_table(output, output.results, "estimates")],
        "regions": [regions_table(output.regions)],
        "refusals": [refusals_table(output)],
        "leaf_refusals": [leaf_refusals_table(output)],
        "triangulation": list(triangulation_tables(output)) if of_effect else [],
        "flow": [flow_table(output.flow)],
        "protocol": [protocol_of(output.study)],
        "agreement": [agreement_table(output)],
        FOREST: [table for table, _ in forests(output)],
    }
    extrapolated = estimates_table(output, output.extrapolations, EXTRAPOLATION)
    named[EXTRAPOLATION] = [extrapolated]
    drawn = [table for one in output.sensitivity for table in one.tables]
    for table in (*unrepeated(output.tables), *drawn):
        for part in parted(output, table):
            named.setdefault(part.name, []).append(part)
    for one in output.sensitivity:
        if one.results:
            name = f"controls_{one.leaf}"
            found = estimates_table(output, one.results, name)
            tags = {("beside", table.tag("beside")) for table in one.tables}
            tags = {(tag, cell) for tag, cell in tags if cell is not None}
            named.setdefault(name, []).append(replace(found, tags=tuple(tags)))
    return {name: tuple(tables) for name, tables in named.items() if any(t.rows for t in tables)}


def parted(output: Output, table: Table) -> tuple[Table, ...]:
    """Return a table, what it says of refused targets taken out of it and named apart."""
    if table.name not in EFFECTS:
        return (table,)
    apart = f"{EXTRAPOLATION}_{table.name}"
    if table.tag("target") is not None:
        return (replace(table, name=apart) if target_refused(output, table) else table,)
    if "target" not in table.columns:
        return (table,)
    at = table.columns.index("target")
    outcome, contrast = table.tag("outcome"), table.tag("contrast")
    gone = [
        is_refused(output, target=row[at], outcome=outcome, contrast=contrast) for row in table.rows
    ]
    kept = tuple(row for row, out in zip(table.rows, gone, strict=True) if not out)
    left = tuple(row for row, out in zip(table.rows, gone, strict=True) if out)
    bare = replace(table, counts=(), clusters=(), shares=())
    found = (replace(bare, rows=kept), replace(bare, name=apart, rows=left))
    return tuple(part for part in found if part.rows)


def term_cells(term: Term) -> tuple[Cell, ...]:
    """Return what a term asks for, a cell each."""
    return (
        term.outcome,
        term.words(),
        term.target.label(),
        term.summary,
        term.scale,
        term.horizon,
        term.subgroup,
        term.exposure_time,
    )


def estimates_table(output: Output, results: tuple[Result, ...], name: str) -> Table:
    """Return results as a table, in full precision and the unit of the records."""
    columns = ("value", "se", "lo", "hi", "level", "df", "n", "clusters")
    kinds = ("number",) * 6 + ("count", "count")
    return Table(
        name,
        "Estimates" if name == "estimates" else name.replace("_", " "),
        (*TERM_COLUMNS, "interval", "primary", "unit", *columns),
        (*("label",) * len(TERM_COLUMNS), "label", "flag", "label", *kinds),
        tuple(
            (
                result.estimator,
                *term_cells(result.term),
                result.interval,
                result.primary,
                raw_unit(output.study, result.term),
                result.value,
                result.se,
                result.lo,
                result.hi,
                result.level,
                result.df,
                result.n,
                result.clusters,
            )
            for result in results
        ),
    )


def regions_table(regions: tuple[RegionResult, ...]) -> Table:
    """Return regions as a table, a row a piece; a limit that is missing is unbounded."""
    return Table(
        "regions",
        "Sets of values not rejected",
        (*TERM_COLUMNS, "method", "piece", "lo", "hi", "value", "p", "level"),
        (*("label",) * (len(TERM_COLUMNS) + 1), *("number",) * 6),
        tuple(
            (
                item.estimator,
                *term_cells(item.region.term),
                item.region.method,
                at + 1,
                lo,
                hi,
                item.region.value,
                item.region.p,
                item.region.level,
            )
            for item in regions
            for at, (lo, hi) in enumerate(item.region.pieces or ((None, None),))
        ),
        tells=Tells(keys=("piece",), answers=("lo", "hi", "value")),
    )


def refusals_table(output: Output) -> Table:
    """Return what is refused, a row a broken rule."""
    return Table(
        "refusals",
        "What cannot be told from these records",
        (*REFUSED, "rule", "assumption", "words", "mend", "measured", "threshold"),
        (*("label",) * 7, "number", "number"),
        tuple(
            (
                *asked_cells(term),
                rule.rule,
                rule.assumption,
                broken_words(rule),
                refusal.mend,
                rule.measured,
                rule.threshold,
            )
            for refusal in output.refusals
            for term in refusal.terms
            for rule in refusal.rules
        ),
    )


def leaf_refusals_table(output: Output) -> Table:
    """Return what one leaf has no answer for, where others may have, a row a leaf and term."""
    rows = [
        (refusal.leaf, *asked_cells(term), leaf_words(refusal))
        for refusal in output.leaf_refusals
        for term in refusal.terms
    ]
    return Table(
        "leaf_refusals",
        "Leaves without an answer of their own",
        ("leaf", *REFUSED, "why"),
        ("label",) * 5,
        tuple(dict.fromkeys(rows)),
        context="The target is not refused: other leaves may answer it.",
    )


def agreement_table(output: Output) -> Table:
    """Return how far the primary answers of each term lie apart, in the unit that is shown.

    On the ratio scale `apart` and `declared` are factors.
    """
    rows: list[tuple[Cell, ...]] = []
    for found in output.agreements:
        unit = unit_of(output.study, found.term)
        low, high = (end * unit.times for end in agreement_range(output, found))
        ratio = found.term.scale == "ratio"
        apart = high / low if ratio and low > 0 else high - low
        allowed = None if found.within is None else found.within * unit.times
        if allowed is not None and ratio:
            allowed = math.exp(allowed)
        verdict = "not judged" if found.agree is None else ("agree" if found.agree else "disagree")
        leaves, words = listing(found.estimators), "ratio" if ratio else unit.words
        asked = asked_cells(found.term)
        rows.append((*asked, leaves, words, low, high, apart, allowed, verdict))
    return Table(
        "agreement",
        "Agreement of primary answers",
        (*REFUSED, "leaves", "unit", "lo", "hi", "apart", "declared", "verdict"),
        (*("label",) * 5, *("number",) * 4, "label"),
        tuple(rows),
    )


def asked_cells(term: Term) -> tuple[Cell, ...]:
    """Return the outcome, contrast and target of a term."""
    return term.outcome, term.words(), term.target.label()


def triangulation_tables(output: Output) -> tuple[Table, ...]:
    """Return the rows of every triangulation picture, in the unit that the picture shows."""
    return tuple(
        in_unit(table, question_unit(output, table)) for table in triangulation.tables(output)
    )


def question_unit(output: Output, table: Table) -> Unit:
    """Return the natural unit of one triangulation table."""
    terms = [result.term for result in output.results]
    terms += [item.region.term for item in output.regions]
    terms += [term for refusal in output.refusals for term in refusal.terms]
    key = tuple(table.tag(name) for name in ("outcome", "contrast", "scale"))
    return next(
        (unit_of(output.study, t) for t in terms if (t.outcome, t.words(), t.scale) == key),
        Unit(""),
    )


def in_unit(table: Table, unit: Unit) -> Table:
    """Return a triangulation table with its numbers in a natural unit."""
    at = [table.columns.index(name) for name in ("value", "lo", "hi")]
    rows = tuple(
        tuple(
            cell * unit.times if place in at and isinstance(cell, int | float) else cell
            for place, cell in enumerate(row)
        )
        for row in table.rows
    )
    return replace(table, rows=rows, tags=(*table.tags, ("unit", unit.words)))


# ------------------------------------------------------------------------------ long CSV
def long_csv(tables: tuple[Table, ...], study: Study) -> str:
    """Return tables of one name as one long CSV: tags, labels, quantity, unit, value.

    One number a line, in full precision; an empty value is unbounded or not given. Numbers that say
    what a row is of (a time, a percentile) stand among the labels. A table that holds no other
    numbers is written as it stands.
    """
    tags = list(dict.fromkeys(name for table in tables for name, _ in table.tags if name != "unit"))
    labels = list(dict.fromkeys(name for table in tables for name in label_columns(table)))
    tags = [name for name in tags if name not in labels]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    if not any(number_columns(table) for table in tables):
        writer.writerow([*tags, *labels])
        writer.writerows(
            [*(plain(table.tag(tag)) for tag in tags), *(plain(record.get(n)) for n in labels)]
            for table in tables
            for record in table.records()
        )
        return stream.getvalue()
    writer.writerow([*tags, *labels, "quantity", "unit", "value"])
    for table in tables:
        said = dict(table.tags)
        for record in table.records():
            known = {**said, **{name: record[name] for name in label_columns(table)}}
            left = [plain(known.get(name)) for name in (*tags, *labels)]
            for name in number_columns(table):
                unit = unit_named(table, name, record, study)
                writer.writerow([*left, name, unit, plain(record[name])])
    return stream.getvalue()


def plain(cell: Cell) -> str:
    """Return a cell as a CSV holds it: floats in full, empty where there is no finite number."""
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return repr(float(cell)) if isinstance(cell, float) else str(cell)


def term_key(term: Term) -> str:
    """Return a term as one string: what `data-term` holds in a page."""
    names = ("outcome", "contrast", "target", "summary", "scale", "horizon", "subgroup")
    cells = dict(zip((*names, "exposure_time"), term_cells(term), strict=True))
    told = {name: cell for name, cell in cells.items() if cell is not None}
    return json.dumps(told, ensure_ascii=False)
