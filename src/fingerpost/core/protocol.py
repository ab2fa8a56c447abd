"""A study in words: who, what is compared, and the target trial beside its emulation."""

from __future__ import annotations

from collections.abc import Iterator

from fingerpost.core.assignment import Randomised
from fingerpost.core.estimand import contrast_words
from fingerpost.core.linked import LEVEL_WORDS, Linked
from fingerpost.core.model import ModelTerm
from fingerpost.core.study import Condition, Guard, OutcomeSpec, Study
from fingerpost.core.table import Table
from fingerpost.core.words import article, counted, listing, target_words

NOT_STATED = "not stated by the authors"
COMPONENTS = (
    ("a", "Eligibility"),
    ("b", "Strategies"),
    ("c", "Assignment"),
    ("d", "Time zero and follow-up"),
    ("e", "Outcomes"),
    ("f", "Contrasts and effect measures"),
    ("g", "Assumptions"),
    ("h", "Analysis"),
)
TESTS = {
    "equals": "is",
    "is_in": "is one of",
    "at_least": "is at least",
    "at_most": "is at most",
    "below": "is below",
    "above": "is above",
    "recorded": "is recorded",
    "missing": "is missing",
}

SUMMARIES = {
    "mean": "means",
    "risk": "risks",
    "rate": "rates",
    "survival": "shares surviving",
    "rmst": "restricted mean times",
    "quantile": "quantiles",
}


def protocol(study: Study) -> Table:
    """Return the target trial (TARGET items 6a-6h) beside its emulation (7a-7h), a row each.

    Reference: Cashin et al. (2025), TARGET statement, items 6 and 7. For a randomised study the
    emulation column says what was done in the trial itself.
    """
    pairs = (
        (who(study), eligibility(study)),
        (strategies(study), exposure(study)),
        assignment(study),
        (times(study), measured_when(study)),
        (outcomes(study), outcome_columns(study)),
        (asked(study), answered(study)),
        assumptions(study),
        analysis(study),
    )
    trial = study.assignment.randomised
    return Table(
        name="protocol",
        title="The trial" if trial else "The target trial and its emulation",
        columns=("item", "component", "specification", "emulation"),
        kinds=("label", "label", "label", "label"),
        rows=tuple(
            (f"6{letter}, 7{letter}", name, specified, done)
            for (letter, name), (specified, done) in zip(COMPONENTS, pairs, strict=True)
        ),
        context="What the trial that answers the question would do, and what was done here.",
        note="This was a trial: the last column says how it was run." if trial else "",
    )


def condition_words(condition: Condition) -> str:
    """Return one eligibility condition in words.

    >>> condition_words(Condition("age", "at_least", 25, "adults"))
    'age is at least 25 (adults)'
    """
    value = condition.value
    said = listing([str(each) for each in value]) if isinstance(value, tuple) else value
    words = f"{condition.column} {TESTS[condition.test]}"
    words = words if value is None else f"{words} {said}"
    return f"{words} ({condition.reason})" if condition.reason else words


def who(study: Study) -> str:
    """Return whom the study is about."""
    if study.population_words:
        return study.population_words
    if study.population:
        return "children for whom " + listing([condition_words(c) for c in study.population])
    return f"every child in {sources(study)}"


def sources(study: Study) -> str:
    """Return where the records are, as a reader names it."""
    tables = [each.words() for each in study.records.sources]
    return listing(tables) if tables else "the records named at the run"


def eligibility(study: Study) -> str:
    """Return how eligibility is read from the records."""
    if study.linked is not None:
        return "; ".join((*from_linked(study.linked), *without_covariate(study)))
    unit = study.records.unit
    row = f"one row a child (column {unit})" if unit else "one row a child"
    words = [f"{sources(study)}, {row}"]
    for source in study.records.sources:
        if source.where:
            kept = listing([condition_words(each) for each in source.where])
            words.append(f"of {source.words()} only rows where {kept}")
    steps = [condition_words(each) for each in study.population]
    words.append(
        "kept in this order: " + "; ".join(steps) if steps else "no row left out by a condition"
    )
    words.extend(without_covariate(study))
    return "; ".join(words)


def without_covariate(study: Study) -> tuple[str, ...]:
    """Return what happens to a child whose covariate is missing; nothing where there is none."""
    declared = {each.name: each.missing for each in study.covariates}
    rest = () if study.all_but is None else (study.missing,)
    ways = {declared.get(name, study.missing) for name in study.given} | set(rest)
    said = {
        "complete": "a child with a missing covariate leaves, and is counted",
        "indicator": "that a covariate is missing counts as a covariate of its own",
    }
    both = ways == set(said)
    words = {
        "complete": f"{said['complete']}, unless the study keeps it" if both else said["complete"],
        "indicator": f"where it keeps it, {said['indicator']}" if both else said["indicator"],
    }
    return tuple(words[way] for way in said if way in ways)


def strategies(study: Study) -> str:
    """Return the arms with what they mean."""
    words = dict(study.arms.words)
    return "; ".join(f"{arm}: {words[arm]}" if arm in words else arm for arm in study.arms.names)


def exposure(study: Study) -> str:
    """Return how the arm of a child is read."""
    arms = study.arms
    if study.linked is not None:
        return recorded(study.linked)
    if arms.column is None:
        return "read from linked records"
    levels = ", ".join(f"{value} is {arm}" for value, arm in arms.levels)
    when = f"; measured at {arms.at}" if arms.at is not None else ""
    dated = f"; dated by column {arms.date}" if arms.date else ""
    return f"column {arms.column}: {levels}{when}{dated}{drawn_again(study)}"


def drawn_again(study: Study) -> str:
    """Return how the second draw of a child is read, and whom it concerned; empty where none was
    made.
    """
    then = study.arms.then
    if then is None:
        return ""
    levels = ", ".join(f"{value} is {name}" for value, name in then.levels)
    column, value = then.among
    return (
        f"; then, of children with {column} = {value}, column {then.column}: {levels}. Others "
        "agree with every regime that begins as they did"
    )


def from_linked(linked: Linked) -> Iterator[str]:
    """Yield how eligibility is read from linked records, rule by rule."""
    if linked.born is not None:
        yield f"born from {linked.born[0]} to {linked.born[1]} (month of birth)"
    kind = {"mainstream": "mainstream state-funded"}.get(linked.school, linked.school)
    yield f"enrolled in a {kind} school at {linked.zero.words()}, a child's first such census"
    if linked.zero.repeated:
        yield "at each, no provision recorded in an earlier school year and known by that day"
    if linked.phenotype:
        what = f"the codes {linked.code_list}" if linked.code_list else linked.phenotype
        only = f" (only {listing(linked.groups)})" if linked.groups else ""
        yield f"{what.replace('_', ' ')}{only} recorded, and known, by that day"
    if linked.concern:
        yield "a concern raised and known by that day"
    yield "alive, and not opted out of the use of health records, on that day"
    yield "nothing counts that its source could have known only later"


def recorded(linked: Linked) -> str:
    """Return how the arm of a child is read from linked records."""
    said = []
    for arm, strategy in linked.strategies:
        levels = " or ".join(LEVEL_WORDS[level] for level in strategy.levels)
        more = strategy.words.split(", ")[1:]
        said.append(", ".join((f"{arm}: {levels}", *more)))
    if linked.through is not None:
        return (
            "every child is copied to each arm, and a copy is followed from census to census, term "
            "by term, until the highest level recorded, as known on the day of the census, departs "
            f"from its arm or the child is in no census: {'; '.join(said)}"
        )
    rule = f"the highest level in any record of {linked.zero.words()}, as known on that day"
    return f"{rule}: {'; '.join(said)}; a child of none of these leaves, and is counted"


def drawn(study: Study) -> str:
    """Return how the arms were drawn; empty where life assigned them."""
    if not isinstance(study.assignment, Randomised):
        return ""
    what = study.assignment.unit or "child"
    within = f" within {listing(study.assignment.strata)}" if study.assignment.strata else ""
    design = study.assignment.design.replace("_", " ")
    return f"drawn by {article(design)} design, {what} by {what}{within}"


def made_alike(study: Study) -> str:
    """Return the covariates on which arms are made alike."""
    if study.all_but is not None:
        but = f" but {listing(study.all_but)}" if study.all_but else ""
        return f"every column of the records{but} (and the child, clusters, exposure and outcomes)"
    if not study.given:
        return "nothing"
    labels = {each.name: each.label for each in study.covariates if each.label}
    names = [labels.get(name, name) for name in study.given]
    return f"{counted(len(names), 'thing')}: {listing(names)}"


def by_other_means(study: Study) -> bool:
    """Return whether every asked effect leans on an instrument or a rule, not on likeness."""
    return all(each.causal and not each.by_likeness for each in study.estimand.targets)


def assignment(study: Study) -> tuple[str, str]:
    """Return how arms would be, and how they were, assigned."""
    if study.assignment.randomised:
        words = drawn(study)
        return words[0].upper() + words[1:], "the draw itself: nothing is emulated"
    if by_other_means(study):
        return (
            "at random at time zero, everyone knowing the arm",
            "not drawn: arms as life gave them; an instrument, or a rule at a cut-off, stands in "
            "for the draw",
        )
    return (
        "at random at time zero, everyone knowing the arm",
        "not drawn: arms as life gave them, taken to be as good as drawn among children alike in "
        f"{made_alike(study)}",
    )


def times(study: Study) -> str:
    """Return when follow-up begins and ends."""
    begins = f"from {study.time_zero}" if study.time_zero else f"time zero {NOT_STATED}"
    ends = study.follow_up if study.follow_up else f"end of follow-up {NOT_STATED}"
    return f"{begins}; {ends}"


def measured_when(study: Study) -> str:
    """Return when exposure, covariates and outcomes were measured, as far as the study says."""
    if study.linked is not None:
        return followed(study.linked)
    said = [f"arms at {study.arms.at}"] if study.arms.at is not None else []
    said += [f"{spec.name} at {spec.at}" for spec in study.outcomes if spec.at is not None]
    when: dict[str, list[str]] = {}
    for each in study.covariates:
        if each.at is not None:
            when.setdefault(str(each.at), []).append(each.name)
    said += [f"{listing(names)} at {at}" for at, names in when.items()]
    return "; ".join(said) if said else f"times of measurement {NOT_STATED}"


def followed(linked: Linked) -> str:
    """Return how follow-up is read from linked records."""
    return (
        f"from the day of {linked.zero.words()} of each child to 31 August after its Year "
        f"{linked.until}; ends earlier at death, at an opt-out and, for what only schools record, "
        "with the last term in which a child is in a census of state schools; a child of whom the "
        "records do not hold the whole of it leaves, and is counted; covariates from what was "
        "known on the first day"
    )


def outcome_words(spec: OutcomeSpec, scale: str = "difference") -> str:
    """Return one outcome as people chose it. scale: that its answers are on."""
    measure = spec.measure
    parts = [measure.title or spec.name.replace("_", " ")]
    if measure.measured_in:
        parts.append(f"in {measure.measured_in}")
    if measure.better:
        parts.append(f"{measure.better} is better")
    if measure.important is not None:
        # Nothing tells which ratio is as large as a difference, so that none is used.
        where = "" if scale == "difference" else f" on the difference scale, not used for a {scale}"
        parts.append(f"a difference of {measure.important:g} matters{where}")
    if measure.informant:
        parts.append(f"told by {measure.informant}")
    if measure.chosen_by:
        parts.append(f"chosen by {measure.chosen_by}")
    return ", ".join(parts)


def outcomes(study: Study) -> str:
    """Return the outcomes as people chose them."""
    usual = study.estimand.scale
    return "; ".join(outcome_words(spec, spec.scale or usual) for spec in study.outcomes)


def outcome_columns(study: Study) -> str:
    """Return how outcomes are read."""
    said = []
    for spec in study.outcomes:
        if spec.read:
            said.append(f"{spec.name}: {spec.read}")
            continue
        if not spec.column:
            said.append(f"{spec.name}: a measure of linked records")
            continue
        more = f" over person-time {spec.exposure}" if spec.exposure else ""
        more += f", event {spec.event}" if spec.event else ""
        said.append(f"{spec.name}: column {spec.column}, {spec.kind}{more}")
    return "; ".join(said)


def for_whom(study: Study) -> tuple[str, ...]:
    """Return each target as `label: whom it is for`, for the first contrast."""
    if not study.estimand.contrasts:
        return ()
    first = study.estimand.contrasts[0]
    return tuple(f"{each.label()}: {target_words(each, first)}" for each in study.estimand.targets)


def contrasts(study: Study) -> str:
    """Return what is compared with what."""
    return "; ".join(contrast_words(each) for each in study.estimand.contrasts)


def asked(study: Study) -> str:
    """Return the estimand."""
    said = [contrasts(study), *scales(study)]
    if study.estimand.horizons:
        said.append(f"by time {listing([f'{each:g}' for each in study.estimand.horizons])}")
    said.append(f"for {'; '.join(for_whom(study))}")
    if study.estimand.subgroups:
        said.append(f"also for the children of each value of {listing(study.estimand.subgroups)}")
    return "; ".join(said)


def scales(study: Study) -> Iterator[str]:
    """Yield the scale of the comparison, and of measures that make sense on another only."""
    yield f"{study.estimand.scale} of {summaries(study)}"
    apart: dict[str, list[str]] = {}
    for spec in study.outcomes:
        if spec.scale and spec.scale != study.estimand.scale:
            apart.setdefault(spec.scale, []).append(spec.name)
    for scale, names in apart.items():
        yield f"{scale} for {listing(names)}"


def summaries(study: Study) -> str:
    """Return what of the outcomes is compared: means, risks, rates."""
    if study.estimand.summary is not None:
        return SUMMARIES[study.estimand.summary]
    kinds = {"binary": "risk", "count": "rate", "time": "risk"}
    found = [kinds.get(spec.kind, "mean") for spec in study.outcomes]
    return listing([SUMMARIES[each] for each in dict.fromkeys(found)])


def answered(study: Study) -> str:
    """Return how the estimand is answered."""
    if study.assignment.randomised:
        return "the arms as drawn are compared"
    return (
        "the same, each target by its own weights or by standardising to it; what the records "
        "cannot tell is refused"
    )


def assumptions(study: Study) -> tuple[str, str]:
    """Return what must hold in the trial, and what must hold here besides."""
    seen = (
        "those whose outcome was seen stand for all"
        if study.models.censoring is None
        else "among children alike in arm and the model's terms, whether the outcome was seen "
        "tells nothing of it"
    )
    shared = "a child's outcome depends on its own arm only, and each arm is one thing"
    trial = f"arms exchangeable by the draw; {shared}"
    if study.assignment.randomised:
        kept = "children are compared in the arm they were drawn for"
        return trial, f"{kept}; {seen}"
    if by_other_means(study):
        return trial, (
            "the instrument, or the rule at the cut-off, moves the outcome by no way but the arm; "
            f"what each estimator leans on is listed under what each answer assumes; {seen}"
        )
    here = (
        f"no common cause of arm and outcome beyond {made_alike(study)} (cannot be tested); every "
        "child had a chance of every arm (judged by the guard rails); "
        f"working models near enough; {seen}"
    )
    return trial, here


def term_words(terms: tuple[ModelTerm, ...] | None) -> str:
    """Return the terms of a working model."""
    if terms is None:
        return "every covariate, linear"
    said = ["every covariate, linear" if t.names == ("*",) else t.words() for t in terms]
    return ", ".join(said)


def models(study: Study) -> str:
    """Return the working models."""
    how = "one model an arm" if study.models.by_arm else "one pooled model"
    if study.models.interactions:
        how += f" with arm × {listing(study.models.interactions)}"
    seen = study.models.censoring
    censored = "" if seen is None else f"; model of whose outcome was seen: arm, {term_words(seen)}"
    return (
        f"model of the arm: {term_words(study.models.exposure)}; "
        f"model of the outcome: {term_words(study.models.outcome)} ({how}){censored}"
    )


def analysis(study: Study) -> tuple[str, str]:
    """Return the analysis of the trial, and the one made here."""
    at = f"variance by {study.cluster}" if study.cluster else "variance by child"
    said = [f"estimators: {listing(study.estimators)}", at, f"{study.level:.0%} intervals"]
    if study.primary:
        said.append(f"primary: {listing(study.primary)}")
    said.append(f"agreement: {agreement(study)}")
    if study.sensitivity:
        said.append(f"sensitivity: {listing([each.leaf for each in study.sensitivity])}")
    if study.given or study.all_but is not None:
        said.insert(0, models(study))
    return "arms compared as drawn", "; ".join(said)


def agreement(study: Study) -> str:
    """Return what was declared to count as agreement."""
    if study.agreements:
        scales = {spec.name: spec.scale or study.estimand.scale for spec in study.outcomes}
        logs = [scales.get(name) == "ratio" for name, _ in study.agreements]
        told = [
            f"{far:g}{' on the logarithm' * (log and not all(logs))} for {name}"
            for (name, far), log in zip(study.agreements, logs, strict=True)
        ]
        return f"primary answers within {listing(told)}{' on the logarithm' * all(logs)}"
    if study.agreement is None:
        return NOT_STATED
    if study.estimand.scale == "ratio":
        return f"primary answers within {study.agreement:g} on the logarithm"
    units = {spec.measure.measured_in for spec in study.outcomes}
    unit = f" {next(iter(units))}" if len(units) == 1 and units != {""} else ""
    return f"primary answers within {study.agreement:g}{unit}"


def overrides(study: Study) -> tuple[str, ...]:
    """Return each guard-rail threshold that the study changed, with the default."""
    default = Guard()
    return tuple(
        f"{name.replace('_', ' ')} {getattr(study.guard, name):g} instead of "
        f"{getattr(default, name):g}"
        for name in study.guard.overrides
    )
