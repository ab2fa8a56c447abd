"""What must hold between the parts of a study of linked records, before any record is read."""

from __future__ import annotations

from collections.abc import Iterator

from fingerpost.core.errors import listed, nearest
from fingerpost.core.leaves import Phenotype, RecordsMeasure, load, names
from fingerpost.core.linked import LEVEL_WORDS, Linked
from fingerpost.core.study import Study
from fingerpost.studies.language.faults import FaultList
from fingerpost.studies.language.form import Document
from fingerpost.studies.language.linked import Read, read_linked
from fingerpost.studies.language.over_time_checks import check_over_time

CODE_LIST = "code_list"
LEVELS = ("child", "school", "la")
LAST_CENSUS = "summer"


def check_linked(document: Document, study: Study, faults: FaultList) -> None:
    """Note every fault of a study of linked records; nothing where its arms name a column."""
    read: Read = read_linked(document)
    for path, line, words in read.faults:
        faults.add(path, words, line=line)
    linked = read.linked
    if linked is None:
        return
    if linked.phenotype:
        check_group(linked, faults)
    check_over_time(linked, study, faults)
    if document.arms is not None:  # arms that were drawn are of any provision
        check_apart(linked, faults)
    if isinstance(document.outcomes, dict):
        faults.add("outcomes", "name columns, but arms are those of linked records. Write a list.")
        return
    for place, spec in enumerate(study.outcomes):
        if menu_of(faults, "outcomes", spec.name, room="outcomes", at=("outcomes", place)):
            late(linked, spec.name, faults, at=("outcomes", place))
    check_names(study, faults)
    if study.cluster not in (None, *LEVELS):
        words = f'"{study.cluster}" is not a level of linked records. Allowed: {listed(LEVELS)}.'
        faults.add("assignment.observed.cluster", words)


def check_apart(linked: Linked, faults: FaultList) -> None:
    """Note arms that share a recorded level and differ in nothing else: a child is of one."""
    plain = [
        (arm, one)
        for arm, one in linked.strategies
        if one.within is None and one.after is None and not one.dose and one.through is None
    ]
    for at, (arm, one) in enumerate(plain):
        for other, two in plain[at + 1 :]:
            shared = [level for level in one.levels if level in two.levels]
            if shared:
                words = [LEVEL_WORDS[level] for level in shared]
                faults.add(
                    "arms",
                    f"{arm} and {other} both hold {listed(words)}. Each child is of one arm.",
                )


def check_group(linked: Linked, faults: FaultList) -> None:
    """Note a group by health condition that no leaf bears, or that its leaf is told wrongly."""
    path, name = "population.phenotype", linked.phenotype
    if name != CODE_LIST and not menu_of(faults, path, name, room="phenotypes"):
        return
    leaf = load("phenotypes", name, kind=Phenotype)
    if name == CODE_LIST and not linked.code_list:
        faults.add(path, "code_list: names no list. Write phenotype: {code_list: NAME}.")
    known = tuple(option for option, _ in leaf.options)
    for option, _ in linked.options:
        if option not in known:
            menu = f"It has: {listed(known)}." if known else "It has none."
            faults.add(path, f'{name} has no option "{option}". {menu}{nearest(option, known)}')
    groups = tuple(group for group, _ in leaf.groups)
    for group in linked.groups:
        if groups and group not in groups:
            words = f'{name} has no group "{group}". It has: {listed(groups)}.'
            faults.add(path, f"{words}{nearest(group, groups)}")


def menu_of(
    faults: FaultList, path: str, name: str, *, room: str, at: tuple[int | str, ...] = ()
) -> bool:
    """Return whether a leaf bears a name; note a fault with the menu where none does."""
    known = tuple(one for one in names(room) if one != CODE_LIST)
    if name in known:
        return True
    words = f'"{name}" is not in the menu of {room}. Allowed: {listed(known)}.'
    faults.add(path, f"{words}{nearest(name, known)}", at=at)
    return False


def late(linked: Linked, name: str, faults: FaultList, *, at: tuple[int | str, ...]) -> None:
    """Note a measure that is taken before time zero, or after follow-up ends."""
    year = load("outcomes", name, kind=RecordsMeasure).year
    if year is None:
        return
    zero = linked.zero
    last = zero.years[-1]
    before = year < last or (year == last and zero.census == LAST_CENSUS)
    if before or year > linked.until:
        when = f"before time zero ({zero.words()})" if before else "after follow-up ends"
        faults.add("outcomes", f"{name} is assessed in Year {year}, {when}.", at=at)


def check_names(study: Study, faults: FaultList) -> None:
    """Note each covariate that linked records do not have."""
    from fingerpost.cohorts.linked.covariates import BY_NAME, unknown

    base = f"assignment.{'randomised' if study.assignment.randomised else 'observed'}.given"
    if study.all_but is not None:
        faults.add(base, "all_but is for one table. Name the covariates of linked records.")
    for path, name in named(study, base):
        if name not in BY_NAME:
            faults.add(path, unknown(name))


def named(study: Study, base: str) -> Iterator[tuple[str, str]]:
    """Yield every covariate that a study names, with its key."""
    yield from ((base, name) for name in study.given)
    yield from (("covariates", one.name) for one in study.covariates)
    yield from (("subgroups", name) for name in study.subgroups)
    yield from (("estimand.subgroups", name) for name in study.estimand.subgroups)
