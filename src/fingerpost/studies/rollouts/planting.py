"""Effects that a rehearsal plants, and what they are of every term that is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.estimand import Term
from fingerpost.kernels.staggered import blocks, cell_weights, exposed, since, untouched
from fingerpost.studies.rollouts.laying import Laid

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Planting:
    """An effect that is planted. early: periods before provision in which it is there already;
    grows: whether it comes in equal steps, the last of them whole.
    """

    name: str
    words: str
    size: float = 1.0
    early: int = 0
    grows: bool = False

    def effects(self, ages: Whole, ever: NDArray[np.bool_], size: float) -> Floats:
        """Return the effect of every cell; ages: periods since provision began; ever: whether it
        does; size: of the whole effect.
        """
        here = ever & (ages >= -self.early)
        longest = float(ages[ever].max(initial=0)) + 1
        share = (ages + 1.0) / longest if self.grows else 1.0
        return np.where(here, self.size * size * share, 0.0)


PLANTINGS = (
    Planting("none", "nothing happens", size=0.0),
    Planting("constant", "the effect is the same from the first period on"),
    Planting("growing", "the effect grows by equal steps to its whole in the last", grows=True),
    Planting("early", "the effect is there already one period before", early=1),
)


@dataclass(frozen=True, eq=False, slots=True)
class Truths:
    """What planted effects are of every term asked, over cells that can be compared: told once for
    all leaves. size: of the whole effect.
    """

    laid: Laid
    terms: tuple[Term, ...]
    anticipation: int
    size: float
    known: dict[tuple[str, int], Mapping[Term, float]] = field(default_factory=dict)

    def of(self, planting: Planting, draw: int) -> Mapping[Term, float]:
        """Return term → truth of a draw, NaN where none of its cells can be compared."""
        at = planting.name, draw
        if at not in self.known:
            self.known[at] = self._worked_out(planting, draw)
        return self.known[at]

    def _worked_out(self, planting: Planting, draw: int) -> Mapping[Term, float]:
        begins, counts = np.unique(self.laid.adopted(draw), return_counts=True)
        periods = len(self.laid.panel.periods)
        ages = since(begins, periods)
        ever = np.broadcast_to((begins >= 0)[:, None], ages.shape)
        effect = planting.effects(ages, ever, self.size)
        free = untouched(begins, periods, anticipation=self.anticipation).any(axis=0)
        usable = exposed(begins, periods) & free
        found = {}
        for term in self.terms:
            asked = None if term.exposure_time is None else int(term.exposure_time)
            parts = blocks(term.target.kind, usable, begins=begins, exposure=asked)
            weights = None if parts is None else cell_weights(parts, counts)
            found[term] = np.nan if weights is None else float(np.sum(weights * effect))
        return found
