"""What the worked examples of the manual should find, and what a reader should see in them."""

from __future__ import annotations

import children
import children_of_trials
import yaml
from _manual_runs import example

NOT_MADE_UP = {
    "naive": """This was a real trial of people in Malawi. Without a payment 34% learned their
result, and even the smallest payment doubled that share (Thornton 2008, American Economic Review
98:1829-1863).""",
}
# No number of ours is in these: what an example finds is printed above them.
READINGS = {
    "incremental": """So the answer is three times the share of children who would then be supported
and are not now; the file `incremental_curve` in `report-tables` holds both.""",
    "dr_learner": """All children gain alike here, and the learner says that it cannot tell who
gains more. The groups of the report differ all the same, as groups always do: by chance.""",
    "iv": """The regression in the same study cannot see severity, and its interval misses the
truth. The instrument's holds it, and is wider: that is its price.""",
    "time_varying": """Nobody can tell at time zero who will keep to which strategy, so each child
counts for both until it departs from one. In this England support that begins by the spring of Year
1 is what acts, and severity, which is not recorded, bears on no absence.""",
    "within": """Siblings share their home; here nothing but need and the draw sets them apart.""",
    "negative_control": """Severity lowers reading before support as well, so the control rightly
finds a difference, and the answer is not to be believed.""",
    "prior_outcome": """Severity lowers reading as much before as after, so the gap would have
stayed as it was: here the assumption of the corrected answer holds.""",
    "calibration": """Severity bears on all the controls. The calibrated answer lies nearer to the
truth, and its wide interval says how little a few controls tell.""",
    "proximal": """Both ratings are severity with errors of their own, which is what the analysis
needs; adjusting for them as covariates takes away only a part of the bias.""",
    "omitted_variable": """Severity works against support here: it hides a part of the effect. An
analysis that asks what could have made an answer does not see that.""",
    "oster": """Adjusting moves the answer towards the truth, and the analysis goes on in that
direction. Severity has nothing to do with what was recorded, so how far to go is a guess.""",
    "e_value": """Nothing hidden made this answer. An E-value says how strong a cause would have to
be, not whether there is one.""",
    "tipping_point": """To undo this answer a cause would have to be more common among supported
children and help them read. Severity is more common among them, and works the other way.""",
    "bias_analysis": """The corrected answer goes towards the truth. Severity is a scale and not a
yes or no, so a correction by a yes-or-no cause takes away only a part of the bias.""",
    "survivor_bounds": """Support here keeps some children from being tested again and brings
none to the test: `lowers` is true, `raises` is not, and the records contradict it.""",
    "unassessed_bounds": """Those not seen again are like those who were, given need: here `alike`
is true, and nobody could know it from the records.""",
    "delta_adjusted": """Those not seen again are like those who were, given what the imputation
holds: the true shift is none.""",
    "rosenbaum": """Nothing hidden bears on maths. A bound says what hidden bias could do, not that
there is any.""",
    "many_comparisons": """Support changes the first two outcomes and cannot have changed the other
two, which are from before it.""",
}


def of_visits() -> str:
    """Return what a visit does to maths: what it does to support, times what support does."""
    found = children.children()
    share = [found["support"][found["visited"] == arm].mean() for arm in (0, 1)]
    gained = 3 * (share[1] - share[0])
    return (
        f"Support raises maths by 3 points, and of visited families' children {100 * share[1]:.0f}"
        f"% were supported, of the others' {100 * share[0]:.0f}%: a visit raises maths by "
        f"{gained:.2f} points."
    )


def truth(name: str) -> str:
    """Return what is true of an example's outcomes, in the made-up world or in a real one."""
    if name in NOT_MADE_UP:
        return NOT_MADE_UP[name]
    study = yaml.safe_load(example(name).read_text(encoding="utf-8"))
    if study["arms"]["column"] == "visited":
        return of_visits()
    columns = [outcome["column"].replace("_again", "") for outcome in study["outcomes"].values()]
    known = {**children.truths(), **children_of_trials.TRUTH}
    return " ".join(known[column] for column in columns if column in known)
