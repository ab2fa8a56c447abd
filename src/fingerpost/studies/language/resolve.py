"""A study set beside the columns of its records: names checked, `all_but` spelled out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fingerpost.core.errors import Malformed, nearest
from fingerpost.core.headers import refuse_strange
from fingerpost.core.study import Covariate, Study
from fingerpost.studies.language.terms import EVERY, expand, spelt_out
from fingerpost.studies.option_columns import column_faults, named_options


def resolve(study: Study, columns: tuple[str, ...]) -> Study:
    """Return the study with `given`, models and covariates spelled out for these columns.

    columns: of the records, in order. `all_but` becomes every column except the child, clusters,
    weight, exposure, the outcomes' own columns and those listed, in the records' order. Every
    covariate of `given` gets an entry in `covariates`.

    Raises Malformed with every name that the records do not have, and its nearest match.
    """
    if study.arms.column is None:
        raise Malformed(
            "arms: no column: this study is written for linked records. On one table write "
            "arms: {column: NAME, levels: {0: none, 1: support}} and give every outcome a column."
        )
    known = set(columns)
    refuse_strange([name for _, name in named(study)], columns)
    faults = [
        f"{path}: {absent(study, name, columns)}"
        for path, name in dict.fromkeys(named(study))
        if name not in known
    ]
    given = study.given
    if study.all_but is not None:
        apart = (column for _, column, apart in option_columns(study) if apart)
        taken = {*study.all_but, *reserved(study), *apart}
        given = tuple(name for name in columns if name not in taken)
        faults.extend(outside(study, given))
        if not given:
            faults.append("assignment.given: all_but leaves no covariate. Name fewer columns.")
    faults.extend(f"{room}: {words}" for room, _, words in column_faults(study, given, known=known))
    if faults:
        raise Malformed(dict.fromkeys(faults))
    return replace(
        study,
        assignment=replace(study.assignment, given=given),
        all_but=None,
        covariates=every_covariate(study, given),
        models=replace(
            study.models,
            exposure=expand(study.models.exposure, given),
            outcome=expand(study.models.outcome, given),
            censoring=spelt_out(study.models.censoring, given),
        ),
        roles=roles(study, given),
    )


def absent(study: Study, name: str, columns: tuple[str, ...]) -> str:
    """Return what is wrong with a name that no column of the records bears."""
    spec = next((spec for spec in study.outcomes if spec.name == name), None)
    if spec is not None and spec.column != name:
        return (
            f'"{name}" is an outcome of the study, not a column of the records (its column is '
            f'"{spec.column}").'
        )
    return f'there is no column "{name}" in the records.{nearest(name, columns)}'


def reserved(study: Study) -> Iterator[str]:
    """Yield the columns that have another part to play than that of a covariate."""
    records, arms = study.records, study.arms
    yield from (column for _, column in records.clusters)
    alone = (records.unit, records.weight, arms.column, arms.date)
    yield from (name for name in alone if name is not None)
    for spec in study.outcomes:
        own = (spec.column, spec.exposure, spec.entry, spec.event, spec.date)
        yield from (name for name in own if name)


def named(study: Study) -> Iterator[tuple[str, str]]:
    """Yield every column that the study names, with the key that names it."""
    for name in reserved(study):
        yield place(study, name), name
    for condition in study.population:
        yield "population", condition.column
    for name in (*study.given, *(study.all_but or ())):
        yield "assignment.given", name
    if not study.assignment.randomised:
        strata: tuple[str, ...] = ()
    else:
        strata = getattr(study.assignment, "strata", ())
    for name in strata:
        yield "assignment.randomised.strata", name
    for covariate in study.covariates:
        yield "covariates", covariate.name
    for name in study.subgroups:
        yield "subgroups", name
    for path, terms in study.models.declared():
        for term in terms:
            yield from ((f"models.{path}", name) for name in term.names if term != EVERY)
    for name in study.estimand.subgroups:
        yield "estimand.subgroups", name
    yield from ((key, column) for key, column, _ in option_columns(study))
    yield from (("imputation.auxiliary", name) for name in auxiliary(study))


def option_columns(study: Study) -> Iterator[tuple[str, str, bool]]:
    """Yield (key, column, apart) of every column that an option of a leaf names; apart: whether it
    is never a covariate.
    """
    for option in named_options(study):
        yield from ((option.key, column, option.apart) for column in option.columns(study))


def roles(study: Study, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that options of leaves, or imputation, name and that are no covariates."""
    columns = (*(column for _, column, _ in option_columns(study)), *auxiliary(study))
    return tuple(dict.fromkeys(column for column in columns if column not in given))


def auxiliary(study: Study) -> tuple[str, ...]:
    """Return the columns that only imputation models use."""
    return () if study.imputation is None else study.imputation.auxiliary


def place(study: Study, name: str) -> str:
    """Return the key under which a reserved column stands."""
    records = study.records
    keys = {records.unit: "records.unit", records.weight: "records.weight"}
    keys |= {column: f"records.clusters.{level}" for level, column in records.clusters}
    keys |= {study.arms.date: "arms.date", study.arms.column: "arms.column"}
    if name in keys:
        return keys[name]
    return next(
        f"outcomes.{spec.name}"
        for spec in study.outcomes
        if name in (spec.column, spec.exposure, spec.entry, spec.event, spec.date)
    )


def outside(study: Study, given: tuple[str, ...]) -> Iterator[str]:
    """Yield a fault for each model term that uses a column which `all_but` leaves out."""
    for path, terms in study.models.declared():
        for term in terms:
            for name in term.names:
                if term != EVERY and name not in given:
                    yield f'models.{path}: "{name}" is not in given: all_but leaves it out.'
    for name in study.models.interactions:
        if name not in given:
            near = nearest(name, given)
            yield f'models.outcome.interactions: "{name}" is not in given.{near}'


def every_covariate(study: Study, given: tuple[str, ...]) -> tuple[Covariate, ...]:
    """Return one entry a covariate of `given`, in order, then those declared besides."""
    declared = {each.name: each for each in study.covariates}
    first = [declared.get(name, Covariate(name, missing=study.missing)) for name in given]
    return (*first, *(each for name, each in declared.items() if name not in given))
