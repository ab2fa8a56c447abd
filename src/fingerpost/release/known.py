"""What the gate knows and may not tell: the true counts, and how each is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate
from fingerpost.core.finding import Finding
from fingerpost.core.flow import Flow, FlowStep
from fingerpost.core.table import Cell, Table
from fingerpost.release.policies import Rules
from fingerpost.release.rounding import Ladder, ladder, nearest
from fingerpost.release.wording import Words

# Numbers that say which part of a whole a row is about.
PARAMETERS = (
    *("lo", "hi", "percentile", "times", "threshold", "horizon", "piece", "level", "time"),
    *("look", "looks", "information"),
)
Key = frozenset[str]
# Labels beside which a count is of a whole arm, and not of a part of it.
WHOLE_ARM = frozenset({"arm", "outcome", "target", "contrast", "estimator", "covariate", "level"})
ARM_COUNTS = ("children", "observed", "kept", "n")


@dataclass(frozen=True, eq=False, slots=True)
class Known:
    """The truth behind an output, and what is shown of it.

    ladders: of each arm's counts. totals: true count → shown, of whole cohorts and of the flow.
    rare: outcomes with an arm in which fewer than the threshold had the event, or had it not, and
    those arms. binary: outcomes of two values; counted: these and counts. fewest: children of the
    smallest arm. gone: names of rows that may be in no table. pairs: covariates of two values, and
    the lower one. published: the true counts that stand, rounded, in the open: what parts may be
    taken from. cells: ladders of the counts of parts of an arm, by what their rows are about.
    gone_elsewhere: names of rows that only tables of counts may hold, for other levels of theirs
    are hidden. questions: (outcome, contrast, target) of which some answer is withheld; compared:
    (outcome, contrast) of which every answer is.
    """

    rules: Rules
    policy: str
    words: Words
    ladders: Mapping[str, Ladder]
    totals: Mapping[int, int]
    rare: Mapping[str, frozenset[str]]
    binary: frozenset[str]
    counted: frozenset[str]
    fewest: float
    gone: frozenset[str]
    pairs: Mapping[str, float]
    published: frozenset[int]
    cells: Mapping[Key, Ladder]
    gone_elsewhere: frozenset[str]
    questions: frozenset[tuple[str, str, str]] = frozenset()
    compared: frozenset[tuple[str, str]] = frozenset()

    def withheld(self, outcome: object, contrast: object, target: object) -> bool:
        """Return whether what a row is about is withheld; None stands for what it does not say."""
        if outcome is None:
            return False
        if target is None:
            return contrast is not None and (outcome, contrast) in self.compared
        return any(
            outcome == own[0] and contrast in (None, own[1]) and target == own[2]
            for own in self.questions
        )

    def of_arm(self, arm: str | None, count: float) -> int | None:
        """Return how a count of an arm's children is shown, None where it is too small."""
        if count < self.rules.threshold:
            return None
        own = self.ladders.get(arm or "")
        return own.shown(count) if own is not None else self.count(count)

    def count(self, count: float) -> int | None:
        """Return how any count is shown, None where it is too small."""
        if count < self.rules.threshold:
            return None
        if count in self.totals:
            return self.totals[int(count)]
        return next(
            (
                shown
                for own in self.ladders.values()
                for head, shown in own.heads
                if head == count and shown is not None
            ),
            nearest(count, self.rules.base),
        )

    def few_events(self, term: Term) -> bool:
        """Return whether an arm of a term's contrast had too few children with its event."""
        return any(arm in self.rare.get(term.outcome, ()) for arm, _ in term.contrast)


def estimates(finding: Finding) -> list[Estimate]:
    """Return every estimate of a finding: answers, extrapolations, controls."""
    every = [*finding.answers, *finding.sensitivity]
    found = [answer.estimate for answer in every] + [answer.extrapolated for answer in every]
    return [each for each in found if each is not None]


def tables(finding: Finding) -> list[Table]:
    """Return every table of a finding."""
    leaves = [table for answer in finding.answers for table in answer.tables]
    drawn = [table for answer in finding.sensitivity for table in answer.tables]
    return [*finding.tables, *leaves, *drawn]


def arm_counts(finding: Finding) -> dict[str, set[int]]:
    """Return every true count of children of a whole arm that any part of a finding holds."""
    found: dict[str, set[int]] = {arm: {count} for arm, count in finding.flow.arms}
    for one in estimates(finding):
        if one.arm_n is not None:
            for at, arm in enumerate(one.arms):
                found.setdefault(arm, set()).update(int(count) for count in one.arm_n[:, at])
    for table in tables(finding):
        names = {n for n, k in zip(table.columns, table.kinds, strict=True) if k == "label"}
        if "arm" in names and names <= WHOLE_ARM:
            for row in table.records():
                cells = (row.get(name) for name in ARM_COUNTS if name in row)
                own = found.setdefault(str(row["arm"]), set())
                own.update(cell for cell in cells if isinstance(cell, int))
    return found


def cell_key(table: Table, at: int, name: str) -> Key:
    """Return what one count of a table is of, alike for all tables in which it stands: its row's
    labels and parameters; empty where it is no count of children.
    """
    if name not in ARM_COUNTS:
        return frozenset()
    return frozenset(
        f"{column if kind == 'number' else ''}{cell}"
        for column, kind, cell in zip(table.columns, table.kinds, table.rows[at], strict=True)
        if (kind == "label" and cell is not None) or column in PARAMETERS
    )


def cells(finding: Finding, rules: Rules) -> dict[Key, Ladder]:
    """Return ladders of the counts of parts of an arm that several tables hold: of levels by arm
    for each outcome, whose children are nearly the same.
    """
    found: dict[Key, set[int]] = {}
    for table in tables(finding):
        names = {n for n, k in zip(table.columns, table.kinds, strict=True) if k == "label"}
        if "arm" not in names or (names <= WHOLE_ARM and table.name != "baseline"):
            continue
        for at, row in enumerate(table.records()):
            for name, count in _parts(table, row):
                found.setdefault(cell_key(table, at, name), set()).add(count)
    return {key: ladder(counts, rules) for key, counts in found.items() if key}


def _parts(table: Table, row: dict[str, Cell]) -> Iterator[tuple[str, int]]:
    """Yield the counts of a row that are of a part of an arm; of a level, made from its share."""
    if table.name != "baseline":
        for name in ARM_COUNTS:
            cell = row.get(name)
            if isinstance(cell, int):
                yield name, cell
        return
    children, mean = row.get("children"), row.get("mean")
    if row.get("level") and isinstance(children, int) and isinstance(mean, int | float):
        yield "children", round(mean * children)


def ladders(finding: Finding, rules: Rules) -> dict[str, Ladder]:
    """Return the ladder of each arm."""
    return {arm: ladder(counts, rules) for arm, counts in arm_counts(finding).items()}


def rare_events(finding: Finding, rules: Rules) -> dict[str, frozenset[str]]:
    """Return, by outcome, the arms in which too few children had the event, or had it not."""
    binary = {spec.name for spec in finding.study.outcomes if spec.kind == "binary"}
    found: dict[str, set[str]] = {}
    for table in tables(finding):
        if table.name != "outcomes":
            continue
        for at, row in enumerate(table.records()):
            events, seen = row.get("events"), row.get("observed")
            if not isinstance(events, int | float) or not isinstance(seen, int):
                continue
            with_it = table.counts[at] if at < len(table.counts) else None
            had = events if with_it is None else with_it
            few = had < rules.threshold
            few = few or (row["outcome"] in binary and seen - events < rules.threshold)
            if few:
                found.setdefault(str(row["outcome"]), set()).add(str(row["arm"]))
    return {outcome: frozenset(arms) for outcome, arms in found.items()}


# ------------------------------------------------------------------------------- flow
def released_flow(
    flow: Flow, own: Mapping[str, Ladder], observed: Mapping[str, int], rules: Rules
) -> tuple[Flow, dict[int, int]]:
    """Return the flow as it is shown, and true → shown for each of its totals.

    From the end to the start: the arms are rounded, and each total is the sum of what is shown
    after it. So what is shown is made of rounded counts and nothing else, and a step that is not
    shown can be got from no total. observed: outcome → children, as shown, whose outcome was seen.
    """
    arms = tuple(
        (arm, shown)
        for arm, count in flow.arms
        if (shown := own[arm].shown(count) if arm in own else None) is not None
    )
    here = sum(count for _, count in arms) or nearest(flow.remaining, rules.base)
    if flow.copied and arms:
        here = min(count for _, count in arms)  # every arm holds each child
    totals = {flow.remaining: here}
    common: list[FlowStep] = []
    at = here
    for step in reversed([step for step in flow.steps if step.outcome is None]):
        left = nearest(step.left, rules.base)
        if step.left >= rules.threshold:
            common.append(FlowStep(step.reason, left, at))
            at += left
        totals.setdefault(step.left + step.remaining, at)
    later = []
    for step in (step for step in flow.steps if step.outcome is not None):
        remaining = observed.get(str(step.outcome), nearest(step.remaining, rules.base))
        if step.left < rules.threshold or here - remaining < rules.threshold:
            continue
        later.append(FlowStep(step.reason, here - remaining, remaining, step.outcome))
        totals.setdefault(step.remaining, remaining)
    return replace(flow, start=at, steps=(*reversed(common), *later), arms=arms), totals


def observed_counts(finding: Finding, own: Mapping[str, Ladder]) -> dict[str, tuple[int, int]]:
    """Return, by outcome, how many children's outcome was seen: truly, and as it is shown."""
    found: dict[str, tuple[int, int]] = {}
    for table in finding.tables:
        if table.name != "outcomes":
            continue
        for row in table.records():
            seen, arm = row.get("observed"), str(row.get("arm"))
            if isinstance(seen, int) and arm in own:
                true, shown = found.get(str(row["outcome"]), (0, 0))
                found[str(row["outcome"])] = (true + seen, shown + (own[arm].shown(seen) or 0))
    return found


def cohort_totals(
    finding: Finding, own: Mapping[str, Ladder]
) -> tuple[dict[int, int], frozenset[int]]:
    """Return true → shown of the children behind each estimate, the sum of its arms as shown; and
    those totals whose every arm is shown.
    """
    found: dict[int, int] = {}
    whole: set[int] = set()
    rows = [tuple(finding.flow.arms)]
    for one in estimates(finding):
        if one.arm_n is not None:
            rows += [
                tuple((arm, int(count)) for arm, count in zip(one.arms, row, strict=True))
                for row in one.arm_n
            ]
    for counts in rows:
        shown = [own[arm].shown(count) if arm in own else None for arm, count in counts]
        total = sum(count for _, count in counts)
        found.setdefault(total, sum(each for each in shown if each is not None))
        if None not in shown:
            whole.add(total)
    return found, frozenset(whole)
