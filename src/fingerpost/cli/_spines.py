"""What `--spines` says: through how many linkage spines a study is run, and which."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fingerpost.cli._screen import labelled
from fingerpost.core.errors import Malformed, UsageError

if TYPE_CHECKING:
    from fingerpost.core.study import Study
    from fingerpost.records.store import Store
    from fingerpost.studies.spines import Linking

WEIGHTED = "weighted"
MOST = 1000


def parted(words: str) -> tuple[str, int, bool]:
    """Return the name of the spines, how many, and whether those linked are weighed, of
    `[NAME:]N[:weighted]`; UsageError for other words.

    >>> parted("20"), parted("splink:5:weighted")
    (('', 20, False), ('splink', 5, True))
    """
    parts = words.split(":")
    weighted = len(parts) > 1 and parts[-1] == WEIGHTED
    kept = parts[:-1] if weighted else parts
    number = kept[-1]
    if len(kept) > 2 or not number.isdecimal() or not 1 <= int(number) <= MOST or "" in kept:
        raise UsageError(
            f'--spines: "{words}" is not [NAME:]N[:{WEIGHTED}], N from 1 to {MOST:,}. Examples: '
            f"--spines 20, --spines splink:20, --spines 20:{WEIGHTED}"
        )
    return kept[0] if len(kept) == 2 else "", int(number), weighted


def linking(
    words: str | None,
    store: Store,
    *,
    engine: str,
    study: Study | None = None,
    file: Path | None = None,
) -> Linking | None:
    """Return the spines through which a store is read; None where nothing is to be linked.

    words: None where the user asks for none: then the first spine is read, if there is one, and
    the answers say that it is one. study, file: what asks, and where it is written: of several
    sets the one that was drawn for it is read. Raises UsageError for other words, for records in
    which nothing is to be linked, and for more spines than there are.
    """
    from fingerpost.records.spines import names_of
    from fingerpost.records.through import choose
    from fingerpost.studies.given import asked_of
    from fingerpost.studies.spines import Linking

    folder = Path(store.path)
    if words is None and not (folder.is_dir() and store.needs_spine and names_of(folder)):
        return None
    name, count, weighted = parted(words or "1")
    if not folder.is_dir() or not store.needs_spine:
        raise UsageError(
            f"--spines: the tables of {folder.name} name every child alike, so that nothing is to "
            "be linked. Leave --spines out."
        )
    asked = () if study is None or study.linked is None else asked_of(study)
    found = choose(folder, count=count, name=name, asked=asked, file=file)
    for left in found.left_out:
        words = f"spines/{left} is not whole and was not looked at; {found.name} is read"
        print(labelled("Notice", [words]), file=sys.stderr)
    return Linking(folder, found, engine, weighted)


def through_one(
    store: Store,
    *,
    engine: str,
    study: Study | None = None,
    everyone: tuple[str, ...] | None = None,
) -> Store:
    """Return a store as it is read through the first spine of the set that is usual for a study,
    told on the error stream; the store itself where nothing is to be linked, or no spine is there.
    everyone: as of a store; where given, children whom no spine links stay.
    """
    from fingerpost.records.store import open_store

    found = linking(None, store, engine=engine, study=study)
    if found is None:
        return store
    words = f"hospital records are read through one spine, the first of {found.spines.called}"
    print(labelled("Spine", [words]), file=sys.stderr)
    return open_store(found.folder, engine, spine=found.spines.paths[0], everyone=everyone)


@contextmanager
def by_truth(store: Store, *, engine: str) -> Iterator[Store]:
    """Yield a store of made-up records whose children are linked as they truly are, everyone in it;
    the store itself where nothing is to be linked; through one spine where no truth is kept.
    """
    import pyarrow.parquet as pq

    from fingerpost.england import reveal
    from fingerpost.records.store import open_store

    if not store.needs_spine:
        yield store
        return
    try:
        known = reveal.identity(Path(store.path))
    except Malformed:
        yield through_one(store, engine=engine, everyone=())
        return
    with tempfile.TemporaryDirectory() as aside:
        path = Path(aside) / "identity.parquet"
        pq.write_table(known, path)
        yield open_store(store.path, engine, spine=path, everyone=())
