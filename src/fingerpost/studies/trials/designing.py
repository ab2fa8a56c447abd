"""The design of a trial in words: who is offered what, how it is drawn, who goes without, and what
the families are owed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, floor, log10
from typing import Any

from fingerpost.core.assignment import Randomised
from fingerpost.core.errors import UsageError
from fingerpost.core.leaves import Design, Estimator, Procedure, load
from fingerpost.core.study import Study
from fingerpost.core.trial import Stage, Trial, TrialArm
from fingerpost.core.words import counted, listing

SCHEMA_VERSION, KIND = "1", "design of a trial"
OPEN = "open"
OFFERS = {
    "none": "no provision",
    "usual": "what would be given anyway",
    "added": "more than would be given anyway, or another mode of it",
}
# What a trial with children owes those who take part: topic, key of trial.registry, what is asked.
OWED = (
    ("Equipoise", "equipoise", "that nobody knows which arm is better, and who doubts it"),
    ("Lawfulness", "lawfulness", "why nobody goes without what the law owes, and who confirmed it"),
    ("Consent", "consent", "who agrees, and how"),
    ("Assent", "assent", "how children themselves are told and asked, and may stop"),
    ("Families' part", "families", "what families and children decided about the trial"),
    ("Harms", "harms", "how harm is looked for and told"),
    ("Stopping", "stopping", "when the trial stops early, or stops for a child"),
    ("Oversight", "oversight", "who sees results before the end"),
)
PLANS = {
    "excluded": "Children for whom an EHC plan specifies the provision do not take part.",
    "kept": "Children with an EHC plan take part, and what it specifies is given in every arm.",
    "": "Nothing is said of children for whom an EHC plan specifies the provision (trial.plans).",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One part of a design. topic: what it is of; words: sentences; key: what would answer it,
    where it is open.
    """

    topic: str
    words: tuple[str, ...]
    key: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Designed:
    """A design in words. chances: (arm, chance); possible: how many allocations there are, as a
    power of ten, None where that is not counted.
    """

    study: Study
    design: Design
    parts: tuple[Said, ...]
    chances: tuple[tuple[str, float], ...]
    possible: float | None

    @property
    def open(self) -> tuple[Said, ...]:
        """What is not answered."""
        return tuple(part for part in self.parts if part.key)


def trial_of(study: Study) -> Trial:
    """Return the trial of a study. Raises UsageError where it has none."""
    if study.trial is None:
        raise UsageError(
            f"{study.name}: this study is of no trial. It needs `trial:` with arms, and "
            "assignment: {randomised: {design: …, unit: …}}; see examples/trials."
        )
    return study.trial


def randomised_of(study: Study) -> Randomised:
    """Return how a study draws. Raises UsageError where it does not."""
    if not isinstance(study.assignment, Randomised):
        raise UsageError(f"{study.name}: nothing is drawn. Write assignment: {{randomised: …}}.")
    return study.assignment


def design_of(study: Study) -> Design:
    """Return the design by which a study draws."""
    return load("designs", randomised_of(study).design, kind=Design)


def procedure_of(study: Study) -> Procedure:
    """Return how a study allocates. Raises UsageError where its design is of roll-outs alone."""
    found = design_of(study).procedure
    if found is None:
        raise UsageError(
            f'"{randomised_of(study).design}" is a design of roll-outs. Write rollout: in place of '
            "trial:."
        )
    return found


def analysis_of(study: Study) -> str:
    """Return the estimator that a study's design names."""
    return procedure_of(study).analysis or design_of(study).analysis


def designed(study: Study) -> Designed:
    """Return the design of a study in words.

    Raises UsageError where the study is of no trial, or names no arms.
    """
    trial, drawn, design = trial_of(study), randomised_of(study), design_of(study)
    if not trial.arms:
        raise UsageError(f"{study.name}: trial.arms is missing. Name what each arm is offered.")
    total = sum(arm.share for arm in trial.arms)
    parts = (
        Said("Design", (f"{design.title}. {design.summary}", f"From {design.reference}.")),
        Said("Arms", tuple(arm_words(arm, total) for arm in trial.arms)),
        Said("Drawn", drawn_words(study, trial)),
        *stage_parts(trial),
        Said("Chances", chance_words(trial)),
        possible_part(study, trial),
        Said("Goes without", without_words(study, design)),
        plan_part(trial),
        Said("Analysis", analysis_words(study)),
        power_part(study),
        Said("Takes for granted", tuple(f"{one.name}: {one.words}" for one in design.assumes)),
        *(owed_part(trial, *row) for row in OWED),
    )
    return Designed(
        study,
        design,
        parts,
        tuple((arm.name, arm.share / total) for arm in trial.arms),
        power_of_ten(drawn.design, trial),
    )


def arm_words(arm: TrialArm, total: int) -> str:
    """Return one arm in words.

    >>> arm_words(TrialArm("nursery", 1, "standard nursery care", "usual"), 3)
    'nursery (1 of 3): standard nursery care; what would be given anyway.'
    """
    gets = arm.gets or "what it gets is not said (gets)"
    levels = f" ({listing(f'{name} {level}' for name, level in arm.levels)})" if arm.levels else ""
    return f"{arm.name} ({arm.share} of {total}): {gets}{levels}; {OFFERS[arm.offer]}."


def drawn_words(study: Study, trial: Trial) -> tuple[str, ...]:
    """Return what is drawn, within what, and from what."""
    drawn, procedure = randomised_of(study), procedure_of(study)
    unit = drawn.unit or "child"
    many = f"{trial.size:,} of them" if trial.size else "how many is not said (trial.size)"
    within = f", within strata of {listing(drawn.strata)}" if drawn.strata else ""
    said = [f"Unit by unit: each is one {unit}{within}; {many}."]
    if procedure.draw is not None:
        held = trial.register.table if trial.register else "a register (trial.register)"
        said = [f"All at once, from {held}: each unit is one {unit}{within}."]
        if trial.draw.balance:
            said.append(
                f"Of the draws that are possible, the {100 * trial.draw.accept:g}% best balanced "
                f"on {listing(trial.draw.balance)} are kept, and one of them is taken at random."
            )
    if trial.blocks:
        lengths = listing(str(length) for length in trial.blocks)
        said.append(f"Blocks of {lengths}, the length of each drawn too.")
    if trial.known:
        named = listing(f"{one.name} ({', '.join(one.levels)})" for one in trial.known)
        said.append(f"Known when a unit is allocated: {named}.")
    if trial.washout:
        said.append(f"Between the two periods: {trial.washout}.")
    if trial.minimise is not None:
        said.append(
            f"The arm that would leave arms most alike has the chance {trial.minimise.likely:g}."
        )
    if trial.consent:
        said.append(f"Nobody is allocated before it is confirmed: {listing(trial.consent)}.")
    if trial.roll is not None:
        said.append(
            f"No {unit} is allocated before its list of children is frozen ({trial.roll.table})."
        )
    return tuple(said)


def stage_parts(trial: Trial) -> tuple[Said, ...]:
    """Return each later stage."""
    return tuple(Said(f"Then: {stage.name}", stage_words(stage)) for stage in trial.stages)


def stage_words(stage: Stage) -> tuple[str, ...]:
    """Return one later stage in words."""
    total = sum(arm.share for arm in stage.arms)
    among = listing(f"{name} is {value}" for name, value in stage.among)
    whom = f"Drawn among those of whom {among}." if among else "Drawn among all."
    return (whom, *(arm_words(arm, total) for arm in stage.arms))


def chance_words(trial: Trial) -> tuple[str, ...]:
    """Return each unit's chance of each arm."""
    total = sum(arm.share for arm in trial.arms)
    told = [f"{arm.name} {arm.share / total:.1%}" for arm in trial.arms]
    moves = [words for arm in trial.arms for words in there_words(arm)]
    if moves:
        among = "Each unit's chances are the shares of the arms that are there when it comes"
        return (f"{among}: of all arms together {listing(told)}.", *moves)
    return (
        f"Before the first is allocated, each unit's chances are {listing(told)}"
        + (", but for what balance asks of single units." if trial.draw.balance else "."),
    )


def there_words(arm: TrialArm) -> list[str]:
    """Return when an arm is there, where it is not from first to last."""
    found = [f"{arm.name} enters after {arm.opens:,} units."] if arm.opens else []
    return found + ([f"{arm.name} takes no more after {arm.closes:,} units."] if arm.closes else [])


def possible_part(study: Study, trial: Trial) -> Said:
    """Return how many allocations there are, from which one is drawn."""
    held = power_of_ten(randomised_of(study).design, trial)
    if held is None and trial.size is not None:
        words = "Not counted: they hang on which units come when, or to which cluster."
        return Said("Possible", (words,))
    if held is None:
        return Said(
            "Possible", ("Not counted before the size of the trial is said.",), "trial.size"
        )
    if held < 9:
        return Said("Possible", (f"{round(10**held):,} allocations are possible.",))
    return Said("Possible", (f"At least 10^{floor(held)} allocations are possible.",))


def power_of_ten(design: str, trial: Trial) -> float | None:
    """Return the least number of allocations that there can be, as a power of ten; None unsaid.

    >>> two = (TrialArm("a"), TrialArm("b"))
    >>> round(10 ** power_of_ten("cluster", Trial(two, size=16)))
    12870
    """
    if trial.size is None:
        return None
    procedure = load("designs", design, kind=Design).procedure
    shares = [arm.share for arm in trial.arms]
    if procedure is not None and procedure.draw is not None:
        if trial.match:
            return trial.size // 2 * log10(2)
        return log10(orders(trial.size, shares))
    if procedure is not None and (procedure.period or procedure.within):
        return None  # arms come and go, or children of a cluster are counted by its size
    if not trial.blocks:
        return trial.size * log10(len(shares))
    short = min(trial.blocks)
    return (trial.size // short) * log10(orders(short, shares))


def orders(units: int, shares: list[int]) -> int:
    """Return in how many ways units can be parted by shares, odd ones going to the first arms.

    >>> orders(4, [1, 1]), orders(16, [1, 1])
    (6, 12870)
    """
    total, left, found = sum(shares), units, 1
    sizes = [units * share // total for share in shares]
    for at in range(units - sum(sizes)):
        sizes[at] += 1
    for size in sizes:
        found *= comb(left, size)
        left -= size
    return found


def without_words(study: Study, design: Design) -> tuple[str, ...]:
    """Return who goes without what, and for how long."""
    said = study.follow_up
    until = getattr(said, "words", "") or (said if isinstance(said, str) else "")
    lasts = f"Children are followed {until}." if until else "How long is not said (follow_up)."
    return (design.denies, lasts)


def plan_part(trial: Trial) -> Said:
    """Return what is done about children for whom an EHC plan specifies the provision."""
    words = (
        PLANS[trial.plans],
        "What a plan specifies is a duty (Children and Families Act 2014, section 42; check).",
    )
    return Said("EHC plans", words, "" if trial.plans else "trial.plans")


def analysis_words(study: Study) -> tuple[str, ...]:
    """Return what the design's results are answered by, and what the study asks."""
    name = analysis_of(study)
    asked = study.estimators
    every = "every unit in the arm into which it was drawn."
    if "compliers" in load("estimators", name, kind=Estimator).targets:
        every = "what was drawn is the instrument of what was taken up."
    said = [f"The design names {name}; {every}"]
    if "compliers" in load("estimators", name, kind=Estimator).targets and not study.taken_up:
        said.append(
            f"For {name} write a study whose arms are what was taken up, arms: {{column: …, "
            f"levels: …}} with names of their own, with {{{name}: {{instrument: drawn}}}}, and "
            "analyse it with its ledger (--draw). Any other compares those drawn into the arms: "
            "the effect of the offer."
        )
    if asked:
        said.append(f"The study asks {listing(asked)}.")
        if study.arms.then is not None:
            said.append(f"{name} is of one stage; of regimes, over both, these are.")
        elif name not in asked:
            said.append(f"{name} is not among them: name it, or say why not.")
    if study.cluster and study.cluster != "child":
        said.append(f"Errors are taken by {study.cluster}.")
    return tuple(said)


def power_part(study: Study) -> Said:
    """Return what the trial can find, in brief."""
    if study.trial is None or study.trial.power is None:
        return Said("Can find", ("Open: what has to be found.",), "trial.power")
    from fingerpost.studies.trials.power import plan_trial_power

    found = plan_trial_power(study)
    one = found.headline
    words = f"The smallest effect found with power {found.asked.power:.0%}: {one.mdes:.3g}"
    if one.power_t is not None and found.effect is not None:
        chance = "> 99.9%" if one.power_t > 0.999 else f"{one.power_t:.0%}"
        words += f"; power for what has to be found ({found.effect:g}): {chance}"
    return Said("Can find", (f"{words}. `fingerpost trial power` draws the curves.",))


def owed_part(trial: Trial, topic: str, key: str, asks: str) -> Said:
    """Return what a study says of one thing that is owed to those who take part, or that it does
    not.
    """
    told = dict(trial.registry).get(key, "")
    if told:
        return Said(topic, (told,))
    return Said(topic, (f"Open: {asks}.",), f"trial.registry.{key}")


def record(found: Designed) -> dict[str, Any]:
    """Return a design as JSON holds it."""
    drawn = randomised_of(found.study)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "study": found.study.name,
        "study_digest": found.study.digest(),
        "design": drawn.design,
        "unit": drawn.unit,
        "strata": list(drawn.strata),
        "chances": dict(found.chances),
        "possible_log10": found.possible,
        "analysis": analysis_of(found.study),
        "denies": found.design.denies,
        "parts": [
            {"topic": part.topic, "words": list(part.words), "open": part.key}
            for part in found.parts
        ],
        "open": [part.key for part in found.open],
    }


def summary_words(found: Designed) -> str:
    """Return how much of what is asked is answered."""
    many = len(found.open)
    return "Everything is answered." if not many else f"{counted(many, 'part')} open."
