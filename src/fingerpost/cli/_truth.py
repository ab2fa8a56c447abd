"""The truth beside the answers, where the England that was studied is a synthetic one of ours.

Opened only after the finding exists: nothing here can reach an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fingerpost.core.errors import FingerpostError

if TYPE_CHECKING:
    from fingerpost.core.estimand import Term
    from fingerpost.core.finding import Finding
    from fingerpost.core.linked import Linked, Strategy
    from fingerpost.core.output import Output
    from fingerpost.records.store import Store

# The recorded levels that are one arm of England, whose potential outcomes are sealed.
ARMS = {("none",): "none", ("support",): "support", ("ehcp",): "ehcp", ("ehcp", "special"): "ehcp"}
ANY = ("support", "ehcp", "special")
TARGETS = ("ate", "att", "atu", "received", "overlap")
# Of whom a target speaks, by the place of an arm in the contrast.
RECEIVED = {"ate": None, "att": 0, "atu": 1}
SUPPORT = ("support",)
PERSISTENT = "persistent_absence"
TESTS = {
    "at_least": lambda value, bound: value >= bound,
    "at_most": lambda value, bound: value <= bound,
    "below": lambda value, bound: value < bound,
    "above": lambda value, bound: value > bound,
}
# Why no truth is printed of a term.
OWN_TARGET = "whom its answer is for is known to the estimator alone"
UNFITTED = "whom it is for was not settled, as no weights could be fitted"
NO_MEASURE = "the model of this England holds no mean of it in each arm"
OTHER_ARMS = "no child's outcomes are kept under these strategies"
TIMES = "no truth of the time to an event is kept"
NO_RATIO = "a ratio of standardised scores has no meaning"
OTHER_SCALE = "truth by delay or amount is kept on the measure's own scale alone"
LATER = "in this England provision begun later acts too, and nobody's outcomes under it are kept"
GRACE = "a strategy with a time of grace is a mixture of beginnings, of which no truth is kept"
MANY = "it compares more than two arms"


class Untold(Exception):
    """That no truth of a term can be had, and why."""


@dataclass(frozen=True, eq=False)
class Told:
    """What the truth of one finding is told from. scenario: of the England; sealed: the truth of
    every member of the finding; kept: what was made once.
    """

    finding: Finding
    linked: Linked
    store: Store
    scenario: str
    sealed: Any
    kept: dict[str, Any]

    def once(self, name: str, make: Any) -> Any:
        """Return what `make` gives, made once."""
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]

    @property
    def children(self) -> list[int]:
        """The child of each member."""
        found: list[int] = self.once(
            "children", lambda: [int(key) for key in _members(self.finding)]
        )
        return found


def with_truth(output: Output, finding: Finding, store: Store) -> Output:
    """Return the output with the truth of each term, or why there is none, if it may be opened.

    The truth is that of the children studied: the contrast of their own potential outcomes, each
    counted as the term's target counts it. Of arms that differ in when or how much, it is that of
    the whole population they are drawn from, which is the same for every target.
    """
    linked = finding.study.linked
    if linked is None or not output.provenance.synthetic or finding.members is None:
        return output
    if finding.study.access is not None:
        from fingerpost.cli._truth_access import with_gaps

        return with_gaps(output, finding, store)
    from fingerpost.england import reveal

    try:
        sealed = reveal.sealed(store.path, [int(key) for key in finding.members])
    except (FingerpostError, KeyError, ValueError):
        return output  # made up, but not an England of ours with its truth beside it
    scenario = str(store.manifest.options.get("scenario", ""))
    told = Told(finding, linked, store, scenario, sealed, {})
    found: list[tuple[Term, float]] = []
    untold: dict[str, list[str]] = {}
    for term in terms(output):
        try:
            found.append((term, value_of(told, term)))
        except Untold as why:
            untold.setdefault(str(why), []).append(term.outcome)
    reasons = tuple((", ".join(dict.fromkeys(names)), why) for why, names in untold.items())
    return replace(output, truth=tuple(found), untold=reasons)


def _members(finding: Finding) -> Any:
    return () if finding.members is None else finding.members


def terms(output: Output) -> tuple[Term, ...]:
    """Return every term with a causal target, once, that was answered or refused."""
    every = [
        *(result.term for result in output.results),
        *(term for refusal in output.refusals for term in refusal.terms),
    ]
    return tuple(term for term in dict.fromkeys(every) if term.target.causal)


def value_of(told: Told, term: Term) -> float:
    """Return the truth of a term; raise Untold, with the reason, where there is none."""
    if term.target.kind not in TARGETS:
        raise Untold(OWN_TARGET)
    if term.horizon is not None:
        raise Untold(TIMES)
    if [weight for _, weight in term.contrast] != [1.0, -1.0]:
        raise Untold(MANY)
    both = [told.linked.strategy(arm) for arm, _ in term.contrast]
    if any(one.timed or one.dose for one in both):
        return of_amounts(told, term)
    if told.linked.through is not None:
        check_sustained(told, both)
    elif told.linked.zero.repeated:
        return of_trials(told, term)
    return of_arms(told, term)


def of_arms(told: Told, term: Term) -> float:
    """Return the contrast of two arms over the potential outcomes of the children of a term."""
    import numpy as np

    first, second = (means_in(told, term.outcome, arm) for arm, _ in term.contrast)
    rows, weight = whom(told, term)
    seen = ~np.isnan(first[rows])
    rows, weight = rows[seen], weight[seen]
    return contrasted(term, [float((weight * one[rows]).sum()) for one in (first, second)], weight)


def contrasted(term: Term, sums: list[float], weight: Any) -> float:
    """Return the contrast of two weighted sums on a term's scale."""
    from fingerpost.england.potential import SCORES

    total = float(weight.sum())
    first, second = (one / total for one in sums)
    if term.scale != "ratio":
        return first - second
    if SCORES.get(term.outcome, "") == "standard deviations":
        raise Untold(NO_RATIO)
    return first / second


def means_in(told: Told, measure: str, arm: str) -> Any:
    """Return (n,) each member's mean of a measure in an arm of the study."""
    strategy = told.linked.strategy(arm)
    england = arm_of(strategy)
    if england is None and set(strategy.levels) != set(ANY):
        raise Untold(OTHER_ARMS)
    every = in_england(told, measure)
    names = ("none", "support", "ehcp")
    if england is not None:
        return every[:, names.index(england)]
    from fingerpost.england import reveal

    share = told.once("plans", lambda: reveal.plans(told.store.path, told.children))
    own = told.sealed.columns["arm"]
    # A child that was provided for had its own kind; of others both kinds, as England gives them.
    share = (own == 0) * share + (own == names.index("ehcp"))
    return (1 - share) * every[:, 1] + share * every[:, 2]


def in_england(told: Told, measure: str) -> Any:
    """Return (n, arms) each member's mean of a measure under none, support and a plan."""
    from fingerpost.england import reveal
    from fingerpost.england.potential import MEASURES

    if measure in MEASURES:
        return told.sealed.means(measure)
    if measure == PERSISTENT:
        make = reveal.persistent_absence
        return told.once(measure, lambda: make(told.store.path, told.children))
    raise Untold(NO_MEASURE)


def whom(told: Told, term: Term) -> tuple[Any, Any]:
    """Return the members that a term speaks of, and how much each counts."""
    import numpy as np

    held = told.finding.whom.get(term)
    if held is not None:
        return held.members, held.weight.astype(float)
    partly = term.subgroup is not None or term.target.trim is not None
    if partly or term.target.kind not in RECEIVED:
        raise Untold(UNFITTED)
    columns = told.sealed.columns
    _, rows = np.unique(columns["child_id"], return_index=True)
    weight = told.sealed.weight(term.outcome)[rows]
    place = RECEIVED[term.target.kind]
    if place is not None:
        strategy = told.linked.strategy(term.contrast[place][0])
        names = [("none", "support", "ehcp", "ehcp")[at] for at in levels_of(strategy)]
        codes = [("none", "support", "ehcp").index(name) for name in names]
        weight = weight * np.isin(columns["arm"][rows], codes)
    return rows, weight


def levels_of(strategy: Strategy) -> list[int]:
    """Return the recorded levels of a strategy by place."""
    from fingerpost.core.linked import LEVELS

    return [LEVELS.index(name) for name in strategy.levels]


def check_sustained(told: Told, both: list[Strategy]) -> None:
    """Raise Untold where sustained strategies are not what the sealed arms are: provision that is
    there in spring of Year 1 and kept up, and none, in an England where later starts do nothing.
    """
    from fingerpost.england import reveal

    if any(one.grace for one in both):
        raise Untold(GRACE)
    zero = told.linked.zero
    if (zero.year, zero.census) != (1, "spring"):
        raise Untold(OTHER_ARMS)
    if reveal.acts_later(told.scenario):
        raise Untold(LATER)


def of_trials(told: Told, term: Term) -> float:
    """Return the truth of support begun in the school year of each trial against none then.

    Support that begins after Year 1 does nothing here; that which begins in Year 1 is as strong as
    such support is on average. A rate counts each trial by how long it is followed.
    """
    import numpy as np

    from fingerpost.england import reveal
    from fingerpost.england.potential import MEASURES, RATES

    names = [arm_of(told.linked.strategy(arm)) for arm, _ in term.contrast]
    if sorted(str(name) for name in names) != ["none", "support"]:
        raise Untold(OTHER_ARMS)
    if reveal.acts_later(told.scenario):
        raise Untold(LATER)
    held = told.finding.whom.get(term)
    if held is None or held.trial is None:
        raise Untold(UNFITTED)
    if term.outcome not in MEASURES:
        raise Untold(NO_MEASURE)
    base = in_england(told, term.outcome)[held.members, 0]
    times, added = begun(told, term.outcome)
    first_year = held.trial == 1
    treated = np.where(first_year, base * times + added, base)
    weight = held.weight.astype(float)
    if term.outcome in RATES:
        weight = weight * (told.linked.until - held.trial + 1 / 3)
    sums = {"none": float((weight * base).sum()), "support": float((weight * treated).sum())}
    return contrasted(term, [sums[str(name)] for name in names], weight)


def begun(told: Told, measure: str) -> tuple[float, float]:
    """Return what support that begins in Year 1 does to a measure on average."""
    from fingerpost.england import reveal

    def make() -> tuple[float, float]:
        try:
            return reveal.begun_in_year_1(told.store.path, measure, england=told.scenario)
        except FingerpostError:
            raise Untold(NO_MEASURE) from None

    found: tuple[float, float] = told.once(f"begun {measure}", make)
    return found


def arm_of(strategy: Strategy) -> str | None:
    """Return the arm of England that a strategy is; None where it is another."""
    if strategy.timed or strategy.dose:
        return None
    return ARMS.get(strategy.levels)


def of_amounts(told: Told, term: Term) -> float:
    """Return the truth of support of one kind against another."""
    from fingerpost.england import reveal

    both = [told.linked.strategy(arm) for arm, _ in term.contrast]
    if any(one.levels != SUPPORT or not (one.timed or one.dose) for one in both):
        raise Untold(OTHER_ARMS)
    kinds = [amounts(one) for one in both]
    if None in kinds:
        raise Untold(OTHER_ARMS)
    try:
        found = reveal.strategy(term.outcome, kinds[0], against=kinds[1], england=told.scenario)
    except FingerpostError:
        raise Untold(NO_MEASURE) from None
    if found.scale != term.scale:
        raise Untold(OTHER_SCALE)
    return float(found.value)


def amounts(strategy: Strategy) -> Any:
    """Return the delays and planned minutes that a strategy allows; None where it asks for more."""
    from fingerpost.england import reveal
    from fingerpost.england.model import STRENGTH

    if any(one.measure != "minutes_a_week" for one in strategy.dose):
        return None
    least, most = strategy.after or 0, strategy.within
    delays = [
        n for n in range(len(STRENGTH.by_delay)) if n >= least and (most is None or n <= most)
    ]
    minutes = [
        n
        for n in STRENGTH.planned_minutes
        if all(TESTS[one.test](n, one.value) for one in strategy.dose)
    ]
    if not delays or not minutes:
        return None
    return reveal.Amounts(delays=tuple(delays), minutes=tuple(minutes))
