"""Spines of people: the best links, or links drawn anew, by identifiers alone or given a study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from fingerpost.core.seeds import stream
from fingerpost.linkage import conditional
from fingerpost.linkage.assignment import Draw, Ways
from fingerpost.linkage.given import Given
from fingerpost.linkage.pairing import Paired, covers
from fingerpost.linkage.scoring import Floats, Ints, Scored, probability

if TYPE_CHECKING:
    import pyarrow as pa

# The step of a link that a probability made.
BY_CHANCE = "probability"


@dataclass(frozen=True, eq=False, slots=True)
class Names:
    """Identifiers of people by number, as Arrow arrays. They stand in spines and nowhere else."""

    hospital: Any
    education: Any

    def table(
        self,
        pairs: tuple[Ints, Ints],
        *,
        weight: Floats | None = None,
        chance: Floats | None = None,
        steps: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return pairs of people, hospital's and education's by number, as a spine."""
        import pyarrow as pa

        size = len(pairs[0])
        none = pa.nulls(size, pa.float64())
        return pa.table(
            {
                "hospital_id": self.hospital.take(pa.array(pairs[0])),
                "child_id": self.education.take(pa.array(pairs[1])),
                "weight": none if weight is None else pa.array(weight),
                "probability": none if chance is None else pa.array(chance),
                "step": pa.repeat(BY_CHANCE, size)
                if steps is None
                else pa.array(steps, pa.string()),
            }
        )


def best(names: Names, paired: Paired) -> pa.Table:
    """Return the best links as a spine."""
    found, at = paired.scored, paired.best
    return names.table(found.pairs(at), weight=found.weights()[at], chance=paired.chance[at])


def drawn(names: Names, paired: Paired, draw: Draw) -> pa.Table:
    """Return links that were drawn as a spine."""
    weight = draw.weights[draw.at]
    return names.table(paired.scored.pairs(draw.at), weight=weight, chance=probability(weight))


def stand_ins(names: Names, paired: Paired) -> Iterator[pa.Table]:
    """Yield spines that between them link every hospital record with some child it may be."""
    for at in covers(paired):
        yield names.table(paired.scored.pairs(at))


def by_identifiers(found: Scored, ways: Ways, seed: int) -> Iterator[Draw]:
    """Yield spines without end, given identifiers alone, each by a model drawn anew."""
    # How many are linked is drawn by turns with the links, as in `conditional`.
    linked = found.linked
    for number in count(1):
        rng = stream("linkage", f"spine {number}", seed=seed)
        weights = found.weights(found.redrawn(rng, linked))
        at = ways.drawn(weights, rng)
        linked = len(at)
        yield Draw(at, weights)


def by_study(names: Names, paired: Paired, given: Given, seed: int) -> Iterator[Draw]:
    """Return spines without end, given what a study asks of both sides (see `conditional`)."""
    facts, design = conditional.facts_of(
        paired.scored,
        given.hospital.ordered(names.hospital.to_pylist()),
        given.school.ordered(names.education.to_pylist()),
        given.arms,
    )
    rng = stream("linkage", "given", seed=seed)
    return conditional.spines(paired.scored, paired.ways, facts, design, rng)
