"""What an output says, in sentences: the answer, how sure it is, and what it cannot say."""

from __future__ import annotations

import math
from dataclasses import replace

from fingerpost.core.estimand import Term
from fingerpost.core.output import Output, RegionResult, Result
from fingerpost.core.protocol import overrides
from fingerpost.core.reasons import limit_words
from fingerpost.core.refusal import Refusal
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted, listing, sentence
from fingerpost.plots.numbers import number, plain, whole
from fingerpost.reports import access
from fingerpost.reports.agreeing import Question, agreement
from fingerpost.reports.bounds import oster_words, rosenbaum_words, tipping_words
from fingerpost.reports.controls import any_fired, confounded, control_words
from fingerpost.reports.corrected import (
    bias_words,
    calibration_words,
    many_words,
    prior_outcome_words,
    proximal_words,
)
from fingerpost.reports.designs import design
from fingerpost.reports.imputed import imputed_words
from fingerpost.reports.looked import allowed, looked_words, uncrossed
from fingerpost.reports.losses import armless, incomplete, lost, unseen
from fingerpost.reports.names import unrepeated
from fingerpost.reports.phrases import (
    crosses,
    effect,
    judgement,
    outcome_words,
    people,
    primary_of,
    set_words,
    whom,
)
from fingerpost.reports.refusals import (
    leaf_refusals,
    refusal_headline,
    refusals,
    sensitivity_refusals,
    target_refused,
    unanswered,
)
from fingerpost.reports.short import (
    few_events,
    parted,
    provided_words,
    says_nothing,
    step_words,
    told_in_short,
)
from fingerpost.reports.signs import signs
from fingerpost.reports.spines import spine_words
from fingerpost.reports.strength import e_value_words, robustness_words
from fingerpost.reports.together import differences_words
from fingerpost.reports.trends import trends_parted
from fingerpost.reports.truth import planted
from fingerpost.reports.unseen import (
    delta_words,
    survivor_words,
    unassessed_words,
    unreturned_words,
    unsettled_by_lost,
    unsettled_by_unseen,
    whatever_lost,
)

TOLD = (
    *(robustness_words, e_value_words, tipping_words, rosenbaum_words, oster_words),
    *(prior_outcome_words, calibration_words, proximal_words, bias_words, many_words),
    *(survivor_words, unassessed_words, unreturned_words, delta_words),
)
NO_ANSWER = "No leaf of this study gives a causal answer."
MOST_WARNINGS = 3
MOST_OBSERVED, MOST_REFUSED, MOST_SIGNS = 6, 4, 4
RETURNED = "the units that returned every period"
MOST_WITHHELD = 3  # more are listed in their own section only


def answer(output: Output) -> str:
    """Return the primary answer in natural units, refusals first, one line a question.

    A question is one outcome and contrast. The first answered target of the study is told in full,
    the others in short.
    """
    return "\n".join(answers(output))


def answers(output: Output) -> tuple[str, ...]:
    """Return one paragraph for each outcome and contrast."""
    if output.study.access is not None:
        return access.answers(output)
    asked = questions(output)
    if not any(result.term.target.causal for result in output.results) and as_observed(output):
        told = (answer_to(output, each) for each in asked if refused_or_set(output, each))
        return (*told, *as_observed(output))
    return tuple(answer_to(output, each) for each in asked) or (NO_ANSWER,)


def refused_or_set(output: Output, question: Question) -> bool:
    """Return whether a question was refused, or answered by a set of values."""
    sets = [(item.region.term.outcome, item.region.term.words()) for item in output.regions]
    return question in sets or any(asks(refusal, question) for refusal in output.refusals)


def questions(output: Output) -> tuple[Question, ...]:
    """Return every (outcome, contrast) that was answered, refused or left without an answer, in
    the study's order.
    """
    terms = [result.term for result in primary_of(output)]
    terms += [item.region.term for item in output.regions]
    refused = (*output.refusals, *output.leaf_refusals)
    terms += [term for refusal in refused for term in refusal.terms if term.target.causal]
    seen = dict.fromkeys((term.outcome, term.words()) for term in terms)
    order = {spec.name: at for at, spec in enumerate(output.study.outcomes)}
    return tuple(sorted(seen, key=lambda question: order.get(question[0], len(order))))


def answer_to(output: Output, question: Question) -> str:
    """Return the answer to one question: what cannot be told first, then what can."""
    parts = [refusal_headline(output, r) for r in output.refusals if asks(r, question)]
    found = [r for r in primary_of(output) if (r.term.outcome, r.term.words()) == question]
    asked = {target: at for at, target in enumerate(output.study.estimand.targets)}
    # The first target that is answered, by the first leaf that answers it.
    found.sort(key=lambda result: asked.get(result.term.target, len(asked)))
    regions = [
        item
        for item in output.regions
        if (item.region.term.outcome, item.region.term.words()) == question
    ]
    if found:
        parts.append(told_in_full(output, found[0], after_refusal=bool(parts)))
        parts.append(told_in_short(output, found))
    parts += told_sets(output, regions)
    parts += unanswered(output, question)
    if not parts:
        parts.append(NO_ANSWER)
    return " ".join(part for part in parts if part)


def told_sets(output: Output, regions: list[RegionResult]) -> list[str]:
    """Return the sets of values not rejected: of primary leaves where any is, the first and those
    that differ from it in target alone; of the others how many there are.
    """
    primary = [item for item in regions if item.estimator in output.study.primary]
    known = [item for item in regions if not primary_of(output)]
    kept = primary or known or (regions if not output.study.primary else [])
    if not kept:
        return []
    first = kept[0].region.term
    told = [item for item in kept if replace(item.region.term, target=first.target) == first]
    left = len(kept) - len(told)
    more = f"; {counted(left, 'further set')} {'is' if left == 1 else 'are'} in the report"
    parts = [
        f"for {whom(item.region.term, output.study)} the values not rejected are "
        f"{set_words(output.study, item.region)} ({item.region.method})"
        for item in told
    ]
    return [sentence(part + (more if left and part == parts[-1] else "")) for part in parts]


def asks(refusal: Refusal, question: Question) -> bool:
    """Return whether a refusal concerns a question."""
    return any((term.outcome, term.words()) == question for term in refusal.terms)


def told_in_full(output: Output, result: Result, *, after_refusal: bool) -> str:
    """Return one result as a sentence, with what it means for good and harm."""
    anything = says_nothing(output, result)
    if anything:
        return anything
    link = "the answer is: " if after_refusal else ""
    at_look = allowed(output, result)
    clause = effect(output.study, at_look or result)
    clause += ", allowing for the looks on the way" if at_look is not None else ""
    seen = ", of those with a recorded outcome" if some_unseen(output, result.term) else ""
    first = sentence(f"for {people(result.term)}{seen}, {link}{clause}, by {result.estimator}")
    more = provided_words(output, result.term) or step_words(output, result)
    more = f"{more} {few_events(output, result)}".strip()
    meant = confounded(output, result) or uncrossed(output, result)
    meant = meant or set_holds_none(output, result) or unsettled_by_unseen(output, result)
    meant = meant or trends_parted(output, result)
    if not meant:
        among = RETURNED if unsettled_by_lost(output, result) else ""
        apart = parted(output, result)
        judged = judgement(output.study, at_look or result, among=among)
        # What an interval that holds no difference is compatible with is said all the same.
        meant = f"{judged} {apart}".strip() if not apart or crosses(result) else apart
    lost = whatever_lost(output, result)
    return " ".join(part for part in (first, more, meant, lost, planted(output, result)) if part)


def set_holds_none(output: Output, result: Result) -> str:
    """Return that nothing is settled where the same estimator's set of values not rejected, which
    holds where its interval may not, holds no difference; empty elsewhere.
    """
    none = 1.0 if result.term.scale == "ratio" else 0.0
    for item in output.regions:
        same = item.estimator == result.estimator and item.region.term == result.term
        if same and any(lo <= none <= hi for lo, hi in item.region.pieces):
            return (
                "The set of values not rejected, which holds where that interval may not, includes "
                f"no difference, so the records do not settle which way "
                f"{outcome_words(output.study, result.term.outcome)} moves."
            )
    return ""


def some_unseen(output: Output, term: Term) -> bool:
    """Return whether the outcome of some children was not recorded."""
    return any(step.outcome == term.outcome and step.left for step in output.flow.steps)


def as_observed(output: Output) -> tuple[str, ...]:
    """Return what a study of associations and coefficients alone found, named as what it is."""
    names = {
        "association": "As observed, nothing adjusted for",
        "conditional": "Given the covariates",
    }
    found = [r for r in output.results if r.primary and r.term.target.kind in names]
    told = [
        f"{given_words(output, result, names[result.term.target.kind])}: "
        f"{effect(output.study, result)}, by {result.estimator}. "
        "This is no effect on a group of children."
        for result in found[:MOST_OBSERVED]
    ]
    left = len(found) - len(told)
    if left:
        told.append(
            f"{counted(left, 'further answer')} {'is' if left == 1 else 'are'} in the report."
        )
    return tuple(told)


def given_words(output: Output, result: Result, words: str) -> str:
    """Return what a coefficient is given: the covariates, the cluster, the subgroup."""
    level = output.described(result.estimator).alike_within
    words = f"Among children of one {level}, given the covariates" if level else words
    among = f", among {result.term.subgroup}" if result.term.subgroup else ""
    return f"{words}{among}"


# ----------------------------------------------------------------------------- certainty
def certainty(output: Output) -> str:
    """Return how sure the answer is and why: design, agreement, guard rails, sensitivity."""
    return " ".join(reasons(output))


def reasons(output: Output) -> tuple[str, ...]:
    """Return the reasons for and against being sure, a sentence or two each."""
    if output.study.access is not None:
        return access.reasons(output)
    controls = control_words(output)
    others = [text for text in sensitivity(output) if text not in controls]
    # A control that fired outweighs all else, so it is told first.
    first, last = (controls, ()) if any_fired(output) else ((), controls)
    told = (guard_words(output), changed_words(output), withheld_words(output))
    refused = few_of(leaf_refusals(output))
    warned = (*warned_words(output), *signs(output)[:MOST_SIGNS])
    judged = (*told, *warned, *differences_words(output), *refused)
    missing = (armless(output), incomplete(output), unseen(output), *imputed_words(output))
    missing += (*looked_words(output), *spine_words(output))
    agreed = agreement(output, questions(output))
    parts = (*first, design(output), *missing, *agreed, *judged, *others, *last)
    parts += sensitivity_refusals(output)
    return tuple(part for part in parts if part)


def few_of(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first few sentences on leaves without an answer, and how many more there are."""
    left = len(texts) - MOST_REFUSED
    if left <= 1:
        return texts
    return (*texts[:MOST_REFUSED], f"{left} more such answers are missing; the report lists them.")


def warned_words(output: Output) -> tuple[str, ...]:
    """Return what estimators themselves warn of in the primary answers, each warning once; what
    the guard rails warn of is told with them.
    """
    judged = {
        str(row.get("words"))
        for table in output.tables
        if table.name == "guard"
        for row in table.records()
    }
    told = dict.fromkeys(
        words
        for result in primary_of(output)
        for words in result.warnings
        # That an instrument is weak is told once, by its sign.
        if words not in judged and "weak instrument" not in words
    )
    return tuple(sentence(f"warning, {words}") for words in list(told)[:MOST_WARNINGS])


def guard_words(output: Output) -> str:
    """Return how many guard rails warn, and the first of them with what was measured."""
    # A question that is asked of several times is judged once.
    tables = unrepeated(table for table in output.tables if table.name == "guard")
    rows = [
        (table, row)
        for table in tables
        if not target_refused(output, table)
        for row in table.records()
        if row.get("verdict") == "warn"
    ]
    if not rows:
        judged = [row for table in tables for row in table.records()]
        refuse = sum(row.get("verdict") == "refuse" for row in judged)
        if refuse:
            return sentence(f"{refuse} of {counted(len(judged), 'guard rail')} judged refuse")
        # An estimator's own check may warn where no guard rail does: no line may say all is quiet.
        warned = bool(
            output.refusals
            or any(result.warnings for result in primary_of(output))
            or any(text.startswith("Warning") for text in signs(output))
        )
        quiet = f"None of the {len(judged)} guard rails judged warns of an answer."
        # Where nothing was answered there is nothing that a guard rail could have warned of.
        return quiet if judged and primary_of(output) and not warned else ""
    # Outcomes of the same children warn alike: each warning is said once.
    every = list(
        dict.fromkeys(f"{warned_whom(output, table)}, {rule_words(row)}" for table, row in rows)
    )
    told = every[:MOST_WARNINGS]
    more = len(every) - len(told)
    alike = ", some alike for several outcomes" if len(every) < len(rows) else ""
    rest = f"; and {counted(more, 'other')}" if more else ""
    return sentence(
        f"{counted(len(rows), 'guard rail')} warn{'s' * (len(rows) == 1)}{alike}: "
        f"{'; '.join(told)}{rest}"
    )


def warned_whom(output: Output, table: Table) -> str:
    """Return whom a guard table is about."""
    label = table.tag("target")
    found = [each.term for each in output.results if each.term.target.label() == label]
    return f"for {whom(found[0])}" if found else f"for target {label}"


def rule_words(row: dict[str, Cell]) -> str:
    """Return one judged rule in words, with its threshold."""
    threshold = row.get("threshold")
    limit = float(threshold) if isinstance(threshold, int | float) else math.nan
    return f"{row['words']} {limit_words(str(row['rule']), limit, verb='warned of')}".strip()


def withheld_words(output: Output) -> str:
    """Return which answers the release policy withholds; empty where none."""
    gone = [item for item in output.withheld if item.where == "answers"]
    if not gone:
        return ""
    return sentence(
        f"withheld under the release policy {output.policy}: "
        f"{'; '.join(f'{item.what} ({item.rule})' for item in gone)}"
    )


def changed_words(output: Output) -> str:
    """Return which guard rails the study changed before the run; empty where none."""
    changed = overrides(output.study)
    if not changed:
        return ""
    count = counted(len(changed), "guard-rail threshold")
    return sentence(f"the study changed {count} before the run: {'; '.join(changed)}")


def shown(cell: Cell | None) -> str:
    """Return a cell as words."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int | float):
        return whole(cell) if isinstance(cell, int) else number(cell)
    return "–" if cell is None else str(cell)


def bare(cell: Cell | None) -> str:
    """Return a number without zeros at its end, or the cell as words."""
    return plain(float(cell)) if isinstance(cell, int | float) else shown(cell)


def sensitivity(output: Output) -> tuple[str, ...]:
    """Return what the sensitivity analyses say, a sentence each."""
    return tuple(
        text for text in (*(tell(output) for tell in TOLD), *control_words(output)) if text
    )


# --------------------------------------------------------------------------- limitations
def limitations(output: Output) -> tuple[str, ...]:
    """Return what this study cannot say, each with the number behind it."""
    found = [] if output.study.assignment.randomised else [design(output)]
    found += list(refusals(output))
    found += warned(output)
    found += [text for text in signs(output) if text.startswith("Warning")]
    found += [text for text in (*control_words(output), unseen(output), lost(output)) if text]
    found += (*imputed_words(output), *spine_words(output))
    if output.extrapolations:
        count = counted(len(output.extrapolations), "number")
        found.append(
            f"{count} under the heading “Model extrapolation” "
            f"{'rests' if len(output.extrapolations) == 1 else 'rest'} on a model's word for "
            "children unlike any that were seen; none is an answer."
        )
    alone = [result for result in output.results if result.lo is None and result.hi is None]
    if alone:
        every = counted(len(output.results), "estimate")
        found.append(f"{len(alone)} of {every} {'has' if len(alone) == 1 else 'have'} no interval.")
    if len(output.withheld) <= MOST_WITHHELD:
        found += [
            f"Withheld under policy {item.policy}: {item.what} ({item.rule})."
            for item in output.withheld
        ]
    else:
        found.append(
            f"{len(output.withheld)} things are withheld under the release policy {output.policy}; "
            "the section on what was withheld lists each with its rule"
        )
    return tuple(sentence(text) for text in found)


def warned(output: Output) -> tuple[str, ...]:
    """Return every distinct warning with the estimates that carry it."""
    grouped: dict[tuple[Term, str], list[str]] = {}
    for result in output.results:
        for text in result.warnings:
            grouped.setdefault((result.term, text), []).append(result.estimator)
    return tuple(
        f"{outcome_words(output.study, term.outcome)}, {term.words()}, {term.target.label()} "
        f"({listing(list(dict.fromkeys(names)))}): {text}"
        for (term, text), names in grouped.items()
    )
