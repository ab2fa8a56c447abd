"""An output under a policy that withholds: made again from what may be told, and from nothing else.

Nothing is blacked out in a finished page. Counts, numbers and words are taken apart here, before
any page, table or picture is drawn, and what is drawn is drawn from what came through.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from fingerpost.core.errors import Undisclosable
from fingerpost.core.estimand import Term
from fingerpost.core.finding import Finding
from fingerpost.core.flow import Flow
from fingerpost.core.model import without as dropped
from fingerpost.core.output import Output, RegionResult, Result, SensitivityResult, Withheld
from fingerpost.core.refusal import Refusal
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.release import covariates
from fingerpost.release.controls import controls, tables_by_part
from fingerpost.release.guards import refusal, too_few
from fingerpost.release.known import (
    Known,
    cells,
    cohort_totals,
    ladders,
    observed_counts,
    rare_events,
    released_flow,
)
from fingerpost.release.policies import Policy, Rules
from fingerpost.release.results import (
    Asked,
    Facts,
    agreements,
    asked,
    covariance,
    region,
    shown,
    stopped,
)
from fingerpost.release.tables import FEW, MISSING, WHY, prepared
from fingerpost.release.wording import Words, declared

# One place for every answer that is withheld, refused or not: which it was may tell a count.
WHERE = "answers"
COUNTED = ("binary", "count", "ordinal")


@dataclass(slots=True)
class Log:
    """What was stopped: (what, where, rule) → how many rows; 0 where it is a thing of its own."""

    policy: Policy
    found: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def add(self, what: str, where: str, rule: str, rows: int = 0) -> None:
        """Write down one thing that was stopped, or more rows of it."""
        key = (what, where, rule)
        self.found[key] = self.found.get(key, 0) + rows

    def entries(self, rules: Rules) -> tuple[Withheld, ...]:
        """Return what was stopped, in words."""
        told = []
        for (what, where, rule), rows in self.found.items():
            thing = (
                f"{rows} row{'s' * (rows != 1)} of {what}, in whole or in part" if rows else what
            )
            why = WHY[rule].format(few=rules.few, residual_df=rules.residual_df)
            told.append(Withheld(thing, why, self.policy.name, where, rule, rows))
        return tuple(told)


def prepare(output: Output, finding: Finding, policy: Policy) -> Output:
    """Return an output as it may be given to those who check outputs.

    output: of the finding, nothing withheld. Raises Undisclosable where nothing may leave.
    """
    if policy.rules is None:
        return output
    flow, known = knowledge(finding, policy, policy.rules)
    check_arms(finding, policy, policy.rules)
    facts, log = facts_of(output, finding, known), Log(policy)
    # Said of every flow alike: some steps are there only where somebody left.
    log.add("steps of the flow at which few left", "flow", "left")
    kept = [at for at, one in enumerate(output.results) if may(one, facts, known, log)]
    beyond = [one for one in output.extrapolations if may(one, facts, known, log)]
    left = [*(output.results[at] for at in kept), *beyond]
    known = without(known, [*output.results, *output.extrapolations], left, facts)
    results = tuple(shown(output.results[at], known) for at in kept)
    regions = _regions(output.regions, facts, known, log)
    refusals = _refusals(output.refusals, facts, log, known)
    check_left(output, results, regions, log, policy)
    made = replace(
        output,
        study=without_folders(without_flags(output.study, known)),
        status=status(output, results, regions, refusals),
        results=results,
        covariance=covariance(output.covariance, kept, results) if output.covariance else (),
        regions=regions,
        refusals=refusals,
        leaf_refusals=_leaf_refusals(output.leaf_refusals, known),
        extrapolations=tuple(shown(one, known) for one in beyond),
        agreements=agreements(output.agreements, output.results, results),
        tables=_tables(output.tables, facts, known, log, where="diagnostics"),
        sensitivity=tuple(_sensitive(one, facts, known, log) for one in output.sensitivity),
        flow=flow,
        policy_words=policy.words,
    )
    stopped = log.entries(policy.rules)
    looked = controls(made, tables_by_part(output), stopped, policy.rules)
    return replace(made, withheld=stopped, controls=looked)


def knowledge(finding: Finding, policy: Policy, rules: Rules) -> tuple[Flow, Known]:
    """Return the flow as it is shown, and what is known."""
    own = ladders(finding, rules)
    baseline = next((table for table in finding.tables if table.name == "baseline"), None)
    found = covariates.splits(baseline)
    gone = covariates.gone(found, rules)
    observed = observed_counts(finding, own)
    flow, totals = released_flow(
        finding.flow, own, {name: seen for name, (_, seen) in observed.items()}, rules
    )
    sums, whole = cohort_totals(finding, own)
    heads = {head for each in own.values() for head, _ in each.heads}
    known = Known(
        rules,
        policy.name,
        Words(declared(finding.study), covariates.level_words(gone)),
        own,
        {**{true: seen for true, seen in observed.values()}, **sums, **totals},
        rare_events(finding, rules),
        frozenset(spec.name for spec in finding.study.outcomes if spec.kind == "binary"),
        frozenset(spec.name for spec in finding.study.outcomes if spec.kind in COUNTED),
        min((head for each in own.values() for head, _ in each.heads), default=0),
        gone,
        {split.base: split.low for split in found if split.low is not None},
        frozenset(heads | whole),
        cells(finding, rules),
        covariates.beside_hidden(found, gone),
    )
    return flow, known


def without_flags(study: Study, known: Known) -> Study:
    """Return a study without the flags of values that few lacked: a study gets a flag only where
    somebody lacks the value.
    """
    gone = tuple(n for n in study.given if n.endswith(MISSING) and n in known.gone)
    if not gone:
        return study
    models = study.models
    return replace(
        study,
        assignment=replace(study.assignment, given=tuple(n for n in study.given if n not in gone)),
        models=replace(
            models,
            exposure=None if models.exposure is None else dropped(models.exposure, gone),
            outcome=None if models.outcome is None else dropped(models.outcome, gone),
        ),
    )


def without_folders(study: Study) -> Study:
    """Return a study whose tables are named without the folders they lie in: where a room keeps its
    records, and under whose name, is nobody's business outside.
    """
    sources = tuple(
        one if one.path is None else replace(one, path=re.split(r"[\\/]", one.path)[-1])
        for one in study.records.sources
    )
    return replace(study, records=replace(study.records, sources=sources))


def check_arms(finding: Finding, policy: Policy, rules: Rules) -> None:
    """Raise Undisclosable where no two arms that are compared have children enough."""
    small = {arm for arm, count in finding.flow.arms if count < rules.threshold}
    contrasts = finding.study.estimand.contrasts
    told = [{arm for arm, _ in contrast} & small for contrast in contrasts]
    if small and (all(told) or len(finding.flow.arms) - len(small) < 2):
        names = " and ".join(arm for arm, _ in finding.flow.arms if arm in small)
        raise Undisclosable(
            f"Nothing may leave under {policy.name}: {rules.few} children, or none, are in arm "
            f"{names}. Nothing was written. Widen the population or merge arms; or stay in the "
            "room: --release inside."
        )


def check_left(
    output: Output,
    results: tuple[Result, ...],
    regions: tuple[RegionResult, ...],
    log: Log,
    policy: Policy,
) -> None:
    """Raise Undisclosable where there was an answer, and none of the study's own may leave."""
    primary = any(one.primary for one in output.results)
    left = [one for one in results if one.primary or not primary]
    gone = [key for key in log.found if key[1] == WHERE]
    if left or regions or not gone or policy.rules is None:
        return
    told = dict.fromkeys(rule for _, _, rule in gone)
    why = [
        WHY[rule].format(few=policy.rules.few, residual_df=policy.rules.residual_df)
        for rule in told
    ]
    raise Undisclosable(
        f"Nothing may leave under {policy.name}: every answer of the study is withheld ("
        f"{'; '.join(why)}). Nothing was written. Widen the population or merge arms; or stay in "
        "the room: --release inside."
    )


# ---------------------------------------------------------------------------- answers
def facts_of(output: Output, finding: Finding, known: Known) -> Facts:
    """Return what else is known of the questions asked."""
    few: set[Asked] = set()
    for refused in (*output.refusals, *output.leaf_refusals):
        if any(too_few(rule.rule, rule.measured, known) for rule in refused.rules):
            few.update(asked(term) for term in refused.terms)
    held: set[Asked] = set()
    for table in output.tables:
        key = (str(table.tag("outcome")), str(table.tag("contrast")), str(table.tag("target")))
        for row in table.records():
            measured = row.get("measured")
            if table.name == "guard" and isinstance(measured, int | float):
                if too_few(str(row["rule"]), float(measured), known):
                    few.add(key)
                if row["rule"] in ("largest child", "largest cluster") and (
                    measured > known.rules.one
                ):
                    held.add(key)
    baseline = output.table("baseline")
    columns = {(row["covariate"], row["level"]) for row in baseline.records()} if baseline else ()
    largest: dict[str, int] = {}
    for one in output.results:
        largest[one.term.outcome] = max(largest.get(one.term.outcome, 0), one.n or 0)
    for spec in finding.study.outcomes:
        if output.refusals and finding.flow.arms:
            largest.setdefault(spec.name, sum(count for _, count in finding.flow.arms))
    unadjusted = frozenset(leaf.name for leaf in output.leaves if not leaf.adjusts)
    return Facts(frozenset(few), frozenset(held), len(columns), largest, unadjusted)


def may(result: Result, facts: Facts, known: Known, log: Log) -> bool:
    """Return whether a result may leave; what may not is written down."""
    if result.n is None and not result.arm_n:
        log.add(what_of(result.term, result.estimator), WHERE, FEW)
        return False
    rule = stopped(result, facts, known)
    if rule:
        # Said of the question, not of the leaf, and where too few stand behind it not even whether
        # it was refused: either may tell a count.
        beyond = result.role == "extrapolation" and rule not in (FEW, "events")
        what = what_of(result.term)
        log.add(f"model extrapolations: {what}" if beyond else what, WHERE, rule)
    return not rule


def what_of(term: Term, leaf: str = "") -> str:
    """Return what is withheld of a question, in words."""
    by = f" by {leaf}" if leaf else ""
    among = f", among {term.subgroup}" if term.subgroup else ""
    return f"answers{by} on {term.outcome}, {term.words()}, target {term.target.label()}{among}"


def _regions(
    found: Iterable[RegionResult], facts: Facts, known: Known, log: Log
) -> tuple[RegionResult, ...]:
    kept = []
    for item in found:
        term = item.region.term
        counts = [known.ladders[arm].heads for arm, _ in term.contrast if arm in known.ladders]
        rule = "events" if known.few_events(term) else ""
        if asked(term) in facts.too_few or not counts or not all(counts):
            rule = FEW
        if rule:
            log.add(what_of(term), WHERE, rule)
        else:
            kept.append(region(item, known))
    return tuple(kept)


def _refusals(
    found: Iterable[Refusal], facts: Facts, log: Log, known: Known
) -> tuple[Refusal, ...]:
    """Return the refusals that may be told. Where too few stand behind a question it is withheld,
    as it would be if it were answered: that it was refused would tell how few.
    """
    kept = []
    for one in found:
        terms = tuple(term for term in one.terms if asked(term) not in facts.too_few)
        few = [term for term in one.terms if term not in terms]
        rare = [term for term in terms if known.few_events(term)]
        for term in (*few, *rare):
            log.add(what_of(term), WHERE, FEW if term in few else "events")
        left = tuple(term for term in terms if term not in rare)
        if left:
            kept.append(refusal(replace(one, terms=left), known))
    return tuple(kept)


def _leaf_refusals(found: Iterable[Refusal], known: Known) -> tuple[Refusal, ...]:
    """Return what leaves have no answer for, but of questions that are withheld in any case."""
    kept = []
    for one in found:
        terms = tuple(term for term in one.terms if asked(term) not in known.questions)
        if terms:
            kept.append(refusal(replace(one, terms=terms), known))
    return tuple(kept)


def status(
    output: Output,
    results: tuple[Result, ...],
    regions: tuple[RegionResult, ...],
    refusals: tuple[Refusal, ...],
) -> str:
    """Return the status of what is told: it must not give away a refusal that is withheld."""
    answered = [one for one in results if one.primary and math.isfinite(one.value)]
    if not answered and not regions:
        return "refused"
    return "partly refused" if refusals or output.leaf_refusals else "answered"


# ----------------------------------------------------------------------------- tables
def without(known: Known, before: list[Result], after: list[Result], facts: Facts) -> Known:
    """Return what is known, with the questions of which answers are withheld."""
    left, stayed = {id(one) for one in after}, {asked(one.term)[:2] for one in after}
    gone = [one.term for one in before if id(one) not in left]
    questions = {asked(term) for term in gone} | set(facts.too_few)
    for term in gone:
        # Standardised means name the arm that a target is of.
        at = {"att": 0, "atu": 1}.get(term.target.kind)
        if at is not None and at < len(term.contrast):
            target = replace(term.target, kind="received", arm=term.contrast[at][0])
            questions.add((term.outcome, term.words(), target.label()))
    compared = {question[:2] for question in questions} - stayed
    return replace(known, questions=frozenset(questions), compared=frozenset(compared))


def _tables(
    found: Iterable[Table], facts: Facts, known: Known, log: Log, *, where: str
) -> tuple[Table, ...]:
    """Return the tables as they may leave. Of a question that too few stand behind no table is
    shown, and none is named: how far the study came with it would tell how few.
    """
    few = {outcome for outcome, _, _ in facts.too_few}
    kept = []
    for table in found:
        if table.tag("outcome") in few and table.tag("target") is None:
            continue
        made, reasons = prepared(table, known)
        name = f"“{known.words.kept(table.title, table.name.replace('_', ' '))}”"
        for rule, rows in reasons.items():
            log.add(name, f"{where}.{table.name}", rule, rows)
        if made is not None:
            kept.append(made)
    return tuple(kept)


def _sensitive(one: SensitivityResult, facts: Facts, known: Known, log: Log) -> SensitivityResult:
    where = f"sensitivity.{one.leaf}"
    kept = tuple(shown(each, known) for each in one.results if may(each, facts, known, log))
    return SensitivityResult(
        one.leaf,
        _tables(one.tables, facts, known, log, where=where),
        kept,
        _regions(one.regions, facts, known, log),
        tuple(refusal(each, known) for each in one.refusals),
        one.about,
    )
