"""What the design of a study asks a reader to believe."""

from __future__ import annotations

from fingerpost.core.assignment import Randomised
from fingerpost.core.output import Output
from fingerpost.core.words import counted, listing, sentence
from fingerpost.reports.phrases import outcome_words, primary_of
from fingerpost.reports.trends import drifting

# What answers for groups that a leaf defines lean on, in place of likeness on the covariates.
LEANS = {
    "compliers": "the instrument is taken to move who receives the arm, to reach the outcome by no "
    "other way, to have no cause in common with it, and to move nobody the other way",
    "cutoff": "children just to either side of the cut-off are taken to differ in nothing but what "
    "the rule gives them",
}


def design(output: Output) -> str:
    """Return who did the assigning and what that asks a reader to believe."""
    study = output.study
    if study.rollout is not None:
        return of_rollout(output)
    if study.assignment.randomised:
        drawn = getattr(study.assignment, "unit", None) or "child"
        kind = getattr(study.assignment, "design", "simple").replace("_", " ")
        return (
            f"Arms were drawn ({kind} randomisation of each {drawn}), so nothing unrecorded can "
            f"have decided both the arm and {outcomes_words(output)} but by chance."
            f"{foretold(output)}"
        )
    if study.taken_up and output.provenance.draw is not None:
        return (
            "Who was offered what was drawn; who took it up was not. The draw is taken to reach "
            f"{outcomes_words(output)} through what was taken up alone, and to keep nobody from it "
            "who would have taken it up; that cannot be tested in full."
        )
    kinds = list(dict.fromkeys(kinds_of(output)))
    leaning = [LEANS[kind] for kind in kinds if kind in LEANS]
    if leaning and len(leaning) == len(kinds):
        return sentence(f"nobody drew lots: {'; '.join(leaning)}; that cannot be tested in full")
    given = len(study.given)
    if not given:
        return (
            "Nobody drew lots and nothing is adjusted for: the arms may differ in everything "
            f"that shapes {outcomes_words(output)}."
        )
    levels = {output.described(name).alike_within for name in answering(output)}
    level = levels.pop() if len(levels) == 1 else ""
    one = f"of one {level} and " if level else ""
    return (
        f"Nobody drew lots: children {one}alike in {counted(given, 'recorded covariate')} are "
        f"assumed to have had the same prospects for {outcomes_words(output)}; that cannot be "
        f"tested.{left_early(output)}{matched_alone(output)}{leaning_too(output, kinds)}"
    )


def of_rollout(output: Output) -> str:
    """Return who decided when provision began where, and what that asks a reader to believe."""
    study, drawn = output.study, output.study.assignment
    if isinstance(drawn, Randomised):
        return of_draw(output, drawn.unit or "unit")
    given = f" among those alike in {listing(study.given)}" if study.given else ""
    return (
        "Nobody drew the order: without provision, units where it began and units where it had "
        f"not are taken to have gone alike{given} (parallel trends). What came before it can speak "
        f"against that, and cannot prove it.{drifting(output)}"
    )


def of_draw(output: Output, unit: str) -> str:
    """Return what a draw asks a reader to believe: of one that was verified, nothing but chance; of
    one that a study only speaks of, its word.
    """
    draw = output.provenance.draw
    if draw is None:
        return (
            f"The study says that the order in which provision began was drawn ({unit} by {unit}); "
            "no draw was named that could be verified. If it was, nothing can have decided both "
            f"the order and {outcomes_words(output)} but by chance."
        )
    kind = (
        "Its analysis was registered as confirmatory"
        if draw.registered_as == "confirmatory"
        else "Its analysis is exploratory"
    )
    if draw.inherited:
        kind += " with the draw that this one follows; as it was drawn anew it was not rehearsed"
    changed = (
        f" The study that was run departs from what was drawn: {'; '.join(draw.departures)}."
        if draw.departures
        else ""
    )
    return (
        f"The order in which provision began was drawn in public ({unit} by {unit}; commitment "
        f"{draw.commitment[:12]}…, verified and replayed), so nothing can have decided both the "
        f"order and {outcomes_words(output)} but by chance. {kind}.{changed}"
    )


def foretold(output: Output) -> str:
    """Return what is believed where children outside the trial alone were followed to the outcome;
    empty elsewhere.
    """
    if not output.study.arms.outside:
        return ""
    return (
        f" But {outcomes_words(output)} was not seen in the trial: it is foretold from what was "
        "measured there. That provision works on it through nothing else, and that long records "
        "foretell it rightly for these children, is believed and cannot be tested yet."
    )


def leaning_too(output: Output, kinds: list[str]) -> str:
    """Return what answers by an instrument or a rule lean on, beside others that do not."""
    told = []
    for kind in kinds:
        if kind in LEANS:
            by = [r.estimator for r in primary_of(output) if r.term.target.kind == kind]
            by += [i.estimator for i in output.regions if i.region.term.target.kind == kind]
            told.append(
                f" The answer by {listing(list(dict.fromkeys(by)))} leans on another "
                f"assumption: {LEANS[kind]}."
            )
    return "".join(told)


def answering(output: Output) -> set[str]:
    """Return the leaves that give the study's answers: the primary ones, or all."""
    found = {result.estimator for result in output.results if result.primary}
    return found or {result.estimator for result in output.results}


def left_early(output: Output) -> str:
    """Return what is taken of children who left before the event; empty where none could."""
    if not any(spec.kind == "time" for spec in output.study.outcomes):
        return ""
    told = "Children who left before the event are taken to be like those of their arm who stayed"
    modelled = output.study.models.censoring is not None
    return f" {told}{', given the model of leaving' if modelled else ''}."


def matched_alone(output: Output) -> str:
    """Return for whom matching alone answers; empty where other leaves answer too."""
    if set(kinds_of(output)) != {"matched"}:
        return ""
    return " Children for whom no match was found are left out of the answer."


def kinds_of(output: Output) -> list[str]:
    """Return the kinds of target of the primary answers, sets among them."""
    found = [result.term.target.kind for result in primary_of(output)]
    found += [item.region.term.target.kind for item in output.regions]
    # Where nothing was answered, what was asked says what an answer would have leant on.
    refused = (*output.refusals, *output.leaf_refusals)
    return found or [term.target.kind for one in refused for term in one.terms]


def outcomes_words(output: Output) -> str:
    """Return the outcomes of a study as a list in words."""
    return listing([outcome_words(output.study, spec.name) for spec in output.study.outcomes]) or (
        "the outcome"
    )
