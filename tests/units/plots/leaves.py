"""Tables as estimators and sensitivity analyses give them, small and by hand: the numbers drawn are
known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.plots.bounds import draw_bounds
from fingerpost.plots.controls import draw_controls
from fingerpost.plots.delta import draw_delta
from fingerpost.plots.discontinuity import draw_discontinuity
from fingerpost.plots.forest import COLUMNS, KINDS, draw_forest
from fingerpost.plots.incremental import draw_incremental
from fingerpost.plots.picture import Picture
from fingerpost.plots.selection import draw_selection
from fingerpost.plots.survival import draw_survival
from fingerpost.plots.targeting import draw_targeting
from fingerpost.plots.tipping import draw_tipping

LONG = "standardised_mathematics_score_at_the_end_of_kindergarten"
OUTCOME = (("outcome", "maths"),)
# The parts that tables of these names play, as the leaves that draw them up say.
PARTS = {
    "survival_curve": "curve of time",
    "rdd_bins": "cut-off points",
    "rdd_lines": "cut-off lines",
    "rdd_density": "cut-off density",
    "rdd_placebo": "cut-off placebo",
    "incremental_curve": "odds curve",
    "first_stage": "instrument strength",
    "overidentification": "instruments agree",
    "matches": "matches",
    "within_clusters": "clusters that compare",
    "tipping": "tipping",
    "tipping_contour": "tipping contour",
    "calibration": "calibrated",
    "calibration_controls": "calibrating controls",
    "bias_analysis": "corrected for bias",
    "proximal": "by proxies",
    "many_together": "standing together",
    "rosenbaum": "hidden bias",
    "rosenbaum_gamma": "hidden bias borne",
    "oster": "selection",
    "oster_grid": "selection grid",
    "delta_grid": "shifts",
    "delta_tipping": "shifts that matter",
    "survivor_bounds": "survivor bounds",
    "unassessed_bounds": "unassessed bounds",
    "negative_control": "control",
    "prior_outcome": "control before",
}


def table(name: str, columns: str, rows: tuple[tuple[object, ...], ...], **more: object) -> Table:
    """A table whose words are labels and whose numbers are numbers."""
    names = tuple(columns.split())
    kinds = tuple("label" if isinstance(cell, str) else "number" for cell in rows[0])
    told = {"tags": OUTCOME, "tells": Tells(PARTS.get(name, "")), **more}
    return Table(name, name, names, kinds, rows, **told)  # type: ignore[arg-type]


def survival_curve(arms: tuple[str, ...] = ("support", "none"), se: float | None = 0.01) -> Table:
    rows = tuple(
        ("survival", "ate", arm, float(time), 100 - time, 0.02 * time / (1 + at), se)
        for at, arm in enumerate(arms)
        for time in range(1, 13)
    )
    return table("survival_curve", "estimator target arm time at_risk risk se", rows)


def rdd_bins() -> Table:
    below = tuple(("below", 70.0 + at, 60.0 + 0.3 * at, 1.0, 50) for at in range(15))
    above = tuple(("at or above", 85.5 + at, 58.0 + 0.3 * at, 0.0, 50) for at in range(15))
    return table("rdd_bins", "side running mean second_arm children", (*below, *above))


def rdd_lines() -> Table:
    rows = (
        ("below", 85.0, 64.2),
        ("below", 77.0, 61.8),
        ("at or above", 85.0, 59.6),
        ("at or above", 93.0, 62.2),
    )
    return table("rdd_lines", "side running fitted", rows)


def targeting(times: float = 1.0) -> Picture | None:
    return draw_targeting(
        targeting_curve(), contrast="support v none", target="ate", unit="points", times=times
    )


def incremental_curve(scale: str = "difference") -> Table:
    null = 1.0 if scale == "ratio" else 0.0
    rows = tuple(
        (
            "support v none",
            scale,
            delta,
            share,
            null + step,
            0.1,
            null + step - 0.2,
            null + step + 0.2,
        )
        for delta, share, step in (
            (0.25, 0.1, -0.4),
            (0.5, 0.29, -0.2),
            (1.0, 0.44, 0.0),
            (2.0, 0.6, 0.25),
            (4.0, 0.74, 0.5),
        )
    )
    return table("incremental_curve", "contrast scale delta provided change se lo hi", rows)


def targeting_curve() -> Table:
    shares = (0.1, 0.4, 0.7, 1.0)
    gains = (3.1, 1.9, 0.8, 0.0)
    rows = tuple(
        ("support v none", "ate", share, gain, gain - 2 * (1 - share), gain + 2 * (1 - share))
        for share, gain in zip(shares, gains, strict=True)
    )
    found = table("benefit_toc", "contrast target offered_first gain lo hi", rows)
    return replace(found, columns=("contrast", "target", "offered first", "gain", "lo", "hi"))


def forest() -> Table:
    rows = (
        ("All", "aipw", None, 3.0, 2.5, 3.5, "primary", ""),
        ("girl", "girl = 0", None, 3.2, 2.5, 3.9, "other", ""),
        ("girl", "girl = 1", None, 2.8, 2.0, 3.6, "other", ""),
        (LONG, f"{LONG} = 1", None, 1.1, None, None, "other", ""),
    )
    tags = (("outcome", "maths"), ("leaf", "aipw"), ("scale", "difference"))
    return Table("subgroups", "Maths by subgroup", COLUMNS, KINDS, rows, tags=tags)


def calibration_controls() -> Table:
    rows = tuple(
        ("aipw", "support v none", "ate", name, value, 0.04)
        for name, value in (("height_before", -0.22), (LONG, -0.18), ("vision", -0.13))
    )
    return table("calibration_controls", "estimator contrast target control estimate se", rows)


def rosenbaum() -> Table:
    rows = tuple(
        ("matching", "support v none", "matched", gamma, p, 1.0, 4.0)
        for gamma, p in ((1.0, 1e-18), (1.5, 3e-4), (2.0, 0.2), (3.0, 1.0))
    )
    return table("rosenbaum", "estimator contrast target gamma p effect_low effect_high", rows)


def tipping_contour(value: float = 1.5, *, ratio: bool = False) -> Table:
    """What is left of a difference is value − gap × effect; of a ratio, value / effect^gap."""
    sign = -1.0 if value < (1.0 if ratio else 0.0) else 1.0
    steps = [at / 20 for at in range(21)]
    effects = [2.5 ** (sign * s) if ratio else sign * 4 * s for s in steps]
    rows = tuple(
        (gap, effect, value / effect**gap if ratio else value - gap * effect)
        for gap in steps
        for effect in effects
    )
    return table("tipping_contour", "gap effect adjusted", rows)


def oster_grid() -> Table:
    rows = tuple(
        (0.3 + 0.07 * r, 0.2 * d, None if (r, d) == (10, 10) else 1.5 - 0.1 * r * d)
        for r in range(11)
        for d in range(11)
    )
    return table("oster_grid", "r_max delta adjusted", rows)


def delta_grid() -> Table:
    """What is left is 2 + 0.3 × the first shift − 0.1 × the second, give or take 1."""
    rows = tuple(
        (
            *("aipw", "reading", "support v none", "ate", float(first), float(second)),
            *(2 + 0.3 * first - 0.1 * second + reach for reach in (0, -1, 1)),
            "above no effect",
        )
        for first in (-5, 0, 5)
        for second in (-5, 0, 5)
    )
    names = "estimator outcome contrast target delta_first delta_second value lo hi verdict"
    return table("delta_grid", names, rows, tags=())


def pictures() -> Iterator[Picture | None]:
    """Every picture of this kind, and what is unusual in each."""
    for arms in (("support", "none"), ("none", "group help", "one to one", "residential")):
        yield draw_survival(
            survival_curve(arms), estimator="survival", target="ate", about="x", time="months"
        )
    bare = survival_curve(se=None)
    yield draw_survival(bare, estimator="survival", target="ate", about="no errors", time="terms")
    for lines in (rdd_lines(), None):
        yield draw_discontinuity(
            rdd_bins(), lines, unit="spelling, points", running=LONG, cutoff=85.0
        )
    for scale in ("difference", "ratio"):
        yield draw_incremental(
            incremental_curve(scale),
            contrast="support v none",
            unit="change in mathematics at the end of grade 5, IRT points",
            times=1.0,
            first="support",
        )
    yield draw_forest(forest(), unit="maths, points")
    yield targeting()
    yield controls()
    for gamma in (1.71, None, 1.0):
        yield bounds(gamma)
    for value in (1.5, -1.5):
        yield draw_tipping(tipping_contour(value), unit="points", times=1.0, ratio=False)
    for value in (1.8, 0.7):
        yield draw_tipping(
            tipping_contour(value, ratio=True), unit="a ratio", times=1.0, ratio=True
        )
    yield draw_selection(oster_grid(), unit="reading, points", times=1.0)
    for arms in (("support", "none"), ("one to one", "residential")):
        yield draw_delta(
            delta_grid(), arms=arms, about="reading", unit="points", times=1.0, ratio=False
        )


def controls() -> Picture | None:
    return draw_controls(
        calibration_controls(),
        estimator="aipw",
        contrast="support v none",
        target="ate",
        mean=-0.18,
        sd=0.02,
    )


def bounds(gamma: float | None) -> Picture | None:
    return draw_bounds(
        rosenbaum(),
        estimator="matching",
        contrast="support v none",
        target="matched",
        gamma=gamma,
    )
