"""What is told of linkage spines: how many, how they were made, how far apart answers lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from fingerpost.core.answer import Answer
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.refusal import Refusal
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import SENSITIVITY_RANGE
from fingerpost.records.through import LIST, RECORDS, VERSION, Chosen
from fingerpost.studies.analysing import Analysed
from fingerpost.studies.imputed import fractions

LINKAGE, SPREAD = "linkage", "spine_spread"
RANGE = (
    "a sensitivity range over spines, not an interval: their links were not drawn given exposure "
    "and outcome with parameters redrawn, so that false links draw the answer towards none"
)
OTHERS = (
    "a sensitivity range over spines, not an interval: their links were drawn given what another "
    "study asks and not all that this one does. `fingerpost link run --study` draws its own"
)
WHY = {
    RECORDS: "the records have changed since their links were drawn given them",
    LIST: "the list of codes that says who is studied is another than their links were drawn "
    "given, or is not known to be that one",
    VERSION: "their links were drawn by another version of fingerpost, which may have read what "
    "the study asks otherwise",
}
ONE = "read through one spine: that links may be false or missed is in no interval"
IMPUTATION = "imputation of the links"


def changed(spines: Chosen) -> str:
    """Return what is said of answers over spines whose links were drawn given what is another now.

    spines: as they are to a study, with something in `changed`.
    """
    return (
        f"a sensitivity range over spines, not an interval: "
        f"{'; '.join(WHY[name] for name in spines.changed)}. `fingerpost link run --study` with "
        "another --name draws them anew"
    )


def told_table(spines: Chosen, *, sizes: Sequence[int], weighted: bool) -> Table:
    """Return how many spines there were, how they were made, and what may be made of their spread.
    sizes: of the cohort through each.
    """
    count = len(spines.paths)
    label = "one spine" if count == 1 else IMPUTATION if spines.imputes else SENSITIVITY_RANGE
    row: tuple[Cell, ...] = (
        spines.name,
        spines.method,
        count,
        label,
        spines.redrawn,
        spines.conditional,
        weighted,
        min(sizes),
        max(sizes),
    )
    return Table(
        LINKAGE,
        "Through which links hospital records were read",
        (
            *("spines", "method", "number", "label", "redrawn", "conditional", "weighted"),
            *("fewest_children", "most_children"),
        ),
        ("label", "label", "number", "label", "flag", "flag", "flag", "count", "count"),
        (row,),
        counts=(min(sizes),),
        context="A spine says of each hospital record which one child it is. redrawn: whether the "
        "parameters of the links were drawn anew for each. conditional: whether links were drawn "
        "given what this study asks, its exposure, outcomes and covariates, in these records and "
        "as this version reads them. Only where both hold "
        "does the spread of the answers count as that of imputations; else it is a sensitivity "
        "range. weighted: whether those linked were weighed, by known weights, to stand for those "
        "missed and, by a model apart, for those who opted out. fewest_children, most_children: of "
        "the cohort, over spines; the flow and tables of the whole study are those of the first.",
    )


def spread_table(pooled: Analysed, each: Sequence[Analysed]) -> Table:
    """Return how far the answers of the spines lie apart, of each pooled estimate."""
    rows: list[tuple[Cell, ...]] = []
    counts: list[int | None] = []
    for answer in pooled.answers:
        estimate = answer.estimate
        if estimate is None or not isinstance(estimate.spread, Matrix) or estimate.extra is None:
            continue
        within = np.sqrt(np.diag(estimate.spread.covariance))
        between = np.sqrt(np.diag(estimate.extra))
        lost, _, _ = fractions(estimate, len(each))
        for at, term in enumerate(estimate.terms):
            values = [
                float(own.value[own.terms.index(term)])
                for own in estimates(each, answer.leaf)
                if term in own.terms
            ]
            shown = np.exp(values) if term.scale == "ratio" else np.asarray(values)
            labels = (answer.leaf, term.outcome, term.words(), term.label())
            numbers = (shown.min(), shown.max(), within[at], between[at], lost[at])
            rows.append((*labels, *(float(one) for one in numbers)))
            counts.append(None if estimate.n is None else int(estimate.n[at]))
    return Table(
        SPREAD,
        "How far apart the answers of the spines lie",
        (
            *("estimator", "outcome", "contrast", "target", "lowest", "highest"),
            *("error_within", "error_between", "lost_to_links"),
        ),
        (*("label",) * 4, *("number",) * 5),
        tuple(rows),
        counts=tuple(counts),
        context=f"Over {len(each)} spines. lowest, highest: of their answers. error_within: the "
        "standard error were the links known; error_between: what not knowing them adds (ratios: "
        "both of the logarithm). lost_to_links: the share of information about the term that is "
        "lost, missing values among it where they are imputed.",
    )


def estimates(each: Sequence[Analysed], leaf: str) -> Iterator[Estimate]:
    """Yield the estimates of a leaf, of every replicate."""
    for one in each:
        for answer in one.answers:
            if answer.leaf == leaf and answer.estimate is not None:
                yield answer.estimate


# ---------------------------------------------------------------------------- in words of spines
def reworded(found: Analysed) -> Analysed:
    """Return what was pooled over replicates that are spines, and no imputed copies, so called."""
    parts = tuple(
        replace(
            part,
            answers=tuple(_answer(one) for one in part.answers),
            refusals=tuple(_refusal(one) for one in part.refusals),
            tables=tuple(_table(one) for one in part.tables),
        )
        for part in found.parts
    )
    sensitivity = {key: _answer(one) for key, one in found.sensitivity.items()}
    return replace(
        found,
        parts=parts,
        sensitivity=sensitivity,
        tables=tuple(_table(one) for one in found.tables),
    )


def _said(words: str) -> str:
    return words.replace("imputed copies", "spines")


def _answer(answer: Answer) -> Answer:
    return replace(
        answer,
        refusals=tuple(_refusal(one) for one in answer.refusals),
        tables=tuple(_table(one) for one in answer.tables),
        warnings=tuple((term, _said(words)) for term, words in answer.warnings),
        regions=tuple(replace(one, method=_said(one.method)) for one in answer.regions),
    )


def _refusal(refusal: Refusal) -> Refusal:
    rules = tuple(replace(rule, words=_said(rule.words)) for rule in refusal.rules)
    return replace(refusal, rules=rules)


def _table(table: Table) -> Table:
    return replace(table, note=_said(table.note))
