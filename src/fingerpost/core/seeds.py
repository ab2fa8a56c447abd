"""Named streams of random numbers: the same study and purpose give the same numbers anywhere."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import Generator


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
