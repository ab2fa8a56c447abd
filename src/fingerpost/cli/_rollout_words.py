"""What commands on roll-outs say of power: sentences, and tables along the curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fingerpost.cli._screen import table
from fingerpost.core.words import counted

if TYPE_CHECKING:
    from fingerpost.core.rollout import Correlation
    from fingerpost.studies.rollouts.power import Planned

# Of the cluster autocorrelation on screen; all are in the file.
POINTS = (0.0, 0.5, 0.75, 0.9, 0.975, 1.0)
SURE = 1 - 1e-9  # no power is quite 1


def shown_effect(planned: Planned, value: float | None) -> str:
    """Return an effect in the unit people use."""
    from fingerpost.plots.numbers import number

    return number(None if value is None else planned.unit.times * value)


def correlation_words(each: Correlation) -> str:
    """Return a correlation in words."""
    words = f"{each.structure}, ICC {each.icc:.3g}, cluster autocorrelation {each.cac:g}"
    if each.structure == "cohort":
        words += f", individual autocorrelation {each.iac:g}, churn {each.churn:g}"
    if each.effect_sd:
        words += f", effects differing between units by {each.effect_sd:g} (SD)"
    return words


def answer(planned: Planned) -> list[str]:
    """Return the sentences that come first."""
    from fingerpost.plots.numbers import number, percent
    from fingerpost.studies.rollouts.power_tables import average_words, target_words

    unit, head = planned.unit.words, planned.headline
    layout = planned.layout
    waves = [
        f"{name} ({count}) "
        + (f"from {layout.periods[begin]}" if begin >= 0 else "not before the end")
        for name, count, begin in zip(layout.waves, layout.units, layout.begins, strict=True)
    ]
    found = [
        f"{planned.design.title}: {counted(planned.ground.units, 'unit')} over "
        f"{counted(len(layout.periods), 'period')}: {'; '.join(waves)}.",
    ]
    under = f"Under {correlation_words(head.correlation)}, "
    by_t = "" if head.mdes_t is None else f" ({shown_effect(planned, head.mdes_t)} by t)"
    smallest = (
        f"the smallest effect found with power {planned.power.power:.0%} is "
        f"{shown_effect(planned, head.mdes)} {unit}{by_t}."
    )
    if planned.effect is not None and head.power_z is not None:
        by_t = "" if head.power_t is None else f", {percent(head.power_t)} by t ({head.df} df)"
        effect = shown_effect(planned, planned.effect)
        found.append(
            f"{under}the power to find an effect of {effect} {unit} is "
            f"{percent(head.power_z)} by z{by_t}, two-sided at {planned.power.alpha:g}; {smallest}"
        )
    else:
        found.append(f"{under}{smallest}")
    if len(planned.reaches) > 1:
        least = min(each.mdes for each in planned.reaches)
        most = max(each.mdes for each in planned.reaches)
        found.append(
            f"Under all {len(planned.reaches)} correlations held possible it is from "
            f"{number(planned.unit.times * least)} to {number(planned.unit.times * most)} {unit}."
        )
    found.append(f"The target is {planned.power.target}: {target_words(planned)}.")
    found.append(f"As to sizes, {average_words(planned)}.")
    return found


def cautions(planned: Planned) -> list[str]:
    """Return what a planner must not overlook."""
    from fingerpost.studies.rollouts.power_tables import bend_words

    found = [f"{words}." for words in bend_words(planned)]
    if planned.power.assumed:
        told = "; ".join(one.rstrip(".") for one in planned.power.assumed)
        found.append(f"Assumed, for want of a published figure: {told}.")
    if planned.ground.units < 10:
        found.append(
            f"With {counted(planned.ground.units, 'unit')} no test on large samples holds: lean on "
            "randomisation inference, and on the t figures here."
        )
    return found


def curve_tables(planned: Planned) -> str:
    """Return the smallest detectable effect by both correlations, a table each structure; and the
    power, where an effect is named.
    """
    from fingerpost.plots.numbers import percent

    parts = []
    structures = list(dict.fromkeys(one.correlation.structure for one in planned.curves))
    for structure in structures:
        mine = {
            (one.correlation.icc, one.correlation.cac): one
            for one in planned.curves
            if one.correlation.structure == structure
        }
        iccs = sorted({icc for icc, _ in mine})
        cacs = [cac for cac in POINTS if all((icc, cac) in mine for icc in iccs)]
        cells = [
            [f"ICC {icc:.3g}", *(cell(planned, mine[icc, cac].mdes) for cac in cacs)]
            for icc in iccs
        ]
        title = f"{structure}: smallest effect found ({planned.unit.words}), by autocorrelation"
        parts += [title, table(["", *(f"{cac:g}" for cac in cacs)], cells)]
        powers = [mine[iccs[0], cac].power_z for cac in cacs]

        def power_words(value: float | None) -> str:
            return percent(None if value is None else min(value, SURE))

        if None not in powers:
            shares = [
                [f"ICC {icc:.3g}", *(power_words(mine[icc, cac].power_z) for cac in cacs)]
                for icc in iccs
            ]
            parts += [f"{structure}: power (z)", table(["", *(f"{c:g}" for c in cacs)], shares)]
    return "\n".join(parts)


def cell(planned: Planned, value: float) -> str:
    """Return a number of the curve."""
    return shown_effect(planned, value)


def assumptions(planned: Planned) -> list[str]:
    """Return what reading the results takes, and who goes without."""
    found = [f"{each.name.capitalize()}: {each.words}" for each in planned.design.assumes]
    return [*found, f"Who goes without: {planned.design.denies}"]


def notes(planned: Planned) -> list[str]:
    """Return how the numbers were come by."""
    from fingerpost.studies.rollouts.power_tables import variance_words

    sizes = (
        f"sizes of units follow a gamma distribution with a coefficient of variation of "
        f"{planned.power.size_cv:g}, apart from waves: what units tell is its mean over it"
        if planned.power.size_cv
        else "every unit has the same number of children in every period"
    )
    return [
        "Generalised least squares on the means of units by period, with an effect of every "
        "period, summed by wave (Hussey & Hughes 2007; Hooper et al. 2016; Kasza et al. 2019, "
        "2020).",
        f"Variance of children within a unit and period: {variance_words(planned)}. The ICC is the "
        "variance between units over that between and within.",
        f"{planned.power.children:g} children of a unit in a period; {sizes}.",
        "Power counts both tails. By t: non-central t with units − 2 degrees of freedom; smallest "
        "effects by t from t(1 − α/2) + t(power).",
        "The correlation is taken as known. An analysis estimates it, and corrects for few units.",
    ]
