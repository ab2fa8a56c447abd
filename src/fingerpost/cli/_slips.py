"""Slips of the keyboard: a command that is none is answered with the one that was meant."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from typer.core import TyperGroup


class Verbs(TyperGroup):
    """A group of commands that knows where in the whole tree a misplaced word belongs."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command, or end with the one that was probably meant."""
        word = args[0]
        if word in self.commands or word.startswith("-"):
            return super().resolve_command(ctx, args)
        root = ctx.find_root()
        meant = nearest_command(word, here=ctx.command, whole=root.command)
        more = f" Did you mean `{root.info_name} {meant}`?" if meant else ""
        ctx.fail(f'There is no command "{word}" here.{more}')


def nearest_command(word: str, *, here: Any, whole: Any) -> str:
    """Return the words of the command whose last is most like `word`, those `here` first."""
    known = list(spelled(whole))
    own = [(name, words) for name, words in known if name in here.commands]
    exact = [words for name, words in known if name == word]
    for among in (own, known):
        found = get_close_matches(word, [name for name, _ in among], n=1)
        if found and not exact:
            exact = [next(words for name, words in among if name == found[0])]
    return exact[0] if exact else ""


def spelled(group: Any, *above: str) -> Iterator[tuple[str, str]]:
    """Yield (last word, all words) of every command below a group."""
    for name, command in group.commands.items():
        yield name, " ".join((*above, name))
        if isinstance(command, TyperGroup):
            yield from spelled(command, *above, name)
