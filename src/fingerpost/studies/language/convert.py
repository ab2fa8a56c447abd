"""From the document that was read to the frozen Study that runs."""

from __future__ import annotations

from dataclasses import fields as fields_of
from typing import Any

from fingerpost.core.assignment import Assignment, Observed, Randomised
from fingerpost.core.estimand import Estimand, Target, pair
from fingerpost.core.measure import Measure
from fingerpost.core.model import Models
from fingerpost.core.study import (
    Arms,
    Covariate,
    Guard,
    Imputation,
    OutcomeSpec,
    Records,
    SensitivitySpec,
    Statement,
    Study,
    TableSource,
    Then,
)
from fingerpost.studies.language.access_convert import as_effect, to_access, to_linked
from fingerpost.studies.language.estimands import EstimandPart
from fingerpost.studies.language.form import AgreementPart, Document, GuardPart
from fingerpost.studies.language.linked import read_linked
from fingerpost.studies.language.parts import (
    ArmsPart,
    AssignmentPart,
    CovariatePart,
    ModelsPart,
    OutcomePart,
    PopulationPart,
    RecordsPart,
    SourcePart,
)
from fingerpost.studies.language.rollouts_convert import as_panel, scheduled, to_rollout
from fingerpost.studies.language.terms import EVERY, expand, spelt_out
from fingerpost.studies.language.trials_convert import (
    as_drawn,
    of_stages,
    to_trial,
    with_regimes,
)
from fingerpost.studies.option_columns import unwrapped

IMPUTE = "impute"
UNITS = "units"


def to_study(document: Document) -> Study:
    """Return the Study of a document whose required keys are there."""
    default, access = Study("", ""), to_access(document)
    written = as_panel(as_effect(document))
    document = as_drawn(written)
    arms, notes = to_arms(document.arms)
    trial, asked = to_trial(document), tuple(name for name, _ in document.estimators or ())
    if trial is not None and written.arms is None:
        arms = of_stages(arms, trial, asked)
    assignment, all_but = to_assignment(document.assignment)
    population, words, more = to_population(document.population)
    outcomes, named = to_outcomes(document.outcomes)
    rollout = to_rollout(document)
    missing = document.missing or (IMPUTE if document.imputation else default.missing)
    return Study(
        name=document.study or "",
        question=document.question or "",
        records=to_records(document.records),
        population=population,
        population_words=words,
        arms=arms,
        time_zero=str(document.time_zero or ""),
        follow_up=str(document.follow_up or ""),
        outcomes=outcomes,
        covariates=to_covariates(document.covariates or {}, missing),
        assignment=scheduled(assignment, rollout),
        all_but=all_but,
        estimand=to_estimand(document.estimand or EstimandPart.model_construct(), arms),
        models=to_models(document.models, assignment.given, resolved=all_but is None),
        estimators=asked,
        options=tuple((name, options) for name, options in document.estimators or () if options),
        primary=tuple(document.primary or ()),
        agreement=document.agreement.within if document.agreement else None,
        agreements=to_agreements(document.agreement),
        guard=to_guard(document.guard),
        sensitivity=tuple(unwrapped(SensitivitySpec(*one)) for one in document.sensitivity or ()),
        subgroups=tuple(document.subgroups or ()),
        statement=Statement(**document.statement.model_dump())
        if document.statement
        else Statement(),
        release=document.release.policy if document.release else default.release,
        missing=missing,
        level=default.level if document.level is None else document.level,
        seed=document.seed or default.seed,
        notes=notes + more + named,
        linked=to_linked(read_linked(written).linked, access),
        access=access,
        imputation=to_imputation(document, missing),
        people=people_of(document) or default.people,
        rollout=rollout,
        trial=trial,
    )


def to_imputation(document: Document, missing: str) -> Imputation | None:
    """Return how missing values are imputed; None where nothing asks for it."""
    handled = (part.missing for part in (document.covariates or {}).values())
    part = document.imputation
    if part is None:
        return Imputation() if IMPUTE in (missing, *handled) else None
    return Imputation(
        part.copies, part.cycles, part.outcomes, tuple(part.auxiliary or ()), part.donors
    )


def people_of(document: Document) -> str:
    """Return what reports call those who are studied, empty for children."""
    if document.rollout is not None:
        return UNITS
    return (document.population and document.population.people) or ""


Notes = tuple[tuple[str, str], ...]


def to_agreements(part: AgreementPart | None) -> tuple[tuple[str, float], ...]:
    """Return the distances that count as agreement, by outcome."""
    return tuple((part.by_outcome or {}).items()) if part else ()


def to_records(part: RecordsPart | None) -> Records:
    """Return where the table is."""
    if part is None:
        return Records()
    sources = tuple(to_source(each) for each in part.stack or ())
    if part.table or part.package:
        sources = (to_source(part),)
    return Records(
        sources=sources,
        unit=part.unit,
        clusters=tuple((part.clusters or {}).items()),
        weight=part.weight,
        synthetic=part.synthetic,
        sums=tuple((name, tuple(columns)) for name, columns in (part.sums or {}).items()),
        counts=tuple(
            (name, tuple(one.columns), one.equal) for name, one in (part.counts or {}).items()
        ),
    )


def to_source(part: SourcePart) -> TableSource:
    """Return one table to read."""
    return TableSource(
        path=part.table,
        package=part.package,
        file=part.file,
        table=part.name,
        where=getattr(part, "where", None) or (),
        set=tuple((getattr(part, "set", None) or {}).items()),
    )


def to_population(part: PopulationPart | None) -> tuple[tuple[Any, ...], str, Notes]:
    """Return conditions, words, and what only linked records can use."""
    if part is None:
        return (), "", ()
    linked = tuple(
        (f"population.{key}", str(value))
        for key in ("phenotype", "born", "enrolled", "concern", "new_users")
        if (value := getattr(part, key))
    )
    said = "; ".join(f"{key.split('.')[1]} {value}" for key, value in linked)
    return part.where or (), part.words or said, linked


def to_arms(part: object) -> tuple[Arms, Notes]:
    """Return the exposure; arms of linked records have no column, and their words are kept."""
    if isinstance(part, dict):
        words = tuple((arm, str(said)) for arm, said in part.items())
        named = Arms(levels=tuple((arm, arm) for arm in part), words=words)
        return named, tuple((f"arms.{arm}", said) for arm, said in words)
    if not isinstance(part, ArmsPart):
        return Arms(), ()
    meant = tuple((part.words or {}).items())
    then = None
    if part.then is not None:
        among = next(iter(part.then.among.items()), ("", ""))
        then = Then(part.then.column, part.then.levels, among)
    found = Arms(part.column, part.levels, meant, part.at, part.date, then, part.outside or "")
    return (found if then is None else with_regimes(found)), ()


def to_outcomes(part: object) -> tuple[tuple[OutcomeSpec, ...], Notes]:
    """Return the outcomes; measures of linked records have no column."""
    if isinstance(part, list):
        bare = tuple(OutcomeSpec(one.name, "", measure=one) for one in part)
        said = "a measure of linked records"
        return bare, tuple((f"outcomes.{one.name}", said) for one in part)
    return tuple(to_outcome(name, each) for name, each in part.items()) if isinstance(
        part, dict
    ) else (), ()


def to_outcome(name: str, part: OutcomePart) -> OutcomeSpec:
    """Return one outcome."""
    measure = Measure(
        name,
        title=part.title or "",
        domain=part.domain or "",
        informant=part.informant or "",
        measured_in=part.measured_in or "",
        better=part.better or "",
        important=part.important,
        chosen_by=part.chosen_by or "",
    )
    return OutcomeSpec(
        name,
        part.column,
        part.kind,
        exposure=part.exposure,
        entry=part.entry,
        event=part.event,
        measure=measure,
        at=part.at,
        date=part.date,
    )


def to_covariates(parts: dict[str, CovariatePart], missing: str) -> tuple[Covariate, ...]:
    """Return the covariates of which something was said."""
    return tuple(
        Covariate(name, part.type, part.missing or missing, part.at, part.label or "")
        for name, part in parts.items()
    )


def to_assignment(part: AssignmentPart | None) -> tuple[Assignment, tuple[str, ...] | None]:
    """Return who assigned the arms, and the columns of `all_but` where that is how it was said."""
    if part is not None and part.observed is not None:
        given, all_but = part.observed.given or ((), None)
        return Observed(given, cluster=part.observed.cluster), all_but
    if part is None or part.randomised is None:
        return Observed(), None
    drawn = part.randomised
    given, all_but = drawn.given or ((), None)
    # A draw of children has no level above the child at which variance is taken.
    unit = None if drawn.unit == "child" else drawn.unit
    strata = tuple(drawn.strata or ())
    made = Randomised(drawn.design, unit=unit, given=given, strata=strata, level=drawn.cluster)
    return made, all_but


def to_models(part: ModelsPart | None, given: tuple[str, ...], *, resolved: bool) -> Models:
    """Return the working models; `linear` stays a placeholder until the covariates are known."""
    if part is None:
        return Models()
    exposure, outcome = part.exposure, part.outcome.terms if part.outcome else None
    censoring = part.censoring
    if resolved:
        exposure, outcome = expand(exposure, given), expand(outcome, given)
        censoring = spelt_out(censoring, given)
    elif exposure == (EVERY,) or outcome == (EVERY,):
        exposure = None if exposure == (EVERY,) else exposure
        outcome = None if outcome == (EVERY,) else outcome
    interactions = tuple((part.outcome.interactions if part.outcome else None) or ())
    by_arm = part.outcome.by_arm if part.outcome else None
    by_arm = not interactions if by_arm is None else by_arm
    return Models(exposure, outcome, by_arm, interactions, part.firth, censoring)


def to_estimand(part: EstimandPart, arms: Arms) -> Estimand:
    """Return what is asked; without a contrast, each other arm v the first."""
    contrasts = [part.contrast] if part.contrast else part.contrasts
    if contrasts is None:
        drawn = [arm for arm in arms.names if arm != arms.outside]
        contrasts = [pair(arm, drawn[0]) for arm in drawn[1:]]
    return Estimand(
        contrasts=tuple(dict.fromkeys(contrasts)),
        targets=tuple(dict.fromkeys(part.target or (Target("ate"),))),
        scale=part.scale,
        summary=part.summary,
        horizons=tuple(dict.fromkeys(part.horizon or ())),
        subgroups=tuple(dict.fromkeys(part.subgroups or ())),
        exposures=tuple(dict.fromkeys(part.exposure or ())),
    )


def to_guard(part: GuardPart | None) -> Guard:
    """Return the thresholds, with the names of those that differ from the defaults."""
    if part is None:
        return Guard()
    said: dict[str, float] = {}
    for verdict in ("refuse", "warn"):
        inner = getattr(part, verdict)
        if inner is not None:
            said |= {f"{verdict}_{key}": value for key, value in inner.model_dump().items()}
    said["outside_below"] = part.outside_below  # type: ignore[assignment]
    default = Guard()
    known = {each.name for each in fields_of(Guard)}
    changed = {
        name: value
        for name, value in said.items()
        if name in known and value is not None and value != getattr(default, name)
    }
    return Guard(**changed, overrides=tuple(changed))
