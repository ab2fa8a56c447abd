"""Roll-outs whose truth is known: units over periods, waves drawn at random, effects that grow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fingerpost.core.allocation import Allocation, Permutations
from fingerpost.core.analysis import Analysis, PanelTask
from fingerpost.core.assignment import Observed, Randomised, Schedule
from fingerpost.core.drawn import Drawn
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.panel import Panel, PanelOutcome

NEVER = -1


@dataclass(frozen=True)
class PanelWorld:
    """u units by t periods; waves begin at `begins`, of equal sizes, in an order that is drawn.

    first, growth: the effect at exposure 0, and what each period more adds. A unit's means hang
    together by `cac`, fading or not; `trend` is what later waves gain a period without provision.
    """

    u: int = 80
    t: int = 6
    begins: tuple[int, ...] = (2, 3, 4, NEVER)
    first: float = 0.3
    growth: float = 0.1
    icc: float = 0.2
    cac: float = 0.8
    fades: bool = True
    children: int = 40
    trend: float = 0.0

    def draw(self, seed: int) -> Panel:
        """Return a panel, its draw among its clusters."""
        r = np.random.default_rng(seed)
        wave = r.permutation(np.arange(self.u) % len(self.begins))
        begins = np.array(self.begins)[wave]
        at = np.arange(self.t)
        lags = np.abs(at[:, None] - at)
        fading = self.cac**lags if self.fades else self.cac + (1 - self.cac) * (lags == 0)
        shared = r.standard_normal((self.u, self.t)) @ np.linalg.cholesky(self.icc * fading).T
        count = np.full((self.u, self.t), float(self.children))
        own = (1 - self.icc) / self.children
        mean = shared + r.standard_normal(count.shape) * np.sqrt(own) + 0.1 * at
        ages = at - begins[:, None]
        given = (begins[:, None] != NEVER) & (ages >= 0)
        mean = mean + np.where(given, self.first + self.growth * ages, 0.0)
        mean = mean + self.trend * wave[:, None] * at
        spread = (1 - self.icc) * r.chisquare(self.children - 1, count.shape)
        outcome = PanelOutcome(count, count * mean, spread + count * mean**2)
        return Panel(
            tuple(f"area {place:03d}" for place in range(self.u)),
            tuple(f"p{place}" for place in at),
            ("none", "offer"),
            given.astype(int),
            {"y": outcome},
            adopted=begins,
            covariates={"x": np.tile(shared[:, :1] + r.standard_normal((self.u, 1)), self.t)},
        )

    def truth(self, term: Term) -> float:
        """Return the effect that a term asks of."""
        spans = [self.t - begin for begin in self.begins if begin != NEVER]
        every = np.concatenate([np.arange(span) for span in spans])
        kind = term.target.kind
        if kind == "group_average":
            mean = float(np.mean([(span - 1) / 2 for span in spans]))
        elif kind == "calendar_average":
            starts = [begin for begin in self.begins if begin != NEVER]
            ages = [[t - b for b in starts if b <= t] for t in range(min(starts), self.t)]
            mean = float(np.mean([np.mean(each) for each in ages]))
        else:
            mean = {
                "simple": float(every.mean()),
                "exposure_average": float(np.unique(every).mean()),
                "long_term": float(max(spans) - 1),
                "at_exposure": float(term.exposure_time or 0.0),
            }[kind]
        return self.first + self.growth * mean


def ask(kind: str, exposure: float | None = None) -> Term:
    """Return a term of a panel."""
    if kind == "at_exposure" and exposure is None:
        exposure = 1.0
    return Term("y", pair("offer", "none"), Target(kind), exposure_time=exposure)


def schedule(panel: Panel) -> Schedule:
    """Return when each wave of a panel begins, waves named by their period."""
    found = np.unique(panel.adopted)
    names = tuple(("never", "") if at < 0 else (f"w{at}", panel.periods[at]) for at in found)
    return Schedule(panel.periods, names)


def shuffles(panel: Panel, draws: int, seed: int = 0) -> Permutations:
    """Return draws that were possible: the waves shuffled among units, or clusters `area`."""
    r = np.random.default_rng(seed)
    found, wave = np.unique(panel.adopted, return_inverse=True)
    units = panel.units
    if "area" in panel.clusters:
        area = panel.clusters["area"]
        units = tuple(str(at) for at in range(int(area.max()) + 1))
        wave = np.array([wave[area == at][0] for at in range(len(units))])
    names = tuple("never" if at < 0 else f"w{at}" for at in found)
    return Permutations(units, names, np.array([r.permutation(wave) for _ in range(draws)]))


def task(
    panel: Panel,
    *terms: Term,
    given: tuple[str, ...] = (),
    cluster: str | None = None,
    drawn: bool = True,
    draws: int = 199,
    anticipation: int = 0,
    **options: object,
) -> PanelTask:
    """Return a task, of an order that was drawn, with the draws that were possible, or was not."""
    assignment = Randomised("staggered", cluster, schedule=schedule(panel)) if drawn else Observed()
    told = Analysis(given, assignment=assignment, cluster=cluster, stream="test", options=options)
    asked = PanelTask(panel, terms, told, anticipation)
    return with_draws(asked, shuffles(panel, draws)) if drawn and draws else asked


def with_draws(
    asked: PanelTask, draws: Permutations, chances: np.ndarray | None = None, counted: int = 0
) -> PanelTask:
    """Return a task with the draws that were possible; chances: (units of them, waves)."""
    panel = asked.panel
    names = panel.units
    if "area" in panel.clusters:
        names = tuple(str(at) for at in panel.clusters["area"])
    allocation = Allocation(draws.units, draws.arms, draws.codes[0], chances, draws=counted)
    drawn = Drawn(allocation, draws)
    begins = np.array([-1 if name == "never" else int(name[1:]) for name in draws.arms])
    placed = replace(panel, drawn=drawn.places(names), begins=begins)
    return replace(asked, panel=placed, drawn=drawn)


def with_means(panel: Panel, mean: np.ndarray) -> Panel:
    """Return the panel with other cell means, children about them as they were."""
    old = panel.outcomes["y"]
    spread = old.squares - old.total**2 / old.count
    outcome = PanelOutcome(old.count, old.count * mean, spread + old.count * mean**2)
    return replace(panel, outcomes={"y": outcome})


def means(panel: Panel) -> np.ndarray:
    """Return (u, t) cell means."""
    return panel.outcomes["y"].total / panel.outcomes["y"].count


def rows(panel: Panel, at: np.ndarray, names: tuple[str, ...] | None = None) -> Panel:
    """Return a panel of some units, each as often as it is named."""
    old = panel.outcomes["y"]
    return replace(
        panel,
        units=names or tuple(panel.units[place] for place in at),
        arm=panel.arm[at],
        outcomes={"y": PanelOutcome(old.count[at], old.total[at], old.squares[at])},
        adopted=panel.adopted[at],
        covariates={name: value[at] for name, value in panel.covariates.items()},
        clusters={name: value[at] for name, value in panel.clusters.items()},
    )


def schools(panel: Panel, each: np.ndarray) -> Panel:
    """Return a panel of schools, so many alike in each area, areas being clusters."""
    at = np.repeat(np.arange(len(panel.units)), each)
    found = rows(panel, at, tuple(f"school {place:04d}" for place in range(len(at))))
    return replace(found, clusters={"area": at})
