"""What guidance on protocols and on reports of trials asks before a trial begins, answered from its
study or marked open.

Items are named by their numbers in SPIRIT 2013 (its update of 2025 numbers them otherwise) and in
the CONSORT extension to cluster trials of 2012, where clusters are drawn; what each asks is said in
our own words.
"""

from __future__ import annotations

from collections.abc import Callable

from fingerpost.core.leaves import Estimator, load
from fingerpost.core.protocol import outcome_words
from fingerpost.core.table import Table
from fingerpost.core.words import listing, sentence
from fingerpost.studies.asked_items import (
    ANSWERED,
    LATER,
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
from fingerpost.studies.trials.designing import Designed, randomised_of, trial_of

Answer = Callable[[Designed], str]
Row = tuple[str, str, str, str, str, Answer]  # topic, asks, SPIRIT, CONSORT-cluster, key, answer
ALONE = ("", "child")


def part(topic: str) -> Answer:
    """Return how an item is answered by a part of the design in words; empty where that is open."""

    def answer(found: Designed) -> str:
        own = [one for one in found.parts if one.topic == topic and not one.key]
        return " ".join(words for one in own for words in one.words)

    return answer


def registry(key: str) -> Answer:
    """Return how an item is answered by what the study says for a registry."""
    return lambda found: dict(trial_of(found.study).registry).get(key, "")


def title(found: Designed) -> str:
    """Return a title that names the design."""
    unit = randomised_of(found.study).unit or "child"
    return f"{found.study.question} A trial, randomised by {unit}: {found.design.title.lower()}."


def objective(found: Designed) -> str:
    """Return the question as an effect on whom."""
    asked = found.study.estimand
    pairs = [" v ".join(arm for arm, _ in each) for each in asked.contrasts]
    targets = listing(target.label() for target in asked.targets)
    return f"{found.study.question} {listing(pairs)}, as a {asked.scale}, for {targets}"


def first_outcome(found: Designed) -> str:
    """Return the primary outcome: the one that is named first."""
    named = found.study.outcomes
    return outcome_words(named[0]) if named else ""


def subgroups(found: Designed) -> str:
    """Return the subgroups that are named before results are seen."""
    named = found.study.estimand.subgroups
    if not named:
        return "none named beforehand"
    return (
        f"{listing(named)}: each answered by itself, a test whether they differ, and each drawn "
        "towards the others (partial pooling)"
    )


def analysis(found: Designed) -> str:
    """Return estimators, the primary one, covariates and the level of variance."""
    study = found.study
    if not study.estimators:
        return ""
    known = [load("estimators", leaf, kind=Estimator) for leaf in study.estimators]
    named = zip(study.estimators, known, strict=True)
    each = listing(f"{leaf} ({one.title})" for leaf, one in named)
    primary = listing(study.primary) if study.primary else "all that claim an effect"
    given = f"; covariates {listing(study.given)}" if study.given else "; no covariates"
    by = study.cluster or "child"
    arms = (
        "What was drawn is the instrument of what was taken up"
        if study.taken_up
        else "Every unit in the arm into which it was drawn"
    )
    level = f"{100 * study.level:g}%"
    return (
        f"Estimators {each}; primary {primary}{given}. {arms}. Intervals {level}, variance by {by}."
    )


def missing(found: Designed) -> str:
    """Return what is done about outcomes that are not seen."""
    study = found.study
    if study.imputation is not None:
        return "missing values are imputed, and answers pooled over the copies"
    return (
        "a child without an outcome is left out of that outcome's analysis, and counted by arm; a "
        f"missing covariate: {study.missing}"
    )


def multiplicity(found: Designed) -> str:
    """Return how several answers are guarded against; empty where they are not."""
    study = found.study
    if any(each.leaf == "many_comparisons" for each in study.sensitivity):
        return "Holm's adjustment and the false discovery rate over all primary answers"
    if len(study.outcomes) == len(study.estimand.targets) == len(study.primary) == 1:
        return "one outcome, one target, one primary estimator: one test"
    return registry("multiplicity")(found)


def concealment(found: Designed) -> str:
    """Return why nobody knows the next allocation."""
    trial = trial_of(found.study)
    if trial.register is not None:
        source = trial.draw.pulse.source
        return (
            f"All units are drawn at once, by a number that nobody can know before ({source}), and "
            "from a plan that is committed to before it is out (fingerpost trial randomise); until "
            "then no arm is known to anybody, and anyone can make the draw again without a key"
        )
    return (
        "The next allocation is made from a secret that is kept apart from the trial's records, "
        "and told only once the unit is in the ledger (fingerpost trial randomise); anyone can "
        "check it afterwards (fingerpost trial verify)"
    )


def clusters(found: Designed) -> str:
    """Return what is drawn, and how children of a cluster are found; of children: that they are."""
    trial, unit = trial_of(found.study), randomised_of(found.study).unit or ""
    if unit in ALONE:
        return "children are drawn one by one: no clusters"
    if trial.roll is None:
        return ""
    return (
        f"each {unit} is drawn whole; its children are listed and frozen in {trial.roll.table} "
        "before it is allocated, and those who come later are told apart"
    )


S, R = "statement.", "trial.registry."
ROWS: tuple[Row, ...] = (
    ("title", "A title that names the design", "1", "1a", "", title),
    (
        *("registration", "Registry and number", "2a", "23"),
        f"{S}registration", statement("registration"),
    ),
    ("version", "Which version this is", "3", "24", "", version),
    ("funding", "Who pays", "4", "25", f"{S}funding", statement("funding")),
    ("sponsor", "Who answers for it", "5b", "", f"{R}sponsor", registry("sponsor")),
    ("roles", "Who does what", "5a, 5c, 5d", "", f"{R}roles", registry("roles")),
    ("background", "What is known so far", "6a", "2a", f"{S}background", statement("background")),
    (
        *("equipoise", "Why nobody knows which is better", "6b", "2a"),
        f"{R}equipoise", part("Equipoise"),
    ),
    ("objective", "What is asked, as an effect", "7", "2b", "", objective),
    ("design", "What kind of trial it is", "8", "3a", "", part("Design")),
    ("setting", "Where provision is given", "9", "4b", f"{R}setting", registry("setting")),
    (
        *("eligibility", "Who takes part, and who not", "10", "4a"),
        f"{R}eligibility", registry("eligibility"),
    ),
    (
        *("clusters", "What is drawn, and who its children are", "10", "4a, 10b"),
        "trial.roll", clusters,
    ),
    ("arms", "What each arm is given", "11a", "5", "", part("Arms")),
    (
        *("stopping", "When it stops for a child, or early", "11b, 21b", "7b"),
        f"{R}stopping", part("Stopping"),
    ),
    ("primary outcome", "What is measured first, and how", "12", "6a", "outcomes", first_outcome),
    ("other outcomes", "What is measured besides", "12", "6a", "outcomes", other_outcomes),
    ("without", "Who goes without, and for how long", "6b", "5", "", part("Goes without")),
    ("plans", "Children with an EHC plan", "10", "4a", "trial.plans", part("EHC plans")),
    (
        *("sample size", "How many, and what that can find", "14", "7a"),
        "trial.power", part("Can find"),
    ),
    ("recruitment", "How units join", "15", "", f"{R}recruitment", registry("recruitment")),
    ("sequence", "How it is drawn", "16a", "8a, 8b", "", part("Drawn")),
    ("chances", "Each unit's chances", "16a", "8b", "", part("Chances")),
    ("concealment", "Why nobody knows the next", "16b, 16c", "9, 10a", "", concealment),
    ("blinding", "Who does not know the arm", "17a", "11a", f"{R}blinding", registry("blinding")),
    ("analysis", "How it is answered", "20a", "12a", "estimators, primary", analysis),
    ("subgroups", "Which groups are looked at", "20b", "12b", "estimand.subgroups", subgroups),
    ("further analyses", "What is looked at besides", "20b", "12b", "", further),
    ("missing", "Outcomes that are not seen", "20c", "12a", "", missing),
    ("multiplicity", "Several answers at once", "20a", "12a", f"{R}multiplicity", multiplicity),
    ("oversight", "Who sees results before the end", "21a", "", f"{R}oversight", part("Oversight")),
    ("harms", "How harm is looked for and told", "22", "19", f"{R}harms", part("Harms")),
    ("ethics", "Which committee looked at it", "24", "", f"{S}ethics", statement("ethics")),
    (
        *("amendments", "How the protocol may change", "25", "3b"),
        f"{R}amendments", registry("amendments"),
    ),
    ("consent", "Who agrees, and how", "26a", "10c", f"{R}consent", part("Consent")),
    ("assent", "How children are told and asked", "26a", "10c", f"{R}assent", part("Assent")),
    ("families", "What families decided about it", "", "", f"{R}families", part("Families' part")),
    (
        *("confidentiality", "How records are guarded", "27", ""),
        f"{R}confidentiality", registry("confidentiality"),
    ),
    (
        *("interests", "Interests of those who do it", "28", ""),
        f"{S}interests", statement("interests"),
    ),
    (
        *("data sharing", "Who may use the records after", "29, 31c", ""),
        f"{S}data_sharing", statement("data_sharing"),
    ),
    (
        *("dissemination", "Where results will be", "31a", ""),
        f"{R}dissemination", registry("dissemination"),
    ),
    (
        *("code", "Whether the code can be had", "31c", ""),
        f"{S}code_sharing", statement("code_sharing"),
    ),
    ("software", "With which program", "20a", "12a", "", software),
    ("limitations", "What it will not tell", "", "20", f"{S}limitations", statement("limitations")),
    (
        *("lawfulness", "That nobody goes without what the law owes", "", ""),
        f"{R}lawfulness", part("Lawfulness"),
    ),
    ("flow", "Who was asked, drawn, seen and analysed", "", "13a, 13b, 14a", "", never),
    ("baseline", "What the arms were like at the start", "", "15", "", never),
    ("results", "Estimates with their intervals", "", "17a", "", never),
)  # fmt: skip


def items(found: Designed) -> tuple[Item, ...]:
    """Return everything that is asked, in order, answered from the study or marked open."""
    return tuple(item(row, found) for row in ROWS)


def item(row: Row, found: Designed) -> Item:
    """Return one item with its answer."""
    topic, asks, spirit, consort, write, answer = row
    told = answer(found).strip()
    second = "CONSORT-cluster"
    if (randomised_of(found.study).unit or "") in ALONE:
        second, consort = "CONSORT", of_children(consort)
    numbered = (("SPIRIT", spirit), (second, consort))
    standards = tuple(f"{name} {number}" for name, number in numbered if number)
    state = LATER if answer is never else ANSWERED if told else UNSAID
    return Item(topic, asks, standards, state, sentence(told) if told else "", write)


def of_children(consort: str) -> str:
    """Return numbers of the extension to cluster trials as CONSORT 2010 has them, which has one
    item 10, of who draws, and asks nothing of how children of clusters are found or agree.

    >>> of_children("9, 10a"), of_children("4a, 10b"), of_children("10c")
    ('9, 10', '4a', '')
    """
    own = [number for number in consort.split(", ") if number not in ("10b", "10c")]
    return ", ".join("10" if number == "10a" else number for number in own)


def items_table(found: tuple[Item, ...]) -> Table:
    """Return the items as a table, a row each."""
    return table_of(
        found,
        title="What guidance asks of a protocol",
        context="asked_by: SPIRIT 2013, and CONSORT (of clusters: its extension of 2012), by "
        "number. later: nobody can know it before the trial.",
    )
