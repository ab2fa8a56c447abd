"""Commands are listed without their modules being read, and read whole when called."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from fingerpost.cli._later import Later
from fingerpost.cli.main import app


def commands(group, *above):
    """Yield (words, command) of every command below a group."""
    for name, command in group.commands.items():
        if isinstance(command, Later):
            yield (*above, name), command
        else:
            yield from commands(command, *above, name)


ALL = dict(commands(get_command(app)))


def test_every_command_is_found_here():
    assert ("demo",) in ALL and ("rollout", "collect", "freeze") in ALL
    assert len(ALL) > 40


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_each_place_is_a_command_with_help_and_examples(words):
    whole = ALL[words].whole()
    assert whole.name == words[-1]
    assert "Examples:" in inspect.getdoc(whole.callback)


def test_the_list_of_a_group_reads_no_command():
    code = (
        "import sys\nfrom fingerpost.cli.main import main\n"
        "sys.argv = ['fingerpost', 'trial', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('#', *[n for n in sys.modules if n.startswith('fingerpost.cli.trial')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rsplit("#", 1)[1].split() == []


def test_a_stand_in_is_never_called():
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0, done.output
