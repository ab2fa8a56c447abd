"""Which leaf answers which term: read from the descriptors, before any record is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fingerpost.core import leaves
from fingerpost.core.assignment import Randomised
from fingerpost.core.errors import NotAnswerable, listed
from fingerpost.core.estimand import Target, Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.study import OutcomeSpec, Study

SIMPLE = "simple"
SUMMARIES = {"continuous": "mean", "binary": "risk", "count": "rate", "time": "risk"}


def estimators(study: Study) -> dict[str, Estimator]:
    """Return the study's estimators by name, in its order."""
    return {name: leaves.load("estimators", name, kind=Estimator) for name in study.estimators}


def asked(study: Study, outcome: str) -> tuple[Term, ...]:
    """Return the terms that the study asks of one outcome."""
    kind = next(spec.kind for spec in study.outcomes if spec.name == outcome)
    return study.estimand.terms(outcome, SUMMARIES.get(kind, "mean"))


def answers(leaf: Estimator, study: Study, terms: Iterable[Term]) -> tuple[Term, ...]:
    """Return the terms that a leaf answers of those asked: causal targets that it declares, and,
    once a contrast, the association or conditional coefficient if that is what it gives.
    """
    terms = tuple(terms)
    targets = leaf.targets
    if study.assignment.randomised and any(t.target.kind in leaf.randomised for t in terms):
        targets = leaf.randomised
    found = [term for term in terms if _answered(leaf, term, targets)]
    for kind in targets:
        own = Target(kind)
        if not own.causal:
            found += dict.fromkeys(term.on(own) for term in terms if term.scale in leaf.scales)
    return tuple(found)


def _answered(leaf: Estimator, term: Term, targets: tuple[str, ...]) -> bool:
    trimmed = term.target.trim is None or leaf.trimmed
    return term.target.kind in targets and term.scale in leaf.scales and trimmed


def check(study: Study) -> None:
    """Raise NotAnswerable, with every fault, where leaves were asked what they do not declare."""
    faults: list[str] = []
    found = estimators(study)
    levels = len(study.arms.names)
    if isinstance(study.assignment, Randomised) and study.assignment.design != SIMPLE:
        faults.append(
            f'assignment.randomised.design: "{study.assignment.design}" is not analysed here; '
            f"only {SIMPLE} is."
        )
    if study.assignment.strata:
        faults.append(
            f"assignment.randomised.strata: a draw within {listed(study.assignment.strata)} is not "
            f"a {SIMPLE} one, and is not analysed here: arms may differ in who was drawn."
        )
    faults += _primary_faults(study)
    faults += _given_faults(study, found)
    for spec in study.outcomes:
        faults += _summary_faults(study, spec)
        terms = asked(study, spec.name)
        for name, leaf in found.items():
            faults += _leaf_faults(study, name, leaf, spec.kind, terms, levels)
        faults += _term_faults(study, found, terms)
    if faults:
        raise NotAnswerable(dict.fromkeys(faults))


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
    return [
        f"assignment.given: {listed(needy)} need at least one covariate; without any, only naive "
        "and regression compare the arms."
    ]


def _summary_faults(study: Study, spec: OutcomeSpec) -> list[str]:
    """Return a fault where another summary than the outcome's own is asked, or a horizon: none of
    the leaves here gives one.
    """
    own = SUMMARIES.get(spec.kind, "mean")
    faults = []
    if study.estimand.summary not in (None, own):
        faults.append(
            f"estimand.summary: the leaves here give the {own} of a {spec.kind} outcome "
            f"({spec.name}), not the {study.estimand.summary}. Leave `summary` out."
        )
    if study.estimand.horizon is not None:
        faults.append(f"estimand.horizon: a {spec.kind} outcome ({spec.name}) has no horizon.")
    return faults


def _leaf_faults(
    study: Study, name: str, leaf: Estimator, kind: str, terms: tuple[Term, ...], levels: int
) -> list[str]:
    faults = []
    if kind not in leaf.outcomes:
        can = able(lambda other: kind in other.outcomes)
        faults.append(
            f"estimators: {name} takes {listed(leaf.outcomes)} outcomes, not {kind}; "
            f"{'leaves that can: ' + listed(can) if can else 'no leaf here can'}."
        )
    if leaf.levels == "2" and levels > 2:
        can = able(lambda other: other.levels == "k")
        faults.append(f"estimators: {name} compares two arms, not {levels}; {listed(can)} can.")
    if not answers(leaf, study, terms):
        targets = listed(dict.fromkeys(term.target.kind for term in terms))
        faults.append(
            f"estimators: {name} cannot answer {targets} on scale {study.estimand.scale}; "
            f"it answers {listed(leaf.targets)} on scale {listed(leaf.scales)}. "
            f"{_leaves_that_can(terms)}"
        )
    return faults


def _term_faults(study: Study, found: dict[str, Estimator], terms: tuple[Term, ...]) -> list[str]:
    """Return a fault for every asked target that no leaf of the study answers; a study of
    associations and coefficients alone asks for no target.
    """
    faults: list[str] = []
    if not any(one.target.causal for leaf in found.values() for one in answers(leaf, study, terms)):
        return faults
    for term in terms:
        if not any(term in answers(leaf, study, (term,)) for leaf in found.values()):
            faults.append(
                f'estimand.target: none of the study\'s estimators answers "{term.target.label()}" '
                f"on scale {term.scale}. {_leaves_that_can((term,))}"
            )
    return faults


def _leaves_that_can(terms: tuple[Term, ...]) -> str:
    can = able(
        lambda leaf: any(
            term.target.kind in leaf.targets and term.scale in leaf.scales for term in terms
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
