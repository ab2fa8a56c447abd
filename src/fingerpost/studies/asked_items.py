"""What guidance on protocols asks of a plan, item by item, and how a study answers it.

Shared by roll-outs and trials: what an item is, the answers that are read from the study alone, and
the table of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import fingerpost
from fingerpost.core.protocol import outcome_words
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.words import listing

ANSWERED, UNSAID, LATER = STATES = ("answered", "open", "later")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is asked. standards: who asks it, with its number there. state: `answered`,
    `open` or `later` (nobody can know it before the draw). write: the key that answers it.
    """

    topic: str
    asks: str
    standards: tuple[str, ...]
    state: str
    answer: str
    write: str


class OfStudy(Protocol):
    """A plan or a design, which has a study."""

    @property
    def study(self) -> Study:
        """The study."""
        ...


def statement(key: str) -> Callable[[OfStudy], str]:
    """Return how an item is answered by the authors' statement."""
    return lambda plan: getattr(plan.study.statement, key) or ""


def never(plan: OfStudy) -> str:
    """Return nothing: what nobody can know before the draw."""
    del plan
    return ""


def version(plan: OfStudy) -> str:
    """Return which document this is."""
    return f"study {plan.study.name}, digest {plan.study.digest()}"


def other_outcomes(plan: OfStudy) -> str:
    """Return the outcomes after the first."""
    found = plan.study.outcomes
    return ("; ".join(outcome_words(one) for one in found[1:]) or "none") if found else ""


def further(plan: OfStudy) -> str:
    """Return the analyses besides."""
    found = [each.leaf for each in plan.study.sensitivity]
    return f"sensitivity analyses: {listing(found)}" if found else "none besides the estimators"


def software(plan: OfStudy) -> str:
    """Return the program that draws and analyses."""
    del plan
    return f"fingerpost {fingerpost.__version__}"


def items_table(found: tuple[Item, ...], *, title: str, context: str) -> Table:
    """Return the items as a table, a row each."""
    return Table(
        "items",
        title,
        ("item", "asks", "asked_by", "state", "answer", "write"),
        ("label",) * 6,
        tuple(
            (one.topic, one.asks, "; ".join(one.standards), one.state, one.answer, one.write)
            for one in found
        ),
        context=context,
    )
