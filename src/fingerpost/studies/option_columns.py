"""Columns that options of leaves name: what they are in the study already, and what that bars."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

from fingerpost.core.errors import nearest
from fingerpost.core.leaves import Estimator, Sensitivity, load, names
from fingerpost.core.study import OutcomeSpec, SensitivitySpec, Study

Fault = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Named:
    """One option of one leaf that names columns, and what it may name.

    room, place: where the leaf stands in the study. value: what the study wrote. apart: never
    covariates; control: not covariates; covariate: nothing but covariates; keys_too: a cluster's
    column too; outcomes_too: other outcomes of the study too, by their names.
    """

    room: str
    place: int
    leaf: str
    option: str
    value: object
    apart: bool = False
    control: bool = False
    covariate: bool = False
    keys_too: bool = False
    outcomes_too: bool = False

    @property
    def mend(self) -> str:
        """What to name instead."""
        if self.covariate:
            return "Name one of the covariates (given)."
        return "Name a column that has no other part in the study."

    @property
    def key(self) -> str:
        """The key of the study that names the columns."""
        return f"{self.room}.{self.leaf}.{self.option}"

    def columns(self, study: Study) -> Iterator[str]:
        """Yield the columns; names of outcomes, where they are allowed, are none."""
        outcomes = {spec.name for spec in study.outcomes} if self.outcomes_too else set()
        yield from (name for name in words_in(self.value) if name not in outcomes)

    def fault(self, name: str, words: str) -> Fault:
        """Return a fault of one name, with its place."""
        return self.room, self.place, f'{self.leaf}: {self.option}: "{name}" {words}'


def named_options(study: Study) -> Iterator[Named]:
    """Yield every option that names columns, of the leaves that there are, in the study's order."""
    said, known = dict(study.options), names("estimators")
    for place, name in enumerate(study.estimators):
        if name not in known or name in study.estimators[:place]:
            continue
        leaf = load("estimators", name, kind=Estimator)
        for option, value in said.get(name, ()):
            if option in leaf.columns:
                yield Named(
                    "estimators",
                    place,
                    name,
                    option,
                    value,
                    apart=option in leaf.apart,
                    covariate=option in leaf.covariates,
                    keys_too=option in leaf.keys_too,
                )
    known = names("sensitivity")
    for place, spec in enumerate(study.sensitivity):
        if spec.leaf not in known:
            continue
        analysis = load("sensitivity", spec.leaf, kind=Sensitivity)
        for option, value in spec.options:
            if option in analysis.columns:
                yield Named(
                    "sensitivity",
                    place,
                    spec.leaf,
                    option,
                    value,
                    control=option in analysis.controls,
                    covariate=option in analysis.covariates,
                    keys_too=option in analysis.keys_too,
                    outcomes_too=option in analysis.outcomes_too,
                )


def words_in(value: object) -> Iterator[str]:
    """Yield every word of an option: itself, or those of a list, or of lists in a list."""
    if isinstance(value, tuple):
        for item in value:
            yield from words_in(item)
    elif not isinstance(value, bool) and isinstance(value, str | int | float):
        yield str(value)


def column_faults(
    study: Study, given: tuple[str, ...] | None = None, *, known: Container[str] | None = None
) -> Iterator[Fault]:
    """Yield (room, place, words) for each column that an option must not name, and each that one
    names twice. given: the covariates once `all_but` is resolved; unless said, the study's. known:
    the columns of the records; of others it is for the reader of the records to say so.
    """
    if given is None and study.all_but is None:
        given = study.given
    for option in named_options(study):
        for name in twice(option.value):
            yield option.fault(name, "is named twice. Name it once.")
        for name in dict.fromkeys(words_in(option.value)):
            words = part_played(study, option, name)
            # Of covariates written out, an analysis's own check says which are none.
            told = option.room == "sensitivity" and study.all_but is None and option.covariate
            if not words and not told and (known is None or name in known):
                words = as_covariate(option, name, given)
            if words:
                yield option.fault(name, words)


def twice(value: object) -> Iterator[str]:
    """Yield each word that one list of an option holds more than once."""
    if isinstance(value, tuple):
        own = [item for item in value if isinstance(item, str)]
        yield from dict.fromkeys(item for item in own if own.count(item) > 1)
        for item in value:
            yield from twice(item)


def part_played(study: Study, option: Named, name: str) -> str:
    """Return what a column is in the study already, where that bars it; an empty string if not."""
    records = study.records
    if name == study.arms.column:
        return f"is the exposure (arms.column). {option.mend}"
    if name == records.unit:
        return f"names the child (records.unit). {option.mend}"
    if name == records.weight:
        return f"is the weight (records.weight). {option.mend}"
    for spec in study.outcomes:
        if words := of_outcome(study, option, name, spec=spec):
            return words
    if option.keys_too or (option.covariate and name in study.given):
        return ""
    for level, column in records.clusters:
        if name == column:
            return (
                f"is the key of the clusters (records.clusters.{level}): numbers or names that "
                f"measure nothing. {option.mend}"
            )
    return ""


def of_outcome(study: Study, option: Named, name: str, *, spec: OutcomeSpec) -> str:
    """Return what a name is to one outcome, where that bars it; an empty string if not.

    An analysis may take another outcome of the study, by its name, where there is another.
    """
    by_name = option.room == "sensitivity" or spec.column in ("", name)
    if name == spec.name and by_name:
        if option.outcomes_too and (len(study.outcomes) > 1 or option.option == "reverse"):
            return ""
        return f"is the outcome of the study (outcomes.{spec.name}). {option.mend}"
    parts = {
        "column": spec.column,
        "exposure": spec.exposure,
        "entry": spec.entry,
        "event": spec.event,
    }
    key = next((key for key, column in parts.items() if column and column == name), None)
    if key is None or any(other.name == name for other in study.outcomes if option.outcomes_too):
        return ""
    return f"is a column of the outcome {spec.name} (outcomes.{spec.name}.{key}). {option.mend}"


def as_covariate(option: Named, name: str, given: tuple[str, ...] | None) -> str:
    """Return the fault of a column that is, or is not, a covariate; an empty string if none."""
    if given is None:
        return ""
    if option.control and name in given:
        return (
            "is a covariate of the study: a control must not be adjusted for. Leave it out of "
            "given, or name another column."
        )
    if option.covariate and name not in given:
        return f"is not a covariate of this study.{nearest(name, given)}"
    return ""


def unwrapped(spec: SensitivitySpec) -> SensitivitySpec:
    """Return an analysis whose options that take one column have it, where a list of one was
    written.
    """
    if spec.leaf not in names("sensitivity"):
        return spec
    alone = load("sensitivity", spec.leaf, kind=Sensitivity).alone
    options = tuple(
        (option, value[0])
        if option in alone and isinstance(value, tuple) and len(value) == 1
        else (option, value)
        for option, value in spec.options
    )
    return replace(spec, options=options)
