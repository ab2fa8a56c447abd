"""A rehearsal in plain words: estimators and targets by what a reader calls them, and first of all
what could be found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from fingerpost.core.estimand import TARGETS
from fingerpost.core.leaves import Estimator, load
from fingerpost.plots.numbers import number, percent
from fingerpost.reports.spoken import ENGLISH
from fingerpost.studies.rollouts.judging import Question, questions
from fingerpost.studies.rollouts.rehearsal_tables import unit_words
from fingerpost.studies.rollouts.rehearsing import Rehearsal

Say = Callable[[str], str]
# A name that is an English word is meant only where a rehearsal's texts tell a name.
WORD = "(?:(?<=^)|(?<=[,:;] )|(?<=[Bb]y )){0}(?= finds|[,.:;]|$)"


def called(leaf: str) -> str:
    """Return what a sentence calls an estimator.

    >>> called("gls_exposure_time"), called("ancova")
    ('least squares by exposure', 'analysis of covariance')
    """
    return load("estimators", leaf, kind=Estimator).short or leaf.replace("_", " ")


def speaking(leaves: Iterable[str], targets: Iterable[str] = ()) -> Say:
    """Return what puts the names of estimators and of targets in a text into words."""
    named = {leaf: called(leaf) for leaf in leaves}
    for one in targets:
        words = one.replace("_", " ")
        named |= {one: words, upper(one): upper(words)}
    if not named:
        return lambda text: text
    longest = sorted(named, key=len, reverse=True)
    said = [WORD.format(name) if ENGLISH.fullmatch(name) else re.escape(name) for name in longest]
    found = re.compile(rf"(?<![\w`])({'|'.join(said)})(?![\w`])")
    return lambda text: found.sub(lambda match: named[match.group(1)], text)


def upper(text: str) -> str:
    """Return a text that begins with a capital.

    >>> upper("the others"), upper("")
    ('The others', '')
    """
    return text[:1].upper() + text[1:]


def of_rehearsal(rehearsal: Rehearsal) -> Say:
    """Return what puts the names in a rehearsal's texts into words."""
    asked = questions(rehearsal)
    leaves = {one.leaf for q in asked for one in q.judged} | set(rehearsal.study.primary)
    leaves |= {leaf for question in asked for leaf, _ in question.refused}
    return speaking(leaves, (question.term.target.kind for question in asked))


def plainly(rehearsal: Rehearsal) -> tuple[str, ...]:
    """Return what the roll-out could find, a sentence or two a question."""
    return tuple(found_of(rehearsal, question) for question in questions(rehearsal))


def found_of(rehearsal: Rehearsal, question: Question) -> str:
    """Return what could be found of one question."""
    study, best = rehearsal.study, question.best
    spec = next(one for one in study.outcomes if one.name == question.outcome)
    outcome = spec.measure.title or question.outcome
    whom = TARGETS.get(question.term.target.kind, question.term.label())
    if best is None:
        return (
            f"{outcome}: on the real past no estimator of this plan could be relied on. Each "
            "raised false alarms too often or too seldom, or its intervals held a planted effect "
            f"too seldom or too often. (Of {whom}.)"
        )
    unit = unit_words(study, question.outcome).raw
    share = f", {percent(best.share)} of its mean," if best.share is not None else ""
    return (
        f"{outcome}: if it is analysed by {called(best.leaf)}, an effect of {number(best.mdes)} "
        f"{unit}{share} would be found in four of five roll-outs such as this one; a smaller one "
        "would more often be missed. Where nothing had happened, it raised a false alarm in "
        f"{percent(best.size)} of {best.answered:,} draws of this plan, laid on the real past. (Of "
        f"{whom}.)"
    )
