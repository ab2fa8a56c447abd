"""Errors as data: what was found, what is allowed, the mend; one class a kind of reader action."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class FingerpostError(Exception):
    """A fault a person can mend. `problems` holds every fault found, not only the first."""

    exit_code = 1

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        super().__init__("\n".join(self.problems))


class Malformed(FingerpostError):
    """A file (study document or records) that breaks its own rules; all faults at once."""


class Nobody(Malformed):
    """A study of which nobody in the records is left, or nobody's follow-up is whole."""


class Unanswerable(FingerpostError):
    """A leaf finds, on these records, that it has no answer; it is refused for that leaf alone."""


class TooFew(Unanswerable):
    """Too few children, clusters or distinct values for what was asked."""


class NotFitted(FingerpostError):
    """A working model that cannot be fitted to these records (separation, collinearity)."""


class MissingExtra(FingerpostError):
    """An optional package that is not installed; the message names the extra that brings it."""


def installing(extra: str) -> str:
    """Return how an extra is installed.

    >>> installing("spark")
    "pip install 'fingerpost[spark]' (in a checkout: pip install '.[spark]')"
    """
    return f"pip install 'fingerpost[{extra}]' (in a checkout: pip install '.[{extra}]')"


class UsageError(FingerpostError):
    """Something was asked that cannot be answered as asked."""

    exit_code = 2


class UnknownLeaf(UsageError):
    """A name that no leaf of the room bears."""


class NotAnswerable(UsageError):
    """A leaf was asked for a target, scale or number of arms that it does not declare."""


class Undisclosable(FingerpostError):
    """Nothing may leave the room under the policy asked for."""

    exit_code = 3


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return ' Did you mean …?' with the nearest allowed word, or an empty string.

    >>> nearest("aiwp", ["aipw", "ipw"])
    ' Did you mean "aipw"?'
    >>> nearest("zebra", ["aipw", "ipw"])
    ''
    """
    match = get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f' Did you mean "{match[0]}"?' if match else ""


def listed(words: Iterable[str]) -> str:
    """Return words as an English list.

    >>> listed(["ate", "att", "atu"])
    'ate, att or atu'
    """
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} or {items[-1]}"
