"""How leaves read their options: true or false, numbers, words, columns; all faults at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from fingerpost.core.errors import UsageError, listed, nearest
from fingerpost.core.study import Study


def written(value: object) -> str:
    """Return a value as the study has it, for a fault: a list or a mapping by what it is.

    >>> [written(value) for value in (True, "yes", 1, (), (1, 2), None, (("a", 1),))]
    ['true', '"yes"', '1', 'an empty list', 'a list', 'nothing', 'a mapping']
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        pairs = [isinstance(one, tuple) and len(one) == 2 for one in value]
        keyed = all(pairs) and all(isinstance(one[0], str) for one in value)
        return "an empty list" if not value else "a mapping" if keyed else "a list"
    return str(value)


def is_number(value: object) -> bool:
    """Return whether a value is a finite number, and not true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(slots=True)
class Options:
    """Reads the options of one leaf and keeps their faults; `finish` raises them together.

    A faulty option reads as its default. said: what the study wrote under the leaf's name.
    """

    leaf: str
    said: Mapping[str, object]
    problems: list[str] = field(default_factory=list)

    def has(self, option: str) -> bool:
        """Return whether the study says anything of an option."""
        return option in self.said

    def blame(self, words: str) -> None:
        """Note a fault, in words that begin with the option."""
        self.problems.append(f"estimators: {self.leaf}: {words}")

    def wrong(self, option: str, words: str, *, more: str = "") -> None:
        """Note that an option takes something else than what was found."""
        found = written(self.said.get(option))
        self.blame(f"{option} takes {words}; {found} was found.{more}")

    def flag(self, option: str, otherwise: bool = False) -> bool:
        """Return an option that is true or false, `otherwise` unless given."""
        value = self.said.get(option, otherwise)
        if isinstance(value, bool):
            return value
        self.wrong(option, "true or false")
        return otherwise

    def whole(self, option: str, otherwise: int, *, least: int, most: int | None = None) -> int:
        """Return a whole number from `least` to `most`, `otherwise` unless given."""
        value = self.said.get(option, otherwise)
        good = isinstance(value, int) and not isinstance(value, bool)
        if good and least <= int(str(value)) and (most is None or int(str(value)) <= most):
            return int(str(value))
        bound = f"of {least} or more" if most is None else f"from {least} to {most}"
        self.wrong(option, f"a whole number {bound}")
        return otherwise

    def number(
        self,
        option: str,
        words: str = "a number",
        *,
        allowed: Callable[[float], bool] = lambda value: True,
    ) -> float | None:
        """Return a finite number that is allowed, None unless given; words: what is allowed."""
        if option not in self.said:
            return None
        value = self.said[option]
        if is_number(value) and allowed(float(str(value))):
            return float(str(value))
        self.wrong(option, words)
        return None

    def numbers(
        self, option: str, words: str, *, allowed: Callable[[float], bool]
    ) -> tuple[float, ...]:
        """Return one number or more, as a tuple that is empty unless given."""
        if option not in self.said:
            return ()
        value = self.said[option]
        items = value if isinstance(value, tuple | list) else (value,)
        bad = [one for one in items if not (is_number(one) and allowed(float(str(one))))]
        if items and not bad:
            return tuple(float(str(one)) for one in items)
        whole = written(value)
        found = written(bad[0]) if bad and whole == "a list" else whole
        self.blame(f"{option} takes {words}; {found} was found.")
        return ()

    def word(self, option: str, allowed: tuple[str, ...]) -> str:
        """Return one of the allowed words, the first unless given."""
        value = self.said.get(option, allowed[0])
        if isinstance(value, str) and value in allowed:
            return value
        self.wrong(option, listed(allowed), more=nearest(str(value), allowed))
        return allowed[0]

    def names(self, option: str, *, one: bool = False) -> tuple[str, ...]:
        """Return the column, or columns, that an option names; a list of one is that one."""
        if option not in self.said:
            return ()
        value = self.said[option]
        items = value if isinstance(value, tuple | list) else (value,)
        words = "one column of the records" if one else "a column of the records, or a list of them"
        names = tuple(name for name in items if isinstance(name, str) and name)
        if names and len(names) == len(items) and (not one or len(names) == 1):
            return names
        self.wrong(option, words)
        return ()

    def level(self, option: str, levels: Iterable[str]) -> str | None:
        """Return a level of clusters that an option names, None unless given."""
        if option not in self.said:
            return None
        known, value = tuple(levels), self.said[option]
        if isinstance(value, str) and value in known:
            return value
        there = f" There are: {listed(known)}." if known else " The records name none."
        more = f"{nearest(str(value), known)}{there}"
        self.wrong(option, "a level of records: {clusters: …}, such as school", more=more)
        return None

    def finish(self) -> None:
        """Raise UsageError with every fault kept, each once."""
        if self.problems:
            raise UsageError(dict.fromkeys(self.problems))


def levels_of(study: Study) -> tuple[str, ...] | None:
    """Return the levels of clusters that a study names, None where only the records tell."""
    if study.linked is not None:
        return None
    named = tuple(level for level, _ in study.records.clusters)
    own = (study.cluster,) if study.cluster is not None and study.cluster not in named else ()
    return (*named, *own)
