"""Do intervals cover the truth where links are uncertain and errors informative? Simulated worlds.

    OPENBLAS_NUM_THREADS=1 python benchmarks/linkage_uncertainty.py --worlds 1000

writes benchmarks/LINKAGE.md. Each world has two files: schools hold covariates, group and
provision, hospitals the outcome. Children fall into blocks of four whose records can be confused
(born on one day in one place, say); four identifiers agree less often in the deprived group, which
also has provision more often, a worse outcome and a larger effect: linkage error is informative.
The effect for everyone is estimated by regression with its own effect in each group, once the links
are

- known;
- one spine: parameters by EM that knows no groups, the likeliest links, one-to-one; all of them,
  or those of probability .9 or more (whoever is missed is left out);
- 20 spines with parameters redrawn and links drawn one-to-one, but not given exposure and outcome;
- 20 spines drawn given exposure and outcome too, by turns: links given the regression, the
  regression given the links (Gutman, Afendulis and Zaslavsky 2013; Tancredi and Liseo 2011).

Spines are pooled by the project's own Rubin's rules (`core.inference.pool`).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.inference import intervals, pool
from fingerpost.core.seeds import stream
from fingerpost.kernels.arrays import one_thread

Array = NDArray[np.float64]
PAGE = Path(__file__).resolve().parent / "LINKAGE.md"
SIZE = 4
ORDERS = np.array(list(permutations(range(SIZE))))
FIELDS, ALIKE = 4, np.array([0.15, 0.50, 0.25, 0.40])  # agreement of two children by chance
AGREES = {0: 0.85, 1: 0.55}  # of one child's two records, by group
CHILDREN, DEPRIVED = 1_600, 0.40
EFFECT, MORE = 0.30, 0.50  # of provision; how much more in the deprived group
TRUTH = EFFECT + MORE * DEPRIVED
SPINES, BURN, THIN = 20, 20, 3
LINK = 0.9
TERM = Term("outcome", pair("provided", "none"), Target("ate"), "difference")
METHODS = (
    "links known",
    "one spine, the likeliest links",
    "one spine, links of .9 or more",
    "20 spines, not given exposure and outcome",
    "20 spines, given exposure and outcome",
)


@dataclass(frozen=True)
class World:
    """n children by school row, and their hospital rows in another order within each block.

    design: (n, 5) constant, provision, covariate, group, provision × group. y: (n,) by hospital
    row. agree: (blocks, hospital, school, fields). true: (blocks,) place in ORDERS of the true
    links: hospital row i of a block is the child in place ORDERS[true][i].
    """

    design: Array
    group: NDArray[np.int64]
    y: Array
    agree: NDArray[np.bool_]
    true: NDArray[np.int64]


def world(seed: int) -> World:
    """Return one world."""
    rng = stream("linkage uncertainty", f"world {seed}")
    n, blocks = CHILDREN, CHILDREN // SIZE
    group = (rng.random(n) < DEPRIVED).astype(np.int64)
    x = rng.standard_normal(n) + 0.4 * group
    arm = (rng.random(n) < expit(-0.7 + 0.6 * x + 0.6 * group)).astype(float)
    y = (EFFECT + MORE * group) * arm + 0.5 * x + 0.5 * group + rng.standard_normal(n)
    true = rng.integers(0, len(ORDERS), blocks)
    child = (np.arange(blocks)[:, None] * SIZE + ORDERS[true]).ravel()
    agree = rng.random((blocks, SIZE, SIZE, FIELDS)) < ALIKE
    own = rng.random((n, FIELDS)) < np.where(group == 1, AGREES[1], AGREES[0])[:, None]
    at = np.arange(SIZE)
    for block in range(blocks):
        agree[block, at, ORDERS[true[block]]] = own[block * SIZE + ORDERS[true[block]]]
    design = np.column_stack([np.ones(n), arm, x, group, arm * group])
    return World(design, group, y[child], agree, true)


# ---------------------------------------------------------------------------------- estimating
def estimate(design: Array, y: Array) -> Estimate:
    """Return the effect for everyone in the rows: regression, with its influence (HC0), that of the
    share of each group included.
    """
    n = len(y)
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ (design.T @ y)
    scores = design * (y - design @ beta)[:, None]
    share = design[:, 3].mean()
    weight = np.array([0, 1, 0, 0, share])
    influence = scores @ inverse @ weight + beta[4] * (design[:, 3] - share) / n
    variance = np.array([[influence @ influence * n / (n - 5)]])
    value = np.array([beta[1] + beta[4] * share])
    return Estimate((TERM,), value, Matrix(variance), n=np.array([n]))


def by_child(found: World, order: NDArray[np.int64]) -> Array:
    """Return the outcome of each child when links are those of `order` (blocks,)."""
    out = np.empty(len(found.y))
    blocks = np.arange(len(order))[:, None] * SIZE
    out[(blocks + ORDERS[order]).ravel()] = found.y
    return out


# ------------------------------------------------------------------------------------- linking
def em(found: World) -> tuple[Array, Array]:
    """Return m and u of each field by EM over all pairs within blocks, one class of links."""
    agree = found.agree.reshape(-1, FIELDS).astype(float)
    m, u = np.full(FIELDS, 0.9), np.full(FIELDS, 0.2)
    for _ in range(100):
        chance = posterior(agree, m, u)
        m = ((chance @ agree + 1) / (chance.sum() + 2)).clip(0.01, 0.99)
        u = (((1 - chance) @ agree + 1) / ((1 - chance).sum() + 2)).clip(0.01, 0.99)
    return m, u


def posterior(agree: Array, m: Array, u: Array) -> Array:
    """Return the probability of a link of each pair, one in `SIZE` being one beforehand."""
    ratio = agree @ (np.log(m) - np.log(u)) + (1 - agree) @ (np.log1p(-m) - np.log1p(-u))
    found: Array = expit(ratio - np.log(SIZE - 1))
    return found


def weights(found: World, m: Array, u: Array) -> Array:
    """Return log match weights (blocks, hospital, school). m: (2, fields) by the child's group."""
    group = found.group.reshape(-1, 1, SIZE)
    yes, no = (np.log(m) - np.log(u))[group], (np.log1p(-m) - np.log1p(-u))[group]
    out: Array = np.where(found.agree, yes, no).sum(axis=-1)
    return out


def of_orders(pairs: Array) -> Array:
    """Return the sum over each one-to-one order of a block: (blocks, orders)."""
    out: Array = pairs[:, np.arange(SIZE), ORDERS].sum(axis=-1)
    return out


def one_spine(found: World, least: float) -> Estimate:
    """Return the estimate on the likeliest links, those less probable than `least` left out."""
    m, u = em(found)
    order = of_orders(weights(found, np.stack([m, m]), u)).argmax(axis=1)
    at = np.arange(SIZE)
    agree = np.stack([each[at, ORDERS[one]] for each, one in zip(found.agree, order, strict=True)])
    sure = posterior(agree.reshape(-1, FIELDS).astype(float), m, u) >= least
    child = (np.arange(len(order))[:, None] * SIZE + ORDERS[order]).ravel()
    return estimate(found.design[child[sure]], found.y[sure])


def draws(found: World, rng: np.random.Generator, *, given: bool) -> list[Estimate]:
    """Return the estimates over spines drawn by turns: parameters of links, (regression,) links.
    given: whether links are drawn given exposure and outcome.
    """
    m, u = em(found)
    order = of_orders(weights(found, np.stack([m, m]), u)).argmax(axis=1)
    blocks, at = np.arange(len(order))[:, None], np.arange(SIZE)
    total = found.agree.sum(axis=(0, 1, 2))
    pairs = found.agree.shape[0] * SIZE * SIZE
    y = found.y.reshape(-1, SIZE, 1)
    kept = []
    for turn in range(BURN + SPINES * THIN):
        linked = found.agree[blocks, at, ORDERS[order]].reshape(-1, FIELDS)
        own = found.group.reshape(-1, SIZE)[blocks, ORDERS[order]].ravel()
        m = np.stack([redrawn(rng, linked[own == one]) for one in (0, 1)])
        hits = linked.sum(axis=0)
        u = rng.beta(1 + total - hits, 1 + pairs - len(linked) - total + hits).clip(1e-6, 1 - 1e-6)
        worth = weights(found, m, u)
        if given:
            beta, spread = regression(rng, found.design, by_child(found, order))
            away = y - (found.design @ beta).reshape(-1, 1, SIZE)
            worth = worth - away**2 / (2 * spread)
        chance = of_orders(worth)
        chance = np.exp(chance - chance.max(axis=1, keepdims=True)).cumsum(axis=1)
        order = (chance < rng.random((len(order), 1)) * chance[:, -1:]).sum(axis=1)
        if turn >= BURN and (turn - BURN) % THIN == THIN - 1:
            kept.append(estimate(found.design, by_child(found, order)))
    return kept


def redrawn(rng: np.random.Generator, agreed: NDArray[np.bool_]) -> Array:
    """Return m of each field, drawn anew given the links."""
    hits = agreed.sum(axis=0)
    found: Array = rng.beta(1 + hits, 1 + len(agreed) - hits).clip(1e-6, 1 - 1e-6)
    return found


def regression(rng: np.random.Generator, design: Array, y: Array) -> tuple[Array, float]:
    """Return coefficients and residual variance drawn anew given the links (a flat prior)."""
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ (design.T @ y)
    left = y - design @ beta
    spread = float(left @ left / rng.chisquare(len(y) - design.shape[1]))
    return rng.multivariate_normal(beta, spread * inverse), spread


# -------------------------------------------------------------------------------------- judging
def row(found: Estimate) -> tuple[float, float, float]:
    """Return an estimate and its 95% limits."""
    limits = intervals(found, 0.95)
    assert limits is not None
    return float(found.value[0]), float(limits[0, 0]), float(limits[0, 1])


def of_world(seed: int) -> list[tuple[float, float, float]]:
    """Return the answer of each method in one world, with its limits."""
    found = world(seed)
    rng = stream("linkage uncertainty", f"draws {seed}")
    answers = [estimate(found.design, by_child(found, found.true))]
    answers += [one_spine(found, least) for least in (0.0, LINK)]
    for given in (False, True):
        answers.append(pool(draws(found, rng, given=given), CHILDREN - 1.0))
    return [row(each) for each in answers]


def links_of(seed: int) -> Array:
    """Return of one spine, by group: the share of children linked, and of links that are false."""
    found = world(seed)
    m, u = em(found)
    order = of_orders(weights(found, np.stack([m, m]), u)).argmax(axis=1)
    agree = found.agree[np.arange(len(order))[:, None], np.arange(SIZE), ORDERS[order]]
    sure = posterior(agree.reshape(-1, FIELDS).astype(float), m, u) >= LINK
    child = (np.arange(len(order))[:, None] * SIZE + ORDERS[order]).ravel()
    right = (ORDERS[order] == ORDERS[found.true]).ravel()
    group = found.group[child]
    out = [
        [sure[group == one].mean(), (sure & ~right)[group == one].sum() / sure[group == one].sum()]
        for one in (0, 1)
    ]
    return np.array(out)


def page(answers: Array, links: Array, seconds: float) -> str:
    """Return the page. answers: (worlds, methods, 3)."""
    count = len(answers)
    lines = [
        "# Linkage error carried into effects",
        "",
        f"`python benchmarks/linkage_uncertainty.py --worlds {count}`: {count:,} simulated worlds "
        f"of {CHILDREN} children in blocks of {SIZE}, at the level of arrays (no records, no "
        f"files), {seconds / count:.2f} s of processor time a world. The effect for everyone is "
        f"{TRUTH:.2f}.",
        "",
        f"Identifiers agree for {AGREES[0]:.0%} of children of the usual group and "
        f"{AGREES[1]:.0%} of the deprived ({DEPRIVED:.0%} of all), in each of four fields; two "
        f"children of a block agree by chance in {', '.join(f'{one:.0%}' for one in ALIKE)}. One "
        f"spine links {links[0, 0]:.0%} of the usual group and {links[1, 0]:.0%} of the deprived; "
        f"of its links {links[0, 1]:.1%} and {links[1, 1]:.1%} are false.",
        "",
        "| links | mean | bias | sd of estimates | coverage of 95% | MCSE | mean width |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for at, method in enumerate(METHODS):
        value, low, high = answers[:, at].T
        cover = ((low <= TRUTH) & (high >= TRUTH)).mean()
        error = np.sqrt(cover * (1 - cover) / count)
        lines.append(
            f"| {method} | {value.mean():.3f} | {value.mean() - TRUTH:+.3f} | "
            f"{value.std(ddof=1):.3f} | {cover:.1%} | {error:.1%} | {(high - low).mean():.3f} |"
        )
    lines += [
        "",
        "What follows: several spines do not help by being several. Drawn without exposure and "
        "outcome they hold false links whose outcomes are another child's, and effects are drawn "
        "towards none, whatever the width: results over such spines are labelled a sensitivity "
        "range. Drawn given exposure and outcome, one-to-one, with parameters redrawn, they count "
        "as imputations. `fingerpost link run` draws spines of the former kind; whoever brings "
        "spines of the latter says so in their manifest (`conditional_on: [exposure, outcome]`, "
        "`parameters_redrawn: true`).",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Draw the worlds and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=PAGE)
    asked = parser.parse_args()
    begun = time.process_time()
    answers: list[list[tuple[float, float, float]]] = []
    with one_thread():
        links = np.mean([links_of(seed) for seed in range(min(asked.worlds, 100))], axis=0)
        for seed in range(asked.worlds):
            answers.append(of_world(seed))
            # Written as it goes: a run that is stopped leaves the page of the worlds it drew.
            if len(answers) % 50 == 0 or len(answers) == asked.worlds:
                words = page(np.array(answers), links, time.process_time() - begun)
                asked.out.write_text(words, encoding="utf-8")
    print(asked.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
