"""Do intervals cover the truth where links are uncertain and errors informative? Simulated worlds.

    OPENBLAS_NUM_THREADS=1 python benchmarks/linkage_uncertainty.py --worlds 1000

writes benchmarks/LINKAGE.md. Each world has two files: schools hold covariates, group and
provision, hospitals the outcome. Children fall into blocks of four whose records can be confused
(born on one day in one place, say); four identifiers agree less often in the deprived group, which
also has provision more often, a worse outcome and a larger effect: linkage error is informative.
The effect for everyone is estimated by regression with its own effect in each group, once the links
are

- known;
- one spine: parameters by EM that knows no groups, the likeliest links, one-to-one, those of
  probability .5 or more, or .9 or more (whoever is missed is left out);
- 20 spines with parameters redrawn and links drawn one-to-one, but not given exposure and outcome,
  as `fingerpost link run --spines 20` draws them;
- 20 spines drawn given exposure and outcome too, as `--study` draws them.

Links are scored, paired off and drawn by the project's own code (`fingerpost.linkage`: `run` and
`conditional`); only the worlds, and EM over two levels a field, are here. How often two children of
a block agree by chance is learnt from pairs of children at random, as in `link run`.

Spines are pooled by the project's own Rubin's rules (`core.inference.pool`).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from itertools import islice, permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.inference import intervals, pool
from fingerpost.core.seeds import stream
from fingerpost.kernels.arrays import one_thread
from fingerpost.linkage.assignment import Ways
from fingerpost.linkage.conditional import facts_of, spines
from fingerpost.linkage.drawing import by_identifiers
from fingerpost.linkage.pairing import pair_off
from fingerpost.linkage.scoring import Ints, Model, Scored

Array = NDArray[np.float64]
PAGE = Path(__file__).resolve().parent / "LINKAGE.md"
SIZE = 4
ORDERS = np.array(list(permutations(range(SIZE))))
FIELDS, ALIKE = 4, np.array([0.15, 0.50, 0.25, 0.40])  # agreement of two children by chance
AGREES = {0: 0.85, 1: 0.55}  # of one child's two records, by group
CHILDREN, DEPRIVED = 1_600, 0.40
EFFECT, MORE = 0.30, 0.50  # of provision; how much more in the deprived group
TRUTH = EFFECT + MORE * DEPRIVED
SPINES, LINK = 20, (0.5, 0.9)
AT_RANDOM = 100_000  # pairs of children at random, of which agreement by chance is learnt
TERM = Term("outcome", pair("provided", "none"), Target("ate"), "difference")
METHODS = (
    "links known",
    "one spine, links of .5 or more",
    "one spine, links of .9 or more",
    "20 spines, not given exposure and outcome",
    "20 spines, given exposure and outcome",
)


@dataclass(frozen=True)
class World:
    """n children by school row, and their hospital rows in another order within each block.

    design: (n, 5) constant, provision, covariate, group, provision × group. y: (n,) by hospital
    row. agree: (blocks, hospital, school, fields). true: (blocks,) place in ORDERS of the true
    links: hospital row i of a block is the child in place ORDERS[true][i]. seed: its number.
    """

    design: Array
    group: NDArray[np.int64]
    y: Array
    agree: NDArray[np.bool_]
    true: NDArray[np.int64]
    seed: int


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
    return World(design, group, y[child], agree, true, seed)


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


def on_links(found: World, scored: Scored, at: Ints) -> Estimate:
    """Return the estimate over the pairs that are linked. at: their places."""
    return estimate(found.design[scored.right[at]], found.y[scored.left[at]])


def true_child(found: World) -> Ints:
    """Return the child of each hospital row."""
    blocks = np.arange(len(found.true))[:, None] * SIZE
    return np.asarray((blocks + ORDERS[found.true]).ravel(), dtype=np.int64)


# ------------------------------------------------------------------------------------- linking
def em(agree: Array, u: Array) -> Array:
    """Return m of each field by EM over all pairs within blocks, one class of links, u known."""
    m = np.full(FIELDS, 0.9)
    for _ in range(100):
        ratio = agree @ (np.log(m) - np.log(u)) + (1 - agree) @ (np.log1p(-m) - np.log1p(-u))
        chance = expit(ratio - np.log(SIZE - 1))
        m = ((chance @ agree + 1) / (chance.sum() + 2)).clip(0.01, 0.99)
    return m


def pairs_of(found: World) -> Scored:
    """Return the pairs within blocks as a linker scores them: the block, then each field."""
    n, blocks = len(found.y), len(found.true)
    agree = found.agree.reshape(-1, FIELDS)
    rng = stream("linkage uncertainty", f"pairs at random {found.seed}")
    u = rng.binomial(AT_RANDOM, ALIKE) / AT_RANDOM
    m = em(agree.astype(float), u)
    levels = np.column_stack([np.zeros(len(agree), dtype=int), np.where(agree, 0, 1)])
    patterns, pattern = np.unique(levels, axis=0, return_inverse=True)
    model = Model(
        names=("block", *(f"field {at}" for at in range(FIELDS))),
        m=(two(1 - 1e-6), *map(two, m)),
        u=(two(1 / blocks), *map(two, u)),
        seen=((float(n), float(AT_RANDOM)),) * (FIELDS + 1),
        prior=1 / n,
        pairs=float(n) * n,
        frequency=(False,) * (FIELDS + 1),
    )
    left = np.repeat(np.arange(n), SIZE)
    right = np.repeat(np.arange(blocks) * SIZE, SIZE**2) + np.tile(np.arange(SIZE), n)
    none = np.zeros(len(left))
    return Scored(left, right, pattern.ravel(), none, patterns, model, (n, n), len(left))


def two(chance: float) -> Array:
    """Return the chances of agreeing and of not."""
    return np.array([chance, 1 - chance])


def over_spines(found: World, scored: Scored, ways: Ways, *, given: bool) -> Estimate:
    """Return the pooled estimate over spines. given: drawn given exposure and outcome."""
    if given:
        names = ("provided", "covariate", "deprived")
        school = dict(zip(names, found.design.T[1:4], strict=True))
        facts, design = facts_of(scored, {"outcome": found.y}, school, names[:1])
        rng = stream("linkage uncertainty", f"draws {found.seed}")
        made = spines(scored, ways, facts, design, rng)
    else:
        made = by_identifiers(scored, ways, found.seed)
    each = [on_links(found, scored, one.at) for one in islice(made, SPINES)]
    return pool(each, CHILDREN - 1.0)


# -------------------------------------------------------------------------------------- judging
def row(found: Estimate) -> tuple[float, float, float]:
    """Return an estimate and its 95% limits."""
    limits = intervals(found, 0.95)
    assert limits is not None
    return float(found.value[0]), float(limits[0, 0]), float(limits[0, 1])


def of_world(seed: int) -> list[tuple[float, float, float]]:
    """Return the answer of each method in one world, with its limits."""
    found = world(seed)
    scored = pairs_of(found)
    answers = [estimate(found.design[true_child(found)], found.y)]
    for least in LINK:
        paired = pair_off(scored, threshold=least, seed=seed)
        answers.append(on_links(found, scored, paired.best))
    for given in (False, True):
        answers.append(over_spines(found, paired.scored, paired.ways, given=given))
    return [row(each) for each in answers]


def links_of(seed: int) -> Array:
    """Return of one spine, by group: the share of children linked, and of links that are false."""
    found = world(seed)
    scored = pairs_of(found)
    at = pair_off(scored, threshold=LINK[-1], seed=seed).best
    false = true_child(found)[scored.left[at]] != scored.right[at]
    group = found.group[scored.right[at]]
    shares = [(group == one).sum() / (found.group == one).sum() for one in (0, 1)]
    return np.array([[shares[one], false[group == one].mean()] for one in (0, 1)])


def page(answers: Array, links: Array, seconds: float) -> str:
    """Return the page. answers: (worlds, methods, 3)."""
    count = len(answers)
    lines = [
        "# Linkage error carried into effects",
        "",
        f"`python benchmarks/linkage_uncertainty.py --worlds {count}`: {count:,} simulated worlds "
        f"of {CHILDREN} children in blocks of {SIZE}, at the level of arrays (no records, no "
        f"files), {seconds / count:.1f} s of processor time a world. The effect for everyone is "
        f"{TRUTH:.2f}.",
        "",
        f"Identifiers agree for {AGREES[0]:.0%} of children of the usual group and "
        f"{AGREES[1]:.0%} of the deprived ({DEPRIVED:.0%} of all), in each of four fields; two "
        f"children of a block agree by chance in {', '.join(f'{one:.0%}' for one in ALIKE)}. One "
        f"spine of .9 or more links {links[0, 0]:.0%} of the usual group and {links[1, 0]:.0%} of "
        f"the deprived; of its links {links[0, 1]:.1%} and {links[1, 1]:.1%} are false.",
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
        "as imputations: `fingerpost link run --study` draws such, for that study alone.",
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
