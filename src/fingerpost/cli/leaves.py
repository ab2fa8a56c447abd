"""`fingerpost leaves`: what the rooms can do, read from the leaves' own descriptors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._screen import command, labelled, table
from fingerpost.core.errors import UsageError, listed, nearest

if TYPE_CHECKING:
    from fingerpost.core.leaves import (
        Design,
        Engine,
        Estimator,
        Phenotype,
        RecordsMeasure,
        Sensitivity,
    )

ROOMS = ("estimators", "sensitivity", "designs", "phenotypes", "outcomes", "engines")

ARMS = {
    "k": "2 or more",
    "pairwise": "2 at a time",
    "ordered": "2, or more in order",
    "2": "2",
}


def leaves(
    room: Annotated[
        str | None,
        typer.Argument(
            metavar="[ROOM]",
            help="estimators, sensitivity, designs, phenotypes, outcomes or engines.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One leaf, told in full.")
    ] = None,
) -> None:
    """List estimators, sensitivity analyses, designs, phenotypes, outcomes of linked records and
    engines.

    \b
    Examples:
      fingerpost leaves
      fingerpost leaves estimators
      fingerpost leaves estimators aipw
      fingerpost leaves phenotypes cleft_isolated
    """
    if room is None:
        print("\n\n".join(overview(each) for each in ROOMS))
        print(f"\nIn full: {command('leaves')} ROOM NAME")
        return
    if room not in ROOMS:
        raise UsageError(
            f'leaves: there is no room "{room}".{nearest(room, ROOMS)} There are: {listed(ROOMS)}.'
        )
    print(menu(room) if name is None else in_full(room, name))


def overview(room: str) -> str:
    """Return a room's leaves, a line each: its title, and whom or what it answers for."""
    from fingerpost.core import leaves as found
    from fingerpost.core.leaves import Design, Engine, Estimator, Sensitivity

    if room == "designs":
        drawn = [[name, each.title, of(each)] for name, each in found.menu(room, Design).items()]
        return table([room, "", "of"], drawn)
    if room == "estimators":
        rows = [
            [name, leaf.title, targets(leaf)] for name, leaf in found.menu(room, Estimator).items()
        ]
        return table([room, "", "answers for"], rows)
    if room == "sensitivity":
        asked = found.menu(room, Sensitivity).items()
        return table(
            [room, "", "asks"], [[name, each.title, each.question] for name, each in asked]
        )
    if room == "phenotypes":
        return table([room, ""], [[name, each.summary] for name, each in phenotypes()])
    if room == "outcomes":
        return table(
            [room, "", "in"], [[n, each.title, each.measured_in] for n, each in outcomes()]
        )
    engines = found.menu(room, Engine).items()
    return table([room, ""], [[name, leaf.summary] for name, leaf in engines])


def menu(room: str) -> str:
    """Return a room's leaves as a plain table."""
    from fingerpost.core import leaves as found
    from fingerpost.core.leaves import Design, Engine, Estimator, Sensitivity

    if room == "designs":
        drawn = [[n, of(each), answered(each)] for n, each in found.menu(room, Design).items()]
        return table(["design", "of", "answered by"], drawn)
    if room == "estimators":
        rows = [
            [name, targets(leaf), ", ".join(leaf.scales), ", ".join(leaf.outcomes), arms(leaf)]
            for name, leaf in found.menu(room, Estimator).items()
        ]
        return table(["estimator", "targets", "scales", "outcomes", "arms"], rows)
    if room == "sensitivity":
        asked = [[name, leaf.question] for name, leaf in found.menu(room, Sensitivity).items()]
        return table(["analysis", "question"], asked)
    if room == "phenotypes":
        groups = [[name, ", ".join(n for n, _ in each.groups)] for name, each in phenotypes()]
        return table(["phenotype", "groups"], groups)
    if room == "outcomes":
        rows = [[n, each.kind, each.measured_in, each.domain] for n, each in outcomes()]
        return table(["outcome", "kind", "in", "domain"], rows)
    engines = found.menu(room, Engine).items()
    return table(["engine", "what it is"], [[name, leaf.summary] for name, leaf in engines])


def phenotypes() -> list[tuple[str, Phenotype]]:
    """Return every group of children by health condition."""
    from fingerpost.core import leaves as found
    from fingerpost.core.leaves import Phenotype

    return list(found.menu("phenotypes", Phenotype).items())


def outcomes() -> list[tuple[str, RecordsMeasure]]:
    """Return every outcome that is read from linked records."""
    from fingerpost.core import leaves as found
    from fingerpost.core.leaves import RecordsMeasure

    return list(found.menu("outcomes", RecordsMeasure).items())


def targets(leaf: Estimator) -> str:
    """Return the targets that an estimator answers, trimmed ones and those of a trial named."""
    words = ", ".join(leaf.targets)
    if leaf.trimmed and any(t not in ("association", "conditional") for t in leaf.targets):
        words += ", each also trimmed"
    if leaf.randomised:
        words += f" (in a trial: {', '.join(leaf.randomised)})"
    return words


def arms(leaf: Estimator) -> str:
    """Return how many arms an estimator compares."""
    return ARMS[leaf.levels]


def in_full(room: str, name: str) -> str:
    """Return one leaf in full."""
    from fingerpost.core import leaves as found
    from fingerpost.core.leaves import (
        Design,
        Engine,
        Estimator,
        Phenotype,
        RecordsMeasure,
        Sensitivity,
    )

    if room == "designs":
        design = found.load(room, name, kind=Design)
        return page(name, design, list(design_facts(design)))
    if room == "estimators":
        leaf = found.load(room, name, kind=Estimator)
        return page(name, leaf, list(estimator_facts(leaf)))
    if room == "sensitivity":
        asked = found.load(room, name, kind=Sensitivity)
        return page(name, asked, [("Question", [asked.question]), *options(asked.options)])
    if room == "phenotypes":
        group = found.load(room, name, kind=Phenotype)
        return page(name, group, list(phenotype_facts(group)))
    if room == "outcomes":
        measure = found.load(room, name, kind=RecordsMeasure)
        return page(name, measure, list(outcome_facts(measure)))
    engine = found.load(room, name, kind=Engine)
    return page(name, engine, [("Needs", [engine.needs or "nothing more"])])


def page(
    name: str,
    leaf: Design | Estimator | Sensitivity | Phenotype | RecordsMeasure | Engine,
    facts: list[tuple[str, list[str]]],
) -> str:
    """Return a leaf's title, summary, facts and reference."""
    parts = [f"{name}: {leaf.title}", "", labelled("What", [leaf.summary])]
    parts += [labelled(label, words) for label, words in facts]
    return "\n".join([*parts, labelled("Source", [leaf.reference])])


def of(leaf: Design) -> str:
    """Return what a design draws: trials, roll-outs or both."""
    kinds = (("trials", leaf.procedure is not None), ("roll-outs", leaf.layout is not None))
    return ", ".join(word for word, there in kinds if there)


def answered(leaf: Design) -> str:
    """Return the estimators that a design names; that of trials first."""
    own = leaf.procedure.analysis if leaf.procedure is not None else ""
    return ", ".join(dict.fromkeys(name for name in (own, leaf.analysis) if name))


def design_facts(leaf: Design) -> Iterator[tuple[str, list[str]]]:
    """Yield what a design draws, who goes without what, and what its results take for granted."""
    yield "Of", [of(leaf)]
    if leaf.procedure is not None:
        how = "unit by unit" if leaf.procedure.step is not None else "a whole register at once"
        yield "Drawn", [how + (", within strata" if leaf.procedure.strata else "")]
    yield "Without", [leaf.denies]
    yield "Answer", [answered(leaf)]
    yield (
        "Assumes",
        [
            f"{each.name}: {each.words} "
            + (f"(see {each.diagnostic})" if each.diagnostic else "(untestable)")
            for each in leaf.assumes
        ],
    )


def phenotype_facts(leaf: Phenotype) -> Iterator[tuple[str, list[str]]]:
    """Yield who is in a group of children, and what it is not."""
    yield "Groups", [f"{name}: {words}" for name, words in leaf.groups]
    if leaf.terms:
        yield "Terms", list(leaf.terms)
    yield "Read from", [", ".join(leaf.tables)]
    if leaf.limits:
        yield "Limits", list(leaf.limits)
    yield from options(leaf.options, needs=leaf.needs)


def outcome_facts(leaf: RecordsMeasure) -> Iterator[tuple[str, list[str]]]:
    """Yield what an outcome is measured in, from which rows, and what it is not."""
    better = f", {leaf.better} is better" if leaf.better else ""
    yield "Measured", [f"{leaf.kind}, in {leaf.measured_in}{better}"]
    yield "Domain", [leaf.domain]
    yield "Rows", [leaf.window]
    yield "Read from", [", ".join(leaf.tables)]
    if leaf.limits:
        yield "Limits", list(leaf.limits)


def estimator_facts(leaf: Estimator) -> Iterator[tuple[str, list[str]]]:
    """Yield what an estimator can do and what it assumes."""
    guard = {
        "target": "judged on the weights of the asked target",
        "own": "judged on the weights of the asked target and on its own",
        "exempt": "exempt",
    }
    yield "Targets", [targets(leaf), *changed_targets(leaf)]
    yield "Scales", [", ".join(leaf.scales)]
    yield "Outcomes", [", ".join(leaf.outcomes)]
    yield "Arms", [arms(leaf)]
    yield "Spread", [leaf.spread]
    yield "Guard", [guard[leaf.guard]]
    if leaf.censoring:
        yield "Not seen", ["weighs those seen, where the study has models: {censoring: …}"]
    if leaf.extrapolates:
        yield "Beyond", ["may be shown under “Model extrapolation” where its target is refused"]
    yield (
        "Assumes",
        [
            f"{each.name}: {each.words} "
            + (f"(see {each.diagnostic})" if each.diagnostic else "(untestable)")
            for each in leaf.assumes
        ],
    )
    yield from options(leaf.options, needs=leaf.needs)


def changed_targets(leaf: Estimator) -> list[str]:
    """Return how options change what an estimator answers."""
    told = [f"with {option}: {', '.join(kinds)}" for option, kinds in leaf.instead]
    return told + [f"not {kind} with {option}: false" for kind, option in leaf.unless]


def options(
    pairs: tuple[tuple[str, str], ...], *, needs: tuple[str, ...] = ()
) -> list[tuple[str, list[str]]]:
    """Return a leaf's options as one fact, or none; those it cannot run without are marked."""
    told = [f"{name}{' (needed)' if name in needs else ''}: {words}" for name, words in pairs]
    return [("Options", told)] if told else []
