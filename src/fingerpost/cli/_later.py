"""Commands whose modules are read when they are called: `--help` need not wait for fifty files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from fingerpost.cli._faults import Verb
from fingerpost.cli._slips import Verbs

# module:function below `fingerpost.cli`, and what the list of commands says of it.
Commands = Mapping[str, tuple[str, str]]


class Later(TyperCommand):
    """A command known by its name and its short help alone."""

    def whole(self) -> TyperCommand:
        """Return the command itself, with its options, read from its module."""
        place: str = getattr(self.callback, "place")  # noqa: B009  (a function has no such field)
        module, function = place.split(":")
        alone = bare(TyperGroup)
        one = alone.command(name=self.name, cls=Verb, short_help=self.short_help)
        one(getattr(import_module(f"fingerpost.cli.{module}"), function))
        return typer.main.get_command(alone)  # type: ignore[return-value]


class Group(Verbs):
    """A group of commands that are read later."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that was asked for, read whole."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.whole() if isinstance(command, Later) else command, rest


def bare(cls: type[TyperGroup], *, help: str | None = None) -> typer.Typer:
    """Return a Typer as all of ours are: plain words, no completion, errors as we tell them."""
    return typer.Typer(
        cls=cls,
        help=help,
        no_args_is_help=True,
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
    )


def group(commands: Commands, *, help: str | None = None) -> typer.Typer:
    """Return a group of commands that are read when they are called."""
    made = bare(Group, help=help)
    for name, (place, words) in commands.items():
        made.command(cls=Later, name=name, short_help=words)(stand_in(place))
    return made


def stand_in(place: str) -> Any:
    """Return a function that stands where the one at `place` will."""

    def later() -> None:
        raise AssertionError(place)  # `Group` puts the command itself here before any call

    later.place = place  # type: ignore[attr-defined]
    return later
