"""What a table tells, as data: a report treats it alike whichever leaf drew it up."""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.core.errors import FingerpostError, listed

# The parts that a table can play in a report, each with the columns without which it plays none.
# What a table tells besides is shown with it.
ROLES: dict[str, tuple[str, ...]] = {
    # Of estimators.
    "curve of time": ("target", "arm", "time", "at_risk", "risk", "se"),
    "cut-off points": ("side", "running", "mean"),
    "cut-off lines": ("side", "running", "fitted"),
    "cut-off received": ("jump",),
    "cut-off density": ("p", "jumps"),
    "cut-off placebo": ("covariate", "jumps"),
    "odds curve": ("contrast", "delta", "provided", "change", "lo", "hi"),
    "instrument strength": ("instrument", "effective_f", "critical", "weak"),
    "instruments agree": ("p",),
    "matches": ("matched", "without_match"),
    "clusters that compare": ("level", "clusters hold", "children"),
    "trends before": ("contrast", "p_small_sample", "p_shuffled"),
    "moved before": ("contrast", "periods before", "estimate", "p"),
    "drift allowed": ("contrast", "target", "times", "lo", "hi"),
    "who benefits": ("contrast", "target", "measure", "estimate", "lo", "hi", "verdict"),
    "benefit calibration": ("contrast", "target", "slope", "lo", "hi"),
    "benefit groups": ("contrast", "target", "group", "estimate", "lo", "hi"),
    "targeting curve": ("contrast", "target", "offered first", "gain", "lo", "hi"),
    "benefit by covariate": ("contrast", "target", "covariate", "estimate", "lo", "hi", "p"),
    "looked at": (
        *("estimator", "contrast", "target", "look", "looks", "statistic", "bound", "crossed"),
        *("estimate", "lo", "hi", "p", "repeated_lo", "repeated_hi"),
    ),
    "rule of whom": ("contrast", "target", "questions", "subgroup", "offer"),
    "worth of a rule": ("contrast", "target", "questions", "against", "gain", "lo", "hi"),
    # Of sensitivity analyses.
    "control": ("estimator", "target", "estimate", "lo", "hi"),
    "control before": ("estimator", "target", "estimate", "lo", "hi"),
    "less the gap before": ("estimator", "after", "corrected", "lo", "hi"),
    "calibrated": ("estimator", "outcome", "estimate", "lo", "hi", "calibrated"),
    "calibrating controls": ("estimator", "contrast", "target", "control", "estimate", "se"),
    "corrected for bias": ("estimator", "outcome", "biases", "estimate", "median", "lo", "hi"),
    "by proxies": ("contrast", "estimate", "lo", "hi", "without"),
    "strength of proxies": ("outcome proxy", "verdict"),
    "standing together": ("estimator", "answers", "stand"),
    "robustness": ("outcome", "contrast", "rv"),
    "benchmarks": ("covariate", "times", "r2_exposure", "r2_outcome"),
    "strength contour": ("r2_exposure", "r2_outcome", "adjusted"),
    "risk ratios": ("estimator", "outcome", "contrast", "target", "e_value", "e_value_limit"),
    "tipping": ("estimator", "outcome", "tipped", "value", "to", "away", "verdict"),
    "tipping contour": ("gap", "effect", "adjusted"),
    "hidden bias borne": ("estimator", "contrast", "gamma"),
    "hidden bias": ("estimator", "contrast", "target", "gamma", "p"),
    "selection": ("outcome", "contrast", "r_max", "delta", "adjusted", "delta_for_null"),
    "selection grid": ("r_max", "delta", "adjusted"),
    "survivor bounds": ("outcome", "contrast", "target", "assumes", "lower", "upper", "verdict"),
    "unassessed bounds": ("outcome", "contrast", "target", "assumes", "lower", "upper", "verdict"),
    "unreturned bounds": ("outcome", "contrast", "target", "assumes", "lower", "upper", "verdict"),
    "lost by wave": ("provision began", "units", "left out", "p"),
    "shifts": ("outcome", "contrast", "target", "value", "lo", "hi"),
    "shifts that matter": ("outcome", "shifted", "conclusion_changes_at", "looked_to"),
}


@dataclass(frozen=True, slots=True)
class Tells:
    """What a table tells, as data.

    role: the part it plays in a report (a sentence of the first page, a picture), one of ROLES;
    empty where it is shown as it stands. keys: columns of numbers that say what a row is of, as a
    label does: without them its other numbers mean nothing. answers: columns that hold answers as
    the study asks, ratios among them; logs: on the scale of the estimates, logarithms where answers
    are ratios; outcomes: in the unit in which the outcome is recorded, whatever the scale of the
    answers. units: (column, unit) of columns whose unit is their own. Raises FingerpostError for a
    role that nobody knows.

    >>> Tells("hidden bias", keys=("gamma",)).needs[-1]
    'p'
    """

    role: str = ""
    keys: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    units: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a role that no report knows."""
        if self.role and self.role not in ROLES:
            raise FingerpostError(
                f'a table declares the role "{self.role}"; it is one of {listed(sorted(ROLES))}.'
            )

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns without which the table plays no part."""
        return ROLES.get(self.role, ())
