"""Working models as typed terms: never a formula string, so nothing is ever evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Factor:
    """One function of one covariate.

    kind is `plain` (the value, or one indicator per level but the first), `power` (value to
    `degree`), `spline` (natural cubic with `knots` knots at quantiles) or `equals` (indicator that
    the value equals `value`).
    """

    name: str
    kind: str = "plain"
    degree: int = 1
    knots: int = 4
    value: float = 0.0

    def words(self) -> str:
        """Return the factor as a reader writes it."""
        if self.kind == "power":
            return f"{self.name}^{self.degree}"
        if self.kind == "spline":
            return f"spline({self.name}, {self.knots} knots)"
        if self.kind == "equals":
            return f"{self.name} = {self.value:g}"
        return self.name


@dataclass(frozen=True, slots=True)
class ModelTerm:
    """A product of factors; a main effect has one.

    >>> ModelTerm((Factor("educ"), Factor("re74"))).words()
    'educ × re74'
    """

    factors: tuple[Factor, ...]

    def words(self) -> str:
        """Return the term as a reader writes it."""
        return " × ".join(factor.words() for factor in self.factors)

    @property
    def names(self) -> tuple[str, ...]:
        """The covariates that the term uses."""
        return tuple(factor.name for factor in self.factors)


@dataclass(frozen=True, slots=True)
class Models:
    """The working models of a study; `None` means every covariate of `given`, linear.

    by_arm: one outcome model per arm; otherwise one pooled model with the arm's indicators and
    the products of arm with each name in `interactions`. firth: fit the exposure model by Firth's
    penalised likelihood (1993), which is finite under separation, and a pooled model of a binary
    outcome where it would not settle otherwise. censoring: terms of the model of who was seen to
    the end, within arms; None: there is no such model, and children whose outcome was not seen are
    left out.
    """

    exposure: tuple[ModelTerm, ...] | None = None
    outcome: tuple[ModelTerm, ...] | None = None
    by_arm: bool = True
    interactions: tuple[str, ...] = ()
    firth: bool = False
    censoring: tuple[ModelTerm, ...] | None = None

    def declared(self) -> Iterator[tuple[str, tuple[ModelTerm, ...]]]:
        """Yield (model, terms) of every model whose terms are declared."""
        for name in ("exposure", "outcome", "censoring"):
            terms: tuple[ModelTerm, ...] | None = getattr(self, name)
            if terms is not None:
                yield name, terms


def linear(names: tuple[str, ...]) -> tuple[ModelTerm, ...]:
    """Return one plain term per covariate."""
    return tuple(ModelTerm((Factor(name),)) for name in names)


def without(terms: tuple[ModelTerm, ...], names: tuple[str, ...]) -> tuple[ModelTerm, ...]:
    """Return the terms that use none of the names."""
    gone = set(names)
    return tuple(term for term in terms if not gone & set(term.names))
