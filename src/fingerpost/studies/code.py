"""Digests of the program's own files, as plans and reports tell by what a draw was made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digests_of(files: Iterable[Path]) -> dict[str, str]:
    """Return folder/name of each file → the SHA-256 of its text, whatever ends its lines."""
    return {
        f"{path.parent.name}/{path.name}": hashlib.sha256(
            path.read_text(encoding="utf-8").encode()
        ).hexdigest()
        for path in files
    }
