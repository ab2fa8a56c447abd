"""The model learnt by Splink 5, on the same levels, rules and session as the room's own.

Splink learns m and u and weighs pairs, values' frequency included; what follows (one to one,
spines, quality) is one for both. Install it with the extra `linkage`. Source: Linacre et al. 2022,
IJPDS 7(3):1794.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from fingerpost.core.errors import MissingExtra, NotFitted, Unanswerable
from fingerpost.linkage import fellegi_sunter
from fingerpost.linkage.comparisons import DIFFER, Comparison, Plan, Rule, fitting, pattern_sql
from fingerpost.linkage.fellegi_sunter import astray, distinct_rows, lessons, untaught, usual
from fingerpost.linkage.people import People
from fingerpost.linkage.scoring import (
    CLOSE,
    FLOOR,
    Floats,
    Model,
    Scored,
    bits,
    left_over,
    one_to_one,
)

MISSING = (
    "link: the package Splink is not installed. Install it with: pip install "
    "'fingerpost[linkage]', or use --method fellegi_sunter, which needs nothing besides."
)
# Pairs of a rule that a session of Splink learns from, at most about so many.
LEARNT = 1_000_000
# To begin with, no more of the smaller side than this are taken to be linked; rounds until pairs
# that Splink hands on go as far down as they must.
MOST_LINKED, ROUNDS = 0.98, 4


def score(people: People, plan: Plan, *, seed: int = 1, sample: int | None = None) -> Scored:
    """Return the pairs that may be matches, by a model that Splink learns from these people.

    sample: how many pairs at random levels of others are learnt from; `SAMPLE` of the room's own
    where None. Raises MissingExtra where Splink is not installed, Unanswerable where it finds
    nothing to learn from.
    """
    chosen = fitting(plan, people)
    linker = made(people, chosen)
    sample = sample or fellegi_sunter.SAMPLE
    teach = lessons(people, chosen)
    lacking = untaught(chosen, list(teach.values()))
    with its_own():
        learn(linker, tuple(teach), seed=seed, sample=sample)
        settle(linker, people, chosen)
    model = model_of(linker, people, chosen, sample=sample)
    declared = tuple(usual(one) for one in chosen.comparisons)
    lacking = tuple(name for name in lacking if name not in chosen.declared)
    doubted = astray(model, declared, besides=(*lacking, *chosen.declared))
    model = replace(model, untaught=(*lacking, *doubted))
    found = predicted(linker, people, chosen, model)
    if not len(found.left):
        raise Unanswerable("link: Splink finds no pair that may be a match.")
    return found


@contextmanager
def its_own() -> Iterator[None]:
    """A block of Splink's own work: what stops it is told without its words, which may quote a
    name. Raises NotFitted.
    """
    try:
        yield
    except Exception as error:
        # Ctrl-C within a query comes as an error of DuckDB's that names it.
        if isinstance(error, MemoryError) or KeyboardInterrupt.__name__ in repr(error):
            raise
        raise NotFitted(
            f"link: Splink stopped with {type(error).__name__}. Try --method fellegi_sunter, and "
            "look at the identifiers: are names and birth dates filled in on both sides?"
        ) from None


def made(people: People, plan: Plan) -> Any:
    """Return Splink's linker over the two tables of a session."""
    try:
        from splink import DuckDBAPI, Linker
    except ModuleNotFoundError:
        raise MissingExtra(MISSING) from None
    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(connection=people.session)
    sides = ("l",) if people.dedupe else ("l", "r")
    # Names that sort as the sides do: Splink's left table is then our left.
    frames = [
        api.register(people.session.table(side), dataset_display_name=f"side_{side}")
        for side in sides
    ]
    return Linker(frames if len(frames) > 1 else frames[0], settings(plan, people), log_level=None)


def settings(plan: Plan, people: People) -> dict[str, Any]:
    """Return a plan as Splink's settings."""
    return {
        "link_type": "dedupe_only" if people.dedupe else "link_only",
        "unique_id_column_name": "n",
        "comparisons": [comparison(one) for one in plan.comparisons],
        "blocking_rules_to_generate_predictions": [blocking(rule) for rule in plan.rules],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
        "max_iterations": 50,
        "probability_two_random_records_match": min(0.5, 0.5 / max(people.count)),
    }


def comparison(one: Comparison) -> dict[str, Any]:
    """Return a comparison as Splink writes it."""
    levels: list[dict[str, Any]] = [
        {"sql_condition": one.missing, "label_for_charts": "not known", "is_null_level": True}
    ]
    guess = usual(one)
    for at, level in enumerate(one.levels):
        levels.append(
            {
                "sql_condition": level.condition,
                "label_for_charts": level.words,
                "m_probability": float(guess[at]),
            }
        )
    levels.append(
        {
            "sql_condition": "ELSE",
            "label_for_charts": DIFFER,
            "m_probability": float(guess[-1]),
        }
    )
    if one.told_by:
        levels[1:] = [{**level, "fix_m_probability": True} for level in levels[1:]]
    if one.frequency:
        levels[1] |= {"tf_adjustment_column": one.column, "tf_adjustment_weight": 1.0}
    return {"output_column_name": one.name, "comparison_levels": levels}


def blocking(rule: Rule) -> dict[str, Any]:
    """Return a rule as Splink writes it."""
    asked = [f"l.{column} = r.{column}" for column in rule.columns]
    words = " AND ".join([*asked, *([rule.looked_at("l")] if rule.without else [])])
    found: dict[str, Any] = {"blocking_rule": words, "sql_dialect": "duckdb"}
    if rule.shared:
        found["arrays_to_explode"] = [rule.shared]
    return found


def learn(linker: Any, rules: tuple[Rule, ...], *, seed: int, sample: int) -> None:
    """Let Splink learn levels of others (u) from pairs at random, then of matches (m) by rules."""
    training = linker.training
    training.estimate_u_using_random_sampling(
        max_pairs=sample, seed=seed, min_count_per_level=None, num_chunks=1
    )
    for rule in rules:
        training.estimate_parameters_using_expectation_maximisation(
            blocking(rule)["blocking_rule"],
            estimate_without_term_frequencies=True,
            max_pairs=LEARNT,
            record_sample_proportion=0.1,
        )


def settle(linker: Any, people: People, plan: Plan) -> None:
    """Tell Splink how many matches there are: the pairs that agree on all of `plan.sure`, over the
    share of matches that do, by what was learnt. Where one of them is not known at all, half of the
    smaller side, to begin with: how many there are is then learnt one to one (see `predicted`).
    """
    if not set(plan.sure) <= set(plan.names):
        return
    held = learnt_levels(linker, plan)
    share = 1.0
    for name in plan.sure:
        share *= float(held[plan.names.index(name)][0][0])
    filled = " AND ".join(f"{name} IS NOT NULL" for name in plan.sure)
    known = [
        float(people.rows(f"SELECT avg(CAST({filled} AS INTEGER)) FROM {side}")[0][0] or 0)
        for side in "lr"
    ]
    rule = blocking(Rule(plan.sure))["blocking_rule"]
    recall = min(1.0, max(share * min(known), 0.01))
    linker.training.estimate_probability_two_random_records_match([rule], recall=recall)


def learnt_levels(linker: Any, plan: Plan) -> list[tuple[Floats, Floats]]:
    """Return m and u of each comparison, strongest level first, as Splink has them."""
    told = linker.misc.save_model_to_json()
    found = []
    for one, held in zip(plan.comparisons, told["comparisons"], strict=True):
        levels = [level for level in held["comparison_levels"] if not level.get("is_null_level")]
        guess = usual(one)
        m = [level.get("m_probability", guess[at]) for at, level in enumerate(levels)]
        u = [level.get("u_probability", 1e-9) for level in levels]
        found.append((np.array(m, dtype=float), np.array(u, dtype=float)))
    return found


def model_of(linker: Any, people: People, plan: Plan, *, sample: int) -> Model:
    """Return what Splink learnt as the room's model."""
    held = learnt_levels(linker, plan)
    total = people.pairs
    prior = float(linker.misc.save_model_to_json()["probability_two_random_records_match"])
    return Model(
        names=plan.names,
        m=tuple(m for m, _ in held),
        u=tuple(u for _, u in held),
        seen=((prior * total, min(float(sample), total)),) * len(held),
        prior=prior,
        pairs=total,
        frequency=tuple(one.frequency for one in plan.comparisons),
    )


def predicted(linker: Any, people: People, plan: Plan, model: Model) -> Scored:
    """Return the pairs that Splink finds at least `FLOOR` likely: of people who pair off one to
    one, by the odds of two who are left over, which are learnt from its pairs in turn.
    """
    lower = 0.0
    if not people.dedupe:
        guess = min(model.prior * model.pairs, MOST_LINKED * min(people.count))
        lower = bits(left_over(guess, people.count)) - bits(model.prior)
    for _ in range(ROUNDS):
        with its_own():
            table = linker.inference.predict(
                threshold_match_weight=bits(FLOOR) - lower, warning_mode="never"
            )
        found = as_scored(people, plan, model, table.physical_name)
        people.session.execute(f"DROP TABLE {table.physical_name}")
        if people.dedupe or not len(found.left):
            return found
        found = one_to_one(found)
        needed = bits(found.model.prior) - bits(model.prior)
        if needed <= lower + CLOSE:
            return found
        lower = needed + 1.0
    return found


def as_scored(people: People, plan: Plan, model: Model, table: str) -> Scored:
    """Return Splink's pairs with their levels, sorted by person; their weights stay Splink's.

    Splink hands on no levels without the names beside them, so they are asked for again, of the few
    pairs that it kept.
    """
    pairs = f"(SELECT n_l AS l, n_r AS r, match_weight FROM {table})"
    levels = ", ".join(f"g{at}" for at in range(len(plan.comparisons)))
    kept = people.arrays(
        f"SELECT l, r, match_weight, {levels} FROM ({pattern_sql(plan, pairs)}) "
        f"JOIN {pairs} USING (l, r) ORDER BY l, r"
    )
    rows = np.stack([kept[f"g{at}"] for at in range(len(plan.comparisons))], axis=1)
    patterns, pattern = distinct_rows(rows)
    rare = model.weights(patterns)[pattern] - np.asarray(kept["match_weight"], dtype=np.float64)
    left, right = kept["l"].astype(np.int64), kept["r"].astype(np.int64)
    return Scored(left, right, pattern, rare, patterns, model, people.count, len(left))
