"""What is asked, as a person writes it: contrasts, targets, scale, horizons, subgroups."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, PlainValidator

from fingerpost.core.errors import listed
from fingerpost.core.estimand import PANEL_TARGETS, SUMMARIES, Contrast, Target, pair
from fingerpost.studies.language.fields import (
    Alternative,
    Names,
    Number,
    Part,
    accepts,
    among,
    as_number,
    as_text,
    choose,
    fault_if,
    misread,
    unknown_keys,
)
from fingerpost.studies.language.tree import Row, line_of

Scale = Literal["difference", "ratio"]
Summary = Literal["mean", "risk", "rate", "survival", "rmst", "quantile"]
PLAIN_TARGETS = ("ate", "att", "atu", "overlap", "compliers", "cutoff", "matched")
OTHER_TARGETS = (
    "{received: arm}",
    "{incremental: 2}",
    "{trimmed: 0.01}",
    "{trimmed: 0.01, of: att}",
)


LEAST_ODDS = 0.05
TRIMMED = ("ate", "att", "atu", "overlap", "received")


def as_target(node: object) -> Target:
    """Return one target."""
    if not isinstance(node, dict):
        return Target(
            choose(node, "a target", (*PLAIN_TARGETS, *PANEL_TARGETS), besides=OTHER_TARGETS)
        )
    fault_if(unknown_keys(node, ("received", "incremental", "trimmed", "of")))
    if "received" in node and len(node) == 1:
        return Target("received", arm=as_text(node["received"]))
    if "incremental" in node and len(node) == 1:
        return as_incremental(node["incremental"])
    if "trimmed" not in node or "received" in node or "incremental" in node:
        raise misread(node, "a target is one of " + listed((*PLAIN_TARGETS, *OTHER_TARGETS)) + ".")
    least = as_number(node["trimmed"])
    if not 0 < least < 0.5:
        raise misread(node["trimmed"], "trimmed: must lie between 0 and 0.5.")
    whole = as_target(node["of"]) if node.get("of") is not None else Target("ate")
    if whole.kind not in TRIMMED:
        raise misread(node["of"], f"only {listed(TRIMMED)} can be trimmed.")
    return Target(whole.kind, arm=whole.arm, trim=least)


def as_incremental(node: object) -> Target:
    """Return the target whose odds of the first arm are multiplied."""
    delta = as_number(node)
    if not LEAST_ODDS <= delta <= 1 / LEAST_ODDS:
        raise misread(
            node,
            "incremental: is what the odds are multiplied by, from 0.05 to 20: far from 1 it asks "
            "about everybody having the arm, or nobody, and that is target: ate.",
        )
    return Target("incremental", delta=delta)


TARGET_FORM: dict[str, Any] = {
    "anyOf": [
        {"enum": [*PLAIN_TARGETS, *PANEL_TARGETS]},
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "received": {"type": "string", "description": "The arm that children received."},
                "incremental": {
                    "type": "number",
                    "minimum": 0.05,
                    "maximum": 20,
                    "description": "What the odds of the contrast's first arm are multiplied by.",
                },
                "trimmed": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "exclusiveMaximum": 0.5,
                    "description": "Children whose every arm has at least this probability.",
                },
                "of": {
                    "type": ["string", "object"],
                    "description": "The target that is trimmed; ate if left out.",
                },
            },
        },
    ]
}
TargetField = Annotated[Target, PlainValidator(as_target), accepts(TARGET_FORM)]


def as_contrast(node: object) -> Contrast:
    """Return two arms as first v second, or weights of arms that sum to nought."""
    if isinstance(node, dict):
        return as_weighted(node)
    if not isinstance(node, list) or len(node) != 2:
        raise misread(
            node,
            "a contrast names two arms ([services, none] is services v none), or weighs several: "
            "{support: 0.5, plan: 0.5, none: -1}.",
        )
    return pair(as_text(node[0]), as_text(node[1]))


def as_weighted(node: dict[Any, Any]) -> Contrast:
    """Return the arms' weights, those above nought first."""
    weights = [(str(arm), as_number(weight)) for arm, weight in node.items()]
    total = math.fsum(weight for _, weight in weights)
    if len(weights) < 2 or abs(total) > 1e-9 or any(weight == 0 for _, weight in weights):
        raise misread(
            node,
            "the weights of a contrast are of two arms or more, none of them 0, and sum to 0: "
            "{support: 0.5, plan: 0.5, none: -1}.",
        )
    return tuple(sorted(weights, key=lambda one: one[1] < 0))


CONTRAST_FORM: dict[str, Any] = {
    "anyOf": [
        {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
        {
            "type": "object",
            "additionalProperties": {"type": "number"},
            "minProperties": 2,
            "description": "Arm: its weight; the weights sum to 0.",
        },
    ]
}
ContrastField = Annotated[Contrast, PlainValidator(as_contrast), accepts(CONTRAST_FORM)]


def read_targets(node: Any, usual: Any) -> Any:
    """Read one target as a list of one."""
    if isinstance(node, list):
        return usual(node)
    row = Row([node])
    row.line = line_of(node)
    return usual(row)


def one_time(node: Any, usual: Any) -> Any:
    """Read one time as a list of one."""
    if node is None or isinstance(node, list):
        return usual(node)
    row = Row([node])
    row.line = line_of(node)
    return usual(row)


class EstimandPart(Part):
    """What is asked."""

    contrast: ContrastField | None = Field(
        None, description="Two arms: [a, b] is a v b; or {arm: weight} with weights that sum to 0."
    )
    contrasts: list[ContrastField] | None = Field(
        None, description="Several contrasts, in place of `contrast`."
    )
    target: Annotated[list[TargetField], Alternative(read_targets, TARGET_FORM)] | None = Field(
        None,
        description="Whom the effect is for: one or a list of ate, att, atu, "
        "overlap, {received: arm}, {incremental: d}, {trimmed: c}, {trimmed: c, of: att}; "
        "compliers, cutoff and matched where a leaf answers for these; of a roll-out simple, "
        "exposure_average, group_average, calendar_average, long_term and at_exposure.",
    )
    scale: Annotated[Scale, among("a scale", get_args(Scale))] = Field(
        "difference", description="difference or ratio of standardised means."
    )
    summary: Annotated[Summary, among("a summary", SUMMARIES)] | None = Field(
        None,
        description="mean, risk, rate, survival, rmst or quantile; by the outcome's kind if "
        "left out.",
    )
    horizon: Annotated[list[Number], Alternative(one_time, {"type": "number"})] | None = Field(
        None,
        description="The time, or times, to which the effect on an outcome of kind time is asked, "
        "in its unit of time.",
    )
    exposure: Annotated[list[Number], Alternative(one_time, {"type": "number"})] | None = Field(
        None,
        description="Of target at_exposure: periods since provision began, 0 being the period in "
        "which it did.",
    )
    subgroups: Names | None = Field(
        None,
        description="Columns of few values: the effect is also asked for the children of each.",
    )
