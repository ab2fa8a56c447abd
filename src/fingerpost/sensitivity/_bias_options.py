"""How the options of the bias analysis are read: for all outcomes alike, or for each its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fingerpost.core.errors import UsageError, listed, nearest
from fingerpost.sensitivity._bias import FORMS, Distribution, distribution, keys_of
from fingerpost.sensitivity._error_rates import rates_named
from fingerpost.sensitivity._options import Reads, mapping, number
from fingerpost.sensitivity._task import Asked

BIASES = ("unmeasured", "misclassified_exposure", "selection")
BY_OUTCOME = ("without_outcome", "with_outcome")
WRONG = ("sensitivity", "specificity")
CAUSE = ("prevalence", "effect")
LEAF = "bias_analysis"
NOTHING = Distribution("certain", (0.0,))  # stands where a fault was found; never drawn from
Pair = tuple[Distribution, ...]
Block = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Settings:
    """The options for one outcome, checked; empty where a bias is not supposed.

    biases: those that the study supposes of some outcome. prevalence: by arm. sensitivity,
    specificity: one, or two by outcome (without, with). selected: by arm, two by outcome.
    """

    draws: int
    biases: tuple[str, ...] = ()
    prevalence: dict[str, Distribution] = field(default_factory=dict)
    effect: Distribution | None = None
    sensitivity: Pair = ()
    specificity: Pair = ()
    selected: dict[str, Pair] = field(default_factory=dict)

    @property
    def by_outcome(self) -> bool:
        """Whether wrong records differ by outcome."""
        return max(len(self.sensitivity), len(self.specificity)) > 1

    def supposes(self, bias: str) -> bool:
        """Return whether a bias is supposed of this outcome."""
        told: dict[str, object] = {
            "unmeasured": self.effect,
            "misclassified_exposure": self.sensitivity,
        }
        return bool(told.get(bias, self.selected))


def read(asked: Asked) -> dict[str, Settings]:
    """Return the options by outcome, checked; UsageError with all their faults."""
    given, reads = asked.options, Reads()
    biases = tuple(name for name in BIASES if name in given)
    if not biases:
        raise UsageError(
            f"sensitivity: {LEAF} needs one or more of {listed(BIASES)}: which bias, and how large."
        )
    draws = reads.take(lambda: draws_of(given.get("draws", 5000)), 5000)
    reads.take(lambda: one_unit(asked), None)
    own = {
        bias: Own(asked, given[bias], bias, known=known_in(bias, asked), reads=reads)
        for bias in biases
    }
    found = {}
    for outcome in asked.outcomes:
        cause = own["unmeasured"].of(outcome) if "unmeasured" in own else None
        wrong = (
            own["misclassified_exposure"].of(outcome) if "misclassified_exposure" in own else None
        )
        chosen = own["selection"].of(outcome) if "selection" in own else None
        shares, effect = cause_of(cause, outcome, asked=asked, reads=reads)
        pairs = wrong_of(wrong, outcome, asked=asked, reads=reads)
        selected = {} if chosen is None else selection_of(chosen, asked=asked, reads=reads)
        found[outcome] = Settings(draws, biases, shares, effect, *pairs, selected)
    reads.finish()
    return found


def known_in(bias: str, asked: Asked) -> tuple[str, ...]:
    """Return the keys that a block has of its own, so that they are no outcomes."""
    return {"unmeasured": CAUSE, "misclassified_exposure": WRONG}.get(bias, asked.arms)


class Own:
    """An option that is the same for all outcomes, or written for each: {outcome: …, outcome: …}.

    known: keys that mean something else. A fault is kept in `reads`.
    """

    def __init__(
        self, asked: Asked, value: object, where: str, *, known: Iterable[str], reads: Reads
    ) -> None:
        block = mapping(value) or {}
        named = [name for name in block if name in asked.outcomes and name not in set(known)]
        self._value, self._by = value, block if named else None
        for name in block if named else ():
            if name not in asked.outcomes:
                reads.problems.append(
                    f'sensitivity: {LEAF}: {where}: "{name}" is not an outcome of this study.'
                    f"{nearest(name, asked.outcomes)} The outcomes are: {listed(asked.outcomes)}."
                )

    @property
    def each(self) -> bool:
        """Whether it is written for each outcome."""
        return self._by is not None

    def of(self, outcome: str) -> object | None:
        """Return what is said of an outcome; None where nothing is."""
        return self._value if self._by is None else self._by.get(outcome)


def one_unit(asked: Asked) -> None:
    """Raise UsageError where one difference is to be the effect on several outcomes."""
    names = asked.outcomes
    if "unmeasured" not in asked.options or len(names) < 2:
        return
    if set(asked.scales.values()) == {"ratio"}:
        return
    quiet = Reads()
    whole = Own(asked, asked.options["unmeasured"], "unmeasured", known=CAUSE, reads=quiet)
    block = mapping(whole.of(names[0])) or {}
    if whole.each or "effect" not in block:
        return
    if not Own(asked, block["effect"], "unmeasured: effect", known=FORMS, reads=quiet).each:
        said = ", ".join(f"{name}: …" for name in names)
        raise UsageError(
            f"sensitivity: {LEAF}: unmeasured: effect is one difference for several outcomes "
            f"({', '.join(names)}), each in a unit of its own. Name the outcome: effect: "
            f"{{{said}}}; one that is left out is not corrected."
        )


def draws_of(value: object) -> int:
    """Return the option `draws`."""
    found = number(
        value,
        f"{LEAF}: draws",
        allowed=lambda v: v == int(v) and 100 <= v <= 1_000_000,
        words="a whole number between 100 and 1,000,000",
    )
    return int(found)


def cause_of(
    value: object | None, outcome: str, *, asked: Asked, reads: Reads
) -> tuple[dict[str, Distribution], Distribution | None]:
    """Return the block `unmeasured`: shares by arm, and the effect; neither where it says nothing
    of the outcome.
    """
    if value is None:
        return {}, None
    block: Block = reads.take(lambda: keys_of(value, "unmeasured", needed=CAUSE), {})
    if not block:
        return {}, None
    inner = Own(asked, block["prevalence"], "unmeasured: prevalence", known=asked.arms, reads=reads)
    strength = Own(asked, block["effect"], "unmeasured: effect", known=FORMS, reads=reads)
    said, size = inner.of(outcome), strength.of(outcome)
    if said is None or size is None:
        return {}, None
    shares = mapping(said) or {}
    if len(shares) < 2 or (asked.arms and not set(shares) <= set(asked.arms)):
        menu = f" The arms are: {listed(asked.arms)}." if asked.arms else ""
        reads.problems.append(
            f"sensitivity: {LEAF}: unmeasured: prevalence must give the share of the cause in two "
            f"arms or more.{menu}"
        )
        shares = {}
    found = {
        arm: one(share, f"unmeasured: prevalence: {arm}", reads=reads)
        for arm, share in shares.items()
    }
    return found, one(size, "unmeasured: effect", reads=reads)


def wrong_of(
    value: object | None, outcome: str, *, asked: Asked, reads: Reads
) -> tuple[Pair, Pair]:
    """Return the block `misclassified_exposure`: sensitivity and specificity; empty where it says
    nothing of the outcome.
    """
    if value is None:
        return (), ()
    written = mapping(value) or {}
    block: Block = {}
    if set(written) == {"rates"}:
        block = reads.take(lambda: rates_named(written["rates"]), {})
    else:
        block = reads.take(lambda: keys_of(value, "misclassified_exposure", needed=WRONG), {})
    found: list[Pair] = []
    for name in WRONG if block else ():
        where = f"misclassified_exposure: {name}"
        said = Own(asked, block[name], where, known=(*FORMS, *BY_OUTCOME), reads=reads).of(outcome)
        found.append(() if said is None else one_or_both(said, where, reads=reads))
    if len(found) < len(WRONG) or not all(found):
        return (), ()
    return found[0], found[1]


def selection_of(value: object, *, asked: Asked, reads: Reads) -> dict[str, Pair]:
    """Return the block `selection`: probabilities by arm and outcome."""
    block, arms = mapping(value) or {}, asked.arms
    if len(block) < 2 or (arms and not set(block) <= set(arms)):
        menu = f" The arms are: {listed(arms)}." if arms else ""
        reads.problems.append(
            f"sensitivity: {LEAF}: selection must give probabilities in two arms or more, such as "
            f"{{{arms[0] if arms else 'support'}: {{with_outcome: 0.8, without_outcome: 0.9}}, …}}."
            f"{menu}"
        )
        return {}
    return {arm: both(own, f"selection: {arm}", reads=reads) for arm, own in block.items()}


def one(value: object, where: str, *, reads: Reads) -> Distribution:
    """Return one distribution."""
    return reads.take(lambda: distribution(value, where), NOTHING)


def one_or_both(value: object, where: str, *, reads: Reads) -> Pair:
    """Return one distribution, or two by outcome."""
    by_outcome = mapping(value)
    if by_outcome is not None and set(by_outcome) & set(BY_OUTCOME):
        return both(value, where, reads=reads)
    return (one(value, where, reads=reads),)


def both(value: object, where: str, *, reads: Reads) -> Pair:
    """Return two distributions by outcome: without, with."""
    block: Block = reads.take(lambda: keys_of(value, where, needed=BY_OUTCOME), {})
    return tuple(one(block[name], f"{where}: {name}", reads=reads) for name in BY_OUTCOME if block)
