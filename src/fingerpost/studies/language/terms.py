"""Model terms as they are written, and the word `linear` spelled out."""

from __future__ import annotations

from typing import Any

from fingerpost.core.model import Factor, ModelTerm, linear
from fingerpost.studies.language.fields import (
    Misread,
    as_number,
    as_text,
    as_whole,
    fault_if,
    misread,
    not_a_key,
    shown,
    unknown_keys,
)

EVERY = ModelTerm((Factor("*"),))  # stands for `linear` until the covariates are known
FORMS = ("square", "power", "spline", "product", "equals")
LEAST_KNOTS = 3
TERM_FORM: dict[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
            "properties": {
                "square": {"type": "string", "description": "The covariate, squared."},
                "power": {
                    "type": "object",
                    "description": "The covariate `of` to the whole power `to`.",
                    "properties": {
                        "of": {"type": "string", "description": "The covariate."},
                        "to": {"type": "integer", "minimum": 1, "description": "The power."},
                    },
                    "required": ["of", "to"],
                    "additionalProperties": False,
                },
                "spline": {
                    "type": ["string", "object"],
                    "description": "A natural cubic spline of the covariate; knots at quantiles.",
                    "properties": {
                        "of": {"type": "string", "description": "The covariate."},
                        "knots": {
                            "type": "integer",
                            "minimum": LEAST_KNOTS,
                            "description": "How many knots; 4 if not said.",
                        },
                    },
                    "required": ["of"],
                    "additionalProperties": False,
                },
                "product": {
                    "type": "array",
                    "minItems": 2,
                    "items": {"type": ["string", "object"]},
                    "description": "The product of two or more terms.",
                },
                "equals": {
                    "type": "object",
                    "description": "1 where the covariate `of` equals `value`, else 0.",
                    "properties": {
                        "of": {"type": "string", "description": "The covariate."},
                        "value": {"type": "number", "description": "The value."},
                    },
                    "required": ["of", "value"],
                    "additionalProperties": False,
                },
            },
        },
    ]
}
TERMS_FORM: dict[str, Any] = {"anyOf": [{"const": "linear"}, {"type": "array", "items": TERM_FORM}]}


def as_terms(node: object) -> tuple[ModelTerm, ...]:
    """Return `linear`, or a list of terms, as ModelTerms; `linear` becomes a placeholder."""
    if isinstance(node, str) and node == "linear":
        return (EVERY,)
    if not isinstance(node, list):
        raise misread(node, f"should be linear or a list of terms; {shown(node)} was found.")
    terms: list[ModelTerm] = []
    faults: list[tuple[int, str]] = []
    for item in node:
        try:
            terms.append(as_term(item))
        except Misread as error:
            faults.extend(error.faults)
    if not node:
        faults.append((getattr(node, "line", 0), "the list of terms is empty. Write linear."))
    fault_if(faults)
    return tuple(dict.fromkeys(terms))


def as_term(node: object) -> ModelTerm:
    """Return one written term."""
    if isinstance(node, str):
        return EVERY if node == "linear" else ModelTerm((Factor(as_text(node)),))
    if not isinstance(node, dict) or len(node) != 1:
        raise misread(
            node,
            "a term is a covariate, or one of {square: x}, {power: {of: x, to: 3}}, "
            "{spline: x}, {product: [x, y]} and {equals: {of: x, value: 0}}.",
        )
    ((form, body),) = node.items()
    if form not in FORMS:
        raise misread(form, not_a_key(str(form), FORMS).replace("a key here", "a term"))
    if form == "product":
        return product(form, body)
    if form == "square":
        return ModelTerm((Factor(as_text(body), kind="power", degree=2),))
    return ModelTerm((factor(str(form), body),))


def product(form: object, body: object) -> ModelTerm:
    """Return a product of terms."""
    if not isinstance(body, list) or len(body) < 2:
        raise misread(form, "product: needs a list of two or more terms, such as [educ, re74].")
    parts = [as_term(item) for item in body]
    if EVERY in parts:
        raise misread(form, "product: linear cannot be part of a product. Name the covariates.")
    return ModelTerm(tuple(each for part in parts for each in part.factors))


def factor(form: str, body: object) -> Factor:
    """Return a power, a spline or an indicator."""
    if form == "spline" and isinstance(body, str):
        return Factor(as_text(body), kind="spline")
    keys = {"power": ("of", "to"), "spline": ("of", "knots"), "equals": ("of", "value")}[form]
    if not isinstance(body, dict):
        raise misread(body, f"{form}: needs {{{keys[0]}: covariate, {keys[1]}: number}}.")
    fault_if(unknown_keys(body, keys))
    needed = keys[:1] if form == "spline" else keys
    absent = [key for key in needed if body.get(key) is None]
    if absent:
        raise misread(body, f"{form}: {' and '.join(absent)} is missing.")
    name = as_text(body["of"])
    if form == "equals":
        return Factor(name, kind="equals", value=as_number(body["value"]))
    if form == "power":
        degree = as_whole(body["to"])
        if degree < 1:
            raise misread(body["to"], "power: `to` must be 1 or more.")
        return Factor(name, kind="power", degree=degree) if degree > 1 else Factor(name)
    knots = as_whole(body["knots"]) if body.get("knots") is not None else Factor(name).knots
    if knots < LEAST_KNOTS:
        raise misread(body["knots"], f"spline: knots must be {LEAST_KNOTS} or more.")
    return Factor(name, kind="spline", knots=knots)


def expand(
    terms: tuple[ModelTerm, ...] | None, given: tuple[str, ...]
) -> tuple[ModelTerm, ...] | None:
    """Return the terms with `linear` spelled out; `linear` alone becomes None.

    A covariate with a spline of its own is left out of `linear`: a spline holds the straight line.
    """
    if terms is None or terms == (EVERY,):
        return None
    bent = {term.names[0] for term in terms if [f.kind for f in term.factors] == ["spline"]}
    straight = linear(tuple(name for name in given if name not in bent))
    spelled = [each for term in terms for each in (straight if term == EVERY else (term,))]
    return tuple(dict.fromkeys(spelled))


def spelt_out(
    terms: tuple[ModelTerm, ...] | None, given: tuple[str, ...]
) -> tuple[ModelTerm, ...] | None:
    """Return the terms with `linear` spelled out, also where it stands alone: of a model whose
    absence means that there is none.
    """
    return linear(given) if terms == (EVERY,) else expand(terms, given)
