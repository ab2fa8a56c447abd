"""How wrong England's records are known to be, as error rates that bias analysis takes by name.

A rate here is published, or bounded by what is published; where nothing is, the words say that it
is a judgement. Of SEN Support, of EHC plans and of provision received no published error rate was
found, so none is here.
"""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.core.errors import UsageError, listed, nearest


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Sensitivity and specificity of one kind of record, as a study writes them, and their source.

    words: what is recorded wrongly, and how the published figure bounds the rates.
    """

    words: str
    source: str
    sensitivity: object
    specificity: object

    @property
    def block(self) -> dict[str, object]:
        """The two rates under their names."""
        return {"sensitivity": self.sensitivity, "specificity": self.specificity}


def between(low: float, high: float) -> dict[str, tuple[float, float]]:
    """Return a uniform distribution as a study writes it."""
    return {"uniform": (low, high)}


RATES = {
    "slcn_need_type": ErrorRates(
        words=(
            "speech, language and communication needs as the primary type of need: of 29,403 "
            "children so typed in Year 2, 42% still are in Year 6. Were every change an error, a "
            "record would find 42% of such needs; were every change a change of need, all. That "
            "up to one in twenty others is so typed is a judgement"
        ),
        source="Campbell (2023), London School of Economics",
        sensitivity=between(0.42, 1.0),
        specificity=between(0.95, 1.0),
    ),
    "linkage_1990_2005": ErrorRates(
        words=(
            "a condition known from hospital records only, of children linked to them: 92% of "
            "those born in 1990/91 are linked, 98 to 99% of those born in 2004/05; a child that is "
            "not linked has no condition on record. False matches give one to 0.15% or fewer"
        ),
        source="Libuy and others (2021), linkage of education and hospital records; Harron and "
        "others (2016), mothers' and babies' records, for false matches",
        sensitivity=between(0.92, 0.99),
        specificity=between(0.9985, 1.0),
    ),
    "linkage_with_opt_out": ErrorRates(
        words=(
            "a condition known from hospital records only, in the second version of ECHILD: 99.1% "
            "are linked, and 93% once the 5.8% who opted out of the use of health records are "
            "gone. False matches give one to 0.15% or fewer"
        ),
        source="ECHILD user guide, version 2 (2026); Harron and others (2016) for false matches",
        sensitivity=between(0.93, 0.991),
        specificity=between(0.9985, 1.0),
    ),
}


def rates_named(name: object) -> dict[str, object]:
    """Return the two rates of a name. Raises UsageError with the names there are.

    >>> rates_named("linkage_with_opt_out")["sensitivity"]
    {'uniform': (0.93, 0.991)}
    """
    if isinstance(name, str) and name in RATES:
        return RATES[name].block
    near = nearest(name, RATES) if isinstance(name, str) else ""
    raise UsageError(
        f"sensitivity: bias_analysis: misclassified_exposure: rates must be one of "
        f"{listed(RATES)}.{near}"
    )
