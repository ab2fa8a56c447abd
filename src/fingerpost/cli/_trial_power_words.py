"""What `fingerpost trial power` says: sentences, and tables along the curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fingerpost.cli._screen import table
from fingerpost.core.leaves import Estimator, load
from fingerpost.core.words import counted, listing

if TYPE_CHECKING:
    from fingerpost.studies.trials.power import Reached, TrialPlanned
    from fingerpost.studies.trials.power_tables import Simulations

FEW_UNITS, FEW_DF = 10, 10
WIDE_SIZES = 0.7
ICCS_SHOWN = 5


def shown_effect(planned: TrialPlanned, value: float | None) -> str:
    """Return an effect in the unit people use."""
    from fingerpost.plots.numbers import number
    from fingerpost.studies.trials.power_tables import unit_of

    unit = unit_of(planned.asked)
    told = unit.told(value)
    if told is None:
        return "none" if value is not None else number(None)
    return number(unit.times * told)


def design_words(planned: TrialPlanned) -> str:
    """Return the design in a sentence: levels, which of them is drawn, how blocks are taken."""
    scheme = planned.scheme
    tiers = scheme.tiers
    sizes = ", ".join(
        f"{tier.name}: {planned.sizes[at]:g} "
        + (f"in each {tiers[at + 1].name}" if at + 1 < len(tiers) else "in all")
        for at, tier in enumerate(tiers)
    )
    shares = " and ".join(f"{share:.3g}" for share in scheme.shares)
    found = f"{sizes}; {planned.levels[scheme.drawn]} is drawn, shares {shares}"
    if scheme.drawn + 1 < len(tiers):
        blocks = {
            "random": "effects that differ between them at random",
            "fixed": "an effect each",
            "constant": "one effect for all",
        }[scheme.blocks]
        found += f", within {listing(t.name for t in tiers[scheme.drawn + 1 :])} with {blocks}"
    return found


def answer(planned: TrialPlanned) -> list[str]:
    """Return the sentences that come first."""
    from fingerpost.plots.numbers import percent
    from fingerpost.studies.trials.power_tables import level_words, unit_of

    asked, head, unit = planned.asked, planned.headline, unit_of(planned.asked).words
    interval, sides = "interval", "two-sided"
    if asked.sides == 1:
        interval, sides = f"two-sided {level_words(planned)} interval", "tested one-sided"
    iccs = [
        f"{tier.name} {planned.scheme.own(at):.3g}"
        for at, tier in enumerate(planned.scheme.tiers)
        if at
    ]
    under = f" (share of variance between units: {', '.join(iccs)})" if iccs else ""
    found = [f"{planned.design.title}: {design_words(planned)}{under}."]
    mdes, lo, hi = (shown_effect(planned, one) for one in (head.mdes, head.lo, head.hi))
    found.append(
        f"{head.compared.words}: the smallest effect found with power {asked.power:.0%} is "
        f"{mdes} {unit}, {interval} {lo} to {hi}, {sides} at {asked.alpha:g}, t with {head.df:g} "
        "degrees of freedom."
    )
    if planned.effect is not None and head.power_t is not None:
        found.append(
            f"An effect of {shown_effect(planned, planned.effect)} {unit} is found with power "
            f"{percent(head.power_t)} by t, {percent(head.power_z)} by z."
        )
    if len(planned.reaches) > 1:
        others = "; ".join(
            f"{one.compared.words} {shown_effect(planned, one.mdes)}" for one in planned.reaches
        )
        found.append(f"Smallest effects of every comparison, {unit}: {others}.")
    found += needed_words(planned)
    return found


def needed_words(planned: TrialPlanned) -> list[str]:
    """Return how many units of each level it takes."""
    if not planned.needed:
        return []
    said = "; ".join(
        f"{one.level} {one.needed:,} (now {one.now:g})"
        if one.needed is not None
        else f"{one.level}: no number does (now {one.now:g})"
        for one in planned.needed
    )
    return [f"For power {planned.asked.power:.0%}, each level by itself: {said}."]


def cautions(planned: TrialPlanned) -> list[str]:
    """Return what a planner must not overlook."""
    scheme, head, asked = planned.scheme, planned.headline, planned.asked
    units = scheme.count(scheme.drawn)
    found = []
    if scheme.drawn and not scheme.tiers[scheme.drawn].icc:
        name = planned.levels[scheme.drawn]
        found.append(
            f"No intra-cluster correlation is named, and 0 is taken: children of one {name} would "
            "be no more alike than any others. Name icc."
        )
    if scheme.drawn and units < 2 * FEW_UNITS:
        found.append(
            f"With {counted(round(units), 'cluster')} drawn, no test on large samples holds: read "
            "the figures by t, and lean on randomisation inference."
        )
    elif head.df < FEW_DF:
        found.append(f"{head.df:g} degrees of freedom: read the figures by t.")
    if "compliers" in load("estimators", planned.design.analysis, kind=Estimator).targets:
        found.append(
            "The effect is that of the offer, on all to whom it is drawn, whether they take it up "
            "or not: where it moves a share m of children to take up what has the effect c on "
            "them, write m × c as effect."
        )
    if asked.size_cv > WIDE_SIZES:
        found.append(
            f"Sizes vary widely (coefficient of variation {asked.size_cv:g}): children count "
            "alike, as in cluster_means; an analysis that weights clusters by what they tell "
            "(mixed) finds a little more."
        )
    if asked.adaptive is not None or asked.regimes is not None:
        found.append(
            "Closed forms are of a trial in which every unit is drawn once and every arm stays "
            "open; what was simulated stands below them."
        )
    said = planned.study.trial.size if planned.study.trial else None
    from fingerpost.studies.trials.power import drawn_units

    whole = drawn_units(planned.study, asked)
    if said is not None and abs(said - whole) >= 1:
        found.append(
            f"trial.size says {said:,} of what is drawn, trial.power.sizes {round(whole):,}. Make "
            "them agree."
        )
    return found


def curve_tables(planned: TrialPlanned) -> str:
    """Return the smallest detectable effect, and the power where an effect is named, over the
    intra-cluster correlation and the number of units.
    """
    from fingerpost.plots.numbers import percent
    from fingerpost.studies.trials.power_tables import unit_of

    unit, level = unit_of(planned.asked), planned.levels[-1]
    points = planned.by_icc or planned.by_units
    sizes = sorted({one.units for one in points})
    iccs = chosen(sorted({one.icc for one in points if one.icc is not None}), planned.headline.icc)
    at = {(one.icc, one.units): one for one in points}

    def rows(say: object) -> list[list[str]]:
        tell = say if callable(say) else str
        if not iccs:
            return [["", *(tell(at[None, size]) for size in sizes)]]
        return [
            [f"ICC {icc:.3g}", *(tell(at[icc, size]) for size in sizes if (icc, size) in at)]
            for icc in iccs
        ]

    heads = ["", *(f"{size:g}" for size in sizes)]
    parts = [
        f"Smallest effect found ({unit.named}), by {level} in all",
        table(heads, rows(lambda one: shown_effect(planned, one.mdes))),
    ]
    if planned.effect is not None:
        effect = shown_effect(planned, planned.effect)
        parts += [
            f"Power (t) to find {effect}, by {level} in all",
            table(heads, rows(lambda one: percent(power(one)))),
        ]
    return "\n".join(parts)


def power(one: Reached) -> float | None:
    """Return the power by t."""
    return one.power_t


def chosen(iccs: list[float], own: float | None) -> list[float]:
    """Return the intra-cluster correlations that are shown: ends, some between, and its own."""
    if len(iccs) <= ICCS_SHOWN:
        return iccs
    last = len(iccs) - 1
    few = {iccs[at * last // (ICCS_SHOWN - 1)] for at in range(ICCS_SHOWN)}
    return sorted(few | ({own} if own is not None else set()))


def simulated_tables(planned: TrialPlanned, simulated: Simulations) -> str:
    """Return what was simulated, every share with its Monte-Carlo error."""
    from fingerpost.plots.numbers import percent
    from fingerpost.studies.trials.power_tables import tables

    by = {one.name: one for one in tables(planned, simulated)}
    parts: list[str] = []
    for name in ("power_at_least", "power_of_outcomes", "adaptive", "regimes"):
        if name not in by:
            continue
        one = by[name]
        kinds = dict(zip(one.columns, one.kinds, strict=True))
        heads = [each.replace("_", " ") for each in one.columns]
        body = [
            [cell_words(kinds[key], key, value) for key, value in row.items()]
            for row in one.records()
        ]
        parts += [one.title, table(heads, body)]
    told = simulated.adaptive.reached if simulated.adaptive else None
    if told is not None:
        parts.append(
            f"The best arm is declared better where z passes {told.critical:.3f}, one-sided. "
            f"Familywise error {percent(told.size)} (± {1.96 * told.errors[0]:.2%} of simulation), "
            f"power to declare any arm {percent(told.power)} (± {1.96 * told.errors[1]:.2%}), the "
            f"truly best {percent(told.correct)} (± {1.96 * told.errors[2]:.2%})."
        )
    return "\n".join(parts)


def cell_words(kind: str, key: str, value: str | int | float | bool | None) -> str:
    """Return a cell as it is shown."""
    from fingerpost.plots.numbers import number, percent

    if value is None or isinstance(value, str):
        return str(value or "–")
    if key == "monte_carlo_error":
        return f"{float(value):.4f}"
    return percent(float(value)) if kind == "share" else number(float(value))


def notes(planned: TrialPlanned) -> list[str]:
    """Return how the numbers were come by."""
    asked = planned.asked
    found = [
        "The variance is a sum over levels: those drawn and below by how many of their units each "
        "arm has, those above by how far effects differ between them (Bloom et al. 2007; Dong & "
        "Maynard 2013).",
        "Smallest effects: t(1 − α/2) + t(power) standard errors; their interval is that of an "
        "estimate of just this size; power by the non-central t, both tails.",
        {
            "continuous": "Effects and sd are in the unit of the outcome; without sd, in standard "
            "deviations over all levels together.",
            "binary": "Variance p(1 − p) of either arm by itself, at the effect in question.",
            "count": "Variance dispersion × rate of either arm, at the effect in question.",
            "survival": "Variance of the logarithm of the hazard ratio: one over the children with "
            "the event in either arm, hazards proportional (Schoenfeld 1983), with the design "
            "effect of the levels.",
        }[asked.kind],
    ]
    if asked.size_cv:
        found.append(
            f"Sizes follow a gamma law with a coefficient of variation of {asked.size_cv:g}; "
            "children count alike, so that variance between units is (1 + CV²)/(1 + CV²/n) times "
            "that of n equal ones in an arm."
        )
    if planned.scheme.looks is not None:
        found.append(
            "Looks on the way are counted: an effect is found where a boundary of `monitoring` is "
            "crossed; sizes are those of a trial that nothing stops."
        )
    if asked.before or asked.after > 1:
        found.append(
            "Measurements before and after: Frison & Pocock (1992), of clusters the correlation of "
            "their means (Teerenstra et al. 2012)."
        )
    return found


def assumptions(planned: TrialPlanned) -> list[str]:
    """Return what reading the results takes, and who goes without."""
    found = [f"{each.name.capitalize()}: {each.words}" for each in planned.design.assumes]
    return [*found, f"Who goes without: {planned.design.denies}"]
