"""The flow of a trial from its ledger, and what CONSORT for cluster trials asks, answered or open.

Items are named by their numbers in CONSORT 2010 and its extension to cluster trials (Campbell,
Piaggio, Elbourne & Altman 2012, BMJ 345:e5661); what each asks is said in our own words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fingerpost.core.flow import Flow
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted, listing
from fingerpost.studies.trials.counting import Counts, count
from fingerpost.studies.trials.folder import Opened
from fingerpost.studies.trials.keys import Keys

ANSWERED, OPEN = "answered", "open"
COLUMNS = ("allocated", "received", "withdrew", "lost", "analysed")


@dataclass(frozen=True, eq=False, slots=True)
class Consort:
    """The flow and the items. flow: those assessed, step by step; table: by arm, where a key opens
    arms, else in all. items: number, what is asked, state, answer.
    """

    flow: Flow
    tables: tuple[Table, ...]
    items: tuple[tuple[str, str, str, str], ...]
    counts: Counts

    @property
    def open(self) -> int:
        """How many items are open."""
        return sum(item[2] == OPEN for item in self.items)


def consort(opened: Opened, *, keys: Keys | None = None) -> Consort:
    """Return the flow of a trial and its items. keys: that open arms, for counts by arm."""
    found = count(opened, keys)
    answers = items(opened, found)
    asked = Table(
        "items",
        "What CONSORT for cluster trials asks",
        ("item", "asks", "state", "answer"),
        ("label", "label", "label", "label"),
        answers,
    )
    return Consort(flow_of(found), (arms_table(found), asked), answers, found)


def flow_of(found: Counts) -> Flow:
    """Return those assessed, who left and why, and of the arms what was noted of their units: who
    was allocated always, the rest once anything is noted.
    """
    flow = Flow(found.assessed, counts="units", ends="")
    for why, many in sorted(found.excluded.items()):
        flow = flow.then(why, many)
    if found.arms is None:
        return flow
    noted = [kind for kind in COLUMNS if kind == "allocated" or found.of(kind)]
    arms = [(f"{kind}, {arm}", many) for kind in noted for arm, many in found.by_arm(kind).items()]
    return replace(flow, arms=tuple(arms))


def arms_table(found: Counts) -> Table:
    """Return what became of units, by arm or in all."""
    rows: list[tuple[Cell, ...]] = []
    for kind in COLUMNS:
        if found.arms is None:
            many = found.allocated if kind == "allocated" else found.of(kind)
            rows.append((kind, many))
        else:
            rows.append((kind, *found.by_arm(kind).values()))
    names = ("all arms",) if found.arms is None else found.names
    return Table(
        "arms",
        "What became of units",
        ("step", *names),
        ("label", *["count"] * len(names)),
        tuple(rows),
        note="" if found.arms is not None else "By arm with a key of role sees (--key).",
    )


def items(opened: Opened, found: Counts) -> tuple[tuple[str, str, str, str], ...]:
    """Return every item: its number, what it asks, its state and its answer."""
    study, trial = opened.study, opened.trial
    asked = dict(trial.registry)
    unit = getattr(study.assignment, "unit", None) or "child"
    arms = "; ".join(f"{arm.name}: {arm.gets or arm.offer}" for arm in trial.arms)
    shares = ":".join(str(arm.share) for arm in trial.arms)
    strata = listing(study.assignment.strata)
    clusters, children, late = found.lists
    amended = [str(body["words"]) for _, body in found.said("amendment")]
    blinding = [str(body["words"]) for _, body in found.said("blinding")]
    conceal = (
        "Drawn all at once from a commitment and a public pulse."
        if opened.plan["register"]
        else "By the ledger, one by one; the key is held apart, and its digest was kept at opening."
    )
    looks = trial.monitoring
    harmed = counted(len(found.harms), "harm") + " noted." if found.allocated else ""
    outcomes = listing(one.name for one in study.outcomes)
    analysis = listing(study.primary or study.estimators)
    rolls = f"{clusters} clusters, {children:,} children listed before; {late:,} entered since."
    said = (
        ("1a", "Says in the title that it is a (cluster) randomised trial", study.name),
        ("2b", "The question, at the level of the cluster or the child", study.question),
        ("3a", "Design, shares of arms", f"{opened.plan['design']}, {shares}, by {unit}."),
        ("3b", "Changes after it began, with reasons", " ".join(amended) or "None noted."),
        ("4a", "Who may take part", study.population_words),
        ("5", "What each arm is offered", arms),
        ("6a", "Outcomes named beforehand", outcomes),
        ("7a", "How size was found", f"{found.size:,} units." if found.size else ""),
        ("7b", "Looks and stopping rules", f"{looks.shape}" if looks else ""),
        ("8a", "How the sequence is made", _made(opened)),
        ("8b", "Restriction: strata, blocks", _restricted(opened, strata)),
        ("9", "Concealment", conceal),
        ("10a", "Who enrolled and who allocated", asked.get("enrolment", "")),
        ("10b", "How children of clusters were listed", rolls if trial.roll else ""),
        ("10c", "From whom consent was sought, and when", listing(trial.consent)),
        ("11a", "Who was kept from knowing arms", " ".join(blinding)),
        ("12a", "How the main outcome is analysed", analysis),
        ("13a", "Numbers allocated, provided for, analysed", _flow_words(found)),
        ("13b", "Losses and exclusions, with reasons", _losses(found)),
        ("14a", "When units were recruited", _months(found)),
        ("14b", "Why it ended or was stopped", found.stopped),
        ("15", "Arms as they were at the start", asked.get("baseline", "")),
        ("19", "Harms in each arm", harmed),
        ("23", "Where it is registered", asked.get("registration", "")),
        ("24", "Where the protocol is", asked.get("protocol", "")),
        ("25", "Who pays", asked.get("funding", asked.get("sponsor", ""))),
    )
    return tuple(
        (number, asks, ANSWERED if answer else OPEN, answer) for number, asks, answer in said
    )


def _made(opened: Opened) -> str:
    """Return how the sequence is made."""
    algorithm = opened.plan["algorithm"]
    if opened.plan["register"]:
        source = opened.trial.draw.pulse.source
        return f"{algorithm}, SHA-256 of the frozen plan and a later public pulse ({source})."
    return f"{algorithm}, HMAC-SHA256."


def _restricted(opened: Opened, strata: str) -> str:
    """Return strata and what else restricts the draw; not the lengths of blocks."""
    within = f"Within {strata}. " if strata else ""
    blocks = "Blocks of lengths drawn at random." if opened.trial.blocks else ""
    return f"{within}{blocks}".strip() or "None."


def _flow_words(found: Counts) -> str:
    """Return the numbers of the flow in words."""
    if not found.allocated:
        return ""
    said = {"received": "received what was offered", "analysed": "were analysed"}
    noted = [f"{found.of(kind):,} {words}" for kind, words in said.items() if found.of(kind)]
    absent = [words for kind, words in said.items() if not found.of(kind)]
    rest = f" Nothing is noted of how many {listing(absent)}." if absent else ""
    first = f"{found.assessed:,} assessed, {found.allocated:,} allocated"
    return f"{', '.join([first, *noted])}.{rest}"


def _losses(found: Counts) -> str:
    """Return losses in words."""
    if not found.allocated:
        return ""
    why = "; ".join(f"{words}: {many}" for words, many in sorted(found.excluded.items()))
    return f"{found.of('withdrew')} withdrew, {found.of('lost')} lost. {why}".strip()


def _months(found: Counts) -> str:
    """Return first and last month of recruitment."""
    months = sorted(found.months)
    return f"{months[0]} to {months[-1]}." if months else ""
