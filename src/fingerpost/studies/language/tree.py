"""YAML read string-first: every word keeps its text and its line, and nothing is guessed.

The reader of a field decides whether a word is a number, a flag or text, so that NO, on, 007, 0o17
and 2002-03-01 stay what was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from fingerpost.core.study import Scalar

WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

Faults = list[tuple[int, str]]


class Word(str):
    """One scalar as written, with its line (from 1); a quoted word is always text."""

    line: int
    quoted: bool

    def __new__(cls, text: str, line: int = 1, quoted: bool = False) -> Word:
        """Return the word with its place."""
        word = super().__new__(cls, text)
        word.line = line
        word.quoted = quoted
        return word


class Block(dict[Any, Any]):
    """A mapping with its line; its keys are Words."""

    line: int = 1

    def key_line(self, key: str) -> int:
        """Return the line of a key, or of the mapping where the key is absent."""
        return next((k.line for k in self if k == key and isinstance(k, Word)), self.line)


class Row(list[Any]):
    """A list with its line."""

    line: int = 1


def scalar(word: str) -> Scalar:
    """Return a word as the plainest value it can be: a whole number, a number, a flag, else text.

    >>> [scalar(Word(text)) for text in ("1", "0.5", "NO", "007", "true", "2002-03-01")]
    [1, 0.5, 'NO', '007', True, '2002-03-01']
    """
    if getattr(word, "quoted", True):
        return str(word)
    if WHOLE.fullmatch(word):
        return int(word)
    if NUMBER.fullmatch(word):
        return float(word)
    return FLAGS.get(word, str(word))


def plain(node: object) -> Any:
    """Return a tree without lines: dictionaries, lists and scalars."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(item) for item in node]
    return scalar(node) if isinstance(node, str) else node


def line_of(node: object, default: int = 1) -> int:
    """Return the line on which a node begins."""
    return int(getattr(node, "line", default))


def read_tree(text: str, faults: Faults) -> Any:
    """Return the document as Blocks, Rows, Words and None; every fault goes to `faults`.

    Duplicate keys, keys that are not words, aliases, tags and more than one document are faults.
    """
    try:
        faults.extend(foreign(text))
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "something YAML does not allow"
        faults.append(
            (mark.line + 1 if mark else 1, f"this is not YAML: {problem}.{hint(problem)}")
        )
        return None
    except yaml.YAMLError as error:
        faults.append((1, f"this is not YAML: {' '.join(str(error).split())}."))
        return None
    except RecursionError:
        faults.append((1, "lists and mappings are nested too deeply to be a study."))
        return None
    return None if node is None or faults else build(node, faults)


def hint(problem: str) -> str:
    """Return the usual mend of a YAML problem."""
    if "\\t" in problem:
        return " Indent with spaces, not with a tab."
    if "mapping values are not allowed" in problem:
        return ' Text that holds a colon and a space goes in quotes: "like: this".'
    if "expected ',' or" in problem or "expected <block end>" in problem:
        return " Look for a bracket, brace or quote that is not closed, or for uneven indents."
    if "another document" in problem:
        return " One file holds one study: remove the second `---`."
    return ""


def foreign(text: str) -> Iterator[tuple[int, str]]:
    """Yield what YAML allows and the study language does not: aliases and tags."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            yield line, f"*{event.anchor}: aliases are not used in a study. Write the value again."
        elif isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) is not None:
            yield line, f"{getattr(event, 'tag', '')}: tags are not used in a study. Remove it."


def build(node: yaml.Node, faults: Faults) -> Any:
    """Return one composed node as a tree with lines."""
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        quoted = node.style is not None
        if not quoted and node.value in NOTHING:
            return None
        return Word(node.value, line, quoted)
    if isinstance(node, yaml.SequenceNode):
        row = Row(build(item, faults) for item in node.value)
        row.line = line
        return row
    return build_block(node, line, faults)


def build_block(node: yaml.Node, line: int, faults: Faults) -> Block:
    """Return one mapping, noting keys that are written twice or are not words."""
    block = Block()
    block.line = line
    for key_node, value_node in node.value:
        at = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            faults.append((at, "a key must be a single word or number, not a list or a mapping."))
            continue
        key = Word(key_node.value, at, key_node.style is not None)
        if key in block:
            first = block.key_line(key)
            faults.append((at, f'the key "{key}" is written twice (first on line {first}).'))
            continue
        block[key] = build(value_node, faults)
    return block
