"""Whom no link was found for: counted by arm and group, and weighed.

A missed link is selection: who is linked differs by group, and stands for those who are not if
weighed by one over the chance of being linked, given arm and group. Opting out is another matter:
those children's hospital records are withheld, whatever their identifiers. It has a model of its
own, and whoever is modelled as linked or not did not opt out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fingerpost.cohorts.linked import _arms
from fingerpost.cohorts.linked._covered import Reaches
from fingerpost.cohorts.linked._eligible import own_names
from fingerpost.cohorts.linked.covariates import BY_NAME
from fingerpost.cohorts.linked.flatten import trial
from fingerpost.cohorts.linked.sequential import COUNTS, TRIAL, trials
from fingerpost.cohorts.values import Floats, Mask
from fingerpost.core.errors import FingerpostError
from fingerpost.core.linked import Linked
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.kernels.design import Dense
from fingerpost.kernels.glm import fit, mean
from fingerpost.records.store import open_store
from fingerpost.records.through import linked_children
from fingerpost.studies.ready import WEIGHT

NAME = "unlinked"
CHILD = "child_id"
# What education records say of every child, linked or not.
GROUPS = ("sex", "ethnicity", "fsm", "idaci_fifth")
RIDGE = 1e-3  # keeps chances finite in groups of which everyone is linked
LEAST = 0.05  # chance below which no weight goes on rising
UNKNOWN = "not known"
EACH_TRIAL = "A child counts once in each trial that it enters. "


@dataclass(frozen=True, eq=False, slots=True)
class Schooled:
    """n children of the study's births, schools and arms as education records alone have them,
    whatever their health; where trials repeat, each once a trial that it enters. child: identifiers
    as text. arm: (n,) codes into `arms`. groups: name → (n,) labels, the trial among them where
    trials repeat. opted: (n,) whose family opted out, at any time. linked: (spines, n).
    """

    child: NDArray[np.str_]
    arms: tuple[str, ...]
    arm: NDArray[np.int64]
    groups: dict[str, NDArray[np.str_]]
    opted: Mask
    linked: Mask


def schooled(study: Study, folder: Path, *, engine: str, paths: Sequence[Path]) -> Schooled | None:
    """Return the children whom education records hold, linked or not; None where arms are not told
    at one time zero, or nobody is left. paths: of spines.
    """
    linked = study.linked
    if linked is None or linked.through is not None:
        return None
    store = open_store(folder, engine, spine=paths[0], everyone=tuple(own_names(linked)))
    names = (*GROUPS, TRIAL) if linked.zero.repeated else GROUPS
    asked = tuple(BY_NAME[name] for name in names)
    held = Reaches(store)
    found = [trial(education(one), held, asked=asked, measures={}) for one in trials(linked)]
    table: pl.DataFrame = pl.concat([one.table for one in found])
    if not len(table):
        return None
    child = table[CHILD].cast(pl.String)
    out = pl.Series("child_id", [], dtype=pl.String)
    if store.has("opt_out"):
        rows = store.frame("opt_out").select("child_id").collect("polars").to_native()
        out = rows["child_id"].cast(pl.String)
    arms = tuple(name for name, _ in linked.strategies)
    codes = {name: at for at, name in enumerate(arms)}
    labels = {name: labels_of(table[name]) for name in names}
    return Schooled(
        child.to_numpy().astype(np.str_),
        arms,
        table[_arms.ARM].replace_strict(codes, return_dtype=pl.Int64).to_numpy(),
        labels,
        child.is_in(out.implode()).to_numpy(),
        np.stack([child.is_in(own.implode()).to_numpy() for own in linked_children(paths)]),
    )


def labels_of(column: pl.Series) -> NDArray[np.str_]:
    """Return a column as labels; flags that are kept as numbers are 0 and 1."""
    whole = column.cast(pl.Int64) if column.dtype.is_float() else column
    found: NDArray[np.str_] = whole.cast(pl.String).fill_null(UNKNOWN).to_numpy().astype(np.str_)
    return found


def education(linked: Linked) -> Linked:
    """Return what a study asks of whom, without the condition that hospitals alone know."""
    return replace(linked, phenotype="", code_list="", groups=(), options=())


def table(held: Schooled) -> Table:
    """Return how many of each arm and group were linked, who opted out told apart: means over the
    spines. All arms of a group are shown or none.
    """
    repeated = TRIAL in held.groups
    again, unit = (EACH_TRIAL, COUNTS) if repeated else ("", "children")
    children = counted(held)
    rows: list[tuple[Cell, ...]] = []
    counts: list[int] = []
    for group, level, inside in levels(held):
        lines, few = [], []
        for at, arm in ((None, "all arms"), *enumerate(held.arms)):
            own = inside if at is None else inside & (held.arm == at)
            n, out = int(own.sum()), int((own & held.opted).sum())
            missed = float((~held.linked[:, own & ~held.opted]).sum(axis=1).mean())
            asked = n - out
            share = missed / asked if asked else None
            lines.append((group, level, arm, n, out, missed, share))
            few.append(fewest(held, own, children))
        rows += lines
        counts += [min(few)] * len(few)
    return Table(
        NAME,
        "Whom no hospital record was linked to, by arm and group",
        ("group", "level", "arm", "children", "opted_out", "missed", "share_missed"),
        ("label", "label", "label", "count", "number", "number", "share"),
        tuple(rows),
        counts=tuple(counts),
        context=f"{again}Of all children whom education records hold and who meet the study's "
        "conditions but that of health, which hospitals alone know. opted_out: their families "
        "opted out, so that nothing of theirs could be linked. missed: of the others, those to "
        "whom no hospital record was linked, a mean over the spines; share_missed: of the others. "
        "Who is missed by chance costs precision; who is missed more often in one arm or group "
        "makes those linked unlike all.",
        tells=Tells(units=tuple((name, unit) for name in ("children", "opted_out", "missed"))),
    )


def counted(held: Schooled) -> Callable[[Mask], int]:
    """Return what counts the children among some rows, each once however many trials it enters."""
    if TRIAL not in held.groups:
        return lambda rows: int(rows.sum())
    codes = np.unique(held.child, return_inverse=True)[1]
    return lambda rows: len(np.unique(codes[rows]))


def fewest(held: Schooled, own: Mask, children: Callable[[Mask], int]) -> int:
    """Return the fewest children whom a line of some rows tells apart: all of them, those who opted
    out, the missed, or those linked; whoever nobody is tells of nobody.
    """
    asked = own & ~held.opted
    missed = round(float(np.mean([children(asked & ~linked) for linked in held.linked])))
    n, out = children(own), children(own & held.opted)
    return min(n, missed or n, out or n, children(asked) - missed)


def levels(held: Schooled) -> Iterator[tuple[str, str, Mask]]:
    """Yield each group and level with the children in it, everyone first."""
    yield "all", "all", np.ones(len(held.child), dtype=np.bool_)
    for group, labels in held.groups.items():
        for level in sorted(set(labels.tolist())):
            yield group, level, labels == level


def weights(held: Schooled, spine: int) -> pl.DataFrame:
    """Return the weight of each linked child, in each trial that it enters where trials repeat, as
    `ready.weighed` asks for them: one over its chance of not having opted out, times one over its
    chance of being linked if it had not, each from a logit in arm and groups; scaled to a mean of 1
    over the linked.
    """
    design = Dense(*columns(held))
    stayed = chances(design, ~held.opted, np.ones(len(held.child), dtype=np.bool_))
    found = chances(design, held.linked[spine], ~held.opted)
    linked = held.linked[spine] & ~held.opted
    if not linked.any():
        raise FingerpostError("spines: no child of the study's schools is linked. Link them again.")
    weight = 1.0 / np.maximum(stayed * found, LEAST)
    weight /= weight[linked].mean()
    keys = {CHILD: held.child}
    if TRIAL in held.groups:
        keys[TRIAL] = held.groups[TRIAL]
    return pl.DataFrame({**keys, WEIGHT: weight}).filter(linked)


def columns(held: Schooled) -> tuple[Floats, tuple[str, ...]]:
    """Return the design of both models: a constant, the arms and the levels of every group but the
    first of each that someone is in.
    """
    made, names = [np.ones(len(held.child))], ["intercept"]
    for at, arm in enumerate(held.arms[1:], start=1):
        made.append((held.arm == at).astype(float))
        names.append(f"arm {arm}")
    for group, labels in held.groups.items():
        for level in sorted(set(labels.tolist()))[1:]:
            made.append((labels == level).astype(float))
            names.append(f"{group} {level}")
    kept = [at for at, column in enumerate(made) if at == 0 or 0 < column.sum() < len(column)]
    return np.column_stack([made[at] for at in kept]), tuple(names[at] for at in kept)


def chances(design: Dense, happened: Mask, among: Mask) -> Floats:
    """Return (n,) chances of an event, from a logit fitted among some and foretold for all."""
    if happened[among].all():
        return np.ones(design.n)
    model = fit(design, happened.astype(float), family="logit", weights=among * 1.0, ridge=RIDGE)
    found: Floats = mean(design, model)
    return found
