"""What the leaves of a study say of themselves, as readers are told it."""

from __future__ import annotations

from fingerpost.core.described import Described
from fingerpost.core.leaves import Sensitivity, load
from fingerpost.core.study import Study
from fingerpost.studies import plan


def described(study: Study) -> tuple[Described, ...]:
    """Return what each estimator and each analysis of a study says of itself, in its order."""
    estimators = tuple(
        Described(
            "estimators",
            name,
            leaf.title,
            leaf.short or name.replace("_", " "),
            leaf.adjusts,
            level_within(study, name, leaf.alike_within),
            leaf.said,
        )
        for name, leaf in plan.estimators(study).items()
    )
    asked = dict.fromkeys(spec.leaf for spec in study.sensitivity)
    loaded = {name: load("sensitivity", name, kind=Sensitivity) for name in asked}
    analyses = tuple(
        Described("sensitivity", name, leaf.title, leaf.short or name.replace("_", " "))
        for name, leaf in loaded.items()
    )
    return (*estimators, *analyses)


def level_within(study: Study, name: str, option: str) -> str:
    """Return the level of clusters within which a leaf compares children, as the study asks it."""
    return str(plan.options(study, name).get(option) or study.cluster or "") if option else ""
