"""What an output of a study of access says, in sentences: gaps, how sure they are, what is open."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from fingerpost.core.access import CHARACTERISTICS, ORIGINS
from fingerpost.core.output import Output, Result
from fingerpost.core.refusal import Refusal
from fingerpost.core.table import Cell
from fingerpost.core.words import counted, listing, sentence
from fingerpost.plots.numbers import number, percent
from fingerpost.reports.phrases import (
    crosses,
    outcome_words,
    places_of,
    unit_of,
    with_unit,
)
from fingerpost.reports.truth import truth_of

PROVISION, CONCERN, FIRST = "provision", "concern", "first_provision"
OBSERVED, ALIKE, EQUAL_NEED, EXPLAINED = "association", "alike", "equal_need", "explained"
DESCRIBED = (
    "This describes who is provided for; nobody was assigned to a group, and a gap is no effect of "
    "being in one."
)
MOST_NEEDED, MANY = 3, 3


@dataclass(frozen=True, slots=True)
class Gap:
    """What was found of one pair of groups. whole: among all children; inner: among those of whom a
    gap at equal need can be told, where these are not all. refused: why it cannot.
    """

    contrast: str
    whole: dict[str, Result]
    inner: dict[str, Result]
    refused: Refusal | None

    @property
    def at_need(self) -> Result | None:
        """The gap at equal need, None where it was not told."""
        return self.inner.get(EQUAL_NEED) or self.whole.get(EQUAL_NEED)

    @property
    def parts(self) -> dict[str, Result]:
        """The results that the gap at equal need is part of."""
        return self.inner if EQUAL_NEED in self.inner else self.whole


def gaps(output: Output, outcome: str = PROVISION) -> tuple[Gap, ...]:
    """Return what was found of each pair of groups, in the order of the study."""
    found: dict[str, Gap] = {}
    for result in output.results:
        if result.term.outcome != outcome:
            continue
        gap = found.setdefault(result.term.words(), Gap(result.term.words(), {}, {}, None))
        (gap.inner if result.term.subgroup else gap.whole)[result.term.target.label()] = result
    refused = {
        term.words(): refusal
        for refusal in output.refusals
        for term in refusal.terms
        if term.outcome == outcome
    }
    names = dict.fromkeys((*found, *refused))
    return tuple(
        Gap(
            name,
            found[name].whole if name in found else {},
            found[name].inner if name in found else {},
            refused.get(name),
        )
        for name in names
    )


def characteristic_of(contrast: str) -> str:
    """Return the title of the characteristic that a pair of groups is of; empty where none is."""
    first = contrast.split(" v ")[0]
    for one in CHARACTERISTICS.values():
        if first in (words for _, words in one.groups):
            return one.title
    return ""


# ------------------------------------------------------------------------------- answers
def answers(output: Output) -> tuple[str, ...]:
    """Return what cannot be told of any gap, how many are provided for in all, what the numbers
    are, and one paragraph a characteristic.
    """
    return (
        *refused_alike(output),
        *in_all(output),
        *lead(output),
        *(text for text, _ in by_characteristic(output)),
    )


def refused_alike(output: Output) -> tuple[str, ...]:
    """Return why no gap at equal need can be told, where none can, in one sentence."""
    found = gaps(output)
    why = {reasons_of(gap) for gap in found}
    if len(found) < 2 or len(why) > 1 or any(gap.refused is None for gap in found):
        return ()
    return (sentence(f"whether any gap is left at equal need, we cannot tell: {why.pop()}"),)


def reasons_of(gap: Gap) -> str:
    """Return why a gap cannot be told, each reason once."""
    rules = gap.refused.rules if gap.refused else ()
    return "; ".join(dict.fromkeys(rule.words for rule in rules if rule.words))


def in_all(output: Output) -> tuple[str, ...]:
    """Return how many children are provided for by the end of follow-up."""
    table = output.table("access_incidence")
    rows = [row for row in table.records() if not row["characteristic"]] if table else []
    known = [row for row in rows if isinstance(row["incidence"], float)]
    if not known:
        return ()
    last = known[-1]
    share, time = float(str(last["incidence"])), float(str(last["time"]))
    name = outcome_words(output.study, FIRST)
    return (
        sentence(
            f"{name}: {number(100 * share)} of 100 children by {time:g} years after "
            f"{origin_words(output)}"
        ),
    )


def origin_words(output: Output) -> str:
    """Return from when the time to first provision is counted."""
    return ORIGINS[output.study.access.origin] if output.study.access else "the origin"


def lead(output: Output) -> tuple[str, ...]:
    """Return what the numbers of the gaps are."""
    found = gaps(output)
    if not any(gap.whole for gap in found):
        return ()
    among = {gap.at_need.term.subgroup for gap in found if gap.at_need is not None}
    whom = next((f" (among {words})" for words in among if words), "")
    need = f", and at equal recorded need{whom}" if among else ""
    name = outcome_words(output.study, PROVISION)
    return (
        f"A gap is how many more or fewer of 100 children have {name}: as observed, between "
        f"children alike in what was measured{need}.",
    )


def by_characteristic(output: Output) -> list[tuple[str, bool]]:
    """Return a paragraph a characteristic, and whether anything in it cannot be told."""
    apart = not refused_alike(output)
    found: dict[str, list[Gap]] = {}
    for gap in gaps(output):
        found.setdefault(characteristic_of(gap.contrast), []).append(gap)
    told = []
    for title, own in found.items():
        texts = [text for gap in own if (text := answer_to(output, gap, refusals=apart))]
        if texts:
            head = f"By {title}. " if title else ""
            told.append((head + " ".join(texts), any(gap.refused for gap in own)))
    return told


def answer_to(output: Output, gap: Gap, *, refusals: bool = True) -> str:
    """Return what was found of one pair of groups: what cannot be told first."""
    parts = [refused_words(gap)] if gap.refused is not None and refusals else []
    told = list(clauses(output, gap))
    if told:
        meant = judgement(output, gap)
        parts.append(sentence(f"{gap.contrast}: {', '.join(told)}{': ' if meant else ''}{meant}"))
    return " ".join(parts)


def refused_words(gap: Gap) -> str:
    """Return why a gap cannot be told."""
    if gap.refused is None:
        return ""
    why = reasons_of(gap)
    needy = any(term.target.kind == EQUAL_NEED for term in gap.refused.terms)
    at = " at equal need" if needy else ""
    return sentence(f"{gap.contrast}{at}: we cannot tell{': ' if why else ''}{why}")


def clauses(output: Output, gap: Gap) -> Iterable[str]:
    """Yield the gap as observed, between children alike in what was measured, and at equal need."""
    if OBSERVED in gap.whole:
        yield f"{size(output, gap.whole[OBSERVED])} as observed"
    if ALIKE in gap.whole:
        yield f"{size(output, gap.whole[ALIKE])} alike in what was measured"
    if gap.at_need is not None:
        yield f"{size(output, gap.at_need)} at equal need"


def size(output: Output, result: Result) -> str:
    """Return a gap with its interval, of 100 children, and what is true where that is known."""
    unit = unit_of(output.study, result.term)
    places = places_of(result, unit)
    way = "more" if result.value > 0 else "fewer"
    told = f"{number(abs(result.value) * unit.times, places)} {way}"
    if result.lo is None or result.hi is None:
        return f"{told} (no interval is justified)"
    lo, hi = (number(end * unit.times, places) for end in (result.lo, result.hi))
    value = truth_of(output, result.term)
    planted = "" if value is None else f"; planted truth {number(value * unit.times, places)}"
    return f"{told} ({lo} to {hi}{planted})"


def judgement(output: Output, gap: Gap) -> str:
    """Return what the interval of the gap at equal need says; never that there is none at all."""
    need = gap.at_need
    least = output.study.access.important if output.study.access else None
    held = None if need is None else crosses(need)
    if need is None or held is None or need.lo is None or need.hi is None:
        return ""
    named = "" if least is None else with_unit(100 * least, unit_of(output.study, need.term))
    within = least is not None and max(abs(need.lo), abs(need.hi)) < least
    if held and within:
        return f"no gap as large as the smallest that matters ({named}) is left at equal need"
    if held:
        return "the records do not settle whether one is left at equal need"
    small = f", all of it below the smallest that matters ({named})" if within else ""
    return f"a gap is left at equal need that nothing taken account of here explains{small}"


# ------------------------------------------------------------------------------- reasons
def reasons(output: Output) -> tuple[str, ...]:
    """Return what speaks for and against being sure."""
    told = (
        DESCRIBED,
        *many_words(output),
        *need_words(output),
        *concern_words(output),
        *needed_words(output),
        *places_words(output),
    )
    return tuple(sentence(text) for text in told if text)


def many_words(output: Output) -> tuple[str, ...]:
    """Return which gaps stand at equal need when all are asked at once (Holm 1979)."""
    table = output.table("access_tests")
    found = {str(row["contrast"]): row for row in table.records()} if table else {}
    if len(found) < MANY:
        return ()
    level = 1 - output.study.level
    kept = [name for name, row in found.items() if below(row["p_holm"], level)]
    alone = sum(below(row["p"], level) for row in found.values())
    told = f": {listing(kept)}" if kept else ""
    return (
        f"Of {len(found)} gaps at equal need, {alone} are told from none each for itself; with "
        f"Holm's correction for asking all at once, {len(kept)}{told}",
    )


def below(cell: Cell, level: float) -> bool:
    """Return whether a cell is a number below a level."""
    return isinstance(cell, int | float) and cell < level


def need_words(output: Output) -> tuple[str, ...]:
    """Return of whom need is on record."""
    if output.study.access is None or not output.study.access.need:
        return ("The study asks for no recorded need, so no gap at equal need is told.",)
    reached = [gap.at_need for gap in gaps(output) if gap.at_need is not None]
    if not reached:
        return (
            "No gap at equal need can be told from these records: need must be on record of "
            "children whether or not they are provided for.",
        )
    known = output.study.access.reliability
    error = f"its reliability is {number(known)}" if known else "its reliability is not known to us"
    among = reached[0].term.subgroup
    who = f"only among {among}" if among else "among all children"
    return (
        f"Gaps at equal need are told {who}; need is recorded with error ({error}), so some of a "
        "gap that is left may still be need.",
    )


def concern_words(output: Output) -> tuple[str, ...]:
    """Return the largest gap in raising a concern, which comes before every other."""
    reached = [gap.at_need for gap in gaps(output) if gap.at_need is not None]
    if not any(result.term.subgroup for result in reached):
        return ()
    found = [gap.whole[ALIKE] for gap in gaps(output, CONCERN) if ALIKE in gap.whole]
    if not found:
        return ()
    largest = max(found, key=lambda result: abs(result.value))
    return (
        "Whether a concern is raised at all comes first, and of children without one no need is on "
        f"record: the largest gap in that is {largest.term.words()}, {size(output, largest)} of "
        "100 children alike in what was measured",
    )


def needed_words(output: Output) -> tuple[str, ...]:
    """Return how far groups would have to differ in unrecorded need to explain the gaps that are
    left, the most robust first.
    """
    rows = needed_rows(output)
    firm = [row for row in rows if abs(as_float(row["needed_interval"])) > 0]
    firm.sort(key=lambda row: -abs(as_float(row["needed_interval"])))
    told = []
    for row in firm[:MOST_NEEDED]:
        told.append(f"{row['contrast']}, {more_or_less(row['needed'])}{beside(row)}")
    if not told:
        return ()
    return (
        "To leave no gap, children of the first group would have to have had, of need that nobody "
        f"recorded, so many standard deviations: {'; '.join(told)}",
    )


def more_or_less(cell: Cell) -> str:
    """Return a difference in need as a size and a way."""
    value = as_float(cell)
    return f"{number(abs(value))} {'more' if value > 0 else 'less'}"


def beside(row: dict[str, Cell]) -> str:
    """Return by how much the groups differ in recorded need, in brackets; empty where unknown."""
    known = isinstance(row["recorded"], int | float)
    return f" (of recorded need they had {more_or_less(row['recorded'])})" if known else ""


def needed_rows(output: Output) -> list[dict[str, Cell]]:
    """Return, a pair of groups, the difference in unrecorded need at the slope taken: the gap at
    equal need where it was told, else the one between children alike in what was measured.
    """
    chosen: dict[str, dict[str, Cell]] = {}
    for table in (table for table in output.tables if table.name == "access_needed"):
        by_contrast: dict[str, list[dict[str, Cell]]] = {}
        for row in table.records():
            by_contrast.setdefault(str(row["contrast"]), []).append(row)
        for contrast, rows in by_contrast.items():
            middle = rows[len(rows) // 2]  # half, the same and double: the same is in the middle
            known = [middle["needed"], middle["needed_interval"]]
            if not all(isinstance(cell, int | float) for cell in known):
                continue
            if contrast not in chosen or middle["gap_kind"] == EQUAL_NEED:
                chosen[contrast] = middle
    return list(chosen.values())


def places_words(output: Output) -> tuple[str, ...]:
    """Return how much of who is provided for goes with the school and the local authority."""
    table = output.table("access_places")
    if table is None:
        return ()
    told = [
        f"{row['place']} {percent(as_float(row['icc']))}"
        for row in table.records()
        if row["model"] == "no covariates" and isinstance(row["icc"], int | float)
    ]
    if not told:
        return ()
    return (
        f"Of the variance in who is provided for, on the logit scale, {listing(told)} lie between "
        "places, each level by itself and before any covariate",
    )


def as_float(cell: Cell) -> float:
    """Return a number of a table, 0 where there is none."""
    known = isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell)
    return float(cell) if known and cell is not None else 0.0


# ------------------------------------------------------------------------------- limits
def limitations(output: Output) -> tuple[str, ...]:
    """Return what a study of access cannot say."""
    told = [
        DESCRIBED,
        "Alike in what was measured means: the probability of provision is modelled by group and "
        f"{counted(len(output.study.given), 'covariate')}, and averaged over all children; groups "
        "may differ in what was not measured.",
        "Children are those in a state school at the date of the question; who died or moved "
        "before it is not in the curves.",
    ]
    told += refused_alike(output) or [
        refused_words(gap) for gap in gaps(output) if gap.refused is not None
    ]
    mends = dict.fromkeys(refusal.mend for refusal in output.refusals if refusal.mend)
    told += [f"The mend: {mend}" for mend in mends]
    told += [
        f"Withheld under policy {item.policy}: {item.what} ({item.rule})"
        for item in output.withheld[:3]
    ]
    return tuple(sentence(text) for text in told)
