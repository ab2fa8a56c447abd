"""`fingerpost`: the commands and what they share."""

from __future__ import annotations

import signal
import sys
from typing import Annotated, Any, NoReturn

import typer

import fingerpost
from fingerpost.cli._later import Commands, group

STUDY: Commands = {
    "init": ("study_init:init", "Write a commented study file."),
    "describe": ("study_describe:describe", "Print the protocol in words, or as SQL."),
    "run": ("study_run:run", "Run a study and write its report."),
    "compare": ("study_compare:compare", "Set two results side by side."),
    "export": ("study_export:export", "Write a study for R, Stata or SQL Server."),
}
RECORDS: Commands = {
    "check": ("records_check:check", "All faults of all tables at once."),
    "describe": ("records_describe:describe", "Which tables, rows and years are there."),
    "dictionary": ("records_dictionary:dictionary", "What every table and column is."),
    "template": ("records_template:template", "Empty tables to fill."),
    "import": ("records_import:import_rows", "Rows of an SQL server as Parquet."),
    "convert": ("records_convert:convert", "Extracts as linked records."),
}
ENGLAND: Commands = {
    "build": ("england_build:build", "Write its records, seed by seed the same."),
    "check": ("england_check:check", "Hold it against published figures."),
    "extract": ("england_extract:extract", "Write it as extracts of NPD and HES."),
}
ROLLOUT: Commands = {
    "plan": ("rollout_plan:plan", "Check it, write the protocol."),
    "power": ("rollout_power:power", "What it can find, along curves."),
    "compare": ("rollout_compare:compare", "Designs side by side."),
    "rehearse": ("rollout_rehearse:rehearse", "Replay its draws on the real past."),
    "randomise": ("rollout_randomise:randomise", "Commit to a draw, and make it."),
    "verify": ("rollout_verify:verify", "Replay a draw, and find any change."),
    "issue": ("rollout_issue:issue", "Tell the next wave, by the ledger."),
    "note": ("rollout_note:note", "Write down what happened to units."),
    "replan": ("rollout_replan:replan", "Draw anew what is not issued."),
    "analyse": ("rollout_analyse:analyse", "Analyse it as it was drawn."),
}
COLLECT: Commands = {
    "open": ("rollout_collect:open_", "Templates for every area and period."),
    "receive": ("rollout_collect:receive", "Check returns and take them in."),
    "status": ("rollout_collect:status", "Who has returned what."),
    "freeze": ("rollout_collect:freeze", "One panel that an analysis may read."),
}
TRIAL: Commands = {
    "power": ("trial_power:power", "What it can find, along curves."),
    "boundaries": ("trial_boundaries:boundaries", "Where looks before the end would stop it."),
    "design": ("trial_design:design", "Say its design in words."),
    "rehearse": ("trial_rehearse:rehearse", "Play it on a synthetic England."),
    "validate": ("trial_validate:validate", "Draw it 10,000 times for an auditor."),
    "open": ("trial_open:open_", "Freeze it, and make its key."),
    "randomise": ("trial_randomise:randomise", "Open it, and allocate its units."),
    "hand-on": ("trial_hand_on:hand_on", "A key for who sees, or who enrols."),
    "export": ("trial_export:export", "REDCap's allocation table."),
    "note": ("trial_note:note", "Write down what happened."),
    "monitor": ("trial_monitor:monitor", "Report on its way, open or closed."),
    "consort": ("trial_consort:consort", "Its flow, and what CONSORT asks."),
    "verify": ("trial_verify:verify", "Allocate again, and find any change."),
    "analyse": ("trial_analyse:analyse", "Analyse it as it was drawn."),
    "run": ("trial_run:run", "Run it whole on synthetic England."),
}
LINK: Commands = {
    "run": ("link_run:run", "Which hospital record is which child."),
    "evaluate": ("link_evaluate:evaluate", "How good links are, where truth is known."),
}
ALONE: Commands = {
    "demo": ("demo:demo", "Real studies, a report each, in a minute."),
    "leaves": ("leaves:leaves", "What each estimator and analysis can do."),
    "doctor": ("doctor:doctor", "What works on this machine."),
}

# What shells add to the number of the signal that ended a command.
SIGNALLED = 128

app = group(ALONE)
rollout = group(ROLLOUT, help="Plan, rehearse, draw, verify and analyse roll-outs.")
returns = group(COLLECT, help="Data from all areas: templates, returns, a board, freezes.")
rollout.add_typer(returns, name="collect")
for _name, _group in {
    "study": group(STUDY, help="Write, describe, run and compare studies."),
    "records": group(RECORDS, help="Import, check, describe and convert linked records."),
    "england": group(ENGLAND, help="Make a synthetic England whose truth is known."),
    "link": group(LINK, help="Link hospital records with children, and say how surely."),
    "rollout": rollout,
    "trial": group(TRIAL, help="Plan, draw, verify, run and analyse trials."),
}.items():
    app.add_typer(_group, name=_name)


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
    end_tidily()
    app(prog_name="fingerpost")


def end_tidily() -> None:
    """Let the system's wish that this process ends, or a window that is closed, end it as its own
    end would: so that values of children which were put on disk for a while are taken away. The
    same wish again ends it at once.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # A wish that is not heard (nohup) stays so.
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, ended)


def ended(number: int, _frame: object) -> NoReturn:
    """End the process with the exit code that shells give to who is ended by a signal."""
    signal.signal(number, signal.SIG_DFL)
    raise SystemExit(SIGNALLED + number)


def utf8(stream: Any) -> None:
    """Let a stream take every sign: where Windows writes to a file or pipe, it knows no minus."""
    if (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") != "utf8":
        stream.reconfigure(encoding="utf-8")
