"""Small worlds for tests of the sensitivity room: cohorts, studies, and a least-squares refit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy import stats

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.assignment import Observed
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Estimand, Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.inference import pool
from fingerpost.core.leaves import Sensitivity, load
from fingerpost.core.model import Models
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Study
from fingerpost.estimators.matching import MATCHING
from fingerpost.sensitivity._task import SensitivityTask

ARMS = ("none", "support")


def make_cohort(
    arm: np.ndarray,
    value: np.ndarray,
    covariates: Mapping[str, np.ndarray | Column],
    *,
    kind: str = "continuous",
    arms: tuple[str, ...] = ARMS,
    **more,
) -> Cohort:
    columns = {
        name: given if isinstance(given, Column) else Column(np.asarray(given, dtype=float))
        for name, given in covariates.items()
    }
    outcome = Outcome(kind, np.asarray(value, dtype=float))
    return Cohort(np.arange(len(arm)), arms, np.asarray(arm), {"score": outcome}, columns, **more)


def make_study(
    given: tuple[str, ...],
    *,
    contrasts: tuple = (pair("support", "none"),),
    targets: tuple[Target, ...] = (Target("ate"),),
    cluster: str | None = None,
    outcome_terms=None,
    **more,
) -> Study:
    return Study(
        "a world",
        "does support help?",
        assignment=Observed(given, cluster),
        estimand=Estimand(contrasts, targets, more.pop("scale", "difference")),
        models=Models(outcome=outcome_terms),
        **more,
    )


def ols(y: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return coefficients, their covariance, residuals and degrees of freedom (intercept first)."""
    x = np.column_stack([np.ones(len(y)), *columns])
    bread = np.linalg.inv(x.T @ x)
    coefficients = bread @ x.T @ y
    residual = y - x @ coefficients
    df = len(y) - x.shape[1]
    return coefficients, bread * (residual @ residual) / df, residual, df


def refit_ols(
    cohort: Cohort,
    given: tuple[str, ...],
    terms: tuple[Term, ...] | None,
    leaves: tuple[str, ...] | None = None,
):
    """Return one estimator's answers: the arm's coefficient in least squares."""
    assert terms is not None
    found = []
    for term in terms:
        (first, _), (second, _) = term.contrast
        kept = np.isin(cohort.arm, [cohort.arms.index(first), cohort.arms.index(second)])
        treated = (cohort.arm[kept] == cohort.arms.index(first)).astype(float)
        columns = [cohort.covariates[name].values[kept] for name in given]
        found.append(ols(cohort.outcomes[term.outcome].value[kept], treated, *columns))
    value = np.array([one[0][1] for one in found])
    covariance = np.diag([one[1][1, 1] for one in found])
    df = np.array([float(one[3]) for one in found])
    return (Answer("ols", Estimate(terms, value, Matrix(covariance), df=df)),)


def answers_of(cohort: Cohort, study: Study) -> tuple[Answer, ...]:
    return refit_ols(cohort, study.given, study.estimand.terms("score", "mean"))


def make_task(cohort: Cohort, study: Study, **options) -> SensitivityTask:
    return SensitivityTask(study, cohort, answers_of(cohort, study), refit_ols, options)


def matched_children(cohort: Cohort) -> Cohort:
    """Return the cohort with a third of its supported children, so that each finds a match; who
    they are does not depend on the order of rows.
    """
    return cohort.take(np.flatnonzero((cohort.arm == 0) | (cohort.unit % 3 == 0)))


def matched_task(cohort: Cohort, study: Study, **options) -> SensitivityTask:
    """Return a task whose answer is matching's own on the children received, with its sets."""
    few = matched_children(cohort)
    (contrast,) = study.estimand.contrasts
    term = Term("score", contrast, Target("att"))
    told = Analysis(study.given, stream="test", options={"replace": False})
    answer = MATCHING.run(Task(few, (term,), told))
    return replace(make_task(few, study, **options), answers=(answer,))


def confounded(seed: int, *, strength: float, n: int = 400, effect: float = 0.5):
    """Return a world in which severity, never recorded, goes with arm, outcome and prior score.

    Prior score is recorded and is what provision cannot have changed. At strength 0 severity goes
    with nothing. The same seed gives the same children at every strength.
    """
    draw = np.random.default_rng(seed)
    severity, social = draw.standard_normal((2, n))
    arm = (draw.standard_normal(n) + 0.5 * social + strength * severity > 0).astype(int)
    prior = -0.4 * social - strength * severity + draw.standard_normal(n)
    score = effect * arm - 0.4 * social - strength * severity + draw.standard_normal(n)
    return arm, score, {"social": social, "prior": prior}, severity


# -------------------- every leaf: options it needs, nothing at no bias, more at more bias


def asked(leaf: str, cohort: Cohort, study: Study, **options) -> dict[str, list[dict]]:
    """Return a leaf's tables by name."""
    make = TASKS.get(leaf, make_task)
    found = load("sensitivity", leaf, kind=Sensitivity).run(make(cohort, study, **options))
    return {table.name: table.records() for table in found.tables}


def shares(support: float, none: float) -> tuple:
    return (("prevalence", (("support", support), ("none", none))), ("effect", 1.0))


def unseen(cohort: Cohort) -> np.ndarray:
    """Return who has no outcome: one in three with support, one in five without; who they are
    does not depend on the order of rows.
    """
    return np.where(cohort.arm == 1, cohort.unit % 3 == 0, cohort.unit % 5 == 0)


def part_seen(cohort: Cohort, gone: np.ndarray) -> Cohort:
    """Return the cohort with some outcomes not recorded."""
    own = cohort.outcomes["score"]
    held = replace(own, value=np.where(gone, np.nan, own.value), observed=~gone, better="higher")
    return replace(cohort, outcomes={"score": held})


def unseen_task(cohort: Cohort, study: Study, **options) -> SensitivityTask:
    """Return a task of children of whom some have no outcome; answers are of those who have one."""
    gone = unseen(cohort)
    whole, seen = part_seen(cohort, gone), cohort.take(np.flatnonzero(~gone))
    return SensitivityTask(study, whole, answers_of(seen, study), refit_ols, options)


def imputed_task(cohort: Cohort, study: Study, **options) -> SensitivityTask:
    """Return a task of three imputed copies, whose answers are pooled."""
    gone, own, copies = unseen(cohort), cohort.outcomes["score"], []
    for at in (1, 2, 3):
        drawn = np.where(gone, own.value + np.sin(1.0 * cohort.unit * at), own.value)
        held = {"score": replace(own, value=drawn)}
        copies.append(replace(cohort, outcomes=held, imputed={"score": gone}, replicate=at))
    each = [answers_of(copy, study)[0].estimate for copy in copies]
    answer = Answer("ols", pool(each))
    return SensitivityTask(study, copies[0], (answer,), refit_ols, options, copies=tuple(copies))


TASKS = {
    "rosenbaum": matched_task,
    "survivor_bounds": unseen_task,
    "unassessed_bounds": unseen_task,
    "delta_adjusted": imputed_task,
}
# Of whom the tables of such a leaf speak.
STUDIED = {
    "rosenbaum": matched_children,
    "survivor_bounds": lambda cohort: cohort.take(np.flatnonzero(~unseen(cohort))),
    "unassessed_bounds": lambda cohort: cohort.take(np.flatnonzero(~unseen(cohort))),
    "delta_adjusted": lambda cohort: cohort.take(np.flatnonzero(unseen(cohort))),
}
NEEDED = {
    "unassessed_bounds": {"range": (-20, 20), "below": 1},
    "bias_analysis": {"unmeasured": shares(0.5, 0.2), "draws": 100},
    "calibration": {"controls": ("social", "prior", "score")},
    "negative_control": {"outcome": "prior"},
    "prior_outcome": {"outcome": "prior"},
    "proximal": {"exposure_proxy": "social", "outcome_proxy": "prior"},
}


def plain(seed: int = 1, *, strength: float = 0.5, n: int = 400):
    """Return a cohort, its study and the study's own estimate."""
    arm, score, covariates, _ = confounded(seed, strength=strength, n=n)
    cohort, study = make_cohort(arm, score, covariates), make_study(("social", "prior"))
    return cohort, study, float(answers_of(cohort, study)[0].estimate.value[0])


def nothing_tipping_point():
    cohort, study, own = plain()
    grid = asked("tipping_point", cohort, study)["tipping_contour"]
    (still,) = {row["adjusted"] for row in grid if row["gap"] == 0.0}
    return still, own


def nothing_oster():
    cohort, study, own = plain()
    return asked("oster", cohort, study, delta=0)["oster"][0]["adjusted"], own


def nothing_bias_analysis():
    cohort, study, own = plain()
    told = {"unmeasured": shares(0.3, 0.3), "draws": 100}
    return asked("bias_analysis", cohort, study, **told)["bias_analysis"][0]["median"], own


def controlled(draw: np.random.Generator, errors: Mapping[str, float], n: int = 400) -> Cohort:
    """Return children whose controls differ between arms by exactly `errors`, in raw units."""
    arm = (draw.random(n) < 0.5).astype(int)
    columns = {}
    for name, error in errors.items():
        noise = draw.standard_normal(n)
        for one in (0, 1):
            noise[arm == one] -= noise[arm == one].mean()
        columns[name] = Column(noise + error * arm)
    return make_cohort(arm, 0.5 * arm + draw.standard_normal(n), {}, roles=columns)


def nothing_calibration():
    """Controls without any difference: the answer itself."""
    names = ("a", "b", "c", "d", "e")
    cohort = controlled(np.random.default_rng(2), dict.fromkeys(names, 0.0))
    row = asked("calibration", cohort, make_study(()), controls=names)["calibration"][0]
    return row["calibrated"], row["estimate"]


def nothing_many_comparisons():
    """One answer, no other to be seen among: its own p-value."""
    cohort, study, _ = plain()
    row = asked("many_comparisons", cohort, study)["many_comparisons"][0]
    return row["q"], row["p"]


def still_before(seed: int = 1):
    """Return a cohort whose earlier measure differs between arms not at all, given social index;
    an early sign tells of it. Also the study, of the social index alone, and its own estimate.
    """
    arm, score, covariates, _ = confounded(seed, strength=0.5)
    social, prior = covariates["social"], covariates["prior"]
    before = ols(prior, arm, social)[2]
    early = before + np.random.default_rng(seed).standard_normal(len(arm))
    roles = {"before": Column(before), "early": Column(early)}
    cohort = make_cohort(arm, score, {"social": social}, roles=roles)
    study = make_study(("social",))
    return cohort, study, float(answers_of(cohort, study)[0].estimate.value[0])


def nothing_prior_outcome():
    """Nothing before provision, nothing taken from the answer."""
    cohort, study, own = still_before()
    found = asked("prior_outcome", cohort, study, outcome="before", same_scale=True)
    return found["prior_outcome_corrected"][0]["corrected"], own


def nothing_proximal():
    """What stands for the hidden cause does not differ between arms: least squares itself."""
    cohort, study, own = still_before()
    told = {"exposure_proxy": "early", "outcome_proxy": "before"}
    return asked("proximal", cohort, study, **told)["proximal"][0]["estimate"], own


def nothing_rosenbaum():
    """Provision as good as drawn within pairs: the plain test of Wilcoxon."""
    cohort, study, _ = plain()
    task = matched_task(cohort, study)
    ((term, sets),) = task.answers[0].fit.matched.items()
    value = task.cohort.outcomes["score"].value[sets.row]
    order = [np.argsort(sets.set[rows]) for rows in (sets.first, ~sets.first)]
    away = value[sets.first][order[0]] - value[~sets.first][order[1]]
    plain_p = stats.wilcoxon(away, correction=False, method="asymptotic").pvalue
    assert term.target == Target("att")
    return asked("rosenbaum", cohort, study)["rosenbaum"][0]["p"], plain_p


def more_tipping_point():
    """Along the diagonal of the contour the answer moves on."""
    cohort, study, own = plain()
    grid = asked("tipping_point", cohort, study)["tipping_contour"]
    gaps = sorted({row["gap"] for row in grid})
    effects = sorted({row["effect"] for row in grid}, key=abs)
    place = {(row["gap"], row["effect"]): row["adjusted"] for row in grid}
    return [abs(own - place[pair_]) for pair_ in zip(gaps, effects, strict=True)]


def more_oster():
    cohort, study, own = plain()
    rows = asked("oster", cohort, study, delta=(0, 0.25, 0.5, 0.75, 1))["oster"]
    return [abs(row["adjusted"] - own) for row in rows]


def more_bias_analysis():
    cohort, study, own = plain()
    found = []
    for share in (0.2, 0.4, 0.6, 0.8):
        told = {"unmeasured": shares(share, 0.2), "draws": 100}
        row = asked("bias_analysis", cohort, study, **told)["bias_analysis"][0]
        found.append(abs(row["median"] - own))
    return found


def more_calibration():
    names = ("a", "b", "c", "d", "e")
    found = []
    for error in (0.0, 0.2, 0.4, 0.8):
        cohort = controlled(np.random.default_rng(2), dict.fromkeys(names, error))
        row = asked("calibration", cohort, make_study(()), controls=names)["calibration"][0]
        found.append(abs(row["calibrated"] - row["estimate"]))
    return found


def more_many_comparisons():
    """The more outcomes without effect are asked of, the less sure one finding."""
    found = []
    for k in (1, 2, 4, 8):
        draw = np.random.default_rng(4)
        cohort = controlled(draw, {})
        noise = {
            f"other {i}": Outcome("continuous", draw.standard_normal(cohort.n)) for i in range(k)
        }
        cohort = replace(cohort, outcomes={**cohort.outcomes, **noise})
        study = make_study(())
        task = make_task(cohort, study)
        terms = [term for name in noise for term in study.estimand.terms(name, "mean")]
        task = replace(task, answers=(*task.answers, *refit_ols(cohort, (), tuple(terms))))
        answer = load("sensitivity", "many_comparisons", kind=Sensitivity).run(task)
        found.append(answer.tables[0].records()[0]["holm"])
    return found


def more_prior_outcome():
    found = []
    for strength in (0.0, 0.3, 0.6, 0.9):
        cohort, study, _ = plain(4, strength=strength, n=20_000)
        rows = asked("prior_outcome", cohort, study, outcome="prior")["prior_outcome"]
        found.append(abs(rows[0]["estimate"]))
    return found


def more_proximal():
    """The stronger the hidden cause, the further the answer is from that without proxies."""
    found = []
    for strength in (0.0, 0.3, 0.6, 0.9):
        arm, score, covariates, severity = confounded(4, strength=strength, n=20_000)
        noise = np.random.default_rng(4).standard_normal((2, len(arm)))
        roles = {"early": Column(severity + noise[0]), "sign": Column(severity + noise[1])}
        cohort = make_cohort(arm, score, {"social": covariates["social"]}, roles=roles)
        told = {"exposure_proxy": "early", "outcome_proxy": "sign"}
        (row,) = asked("proximal", cohort, make_study(("social",)), **told)["proximal"]
        found.append(abs(row["estimate"] - row["without"]))
    return found


def more_rosenbaum():
    cohort, study, _ = plain(strength=0.0)
    rows = asked("rosenbaum", cohort, study, gamma=(1, 1.2, 1.5, 2.0))["rosenbaum"]
    return [row["p"] for row in rows]


def drawn_evenly():
    """Return children of whom as many are seen in either arm, the study of no covariates, and the
    difference of the means of those seen.
    """
    cohort, _, _ = plain()
    order = np.argsort(cohort.arm, kind="stable")[-2 * int(cohort.arm.sum()) :]
    even = cohort.take(np.sort(order))
    gone = np.zeros(even.n, dtype=bool)
    for arm in (0, 1):
        gone[np.flatnonzero(even.arm == arm)[::4]] = True
    seen, value = ~gone, even.outcomes["score"].value
    means = [value[seen & (even.arm == arm)].mean() for arm in (0, 1)]
    return part_seen(even, gone), make_study(()), means[1] - means[0]


def bounds_of(leaf: str, cohort: Cohort, study: Study, **options) -> dict:
    seen = cohort.take(np.flatnonzero(cohort.outcomes["score"].observed))
    task = SensitivityTask(study, cohort, answers_of(seen, study), refit_ols, options)
    return load("sensitivity", leaf, kind=Sensitivity).run(task).tables[0].records()[0]


def nothing_survivor_bounds():
    """As many seen in either arm: nothing is trimmed."""
    cohort, study, own = drawn_evenly()
    return bounds_of("survivor_bounds", cohort, study, assume="raises")["lower"], own


def nothing_unassessed_bounds():
    """No worse at most than those seen."""
    cohort, study, own = drawn_evenly()
    return bounds_of("unassessed_bounds", cohort, study, assume="at_most", below=0)["upper"], own


def nothing_delta_adjusted():
    cohort, study, _ = plain()
    task = imputed_task(cohort, study)
    rows = asked("delta_adjusted", cohort, study)["delta_grid"]
    (still,) = (r["value"] for r in rows if r["delta_first"] == r["delta_second"] == 0)
    return still, float(task.answers[0].estimate.value[0])


def more_survivor_bounds():
    """The more the shares seen differ, the wider the bounds."""
    found = []
    for often in (6, 4, 3, 2):
        cohort, study, _ = plain(n=4000)
        gone = np.where(cohort.arm == 0, cohort.unit % often == 0, cohort.unit % 10 == 0)
        row = bounds_of("survivor_bounds", part_seen(cohort, gone), study, assume="raises")
        found.append(row["upper"] - row["lower"])
    return found


def more_unassessed_bounds():
    cohort, study, _ = plain()
    found = []
    for below in (0, 1, 2, 4):
        told = {"assume": "at_most", "below": below}
        row = asked("unassessed_bounds", cohort, study, **told)["unassessed_bounds"][0]
        found.append(row["upper"] - row["lower"])
    return found


def more_delta_adjusted():
    cohort, study, _ = plain()
    rows = asked("delta_adjusted", cohort, study, delta=(1, 2, 3))["delta_grid"]
    by = {row["delta_first"]: row["value"] for row in rows if row["delta_second"] == 0}
    return [abs(by[shift] - by[0]) for shift in (0, 1, 2, 3)]


NOTHING = {
    "delta_adjusted": nothing_delta_adjusted,
    "survivor_bounds": nothing_survivor_bounds,
    "unassessed_bounds": nothing_unassessed_bounds,
    "bias_analysis": nothing_bias_analysis,
    "calibration": nothing_calibration,
    "many_comparisons": nothing_many_comparisons,
    "oster": nothing_oster,
    "prior_outcome": nothing_prior_outcome,
    "proximal": nothing_proximal,
    "rosenbaum": nothing_rosenbaum,
    "tipping_point": nothing_tipping_point,
}
MORE = {
    "delta_adjusted": more_delta_adjusted,
    "survivor_bounds": more_survivor_bounds,
    "unassessed_bounds": more_unassessed_bounds,
    "bias_analysis": more_bias_analysis,
    "calibration": more_calibration,
    "many_comparisons": more_many_comparisons,
    "oster": more_oster,
    "prior_outcome": more_prior_outcome,
    "proximal": more_proximal,
    "rosenbaum": more_rosenbaum,
    "tipping_point": more_tipping_point,
}
