"""What is true of a trial that was run on synthetic England, beside what its analysis found.

Opened only after the finding exists: all who could have taken part are given each arm in turn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fingerpost.core.estimand import Term
    from fingerpost.core.output import Output
    from fingerpost.studies.trials.on_england import Country
    from fingerpost.studies.trials.running import Ran

SUBGROUP = "no truth is worked out among a subgroup of those who could take part"
COEFFICIENT = "a target of one estimator's own"
MISSING = "nobody's outcome is there in both arms"


def with_trial_truth(output: Output, ran: Ran) -> Output:
    """Return the output of a trial with the truth of each term, or why there is none.

    It is the contrast of means of all children of the England who could have taken part, each with
    the luck it had, were all of them in one arm and then in the other.
    """
    import numpy as np

    from fingerpost.cli._truth import terms
    from fingerpost.studies.trials.on_england import Country, columns_of, enacted

    whom = ran.whom
    each = tuple(enacted(whom, np.full(len(whom.table), at)) for at in range(len(whom.trial.arms)))
    country = Country(whom, columns_of(whom), each)
    found: list[tuple[Term, float]] = []
    untold: dict[str, list[str]] = {}
    for term in terms(output):
        value, why = truth_of(country, term)
        if value is None:
            untold.setdefault(why, []).append(term.outcome)
        else:
            found.append((term, value))
    reasons = tuple((", ".join(dict.fromkeys(names)), why) for why, names in untold.items())
    return replace(output, truth=tuple(found), untold=reasons)


def truth_of(country: Country, term: Term) -> tuple[float | None, str]:
    """Return the truth of one term, or why there is none."""
    import numpy as np

    if term.subgroup is not None:
        return None, SUBGROUP
    if term.target.kind != "ate" or [weight for _, weight in term.contrast] != [1.0, -1.0]:
        return None, COEFFICIENT
    spec = next(one for one in country.whom.on_columns.outcomes if one.name == term.outcome)
    means = []
    for arm, _ in term.contrast:
        own = country.under[[one.name for one in country.whom.trial.arms].index(arm)]
        value = own[spec.column].to_numpy()
        time = np.ones(len(value)) if spec.exposure is None else own[spec.exposure].to_numpy()
        seen = np.isfinite(value) & np.isfinite(time)
        if not seen.any():
            return None, MISSING
        means.append(float(value[seen].sum() / time[seen].sum()))
    return (means[0] / means[1] if term.scale == "ratio" else means[0] - means[1]), ""
