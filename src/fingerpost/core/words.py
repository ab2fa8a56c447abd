"""Plain words for lists, counts and targets: said alike by every face."""

from __future__ import annotations

from collections.abc import Iterable

from fingerpost.core.estimand import TARGETS, Contrast, Target

# What limits are called where links are not known and were drawn without a look at the study.
SENSITIVITY_RANGE = "sensitivity range"


def listing(words: Iterable[str]) -> str:
    """Return words as an English list with `and`.

    >>> listing(["age", "sex", "need"])
    'age, sex and need'
    """
    items = list(words)
    return " and ".join((", ".join(items[:-1]), items[-1])) if len(items) > 1 else "".join(items)


def counted(count: int, one: str, *, several: str = "") -> str:
    """Return a count with its noun; `several` where the plural is not formed with an s.

    >>> counted(1, "arm"), counted(34, "arm"), counted(7362, "child", several="children")
    ('1 arm', '34 arms', '7,362 children')
    """
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def article(word: str) -> str:
    """Return a word with its indefinite article.

    >>> article("simple"), article("individual")
    ('a simple', 'an individual')
    """
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"


def sentence(text: str) -> str:
    """Return the text with a capital at its start and one full stop at its end.

    >>> sentence("none was refused")
    'None was refused.'
    """
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def p_words(p: float) -> str:
    """Return a p-value in words; one that is next to nothing is not told to its last digit.

    >>> p_words(2.2e-75), p_words(0.0312)
    ('p < 0.0001', 'p = 0.0312')
    """
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}"


def exposure_words(exposure: float) -> str:
    """Return so many periods since provision began.

    >>> exposure_words(0), exposure_words(1), exposure_words(-2)
    ('in the period in which provision began', '1 period after', '2 periods before')
    """
    if exposure == 0:
        return "in the period in which provision began"
    return f"{counted(int(abs(exposure)), 'period')} {'after' if exposure > 0 else 'before'}"


def target_words(target: Target, contrast: Contrast) -> str:
    """Return whom an effect is for.

    >>> target_words(Target("att", trim=0.01), (("services", 1.0), ("none", -1.0)))
    'children who received services, of those whose every arm has a probability of 0.01 or more'
    """
    words = TARGETS[target.kind]
    arms = [arm for arm, _ in contrast]
    ends = {"att": arms[0], "atu": arms[-1]} if arms else {}
    received = target.arm if target.kind == "received" else ends.get(target.kind)
    if received is not None:
        words = f"children who received {received}"
    if target.delta is not None:
        words = f"{words} by {target.delta:g}"
    if target.trim is None:
        return words
    among = "children" if target.kind == "ate" else f"{words}, of those"
    return f"{among} whose every arm has a probability of {target.trim:g} or more"
