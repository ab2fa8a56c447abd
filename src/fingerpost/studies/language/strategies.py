"""Arms of linked records as they are written: words, or provision with when and how much."""

from __future__ import annotations

from typing import Any

from fingerpost.core.linked import DOSES, Dose, Strategy
from fingerpost.studies.language.fields import (
    as_number,
    as_whole,
    choose,
    fault_if,
    misread,
    shown,
    unknown_keys,
)
from fingerpost.studies.language.sustained import as_sustained, written_over_time

# What an arm may be called in words, and the recorded levels that it means.
STRATEGIES: dict[str, tuple[str, ...]] = {
    "no recorded provision": ("none",),
    "SEN Support": ("support",),
    "EHCP": ("ehcp", "special"),
    "any recorded provision": ("support", "ehcp", "special"),
    "special school": ("special",),
}
PROVISION: dict[str, str] = {
    "none": "no recorded provision",
    "support": "SEN Support",
    "ehcp": "EHCP",
    "any": "any recorded provision",
    "special": "special school",
}
SINCE = "first concern"
TIMED: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["terms"],
    "properties": {
        "terms": {"type": "integer", "minimum": 0, "description": "How many school terms."},
        "of": {"const": SINCE, "description": "From when they are counted."},
    },
}
STRATEGY_FORM: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["provision"],
    "properties": {
        "provision": {"enum": list(PROVISION), "description": "What children had by time zero."},
        "within": TIMED | {"description": "Begun at most so many terms after first concern."},
        "after": TIMED | {"description": "Begun at least so many terms after first concern."},
        "dose": {
            "type": "object",
            "description": "How much was planned or delivered by time zero.",
            "additionalProperties": False,
            "properties": {
                name: {
                    "type": "object",
                    "description": words.capitalize() + ".",
                    "additionalProperties": {"type": "number"},
                }
                for name, words in DOSES.items()
            },
        },
    },
}
DOSE_TESTS = ("at_least", "at_most", "below", "above")


def as_strategy(node: object) -> Strategy | None:
    """Return what an arm means: words of the language, or {provision, within, after, dose}, or a
    strategy sustained over time.
    """
    if not isinstance(node, dict):
        words = choose(
            node,
            "a strategy known for linked records",
            tuple(STRATEGIES),
            besides=("{provision: support, within: {terms: 1, of: first concern}}",),
        )
        return Strategy(words, STRATEGIES[words])
    if written_over_time(node):
        return as_sustained(node, STRATEGIES)
    fault_if(unknown_keys(node, ("provision", "within", "after", "dose")))
    provision = choose(node.get("provision"), "a kind of provision", tuple(PROVISION))
    within, after = as_terms_since(node.get("within")), as_terms_since(node.get("after"))
    dose = as_dose(node.get("dose"))
    words = PROVISION[provision]
    said = [words]
    if within is not None:
        said.append(f"begun within {within} {'term' if within == 1 else 'terms'} of {SINCE}")
    if after is not None:
        said.append(f"begun {after} {'term' if after == 1 else 'terms'} or more after {SINCE}")
    said += [one.words() for one in dose]
    return Strategy(", ".join(said), STRATEGIES[words], within, after, dose)


def as_terms_since(node: object) -> int | None:
    """Return the number of terms of {terms: 1, of: first concern}."""
    if node is None:
        return None
    if not isinstance(node, dict):
        raise misread(node, f"should be {{terms: 1, of: {SINCE}}}; {shown(node)} was found.")
    fault_if(unknown_keys(node, ("terms", "of")))
    if node.get("of") is not None:
        choose(node["of"], "known as a start", (SINCE,))
    terms = as_whole(node.get("terms"))
    if terms < 0:
        raise misread(node["terms"], "terms: must be 0 or more.")
    return terms


def as_dose(node: object) -> tuple[Dose, ...]:
    """Return conditions of {minutes_a_week: {at_least: 60}}."""
    if node is None:
        return ()
    if not isinstance(node, dict):
        raise misread(node, f"should be {{minutes_a_week: {{at_least: 60}}}}; {shown(node)}.")
    found = []
    for name, tests in node.items():
        measure = choose(name, "a measure of dose", tuple(DOSES))
        if not isinstance(tests, dict) or not tests:
            raise misread(name, f"{name}: should be {{at_least: 60}} or {{below: 60}}.")
        fault_if(unknown_keys(tests, DOSE_TESTS))
        found += [Dose(measure, str(test), as_number(value)) for test, value in tests.items()]
    return tuple(found)
