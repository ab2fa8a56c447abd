"""Fellegi and Sunter's model learnt by expectation and maximisation, without another package.

Levels of others (u) are learnt from pairs at random, less those that look like matches; levels of
matches (m) from pairs that agree on one thing, which teach about everything else; how many matches
there are from all pairs that were looked at. Only counts of patterns of levels are in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fingerpost.core.errors import Unanswerable
from fingerpost.core.seeds import stream
from fingerpost.linkage.comparisons import Comparison, Plan, Rule, fitting, joined, pattern_sql
from fingerpost.linkage.people import People
from fingerpost.linkage.scoring import (
    UNSEEN,
    Floats,
    Ints,
    Model,
    Scored,
    likely,
    one_to_one,
    probability,
)

# Pairs at random that levels of others are learnt from; pairs of a rule that matches are learnt of.
SAMPLE = 2_000_000
LEARNT = 1_000_000
ROUNDS, STEPS, CLOSE = 4, 200, 1e-6
# The least share of matches among pairs that teach.
TINY = 1e-6
# Fewer pairs than this teach nothing; what is declared counts as much as so many.
LEAST = 20.0


@dataclass(frozen=True, slots=True)
class Counted:
    """Patterns of levels (-1 unknown, as rows) and how many pairs have each; comparisons used."""

    patterns: Ints
    count: Floats
    use: tuple[bool, ...]


def score(people: People, plan: Plan, *, seed: int = 1, sample: int | None = None) -> Scored:
    """Return the pairs that may be matches, by a model learnt from these people.

    sample: how many pairs at random, `SAMPLE` where None. Raises Unanswerable where no pair was
    found to learn from.
    """
    chosen = fitting(plan, people)
    if not chosen.rules:
        raise Unanswerable(
            "link: no rule says which two people to look at, as nothing by which they are found "
            "(names with birth dates, NHS numbers, postcodes) is filled in on both sides."
        )
    candidates(people, chosen)
    at_random = random_pairs(people, chosen, seed=seed, sample=sample or SAMPLE)
    pairs = counted(people, chosen, "looked_at")
    teach = list(lessons(people, chosen).values())
    if not teach or not pairs.count.sum():
        raise Unanswerable(
            "link: no two people agree on enough to learn from. Look at the identifiers: are names "
            "and birth dates filled in on both sides?"
        )
    model = learnt(people, chosen, at_random, pairs, teach)
    return as_scored(people, chosen, model, compared=int(pairs.count.sum()))


def candidates(people: People, plan: Plan) -> None:
    """Make `looked_at`: the levels of every pair that some rule finds, each pair once."""
    found = " UNION ".join(joined(rule, dedupe=people.dedupe) for rule in plan.rules)
    people.session.execute(
        f"CREATE OR REPLACE TABLE looked_at AS {pattern_sql(plan, f'({found})')}"
    )


def counted(
    people: People, plan: Plan, source: str, use: tuple[bool, ...] | None = None
) -> Counted:
    """Return how many rows of a query have each pattern of levels."""
    levels = ", ".join(f"g{at}" for at in range(len(plan.comparisons)))
    found = people.arrays(
        f"SELECT {levels}, count(*) AS pairs FROM {source} GROUP BY ALL ORDER BY ALL"
    )
    rows = [found[f"g{at}"].astype(np.int64) for at in range(len(plan.comparisons))]
    every = use or (True,) * len(plan.comparisons)
    return Counted(np.stack(rows, axis=1), found["pairs"].astype(np.float64), every)


def random_pairs(people: People, plan: Plan, *, seed: int, sample: int) -> Counted:
    """Return the patterns of pairs of people at random."""
    import pyarrow as pa

    rng = stream("linkage", "random pairs", seed=seed)
    side = int(np.ceil(np.sqrt(sample)))
    for name, count in zip(("l", "r"), people.count, strict=True):
        few = np.sort(rng.choice(count, size=min(side, count), replace=False))
        people.session.register(f"some_{name}", pa.table({name: few.astype(np.int32)}))
    others = "l <> r" if people.dedupe else "TRUE"
    cross = pattern_sql(plan, f"(SELECT l, r FROM some_l, some_r WHERE {others})")
    found = counted(people, plan, f"({cross})")
    for name in ("l", "r"):
        people.session.unregister(f"some_{name}")
    return found


def lessons(people: People, plan: Plan) -> dict[Rule, Counted]:
    """Return the rules that matches are learnt of with their pairs: those of `plan.learn`, and of
    `plan.spare` what teaches of a comparison that none before it teaches.
    """
    found = {rule: taught(people, plan, rule) for rule in plan.learn}
    found = {rule: one for rule, one in found.items() if one.count.sum() > 0}
    for rule in plan.spare:
        lacking = set(untaught(plan, list(found.values())))
        if not lacking - set(rule.uses):
            continue
        one = taught(people, plan, rule)
        if lacking - set(untaught(plan, [one])):
            found[rule] = one
    return found


def untaught(plan: Plan, teach: list[Counted]) -> tuple[str, ...]:
    """Return the comparisons that hardly a pair teaches of."""
    return tuple(
        name
        for at, name in enumerate(plan.names)
        if sum(float(one.count[one.patterns[:, at] >= 0].sum()) for one in teach if one.use[at])
        < LEAST
    )


def taught(people: People, plan: Plan, rule: Rule) -> Counted:
    """Return the patterns of about `LEARNT` pairs of a rule that matches are learnt of.

    rule: of values that are equal; none by lists that meet.
    """
    keys = ", ".join(rule.on)
    sizes = [f"(SELECT {keys}, count(*) AS c_{side} FROM {side} GROUP BY ALL)" for side in "lr"]
    found = people.rows(
        f"SELECT coalesce(sum(c_l * c_r), 0) FROM {sizes[0]} JOIN {sizes[1]} USING ({keys})"
    )
    every = max(1, round(int(found[0][0]) / LEARNT))
    pairs = joined(rule, more=f"a.n % {every} = 0", dedupe=people.dedupe)
    use = tuple(name not in rule.uses for name in plan.names)
    return counted(people, plan, f"({pattern_sql(plan, f'({pairs})')})", use)


def learnt(
    people: People, plan: Plan, at_random: Counted, pairs: Counted, teach: list[Counted]
) -> Model:
    """Return the model: m, u and how many matches there are. A comparison of which matches cannot
    be told from others by what these people teach keeps the m that is declared.
    """
    sizes = [one.size for one in plan.comparisons]
    start = Model(
        names=plan.names,
        m=tuple(usual(one) for one in plan.comparisons),
        u=tuple(shares(at_random, at_random.count, at, size)[0] for at, size in enumerate(sizes)),
        seen=((1.0, 1.0),) * len(sizes),
        prior=min(0.5, 0.5 * min(people.count) / people.pairs),
        pairs=people.pairs,
        frequency=(False,) * len(sizes),
        untaught=tuple(dict.fromkeys((*untaught(plan, teach), *plan.declared))),
    )
    model = by_turns(start, at_random, pairs, teach)
    while doubted := no_lesson(start, model):
        start = replace(start, untaught=(*start.untaught, *doubted))
        model = by_turns(start, at_random, pairs, teach)
    return replace(
        model,
        frequency=tuple(one.frequency for one in plan.comparisons),
        untaught=tuple(name for name in model.untaught if name not in plan.declared),
    )


def by_turns(start: Model, at_random: Counted, pairs: Counted, teach: list[Counted]) -> Model:
    """Return the model with m, u and how many matches there are learnt, each in turn given the
    others.
    """
    declared, model = start.m, start
    for _ in range(ROUNDS):
        model = maximised(model, teach, declared)
        model = replace(model, prior=how_many(model, pairs) / model.pairs)
        others = at_random.count * (1 - probability(model.weights(at_random.patterns)))
        found = [shares(at_random, others, at, len(m)) for at, m in enumerate(declared)]
        model = replace(
            model,
            u=tuple(share for share, _ in found),
            seen=tuple((m, n) for (m, _), (_, n) in zip(model.seen, found, strict=True)),
        )
    return model


def no_lesson(start: Model, model: Model) -> tuple[str, ...]:
    """Return the comparisons of which what was learnt is no lesson: it rests on fewer than `LEAST`
    matches, or is astray.
    """
    wrong = astray(model, start.m, besides=start.untaught)
    return tuple(
        name
        for name, (matches, _) in zip(model.names, model.seen, strict=True)
        if name in wrong or (name not in start.untaught and matches - LEAST < LEAST)
    )


def astray(
    model: Model, declared: tuple[Floats, ...], *, besides: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the comparisons, besides some, that are the same in matches less often than halfway
    from others to what is declared: what was taken for matches is not.
    """
    return tuple(
        name
        for name, first, m, u in zip(model.names, declared, model.m, model.u, strict=True)
        if name not in besides and u[0] < first[0] and m[0] < (u[0] + first[0]) / 2
    )


def usual(one: Comparison) -> Floats:
    """Return chances of a comparison's levels in matches, as declared: where learning begins, and
    where it ends if nothing teaches.
    """
    return np.array(one.usual) if one.usual else first_guess(one.size)


def first_guess(size: int) -> Floats:
    """Return chances of levels in matches to begin with: most agree."""
    rest = 0.1 / (size - 1)
    return np.array([0.9] + [rest] * (size - 1))


def shares(from_: Counted, count: Floats, at: int, size: int) -> tuple[Floats, float]:
    """Return the share of each level of a comparison among pairs where it is known, and their
    number; no level is impossible.
    """
    level = from_.patterns[:, at]
    known = level >= 0
    found = np.bincount(level[known], count[known], minlength=size) + UNSEEN / size
    return found / found.sum(), float(found.sum())


def maximised(model: Model, teach: list[Counted], declared: tuple[Floats, ...]) -> Model:
    """Return the model with m learnt from the pairs that teach it, u held; each set of pairs has a
    share of matches of its own, which is first learnt with m held.

    declared: chances of levels in matches, which count as `LEAST` matches do: they decide where
    matches on a level are too few to be seen among others.
    """
    share = [share_of(model, part) for part in teach]
    kept = [name in model.untaught for name in model.names]
    for _ in range(STEPS):
        found = [LEAST * m for m in declared]
        for place, part in enumerate(teach):
            held = replace(model, prior=share[place])
            match = part.count * probability(part_weights(held, part))
            share[place] = bounded(float(match.sum() / part.count.sum()))
            for at, used in enumerate(part.use):
                level = part.patterns[:, at]
                if used and not kept[at]:
                    known = level >= 0
                    found[at] += np.bincount(level[known], match[known], minlength=len(found[at]))
        fresh = tuple(one / one.sum() for one in found)
        moved = max(float(np.abs(a - b).max()) for a, b in zip(fresh, model.m, strict=True))
        seen = tuple((float(f.sum()), n) for f, (_, n) in zip(found, model.seen, strict=True))
        model = replace(model, m=fresh, seen=seen)
        if moved < CLOSE:
            break
    return model


def share_of(model: Model, part: Counted) -> float:
    """Return the likeliest share of matches among a set of pairs, m and u held: where the slope of
    the likelihood, which falls as the share rises, is nought.
    """
    ratio = np.exp2(np.clip(part_weights(replace(model, prior=0.5), part), -500, 500))
    low, high = TINY, 1 - TINY
    while high - low > TINY * low:
        share = (low + high) / 2
        rising = (part.count * (ratio - 1) / (share * ratio + 1 - share)).sum() > 0
        low, high = (share, high) if rising else (low, share)
    return low


def bounded(share: float) -> float:
    """Return a share that is neither none nor all."""
    return min(max(share, TINY), 1 - TINY)


def part_weights(model: Model, part: Counted) -> Floats:
    """Return the weights of patterns by the comparisons that a set of pairs can teach."""
    blind = part.patterns.copy()
    blind[:, [not used for used in part.use]] = -1
    return model.weights(blind)


def how_many(model: Model, pairs: Counted) -> float:
    """Return how many of the pairs that were looked at are expected to be matches."""
    matches = model.prior * model.pairs
    for _ in range(STEPS):
        before = matches
        chance = probability(replace(model, prior=matches / model.pairs).weights(pairs.patterns))
        matches = float(max((pairs.count * chance).sum(), UNSEEN))
        matches = min(matches, 0.5 * model.pairs)
        if abs(matches - before) < CLOSE * max(matches, 1.0):
            break
    return matches


def as_scored(people: People, plan: Plan, model: Model, *, compared: int) -> Scored:
    """Return the pairs of `looked_at` that may be matches, sorted by person."""
    levels = ", ".join(f"g{at}" for at in range(len(plan.comparisons)))
    kept = people.arrays(f"SELECT l, r, {levels} FROM looked_at ORDER BY l, r")
    rows = np.stack([kept[f"g{at}"] for at in range(len(plan.comparisons))], axis=1)
    patterns, pattern = distinct_rows(rows)
    left, right = kept["l"].astype(np.int64), kept["r"].astype(np.int64)
    rare = rarity(people, plan, rows, left)
    found = Scored(left, right, pattern, rare, patterns, model, people.count, compared)
    return likely(found) if people.dedupe else one_to_one(found)


def distinct_rows(rows: Any) -> tuple[Ints, Ints]:
    """Return the distinct rows of levels, and which of them each row is."""
    code = np.zeros(len(rows), dtype=np.int64)
    for at in range(rows.shape[1]):
        code = code * 16 + rows[:, at] + 1
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    return rows[first].astype(np.int64), which.astype(np.int64)


def rarity(people: People, plan: Plan, rows: Any, left: Ints) -> Floats:
    """Return log2 of how often the values that each pair agrees on are borne, summed; 0 for none.

    A value's frequency is its share among the people of both sides who have one.
    """
    total = np.zeros(len(left))
    for at, one in enumerate(plan.comparisons):
        if not one.frequency:
            continue
        column = one.column
        both = f"SELECT {column} FROM l UNION ALL SELECT {column} FROM r"
        borne = people.arrays(
            f"WITH f AS (SELECT {column}, count(*) / sum(count(*)) OVER () AS share "
            f"FROM ({both}) WHERE {column} IS NOT NULL GROUP BY {column}) "
            f"SELECT log2(coalesce(share, 1)) AS bits FROM l LEFT JOIN f USING ({column}) "
            "ORDER BY n"
        )["bits"]
        same = rows[:, at] == 0
        total[same] += np.asarray(borne, dtype=np.float64)[left[same]]
    return total
