"""Reasons in words: why a target is refused, which rule is plainest; why a child leaves."""

from __future__ import annotations

import math

from fingerpost.core.refusal import Broken

# The rules of the guard rails, the plainest to a reader first.
PLAINEST = (
    "largest child",
    "outside support",
    "effective size",
    "children",
    "events",
    "clusters",
    "largest cluster",
    "balance",
    "score",
)
SHARES = ("largest child", "largest cluster", "outside support")
TOO_LOW = ("effective size", "children", "events", "clusters")


def plainest(rules: tuple[Broken, ...]) -> Broken | None:
    """Return the broken rule that is easiest to grasp; of one name, the one broken most.

    >>> found = (Broken("balance", "", 0.4, 0.25), Broken("children", "", 8.0, 20.0))
    >>> plainest(found).rule
    'children'
    """
    return min(rules, key=place, default=None)


def place(rule: Broken) -> tuple[int, float]:
    """Return where a rule stands among others: by its name, then by how far it is broken."""
    order = PLAINEST.index(rule.rule) if rule.rule in PLAINEST else len(PLAINEST)
    beyond = abs(rule.measured - rule.threshold)
    return order, -beyond if math.isfinite(beyond) else 0.0


def broken_words(rule: Broken) -> str:
    """Return what was found; the rule's own words, or its numbers where it has none.

    >>> broken_words(Broken("balance", "", 0.4, 0.25))
    'balance is 0.4 (limit 0.25)'
    """
    if rule.words:
        return rule.words.rstrip(".")
    return f"{rule.rule} is {rule.measured:g} (limit {rule.threshold:g})"


def limit_words(rule: str, threshold: float, *, verb: str) -> str:
    """Return where a rule's limit lies, in brackets; empty where the rule is not a number.

    verb: what happens beyond it, such as `refused`.

    >>> limit_words("largest child", 0.1, verb="refused")
    '(refused above 10%)'
    """
    if not math.isfinite(threshold):
        return ""
    limit = f"{100 * threshold:.4g}%" if rule in SHARES else f"{threshold:.4g}"
    if rule not in SHARES and threshold >= 1000:
        limit = f"{threshold:,.0f}"
    return f"({verb} {'below' if rule in TOO_LOW else 'above'} {limit})"


def without_covariate(name: str) -> str:
    """Return why a child without a covariate leaves.

    >>> without_covariate("gestation")
    'covariate gestation is not recorded'
    """
    return f"covariate {name} is not recorded"


def wants_covariate(reason: str) -> bool:
    """Return whether a step of the flow is for want of a covariate."""
    return reason.startswith("covariate ") and reason.endswith(" is not recorded")
