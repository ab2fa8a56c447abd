"""A small world for every design of trials: units, arms drawn by its procedure, an analysis.

Every world's outcomes have variance 1 about what its analysis takes into account; a planted effect
and the closed form of its power go with it. Analyses are written here in plain formulas over many
trials at once, so that they stand beside the estimators and not on them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

from fingerpost.core.allocation import Arrived
from fingerpost.core.leaves import Design, load, menu
from fingerpost.core.rollout import Draw, Frame, Monitoring
from fingerpost.core.trial import Known, Minimise, Stage, Trial, TrialArm
from fingerpost.kernels.chosen import boundary_of, declared
from fingerpost.kernels.group_sequential import exact_bounds
from fingerpost.kernels.looked_power import Looks
from fingerpost.kernels.trial_power import Scheme, Tier, freedom, power_of, variance
from fingerpost.studies.trials.power import counting

LEAVES = tuple(
    name for name, design in menu("designs", Design).items() if design.procedure is not None
)
KNOWN = (Known("sex", ("F", "M")), Known("area", ("north", "south", "west")))
NONE = np.zeros(0, dtype=np.int64)
TWO = (TrialArm("usual", offer="usual"), TrialArm("more"))
THREE = (*TWO, TrialArm("most"))
RESPONDED = Known("responded", ("yes", "no"))


@dataclass(frozen=True)
class Found:
    """What a world's trials found: (d,) estimates and errors, degrees of freedom, rejections."""

    value: np.ndarray
    error: np.ndarray
    rejected: np.ndarray

    @property
    def share(self) -> float:
        return float(self.rejected.mean())


@dataclass(frozen=True)
class World:
    """trial: its design's; units: those that are drawn; outcome(rng, d): (d, n) outcomes in the
    first arm; effect: planted; analyse(codes, outcomes): what is found; power: of the closed form.
    """

    name: str
    trial: Trial
    units: Arrived | Frame
    outcome: Callable[[np.random.Generator, int], np.ndarray]
    analyse: Callable[[np.ndarray, np.ndarray], Found]
    effect: float
    power: float
    treated: Callable[[np.ndarray], np.ndarray] = lambda codes: (codes == 1).astype(float)

    @property
    def chances(self) -> np.ndarray:
        """(n, k) each unit's chance of each arm."""
        own = self.design.procedure.chances
        shares = np.array([arm.share for arm in self.trial.arms]) / sum(
            arm.share for arm in self.trial.arms
        )
        return shares[None, :] if own is None else own(self.trial, self.units)

    @property
    def design(self) -> Design:
        return load("designs", self.name, kind=Design)

    def arms(self, draws: int, *, exact: bool = False) -> np.ndarray:
        """(draws, n) arms; those of a register, of which fewer may be possible, taken in turn."""
        seed = hashlib.sha256(self.name.encode()).digest()
        procedure = self.design.procedure
        found = np.asarray(procedure.replay(self.trial, self.units, seed, draws, exact=exact))
        if len(found) < draws:
            found = found[np.random.default_rng(1).integers(0, len(found), draws)]
        return found

    def trials(self, draws: int, *, effect: float, seed: int) -> Found:
        """What so many trials find where the last arm adds an effect."""
        codes = self.arms(draws)
        y = self.outcome(np.random.default_rng(seed), draws) + effect * self.treated(codes)
        return self.analyse(codes, y)


def tested(value, error, df, alpha=0.05) -> Found:
    return Found(value, error, np.abs(value / error) > student.ppf(1 - alpha / 2, df))


def welch(codes, y, of=1, against=0) -> Found:
    """Two means of units."""
    held = []
    for arm in (of, against):
        own = codes == arm
        n = own.sum(axis=1)
        mean = (y * own).sum(axis=1) / n
        spread = (((y - mean[:, None]) ** 2) * own).sum(axis=1) / (n - 1)
        held.append((mean, spread / n, n))
    (one, v1, n1), (two, v2, n2) = held
    df = (v1 + v2) ** 2 / (v1**2 / (n1 - 1) + v2**2 / (n2 - 1))
    return tested(one - two, np.sqrt(v1 + v2), df)


def regressed(columns, contrast=None) -> Callable[[np.ndarray, np.ndarray], Found]:
    """Least squares on the last arm and fixed columns of units; contrast(codes): (d, n) treated."""
    base = np.column_stack([np.ones(len(columns)), columns])
    basis = np.linalg.qr(base)[0]
    kept = basis[:, : np.linalg.matrix_rank(base)]

    def analyse(codes, y) -> Found:
        treated = (codes == codes.max()).astype(float) if contrast is None else contrast(codes)
        x = treated - (treated @ kept) @ kept.T
        e = y - (y @ kept) @ kept.T
        square = (x**2).sum(axis=1)
        value = (x * e).sum(axis=1) / square
        rest = e - value[:, None] * x
        df = y.shape[1] - kept.shape[1] - 1
        return tested(value, np.sqrt((rest**2).sum(axis=1) / df / square), df)

    return analyse


def dummies(codes: np.ndarray) -> np.ndarray:
    return (codes[:, None] == np.unique(codes)[1:]).astype(float)


def arrivals(n: int, *, clusters: int = 1) -> Arrived:
    made = np.random.default_rng(7)
    known = np.column_stack([made.integers(0, len(one.levels), n) for one in KNOWN])
    return Arrived(known, known[:, 0], np.arange(n) % clusters, NONE)


def levels(units: Arrived) -> np.ndarray:
    return 0.4 * np.asarray(units.known)[:, 0] - 0.3 * np.asarray(units.known)[:, 1]


def closed(n: int, effect: float, shares=(0.5, 0.5), arms: int = 2, lost: int = 0) -> float:
    scheme = Scheme((Tier("child", n),), shares=shares, arms=arms, covariates=lost)
    return power_of(effect, variance(scheme) ** 0.5, df=freedom(scheme))


def of_children(name: str, trial: Trial, *, n: int = 120, effect: float = 0.5) -> World:
    """Children one by one, levels of what is known taken into account or the same in all."""
    units = arrivals(n)
    if load("designs", name, kind=Design).procedure.strata or name == "minimisation":
        known = np.asarray(units.known)
        columns = np.column_stack([dummies(known[:, 0]), dummies(known[:, 1])])
        analyse, base = regressed(columns), levels(units)
        power = closed(n, effect, lost=columns.shape[1])
    else:
        analyse, base = welch, np.zeros(n)
        power = closed(n, effect)
    return World(name, trial, units, noise(base), analyse, effect, power)


def noise(base: np.ndarray) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda rng, draws: base + rng.standard_normal((draws, len(base)))


def several(name: str, trial: Trial) -> World:
    """Three arms: the last with the first, errors from all of them."""
    n, units = 150, arrivals(150)
    columns = dummies(units.stratum)

    def analyse(codes, y) -> Found:
        middle = (codes == 1).astype(float)
        last = (codes == 2).astype(float)
        found = []
        for at in range(len(codes)):
            x = np.column_stack([last[at], middle[at], np.ones(n), columns])
            inverse = np.linalg.inv(x.T @ x)
            beta = inverse @ x.T @ y[at]
            df = n - x.shape[1]
            rest = y[at] - x @ beta
            found.append((beta[0], np.sqrt(rest @ rest / df * inverse[0, 0]), df))
        value, error, df = np.array(found).T
        return tested(value, error, df)

    power = closed(n, 0.5, shares=(1 / 3, 1 / 3), arms=3, lost=1)
    return World(
        name, trial, units, noise(levels(units) * 0 + 0.4 * units.stratum), analyse, 0.5, power,
        lambda codes: (codes == 2).astype(float),
    )  # fmt: skip


def factorial() -> World:
    arms = tuple(
        TrialArm(f"{a}{b}", levels=(("reading", a), ("talk", b))) for a in "ny" for b in "ny"
    )
    units = arrivals(120)

    def second(codes):
        return (codes >= 2).astype(float)

    columns = np.column_stack([dummies(units.stratum), dummies(np.asarray(units.known)[:, 1])])
    return World(
        "factorial", Trial(arms, known=KNOWN, blocks=(4, 8)), units, noise(levels(units)),
        regressed(columns, second), 0.5, closed(120, 0.5, lost=columns.shape[1]), second,
    )  # fmt: skip


def sequential() -> World:
    """Three looks at O'Brien and Fleming's boundary, known variance: the first crossing rejects."""
    n, looks = 150, 3
    bounds = exact_bounds(looks, 0.025)
    units = arrivals(n)
    base = regressed(dummies(units.stratum))

    def analyse(codes, y) -> Found:
        crossed = np.zeros(len(codes), dtype=bool)
        for look in range(looks):
            upto = n * (look + 1) // looks
            own, out = codes[:, :upto], y[:, :upto] - 0.4 * units.stratum[:upto]
            apart = np.where(own == 1, out, 0).sum(axis=1) / (own == 1).sum(axis=1)
            apart -= np.where(own == 0, out, 0).sum(axis=1) / (own == 0).sum(axis=1)
            error = np.sqrt(1 / (own == 1).sum(axis=1) + 1 / (own == 0).sum(axis=1))
            crossed |= np.abs(apart / error) > bounds[look]
        final = base(codes, y)
        return Found(final.value, final.error, crossed)

    fractions = np.arange(1, looks + 1) / looks
    scheme = Scheme((Tier("child", n),), looks=Looks.of(bounds, fractions, alpha=0.025))
    error = variance(scheme) ** 0.5
    power = power_of(counting(scheme, 0.5, error), error, df=None)
    trial = Trial(TWO, known=KNOWN, blocks=(4, 6), monitoring=Monitoring(looks=looks))
    return World("group_sequential", trial, units, noise(0.4 * units.stratum), analyse, 0.5, power)


def within_clusters() -> World:
    """Twelve schools of ten children, each drawn within its own; schools differ much."""
    units = arrivals(120, clusters=12)
    units = replace(units, stratum=np.zeros(120, dtype=np.int64))
    columns = dummies(np.asarray(units.cluster))
    base = np.random.default_rng(2).normal(0, 1.5, 12)[units.cluster]
    scheme = Scheme((Tier("child", 10), Tier("school", 12)), blocks="constant")
    power = power_of(0.5, variance(scheme) ** 0.5, df=freedom(scheme))
    trial = Trial(TWO, known=KNOWN, blocks=(2, 4))
    return World("blocked", trial, units, noise(base), regressed(columns), 0.5, power)


def frame(n: int) -> Frame:
    made = np.random.default_rng(4)
    held = {"fsm": made.normal(size=n).round(3), "size": made.normal(size=n).round(3)}
    return Frame(tuple(f"s{at:03d}" for at in range(n)), np.zeros(n, np.int64), held)


def clusters() -> World:
    """Sixteen counties (as Dickinson et al.), twenty children each, a tenth of the draws kept."""
    n, children, icc = 16, 20, 0.1
    units = frame(n)
    covariates = np.column_stack(list(units.covariates.values()))
    base = covariates @ [0.3, 0.2]
    spread = np.sqrt(icc + (1 - icc) / children)
    scheme = Scheme(
        (Tier("child", children), Tier("county", n, icc)), drawn=1, covariates=covariates.shape[1]
    )
    power = power_of(0.6, variance(scheme) ** 0.5, df=freedom(scheme))
    trial = Trial(TWO, draw=Draw(balance=("fsm", "size")))
    outcome = lambda rng, draws: base + spread * rng.standard_normal((draws, n))  # noqa: E731
    return World("cluster", trial, units, outcome, regressed(covariates), 0.6, power)


def pairs() -> World:
    """Twenty schools in ten pairs; the mean difference within pairs over its own error."""
    from fingerpost.designs._pairing import pairs as matched

    n = 20
    units = frame(n)
    covariates = np.column_stack(list(units.covariates.values()))
    two, _ = matched(covariates)
    level = np.zeros(n)
    level[two] = np.random.default_rng(8).normal(0, 1, len(two))[:, None]

    def analyse(codes, y) -> Found:
        sign = np.where(codes[:, two[:, 0]] == 1, 1.0, -1.0)
        apart = sign * (y[:, two[:, 0]] - y[:, two[:, 1]])
        error = apart.std(axis=1, ddof=1) / np.sqrt(len(two))
        return tested(apart.mean(axis=1), error, len(two) - 1)

    scheme = Scheme((Tier("school", n),), paired=True)
    power = power_of(1.0, variance(scheme) ** 0.5, df=freedom(scheme))
    trial = Trial(TWO, match=("fsm", "size"))
    return World("matched_pairs", trial, units, noise(level), analyse, 1.0, power)


def smart() -> World:
    """The first stage of a sequence; the second is drawn as a trial of its own."""
    stage = Stage("second", (TrialArm("go on"), TrialArm("go over")), (("responded", "no"),))
    trial = Trial(TWO, known=(*KNOWN, RESPONDED), blocks=(4, 6), stages=(stage,))
    return of_children("smart", trial)


def crossover() -> World:
    """Thirty children, two periods that differ by 0.4; half the difference of the two, a child."""
    n, stays = 30, 0.5
    given = ({"first": "room", "second": "class"}, {"first": "class", "second": "room"})
    arms = tuple(
        TrialArm(f"{one['first']} first", levels=tuple(one.items())) for one in reversed(given)
    )
    trial = Trial(arms, known=KNOWN, blocks=(4, 6), washout="four weeks")
    units = replace(arrivals(n), stratum=np.zeros(n, dtype=np.int64))

    def outcome(rng, draws):
        child = np.sqrt(stays) * rng.standard_normal((draws, n))
        own = np.sqrt(1 - stays) * rng.standard_normal((2, draws, n))
        return (child + own[0] - (child + own[1] + 0.4)) / 2

    scheme = Scheme((Tier("child", n, stays=stays),))
    ((_, _, scheme),) = load("designs", "crossover", kind=Design).procedure.schemes(trial, scheme)
    power = power_of(0.5, variance(scheme) ** 0.5, df=freedom(scheme))
    # Half the difference is half the effect up under one order, and half down under the other.
    return World(
        "crossover", trial, units, outcome, welch, 0.5, power, lambda codes: (codes == 1) - 0.5
    )


def two_level() -> World:
    """Twenty schools of twelve children; what reaches those who are not offered it."""
    schools, size, icc = 20, 12, 0.1
    n = schools * size
    arms = (
        TrialArm("nobody", 2, levels=(("school", "none"),)),
        TrialArm("beside", 1, levels=(("school", "some"),)),
        TrialArm("offered", 1, levels=(("school", "some"),)),
    )
    trial = Trial(arms, known=KNOWN, blocks=(2, 4))
    units = arrivals(n)
    units = replace(units, stratum=units.stratum * 0, cluster=np.arange(n) // size)

    def outcome(rng, draws):
        between = np.sqrt(icc) * rng.standard_normal((draws, schools))
        return between[:, units.cluster] + np.sqrt(1 - icc) * rng.standard_normal((draws, n))

    def analyse(codes, y) -> Found:
        shape = (len(codes), schools, size)
        codes, y = codes.reshape(shape), y.reshape(shape)
        some = codes[:, :, 0] > 0
        own = codes < 2
        mean = (y * own).sum(axis=2) / np.maximum(own.sum(axis=2), 1)
        return welch(some.astype(int), mean)

    scheme = Scheme((Tier("child", size), Tier("school", schools, icc)))
    pairs_ = load("designs", "two_level", kind=Design).procedure.schemes(trial, scheme)
    spills = next(own for one, other, own in pairs_ if (one, other) == ("beside", "nobody"))
    power = power_of(0.6, variance(spills) ** 0.5, df=freedom(spills))
    return World("two_level", trial, units, outcome, analyse, 0.6, power)


def platform() -> World:
    """The third arm comes when the second has half its units; whoever comes later does better."""
    n = 240
    arms = (TWO[0], replace(TWO[1], closes=150), replace(THREE[2], opens=80))
    trial = Trial(arms, known=KNOWN, blocks=(4, 6))
    units = replace(arrivals(n), stratum=np.zeros(n, dtype=np.int64))
    period = np.searchsorted([80, 150], np.arange(n), side="right")

    def analyse(codes, y) -> Found:
        """Differences within times in which both are there, by how many came in them."""
        value, spread, square, df = 0.0, 0.0, 0.0, 0
        for at in (1, 2):
            own = period == at
            c, z = codes[:, own], y[:, own]
            weight = own.sum() / (period > 0).sum()
            for arm, sign in ((0, -1), (2, 1)):
                held = c == arm
                many = held.sum(axis=1)
                mean = (z * held).sum(axis=1) / many
                square = square + (((z - mean[:, None]) ** 2) * held).sum(axis=1)
                df = df + many - 1
                value = value + sign * weight * mean
                spread = spread + weight**2 / many
        return tested(value, np.sqrt(square / df * spread), df)

    scheme = Scheme((Tier("child", n),))
    pairs_ = load("designs", "platform", kind=Design).procedure.schemes(trial, scheme)
    power = power_of(0.5, variance(pairs_[-1][2]) ** 0.5, df=freedom(pairs_[-1][2]))
    return World(
        "platform", trial, units, noise(0.6 * period), analyse, 0.5, power,
        lambda codes: (codes == 2).astype(float),
    )  # fmt: skip


@dataclass(frozen=True)
class Chooses(World):
    """A trial that looks once, after `first` units, and goes on with its best arm."""

    first: int = 0
    boundary: float = 0.0

    def played(self, draws: int) -> list[np.ndarray]:
        """(d, n) arms of the same trials, had each arm besides the first been the best in turn."""
        seed = hashlib.sha256(self.name.encode()).digest()
        found = []
        for best in range(1, len(self.trial.arms)):
            arms = tuple(
                arm if at in (0, best) else replace(arm, closes=self.first)
                for at, arm in enumerate(self.trial.arms)
            )
            trial = replace(self.trial, arms=arms)
            found.append(self.design.procedure.replay(trial, self.units, seed, draws))
        return found

    def trials(self, draws: int, *, effect: float, seed: int) -> Found:
        """What trials find of the last arm, among units that came after it was chosen (nothing of
        trials that chose another); rejected: the best arm crosses the boundary, on all units.
        """
        ways = self.played(draws)
        y = self.outcome(np.random.default_rng(seed), draws)
        early = ways[0][:, : self.first]
        seen = y[:, : self.first] + effect * (early == len(ways))
        means = [
            np.where(early == arm, seen, 0).sum(axis=1) / (early == arm).sum(axis=1)
            for arm in range(1, len(ways) + 1)
        ]
        best = np.argmax(means, axis=0)
        codes = np.choose(best[:, None], ways)
        y = y + effect * (codes == len(ways))
        return self.found(codes, y, best + 1)

    def found(self, codes: np.ndarray, y: np.ndarray, best: np.ndarray) -> Found:
        whole = self.apart(codes, y, best)
        late = self.apart(codes[:, self.first :], y[:, self.first :], best)
        value = np.where(best == len(self.trial.arms) - 1, late[0], np.nan)
        return Found(value, late[1], whole[0] / whole[1] > self.boundary)

    def apart(self, codes, y, best) -> tuple[np.ndarray, np.ndarray]:
        mine, other = codes == best[:, None], codes == 0
        n, m = mine.sum(axis=1), other.sum(axis=1)
        return (y * mine).sum(axis=1) / n - (y * other).sum(axis=1) / m, np.sqrt(1 / n + 1 / m)


def adaptive() -> World:
    """Three arms of thirty, then two of forty-five more; one-sided, at 5% over both."""
    n, first, effect = 180, 90, 0.5
    boundary = boundary_of(2, first=30, second=45, alpha=0.05)
    effects = np.array([0.0, effect])
    power = float(declared(effects, first=30, second=45, boundary=boundary).sum())
    trial = Trial(THREE, known=KNOWN, blocks=(6,), monitoring=Monitoring(looks=2))
    units = replace(arrivals(n), stratum=np.zeros(n, dtype=np.int64))
    return Chooses(
        "adaptive_multi_arm", trial, units, noise(np.zeros(n)), welch, effect, power,
        first=first, boundary=boundary,
    )  # fmt: skip


def worlds() -> dict[str, World]:
    """Every world by the name of its design."""
    usual = Trial(TWO, known=KNOWN, blocks=(4, 6))
    doses = tuple(TrialArm(f"{weeks} weeks", levels=(("weeks", weeks),)) for weeks in ("5", "10"))
    found = [
        of_children("simple", Trial(TWO)),
        of_children("permuted_blocks", usual),
        of_children("stratified", usual),
        of_children("minimisation", Trial(TWO, known=KNOWN, minimise=Minimise())),
        of_children("waiting_list", usual),
        of_children("encouragement", usual),
        of_children("dose", Trial(doses, known=KNOWN, blocks=(4, 6))),
        several("multi_arm", Trial(THREE, known=KNOWN, blocks=(3, 6))),
        factorial(),
        sequential(),
        within_clusters(),
        clusters(),
        pairs(),
        smart(),
        crossover(),
        two_level(),
        platform(),
        adaptive(),
    ]
    return {world.name: world for world in found}
