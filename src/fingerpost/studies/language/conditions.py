"""Eligibility conditions as they are written: one column, one test, never an expression."""

from __future__ import annotations

from typing import Any

from fingerpost.core.moment import moment
from fingerpost.core.study import Condition, Scalar
from fingerpost.studies.language.fields import (
    Misread,
    as_flag,
    as_text,
    as_value,
    fault_if,
    misread,
    shown,
    unknown_keys,
)
from fingerpost.studies.language.tree import line_of

ORDERED = ("at_least", "at_most", "below", "above")
PRESENCE = {"recorded": "missing", "missing": "recorded"}
TESTS = ("equals", "is_in", *ORDERED, *PRESENCE)
VALUE: dict[str, Any] = {"type": ["string", "number", "boolean"]}
TEST_FORMS: dict[str, Any] = {
    "equals": VALUE | {"description": "The column equals this value."},
    "is_in": {"type": "array", "items": VALUE, "description": "The column is one of these values."},
    "at_least": VALUE | {"description": "The column is this number or date, or more."},
    "at_most": VALUE | {"description": "The column is this number or date, or less."},
    "below": VALUE | {"description": "The column is less than this number or date."},
    "above": VALUE | {"description": "The column is more than this number or date."},
    "recorded": {"type": "boolean", "description": "The column holds a value."},
    "missing": {"type": "boolean", "description": "The column holds no value."},
    "reason": {"type": "string", "description": "Why; shown beside the step in the flow."},
}
CONDITION_FORM: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["column"],
    "properties": {
        "column": {"type": "string", "description": "The column that is tested."},
        **TEST_FORMS,
    },
}
CONDITIONS_FORM: dict[str, Any] = {"type": "array", "items": CONDITION_FORM}
WHERE_FORM: dict[str, Any] = {
    "anyOf": [
        CONDITIONS_FORM,
        {
            "type": "object",
            "description": "Column: value, or column: {test: value}.",
            "additionalProperties": {
                "anyOf": [
                    VALUE,
                    {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": TEST_FORMS,
                    },
                ]
            },
        },
    ]
}


def as_conditions(node: object) -> tuple[Condition, ...]:
    """Return a list of conditions, or {column: value or {test: value}}, as Conditions in order."""
    if not isinstance(node, dict | list):
        raise misread(node, f"should be a list of conditions; {shown(node)} was found.")
    found: list[Condition] = []
    faults: list[tuple[int, str]] = []
    for item in node.items() if isinstance(node, dict) else node:
        try:
            found.extend(shorthand(*item) if isinstance(item, tuple) else condition(item))
        except Misread as error:
            faults.extend(error.faults)
    fault_if(faults)
    return tuple(found)


def shorthand(column: str, body: object) -> list[Condition]:
    """Return the conditions of `column: value` or `column: {test: value}`."""
    if isinstance(body, dict):
        return tests(str(column), body, line_of(column))
    if isinstance(body, list):
        return [Condition(str(column), "is_in", tuple(as_value(item) for item in body))]
    if body is None:
        raise misread(
            column, f'"{column}" has no value. For children without one, write {{missing: true}}.'
        )
    return [Condition(str(column), "equals", as_value(body))]


def condition(node: object) -> list[Condition]:
    """Return the conditions of one {column: …, test: …, reason: …}."""
    if not isinstance(node, dict):
        raise misread(
            node, f"a condition is {{column: age, at_least: 25}}; {shown(node)} was found."
        )
    if node.get("column") is None:
        raise misread(node, "a condition has no column. Write {column: age, at_least: 25}.")
    body = type(node)({key: value for key, value in node.items() if key != "column"})
    return tests(as_text(node["column"]), body, line_of(node))


def tests(column: str, body: dict[Any, Any], line: int) -> list[Condition]:
    """Return one Condition a test, in the order written."""
    fault_if(unknown_keys(body, (*TESTS, "reason")))
    reason = as_text(body["reason"]) if body.get("reason") is not None else ""
    asked = [key for key in body if key != "reason"]
    if not asked:
        raise Misread(
            [(line, f'the condition on "{column}" has no test. Allowed: {", ".join(TESTS)}.')]
        )
    return [test(column, key, node=body[key], reason=reason) for key in asked]


def test(column: str, key: str, *, node: object, reason: str) -> Condition:
    """Return one Condition."""
    name = str(key)
    if name in PRESENCE:
        return Condition(column, name if as_flag(node) else PRESENCE[name], None, reason)
    if name == "is_in":
        if not isinstance(node, list) or not node:
            raise misread(key, f"is_in: needs a list of values; {shown(node)} was found.")
        return Condition(column, name, tuple(as_value(item) for item in node), reason)
    value: Scalar = as_value(node)
    if name in ORDERED and not ordered(value):
        raise misread(
            node, f'{name}: "{value}" cannot be ordered. Write a number or a date (2002-09-01).'
        )
    return Condition(column, name, value, reason)


def ordered(value: Scalar) -> bool:
    """Say whether a value is a number or an ISO date, month or year."""
    return moment(value) is not None
