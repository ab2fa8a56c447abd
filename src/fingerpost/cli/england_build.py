"""`fingerpost england build`: a synthetic England whose truth is known, as linked records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._lean import lean
from fingerpost.cli._screen import command, listed_lines, progress, shown

CORES = 2
NO_BOOST = "none"


@lean
def build(  # noqa: PLR0913 - decision 0011
    *,
    children: Annotated[
        int, typer.Option(metavar="N", help="How many children, drawn from all of England.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A folder that is new or empty.")],
    seed: Annotated[int, typer.Option(metavar="S", help="Which England.")] = 1,
    era: Annotated[
        str, typer.Option(metavar="YEARS", help="Births of 2003-2013 or 2014-2025.")
    ] = "2003-2013",
    scenario: Annotated[
        str, typer.Option(metavar="NAME", help="What is changed in the model.")
    ] = "hidden_severity",
    phenotype_boost: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=N",
            help="N more children, all born with a condition; may be repeated. none: nobody more.  "
            "[default: cleft=14700]",
        ),
    ] = None,
    linkage_error: Annotated[
        bool,
        typer.Option(
            "--linkage-error",
            help="Hospitals name children otherwise; identifiers have errors.",
        ),
    ] = False,
    names: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Forenames of these: CSV with year, sex, name, n."),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="J", help="Processes at once.")] = CORES,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Build a synthetic England: records in the shape of linked education and health data.

    No child in it is real. Besides the N drawn from all of England, 14,700 more are born with a
    cleft: as rare as clefts are, a cohort of the published size (6,359) needs them. They are
    numbered after N, and `england check` leaves them out. Stopped from the keyboard, the same
    command goes on where it was; files of yours are never written over.

    \b
    Examples:
      fingerpost england build --children 200000 --seed 1 --out build/england
      fingerpost england build --children 50000 --phenotype-boost cleft=300000 --out build/cleft
      fingerpost england build --children 50000 --scenario no_effect --out build/null
      fingerpost england build --children 50000 --phenotype-boost none --out build/plain
      fingerpost england build --children 20000 --linkage-error --out build/e
    """
    from fingerpost.england.build import Options, build, usual_boosts
    from fingerpost.records.writing import read_manifest

    options = Options(
        children=children,
        seed=seed,
        era=era,
        scenario=scenario,
        boosts=boosts(phenotype_boost) if phenotype_boost else usual_boosts(),
        linkage_error=linkage_error,
        names=names,
    )
    with progress(quiet=quiet) as say:
        there = build(out, options, jobs=jobs, say=say)
    manifest = read_manifest(out)
    assert manifest is not None
    rows = [f"{name}: {held['rows']:,} rows" for name, held in manifest.tables.items()]
    state = "was there already, made the same way" if there else "is written"
    print(f"A synthetic England {state}. No child in it is real.")
    for name, more in options.boosts.items():
        print(f"Besides the {children:,} children drawn from England, {more:,} with {name}.")
    print(listed_lines("Tables", rows))
    print(listed_lines("Wrote", [shown(out)]))
    if linkage_error:
        print("Hospital tables bear hospital_id: which child each is, a link must find.")
    follows = "link run" if linkage_error else "england check"
    print(listed_lines("Next", [command(follows, out)]))


def boosts(given: list[str]) -> dict[str, int]:
    """Return condition → children from `NAME=N` words, or nothing from the one word `none`.

    UsageError tells every wrong one at once.
    """
    from fingerpost.core.errors import UsageError

    if given == [NO_BOOST]:
        return {}
    found: dict[str, int] = {}
    wrong = []
    for words in given:
        name, _, number = words.partition("=")
        if not number.isdigit() or name in found:
            wrong.append(
                f'--phenotype-boost "{words}" is not NAME=N, each NAME once, or none alone. '
                "Example: --phenotype-boost cleft=300000"
            )
        else:
            found[name] = int(number)
    if wrong:
        raise UsageError(wrong)
    return found
