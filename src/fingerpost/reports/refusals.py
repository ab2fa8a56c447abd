"""What could not be answered, in words: targets that no leaf may answer, and leaves without one.

Only `Output.refusals` refuses a target. A leaf that has no answer of its own leaves the target to
the others: it is told beside them and takes nothing from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fingerpost.core.estimand import Term
from fingerpost.core.output import Output
from fingerpost.core.reasons import broken_words, limit_words, plainest
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted, listing, sentence
from fingerpost.reports.phrases import outcome_words, two_sides, whom

MOST_NAMED = 4


# ------------------------------------------------------------------------------- targets
def refusal_headline(output: Output, refusal: Refusal) -> str:
    """Return a refusal in a sentence: for whom nothing can be told, and the plainest reason."""
    reason = plainest(refusal.rules)
    more = len(refusal.rules) - 1
    also = f", and {counted(more, 'other rule')} {'is' if more == 1 else 'are'} broken"
    who = all_of_whom(refusal.terms, output.study)
    told = f"We cannot tell {how_differs(output, refusal.terms[0])} for {who}"
    return sentence(f"{told}: {broken_words(reason)}{also if more else ''}" if reason else told)


def how_differs(output: Output, term: Term) -> str:
    """Return the question of a term as a clause: how the outcome differs between which arms."""
    arms = [arm for arm, _ in term.contrast]
    sides = two_sides(term) if len(arms) > 2 else None
    unlike = f"between {arms[0]} and {arms[1]}" if len(arms) == 2 else f"in {term.words()}"
    unlike = unlike if sides is None else f"between {sides[0]} and {sides[1]}"
    return f"how {outcome_words(output.study, term.outcome)} differs {unlike}"


def all_of_whom(terms: Iterable[Term], study: Study) -> str:
    """Return whom terms are for, as a list in words; of many, the first and how many more."""
    found = list(dict.fromkeys(whom(term, study) for term in terms))
    if len(found) > MOST_NAMED:
        found = [*found[: MOST_NAMED - 1], f"{len(found) - MOST_NAMED + 1} more"]
    return listing(found)


def refusals(output: Output) -> tuple[str, ...]:
    """Return every refusal in full: each rule that is broken with its limit, and the mend."""
    found = []
    for refusal in output.refusals:
        term = refusal.terms[0]
        broken = "; ".join(rule_in_full(rule) for rule in refusal.rules) or "no rule is named"
        name = outcome_words(output.study, term.outcome)
        text = f"{name}, {term.words()}, for {all_of_whom(refusal.terms, output.study)}: {broken}"
        mend = mend_of(refusal, output)
        found.append(f"{sentence(text)} {sentence(mend) if mend else ''}".strip())
    return tuple(found)


def mend_of(refusal: Refusal, output: Output) -> str:
    """Return what could be asked instead. Of all children that is first those who received an arm;
    where the same study is refused those too, what could be asked instead of them.
    """
    term = refusal.terms[0]
    if term.target.kind != "ate":
        return refusal.mend
    received = term.on(replace(term.target, kind="att"))
    mends = (other.mend for other in output.refusals if received in other.terms)
    return next(mends, refusal.mend)


def rule_in_full(rule: Broken) -> str:
    """Return a broken rule in words, with the limit that it passed."""
    limit = limit_words(rule.rule, rule.threshold, verb="refused") if rule.words else ""
    return f"{broken_words(rule)} {limit}".strip()


def target_refused(output: Output, table: Table) -> bool:
    """Return whether a table describes a target that is refused."""
    return is_refused(
        output,
        target=table.tag("target"),
        outcome=table.tag("outcome"),
        contrast=table.tag("contrast"),
    )


def is_refused(
    output: Output, *, target: Cell, outcome: Cell = None, contrast: Cell = None
) -> bool:
    """Return whether a target is refused, for the outcome and contrast where they are named."""
    return any(
        target in (term.label(), received_label(term))
        and outcome in (None, term.outcome)
        and contrast in (None, term.words())
        for refusal in output.refusals
        for term in refusal.terms
    )


def received_label(term: Term) -> str:
    """Return the target's short name with the arm spelt out, as standardised means carry it; of a
    subgroup or a horizon the whole label, since what is refused of it is refused of nothing else.
    """
    at = {"att": 0, "atu": 1}.get(term.target.kind)
    part = term.subgroup is not None or term.horizon is not None
    if part or at is None or len(term.contrast) <= at:
        return term.label()
    return replace(term.target, kind="received", arm=term.contrast[at][0]).label()


# -------------------------------------------------------------------------------- leaves
def leaf_words(refusal: Refusal) -> str:
    """Return why a leaf has no answer; its own name, if it begins with it, is not said again."""
    told = "; ".join(broken_words(rule) for rule in refusal.rules) or "it does not say why"
    return told.removeprefix(f"{refusal.leaf}: ")


def leaf_refusals(output: Output) -> tuple[str, ...]:
    """Return, for each leaf and reason, what that leaf alone has no answer for."""
    grouped: dict[tuple[str, str, str, str], list[Term]] = {}
    for refusal in output.leaf_refusals:
        for term in refusal.terms:
            key = (refusal.leaf or "a leaf", leaf_words(refusal), term.outcome, term.words())
            grouped.setdefault(key, []).append(term)
    return tuple(
        sentence(
            f"{leaf} has no answer for {outcome_words(output.study, outcome)}, {contrast}, for "
            f"{all_of_whom(terms, output.study)}: {why}"
        )
        for (leaf, why, outcome, contrast), terms in grouped.items()
    )


def unanswered(output: Output, question: tuple[str, str]) -> tuple[str, ...]:
    """Return what no leaf answers though no rule refuses it: every leaf found that it cannot."""
    told = {result.term for result in output.results}
    told |= {item.region.term for item in output.regions}
    told |= {term for refusal in output.refusals for term in refusal.terms}
    left: dict[Term, Refusal] = {}
    for refusal in output.leaf_refusals:
        for term in refusal.terms:
            if (term.outcome, term.words()) == question and term.target.causal:
                left.setdefault(term, refusal)
    return tuple(
        sentence(
            f"no leaf of this study has an answer to {how_differs(output, term)} for "
            f"{whom(term, output.study)}; {refusal.leaf}, for one: {leaf_words(refusal)}"
        )
        for term, refusal in left.items()
        if term not in told
    )


# --------------------------------------------------------------------------- sensitivity
def sensitivity_refusals(output: Output, leaf: str | None = None) -> tuple[str, ...]:
    """Return what sensitivity analyses could not answer, a sentence an analysis and target; each
    reason once, with the outcomes beside which it was asked where there are several. Of one leaf,
    or all.
    """
    grouped: dict[tuple[str, str, str], list[Term]] = {}
    for one in output.sensitivity:
        for refusal in one.refusals if leaf in (None, one.leaf) else ():
            reason = plainest(refusal.rules)
            own = refusal.leaf not in (None, one.leaf)
            why = leaf_words(refusal) if refusal.leaf or not reason else broken_words(reason)
            named = analysis(output, one.leaf)
            who = f"{named} by {refusal.leaf}" if own else named
            why = why.removeprefix(f"sensitivity: {one.leaf}: ")
            grouped.setdefault((who, why, one.about), []).extend(refusal.terms)
    by: dict[tuple[str, str], dict[str, list[str]]] = {}
    for (who, why, about), terms in grouped.items():
        beside = by.setdefault((who, asked_of(terms, output)), {}).setdefault(why, [])
        beside += [about] if about else []
    several = len(output.study.outcomes) > 1
    return tuple(
        sentence(
            f"the {who} could not be answered for {asked}: "
            + "; ".join(
                f"{why.removesuffix('.')}{beside_words(output, names) if several else ''}"
                for why, names in reasons.items()
            )
        )
        for (who, asked), reasons in by.items()
    )


def beside_words(output: Output, outcomes: list[str]) -> str:
    """Return, in brackets, the outcomes beside which an analysis was asked; empty where of all."""
    told = listing([outcome_words(output.study, name) for name in dict.fromkeys(outcomes)])
    return f" (beside {told})" if told else ""


def asked_of(terms: Iterable[Term], output: Output) -> str:
    """Return whom terms are for; in a study of several contrasts also which of them are meant."""
    terms = list(terms)
    contrasts = list(dict.fromkeys(term.words() for term in terms))
    several = len(output.study.estimand.contrasts) > 1
    named = f"{listing(contrasts)}, " if several and len(contrasts) <= MOST_NAMED else ""
    return f"{named}{all_of_whom(terms, output.study)}"


def analysis(output: Output, leaf: str) -> str:
    """Return a sensitivity analysis as it is named in a sentence."""
    return output.described(leaf, "sensitivity").short or leaf.replace("_", " ")
