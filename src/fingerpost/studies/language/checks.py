"""What must hold between the parts of a document, all of it checked before any record is read."""

from __future__ import annotations

from fingerpost.core.errors import listed, nearest
from fingerpost.core.estimand import PANEL_TARGETS
from fingerpost.core.leaves import RecordsMeasure, load, names
from fingerpost.core.moment import moment
from fingerpost.core.study import OutcomeSpec, Scalar, Study
from fingerpost.studies.language.access import KIND, REQUIRED_ACCESS
from fingerpost.studies.language.access_checks import check_access
from fingerpost.studies.language.access_convert import as_effect
from fingerpost.studies.language.faults import FaultList
from fingerpost.studies.language.form import REQUIRED, Document
from fingerpost.studies.language.linked_checks import check_linked
from fingerpost.studies.language.parts import ArmsPart, OutcomePart, SourcePart
from fingerpost.studies.language.rollouts import REQUIRED_ROLLOUT
from fingerpost.studies.language.rollouts_checks import check_rollout, names_records
from fingerpost.studies.language.terms import EVERY
from fingerpost.studies.language.trials import REQUIRED_TRIAL
from fingerpost.studies.language.trials_checks import analysed, check_trial
from fingerpost.studies.plan import option_faults

LOGARITHMS = "logarithms of ratios"


def check(document: Document, study: Study, *, broken: set[str], faults: FaultList) -> None:
    """Note every fault between parts; parts that could not be read are passed over."""
    fields = Document.model_fields
    unread = [key for key in ("rollout", "trial") if key in broken and not getattr(document, key)]
    for key in required_of(unread[0], document) if unread else required(document):
        if key not in broken and getattr(document, key) in (None, {}, []):
            faults.add(key, f"is missing. It says: {fields[key].description}")
    if unread:
        # Of a roll-out or a trial that could not be read, what hangs on it would be a fault that is
        # none.
        return
    if document.kind == KIND:
        check_access(as_effect(document), study, faults, said=set(faults.tree))
        return
    if document.rollout is not None:
        check_rollout(document, study, faults, said=set(faults.tree))
        check_records(document, faults)
        check_outcomes(document, faults)
        check_leaves(study, faults)
        check_agreement(document, study, faults)
        check_primary(document, study, faults, broken=broken)
        return
    if document.trial is not None:
        check_trial(document, study, faults)
        if not analysed(document):
            return
    if document.access is not None:
        faults.add("access", f"belongs to studies of kind {KIND}. Write kind: {KIND}.")
    check_records(document, faults)
    check_arms(document, study, faults)
    check_assignment(document, study, faults)
    check_outcomes(document, faults)
    check_columns(document, study, faults)
    check_times(document, faults)
    check_models(study, faults)
    check_estimand(document, study, faults)
    check_leaves(study, faults)
    check_options(study, faults, broken=broken)
    check_linked(document, study, faults)
    check_agreement(document, study, faults)
    check_primary(document, study, faults, broken=broken)


def required_of(unread: str, document: Document) -> tuple[str, ...]:
    """Return the keys that a document must have whose roll-out or trial could not be read."""
    if unread == "rollout":
        return REQUIRED_ROLLOUT
    return tuple(key for key in REQUIRED if key != "arms") if analysed(document) else REQUIRED_TRIAL


def required(document: Document) -> tuple[str, ...]:
    """Return the keys that a document of its kind must have."""
    if document.rollout is not None:
        return REQUIRED_ROLLOUT
    if document.trial is not None and not analysed(document):
        return REQUIRED_TRIAL
    if document.trial is not None and document.trial.arms:
        return tuple(key for key in REQUIRED if key != "arms")
    return REQUIRED_ACCESS if document.kind == KIND else REQUIRED


def check_primary(document: Document, study: Study, faults: FaultList, *, broken: set[str]) -> None:
    """Primary estimators are among the estimators."""
    chosen = tuple(dict.fromkeys(study.estimators))
    if document.primary and "estimators" not in broken:
        for name in document.primary:
            if name not in study.estimators:
                faults.add("primary", unknown(name, "among the estimators", chosen))


def unknown(name: str, what: str, allowed: tuple[str, ...]) -> str:
    """Return the fault of a name that is not among the allowed ones."""
    menu = f" Allowed: {listed(allowed)}." if allowed else ""
    return f'"{name}" is not {what}.{menu}{nearest(name, allowed)}'


def check_agreement(document: Document, study: Study, faults: FaultList) -> None:
    """Distances are of outcomes that exist; one for all makes sense on one scale only: logarithms
    of ratios, or one unit.
    """
    if document.agreement is None:
        return
    if (study.agreement is None) == (not study.agreements):
        faults.add("agreement", "needs one of within: NUMBER and by_outcome: {outcome: NUMBER}.")
        return
    known = tuple(spec.name for spec in study.outcomes)
    for name, _ in study.agreements:
        if name not in known:
            faults.add("agreement.by_outcome", unknown(name, "an outcome", known))
    units = {apart_in(study, spec): spec.name for spec in study.outcomes}
    if study.agreement is not None and len(units) > 1:
        told = ", ".join(f"{name}: …" for name in known)
        unlike = "; ".join(f"{name} in {unit}" for unit, name in units.items())
        faults.add(
            "agreement.within",
            f"{study.agreement:g} is one distance for outcomes of {len(units)} units ({unlike}). "
            f"Write by_outcome: {{{told}}} in its place.",
        )


def apart_in(study: Study, spec: OutcomeSpec) -> str:
    """Return in what answers on an outcome lie apart: logarithms of ratios, or the unit of the
    outcome, which of a measure of linked records its leaf declares.
    """
    scale, unit = spec.scale, spec.measure.measured_in
    if study.linked is not None and spec.name in names("outcomes"):
        leaf = load("outcomes", spec.name, kind=RecordsMeasure)
        scale, unit = leaf.scale, leaf.measured_in
    return LOGARITHMS if (scale or study.estimand.scale) == "ratio" else unit or spec.name


def check_records(document: Document, faults: FaultList) -> None:
    """One place for the table, said whole."""
    part = document.records
    if part is None or not names_records(document):
        return
    ways = [
        way
        for way, said in (("table", part.table), ("package", part.package), ("stack", part.stack))
        if said
    ]
    if len(ways) > 1:
        faults.add(
            "records", f"{listed(ways).replace(' or ', ' and ')} are given together. Keep one."
        )
    if not ways:
        faults.add(
            "records", "names no table. Write table: file.csv, or package and file, or stack."
        )
    check_source(part, "records", (), faults=faults)
    for number, each in enumerate(part.stack or ()):
        way = ("records", "stack", number)
        check_source(each, "records.stack", way, faults=faults)
        if not each.table and not each.package:
            faults.add(
                "records.stack", "one of the tables has neither table nor package and file.", at=way
            )
        if each.table and each.package:
            faults.add("records.stack", "table and package are both given. Keep one.", at=way)


def check_source(
    part: SourcePart, path: str, way: tuple[int | str, ...], *, faults: FaultList
) -> None:
    """A package comes with a file; a table's name belongs to a DuckDB file."""
    if bool(part.package) != bool(part.file):
        absent = "file" if part.package else "package"
        faults.add(path, f"{absent} is missing: package and file are given together.", at=way)
    file = part.table or part.file or ""
    if part.name and not file.endswith((".duckdb", ".db", ".ddb")):
        faults.add(
            f"{path}.name",
            "is for DuckDB files (.duckdb, .db) only. Leave it out.",
            at=(*way, "name") if way else (),
        )


def check_arms(document: Document, study: Study, faults: FaultList) -> None:
    """Two arms or more, and words for arms that exist."""
    arms = study.arms
    if document.arms is None:
        return
    if len(arms.names) < 2:
        faults.add(
            "arms.levels" if arms.column else "arms",
            "needs two arms or more; "
            f"{len(arms.names)} found. Write levels: {{0: none, 1: services}}.",
        )
    if arms.column is None:
        if names_records(document):
            faults.add(
                "arms",
                "has no column, but records is one table. Write {column: F5SPECS, "
                "levels: {0: none, 1: services}}.",
            )
        return
    then = () if arms.then is None else (*arms.firsts, *arms.then.names)
    for arm, _ in arms.words:
        if arm not in (*arms.names, *then):
            faults.add(
                f"arms.words.{arm}", unknown(arm, "an arm", arms.names), at=("arms", "words", arm)
            )
    check_then(document, study, faults)
    if arms.outside and arms.outside not in arms.firsts:
        faults.add("arms.outside", unknown(arms.outside, "an arm", arms.firsts))
    if arms.outside and arms.then is not None:
        faults.add("arms.outside", "does not go with then. Leave one of them out.")


def check_then(document: Document, study: Study, faults: FaultList) -> None:
    """A second draw of two or more, among children told by one column, of a trial."""
    part, arms = document.arms, study.arms
    if arms.then is None or not isinstance(part, ArmsPart) or part.then is None:
        return
    if len(arms.firsts) < 2:
        faults.add("arms.levels", "needs two arms or more, of the first draw.")
    if len(arms.then.names) < 2:
        faults.add("arms.then.levels", "needs two or more. Write levels: {0: go on, 1: more}.")
    if len(part.then.among) != 1:
        faults.add(
            "arms.then.among", "takes one column and its value: {responded: 0}.", at=("arms",)
        )
    columns = (arms.column, arms.then.column, arms.then.among[0])
    if len(set(columns)) < len(columns):
        faults.add(
            "arms.then", "the first draw, the second and among need a column each.", at=("arms",)
        )
    if not study.assignment.randomised:
        faults.add("arms.then", "is of a trial. Write assignment: {randomised: {design: smart}}.")
    if study.imputation is not None:
        faults.add("arms.then", "does not go with imputation. Leave imputation out.")


def check_assignment(document: Document, study: Study, faults: FaultList) -> None:
    """Exactly one way of assignment, at a level that exists."""
    part = document.assignment
    if part is None:
        return
    if (part.observed is None) == (part.randomised is None):
        faults.add(
            "assignment",
            "needs exactly one of observed: {given: [...]} and randomised: {design: simple}.",
        )
        return
    levels = tuple(level for level, _ in study.records.clusters)
    way = "assignment.observed.cluster" if part.observed else "assignment.randomised.unit"
    if study.cluster is not None and document.records is not None and study.cluster not in levels:
        menu = unknown(study.cluster, "a level of records.clusters", levels)
        faults.add(
            way, menu if levels else f"{menu} Declare it: clusters: {{{study.cluster}: COLUMN}}."
        )
    if part.randomised is not None:
        designs = tuple(dict.fromkeys(("simple", *names("designs"))))
        if part.randomised.design not in designs:
            faults.add(
                "assignment.randomised.design", unknown(part.randomised.design, "a design", designs)
            )
    if part.observed is not None and part.observed.given is None:
        said = type(part.observed).model_fields["given"].description
        faults.add("assignment.observed.given", f"is missing. It says: {said}")
    base = "assignment.observed.given" if part.observed else "assignment.randomised.given"
    for name in sorted({name for name in study.given if study.given.count(name) > 1}):
        faults.add(base, f'"{name}" is named twice.')


def check_outcomes(document: Document, faults: FaultList) -> None:
    """Columns that belong to one kind of outcome only."""
    parts: object = document.outcomes
    if not isinstance(parts, dict):
        return
    for name, part in parts.items():
        base = ("outcomes", name)
        if part.exposure and part.kind != "count":
            faults.add(
                f"outcomes.{name}.exposure",
                f"person-time belongs to kind count; this is {part.kind}.",
                at=(*base, "exposure"),
            )
        for key in ("entry", "event"):
            if getattr(part, key) and part.kind != "time":
                faults.add(
                    f"outcomes.{name}.{key}",
                    f"belongs to kind time; this is {part.kind}.",
                    at=(*base, key),
                )
        if part.kind == "time" and not part.event:
            faults.add(
                f"outcomes.{name}",
                "kind time needs event: the column that is 1 where the event was seen.",
                at=base,
            )


def check_columns(document: Document, study: Study, faults: FaultList) -> None:
    """No column with two parts to play that would undo the comparison."""
    base = f"assignment.{'randomised' if study.assignment.randomised else 'observed'}.given"
    exposure = study.arms.column
    outcomes = {spec.column: spec.name for spec in study.outcomes if spec.column}
    for name in study.given:
        if name == exposure:
            faults.add(base, f'"{name}" is the exposure (arms.column). Leave it out of given.')
        if name in outcomes:
            faults.add(base, f'"{name}" is the column of outcome {outcomes[name]}. Leave it out.')
        if name == study.records.unit:
            faults.add(base, f'"{name}" names the child (records.unit). Leave it out of given.')
        if name == study.records.weight:
            faults.add(base, f'"{name}" is the weight (records.weight). Leave it out of given.')
    for column, name in outcomes.items():
        if column == exposure:
            faults.add(
                f"outcomes.{name}.column",
                f'"{column}" is the exposure (arms.column).',
                at=("outcomes", name, "column"),
            )
    for each in study.covariates:
        if each.name == exposure:
            faults.add(
                "covariates",
                f'"{each.name}" is the exposure (arms.column), not a covariate.',
                at=("covariates", each.name),
            )
        if each.name in outcomes:
            faults.add(
                "covariates",
                f'"{each.name}" is the column of outcome {outcomes[each.name]}, not a covariate.',
                at=("covariates", each.name),
            )


def check_times(document: Document, faults: FaultList) -> None:
    """Covariates not after the exposure, outcomes not before it."""
    if not isinstance(document.arms, ArmsPart) or document.arms.at is None:
        return
    zero = document.arms.at
    if moment(zero) is None:
        faults.add("arms.at", f'"{zero}" cannot be ordered. Write a number or a date (2002-09-01).')
        return
    parts: object = document.outcomes
    for name, part in parts.items() if isinstance(parts, dict) else ():
        way = ("outcomes", name, "at")
        compare(part, zero, faults=faults, way=way)
    for name, covariate in (document.covariates or {}).items():
        compare(covariate, zero, faults=faults, way=("covariates", name, "at"))


def compare(part: object, zero: Scalar, *, faults: FaultList, way: tuple[str, str, str]) -> None:
    """Note an outcome before, or a covariate after, the exposure."""
    at: Scalar | None = getattr(part, "at", None)
    if at is None:
        return
    path = ".".join(way)
    own, other = moment(at), moment(zero)
    if own is None or other is None or own.kind != other.kind:
        faults.add(
            path,
            f'"{at}" cannot be set beside arms.at ("{zero}"). Write both as numbers or '
            "both as dates.",
            at=way,
        )
        return
    if isinstance(part, OutcomePart) and own.before(other):
        faults.add(
            path,
            f"outcome before exposure: measured at {at}, the arms at {zero}. An outcome "
            "comes after what is to change it.",
            at=way,
        )
    if not isinstance(part, OutcomePart) and other.before(own):
        faults.add(
            path,
            f"covariate after exposure: measured at {at}, the arms at {zero}. It could "
            "be an effect of the arm. Leave it out of given.",
            at=way,
        )


def check_models(study: Study, faults: FaultList) -> None:
    """Terms use covariates of `given` only, and numbers where a number is needed."""
    if study.all_but is None:
        check_terms(study, faults)
    if study.models.by_arm and study.models.interactions:
        faults.add(
            "models.outcome.by_arm",
            "true gives every covariate its own slope in each arm; "
            "interactions are for one pooled model. Leave one of the two out.",
        )


def check_terms(study: Study, faults: FaultList) -> None:
    """Note terms that use what is not in `given`."""
    categorical = {each.name for each in study.covariates if each.kind == "categorical"}
    for name, terms in study.models.declared():
        path = f"models.{name}"
        for term in terms:
            if term == EVERY:
                continue
            for factor in term.factors:
                if factor.name not in study.given:
                    faults.add(path, not_given(term.words(), factor.name, study.given))
                if factor.kind != "plain" and factor.name in categorical:
                    faults.add(
                        path,
                        f'"{factor.words()}" needs numbers, and {factor.name} is '
                        "categorical. Use it plain.",
                    )
    for name in study.models.interactions:
        if name not in study.given:
            faults.add("models.outcome.interactions", not_given(name, name, study.given))


def not_given(term: str, name: str, given: tuple[str, ...]) -> str:
    """Return the fault of a term whose covariate is not in `given`."""
    used = "is" if term == name else f'uses "{name}", which is'
    return f'"{term}" {used} not in given. Add it to given or leave it out.{nearest(name, given)}'


def check_estimand(document: Document, study: Study, faults: FaultList) -> None:
    """Contrasts and targets name arms that exist."""
    part = document.estimand
    if part is None or not study.arms.names:
        return
    if part.contrast and part.contrasts:
        faults.add("estimand", "contrast and contrasts are both given. Keep one.")
    key = "contrast" if part.contrast else "contrasts"
    for contrast in study.estimand.contrasts:
        arms = [arm for arm, _ in contrast]
        if arms[0] == arms[1]:
            faults.add(f"estimand.{key}", f'"{arms[0]}" is compared with itself. Name two arms.')
        for arm in dict.fromkeys(arms):
            if arm not in study.arms.names:
                faults.add(f"estimand.{key}", unknown(arm, "an arm", study.arms.names))
    if any(len(contrast) > 2 for contrast in study.estimand.contrasts):
        for target in study.estimand.targets:
            if target.kind in ("att", "atu"):
                faults.add(
                    "estimand.target",
                    f"{target.kind} is of two arms, and a contrast weighs more. Write "
                    "{received: arm} for the arm that is meant.",
                )
    weighed = [c for c in study.estimand.contrasts if {abs(w) for _, w in c} != {1.0} or len(c) > 2]
    if weighed and study.estimand.scale == "ratio":
        faults.add(
            "estimand.scale",
            "ratio is of two arms ([support, none]); a contrast that weighs arms is a difference. "
            "Write scale: difference, or contrasts of two arms.",
        )
    for target in study.estimand.targets:
        if target.kind in PANEL_TARGETS:
            faults.add("estimand.target", f'"{target.kind}" is of roll-outs (rollout: …).')
    if study.estimand.exposures:
        faults.add("estimand.exposure", "is of roll-outs (rollout: …). Leave it out.")
    for name in study.estimand.subgroups:
        if name == study.arms.column:
            faults.add("estimand.subgroups", f'"{name}" is the exposure (arms.column).')
    for target in study.estimand.targets:
        if target.arm is not None and target.arm not in study.arms.names:
            faults.add("estimand.target", unknown(target.arm, "an arm", study.arms.names))


def check_leaves(study: Study, faults: FaultList) -> None:
    """Estimators and sensitivity analyses that exist, each once."""
    asked = (
        ("estimators", "an estimator", study.estimators),
        ("sensitivity", "a sensitivity analysis", tuple(each.leaf for each in study.sensitivity)),
    )
    for room, what, chosen in asked:
        known = names(room)
        for place, name in enumerate(chosen):
            if name not in known:
                faults.add(room, unknown(name, what, known), at=(room, place))
            elif name in chosen[:place]:
                faults.add(room, f'"{name}" is named twice.', at=(room, place))


def check_options(study: Study, faults: FaultList, *, broken: set[str]) -> None:
    """Options that the leaves have and can read, of columns that may be named; where another part
    could not be read, what hangs on it is not known, and nothing is said here.
    """
    if broken & {"records", "arms", "outcomes", "assignment", "estimand", "covariates"}:
        return
    for room, place, words in option_faults(study):
        # Measures of linked records are spelt out only as the study is run.
        if study.linked is None or room == "estimators":
            leaf, _, rest = words.partition(": ")
            option = rest.partition(" ")[0].rstrip(":")
            faults.add(room, words, at=(room, place, leaf, option))
