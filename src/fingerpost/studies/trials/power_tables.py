"""The power of a trial as tables, and as data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import fingerpost
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.core.trial_power import TrialPower
from fingerpost.kernels.trial_power import repeated
from fingerpost.studies.trials.power import Reached, TrialPlanned, curve_place
from fingerpost.studies.trials.simulated_power import AdaptiveTrial, ManyOutcomes, RegimesTrial

SCHEMA_VERSION = "1"
KIND = "power of a trial"
FOUND = ("units", "se", "df", "power_z", "power_t", "smallest", "smallest_z", "lo", "hi")
DATA = {"smallest": "mdes", "smallest_z": "mdes_z"}  # names of columns in JSON
FOUND_KINDS = ("number", "number", "number", "share", "share", *("number",) * 4)


@dataclass(frozen=True, eq=False, slots=True)
class Simulations:
    """What was simulated beside the closed form; None each where the study asks for none."""

    outcomes: ManyOutcomes | None = None
    adaptive: AdaptiveTrial | None = None
    regimes: RegimesTrial | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """How effects are shown. raw: unit of the numbers in files; words, times: on screen and page.

    ratio: whether effects are logarithms, told as ratios.
    """

    raw: str
    words: str
    times: float = 1.0
    ratio: bool = False

    @property
    def named(self) -> str:
        """The words by themselves, as a title has them within brackets."""
        return self.words.strip("()")

    def told(self, value: float | None) -> float | None:
        """Return an effect as files tell it: in the unit of the outcome, or as a ratio."""
        if value is None or not math.isfinite(value):
            return None
        return math.exp(value) if self.ratio else value


def unit_of(asked: TrialPower) -> Unit:
    """Return how effects of a kind of outcome are shown."""
    if asked.kind == "survival":
        return Unit("hazard ratio", "(hazard ratio)", ratio=True)
    if asked.kind == "binary":
        return Unit("difference of risks", "percentage points", 100.0)
    if asked.kind == "count":
        return Unit("difference of rates", "events a child")
    if asked.sd == 1:
        return Unit("standard deviations", "standard deviations")
    return Unit("unit of the outcome", "in the unit of the outcome")


def tables(planned: TrialPlanned, simulated: Simulations | None = None) -> tuple[Table, ...]:
    """Return every table of a power calculation: numbers in full, in the unit of the outcome."""
    extra = simulated or Simulations()
    found = (
        comparisons_table(planned),
        design_table(planned),
        curves_table(planned, "power_by_icc", planned.by_icc),
        curves_table(planned, "power_by_units", planned.by_units),
        needed_table(planned),
        outcomes_table(extra.outcomes),
        least_table(extra.outcomes),
        adaptive_table(extra.adaptive),
        regimes_table(extra.regimes),
    )
    return tuple(table for table in found if table is not None and table.rows)


def cells(planned: TrialPlanned, one: Reached) -> tuple[Cell, ...]:
    """Return what one comparison finds as cells, in the order of FOUND."""
    unit = unit_of(planned.asked)
    finite = one.error if math.isfinite(one.error) else None
    return (
        one.units,
        finite,
        one.df,
        one.power_z,
        one.power_t,
        *(unit.told(value) for value in (one.mdes, one.mdes_z, one.lo, one.hi)),
    )


def level_words(planned: TrialPlanned) -> str:
    """Return the level of the two-sided interval about the smallest effect."""
    return f"{100 * (1 - planned.asked.alpha):g}%"


def units(planned: TrialPlanned) -> tuple[tuple[str, str], ...]:
    """Return columns of effects with their unit."""
    raw = unit_of(planned.asked).raw
    return tuple((name, raw) for name in ("smallest", "smallest_z", "lo", "hi"))


def comparisons_table(planned: TrialPlanned) -> Table:
    """Return what each comparison finds."""
    return Table(
        "trial_power",
        "Power and smallest detectable effect of each comparison",
        ("comparison", *FOUND),
        ("label", *FOUND_KINDS),
        tuple((one.compared.words, *cells(planned, one)) for one in planned.reaches),
        context=f"Effects in: {unit_of(planned.asked).raw}; From and To are the limits of an "
        f"estimate of the smallest, two-sided ({level_words(planned)}).",
        tells=Tells(keys=("units", "df"), units=units(planned)),
    )


def curves_table(planned: TrialPlanned, name: str, points: tuple[Reached, ...]) -> Table:
    """Return the points of a curve: over intra-cluster correlations, or over numbers of units."""
    over = "intra-cluster correlations" if name == "power_by_icc" else "numbers of units"
    return Table(
        name,
        f"Smallest detectable effect and power over {over}",
        ("icc", *FOUND),
        ("number", *FOUND_KINDS),
        tuple((one.icc, *cells(planned, one)) for one in points),
        context=f"Units are those of the highest level ({planned.levels[-1]}).",
        tells=Tells(keys=("icc", "units", "df"), units=units(planned)),
    )


def design_table(planned: TrialPlanned) -> Table:
    """Return the levels, what lies at each, and how many there are in all."""
    scheme = planned.scheme
    return Table(
        "levels",
        "Levels of the design",
        ("level", "in_each", "in_all", "icc", "explained", "varies", "stays", "drawn"),
        ("label", *("number",) * 2, *("share",) * 2, "number", "share", "flag"),
        tuple(
            (
                tier.name,
                planned.sizes[at],
                math.prod(planned.sizes[at:]),
                scheme.own(at) if len(scheme.tiers) > 1 else None,
                tier.explained,
                tier.varies,
                tier.stays,
                at == scheme.drawn,
            )
            for at, tier in enumerate(scheme.tiers)
        ),
        context="in_each: in each unit of the next level, those not seen at the end left out. icc: "
        "share of the variance between units of the level. varies: variance of the effect over "
        "that of their means.",
        tells=Tells(keys=("in_each", "in_all")),
    )


def needed_table(planned: TrialPlanned) -> Table:
    """Return how many units of each level the effect takes, others staying as they are."""
    return Table(
        "needed",
        f"Units needed for power {planned.asked.power:.0%}, level by level",
        ("level", "now", "needed"),
        ("label", "number", "number"),
        tuple((one.level, one.now, one.needed) for one in planned.needed),
        context="Each level by itself, others staying as they are. Nothing stands where no number "
        "of that level would do.",
        tells=Tells(keys=("now",)),
    )


def outcomes_table(many: ManyOutcomes | None) -> Table | None:
    """Return the power of each of several outcomes under each adjustment."""
    if many is None:
        return None
    rows = tuple(
        (name, outcome, effect, share, error(share, many.draws))
        for name, found in many.found.items()
        for outcome, effect, share in zip(
            many.names, many.effects, map(float, found.individual), strict=True
        )
    )
    return Table(
        "power_of_outcomes",
        "Power of each of several outcomes, by adjustment for being many",
        ("adjustment", "outcome", "effect", "power", "monte_carlo_error"),
        ("label", "label", "number", "share", "number"),
        rows,
        context=f"{many.draws:,} simulated draws; statistics of any two outcomes are correlated by "
        f"{many.correlated:g}. Of an outcome without an effect: how often it is found all the "
        "same.",
    )


def least_table(many: ManyOutcomes | None) -> Table | None:
    """Return how likely at least so many outcomes are found, under each adjustment."""
    if many is None:
        return None
    rows: list[tuple[Cell, ...]] = []
    for name, found in many.found.items():
        mean = found.mean_individual
        rows.append((name, "each, on average", mean, error(mean, many.draws)))
        last = len(found.least)
        for at, share in enumerate(found.least, start=1):
            words = f"all {last}" if at == last else f"at least {at} of {last}"
            rows.append((name, words, float(share), error(float(share), many.draws)))
        if not found.real.all():
            false = found.any_false
            rows.append((name, "any without an effect", false, error(false, many.draws)))
    return Table(
        "power_at_least",
        "How many outcomes are found, by adjustment for being many",
        ("adjustment", "found", "power", "monte_carlo_error"),
        ("label", "label", "share", "number"),
        tuple(rows),
    )


def error(share: float, draws: int) -> float:
    """Return the Monte-Carlo standard error of a share."""
    return math.sqrt(max(share * (1 - share), 0.0) / draws)


def adaptive_table(trial: AdaptiveTrial | None) -> Table | None:
    """Return each arm of an adaptive trial: its effect, units, and how often it is declared."""
    if trial is None:
        return None
    found = trial.reached
    return Table(
        "adaptive",
        "An adaptive trial, simulated",
        ("arm", "effect", "units_mean", "declared_best", "monte_carlo_error"),
        ("label", "number", "number", "share", "number"),
        tuple(
            (
                name,
                trial.rule.effects[at] * trial.scaled,
                float(found.units[at]),
                float(found.chosen[at]) if at else None,
                error(float(found.chosen[at]), found.replicates) if at else None,
            )
            for at, name in enumerate(trial.arms)
        ),
        context=f"{found.replicates:,} simulated trials; an arm is declared where its statistic "
        f"passes {found.critical:.3f}.",
        tells=Tells(keys=("units_mean",)),
    )


def regimes_table(trial: RegimesTrial | None) -> Table | None:
    """Return the regimes of a sequence of two draws, and what is found of them."""
    if trial is None:
        return None
    found = trial.found
    named = (
        ("the first arms compared", found.first, found.errors[0]),
        ("the second arms, of those drawn again", found.second, found.errors[1]),
        ("the best regime against the best that begins otherwise", *best(found)),
        ("the best regime comes out best", found.picks, found.errors[3]),
    )
    return Table(
        "regimes",
        "A sequence of two draws, simulated",
        ("what", "power", "monte_carlo_error"),
        ("label", "share", "number"),
        tuple((what, share, sd) for what, share, sd in named),
        context="True means: "
        + "; ".join(
            f"{name} {value:.3g}" for name, value in zip(trial.names, found.true, strict=True)
        )
        + f". {found.replicates:,} simulated trials; means in standard deviations of what is known "
        "of a unit.",
    )


def best(found: Any) -> tuple[float, float]:
    """Return the power of the best regime against its rival, with its error."""
    return found.best_pair, found.errors[2]


# ------------------------------------------------------------------------------- data
def record(planned: TrialPlanned, simulated: Simulations | None = None) -> dict[str, Any]:
    """Return a power calculation as JSON-ready data, numbers in the unit of the outcome (a risk as
    a share, a hazard ratio as a ratio).
    """
    head, asked, study, unit = (
        planned.headline,
        planned.asked,
        planned.study,
        unit_of(planned.asked),
    )
    by = {table.name: data_rows(table) for table in tables(planned, simulated)}
    row = dict(zip(map(data_name, FOUND), cells(planned, head), strict=True))
    at = curve_place(planned.scheme)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "study": {"name": study.name, "question": study.question},
        "design": {"name": planned.name, "title": planned.design.title},
        "unit_drawn": planned.levels[planned.scheme.drawn],
        "outcome": {"kind": asked.kind, "unit": unit.raw},
        "comparison": head.compared.words,
        "effect": unit.told(planned.effect),
        "alpha": asked.alpha,
        "sides": asked.sides,
        "power_asked": asked.power,
        **row,
        "interval": [row["lo"], row["hi"]],
        "icc_of_curves": None if at is None else planned.levels[at],
        "blocks": asked.blocks,
        "size_cv": asked.size_cv,
        "repeated_factor": repeated(planned.scheme),
        "needed": by.get("needed", []),
        "levels": by["levels"],
        "comparisons": by["trial_power"],
        "curves": {"icc": by.get("power_by_icc", []), "units": by.get("power_by_units", [])},
        **simulations(simulated, by),
        "assumes": [
            {"name": each.name, "words": each.words, "tested_by": each.diagnostic or None}
            for each in planned.design.assumes
        ],
        "provenance": provenance(planned),
    }


def data_name(column: str) -> str:
    """Return the name of a column in JSON."""
    return DATA.get(column, column)


def data_rows(table: Table) -> list[dict[str, Cell]]:
    """Return the rows of a table by their names in JSON."""
    return [{data_name(key): cell for key, cell in row.items()} for row in table.records()]


def simulations(simulated: Simulations | None, by: dict[str, Any]) -> dict[str, Any]:
    """Return what was simulated as data; nothing where nothing was."""
    extra, found = simulated or Simulations(), {}
    if extra.outcomes is not None:
        found["outcomes"] = {
            "correlated": extra.outcomes.correlated,
            "draws": extra.outcomes.draws,
            "individual": by["power_of_outcomes"],
            "at_least": by["power_at_least"],
        }
    if extra.adaptive is not None:
        told = extra.adaptive.reached
        found["adaptive"] = {
            "critical": told.critical,
            "size": told.size,
            "power": told.power,
            "correct": told.correct,
            "in_best": told.in_best,
            "monte_carlo_errors": dict(zip(("size", "power", "correct"), told.errors, strict=True)),
            "replicates": told.replicates,
            "arms": by["adaptive"],
        }
    if extra.regimes is not None:
        found["regimes"] = {
            "replicates": extra.regimes.found.replicates,
            "means": dict(
                zip(extra.regimes.names, map(float, extra.regimes.found.true), strict=True)
            ),
            "power": by["regimes"],
        }
    return found


def provenance(planned: TrialPlanned) -> dict[str, Any]:
    """Return where the numbers come from: the study and the code; no record was read."""
    from fingerpost.studies.provenance import code_digest

    return {
        "study_digest": planned.study.digest(),
        "code_version": fingerpost.__version__,
        "code_digest": code_digest(),
        "records": "none read",
    }
