"""`fingerpost`: the commands and what they share."""

from __future__ import annotations

from typing import Annotated

import typer

import fingerpost
from fingerpost.cli._faults import Verb
from fingerpost.cli._slips import Verbs
from fingerpost.cli.demo import demo
from fingerpost.cli.doctor import doctor
from fingerpost.cli.leaves import leaves
from fingerpost.cli.study_compare import compare
from fingerpost.cli.study_describe import describe
from fingerpost.cli.study_init import init
from fingerpost.cli.study_run import run

study = typer.Typer(
    cls=Verbs,
    help="Write, describe, run and compare studies.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
study.command(cls=Verb, short_help="Write a commented study file.")(init)
study.command(cls=Verb, short_help="Print the protocol in words, or as SQL.")(describe)
study.command(cls=Verb, short_help="Run a study and write its report.")(run)
study.command(cls=Verb, short_help="Set two results side by side.")(compare)

app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(cls=Verb, short_help="Real studies, a report each, in a minute.")(demo)
app.add_typer(study, name="study")
app.command(cls=Verb, short_help="What each estimator and analysis can do.")(leaves)
app.command(cls=Verb, short_help="What works on this machine.")(doctor)


def print_version(asked: bool) -> None:
    """Print the version and stop, where it was asked for."""
    if asked:
        print(f"fingerpost {fingerpost.__version__}")
        raise typer.Exit


@app.callback()
def about(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of whatever goes wrong.")
    ] = False,
) -> None:
    """Who benefits from which provision: studies on records of real children.

    \b
    Examples:
      fingerpost demo
      fingerpost study init
      fingerpost study run study.yaml
      fingerpost study run --help
    """


def main() -> None:
    """Run the command line."""
    app(prog_name="fingerpost")
