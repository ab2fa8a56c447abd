"""Who is studied in linked records, in plain words: what the document says by keys and codes."""

from __future__ import annotations

from dataclasses import replace

from fingerpost.core.leaves import Phenotype, load
from fingerpost.core.linked import Linked
from fingerpost.core.study import Study
from fingerpost.core.words import listing

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
KEYS = "population."


def in_words(study: Study) -> Study:
    """Return the study with arms and population in plain words, where its author wrote none."""
    study = with_strategies(study)
    said = "; ".join(
        f"{name.removeprefix(KEYS)} {value}" for name, value in study.notes if name.startswith(KEYS)
    )
    # Without words of the author's the document's keys stand there as they are.
    if study.linked is None or study.population_words != said:
        return study
    return replace(study, population_words=population_words(study.linked))


def with_strategies(study: Study) -> Study:
    """Return the study with what its arms mean in words, where the document says it by keys."""
    meant = () if study.linked is None else study.linked.strategies
    if [arm for arm, _ in meant] != [arm for arm, _ in study.arms.words]:
        return study
    words = tuple((arm, strategy.words) for arm, strategy in meant)
    return replace(study, arms=replace(study.arms, words=words))


def population_words(linked: Linked) -> str:
    """Return whom a study of linked records is about.

    >>> population_words(Linked(born=("2003-09", "2008-08")))[:62]
    'children born September 2003 to August 2008, in a state-funded'
    """
    who = condition(linked)
    born = "" if linked.born is None else f"born {' to '.join(month(at) for at in linked.born)}"
    joined = f"{who} {born}" if who == "children" and born else ", ".join(filter(None, (who, born)))
    kind = "mainstream state-funded" if linked.school == "mainstream" else "state-funded"
    at = linked.zero.words()
    if linked.zero.repeated:
        parts = [joined, f"in a {kind} school at {at} and not yet provided for"]
    else:
        parts = [joined, f"in a {kind} school at {at}"]
    if linked.new_users and not linked.zero.repeated:
        parts.append("without recorded provision in any earlier school year")
    if linked.concern:
        parts.append("with a concern raised by then")
    return ", ".join(parts)


def condition(linked: Linked) -> str:
    """Return the children that a phenotype finds, with the groups of it that are studied."""
    if linked.code_list:
        return "children with a code of the study's own list"
    if not linked.phenotype:
        return "children"
    leaf = load("phenotypes", linked.phenotype, kind=Phenotype)
    title = leaf.title[:1].lower() + leaf.title[1:]
    who = leaf.who or f"children with {title}"
    named = dict(leaf.groups)
    only = listing([named.get(group, group.replace("_", " ")) for group in linked.groups])
    return f"{who} ({only} only)" if only else who


def month(text: str) -> str:
    """Return a month of a year as it is said.

    >>> month("2003-09")
    'September 2003'
    """
    year, _, number = text.partition("-")
    return f"{MONTHS[int(number) - 1]} {year}"
