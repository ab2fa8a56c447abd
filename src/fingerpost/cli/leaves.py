"""`fingerpost leaves`: what the rooms can do, read from the leaves' own descriptors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._screen import command, labelled, table
from fingerpost.core.errors import UsageError, listed, nearest

if TYPE_CHECKING:
    from fingerpost.core.leaves import Engine, Estimator, Sensitivity

ROOMS = ("estimators", "sensitivity", "engines")

ARMS = {
    "k": "2 or more",
    "pairwise": "2 at a time",
    "ordered": "2, or more in order",
    "2": "2",
}


def leaves(
    room: Annotated[
        str | None, typer.Argument(metavar="[ROOM]", help="estimators, sensitivity or engines.")
    ] = None,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One leaf, told in full.")
    ] = None,
) -> None:
    """List estimators, sensitivity analyses and engines, and what each can do.

    \b
    Examples:
      fingerpost leaves
      fingerpost leaves estimators
      fingerpost leaves estimators aipw
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
    from fingerpost.core.leaves import Engine, Estimator, Sensitivity

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
    engines = found.menu(room, Engine).items()
    return table([room, ""], [[name, leaf.summary] for name, leaf in engines])


def menu(room: str) -> str:
    """Return a room's leaves as a plain table."""
    from fingerpost.core import leaves as found
    from fingerpost.core.leaves import Engine, Estimator, Sensitivity

    if room == "estimators":
        rows = [
            [name, targets(leaf), ", ".join(leaf.scales), ", ".join(leaf.outcomes), arms(leaf)]
            for name, leaf in found.menu(room, Estimator).items()
        ]
        return table(["estimator", "targets", "scales", "outcomes", "arms"], rows)
    if room == "sensitivity":
        asked = [[name, leaf.question] for name, leaf in found.menu(room, Sensitivity).items()]
        return table(["analysis", "question"], asked)
    engines = found.menu(room, Engine).items()
    return table(["engine", "what it is"], [[name, leaf.summary] for name, leaf in engines])


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
    from fingerpost.core.leaves import Engine, Estimator, Sensitivity

    if room == "estimators":
        leaf = found.load(room, name, kind=Estimator)
        return page(name, leaf, list(estimator_facts(leaf)))
    if room == "sensitivity":
        asked = found.load(room, name, kind=Sensitivity)
        return page(name, asked, [("Question", [asked.question]), *options(asked.options)])
    engine = found.load(room, name, kind=Engine)
    return page(name, engine, [("Needs", [engine.needs or "nothing more"])])


def page(
    name: str, leaf: Estimator | Sensitivity | Engine, facts: list[tuple[str, list[str]]]
) -> str:
    """Return a leaf's title, summary, facts and reference."""
    parts = [f"{name}: {leaf.title}", "", labelled("What", [leaf.summary])]
    parts += [labelled(label, words) for label, words in facts]
    return "\n".join([*parts, labelled("Source", [leaf.reference])])


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
