"""A study as a script in base R: the same estimators and standard errors, written anew."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fingerpost.core.model import Factor, ModelTerm
from fingerpost.studies.export.scope import Exported, Line

SCRIPT = "analysis.R"
FUNCTIONS = "functions.R"


def script(found: Exported) -> str:
    """Return the whole script: what the study asks, then the functions that answer it."""
    functions = Path(__file__).with_name(FUNCTIONS).read_text(encoding="utf-8")
    return "\n".join([*_head(found), "", *_settings(found), "", functions, "run()", ""])


def _head(found: Exported) -> list[str]:
    study = found.study
    lines = [
        f"# {plain(study.name)}: {plain(study.question)}",
        f"# Written by fingerpost; SHA-256 of the study: {found.digest}",
        "#",
        "# In base R, with no package: Rscript analysis.R in this folder reads cohort.csv and",
        "# columns.csv, prints the numbers and writes results.csv. Of a ratio `estimate`, `se`,",
        "# `lo` and `hi` are of its natural logarithm; `ratio` and its limits are of itself.",
    ]
    if found.cohort is None:
        lines += [
            "# No record was read when this was written: export again with --records to write the",
            "# two files and to leave out what the guard rails refuse. Nothing here refuses.",
        ]
    if found.left:
        lines += ["#", "# Not in this script:", *(f"#   {plain(one)}" for one in found.left)]
    return lines


def _settings(found: Exported) -> list[str]:
    study, models = found.study, found.study.models
    kinds = [(spec.name, text(spec.kind)) for spec in study.outcomes if spec.kind != "time"]
    parts = [
        ("by_arm", flag(models.by_arm)),
        ("firth", flag(models.firth)),
        ("interactions", vector(models.interactions)),
        *((name, model(terms)) for name, terms in models.declared()),
    ]
    return [
        "# ---------------------------------------------------------------------- the study",
        f"arms <- {vector(study.arms.names)}",
        f"cluster <- {'NULL' if study.cluster is None else text(study.cluster)}",
        f"level <- {number(study.level)}",
        f"outcomes <- {named(kinds)}",
        "# Models: without terms of its own a model has every covariate as it is.",
        "models <- list(",
        ",\n".join(f"  {name} = {body}" for name, body in parts),
        ")",
        "terms <- list(",
        ",\n".join(f"  {line(one)}" for one in found.lines),
        ")",
    ]


def line(one: Line) -> str:
    """Return one number to make, as R writes a list."""
    term = one.term
    contrast = [(arm, number(weight)) for arm, weight in term.contrast]
    parts = [
        ("estimator", text(one.estimator)),
        ("outcome", text(term.outcome)),
        ("contrast", named(contrast)),
        ("words", text(term.words())),
        ("target", text(term.target.kind)),
        ("label", text(term.label())),
        ("scale", text(term.scale)),
    ]
    if term.target.arm is not None:
        parts.append(("arm", text(term.target.arm)))
    if term.target.trim is not None:
        parts.append(("trim", number(term.target.trim)))
    if one.subgroup is not None:
        name, value = one.subgroup
        parts.append(("subgroup", f"list(name = {text(name)}, value = {number(value)})"))
    return f"list({', '.join(f'{key} = {value}' for key, value in parts)})"


def model(terms: Iterable[ModelTerm]) -> str:
    """Return the terms of a model as a list of lists of factors."""
    found = [f"list({', '.join(factor(one) for one in term.factors)})" for term in terms]
    return f"list(\n    {(',' + chr(10) + '    ').join(found)}\n  )" if found else "list()"


def factor(one: Factor) -> str:
    """Return one factor of a term.

    >>> factor(Factor("age", "power", degree=2))
    'list(name = "age", kind = "power", degree = 2)'
    """
    more = {
        "power": f", degree = {one.degree}",
        "spline": f", knots = {one.knots}",
        "equals": f", value = {number(one.value)}",
    }
    return f"list(name = {text(one.name)}, kind = {text(one.kind)}{more.get(one.kind, '')})"


def text(words: str) -> str:
    """Return words as R writes them, in ASCII, so that no setting of the machine matters.

    >>> print(text('a "b" é'))
    "a \\"b\\" \\u00e9"
    """
    out = []
    for letter in words:
        if letter in '"\\':
            out.append(f"\\{letter}")
        elif " " <= letter <= "~":
            out.append(letter)
        else:
            out.append(
                f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"
            )
    return f'"{"".join(out)}"'


def number(value: float) -> str:
    """Return a number in full.

    >>> number(1.0), number(0.05)
    ('1', '0.05')
    """
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def flag(value: bool) -> str:
    """Return a truth value as R writes it."""
    return "TRUE" if value else "FALSE"


def vector(words: Iterable[str]) -> str:
    """Return words as a vector."""
    return f"c({', '.join(text(each) for each in words)})"


def named(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a named list.

    >>> named([("maths", "1")])
    'list("maths" = 1)'
    """
    return f"list({', '.join(f'{text(name)} = {value}' for name, value in pairs)})"


def plain(words: str) -> str:
    """Return words on one line, so that no line of theirs is read as code."""
    return " ".join(words.split())
