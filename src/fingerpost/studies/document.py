"""Studies as people write them: read, checked whole, and turned into the frozen Study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fingerpost.core.errors import Malformed, UsageError, listed, nearest
from fingerpost.core.study import Study
from fingerpost.studies.language.access import REQUIRED_ACCESS
from fingerpost.studies.language.checks import check
from fingerpost.studies.language.convert import to_study
from fingerpost.studies.language.faults import FaultList, note
from fingerpost.studies.language.form import REQUIRED, Document
from fingerpost.studies.language.resolve import resolve
from fingerpost.studies.language.rollouts import REQUIRED_ROLLOUT
from fingerpost.studies.language.tree import Block, read_tree
from fingerpost.studies.language.trials import REQUIRED_TRIAL

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"
KINDS = ("observed", "randomised")
PARTED = frozenset({"outcomes", "covariates", "models", "estimand"})


def read_study(path: str | Path, *, text: str | None = None) -> Study:
    """Read a study document and return the frozen Study.

    path: a YAML file in UTF-8; text: its content, where it is already at hand (path is then only
    the name that faults carry). Every fault is found before any is raised. Covariates given as
    `all_but` stay so until `resolve` sees the records' columns.

    Raises Malformed, one line a fault: file, line, key, what was read, what is allowed and the
    nearest match.
    """
    file = str(path)
    tree = parse(file, text if text is not None else read_text(Path(path)))
    faults = FaultList(file, tree)
    document, broken = read_document(tree, faults)
    check(document, to_study(document), broken=broken, faults=faults)
    faults.stop_if_any()
    return to_study(document)


def read_text(path: Path) -> str:
    """Return the text of a file, or say in one line why there is none."""
    if path.is_dir():
        raise Malformed(f"{path}: this is a folder. Name the study's YAML file.")
    if not path.exists():
        raise Malformed(f"{path}: there is no such file. `fingerpost study init` writes one.")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(
            f"{path}: byte {error.start} is not UTF-8. Save the file as UTF-8 text."
        ) from None
    except OSError as error:
        raise Malformed(f"{path}: cannot be read: {error.strerror}.") from None


def parse(file: str, text: str) -> Block:
    """Return the document as a tree with lines."""
    if not text.strip():
        raise Malformed(f"{file}: the file is empty. `fingerpost study init` writes a template.")
    found: list[tuple[int, str]] = []
    tree = read_tree(text, found)
    if found:
        raise Malformed(f"{file}:{line}: {words}" for line, words in sorted(found))
    if not isinstance(tree, Block):
        kind = "a list" if isinstance(tree, list) else "only words or comments"
        raise Malformed(
            f"{file}:1: a study is a mapping (key: value); {kind} was found. It begins with study: "
            "and question:."
        )
    return tree


def read_document(tree: Block, faults: FaultList) -> tuple[Document, set[str]]:
    """Return the document without what could not be read, and the top keys concerned.

    Only the faulty outcome, covariate, model or part of the estimand is left out, so that the rest
    is still checked; other keys are left out whole.
    """
    try:
        return Document.model_validate(tree), set()
    except ValidationError as error:
        ways = note(error, faults, Document)
    broken = {str(way[0]) for way in ways if way}
    try:
        return Document.model_validate(pruned(tree, ways)), broken
    except ValidationError:
        kept = Block({key: value for key, value in tree.items() if key not in broken})
        return Document.model_validate(kept), broken


def pruned(tree: Block, ways: set[tuple[int | str, ...]]) -> Block:
    """Return the document without the parts to which the ways lead."""
    kept = Block(tree)
    for way in ways:
        top, inner = way[0], kept.get(way[0])
        if top in PARTED and isinstance(inner, Block) and len(way) > 1:
            rest = Block({key: value for key, value in inner.items() if key != way[1]})
            rest.line = inner.line
            kept[top] = rest
        else:
            kept.pop(top, None)
    return kept


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a study document."""
    body = Document.model_json_schema(by_alias=True)
    return {
        "$schema": SCHEMA_ID,
        "title": "A fingerpost study",
        **{key: value for key, value in body.items() if key != "title"},
        "anyOf": [
            {"required": list(REQUIRED)},
            {"required": ["kind", *REQUIRED_ACCESS]},
            {"required": list(REQUIRED_ROLLOUT)},
            {"required": list(REQUIRED_TRIAL)},
        ],
    }


def schema_text() -> str:
    """Return the schema as it lies in studies/schema.json."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def init(kind: str = "observed") -> str:
    """Return a commented template of a study: `observed` or `randomised`.

    >>> init("observed").splitlines()[0]
    '# A study: one question, complete before any record is read.'
    """
    if kind not in KINDS:
        raise UsageError(
            f'"{kind}" is not a kind of study. Allowed: {listed(KINDS)}.{nearest(kind, KINDS)}'
        )
    folder = Path(__file__).with_name("templates")
    return (folder / f"{kind}.yaml").read_text(encoding="utf-8")


__all__ = ["init", "read_study", "resolve", "schema", "schema_text"]
