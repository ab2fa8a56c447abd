"""What a leaf says of itself to readers: words of its descriptor that travel with a finding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Described:
    """A leaf in words, as its descriptor has them.

    room: `estimators` or `sensitivity`. short: what a sentence calls it. adjusts: whether it takes
    covariates into account. alike_within: the level of clusters within which alone it compares
    children; empty where it compares across them. said: (option, sentence with `{value}`) of
    options that say what an answer rests on.
    """

    room: str
    name: str
    title: str = ""
    short: str = ""
    adjusts: bool = True
    alike_within: str = ""
    said: tuple[tuple[str, str], ...] = ()
