"""Faults as lines a person can mend: file, line, key, what was found, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from fingerpost.core.errors import Malformed
from fingerpost.studies.language.fields import Misread, not_a_key, shown
from fingerpost.studies.language.tree import line_of

LocPart = int | str
SHAPES = {
    "model_type": "should be a mapping (key: value)",
    "dict_type": "should be a mapping (key: value)",
    "list_type": "should be a list",
}
BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "or more"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "or less"),
}


class FaultList:
    """Every fault of one document, with its place."""

    def __init__(self, file: str, tree: Any) -> None:
        self.file = file
        self.tree = tree
        self.found: list[tuple[int, str]] = []

    def add(self, path: str, words: str, *, at: tuple[LocPart, ...] = (), line: int = 0) -> None:
        """Note one fault of the key at `path`; at: the way to it where it passes through names
        that hold dots or through lists.
        """
        place = line or place_of(self.tree, at or tuple(path.split(".")))
        entry = (place, f"{path}: {words}" if path else words)
        if entry not in self.found:
            self.found.append(entry)

    def extend(self, faults: Iterable[tuple[int, str]]) -> None:
        """Note faults that know their line."""
        self.found.extend(faults)

    def stop_if_any(self) -> None:
        """Raise Malformed with every fault, in the order of the file."""
        if self.found:
            ordered = sorted(self.found, key=lambda fault: fault[0])
            raise Malformed(f"{self.file}:{line}: {words}" for line, words in ordered)


def place_of(tree: Any, way: tuple[LocPart, ...]) -> int:
    """Return the line of the deepest part of the way that the document has."""
    line, node = line_of(tree), tree
    for step in way:
        if isinstance(node, dict) and step in node:
            line = node.key_line(str(step)) if hasattr(node, "key_line") else line
            node = node[step]
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
            line = line_of(node, line)
    return line


def note(
    error: ValidationError, faults: FaultList, model: type[BaseModel]
) -> set[tuple[LocPart, ...]]:
    """Note each fault that reading found; return the ways to what could not be read."""
    broken: set[tuple[LocPart, ...]] = set()
    for each in error.errors(include_url=False):
        way = tuple(each["loc"])
        broken.add(way)
        path = ".".join(str(step) for step in way if not isinstance(step, int))
        path = path.replace(".[key]", "")
        inner = each.get("ctx", {}).get("error")
        if isinstance(inner, Misread):
            for line, words in inner.faults:
                faults.add(path, words, at=way, line=line)
        elif each["type"] == "extra_forbidden":
            parent = ".".join(path.split(".")[:-1])
            owner = model_at(model, way[:-1])
            keys = [field.alias or name for name, field in owner.model_fields.items()]
            faults.add(parent, not_a_key(str(way[-1]), keys), at=way)
        else:
            faults.add(path, wording(each, model_at(model, way[:-1]), str(way[-1])), at=way)
    return broken


def wording(each: Any, owner: type[BaseModel], key: str) -> str:
    """Return one of pydantic's own faults in our words."""
    kind, found = each["type"], each["input"]
    if kind == "missing":
        field = owner.model_fields.get(key)
        return f"is missing. It says: {field.description if field else key}"
    if kind in SHAPES:
        return f"{SHAPES[kind]}; {shown(found)} was found."
    if kind in BOUNDS:
        name, words = BOUNDS[kind]
        bound = plain(each["ctx"][name])
        return (
            f"{found} should be {f'{bound} {words}' if words[:2] == 'or' else f'{words} {bound}'}."
        )
    if kind == "too_short":
        return "is an empty list. Name at least one."
    return f"{shown(found)} cannot be read here: {each['msg'].lower()}."


def plain(bound: float) -> str:
    """Return a bound as it would be written by hand.

    >>> plain(0.5), plain(10_000_000), plain(1.0)
    ('0.5', '10,000,000', '1')
    """
    return f"{bound:,.0f}" if bound == int(bound) else f"{bound:g}"


def model_at(model: type[BaseModel], way: tuple[LocPart, ...]) -> type[BaseModel]:
    """Return the model that reads the mapping at the end of the way."""
    kind: Any = model
    for step in way:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(step))
            kind = inner_kind(field.annotation, keep=True) if field else kind
        else:
            kind = inner_kind(kind, keep=False)
    kind = inner_kind(kind, keep=True)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else model


def inner_kind(kind: Any, *, keep: bool) -> Any:
    """Return a type without Annotated and Optional; keep=False: the type of a container's items."""
    origin = get_origin(kind)
    if origin is Annotated:
        return inner_kind(get_args(kind)[0], keep=keep)
    if origin in (Union, UnionType):
        inside = [inner_kind(each, keep=keep) for each in get_args(kind) if each is not type(None)]
        models = [each for each in inside if isinstance(each, type) and issubclass(each, BaseModel)]
        return (models or inside)[0]
    if not keep and origin in (dict, list):
        return inner_kind(get_args(kind)[-1], keep=True)
    return kind
