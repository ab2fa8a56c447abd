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
from fingerpost.cohorts.values import Floats
from fingerpost.core.errors import Malformed, Nobody, UsageError
from fingerpost.core.leaves import RecordsMeasure
from fingerpost.core.linked import Linked
from fingerpost.core.study import Study
from fingerpost.engines._parquet import frame
from fingerpost.linkage.given import Given, Side
from fingerpost.outcomes._query import exposure_of
from fingerpost.phenotypes._codelist import find_list, read_list
from fingerpost.records.fields import HOSPITAL_ID
from fingerpost.records.store import Store, open_store
from fingerpost.records.through import CODES
from fingerpost.studies.linked import with_roles
from fingerpost.studies.unlinked import GROUPS, education

CHILD = "child_id"
STUDIED = "in the group studied"
NEITHER = (
    "--study: links are drawn given what a study asks of one day. Where trials repeat or "
    "strategies are sustained over time, link without --study; answers over the spines are then a "
    "sensitivity range."
)
A_TRIAL = (
    "--study: this study draws its arms, so that records do not tell who is in which. Link without "
    "--study."
)
NOTHING = (
    "--study: the study asks nothing that hospitals know, so that links do not matter to it. Run "
    "it on the records of schools."
)


def asked_of(study: Study) -> tuple[str, ...]:
    """Return what links must have been drawn given, for a study over them to hold their error.

    Who is studied, the exposure, each outcome and each covariate, those among it that only options
    of leaves or imputation name, in words that stand in the manifest of spines. A list of codes is
    told by what its file holds, too: another may bear its name. What the package's own names mean
    hangs on its version, which the recipe of spines tells. Raises what `find_list` and `read_list`
    raise, and Malformed for names that no covariate bears.
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
    found = [who, *codes_of(linked), f"exposure: {arms}; by {zero}"]
    found += [f"outcome: {one.name} to the end of Year {linked.until}" for one in study.outcomes]
    found += [f"covariate: {one.name} by {zero}" for one in covariates(with_roles(study))]
    return tuple(found)


def codes_of(linked: Linked) -> Iterator[str]:
    """Yield which list of codes says who is studied, by name and SHA-256; nothing where none does.

    The digest is over the file, and over those beside it to which its flags refer.
    """
    if linked.code_list:
        folder = dict(linked.options).get("folder")
        held = read_list(
            find_list(linked.code_list, folder=None if folder is None else str(folder))
        )
        yield f"{CODES}{linked.code_list}, SHA-256 {held.digest}"


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
        if self.study.trial is not None:
            raise UsageError(A_TRIAL)
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
        held, asked = self.store(spines[0]), self.asked
        measures = measures_of(self.study)
        theirs = self.of_hospitals(held, asked, measures=measures)
        first = self.table(held, tuple(asked.values()), measures=measures)
        parts = [self.paired(spines[0], first)]
        parts += self.others(
            spines[1:],
            tuple(one for one in asked.values() if one.name in theirs),
            measures={name: one for name, one in measures.items() if name in theirs},
        )
        own = [name for name in (*asked, *measures) if name not in theirs]
        return self.joined(rates(first, measures), parts, theirs=theirs, own=own)

    @property
    def asked(self) -> dict[str, LinkedCovariate]:
        """The covariates of the study by name, then the groups by which links are missed."""
        found = {one.name: one for one in covariates(with_roles(self.study))}
        return found | {name: BY_NAME[name] for name in GROUPS if name not in found}

    def of_hospitals(
        self,
        held: Store,
        asked: Mapping[str, LinkedCovariate],
        *,
        measures: Mapping[str, RecordsMeasure],
    ) -> tuple[str, ...]:
        """Return the covariates and outcomes that hospitals know, outcomes last; Malformed where
        records lack what is asked, or hospitals know nothing of it.
        """
        linked = linked_of(self.study)
        refuse_absent(linked, held, asked=tuple(asked.values()), measures=dict(measures))
        refuse_undated(linked, held, asked=tuple(asked.values()))
        theirs = hospitals(held, asked, measures)
        if not theirs and not linked.phenotype and not linked.code_list:
            raise Malformed(NOTHING)
        return theirs

    def others(
        self,
        spines: Sequence[Path],
        asked: tuple[LinkedCovariate, ...],
        *,
        measures: Mapping[str, RecordsMeasure],
    ) -> Iterator[pl.DataFrame]:
        """Yield what hospitals know of the records that the first stand-in leaves out.

        Their stores hold the few children whom they link, and not everyone: nothing is asked here
        but of these records, and every child whom schools hold is in the first already.
        """
        for path in spines:
            few = open_store(self.folder, self.engine, spine=path)
            try:
                table = self.table(few, asked, measures=measures)
            except Nobody:  # of so few: then nothing is known of them
                continue
            yield self.paired(path, table)

    def joined(
        self,
        first: pl.DataFrame,
        parts: Sequence[pl.DataFrame],
        *,
        theirs: Sequence[str],
        own: Sequence[str],
    ) -> Given:
        """Return both sides. first: every child as schools know it, `own` among its columns; parts:
        hospital records, `theirs` among theirs; a record counts as in the first part that has it.
        """
        arms = tuple(name for name, _ in linked_of(self.study).strategies)[1:]
        every = pl.concat(parts, how="diagonal")
        every = every.unique(HOSPITAL_ID, keep="first", maintain_order=True)
        kept = ([STUDIED] if STUDIED in every.columns else []) + list(theirs)
        exposure = {arm: (first[_arms.ARM] == arm).cast(pl.Float64).to_numpy() for arm in arms}
        return Given(
            Side(ids(every[HOSPITAL_ID]), dict(numbers(every, kept))),
            Side(ids(first[CHILD]), exposure | dict(numbers(first, own))),
            arms=arms,
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
