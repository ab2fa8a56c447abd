"""What a registry and the guidance on protocols ask of a roll-out, answered from its plan.

Items are named by their numbers in the WHO Trial Registration Data Set (version 1.3.1), SPIRIT 2013
(its update of 2025 numbers them otherwise), and the CONSORT extension to stepped wedges of 2018;
what each asks is said in our own words. Items on specimens and on the wording of consent forms are
left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fingerpost
from fingerpost.core import rollout_protocol as said
from fingerpost.core.protocol import outcome_words
from fingerpost.core.table import Table
from fingerpost.core.words import counted, listing, sentence
from fingerpost.studies.asked_items import (
    ANSWERED,
    LATER,
    STATES,
    UNSAID,
    Item,
    further,
    never,
    other_outcomes,
    software,
    statement,
    version,
)
from fingerpost.studies.asked_items import items_table as table_of
from fingerpost.studies.provenance import code_digest
from fingerpost.studies.rollouts import monitoring, planning, power_tables
from fingerpost.studies.rollouts.planning import Plan
from fingerpost.studies.rollouts.power_tables import average_words, target_words

SCHEMA_VERSION, KIND = "1", "plan of a roll-out"
DEFAULT_ARMS = ("provision has not begun", "provision has begun")


Answer = Callable[[Plan], str]
Row = tuple[str, str, str, str, str, Answer]


def registry(key: str) -> Answer:
    """Return how an item is answered by what the study says for a registry."""
    return lambda plan: dict(plan.rollout.registry).get(key, "")


def or_else(first: Answer, second: Answer) -> Answer:
    """Return the first answer, or the second where it is empty."""
    return lambda plan: first(plan) or second(plan)


def both(first: Answer, second: Answer) -> Answer:
    """Return both answers, empty where the first is."""

    def joined(plan: Plan) -> str:
        told = first(plan)
        return " ".join(sentence(one) for one in (told, second(plan)) if one) if told else ""

    return joined


def as_said(told: str) -> str:
    """Return an answer as a sentence; an address or a number alone is none, and stays as it is.

    >>> as_said("fingerpost 0.1.0"), as_said("none"), as_said("the office, a@example.org")
    ('fingerpost 0.1.0', 'None.', 'The office, a@example.org')
    """
    words = told.split()
    if not words or (len(words) == 1 and not words[0].isalpha()):
        return told
    name = len(words) == 2 and words[1][:1].isdigit()
    found = told if name else sentence(told)
    return found.removesuffix(".") if any(sign in words[-1] for sign in "@/") else found


def scientific_title(plan: Plan) -> str:
    """Return a title that names the design."""
    unit = getattr(plan.study.assignment, "unit", "") or "unit"
    return (
        f"{plan.study.question} {plan.design.title}: {counted(plan.units, 'unit')} ({unit}), in an "
        "order drawn at random."
    )


def provision(plan: Plan) -> str:
    """Return what is given and what is not, where the study says more than that it begins."""
    told = [f"{arm}: {words}" for arm, words in plan.study.arms.words if words not in DEFAULT_ARMS]
    return "; ".join(told) if len(told) == len(plan.study.arms.words) else ""


def register(plan: Plan) -> str:
    """Return which units there are."""
    return said.units(plan.study, plan.rollout) if plan.rollout.register else ""


def study_type(plan: Plan) -> str:
    """Return what kind of study it is."""
    return (
        f"Interventional, randomised by {getattr(plan.study.assignment, 'unit', '') or 'unit'}: "
        f"{plan.design.title.lower()}. {plan.design.summary} {said.waves(plan.rollout)}."
    )


def begins(plan: Plan) -> str:
    """Return when provision first begins."""
    first = min(int(at) for at in plan.layout.begins if at >= 0)
    return f"Provision first begins in {plan.layout.periods[first]}."


def ends(plan: Plan) -> str:
    """Return the last period, and when its returns are due."""
    last = plan.layout.periods[-1]
    day = monitoring.due(plan.rollout, last)
    return f"The last period is {last}" + (f"; its returns are due on {day}." if day else ".")


def size(plan: Plan) -> str:
    """Return how many units and children there are, and what that can find."""
    if plan.planned is None:
        return ""
    words = next(one.words for one in plan.checks if one.name == "power")
    return (
        f"{counted(plan.units, 'unit')}, {plan.planned.power.children:g} children of a unit in a "
        f"period. {sentence(words)} {sentence(average_words(plan.planned))}"
    )


def first_outcome(plan: Plan) -> str:
    """Return the primary outcome: the one that is named first."""
    found = plan.study.outcomes
    return f"{outcome_words(found[0])}, in every period, by unit" if found else ""


def objective(plan: Plan) -> str:
    """Return the question as an estimand."""
    words = f"{plan.study.question} {said.asked(plan.study)}."
    told = target_words(plan.planned).split(". ") if plan.planned else []
    more = [one for one in told if one.lower() not in words.lower()]
    return f"{words} {sentence('. '.join(more))}" if more else words


def draw(plan: Plan) -> str:
    """Return how the order is drawn, where units are named."""
    if plan.frozen is None:
        return ""
    return (
        f"{said.order(plan.study)}; {said.draw(plan.study, plan.rollout)}. The seed is made of the "
        "commitment to this plan and a public pulse that nobody knows when it is committed to."
    )


def concealment(plan: Plan) -> str:
    """Return why nobody knows the order before it is told."""
    if plan.frozen is None:
        return ""
    return (
        "Plan and register are frozen and their hash is published before the pulse is known, so "
        "that nobody can know the order until then. All units are drawn at once: from the pulse on "
        "anyone can work out every wave, unless a keeper's secret is part of the draw (--keeper); "
        "then each is told only when it is issued."
    )


def allocation(plan: Plan) -> str:
    """Return who makes the draw and tells it."""
    return (
        "The program makes the draw from plan, register and pulse; waves are issued by the ledger, "
        "and anyone can make the draw again (fingerpost rollout verify)."
    )


def returns(plan: Plan) -> str:
    """Return what every unit owes, and when."""
    owed = plan.rollout.collection
    if owed is None:
        return ""
    return (
        f"Every unit returns {listing(owed.columns)} for every period, {owed.due_days} days after "
        "it ends; late and revised returns are kept as versions, and an analysis reads a freeze."
    )


def analysis(plan: Plan) -> str:
    """Return estimators, the primary one, time and the working correlation."""
    study = plan.study
    if not study.estimators or not study.primary:
        return ""
    each = plan.rollout.correlation
    working = f"; working correlation {monitoring.correlation_of(each)}" if each else ""
    return (
        f"Estimators {listing(study.estimators)}; primary {listing(study.primary)}. Units as "
        f"drawn, with an effect of every period{working}. Intervals {100 * study.level:g}%, "
        f"variance by {study.cluster or getattr(study.assignment, 'unit', '') or 'unit'}; "
        f"{said.anticipation(plan.rollout)}."
    )


def missing(plan: Plan) -> str:
    """Return what is done about returns that do not come."""
    return (
        "A unit without a return of an outcome in some period is left out of that outcome's "
        "analysis, and counted; a period in which no unit returned it is left out of all. Nothing "
        "is filled in."
    )


def multiplicity(plan: Plan) -> str:
    """Return how several answers are guarded against; empty where they are not."""
    study = plan.study
    several = len(study.outcomes) > 1 or len(study.estimand.targets) > 1 or len(study.primary) > 1
    if not several:
        one = study.outcomes and study.primary
        return "One outcome, one target, one primary estimator: one test." if one else ""
    if any(each.leaf == "many_comparisons" for each in study.sensitivity):
        return "Holm's adjustment and the false discovery rate over all primary answers."
    return ""


def interim(plan: Plan) -> str:
    """Return the looks on the way; empty where the study does not declare them."""
    if plan.monitored is None or plan.rollout.monitoring is None:
        return ""
    return " ".join(monitoring.words(plan.monitored))


def auditing(plan: Plan) -> str:
    """Return how anyone can check what was done."""
    return (
        "Every event is in a ledger that can only be added to, each entry sealed with the one "
        "before; whoever holds the folder can replay the draw and find any change."
    )


def waits(plan: Plan) -> str:
    """Return who goes without and for how long."""
    return next(one.words for one in plan.checks if one.name == "waiting")


def rehearsed(plan: Plan) -> str:
    """Return what its rehearsal said; empty where there was none."""
    found = next(one for one in plan.checks if one.name == "rehearsal")
    return found.words if found.state == planning.GOOD else ""


def not_begun(plan: Plan) -> str:
    """Return where it stands."""
    return "planned; nothing is drawn"


S, R = "statement.", "rollout.registry."
# Topic, what is asked, who asks (WHO; SPIRIT; CONSORT-SW), the key, the answer.
ROWS: tuple[Row, ...] = (
    (
        "registration",
        "The registry and the number there",
        "1",
        "2a",
        "23",
        statement("registration"),
    ),
    ("registration date", "When it was registered", "2", "", "", never),
    ("other numbers", "Other numbers that it is known by", "3", "", "", registry("numbers")),
    ("funding", "Who pays, in money or in kind", "4", "4", "25", statement("funding")),
    ("sponsor", "Who answers for it", "5", "5b", "", registry("sponsor")),
    ("other sponsors", "Who answers for it besides", "6", "", "", registry("other_sponsors")),
    ("public contact", "Whom anyone may ask", "7", "", "", registry("public_contact")),
    ("scientific contact", "Whom researchers may ask", "8", "", "", registry("scientific_contact")),
    ("public title", "The question in plain words", "9", "", "", lambda plan: plan.study.question),
    (
        *("scientific title", "A title that names the design", "10", "1", "1a"),
        or_else(registry("title"), scientific_title),
    ),
    ("countries", "Where units are", "11", "9", "4b", registry("countries")),
    ("setting", "Where provision is given", "", "9", "4b", registry("setting")),
    ("condition", "The need or problem studied", "12", "", "", registry("condition")),
    ("provision", "What is given, and what without it", "13", "11a", "5", provision),
    (
        *("eligibility", "Which units and children count, and not", "14", "10", "4a"),
        both(registry("eligibility"), register),
    ),
    ("study type", "What kind of study it is", "15", "8", "3a", study_type),
    ("start", "When the first unit begins", "16", "13", "3a", begins),
    ("sample size", "How many, and what that can find", "17", "14", "7a", size),
    ("status", "Where it stands", "18", "", "", not_begun),
    ("primary outcome", "What is measured first, how and when", "19", "12", "6a", first_outcome),
    ("other outcomes", "What is measured besides", "20", "12", "6a", other_outcomes),
    ("ethics", "Which committee looked at it", "21", "24", "26", statement("ethics")),
    ("completion", "When it ends", "22", "13", "", ends),
    ("results", "Summary results", "23", "", "", never),
    (
        "data sharing",
        "Who may use the records after",
        "24",
        "29, 31c",
        "",
        statement("data_sharing"),
    ),
    ("version", "Which version of the plan this is", "", "3", "24", version),
    ("roles", "Who does what", "", "5a, 5c, 5d", "", registry("roles")),
    ("background", "What is known so far", "", "6a", "2a", statement("background")),
    ("why in waves", "Why the order is drawn", "", "6b", "2a", statement("why")),
    ("objective", "What is asked, as an effect", "", "7", "2b", objective),
    (
        *("recruitment", "How units join, and what keeps them", "", "15", ""),
        registry("recruitment"),
    ),
    ("sequence", "How the order is drawn", "", "16a", "8a, 8b", draw),
    ("concealment", "Why nobody knows it before", "", "16b", "9", concealment),
    ("allocation", "Who draws and who tells", "", "16c", "10a", allocation),
    ("blinding", "Who does not know the order, until when", "", "17a", "11a", registry("blinding")),
    ("rehearsal", "Whether it was tried on the past", "", "", "", rehearsed),
    ("returns", "What is collected, when and how", "", "18a, 18b", "6a", returns),
    ("analysis", "How it is answered: time, correlation", "", "20a", "12a", analysis),
    ("further analyses", "What is looked at besides", "", "20b", "12b", further),
    (
        *("missing returns", "What is done about what does not come", "", "20c", "12a"),
        or_else(registry("missing_returns"), missing),
    ),
    (
        *("multiplicity", "How several answers are guarded against", "", "20a", "12a"),
        or_else(registry("multiplicity"), multiplicity),
    ),
    ("oversight", "Who sees results before the end", "", "21a", "", registry("oversight")),
    ("looks", "Looks on the way, and what stops it", "", "21b", "7b", interim),
    ("harms", "How harm is looked for and told", "", "22", "19", registry("harms")),
    ("auditing", "How anyone can check what was done", "", "23", "", auditing),
    ("amendments", "How the plan may change", "", "25", "3b", registry("amendments")),
    ("consent", "Who agrees, and how", "", "26a", "10c", registry("consent")),
    ("confidentiality", "How records are guarded", "", "19, 27", "", registry("confidentiality")),
    ("interests", "Interests of those who do it", "", "28", "", statement("interests")),
    ("waiting", "Who goes without, and for how long", "", "6b", "3a", waits),
    ("dissemination", "Where results will be", "", "31a", "", registry("dissemination")),
    ("code", "Whether the code can be had", "", "31c", "", statement("code_sharing")),
    ("software", "With which program", "", "20a", "12a", software),
    ("limitations", "What it will not tell", "", "", "20", statement("limitations")),
    ("lawfulness", "That nobody waits for what the law owes", "", "", "", registry("lawfulness")),
)
WRITE = {
    **{key: f"{R}{key}" for key in ("sponsor", "countries", "setting", "condition", "eligibility")},
    **{key: f"{R}{key}" for key in ("recruitment", "blinding", "oversight", "harms", "amendments")},
    **{key: f"{R}{key}" for key in ("consent", "confidentiality", "dissemination", "lawfulness")},
    **{key: f"{R}{key.replace(' ', '_')}" for key in ("other sponsors", "public contact")},
    **{key: f"{R}{key.replace(' ', '_')}" for key in ("scientific contact", "missing returns")},
    **{key: f"{S}{key.replace(' ', '_')}" for key in ("funding", "ethics", "data sharing")},
    **{key: f"{S}{key}" for key in ("registration", "background", "interests", "limitations")},
    "other numbers": f"{R}numbers",
    "roles": f"{R}roles",
    "multiplicity": f"{R}multiplicity",
    "why in waves": f"{S}why",
    "code": f"{S}code_sharing",
    "provision": "arms",
    "sample size": "rollout.power",
    "primary outcome": "outcomes",
    "other outcomes": "outcomes",
    "sequence": "rollout.register",
    "concealment": "rollout.register",
    "returns": "rollout.collection",
    "analysis": "estimators, primary",
    "looks": "rollout.monitoring",
    "rehearsal": "--rehearsal FILE",
}


def items(plan: Plan) -> tuple[Item, ...]:
    """Return everything that is asked, in order, answered from the plan or marked open."""
    return tuple(item(row, plan) for row in ROWS)


def item(row: Row, plan: Plan) -> Item:
    """Return one item with its answer."""
    topic, asks, who, spirit, consort, answer = row
    told = answer(plan).strip()
    numbered = (("WHO", who), ("SPIRIT", spirit), ("CONSORT-SW", consort))
    standards = tuple(f"{name} {number}" for name, number in numbered if number)
    state = LATER if answer is never else ANSWERED if told else UNSAID
    return Item(topic, asks, standards, state, as_said(told), WRITE.get(topic, ""))


def items_table(found: tuple[Item, ...]) -> Table:
    """Return the items as a table, a row each."""
    return table_of(
        found,
        title="What a registry and a protocol ask",
        context="asked_by: WHO Trial Registration Data Set 1.3.1, SPIRIT 2013, CONSORT extension "
        "to stepped wedges 2018, by number. later: nobody can know it before the draw.",
    )


def record(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON-ready data: every check, and every item with whether it is answered."""
    found = items(plan)
    study = plan.study
    counts = {state: sum(one.state == state for one in found) for state in STATES}
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "study": {"name": study.name, "question": study.question},
        "design": plan.design.title,
        "units": plan.units,
        "periods": list(plan.layout.periods),
        "checks": planning.checks_table(plan).records(),
        "items_by_state": counts,
        "items": records(found),
        "waiting": planning.waiting_table(plan).records(),
        "calendar": planning.calendar_table(plan).records(),
        "power": None if plan.planned is None else power_tables.record(plan.planned),
        "monitoring": None
        if plan.planned is None or plan.monitored is None
        else monitoring.record(plan.monitored, plan.planned),
        "provenance": {
            "study_digest": study.digest(),
            "register_digest": plan.frozen.plan["register"] if plan.frozen else None,
            "code_version": fingerpost.__version__,
            "code_digest": code_digest(),
            "records": "none read",
        },
    }


def records(found: tuple[Item, ...]) -> list[dict[str, Any]]:
    """Return the items as JSON-ready data."""
    return [
        {
            "item": one.topic,
            "asks": one.asks,
            "standards": list(one.standards),
            "answered": one.state == ANSWERED,
            "state": one.state,
            "answer": one.answer or None,
            "write": one.write or None,
        }
        for one in found
    ]
