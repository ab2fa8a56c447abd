"""What guard rails may say: each sentence rebuilt from the rule and from what may be told of it."""

from __future__ import annotations

import math

from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.table import Cell
from fingerpost.release.known import Known
from fingerpost.release.rounding import band, significant
from fingerpost.release.wording import NOT_TOLD, Judged, number_of, parsed

COUNTS = ("children", "clusters", "events")
REASON_KEPT = "the leaf's reason holds numbers of children and is withheld"
A_COVARIATE = "a covariate"
LIMIT_DIGITS = 2


def told(rule: str, measured: float, words: str, *, known: Known) -> tuple[float, str]:
    """Return what is shown of one measured rule: its number (NaN if none) and its words."""
    judged = parsed(words)
    if judged is None or judged.rule != rule:
        return _other(measured, words, known)
    if rule in COUNTS:
        return _count(judged, measured, known)
    if rule == "effective size":
        return _size(judged, measured, known)
    if rule in ("largest child", "largest cluster"):
        return _share(judged, measured, known)
    if rule == "balance":
        return _distance(judged, measured, known)
    return _outside(judged, measured, known)


def _count(judged: Judged, measured: float, known: Known) -> tuple[float, str]:
    shown = known.of_arm(_arm(judged), measured)
    kind = {"children": "children", "clusters": f"clusters ({judged.what})"}.get(
        judged.rule, judged.what
    )
    if shown is None:
        return math.nan, f"{known.rules.few} {kind} in {judged.who}"
    return float(shown), f"about {shown:,} {kind} in {judged.who}"


def _size(judged: Judged, measured: float, known: Known) -> tuple[float, str]:
    shown = known.of_arm(_arm(judged), measured)
    if shown is None:
        few = f"are worth {known.rules.few} once weighted"
        return math.nan, f"the children of {judged.who} {few}"
    return float(shown), f"the children of {judged.who} are worth about {shown:,} once weighted"


def _share(judged: Judged, measured: float, known: Known) -> tuple[float, str]:
    one = "child" if judged.rule == "largest child" else judged.what
    held = band(measured, known.rules)
    return math.nan, f"one {one} carries {held} of the weight of {judged.who}"


def _distance(judged: Judged, measured: float, known: Known) -> tuple[float, str]:
    name = A_COVARIATE if judged.what in known.gone else judged.what
    shown = round(measured, 2)
    how = f"still differs from the target by {shown:.2f} standard deviations"
    return shown, f"after weighting, {name} {how}"


def _outside(judged: Judged, measured: float, known: Known) -> tuple[float, str]:
    held = band(measured, known.rules, of=known.fewest)
    below = f"of the target had a probability below {judged.what} of an arm{judged.who}"
    return math.nan, f"{held} {below}"


def _other(measured: float, words: str, known: Known) -> tuple[float, str]:
    return math.nan, known.words.whole(words, NOT_TOLD if words else "")


def _arm(judged: Judged) -> str:
    return judged.who.removeprefix("arm ")


def warning(words: str, known: Known) -> str:
    """Return a warning as it may be told."""
    judged = parsed(words)
    if judged is None:
        return known.words.whole(words, f"a warning: {NOT_TOLD}")
    share = judged.rule in ("largest child", "largest cluster", "outside support")
    measured = judged.measured / 100 if share else judged.measured
    return told(judged.rule, measured, words, known=known)[1]


def refusal(found: Refusal, known: Known) -> Refusal:
    """Return a refusal as it may be told: the rule, the limit, and what may be said of the rest."""
    return Refusal(
        found.terms,
        tuple(broken(rule, known) for rule in found.rules),
        known.words.kept(found.mend),
        found.leaf,
    )


def broken(rule: Broken, known: Known) -> Broken:
    """Return a broken rule as it may be told."""
    if parsed(rule.words) is None:
        words = known.words.whole(rule.words, REASON_KEPT) if rule.words else REASON_KEPT
        return Broken(rule.rule, rule.assumption, math.nan, limit(rule.threshold, known), words)
    measured, words = told(rule.rule, rule.measured, rule.words, known=known)
    return Broken(rule.rule, rule.assumption, measured, limit(rule.threshold, known), words)


def limit(threshold: float, known: Known) -> float:
    """Return a threshold as it may be told: a declared one as it is; one made of a count, such as a
    share of an arm's children, in few digits.
    """
    if not math.isfinite(threshold) or number_of(f"{threshold:.12g}") in known.words.declared:
        return threshold
    return significant(threshold, LIMIT_DIGITS)


def too_few(rule: str, measured: float, known: Known) -> bool:
    """Return whether a rule counted fewer than the threshold: it may then not even be named, for
    its own limit, lower still, would tell more.
    """
    return rule in COUNTS and measured < known.rules.threshold


def guard_row(row: dict[str, Cell], known: Known) -> dict[str, Cell] | None:
    """Return a row of a guard table as it may be told; None where it may not."""
    measured, rule = row.get("measured"), str(row.get("rule"))
    number = float(measured) if isinstance(measured, int | float) else math.nan
    if too_few(rule, number, known):
        return None
    shown, words = told(rule, number, str(row.get("words") or ""), known=known)
    at = row.get("threshold")
    most = limit(float(at), known) if isinstance(at, int | float) else None
    seen = shown if math.isfinite(shown) else None
    return {**row, "measured": seen, "threshold": most, "words": words}
