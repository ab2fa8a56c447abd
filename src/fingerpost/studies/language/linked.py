"""Studies of linked records: groups, strategies, time zero and follow-up as they are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from fingerpost.core.linked import LEVELS, TERMS, Linked, Strategy, TimeZero
from fingerpost.studies.language.fields import (
    Misread,
    as_text,
    as_whole,
    choose,
    fault_if,
    frozen,
    misread,
    shown,
    unknown_keys,
)
from fingerpost.studies.language.form import Document
from fingerpost.studies.language.strategies import as_strategy
from fingerpost.studies.language.tree import line_of

T = TypeVar("T")
SPAN = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2]))/(\d{4}-(?:0[1-9]|1[0-2]))")
END = re.compile(r"(?:the )?end of year (\d{1,2})", re.IGNORECASE)
FIRST_YEAR, LAST_YEAR = 1, 11
CODE_LIST = "code_list"
SCHOOLS = ("state-funded", "mainstream")


@dataclass(slots=True)
class Read:
    """A study of linked records as it was read, and the faults: (key, line, words)."""

    linked: Linked | None = None
    faults: list[tuple[str, int, str]] = field(default_factory=list)

    def part(self, key: str, reader: Callable[[Any], T], node: Any, *, usual: T) -> T:
        """Return what a reader makes of a node; the usual, and faults, where it cannot."""
        if node is None:
            return usual
        try:
            return reader(getattr(node, "node", node))
        except Misread as error:
            self.faults += [(key, line or line_of(node, 0), words) for line, words in error.faults]
            return usual


def read_linked(document: Document) -> Read:
    """Return what a document asks of linked records; nothing where its arms name a column, or
    where it is of a roll-out, whose arms are before and after provision began.
    """
    read = Read()
    drawn = document.trial.arms if document.trial is not None and document.arms is None else None
    named = isinstance(document.arms, dict) or (drawn and isinstance(document.outcomes, list))
    if not named or document.rollout is not None:
        return read
    said = document.population
    at = read.part("time_zero", as_zero, document.time_zero, usual=TimeZero())
    year, school = read.part(
        "population.enrolled", as_enrolled, said and said.enrolled, usual=(at.year, SCHOOLS[0])
    )
    if document.time_zero is None:
        at = replace(at, year=year)
    elif year != at.year:
        words = f"is of Year {year}, and time zero of Year {at.year}. Write one year."
        read.faults.append(("population.enrolled", 0, words))
    group = read.part("population.phenotype", as_phenotype, said and said.phenotype, usual=Group())
    until = read.part("follow_up", as_until, document.follow_up, usual=6)
    if until < at.years[-1]:
        words = f"ends in Year {until}, before time zero in Year {at.years[-1]}."
        read.faults.append(("follow_up", 0, words))
    read.linked = Linked(
        phenotype=group.leaf,
        code_list=group.code_list,
        groups=group.groups,
        options=group.options,
        born=read.part("population.born", as_born, said and said.born, usual=None),
        school=school,
        concern=read.part("population.concern", as_concern, said and said.concern, usual=False),
        new_users=bool(said and said.new_users),
        strategies=tuple((arm, Strategy(one.gets or arm, LEVELS)) for arm, one in drawn.items())
        if drawn
        else strategies(read, document.arms if isinstance(document.arms, dict) else {}),
        zero=at,
        until=until,
    )
    return read


def as_zero(node: object) -> TimeZero:
    """Return time zero of {year: 1, census: spring}, or of a trial each school year, {every: year,
    from: 1, to: 4, census: spring}.
    """
    if not isinstance(node, dict):
        raise misread(node, f"should be {{year: 1, census: spring}}; {shown(node)} was found.")
    census = node.get("census")
    said = "spring" if census is None else choose(census, "a census", TERMS)
    if "every" not in node:
        fault_if(unknown_keys(node, ("year", "census")))
        return TimeZero(as_year(node.get("year", "1")), said)
    fault_if(unknown_keys(node, ("every", "from", "to", "census")))
    choose(node["every"], "how often a trial begins", ("year",))
    first, last = as_year(node.get("from", "1")), as_year(node.get("to"))
    if last <= first:
        raise misread(node, f"to: Year {last} is not after Year {first}, so there is one trial.")
    return TimeZero(first, said, last)


def as_year(node: object) -> int:
    """Return a school year."""
    year = as_whole(node)
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise misread(node, f"Year {year} is not from {FIRST_YEAR} to {LAST_YEAR}.")
    return year


def as_enrolled(node: object) -> tuple[int, str]:
    """Return the year and kind of school of {year: 1, school: state-funded}."""
    if not isinstance(node, dict):
        raise misread(node, f"should be {{year: 1, school: {SCHOOLS[0]}}}.")
    fault_if(unknown_keys(node, ("year", "school")))
    school = node.get("school")
    kind = SCHOOLS[0] if school is None else choose(school, "a kind of school", SCHOOLS)
    return as_year(node.get("year", "1")), kind


@dataclass(frozen=True, slots=True)
class Group:
    """A group by health condition as it is written: the leaf, and what it is told."""

    leaf: str = ""
    code_list: str = ""
    groups: tuple[str, ...] = ()
    options: tuple[tuple[str, object], ...] = ()


def as_phenotype(node: object) -> Group:
    """Return the group of `name`, {code_list: name} or {name: {groups: […], option: value}}."""
    if not isinstance(node, dict):
        return Group(as_text(node))
    if len(node) != 1:
        raise misread(node, "should be the name of a group, or {name: {groups: [one, other]}}.")
    ((leaf, said),) = node.items()
    if said is None or isinstance(said, list):
        raise misread(leaf, f"{leaf}: should be a name, or {{groups: [one, other]}}.")
    if not isinstance(said, dict):
        if str(leaf) != CODE_LIST:
            raise misread(leaf, f"{leaf}: should be {{groups: [one, other]}} or {{option: value}}.")
        return Group(CODE_LIST, as_text(said))
    told = {str(key): value for key, value in said.items()}
    groups = told.pop("groups", [])
    names = tuple(as_text(one) for one in (groups if isinstance(groups, list) else [groups]))
    listed_as = as_text(told.pop("name")) if str(leaf) == CODE_LIST and "name" in told else ""
    return Group(str(leaf), listed_as, names, tuple((key, frozen(v)) for key, v in told.items()))


def as_born(node: object) -> tuple[str, str]:
    """Return the first and the last month of birth of 2003-09/2008-08."""
    found = SPAN.fullmatch(as_text(node))
    if found is None:
        raise misread(node, f"{shown(node)} is not a span of months. Write 2003-09/2008-08.")
    first, last = found.groups()
    if last < first:
        raise misread(node, f"{shown(node)} ends before it begins.")
    return first, last


def as_concern(node: object) -> bool:
    """Return whether only children with a concern are studied."""
    choose(node, "known of a concern", ("raised",))
    return True


def as_until(node: object) -> int:
    """Return the school year at whose end follow-up ends, of {to: end of year 6}."""
    if isinstance(node, dict):
        fault_if(unknown_keys(node, ("to",)))
        node = node.get("to")
    found = END.fullmatch(as_text(node))
    if found is None:
        raise misread(node, f"should be {{to: end of year 6}}; {shown(node)} was found.")
    return as_year(found.group(1))


def strategies(read: Read, arms: dict[str, Any]) -> tuple[tuple[str, Strategy], ...]:
    """Return what each arm means; where one is `special school`, no other holds its children."""
    found = []
    for arm, words in arms.items():
        one = read.part(f"arms.{arm}", as_strategy, words, usual=None)
        if one is not None:
            found.append((arm, one))
    if any(one.levels == ("special",) for _, one in found):
        found = [
            (arm, one if one.levels == ("special",) else without(one, "special"))
            for arm, one in found
        ]
    seen: dict[object, str] = {}
    for arm, one in found:
        key = (one.levels, one.within, one.after, one.dose, one.through, one.grace)
        if key in seen:
            words = f'"{arm}" and "{seen[key]}" are the same. Give each arm its own meaning.'
            read.faults.append((f"arms.{arm}", 0, words))
        seen.setdefault(key, arm)
    return tuple(found)


def without(strategy: Strategy, level: str) -> Strategy:
    """Return a strategy without one of its levels."""
    return replace(strategy, levels=tuple(one for one in strategy.levels if one != level))
