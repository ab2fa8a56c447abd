"""Five kinds of answer pass from arrays through Finding and Output to a report, and back.

Each is computed here from arrays and checked by an independent oracle; its interval is then read
back from the report's HTML. The nouns must hold them all before anything grows on them.
"""

from __future__ import annotations

import json
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.duration.survfunc import SurvfuncRight

from fingerpost.core.answer import Answer
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.finding import Finding
from fingerpost.core.inference import intervals, pool, standard_errors
from fingerpost.core.provenance import Provenance
from fingerpost.core.region import Region
from fingerpost.core.study import Arms, OutcomeSpec, Study
from fingerpost.kernels.small_sample import clustered_least_squares
from fingerpost.kernels.survival import kaplan_meier
from fingerpost.release.clear import clear
from fingerpost.reports.write import write_report

ARMS = pair("support", "none")
LEVEL = 0.95
SEED_OF_TWO_PIECES = 4  # a draw whose set has a gap; most weak draws exclude nothing


def single(term: Term, value: float, spread: object, **more: object) -> Estimate:
    """An estimate of one term."""
    return Estimate((term,), np.array([value]), spread, interval=("as tested",), **more)


@pytest.fixture(scope="module")
def r() -> np.random.Generator:
    return np.random.default_rng(20261123)


@pytest.fixture(scope="module")
def survival(r: np.random.Generator) -> Answer:
    """A difference of risks by Kaplan–Meier; oracle: statsmodels' survival function."""
    arm = np.repeat([0, 1], 150)
    time, censored = r.exponential(np.where(arm == 1, 4.0, 3.0)), r.exponential(6.0, 300)
    seen, event = np.minimum(time, censored), time <= censored
    horizon = 2.0
    influence, value, error = np.zeros(300), 0.0, 0.0
    for a, sign in ((1, 1.0), (0, -1.0)):
        rows = np.flatnonzero(arm == a)
        found = kaplan_meier(seen[rows], event[rows], horizon=horizon)
        value += sign * found.risk
        influence[rows] = sign * found.influence
        oracle = SurvfuncRight(seen[rows], event[rows].astype(int))
        at = np.flatnonzero(oracle.surv_times <= horizon)[-1]
        assert found.risk == pytest.approx(1 - oracle.surv_prob[at], abs=1e-12)
        error += oracle.surv_prob_se[at] ** 2
    spread = Influence(influence[:, None], np.arange(300))
    term = Term("moved school", ARMS, Target("ate"), "risk", "difference", horizon=horizon)
    estimate = single(term, value, spread)
    assert standard_errors(estimate)[0] == pytest.approx(np.sqrt(error), rel=0.01)
    return Answer("survival", estimate)


@pytest.fixture(scope="module")
def randomisation(r: np.random.Generator) -> Answer:
    """An inverted exact permutation test; oracle: scipy's permutation test at the ends."""
    y = np.array([1.1, 2.3, 0.4, 3.9, 2.8, 4.1, 3.3, 5.2])
    treated = np.array([False, False, False, True, False, True, True, True])
    draws = [np.isin(np.arange(8), chosen) for chosen in combinations(range(8), 4)]

    def p_value(effect: float) -> float:
        null = y - effect * treated
        observed = abs(null[treated].mean() - null[~treated].mean())
        others = [abs(null[d].mean() - null[~d].mean()) for d in draws]
        return float(np.mean(np.array(others) >= observed - 1e-12))

    grid = np.linspace(-10, 15, 5001)
    kept = grid[[p_value(effect) > 1 - LEVEL for effect in grid]]
    low, high = float(kept.min()), float(kept.max())
    for inside, outside in ((low + 0.01, low - 0.02), (high - 0.01, high + 0.02)):
        for effect, kept_there in ((inside, True), (outside, False)):
            null = y - effect * treated
            oracle = stats.permutation_test(
                (null[treated], null[~treated]),
                lambda a, b: abs(a.mean() - b.mean()),
                n_resamples=np.inf,
                alternative="greater",
            )
            assert bool(oracle.pvalue > 1 - LEVEL) is kept_there
    term = Term("days in school", ARMS, Target("ate"))
    region = Region(term, ((low, high),), LEVEL, "exact permutation test, inverted", p=p_value(0.0))
    return Answer("randomisation_test", regions=(region,))


@pytest.fixture(scope="module")
def few_clusters(r: np.random.Generator) -> Answer:
    """CR2 with Satterthwaite df; oracle: Bell & McCaffrey (2002) with dense matrices."""
    school = np.repeat(np.arange(12), 15)
    arm = (school < 4).astype(float)
    y = 0.4 * arm + r.normal(size=12)[school] * 0.5 + r.normal(size=180)
    x = np.column_stack([np.ones(180), arm])
    found = clustered_least_squares(x, y, codes=school, contrasts=np.array([[0.0, 1.0]]))
    bread = np.linalg.inv(x.T @ x)
    hat = x @ bread @ x.T
    residual = y - hat @ y
    columns, meat = [], np.zeros((2, 2))
    for s in range(12):
        rows = school == s
        values, vectors = np.linalg.eigh(np.eye(15) - hat[np.ix_(rows, rows)])
        root = vectors @ np.diag(values**-0.5) @ vectors.T
        score = x[rows].T @ root @ residual[rows]
        meat += np.outer(score, score)
        columns.append((np.eye(180) - hat)[:, rows] @ root @ x[rows] @ bread[:, 1])
    gram = np.array([[a @ b for b in columns] for a in columns])
    df = np.trace(gram) ** 2 / (gram**2).sum()
    assert found.se[0] ** 2 == pytest.approx((bread @ meat @ bread)[1, 1], rel=1e-9)
    assert found.df[0] == pytest.approx(df, rel=1e-9)
    spread = Influence(found.influence[:, 1:], np.arange(12), "school")
    term = Term("attendance", ARMS, Target("conditional"))
    return Answer("regression", single(term, float(found.value[0]), spread, df=found.df))


@pytest.fixture(scope="module")
def pooled(r: np.random.Generator) -> Answer:
    """Five imputations pooled; oracle: Rubin's rules and Barnard–Rubin's df written out."""
    term = Term("reading", ARMS, Target("att"))
    sums = r.normal(size=(5, 60, 1)) * 0.05
    parts = [
        single(term, v, Influence(s, np.arange(60), "school"))
        for v, s in zip(r.normal(0.3, 0.1, 5), sums, strict=True)
    ]
    found = pool(parts, complete_df=59)
    values = np.array([part.value[0] for part in parts])
    within = np.mean([(s**2).sum() for s in sums])
    between = 1.2 * values.var(ddof=1)
    share = between / (within + between)
    df = 1 / (share**2 / 4 + 62 / (60 * 59 * (1 - share)))
    reach = stats.t.ppf(0.975, df) * np.sqrt(within + between)
    assert intervals(found)[0] == pytest.approx([values.mean() - reach, values.mean() + reach])
    return Answer("aipw", found)


@pytest.fixture(scope="module")
def weak_instrument() -> Answer:
    """An Anderson–Rubin set with a weak instrument; oracle: the F test inverted by root finding."""
    n, r = 400, np.random.default_rng(SEED_OF_TWO_PIECES)
    z, u = r.normal(size=n), r.normal(size=n)
    d = 0.02 * z + u + r.normal(size=n)
    y = 0.5 * d + u
    limit = stats.f.ppf(LEVEL, 1, n - 2)
    zc, dc, yc = z - z.mean(), d - d.mean(), y - y.mean()

    def statistic(beta: float) -> float:
        return float(stats.linregress(z, y - beta * d).rvalue ** 2)

    bar = limit / (limit + n - 2)
    a = (zc @ dc) ** 2 - bar * (zc @ zc) * (dc @ dc)
    b = -2 * ((zc @ dc) * (zc @ yc) - bar * (zc @ zc) * (dc @ yc))
    c = (zc @ yc) ** 2 - bar * (zc @ zc) * (yc @ yc)
    assert a < 0, "the instrument is weak, so the set is unbounded"
    low, high = sorted(np.roots([a, b, c]).real)
    assert b * b > 4 * a * c, "two pieces, not the whole line"
    pieces = ((-np.inf, float(low)), (float(high), np.inf))
    for edge in (low, high):
        span = (edge - 0.5 * (high - low) * 0.9, edge + 0.5 * (high - low) * 0.9)
        ends = [statistic(beta) - bar for beta in span]
        assert ends[0] * ends[1] < 0
        assert optimize.brentq(lambda beta: statistic(beta) - bar, *span) == pytest.approx(edge)
    term = Term("absence", ARMS, Target("compliers"))
    return Answer("iv", regions=(Region(term, pieces, LEVEL, "Anderson–Rubin"),))


class Cells(HTMLParser):
    """Reads the intervals of a report by their data attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        pieces = json.loads(named.get("data-pieces", "[]"))
        if "data-lo" in named:
            pieces = [[named["data-lo"], named["data-hi"]]]
        for low, high in pieces:
            ends = ["" if end in (None, "") else repr(float(end)) for end in (low, high)]
            self.found.add((named["data-estimator"], *ends))


def test_intervals_survive_from_arrays_to_the_report(
    tmp_path: Path,
    survival: Answer,
    randomisation: Answer,
    few_clusters: Answer,
    pooled: Answer,
    weak_instrument: Answer,
) -> None:
    answers = (survival, randomisation, few_clusters, pooled, weak_instrument)
    outcomes = tuple(
        OutcomeSpec(name, name)
        for name in ("moved school", "days in school", "attendance", "reading", "absence")
    )
    study = Study(
        "five-kinds",
        "Do five kinds of answer survive?",
        arms=Arms("arm", ((0, "none"), (1, "support"))),
        outcomes=outcomes,
        estimators=tuple(answer.leaf for answer in answers),
        release="none",
    )
    output = clear(Finding(study, answers, primary=study.estimators, provenance=Provenance("x")))
    page = write_report(output, tmp_path / "report.html").read_text(encoding="utf-8")
    cells = Cells()
    cells.feed(page)
    expected = set()
    for answer in answers:
        if answer.estimate is not None:
            low, high = intervals(answer.estimate)[0]
            expected.add((answer.leaf, repr(float(low)), repr(float(high))))
        for region in answer.regions:
            for low, high in region.pieces:
                ends = ["" if np.isinf(end) else repr(end) for end in (low, high)]
                expected.add((answer.leaf, *ends))
    assert expected <= cells.found
