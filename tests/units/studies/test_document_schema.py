"""The published schema is current, says what every key is, and agrees with the reader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema
import pytest
import yaml

import fingerpost
from fingerpost.core.errors import Malformed
from fingerpost.studies.document import init, read_study, schema, schema_text
from units.studies.documents import EXAMPLES, LINKED, ROOT, SMALL

PUBLISHED = Path(fingerpost.__file__).parent / "studies" / "schema.json"
MANUAL = ROOT / "docs" / "manual" / "study-language.md"


def properties(node: object, way: str = "") -> Iterator[tuple[str, str, dict]]:
    """Yield (way, key, schema) of every key that a document may hold."""
    if isinstance(node, dict):
        for key, inner in node.get("properties", {}).items():
            yield way, key, inner
        for name, inner in node.items():
            yield from properties(inner, f"{way}/{name}")
    elif isinstance(node, list):
        for inner in node:
            yield from properties(inner, way)


@cache
def checker() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def test_the_published_schema_is_current():
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), (
        "write studies/schema.json again from schema_text()"
    )


def test_every_key_is_described():
    found = list(properties(schema()))
    assert len(found) > 80
    bare = [f"{way}/{key}" for way, key, inner in found if not inner.get("description")]
    assert not bare


def test_every_key_stands_in_the_manual():
    page = MANUAL.read_text(encoding="utf-8")
    absent = sorted({key for _, key, _ in properties(schema()) if f"`{key}`" not in page})
    assert not absent


@pytest.mark.parametrize(
    "text",
    [
        *(path.read_text(encoding="utf-8") for path in EXAMPLES),
        SMALL,
        LINKED,
        init(),
        init("randomised"),
    ],
)
def test_what_the_reader_takes_the_schema_takes(text):
    document = json.loads(json.dumps(yaml.safe_load(text), default=str))
    assert not list(checker().iter_errors(document))


@pytest.mark.parametrize(
    "line",
    [
        "nonsense: 1",
        "release: {policy: public}",
        "estimand: {target: atee}",
        "estimand: {scale: odds}",
        "models: {exposure: [{sqare: age}]}",
        "population: [{column: age, at_leest: 5}]",
        "guard: {refuse: {smdd: 1}}",
        "level: 95",
        "missing: drop",
        "agreement: {}",
    ],
)
def test_what_the_schema_refuses_the_reader_refuses(line):
    text = SMALL + line + "\n"
    assert list(checker().iter_errors(yaml.safe_load(text)))
    with pytest.raises(Malformed):
        read_study("bad.yaml", text=text)


def test_the_manual_has_examples_that_are_read():
    page = MANUAL.read_text(encoding="utf-8")
    blocks = [part.split("```")[0] for part in page.split("```yaml\n")[1:]]
    whole = [block for block in blocks if block.startswith("study:")]
    pieces = [block for block in blocks if not block.startswith("study:")]
    assert len(whole) >= 2 and len(pieces) >= 10
    for block in whole:
        read_study("manual.yaml", text=block)
    for block in pieces:
        keys = {line.split(":")[0] for line in block.splitlines() if line and line[0].isalpha()}
        kept = [old for old in SMALL.splitlines() if old.split(":")[0] not in keys]
        read_study("manual.yaml", text="\n".join(kept) + "\n" + block)
