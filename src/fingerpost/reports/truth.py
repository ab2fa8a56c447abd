"""What is true, beside what was found, where the records are made up and their truth is known."""

from __future__ import annotations

from fingerpost.core.estimand import Term
from fingerpost.core.output import Output, Result
from fingerpost.core.words import counted, listing, sentence
from fingerpost.plots.numbers import number
from fingerpost.reports.parts import Entry, Grid, Heading, Part, Words
from fingerpost.reports.phrases import outcome_words, places_of, span_called, unit_of, with_unit

COLUMNS = (
    "Outcome",
    "Compared",
    "For",
    "Naive",
    "Primary answer",
    "Interval",
    "Truth",
    "Interval holds it",
)
HELD = {True: "yes", False: "no", None: "not answered"}


CAUSAL = (
    "No child in these records is real, and what each would have had in every arm is known. "
    "The truth here is that of the children studied, each counted as the answer counts them; of "
    "arms that differ in when or how much, of all children like them."
)
GAPS = (
    "No child in these records is real, and how likely each was to be provided for is known. The "
    "truth of a gap as observed is what the children's own chances differ by; at equal need, what "
    "they would differ by if the same children were of the one group and of the other, their "
    "severity, conditions, school and all else as they are."
)
TRIAL = (
    "No child in these records is real, and what each would have had in every arm is known. The "
    "truth here is that of all who could have taken part in the trial, each with the luck it had, "
    "were all of them in one arm and then in the other."
)
TRIAL_MISSES = (
    "An interval can miss it by chance, as about one in twenty does; arms were drawn, so that "
    "nothing that was not recorded can have moved both arm and outcome."
)
MISSES = (
    "An interval can miss it by chance, as about one in twenty does; and it does where something "
    "that moved both arm and outcome was not recorded, as severity of need is not."
)
GAP_MISSES = (
    "An interval can miss it by chance; and at equal need it does where need is recorded with "
    "error, or where a condition that nobody had recorded yet brings provision and goes with the "
    "group."
)


def truth_parts(output: Output) -> list[Part]:
    """Return a heading, a sentence and a table of naive, primary answer and truth, a row a term,
    and of what no truth can be had, and why; nothing where the records are real.
    """
    if not output.truth and not output.untold:
        return []
    caption = "Truth, as this England is synthetic"
    parts: list[Part] = [Heading(caption, "truth")]
    if output.truth:
        answered = [
            held
            for held in (holds(output, term, v) for term, v in output.truth)
            if held is not None
        ]
        kind = "interval" if output.study.access is not None else "first primary interval"
        held = f"{sum(answered)} of {counted(len(answered), kind)} hold it."
        what, misses = said_of(output)
        words = f"{what} {held} {misses}"
        rows = [row(output, term, value) for term, value in output.truth]
        parts += [Words(words), Grid(caption, COLUMNS, tuple(rows))]
    return [*parts, *(Words(untold(output, what, why)) for what, why in output.untold)]


def said_of(output: Output) -> tuple[str, str]:
    """Return whose truth it is, and why an interval may miss it."""
    if output.study.access is not None:
        return GAPS, GAP_MISSES
    return (TRIAL, TRIAL_MISSES) if output.study.trial is not None else (CAUSAL, MISSES)


def untold(output: Output, what: str, why: str) -> str:
    """Return of what no truth is printed, and why."""
    names = {spec.name for spec in output.study.outcomes}
    words = listing(
        outcome_words(output.study, each) if each in names else each for each in what.split(", ")
    )
    return sentence(f"No truth is printed of {words}: {why}")


def planted(output: Output, result: Result) -> str:
    """Return what is true of a result's term, and whether its interval holds that, in a sentence;
    empty where no truth is known.
    """
    value = truth_of(output, result.term)
    if value is None:
        return ""
    told = f"These records are synthetic: the planted truth is {in_its_unit(output, result, value)}"
    if result.lo is None or result.hi is None:
        return sentence(told)
    held = "holds" if result.lo <= value <= result.hi else "does not hold"
    return sentence(f"{told}, which the {span_called(result)} {held}")


def truth_of(output: Output, term: Term) -> float | None:
    """Return what is true of a term, None where it is not known."""
    return next((value for each, value in output.truth if each == term), None)


def in_its_unit(output: Output, result: Result, value: float) -> str:
    """Return a truth in the unit, and with the decimals, of the answer beside it."""
    unit = unit_of(output.study, result.term)
    places = None if result.term.scale == "ratio" else places_of(result, unit)
    return with_unit(value * unit.times, unit, places)


def first_primary(output: Output, term: Term) -> Result | None:
    """Return the first primary answer to a term."""
    own = [result for result in output.results if result.term == term]
    return next((result for result in own if result.primary), own[0] if own else None)


def naive_of(output: Output, term: Term) -> Result | None:
    """Return the difference as observed, nothing adjusted for."""
    return next(
        (
            result
            for result in output.results
            if result.term.target.kind == "association"
            and (result.term.outcome, result.term.contrast) == (term.outcome, term.contrast)
            and result.term.subgroup == term.subgroup
        ),
        None,
    )


def holds(output: Output, term: Term, value: float) -> bool | None:
    """Return whether the first primary interval holds the truth; None where there is none."""
    found = first_primary(output, term)
    if found is None or found.lo is None or found.hi is None:
        return None
    return found.lo <= value <= found.hi


def row(output: Output, term: Term, value: float) -> tuple[Entry, ...]:
    """Return one row: what is asked, as observed, as answered, and as it is."""
    found, crude = first_primary(output, term), naive_of(output, term)
    words = (
        outcome_words(output.study, term.outcome),
        f"{term.words()}, {term.scale}",
        term.label(),
    )
    numbers = (
        number(crude.value) if crude else "",
        f"{number(found.value)} ({found.estimator})" if found else "refused",
        f"{number(found.lo)} to {number(found.hi)}" if found else "",
        number(value),
    )
    return (
        *(Entry(each) for each in words),
        *(Entry(each, numeric=True) for each in numbers),
        Entry(HELD[holds(output, term, value)]),
    )
