"""Strategies sustained over time as they are written: {sustained: SEN Support, through: year 3}."""

from __future__ import annotations

import re
from typing import Any

from fingerpost.core.linked import LEVELS, Strategy
from fingerpost.studies.language.fields import (
    as_text,
    as_whole,
    choose,
    fault_if,
    misread,
    shown,
    unknown_keys,
)

KEYS = ("sustained", "never")
YEAR = re.compile(r"(?:year )?(\d{1,2})", re.IGNORECASE)
YEAR_FORM = {"type": ["string", "integer"], "description": "A school year: year 3."}
SUSTAINED_FORM: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["sustained", "through"],
    "properties": {
        "sustained": {"type": "string", "description": "Provision that is kept up."},
        "from": YEAR_FORM | {"description": "The year of time zero."},
        "through": YEAR_FORM | {"description": "Kept up to the summer census of that year."},
        "within": {
            "type": "object",
            "description": "The time of grace: begun at most so many terms after time zero.",
            "additionalProperties": False,
            "required": ["terms"],
            "properties": {
                "terms": {"type": "integer", "minimum": 0, "description": "How many school terms."}
            },
        },
    },
}
NEVER_FORM: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["never", "through"],
    "properties": {
        "never": {"type": "string", "description": "Provision that is not begun."},
        "from": YEAR_FORM | {"description": "The year of time zero."},
        "through": YEAR_FORM | {"description": "Not begun up to the summer census of that year."},
    },
}


def written_over_time(node: object) -> bool:
    """Return whether an arm is a strategy sustained over time."""
    return isinstance(node, dict) and any(key in node for key in KEYS)


def as_sustained(node: dict[str, Any], known: dict[str, tuple[str, ...]]) -> Strategy:
    """Return a strategy of {sustained: …, from, through, within} or {never: …, from, through}.

    known: what provision may be called in words, and its levels.
    """
    key = "never" if "never" in node else "sustained"
    allowed = (key, "from", "through") + (() if key == "never" else ("within",))
    fault_if(unknown_keys(node, allowed))
    words = choose(node[key], "provision known for linked records", tuple(known))
    levels = known[words]
    if key == "never":
        levels = tuple(level for level in LEVELS if level not in levels)
    through = as_school_year(node.get("through"), "through")
    begins = None if node.get("from") is None else as_school_year(node["from"], "from")
    grace = as_grace(node.get("within"))
    said = [f"{'never ' if key == 'never' else ''}{words}"]
    if grace:
        said.append(f"begun within {grace} {'term' if grace == 1 else 'terms'} of time zero")
    said.append(
        f"kept to through Year {through}" if key == "never" else f"kept up through Year {through}"
    )
    return Strategy(", ".join(said), levels, through=through, begins=begins, grace=grace)


def as_school_year(node: object, key: str) -> int:
    """Return the number of a school year, of `year 3` or 3."""
    found = YEAR.fullmatch(as_text(node)) if node is not None else None
    if found is None:
        raise misread(
            node, f"{key}: should be a school year, such as year 3; {shown(node)} was found."
        )
    return int(found.group(1))


def as_grace(node: object) -> int:
    """Return the number of terms of {terms: 1}; 0 where there is no grace."""
    if node is None:
        return 0
    if not isinstance(node, dict):
        raise misread(node, f"within: should be {{terms: 1}}; {shown(node)} was found.")
    fault_if(unknown_keys(node, ("terms",)))
    terms = as_whole(node.get("terms"))
    if terms < 0:
        raise misread(node["terms"], "terms: must be 0 or more.")
    return terms
