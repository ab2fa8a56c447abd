"""Reports on the way: an open one, which tells no arm, and a closed one for who may see arms."""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.core.errors import UsageError
from fingerpost.core.table import Cell, Table
from fingerpost.core.words import counted
from fingerpost.studies.trials.boundaries import boundaries, looks_table
from fingerpost.studies.trials.counting import SEVERITY, Counts, count
from fingerpost.studies.trials.folder import Opened
from fingerpost.studies.trials.keys import Keys

KINDS = ("amendment", "blinding", "looked", "unblinded", "stopped")
ROWS = ("allocated", "received", "contamination", "withdrew", "lost", "analysed", "unblinded")


@dataclass(frozen=True, eq=False, slots=True)
class Monitored:
    """A report on the way. closed: whether it tells arms. words: first sentences; warns: what must
    not be passed over. sides: of the boundary.
    """

    closed: bool
    words: tuple[str, ...]
    warns: tuple[str, ...]
    tables: tuple[Table, ...]
    counts: Counts
    sides: int = 2


def monitor(opened: Opened, *, keys: Keys | None = None, closed: bool = False) -> Monitored:
    """Return a trial's report on the way.

    closed: by arm; raises UsageError without a key that opens arms. The open report never tells an
    arm, whatever key is given.
    """
    if closed and keys is None:
        raise UsageError(
            "the closed report tells arms. It takes a key of role sees or opens: --key FILE."
        )
    if closed and keys is not None:
        keys.opener  # noqa: B018 - says which key it takes
    found = count(opened, keys if closed else None)
    tables = [recruitment(found), harms(found, closed=closed), noted(found)]
    if closed:
        tables.insert(1, by_arm(found))
    asked, sides = opened.trial.monitoring, 2
    if asked is not None and asked.many is not None:
        tables.append(looks_table(boundaries(asked, asked.many)))
        sides = asked.sides
    return Monitored(closed, words(opened, found), warns(found), tuple(tables), found, sides)


def words(opened: Opened, found: Counts) -> tuple[str, ...]:
    """Return what comes first."""
    of = f" of {found.size:,}" if found.size else ""
    said = [
        f"{found.allocated:,}{of} units allocated; {counted(sum(found.excluded.values()), 'unit')} "
        f"assessed and not allocated; {found.of('withdrew'):,} withdrew, {found.of('lost'):,} lost."
    ]
    clusters, children, late = found.lists
    if opened.trial.roll is not None:
        said.append(
            f"{counted(clusters, 'cluster')} with {children:,} children frozen before; {late:,} "
            "children entered since, and are counted apart."
        )
    taken = sorted({int(body["look"]) for _, body in found.said("looked")})
    if taken:
        said.append(f"Looks taken: {', '.join(map(str, taken))}.")
    if found.head:
        head = "{number}:{hash}, written {time}".format(**found.head)
        said.append(f"Counted to the ledger's entry {head}.")
    return tuple(said)


def warns(found: Counts) -> tuple[str, ...]:
    """Return what must not be passed over."""
    serious = sum(how == "serious" for _, how in found.harms)
    said = [f"{counted(serious, 'serious harm')} noted: who oversees the trial must look."]
    return (
        *(said if serious else []),
        *([f"The trial was stopped: {found.stopped}."] if found.stopped else []),
    )


def recruitment(found: Counts) -> Table:
    """Return units allocated by month, and in all so far."""
    rows: list[tuple[Cell, ...]] = []
    total = 0
    for month, many in sorted(found.months.items()):
        total += many
        rows.append((month, many, total))
    return Table(
        "recruitment",
        "Units allocated, by month",
        ("month", "allocated", "so far"),
        ("label", "count", "count"),
        tuple(rows),
    )


def by_arm(found: Counts) -> Table:
    """Return what was noted of units, by arm."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (kind, *found.by_arm(kind).values()) for kind in ROWS
    )
    return Table(
        "by_arm",
        "Units by arm (closed)",
        ("what", *found.names),
        ("label", *["count"] * len(found.names)),
        rows,
    )


def harms(found: Counts, *, closed: bool) -> Table:
    """Return harms by severity; by arm in a closed report alone."""
    columns = found.names if closed else ("all arms",)
    rows: list[tuple[Cell, ...]] = []
    for how in SEVERITY:
        each = [sum(one == how for _, one in found.harms)]
        if closed:
            each = list(found.harms_by_arm(how).values())
        rows.append((how, *each))
    return Table(
        "harms",
        "Harms noted" + (" by arm (closed)" if closed else ""),
        ("severity", *columns),
        ("label", *["count"] * len(columns)),
        tuple(rows),
    )


def noted(found: Counts) -> Table:
    """Return amendments, looks, what was said of blinding, and units unblinded, without arms."""
    rows: list[tuple[Cell, ...]] = [
        (entry.time, entry.kind, str(entry.body["words"]))
        for entry in found.entries
        if entry.kind in KINDS
    ]
    return Table(
        "noted",
        "Amendments, looks, blinding",
        ("time", "kind", "words"),
        ("label", "label", "label"),
        tuple(rows),
    )
