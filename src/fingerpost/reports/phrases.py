"""Parts of sentences about one number: of what, in which unit, how large, for whom."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from fingerpost.core.estimand import Target, Term
from fingerpost.core.output import Output, Result
from fingerpost.core.region import Region
from fingerpost.core.study import OutcomeSpec, Study
from fingerpost.core.table import Cell
from fingerpost.core.words import SENSITIVITY_RANGE, exposure_words, listing, sentence, target_words
from fingerpost.plots.numbers import number, percent, pieces, shared_places

PER_HUNDRED = {"risk", "survival"}
# Summaries of a time to an event that grow as the event is had by fewer.
WITHOUT = {"survival", "rmst"}
# Beyond these a ratio is easier to grasp as "times" than as a percentage.
PERCENT_RATIOS = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Unit:
    """How one term's numbers are shown: multiplied by `times`, followed by `words`."""

    words: str
    times: float = 1.0


def spec_of(study: Study, outcome: str) -> OutcomeSpec | None:
    """Return how an outcome is read, or None where the study does not name it."""
    return next((spec for spec in study.outcomes if spec.name == outcome), None)


def outcome_words(study: Study, outcome: str) -> str:
    """Return the outcome's title as it stands within a sentence, or its name."""
    spec = spec_of(study, outcome)
    return within(spec.measure.title) if spec and spec.measure.title else outcome.replace("_", " ")


def within(title: str) -> str:
    """Return a title without the capital that begins it, where that is all the capital it has.

    >>> within("Unauthorised absence"), within("Key Stage 2 mathematics"), within("IQ")
    ('unauthorised absence', 'Key Stage 2 mathematics', 'IQ')
    """
    return title[:1].lower() + title[1:] if title[1:] == title[1:].lower() else title


def unit_of(study: Study, term: Term) -> Unit:
    """Return the natural unit of a term's numbers on the difference scale."""
    spec = spec_of(study, term.outcome)
    if term.scale == "ratio":
        return Unit("times")
    if term.summary in PER_HUNDRED or (spec and spec.kind == "binary"):
        # Of a roll-out, answers are means over units of the share of each unit's children.
        return Unit("per 100 children" if study.rollout is None else "percentage points", 100.0)
    measured = spec.measure.measured_in if spec else ""
    if spec and spec.read:  # a measure of linked records says its person-time itself
        return Unit(measured)
    if term.summary == "rate" or (spec and spec.kind == "count"):
        exposure = spec.exposure if spec and spec.exposure else "child"
        return Unit(f"{measured or 'events'} per {exposure}")
    if measured:
        return Unit(measured)
    return Unit("")


def with_unit(value: float, unit: Unit, places: int | None = None) -> str:
    """Return a number with its unit."""
    return f"{number(value, places)} {unit.words}".strip()


def in_unit(
    value: float | None,
    limits: tuple[float | None, float | None],
    *,
    unit: Unit,
    scale: str,
) -> str:
    """Return a value with its limits, all in a natural unit; the value alone where it has none.

    >>> in_unit(-5.8336, (-8.09, -3.58), unit=Unit("points"), scale="difference")
    '−5.83 points (−8.09 to −3.58)'
    """
    if value is None or math.isnan(value):
        return "not a number"
    shown = [None if each is None else each * unit.times for each in (value, *limits)]
    places = None if scale == "ratio" else shared_places(shown)
    told = with_unit(value * unit.times, unit, places)
    if limits[0] is None or limits[1] is None:
        return told
    return f"{told} ({number(shown[1], places)} to {number(shown[2], places)})"


def set_words(study: Study, region: Region) -> str:
    """Return a set of values in the natural unit of its term."""
    unit = unit_of(study, region.term)
    parts = tuple((lo * unit.times, hi * unit.times) for lo, hi in region.pieces)
    bounded = any(math.isfinite(end) for piece in parts for end in piece)
    return f"{pieces(parts)} {unit.words}".strip() if bounded else pieces(parts)


def whom(term: Term, study: Study | None = None) -> str:
    """Return whom a number is for, within a sentence; with the study, times have their unit.

    >>> from fingerpost.core.estimand import Target, pair
    >>> whom(Term("maths", pair("services", "none"), Target("att")))
    'the children who received services'
    """
    words = people(term)
    return words if term.horizon is None else f"{words}, by {horizon_words(term, study)}"


def people(term: Term) -> str:
    """Return the children a number is for, with the subgroup they are of."""
    # How much more is provided is told where the arms are: it is no group of children.
    target = Target("ate", trim=term.target.trim) if term.target.delta is not None else term.target
    words = target_words(target, term.contrast)
    if term.exposure_time is not None:
        since = exposure_words(term.exposure_time)
        words = f"units {since}{' it began' if term.exposure_time else ' there'}"
    words = f"the {words}" if words.startswith("children") else words
    return words if term.subgroup is None else f"{words}, among {term.subgroup}"


def horizon_words(term: Term, study: Study | None) -> str:
    """Return a term's horizon in its unit of time."""
    spec = spec_of(study, term.outcome) if study else None
    unit = f" {spec.measure.measured_in}" if spec and spec.measure.measured_in else ""
    return f"{term.horizon:g}{unit}"


def target_heading(term: Term) -> str:
    """Return whom a number is for as a short heading, with the target's short name."""
    words = {
        "ate": "All children",
        "overlap": "Children whose arm was in doubt",
        "association": "As observed, nothing adjusted for",
        "conditional": "Coefficient given the covariates",
        "compliers": "Children whose arm the instrument moves",
        "cutoff": "Children at the cut-off",
        "matched": "Children for whom a match was found",
    }.get(term.target.kind) or sentence(
        people(replace(term, subgroup=None, exposure_time=None))
    ).removesuffix(".").removeprefix("The ")
    if term.target.kind == "ate" and term.target.trim is not None:
        words = "Children with overlap"
    if term.target.delta is not None:
        words = f"All children, the odds of provision multiplied by {term.target.delta:g}"
    return f"{words[:1].upper()}{words[1:]} ({term.target.label()})"


def headings(output: Output) -> dict[str, str]:
    """Return the heading of every target that an output speaks of, by its short name."""
    terms = [result.term for result in (*output.results, *output.extrapolations)]
    terms += [term for refusal in output.refusals for term in refusal.terms]
    terms += [item.region.term for item in output.regions]
    terms += [
        Term("", contrast, target)
        for contrast in output.study.estimand.contrasts[:1]
        for target in output.study.estimand.targets
    ]
    several = len({term.words() for term in terms}) > 1
    told: dict[str, str] = {}
    for term in terms:
        label = term.target.label()
        # With several contrasts "received the first arm" means another arm in each.
        if several and term.target.kind in ("att", "atu"):
            which = "first" if term.target.kind == "att" else "second"
            told.setdefault(
                label, f"Children who received the {which} arm of the contrast ({label})"
            )
        told.setdefault(label, target_heading(term))
    return told


def target_phrase(output: Output, label: Cell) -> str:
    """Return a target's heading by its short name, within a sentence; with the time and the
    subgroup that its label may name.
    """
    known = headings(output)
    kind, comma, rest = str(label or "the target").partition(", ")
    if str(label) in known or kind not in known:
        kind, comma, rest = str(label or "the target"), "", ""
    heading = known.get(kind, kind)
    return f"{heading[:1].lower()}{heading[1:]}{comma}{rest}"


def outcome_unit_words(study: Study, outcome: str) -> str:
    """Return the unit in which an outcome is recorded."""
    spec = spec_of(study, outcome) or (study.outcomes[0] if len(study.outcomes) == 1 else None)
    if spec is None:
        return "the unit of the outcome"
    return spec.measure.measured_in or f"the unit of {spec.column or spec.name}"


def way(value: float, scale: str = "difference") -> str:
    """Return 'higher' or 'lower'."""
    return "higher" if value > (1.0 if scale == "ratio" else 0.0) else "lower"


def directed(value: float, unit: Unit, places: int | None = None) -> str:
    """Return a difference as a size and a way.

    >>> directed(-5.83, Unit("IRT points"), 2)
    '5.83 IRT points lower'
    """
    size = number(abs(value) * unit.times, places)
    return f"{size} {unit.words} {way(value)}".replace("  ", " ")


def difference_interval(result: Result, unit: Unit, places: int | None) -> str:
    """Return the interval of a difference in words, open ends named."""
    lo, hi = result.lo, result.hi
    if lo is None or hi is None or math.isnan(lo) or math.isnan(hi):
        return "no interval is justified"
    level = limits_called(result)
    if math.isinf(lo) and math.isinf(hi):
        return f"{level}: unbounded on both sides"
    if math.isinf(lo) or math.isinf(hi):
        if math.isinf(lo):
            return f"{level}: anything up to {number(hi * unit.times, places)}"
        return f"{level}: anything from {number(lo * unit.times, places)} up"
    near, far = sorted((lo, hi), key=abs)
    if lo * hi > 0:
        first, last = (number(abs(end) * unit.times, places) for end in (near, far))
        return f"{level} {first} to {last} {way(far)}"
    low, high = (number(abs(end) * unit.times, places) for end in (lo, hi))
    return f"{level} {low} lower to {high} higher"


def ratio_interval(result: Result) -> str:
    """Return the interval of a ratio in words."""
    if result.lo is None or result.hi is None:
        return "no interval is justified"
    lo, hi = number(result.lo), number(result.hi)
    return f"{limits_called(result)} {lo} to {hi}"


def limits_called(result: Result) -> str:
    """Return what the limits of a result are called in front of them."""
    return SENSITIVITY_RANGE if result.ranged else f"{percent(result.level)} interval"


def span_called(result: Result) -> str:
    """Return what lies between the limits of a result, in one word."""
    return "range" if result.ranged else "interval"


def ratio_size(value: float) -> str:
    """Return a ratio in words, with the percentage where that is easier to grasp.

    >>> ratio_size(0.861)
    '0.861 times as high (13.9% lower)'
    """
    low, high = PERCENT_RATIOS
    times = f"{number(value)} times as high"
    if not low <= value <= high or value == 1.0:
        return times
    return f"{times} ({number(abs(value - 1) * 100)}% {way(value, 'ratio')})"


def places_of(result: Result, unit: Unit) -> int:
    """Return the decimals at which a result and its limits are shown."""
    shown = (result.value, result.lo, result.hi)
    return shared_places(None if each is None else each * unit.times for each in shown)


def effect(study: Study, result: Result) -> str:
    """Return one result as a clause: how much higher or lower, under which arm, how sure."""
    term, unit = result.term, unit_of(study, result.term)
    name = outcome_words(study, term.outcome)
    if math.isnan(result.value):
        return f"{name} could not be compared: the estimate is not a number"
    if term.scale == "ratio":
        size, limits = ratio_size(result.value), ratio_interval(result)
    else:
        places = places_of(result, unit)
        limits = difference_interval(result, unit, places)
        size = directed(result.value, unit, places)
    name = f"{name}{by_when(study, term)}"
    if term.scale == "level" or len(term.contrast) == 1:
        shown = with_unit(result.value * unit.times, unit)
        return f"{name} is {shown} under {term.words()} ({limits})"
    if term.target.kind == "incremental":
        odds = f"with the odds of {term.contrast[0][0]} multiplied by {term.target.delta:g}"
        return f"{name} is {size} {odds}, against things as they are ({limits})"
    arms = two_sides(term)
    if arms is not None:
        joint = "as under" if term.scale == "ratio" else "than under"
        return f"{name} is {size} under {arms[0]} {joint} {arms[1]} ({limits})"
    return f"{name}: the contrast {contrast_phrase(term)} is {size} ({limits})"


def two_sides(term: Term) -> tuple[str, str] | None:
    """Return what is compared with what, where a contrast sets one mean of arms against another.

    >>> two_sides(Term("maths", (("help", 0.5), ("plan", 0.5), ("none", -1.0)), Target("ate")))
    ('the mean of help and plan', 'none')
    """
    if len(term.contrast) < 2:
        return None
    sides = []
    for sign in (1.0, -1.0):
        own = [(arm, sign * weight) for arm, weight in term.contrast if sign * weight > 0]
        if not math.isclose(sum(weight for _, weight in own), 1.0):
            return None
        sides.append(mean_words(own))
    return sides[0], sides[1]


def mean_words(arms: list[tuple[str, float]]) -> str:
    """Return a mean of arms, whose weights add up to 1, in words."""
    if len(arms) == 1:
        return arms[0][0]
    if len({weight for _, weight in arms}) == 1:
        return f"the mean of {listing([arm for arm, _ in arms])}"
    return listing([f"{percent(weight)} {arm}" for arm, weight in arms])


def contrast_phrase(term: Term) -> str:
    """Return a contrast as a reader says it.

    >>> contrast_phrase(Term("", (("help", 1.0), ("plan", 1.0), ("none", -1.0)), Target("ate")))
    '1 × help + 1 × plan − 1 × none'
    """
    arms = two_sides(term)
    if len(term.contrast) == 1:
        return term.words()
    if arms is not None:
        return f"{arms[0]} v {arms[1]}"
    parts = [f"{'−' if w < 0 else '+'} {abs(w):g} × {arm}" for arm, w in term.contrast]
    return " ".join(parts).removeprefix("+ ")


def by_when(study: Study, term: Term) -> str:
    """Return what of a time to an event is compared, and by when; empty for other outcomes."""
    if term.horizon is None:
        return ""
    by = horizon_words(term, study)
    words = {
        "survival": f" (the share without the event by {by})",
        "rmst": f" (the mean time without the event, up to {by})",
    }
    return words.get(term.summary, f" (the share with the event by {by})")


def null_of(term: Term) -> float:
    """Return the value of a term that means no difference."""
    return 1.0 if term.scale == "ratio" else 0.0


def crosses(result: Result) -> bool | None:
    """Return whether an interval holds no difference; None where there is no interval."""
    if result.lo is None or result.hi is None:
        return None
    return result.lo <= null_of(result.term) <= result.hi


def judgement(study: Study, result: Result, *, among: str = "") -> str:
    """Return what an interval says about good and harm; never 'no effect'. among: for whom alone it
    says so, where it does not for all.
    """
    spec, term = spec_of(study, result.term.outcome), result.term
    held = crosses(result)
    sides = term.target.delta is not None or two_sides(term) is not None
    if held is None or not sides or not math.isfinite(result.value):
        return ""
    name, better = outcome_words(study, term.outcome), spec.measure.better if spec else ""
    if held:
        return (
            f"The records are compatible with {compatible(study, result)}, so they do not settle "
            f"which way {name} moves."
        )
    if better not in ("higher", "lower"):
        return ""
    good = way(result.value, term.scale) == better
    side = f"{sentence(better).removesuffix('.')} is better for {name}"
    if term.summary in WITHOUT:
        # Of a time to an event the study says which way is good for having the event.
        good = not good
        side = (
            f"Longer without it is better for {name}"
            if better == "lower"
            else f"To have it sooner is better for {name}"
        )
    verb = "an improvement" if good else "a harm"
    doubt = "" if study.assignment.randomised else ", as far as the assumptions hold"
    of = f" among {among}" if among else ""
    return f"{side}, so this is {verb}{of}{doubt}.{matters(study, result)}"


def compatible(study: Study, result: Result) -> str:
    """Return the two ends of an interval in words."""
    lo, hi = result.lo, result.hi
    if lo is None or hi is None:
        return "any value"
    if result.term.scale == "ratio":
        return f"anything from {number(lo)} to {number(hi)} times"
    unit = unit_of(study, result.term)
    places = places_of(result, unit)
    ends = [
        f"no bound {'below' if end < 0 else 'above'}"
        if math.isinf(end)
        else directed(end, unit, places)
        for end in (lo, hi)
    ]
    return f"anything from {ends[0]} to {ends[1]}"


def matters(study: Study, result: Result) -> str:
    """Return how the interval lies to the smallest difference that matters, where one is named."""
    spec = spec_of(study, result.term.outcome)
    least = spec.measure.important if spec else None
    if least is None or result.term.scale != "difference" or result.lo is None or result.hi is None:
        return ""
    unit = unit_of(study, result.term)
    near, far = sorted((abs(result.lo), abs(result.hi)))
    named = f"the smallest difference that matters ({with_unit(abs(least) * unit.times, unit)})"
    span = span_called(result)
    if near >= abs(least):
        return f" All of the {span} is at least {named}."
    if far < abs(least):
        return f" All of the {span} is below {named}."
    return f" The {span} holds {named}."


def primary_of(output: Output) -> tuple[Result, ...]:
    """Return the results of primary leaves with a causal target, in the order of the study.

    Where the study declares none, every leaf that claims a causal target is primary.
    """
    found = [r for r in output.results if r.role == "answer" and r.term.target.causal]
    marked = [result for result in found if result.primary]
    order = {name: at for at, name in enumerate(output.study.primary)}
    return tuple(
        sorted(marked or found, key=lambda result: order.get(result.estimator, len(order)))
    )
