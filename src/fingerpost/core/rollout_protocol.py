"""A study of a roll-out in words: what was asked, part by part, and how it is answered."""

from __future__ import annotations

from fingerpost.core.assignment import Randomised
from fingerpost.core.protocol import agreement, outcome_words, sources, strategies
from fingerpost.core.rollout import Bordering, Rollout, Wave
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.words import article, counted, listing, target_words

NOT_SAID = "not said"


def rollout_protocol(study: Study) -> Table:
    """Return each part of a study of a roll-out with what it says, a row each."""
    rollout = study.rollout or Rollout()
    rows = (
        ("Units", units(study, rollout)),
        ("Periods", periods(rollout)),
        ("Provision", strategies(study)),
        ("Order", order(study)),
        ("Waves", waves(rollout)),
        ("Draw", draw(study, rollout)),
        ("Anticipation", anticipation(rollout)),
        ("Outcomes", "; ".join(outcome_words(spec) for spec in study.outcomes)),
        ("Asked", asked(study)),
        ("Alike in", listing(study.given)),
        ("Estimators", listing(study.estimators)),
        ("Primary", listing(study.primary)),
        ("Agreement", agreement(study) if study.estimators else ""),
        ("Intervals", f"{100 * study.level:g}%; variance by {study.cluster or 'unit'}"),
    )
    return Table(
        "protocol",
        "The roll-out and how it is answered",
        ("part", "words"),
        ("label", "label"),
        tuple((part, words) for part, words in rows if words),
    )


def units(study: Study, rollout: Rollout) -> str:
    """Return what the units are, and where they are held."""
    if rollout.register is not None:
        held = rollout.register
        size = f", children in column {held.size}" if held.size else ""
        return f"the rows of {held.table} (column {held.unit}{size})"
    if study.records.unit is None:
        return "those that the waves hold"
    return f"the values of column {study.records.unit} in {sources(study)}"


def periods(rollout: Rollout) -> str:
    """Return the periods, first and last."""
    if not rollout.periods:
        return f"the values of column {rollout.period}, in order" if rollout.period else ""
    first, last = rollout.periods[0], rollout.periods[-1]
    return f"{counted(len(rollout.periods), 'period')}, {first} to {last}"


def order(study: Study) -> str:
    """Return who decided when provision began where."""
    drawn = study.assignment
    if isinstance(drawn, Randomised):
        within = f", within {listing(drawn.strata)}" if drawn.strata else ""
        design = drawn.design.replace("_", " ")
        unit = drawn.unit or "unit"
        return f"drawn by {article(design)} design, {unit} by {unit}{within}"
    rollout = study.rollout or Rollout()
    told = rollout.starts.table if rollout.starts else f"column {rollout.adopted}"
    return f"not drawn: as life had it, by {told}"


def waves(rollout: Rollout) -> str:
    """Return each wave with its period and size."""
    return "; ".join(wave_words(wave) for wave in rollout.waves)


def wave_words(wave: Wave) -> str:
    """Return one wave in words.

    >>> wave_words(Wave("first", "2028", 31)), wave_words(Wave("late"))
    ('first: 31 units from 2028', 'late: the other units, not before the last period')
    """
    many = "the other units" if wave.units is None else counted(wave.units, "unit")
    begins = f" from {wave.begins}" if wave.begins else ", not before the last period"
    return f"{wave.name}: {many}{begins}"


def draw(study: Study, rollout: Rollout) -> str:
    """Return how the order is drawn; empty where it is not."""
    if not study.assignment.randomised or not rollout.waves:
        return ""
    drawn = rollout.draw
    said = [f"{drawn.candidates:,} candidates"]
    if drawn.balance:
        said.append(
            f"the {100 * drawn.accept:g}% of them best balanced on {listing(drawn.balance)} kept"
        )
    said.append("one of those kept is taken at random")
    if drawn.limits:
        said.append(f"{counted(len(drawn.limits), 'limit')} on what waves hold")
    pairs = len(drawn.together) + len(drawn.apart)
    if pairs:
        said.append(f"{counted(pairs, 'pair')} of units declared together or apart")
    if drawn.neighbours is not None:
        said.append(f"{bordering(drawn.neighbours)} of the pairs of neighbours in one wave")
    return "; ".join(said)


def bordering(bound: Bordering) -> str:
    """Return how many pairs of neighbours may, or must, start in one wave.

    >>> bordering(Bordering(at_most=0.3))
    'at most 30%'
    """
    ends = (("at least", bound.at_least), ("at most", bound.at_most))
    return listing(f"{words} {100 * end:g}%" for words, end in ends if end is not None)


def anticipation(rollout: Rollout) -> str:
    """Return the periods that count neither as without provision nor as with it."""
    if not rollout.anticipation:
        return "none: units behave as without provision until it begins"
    return f"{counted(rollout.anticipation, 'period')} before provision begins are set apart"


def asked(study: Study) -> str:
    """Return the targets in words."""
    if not study.outcomes:
        return ""
    first = study.estimand.contrasts[0] if study.estimand.contrasts else ()
    said = [f"{each.label()}: {target_words(each, first)}" for each in study.estimand.targets]
    at = [f"{each:g}" for each in study.estimand.exposures]
    return "; ".join(said) + (f" (exposure {listing(at)})" if at else "")
