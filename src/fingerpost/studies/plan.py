"""Which leaf answers which term: read from the descriptors, before any record is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from fingerpost.core import leaves
from fingerpost.core.assignment import Randomised
from fingerpost.core.errors import NotAnswerable, UsageError, listed, nearest
from fingerpost.core.estimand import OWN_TARGETS, Target, Term
from fingerpost.core.leaves import Design, Estimator, Sensitivity
from fingerpost.core.study import OutcomeSpec, SensitivitySpec, Study
from fingerpost.studies.option_columns import column_faults

SIMPLE = "simple"
SUMMARIES = {"continuous": "mean", "binary": "risk", "count": "rate", "time": "risk"}
OF_TIME = ("risk", "survival", "rmst")


def estimators(study: Study) -> dict[str, Estimator]:
    """Return the study's estimators by name, in its order, each as the study's options make it: an
    option may change the targets that it answers.
    """
    return {name: _as_asked(study, name) for name in study.estimators}


def _as_asked(study: Study, name: str) -> Estimator:
    leaf, said = leaves.load("estimators", name, kind=Estimator), options(study, name)
    for option, targets in leaf.instead:
        if said.get(option, False) is not False:
            leaf = replace(leaf, targets=targets)
    barred = {kind for kind, option in leaf.unless if said.get(option) is False}
    return replace(leaf, targets=tuple(kind for kind in leaf.targets if kind not in barred))


def options(study: Study, name: str) -> dict[str, object]:
    """Return what the study says under a leaf's name."""
    return dict(dict(study.options).get(name, ()))


def spec_of(study: Study, outcome: str) -> OutcomeSpec:
    """Return how an outcome of the study is read."""
    return next(spec for spec in study.outcomes if spec.name == outcome)


def kind_of(study: Study, term: Term) -> str:
    """Return the kind of a term's outcome; of one that is not the study's, such as a control, the
    kind whose summary is asked.
    """
    kinds = {spec.name: spec.kind for spec in study.outcomes}
    own = next((kind for kind, summary in SUMMARIES.items() if summary == term.summary), "time")
    return kinds.get(term.outcome, own)


def asked(study: Study, outcome: str) -> tuple[Term, ...]:
    """Return the terms that the study asks of one outcome. Horizons, and a summary of times to an
    event, are asked of outcomes of kind time only.
    """
    kind, estimand = spec_of(study, outcome).kind, study.estimand
    if kind != "time":
        own = estimand.summary if estimand.summary not in OF_TIME else None
        estimand = replace(estimand, horizons=(), summary=own)
    scale = spec_of(study, outcome).scale or estimand.scale
    estimand = replace(estimand, scale=scale)
    return estimand.terms(outcome, SUMMARIES.get(kind, "mean"))


def answers(leaf: Estimator, study: Study, terms: Iterable[Term]) -> tuple[Term, ...]:
    """Return the terms that a leaf answers of those asked: the targets that it declares, and, of
    every contrast, those that are its own, such as an association or an effect on compliers.
    """
    terms = tuple(terms)
    targets = leaf.targets
    own = study.assignment
    even = own.randomised and (leaf.strata or not own.strata or _even(study))
    if even and any(t.target.kind in leaf.randomised for t in terms):
        targets = leaf.randomised
    able = [term for term in terms if _takes(leaf, study, term)]
    found = [term for term in able if term.target.kind in targets and _trims(leaf, term)]
    for kind in targets:
        if kind in OWN_TARGETS:
            found += [term.on(Target(kind)) for term in able]
    return tuple(dict.fromkeys(found))


def _takes(leaf: Estimator, study: Study, term: Term) -> bool:
    """Return whether a leaf takes a term's outcome, summary, scale and contrast, for any target."""
    pairwise = leaf.levels == "k" or len(term.contrast) == 2
    takes = kind_of(study, term) in leaf.outcomes and term.summary in leaf.summaries
    return takes and pairwise and term.scale in leaf.scales


def _trims(leaf: Estimator, term: Term) -> bool:
    return term.target.trim is None or leaf.trimmed


def check(study: Study) -> None:
    """Raise NotAnswerable, with every fault, where leaves were asked what they do not declare."""
    found = estimators(study)
    faults = [*_draw_faults(study), *_primary_faults(study), *_given_faults(study, found)]
    terms = {spec.name: asked(study, spec.name) for spec in study.outcomes}
    every = tuple(term for own in terms.values() for term in own)
    faults += [f"{room}: {words}" for room, _, words in option_faults(study)]
    for name, leaf in found.items():
        faults += _leaf_faults(study, name, leaf, every)
    for spec in study.outcomes:
        faults += _summary_faults(study, spec)
        faults += _kind_faults(study, spec, found)
        faults += _term_faults(study, found, terms[spec.name])
    if faults:
        raise NotAnswerable(dict.fromkeys(faults))


def over_time(study: Study) -> bool:
    """Return whether the arms of a study are strategies sustained over time."""
    return study.linked is not None and study.linked.through is not None


def option_faults(study: Study) -> list[tuple[str, int, str]]:
    """Return (room, place in the study's list, words) of every fault of the leaves' options that
    can be told before a record is read; leaves that there are not are passed over.
    """
    found = []
    known = leaves.names("estimators")
    for place, name in enumerate(study.estimators):
        if name in known and name not in study.estimators[:place]:
            faults = _option_faults(study, name, _as_asked(study, name))
            found += [("estimators", place, words) for words in faults]
    known = leaves.names("sensitivity")
    for place, spec in enumerate(study.sensitivity):
        if spec.leaf in known:
            faults = _analysis_faults(study, spec)
            found += [("sensitivity", place, words) for words in faults]
    told = [(room, place, words.removeprefix(f"{room}: ")) for room, place, words in found]
    return list(dict.fromkeys([*told, *column_faults(study)]))


def _analysis_faults(study: Study, spec: SensitivitySpec) -> list[str]:
    """Return the faults of one analysis: estimators that it needs, options that it does not have or
    cannot read.
    """
    leaf, said = leaves.load("sensitivity", spec.leaf, kind=Sensitivity), dict(spec.options)
    faults = []
    both = leaf.panels_too and study.rollout is not None
    if leaf.takes != ("cohort" if study.rollout is None else "panel") and not both:
        of = "units over periods" if leaf.takes == "panel" else "children"
        return [f"sensitivity: {spec.leaf} is of studies of {of}. Leave it out."]
    if leaf.needs_estimators and not set(leaf.needs_estimators) & set(study.estimators):
        faults.append(
            f"sensitivity: {spec.leaf} needs the answer of {listed(leaf.needs_estimators)}, which "
            "is not among the estimators. Add it to them, or leave the analysis out."
        )
    known = tuple(option for option, _ in leaf.options)
    menu = f"It has: {listed(known)}." if known else "It has none: write its name alone."
    faults += [
        f'sensitivity: {spec.leaf} has no option "{name}".{nearest(name, known)} {menu}'
        for name in said
        if name not in known
    ]
    try:
        if leaf.check is not None:
            leaf.check(study, said)
    except UsageError as fault:
        faults += fault.problems
    return faults


def _draw_faults(study: Study) -> list[str]:
    """Return a fault where arms were drawn in a way whose analysis is not built."""
    if study.rollout is not None:
        return []
    faults = []
    own = study.assignment
    if isinstance(own, Randomised) and own.design != SIMPLE and not of_trials(own.design):
        faults.append(
            f'assignment.randomised.design: "{own.design}" is not analysed here: it is no design '
            "of trials (`fingerpost leaves designs` lists them)."
        )
    bare = [name for name in own.strata if name not in study.given and not _even(study)]
    across = [
        name
        for name, leaf in estimators(study).items()
        if not leaf.strata and leaf.guard != "exempt" and bare and study.all_but is None
    ]
    if across:
        faults.append(
            f"assignment.randomised.strata: {listed(across)} would compare across {listed(bare)}, "
            "among which shares of the arms may differ. Name the strata among given, or ask "
            "by_stratum."
        )
    return faults + _taking_up_faults(study)


def _taking_up_faults(study: Study) -> list[str]:
    """Return faults where what was drawn and what was taken up stand in each other's place: an
    instrument of arms that were drawn, or arms that were not drawn taken for such that were.
    """
    if not study.assignment.randomised:
        return []
    moved = [name for name, leaf in estimators(study).items() if "compliers" in leaf.targets]
    without = "Without the ledger write assignment: {observed: {given: […]}}, and a column of what"
    if study.trial is None:
        return [
            f"estimators: {name} takes an instrument, so that the arms are what was taken up, and "
            f"chance did not decide who had them; assignment says that they were drawn. {without} "
            "was drawn as its instrument."
            for name in moved
        ]
    drawn = [arm.name for arm in study.trial.arms]
    mend = (
        "Write what was taken up, arms: {column: …, levels: …} with names of their own, ask "
        "{iv: {instrument: drawn}}, and analyse it with its ledger (--draw): what was drawn is the "
        "instrument."
    )
    if study.taken_up:
        return [
            f"arms: {listed(study.arms.firsts)} are none of the arms that were drawn "
            f"({listed(drawn)}), so that chance did not decide who had them. {mend} {without} was "
            "drawn."
        ]
    return [
        f"estimators: {name} takes an instrument to arms that were drawn, which need none: the "
        f"answer would be of what was taken up as if it moved the draw. {mend}"
        for name in moved
    ]


def _even(study: Study) -> bool:
    """Return whether arms are known to be as likely in every stratum of the draw."""
    return isinstance(study.assignment, Randomised) and study.assignment.even


def of_trials(design: str) -> bool:
    """Return whether a design is one of trials."""
    known = design in leaves.names("designs")
    return known and leaves.load("designs", design, kind=Design).procedure is not None


def _primary_faults(study: Study) -> list[str]:
    """Return a fault where the declared primary leaves give no effect though others do."""
    causal = causal_leaves(study)
    if not study.primary or not causal or set(study.primary) & set(causal):
        return []
    return [
        f"primary: {listed(study.primary)} gives no effect for a target here, so there would be no "
        f"answer. Name one or more of {listed(causal)}."
    ]


def _given_faults(study: Study, found: dict[str, Estimator]) -> list[str]:
    """Return a fault where leaves that weight or model children have no covariate to do it with."""
    needy = [name for name, leaf in found.items() if leaf.guard != "exempt"]
    if study.given or study.all_but is not None or not needy:
        return []
    can = able(lambda leaf: leaf.guard == "exempt" and leaf.takes == "cohort")
    return [
        f"assignment.given: {listed(needy)} need at least one covariate; without any, only "
        f"{listed(can)} compare the arms."
    ]


def _option_faults(study: Study, name: str, leaf: Estimator) -> list[str]:
    """Return a fault for each option that a leaf does not have, cannot read, or needs and is not
    given.
    """
    said, known = options(study, name), tuple(option for option, _ in leaf.options)
    menu = f"It has: {listed(known)}." if known else "It has none: write its name alone."
    faults = [
        f'estimators: {name} has no option "{option}".{nearest(option, known)} {menu}'
        for option in said
        if option not in known
    ]
    missing = [option for option in leaf.needs if said.get(option) is None]
    if missing:
        words = "; ".join(f"{option}: {dict(leaf.options).get(option, '')}" for option in missing)
        faults.append(
            f"estimators: {name} needs {listed(missing)}. Write {{{name}: {{{missing[0]}: …}}}} "
            f"({words})."
        )
    try:
        if leaf.check is not None:
            leaf.check(study, {key: value for key, value in said.items() if key not in missing})
    except UsageError as fault:
        faults += fault.problems
    return faults


def _summary_faults(study: Study, spec: OutcomeSpec) -> list[str]:
    """Return a fault where an outcome is asked for a summary or a horizon that it has not, or a
    time to an event is asked for without a horizon.
    """
    estimand, own = study.estimand, SUMMARIES.get(spec.kind, "mean")
    if spec.kind == "time":
        faults = []
        if estimand.summary not in (None, *OF_TIME):
            faults.append(
                f"estimand.summary: the {estimand.summary} of a time to an event ({spec.name}) is "
                f"not given here. Allowed: {listed(OF_TIME)}."
            )
        if not estimand.horizons:
            faults.append(
                f"estimand.horizon: {spec.name} is a time to an event, so the effect is asked by a "
                "time. Write horizon: TIME, or several: [TIME, TIME], in its unit."
            )
        faults += [
            f"estimand.horizon: {each:g} is not above 0. A horizon is a time after entry."
            for each in estimand.horizons
            if each <= 0
        ]
        return faults
    times = any(other.kind == "time" for other in study.outcomes)
    faults = []
    if estimand.summary not in (None, own) and not (times and estimand.summary in OF_TIME):
        faults.append(
            f"estimand.summary: the leaves here give the {own} of a {spec.kind} outcome "
            f"({spec.name}), not the {estimand.summary}. Leave `summary` out."
        )
    if estimand.horizons and not times:
        faults.append(f"estimand.horizon: a {spec.kind} outcome ({spec.name}) has no horizon.")
    return faults


def _kind_faults(study: Study, spec: OutcomeSpec, found: dict[str, Estimator]) -> list[str]:
    """Return a fault where every leaf of the study takes another outcome, and none takes this."""
    idle = [leaf for leaf in found.values() if not _any_kind(study, leaf)]
    if idle or any(spec.kind in leaf.outcomes for leaf in found.values()):
        return []
    return [
        f"estimators: none of {listed(found)} takes {spec.kind} outcomes ({spec.name}); "
        f"{_takers(spec.kind)}."
    ]


def _any_kind(study: Study, leaf: Estimator) -> bool:
    return any(spec.kind in leaf.outcomes for spec in study.outcomes)


def _takers(kind: str) -> str:
    can = able(lambda leaf: kind in leaf.outcomes)
    return f"leaves that can: {listed(can)}" if can else "no leaf here can"


def _leaf_faults(study: Study, name: str, leaf: Estimator, terms: tuple[Term, ...]) -> list[str]:
    faults = []
    levels = len(study.arms.names)
    if over_time(study) and not leaf.over_time:
        can = able(lambda other: other.over_time)
        faults.append(
            f"estimators: {name} does not answer of strategies sustained over time; "
            f"{listed(can)} can."
        )
    if leaf.staged != (study.arms.then is not None):
        faults.append(_staged_words(name, leaf))
    if leaf.outside != bool(study.arms.outside):
        faults.append(_outside_words(name, leaf))
    if leaf.drawn and leaf.takes == "cohort" and not study.assignment.randomised:
        faults.append(
            f"estimators: {name} leans on a draw, and nothing was drawn here. Leave it out, or "
            "write assignment: {randomised: …} if arms were drawn."
        )
    if leaf.levels == "2" and levels > 2:
        can = able(lambda other: other.levels != "2")
        faults.append(f"estimators: {name} compares two arms, not {levels}; {listed(can)} can.")
    if not _any_kind(study, leaf):
        kinds = tuple(dict.fromkeys(spec.kind for spec in study.outcomes))
        takers = "; ".join(_takers(kind) for kind in kinds)
        takes = f"{name} takes {listed(leaf.outcomes)} outcomes, not {listed(kinds)}"
        return [*faults, f"estimators: {takes}; {takers}."]
    if not answers(leaf, study, terms):
        targets = listed(dict.fromkeys(term.target.kind for term in terms))
        pairs = " of two arms at a time" if leaf.levels != "k" else ""
        faults.append(
            f"estimators: {name} cannot answer {targets} on scale {study.estimand.scale}; "
            f"it answers {listed(leaf.targets)} on scale {listed(leaf.scales)}{pairs}. "
            + "".join(
                f"Without {option}: false it answers {kind}. " for kind, option in leaf.unless
            )
            + f"{_leaves_that_can(study, terms)}"
        )
    return faults


def _outside_words(name: str, leaf: Estimator) -> str:
    """Return the fault of a leaf that needs children outside the trial, or has no use for them."""
    if leaf.outside:
        return (
            f"estimators: {name} needs children outside the trial, of long records. Write arms: "
            "{outside: ARM}, the arm that was not drawn."
        )
    can = able(lambda other: other.outside)
    return f"estimators: {name} has no use for children outside the trial; {listed(can)} has."


def _staged_words(name: str, leaf: Estimator) -> str:
    """Return the fault of a leaf of regimes asked of one draw, or of another asked of regimes."""
    if leaf.staged:
        return (
            f"estimators: {name} is of trials that draw again among some. Write arms: {{column: …, "
            "levels: …, then: {column: …, levels: …, among: {…}}}."
        )
    can = able(lambda other: other.staged)
    return f"estimators: {name} does not answer of regimes (arms.then); {listed(can)} can."


def _term_faults(study: Study, found: dict[str, Estimator], terms: tuple[Term, ...]) -> list[str]:
    """Return a fault for every asked target that no leaf of the study answers; a study of
    associations and coefficients alone asks for no target.
    """
    faults: list[str] = []
    given = [one for leaf in found.values() for one in answers(leaf, study, terms)]
    causal = [one for one in given if one.target.causal]
    own = listed(dict.fromkeys(t.target.kind for t in causal if t.target.kind in OWN_TARGETS))
    instead = (
        f" They answer, unasked: {own}; write target: {own} to ask for no other." if own else ""
    )
    for term in terms if causal else ():
        if term not in given:
            faults.append(
                f'estimand.target: none of the study\'s estimators answers "{term.target.label()}" '
                f"on scale {term.scale}. {_leaves_that_can(study, (term,))}{instead}"
            )
    return faults


def _leaves_that_can(study: Study, terms: tuple[Term, ...]) -> str:
    can = able(
        lambda leaf: any(
            term.target.kind in leaf.targets and _takes(leaf, study, term) for term in terms
        )
    )
    return f"Leaves that can: {listed(can)}." if can else "No leaf here can."


def able(test: Callable[[Estimator], bool]) -> list[str]:
    """Return the names of all leaves that pass a test on their descriptor."""
    return [name for name, leaf in leaves.menu("estimators", Estimator).items() if test(leaf)]


def primary(study: Study) -> tuple[str, ...]:
    """Return the primary leaves: as declared, or every leaf that claims a causal target, or, where
    none does, every leaf.
    """
    return study.primary or causal_leaves(study) or study.estimators


def causal_leaves(study: Study) -> tuple[str, ...]:
    """Return the leaves that answer some asked target with an effect."""
    found = estimators(study)
    return tuple(
        name
        for name, leaf in found.items()
        if any(
            term.target.causal
            for spec in study.outcomes
            for term in answers(leaf, study, asked(study, spec.name))
        )
    )
