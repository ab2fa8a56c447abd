"""`fingerpost`: the commands and what they share."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

import fingerpost
from fingerpost.cli._faults import Verb
from fingerpost.cli._lean import lean
from fingerpost.cli._slips import Verbs
from fingerpost.cli.demo import demo
from fingerpost.cli.doctor import doctor
from fingerpost.cli.england_build import build as build_england
from fingerpost.cli.england_check import check as check_england
from fingerpost.cli.england_extract import extract as extract_england
from fingerpost.cli.leaves import leaves
from fingerpost.cli.records_check import check as check_records
from fingerpost.cli.records_convert import convert
from fingerpost.cli.records_describe import describe as describe_records
from fingerpost.cli.records_dictionary import dictionary
from fingerpost.cli.records_import import import_rows
from fingerpost.cli.records_template import template
from fingerpost.cli.rollout_analyse import analyse as analyse_rollout
from fingerpost.cli.rollout_collect import collect
from fingerpost.cli.rollout_compare import compare as compare_designs
from fingerpost.cli.rollout_issue import issue
from fingerpost.cli.rollout_note import note
from fingerpost.cli.rollout_plan import plan as plan_rollout
from fingerpost.cli.rollout_power import power
from fingerpost.cli.rollout_randomise import randomise
from fingerpost.cli.rollout_rehearse import rehearse
from fingerpost.cli.rollout_replan import replan
from fingerpost.cli.rollout_verify import verify
from fingerpost.cli.study_compare import compare
from fingerpost.cli.study_describe import describe
from fingerpost.cli.study_export import export
from fingerpost.cli.study_init import init
from fingerpost.cli.study_run import run
from fingerpost.cli.trial_analyse import analyse as analyse_trial
from fingerpost.cli.trial_boundaries import boundaries
from fingerpost.cli.trial_consort import consort
from fingerpost.cli.trial_design import design as design_trial
from fingerpost.cli.trial_monitor import monitor
from fingerpost.cli.trial_note import note as note_trial
from fingerpost.cli.trial_power import power as power_of_trial
from fingerpost.cli.trial_randomise import randomise as randomise_trial
from fingerpost.cli.trial_rehearse import rehearse as rehearse_trial
from fingerpost.cli.trial_run import run as run_trial
from fingerpost.cli.trial_validate import validate as validate_trial
from fingerpost.cli.trial_verify import verify as verify_trial

study = typer.Typer(
    cls=Verbs,
    help="Write, describe, run and compare studies.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
study.command(cls=Verb, short_help="Write a commented study file.")(init)
study.command(cls=Verb, short_help="Print the protocol in words, or as SQL.")(describe)
study.command(cls=Verb, short_help="Run a study and write its report.")(lean(run))
study.command(cls=Verb, short_help="Set two results side by side.")(compare)
study.command(cls=Verb, short_help="Write a study for R, Stata or SQL Server.")(export)

records = typer.Typer(
    cls=Verbs,
    help="Import, check, describe and convert linked records.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
records.command(cls=Verb, short_help="All faults of all tables at once.")(check_records)
records.command(cls=Verb, short_help="Which tables, rows and years are there.")(describe_records)
records.command(cls=Verb, short_help="What every table and column is.")(dictionary)
records.command(cls=Verb, short_help="Empty tables to fill.")(template)
records.command(cls=Verb, name="import", short_help="Rows of an SQL server as Parquet.")(
    import_rows
)
records.command(cls=Verb, short_help="Extracts as linked records.")(lean(convert))

england = typer.Typer(
    cls=Verbs,
    help="Make a synthetic England whose truth is known.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
england.command(cls=Verb, name="build", short_help="Write its records, seed by seed the same.")(
    lean(build_england)
)
england.command(cls=Verb, name="check", short_help="Hold it against published figures.")(
    check_england
)
england.command(cls=Verb, name="extract", short_help="Write it as extracts of NPD and HES.")(
    extract_england
)

rollout = typer.Typer(
    cls=Verbs,
    help="Plan, rehearse, draw, verify and analyse roll-outs.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
rollout.command(cls=Verb, name="plan", short_help="Check it, write the protocol.")(plan_rollout)
rollout.command(cls=Verb, short_help="What it can find, along curves.")(power)
rollout.command(cls=Verb, name="compare", short_help="Designs side by side.")(compare_designs)
rollout.command(cls=Verb, short_help="Replay its draws on the real past.")(lean(rehearse))
rollout.command(cls=Verb, short_help="Commit to a draw, and make it.")(randomise)
rollout.command(cls=Verb, short_help="Replay a draw, and find any change.")(verify)
rollout.command(cls=Verb, short_help="Tell the next wave, by the ledger.")(issue)
rollout.command(cls=Verb, short_help="Write down what happened to units.")(note)
rollout.command(cls=Verb, short_help="Draw anew what is not issued.")(replan)
rollout.add_typer(collect, name="collect")
rollout.command(cls=Verb, name="analyse", short_help="Analyse it as it was drawn.")(analyse_rollout)

trial = typer.Typer(
    cls=Verbs,
    help="Plan, draw, verify, run and analyse trials.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
trial.command(cls=Verb, name="power", short_help="What it can find, along curves.")(power_of_trial)
trial.command(cls=Verb, short_help="Where looks before the end would stop it.")(boundaries)
trial.command(cls=Verb, name="design", short_help="Say its design in words.")(design_trial)
trial.command(cls=Verb, name="rehearse", short_help="Play it on a synthetic England.")(
    lean(rehearse_trial)
)
trial.command(cls=Verb, name="validate", short_help="Draw it 10,000 times for an auditor.")(
    lean(validate_trial)
)
trial.command(cls=Verb, name="randomise", short_help="Open it, and allocate its units.")(
    randomise_trial
)
trial.command(cls=Verb, name="note", short_help="Write down what happened.")(note_trial)
trial.command(cls=Verb, short_help="Report on its way, open or closed.")(monitor)
trial.command(cls=Verb, short_help="Its flow, and what CONSORT asks.")(consort)
trial.command(cls=Verb, name="verify", short_help="Allocate again, and find any change.")(
    verify_trial
)
trial.command(cls=Verb, name="analyse", short_help="Analyse it as it was drawn.")(analyse_trial)
trial.command(cls=Verb, name="run", short_help="Run it whole on synthetic England.")(
    lean(run_trial)
)

app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(cls=Verb, short_help="Real studies, a report each, in a minute.")(demo)
app.add_typer(study, name="study")
app.add_typer(records, name="records")
app.add_typer(england, name="england")
app.add_typer(rollout, name="rollout")
app.add_typer(trial, name="trial")
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
    utf8(sys.stdout)
    utf8(sys.stderr)
    app(prog_name="fingerpost")


def utf8(stream: Any) -> None:
    """Let a stream take every sign: where Windows writes to a file or pipe, it knows no minus."""
    if (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") != "utf8":
        stream.reconfigure(encoding="utf-8")
