"""Section 12: which data, which code and which seed the numbers came from."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.protocol import NOT_STATED
from fingerpost.core.provenance import DrawSource
from fingerpost.core.words import counted
from fingerpost.reports.parts import Entry, Grid, Part, Section, Words

TITLE = "Where the numbers come from"


def section(output: Output) -> Section:
    """Return digests, versions, seed, release policy and what was withheld."""
    found = output.provenance
    rows = [("Study digest (SHA-256)", found.study_digest or output.study.digest())]
    rows += [(f"Data digest (SHA-256) of {name}", digest) for name, digest in found.data_digest]
    rows += [
        ("Code version", found.code_version or NOT_STATED),
        ("Code digest", found.code_digest or NOT_STATED),
        ("Seed", str(found.seed)),
        ("Engine", found.engine or NOT_STATED),
        ("Release policy", policy_words(output)),
    ]
    rows += draw_rows(output)
    rows += [(f"Package {name}", version) for name, version in found.packages]
    words = (
        f"“{output.study.name}” was computed with seed {found.seed} from "
        f"{counted(len(found.data_digest), 'file')}. The same study, records, code and seed give "
        "the same numbers."
    )
    table = Grid(
        "Provenance", ("What", "Value"), tuple((Entry(what), Entry(value)) for what, value in rows)
    )
    parts: list[Part] = [Words(words), table]
    return Section("provenance", TITLE, tuple(parts))


def draw_rows(output: Output) -> list[tuple[str, str]]:
    """Return which draw was analysed; nothing where none was named."""
    draw = output.provenance.draw
    if draw is None:
        return []
    number, link = draw.head
    found = [
        ("Draw: commitment (SHA-256 of its plan)", draw.commitment),
        ("Draw: ledger's last entry", f"{number}, {link}"),
        ("Draw: allocation (SHA-256)", draw.allocation),
        (f"Draw: the {counted(draw.draws, 'draw')} replayed (SHA-256)", draw.permutations),
        ("Draw: registered as", registered(draw)),
    ]
    return found + [("Departure from what was drawn", words) for words in draw.departures]


def registered(draw: DrawSource) -> str:
    """Return as what a draw was registered, and whether by itself."""
    more = ", with the draw that it follows: not rehearsed itself" if draw.inherited else ""
    return f"{draw.registered_as}{more}"


def policy_words(output: Output) -> str:
    """Return the release policy, what an output is under it, and whose policy it is not."""
    other = f"; the study names {output.overridden}" if output.overridden else ""
    return f"{output.policy} ({output.clearance}{other})"
