"""`fingerpost england extract`: a synthetic England as extracts of national collections."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._folder import check_writable, naming
from fingerpost.cli._screen import command, labelled, listed_lines, progress, shown, typed
from fingerpost.cli._spines import through_one
from fingerpost.core.errors import UsageError


def extract(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The records that `england build` wrote.")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new or empty folder.")],
    years: Annotated[
        str | None,
        typer.Option(
            metavar="FIRST-LAST",
            help="Academic years of the education files, such as 2010-2012.  [default: all]",
        ),
    ] = None,
    diagnoses_missing: Annotated[
        float, typer.Option(metavar="SHARE", help="Of each diagnosis, the chance to be missing.")
    ] = 0.0,
    diagnoses_miscoded: Annotated[
        float,
        typer.Option(metavar="SHARE", help="The chance to be of a neighbouring category."),
    ] = 0.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Write a synthetic England in the shape of extracts of the National Pupil Database and of
    Hospital Episode Statistics.

    A file a census and year, their column names, their codes, an identifier of its own in each, and
    a spine that links them: to learn the way from an extract to an answer, and to try an adapter,
    with no child's record. One pupil in a hundred is on two schools' rolls, and three diagnoses in
    ten are written with dots, marks or small letters: conversion and studies clean both away. Of an
    England with linkage error, whose child a hospital record is is read from one spine: the first
    of those that `fingerpost link run` left.

    \b
    Examples:
      fingerpost england extract build/england --out build/received
      fingerpost england extract build/england --years 2010-2012 --out build/received
      fingerpost england extract build/england --diagnoses-missing 0.2 --out build/gaps
    """
    from fingerpost.england.extract_noise import Coding
    from fingerpost.england.extracts import SPINE
    from fingerpost.england.extracts import extract as extracted
    from fingerpost.records.store import open_store

    asked = None if years is None else span(years)
    coding = Coding(missing=diagnoses_missing, miscoded=diagnoses_miscoded)
    check_writable(out, folder=True)
    with naming(out), progress(quiet=quiet) as say:
        store = through_one(open_store(folder), engine="duckdb", everyone=())
        made = extracted(store, out, years=asked, coding=coding, say=say)
    print(labelled("Synthetic", ["the records are made up: no real child is in them"]))
    paths = (f"{shown(out / 'extracts')}/ ({len(made) - 1} files)", shown(out / SPINE))
    print(listed_lines("Wrote", paths))
    convert = command("records convert", out / "extracts")
    more = f"--adapter npd --adapter hes --spine {typed(shown(out / SPINE))} --out DIR"
    print(listed_lines("Next", [f"{convert} {more}"]))


def span(years: str) -> tuple[int, int]:
    """Return the first and the last academic year of --years.

    >>> span("2010-2012")
    (2010, 2012)
    """
    found = re.fullmatch(r"(\d{4})-(\d{4})", years)
    if found is None or int(found[1]) > int(found[2]):
        raise UsageError(
            f'--years: "{years}" is not two academic years, first and last, such as 2010-2012.'
        )
    return int(found[1]), int(found[2])
