"""What `--spines` says: through how many linkage spines a study is run, and which."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fingerpost.core.errors import UsageError

if TYPE_CHECKING:
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


def linking(words: str | None, store: Store, *, engine: str) -> Linking | None:
    """Return the spines through which a store is read; None where nothing is to be linked.

    words: None where the user asks for none: then the first spine is read, if there is one, and
    the answers say that it is one. Raises UsageError for other words, for records in which nothing
    is to be linked, and for more spines than there are.
    """
    from fingerpost.records.spines import names_of
    from fingerpost.records.through import choose
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
    return Linking(folder, choose(folder, count=count, name=name), engine, weighted)
