"""results.json: an output as data, documented in docs/manual/results-json.md."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from fingerpost.core.estimand import Term
from fingerpost.core.output import Output, RegionResult, Result
from fingerpost.core.provenance import DrawSource
from fingerpost.core.refusal import Refusal
from fingerpost.core.table import Table
from fingerpost.reports.files import write_text

SCHEMA_VERSION = "1"
Record = dict[str, Any]


def results(output: Output) -> Record:
    """Return the output as JSON-ready data: numbers in full, null for none, NaN and unbounded."""
    study = output.study
    return {
        "schema_version": SCHEMA_VERSION,
        "study": {
            "name": study.name,
            "question": study.question,
            "digest": output.provenance.study_digest or study.digest(),
            "primary": list(study.primary),
            "assignment": "randomised" if study.assignment.randomised else "observed",
        },
        "status": output.status,
        "clearance": output.clearance,
        "policy": output.policy,
        "release": {
            "policy": output.policy,
            "words": output.policy_words,
            "study_policy": study.release,
            "overridden": bool(output.overridden),
        },
        "synthetic": output.provenance.synthetic,
        "estimates": [estimate(result) for result in output.results],
        "covariance": [[finite(cell) for cell in row] for row in output.covariance],
        "regions": [region(item) for item in output.regions],
        "refusals": [record for refusal in output.refusals for record in refused(refusal)],
        "leaf_refusals": [each for refusal in output.leaf_refusals for each in refused(refusal)],
        "extrapolations": [estimate(result) for result in output.extrapolations],
        "agreement": agreements(output),
        "diagnostics": by_name(output, output.tables, "diagnostics"),
        "sensitivity": sensitivity(output),
        "flow": flow(output),
        "withheld": [
            {"what": item.what, "rule": item.rule, "policy": item.policy, "where": item.where}
            for item in output.withheld
        ],
        "truth": [{**asked(term), "value": finite(value)} for term, value in output.truth],
        "provenance": provenance(output),
    }


def finite(value: float | None) -> float | None:
    """Return the value, or None where it is none, not a number or unbounded."""
    return None if value is None or not math.isfinite(value) else value


def asked(term: Term) -> Record:
    """Return the fields that say what a number is."""
    return {
        "outcome": term.outcome,
        "contrast": term.words(),
        "arms": [{"arm": arm, "weight": weight} for arm, weight in term.contrast],
        "target": term.target.label(),
        "summary": term.summary,
        "scale": term.scale,
        "horizon": finite(term.horizon),
        "subgroup": term.subgroup,
        "exposure_time": finite(term.exposure_time),
        "conditional": term.conditional,
    }


def estimate(result: Result) -> Record:
    """Return one estimate as a record."""
    return {
        "estimator": result.estimator,
        **asked(result.term),
        "value": finite(result.value),
        "se": finite(result.se),
        "lo": finite(result.lo),
        "hi": finite(result.hi),
        "level": result.level,
        "interval": result.interval,
        "df": finite(result.df),
        "n": result.n,
        "clusters": result.clusters,
        "arm_n": dict(result.arm_n),
        "warnings": list(result.warnings),
        "role": result.role,
        "primary": result.primary,
    }


def region(item: RegionResult) -> Record:
    """Return one region as a record; a limit that is null is unbounded."""
    found = item.region
    return {
        "estimator": item.estimator,
        **asked(found.term),
        "value": finite(found.value),
        "pieces": [[finite(lo), finite(hi)] for lo, hi in found.pieces],
        "p": finite(found.p),
        "level": found.level,
        "method": found.method,
    }


def refused(refusal: Refusal) -> list[Record]:
    """Return one record for each outcome, contrast and target that is refused."""
    rules = [
        {
            "rule": rule.rule,
            "assumption": rule.assumption,
            "measured": finite(rule.measured),
            "threshold": finite(rule.threshold),
            "words": rule.words,
        }
        for rule in refusal.rules
    ]
    questions = dict.fromkeys(
        (term.outcome, term.words(), term.target.label()) for term in refusal.terms
    )
    return [
        {
            "outcome": outcome,
            "contrast": contrast,
            "target": target,
            "rules": rules,
            "mend": refusal.mend,
            "leaf": refusal.leaf,
        }
        for outcome, contrast, target in questions
    ]


def agreements(output: Output) -> list[Record]:
    """Return how far the primary answers of each term lie apart, on the scale of the estimates."""
    return [
        {
            **asked(found.term),
            "estimators": list(found.estimators),
            "lo": finite(natural(found.term, found.lo)),
            "hi": finite(natural(found.term, found.hi)),
            "within": finite(found.within),
            "agree": found.agree,
        }
        for found in output.agreements
    ]


def natural(term: Term, value: float) -> float:
    """Return a number of an agreement, a logarithm on the ratio scale, as results hold it."""
    return math.exp(value) if term.scale == "ratio" else value


def by_name(output: Output, tables: Iterable[Table], where: str) -> dict[str, list[Record]]:
    """Return tables by name, each with its tags, its rows as records, and the rules by which
    something of that name was withheld.
    """
    rules: dict[str, list[str]] = {}
    for item in output.withheld:
        rules.setdefault(item.where, []).append(item.rule)
    named: dict[str, list[Record]] = {}
    for table in tables:
        rows = [{name: plain(cell) for name, cell in record.items()} for record in table.records()]
        named.setdefault(table.name, []).append(
            {
                "title": table.title,
                "tags": {name: plain(cell) for name, cell in table.tags},
                "context": table.context,
                "note": table.note,
                "kinds": dict(zip(table.columns, table.kinds, strict=True)),
                "rows": rows,
                "withheld": list(dict.fromkeys(rules.get(f"{where}.{table.name}", ()))),
            }
        )
    return named


def plain(cell: str | int | float | bool | None) -> str | int | float | bool | None:
    """Return a cell that JSON can hold."""
    return finite(cell) if isinstance(cell, float) else cell


def sensitivity(output: Output) -> dict[str, Record]:
    """Return every sensitivity analysis by leaf: tables, control estimates, what was refused."""
    found: dict[str, Record] = {}
    for leaf in dict.fromkeys(one.leaf for one in output.sensitivity):
        mine = [one for one in output.sensitivity if one.leaf == leaf]
        found[leaf] = {
            "tables": by_name(
                output, [table for one in mine for table in one.tables], f"sensitivity.{leaf}"
            ),
            "controls": [estimate(result) for one in mine for result in one.results],
            "regions": [region(item) for one in mine for item in one.regions],
            "refusals": [each for one in mine for r in one.refusals for each in refused(r)],
        }
    return found


def flow(output: Output) -> Record:
    """Return who left, why, and who stayed."""
    return {
        "start": output.flow.start,
        "steps": [
            {
                "reason": step.reason,
                "left": step.left,
                "remaining": step.remaining,
                "outcome": step.outcome,
            }
            for step in output.flow.steps
        ],
        "remaining": output.flow.remaining,
        "arms": dict(output.flow.arms),
    }


def provenance(output: Output) -> Record:
    """Return where the numbers come from: data, code, seed."""
    found = output.provenance
    return {
        "study_digest": found.study_digest,
        "data_digest": dict(found.data_digest),
        "code_version": found.code_version,
        "code_digest": found.code_digest,
        "seed": found.seed,
        "packages": dict(found.packages),
        "engine": found.engine,
        "synthetic": found.synthetic,
        "draw": None if found.draw is None else draw(found.draw),
    }


def draw(source: DrawSource) -> Record:
    """Return which draw was analysed, and whether it was registered as confirmatory."""
    number, link = source.head
    return {
        "study": source.study,
        "commitment": source.commitment,
        "ledger": {"number": number, "hash": link},
        "allocation": source.allocation,
        "permutations": {"digest": source.permutations, "draws": source.draws},
        "registered_as": source.registered_as,
        **({"inherited": True} if source.inherited else {}),
        "departures": list(source.departures),
    }


def schema() -> Record:
    """Return the JSON Schema (draft 2020-12) that every results.json meets."""
    text = files("fingerpost.reports").joinpath("results.schema.json").read_text("utf-8")
    found: Record = json.loads(text)
    return found


def write_results(output: Output, path: str | Path) -> Path:
    """Write results.json whole or not at all, and return its path.

    Floats are written so that reading gives back the same number; keys keep their order.
    """
    text = json.dumps(results(output), indent=2, ensure_ascii=False, allow_nan=False)
    return write_text(Path(path), text + "\n")
