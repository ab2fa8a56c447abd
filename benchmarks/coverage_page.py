"""COVERAGE.md from the answers of many worlds, and the manual's summary of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

import numpy as np

from benchmarks.coverage_cells import CENTRED, EXCUSED, SETTINGS, Cell, Part, Setting

COVERED = (0.93, 0.97)
COVERED_FEWER = (0.92, 0.98)  # where fewer than 2,000 worlds were drawn
ENOUGH = 2_000
HONEST = (0.93, 1.07)
MOST_BIAS = 0.10  # of the empirical standard deviation
MOST_MCSE = 3.5


@dataclass(frozen=True)
class Verdict:
    """What a cell's worlds say against the criteria. drawn: worlds, answered or not. earlier:
    whether the code of the leaf has changed since.
    """

    cell: Cell
    drawn: int
    worlds: int
    truth: float
    covered: float
    bias: float
    deviation: float
    error: float
    earlier: bool = False

    @property
    def mcse(self) -> float:
        """Monte Carlo standard error of the mean."""
        return self.deviation / self.worlds**0.5

    @property
    def covered_mcse(self) -> float:
        """Monte Carlo standard error of the coverage."""
        return (self.covered * (1 - self.covered) / self.worlds) ** 0.5

    @property
    def honest(self) -> float:
        """Mean standard error over the empirical standard deviation."""
        return self.error / self.deviation

    @property
    def faults(self) -> tuple[str, ...]:
        """The criteria that are missed."""
        low, high = COVERED if self.drawn >= ENOUGH else COVERED_FEWER
        found = []
        if not low <= self.covered <= high:
            found.append("coverage")
        if abs(self.bias) > max(MOST_MCSE * self.mcse, MOST_BIAS * self.deviation):
            found.append("bias")
        if not HONEST[0] <= self.honest <= HONEST[1]:
            found.append("SE")
        return tuple(found)

    @property
    def judged(self) -> bool:
        """Whether the criteria apply."""
        return self.cell.trial.leaf not in EXCUSED

    @property
    def missed(self) -> bool:
        """Whether a criterion that applies is missed."""
        return self.judged and bool(self.faults)


def verdict(cell: Cell, found: np.ndarray, true: float) -> Verdict:
    """Return what (worlds, 4) answers of one cell say; worlds without an answer are left out."""
    kept = found[np.isfinite(found).all(axis=1)]
    value, error, low, high = kept.T
    if cell.trial.leaf in CENTRED:
        value = (low + high) / 2
    few = len(kept) < 2
    return Verdict(
        cell,
        len(found),
        len(kept),
        true,
        float(np.mean((low <= true) & (true <= high))) if len(kept) else float("nan"),
        float(value.mean() - true) if len(kept) else float("nan"),
        float("nan") if few else float(value.std(ddof=1)),
        float("nan") if few else float(error.mean()),
    )


def cluster_variation(cell: Cell) -> float:
    """Return the coefficient of variation of the number of children in a school."""
    found = []
    for seed in range(20):
        codes = cell.trial.world.draw(seed).clusters["school"]
        sizes = np.bincount(codes, minlength=cell.trial.world.schools)
        found.append(sizes.std(ddof=1) / sizes.mean())
    return float(np.mean(found))


HEAD = (
    "| leaf | asked | target | scale | truth | worlds | coverage % (MCSE) | bias (MCSE) | "
    "mean SE / empirical SD | criteria |\n|---|---|---|---|--:|--:|--:|--:|--:|---|"
)


def row(one: Verdict) -> str:
    """Return one line of the table."""
    told = ("missed: " + ", ".join(one.faults)) if one.faults else "met"
    shown = told if one.judged else "not judged"
    shown += "; earlier code" * one.earlier
    term = one.cell.term
    return (
        f"| {one.cell.trial.leaf} | {asked(one.cell)} | {term.target.label()} | {term.scale} | "
        f"{one.truth:.4f} | {one.worlds:,} | {100 * one.covered:.1f} ({100 * one.covered_mcse:.1f})"
        f" | {one.bias:+.4f} ({one.mcse:.4f}) | {one.honest:.3f} | {shown} |"
    )


def asked(cell: Cell) -> str:
    """Return what is asked besides target and scale: kind of outcome or summary, and options."""
    kind = cell.term.summary if cell.trial.kind == "time" else cell.trial.kind
    return f"{kind}, {cell.trial.variant}" if cell.trial.variant else kind


def section(part: Part, verdicts: list[Verdict]) -> str:
    """Return one part as text: its world and its table."""
    cell = verdicts[0].cell
    world = cell.trial.world
    head = (
        f"## {part.title}\n\nn = {world.n:,} children, G = {world.schools} schools, "
        f"{getattr(world, 'arms', 2)} arms; school size has a coefficient of variation of "
        f"{cluster_variation(cell):.2f}.\n"
    )
    return "\n".join([head, HEAD, *(row(one) for one in verdicts), ""])


def whole(found: dict[Part, list[Verdict]], worlds: int, *, first: int, more: int) -> str:
    """Return the whole page. first: how many cells missed a criterion in their first worlds; more:
    how many times as many worlds their leaves were then given.
    """
    every = [(part, one) for part, verdicts in found.items() for one in verdicts]
    judged = [one for _, one in every if one.judged]
    missed = [(part, one) for part, one in every if one.missed]
    lines = [
        "# Coverage where the truth is known",
        "",
        f"{date.today():%d %B %Y}; `python benchmarks/coverage.py --worlds {worlds}`. "
        f"{len(every):,} cells, {len(judged):,} of them judged; {worlds:,} worlds a cell unless "
        "the table says otherwise.",
        "",
        *intro(),
        f"Of more than a thousand cells some miss by the luck of the draw, and cells of one part "
        f"share it. {first} missed in their first {worlds:,} worlds. Their leaves were drawn "
        f"{more * worlds:,} times there, the first {worlds:,} among them, and are judged on all; "
        "where one missed still, worlds in which a study's guard rails refuse (one child with more "
        "than a tenth of an arm's weight, say) are left out, since no study would answer there.",
        "",
        f"**{len(judged) - len(missed):,} of {len(judged):,} judged cells meet every criterion.**",
        "",
        *(f"- {fault(part, one)}" for part, one in missed),
        "",
        "## In short",
        "",
        "Of each leaf in each setting: the cell whose coverage is furthest from 95%, the largest "
        "bias in empirical standard deviations, the mean standard error furthest from the "
        "empirical standard deviation.",
        "",
        *short(every),
        "",
        *(section(part, verdicts) for part, verdicts in found.items()),
    ]
    return "\n".join(lines)


def intro() -> list[str]:
    """Return how worlds are drawn and judged, in words."""
    return [
        "Truth is the superpopulation value from 10 million draws, or in closed form. On the scale "
        "`ratio` numbers are logarithms. Criteria: coverage of the 95% interval from 93% to 97% "
        "(92% to 98% of a cell drawn fewer than 2,000 times); bias at most the greater of 3.5 "
        "Monte Carlo standard errors (MCSE) and a tenth of the empirical standard deviation; mean "
        "standard error within 7% of the empirical standard deviation. Worlds in which a leaf "
        "refused are left out of its cell; `worlds` counts the others.",
        "",
        *(f"- **{one.name}** (n = {size(one)}, G = {one.schools}): {one.told}" for one in SETTINGS),
        "",
        "Coefficients (`regression`, `g_estimation`) are judged in a twin world whose effects are "
        "the same for every child, the only one where they have a truth, and only for kinds of "
        "outcome and scales whose model is the world's: not for risks, whose coefficient is of "
        "another model. `rdd` is drawn for continuous outcomes only, and its bias and error are "
        "those of the middle of its interval: its value is the plain local linear one, whose bias "
        "the interval takes out, as its page says. `matching` is asked with replacement where half "
        "the children have support, and without where a fifth have; with a caliper its target is "
        "whoever was matched, which has no truth before the draw. The interval of `iv` is Wald's, "
        "too wide rather than too narrow where an instrument is of middling strength; its "
        "Anderson–Rubin set, printed beside it, held the truth in 95.4% of 1,500 worlds where "
        "Wald's did in 97.1% (60 schools, ratio of risks). Not drawn: trimmed targets, "
        "subgroups, survey weights. With fewer than 50 schools the standard errors and intervals "
        "are those for few clusters: CR2 with Satterthwaite's degrees of freedom, or jackknife "
        "leverage with the larger critical value of Welch's t and a score wild bootstrap.",
        "",
        "Not judged:",
        "",
        *(f"- `{leaf}`: {why}." for leaf, why in EXCUSED.items()),
        "",
    ]


def size(setting: Setting) -> str:
    """Return how many children a setting's worlds have."""
    sizes = {n for _, n in setting.own} | ({setting.n} if setting.common else set())
    return " or ".join(f"{n:,}" for n in sorted(sizes))


def fault(part: Part, one: Verdict) -> str:
    """Return what a cell misses, in a line."""
    term = one.cell.term
    return (
        f"{part.title}: {one.cell.trial.leaf} ({asked(one.cell)}), {term.target.label()}, "
        f"{term.scale}: {', '.join(one.faults)} (coverage {100 * one.covered:.1f}%, bias "
        f"{one.bias / one.deviation:+.2f} SD, mean SE / empirical SD {one.honest:.3f})"
    )


SHORT = (
    "| leaf | setting | cells | coverage % furthest from 95 | largest bias / SD | "
    "SE / SD furthest from 1 | criteria |\n|---|---|--:|--:|--:|--:|---|"
)


def short(every: list[tuple[Part, Verdict]]) -> list[str]:
    """Return one line of each leaf in each setting."""
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for setting in SETTINGS:
        for part, one in every:
            if part.setting == setting:
                groups.setdefault((one.cell.trial.leaf, setting.name), []).append(one)
    return [SHORT, *(short_row(*key, groups[key]) for key in sorted(groups, key=lambda k: k[0]))]


def short_row(leaf: str, setting: str, found: list[Verdict]) -> str:
    """Return the worst of a leaf's cells in a setting."""
    covered = max((one.covered for one in found), key=lambda value: abs(value - 0.95))
    bias = max((one.bias / one.deviation for one in found), key=abs)
    honest = max((one.honest for one in found), key=lambda value: abs(value - 1))
    missed = sum(one.missed for one in found)
    told = f"{missed} missed" if missed else "met"
    told = told if found[0].judged else "not judged"
    return (
        f"| {leaf} | {setting} | {len(found)} | {100 * covered:.1f} | {bias:+.2f} | {honest:.3f} | "
        f"{told} |"
    )


SUMMARY = """# Coverage

How often do the intervals hold the truth? Every estimator is asked, as a study would ask it, in
thousands of simulated worlds whose truth is known, and the 95% interval should hold it in 95 of a
hundred. This page is the summary of the full table, `benchmarks/COVERAGE.md`, and is written with
it by `python benchmarks/coverage.py`; edit neither by hand.
"""
BEGIN, END = "## In short", "\n## "
LEAF = re.compile(r"(\n)\| ([a-z_]+) \|(?= [^-])(?! setting)")


def summary(text: str) -> str:
    """Return the manual's page from the text of the whole page: what was drawn, how it was judged,
    what is missed, and the short table.
    """
    head, _, rest = text.partition(BEGIN)
    table = LEAF.sub(r"\1| [\2](estimators/\2.md) |", rest.partition(END)[0])
    told = head.partition("\n")[2].strip()
    return f"{SUMMARY}\n{told}\n\n{BEGIN}\n\n{table.strip()}\n"
