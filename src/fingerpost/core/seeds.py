"""Named streams of random numbers: the same study and purpose give the same numbers anywhere."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import Generator


LARGEST = 2**63 - 1


def seed_faults(seed: int) -> list[str]:
    """Return what is wrong with a seed of the command line, as a list of one line or none.

    >>> seed_faults(1)
    []
    """
    if 0 <= seed <= LARGEST:
        return []
    side = "below" if seed < 0 else "above"
    return [f"--seed: a seed is a whole number from 0 to {LARGEST}; this one is {side} that."]


def stream(digest: str, purpose: str, *, seed: int = 0) -> Generator:
    """Return the generator of one study (by digest) for one named purpose.

    >>> a, b = stream("abc", "bootstrap"), stream("abc", "bootstrap")
    >>> float(a.random()) == float(b.random())
    True
    >>> float(stream("abc", "placebo").random()) == float(stream("abc", "bootstrap").random())
    False
    """
    import numpy as np

    key = hashlib.sha256(f"{digest}\n{seed}\n{purpose}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key, "big")))
