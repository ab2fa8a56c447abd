"""Section 7: every estimate in full, those that are no effects and those that extrapolate apart."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace

from fingerpost.core.estimand import Term
from fingerpost.core.output import Output, RegionResult, Result
from fingerpost.core.words import counted, listing
from fingerpost.plots.numbers import ABSENT, number, plain, whole
from fingerpost.plots.triangulation import target_order
from fingerpost.reports.designs import outcomes_words
from fingerpost.reports.looked import looked_tables
from fingerpost.reports.parts import Entry, Grid, Heading, Part, Section, Words, grids, p_entry
from fingerpost.reports.phrases import (
    contrast_phrase,
    horizon_words,
    outcome_words,
    places_of,
    set_words,
    unit_of,
)
from fingerpost.reports.tables import (
    EFFECTS,
    leaf_refusals_table,
    parted,
    term_key,
)
from fingerpost.reports.units import EXTRAPOLATION, raw_unit

TITLE = "The estimates"
SUMMARIES = {"mean": "means", "risk": "risks", "rate": "rates", "quantile": "quantiles"}
SUMMARIES |= {"survival": "shares without the event", "rmst": "mean times without the event"}
COLUMNS = ("Target", "Leaf", "Estimate and interval", "SE", "df", "Children", "Clusters")


def section(output: Output) -> Section:
    """Return estimates of effects, estimates set apart, regions, means, and extrapolations."""
    causal = [result for result in output.results if result.term.target.causal]
    apart = [result for result in output.results if not result.term.target.causal]
    words = (
        f"{counted(len(causal), 'estimate')} of effects on {outcomes_words(output)}, and "
        f"{len(apart)} set apart. The file holds every number in full."
    )
    parts: list[Part] = [Words(words)]
    parts += results_grid(output, causal, "Effects")
    parts += grids(looked_tables(output))
    parts += regions_grid(output)
    parts += leaves_without(output)
    if apart:
        parts += [
            Heading("Not effects: associations and coefficients", "apart"),
            Words(
                "These are shown beside the effects, never pooled with them: an association "
                "adjusts for nothing, and a coefficient given the covariates is for no group."
            ),
            *results_grid(output, apart, "Associations and conditional coefficients"),
        ]
    parts += outcome_grids(output)
    parts += extrapolations(output)
    return Section("estimates", TITLE, tuple(parts))


def results_grid(
    output: Output, results: Iterable[Result], caption: str, csv: str = "estimates"
) -> list[Part]:
    """Return results as one table a question, whose intervals can be read back."""
    grouped: dict[str, list[Result]] = {}
    in_all = in_target_order(output, results)
    for result in in_all:
        grouped.setdefault(question_words(output, result), []).append(result)
    columns = COLUMNS if any(clustered(each) for each in in_all) else COLUMNS[:-1]
    return [
        Grid(
            f"{caption}: {question}",
            columns,
            tuple(result_row(output, result)[: len(columns)] for result in found),
            csv,
            beneath(found),
        )
        for question, found in grouped.items()
    ]


def in_target_order(output: Output, results: Iterable[Result]) -> list[Result]:
    """Return results by target, as the study asks for them; within a target in their order."""
    found = list(results)
    order = target_order(output, [result.term.target.label() for result in found])
    return sorted(found, key=lambda result: order[result.term.target.label()])


def question_words(output: Output, result: Result) -> str:
    """Return what a table of results is about: outcome, contrast, scale and unit."""
    term, unit = result.term, unit_of(output.study, result.term)
    scale = f"{term.scale} of {SUMMARIES.get(term.summary, term.summary)}"
    horizon = "" if term.horizon is None else f", by {horizon_words(term, output.study)}"
    words = "" if term.scale == "ratio" or not unit.words else f", {unit.words}"
    name = outcome_words(output.study, term.outcome)
    return f"{name}, {contrast_phrase(term)}, {scale}{words}{horizon}"


def beneath(results: list[Result]) -> str:
    """Return what stands under a table of results: how intervals were made, and every warning."""
    made: dict[str, list[str]] = {}
    for result in results:
        if result.interval:
            made.setdefault(result.interval, []).append(result.estimator)
    alike = len(made) == 1
    told = [
        f"Intervals{'' if alike else ' of ' + listing(list(dict.fromkeys(names)))}: {how}."
        for how, names in made.items()
    ]
    warned: dict[str, list[str]] = {}
    for result in results:
        for text in result.warnings:
            warned.setdefault(f"{result.term.target.label()}: {text}", []).append(result.estimator)
    told += [f"Warning, {text} ({listing(names)})." for text, names in warned.items()]
    return " ".join(told)


def result_row(output: Output, result: Result) -> tuple[Entry, ...]:
    """Return one result as a row."""
    term = result.term
    whom = [term.target.label(), f"among {term.subgroup}" if term.subgroup else ""]
    whom += [f"at exposure time {term.exposure_time:g}" if term.exposure_time is not None else ""]
    name = f"{result.estimator} (primary)" if result.primary else result.estimator
    return (
        Entry(", ".join(part for part in whom if part)),
        Entry(name),
        value_entry(output, result),
        se_entry(output, result),
        Entry(plain(result.df), numeric=True),
        Entry(ABSENT if result.n is None else whole(result.n), numeric=True),
        Entry(whole(result.clusters) if clustered(result) else ABSENT, numeric=True),
    )


def clustered(result: Result) -> bool:
    """Return whether a variance is of clusters: where a child is its own unit there are none."""
    return result.clusters is not None and result.clusters != result.n


def se_entry(output: Output, result: Result) -> Entry:
    """Return a standard error in the unit of its estimate; of the logarithm for a ratio."""
    if result.se is None:
        return Entry(ABSENT, numeric=True)
    if result.term.scale == "ratio":
        return Entry(f"{number(result.se)} (log)", numeric=True)
    return Entry(number(result.se * unit_of(output.study, result.term).times), numeric=True)


def value_entry(output: Output, result: Result) -> Entry:
    """Return an estimate with its limits, full precision in data attributes."""
    unit = unit_of(output.study, result.term)
    places = None if result.term.scale == "ratio" else places_of(result, unit)
    shown = number(result.value * unit.times, places)
    if result.lo is not None and result.hi is not None:
        low, high = (number(end * unit.times, places) for end in (result.lo, result.hi))
        shown = f"{shown} ({low} to {high})"
    attributes = (
        ("term", term_key(result.term)),
        ("estimator", result.estimator),
        ("role", result.role),
        ("unit", raw_unit(output.study, result.term)),
        ("value", exact(result.value)),
        ("lo", exact(result.lo)),
        ("hi", exact(result.hi)),
        ("level", exact(result.level)),
        ("bounded", bounded(result.lo, result.hi)),
    )
    return Entry(shown, True, attributes)


def exact(value: float | None) -> str:
    """Return a number that reads back as itself; empty where there is none or it is unbounded."""
    return "" if value is None or not math.isfinite(value) else repr(float(value))


def bounded(lo: float | None, hi: float | None) -> str:
    """Return which of two limits are finite: `both`, `above`, `below`, `neither`; `none` where
    there is no interval.
    """
    if lo is None or hi is None:
        return "none"
    names = {(True, True): "both", (False, True): "above", (True, False): "below"}
    return names.get((math.isfinite(lo), math.isfinite(hi)), "neither")


def regions_grid(output: Output) -> list[Part]:
    """Return regions as sets."""
    rows = tuple(region_row(output, item) for item in output.regions)
    columns = ("Leaf", "Outcome", "Contrast", "Target", "Values not rejected", "p", "Method")
    return [Grid("Sets of values not rejected", columns, rows, "regions")] if rows else []


def region_row(output: Output, item: RegionResult) -> tuple[Entry, ...]:
    """Return one region as a row."""
    found = item.region
    parts = [[None if math.isinf(end) else end for end in piece] for piece in found.pieces]
    attributes = (
        ("term", term_key(found.term)),
        ("estimator", item.estimator),
        ("role", "region"),
        ("value", exact(found.value)),
        ("pieces", json.dumps(parts)),
        ("level", exact(found.level)),
    )
    return (
        Entry(item.estimator),
        Entry(found.term.outcome),
        Entry(found.term.words()),
        Entry(region_whom(found.term)),
        Entry(set_words(output.study, found), True, attributes),
        Entry(number(None), numeric=True) if found.p is None else p_entry(found.p),
        Entry(found.method),
    )


def region_whom(term: Term) -> str:
    """Return a region's target, with its subgroup and its time."""
    parts = [term.target.label(), f"among {term.subgroup}" if term.subgroup else ""]
    parts += [f"by {term.horizon:g}" if term.horizon is not None else ""]
    return ", ".join(part for part in parts if part)


def leaves_without(output: Output) -> list[Part]:
    """Return the leaves that found no answer of their own, and why; the target stands."""
    return list(grids([leaf_refusals_table(output)]))


def outcome_grids(output: Output) -> list[Part]:
    """Return outcomes by arm, standardised means and trimmed estimates of answered targets."""
    names = ("outcomes", "means", "trim_estimates")
    shown = [
        part
        for table in output.tables
        if table.name in names
        for part in parted(output, table)
        if part.name == table.name
    ]
    return list(grids(shown))


def extrapolations(output: Output) -> list[Part]:
    """Return what models say of children unlike any that were seen, under that heading only."""
    gone = [
        part
        for table in output.tables
        if table.name in EFFECTS
        for part in parted(output, table)
        if part.name != table.name
    ]
    if not output.extrapolations and not gone:
        return []
    shown = len(output.extrapolations) + sum(len(table.rows) for table in gone)
    parts: list[Part] = [
        Heading("Model extrapolation", "extrapolation"),
        Words(
            f"{counted(shown, 'row')} below, and no answer among them: the target is refused, and "
            "the numbers are a model's word for children unlike any that were seen.",
            "warning",
        ),
        *results_grid(output, output.extrapolations, "Model extrapolation", EXTRAPOLATION),
    ]
    return [*parts, *grids(replace(t, title=f"Model extrapolation: {t.title}") for t in gone)]
