"""How a report speaks: estimators and outcomes by a reader's names, and the people it is about.

Sentences and tables are made with the names that a study is written in. Here, last of all, names
that only a machine needs become words: on the page, in its pictures and on the screen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass, replace

from fingerpost.core.output import Output
from fingerpost.core.study import Study
from fingerpost.plots.picture import Picture
from fingerpost.reports.parts import (
    Bullets,
    Entry,
    Figure,
    Grid,
    Heading,
    Part,
    Section,
    Words,
    heading_of,
)

Say = Callable[[str], str]
# A name stands alone: it is no part of a longer one, of a path, or of a file's name.
ALONE = r"(?<![\w./“`-])({names})(?![\w`”-]|\.\w)"
# Small words of any sentence: a leaf that bears one is meant only where a name is told.
ENGLISH = re.compile("an|and|as|at|by|did|do|for|had|has|in|is|it|of|on|or|so|the|to|was")
BY_NAME = "(?:(?<=by )|(?<=estimator )|^){0}(?=$|[,.:;)])"
NODE = re.compile(r">([^<>]+)<")
CHILD = re.compile(r"\b([Cc])(hildren|hild)\b")


def speech(output: Output) -> Say:
    """Return what turns a text of an output into a reader's words."""
    named = names(output)
    people, own = output.study.people, words_of_author(output.study)
    if not named and not people:
        return lambda text: text
    longest = sorted(named, key=len, reverse=True)
    said = [
        BY_NAME.format(name) if ENGLISH.fullmatch(name) else re.escape(name) for name in longest
    ]
    found = re.compile(ALONE.format(names="|".join(said))) if longest else None

    def say(text: str) -> str:
        if found is not None:
            text = found.sub(lambda match: named[match.group(1)], text)
        return peopled(text, people, own) if people else text

    return say


def names(output: Output) -> dict[str, str]:
    """Return the names that a machine needs with what a reader calls them; those that are words
    stay as they are.
    """
    table = output.table("assumptions")
    found: dict[str, str] = {}
    for row in table.records() if table else ():
        found[str(row["estimator"])] = str(row.get("short") or row["estimator"])
    for spec in output.study.sensitivity:
        words = heading_of(spec.leaf)
        found[spec.leaf] = words if words[1:2] == "-" else words[:1].lower() + words[1:]
    for target in output.study.estimand.targets:
        found[target.kind] = target.kind.replace("_", " ")
    for outcome in output.study.outcomes:
        if outcome.measure.title and "_" in outcome.name:
            found[outcome.name] = outcome.measure.title
    return {name: words for name, words in found.items() if name != words and words}


def words_of_author(study: Study) -> tuple[str, ...]:
    """Return every text of a study that speaks of children, longest first: its author chose it.

    A single word is the name of a column or a level, and no text.
    """
    found = {text for text in texts(study) if " " in text and CHILD.search(text)}
    return tuple(sorted(found, key=len, reverse=True))


def texts(value: object) -> Iterable[str]:
    """Yield every text within a value of dataclasses and tuples."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from texts(getattr(value, each.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from texts(item)


def peopled(text: str, people: str, own: Iterable[str] = ()) -> str:
    """Return a text that speaks of `people` (such as adults) in place of children; `own`: what its
    author wrote, which stays.

    >>> peopled("For all children: one child's weight.", "adults")
    "For all adults: one adult's weight."
    >>> peopled("Children in need; children", "adults", ("children in need",))
    'Children in need; adults'
    """
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match.group(0))
        return f"\0{len(kept) - 1}\0"

    for each in own:
        text = re.sub(re.escape(each), keep, text, flags=re.IGNORECASE)
    one = people.removesuffix("s")

    def swap(match: re.Match[str]) -> str:
        word = people if match.group(2) == "hildren" else one
        return word[:1].upper() + word[1:] if match.group(1) == "C" else word

    text = CHILD.sub(swap, text)
    return re.sub("\0(\\d+)\0", lambda match: kept[int(match.group(1))], text)


def spoken(section: Section, say: Say) -> Section:
    """Return a section in a reader's words."""
    return replace(
        section, title=say(section.title), parts=tuple(part(each, say) for each in section.parts)
    )


def part(item: Part, say: Say) -> Part:
    """Return one part of a section in a reader's words."""
    if isinstance(item, Words):
        return item if item.tone == "question" else replace(item, text=say(item.text))
    if isinstance(item, Bullets):
        return replace(item, items=tuple(say(text) for text in item.items))
    if isinstance(item, Heading):
        return replace(item, text=say(item.text))
    if isinstance(item, Figure):
        return replace(item, picture=drawn(item.picture, say), note=say(item.note))
    return table(item, say)


def table(item: Grid, say: Say) -> Grid:
    """Return a table in a reader's words; what is read back from it stays as it is."""
    rows = tuple(tuple(cell(entry, say) for entry in row) for row in item.rows)
    heads = tuple(say(name) for name in item.columns)
    return replace(item, caption=say(item.caption), columns=heads, rows=rows, note=say(item.note))


def cell(entry: Entry, say: Say) -> Entry:
    """Return a cell in a reader's words; of a link the words are its name, which stays."""
    return entry if entry.numeric or entry.link else replace(entry, text=say(entry.text))


def drawn(picture: Picture, say: Say) -> Picture:
    """Return a picture in a reader's words: its texts, not its shapes."""
    wide, narrow = (
        NODE.sub(lambda match: f">{say(match.group(1))}<", each)
        for each in (picture.wide, picture.narrow)
    )
    title, told = say(picture.title), say(picture.description)
    return replace(picture, title=title, description=told, wide=wide, narrow=narrow)
