"""What a study asks of hospitals and of schools, for links that are drawn given it.

Schools' values are read of every child; hospitals' through stand-in spines that between them link
each hospital record with some child it may be. Calendars are then those of that child, which
candidates for one record share but for a few days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.linked import _arms
from fingerpost.cohorts.linked._covered import Reaches
from fingerpost.cohorts.linked._eligible import own_names
from fingerpost.cohorts.linked.covariates import BY_NAME, LinkedCovariate
from fingerpost.cohorts.linked.flatten import (
    covariates,
    linked_of,
    measures_of,
    refuse_absent,
    refuse_undated,
    trial,
)
from fingerpost.core.errors import Malformed, Nobody, UsageError
from fingerpost.core.leaves import RecordsMeasure
from fingerpost.core.study import Study
from fingerpost.engines._parquet import frame
from fingerpost.linkage.given import Given, Side
from fingerpost.outcomes._query import exposure_of
from fingerpost.records.fields import HOSPITAL_ID
from fingerpost.records.store import Store, open_store
from fingerpost.studies.unlinked import GROUPS, education

Floats = NDArray[np.float64]
CHILD = "child_id"
STUDIED = "in the group studied"
NEITHER = (
    "--study: links are drawn given what a study asks of one day. Where trials repeat or "
    "strategies are sustained over time, link without --study; answers over the spines are then a "
    "sensitivity range."
)


def asked_of(study: Study) -> tuple[str, ...]:
    """Return what links must have been drawn given, for a study over them to hold their error.

    Who is studied, the exposure, each outcome and each covariate, in words that stand in the
    manifest of spines.
    """
    linked = linked_of(study)
    arms = " / ".join(f"{name}: {one.words}" for name, one in linked.strategies)
    zero = linked.zero.words()
    born = "any month" if linked.born is None else " to ".join(linked.born)
    group = linked.code_list or linked.phenotype or "all"
    parts = [group, *linked.groups, *(f"{name}={value}" for name, value in linked.options)]
    who = f"children: {', '.join(parts)}; born {born}; {linked.school}"
    who += "; with a concern" if linked.concern else ""
    who += "; newly provided for" if linked.only_new else ""
    found = [who, f"exposure: {arms}; by {zero}"]
    found += [f"outcome: {one.name} to the end of Year {linked.until}" for one in study.outcomes]
    found += [f"covariate: {one.name} by {zero}" for one in covariates(study)]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class StudyGiven:
    """A study over a folder of records, as links are drawn given it. engine: of the records."""

    study: Study
    folder: Path
    engine: str = "duckdb"

    @property
    def names(self) -> tuple[str, ...]:
        """What links are drawn given; UsageError for a study that they cannot be."""
        linked = linked_of(self.study)
        if linked.through is not None or linked.zero.repeated or self.study.access is not None:
            raise UsageError(NEITHER)
        return asked_of(self.study)

    @property
    def digest(self) -> str:
        """SHA-256 of the records."""
        return self.store().digest

    def store(self, spine: Path | None = None) -> Store:
        """Return the records, with every child whom schools hold."""
        every = tuple(own_names(linked_of(self.study)))
        return open_store(self.folder, self.engine, spine=spine, everyone=every)

    def read(self, spines: Sequence[Path]) -> Given:
        """Return the values. spines: stand-ins that link each hospital record at least once.

        Raises Malformed where records lack what the study needs, or hospitals know nothing of it.
        """
        linked = linked_of(self.study)
        asked = {one.name: one for one in covariates(self.study)}
        asked |= {name: BY_NAME[name] for name in GROUPS if name not in asked}
        measures, held = measures_of(self.study), self.store(spines[0])
        refuse_absent(linked, held, asked=tuple(asked.values()), measures=measures)
        refuse_undated(linked, held, asked=tuple(asked.values()))
        theirs = hospitals(held, asked, measures)
        if not theirs and not linked.phenotype and not linked.code_list:
            raise Malformed(
                "--study: the study asks nothing that hospitals know, so that links do not matter "
                "to it. Run it on the records of schools."
            )
        first = self.table(held, tuple(asked.values()), measures=measures)
        parts = [self.paired(spines[0], first)]
        asked_there = tuple(one for one in asked.values() if one.name in theirs)
        counted_there = {name: one for name, one in measures.items() if name in theirs}
        for path in spines[1:]:  # the few whom the first leaves out
            few = open_store(self.folder, self.engine, spine=path)
            try:
                table = self.table(few, asked_there, measures=counted_there)
            except Nobody:  # of so few: then nothing is known of them
                continue
            parts.append(self.paired(path, table))
        arms = tuple(name for name, _ in linked.strategies)
        every = pl.concat(parts, how="diagonal")
        every = every.unique(HOSPITAL_ID, keep="first", maintain_order=True)
        kept = ([STUDIED] if STUDIED in every.columns else []) + list(theirs)
        own = [name for name in (*asked, *measures) if name not in theirs]
        exposure = {arm: (first[_arms.ARM] == arm).cast(pl.Float64).to_numpy() for arm in arms[1:]}
        return Given(
            Side(ids(every[HOSPITAL_ID]), dict(numbers(every, kept))),
            Side(ids(first[CHILD]), exposure | dict(numbers(rates(first, measures), own))),
            arms=arms[1:],
        )

    def table(
        self,
        store: Store,
        asked: tuple[LinkedCovariate, ...],
        *,
        measures: Mapping[str, RecordsMeasure],
    ) -> pl.DataFrame:
        """Return every child of the study's schools, whatever their health, with what is asked."""
        schools = education(linked_of(self.study))
        found = trial(schools, Reaches(store), asked=asked, measures=dict(measures))
        return found.table.with_columns(pl.col(CHILD).cast(pl.String))

    def paired(self, spine: Path, table: pl.DataFrame) -> pl.DataFrame:
        """Return what is known of the children whom a spine links, by hospital record."""
        linked = linked_of(self.study)
        if linked.phenotype or linked.code_list:
            table = table.with_columns(self.studied(spine, table))
        pairs = frame(spine, [HOSPITAL_ID, CHILD]).cast(pl.String)
        return pairs.join(table, on=CHILD, how="inner", maintain_order="left")

    def studied(self, spine: Path, table: pl.DataFrame) -> pl.Series:
        """Return of each child whether through this spine it is in the group studied."""
        linked = linked_of(self.study)
        store = open_store(self.folder, self.engine, spine=spine)
        found = trial(linked, Reaches(store), asked=(), measures={}).table
        inside = found[CHILD].cast(pl.String).implode()
        return table[CHILD].is_in(inside).cast(pl.Float64).alias(STUDIED)


def hospitals(
    held: Store, asked: Mapping[str, LinkedCovariate], measures: Mapping[str, RecordsMeasure]
) -> tuple[str, ...]:
    """Return the covariates and outcomes that are read from hospitals' tables, outcomes last."""
    found = [name for name, one in asked.items() if one.table and held.by_hospital(one.table)]
    found += [
        name for name, one in measures.items() if any(held.by_hospital(t) for t in one.tables)
    ]
    return tuple(found)


def rates(table: pl.DataFrame, measures: Mapping[str, RecordsMeasure]) -> pl.DataFrame:
    """Return a table with schools' counts as shares of what could be counted."""
    for name, one in measures.items():
        exposure = exposure_of(name, one)
        if exposure is not None:
            table = table.with_columns(pl.col(name) / pl.col(exposure))
    return table


def ids(column: pl.Series) -> NDArray[np.str_]:
    """Return identifiers as text."""
    return np.asarray(column.cast(pl.String).to_numpy(), dtype=np.str_)


def numbers(table: pl.DataFrame, names: Sequence[str]) -> Iterator[tuple[str, Floats]]:
    """Yield columns as numbers, NaN where not known: labels as a flag for each but the first."""
    for name in names:
        column = table[name]
        if column.dtype.is_numeric() or column.dtype == pl.Boolean:
            value = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
            yield name, np.where(np.isfinite(value), value, np.nan)
            continue
        text = column.cast(pl.String)
        for level in sorted(text.drop_nulls().unique().to_list())[1:]:
            flag = (text == level).cast(pl.Float64).fill_null(np.nan)
            yield f"{name} {level}", flag.to_numpy()
