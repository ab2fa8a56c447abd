"""Kinds of field of the study language: text, number, flag, choice, and short ways of writing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from fingerpost.core.errors import listed, nearest
from fingerpost.core.filenames import nameable
from fingerpost.core.study import Scalar
from fingerpost.studies.language.tree import FLAGS, NUMBER, WHOLE, Row, line_of, scalar

LONGEST_NAME = 80
NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_NAME}}}")
NAME_FORM: dict[str, Any] = {
    "type": ["string", "number"],
    "pattern": f"^[A-Za-z0-9_-]{{1,{LONGEST_NAME}}}$",
}


class Misread(ValueError):
    """Faults found while reading one field: (line, words) pairs."""

    def __init__(self, faults: Iterable[tuple[int, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(words for _, words in self.faults))


def misread(node: object, words: str) -> Misread:
    """Return one fault at a node; line 0 means: wherever the field stands."""
    return Misread([(line_of(node, 0), words)])


class Part(BaseModel):
    """A mapping of the study language: every key is declared, and no other is allowed."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)


def shown(node: object) -> str:
    """Return a node as a fault quotes it."""
    if isinstance(node, str):
        return f'"{node}"'
    if isinstance(node, dict):
        return f"a mapping ({', '.join(str(key) for key in list(node)[:3])}…)"
    return "a list" if isinstance(node, list) else "nothing"


def as_text(node: object) -> str:
    """Return a word as text."""
    if isinstance(node, str) and node.strip():
        return " ".join(node.split()) if "\n" in node else node.strip()
    if isinstance(node, str):
        raise misread(node, "is empty text. Write some words or leave the key out.")
    raise misread(node, f"should be text; {shown(node)} was found.")


def as_name(node: object) -> str:
    """Return a word as a name that is also a safe name of a file."""
    name = as_text(node)
    if not NAME.fullmatch(name):
        raise misread(
            node,
            f"{shown(node)} is not a short name. Write letters (a to z), digits, - and _, at most "
            f"{LONGEST_NAME}, such as sen-support-cleft.",
        )
    if not nameable(name):
        raise misread(node, f"{shown(node)} can be no file's name on Windows. Choose another.")
    return name


def as_number(node: object) -> float:
    """Return a word as a finite number."""
    if isinstance(node, str) and NUMBER.fullmatch(node):
        return float(node)
    raise misread(node, f"{shown(node)} is not a number. Write digits, such as 0.05 or 12.")


def as_whole(node: object) -> int:
    """Return a word as a whole number."""
    if isinstance(node, str) and WHOLE.fullmatch(node):
        return int(node)
    raise misread(node, f"{shown(node)} is not a whole number.")


def as_flag(node: object) -> bool:
    """Return a word as true or false."""
    if isinstance(node, str) and node in FLAGS:
        return FLAGS[node]
    raise misread(node, f"{shown(node)} is neither true nor false. Write true or false.")


def as_value(node: object) -> Scalar:
    """Return a word as the value that a column may hold."""
    if isinstance(node, str):
        return scalar(node)
    raise misread(node, f"should be one value; {shown(node)} was found.")


def as_words(node: object) -> str:
    """Return text, or a mapping or list put into words: {year: 1, census: spring} is 'year 1,
    census spring'.
    """
    if isinstance(node, dict):
        return ", ".join(f"{str(key).replace('_', ' ')} {as_words(v)}" for key, v in node.items())
    if isinstance(node, list):
        return ", ".join(as_words(item) for item in node)
    return as_text(node)


class Told(str):
    """What was written, in words, with the node it was written as."""

    node: object


def as_told(node: object) -> Told:
    """Return a node in words, and keep it: what one table needs in words, linked records need
    whole.
    """
    told = Told(as_words(node))
    told.node = node
    return told


def one_or_many(node: object) -> object:
    """Return a single word as a list of one."""
    if isinstance(node, str | dict):
        row = Row([node])
        row.line = line_of(node)
        return row
    return node


def among(what: str, allowed: Iterable[str]) -> BeforeValidator:
    """Return a validator that lets only the allowed words through."""
    words = tuple(allowed)

    def check(node: object) -> str:
        return choose(node, what, words)

    return BeforeValidator(check)


def choose(
    node: object, what: str, allowed: tuple[str, ...], *, besides: tuple[str, ...] = ()
) -> str:
    """Return the word if it is allowed, else raise with the nearest that is.

    besides: other forms that are allowed in its place, for the message.
    """
    if isinstance(node, str) and node in allowed:
        return str(node)
    near = nearest(str(node), allowed) if isinstance(node, str) else ""
    menu = listed((*allowed, *besides))
    raise misread(node, f"{shown(node)} is not {what}. Allowed: {menu}.{near}")


@dataclass(frozen=True, eq=False)
class Alternative:
    """Another way of writing a field. read: gets the node and the usual reader; returns the value.

    form: the JSON Schema of the other way.
    """

    read: Callable[[Any, Callable[[Any], Any]], Any]
    form: dict[str, Any]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Wrap the usual reader."""
        return core_schema.no_info_wrap_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Allow both forms."""
        return {"anyOf": [self.form, handler(schema)]}


def accepts(form: dict[str, Any]) -> WithJsonSchema:
    """Return the JSON Schema of a field that a function reads."""
    return WithJsonSchema(form)


SCALARS: dict[str, Any] = {"type": ["string", "number", "boolean"]}
FREE_WORDS: dict[str, Any] = {"type": ["string", "object", "array", "number"]}

Text = Annotated[str, BeforeValidator(as_text), accepts({"type": ["string", "number"]})]
Name = Annotated[str, BeforeValidator(as_name), accepts(NAME_FORM)]
Number = Annotated[float, BeforeValidator(as_number), accepts({"type": "number"})]
Flag = Annotated[bool, BeforeValidator(as_flag), accepts({"type": "boolean"})]
Share = Annotated[
    float,
    BeforeValidator(as_number),
    Field(gt=0, lt=0.5),
    accepts({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}),
]
Level = Annotated[
    float,
    BeforeValidator(as_number),
    Field(gt=0.5, lt=1),
    accepts({"type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 1}),
]
Distance = Annotated[
    float, BeforeValidator(as_number), Field(ge=0), accepts({"type": "number", "minimum": 0})
]
Seed = Annotated[
    int, BeforeValidator(as_whole), Field(ge=0), accepts({"type": "integer", "minimum": 0})
]
FEWEST_COPIES, MOST_COPIES, MOST_CYCLES, MOST_DONORS = 2, 200, 100, 100


def whole_within(low: int, high: int) -> Any:
    """Return the type of a whole number from low to high."""
    form = {"type": "integer", "minimum": low, "maximum": high}
    return Annotated[int, BeforeValidator(as_whole), Field(ge=low, le=high), accepts(form)]


Copies = whole_within(FEWEST_COPIES, MOST_COPIES)
Cycles = whole_within(1, MOST_CYCLES)
Donors = whole_within(1, MOST_DONORS)
Value = Annotated[Scalar, PlainValidator(as_value), accepts(SCALARS)]
Words = Annotated[Told, PlainValidator(as_told), accepts(FREE_WORDS)]
TextOrEmpty = Annotated[
    str,
    BeforeValidator(lambda node: "" if node == "" else as_text(node)),
    accepts({"type": ["string", "number"]}),
]
NamesOrEmpty = Annotated[
    list[TextOrEmpty], Alternative(lambda node, read: read(one_or_many(node)), {"type": "string"})
]
Names = Annotated[
    list[Text], Alternative(lambda node, read: read(one_or_many(node)), {"type": "string"})
]


def frozen(node: object) -> object:
    """Return options as values that hash: lists as tuples, mappings as sorted pairs."""
    if isinstance(node, dict):
        return tuple(sorted((str(key), frozen(value)) for key, value in node.items()))
    if isinstance(node, list):
        return tuple(frozen(item) for item in node)
    return scalar(node) if isinstance(node, str) else node


def fault_if(faults: list[tuple[int, str]]) -> None:
    """Raise Misread if any fault was noted."""
    if faults:
        raise Misread(faults)


def unknown_keys(block: dict[Any, Any], allowed: tuple[str, ...]) -> list[tuple[int, str]]:
    """Return a fault for each key that is not allowed."""
    return [
        (line_of(key), not_a_key(str(key), allowed)) for key in block if str(key) not in allowed
    ]


def not_a_key(key: str, allowed: Iterable[str]) -> str:
    """Return the fault of an unknown key."""
    keys = tuple(allowed)
    return f'"{key}" is not a key here. Allowed: {listed(keys)}.{nearest(key, keys)}'
