"""What a study asks of linked records, as data: who, the strategies, time zero, follow-up."""

from __future__ import annotations

from dataclasses import dataclass

# Levels of recorded provision, lowest first; a special school or alternative provision is its own.
LEVELS = ("none", "support", "ehcp", "special")
LEVEL_WORDS = {
    "none": "no recorded provision (N or blank)",
    "support": "SEN Support (A, P or K)",
    "ehcp": "EHCP or statement (S or E)",
    "special": "special school or alternative provision",
}
DOSES = {
    "minutes_a_week": "planned minutes a week",
    "planned_weeks": "planned weeks",
    "delivered_share": "share of the offered sessions attended",
}
TERMS = ("autumn", "spring", "summer")
PRIMARY = range(1, 7)


@dataclass(frozen=True, slots=True)
class Dose:
    """A condition on how much was planned or delivered by time zero.

    measure: a key of `DOSES`. test: at_least, at_most, below or above. value: in its unit.
    """

    measure: str
    test: str
    value: float

    def words(self) -> str:
        """Return the condition in words.

        >>> Dose("minutes_a_week", "at_least", 60).words()
        'planned minutes a week at least 60'
        """
        return f"{DOSES[self.measure]} {self.test.replace('_', ' ')} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Strategy:
    """What the children of one arm had by time zero, as records show it.

    levels: the recorded levels that count, of `LEVELS`. within, after: terms from first concern to
    first provision, at most and at least. dose: on what was planned or delivered by time zero.
    through: the school year through which the levels are kept up, where they are, from time zero;
    begins: the school year from which, as the study says it; grace: terms after time zero within
    which they may still begin.
    """

    words: str
    levels: tuple[str, ...]
    within: int | None = None
    after: int | None = None
    dose: tuple[Dose, ...] = ()
    through: int | None = None
    begins: int | None = None
    grace: int = 0

    @property
    def timed(self) -> bool:
        """Whether the strategy says when provision begins."""
        return self.within is not None or self.after is not None


@dataclass(frozen=True, slots=True)
class TimeZero:
    """When follow-up begins: the census of a term of a school year (Year 1 is 1).

    last: the year of the last trial, where a new trial begins each school year; None for one trial.
    """

    year: int = 1
    census: str = "spring"
    last: int | None = None

    @property
    def repeated(self) -> bool:
        """Whether a new trial begins each school year."""
        return self.last is not None

    @property
    def years(self) -> tuple[int, ...]:
        """The school years of the trials, in order."""
        return tuple(range(self.year, (self.year if self.last is None else self.last) + 1))

    def words(self) -> str:
        """Return time zero in words.

        >>> TimeZero().words()
        'the spring census of Year 1'
        >>> TimeZero(1, "spring", 4).words()
        'the spring census of each year from Year 1 to Year 4'
        """
        if self.last is None or self.last == self.year:
            return f"the {self.census} census of Year {self.year}"
        return f"the {self.census} census of each year from Year {self.year} to Year {self.last}"


@dataclass(frozen=True, slots=True)
class Linked:
    """A study of linked records.

    phenotype: the group by health condition, empty for every child; code_list: a list of the
    reader's own in its place; groups: those of its groups that are studied, empty for all; options:
    what the study tells its leaf. born: first and last month of birth (YYYY-MM), None for any.
    school: `state-funded` (any school of the census) or `mainstream`. concern: whether only
    children with a concern raised by time zero are studied. strategies: arm → what it means.
    until: the school year at whose end follow-up ends. new_users: whether children provided for in
    an earlier school year than that of time zero are left out, as they always are where trials
    repeat.
    """

    phenotype: str = ""
    code_list: str = ""
    groups: tuple[str, ...] = ()
    options: tuple[tuple[str, object], ...] = ()
    born: tuple[str, str] | None = None
    school: str = "state-funded"
    concern: bool = False
    new_users: bool = False
    strategies: tuple[tuple[str, Strategy], ...] = ()
    zero: TimeZero = TimeZero()
    until: int = 6

    @property
    def only_new(self) -> bool:
        """Whether children provided for in an earlier school year are not studied."""
        return self.new_users or self.zero.repeated

    @property
    def through(self) -> int | None:
        """The school year through which strategies are sustained; None where they are not."""
        kept = [one.through for _, one in self.strategies if one.through is not None]
        return max(kept) if kept else None

    def strategy(self, arm: str) -> Strategy:
        """Return what an arm means."""
        return dict(self.strategies)[arm]
